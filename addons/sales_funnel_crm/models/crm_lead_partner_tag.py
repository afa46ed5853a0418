from odoo import fields, models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    partner_category_ids = fields.Many2many(
        related="partner_id.category_id", string="Customer Tags"
    )
    partner_tag_run_id = fields.Many2one(
        "partner.tag.run",
        string="Made from Tag",
        copy=False,
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
