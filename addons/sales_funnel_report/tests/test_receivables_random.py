import random
from collections import defaultdict
from datetime import date, timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .order_to_cash_common import OrderToCashCase

DAYS = 25
SEEDS = range(2)


@tagged("post_install", "-at_install")
class TestReceivablesReplayed(OrderToCashCase):
    """Odoo itself knows what is open, but only today. Random documents are made day by
    day; what Odoo says at the end of each is what the reports have to say of it
    later."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.euro.rate_ids.unlink()
        cls.env["res.currency.rate"].create(
            [
                {
                    "name": day,
                    "rate": rate,
                    "currency_id": cls.euro.id,
                    "company_id": cls.company.id,
                }
                for day, rate in (
                    ("2026-01-01", 0.5),
                    ("2026-01-15", 0.61),
                    ("2026-01-29", 0.37),
                    ("2026-02-08", 0.53),
                )
            ]
        )
        cls.buyer = cls.env["res.partner"].create(
            {"name": "Buyer of Acme", "parent_id": cls.acme.id}
        )
        cls.terms = cls.env["account.payment.term"].create(
            [
                {"name": "At once", "line_ids": [Command.create({"nb_days": 0})]},
                {
                    "name": "Two instalments",
                    "line_ids": [
                        Command.create({"value_amount": 33, "nb_days": 5}),
                        Command.create({"value_amount": 67, "nb_days": 45}),
                    ],
                },
                {
                    "name": "Less when paid early",
                    "early_discount": True,
                    "discount_percentage": 3,
                    "discount_days": 6,
                    "line_ids": [Command.create({"nb_days": 20})],
                },
            ]
        )
        cls.roundings = cls.env["account.cash.rounding"].create(
            {
                "name": "To five cents",
                "rounding": 0.05,
                "strategy": "add_invoice_line",
                "profit_account_id": cls.company_data["default_account_revenue"].id,
                "loss_account_id": cls.company_data["default_account_expense"].id,
            }
        )
        cls.write_off = cls.company_data["default_account_expense"]

    def test_every_day_as_it_was(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                savepoint = self.env.cr.savepoint()
                try:
                    self._live_and_look_back(random.Random(seed))
                finally:
                    savepoint.close(rollback=True)
                    self.env.invalidate_all()

    def _live_and_look_back(self, chance):
        self.chance = chance
        self.invoices = self.env["account.move"]
        self.advances = self.env["account.payment"]
        open_on = {}
        for number in range(DAYS):
            day = date(2026, 1, 5) + timedelta(days=number)
            for _turn in range(chance.randint(0, 3)):
                action = chance.choice(
                    [self._bill_something] * 3
                    + [self._pay_something] * 3
                    + [self._credit_something, self._pay_in_advance]
                    + [self._settle] * 2
                )
                action(fields.Date.to_string(day))
            open_on[day] = self._get_open_now()
        for day, expected in open_on.items():
            self._check_day(fields.Date.to_string(day), expected)

    # ------------------------------------------------------------
    # WHAT HAPPENS
    # ------------------------------------------------------------

    def _bill_something(self, day):
        chance = self.chance
        values = {
            "partner_id": chance.choice([self.acme, self.buyer, self.globex]).id,
            "invoice_payment_term_id": chance.choice(self.terms).id,
            "invoice_cash_rounding_id": chance.choice([False, self.roundings.id]),
        }
        if chance.random() < 0.4:
            values["currency_id"] = self.euro.id
        kind = chance.choice(["invoice", "invoice", "refund", "order", "draft"])
        if kind == "order":
            order = self._order(
                day,
                (self.service, 1, chance.choice([100, 33.37])),
                (self.service, 2, 7.77),
                partner_id=values["partner_id"],
                payment_term_id=values["invoice_payment_term_id"],
            )
            self.invoices |= self._bill(day, order)
            return
        invoice = self._invoice(
            day,
            chance.choice([100, 33.37, 0.07, 1234.56]),
            move_type="out_refund" if kind == "refund" else "out_invoice",
            post=kind != "draft",
            **values,
        )
        if kind == "draft":
            if chance.random() < 0.5:
                invoice.button_cancel()
            return
        self.invoices |= invoice

    def _pay_something(self, day):
        chance = self.chance
        unpaid = self.invoices.filtered(
            lambda move: (
                move.payment_state in ("not_paid", "partial")
                and move.move_type == "out_invoice"
            )
        )
        if not unpaid:
            return
        invoice = chance.choice(unpaid)
        with self.at(day):
            wizard = (
                self.env["account.payment.register"]
                .with_context(active_model="account.move", active_ids=invoice.ids)
                .create({"payment_date": day})
            )
            if chance.random() < 0.3:
                wizard.currency_id = chance.choice(
                    [self.euro, self.company.currency_id]
                )
            if chance.random() < 0.6:
                wizard.amount = max(round(wizard.amount * chance.random(), 2), 0.01)
                if chance.random() < 0.4:
                    wizard.payment_difference_handling = "reconcile"
                    wizard.writeoff_account_id = self.write_off
            wizard._create_payments()

    def _credit_something(self, day):
        posted = self.invoices.filtered(lambda move: move.move_type == "out_invoice")
        if not posted:
            return
        invoice = self.chance.choice(posted)
        with self.at(day):
            self.invoices |= invoice._reverse_moves(
                [{"date": day, "invoice_date": day}],
                cancel=self.chance.random() < 0.5
                and invoice.payment_state == "not_paid",
            )
            self.invoices.filtered(lambda move: move.state == "draft").action_post()

    def _pay_in_advance(self, day):
        with self.at(day):
            payment = self.env["account.payment"].create(
                {
                    "partner_id": self.chance.choice(
                        [self.acme, self.buyer, self.globex]
                    ).id,
                    "amount": self.chance.choice([20, 500]),
                    "currency_id": self.chance.choice(
                        [self.euro, self.company.currency_id]
                    ).id,
                    "date": day,
                }
            )
            payment.action_post()
        self.advances |= payment

    def _settle(self, day):
        """Match what came today with what was open before. Odoo takes it that two
        items were matched on the day of the later one, whenever somebody did it."""
        items = self.env["account.move.line"].search(
            [
                ("account_id.account_type", "=", "asset_receivable"),
                ("company_id", "=", self.company.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ]
        )
        came = items.filtered(lambda item: str(item.date) == day)
        if not came:
            return
        item = self.chance.choice(came)
        others = items.filtered(
            lambda other: (
                other.account_id == item.account_id
                and other.partner_id.commercial_partner_id
                == item.partner_id.commercial_partner_id
                and other.balance * item.balance < 0
            )
        )
        with self.at(day):
            (item + others).reconcile()

    # ------------------------------------------------------------
    # WHAT IS OPEN
    # ------------------------------------------------------------

    def _get_open_now(self):
        """What Odoo says is open today, item by item."""
        self.env.flush_all()
        self.env.invalidate_all()
        return {
            item: (item.amount_residual, item.amount_residual_currency)
            for item in self.invoices.line_ids
            if item.account_id.account_type == "asset_receivable"
            and item.parent_state == "posted"
            and (item.amount_residual or item.amount_residual_currency)
        }

    def _check_day(self, day, expected):
        rows = self._report("sales.receivable", day).search([])
        self.assertEqual(
            {
                row.id: (round(row.amount, 2), round(row.amount_currency, 2))
                for row in rows
            },
            {
                item.id: (round(residual, 2), round(in_currency, 2))
                for item, (residual, in_currency) in expected.items()
            },
            day,
        )
        late = defaultdict(float)
        for item, (residual, _in_currency) in expected.items():
            days = (fields.Date.to_date(day) - item.date_maturity).days
            late[next((end for end in (0, 30, 60, 90) if days <= end), 999)] += residual
        for end, name in (
            (0, "amount_not_due"),
            (30, "amount_late_30"),
            (60, "amount_late_60"),
            (90, "amount_late_90"),
            (999, "amount_late_older"),
        ):
            self.assertAlmostEqual(sum(rows.mapped(name)), late[end], 2, (day, name))
        orders = self._report("sale.order.to.cash", day).search([])
        receivable = sum(residual for residual, _in_currency in expected.values())
        self.assertAlmostEqual(sum(orders.mapped("amount_receivable")), receivable, 2)
        self.assertAlmostEqual(
            sum(orders.mapped("amount_overdue")), receivable - late[0], 2
        )
        self._assert_ties(day)
        for partner in (self.acme, self.globex):
            tie_out = self._report("sales.receivable", day).get_tie_out(
                [("commercial_partner_id", "=", partner.id)]
            )
            for amounts in tie_out["currencies"]:
                # his contacts and what he paid in advance with him
                items = self.env["account.move.line"].search(
                    [
                        ("partner_id", "child_of", partner.id),
                        ("account_id.account_type", "=", "asset_receivable"),
                        ("parent_state", "=", "posted"),
                        ("date", "<=", day),
                    ]
                )
                self.assertAlmostEqual(
                    amounts["balance"],
                    sum(items.mapped("balance")),
                    2,
                    (day, partner.name),
                )
