import json
import re
from contextlib import contextmanager
from datetime import datetime, time

import pytz
from dateutil.relativedelta import relativedelta
from psycopg2 import DataError
from psycopg2.errors import DatatypeMismatch, QueryCanceled, UndefinedFunction

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.orm.domains import DomainAnd, DomainCondition
from odoo.tools import SQL, format_date

from odoo.addons.sales_funnel_crm.tools import quote

from ..figures import (
    below_others,
    cohort_series,
    days_between,
    flow_series,
    snapshot_series,
)
from .crm_funnel_count import OTHER_OWNERS
from .crm_funnel_count_summary import TOGETHER

OPTIONS = {
    "funnel_id",
    "lens",
    "rule",
    "date_from",
    "date_to",
    "as_of",
    "window_days",
    "horizon_days",
    "groupby",
    "compare",
    "counts_only",
}
OWNER_OF_STEP = "stage_user_id"
# What is beyond so many groups, the largest, is one group more.
MOST_GROUPS = 200
OTHERS = "others"
# The least days of the parts of a date that can be counted by a look at its bounds.
DAYS_OF_PARTS = {"month": 28, "quarter": 90, "year": 365}
# The key of what is counted of it: a group by a text may well be named "others".
BEYOND = object()
# PostgreSQL has at most 1,600 columns, and a step takes up to seven.
MOST_STEPS = 200
LARGEST_ID = 2**31 - 1
# Of how many figures the deals can be searched for at once.
MOST_DESCRIPTIONS = 10
# The filter stands in the domain of each figure: so many letters in all of them.
MOST_LETTERS = 50_000_000
# Figures of a step that have a domain.
DOMAINS_OF_STEP = 8
# So long may each statement of an answer take.
MOST_SECONDS = 60

# What is no slip of the pen: years as they are written, and a hundred years in days.
FIRST_YEAR, LAST_YEAR = 1000, 9998
MOST_DAYS = 36525


class CrmFunnelReport(models.AbstractModel):
    """From a question in words to the figures of the funnel.

    Reads the options, has the deals counted, has the figures computed, and adds
    to each figure the domain of the deals behind it.
    """

    _name = "crm.funnel.report"
    _description = "Sales Funnel Report"

    @api.model
    def _get_report(self, domain, options):
        """See ``crm.lead.get_funnel_report``."""
        with self._in_time():
            return self._make_report(domain, options)

    @contextmanager
    def _in_time(self):
        """Bound the statements of an answer, and say in words what PostgreSQL refuses.

        :raise UserError: one took too long, or the filter cannot be asked
        """
        set_limit = "SET_CONFIG('statement_timeout', %s, TRUE)"
        try:
            # an error takes the limit back, and whoever catches it can go on
            with self.env.cr.savepoint():
                [(before, _now)] = self.env.execute_query(
                    SQL(
                        f"SELECT CURRENT_SETTING('statement_timeout'), {set_limit}",
                        f"{self._get_most_seconds()}s",
                    )
                )
                yield
                self.env.execute_query(SQL(f"SELECT {set_limit}", before))
        except QueryCanceled as error:
            raise UserError(
                self.env._(
                    "This question takes too long to answer. Ask about fewer deals: a "
                    "shorter period, one team or company, or without grouping."
                )
            ) from error
        except (DataError, DatatypeMismatch, UndefinedFunction) as error:
            raise self._bad_filter(error.diag.message_primary) from error

    def _get_most_seconds(self):
        """:return: how many seconds each statement of an answer may take"""
        # sudo: one number, nothing of which is shown
        seconds = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("sales_funnel_report.most_seconds", "")
        )
        known = seconds.isascii() and seconds.isdigit() and len(seconds) < 6
        return int(seconds) if known else MOST_SECONDS

    def _bad_filter(self, error):
        """:return: the ``UserError`` for a domain that cannot be asked"""
        return UserError(
            self.env._("The filter is not valid: %(error)s", error=quote(error))
        )

    @api.model
    def _make_report(self, domain, options):
        """See ``crm.lead.get_funnel_report``."""
        options = self._read_options(options)
        domain, deals = self._read_domain(domain)
        question = self._get_question(
            options, self._get_team_asked_for(domain), deals, domain=domain
        )
        compare_question = options["compare"] and self._get_compare_question(
            question, options, deals
        )
        grouping = self._get_grouping(question, domain)
        grouping = self._limit_grouping(grouping, question, compare_question, deals)
        counts, groups = self._count_with_groups(question, deals, grouping)
        compared = None
        compared_groups = {}
        if compare_question:
            compared_counts, compared_groups = self._count_with_groups(
                compare_question, deals, grouping
            )
            compared = self._get_series(compare_question, compared_counts, domain)
        series = 1 + len(groups)
        self._check_letters(domain, series * len(question["steps"]) * DOMAINS_OF_STEP)
        since = self.env["crm.funnel.count"]._count_history_since()
        report = {
            "options": {**options, "horizon_days": question["horizon_days"]},
            "history_since": since and self._to_user_day(since),
            "currency_id": question["currency"].id,
            "total": self._get_series(question, counts, domain),
            "compare": compared,
            "groups": self._get_groups(
                question,
                domain,
                counts,
                {
                    group: (groups.get(group, {}), compared_groups.get(group, {}))
                    for group in {**groups, **compared_groups}
                },
                compare_question,
                grouping.get("largest"),
            ),
            "warnings": self._get_warnings(
                {
                    **question,
                    "compared": compare_question,
                    "largest_groups": len(grouping.get("largest", ())),
                },
                counts,
                since,
            ),
        }
        self._name_lost_reasons(
            [
                *(report["total"], report["compare"]),
                *(group["series"] for group in report["groups"]),
                *(group["compare"] for group in report["groups"]),
            ]
        )
        return report

    @api.model
    def _get_days(self, domain, options):
        """See ``crm.lead.get_funnel_days``."""
        with self._in_time():
            return self._make_days(domain, options)

    @api.model
    def _make_days(self, domain, options):
        """See ``crm.lead.get_funnel_days``."""
        options = self._read_options(options)
        if options["lens"] not in ("cohort", "closed"):
            raise UserError(
                self.env._(
                    "How long it takes from step to step is asked of whole deals: of "
                    "those that came in or were closed in a period. Choose one of "
                    "these instead of what passed through or is open."
                )
            )
        # of all deals together, and nothing is needed of what is expected
        options.update(groupby=None, compare=None, counts_only=True)
        domain, deals = self._read_domain(domain)
        question = self._get_question(
            options, self._get_team_asked_for(domain), deals, domain=domain
        )
        counted = self.env["crm.funnel.count"]._count_days_between(question, deals)
        self._check_letters(domain, len(counted))
        rows = days_between(question["steps"], counted)
        question["description"] = self._describe(question)
        for row in rows:
            for cell in row["days"]:
                cell["domain"] = self._get_domain(
                    question, domain, row["key"], later_step=cell["key"]
                )
        return {"options": options, "rows": rows}

    def _check_letters(self, domain, figures):
        """
        :param Domain domain: the deals asked for
        :param int figures: how many there may be, each with its domain
        :raise UserError: the answer would be too long
        """
        if len(repr(domain)) * figures > MOST_LETTERS:
            raise UserError(
                self.env._(
                    "This filter is too long for so many figures. Shorten it, or ask "
                    "without grouping."
                )
            )

    # ------------------------------------------------------------
    # OPTIONS
    # ------------------------------------------------------------

    def _read_domain(self, domain):
        """:return: the domain asked for, and the subselect of its deals

        :raise UserError: when it is none
        """
        leads = self.env["crm.lead"].with_context(active_test=False)
        try:
            domain = Domain(domain or Domain.TRUE)
            if not _is_known_to_database(list(domain)):
                raise ValueError(quote(domain))
            return domain, leads._search(domain).subselect()
        except (
            AttributeError,
            KeyError,
            OverflowError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise self._bad_filter(error) from error

    def _get_lenses(self):
        """:return: the lenses that can be asked for"""
        return ["cohort", "closed", "flow", "snapshot"]

    def _get_rules(self):
        """:return: the rules that can be asked for"""
        return ["beyond", "visited", "strict"]

    def _read_options(self, options):
        """Check the options and fill in what was left out.

        :return: dictionary with every key of :data:`OPTIONS`, plain JSON values
        :raise UserError: for an unknown option or value
        """
        self._check_zone()
        options = {
            key: value
            for key, value in self._check_options(options).items()
            if value is not None
        }
        unknown = sorted(map(str, set(options) - OPTIONS))
        if unknown:
            raise UserError(
                self.env._(
                    "Unknown option “%(option)s”. The options are: %(options)s.",
                    option=unknown[0],
                    options=", ".join(sorted(OPTIONS)),
                )
            )
        date_from, date_to = self._read_period(options)
        return {
            "funnel_id": self._read_funnel(options.get("funnel_id")).id,
            "lens": self._read_choice(options, "lens", self._get_lenses()),
            "rule": self._read_choice(options, "rule", self._get_rules()),
            "date_from": date_from,
            "date_to": date_to,
            "as_of": self._read_as_of(options.get("as_of")),
            "window_days": self._read_days(options, "window_days"),
            "horizon_days": self._read_days(options, "horizon_days"),
            "groupby": self._read_groupby(options.get("groupby")),
            "compare": self._read_compare(options.get("compare")),
            "counts_only": bool(options.get("counts_only")),
        }

    @api.model
    def _check_options(self, options):
        """:return: the options, a dictionary
        :raise UserError: they are something else
        """
        if not isinstance(options or {}, dict):
            raise UserError(
                self.env._(
                    "The options of a funnel are a dictionary, such as "
                    "{“lens”: “cohort”}; this is none: %(options)s",
                    options=quote(options),
                )
            )
        return options or {}

    def _check_zone(self):
        """:raise UserError: days would be of a time zone that there is not"""
        zone = self.env.context.get("tz")
        if zone and not (isinstance(zone, str) and zone in pytz.all_timezones_set):
            raise UserError(
                self.env._(
                    "“%(zone)s” is no time zone. Choose one such as Europe/Athens in "
                    "your preferences.",
                    zone=quote(zone),
                )
            )

    def _bad_value(self, option, value, expected):
        """:return: the ``UserError`` for a value that an option cannot take"""
        return UserError(
            self.env._(
                "“%(value)s” is no value for the option “%(option)s”: %(expected)s is expected.",
                value=quote(value),
                option=option,
                expected=expected,
            )
        )

    def _read_choice(self, options, option, choices):
        value = options.get(option, choices[0])
        if value not in choices:
            raise self._bad_value(
                option, value, self.env._("one of %(list)s", list=", ".join(choices))
            )
        return value

    def _read_funnel(self, funnel_id):
        if funnel_id is None:
            funnel = self.env["crm.funnel"]._get_default()
            if not funnel:
                raise UserError(
                    self.env._(
                        "There is no sales funnel yet. Create one under CRM → Configuration → Sales Funnels."
                    )
                )
            return funnel
        funnel = self.env["crm.funnel"]
        if _is_id(funnel_id):
            funnel = funnel.browse(funnel_id).exists()
        if not funnel:
            raise self._bad_value(
                "funnel_id", funnel_id, self.env._("the ID of a sales funnel")
            )
        return funnel

    def _read_day(self, option, value):
        try:
            return self._check_year(datetime.strptime(value, "%Y-%m-%d")).date()
        except (TypeError, ValueError) as error:
            raise self._bad_value(
                option, value, self.env._("a day such as 2026-01-31")
            ) from error

    def _read_period(self, options, prefix=""):
        today = fields.Date.context_today(self)
        date_from, date_to = (
            self._read_day(prefix + option, options[option])
            if options.get(option) is not None
            else None
            for option in ("date_from", "date_to")
        )
        if date_to is None:
            date_to = today + relativedelta(days=1)
            if date_from is not None and date_from >= date_to:
                date_to = date_from + relativedelta(days=1)
        if date_from is None:
            date_from = date_to - relativedelta(years=1)
        if date_from >= date_to:
            raise UserError(
                self.env._(
                    "The period is empty: it begins on %(date_from)s and ends before "
                    "%(date_to)s. “date_from” has to come before “date_to”.",
                    date_from=date_from,
                    date_to=date_to,
                )
            )
        return date_from.isoformat(), date_to.isoformat()

    def _read_compare(self, compare):
        if not compare:
            return None
        expected = self.env._("a period with “date_from” and “date_to”")
        if not isinstance(compare, dict) or set(compare) != {"date_from", "date_to"}:
            raise self._bad_value("compare", compare, expected)
        if None in compare.values():
            raise self._bad_value("compare", compare, expected)
        date_from, date_to = self._read_period(compare, prefix="compare.")
        return {"date_from": date_from, "date_to": date_to}

    def _read_as_of(self, as_of):
        if as_of is None:
            return fields.Datetime.to_string(fields.Datetime.now())
        try:
            return fields.Datetime.to_string(
                self._check_year(datetime.strptime(as_of, "%Y-%m-%d %H:%M:%S"))
            )
        except (TypeError, ValueError) as error:
            raise self._bad_value(
                "as_of", as_of, self.env._("a moment such as 2026-01-31 23:59:59")
            ) from error

    def _check_year(self, moment):
        """:raise ValueError: in a year that nobody means"""
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(moment.year)
        return moment

    def _read_days(self, options, option):
        value = options.get(option)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self._bad_value(option, value, self.env._("a positive whole number"))
        if value > MOST_DAYS:
            raise self._bad_value(
                option,
                value,
                self.env._("a whole number up to %(most)s", most=MOST_DAYS),
            )
        return value

    def _read_groupby(self, spec):
        if not spec or spec == OWNER_OF_STEP:
            return spec or None
        leads = self.env["crm.lead"]
        try:
            query = leads._search(Domain.FALSE)
            leads._read_group_groupby(leads._table, spec, query)
            self._check_granularity(leads, spec)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._bad_value(
                "groupby",
                spec,
                self.env._("a field of the deal, a date with a part such as :month"),
            ) from error
        return spec

    def _check_granularity(self, leads, spec):
        """Of what Odoo refuses only when it has found something.

        :raise ValueError: a day has no such part, or none is given
        """
        path, _colon, part = spec.partition(":")
        name, _dot, property_name = path.partition(".")
        kind = leads._fields[name].type
        if kind == "properties" and property_name:
            definition = leads.get_property_definition(path)
            kind = definition.get("type")
        if kind == "date" and part in ("", "hour"):
            raise ValueError(spec)
        if kind == "datetime" and not part:
            raise ValueError(spec)

    # ------------------------------------------------------------
    # QUESTION
    # ------------------------------------------------------------

    def _get_question(self, options, team_id, deals, removed_stages=None, domain=None):
        """:return: what ``crm.funnel.count`` takes, and what the figures need"""
        funnel = self.env["crm.funnel"].browse(options["funnel_id"])
        steps = funnel._get_steps(
            team_id=team_id, deals=deals, removed_stages=removed_stages
        )
        if len(steps) > MOST_STEPS:
            raise UserError(
                self.env._(
                    "“%(funnel)s” has %(count)s steps here, and no more than %(most)s can "
                    "be shown. Ask about the deals of one team, or choose a funnel with "
                    "fewer steps.",
                    funnel=funnel.name,
                    count=len(steps),
                    most=MOST_STEPS,
                )
            )
        question = {
            "lens": options["lens"],
            "rule": options["rule"],
            "steps": steps,
            "start": self._to_utc(options["date_from"]),
            "end": self._to_utc(options["date_to"]),
            "as_of": fields.Datetime.to_datetime(options["as_of"]),
            "window_days": options["window_days"],
            "horizon_days": options["horizon_days"],
            "groupby": options["groupby"],
            "currency": self.env.company.currency_id,
            "team_id": team_id,
            "funnel_id": funnel.id,
            "domain": domain,
            "counts_only": options["counts_only"],
        }
        return self._learn_from_past(question, deals) if deals else question

    def _learn_from_past(self, question, deals):
        """Complete a question by what the past of the deals asked for tells."""
        counting = self.env["crm.funnel.count"]
        if question["lens"] == "snapshot":
            return {**question, "past": counting._count_past(question, deals)}
        if question["counts_only"]:
            return question
        if question["lens"] != "flow" and question["horizon_days"] is None:
            horizon = counting._count_cycle_p90(question, deals)
            return {**question, "horizon_days": horizon}
        return question

    def _get_compare_question(self, question, options, deals):
        """The question of the second total: the same, for another period. Of a
        snapshot, which has no period, it is the last moment of that period, with
        what was known then.
        """
        compared = {
            **question,
            "start": self._to_utc(options["compare"]["date_from"]),
            "end": self._to_utc(options["compare"]["date_to"]),
        }
        if question["lens"] == "snapshot":
            last_moment = compared["end"] - relativedelta(seconds=1)
            compared["as_of"] = min(question["as_of"], last_moment)
            return self._learn_from_past(compared, deals)
        return compared

    def _to_utc(self, day):
        """The first moment of a day of the user, as a naive UTC datetime."""
        midnight = datetime.combine(fields.Date.to_date(day), time.min)
        zone = self.env.tz
        try:
            begin = zone.localize(midnight, is_dst=None)
        except pytz.AmbiguousTimeError:
            # clocks go back to midnight: the day begins with the first of the two
            begin = zone.localize(midnight, is_dst=True)
        except pytz.NonExistentTimeError:
            # clocks go forward at midnight: it begins there
            begin = zone.localize(midnight, is_dst=False)
        return begin.astimezone(pytz.utc).replace(tzinfo=None)

    def _to_user_day(self, moment):
        """The day of the user on which a naive UTC datetime falls, as text."""
        return fields.Date.to_string(
            fields.Datetime.context_timestamp(self, moment).date()
        )

    def _get_team_asked_for(self, domain):
        """The team that all deals asked for belong to.

        :return: its id, or ``None`` when it is not just one
        """
        domain = domain.optimize(self.env["crm.lead"])
        parts = domain.children if isinstance(domain, DomainAnd) else [domain]
        for part in parts:
            if (
                isinstance(part, DomainCondition)
                and (part.field_expr, part.operator) == ("team_id", "in")
                and not isinstance(part.value, SQL)
            ):
                teams = list(part.value)
                if len(teams) == 1 and isinstance(teams[0], int):
                    return teams[0] or None
        return None

    # ------------------------------------------------------------
    # RESULT
    # ------------------------------------------------------------

    def _count(self, question, deals, groups=None, owner_of_step=False):
        """Hook: what is counted, see ``crm.funnel.count``."""
        counting = self.env["crm.funnel.count"]
        count = {
            "cohort": counting._count_cohort,
            "closed": counting._count_cohort,
            "flow": counting._count_flow,
            "snapshot": counting._count_snapshot,
        }[question["lens"]]
        return count(question, deals, groups=groups, owner_of_step=owner_of_step)

    def _get_series(self, question, counts, domain, owner_id=None):
        """Hook: the figures of one set of deals, each with the domain of the deals
        behind it.

        :param dict question: see :meth:`_get_question`
        :param dict counts: what was counted of these deals
        :param Domain domain: the deals asked for
        :param owner_id: the salesperson at the time of each step, if that is what
            the deals are grouped by
        :rtype: dict
        """
        ends = []
        if question["lens"] == "flow":
            series = flow_series(question["steps"], counts)
            outcomes = [
                *("advanced", "moved_back", "handed_off"),
                *("lost", "on_hold", "still_here"),
            ]
        elif question["lens"] == "snapshot":
            series = snapshot_series(question["steps"], counts, question["past"])
            outcomes = []
        else:
            series = cohort_series(question["steps"], counts, question["horizon_days"])
            ends = ["won", "lost", "open", "on_hold"]
            outcomes = [*ends, "skipped", "not_needed"]
        # once for all figures
        question = {**question, "description": self._describe(question)}
        # what counts nothing opens nothing
        series["domains"] = {
            what or "size": self._get_domain(question, domain, None, what, owner_id)
            for what in (None, *ends)
            if not what or series[what]
        }
        if question["lens"] == "snapshot":
            series["domains"]["stuck"] = self._get_domain(
                question,
                domain,
                None,
                "stuck",
                owner_id,
                longer_than=self._limits(question),
            )
        for rank, step in enumerate(series["steps"]):
            place = (question, domain, step["key"])
            step["domain"] = self._get_domain(*place, owner_id=owner_id)
            step["domains"] = {
                what: self._get_domain(*place, what, owner_id)
                for what in outcomes
                if step[what]
            }
            for reason in step.get("lost_reasons", []):
                reason["domain"] = self._get_domain(
                    *place, "lost", owner_id, lost_reason_id=reason["id"] or False
                )
            if question["lens"] == "snapshot":
                limit = question["past"]["steps"][rank]["stuck_days"]
                step["domains"]["stuck"] = self._get_domain(
                    *place, "stuck", owner_id, longer_than=limit
                )
        return series

    def _limits(self, question):
        """:return: by key of the step, the days after which a deal is stuck there"""
        limits = {
            step["key"]: question["past"]["steps"][rank]["stuck_days"]
            for rank, step in enumerate(question["steps"])
        }
        return {key: days for key, days in limits.items() if days is not None}

    def _name_lost_reasons(self, all_series):
        """Write the names of the lost reasons into all series of a report at once."""
        reasons = [
            reason
            for series in all_series
            if series
            for step in series["steps"]
            for reason in step.get("lost_reasons", ())
        ]
        # sudo: the name of a reason is no secret to who may see that deals have it
        records = (
            self.env["crm.lost.reason"]
            .sudo()
            .with_context(active_test=False)
            .browse({reason["id"] for reason in reasons if reason["id"]})
            .exists()
        )
        names = {record.id: record.name for record in records}
        for reason in reasons:
            reason["name"] = names.get(reason["id"], self.env._("No reason given"))

    def _get_domain(
        self, question, domain, step_key, what=None, owner_id=None, **details
    ):
        """The domain of the deals behind a figure: it describes the question, so
        that it stays short and is answered by the same count.

        :param dict question: see :meth:`_get_question`, with its ``description``
        :param Domain domain: the deals asked for
        :param str step_key: the step, or ``None`` for the funnel as a whole
        :param str what: the name of the figure, or ``None`` for all deals of the step
        :param details: see ``crm.funnel.count._deals_query``
        :rtype: list
        """
        described = {
            **question["description"],
            **details,
            "step": step_key,
            "what": what,
        }
        described = {
            key: value for key, value in described.items() if value not in (None, [])
        }
        if owner_id is not None:
            described["owner_id"] = owner_id
        value = json.dumps(described, sort_keys=True, separators=(",", ":"))
        reached = ("funnel_step_reached", "=", value)
        return [reached] if domain.is_true() else ["&", *domain, reached]

    def _describe(self, question):
        """What the domains of all figures of a question tell of it, see
        :meth:`_read_description`.

        :rtype: dict
        """
        described = {
            "funnel_id": question["funnel_id"],
            "lens": question["lens"],
            "as_of": fields.Datetime.to_string(question["as_of"]),
            "team_id": question["team_id"],
            "removed_stages": [
                step["stage_refs"][0]
                for step in question["steps"]
                if step.get("is_removed")
            ],
        }
        if question["lens"] != "snapshot":
            described["start"] = fields.Datetime.to_string(question["start"])
            described["end"] = fields.Datetime.to_string(question["end"])
        if question["lens"] in ("cohort", "closed"):
            described["rule"] = question["rule"]
            described["window_days"] = question["window_days"]
        return described

    @api.model
    def _get_deals_query(self, description):
        """The deals that a figure's domain stands for.

        :param str description: what :meth:`_get_domain` wrote
        :rtype: :class:`odoo.tools.SQL`, a subselect of ids of ``crm.lead``
        :raise UserError: when it is not such a description
        """
        with self._reading(description):
            described = json.loads(description)
            question = self._read_description(described)
            details = self._read_details(described)
            return self.env["crm.funnel.count"]._deals_query(question, **details)

    @api.model
    def _get_beyond_query(self, description):
        """The deals of the group of all that is beyond the largest groups.

        :param str description: what :meth:`_get_other_group` wrote
        :rtype: :class:`odoo.tools.SQL`, a subselect of ids of ``crm.lead``
        :raise UserError: when it is not such a description
        """
        with self._reading(description):
            described = json.loads(description)
            question = self._read_description(described)
            question["groupby"] = self._read_groupby(described["groupby"])
            domain, _deals = self._read_domain(described["domain"])
            fnames = {part.field_expr for part in domain.iter_conditions()}
            if "funnel_beyond_groups" in fnames:
                # each one within another one asks all of it again
                raise ValueError(fnames)
            groups = self._get_grouping(question, domain)["groups"]
            counting = self.env["crm.funnel.count"]
            with self._in_time():
                largest = counting._find_largest_groups(question, groups, MOST_GROUPS)
            others = counting._members_query(groups, largest, among=False)
            return SQL("(SELECT lead_id FROM (%s) member)", others)

    @api.model
    def _search_described(self, read, descriptions):
        """
        :param read: method that turns a description into a subselect of ids
        :param descriptions: of deals
        :rtype: Domain
        :raise UserError: there are too many of them, or one describes nothing
        """
        if len(descriptions) > MOST_DESCRIPTIONS:
            raise UserError(
                self.env._(
                    "These are deals of more than %(most)s figures of sales funnels at "
                    "once. Ask for those of fewer figures.",
                    most=MOST_DESCRIPTIONS,
                )
            )
        return Domain.OR(Domain("id", "in", read(one)) for one in descriptions)

    @contextmanager
    def _reading(self, description):
        """:raise UserError: what is read within describes nothing"""
        try:
            yield
        except (
            AttributeError,
            KeyError,
            OverflowError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            raise UserError(
                self.env._(
                    "“%(value)s” describes no step of a sales funnel. Open the deals from the funnel.",
                    value=quote(description),
                )
            ) from error

    def _read_details(self, described):
        """Check what a description asks of the deals of its question, see
        ``crm.funnel.count._deals_query``.

        :return: the same dictionary
        :raise TypeError, ValueError: what is nothing to be asked
        """
        limits = described.get("longer_than")
        limits = limits.values() if isinstance(limits, dict) else [limits]
        owner = described.get("owner_id")
        owners = owner if isinstance(owner, list) else [owner]
        reason = described.get("lost_reason_id")
        texts = [described.get(name) for name in ("step", "later_step", "what")]
        if not (
            all(isinstance(text, str | None) for text in texts)
            and _is_known_to_database(texts)
            and all(isinstance(limit, int | float | None) for limit in limits)
            and all(one in (None, False) or _is_id(one) for one in [*owners, reason])
        ):
            raise ValueError(described)
        return described

    def _read_description(self, described):
        """Take out of a description what is the question; what remains is what is
        asked of its deals.

        :raise UserError, ValueError, KeyError, TypeError: what is no question
        """
        team_id = described.pop("team_id", None)
        removed_stages = described.pop("removed_stages", [])
        as_of = fields.Datetime.to_datetime(described.pop("as_of"))
        if not as_of or not all(map(_is_id, [*removed_stages, team_id or 1])):
            raise ValueError(described)
        return {
            "lens": self._read_choice(
                {"lens": described.pop("lens")}, "lens", self._get_lenses()
            ),
            "rule": self._read_choice(
                {"rule": described.pop("rule", "beyond")}, "rule", self._get_rules()
            ),
            "steps": self._read_funnel(described.pop("funnel_id"))._get_steps(
                team_id=team_id, removed_stages=removed_stages
            ),
            "start": fields.Datetime.to_datetime(described.pop("start", None)),
            "end": fields.Datetime.to_datetime(described.pop("end", None)),
            "as_of": as_of,
            "window_days": self._read_days(
                {"window_days": described.pop("window_days", None)}, "window_days"
            ),
            "currency": self.env.company.currency_id,
        }

    def _get_grouping(self, question, domain):
        """:return: what :meth:`_count` takes to count the deals by groups, empty when
        there are none
        """
        spec = question["groupby"]
        if not spec:
            return {}
        if spec == OWNER_OF_STEP:
            return {"owner_of_step": True}
        leads = self.env["crm.lead"].with_context(active_test=False)
        query = leads._search(domain)
        group_sql = leads._read_group_groupby(leads._table, spec, query)
        field = leads._fields.get(spec)
        if field and field.type in ("char", "text", "html"):
            # no filter of Odoo tells an empty text from none
            group_sql = SQL("NULLIF(%s, '')", group_sql)
        return {
            "groups": query.select(
                SQL("DISTINCT %s AS lead_id", SQL.identifier(leads._table, "id")),
                SQL("%s AS grp", group_sql),
            )
        }

    def _limit_grouping(self, grouping, question, compare_question, deals):
        """Name the largest groups when there are more than :data:`MOST_GROUPS`: the
        others are counted together.

        :param dict grouping: see :meth:`_get_grouping`
        :return: the same, or another one with ``largest``: the ids of salespeople, or
            ``{key of a group: id of one of its deals}``
        """
        counting = self.env["crm.funnel.count"]
        if not grouping or not self._may_have_many_groups(question["groupby"]):
            return grouping
        groups = grouping.get("groups")
        found = [
            counting._find_largest_groups(asked, groups, MOST_GROUPS + 1)
            if groups
            else counting._find_largest_owners(asked, deals, MOST_GROUPS + 1)
            for asked in (question, compare_question)
            if asked
        ]
        if len(set().union(*found)) <= MOST_GROUPS:
            return grouping
        largest = list(found[0])[:MOST_GROUPS]
        if groups:
            largest = {key: found[0][key] for key in largest}
        return {**grouping, "largest": largest}

    def _may_have_many_groups(self, spec):
        """Whether there may be more than :data:`MOST_GROUPS`, as far as that is known
        without a look at the deals."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        name, _colon, part = spec.partition(":")
        field = leads._fields.get("user_id" if spec == OWNER_OF_STEP else name)
        if part in DAYS_OF_PARTS and field is not None and field.store:
            bounds = [f"{name}:min", f"{name}:max"]
            [(first, last)] = leads._read_group([], aggregates=bounds)
            most_days = (MOST_GROUPS - 2) * DAYS_OF_PARTS[part]
            return bool(first) and (last - first).days > most_days
        if field is None or not field.relational:
            return field is None or field.type not in ("boolean", "selection")
        # sudo: only whether there are many
        values = self.env[field.comodel_name].sudo().with_context(active_test=False)
        return values.search_count([], limit=MOST_GROUPS + 1) > MOST_GROUPS

    def _count_with_groups(self, question, deals, grouping):
        """:return: what was counted of all deals, and by group of those of each"""
        groups = self._count_groups(question, deals, **grouping) if grouping else {}
        if TOGETHER in groups:
            return groups.pop(TOGETHER), groups
        return self._count(question, deals).get(None, {}), groups

    def _count_groups(
        self, question, deals, groups=None, owner_of_step=False, largest=None
    ):
        """:return: by group, what was counted of its deals; :data:`BEYOND` is the group
        of those beyond the ``largest``
        """
        if largest is None:
            return self._count(question, deals, groups, owner_of_step)
        if owner_of_step:
            asked = {**question, "largest_owners": largest}
            counted = self._count(asked, deals, owner_of_step=True)
            if OTHER_OWNERS in counted:
                counted[BEYOND] = counted.pop(OTHER_OWNERS)
            return counted
        counting = self.env["crm.funnel.count"]
        # the groups are no longer told by the field alone
        asked = {**question, "groupby": None}
        members = counting._members_query(groups, largest)
        counted = self._count(asked, deals, groups=members)
        others = counting._members_query(groups, largest, among=False)
        # nor are the deals by the domain
        asked = {**asked, "domain": None}
        deals = SQL("(SELECT lead_id FROM (%s) member)", others)
        return {**counted, BEYOND: self._count(asked, deals).get(None, {})}

    def _get_groups(
        self, question, domain, counts, counted, compare_question=None, largest=None
    ):
        """The groups of the report, in the order Odoo would show them, and behind them
        what is beyond the largest. A group that has deals only in what is compared with
        is there too, with nothing in it.

        :param dict counts: what was counted of all deals
        :param dict counted: by group, its counts and those to compare with
        :param dict compare_question: see :meth:`_get_compare_question`
        :param largest: see :meth:`_limit_grouping`
        """
        spec = question["groupby"]
        if not spec:
            return []
        others = counted.pop(BEYOND, None)
        if spec == OWNER_OF_STEP:
            groups = self._get_owner_groups(counted)
        else:
            leads = self.env["crm.lead"].with_context(active_test=False)
            groups = self._get_field_groups(leads, spec, domain, counted, largest)
        if others:
            groups.append(self._get_other_group(question, domain, others, largest))
        result = []
        for value, label, group_domain, both_counts, owner_id in groups:
            group_counts, compared_counts = both_counts
            whole_domain = domain & Domain(group_domain)
            # who owned the deal at a step is told by the step's own domain
            step_domain = whole_domain if owner_id is None else domain
            series = self._get_series(question, group_counts, step_domain, owner_id)
            # a heap of small groups is nobody to be compared with
            is_comparable = both_counts is not others and owner_id is None
            if question["lens"] in ("cohort", "closed") and is_comparable:
                self._mark_below_others(series, group_counts, counts)
            result.append(
                {
                    "value": value,
                    "label": label,
                    "domain": list(whole_domain),
                    "series": series,
                    "compare": compare_question
                    and self._get_series(
                        compare_question, compared_counts, step_domain, owner_id
                    ),
                }
            )
        return result

    def _mark_below_others(self, series, counts, total_counts):
        """Say of each step of a group whether significantly fewer deals come to it
        from the step before than in the other groups together.
        """

        def reached(counted, rank):
            return counted.get("steps", {}).get(rank, {}).get("count") or 0

        for rank, step in enumerate(series["steps"]):
            part, total_part = reached(counts, rank), reached(total_counts, rank)
            whole = reached(counts, rank - 1)
            total_whole = reached(total_counts, rank - 1)
            step["below_others"] = (
                below_others(part, whole, total_part - part, total_whole - whole)
                if rank
                else None
            )

    def _get_other_group(self, question, domain, counts, largest):
        """The group of what is beyond the largest groups.

        :param counts: what was counted of it, and of it in what is compared with
        :param largest: see :meth:`_limit_grouping`
        :return: as :meth:`_get_field_groups` has them
        """
        label = self.env._("Others")
        if question["groupby"] == OWNER_OF_STEP:
            had_others = [("user_id", "not in", [*largest, False])]
            return (
                OTHERS,
                label,
                [("stage_history_ids", "any", had_others)],
                counts,
                largest,
            )
        described = {
            **self._describe(question),
            "groupby": question["groupby"],
            "domain": list(domain),
        }
        value = json.dumps(described, sort_keys=True, separators=(",", ":"))
        return OTHERS, label, [("funnel_beyond_groups", "=", value)], counts, None

    def _get_field_groups(self, leads, spec, domain, counted, largest=None):
        """The groups by a field of the deal that have deals in the cohort.

        :param dict counted: by group, its counts and those to compare with
        :param largest: see :meth:`_limit_grouping`
        :return: list of ``(value, label, domain, counts, None)``
        """
        values = leads._read_group_postprocess_groupby(spec, list(counted))
        counts_by_value = dict(zip(values, counted.values(), strict=True))
        examples = list((largest or {}).values()) or [
            next((part["example"] for part in parts if part.get("example")), None)
            for parts in counted.values()
        ]
        if all(examples):
            # one deal of each group tells of the group as well as all do
            domain = Domain("id", "in", examples)
        values = dict.fromkeys(
            False if isinstance(value, str) and not value else value
            for (value,) in leads._read_group(domain, [spec])
        )
        rows = [(value,) for value in values if value in counts_by_value]
        formatted = leads._web_read_group_format((spec,), (), rows)
        return [
            (
                *self._get_group_label(spec, group[spec]),
                group["__extra_domain"],
                counts_by_value[value],
                None,
            )
            for (value,), group in zip(rows, formatted, strict=True)
        ]

    def _get_group_label(self, spec, value):
        """:return: the value of a group, and how people call it"""
        if isinstance(value, (list, tuple)):
            return value[0], str(value[1])
        field = self.env["crm.lead"]._fields[spec.split(":")[0].split(".")[0]]
        if field.type == "boolean":
            return value, self.env._("Yes") if value else self.env._("No")
        if value is False or value is None:
            return False, self.env._("None")
        if field.type == "selection":
            names = dict(field._description_selection(self.env))
            return value, str(names.get(value, value))
        return value, str(value)

    def _get_owner_groups(self, counted):
        """The groups by the salesperson at the time of each step.

        :param dict counted: see :meth:`_get_field_groups`
        :return: list of ``(value, label, domain, counts, owner_id)``
        """
        # sudo: the name of a salesperson of deals that the user may read
        users = self.env["res.users"].sudo().with_context(active_test=False)
        nobody = self.env._("None")
        groups = [
            (
                user_id or False,
                users.browse(user_id).name if user_id else nobody,
                [("stage_history_ids.user_id", "=", user_id or False)],
                counts,
                user_id or False,
            )
            for user_id, counts in counted.items()
        ]
        return sorted(groups, key=lambda group: (not group[0], group[1], group[0]))

    def _get_warnings(self, question, counts, since):
        """Hook: what somebody who decides from these figures has to know.

        :param dict question: see :meth:`_get_question`, with ``compared``, the
            question of what is compared with, if there is
        :param dict counts: what was counted of all deals
        :param since: naive UTC datetime of the first stay that is known, or ``None``
        :return: list of sentences
        """
        warnings = []
        if question.get("largest_groups"):
            warnings.append(
                self.env._(
                    "The %(count)s largest groups are shown; all others are one group.",
                    count=question["largest_groups"],
                )
            )
        begin = "as_of" if question["lens"] == "snapshot" else "start"
        # what is compared with may lie before the history
        asked = [question, question.get("compared") or question]
        if since and min(one[begin] for one in asked) < since:
            warnings.append(
                self.env._(
                    "The history begins on %(day)s. What happened before is not known.",
                    day=format_date(self.env, self._to_user_day(since)),
                )
            )
        inferred = (counts.get("deals") or {}).get("inferred")
        if inferred:
            warnings.append(
                self.env._(
                    "Part of the history of %(count)s of these deals was not recorded but inferred.",
                    count=inferred,
                )
            )
        is_proven = any(step["kind"] == "milestone" for step in question["steps"])
        as_of_day = self._to_user_day(question["as_of"])
        if is_proven and as_of_day < self._to_user_day(fields.Datetime.now()):
            warnings.append(
                self.env._(
                    "Documents are taken as they are today. What was cancelled, "
                    "credited or changed after %(day)s counts as if it always had been "
                    "so.",
                    day=format_date(self.env, as_of_day),
                )
            )
        if question["window_days"] and question["lens"] in ("cohort", "closed"):
            warnings.append(
                self.env._(
                    "Each deal is looked at for %(days)s days after it came in; what "
                    "happened to it later does not count.",
                    days=question["window_days"],
                )
            )
        if question["groupby"] == OWNER_OF_STEP:
            warnings.append(
                self.env._(
                    "Deals change hands: each step counts for the salesperson who had "
                    "the deal then, so one step need not follow from the one before."
                )
            )
        return warnings


def _is_known_to_database(value):
    """Whether PostgreSQL can be told the texts in a value: no NUL, no half of a letter."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_known_to_database, value))
    return not isinstance(value, str) or not re.search("[\0\ud800-\udfff]", value)


def _is_id(value):
    """Whether a value from outside can be the id of a record."""
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and 0 < value <= LARGEST_ID
    )
