from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .sales_as_of_mixin import AS_OF


class SaleOrderToCash(models.Model):
    """How far each order has come on its way to the money, as of a day.

    A row is an order. What was invoiced without an order is a row of its own, one
    for each invoice, so that all that customers owe is in some row, and the report
    ties with the journal. Amounts include taxes, as what customers owe does.

    Invoices, credit notes, payments and deliveries of goods are taken as of the day;
    what was ordered, and what was delivered of services, as it is today: Odoo keeps no
    dates of them.
    """

    _name = "sale.order.to.cash"
    _inherit = ["sales.as.of.mixin"]
    _description = "Order to Cash"
    _auto = False
    _rec_name = "name"
    _order = "date desc, id desc"

    name = fields.Char(string="Document", readonly=True)
    kind = fields.Selection(
        [("order", "Order"), ("invoice", "No Order")],
        readonly=True,
        help="What was invoiced without an order, or to somebody else than the order "
        "says, is a line of its own for each invoice.",
    )
    order_id = fields.Many2one("sale.order", readonly=True)
    invoice_id = fields.Many2one(
        "account.move", string="Invoice without Order", readonly=True
    )
    order_state = fields.Selection(
        [
            ("draft", "Quotation"),
            ("sent", "Quotation Sent"),
            ("sale", "Order"),
            ("cancel", "Cancelled"),
        ],
        string="State of the Order",
        readonly=True,
        help="As it is today. What was invoiced stays here, even if its order was "
        "cancelled.",
    )
    commercial_partner_id = fields.Many2one(
        "res.partner", string="Customer", readonly=True, help="Who is invoiced."
    )
    partner_category_ids = fields.Many2many(
        related="commercial_partner_id.category_id", string="Tags"
    )
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)

    amount_ordered = fields.Monetary(
        string="Ordered",
        readonly=True,
        depends_context=AS_OF,
        help="With taxes, at the rate of the order.",
    )
    amount_ordered_untaxed = fields.Monetary(
        string="Ordered, Untaxed", readonly=True, depends_context=AS_OF
    )
    amount_to_deliver = fields.Monetary(
        string="To Deliver",
        readonly=True,
        depends_context=AS_OF,
        help="Ordered and not delivered yet. Services that are invoiced as ordered are "
        "never waited for.",
    )
    amount_to_invoice = fields.Monetary(
        string="Delivered, Not Invoiced",
        readonly=True,
        depends_context=AS_OF,
        help="Delivered, or a service that is invoiced as ordered, and on no posted "
        "invoice yet. Down payments do not lower it.",
    )
    amount_invoiced = fields.Monetary(
        string="Invoiced",
        readonly=True,
        depends_context=AS_OF,
        help="Posted invoices less credit notes.",
    )
    amount_receivable = fields.Monetary(
        string="Invoiced, Not Paid",
        readonly=True,
        depends_context=AS_OF,
        help="What is left to pay of the invoices, as in the journal items.",
    )
    amount_in_payment = fields.Monetary(
        string="In Payment",
        readonly=True,
        depends_context=AS_OF,
        help="What of it is paid, but not in the journal yet: the bank has not told of "
        "it.",
    )
    amount_overdue = fields.Monetary(
        string="Overdue",
        readonly=True,
        depends_context=AS_OF,
        help="What of it should have been paid before the day of the report, and is "
        "not in payment.",
    )
    amount_paid = fields.Monetary(
        string="Paid",
        readonly=True,
        depends_context=AS_OF,
        help="What is not open any more of what was invoiced: paid, or settled by an "
        "exchange difference, a discount or a write-off.",
    )

    date = fields.Date(
        readonly=True,
        depends_context=AS_OF,
        help="Of the order, or of the last invoice where there is no order.",
    )
    date_ordered = fields.Date(string="Ordered on", readonly=True)
    date_delivered = fields.Date(
        string="Last Delivery",
        readonly=True,
        depends_context=AS_OF,
        help="Of goods; services have no date of delivery.",
    )
    date_invoiced = fields.Date(
        string="Last Invoice", readonly=True, depends_context=AS_OF
    )
    date_due = fields.Date(
        string="Due",
        readonly=True,
        depends_context=AS_OF,
        help="The first day on which something that is open is due; if nothing is "
        "open, the last one.",
    )
    date_paid = fields.Date(
        string="Paid on",
        readonly=True,
        depends_context=AS_OF,
        help="When the last open invoice was settled. Empty while one is open.",
    )
    days_to_deliver = fields.Integer(
        string="Days to Delivery",
        aggregator="avg",
        readonly=True,
        depends_context=AS_OF,
        help="From the order to the last delivery, once all is delivered.",
    )
    days_to_invoice = fields.Integer(
        string="Days to Invoice",
        aggregator="avg",
        readonly=True,
        depends_context=AS_OF,
        help="From the last delivery, or from the order if there is none, to the last "
        "invoice, once all is invoiced. Below zero: invoiced first.",
    )
    days_to_pay = fields.Integer(
        string="Days to Payment",
        aggregator="avg",
        readonly=True,
        depends_context=AS_OF,
        help="From the last invoice until all invoices were paid.",
    )
    days_to_cash = fields.Integer(
        string="Days from Order to Payment",
        aggregator="avg",
        readonly=True,
        depends_context=AS_OF,
        help="From the order until all was delivered, invoiced and paid.",
    )
    days_overdue = fields.Integer(
        aggregator="max", readonly=True, depends_context=AS_OF
    )

    _depends = {
        "account.account": ["account_type"],
        "account.move": [
            "commercial_partner_id",
            "invoice_date",
            "invoice_user_id",
            "move_type",
            "name",
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
            "display_type",
            "move_id",
            "parent_state",
            "price_total",
            "product_uom_id",
            "quantity",
            "sale_line_ids",
        ],
        "account.partial.reconcile": [
            "amount",
            "credit_amount_currency",
            "credit_move_id",
            "debit_amount_currency",
            "debit_move_id",
            "max_date",
        ],
        "account.payment": ["amount", "date", "invoice_ids", "move_id", "state"],
        "product.product": ["product_tmpl_id"],
        "product.template": ["invoice_policy", "type"],
        "res.currency": ["decimal_places"],
        "res.partner": ["commercial_partner_id"],
        "sale.order": [
            "company_id",
            "currency_rate",
            "date_order",
            "invoice_policy",
            "name",
            "partner_invoice_id",
            "state",
            "team_id",
            "user_id",
        ],
        "sale.order.line": [
            "discount",
            "display_type",
            "is_downpayment",
            "is_expense",
            "order_id",
            "price_subtotal",
            "price_total",
            "price_unit",
            "product_id",
            "product_uom_id",
            "product_uom_qty",
            "qty_delivered",
        ],
        "stock.location": ["usage"],
        "stock.move": [
            "date",
            "location_dest_id",
            "location_id",
            "origin_returned_move_id",
            "product_id",
            "product_uom",
            "quantity",
            "sale_line_id",
            "state",
            "to_refund",
        ],
        "uom.uom": ["factor"],
    }

    @api.model
    def _get_receivable_field(self):
        return "amount_receivable"

    @api.model
    def _get_report_action_xmlid(self):
        return "sales_funnel_report.sale_order_to_cash_action"

    # ------------------------------------------------------------
    # ROWS
    # ------------------------------------------------------------

    @property
    def _table_query(self):
        return SQL(
            """
            WITH item AS MATERIALIZED (%(items)s),
                 part AS (%(parts)s),
                 share AS (%(shares)s),
                 cash AS (%(cash)s),
                 moved AS (%(moved)s),
                 billed AS (%(billed)s),
                 work AS (%(work)s),
                 document AS (%(orders)s UNION ALL %(invoices)s)
            %(select)s
            """,
            items=self._get_receivable_items_sql(),
            parts=self._get_parts_sql(),
            shares=self._get_shares_sql(),
            cash=self._get_cash_sql(),
            moved=self._get_moved_sql(),
            billed=self._get_billed_sql(),
            work=self._get_work_sql(),
            orders=self._get_orders_sql(),
            invoices=self._get_invoices_sql(),
            select=self._get_select_sql(),
        )

    def _get_parts_sql(self):
        """How much of an invoice belongs to which order, by the lines. A line of
        several orders belongs to each of them alike.

        An order of another company or for another customer than the invoice does
        not count: what is owed is shown where the journal has it.

        :return: query of ``move_id``, ``order_id`` (or null), ``weight``, and ``total``
            of the invoice, in no particular currency
        :rtype: SQL
        """
        return SQL(
            """
            SELECT line.move_id,
                   sale.id AS order_id,
                   SUM(line.price_total * COALESCE(link.share, 1)) AS weight,
                   SUM(SUM(line.price_total * COALESCE(link.share, 1)))
                       OVER (PARTITION BY line.move_id) AS total
              FROM account_move_line line
              JOIN account_move move ON move.id = line.move_id
         LEFT JOIN (
                       SELECT linked.*,
                              1.0 / COUNT(*) OVER (PARTITION BY invoice_line_id)
                                  AS share
                         FROM (SELECT DISTINCT rel.invoice_line_id,
                                      sale_line.order_id
                                 FROM sale_order_line_invoice_rel rel
                                 JOIN sale_order_line sale_line
                                   ON sale_line.id = rel.order_line_id
                              ) linked
                   ) link ON link.invoice_line_id = line.id
         LEFT JOIN sale_order sale
                ON sale.id = link.order_id
               AND sale.company_id = line.company_id
               AND EXISTS (
                       SELECT FROM res_partner invoiced
                        WHERE invoiced.id = sale.partner_invoice_id
                          AND invoiced.commercial_partner_id
                              = move.commercial_partner_id
                   )
             WHERE line.display_type = 'product'
               AND line.move_id IN (SELECT move_id FROM item)
          GROUP BY line.move_id, sale.id
            """
        )

    def _get_shares_sql(self):
        """Split each journal item among the orders. What rounding leaves over goes to
        the greatest part, so that the parts add up to the item.

        :return: query of the items, once for each order, with the part of it
        :rtype: SQL
        """
        return SQL(
            """
            SELECT id, move_id, order_id, move_type, invoice_date, date_due,
                   residual AS item_residual, last_matched,
                   CASE WHEN place = 1 THEN balance - SUM(balance_part)
                            OVER of_item + balance_part
                        ELSE balance_part
                   END AS balance,
                   CASE WHEN place = 1 THEN residual - SUM(residual_part)
                            OVER of_item + residual_part
                        ELSE residual_part
                   END AS residual,
                   CASE WHEN place = 1 THEN in_payment - SUM(in_payment_part)
                            OVER of_item + in_payment_part
                        ELSE in_payment_part
                   END AS in_payment
              FROM (SELECT item.*,
                           part.order_id,
                           ROW_NUMBER() OVER (
                               PARTITION BY item.id
                                   ORDER BY ABS(part.weight) DESC, part.order_id
                           ) AS place,
                           COALESCE(ROUND(
                               item.balance * part.weight / NULLIF(part.total, 0),
                               currency.decimal_places
                           ), 0) AS balance_part,
                           COALESCE(ROUND(
                               item.residual * part.weight / NULLIF(part.total, 0),
                               currency.decimal_places
                           ), 0) AS residual_part,
                           COALESCE(ROUND(
                               item.in_payment * part.weight / NULLIF(part.total, 0),
                               currency.decimal_places
                           ), 0) AS in_payment_part
                      FROM item
                      JOIN res_currency currency
                        ON currency.id = item.company_currency_id
                 LEFT JOIN part ON part.move_id = item.move_id
                   ) split
            WINDOW of_item AS (PARTITION BY id)
            """
        )

    def _get_cash_sql(self):
        """:return: query of what was invoiced of each order, and by each invoice
        without one, and what is left of it
        :rtype: SQL
        """
        return SQL(
            """
            SELECT order_id,
                   CASE WHEN order_id IS NULL THEN move_id END AS invoice_id,
                   SUM(balance) AS invoiced,
                   SUM(residual) AS receivable,
                   SUM(in_payment) AS in_payment,
                   COALESCE(
                       SUM(residual - in_payment) FILTER (WHERE date_due < %(day)s), 0
                   ) AS overdue,
                   COALESCE(
                       MAX(invoice_date) FILTER (WHERE move_type <> 'out_refund'),
                       MAX(invoice_date)
                   ) AS date_invoiced,
                   COALESCE(
                       MIN(date_due) FILTER (WHERE residual > 0),
                       MAX(date_due)
                   ) AS date_due,
                   CASE WHEN BOOL_AND(item_residual = 0) THEN MAX(last_matched)
                   END AS date_paid
              FROM share
          GROUP BY 1, 2
            """,
            day=self._get_as_of_day(),
        )

    def _get_moved_sql(self):
        """Goods that left or came back for a line of an order, in its unit. As in
        ``sale_stock``, those of kits are not counted, and returns only if they are
        to be refunded.

        :return: query of ``sale_line_id``, ``later`` (the quantity delivered after the
            day, which the line has already) and ``date_delivered``
        :rtype: SQL
        """
        return SQL(
            """
            SELECT move.sale_line_id,
                   SUM(
                       CASE WHEN target.usage = 'customer' THEN 1 ELSE -1 END
                       * move.quantity * unit.factor / sale_unit.factor
                   ) FILTER (WHERE %(move_day)s > %(day)s) AS later,
                   MAX(%(move_day)s) FILTER (
                       WHERE target.usage = 'customer' AND %(move_day)s <= %(day)s
                   ) AS date_delivered
              FROM stock_move move
              JOIN sale_order_line sale_line
                ON sale_line.id = move.sale_line_id
               AND sale_line.product_id = move.product_id
              JOIN stock_location source ON source.id = move.location_id
              JOIN stock_location target ON target.id = move.location_dest_id
              JOIN uom_uom unit ON unit.id = move.product_uom
              JOIN uom_uom sale_unit ON sale_unit.id = sale_line.product_uom_id
             WHERE move.state = 'done'
               AND (target.usage = 'customer') <> (source.usage = 'customer')
               AND (
                       move.to_refund
                    OR target.usage = 'customer'
                   AND move.origin_returned_move_id IS NULL
                   )
          GROUP BY move.sale_line_id
            """,
            day=self._get_as_of_day(),
            move_day=self._get_local_day_sql(SQL("move.date")),
        )

    def _get_billed_sql(self):
        """:return: query of ``sale_line_id`` and ``quantity`` on posted invoices, in the
        unit of the line, less credit notes
        :rtype: SQL
        """
        return SQL(
            """
            SELECT rel.order_line_id AS sale_line_id,
                   SUM(
                       CASE WHEN move.move_type = 'out_refund' THEN -1 ELSE 1 END
                       * line.quantity
                       * COALESCE(unit.factor / NULLIF(sale_unit.factor, 0), 1)
                   ) AS quantity
              FROM sale_order_line_invoice_rel rel
              JOIN account_move_line line ON line.id = rel.invoice_line_id
              JOIN account_move move ON move.id = line.move_id
              JOIN sale_order_line sale_line ON sale_line.id = rel.order_line_id
         LEFT JOIN uom_uom unit ON unit.id = line.product_uom_id
         LEFT JOIN uom_uom sale_unit ON sale_unit.id = sale_line.product_uom_id
             WHERE line.parent_state = 'posted'
               AND line.date <= %(day)s
               AND move.move_type IN %(move_types)s
          GROUP BY rel.order_line_id
            """,
            day=self._get_as_of_day(),
            move_types=self._get_move_types(),
        )

    def _get_is_delivered_sql(self):
        """Whether a line of an order is delivered, in a query of ``sale_line``, ``sale``
        and ``template``: goods, and services that are invoiced as delivered. Who has
        other kinds of products overrides this.

        :return: condition
        :rtype: SQL
        """
        return SQL(
            """(
                template.type = 'consu'
             OR COALESCE(sale.invoice_policy, template.invoice_policy) = 'delivery'
             OR sale_line.is_expense
            )"""
        )

    def _get_work_sql(self):
        """:return: query of what was ordered, is to be delivered and to be invoiced of
        each order, in the currency of the company, with and without taxes
        :rtype: SQL
        """
        return SQL(
            """
            SELECT order_id,
                   SUM(total) / MIN(rate) AS ordered,
                   SUM(subtotal) / MIN(rate) AS ordered_untaxed,
                   SUM(price * CASE WHEN ordered >= 0
                       THEN GREATEST(ordered - delivered, 0)
                       ELSE LEAST(ordered - delivered, 0)
                   END) / MIN(rate) AS to_deliver,
                   SUM(price * CASE WHEN ordered >= 0
                       THEN GREATEST(delivered - billed, 0)
                       ELSE LEAST(delivered - billed, 0)
                   END) / MIN(rate) AS to_invoice,
                   MAX(date_delivered) AS date_delivered
              FROM (SELECT sale_line.order_id,
                           sale_line.price_total AS total,
                           sale_line.price_subtotal AS subtotal,
                           COALESCE(NULLIF(sale.currency_rate, 0), 1)::numeric AS rate,
                           sale_line.product_uom_qty AS ordered,
                           COALESCE(
                               sale_line.price_total
                                   / NULLIF(sale_line.product_uom_qty, 0),
                               sale_line.price_unit
                                   * (1 - COALESCE(sale_line.discount, 0) / 100)
                           ) AS price,
                           CASE WHEN %(is_delivered)s
                                THEN COALESCE(sale_line.qty_delivered, 0)
                                   - COALESCE(moved.later, 0)
                                ELSE sale_line.product_uom_qty
                           END AS delivered,
                           COALESCE(billed.quantity, 0) AS billed,
                           moved.date_delivered
                      FROM sale_order_line sale_line
                      JOIN sale_order sale ON sale.id = sale_line.order_id
                 LEFT JOIN product_product product
                        ON product.id = sale_line.product_id
                 LEFT JOIN product_template template
                        ON template.id = product.product_tmpl_id
                 LEFT JOIN moved ON moved.sale_line_id = sale_line.id
                 LEFT JOIN billed ON billed.sale_line_id = sale_line.id
                     WHERE sale.state = 'sale'
                       AND %(order_day)s <= %(day)s
                       AND sale.company_id IN %(companies)s
                       AND sale_line.display_type IS NULL
                       AND NOT COALESCE(sale_line.is_downpayment, FALSE)
                   ) line
          GROUP BY order_id
            """,
            is_delivered=self._get_is_delivered_sql(),
            order_day=self._get_local_day_sql(SQL("sale.date_order")),
            day=self._get_as_of_day(),
            companies=tuple(self.env.companies.ids),
        )

    def _get_orders_sql(self):
        """Orders confirmed by the day, and those of which something was invoiced all
        the same. Ids of orders are even, those of invoices odd.

        :return: query of documents
        :rtype: SQL
        """
        return SQL(
            """
            SELECT 2 * sale.id::bigint AS id,
                   'order' AS kind,
                   sale.name,
                   sale.id AS order_id,
                   NULL::integer AS invoice_id,
                   sale.state AS order_state,
                   invoiced.commercial_partner_id,
                   sale.user_id,
                   sale.team_id,
                   sale.company_id,
                   %(order_day)s AS date_ordered,
                   work.ordered,
                   work.ordered_untaxed,
                   work.to_deliver,
                   work.to_invoice,
                   work.date_delivered,
                   cash.invoiced,
                   cash.receivable,
                   cash.in_payment,
                   cash.overdue,
                   cash.date_invoiced,
                   cash.date_due,
                   cash.date_paid
              FROM sale_order sale
              JOIN res_partner invoiced ON invoiced.id = sale.partner_invoice_id
         LEFT JOIN work ON work.order_id = sale.id
         LEFT JOIN cash ON cash.order_id = sale.id
             WHERE cash.order_id IS NOT NULL
                OR sale.state = 'sale' AND %(order_day)s <= %(day)s
               AND sale.company_id IN %(companies)s
            """,
            order_day=self._get_local_day_sql(SQL("sale.date_order")),
            day=self._get_as_of_day(),
            companies=tuple(self.env.companies.ids),
        )

    def _get_invoices_sql(self):
        """:return: query of the documents that are invoices without order
        :rtype: SQL
        """
        return SQL(
            """
            SELECT 2 * move.id::bigint + 1,
                   'invoice',
                   move.name,
                   NULL::integer,
                   move.id,
                   NULL,
                   move.commercial_partner_id,
                   move.invoice_user_id,
                   move.team_id,
                   move.company_id,
                   NULL::date,
                   NULL, NULL, NULL, NULL,
                   NULL::date,
                   cash.invoiced,
                   cash.receivable,
                   cash.in_payment,
                   cash.overdue,
                   cash.date_invoiced,
                   cash.date_due,
                   cash.date_paid
              FROM cash
              JOIN account_move move ON move.id = cash.invoice_id
            """
        )

    def _get_select_sql(self):
        """:return: query of the rows, from the documents
        :rtype: SQL
        """
        return SQL(
            """
            SELECT document.id,
                   document.kind,
                   document.name,
                   document.order_id,
                   document.invoice_id,
                   document.order_state,
                   document.commercial_partner_id,
                   document.user_id,
                   document.team_id,
                   document.company_id,
                   currency.id AS currency_id,
                   COALESCE(document.date_ordered, document.date_invoiced) AS date,
                   document.date_ordered,
                   document.date_delivered,
                   document.date_invoiced,
                   document.date_due,
                   document.date_paid,
                   amount.ordered AS amount_ordered,
                   amount.ordered_untaxed AS amount_ordered_untaxed,
                   amount.to_deliver AS amount_to_deliver,
                   amount.to_invoice AS amount_to_invoice,
                   COALESCE(document.invoiced, 0) AS amount_invoiced,
                   COALESCE(document.receivable, 0) AS amount_receivable,
                   COALESCE(document.in_payment, 0) AS amount_in_payment,
                   COALESCE(document.overdue, 0) AS amount_overdue,
                   COALESCE(document.invoiced - document.receivable, 0)
                       AS amount_paid,
                   CASE WHEN amount.to_deliver = 0
                        THEN document.date_delivered - document.date_ordered
                   END AS days_to_deliver,
                   CASE WHEN amount.to_deliver = 0 AND amount.to_invoice = 0
                        THEN document.date_invoiced
                           - COALESCE(document.date_delivered, document.date_ordered)
                   END AS days_to_invoice,
                   document.date_paid - document.date_invoiced AS days_to_pay,
                   CASE WHEN amount.to_deliver = 0 AND amount.to_invoice = 0
                        THEN document.date_paid - document.date_ordered
                   END AS days_to_cash,
                   CASE WHEN document.overdue > 0 AND document.date_due < %(day)s
                        THEN %(day)s - document.date_due
                   END AS days_overdue
              FROM document
              JOIN res_company company ON company.id = document.company_id
              JOIN res_currency currency ON currency.id = company.currency_id
        CROSS JOIN LATERAL (
                       SELECT ROUND(COALESCE(document.ordered, 0), places),
                              ROUND(COALESCE(document.ordered_untaxed, 0), places),
                              ROUND(COALESCE(document.to_deliver, 0), places),
                              ROUND(COALESCE(document.to_invoice, 0), places)
                         FROM (VALUES (currency.decimal_places)) rounding (places)
                   ) amount (ordered, ordered_untaxed, to_deliver, to_invoice)
            """,
            day=self._get_as_of_day(),
        )

    # ------------------------------------------------------------
    # DOCUMENTS
    # ------------------------------------------------------------

    def action_open_document(self):
        """Open the order, or the invoice without one.

        :return: the action
        :rtype: dict
        """
        self._ensure_one_row()
        if self.order_id:
            return self._get_documents_action("sale.action_orders", self.order_id)
        return self.action_open_invoices()

    def _find_invoices(self):
        """:return: ``account.move``, posted, which the user may read"""
        self._ensure_one_row()
        if self.invoice_id:
            domain = Domain("id", "=", self.invoice_id.id)
        else:
            domain = Domain(
                "invoice_line_ids.sale_line_ids.order_id", "=", self.order_id.id
            )
        return self.env["account.move"].search(
            domain
            & Domain("state", "=", "posted")
            & Domain("move_type", "in", self._get_move_types())
        )

    def action_open_invoices(self):
        """Open the invoices and credit notes.

        :return: the action
        :rtype: dict
        """
        return self._get_documents_action(
            "account.action_move_out_invoice_type", self._find_invoices()
        )

    def action_open_deliveries(self):
        """Open the deliveries of the order and what came back.

        :return: the action
        :rtype: dict
        """
        self._ensure_one_row()
        return self._get_documents_action(
            "stock.action_picking_tree_all", self.order_id.picking_ids
        )

    def action_open_payments(self):
        """Open the payments that were matched with the invoices.

        :return: the action
        :rtype: dict
        """
        invoices = self._find_invoices()
        payments = invoices.matched_payment_ids | invoices._get_reconciled_payments()
        return self._get_documents_action("account.action_account_payments", payments)

    def action_open_journal_items(self):
        """Open the receivable journal items behind the amounts.

        :return: the action
        :rtype: dict
        """
        items = self._find_invoices()._get_receivable_lines()
        return self._get_documents_action(
            "account.action_account_moves_all", items, with_form=False
        )
