from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

PROGRESS = [("none", "Not needed"), ("open", "Open"), ("done", "Complete")]

# What an order is asked for: has all of it been delivered, invoiced, paid?
DATE_OF_PROGRESS = {
    "delivery_progress": "date_delivered",
    "invoice_progress": "date_invoiced",
    "payment_progress": "date_paid",
}


class SaleOrder(models.Model):
    """The way of an order to the cash, as its documents prove it."""

    _name = "sale.order"
    _inherit = ["sale.order", "crm.milestone.mixin"]

    date_quotation_sent = fields.Datetime(
        string="Quotation Sent On",
        readonly=True,
        copy=False,
        help="When the quotation was first sent. It stays sent, whatever becomes of it.",
    )
    delivery_progress = fields.Selection(
        PROGRESS,
        string="Delivery",
        compute="_compute_delivery_progress",
        store=True,
        help="Whether all that was ordered and can be delivered has been delivered.",
    )
    date_delivered = fields.Datetime(
        string="Fully Delivered On",
        compute="_compute_delivery_progress",
        store=True,
    )
    invoice_progress = fields.Selection(
        PROGRESS,
        string="Invoicing",
        compute="_compute_invoice_progress",
        store=True,
        help="Whether all that was ordered has been invoiced.",
    )
    date_invoiced = fields.Date(
        string="Fully Invoiced On",
        compute="_compute_invoice_progress",
        store=True,
    )
    payment_progress = fields.Selection(
        PROGRESS,
        string="Payment",
        compute="_compute_payment_progress",
        store=True,
        help="Whether all invoices it has so far have been paid. Empty as long as "
        "there is none.",
    )
    date_paid = fields.Date(
        string="Fully Paid On",
        compute="_compute_payment_progress",
        store=True,
        help="The day of the last payment, if all invoices it has so far have been "
        "paid, advances as well.",
    )
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    company_amount_invoiced = fields.Monetary(
        string="Invoiced, Untaxed",
        currency_field="company_currency_id",
        compute="_compute_company_amounts",
        store=True,
        help="Posted invoices less credit notes, without taxes, in the currency of "
        "the company at the rate of the invoice.",
    )
    company_amount_paid = fields.Monetary(
        string="Paid, Untaxed",
        currency_field="company_currency_id",
        compute="_compute_company_amounts",
        store=True,
        help="The part of the invoiced amount that has been paid. A discount or a "
        "write-off that settles an invoice counts as paid.",
    )

    # ------------------------------------------------------------
    # SENT: nothing but the moment itself proves it
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        orders._note_sent()
        return orders

    def write(self, vals):
        result = super().write(vals)
        if vals.get("state") == "sent":
            self._note_sent()
        return result

    def _note_sent(self):
        sent = self.filtered(
            lambda order: order.state == "sent" and not order.date_quotation_sent
        )
        if sent:
            # sudo: the moment alone, of a quotation that the user has just sent
            sent.sudo().date_quotation_sent = self.env.cr.now()

    # ------------------------------------------------------------
    # DELIVERED, INVOICED, PAID
    # ------------------------------------------------------------

    @api.depends(
        "state",
        "order_line.product_uom_qty",
        "order_line.qty_delivered",
        "order_line.qty_delivered_method",
        "order_line.move_ids.state",
        "order_line.move_ids.date",
    )
    def _compute_delivery_progress(self):
        for order in self:
            order.delivery_progress, order.date_delivered = order._get_progress(
                [
                    line._get_date_delivered()
                    for line in order.order_line
                    if line._can_be_delivered()
                ]
            )

    @api.depends(
        "state",
        "order_line.product_uom_qty",
        "order_line.price_subtotal",
        "order_line.invoice_lines.quantity",
        "order_line.invoice_lines.product_uom_id",
        "order_line.invoice_lines.move_id.state",
        "order_line.invoice_lines.move_id.invoice_date",
    )
    def _compute_invoice_progress(self):
        for order in self:
            order.invoice_progress, order.date_invoiced = order._get_progress(
                [
                    line._get_date_invoiced()
                    for line in order.order_line
                    if line._can_be_invoiced()
                ]
            )

    def _get_progress(self, moments):
        """What the lines of an order say of it.

        :param list moments: when each line that counts was complete, or ``False``
        :return: ``(progress, moment)``
        """
        self.ensure_one()
        if self.state != "sale":
            return False, False
        if not moments:
            return "none", False
        if not all(moments):
            return "open", False
        return "done", max(moments)

    @api.depends(
        "order_line.invoice_lines.move_id.state",
        "order_line.invoice_lines.move_id.move_type",
        "order_line.invoice_lines.move_id.payment_state",
        "order_line.invoice_lines.move_id.invoice_date",
        "order_line.invoice_lines.move_id.line_ids.matched_credit_ids.max_date",
        "order_line.invoice_lines.move_id.line_ids.matched_debit_ids.max_date",
        "order_line.invoice_lines.move_id.matched_payment_ids.state",
        "order_line.invoice_lines.move_id.matched_payment_ids.date",
    )
    def _compute_payment_progress(self):
        for order in self:
            invoices = order.order_line.invoice_lines.move_id.filtered(
                lambda invoice: invoice._is_owed()
            )
            order.payment_progress = order.date_paid = False
            if not invoices:
                continue
            if all(invoice._is_settled() for invoice in invoices):
                order.payment_progress = "done"
                order.date_paid = max(
                    invoice._get_date_settled() for invoice in invoices
                )
            else:
                order.payment_progress = "open"

    @api.depends(
        "order_line.price_subtotal",
        "order_line.invoice_lines.balance",
        "order_line.invoice_lines.sale_line_ids",
        "order_line.invoice_lines.move_id.state",
        "order_line.invoice_lines.move_id.payment_state",
        "order_line.invoice_lines.move_id.amount_total",
        "order_line.invoice_lines.move_id.line_ids.matched_credit_ids",
        "order_line.invoice_lines.move_id.line_ids.matched_debit_ids",
        "order_line.invoice_lines.move_id.matched_payment_ids.state",
        "order_line.invoice_lines.move_id.matched_payment_ids.amount",
    )
    def _compute_company_amounts(self):
        paid_parts = {}
        for order in self:
            invoiced = paid = 0.0
            for invoice_line in order.order_line.invoice_lines:
                invoice = invoice_line.move_id
                if not invoice._is_posted_sale():
                    continue
                if invoice not in paid_parts:
                    paid_parts[invoice] = invoice._get_paid_part()
                amount = -invoice_line.balance * order._get_part_of(invoice_line)
                invoiced += amount
                paid += amount * paid_parts[invoice]
            order.company_amount_invoiced = invoiced
            order.company_amount_paid = paid

    def _get_part_of(self, invoice_line):
        """How much of an invoice line bills this order: all of it, unless somebody
        made one line of the lines of several orders.

        :param invoice_line: ``account.move.line``
        :return: float from 0 to 1
        """
        self.ensure_one()
        lines = invoice_line.sale_line_ids
        own_lines = lines.filtered(lambda line: line.order_id == self)
        if lines == own_lines:
            return 1.0
        total = sum(lines.mapped("price_subtotal"))
        if self.currency_id.is_zero(total):
            return len(own_lines) / len(lines)
        return sum(own_lines.mapped("price_subtotal")) / total

    def _get_common_progress(self, progress, date):
        """What several orders come to together.

        :param str progress: name of a field of progress
        :param str date: name of the field with its date
        :return: ``(progress, moment)``, complete when none of them is open
        """
        kinds = set(self.mapped(progress)) - {False}
        if "open" in kinds:
            return "open", False
        if "done" in kinds:
            return "done", max(order[date] for order in self if order[date])
        return (kinds.pop() if kinds else False), False

    # ------------------------------------------------------------
    # MILESTONES
    # ------------------------------------------------------------

    @api.model
    def _get_refused_fields(self):
        return [*super()._get_refused_fields(), "date_quotation_sent"]

    @api.model
    def _get_milestone_fields(self):
        return [
            *super()._get_milestone_fields(),
            *DATE_OF_PROGRESS,
            *DATE_OF_PROGRESS.values(),
            "company_amount_invoiced",
            "company_amount_paid",
        ]

    @api.model
    def _get_milestone_domain(self):
        return (
            super()._get_milestone_domain()
            | Domain("state", "=", "sale")
            | Domain("order_line.invoice_lines", "!=", False)
        )

    def _auto_init(self):
        self._create_milestone_columns()
        return super()._auto_init()

    @api.model
    def _fill_milestones(self):
        self._fill_date_quotation_sent()
        return super()._fill_milestones()

    @api.model
    def _fill_date_quotation_sent(self):
        """When old quotations were sent, the chatter knows; if not, the day of a
        quotation that is sent is that of the quotation."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                UPDATE sale_order quotation
                   SET date_quotation_sent = known.moment
                  FROM (
                    SELECT sold.id,
                           COALESCE(
                               MIN(message.date),
                               CASE WHEN sold.state = 'sent' THEN sold.date_order END
                           ) AS moment
                      FROM sale_order sold
                 LEFT JOIN mail_message message
                        ON message.model = 'sale.order'
                       AND message.res_id = sold.id
                       AND message.subtype_id = %s
                  GROUP BY sold.id
                  ) known
                 WHERE quotation.id = known.id
                   AND quotation.date_quotation_sent IS NULL
                   AND known.moment IS NOT NULL
                """,
                self.env.ref("sale.mt_order_sent").id,
            )
        )
        self.invalidate_model(["date_quotation_sent"], flush=False)
