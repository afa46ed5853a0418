from odoo import api, fields, models

from ..tools import check_pointers, ensure_one_record


class CrmLeadHold(models.TransientModel):
    _name = "crm.lead.hold"
    _description = "Put Deals on Hold"

    lead_ids = fields.Many2many(
        "crm.lead",
        string="Deals",
        context={"active_test": False},
        required=True,
    )
    record_count = fields.Integer(compute="_compute_record_count")
    on_hold_until = fields.Date(
        string="Until",
        required=True,
        help="The day the deal comes back into the pipeline by itself.",
    )
    note = fields.Text(
        string="Why",
        required=True,
        help="Kept with the deal, and shown on the day it comes back.",
    )

    @api.depends("lead_ids")
    def _compute_record_count(self):
        for wizard in self:
            wizard.record_count = len(wizard.lead_ids)

    @api.constrains("lead_ids")
    def _check_pointers(self):
        check_pointers(self, ["lead_ids"])

    def action_apply(self):
        """Put the deals on hold.

        :raise UserError: the day is not to come, or a deal has ended or is won
        """
        ensure_one_record(self)
        self.lead_ids.action_put_on_hold(self.on_hold_until, self.note)
        return {"type": "ir.actions.act_window_close"}
