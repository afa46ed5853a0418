from odoo import api, fields, models
from odoo.exceptions import UserError

SEND_BATCH = 20


class SalesReceivableReminder(models.Model):
    """A customer was reminded of open invoices: when, by whom, and of which.

    Reminders are made by the dialog alone, of what its user sees; so they can be sent
    later, whoever it is that sends them.
    """

    _name = "sales.receivable.reminder"
    _description = "Reminder of Open Invoices"
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    recipient_id = fields.Many2one(
        "res.partner", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    user_id = fields.Many2one(
        "res.users", string="Reminded by", required=True, readonly=True
    )
    date = fields.Date(required=True, readonly=True)
    is_repeated = fields.Boolean(string="Once More the Same Day", readonly=True)
    template_id = fields.Many2one(
        "mail.template", readonly=True, ondelete="set null", index="btree_not_null"
    )
    state = fields.Selection(
        [("queued", "To Send"), ("sent", "Sent"), ("failed", "Failed")],
        required=True,
        readonly=True,
        default="queued",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary(string="Open", readonly=True)
    amount_late = fields.Monetary(string="Late", readonly=True)
    line_ids = fields.One2many(
        "sales.receivable.reminder.line", "reminder_id", readonly=True
    )

    _once_a_day = models.UniqueIndex(
        "(partner_id, company_id, date) "
        "WHERE is_repeated IS NOT TRUE AND state <> 'failed'",
        "One of these customers is being reminded by somebody else at this moment. "
        "Open the dialog again to see who is left.",
    )
    _to_send = models.Index("(id) WHERE state = 'queued'")

    @api.model
    def _cron_send(self):
        """Send what waits, a few customers at a time."""
        waiting = self.search([("state", "=", "queued")], order="id")
        self.env["ir.cron"]._commit_progress(remaining=len(waiting))
        for start in range(0, len(waiting), SEND_BATCH):
            batch = waiting[start : start + SEND_BATCH]
            for user, reminders in batch.grouped("user_id").items():
                # sudo: in the name of who reminds, see _send
                reminders.with_user(user).sudo()._send_or_fail()
            if not self.env["ir.cron"]._commit_progress(len(batch)):
                return

    def _send_or_fail(self):
        """Send the reminders of one user; if that cannot be done, say so on the
        customers, and let them be reminded again the same day.
        """
        try:
            with self.env.cr.savepoint():
                self._send(force_send=False)
        except UserError as error:
            self.state = "failed"
            self.partner_id._message_log_batch(
                bodies=dict.fromkeys(
                    self.partner_id.ids,
                    self.env._("The reminder could not be sent: %s", error),
                )
            )

    def _send(self, force_send=True):
        """Send the reminders of one user, and note on the customers that they were sent.

        To be called with sudo: a salesperson may neither write on a customer nor
        freeze the PDF of an invoice. What goes out was chosen under his own rights, and
        the letters are open to who sends and who gets them, and to nobody else.

        :param bool force_send: at once, not with the queue of e-mails
        :raise UserError: the template is gone, or is none for the user
        """
        if not all(reminder.template_id for reminder in self):
            raise UserError(self.env._("Its e-mail template has been deleted."))
        for template in self.template_id:
            self._check_template(template)
        rendered = self._render()
        attachments = self._get_attachments()
        for reminder in self:
            values = rendered[reminder]
            # no message of the customer's chatter: whoever may read the customer could
            # open it, with its sums and files
            reminder.partner_id.message_notify(
                author_id=self.env.user.partner_id.id,
                email_from=values["email_from"] or None,
                reply_to=values["reply_to"] or None,
                subject=values["subject"],
                body=values["body_html"],
                partner_ids=reminder.recipient_id.ids,
                attachment_ids=[
                    attachment_id
                    for invoice in reminder.line_ids.move_id
                    for attachment_id in attachments[invoice].ids
                ],
                email_layout_xmlid="mail.mail_notification_light",
                force_send=force_send,
            )
            reminder.partner_id._message_log(
                body=self.env._(
                    "Reminded of open invoices, by e-mail to %s.",
                    reminder.recipient_id.display_name,
                )
            )
        self.state = "sent"

    def _render(self):
        """The texts of the reminders, rendered as the user: a template looks at whatever
        whoever wrote it liked.

        :return: ``{sales.receivable.reminder: {name of a field: text}}``
        :rtype: dict
        """
        # what was read with more rights is in memory, where nobody is asked for any
        self.env.invalidate_all()
        rendered = {}
        for template, reminders in self.grouped("template_id").items():
            texts = template.sudo(False)._generate_template(
                reminders.ids, ("subject", "body_html", "email_from", "reply_to")
            )
            rendered.update((reminder, texts[reminder.id]) for reminder in reminders)
        return rendered

    @api.model
    def _check_template(self, template):
        """Refuse what the dialog would not have offered.

        :param template: ``mail.template``
        :raise UserError: it is for other records, or somebody else's
        """
        owner = template.user_id
        if template.model != self._name or owner not in (owner.browse(), self.env.user):
            raise UserError(
                self.env._(
                    "“%(template)s” is no e-mail template that you can remind with. "
                    "Choose one of those that the dialog offers.",
                    template=template.display_name,
                )
            )

    def _find_unprinted(self):
        """:return: ``account.move``, the invoices that have no PDF yet"""
        return self.line_ids.move_id.filtered(
            lambda invoice: not invoice.invoice_pdf_report_id
        )

    def _get_attachments(self):
        """The PDFs of the invoices: those that were sent before, or else made now, as
        by Odoo's *Send*.

        :return: ``{account.move: ir.attachment}``
        :rtype: dict
        """
        send = self.env["account.move.send"]
        # one by one: not every wkhtmltopdf can make several at once
        for invoice in self._find_unprinted():
            send.with_company(invoice.company_id)._generate_and_send_invoices(
                invoice, sending_methods=[], extra_edis=[]
            )
        return {
            invoice: invoice.invoice_pdf_report_id for invoice in self.line_ids.move_id
        }
