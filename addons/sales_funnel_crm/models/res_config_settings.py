from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    lost_reason_required = fields.Boolean(
        string="Reason Required Everywhere",
        config_parameter="sales_funnel_crm.lost_reason_required",
        help="Refuse to end a lead or a deal without a reason, also by an import, "
        "the API and other apps. On the screens a reason is always asked for.",
    )
    quotation_sent_stage_id = fields.Many2one(
        related="company_id.quotation_sent_stage_id", readonly=False
    )
    order_confirmed_stage_id = fields.Many2one(
        related="company_id.order_confirmed_stage_id", readonly=False
    )
