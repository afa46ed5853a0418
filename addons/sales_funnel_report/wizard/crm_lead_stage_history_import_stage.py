from odoo import fields, models


class CrmLeadStageHistoryImportStage(models.TransientModel):
    """A stage that a file of stage history names and that has to be made."""

    _name = "crm.lead.stage.history.import.stage"
    _description = "Stage to Create by an Import of Stage History"
    _order = "sequence, id"

    import_id = fields.Many2one(
        "crm.lead.stage.history.import", required=True, ondelete="cascade"
    )
    sequence = fields.Integer()
    name = fields.Char(string="Stage", required=True, readonly=True)
    is_won = fields.Boolean(string="Won Stage")
