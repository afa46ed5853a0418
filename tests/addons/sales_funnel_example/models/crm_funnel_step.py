from odoo import fields, models


class CrmFunnelStep(models.Model):
    _inherit = "crm.funnel.step"

    kind = fields.Selection(
        selection_add=[("reply", "Customer replied")], ondelete={"reply": "cascade"}
    )
