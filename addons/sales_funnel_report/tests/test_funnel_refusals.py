import json

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import FunnelCase

HUGE = 2**70
DEEP = "[" * 5_000 + "]" * 5_000


@tagged("post_install", "-at_install")
class TestFunnelRefusals(FunnelCase):
    """What nobody means is refused with a sentence, not with an error of the server."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._deals()

    def _assert_refused(self, call, *args, **kwargs):
        with (
            self.subTest(args=str(args)[:80], kwargs=str(kwargs)[:80]),
            self.assertRaises(UserError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            call(*args, **kwargs)

    def test_options_that_are_none(self):
        for options in ("cohort", 5, ["lens"], True, [["lens", "flow"]]):
            for call in (
                self.Lead.get_funnel_report,
                self.Lead.get_funnel_days,
                self.Lead.get_funnel_view,
            ):
                self._assert_refused(call, [], options)

    def test_values_that_are_none(self):
        for options in (
            {"funnel_id": HUGE},
            {"funnel_id": -1},
            {"funnel_id": [1]},
            {"lens": ["flow"]},
            {"rule": {}},
            {"groupby": ["user_id"]},
            {"groupby": "nothing"},
            {"groupby": "user_id:month"},
            {"window_days": HUGE},
            {"as_of": 5},
            {"compare": "before"},
            {7: "flow"},
            {"date_from": "x" * 100_000},
        ):
            self._assert_refused(self.Lead.get_funnel_report, [], options)

    def test_filters_that_are_none(self):
        for domain in (
            "won",
            5,
            [["name", "=", "a\0b"]],
            ["|", ["name", "in", ["a", "\ud800"]], ["name", "=", "b"]],
            [["create_date", ">", "yesterday or so"]],
            [["expected_revenue", ">", "a lot"]],
            [["nothing", "=", 1]],
            [["name", "like"]],
            ["&"],
            {"name": "Deal"},
        ):
            self._assert_refused(self.Lead.get_funnel_report, domain)

    def test_time_zone_that_is_none(self):
        for zone in ("Mars/Olympus", 5, ["UTC"]):
            leads = self.Lead.with_context(tz=zone)
            self._assert_refused(leads.get_funnel_report)

    def test_descriptions_that_are_none(self):
        [step, *_steps] = self.Lead.get_funnel_report()["total"]["steps"]
        [(field, operator, value)] = step["domain"]
        described = json.loads(value)
        self.assertEqual(self.Lead.search_count([(field, operator, value)]), 1)
        for part in (
            {"funnel_id": HUGE},
            {"team_id": "x"},
            {"team_id": HUGE},
            {"removed_stages": ["x"]},
            {"removed_stages": 5},
            {"window_days": HUGE},
            {"window_days": "x"},
            {"owner_id": "x"},
            {"owner_id": HUGE},
            {"owner_id": [HUGE]},
            {"lost_reason_id": "x", "what": "lost"},
            {"lost_reason_id": {}},
            {"step": 5},
            {"what": ["won"]},
            {"what": "\ud800"},
            {"what": "a\0b"},
            {"later_step": {}},
            {"longer_than": "x", "lens": "snapshot", "what": "stuck"},
            {"longer_than": {"stage:1": []}, "lens": "snapshot", "what": "stuck"},
            {"start": "some day"},
            {"as_of": None},
            {"as_of": 5},
            {"more": 1},
            {"lens": "moon"},
        ):
            domain = [(field, "=", json.dumps({**described, **part}))]
            self._assert_refused(self.Lead.search, domain)
        for text in ("", "x", "5", "[]", DEEP, "null", 5, False):
            self._assert_refused(self.Lead.search, [(field, "=", text)])
            self._assert_refused(
                self.Lead.search, [("funnel_beyond_groups", "=", text)]
            )
        for part in ({}, {"groupby": "stage_user_id", "domain": []}, {"groupby": "x"}):
            text = json.dumps({**described, **part})
            self._assert_refused(
                self.Lead.search, [("funnel_beyond_groups", "=", text)]
            )

    def test_questions_that_are_none(self):
        for question in ("x", [], 5, "[]", "null", DEEP, {"options": 5}):
            for model in ("crm.funnel.send", "crm.funnel.subscription"):
                wizards = self.env[model].with_context(funnel_question=question)
                if question:
                    self._assert_refused(wizards.default_get, ["name", "subject"])
        wizard = self.env["crm.funnel.send"].create({"subject": "Funnel"})
        for question in ("x", "[]", "5", DEEP, json.dumps({"domain": 5})):
            wizard.question = question
            wizard.partner_ids = self.user_a.partner_id
            self._assert_refused(wizard.action_send)
        self._assert_refused(self.env["crm.funnel.send"].action_send)
        for values in (
            {"options": "x"},
            {"options": "[1]"},
            {"options": DEEP},
            {"domain": "x"},
            {"domain": "{'name': 'Deal'}"},
            {"domain": "(" * 5_000},
        ):
            self._assert_refused(
                self.env["crm.funnel.subscription"].create, {"name": "Mine", **values}
            )
