from itertools import combinations

from odoo import api, models
from odoo.tools import SQL


class CrmFunnelCount(models.AbstractModel):
    """The days from each step to each later one."""

    # a lens or a kind of step is a file
    _inherit = "crm.funnel.count"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _count_days_between(self, question, deals):
        """Count how long the deals of the lens *cohort* or *closed* took from step to
        step: of any two steps, the deals that reached both.

        :param dict question: see the class
        :param SQL deals: subselect of the ids of the deals asked for
        :return: ``{(rank, later rank): what figures.duration takes}``, without the
            pairs that no deal reached
        """
        pairs = list(combinations(range(len(question["steps"])), 2))
        if not pairs:
            return {}
        self.env["crm.lead"].flush_model(["stage_id", "active"])
        with self._more_memory():
            rows = self.env.execute_query(
                SQL(
                    """
                    WITH %(fact)s
                    SELECT pair.rank, pair.later, %(duration)s
                      FROM fact
                CROSS JOIN LATERAL (VALUES %(pairs)s) AS pair (rank, later, days)
                     WHERE pair.days IS NOT NULL
                  GROUP BY pair.rank, pair.later
                    """,
                    fact=self._fact_query(question, deals),
                    duration=self._duration_sql(SQL("pair.days")),
                    pairs=SQL(", ").join(
                        SQL(
                            "(%s, %s, %s)",
                            rank,
                            later,
                            self._days_sql(
                                SQL(
                                    "%s - %s",
                                    SQL.identifier("fact", f"reached_{later}"),
                                    SQL.identifier("fact", f"reached_{rank}"),
                                )
                            ),
                        )
                        for rank, later in pairs
                    ),
                )
            )
        return {(rank, later): counted for rank, later, counted in rows}
