from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.sql import column_exists, create_column

from ..tools import ensure_one_record


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "crm.phonecall.mixin"]

    _phonecall_field = "partner_id"

    phonecall_ids = fields.One2many(
        "crm.phonecall",
        "partner_id",
        string="Phone Calls",
        groups="sales_team.group_sale_salesman",
    )
    is_customer = fields.Boolean(
        string="Customer",
        compute="_compute_is_customer",
        inverse="_inverse_is_customer",
        store=True,
        copy=False,
        index=True,
        help="Tick it to make this contact a customer. The first confirmed order or "
        "posted invoice ticks it by itself. Without the tick the contact is not in "
        "the list of customers; its documents stay as they are, and its next order "
        "or invoice ticks it again.",
    )
    quotation_count = fields.Integer(
        string="Quotations",
        compute="_compute_quotation_and_order_count",
        groups="sales_team.group_sale_salesman",
    )
    confirmed_order_count = fields.Integer(
        string="Orders",
        compute="_compute_quotation_and_order_count",
        groups="sales_team.group_sale_salesman",
    )
    delivery_count = fields.Integer(
        string="Deliveries",
        compute="_compute_delivery_count",
        groups="sales_team.group_sale_salesman,stock.group_stock_user",
    )
    customer_invoice_count = fields.Integer(
        string="Number of Invoices",
        compute="_compute_customer_invoice_count",
        groups="sales_team.group_sale_salesman",
    )
    overdue_amount = fields.Monetary(
        string="Overdue",
        compute="_compute_overdue_amount",
        groups="sales_team.group_sale_salesman,account.group_account_invoice,"
        "account.group_account_readonly",
        help="What is due and not paid yet, of this contact and those below it, as far "
        "as you may see the invoices.",
    )

    def _auto_init(self):
        if not column_exists(self.env.cr, "res_partner", "is_customer"):
            create_column(self.env.cr, "res_partner", "is_customer", "boolean")
            self._fill_is_customer()
        return super()._auto_init()

    @api.model
    def _fill_is_customer(self):
        """Tick those who are customers already, in one statement: there may be more
        contacts than one would want to load."""
        self.env.cr.execute(
            SQL("UPDATE res_partner SET is_customer = customer_rank > 0")
        )

    # ------------------------------------------------------------
    # WHO IS A CUSTOMER
    # ------------------------------------------------------------

    @api.model
    def default_get(self, fields):
        """A contact made where customers are made is one, on the form as well."""
        defaults = super().default_get(fields)
        if "is_customer" in fields and "is_customer" not in defaults:
            context = self.env.context
            if (
                context.get("res_partner_search_mode") == "customer"
                or context.get("default_customer_rank", 0) > 0
            ):
                defaults["is_customer"] = True
        return defaults

    @api.depends("customer_rank")
    def _compute_is_customer(self):
        for partner in self:
            partner.is_customer = partner.customer_rank > 0

    def _inverse_is_customer(self):
        changed = self.filtered(
            lambda partner: partner.is_customer != (partner.customer_rank > 0)
        )
        for is_customer, partners in changed.grouped("is_customer").items():
            partners.customer_rank = int(is_customer)

    def _make_customers(self):
        """Tick *Customer* on these contacts and on the companies they belong to."""
        # sudo: the tick and nothing else, as invoices set it; who confirms an order
        # need not be allowed to edit its customer
        partners = self.sudo()
        (partners | partners.commercial_partner_id).filtered(
            lambda partner: not partner.customer_rank
        )._increase_rank("customer_rank")

    # ------------------------------------------------------------
    # SMART BUTTONS
    # ------------------------------------------------------------

    def _sum_over_family(self, model, domain, aggregate, groupby=()):
        """Add up the documents of these contacts and of all contacts below each of
        them, in one query whatever their number.

        :param str model: of the documents, which have a ``partner_id``
        :param domain: of the documents to count
        :param str aggregate: of ``_read_group``
        :param groupby: further fields that tell the sums apart
        :return: ``{key: {id of a partner: sum}}``; ``key`` is the tuple of the values
            of ``groupby``
        :rtype: dict
        """
        family = self._fetch_children_partners_for_hierarchy()
        groups = self.env[model]._read_group(
            Domain(domain) & Domain("partner_id", "in", family.ids),
            ["partner_id", *groupby],
            [aggregate],
        )
        wanted, known = set(self.ids), set(family.ids)
        totals = {}
        for partner, *key, value in groups:
            sums = totals.setdefault(tuple(key), dict.fromkeys(self.ids, 0))
            above = partner
            while above and above.id in known:
                if above.id in wanted:
                    sums[above.id] += value
                above = above.parent_id
        return totals

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_quotation_and_order_count(self):
        totals = self._sum_over_family(
            "sale.order",
            Domain(self._get_sale_order_domain_count())
            & Domain("state", "in", ("draft", "sent", "sale")),
            "__count",
            groupby=["state"],
        )
        for partner in self:
            counts = {
                state: sums.get(partner._origin.id, 0)
                for (state,), sums in totals.items()
            }
            partner.confirmed_order_count = counts.pop("sale", 0)
            partner.quotation_count = sum(counts.values())

    @api.model
    def _get_delivery_domain(self):
        """:return: domain of the transfers that are deliveries to customers"""
        return [("picking_type_code", "=", "outgoing"), ("state", "!=", "cancel")]

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_delivery_count(self):
        totals = self._sum_over_family(
            "stock.picking", self._get_delivery_domain(), "__count"
        )
        for partner in self:
            partner.delivery_count = totals.get((), {}).get(partner._origin.id, 0)

    @api.model
    def _get_customer_invoice_domain(self):
        """:return: domain of the invoices and credit notes of customers"""
        return [("move_type", "in", ("out_invoice", "out_refund"))]

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_customer_invoice_count(self):
        totals = self._sum_over_family(
            "account.move", self._get_customer_invoice_domain(), "__count"
        )
        for partner in self:
            partner.customer_invoice_count = totals.get((), {}).get(
                partner._origin.id, 0
            )

    @api.model
    def _get_overdue_domain(self):
        """:return: domain of the journal items that customers should have paid, in
        the company of the user
        """
        return [
            ("parent_state", "=", "posted"),
            ("account_id.account_type", "=", "asset_receivable"),
            ("reconciled", "=", False),
            ("date_maturity", "<", fields.Date.context_today(self)),
            # with its branches, as the other amounts on a contact
            ("company_id", "child_of", self.env.company.root_id.id),
        ]

    @api.depends_context("uid", "company", "allowed_company_ids")
    def _compute_overdue_amount(self):
        totals = self._sum_over_family(
            "account.move.line", self._get_overdue_domain(), "amount_residual:sum"
        )
        for partner in self:
            partner.overdue_amount = totals.get((), {}).get(partner._origin.id, 0)

    def _get_documents_action(self, xmlid, domain, context=None):
        """
        :param str xmlid: of the action that lists all documents
        :param domain: which of them, besides those of this contact and those below it
        :param dict context: instead of that of the action
        :return: the action
        :rtype: dict
        """
        ensure_one_record(self)
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        # archived contacts below have documents, too
        action["domain"] = [("partner_id", "child_of", self.id), *domain]
        action["context"] = {"default_partner_id": self.id, **(context or {})}
        return action

    def action_view_quotations(self):
        """Open the quotations of the contact and of those below it.

        :return: the action
        :rtype: dict
        """
        return self._get_documents_action(
            "sale.action_quotations", [("state", "in", ("draft", "sent"))]
        )

    def action_view_confirmed_orders(self):
        """Open the orders of the contact and of those below it.

        :return: the action
        :rtype: dict
        """
        return self._get_documents_action(
            "sale.action_orders", [("state", "=", "sale")]
        )

    def action_view_deliveries(self):
        """Open the deliveries to the contact and to those below it.

        :return: the action
        :rtype: dict
        """
        return self._get_documents_action(
            "stock.action_picking_tree_all", self._get_delivery_domain()
        )

    def action_view_customer_invoices(self):
        """Open the invoices of the contact and of those below it.

        :return: the action
        :rtype: dict
        """
        return self._get_documents_action(
            "account.action_move_out_invoice_type",
            self._get_customer_invoice_domain(),
            {"default_move_type": "out_invoice"},
        )

    def action_view_overdue(self):
        """Open what the amount overdue comes from.

        :return: the action
        :rtype: dict
        """
        action = self._get_documents_action(
            "account.action_move_out_invoice_type", [], {"create": False}
        )
        family = self._fetch_children_partners_for_hierarchy()
        overdue = [("partner_id", "in", family.ids), *self._get_overdue_domain()]
        action["name"] = action["display_name"] = self.env._("Overdue")
        # the items tell whose it is: an entry may be about many contacts
        action["domain"] = [("line_ids", "any", overdue)]
        return action

    # ------------------------------------------------------------
    # CALLS
    # ------------------------------------------------------------

    def _get_phonecall_documents(self):
        """The calls with a company are those with its contacts, too."""
        return self._fetch_children_partners_for_hierarchy()

    @api.model
    def _count_phonecalls(self, documents):
        family = documents._get_phonecall_documents()
        totals = dict.fromkeys(documents.ids, 0)
        for partner_id, count in super()._count_phonecalls(family).items():
            partner = self.browse(partner_id)
            while partner:
                if partner.id in totals:
                    totals[partner.id] += count
                partner = partner.parent_id
        return totals
