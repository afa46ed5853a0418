from odoo import api, fields, models
from odoo.fields import Domain


class AccountMove(models.Model):
    _inherit = "account.move"

    date_late_activity = fields.Date(
        string="Salesperson Told That It Is Late",
        copy=False,
        readonly=True,
        help="When its salesperson got an activity because it was late. Told once.",
    )

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
            & Domain("move_type", "in", ("out_invoice", "out_receipt"))
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
