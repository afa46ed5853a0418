from odoo import fields, models


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.phonecall.mixin"]

    _phonecall_field = "lead_id"

    phonecall_ids = fields.One2many(
        "crm.phonecall",
        "lead_id",
        string="Phone Calls",
        groups="sales_team.group_sale_salesman",
    )

    def _merge_dependences(self, opportunities):
        result = super()._merge_dependences(opportunities)
        # sudo: all calls stay with the deal, also those the user may not read
        opportunities.sudo().phonecall_ids.lead_id = self
        return result
