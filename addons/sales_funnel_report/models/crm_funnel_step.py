from odoo import api, fields, models
from odoo.exceptions import ValidationError

# Those that show the money of their documents.
MILESTONES_WITH_AMOUNT = {"quotation_sent", "ordered", "delivered", "invoiced", "paid"}


class CrmFunnelStep(models.Model):
    _name = "crm.funnel.step"
    _description = "Sales Funnel Step"
    _order = "funnel_id, sequence, id"

    name = fields.Char(required=True, translate=True)
    funnel_id = fields.Many2one(
        "crm.funnel", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    kind = fields.Selection(
        [("stage", "Stage"), ("milestone", "Milestone")],
        required=True,
        default="stage",
        help="A stage says what salespeople believe, a milestone what documents prove.",
    )
    stage_ids = fields.Many2many("crm.stage", string="Stages")
    removed_stage_refs = fields.Json(
        string="Removed Stages",
        help="The numbers of its stages that are no more: what stood in them stays in "
        "the step.",
    )
    milestone = fields.Selection(
        [
            ("created", "Came in"),
            ("first_call", "First call"),
            ("first_meeting", "First meeting"),
            ("qualified", "Became an opportunity"),
            ("quotation_sent", "Quotation sent"),
            ("ordered", "Ordered"),
            ("delivered", "Delivered"),
            ("invoiced", "Invoiced"),
            ("paid", "Paid"),
        ],
    )
    color = fields.Integer(help="None: the color of the stage, if it is one only.")

    _one_step_a_milestone = models.UniqueIndex(
        "(funnel_id, milestone) WHERE kind = 'milestone'",
        "A funnel can have each milestone once only.",
    )
    _milestone_named = models.Constraint(
        "CHECK (kind <> 'milestone' OR milestone IS NOT NULL)",
        "Choose the milestone of the step, or take another kind of step.",
    )

    @api.constrains("kind", "stage_ids", "funnel_id")
    def _check_stages(self):
        for funnel in self.funnel_id:
            seen = self.env["crm.stage"]
            for step in funnel.step_ids.filtered(lambda step: step.kind == "stage"):
                if twice := step.stage_ids & seen:
                    raise ValidationError(
                        self.env._(
                            "“%(stage)s” is in two steps of the funnel “%(funnel)s”, so its "
                            "deals would count twice. Take it out of one of them.",
                            stage=twice[0].name,
                            funnel=funnel.name,
                        )
                    )
                seen |= step.stage_ids

    def _get_step(self):
        """:return: the step as :meth:`crm.funnel._get_steps` has it"""
        self.ensure_one()
        step = {
            "key": f"step:{self.id}",
            "name": self.name,
            "kind": self.kind,
            "color": self.color,
            "stage_refs": [],
        }
        if self.kind == "milestone":
            step.update(
                key=f"milestone:{self.milestone}",
                milestone=self.milestone,
                has_amount=self.milestone in MILESTONES_WITH_AMOUNT,
            )
        elif self.kind == "stage":
            step["stage_refs"] = self.stage_ids.ids + (self.removed_stage_refs or [])
            if len(self.stage_ids) == 1:
                step.update(
                    key=f"stage:{self.stage_ids.id}",
                    color=self.color or self.stage_ids.color,
                )
        return step
