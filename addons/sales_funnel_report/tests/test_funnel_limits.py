import json
import tracemalloc
from itertools import product
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from ..models import crm_funnel_count_summary, crm_funnel_report
from .common import FunnelCase

YEAR = {
    "date_from": "2026-01-01",
    "date_to": "2027-01-01",
    "as_of": "2026-12-31 00:00:00",
}
BEFORE = {"date_from": "2025-01-01", "date_to": "2026-01-01"}
LENSES = (
    ("cohort", "beyond"),
    ("cohort", "strict"),
    ("closed", "visited"),
    ("flow", "beyond"),
    ("snapshot", "beyond"),
)
# All of them tell a deal's group; a deal may have several tags.
ONE_GROUP = ("name", "partner_id", "user_id", "create_date:day", "stage_user_id")
MANY_GROUPS = ("tag_ids",)
# The most groups in most of these tests; seven salespeople make more.
FEW = 3


@tagged("post_install", "-at_install")
class TestFunnelLimits(FunnelCase):
    """What a question may cost, and that nothing is lost by it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = "UTC"
        cls.Lead = cls.Lead.with_context(tz="UTC", active_test=False)
        cls.people = cls.env["res.users"].concat(
            *(
                new_test_user(
                    cls.env,
                    f"funnel_limit_{number}",
                    groups="sales_team.group_sale_salesman",
                )
                for number in range(7)
            )
        )
        tags = cls.env["crm.tag"].create([{"name": f"Tag {n}"} for n in range(6)])
        partners = cls.env["res.partner"].create(
            [{"name": f"Customer {number}"} for number in range(6)]
        )
        stages = (cls.stage_new, cls.stage_qualified, cls.stage_proposition)
        number = 0
        # the group number n has n + 1 deals, in this year and the one before
        for year, group in product((2025, 2026), range(6)):
            for turn in range(group + 1):
                number += 1
                day = f"{year}-02-{10 + group:02} 08:00:00"
                with cls.at(day):
                    deal = cls._deals(
                        name=f"Group {group}",
                        partner_id=partners[group].id,
                        user_id=cls.people[group].id,
                        tag_ids=[Command.set((tags[group] | tags[turn]).ids)],
                        expected_revenue=number * 10,
                    )
                with cls.at(f"{year}-03-{1 + number % 25:02} 08:00:00"):
                    deal.write(
                        {
                            "stage_id": stages[number % 3].id,
                            "user_id": cls.people[(group + turn % 2) % 7].id,
                        }
                    )
                with cls.at(f"{year}-04-{1 + number % 25:02} 08:00:00"):
                    if number % 4 == 0:
                        deal.stage_id = cls.stage_won
                    elif number % 4 == 1:
                        deal.action_set_lost(lost_reason_id=cls.lost_reason.id)

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(crm_funnel_report, "MOST_GROUPS", FEW))

    def _ask(self, domain=(), user=None, **options):
        leads = self.Lead.with_user(user) if user else self.Lead
        return leads.get_funnel_report(list(domain), {**YEAR, **options})

    def _find(self, domain):
        return self.Lead.search_count(domain)

    # ------------------------------------------------------------
    # GROUPS
    # ------------------------------------------------------------

    def test_others_make_the_total(self):
        for (lens, rule), groupby in product(LENSES, ONE_GROUP):
            with self.subTest(lens=lens, rule=rule, groupby=groupby):
                report = self._ask(
                    lens=lens, rule=rule, groupby=groupby, compare=BEFORE
                )
                self._assert_makes_the_total(report)

    def _assert_makes_the_total(self, report):
        groups = report["groups"]
        self.assertEqual(len(groups), FEW + 1)
        self.assertEqual(
            [group["value"] == "others" for group in groups], [False] * FEW + [True]
        )
        self.assertEqual(groups[-1]["label"], "Others")
        for step in groups[-1]["series"]["steps"]:
            self.assertNotIn("below_others", step)
        main = "entered" if report["options"]["lens"] == "flow" else "count"
        for total, parts in (
            (report["total"], [group["series"] for group in groups]),
            (report["compare"], [group["compare"] for group in groups]),
        ):
            for name in (main, "amount"):
                for rank, step in enumerate(total["steps"]):
                    self.assertAlmostEqual(
                        step[name], sum(part["steps"][rank][name] for part in parts)
                    )
            if report["options"]["groupby"] != "stage_user_id":
                self.assertEqual(total["size"], sum(part["size"] for part in parts))
        self.assertIn("3 largest groups", " ".join(report["warnings"]))

    def test_the_largest_are_shown(self):
        report = self._ask(groupby="name")
        self.assertEqual(
            [(group["label"], group["series"]["size"]) for group in report["groups"]],
            [("Group 3", 4), ("Group 4", 5), ("Group 5", 6), ("Others", 6)],
        )
        # of the same size, always the same ones
        report = self._ask([("name", "!=", "Group 5")], groupby="create_date:day")
        self.assertEqual(len(report["groups"]), FEW + 1)

    def test_a_group_of_that_name(self):
        """Deals that are named as the value of the others stay a group of their own."""
        with self.at("2026-02-20 08:00:00"):
            self._deals(7, name="others")
        for most in (FEW, 7):
            with patch.object(crm_funnel_report, "MOST_GROUPS", most):
                groups = self._ask(groupby="name")["groups"]
            sizes = {group["label"]: group["series"]["size"] for group in groups}
            self.assertEqual(sizes["others"], 7)
            self.assertEqual(sizes.get("Others"), 10 if most == FEW else None)

    def test_largest_salespeople_are_those_of_the_period(self):
        """Who had many deals at another time takes nobody's place."""
        for lens in ("cohort", "flow"):
            with self.subTest(lens=lens):
                report = self._ask(
                    groupby="stage_user_id",
                    lens=lens,
                    date_from="2026-02-15",
                    date_to="2026-02-16",
                )
                expected = self.people[5:7] if lens == "cohort" else self.people[5]
                self.assertEqual(
                    [group["value"] for group in report["groups"]], expected.ids
                )

    def test_others_open_their_deals(self):
        domain = [("expected_revenue", ">", 220)]
        for (lens, rule), groupby in product(LENSES, ONE_GROUP + MANY_GROUPS):
            with self.subTest(lens=lens, rule=rule, groupby=groupby):
                report = self._ask(
                    domain, lens=lens, rule=rule, groupby=groupby, compare=BEFORE
                )
                others = json.loads(json.dumps(report["groups"][-1]))
                self.assertEqual(others["value"], "others")
                if groupby == "name":
                    shown = {group["label"] for group in report["groups"]}
                    self.assertEqual(
                        set(self.Lead.search(others["domain"]).mapped("name")),
                        set(self.Lead.search(domain).mapped("name")) - shown,
                    )
                for series in filter(None, (others["series"], others["compare"])):
                    if groupby != "stage_user_id":
                        self.assertEqual(
                            self._find(series["domains"]["size"]), series["size"]
                        )
                    for step in series["steps"]:
                        if lens != "flow":
                            self.assertEqual(self._find(step["domain"]), step["count"])
                        for what, of_what in step["domains"].items():
                            if lens != "flow":
                                self.assertEqual(self._find(of_what), step[what])

    def test_months_need_no_look_at_the_deals(self):
        """There are as many as lie between the first and the last, at most."""
        report = self.env["crm.funnel.report"]
        with patch.object(crm_funnel_report, "MOST_GROUPS", 200):
            for spec in ("create_date:month", "create_date:year", "user_id", "type"):
                self.assertFalse(report._may_have_many_groups(spec), spec)
            for spec in ("create_date:day", "name", "partner_id.name"):
                self.assertTrue(report._may_have_many_groups(spec), spec)
        self.assertTrue(report._may_have_many_groups("create_date:month"))

    def test_as_many_as_fit_are_all_shown(self):
        for groupby in ONE_GROUP + MANY_GROUPS:
            with (
                self.subTest(groupby=groupby),
                patch.object(crm_funnel_report, "MOST_GROUPS", 7),
            ):
                report = self._ask(groupby=groupby)
                self.assertNotIn("others", [g["value"] for g in report["groups"]])
                self.assertFalse(
                    report["warnings"] and "largest" in report["warnings"][0]
                )

    def test_two_hundred(self):
        with self.at("2026-05-01 08:00:00"):
            self.Lead.create(
                [
                    {"name": f"Deal {number:03}", "type": "opportunity"}
                    for number in range(230)
                ]
            )
        with patch.object(crm_funnel_report, "MOST_GROUPS", 200):
            report = self.Lead.get_funnel_view([], {**YEAR, "groupby": "name"})[
                "report"
            ]
            self.assertEqual(len(report["groups"]), 201)
            others = report["groups"][-1]
            self.assertEqual(others["series"]["size"], 236 - 200)
            self.assertEqual(self._find(others["series"]["steps"][0]["domain"]), 36)
            self.assertEqual(
                sum(group["series"]["size"] for group in report["groups"]),
                report["total"]["size"],
            )

    def test_files_are_bounded(self):
        """Paper, workbook, picture and mail show the same groups."""
        with patch.object(crm_funnel_report, "MOST_GROUPS", 40):
            with self.at("2026-05-01 08:00:00"):
                self.Lead.create(
                    [
                        {"name": f"Deal {number:03}", "type": "opportunity"}
                        for number in range(60)
                    ]
                )
            document = self.env["crm.funnel.document"]._get_document(
                [], {**YEAR, "groupby": "name"}
            )
            self.assertEqual(len(document["group_table"]["rows"]), 42)
            pictures = self.env["crm.funnel.picture"]
            self.assertNotIn("groups are drawn", pictures._render_svg(document))
            with patch(
                "odoo.addons.sales_funnel_report.models.crm_funnel_picture."
                "MOST_PICTURE_HEIGHT",
                300,
            ):
                picture = pictures._render_svg(document)
            self.assertIn("The first 8 of 41 groups are drawn", picture)

    def test_paths_that_are_all_different(self):
        """Too many to be told to the database: the history is counted instead, to the
        same figures."""
        options = {"groupby": "user_id", "compare": BEFORE}
        for limit in ("MOST_STEP_PLACES", "MOST_ROWS"):
            expected = self._ask(**options)
            with patch.object(crm_funnel_count_summary, limit, 2):
                counted = self._ask(**options)
            self.assertEqual(_rounded(counted), _rounded(expected))

    def test_days_between_many_steps_of_many_paths(self):
        """Nothing is kept for each path and each two of its steps."""
        self.env["crm.stage"].create([{"name": f"Stage {n}"} for n in range(60)])
        counting = type(self.env["crm.funnel.count"])
        read_paths = counting._read_paths

        def read_many_paths(self, question, paths):
            ways = read_paths(self, question, paths)
            way = next(way for way in ways.values() if None not in way.reached[:-1])
            return ways | {f"path {number}": way for number in range(400)}

        expected = self.Lead.get_funnel_days([], YEAR)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with patch.object(counting, "_read_paths", read_many_paths):
            counted = self.Lead.get_funnel_days([], YEAR)
        _now, most = tracemalloc.get_traced_memory()
        self.assertLess(most / 2**20, 30, "MB")
        self.assertEqual(_rounded(counted), _rounded(expected))

    def test_filter_that_is_too_long(self):
        """It stands in the domain of each figure."""
        long = [("name", "not ilike", "x" * 10_000)]
        self.assertTrue(self._ask(long, groupby="name"))
        self.assertTrue(self.Lead.get_funnel_days(long, YEAR))
        with patch.object(crm_funnel_report, "MOST_LETTERS", 100_000):
            with self.assertRaisesRegex(UserError, "without grouping"):
                self._ask(long, groupby="name")
            with self.assertRaisesRegex(UserError, "too long"):
                self.Lead.get_funnel_days([("name", "!=", "x" * 90_000)], YEAR)
            self.assertTrue(self._ask([("name", "!=", "x")], groupby="name"))

    def test_deals_of_too_many_figures(self):
        [domain] = self._ask()["total"]["steps"][0]["domain"]
        [beyond] = self._ask(groupby="name")["groups"][-1]["domain"]
        for field, _operator, value in (domain, beyond):
            same = [(field, "in", [value + " " * n for n in range(10)])]
            self.assertTrue(self._find(same))
            more = [(field, "in", [value + " " * n for n in range(11)])]
            with self.assertRaisesRegex(UserError, "fewer figures"):
                self._find(more)
        nested = json.loads(beyond[2])
        nested["domain"] = [beyond]
        with self.assertRaisesRegex(UserError, "describes no step"):
            self._find([(beyond[0], "=", json.dumps(nested))])

    def test_too_many_steps(self):
        self.env["crm.stage"].create([{"name": f"Stage {n}"} for n in range(300)])
        with self.assertRaisesRegex(UserError, "no more than 200"):
            self._ask()

    def test_most_steps_can_be_asked(self):
        count = self.env["crm.stage"].search_count([("team_ids", "=", False)])
        self.env["crm.stage"].create(
            [
                {"name": f"Stage {n}"}
                for n in range(crm_funnel_report.MOST_STEPS - count)
            ]
        )
        for (lens, rule), groupby in product(LENSES, (None, "stage_user_id")):
            with self.subTest(lens=lens, rule=rule, groupby=groupby):
                report = self._ask(lens=lens, rule=rule, groupby=groupby, window_days=9)
                self.assertEqual(len(report["total"]["steps"]), 200)

    # ------------------------------------------------------------
    # TIME
    # ------------------------------------------------------------

    def test_takes_too_long(self):
        """A filter that the database cannot answer in time."""
        slow = SQL("(SELECT id FROM crm_lead WHERE PG_SLEEP(3) IS NOT NULL)")
        self.env["ir.config_parameter"].set_param(
            "sales_funnel_report.most_seconds", "1"
        )
        limit = SQL("SHOW statement_timeout")
        before = self.env.execute_query(limit)
        for call in (self.Lead.get_funnel_report, self.Lead.get_funnel_days):
            with (
                self.assertRaisesRegex(UserError, "takes too long.*shorter period"),
                mute_logger("odoo.sql_db"),
            ):
                call([("id", "in", slow)], YEAR)
            # what it was is what it is, and the transaction goes on
            self.assertEqual(self.env.execute_query(limit), before)
        for seconds in ("", "no number", "9" * 40, "²"):
            self.env["ir.config_parameter"].set_param(
                "sales_funnel_report.most_seconds", seconds
            )
            self._ask()
        self.assertEqual(self.env.execute_query(limit), before)


def _rounded(value):
    """The same with floats that are sums in another order made equal."""
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value
