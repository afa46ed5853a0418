from datetime import timedelta

from odoo import api, models
from odoo.fields import Command

from odoo.addons.sales_funnel_crm.demo.wholesale_months import PRODUCTS

from . import wholesale_year

# For so many days the company has written its quotations in Odoo: those of a whole
# year would take longer to make than all the rest.
PAPER_DAYS = 21
VALID_DAYS = 30
# What a quotation is for besides goods, at least.
SERVICE_SHARE = 0.15


class CrmFunnelDemo(models.AbstractModel):
    """Makes the year of :mod:`.wholesale_year` happen. Only the demo data calls it."""

    _name = "crm.funnel.demo"
    _inherit = "sales.flow.demo"
    _description = "Sales Funnel Demo Data"

    @api.model
    def _live_a_year(self):
        """Let the demo company live the year that ends now, through the ORM: every
        event is done by the salesperson, at its moment, in the order of time.

        Does nothing when the company has lived already.
        """
        if self.env.ref(self._deal_xmlid(1), raise_if_not_found=False):
            return
        now = self.env.cr.now()
        team = self.env.ref("sales_funnel_crm.demo_team_wholesale")
        stages = self.env["crm.stage"].search(
            [("is_won", "=", False), ("team_ids", "in", [False, team.id])]
        )
        zone = team.company_id.resource_calendar_id.tz or self.env.user.tz or "UTC"
        demo = self.with_context(now=now, tracking_disable=True, skip_sms=True)
        deals = {}
        for event in wholesale_year.live(now, zone, len(stages)):
            with demo._at(event.moment):
                if event.action == "begin":
                    deals[event.deal] = demo._begin(event.values, team, stages)
                else:
                    happen = getattr(demo, f"_{event.action}")
                    happen(deals[event.deal], event.values, stages)
                demo.env.flush_all()
        demo._touch(deals, wholesale_year.touch(now, zone, len(stages)))
        demo._write_papers(deals, now)
        self._forecast(self.env["crm.lead"].union(*deals.values()))
        self.env["ir.model.data"]._update_xmlids(
            [
                {"xml_id": self._deal_xmlid(number), "record": deal, "noupdate": True}
                for number, deal in deals.items()
            ]
        )

    def _deal_xmlid(self, number):
        """:return: external id of the deal; with it the deal goes when the addon does"""
        return f"sales_funnel_report.demo_deal_{number:03d}"

    def _forecast(self, deals):
        """Let Odoo learn from the whole year what the open deals are worth. Learning
        from each deal as it ends would take a third of the time of the installation.
        """
        begins = min(deals.mapped("create_date")).date()
        self.env["ir.config_parameter"].set_param("crm.pls_start_date", str(begins))
        deals._rebuild_pls_frequency_table()
        deals.filtered(lambda d: d.active and d.won_status == "pending").with_context(
            tracking_disable=True
        )._compute_probabilities()

    # ------------------------------------------------------------
    # EVENTS: see ``wholesale_year.Event``
    # ------------------------------------------------------------

    def _begin(self, values, team, stages):
        """:return: the new ``crm.lead``, with the salesperson as its user"""
        user = self._demo("user", values["salesperson"])
        contact = self._demo("contact", f"{values['customer']:02d}")
        vals = {
            "name": values["name"],
            "type": values["type"],
            "team_id": team.id,
            "user_id": user.id,
            "stage_id": stages[values["stage"]].id,
            "source_id": self._demo("source", values["source"]).id,
            "tag_ids": [Command.set([self._demo("tag", t).id for t in values["tags"]])],
            "expected_revenue": values["expected_revenue"],
            "priority": values["priority"],
            "date_deadline": values["date_deadline"],
        }
        if values["type"] == "lead":
            # nobody has found out yet that it is a customer
            vals.update(
                contact_name=contact.name,
                partner_name=contact.parent_id.name,
                email_from=contact.email,
                phone=contact.phone,
            )
        else:
            vals["partner_id"] = contact.id
        leads = self.env["crm.lead"].with_user(user)
        # no chatter: its messages would bear the date of the installation, and its
        # e-mails would be sent
        leads = leads.with_company(team.company_id).with_context(
            tracking_disable=True, mail_activity_quick_update=True
        )
        return leads.create(vals)

    def _qualify(self, deal, values, stages):
        deal.convert_opportunity(deal._find_matching_partner())

    def _move(self, deal, values, stages):
        vals = dict(values)
        vals["stage_id"] = stages[vals.pop("stage")].id
        deal.write(vals)
        if deal.stage_id == stages[-1] and self._is_on_paper() and not deal.order_ids:
            self._offer(deal)

    def _win(self, deal, values, stages):
        deal.write(values)
        deal.action_set_won()
        self._close(deal)
        if self._is_on_paper():
            self._sell(deal)

    def _lose(self, deal, values, stages):
        reason = self._demo("lost", values["reason"])
        deal.action_set_lost(lost_reason_id=reason.id)
        self._close(deal)
        deal.order_ids._action_cancel()
        deal.order_ids.lost_reason_id = reason

    def _freeze(self, deal, values, stages):
        if not deal.probability:
            # there is no forecast yet; with none, Odoo would call it lost
            deal.probability = 20
        deal.action_archive()
        self._close(deal)

    def _resume(self, deal, values, stages):
        deal.action_restore()

    def _plan(self, deal, values, stages):
        deal.activity_schedule(
            values["activity"],
            values["date_deadline"],
            values["summary"],
            user_id=deal.user_id.id,
        )

    # ------------------------------------------------------------
    # CALLS, MAILS AND MEETINGS: see ``wholesale_year.Touch``
    # ------------------------------------------------------------

    def _touch(self, deals, touches):
        """Make what was said and written: all of a kind at once, which takes a fraction
        of the time.

        :param dict deals: ``{number: crm.lead}``
        :param list touches: of ``wholesale_year.Touch``
        """
        made = {"call": [], "no_answer": [], "mail": [], "meeting": []}
        for touch in touches:
            prepare = getattr(self, f"_prepare_{touch.kind}")
            made[touch.kind].append(prepare(deals[touch.deal], touch))
        calls = self.env["crm.phonecall"].create(made["call"] + made["no_answer"])
        self._conclude(calls.filtered(lambda call: call.state == "held"))
        self.env["mail.message"].create(made["mail"])
        opportunities = [values.pop("opportunity_id") for values in made["meeting"]]
        meetings = self.env["calendar.event"].with_context(no_mail_to_attendees=True)
        # with a deal from the first, Odoo would tell of it in the chatter, as of now
        for meeting, lead_id in zip(
            meetings.create(made["meeting"]), opportunities, strict=True
        ):
            meeting.opportunity_id = lead_id

    def _prepare_call(self, deal, touch):
        return {
            **self._prepare_no_answer(deal, touch),
            "state": "held",
            "duration": touch.minutes,
        }

    def _conclude(self, calls):
        """Say what came of the calls, in view of what came of the deals."""
        outcomes = {"won": "interested", "lost": "not_interested"}
        for status, of_status in calls.grouped(
            lambda call: call.lead_id.won_status
        ).items():
            of_status.outcome_id = self.env.ref(
                f"sales_funnel_crm.phonecall_outcome_{outcomes.get(status, 'information')}"
            )

    def _prepare_no_answer(self, deal, touch):
        return {
            "name": touch.subject,
            "lead_id": deal.id,
            "user_id": deal.user_id.id,
            "direction": "out",
            "state": "no_answer",
            "date": touch.moment,
        }

    def _prepare_mail(self, deal, touch):
        author = deal.user_id.partner_id
        return {
            "message_type": "email_outgoing",
            "model": deal._name,
            "res_id": deal.id,
            "date": touch.moment,
            "author_id": author.id,
            "email_from": author.email_formatted,
            "reply_to": author.email_formatted,
            "subject": touch.subject,
            "body": touch.subject,
        }

    def _prepare_meeting(self, deal, touch):
        return {
            "name": touch.subject,
            "opportunity_id": deal.id,
            "user_id": deal.user_id.id,
            "partner_ids": [Command.set(deal.user_id.partner_id.ids)],
            "start": touch.moment,
            "stop": touch.moment + timedelta(minutes=touch.minutes),
        }

    # ------------------------------------------------------------
    # DOCUMENTS OF THE LAST DAYS
    # ------------------------------------------------------------

    def _is_on_paper(self):
        """:return: whether quotations were written in Odoo at this moment"""
        begin = self.env.context["now"] - timedelta(days=PAPER_DAYS)
        return self.env.cr.now() >= begin

    def _offer(self, deal):
        """Send the customer a quotation at the amount that the deal is worth."""
        products = [self._demo("product", name) for name in self._get_products(deal)]
        goods = deal.expected_revenue * (1 - SERVICE_SHARE)
        # a whole kitchen is not made of trays
        dear_first = sorted(products, key=lambda product: -product.list_price)
        product = next((p for p in dear_first if p.list_price < goods), dear_first[-1])
        quantity = goods // product.list_price
        rest = deal.expected_revenue - quantity * product.list_price
        lines = [(self._demo("product", "service"), 1, rest)]
        if quantity:
            lines.insert(0, (product, quantity, None))
        self._make_quotation(deal, lines, VALID_DAYS).state = "sent"

    def _get_products(self, deal):
        """:return: names of the products that a deal may be about"""
        return next(
            names
            for tag, names in PRODUCTS.items()
            if self._demo("tag", tag) in deal.tag_ids
        )

    def _sell(self, deal):
        """Make an order at the amount that the deal was won at."""
        if not deal.order_ids:
            self._offer(deal)
        *goods, service = deal.order_ids.order_line
        sold = sum(line.price_subtotal for line in goods)
        service.price_unit = deal.expected_revenue - sold
        self._confirm(deal.order_ids)

    def _write_papers(self, deals, now):
        """Deliver and invoice what was ordered, some days after the order.

        :param dict deals: ``{number: crm.lead}``
        :param now: ``datetime``, when the year ends
        """
        done = {}
        for number, deal in deals.items():
            for order in deal.order_ids.filtered(lambda order: order.state == "sale"):
                moment = order.date_order + timedelta(days=1 + number % 6)
                if moment < now:
                    done[order] = moment
        self._do_papers({"deliver": done, "invoice": done})
