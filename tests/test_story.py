"""One deal from the first call to the money in the bank, by those who do each part,
and what the reports say of it."""

import base64
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged

from odoo.addons.sale.tests.common import TestSaleCommon
from odoo.addons.sales_funnel_crm.tests.common import make_pipeline


class StoryCase(TestSaleCommon):
    """A salesperson, one who packs, one who keeps the books, and steel to sell."""

    @classmethod
    def default_env_context(cls):
        # with tracking, messages and e-mails, as in life
        return {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_pipeline(cls)
        cls.company.write(
            {
                "quotation_sent_stage_id": cls.stage_proposition.id,
                "order_confirmed_stage_id": cls.stage_won.id,
            }
        )
        cls.seller, cls.packer, cls.accountant = (
            new_test_user(
                cls.env,
                login=f"story_{login}",
                name=name,
                email=f"{login}@example.com",
                groups=groups,
                company_id=cls.company.id,
            )
            for login, name, groups in (
                (
                    "seller",
                    "Ada",
                    "sales_team.group_sale_salesman,base.group_partner_manager",
                ),
                ("packer", "Pete", "stock.group_stock_user"),
                ("accountant", "Ann", "account.group_account_invoice"),
            )
        )
        cls.env["crm.team"].search([]).active = False
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Direct Sales",
                "company_id": cls.company.id,
                "use_leads": True,
                "crm_team_member_ids": [Command.create({"user_id": cls.seller.id})],
            }
        )
        cls.steel = cls.env["product.product"].create(
            {
                "name": "Steel Beam",
                "type": "consu",
                "is_storable": True,
                "list_price": 100,
                "invoice_policy": "order",
                "categ_id": cls.product_category.id,
                "taxes_id": [Command.set(cls.tax_sale_a.ids)],
            }
        )
        warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        cls.env["stock.quant"]._update_available_quantity(
            cls.steel, warehouse.lot_stock_id, 50
        )
        cls.outcome = cls.env.ref("sales_funnel_crm.phonecall_outcome_interested")


@tagged("post_install", "-at_install")
class TestStory(StoryCase):
    def test_from_the_first_call_to_the_money(self):
        """Two call in March 2026. One has heard enough; the other one buys."""
        with self.at("2026-03-02 09:00"):
            lead = self._a_lead_comes_in()
            other_lead = self._a_lead_comes_in("Beams for a shed")
        with self.at("2026-03-03 09:00"):
            self._the_seller_calls(other_lead)
            other_lead.action_set_lost()
            self._the_seller_calls(lead)
        with self.at("2026-03-05 09:00"):
            deal = self._the_lead_is_a_deal(lead)
        with self.at("2026-03-06 14:00"):
            self._they_meet(deal)
        with self.at("2026-03-09 09:00"):
            order = self._a_quotation_goes_out(deal)
        with self.at("2026-03-12 09:00"):
            self._the_customer_orders(order, deal)
        with self.at("2026-03-16 09:00"):
            self._the_goods_go_out(order)
        with self.at("2026-03-17 09:00"):
            invoice = self._the_invoice_is_posted(order)
        with self.at("2026-04-20 09:00"):
            self._the_money_is_late(order, invoice)
        with self.at("2026-05-11 09:00"):
            payment = self._the_customer_pays(invoice)
        self._the_books_are_right(invoice, payment)
        self._the_history_is_right(deal)
        with self.at("2026-06-01 09:00"):
            self._the_funnel_is_right(deal, other_lead)
            self._order_to_cash_is_right(order, invoice)
            self._nothing_is_left_to_do()
            self._the_pace_is_right()
            self._the_touches_are_right(deal)

    @contextmanager
    def at(self, moment):
        """Set the time, and with it that of the transaction.

        :param str moment: ``YYYY-MM-DD HH:MM``, UTC
        """
        moment = datetime.fromisoformat(moment)
        with freeze_time(moment), patch.object(self.env.cr, "now", lambda: moment):
            yield
            self.env.flush_all()

    def _press(self, record, name):
        """Press a button that opens a dialog, as the web client does.

        :return: its form
        """
        return Form.from_action(record.env, getattr(record, name)())

    def _a_lead_comes_in(self, name="Beams for a bridge"):
        with Form(
            self.env["crm.lead"]
            .with_user(self.seller)
            .with_context(default_type="lead"),
            "crm.crm_lead_view_form",
        ) as form:
            form.name = name
            form.partner_name = "Bridge Builders"
            form.contact_name = "Zoe"
            form.email_from = "zoe@bridges.example.com"
            form.phone = "+1 202-555-0147"
        lead = form.record
        self.assertRecordValues(
            lead,
            [
                {
                    "type": "lead",
                    "user_id": self.seller.id,
                    "stage_id": self.stage_new.id,
                }
            ],
        )
        return lead

    def _the_seller_calls(self, lead):
        call = self._press(lead, "action_log_phonecall").save()
        self.assertRecordValues(
            call,
            [
                {
                    "state": "planned",
                    "lead_id": lead.id,
                    "phone": "+1 202-555-0147",
                    "user_id": self.seller.id,
                }
            ],
        )
        with self._press(call, "action_finish") as form:
            form.duration = 4.5
            form.outcome_id = self.outcome
        form.record.action_confirm()
        self.assertRecordValues(call, [{"state": "held", "duration": 4.5}])
        lead.invalidate_recordset(["phonecall_count"])
        self.assertEqual(lead.phonecall_count, 1)

    def _the_lead_is_a_deal(self, lead):
        wizard = (
            self.env["crm.lead2opportunity.partner"]
            .with_user(self.seller)
            .with_context(
                active_model="crm.lead", active_id=lead.id, active_ids=lead.ids
            )
        )
        with Form(wizard) as form:
            form.action = "create"
        form.record.action_apply()
        self.assertEqual(lead.type, "opportunity")
        self.assertEqual(lead.partner_id.email, "zoe@bridges.example.com")
        lead.stage_id = self.stage_qualified
        return lead

    def _they_meet(self, deal):
        context = deal.action_schedule_meeting()["context"]
        meetings = self.env["calendar.event"].with_user(self.seller)
        with Form(meetings.with_context(**context)) as form:
            form.start = fields.Datetime.now()
            form.duration = 1
        self.assertEqual(form.record.opportunity_id, deal)

    def _a_quotation_goes_out(self, deal):
        with self._press(deal, "action_sale_quotations_new") as form:
            with form.order_line.new() as line:
                line.product_id = self.steel
                line.product_uom_qty = 10
            form.invoice_policy = "delivery"
            form.payment_term_id = self.env.ref("account.account_payment_term_30days")
        order = form.record
        self.assertEqual(order.opportunity_id, deal)
        self.assertEqual(order.amount_total, 1150)
        action = order.action_quotation_send()
        # in tests Odoo makes a web page of each PDF unless it is told not to
        action["context"]["force_report_rendering"] = True
        Form.from_action(order.env, action).save().action_send_mail()
        self.assertEqual(order.state, "sent")
        message = order.message_ids.filtered("attachment_ids")[0]
        self.assertEqual(message.partner_ids, deal.partner_id)
        pdf = message.attachment_ids.filtered(
            lambda attachment: attachment.mimetype == "application/pdf"
        )
        self.assertEqual(len(pdf), 1)
        self.assertTrue(base64.b64decode(pdf.datas).startswith(b"%PDF"))
        self.assertIn(order.name.replace("/", "_"), pdf.name)
        mail = self.env["mail.mail"].search([("mail_message_id", "=", message.id)])
        notified = message.notification_ids.filtered(
            lambda one: one.notification_type == "email"
        )
        self.assertIn(deal.partner_id, notified.res_partner_id)
        self.assertNotIn("exception", mail.mapped("state"))
        self.assertEqual(deal.stage_id, self.stage_proposition)
        return order

    def _the_customer_orders(self, order, deal):
        order.action_confirm()
        self.assertRecordValues(
            order, [{"state": "sale", "invoice_status": "no", "delivery_count": 1}]
        )
        self.assertRecordValues(
            deal,
            [
                {
                    "stage_id": self.stage_won.id,
                    "won_status": "won",
                    "expected_revenue": 1000,
                }
            ],
        )

    def _the_goods_go_out(self, order):
        self.assertEqual(order.action_view_delivery()["res_id"], order.picking_ids.id)
        picking = order.picking_ids.with_user(self.packer)
        self.assertEqual(picking.state, "assigned")
        picking.button_validate()
        self.assertEqual(picking.state, "done")
        self.assertEqual(order.order_line.qty_delivered, 10)
        self.assertRecordValues(
            order, [{"delivery_status": "full", "invoice_status": "to invoice"}]
        )

    def _the_invoice_is_posted(self, order):
        wizard = (
            self.env["sale.advance.payment.inv"]
            .with_user(self.seller)
            .with_context(active_model="sale.order", active_ids=order.ids)
        )
        Form(wizard).save().create_invoices()
        invoice = order.invoice_ids.with_user(self.accountant)
        self.assertEqual(order.action_view_invoice()["res_id"], invoice.id)
        self.assertEqual(invoice.state, "draft")
        invoice.action_post()
        self.assertRecordValues(
            invoice,
            [
                {
                    "amount_untaxed": 1000,
                    "amount_tax": 150,
                    "amount_total": 1150,
                    "payment_state": "not_paid",
                    "invoice_date": fields.Date.to_date("2026-03-17"),
                    "invoice_date_due": fields.Date.to_date("2026-04-16"),
                }
            ],
        )
        self.assertEqual(order.invoice_status, "invoiced")
        return invoice

    def _the_customer_pays(self, invoice):
        with self._press(invoice, "action_register_payment") as form:
            self.assertEqual(form.amount, 1150)
            form.payment_date = fields.Date.today()
        payment = form.record._create_payments()
        self.assertIn(invoice.payment_state, ("paid", "in_payment"))
        self.assertEqual(invoice.amount_residual, 0)
        return payment

    def _the_books_are_right(self, invoice, payment):
        entries = invoice | payment.move_id
        self.assertEqual(entries.mapped("state"), ["posted", "posted"])
        for entry in entries:
            self.assertTrue(entry.line_ids)
            self.assertEqual(
                sum(entry.line_ids.mapped("debit")),
                sum(entry.line_ids.mapped("credit")),
            )
        accounts = self.company_data
        tax_line = self.tax_sale_a.invoice_repartition_line_ids.filtered(
            lambda line: line.repartition_type == "tax"
        )
        receivable = invoice.partner_id.property_account_receivable_id
        self.assertRecordValues(
            invoice.line_ids.sorted("debit").sorted(lambda line: -line.credit),
            [
                {
                    "account_id": accounts["default_account_revenue"].id,
                    "debit": 0,
                    "credit": 1000,
                },
                {"account_id": tax_line.account_id.id, "debit": 0, "credit": 150},
                {"account_id": receivable.id, "debit": 1150, "credit": 0},
            ],
        )
        self.assertRecordValues(
            payment.move_id.line_ids.sorted("debit"),
            [
                {"account_id": receivable.id, "debit": 0, "credit": 1150},
                {
                    "account_id": payment.outstanding_account_id.id,
                    "debit": 1150,
                    "credit": 0,
                },
            ],
        )
        open_items = entries.line_ids.filtered(
            lambda line: line.account_id == receivable
        )
        self.assertEqual(open_items.mapped("reconciled"), [True, True])
        self.assertEqual(len(open_items.full_reconcile_id), 1)
        self.assertEqual(sum(open_items.mapped("balance")), 0)

    def _the_history_is_right(self, deal):
        """The deal went through each stage once, and was won at its amount."""
        stays = self.env["crm.lead.stage.history"].search(
            [("lead_id", "=", deal.id)], order="date_entered, id"
        )
        self.assertEqual(
            stays.mapped("stage_name"), ["New", "Qualified", "Proposition", "Won"]
        )
        self.assertEqual(stays[-1].expected_revenue, 1000)
        self.assertFalse(stays[-1].date_exited)

    # ------------------------------------------------------------
    # WHAT THE REPORTS SAY
    # ------------------------------------------------------------

    def _report(self, model_name, user, **context):
        """A report as its reader opens it: nothing is in the cache."""
        self.env.invalidate_all()
        return (
            self.env[model_name]
            .with_user(user)
            .with_context(allowed_company_ids=self.company.ids, tz="UTC", **context)
        )

    def _assert_it_ties(self, model_name, receivable):
        """The report says what the receivable items of the journal say."""
        items = self.env["account.move.line"].search(
            [
                ("account_id.account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("company_id", "=", self.company.id),
            ]
        )
        self.assertEqual(sum(items.mapped("amount_residual")), receivable)
        [amounts] = self._report(model_name, self.accountant).get_tie_out([])[
            "currencies"
        ]
        self.assertEqual(
            amounts,
            {
                "currency_id": self.company.currency_id.id,
                "report": receivable,
                "ledger": receivable,
                "difference": 0,
                "balance": receivable,
                "other": 0,
            },
        )

    def _the_money_is_late(self, order, invoice):
        """Four days after it was due, the seller and the accountant see it."""
        for user in (self.seller, self.accountant):
            self.assertRecordValues(
                self._report("sales.receivable", user).search([]),
                [
                    {
                        "move_id": invoice.id,
                        "user_id": self.seller.id,
                        "days_late": 4,
                        "amount_not_due": 0,
                        "amount_late_30": 1150,
                        "amount_late_60": 0,
                        "amount": 1150,
                    }
                ],
            )
        [risk] = self._report("sales.risk", self.seller).search([])
        self.assertRecordValues(
            risk,
            [
                {
                    "kind": "invoice",
                    "move_id": invoice.id,
                    "amount": 1150,
                    "days_late": 4,
                    "reason": "Not paid by 04/16/2026",
                }
            ],
        )
        self.assertRecordValues(
            self._report("sale.order.to.cash", self.accountant).search([]),
            [
                {
                    "order_id": order.id,
                    "amount_ordered": 1150,
                    "amount_to_deliver": 0,
                    "amount_to_invoice": 0,
                    "amount_invoiced": 1150,
                    "amount_receivable": 1150,
                    "amount_overdue": 1150,
                    "amount_paid": 0,
                }
            ],
        )
        for model_name in ("sale.order.to.cash", "sales.receivable"):
            self._assert_it_ties(model_name, 1150)

    def _the_funnel_is_right(self, deal, other_lead):
        """Two were called, one has paid: how far, for how much, and when."""
        funnel = self.env.ref("sales_funnel_report.crm_funnel_lead_to_cash")
        deals = self._report("crm.lead", self.seller)
        total = deals.get_funnel_report(
            [],
            {
                "funnel_id": funnel.id,
                "date_from": "2026-03-01",
                "date_to": "2026-04-01",
            },
        )["total"]
        self.assertEqual(
            [total[name] for name in ("size", "won", "lost", "open", "win_rate")],
            [2, 1, 1, 0, 0.5],
        )
        self.assertEqual(total["cycle_days"]["mean"], 10)
        self.assertEqual(
            [
                (
                    step["key"].removeprefix("milestone:"),
                    step["count"],
                    step["lost"],
                    step["amount"],
                    step["days_to_next"]["mean"],
                )
                for step in total["steps"]
            ],
            [
                ("created", 2, 0, 1000, 1),
                ("first_call", 2, 1, 1000, 2),
                # they met when it was an opportunity already: from there it counts
                ("first_meeting", 1, 0, 1000, 0),
                ("qualified", 1, 0, 1000, 4),
                ("quotation_sent", 1, 0, 1000, 3),
                ("ordered", 1, 0, 1000, 4),
                # an invoice has a day, no hour: noon
                ("delivered", 1, 0, 1000, 1.125),
                ("invoiced", 1, 0, 1000, 55),
                ("paid", 1, 0, 1000, None),
            ],
        )
        self.assertEqual(total["steps"][-1]["conversion_first"], 0.5)
        found = [
            deals.with_context(active_test=False).search(step["domain"])
            for step in (total["steps"][1], total["steps"][-1])
        ]
        self.assertEqual(found, [deal | other_lead, deal])

    def _order_to_cash_is_right(self, order, invoice):
        self.assertRecordValues(
            self._report("sale.order.to.cash", self.accountant).search([]),
            [
                {
                    "order_id": order.id,
                    "amount_ordered": 1150,
                    "amount_to_deliver": 0,
                    "amount_to_invoice": 0,
                    "amount_invoiced": 1150,
                    "amount_receivable": 0,
                    "amount_overdue": 0,
                    "amount_paid": 1150,
                    "days_to_deliver": 4,
                    "days_to_invoice": 1,
                    "days_to_pay": 55,
                    "days_to_cash": 60,
                }
            ],
        )
        self._assert_it_ties("sale.order.to.cash", 0)
        # the past is as it was
        [row] = self._report(
            "sale.order.to.cash", self.accountant, as_of_day="2026-03-16"
        ).search([])
        self.assertEqual(
            (row.amount_to_deliver, row.amount_to_invoice, row.amount_invoiced),
            (0, 1150, 0),
        )
        [row] = self._report(
            "sales.receivable", self.accountant, as_of_day="2026-05-10"
        ).search([])
        self.assertEqual((row.move_id, row.amount, row.days_late), (invoice, 1150, 24))

    def _nothing_is_left_to_do(self):
        self.assertFalse(self._report("sales.receivable", self.accountant).search([]))
        self.assertFalse(self._report("sales.risk", self.seller).search([]))

    def _the_pace_is_right(self):
        rows = self._report("sales.pace", self.seller).search(
            [("user_id", "=", self.seller.id)], order="month"
        )
        names = ("won", "won_amount", "ordered", "invoiced", "paid")
        self.assertEqual(
            {str(row.month)[:7]: tuple(row[name] for name in names) for row in rows},
            {
                "2026-03": (1, 1000, 1000, 1000, 0),
                "2026-04": (0, 0, 0, 0, 0),
                "2026-05": (0, 0, 0, 0, 1000),
                # has only begun: not in the mean
                "2026-06": (0, 0, 0, 0, 0),
            },
        )
        [(mean,)] = rows._read_group([("id", "in", rows.ids)], [], ["paid_mean:avg"])
        self.assertAlmostEqual(mean, 1000 / 3)

    def _the_touches_are_right(self, deal):
        """A call, a meeting, and the mail with the quotation."""
        self.assertRecordValues(
            self._report("sales.won.deal", self.seller).search([]),
            [
                {
                    "lead_id": deal.id,
                    "calls": 1,
                    "meetings": 1,
                    "mails": 1,
                    "touches": 3,
                    "amount": 1000,
                }
            ],
        )


@tagged("post_install", "-at_install")
class TestStoryInTheBrowser(StoryCase, HttpCase):
    def test_click_through(self):
        """The same, clicked through in a browser by one who may do all of it."""
        self.seller.group_ids += self.packer.group_ids | self.accountant.group_ids
        self.seller.group_ids += self.env.ref("crm.group_use_lead")
        self.start_tour("/odoo", "sales_funnel_story", login=self.seller.login)
        deal = self.env["crm.lead"].search([("name", "=", "Beams for a bridge")])
        order = deal.order_ids
        invoice = order.invoice_ids
        self.assertEqual(deal.stage_id, self.stage_won)
        self.assertEqual(deal.phonecall_ids.mapped("state"), ["held"])
        self.assertRecordValues(
            order,
            [
                {
                    "state": "sale",
                    "invoice_policy": "delivery",
                    "delivery_status": "full",
                    "invoice_status": "invoiced",
                    "amount_total": 345,
                }
            ],
        )
        self.assertTrue(order.message_ids.attachment_ids)
        self.assertIn(invoice.payment_state, ("paid", "in_payment"))
        self.assertEqual(
            sum(invoice.line_ids.mapped("debit")),
            sum(invoice.line_ids.mapped("credit")),
        )
        self.assertEqual(invoice.amount_residual, 0)
