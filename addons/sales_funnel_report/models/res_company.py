from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    late_invoice_activity_since = fields.Date(
        string="Activities for Late Invoices since",
        help="Salespeople get an activity for each invoice that was due on this day "
        "or later and becomes late. Empty: they get none.",
    )
