import logging
from contextlib import contextmanager

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, split_every, sql

from ..history_import.chains import ENDINGS

_logger = logging.getLogger(__name__)

# Each batch reads the chatter as a whole, and no batch should take minutes.
TAKE_OVER_BATCH = 125_000

# Odoo keeps the moment of the last move, whoever made it and however.
MOVED_SINCE_CREATION = SQL(
    """DATE_TRUNC('second', lead.date_last_stage_update)
       > DATE_TRUNC('second', lead.create_date)"""
)


class CrmLeadStageHistory(models.Model):
    """One row for each stay of a deal in a stage.

    The stays of a deal form a chain in the order ``date_entered, id``. Rows are
    written by the system only, where a deal changes (see ``crm.lead``); this
    model knows nothing of funnels.
    """

    _name = "crm.lead.stage.history"
    _inherit = ["sales.text.export.mixin"]
    _description = "Stage History"
    _order = "lead_id, date_entered, id"
    _rec_name = "stage_name"
    _log_access = False

    lead_id = fields.Many2one(
        "crm.lead", string="Deal", required=True, ondelete="cascade"
    )
    stage_id = fields.Many2one("crm.stage", ondelete="set null", index=True)
    stage_ref = fields.Integer(
        string="Stage ID",
        aggregator=None,
        help="Tells removed stages apart: the number the stage had.",
    )
    stage_name = fields.Char(translate=True)
    stage_sequence = fields.Integer(aggregator=None)
    stage_is_won = fields.Boolean(string="Won Stage")
    date_entered = fields.Datetime(string="Entered", required=True)
    date_exited = fields.Datetime(string="Left")
    exit_kind = fields.Selection(
        [
            ("advanced", "Moved forward"),
            ("moved_back", "Moved back"),
            ("handed_off", "Handed to another team"),
            # not the text of the count, which other languages put in the plural
            ("lost", "Deal lost"),
            ("on_hold", "On hold"),
            ("merged", "Merged"),
        ],
        string="How It Left",
    )
    next_stage_id = fields.Many2one("crm.stage", ondelete="set null")
    user_id = fields.Many2one("res.users", string="Salesperson", ondelete="set null")
    team_id = fields.Many2one("crm.team", string="Sales Team", ondelete="set null")
    company_id = fields.Many2one("res.company", ondelete="set null")
    currency_id = fields.Many2one("res.currency", ondelete="set null")
    expected_revenue = fields.Monetary()
    lost_reason_id = fields.Many2one("crm.lost.reason", ondelete="set null")
    origin = fields.Selection(
        [
            ("live", "Recorded"),
            ("tracking", "From the chatter"),
            ("import", "Imported"),
            ("inferred", "Inferred"),
        ],
        required=True,
        default="live",
    )

    _one_open_stay = models.UniqueIndex(
        "(lead_id) WHERE date_exited IS NULL",
        "A deal can stand in one stage only.",
    )
    _chain = models.Index("(lead_id, date_entered, id)")
    _removed_stage = models.Index("(stage_ref) WHERE stage_id IS NULL")
    _merged = models.Index("(lead_id) WHERE exit_kind = 'merged'")
    # stays of one time stand together: small, and next to nothing for a move
    _date_entered = models.Index("USING brin (date_entered)")
    _no_negative_stay = models.Constraint(
        "CHECK (date_exited >= date_entered)",
        "A deal cannot leave a stage before it entered it.",
    )
    _left_somehow = models.Constraint(
        "CHECK ((date_exited IS NULL) = (exit_kind IS NULL))",
        "A stay that has ended says how, and only such a one.",
    )

    # ------------------------------------------------------------
    # ACCESS: the history of a deal is open to those who may read the deal
    # ------------------------------------------------------------

    @api.model
    def _search(
        self, domain, offset=0, limit=None, order=None, *, bypass_access=False, **kwargs
    ):
        if not (self.env.su or bypass_access):
            deals = self.env["crm.lead"]._search([], active_test=False)
            domain = Domain(domain) & Domain("lead_id", "in", deals)
        return super()._search(
            domain, offset, limit, order, bypass_access=bypass_access, **kwargs
        )

    def _check_access(self, operation):
        result = super()._check_access(operation)
        if not self or operation != "read" or self.env.su:
            return result
        stays = self - result[0] if result else self
        # sudo: only to learn which deal a stay belongs to; whether the user may
        # read that deal is then asked of the deal itself, as the user
        deals = stays.sudo().lead_id.sudo(False)
        readable = deals._filtered_access("read")
        forbidden = stays.filtered(lambda stay: stay.sudo().lead_id not in readable)
        if not forbidden:
            return result
        if result:
            return result[0] + forbidden, result[1]
        return forbidden, lambda: forbidden._make_access_error(operation)

    # ------------------------------------------------------------
    # RECORDING
    # ------------------------------------------------------------

    @api.model
    def _record(self, leads):
        """Bring the history of ``leads`` in step with what the deals are now.

        Compares the last stay of each deal with the deal and writes the
        difference, in one statement however many deals there are, the summary
        of the history included. A deal that has not changed gets no row. The
        moment is that of the transaction, in whole seconds, but never before the
        last stay.

        :param leads: recordset of ``crm.lead``
        """
        if not leads:
            return
        leads.flush_recordset(
            [
                "stage_id",
                "active",
                "probability",
                "user_id",
                "team_id",
                "company_id",
                "expected_revenue",
                "lost_reason_id",
                "on_hold_until",
            ]
        )
        self.env["crm.stage"].flush_model(["name", "sequence", "is_won", "team_ids"])
        self.env.execute_query(
            SQL(
                "SELECT crm_lead_stage_history_record(%s, %s, %s)",
                list(leads._ids),
                self.env.company.id,
                self.env.cr.now().replace(microsecond=0),
            )
        )
        self.invalidate_model(flush=False)

    def init(self):
        # In a function of the database, since to plan this statement takes longer
        # than to move a deal may take, and so it is planned once for a connection:
        # by the indexes, however small the tables are at that time.
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION crm_lead_stage_history_record(
                    _lead_ids int[], _company_id int, _now timestamp
                ) RETURNS void LANGUAGE plpgsql
                SET plan_cache_mode TO force_generic_plan
                SET enable_seqscan TO off
                AS $$ BEGIN %s; END $$
                """,
                self._record_query(),
            )
        )

    def _record_query(self):
        """The statement of :meth:`_record`, for the deals ``_lead_ids`` at the moment
        ``_now``; deals of no company have the currency of ``_company_id``.

        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """
            WITH deal AS (%(deal)s),
            change AS (
                SELECT deal.*,
                       last_stay.id AS last_id,
                       last_stay.date_entered AS last_entered,
                       last_stay.date_exited AS last_exited,
                       last_stay.expected_revenue AS last_revenue,
                       last_stay.currency_id AS last_currency_id,
                       -- now, unless the clock of another server ran ahead
                       GREATEST(
                           %(now)s, last_stay.date_entered, last_stay.date_exited
                       ) AS moment,
                       CASE
                           WHEN last_stay.id IS NULL THEN 'enter'
                           -- a deal may move and end at once
                           WHEN last_stay.date_exited IS NULL
                                AND last_stay.stage_ref IS DISTINCT FROM deal.stage_id
                               THEN 'move'
                           WHEN last_stay.date_exited IS NULL AND NOT deal.standing
                               THEN 'leave'
                           WHEN last_stay.date_exited IS NULL THEN NULL
                           WHEN deal.standing THEN 'enter'
                           WHEN last_stay.exit_kind = deal.ending
                                AND deal.ending = 'lost'
                                AND last_stay.lost_reason_id
                                    IS DISTINCT FROM deal.lost_reason_id
                               THEN 'correct'
                           WHEN last_stay.exit_kind = deal.ending
                                OR last_stay.exit_kind = 'merged' THEN NULL
                           -- archived and lost in one transaction is one ending
                           WHEN last_stay.date_exited >= %(now)s THEN 'correct'
                           ELSE 'enter'
                       END AS action,
                       %(move_kind)s AS move_kind
                  FROM deal
             -- by the index, however wrong the statistics of a growing table are
             LEFT JOIN LATERAL (
                       SELECT id, stage_ref, team_id, date_entered, date_exited,
                              exit_kind, lost_reason_id, expected_revenue,
                              currency_id
                         FROM crm_lead_stage_history
                        WHERE lead_id = deal.id
                     ORDER BY date_entered DESC, id DESC
                        LIMIT 1
                       ) last_stay ON TRUE
             LEFT JOIN crm_stage last_stage ON last_stage.id = last_stay.stage_ref
            ),
            ended AS (
                UPDATE crm_lead_stage_history stay
                   SET date_exited = CASE WHEN change.action = 'correct'
                                          THEN stay.date_exited
                                          ELSE change.moment END,
                       exit_kind = CASE WHEN change.action = 'move'
                                        THEN change.move_kind
                                        ELSE change.ending END,
                       next_stage_id = CASE WHEN change.action = 'move'
                                            THEN change.stage_id END,
                       lost_reason_id = CASE WHEN change.action <> 'move'
                                                  AND change.ending = 'lost'
                                             THEN change.lost_reason_id END
                  FROM change
                 WHERE stay.id = change.last_id
                   AND change.action IN ('leave', 'move', 'correct')
             RETURNING stay.lead_id
            ),
            entered AS (
                INSERT INTO crm_lead_stage_history (
                    lead_id, stage_id, stage_ref, stage_name, stage_sequence,
                    stage_is_won, date_entered, date_exited, exit_kind, user_id,
                    team_id, company_id, currency_id, expected_revenue,
                    lost_reason_id, origin
                )
                SELECT change.id, change.stage_id, change.stage_id, change.stage_name,
                       change.stage_sequence, change.stage_is_won, change.moment,
                       CASE WHEN NOT change.standing THEN change.moment END,
                       CASE WHEN NOT change.standing THEN change.ending END,
                       change.user_id, change.team_id, change.company_id,
                       change.currency_id, change.expected_revenue,
                       CASE WHEN change.ending = 'lost' THEN change.lost_reason_id END,
                       'live'
                  FROM change
             -- the stay is closed before the next one opens
             LEFT JOIN ended ON ended.lead_id = change.id
                 WHERE change.action IN ('enter', 'move')
            )
            %(summary)s
            """,
            deal=self._deal_query(),
            now=SQL("_now"),
            move_kind=self._move_kind_sql(
                "last_stage",
                self._stage_rank_sql("deal", "stage_id", "stage_"),
                SQL("last_stay.team_id"),
                SQL("deal.team_id"),
            ),
            summary=self.env["crm.lead.stage.summary"]._record_query(),
        )

    def _deal_query(self):
        """What the history has to know of ``_lead_ids``: one row each, with its stage,
        ``standing`` (is in a stage: pending, or won whether archived or not)
        and, for those that are not, ``ending`` (``lost`` or ``on_hold``).

        A deal is lost when it is archived and somebody gave it the probability
        0. As long as Odoo has learnt nothing, deals have no probability at all
        (NULL): such a one that is archived was not lost. Neither was one that is
        on hold until a date.

        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """
            SELECT lead.id, lead.stage_id, stage.name AS stage_name,
                   stage.sequence AS stage_sequence, stage.is_won AS stage_is_won,
                   lead.user_id, lead.team_id, lead.company_id, lead.type,
                   COALESCE(company.currency_id, (
                       SELECT currency_id FROM res_company WHERE id = %(company)s
                   )) AS currency_id,
                   lead.expected_revenue, lead.lost_reason_id,
                   %(standing)s AS standing,
                   %(ending)s AS ending
              FROM crm_lead lead
         LEFT JOIN crm_stage stage ON stage.id = lead.stage_id
         LEFT JOIN res_company company ON company.id = lead.company_id
             WHERE lead.id = ANY(%(lead_ids)s)
            """,
            company=SQL("_company_id"),
            standing=self._standing_sql(),
            ending=self._ending_sql(),
            lead_ids=SQL("_lead_ids"),
        )

    def _standing_sql(self):
        """Whether a deal is in a stage, of the tables ``lead`` and ``stage``.

        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            "(lead.active OR (stage.is_won IS TRUE AND lead.probability >= 100))"
        )

    def _ending_sql(self):
        """How a deal ended that is in no stage, likewise; NULL for one that is.

        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """CASE WHEN %s THEN NULL
                    -- a date to come back on says more than a chance of 0
                    WHEN lead.on_hold_until IS NOT NULL THEN 'on_hold'
                    -- who is lost has none; NULL is one never computed
                    WHEN lead.probability = 0 THEN 'lost'
                    ELSE 'on_hold' END""",
            self._standing_sql(),
        )

    def _stage_rank_sql(self, alias, id_column="id", prefix=""):
        """Where a stage that is entered stands among the others, to be compared: a
        won stage is behind all, no stage comes before every other.

        :param str alias: of what has the columns of the stage
        :param str prefix: of their names, but for that of ``id_column``
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            "(COALESCE(%s, FALSE), COALESCE(%s, -1), COALESCE(%s, 0))",
            SQL.identifier(alias, f"{prefix}is_won"),
            SQL.identifier(alias, f"{prefix}sequence"),
            SQL.identifier(alias, id_column),
        )

    def _move_kind_sql(self, last_stage, entered_rank, last_team, team):
        """How a deal left a stage for another one.

        It was handed off when its team changed and the stage it left is no
        stage of the new team's pipeline; otherwise the order of the stages
        decides.

        :param str last_stage: alias of ``crm_stage`` for the stage left
        :param SQL entered_rank: :meth:`_stage_rank_sql` of the stage entered
        :param SQL last_team: the team when the stage was entered
        :param SQL team: the team now
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """CASE
                WHEN %(team)s IS DISTINCT FROM %(last_team)s
                     AND EXISTS (SELECT FROM crm_stage_crm_team_rel pipeline
                                  WHERE pipeline.crm_stage_id = %(left)s.id)
                     AND NOT EXISTS (SELECT FROM crm_stage_crm_team_rel pipeline
                                      WHERE pipeline.crm_stage_id = %(left)s.id
                                        AND pipeline.crm_team_id = %(team)s)
                    THEN 'handed_off'
                WHEN %(left)s.id IS NOT NULL
                     AND %(entered_rank)s < %(left_rank)s
                    THEN 'moved_back'
                ELSE 'advanced'
            END""",
            left=SQL.identifier(last_stage),
            left_rank=self._stage_rank_sql(last_stage),
            entered_rank=entered_rank,
            last_team=last_team,
            team=team,
        )

    # ------------------------------------------------------------
    # MERGE
    # ------------------------------------------------------------

    @api.model
    def _merge(self, survivor, merged):
        """Give ``survivor`` the one history of all the deals that become it.

        It is the history of the deal that came furthest, begun at the earliest
        start of them all: what the earliest deal lived before that one started
        is put in front. The open stays of the ``merged`` deals end as
        ``merged``, so that none of them counts beside the survivor.

        :param survivor: ``crm.lead`` that goes on
        :param merged: recordset of ``crm.lead`` that are about to disappear
        """
        self._record(survivor | merged)
        # sudo: who may merge deals merges their history; nothing is returned
        chains = (
            self.sudo()
            .search(
                [("lead_id", "in", (survivor | merged).ids)], order="date_entered, id"
            )
            .grouped("lead_id")
        )
        furthest = max(
            chains.values(),
            key=lambda chain: (chain._furthest_rank(), chain.lead_id == survivor),
        )
        earliest = min(chains.values(), key=lambda chain: chain[0].date_entered)
        stays = furthest._put_behind(
            earliest.filtered(lambda s: s.date_entered < furthest[0].date_entered)
        )
        self.env.execute_query(
            SQL(
                """
                WITH plan (
                    place, id, date_entered, date_exited, exit_kind, next_stage_id
                ) AS (VALUES %(stays)s),
                replaced AS (
                    DELETE FROM crm_lead_stage_history
                     WHERE lead_id = %(survivor)s
                 RETURNING id
                ),
                ended AS (
                    UPDATE crm_lead_stage_history
                       SET date_exited = GREATEST(%(now)s, date_entered),
                           exit_kind = 'merged'
                     WHERE lead_id IN %(merged)s
                       AND date_exited IS NULL
                )
                INSERT INTO crm_lead_stage_history (
                    lead_id, stage_id, stage_ref, stage_name, stage_sequence,
                    stage_is_won, date_entered, date_exited, exit_kind,
                    next_stage_id, user_id, team_id, company_id, currency_id,
                    expected_revenue, lost_reason_id, origin
                )
                SELECT %(survivor)s, stay.stage_id, stay.stage_ref, stay.stage_name,
                       stay.stage_sequence, stay.stage_is_won,
                       plan.date_entered::timestamp, plan.date_exited::timestamp,
                       plan.exit_kind::varchar, plan.next_stage_id::int, stay.user_id,
                       stay.team_id, stay.company_id, stay.currency_id,
                       stay.expected_revenue,
                       CASE WHEN plan.exit_kind = 'lost'
                            THEN stay.lost_reason_id END,
                       stay.origin
                  FROM crm_lead_stage_history stay
                  JOIN plan ON plan.id = stay.id
                 -- the old chain is gone before the new one is written
                 WHERE (SELECT COUNT(*) FROM replaced) >= 0
              -- not by time: two stays may begin in the same second
              ORDER BY plan.place
                """,
                stays=SQL(", ").join(
                    (place, *stay) for place, stay in enumerate(stays)
                ),
                survivor=survivor.id,
                merged=merged._ids,
                now=self.env.cr.now().replace(microsecond=0),
            )
        )
        self.env["crm.lead.stage.summary"]._summarize(
            SQL("%s", (survivor | merged)._ids)
        )
        self.invalidate_model(flush=False)
        self._record(survivor)

    def _stage_rank(self):
        """Where the stage of a stay stands among the others: a won stage is
        behind all, the rest go by their order in the pipeline.

        :rtype: tuple, to be compared
        """
        self.ensure_one()
        stage = self.stage_id
        return (
            self.stage_is_won,
            stage.sequence if stage else self.stage_sequence,
            self.stage_ref,
        )

    def _furthest_rank(self):
        """The rank of the furthest stage among the stays of one deal."""
        return max(stay._stage_rank() for stay in self)

    def _put_behind(self, prelude):
        """The chain ``self`` continued backwards by the stays of ``prelude``,
        another deal's, all entered before the first one of ``self``.

        :return: list of ``[id, date_entered, date_exited, exit_kind,
            next_stage_id]`` in the order of the chain
        """
        chain = [
            [s.id, s.date_entered, s.date_exited, s.exit_kind, s.next_stage_id.id]
            for s in prelude + self
        ]
        # NULL, not false
        chain = [[value or None for value in stay] for stay in chain]
        if prelude:
            before, first = prelude[-1], self[0]
            last = chain[len(prelude) - 1]
            # it had not ended by then, or it went on to a stay that is left out
            if last[3] not in ENDINGS or last[2] > first.date_entered:
                if before.stage_ref == first.stage_ref:
                    chain[len(prelude)][1] = last[1]
                    del chain[len(prelude) - 1]
                else:
                    forward = before._stage_rank() < first._stage_rank()
                    last[2:] = [
                        first.date_entered,
                        "advanced" if forward else "moved_back",
                        first.stage_id.id or None,
                    ]
        return chain

    # ------------------------------------------------------------
    # TAKE-OVER
    # ------------------------------------------------------------

    @api.model
    def _take_over(self, batch_size=TAKE_OVER_BATCH):
        """Write the history of all deals that have none, from what Odoo still
        knows of them: creation, the tracking values in the chatter, the state of
        today. What the chatter does not tell is inferred and marked so.

        What is done after a batch stays right whatever becomes of the next ones, so
        the caller may commit then: called again, it goes on with the deals that are
        left.

        :param int batch_size: deals in one statement
        :return: generator of the number of stays written by each batch
        """
        self.env.flush_all()
        lead_ids = [
            lead_id
            for (lead_id,) in self.env.execute_query(
                SQL(
                    """
                    SELECT lead.id FROM crm_lead lead
                     WHERE NOT EXISTS (SELECT FROM crm_lead_stage_history stay
                                        WHERE stay.lead_id = lead.id)
                  ORDER BY lead.id
                    """
                )
            )
        ]
        done = 0
        for batch in split_every(batch_size, lead_ids):
            with self._in_bulk():
                [(count,)] = self.env.execute_query(self._take_over_query(batch))
                self.env["crm.lead.stage.summary"]._summarize(
                    SQL("(SELECT UNNEST(%s))", list(batch))
                )
            done += len(batch)
            _logger.info(
                "Stage history: %s of %s deals taken over", done, len(lead_ids)
            )
            if done == len(lead_ids):
                self._after_bulk()
            yield count

    @contextmanager
    def _in_bulk(self):
        """Let PostgreSQL take the memory to sort many stays, and not check one by
        one that what they refer to is there, which takes as long as all the rest:
        :meth:`_after_bulk` does it at once. An error leaves the transaction, and
        with it all of this.
        """
        self.env.execute_query(SQL("SELECT SET_CONFIG('work_mem', '128MB', TRUE)"))
        foreign_keys = self._get_foreign_keys()
        for table, name, _definition, _is_checked in foreign_keys:
            sql.drop_constraint(self.env.cr, table, name)
        yield
        for table, name, definition, is_checked in foreign_keys:
            unchecked = f"{definition} NOT VALID" if is_checked else definition
            sql.add_constraint(self.env.cr, table, name, unchecked)

    def _get_foreign_keys(self):
        """:return: list of table, name, definition and whether it is checked"""
        return self.env.execute_query(
            SQL(
                """
                SELECT conrelid::regclass::text, conname, PG_GET_CONSTRAINTDEF(oid),
                       convalidated
                  FROM pg_constraint
                 WHERE contype = 'f' AND conrelid IN (
                       'crm_lead_stage_history'::regclass,
                       'crm_lead_stage_summary'::regclass)
                """
            )
        )

    def _after_bulk(self):
        """Check what :meth:`_in_bulk` did not, and let PostgreSQL know at once that
        the table is no longer what it was: a question asked before it finds out by
        itself takes minutes.
        """
        for table, name, _definition, is_checked in self._get_foreign_keys():
            if not is_checked:
                self.env.execute_query(
                    SQL(
                        "ALTER TABLE %s VALIDATE CONSTRAINT %s",
                        SQL.identifier(table),
                        SQL.identifier(name),
                    )
                )
        self.env.execute_query(SQL("ANALYZE crm_lead"))
        self.env.execute_query(SQL("ANALYZE crm_lead_stage_history"))
        self.env.execute_query(SQL("ANALYZE crm_lead_stage_summary"))
        self.invalidate_model(flush=False)

    def _take_over_query(self, lead_ids):
        """The statement that writes the history of ``lead_ids``.

        Each message that tracked something is an event; before the first one
        stands the creation, after the last one the state of today. The values
        between two events are those of the earlier one. How a deal that is in no
        stage ended at last, and why, is what the deal itself says today.

        :rtype: :class:`odoo.tools.SQL`
        """
        fields_get = self.env["ir.model.fields"]._get
        # column of the event → (tracked field, column of the value, value today)
        tracked = {
            "stage": ("stage_id", "integer", "lead.stage_id"),
            "alive": ("active", "integer", "lead.active::int"),
            "owner": ("user_id", "integer", "lead.user_id"),
            "team": ("team_id", "integer", "lead.team_id"),
            "revenue": ("expected_revenue", "float", "lead.expected_revenue"),
            "reason": ("lost_reason_id", "integer", "lead.lost_reason_id"),
        }
        # Behind each event, what was told last; all of it from one sort: the place of
        # the event stands before the value, and the greatest of both is the last one.
        carried = {
            "integer": """((MAX((place << 32) | %(column)s) OVER until_then)
                          & 4294967295)::int AS %(column)s""",
            "float": """(MAX(CASE WHEN %(column)s IS NOT NULL
                                  THEN ARRAY[place, %(column)s] END)
                        OVER until_then)[2] AS %(column)s""",
        }
        told, first, today, filled = [], [], [], []
        for column, (fname, kind, now_sql) in tracked.items():
            names = {
                "column": SQL.identifier(column),
                "first": SQL.identifier(f"first_{column}"),
                "field_id": fields_get("crm.lead", fname).id,
                "old": SQL.identifier(f"old_value_{kind}"),
                "new": SQL.identifier(f"new_value_{kind}"),
                "now": SQL(now_sql),
            }
            told.append(
                SQL(
                    """MAX(COALESCE(value.%(new)s, 0))
                       FILTER (WHERE value.field_id = %(field_id)s) AS %(column)s,
                       MAX(COALESCE(value.%(old)s, 0))
                       FILTER (WHERE value.field_id = %(field_id)s) AS %(first)s""",
                    **names,
                )
            )
            # what no message tells was always as it is today, but for these
            unknown = {
                # archived without a word of it: it was alive before
                "alive": SQL("1"),
                # given without a word of it: not while it was another ending
                "reason": SQL("0"),
                # moved without a word of it: it began where the pipeline does
                "stage": SQL(
                    """CASE WHEN %s THEN (
                        SELECT stage.id
                          FROM crm_stage stage
                     LEFT JOIN crm_stage_crm_team_rel pipeline
                            ON pipeline.crm_stage_id = stage.id
                         WHERE pipeline.crm_team_id IS NULL
                            OR pipeline.crm_team_id = lead.team_id
                      ORDER BY stage.sequence, stage.id
                         LIMIT 1
                    ) ELSE lead.stage_id END""",
                    MOVED_SINCE_CREATION,
                ),
            }.get(column, names["now"])
            first.append(
                SQL(
                    """COALESCE((ARRAY_AGG(told.%(first)s ORDER BY told.moment, told.rank)
                       FILTER (WHERE told.%(first)s IS NOT NULL))[1], %(unknown)s, 0)
                       AS %(column)s""",
                    unknown=unknown,
                    **names,
                )
            )
            today.append(SQL("COALESCE(%(now)s, 0) AS %(column)s", **names))
            filled.append(SQL(carried[kind], **names))
        columns = SQL(", ").join(map(SQL.identifier, tracked))
        return SQL(
            """
            WITH told AS (
                SELECT message.res_id AS lead_id,
                       MIN(value.create_date) AS moment,
                       MIN(value.id) AS rank,
                       -- lost and not just archived
                       BOOL_OR(value.new_value_char <> ALL(%(not_lost)s))
                       FILTER (WHERE value.field_id = %(won_status)s) AS lost,
                       BOOL_OR(value.old_value_char <> ALL(%(not_lost)s))
                       FILTER (WHERE value.field_id = %(won_status)s) AS first_lost,
                       %(told)s
                  FROM mail_message message
                  JOIN mail_tracking_value value
                    ON value.mail_message_id = message.id
                 WHERE message.model = 'crm.lead'
                   AND message.res_id = ANY(%(lead_ids)s)
                   AND value.field_id = ANY(%(field_ids)s)
              GROUP BY message.res_id, message.id
            ),
            removed_stage AS (
                SELECT known.id, JSONB_BUILD_OBJECT('en_US', MAX(known.name)) AS name
                  FROM mail_message message
                  JOIN mail_tracking_value value
                    ON value.mail_message_id = message.id
            CROSS JOIN LATERAL (
                       VALUES (value.old_value_integer, value.old_value_char),
                              (value.new_value_integer, value.new_value_char)
                       ) AS known (id, name)
                 WHERE message.model = 'crm.lead'
                   AND message.res_id = ANY(%(lead_ids)s)
                   AND value.field_id = %(stage_field)s
                   AND known.id > 0
                   AND NOT EXISTS (SELECT FROM crm_stage WHERE id = known.id)
              GROUP BY known.id
            ),
            event AS (
                SELECT lead_id, moment, rank::bigint, lost, NULL::bool AS standing,
                       %(columns)s, 'tracking' AS origin
                  FROM told
             UNION ALL
                SELECT lead.id,
                       LEAST(MAX(lead.create_date), MIN(told.moment)),
                       -1,
                       (ARRAY_AGG(told.first_lost ORDER BY told.moment, told.rank)
                       FILTER (WHERE told.first_lost IS NOT NULL))[1],
                       NULL, %(first)s, 'inferred'
                  FROM crm_lead lead
             LEFT JOIN told ON told.lead_id = lead.id
                 WHERE lead.id = ANY(%(lead_ids)s)
              GROUP BY lead.id
             UNION ALL
                SELECT lead.id, lead.date_last_stage_update, %(last_rank)s - 1,
                       NULL, NULL, %(last_move)s, 'inferred'
                  FROM crm_lead lead
                 WHERE lead.id = ANY(%(lead_ids)s)
                   AND %(moved)s
             UNION ALL
                SELECT lead.id,
                       GREATEST(
                           MAX(told.moment),
                           CASE WHEN NOT lead.active
                                THEN COALESCE(lead.date_closed, lead.write_date)
                                ELSE COALESCE(lead.date_last_stage_update,
                                              lead.write_date) END,
                           lead.create_date
                       ),
                       %(last_rank)s,
                       %(ending)s IS NOT DISTINCT FROM 'lost',
                       %(standing)s, %(today)s, 'inferred'
                  FROM crm_lead lead
             LEFT JOIN crm_stage stage ON stage.id = lead.stage_id
             LEFT JOIN told ON told.lead_id = lead.id
                 WHERE lead.id = ANY(%(lead_ids)s)
              GROUP BY lead.id, stage.id
            ),
            numbered AS (
                SELECT event.*,
                       ROW_NUMBER() OVER (PARTITION BY lead_id
                                          ORDER BY moment, rank) AS place,
                       CASE WHEN alive = 1 THEN 0
                            WHEN lost IS NOT NULL THEN lost::int
                            -- Odoo has not always tracked it: the reason tells
                            WHEN alive = 0 AND reason > 0 THEN 1 END AS lost_told
                  FROM event
            ),
            filled AS (
                SELECT lead_id, DATE_TRUNC('second', moment) AS moment, rank,
                       standing AS standing_today, origin,
                       (MAX(place * 2 + lost_told) OVER until_then) %% 2 = 1 AS lost,
                       %(filled)s
                  FROM numbered
                WINDOW until_then AS (PARTITION BY lead_id ORDER BY moment, rank)
            ),
            state AS (
                SELECT filled.*, known.standing,
                       CASE WHEN known.standing THEN NULL
                            WHEN filled.lost THEN 'lost'
                            ELSE 'on_hold' END AS ending
                  FROM filled
             LEFT JOIN crm_stage stage ON stage.id = filled.stage
            CROSS JOIN LATERAL (
                       SELECT COALESCE(
                           filled.standing_today,
                           filled.alive = 1 OR stage.is_won IS TRUE
                       ) AS standing
                       ) known
            ),
            compared AS (
                SELECT state.*,
                       LAG(standing) OVER chain AS was_standing,
                       LAG(stage) OVER chain AS last_stage,
                       LAG(ending) OVER chain AS last_ending,
                       LAG(reason) OVER chain AS last_reason
                  FROM state
                WINDOW chain AS (PARTITION BY lead_id ORDER BY moment, rank)
            ),
            change AS (
                SELECT compared.*,
                       LEAD(standing) OVER chain AS next_standing,
                       LEAD(moment) OVER chain AS next_moment,
                       LEAD(ending) OVER chain AS next_ending,
                       LEAD(stage) OVER chain AS next_stage,
                       LEAD(team) OVER chain AS next_team,
                       -- an ending may get another reason until the deal comes back
                       LEAD(last_reason) OVER chain AS next_last_reason,
                       LEAD(last_reason, 2) OVER chain AS following_last_reason,
                       LEAD(rank, 2) OVER chain AS following_rank
                  FROM compared
                 WHERE was_standing IS NULL
                    OR standing <> was_standing
                    OR standing AND stage <> last_stage
                    -- when it ended otherwise untold, nobody knows
                    OR ending <> last_ending AND standing_today IS NULL
                WINDOW chain AS (PARTITION BY lead_id ORDER BY moment, rank)
            ),
            stay AS (
                SELECT change.*,
                       CASE WHEN standing THEN next_moment ELSE moment END AS exited,
                       CASE WHEN standing THEN following_last_reason
                            ELSE next_last_reason END AS exit_reason,
                       CASE WHEN standing THEN next_ending ELSE ending END AS exited_as,
                       CASE WHEN standing THEN following_rank IS NULL
                            ELSE next_moment IS NULL END AS is_last
                  FROM change
                 -- an ending that is none of a stay before has one of no length
                 WHERE standing OR was_standing IS NOT TRUE
            ),
            written AS (
                INSERT INTO crm_lead_stage_history (
                    lead_id, stage_id, stage_ref, stage_name, stage_sequence,
                    stage_is_won, date_entered, date_exited, exit_kind, next_stage_id,
                    user_id, team_id, company_id, currency_id, expected_revenue,
                    lost_reason_id, origin
                )
                SELECT stay.lead_id, entered.id, NULLIF(stay.stage, 0),
                       COALESCE(entered.name, removed_stage.name),
                       COALESCE(entered.sequence, 0),
                       entered.is_won, stay.moment, stay.exited, exit.kind,
                       CASE WHEN exit.is_move THEN next_stage.id END,
                       owner.id, team.id, lead.company_id,
                       COALESCE(company.currency_id, %(currency)s), stay.revenue,
                       CASE WHEN exit.kind IS DISTINCT FROM 'lost' THEN NULL
                            WHEN stay.is_last THEN lead.lost_reason_id
                            ELSE reason.id END,
                       stay.origin
                  FROM stay
                  JOIN crm_lead lead ON lead.id = stay.lead_id
             LEFT JOIN crm_stage stage ON stage.id = lead.stage_id
             LEFT JOIN crm_stage entered ON entered.id = stay.stage
             LEFT JOIN removed_stage ON removed_stage.id = stay.stage
             LEFT JOIN crm_stage next_stage ON next_stage.id = stay.next_stage
             LEFT JOIN res_users owner ON owner.id = stay.owner
             LEFT JOIN crm_team team ON team.id = stay.team
             LEFT JOIN res_company company ON company.id = lead.company_id
             LEFT JOIN crm_lost_reason reason ON reason.id = stay.exit_reason
            CROSS JOIN LATERAL (
                       SELECT stay.standing AND stay.next_standing AS is_move,
                              CASE
                              WHEN NOT stay.standing OR NOT stay.next_standing
                                  THEN COALESCE(
                                      CASE WHEN stay.is_last THEN %(ending)s END,
                                      stay.exited_as
                                  )
                              -- a removed stage is taken to have been a step forward
                              WHEN stay.next_stage > 0 AND next_stage.id IS NULL
                                  THEN 'advanced'
                              WHEN stay.next_standing THEN %(move_kind)s
                              END AS kind
                       ) exit
              ORDER BY stay.lead_id, stay.moment, stay.rank
             RETURNING id
            )
            SELECT COUNT(*) FROM written
            """,
            won_status=fields_get("crm.lead", "won_status").id,
            not_lost=self._get_words_of_not_lost(),
            standing=self._standing_sql(),
            ending=self._ending_sql(),
            field_ids=[
                fields_get("crm.lead", fname).id
                for fname in (
                    "won_status",
                    *(fname for fname, _kind, _now in tracked.values()),
                )
            ],
            told=SQL(", ").join(told),
            first=SQL(", ").join(first),
            today=SQL(", ").join(today),
            filled=SQL(", ").join(filled),
            columns=columns,
            lead_ids=list(lead_ids),
            last_rank=2**62,
            last_move=SQL(", ").join(
                SQL("lead.stage_id") if column == "stage" else SQL("NULL")
                for column in tracked
            ),
            moved=MOVED_SINCE_CREATION,
            stage_field=fields_get("crm.lead", "stage_id").id,
            currency=self.env.company.currency_id.id,
            move_kind=self._move_kind_sql(
                "entered",
                self._stage_rank_sql("next_stage"),
                SQL("team.id"),
                SQL("NULLIF(stay.next_team, 0)"),
            ),
        )

    def _get_words_of_not_lost(self):
        """The chatter keeps how a deal stands in words, in the language of whoever
        changed it.

        :return: list of what says in any language that a deal is not lost
        """
        status = self.env["ir.model.fields"]._get("crm.lead", "won_status")
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT word.value
                  FROM ir_model_fields_selection selection
            CROSS JOIN JSONB_EACH_TEXT(selection.name) AS word
                 WHERE selection.field_id = %s AND selection.value <> 'lost'
                """,
                status.id,
            )
        )
        return ["", *(word for (word,) in rows)]
