from contextlib import contextmanager
from datetime import timedelta

from odoo import api, models
from odoo.fields import Command
from odoo.tools import SQL

from . import wholesale_months

# What is written of an order after it was made.
PAPERS = ("deliver", "invoice", "pay", "pay_part")


class SalesFlowDemo(models.AbstractModel):
    """Makes the months of :mod:`.wholesale_months` happen. Only the demo data calls
    it."""

    _name = "sales.flow.demo"
    _description = "Sales Flow Demo Data"

    @api.model
    def _live_some_months(self):
        """Let the demo company live the months before today, through the ORM: every
        event is done by the salesperson, at its moment, in the order of time.
        """
        team = self.env.ref("sales_funnel_crm.demo_team_wholesale")
        stages = self.env["crm.stage"].search(
            [("is_won", "=", False), ("team_ids", "in", [False, team.id])]
        )
        # what the demo data before this has to tell is no part of the story
        self._flush()
        last_message = self.env["mail.message"].search([], order="id desc", limit=1)
        # as in life, with what the chatter tells of deals, but nobody gets an e-mail
        demo = self.with_company(team.company_id).with_context(
            mail_activity_quick_update=True,
            mail_auto_subscribe_no_notify=True,
            mail_create_nolog=True,
            skip_sms=True,
        )
        deals, papers = {}, {}
        for event in wholesale_months.live(self.env.cr.now().date()):
            if event.action in PAPERS:
                order = deals[event.deal].order_ids
                papers.setdefault(event.action, {})[order] = event.moment
                continue
            with demo._at(event.moment):
                if event.action.startswith("begin"):
                    deals[event.deal] = demo._begin(event, team, stages)
                else:
                    happen = getattr(demo, f"_do_{event.action}")
                    happen(deals[event.deal], event.values, stages)
                demo._flush()
        demo.with_context(tracking_disable=True)._do_papers(papers)
        demo._keep_names(deals)
        self._date_messages(last_message.id or 0)

    # ------------------------------------------------------------
    # TIME
    # ------------------------------------------------------------

    @contextmanager
    def _at(self, moment):
        """Within it, it is ``moment``: what Odoo writes bears the time of the
        transaction, and this is where the transaction keeps it.
        """
        cr = self.env.cr
        now = cr.now()
        cr._now = moment
        try:
            yield
        finally:
            cr._now = now

    def _flush(self):
        """Write all, with what the chatter tells of it, before the clock goes on."""
        self.env.flush_all()
        if self.env.cr.precommit.data:
            self.env.cr.precommit.run()
            self.env.flush_all()

    def _date_messages(self, last_id):
        """Let messages bear the time at which they were written in the story, and
        not that of the installation.

        :param int last_id: the last message that is no part of it
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE mail_message SET date = create_date
                    WHERE id > %s AND date > create_date""",
                last_id,
            )
        )
        self.env["mail.message"].invalidate_model(["date"])

    def _keep_names(self, deals):
        """Give the deals their external ids: with them they go when the addon does.

        :param dict deals: ``{number: crm.lead}``
        """
        self.env["ir.model.data"]._update_xmlids(
            [
                {
                    "xml_id": f"sales_funnel_crm.demo_lead_{number:02d}",
                    "record": deal,
                    "noupdate": True,
                }
                for number, deal in deals.items()
            ]
        )

    def _get_today(self):
        return self.env.cr.now().date()

    # ------------------------------------------------------------
    # LEADS AND DEALS: see ``wholesale_months.PATHS``
    # ------------------------------------------------------------

    def _demo(self, kind, name):
        return self.env.ref(f"sales_funnel_crm.demo_{kind}_{name}")

    def _get_reason(self, name):
        """:return: ``crm.lost.reason`` of the demo company, or one that ships"""
        return self.env.ref(
            f"sales_funnel_crm.demo_lost_{name}", raise_if_not_found=False
        ) or self.env.ref(f"sales_funnel_crm.lost_reason_{name}")

    def _begin(self, event, team, stages):
        """:return: the new ``crm.lead``, with the salesperson as its user"""
        values = event.values
        is_lead = event.action == "begin_lead"
        user = self._demo("user", values["salesperson"])
        vals = {
            "name": values["name"],
            "type": "lead" if is_lead else "opportunity",
            "team_id": team.id,
            "user_id": user.id,
            "stage_id": stages[:1].id,
            "source_id": self._demo("source", values["source"]).id,
            "tag_ids": [Command.set(self._demo("tag", values["tag"]).ids)],
        }
        if not values["customer"]:
            vals["phone"] = f"+1 617-555-02{event.deal:02d}"
        else:
            contact = self._demo("contact", f"{values['customer']:02d}")
            vals |= (
                {
                    "contact_name": contact.name,
                    "partner_name": contact.parent_id.name,
                    "email_from": contact.email,
                    "phone": contact.phone,
                }
                if is_lead
                else {"partner_id": contact.id}
            )
        return self.env["crm.lead"].with_user(user).create(vals)

    def _do_qualify(self, deal, values, stages):
        deal.convert_opportunity(deal._find_matching_partner())
        self._do_move(deal, values, stages)

    def _do_move(self, deal, values, stages):
        deal.stage_id = stages[1:2] or stages

    def _do_hold(self, deal, values, stages):
        deal.action_put_on_hold(values["until"], values["note"])

    def _do_lose(self, deal, values, stages):
        self._end(deal, values["reason"])

    def _do_dead(self, lead, values, stages):
        self._end(lead, values["reason"])

    def _do_closed(self, lead, values, stages):
        self._end(lead, values["reason"], "closed")

    def _end(self, lead, reason, ending=None):
        lead.with_context(lead_ending=ending).action_set_lost(
            lost_reason_id=self._get_reason(reason).id
        )
        self._close(lead)

    def _close(self, lead):
        # Odoo takes the date of the clock, not that of the transaction
        lead.date_closed = self.env.cr.now()

    # ------------------------------------------------------------
    # CALLS
    # ------------------------------------------------------------

    def _do_call(self, lead, values, stages):
        self._log_call(lead, "held", **values)

    def _do_no_answer(self, lead, values, stages):
        self._log_call(lead, "no_answer", "out")

    def _do_wrong_number(self, lead, values, stages):
        self._log_call(lead, "held", "out", 0.5, "wrong_number")

    def _do_ask(self, deal, values, stages):
        order = deal.order_ids[:1]
        self._log_call(
            deal,
            "held",
            name=f"Quotation {order.name}",
            order_id=order.id,
            **values,
        )

    def _log_call(self, lead, state, direction, duration=0, outcome=None, **values):
        outcome = outcome and self.env.ref(
            f"sales_funnel_crm.phonecall_outcome_{outcome}"
        )
        calls = self.env["crm.phonecall"].with_user(lead.user_id)
        calls.with_context(tracking_disable=True).create(
            {
                "lead_id": lead.id,
                "direction": direction,
                "state": state,
                "date": self.env.cr.now(),
                "duration": duration,
                "outcome_id": outcome and outcome.id,
                **values,
            }
        )

    # ------------------------------------------------------------
    # FROM QUOTATION TO CASH
    # ------------------------------------------------------------

    def _do_quote(self, deal, values, stages):
        if deal.stage_id != stages[-1]:
            deal.stage_id = stages[-1]
        lines = [
            (self._demo("product", name), quantity, None)
            for name, quantity in values["lines"]
        ]
        order = self._make_quotation(deal, lines, values["valid_days"])
        deal.expected_revenue = order.amount_untaxed

    def _do_send(self, deal, values, stages):
        deal.order_ids.filtered(lambda order: order.state == "draft").write(
            {"state": "sent"}
        )

    def _do_cancel(self, deal, values, stages):
        deal.order_ids._action_cancel()
        self._do_expire(deal, values, stages)

    def _do_expire(self, deal, values, stages):
        """Say why a quotation came to nothing."""
        deal.order_ids.lost_reason_id = self._get_reason(values["reason"])

    def _do_order(self, deal, values, stages):
        order = deal.order_ids
        order.invoice_policy = values["invoice_on"]
        self._confirm(order)
        self._close(deal)

    def _make_quotation(self, deal, lines, valid_days):
        """Make a quotation for a deal, now.

        :param deal: ``crm.lead`` with a customer
        :param list lines: ``(product.product, quantity, price)``, ``None`` for the
            price in the list
        :param int valid_days: until it expires
        :return: ``sale.order``
        """
        order_lines = []
        for product, quantity, price in lines:
            line = {"product_id": product.id, "product_uom_qty": quantity}
            if price is not None:
                line["price_unit"] = price
            order_lines.append(Command.create(line))
        return (
            self.env["sale.order"]
            .with_user(deal.user_id)
            .with_context(tracking_disable=True)
            .create(
                {
                    "partner_id": deal.partner_id.id,
                    "opportunity_id": deal.id,
                    "user_id": deal.user_id.id,
                    "team_id": deal.team_id.id,
                    "date_order": self.env.cr.now(),
                    "validity_date": self._get_today() + timedelta(days=valid_days),
                    "payment_term_id": self.env.ref(
                        "account.account_payment_term_30days"
                    ).id,
                    "order_line": order_lines,
                }
            )
        )

    def _confirm(self, order):
        """Make an order of a quotation, now."""
        order.action_confirm()
        # Odoo takes the date of the clock
        order.date_order = self.env.cr.now()

    def _do_papers(self, papers):
        """Deliver, invoice and receive payments: all of a kind at once, which takes a
        fraction of the time, and then each at its date.

        :param dict papers: ``{one of PAPERS: {order: moment}}``
        """
        orders = {
            kind: {
                order.with_env(self.env): moment for order, moment in of_kind.items()
            }
            for kind, of_kind in papers.items()
        }
        self._deliver(orders.get("deliver", {}))
        self._invoice(orders.get("invoice", {}))
        for kind, share in (("pay", 1), ("pay_part", 0.4)):
            for order, moment in orders.get(kind, {}).items():
                self._receive_payment(order.invoice_ids, moment.date(), share)

    def _deliver(self, moments):
        """Deliver all of each order.

        :param dict moments: ``{order: moment}``
        """
        pickings = self.env["stock.picking"].union(*(o.picking_ids for o in moments))
        pickings.move_ids.picked = True
        pickings._action_done()
        for order, moment in moments.items():
            order.picking_ids.date_done = moment

    def _invoice(self, moments):
        """Invoice what can be invoiced of each order, and post it.

        :param dict moments: ``{order: moment}``
        """
        orders = self.env["sale.order"].union(*moments)
        if not orders:
            return
        # one for each order
        invoices = orders._create_invoices(grouped=True)
        for order, moment in moments.items():
            order.invoice_ids.invoice_date = moment.date()
        invoices.action_post()

    def _receive_payment(self, invoices, date, share):
        """The customer pays.

        :param float share: how much of it
        """
        values = {"payment_date": date}
        if share < 1:
            values["amount"] = round(sum(invoices.mapped("amount_total")) * share, 2)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoices.ids
        ).create(values)._create_payments()
