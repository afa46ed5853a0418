from datetime import timedelta

from odoo import fields, models

# The longest pause between two tries, in hours.
LONGEST_PAUSE = 24


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
        [("outgoing", "On Its Way"), ("sent", "Sent"), ("failed", "Not Sent")],
        required=True,
        default="outgoing",
    )
    error = fields.Text(string="What Went Wrong")
    attempts = fields.Integer(string="Tries", aggregator=None)
    date_tried = fields.Datetime(string="Last Try")
    is_owner_told = fields.Boolean(
        string="Owner Knows",
        help="The owner of the subscription knows that it could not be sent.",
    )
    mail_id = fields.Many2one("mail.mail", ondelete="set null", index="btree_not_null")

    _one_per_turn = models.UniqueIndex("(subscription_id, user_id, turn)")

    def _note_result(self, failure_type, failure_reason):
        """Keep what became of the mail.

        :param str failure_type: as in ``mail.mail``, falsy if it was sent
        :param str failure_reason: what the mail server says
        """
        self.ensure_one()
        if failure_type:
            reason = failure_reason or self.mail_id.failure_reason or failure_type
            self.write({"state": "failed", "error": reason})
        elif self.state == "failed":
            # sent again by hand
            self.write({"state": "sent", "error": False})
        else:
            self.state = "sent"

    def _is_due_again(self, moment):
        """Whether to try once more: with the next run first, then at longer and longer
        intervals.

        :param moment: naive UTC datetime
        :return: boolean
        """
        self.ensure_one()
        # an administrator may have put it into the queue again
        if self.state != "failed" or self.mail_id.state == "outgoing":
            return False
        pause = timedelta(hours=min(self.attempts - 1, LONGEST_PAUSE))
        return (self.date_tried or self.create_date) + pause <= moment
