from odoo import api, fields, models


class SaleOrder(models.Model):
    _inherit = "sale.order"

    partner_category_ids = fields.Many2many(
        related="partner_id.category_id", string="Customer Tags"
    )

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        orders._make_customers()
        return orders

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint({"state", "partner_id"}):
            self._make_customers()
        return result

    def _make_customers(self):
        """Who has a confirmed order is a customer."""
        self.filtered(lambda order: order.state == "sale").partner_id._make_customers()
