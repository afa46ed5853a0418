from odoo import api, fields, models
from odoo.tools import SQL

from .sales_as_of_mixin import AS_OF


class SalesReceivable(models.Model):
    """What is open of customer invoices, by how late it is: a row for each
    instalment of an invoice or credit note of which something is left.

    A row is there for who may read its document. Salespeople see in these columns what
    is open of it; of journal items they may read no more than before.
    """

    _name = "sales.receivable"
    _inherit = ["sales.as.of.mixin", "sales.report.mixin"]
    _description = "Receivables"
    _auto = False
    _rec_name = "name"
    _order = "date_due, id"

    name = fields.Char(string="Invoice", readonly=True)
    move_id = fields.Many2one("account.move", string="Document", readonly=True)
    move_type = fields.Selection(
        [
            ("out_invoice", "Invoice"),
            ("out_refund", "Credit Note"),
            ("out_receipt", "Receipt"),
        ],
        string="Kind",
        readonly=True,
    )
    commercial_partner_id = fields.Many2one(
        "res.partner", string="Customer", readonly=True
    )
    partner_category_ids = fields.Many2many(
        related="commercial_partner_id.category_id", string="Tags"
    )
    country_id = fields.Many2one("res.country", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        readonly=True,
        help="Of the invoice; of the customer, if the invoice has none.",
    )
    partner_user_id = fields.Many2one(
        "res.users", string="Salesperson of the Customer", readonly=True
    )
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    invoice_currency_id = fields.Many2one("res.currency", readonly=True)
    date_invoice = fields.Date(string="Invoice Date", readonly=True)
    date_due = fields.Date(string="Due", readonly=True)
    date_reminded = fields.Date(
        string="Last Reminded",
        readonly=True,
        help="When the customer was last reminded of open invoices.",
    )
    lateness = fields.Selection(
        [
            ("0", "Not due"),
            ("1", "1–30 days late"),
            ("2", "31–60 days late"),
            ("3", "61–90 days late"),
            ("4", "Over 90 days late"),
            ("5", "In payment"),
        ],
        string="How Late",
        readonly=True,
        depends_context=AS_OF,
    )
    days_late = fields.Integer(
        aggregator="max",
        readonly=True,
        depends_context=AS_OF,
        help="Days since it was due. What is due today is not late yet.",
    )
    amount = fields.Monetary(
        string="Open",
        readonly=True,
        depends_context=AS_OF,
        help="What is left to pay, in the currency of the company. Credit notes that "
        "are not used up yet are below zero.",
    )
    amount_not_due = fields.Monetary(
        string="Not Due", readonly=True, depends_context=AS_OF
    )
    amount_late_30 = fields.Monetary(
        string="1–30", readonly=True, depends_context=AS_OF, help="1–30 days late."
    )
    amount_late_60 = fields.Monetary(
        string="31–60", readonly=True, depends_context=AS_OF, help="31–60 days late."
    )
    amount_late_90 = fields.Monetary(
        string="61–90", readonly=True, depends_context=AS_OF, help="61–90 days late."
    )
    amount_late_older = fields.Monetary(
        string="Over 90",
        readonly=True,
        depends_context=AS_OF,
        help="More than 90 days late.",
    )
    amount_in_payment = fields.Monetary(
        string="In Payment",
        readonly=True,
        depends_context=AS_OF,
        help="Paid, but not in the journal yet: the bank has not told of it. It is in "
        "no column of lateness.",
    )
    amount_late = fields.Monetary(
        string="Late in All", readonly=True, depends_context=AS_OF
    )
    no_followup = fields.Boolean(
        string="Not to Be Reminded",
        readonly=True,
        help="The accountant has excluded it from follow-ups.",
    )
    amount_currency = fields.Monetary(
        string="Open, Invoice Currency",
        currency_field="invoice_currency_id",
        readonly=True,
        depends_context=AS_OF,
    )

    amount_unpaid = fields.Monetary(
        string="To Pay",
        readonly=True,
        depends_context=AS_OF,
        help="What is open and not in payment.",
    )
    amount_unpaid_currency = fields.Monetary(
        string="To Pay, Invoice Currency",
        currency_field="invoice_currency_id",
        readonly=True,
        depends_context=AS_OF,
    )

    _depends = {
        "account.move": [
            "name",
            "state",
            "move_type",
            "commercial_partner_id",
            "invoice_user_id",
            "invoice_date",
            "team_id",
        ],
        "account.move.line": [
            "account_id",
            "amount_currency",
            "balance",
            "company_id",
            "currency_id",
            "date",
            "date_maturity",
            "move_id",
            "no_followup",
            "parent_state",
        ],
        "account.account": ["account_type"],
        "account.partial.reconcile": [
            "amount",
            "credit_amount_currency",
            "credit_move_id",
            "debit_amount_currency",
            "debit_move_id",
            "max_date",
        ],
        "account.payment": ["amount", "date", "invoice_ids", "move_id", "state"],
        "res.partner": ["country_id", "user_id"],
        "sales.receivable.reminder": ["company_id", "date", "partner_id", "state"],
    }

    @property
    def _table_query(self):
        return SQL(
            """
            WITH open_item AS (
                SELECT item.*,
                       item.residual - item.in_payment AS unpaid,
                       CASE WHEN item.residual = item.in_payment THEN 0
                            ELSE GREATEST(%(day)s - item.date_due, 0)
                       END AS days_late
                  FROM (%(items)s) item
                 WHERE (item.residual <> 0 OR item.residual_currency <> 0)
                   AND item.move_id IN %(documents)s
            ),
            reminded AS (
                SELECT partner_id, company_id, MAX(date) AS date
                  FROM sales_receivable_reminder
                 WHERE state <> 'failed' AND date <= %(day)s
              GROUP BY partner_id, company_id
            )
            SELECT item.id,
                   move.name,
                   item.move_id,
                   item.move_type,
                   item.commercial_partner_id,
                   partner.country_id,
                   COALESCE(move.invoice_user_id, partner.user_id) AS user_id,
                   partner.user_id AS partner_user_id,
                   move.team_id,
                   item.company_id,
                   item.company_currency_id AS currency_id,
                   item.currency_id AS invoice_currency_id,
                   item.invoice_date AS date_invoice,
                   item.date_due,
                   reminded.date AS date_reminded,
                   CASE WHEN item.residual <> 0 AND item.unpaid = 0 THEN '5'
                        WHEN item.days_late = 0 THEN '0'
                        WHEN item.days_late <= 30 THEN '1'
                        WHEN item.days_late <= 60 THEN '2'
                        WHEN item.days_late <= 90 THEN '3'
                        ELSE '4'
                   END AS lateness,
                   item.days_late,
                   item.residual AS amount,
                   item.in_payment AS amount_in_payment,
                   CASE WHEN item.days_late = 0 THEN item.unpaid ELSE 0
                   END AS amount_not_due,
                   CASE WHEN item.days_late BETWEEN 1 AND 30
                        THEN item.unpaid ELSE 0 END AS amount_late_30,
                   CASE WHEN item.days_late BETWEEN 31 AND 60
                        THEN item.unpaid ELSE 0 END AS amount_late_60,
                   CASE WHEN item.days_late BETWEEN 61 AND 90
                        THEN item.unpaid ELSE 0 END AS amount_late_90,
                   CASE WHEN item.days_late > 90
                        THEN item.unpaid ELSE 0 END AS amount_late_older,
                   CASE WHEN item.days_late > 0
                        THEN item.unpaid ELSE 0 END AS amount_late,
                   item.no_followup,
                   item.residual_currency AS amount_currency,
                   item.unpaid AS amount_unpaid,
                   ROUND(
                       item.residual_currency
                           * COALESCE(item.unpaid / NULLIF(item.residual, 0), 1),
                       invoice_currency.decimal_places
                   ) AS amount_unpaid_currency
              FROM open_item item
              JOIN account_move move ON move.id = item.move_id
              JOIN res_currency invoice_currency
                ON invoice_currency.id = item.currency_id
         LEFT JOIN res_partner partner ON partner.id = item.commercial_partner_id
         LEFT JOIN reminded ON reminded.partner_id = item.commercial_partner_id
                           AND reminded.company_id = item.company_id
            """,
            day=self._get_as_of_day(),
            items=self._get_receivable_items_sql(),
            documents=self._readable("account.move"),
        )

    @api.model
    def _get_receivable_field(self):
        return "amount"

    @api.model
    def _get_report_action_xmlid(self):
        return "sales_funnel_report.sales_receivable_action"

    # ------------------------------------------------------------
    # ACTIONS
    # ------------------------------------------------------------

    def action_open_invoice(self):
        """Open the invoice.

        :return: the action
        :rtype: dict
        :raise UserError: there is none, or there are several
        """
        self._ensure_one_row()
        return self._get_documents_action(
            "account.action_move_out_invoice_type", self.move_id
        )

    def action_remind(self):
        """Ask how to remind the customers of these rows.

        :return: the action that opens the dialog
        :rtype: dict
        :raise UserError: the day in the context is none
        """
        self._get_as_of_day()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Remind of Open Invoices"),
            "res_model": "sales.receivable.remind",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_ids": self.commercial_partner_id.ids},
        }
