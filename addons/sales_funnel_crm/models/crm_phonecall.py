import re
from datetime import datetime, timedelta

from psycopg2 import IntegrityError

from odoo import api, fields, models
from odoo.exceptions import AccessError, ConcurrencyError
from odoo.fields import Command, Domain
from odoo.tools.misc import clean_context

from odoo.addons.phone_validation.models.mail_thread_phone import (
    PHONE_REGEX_PATTERN,
)

from ..tools import check_pointers, ensure_one_record

# How long a call without a duration, as any planned call, is in calendars.
CALENDAR_MINUTES = 15
# Longer calls are slips of the pen.
MOST_MINUTES = 7 * 24 * 60

# Shorter numbers belong to too many to say whose they are.
MIN_DIGITS = 3

# What its calendar event is made of: a change of any of these changes the event.
EVENT_FIELDS = frozenset(
    ("name", "date", "date_end", "state", "user_id", "phone", "partner_id", "lead_id")
)

# What a call is about.
POINTERS = ("lead_id", "order_id", "partner_id")

# What nobody but Odoo writes.
OWN_FIELDS = frozenset(("event_id", "exchange_call_id", "new_caller"))

# In the context, says that Odoo writes by itself, and has checked what the calls are
# about. No client can send it.
TRUSTED = object()


class CrmPhonecall(models.Model):
    """A telephone call with a customer or with one who may become one."""

    _name = "crm.phonecall"
    _description = "Phone Call"
    _inherit = ["mail.thread.phone"]
    _order = "date desc, id desc"
    _check_company_auto = True
    _mail_post_access = "read"

    name = fields.Char(string="Subject")
    direction = fields.Selection(
        [("in", "Inbound"), ("out", "Outbound")],
        required=True,
        default="out",
    )
    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("held", "Held"),
            ("no_answer", "No Answer"),
            ("cancelled", "Cancelled"),
        ],
        string="Status",
        required=True,
        default="planned",
        copy=False,
        index=True,
        tracking=True,
        group_expand=True,
    )
    date = fields.Datetime(
        string="Start",
        compute="_compute_date",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        index=True,
        tracking=True,
    )
    date_end = fields.Datetime(
        string="End",
        compute="_compute_date_end",
        inverse="_inverse_date_end",
        store=True,
    )
    duration = fields.Float(
        string="Minutes",
        digits=(16, 2),
        copy=False,
        help="How long the two of you talked, in minutes.",
    )
    phone = fields.Char(
        compute="_compute_phone", store=True, readonly=False, precompute=True
    )
    phone_sanitized = fields.Char(index="btree_not_null")
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        tracking=True,
        check_company=True,
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Deal",
        compute="_compute_lead_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        tracking=True,
        check_company=True,
    )
    order_id = fields.Many2one(
        "sale.order",
        string="Quotation",
        index="btree_not_null",
        check_company=True,
    )
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        default=lambda self: self.env.user,
        domain="[('share', '=', False)]",
        index=True,
        tracking=True,
        check_company=True,
    )
    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        compute="_compute_team_id",
        store=True,
        readonly=False,
        precompute=True,
        index=True,
        check_company=True,
    )
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        index=True,
    )
    outcome_id = fields.Many2one(
        "crm.phonecall.outcome",
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        tracking=True,
    )
    note = fields.Html(string="Notes", copy=False)
    exchange_call_id = fields.Char(
        readonly=True,
        copy=False,
        help="The name the telephone exchange gave this call.",
    )
    new_caller = fields.Char(
        readonly=True,
        copy=False,
        help="The number of a caller nobody knew, with the call that became the lead.",
    )
    event_id = fields.Many2one(
        "calendar.event",
        string="Calendar Event",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )

    _duration_not_negative = models.Constraint(
        "CHECK(duration >= 0)", "A call cannot last less than zero minutes."
    )
    _duration_within_a_week = models.Constraint(
        f"CHECK(duration <= {MOST_MINUTES})", "A call cannot last longer than a week."
    )
    _exchange_call_uniq = models.UniqueIndex(
        "(company_id, exchange_call_id) WHERE exchange_call_id IS NOT NULL",
        "This call of the telephone exchange is in the list of calls already.",
    )

    _new_caller_uniq = models.UniqueIndex(
        "(company_id, new_caller) WHERE new_caller IS NOT NULL",
        "Another call of this number became a lead just now.",
    )

    @api.depends("state")
    def _compute_date(self):
        now = fields.Datetime.now()
        for call in self.filtered(lambda call: not call._origin):
            call.date = now
            if call.state == "planned":
                call.date += (datetime.min - now) % timedelta(minutes=30)

    @api.depends("date", "duration")
    def _compute_date_end(self):
        for call in self:
            length = call._get_length()
            # on the last day that there is, a call ends with that day
            latest = datetime.max.replace(microsecond=0) - length
            call.date_end = call.date and min(call.date, latest) + length

    def _inverse_date_end(self):
        """Let a held call be made longer or shorter in the calendar. What is
        planned has no duration yet: it keeps the time set aside for it."""
        for call in self.filtered(lambda call: call.state == "held"):
            if call.date_end and call.date_end - call.date != call._get_length():
                seconds = (call.date_end - call.date).total_seconds()
                call.duration = max(seconds / 60, 0)

    def _get_length(self):
        """:return: how long the call is in calendars, a timedelta"""
        self.ensure_one()
        return timedelta(minutes=min(self.duration or CALENDAR_MINUTES, MOST_MINUTES))

    @api.depends("order_id.opportunity_id")
    def _compute_lead_id(self):
        for call in self:
            order = call._filter_readable("order_id", call.order_id)
            call.lead_id = call.lead_id or call._filter_readable(
                "lead_id", order.opportunity_id
            )

    @api.depends("lead_id.partner_id", "order_id.partner_id")
    def _compute_partner_id(self):
        for call in self:
            lead = call._filter_readable("lead_id", call.lead_id)
            order = call._filter_readable("order_id", call.order_id)
            call.partner_id = call.partner_id or lead.partner_id or order.partner_id

    @api.depends("lead_id", "partner_id")
    def _compute_phone(self):
        for call in self:
            # The number of a call that is in the list is the one that was called,
            # whoever turns out to have it.
            if not call.phone or not call._origin:
                lead = call._filter_readable("lead_id", call.lead_id)
                partner = call._filter_readable("partner_id", call.partner_id)
                call.phone = lead.phone or partner.phone or call.phone

    @api.depends("user_id", "lead_id", "company_id")
    def _compute_team_id(self):
        default_teams = {}
        for call in self:
            user = call.user_id
            lead = call._filter_readable("lead_id", call.lead_id)
            if lead.team_id:
                call.team_id = lead.team_id
            elif user and user not in call.team_id.member_ids:
                if user not in default_teams:
                    default_teams[user] = self.env["crm.team"]._get_default_team_id(
                        user_id=user.id
                    )
                team = default_teams[user]
                fits = team.company_id in (team.company_id.browse(), call.company_id)
                call.team_id = team if fits else False

    @api.depends("lead_id", "order_id")
    def _compute_company_id(self):
        for call in self:
            # An exchange knows its call by company and name.
            if not (call.company_id and call.exchange_call_id):
                lead = call._filter_readable("lead_id", call.lead_id)
                order = call._filter_readable("order_id", call.order_id)
                call.company_id = (
                    lead.company_id
                    or order.company_id
                    or call.company_id
                    or self.env.company
                )

    def _filter_readable(self, fname, record):
        """Computes run as superuser. While somebody fills in a call, they take nothing
        from what that person may not read.

        :param str fname: field of the call that leads to the record
        :param record: what the call is about
        :return: the record, or an empty recordset
        """
        self.ensure_one()
        if (
            self.id
            or self._is_trusted()
            or record._origin == self._origin[fname]
            or record._origin.sudo(False).has_access("read")
        ):
            return record
        return record.browse()

    @api.onchange("phone", "company_id")
    def _onchange_phone(self):
        if self.phone:
            self.phone = (
                self._phone_format(fname="phone", force_format="INTERNATIONAL")
                or self.phone
            )
            self._recognise_numbers()

    def _phone_get_country(self):
        """Numbers without a country are read as in the country of the company."""
        country_by_record = super()._phone_get_country()
        for call in self:
            if call.id not in country_by_record and call.company_id.country_id:
                country_by_record[call.id] = call.company_id.country_id
        return country_by_record

    # Calls and those they are with

    def _recognise_numbers(self):
        """Link the calls that have a number, and no one who has it, to the deal
        or customer with that number, however it is written on either side."""
        calls = self.filtered(
            lambda call: call.phone and not call.lead_id and not call.partner_id
        )
        for company, company_calls in calls.grouped("company_id").items():
            found = self._match_numbers(company_calls.mapped("phone"), company)
            for call in company_calls:
                lead, partner = found[call.phone]
                if lead or partner:
                    call.update({"lead_id": lead.id, "partner_id": partner.id})

    @api.model
    def _normalise_number(self, number, company):
        """Write a telephone number so that equal numbers are equal texts.

        :param str number: the number as somebody wrote it, or an exchange sent it
        :param company: the res.company in whose country it is dialled
        :return: the number as in E.164 (+3225551212); an internal or otherwise
            impossible number without spaces and signs
        :rtype: str
        """
        return self.browse()._phone_format(
            number=number, country=company.country_id
        ) or re.sub(PHONE_REGEX_PATTERN, "", number)

    @api.model
    def _match_numbers(self, numbers, company):
        """Find who has telephone numbers, as far as the user may read them.

        Of several open deals with a number the newest is taken; of several
        partners a company before its contacts, the oldest first.

        :param list numbers: numbers as they were written or sent
        :param company: the res.company in whose country, and among whose
            records, they are looked for
        :return: {number: (crm.lead, res.partner)}, each of them may be empty
        :rtype: dict
        """
        keys = {number: self._normalise_number(number, company) for number in numbers}
        domain = Domain("company_id", "in", (False, company.id)) & (
            Domain("phone_sanitized", "in", list(keys.values()))
            | Domain.OR(
                Domain("phone_sanitized", "=", False)
                & Domain("phone_mobile_search", "=", key)
                for key in keys.values()
                if not key.startswith("+") and len(key) >= MIN_DIGITS
            )
        )
        # The best comes last, and stays.
        lead_by_key = {
            lead.phone_sanitized or self._normalise_number(lead.phone, company): lead
            for lead in self.env["crm.lead"].search_fetch(
                domain & Domain("won_status", "=", "pending"),
                ["phone_sanitized", "phone", "partner_id"],
                order="create_date, id",
            )
        }
        partner_by_key = {
            partner.phone_sanitized
            or self._normalise_number(partner.phone, company): partner
            for partner in self.env["res.partner"].search_fetch(
                domain, ["phone_sanitized", "phone"], order="is_company, id desc"
            )
        }
        found = {}
        for number, key in keys.items():
            lead = lead_by_key.get(key, self.env["crm.lead"])
            partner = partner_by_key.get(key, self.env["res.partner"])
            found[number] = (lead, lead.partner_id or partner)
        return found

    @api.model
    def _get_dialog_action(self, defaults):
        """Open the small dialog that logs or plans a call.

        :param dict defaults: values of the new call, by field
        :rtype: dict
        """
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "sales_funnel_crm.crm_phonecall_action_dialog"
        )
        action["context"] = {
            f"default_{field}": value for field, value in defaults.items()
        }
        return action

    # Keeping the calendar in step

    @api.model
    def default_get(self, fields):
        # Defaults of these names are meant for another model.
        return super().default_get([name for name in fields if name not in OWN_FIELDS])

    @api.model_create_multi
    def create(self, vals_list):
        """
        :raises AccessError: a field is given that only Odoo writes, or a call is about
            what the user may not read
        """
        if self.env.su or self._is_trusted():
            trusted = self.with_context(phonecall_trusted=TRUSTED)
            calls = super(CrmPhonecall, trusted).create(vals_list).with_env(self.env)
        else:
            for vals in vals_list:
                self._refuse_own_fields(name for name in vals if vals[name])
            calls = super().create(vals_list)
            given = {name.removeprefix("default_") for name in self.env.context}.union(
                *vals_list
            )
            # sudo: the calls are the user's own, the pointers are checked as the user
            check_pointers(calls.sudo(), given.intersection(POINTERS))
        calls._recognise_numbers()
        calls._name_nameless()
        calls._sync_event()
        return calls

    def write(self, vals):
        """
        :raises AccessError: a field is given that only Odoo writes, or the calls are to
            be about what the user may not read
        """
        is_checked = self.env.su or self._is_trusted()
        if not is_checked:
            self._refuse_own_fields(vals)
        result = super().write(vals)
        if not is_checked:
            # sudo: the pointers are checked as the user, who has just written them
            check_pointers(self.sudo(), vals.keys() & set(POINTERS))
        if EVENT_FIELDS.intersection(vals):
            self._sync_event()
        return result

    def unlink(self):
        # sudo: the events are those of these calls, which the user may delete;
        # they may be private to another salesperson.
        events = self.sudo()._get_own_events()
        result = super().unlink()
        events.unlink()
        return result

    def _is_trusted(self):
        return self.env.context.get("phonecall_trusted") is TRUSTED

    @api.model
    def _refuse_own_fields(self, names):
        """
        :param names: of fields that a user writes
        :raises AccessError: one of them is for Odoo alone
        """
        for name in OWN_FIELDS.intersection(names):
            raise AccessError(
                self.env._(
                    "“%s” of a call is written by Odoo itself, and by nobody else. "
                    "Leave it out.",
                    self._fields[name]._description_string(self.env),
                )
            )

    def _get_own_events(self):
        """:return: the events that were made for these calls; an event whose owner
        has given it to something else is the owner's own"""
        return self.event_id.browse(
            call.event_id.id
            for call in self
            if call.event_id.res_model == self._name and call.event_id.res_id == call.id
        )

    def _name_nameless(self):
        """Name the calls without a subject after those they are with."""
        for call in self.with_context(phonecall_event_sync=True):
            if not call.name:
                other_side = call.lead_id or call.partner_id
                call.name = self.env._(
                    "Call: %(other_side)s",
                    other_side=other_side.display_name
                    or call.phone
                    or self.env._("unknown number"),
                )

    def _sync_event(self):
        """Show the planned calls in their owners' calendars, with a reminder, and
        take out of them those that are no longer planned. No mail is sent."""
        if self.env.context.get("phonecall_event_sync"):
            return
        # sudo: the event shows its owner what is in the call, and no more; it may
        # be private, which keeps even the manager who moves the call out of it.
        calls = self.sudo()
        planned = calls.filtered(lambda call: call.state == "planned" and call.user_id)
        kept = planned.filtered(
            lambda call: call._get_own_events().user_id == call.user_id
        )
        (calls - kept)._get_own_events().unlink()
        for user, user_calls in planned.grouped("user_id").items():
            # As if the owner had made it himself: nobody has to be invited.
            own_events = self.env["calendar.event"].with_user(user).sudo()
            own_events = own_events.with_context(
                clean_context(self.env.context),  # pylint: disable=context-overridden
                no_mail_to_attendees=True,
                phonecall_event_sync=True,
                skip_contact_description=True,
                tracking_disable=True,
            )
            for call in user_calls & kept:
                own_events.browse(call.event_id.id).write(call._prepare_event_values())
            new_calls = user_calls - kept
            events = own_events.create(
                [
                    call._prepare_event_values() | call._prepare_new_event_values()
                    for call in new_calls
                ]
            )
            for call, event in zip(new_calls, events, strict=True):
                call.event_id = event

    def _prepare_event_values(self):
        """:return: the values of the calendar event that follow the call"""
        self.ensure_one()
        return {
            "name": " ".join(filter(None, (self.name, self.phone))),
            "start": self.date,
            "stop": self.date_end,
        }

    def _prepare_new_event_values(self):
        """:return: the values of the calendar event that it is created with"""
        self.ensure_one()
        alarm = self.env.ref("calendar.alarm_notif_1", raise_if_not_found=False)
        return {
            "user_id": self.user_id.id,
            "partner_ids": [Command.set(self.user_id.partner_id.ids)],
            "alarm_ids": [Command.set(alarm.ids if alarm else [])],
            "res_model_id": self.env["ir.model"]._get_id(self._name),
            "res_id": self.id,
        }

    # What is done with a call

    def action_finish(self):
        """Ask how the call went and what comes next.

        :return: the dialog
        :rtype: dict
        """
        return self._get_finish_action("held", self.env._("Call Held"))

    def action_no_answer(self):
        """Note that nobody answered, and ask what comes next.

        :return: the dialog
        :rtype: dict
        """
        return self._get_finish_action("no_answer", self.env._("No Answer"))

    def action_next_step(self):
        """Ask what comes after a call that is over.

        :return: the dialog
        :rtype: dict
        """
        ensure_one_record(self)
        return self._get_finish_action(self.state, self.env._("Next Step"))

    def _get_finish_action(self, state, name):
        ensure_one_record(self)
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "crm.phonecall.finish",
            "view_mode": "form",
            "target": "new",
            "context": {"default_call_id": self.id, "default_state": state},
        }

    def action_cancel(self):
        """Cancel those of the calls that are planned."""
        self.filtered(lambda call: call.state == "planned").state = "cancelled"

    def action_reopen(self):
        """Plan those of the calls that are cancelled again."""
        self.filtered(lambda call: call.state == "cancelled").state = "planned"

    def _prepare_next_call_values(self, date):
        """:return: the values of the call that is planned after this one"""
        self.ensure_one()
        return {
            "name": self.name,
            "date": date,
            "phone": self.phone,
            "partner_id": self.partner_id.id,
            "lead_id": self.lead_id.id,
            "order_id": self.order_id.id,
            "user_id": (self.user_id or self.env.user).id,
            "team_id": self.team_id.id,
            "company_id": self.company_id.id,
        }

    def _prepare_lead_values(self, lead_type):
        """:return: the values of the lead or deal that comes of this call"""
        self.ensure_one()
        medium = self.env.ref("utm.utm_medium_phone", raise_if_not_found=False)
        return {
            "name": self.name,
            "type": lead_type,
            "partner_id": self.partner_id.id,
            "phone": self.phone,
            "user_id": self.user_id.id,
            "company_id": self.company_id.id,
            "medium_id": medium.id if medium else False,
        } | ({"team_id": self.team_id.id} if self.team_id else {})

    def _make_lead(self, lead_type):
        """Make a lead or deal of the call and link the call to it.

        :param str lead_type: ``lead`` or ``opportunity``
        :return: the crm.lead
        """
        self.ensure_one()
        self.lead_id = self.env["crm.lead"].create(self._prepare_lead_values(lead_type))
        return self.lead_id

    # Calls that come in by themselves

    @api.model
    def _find_exchange_agent(self, agent):
        """Find the user a telephone exchange names.

        :param str agent: a login or an e-mail address
        :return: one user of the company, or none
        """
        domain = Domain("share", "=", False) & Domain(
            "company_ids", "in", self.env.company.id
        )
        users = self.env["res.users"]
        return users.search(
            domain & Domain("login", "=", agent), limit=1
        ) or users.search(
            domain & Domain("email_normalized", "=", agent.lower()), limit=1
        )

    @api.model
    def _take_exchange_call(self, values):
        """Keep a call that a telephone exchange tells of. The same call again is
        the call that is there, and all calls of a number nobody knows are one lead's,
        also when they arrive at once, as the legs of a ring group.

        :param dict values: ``call_id``, ``from`` and ``to`` (as sent, or False),
            ``direction`` (in, out), ``start`` (UTC), ``duration`` (seconds),
            ``answered`` (bool), ``agent`` (a user or none)
        :return: the crm.phonecall
        :raises ConcurrencyError: another transaction has just kept the same call, or
            made the lead; done again, as Odoo does with requests, this finds it
        """
        company = self.env.company
        known = self.search(
            [
                ("company_id", "=", company.id),
                ("exchange_call_id", "=", values["call_id"]),
            ]
        )
        if known:
            return known
        # Nobody has to be told of a call that was.
        calls = self.with_context(
            mail_create_nosubscribe=True,
            mail_auto_subscribe_no_notify=True,
            phonecall_trusted=TRUSTED,
        )
        call_values = self._prepare_exchange_values(values)
        if number := call_values.get("new_caller"):
            # the lead of that call has ended, or has another number by now
            calls.search(
                [("company_id", "=", company.id), ("new_caller", "=", number)]
            ).new_caller = False
        try:
            with self.env.cr.savepoint():
                call = calls.create(call_values)
        except IntegrityError as error:
            if error.diag.constraint_name not in (
                self._exchange_call_uniq.full_name(self),
                self._new_caller_uniq.full_name(self),
            ):
                raise
            raise ConcurrencyError(str(error)) from error
        if call.new_caller:
            call._make_lead("lead")
        return call

    def _prepare_exchange_values(self, values):
        """:return: the values of a new call, from those of ``_take_exchange_call``"""
        company = self.env.company
        inbound = values["direction"] == "in"
        number = values["from" if inbound else "to"]
        own_number = values["to" if inbound else "from"]
        team = self.env["crm.team"]
        if own_number:
            team = team._get_teams_by_number(
                self._normalise_number(own_number, company), company
            )[:1]
        lead, partner = self.env["crm.lead"], self.env["res.partner"]
        new_caller = False
        if number:
            lead, partner = self._match_numbers([number], company)[number]
            if inbound and not lead and not partner:
                new_caller = self._normalise_number(number, company)
            number = (
                self._phone_format(
                    number=number,
                    country=company.country_id,
                    force_format="INTERNATIONAL",
                )
                or number
            )
        call_values = {
            "exchange_call_id": values["call_id"],
            "direction": values["direction"],
            "state": "held" if values["answered"] else "no_answer",
            "date": values["start"],
            "duration": values["duration"] / 60 if values["answered"] else 0,
            "phone": number,
            "new_caller": new_caller,
            "partner_id": partner.id,
            "lead_id": lead.id,
            "user_id": (values["agent"] or lead.user_id or partner.user_id).id,
            "company_id": company.id,
        }
        if team := lead.team_id or team:
            call_values["team_id"] = team.id
        return call_values

    def _get_exchange_answer(self):
        """:return: what a telephone exchange is told of its call, a dict"""
        self.ensure_one()
        return {
            "id": self.id,
            "call_id": self.exchange_call_id,
            "state": self.state,
            "deal": self.lead_id.id or None,
            "customer": self.partner_id.id or None,
            "user": self.user_id.id or None,
            "team": self.team_id.id or None,
        }
