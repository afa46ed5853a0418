from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, models
from odoo.tools import SQL

# The deals that ended in these years tell what will come of those still open.
YEARS_TO_LEARN_FROM = 2


class CrmFunnelCount(models.AbstractModel):
    """The lens *snapshot*: the deals that are open at a moment."""

    # a lens or a kind of step is a file
    _inherit = "crm.funnel.count"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _count_snapshot(self, question, deals, groups=None, owner_of_step=False):
        """Count the deals open at ``as_of`` by the step in which they stand.

        :param dict question: see the class, with ``past``, what
            :meth:`_count_past` returned
        :param SQL deals: subselect of the ids of the deals asked for
        :param SQL groups: see :meth:`_count_cohort`
        :param bool owner_of_step: group by the salesperson at ``as_of`` instead
        :return: ``{group: counts}``, the counts as ``figures.snapshot_series`` has
            them, plus ``inferred`` among those of ``deals``
        """
        self.env["crm.lead"].flush_model(["stage_id", "active"])
        if owner_of_step:
            owner = SQL.identifier("standing", "user_id")
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
                WITH standing AS MATERIALIZED (%(standing)s)
                SELECT part.grp, part.total, part.rank,
                       TO_JSONB(part) - '{grp,total,rank}'::text[]
                  FROM (
                    SELECT %(group)s AS grp,
                           GROUPING(standing.rank) = 1 AS total,
                           standing.rank,
                           COUNT(*) AS count,
                           SUM(standing.amount) AS amount,
                           COUNT(*) FILTER (WHERE standing.inferred) AS inferred,
                           COUNT(*) FILTER (WHERE standing.days > limits.days) AS stuck,
                           %(age_days)s AS age_days
                      FROM standing
                 LEFT JOIN (VALUES %(limits)s) AS limits (rank, days) USING (rank)
                           %(joined)s
                  GROUP BY %(group)s, GROUPING SETS ((standing.rank), ())
                  ) part
                """,
                standing=self._standing_query(question, deals),
                limits=SQL(", ").join(
                    SQL("(%s::int, %s::float8)", rank, past["stuck_days"])
                    for rank, past in (
                        question["past"]["steps"] or {None: {"stuck_days": None}}
                    ).items()
                ),
                group=group,
                joined=joined,
                age_days=self._duration_sql(SQL("standing.days")),
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

    def _deals_query(
        self, question, step=None, what=None, owner_id=None, longer_than=None, **details
    ):
        """See ``crm.funnel.count``.

        :param longer_than: only those that are there for more days: a number, or
            without a step a number for each key of one
        """
        if question["lens"] != "snapshot":
            return super()._deals_query(question, step, what, owner_id, **details)
        conditions = [SQL("TRUE")]
        if step is not None:
            conditions.append(SQL("rank = %s", self._rank_of(question, step)))
        if what == "stuck":
            limits = longer_than if step is None else {step: longer_than}
            conditions.append(self._stuck_sql(question, limits or {}))
        if owner_id is not None:
            conditions.append(self._is_owner_sql(SQL.identifier("user_id"), owner_id))
        return SQL(
            "(SELECT lead_id FROM (%s) standing WHERE %s)",
            self._standing_query(question),
            SQL(" AND ").join(conditions),
        )

    def _stuck_sql(self, question, limits):
        """Whether a deal stands in a step for too long.

        :param dict limits: days by key of the step
        """
        conditions = [
            SQL("(rank = %s AND days > %s)", self._rank_of(question, key), days)
            for key, days in limits.items()
        ]
        return SQL("(%s)", SQL(" OR ").join(conditions or [SQL("FALSE")]))

    def _standing_query(self, question, deals=None):
        """The deals open at ``as_of``, each with the step in which it stands.

        :param SQL deals: subselect of the ids of the deals asked for, else all
        :rtype: :class:`odoo.tools.SQL`, rows of ``(lead_id, rank, user_id, amount,
            days, inferred)``; ``days`` as long as the present stay has lasted
        """
        if any(step["kind"] != "stage" for step in question["steps"]):
            return self._standing_of_facts_query(question, deals)
        return SQL(
            """
            SELECT stay.lead_id, step.rank, stay.user_id,
                   COALESCE(%(amount)s, 0) AS amount,
                   %(days)s AS days, stay.origin = 'inferred' AS inferred
              FROM crm_lead_stage_history stay
         LEFT JOIN (VALUES %(refs)s) AS step (stage_ref, rank)
                ON step.stage_ref = stay.stage_ref
                   %(amount_join)s
             WHERE %(asked)s
               AND stay.date_entered <= %(as_of)s
               AND (stay.date_exited IS NULL OR stay.date_exited > %(as_of)s)
               AND stay.stage_is_won IS NOT TRUE
            """,
            amount=self._amount_sql(question["currency"]),
            amount_join=self._amount_join(question["currency"]),
            days=self._days_sql(
                SQL("%s::timestamp - stay.date_entered", question["as_of"])
            ),
            refs=self._stage_values(question),
            asked=SQL("TRUE") if deals is None else SQL("stay.lead_id IN %s", deals),
            as_of=question["as_of"],
        )

    def _standing_of_facts_query(self, question, deals):
        """See :meth:`_standing_query`, for steps that are no stays: a deal stands in
        the furthest step it has reached.
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
            SELECT fact.lead_id, step.rank, fact.end_user_id AS user_id,
                   COALESCE(step.amount, fact.amount) AS amount, %(days)s AS days,
                   fact.inferred
              FROM fact
         LEFT JOIN LATERAL (VALUES %(step_values)s) AS step (
                       rank, reached_at, next_at, visited, not_needed, days, user_id,
                       amount
                   ) ON step.rank = fact.furthest
             WHERE fact.outcome = 'open'
            """,
            fact=self._fact_query(everything, deals),
            days=self._days_sql(
                SQL("%s::timestamp - step.reached_at", question["as_of"])
            ),
            step_values=self._step_values(question["steps"], with_owner=False),
        )

    @api.model
    def _count_past(self, question, deals):
        """What the past of the deals asked for tells of those still open.

        :param dict question: see the class
        :param SQL deals: subselect of the ids of the deals asked for
        :return: ``{"ended", "won": deals that ended in the two years before
            ``as_of`` and those won of them, "steps": {position: {"ended", "won":
            those that had reached the step, "stuck_days": 90th percentile of the
            days of the stays there that are over, or None}}}``
        """
        as_of = question["as_of"]
        learnt = {
            **question,
            "lens": "closed",
            "rule": "beyond",
            "window_days": None,
            "counts_only": True,
            "start": as_of - relativedelta(years=YEARS_TO_LEARN_FROM),
            "end": as_of + timedelta(seconds=1),
        }
        counts = self._count_cohort(learnt, deals).get(None, {})
        ended = counts.get("deals", {})
        finished = {**learnt, "start": datetime.min}
        stuck_days = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT rank, PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY days)
                      FROM (%s) passage
                     WHERE days IS NOT NULL AND rank IS NOT NULL
                  GROUP BY rank
                    """,
                    self._passage_query(finished, deals),
                )
            )
        )
        return {
            "ended": ended.get("size") or 0,
            "won": ended.get("won") or 0,
            "steps": {
                rank: {
                    "ended": counts.get("steps", {}).get(rank, {}).get("count") or 0,
                    "won": counts.get("steps", {}).get(rank, {}).get("won_in_the_end")
                    or 0,
                    "stuck_days": stuck_days.get(rank),
                }
                for rank in range(len(question["steps"]))
            },
        }
