from collections import defaultdict
from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

SECONDS_OF_A_DAY = 86400


class CrmFunnelCount(models.AbstractModel):
    """Counts the deals of a funnel: one composed query over the stage history.

    A *question* is a dictionary:

    - ``steps``: the steps, see ``crm.funnel._get_steps``
    - ``start``, ``end``: naive UTC datetimes, the deals started in [start, end)
    - ``as_of``: naive UTC datetime, what happened later is not known yet
    - ``window_days``: days after its start for which a deal is looked at, or
      ``None``
    - ``currency``: ``res.currency`` in which money is counted
    """

    _name = "crm.funnel.count"
    _description = "Sales Funnel Count"

    # ------------------------------------------------------------
    # COUNTS
    # ------------------------------------------------------------

    @api.model
    def _count_cohort(self, question, deals, groups=None, owner_of_step=False):
        """Count how far the deals of a cohort got, by the rule *beyond*.

        :param dict question: see the class
        :param SQL deals: subselect of the ids of the deals asked for
        :param SQL groups: subselect of ``(lead_id, grp)``, a row for each group
            a deal belongs to; without it there is one group, ``None``
        :param bool owner_of_step: group by the salesperson at the time of each
            step instead: the start for what came in, the end for what came of it
        :return: ``{group: counts}``, the counts as ``figures.cohort_series`` has
            them, plus ``inferred`` (deals whose history is partly inferred)
            among those of ``deals``
        """
        self.env["crm.lead"].flush_model(["stage_id", "active"])
        rows = self.env.execute_query(
            self._cohort_query(question, deals, groups, owner_of_step)
        )
        result = defaultdict(
            lambda: {"deals": {}, "steps": {}, "lost_reasons": {}, "lives": []}
        )
        for part, group, rank, payload in rows:
            counts = result[group]
            if part == "lost_reasons":
                counts[part].setdefault(rank, []).extend(payload)
            elif rank is not None:
                counts[part][rank] = payload
            elif payload is not None:
                counts[part] = payload
        return dict(result)

    def _cohort_query(self, question, deals, groups, owner_of_step):
        """:rtype: :class:`odoo.tools.SQL`, see :meth:`_count_cohort`"""
        if owner_of_step:
            joined = SQL()
            of_start, of_step, of_end = (
                SQL("fact.start_user_id"),
                SQL("step.user_id"),
                SQL("fact.end_user_id"),
            )
        elif groups is not None:
            joined = SQL("JOIN member USING (lead_id)")
            of_start = of_step = of_end = SQL("member.grp")
        else:
            joined = SQL()
            of_start = of_step = of_end = SQL("NULL::int")
        return SQL(
            """
            WITH %(fact)s,
            member AS (%(groups)s),
            step AS (
                SELECT fact.lead_id, fact.amount, fact.lost_reason_id, step.*,
                       -- what became of the deal belongs to its furthest step
                       CASE WHEN step.rank = fact.furthest THEN fact.outcome END
                           AS outcome
                  FROM fact
            CROSS JOIN LATERAL (VALUES %(step_values)s)
                    AS step (rank, reached_at, next_at, visited, days, user_id)
                 WHERE step.reached_at IS NOT NULL
            )
            SELECT 'deals', part.grp, NULL::int, TO_JSONB(part) - 'grp'
              FROM (
                SELECT happened.grp,
                       SUM(happened.size) AS size,
                       SUM(happened.amount * happened.size) AS amount,
                       COUNT(*) FILTER (WHERE happened.outcome = 'won') AS won,
                       COUNT(*) FILTER (WHERE happened.outcome = 'lost') AS lost,
                       COUNT(*) FILTER (WHERE happened.outcome = 'open') AS open,
                       COUNT(*) FILTER (WHERE happened.outcome = 'on_hold') AS on_hold,
                       SUM(happened.amount) FILTER (WHERE happened.outcome = 'won')
                           AS won_amount,
                       SUM(happened.inferred) AS inferred,
                       MIN(happened.age_days) AS youngest_days,
                       %(cycle_days)s AS cycle_days
                  FROM (
                    SELECT %(of_start)s AS grp, 1 AS size, fact.amount,
                           NULL AS outcome, fact.inferred::int AS inferred,
                           fact.age_days, NULL AS cycle_days
                      FROM fact %(joined)s
                 UNION ALL
                    SELECT %(of_end)s, 0, fact.amount, fact.outcome, 0, NULL,
                           CASE WHEN fact.outcome = 'won' THEN fact.life_days END
                      FROM fact %(joined)s
                  ) happened
              GROUP BY happened.grp
              ) part
         UNION ALL
            SELECT 'steps', part.grp, part.rank, TO_JSONB(part) - 'grp'
              FROM (
                SELECT %(of_step)s AS grp,
                       step.rank,
                       COUNT(*) AS count,
                       SUM(step.amount) AS amount,
                       COUNT(*) FILTER (WHERE NOT step.visited) AS skipped,
                       COUNT(*) FILTER (WHERE step.outcome = 'lost') AS lost,
                       SUM(step.amount) FILTER (WHERE step.outcome = 'lost')
                           AS lost_amount,
                       COUNT(*) FILTER (WHERE step.outcome = 'open') AS open,
                       COUNT(*) FILTER (WHERE step.outcome = 'on_hold') AS on_hold,
                       COUNT(*) FILTER (WHERE step.outcome = 'won') AS won,
                       %(days_to_next)s AS days_to_next,
                       %(days_in_step)s AS days_in_step
                  FROM step %(joined)s
              GROUP BY %(of_step)s, step.rank
              ) part
         UNION ALL
            SELECT 'lost_reasons', part.grp, part.rank,
                   JSONB_AGG(
                       JSONB_BUILD_OBJECT(
                           'id', part.lost_reason_id, 'count', part.count,
                           'amount', part.amount
                       ) ORDER BY part.count DESC, part.lost_reason_id
                   )
              FROM (
                SELECT %(of_step)s AS grp, step.rank, step.lost_reason_id,
                       COUNT(*) AS count, SUM(step.amount) AS amount
                  FROM step %(joined)s
                 WHERE step.outcome = 'lost'
              GROUP BY %(of_step)s, step.rank, step.lost_reason_id
              ) part
          GROUP BY part.grp, part.rank
         UNION ALL
            SELECT 'lives', part.grp, NULL,
                   JSONB_AGG(
                       JSONB_BUILD_ARRAY(
                           part.life_days, part.won, part.lost, part.undecided
                       )
                   )
              FROM (
                SELECT %(of_end)s AS grp, fact.life_days,
                       COUNT(*) FILTER (WHERE fact.outcome = 'won') AS won,
                       COUNT(*) FILTER (WHERE fact.outcome = 'lost') AS lost,
                       COUNT(*) FILTER (WHERE fact.outcome IN ('open', 'on_hold'))
                           AS undecided
                  FROM fact %(joined)s
              GROUP BY %(of_end)s, fact.life_days
              ) part
          GROUP BY part.grp
            """,
            fact=self._fact_query(question, deals, with_owner=owner_of_step),
            groups=SQL("SELECT NULL AS lead_id, NULL AS grp")
            if groups is None
            else groups,
            joined=joined,
            of_start=of_start,
            of_step=of_step,
            of_end=of_end,
            step_values=self._step_values(len(question["steps"]), owner_of_step),
            cycle_days=self._duration_sql(SQL("happened.cycle_days")),
            days_to_next=self._duration_sql(
                self._days_sql(SQL("step.next_at - step.reached_at"))
            ),
            days_in_step=self._duration_sql(SQL("step.days")),
        )

    # ------------------------------------------------------------
    # FACTS: one row for each deal of the cohort
    # ------------------------------------------------------------

    def _fact_query(self, question, deals, with_owner=False):
        """What is known of each deal of a cohort, as common table expressions of
        which the last is ``fact``: ``lead_id``, ``start``, ``outcome`` (``won``,
        ``lost``, ``open``, ``on_hold``), ``life_days`` (to the end, or as long
        as it was seen), ``amount``, ``furthest`` (position of the furthest
        step), and for each step ``reached_<n>``, ``visited_<n>``, ``days_<n>``;
        if ``with_owner``, also ``start_user_id``, ``end_user_id`` and, for each
        step, ``user_id_<n>``.

        :rtype: :class:`odoo.tools.SQL`
        """
        steps = question["steps"]
        refs = [
            (ref, rank) for rank, step in enumerate(steps) for ref in step["stage_refs"]
        ]
        # a funnel without steps is counted all the same
        refs = refs or [(None, None)]
        columns = []
        for rank in range(len(steps)):
            names = {
                "rank": rank,
                "reached": SQL.identifier(f"reached_{rank}"),
                "visited": SQL.identifier(f"visited_{rank}"),
                "days": SQL.identifier(f"days_{rank}"),
                "user": SQL.identifier(f"user_id_{rank}"),
                "stay_days": self._days_sql(
                    SQL("stay.date_exited - stay.date_entered")
                ),
            }
            columns.append(
                SQL(
                    """,
                    MIN(stay.date_entered) FILTER (WHERE stay.rank >= %(rank)s)
                        AS %(reached)s,
                    BOOL_OR(stay.rank = %(rank)s) AS %(visited)s,
                    SUM(%(stay_days)s) FILTER (
                        WHERE stay.rank = %(rank)s AND stay.date_exited <= stay.seen_to
                    ) AS %(days)s
                    """,
                    **names,
                )
            )
            if with_owner:
                columns.append(
                    SQL(
                        """,
                        (ARRAY_AGG(stay.user_id ORDER BY stay.date_entered, stay.id)
                            FILTER (WHERE stay.rank >= %(rank)s))[1] AS %(user)s
                        """,
                        **names,
                    )
                )
        if with_owner:
            columns.append(
                SQL(
                    """,
                    (ARRAY_AGG(stay.user_id ORDER BY stay.date_entered, stay.id))[1]
                        AS start_user_id
                    """
                )
            )
        window_days = question["window_days"]
        seen_to = (
            SQL("%s::timestamp", question["as_of"])
            if window_days is None
            else SQL(
                "LEAST(%s::timestamp, cohort.start + %s)",
                question["as_of"],
                timedelta(days=window_days),
            )
        )
        return SQL(
            """
            cohort AS (
                SELECT lead_id, MIN(date_entered) AS start
                  FROM crm_lead_stage_history
                 WHERE lead_id IN %(deals)s
              GROUP BY lead_id
                HAVING MIN(date_entered) >= %(start)s
                   AND MIN(date_entered) < %(end)s
                   AND MIN(date_entered) <= %(as_of)s
            ),
            stay AS (
                SELECT history.id, history.lead_id, history.date_entered,
                       history.date_exited, history.exit_kind, history.stage_is_won,
                       history.user_id, history.lost_reason_id, history.currency_id,
                       history.expected_revenue, history.origin,
                       cohort.start, step.rank, %(seen_to)s AS seen_to
                  FROM cohort
                  JOIN crm_lead_stage_history history USING (lead_id)
             LEFT JOIN (VALUES %(refs)s) AS step (stage_ref, rank)
                    ON step.stage_ref = history.stage_ref
                 WHERE history.date_entered <= %(seen_to)s
            ),
            last_stay AS (
                SELECT DISTINCT ON (stay.lead_id)
                       stay.lead_id, stay.user_id AS end_user_id,
                       stay.seen_to,
                       %(amount)s AS amount,
                       CASE
                           WHEN stay.date_exited <= stay.seen_to
                                AND stay.exit_kind IN ('lost', 'on_hold', 'merged')
                               THEN stay.exit_kind
                           WHEN stay.stage_is_won THEN 'won'
                           ELSE 'open'
                       END AS outcome,
                       CASE
                           WHEN stay.date_exited <= stay.seen_to
                                AND stay.exit_kind = 'lost' THEN stay.date_exited
                           WHEN stay.date_exited <= stay.seen_to
                                AND stay.exit_kind = 'on_hold' THEN stay.seen_to
                           WHEN stay.stage_is_won THEN stay.date_entered
                           ELSE stay.seen_to
                       END AS ended_at,
                       CASE
                           WHEN stay.date_exited <= stay.seen_to
                               THEN stay.lost_reason_id
                       END AS lost_reason_id
                  FROM stay
                       %(amount_join)s
              ORDER BY stay.lead_id, stay.date_entered DESC, stay.id DESC
            ),
            way AS (
                SELECT stay.lead_id, MIN(stay.start) AS start,
                       MAX(stay.rank) AS furthest,
                       BOOL_OR(stay.origin = 'inferred') AS inferred
                       %(columns)s
                  FROM stay
              GROUP BY stay.lead_id
            ),
            fact AS MATERIALIZED (
                SELECT way.*, last_stay.end_user_id, last_stay.outcome,
                       last_stay.lost_reason_id,
                       COALESCE(last_stay.amount, 0) AS amount,
                       %(life_days)s AS life_days,
                       %(age_days)s AS age_days
                  FROM way
                  JOIN last_stay USING (lead_id)
                 -- a deal that went up in another one counts there
                 WHERE last_stay.outcome <> 'merged'
            )
            """,
            deals=deals,
            start=question["start"],
            end=question["end"],
            as_of=question["as_of"],
            seen_to=seen_to,
            refs=SQL(", ").join(SQL("(%s::int, %s::int)", *ref) for ref in refs),
            columns=SQL().join(columns),
            amount=self._amount_sql(question["currency"]),
            amount_join=self._amount_join(question["currency"]),
            life_days=self._days_sql(SQL("last_stay.ended_at - way.start")),
            age_days=self._days_sql(
                SQL("%s::timestamp - way.start", question["as_of"])
            ),
        )

    def _step_values(self, size, with_owner):
        """The rows of all steps in the facts of a deal, see
        :meth:`_cohort_query`."""
        rows = []
        for rank in range(size):
            last = rank + 1 == size
            rows.append(
                SQL(
                    "(%s, %s, %s, %s, %s, %s)",
                    rank,
                    SQL.identifier("fact", f"reached_{rank}"),
                    SQL("NULL::timestamp")
                    if last
                    else SQL.identifier("fact", f"reached_{rank + 1}"),
                    SQL.identifier("fact", f"visited_{rank}"),
                    SQL.identifier("fact", f"days_{rank}"),
                    SQL.identifier("fact", f"user_id_{rank}")
                    if with_owner
                    else SQL("NULL::int"),
                )
            )
        return SQL(", ").join(
            rows or [SQL("(0, NULL::timestamp, NULL::timestamp, FALSE, 0, 0)")]
        )

    @api.model
    def _reached_query(self, question, step_key, owner_id=None):
        """The deals that reached a step, whoever asks.

        :param dict question: see the class
        :param str step_key: key of one of the question's steps
        :param int owner_id: only those that reached it with this salesperson
            (``False``: with nobody)
        :rtype: :class:`odoo.tools.SQL`, a subselect of ids of ``crm.lead``
        """
        ranks = {step["key"]: rank for rank, step in enumerate(question["steps"])}
        if step_key not in ranks:
            return SQL("(SELECT NULL::int WHERE FALSE)")
        rank = ranks[step_key]
        owned = SQL()
        if owner_id is not None:
            owned = SQL(
                "AND fact.%s IS NOT DISTINCT FROM %s::int",
                SQL.identifier(f"user_id_{rank}"),
                owner_id or None,
            )
        return SQL(
            "(WITH %(fact)s SELECT lead_id FROM fact WHERE fact.%(reached)s IS NOT NULL %(owned)s)",
            fact=self._fact_query(
                question,
                # who came in then was somewhere then; the rest needs no look
                SQL(
                    """(SELECT lead_id FROM crm_lead_stage_history
                         WHERE date_entered >= %s AND date_entered < %s)""",
                    question["start"],
                    question["end"],
                ),
                with_owner=owner_id is not None,
            ),
            reached=SQL.identifier(f"reached_{rank}"),
            owned=owned,
        )

    @api.model
    def _count_cycle_p90(self, question, deals):
        """The 90th percentile of the days from start to win, over the deals won
        in the two years before ``as_of``.

        :return: float, days; ``None`` when none was won
        """
        cycle = self._days_sql(SQL("won.date_entered - cohort.start"))
        [(p90,)] = self.env.execute_query(
            SQL(
                """
                SELECT PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY %(cycle)s)
                  FROM crm_lead_stage_history won
            CROSS JOIN LATERAL (
                       SELECT MIN(first.date_entered) AS start
                         FROM crm_lead_stage_history first
                        WHERE first.lead_id = won.lead_id
                       ) cohort
                 WHERE won.stage_is_won
                   AND won.lead_id IN %(deals)s
                   AND won.date_entered > %(as_of)s::timestamp - INTERVAL '2 years'
                   AND won.date_entered <= %(as_of)s
                   AND (won.date_exited IS NULL OR won.date_exited > %(as_of)s)
                """,
                cycle=cycle,
                deals=deals,
                as_of=question["as_of"],
            )
        )
        return p90

    @api.model
    def _count_history_since(self):
        """The moment of the first stay that is known.

        :return: naive UTC datetime, or ``None``
        """
        [(since,)] = self.env.execute_query(
            SQL("SELECT MIN(date_entered) FROM crm_lead_stage_history")
        )
        return since

    # ------------------------------------------------------------
    # PIECES
    # ------------------------------------------------------------

    def _days_sql(self, interval):
        """A time span as a number of 24-hour days."""
        return SQL(
            "(EXTRACT(EPOCH FROM (%s)) / %s)::float8", interval, SECONDS_OF_A_DAY
        )

    def _duration_sql(self, days):
        """What ``figures.duration`` takes, counted over ``days``."""
        return SQL(
            """JSONB_BUILD_OBJECT(
                'n', COUNT(%(days)s), 'mean', AVG(%(days)s),
                'percentiles', PERCENTILE_CONT(ARRAY[0.5, 0.8, 0.9])
                    WITHIN GROUP (ORDER BY %(days)s)
            )""",
            days=days,
        )

    def _needs_conversion(self, currency):
        """Whether money may have been kept in another currency than ``currency``."""
        # sudo: which currencies the companies have tells nothing of any deal
        used = self.env["res.company"].sudo()._read_group([], ["currency_id"])
        return any(kept != currency for (kept,) in used)

    def _amount_sql(self, currency):
        """The money of a stay in ``currency``, at the rate of the day it began."""
        if not self._needs_conversion(currency):
            return SQL("stay.expected_revenue")
        return SQL(
            """CASE WHEN stay.currency_id = %s THEN stay.expected_revenue
                    ELSE ROUND(
                        stay.expected_revenue / COALESCE(kept_rate.rate, 1)
                        * COALESCE(asked_rate.rate, 1), %s
                    ) END""",
            currency.id,
            currency.decimal_places,
        )

    def _amount_join(self, currency):
        """The rates that :meth:`_amount_sql` needs: as Odoo has it, the last one
        before the day, else the first one there is, of the company or of all.
        """
        if not self._needs_conversion(currency):
            return SQL()
        return SQL(" ").join(
            SQL(
                """LEFT JOIN LATERAL (
                    SELECT rate.rate FROM res_currency_rate rate
                     WHERE rate.currency_id = %(currency)s
                       AND (rate.company_id IS NULL OR rate.company_id = %(company)s)
                  ORDER BY rate.name <= stay.date_entered::date DESC,
                           rate.company_id,
                           CASE WHEN rate.name <= stay.date_entered::date
                                THEN rate.name END DESC NULLS LAST,
                           rate.name
                     LIMIT 1
                ) %(alias)s ON TRUE""",
                currency=wanted,
                company=self.env.company.root_id.id,
                alias=SQL.identifier(alias),
            )
            for alias, wanted in (
                ("kept_rate", SQL("stay.currency_id")),
                ("asked_rate", SQL("%s", currency.id)),
            )
        )
