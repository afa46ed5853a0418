"""The loan pipeline of a Dutch bank, 13,087 real applications, through the import and
the funnel report (BPI Challenge 2012, DOI 10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f).

The log is no part of the project. ``FUNNEL_SHARED_DATA`` says where it is; by default in
``shared/data`` beside the project.
"""

import base64
import gzip
import os
import time
import unittest
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import split_every

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
LOG = Path(os.environ.get("FUNNEL_SHARED_DATA", BESIDE)) / "bpic2012" / "history.csv.gz"

STAGES = [
    "A_SUBMITTED",
    "A_PARTLYSUBMITTED",
    "A_PREACCEPTED",
    "A_ACCEPTED",
    "A_FINALIZED",
    "O_SENT",
    "O_SENT_BACK",
    "A_APPROVED",
]
END_OF_LOG = "2012-12-31 00:00:00"


@tagged("post_install", "-at_install")
@unittest.skipUnless(LOG.exists(), f"data is not here: {LOG}")
class TestBankLog(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.stage"].search([]).unlink()
        cls.file = base64.b64encode(gzip.decompress(LOG.read_bytes()))
        started = time.monotonic()
        wizard = cls._wizard()
        wizard.action_check()
        cls.checked = wizard.stage_ids.sorted().mapped("name")
        cls.problems = wizard.problems
        cls.counts = (wizard.row_count, wizard.deal_count, wizard.new_deal_count)
        wizard.stage_ids.filtered(lambda s: s.name == "A_APPROVED").is_won = True
        wizard.action_import()
        cls.env.flush_all()
        cls.seconds = time.monotonic() - started
        cls.leads = cls.Lead.with_context(active_test=False).search([])

    @classmethod
    def _wizard(cls):
        return (
            cls.env["crm.lead.stage.history.import"]
            .with_user(cls.user_manager)
            .create(
                {
                    "file": cls.file,
                    "filename": "history.csv",
                    "tz": "UTC",
                    "create_stages": True,
                    "create_deals": True,
                    "create_lost_reasons": True,
                    "skip_salespeople": True,
                }
            )
        )

    def _report(
        self, date_from="2011-09-01", date_to="2012-12-31", tz="UTC", **options
    ):
        leads = self.Lead.with_user(self.user_manager).with_context(tz=tz)
        self.user_manager.tz = tz
        return leads.get_funnel_report(
            [],
            {
                "date_from": date_from,
                "date_to": date_to,
                "as_of": END_OF_LOG,
                **options,
            },
        )["total"]

    def test_import(self):
        self.assertFalse(self.problems)
        self.assertEqual(self.counts, (66841, 0, 13087))
        self.assertEqual(self.checked, STAGES, "in the order first seen")
        self.assertEqual(self.env["crm.stage"].search([]).mapped("name"), STAGES)
        self.assertEqual(len(self.leads), 13087)
        self.assertLess(self.seconds, 120)

    def test_stays(self):
        groups = self.History._read_group(
            [("lead_id", "in", self.leads.ids)],
            ["stage_name"],
            ["__count", "lead_id:count_distinct"],
        )
        stays = {name: counts for name, *counts in groups}
        self.assertEqual(
            [stays[name] for name in STAGES],
            [
                [13087, 13087],
                [13087, 13087],
                [7367, 7367],
                [5113, 5113],
                [5015, 5015],
                [5383, 5015],
                [3454, 3254],
                [2246, 2246],
            ],
        )
        self.assertEqual(set(self.leads.stage_history_ids.mapped("origin")), {"import"})

    def test_deals_are_what_their_history_ends_with(self):
        won = self.leads.grouped("won_status")
        self.assertEqual(
            {status: len(leads) for status, leads in won.items()},
            {"won": 2246, "lost": 10442, "pending": 399},
        )
        before = self._snapshot()
        for leads in split_every(1000, self.leads.ids, self.leads.browse):
            self.History._record(leads)
        self.assertEqual(self._snapshot(), before)

    def test_importing_again_changes_nothing(self):
        before = self._snapshot()
        self.env.cr.execute("SELECT id, xmin FROM crm_lead ORDER BY id")
        leads = self.env.cr.fetchall()
        wizard = self._wizard()
        wizard.action_import()
        self.assertIn("13087 deals as they were", wizard.result)
        self.assertEqual(self._snapshot(), before)
        self.env.cr.execute("SELECT id, xmin FROM crm_lead ORDER BY id")
        self.assertEqual(self.env.cr.fetchall(), leads)

    def test_steps(self):
        total = self._report()
        steps = total["steps"]
        self.assertEqual([step["name"] for step in steps], STAGES)
        self.assertEqual(
            [step["count"] for step in steps],
            [13087, 13087, 7367, 5113, 5015, 5015, 3254, 2246],
        )
        self.assertEqual(
            (total["size"], total["won"], total["lost"], total["open"]),
            (13087, 2246, 10442, 399),
        )
        self.assertEqual(sum(step["lost"] for step in steps), 10442)
        reasons = {}
        for step in steps:
            for reason in step["lost_reasons"]:
                reasons[reason["name"]] = (
                    reasons.get(reason["name"], 0) + reason["count"]
                )
        self.assertEqual(
            reasons,
            {"Declined by the bank": 7635, "Cancelled by the customer": 2807},
        )

    def test_cycle(self):
        cycle = self._report()["cycle_days"]
        self.assertEqual(cycle["n"], 2246)
        self.assertAlmostEqual(cycle["mean"], 16.66, 2)
        self.assertAlmostEqual(cycle["median"], 14.44, 2)
        self.assertAlmostEqual(cycle["p90"], 28.68, 2)

    def test_months_of_start(self):
        for tz, october, november in (
            ("UTC", (2392, 499, 1893), (2944, 460, 2484)),
            ("Europe/Amsterdam", (2393, 500, 1893), (2940, 460, 2480)),
        ):
            for date_from, date_to, expected in (
                ("2011-10-01", "2011-11-01", october),
                ("2011-11-01", "2011-12-01", november),
            ):
                with self.subTest(tz=tz, date_from=date_from):
                    total = self._report(date_from, date_to, tz)
                    self.assertEqual(
                        (total["size"], total["won"], total["lost"]), expected
                    )

    def test_december_at_its_end(self):
        total = self._report(
            "2011-12-01", "2012-01-01", as_of="2011-12-31 23:59:59", horizon_days=30
        )
        self.assertAlmostEqual(total["win_rate"], 0.0864, 4)
        self.assertAlmostEqual(total["win_rate_closed"], 0.1202, 4)
        self.assertAlmostEqual(total["expected_win_rate"], 0.1589, 4)
        self.assertFalse(total["mature"])
        truth = self._report(
            "2011-12-01", "2012-01-01", as_of="2012-03-15 00:00:00", window_days=30
        )
        self.assertAlmostEqual(truth["steps"][-1]["count"] / truth["size"], 0.1572, 4)
