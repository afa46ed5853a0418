from odoo import models
from odoo.tools import SQL


class CrmFunnelCount(models.AbstractModel):
    _inherit = "crm.funnel.count"

    def _entries_of_reply(self, question, steps):
        """A deal reaches the step with the first e-mail that came in for it."""
        return SQL(
            """
            SELECT message.res_id AS lead_id, step.rank, MIN(message.date) AS moment,
                   NULL::numeric AS amount, FALSE AS not_needed
              FROM mail_message message
        CROSS JOIN (VALUES %s) AS step (rank)
             WHERE message.model = 'crm.lead' AND message.message_type = 'email'
          GROUP BY message.res_id, step.rank
            """,
            SQL(", ").join(SQL("(%s)", rank) for rank, _step in steps),
        )
