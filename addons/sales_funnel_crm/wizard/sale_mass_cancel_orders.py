from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import is_html_empty

from ..tools import ensure_one_record


class SaleMassCancelOrders(models.TransientModel):
    _inherit = "sale.mass.cancel.orders"

    has_quotation = fields.Boolean(compute="_compute_has_quotation")
    all_expired = fields.Boolean(compute="_compute_has_quotation")
    all_cancelled = fields.Boolean(compute="_compute_has_quotation")
    lost_reason_id = fields.Many2one(
        "crm.lost.reason",
        string="Reason",
        domain=lambda self: list(
            self.env["crm.lost.reason"]._get_domain_for(["quotation"])
        ),
    )
    note_required = fields.Boolean(related="lost_reason_id.note_required")
    lost_note = fields.Html("Note")

    @api.depends("sale_order_ids")
    def _compute_has_quotation(self):
        for wizard in self:
            quotations = wizard._get_quotations()
            wizard.has_quotation = bool(quotations)
            wizard.all_expired = bool(quotations) and all(
                order._is_given_up() for order in wizard.sale_order_ids
            )
            wizard.all_cancelled = set(wizard.sale_order_ids.mapped("state")) == {
                "cancel"
            }

    def _get_quotations(self):
        """
        :return: the quotations among the orders, those that need a reason
        """
        return self.sale_order_ids.filtered(
            lambda order: order.state in ("draft", "sent")
        )

    def action_mass_cancel(self):
        self._check_reason()
        result = super().action_mass_cancel()
        self._note_reason(self.sale_order_ids)
        return result

    def action_note_reason(self):
        """Leave expired and cancelled quotations as they are, and keep the reason.

        :raises UserError: there is no reason, or one of them is still valid
        """
        self._check_reason()
        if valid := self.sale_order_ids.filtered(
            lambda order: not order._is_given_up()
        ):
            raise UserError(
                self.env._(
                    "%(orders)s has not expired: only an expired quotation keeps a "
                    "reason without being cancelled.",
                    orders=", ".join(valid.mapped("name")),
                )
            )
        if not self.lost_reason_id:
            raise UserError(
                self.env._(
                    "Choose the reason why %(orders)s came to nothing.",
                    orders=", ".join(self.sale_order_ids.mapped("name")),
                )
            )
        self._note_reason(self.sale_order_ids)

    def _check_reason(self):
        """
        :raises UserError: a quotation would be given up without a reason, or
            without all that has to be said about it
        """
        ensure_one_record(self)
        reason = self.lost_reason_id
        quotations = self._get_quotations()
        if quotations and not reason:
            raise UserError(
                self.env._(
                    "Choose a reason for %(orders)s: a quotation is not cancelled "
                    "without one.",
                    orders=", ".join(quotations.mapped("name")),
                )
            )
        if reason and not reason._applies_to(["quotation"]):
            raise UserError(
                self.env._(
                    "“%(reason)s” does not apply to quotations. Choose one of the "
                    "reasons offered.",
                    reason=reason.display_name,
                )
            )
        if reason.note_required and is_html_empty(self.lost_note):
            raise UserError(
                self.env._(
                    "“%(reason)s” needs a note. Write what happened.",
                    reason=reason.display_name,
                )
            )

    def _note_reason(self, orders):
        """Keep the reason on orders, and the note beside it in the chatter."""
        if not self.lost_reason_id:
            return
        if not is_html_empty(self.lost_note):
            orders._track_set_log_message(self.lost_note)
        orders.lost_reason_id = self.lost_reason_id
