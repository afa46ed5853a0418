from odoo import api, fields, models
from odoo.fields import Domain


class CrmFunnel(models.Model):
    _name = "crm.funnel"
    _description = "Sales Funnel"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    follows_stages = fields.Boolean(
        string="Follow the Pipeline",
        help="The steps are the stages of the pipeline, in their order. A new stage appears by itself.",
    )
    step_ids = fields.One2many(
        "crm.funnel.step", "funnel_id", string="Steps", copy=True
    )

    @api.model
    def _get_default(self):
        """The funnel that is shown when none was chosen.

        :rtype: ``crm.funnel``, may be empty
        """
        pipeline = self.env.ref(
            "sales_funnel_report.crm_funnel_pipeline", raise_if_not_found=False
        )
        return pipeline or self.search([], limit=1)

    def _get_steps(self, team_id=None, deals=None, removed_stages=None):
        """The steps of the funnel, first to last.

        :param int team_id: the one team that was asked for, if it was one; a
            funnel that follows the pipeline then shows that team's stages only
        :param SQL deals: subselect of the deals asked for, all by default;
            removed stages in which one of them once stood are steps too
        :param list removed_stages: the removed stages to take, known already
        :return: list of ``{"key": str, "name": str, "kind": str, "color": int,
            "stage_refs": [int]}``, ``color`` as Odoo numbers colors, 0 for none;
            the step of a removed stage ``is_removed``; ``has_amount`` if the step
            shows the money of its own documents
        """
        self.ensure_one()
        if not self.follows_stages:
            return [step._get_step() for step in self.step_ids]
        domain = Domain.TRUE
        if team_id:
            domain = Domain("team_ids", "=", False) | Domain("team_ids", "=", team_id)
        stages = self.env["crm.stage"].search(domain, order="sequence, id")
        steps = [
            (
                (stage.is_won, stage.sequence, stage.id),
                {
                    "key": f"stage:{stage.id}",
                    "name": stage.name,
                    "kind": "stage",
                    "color": stage.color,
                    "stage_refs": [stage.id],
                },
            )
            for stage in stages
        ]
        steps += self._get_removed_steps(deals, removed_stages)
        return [step for _rank, step in sorted(steps, key=lambda ranked: ranked[0])]

    def _get_removed_steps(self, deals, removed_stages):
        """Steps for the stages that are no more, in which ``deals`` once stood.

        :return: list of ``(rank, step)``, see :meth:`_get_steps`
        """
        domain = Domain("stage_id", "=", False) & Domain("stage_ref", "!=", False)
        if removed_stages is not None:
            domain &= Domain("stage_ref", "in", removed_stages)
        elif deals is not None:
            domain &= Domain("lead_id", "in", deals)
        # sudo: only the names of removed stages, and the deals are the user's
        history = self.env["crm.lead.stage.history"].sudo()
        removed = history._read_group(domain, ["stage_ref"], ["id:max"])
        steps = []
        for stage_ref, stay_id in removed:
            stay = history.browse(stay_id)
            name = self.env._("%(stage)s (removed)", stage=stay.stage_name)
            step = {
                "key": f"stage:{stage_ref}",
                "name": name,
                "kind": "stage",
                "color": 0,
                "stage_refs": [stage_ref],
                "is_removed": True,
            }
            rank = (stay.stage_is_won, stay.stage_sequence, stage_ref)
            steps.append((rank, step))
        return steps
