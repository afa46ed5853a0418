from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user

from odoo.addons.sale.tests.common import TestSaleCommon
from odoo.addons.sales_funnel_crm.tests.common import make_pipeline


class SalesReportCase(TestSaleCommon):
    """A company with a pipeline and a chart of accounts: two salespeople, their
    manager, and one who sees all documents."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_pipeline(cls)
        # the tests move the deals themselves
        cls.company.write(
            {"quotation_sent_stage_id": False, "order_confirmed_stage_id": False}
        )
        cls.ada, cls.ben, cls.cleo, cls.dora = (
            new_test_user(
                cls.env,
                login=f"report_{name.lower()}",
                name=name,
                groups=f"sales_team.{group},base.group_partner_manager",
                company_id=cls.company.id,
                tz="UTC",
            )
            for name, group in (
                ("Ada", "group_sale_salesman"),
                ("Ben", "group_sale_salesman"),
                ("Cleo", "group_sale_salesman_all_leads"),
                ("Dora", "group_sale_manager"),
            )
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Direct Sales",
                "sequence": 1,
                "user_id": cls.dora.id,
                "company_id": cls.company.id,
                "crm_team_member_ids": [
                    Command.create({"user_id": user.id}) for user in (cls.ada, cls.ben)
                ],
            }
        )
        cls.goods = cls.company_data["product_delivery_no"]
        cls.service = cls.company_data["product_service_order"]
        cls.goods.invoice_policy = "order"
        cls.tax = cls.company_data["default_tax_sale"]

    @classmethod
    @contextmanager
    def at(cls, moment):
        """Set the time, and with it that of the transaction, to ``moment``.

        :param moment: ``"YYYY-MM-DD HH:MM:SS"``, or the day alone for noon; UTC
        """
        if len(moment) == len("YYYY-MM-DD"):
            moment += " 12:00:00"
        moment = datetime.fromisoformat(moment)
        with (
            freeze_time(moment),
            patch.object(cls.env.cr, "now", lambda: moment),
        ):
            yield
            cls.env.flush_all()

    # ------------------------------------------------------------
    # DOCUMENTS
    # ------------------------------------------------------------

    def _deal(self, *moves, **values):
        """A deal of Ada's that moved so.

        :param moves: ``(moment, stage)`` in the order of time
        """
        deal = self.env["crm.lead"]
        for moment, stage in moves:
            with self.at(moment):
                if deal:
                    deal.stage_id = stage
                else:
                    deal = deal.create(
                        {
                            "name": "Steel for Acme",
                            "type": "opportunity",
                            "partner_id": self.partner_a.id,
                            "user_id": self.ada.id,
                            "team_id": self.team.id,
                            "company_id": self.company.id,
                            "stage_id": stage.id,
                            "expected_revenue": 1000,
                            **values,
                        }
                    )
        return deal

    def _order(
        self, moment=None, price=100, product=None, tax=False, quantity=10, **values
    ):
        """A quotation of Ada's; an order, confirmed at ``moment`` if there is one."""
        order = self.env["sale.order"].create(
            {
                "partner_id": self.partner_a.id,
                "user_id": self.ada.id,
                "team_id": self.team.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": (product or self.goods).id,
                            "product_uom_qty": quantity,
                            "price_unit": price,
                            "tax_ids": [Command.set(self.tax.ids if tax else [])],
                        }
                    )
                ],
                **values,
            }
        )
        if moment:
            with self.at(moment):
                order.action_confirm()
        return order

    def _invoice(self, day, price=100, tax=False, kind="out_invoice", **values):
        """A posted invoice of Ada's for one piece, due on its day."""
        invoice = self.env["account.move"].create(
            {
                "move_type": kind,
                "partner_id": self.partner_a.id,
                "invoice_user_id": self.ada.id,
                "invoice_date": day,
                "invoice_date_due": day,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.service.id,
                            "quantity": 1,
                            "price_unit": price,
                            "tax_ids": [Command.set(self.tax.ids if tax else [])],
                        }
                    )
                ],
                **values,
            }
        )
        invoice.action_post()
        return invoice

    def _pay(self, invoices, day, amount=None, **values):
        """Register a payment, with a journal entry unless ``values`` say otherwise.

        :return: ``account.payment``
        """
        return (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoices.ids)
            .create(
                {
                    "payment_date": fields.Date.to_date(day),
                    **({"amount": amount} if amount else {}),
                    **values,
                }
            )
            ._create_payments()
        )

    def _deliver(self, order, quantity):
        """Deliver so much of each line; the rest goes into a backorder."""
        moves = order.picking_ids.move_ids.filtered(lambda move: move.state != "done")
        moves.write({"quantity": quantity, "picked": True})
        moves.picking_id.with_context(skip_backorder=True)._action_done()

    def _report(self, model_name, user=None, **context):
        """A report as a user sees it, of all that has been done so far."""
        self.env.flush_all()
        self.env.invalidate_all()
        return (
            self.env[model_name]
            .with_user(user or self.dora)
            .with_context(allowed_company_ids=self.company.ids, **context)
        )
