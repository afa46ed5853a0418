from odoo import fields, models


class CrmFunnelStep(models.Model):
    _name = "crm.funnel.step"
    _description = "Sales Funnel Step"
    _order = "funnel_id, sequence, id"

    name = fields.Char(required=True, translate=True)
    funnel_id = fields.Many2one(
        "crm.funnel", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    kind = fields.Selection([("stage", "Stage")], required=True, default="stage")
    stage_ids = fields.Many2many("crm.stage", string="Stages")
    color = fields.Integer(help="None: the colour of the stage, if it is one only.")

    def _get_step(self):
        """:return: the step as :meth:`crm.funnel._get_steps` has it"""
        self.ensure_one()
        one_stage = self.stage_ids if len(self.stage_ids) == 1 else None
        return {
            "key": f"stage:{one_stage.id}" if one_stage else f"step:{self.id}",
            "name": self.name,
            "kind": self.kind,
            "color": self.color or (one_stage.color if one_stage else 0),
            "stage_refs": self.stage_ids.ids,
        }
