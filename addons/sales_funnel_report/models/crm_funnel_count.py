from collections import defaultdict
from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

SECONDS_OF_A_DAY = 86400
# The group of the salespeople who are not told apart: no user has this id.
OTHER_OWNERS = 0
# A subselect that finds nothing.
NO_IDS = SQL("(SELECT NULL::int WHERE FALSE)")


class CrmFunnelCount(models.AbstractModel):
    """Counts the deals of a funnel: one composed query over the stage history.

    A *question* is a dictionary:

    - ``lens``: ``cohort``, ``closed``, ``flow`` or ``snapshot``
    - ``rule``: ``beyond``, ``visited`` or ``strict``
    - ``steps``: the steps, see ``crm.funnel._get_steps``
    - ``start``, ``end``: naive UTC datetimes, the period [start, end)
    - ``as_of``: naive UTC datetime, what happened later is not known yet
    - ``window_days``: days after its start for which a deal is looked at, or
      ``None``
    - ``currency``: ``res.currency`` in which money is counted
    - ``largest_owners``: ids of ``res.users``; of salespeople at the time of each step
      only these are told apart, all others are :data:`OTHER_OWNERS`. ``None``: all are
    """

    _name = "crm.funnel.count"
    _description = "Sales Funnel Count"

    # ------------------------------------------------------------
    # COUNTS
    # ------------------------------------------------------------

    @api.model
    def _count_cohort(self, question, deals, groups=None, owner_of_step=False):
        """Count how far the deals that came in or ended in the period got.

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
                self._owner_group_sql(question, SQL.identifier(*column))
                for column in (
                    ("fact", "start_user_id"),
                    ("step", "user_id"),
                    ("fact", "end_user_id"),
                )
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
                SELECT fact.lead_id, fact.lost_reason_id, step.*,
                       fact.amount AS deal_amount, fact.outcome AS deal_outcome,
                       -- what became of the deal belongs to its furthest step
                       CASE WHEN step.rank = fact.furthest THEN fact.outcome END
                           AS outcome
                  FROM fact
            CROSS JOIN LATERAL (VALUES %(step_values)s)
                    AS step (
                        rank, reached_at, next_at, visited, not_needed, days, user_id,
                        amount
                    )
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
                       COUNT(*) FILTER (WHERE NOT step.visited AND NOT step.not_needed)
                           AS skipped,
                       COUNT(*) FILTER (WHERE step.not_needed) AS not_needed,
                       COUNT(*) FILTER (WHERE step.outcome = 'lost') AS lost,
                       SUM(step.deal_amount) FILTER (WHERE step.outcome = 'lost')
                           AS lost_amount,
                       COUNT(*) FILTER (WHERE step.outcome = 'open') AS open,
                       COUNT(*) FILTER (WHERE step.outcome = 'on_hold') AS on_hold,
                       COUNT(*) FILTER (WHERE step.outcome = 'won') AS won,
                       COUNT(*) FILTER (WHERE step.deal_outcome = 'won')
                           AS won_in_the_end,
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
                       COUNT(*) AS count, SUM(step.deal_amount) AS amount
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
            step_values=self._step_values(question["steps"], owner_of_step),
            cycle_days=self._duration_sql(SQL("happened.cycle_days")),
            days_to_next=self._duration_sql(
                self._days_sql(SQL("step.next_at - step.reached_at"))
            ),
            days_in_step=self._duration_sql(SQL("step.days")),
        )

    # ------------------------------------------------------------
    # FACTS: one row for each deal
    # ------------------------------------------------------------

    def _fact_query(self, question, deals=None, with_owner=False):
        """What is known of each deal of the lens *cohort* or *closed*, as common
        table expressions of which the last is ``fact``: ``lead_id``, ``start``,
        ``outcome`` (``won``, ``lost``, ``open``, ``on_hold``), ``life_days`` (to
        the end, or as long as it was seen), ``amount``, ``furthest`` (position of
        the furthest step it counts in), and for each step ``reached_<n>``,
        ``visited_<n>``, ``days_<n>``, ``amount_<n>``; if ``with_owner``, also
        ``start_user_id``, ``end_user_id`` and, for each step, ``user_id_<n>``.

        :param SQL deals: subselect of the ids of the deals asked for, else all
        :rtype: :class:`odoo.tools.SQL`
        """
        ranks = range(len(question["steps"]))
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
        way_columns, fact_columns, fact_joins = self._rule_queries(
            question, ranks, with_owner
        )
        return SQL(
            """
            cohort AS (%(cohort)s),
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
            entry AS (
                SELECT lead_id, start, rank, date_entered AS moment, id, user_id,
                       CASE WHEN date_exited <= seen_to
                            THEN date_exited - date_entered END AS spent,
                       NULL::numeric AS amount, origin = 'inferred' AS inferred,
                       NULL::int AS rank_not_needed
                  FROM stay
                       %(other_entries)s
            ),
            way AS (
                SELECT entry.lead_id, MIN(entry.start) AS start,
                       BOOL_OR(entry.inferred) AS inferred
                       %(way_columns)s
                  FROM entry
              GROUP BY entry.lead_id
            ),
            fact AS MATERIALIZED (
                SELECT way.*, last_stay.end_user_id, last_stay.outcome,
                       last_stay.lost_reason_id,
                       COALESCE(last_stay.amount, 0) AS amount,
                       %(life_days)s AS life_days,
                       %(age_days)s AS age_days
                       %(fact_columns)s
                  FROM way
                  JOIN last_stay USING (lead_id)
                       %(fact_joins)s
                 -- a deal that went up in another one counts there
                 WHERE last_stay.outcome <> 'merged'
            )
            """,
            cohort=self._deals_of_lens_query(question, deals),
            seen_to=seen_to,
            refs=self._stage_values(question),
            other_entries=self._other_entries_query(question, seen_to, with_owner),
            way_columns=way_columns,
            fact_columns=fact_columns,
            fact_joins=fact_joins,
            amount=self._amount_sql(question["currency"]),
            amount_join=self._amount_join(question["currency"]),
            life_days=self._days_sql(SQL("last_stay.ended_at - way.start")),
            age_days=self._days_sql(
                SQL("%s::timestamp - way.start", question["as_of"])
            ),
        )

    def _deals_of_lens_query(self, question, deals):
        """The deals that the lens *cohort* or *closed* looks at, with their start.

        :param SQL deals: see :meth:`_fact_query`
        :rtype: :class:`odoo.tools.SQL`, rows of ``(lead_id, start)``
        """
        if question["lens"] == "closed":
            return SQL(
                """
                SELECT ending.lead_id, MIN(life.date_entered) AS start
                  FROM crm_lead_stage_history ending
                  JOIN crm_lead_stage_history life USING (lead_id)
                 WHERE %(asked)s
                   AND ((
                        ending.exit_kind = 'lost'
                        AND ending.date_exited >= %(start)s
                        AND ending.date_exited < %(end)s
                        AND ending.date_exited <= %(as_of)s
                   ) OR (
                        ending.stage_is_won
                        AND ending.date_entered >= %(start)s
                        AND ending.date_entered < %(end)s
                        AND ending.date_entered <= %(as_of)s
                        AND COALESCE(ending.date_exited > %(as_of)s, TRUE)
                   ))
                   AND NOT EXISTS (
                       SELECT FROM crm_lead_stage_history later
                        WHERE later.lead_id = ending.lead_id
                          AND (later.date_entered, later.id)
                              > (ending.date_entered, ending.id)
                          AND later.date_entered <= %(as_of)s
                   )
              GROUP BY ending.lead_id
                """,
                asked=SQL("TRUE") if deals is None else SQL("lead_id IN %s", deals),
                start=question["start"],
                end=question["end"],
                as_of=question["as_of"],
            )
        return SQL(
            """
            SELECT lead_id, MIN(date_entered) AS start
              FROM crm_lead_stage_history
             WHERE lead_id IN %(deals)s
          GROUP BY lead_id
            HAVING MIN(date_entered) >= %(start)s
               AND MIN(date_entered) < %(end)s
               AND MIN(date_entered) <= %(as_of)s
            """,
            # who came in then was somewhere then; the rest needs no look
            deals=SQL(
                """(SELECT lead_id FROM crm_lead_stage_history
                     WHERE date_entered >= %s AND date_entered < %s)""",
                question["start"],
                question["end"],
            )
            if deals is None
            else deals,
            start=question["start"],
            end=question["end"],
            as_of=question["as_of"],
        )

    def _rule_queries(self, question, ranks, with_owner):
        """When a deal reached each step, by the rule that is asked for.

        :return: the columns of ``way``, the columns of ``fact`` and its joins, see
            :meth:`_fact_query`
        """
        rule = question["rule"]
        columns_of_rule = {
            "beyond": self._first_entry_columns,
            "visited": self._first_entry_columns,
            "strict": self._entries_columns,
        }[rule]
        way_columns, fact_columns, fact_joins = [], [], []
        for rank in ranks:
            names = {
                "rank": rank,
                "counts_in": SQL(
                    "entry.rank >= %s" if rule == "beyond" else "entry.rank = %s", rank
                ),
                "spent_days": self._days_sql(SQL("entry.spent")),
                **{
                    name: SQL.identifier(f"{name}_{rank}")
                    for name in (
                        *("reached", "visited", "days", "amount", "user_id"),
                        *("moments", "users"),
                    )
                },
            }
            way_columns.append(columns_of_rule(names, with_owner))
            way_columns.append(
                SQL(
                    """,
                    SUM(%(spent_days)s) FILTER (WHERE entry.rank = %(rank)s) AS %(days)s,
                    MAX(entry.amount) FILTER (
                        WHERE %(rank)s IN (entry.rank, entry.rank_not_needed)
                    ) AS %(amount)s
                    """,
                    **names,
                )
            )
            if question["steps"][rank]["kind"] != "stage":
                way_columns.append(
                    SQL(
                        ", COALESCE(BOOL_OR(entry.rank_not_needed = %s), FALSE) AS %s",
                        rank,
                        SQL.identifier(f"not_needed_{rank}"),
                    )
                )
            if rule == "strict":
                fact_joins.append(self._strict_join(names))
                fact_columns.append(self._strict_columns(names, with_owner))
        if rule == "strict":
            fact_columns.append(self._strict_furthest(ranks))
        else:
            way_columns.append(SQL(", MAX(entry.rank) AS furthest"))
        if with_owner:
            way_columns.append(
                SQL(
                    """,
                    (ARRAY_AGG(entry.user_id ORDER BY entry.moment, entry.id))[1]
                        AS start_user_id
                    """
                )
            )
        return SQL().join(way_columns), SQL().join(fact_columns), SQL().join(fact_joins)

    def _first_entry_columns(self, names, with_owner):
        """A step is reached by the first entry that counts in it."""
        columns = SQL(
            """,
            MIN(entry.moment) FILTER (WHERE %(counts_in)s) AS %(reached)s,
            BOOL_OR(entry.rank = %(rank)s) AS %(visited)s
            """,
            **names,
        )
        if not with_owner:
            return columns
        return SQL(
            """%(columns)s,
            (ARRAY_AGG(entry.user_id ORDER BY entry.moment, entry.id)
                FILTER (WHERE %(counts_in)s))[1] AS %(user_id)s
            """,
            columns=columns,
            **names,
        )

    def _entries_columns(self, names, with_owner):
        """All entries of a step: which of them counts, the step before decides."""
        columns = SQL(
            """,
            ARRAY_AGG(entry.moment ORDER BY entry.moment, entry.id)
                FILTER (WHERE %(counts_in)s) AS %(moments)s
            """,
            **names,
        )
        if not with_owner:
            return columns
        return SQL(
            """%(columns)s,
            ARRAY_AGG(entry.user_id ORDER BY entry.moment, entry.id)
                FILTER (WHERE %(counts_in)s) AS %(users)s
            """,
            columns=columns,
            **names,
        )

    def _strict_join(self, names):
        """The first entry of a step when the one before had been reached."""
        rank = names["rank"]
        return SQL(
            """
            CROSS JOIN LATERAL (
                SELECT MIN(moment) AS reached
                  FROM UNNEST(way.%(moments)s) moment
                 WHERE %(after)s
            ) %(alias)s
            """,
            after=SQL("moment >= %s", SQL.identifier(f"strict_{rank - 1}", "reached"))
            if rank
            else SQL("TRUE"),
            alias=SQL.identifier(f"strict_{rank}"),
            moments=names["moments"],
        )

    def _strict_columns(self, names, with_owner):
        reached = SQL.identifier(f"strict_{names['rank']}", "reached")
        columns = SQL(
            ", %(at)s AS %(reached)s, %(at)s IS NOT NULL AS %(visited)s",
            at=reached,
            reached=names["reached"],
            visited=names["visited"],
        )
        if not with_owner:
            return columns
        return SQL(
            "%(columns)s, way.%(users)s[ARRAY_POSITION(way.%(moments)s, %(at)s)] AS %(user_id)s",
            columns=columns,
            at=reached,
            users=names["users"],
            moments=names["moments"],
            user_id=names["user_id"],
        )

    def _strict_furthest(self, ranks):
        reached = [
            SQL(
                "CASE WHEN %s IS NOT NULL THEN %s END",
                SQL.identifier(f"strict_{rank}", "reached"),
                rank,
            )
            for rank in ranks
        ]
        return SQL(
            ", GREATEST(%s) AS furthest", SQL(", ").join(reached or [SQL("NULL::int")])
        )

    def _stage_values(self, question):
        """The stages of the steps as rows of ``(stage_ref, rank)``."""
        refs = [
            (ref, rank)
            for rank, step in enumerate(question["steps"])
            for ref in step["stage_refs"]
        ]
        # a funnel without stages is counted all the same
        return SQL(", ").join(
            SQL("(%s::int, %s::int)", *ref) for ref in refs or [(None, None)]
        )

    def _other_entries_query(self, question, seen_to, with_owner):
        """The entries into steps that are no stages: a kind of step has its own
        method, ``_entries_of_<kind>``, which a module that adds a kind adds too.

        It takes the question and a list of ``(rank, step)``, and returns rows of
        ``(lead_id, rank, moment, amount, not_needed)`` as
        :class:`odoo.tools.SQL`: when each deal reached the step, the money of its
        own that the step shows, if any, and whether the step has no meaning for the
        deal.
        """
        by_kind = defaultdict(list)
        for rank, step in enumerate(question["steps"]):
            if step["kind"] != "stage":
                by_kind[step["kind"]].append((rank, step))
        owner = SQL("NULL::int")
        if with_owner:
            owner = SQL(
                """(
                    SELECT had.user_id FROM crm_lead_stage_history had
                     WHERE had.lead_id = entry.lead_id
                       AND had.date_entered <= entry.moment
                  ORDER BY had.date_entered DESC, had.id DESC
                     LIMIT 1
                )"""
            )
        return SQL().join(
            SQL(
                """
             UNION ALL
                SELECT cohort.lead_id, cohort.start,
                       CASE WHEN NOT entry.not_needed THEN entry.rank END,
                       entry.moment, NULL, %(owner)s, NULL, entry.amount, FALSE,
                       CASE WHEN entry.not_needed THEN entry.rank END
                  FROM cohort
                  JOIN (%(entries)s) entry USING (lead_id)
                 WHERE entry.not_needed OR entry.moment <= %(seen_to)s
                """,
                owner=owner,
                entries=getattr(self, f"_entries_of_{kind}")(question, steps),
                seen_to=seen_to,
            )
            for kind, steps in by_kind.items()
        )

    def _step_values(self, steps, with_owner):
        """The rows of all steps in the facts of a deal, see
        :meth:`_cohort_query`."""
        rows = []
        for rank, step in enumerate(steps):
            is_last = rank + 1 == len(steps)
            rows.append(
                SQL(
                    "(%s, %s, %s, %s, %s, %s, %s, %s)",
                    rank,
                    SQL.identifier("fact", f"reached_{rank}"),
                    SQL("NULL::timestamp")
                    if is_last
                    else SQL.identifier("fact", f"reached_{rank + 1}"),
                    SQL.identifier("fact", f"visited_{rank}"),
                    SQL("FALSE")
                    if step["kind"] == "stage"
                    else SQL.identifier("fact", f"not_needed_{rank}"),
                    SQL.identifier("fact", f"days_{rank}"),
                    SQL.identifier("fact", f"user_id_{rank}")
                    if with_owner
                    else SQL("NULL::int"),
                    SQL("COALESCE(%s, 0)", SQL.identifier("fact", f"amount_{rank}"))
                    if step.get("has_amount")
                    else SQL("fact.amount"),
                )
            )
        return SQL(", ").join(
            rows
            or [SQL("(0, NULL::timestamp, NULL::timestamp, FALSE, FALSE, 0, 0, 0)")]
        )

    @api.model
    def _deals_query(
        self,
        question,
        step=None,
        what=None,
        owner_id=None,
        lost_reason_id=None,
        later_step=None,
    ):
        """The deals behind one figure, whoever asks.

        :param dict question: see the class
        :param str step: key of one of the question's steps, else all deals
        :param str what: what became of them, the name of the figure; else all
        :param owner_id: only those that had this salesperson then (``False``: nobody;
            a list: somebody who is not in it)
        :param int lost_reason_id: only those lost for it (``False``: for none)
        :param str later_step: key of another step, only those that reached it, too
        :rtype: :class:`odoo.tools.SQL`, a subselect of ids of ``crm.lead``
        """
        ranks = self._ranks_of(question, step, later_step)
        if ranks is None:
            return NO_IDS
        rank, later = ranks
        conditions = []
        if later is not None:
            conditions.append(SQL("%s IS NOT NULL", SQL.identifier(f"reached_{later}")))
        owner = SQL("end_user_id" if what else "start_user_id")
        if rank is not None:
            owner = SQL.identifier(f"user_id_{rank}")
            conditions.append(SQL("%s IS NOT NULL", SQL.identifier(f"reached_{rank}")))
        if what in ("skipped", "not_needed") and rank is not None:
            conditions.append(self._missed_sql(question, rank, what))
        elif what:
            conditions.append(SQL("outcome = %s", what))
            if rank is not None:
                conditions.append(SQL("furthest = %s", rank))
        if lost_reason_id is not None:
            conditions.append(
                SQL(
                    "lost_reason_id IS NOT DISTINCT FROM %s::int",
                    lost_reason_id or None,
                )
            )
        if owner_id is not None:
            conditions.append(self._is_owner_sql(owner, owner_id))
        return SQL(
            "(WITH %s SELECT lead_id FROM fact WHERE %s)",
            self._fact_query(question, with_owner=owner_id is not None),
            SQL(" AND ").join(conditions or [SQL("TRUE")]),
        )

    def _missed_sql(self, question, rank, what):
        """Whether a deal that counts in a step never was there itself.

        :param str what: ``skipped``, or ``not_needed``: the step has no meaning
            for the deal
        """
        not_needed = (
            SQL("FALSE")
            if question["steps"][rank]["kind"] == "stage"
            else SQL.identifier(f"not_needed_{rank}")
        )
        if what == "not_needed":
            return not_needed
        visited = SQL.identifier(f"visited_{rank}")
        return SQL("NOT %s AND NOT %s", visited, not_needed)

    def _rank_of(self, question, step_key):
        """:return: position of the step with that key, ``None`` if there is none"""
        ranks = {step["key"]: rank for rank, step in enumerate(question["steps"])}
        return ranks.get(step_key)

    def _ranks_of(self, question, *step_keys):
        """:return: :meth:`_rank_of` each of the steps that are asked for, ``None`` for
        a key that is ``None``; ``None`` instead of all when there is no such step
        """
        ranks = [self._rank_of(question, key) for key in step_keys]
        is_known = all(
            rank is not None or not key
            for rank, key in zip(ranks, step_keys, strict=True)
        )
        return ranks if is_known else None

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
                   AND won.date_entered >= %(as_of)s::timestamp - INTERVAL '2 years'
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
    # GROUPS
    # ------------------------------------------------------------

    @api.model
    def _find_largest_groups(self, question, groups, most):
        """
        :param dict question: see the class
        :param SQL groups: see :meth:`_count_cohort`
        :param int most: how many groups
        :return: ``{key: id of one of its deals}`` of the groups with the most deals, the
            largest first; what a key is, :meth:`_group_key_sql` knows
        :rtype: dict
        """
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT %(key)s, MIN(member.lead_id)
                      FROM (%(groups)s) member
                     WHERE member.lead_id IN %(deals)s
                  GROUP BY %(key)s
                  ORDER BY COUNT(*) DESC, %(key)s
                     LIMIT %(most)s
                    """,
                    key=self._group_key_sql(),
                    groups=groups,
                    deals=self._deals_query(question),
                    most=most,
                )
            )
        )

    def _group_key_sql(self):
        """The value of a group of ``member`` as text, whatever its type."""
        return SQL("COALESCE(TO_JSONB(member.grp)::text, 'null')")

    def _members_query(self, groups, keys, among=True):
        """The deals of the groups that ``keys`` name, or of all the others.

        :param SQL groups: see :meth:`_count_cohort`
        :rtype: :class:`odoo.tools.SQL`, rows as ``groups`` has them
        """
        return SQL(
            "SELECT member.lead_id, member.grp FROM (%s) member WHERE (%s = ANY(%s)) = %s",
            groups,
            self._group_key_sql(),
            list(keys),
            among,
        )

    @api.model
    def _find_largest_owners(self, question, deals, most):
        """
        :param dict question: see the class
        :param SQL deals: subselect of ids of ``crm.lead``
        :param int most: how many salespeople
        :return: ids of the ``res.users`` who had the most of these deals, of those that
            the question is about
        """
        return [
            user_id
            for (user_id,) in self.env.execute_query(
                SQL(
                    """
                    SELECT user_id
                      FROM crm_lead_stage_history
                     WHERE lead_id IN %s AND lead_id IN %s AND user_id IS NOT NULL
                  GROUP BY user_id
                  ORDER BY COUNT(DISTINCT lead_id) DESC, user_id
                     LIMIT %s
                    """,
                    deals,
                    self._deals_query(question),
                    most,
                )
            )
        ]

    def _owner_group_sql(self, question, owner):
        """The group that a salesperson at the time of a step belongs to.

        :param SQL owner: column
        """
        largest = question.get("largest_owners")
        if largest is None:
            return owner
        return SQL(
            """CASE WHEN (%(owner)s = ANY(%(largest)s::int[])) IS NOT FALSE
                    THEN %(owner)s ELSE %(others)s END""",
            owner=owner,
            largest=largest,
            others=OTHER_OWNERS,
        )

    def _is_owner_sql(self, owner, owner_id):
        """Whether a salesperson is the one asked for, see :meth:`_deals_query`.

        :param SQL owner: column
        """
        if isinstance(owner_id, list):
            return SQL("NOT %s = ANY(%s::int[])", owner, owner_id)
        return SQL("%s IS NOT DISTINCT FROM %s::int", owner, owner_id or None)

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
        return self._converted_sql(
            SQL("stay.expected_revenue"), SQL("stay.currency_id"), currency
        )

    def _amount_join(self, currency):
        """The rates that :meth:`_amount_sql` needs."""
        return self._rates_join(
            SQL("stay.currency_id"), currency, SQL("stay.date_entered::date")
        )

    def _converted_sql(self, amount, kept, currency):
        """An amount kept in one currency, in ``currency``."""
        if not self._needs_conversion(currency):
            return amount
        return SQL(
            """CASE WHEN %(kept)s = %(currency)s THEN %(amount)s
                    ELSE ROUND(
                        %(amount)s / COALESCE(kept_rate.rate, 1)
                        * COALESCE(asked_rate.rate, 1), %(digits)s
                    ) END""",
            amount=amount,
            kept=kept,
            currency=currency.id,
            digits=currency.decimal_places,
        )

    def _rates_join(self, kept, currency, day):
        """The rates that :meth:`_converted_sql` needs: as Odoo has it, the last one
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
                  ORDER BY rate.name <= %(day)s DESC,
                           rate.company_id,
                           CASE WHEN rate.name <= %(day)s
                                THEN rate.name END DESC NULLS LAST,
                           rate.name
                     LIMIT 1
                ) %(alias)s ON TRUE""",
                currency=wanted,
                company=self.env.company.root_id.id,
                day=day,
                alias=SQL.identifier(alias),
            )
            for alias, wanted in (
                ("kept_rate", kept),
                ("asked_rate", SQL("%s", currency.id)),
            )
        )
