from odoo import models


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _can_be_delivered(self):
        """Whether the stock delivers it: no service, no fee, nothing taken back.

        :return: boolean
        """
        self.ensure_one()
        return (
            not self.display_type
            and self.qty_delivered_method == "stock_move"
            and self.product_uom_qty > 0
        )

    def _can_be_invoiced(self):
        """Whether it was ordered, for money: an advance was not, nor a cost that is
        passed on.

        :return: boolean
        """
        self.ensure_one()
        return bool(
            not self.display_type
            and not self.is_downpayment
            and self.product_uom_qty
            and self.price_subtotal
        )

    def _get_date_delivered(self):
        """The moment from which all that was ordered has been with the customer.

        :return: naive UTC datetime, or ``False`` while something is missing
        """
        self.ensure_one()
        if self.product_uom_id.compare(self.qty_delivered, self.product_uom_qty) < 0:
            return False
        outgoing, incoming = self._get_outgoing_incoming_moves()
        done = self.move_ids.filtered(lambda move: move.state == "done")
        steps = [
            (
                move.date,
                move.id,
                sign
                * move.product_uom._compute_quantity(
                    move.quantity, self.product_uom_id, rounding_method="HALF-UP"
                ),
            )
            for sign, moves in ((1, outgoing & done), (-1, incoming & done))
            for move in moves
        ]
        # a kit is delivered by moves of its components
        return self._get_moment_of_quantity(steps) or max(
            done.mapped("date"), default=False
        )

    def _get_date_invoiced(self):
        """The day from which all that was ordered has been invoiced.

        :return: ``date``, or ``False`` while something is missing
        """
        self.ensure_one()
        return self._get_moment_of_quantity(
            [
                (
                    invoice_line.move_id.invoice_date,
                    invoice_line.move_id.id,
                    -invoice_line.move_id.direction_sign
                    * invoice_line.product_uom_id._compute_quantity(
                        invoice_line.quantity, self.product_uom_id
                    ),
                )
                for invoice_line in self.invoice_lines
                if invoice_line.move_id._is_posted_sale()
            ]
        )

    def _get_moment_of_quantity(self, steps):
        """When the quantity ordered was reached, if it has been ever since.

        :param list steps: ``(moment, id, quantity)`` in the unit of the line, in any
            order
        :return: the moment of the step that reached it, or ``False``
        """
        self.ensure_one()
        sign = -1 if self.product_uom_qty < 0 else 1
        reached, quantity = False, 0.0
        for moment, _id, change in sorted(steps):
            quantity += change
            if (
                self.product_uom_id.compare(
                    sign * quantity, sign * self.product_uom_qty
                )
                < 0
            ):
                reached = False
            else:
                reached = reached or moment
        return reached
