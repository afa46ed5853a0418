from odoo import api, fields, models

from ..tools import check_pointers

NAME_LENGTH = 80


class SmsComposer(models.TransientModel):
    _inherit = "sms.composer"

    tag_action_id = fields.Many2one("partner.tag.action", ondelete="cascade")
    tag_description = fields.Char(
        related="tag_action_id.description", related_sudo=False
    )

    @api.constrains("tag_action_id", "res_model", "template_id")
    def _check_tag_action(self):
        check_pointers(self, ["tag_action_id"])
        for composer in self.filtered("tag_action_id"):
            for model in (composer.res_model, composer.template_id.model):
                composer.tag_action_id._check_writes_to_contacts(model or "res.partner")

    def action_send_sms(self):
        result = super().action_send_sms()
        return self.tag_action_id._get_done_action() if self.tag_action_id else result

    def _action_send_sms_mass(self, records=None):
        if self.tag_action_id:
            records = records if records is not None else self._get_records()
            name = " ".join(self.body.split())[:NAME_LENGTH]
            run = self.tag_action_id._start_run(records, name, [self.body])
            records = run.partner_ids.with_env(records.env)
        return super()._action_send_sms_mass(records)
