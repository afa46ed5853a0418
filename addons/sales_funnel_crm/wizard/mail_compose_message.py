from odoo import api, fields, models

from ..tools import check_pointers


class MailComposeMessage(models.TransientModel):
    _inherit = "mail.compose.message"

    tag_action_id = fields.Many2one("partner.tag.action", ondelete="cascade")
    tag_description = fields.Char(
        related="tag_action_id.description", related_sudo=False
    )

    @api.constrains("tag_action_id", "model", "template_id")
    def _check_tag_action(self):
        check_pointers(self, ["tag_action_id"])
        for composer in self.filtered("tag_action_id"):
            for model in (composer.model, composer.template_id.model):
                composer.tag_action_id._check_writes_to_contacts(model or "res.partner")

    def action_send_mail(self):
        result = super().action_send_mail()
        return self.tag_action_id._get_done_action() if self.tag_action_id else result

    def _action_send_mail_mass_mail(self, res_ids, auto_commit=False):
        if not self.tag_action_id:
            return super()._action_send_mail_mass_mail(res_ids, auto_commit)
        run = self.tag_action_id._start_run(
            self.env["res.partner"].browse(res_ids),
            self.subject or self.env._("E-mail"),
            [self.subject, self.body, self.attachment_ids.mapped("checksum")],
        )
        mails = super()._action_send_mail_mass_mail(run.partner_ids.ids, auto_commit)
        # sudo: the queue is of the system; it need not wait for its hour
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        return mails
