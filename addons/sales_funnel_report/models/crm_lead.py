from odoo import api, fields, models

# What a stay is made of: when one of these is stored, the history is written.
HISTORY_FIELDS = {"stage_id", "active", "won_status", "lost_reason_id"}


class CrmLead(models.Model):
    _inherit = "crm.lead"

    stage_history_ids = fields.One2many(
        "crm.lead.stage.history", "lead_id", string="Stage History", readonly=True
    )

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        self.env["crm.lead.stage.history"]._record(leads)
        return leads

    def write(self, vals):
        result = super().write(vals)
        # each move is a stay of its own, also when the next one comes in the
        # same transaction; a team or a salesperson may take the stage along
        self.flush_recordset(["stage_id", "active", "lost_reason_id"])
        return result

    def _write_multi(self, vals_list):
        # every change passes here, also those of computed fields that never
        # go through write()
        result = super()._write_multi(vals_list)
        changed = [
            lead.id
            for lead, vals in zip(self, vals_list, strict=True)
            if not HISTORY_FIELDS.isdisjoint(vals)
        ]
        self.env["crm.lead.stage.history"]._record(self.browse(changed))
        return result

    def _merge_dependences_history(self, opportunities):
        result = super()._merge_dependences_history(opportunities)
        self.env["crm.lead.stage.history"]._merge(self, opportunities)
        return result
