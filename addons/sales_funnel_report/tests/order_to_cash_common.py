from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user

from odoo.addons.sale.tests.common import TestSaleCommon


class OrderToCashCase(TestSaleCommon):
    """Customers, salespeople of each group, an accountant, and documents of given days,
    all of 2026. The company's currency is the dollar."""

    @classmethod
    def default_env_context(cls):
        # with messages, as in life
        return {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = "UTC"
        cls.company = cls.env.company
        cls.euro = cls.setup_other_currency(
            "EUR", rates=[("2020-01-01", 0.5), ("2026-03-01", 0.4)]
        )
        cls.user_a, cls.user_b, cls.user_all, cls.user_manager = (
            new_test_user(
                cls.env,
                login=f"otc_{login}",
                name=login.capitalize(),
                email=f"{login}@company.example.com",
                groups=f"sales_team.{group}",
                company_id=cls.company.id,
                tz="UTC",
            )
            for login, group in (
                ("ada", "group_sale_salesman"),
                ("ben", "group_sale_salesman"),
                ("cleo", "group_sale_salesman_all_leads"),
                ("dora", "group_sale_manager"),
            )
        )
        cls.user_invoicing, cls.user_readonly = (
            new_test_user(
                cls.env,
                login=f"otc_{login}",
                name=login.capitalize(),
                email=f"{login}@company.example.com",
                groups=f"account.{group}",
                company_id=cls.company.id,
                tz="UTC",
            )
            for login, group in (
                ("eva", "group_account_invoice"),
                ("finn", "group_account_readonly"),
            )
        )
        cls.acme, cls.globex = cls.env["res.partner"].create(
            [
                {
                    "name": name,
                    "is_company": True,
                    "email": f"{name.lower()}@example.com",
                    "property_payment_term_id": cls.env.ref(
                        "account.account_payment_term_30days"
                    ).id,
                }
                for name in ("Acme", "Globex")
            ]
        )
        cls.goods = cls.company_data["product_delivery_no"]
        cls.service = cls.company_data["product_service_order"]
        cls.tax = cls.company_data["default_tax_sale"]
        cls.tax.amount = 20

    # ------------------------------------------------------------
    # DOCUMENTS OF GIVEN DAYS
    # ------------------------------------------------------------

    @classmethod
    def at(cls, day):
        """Noon of a day, for all that happens within."""
        moment = datetime.fromisoformat(f"{day} 12:00:00")
        frozen = freeze_time(moment)
        now = patch.object(cls.env.cr, "now", lambda: moment)

        class Moment:
            def __enter__(self):
                frozen.start()
                now.start()

            def __exit__(self, *args):
                cls.env.flush_all()
                now.stop()
                frozen.stop()

        return Moment()

    @classmethod
    def _order(cls, day, *lines, confirm=True, **values):
        """An order of Ada's for Acme.

        :param lines: (product, quantity, price); goods for 100 if there are none
        """
        with cls.at(day):
            order = cls.env["sale.order"].create(
                {
                    "partner_id": cls.acme.id,
                    "user_id": cls.user_a.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": product.id,
                                "product_uom_qty": quantity,
                                "price_unit": price,
                                "tax_ids": False,
                            }
                        )
                        for product, quantity, price in lines or [(cls.goods, 1, 100)]
                    ],
                    **values,
                }
            )
            if confirm:
                order.action_confirm()
        return order

    @classmethod
    def _deliver(cls, day, order, quantity):
        with cls.at(day):
            moves = order.picking_ids.move_ids.filtered(
                lambda move: move.state not in ("done", "cancel")
            )
            moves.write({"quantity": quantity, "picked": True})
            moves.picking_id._action_done()

    @classmethod
    def _bill(cls, day, orders, post=True, **values):
        """Invoice what can be invoiced of the orders."""
        with cls.at(day):
            invoice = orders._create_invoices(final=True)
            invoice.write({"invoice_date": day, **values})
            if post:
                invoice.action_post()
        return invoice

    @classmethod
    def _invoice(cls, day, amount=100, move_type="out_invoice", post=True, **values):
        """An invoice of Ada's for Acme, without order and taxes."""
        with cls.at(day):
            invoice = cls.env["account.move"].create(
                {
                    "move_type": move_type,
                    "partner_id": cls.acme.id,
                    "invoice_date": day,
                    "date": day,
                    "invoice_user_id": cls.user_a.id,
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Work", "price_unit": amount, "tax_ids": False}
                        )
                    ],
                    **values,
                }
            )
            if post:
                invoice.action_post()
        return invoice

    @classmethod
    def _pay(cls, day, invoices, amount=None, currency=None):
        with cls.at(day):
            values = {"payment_date": day}
            if currency:
                values["currency_id"] = currency.id
            if amount is not None:
                values["amount"] = amount
            return (
                cls.env["account.payment.register"]
                .with_context(active_model="account.move", active_ids=invoices.ids)
                .create(values)
                ._create_payments()
            )

    @classmethod
    def _pay_without_entry(cls, day, invoices, amount):
        """A payment that is in no journal until the bank tells of it. Community makes
        an entry at once; accounting of others' making does not."""
        with cls.at(day):
            payment = cls.env["account.payment"].create(
                {
                    "partner_id": invoices.commercial_partner_id.id,
                    "amount": amount,
                    "date": day,
                    "invoice_ids": [Command.set(invoices.ids)],
                }
            )
            payment.outstanding_account_id = False
            payment.action_post()
        return payment

    @classmethod
    def _credit(cls, day, invoice):
        """Take an invoice back whole."""
        with cls.at(day):
            return invoice._reverse_moves(
                [{"date": day, "invoice_date": day}], cancel=True
            )

    # ------------------------------------------------------------
    # READING THE REPORTS
    # ------------------------------------------------------------

    def _report(self, model, day, user=None, **context):
        # each time as the browser asks: with nothing in the cache
        self.env.invalidate_all()
        report = self.env[model].with_context(as_of_day=day, **context)
        return report.with_user(user) if user else report

    def _assert_ties(self, day, domain=None, balance=None):
        """The report, the journal by ORM sums, and the journal item by item, say the
        same at the end of the day.

        :return: the amount
        """
        slow = self.company.currency_id.round(
            sum(
                self._left_of(item, fields.Date.to_date(day))
                for item in self.env["account.move.line"].search(
                    [
                        ("account_id.account_type", "=", "asset_receivable"),
                        ("parent_state", "=", "posted"),
                        ("move_id.move_type", "in", ("out_invoice", "out_refund")),
                        ("date", "<=", day),
                        ("company_id", "=", self.company.id),
                    ]
                )
            )
        )
        for model in ("sale.order.to.cash", "sales.receivable"):
            tie_out = self._report(model, day).get_tie_out(domain or [])
            self.assertEqual(tie_out["as_of"], day)
            amounts = tie_out["currencies"] or [
                {"report": 0, "ledger": 0, "difference": 0, "balance": 0}
            ]
            self.assertEqual(len(amounts), 1)
            self.assertEqual(
                (amounts[0]["report"], amounts[0]["ledger"], amounts[0]["difference"]),
                (slow, slow, 0),
                f"{model} as of {day}",
            )
            if balance is not None:
                self.assertEqual(amounts[0]["balance"], balance)
        return slow

    def _left_of(self, item, day):
        """What was left of a journal item at the end of a day, the slow way."""
        left = item.balance
        left -= sum(
            part.amount
            for part in item.matched_credit_ids
            if max(part.debit_move_id.date, part.credit_move_id.date) <= day
        )
        left += sum(
            part.amount
            for part in item.matched_debit_ids
            if max(part.debit_move_id.date, part.credit_move_id.date) <= day
        )
        return left
