from odoo import models

INVOICES = ("out_invoice", "out_receipt")


class AccountMove(models.Model):
    _inherit = "account.move"

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
