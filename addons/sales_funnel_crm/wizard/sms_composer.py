from odoo import fields, models

NAME_LENGTH = 80


class SmsComposer(models.TransientModel):
    _inherit = "sms.composer"

    tag_action_id = fields.Many2one("partner.tag.action", ondelete="cascade")
    tag_description = fields.Char(related="tag_action_id.description")

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
