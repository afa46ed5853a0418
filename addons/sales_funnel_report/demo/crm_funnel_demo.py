from contextlib import contextmanager

from odoo import api, models
from odoo.fields import Command

from . import wholesale_year


class CrmFunnelDemo(models.AbstractModel):
    """Makes the year of :mod:`.wholesale_year` happen. Only the demo data calls it."""

    _name = "crm.funnel.demo"
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
        deals = {}
        for event in wholesale_year.live(now, zone, len(stages)):
            with self._at(event.moment):
                if event.action == "begin":
                    deals[event.deal] = self._begin(event.values, team, stages)
                else:
                    happen = getattr(self, f"_{event.action}")
                    happen(deals[event.deal], event.values, stages)
                self.env.flush_all()
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

    @contextmanager
    def _at(self, moment):
        """Within it, it is ``moment``: what Odoo and the stage history write bears
        the time of the transaction, and this is where the transaction keeps it.
        """
        cr = self.env.cr
        now = cr.now()
        cr._now = moment
        try:
            yield
        finally:
            cr._now = now

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

    def _win(self, deal, values, stages):
        deal.write(values)
        deal.action_set_won()
        self._close(deal)

    def _lose(self, deal, values, stages):
        reason = self._demo("lost", values["reason"])
        deal.action_set_lost(lost_reason_id=reason.id)
        self._close(deal)

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

    def _close(self, deal):
        # Odoo takes the date of the clock, not that of the transaction
        deal.date_closed = self.env.cr.now()

    def _demo(self, kind, name):
        return self.env.ref(f"sales_funnel_crm.demo_{kind}_{name}")
