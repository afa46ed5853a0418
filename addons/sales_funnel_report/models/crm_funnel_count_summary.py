from collections import defaultdict
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import combinations

from dateutil.relativedelta import relativedelta

from odoo import api, models
from odoo.fields import Domain
from odoo.orm.domains import DomainBool, DomainCondition, DomainNary, DomainNot
from odoo.tools import SQL, Query

from ..figures import read_path
from .crm_funnel_count import NO_IDS, SECONDS_OF_A_DAY
from .crm_funnel_count_snapshot import YEARS_TO_LEARN_FROM
from .crm_lead_stage_summary import COPIED_FIELDS

ENDED = ("won", "lost")
SORT_MEMORY_KB = 32 * 1024
# The group of all deals; any other may be anything, also None.
TOGETHER = object()
# PostgreSQL has at most 1,600 columns, and a duration takes three.
MOST_DURATIONS = 500
# How many pairs of a path and a duration are worth being told to PostgreSQL. The paths
# of deals that were moved about at random are all different: the history itself counts
# these better.
MOST_PLACES = 20_000
# The same of the durations of each step, which are asked for far more often.
MOST_STEP_PLACES = 80_000
MOST_ROWS = 500_000


class CrmFunnelCount(models.AbstractModel):
    """Counts over the summary of the history, which has one row for each deal.

    The path of a deal decides how far it got, so that deals are counted by their
    paths, of which there are few; what a path means is found out once for each. Deals
    whose history went on after ``as_of`` are summarized anew, as they were then.

    Two more keys of a question: ``domain``, the deals asked for, lets the summary be
    read alone where it knows all that the domain asks; ``counts_only`` leaves out
    durations and what is expected.
    """

    _inherit = "crm.funnel.count"

    # ------------------------------------------------------------
    # COUNTS
    # ------------------------------------------------------------

    @api.model
    def _count_cohort(self, question, deals, groups=None, owner_of_step=False):
        if owner_of_step or not self._can_use_summary(question):
            return super()._count_cohort(question, deals, groups, owner_of_step)
        source = self._summary_source(question, deals, groups)
        together = groups is not None and self._is_counted_together(question)
        ways, result = self._count_paths(question, source, together)
        if ways is None:
            return super()._count_cohort(question, deals, groups)
        if result and not question.get("counts_only"):
            with self._more_memory():
                self._add_durations(question, source, ways, result, groups)
                self._add_lives(question, source, result)
        return result

    def _is_counted_together(self, question):
        """Whether all deals are counted along with their groups: where each is in one
        group, and there is nothing but numbers to be added up."""
        return question.get("counts_only") and question["groupby"] in COPIED_FIELDS

    @contextmanager
    def _more_memory(self):
        """Let PostgreSQL sort durations in memory: its default is that of a small
        machine."""
        [(before,)] = self.env.execute_query(
            SQL("SELECT setting::int FROM pg_settings WHERE name = 'work_mem'")
        )
        set_memory = "SELECT SET_CONFIG('work_mem', %s, TRUE)"
        self.env.execute_query(SQL(set_memory, f"{max(before, SORT_MEMORY_KB)}kB"))
        yield
        self.env.execute_query(SQL(set_memory, f"{before}kB"))

    def _can_use_summary(self, question):
        """Whether the summary knows all that is asked: it knows of stages only, and
        nothing of a deal before ``as_of`` but what the path tells.
        """
        refs = [ref for step in question["steps"] for ref in step["stage_refs"]]
        return (
            question["window_days"] is None
            and all(step["kind"] == "stage" for step in question["steps"])
            and len(refs) == len(set(refs))
        )

    def _count_paths(self, question, source, together=False):
        """Count the deals of each path, and add up what the paths mean.

        :param bool together: whether to count those of all groups, too
        :return: ``{path: figures.Way}`` and ``{group: counts}``, see
            :meth:`_count_cohort`; the group of all is ``TOGETHER``. ``None`` and
            ``None`` when there are too many paths
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT grp, path, lost_reason_id, COUNT(*),
                       -- not rounded before it is added up
                       SUM(amount)::text,
                       COUNT(*) FILTER (WHERE is_inferred), MAX(start), MIN(id)
                  FROM (%s) deal
              GROUP BY grp, path, lost_reason_id
                 LIMIT %s
                """,
                source,
                MOST_ROWS + 1,
            )
        )
        paths = {row[1] for row in rows}
        # a duration to the next step and one in the step, for each of them
        durations = 0 if question.get("counts_only") else 2 * len(question["steps"])
        if len(rows) > MOST_ROWS or len(paths) * durations > MOST_STEP_PLACES:
            return None, None
        ways = self._read_paths(question, paths)
        counters = defaultdict(_Counter)
        for group, path, *counted in rows:
            counters[group].add(ways[path], *counted)
            if together:
                counters[TOGETHER].add(ways[path], *counted)
        return ways, {
            group: counter.as_counts(question["as_of"])
            for group, counter in counters.items()
        }

    def _read_paths(self, question, paths):
        """:return: ``{path: figures.Way}``"""
        steps = question["steps"]
        ranks = {
            ref: rank for rank, step in enumerate(steps) for ref in step["stage_refs"]
        }
        return {
            path: read_path(path, ranks, len(steps), question["rule"]) for path in paths
        }

    # ------------------------------------------------------------
    # DURATIONS: differences between offsets, the path tells which
    # ------------------------------------------------------------

    def _add_durations(self, question, source, ways, result, groups):
        """Add to ``result`` the figures of the durations, for each of its groups."""
        size = len(question["steps"])
        # name of a duration → its places in the offsets, by path
        places = {"cycle_days": {}}
        for rank in range(size):
            places["days_to_next", rank] = {}
            places["days_in_step", rank] = {}
        for path, way in ways.items():
            if way.outcome == "won":
                places["cycle_days"][path] = [(0, way.end)]
            for rank, reached in enumerate(way.reached):
                if reached is None:
                    continue
                if way.stays[rank]:
                    places["days_in_step", rank][path] = [
                        (place, place + 1) for place in way.stays[rank]
                    ]
                if rank + 1 < size and way.reached[rank + 1] is not None:
                    places["days_to_next", rank][path] = [
                        (reached, way.reached[rank + 1])
                    ]
        names = [name for name in places if places[name]]
        if not names:
            return
        rows = self.env.execute_query(
            self._durations_query(
                source, ways, [places[name] for name in names], bool(groups)
            )
        )
        for group, *durations in rows:
            counts = result[group]
            for name, counted in zip(names, durations, strict=True):
                if name == "cycle_days":
                    counts["deals"][name] = counted
                elif name[1] in counts["steps"]:
                    counts["steps"][name[1]][name[0]] = counted

    @api.model
    def _count_days_between(self, question, deals):
        if not self._can_use_summary(question):
            return super()._count_days_between(question, deals)
        source = self._summary_source(question, deals)
        paths = self.env.execute_query(
            SQL("SELECT DISTINCT path FROM (%s) deal", source)
        )
        ways = self._read_paths(question, {path for (path,) in paths})
        pairs = [
            (rank, later)
            for rank, later in combinations(range(len(question["steps"])), 2)
            if any(
                None not in (way.reached[rank], way.reached[later])
                for way in ways.values()
            )
        ]
        if not pairs:
            return {}
        # before they are looked up: of many deals and steps there are millions
        if len(pairs) * len(ways) > MOST_PLACES or len(pairs) > MOST_DURATIONS:
            return super()._count_days_between(question, deals)
        places = {
            (rank, later): {
                path: [(way.reached[rank], way.reached[later])]
                for path, way in ways.items()
                if None not in (way.reached[rank], way.reached[later])
            }
            for rank, later in pairs
        }
        with self._more_memory():
            [(_group, *durations)] = self.env.execute_query(
                self._durations_query(
                    source, ways, [places[pair] for pair in pairs], is_grouped=False
                )
            )
        return dict(zip(pairs, durations, strict=True))

    def _durations_query(self, source, ways, durations, is_grouped):
        """:param durations: list of ``{path: [(begin, end), …]}``, places in the
            offsets
        :param bool is_grouped: whether there is more than the group ``None``
        :return: select of ``grp`` and, for each duration, what ``figures.duration``
            takes
        :rtype: :class:`odoo.tools.SQL`
        """
        columns = [SQL.identifier(f"duration_{n}") for n in range(len(durations))]
        rows = [
            SQL(
                "(%s, %s)",
                path,
                SQL(", ").join(
                    self._places_values(duration.get(path, ()))
                    for duration in durations
                ),
            )
            for path in ways
        ]
        aliases = [
            SQL.identifier(f"{name}_{n}")
            for n in range(len(durations))
            for name in ("begin", "end", "more")
        ]
        return SQL(
            """
            SELECT %(group)s, %(figures)s
              FROM (
                SELECT deal.grp, %(durations)s
                  FROM (
                    -- the offsets are unpacked once
                    SELECT grp, path, offsets || '{}' AS offsets FROM (%(source)s) deal
                    OFFSET 0
                  ) deal
                  JOIN (VALUES %(rows)s) AS way (path, %(aliases)s)
                    ON way.path = deal.path
                OFFSET 0
              ) life
              %(group_by)s
            """,
            group=SQL("grp") if is_grouped else SQL("NULL"),
            # one group is known without sorting
            group_by=SQL("GROUP BY grp") if is_grouped else SQL(),
            figures=SQL(", ").join(map(self._duration_sql, columns)),
            durations=SQL(", ").join(
                SQL(
                    "(%s) / %s::float8 AS %s",
                    self._seconds_sql(n, any(len(p) > 1 for p in duration.values())),
                    SECONDS_OF_A_DAY,
                    column,
                )
                for n, (duration, column) in enumerate(
                    zip(durations, columns, strict=True)
                )
            ),
            source=source,
            rows=SQL(", ").join(rows),
            aliases=SQL(", ").join(aliases),
        )

    def _places_values(self, places):
        """The places of a duration as ``begin``, ``end`` and ``more``, counted from 1
        as arrays are: where the rest of several times begins that are added up."""
        if not places:
            return SQL("NULL::int, NULL::int, NULL::int[]")
        (begin, end), *more = places
        return SQL(
            "%s, %s, %s::int[]",
            begin + 1,
            end + 1,
            [place + 1 for place, _end in more] or None,
        )

    def _seconds_sql(self, number, has_more):
        """The seconds of a duration, see :meth:`_places_values`."""
        names = {
            name: SQL.identifier("way", f"{name}_{number}")
            for name in ("begin", "end", "more")
        }
        seconds = SQL("deal.offsets[%(end)s] - deal.offsets[%(begin)s]", **names)
        if not has_more:
            return seconds
        return SQL(
            """%(seconds)s + CASE WHEN %(more)s IS NULL THEN 0 ELSE (
                SELECT SUM(deal.offsets[place + 1] - deal.offsets[place])
                  FROM UNNEST(%(more)s) place
            ) END""",
            seconds=seconds,
            **names,
        )

    # ------------------------------------------------------------
    # LIVES
    # ------------------------------------------------------------

    def _add_lives(self, question, source, result):
        """Add to ``result`` the lives of the deals, for each of its groups.

        Between two moments at which an undecided deal was last seen, what is expected
        depends only on how many were won and lost, not on when: all of these are one
        row. So is all that lies behind the horizon.
        """
        horizon = question.get("horizon_days")
        if horizon is None:
            return
        rows = self.env.execute_query(
            SQL(
                """
                WITH life AS (
                    SELECT grp, outcome, seconds,
                           seconds / %(day)s::float8 <= %(horizon)s AS is_near
                      FROM (
                        SELECT grp, outcome,
                               CASE WHEN outcome IN %(ended)s
                                    -- the end is the last thing that happened
                                    THEN offsets[CARDINALITY(offsets)]
                                    ELSE EXTRACT(EPOCH FROM %(as_of)s - start)::bigint
                               END AS seconds
                          FROM (%(source)s) deal
                      ) deal
                ),
                seen AS (
                    SELECT grp, ARRAY_AGG(DISTINCT seconds ORDER BY seconds) AS moments
                      FROM life
                     WHERE is_near AND outcome NOT IN %(ended)s
                  GROUP BY grp
                )
                SELECT grp,
                       CASE WHEN place IS NULL THEN %(horizon)s::float8 + 1
                            ELSE COALESCE(
                                MAX(seconds) FILTER (WHERE outcome NOT IN %(ended)s)
                                / %(day)s::float8,
                                %(horizon)s
                            ) END,
                       COUNT(*) FILTER (WHERE outcome = 'won'),
                       COUNT(*) FILTER (WHERE outcome = 'lost'),
                       COUNT(*) FILTER (WHERE outcome NOT IN %(ended)s)
                  FROM (
                    SELECT life.grp, life.outcome, life.seconds,
                           CASE WHEN NOT life.is_near THEN NULL
                                WHEN seen.moments IS NULL THEN 0
                                ELSE WIDTH_BUCKET(life.seconds - 1, seen.moments)
                           END AS place
                      FROM life
                 -- as arrays, since there may be a group without a value
                 LEFT JOIN seen ON ARRAY[seen.grp] = ARRAY[life.grp]
                    -- the long arrays go no further
                    OFFSET 0
                  ) life
              GROUP BY grp, place
                """,
                day=SECONDS_OF_A_DAY,
                horizon=horizon,
                as_of=question["as_of"],
                ended=ENDED,
                source=source,
            )
        )
        for group, *life in rows:
            result[group]["lives"].append(life)

    # ------------------------------------------------------------
    # THE DEALS OF A QUESTION
    # ------------------------------------------------------------

    def _summary_source(self, question, deals, groups=None, outcomes=ENDED):
        """The summary of the deals of a question, as it was at ``as_of``.

        :param SQL deals, groups: see :meth:`_count_cohort`; without deals, all
        :param tuple outcomes: of the lens *closed*, how the deals have ended
        :return: select of ``id``, ``grp``, ``start``, ``outcome``, ``ended_at``, ``path``,
            ``offsets``, ``amount``, ``lost_reason_id``, ``is_inferred``
        :rtype: :class:`odoo.tools.SQL`
        """
        summary = self.env["crm.lead.stage.summary"]
        # the summary is read behind the back of the deals
        self.env["crm.lead"].flush_model([*COPIED_FIELDS, "stage_id", "active"])
        asked = self._asked_in_summary(question, deals)
        if question["lens"] == "closed":
            period = SQL(
                """deal.outcome IN %s AND deal.ended_at >= %s
                   AND deal.ended_at < %s AND deal.ended_at <= %s""",
                outcomes,
                question["start"],
                question["end"],
                question["as_of"],
            )
            may_be_in_period = SQL("deal.start <= %s", question["as_of"])
        else:
            period = may_be_in_period = SQL(
                "deal.start >= %s AND deal.start < %s AND deal.start <= %s",
                question["start"],
                question["end"],
                question["as_of"],
            )
        changed = SQL(
            """
            SELECT deal.id FROM crm_lead_stage_summary deal
             WHERE deal.changed_at > %s AND %s AND %s
            """,
            question["as_of"],
            may_be_in_period,
            asked,
        )
        sources = [
            self._select_deals(
                question,
                groups,
                SQL("crm_lead_stage_summary"),
                SQL(
                    "deal.changed_at <= %s AND %s AND %s",
                    question["as_of"],
                    period,
                    asked,
                ),
            )
        ]
        if self.env.execute_query(SQL("%s LIMIT 1", changed)):
            then = summary._summary_query(self._stays_then_query(question, changed))
            told = SQL(", ").join(
                SQL.identifier("told", column) for column in summary._summary_columns()
            )
            copied = SQL(", ").join(
                SQL.identifier("kept", fname) for fname in COPIED_FIELDS
            )
            then = SQL(
                """(SELECT %s, %s FROM (%s) told
                      JOIN crm_lead_stage_summary kept ON kept.id = told.id)""",
                told,
                copied,
                then,
            )
            sources.append(self._select_deals(question, groups, then, period))
        return SQL(" UNION ALL ").join(sources)

    def _stays_then_query(self, question, lead_ids):
        """The stays of deals as they were at ``as_of``.

        :param SQL lead_ids: select of ids of ``crm.lead``
        """
        return SQL(
            """
            SELECT id, lead_id, stage_ref, stage_is_won, date_entered, origin,
                   expected_revenue, currency_id,
                   CASE WHEN is_over THEN date_exited END AS date_exited,
                   CASE WHEN is_over THEN exit_kind END AS exit_kind,
                   CASE WHEN is_over THEN lost_reason_id END AS lost_reason_id
              FROM (
                SELECT *, date_exited <= %(as_of)s AS is_over
                  FROM crm_lead_stage_history
                 WHERE lead_id IN (%(lead_ids)s) AND date_entered <= %(as_of)s
              ) stay
            """,
            as_of=question["as_of"],
            lead_ids=lead_ids,
        )

    def _select_deals(self, question, groups, summary, where):
        """:return: select of what :meth:`_summary_source` returns

        :param SQL summary: table
        """
        group, join_groups = SQL("NULL::int"), SQL()
        if groups is not None and question["groupby"] in COPIED_FIELDS:
            group = SQL.identifier("deal", question["groupby"])
        elif groups is not None:
            group = SQL("member.grp")
            join_groups = SQL("JOIN (%s) member ON member.lead_id = deal.id", groups)
        # the name under which the money of a stay is known to `_amount_sql`
        stay = SQL()
        amount = SQL("deal.expected_revenue")
        if self._needs_conversion(question["currency"]):
            amount = self._amount_sql(question["currency"])
            stay = SQL(
                """
                CROSS JOIN LATERAL (
                    SELECT deal.expected_revenue, deal.currency_id,
                           deal.start + INTERVAL '1 second' * deal.offsets[
                               CARDINALITY(deal.offsets)
                               - (deal.path ~ '[lhm]$')::int
                           ] AS date_entered
                ) stay %s
                """,
                self._amount_join(question["currency"]),
            )
        return SQL(
            """
            SELECT deal.id, %(group)s AS grp, deal.start, deal.outcome, deal.ended_at,
                   deal.path, deal.offsets, COALESCE(%(amount)s, 0) AS amount,
                   deal.lost_reason_id, deal.is_inferred
              FROM %(summary)s deal %(join_groups)s %(stay)s
             -- a deal that went up in another one counts there
             WHERE %(where)s AND deal.outcome <> 'merged'
            """,
            group=group,
            amount=amount,
            summary=summary,
            join_groups=join_groups,
            stay=stay,
            where=where,
        )

    def _asked_in_summary(self, question, deals):
        """Which deals are asked for, as a condition on the summary ``deal``.

        Where the copies in the summary are all that the domain and the record rules
        look at, no other table is needed.
        """
        if deals is None:
            return SQL("TRUE")
        asked = question.get("domain")
        if asked is None or not self._is_known_to_summary(asked):
            return SQL("deal.id IN %s", deals)
        rules = (
            Domain.TRUE
            if self.env.su
            else self.env["ir.rule"]._compute_domain("crm.lead", "read")
        )
        if not self._is_known_to_summary(rules):
            return SQL("deal.id IN %s", deals)
        summary = self.env["crm.lead.stage.summary"].with_context(active_test=False)
        query = Query(self.env, "deal", SQL.identifier(summary._table))
        alone = query.from_clause
        # sudo: as in Odoo itself, what a record rule looks at needs no right
        for domain, model in ((asked, summary), (rules, summary.sudo())):
            query.add_where(domain.optimize_full(model)._to_sql(model, "deal", query))
        if query.from_clause != alone:
            # it looks at the teams, users or companies themselves
            return SQL("deal.id IN %s", query.subselect())
        return query.where_clause

    def _is_known_to_summary(self, domain):
        """Whether a domain of ``crm.lead`` means the same for the summary."""
        if isinstance(domain, DomainCondition):
            return domain.field_expr.partition(".")[0] in COPIED_FIELDS
        if isinstance(domain, DomainNot):
            return self._is_known_to_summary(domain.child)
        if isinstance(domain, DomainNary):
            return all(map(self._is_known_to_summary, domain.children))
        return isinstance(domain, DomainBool)

    # ------------------------------------------------------------
    # OTHER FIGURES
    # ------------------------------------------------------------

    @api.model
    def _deals_query(self, question, step=None, what=None, owner_id=None, **details):
        if (
            question["lens"] not in ("cohort", "closed")
            or owner_id is not None
            or not details.keys() <= {"lost_reason_id", "later_step"}
            or not self._can_use_summary(question)
        ):
            return super()._deals_query(question, step, what, owner_id, **details)
        ranks = self._ranks_of(question, step, details.get("later_step"))
        if ranks is None:
            return NO_IDS
        rank, later = ranks
        source = self._summary_source(question, None)
        paths = self.env.execute_query(
            SQL("SELECT DISTINCT path FROM (%s) deal", source)
        )
        ways = self._read_paths(question, {path for (path,) in paths})
        found = [
            path
            for path, way in ways.items()
            if self._is_behind(way, rank, what)
            and (later is None or way.reached[later] is not None)
        ]
        reason = SQL("TRUE")
        if details.get("lost_reason_id") is not None:
            reason = SQL(
                "lost_reason_id IS NOT DISTINCT FROM %s::int",
                details["lost_reason_id"] or None,
            )
        return SQL(
            "(SELECT id FROM (%s) deal WHERE path = ANY(%s) AND %s)",
            source,
            found,
            reason,
        )

    def _is_behind(self, way, rank, what):
        """Whether the deals that went a way are behind a figure.

        :param int rank: the position of a step, or ``None`` for the whole funnel
        :param str what: see :meth:`_deals_query`
        """
        if rank is not None and way.reached[rank] is None:
            return False
        if what is None:
            return True
        if what == "skipped" and rank is not None:
            return not way.visited[rank]
        return way.outcome == what and (rank is None or way.furthest == rank)

    @api.model
    def _count_cycle_p90(self, question, deals):
        won = {
            **question,
            "lens": "closed",
            "start": question["as_of"] - relativedelta(years=YEARS_TO_LEARN_FROM),
            "end": question["as_of"] + timedelta(seconds=1),
        }
        [(p90,)] = self.env.execute_query(
            SQL(
                """
                SELECT PERCENTILE_CONT(0.9) WITHIN GROUP (
                           -- a win is the last thing that happened
                           ORDER BY offsets[CARDINALITY(offsets)] / %s::float8
                       )
                  FROM (%s) deal
                """,
                SECONDS_OF_A_DAY,
                self._summary_source(won, deals, outcomes=("won",)),
            )
        )
        return p90

    @api.model
    def _count_history_since(self):
        [(since,)] = self.env.execute_query(
            SQL("SELECT MIN(start) FROM crm_lead_stage_summary")
        )
        return since


class _Counter:
    """Adds up the paths of one group."""

    def __init__(self):
        self.deals = defaultdict(int, size=0, amount=Decimal(), won_amount=Decimal())
        self.steps = defaultdict(lambda: defaultdict(int))
        self.lost_reasons = defaultdict(lambda: defaultdict(lambda: [0, Decimal()]))
        self.youngest = None
        self.example = None

    def add(self, way, lost_reason_id, count, amount, inferred, youngest, example):
        """Add ``count`` deals that went one way."""
        self.example = example
        amount = Decimal(amount)
        self.deals["size"] += count
        self.deals["amount"] += amount
        self.deals["inferred"] += inferred
        self.deals[way.outcome] += count
        if way.outcome == "won":
            self.deals["won_amount"] += amount
        self.youngest = max(self.youngest or youngest, youngest)
        for rank, reached in enumerate(way.reached):
            if reached is None:
                continue
            step = self.steps[rank]
            step["count"] += count
            step["amount"] += amount
            if not way.visited[rank]:
                step["skipped"] += count
            if way.outcome == "won":
                step["won_in_the_end"] += count
        # what became of the deal belongs to its furthest step
        if way.furthest is not None:
            step = self.steps[way.furthest]
            step[way.outcome] += count
            if way.outcome == "lost":
                step["lost_amount"] += amount
                reason = self.lost_reasons[way.furthest][lost_reason_id]
                reason[0] += count
                reason[1] += amount

    def as_counts(self, as_of):
        """:return: what ``figures.cohort_series`` takes"""
        youngest_days = (as_of - self.youngest).total_seconds() / SECONDS_OF_A_DAY
        return {
            "deals": {**_as_numbers(self.deals), "youngest_days": youngest_days},
            # the id of one of them
            "example": self.example,
            "steps": {rank: _as_numbers(step) for rank, step in self.steps.items()},
            "lost_reasons": {
                rank: [
                    {"id": reason_id, "count": count, "amount": float(amount)}
                    for reason_id, (count, amount) in sorted(
                        reasons.items(),
                        key=lambda item: (-item[1][0], item[0] is None, item[0] or 0),
                    )
                ]
                for rank, reasons in self.lost_reasons.items()
            },
            "lives": [],
        }


def _as_numbers(counted):
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in counted.items()
    }
