"""The loan pipeline of a Dutch bank, 13,087 real applications, through the import and
the funnel report (BPI Challenge 2012, DOI 10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f).

The log is no part of the project. ``FUNNEL_SHARED_DATA`` says where it is; by default in
``shared/data`` beside the project.
"""

import base64
import csv
import gzip
import io
import os
import time
import unittest
import warnings
from datetime import datetime, timezone
from functools import cached_property
from itertools import groupby
from pathlib import Path

import funnel_reference as reference
from funnel_comparison import ComparisonMixin
from funnel_reference import Deal, Event, Stage

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
WON, LOST = STAGES[-1], "lost"
END_OF_LOG = "2012-12-31 00:00:00"
# after the last event
LAST_MOMENT = "2012-03-14 14:51:00"
RULES = ("beyond", "visited", "strict")


@tagged("post_install", "-at_install")
@unittest.skipUnless(LOG.exists(), f"data is not here: {LOG}")
class TestBankLog(ComparisonMixin, FunnelCase):
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

    def _column(self, series, name):
        return [step[name] for step in series["steps"]]

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

    def test_rules_say_the_same_of_a_pipeline_without_jumps(self):
        for rule in RULES:
            with self.subTest(rule=rule):
                total = self._report(rule=rule)
                self.assertEqual(
                    self._column(total, "count"),
                    [13087, 13087, 7367, 5113, 5015, 5015, 3254, 2246],
                )
                self.assertEqual(total["lost"], 10442)
                self.assertEqual(sum(self._column(total, "lost")), 10442)
                self.assertEqual(sum(self._column(total, "open")), 399)

    def test_closed(self):
        for rule in RULES:
            with self.subTest(rule=rule):
                total = self._report(lens="closed", rule=rule)
                self.assertEqual(
                    [total[name] for name in ("size", "won", "lost", "open")],
                    [12688, 2246, 10442, 0],
                )
                self.assertEqual(total["cycle_days"]["n"], 2246)
                self.assertAlmostEqual(total["cycle_days"]["mean"], 16.66, 2)
                reasons = [
                    (reason["name"], reason["count"])
                    for step in total["steps"]
                    for reason in step["lost_reasons"]
                ]
                for name, count in (
                    ("Declined by the bank", 7635),
                    ("Cancelled by the customer", 2807),
                ):
                    self.assertEqual(sum(n for of, n in reasons if of == name), count)

    def test_flow(self):
        steps = self._report(lens="flow")["steps"]
        self.assertEqual(
            [step["entered"] for step in steps],
            [13087, 13087, 7367, 5113, 5015, 5383, 3454, 2246],
        )
        self.assertEqual(sum(step["moved_back"] for step in steps), 368)
        self.assertEqual(sum(step["lost"] for step in steps), 10442)
        self.assertEqual(sum(step["still_here"] for step in steps), 399 + 2246)

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

    # ------------------------------------------------------------
    # THE SAME LOG ANSWERED BY THE SLOW REFERENCE, PM4PY AND LIFELINES
    # ------------------------------------------------------------

    @cached_property
    def deals(self):
        stages = [Stage(won=name == WON) for name in STAGES]
        rows = csv.DictReader(io.StringIO(base64.b64decode(self.file).decode()))
        deals = []
        for number, (_deal, chain) in enumerate(groupby(rows, lambda r: r["deal"])):
            events, stage = [], None
            for row in chain:
                moment = datetime.fromisoformat(row["date_entered"])
                if row["stage"]:
                    stage = STAGES.index(row["stage"])
                events.append(
                    Event(
                        moment.astimezone(timezone.utc).replace(
                            tzinfo=None, microsecond=0
                        ),
                        row["outcome"] or "moved",
                        stage,
                        float(row["amount"]),
                        reason=row["lost_reason"] or None,
                    )
                )
            deals.append(Deal(number, reference.stays_of(events, stages)))
        self.stages = stages
        self.funnel = [{rank} for rank in range(len(stages))]
        return deals

    @cached_property
    def log(self):
        """The log as pm4py takes it: a loss is an event, a repeated stage is none."""
        import pandas  # noqa: PLC0415 - it takes seconds, and is for this log only

        log = pandas.read_csv(
            io.BytesIO(base64.b64decode(self.file)), dtype={"deal": str}
        )
        log["concept:name"] = log["stage"].fillna(log["outcome"])
        log["case:concept:name"] = log["deal"]
        log["time:timestamp"] = pandas.to_datetime(
            log["date_entered"], utc=True, format="ISO8601"
        ).dt.floor("s")
        before = log.groupby("deal")["concept:name"].shift()
        return log[log["concept:name"] != before].copy()

    @cached_property
    def pm4py(self):
        import pm4py  # noqa: PLC0415 - it takes seconds, and is for this log only

        return pm4py

    # ------------------------------------------------------------
    # THE SLOW REFERENCE
    # ------------------------------------------------------------

    def test_reference(self):
        self.assertEqual(len(self.deals), 13087)
        month = ("2011-12-01", "2012-01-01")
        # days in Amsterdam, an hour before those of UTC
        start, end = datetime(2011, 11, 30, 23), datetime(2011, 12, 31, 23)
        for as_of, window_days in (("2012-01-20 12:00:00", 15), (END_OF_LOG, None)):
            moment = datetime.fromisoformat(as_of)
            options = {"as_of": as_of, "window_days": window_days}
            for lens, find in (
                ("cohort", reference.came_in),
                ("closed", reference.ended),
            ):
                lives = find(self.deals, self.stages, start, end, moment, window_days)
                for rule in RULES:
                    expected = reference.series(lives, self.funnel, rule, moment, None)
                    for name in ("expected_win_rate", "mature"):
                        del expected[name]
                    actual = self._report(
                        *month, "Europe/Amsterdam", lens=lens, rule=rule, **options
                    )
                    self._assert_same(actual, expected, f"{as_of} {lens} {rule}")
            actual = self._report(*month, "Europe/Amsterdam", lens="flow", as_of=as_of)
            expected = reference.flow(self.deals, self.funnel, start, end, moment)
            self._assert_same(actual, expected, f"{as_of} flow")
            actual = self._report(lens="snapshot", as_of=as_of)
            expected = reference.snapshot(self.deals, self.stages, self.funnel, moment)
            self._assert_same(actual, expected, f"{as_of} snapshot")

    def _assert_found(self, domain, numbers, message):
        if "domains" in message or "lost_reasons" in message:
            # random lives are searched for these, and faster
            return
        leads = self.Lead.with_user(self.user_manager).with_context(active_test=False)
        self.assertEqual(leads.search_count(domain), len(numbers), message)

    def _reason_key(self, reason):
        return reason["name"]

    # ------------------------------------------------------------
    # PM4PY
    # ------------------------------------------------------------

    def test_what_follows_what(self):
        follows, _starts, ends = self.pm4py.discover_dfg(self.log)
        entered = self._count_activities(self.log)
        steps = self._report(lens="flow", as_of=LAST_MOMENT)["steps"]
        for rank, (name, step) in enumerate(zip(STAGES, steps, strict=True)):
            expected = {
                "entered": entered[name],
                "advanced": sum(
                    follows.get((name, later), 0) for later in STAGES[rank + 1 :]
                ),
                "moved_back": sum(
                    follows.get((name, earlier), 0) for earlier in STAGES[:rank]
                ),
                "handed_off": 0,
                "lost": follows.get((name, LOST), 0),
                "on_hold": 0,
                "still_here": ends.get(name, 0),
            }
            self.assertEqual({key: step[key] for key in expected}, expected, name)

    def _count_activities(self, log, **options):
        return self.pm4py.get_event_attribute_values(log, "concept:name", **options)

    def test_a_month_of_flow(self):
        log = self.pm4py.filter_time_range(
            self.log, "2012-01-01 00:00:00", "2012-01-31 23:59:59", mode="events"
        )
        entered = self._count_activities(log)
        steps = self._report("2012-01-01", "2012-02-01", lens="flow")["steps"]
        self.assertEqual(
            [step["entered"] for step in steps], [entered[name] for name in STAGES]
        )

    def test_how_many_come_by(self):
        ended = self.pm4py.filter_end_activities(self.log, [WON, LOST])
        for lens, log in (("cohort", self.log), ("closed", ended)):
            once = self._count_activities(log, count_once_per_case=True)
            self.assertEqual(
                self._column(self._report(lens=lens, rule="visited"), "count"),
                [once[name] for name in STAGES],
            )

    def test_how_long_it_takes(self):
        won = self.pm4py.filter_end_activities(self.log, [WON])
        days = [seconds / 86400 for seconds in self.pm4py.get_all_case_durations(won)]
        total = self._report()
        self._assert_same(total["cycle_days"], reference.durations(days), "cycle")
        performance, _starts, _ends = self.pm4py.discover_performance_dfg(self.log)
        # where a deal can come from one stage only, and comes by once
        for rank in range(5):
            expected = performance[STAGES[rank], STAGES[rank + 1]]
            actual = total["steps"][rank]["days_to_next"]
            for name in ("mean", "median"):
                self.assertAlmostEqual(actual[name], expected[name] / 86400, 9)
        flow = self._report(lens="flow", as_of=LAST_MOMENT)["steps"]
        for name, step in zip(STAGES, flow, strict=True):
            seconds = sum(
                figures["sum"]
                for (activity, _next), figures in performance.items()
                if activity == name
            )
            days = step["days_in_stay"]
            self.assertEqual(days["n"], step["entered"] - step["still_here"])
            if days["n"]:
                self.assertAlmostEqual(days["mean"], seconds / days["n"] / 86400, 9)

    # ------------------------------------------------------------
    # LIFELINES
    # ------------------------------------------------------------

    def test_what_is_to_be_expected(self):
        """Aalen and Johansen, at several horizons, of young deals and of old ones."""
        for period, as_of in (
            (("2011-12-01", "2012-01-01"), "2011-12-31 23:59:59"),
            (("2011-11-01", "2011-12-01"), "2011-12-10 12:00:00"),
            (("2011-09-01", "2012-12-31"), LAST_MOMENT),
        ):
            days, outcomes = self._lives(*period, as_of)
            expected = self._fit("AalenJohansenFitter", days, outcomes)
            for horizon in (1, 5, 10, 20, 30, 60, 120):
                with self.subTest(period=period, horizon=horizon):
                    actual = self._report(*period, as_of=as_of, horizon_days=horizon)
                    self.assertAlmostEqual(
                        actual["expected_win_rate"],
                        expected[expected.index <= horizon].iloc[-1],
                        7,
                    )

    def test_lost_deals_are_no_undecided_deals(self):
        """Kaplan and Meier, asked as if a lost deal could still be won."""
        days, outcomes = self._lives("2011-09-01", "2012-12-31", LAST_MOMENT)
        wrong = self._fit("KaplanMeierFitter", days, [o == 1 for o in outcomes])
        self.assertAlmostEqual(1 - wrong.iloc[-1], 0.89, 2)
        total = self._report(as_of=LAST_MOMENT, horizon_days=120)
        self.assertAlmostEqual(total["win_rate"], 0.17, 2)
        # some of the 399 that are open are expected to be won
        self.assertGreater(total["expected_win_rate"], total["win_rate"])
        self.assertLess(total["expected_win_rate"], 0.18)

    def _lives(self, date_from, date_to, as_of):
        """Days and outcomes (1 won, 2 lost, 0 undecided) out of the log itself."""
        import pandas  # noqa: PLC0415 - it takes seconds, and is for this log only

        as_of = pandas.Timestamp(as_of, tz="UTC")
        chains = self.log[self.log["time:timestamp"] <= as_of].groupby("deal")
        moments = chains["time:timestamp"]
        started, last = moments.min(), moments.last()
        outcomes = chains["concept:name"].last().map({WON: 1, LOST: 2}).fillna(0)
        ended = last.where(outcomes > 0, as_of)
        asked = (started >= pandas.Timestamp(date_from, tz="UTC")) & (
            started < pandas.Timestamp(date_to, tz="UTC")
        )
        days = (ended - started).dt.total_seconds() / 86400
        return days[asked], outcomes[asked].astype(int)

    def _fit(self, name, days, outcomes):
        """:return: the curve, by days"""
        import lifelines  # noqa: PLC0415 - it takes seconds, and is for this log only

        if name == "KaplanMeierFitter":
            fitter = lifelines.KaplanMeierFitter().fit(days, outcomes)
            return fitter.survival_function_.iloc[:, 0]
        fitter = lifelines.AalenJohansenFitter(
            calculate_variance=False, jitter_level=1e-7, seed=1
        )
        with warnings.catch_warnings():
            # it says that it moves deals apart which ended after the same time
            warnings.simplefilter("ignore")
            fitter.fit(days, outcomes, event_of_interest=1)
        return fitter.cumulative_density_.iloc[:, 0]
