from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

from odoo.tests import BaseCase, TransactionCase, tagged
from odoo.tools import convert_file

from ..demo import wholesale_months


@tagged("post_install", "-at_install")
class TestWholesaleMonths(BaseCase):
    """The months as they are told, on whatever day."""

    TODAY = (date(2024, 2, 29), date(2026, 3, 29), date(2026, 11, 22), date(2027, 1, 1))

    def test_the_same_day_tells_the_same(self):
        def tell(today):
            return [vars(event) for event in wholesale_months.live(today)]

        for today in self.TODAY:
            self.assertEqual(tell(today), tell(today))

    def test_in_order_on_working_days_and_before_today(self):
        for today in self.TODAY:
            events = wholesale_months.live(today)
            moments = [event.moment for event in events]
            self.assertEqual(moments, sorted(moments))
            self.assertLess(moments[-1].date(), today)
            self.assertGreater(moments[0].date(), today - timedelta(days=250))
            for event in events:
                self.assertLess(event.moment.weekday(), 5)
                self.assertTrue(13 <= event.moment.hour < 19, event)

    def test_one_thing_after_the_other(self):
        for today in self.TODAY:
            deals = {}
            for event in wholesale_months.live(today):
                deals.setdefault(event.deal, []).append(event)
            self.assertEqual(len(deals), len(wholesale_months.LINES))
            for events in deals.values():
                self.assertTrue(events[0].action.startswith("begin"))
                for before, after in pairwise(events):
                    self.assertLess(before.moment, after.moment)


@tagged("post_install", "-at_install")
class TestDemo(TransactionCase):
    """The demo data of the addon, loaded as Odoo loads it."""

    FILES = (
        "sales_team_demo.xml",
        "crm_demo.xml",
        "res.partner.csv",
        "res_partner_demo.xml",
        "res_partner_category_demo.xml",
        "crm_phonecall_demo.xml",
        "product_demo.xml",
        "sales_flow_demo.xml",
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mails_before = cls.env["mail.mail"].search([])
        cls.notified_before = cls.env["mail.notification"].search([])
        cls.sms_before = cls.env["sms.sms"].search([])
        if not cls.env.ref("sales_funnel_crm.demo_user_anna", False):
            for name in cls.FILES:
                convert_file(
                    cls.env, "sales_funnel_crm", f"demo/{name}", {}, "init", True
                )
        cls.env.flush_all()
        # of the installation, maybe long ago
        cls.today = cls.env.ref("sales_funnel_crm.demo_user_anna").create_date.date()
        names = [
            f"demo_lead_{n:02d}" for n in range(1, len(wholesale_months.LINES) + 1)
        ]
        cls.leads = cls.env["crm.lead"].union(
            *(cls.env.ref(f"sales_funnel_crm.{name}") for name in names)
        )
        cls.orders = cls.leads.order_ids
        cls.invoices = cls.orders.invoice_ids
        cls.calls = cls.env["crm.phonecall"].search(
            [("team_id", "=", cls.env.ref("sales_funnel_crm.demo_team_wholesale").id)]
        )

    def test_every_deal_is_where_its_line_says(self):
        ends = {
            "dead": ("lead", "lost", "dead"),
            "closed": ("lead", "lost", "closed"),
            "lead": ("lead", "pending", False),
            "lost": ("opportunity", "lost", "lost"),
            **dict.fromkeys(
                ("ordered", "delivered", "invoiced", "paid in part", "paid"),
                ("opportunity", "won", False),
            ),
        }
        for lead, line in zip(self.leads, wholesale_months.LINES, strict=True):
            state = line[5]
            expected = ends.get(state, ("opportunity", "pending", False))
            self.assertEqual((lead.type, lead.won_status, lead.ending), expected, line)
            self.assertEqual(lead.is_on_hold, state == "on_hold", line)
            self.assertEqual(lead.user_id.login, line[0])
            if lead.ending:
                self.assertTrue(lead.lost_reason_id._applies_to([lead.ending]), line)

    def test_documents(self):
        states = Counter(order.state for order in self.orders)
        for state, least in (("draft", 2), ("sent", 5), ("sale", 15), ("cancel", 3)):
            self.assertGreaterEqual(states[state], least, state)
        given_up = self.orders.filtered(lambda order: order._is_given_up())
        expired = given_up.filtered(lambda order: order.state != "cancel")
        self.assertTrue(expired.filtered("lost_reason_id"))
        self.assertTrue(expired.filtered(lambda order: not order.lost_reason_id))
        for order in given_up - expired:
            self.assertTrue(order.lost_reason_id._applies_to(["quotation"]))
        sold = self.orders.filtered(lambda order: order.state == "sale")
        self.assertEqual(set(sold.mapped("delivery_status")), {"pending", "full"})
        self.assertEqual(set(sold.mapped("invoice_policy")), {"order", "delivery"})
        self.assertEqual(
            set(sold.mapped("invoice_status")), {"invoiced", "to invoice", "no"}
        )
        self.assertEqual(set(self.invoices.mapped("state")), {"posted"})
        self.assertEqual(
            set(self.invoices.mapped("payment_state")), {"paid", "partial", "not_paid"}
        )
        for deal in sold.opportunity_id:
            self.assertEqual(deal.expected_revenue, deal.order_ids.amount_untaxed)

    def test_some_pay_late(self):
        late = Counter(
            -((self.today - invoice.invoice_date_due).days // -30)
            for invoice in self.invoices
            if invoice.amount_residual
        )
        # days late by thirties: not due yet, 1 to 30, ..., 91 to 120
        self.assertGreaterEqual(late.pop(0, 0) + late.pop(-1, 0), 1, "not due yet")
        self.assertEqual(set(late), {1, 2, 3, 4})
        customers = self.invoices.partner_id.commercial_partner_id
        self.assertGreater(sum(customers.mapped("overdue_amount")), 1000)
        self.assertEqual(customers, customers.filtered("is_customer"))

    def test_calls_of_every_kind(self):
        kinds = {(call.direction, call.state) for call in self.calls}
        self.assertEqual(
            {state for _direction, state in kinds},
            {"planned", "held", "no_answer", "cancelled"},
        )
        self.assertLessEqual({("in", "held"), ("out", "held")}, kinds)
        self.assertTrue(self.calls.order_id)
        self.assertTrue(self.calls.lead_id & self.leads)
        outcomes = self.env["crm.phonecall.outcome"].search([])
        self.assertEqual(self.calls.outcome_id, outcomes)

    def test_different_habits(self):
        """One answers at once, one tries twice, one sells much to few."""
        of_user = self.leads.grouped(lambda lead: lead.user_id.login)
        self.assertEqual(set(of_user), {"anna", "boris", "chloe"})
        amounts, misses = {}, {}
        for login, leads in of_user.items():
            orders = leads.order_ids.filtered(lambda order: order.state == "sale")
            amounts[login] = sum(orders.mapped("amount_untaxed")) / len(orders)
            calls = leads.phonecall_ids
            missed = calls.filtered(lambda call: call.state == "no_answer")
            misses[login] = len(missed) / len(calls)
        self.assertEqual(max(amounts, key=amounts.get), "chloe")
        self.assertEqual(max(misses, key=misses.get), "boris")

    def test_all_of_it_is_past(self):
        """Odoo's own dates are those of the story and not of the installation"""
        for lead in self.leads:
            self.assertLess(lead.create_date.date(), self.today)
            if lead.won_status != "pending":
                self.assertLess(lead.date_closed.date(), self.today)
        for order in self.orders:
            self.assertLess(order.create_date.date(), self.today)
            self.assertLess(order.date_order.date(), self.today)
            self.assertLess(order.opportunity_id.create_date, order.create_date)
            for picking in order.picking_ids.filtered("date_done"):
                self.assertLess(picking.date_done.date(), self.today)
                self.assertGreater(picking.date_done, order.date_order)
        for invoice in self.invoices:
            self.assertLess(invoice.invoice_date, self.today)
        self.assertEqual(
            self.invoices.sorted("name"), self.invoices.sorted("invoice_date")
        )
        messages = self.env["mail.message"].search(
            [("model", "=", "crm.lead"), ("res_id", "in", self.leads.ids)]
        )
        self.assertGreater(len(messages), 50, "the chatter tells the story")
        for message in messages:
            self.assertLess(message.date.date(), self.today)
        customers = self.leads.partner_id
        for message in customers.message_ids:
            self.assertEqual(message.date.date(), self.today, "they came with Odoo")

    def test_nobody_gets_mail(self):
        self.assertEqual(self.env["mail.mail"].search([]), self.mails_before)
        self.assertEqual(self.env["mail.notification"].search([]), self.notified_before)
        self.assertEqual(self.env["sms.sms"].search([]), self.sms_before)
