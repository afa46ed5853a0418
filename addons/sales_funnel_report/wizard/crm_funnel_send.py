import json

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.sales_funnel_crm.tools import ensure_one_record


class CrmFunnelSend(models.TransientModel):
    """Mails the funnel now, as its sender sees it."""

    _name = "crm.funnel.send"
    _description = "Send Sales Funnel"

    question = fields.Text(required=True, default="{}")
    partner_ids = fields.Many2many("res.partner", string="To")
    subject = fields.Char(required=True)
    note = fields.Text(string="Message")
    with_pdf = fields.Boolean(string="Attach PDF", default=True)
    with_xlsx = fields.Boolean(string="Attach Excel file")
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    @api.model
    def default_get(self, fields_list):
        """Take over what the funnel shows, given by the view in the context."""
        values = super().default_get(fields_list)
        question = self.env.context.get("funnel_question")
        if question:
            values["question"] = json.dumps(question)
            values["subject"] = self._get_document(question)["title"]
        return values

    @api.depends("question", "note")
    def _compute_preview(self):
        for wizard in self:
            document = wizard._get_document(wizard._get_question())
            wizard.preview = self.env["crm.funnel.mail"]._render_body(
                document, wizard.note
            )

    def _get_question(self):
        return self.env["crm.funnel.question"]._read_question(self.question)

    @api.model
    def _get_document(self, question):
        question = self.env["crm.funnel.question"]._read_question(question)
        return self.env["crm.funnel.document"]._get_document(**question)

    def action_send(self):
        """Mail the funnel to the chosen contacts.

        :return: action that says so, and whether a file is missing, and closes the
            dialog
        :raise UserError: without receivers or addresses
        """
        ensure_one_record(self)
        if not self.partner_ids:
            raise UserError(self.env._("Choose who gets the mail."))
        extensions = ["pdf"] * self.with_pdf + ["xlsx"] * self.with_xlsx
        mail = self.env["crm.funnel.mail"]._send(
            self._get_question(),
            self.partner_ids,
            subject=self.subject,
            note=self.note or "",
            extensions=extensions,
        )
        is_whole = len(mail.attachment_ids) == len(extensions)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if is_whole else "warning",
                "message": self.env._("The funnel is on its way.")
                if is_whole
                else self.env._(
                    "The funnel is on its way, without all files. The mail says which "
                    "could not be made."
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
