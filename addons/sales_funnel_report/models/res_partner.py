from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column

from odoo.addons.sales_funnel_crm.tools import refuse_from_outside


class ResPartner(models.Model):
    _inherit = "res.partner"

    date_address_changed = fields.Datetime(
        string="Address for Mail Changed",
        compute="_compute_date_address_changed",
        store=True,
        help="When mail to this contact, or the invoices of its company, began to go to "
        "another address.",
    )

    def _auto_init(self):
        if not column_exists(self.env.cr, self._table, "date_address_changed"):
            # nobody knows it of the contacts that are there already
            create_column(self.env.cr, self._table, "date_address_changed", "timestamp")
        return super()._auto_init()

    # one that is put below another company, or made its contact for invoices, gets mail
    # that went elsewhere
    @api.depends("email", "parent_id", "type")
    def _compute_date_address_changed(self):
        self.date_address_changed = self.env.cr.now()

    def _is_address_new(self):
        """:return: whether its mail goes elsewhere since the user's today, a boolean"""
        self.ensure_one()
        changed = self.date_address_changed
        return bool(changed) and (
            fields.Datetime.context_timestamp(self, changed).date()
            >= fields.Date.context_today(self)
        )

    @api.model_create_multi
    def create(self, vals_list):
        refuse_from_outside(self, vals_list, ["date_address_changed"])
        return super().create(vals_list)

    def write(self, vals):
        refuse_from_outside(self, [vals], ["date_address_changed"])
        return super().write(vals)
