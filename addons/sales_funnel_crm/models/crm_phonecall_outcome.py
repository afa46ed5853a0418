from odoo import fields, models


class CrmPhonecallOutcome(models.Model):
    """What came of a call, in the words of the company."""

    _name = "crm.phonecall.outcome"
    _description = "Call Outcome"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)

    _name_uniq = models.Constraint(
        "UNIQUE(name)", "There is an outcome of this name already."
    )
