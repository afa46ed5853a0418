from odoo import api, fields, models
from odoo.tools import SQL, sql

from odoo.addons.sales_funnel_crm.tools import name_some

# What is known of a deal itself: a question that asks for no more needs no other
# table. Kept in step by ``crm.lead._write_multi``.
COPIED_FIELDS = ("user_id", "team_id", "company_id", "type")


class CrmLeadStageSummary(models.Model):
    """The history of each deal in one row, to be counted fast.

    By definition it is what :meth:`_summary_query` makes of the history. It is
    written in the statement that writes the history, so that both always tell the
    same; :meth:`_check` finds out whether they do. A row has the id of its deal.

    ``path`` names the stages of the deal in their order: the number of the stage,
    with a ``w`` if it is a won stage. Each stage begins with a comma, or with a
    semicolon if the deal entered it in the same second as the one before. Where
    the deal ended it says ``l`` (lost), ``h`` (on hold) or ``m`` (merged). So
    ``,1,2,4w`` was won in the third stage and ``,1,2l`` lost in the second.

    ``offsets``, which only SQL can read, are the moments of the stages and endings
    of the path, in seconds after ``start``: the path tells which is which.
    """

    _name = "crm.lead.stage.summary"
    _description = "Stage History Summary"
    _log_access = False

    start = fields.Datetime(
        required=True, help="When the deal entered its first stage."
    )
    changed_at = fields.Datetime(
        required=True, help="The last moment of which the history of the deal tells."
    )
    outcome = fields.Selection(
        [
            ("open", "Open"),
            ("won", "Won"),
            ("lost", "Lost"),
            ("on_hold", "On hold"),
            ("merged", "Merged"),
        ],
        required=True,
    )
    ended_at = fields.Datetime(string="Won or Lost At")
    path = fields.Char(required=True)
    currency_id = fields.Many2one("res.currency", ondelete="set null")
    expected_revenue = fields.Monetary(help="That of the last stay.")
    lost_reason_id = fields.Many2one("crm.lost.reason", ondelete="set null")
    is_inferred = fields.Boolean(
        string="Inferred", help="Part of the history was not recorded but inferred."
    )
    user_id = fields.Many2one("res.users", string="Salesperson", ondelete="set null")
    team_id = fields.Many2one("crm.team", string="Sales Team", ondelete="set null")
    company_id = fields.Many2one("res.company", ondelete="set null")
    type = fields.Selection([("lead", "Lead"), ("opportunity", "Opportunity")])

    _start = models.Index("(start)")
    _end = models.Index("(outcome, ended_at) WHERE ended_at IS NOT NULL")
    # small, and a change of what it holds needs no new entry in the other indexes
    _changed_at = models.Index("USING brin (changed_at)")

    def init(self):
        # what fields cannot say: a row goes with its deal
        if not sql.column_exists(self.env.cr, self._table, "offsets"):
            self.env.cr.execute(
                """
                ALTER TABLE crm_lead_stage_summary
                  ADD COLUMN offsets bigint[] NOT NULL,
                  ADD FOREIGN KEY (id) REFERENCES crm_lead (id) ON DELETE CASCADE
                """
            )

    # ------------------------------------------------------------
    # WHAT THE SUMMARY IS
    # ------------------------------------------------------------

    def _summary_columns(self):
        """:return: names of the columns that the history tells, in their order"""
        return [
            *("id", "start", "changed_at", "outcome", "ended_at", "path", "offsets"),
            *("expected_revenue", "currency_id", "lost_reason_id", "is_inferred"),
        ]

    def _summary_query(self, stays):
        """What the summary of some deals has to be: a row for each of them with
        :meth:`_summary_columns`.

        :param SQL stays: select of the stays, columns as in the history
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """
            SELECT lead_id AS id, start, changed_at, outcome,
                   CASE outcome
                        WHEN 'won' THEN last_entered
                        WHEN 'lost' THEN changed_at
                   END AS ended_at,
                   path, offsets, expected_revenue, currency_id, lost_reason_id,
                   is_inferred
              FROM (
                SELECT told.lead_id,
                       MIN(told.date_entered) AS start,
                       MAX(COALESCE(told.date_exited, told.date_entered)) AS changed_at,
                       MAX(told.date_entered) AS last_entered,
                       STRING_AGG(
                           %(mark)s, '' ORDER BY told.date_entered, told.id
                       ) AS path,
                       ('{' || STRING_AGG(
                           told.entered || CASE WHEN told.ending IS NULL THEN ''
                                                ELSE ',' || told.exited END,
                           ',' ORDER BY told.date_entered, told.id
                       ) || '}')::bigint[] AS offsets,
                       MAX(told.expected_revenue) FILTER (WHERE told.is_last)
                           AS expected_revenue,
                       MAX(told.currency_id) FILTER (WHERE told.is_last) AS currency_id,
                       MAX(told.lost_reason_id) FILTER (WHERE told.is_last)
                           AS lost_reason_id,
                       MAX(%(outcome)s) FILTER (WHERE told.is_last) AS outcome,
                       BOOL_OR(told.origin = 'inferred') AS is_inferred
                  FROM (
                    SELECT stay.*,
                           stay.date_entered = LAG(stay.date_entered) OVER chain
                               AS is_at_once,
                           LEAD(stay.id) OVER chain IS NULL AS is_last,
                           CASE WHEN stay.exit_kind IN ('lost', 'on_hold', 'merged')
                                THEN stay.exit_kind END AS ending,
                           %(entered)s AS entered,
                           %(exited)s AS exited
                      FROM (%(stays)s) stay
                    WINDOW chain AS (
                        PARTITION BY stay.lead_id ORDER BY stay.date_entered, stay.id
                    )
                  ) told
              GROUP BY told.lead_id
              ) life
            """,
            stays=stays,
            mark=self._mark_sql(
                SQL("told.is_at_once"),
                SQL("told.stage_ref"),
                SQL("told.stage_is_won"),
                SQL("told.ending"),
            ),
            outcome=self._outcome_sql(SQL("told.stage_is_won"), SQL("told.ending")),
            entered=self._offset_sql(
                SQL("stay.date_entered"),
                SQL("FIRST_VALUE(stay.date_entered) OVER chain"),
            ),
            exited=self._offset_sql(
                SQL("stay.date_exited"),
                SQL("FIRST_VALUE(stay.date_entered) OVER chain"),
            ),
        )

    def _mark_sql(self, is_at_once, stage_ref, is_won, ending):
        """A stay as it is written in the path."""
        return SQL(
            """CASE WHEN %(is_at_once)s THEN ';' ELSE ',' END
               || COALESCE(%(stage_ref)s, 0)
               || CASE WHEN %(is_won)s THEN 'w' ELSE '' END
               || %(ending_mark)s""",
            is_at_once=is_at_once,
            stage_ref=stage_ref,
            is_won=is_won,
            ending_mark=self._ending_mark_sql(ending),
        )

    def _ending_mark_sql(self, ending):
        return SQL(
            """CASE %s WHEN 'lost' THEN 'l' WHEN 'on_hold' THEN 'h'
                       WHEN 'merged' THEN 'm' ELSE '' END""",
            ending,
        )

    def _outcome_sql(self, is_won, ending):
        return SQL(
            "COALESCE(%s, CASE WHEN %s THEN 'won' ELSE 'open' END)", ending, is_won
        )

    def _offset_sql(self, moment, start):
        return SQL("EXTRACT(EPOCH FROM %s - %s)::bigint", moment, start)

    # ------------------------------------------------------------
    # WRITING
    # ------------------------------------------------------------

    def _record_query(self):
        """The part of ``crm.lead.stage.history._record_query`` that brings the
        summary in step: what happened to a deal is put behind its path.

        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """
            INSERT INTO crm_lead_stage_summary AS known (
                id, start, changed_at, outcome, ended_at, path, offsets,
                expected_revenue, currency_id, lost_reason_id, is_inferred, %(copied)s
            )
            SELECT change.id, change.moment,
                   CASE WHEN change.action = 'correct' THEN change.last_exited
                        ELSE change.moment END,
                   %(outcome)s,
                   CASE WHEN change.action = 'correct' AND change.ending = 'lost'
                            THEN change.last_exited
                        WHEN change.ending = 'lost'
                             OR change.ending IS NULL AND change.stage_is_won
                            THEN change.moment END,
                   CASE WHEN change.action IN ('enter', 'move') THEN %(mark)s
                        ELSE %(ending_mark)s END,
                   CASE WHEN change.action = 'correct' THEN '{}'
                        WHEN change.action IN ('enter', 'move')
                             AND NOT change.standing THEN '{0,0}'
                        ELSE '{0}' END::bigint[],
                   CASE WHEN change.action IN ('enter', 'move')
                        THEN change.expected_revenue ELSE change.last_revenue END,
                   CASE WHEN change.action IN ('enter', 'move')
                        THEN change.currency_id ELSE change.last_currency_id END,
                   CASE WHEN change.ending = 'lost' THEN change.lost_reason_id END,
                   FALSE, %(copies)s
              FROM change
             WHERE change.action IS NOT NULL
                ON CONFLICT (id) DO UPDATE
               SET changed_at = EXCLUDED.changed_at,
                   outcome = EXCLUDED.outcome,
                   ended_at = EXCLUDED.ended_at,
                   -- where nothing happened, the ending is corrected
                   path = CASE WHEN EXCLUDED.offsets = '{}'
                               THEN LEFT(known.path, -1) ELSE known.path END
                          || EXCLUDED.path,
                   offsets = known.offsets || ARRAY_FILL(
                       %(offset)s, ARRAY[CARDINALITY(EXCLUDED.offsets)]
                   ),
                   expected_revenue = EXCLUDED.expected_revenue,
                   currency_id = EXCLUDED.currency_id,
                   lost_reason_id = EXCLUDED.lost_reason_id
            """,
            copied=SQL(", ").join(map(SQL.identifier, COPIED_FIELDS)),
            copies=SQL(", ").join(
                SQL.identifier("change", fname) for fname in COPIED_FIELDS
            ),
            outcome=self._outcome_sql(SQL("change.stage_is_won"), SQL("change.ending")),
            mark=self._mark_sql(
                SQL("change.moment = change.last_entered"),
                SQL("change.stage_id"),
                SQL("change.stage_is_won"),
                SQL("change.ending"),
            ),
            ending_mark=self._ending_mark_sql(SQL("change.ending")),
            offset=self._offset_sql(SQL("EXCLUDED.changed_at"), SQL("known.start")),
        )

    @api.model
    def _summarize(self, deals=None):
        """Write the summary of deals anew from their history.

        :param SQL deals: subselect of ids of ``crm.lead``, all by default
        """
        stays = SQL("SELECT * FROM crm_lead_stage_history")
        if deals is not None:
            stays = SQL("%s WHERE lead_id IN %s", stays, deals)
        columns = [*self._summary_columns(), *COPIED_FIELDS]
        self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_lead_stage_summary (%(columns)s)
                SELECT %(values)s
                  FROM (%(summary)s) summary
                  JOIN crm_lead lead ON lead.id = summary.id
              ORDER BY summary.start
                    ON CONFLICT (id) DO UPDATE SET %(assignments)s
                """,
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                values=SQL(", ").join(
                    SQL.identifier(
                        "lead" if column in COPIED_FIELDS else "summary", column
                    )
                    for column in columns
                ),
                summary=self._summary_query(stays),
                assignments=SQL(", ").join(
                    SQL(
                        "%s = %s",
                        SQL.identifier(column),
                        SQL.identifier("excluded", column),
                    )
                    for column in columns
                ),
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _fill(self):
        """Write the summary of a history that has none yet, which is that of a
        database that comes from a version without summaries."""
        [(is_missing,)] = self.env.execute_query(
            SQL(
                """
                SELECT EXISTS (SELECT FROM crm_lead_stage_history)
                       AND NOT EXISTS (SELECT FROM crm_lead_stage_summary)
                """
            )
        )
        if is_missing:
            self._summarize()

    @api.model
    def _copy(self, leads):
        """Bring the copies of what ``leads`` know themselves in step.

        :param leads: recordset of ``crm.lead``, flushed
        """
        if not leads:
            return
        columns = [SQL.identifier(fname) for fname in COPIED_FIELDS]
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_lead_stage_summary summary
                   SET %(assignments)s
                  FROM crm_lead lead
                 WHERE lead.id = summary.id
                   AND lead.id IN %(lead_ids)s
                """,
                assignments=SQL(", ").join(
                    SQL("%s = lead.%s", column, column) for column in columns
                ),
                lead_ids=leads._ids,
            )
        )
        self.invalidate_model(flush=False)

    # ------------------------------------------------------------
    # CHECK AND REPAIR
    # ------------------------------------------------------------

    @api.model
    def _check(self, repair=False):
        """Compare the summary with the history and with the deals.

        :param bool repair: write anew what is wrong
        :return: dict of what was found to the number of deals: ``missing`` (a deal
            with a history has no summary), ``left_over`` (the reverse),
            ``different`` (the summary tells something else than the history),
            ``outdated`` (a copy of the deal is not what the deal has)
        """
        self.env["crm.lead"].flush_model([*COPIED_FIELDS, "stage_id", "active"])
        columns = self._summary_columns()
        found = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT problem, ARRAY_AGG(id)
                      FROM (
                        SELECT COALESCE(kept.id, told.id) AS id,
                               CASE
                                   WHEN kept.id IS NULL THEN 'missing'
                                   WHEN told.id IS NULL THEN 'left_over'
                                   WHEN (%(kept)s) IS DISTINCT FROM (%(told)s)
                                       THEN 'different'
                                   WHEN (%(copied)s) IS DISTINCT FROM (%(now)s)
                                       THEN 'outdated'
                               END AS problem
                          FROM crm_lead_stage_summary kept
                     FULL JOIN (%(summary)s) told ON told.id = kept.id
                     LEFT JOIN crm_lead lead ON lead.id = kept.id
                      ) compared
                     WHERE problem IS NOT NULL
                  GROUP BY problem
                    """,
                    summary=self._summary_query(
                        SQL("SELECT * FROM crm_lead_stage_history")
                    ),
                    **{
                        name: SQL(", ").join(
                            SQL.identifier(alias, column) for column in names
                        )
                        for name, alias, names in (
                            ("kept", "kept", columns),
                            ("told", "told", columns),
                            ("copied", "kept", COPIED_FIELDS),
                            ("now", "lead", COPIED_FIELDS),
                        )
                    },
                )
            )
        )
        if repair and found:
            lead_ids = [lead_id for ids in found.values() for lead_id in ids]
            self.env.execute_query(
                SQL(
                    "DELETE FROM crm_lead_stage_summary WHERE id = ANY(%s)",
                    lead_ids,
                )
            )
            self._summarize(SQL("(SELECT UNNEST(%s))", lead_ids))
        return {
            problem: len(found.get(problem, ()))
            for problem in ("missing", "left_over", "different", "outdated")
        }

    @api.model
    def _action_check_and_repair(self):
        """Check the summary and the milestones, repair what is wrong, and tell the
        user of both.

        :return: action that shows a notification
        """
        found = self._check(repair=True)
        wrong = self.env["crm.lead"].check_and_repair_milestones()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("Check and Repair the Funnel"),
                "message": f"{self._tell_found(found)} {self._tell_wrong(wrong)}",
                "type": "warning" if wrong or any(found.values()) else "success",
                "sticky": True,
            },
        }

    def _tell_found(self, found):
        """
        :param dict found: see :meth:`_check`
        :return: sentence for the user
        """
        if not any(found.values()):
            return self.env._("The funnel counts all deals as their history has it.")
        return self.env._(
            "The funnel counted some deals wrongly, and now counts them rightly: "
            "%(missing)s were missing, %(left_over)s should not have been there, "
            "%(different)s were not as their history has it, and %(outdated)s had "
            "another salesperson, team, company or type.",
            **found,
        )

    def _tell_wrong(self, wrong):
        """
        :param list wrong: see ``crm.lead.check_and_repair_milestones``
        :return: sentence for the user
        """
        if not wrong:
            return self.env._(
                "All deals and orders have the dates and amounts that their documents "
                "prove."
            )
        # a deal or order may have several wrong values
        names = {(value["model"], value["id"]): value["name"] for value in wrong}
        return self.env._(
            "Some dates and amounts were not what documents prove, and are now. "
            "Values corrected: %(values)s, on %(names)s.",
            values=len(wrong),
            names=name_some(self.env, list(names.values())),
        )
