from odoo import fields, models


class CrmFunnelDelivery(models.Model):
    """One mail of a subscription to one receiver."""

    _name = "crm.funnel.delivery"
    _description = "Sales Funnel Mail of a Subscription"
    _order = "id desc"

    subscription_id = fields.Many2one(
        "crm.funnel.subscription", required=True, ondelete="cascade", index=True
    )
    user_id = fields.Many2one(
        "res.users", string="Receiver", required=True, ondelete="cascade"
    )
    turn = fields.Date(
        string="For", help="First day of the week or month; empty when sent by hand."
    )
    state = fields.Selection(
        [("sent", "Sent"), ("failed", "Not Sent")], required=True, default="sent"
    )
    error = fields.Text()

    _one_per_turn = models.UniqueIndex("(subscription_id, user_id, turn)")
