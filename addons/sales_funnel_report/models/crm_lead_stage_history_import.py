import json

from odoo import api, models
from odoo.tools import SQL, split_every

from ..history_import.chains import Stay

REWRITE_BATCH = 5_000


class CrmLeadStageHistory(models.Model):
    _inherit = "crm.lead.stage.history"

    @api.model
    def _read_chains(self, lead_ids):
        """The chains of deals, as :mod:`..history_import.chains` wants them.

        :param lead_ids: ids of deals that the user may read
        :return: dict of deal id to list of ``Stay``
        """
        self.flush_model()
        chains = {}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT lead_id, COALESCE(stage_ref, 0), date_entered, date_exited,
                       exit_kind, next_stage_id, lost_reason_id, user_id, team_id,
                       expected_revenue::float, id
                  FROM crm_lead_stage_history
                 WHERE lead_id = ANY(%s)
              ORDER BY lead_id, date_entered, id
                """,
                list(lead_ids),
            )
        )
        for lead_id, *values in rows:
            chains.setdefault(lead_id, []).append(Stay(*values))
        return chains

    @api.model
    def _rewrite_chains(self, chains):
        """Replace the history of deals by that of a file.

        A ``Stay`` that names a known stay keeps all of it but its beginning and its
        end; how a deal left for another stage is found out where the ``Stay`` does
        not say. The deals must be already what their chains end with.

        :param dict chains: deal id to list of ``Stay``, in order
        """
        self.env["crm.stage"].flush_model(["name", "sequence", "is_won", "team_ids"])
        self.env["crm.lead"].flush_model(["company_id"])
        for lead_ids in split_every(REWRITE_BATCH, chains):
            plan = [
                {
                    "lead_id": lead_id,
                    "place": place,
                    "stay_id": stay.stay_id,
                    "stage_ref": stay.stage or None,
                    "date_entered": stay.entered.isoformat(),
                    "date_exited": stay.exited and stay.exited.isoformat(),
                    "exit_kind": stay.exit_kind,
                    "next_stage_id": stay.next_stage,
                    "lost_reason_id": stay.reason,
                    "user_id": stay.user,
                    "team_id": stay.team,
                    "expected_revenue": stay.amount,
                }
                for lead_id in lead_ids
                for place, stay in enumerate(chains[lead_id])
            ]
            self.env.execute_query(self._rewrite_query(json.dumps(plan)))
            self.env["crm.lead.stage.summary"]._summarize(SQL("%s", tuple(lead_ids)))
        self._after_bulk()

    def _rewrite_query(self, plan):
        """:rtype: :class:`odoo.tools.SQL`, the statement of :meth:`_rewrite_chains`"""
        return SQL(
            """
            WITH plan AS (
                SELECT *
                  FROM JSONB_TO_RECORDSET(%(plan)s::jsonb) AS plan (
                       lead_id int, place int, stay_id int, stage_ref int,
                       date_entered timestamp, date_exited timestamp,
                       exit_kind varchar, next_stage_id int, lost_reason_id int,
                       user_id int, team_id int, expected_revenue numeric)
            ),
            replaced AS (
                DELETE FROM crm_lead_stage_history
                 WHERE lead_id IN (SELECT lead_id FROM plan)
             RETURNING *
            ),
            stay AS (
                SELECT plan.lead_id, plan.place, plan.date_entered, plan.date_exited,
                       plan.exit_kind, plan.next_stage_id, plan.lost_reason_id,
                       known.stage_id, known.stage_ref, known.stage_name,
                       known.stage_sequence, known.stage_is_won, known.user_id,
                       known.team_id, known.company_id, known.currency_id,
                       known.expected_revenue, known.origin
                  FROM plan
                  JOIN replaced known ON known.id = plan.stay_id
             UNION ALL
                SELECT plan.lead_id, plan.place, plan.date_entered, plan.date_exited,
                       plan.exit_kind, plan.next_stage_id, plan.lost_reason_id,
                       stage.id, plan.stage_ref, stage.name, stage.sequence,
                       stage.is_won, plan.user_id, plan.team_id, lead.company_id,
                       COALESCE(company.currency_id, %(currency)s),
                       plan.expected_revenue, 'import'
                  FROM plan
                  JOIN crm_lead lead ON lead.id = plan.lead_id
             LEFT JOIN crm_stage stage ON stage.id = plan.stage_ref
             LEFT JOIN res_company company ON company.id = lead.company_id
                 WHERE plan.stay_id IS NULL
            ),
            chained AS (
                SELECT stay.*,
                       LEAD(stage_id) OVER chain AS entered_id,
                       LEAD(team_id) OVER chain AS next_team_id
                  FROM stay
                WINDOW chain AS (PARTITION BY lead_id ORDER BY place)
            )
            INSERT INTO crm_lead_stage_history (
                lead_id, stage_id, stage_ref, stage_name, stage_sequence,
                stage_is_won, date_entered, date_exited, exit_kind, next_stage_id,
                user_id, team_id, company_id, currency_id, expected_revenue,
                lost_reason_id, origin
            )
            SELECT chained.lead_id, chained.stage_id, chained.stage_ref,
                   chained.stage_name, chained.stage_sequence, chained.stage_is_won,
                   chained.date_entered, chained.date_exited,
                   CASE WHEN chained.date_exited IS NULL THEN NULL
                        WHEN chained.exit_kind IS NOT NULL THEN chained.exit_kind
                        ELSE %(move_kind)s END,
                   CASE WHEN chained.date_exited IS NULL THEN NULL
                        WHEN chained.exit_kind IS NOT NULL THEN chained.next_stage_id
                        ELSE entered.id END,
                   chained.user_id, chained.team_id, chained.company_id,
                   chained.currency_id, chained.expected_revenue,
                   chained.lost_reason_id, chained.origin
              FROM chained
         LEFT JOIN crm_stage last_stage ON last_stage.id = chained.stage_id
         LEFT JOIN crm_stage entered ON entered.id = chained.entered_id
             -- the old chain is gone before the new one is written
             WHERE (SELECT COUNT(*) FROM replaced) >= 0
          ORDER BY chained.lead_id, chained.place
            """,
            plan=plan,
            currency=self.env.company.currency_id.id,
            move_kind=self._move_kind_sql(
                "last_stage",
                self._stage_rank_sql("entered"),
                SQL("chained.team_id"),
                SQL("chained.next_team_id"),
            ),
        )
