from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, TransactionCase, new_test_user, tagged

KINDS = ("deal", "lead", "call", "quotation", "customer", "activity")


class HandOverCase(TransactionCase):
    """Ada leaves. Ben and Cleo stay."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.ada, cls.ben, cls.cleo, cls.dora = (
            new_test_user(
                cls.env,
                login=f"hand_over_{name.lower()}",
                name=name,
                groups=f"sales_team.{group},base.group_partner_manager",
                company_id=cls.company.id,
                notification_type="inbox",
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
                "company_id": False,
                "crm_team_member_ids": [
                    Command.create({"user_id": user.id})
                    for user in (cls.ada, cls.ben, cls.cleo)
                ],
            }
        )
        cls.reason = cls.env["crm.lost.reason"].create({"name": "Too late"})
        cls.product = cls.env["product.product"].create(
            {"name": "Steel", "type": "service"}
        )

    @classmethod
    def _partner(cls, name, **values):
        return cls.env["res.partner"].create(
            {"name": name, "user_id": cls.ada.id, **values}
        )

    @classmethod
    def _lead(cls, name, **values):
        return cls.env["crm.lead"].create(
            {
                "name": name,
                "type": "opportunity",
                "user_id": cls.ada.id,
                "team_id": cls.team.id,
                "probability": 20,
                **values,
            }
        )

    @classmethod
    def _order(cls, partner, **values):
        return cls.env["sale.order"].create(
            {
                "partner_id": partner.id,
                "user_id": cls.ada.id,
                "order_line": [Command.create({"product_id": cls.product.id})],
                **values,
            }
        )

    @classmethod
    def _call(cls, **values):
        return cls.env["crm.phonecall"].create(
            {"name": "Call", "user_id": cls.ada.id, **values}
        )

    @classmethod
    def _activity(cls, record, user=None):
        return record.activity_schedule(
            "mail.mail_activity_data_todo",
            user_id=(user or cls.ada).id,
            summary="Do it",
        )

    def _wizard(self, *new_users, user=None, leaver=None):
        """The dialog as the manager has it open."""
        wizard = self.env["sales.hand.over"].with_user(user or self.dora)
        return wizard.create(
            {
                "user_id": (leaver or self.ada).id,
                "new_user_ids": [Command.set([new_user.id for new_user in new_users])],
            }
        )

    def _preview(self, wizard):
        """The counts of the preview, for each new owner."""
        return {
            line.user_id: tuple(line[f"{kind}_count"] for kind in KINDS)
            for line in wizard.line_ids
        }


@tagged("post_install", "-at_install")
class TestHandOver(HandOverCase):
    def test_all_to_one(self):
        acme, _idle = self._partner("Acme"), self._partner("Idle")
        deal, lead = (
            self._lead("Deal", partner_id=acme.id),
            self._lead("L", type="lead"),
        )
        quotation, sent = self._order(acme), self._order(acme)
        sent.action_quotation_sent()
        call = self._call(lead_id=deal.id)
        todo = self._activity(deal) | self._activity(acme) | self._activity(quotation)
        self._activity(deal, self.cleo)
        wizard = self._wizard(self.ben)
        self.assertEqual(self._preview(wizard), {self.ben: (1, 1, 1, 2, 2, 3)})
        action = wizard.action_hand_over()
        self.assertEqual(
            action["params"]["next"]["type"], "ir.actions.act_window_close"
        )
        self.assertIn("Quotations: 2", action["params"]["message"])
        for record in (deal, lead, quotation, sent, call, acme, _idle, *todo):
            self.assertEqual(record.user_id, self.ben)
        self.assertEqual(
            (deal.activity_ids - todo).user_id, self.cleo, "the work of others"
        )

    def test_history_keeps_who_did_what(self):
        acme = self._partner("Acme", user_id=False)
        won, lost, archived = (self._lead(name) for name in ("Won", "Lost", "Archived"))
        won.action_set_won()
        lost.action_set_lost(lost_reason_id=self.reason.id)
        dead = self._lead("Dead", type="lead")
        dead.action_set_lost(lost_reason_id=self.reason.id)
        ordered, cancelled = self._order(acme), self._order(acme)
        ordered.action_confirm()
        cancelled._action_cancel()
        held = self._call(state="held", duration=3)
        missed = self._call(state="no_answer")
        gone = self._partner("Gone", active=False)
        others = self._lead("Of others", user_id=self.cleo.id)
        archived.action_archive()
        archived.action_set_lost(lost_reason_id=self.reason.id)
        open_deal = self._lead("Open")
        todo = self._activity(won)
        self._wizard(self.ben).action_hand_over()
        for record in (won, lost, dead, ordered, cancelled, held, missed, gone):
            self.assertEqual(record.user_id, self.ada, record.display_name)
        self.assertEqual(archived.user_id, self.ada)
        self.assertEqual(others.user_id, self.cleo)
        self.assertEqual(open_deal.user_id, self.ben)
        self.assertEqual(todo.user_id, self.ben, "it is still to be done")

    def test_chatter_says_who_had_it(self):
        deal = self._lead("Deal")
        self._flush_tracking()
        self._wizard(self.ben).action_hand_over()
        self._flush_tracking()
        tracked = deal.message_ids.tracking_value_ids.filtered(
            lambda value: value.field_id.name == "user_id"
        )
        self.assertEqual(
            (tracked.old_value_char, tracked.new_value_char), ("Ada", "Ben")
        )
        self.assertEqual(tracked.mail_message_id.author_id, self.dora.partner_id)

    def _flush_tracking(self):
        self.env.flush_all()
        self.cr.precommit.run()
        self.env.invalidate_all()

    def test_on_hold_is_open(self):
        deal = self._lead("Frozen")
        deal.write({"on_hold_until": "2099-01-01", "active": False})
        wizard = self._wizard(self.ben)
        self.assertEqual(self._preview(wizard)[self.ben][0], 1)
        wizard.action_hand_over()
        self.assertEqual(deal.user_id, self.ben)
        self.assertTrue(deal.is_on_hold)

    def test_by_turns(self):
        deals = [self._lead(f"Deal {number}") for number in range(5)]
        wizard = self._wizard(self.cleo, self.ben)
        self.assertEqual(
            self._preview(wizard),
            {self.ben: (3, 0, 0, 0, 0, 0), self.cleo: (2, 0, 0, 0, 0, 0)},
        )
        wizard.action_hand_over()
        self.assertEqual(
            [deal.user_id for deal in deals],
            [self.ben, self.cleo, self.ben, self.cleo, self.ben],
        )

    def test_a_customer_and_what_belongs_to_it_stay_together(self):
        acme, best = self._partner("Acme"), self._partner("Best")
        buyer = self._partner("Zoe", parent_id=acme.id)
        first = self._lead("First", partner_id=acme.id)
        second = self._lead("Second", partner_id=best.id)
        third = self._lead("Third", partner_id=buyer.id)
        alone = self._lead("Without a customer")
        for_alone = self._order(best, opportunity_id=alone.id)
        quotation = self._order(best)
        calls = self._call(lead_id=third.id), self._call(partner_id=best.id)
        todo = self._activity(alone), self._activity(second), self._activity(buyer)
        self._wizard(self.ben, self.cleo).action_hand_over()
        for record in (acme, buyer, first, third, calls[0], alone, for_alone):
            self.assertEqual(record.user_id, self.ben, record.display_name)
        for record in (best, second, quotation, calls[1]):
            self.assertEqual(record.user_id, self.cleo, record.display_name)
        self.assertEqual([one.user_id for one in todo], [self.ben, self.cleo, self.ben])

    def test_preview_is_what_happens(self):
        for number in range(4):
            partner = self._partner(f"Partner {number}")
            self._activity(self._lead(f"Deal {number}", partner_id=partner.id))
            self._order(partner)
        wizard = self._wizard(self.ben, self.cleo)
        preview = self._preview(wizard)
        shares, unplaced = wizard._share_out()
        wizard.action_hand_over()
        self.assertFalse(unplaced)
        for user, share in shares.items():
            self.assertEqual(tuple(len(share[kind]) for kind in KINDS), preview[user])
            for records in share.values():
                self.assertEqual(records.user_id, user if records else records.user_id)

    def test_the_dialog(self):
        self._lead("Deal", company_id=self.company.id)
        wizard = self.env["sales.hand.over"].with_user(self.dora)
        form = Form(
            wizard.with_context(active_model="res.users", active_id=self.ada.id),
            "sales_funnel_crm.sales_hand_over_view_form",
        )
        self.assertEqual(form.user_id, self.ada)
        self.assertEqual(len(form.line_ids), 1)
        self.assertEqual(form.line_ids._records[0]["deal_count"], 1)
        self.assertFalse(form.line_ids._records[0]["user_id"])
        form.new_user_ids.add(self.ben)
        self.assertEqual(form.line_ids._records[0]["user_id"], self.ben.id)
        self.assertEqual(form.line_ids._records[0]["deal_count"], 1)
        self.assertFalse(form.problem)
        form.new_user_ids.add(self.cleo)
        self.assertEqual(len(form.line_ids), 2)
        saved = form.save()
        self.assertEqual(saved.line_ids.user_id, self.ben | self.cleo)
        saved.action_hand_over()
        self.assertFalse(self.env["crm.lead"].search([("user_id", "=", self.ada.id)]))

    def test_buttons(self):
        action = self.env.ref("sales_funnel_crm.sales_hand_over_action")
        managers = self.env.ref("sales_team.group_sale_manager")
        self.assertEqual(action.group_ids, managers)
        self.assertEqual(action.binding_model_id.model, "res.users")
        self.dora.group_ids += self.env.ref("base.group_erp_manager")
        form = self.env["res.users"].with_user(self.dora)
        arch = form.get_view(self.env.ref("base.view_users_form").id, "form")["arch"]
        self.assertIn(f'name="{action.id}"', arch)
        self.dora.group_ids -= managers
        arch = form.get_view(self.env.ref("base.view_users_form").id, "form")["arch"]
        self.assertNotIn(f'name="{action.id}"', arch)

    def test_managers_only(self):
        portal = new_test_user(self.env, "hand_over_portal", groups="base.group_portal")
        self._lead("Deal")
        for user in (self.ben, self.cleo, portal):
            with self.subTest(user=user.name), self.assertRaises(AccessError):
                self._wizard(self.ben, user=user)

    def test_who_cannot_take_over(self):
        self._lead("Deal")
        clerk = new_test_user(self.env, "hand_over_clerk", groups="base.group_user")
        gone = new_test_user(
            self.env, "hand_over_gone", groups="sales_team.group_sale_salesman"
        )
        gone.active = False
        for new_users, sentence in (
            ((), "Choose who takes over from Ada"),
            ((self.ada,), "Ada cannot take over from themselves"),
            ((self.ben, clerk), "hand_over_clerk.* without access"),
            ((gone,), "Choose who takes over from Ada"),
        ):
            wizard = self._wizard(*new_users)
            with self.subTest(sentence), self.assertRaisesRegex(UserError, sentence):
                wizard.action_hand_over()

    def test_nothing_to_hand_over(self):
        with self.assertRaisesRegex(UserError, "Ada has nothing to hand over"):
            self._wizard(self.ben).action_hand_over()

    def test_leaver_is_archived_already(self):
        deal, partner = self._lead("Deal"), self._partner("Acme")
        self.ada.active = False
        wizard = self._wizard(self.ben)
        self.assertEqual(self._preview(wizard), {self.ben: (1, 0, 0, 0, 1, 0)})
        wizard.action_hand_over()
        self.assertEqual((deal | partner.opportunity_ids).user_id, self.ben)
        self.assertEqual(partner.user_id, self.ben)

    def test_one_message_for_all(self):
        for number in range(3):
            self._activity(self._lead(f"Deal {number}"))
        self._flush_tracking()
        before = self.env["mail.message"].search([], order="id desc", limit=1).id or 0
        self._wizard(self.ben).action_hand_over()
        self._flush_tracking()
        told = self.env["mail.notification"].search(
            [
                ("res_partner_id", "=", self.ben.partner_id.id),
                ("mail_message_id", ">", before),
            ]
        )
        self.assertEqual(len(told), 1)
        self.assertIn("Deals: 3, Activities: 3", told.mail_message_id.body)

    def test_all_or_nothing(self):
        deal = self._lead("Deal")
        orders = self.env["sale.order"].browse()
        for _number in range(2):
            orders |= self._order(self._partner("Acme"))
        # a rule of somebody's who may see quotations, but not change them
        self.env["ir.rule"].create(
            {
                "name": "Nobody changes quotations",
                "model_id": self.env["ir.model"]._get_id("sale.order"),
                "domain_force": "[(0, '=', 1)]",
                "perm_read": False,
                "perm_create": False,
                "perm_unlink": False,
            }
        )
        wizard = self._wizard(self.ben)
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            wizard.action_hand_over()
        self.env.invalidate_all()
        self.assertEqual(deal.user_id, self.ada)
        self.assertEqual(orders.user_id, self.ada)

    def _other_company(self, *users):
        """A company where these users may work too."""
        company = self.env["res.company"].create({"name": "North Branch"})
        for user in users:
            user.company_ids += company
        return company

    def test_new_owner_may_not_work_in_the_company(self):
        north = self._other_company(self.ada, self.dora)
        deal = self._lead("In the north", company_id=north.id)
        here = self._lead("Here", company_id=self.company.id)
        wizard = self._wizard(self.ben)
        self.assertIn("1 records of North Branch cannot go to Ben", wizard.problem)
        with self.assertRaisesRegex(UserError, "North Branch cannot go to Ben"):
            wizard.action_hand_over()
        self.assertEqual((deal | here).user_id, self.ada)

    def test_turns_go_to_who_may_work_there(self):
        north = self._other_company(self.ada, self.dora, self.cleo)
        deals = [
            self._lead(name, company_id=company.id)
            for name, company in (
                ("1", self.company),
                ("2", north),
                ("3", north),
                ("4", self.company),
            )
        ]
        todo = self._activity(deals[2])
        wizard = self._wizard(self.ben, self.cleo)
        self.assertFalse(wizard.problem)
        wizard.action_hand_over()
        self.assertEqual(
            [deal.user_id for deal in deals],
            [self.ben, self.cleo, self.cleo, self.ben],
        )
        self.assertEqual(todo.user_id, self.cleo)

    def test_companies_the_manager_does_not_work_in_stay_as_they_are(self):
        south = self._other_company(self.ada, self.ben)
        there = self._lead("Elsewhere", company_id=south.id)
        here = self._lead("Here", company_id=self.company.id)
        self._wizard(self.ben).action_hand_over()
        self.assertEqual((there.user_id, here.user_id), (self.ada, self.ben))

    def test_few_queries_for_many(self):
        partners = [self._partner(f"Partner {number}") for number in range(20)]
        for partner in partners:
            self._activity(self._lead("Deal", partner_id=partner.id))
        wizard = self._wizard(self.ben, self.cleo)
        few = self._count_share_out_queries(wizard)
        for partner in partners:
            self._activity(self._lead("Another", partner_id=partner.id))
        self.assertEqual(self._count_share_out_queries(wizard), few)

    def _count_share_out_queries(self, wizard):
        for _time in range(2):  # the first fills what Odoo keeps in memory
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            wizard._share_out()
        return self.env.cr.sql_log_count - before


@tagged("post_install", "-at_install")
class TestHandOverTour(HttpCase, HandOverCase):
    def test_tour(self):
        """A manager who may open users hands over from the card of the one who
        leaves."""
        self.dora.group_ids += self.env.ref("base.group_system")
        deals = self._lead("Bridge") | self._lead("Tower")
        won = self._lead("Won")
        won.action_set_won()
        self.start_tour(
            f"/odoo/users/{self.ada.id}",
            "sales_funnel_crm_hand_over",
            login=self.dora.login,
        )
        self.assertEqual(deals.mapped("user_id"), self.ben | self.cleo)
        self.assertEqual(won.user_id, self.ada, "it stays with who did it")
