from odoo import api, models
from odoo.tools import float_compare, float_is_zero


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    @api.model_create_multi
    def create(self, vals_list):
        return super().create(
            [self._priced_as_the_order_says(vals) for vals in vals_list]
        )

    @api.model
    def _priced_as_the_order_says(self, vals):
        """What was delivered without being ordered is added by sale_stock, at no
        price when its product is invoiced on ordered quantities. Where the order
        says *delivered*, it has the price it is invoiced at.

        :param dict vals: values of a line to create
        :return: the same values, or a copy without that price
        """
        if (
            vals.get("price_unit") == 0
            and vals.get("move_ids")
            and not vals.get("product_uom_qty")
            and self.env["sale.order"].browse(vals.get("order_id")).invoice_policy
            == "delivery"
        ):
            return {name: vals[name] for name in vals if name != "price_unit"}
        return vals

    def _get_invoice_policy(self):
        """Which quantity of this line is invoiced.

        :return: ``"order"``, ``"delivery"``, or False where a line has no product
        """
        self.ensure_one()
        if self._follows_order_invoice_policy():
            return self.order_id.invoice_policy
        return self.product_id.invoice_policy

    def _follows_order_invoice_policy(self):
        """Whether the order decides, and not the product.

        Down payments and expenses are neither ordered nor delivered. Fees,
        discounts and rewards are never delivered, and invoiced together with
        something else. A combo follows the lines of what it consists of.

        :return: boolean
        """
        self.ensure_one()
        return bool(
            self.order_id.invoice_policy
            and self.product_id
            and self.product_id.type != "combo"
            and not self.display_type
            and not self.is_downpayment
            and not self.is_expense
            and self._can_be_invoiced_alone()
        )

    def _filter_invoiced_otherwise(self):
        """The lines whose order says something else than their product.

        :return: lines
        """
        return self.filtered(
            lambda line: (
                line.order_id.invoice_policy
                and line._get_invoice_policy() != line.product_id.invoice_policy
            )
        )

    def _get_quantity_to_consider(self):
        """
        :return: the quantity that is invoiced in all, in the unit of the line
        """
        self.ensure_one()
        if self._get_invoice_policy() == "delivery":
            return self.qty_delivered
        return self.product_uom_qty

    @api.depends("order_id.invoice_policy")
    def _compute_qty_to_invoice(self):
        result = super()._compute_qty_to_invoice()
        lines = self._filter_invoiced_otherwise().filtered(
            lambda line: line.state == "sale"
        )
        for line in lines:
            line.qty_to_invoice = line._get_quantity_to_consider() - line.qty_invoiced
        for combo in lines.filtered("combo_item_id").linked_line_id:
            to_invoice = any(
                line.combo_item_id and line.qty_to_invoice
                for line in combo.linked_line_ids
            )
            combo.qty_to_invoice = (
                combo.product_uom_qty - combo.qty_invoiced if to_invoice else 0
            )
        return result

    @api.depends("order_id.invoice_policy")
    def _compute_invoice_status(self):
        result = super()._compute_invoice_status()
        precision = self.env["decimal.precision"].precision_get("Product Unit")
        for line in self._filter_invoiced_otherwise():
            if line.state != "sale" or not float_is_zero(
                line.qty_to_invoice, precision_digits=precision
            ):
                continue
            delivered, invoiced = (
                float_compare(
                    quantity, line.product_uom_qty, precision_digits=precision
                )
                for quantity in (line.qty_delivered, line.qty_invoiced)
            )
            if line._get_invoice_policy() == "order":
                more = delivered > 0 and line.product_uom_qty >= 0
                line.invoice_status = "upselling" if more else "invoiced"
            elif invoiced >= 0 or line._is_delivery_over():
                line.invoice_status = "invoiced"
            else:
                line.invoice_status = "no"
        return result

    def _is_delivery_over(self):
        """Whether something was delivered and nothing more will be, as sale_stock
        has it for goods that are invoiced on delivered quantities.

        :return: boolean
        """
        self.ensure_one()
        states = set(self.move_ids.mapped("state"))
        return "done" in states and states <= {"done", "cancel"}

    @api.depends("order_id.invoice_policy")
    def _compute_untaxed_amount_to_invoice(self):
        result = super()._compute_untaxed_amount_to_invoice()
        for line in self._filter_invoiced_otherwise():
            if line.state == "sale":
                line.untaxed_amount_to_invoice = line._get_untaxed_amount_left()
        return result

    def _get_untaxed_amount_left(self):
        """What is left to invoice without taxes, drafts not counted, reckoned as
        sale does it but on the quantity that the order says.

        :return: amount in the currency of the line
        """
        self.ensure_one()
        amount = self._get_untaxed_amount(
            self.tax_ids,
            self.price_unit * (1 - (self.discount or 0.0) / 100.0),
            self._get_quantity_to_consider(),
            product=self.product_id,
            partner=self.order_id.partner_shipping_id,
        )
        invoice_lines = self._get_invoice_lines()
        if all(line.discount == self.discount for line in invoice_lines):
            return amount - self.untaxed_amount_invoiced
        # invoiced at another discount: what was given away there is not left over
        invoiced = sum(
            self._get_untaxed_amount(
                line.tax_ids,
                line.currency_id._convert(
                    line.price_unit,
                    self.currency_id,
                    self.company_id,
                    line.date or self.env.cr.now().date(),
                    round=False,
                ),
                line.quantity,
            )
            for line in invoice_lines
        )
        return max(amount - invoiced, 0)

    def _get_untaxed_amount(self, taxes, price, quantity, product=None, partner=None):
        """
        :return: price times quantity without the taxes that the price includes
        """
        if not taxes.filtered("price_include"):
            return price * quantity
        return taxes.compute_all(
            price,
            currency=self.currency_id,
            quantity=quantity,
            product=product,
            partner=partner,
        )["total_excluded"]

    @api.depends("order_id.invoice_policy")
    def _compute_amount_to_invoice(self):
        result = super()._compute_amount_to_invoice()
        for line in self._filter_invoiced_otherwise():
            if line.product_uom_qty:
                line.amount_to_invoice = (
                    line.price_total
                    / line.product_uom_qty
                    * (line._get_quantity_to_consider() - line.qty_invoiced_posted)
                )
        return result
