from datetime import datetime, time

import pytz
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from odoo.addons.sales_funnel_crm.tools import ensure_one_record

# What is counted of a month, in the order in which it comes about.
FIGURES = ("won", "won_amount", "ordered", "margin", "invoiced", "paid")

# What is set off against an invoice by one of these was not paid with money.
BILL_TYPES = (
    *("out_invoice", "out_refund", "out_receipt"),
    *("in_invoice", "in_refund", "in_receipt"),
)

# Rows are numbered by salesperson and month: so many months, from this year on.
MONTHS_OF_A_SALESPERSON = 4800
FIRST_YEAR = 1900


class SalesPace(models.Model):
    """What each salesperson achieved in each month.

    A salesperson has a row for every month from the first one in which anything
    was won, ordered, invoiced or paid, up to the present one, or to the last in
    which something was when he has left: a month without anything is a row of
    zeros. The averages leave out the present month, which is not over, and what
    belongs to no salesperson.
    """

    _name = "sales.pace"
    _description = "Sales Pace"
    _inherit = ["sales.report.mixin"]
    _auto = False
    _order = "month desc, user_id"

    name = fields.Char(string="Month and Year", compute="_compute_name")
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        readonly=True,
        help="Of deals, the salesperson when the deal was won; of orders and "
        "invoices, the one on the document.",
    )
    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        readonly=True,
        help="The team of the salesperson today.",
    )
    month = fields.Date(
        readonly=True,
        help="In your time zone. Each salesperson has all months from the first one "
        "with anything won, ordered, invoiced or paid.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)
    won = fields.Integer(
        string="Won Deals",
        readonly=True,
        help="Deals that entered the won stage in this month and still are in it.",
    )
    won_amount = fields.Monetary(
        string="Won",
        readonly=True,
        help="Expected revenue of the deals when they were won.",
    )
    ordered = fields.Monetary(
        readonly=True,
        help="Orders confirmed in this month, with or without a deal, before taxes. "
        "Amounts are in the currency of your company; other companies' are converted "
        "at the rate of the day.",
    )
    margin = fields.Monetary(
        readonly=True, help="Margin of the orders confirmed in this month."
    )
    invoiced = fields.Monetary(
        readonly=True,
        help="Customer invoices of this month less credit notes, before taxes.",
    )
    paid = fields.Monetary(
        readonly=True,
        help="Payments of customer invoices in this month, whenever they were "
        "invoiced, without the part that is taxes. Credit notes are no payments; a "
        "discount or a write-off that settles an invoice counts as paid.",
    )
    won_mean = fields.Float(
        string="Won Deals per Month",
        aggregator="avg",
        readonly=True,
        help="Won deals of a salesperson in an average month. Months without any "
        "count as zero from the first month with anything on; the present month "
        "counts when it is over.",
    )
    won_amount_mean = fields.Monetary(
        string="Won per Month",
        aggregator="avg",
        readonly=True,
        help="Expected revenue won by a salesperson in an average month. Months "
        "without any count as zero; the present month counts when it is over.",
    )
    ordered_mean = fields.Monetary(
        string="Ordered per Month",
        aggregator="avg",
        readonly=True,
        help="Orders of a salesperson in an average month. Months without any count "
        "as zero; the present month counts when it is over.",
    )
    margin_mean = fields.Monetary(
        string="Margin per Month",
        aggregator="avg",
        readonly=True,
        help="Margin of the orders of a salesperson in an average month.",
    )
    invoiced_mean = fields.Monetary(
        string="Invoiced per Month",
        aggregator="avg",
        readonly=True,
        help="Invoices of a salesperson in an average month. Months without any "
        "count as zero; the present month counts when it is over.",
    )
    paid_mean = fields.Monetary(
        string="Paid per Month",
        aggregator="avg",
        readonly=True,
        help="Payments to a salesperson's invoices in an average month. Months "
        "without any count as zero; the present month counts when it is over.",
    )

    _depends = {
        "crm.lead.stage.history": [
            "lead_id",
            "stage_is_won",
            "date_entered",
            "date_exited",
            "user_id",
            "company_id",
            "currency_id",
            "expected_revenue",
        ],
        "sale.order": [
            "state",
            "user_id",
            "company_id",
            "date_order",
            "amount_untaxed",
            "currency_rate",
        ],
        "account.move": [
            "state",
            "move_type",
            "invoice_user_id",
            "company_id",
            "invoice_date",
            "amount_untaxed_signed",
            "amount_total_signed",
            "amount_total",
            "matched_payment_ids",
        ],
        "account.move.line": ["move_id", "account_id", "display_type"],
        "account.partial.reconcile": [
            "debit_move_id",
            "credit_move_id",
            "debit_amount_currency",
            "credit_amount_currency",
            "max_date",
        ],
        "account.payment": [
            "move_id",
            "state",
            "date",
            "amount_company_currency_signed",
        ],
        "res.company": ["currency_id"],
        "res.currency.rate": ["currency_id", "company_id", "name", "rate"],
        "res.users": ["active", "sale_team_id"],
    }

    @api.depends_context("lang")
    @api.depends("month")
    def _compute_name(self):
        for pace in self:
            pace.name = format_date(self.env, pace.month, date_format="LLLL y")

    # ------------------------------------------------------------
    # ROWS
    # ------------------------------------------------------------

    @api.model
    def _is_margin_known(self):
        """:rtype: bool, whether Odoo's margins of orders are installed"""
        return "margin" in self.env["sale.order"]._fields

    @property
    def _table_query(self):
        this_month = fields.Date.context_today(self).replace(day=1)
        return SQL(
            """
            WITH event AS (%(events)s),
            result AS (
                SELECT user_id, month, %(sums)s
                  FROM event
              GROUP BY user_id, month
            ),
            life AS (
                SELECT result.user_id, salesperson.sale_team_id AS team_id,
                       MIN(result.month) AS first_month,
                       CASE WHEN salesperson.active
                            THEN GREATEST(MAX(result.month), %(this_month)s)
                            ELSE MAX(result.month) END AS last_month
                  FROM result
             LEFT JOIN res_users salesperson ON salesperson.id = result.user_id
              GROUP BY result.user_id, salesperson.id
            )
            SELECT COALESCE(life.user_id, 0)::bigint * %(months)s
                   + (EXTRACT(YEAR FROM month.start)::int - %(first_year)s) * 12
                   + EXTRACT(MONTH FROM month.start)::int AS id,
                   life.user_id, life.team_id, month.start::date AS month,
                   %(currency)s AS currency_id, %(columns)s
              FROM life
        CROSS JOIN LATERAL GENERATE_SERIES(
                       life.first_month::timestamp, life.last_month::timestamp,
                       INTERVAL '1 month'
                   ) AS month (start)
         LEFT JOIN result
                ON result.user_id IS NOT DISTINCT FROM life.user_id
               AND result.month = month.start::date
            """,
            events=SQL(" UNION ALL ").join(self._event_queries()),
            sums=SQL(", ").join(
                SQL("SUM(%s) AS %s", SQL.identifier(name), SQL.identifier(name))
                for name in FIGURES
            ),
            this_month=this_month,
            months=MONTHS_OF_A_SALESPERSON,
            first_year=FIRST_YEAR,
            currency=self.env.company.currency_id.id,
            columns=SQL(", ").join(
                column for name in FIGURES for column in self._columns(name, this_month)
            ),
        )

    def _columns(self, name, this_month):
        """A figure of a row and what of it counts in averages.

        :param str name: one of ``FIGURES``
        :param date this_month: the first day of the month that is not over
        :rtype: list of :class:`odoo.tools.SQL`
        """
        figure = SQL("COALESCE(%s, 0)", SQL.identifier("result", name))
        if name == "margin" and not self._is_margin_known():
            figure = SQL("NULL::numeric")
        return [
            SQL("%s AS %s", figure, SQL.identifier(name)),
            SQL(
                """CASE WHEN life.user_id IS NOT NULL AND month.start < %s
                        THEN %s END AS %s""",
                this_month,
                figure,
                SQL.identifier(f"{name}_mean"),
            ),
        ]

    def _event_queries(self):
        """What makes a month: one query for each kind of document.

        :rtype: list of :class:`odoo.tools.SQL`, rows of ``(user_id, month)`` and
            ``FIGURES``
        """
        return [
            self._event_query(query, user, day, **figures)
            for query, user, day, figures in (
                self._won_events(),
                self._order_events(),
                self._invoice_events(),
                self._payment_events(),
            )
        ]

    def _event_query(self, query, user, day, **figures):
        """
        :param SQL query: what to select from
        :param SQL user: the salesperson
        :param SQL day: date, or timestamp of the user's clock
        :param figures: SQL by name in ``FIGURES``; what is not there is nothing
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            "SELECT %s AS user_id, DATE_TRUNC('month', %s::timestamp)::date AS month, %s %s",
            user,
            day,
            SQL(", ").join(
                SQL(
                    "%s AS %s",
                    figures.get(name, SQL("NULL::numeric")),
                    SQL.identifier(name),
                )
                for name in FIGURES
            ),
            query,
        )

    def _won_events(self):
        return (
            SQL("FROM (%s) win", self._won_query()),
            SQL("win.user_id"),
            self._local_sql(SQL("win.date_won")),
            {"won": SQL("1"), "won_amount": SQL("win.amount")},
        )

    def _order_events(self):
        day = self._local_sql(SQL("sold.date_order"))
        columns = {"ordered": SQL("sold.amount_untaxed")}
        if self._is_margin_known():
            columns["margin"] = SQL("sold.margin")
        return (
            SQL(
                "FROM sale_order sold %s WHERE sold.id IN %s",
                self._rates_join(SQL("sold.company_id"), SQL("%s::date", day)),
                self._readable("sale.order", Domain("state", "=", "sale")),
            ),
            SQL("sold.user_id"),
            day,
            {
                name: self._converted_sql(
                    SQL("%s / NULLIF(sold.currency_rate, 0)", column)
                )
                for name, column in columns.items()
            },
        )

    def _rates_join(self, company_id, day):
        """What :meth:`_converted_sql` needs of the company of a document and of the
        rates of its day.

        :param SQL company_id: of the document
        :param SQL day: date
        :rtype: :class:`odoo.tools.SQL`
        """
        return SQL(
            "JOIN res_company seller ON seller.id = %s %s",
            company_id,
            self.env["crm.funnel.count"]._rates_join(
                SQL("seller.currency_id"), self.env.company.currency_id, day
            ),
        )

    def _converted_sql(self, amount):
        """An amount in the currency of the company of a document, in that of the
        user's.

        :param SQL amount: a number
        :rtype: :class:`odoo.tools.SQL`
        """
        return self.env["crm.funnel.count"]._converted_sql(
            SQL("(%s)::numeric", amount),
            SQL("seller.currency_id"),
            self.env.company.currency_id,
        )

    def _invoice_domain(self):
        """:rtype: :class:`odoo.fields.Domain`, the documents that bill customers"""
        return Domain("state", "=", "posted") & Domain(
            "move_type", "in", ("out_invoice", "out_refund")
        )

    def _invoice_events(self):
        return (
            SQL(
                "FROM account_move bill %s WHERE bill.id IN %s",
                self._rates_join(SQL("bill.company_id"), SQL("bill.invoice_date")),
                self._readable("account.move", self._invoice_domain()),
            ),
            SQL("bill.invoice_user_id"),
            SQL("bill.invoice_date"),
            {"invoiced": self._converted_sql(SQL("bill.amount_untaxed_signed"))},
        )

    def _payment_events(self):
        """Money that came in for invoices, and went back for credit notes, as part
        of the whole; each payment on its day. Payments may have no journal entry:
        those settle what is left of the invoice.
        """
        return (
            SQL(
                """
                  FROM (
                    WITH bill AS (
                        SELECT id, amount_total, amount_total_signed
                          FROM account_move
                         WHERE id IN %(bills)s AND amount_total <> 0
                    ),
                    settled AS (
                        SELECT bill.id, part.day,
                               other.move_type NOT IN %(bill_types)s AS is_money,
                               part.amount / ABS(bill.amount_total)
                               * CASE WHEN part.is_debit = (bill.amount_total_signed > 0)
                                      THEN 1 ELSE -1 END AS share
                          FROM bill
                          JOIN account_move_line line ON line.move_id = bill.id
                          JOIN account_account account
                            ON account.id = line.account_id
                           AND account.account_type = 'asset_receivable'
                    CROSS JOIN LATERAL (
                               SELECT TRUE AS is_debit, max_date AS day,
                                      debit_amount_currency AS amount,
                                      credit_move_id AS other_id
                                 FROM account_partial_reconcile
                                WHERE debit_move_id = line.id
                                UNION ALL
                               SELECT FALSE, max_date, credit_amount_currency,
                                      debit_move_id
                                 FROM account_partial_reconcile
                                WHERE credit_move_id = line.id
                               ) part
                          JOIN account_move_line other_line
                            ON other_line.id = part.other_id
                          JOIN account_move other ON other.id = other_line.move_id
                    ),
                    open AS (
                        SELECT bill.id, bill.amount_total_signed,
                               1 - COALESCE(SUM(settled.share), 0) AS rest,
                               COUNT(settled.id) = 0 AS untouched
                          FROM bill
                     LEFT JOIN settled ON settled.id = bill.id
                      GROUP BY bill.id, bill.amount_total_signed
                    ),
                    unrecorded AS (
                        SELECT open.id, payment.date AS day, open.rest,
                               SUM(ABS(payment.amount_company_currency_signed)
                                   / ABS(open.amount_total_signed)) OVER (
                                   PARTITION BY open.id ORDER BY payment.date, payment.id
                               ) AS total,
                               ABS(payment.amount_company_currency_signed)
                               / ABS(open.amount_total_signed) AS share
                          FROM open
                          JOIN account_move__account_payment link
                            ON link.invoice_id = open.id
                          JOIN account_payment payment ON payment.id = link.payment_id
                         WHERE payment.move_id IS NULL
                           AND (payment.state = 'in_process'
                                OR (payment.state = 'paid' AND open.untouched))
                    )
                    SELECT id, day, share FROM settled WHERE is_money
                     UNION ALL
                    SELECT id, day,
                           GREATEST(LEAST(total, rest) - (total - share), 0)
                      FROM unrecorded
                  ) money
                  JOIN account_move bill USING (id)
                       %(rates)s
                """,
                bills=self._readable("account.move", self._invoice_domain()),
                bill_types=BILL_TYPES,
                rates=self._rates_join(SQL("bill.company_id"), SQL("money.day")),
            ),
            SQL("bill.invoice_user_id"),
            SQL("money.day"),
            {
                "paid": self._converted_sql(
                    SQL("money.share * bill.amount_untaxed_signed")
                ),
            },
        )

    # ------------------------------------------------------------
    # VIEWS
    # ------------------------------------------------------------

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """No column for a margin that nobody knows."""
        arch, view = super()._get_view(view_id, view_type, **options)
        if not self._is_margin_known():
            for node in arch.xpath("//field[@name='margin' or @name='margin_mean']"):
                node.getparent().remove(node)
        return arch, view

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        result = super().fields_get(allfields, attributes)
        if not self._is_margin_known():
            result.pop("margin", None)
            result.pop("margin_mean", None)
        return result

    # ------------------------------------------------------------
    # ACTIONS
    # ------------------------------------------------------------

    def action_open_deals(self):
        """Open the deals won by the salesperson in the month.

        :return: window action
        :rtype: dict
        """
        ensure_one_record(self)
        wins = self.env["sales.won.deal"].search(
            Domain("user_id", "=", self.user_id.id)
            & self._get_moments_of_month("date_won")
        )
        return self._get_documents_action(
            "crm.lead", self.env._("Won Deals"), [("id", "in", wins.lead_id.ids)]
        )

    def action_open_orders(self):
        """Open the orders of the salesperson confirmed in the month.

        :return: window action
        :rtype: dict
        """
        ensure_one_record(self)
        domain = (
            Domain("state", "=", "sale")
            & Domain("user_id", "=", self.user_id.id)
            & self._get_moments_of_month("date_order")
        )
        return self._get_documents_action("sale.order", self.env._("Orders"), domain)

    def action_open_invoices(self):
        """Open the invoices and credit notes of the salesperson in the month.

        :return: window action
        :rtype: dict
        """
        ensure_one_record(self)
        domain = (
            self._invoice_domain()
            & Domain("invoice_user_id", "=", self.user_id.id)
            & Domain("invoice_date", ">=", self.month)
            & Domain("invoice_date", "<", self.month + relativedelta(months=1))
        )
        return self._get_documents_action(
            "account.move", self.env._("Invoices"), domain
        )

    def _get_moments_of_month(self, fname):
        """The month of the row, on the user's clock.

        :param str fname: name of a datetime field
        :rtype: :class:`odoo.fields.Domain`
        """
        start, end = (
            self.env.tz.localize(datetime.combine(day, time.min))
            .astimezone(pytz.utc)
            .replace(tzinfo=None)
            for day in (self.month, self.month + relativedelta(months=1))
        )
        return Domain(fname, ">=", start) & Domain(fname, "<", end)

    def _get_documents_action(self, model_name, name, domain):
        """
        :param str model_name: the kind of the documents
        :param str name: title
        :param domain: which of them
        :return: window action
        :rtype: dict
        """
        return {
            "type": "ir.actions.act_window",
            "res_model": model_name,
            "name": name,
            "views": [(False, "list"), (False, "form")],
            "domain": list(Domain(domain)),
            "context": {"active_test": False, "create": False},
        }
