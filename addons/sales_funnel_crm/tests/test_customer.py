from ast import literal_eval
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.sale.tests.common import TestSaleCommon

from ..hooks import _make_buyers_customers

BUTTON_FIELDS = {
    "phonecall_count",
    "quotation_count",
    "confirmed_order_count",
    "delivery_count",
    "customer_invoice_count",
    "overdue_amount",
}


class CustomerCase(TestSaleCommon):
    """A company with two people, one of them archived, and a salesperson."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user_own, cls.user_all, cls.user_manager = (
            new_test_user(
                cls.env,
                login=f"customer_{login}",
                groups=f"sales_team.{group}",
                company_id=cls.company.id,
            )
            for login, group in (
                ("own", "group_sale_salesman"),
                ("all", "group_sale_salesman_all_leads"),
                ("manager", "group_sale_manager"),
            )
        )
        cls.user_stock, cls.user_accountant, cls.user_employee, cls.user_portal = (
            new_test_user(
                cls.env,
                login=f"customer_{login}",
                groups=groups,
                company_id=cls.company.id,
            )
            for login, groups in (
                ("stock", "stock.group_stock_user"),
                ("accountant", "account.group_account_user"),
                ("employee", "base.group_user"),
                ("portal", "base.group_portal"),
            )
        )
        cls.partner_model = cls.env["res.partner"]
        cls.acme = cls.partner_model.create({"name": "Acme", "is_company": True})
        cls.buyer, cls.retired = cls.partner_model.create(
            [
                {"name": "Bea Buyer", "parent_id": cls.acme.id},
                {"name": "Rita Retired", "parent_id": cls.acme.id, "active": False},
            ]
        )
        cls.other = cls.partner_model.create({"name": "Other"})
        cls.product = cls.company_data["product_order_no"]

    @classmethod
    def _order(cls, partner, user=None, confirm=False, **values):
        order = cls.env["sale.order"].create(
            {
                "partner_id": partner.id,
                "user_id": (user or cls.user_own).id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": cls.product.id,
                            "product_uom_qty": 1,
                            "price_unit": 100,
                            "tax_ids": False,
                        }
                    )
                ],
                **values,
            }
        )
        if confirm:
            order.action_confirm()
        return order

    @classmethod
    def _invoice(cls, partner, amount=100, due_in=0, post=True, **values):
        """An invoice that is due in so many days from today, or was."""
        today = fields.Date.context_today(cls.env.user)
        invoice = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_user_id": cls.user_own.id,
                "invoice_date": today - timedelta(days=90),
                "invoice_payment_term_id": False,
                "invoice_date_due": today + timedelta(days=due_in),
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Goods", "price_unit": amount, "tax_ids": False}
                    )
                ],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _count_queries(self, partners, field):
        for _time in range(2):  # the first fills what Odoo keeps in memory
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            partners.mapped(field)
        return self.env.cr.sql_log_count - before


@tagged("post_install", "-at_install")
class TestCustomerTick(CustomerCase):
    def _assert_customers(self, yes=(), no=()):
        self.env.flush_all()
        self.env.invalidate_all()
        for partners, expected in ((yes, True), (no, False)):
            for partner in partners:
                with self.subTest(partner.name):
                    self.assertIs(partner.is_customer, expected)
                    self.assertIs(partner.customer_rank > 0, expected)
                    domain = [("id", "=", partner.id), ("is_customer", "=", expected)]
                    found = self.partner_model.with_context(active_test=False)
                    self.assertEqual(found.search(domain), partner)

    def test_tick_and_rank_keep_in_step(self):
        self._assert_customers(no=[self.acme, self.buyer])
        self.acme.is_customer = True
        self._assert_customers([self.acme], [self.buyer])
        self.assertEqual(self.acme.customer_rank, 1)
        self.acme.is_customer = False
        self._assert_customers(no=[self.acme])
        self.acme.customer_rank = 7
        self._assert_customers([self.acme])
        # to tick what is ticked forgets nothing
        self.acme.is_customer = True
        self.assertEqual(self.acme.customer_rank, 7)
        self.acme.customer_rank = 0
        self._assert_customers(no=[self.acme])

    def test_many_at_once(self):
        (self.acme | self.other).customer_rank = 3
        everyone = self.acme | self.other | self.buyer
        everyone.is_customer = True
        self.assertEqual(everyone.mapped("customer_rank"), [3, 3, 1])
        everyone.is_customer = False
        self.assertEqual(everyone.mapped("customer_rank"), [0, 0, 0])

    def test_create_and_import(self):
        ticked, ranked, plain = self.partner_model.create(
            [
                {"name": "Ticked", "is_customer": True},
                {"name": "Ranked", "customer_rank": 4},
                {"name": "Plain"},
            ]
        )
        self._assert_customers([ticked, ranked], [plain])
        self.assertEqual(ranked.customer_rank, 4)
        result = self.partner_model.load(
            ["name", "is_customer", "customer_rank"],
            [["From a file", "1", ""], ["From a file, ranked", "", "2"]],
        )
        self.assertFalse(result["messages"])
        by_tick, by_rank = self.partner_model.browse(result["ids"])
        self._assert_customers([by_tick])
        # the tick says no
        self._assert_customers(no=[by_rank])

    def test_a_copy_is_no_customer(self):
        self.acme.is_customer = True
        self._assert_customers(no=[self.acme.copy()])

    def test_on_the_card(self):
        with Form(self.acme.with_user(self.user_own)) as form:
            self.assertFalse(form.is_customer)
            form.is_customer = True
        self._assert_customers([self.acme])
        with Form(self.acme.with_user(self.user_own)) as form:
            form.is_customer = False
        self._assert_customers(no=[self.acme])

    def test_new_from_the_menu(self):
        for xmlid in (
            "account.res_partner_action_customer",
            "base.action_partner_form",
        ):
            with self.subTest(xmlid):
                context = literal_eval(self.env.ref(xmlid).context)
                partners = self.partner_model.with_user(self.user_own)
                form = Form(partners.with_context(**context))
                form.name = "New"
                self.assertTrue(form.is_customer)
                self._assert_customers([form.save()])
                form = Form(partners.with_context(**context))
                form.name = "A vendor, found while there"
                form.is_customer = False
                self._assert_customers(no=[form.save()])

    def test_a_first_confirmed_order(self):
        order = self._order(self.buyer)
        self._assert_customers(no=[self.buyer, self.acme])
        order.with_user(self.user_own).action_confirm()
        self._assert_customers([self.buyer, self.acme], [self.other])

    def test_an_order_that_begins_confirmed(self):
        self._order(self.buyer, state="sale")
        self._assert_customers([self.buyer, self.acme])

    def test_a_confirmed_order_of_somebody_else(self):
        order = self._order(self.other, confirm=True, locked=False)
        order.partner_id = self.buyer
        self._assert_customers([self.buyer, self.acme, self.other])

    def test_a_posted_invoice(self):
        invoice = self._invoice(self.buyer, post=False)
        self._assert_customers(no=[self.buyer, self.acme])
        invoice.action_post()
        self._assert_customers([self.buyer, self.acme])

    def test_a_bill_makes_no_customer(self):
        self._invoice(self.other, move_type="in_invoice")
        self._assert_customers(no=[self.other])
        self.assertTrue(self.other.supplier_rank)

    def test_the_rank_that_invoices_raise_later(self):
        self._invoice(self.acme)
        self._invoice(self.acme)
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()
        self.env.invalidate_all()
        self.assertGreater(self.acme.customer_rank, 1)
        self._assert_customers([self.acme])

    def test_orders_do_not_touch_who_is_a_customer(self):
        """Two orders of one customer at the same time must not wait for each other."""
        self.acme.customer_rank = 5
        self.env.flush_all()
        order = self._order(self.acme)
        order.action_confirm()
        self.assertEqual(self.acme.customer_rank, 5)

    def test_unticked_with_documents(self):
        order = self._order(self.acme, confirm=True)
        self.acme.is_customer = False
        self._assert_customers(no=[self.acme])
        self.assertEqual(order.state, "sale")
        self._order(self.acme, confirm=True)
        self._assert_customers([self.acme])

    def test_merged(self):
        self.other.is_customer = True
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            (self.acme | self.other).ids, self.acme
        )
        self._assert_customers([self.acme])

    def test_what_was_there_before_the_addon(self):
        self._order(self.buyer, confirm=True)
        quoted = self._order(self.other).partner_id
        (self.buyer | self.acme).customer_rank = 0
        _make_buyers_customers(self.env)
        self._assert_customers([self.buyer, self.acme], [quoted])

    def test_the_column_of_those_who_are_there(self):
        self.acme.customer_rank = 2
        self.env.flush_all()
        self.env.cr.execute("UPDATE res_partner SET is_customer = NULL")
        self.env.invalidate_all()
        self.partner_model._fill_is_customer()
        self._assert_customers([self.acme], [self.other])
        self.env.cr.execute(
            "SELECT 1 FROM pg_indexes WHERE tablename = 'res_partner' "
            "AND indexdef LIKE '%(is_customer)'"
        )
        self.assertTrue(self.env.cr.fetchone())

    def test_the_menus(self):
        """Both apps open the same list: customers, and all when the filter is off."""
        crm, sales = (
            self.env.ref(xmlid).action
            for xmlid in ("crm.res_partner_menu_customer", "sale.res_partner_menu")
        )
        self.assertEqual(crm, sales)
        self.assertTrue(literal_eval(crm.context)["search_default_customer"])
        self.assertFalse(crm.domain)
        view = self.partner_model.get_view(view_type="search")["arch"]
        self.assertIn('string="Customers"', view)
        self.assertIn("[('is_customer', '=', True)]", view)


@tagged("post_install", "-at_install")
class TestCustomerButtons(CustomerCase):
    def test_counted_with_those_below(self):
        for partner in (self.acme, self.buyer, self.retired):
            self._order(partner)
            self._order(partner, confirm=True)
            self._invoice(partner)
        self._order(self.other).action_quotation_sent()
        self._order(self.other).action_cancel()
        self.env["crm.lead"].create(
            {"name": "Deal", "type": "opportunity", "partner_id": self.buyer.id}
        )
        expected = {
            "quotation_count": (3, 1, 1),
            "confirmed_order_count": (3, 1, 0),
            "delivery_count": (3, 1, 0),
            "customer_invoice_count": (3, 1, 0),
            "opportunity_count": (1, 1, 0),
        }
        partners = self.acme | self.buyer | self.other
        for user in (self.user_all, self.user_manager):
            for field, counts in expected.items():
                with self.subTest(field, user=user.login):
                    mapped = [partner[field] for partner in partners.with_user(user)]
                    self.assertEqual(tuple(mapped), counts)

    def test_buttons_open_what_they_count(self):
        for partner in (self.acme, self.buyer, self.retired):
            self._order(partner)
            self._order(partner, confirm=True)
            self._invoice(partner, due_in=-1)
        self._order(self.other, confirm=True)
        self._invoice(self.other, due_in=-1)
        acme = self.acme.with_user(self.user_all)
        for button, field in (
            ("action_view_phonecalls", "phonecall_count"),
            ("action_view_quotations", "quotation_count"),
            ("action_view_confirmed_orders", "confirmed_order_count"),
            ("action_view_deliveries", "delivery_count"),
            ("action_view_customer_invoices", "customer_invoice_count"),
        ):
            with self.subTest(button):
                action = getattr(acme, button)()
                found = self.env[action["res_model"]].with_user(self.user_all)
                self.assertEqual(found.search_count(action["domain"]), acme[field])
                self.assertEqual(action["context"]["default_partner_id"], acme.id)
        action = acme.action_view_overdue()
        invoices = self.env["account.move"].search(action["domain"])
        self.assertEqual(sum(invoices.mapped("amount_residual")), acme.overdue_amount)
        self.assertEqual(len(invoices), 3)

    def test_cancelled_and_incoming_transfers_are_no_deliveries(self):
        order = self._order(self.acme, confirm=True)
        self.assertEqual(self.acme.delivery_count, 1)
        order.picking_ids.action_cancel()
        self.env.invalidate_all()
        self.assertEqual(self.acme.delivery_count, 0)

    def test_overdue(self):
        self._invoice(self.acme, 100, due_in=-1)
        self._invoice(self.buyer, 20, due_in=-30)
        self._invoice(self.acme, 5000, due_in=0)
        self._invoice(self.acme, 5000, due_in=10)
        self._invoice(self.acme, 5000, due_in=-5, post=False)
        paid = self._invoice(self.acme, 5000, due_in=-5)
        self.assertEqual(self.acme.overdue_amount, 5120)
        payment = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=paid.ids
        )
        payment.create({})._create_payments()
        self.env.invalidate_all()
        self.assertEqual(self.acme.overdue_amount, 120)
        self.assertEqual(self.other.overdue_amount, 0)

    def test_overdue_in_the_currency_of_the_company(self):
        currency = self.setup_other_currency("EUR", rates=[("2010-01-01", 2.0)])
        self._invoice(self.acme, 100, due_in=-1, currency_id=currency.id)
        self.assertEqual(self.acme.overdue_amount, 50)

    def test_overdue_of_another_company(self):
        other = self.setup_other_company(name="Elsewhere")["company"]
        self._invoice(self.acme, 100, due_in=-1)
        acme = self.acme.with_company(other)
        self.assertEqual(acme.overdue_amount, 0)
        self.assertEqual(self.acme.with_company(self.company).overdue_amount, 100)

    def test_own_documents_only(self):
        colleague = self.user_all
        for user in (self.user_own, colleague):
            self._order(self.acme, user=user)
            self._order(self.acme, user=user, confirm=True)
            self._invoice(self.acme, due_in=-1, invoice_user_id=user.id)
        own = self.acme.with_user(self.user_own)
        everything = self.acme.with_user(colleague)
        for field, mine, all_of_them in (
            ("quotation_count", 1, 2),
            ("confirmed_order_count", 1, 2),
            ("customer_invoice_count", 1, 2),
            ("overdue_amount", 100, 200),
        ):
            with self.subTest(field):
                self.assertEqual(own[field], mine)
                self.assertEqual(everything[field], all_of_them)
        action = own.action_view_overdue()
        found = self.env["account.move"].with_user(self.user_own)
        self.assertEqual(len(found.search(action["domain"])), 1)

    def test_the_card_of_each_group(self):
        """Nobody is shown a button that he may not read, and nothing crashes."""
        self._order(self.acme, confirm=True)
        self._invoice(self.acme, due_in=-1)
        sales = BUTTON_FIELDS
        for user, expected in (
            (self.user_own, sales),
            (self.user_all, sales),
            (self.user_manager, sales),
            (self.user_stock, {"delivery_count"}),
            (self.user_accountant, {"overdue_amount"}),
            (self.user_employee, set()),
        ):
            with self.subTest(user.login):
                form = Form(self.acme.with_user(user))
                self.assertEqual(BUTTON_FIELDS & form._view["fields"].keys(), expected)
                for field in expected:
                    self.assertIsNotNone(form[field])

    def test_sales_and_accounting(self):
        """Odoo's button of the amount is for accountants, ours for the others."""
        self.user_all.group_ids += self.env.ref("account.group_account_invoice")
        form = Form(self.acme.with_user(self.user_all))
        self.assertIn("total_invoiced", form._view["fields"])
        self.assertNotIn("customer_invoice_count", form._view["fields"])

    def test_portal_sees_nothing(self):
        acme = self.user_portal.partner_id.with_user(self.user_portal)
        for field in BUTTON_FIELDS:
            with self.subTest(field), self.assertRaises(AccessError):
                acme.mapped(field)

    def test_queries_do_not_grow_with_the_contacts(self):
        many = self.partner_model.create([{"name": f"P{n}"} for n in range(30)])
        self.partner_model.create(
            [{"name": "Contact", "parent_id": partner.id} for partner in many]
        )
        for partner in many:
            self._order(partner)
            self._order(partner, confirm=True)
        self._invoice(many[0], due_in=-2)
        for field in sorted(BUTTON_FIELDS):
            with self.subTest(field):
                of_one, of_many = many[:1], many
                one = self._count_queries(of_one.with_user(self.user_all), field)
                several = self._count_queries(of_many.with_user(self.user_all), field)
                self.assertLessEqual(several, one)
