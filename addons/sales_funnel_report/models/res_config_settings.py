from odoo import api, fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    late_invoice_activity = fields.Boolean(
        string="Activity for Late Invoices",
        compute="_compute_late_invoice_activity",
        inverse="_inverse_late_invoice_activity",
    )
    risk_days_before_expiry = fields.Integer(
        string="Days before a Quotation Expires",
        compute="_compute_risk_days_before_expiry",
        inverse="_inverse_risk_days_before_expiry",
        help="A quotation that was sent is at risk so many days before it expires.",
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

    def _compute_risk_days_before_expiry(self):
        self.risk_days_before_expiry = self.env["sales.risk"]._get_days_before_expiry()

    def _inverse_risk_days_before_expiry(self):
        # not by config_parameter, which takes zero days for no setting at all
        for settings in self:
            self.env["ir.config_parameter"].set_param(
                "sales_funnel_report.days_before_expiry",
                str(settings.risk_days_before_expiry),
            )
