import re
from dataclasses import dataclass, field

from odoo.fields import Domain

from ..history_import.chains import (
    Event,
    LostWhileWonError,
    NoStageError,
    Stay,
    continue_chain,
)
from ..history_import.reading import RowError

EXTERNAL_ID = re.compile(r"(\w+)\.(\S+)")


@dataclass
class DealPlan:
    """What becomes of one deal.

    :ivar lead: ``crm.lead``, empty for one that has to be made
    :ivar list rows: of the file, in the order of time
    :ivar list known: its chain of ``Stay`` before
    :ivar list chain: its chain after, None when the file says nothing new
    """

    key: str
    lead: object
    rows: list = field(default_factory=list)
    known: list = field(default_factory=list)
    chain: list | None = None


class ImportPlan:
    """What a file of stage history would do to the deals a user may see.

    Only reads. What has to be made has an id below zero: the first unknown stage
    is -1, and so have the lost reasons their own numbers.

    :ivar list deals: of :class:`DealPlan`
    :ivar list new_stages: names of unknown stages, in the order they have in the
        pipeline; the one with the id -1 is the first
    :ivar list new_lost_reasons: names of unknown lost reasons, likewise
    :ivar list unknown_salespeople: as they stand in the file
    :ivar list errors: of ``RowError``
    """

    def __init__(self, env, table, stages_to_make, options):
        """Plan the import.

        :param env: of the user who imports
        :param Table table: what the file says
        :param list stages_to_make: pairs of name and whether it is won, for unknown
            stages that the user has seen, in the order he wants
        :param dict options: which of ``stages``, ``deals`` and ``lost_reasons`` may
            be made, and whether unknown ``salespeople`` may be left out
        """
        self.env = env
        self.table = table
        self.options = options
        self.errors = list(table.errors)
        self.unknown_salespeople = []
        self._find_stages(stages_to_make)
        self._find_lost_reasons()
        self._find_salespeople()
        self._find_deals()
        self._plan_chains()
        self.errors.sort(key=lambda error: error.line)

    def _complain(self, row, column, reason):
        value = getattr(row, column) or ""
        self.errors.append(RowError(row.line, column, reason, str(value)))

    # ------------------------------------------------------------
    # What the names in the file stand for
    # ------------------------------------------------------------

    def _by_name(self, records):
        """:return: dict of name, case ignored, to records that bear it in the
        user's language or in the original"""
        found = {}
        for lang in {self.env.lang or "en_US", "en_US"}:
            for record in records.with_context(lang=lang):
                key = (record.name or "").strip().casefold()
                same = found.get(key, records.browse())
                found[key] = same | record.with_env(records.env)
        return found

    def _find_stages(self, stages_to_make):
        stages = self.env["crm.stage"].search(Domain.TRUE)
        self.stages = self._by_name(stages)
        self.won_stages = {stage.id for stage in stages if stage.is_won}
        self.rank = {
            stage.id: (stage.is_won, 0, stage.sequence, stage.id) for stage in stages
        }
        first_seen = {}
        for row in self.table.rows:
            key = row.stage.casefold()
            if key and key not in self.stages:
                seen = (row.moment, key, row.stage)
                first_seen[key] = min(first_seen.get(key, seen), seen)
                if not self.options.get("stages"):
                    self._complain(row, "stage", "unknown_stage")
        names = {key: name for _moment, key, name in sorted(first_seen.values())}
        wanted = {name.casefold(): is_won for name, is_won in stages_to_make}
        order = [key for key in wanted if key in names]
        order += [key for key in names if key not in wanted]
        self.new_stages = [names[key] for key in order]
        self.new_stage_ids = {}
        for place, key in enumerate(order, 1):
            is_won = wanted.get(key, False)
            self.new_stage_ids[key] = -place
            self.rank[-place] = (is_won, 1, place, 0)
            if is_won:
                self.won_stages.add(-place)

    def _find_stage(self, row, team):
        """:return: id of the stage that ``row`` means for a deal of ``team``"""
        key = row.stage.casefold()
        stages = self.stages.get(key)
        if stages is None:
            return self.new_stage_ids[key]
        if len(stages) > 1:
            own = stages.filtered(lambda stage: team and team in stage.team_ids)
            stages = own or stages.filtered(lambda stage: not stage.team_ids)
        if len(stages) != 1:
            self._complain(row, "stage", "ambiguous_stage")
            return None
        return stages.id

    def _find_lost_reasons(self):
        reasons = (
            self.env["crm.lost.reason"]
            .with_context(active_test=False)
            .search(Domain.TRUE)
        )
        self.lost_reasons = {
            key: found[:1].id for key, found in self._by_name(reasons).items()
        }
        names = {}
        for row in self.table.rows:
            key = row.lost_reason.casefold()
            if key and key not in self.lost_reasons:
                names[key] = min(names.get(key, row.lost_reason), row.lost_reason)
                if not self.options.get("lost_reasons"):
                    self._complain(row, "lost_reason", "unknown_lost_reason")
        self.new_lost_reasons = [name for _key, name in sorted(names.items())]
        for place, key in enumerate(sorted(names), 1):
            self.lost_reasons[key] = -place

    def _find_salespeople(self):
        # salespeople who have left are part of the history
        users = (
            self.env["res.users"]
            .with_context(active_test=False)
            .search([("share", "=", False)])
        )
        self.salespeople = {}
        for field_name in ("login", "email", "name"):
            found = {}
            for user in users:
                key = (user[field_name] or "").strip().casefold()
                found[key] = found.get(key, users.browse()) | user
            for key, user in found.items():
                self.salespeople.setdefault(key, user)
        self.salespeople.pop("", None)
        unknown = set()
        for row in self.table.rows:
            user = self.salespeople.get(row.salesperson.casefold())
            if row.salesperson and user is None:
                unknown.add(row.salesperson)
                if not self.options.get("salespeople"):
                    self._complain(row, "salesperson", "unknown_salesperson")
            elif user is not None and len(user) > 1:
                self._complain(row, "salesperson", "ambiguous_salesperson")
        self.unknown_salespeople = sorted(unknown)

    def _find_deals(self):
        no_leads = self.env["crm.lead"].with_context(active_test=False)
        rows = {}
        for row in self.table.rows:
            rows.setdefault(row.deal, []).append(row)
        leads = dict.fromkeys(rows, no_leads)
        for key, lead in self._find_deals_by_external_id(rows).items():
            leads[key] = lead
        names = [key for key, lead in leads.items() if not lead]
        for lead in no_leads.search(Domain("name", "in", names)):
            leads[lead.name] = leads.get(lead.name, no_leads) | lead
        plans = {}
        for key, deal_rows in rows.items():
            lead = leads[key]
            if len(lead) > 1:
                self._complain(deal_rows[0], "deal", "ambiguous_deal")
                continue
            if not lead and not self.options.get("deals"):
                self._complain(deal_rows[0], "deal", "unknown_deal")
            plan = plans.setdefault(lead or key, DealPlan(key, lead))
            plan.rows += deal_rows
        self.deals = list(plans.values())

    def _find_deals_by_external_id(self, keys):
        """:return: dict of key to the one ``crm.lead`` that bears this external id"""
        external_ids = {}
        for key in keys:
            match = EXTERNAL_ID.fullmatch(key)
            if match:
                external_ids[match.groups()] = key
        if not external_ids:
            return {}
        # sudo: external ids are not open to salespeople; the deals they lead to
        # are then searched as the user
        found = (
            self.env["ir.model.data"]
            .sudo()
            .search(
                [
                    ("model", "=", "crm.lead"),
                    ("module", "in", list({module for module, _name in external_ids})),
                    ("name", "in", [name for _module, name in external_ids]),
                ]
            )
        )
        no_leads = self.env["crm.lead"].with_context(active_test=False)
        readable = set(no_leads.search([("id", "in", found.mapped("res_id"))])._ids)
        return {
            external_ids[data.module, data.name]: no_leads.browse(data.res_id)
            for data in found
            if (data.module, data.name) in external_ids and data.res_id in readable
        }

    # ------------------------------------------------------------
    # What follows for each deal
    # ------------------------------------------------------------

    def _plan_chains(self):
        history = self.env["crm.lead.stage.history"]
        chains = history._read_chains(
            [plan.lead.id for plan in self.deals if plan.lead]
        )
        for plan in self.deals:
            plan.known = chains.get(plan.lead.id, [])
            errors = len(self.errors)
            events = self._events(plan)
            if len(self.errors) > errors:
                continue
            try:
                plan.chain = continue_chain(
                    plan.known, events, self.won_stages, self._defaults(plan)
                )
            except LostWhileWonError as error:
                self.errors.append(
                    RowError(error.event.line, "outcome", "lost_while_won")
                )
            except NoStageError as error:
                self.errors.append(RowError(error.event.line, "outcome", "no_stay"))

    def _events(self, plan):
        """What the file says of a deal, in the order of time; what happened at the
        very same moment goes in the order of the pipeline, the end last."""
        company = plan.lead.company_id if plan.lead else self.env.company
        events = []
        for row in plan.rows:
            user = self.salespeople.get(row.salesperson.casefold())
            if user and len(user) == 1 and company and company not in user.company_ids:
                self._complain(row, "salesperson", "foreign_salesperson")
            details = {
                "moment": row.moment.replace(microsecond=0),
                "line": row.line,
                "user": user[:1].id or None if user else None,
                "user_told": bool(row.salesperson),
                "amount": row.amount,
            }
            # never the line: rows in any order give the same
            tie = (row.amount is None, row.amount or 0, row.salesperson)
            if row.stage:
                stage_id = self._find_stage(row, plan.lead.team_id)
                if stage_id is None:
                    continue
                order = (row.moment, False, self.rank[stage_id], *tie)
                events.append((order, row, Event(state=stage_id, **details)))
            if row.outcome:
                reason = self.lost_reasons.get(row.lost_reason.casefold())
                order = (row.moment, True, (row.outcome, row.lost_reason), *tie)
                event = Event(state=row.outcome, reason=reason, **details)
                events.append((order, row, event))
        events.sort(key=lambda ordered: ordered[0])
        plan.rows = [row for _order, row, _event in events]
        return [event for _order, _row, event in events]

    def _defaults(self, plan):
        lead = plan.lead
        told = (row.amount for row in plan.rows if row.amount is not None)
        return Stay(
            0,
            plan.rows[0].moment,
            user=lead.user_id.id or None,
            team=lead.team_id.id or None,
            amount=lead.expected_revenue if lead else next(told, 0.0),
        )

    def last_amount(self, plan):
        """:return: the last amount that the file tells of a deal, or None"""
        told = (row.amount for row in reversed(plan.rows) if row.amount is not None)
        return next(told, None)

    def last_salesperson(self, plan):
        """:return: whether the file names a salesperson of the deal, and the last
        one, empty if it is none that Odoo knows"""
        names = [row.salesperson for row in plan.rows if row.salesperson]
        user = self.salespeople.get(names[-1].casefold()) if names else None
        return bool(names), user or self.env["res.users"]
