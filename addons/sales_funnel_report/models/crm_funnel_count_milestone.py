from odoo import models
from odoo.tools import SQL

# What a milestone is proven by, as fields of the deal: when it was reached, the money
# of its documents, and how far it is, from which one sees whether it is needed at all.
DOCUMENTS = {
    "first_call": ("date_first_call", None, None),
    "first_meeting": ("date_first_meeting", None, None),
    "qualified": ("date_qualified", None, None),
    "quotation_sent": ("date_quotation_sent", "amount_quoted", None),
    "ordered": ("date_ordered", "amount_ordered", None),
    "delivered": ("date_delivered", "amount_ordered", "delivery_progress"),
    "invoiced": ("date_invoiced", "amount_invoiced", "invoice_progress"),
    "paid": ("date_paid", "amount_paid", "payment_progress"),
}


class CrmFunnelCount(models.AbstractModel):
    """Steps that documents prove."""

    # a lens or a kind of step is a file
    _inherit = "crm.funnel.count"  # pylint: disable=consider-merging-classes-inherited

    def _entries_of_milestone(self, question, steps):
        """See ``crm.funnel.count._other_entries_query``."""
        leads = self.env["crm.lead"]
        milestones = {step["milestone"] for _rank, step in steps}
        if "paid" in milestones:
            # see _day_paid_sql
            milestones.add("invoiced")
        # see _moment_of_day_sql
        milestones |= {"ordered", "delivered"}
        leads.flush_model(
            [
                name
                for milestone in milestones
                for name in DOCUMENTS.get(milestone, ())
                if name
            ]
        )
        return SQL(
            """
            SELECT lead.id AS lead_id, step.rank, step.moment,
                   %(amount)s AS amount, step.not_needed
              FROM crm_lead lead
        CROSS JOIN LATERAL (VALUES %(steps)s)
                AS step (rank, moment, amount, not_needed)
                   %(amount_join)s
             WHERE step.moment IS NOT NULL OR step.not_needed
            """,
            steps=SQL(", ").join(
                self._milestone_values(question, rank, step["milestone"])
                for rank, step in steps
            ),
            amount=self._converted_sql(
                SQL("step.amount"),
                SQL("lead.documents_currency_id"),
                question["currency"],
            ),
            amount_join=self._rates_join(
                SQL("lead.documents_currency_id"),
                question["currency"],
                # what is not needed shows the money of the order
                SQL("COALESCE(step.moment, lead.date_ordered)::date"),
            ),
        )

    def _milestone_values(self, question, rank, milestone):
        """One row of :meth:`_entries_of_milestone`: position, moment, money, and
        whether it is not needed."""
        if milestone == "created":
            moment = SQL(
                """(SELECT MIN(first.date_entered) FROM crm_lead_stage_history first
                     WHERE first.lead_id = lead.id)"""
            )
            return SQL("(%s, %s, NULL::numeric, FALSE)", rank, moment)
        date, amount, progress = DOCUMENTS[milestone]
        moment = SQL.identifier("lead", date)
        if milestone == "paid":
            moment = self._day_paid_sql()
        if self.env["crm.lead"]._fields[date].type == "date":
            moment = self._moment_of_day_sql(question, moment)
        return SQL(
            "(%s, %s, %s, %s)",
            rank,
            moment,
            SQL.identifier("lead", amount) if amount else SQL("NULL::numeric"),
            SQL("COALESCE(%s = 'none', FALSE)", SQL.identifier("lead", progress))
            if progress
            else SQL("FALSE"),
        )

    def _day_paid_sql(self):
        """The day from which a deal is through to the cash: all that was ordered has
        been invoiced, and every invoice paid.

        ``date_paid`` tells of the invoices there are. If they are advances, or the
        first of several, most of the money may still have to come, and more deals
        would be paid than invoiced.
        """
        return SQL(
            """CASE WHEN lead.date_paid IS NOT NULL
                     AND (lead.date_invoiced IS NOT NULL
                          OR lead.invoice_progress = 'none')
                    THEN GREATEST(lead.date_paid, lead.date_invoiced) END"""
        )

    def _moment_of_day_sql(self, question, day):
        """A moment for what is known by its day alone, which is a day of the user as
        those of periods are: noon, but after what is known to have been ordered or
        delivered that day; and if ``as_of`` is on that day, not after it.
        """
        zone = self.env.tz.zone
        begin = SQL("(%s::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", day, zone)
        same_day = SQL(", ").join(
            SQL(
                """CASE WHEN (%(moment)s AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date
                             = %(day)s THEN %(moment)s END""",
                moment=SQL.identifier("lead", name),
                zone=zone,
                day=day,
            )
            for name in ("date_ordered", "date_delivered")
        )
        return SQL(
            """CASE WHEN %(day)s IS NOT NULL THEN LEAST(
                COALESCE(GREATEST(%(same_day)s), %(begin)s + INTERVAL '12 hours'),
                GREATEST(%(as_of)s::timestamp, %(begin)s)
            ) END""",
            day=day,
            same_day=same_day,
            begin=begin,
            as_of=question["as_of"],
        )
