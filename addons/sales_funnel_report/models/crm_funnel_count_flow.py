from datetime import datetime

from odoo import api, models
from odoo.tools import SQL

# What may have become of a stay, besides that it still lasts.
EXITS = ("advanced", "moved_back", "handed_off", "lost", "on_hold")


class CrmFunnelCount(models.AbstractModel):
    """The lens *flow*: the stays that began in the period."""

    # a lens or a kind of step is a file
    _inherit = "crm.funnel.count"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _count_flow(self, question, deals, groups=None, owner_of_step=False):
        """Count what passed through each step during the period.

        :param dict question: see the class
        :param SQL deals: subselect of the ids of the deals asked for
        :param SQL groups: see :meth:`_count_cohort`
        :param bool owner_of_step: group by the salesperson of each stay instead
        :return: ``{group: counts}``, the counts as ``figures.flow_series`` has them,
            plus ``inferred`` among those of ``deals``
        """
        self.env["crm.lead"].flush_model(["stage_id", "active"])
        if owner_of_step:
            owner = SQL.identifier("passage", "user_id")
            group, joined = self._owner_group_sql(question, owner), SQL()
        elif groups is not None:
            group, joined = (
                SQL("member.grp"),
                SQL("JOIN (%s) member USING (lead_id)", groups),
            )
        else:
            group, joined = SQL("NULL::int"), SQL()
        counted = self.env.execute_query(
            SQL(
                """
                WITH passage AS MATERIALIZED (%(passage)s)
                SELECT part.grp, part.total, part.rank,
                       TO_JSONB(part) - '{grp,total,rank}'::text[]
                  FROM (
                    SELECT %(group)s AS grp,
                           GROUPING(passage.rank) = 1 AS total,
                           passage.rank,
                           COUNT(DISTINCT passage.lead_id) AS size,
                           COUNT(*) AS entered,
                           SUM(passage.amount) AS amount,
                           COUNT(DISTINCT passage.lead_id)
                               FILTER (WHERE passage.inferred) AS inferred,
                           %(exits)s,
                           %(days_in_stay)s AS days_in_stay
                      FROM passage %(joined)s
                  GROUP BY %(group)s, GROUPING SETS ((passage.rank), ())
                  ) part
                """,
                passage=self._passage_query(question, deals),
                group=group,
                joined=joined,
                exits=SQL(", ").join(
                    SQL(
                        "COUNT(*) FILTER (WHERE passage.outcome = %s) AS %s",
                        outcome,
                        SQL.identifier(outcome),
                    )
                    for outcome in (*EXITS, "still_here")
                ),
                days_in_stay=self._duration_sql(SQL("passage.days")),
            )
        )
        result = {}
        for grp, total, rank, payload in counted:
            counts = result.setdefault(grp, {"deals": {}, "steps": {}})
            if total:
                counts["deals"] = payload
            elif rank is not None:
                counts["steps"][rank] = payload
        return result

    def _deals_query(self, question, step=None, what=None, owner_id=None, **details):
        if question["lens"] != "flow":
            return super()._deals_query(question, step, what, owner_id, **details)
        conditions = [SQL("TRUE")]
        if step is not None:
            conditions.append(SQL("rank = %s", self._rank_of(question, step)))
        if what:
            conditions.append(SQL("outcome = %s", what))
        if owner_id is not None:
            conditions.append(self._is_owner_sql(SQL.identifier("user_id"), owner_id))
        return SQL(
            "(SELECT lead_id FROM (%s) passage WHERE %s)",
            self._passage_query(question),
            SQL(" AND ").join(conditions),
        )

    def _passage_query(self, question, deals=None):
        """The stays that began in the period, and those of them that are over by
        ``as_of``.

        :param SQL deals: subselect of the ids of the deals asked for, else all
        :rtype: :class:`odoo.tools.SQL`, rows of ``(lead_id, rank, user_id, amount,
            outcome, days, inferred)``
        """
        if any(step["kind"] != "stage" for step in question["steps"]):
            return self._passage_of_facts_query(question, deals)
        return SQL(
            """
            SELECT stay.lead_id, step.rank, stay.user_id, %(amount)s AS amount,
                   CASE WHEN stay.date_exited <= %(as_of)s THEN stay.exit_kind
                        ELSE 'still_here' END AS outcome,
                   CASE WHEN stay.date_exited <= %(as_of)s THEN %(days)s END AS days,
                   stay.origin = 'inferred' AS inferred
              FROM crm_lead_stage_history stay
         LEFT JOIN (VALUES %(refs)s) AS step (stage_ref, rank)
                ON step.stage_ref = stay.stage_ref
                   %(amount_join)s
             WHERE %(asked)s
               AND stay.date_entered >= %(start)s
               AND stay.date_entered < %(end)s
               AND stay.date_entered <= %(as_of)s
               -- a deal that went up in another one counts there
               AND NOT EXISTS (
                   SELECT FROM crm_lead_stage_history merged
                    WHERE merged.lead_id = stay.lead_id
                      AND merged.exit_kind = 'merged'
                      AND merged.date_exited <= %(as_of)s
               )
            """,
            amount=self._amount_sql(question["currency"]),
            amount_join=self._amount_join(question["currency"]),
            days=self._days_sql(SQL("stay.date_exited - stay.date_entered")),
            refs=self._stage_values(question),
            asked=SQL("TRUE") if deals is None else SQL("stay.lead_id IN %s", deals),
            start=question["start"],
            end=question["end"],
            as_of=question["as_of"],
        )

    def _passage_of_facts_query(self, question, deals):
        """See :meth:`_passage_query`, for steps that are no stays: a deal stands in
        the furthest step it has reached, until it reaches one that is further.
        """
        everything = {
            **question,
            "lens": "cohort",
            "rule": "visited",
            "window_days": None,
            "start": datetime.min,
            "end": datetime.max,
        }
        return SQL(
            """
            WITH %(fact)s
            SELECT fact.lead_id, step.rank, step.user_id, step.amount,
                   CASE WHEN step.rank < fact.furthest THEN 'advanced'
                        WHEN fact.outcome IN ('lost', 'on_hold') THEN fact.outcome
                        ELSE 'still_here' END AS outcome,
                   CASE WHEN step.rank < fact.furthest THEN %(days)s
                        WHEN fact.outcome = 'lost'
                            THEN fact.life_days - %(days_before)s END AS days,
                   fact.inferred
              FROM fact
        CROSS JOIN LATERAL (VALUES %(step_values)s) AS step (
                       rank, reached_at, next_at, visited, not_needed, days, user_id,
                       amount
                   )
         LEFT JOIN LATERAL (
                       SELECT MIN(further.reached_at) AS reached_at
                         FROM (VALUES %(reached)s) AS further (rank, reached_at)
                        WHERE further.rank > step.rank
                          AND further.reached_at >= step.reached_at
                   ) further ON TRUE
             WHERE step.reached_at >= %(start)s AND step.reached_at < %(end)s
            """,
            fact=self._fact_query(everything, deals, with_owner=True),
            days=self._days_sql(SQL("further.reached_at - step.reached_at")),
            days_before=self._days_sql(SQL("step.reached_at - fact.start")),
            step_values=self._step_values(question["steps"], with_owner=True),
            reached=SQL(", ").join(
                SQL("(%s, %s)", rank, SQL.identifier("fact", f"reached_{rank}"))
                for rank in range(len(question["steps"]))
            ),
            start=question["start"],
            end=question["end"],
        )
