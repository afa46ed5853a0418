from collections import Counter
from datetime import datetime, time, timedelta

import pytz

from odoo.tests import BaseCase, tagged
from odoo.tools import convert_file, mute_logger

from ..demo import wholesale_year
from ..demo.crm_funnel_demo import PAPER_DAYS
from .common import FunnelCase

ENDS = {"win": "won", "lose": "lost", "freeze": "frozen", "resume": "open"}


def of_each_deal(events):
    """:return: dict of the number of each deal to its events"""
    deals = {}
    for event in events:
        deals.setdefault(event.deal, []).append(event)
    return deals


def how_they_ended(deals):
    """:return: :class:`collections.Counter` of won, lost, frozen and open"""
    return Counter(
        ([ENDS[event.action] for event in events if event.action in ENDS] or ["open"])[
            -1
        ]
        for events in deals.values()
    )


@tagged("post_install", "-at_install")
class TestWholesaleYear(BaseCase):
    """The year as it is told, whenever and wherever it is told."""

    YEARS = (
        (datetime(2024, 2, 29, 12, 0, 0), "UTC"),
        (datetime(2025, 3, 1, 0, 0, 0), "America/New_York"),
        # a Sunday, the clock changes in this night
        (datetime(2026, 3, 29, 1, 30, 0), "Europe/Brussels"),
        (datetime(2026, 1, 1, 3, 0, 0), "Pacific/Auckland"),
        # the middle of a working day, and of the quiet season
        (datetime(2026, 8, 19, 6, 15, 30, 999999), "Asia/Kolkata"),
        (datetime(2027, 12, 31, 23, 59, 59), "Pacific/Honolulu"),
    )

    def test_same_year_for_the_same_moment(self):
        for now, zone in self.YEARS:
            year = wholesale_year.live(now, zone, 3)
            self.assertEqual(year, wholesale_year.live(now, zone, 3))
            tomorrow = wholesale_year.live(now + timedelta(days=1), zone, 3)
            self.assertNotEqual(year, tomorrow)

    def test_in_order_and_never_ahead_of_the_clock(self):
        for now, zone in self.YEARS:
            moments = [event.moment for event in wholesale_year.live(now, zone, 3)]
            self.assertEqual(moments, sorted(moments))
            self.assertLessEqual(moments[-1], now)
            # a week-end at most without anything
            self.assertLess(now - moments[-1], timedelta(days=5))
            self.assertGreater(moments[0], now - timedelta(days=367))
            self.assertLess(moments[0], now - timedelta(days=355))

    def test_in_working_hours(self):
        for now, zone in self.YEARS:
            for event in wholesale_year.live(now, zone, 3):
                if event.action == "plan":
                    self.assertEqual(event.moment, now.replace(microsecond=0))
                    continue
                local = pytz.utc.localize(event.moment).astimezone(pytz.timezone(zone))
                self.assertLess(local.weekday(), 5, event)
                self.assertTrue(time(8, 30) <= local.time() <= time(17, 30), event)

    def test_touches_are_part_of_the_year(self):
        """in working hours, while the deal is there, and of each of them some"""
        for now, zone in self.YEARS:
            touches = wholesale_year.touch(now, zone, 3)
            self.assertEqual(touches, wholesale_year.touch(now, zone, 3))
            begins = {
                event.deal: event.moment
                for event in wholesale_year.live(now, zone, 3)
                if event.action == "begin"
            }
            for touch in touches:
                self.assertLessEqual(touch.moment, now)
                self.assertGreaterEqual(touch.moment, begins[touch.deal])
                local = pytz.utc.localize(touch.moment).astimezone(pytz.timezone(zone))
                self.assertLess(local.weekday(), 5, touch)
                self.assertTrue(time(8, 30) <= local.time() <= time(17, 30), touch)
            kinds = Counter(touch.kind for touch in touches)
            self.assertEqual(set(kinds), {"call", "no_answer", "mail", "meeting"})
            self.assertGreater(min(kinds.values()), 50)
            self.assertLess(sum(kinds.values()), 2000, "they take time to install")

    def test_one_thing_after_the_other(self):
        for now, zone in self.YEARS:
            for stages in (1, 2, 3, 6):
                for events in of_each_deal(
                    wholesale_year.live(now, zone, stages)
                ).values():
                    self._assert_life(events, stages)

    def _assert_life(self, events, stages):
        begin, *rest = events
        self.assertEqual(begin.action, "begin")
        stage, standing = begin.values["stage"], True
        is_lead = begin.values["type"] == "lead"
        for before, event in zip(events, rest, strict=False):
            self.assertLess(before.moment, event.moment)
            self.assertEqual(standing, event.action != "resume", events)
            if event.action == "qualify":
                self.assertTrue(is_lead)
                is_lead = False
            elif event.action == "move":
                self.assertFalse(is_lead)
                self.assertNotEqual(event.values["stage"], stage)
                stage = event.values["stage"]
                self.assertIn(stage, range(stages))
            elif event.action == "win":
                self.assertEqual(stage, stages - 1)
            standing = event.action not in ("win", "lose", "freeze")

    def test_there_is_always_something_to_show(self):
        for now, zone in self.YEARS:
            deals = of_each_deal(wholesale_year.live(now, zone, 3))
            self.assertEqual(len(deals), 600)
            ends = how_they_ended(deals)
            self.assertGreater(ends["won"], 120)
            self.assertLess(ends["won"], 180)
            self.assertGreater(ends["lost"], 250)
            self.assertGreater(ends["open"], 60)
            self.assertGreater(ends["frozen"], 15)


@tagged("post_install", "-at_install")
class TestDemo(FunnelCase):
    """The year as it was lived: the demo data of both addons, loaded as Odoo
    loads them."""

    COMPANY = (
        "demo/sales_team_demo.xml",
        "demo/crm_demo.xml",
        "demo/res.partner.csv",
        "demo/res_partner_demo.xml",
        "demo/product_demo.xml",
    )
    NAMES = ("anna", "boris", "chloe")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.orders_before = cls.env["sale.order"].search([])
        cls.mails_before = cls.env["mail.mail"].search([])
        cls.notified_before = cls.env["mail.notification"].search([])
        user = cls.env.ref("sales_funnel_crm.demo_user_anna", raise_if_not_found=False)
        # a database with demo data has the company; its deals went in super()
        for path in () if user else cls.COMPANY:
            cls._load("sales_funnel_crm", path)
        cls._load("sales_funnel_report", "demo/crm_lead_demo.xml")
        cls.env.flush_all()
        cls.now = cls.env.cr.now()
        cls.demo_team = cls.env.ref("sales_funnel_crm.demo_team_wholesale")
        cls.zone = cls.demo_team.company_id.resource_calendar_id.tz or "UTC"
        cls.deals = cls.Lead.with_context(active_test=False).search(
            [("team_id", "=", cls.demo_team.id)]
        )
        cls.open_deals = cls.deals.filtered(
            lambda deal: deal.active and deal.won_status == "pending"
        )
        cls.salespeople = {name: cls._ref("user", name) for name in cls.NAMES}

    @classmethod
    def _load(cls, module, path):
        convert_file(cls.env, module, path, {}, mode="init", noupdate=True)

    @classmethod
    def _ref(cls, kind, name):
        return cls.env.ref(f"sales_funnel_crm.demo_{kind}_{name}")

    def _expected_chain(self, events):
        """The stays that a deal has after ``events``."""
        pipeline = self.stage_new | self.stage_qualified | self.stage_proposition
        chain, stage, revenue = [], None, 0.0
        for event in events:
            if event.action in ("qualify", "plan"):
                continue
            left, stage = stage, event.values.get("stage", stage)
            revenue = event.values.get("expected_revenue", revenue)
            entered = self.stage_won if event.action == "win" else pipeline[stage]
            if event.action not in ("begin", "resume"):
                how = {"lose": "lost", "freeze": "on_hold", "win": "advanced"}.get(
                    event.action
                ) or ("advanced" if stage > left else "moved_back")
                reason = event.values.get("reason")
                chain[-1][3:] = [
                    event.moment,
                    how,
                    reason and self._ref("lost", reason).name,
                ]
            if event.action not in ("lose", "freeze"):
                chain.append([entered.name, revenue, event.moment, None, None, None])
        return chain

    def test_the_history_is_the_year_that_was_told(self):
        told = of_each_deal(wholesale_year.live(self.now, self.zone, 3))
        self.assertEqual(len(self.deals), len(told))
        stays = self._stays(self.deals).grouped("lead_id")
        for number, events in told.items():
            deal = self.env.ref(f"sales_funnel_report.demo_deal_{number:03d}")
            lived = [
                [
                    stay.stage_name,
                    stay.expected_revenue,
                    stay.date_entered,
                    stay.date_exited or None,
                    stay.exit_kind or None,
                    stay.lost_reason_id.name or None,
                ]
                for stay in stays[deal]
            ]
            self.assertEqual(lived, self._expected_chain(events))
        self._assert_chain_invariants(self.deals)

    def test_everything_happens(self):
        self.assertTrue(550 <= len(self.deals) <= 650)
        stays = self._stays(self.deals)
        how = Counter(stays.mapped("exit_kind"))
        self.assertGreater(how["lost"], 250)
        self.assertGreater(how["on_hold"], 15)
        self.assertGreater(how["moved_back"], 10)
        self.assertFalse(how["handed_off"] + how["merged"])
        jumps = stays.filtered(
            lambda stay: (
                stay.stage_id == self.stage_new
                and stay.next_stage_id == self.stage_proposition
            )
        )
        self.assertGreater(len(jumps), 15)
        self.assertEqual(
            self.open_deals.stage_id,
            self.stage_new + self.stage_qualified + self.stage_proposition,
        )
        won = self.deals.filtered(lambda deal: deal.won_status == "won")
        self.assertGreater(len(won), 120)
        self.assertEqual(won.stage_id, self.stage_won)
        sources = Counter(self.deals.mapped("source_id.name"))
        self.assertEqual(len(self.deals.source_id), 5, sources)
        reasons = self.env["ir.model.data"].search(
            [
                ("module", "=", "sales_funnel_crm"),
                ("model", "=", "crm.lost.reason"),
                ("name", "=like", "demo\\_lost\\_%"),
            ]
        )
        lost = stays.filtered(lambda stay: stay.exit_kind == "lost")
        self.assertEqual(set(lost.lost_reason_id.ids), set(reasons.mapped("res_id")))
        self.assertEqual(set(self.deals.mapped("type")), {"lead", "opportunity"})

    def test_frozen_is_not_lost_for_odoo_either(self):
        """though Odoo has no forecast while the year goes on"""
        status = {"on_hold": "pending", "lost": "lost", False: "won"}
        ended = self.deals - self.open_deals
        for deal, stays in self._stays(ended).grouped("lead_id").items():
            self.assertEqual(deal.won_status, status[stays[-1].exit_kind])

    def test_open_deals_have_a_forecast(self):
        chances = self.open_deals.mapped("probability")
        self.assertTrue(all(0 < chance < 100 for chance in chances), chances)
        self.assertGreater(len(set(chances)), 20)
        self.assertTrue(all(self.open_deals.mapped("is_automated_probability")))

    def test_different_habits(self):
        share_won, days = {}, {}
        for name, user in self.salespeople.items():
            deals = self.deals.filtered(lambda deal, user=user: deal.user_id == user)
            ended = deals.filtered(lambda deal: deal.won_status != "pending")
            won = ended.filtered(lambda deal: deal.won_status == "won")
            self.assertTrue(won and ended - won, f"{name} wins some and loses some")
            self.assertEqual(deals.create_uid, user)
            share_won[name] = len(won) / len(ended)
            days[name] = sum(won.mapped("day_close")) / len(won)
        self.assertGreater(share_won["anna"], share_won["boris"])
        self.assertGreater(share_won["chloe"], share_won["boris"])
        self.assertLess(days["anna"], days["boris"])
        self.assertLess(days["boris"], days["chloe"])
        count = Counter(deal.user_id for deal in self.deals)
        self.assertEqual(
            [user for user, _deals in count.most_common()],
            [self.salespeople[name] for name in ("boris", "anna", "chloe")],
        )

    def test_dates_agree_with_the_history(self):
        """Odoo's own dates are those of the year and not of the installation"""
        for deal, stays in self._stays(self.deals).grouped("lead_id").items():
            first, last = stays[0], stays[-1]
            self.assertEqual(deal.create_date, first.date_entered)
            self.assertEqual(deal.date_open, first.date_entered)
            if deal in self.open_deals:
                self.assertFalse(deal.date_closed)
            else:
                ended = last.date_exited or last.date_entered
                self.assertEqual(deal.date_closed, ended)
            self.assertLessEqual(deal.date_last_stage_update, last.date_entered)
            self.assertLessEqual(deal.write_date, self.now)

    def test_open_deals_have_something_to_do(self):
        today = self.now.date()
        deadlines = [day for day in self.open_deals.mapped("date_deadline") if day]
        planned = self.env["mail.activity"].search(
            [("res_model", "=", "crm.lead"), ("res_id", "in", self.deals.ids)]
        )
        self.assertLessEqual(set(planned.mapped("res_id")), set(self.open_deals.ids))
        for dates in (deadlines, planned.mapped("date_deadline")):
            self.assertGreater(sum(date < today for date in dates), 5, "some are late")
            self.assertGreater(sum(date > today for date in dates), 5)
        for activity in planned:
            deal = self.Lead.browse(activity.res_id)
            self.assertEqual(activity.user_id, deal.user_id)

    def test_nobody_gets_mail(self):
        self.assertEqual(self.env["mail.mail"].search([]), self.mails_before)
        self.assertEqual(self.env["mail.notification"].search([]), self.notified_before)

    def test_touches(self):
        """What was done before deals were won: from nothing to many times, as each of
        them does it, and everything at its moment."""
        told = wholesale_year.touch(self.now, self.zone, 3)
        moments = {
            kind: sorted(touch.moment for touch in told if touch.kind == kind)
            for kind in ("call", "no_answer", "mail", "meeting")
        }
        calls = self.env["crm.phonecall"].search([("lead_id", "in", self.deals.ids)])
        meetings = self.env["calendar.event"].search(
            [("opportunity_id", "in", self.deals.ids)]
        )
        messages = self.env["mail.message"].search(
            [("model", "=", "crm.lead"), ("res_id", "in", self.deals.ids)]
        )
        held = calls.filtered(lambda call: call.state == "held")
        self.assertEqual(sorted(held.mapped("date")), moments["call"])
        self.assertEqual(sorted((calls - held).mapped("date")), moments["no_answer"])
        self.assertEqual(sorted(meetings.mapped("start")), moments["meeting"])
        self.assertEqual(sorted(messages.mapped("date")), moments["mail"])
        self.assertEqual(set(messages.mapped("message_type")), {"email_outgoing"})
        for call in calls:
            self.assertEqual(call.user_id, call.lead_id.user_id)
            self.assertEqual(call.partner_id, call.lead_id.partner_id)
        self.assertEqual(calls.event_id, self.env["calendar.event"])
        self.assertEqual(
            self.deals.filtered("date_first_call"), held.lead_id, "and the deals know"
        )
        rows = self.env["sales.won.deal"].search([("lead_id", "in", self.deals.ids)])
        self.assertEqual(
            len(rows), len(self.deals.filtered(lambda deal: deal.won_status == "won"))
        )
        counts = Counter(rows.mapped("touches"))
        self.assertGreater(len(counts), 7, counts)
        self.assertLess(counts[0], len(rows) / 4)
        self.assertGreater(max(counts), 8)
        means = {
            user: sum(of_user.mapped("touches")) / len(of_user)
            for user, of_user in rows.grouped("user_id").items()
        }
        self.assertEqual(
            sorted(means, key=means.get),
            [self.salespeople[name] for name in ("boris", "anna", "chloe")],
        )

    def test_the_last_days_are_on_paper(self):
        """What was offered and sold of late has its documents, at the amounts and the
        days of the deals."""
        begin = self.now - timedelta(days=PAPER_DAYS)
        orders = self.env["sale.order"].search([]) - self.orders_before
        self.assertEqual(orders.opportunity_id, orders.opportunity_id & self.deals)
        won = self.deals.filtered(
            lambda deal: deal.won_status == "won" and deal.date_closed >= begin
        )
        self.assertGreater(len(won), 3)
        self.assertEqual(won, won.filtered(lambda deal: deal.order_ids.state == "sale"))
        for deal in won:
            self.assertEqual(deal.order_ids.date_order, deal.date_closed)
            self.assertEqual(deal.order_ids.amount_untaxed, deal.expected_revenue)
        sold = orders.filtered(lambda order: order.state == "sale")
        self.assertEqual(sold.opportunity_id, won)
        offered = orders.filtered(lambda order: order.state == "sent").opportunity_id
        self.assertGreater(len(offered & self.open_deals), 5)
        cancelled = orders.filtered(lambda order: order.state == "cancel")
        for order in cancelled:
            self.assertEqual(order.lost_reason_id, order.opportunity_id.lost_reason_id)
        self.assertTrue(cancelled.lost_reason_id)
        for order in orders:
            self.assertGreaterEqual(order.create_date, begin)
            self.assertEqual(order.user_id, order.opportunity_id.user_id)
        delivered = sold.filtered(lambda order: order.delivery_status == "full")
        self.assertTrue(delivered)
        for order in delivered:
            self.assertEqual(order.invoice_ids.mapped("state"), ["posted"])
            day = order.picking_ids.date_done.date()
            self.assertEqual(order.invoice_ids.invoice_date, day)
            self.assertGreater(day, order.date_order.date())

    def test_the_year_is_lived_once(self):
        before = self._snapshot()
        self.env["crm.funnel.demo"]._live_a_year()
        self.assertEqual(self._snapshot(), before)
        self.assertEqual(self.env.cr.now(), self.now)

    def test_the_clock_goes_right_after_a_failure(self):
        demo = self.env["crm.funnel.demo"]
        with self.assertRaises(ValueError), demo._at(datetime(2020, 1, 1)):
            self.assertEqual(self.env.cr.now(), datetime(2020, 1, 1))
            raise ValueError
        self.assertEqual(self.env.cr.now(), self.now)

    @mute_logger("odoo.models.unlink")
    def test_the_deals_go_with_the_addon(self):
        """Uninstalling removes what has an external id of the addon"""
        names = self.env["ir.model.data"].search(
            [("module", "=", "sales_funnel_report"), ("model", "=", "crm.lead")]
        )
        self.assertEqual(set(names.mapped("res_id")), set(self.deals.ids))
        self.assertTrue(all(names.mapped("noupdate")), "an update keeps them")
        self.deals.unlink()
        self.assertFalse(self._stays(self.deals))
