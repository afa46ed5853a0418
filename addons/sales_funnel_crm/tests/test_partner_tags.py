from ast import literal_eval
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged

from .common import SalesFlowCase


class PartnerTagCase(SalesFlowCase):
    """Trade above Restaurants and Shops, Restaurants above Pizzerias; contacts of
    every kind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tag_model = cls.env["res.partner.category"]
        cls.partner_model = cls.env["res.partner"]
        cls.trade = cls.tag_model.create({"name": "Trade"})
        cls.restaurants, cls.shops = cls.tag_model.create(
            [
                {"name": "Restaurants", "parent_id": cls.trade.id},
                {"name": "Shops", "parent_id": cls.trade.id},
            ]
        )
        cls.pizzerias = cls.tag_model.create(
            {"name": "Pizzerias", "parent_id": cls.restaurants.id}
        )
        cls.elsewhere = cls.tag_model.create({"name": "Elsewhere"})
        belgium = cls.env.ref("base.be").id
        cls.anna, cls.bert, cls.carl, cls.dora, cls.both = cls.partner_model.create(
            [
                {
                    "name": name,
                    "country_id": belgium,
                    "email": email,
                    "phone": phone,
                    "category_id": [Command.set([tag.id for tag in tags])],
                }
                for name, email, phone, tags in (
                    ("Anna", "anna@shop.example.com", "0470 10 10 01", [cls.shops]),
                    ("Bert", "bert@pizza.example.com", False, [cls.pizzerias]),
                    ("Carl", False, "0470 10 10 03", [cls.restaurants]),
                    ("Dora", "Dora <DORA@x.example.com>", "0470 101004", [cls.trade]),
                    (
                        "Both",
                        "both@x.example.com",
                        "0470 10 10 05",
                        [cls.pizzerias, cls.shops],
                    ),
                )
            ]
        )
        cls.everyone = cls.anna | cls.bert | cls.carl | cls.dora | cls.both

    def _find(self, model, field, tag):
        """Search as the search bar does when a tag is chosen in it."""
        arch = self.env[model].get_view(view_type="search")["arch"]
        self.assertIn(f'name="{field}"', arch)
        return self.env[model].search([(field, "child_of", tag.id)])

    def _wizard(self, kind, tags=None, user=None, **values):
        """Open the dialog as the button of a tag does."""
        action = self.env.ref(f"sales_funnel_crm.partner_tag_action_{kind}")
        wizard = self.env["partner.tag.action"].with_user(user or self.user_own)
        return wizard.with_context(
            **literal_eval(action.context),
            active_model="res.partner.category",
            active_ids=(tags or self.trade).ids,
        ).create(values)

    def _open_composer(self, wizard):
        """Press the button, and open what it opens."""
        action = wizard.action_continue()
        composer = self.env[action["res_model"]].with_user(wizard.env.user)
        return Form(composer.with_context(**action["context"]))

    def _send_email(self, text="<p>Hello</p>", **values):
        with self._open_composer(self._wizard("email", **values)) as form:
            form.subject = "News"
            form.body = text
        composer = form.save()
        done = composer.action_send_mail()
        self.assertRegex(done["params"]["message"], "“News” is on its way to [1-9]")
        return composer

    def _send_sms(self, text="Hello", **values):
        with self._open_composer(self._wizard("sms", **values)) as form:
            form.body = text
        composer = form.save()
        done = composer.action_send_sms()
        self.assertRegex(done["params"]["message"], "is on its way to [1-9]")
        return composer

    def _find_mails(self):
        mails = self.env["mail.mail"].search(
            [("model", "=", "res.partner"), ("res_id", "in", self.everyone.ids)]
        )
        return sorted(self.partner_model.browse(mails.mapped("res_id")).mapped("name"))

    def _find_sms(self):
        sms = self.env["sms.sms"].search([("partner_id", "in", self.everyone.ids)])
        return sorted(sms.partner_id.mapped("name"))


@tagged("post_install", "-at_install")
class TestTagTree(PartnerTagCase):
    def _assert_counts(self, expected, user=None):
        tags = self.trade | self.restaurants | self.pizzerias | self.shops
        tags = (tags | self.elsewhere).with_user(user or self.user_own)
        self.env.invalidate_all()
        self.assertEqual(
            [(tag.partner_count, tag.total_partner_count) for tag in tags], expected
        )

    def test_counts(self):
        # who has two tags below counts once
        self._assert_counts([(1, 5), (1, 3), (2, 2), (2, 2), (0, 0)])

    def test_what_is_archived_does_not_count(self):
        self.anna.active = False
        self._assert_counts([(1, 4), (1, 3), (2, 2), (1, 1), (0, 0)])
        self.pizzerias.active = False
        # Both has another tag; the archived tag still tells its own
        self._assert_counts([(1, 3), (1, 1), (2, 2), (1, 1), (0, 0)])

    def test_counts_are_what_is_found(self):
        self.anna.active = False
        self.pizzerias.active = False
        self.env.invalidate_all()
        for tag in self.trade | self.restaurants | self.pizzerias | self.shops:
            with self.subTest(tag.name):
                for button, field in (
                    ("action_view_partners", "partner_count"),
                    ("action_view_all_partners", "total_partner_count"),
                ):
                    domain = getattr(tag, button)()["domain"]
                    found = self.partner_model.search(domain)
                    self.assertEqual(len(found), tag[field])

    def test_contacts_of_another_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.bert.company_id = company
        self._assert_counts([(1, 4), (1, 2), (1, 1), (2, 2), (0, 0)])
        self._assert_counts([(1, 4), (1, 2), (1, 1), (2, 2), (0, 0)], self.user_manager)

    def test_a_tag_that_is_not_saved(self):
        self.assertEqual(self.tag_model.new({"name": "x"}).total_partner_count, 0)

    def test_one_query_however_many_tags(self):
        tags = self.tag_model.create(
            [{"name": f"T{n}", "parent_id": self.trade.id} for n in range(50)]
        )
        for tag in tags:
            tag.partner_ids = self.everyone
        self.env.flush_all()
        tags |= self.trade
        tags.mapped("total_partner_count")
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            tags.mapped("total_partner_count")
            tags.mapped("partner_count")
        self.assertEqual(self.trade.total_partner_count, 5)

    def test_the_list_is_in_the_order_of_the_tree(self):
        arch = self.tag_model.get_view(
            self.env.ref("sales_funnel_crm.res_partner_category_view_list").id
        )["arch"]
        self.assertIn('default_order="complete_name, id"', arch)
        tags = self.trade | self.restaurants | self.pizzerias | self.shops
        ordered = self.tag_model.search(
            [("id", "in", tags.ids)], order="complete_name, id"
        )
        self.assertEqual(
            ordered.mapped("display_name"),
            [
                "Trade",
                "Trade / Restaurants",
                "Trade / Restaurants / Pizzerias",
                "Trade / Shops",
            ],
        )
        self.restaurants.name = "Zebras"
        self.assertEqual(self.pizzerias.complete_name, "Trade / Zebras / Pizzerias")

    def test_a_cycle_is_refused_with_a_sentence(self):
        for tag, parent in (
            (self.trade, self.pizzerias),
            (self.trade, self.restaurants),
            (self.restaurants, self.restaurants),
        ):
            with (
                self.subTest(tag.name, parent=parent.name),
                self.assertRaisesRegex(ValidationError, "cannot be put below"),
            ):
                tag.parent_id = parent
        with self.assertRaisesRegex(ValidationError, "cannot be put below"):
            self.pizzerias.child_ids = [Command.link(self.trade.id)]
        self.shops.parent_id = self.restaurants
        self.assertEqual(self.shops.complete_name, "Trade / Restaurants / Shops")

    def test_search_means_the_tree(self):
        self._leads()
        deals = self.Lead.create(
            [
                {"name": partner.name, "partner_id": partner.id, "type": "opportunity"}
                for partner in self.everyone
            ]
        )
        quotations = self.env["sale.order"].create(
            [{"partner_id": partner.id} for partner in self.everyone]
        )
        for tag, names in (
            (self.trade, ["Anna", "Bert", "Both", "Carl", "Dora"]),
            (self.restaurants, ["Bert", "Both", "Carl"]),
            (self.pizzerias, ["Bert", "Both"]),
            (self.elsewhere, []),
        ):
            with self.subTest(tag.name):
                partners = self._find("res.partner", "category_id", tag)
                self.assertEqual(sorted(partners.mapped("name")), names)
                found = self._find("crm.lead", "partner_category_ids", tag)
                self.assertEqual(sorted(found.mapped("name")), names)
                self.assertLessEqual(found, deals)
                found = self._find("sale.order", "partner_category_ids", tag)
                self.assertEqual(sorted(found.mapped("partner_id.name")), names)
                self.assertLessEqual(found, quotations)

    def test_every_search_bar_asks_for_what_is_below(self):
        for xmlid, field in (
            ("base.view_res_partner_filter", "category_id"),
            ("crm.view_crm_case_opportunities_filter", "partner_category_ids"),
            ("crm.view_crm_case_leads_filter", "partner_category_ids"),
            ("sale.view_sales_order_filter", "partner_category_ids"),
            ("sale.sale_order_view_search_inherit_quotation", "partner_category_ids"),
        ):
            with self.subTest(xmlid):
                view = self.env.ref(xmlid)
                arch = view._get_combined_arch()
                (node,) = arch.iterfind(f".//field[@name='{field}']")
                self.assertEqual(node.get("operator"), "child_of")

    def test_the_form(self):
        for user in (self.user_own, self.user_all, self.user_manager):
            with self.subTest(user.login):
                form = Form(self.trade.with_user(user))
                self.assertEqual(form.total_partner_count, 5)
                self.assertIn("run_ids", form._view["fields"])
        employee = new_test_user(self.env, login="tag_employee")
        form = Form(self.trade.with_user(employee))
        self.assertNotIn("run_ids", form._view["fields"])
        self.assertNotIn("Send E-mail", form._view["tree"].xpath("string(//header)"))

    def test_open_contacts_from_the_list(self):
        action = self.env.ref("sales_funnel_crm.partner_category_open_partners")
        result = action.with_context(
            active_model="res.partner.category",
            active_ids=(self.shops | self.pizzerias).ids,
        ).run()
        found = self.partner_model.search(result["domain"])
        self.assertEqual(sorted(found.mapped("name")), ["Anna", "Bert", "Both"])


@tagged("post_install", "-at_install")
class TestTagActions(PartnerTagCase):
    def _assert_numbers(self, wizard, everyone, missing, blacklisted, reached):
        self.assertRecordValues(
            wizard,
            [
                {
                    "partner_count": everyone,
                    "missing_count": missing,
                    "blacklisted_count": blacklisted,
                    "reach_count": reached,
                }
            ],
        )

    def test_numbers(self):
        self.env["mail.blacklist"]._add("dora@x.example.com")
        self.env["phone.blacklist"].add(self.both.phone_sanitized)
        for kind, expected in (
            ("email", (5, 1, 1, 3)),
            ("sms", (5, 1, 1, 3)),
            ("deal", (5, 0, 2, 5)),
        ):
            with self.subTest(kind):
                self._assert_numbers(self._wizard(kind), *expected)
        self._assert_numbers(self._wizard("email", scope="only"), 1, 0, 1, 0)
        tags = self.pizzerias | self.shops
        self._assert_numbers(self._wizard("email", tags=tags), 3, 0, 0, 3)
        self.carl.phone = False
        self.assertEqual(self._wizard("deal").missing_count, 1)

    def test_numbers_follow_the_dialog(self):
        form = Form(
            self.env["partner.tag.action"].with_context(
                active_model="res.partner.category", active_ids=self.trade.ids
            )
        )
        self.assertEqual(form.partner_count, 5)
        form.scope = "only"
        self.assertEqual(form.partner_count, 1)
        form.category_ids.add(self.shops)
        self.assertEqual(form.partner_count, 3)

    def test_the_buttons_of_tags(self):
        """They are in the form, above the list and in the action menu."""
        bindings = self.env["ir.actions.actions"].with_user(self.user_own)
        bound = bindings.get_bindings("res.partner.category")["action"]
        names = {action["name"] for action in bound}
        actions = {"Send E-mail", "Send SMS", "Make Deals"}
        self.assertLessEqual(actions | {"Open Contacts with Sub-Tags"}, names)
        employee = new_test_user(self.env, login="tag_employee")
        bound = bindings.with_user(employee).get_bindings("res.partner.category")
        names = {action["name"] for action in bound["action"]}
        self.assertTrue(actions.isdisjoint(names))

    def test_email(self):
        self.env["mail.blacklist"]._add("dora@x.example.com")
        composer = self._send_email()
        self.assertEqual(self._find_mails(), ["Anna", "Bert", "Both"])
        mails = self.env["mail.mail"].search(
            [("model", "=", "res.partner"), ("res_id", "in", self.everyone.ids)]
        )
        self.assertEqual(set(mails.mapped("state")), {"outgoing"})
        self.assertEqual(mails.recipient_ids, self.anna | self.bert | self.both)
        run = self.trade.run_ids
        self.assertRecordValues(
            run,
            [
                {
                    "kind": "email",
                    "name": "News",
                    "user_id": self.user_own.id,
                    "with_children": True,
                    "partner_count": 3,
                }
            ],
        )
        self.assertTrue(self.trade.last_run_date)
        opened = self.partner_model.search(run.action_view_partners()["domain"])
        self.assertEqual(opened, self.anna | self.bert | self.both)
        self.assertIn("To 3 contacts of Trade.", composer.tag_description)

    def test_email_of_this_tag_only(self):
        self._send_email(scope="only")
        self.assertEqual(self._find_mails(), ["Dora"])
        self.assertFalse(self.trade.run_ids.with_children)

    def test_email_begins_with_the_template(self):
        template = self.env.ref("sales_funnel_crm.mail_template_partner_tag")
        wizard = self._wizard("email", tags=self.shops, template_id=template.id)
        composer = self._open_composer(wizard).save()
        self.assertEqual(composer.template_id, template)
        composer.action_send_mail()
        mail = self.env["mail.mail"].search([("res_id", "=", self.anna.id)], limit=1)
        self.assertIn("Dear Anna", mail.body_html)
        self.assertEqual(mail.subject, "Anything we can do for you?")
        self.assertIn("flow_own@example.com", mail.email_from)

    def test_email_twice(self):
        composer = self._send_email()
        names = self._find_mails()
        # the button again, the same dialog again, all of it again
        with self.assertRaisesRegex(UserError, "Nothing was done: all 4 contacts"):
            composer.action_send_mail()
        with self.assertRaisesRegex(UserError, "Nothing was done"):
            self._send_email()
        with self.assertRaisesRegex(UserError, "Nothing was done"):
            self._send_email(user=self.user_all)
        with self.assertRaisesRegex(UserError, "Nothing was done"):
            self._send_email(tags=self.restaurants)
        self.assertEqual(self._find_mails(), names)
        # somebody who came since
        self.carl.email = "carl@x.example.com"
        self._send_email()
        self.assertEqual(self._find_mails(), sorted([*names, "Carl"]))
        # another message
        self._send_email("<p>Something else</p>")
        self.assertEqual(len(self._all_mails()), 10)

    def _all_mails(self):
        return self.env["mail.mail"].search(
            [("model", "=", "res.partner"), ("res_id", "in", self.everyone.ids)]
        )

    def test_email_once_more(self):
        self._send_email()
        composer = self._send_email(again=True)
        self.assertEqual(len(self._all_mails()), 8)
        with self.assertRaisesRegex(UserError, "Nothing was done"):
            composer.action_send_mail()
        self.assertEqual(len(self._all_mails()), 8)

    def test_sms(self):
        self.env["phone.blacklist"].add(self.both.phone_sanitized)
        self._send_sms()
        self.assertEqual(self._find_sms(), ["Anna", "Carl", "Dora"])
        self.assertRecordValues(
            self.trade.run_ids, [{"kind": "sms", "name": "Hello", "partner_count": 3}]
        )

    def test_sms_to_one(self):
        self._send_sms(scope="only")
        self.assertEqual(self._find_sms(), ["Dora"])

    def test_sms_twice(self):
        composer = self._send_sms()
        self.assertEqual(self._find_sms(), ["Anna", "Both", "Carl", "Dora"])
        before = self.env["sms.sms"].search_count([])
        for again in (
            composer.action_send_sms,
            composer.action_send_sms_mass_now,
            self._send_sms,
        ):
            with self.assertRaisesRegex(UserError, "Nothing was done"):
                again()
        self.assertEqual(self.env["sms.sms"].search_count([]), before)
        self._send_sms("Another")
        self.assertEqual(self.env["sms.sms"].search_count([]), before + 4)

    def test_composers_without_a_tag_are_as_they_were(self):
        for _time in range(2):
            self.env["mail.compose.message"].create(
                {
                    "model": "res.partner",
                    "composition_mode": "mass_mail",
                    "res_ids": repr((self.anna | self.bert).ids),
                    "subject": "Plain",
                    "body": "<p>Plain</p>",
                    "force_send": False,
                }
            ).action_send_mail()
            self.env["sms.composer"].create(
                {
                    "res_model": "res.partner",
                    "composition_mode": "mass",
                    "res_ids": repr((self.anna | self.carl).ids),
                    "body": "Plain",
                }
            ).action_send_sms()
        self.assertEqual(len(self._all_mails()), 4)
        sms = self.env["sms.sms"].search([("body", "=", "Plain")])
        self.assertEqual(len(sms), 4)

    def test_deals(self):
        action = self._wizard("deal", name="Spring offer").action_continue()
        deals = self.Lead.search(action["domain"])
        self.assertEqual(deals.partner_id, self.everyone)
        self.assertEqual(len(deals), 5)
        self.assertEqual(set(deals.mapped("name")), {"Spring offer"})
        self.assertEqual(set(deals.mapped("type")), {"opportunity"})
        self.assertEqual(deals.user_id, self.user_own)
        self.assertEqual(deals.team_id, self.team)
        self.assertEqual(deals.partner_tag_run_id, self.trade.run_ids)
        anna = deals.filtered(lambda deal: deal.partner_id == self.anna)
        self.assertEqual(anna.email_from, "anna@shop.example.com")
        self.assertEqual(anna.stage_id, anna._stage_find(team_id=self.team.id))
        self.assertIn("Made from Trade", anna.message_ids.body)
        self.assertIn(self.user_own.partner_id, anna.message_partner_ids)

    def test_deals_for_the_salespeople_of_the_contacts(self):
        self.anna.user_id = self.user_colleague
        wizard = self._wizard(
            "deal", user=self.user_all, name="Spring offer", user_id=False
        )
        deals = self.Lead.search(wizard.action_continue()["domain"])
        anna = deals.filtered(lambda deal: deal.partner_id == self.anna)
        self.assertEqual(anna.user_id, self.user_colleague)
        self.assertEqual(anna.team_id, self.team)
        self.assertIn(self.user_colleague.partner_id, anna.message_partner_ids)
        self.assertEqual((deals - anna).user_id, self.user_all)
        # one list is enough of a message
        notified = self.env["mail.notification"].search(
            [("mail_message_id.model", "=", "crm.lead")]
        )
        self.assertFalse(
            notified.mail_message_id.filtered(lambda mail: mail.res_id in deals.ids)
        )

    def test_deals_twice(self):
        wizard = self._wizard("deal", name="Spring offer", tags=self.shops)
        wizard.action_continue()
        with self.assertRaisesRegex(UserError, "Nothing was done: all 2 contacts"):
            wizard.action_continue()
        # of all, three have none yet
        wizard = self._wizard("deal", name="Spring offer")
        self.assertEqual((wizard.had_count, wizard.reach_count), (2, 3))
        wizard.action_continue()
        deals = self.Lead.search([("name", "=", "Spring offer")])
        self.assertEqual(len(deals), 5)
        self.assertEqual(deals.partner_id, self.everyone)
        # also when they are won or lost since
        deals.action_set_won()
        with self.assertRaises(UserError):
            self._wizard("deal", name="Spring offer").action_continue()
        # with another name, or on purpose, but then once
        self._wizard("deal", name="Autumn offer", scope="only").action_continue()
        wizard = self._wizard("deal", name="Spring offer", again=True)
        wizard.action_continue()
        with self.assertRaises(UserError):
            wizard.action_continue()
        self.assertEqual(self.Lead.search_count([("name", "=", "Autumn offer")]), 1)
        self.assertEqual(self.Lead.search_count([("name", "=", "Spring offer")]), 10)

    def test_deals_need_a_name(self):
        with self.assertRaisesRegex(UserError, "name"):
            self._wizard("deal").action_continue()

    def test_nobody(self):
        for kind in ("email", "sms", "deal"):
            with self.subTest(kind), self.assertRaisesRegex(UserError, "nobody"):
                self._wizard(kind, tags=self.elsewhere, name="x").action_continue()

    def test_who_has_what_colleagues_sent(self):
        self._send_email()
        for user, sees in (
            (self.user_own, True),
            (self.user_colleague, False),
            (self.user_all, True),
            (self.user_manager, True),
        ):
            with self.subTest(user.login):
                self.env.invalidate_all()
                runs = self.env["partner.tag.run"].with_user(user).search([])
                self.assertEqual(bool(runs), sees)
                tag = self.trade.with_user(user)
                self.assertEqual(len(tag.run_ids), int(sees))
        with self.assertRaises(AccessError):
            self.trade.run_ids.with_user(self.user_manager).name = "Forged"

    def test_the_log_of_another_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self._send_email()
        self.user_manager.company_ids += company
        runs = self.env["partner.tag.run"].with_user(self.user_manager)
        self.assertTrue(runs.search([]))
        runs = runs.with_context(allowed_company_ids=company.ids)
        self.assertFalse(runs.search([]))

    def test_who_has_no_business_here(self):
        self._send_email()
        employee = new_test_user(self.env, login="tag_employee")
        for user in (self.user_portal, employee, self.env.ref("base.public_user")):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    self._wizard("email", user=user)
                with self.assertRaises(AccessError):
                    self.env["partner.tag.run"].with_user(user).search([])

    def test_contacts_of_another_company(self):
        self.anna.company_id = self.env["res.company"].create({"name": "Elsewhere"})
        self._assert_numbers(self._wizard("email"), 4, 1, 0, 3)
        self._send_email()
        self.assertEqual(self._find_mails(), ["Bert", "Both", "Dora"])

    def test_at_the_same_time(self):
        """The log is marked before anything is sent, so that the second of two
        transactions starts again and finds what the first has done."""
        written = []
        category_model = type(self.tag_model)
        write = category_model.write

        def log_write(records, vals):
            written.append((set(vals), self._find_mails()))
            return write(records, vals)

        with patch.object(category_model, "write", log_write):
            self._send_email()
        self.assertIn(({"last_run_date"}, []), written)

    def _tag_of(self, count):
        tag = self.tag_model.create({"name": f"Of {count}"})
        self.partner_model.create(
            [
                {
                    "name": f"P{number}",
                    "email": f"p{number}.{count}@x.example.com",
                    "phone": f"0470 {count:03}{number:03}",
                    "country_id": self.env.ref("base.be").id,
                    "category_id": [Command.set(tag.ids)],
                }
                for number in range(count)
            ]
        )
        return tag

    def _measure(self, action):
        for _time in range(2):  # the first fills what Odoo keeps in memory
            self.env.flush_all()
            self.env.invalidate_all()
            savepoint = self.env.cr.savepoint()
            before = self.env.cr.sql_log_count
            action()
            self.env.flush_all()
            count = self.env.cr.sql_log_count - before
            savepoint.close(rollback=True)
        return count

    def test_queries_do_not_grow_with_the_contacts(self):
        def measure(count):
            wizard = self._wizard("email", tags=self._tag_of(count))

            def send():
                self.assertEqual(wizard.reach_count, count)
                partners = self.partner_model.search(wizard._get_recipient_domain())
                run = wizard._start_run(partners, "News", ["News"])
                self.assertEqual(run.partner_count, count)

            return self._measure(send)

        self.assertEqual(measure(3), measure(300))

    def test_queries_do_not_grow_with_the_deals(self):
        def measure(count):
            wizard = self._wizard("deal", tags=self._tag_of(count), name="Spring")
            return self._measure(wizard.action_continue)

        # a few more for the batches of the cache, none for each deal
        self.assertLess(measure(300) - measure(30), 30)
