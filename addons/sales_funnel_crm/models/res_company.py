from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    quotation_sent_stage_id = fields.Many2one(
        "crm.stage",
        string="Stage of Deals with a Quotation Sent",
        ondelete="set null",
        help="Where a deal goes when a quotation is sent. Empty: it stays.",
    )
    order_confirmed_stage_id = fields.Many2one(
        "crm.stage",
        string="Stage of Deals with an Order",
        ondelete="set null",
        default=lambda self: self._default_order_confirmed_stage(),
        help="Where a deal goes when an order is confirmed. Empty: it stays.",
    )

    def _default_order_confirmed_stage(self):
        """
        :return: the first won stage, one for all teams if there is
        """
        won = self.env["crm.stage"].search([("is_won", "=", True)])
        return (won.filtered(lambda stage: not stage.team_ids) or won)[:1]
