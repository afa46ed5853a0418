from odoo import models


class CrmLead(models.Model):
    """What its quotations and orders do to a deal."""

    _inherit = "crm.lead"

    def _advance_to_stage(self, stage):
        """Move open deals forward to a stage.

        Deals that are won, lost or archived stay where they are, and so do those
        already there or further. Where the stage is another team's, a deal is won
        in a won stage of its own team, and otherwise stays.

        :param stage: ``crm.stage`` record
        """
        by_stage = {}
        for lead in self:
            if target := lead._get_stage_ahead(stage):
                by_stage[target] = by_stage.get(target, self.browse()) | lead
        for target, leads in by_stage.items():
            leads.write({"stage_id": target.id})

    def _get_stage_ahead(self, stage):
        """
        :param stage: ``crm.stage`` record, maybe of another team
        :return: the stage to move this deal to, or an empty recordset
        """
        self.ensure_one()
        nowhere = stage.browse()
        if (
            self.type != "opportunity"
            or not self.active
            or self.won_status != "pending"
        ):
            return nowhere
        if stage.team_ids and self.team_id not in stage.team_ids:
            if not stage.is_won:
                return nowhere
            return self._stage_find(domain=[("is_won", "=", True)])
        here = self.stage_id
        if stage.is_won or (stage.sequence, stage.id) > (here.sequence, here.id):
            return stage
        return nowhere
