from odoo import fields, models


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "crm.phonecall.mixin"]

    _phonecall_field = "order_id"

    phonecall_ids = fields.One2many(
        "crm.phonecall",
        "order_id",
        string="Phone Calls",
        groups="sales_team.group_sale_salesman",
    )
