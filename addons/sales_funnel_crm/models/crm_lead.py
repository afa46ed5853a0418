from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date, plaintext2html

from ..tools import check_pointers, create_filled_column, name_some, quote

# How the records of each type can end.
ENDINGS = {"lead": ("dead", "closed"), "opportunity": ("lost",)}
RETURN_BATCH = 100


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.phonecall.mixin"]

    _phonecall_field = "lead_id"

    ending = fields.Selection(
        [("dead", "Dead"), ("closed", "Closed"), ("lost", "Lost")],
        string="Ended As",
        compute="_compute_ending",
        store=True,
        readonly=False,
        copy=False,
        index="btree_not_null",
        help="Dead: there was nothing there, and there never will be.\n"
        "Closed: it was real, but it does not go on.\n"
        "Lost: the deal was not made.",
    )
    lost_note = fields.Text(
        string="Closing Note",
        copy=False,
        help="What happened, in a few words. Some reasons ask for it.",
    )
    lost_note_required = fields.Boolean(related="lost_reason_id.note_required")
    on_hold_until = fields.Date(
        copy=False,
        tracking=73,
        index="btree_not_null",
        help="The day the deal comes back into the pipeline by itself.",
    )
    on_hold_note = fields.Text(string="Why On Hold", copy=False)
    is_on_hold = fields.Boolean(
        string="On Hold", compute="_compute_is_on_hold", search="_search_is_on_hold"
    )
    partner_category_ids = fields.Many2many(
        related="partner_id.category_id", string="Customer Tags"
    )
    partner_tag_run_id = fields.Many2one(
        "partner.tag.run",
        string="Made from Tag",
        copy=False,
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    phonecall_ids = fields.One2many(
        "crm.phonecall",
        "lead_id",
        string="Phone Calls",
        groups="sales_team.group_sale_salesman",
    )

    def _auto_init(self):
        create_filled_column(
            self.env.cr,
            self._table,
            "ending",
            "varchar",
            SQL(
                """CASE WHEN won_status = 'lost'
                        THEN CASE type WHEN 'lead' THEN 'dead' ELSE 'lost' END END"""
            ),
        )
        return super()._auto_init()

    # ------------------------------------------------------------
    # HOW IT ENDED
    # ------------------------------------------------------------

    @api.depends("won_status")
    def _compute_ending(self):
        for lead in self:
            if lead.won_status != "lost":
                lead.ending = False
            elif lead.ending not in ENDINGS[lead.type]:
                lead.ending = lead._get_ending()

    def _get_ending(self):
        """How this record ends when it ends now.

        :return: one of the values of ``ending``; that of a lead may be told by the
            key ``lead_ending`` of the context
        """
        endings = ENDINGS[self.type]
        wanted = self.env.context.get("lead_ending")
        return wanted if wanted in endings else endings[0]

    @api.depends("on_hold_until")
    def _compute_won_status(self):
        result = super()._compute_won_status()
        # Odoo takes whatever is archived without a probability for lost
        for lead in self:
            if lead.won_status == "lost" and lead.on_hold_until:
                lead.won_status = "pending"
        return result

    def action_set_lost(self, **additional_values):
        """End the records: leads as dead or closed, deals as lost.

        :param additional_values: written to the records, ``lost_reason_id`` and
            ``lost_note`` for two
        :raise ValidationError: the settings require a reason, and there is none, or
            not the note that goes with it
        """
        values = {"on_hold_until": False, "on_hold_note": False, **additional_values}
        frozen = self.filtered("is_on_hold")
        result = True
        for ending, leads in self.grouped(lambda lead: lead._get_ending()).items():
            if self._is_lost_reason_required():
                # Odoo archives first and gives the reason later
                given = values.keys() & {"lost_reason_id", "lost_note"}
                reason = {name: values[name] for name in given}
                leads.write({"ending": ending, **reason})
            result = super(CrmLead, leads).action_set_lost(
                **{"ending": ending, **values}
            )
        # they were archived long ago, and end today
        frozen.date_closed = fields.Datetime.now()
        return result

    @api.model
    def _is_lost_reason_required(self):
        """:rtype: bool, whether nothing at all may end without a reason"""
        # sudo: one setting, nothing of which is shown
        parameters = self.env["ir.config_parameter"].sudo()
        return bool(parameters.get_param("sales_funnel_crm.lost_reason_required"))

    @api.constrains("active", "probability", "lost_reason_id", "lost_note", "ending")
    def _check_lost_reason(self):
        if not self._is_lost_reason_required():
            return
        for lead in self:
            if lead.active or lead.won_status == "won" or lead.on_hold_until:
                continue
            if not lead.lost_reason_id:
                raise ValidationError(
                    self.env._(
                        "“%s” cannot end without a reason. Give the reason, or put it "
                        "on hold until a date.",
                        lead.name,
                    )
                )
            if lead.ending and not lead.lost_reason_id._applies_to([lead.ending]):
                raise ValidationError(
                    self.env._(
                        "“%(reason)s” is no reason for “%(lead)s” to end as "
                        "%(ending)s. Choose a reason that applies.",
                        reason=lead.lost_reason_id.display_name,
                        lead=lead.name,
                        ending=lead._get_ending_label(),
                    )
                )
            if lead.lost_note_required and not (lead.lost_note or "").strip():
                raise ValidationError(
                    self.env._(
                        "“%(reason)s” needs a note. Write in the closing note of "
                        "“%(lead)s” what happened.",
                        reason=lead.lost_reason_id.display_name,
                        lead=lead.name,
                    )
                )

    def _get_ending_label(self):
        """:rtype: str, ``ending`` in the language of the user"""
        self.ensure_one()
        labels = dict(self._fields["ending"]._description_selection(self.env))
        return labels.get(self.ending, "")

    def _check_can_end(self):
        """Refuse what is not open any more.

        :raise UserError: naming the records that are won
        """
        self._refuse(
            self.filtered(lambda lead: lead.won_status == "won"),
            self.env._(
                "Won already: %s. What is won cannot end otherwise: leave it out, or "
                "move it back to an open stage first."
            ),
        )

    def _refuse(self, leads, sentence):
        """Raise ``sentence`` about ``leads``, if there are any.

        :param str sentence: with one ``%s`` for the names
        :raise UserError: with the first names, and how many more there are
        """
        if not leads:
            return
        names = [f"“{lead.name}”" for lead in leads]
        raise UserError(sentence % name_some(self.env, names))

    def action_unarchive(self):
        """Bring records back, and keep in the chatter why they had gone."""
        for lead in self.filtered(lambda lead: not lead.active):
            if note := lead._get_return_note():
                lead._track_set_log_message(note)
        return super().action_unarchive()

    def action_restore(self):
        """Bring records back; those that were on hold keep their probability."""
        keeping = self.filtered(lambda lead: lead.won_status != "lost")
        keeping.action_unarchive()
        return super(CrmLead, self - keeping).action_restore()

    def _get_return_note(self):
        """What the chatter says when the record comes back.

        :return: ``Markup``, empty when there is nothing to say
        """
        self.ensure_one()
        if self.is_on_hold:
            title = self.env._(
                "Was on hold until %s", format_date(self.env, self.on_hold_until)
            )
            return self._format_note(title, self.on_hold_note)
        if self.ending and self.lost_reason_id:
            title = self.env._(
                "Had ended as %(ending)s: %(reason)s",
                ending=self._get_ending_label(),
                reason=self.lost_reason_id.display_name,
            )
            return self._format_note(title, self.lost_note)
        return Markup()

    @api.model
    def _format_note(self, title, text=None):
        """A note for the chatter.

        :param str title: first line
        :param str text: what follows, plain
        :rtype: ``Markup``
        """
        return Markup("<p>%s</p>") % title + plaintext2html(text or "")

    # ------------------------------------------------------------
    # ON HOLD
    # ------------------------------------------------------------

    @api.depends("active", "on_hold_until")
    def _compute_is_on_hold(self):
        for lead in self:
            lead.is_on_hold = not lead.active and bool(lead.on_hold_until)

    def _search_is_on_hold(self, operator, value):
        if operator != "in":
            return NotImplemented
        on_hold = Domain("active", "=", False) & Domain("on_hold_until", "!=", False)
        return Domain.OR(on_hold if wanted else ~on_hold for wanted in value)

    def write(self, vals):
        result = super().write(vals)
        # who is back is not on hold; a move to a won stage brings back too
        if vals.get("active"):
            back = self.filtered(lambda lead: lead.active and lead.on_hold_until)
            if back:
                back.write({"on_hold_until": False, "on_hold_note": False})
            if noted := self.filtered("lost_note"):
                noted.lost_note = False
        return result

    @api.constrains("partner_tag_run_id")
    def _check_partner_tag_run(self):
        check_pointers(self, ["partner_tag_run_id"])

    def action_put_on_hold(self, until, note):
        """Take records out of the pipeline until a day. Those that are on hold
        already get the new day and note.

        :param until: a day after today, ``date`` or ``"YYYY-MM-DD"``
        :param str note: why
        :raise UserError: a record has ended or is won, the day is none or not to come,
            or the note is no text
        """
        until = self._parse_hold_day(until)
        if note in (False, None):
            note = ""
        if not isinstance(note, str) or "\0" in note:
            raise UserError(
                self.env._("The note has to be text. Write why it is on hold.")
            )
        if until <= fields.Date.context_today(self):
            raise UserError(
                self.env._(
                    "%s is not a day to come. Choose the day the deal shall come back.",
                    format_date(self.env, until),
                )
            )
        self._check_can_end()
        self._refuse(
            self.filtered(lambda lead: lead.won_status == "lost"),
            self.env._(
                "Ended already: %s. Leave it out, or restore it before it goes on hold."
            ),
        )
        title = self.env._("On hold until %s", format_date(self.env, until))
        self._track_set_log_message(self._format_note(title, note))
        self.write({"on_hold_until": until, "on_hold_note": note})
        self.action_archive()
        # on hold is not closed
        self.write({"date_closed": False})
        return True

    @api.model
    def _parse_hold_day(self, value):
        """
        :param value: as it came from a program
        :rtype: date
        :raise UserError: it is no day
        """
        try:
            # TypeError, ValueError: neither a date nor the text of one
            day = fields.Date.to_date(value)
        except (TypeError, ValueError):
            day = None
        if day:
            return day
        raise UserError(
            self.env._(
                "“%s” is no day. Give the day on which the deal shall come back, such "
                "as 2030-01-31.",
                quote(value),
            )
        )

    @api.model
    def _cron_return_from_hold(self):
        """Bring back the deals whose day has come where their salesperson is, each
        with an activity for the one who takes care of it."""
        # the day begins up to 14 hours before it does in UTC
        latest = (fields.Datetime.now() + timedelta(hours=14)).date()
        domain = Domain("is_on_hold", "=", True) & Domain("on_hold_until", "<=", latest)
        due = self.with_context(active_test=False).search(domain)
        due = due.filtered(lambda lead: lead.on_hold_until <= lead._get_local_today())
        for start in range(0, len(due), RETURN_BATCH):
            batch = due[start : start + RETURN_BATCH]
            batch._return_from_hold()
            time_left = self.env["ir.cron"]._commit_progress(
                len(batch), remaining=len(due) - start - len(batch)
            )
            if not time_left:
                break

    def _get_local_today(self):
        """:rtype: date, today where the salesperson is"""
        self.ensure_one()
        zone = self.user_id.tz or self.env.user.tz or "UTC"
        return fields.Date.context_today(self.with_context(tz=zone))

    def _return_from_hold(self):
        """Bring back deals that were on hold, with an activity for each."""
        notes = {lead: lead.on_hold_note for lead in self}
        self.action_unarchive()
        for lead in self:
            if user := lead._get_return_user():
                lead.with_context(lang=user.lang)._schedule_return_activity(
                    user, notes[lead]
                )

    def _get_return_user(self):
        """Who is told that the deal is back: its salesperson, or the leader of its
        team when he is gone.

        :return: ``res.users``, empty when neither works here any more
        """
        self.ensure_one()
        candidates = self.user_id | self.team_id.user_id
        return candidates.filtered("active")[:1]

    def _schedule_return_activity(self, user, note):
        """Plan the activity of the day a deal comes back.

        :param user: ``res.users`` it is for
        :param str note: why the deal was on hold
        :return: ``mail.activity``
        """
        self.ensure_one()
        return self.activity_schedule(
            "mail.mail_activity_data_todo",
            date_deadline=self._get_local_today(),
            summary=self.env._("Back from hold"),
            note=plaintext2html(note or ""),
            user_id=user.id,
        )

    # ------------------------------------------------------------
    # NO WAY AROUND IT ON THE SCREENS
    # ------------------------------------------------------------

    @api.model
    @api.readonly
    def get_views(self, views, options=None):
        """Without *Archive* and *Unarchive* in the action menus: a record ends with
        a reason, is put on hold with a date, and is restored. Nor can a card be
        dragged to where it has another end or no reason."""
        result = super().get_views(views, options)
        fields_by_name = result["models"][self._name]["fields"]
        for name in ("active", "ending", "lost_reason_id"):
            if name in fields_by_name:
                fields_by_name[name]["readonly"] = True
        return result

    def action_archive_won(self):
        """Put won deals away; nothing changes for the figures.

        :raise UserError: naming the records that are not won
        """
        self._refuse(
            self.filtered(lambda lead: lead.won_status != "won"),
            self.env._(
                "Not won: %s. Only won deals can be archived. Mark the others as lost, "
                "or put them on hold."
            ),
        )
        return self.action_archive()

    # ------------------------------------------------------------
    # WHAT ITS ORDERS DO TO IT
    # ------------------------------------------------------------

    def _advance_to_stage(self, stage):
        """Move open deals forward to a stage.

        Deals that are won, lost or archived stay where they are, and so do those
        already there or further. Where the stage is another team's, a deal is won
        in a won stage of its own team, and otherwise stays.

        :param stage: ``crm.stage`` record
        """
        by_stage = {}
        for lead in self:
            if target := lead._get_stage_ahead(stage):
                by_stage[target] = by_stage.get(target, self.browse()) | lead
        for target, leads in by_stage.items():
            leads.write({"stage_id": target.id})

    def _get_stage_ahead(self, stage):
        """
        :param stage: ``crm.stage`` record, maybe of another team
        :return: the stage to move this deal to, or an empty recordset
        """
        self.ensure_one()
        nowhere = stage.browse()
        if (
            self.type != "opportunity"
            or not self.active
            or self.won_status != "pending"
        ):
            return nowhere
        if stage.team_ids and self.team_id not in stage.team_ids:
            if not stage.is_won:
                return nowhere
            return self._stage_find(domain=[("is_won", "=", True)])
        here = self.stage_id
        if stage.is_won or (stage.sequence, stage.id) > (here.sequence, here.id):
            return stage
        return nowhere

    # ------------------------------------------------------------
    # MERGE
    # ------------------------------------------------------------

    def _merge_dependences(self, opportunities):
        result = super()._merge_dependences(opportunities)
        # sudo: all calls stay with the deal, also those the user may not read
        opportunities.sudo().phonecall_ids.lead_id = self
        return result
