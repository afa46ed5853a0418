from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .sales_report_common import SalesReportCase


class SalesRiskCase(SalesReportCase):
    """The tests stand on the 15th of June 2026."""

    TODAY = "2026-06-15"

    def _risks(self, *fnames, user=None, domain=(), **context):
        """The list of a user.

        :return: ``[(kind, *fields)]`` in its order
        """
        rows = self._report("sales.risk", user, **context).search(list(domain))
        return [(row.kind, *(row[fname] for fname in fnames)) for row in rows]

    def _past(self, *days, stage=None, **values):
        """Deals that left a stage, New unless said otherwise, after so many days."""
        with self.at("2025-01-01"):
            deals = self.env["crm.lead"].create(
                [
                    {
                        "name": f"{stay} days",
                        "type": "opportunity",
                        "user_id": self.ada.id,
                        "team_id": self.team.id,
                        "company_id": self.company.id,
                        "stage_id": (stage or self.stage_new).id,
                        **values,
                    }
                    for stay in days
                ]
            )
        start = fields.Datetime.to_datetime("2025-01-01 12:00:00")
        for deal, stay in zip(deals, days, strict=True):
            with self.at(str(start + timedelta(days=stay))):
                deal.stage_id = self.stage_won
        return deals

    def _sent(self, valid_until, **values):
        """A quotation of Ada's that was sent."""
        quotation = self._order(validity_date=valid_until, **values)
        quotation.state = "sent"
        return quotation


@tagged("post_install", "-at_install")
class TestSalesRisk(SalesRiskCase):
    def test_nothing(self):
        """An empty database is at no risk."""
        risks = self._report("sales.risk")
        self.assertFalse(risks.search([]))
        self.assertEqual(
            risks._read_group([], [], ["amount_once:sum", "__count"]), [(False, 0)]
        )

    def test_one_of_each_kind_sorted_by_money(self):
        self._past(10)
        deal = self._deal(("2026-06-01", self.stage_new), expected_revenue=400)
        quotation = self._sent("2026-06-20", price=20)
        order = self._order("2026-06-10", price=10)
        invoice = self._invoice("2026-06-01", 300)
        with self.at(self.TODAY):
            self.assertEqual(
                self._risks("name", "amount", "user_id", "partner_id", "days_late"),
                [
                    ("deal", deal.name, 400, self.ada, self.partner_a, 4),
                    ("invoice", invoice.name, 300, self.ada, self.partner_a, 14),
                    ("quotation", quotation.name, 200, self.ada, self.partner_a, -5),
                    ("order", order.name, 100, self.ada, self.partner_a, 5),
                ],
            )
            risks = self._report("sales.risk").search([])
            self.assertEqual(
                [risk._get_document() for risk in risks],
                [deal, invoice, quotation, order],
            )
            self.assertEqual(len(set(risks.ids)), 4)
            self.assertEqual(
                risks.mapped("team_id"), self.team, "of the documents, all the same"
            )

    # ------------------------------------------------------------
    # DEALS
    # ------------------------------------------------------------

    def test_deal_stays_longer_than_four_of_five(self):
        """The 80th percentile of 10, 20, 30, 40, 50 days is 42 days."""
        self._past(10, 20, 30, 40, 50)
        deal = self._deal(("2026-05-04 12:00:00", self.stage_new))
        with self.at("2026-06-15 12:00:00"):
            self.assertEqual(self._risks("name"), [], "42 days are as usual")
        with self.at("2026-06-15 12:00:01"):
            [(_kind, name, usual, due, late)] = self._risks(
                "name", "usual_days", "date_due", "days_late"
            )
            self.assertEqual((name, usual, late), (deal.name, 42, 0))
            self.assertEqual(str(due), "2026-06-15")

    def test_each_stage_by_itself(self):
        self._past(10)
        self._past(100, stage=self.stage_proposition)
        self._deal(
            ("2026-05-01", self.stage_new),
            ("2026-05-02", self.stage_proposition),
        )
        with self.at("2026-08-10"):
            self.assertEqual(self._risks(), [])
        with self.at("2026-08-11"):
            self.assertEqual(
                self._risks("stage_id"), [("deal", self.stage_proposition)]
            )

    def test_stage_that_nobody_has_left(self):
        """Without a past nothing is unusual."""
        self._deal(("2020-05-01", self.stage_new))
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])

    def test_lost_stays_are_past_ones_too(self):
        deal = self._deal(("2025-01-01", self.stage_new))
        with self.at("2025-01-11"):
            deal.action_set_lost()
        self._deal(("2026-06-01", self.stage_new))
        with self.at(self.TODAY):
            self.assertEqual(self._risks("usual_days"), [("deal", 10)])

    def test_ended_deals_are_not_at_risk(self):
        self._past(1)
        with self.at("2026-01-01"):
            lost, held, won, merged = (
                self._deal((self.TODAY, self.stage_new)) for _deal in range(4)
            )
        lost.action_set_lost()
        held.action_archive()
        won.stage_id = self.stage_won
        survivor = merged.merge_opportunity() if len(merged) > 1 else merged
        with self.at("2026-12-31"):
            self.assertEqual(self._risks("lead_id"), [("deal", survivor)])

    def test_compared_with_its_team_if_that_has_twenty(self):
        """Nineteen are too few: then with the company, then with all."""
        other_team = self.env["crm.team"].create(
            {"name": "Slow", "company_id": self.company.id}
        )
        self._past(*[10] * 19)
        self._past(*[30] * 2, team_id=other_team.id)
        deal = self._deal(("2026-06-01", self.stage_new))
        deal_of_nobody = self._deal(
            ("2026-06-01", self.stage_new),
            company_id=False,
            team_id=False,
            user_id=False,
        )
        self.assertFalse(deal_of_nobody.company_id)
        with self.at("2026-06-12"):
            self.assertEqual(
                self._risks("lead_id", "usual_of", "usual_days"),
                [
                    ("deal", deal, "company", 10),
                    ("deal", deal_of_nobody, "all", 10),
                ],
            )
        self._past(20)
        with self.at("2026-06-12"):
            self.assertEqual(
                self._risks(
                    "usual_of", "usual_days", domain=[("lead_id", "=", deal.id)]
                ),
                [("deal", "team", 10)],
            )
            deal.team_id = other_team
            # the team is that of the stay
            self.assertEqual(
                self._risks("usual_of", domain=[("lead_id", "=", deal.id)]),
                [("deal", "team")],
            )

    # ------------------------------------------------------------
    # QUOTATIONS
    # ------------------------------------------------------------

    def test_boundary_days_of_a_quotation(self):
        names = {
            day: self._sent(day).name
            for day in ("2026-06-14", "2026-06-15", "2026-06-22", "2026-06-23")
        }
        with self.at(self.TODAY):
            self.assertCountEqual(
                self._risks("name", "days_late"),
                [
                    ("quotation", names["2026-06-15"], 0),
                    ("quotation", names["2026-06-22"], -7),
                ],
            )

    def test_days_before_expiry_are_a_setting(self):
        self._sent("2026-06-18")
        with self.at(self.TODAY):
            self.assertEqual(self._risks(days_before_expiry=2), [])
            self.assertEqual(self._risks(days_before_expiry=3), [("quotation",)])
            parameters = self.env["ir.config_parameter"]
            for value, found in (("2", 0), ("3", 1), ("0", 0), ("soon", 1), ("", 1)):
                with self.subTest(value=value):
                    parameters.set_param(
                        "sales_funnel_report.days_before_expiry", value
                    )
                    self.assertEqual(len(self._risks()), found)

    def test_days_before_expiry_that_are_none(self):
        """Whatever a client sends, the list is there."""
        self._sent("2026-06-22")
        self._sent("2026-06-23")
        with self.at(self.TODAY):
            for days in ([7], {}, "7 days", float("nan"), float("inf"), "9" * 9_999):
                with self.subTest(days=days):
                    self.assertEqual(len(self._risks(days_before_expiry=days)), 1)
            self.assertEqual(len(self._risks(days_before_expiry=2**63)), 2)
            self.assertEqual(len(self._risks(days_before_expiry=-(2**63))), 0)

    def test_only_quotations_that_were_sent(self):
        for state in ("draft", "cancel"):
            self._sent("2026-06-16").state = state
        self._sent(False)
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])

    # ------------------------------------------------------------
    # ORDERS
    # ------------------------------------------------------------

    def test_boundary_day_of_a_delivery(self):
        """The day of delivery is still in time."""
        self._order("2026-06-01", commitment_date="2026-06-15 09:00:00")
        with self.at("2026-06-15 23:59:59"):
            self.assertEqual(self._risks(), [])
        with self.at("2026-06-16 00:00:00"):
            self.assertEqual(self._risks("days_late", "amount"), [("order", 1, 1000)])
            self.assertEqual(
                self._risks(tz="America/New_York"), [], "there it is the 15th still"
            )

    def test_day_that_was_expected(self):
        """Without a delivery date, the lead time of the product decides."""
        self.goods.sale_delay = 5
        self._order("2026-06-01")
        with self.at("2026-06-06"):
            self.assertEqual(self._risks(), [])
        with self.at("2026-06-07"):
            self.assertEqual(self._risks("days_late"), [("order", 1)])

    def test_shipping_policy(self):
        """All at once is late with the last line, as soon as possible with the first."""
        slow = self.env["product.product"].create(
            {"name": "Slow", "type": "consu", "sale_delay": 30, "list_price": 10}
        )
        order_line = [
            Command.create({"product_id": product.id, "product_uom_qty": 1})
            for product in (self.goods, slow)
        ]
        for policy, expected in (("direct", "2026-06-01"), ("one", "2026-07-01")):
            with self.subTest(policy=policy):
                order = self._order(
                    "2026-06-01", picking_policy=policy, order_line=order_line
                )
                with self.at("2026-08-01"):
                    [(_kind, due)] = self._risks(
                        "date_due", domain=[("order_id", "=", order.id)]
                    )
                self.assertEqual(str(due), expected)
        # what is late no more: the first line is delivered, the other has time
        order = self._order("2026-06-01", order_line=order_line)
        move = order.picking_ids.move_ids.filtered(
            lambda move: move.product_id == self.goods
        )
        move.write({"quantity": 1, "picked": True})
        order.picking_ids._action_done()
        with self.at("2026-06-20"):
            self.assertEqual(self._risks(domain=[("order_id", "=", order.id)]), [])

    def test_what_is_delivered_is_not_at_risk(self):
        order = self._order("2026-06-01")
        self._deliver(order, 4)
        with self.at(self.TODAY):
            self.assertEqual(
                self._risks("amount", "is_partial"), [("order", 600, True)]
            )
        self._deliver(order, 6)
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])

    def test_services_and_cancelled_orders_are_not_delivered(self):
        self._order("2026-06-01", product=self.service)
        self._order("2026-06-01")._action_cancel()
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])

    def test_customer_who_wants_no_more(self):
        """A delivery that ended without a backorder has nothing left to deliver."""
        order = self._order("2026-06-01")
        order.picking_ids.move_ids.write({"quantity": 4, "picked": True})
        order.picking_ids.with_context(cancel_backorder=True)._action_done()
        self.assertEqual(order.order_line.qty_delivered, 4)
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])

    # ------------------------------------------------------------
    # INVOICES
    # ------------------------------------------------------------

    def test_boundary_day_of_an_invoice(self):
        self._invoice("2026-06-14", 100)
        with self.at("2026-06-14"):
            self.assertEqual(self._risks(), [])
        with self.at("2026-06-15 00:00:00"):
            self.assertEqual(self._risks("days_late", "amount"), [("invoice", 1, 100)])
            self.assertEqual(self._risks(tz="America/New_York"), [])

    def test_what_is_paid_is_not_at_risk(self):
        invoice = self._invoice("2026-06-01", 1000, tax=True)
        with self.at(self.TODAY):
            self.assertEqual(self._risks("amount"), [("invoice", 1150)])
            self._pay(invoice, "2026-06-10", 150)
            self.assertEqual(
                self._risks("amount", "is_partial"), [("invoice", 1000, True)]
            )
            self._pay(invoice, "2026-06-11")
            self.assertEqual(self._risks(), [])
            invoice.line_ids.remove_move_reconcile()
            self.assertEqual(
                self._risks("amount", "is_partial"), [("invoice", 1150, False)]
            )

    def test_instalments(self):
        """What is due later is not late."""
        self._invoice(
            "2026-06-01",
            1000,
            # 30 % at once, the rest at the end of the following month
            invoice_payment_term_id=self.pay_terms_b.id,
            invoice_date_due=False,
        )
        with self.at(self.TODAY):
            self.assertEqual(self._risks("amount", "days_late"), [("invoice", 300, 14)])
        with self.at("2026-08-01"):
            self.assertEqual(
                self._risks("amount", "days_late"), [("invoice", 1000, 61)]
            )

    def test_only_posted_invoices_of_customers(self):
        self._invoice("2026-06-01", 100).button_draft()
        self._invoice("2026-06-01", 100, kind="out_refund")
        self._invoice("2026-06-01", 100, kind="in_invoice")
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])

    # ------------------------------------------------------------
    # MONEY
    # ------------------------------------------------------------

    def test_money_of_a_deal_counts_once(self):
        """A deal and its documents are the same money."""
        self._past(1)
        deal = self._deal(("2026-06-01", self.stage_new), expected_revenue=1500)
        self._sent("2026-06-16", opportunity_id=deal.id)
        order = self._order("2026-06-01", price=20, opportunity_id=deal.id)
        with self.at(self.TODAY):
            self.assertCountEqual(
                self._risks("amount", "amount_once"),
                [("deal", 1500, 300), ("quotation", 1000, 1000), ("order", 200, 200)],
            )
        self._deliver(order, 10)
        invoice = order._create_invoices()
        invoice.write({"invoice_date": "2026-06-01", "invoice_date_due": "2026-06-01"})
        invoice.invoice_payment_term_id = False
        invoice.action_post()
        self._sent("2026-06-17", price=500, opportunity_id=deal.id)
        with self.at(self.TODAY):
            self.assertCountEqual(
                self._risks("amount_once", "lead_id"),
                [
                    ("deal", 0, deal),
                    ("quotation", 1000, deal),
                    ("quotation", 5000, deal),
                    ("invoice", invoice.amount_total, deal),
                ],
            )

    def test_other_currency(self):
        """In the currency of the company, at the rate of the document."""
        currency = self.setup_other_currency("EUR", rates=[("2026-01-01", 2.0)])
        pricelist = self.env["product.pricelist"].create(
            {"name": "EUR", "currency_id": currency.id}
        )
        self._sent("2026-06-16", pricelist_id=pricelist.id)
        self._order("2026-06-01", price=40, pricelist_id=pricelist.id)
        self._invoice("2026-06-01", 300, currency_id=currency.id)
        with self.at(self.TODAY):
            self.assertEqual(
                self._risks("amount", "currency_id"),
                [
                    ("quotation", 500, self.company.currency_id),
                    ("order", 200, self.company.currency_id),
                    ("invoice", 150, self.company.currency_id),
                ],
            )

    # ------------------------------------------------------------
    # IN WORDS
    # ------------------------------------------------------------

    def test_reasons(self):
        self._past(10)
        self._deal(("2026-06-01", self.stage_new), expected_revenue=9000)
        self._sent("2026-06-15", price=80)
        self._sent("2026-06-16", price=70)
        self._deliver(self._order("2026-06-01", price=100), 4)
        self._order("2026-06-01", price=50)
        self._pay(self._invoice("2026-06-01", 500), "2026-06-02", 100)
        self._invoice("2026-06-01", 300)
        with self.at(self.TODAY):
            self.assertEqual(
                [reason for _kind, reason in self._risks("reason", lang="en_US")],
                [
                    "14 days in New, usually up to 10 days",
                    "Expires today",
                    "Valid until 06/16/2026",
                    "Partly delivered by 06/01/2026",
                    "Nothing delivered by 06/01/2026",
                    "Partly paid by 06/01/2026",
                    "Not paid by 06/01/2026",
                ],
            )

    def test_plural_of_a_day(self):
        self._past(1)
        self._deal(("2026-06-01", self.stage_new))
        with self.at(self.TODAY):
            [(_kind, reason)] = self._risks("reason")
            self.assertTrue(reason.endswith("up to 1 day"), reason)
        self._past(*[300] * 9)
        self._deal(("2025-06-01", self.stage_new))
        with self.at(self.TODAY):
            [(_kind, reason)] = self._risks("reason")
            self.assertTrue(reason.endswith("up to 300 days"), reason)


@tagged("post_install", "-at_install")
class TestSalesRiskAccess(SalesRiskCase):
    def _one_of_each(self, user):
        self._deal(("2026-06-01", self.stage_new), user_id=user.id)
        self._sent("2026-06-16", user_id=user.id)
        self._order("2026-06-01", user_id=user.id)
        self._invoice("2026-06-01", invoice_user_id=user.id)

    def test_each_sees_what_the_documents_show(self):
        self._past(1)
        self._one_of_each(self.ada)
        self._one_of_each(self.ben)
        with self.at(self.TODAY):
            for user, owners in (
                (self.ada, self.ada),
                (self.ben, self.ben),
                (self.cleo, self.ada + self.ben),
                (self.dora, self.ada + self.ben),
            ):
                with self.subTest(user=user.name):
                    risks = self._report("sales.risk", user).search([])
                    self.assertEqual(len(risks), 4 * len(owners))
                    self.assertEqual(risks.user_id, owners)
                    for risk in risks:
                        risk._get_document().check_access("read")
                        self.assertTrue(risk.reason)

    def test_row_of_another_is_not_there(self):
        """Not even for one who knows its number, nor in sums."""
        self._past(1)
        self._one_of_each(self.ben)
        with self.at(self.TODAY):
            risks = self._report("sales.risk").search([])
            self.assertEqual(len(risks), 4)
            own = self._report("sales.risk", self.ada)
            self.assertFalse(own.browse(risks.ids).exists())
            self.assertEqual(own._read_group([], [], ["amount:sum"]), [(False,)])

    def test_document_of_a_colleague_does_not_change_my_money(self):
        """Ada cannot see Ben's quotation: her deal counts whole for her."""
        self._past(1)
        deal = self._deal(("2026-06-01", self.stage_new))
        self._sent("2026-06-16", opportunity_id=deal.id, user_id=self.ben.id)
        with self.at(self.TODAY):
            self.assertEqual(
                self._risks("amount_once", user=self.ada), [("deal", 1000)]
            )
            self.assertCountEqual(
                self._risks("amount_once"), [("deal", 0), ("quotation", 1000)]
            )

    def test_other_company(self):
        other = self.setup_other_company(name="Other")["company"]
        self.dora.company_ids += other
        self._past(1)
        self._deal(
            ("2026-06-01", self.stage_new),
            company_id=other.id,
            user_id=False,
            team_id=False,
        )
        with self.at(self.TODAY):
            self.assertEqual(self._risks(), [])
            both = self._report("sales.risk").with_context(
                allowed_company_ids=(self.company + other).ids
            )
            self.assertEqual(both.search([]).company_id, other)

    def test_closed_to_others(self):
        for groups in ("base.group_portal", "base.group_user"):
            user = new_test_user(
                self.env, login=f"risk_{groups[11:]}", groups=groups, tz="UTC"
            )
            with self.subTest(groups=groups), self.assertRaises(AccessError):
                self.env["sales.risk"].with_user(user).search([])

    def test_query_count(self):
        """The same queries for a thousand rows as for ten."""
        self._past(1)
        with self.at("2026-06-01"):
            self.env["crm.lead"].create(
                [
                    {
                        "name": f"Deal {number}",
                        "type": "opportunity",
                        "user_id": self.ada.id,
                        "team_id": self.team.id,
                        "company_id": self.company.id,
                        "stage_id": self.stage_new.id,
                        "partner_id": self.partner_a.id,
                        "expected_revenue": number,
                    }
                    for number in range(1, 1001)
                ]
            )
        with self.at(self.TODAY):
            specification = {
                "kind": {},
                "name": {},
                "partner_id": {"fields": {"display_name": {}}},
                "user_id": {"fields": {"display_name": {}}},
                "team_id": {"fields": {"display_name": {}}},
                "reason": {},
                "days_late": {},
                "amount": {},
                "amount_once": {},
                "currency_id": {"fields": {"display_name": {}}},
            }
            counts = []
            for limit in (10, 10, 1000):
                risks = self._report("sales.risk", self.ada)
                before = self.env.cr.sql_log_count
                found = risks.web_search_read([], specification, limit=limit)
                counts.append(self.env.cr.sql_log_count - before)
                self.assertEqual(len(found["records"]), limit)
            self.assertLessEqual(counts[2], counts[1])
            self.assertLessEqual(counts[2], 20)


@tagged("post_install", "-at_install")
class TestSalesRiskActions(SalesRiskCase):
    """Each next action opens a dialog that works, for the salesperson himself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partner_a.email = "acme@example.com"
        cls.ada.email = "ada@example.com"

    def _risk(self, kind):
        risk = self._report("sales.risk", self.ada).search([("kind", "=", kind)])
        self.assertEqual(len(risk), 1)
        return risk

    def _dialog(self, action):
        self.assertEqual(action["target"], "new")
        model = self.env[action["res_model"]].with_user(self.ada)
        return Form(
            model.with_context(
                allowed_company_ids=self.company.ids, **action["context"]
            )
        )

    def test_open_the_document(self):
        self._past(1)
        deal = self._deal(("2026-06-01", self.stage_new))
        quotation = self._sent("2026-06-16")
        invoice = self._invoice("2026-06-01")
        with self.at(self.TODAY):
            for kind, document in (
                ("deal", deal),
                ("quotation", quotation),
                ("invoice", invoice),
            ):
                action = self._risk(kind).action_open_document()
                self.assertEqual(
                    (action["res_model"], action["res_id"]),
                    (document._name, document.id),
                )

    def test_schedule_an_activity(self):
        self._past(1)
        deal = self._deal(("2026-06-01", self.stage_new))
        with self.at(self.TODAY):
            dialog = self._dialog(self._risk("deal").action_schedule_activity())
            dialog.summary = "What keeps them?"
            dialog.save().action_schedule_activities()
        self.assertEqual(deal.activity_ids.summary, "What keeps them?")

    def test_schedule_for_several(self):
        self._past(1)
        deals = self._deal(("2026-06-01", self.stage_new)) + self._deal(
            ("2026-06-01", self.stage_new)
        )
        with self.at(self.TODAY):
            risks = self._report("sales.risk", self.ada).search([])
            dialog = self._dialog(risks.action_schedule_activity())
            dialog.save().action_schedule_activities()
            self.assertEqual(len(deals.activity_ids), 2)
            self._invoice("2026-06-01")
            several = self._report("sales.risk", self.ada).search([])
            with self.assertRaisesRegex(UserError, "several kinds"):
                several.action_schedule_activity()

    def test_call(self):
        self._past(1)
        deal = self._deal(("2026-06-01", self.stage_new))
        quotation = self._sent("2026-06-16")
        self._invoice("2026-06-01")
        with self.at(self.TODAY):
            for kind, fname, document in (
                ("deal", "lead_id", deal),
                ("quotation", "order_id", quotation),
                ("invoice", "partner_id", self.partner_a),
            ):
                with self.subTest(kind=kind):
                    dialog = self._dialog(self._risk(kind).action_log_phonecall())
                    call = dialog.save()
                    self.assertEqual(call[fname], document)
                    self.assertEqual(call.partner_id, self.partner_a)

    def test_send_the_quotation_again(self):
        quotation = self._sent("2026-06-16")
        with self.at(self.TODAY):
            dialog = self._dialog(self._risk("quotation").action_send_quotation())
            before = len(quotation.message_ids)
            dialog.save()._action_send_mail()
        self.assertGreater(len(quotation.message_ids), before)

    def test_open_the_delivery(self):
        order = self._order("2026-06-01")
        with self.at(self.TODAY):
            action = self._risk("order").action_open_delivery()
            self.assertEqual(
                (action["res_model"], action["res_id"]),
                ("stock.picking", order.picking_ids.id),
            )
            # the delivery that is done is of no use
            self._deliver(order, 4)
            action = self._risk("order").action_open_delivery()
            backorder = order.picking_ids.filtered(lambda picking: picking.backorder_id)
            self.assertEqual(action["res_id"], backorder.id)
            backorder.action_cancel()

    def test_no_delivery_is_planned(self):
        order = self._order("2026-06-01")
        order.picking_ids.action_cancel()
        with self.at(self.TODAY):
            action = self._risk("order").action_open_delivery()
            self.assertEqual(
                (action["res_model"], action["res_id"]), ("sale.order", order.id)
            )

    def test_remind_of_an_invoice(self):
        self._invoice("2026-06-01")
        with self.at(self.TODAY):
            dialog = self._dialog(self._risk("invoice").action_remind())
            self.assertTrue(dialog.is_late_only)
            wizard = dialog.save()
            self.assertEqual(wizard.partner_ids, self.partner_a)
            self.assertEqual(wizard.to_remind_ids, self.partner_a)

    def test_of_another_kind(self):
        self._sent("2026-06-16")
        invoice = self._invoice("2026-06-01")
        with self.at(self.TODAY):
            quotation = self._risk("quotation")
            for action in (quotation.action_open_delivery, quotation.action_remind):
                with self.assertRaisesRegex(UserError, "of the kind “Quotation”"):
                    action()
            with self.assertRaisesRegex(UserError, f"“{invoice.name}” is of the kind"):
                self._risk("invoice").action_send_quotation()

    def test_of_no_row_and_of_several(self):
        self._sent("2026-06-16")
        self._invoice("2026-06-01")
        with self.at(self.TODAY):
            risks = self._report("sales.risk", self.ada).search([])
            for rows in (risks, risks.browse()):
                for name in (
                    *("open_document", "log_phonecall", "send_quotation"),
                    *("open_delivery", "remind", "schedule_activity"),
                ):
                    with self.subTest(name=name), self.assertRaises(UserError):
                        getattr(rows, f"action_{name}")()
