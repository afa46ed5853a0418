"""What arrives over the network, in any shape: an answer is a sentence."""

from datetime import date, timedelta

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import SalesFlowCase


@tagged("post_install", "-at_install")
class TestOneRecord(SalesFlowCase):
    """Actions of one record are called on none and on several."""

    def get_cases(self):
        """:return: list of ``(records of Olga's, at least two, names of actions)``"""
        deals = self._leads(2, partner_id=self.user_own.partner_id.id)
        partners = self.env["res.partner"].create([{"name": "A"}, {"name": "B"}])
        orders = self.env["sale.order"].create(
            [{"partner_id": p.id, "user_id": self.user_own.id} for p in partners]
        )
        calls = self.env["crm.phonecall"].create([{"user_id": self.user_own.id}] * 2)
        runs = self.env["partner.tag.run"].create(
            [
                {
                    "name": "Spring",
                    "kind": "deal",
                    "fingerprint": "x",
                    "user_id": self.user_own.id,
                }
            ]
            * 2
        )
        mine = self.env(user=self.user_own)
        finish = mine["crm.phonecall.finish"].create(
            [{"call_id": c.id, "state": "no_answer"} for c in calls]
        )
        hold = mine["crm.lead.hold"].create(
            [
                {"lead_ids": deal.ids, "on_hold_until": "2099-01-01", "note": "x"}
                for deal in deals
            ]
        )
        tags = self.env["res.partner.category"].create({"name": "Tag"})
        tag_actions = mine["partner.tag.action"].create(
            [{"category_ids": tags.ids, "kind": "deal"}] * 2
        )
        lost = mine["crm.lead.lost"].create([{"lead_ids": d.ids} for d in deals])
        cancel = mine["sale.mass.cancel.orders"].create(
            [{"sale_order_ids": o.ids} for o in orders]
        )
        hand_over = self.env(user=self.user_manager)["sales.hand.over"].create(
            [{"user_id": self.user_own.id}] * 2
        )
        of_documents = ("action_view_phonecalls", "action_log_phonecall")
        return [
            (deals, of_documents),
            (orders, of_documents),
            (
                partners,
                (
                    *of_documents,
                    "action_view_quotations",
                    "action_view_confirmed_orders",
                    "action_view_deliveries",
                    "action_view_customer_invoices",
                    "action_view_overdue",
                ),
            ),
            (calls, ("action_finish", "action_no_answer", "action_next_step")),
            (runs, ("action_view_partners", "action_view_deals")),
            (finish, ("action_confirm",)),
            (hold, ("action_apply",)),
            (tag_actions, ("action_continue",)),
            (lost, ("action_lost_reason_apply",)),
            (cancel, ("action_mass_cancel", "action_note_reason")),
            (hand_over, ("action_hand_over",)),
        ]

    def test_none_and_several(self):
        for records, actions in self.get_cases():
            user = records.create_uid if records._transient else self.user_own
            for action in actions:
                for wrong in (records.browse(), records):
                    with (
                        self.subTest(model=records._name, action=action, n=len(wrong)),
                        self._refused("one"),
                    ):
                        getattr(wrong.with_user(user), action)()


@tagged("post_install", "-at_install")
class TestPutOnHold(SalesFlowCase):
    """Over JSON a date is a text."""

    def put(self, *arguments):
        deal = self._leads().with_user(self.user_own)
        deal.action_put_on_hold(*arguments)
        return deal

    def test_day_as_a_text(self):
        until = fields.Date.today() + timedelta(days=30)
        for value in (str(until), f"{until} 10:00:00", until):
            deal = self.put(value, "why")
            self.assertTrue(deal.is_on_hold)
            self.assertEqual(deal.on_hold_until, until)
            self.assertEqual(deal.on_hold_note, "why")

    def test_what_is_no_day(self):
        for value in (
            "",
            "tomorrow",
            "2030-13-01",
            "2030-02-30",
            "20300101",
            False,
            None,
            True,
            20300101,
            1.5,
            [],
            {},
            ["2030-01-01"],
        ):
            with self.subTest(value=value), self._refused("day"):
                self.put(value, "why")

    def test_what_is_no_note(self):
        for value in ({}, [], ["why"], 7, True, "a\x00b"):
            with self.subTest(value=value), self._refused("note"):
                self.put(date(2099, 1, 1), value)

    def test_a_deal_without_a_note(self):
        for value in ("", False, None):
            self.assertFalse(self.put("2099-01-01", value).on_hold_note)

    def test_nothing(self):
        with self.assertRaises(UserError):
            self.env["crm.lead"].action_put_on_hold("2030-13-01", "why")
