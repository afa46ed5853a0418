from datetime import datetime, timedelta
from random import Random

from odoo.tests import tagged

from .test_lead_milestones import MilestonesCase


@tagged("post_install", "-at_install")
class TestRandomDocuments(MilestonesCase):
    """Whatever happens to documents, in whatever order: what is stored is what a
    slow look at the documents says, and what computing it anew says."""

    SEEDS = (1, 2, 3)
    STEPS = 40

    def test_random_documents(self):
        for seed in self.SEEDS:
            with self.subTest(seed=seed):
                savepoint = self.env.cr.savepoint()
                self._live(Random(seed))
                savepoint.close(rollback=True)
                self.env.cr.precommit.clear()
                self.env.invalidate_all(flush=False)

    def _live(self, random):
        self.random = random
        self.moment = datetime(2026, 1, 5, 9, 0)
        self.orders = self.env["sale.order"]
        self.payments = self.env["account.payment"]
        self.deals = self.deal | self.other_deal
        actions = (
            *("order",) * 2,
            *("confirm", "deliver", "invoice") * 3,
            *("post", "pay") * 3,
            *("send", "cancel", "return", "change", "to_draft", "delete_draft"),
            *("credit", "unreconcile", "move_order", "call"),
            *("advance", "invoice_rest", "prepay", "set_off"),
        )
        done = set()
        for step in range(self.STEPS):
            self.moment += timedelta(days=self.random.choice((0, 1, 3)), hours=1)
            # the first that can be done
            action = next(
                action
                for action in self.random.sample(actions, len(actions))
                if getattr(self, f"_act_{action}")()
            )
            done.add(action)
            if step % 5 == 4:
                self._assert_right(f"step {step}, {action}")
        self.assertGreater(len(done), 8, "it was a life worth looking at")
        self.moment += timedelta(days=1)
        with self.at(self.moment):
            self.deals = self.deals.merge_opportunity()
        self._assert_right("merged")

    # ------------------------------------------------------------
    # WHAT HAPPENS
    # ------------------------------------------------------------

    def _pick(self, records):
        return self.random.choice(records) if records else records

    def _pick_order(self, *states):
        return self._pick(self.orders.filtered(lambda order: order.state in states))

    def _pick_invoice(self, keep):
        return self._pick(self.orders.order_line.invoice_lines.move_id.filtered(keep))

    def _act_order(self):
        products = self.random.sample(
            [self.goods, self.goods_delivered, self.service], self.random.choice((1, 2))
        )
        with self.at(self.moment):
            self.orders |= self._order(
                *products,
                deal=self.random.choice(self.deals),
                quantity=self.random.choice((1, 2, 5)),
                price=self.random.choice((10, 33)),
            ).sudo()
        return True

    def _act_send(self):
        order = self._pick_order("draft")
        with self.at(self.moment):
            order.action_quotation_sent() if order else None
        return order

    def _act_confirm(self):
        order = self._pick_order("draft", "sent")
        with self.at(self.moment):
            order.action_confirm()
        return order

    def _act_cancel(self):
        order = self._pick_order("draft", "sent", "sale")
        if order and all(move.state != "done" for move in order.picking_ids.move_ids):
            with self.at(self.moment):
                order._action_cancel()
            return order
        return None

    def _act_change(self):
        order = self._pick_order("sale")
        with self.at(self.moment):
            order.order_line[:1].product_uom_qty += 1
        return order

    def _act_move_order(self):
        order = self._pick(self.orders)
        if order:
            order.opportunity_id = self.random.choice([*self.deals, False])
        return order

    def _act_deliver(self):
        order = self._pick_order("sale")
        waiting = order.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        if not waiting:
            return None
        self._deliver(order, self.moment, self.random.choice((None, 1)))
        return order

    def _act_return(self):
        order = self._pick_order("sale")
        if not any(
            line.qty_delivered >= 1 and line.qty_delivered_method == "stock_move"
            for line in order.order_line[:1]
        ):
            return None
        self._return(order, self.moment, 1)
        return order

    def _act_invoice(self):
        order = self._pick_order("sale")
        if not any(line.qty_to_invoice > 0 for line in order.order_line):
            return None
        return self._invoice(order, self.moment, post=self.random.choice((True, False)))

    def _act_advance(self):
        order = self._pick_order("sale")
        if not order or self.env.company.currency_id.is_zero(order.amount_untaxed):
            return None
        return self._advance(order, self.moment, amount=self.random.choice((20, 100)))

    def _act_invoice_rest(self):
        order = self._pick_order("sale")
        if not any(line.qty_to_invoice > 0 for line in order.order_line):
            return None
        return self._invoice_rest(order, self.moment)

    def _act_prepay(self):
        order = self._pick_order("draft", "sent", "sale")
        if not order:
            return None
        self.payments |= self._prepay(order, self.moment, self.random.choice((5, 50)))
        return order

    def _act_set_off(self):
        payment = self._pick(
            self.payments.filtered(lambda payment: not payment.is_reconciled)
        )
        invoice = self._pick_invoice(
            lambda move: (
                move.state == "posted"
                and move.move_type == "out_invoice"
                and move.amount_residual
            )
        )
        if not payment or not invoice:
            return None
        with self.at(self.moment):
            self._reconcile(payment.move_id, invoice)
        return invoice

    def _act_post(self):
        invoice = self._pick_invoice(
            lambda move: move.state == "draft" and move.amount_total >= 0
        )
        with self.at(self.moment):
            if invoice:
                invoice.invoice_date = self.moment.date()
                invoice.action_post()
        return invoice

    def _act_to_draft(self):
        invoice = self._pick_invoice(lambda move: move.state == "posted")
        invoice.button_draft()
        return invoice

    def _act_delete_draft(self):
        invoice = self._pick_invoice(lambda move: move.state == "draft")
        if not invoice:
            return False
        return invoice.with_context(force_delete=True).unlink()

    def _act_credit(self):
        invoice = self._pick_invoice(
            lambda move: move.state == "posted" and move.move_type == "out_invoice"
        )
        return invoice and self._credit(invoice, self.moment, quantity=1)

    def _act_pay(self):
        document = self._pick_invoice(
            lambda move: move.state == "posted" and move.amount_residual
        )
        if not document:
            return None
        part = self.random.choice((1, 1, 0.5))
        amount = document.currency_id.round(document.amount_residual * part)
        return self._pay(document, self.moment, amount=amount)

    def _act_unreconcile(self):
        invoice = self._pick_invoice(
            lambda move: (
                move.line_ids.matched_credit_ids | move.line_ids.matched_debit_ids
            )
        )
        invoice.line_ids.remove_move_reconcile()
        return invoice

    def _act_call(self):
        return self.env["crm.phonecall"].create(
            {
                "lead_id": self.random.choice(self.deals).id,
                "date": self.moment - timedelta(days=self.random.choice((0, 9))),
                "state": self.random.choice(("held", "no_answer")),
            }
        )

    # ------------------------------------------------------------
    # THE SLOW LOOK
    # ------------------------------------------------------------

    def _assert_right(self, message):
        self.env.flush_all()
        self.env.invalidate_all()
        for deal in self.deals:
            looked_at = self._look_at(deal)
            self.assertEqual(
                looked_at, self._get_stored(deal), f"{message}: {deal.name}"
            )
            self.assertEqual(
                self._count_steps(deal, "invoiced", "paid"),
                [
                    looked_at["invoiced"],
                    # not yet, as long as more is to be invoiced
                    looked_at["paid"] and looked_at["invoiced"],
                ],
                f"{message}: {deal.name}",
            )
        self.assertEqual(
            self.env["crm.lead"].with_user(1).check_and_repair_milestones(),
            [],
            message,
        )

    def _get_stored(self, deal):
        return {
            "first_call": deal.date_first_call,
            "sent": bool(deal.date_quotation_sent),
            "ordered": deal.date_ordered,
            "delivered": deal.delivery_progress == "done" and bool(deal.date_delivered),
            "invoiced": deal.invoice_progress == "done" and bool(deal.date_invoiced),
            "paid": deal.payment_progress == "done" and bool(deal.date_paid),
            "amount_ordered": round(deal.amount_ordered, 2),
            "amount_invoiced": round(deal.amount_invoiced, 2),
            "amount_paid": round(deal.amount_paid, 2),
        }

    def _count_steps(self, deal, *milestones):
        """How often the funnel counts the deal at each of these steps."""
        total = self.env["crm.lead"].get_funnel_report(
            [("id", "=", deal.id)],
            {
                "funnel_id": self.env.ref(
                    "sales_funnel_report.crm_funnel_lead_to_cash"
                ).id,
                "rule": "visited",
                "date_from": "2000-01-01",
                "date_to": "2100-01-01",
                "as_of": "2100-01-01 00:00:00",
            },
        )["total"]
        counts = {step["key"]: step["count"] for step in total["steps"]}
        return [counts[f"milestone:{milestone}"] for milestone in milestones]

    def _look_at(self, deal):
        orders = self.env["sale.order"].search([("opportunity_id", "=", deal.id)])
        confirmed = orders.filtered(lambda order: order.state == "sale")
        lines = confirmed.order_line
        goods = lines.filtered(lambda line: line.product_id.type == "consu")
        documents = self.env["account.move"].search(
            [
                ("line_ids.sale_line_ids.order_id", "in", orders.ids),
                ("state", "=", "posted"),
            ]
        )
        owed = documents.filtered(
            lambda move: (
                move.move_type == "out_invoice" and move.payment_state != "reversed"
            )
        )
        held = self.env["crm.phonecall"].search(
            [("lead_id", "=", deal.id), ("state", "=", "held")]
        )
        return {
            "first_call": min(held.mapped("date"), default=False),
            "sent": any(orders.mapped("date_quotation_sent")),
            "ordered": min(confirmed.mapped("date_order"), default=False),
            "delivered": bool(goods)
            and all(line.qty_delivered >= line.product_uom_qty for line in goods),
            "invoiced": bool(lines)
            and all(line.qty_invoiced_posted >= line.product_uom_qty for line in lines),
            "paid": bool(owed) and not any(owed.mapped("amount_residual")),
            "amount_ordered": round(sum(confirmed.mapped("amount_untaxed")), 2),
            "amount_invoiced": round(sum(documents.mapped("amount_untaxed_signed")), 2),
            "amount_paid": round(sum(map(self._get_money_of, documents)), 2),
        }

    def _get_money_of(self, document):
        """The payments of an invoice, less those of a credit note: all of them are
        without taxes here."""
        lines = document.line_ids
        return sum(
            partial.amount
            for partial in lines.matched_credit_ids
            if partial.credit_move_id.move_id.move_type == "entry"
        ) - sum(
            partial.amount
            for partial in lines.matched_debit_ids
            if partial.debit_move_id.move_id.move_type == "entry"
        )
