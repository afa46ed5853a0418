from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain

from odoo.addons.sales_funnel_crm.tools import ensure_one_record

# so many customers and PDFs to make can be waited for
SEND_AT_ONCE = 10
PRINT_AT_ONCE = 5


class SalesReceivableRemind(models.TransientModel):
    """Reminds customers of what they have not paid.

    A customer is reminded of what the user sees in the receivables today, whatever
    day the report is as of. Each company writes for itself.
    """

    _name = "sales.receivable.remind"
    _description = "Remind of Open Invoices"

    partner_ids = fields.Many2many(
        "res.partner",
        "sales_receivable_remind_partner_rel",
        string="Customers",
        required=True,
        readonly=True,
    )
    template_id = fields.Many2one(
        "mail.template",
        string="E-mail Template",
        required=True,
        domain="[('model', '=', 'sales.receivable.reminder'), "
        "'|', ('user_id', '=', False), ('user_id', '=', uid)]",
        default=lambda self: self._default_template_id(),
        help="Each customer gets it in his language.",
    )
    is_late_only = fields.Boolean(
        string="Late invoices only",
        help="Leave out what is not due yet.",
    )
    is_repeated = fields.Boolean(
        string="Once more",
        help="Also those who have been reminded today. Without the tick they are left "
        "out.",
    )
    to_remind_ids = fields.Many2many("res.partner", compute="_compute_customers")
    reminded_ids = fields.Many2many(
        "res.partner", string="Reminded Today", compute="_compute_customers"
    )
    no_address_ids = fields.Many2many(
        "res.partner", string="No E-mail Address", compute="_compute_customers"
    )
    blacklisted_ids = fields.Many2many("res.partner", compute="_compute_customers")
    nothing_open_ids = fields.Many2many(
        "res.partner", string="Nothing to Pay", compute="_compute_customers"
    )
    new_address_ids = fields.Many2many("res.partner", compute="_compute_customers")

    @api.model
    def _default_template_id(self):
        return self.env.ref(
            "sales_funnel_report.mail_template_receivable_reminder",
            raise_if_not_found=False,
        )

    # ------------------------------------------------------------
    # WHO
    # ------------------------------------------------------------

    @api.depends("partner_ids", "is_late_only", "is_repeated")
    def _compute_customers(self):
        for wizard in self:
            plan = wizard._get_plan()
            wizard.to_remind_ids = self.env["res.partner"].union(
                *(partner for partner, *_others in plan["to_remind"])
            )
            wizard.new_address_ids = self.env["res.partner"].union(
                *(
                    partner
                    for partner, _company, recipient, _receivables in plan["to_remind"]
                    if recipient._is_address_new()
                )
            )
            for name in ("reminded", "no_address", "blacklisted", "nothing_open"):
                wizard[f"{name}_ids"] = plan[name]

    def _get_plan(self):
        """Who is to be reminded, and why the others are not.

        :return: ``to_remind``: list of ``(customer, company, recipient, receivables)``;
            ``reminded``, ``no_address``, ``blacklisted``, ``nothing_open``:
            ``res.partner``
        :rtype: dict
        """
        self.ensure_one()
        customers = self.partner_ids._origin.commercial_partner_id
        nobody = self.env["res.partner"]
        plan = {
            "to_remind": [],
            **dict.fromkeys(("reminded", "no_address", "blacklisted"), nobody),
        }
        recipients = self._find_recipients(customers)
        reminded = set() if self.is_repeated else self._find_reminded(customers)
        owing = nobody
        for (customer, company), receivables in self._find_receivables(customers):
            owing |= customer
            recipient = recipients[customer]
            if not recipient.email_normalized:
                plan["no_address"] |= customer
            elif recipient.is_blacklisted:
                plan["blacklisted"] |= customer
            elif (customer, company) in reminded:
                plan["reminded"] |= customer
            else:
                plan["to_remind"].append((customer, company, recipient, receivables))
        plan["nothing_open"] = customers - owing
        return plan

    @api.model
    def _find_recipients(self, customers):
        """
        :param customers: ``res.partner``
        :return: ``{customer: who gets his invoices}``; the customer himself, if there is
            nobody else with an address
        :rtype: dict
        """
        recipients = {}
        for customer in customers:
            contact = customer.browse(customer.address_get(["invoice"])["invoice"])
            # with the others, not one by one
            contact = contact.with_prefetch(customers._prefetch_ids)
            recipients[customer] = contact if contact.email_normalized else customer
        return recipients

    @api.model
    def _find_reminded(self, customers):
        """:return: set of ``(customer, company)`` reminded today, by whomever"""
        # sudo: that, and not by whom nor of what
        reminders = self.env["sales.receivable.reminder"].sudo()
        return {
            (customer.sudo(False), company.sudo(False))
            for customer, company in reminders._read_group(
                Domain("partner_id", "in", customers.ids)
                & Domain("company_id", "in", self.env.companies.ids)
                & Domain("date", "=", fields.Date.context_today(self))
                & Domain("state", "!=", "failed"),
                ["partner_id", "company_id"],
            )
        }

    def _find_receivables(self, customers):
        """What the user sees that these customers owe today.

        :return: list of ``((customer, company), sales.receivable)``, without those who
            owe nothing in all
        """
        domain = (
            Domain("commercial_partner_id", "in", customers.ids)
            & Domain("no_followup", "=", False)
            # nobody is asked for what he has paid
            & Domain("lateness", "!=", "5")
        )
        if self.is_late_only:
            domain &= Domain("amount_late", "!=", 0)
        receivables = self.env["sales.receivable"].with_context(as_of_day=False)
        found = defaultdict(receivables.browse)
        for receivable in receivables.search(domain):
            found[receivable.commercial_partner_id, receivable.company_id] |= receivable
        return [
            (key, receivables)
            for key, receivables in found.items()
            if sum(receivables.mapped("amount_unpaid")) > 0
        ]

    # ------------------------------------------------------------
    # REMIND
    # ------------------------------------------------------------

    def action_remind(self):
        """Remind: a few customers at once, many in the background.

        :return: the action that says what was done and who was left out
        :rtype: dict
        :raise UserError: nobody is left to be reminded, or the template is none for
            the user
        """
        ensure_one_record(self)
        # the domain of the field is one of the view, which not every client has
        self.env["sales.receivable.reminder"]._check_template(self.template_id)
        plan = self._get_plan()
        if not plan["to_remind"]:
            raise UserError(
                self.env._(
                    "There is nobody to remind.\n%s",
                    "\n".join(self._list_left_out(plan)),
                )
            )
        # sudo: reminders are made here alone, of what the user sees
        reminders = (
            self.env["sales.receivable.reminder"]
            .sudo()
            .create(
                [self._get_reminder_values(*values) for values in plan["to_remind"]]
            )
        )
        if (
            len(reminders) <= SEND_AT_ONCE
            and len(reminders._find_unprinted()) <= PRINT_AT_ONCE
        ):
            reminders._send()
            message = self.env._("Reminded: %s customers.", len(reminders))
        else:
            # sudo: the queue is of the system; it need not wait for its hour
            self.env.ref(
                "sales_funnel_report.ir_cron_receivable_reminder"
            ).sudo()._trigger()
            message = self.env._(
                "On their way: reminders to %s customers.", len(reminders)
            )
        left_out = self._list_left_out(plan)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if left_out else "success",
                "sticky": bool(left_out),
                "message": " ".join([message, *left_out]),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _get_reminder_values(self, customer, company, recipient, receivables):
        """
        :return: values of a ``sales.receivable.reminder``
        :rtype: dict
        """
        return {
            "partner_id": customer.id,
            "recipient_id": recipient.id,
            "company_id": company.id,
            "user_id": self.env.uid,
            "date": fields.Date.context_today(self),
            "is_repeated": self.is_repeated,
            "template_id": self.template_id.id,
            "amount": sum(receivables.mapped("amount_unpaid")),
            "amount_late": sum(receivables.mapped("amount_late")),
            "line_ids": [
                Command.create(
                    {
                        "move_id": receivable.move_id.id,
                        "date_invoice": receivable.date_invoice,
                        "date_due": receivable.date_due,
                        "days_late": receivable.days_late,
                        "currency_id": receivable.invoice_currency_id.id,
                        "amount": receivable.amount_unpaid_currency,
                    }
                )
                for receivable in receivables
            ],
        }

    def _list_left_out(self, plan):
        """:return: a sentence for each reason why customers are not reminded"""
        reasons = {
            "reminded": self.env._("Reminded today already: %s."),
            "no_address": self.env._("Without an e-mail address: %s."),
            "blacklisted": self.env._("Blacklisted: %s."),
            "nothing_open": self.env._("Nothing to pay: %s."),
        }
        return [
            sentence % ", ".join(plan[reason].mapped("display_name"))
            for reason, sentence in reasons.items()
            if plan[reason]
        ]
