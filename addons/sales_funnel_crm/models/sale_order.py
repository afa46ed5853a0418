from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools.misc import clean_context

from ..tools import check_pointers


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "crm.phonecall.mixin"]

    _phonecall_field = "order_id"

    phonecall_ids = fields.One2many(
        "crm.phonecall",
        "order_id",
        string="Phone Calls",
        groups="sales_team.group_sale_salesman",
    )
    invoice_policy = fields.Selection(
        [("order", "Ordered quantities"), ("delivery", "Delivered quantities")],
        string="Invoice on",
        help="What is invoiced, for all lines of this order. Leave it empty to have "
        "each product invoiced as the product says. Delivered quantities of services "
        "are those entered in the lines. Down payments, expenses, delivery fees and "
        "discounts are invoiced as always.",
    )
    lost_reason_id = fields.Many2one(
        "crm.lost.reason",
        string="Reason",
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        readonly=True,
        tracking=True,
        help="Why the quotation was cancelled, or expired without an order.",
    )
    partner_category_ids = fields.Many2many(
        related="partner_id.category_id", string="Customer Tags"
    )

    def copy_data(self, default=None):
        """A copy is about the same deal, unless that is no longer one of the user's."""
        vals_list = super().copy_data(default)
        for order, vals in zip(self, vals_list, strict=True):
            deal = order.opportunity_id
            if vals.get("opportunity_id") == deal.id and not deal.has_access("write"):
                del vals["opportunity_id"]
        return vals_list

    @api.model_create_multi
    def create(self, vals_list):
        """
        :raises AccessError: a quotation is about a deal that the user may not edit
        """
        orders = super().create(vals_list)
        if "default_opportunity_id" in self.env.context or any(
            "opportunity_id" in vals for vals in vals_list
        ):
            orders._check_deals()
        orders._make_customers()
        return orders

    def write(self, vals):
        """
        :raises AccessError: the quotations are to be about a deal that the user may
            not edit
        """
        newly_sent = self.browse()
        if vals.get("state") == "sent":
            newly_sent = self.filtered(lambda order: order.state != "sent")
        result = super().write(vals)
        if "opportunity_id" in vals:
            self._check_deals()
        newly_sent._advance_deals("quotation_sent_stage_id")
        if not vals.keys().isdisjoint({"state", "validity_date", "lost_reason_id"}):
            self._keep_reason_in_step()
        if not vals.keys().isdisjoint({"state", "partner_id"}):
            self._make_customers()
        return result

    def _action_cancel(self):
        quotations = self.filtered(lambda order: order.state in ("draft", "sent"))
        result = super()._action_cancel()
        if not self.env.user._is_internal():
            # a customer declines online, where nobody asks for one of our reasons
            quotations._ask_why(self.env._("Declined by the customer: why?"))
        return result

    def _check_deals(self):
        """A quotation moves its deal when it is sent or confirmed, whoever does that:
        its customer too, online. So who makes it one of a deal has to be allowed to
        edit the deal.

        :raises AccessError: the user is not
        """
        if not self.env.su:
            check_pointers(self, ["opportunity_id"], "write")

    def _make_customers(self):
        """Who has a confirmed order is a customer."""
        self.filtered(lambda order: order.state == "sale").partner_id._make_customers()

    def action_confirm(self):
        result = super().action_confirm()
        # after sale_crm has set the revenue of the deals: won is won at that amount
        self._advance_deals("order_confirmed_stage_id")
        return result

    def _advance_deals(self, setting):
        """Move the deals of these orders to the stage that each company has chosen.

        :param str setting: name of the field of ``res.company`` with the stage
        """
        # sudo: who may send or confirm an order (its customer too, online) has not
        # always access to its deal or to settings, and sees nothing of either here
        orders_sudo = self.sudo()
        context = self._get_deal_context()
        for company, orders in orders_sudo.grouped("company_id").items():
            if stage := company[setting]:
                deals = orders.opportunity_id
                deals = deals.with_context(context)  # pylint: disable=context-overridden
                deals._advance_to_stage(stage)

    def _get_deal_context(self):
        """The context for changes of a deal: without default values, which are
        meant for the order or the e-mail; and tracked though sale does not track
        that an e-mail made the quotation *sent*.

        :return: dictionary
        """
        context = clean_context(self.env.context)
        if context.get("mark_so_as_sent"):
            context.pop("tracking_disable", None)
        return context

    def _is_given_up(self):
        """Whether it is cancelled, or a quotation that has expired.

        :return: boolean
        """
        self.ensure_one()
        return self.state == "cancel" or (
            self.state in ("draft", "sent")
            and self.validity_date
            and self.validity_date < fields.Date.today()
        )

    def _keep_reason_in_step(self):
        """A reason lasts as long as what it explains; the chatter keeps the old
        one. What was to be found out is no longer to be done when it is known, or
        the quotation goes on.
        """
        self.filtered(
            lambda order: order.lost_reason_id and not order._is_given_up()
        ).lost_reason_id = False
        self.filtered(
            lambda order: (
                (order.validity_date or order.state == "cancel")
                and order.activity_ids
                and (order.lost_reason_id or not order._is_given_up())
            )
        ).activity_unlink(["sales_funnel_crm.mail_activity_quotation_expired"])

    def action_open_cancel_dialog(self):
        """Ask for the reason, then cancel; or only note it on a quotation that has
        expired or is cancelled.

        :return: action
        """
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "sale.action_mass_cancel_orders"
        )
        action["context"] = {"active_model": self._name, "active_ids": self.ids}
        if len(self) == 1 and self.state == "cancel":
            title = self.env._("Why was %(order)s cancelled?", order=self.name)
            action["name"] = action["display_name"] = title
        elif len(self) == 1:
            title = self.env._("Cancel %(order)s", order=self.name)
            action["name"] = action["display_name"] = title
        return action

    @api.model
    def _cron_ask_why_expired(self):
        """Ask the salespeople why their quotations expired, once for each.

        What had expired before the first run is left alone.
        """
        today = fields.Date.today()
        last_run = fields.Date.to_date(self.env.context.get("lastcall"))
        expired = self.search(
            Domain("state", "in", ("draft", "sent"))
            & Domain("validity_date", ">=", last_run or today - timedelta(days=1))
            & Domain("validity_date", "<", today)
            & Domain("lost_reason_id", "=", False)
            & Domain("user_id.active", "=", True)
        )
        expired._ask_why()

    def _ask_why(self, summary=None):
        """Ask the salespeople for the reasons.

        :param str summary: of the activity, in place of that of its type
        """
        values = {"summary": summary} if summary else {}
        for user, orders in self.grouped("user_id").items():
            if user.active:
                orders.with_context(lang=user.lang).activity_schedule(
                    "sales_funnel_crm.mail_activity_quotation_expired",
                    user_id=user.id,
                    **values,
                )
