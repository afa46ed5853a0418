import json
import logging
from ast import literal_eval
from datetime import timedelta

from dateutil.relativedelta import relativedelta
from werkzeug.urls import url_encode

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import hmac

from odoo.addons.sales_funnel_crm.tools import refuse_from_outside

from .crm_funnel_question import MOVING_PERIODS

_logger = logging.getLogger(__name__)

# The hour of the receiver from which a mail may come.
MORNING = 6
# What a subscription keeps of the options; the rest moves on with the days.
KEPT_OPTIONS = ("funnel_id", "lens", "rule", "window_days", "horizon_days", "groupby")
# What a text that is no Python, or no JSON, raises.
UNREADABLE = (MemoryError, RecursionError, SyntaxError, TypeError, ValueError)


class CrmFunnelSubscription(models.Model):
    """A question to the funnel that is asked again every week or month, for each
    receiver as that person."""

    _name = "crm.funnel.subscription"
    _description = "Sales Funnel Subscription"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        required=True,
        copy=False,
        default=lambda self: self.env.user,
        help="The mails come in the owner's name. Is told when one could not be sent.",
    )
    user_ids = fields.Many2many(
        "res.users",
        string="Receivers",
        default=lambda self: self.env.user,
        domain=lambda self: [
            ("share", "=", False),
            ("all_group_ids", "in", self.env.ref("sales_team.group_sale_salesman").id),
        ],
        help="Each gets the figures of the deals that this person may see.",
    )
    frequency = fields.Selection(
        [("week", "Every Monday"), ("month", "On the 1st of each month")],
        required=True,
        default="month",
        string="When",
    )
    since = fields.Date(
        required=True, default=fields.Date.context_today, readonly=True, copy=False
    )
    next_day = fields.Date(compute="_compute_next_day", string="Next Mail")
    period = fields.Selection(
        [
            ("this_month", "This Month"),
            ("last_month", "Last Month"),
            ("this_quarter", "This Quarter"),
            ("last_quarter", "Last Quarter"),
            ("this_year", "This Year"),
            ("last_year", "Last Year"),
            ("last_12_months", "Last 12 Months"),
            ("fixed", "Always the Same Days"),
        ],
        required=True,
        default="last_month",
        help="The period as of the day of the mail: it moves on by itself.",
    )
    compare = fields.Selection(
        [
            ("none", "Nothing"),
            ("before", "Period Before"),
            ("year", "Year Before"),
        ],
        required=True,
        default="none",
        string="Compare With",
    )
    domain = fields.Char(string="Filter", default="[]", required=True)
    options = fields.Text(default="{}", required=True)
    measure = fields.Char()
    description = fields.Text(compute="_compute_description")
    with_xlsx = fields.Boolean(string="Attach Excel file")
    delivery_ids = fields.One2many(
        "crm.funnel.delivery", "subscription_id", string="Mails", readonly=True
    )
    is_receiver = fields.Boolean(compute="_compute_is_receiver")

    @api.model
    def default_get(self, fields_list):
        """Take over what the funnel shows, given by the view in the context."""
        values = super().default_get(fields_list)
        question = self.env.context.get("funnel_question")
        if not question:
            return values
        questions = self.env["crm.funnel.question"]
        question = questions._read_question(question)
        # raises what is wrong with them, in words
        self.env["crm.funnel.report"]._read_options(question["options"])
        options = question["options"] or {}
        found = questions._find_period(options)
        kept = {key: options[key] for key in KEPT_OPTIONS if options.get(key)}
        if not found and options.get("lens") != "snapshot":
            for name in ("date_from", "date_to", "compare"):
                kept[name] = options.get(name)
        values.update(
            domain=repr(question["domain"] or []),
            options=json.dumps(kept),
            measure=question["measure"],
            period=found or "fixed",
            compare=self._find_compare(options, found),
        )
        document = self.env["crm.funnel.document"]._get_document(
            question["domain"], kept
        )
        values["name"] = document["title"]
        return values

    @api.model_create_multi
    def create(self, vals_list):
        refuse_from_outside(self, vals_list, ["since"])
        default = self.env.context.get("default_user_id", self.env.uid)
        for vals in vals_list:
            self._check_owner(vals.get("user_id", default))
        return super().create(vals_list)

    def write(self, vals):
        refuse_from_outside(self, [vals], ["since"])
        if "user_id" in vals and self.user_id.ids != [vals["user_id"]]:
            self._check_owner(vals["user_id"])
        return super().write(vals)

    @api.model
    def _check_owner(self, owner_id):
        """Mails go out in the name of the owner, so that nobody makes another one it.

        :param int owner_id: of ``res.users``
        :raise UserError: it is not the user
        """
        if not self.env.su and owner_id != self.env.uid:
            raise UserError(
                self.env._(
                    "A subscription sends its mails in the name of its owner, so nobody "
                    "can make somebody else its owner. Ask that person to take it over, "
                    "or to make one."
                )
            )

    @api.model
    def _find_compare(self, options, period):
        """What a comparison means for a period, see ``compare``."""
        compare = options.get("compare")
        if not compare or not period:
            return "none"
        for name in ("before", "year"):
            if self._get_compared(period, name, options.get("lens")) == compare:
                return name
        return "none"

    @api.model
    def _get_compared(self, period, compare, lens=None):
        """:return: the days that a moving period is compared with, as an option; what
        is open has no period, and is compared with a day a month or a year before"""
        if lens == "snapshot":
            back = relativedelta(**{"months" if compare == "before" else "years": 1})
            day = fields.Date.context_today(self) - back
            return {"date_from": str(day), "date_to": str(day + timedelta(days=1))}
        first, after = self.env["crm.funnel.question"]._get_period(period)
        unit, _back = MOVING_PERIODS[period]
        back = (
            self.env["crm.funnel.question"]._get_length(unit)
            if compare == "before" and unit
            else relativedelta(years=1)
        )
        return {"date_from": str(first - back), "date_to": str(after - back)}

    # ------------------------------------------------------------
    # COMPUTED
    # ------------------------------------------------------------

    @api.depends("frequency")
    def _compute_next_day(self):
        for subscription in self:
            start = subscription._get_turn(self.env.user, fields.Datetime.now())
            length = (
                relativedelta(weeks=1)
                if subscription.frequency == "week"
                else relativedelta(months=1)
            )
            subscription.next_day = start + length

    @api.depends("domain", "options", "period", "compare")
    def _compute_description(self):
        for subscription in self:
            try:
                question = subscription._get_question()
                options = self.env["crm.funnel.report"]._read_options(
                    question["options"]
                )
            except (UserError, *UNREADABLE) as error:
                # a funnel may have been deleted since
                subscription.description = str(error)
                continue
            facts = self.env["crm.funnel.question"]._describe(
                question["domain"], options
            )
            subscription.description = "\n".join(
                f"{label}: {text}" for label, text in facts
            )

    @api.depends("user_ids")
    @api.depends_context("uid")
    def _compute_is_receiver(self):
        for subscription in self:
            subscription.is_receiver = self.env.user in subscription.user_ids

    @api.constrains("domain", "options", "period", "compare")
    def _check_question(self):
        for subscription in self:
            try:
                question = subscription._get_question()
            except UNREADABLE as error:
                raise ValidationError(
                    self.env._("The filter cannot be read: %(error)s", error=error)
                ) from error
            # raises what is wrong with it, in words
            self.env["crm.lead"].get_funnel_report(
                question["domain"], question["options"]
            )

    # ------------------------------------------------------------
    # QUESTION
    # ------------------------------------------------------------

    def _get_question(self):
        """What is asked today, in the time zone of the user.

        :return: ``{"domain", "options", "measure"}``
        """
        self.ensure_one()
        options = self.env["crm.funnel.report"]._check_options(
            json.loads(self.options or "{}")
        )
        if self.period != "fixed":
            days = self.env["crm.funnel.question"]._get_period(self.period)
            options.update(zip(("date_from", "date_to"), map(str, days), strict=True))
            options.pop("compare", None)
            if self.compare != "none":
                options["compare"] = self._get_compared(
                    self.period, self.compare, options.get("lens")
                )
        return {
            "domain": literal_eval(self.domain or "[]"),
            "options": options,
            "measure": self.measure or None,
        }

    # ------------------------------------------------------------
    # SENDING
    # ------------------------------------------------------------

    @api.model
    def _cron_send(self):
        """Send what is due, and what could not be sent so far, and commit after each
        receiver: however often it is begun anew, nobody gets a mail twice."""
        due = self.search([("user_ids", "!=", False)])._get_due(fields.Datetime.now())
        crons = self.env["ir.cron"]
        crons._commit_progress(remaining=len(due))
        for subscription, user, turn in due:
            subscription._deliver(user, turn)
            if not crons._commit_progress(1):
                break

    def _get_due(self, moment):
        """
        :param moment: naive UTC datetime
        :return: list of ``(subscription, user, first day of the week or month)``
        """
        deliveries = self.delivery_ids.grouped(
            lambda delivery: (
                delivery.subscription_id,
                delivery.user_id,
                delivery.turn,
            )
        )
        due = []
        for subscription in self:
            for user in subscription.user_ids.filtered("active"):
                turn = subscription._get_turn(user, moment)
                delivery = deliveries.get((subscription, user, turn))
                if (
                    turn > subscription.since
                    and (not delivery or delivery._is_due_again(moment))
                    and subscription._has_access(user)
                ):
                    due.append((subscription, user, turn))
        return due

    def _get_turn(self, user, moment):
        """The first day of the week or month that it is for a receiver; a day
        begins in the morning."""
        there = fields.Datetime.context_timestamp(
            self.with_context(tz=user.tz or "UTC"), moment - timedelta(hours=MORNING)
        )
        return fields.Date.start_of(there.date(), self.frequency or "month")

    @api.model
    def _has_access(self, user):
        """Whether the user may see deals at all."""
        return user.active and self.env["crm.lead"].with_user(user).has_access("read")

    def _deliver(self, user, turn=None):
        """Send the mail of one receiver; what goes wrong is told to the owner.

        :param user: ``res.users``, the receiver
        :param turn: first day of the week or month, ``None`` when sent by hand
        """
        self.ensure_one()
        delivery = self._find_delivery(user, turn)
        # the mail server has told of it since
        self._tell_owner(delivery)
        values = {
            "attempts": delivery.attempts + 1,
            "date_tried": self.env.cr.now(),
            "error": False,
        }
        try:
            with self.env.cr.savepoint():
                # that of the last try: nobody can send it later as well
                delivery.mail_id.unlink()
                mail = self._send_to(user)
        except Exception as error:
            # whatever it is, the others get their mails
            _logger.exception("Funnel of subscription %s to %s", self.id, user.login)
            values.update(state="failed", error=str(error))
        else:
            values.update(state="outgoing", mail_id=mail.id)
            if len(mail.attachment_ids) < len(self._get_extensions()):
                values["error"] = self.env._(
                    "Not all files could be made. The mail says which."
                )
        if delivery:
            delivery.write(values)
        else:
            delivery = delivery.create(
                {
                    **values,
                    "subscription_id": self.id,
                    "user_id": user.id,
                    "turn": turn,
                }
            )
        self._tell_owner(delivery)

    def _find_delivery(self, user, turn):
        """:return: ``crm.funnel.delivery`` that failed before, or none"""
        # sudo: nobody writes these records by hand
        deliveries = self.env["crm.funnel.delivery"].sudo()
        if not turn:
            return deliveries
        return deliveries.search(
            [
                ("subscription_id", "=", self.id),
                ("user_id", "=", user.id),
                ("turn", "=", turn),
            ]
        )

    def _get_extensions(self):
        """:return: list of the extensions of the files that are attached"""
        self.ensure_one()
        return ["pdf", "xlsx"] if self.with_xlsx else ["pdf"]

    def _send_to(self, user):
        """The mail, made with the rights of its receiver, in that person's language,
        time zone and companies.

        :return: ``mail.mail``
        """
        # sudo: companies that the sender may not know, in which the receiver is asked
        user_sudo = user.sudo()
        companies = user_sudo.company_id | user_sudo.company_ids
        there = {
            "lang": user.lang,
            "tz": user.tz or "UTC",
            "allowed_company_ids": companies.ids,
        }
        # sudo: who gets the answer need not be able to read the question
        subscription = self.sudo().with_context(**there)
        unsubscribe_url = subscription._get_unsubscribe_url(user)
        mails = self.env["crm.funnel.mail"].with_user(user).with_context(**there)
        return mails._send(
            subscription._get_question(),
            user.partner_id,
            subject=subscription.name,
            sender=subscription.user_id,
            extensions=subscription._get_extensions(),
            unsubscribe_url=unsubscribe_url,
            headers={
                "List-Unsubscribe": f"<{unsubscribe_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "X-Auto-Response-Suppress": "OOF",
            },
        )

    def _tell_owner(self, delivery):
        """Tell the owner, once, that a mail could not be sent.

        :param delivery: ``crm.funnel.delivery``, may be empty or sent
        """
        if delivery.state != "failed" or delivery.is_owner_told:
            return
        delivery.is_owner_told = True
        told = self.env._(
            "The funnel could not be sent to %(user)s: %(error)s",
            user=delivery.user_id.name,
            error=delivery.error,
        )
        if delivery.turn:
            again = self.env._("It is tried again until the next one is due.")
            told = f"{told} {again}"
        self.message_post(body=told, partner_ids=self.user_id.partner_id.ids)

    def action_send_now(self):
        """Send it to all receivers now, besides the regular mails."""
        self.check_access("write")
        for subscription in self:
            for user in subscription.user_ids:
                if subscription._has_access(user):
                    subscription._deliver(user)

    # ------------------------------------------------------------
    # UNSUBSCRIBING
    # ------------------------------------------------------------

    def action_unsubscribe(self):
        """Take the user off the receivers."""
        self._unsubscribe(self.env.user)

    def _unsubscribe(self, user):
        """:raise AccessError: for who gets no mails"""
        # sudo: receivers may do nothing to a subscription but leave it
        for subscription in self.sudo():
            if user not in subscription.user_ids:
                raise AccessError(
                    self.env._("%(user)s does not get these mails.", user=user.name)
                )
            subscription.user_ids -= user

    def _get_unsubscribe_token(self, user):
        """A secret that only the receiver knows, from the mail."""
        self.ensure_one()
        return hmac(
            self.env(su=True), "sales_funnel_report-unsubscribe", (self.id, user.id)
        )

    def _get_unsubscribe_url(self, user):
        self.ensure_one()
        query = url_encode(
            {"user_id": user.id, "token": self._get_unsubscribe_token(user)}
        )
        return f"{self.get_base_url()}/sales_funnel/unsubscribe/{self.id}?{query}"
