from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .order_to_cash_common import OrderToCashCase

AMOUNTS = ("ordered", "to_deliver", "to_invoice", "receivable", "overdue", "paid")


class OrderToCashReportCase(OrderToCashCase):
    def _row(self, day, document):
        """:return: the row of an order, or of an invoice without one"""
        field = "order_id" if document._name == "sale.order" else "invoice_id"
        return self._report("sale.order.to.cash", day).search(
            [(field, "=", document.id)]
        )

    def _amounts(self, day, document):
        row = self._row(day, document)
        return tuple(row[f"amount_{name}"] for name in AMOUNTS) if row else None


@tagged("post_install", "-at_install")
class TestOrderToCash(OrderToCashReportCase):
    """The way of the money of an order, at several days."""

    def test_way_of_an_order(self):
        order = self._order("2026-01-05", (self.goods, 4, 25))
        self._deliver("2026-01-10", order, 1)
        self._deliver("2026-01-12", order, 3)
        invoice = self._bill("2026-01-20", order)
        self._pay("2026-02-10", invoice, 40)
        self._pay("2026-03-10", invoice)
        # due on 19 February
        for day, expected in (
            ("2026-01-04", None),
            ("2026-01-05", (100, 100, 0, 0, 0, 0)),
            ("2026-01-10", (100, 75, 25, 0, 0, 0)),
            ("2026-01-12", (100, 0, 100, 0, 0, 0)),
            ("2026-01-20", (100, 0, 0, 100, 0, 0)),
            ("2026-02-09", (100, 0, 0, 100, 0, 0)),
            ("2026-02-10", (100, 0, 0, 60, 0, 40)),
            ("2026-02-19", (100, 0, 0, 60, 0, 40)),
            ("2026-02-20", (100, 0, 0, 60, 60, 40)),
            ("2026-03-10", (100, 0, 0, 0, 0, 100)),
        ):
            self.assertEqual(self._amounts(day, order), expected, day)
            self._assert_ties(day)

    def test_dates_and_days(self):
        order = self._order("2026-01-05", (self.goods, 4, 25))
        self._deliver("2026-01-12", order, 4)
        invoice = self._bill("2026-01-20", order)
        self._pay("2026-03-10", invoice)
        row = self._row("2026-02-28", order)
        self.assertEqual(
            [
                str(row[f"date_{name}"] or "")
                for name in ("ordered", "delivered", "invoiced", "due", "paid")
            ],
            ["2026-01-05", "2026-01-12", "2026-01-20", "2026-02-19", ""],
        )
        days = ("to_deliver", "to_invoice", "to_pay", "to_cash")
        # 9 days since 19 February
        self.assertEqual(row.days_overdue, 9)
        self.assertEqual([row[f"days_{name}"] for name in days], [7, 8, 0, 0])
        row = self._row("2026-03-10", order)
        self.assertEqual(str(row.date_paid), "2026-03-10")
        self.assertEqual([row[f"days_{name}"] for name in days], [7, 8, 49, 64])
        self.assertEqual(row.days_overdue, 0)

    def test_unfinished_orders_do_not_count_in_the_mean_of_days(self):
        done = self._order("2026-01-05")
        self._deliver("2026-01-12", done, 1)
        half = self._order("2026-01-05", (self.goods, 4, 25))
        self._deliver("2026-01-06", half, 1)
        [[mean]] = self._report("sale.order.to.cash", "2026-02-01")._read_group(
            [("order_id", "in", (done + half).ids)], [], ["days_to_deliver:avg"]
        )
        self.assertEqual(mean, 7)

    def test_services(self):
        """Who is invoiced as ordered waits for no delivery; who is invoiced as
        delivered does."""
        ordered = self._order("2026-01-05", (self.service, 1, 100))
        entered = self._order(
            "2026-01-05", (self.company_data["product_service_delivery"], 2, 50)
        )
        self.assertEqual(self._amounts("2026-01-05", ordered), (100, 0, 100, 0, 0, 0))
        self.assertEqual(self._amounts("2026-01-05", entered), (100, 100, 0, 0, 0, 0))
        entered.order_line.qty_delivered = 1
        self.assertEqual(self._amounts("2026-01-05", entered), (100, 50, 50, 0, 0, 0))
        entered.invoice_policy = "order"
        self.assertEqual(self._amounts("2026-01-05", entered), (100, 0, 100, 0, 0, 0))

    def test_return(self):
        order = self._order("2026-01-05", (self.goods, 4, 25))
        self._deliver("2026-01-10", order, 4)
        with self.at("2026-01-20"):
            wizard = (
                self.env["stock.return.picking"]
                .with_context(
                    active_id=order.picking_ids.id, active_model="stock.picking"
                )
                .create({})
            )
            wizard.product_return_moves.write({"quantity": 1, "to_refund": True})
            back = wizard._create_return()
            back.move_ids.write({"quantity": 1, "picked": True})
            back._action_done()
        self.assertEqual(self._amounts("2026-01-09", order)[1:3], (100, 0))
        self.assertEqual(self._amounts("2026-01-19", order)[1:3], (0, 100))
        self.assertEqual(self._amounts("2026-01-20", order)[1:3], (25, 75))

    def test_taxes_are_part_of_it(self):
        order = self._order("2026-01-05")
        order.order_line.tax_ids = self.tax
        self._deliver("2026-01-05", order, 1)
        self.assertEqual(self._amounts("2026-01-05", order), (120, 0, 120, 0, 0, 0))
        self.assertEqual(self._row("2026-01-05", order).amount_ordered_untaxed, 100)
        self._bill("2026-01-06", order)
        self.assertEqual(self._amounts("2026-01-06", order), (120, 0, 0, 120, 0, 0))
        self._assert_ties("2026-01-06")

    def test_draft_and_cancelled_invoices_are_none(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        invoice = self._bill("2026-01-06", order, post=False)
        self.assertEqual(self._amounts("2026-01-06", order), (100, 0, 100, 0, 0, 0))
        invoice.action_post()
        self.assertEqual(self._amounts("2026-01-06", order), (100, 0, 0, 100, 0, 0))
        invoice.button_draft()
        invoice.button_cancel()
        self.assertEqual(self._amounts("2026-01-06", order), (100, 0, 100, 0, 0, 0))
        self._assert_ties("2026-01-06")

    def test_cancelled_order_keeps_what_was_invoiced(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        self._bill("2026-01-06", order)
        order._action_cancel()
        self.assertEqual(self._amounts("2026-01-06", order), (0, 0, 0, 100, 0, 0))
        self.assertEqual(self._row("2026-01-06", order).order_state, "cancel")
        self._assert_ties("2026-01-06")

    def test_quotation_is_no_order(self):
        order = self._order("2026-01-05", confirm=False)
        self.assertIsNone(self._amounts("2026-01-05", order))

    def test_down_payment(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        with self.at("2026-01-06"):
            self.env["sale.advance.payment.inv"].with_context(
                active_model="sale.order", active_ids=order.ids
            ).create(
                {"advance_payment_method": "fixed", "fixed_amount": 30}
            ).create_invoices()
            order.invoice_ids.invoice_date = "2026-01-06"
            order.invoice_ids.action_post()
        self.assertEqual(self._amounts("2026-01-06", order), (100, 0, 100, 30, 0, 0))
        self._bill("2026-01-10", order)
        self.assertEqual(self._amounts("2026-01-10", order), (100, 0, 0, 100, 0, 0))
        self._assert_ties("2026-01-10")

    def test_order_in_another_currency(self):
        """Two dollars a euro when it is ordered, two and a half when invoiced."""
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": self.euro.id}
        )
        order = self._order(
            "2026-01-05", (self.service, 1, 100), pricelist_id=pricelist.id
        )
        self.assertEqual(order.currency_id, self.euro)
        self.assertEqual(self._amounts("2026-01-05", order), (200, 0, 200, 0, 0, 0))
        self._bill("2026-03-05", order)
        self.assertEqual(self._amounts("2026-03-05", order), (200, 0, 0, 250, 0, 0))
        self._assert_ties("2026-03-05")

    def test_day_of_the_user(self):
        """An order late in the evening is of the next day further east."""
        order = self._order("2026-01-05")
        order.date_order = "2026-01-05 23:30:00"
        east = self._report("sale.order.to.cash", "2026-01-05", tz="Europe/Athens")
        self.assertFalse(east.search([("order_id", "=", order.id)]))
        self.assertTrue(self._row("2026-01-05", order))

    def test_today_without_a_day(self):
        order = self._order("2026-01-05")
        with self.at("2026-01-04"):
            rows = self.env["sale.order.to.cash"].search([("order_id", "=", order.id)])
            self.assertFalse(rows)
        with self.at("2026-01-05"):
            rows = self.env["sale.order.to.cash"].search([("order_id", "=", order.id)])
            self.assertTrue(rows)
            tie_out = self.env["sale.order.to.cash"].get_tie_out()
            self.assertEqual(
                (tie_out["as_of"], tie_out["is_today"]), ("2026-01-05", True)
            )

    def test_wrong_day(self):
        with self.assertRaisesRegex(UserError, "“tomorrow” is not a day"):
            self._report("sale.order.to.cash", "tomorrow").get_tie_out()

    def test_day_that_is_no_text(self):
        for day in (7, True, ["2026-01-31"], {"day": []}, [[]], {}, []):
            for model in ("sale.order.to.cash", "sales.receivable"):
                report = self._report(model, day, user=self.user_manager)
                for ask in (
                    report.get_tie_out,
                    report.action_choose_day,
                    report.browse(1).action_open_invoices
                    if "order" in model
                    else report.browse(1).action_remind,
                ):
                    with (
                        self.subTest(day=day, model=model, ask=ask.__name__),
                        self.assertRaisesRegex(UserError, "is not a day"),
                    ):
                        ask()

    def test_filter_that_is_none(self):
        report = self._report("sales.receivable", "2026-01-31", self.user_invoicing)
        for domain in ("name", 7, ["a"], [("nope", "=", 1)], [("name", "~", "a")]):
            with (
                self.subTest(domain=domain),
                self.assertRaisesRegex(UserError, "The filter is not valid"),
            ):
                report.get_tie_out(domain)

    def test_of_no_row_and_of_several(self):
        rows = self.env["sale.order.to.cash"].browse((1, 2))
        for several in (rows, rows.browse()):
            for name in (
                *("document", "deliveries", "invoices", "payments", "journal_items"),
            ):
                with self.subTest(name=name), self.assertRaises(UserError):
                    getattr(several, f"action_open_{name}")()

    def test_only_a_report_is_opened_as_of_a_day(self):
        wizard = self.env["sales.report.day"].with_user(self.user_a)
        for xmlid in ("base.action_res_users", "nope", "a.b.c", "base.user_admin"):
            with (
                self.subTest(xmlid=xmlid),
                self.assertRaisesRegex(UserError, f"“{xmlid}” is no report"),
            ):
                wizard.create({"action_xmlid": xmlid}).action_open()

    def test_the_day_is_chosen_by_who_may_read(self):
        for name in ("sale.order.to.cash", "sales.as.of.mixin"):
            report = self.env[name].with_user(self.env.ref("base.public_user"))
            with self.subTest(name=name), self.assertRaises(AccessError):
                report.action_choose_day()

    def test_open_as_of_another_day(self):
        choose = self._report("sale.order.to.cash", "2026-01-31").action_choose_day()
        wizard = self.env[choose["res_model"]].with_context(**choose["context"])
        wizard = wizard.create({})
        self.assertEqual(str(wizard.day), "2026-01-31")
        wizard.day = "2026-02-28"
        action = wizard.action_open()
        self.assertEqual(action["res_model"], "sale.order.to.cash")
        self.assertEqual(action["context"], {"as_of_day": "2026-02-28"})
        self.assertEqual(action["name"], "Order to Cash as of 02/28/2026")

    def test_documents(self):
        order = self._order("2026-01-05")
        self._deliver("2026-01-06", order, 1)
        invoice = self._bill("2026-01-07", order)
        payment = self._pay("2026-01-08", invoice)
        row = self._row("2026-01-31", order).with_context(as_of_day="2026-01-31")
        for name, expected in (
            ("document", order),
            ("deliveries", order.picking_ids),
            ("invoices", invoice),
            ("payments", payment),
            (
                "journal_items",
                invoice.line_ids.filtered("date_maturity"),
            ),
        ):
            action = getattr(row, f"action_open_{name}")()
            model = self.env[action["res_model"]]
            self.assertEqual(model.search(action["domain"]), expected, name)
        other = self._invoice("2026-01-07")
        action = self._row("2026-01-31", other).action_open_document()
        self.assertEqual(action["res_id"], other.id)


@tagged("post_install", "-at_install")
class TestTieOut(OrderToCashReportCase):
    """What the customers owe is what the journal says, at any day."""

    def test_partly_paid_credited_unreconciled_exchanged(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        first = self._bill("2026-01-10", order)
        second = self._invoice("2026-01-15", 80)
        foreign = self._invoice("2026-02-01", 100, currency_id=self.euro.id)
        partly = self._pay("2026-02-05", first, 30)
        refund = self._credit("2026-02-20", second)
        # 200 dollars at the rate of the invoice, 250 at that of the payment
        self._pay("2026-03-10", foreign, 100, currency=self.euro)
        for day, expected in (
            ("2026-01-09", 0),
            ("2026-01-10", 100),
            ("2026-01-31", 180),
            ("2026-02-04", 380),
            ("2026-02-05", 350),
            ("2026-02-20", 270),
            ("2026-03-09", 270),
            ("2026-03-10", 70),
        ):
            self.assertEqual(self._assert_ties(day), expected, day)
        self.assertEqual(self._amounts("2026-03-10", order), (100, 0, 0, 70, 70, 30))
        self.assertEqual(self._amounts("2026-03-10", second), (0, 0, 0, 0, 0, 80))
        self.assertEqual(self._amounts("2026-03-10", refund), (0, 0, 0, 0, 0, -80))
        self.assertEqual(self._amounts("2026-03-09", foreign), (0, 0, 0, 200, 200, 0))
        self.assertEqual(self._amounts("2026-03-10", foreign), (0, 0, 0, 0, 0, 200))

        # what is unreconciled is open again, at all days
        with self.at("2026-03-20"):
            first.line_ids.remove_move_reconcile()
            foreign.line_ids.remove_move_reconcile()
        self.assertTrue(partly.move_id)
        self.assertEqual(self._assert_ties("2026-02-05"), 380)
        self.assertEqual(self._assert_ties("2026-03-10"), 300)
        self.assertEqual(self._assert_ties("2026-03-31"), 300)

    def test_exchange_loss_on_the_invoice(self):
        """Paid when the euro is worth less: what is missing is settled by the exchange
        difference, not open."""
        self.euro.rate_ids.filtered(lambda rate: str(rate.name) > "2026").rate = 0.8
        foreign = self._invoice("2026-02-01", 100, currency_id=self.euro.id)
        self._pay("2026-03-10", foreign, 60, currency=self.euro)
        self.assertEqual(self._assert_ties("2026-03-09"), 200)
        # 75 dollars came for the 60 euros, which were 120; 40 euros are open
        self.assertEqual(self._assert_ties("2026-03-10"), 80)
        self._pay("2026-03-20", foreign, 40, currency=self.euro)
        self.assertEqual(self._assert_ties("2026-03-20", balance=0), 0)
        self.assertEqual(str(self._row("2026-03-20", foreign).date_paid), "2026-03-20")

    def test_foreign_invoice_paid_in_dollars(self):
        foreign = self._invoice("2026-02-01", 100, currency_id=self.euro.id)
        self._pay("2026-03-10", foreign, 100, currency=self.company.currency_id)
        self._assert_ties("2026-02-28")
        self.assertGreater(self._assert_ties("2026-03-10"), 0)
        self._pay("2026-03-12", foreign)
        self.assertEqual(self._assert_ties("2026-03-12"), 0)

    def test_payment_before_the_invoice(self):
        """It settles the invoice on the day of the invoice."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.acme.id,
                "amount": 100,
                "date": "2026-01-02",
            }
        )
        payment.action_post()
        self._assert_ties("2026-01-02", balance=-100)
        invoice = self._invoice("2026-01-20")
        (invoice + payment.move_id).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).reconcile()
        tie_out = self._report("sale.order.to.cash", "2026-01-19").get_tie_out()
        self.assertEqual(
            [amounts["balance"] for amounts in tie_out["currencies"]], [-100]
        )
        self.assertEqual(self._assert_ties("2026-01-20", balance=0), 0)
        self.assertEqual(str(self._row("2026-01-20", invoice).date_paid), "2026-01-20")

    def test_in_payment(self):
        """Paid, but in no journal yet: the invoice is open as in the journal, and not
        overdue."""
        order = self._order("2026-01-05", (self.service, 1, 100))
        invoice = self._bill("2026-01-10", order)
        payment = self._pay_without_entry("2026-03-01", invoice, 40)
        self.assertFalse(payment.move_id)
        for day, in_payment, overdue in (
            ("2026-02-28", 0, 100),
            ("2026-03-01", 40, 60),
        ):
            row = self._row(day, order)
            self.assertEqual(
                (row.amount_receivable, row.amount_in_payment, row.amount_overdue),
                (100, in_payment, overdue),
                day,
            )
            self.assertEqual(self._assert_ties(day), 100)
        # and now the bank tells of it
        bank = self.company_data["default_journal_bank"]
        entry = self.env["account.move"].create(
            {
                "date": "2026-03-05",
                "journal_id": bank.id,
                "line_ids": [
                    Command.create(
                        {"account_id": bank.default_account_id.id, "debit": 40}
                    ),
                    Command.create(
                        {
                            "account_id": self.company_data[
                                "default_account_receivable"
                            ].id,
                            "partner_id": self.acme.id,
                            "credit": 40,
                        }
                    ),
                ],
            }
        )
        entry.action_post()
        (entry + invoice)._get_receivable_lines().reconcile()
        self.assertEqual(payment.state, "paid")
        row = self._row("2026-03-05", order)
        self.assertEqual(
            (row.amount_receivable, row.amount_in_payment, row.amount_paid),
            (60, 0, 40),
        )
        self.assertEqual(self._row("2026-03-04", order).amount_in_payment, 40)
        self._assert_ties("2026-03-05")

    def test_what_is_no_invoice_is_told_apart(self):
        self._invoice("2026-01-05")
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.acme.id,
                "amount": 30,
                "date": "2026-01-10",
            }
        )
        payment.action_post()
        [amounts] = self._report("sale.order.to.cash", "2026-01-10").get_tie_out()[
            "currencies"
        ]
        self.assertEqual(
            {name: amounts[name] for name in ("report", "ledger", "balance", "other")},
            {"report": 100, "ledger": 100, "balance": 70, "other": -30},
        )

    def test_of_some_customers(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        self._bill("2026-01-10", order)
        self._invoice("2026-01-10", 50)
        self._invoice("2026-01-10", 7, partner_id=self.globex.id)
        report = self._report("sale.order.to.cash", "2026-01-10")
        for domain, expected in (
            ([], 157),
            ([("commercial_partner_id", "=", self.globex.id)], 7),
            # all that the customer owes, not the order alone
            ([("order_id", "=", order.id)], 150),
            ([("commercial_partner_id", "=", False)], None),
        ):
            found = [
                (amounts["report"], amounts["ledger"], amounts["difference"])
                for amounts in report.get_tie_out(domain)["currencies"]
            ]
            self.assertEqual(found, [(expected, expected, 0)] if expected else [])

    def test_difference_is_shown(self):
        """The journal is added up apart: what the report lacks comes to light."""
        hidden = self._invoice("2026-01-10")
        self._invoice("2026-01-10", 50)
        self.env["ir.rule"].create(
            {
                "name": "Somebody was too careful",
                "model_id": self.env["ir.model"]._get_id("sale.order.to.cash"),
                "domain_force": [("invoice_id", "!=", hidden.id)],
            }
        )
        report = self._report("sale.order.to.cash", "2026-01-10", self.user_invoicing)
        [amounts] = report.get_tie_out()["currencies"]
        self.assertEqual(
            (amounts["report"], amounts["ledger"], amounts["difference"]),
            (50, 150, -100),
        )

    def test_one_invoice_of_several_orders(self):
        """Split by its lines, and nothing is lost by rounding."""
        orders = self._order("2026-01-05", (self.service, 1, 10))
        orders += self._order("2026-01-05", (self.service, 1, 10))
        orders += self._order("2026-01-05", (self.service, 1, 10.01))
        orders.order_line.tax_ids = self.tax
        invoice = self._bill("2026-01-10", orders)
        self.assertEqual(len(invoice), 1)
        self.assertEqual(invoice.amount_total, 36.01)
        self._pay("2026-02-01", invoice, 10)
        for day, left in (("2026-01-10", 36.01), ("2026-02-01", 26.01)):
            rows = self._row(day, orders[0]) + self._row(day, orders[1])
            rows += self._row(day, orders[2])
            shares = rows.mapped("amount_receivable")
            self.assertEqual(round(sum(shares), 2), left)
            for share in shares:
                self.assertAlmostEqual(share, left / 3, delta=0.02)
            for row in rows:
                self.assertEqual(
                    round(row.amount_receivable + row.amount_paid, 2),
                    row.amount_invoiced,
                )
            self.assertEqual(self._assert_ties(day), left)

    def test_line_of_several_orders(self):
        orders = self._order("2026-01-05", (self.service, 1, 50))
        orders += self._order("2026-01-05", (self.service, 1, 50))
        invoice = self._invoice("2026-01-10", 100)
        invoice.invoice_line_ids.sale_line_ids = orders.order_line
        self.assertEqual(
            [self._amounts("2026-01-10", order)[3] for order in orders], [50, 50]
        )
        self._assert_ties("2026-01-10")

    def test_invoice_partly_without_order(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        invoice = self._bill("2026-01-10", order, post=False)
        with self.at("2026-01-10"):
            invoice.invoice_line_ids = [
                Command.create({"name": "Freight", "price_unit": 20, "tax_ids": False})
            ]
            invoice.action_post()
        self.assertEqual(self._amounts("2026-01-10", order)[3], 100)
        rest = self._row("2026-01-10", invoice)
        self.assertEqual((rest.kind, rest.name), ("invoice", invoice.name))
        self.assertEqual(rest.amount_receivable, 20)
        self.assertEqual(self._assert_ties("2026-01-10"), 120)

    def test_invoice_that_adds_up_to_nothing(self):
        order = self._order("2026-01-05", (self.service, 1, 100))
        invoice = self._bill("2026-01-10", order, post=False)
        with self.at("2026-01-10"):
            invoice.invoice_line_ids = [
                Command.create(
                    {"name": "Goodwill", "price_unit": -100, "tax_ids": False}
                )
            ]
            invoice.action_post()
        self.assertEqual(self._amounts("2026-01-10", order)[3:], (0, 0, 0))
        self.assertEqual(self._assert_ties("2026-01-10"), 0)

    def test_invoiced_to_somebody_else(self):
        """It is shown where the journal has it: at who owes it."""
        order = self._order("2026-01-05", (self.service, 1, 100))
        invoice = self._bill("2026-01-10", order, partner_id=self.globex.id)
        self.assertEqual(self._amounts("2026-01-10", order), (100, 0, 0, 0, 0, 0))
        row = self._row("2026-01-10", invoice)
        self.assertEqual(row.commercial_partner_id, self.globex)
        self.assertEqual(row.amount_receivable, 100)
        self._assert_ties("2026-01-10")

    def test_instalments(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Half now",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 60)
                ],
            }
        )
        order = self._order(
            "2026-01-05", (self.service, 1, 100), payment_term_id=term.id
        )
        self._bill("2026-01-10", order)
        self.assertEqual(self._amounts("2026-01-11", order)[3:], (100, 50, 0))
        row = self._row("2026-01-11", order)
        self.assertEqual((str(row.date_due), row.days_overdue), ("2026-01-10", 1))
        self._assert_ties("2026-01-11")


@tagged("post_install", "-at_install")
class TestOrderToCashAccess(OrderToCashReportCase):
    """Who sees which rows."""

    def test_groups(self):
        orders = {
            user: self._order("2026-01-05", user_id=user.id)
            for user in (self.user_a, self.user_b)
        }
        nobodys = self._order("2026-01-05", user_id=False)
        everything = nobodys.union(*orders.values())
        for user, expected in (
            (self.user_a, orders[self.user_a] + nobodys),
            (self.user_b, orders[self.user_b] + nobodys),
            (self.user_all, everything),
            (self.user_manager, everything),
            (self.user_invoicing, everything),
            (self.user_readonly, everything),
        ):
            rows = self._report("sale.order.to.cash", "2026-01-05", user).search([])
            self.assertEqual(set(rows.order_id.ids), set(expected.ids), user.name)
            with (
                self.assertRaises(AccessError),
                mute_logger("odoo.addons.base.models.ir_model"),
            ):
                rows.write({"name": "mine"})

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_others(self):
        for group in ("base.group_user", "base.group_portal", "base.group_public"):
            user = new_test_user(self.env, login=f"otc_{group}", groups=group)
            for model in ("sale.order.to.cash", "sales.receivable"):
                report = self._report(model, "2026-01-05", user)
                with self.assertRaises(AccessError):
                    report.search([])
                with self.assertRaises(AccessError):
                    report.get_tie_out([])

    def test_journal_is_for_accountants(self):
        self._invoice("2026-01-05")
        for user, may in (
            (self.user_a, False),
            (self.user_manager, False),
            (self.user_invoicing, True),
            (self.user_readonly, True),
        ):
            tie_out = self._report(
                "sale.order.to.cash", "2026-01-05", user
            ).get_tie_out([])
            self.assertEqual(bool(tie_out["currencies"]), may, user.name)

    def test_companies(self):
        other = self.setup_other_company(name="Other")["company"]
        order = self._order("2026-01-05")
        self.env.user.company_ids += other
        report = self._report("sale.order.to.cash", "2026-01-05")
        domain = [("order_id", "=", order.id)]
        self.assertTrue(report.search(domain))
        self.assertFalse(
            report.with_context(allowed_company_ids=other.ids).search(domain)
        )

    def test_query_count(self):
        """The same few queries for one order and for many."""

        def ask():
            report = self._report("sale.order.to.cash", "2026-03-31")
            report.invalidate_model()
            report.search([]).mapped("amount_receivable")
            report.get_tie_out([])

        def count():
            self.env.flush_all()
            ask()  # fills what Odoo keeps in memory
            before = self.cr.sql_log_count
            ask()
            return self.cr.sql_log_count - before

        self._bill("2026-01-10", self._order("2026-01-05", (self.service, 1, 100)))
        few = count()
        for _number in range(5):
            self._bill("2026-01-10", self._order("2026-01-05", (self.service, 1, 100)))
        self.assertLessEqual(count(), few)
