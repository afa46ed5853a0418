from odoo import fields, models


class SalesHandOverLine(models.TransientModel):
    """What one person will get: the preview before anything is handed over."""

    _name = "sales.hand.over.line"
    _description = "Share of Handed Over Sales Work"

    hand_over_id = fields.Many2one("sales.hand.over", required=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", string="New Salesperson")
    deal_count = fields.Integer("Deals")
    lead_count = fields.Integer("Leads")
    call_count = fields.Integer("Planned Calls")
    quotation_count = fields.Integer("Quotations")
    customer_count = fields.Integer("Customers")
    activity_count = fields.Integer("Activities")
