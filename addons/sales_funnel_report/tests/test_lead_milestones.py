from contextlib import contextmanager
from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.sale.tests.common import TestSaleCommon

JANUARY = datetime(2026, 1, 5, 9, 0)
FEBRUARY = datetime(2026, 2, 2, 9, 0)
MARCH = datetime(2026, 3, 2, 9, 0)
APRIL = datetime(2026, 4, 6, 9, 0)


class MilestonesCase(TestSaleCommon):
    """A deal of a salesperson who may read no journal, and documents of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.salesman = new_test_user(
            cls.env,
            login="milestones_own",
            groups="sales_team.group_sale_salesman",
            company_id=cls.company.id,
        )
        cls.goods = cls.company_data["product_order_no"]
        cls.goods_delivered = cls.company_data["product_delivery_no"]
        cls.service = cls.company_data["product_service_order"]
        cls.deal, cls.other_deal = cls.env["crm.lead"].create(
            [
                {
                    "name": name,
                    "type": "opportunity",
                    "partner_id": cls.partner_a.id,
                    "user_id": cls.salesman.id,
                    "team_id": False,
                }
                for name in ("Steel for Acme", "Wood for Acme")
            ]
        )
        cls.env.flush_all()

    @contextmanager
    def at(self, moment):
        """Set the time, and with it that of the transaction."""
        with freeze_time(moment), patch.object(self.env.cr, "now", lambda: moment):
            yield
            self.env.flush_all()

    def _order(self, *products, deal=None, quantity=2, price=100, **values):
        """A quotation of the salesperson's for some of each product."""
        deal = self.deal if deal is None else deal
        return (
            self.env["sale.order"]
            .with_user(self.salesman)
            .create(
                {
                    "partner_id": self.partner_a.id,
                    "opportunity_id": deal.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": product.id,
                                "product_uom_qty": quantity,
                                "price_unit": price,
                                "tax_ids": False,
                            }
                        )
                        for product in products or (self.goods,)
                    ],
                    **values,
                }
            )
        )

    def _confirmed(self, *products, at=JANUARY, **values):
        with self.at(at):
            order = self._order(*products, **values)
            order.action_confirm()
        return order.sudo()

    def _deliver(self, order, at, quantity=None):
        """Deliver so many of each line, else all; the rest waits."""
        with self.at(at):
            for move in order.picking_ids.move_ids:
                if move.state not in ("done", "cancel"):
                    done = move.product_uom_qty if quantity is None else quantity
                    move.write({"quantity": done, "picked": True})
            pickings = order.picking_ids.filtered(
                lambda picking: picking.state not in ("done", "cancel")
            )
            pickings._action_done()

    def _return(self, order, at, quantity):
        """Take back so many of the first line."""
        with self.at(at):
            picking = order.picking_ids.filtered(lambda p: p.state == "done")[:1]
            wizard = (
                self.env["stock.return.picking"]
                .with_context(active_ids=picking.ids, active_id=picking.id)
                .create({"picking_id": picking.id})
            )
            wizard.product_return_moves[:1].quantity = quantity
            returned = self.env["stock.picking"].browse(
                wizard.action_create_returns()["res_id"]
            )
            returned.move_ids.write({"quantity": quantity, "picked": True})
            returned._action_done()
        return returned

    def _invoice(self, orders, at, post=True):
        """Invoice what is to be invoiced, for all orders at once."""
        with self.at(at):
            invoice = orders.sudo()._create_invoices()
            invoice.invoice_date = at.date()
            if post:
                invoice.action_post()
        return invoice.with_env(self.env)

    def _advance(self, order, at, **values):
        """Invoice an advance: a percentage, or a fixed amount."""
        with self.at(at):
            wizard = (
                self.env["sale.advance.payment.inv"]
                .with_context(active_model="sale.order", active_ids=order.ids)
                .create({"advance_payment_method": "percentage", **values})
            )
            advance = wizard._create_invoices(order)
            advance.invoice_line_ids.tax_ids = False
            advance.invoice_date = at.date()
            advance.action_post()
        return advance

    def _invoice_rest(self, order, at):
        """Invoice what is left, less the advances."""
        with self.at(at):
            invoice = order._create_invoices(final=True)
            invoice.invoice_line_ids.tax_ids = False
            invoice.invoice_date = at.date()
            invoice.action_post()
        return invoice

    def _prepay(self, order, at, amount):
        """Money on account: of an invoice that there is not yet."""
        with self.at(at):
            payment = self.env["account.payment"].create(
                {
                    "partner_id": order.partner_id.id,
                    "amount": amount,
                    "date": at.date(),
                }
            )
            payment.action_post()
        return payment

    def _reconcile(self, *documents):
        """Set a payment off against an invoice."""
        self.env["account.move.line"].union(
            *(document.line_ids for document in documents)
        ).filtered(lambda line: line.account_type == "asset_receivable").reconcile()

    def _pay(self, invoices, at, amount=None, **values):
        """Register a payment of that day."""
        with self.at(at):
            wizard = (
                self.env["account.payment.register"]
                .with_context(active_model="account.move", active_ids=invoices.ids)
                .create({"payment_date": at.date(), **values})
            )
            if amount is not None:
                wizard.amount = amount
            return wizard._create_payments()

    def _credit(self, invoice, at, quantity=None):
        """Credit the invoice, whole and reconciled, or so many of each line."""
        with self.at(at):
            wizard = (
                self.env["account.move.reversal"]
                .with_context(active_model="account.move", active_ids=invoice.ids)
                .create({"journal_id": invoice.journal_id.id, "date": at.date()})
            )
            action = (
                wizard.refund_moves()
                if quantity
                else wizard.with_context().modify_moves()
                and self.env["account.move"].search(
                    [("reversed_entry_id", "=", invoice.id)]
                )
            )
            if not quantity:
                return action
            note = self.env["account.move"].browse(action["res_id"])
            note.invoice_date = at.date()
            note.invoice_line_ids.quantity = quantity
            note.action_post()
        return note

    def _assert_deal(self, deal=None, **expected):
        deal = self.deal if deal is None else deal
        self.env.flush_all()
        deal.invalidate_recordset()
        self.assertEqual({name: deal[name] for name in expected}, expected)


@tagged("post_install", "-at_install")
class TestMilestonesBeforeTheOrder(MilestonesCase):
    def _call(self, moment, state="held", deal=None):
        return self.env["crm.phonecall"].create(
            {
                "lead_id": (deal or self.deal).id,
                "date": moment,
                "state": state,
                "user_id": self.salesman.id,
            }
        )

    def _meeting(self, moment, **values):
        return self.env["calendar.event"].create(
            {
                "name": "Meeting",
                "opportunity_id": self.deal.id,
                "start": moment,
                "stop": moment.replace(hour=11),
                **values,
            }
        )

    def test_first_call(self):
        self._assert_deal(date_first_call=False)
        self._call(JANUARY, "no_answer")
        self._call(JANUARY, "cancelled")
        planned = self._call(FEBRUARY, "planned")
        self._assert_deal(date_first_call=False)
        march = self._call(MARCH)
        self._assert_deal(date_first_call=MARCH)
        planned.state = "held"
        self._assert_deal(date_first_call=FEBRUARY)
        planned.date = APRIL
        self._assert_deal(date_first_call=MARCH)
        planned.date = FEBRUARY
        planned.lead_id = self.other_deal
        self._assert_deal(date_first_call=MARCH)
        self._assert_deal(self.other_deal, date_first_call=FEBRUARY)
        march.unlink()
        self._assert_deal(date_first_call=False)

    def test_first_meeting(self):
        march = self._meeting(MARCH)
        self._assert_deal(date_first_meeting=MARCH)
        february = self._meeting(FEBRUARY)
        self._assert_deal(date_first_meeting=FEBRUARY)
        february.start = APRIL
        self._assert_deal(date_first_meeting=MARCH)
        february.start = JANUARY
        february.active = False
        self._assert_deal(date_first_meeting=MARCH)
        february.active = True
        self._assert_deal(date_first_meeting=JANUARY)
        february.opportunity_id = self.other_deal
        self._assert_deal(date_first_meeting=MARCH)
        self._assert_deal(self.other_deal, date_first_meeting=JANUARY)
        march.unlink()
        self._assert_deal(date_first_meeting=False)

    def test_planned_call_is_no_meeting(self):
        """It stands in the calendar, too."""
        with self.at(JANUARY):
            call = self._call(FEBRUARY, "planned")
        self.assertTrue(call.event_id)
        self._assert_deal(date_first_meeting=False, date_first_call=False)

    def test_qualified(self):
        with self.at(JANUARY):
            lead, born = self.env["crm.lead"].create(
                [
                    {"name": "Lead", "type": "lead"},
                    {"name": "Opportunity", "type": "opportunity"},
                ]
            )
        self._assert_deal(lead, date_qualified=False)
        self._assert_deal(born, date_qualified=JANUARY)
        with self.at(FEBRUARY):
            lead.convert_opportunity(self.partner_a)
        self._assert_deal(lead, date_qualified=FEBRUARY)
        with self.at(MARCH):
            (lead | born).name = "Renamed"
            lead.type = "lead"
            born.type = "opportunity"
        self._assert_deal(lead, date_qualified=False)
        self._assert_deal(born, date_qualified=JANUARY)

    def test_qualified_without_the_wizard(self):
        with self.at(JANUARY):
            lead = self.env["crm.lead"].create({"name": "Lead", "type": "lead"})
        with self.at(FEBRUARY):
            lead.type = "opportunity"
        self._assert_deal(lead, date_qualified=FEBRUARY)


@tagged("post_install", "-at_install")
class TestMilestonesOfOrders(MilestonesCase):
    def test_sent(self):
        with self.at(JANUARY):
            order = self._order()
        self._assert_deal(date_quotation_sent=False, amount_quoted=0)
        with self.at(FEBRUARY):
            order.action_quotation_sent()
        self._assert_deal(date_quotation_sent=FEBRUARY, amount_quoted=200)
        with self.at(MARCH):
            order._action_cancel()
            order.action_draft()
            order.action_quotation_sent()
            order.order_line.price_unit = 150
        self._assert_deal(date_quotation_sent=FEBRUARY, amount_quoted=300)

    def test_sent_by_mail(self):
        with self.at(JANUARY):
            order = self._order()
            order.with_context(mark_so_as_sent=True).message_post(body="Here it is")
        self.assertEqual(order.state, "sent")
        self._assert_deal(date_quotation_sent=JANUARY)

    def test_sent_and_confirmed_at_once(self):
        with self.at(JANUARY):
            order = self._order()
            order.action_quotation_sent()
            order.action_confirm()
        self._assert_deal(date_quotation_sent=JANUARY, date_ordered=JANUARY)

    def test_confirmed_without_being_sent(self):
        self._confirmed()
        self._assert_deal(
            date_quotation_sent=False,
            amount_quoted=0,
            date_ordered=JANUARY,
            amount_ordered=200,
        )

    def test_quotations_are_not_counted_twice(self):
        """Of several quotations those count that are still good; when none is, the
        last one tells what the deal was about."""
        with self.at(JANUARY):
            first = self._order(price=100)
            first.action_quotation_sent()
        with self.at(FEBRUARY):
            second = self._order(price=80)
            second.action_quotation_sent()
            first._action_cancel()
        self._assert_deal(date_quotation_sent=JANUARY, amount_quoted=160)
        second._action_cancel()
        self._assert_deal(date_quotation_sent=JANUARY, amount_quoted=160)
        second.sudo().unlink()
        self._assert_deal(date_quotation_sent=JANUARY, amount_quoted=200)
        first.sudo().unlink()
        self._assert_deal(date_quotation_sent=False, amount_quoted=0)

    def test_ordered(self):
        order = self._confirmed()
        second = self._confirmed(at=FEBRUARY, price=30)
        self._assert_deal(date_ordered=JANUARY, amount_ordered=260)
        order.order_line.write({"product_uom_qty": 3, "price_unit": 100})
        self._assert_deal(amount_ordered=360)
        order._action_cancel()
        self._assert_deal(date_ordered=FEBRUARY, amount_ordered=60)
        second._action_cancel()
        self._assert_deal(date_ordered=False, amount_ordered=0, delivery_progress=False)

    def test_order_of_another_currency(self):
        """At the rate of its day, in the currency of the company."""
        currency = self.setup_other_currency(
            "HRK", rates=[("2025-01-01", 2.0), ("2026-02-01", 4.0)]
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Kuna", "currency_id": currency.id}
        )
        self._confirmed(pricelist_id=pricelist.id)
        self._assert_deal(
            amount_ordered=100, documents_currency_id=self.company.currency_id
        )
        self._confirmed(at=MARCH, pricelist_id=pricelist.id)
        self._assert_deal(amount_ordered=150)

    def test_orders_of_two_companies(self):
        """All in the currency of the one that sold first."""
        currency = self.setup_other_currency("HRK", rates=[("2025-01-01", 2.0)])
        currency.rate_ids.company_id = False
        company = self._create_company(name="Elsewhere", currency_id=currency.id)
        self.deal.company_id = False
        service = self.env["product.product"].create(
            {"name": "Advice", "type": "service"}
        )
        self._confirmed()
        there = (
            self.env["sale.order"]
            .with_company(company)
            .create(
                {
                    "partner_id": self.partner_a.id,
                    "opportunity_id": self.deal.id,
                    "company_id": company.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": service.id,
                                "price_unit": 60,
                                "tax_ids": False,
                            }
                        )
                    ],
                }
            )
        )
        with self.at(FEBRUARY):
            there.action_confirm()
        self.assertEqual(there.currency_id, currency)
        self._assert_deal(
            amount_ordered=230, documents_currency_id=self.company.currency_id
        )

    def test_form_of_an_order(self):
        """Nothing is disturbed while a deal is chosen in an order not yet saved."""
        self._confirmed()
        form = Form(self.env["sale.order"].with_user(self.salesman))
        form.partner_id = self.partner_a
        form.opportunity_id = self.other_deal.with_user(self.salesman)
        form.opportunity_id = self.deal.with_user(self.salesman)
        form.save()
        self._assert_deal(amount_ordered=200)

    def test_order_linked_later(self):
        loose = self.env["crm.lead"]
        order = self._confirmed(deal=loose)
        self._deliver(order, FEBRUARY)
        self._pay(self._invoice(order, MARCH), APRIL)
        self._assert_deal(date_ordered=False)
        expected = {
            "date_ordered": JANUARY,
            "date_delivered": FEBRUARY,
            "date_invoiced": MARCH.date(),
            "date_paid": APRIL.date(),
            "amount_ordered": 200,
            "amount_invoiced": 200,
            "amount_paid": 200,
        }
        order.opportunity_id = self.deal
        self._assert_deal(**expected)
        order.opportunity_id = self.other_deal
        self._assert_deal(self.other_deal, **expected)
        self._assert_deal(**dict.fromkeys(expected, False))
        self.other_deal.order_ids = [Command.clear()]
        self._assert_deal(self.other_deal, **dict.fromkeys(expected, False))

    def test_deals_are_merged(self):
        with self.at(JANUARY):
            late = self.deal.copy({"type": "lead"})
            early = self.deal.copy()
        with self.at(FEBRUARY):
            late.type = "opportunity"
        self._assert_deal(late, date_qualified=FEBRUARY)
        self._confirmed(deal=early)
        paid = self._confirmed(deal=late, at=FEBRUARY, price=50)
        self._pay(self._invoice(paid, MARCH), APRIL)
        self.env["crm.phonecall"].create(
            {"lead_id": early.id, "date": JANUARY, "state": "held"}
        )
        self.env["calendar.event"].create(
            {
                "name": "Meeting",
                "opportunity_id": early.id,
                "start": FEBRUARY,
                "stop": FEBRUARY,
            }
        )
        survivor = (early | late).merge_opportunity()
        self.assertEqual(survivor, late)
        self._assert_deal(
            survivor,
            date_first_call=JANUARY,
            date_first_meeting=FEBRUARY,
            date_qualified=JANUARY,
            date_ordered=JANUARY,
            amount_ordered=300,
            invoice_progress="open",
            amount_invoiced=100,
            date_paid=APRIL.date(),
            amount_paid=100,
        )
        self.assertFalse(self._check())

    def test_orders_are_merged(self):
        """The lines go to one order, the other one is cancelled."""
        first = self._confirmed(self.service)
        second = self._confirmed(self.service, deal=self.other_deal, price=70)
        invoice = self._invoice(second, FEBRUARY)
        second.order_line.order_id = first
        second._action_cancel()
        self._assert_deal(
            amount_ordered=340, amount_invoiced=140, invoice_progress="open"
        )
        self._assert_deal(
            self.other_deal, amount_ordered=0, amount_invoiced=0, date_ordered=False
        )
        self._invoice(first, MARCH)
        self._pay(invoice, APRIL)
        self._assert_deal(
            date_invoiced=MARCH.date(), payment_progress="open", amount_paid=140
        )
        self.assertFalse(self._check())

    def _check(self):
        return self.env["crm.lead"].with_user(1).check_and_repair_milestones()


@tagged("post_install", "-at_install")
class TestMilestonesOfDeliveries(MilestonesCase):
    def test_delivered(self):
        order = self._confirmed()
        self._assert_deal(delivery_progress="open", date_delivered=False)
        self._deliver(order, FEBRUARY, quantity=1)
        self._assert_deal(delivery_progress="open", date_delivered=False)
        self._deliver(order, MARCH)
        self._assert_deal(delivery_progress="done", date_delivered=MARCH)

    def test_returned(self):
        order = self._confirmed()
        self._deliver(order, FEBRUARY)
        returned = self._return(order, MARCH, quantity=1)
        self._assert_deal(delivery_progress="open", date_delivered=False)
        with self.at(APRIL):
            wizard = (
                self.env["stock.return.picking"]
                .with_context(active_ids=returned.ids, active_id=returned.id)
                .create({"picking_id": returned.id})
            )
            wizard.product_return_moves.quantity = 1
            again = self.env["stock.picking"].browse(
                wizard.action_create_returns()["res_id"]
            )
            again.move_ids.write({"quantity": 1, "picked": True})
            again._action_done()
        self._assert_deal(delivery_progress="done", date_delivered=APRIL)

    def test_more_is_ordered(self):
        order = self._confirmed()
        self._deliver(order, FEBRUARY)
        with self.at(MARCH):
            order.order_line.product_uom_qty = 5
        self._assert_deal(delivery_progress="open", date_delivered=False)
        self._deliver(order, APRIL)
        self._assert_deal(delivery_progress="done", date_delivered=APRIL)

    def test_more_is_delivered(self):
        """It was complete before."""
        order = self._confirmed()
        with self.at(FEBRUARY):
            order.picking_ids.move_ids.write({"quantity": 2, "picked": True})
            order.picking_ids._action_done()
        with self.at(MARCH):
            more = order.picking_ids.copy({"move_ids": []})
            move = order.picking_ids.move_ids[:1].copy(
                {
                    "picking_id": more.id,
                    "product_uom_qty": 1,
                    "sale_line_id": order.order_line.id,
                }
            )
            move._action_confirm(merge=False)
            move.write({"quantity": 1, "picked": True})
            move._action_done()
        self.assertEqual(order.order_line.qty_delivered, 3)
        self._assert_deal(date_delivered=FEBRUARY)

    def test_kit(self):
        """What is delivered are its components; whether all of it was, the module
        of kits says."""
        order = self._confirmed()
        component = self.env["product.product"].create(
            {"name": "Half of it", "type": "consu"}
        )
        with self.at(MARCH):
            move = order.picking_ids.move_ids
            part = move.copy({"product_id": component.id})
            part._action_confirm(merge=False)
            part.write({"quantity": 2, "picked": True})
            part._action_done()
            move._action_cancel()
        self.assertEqual(part.sale_line_id, order.order_line)
        self._assert_deal(delivery_progress="open", date_delivered=False)
        order.order_line.qty_delivered = 2
        self._assert_deal(delivery_progress="done", date_delivered=MARCH)

    def test_service_needs_no_delivery(self):
        self._confirmed(self.service)
        self._assert_deal(delivery_progress="none", date_delivered=False)
        goods = self._confirmed(self.goods, self.service)
        self._assert_deal(delivery_progress="open")
        self._deliver(goods, FEBRUARY)
        self._assert_deal(delivery_progress="done", date_delivered=FEBRUARY)

    def test_all_orders_of_the_deal(self):
        first = self._confirmed()
        self._deliver(first, FEBRUARY)
        second = self._confirmed(at=MARCH)
        self._assert_deal(delivery_progress="open", date_delivered=False)
        self._deliver(second, APRIL)
        self._assert_deal(delivery_progress="done", date_delivered=APRIL)
        second.order_line.product_uom_qty = 3
        second._action_cancel()
        self._assert_deal(delivery_progress="done", date_delivered=FEBRUARY)

    def test_delivery_is_cancelled(self):
        order = self._confirmed()
        order.picking_ids.action_cancel()
        self._assert_deal(delivery_progress="open", date_delivered=False)


@tagged("post_install", "-at_install")
class TestMilestonesOfInvoices(MilestonesCase):
    def test_invoiced(self):
        order = self._confirmed()
        self._assert_deal(invoice_progress="open", payment_progress=False)
        invoice = self._invoice(order, FEBRUARY, post=False)
        self._assert_deal(invoice_progress="open", amount_invoiced=0)
        with self.at(MARCH):
            invoice.action_post()
        self._assert_deal(
            invoice_progress="done",
            date_invoiced=FEBRUARY.date(),
            amount_invoiced=200,
            payment_progress="open",
            date_paid=False,
        )
        invoice.button_draft()
        self._assert_deal(
            invoice_progress="open",
            date_invoiced=False,
            amount_invoiced=0,
            payment_progress=False,
        )
        invoice.unlink()
        self._assert_deal(invoice_progress="open", amount_invoiced=0)

    def test_posted_invoice_is_deleted(self):
        order = self._confirmed()
        invoice = self._invoice(order, FEBRUARY)
        invoice.with_context(force_delete=True).unlink()
        self.assertFalse(invoice.exists())
        self._assert_deal(
            date_invoiced=False, amount_invoiced=0, payment_progress=False
        )

    def test_invoice_is_cancelled(self):
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        invoice.button_draft()
        invoice.button_cancel()
        self._assert_deal(invoice_progress="open", amount_invoiced=0)

    def test_delivered_quantities(self):
        order = self._confirmed(self.goods_delivered)
        self._deliver(order, JANUARY, quantity=1)
        self._invoice(order, FEBRUARY)
        self._assert_deal(invoice_progress="open", amount_invoiced=100)
        self._deliver(order, FEBRUARY)
        self._invoice(order, MARCH)
        self._assert_deal(
            invoice_progress="done", date_invoiced=MARCH.date(), amount_invoiced=200
        )

    def test_invoice_of_another_day(self):
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        invoice.button_draft()
        invoice.invoice_date = MARCH.date()
        invoice.action_post()
        self._assert_deal(date_invoiced=MARCH.date())

    def test_credited(self):
        order = self._confirmed()
        invoice = self._invoice(order, FEBRUARY)
        self._credit(invoice, MARCH, quantity=1)
        self._assert_deal(invoice_progress="open", amount_invoiced=100)
        self._invoice(order, APRIL)
        self._assert_deal(
            invoice_progress="done", date_invoiced=APRIL.date(), amount_invoiced=200
        )

    def test_advance(self):
        """An advance is money, but nothing that was ordered."""
        order = self._confirmed()
        advance = self._advance(order, FEBRUARY, amount=50)
        self._assert_deal(
            invoice_progress="open", amount_invoiced=100, amount_ordered=200
        )
        self._pay(advance, FEBRUARY)
        self._assert_deal(amount_paid=100, date_paid=FEBRUARY.date())
        final = self._invoice_rest(order, MARCH)
        self._assert_deal(
            date_invoiced=MARCH.date(),
            amount_invoiced=200,
            amount_paid=100,
            date_paid=False,
        )
        self._pay(final, APRIL)
        self._assert_deal(amount_paid=200, date_paid=APRIL.date())

    def test_one_invoice_of_two_orders(self):
        mine = self._confirmed(price=100)
        other = self._confirmed(deal=self.other_deal, price=25)
        invoice = self._invoice(mine | other, FEBRUARY)
        self.assertEqual(len(invoice), 1)
        self.assertEqual(invoice.amount_untaxed, 250)
        for deal, amount in ((self.deal, 200), (self.other_deal, 50)):
            self._assert_deal(
                deal, amount_invoiced=amount, date_invoiced=FEBRUARY.date()
            )
        self._pay(invoice, MARCH, amount=100)
        for deal, amount in ((self.deal, 80), (self.other_deal, 20)):
            self._assert_deal(deal, amount_paid=amount, date_paid=False)

    def test_one_line_of_two_orders(self):
        """Nobody's share is counted twice."""
        mine = self._confirmed(price=100)
        other = self._confirmed(deal=self.other_deal, price=25)
        invoice = self._invoice(mine | other, FEBRUARY, post=False)
        first, second = invoice.invoice_line_ids
        first.write(
            {
                "price_unit": 125,
                "sale_line_ids": [Command.set((mine | other).order_line.ids)],
            }
        )
        second.unlink()
        with self.at(FEBRUARY):
            invoice.action_post()
        self._assert_deal(amount_invoiced=200)
        self._assert_deal(self.other_deal, amount_invoiced=50)

    def test_free_line_needs_no_invoice(self):
        order = self._confirmed(self.service)
        order.order_line = [
            Command.create({"product_id": self.goods.id, "price_unit": 0})
        ]
        invoice = self._invoice(order, FEBRUARY, post=False)
        invoice.invoice_line_ids.filtered(lambda line: not line.price_unit).unlink()
        with self.at(FEBRUARY):
            invoice.action_post()
        self._assert_deal(invoice_progress="done", date_invoiced=FEBRUARY.date())

    def test_nothing_to_invoice(self):
        self._confirmed(price=0)
        self._assert_deal(invoice_progress="none", date_invoiced=False)

    def test_tax_is_not_counted(self):
        order = self._confirmed(self.service)
        order.order_line.tax_ids = self.company_data["default_tax_sale"]
        invoice = self._invoice(order, FEBRUARY)
        self.assertGreater(invoice.amount_total, 200)
        self._pay(invoice, MARCH, amount=invoice.amount_total / 2)
        self._assert_deal(amount_invoiced=200, amount_paid=100)


@tagged("post_install", "-at_install")
class TestMilestonesOfPayments(MilestonesCase):
    def test_paid(self):
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        self._pay(invoice, MARCH, amount=50)
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=50)
        # entered in May, paid in April
        with self.at(datetime(2026, 5, 4)):
            self._pay(invoice, APRIL)
        self._assert_deal(
            payment_progress="done", date_paid=APRIL.date(), amount_paid=200
        )

    def test_unreconciled(self):
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        payment = self._pay(invoice, MARCH)
        self._assert_deal(date_paid=MARCH.date())
        invoice.line_ids.remove_move_reconcile()
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=0)
        (payment.move_id | invoice).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self._assert_deal(date_paid=MARCH.date(), amount_paid=200)
        payment.action_draft()
        payment.unlink()
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=0)

    def test_paid_again_on_another_day_at_once(self):
        """The state of the invoice is as it was."""
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        first = self._pay(invoice, MARCH)
        first.action_draft()
        first.date = APRIL.date()
        first.action_post()
        self._assert_deal(date_paid=APRIL.date(), amount_paid=200)

    def test_all_invoices(self):
        order = self._confirmed(self.goods_delivered)
        self._deliver(order, JANUARY, quantity=1)
        self._pay(self._invoice(order, JANUARY), FEBRUARY)
        self._assert_deal(payment_progress="done", date_paid=FEBRUARY.date())
        self._deliver(order, FEBRUARY)
        second = self._invoice(order, FEBRUARY)
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=100)
        self._pay(second, MARCH)
        self._assert_deal(date_paid=MARCH.date(), amount_paid=200)

    def test_credited_whole(self):
        """An invoice that was taken back is paid by nobody."""
        order = self._confirmed()
        invoice = self._invoice(order, FEBRUARY)
        self._credit(invoice, MARCH)
        self.assertEqual(invoice.payment_state, "reversed")
        self._assert_deal(
            payment_progress=False,
            date_paid=False,
            amount_paid=0,
            amount_invoiced=0,
            invoice_progress="open",
        )

    def test_credited_in_part_and_paid(self):
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        note = self._credit(invoice, MARCH, quantity=1)
        (note | invoice).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self._assert_deal(amount_invoiced=100, amount_paid=0, date_paid=False)
        self._pay(invoice, APRIL)
        self._assert_deal(amount_invoiced=100, amount_paid=100, date_paid=APRIL.date())

    def test_credited_for_another_reason(self):
        """A credit note that belongs to no order settles the invoice all the same,
        but nobody has paid."""
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        with self.at(MARCH):
            note = self.env["account.move"].create(
                {
                    "move_type": "out_refund",
                    "partner_id": invoice.partner_id.id,
                    "invoice_date": MARCH.date(),
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Bonus", "price_unit": 50, "tax_ids": False}
                        )
                    ],
                }
            )
            note.action_post()
            (note | invoice).line_ids.filtered(
                lambda line: line.account_type == "asset_receivable"
            ).reconcile()
        self._assert_deal(amount_invoiced=200, amount_paid=0, date_paid=False)
        self._pay(invoice, APRIL)
        self._assert_deal(amount_invoiced=200, amount_paid=150, date_paid=APRIL.date())

    def test_money_is_given_back(self):
        order = self._confirmed()
        invoice = self._invoice(order, FEBRUARY)
        self._pay(invoice, FEBRUARY)
        note = self._credit(invoice, MARCH, quantity=2)
        self._assert_deal(amount_invoiced=0, amount_paid=200)
        self._pay(note, APRIL)
        self._assert_deal(amount_invoiced=0, amount_paid=0)

    def test_payment_of_another_currency(self):
        """The difference of the rates is no payment."""
        currency = self.setup_other_currency(
            "HRK", rates=[("2025-01-01", 2.0), ("2026-03-01", 4.0)]
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Kuna", "currency_id": currency.id}
        )
        invoice = self._invoice(self._confirmed(pricelist_id=pricelist.id), FEBRUARY)
        self.assertEqual(invoice.currency_id, currency)
        self._assert_deal(amount_invoiced=100)
        self._pay(invoice, MARCH, amount=100)
        self._assert_deal(amount_paid=50, date_paid=False)
        self._pay(invoice, APRIL)
        self.assertTrue(
            invoice.line_ids.matched_credit_ids.exchange_move_id, "the rate has changed"
        )
        self._assert_deal(amount_paid=100, date_paid=APRIL.date(), amount_invoiced=100)

    def test_payment_in_the_currency_of_the_company(self):
        currency = self.setup_other_currency(
            "HRK", rates=[("2025-01-01", 2.0), ("2026-03-01", 4.0)]
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Kuna", "currency_id": currency.id}
        )
        invoice = self._invoice(self._confirmed(pricelist_id=pricelist.id), FEBRUARY)
        self._pay(invoice, MARCH, amount=25, currency_id=self.company.currency_id.id)
        self._assert_deal(amount_paid=50, date_paid=False)

    def test_payment_without_a_journal_entry(self):
        """The bank has not told of it yet; Odoo takes the invoice for paid."""
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        with self.at(MARCH):
            payment = self.env["account.payment"].create(
                {
                    "partner_id": self.partner_a.id,
                    "amount": 200,
                    "invoice_ids": [Command.set(invoice.ids)],
                }
            )
            # Community gives it one; accounting of others' making does not
            payment.outstanding_account_id = False
            payment.action_post()
        self.assertFalse(payment.move_id)
        self.assertFalse(invoice.line_ids.matched_credit_ids)
        self._assert_deal(
            payment_progress="done", date_paid=MARCH.date(), amount_paid=200
        )
        payment.action_cancel()
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=0)

    def test_bank_statement(self):
        invoice = self._invoice(self._confirmed(), FEBRUARY)
        with self.at(APRIL):
            statement_line = self.env["account.bank.statement.line"].create(
                {
                    "journal_id": self.company_data["default_journal_bank"].id,
                    "date": MARCH.date(),
                    "payment_ref": invoice.name,
                    "amount": 200,
                    "partner_id": self.partner_a.id,
                }
            )
            _liquidity, suspense, _other = statement_line._seek_for_lines()
            suspense.account_id = invoice.line_ids.filtered(
                lambda line: line.account_type == "asset_receivable"
            ).account_id
            (suspense | invoice.line_ids).filtered(
                lambda line: line.account_type == "asset_receivable"
            ).reconcile()
        self._assert_deal(date_paid=MARCH.date(), amount_paid=200)


@tagged("post_install", "-at_install")
class TestMilestonesKept(MilestonesCase):
    """How they are filled, checked and read, and what they cost."""

    TABLES = ("sale_order", "calendar_event", "crm_phonecall", "account_move")

    def _whole_way(self):
        order = self._confirmed()
        self._deliver(order, FEBRUARY)
        invoice = self._invoice(order, MARCH)
        self._pay(invoice, APRIL)
        self.env["crm.phonecall"].create(
            {"lead_id": self.deal.id, "date": JANUARY, "state": "held"}
        )
        return order

    def _milestones(self, *records):
        self.env.flush_all()
        self.env.invalidate_all()
        return {
            record: {f: record[f] for f in record._get_milestone_fields()}
            for record in records
        }

    def test_existing_database_is_filled(self):
        order = self._whole_way()
        with self.at(APRIL):
            sent = self._order(deal=self.other_deal).sudo()
            sent.action_quotation_sent()
        before = self._milestones(self.deal, self.other_deal, order, sent)
        for table, model in (("sale_order", order), ("crm_lead", self.deal)):
            columns = ", ".join(f"{f} = NULL" for f in model._get_milestone_fields())
            self.env.cr.execute(
                f"UPDATE {table} SET {columns}, write_date = '2026-01-01'"
            )
        self.env.cr.execute("UPDATE sale_order SET date_quotation_sent = NULL")
        self.env.cr.execute(
            "UPDATE crm_lead SET date_conversion = %s WHERE id = %s",
            [FEBRUARY, self.deal.id],
        )
        self.env.invalidate_all(flush=False)
        self.assertFalse(self.deal.date_ordered)
        self.env["crm.lead"]._fill_all_milestones()
        after = self._milestones(self.deal, self.other_deal, order, sent)
        before[self.deal]["date_qualified"] = FEBRUARY
        before[self.other_deal]["date_qualified"] = self.other_deal.create_date
        # nobody has the message of it: the day of the quotation
        before[self.other_deal]["date_quotation_sent"] = sent.date_order
        self.assertEqual(after, before)
        for record in after:
            self.assertEqual(record.write_date, datetime(2026, 1, 1))

    def test_check_and_repair(self):
        order = self._whole_way()
        leads = self.env["crm.lead"]
        before = self._milestones(self.deal, order)
        self.assertEqual(leads.with_user(1).check_and_repair_milestones(), [])
        self.env.cr.execute(
            "UPDATE crm_lead SET date_paid = NULL, amount_paid = 7 WHERE id = %s",
            self.deal.ids,
        )
        self.env.cr.execute(
            "UPDATE sale_order SET date_delivered = '2020-01-01' WHERE id = %s",
            order.ids,
        )
        self.env.invalidate_all(flush=False)
        manager = new_test_user(
            self.env,
            login="milestones_manager",
            groups="sales_team.group_sale_manager",
            company_id=self.company.id,
        )
        found = leads.with_user(manager).check_and_repair_milestones()
        self.assertEqual(
            [(row["model"], row["id"], row["field"]) for row in found],
            [
                ("sale.order", order.id, "date_delivered"),
                ("crm.lead", self.deal.id, "date_paid"),
                ("crm.lead", self.deal.id, "amount_paid"),
            ],
        )
        self.assertEqual(found[2]["stored"], 7)
        self.assertEqual(found[2]["right"], 200)
        self.assertEqual(found[1]["right"], date(2026, 4, 6))
        self.assertEqual(self._milestones(self.deal, order), before)
        self.assertEqual(leads.with_user(manager).check_and_repair_milestones(), [])

    def test_check_and_repair_by_hand(self):
        """From the menu, together with the check of what the funnel counts from."""
        self._whole_way()
        self.env["crm.lead"].with_user(1).check_and_repair_milestones()
        action = self.env.ref("sales_funnel_report.crm_lead_stage_summary_action_check")
        manager = new_test_user(
            self.env, login="checks", groups="sales_team.group_sale_manager"
        )
        told = action.with_user(manager).run()["params"]
        self.assertEqual(told["type"], "success")
        self.assertIn("their documents prove.", told["message"])
        deals = self.deal.create(
            [{"name": f"Deal {number}", "type": "opportunity"} for number in range(6)]
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET amount_paid = 7, amount_ordered = 7 WHERE id IN %s",
            [deals._ids],
        )
        self.env.cr.execute(
            "UPDATE crm_lead SET amount_paid = 7 WHERE id = %s", self.deal.ids
        )
        self.env.invalidate_all(flush=False)
        told = action.with_user(manager).run()["params"]
        self.assertEqual(told["type"], "warning")
        self.assertEqual(
            told["message"],
            "The funnel counts all deals as their history has it. Some dates and "
            "amounts were not what documents prove, and are now. Values corrected: 13, "
            "on Steel for Acme, Deal 0, Deal 1, Deal 2, Deal 3 and 2 more.",
        )
        self._assert_deal(amount_paid=200)
        told = action.with_user(manager).run()["params"]
        self.assertEqual(told["type"], "success")

    def test_only_managers_check(self):
        with self.assertRaises(AccessError):
            self.env["crm.lead"].with_user(self.salesman).check_and_repair_milestones()

    def test_salesman_reads_them_and_no_journal(self):
        self._whole_way()
        self.env.invalidate_all()
        deal = self.deal.with_user(self.salesman)
        self.assertEqual(deal.date_paid, APRIL.date())
        self.assertEqual(deal.amount_paid, 200)
        self.assertEqual(Form(deal).name, "Steel for Acme")
        with self.assertRaises(AccessError):
            self.env["account.payment"].with_user(self.salesman).search([])

    @contextmanager
    def _assert_reads_no_documents(self):
        with self.assertLogs("odoo.sql_db", level="DEBUG") as log:
            yield
            self.env.flush_all()
        for line in log.output:
            for table in self.TABLES:
                self.assertNotIn(f'"{table}"', line)

    def test_deal_without_documents_costs_nothing(self):
        stages = self.env["crm.stage"].search([("is_won", "=", False)])
        self.env.flush_all()
        self.env.invalidate_all()
        with self._assert_reads_no_documents():
            self.deal.stage_id = stages[-1]
        with self._assert_reads_no_documents():
            self.deal.action_set_lost()
        with self._assert_reads_no_documents():
            self.deal.action_unarchive()
        with self._assert_reads_no_documents():
            self.env["crm.lead"].create({"name": "New", "type": "opportunity"})

    def test_move_of_a_deal_with_documents_costs_nothing(self):
        self._whole_way()
        stages = self.env["crm.stage"].search([("is_won", "=", False)])
        self.env.flush_all()
        self.env.invalidate_all()
        with self._assert_reads_no_documents():
            self.deal.stage_id = stages[-1]

    def test_no_query_for_each_record(self):
        """Thirty deals on their whole way take as many queries as three."""
        deals = self.env["crm.lead"].create(
            [
                {
                    "name": f"Deal {number}",
                    "type": "opportunity",
                    "user_id": self.salesman.id,
                    "team_id": False,
                }
                for number in range(30)
            ]
        )
        orders = self.env["sale.order"]
        for deal in deals:
            orders |= self._confirmed(deal=deal)
        self._deliver(orders, FEBRUARY)
        invoices = self._invoice(orders, MARCH)
        self._pay(invoices, APRIL, group_payment=False)
        self.assertEqual(set(deals.mapped("amount_paid")), {200})

        def count(some):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            for records in (some.order_ids, some):
                records.sudo()._recompute_milestones(records.sudo())
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        count(deals[:3])
        few, many = count(deals[:3]), count(deals)
        self.assertLessEqual(many, few)
