import json

from lxml import etree
from psycopg2.errors import RestrictViolation

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, HttpCase, tagged
from odoo.tools import mute_logger

from .common import SalesFlowCase


class EndingsCase(SalesFlowCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Reason = cls.env["crm.lost.reason"]
        nowhere = {
            "applies_to_dead": False,
            "applies_to_closed": False,
            "applies_to_lost": False,
            "applies_to_quotation": False,
        }
        cls.reason_dead, cls.reason_closed, cls.reason_lost, cls.reason_any = (
            cls.Reason.create(
                [
                    {**nowhere, "name": "Joke", "applies_to_dead": True},
                    {**nowhere, "name": "Moved away", "applies_to_closed": True},
                    {**nowhere, "name": "Too dear", "applies_to_lost": True},
                    {"name": "Something else", "note_required": True},
                ]
            )
        )

    def _end(self, leads, reason, user=None, **values):
        """End ``leads`` as a user does, by the dialog."""
        wizard = self.env["crm.lead.lost"].with_user(user or self.user_manager)
        wizard = wizard.create(
            {
                "lead_ids": [Command.set(leads.ids)],
                "lost_reason_id": reason.id,
                **values,
            }
        )
        return wizard.action_lost_reason_apply()

    def _set_rule(self, required=True):
        self.env["res.config.settings"].create(
            {"lost_reason_required": required}
        ).execute()

    def _last_body(self, lead):
        self._flush_tracking()
        return lead.message_ids[0].body


@tagged("post_install", "-at_install")
class TestLeadsSwitchedOn(SalesFlowCase):
    def test_every_employee_works_with_leads(self):
        employees = self.env.ref("base.group_user")
        self.assertIn(self.env.ref("crm.group_use_lead"), employees.all_implied_ids)
        self.assertTrue(self.user_own.has_group("crm.group_use_lead"))

    def test_the_settings_say_so_and_can_switch_them_off(self):
        settings = self.env["res.config.settings"].create({})
        self.assertTrue(settings.group_use_lead)
        settings.group_use_lead = False
        settings.execute()
        self.assertFalse(self.user_own.has_group("crm.group_use_lead"))


@tagged("post_install", "-at_install")
class TestReasonTree(EndingsCase):
    def test_names_and_order_follow_the_tree(self):
        price, plans = self.Reason.create(
            [{"name": "Z price", "sequence": 1}, {"name": "A plans", "sequence": 2}]
        )
        dear, late = self.Reason.create(
            [
                {"name": "Dear", "parent_id": price.id, "sequence": 20},
                {"name": "Late", "parent_id": price.id, "sequence": 10},
            ]
        )
        self.assertEqual(dear.complete_name, "Z price / Dear")
        self.assertEqual(dear.display_name, "Z price / Dear")
        family = price | plans | dear | late
        self.assertEqual(
            self.Reason.search([("id", "in", family.ids)]),
            price + late + dear + plans,
        )
        price.name = "Money"
        self.assertEqual(dear.display_name, "Money / Dear")
        price.sequence = 3
        self.assertEqual(
            self.Reason.search([("id", "in", family.ids)]),
            plans + price + late + dear,
        )

    def test_names_are_translated(self):
        self.env["res.lang"]._activate_lang("de_DE")
        price = self.Reason.create({"name": "Price"})
        dear = self.Reason.create({"name": "Dear", "parent_id": price.id})
        price.with_context(lang="de_DE").name = "Preis"
        dear.with_context(lang="de_DE").name = "Teuer"
        self.assertEqual(dear.display_name, "Price / Dear")
        self.assertEqual(dear.with_context(lang="de_DE").display_name, "Preis / Teuer")

    def test_a_wider_reason_finds_the_finer_ones(self):
        price = self.Reason.create({"name": "Pricewise"})
        dear = self.Reason.create({"name": "Dear", "parent_id": price.id})
        found = dict(self.Reason.name_search("pricewi"))
        self.assertEqual(set(found), {price.id, dear.id})
        lead = self._leads()
        self._end(lead, dear)
        self.assertEqual(
            self.Lead.with_context(active_test=False).search(
                [("lost_reason_id", "child_of", price.id)]
            ),
            lead,
        )

    def test_a_cycle_is_refused(self):
        top = self.Reason.create({"name": "Top"})
        middle = self.Reason.create({"name": "Middle", "parent_id": top.id})
        leaf = self.Reason.create({"name": "Leaf", "parent_id": middle.id})
        with self._refused("“Top” cannot be part of “Leaf”", ValidationError):
            top.parent_id = leaf
        with self._refused("“Top” cannot be part of “Top”", ValidationError):
            top.parent_id = top

    def test_a_batch_that_makes_a_cycle_is_refused(self):
        top = self.Reason.create({"name": "Top"})
        leaf = self.Reason.create({"name": "Leaf", "parent_id": top.id})
        with self._refused("cannot be part of", ValidationError):
            (leaf | top).write({"parent_id": top.id})

    def test_reasons_in_use_stay(self):
        parent = self.Reason.create({"name": "Top"})
        self.Reason.create({"name": "Leaf", "parent_id": parent.id})
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(RestrictViolation),
            self.env.cr.savepoint(),
        ):
            parent.unlink()
        self.assertTrue(parent.exists())

    def test_what_ships(self):
        """Every end has reasons, and few enough to be seen at a glance."""
        shipped = self.env["ir.model.data"].search(
            [
                ("model", "=", "crm.lost.reason"),
                ("module", "in", ("crm", "sales_funnel_crm")),
                ("name", "=like", "lost_reason_%"),
            ]
        )
        reasons = self.Reason.browse(shipped.mapped("res_id"))
        self.assertEqual(
            self.env.ref("crm.lost_reason_1").parent_id,
            self.env.ref("sales_funnel_crm.lost_reason_price"),
        )
        for end in ("dead", "closed", "lost", "quotation"):
            offered = reasons.filtered_domain(self.Reason._get_domain_for([end]))
            self.assertGreaterEqual(len(offered), 5, end)
            self.assertLessEqual(len(offered), 18, end)
        other = self.env.ref("sales_funnel_crm.lost_reason_other")
        self.assertTrue(other.note_required)

    def test_an_unknown_end_is_an_error(self):
        with self.assertRaises(KeyError):
            self.Reason._get_domain_for(["archived"])

    def test_who_may_change_reasons(self):
        for user in (self.user_own, self.user_all):
            with self.assertRaises(AccessError):
                self.reason_lost.with_user(user).note_required = True
            self.assertEqual(self.reason_lost.with_user(user).name, "Too dear")
        self.reason_lost.with_user(self.user_manager).note_required = True
        with self.assertRaises(AccessError):
            self.reason_lost.with_user(self.user_portal).read(["name"])

    def test_form_and_lists_of_reasons(self):
        with Form(self.Reason.with_user(self.user_manager)) as form:
            form.name = "Weather"
            form.parent_id = self.reason_any
            form.applies_to_dead = False
            form.note_required = True
        reason = form.record
        self.assertEqual(reason.display_name, "Something else / Weather")
        self.assertFalse(reason.applies_to_dead)
        views = self.Reason.get_views([(False, "list"), (False, "search")])["views"]
        self.assertIn("complete_name", views["list"]["arch"])
        self.assertIn("applies_to_quotation", views["search"]["arch"])


@tagged("post_install", "-at_install")
class TestLeadEndings(EndingsCase):
    def test_a_deal_is_lost(self):
        deal = self._leads()
        self._end(deal, self.reason_lost)
        self.assertRecordValues(
            deal,
            [
                {
                    "active": False,
                    "won_status": "lost",
                    "ending": "lost",
                    "lost_reason_id": self.reason_lost.id,
                }
            ],
        )

    def test_a_lead_is_dead_or_closed(self):
        for ending, reason in (
            ("dead", self.reason_dead),
            ("closed", self.reason_closed),
        ):
            with self.subTest(ending=ending):
                lead = self._leads(type="lead")
                self._flush_tracking()
                self._end(lead, reason, lead_ending=ending)
                self.assertRecordValues(
                    lead,
                    [
                        {
                            "active": False,
                            "won_status": "lost",
                            "ending": ending,
                            "lost_reason_id": reason.id,
                        }
                    ],
                )
                self.assertIn(ending.capitalize(), self._last_body(lead))

    def test_a_note_is_kept_with_the_end_of_a_lead(self):
        lead = self._leads(type="lead")
        self._flush_tracking()
        self._end(
            lead,
            self.reason_any,
            lead_ending="closed",
            lost_feedback="<p>Moved to Peru</p>",
        )
        body = self._last_body(lead)
        self.assertIn("Closed", body)
        self.assertIn("Moved to Peru", body)

    def test_the_note_stays_with_the_record_until_it_is_back(self):
        deal = self._leads()
        self._end(deal, self.reason_any, lost_feedback="<p>Moved to <b>Peru</b></p>")
        self.assertEqual(deal.lost_note, "Moved to *Peru*")
        self._flush_tracking()
        deal.action_restore()
        self.assertFalse(deal.lost_note)
        body = self._last_body(deal)
        self.assertIn("Had ended as Lost: Something else", body)
        self.assertIn("Moved to *Peru*", body)
        self._end(deal, self.reason_lost)
        self.assertFalse(deal.lost_note)

    def test_many_leads_and_deals_at_once(self):
        leads = self._leads(30, type="lead")
        deals = self._leads(30)
        reason = self.Reason.create({"name": "Both"})
        wizard = (
            self.env["crm.lead.lost"]
            .with_user(self.user_all)
            .create(
                {
                    "lead_ids": [Command.set((leads | deals).ids)],
                    "lead_ending": "closed",
                    "lost_reason_id": reason.id,
                }
            )
        )
        self.assertEqual(wizard.record_count, 60)
        self.assertTrue(wizard.has_leads and wizard.has_deals)
        wizard.action_lost_reason_apply()
        self.assertEqual(set(leads.mapped("ending")), {"closed"})
        self.assertEqual(set(deals.mapped("ending")), {"lost"})
        self.assertEqual((leads | deals).lost_reason_id, reason)

    def test_queries_do_not_grow_with_the_records(self):
        def count(number):
            deals = self._leads(number)
            for _time in range(2):  # the first fills what Odoo keeps in memory
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                wizard = self.env["crm.lead.lost"].create(
                    {
                        "lead_ids": [Command.set(deals.ids)],
                        "lost_reason_id": self.reason_lost.id,
                    }
                )
                self.assertTrue(wizard.available_reason_ids)
                wizard._check_reason()
            return self.env.cr.sql_log_count - before

        self.assertEqual(count(5), count(50))

    def test_only_reasons_that_apply_are_offered(self):
        lead, deal = self._leads(type="lead"), self._leads()
        wizard = self.env["crm.lead.lost"].with_user(self.user_own)
        with Form(wizard.with_context(default_lead_ids=lead.ids)) as form:
            self.assertEqual(form.lead_ending, "dead")
            offered = form.available_reason_ids
            self.assertIn(self.reason_dead, self._records(offered))
            self.assertNotIn(self.reason_closed, self._records(offered))
            form.wider_reason_id = self.reason_dead
            self.assertEqual(form.lost_reason_id, self.reason_dead)
            form.lead_ending = "closed"
            self.assertFalse(form.wider_reason_id)
            self.assertFalse(form.lost_reason_id, "it does not apply any more")
            self.assertIn(self.reason_closed, self._records(form.available_reason_ids))
            form.wider_reason_id = self.reason_closed
        with Form(wizard.with_context(default_lead_ids=deal.ids)) as form:
            offered = self._records(form.available_reason_ids)
            self.assertIn(self.reason_lost, offered)
            self.assertFalse(offered & (self.reason_dead | self.reason_closed))
            form.wider_reason_id = self.reason_lost
        with Form(wizard.with_context(default_lead_ids=(lead | deal).ids)) as form:
            offered = self._records(form.available_reason_ids)
            self.assertIn(self.reason_any, offered)
            self.assertFalse(offered & (self.reason_dead | self.reason_lost))
            form.wider_reason_id = self.reason_any
            form.lost_feedback = "<p>Really</p>"

    def test_a_finer_reason_is_offered_after_the_wider_one(self):
        wider, silent = self.Reason.create(
            [{"name": "Money"}, {"name": "Fate", "applies_to_lost": False}]
        )
        finer, other, quiet = self.Reason.create(
            [
                {"name": "Too dear", "parent_id": wider.id},
                {"name": "Too cheap", "parent_id": wider.id, "applies_to_lost": False},
                {"name": "Bad luck", "parent_id": silent.id},
            ]
        )
        deal = self._leads()
        form = Form(
            self.env["crm.lead.lost"]
            .with_user(self.user_own)
            .with_context(default_lead_ids=deal.ids)
        )
        offered = self._records(form.wider_reason_ids)
        self.assertLessEqual(wider | silent, offered)
        self.assertFalse(offered & (finer | other | quiet))
        form.wider_reason_id = self.reason_lost
        self.assertFalse(form.has_finer_reasons)
        form.wider_reason_id = silent
        self.assertTrue(form.has_finer_reasons)
        self.assertFalse(form.lost_reason_id, "only its part applies")
        form.wider_reason_id = wider
        self.assertTrue(form.has_finer_reasons)
        self.assertEqual(form.lost_reason_id, wider)
        self.assertNotIn(other, self._records(form.available_reason_ids))
        form.lost_reason_id = finer
        form.save().action_lost_reason_apply()
        self.assertEqual(deal.lost_reason_id, finer)

    def _records(self, proxy):
        return self.Reason.browse(proxy.ids)

    def test_the_dialog_asks_for_reason_and_note(self):
        deal = self._leads()
        wizard = self.env["crm.lead.lost"].with_context(default_lead_ids=deal.ids)
        with self._refused("Nothing ends without a reason"):
            Form(wizard).save().action_lost_reason_apply()
        form = Form(wizard)
        form.wider_reason_id = self.reason_any
        self.assertTrue(form.note_required)
        dialog = form.save()
        with self._refused("“Something else” needs a note"):
            dialog.action_lost_reason_apply()
        form.lost_feedback = "<p>The buyer retired</p>"
        form.save().action_lost_reason_apply()
        self.assertEqual(deal.lost_reason_id, self.reason_any)

    def test_the_dialog_refuses_with_a_sentence(self):
        deal = self._leads()
        with self._refused("Nothing ends without a reason"):
            self._end(deal, self.Reason)
        with self._refused("“Joke” does not apply here"):
            self._end(deal, self.reason_dead)
        with self._refused("“Something else” needs a note"):
            self._end(deal, self.reason_any)
        with self._refused("needs a note"):
            self._end(deal, self.reason_any, lost_feedback="<p><br></p>")
        with self._refused("Nothing is selected"):
            self._end(self.Lead, self.reason_lost)
        self.assertTrue(deal.active)
        self.assertEqual(deal.won_status, "pending")

    def test_what_is_won_cannot_be_lost(self):
        deals = self._leads(8)
        deals[:7].action_set_won()
        with self._refused("“Deal 5” and 2 more"):
            self._end(deals, self.reason_lost)
        self.assertTrue(deals[7].active)

    def test_code_without_a_reason_goes_on_as_in_odoo(self):
        lead, deal = self._leads(type="lead"), self._leads()
        (lead | deal).action_set_lost()
        self.assertEqual(lead.ending, "dead")
        self.assertEqual(deal.ending, "lost")
        other = self._leads()
        other.write({"active": False, "probability": 0})
        self.assertEqual(other.ending, "lost")

    def test_restored_it_has_not_ended(self):
        lead = self._leads(type="lead")
        self._end(lead, self.reason_closed, lead_ending="closed")
        self._flush_tracking()
        lead.with_user(self.user_own).action_restore()
        self.assertRecordValues(
            lead,
            [
                {
                    "active": True,
                    "won_status": "pending",
                    "ending": False,
                    "lost_reason_id": False,
                }
            ],
        )
        self.assertIn("Had ended as Closed: Moved away", self._last_body(lead))

    def test_many_are_restored_by_the_action_of_the_list(self):
        deals = self._leads(20)
        self._end(deals, self.reason_lost)
        self._flush_tracking()
        action = self.env.ref("sales_funnel_crm.action_lead_restore")
        action.with_user(self.user_all).with_context(
            active_model="crm.lead", active_ids=deals.ids
        ).run()
        self.assertEqual(deals.mapped("active"), [True] * 20)
        for deal in deals:
            self.assertIn("Had ended as Lost: Too dear", self._last_body(deal))

    def test_a_copy_has_not_ended(self):
        deal = self._leads()
        self._end(deal, self.reason_lost)
        self.assertFalse(deal.copy({"active": True}).ending)

    # ------------------------------------------------------------
    # NO WAY AROUND IT
    # ------------------------------------------------------------

    def test_no_view_offers_archive(self):
        """The web client offers *Archive* where the field may be written."""
        for view_type in ("list", "kanban", "form"):
            for action in (
                "crm.crm_lead_all_leads",
                "crm.crm_lead_opportunities",
                "crm.crm_lead_action_pipeline",
                "crm.crm_lead_action_forecast",
            ):
                views = self.env.ref(action).views
                view_id = next((v for v, kind in views if kind == view_type), False)
                result = self.Lead.with_user(self.user_manager).get_views(
                    [(view_id, view_type), (False, "search")]
                )
                active = result["models"]["crm.lead"]["fields"]["active"]
                self.assertTrue(active["readonly"], f"{action} {view_type}")

    def test_no_card_is_dragged_to_another_end(self):
        """The kanban lets cards be dragged between groups of what may be written."""
        views = [(False, "kanban"), (False, "list"), (False, "search")]
        fields = self.Lead.get_views(views)["models"]["crm.lead"]["fields"]
        for name in ("active", "ending", "lost_reason_id", "won_status"):
            self.assertTrue(fields[name]["readonly"], name)
        self.assertFalse(fields["stage_id"]["readonly"])

    def test_what_is_archived_is_not_lost_by_its_probability(self):
        """Archived with a probability of 0 is lost, for Odoo."""
        form = self.env.ref("crm.crm_lead_view_form")
        for view in (
            form,
            self.env.ref("crm.crm_case_tree_view_oppor"),
            self.env.ref("crm.crm_case_tree_view_leads"),
        ):
            arch = etree.fromstring(self.Lead.get_view(view.id, view.type)["arch"])
            (node,) = arch.xpath("//field[@name='probability']")
            self.assertIn("not active", node.get("readonly"), view.name)

    def test_the_form_asks_for_the_note(self):
        """of a reason that somebody changes afterwards"""
        deal = self._leads()
        self._end(deal, self.reason_lost)
        with Form(deal, "crm.crm_lead_view_form") as form:
            form.lost_reason_id = self.reason_any
            with self.assertRaisesRegex(AssertionError, "lost_note is a required"):
                form.save()
            form.lost_note = "They said so"
        self.assertEqual(deal.lost_note, "They said so")
        lead = self._leads(type="lead")
        self._end(lead, self.reason_dead, lead_ending="dead")
        with Form(lead, "crm.crm_lead_view_form") as form:
            form.lost_reason_id = self.reason_any
            with self.assertRaisesRegex(AssertionError, "lost_note is a required"):
                form.save()
            form.lost_note = "It was a joke"

    def test_no_view_writes_active_or_an_empty_reason(self):
        for view in self.env["ir.ui.view"].search(
            [
                ("model", "=", "crm.lead"),
                ("type", "in", ("list", "form", "kanban")),
                ("mode", "=", "primary"),
            ]
        ):
            arch = etree.fromstring(self.Lead.get_view(view.id, view.type)["arch"])
            if view.type == "list" and not (
                arch.get("editable") or arch.get("multi_edit")
            ):
                continue
            # lists inside a form are of other models
            for node in arch.xpath("//field[not(ancestor::field)]"):
                if node.get("name") == "active":
                    hidden = node.get("invisible") or node.get("column_invisible")
                    self.assertTrue(hidden or view.type == "kanban", view.name)
                if node.get("name") == "lost_reason_id":
                    self.assertTrue(
                        node.get("required") or node.get("readonly") == "1", view.name
                    )

    def test_the_buttons_open_the_dialog(self):
        end = self.env.ref("sales_funnel_crm.crm_lead_end_action")
        lost = self.env.ref("crm.crm_lead_lost_action")
        form = self.Lead.get_view(self.env.ref("crm.crm_lead_view_form").id, "form")
        arch = etree.fromstring(form["arch"])
        for action, kind in ((end, "type != 'lead'"), (lost, "type == 'lead'")):
            (button,) = arch.findall(f".//header/button[@name='{action.id}']")
            self.assertIn(kind, button.get("invisible"))
            self.assertEqual(action.res_model, "crm.lead.lost")
        names = {button.get("name") for button in arch.findall(".//header/button")}
        self.assertNotIn("action_set_lost", names)
        self.assertNotIn("action_archive", names)

    def test_won_deals_can_be_put_away(self):
        deals = self._leads(2)
        deals.action_set_won()
        action = self.env.ref("sales_funnel_crm.action_lead_archive_won")
        action.with_user(self.user_own).with_context(
            active_model="crm.lead", active_ids=deals.ids
        ).run()
        self.assertEqual(deals.mapped("active"), [False, False])
        self.assertEqual(set(deals.mapped("won_status")), {"won"})
        deals.action_restore()
        self.assertEqual(deals.mapped("active"), [True, True])
        with self._refused("Not won: “Deal 1”"):
            self._leads().action_archive_won()

    # ------------------------------------------------------------
    # A RULE FOR ALL
    # ------------------------------------------------------------

    def test_the_rule_is_off_at_first(self):
        self.assertFalse(self.Lead._is_lost_reason_required())
        self._leads().action_archive()

    def test_the_rule_holds_for_code(self):
        self._set_rule()
        for end in (
            lambda deal: deal.action_set_lost(),
            lambda deal: deal.action_archive(),
            lambda deal: deal.write({"active": False, "probability": 0}),
            lambda deal: deal.copy({"active": False}),
        ):
            deal = self._leads(probability=20)
            with self._refused("without a reason", ValidationError):
                end(deal)
            self.assertTrue(deal.active)

    def test_the_rule_lets_pass_what_has_a_reason(self):
        self._set_rule()
        # with a probability, and without any as Odoo never computed one
        for values in ({"probability": 20}, {}):
            with self.subTest(**values):
                deal = self._leads(**values)
                deal.action_set_lost(lost_reason_id=self.reason_lost.id)
                self.assertEqual(deal.ending, "lost")
                lead = self._leads(type="lead", **values)
                self._end(lead, self.reason_closed, lead_ending="closed")
                self.assertEqual(lead.ending, "closed")
                lead.action_restore()
                self.assertTrue(lead.active)
        won = self._leads()
        won.action_set_won()
        won.action_archive()
        self.assertFalse(won.active)

    def test_the_rule_refuses_a_reason_that_does_not_apply(self):
        self._set_rule()
        with self._refused("“Joke” is no reason", ValidationError):
            self._leads().action_set_lost(lost_reason_id=self.reason_dead.id)

    def test_the_rule_asks_for_the_note_of_a_reason(self):
        self._set_rule()
        by_code = {"lost_reason_id": self.reason_any.id}
        for end in (
            lambda deal: deal.action_set_lost(**by_code),
            lambda deal: deal.action_set_lost(**by_code, lost_note="  "),
            lambda deal: deal.write({"active": False, "probability": 0, **by_code}),
        ):
            deal = self._leads(probability=20)
            with self._refused("“Something else” needs a note", ValidationError):
                end(deal)
            self.assertTrue(deal.active)
        deals = self._leads(2)
        deals[0].action_set_lost(**by_code, lost_note="They moved")
        deals[1].write(
            {"active": False, "probability": 0, "lost_note": "So did they", **by_code}
        )
        self.assertEqual(deals.mapped("ending"), ["lost", "lost"])
        with self._refused("needs a note", ValidationError):
            deals[0].lost_note = False
        # off, as Odoo has it
        self._set_rule(required=False)
        self._leads().action_set_lost(**by_code)

    def test_the_rule_asks_the_dialog_for_no_more(self):
        self._set_rule()
        deals = self._leads(2)
        self._end(deals, self.reason_any, lost_feedback="<p>They moved</p>")
        self.assertEqual(deals.mapped("lost_note"), ["They moved"] * 2)

    def test_the_rule_keeps_the_reason(self):
        self._set_rule()
        deal = self._leads()
        self._end(deal, self.reason_lost)
        with self._refused("without a reason", ValidationError):
            deal.lost_reason_id = False

    def test_the_rule_holds_for_imports(self):
        fields = ["name", "type", "active", "probability", "lost_reason_id"]
        rows = [["Imported", "opportunity", "0", "0", ""]]
        result = self.Lead.load(fields, rows)
        self.assertTrue(result["ids"], "off, as other apps expect it")
        self._set_rule()
        result = self.Lead.load(fields, rows)
        self.assertFalse(result["ids"])
        self.assertIn("without a reason", result["messages"][0]["message"])
        rows[0][4] = "Too dear"
        result = self.Lead.load(fields, rows)
        self.assertTrue(result["ids"], result["messages"])
        rows[0][4] = "Something else"
        result = self.Lead.load(fields, rows)
        self.assertIn("needs a note", result["messages"][0]["message"])
        result = self.Lead.load([*fields, "lost_note"], [[*rows[0], "They moved"]])
        self.assertTrue(result["ids"], result["messages"])

    def test_the_rule_can_be_taken_back(self):
        self._set_rule()
        self._set_rule(required=False)
        self._leads().action_set_lost()

    def test_what_ended_before_the_rule_can_still_be_written(self):
        deal = self._leads()
        deal.action_set_lost()
        self._set_rule()
        deal.phone = "+1 555 0100"
        self.assertEqual(deal.phone, "+1 555 0100")

    # ------------------------------------------------------------
    # WHO MAY
    # ------------------------------------------------------------

    def test_each_group_ends_what_it_may_write(self):
        own, foreign = self._leads(), self._leads(user_id=self.user_colleague.id)
        self._end(own, self.reason_lost, self.user_own)
        self.assertEqual(own.ending, "lost")
        with self.assertRaises(AccessError):
            self._end(foreign, self.reason_lost, self.user_own)
        self._end(foreign, self.reason_lost, self.user_all)
        self.assertEqual(foreign.ending, "lost")
        third = self._leads(user_id=self.user_colleague.id)
        self._end(third, self.reason_lost, self.user_manager)
        self.assertEqual(third.ending, "lost")
        with self.assertRaises(AccessError):
            self._end(self._leads(), self.reason_lost, self.user_portal)


@tagged("post_install", "-at_install")
class TestEndingOverHttp(EndingsCase, HttpCase):
    def test_the_link_of_an_email_ends_nothing(self):
        lead = self._leads(type="lead")
        link = lead._notify_get_action_link(
            "controller", controller="/lead/case_mark_lost"
        )
        self.authenticate("flow_own", "flow_own")
        response = self.url_open(link, allow_redirects=False)
        self.assertEqual(response.status_code, 303)
        self.assertIn(f"/{lead.id}", response.headers["Location"])
        self.assertTrue(lead.active)

    def test_the_rule_holds_for_the_api(self):
        self._set_rule()
        deal = self._leads()
        self.authenticate("flow_own", "flow_own")
        body = {
            "params": {
                "model": "crm.lead",
                "method": "write",
                "args": [deal.ids, {"active": False, "probability": 0}],
                "kwargs": {},
            }
        }
        response = self.url_open(
            "/web/dataset/call_kw",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        self.assertIn("without a reason", response.json()["error"]["data"]["message"])
        deal.invalidate_recordset()
        self.assertTrue(deal.active)
