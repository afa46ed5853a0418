from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import FunnelCase


@tagged("post_install", "-at_install")
class TestHistoryAccess(FunnelCase):
    """Users read the history of the deals they may read, and write none."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal_a = cls._deals(user_id=cls.user_a.id, name="Ada's")
        cls.deal_b = cls._deals(user_id=cls.user_b.id, name="Ben's")
        cls.deal_free = cls._deals(user_id=False, name="Nobody's")
        cls.deals = cls.deal_a | cls.deal_b | cls.deal_free
        cls.deals.stage_id = cls.stage_qualified
        cls.other_company = cls.env["res.company"].create({"name": "Elsewhere"})
        cls.deal_elsewhere = cls._deals(name="Elsewhere", user_id=False, team_id=False)
        cls.deal_elsewhere.company_id = cls.other_company
        cls.user_elsewhere = new_test_user(
            cls.env,
            login="funnel_elsewhere",
            groups="sales_team.group_sale_manager",
            company_id=cls.other_company.id,
            company_ids=[Command.set(cls.other_company.ids)],
        )
        cls.env.flush_all()
        cls.env.invalidate_all()

    def _assert_sees(self, user, deals, **context):
        """What ``user`` finds in every way there is, is the history of ``deals``."""
        history = self.History.with_user(user).with_context(**context)
        expected = self._stays(deals)
        everything = self._stays(self.deals | self.deal_elsewhere)
        self.assertEqual(history.search([]).sudo(), expected.sudo())
        self.assertEqual(history.search_count([]), len(expected))
        self.assertEqual(
            {row["lead_id"][0] for row in history.search_read([], ["lead_id"])},
            set(deals.ids),
        )
        self.assertEqual(
            sum(
                count
                for _stage, count in history._read_group([], ["stage_id"], ["__count"])
            ),
            len(expected),
        )
        self.assertEqual(
            sum(
                row["__count"]
                for row in history.formatted_read_group([], ["lead_id"], ["__count"])
            ),
            len(expected),
        )
        self.assertEqual(
            {
                history.browse(id_).sudo()
                for id_, _name in history.name_search(limit=None)
            },
            set(expected.sudo()),
        )
        self.assertEqual(
            everything.with_user(user)
            .with_context(**context)
            ._filtered_access("read")
            .ids,
            expected.ids,
        )
        for stay in everything.with_user(user).with_context(**context):
            stay.invalidate_recordset()
            if stay.sudo() in expected.sudo():
                self.assertTrue(stay.read(["stage_name"])[0]["stage_name"])
            else:
                with self.assertRaises(AccessError), mute_logger("odoo.addons.base"):
                    stay.read(["stage_name"])

    def test_own_deals(self):
        self._assert_sees(self.user_a, self.deal_a | self.deal_free)
        self._assert_sees(self.user_b, self.deal_b | self.deal_free)

    def test_all_deals(self):
        self._assert_sees(self.user_all, self.deals)

    def test_manager(self):
        self._assert_sees(self.user_manager, self.deals)

    def test_other_company(self):
        self.assertFalse(self.deal_free.company_id)
        self._assert_sees(self.user_elsewhere, self.deal_elsewhere | self.deal_free)

    def test_companies_switched_on(self):
        self.user_all.company_ids += self.other_company
        both = (self.env.company + self.other_company).ids
        self._assert_sees(self.user_all, self.deals, allowed_company_ids=both[:1])
        self._assert_sees(
            self.user_all,
            self.deals | self.deal_elsewhere,
            allowed_company_ids=both,
        )

    def test_ended_deals(self):
        (self.deal_a | self.deal_b).action_archive()
        self._assert_sees(self.user_a, self.deal_a | self.deal_free)

    def test_deal_that_changes_hands(self):
        self.deal_a.user_id = self.user_b
        self._assert_sees(self.user_a, self.deal_free)
        self._assert_sees(self.user_b, self.deals)

    def test_rule_added_later(self):
        """Whatever rule hides a deal hides its history."""
        self.env["ir.rule"].create(
            {
                "name": "Not Ben's",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "domain_force": [("user_id", "!=", self.user_b.id)],
            }
        )
        self._assert_sees(self.user_manager, self.deal_a | self.deal_free)

    def test_search_by_the_deal(self):
        """No side door: what is asked of hidden deals has no answer either."""
        history = self.History.with_user(self.user_a)
        self.assertFalse(history.search([("lead_id", "=", self.deal_b.id)]))
        self.assertFalse(history.search([("lead_id.name", "=", "Ben's")]))
        self.assertFalse(history.search([("user_id", "=", self.user_b.id)]))
        self.assertEqual(
            self.Lead.with_user(self.user_a).search(
                [("stage_history_ids.stage_id", "=", self.stage_new.id)]
            ),
            self.deal_a | self.deal_free,
        )

    def test_those_outside_sales_see_nothing(self):
        users = [
            new_test_user(self.env, login=login, groups=group)
            for login, group in (
                ("funnel_portal", "base.group_portal"),
                ("funnel_public", "base.group_public"),
                ("funnel_employee", "base.group_user"),
            )
        ]
        for user in users:
            with self.subTest(user.login), mute_logger("odoo.addons.base"):
                history = self.History.with_user(user)
                with self.assertRaises(AccessError):
                    history.search([])
                with self.assertRaises(AccessError):
                    history.formatted_read_group([], ["stage_id"], ["__count"])
                with self.assertRaises(AccessError):
                    self._stays(self.deal_free).with_user(user).read(["stage_name"])

    def test_nobody_writes(self):
        users = (self.user_a, self.user_all, self.user_manager)
        admin = self.env.ref("base.user_admin")
        for user in (*users, admin):
            with self.subTest(user.login), mute_logger("odoo.addons.base"):
                stay = self._stays(self.deal_free)[0].with_user(user)
                for operation in (
                    lambda stay=stay: stay.write({"stage_name": "Edited"}),
                    lambda stay=stay: stay.unlink(),
                    lambda stay=stay: stay.copy(),
                    lambda stay=stay: stay.create(
                        {
                            "lead_id": self.deal_free.id,
                            "date_entered": "2026-01-01 00:00:00",
                        }
                    ),
                    lambda stay=stay: stay.lead_id.write(
                        {"stage_history_ids": [Command.delete(stay.id)]}
                    ),
                ):
                    with self.assertRaises(AccessError):
                        operation()

    def test_salespeople_record_without_rights_of_their_own(self):
        lead = self.Lead.with_user(self.user_a).create({"name": "Mine"})
        lead.stage_id = self.stage_proposition
        lead.action_set_lost(lost_reason_id=self.lost_reason.id)
        lead.action_restore()
        self.assertEqual(
            self._chain(lead.sudo()),
            [
                ("New", "advanced"),
                ("Proposition", "lost"),
                ("Proposition", None),
            ],
        )
        self.assertEqual(len(lead.stage_history_ids), 3)

    def test_salespeople_merge_without_rights_of_their_own(self):
        survivor = (self.deal_a | self.deal_free).with_user(self.user_a)
        survivor = survivor.merge_opportunity()
        self._assert_chain_invariants(survivor.sudo())

    def test_won_stage_flipped_by_a_manager_of_one_company(self):
        """The archived deals of the others are kept in step, too."""
        self.deal_elsewhere.stage_id = self.stage_won
        self.deal_elsewhere.action_archive()
        self.stage_won.with_user(self.user_manager).is_won = False
        self.assertEqual(self._chain(self.deal_elsewhere)[-1], ("Won", "on_hold"))


@tagged("post_install", "-at_install")
class TestHistoryByRPC(HttpCase):
    """Changes that come from outside, by Odoo's own doors."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(
            cls.env,
            login="funnel_rpc",
            password="funnel_rpc_password",
            groups="sales_team.group_sale_salesman",
        )
        cls.stages = cls.env["crm.stage"].create(
            [{"name": "First", "sequence": -2}, {"name": "Second", "sequence": -1}]
        )

    def _names(self, lead_id):
        self.env.invalidate_all()
        return [
            (stay.stage_name, stay.exit_kind)
            for stay in self.env["crm.lead"].browse(lead_id).stage_history_ids
        ]

    def test_xml_rpc(self):
        def call(model, method, *args):
            return self.xmlrpc_object.execute_kw(
                self.env.cr.dbname,
                self.user.id,
                "funnel_rpc_password",
                model,
                method,
                args,
            )

        lead_id = call("crm.lead", "create", {"name": "By XML-RPC"})
        call("crm.lead", "write", [lead_id], {"stage_id": self.stages[1].id})
        self.assertEqual(
            self._names(lead_id), [("First", "advanced"), ("Second", False)]
        )
        stays = call(
            "crm.lead.stage.history",
            "search_read",
            [("lead_id", "=", lead_id)],
            ["stage_name"],
        )
        self.assertEqual([s["stage_name"] for s in stays], ["First", "Second"])

    def test_json_2(self):
        keys = self.env["res.users.apikeys"].with_user(self.user)
        key = keys.sudo()._generate("rpc", "funnel", None)

        def call(model, method, **body):
            response = self.url_open(
                f"/json/2/{model}/{method}",
                json=body,
                headers={"Authorization": f"Bearer {key}"},
            )
            response.raise_for_status()
            return response.json()

        (lead_id,) = call("crm.lead", "create", vals_list=[{"name": "By JSON-2"}])
        call("crm.lead", "write", ids=[lead_id], vals={"stage_id": self.stages[1].id})
        self.assertEqual(
            self._names(lead_id), [("First", "advanced"), ("Second", False)]
        )
        stays = call(
            "crm.lead.stage.history",
            "search_read",
            domain=[("lead_id", "=", lead_id)],
            fields=["stage_name"],
        )
        self.assertEqual([s["stage_name"] for s in stays], ["First", "Second"])
