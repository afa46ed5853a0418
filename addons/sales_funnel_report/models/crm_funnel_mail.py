import logging

from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import UserError

from ..drawing import HEX_COLORS
from ..drawing.page import mix, printable

_logger = logging.getLogger(__name__)


class CrmFunnelMail(models.AbstractModel):
    """A funnel document as a mail: tables only, for that is what programs for
    mail agree on."""

    _name = "crm.funnel.mail"
    _description = "Sales Funnel Mail"

    @api.model
    def _render_body(self, document, note="", unsubscribe_url=None, missing=()):
        """The mail without its attachments.

        :param dict document: see ``crm.funnel.document``
        :param str note: plain text of the sender
        :param str unsubscribe_url: for mails that come by themselves
        :param missing: extensions of the files that could not be made
        :rtype: markupsafe.Markup
        """
        documents = self.env["crm.funnel.document"]
        currency = document["currency"]
        body = self.env["ir.qweb"]._render(
            "sales_funnel_report.funnel_mail",
            {
                "document": document,
                "note_lines": note.splitlines() if note else [],
                "missing": self._tell_missing(missing),
                "bars": self._get_bars(document),
                "table": document["group_table"] or document["table"],
                "text_of": lambda kind, value: documents._format(kind, value, currency),
                "short_text_of": lambda kind, value: documents._format_short(
                    kind, value, currency
                ),
                "note_of": lambda figure: documents._format_note(figure, currency),
                "url": f"{self.get_base_url()}/odoo/sales-funnel",
                "unsubscribe_url": unsubscribe_url,
            },
        )
        return Markup(printable(body))

    def _tell_missing(self, missing):
        """
        :param missing: extensions of the files that could not be made
        :return: sentence for the reader, empty when there are none
        """
        if not missing:
            return ""
        labels = {"pdf": self.env._("the PDF"), "xlsx": self.env._("the Excel file")}
        return self.env._(
            "Not attached, because it could not be made this time: %(files)s. All figures "
            "are in this mail.",
            files=", ".join(labels.get(extension, extension) for extension in missing),
        )

    def _get_bars(self, document):
        """The drawing as bars, each with what is left free beside it."""
        measure = document["measure"]
        kind = "amount" if measure.endswith("amount") else "count"
        documents = self.env["crm.funnel.document"]
        bars = []
        for step, band, name in zip(
            document["report"]["total"]["steps"],
            document["drawing"]["total"][measure],
            document["drawing"]["colors"],
            strict=True,
        ):
            width = round(band["width"])
            if band["bar"]:
                width = max(1, width)
            rate = step.get("conversion_prev")
            bars.append(
                {
                    "name": step["name"],
                    "value": documents._format_short(
                        kind, step[measure], document["currency"]
                    ),
                    "rate": ""
                    if rate is None
                    else documents._format("rate", rate, document["currency"]),
                    "width": width,
                    "left": (100 - width) // 2,
                    "right": 100 - width - (100 - width) // 2,
                    "color": mix(HEX_COLORS[name], 0.9),
                }
            )
        return bars

    @api.model
    def _send(self, question, partners, subject="", note="", sender=None, **values):
        """Send the answer to a question, as the user sees it.

        :param dict question: ``domain``, ``options`` and ``measure``
        :param partners: ``res.partner`` who get it
        :param str subject: by default the title of the document
        :param str note: plain text of the sender
        :param sender: ``res.users``, by default the user
        :param values: ``extensions`` of the files to attach, by default ``pdf``;
            ``unsubscribe_url``, ``headers``
        :return: ``mail.mail``, to be sent by Odoo's queue
        :raise UserError: for a question without answer, a sender or a receiver
            without address
        """
        sender = sender or self.env.user
        self._check_addresses(sender, partners)
        document = self.env["crm.funnel.document"]._get_document(
            question.get("domain"), question.get("options"), question.get("measure")
        )
        # the files tell the same moment as the mail
        as_of = document["report"]["options"]["as_of"]
        options = {**(question.get("options") or {}), "as_of": as_of}
        question = {**question, "options": options}
        files, missing = self._make_attachments(
            document, question, values.get("extensions", ["pdf"])
        )
        # sudo: people may not create mails; this one has what its sender sees, for
        # those whom the sender chose, and the files are nobody else's
        attachments = self.env["ir.attachment"].sudo().create(files)
        mail = (
            self.env["mail.mail"]
            .sudo()
            .create(
                {
                    "subject": printable(subject or document["title"]),
                    "body_html": self._render_body(
                        document, note, values.get("unsubscribe_url"), missing
                    ),
                    # who is its author may open the mail and its files in Odoo,
                    # and the figures are those that the user sees
                    "author_id": self.env.user.partner_id.id,
                    "email_from": sender.email_formatted,
                    "reply_to": sender.email_formatted,
                    "recipient_ids": [(6, 0, partners.ids)],
                    "attachment_ids": [(6, 0, attachments.ids)],
                    "headers": values.get("headers") or {},
                    "auto_delete": True,
                    "state": "outgoing",
                }
            )
        )
        # sudo: the queue is of the system; it need not wait for its hour
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        return mail

    def _check_addresses(self, sender, partners):
        if not sender.email:
            raise UserError(
                self.env._(
                    "%(user)s has no email address to send from. Add one in the "
                    "preferences of the user.",
                    user=sender.name,
                )
            )
        without = partners.filtered(lambda partner: not partner.email)
        if without:
            raise UserError(
                self.env._(
                    "These contacts have no email address: %(names)s.",
                    names=", ".join(without.mapped("name")),
                )
            )

    def _make_attachments(self, document, question, extensions):
        """
        :param dict document: see ``crm.funnel.document``
        :param dict question: ``domain``, ``options`` and ``measure``
        :param extensions: of the files to make
        :return: ``(list of values of ir.attachment, list of the extensions of the files
            that could not be made)``
        """
        made, missing = [], []
        for extension in extensions:
            try:
                with self.env.cr.savepoint():
                    made.append(self._make_attachment(document, question, extension))
            except Exception:
                # whatever it is, the mail has all numbers in itself, and says so
                _logger.exception("A funnel is sent without its %s", extension)
                missing.append(extension)
        return made, missing

    def _make_attachment(self, document, question, extension):
        """:return: values of ``ir.attachment``"""
        files = self.env["crm.funnel.file"]
        if extension == "pdf":
            content, extension = files._make_pdf(question)
        else:
            content = files._get_makers()[extension][1](document)
        return {
            "name": files._get_name(document, extension),
            "raw": content,
            # so they are deleted with the mail
            "res_model": "mail.message",
            "res_id": 0,
        }
