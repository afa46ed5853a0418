import json
from dataclasses import dataclass
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.orm.domains import (
    DomainAnd,
    DomainBool,
    DomainCondition,
    DomainNot,
    DomainOr,
)
from odoo.tools import SQL, OrderedSet, Query
from odoo.tools.misc import format_date, format_datetime

# The unit of a period that moves on by itself, and how many units it lies back.
MOVING_PERIODS = {
    "this_month": ("month", 0),
    "last_month": ("month", 1),
    "this_quarter": ("quarter", 0),
    "last_quarter": ("quarter", 1),
    "this_year": ("year", 0),
    "last_year": ("year", 1),
    "last_12_months": (None, 0),
}
# How many of the values of a condition are named.
MOST_VALUES = 10
# How much of a filter is told: conditions, one within the other, letters of a value.
MOST_CONDITIONS = 100
MOST_LEVELS = 20
MOST_LETTERS = 200


class CrmFunnelQuestion(models.AbstractModel):
    """A question to the sales funnel in the words of its reader, and its periods
    in days."""

    _name = "crm.funnel.question"
    _description = "Sales Funnel Question"

    @api.model
    def _read_question(self, question):
        """A question as a client brings it.

        :param question: dictionary, or JSON of one, with ``domain``, ``options`` and
            ``measure``, all optional
        :return: dictionary with these three
        :raise UserError: it is something else
        """
        try:
            if isinstance(question, str):
                question = json.loads(question or "{}")
            return {
                name: question.get(name) for name in ("domain", "options", "measure")
            }
        except (AttributeError, RecursionError, ValueError) as error:
            raise UserError(
                self.env._(
                    "This is no question to the sales funnel. Open it from the funnel "
                    "again."
                )
            ) from error

    # ------------------------------------------------------------
    # PERIODS
    # ------------------------------------------------------------

    @api.model
    def _get_period(self, period):
        """The days of a period that moves on, for the user and today.

        :param str period: a key of :data:`MOVING_PERIODS`
        :return: ``(first day, day after the last)``
        """
        today = fields.Date.context_today(self)
        unit, back = MOVING_PERIODS[period]
        if unit is None:
            end = today + timedelta(days=1)
            return end - relativedelta(years=1), end
        length = self._get_length(unit)
        start = fields.Date.start_of(today, unit) - back * length
        return start, start + length

    @api.model
    def _find_period(self, options):
        """The moving period that options of the report mean today.

        :return: a key of :data:`MOVING_PERIODS`, ``None`` when it is none
        """
        days = self._read_days(options)
        if days is None:
            return "last_12_months"
        return next(
            (period for period in MOVING_PERIODS if self._get_period(period) == days),
            None,
        )

    @api.model
    def _read_days(self, options):
        if not options.get("date_from") or not options.get("date_to"):
            return None
        return (
            fields.Date.to_date(options["date_from"]),
            fields.Date.to_date(options["date_to"]),
        )

    @api.model
    def _get_length(self, unit):
        return {
            "month": relativedelta(months=1),
            "quarter": relativedelta(months=3),
            "year": relativedelta(years=1),
        }[unit]

    # ------------------------------------------------------------
    # WORDS
    # ------------------------------------------------------------

    @api.model
    def _describe(self, domain, options):
        """What was asked, for the reader of the answer.

        :param domain: of the deals asked for
        :param dict options: as the report used them
        :return: list of ``(label, text)``
        """
        funnel = self.env["crm.funnel"].browse(options["funnel_id"])
        facts = [
            (self.env._("Funnel"), funnel.display_name),
            (self.env._("Shows"), self._describe_deals(options)),
        ]
        if options["lens"] in ("cohort", "closed"):
            facts.append((self.env._("Rule"), self._describe_rule(options["rule"])))
        facts.append((self.env._("Filter"), self._describe_domain(domain)))
        if options["groupby"]:
            facts.append(
                (self.env._("Grouped by"), self._describe_groupby(options["groupby"]))
            )
        if options["compare"]:
            facts.append(
                (self.env._("Compared with"), self._describe_days(options["compare"]))
            )
        return facts

    @api.model
    def _describe_deals(self, options):
        """Which deals the report is about, and as of when."""
        values = {
            "days": self._describe_days(options),
            "moment": self._format_moment(options["as_of"]),
        }
        if options["lens"] == "snapshot":
            return self.env._("Deals in work on %(moment)s", **values)
        if options["lens"] == "flow":
            return self.env._(
                "What passed through each step, %(days)s, as known on %(moment)s",
                **values,
            )
        if options["lens"] == "closed":
            return self.env._(
                "Deals won or lost, %(days)s, as known on %(moment)s", **values
            )
        return self.env._(
            "Deals that came in, %(days)s, as known on %(moment)s", **values
        )

    @api.model
    def _describe_rule(self, rule):
        """What it means that a deal counts in a step."""
        return {
            "beyond": self.env._(
                "A deal counts in a step when it reached this stage or a later one."
            ),
            "visited": self.env._(
                "A deal counts in a step when it stood in this very stage, in any order."
            ),
            "strict": self.env._(
                "A deal counts in a step when it came through all stages before, one by one."
            ),
        }[rule]

    @api.model
    def _describe_days(self, period):
        first, after = self._read_days(period)
        return self.env._(
            "%(first)s to %(last)s",
            first=format_date(self.env, first),
            last=format_date(self.env, after - timedelta(days=1)),
        )

    @api.model
    def _format_moment(self, moment):
        """:param moment: naive UTC, or the text of it"""
        return format_datetime(
            self.env, moment, tz=self.env.context.get("tz"), dt_format="short"
        )

    @api.model
    def _describe_groupby(self, spec):
        if spec == "stage_user_id":
            return self.env._("Salesperson at the time of each step")
        path, _colon, part = spec.partition(":")
        label = self._describe_field(self.env["crm.lead"], path)[0]
        units = {
            "day": self.env._("Day"),
            "week": self.env._("Week"),
            "month": self.env._("Month"),
            "quarter": self.env._("Quarter"),
            "year": self.env._("Year"),
        }
        return f"{label}: {units.get(part, part)}" if part else label

    # ------------------------------------------------------------
    # FILTER
    # ------------------------------------------------------------

    @api.model
    def _describe_domain(self, domain, model="crm.lead"):
        """A filter in words, a very long one in part.

        :param domain: of ``model``
        :rtype: str
        """
        domain = Domain(domain or Domain.TRUE)
        if domain.is_true():
            return self.env._("All deals")
        return self._describe_part(domain, self.env[model], _Room(MOST_CONDITIONS))

    def _describe_part(self, part, records, room):
        """
        :param Domain part: of a filter
        :param records: of the model it is a filter of
        :param _Room room: what may still be told
        """
        if room.levels == MOST_LEVELS or not room.conditions:
            return "…"
        room.levels += 1
        text = self._describe_whole_part(part, records, room)
        room.levels -= 1
        return text

    def _describe_whole_part(self, part, records, room):
        if isinstance(part, DomainBool):
            return self.env._("All") if part.value else self.env._("None")
        if isinstance(part, DomainNot):
            return self.env._(
                "not (%(condition)s)",
                condition=self._describe_part(part.child, records, room),
            )
        if isinstance(part, (DomainAnd, DomainOr)):
            texts = []
            for child in part.children:
                text = self._describe_part(child, records, room)
                is_list = isinstance(child, (DomainAnd, DomainOr))
                texts.append(f"({text})" if is_list and text != "…" else text)
                if text == "…":
                    break
            link = (
                self.env._("and") if isinstance(part, DomainAnd) else self.env._("or")
            )
            return f" {link} ".join(texts)
        if isinstance(part, DomainCondition):
            room.conditions -= 1
            return self._describe_condition(part, records, room)
        return self.env._("a condition of its own")

    def _describe_condition(self, condition, records, room):
        label, field, owner = self._describe_field(records, condition.field_expr)
        operator, value = condition.operator, condition.value
        values = {"field": label}
        if operator.removeprefix("not ").startswith("any"):
            values["value"] = (
                "…"
                if isinstance(value, (Query, SQL))
                else self._describe_part(
                    Domain(value), self.env[field.comodel_name], room
                )
            )
            return self._get_sentence(operator.removesuffix("!"), values)
        is_boolean = field is not None and field.type == "boolean"
        if not is_boolean and _as_list(value) in ([False], [None]):
            operator = {"=": "unset", "in": "unset"}.get(operator, "set")
        values["value"] = self._describe_values(value, field, owner)
        return self._get_sentence(operator, values)

    def _get_sentence(self, operator, values):
        """:param dict values: ``field`` and ``value``, in words"""
        sentence = {
            "=": self.env._("%(field)s is %(value)s"),
            "!=": self.env._("%(field)s is not %(value)s"),
            "set": self.env._("%(field)s is set"),
            "unset": self.env._("%(field)s is not set"),
            "like": self.env._("%(field)s contains %(value)s"),
            "not like": self.env._("%(field)s does not contain %(value)s"),
            "child_of": self.env._("%(field)s is %(value)s or below"),
            "parent_of": self.env._("%(field)s is %(value)s or above"),
            "any": self.env._("%(field)s with %(value)s"),
            "not any": self.env._("no %(field)s with %(value)s"),
            ">=": "%(field)s ≥ %(value)s",
            "<=": "%(field)s ≤ %(value)s",
        }
        same = {
            "in": "=",
            "not in": "!=",
            "ilike": "like",
            "=like": "like",
            "=ilike": "like",
            "not ilike": "not like",
            "not =like": "not like",
            "not =ilike": "not like",
        }
        default = "%(field)s " + operator + " %(value)s"
        return sentence.get(same.get(operator, operator), default) % values

    def _describe_field(self, records, path):
        """
        :return: ``(label, field or None, the records it is a field of)``
        """
        labels, field = [], None
        for name in path.split("."):
            if field is not None and field.relational:
                records = self.env[field.comodel_name]
            field = records._fields.get(name)
            if field is None:
                labels.append(name)
                break
            labels.append(field._description_string(self.env))
        return " → ".join(labels), field, records

    def _describe_values(self, value, field, records):
        """The values of a condition, as the reader calls them."""
        values = _as_list(value)
        if values is None:
            return "…"
        if field is not None and field.relational:
            values = self._get_names(field, values[: MOST_VALUES + 1])
        texts = [
            _cut(self._describe_value(one, field, records))
            for one in values[:MOST_VALUES]
        ]
        if len(values) > MOST_VALUES:
            texts.append("…")
        return self.env._(" or ").join(texts) or self.env._("nothing")

    def _get_names(self, field, values):
        """The names of the records that the reader may read; the others remain
        numbers."""
        ids = [
            one for one in values if isinstance(one, int) and not isinstance(one, bool)
        ]
        comodel = self.env[field.comodel_name].with_context(active_test=False)
        names = {}
        if ids and comodel.has_access("read"):
            names = {
                record.id: record.display_name
                for record in comodel.search([("id", "in", ids)])
            }
        return [names.get(one, one) for one in values]

    def _describe_value(self, value, field, records):
        if value is False or value is None:
            if field is not None and field.type == "boolean":
                return self.env._("No")
            return self.env._("nothing")
        if value is True:
            return self.env._("Yes")
        kind = field.type if field is not None else None
        if kind == "selection":
            choices = dict(records._fields[field.name]._description_selection(self.env))
            return str(choices.get(value, value))
        if kind == "date" and _is_day(value):
            return format_date(self.env, value)
        if kind == "datetime" and _is_day(value):
            return self._format_moment(fields.Datetime.to_datetime(value))
        if field is not None and field.relational and isinstance(value, int):
            return f"#{value}"
        return str(value)


@dataclass
class _Room:
    """What of a filter may still be told: how many conditions; and on which level
    we are."""

    conditions: int
    levels: int = 0


def _cut(text):
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def _as_list(value):
    """:return: the values of a condition, ``None`` when they are a query"""
    if isinstance(value, (list, tuple, set, frozenset, OrderedSet)):
        return list(value)
    return None if isinstance(value, (Query, SQL)) else [value]


def _is_day(value):
    """Whether it is a day or a moment, and no word such as “today -7d”."""
    if not isinstance(value, str):
        return hasattr(value, "year")
    try:
        fields.Datetime.to_datetime(value)
    except ValueError:
        return False
    return True
