from datetime import timedelta

from odoo.fields import Command
from odoo.tests import tagged

from .test_lead_milestones import APRIL, FEBRUARY, JANUARY, MARCH, MilestonesCase


@tagged("post_install", "-at_install")
class TestPaidInFunnel(MilestonesCase):
    """In a funnel a deal is paid when all that was ordered is invoiced and every invoice
    paid; the deal itself tells of the invoices it has so far."""

    def setUp(self):
        super().setUp()
        with self.at(JANUARY):
            self.deal = self.deal.create(
                {
                    "name": "Steel in advance",
                    "type": "opportunity",
                    "partner_id": self.partner_a.id,
                    "user_id": self.salesman.id,
                    "team_id": False,
                }
            )
        self.funnel = self.env["crm.funnel"].create(
            {
                "name": "Money",
                "step_ids": [
                    Command.create(
                        {
                            "name": milestone,
                            "kind": "milestone",
                            "milestone": milestone,
                            "sequence": sequence,
                        }
                    )
                    for sequence, milestone in enumerate(
                        ("ordered", "invoiced", "paid")
                    )
                ],
            }
        )

    def _get_steps(self, rule, as_of="2026-06-01"):
        self.env.flush_all()
        total = (
            self.env["crm.lead"]
            .with_context(tz="UTC")
            .get_funnel_report(
                [("id", "=", self.deal.id)],
                {
                    "funnel_id": self.funnel.id,
                    "rule": rule,
                    "date_from": "2026-01-01",
                    "date_to": "2026-02-01",
                    "as_of": f"{as_of} 00:00:00",
                },
            )["total"]
        )
        for step in total["steps"]:
            self.assertEqual(
                self.env["crm.lead"].search_count(step["domain"]), step["count"]
            )
        return {step["name"]: step for step in total["steps"]}

    def _assert_paid(self, moment=None, amount=0, invoiced=True):
        """
        :param datetime moment: the day since when it is paid, ``None`` if it is not
        :param float amount: of the step
        :param bool invoiced: whether all that was ordered is
        """
        for rule in ("beyond", "visited", "strict"):
            steps = self._get_steps(rule)
            self.assertEqual(
                (steps["invoiced"]["count"], steps["paid"]["count"]),
                (int(invoiced), int(bool(moment))),
                rule,
            )
            self.assertEqual(steps["paid"]["amount"], amount)
        if moment:
            # a day is known, no hour: it counts from its beginning
            for as_of, count in (
                (moment.date() - timedelta(days=1), 0),
                (moment.date(), 1),
            ):
                self.assertEqual(
                    self._get_steps("visited", as_of)["paid"]["count"], count, as_of
                )

    def test_advance(self):
        order = self._confirmed()
        self._pay(self._advance(order, JANUARY, amount=50), FEBRUARY)
        self._assert_deal(payment_progress="done", date_paid=FEBRUARY.date())
        self._assert_paid(invoiced=False)
        invoice = self._invoice_rest(order, MARCH)
        self._assert_deal(payment_progress="open", date_paid=False)
        self._assert_paid()
        self._pay(invoice, APRIL)
        self._assert_deal(payment_progress="done", date_paid=APRIL.date())
        self._assert_paid(APRIL, 200)

    def test_all_in_advance(self):
        """The last invoice is of nothing, and paid as soon as it is there."""
        order = self._confirmed()
        advance = self._advance(
            order, JANUARY, advance_payment_method="fixed", fixed_amount=200
        )
        self._pay(advance, FEBRUARY)
        self._assert_deal(
            date_paid=FEBRUARY.date(), amount_paid=200, invoice_progress="open"
        )
        self._assert_paid(invoiced=False)
        invoice = self._invoice_rest(order, MARCH)
        self.assertEqual(invoice.amount_total, 0)
        self._assert_deal(date_paid=MARCH.date(), amount_invoiced=200)
        self._assert_paid(MARCH, 200)

    def test_advance_paid_last(self):
        order = self._confirmed()
        advance = self._advance(order, JANUARY, amount=50)
        self._pay(self._invoice_rest(order, FEBRUARY), MARCH)
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=100)
        self._assert_paid()
        self._pay(advance, APRIL)
        self._assert_deal(date_paid=APRIL.date(), amount_paid=200)
        self._assert_paid(APRIL, 200)

    def test_advance_given_back(self):
        """The order goes on without it."""
        order = self._confirmed()
        advance = self._advance(order, JANUARY, amount=50)
        self._pay(advance, JANUARY)
        note = self._credit(advance, FEBRUARY, quantity=1)
        self._pay(note, FEBRUARY)
        self._assert_deal(amount_invoiced=0, amount_paid=0)
        self._assert_paid(invoiced=False)
        self._pay(self._invoice_rest(order, MARCH), APRIL)
        self._assert_deal(amount_invoiced=200, amount_paid=200)
        self._assert_paid(APRIL, 200)

    def test_paid_before_there_is_an_invoice(self):
        """Money on account is of no order, until it is set off against the invoice."""
        order = self._confirmed()
        payment = self._prepay(order, JANUARY, 200)
        self._assert_deal(payment_progress=False, date_paid=False, amount_paid=0)
        self._assert_paid(invoiced=False)
        invoice = self._invoice(order, MARCH)
        self._assert_deal(payment_progress="open", date_paid=False)
        self._assert_paid()
        with self.at(APRIL):
            self._reconcile(payment.move_id, invoice)
        # paid when both were there
        self._assert_deal(
            payment_progress="done", date_paid=MARCH.date(), amount_paid=200
        )
        self._assert_paid(MARCH, 200)

    def test_part_of_it_paid_before(self):
        order = self._confirmed()
        payment = self._prepay(order, JANUARY, 50)
        invoice = self._invoice(order, MARCH)
        with self.at(MARCH):
            self._reconcile(payment.move_id, invoice)
        self._assert_deal(payment_progress="open", date_paid=False, amount_paid=50)
        self._assert_paid()
        self._pay(invoice, APRIL)
        self._assert_paid(APRIL, 200)

    def test_invoiced_in_parts(self):
        order = self._confirmed(self.goods_delivered)
        self._deliver(order, JANUARY, quantity=1)
        self._pay(self._invoice(order, JANUARY), FEBRUARY)
        self._assert_deal(
            date_paid=FEBRUARY.date(), amount_paid=100, invoice_progress="open"
        )
        self._assert_paid(invoiced=False)
        self._deliver(order, FEBRUARY)
        self._pay(self._invoice(order, MARCH), APRIL)
        self._assert_paid(APRIL, 200)

    def test_less_is_ordered_in_the_end(self):
        """What will not come any more is taken off the order."""
        order = self._confirmed(self.goods_delivered)
        self._deliver(order, JANUARY, quantity=1)
        self._pay(self._invoice(order, JANUARY), FEBRUARY)
        with self.at(MARCH):
            order.order_line.product_uom_qty = 1
        self._assert_paid(FEBRUARY, 100)

    def test_one_of_two_orders(self):
        self._pay(self._invoice(self._confirmed(), JANUARY), FEBRUARY)
        self._assert_paid(FEBRUARY, 200)
        other = self._confirmed(price=25, at=MARCH)
        self._assert_deal(date_paid=FEBRUARY.date())
        self._assert_paid(invoiced=False)
        self._pay(self._invoice(other, MARCH), APRIL)
        self._assert_paid(APRIL, 250)

    def test_entered_late(self):
        """A payment without a journal entry may be older than its invoice."""
        invoice = self._invoice(self._confirmed(), MARCH)
        with self.at(APRIL):
            payment = self.env["account.payment"].create(
                {
                    "partner_id": self.partner_a.id,
                    "amount": 200,
                    "date": FEBRUARY.date(),
                    "invoice_ids": [Command.set(invoice.ids)],
                }
            )
            payment.outstanding_account_id = False
            payment.action_post()
        self._assert_deal(date_paid=FEBRUARY.date(), date_invoiced=MARCH.date())
        self._assert_paid(MARCH, 200)

    def test_order_is_cancelled(self):
        """Nothing is ordered any more, so nothing comes to its end."""
        order = self._confirmed(self.service)
        self._pay(self._invoice(order, FEBRUARY), MARCH)
        self._assert_paid(MARCH, 200)
        order._action_cancel()
        self._assert_deal(date_paid=MARCH.date(), date_invoiced=False)
        self.assertEqual(self._get_steps("visited")["paid"]["count"], 0)
