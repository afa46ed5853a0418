from odoo import api, fields, models
from odoo.fields import Domain

INVOICES = ("out_invoice", "out_receipt")


class AccountMove(models.Model):
    _inherit = "account.move"

    date_late_activity = fields.Date(
        string="Salesperson Told That It Is Late",
        copy=False,
        readonly=True,
        help="When its salesperson got an activity because it was late. Told once.",
    )
    # The form counts the payments, which salespeople may not read, and so would not
    # open for them. They learn how many there are, and still may not read them.
    reconciled_payment_ids = fields.Many2many(compute_sudo=True)

    # ------------------------------------------------------------
    # PAID
    # ------------------------------------------------------------

    def _is_posted_sale(self):
        """Whether it is a posted invoice or credit note of a customer.

        :return: boolean
        """
        self.ensure_one()
        return self.state == "posted" and self.is_sale_document(include_receipts=True)

    def _is_owed(self):
        """Whether its customer has to pay it, or had to: an invoice, but not one that
        was taken back whole by a credit note.

        :return: boolean
        """
        self.ensure_one()
        return (
            self.state == "posted"
            and self.move_type in INVOICES
            and self.payment_state != "reversed"
        )

    def _is_settled(self):
        """Whether nothing of it remains to be paid.

        :return: boolean
        """
        self.ensure_one()
        return self.payment_state in ("paid", "in_payment")

    def _get_receivable_lines(self):
        """:return: ``account.move.line``, what the customer owes by this document"""
        return self.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )

    def _get_payments_without_entry(self):
        """The payments that stand in no journal yet: they have no journal entry of
        their own, and the bank has not told of them. Odoo lets them settle an
        invoice all the same.

        :return: ``account.payment``
        """
        self.ensure_one()
        lines = self._get_receivable_lines()
        reconciled = lines.matched_credit_ids or lines.matched_debit_ids
        return self.matched_payment_ids.filtered(
            lambda payment: (
                not payment.move_id
                and (
                    payment.state == "in_process"
                    or (payment.state == "paid" and not reconciled)
                )
            )
        )

    def _get_date_settled(self):
        """The day of the last payment or credit note that counts towards it.

        :return: ``date``
        """
        self.ensure_one()
        lines = self._get_receivable_lines()
        partials = lines.matched_credit_ids | lines.matched_debit_ids
        return max(
            [
                *partials.mapped("max_date"),
                *self._get_payments_without_entry().mapped("date"),
            ],
            default=self.invoice_date,
        )

    def _get_paid_part(self):
        """How much of it has been paid with money. What a credit note settles is
        not paid, neither of the invoice nor of the credit note.

        :return: float from 0 to 1
        """
        self.ensure_one()
        total = self.amount_total
        if self.currency_id.is_zero(total):
            return 0.0
        sign = -self.direction_sign
        paid = credited = 0.0
        for line in self._get_receivable_lines():
            # in the currency of the document: the difference of two rates is nothing
            for counterpart, amount in (
                *(
                    (partial.credit_move_id, partial.debit_amount_currency)
                    for partial in line.matched_credit_ids
                ),
                *(
                    (partial.debit_move_id, -partial.credit_amount_currency)
                    for partial in line.matched_debit_ids
                ),
            ):
                if counterpart.move_id.is_invoice(include_receipts=True):
                    credited += sign * amount
                else:
                    paid += sign * amount
        for payment in self._get_payments_without_entry():
            amount = payment.currency_id._convert(
                payment.amount, self.currency_id, self.company_id, payment.date
            )
            paid += min(amount, total - credited - paid)
        return paid / total

    # ------------------------------------------------------------
    # LATE
    # ------------------------------------------------------------

    @api.model
    def _get_late_invoice_domain(self, company, today):
        """
        :param company: ``res.company`` that wants its salespeople to be told
        :param datetime.date today: what was due before is late
        :return: ``Domain`` of the invoices whose salespeople have not been told yet.
            What was late before the company wanted it is left alone.
        """
        open_items = (
            Domain("account_id.account_type", "=", "asset_receivable")
            & Domain("reconciled", "=", False)
            & Domain("date_maturity", "<", today)
            & Domain("date_maturity", ">=", company.late_invoice_activity_since)
        )
        return (
            Domain("company_id", "=", company.id)
            & Domain("state", "=", "posted")
            & Domain("move_type", "in", INVOICES)
            & Domain("date_late_activity", "=", False)
            & Domain("line_ids", "any", open_items)
        )

    @api.model
    def _cron_late_invoice_activity(self):
        """Tell the salespeople of invoices that have become late, once for each."""
        today = fields.Date.context_today(self)
        companies = self.env["res.company"].search(
            [("late_invoice_activity_since", "!=", False)]
        )
        for company in companies:
            late = self.search(self._get_late_invoice_domain(company, today))
            by_user = late.grouped(lambda invoice: invoice._get_late_salesperson())
            for user, invoices in by_user.items():
                if user.active and not user.share:
                    invoices.with_context(lang=user.lang).activity_schedule(
                        "sales_funnel_report.mail_activity_late_invoice",
                        user_id=user.id,
                    )
            late.date_late_activity = today

    def _get_late_salesperson(self):
        """:return: ``res.users`` of the invoice, or of its customer; or nobody"""
        self.ensure_one()
        return self.invoice_user_id or self.commercial_partner_id.user_id
