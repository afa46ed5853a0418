from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.sales_funnel_crm.tools import create_filled_column

from .sale_order import DATE_OF_PROGRESS, PROGRESS


class CrmLead(models.Model):
    """The way of a deal to the cash: dates and amounts that documents prove.

    They are computed from calls, meetings and orders, the orders' own from their
    deliveries, invoices and payments. No move of a deal changes any of them.
    """

    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.milestone.mixin"]

    # of no use where deals are only moved about: read when one of them is asked for
    date_first_call = fields.Datetime(
        string="First Call",
        compute="_compute_date_first_call",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When somebody was first spoken to on the telephone.",
    )
    date_first_meeting = fields.Datetime(
        string="First Meeting",
        compute="_compute_date_first_meeting",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When the first meeting was or will be: a meeting takes place at its "
        "time, unless it is deleted or archived.",
    )
    date_qualified = fields.Datetime(
        string="Qualified",
        compute="_compute_date_qualified",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When it became an opportunity.",
    )
    date_quotation_sent = fields.Datetime(
        string="First Quotation Sent",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When the first quotation was sent. It stays sent, whatever becomes of it.",
    )
    date_ordered = fields.Datetime(
        string="Ordered",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When the first of its orders was confirmed.",
    )
    delivery_progress = fields.Selection(
        PROGRESS,
        string="Delivery",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="Whether all that was ordered and can be delivered has been delivered.",
    )
    date_delivered = fields.Datetime(
        string="Delivered",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When all that was ordered and can be delivered had been delivered.",
    )
    invoice_progress = fields.Selection(
        PROGRESS,
        string="Invoicing",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="Whether all that was ordered has been invoiced.",
    )
    date_invoiced = fields.Date(
        string="Invoiced",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="When all that was ordered had been invoiced.",
    )
    payment_progress = fields.Selection(
        PROGRESS,
        string="Payment",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="Whether all invoices it has so far have been paid. Empty as long as "
        "there is none.",
    )
    date_paid = fields.Date(
        string="Paid",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        index="btree_not_null",
        help="The day of the last payment, if all invoices it has so far have been "
        "paid, advances as well. In a funnel it is paid only when all that was ordered "
        "has been invoiced, too.",
    )
    documents_currency_id = fields.Many2one(
        "res.currency",
        string="Currency of Its Orders",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="The currency of the company that sells.",
    )
    amount_quoted = fields.Monetary(
        string="Quoted",
        currency_field="documents_currency_id",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="The quotations sent that have not been cancelled, without taxes. If all "
        "of them have been: the one sent last.",
    )
    amount_ordered = fields.Monetary(
        currency_field="documents_currency_id",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="Its confirmed orders, without taxes.",
    )
    amount_invoiced = fields.Monetary(
        currency_field="documents_currency_id",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="Posted invoices of its orders less credit notes, without taxes.",
    )
    amount_paid = fields.Monetary(
        currency_field="documents_currency_id",
        compute="_compute_order_milestones",
        store=True,
        prefetch="milestones",
        help="The part of the amount invoiced that has been paid, without taxes. A "
        "discount or a write-off that settles an invoice counts as paid.",
    )

    # ------------------------------------------------------------
    # BEFORE THE ORDER
    # ------------------------------------------------------------

    @api.depends("phonecall_ids.state", "phonecall_ids.date")
    def _compute_date_first_call(self):
        for lead in self:
            lead.date_first_call = min(
                lead.phonecall_ids.filtered(lambda call: call.state == "held").mapped(
                    "date"
                ),
                default=False,
            )

    @api.depends("calendar_event_ids.active", "calendar_event_ids.start")
    def _compute_date_first_meeting(self):
        for lead in self:
            lead.date_first_meeting = min(
                lead.calendar_event_ids.filtered("active").mapped("start"),
                default=False,
            )

    @api.depends("type")
    def _compute_date_qualified(self):
        for lead in self:
            if lead.type != "opportunity":
                lead.date_qualified = False
            elif not lead.date_qualified:
                lead.date_qualified = lead.date_conversion or self.env.cr.now()

    # ------------------------------------------------------------
    # FROM THE QUOTATION TO THE CASH
    # ------------------------------------------------------------

    @api.depends(
        "order_ids.state",
        "order_ids.company_id",
        "order_ids.currency_rate",
        "order_ids.amount_untaxed",
        "order_ids.date_order",
        "order_ids.date_quotation_sent",
        "order_ids.delivery_progress",
        "order_ids.date_delivered",
        "order_ids.invoice_progress",
        "order_ids.date_invoiced",
        "order_ids.payment_progress",
        "order_ids.date_paid",
        "order_ids.company_amount_invoiced",
        "order_ids.company_amount_paid",
    )
    def _compute_order_milestones(self):
        for lead in self:
            orders = lead.order_ids.sorted("id")
            confirmed = orders.filtered(lambda order: order.state == "sale")
            sent = orders.filtered("date_quotation_sent")
            lead.documents_currency_id = orders[:1].company_id.currency_id
            lead.date_quotation_sent = min(
                sent.mapped("date_quotation_sent"), default=False
            )
            lead.date_ordered = min(confirmed.mapped("date_order"), default=False)
            for progress, date in DATE_OF_PROGRESS.items():
                lead[progress], lead[date] = orders._get_common_progress(progress, date)
            lead.amount_quoted = lead._sum_of_orders(
                sent.filtered(lambda order: order.state != "cancel")
                or sent.sorted("date_quotation_sent")[-1:]
            )
            lead.amount_ordered = lead._sum_of_orders(confirmed)
            lead.amount_invoiced = lead._sum_of_orders(
                orders, "company_amount_invoiced"
            )
            lead.amount_paid = lead._sum_of_orders(orders, "company_amount_paid")

    def _sum_of_orders(self, orders, fname=None):
        """Add up amounts of orders in the currency of the deal's documents.

        :param orders: ``sale.order``
        :param str fname: field in the currency of the company; without it the
            amount ordered, at the rate of the order
        :return: float
        """
        self.ensure_one()
        total = 0.0
        for order in orders:
            amount = (
                order[fname]
                if fname
                else order.amount_untaxed / (order.currency_rate or 1.0)
            )
            # only when two companies sold
            total += order.company_id.currency_id._convert(
                amount, self.documents_currency_id, order.company_id, order.date_order
            )
        return total

    # ------------------------------------------------------------
    # MERGE
    # ------------------------------------------------------------

    def _merge_dependences(self, opportunities):
        result = super()._merge_dependences(opportunities)
        # its documents have come along; that it was qualified has none
        qualified = (self | opportunities).filtered("date_qualified")
        if qualified:
            # sudo: a day that its own deals prove, of which nobody else may say so
            self.sudo().date_qualified = min(qualified.mapped("date_qualified"))
        return result

    # ------------------------------------------------------------
    # MILESTONES
    # ------------------------------------------------------------

    @api.model
    def _get_milestone_fields(self):
        return [
            *super()._get_milestone_fields(),
            "date_first_call",
            "date_first_meeting",
            "date_qualified",
            "date_quotation_sent",
            "date_ordered",
            *DATE_OF_PROGRESS,
            *DATE_OF_PROGRESS.values(),
            "documents_currency_id",
            "amount_quoted",
            "amount_ordered",
            "amount_invoiced",
            "amount_paid",
        ]

    @api.model
    def _get_milestone_domain(self):
        return (
            super()._get_milestone_domain()
            | Domain("phonecall_ids.state", "=", "held")
            | Domain("calendar_event_ids", "!=", False)
            | Domain("order_ids", "!=", False)
        )

    def _auto_init(self):
        create_filled_column(
            self.env.cr,
            self._table,
            "date_qualified",
            "timestamp",
            SQL(
                """CASE WHEN type = 'opportunity'
                        THEN COALESCE(date_conversion, create_date) END"""
            ),
        )
        is_new = self._create_milestone_columns()
        result = super()._auto_init()
        if is_new:
            # when all tables of the addon are there
            self.pool.post_init(self._fill_all_milestones)
        return result

    @api.model
    def _fill_all_milestones(self):
        """Compute what the documents of an existing database prove."""
        self.env["sale.order"]._fill_milestones()
        self._fill_milestones()

    @api.model
    def check_and_repair_milestones(self):
        """Compute the milestones of all deals and orders anew and say what was wrong.

        :return: a dictionary for each wrong value: ``model``, ``id``, ``name``,
            ``field``, ``stored``, ``right``
        :rtype: list[dict]
        :raise AccessError: for others than sales managers
        """
        if not self.env.user.has_group("sales_team.group_sale_manager"):
            raise AccessError(
                self.env._(
                    "Only a sales administrator can check the milestones of all deals."
                )
            )
        return [
            *self.env["sale.order"]._check_and_repair_milestones(),
            *self._check_and_repair_milestones(),
        ]
