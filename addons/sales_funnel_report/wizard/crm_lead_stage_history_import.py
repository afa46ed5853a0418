import base64
import json
import re

import pytz

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, clean_context, split_every

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.sales_funnel_crm.tools import ensure_one_record, name_some

from ..drawing.page import printable
from ..history_import import reading
from ..history_import.chains import ENDINGS
from .stage_history_import_plan import ImportPlan

CREATE_BATCH = 1_000
ERRORS_SHOWN = 100
NAMES_SHOWN = 20
LETTERS_SHOWN = 100
# Odoo takes an archived deal without any probability for a lost one
LEAST_PROBABILITY = 0.01


class CrmLeadStageHistoryImport(models.TransientModel):
    """Import of stage history from a CSV or XLSX file.

    A row tells that a deal entered a stage, or that it was lost or put on hold, or
    that it entered a stage and ended there at once.

    Which deal: the one with this external id (``module.name``), else the one with
    this name. A deal that is not there may be made: an opportunity of the current
    company, with the amount and the salesperson of its last row, created at its
    first one.

    The history of a deal is afterwards what Odoo knew and what the file says, in
    the order of time (see :mod:`..history_import.chains`). Nothing that Odoo has
    recorded is taken away, and rows that tell nothing new change nothing. Where
    the last event comes from the file, the deal itself becomes what it says.

    All rows go in, or none. Nothing is written to the chatter and nobody is told.
    """

    _name = "crm.lead.stage.history.import"
    _description = "Import Stage History"

    state = fields.Selection(
        [("draft", "File"), ("checked", "Check"), ("done", "Done")],
        default="draft",
        required=True,
    )
    file = fields.Binary()
    filename = fields.Char()
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        required=True,
        default=lambda self: self.env.user.tz or "UTC",
        help="Of the dates that come without one.",
    )
    row_count = fields.Integer(string="Rows", readonly=True)
    deal_count = fields.Integer(string="Deals Found", readonly=True)
    changed_deal_count = fields.Integer(string="With New History", readonly=True)
    new_deal_count = fields.Integer(string="Deals to Create", readonly=True)
    ignored_columns = fields.Char(string="Columns Not Read", readonly=True)
    stage_ids = fields.One2many(
        "crm.lead.stage.history.import.stage", "import_id", string="New Stages"
    )
    new_lost_reasons = fields.Text(readonly=True)
    unknown_salespeople = fields.Text(readonly=True)
    problems = fields.Text(readonly=True)
    result = fields.Text(readonly=True)
    create_stages = fields.Boolean(string="Create these stages")
    create_deals = fields.Boolean(string="Create missing deals")
    create_lost_reasons = fields.Boolean(string="Create these lost reasons")
    skip_salespeople = fields.Boolean(string="Leave unknown salespeople empty")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_file(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_file(vals)
        return super().write(vals)

    def _check_file(self, vals):
        """
        :raises UserError: when the content of the file is not what browsers send
        """
        content = vals.get("file") or b""
        try:
            if isinstance(content, str):
                content = content.encode("ascii")
            base64.b64decode(re.sub(rb"\s", b"", content), validate=True)
        except (ValueError, TypeError) as error:
            raise UserError(
                self.env._(
                    "The content of the file has not arrived as base64. Choose the "
                    "file again."
                )
            ) from error

    @api.onchange("file", "tz")
    def _onchange_file(self):
        self.state = "draft"

    # ------------------------------------------------------------
    # Check
    # ------------------------------------------------------------

    def action_check(self):
        """Show what the file would do, and what is wrong with it.

        :return: action that shows the wizard again
        :raises UserError: when the file cannot be read at all
        """
        ensure_one_record(self)
        options = dict.fromkeys(
            ("stages", "deals", "lost_reasons", "salespeople"), True
        )
        table = self._read_table()
        plan = ImportPlan(self.env, table, self._stages_to_make(), options)
        self._show_stages(plan.new_stages)
        self.write(
            {
                "state": "checked",
                "row_count": len(table.rows) + len({e.line for e in table.errors}),
                "deal_count": sum(bool(deal.lead) for deal in plan.deals),
                "changed_deal_count": sum(
                    bool(deal.lead and deal.chain) for deal in plan.deals
                ),
                "new_deal_count": sum(not deal.lead for deal in plan.deals),
                "ignored_columns": ", ".join(table.ignored),
                "new_lost_reasons": name_some(
                    self.env, plan.new_lost_reasons, NAMES_SHOWN
                ),
                "unknown_salespeople": name_some(
                    self.env, plan.unknown_salespeople, NAMES_SHOWN
                ),
                "problems": self._error_text(plan),
            }
        )
        return self._show()

    def _read_table(self):
        # not its size, which a client may ask for in place of it
        content = self.with_context(bin_size=False, bin_size_file=False).file
        if not content:
            raise UserError(self.env._("Choose a file to import first."))
        try:
            return reading.read(
                base64.b64decode(content), self._locale(), self.env.cr.now()
            )
        except reading.FileError as error:
            raise UserError(self._file_error_text(error)) from error

    def _locale(self):
        lang = self.env["res.lang"]._get_data(code=self.env.lang or "en_US")
        date_format = lang.date_format or "%m/%d/%Y"
        time_format = lang.time_format or "%H:%M:%S"
        return reading.Locale(
            zone=pytz.timezone(self.tz),
            date_formats=(
                f"{date_format} {time_format}",
                f"{date_format} %H:%M",
                date_format,
            ),
            decimal_point=lang.decimal_point or ".",
            thousands_separator=lang.thousands_sep or "",
            labels={
                "deal": self.env._("Deal"),
                "stage": self.env._("Stage"),
                "date_entered": self.env._("Date Entered"),
                "outcome": self.env._("Outcome"),
                "lost_reason": self.env._("Lost Reason"),
                "amount": self.env._("Amount"),
                "salesperson": self.env._("Salesperson"),
            },
            outcomes={"lost": self.env._("Lost"), "on_hold": self.env._("On hold")},
        )

    def _stages_to_make(self):
        return [(stage.name, stage.is_won) for stage in self.stage_ids.sorted()]

    def _show_stages(self, names):
        """List the unknown stages, keeping what the user has said of them."""
        self.stage_ids.filtered(lambda stage: stage.name not in names).unlink()
        known = set(self.stage_ids.mapped("name"))
        self.stage_ids = [
            fields.Command.create({"name": name, "sequence": place})
            for place, name in enumerate(names)
            if name not in known
        ]

    def _show(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import Stage History"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    # ------------------------------------------------------------
    # What is wrong
    # ------------------------------------------------------------

    def _file_error_text(self, error):
        texts = {
            "empty": self.env._(
                "The file is empty. It needs a line of headers and one row."
            ),
            "too_big": self.env._(
                "The file is too big: %(limit)s MB at most. Split it by deals.",
                limit=reading.MAX_BYTES // 1_000_000,
            ),
            "too_many_rows": self.env._(
                "The file has more than %(limit)s rows. Split it by deals.",
                limit=error.detail,
            ),
            "unreadable": self.env._(
                "The file cannot be read as CSV or XLSX (%(detail)s). Save it again "
                "as CSV in UTF-8 or as XLSX.",
                detail=error.detail,
            ),
            "encoding": self.env._(
                "The letters of the file cannot be read. Save it as CSV in UTF-8."
            ),
            "missing_columns": self.env._(
                "Line 1: these columns are missing: %(columns)s. The file needs the "
                "columns deal, stage and date_entered; outcome, lost_reason, amount "
                "and salesperson may follow.",
                columns=error.detail,
            ),
            "bad_header": self.env._(
                "Line 1: the header “%(header)s” has a control character in it, or is "
                "too long. Type it anew.",
                header=error.detail,
            ),
            "repeated_column": self.env._(
                "Line 1: the column %(column)s is there twice. Remove one of them.",
                column=error.detail,
            ),
        }
        return texts[error.reason]

    def _error_text(self, plan):
        """The first errors of ``plan``, a line for each."""
        lines = [
            self._row_error_text(error, plan.table.headers)
            for error in plan.errors[:ERRORS_SHOWN]
        ]
        more = len(plan.errors) - ERRORS_SHOWN
        if more > 0:
            lines.append(self.env._("… and %(count)s more.", count=more))
        return "\n".join(lines)

    def _row_error_text(self, error, headers):
        reasons = {
            "too_many_cells": self.env._("there are more cells than headers"),
            "formula_error": self.env._("the formula of this cell has failed"),
            "no_deal": self.env._("the deal is missing"),
            "no_stage": self.env._("there is neither a stage nor an outcome"),
            "no_date": self.env._("the date is missing"),
            "bad_date": self.env._(
                "this is no date; write it like 2025-03-31 14:30:00"
            ),
            "future_date": self.env._("this date is in the future"),
            "unknown_outcome": self.env._(
                "this is no outcome; write lost, on_hold or nothing (a deal is won "
                "by entering a won stage)"
            ),
            "not_lost": self.env._("only a lost deal has a lost reason"),
            "bad_amount": self.env._("this is no amount; write it like 1234.50"),
            "huge_amount": self.env._(
                "no deal has such an amount; write one of 13 digits at most"
            ),
            "control_character": self.env._(
                "there is a control character in this cell, which cannot be seen; type "
                "it anew"
            ),
            "too_long": self.env._(
                "this is longer than %(limit)s letters; shorten it",
                limit=reading.MAX_LETTERS,
            ),
            "unknown_stage": self.env._(
                "there is no such stage; tick “Create these stages”"
            ),
            "ambiguous_stage": self.env._("several stages have this name"),
            "unknown_lost_reason": self.env._(
                "there is no such lost reason; tick “Create these lost reasons”"
            ),
            "unknown_salesperson": self.env._(
                "no user has this login, e-mail or name; tick “Leave unknown "
                "salespeople empty”"
            ),
            "ambiguous_salesperson": self.env._(
                "several users have this name; write the login instead"
            ),
            "foreign_salesperson": self.env._(
                "this user does not work in the company of the deal"
            ),
            "unknown_deal": self.env._(
                "there is no such deal; tick “Create missing deals”"
            ),
            "ambiguous_deal": self.env._(
                "several deals have this name; write the external ID instead"
            ),
            "lost_while_won": self.env._(
                "the deal was won then; it has to move to another stage before it "
                "can be lost"
            ),
            "no_stay": self.env._("the deal had not entered any stage by then"),
        }
        reason = reasons[error.reason]
        value = printable(error.value)
        if value:
            if len(value) > LETTERS_SHOWN:
                value = value[:LETTERS_SHOWN] + "…"
            reason = self.env._("“%(value)s”: %(reason)s", value=value, reason=reason)
        if not error.column:
            return self.env._(
                "Line %(line)s: %(reason)s", line=error.line, reason=reason
            )
        return self.env._(
            "Line %(line)s, column %(column)s: %(reason)s",
            line=error.line,
            column=headers.get(error.column, error.column),
            reason=reason,
        )

    # ------------------------------------------------------------
    # Import
    # ------------------------------------------------------------

    def action_import(self):
        """Import the file, all of it or nothing.

        :return: action that shows the wizard with the result
        :raises UserError: when the file cannot be read at all, or when somebody else
            is changing one of the deals, or imports another file
        :raises ValidationError: names line, column and reason of the first errors
        """
        ensure_one_record(self)
        self._take_turn()
        options = {
            "stages": self.create_stages,
            "deals": self.create_deals,
            "lost_reasons": self.create_lost_reasons,
            "salespeople": self.skip_salespeople,
        }
        table = self._read_table()
        plan = ImportPlan(self.env, table, self._stages_to_make(), options)
        if plan.errors:
            raise ValidationError(
                self.env._(
                    "Nothing was imported. Correct these lines and try again:"
                    "\n%(errors)s",
                    errors=self._error_text(plan),
                )
            )
        deals = [deal for deal in plan.deals if deal.chain]
        self._lock(deals)
        self._make_names(plan, deals)
        old = [deal for deal in deals if deal.lead]
        new = [deal for deal in deals if not deal.lead]
        self._update_deals(plan, old)
        self._create_deals(plan, new)
        self.env["crm.lead.stage.history"]._rewrite_chains(
            {deal.lead.id: deal.chain for deal in deals}
        )
        self._date_creation(new)
        self.write(
            {
                "state": "done",
                "result": self.env._(
                    "%(rows)s rows read. %(created)s deals created, %(changed)s deals "
                    "with new history, %(same)s deals as they were.",
                    rows=len(table.rows),
                    created=len(new),
                    changed=len(old),
                    same=len(plan.deals) - len(deals),
                ),
            }
        )
        return self._show()

    def _take_turn(self):
        """Let imports come one after the other: two that do not see each other would
        both make the deals that are missing."""
        # sudo: the row is locked and written as it is, and nothing of it is shown
        model = self.env["ir.model"]._get(self._name).sudo()
        try:
            model.lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody else is importing a file right now. Nothing was imported; "
                    "try again in a moment."
                )
            ) from error
        # Who began before this is committed cannot lock the row afterwards: PostgreSQL
        # refuses, and Odoo begins anew, with our deals in sight.
        self.env.cr.execute(
            SQL("UPDATE ir_model SET state = state WHERE id = %s", model.id)
        )

    def _lock(self, deals):
        """Keep others from moving the deals until their history is written."""
        leads = self.env["crm.lead"].union(*(deal.lead for deal in deals))
        leads.check_access("write")
        try:
            leads.lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._(
                    "Somebody is changing one of these deals right now. Nothing was "
                    "imported; try again in a moment."
                )
            ) from error

    def _make_names(self, plan, deals):
        """Make the stages and lost reasons that are missing, and put their ids in
        the chains."""
        stages = self._make_stages(plan)
        reasons = self.env["crm.lost.reason"].create(
            [{"name": name} for name in plan.new_lost_reasons]
        )
        stage_ids = {-place: stage.id for place, stage in enumerate(stages, 1)}
        reason_ids = {-place: reason.id for place, reason in enumerate(reasons, 1)}
        for deal in deals:
            for stay in deal.chain:
                stay.stage = stage_ids.get(stay.stage, stay.stage)
                stay.reason = reason_ids.get(stay.reason, stay.reason)

    def _make_stages(self, plan):
        """The new stages come behind those that are there, the won ones last."""
        count = len(plan.new_stages)
        stages = self.env["crm.stage"].search(Domain.TRUE)
        won = stages.filtered("is_won")
        open_end = max((stages - won).mapped("sequence"), default=0)
        room = min(won.mapped("sequence"), default=open_end + count + 1) - open_end - 1
        if count > room:
            for stage in won:
                stage.sequence += count - room
        end = max([open_end + count, *won.mapped("sequence")])
        return stages.create(
            [
                {
                    "name": name,
                    "is_won": -place in plan.won_stages,
                    "sequence": place
                    + (end if -place in plan.won_stages else open_end),
                }
                for place, name in enumerate(plan.new_stages, 1)
            ]
        )

    def _lead_model(self):
        """Deals, without chatter, mails and defaults of the action we came from."""
        return (
            self.env["crm.lead"]
            .with_context(
                clean_context(self.env.context),  # pylint: disable=context-overridden
            )
            .with_context(tracking_disable=True, active_test=False)
        )

    def _end_values(self, deal):
        """What the end of its chain says of a deal."""
        last = deal.chain[-1]
        is_won = self.env["crm.stage"].browse(last.stage or []).is_won
        ended = last.exit_kind in ENDINGS
        return {
            "stage_id": last.stage or False,
            "lost_reason_id": last.reason if last.exit_kind == "lost" else False,
            "date_last_stage_update": last.entered,
            "date_closed": last.exited if ended else is_won and last.entered,
        }

    def _create_deals(self, plan, deals):
        no_leads = self._lead_model()
        for batch in split_every(CREATE_BATCH, deals, list):
            leads = no_leads.create(
                [self._new_deal_values(plan, deal) for deal in batch]
            )
            on_hold = no_leads
            for deal, lead in zip(batch, leads, strict=True):
                deal.lead = lead
                if deal.chain[-1].exit_kind == "on_hold":
                    on_hold |= lead
                for stay in deal.chain:
                    stay.team = lead.team_id.id or None
            self._put_on_hold(on_hold)
            for deal in batch:
                if deal.lead in on_hold:
                    deal.lead.date_closed = deal.chain[-1].exited

    def _new_deal_values(self, plan, deal):
        start = deal.chain[0].entered
        _named, user = plan.last_salesperson(deal)
        values = {
            "name": deal.key,
            "type": "opportunity",
            "company_id": self.env.company.id,
            "user_id": user.id,
            "expected_revenue": plan.last_amount(deal) or 0.0,
            "date_open": start if user else False,
            **self._end_values(deal),
        }
        stage = self.env["crm.stage"].browse(values["stage_id"])
        if stage.team_ids and user not in stage.team_ids.member_ids:
            values["team_id"] = stage.team_ids[:1].id
        if deal.chain[-1].exit_kind == "lost":
            values.update(active=False, probability=0, automated_probability=0)
        return values

    def _put_on_hold(self, leads):
        leads.write({"active": False})
        leads.filtered(lambda lead: not 0 < lead.probability < 100).write(
            {"probability": LEAST_PROBABILITY}
        )

    def _update_deals(self, plan, deals):
        """Make of deals that were there what the end of their chains says."""
        no_leads = self._lead_model()
        groups = {}
        for deal in deals:
            deal.lead = no_leads.browse(deal.lead.id)
            values = self._news_of_deal(plan, deal)
            if values:
                deal.lead.write(values)
        for deal in deals:
            last = deal.chain[-1]
            key = (last.stage, last.exit_kind, last.reason)
            if key != self._state_of(deal.known):
                groups.setdefault(key, no_leads)
                groups[key] |= deal.lead
        for (stage_id, exit_kind, reason_id), leads in groups.items():
            self._move_deals(leads, stage_id, exit_kind, reason_id)
        for deal in deals:
            if self._end_of(deal.chain) != self._end_of(deal.known):
                values = self._end_values(deal)
                deal.lead.write(
                    {
                        "date_last_stage_update": values["date_last_stage_update"],
                        "date_closed": values["date_closed"],
                    }
                )
        no_leads.flush_model()

    def _state_of(self, chain):
        last = chain[-1] if chain else None
        return (last.stage, last.exit_kind, last.reason) if last else None

    def _end_of(self, chain):
        last = chain[-1] if chain else None
        return (last.stage, last.entered, last.exited) if last else None

    def _news_of_deal(self, plan, deal):
        """Amount and salesperson, where the file knows later ones than Odoo."""
        last = deal.known[-1] if deal.known else None
        if last and deal.rows[-1].moment <= (last.exited or last.entered):
            return {}
        values = {}
        amount = plan.last_amount(deal)
        named, user = plan.last_salesperson(deal)
        if amount is not None and amount != deal.lead.expected_revenue:
            values["expected_revenue"] = amount
        if named and user and user != deal.lead.user_id:
            values["user_id"] = user.id
        return values

    def _move_deals(self, leads, stage_id, exit_kind, reason_id):
        values = {"stage_id": stage_id, "lost_reason_id": reason_id or False}
        if exit_kind == "lost":
            leads.write(
                {
                    **values,
                    "active": False,
                    "probability": 0,
                    "automated_probability": 0,
                    "on_hold_until": False,
                    "on_hold_note": False,
                }
            )
            return
        asleep = leads.filtered(lambda lead: not lead.active)
        leads.write({**values, "active": True})
        if asleep and not self.env["crm.stage"].browse(stage_id).is_won:
            # as Odoo does when a lost deal is restored
            asleep._compute_probabilities()
            for lead in asleep:
                lead.probability = lead.automated_probability
        if exit_kind == "on_hold":
            self._put_on_hold(leads)

    def _date_creation(self, deals):
        """Deals that the import made were created when their history begins, for
        the reports of Odoo that count from there."""
        if not deals:
            return
        leads = self._lead_model().union(*(deal.lead for deal in deals))
        leads.flush_recordset()
        starts = [[deal.lead.id, str(deal.chain[0].entered)] for deal in deals]
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_lead lead
                   SET create_date = (start.pair->>1)::timestamp
                  FROM JSONB_ARRAY_ELEMENTS(%s::jsonb) AS start (pair)
                 WHERE lead.id = (start.pair->>0)::int
                """,
                json.dumps(starts),
            )
        )
        leads.invalidate_recordset(["create_date"], flush=False)
        leads.modified(["create_date"])
        leads.flush_recordset()
