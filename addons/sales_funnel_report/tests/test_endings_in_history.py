from datetime import date

from odoo import Command
from odoo.tests import tagged

from .common import FunnelCase


@tagged("post_install", "-at_install")
class TestEndingsInHistory(FunnelCase):
    """How a deal ends or waits on the screens, as the history has it."""

    START = "2026-03-02 09:00:00"
    LATER = "2026-03-05 09:00:00"
    DAY = date(2026, 3, 20)

    def _hold(self, leads, until=DAY):
        self.env["crm.lead.hold"].create(
            {
                "lead_ids": [Command.set(leads.ids)],
                "on_hold_until": until,
                "note": "Budget in spring",
            }
        ).action_apply()

    def _end(self, leads, **values):
        self.env["crm.lead.lost"].create(
            {
                "lead_ids": [Command.set(leads.ids)],
                "lost_reason_id": self.lost_reason.id,
                **values,
            }
        ).action_lost_reason_apply()

    def _return_on(self, moment):
        cron = self.env.ref("sales_funnel_crm.ir_cron_return_from_hold")
        with self.at(moment), self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def test_on_hold_whatever_the_probability(self):
        # with a chance, with none at all, and never computed by Odoo
        for values in ({"probability": 40}, {"probability": 0}, {}):
            with self.subTest(**values):
                with self.at(self.START):
                    deals = self._deals(3, **values)
                with self.at(self.LATER):
                    self._hold(deals)
                for deal in deals:
                    self.assertEqual(self._chain(deal), [("New", "on_hold")])
                self.assertEqual(
                    set(map(str, self._stays(deals).mapped("date_exited"))),
                    {self.LATER},
                )

    def test_back_it_stands_where_it_stood(self):
        with self.at(self.START):
            deal = self._deals(probability=0)
        with self.at(self.LATER):
            self._hold(deal)
        self._return_on("2026-03-20 08:00:00")
        self.assertEqual(self._chain(deal), [("New", "on_hold"), ("New", None)])
        stays = self._stays(deal)
        self.assertEqual(str(stays[1].date_entered), "2026-03-20 08:00:00")
        self._assert_chain_invariants(deal)

    def test_another_day_is_no_new_stay(self):
        with self.at(self.START):
            deal = self._deals()
        with self.at(self.LATER):
            self._hold(deal)
        with self.at("2026-03-06 09:00:00"):
            self._hold(deal, date(2026, 4, 1))
        self.assertEqual(self._chain(deal), [("New", "on_hold")])

    def test_lost_while_on_hold(self):
        for values in ({"probability": 40}, {"probability": 0}, {}):
            with self.subTest(**values):
                with self.at(self.START):
                    deal = self._deals(**values)
                with self.at(self.LATER):
                    self._hold(deal)
                with self.at("2026-03-10 09:00:00"):
                    self._end(deal)
                self.assertEqual(
                    self._chain(deal), [("New", "on_hold"), ("New", "lost")]
                )
                last = self._stays(deal)[-1]
                self.assertEqual(str(last.date_exited), "2026-03-10 09:00:00")
                self.assertEqual(last.lost_reason_id, self.lost_reason)

    def test_dead_closed_and_lost_are_lost(self):
        with self.at(self.START):
            dead, closed = self._deals(2, type="lead")
            deal = self._deals()
        with self.at(self.LATER):
            self._end(dead, lead_ending="dead")
            self._end(closed, lead_ending="closed")
            self._end(deal)
        for lead in dead | closed | deal:
            self.assertEqual(
                self._chain(lead, "lost_reason_id"),
                [("New", "lost", self.lost_reason)],
            )
        self._assert_chain_invariants(dead | closed | deal)

    def test_dead_and_closed_of_a_mixed_batch_end_once(self):
        with self.at(self.START):
            leads = self._deals(4, type="lead") | self._deals(4)
        with self.at(self.LATER):
            self._end(leads, lead_ending="closed")
        for lead in leads:
            self.assertEqual(self._chain(lead), [("New", "lost")])

    def test_with_the_rule_there_is_one_ending(self):
        self.env["res.config.settings"].create({"lost_reason_required": True}).execute()
        with self.at(self.START):
            deals = self._deals(2) | self._deals(2, type="lead", probability=20)
        with self.at(self.LATER):
            self._end(deals, lead_ending="closed")
        for deal in deals:
            self.assertEqual(self._chain(deal), [("New", "lost")])

    def test_the_funnel_counts_it_as_on_hold(self):
        with self.at(self.START):
            lost, held = self._deals(3)[:2]
        with self.at(self.LATER):
            self._end(lost)
            self._hold(held)
        options = {
            "date_from": "2026-03-01",
            "date_to": "2026-04-01",
            "as_of": "2026-03-10 00:00:00",
        }
        total = self.Lead.get_funnel_report([], options)["total"]
        self.assertEqual(
            (total["size"], total["lost"], total["on_hold"], total["open"]),
            (3, 1, 1, 1),
        )

    def test_taken_over_as_on_hold(self):
        with self.at(self.START):
            deals = self._deals(2, probability=0)
        with self.at(self.LATER):
            self._hold(deals[0])
            self._end(deals[1])
        self._stays(deals).unlink()
        list(self.History._take_over())
        self.assertEqual(self._chain(deals[0])[-1][1], "on_hold")
        self.assertEqual(self._chain(deals[1])[-1][1], "lost")
