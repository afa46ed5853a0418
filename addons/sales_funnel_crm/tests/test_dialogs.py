from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .test_hand_over import HandOverCase
from .test_partner_tags import PartnerTagCase


class DialogCase(PartnerTagCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own_deal = cls._leads()
        cls.company_2 = cls.env["res.company"].create({"name": "Far Away"})
        cls.manager_2 = new_test_user(
            cls.env,
            login="flow_manager_2",
            groups="sales_team.group_sale_manager",
            company_id=cls.company_2.id,
            company_ids=[Command.set(cls.company_2.ids)],
        )
        cls.manager_1 = new_test_user(
            cls.env,
            login="flow_manager_1",
            groups="sales_team.group_sale_manager",
        )

    def assert_no_access(self, function, *arguments, error=AccessError):
        """As a request of its own: nothing is in its cache, nothing of it stays."""
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertRaises(error), self.env.cr.savepoint():
            function(*arguments)
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestDialogsArePrivate(DialogCase):
    """Odoo lets everybody who may open a dialog read and change those of others."""

    def assert_private(self, dialog, values, action=None):
        """Nobody but its owner reads a dialog, changes it or presses its buttons."""
        owner = dialog.create_uid
        users = self.user_colleague | self.user_manager | self.manager_2
        if owner == self.user_manager:
            users = self.manager_2 | self.manager_1
        for user in users:
            theirs = dialog.with_user(user)
            with self.subTest(model=dialog._name, user=user.login):
                self.assertFalse(theirs.search([("id", "=", dialog.id)]))
                self.assert_no_access(theirs.read, ["create_date"])
                self.assert_no_access(theirs.web_read, {"create_date": {}})
                self.assert_no_access(theirs.write, values)
                self.assert_no_access(theirs.copy)
                if action:
                    self.assert_no_access(getattr(theirs, action))
        self.env.invalidate_all()
        mine = dialog.with_user(owner)
        self.assertEqual(mine.search([("id", "=", dialog.id)]), dialog)
        mine.write(values)

    def test_hold(self):
        until = fields.Date.today() + timedelta(days=9)
        dialog = (
            self.env["crm.lead.hold"]
            .with_user(self.user_own)
            .create(
                {
                    "lead_ids": [Command.set(self.own_deal.ids)],
                    "on_hold_until": until,
                    "note": "On leave",
                }
            )
        )
        self.assert_private(dialog, {"note": "x"}, "action_apply")
        self.assertFalse(self.own_deal.is_on_hold)
        dialog.action_apply()
        self.assertTrue(self.own_deal.is_on_hold)

    def test_finish(self):
        call = self.env["crm.phonecall"].with_user(self.user_own).create({})
        dialog = (
            self.env["crm.phonecall.finish"]
            .with_user(self.user_own)
            .create({"call_id": call.id, "state": "no_answer", "next_step": "none"})
        )
        self.assert_private(dialog, {"note": "x"}, "action_confirm")
        self.assertEqual(call.state, "planned")
        dialog.action_confirm()
        self.assertEqual(call.state, "no_answer")

    def test_tag_action(self):
        dialog = self._wizard("deal", name="Spring")
        self.assert_private(dialog, {"name": "Spring"}, "action_continue")
        self.assertFalse(self.env["partner.tag.run"].search([]))
        dialog.action_continue()

    def test_hand_over(self):
        dialog = (
            self.env["sales.hand.over"]
            .with_user(self.user_manager)
            .create(
                {
                    "user_id": self.user_own.id,
                    "new_user_ids": [Command.set(self.user_colleague.ids)],
                }
            )
        )
        self.assert_private(
            dialog,
            {"new_user_ids": [Command.set(self.user_colleague.ids)]},
            "action_hand_over",
        )
        line = dialog.line_ids
        self.assertEqual(line.deal_count, 1)
        self.assert_private(line, {"deal_count": 1})
        theirs = line.with_user(self.manager_1)
        self.assert_no_access(theirs.unlink)
        self.assert_no_access(
            theirs.create, {"hand_over_id": dialog.id, "deal_count": 9}
        )
        self.assertEqual(self.own_deal.user_id, self.user_own)
        dialog.action_hand_over()
        self.assertEqual(self.own_deal.user_id, self.user_colleague)

    def test_composers_of_a_tag(self):
        dialog = self._wizard("email")
        for model, values in (
            ("mail.compose.message", {"composition_mode": "mass_mail"}),
            ("sms.composer", {"composition_mode": "mass", "body": "Hello"}),
        ):
            with self.subTest(model=model):
                composers = self.env[model].with_user(self.user_colleague)
                target = "model" if model == "mail.compose.message" else "res_model"
                values |= {target: "res.partner", "tag_action_id": dialog.id}
                self.assert_no_access(composers.create, values)
                self.env.invalidate_all()
                self.assert_no_access(
                    composers.onchange,
                    values,
                    [],
                    {"tag_action_id": {}, "tag_description": {}},
                )


@tagged("post_install", "-at_install")
class TestWhatDialogsTake(DialogCase):
    """What a view does not offer is refused by the server."""

    def make_template(self, **values):
        return self.env["mail.template"].create(
            {
                "name": "Template",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "subject": "Hello",
                "body_html": "<p>Hello</p>",
            }
            | values
        )

    def test_template_of_another_model(self):
        for model in ("res.users", "sale.order"):
            template = self.make_template(model_id=self.env["ir.model"]._get_id(model))
            with self._refused("contacts"):
                self._wizard("email", template_id=template.id)
            dialog = self._wizard("email")
            with self._refused("contacts"):
                dialog.template_id = template
            with self._refused("contacts"):
                self.env["mail.compose.message"].with_user(self.user_own).create(
                    {
                        "model": "res.partner",
                        "composition_mode": "mass_mail",
                        "res_ids": repr(self.anna.ids),
                        "template_id": template.id,
                        "tag_action_id": dialog.id,
                    }
                )

    def test_template_of_a_colleague(self):
        template = self.make_template(user_id=self.user_colleague.id)
        with self._refused("colleague"):
            self._wizard("email", template_id=template.id)
        template.user_id = self.user_own
        dialog = self._wizard("email", template_id=template.id)
        context = dialog.action_continue()["context"]
        self.assertEqual(context["default_template_id"], template.id)

    def test_deals_for_somebody_who_does_not_work_here(self):
        with self._refused("Pia"):
            self._wizard("deal", name="Spring", user_id=self.user_portal.id)

    def test_log_of_a_colleague(self):
        dialog = self._wizard("deal", name="Spring", user=self.user_colleague)
        dialog.action_continue()
        mine = self._wizard("deal", name="Summer")
        self.assert_no_access(mine.write, {"run_id": dialog.run_id.id})
        self.assert_no_access(
            self.own_deal.with_user(self.user_own).write,
            {"partner_tag_run_id": dialog.run_id.id},
        )

    def test_composers_of_a_tag_write_to_contacts_only(self):
        dialog = self._wizard("email")

        for model, target, mode in (
            ("mail.compose.message", "model", "mass_mail"),
            ("sms.composer", "res_model", "mass"),
        ):
            with self.subTest(model=model), self._refused("contacts"):
                self.env[model].with_user(self.user_own).create(
                    {
                        target: "crm.lead",
                        "composition_mode": mode,
                        "body": "Hello",
                        "res_ids": repr(self.own_deal.ids),
                        "tag_action_id": dialog.id,
                    }
                )

    def test_contacts_that_may_not_be_read(self):
        self.anna.company_id = self.company_2
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            self._wizard("email")._start_run(
                self.anna.with_user(self.user_own), "News", ["News"]
            )

    def test_deals_of_a_colleague(self):
        deal = self._leads(user_id=self.user_colleague.id)
        dialogs = self.env["crm.lead.hold"].with_user(self.user_own)
        self.assert_no_access(
            dialogs.create,
            {
                "lead_ids": [Command.set(deal.ids)],
                "on_hold_until": "2030-01-01",
                "note": "x",
            },
        )
        self.assert_no_access(
            deal.with_user(self.user_own).action_put_on_hold, "2030-01-01", "x"
        )

    def test_hand_over_from_somebody_who_does_not_work_here(self):
        dialogs = self.env["sales.hand.over"].with_user(self.user_manager)
        with self._refused("Pia"):
            dialogs.create({"user_id": self.user_portal.id})


@tagged("post_install", "-at_install")
class TestHandOverPreview(HandOverCase):
    """The preview is made as superuser, and counts what the manager may see."""

    def test_work_of_another_company(self):
        other = self.env["res.company"].create({"name": "Secret Company"})
        self.ada.company_ids |= other
        self._lead("Here")
        self._lead("Secret deal", company_id=other.id, team_id=False)
        self.env.flush_all()
        dialog = (
            self.env["sales.hand.over"]
            .with_user(self.dora)
            .create(
                {
                    "user_id": self.ada.id,
                    "new_user_ids": [Command.set(self.ben.ids)],
                }
            )
        )
        self.assertEqual(dialog.line_ids.deal_count, 1)
        self.assertFalse(dialog.problem)
        dialog.new_user_ids = False
        self.assertEqual(dialog.line_ids.deal_count, 1)
        dialog.new_user_ids = self.ben
        dialog.action_hand_over()

    def test_somebody_who_is_archived(self):
        self._lead("Here")
        dialog = self.env["sales.hand.over"].with_user(self.dora)
        dialog = dialog.create(
            {"user_id": self.ada.id, "new_user_ids": [Command.set(self.ben.ids)]}
        )
        self.ben.active = False
        with self.assertRaises(UserError), self.env.cr.savepoint():
            dialog.action_hand_over()
