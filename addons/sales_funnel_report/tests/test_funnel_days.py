import json
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.sales_funnel_report.models import crm_funnel_count_summary

from .common import FunnelCase


@tagged("post_install", "-at_install")
class TestFunnelDays(FunnelCase):
    """How long it takes from each step of a funnel to each later one."""

    JANUARY = {
        "date_from": "2026-01-01",
        "date_to": "2026-02-01",
        "as_of": "2026-02-10 00:00:00",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = "UTC"
        cls.Lead = cls.Lead.with_context(tz="UTC")

    def _three_deals(self):
        new, qualified, won = self.stage_new, self.stage_qualified, self.stage_won
        proposition = self.stage_proposition
        lives = {
            "straight": (
                self.user_a,
                [("01", new), ("03", qualified), ("06", proposition), ("10", won)],
            ),
            "jumped": (self.user_b, [("02", new), ("05", proposition), ("08", "lost")]),
            "went back": (
                self.user_b,
                [("03", new), ("04", qualified), ("06", new), ("09", proposition)],
            ),
        }
        return {
            name: self._play(
                [(f"2026-01-{day} 23:30:00", what) for day, what in moves],
                name=name,
                user_id=owner.id,
            )
            for name, (owner, moves) in lives.items()
        }

    def _days(self, domain=None, lead=None, **options):
        answer = (self.Lead if lead is None else lead).get_funnel_days(
            domain, {**self.JANUARY, **options}
        )
        # plain JSON it is
        return json.loads(json.dumps(answer))

    def _figures(self, answer, *names):
        return [
            [[cell[name] for name in names] for cell in row["days"]]
            for row in answer["rows"]
        ]

    def _assert_drill_down(self, answer, lead=None):
        """Each cell's domain finds as many deals as it counts."""
        leads = (self.Lead if lead is None else lead).with_context(active_test=False)
        for row in answer["rows"]:
            for cell in row["days"]:
                self.assertEqual(
                    leads.search_count(cell["domain"]),
                    cell["n"],
                    (row["name"], cell["name"]),
                )

    def test_from_each_step_to_each_later_one(self):
        deals = self._three_deals()
        answer = self._days()
        self.assertEqual(
            [
                [row["name"], *(cell["name"] for cell in row["days"])]
                for row in answer["rows"]
            ],
            [
                ["New", "Qualified", "Proposition", "Won"],
                ["Qualified", "Proposition", "Won"],
                ["Proposition", "Won"],
            ],
        )
        self.assertEqual(
            self._figures(answer, "n", "median", "mean"),
            [
                # 2, 3 and 1 days; 5, 3 and 6 days
                [[3, 2, 2], [3, 5, 14 / 3], [1, 9, 9]],
                # who jumped over Qualified counts in it since Proposition
                [[3, 3, 8 / 3], [1, 7, 7]],
                [[1, 4, 4]],
            ],
        )
        self.assertAlmostEqual(answer["rows"][0]["days"][1]["p90"], 5.8)
        self._assert_drill_down(answer)
        to_won = answer["rows"][0]["days"][2]["domain"]
        found = self.Lead.with_context(active_test=False).search(to_won)
        self.assertEqual(found, deals["straight"])

    def test_the_next_step_is_that_of_the_report(self):
        self._three_deals()
        for lens in ("cohort", "closed"):
            for rule in ("beyond", "visited", "strict"):
                for window_days in (None, 4):
                    options = {
                        **self.JANUARY,
                        "lens": lens,
                        "rule": rule,
                        "window_days": window_days,
                    }
                    answer = self.Lead.get_funnel_days([], options)
                    steps = self.Lead.get_funnel_report([], options)["total"]["steps"]
                    with self.subTest(**options):
                        for row, step in zip(answer["rows"], steps[:-1], strict=True):
                            for name, figure in step["days_to_next"].items():
                                actual = row["days"][0][name]
                                self.assertAlmostEqual(actual or 0, figure or 0)
                        self._assert_drill_down(answer)

    def test_many_paths_are_counted_deal_by_deal(self):
        self._three_deals()
        for options in ({}, {"rule": "visited"}, {"lens": "closed"}):
            answer = self._days(**options)
            with patch.object(crm_funnel_count_summary, "MOST_PLACES", 0):
                self.assertEqual(self._days(**options), answer)

    def test_a_step_that_is_no_more_finds_no_deals(self):
        self._three_deals()
        leads = self.Lead.with_context(active_test=False)
        for options in ({}, {"window_days": 30}):
            [(path, operator, value)] = self._days(**options)["rows"][0]["days"][0][
                "domain"
            ]
            for key in ("step", "later_step"):
                described = {**json.loads(value), key: "stage:0"}
                domain = [(path, operator, json.dumps(described))]
                self.assertEqual(leads.search_count(domain), 0)

    def test_as_of(self):
        self._three_deals()
        answer = self._days(as_of="2026-01-06 00:00:00")
        self.assertEqual(
            self._figures(answer, "n", "median"),
            [[[3, 2], [1, 3], [0, None]], [[1, 0], [0, None]], [[0, None]]],
        )
        self._assert_drill_down(answer)

    def test_days_of_the_user(self):
        """What came in on January 3 at 23:30 UTC came in on January 4 in Auckland."""
        self._three_deals()
        options = {"date_from": "2026-01-04", "date_to": "2026-01-05"}
        self.assertEqual(self._days(**options)["rows"][0]["days"][0]["n"], 0)
        auckland = self.Lead.with_context(tz="Pacific/Auckland")
        answer = self._days(lead=auckland, **options)
        self.assertEqual(answer["rows"][0]["days"][0]["n"], 1)
        self._assert_drill_down(answer, auckland)

    def test_salespeople_see_their_own(self):
        self._three_deals()
        expected = {self.user_a: 1, self.user_b: 2, self.user_all: 3}
        for user, count in expected.items():
            own = self.Lead.with_user(user)
            answer = self._days(lead=own)
            self.assertEqual(answer["rows"][0]["days"][1]["n"], count, user.name)
            self._assert_drill_down(answer, own)
        portal = new_test_user(self.env, login="days_p", groups="base.group_portal")
        with self.assertRaises(AccessError):
            self._days(lead=self.Lead.with_user(portal))

    def test_filter(self):
        self._three_deals()
        answer = self._days([("user_id", "=", self.user_b.id)])
        self.assertEqual(answer["rows"][0]["days"][1]["n"], 2)
        self._assert_drill_down(answer)

    def test_milestones(self):
        funnel = self.env.ref("sales_funnel_report.crm_funnel_lead_to_cash")
        with self.at("2026-01-01 09:00:00"):
            called, silent = self._deals(2, type="lead")
        called.write(
            {
                "date_first_call": "2026-01-02 09:00:00",
                "date_quotation_sent": "2026-01-05 09:00:00",
                "date_ordered": "2026-01-09 09:00:00",
                "date_invoiced": "2026-01-10",
                "date_paid": "2026-02-01",
                # a service: nothing to deliver
                "delivery_progress": "none",
            }
        )
        silent.date_quotation_sent = "2026-01-03 09:00:00"
        options = {"funnel_id": funnel.id, "rule": "visited"}
        answer = self._days(**options)
        medians = {
            (row["key"].partition(":")[2], cell["key"].partition(":")[2]): (
                cell["n"],
                cell["median"],
            )
            for row in answer["rows"]
            for cell in row["days"]
        }
        self.assertEqual(len(medians), 9 * 8 / 2)
        # an invoice and a payment are known by their day, and are of its noon
        self.assertEqual(medians["first_call", "paid"], (1, 30.125))
        self.assertEqual(medians["created", "quotation_sent"], (2, 3))
        self.assertEqual(medians["ordered", "delivered"], (0, None))
        self._assert_drill_down(answer)
        # under the other rule the delivery that is not needed is passed
        answer = self._days(funnel_id=funnel.id)
        self.assertEqual(answer["rows"][5]["days"][0]["n"], 1)
        self._assert_drill_down(answer)

    def test_what_passed_or_is_open_has_no_days_between(self):
        for lens in ("flow", "snapshot"):
            with self.assertRaisesRegex(UserError, "of whole deals"):
                self._days(lens=lens)

    def test_a_mistake_is_named(self):
        with self.assertRaisesRegex(UserError, "colour"):
            self._days(colour="red")
        with self.assertRaisesRegex(UserError, "filter is not valid"):
            self._days([("name", "?", 1)])

    def test_groups_and_comparison_change_nothing(self):
        self._three_deals()
        compare = {"date_from": "2025-12-01", "date_to": "2026-01-01"}
        answer = self._days(groupby="user_id", compare=compare)
        self.assertEqual(answer["rows"], self._days()["rows"])

    def test_a_funnel_of_one_step_has_no_days(self):
        funnel = self.env["crm.funnel"].create(
            {
                "name": "One",
                "step_ids": [
                    (0, 0, {"name": "New", "stage_ids": self.stage_new.ids}),
                ],
            }
        )
        self.assertEqual(self._days(funnel_id=funnel.id)["rows"], [])

    def test_one_question_to_the_database(self):
        deals = self._three_deals()
        self._days()
        self.env.flush_all()
        # four of them bound the time that it may take
        with self.assertQueryCount(14):
            self._days()
        self.env.flush_all()
        more = self.Lead.browse([deal.copy().id for deal in [*deals.values()] * 3])
        self.env.flush_all()
        self._days()
        self.assertEqual(len(more), 9)
        with self.assertQueryCount(14):
            self._days()
