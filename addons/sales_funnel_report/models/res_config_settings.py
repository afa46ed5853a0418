from odoo import api, fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    late_invoice_activity = fields.Boolean(
        string="Activity for Late Invoices",
        compute="_compute_late_invoice_activity",
        inverse="_inverse_late_invoice_activity",
    )

    @api.depends("company_id.late_invoice_activity_since")
    def _compute_late_invoice_activity(self):
        for settings in self:
            settings.late_invoice_activity = bool(
                settings.company_id.late_invoice_activity_since
            )

    def _inverse_late_invoice_activity(self):
        for settings in self:
            company = settings.company_id
            if not settings.late_invoice_activity:
                company.late_invoice_activity_since = False
            elif not company.late_invoice_activity_since:
                company.late_invoice_activity_since = fields.Date.context_today(self)
