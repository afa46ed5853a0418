from datetime import timedelta
from math import ceil

from babel.dates import format_timedelta
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date
from odoo.tools.misc import get_lang

from odoo.addons.sales_funnel_crm.tools import ensure_one_record

# A deal is at risk when it stays longer than this part of the past ones.
USUAL_PART = 0.8

# So many past stays make a team, or a company, worth comparing with itself.
ENOUGH_STAYS = 20

DAYS_BEFORE_EXPIRY = 7
MOST_DAYS_BEFORE_EXPIRY = 3650

# Of each kind of document, the field that leads to it; rows are numbered by document
# and kind.
DOCUMENTS = {
    "deal": "lead_id",
    "quotation": "order_id",
    "order": "order_id",
    "invoice": "move_id",
}


class SalesRisk(models.Model):
    """What is about to be lost: one row for each deal, quotation, order and invoice
    that somebody should do something about.

    - A deal stays longer in its stage than four of five past deals did: than the
      80th percentile of the finished stays there of its team, if there are at least
      20 of them, else of its company, if there are as many, else of all.
    - A quotation was sent and expires within a week, or as many days as the system
      parameter ``sales_funnel_report.days_before_expiry`` or the key
      ``days_before_expiry`` of the context says.
    - An order should have been delivered: goods are missing after the delivery date
      of the order, or the day that Odoo expected when it was confirmed.
    - A customer invoice is late, or an instalment of one.

    Each kind of document is read through its own record rules.
    """

    _name = "sales.risk"
    _description = "At Risk"
    _inherit = ["sales.report.mixin"]
    _auto = False
    _order = "amount desc, date_due, id"

    kind = fields.Selection(
        [
            ("deal", "Deal"),
            ("quotation", "Quotation"),
            ("order", "Order"),
            ("invoice", "Invoice"),
        ],
        string="What",
        readonly=True,
    )
    name = fields.Char(string="Document", readonly=True)
    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    order_id = fields.Many2one("sale.order", readonly=True)
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    amount = fields.Monetary(
        readonly=True,
        help="Deals: expected revenue. Quotations: amount before taxes. Orders: what "
        "has not been delivered, before taxes. Invoices: what is late, with taxes. "
        "All in the currency of your company.",
    )
    amount_once = fields.Monetary(
        string="Counted Once",
        readonly=True,
        help="What adds up: a deal counts with what its own quotations, orders and "
        "invoices in this list do not count already.",
    )
    date_due = fields.Date(
        string="Due",
        readonly=True,
        help="Deals: the day by which four of five past deals had left the stage. "
        "Quotations: the last day they are valid. Orders: the day of delivery. "
        "Invoices: the day they were to be paid.",
    )
    days_late = fields.Integer(
        aggregator="max",
        readonly=True,
        help="Days since it was due. Below zero: days that are left.",
    )
    reason = fields.Char(
        string="Why",
        compute="_compute_reason",
        help="What is usual of a deal is what four of five past deals needed to leave "
        "the stage.",
    )
    stage_id = fields.Many2one("crm.stage", readonly=True)
    date_entered = fields.Datetime(
        string="In the Stage since",
        readonly=True,
    )
    usual_days = fields.Float(
        string="Usual Days in the Stage",
        aggregator=None,
        readonly=True,
        help="Four of five past deals left the stage within so many days.",
    )
    usual_of = fields.Selection(
        [("team", "Team"), ("company", "Company"), ("all", "All")],
        string="Compared with",
        readonly=True,
        help="Whose past deals it is compared with: those of its team, if at least 20 "
        "have left the stage, else those of its company, if as many have, else all.",
    )
    is_partial = fields.Boolean(string="Partly Done", readonly=True)

    _depends = {
        "crm.lead.stage.history": [
            "lead_id",
            "stage_id",
            "stage_ref",
            "stage_is_won",
            "date_entered",
            "date_exited",
            "exit_kind",
            "team_id",
            "company_id",
        ],
        "crm.lead": [
            "name",
            "active",
            "partner_id",
            "user_id",
            "team_id",
            "company_id",
            "expected_revenue",
        ],
        "sale.order": [
            "name",
            "state",
            "partner_id",
            "user_id",
            "team_id",
            "company_id",
            "opportunity_id",
            "amount_untaxed",
            "currency_rate",
            "validity_date",
            "commitment_date",
            "date_order",
            "picking_policy",
            "delivery_status",
        ],
        "sale.order.line": [
            "order_id",
            "display_type",
            "qty_delivered_method",
            "product_uom_qty",
            "qty_delivered",
            "price_subtotal",
            "customer_lead",
            "invoice_lines",
        ],
        "account.move": [
            "name",
            "state",
            "move_type",
            "payment_state",
            "partner_id",
            "invoice_user_id",
            "team_id",
            "company_id",
            "invoice_date_due",
        ],
        "account.move.line": [
            "move_id",
            "account_id",
            "reconciled",
            "amount_residual",
            "date_maturity",
        ],
    }

    # ------------------------------------------------------------
    # ROWS
    # ------------------------------------------------------------

    @api.model
    def _get_days_before_expiry(self):
        """:rtype: int, how many days before it expires a quotation is at risk"""
        days = self.env.context.get("days_before_expiry")
        if days is None:
            # sudo: one number, nothing of which is shown
            days = (
                self.env["ir.config_parameter"]
                .sudo()
                .get_param("sales_funnel_report.days_before_expiry", DAYS_BEFORE_EXPIRY)
            )
        try:
            return min(max(int(days), 0), MOST_DAYS_BEFORE_EXPIRY)
        except (OverflowError, TypeError, ValueError):
            return DAYS_BEFORE_EXPIRY

    @property
    def _table_query(self):
        today = fields.Date.context_today(self)
        return SQL(
            """
            WITH rate AS (SELECT * FROM %(rates)s AS rate (company_id, rate)),
            risk AS (%(risks)s)
            SELECT risk.*,
                   %(currency)s AS currency_id,
                   %(today)s - date_due AS days_late,
                   CASE WHEN kind = 'deal' AND lead_id IS NOT NULL THEN GREATEST(
                            amount - COALESCE(
                                SUM(amount) FILTER (WHERE kind <> 'deal')
                                OVER (PARTITION BY lead_id), 0
                            ), 0)
                        ELSE amount END AS amount_once
              FROM risk
            """,
            rates=self._rates_sql(),
            risks=SQL(" UNION ALL ").join(
                [
                    self._deals_query(),
                    self._quotations_query(today),
                    self._orders_query(today),
                    self._invoices_query(today),
                ]
            ),
            currency=self.env.company.currency_id.id,
            today=today,
        )

    def _row_id(self, kind):
        return SQL(
            "document.id::bigint * %s + %s", len(DOCUMENTS), list(DOCUMENTS).index(kind)
        )

    def _deals_query(self):
        """Open deals that stay in their stage longer than usual.

        How long deals usually stay is a number that tells nothing of any of them: it
        is taken from all of them, whoever may read them.

        :rtype: :class:`odoo.tools.SQL`
        """
        count = self.env["crm.funnel.count"]
        return SQL(
            """
            (
            WITH usual AS (
                SELECT stage_ref, team_id, company_id,
                       CASE WHEN GROUPING(team_id) = 0 THEN 'team'
                            WHEN GROUPING(company_id) = 0 THEN 'company'
                            ELSE 'all' END AS scope,
                       COUNT(*) AS stays,
                       PERCENTILE_CONT(%(part)s) WITHIN GROUP (ORDER BY days) AS days
                  FROM (
                       SELECT stage_ref, team_id, company_id, %(past_days)s AS days
                         FROM crm_lead_stage_history
                        WHERE exit_kind <> 'merged' AND stage_is_won IS NOT TRUE
                       ) past
              GROUP BY GROUPING SETS (
                       (stage_ref, team_id), (stage_ref, company_id), (stage_ref)
                       )
            )
            SELECT %(row_id)s AS id,
                   'deal' AS kind,
                   document.name,
                   document.id AS lead_id,
                   NULL::int AS order_id,
                   NULL::int AS move_id,
                   document.partner_id,
                   document.user_id,
                   document.team_id,
                   document.company_id,
                   COALESCE(document.expected_revenue, 0) * COALESCE(rate.rate, 1)
                       AS amount,
                   %(due)s::date AS date_due,
                   stay.stage_id,
                   stay.date_entered,
                   limits.days AS usual_days,
                   limits.scope AS usual_of,
                   FALSE AS is_partial
              FROM crm_lead_stage_history stay
              JOIN crm_lead document ON document.id = stay.lead_id
         LEFT JOIN rate ON rate.company_id = document.company_id
         LEFT JOIN usual of_team
                ON of_team.scope = 'team' AND of_team.stays >= %(enough)s
               AND of_team.stage_ref = stay.stage_ref
               AND of_team.team_id = stay.team_id
         LEFT JOIN usual of_company
                ON of_company.scope = 'company' AND of_company.stays >= %(enough)s
               AND of_company.stage_ref = stay.stage_ref
               AND of_company.company_id = stay.company_id
         LEFT JOIN usual of_all
                ON of_all.scope = 'all' AND of_all.stage_ref = stay.stage_ref
        CROSS JOIN LATERAL (
                   SELECT COALESCE(of_team.days, of_company.days, of_all.days) AS days,
                          COALESCE(of_team.scope, of_company.scope, of_all.scope)
                              AS scope
                   ) limits
             WHERE stay.date_exited IS NULL
               AND stay.stage_is_won IS NOT TRUE
               AND %(days)s > limits.days
               AND document.id IN %(deals)s
            )
            """,
            part=USUAL_PART,
            enough=ENOUGH_STAYS,
            row_id=self._row_id("deal"),
            past_days=count._days_sql(SQL("date_exited - date_entered")),
            days=count._days_sql(
                SQL("%s::timestamp - stay.date_entered", self.env.cr.now())
            ),
            due=self._local_sql(
                SQL("(stay.date_entered + limits.days * INTERVAL '1 day')")
            ),
            deals=self._readable("crm.lead", active_test=True),
        )

    def _quotations_query(self, today):
        """Quotations sent that are about to expire.

        :param date today: the user's day
        :rtype: :class:`odoo.tools.SQL`
        """
        last = today + relativedelta(days=self._get_days_before_expiry())
        return SQL(
            """
            SELECT %(row_id)s, 'quotation', document.name, document.opportunity_id,
                   document.id, NULL::int, document.partner_id, document.user_id,
                   document.team_id, document.company_id,
                   document.amount_untaxed / NULLIF(document.currency_rate, 0)
                       * COALESCE(rate.rate, 1),
                   document.validity_date, NULL::int, NULL::timestamp, NULL::float8,
                   NULL, FALSE
              FROM sale_order document
         LEFT JOIN rate USING (company_id)
             WHERE document.id IN %(quotations)s
            """,
            row_id=self._row_id("quotation"),
            quotations=self._readable(
                "sale.order",
                Domain("state", "=", "sent")
                & Domain("validity_date", ">=", today)
                & Domain("validity_date", "<=", last),
            ),
        )

    def _orders_query(self, today):
        """Orders of which goods are missing though their day has passed.

        An order that is delivered as soon as possible is late with its first line
        that is; one that waits for all products, with its last.

        :param date today: the user's day
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """
            SELECT %(row_id)s, 'order', document.name, document.opportunity_id,
                   document.id, NULL::int, document.partner_id, document.user_id,
                   document.team_id, document.company_id,
                   missing.amount / NULLIF(document.currency_rate, 0)
                       * COALESCE(rate.rate, 1),
                   missing.day, NULL::int, NULL::timestamp, NULL::float8, NULL,
                   missing.is_partial
              FROM sale_order document
         LEFT JOIN rate USING (company_id)
        CROSS JOIN LATERAL (
                   SELECT SUM(line.price_subtotal
                              * (line.product_uom_qty - line.qty_delivered)
                              / line.product_uom_qty
                          ) FILTER (WHERE %(is_open)s) AS amount,
                          %(day)s::date AS day,
                          BOOL_OR(line.qty_delivered > 0) AS is_partial
                     FROM sale_order_line line
                    WHERE line.order_id = document.id
                      AND line.display_type IS NULL
                      AND line.qty_delivered_method = 'stock_move'
                      AND line.product_uom_qty > 0
                   ) missing
             WHERE missing.amount IS NOT NULL
               AND missing.day < %(today)s
               AND document.id IN %(orders)s
            """,
            row_id=self._row_id("order"),
            is_open=SQL("line.qty_delivered < line.product_uom_qty"),
            day=self._local_sql(
                SQL(
                    """COALESCE(document.commitment_date, document.date_order
                       + INTERVAL '1 day' * CASE
                           WHEN document.picking_policy = 'one'
                           THEN MAX(line.customer_lead)
                           ELSE MIN(line.customer_lead) FILTER (WHERE %s)
                       END)""",
                    SQL("line.qty_delivered < line.product_uom_qty"),
                )
            ),
            today=today,
            orders=self._readable(
                "sale.order",
                Domain("state", "=", "sale") & Domain("delivery_status", "!=", "full"),
            ),
        )

    def _invoices_query(self, today):
        """Customer invoices of which something should have been paid.

        Of the journal items only those of invoices are used that the user may read,
        and only what the invoice shows: how much is to be paid by when.

        :param date today: the user's day
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            """
            SELECT %(row_id)s, 'invoice', document.name, (
                       SELECT MIN(sold.opportunity_id)
                         FROM account_move_line item
                         JOIN sale_order_line_invoice_rel link
                           ON link.invoice_line_id = item.id
                         JOIN sale_order_line line ON line.id = link.order_line_id
                         JOIN sale_order sold ON sold.id = line.order_id
                        WHERE item.move_id = document.id
                   ),
                   NULL::int, document.id, document.partner_id,
                   document.invoice_user_id, document.team_id, document.company_id,
                   late.amount * COALESCE(rate.rate, 1), late.day, NULL::int,
                   NULL::timestamp, NULL::float8, NULL,
                   document.payment_state = 'partial'
              FROM account_move document
         LEFT JOIN rate USING (company_id)
        CROSS JOIN LATERAL (
                   SELECT SUM(item.amount_residual) AS amount,
                          MIN(COALESCE(item.date_maturity, document.invoice_date_due))
                              AS day
                     FROM account_move_line item
                     JOIN account_account account
                       ON account.id = item.account_id
                      AND account.account_type = 'asset_receivable'
                    WHERE item.move_id = document.id
                      AND item.reconciled IS NOT TRUE
                      AND COALESCE(item.date_maturity, document.invoice_date_due)
                          < %(today)s
                   ) late
             WHERE late.amount > 0
               AND document.id IN %(invoices)s
            """,
            row_id=self._row_id("invoice"),
            today=today,
            invoices=self._readable(
                "account.move",
                Domain("state", "=", "posted")
                & Domain("move_type", "in", ("out_invoice", "out_receipt"))
                & Domain("payment_state", "in", ("not_paid", "partial")),
            ),
        )

    # ------------------------------------------------------------
    # IN WORDS
    # ------------------------------------------------------------

    @api.depends_context("lang", "tz")
    @api.depends("kind", "date_due", "is_partial", "stage_id", "usual_days")
    def _compute_reason(self):
        for risk in self:
            risk.reason = getattr(risk, f"_get_{risk.kind}_reason")()

    def _get_deal_reason(self):
        self.ensure_one()
        stay = self.env.cr.now() - self.date_entered
        return self.env._(
            "%(days)s in %(stage)s, usually up to %(usual_days)s",
            stage=self.stage_id.name,
            days=self._format_days(stay.days),
            usual_days=self._format_days(ceil(self.usual_days)),
        )

    def _format_days(self, days):
        """:rtype: str, a number of days with its plural in the user's language"""
        return format_timedelta(
            timedelta(days=days),
            granularity="day",
            # weeks and months are counted in days as well
            threshold=days + 1,
            locale=get_lang(self.env).code,
        )

    def _get_quotation_reason(self):
        self.ensure_one()
        if not self.days_late:
            return self.env._("Expires today")
        return self.env._("Valid until %s", format_date(self.env, self.date_due))

    def _get_order_reason(self):
        self.ensure_one()
        day = format_date(self.env, self.date_due)
        if self.is_partial:
            return self.env._("Partly delivered by %s", day)
        return self.env._("Nothing delivered by %s", day)

    def _get_invoice_reason(self):
        self.ensure_one()
        day = format_date(self.env, self.date_due)
        if self.is_partial:
            return self.env._("Partly paid by %s", day)
        return self.env._("Not paid by %s", day)

    # ------------------------------------------------------------
    # THE NEXT ACTION
    # ------------------------------------------------------------

    def _get_document(self, kind=None):
        """
        :param str kind: the only one that the action is for
        :return: the deal, order or invoice that is at risk
        :raise UserError: not one row, or one of another kind
        """
        ensure_one_record(self)
        if kind and self.kind != kind:
            kinds = dict(self._fields["kind"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "“%(document)s” is of the kind “%(kind)s”, and this is for the kind "
                    "“%(needed)s”. Choose a row of that kind.",
                    document=self.name,
                    kind=kinds[self.kind],
                    needed=kinds[kind],
                )
            )
        return self[DOCUMENTS[self.kind]]

    def action_open_document(self):
        """Open what is at risk.

        :return: window action
        :rtype: dict
        """
        document = self._get_document()
        return {
            "type": "ir.actions.act_window",
            "res_model": document._name,
            "res_id": document.id,
            "views": [(False, "form")],
        }

    def action_schedule_activity(self):
        """Open Odoo's dialog that plans an activity for these documents.

        :return: window action
        :rtype: dict
        :raise UserError: there is no row, or the rows are of several kinds
        """
        if len({DOCUMENTS[risk.kind] for risk in self}) > 1:
            raise UserError(
                self.env._(
                    "These are documents of several kinds. Choose rows of one kind to "
                    "plan an activity for all of them."
                )
            )
        documents = (
            self[:1]._get_document().union(*(risk._get_document() for risk in self))
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Schedule Activity"),
            "res_model": "mail.activity.schedule",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "active_model": documents._name,
                "active_ids": documents.ids,
                "active_id": documents[:1].id,
                "dialog_size": "large",
            },
        }

    def action_log_phonecall(self):
        """Open the dialog that logs or plans a call about it.

        :return: window action
        :rtype: dict
        """
        document = self._get_document()
        if self.kind == "invoice":
            return self.env["crm.phonecall"]._get_dialog_action(
                {"partner_id": document.partner_id.id}
            )
        return document.action_log_phonecall()

    def action_send_quotation(self):
        """Open Odoo's dialog that sends the quotation.

        :return: window action
        :rtype: dict
        :raise UserError: it is no quotation
        """
        return self._get_document("quotation").action_quotation_send()

    def action_open_delivery(self):
        """Open what remains to be delivered; the order, when nothing is planned.

        :return: window action
        :rtype: dict
        :raise UserError: it is no order
        """
        order = self._get_document("order")
        deliveries = order.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        if not deliveries:
            return self.action_open_document()
        return order._get_action_view_picking(deliveries)

    def action_remind(self):
        """Open the dialog that reminds the customer of what is late.

        :return: window action
        :rtype: dict
        :raise UserError: it is no invoice
        """
        customer = self._get_document("invoice").commercial_partner_id
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Remind of Open Invoices"),
            "res_model": "sales.receivable.remind",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_partner_ids": customer.ids,
                "default_is_late_only": True,
            },
        }
