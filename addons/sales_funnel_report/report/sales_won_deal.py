from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.sales_funnel_crm.tools import ensure_one_record


class SalesWonDeal(models.Model):
    """One row for each deal that is won: what it took to win it.

    A touch is a call held, a meeting or an e-mail to the customer, before the deal
    was won. All touches of a deal count, also those of colleagues: the number is
    the deal's, and who may read the deal may know it.
    """

    _name = "sales.won.deal"
    _description = "Touches until Won"
    _inherit = ["sales.report.mixin"]
    _auto = False
    _order = "date_won desc, id desc"
    _rec_name = "lead_id"

    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        readonly=True,
        help="The salesperson when the deal was won.",
    )
    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        readonly=True,
        help="The sales team when the deal was won.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    date_won = fields.Datetime(
        string="Won On",
        readonly=True,
        help="When the deal entered the won stage in which it still is.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(
        string="Won",
        readonly=True,
        help="Expected revenue when the deal was won, in the currency of your company.",
    )
    calls = fields.Integer(
        string="Calls Held", readonly=True, help="Calls held before the deal was won."
    )
    meetings = fields.Integer(
        readonly=True,
        help="Meetings that began before the deal was won. Calls in the calendar are "
        "calls.",
    )
    mails = fields.Integer(
        string="E-Mails",
        readonly=True,
        help="E-mails to the customer before the deal was won: from the deal and from "
        "its quotations. Those of the customer do not count.",
    )
    touches = fields.Integer(
        readonly=True,
        help="Calls held, meetings and e-mails to the customer before the deal was won.",
    )
    touches_mean = fields.Float(
        string="Mean Touches",
        aggregator="avg",
        readonly=True,
        help="Touches of an average won deal.",
    )
    deals = fields.Integer(string="Won Deals", readonly=True)
    share = fields.Float(
        string="Share of Won Deals (%)",
        readonly=True,
        help="How many of 100 won deals these are, of all that are shown. Cumulated "
        "by touches: how many of 100 were won by the n-th touch.",
    )

    _depends = {
        "crm.lead.stage.history": [
            "lead_id",
            "stage_is_won",
            "date_entered",
            "date_exited",
            "user_id",
            "team_id",
            "company_id",
            "currency_id",
            "expected_revenue",
        ],
        "crm.lead": ["partner_id", "source_id"],
        "crm.phonecall": ["lead_id", "state", "date", "event_id"],
        "calendar.event": ["opportunity_id", "active", "start"],
        "sale.order": ["opportunity_id"],
        "mail.message": ["model", "res_id", "message_type", "date", "is_internal"],
        "mail.notification": [
            "mail_message_id",
            "notification_type",
            "res_partner_id",
        ],
        "res.partner": ["partner_share"],
    }

    # ------------------------------------------------------------
    # ROWS
    # ------------------------------------------------------------

    @property
    def _table_query(self):
        return SQL(
            """
            WITH win AS (%(won)s),
            touch AS (%(touches)s),
            counted AS (
                SELECT win.id,
                       COUNT(*) FILTER (WHERE touch.kind = 'call') AS calls,
                       COUNT(*) FILTER (WHERE touch.kind = 'meeting') AS meetings,
                       COUNT(*) FILTER (WHERE touch.kind = 'mail') AS mails,
                       COUNT(*) AS touches
                  FROM win
                  JOIN touch
                    ON touch.lead_id = win.lead_id AND touch.moment <= win.date_won
              GROUP BY win.id
            )
            SELECT win.id, win.lead_id, lead.partner_id, win.user_id, win.team_id,
                   win.company_id, lead.source_id, win.date_won, win.amount,
                   %(currency)s AS currency_id,
                   COALESCE(counted.calls, 0) AS calls,
                   COALESCE(counted.meetings, 0) AS meetings,
                   COALESCE(counted.mails, 0) AS mails,
                   COALESCE(counted.touches, 0) AS touches,
                   COALESCE(counted.touches, 0)::float8 AS touches_mean,
                   1 AS deals,
                   100::float8 AS share
              FROM win
              JOIN crm_lead lead ON lead.id = win.lead_id
         LEFT JOIN counted ON counted.id = win.id
            """,
            won=self._won_query(),
            touches=SQL(" UNION ALL ").join(self._touch_queries()),
            currency=self.env.company.currency_id.id,
        )

    def _touch_queries(self):
        """What counts as a touch: one query for each kind.

        :rtype: list of :class:`odoo.tools.SQL`, rows of ``(lead_id, kind, moment)``
        """
        return [
            SQL(
                """
                SELECT lead_id, 'call' AS kind, date AS moment
                  FROM crm_phonecall
                 WHERE state = 'held' AND lead_id IN (SELECT lead_id FROM win)
                """
            ),
            SQL(
                """
                SELECT opportunity_id, 'meeting', start
                  FROM calendar_event event
                 WHERE active AND opportunity_id IN (SELECT lead_id FROM win)
                   AND NOT EXISTS (
                       SELECT FROM crm_phonecall WHERE event_id = event.id
                   )
                """
            ),
            SQL(
                """
                SELECT document.lead_id, 'mail', message.date
                  FROM (
                       SELECT 'crm.lead' AS model, lead_id AS id, lead_id FROM win
                        UNION ALL
                       SELECT 'sale.order', id, opportunity_id
                         FROM sale_order
                        WHERE opportunity_id IN (SELECT lead_id FROM win)
                       ) document
                  JOIN mail_message message
                    ON message.model = document.model AND message.res_id = document.id
                 WHERE message.is_internal IS NOT TRUE
                   AND (message.message_type = 'email_outgoing'
                        OR (message.message_type = 'comment' AND EXISTS (
                            SELECT
                              FROM mail_notification notice
                              JOIN res_partner recipient
                                ON recipient.id = notice.res_partner_id
                             WHERE notice.mail_message_id = message.id
                               AND notice.notification_type = 'email'
                               AND recipient.partner_share
                        ))
                   )
                """
            ),
        ]

    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec != "share:sum":
            return super()._read_group_select(aggregate_spec, query)
        return SQL(
            "100.0 * COUNT(*) / NULLIF((SELECT COUNT(*) FROM %s shown), 0)",
            query.subselect(SQL.identifier(self._table, "id")),
        )

    @api.model
    @api.readonly
    def formatted_read_group(
        self,
        domain,
        groupby=(),
        aggregates=(),
        having=(),
        offset=0,
        limit=None,
        order=None,
    ):
        """As Odoo's, without holes: who asks by touches gets every number of them up
        to the greatest, so that a curve does not rise where nobody won.
        """
        groups = super().formatted_read_group(
            domain, groupby, aggregates, having, offset, limit, order
        )
        if list(groupby) != ["touches"] or having or offset or limit or order:
            return groups
        found = {group["touches"]: group for group in groups}
        return [
            found.get(number)
            or {
                **dict.fromkeys(aggregates, 0),
                "touches": number,
                "__extra_domain": [("touches", "=", number)],
            }
            for number in range(max(found, default=-1) + 1)
        ]

    # ------------------------------------------------------------
    # ACTIONS
    # ------------------------------------------------------------

    def action_open_deal(self):
        """Open the deal.

        :return: window action
        :rtype: dict
        """
        ensure_one_record(self)
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.lead",
            "res_id": self.lead_id.id,
            "views": [(False, "form")],
        }

    def action_open_deals(self):
        """Open the deals of these rows.

        :return: window action
        :rtype: dict
        """
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.lead",
            "name": self.env._("Won Deals"),
            "views": [
                (self.env.ref("crm.crm_case_tree_view_oppor").id, "list"),
                (False, "form"),
            ],
            "domain": [("id", "in", self.lead_id.ids)],
            "context": {"active_test": False, "create": False},
        }
