from datetime import date
from unittest.mock import patch

from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from ..models import crm_lead
from .common import SalesFlowCase
from .test_lead_endings import EndingsCase

MONDAY = "2026-03-02 09:00:00"
DAY = date(2026, 3, 20)


class OnHoldCase(SalesFlowCase):
    def _hold(self, leads, until=DAY, note="Budget in spring", user=None):
        """Put ``leads`` on hold as a user does, by the dialog."""
        wizard = self.env["crm.lead.hold"].with_user(user or self.user_all)
        return wizard.create(
            {
                "lead_ids": [Command.set(leads.ids)],
                "on_hold_until": until,
                "note": note,
            }
        ).action_apply()

    def _run_cron(self):
        cron = self.env.ref("sales_funnel_crm.ir_cron_return_from_hold")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def _last_body(self, lead):
        self._flush_tracking()
        return lead.message_ids[0].body


@tagged("post_install", "-at_install")
class TestOnHold(OnHoldCase):
    def test_it_leaves_the_pipeline_and_is_not_lost(self):
        # with a chance, with none at all, and never computed by Odoo
        for values in ({"probability": 40}, {"probability": 0}, {}):
            with self.subTest(**values), self.at(MONDAY):
                deal = self._leads(**values)
                self._flush_tracking()
                self._hold(deal, user=self.user_own)
                self.assertRecordValues(
                    deal,
                    [
                        {
                            "active": False,
                            "won_status": "pending",
                            "ending": False,
                            "date_closed": False,
                            "on_hold_until": DAY,
                            "on_hold_note": "Budget in spring",
                            "is_on_hold": True,
                        }
                    ],
                )
                self.assertNotIn(deal, self.Lead.search([]))
                body = self._last_body(deal)
                self.assertIn("On hold until 03/20/2026", body)
                self.assertIn("Budget in spring", body)

    def test_leads_can_wait_too(self):
        with self.at(MONDAY):
            lead = self._leads(type="lead")
            self._hold(lead)
        self.assertTrue(lead.is_on_hold)
        self.assertFalse(lead.ending)

    def test_many_at_once(self):
        with self.at(MONDAY):
            deals = self._leads(40) | self._leads(10, type="lead")
            self._hold(deals)
        self.assertEqual(set(deals.mapped("is_on_hold")), {True})
        self.assertEqual(set(deals.mapped("won_status")), {"pending"})

    def test_the_dialog(self):
        with self.at(MONDAY):
            deal = self._leads()
            action = self.env.ref("sales_funnel_crm.crm_lead_hold_action")
            self.assertEqual(action.binding_model_id.model, "crm.lead")
            form = Form(
                self.env["crm.lead.hold"]
                .with_user(self.user_own)
                .with_context(default_lead_ids=deal.ids)
            )
            with self.assertRaisesRegex(AssertionError, "on_hold_until is a required"):
                form.save()
            form.on_hold_until = DAY
            with self.assertRaisesRegex(AssertionError, "note is a required"):
                form.save()
            form.note = "Holidays"
            self.assertEqual(form.record_count, 1)
            form.save().action_apply()
        self.assertTrue(deal.is_on_hold)

    def test_the_day_is_to_come(self):
        with self.at(MONDAY):
            deal = self._leads()
            for day in (date(2026, 3, 2), date(2025, 3, 2)):
                with self._refused("not a day to come"):
                    self._hold(deal, day)
            self.assertTrue(deal.active)

    def test_what_has_ended_does_not_wait(self):
        with self.at(MONDAY):
            lost, won, open_deal = self._leads(3)
            lost.action_set_lost()
            won.action_set_won()
            with self._refused("Ended already: “Deal 1”"):
                self._hold(lost | open_deal)
            with self._refused("Won already: “Deal 2”"):
                self._hold(won | open_deal)
            self.assertTrue(open_deal.active)

    def test_the_day_can_be_changed(self):
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
            self._flush_tracking()
            self._hold(deal, date(2026, 5, 1), "Later still")
        self.assertEqual(deal.on_hold_until, date(2026, 5, 1))
        self.assertEqual(deal.on_hold_note, "Later still")
        self.assertIn("Later still", self._last_body(deal))

    def test_resumed_by_hand_it_keeps_its_probability(self):
        with self.at(MONDAY):
            deal = self._leads(probability=37)
            self._hold(deal)
            self._flush_tracking()
            deal.with_user(self.user_own).action_restore()
        self.assertRecordValues(
            deal,
            [
                {
                    "active": True,
                    "on_hold_until": False,
                    "on_hold_note": False,
                    "is_on_hold": False,
                    "probability": 37,
                }
            ],
        )
        body = self._last_body(deal)
        self.assertIn("Was on hold until 03/20/2026", body)
        self.assertIn("Budget in spring", body)
        self.assertFalse(deal.activity_ids, "who resumes it knows")

    def test_however_it_comes_back_it_is_not_on_hold(self):
        ways = (
            lambda deal: deal.write({"active": True}),
            lambda deal: deal.action_unarchive(),
            lambda deal: deal.action_set_won(),
        )
        for way in ways:
            with self.at(MONDAY):
                deal = self._leads()
                self._hold(deal)
                way(deal)
            self.assertTrue(deal.active)
            self.assertFalse(deal.on_hold_until)

    def test_moved_to_the_won_stage_it_is_back(self):
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
            deal.stage_id = self.env["crm.stage"].search(
                [("is_won", "=", True)], limit=1
            )
        self.assertEqual(deal.won_status, "won")
        self.assertFalse(deal.on_hold_until)

    def test_found_by_the_filters(self):
        with self.at(MONDAY):
            held, lost, open_deal = self._leads(3)
            self._hold(held)
            lost.action_set_lost()
        deals = held | lost | open_deal
        search = self.Lead.with_context(active_test=False).search
        mine = [("id", "in", deals.ids)]
        self.assertEqual(search([*mine, ("is_on_hold", "=", True)]), held)
        self.assertEqual(
            search([*mine, ("is_on_hold", "=", False)], order="id"), lost | open_deal
        )
        for xmlid in (
            "crm.view_crm_case_opportunities_filter",
            "crm.view_crm_case_leads_filter",
        ):
            view = self.env.ref(xmlid)
            arch = etree.fromstring(self.Lead.get_view(view.id, "search")["arch"])
            (node,) = arch.findall(".//filter[@name='on_hold']")
            domain = [
                ("won_status", "=", "pending"),
                ("active", "=", False),
            ]
            self.assertEqual(node.get("domain"), str(domain))
            self.assertEqual(self.Lead.search([*mine, *domain]), held)

    def test_the_buttons_of_the_form(self):
        view = self.Lead.get_view(self.env.ref("crm.crm_lead_view_form").id, "form")
        header = etree.fromstring(view["arch"]).find(".//header")
        action = self.env.ref("sales_funnel_crm.crm_lead_hold_action")
        hold, change = header.findall(f"button[@name='{action.id}']")
        restore, resume = header.findall("button[@name='action_restore']")
        self.assertEqual(resume.get("invisible"), "active or not on_hold_until")
        self.assertEqual(restore.get("invisible"), "active or on_hold_until")
        self.assertIn("not active", hold.get("invisible"))
        self.assertIn("default_on_hold_until", change.get("context"))

    def test_a_copy_does_not_wait(self):
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
            self.assertFalse(deal.copy().on_hold_until)

    def test_each_group_holds_what_it_may_write(self):
        with self.at(MONDAY):
            own, foreign = self._leads(), self._leads(user_id=self.user_colleague.id)
            self._hold(own, user=self.user_own)
            with self.assertRaises(AccessError):
                self._hold(foreign, user=self.user_own)
            self._hold(foreign, user=self.user_all)
            self.assertTrue(own.is_on_hold and foreign.is_on_hold)
            third = self._leads(user_id=self.user_colleague.id)
            self._hold(third, user=self.user_manager)
            self.assertTrue(third.is_on_hold)
            with self.assertRaises(AccessError):
                self._hold(self._leads(), user=self.user_portal)

    def test_another_company_does_not_see_the_dialog_s_deal(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        with self.at(MONDAY):
            deal = self._leads(
                company_id=other.id, team_id=False, user_id=self.env.user.id
            )
            with self.assertRaises(AccessError):
                self._hold(deal, user=self.user_all)


@tagged("post_install", "-at_install")
class TestReturnFromHold(OnHoldCase):
    def test_back_on_the_day_with_an_activity(self):
        with self.at(MONDAY):
            deal = self._leads(probability=37)
            self._hold(deal)
        with self.at("2026-03-19 23:30:00"):
            self._run_cron()
            self.assertFalse(deal.active, "the day has not come")
        with self.at("2026-03-20 00:10:00"):
            self._run_cron()
        self.assertRecordValues(
            deal,
            [
                {
                    "active": True,
                    "on_hold_until": False,
                    "on_hold_note": False,
                    "probability": 37,
                }
            ],
        )
        self.assertRecordValues(
            deal.activity_ids,
            [
                {
                    "user_id": self.user_own.id,
                    "summary": "Back from hold",
                    "date_deadline": DAY,
                    "activity_type_id": self.env.ref("mail.mail_activity_data_todo").id,
                }
            ],
        )
        self.assertIn("Budget in spring", deal.activity_ids.note)
        self._flush_tracking()
        self.assertTrue(
            [m for m in deal.message_ids if "Was on hold until" in (m.body or "")]
        )

    def test_run_twice_it_plans_one_activity(self):
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
        with self.at("2026-03-21 08:00:00"):
            self._run_cron()
            self._run_cron()
        self.assertEqual(len(deal.activity_ids), 1)

    def test_the_day_is_that_of_the_salesperson(self):
        self.user_own.tz = "Pacific/Auckland"  # 13 hours ahead
        self.user_colleague.tz = "America/Los_Angeles"  # 7 hours behind
        with self.at(MONDAY):
            early = self._leads()
            late = self._leads(user_id=self.user_colleague.id)
            self._hold(early | late)
        with self.at("2026-03-19 10:30:00"):
            self._run_cron()
            self.assertFalse(early.active or late.active)
        with self.at("2026-03-19 11:30:00"):
            self._run_cron()
            self.assertTrue(early.active)
            self.assertFalse(late.active)
            self.assertEqual(early.activity_ids.date_deadline, DAY)
        with self.at("2026-03-20 06:30:00"):
            self._run_cron()
            self.assertFalse(late.active)
        with self.at("2026-03-20 07:30:00"):
            self._run_cron()
            self.assertTrue(late.active)
            self.assertEqual(late.activity_ids.date_deadline, DAY)

    def test_the_leader_is_told_when_the_salesperson_is_gone(self):
        with self.at(MONDAY):
            gone, nobody, lonely = (
                self._leads(user_id=self.user_colleague.id),
                self._leads(user_id=False),
                self._leads(user_id=False, team_id=False),
            )
            self._hold(gone | nobody | lonely, user=self.user_manager)
        self.user_colleague.active = False
        with self.at("2026-03-20 08:00:00"):
            self._run_cron()
        self.assertEqual((gone | nobody | lonely).mapped("active"), [True] * 3)
        self.assertEqual(gone.activity_ids.user_id, self.user_manager)
        self.assertEqual(nobody.activity_ids.user_id, self.user_manager)
        self.assertFalse(lonely.activity_ids, "there is nobody to tell")

    def test_more_than_one_batch(self):
        with self.at(MONDAY):
            deals = self._leads(8)
            self._hold(deals)
        with self.at("2026-03-20 08:00:00"), patch.object(crm_lead, "RETURN_BATCH", 3):
            self._run_cron()
        self.assertEqual(set(deals.mapped("active")), {True})
        self.assertEqual(len(deals.activity_ids), 8)

    def test_the_others_stay_away(self):
        with self.at(MONDAY):
            later, archived, lost = self._leads(3)
            self._hold(later, date(2026, 4, 1))
            archived.action_archive()
            lost.action_set_lost()
        with self.at("2026-03-20 08:00:00"):
            self._run_cron()
        self.assertEqual((later | archived | lost).mapped("active"), [False] * 3)


@tagged("post_install", "-at_install")
class TestOnHoldAndEndings(EndingsCase, OnHoldCase):
    def test_lost_while_on_hold_needs_a_reason_too(self):
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
        with self.at("2026-03-10 12:00:00"):
            with self._refused("without a reason"):
                self._end(deal, self.Reason)
            self.assertTrue(deal.is_on_hold)
            self._end(deal, self.reason_lost)
        self.assertRecordValues(
            deal,
            [
                {
                    "won_status": "lost",
                    "ending": "lost",
                    "on_hold_until": False,
                    "is_on_hold": False,
                    "lost_reason_id": self.reason_lost.id,
                }
            ],
        )
        self.assertEqual(str(deal.date_closed), "2026-03-10 12:00:00")
        with self.at("2026-03-20 08:00:00"):
            self._run_cron()
        self.assertFalse(deal.active, "what is lost does not come back")

    def test_a_probability_of_0_does_not_lose_it(self):
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
            deal.probability = 0
        self.assertEqual(deal.won_status, "pending")
        self.assertFalse(deal.ending)

    def test_the_rule_lets_it_wait(self):
        self._set_rule()
        with self.at(MONDAY):
            deal = self._leads()
            self._hold(deal)
        with self.at("2026-03-20 08:00:00"):
            self._run_cron()
        self.assertTrue(deal.active)
