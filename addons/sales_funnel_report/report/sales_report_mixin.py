from odoo import api, fields, models
from odoo.tools import SQL

from ..models.crm_funnel_count import NO_IDS


class SalesReportMixin(models.AbstractModel):
    """What reports over documents of several kinds have in common: each kind is
    read through its own record rules, and money is in one currency."""

    _name = "sales.report.mixin"
    _inherit = ["sales.text.export.mixin"]
    _description = "Report on Sales Documents"

    @api.model
    def _readable(self, model_name, domain=(), active_test=False):
        """The documents of one kind that the user may read.

        :param str model_name: the kind
        :param domain: only these of them
        :param bool active_test: whether to leave out archived ones
        :return: subselect of their ids, in parentheses; empty for a user to whom
            the model is closed
        :rtype: :class:`odoo.tools.SQL`
        """
        model = self.env[model_name]
        if not model.has_access("read"):
            return NO_IDS
        query = model._search(domain, active_test=active_test)
        return query.subselect()

    @api.model
    def _rates_sql(self):
        """What one unit of the currency of each company is today in the currency of
        the user's company, by the rates of that one.

        :return: rows of ``(company_id, rate)`` to select from, in parentheses
        :rtype: :class:`odoo.tools.SQL`
        """
        target = self.env.company.currency_id
        today = fields.Date.context_today(self)
        # sudo: of the companies only their currency is used, to convert amounts of
        # documents that the user may read
        used = (
            self.env["res.company"]
            .sudo()
            ._read_group([], ["currency_id"], ["id:array_agg"])
        )
        rates = {
            currency: target._get_conversion_rate(
                currency, target, self.env.company, today
            )
            for currency, _company_ids in used
        }
        return SQL(
            "(VALUES %s)",
            SQL(", ").join(
                SQL("(%s::int, %s::float8)", company_id, rates[currency])
                for currency, company_ids in used
                for company_id in company_ids
            ),
        )

    @api.model
    def _local_sql(self, moment):
        """A moment as the clock of the user shows it.

        :param SQL moment: a timestamp in UTC
        :rtype: :class:`odoo.tools.SQL`, a timestamp
        """
        return SQL("(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)", moment, self.env.tz.zone)

    @api.model
    def _won_query(self):
        """The deals that are won and that the user may read.

        They come from the history: a deal is won when it entered the won stage in
        which it still is.

        :return: rows of ``(id, lead_id, user_id, team_id, company_id, date_won,
            amount)``; the salesperson, the team and the amount as they were then
        :rtype: :class:`odoo.tools.SQL`
        """
        count = self.env["crm.funnel.count"]
        currency = self.env.company.currency_id
        return SQL(
            """
            SELECT stay.id, stay.lead_id, stay.user_id, stay.team_id,
                   stay.company_id, stay.date_entered AS date_won,
                   COALESCE(%(amount)s, 0) AS amount
              FROM crm_lead_stage_history stay
                   %(amount_join)s
             WHERE stay.stage_is_won
               AND stay.date_exited IS NULL
               AND stay.lead_id IN %(deals)s
            """,
            amount=count._amount_sql(currency),
            amount_join=count._amount_join(currency),
            deals=self._readable("crm.lead"),
        )
