from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tests import tagged

from ..models.crm_funnel_count_summary import CrmFunnelCount
from .common import FunnelCase


class SummaryCase(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Summary = cls.env["crm.lead.stage.summary"]

    def _path(self, lead):
        """The path of a deal, with the names of the stages for their numbers."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT path FROM crm_lead_stage_summary WHERE id = %s", [lead.id]
        )
        [path] = self.env.cr.fetchone()
        for stage in self.env["crm.stage"].search([], order="id desc"):
            path = path.replace(str(stage.id), stage.name)
        return path


@tagged("post_install", "-at_install")
class TestStageSummary(SummaryCase):
    """Each test of the history checks that the summary says the same. Here is what
    they leave out."""

    def test_path(self):
        lead = self._play(
            [
                ("2026-01-01 09:00:00", self.stage_new),
                ("2026-01-03 09:00:00", self.stage_qualified),
                ("2026-01-03 09:00:00", self.stage_proposition),
                ("2026-01-08 09:00:00", "archived"),
                ("2026-01-09 09:00:00", "restored"),
                ("2026-01-10 09:00:00", "lost"),
            ]
        )
        self.assertEqual(self._path(lead), ",New,Qualified;Propositionh,Propositionl")
        self.env.cr.execute(
            """SELECT start, ended_at, outcome, offsets FROM crm_lead_stage_summary
                WHERE id = %s""",
            [lead.id],
        )
        day = 86400
        self.assertEqual(
            self.env.cr.fetchone(),
            (
                datetime(2026, 1, 1, 9),
                datetime(2026, 1, 10, 9),
                "lost",
                [0, 2 * day, 2 * day, 7 * day, 8 * day, 9 * day],
            ),
        )

    def test_what_the_deal_itself_knows(self):
        lead = self._deals(type="lead")
        for vals in (
            {"user_id": self.user_b.id},
            {"team_id": False},
            {"type": "opportunity"},
            {"company_id": self.env.company.id},
            {"user_id": False, "stage_id": self.stage_qualified.id},
        ):
            for context in ({}, {"tracking_disable": True}):
                lead.with_context(**context).write(vals)
                self.env.flush_all()
                self.assertFalse(any(self.Summary._check().values()), vals)

    def test_goes_with_its_deal(self):
        leads = self._deals(3)
        leads[0].unlink()
        self.env.flush_all()
        self.assertEqual(self.Summary.search_count([("id", "in", leads.ids)]), 2)

    def test_check_and_repair(self):
        leads = self._deals(6)
        self.env.flush_all()
        for query, lead in (
            ("DELETE FROM crm_lead_stage_summary WHERE id = %s", leads[0]),
            ("DELETE FROM crm_lead_stage_history WHERE lead_id = %s", leads[1]),
            ("UPDATE crm_lead_stage_summary SET path = ',1' WHERE id = %s", leads[2]),
            (
                "UPDATE crm_lead_stage_summary SET offsets = '{7}' WHERE id = %s",
                leads[3],
            ),
            (
                "UPDATE crm_lead_stage_summary SET user_id = NULL WHERE id = %s",
                leads[4],
            ),
        ):
            self.env.cr.execute(query, [lead.id])
        found = {"missing": 1, "left_over": 1, "different": 2, "outdated": 1}
        self.assertEqual(self.Summary._check(), found)
        self.assertEqual(self.Summary._check(), found, "to look repairs nothing")
        action = self.env.ref("sales_funnel_report.crm_lead_stage_summary_action_check")
        with self.assertRaises(AccessError):
            action.with_user(self.user_all).run()
        told = action.with_user(self.user_manager).run()
        self.assertEqual(told["params"]["type"], "warning")
        self.assertIn("2 were not as their history has it", told["params"]["message"])
        self.assertFalse(any(self.Summary._check().values()))
        told = action.with_user(self.user_manager).run()
        self.assertEqual(told["params"]["type"], "success")

    def test_nobody_reads_it(self):
        self._deals()
        with self.assertRaises(AccessError):
            self.Summary.with_user(self.user_manager).search([])

    def test_is_filled_where_there_is_none(self):
        self._deals(2)
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM crm_lead_stage_summary")
        self.Summary._fill()
        self.assertFalse(any(self.Summary._check().values()))


@tagged("post_install", "-at_install")
class TestCountSummary(SummaryCase):
    """The same is counted from the summary as from the history."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        start = datetime(2026, 1, 1, 9)
        stages = [cls.stage_new, cls.stage_qualified, cls.stage_proposition]
        for number in range(24):
            lead = cls.Lead
            with cls.at(start + timedelta(days=number % 7, seconds=number)):
                lead = cls._deals(
                    expected_revenue=100.1 * number,
                    stage_id=stages[number % 3].id,
                    user_id=(cls.user_a if number % 2 else cls.user_b).id,
                )
            for step in range(1, number % 5 + 1):
                stage = [*stages, cls.stage_won][(number * step) % 4]
                with cls.at(start + timedelta(days=8 + step, hours=number)):
                    lead.stage_id = stage
            with cls.at(start + timedelta(days=20, hours=number)):
                if number % 3 == 0:
                    lead.write({"active": False, "probability": 0})
                elif number % 7 == 0:
                    lead.action_archive()
        cls.env.flush_all()

    def _count_both(self, groupby=None, user=None, domain=(), **asked):
        """The report counted from the summary, and counted from the history."""
        leads = self.Lead.with_user(user or self.user_all).with_context(tz="UTC")
        options = {
            "date_from": "2026-01-01",
            "date_to": "2026-02-01",
            "as_of": "2026-03-01 00:00:00",
            "horizon_days": 15,
            "groupby": groupby,
            **asked,
        }
        fast = leads.get_funnel_report(list(domain), options)
        with patch.object(CrmFunnelCount, "_can_use_summary", lambda *_args: False):
            slow = leads.get_funnel_report(list(domain), options)
        return fast, slow

    def _assert_same(self, fast, slow, path=""):
        if isinstance(fast, dict):
            self.assertEqual(fast.keys(), slow.keys(), path)
            for key in fast:
                self._assert_same(fast[key], slow[key], f"{path}.{key}")
        elif isinstance(fast, list):
            self.assertEqual(len(fast), len(slow), path)
            for number, (one, other) in enumerate(zip(fast, slow, strict=True)):
                self._assert_same(one, other, f"{path}.{number}")
        elif isinstance(fast, float):
            self.assertAlmostEqual(fast, slow, 8, path)
        else:
            self.assertEqual(fast, slow, path)

    def test_same_as_the_history(self):
        for asked in (
            {},
            {"rule": "visited"},
            {"rule": "strict"},
            {"lens": "closed"},
            {"groupby": "user_id"},
            {"groupby": "stage_id"},
            {"groupby": "create_date:week"},
            {"domain": [("user_id", "=", self.user_a.id)]},
            {"domain": [("expected_revenue", ">", 500)]},
            {"user": self.user_a},
            {"as_of": "2026-01-12 10:00:00"},
            {"as_of": "2026-01-21 12:00:00", "rule": "strict"},
            {"as_of": "2026-01-21 12:00:00", "lens": "closed", "groupby": "user_id"},
            {"as_of": "2026-01-10 09:00:00", "groupby": "user_id"},
            {"horizon_days": None},
            {"lens": "snapshot", "as_of": "2026-01-12 10:00:00"},
        ):
            with self.subTest(**asked):
                fast, slow = self._count_both(**asked)
                self.assertTrue(fast["total"]["size"])
                self._assert_same(fast, slow)

    def test_same_in_another_currency(self):
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": euro.id, "name": "2026-01-11", "rate": 1.7}
        )
        self.env["res.company"].create({"name": "Elsewhere", "currency_id": euro.id})
        half = self.Lead.with_context(active_test=False).search([], limit=12)
        self.env.cr.execute(
            "UPDATE crm_lead_stage_history SET currency_id = %s WHERE lead_id IN %s",
            [euro.id, half._ids],
        )
        self.Summary._check(repair=True)
        for as_of in ("2026-01-12 10:00:00", "2026-03-01 00:00:00"):
            self._assert_same(*self._count_both(as_of=as_of))

    def test_counts_only(self):
        leads = self.Lead.with_user(self.user_all)
        options = {"date_from": "2026-01-01", "date_to": "2026-02-01"}
        whole = leads.get_funnel_report([], options)["total"]
        counts = leads.get_funnel_report([], {**options, "counts_only": True})["total"]
        for key in ("size", "won", "lost", "amount", "won_amount"):
            self.assertEqual(counts[key], whole[key])
        for step, whole_step in zip(counts["steps"], whole["steps"], strict=True):
            self.assertEqual(step["count"], whole_step["count"])
            self.assertEqual(step["lost_reasons"], whole_step["lost_reasons"])
            self.assertIsNone(step["days_to_next"]["median"])
        self.assertIsNone(counts["expected_win_rate"])

    def test_counts_only_of_groups(self):
        """All deals are counted along with the groups, also when there are none."""
        compare = {"date_from": "2025-12-01", "date_to": "2026-01-10"}
        for groupby in ("user_id", "team_id", "stage_id"):
            for date_from in ("2026-01-01", "2024-01-01"):
                asked = {"date_from": date_from, "date_to": f"{date_from[:4]}-02-01"}
                options = {
                    **asked,
                    "groupby": groupby,
                    "compare": compare,
                    # of both answers, so that the domains are the same
                    "as_of": "2026-11-01 00:00:00",
                }
                leads = self.Lead.with_user(self.user_all)
                whole = leads.get_funnel_report([], options)
                counts = leads.get_funnel_report([], {**options, "counts_only": True})
                groups = zip(counts["groups"], whole["groups"], strict=True)
                both = [
                    (counts["total"], whole["total"]),
                    (counts["compare"], whole["compare"]),
                    *((one["series"], other["series"]) for one, other in groups),
                ]
                for one, other in both:
                    for key in ("size", "won", "lost", "amount", "won_amount"):
                        self.assertEqual(one[key], other[key])
                    for step, whole_step in zip(
                        one["steps"], other["steps"], strict=True
                    ):
                        for key in ("count", "lost_reasons", "below_others"):
                            self.assertEqual(step.get(key), whole_step.get(key))
                self.assertTrue(counts["compare"]["size"])
                self.assertEqual(bool(counts["total"]["size"]), date_from > "2025")

    def test_no_deal_is_looked_at(self):
        """What the summary knows is asked of the summary alone."""
        count = self.env["crm.funnel.count"].with_user(self.user_a)
        for domain, is_alone in (
            (Domain.TRUE, True),
            (Domain("user_id", "=", self.user_a.id), True),
            (~Domain("team_id.name", "ilike", "direct"), True),
            (Domain("user_id", "!=", False) | Domain("name", "=", "x"), False),
            (Domain.custom(to_sql=lambda model, alias, query: None), False),
        ):
            self.assertEqual(count._is_known_to_summary(domain), is_alone, domain)
