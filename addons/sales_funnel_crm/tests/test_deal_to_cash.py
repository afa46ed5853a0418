from ast import literal_eval
from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time
from lxml.etree import fromstring

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.sale.tests.common import TestSaleCommon

from .common import make_pipeline


class DealToCashCase(TestSaleCommon):
    """A pipeline of four stages, a salesperson of each group, a chart of accounts."""

    @classmethod
    def default_env_context(cls):
        # with tracking and messages, as in life
        return {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_pipeline(cls)
        cls.company.write(
            {
                "quotation_sent_stage_id": False,
                "order_confirmed_stage_id": cls.stage_won.id,
            }
        )
        cls.user_own, cls.user_all, cls.user_manager = (
            new_test_user(
                cls.env,
                login=f"cash_{login}",
                name=name,
                groups=f"sales_team.{group},base.group_partner_manager",
                company_id=cls.company.id,
            )
            for login, name, group in (
                ("own", "Ada", "group_sale_salesman"),
                ("all", "Cleo", "group_sale_salesman_all_leads"),
                ("manager", "Dora", "group_sale_manager"),
            )
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Direct Sales",
                "sequence": 1,
                "company_id": cls.company.id,
                "crm_team_member_ids": [
                    Command.create({"user_id": user.id})
                    for user in (cls.user_own, cls.user_all)
                ],
            }
        )
        cls.reason, cls.reason_with_note, cls.reason_of_deals = cls.env[
            "crm.lost.reason"
        ].create(
            [
                {"name": "Too late"},
                {"name": "Something else", "note_required": True},
                {"name": "No budget", "applies_to_quotation": False},
            ]
        )
        cls.goods_ordered = cls.company_data["product_order_no"]
        cls.goods_delivered = cls.company_data["product_delivery_no"]
        cls.service_ordered = cls.company_data["product_service_order"]
        cls.service_delivered = cls.company_data["product_service_delivery"]

    @classmethod
    def _deal(cls, **values):
        """A deal of Ada's, in the first stage."""
        return cls.env["crm.lead"].create(
            {
                "name": "Steel for Acme",
                "type": "opportunity",
                "partner_id": cls.partner_a.id,
                "user_id": cls.user_own.id,
                "team_id": cls.team.id,
                "stage_id": cls.stage_new.id,
                **values,
            }
        )

    @classmethod
    def _order(cls, *products, quantity=2, **values):
        """A quotation of Ada's for some of each of the products."""
        return cls.env["sale.order"].create(
            {
                "partner_id": cls.partner_a.id,
                "user_id": cls.user_own.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "product_uom_qty": quantity,
                            "price_unit": 100,
                            "tax_ids": False,
                        }
                    )
                    for product in products or (cls.goods_ordered,)
                ],
                **values,
            }
        )

    @staticmethod
    def _deliver(order, quantity):
        """Deliver so many of each line, and no more ever."""
        moves = order.picking_ids.move_ids.filtered(lambda move: move.state != "done")
        moves.write({"quantity": quantity, "picked": True})
        moves.picking_id.with_context(cancel_backorder=True)._action_done()

    def _press(self, record, name):
        """Press a button as the web client does, and take what it opens.

        :return: the new record of the dialog, in the context of its action
        """
        action = getattr(record, name)()
        return (
            self.env[action["res_model"]]
            .with_user(record.env.user)
            .with_context(**action["context"])
        )


@tagged("post_install", "-at_install")
class TestDealToCash(DealToCashCase):
    """What Odoo does from a deal to cash, all by a salesperson of own documents."""

    def test_convert_lead(self):
        lead = self._deal(type="lead", partner_id=False, contact_name="Zoe").with_user(
            self.user_own
        )
        wizard = self.env["crm.lead2opportunity.partner"].with_user(self.user_own)
        wizard = wizard.with_context(
            active_model="crm.lead", active_id=lead.id, active_ids=lead.ids
        ).create({"name": "convert", "action": "create"})
        wizard.action_apply()
        self.assertRecordValues(
            lead, [{"type": "opportunity", "user_id": self.user_own.id}]
        )
        self.assertEqual(lead.partner_id.name, "Zoe")

    def test_win_lose_duplicate_delete(self):
        won, lost = (
            self._deal(name=name).with_user(self.user_own) for name in ("Won", "Lost")
        )
        won.action_set_won_rainbowman()
        self.assertEqual((won.stage_id, won.won_status), (self.stage_won, "won"))
        self.env["crm.lead.lost"].with_user(self.user_own).create(
            {"lead_ids": lost.ids, "lost_reason_id": self.reason.id}
        ).action_lost_reason_apply()
        self.assertRecordValues(
            lost,
            [
                {
                    "active": False,
                    "won_status": "lost",
                    "lost_reason_id": self.reason.id,
                }
            ],
        )
        copy = won.copy()
        self.assertEqual((copy.won_status, copy.user_id), ("pending", self.user_own))
        self.assertNotEqual(copy.stage_id, self.stage_won)
        # to delete is for managers, as Odoo has it
        with self.assertRaises(AccessError):
            copy.unlink()
        copy.with_user(self.user_manager).unlink()
        self.assertFalse(copy.exists())

    def test_new_quotation_from_a_deal(self):
        deal = self._deal().with_user(self.user_own)
        form = Form(self._press(deal, "action_sale_quotations_new"))
        with form.order_line.new() as line:
            line.product_id = self.goods_ordered
        order = form.save()
        self.assertRecordValues(
            order,
            [
                {
                    "opportunity_id": deal.id,
                    "partner_id": self.partner_a.id,
                    "user_id": self.user_own.id,
                    "team_id": self.team.id,
                    "origin": "Steel for Acme",
                    "state": "draft",
                    "invoice_policy": False,
                }
            ],
        )
        deal.invalidate_recordset()
        self.assertEqual((deal.quotation_count, deal.sale_order_count), (1, 0))
        self.assertEqual(deal.action_view_sale_quotation()["res_id"], order.id)
        order.action_confirm()
        deal.invalidate_recordset()
        self.assertEqual((deal.quotation_count, deal.sale_order_count), (0, 1))
        self.assertEqual(deal.action_view_sale_order()["res_id"], order.id)

    def test_new_quotation_for_somebody_unknown(self):
        deal = self._deal(partner_id=False, contact_name="Zoe").with_user(self.user_own)
        action = deal.action_sale_quotations_new()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.user_own)
            .with_context(active_model="crm.lead", active_id=deal.id)
            .create({"action": "create"})
        )
        action = wizard.action_apply()
        self.assertEqual(deal.partner_id.name, "Zoe")
        self.assertEqual(action["context"]["default_partner_id"], deal.partner_id.id)

    def test_quotation_on_its_own(self):
        warehouse = self.env["stock.warehouse"].create(
            {"name": "North", "code": "NO", "company_id": self.company.id}
        )
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "Partners",
                "item_ids": [
                    Command.create(
                        {
                            "compute_price": "percentage",
                            "percent_price": 10,
                            "applied_on": "3_global",
                        }
                    )
                ],
            }
        )
        self.user_own.group_ids += self.env.ref(
            "stock.group_stock_multi_locations"
        ) | self.env.ref("product.group_product_pricelist")
        with Form(self.env["sale.order"].with_user(self.user_own)) as form:
            form.partner_id = self.partner_a
            form.warehouse_id = warehouse
            form.pricelist_id = pricelist
            with form.order_line.new() as line:
                line.product_id = self.goods_ordered
                line.product_uom_qty = 3
        order = form.save()
        self.assertEqual(order.order_line.price_unit, 252)
        self.assertFalse(order.opportunity_id)
        order.action_confirm()
        self.assertEqual(order.picking_ids.picking_type_id.warehouse_id, warehouse)

    def test_order_directly_delivery_invoice_payment(self):
        order = self._order(opportunity_id=self._deal().id)
        order.with_user(self.user_own).action_confirm()
        self.assertEqual(order.state, "sale")
        action = order.with_user(self.user_own).action_view_delivery()
        self.assertEqual(action["res_id"], order.picking_ids.id)
        self._deliver(order, 2)
        self.assertEqual(order.delivery_status, "full")
        wizard = (
            self.env["sale.advance.payment.inv"]
            .with_user(self.user_own)
            .with_context(active_model="sale.order", active_ids=order.ids)
            .create({"advance_payment_method": "delivered"})
        )
        wizard.create_invoices()
        invoice = order.invoice_ids
        action = order.with_user(self.user_own).action_view_invoice()
        self.assertEqual(action["res_id"], invoice.id)
        invoice.action_post()
        payment = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({})
            ._create_payments()
        )
        receivable = (invoice.line_ids | payment.move_id.line_ids).filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        self.assertTrue(all(receivable.mapped("reconciled")))
        self.assertIn(invoice.payment_state, ("paid", "in_payment"))
        self.assertEqual(order.invoice_status, "invoiced")


@tagged("post_install", "-at_install")
class TestInvoiceOn(DealToCashCase):
    """Ordered or delivered, for the whole order."""

    def _left(self, order):
        """What there is to invoice, for each line."""
        self.env.flush_all()
        return order.order_line.mapped("qty_to_invoice")

    def test_as_each_product_says(self):
        order = self._order(
            self.goods_ordered,
            self.goods_delivered,
            self.service_ordered,
            self.service_delivered,
        )
        order.action_confirm()
        self.assertEqual(self._left(order), [2, 0, 2, 0])
        self.assertFalse(order.invoice_policy)

    def test_on_ordered(self):
        order = self._order(
            self.goods_ordered,
            self.goods_delivered,
            self.service_ordered,
            self.service_delivered,
            invoice_policy="order",
        )
        self.assertEqual(self._left(order), [0] * 4, "nothing before it is confirmed")
        order.action_confirm()
        self.assertEqual(self._left(order), [2] * 4)
        self.assertEqual(order.amount_to_invoice, 800)
        self.assertEqual(sum(order.order_line.mapped("untaxed_amount_to_invoice")), 800)
        invoice = order._create_invoices()
        self.assertEqual(invoice.invoice_line_ids.mapped("quantity"), [2] * 4)
        invoice.action_post()
        self.assertEqual(order.invoice_status, "invoiced")
        self.assertEqual(order.amount_to_invoice, 0)
        self.assertEqual(sum(order.order_line.mapped("untaxed_amount_to_invoice")), 0)

    def test_on_delivered(self):
        order = self._order(
            self.goods_ordered, self.service_ordered, invoice_policy="delivery"
        )
        order.action_confirm()
        self.assertEqual(self._left(order), [0, 0])
        self.assertEqual(order.invoice_status, "no")
        self.assertEqual(order.amount_to_invoice, 0)
        with self.assertRaises(UserError):
            order._create_invoices()
        goods, service = order.order_line
        moves = order.picking_ids.move_ids
        moves.write({"quantity": 1, "picked": True})
        Form.from_action(self.env, order.picking_ids.button_validate()).save().process()
        self.assertEqual(self._left(order), [1, 0])
        service.qty_delivered = 1.5
        self.assertEqual(self._left(order), [1, 1.5])
        self.assertEqual(order.amount_to_invoice, 250)
        self.assertEqual(goods.untaxed_amount_to_invoice, 100)
        order._create_invoices().action_post()
        self.assertEqual(order.invoice_status, "no", "the rest is still to come")
        self._deliver(order, 1)
        self.assertEqual(self._left(order), [1, 0])

    def test_delivery_is_over_with_less(self):
        order = self._order(self.goods_ordered, invoice_policy="delivery")
        order.action_confirm()
        self._deliver(order, 1)
        order._create_invoices().action_post()
        self.assertEqual(order.invoice_status, "invoiced")

    def test_delivered_more_than_ordered(self):
        for policy, expected in (("order", "upselling"), ("delivery", "to invoice")):
            with self.subTest(policy=policy):
                product = (
                    self.service_delivered
                    if policy == "order"
                    else self.service_ordered
                )
                order = self._order(product, invoice_policy=policy)
                order.action_confirm()
                order.order_line.qty_delivered = 2
                order._create_invoices().action_post()
                self.assertEqual(order.invoice_status, "invoiced")
                order.order_line.qty_delivered = 3
                self.assertEqual(order.invoice_status, expected)

    def test_change_of_mind(self):
        order = self._order(self.goods_ordered)
        order.action_confirm()
        self.assertEqual((self._left(order), order.invoice_status), ([2], "to invoice"))
        order.invoice_policy = "delivery"
        self.assertEqual((self._left(order), order.invoice_status), ([0], "no"))
        order.invoice_policy = "order"
        self.assertEqual((self._left(order), order.invoice_status), ([2], "to invoice"))
        order.invoice_policy = False
        self.assertEqual(self._left(order), [2])

    def test_same_answer_as_the_product_would_give(self):
        """All that Odoo reckons is as if the products said the same."""
        tax = self.tax_sale_a.copy(
            {"name": "Included", "price_include_override": "tax_included"}
        )
        figures = (
            "qty_to_invoice",
            "invoice_status",
            "untaxed_amount_to_invoice",
            "amount_to_invoice",
        )
        for policy, ours, theirs in (
            ("order", self.service_delivered, self.service_ordered),
            ("delivery", self.service_ordered, self.service_delivered),
        ):
            orders = self._order(ours, invoice_policy=policy) | self._order(theirs)
            orders.order_line.write({"tax_ids": [Command.set(tax.ids)], "discount": 20})
            orders.action_confirm()
            orders.order_line.qty_delivered = 1

            def compare(policy=policy, orders=orders, when=""):
                mine, other = orders.order_line
                for figure in figures:
                    with self.subTest(policy=policy, figure=figure, when=when):
                        self.assertEqual(mine[figure], other[figure])

            compare(when="confirmed")
            for order in orders:
                invoice = order._create_invoices()
                invoice.invoice_line_ids.filtered("product_id").discount = 50
                invoice.action_post()
            compare(when="invoiced at another discount")
            orders.order_line.qty_delivered = 5
            compare(when="delivered more")

    def test_down_payment(self):
        for policy in ("order", "delivery"):
            order = self._order(self.goods_delivered, invoice_policy=policy)
            order.action_confirm()
            wizard = self.env["sale.advance.payment.inv"].create(
                {
                    "sale_order_ids": order.ids,
                    "advance_payment_method": "percentage",
                    "amount": 50,
                }
            )
            wizard.create_invoices()
            order.invoice_ids.action_post()
            self.assertEqual(order.invoice_ids.amount_untaxed, 100)
            down_payment = order.order_line.filtered(
                lambda line: line.is_downpayment and not line.display_type
            )
            self.assertEqual(down_payment.qty_to_invoice, -1)
            self._deliver(order, 2)
            final = order._create_invoices(final=True)
            self.assertEqual(final.amount_untaxed, 100)
            final.action_post()
            self.assertEqual(order.invoice_status, "invoiced")

    def test_discount_is_never_delivered(self):
        order = self._order(self.goods_ordered, invoice_policy="delivery")
        self.env["sale.order.discount"].create(
            {
                "sale_order_id": order.id,
                "discount_type": "amount",
                "discount_amount": 30,
            }
        ).action_apply_discount()
        order.action_confirm()
        self.assertEqual(self._left(order), [0, 1])
        self.assertEqual(order.invoice_status, "no", "not invoiced alone")
        self._deliver(order, 2)
        self.assertEqual(order._create_invoices().amount_untaxed, 170)

    def test_combo_follows_its_lines(self):
        combo = self.env["product.combo"].create(
            {
                "name": "Tool",
                "company_id": self.company.id,
                "combo_item_ids": [
                    Command.create({"product_id": self.goods_ordered.id})
                ],
            }
        )
        product = self.env["product.product"].create(
            {
                "name": "Set",
                "type": "combo",
                "company_id": self.company.id,
                "list_price": 50,
                "combo_ids": [Command.set(combo.ids)],
            }
        )
        order = self._order(product, invoice_policy="delivery")
        order.order_line = [
            Command.create(
                {
                    "product_id": self.goods_ordered.id,
                    "product_uom_qty": 2,
                    "combo_item_id": combo.combo_item_ids.id,
                    "linked_line_id": order.order_line.id,
                }
            )
        ]
        order.action_confirm()
        self.assertEqual(self._left(order), [0, 0])
        self._deliver(order, 2)
        self.assertEqual(self._left(order), [2, 2])

    def test_delivered_without_being_ordered(self):
        for policy, price in (("delivery", 280), (False, 0)):
            with self.subTest(policy=policy):
                order = self._order(self.goods_delivered, invoice_policy=policy)
                order.action_confirm()
                picking = order.picking_ids
                self.env["stock.move"].create(
                    {
                        "picking_id": picking.id,
                        "product_id": self.goods_ordered.id,
                        "product_uom_qty": 1,
                        "product_uom": self.goods_ordered.uom_id.id,
                        "location_id": picking.location_id.id,
                        "location_dest_id": picking.location_dest_id.id,
                    }
                )
                self._deliver(order, 1)
                extra = order.order_line.filtered(
                    lambda line: line.product_id == self.goods_ordered
                )
                self.assertEqual(extra.price_unit, price)
                self.assertEqual(extra.qty_delivered, 1)

    def test_a_line_added_later(self):
        for policy, product in (
            ("delivery", self.goods_ordered),
            ("order", self.goods_delivered),
        ):
            with self.subTest(policy=policy):
                order = self._order(product, invoice_policy=policy)
                order.action_confirm()
                order.order_line = [
                    Command.create({"product_id": product.id, "product_uom_qty": 3})
                ]
                line = order.order_line[1]
                self.assertEqual(line.qty_to_invoice, 3 if policy == "order" else 0)
                for move in order.picking_ids.move_ids:
                    move.quantity = move.product_uom_qty
                order.picking_ids.move_ids.picked = True
                order.picking_ids._action_done()
                self.assertEqual(line.qty_to_invoice, 3)

    def test_copied_with_the_order(self):
        order = self._order(invoice_policy="delivery")
        self.assertEqual(order.copy().invoice_policy, "delivery")

    def test_chosen_on_the_order(self):
        order = self._order().with_user(self.user_own)
        with Form(order) as form:
            form.invoice_policy = "delivery"
        order.action_confirm()
        self.assertEqual(self._left(order), [0])

    def test_no_more_queries(self):
        orders = self.env["sale.order"].browse()
        for _number in range(10):
            orders |= self._order(self.goods_ordered, self.service_ordered)
        orders.action_confirm()
        self.env.flush_all()
        self.env.invalidate_all()
        orders.order_line.mapped("qty_to_invoice")
        orders.invoice_policy = "delivery"
        with self.assertQueryCount(14):
            self.env.flush_all()


@tagged("post_install", "-at_install")
class TestReasonOfQuotation(DealToCashCase):
    """Why a quotation was cancelled or expired."""

    def _dialog(self, orders, user=None, **values):
        """The dialog that opens by the button *Cancel*, filled in."""
        orders = orders.with_user(user or self.user_own)
        wizard = self._press(orders, "action_open_cancel_dialog")
        return wizard.create(values)

    def test_cancel_with_a_reason(self):
        for user in (self.user_own, self.user_all, self.user_manager):
            order = self._order()
            self.flush_tracking()
            form = Form(self._press(order.with_user(user), "action_open_cancel_dialog"))
            self.assertTrue(form.has_quotation)
            self.assertTrue(form._get_modifier("lost_reason_id", "required"))
            form.lost_reason_id = self.reason
            form.lost_note = "They waited too long."
            form.save().action_mass_cancel()
            self.flush_tracking()
            self.assertRecordValues(
                order, [{"state": "cancel", "lost_reason_id": self.reason.id}]
            )
            said = "".join(order.message_ids.mapped("body"))
            self.assertIn("They waited too long.", said)

    def flush_tracking(self):
        """Write what the chatter says about changes so far."""
        self.env.flush_all()
        self.cr.precommit.run()
        self.env.invalidate_all()

    def test_not_without_a_reason(self):
        order = self._order(name="S1")
        with self.assertRaisesRegex(UserError, "Choose a reason for S1"):
            self._dialog(order).action_mass_cancel()
        with self.assertRaisesRegex(UserError, "does not apply to quotations"):
            self._dialog(
                order, lost_reason_id=self.reason_of_deals.id
            ).action_mass_cancel()
        with self.assertRaisesRegex(UserError, "needs a note"):
            self._dialog(
                order, lost_reason_id=self.reason_with_note.id, lost_note="<p><br></p>"
            ).action_mass_cancel()
        self.assertEqual(order.state, "draft")

    def test_only_reasons_that_apply_are_offered(self):
        field = self.env["sale.mass.cancel.orders"]._fields["lost_reason_id"]
        domain = field.get_description(self.env, ["domain"])["domain"]
        offered = self.env["crm.lost.reason"].search(list(domain))
        self.assertIn(self.reason, offered)
        self.assertNotIn(self.reason_of_deals, offered)

    def test_many_at_once(self):
        orders = self._order() | self._order()
        self._dialog(orders, lost_reason_id=self.reason.id).action_mass_cancel()
        self.assertEqual(orders.mapped("state"), ["cancel"] * 2)
        self.assertEqual(orders.lost_reason_id, self.reason)

    def test_cancel_an_order_with_or_without(self):
        order = self._order()
        order.action_confirm()
        dialog = self._dialog(order)
        self.assertFalse(dialog.has_quotation)
        dialog.action_mass_cancel()
        self.assertRecordValues(order, [{"state": "cancel", "lost_reason_id": False}])
        self.assertEqual(order.picking_ids.state, "cancel")

    def test_by_code_no_reason_is_needed(self):
        order = self._order()
        order.action_cancel()
        self.assertRecordValues(order, [{"state": "cancel", "lost_reason_id": False}])

    def test_reason_goes_when_the_quotation_goes_on(self):
        order = self._order()
        self._dialog(order, lost_reason_id=self.reason.id).action_mass_cancel()
        self.flush_tracking()
        order.action_draft()
        self.flush_tracking()
        self.assertFalse(order.lost_reason_id)
        kept = order.message_ids.tracking_value_ids.filtered(
            lambda value: value.field_id.name == "lost_reason_id"
        )
        self.assertIn("Too late", kept.mapped("old_value_char"))

    def test_not_copied(self):
        order = self._order()
        self._dialog(order, lost_reason_id=self.reason.id).action_mass_cancel()
        self.assertFalse(order.copy().lost_reason_id)

    def test_expired_keeps_its_reason_without_being_cancelled(self):
        expired = self._order(validity_date="2026-01-10", name="S1")
        valid = self._order(validity_date=False, name="S2")
        dialog = self._dialog(expired, lost_reason_id=self.reason.id)
        self.assertTrue(dialog.all_expired)
        dialog.action_note_reason()
        self.assertRecordValues(
            expired, [{"state": "draft", "lost_reason_id": self.reason.id}]
        )
        with self.assertRaisesRegex(UserError, "S2 has not expired"):
            self._dialog(
                expired | valid, lost_reason_id=self.reason.id
            ).action_note_reason()
        with self.assertRaisesRegex(UserError, "Choose a reason"):
            self._dialog(expired).action_note_reason()
        expired.validity_date = fields.Date.add(fields.Date.today(), days=30)
        self.assertFalse(expired.lost_reason_id, "it is valid again")

    def test_a_reason_for_what_was_cancelled_without_one(self):
        order = self._order(name="S1")
        order.action_cancel()
        form = Form(
            self._press(order.with_user(self.user_own), "action_open_cancel_dialog")
        )
        self.assertTrue(form.all_cancelled)
        self.assertTrue(form._get_modifier("lost_reason_id", "required"))
        with self.assertRaisesRegex(UserError, "reason why S1 came to nothing"):
            self._dialog(order).action_note_reason()
        form.lost_reason_id = self.reason
        form.save().action_note_reason()
        self.assertRecordValues(
            order, [{"state": "cancel", "lost_reason_id": self.reason.id}]
        )

    def test_the_salesperson_is_asked_why_a_customer_declined(self):
        """The page of the customer has no reasons to choose from."""
        declined, by_us, order = (self._order(validity_date=False) for _n in range(3))
        order.action_confirm()
        public = self.env.ref("base.public_user")
        (declined | order).with_user(public).sudo()._action_cancel()
        by_us.with_user(self.user_own).action_cancel()
        self.assertEqual(self._asked(declined).user_id, self.user_own)
        self.assertIn("Declined", self._asked(declined).summary)
        self.assertFalse(self._asked(by_us | order))
        self._dialog(declined, lost_reason_id=self.reason.id).action_note_reason()
        self.assertFalse(self._asked(declined), "it is known")

    def test_confirmed_after_all(self):
        order = self._order(validity_date="2026-01-10")
        self._dialog(order, lost_reason_id=self.reason.id).action_note_reason()
        order.action_confirm()
        self.assertFalse(order.lost_reason_id)

    def test_search_and_group(self):
        cancelled, expired, noted, valid = (
            self._order(validity_date=day)
            for day in (False, "2026-01-10", "2026-01-10", "2099-01-01")
        )
        self._dialog(cancelled, lost_reason_id=self.reason.id).action_mass_cancel()
        self._dialog(noted, lost_reason_id=self.reason.id).action_note_reason()
        orders = cancelled | expired | noted | valid
        view = self.env["sale.order"].get_view(
            self.env.ref("sale.sale_order_view_search_inherit_quotation").id, "search"
        )
        for name, expected in (
            ("cancelled", cancelled),
            ("expired", expired | noted),
            ("expired_without_reason", expired),
        ):
            with self.subTest(name=name):
                node = self._find_filter(view["arch"], name)
                domain = [("id", "in", orders.ids), *literal_eval(node.get("domain"))]
                self.assertEqual(self.env["sale.order"].search(domain), expected)
        node = self._find_filter(view["arch"], "group_by_lost_reason")
        self.assertIn("lost_reason_id", node.get("context"))
        groups = self.env["sale.order"]._read_group(
            [("id", "in", orders.ids)], ["lost_reason_id"], ["__count"]
        )
        self.assertIn((self.reason, 2), groups)

    def _find_filter(self, arch, name):
        return next(
            node for node in fromstring(arch).iter("filter") if node.get("name") == name
        )

    def test_who_has_no_access(self):
        order = self._order(user_id=self.user_all.id)
        with self.assertRaises(AccessError):
            self._dialog(order, lost_reason_id=self.reason.id).action_mass_cancel()
        portal = new_test_user(self.env, "cash_portal", groups="base.group_portal")
        with self.assertRaises(AccessError):
            self._dialog(order, user=portal, lost_reason_id=self.reason.id)
        self.assertEqual(order.state, "draft")

    def _ask_why(self, now, last_run=False):
        """Run the daily job at a moment."""
        now, cron = datetime.fromisoformat(now), self.env["sale.order"]
        with freeze_time(now), patch.object(self.env.cr, "now", lambda: now):
            cron.with_context(lastcall=last_run)._cron_ask_why_expired()

    def _asked(self, order):
        return order.activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id
                == self.env.ref("sales_funnel_crm.mail_activity_quotation_expired")
            )
        )

    def test_asks_why_once(self):
        order, old, valid, gone = (
            self._order(validity_date=day)
            for day in ("2026-01-10", "2025-06-01", "2026-01-11", "2026-01-10")
        )
        gone.user_id = new_test_user(self.env, "cash_gone", groups="base.group_user")
        gone.user_id.active = False
        self._ask_why("2026-01-11 04:00:00")
        self.assertEqual(self._asked(order).user_id, self.user_own)
        for other in (old, valid, gone):
            self.assertFalse(self._asked(other))
        self._ask_why("2026-01-12 04:00:00", datetime(2026, 1, 11, 4))
        self.assertEqual(len(self._asked(order)), 1)
        self.assertTrue(self._asked(valid), "expired the day after")

    def test_days_without_the_job_are_made_up_for(self):
        order = self._order(validity_date="2026-01-10")
        self._ask_why("2026-01-20 04:00:00", datetime(2026, 1, 9, 4))
        self.assertTrue(self._asked(order))

    def test_asks_no_more_when_it_is_known(self):
        noted, extended, confirmed, cancelled = (
            self._order(validity_date="2026-01-10") for _number in range(4)
        )
        orders = noted | extended | confirmed | cancelled
        self._ask_why("2026-01-11 04:00:00")
        self.assertEqual(len(self._asked(orders)), 4)
        self._dialog(noted, lost_reason_id=self.reason.id).action_note_reason()
        extended.validity_date = "2099-01-01"
        confirmed.action_confirm()
        self._dialog(cancelled, lost_reason_id=self.reason.id).action_mass_cancel()
        self.assertFalse(self._asked(orders))


@tagged("post_install", "-at_install")
class TestDealFollowsOrders(DealToCashCase):
    """A deal moves forward with its quotations and orders."""

    def test_won_by_an_order_by_default(self):
        company = self.env["res.company"].create({"name": "Another"})
        self.assertEqual(company.order_confirmed_stage_id, self.stage_won)
        self.assertFalse(company.quotation_sent_stage_id)

    def test_first_won_stage_for_all_teams(self):
        self.stage_won.team_ids = self.team
        company = self.env["res.company"].create({"name": "Another"})
        self.assertEqual(company.order_confirmed_stage_id, self.stage_won)
        for_all = self.env["crm.stage"].create(
            {"name": "Also won", "sequence": 80, "is_won": True}
        )
        company = self.env["res.company"].create({"name": "A third"})
        self.assertEqual(company.order_confirmed_stage_id, for_all)

    def test_order_confirmed(self):
        deal = self._deal()
        first, second = (self._order(opportunity_id=deal.id) for _number in range(2))
        first.action_quotation_sent()
        self.assertEqual(deal.stage_id, self.stage_new, "off by default")
        first.with_user(self.user_own).action_confirm()
        self.assertRecordValues(
            deal,
            [
                {
                    "stage_id": self.stage_won.id,
                    "won_status": "won",
                    "probability": 100,
                    "expected_revenue": 200,
                }
            ],
        )
        closed = deal.date_closed
        second.action_confirm()
        self.assertEqual(deal.date_closed, closed, "won once")
        (first | second)._action_cancel()
        self.assertEqual(deal.stage_id, self.stage_won, "it was won")

    def test_off(self):
        self.company.order_confirmed_stage_id = False
        deal = self._deal()
        self._order(opportunity_id=deal.id).action_confirm()
        self.assertEqual(deal.stage_id, self.stage_new)

    def test_chosen_in_the_settings(self):
        with Form(self.env["res.config.settings"]) as form:
            self.assertEqual(form.order_confirmed_stage_id, self.stage_won)
            form.quotation_sent_stage_id = self.stage_proposition
            form.order_confirmed_stage_id = self.stage_qualified
        form.save().execute()
        deal = self._deal()
        order = self._order(opportunity_id=deal.id)
        order.action_quotation_sent()
        self.assertEqual(deal.stage_id, self.stage_proposition)
        order.action_confirm()
        self.assertEqual(deal.stage_id, self.stage_proposition, "never backwards")

    def test_sent_by_email(self):
        self.company.quotation_sent_stage_id = self.stage_proposition
        deal = self._deal()
        order = self._order(opportunity_id=deal.id).with_user(self.user_own)
        self.env.flush_all()
        self.cr.precommit.run()
        composer = self._press(order, "action_quotation_send")
        Form(composer).save().action_send_mail()
        self.assertEqual(order.state, "sent")
        self.assertEqual(deal.stage_id, self.stage_proposition)
        self.env.flush_all()
        self.cr.precommit.run()
        tracked = deal.message_ids.tracking_value_ids.filtered(
            lambda value: value.field_id.name == "stage_id"
        )
        self.assertEqual(tracked.mapped("new_value_char"), ["Proposition"])
        order.action_draft()
        deal.stage_id = self.stage_qualified
        order.action_quotation_sent()
        self.assertEqual(deal.stage_id, self.stage_proposition, "sent once more")

    def test_deals_that_are_not_open_stay(self):
        lost, archived, lead = (
            self._deal(name=name, probability=20)
            for name in ("Lost", "Archived", "Lead")
        )
        orders = self.env["sale.order"].browse()
        for deal in (lost, archived, lead):
            orders |= self._order(opportunity_id=deal.id)
        lost.action_set_lost(lost_reason_id=self.reason.id)
        archived.action_archive()
        lead.type = "lead"
        orders.action_confirm()
        self.assertEqual(lost.won_status, "lost")
        self.assertFalse((lost | archived).filtered("active"))
        self.assertEqual((lost | archived | lead).stage_id, self.stage_new)

    def test_stages_of_other_teams(self):
        other_team = self.env["crm.team"].create({"name": "Shop"})
        theirs, theirs_won = self.env["crm.stage"].create(
            [
                {"name": "Cart", "sequence": 4, "team_ids": other_team.ids},
                {
                    "name": "Sold",
                    "sequence": 5,
                    "is_won": True,
                    "team_ids": other_team.ids,
                },
            ]
        )
        self.company.write(
            {
                "quotation_sent_stage_id": theirs.id,
                "order_confirmed_stage_id": theirs_won.id,
            }
        )
        deal = self._deal()
        order = self._order(opportunity_id=deal.id)
        order.action_quotation_sent()
        self.assertEqual(deal.stage_id, self.stage_new)
        order.action_confirm()
        self.assertEqual(deal.stage_id, self.stage_won, "the won stage of its team")
        their_deal = self._deal(team_id=other_team.id, user_id=False)
        order = self._order(opportunity_id=their_deal.id)
        order.action_quotation_sent()
        self.assertEqual(their_deal.stage_id, theirs)
        order.action_confirm()
        self.assertEqual(their_deal.stage_id, theirs_won)

    def test_each_company_has_its_own(self):
        other = self.env["res.company"].create(
            {"name": "Another", "order_confirmed_stage_id": self.stage_qualified.id}
        )
        self.env.user.company_ids += other
        deal, others = self._deal(), self._deal(team_id=False, user_id=False)
        orders = self._order(opportunity_id=deal.id) | self._order(
            opportunity_id=others.id,
            company_id=other.id,
            user_id=False,
            team_id=False,
            order_line=False,
        )
        orders.with_context(
            allowed_company_ids=(self.company | other).ids
        ).action_confirm()
        self.assertEqual(deal.stage_id, self.stage_won)
        self.assertEqual(others.stage_id, self.stage_qualified)

    def test_deleted_stage_switches_it_off(self):
        self.company.order_confirmed_stage_id = self.env["crm.stage"].create(
            {"name": "Passing"}
        )
        self.company.order_confirmed_stage_id.unlink()
        deal = self._deal()
        self._order(opportunity_id=deal.id).action_confirm()
        self.assertEqual(deal.stage_id, self.stage_new)

    def test_sent_by_who_does_not_see_the_deal(self):
        self.company.quotation_sent_stage_id = self.stage_proposition
        deal = self._deal(user_id=self.user_all.id)
        order = self._order(opportunity_id=deal.id)
        with self.assertRaises(AccessError):
            deal.with_user(self.user_own).read(["name"])
        order.with_user(self.user_own).action_quotation_sent()
        self.assertEqual(deal.stage_id, self.stage_proposition)

    def test_confirmed_by_the_customer(self):
        """A customer who signs online confirms as somebody without any access."""
        deal = self._deal()
        order = self._order(opportunity_id=deal.id, require_payment=False)
        public = self.env.ref("base.public_user")
        order.with_user(public).sudo().action_confirm()
        self.assertEqual(deal.stage_id, self.stage_won)
