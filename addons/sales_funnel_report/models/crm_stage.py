from odoo import models
from odoo.tools import SQL


class CrmStage(models.Model):
    _inherit = "crm.stage"

    def write(self, vals):
        result = super().write(vals)
        if "is_won" in vals and self:
            self._update_history_won()
        return result

    def unlink(self):
        # sudo: who may delete a stage changes no funnel, its steps keep what they count
        steps = (
            self.env["crm.funnel.step"].sudo().search([("stage_ids", "in", self.ids)])
        )
        for step in steps:
            removed = (step.stage_ids & self).ids
            step.removed_stage_refs = (step.removed_stage_refs or []) + removed
        return super().unlink()

    def _update_history_won(self):
        """What counts as won is what the stage means today, in the past too: a
        flipped stage makes no wins of today. Archived deals in it may cease to
        stand there, or stand there again since the day they came.
        """
        self.flush_recordset(["is_won"])
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_lead_stage_history stay
                   SET stage_is_won = stage.is_won
                  FROM crm_stage stage
                 WHERE stay.stage_id = stage.id
                   AND stage.id IN %s
                   AND stay.stage_is_won IS DISTINCT FROM stage.is_won
             RETURNING stay.id
                """,
                self._ids,
            )
        )
        history = self.env["crm.lead.stage.history"]
        # sudo: the archived deals of all companies, none of them is shown
        archived = (
            self.env["crm.lead"]
            .sudo()
            .search([("stage_id", "in", self.ids), ("active", "=", False)])
        )
        archived.flush_recordset(["stage_id", "active", "probability"])
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_lead_stage_history stay
                   SET date_exited = NULL,
                       exit_kind = NULL
                  FROM crm_lead lead
                  JOIN crm_stage stage ON stage.id = lead.stage_id
                 WHERE stay.lead_id = lead.id
                   AND stage.id IN %s
                   AND stage.is_won
                   AND NOT lead.active
                   AND lead.probability >= 100
                   AND stay.stage_ref = lead.stage_id
                   AND stay.exit_kind = 'on_hold'
                   AND NOT EXISTS (
                       SELECT FROM crm_lead_stage_history later
                        WHERE later.lead_id = lead.id
                          AND (later.date_entered, later.id)
                            > (stay.date_entered, stay.id))
             RETURNING stay.id
                """,
                self._ids,
            )
        )
        self.env["crm.lead.stage.summary"]._summarize(
            SQL(
                "(SELECT lead_id FROM crm_lead_stage_history WHERE stage_id IN %s)",
                self._ids,
            )
        )
        history._record(archived)
        history.invalidate_model(flush=False)
