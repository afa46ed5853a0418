from odoo import models


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        # before Odoo deletes what was sent
        # sudo: whoever sends the queue tells what became of the mails in it
        deliveries = (
            self.env["crm.funnel.delivery"].sudo().search([("mail_id", "in", self.ids)])
        )
        for delivery in deliveries:
            delivery._note_result(failure_type, failure_reason)
        return super()._postprocess_sent_message(
            success_pids,
            success_emails,
            failure_reason=failure_reason,
            failure_type=failure_type,
        )
