from datetime import timedelta

from odoo.exceptions import ValidationError
from odoo.fields import Command, Datetime
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger

from .common import FunnelCase, HistoryActionCase

EMAIL = """Return-Path: <buyer@example.com>
To: sales@example.com
From: Buyer <buyer@example.com>
Message-ID: <{message_id}@example.com>
Date: Mon, 02 Mar 2026 09:00:00 +0000
Subject: A hundred chairs
Content-Type: text/plain; charset=utf-8

How much are a hundred chairs?
"""


@tagged("post_install", "-at_install")
class TestWaysToChangeADeal(HistoryActionCase):
    """Every way to change a deal writes history, in the same transaction."""

    # ------------------------------------------------------------
    # MOVES
    # ------------------------------------------------------------

    def test_batch_write(self):
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_qualified.id}),
            [("New", "advanced"), ("Qualified", None)],
        )

    def test_jump_over_a_stage(self):
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_proposition.id}),
            [("New", "advanced"), ("Proposition", None)],
        )

    def test_move_back(self):
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_new.id}),
            [("Qualified", "moved_back"), ("New", None)],
            stage_id=self.stage_qualified.id,
        )

    def test_kanban_drag(self):
        def drag(leads):
            for lead in leads.with_user(self.user_a):
                lead.web_save(
                    {"stage_id": self.stage_qualified.id}, {"display_name": {}}
                )

        self._check_action(drag, [("New", "advanced"), ("Qualified", None)], batch=20)

    def test_form(self):
        def edit(leads):
            for lead in leads.with_user(self.user_a):
                with Form(lead, "crm.crm_lead_view_form") as form:
                    form.stage_id = self.stage_qualified

        self._check_action(edit, [("New", "advanced"), ("Qualified", None)], batch=3)

    def test_form_of_a_new_deal(self):
        with (
            self.at(self.MOMENT),
            Form(self.Lead.with_user(self.user_a), "crm.crm_lead_view_form") as form,
        ):
            form.name = "By hand"
        self.assertEqual(
            self._chain(form.record, "date_entered", "user_id"),
            [("New", None, self.MOMENT, self.user_a)],
        )

    def test_assignment_field_by_field(self):
        def assign(leads):
            for lead in leads:
                lead.stage_id = self.stage_qualified

        self._check_action(assign, [("New", "advanced"), ("Qualified", None)])

    def test_to_no_stage_and_back(self):
        self._check_action(
            lambda leads: leads.write({"stage_id": False}),
            [("New", "moved_back"), (False, None)],
        )
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_new.id}),
            [("New", "moved_back"), (False, "advanced"), ("New", None)],
            prepare=lambda leads: leads.write({"stage_id": False}),
        )

    # ------------------------------------------------------------
    # NEW DEALS
    # ------------------------------------------------------------

    def test_create(self):
        self._check_action(
            lambda leads: leads.create(
                [{"name": "Created", "team_id": self.team.id} for _lead in leads]
            ),
            [("New", None)],
        )

    def test_create_in_a_later_stage(self):
        self._check_action(
            lambda leads: leads.create(
                [
                    {"name": "Late", "stage_id": self.stage_proposition.id}
                    for _lead in leads
                ]
            ),
            [("Proposition", None)],
        )

    def test_create_won(self):
        self._check_action(
            lambda leads: leads.create(
                [{"name": "Won", "stage_id": self.stage_won.id} for _lead in leads]
            ),
            [("Won", None)],
        )

    def test_create_archived(self):
        self._check_action(
            lambda leads: leads.create(
                [
                    {"name": "Frozen", "active": False, "probability": 20}
                    for _lead in leads
                ]
            ),
            [("New", "on_hold")],
        )

    def test_create_lost(self):
        self._check_action(
            lambda leads: leads.create(
                [
                    {
                        "name": "Lost",
                        "active": False,
                        "probability": 0,
                        "lost_reason_id": self.lost_reason.id,
                    }
                    for _lead in leads
                ]
            ),
            [("New", "lost")],
        )

    def test_copy(self):
        self._check_action(
            lambda leads: leads.copy(),
            [("New", None)],
            stage_id=self.stage_proposition.id,
        )

    def test_load_creates(self):
        def load(leads):
            result = leads.load(
                ["name", "stage_id", "user_id/.id", "expected_revenue"],
                [
                    [f"Loaded {number}", "Qualified", str(self.user_b.id), "12.5"]
                    for number in range(len(leads))
                ],
            )
            self.assertFalse(result["messages"])
            return leads.browse(result["ids"])

        self._check_action(load, [("Qualified", None)])

    def test_load_updates(self):
        def load(leads):
            result = leads.load(
                [".id", "stage_id"],
                [[str(lead_id), "Proposition"] for lead_id in leads.ids],
            )
            self.assertFalse(result["messages"])

        self._check_action(load, [("New", "advanced"), ("Proposition", None)])

    def test_mail_gateway(self):
        def receive(leads):
            return leads.browse(
                self.env["mail.thread"]
                .with_context(**leads.env.context)
                .message_process(
                    "crm.lead", EMAIL.format(message_id=f"funnel-{number}")
                )
                for number in range(len(leads))
            )

        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self._check_action(receive, [("New", None)], batch=5)

    def test_message_new(self):
        self._check_action(
            lambda leads: leads.browse(
                leads.message_new(
                    {"subject": "Chairs", "from": "buyer@example.com"},
                    {"team_id": self.team.id},
                ).id
                for _lead in leads
            ),
            [("New", None)],
            batch=50,
        )

    # ------------------------------------------------------------
    # CONVERSION
    # ------------------------------------------------------------

    def _convert(self, leads):
        self.env["crm.lead2opportunity.partner"].with_context(
            **leads.env.context,
            active_model="crm.lead",
            active_id=leads[:1].id,
            active_ids=leads.ids,
        ).create(
            {
                "name": "convert",
                "action": "create",
                "user_id": self.user_b.id,
                "team_id": self.team.id,
            }
        ).action_apply()

    def test_lead_to_opportunity(self):
        self._check_action(self._convert, [("New", None)], type="lead", batch=1)

    def test_lead_to_opportunity_of_another_team(self):
        self._check_action(
            self._convert,
            [("Incoming", "handed_off"), ("New", None)],
            prepare=self._give_to_other_team,
            type="lead",
            batch=1,
        )

    def test_lead_without_stage_to_opportunity(self):
        self._check_action(
            self._convert,
            [("New", "moved_back"), (False, "advanced"), ("New", None)],
            prepare=lambda leads: leads.write({"stage_id": False}),
            type="lead",
            batch=1,
        )

    def test_mass_conversion(self):
        def convert(leads):
            self.env["crm.lead2opportunity.partner.mass"].with_context(
                **leads.env.context,
                active_model="crm.lead",
                active_id=leads[:1].id,
                active_ids=leads.ids,
            ).create(
                {
                    "user_ids": [Command.set((self.user_a + self.user_b).ids)],
                    "team_id": self.team.id,
                    "deduplicate": False,
                    "force_assignment": True,
                }
            ).action_mass_convert()

        self._check_action(
            convert,
            [("Incoming", "handed_off"), ("New", None)],
            prepare=self._give_to_other_team,
            type="lead",
            batch=30,
        )

    # ------------------------------------------------------------
    # ANOTHER TEAM
    # ------------------------------------------------------------

    def _make_other_team(self):
        team = self.env["crm.team"].create(
            {"name": "Partners", "use_leads": True, "company_id": False}
        )
        user = self.env["res.users"].search([("login", "=", "funnel_all")])
        team.member_ids = user
        self.env["crm.stage"].create(
            [
                {"name": "Incoming", "sequence": 0, "team_ids": team.ids},
                {"name": "Signed", "sequence": 9, "team_ids": team.ids},
            ]
        )
        return team

    def _give_to_other_team(self, leads):
        team = self._make_other_team()
        incoming = self.env["crm.stage"].search([("name", "=", "Incoming")])
        leads.write(
            {
                "team_id": team.id,
                "user_id": team.member_ids.id,
                "stage_id": incoming.id,
            }
        )
        # where the deals begin is none of what is looked at here
        self._stays(leads)
        self.env.cr.execute(
            "DELETE FROM crm_lead_stage_history"
            " WHERE lead_id IN %s AND exit_kind IS NOT NULL",
            [leads._ids],
        )
        self.env["crm.lead.stage.summary"]._summarize(SQL("%s", leads._ids))
        self.env.invalidate_all()

    def test_team_change(self):
        self._check_action(
            lambda leads: leads.write(
                {"team_id": self.team.id, "user_id": self.user_a.id}
            ),
            [("Incoming", "handed_off"), ("New", None)],
            prepare=self._give_to_other_team,
        )

    def test_team_change_by_salesperson(self):
        """The salesperson takes the team along, the team takes the stage."""
        self._check_action(
            lambda leads: leads.write({"user_id": self.user_b.id}),
            [("Incoming", "handed_off"), ("New", None)],
            prepare=self._give_to_other_team,
        )

    def test_team_and_stage_at_once(self):
        self._check_action(
            lambda leads: leads.write(
                {
                    "team_id": self.team.id,
                    "user_id": self.user_a.id,
                    "stage_id": self.stage_proposition.id,
                }
            ),
            [("Incoming", "handed_off"), ("Proposition", None)],
            prepare=self._give_to_other_team,
        )

    def test_team_change_in_a_shared_stage(self):
        def change(leads):
            leads.write({"team_id": self._make_other_team().id, "user_id": False})

        self._check_action(change, [("New", None)])

    def test_move_after_a_team_change_is_no_hand_off(self):
        def change(leads):
            leads.write({"team_id": self._make_other_team().id, "user_id": False})

        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_qualified.id}),
            [("New", "advanced"), ("Qualified", None)],
            prepare=change,
        )

    # ------------------------------------------------------------
    # LOST, ON HOLD, RESTORED
    # ------------------------------------------------------------

    def test_lost_wizard(self):
        self._check_action(
            lambda leads: self._lose(leads, self.lost_reason), [("New", "lost")]
        )

    def test_lost_without_reason(self):
        self._check_action(lambda leads: leads.action_set_lost(), [("New", "lost")])

    def test_lost_by_one_write(self):
        self._check_action(
            lambda leads: leads.write(
                {
                    "active": False,
                    "probability": 0,
                    "lost_reason_id": self.lost_reason.id,
                }
            ),
            [("New", "lost")],
        )

    def test_moved_and_lost_at_once(self):
        self._check_action(
            lambda leads: leads.write(
                {
                    "stage_id": self.stage_qualified.id,
                    "active": False,
                    "probability": 0,
                }
            ),
            [("New", "advanced"), ("Qualified", "lost")],
        )

    def test_restore(self):
        self._check_action(
            lambda leads: leads.action_restore(),
            [("New", "lost"), ("New", None)],
            prepare=lambda leads: self._lose(leads, self.lost_reason),
        )

    def test_lost_and_restored_in_one_transaction(self):
        def lose_and_restore(leads):
            self._lose(leads, self.lost_reason)
            leads.action_restore()

        self._check_action(lose_and_restore, [("New", "lost"), ("New", None)])

    def test_lost_again(self):
        def lose_again(leads):
            leads.action_restore()
            self._lose(leads, self.other_lost_reason)

        self._check_action(
            lose_again,
            [("New", "lost"), ("New", "lost")],
            prepare=lambda leads: self._lose(leads, self.lost_reason),
        )

    def test_archive(self):
        self._check_action(lambda leads: leads.action_archive(), [("New", "on_hold")])

    def test_unarchive(self):
        self._check_action(
            lambda leads: leads.action_unarchive(),
            [("New", "on_hold"), ("New", None)],
            prepare=lambda leads: leads.action_archive(),
        )

    def test_unarchived_into_another_stage(self):
        self._check_action(
            lambda leads: leads.write(
                {"active": True, "stage_id": self.stage_qualified.id}
            ),
            [("New", "on_hold"), ("Qualified", None)],
            prepare=lambda leads: leads.action_archive(),
        )

    def test_stage_of_an_archived_deal_edited(self):
        """It stands nowhere, so it moves nowhere."""
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_qualified.id}),
            [("New", "on_hold")],
            prepare=lambda leads: leads.action_archive(),
        )

    def test_on_hold_until_a_day(self):
        """It is not lost, even with a chance of 0."""
        self._check_action(
            lambda leads: leads.write(
                {"active": False, "probability": 0, "on_hold_until": "2026-09-01"}
            ),
            [("New", "on_hold")],
        )

    def test_on_hold_then_lost(self):
        self._check_action(
            lambda leads: self._lose(leads, self.lost_reason),
            [("New", "on_hold"), ("New", "lost")],
            prepare=lambda leads: leads.action_archive(),
        )

    def test_lost_reason_corrected_later(self):
        self._check_action(
            lambda leads: leads.write({"lost_reason_id": self.other_lost_reason.id}),
            [("New", "lost")],
            prepare=lambda leads: self._lose(leads, self.lost_reason),
        )

    # ------------------------------------------------------------
    # WON
    # ------------------------------------------------------------

    def test_set_won(self):
        self._check_action(
            lambda leads: leads.action_set_won(), [("New", "advanced"), ("Won", None)]
        )

    def test_set_won_on_archived(self):
        self._check_action(
            lambda leads: leads.action_set_won(),
            [("New", "on_hold"), ("New", "advanced"), ("Won", None)],
            prepare=lambda leads: leads.action_archive(),
        )

    def test_set_won_on_lost(self):
        self._check_action(
            lambda leads: leads.action_set_won(),
            [("New", "lost"), ("New", "advanced"), ("Won", None)],
            prepare=lambda leads: self._lose(leads, self.lost_reason),
        )

    def test_lost_dragged_to_won(self):
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_won.id}),
            [("New", "lost"), ("Won", None)],
            prepare=lambda leads: self._lose(leads, self.lost_reason),
        )

    def test_archive_of_a_won_deal_changes_nothing(self):
        self._check_action(
            lambda leads: leads.action_archive(),
            [("Won", None)],
            stage_id=self.stage_won.id,
        )

    def test_unarchive_of_a_won_deal_changes_nothing(self):
        self._check_action(
            lambda leads: leads.action_unarchive(),
            [("Won", None)],
            prepare=lambda leads: leads.action_archive(),
            stage_id=self.stage_won.id,
        )

    def test_back_from_won(self):
        self._check_action(
            lambda leads: leads.write({"stage_id": self.stage_proposition.id}),
            [("Won", "moved_back"), ("Proposition", None)],
            stage_id=self.stage_won.id,
        )

    # ------------------------------------------------------------
    # SEVERAL CHANGES IN ONE TRANSACTION, AND NONE
    # ------------------------------------------------------------

    def test_two_moves_in_one_transaction(self):
        def move(leads):
            leads.write({"stage_id": self.stage_qualified.id})
            leads.write({"stage_id": self.stage_proposition.id})

        self._check_action(
            move,
            [("New", "advanced"), ("Qualified", "advanced"), ("Proposition", None)],
        )

    def test_there_and_back_in_one_transaction(self):
        def move(leads):
            leads.write({"stage_id": self.stage_qualified.id})
            leads.write({"stage_id": self.stage_new.id})

        self._check_action(
            move, [("New", "advanced"), ("Qualified", "moved_back"), ("New", None)]
        )

    def test_created_and_moved_in_one_transaction(self):
        def create_and_move(leads):
            copies = leads.copy()
            copies.stage_id = self.stage_qualified
            return copies

        self._check_action(create_and_move, [("New", "advanced"), ("Qualified", None)])

    def test_moved_by_two_users_in_one_transaction(self):
        def move(leads):
            leads.with_user(self.user_a).stage_id = self.stage_qualified
            leads.with_user(self.user_all).stage_id = self.stage_proposition

        self._check_action(
            move,
            [("New", "advanced"), ("Qualified", "advanced"), ("Proposition", None)],
        )

    def test_write_that_changes_nothing(self):
        for vals in (
            {"stage_id": self.stage_new.id},
            {"stage_id": self.stage_new.id, "active": True},
            {"name": "Another name", "expected_revenue": 5, "probability": 12},
            {"user_id": self.user_b.id},
            {"lost_reason_id": self.lost_reason.id},
        ):
            with self.subTest(vals=vals):
                self._check_nothing_written(lambda leads, vals=vals: leads.write(vals))

    def test_write_that_changes_nothing_of_an_ended_deal(self):
        for vals in (
            {"stage_id": self.stage_new.id},
            {"active": False},
            {"lost_reason_id": self.lost_reason.id},
            {"probability": 0},
            {"name": "Another name", "expected_revenue": 5},
        ):
            with self.subTest(vals=vals):
                self._check_nothing_written(
                    lambda leads, vals=vals: leads.write(vals),
                    prepare=lambda leads: self._lose(leads, self.lost_reason),
                )

    def _check_nothing_written(self, action, prepare=None):
        with self._rolled_back():
            with self.at(self.BEFORE):
                leads = self._deals(2)
                if prepare:
                    prepare(leads)
            before = self._snapshot()
            with self.at(self.MOMENT):
                action(leads)
            self.assertEqual(self._snapshot(), before)


@tagged("post_install", "-at_install")
class TestStays(FunnelCase):
    """What a stay remembers, and what becomes of it."""

    def test_what_was_so_on_entry(self):
        company = self.env["res.company"].create(
            {"name": "In euros", "currency_id": self.env.ref("base.EUR").id}
        )
        lead = self._play(
            [("2026-01-05 09:00:00", self.stage_new)], expected_revenue=100
        )
        with self.at("2026-01-06 09:00:00"):
            lead.write({"expected_revenue": 250, "user_id": self.user_b.id})
        with self.at("2026-01-07 09:00:00"):
            lead.stage_id = self.stage_qualified
        with self.at("2026-01-08 09:00:00"):
            lead.write({"company_id": company.id, "user_id": False, "team_id": False})
            lead.stage_id = self.stage_proposition
        fnames = ("expected_revenue", "user_id", "team_id", "stage_sequence")
        self.assertEqual(
            self._chain(lead, *fnames),
            [
                ("New", "advanced", 100, self.user_a, self.team, 1),
                ("Qualified", "advanced", 250, self.user_b, self.team, 2),
                (
                    "Proposition",
                    None,
                    250,
                    self.env["res.users"],
                    self.env["crm.team"],
                    3,
                ),
            ],
        )
        stays = self._stays(lead)
        self.assertEqual(stays[2].company_id, lead.company_id)
        self.assertEqual(stays[2].currency_id, lead.company_currency)
        self.assertEqual(set(stays.mapped("origin")), {"live"})

    def test_company_currency(self):
        company = self.env["res.company"].create(
            {"name": "In dinars", "currency_id": self.env.ref("base.KWD").id}
        )
        self.user_a.company_ids += company
        team = self.env["crm.team"].create({"name": "KW", "company_id": company.id})
        lead = self._deals(team_id=team.id, company_id=company.id, user_id=False)
        self.assertEqual(lead.company_id, company)
        self.assertEqual(
            self._chain(lead, "company_id", "currency_id"),
            [("New", None, company, company.currency_id)],
        )

    def test_stage_renamed_keeps_the_old_name(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.stage_new.with_context(lang="fr_FR").name = "Nouveau"
        lead = self._deals()
        self.stage_new.name = "Fresh"
        lead.stage_id = self.stage_qualified
        lead.stage_id = self.stage_new
        self.assertEqual(
            self._chain(lead),
            [("New", "advanced"), ("Qualified", "moved_back"), ("Fresh", None)],
        )
        self.assertEqual(
            self._stays(lead).with_context(lang="fr_FR").mapped("stage_name"),
            ["Nouveau", "Qualified", "Nouveau"],
        )

    def test_time_is_that_of_the_transaction_in_whole_seconds(self):
        start = Datetime.to_datetime("2026-01-05 09:00:00")
        with self.at(start + timedelta(microseconds=999_999)):
            lead = self._deals()
        self.assertEqual(self._chain(lead, "date_entered"), [("New", None, start)])

    def test_clock_running_backwards(self):
        lead = self._deals()
        entered = self._stays(lead).date_entered
        with self.at(entered - timedelta(hours=1)):
            lead.stage_id = self.stage_qualified
        with self.at(entered - timedelta(hours=2)):
            lead.action_archive()
        self.assertEqual(
            self._chain(lead, "date_entered", "date_exited"),
            [
                ("New", "advanced", entered, entered),
                ("Qualified", "on_hold", entered, entered),
            ],
        )

    def test_lost_reason_stays_when_the_deal_comes_back(self):
        lead = self._play(
            [
                ("2026-01-05 09:00:00", self.stage_new),
                ("2026-01-06 09:00:00", "lost"),
                ("2026-01-07 09:00:00", "restored"),
            ]
        )
        self.assertFalse(lead.lost_reason_id)
        self.assertEqual(
            self._chain(lead, "lost_reason_id"),
            [
                ("New", "lost", self.lost_reason),
                ("New", None, self.env["crm.lost.reason"]),
            ],
        )
        self._assert_chain_invariants(lead)

    def test_corrected_reason_keeps_the_moment(self):
        lead = self._play(
            [
                ("2026-01-05 09:00:00", self.stage_new),
                ("2026-01-06 09:00:00", "lost"),
            ]
        )
        with self.at("2026-01-09 09:00:00"):
            lead.lost_reason_id = self.other_lost_reason
        self.assertEqual(
            self._chain(lead, "date_exited", "lost_reason_id"),
            [
                (
                    "New",
                    "lost",
                    Datetime.to_datetime("2026-01-06 09:00:00"),
                    self.other_lost_reason,
                )
            ],
        )

    def test_deal_deleted_takes_its_history_along(self):
        leads = self._deals(500, {"tracking_disable": True})
        kept = self._deals()
        kept_stays = self._stays(kept)
        leads.unlink()
        self.assertEqual(self._stays(kept | leads), kept_stays)

    def test_stage_deleted_stays_readable(self):
        lead = self._play(
            [
                ("2026-01-05 09:00:00", self.stage_new),
                ("2026-01-06 09:00:00", self.stage_qualified),
                ("2026-01-07 09:00:00", self.stage_proposition),
            ]
        )
        removed_id = self.stage_qualified.id
        self.stage_qualified.unlink()
        self.assertEqual(
            self._chain(lead, "stage_ref"),
            [
                ("New", "advanced", self.stage_new.id),
                ("Qualified", "advanced", removed_id),
                ("Proposition", None, self.stage_proposition.id),
            ],
        )
        stays = self._stays(lead)
        self.assertFalse(stays[1].stage_id)
        self.assertFalse(stays[0].next_stage_id)
        with self.at("2026-01-08 09:00:00"):
            lead.stage_id = self.stage_new
        self.assertEqual(
            self._chain(lead)[2:], [("Proposition", "moved_back"), ("New", None)]
        )

    def test_owner_team_reason_deleted(self):
        lead = self._deals()
        self._lose(lead, self.lost_reason)
        lead.write({"team_id": False, "lost_reason_id": self.other_lost_reason.id})
        lead.lost_reason_id = False
        self.team.unlink()
        self.assertEqual(
            self._chain(lead, "team_id"), [("New", "lost", self.env["crm.team"])]
        )

    def test_history_of_a_deal_is_fresh(self):
        lead = self._deals()
        self.assertEqual(lead.stage_history_ids.mapped("stage_name"), ["New"])
        lead.stage_id = self.stage_qualified
        self.assertEqual(
            lead.stage_history_ids.mapped("stage_name"), ["New", "Qualified"]
        )

    def test_database_refuses_a_second_open_stay(self):
        lead = self._deals()
        stay = self._stays(lead)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "one_open_stay"),
            self.env.cr.savepoint(),
        ):
            stay.copy()

    def test_database_refuses_a_negative_stay(self):
        stay = self._stays(self._deals())
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "no_negative_stay"),
            self.env.cr.savepoint(),
        ):
            stay.write(
                {
                    "date_exited": stay.date_entered - timedelta(seconds=1),
                    "exit_kind": "lost",
                }
            )


@tagged("post_install", "-at_install")
class TestWhatOdooDoes(FunnelCase):
    """The table of what Odoo 19 does: each line is asserted of Odoo, and that the
    history survives it."""

    def _tracked(self, leads, fname="stage_id"):
        """Old and new value of each tracking row of ``fname``, as Odoo kept it."""
        self.env.flush_all()
        self.env.cr.precommit.run()
        values = self.env["mail.tracking.value"].search(
            [
                ("mail_message_id.model", "=", "crm.lead"),
                ("mail_message_id.res_id", "in", leads.ids),
                ("field_id.name", "=", fname),
            ],
            order="id",
        )
        return [(v.old_value_char, v.new_value_char) for v in values]

    def _live_on(self, context=None):
        """A deal whose creation was yesterday's transaction."""
        with self.at("2026-01-05 09:00:00"):
            lead = self._deals(context=context)
        self.assertEqual(self._tracked(lead), [])
        return lead

    def test_create_has_no_tracking_row(self):
        lead = self._live_on()
        self.assertEqual(self._tracked(lead), [])
        self.assertEqual(self._chain(lead), [("New", None)])

    def test_two_moves_in_one_transaction_are_one_tracking_row(self):
        lead = self._live_on()
        lead.stage_id = self.stage_qualified
        lead.stage_id = self.stage_proposition
        self.assertEqual(self._tracked(lead), [("New", "Proposition")])
        self.assertEqual(
            self._chain(lead),
            [("New", "advanced"), ("Qualified", "advanced"), ("Proposition", None)],
        )

    def test_there_and_back_is_no_tracking_row(self):
        lead = self._live_on()
        lead.stage_id = self.stage_qualified
        lead.stage_id = self.stage_new
        self.assertEqual(self._tracked(lead), [])
        self.assertEqual(
            self._chain(lead),
            [("New", "advanced"), ("Qualified", "moved_back"), ("New", None)],
        )

    def test_without_tracking_there_is_no_row_but_the_stage_update_moves(self):
        for key in ("tracking_disable", "mail_notrack"):
            with self.subTest(key):
                lead = self._live_on({key: True})
                with self.at("2026-01-08 10:00:00"):
                    lead.stage_id = self.stage_qualified
                self.assertEqual(self._tracked(lead), [])
                self.assertEqual(
                    lead.date_last_stage_update,
                    Datetime.to_datetime("2026-01-08 10:00:00"),
                )
                self.assertEqual(
                    self._chain(lead, "date_entered")[1:],
                    [("Qualified", None, lead.date_last_stage_update)],
                )

    def test_team_change_moves_the_stage_with_no_write_of_it(self):
        team = self.env["crm.team"].create({"name": "Partners", "company_id": False})
        (self.stage_new + self.stage_qualified).team_ids = self.team
        incoming = self.env["crm.stage"].create(
            {"name": "Incoming", "sequence": 0, "team_ids": team.ids}
        )
        lead = self._live_on()
        lead.write({"team_id": team.id, "user_id": False})
        self.assertEqual(lead.stage_id, incoming)
        self.assertEqual(
            self._chain(lead, "team_id"),
            [("New", "handed_off", self.team), ("Incoming", None, team)],
        )

    def test_merge_moves_the_messages_and_unlinks_the_loser(self):
        loser, survivor = self._live_on(), self._live_on()
        loser.stage_id = self.stage_qualified
        self.assertEqual(self._tracked(loser), [("New", "Qualified")])
        survivor.stage_id = self.stage_proposition
        self.assertEqual((loser | survivor).merge_opportunity(), survivor)
        self.assertFalse(loser.exists())
        self.assertIn(("New", "Qualified"), self._tracked(survivor))
        self.assertEqual(
            self._chain(survivor), [("New", "advanced"), ("Proposition", None)]
        )

    def test_deleted_stage_survives_in_tracking_values(self):
        lead = self._live_on()
        lead.stage_id = self.stage_qualified
        self._tracked(lead)
        lead.stage_id = self.stage_proposition
        self._tracked(lead)
        self.stage_qualified.unlink()
        self.assertIn(("New", "Qualified"), self._tracked(lead))
        self.assertEqual(
            self._chain(lead),
            [("New", "advanced"), ("Qualified", "advanced"), ("Proposition", None)],
        )

    def test_lost_keeps_the_stage(self):
        lead = self._live_on()
        with self.at("2026-01-08 10:00:00"):
            self._lose(lead, self.lost_reason)
        self.assertEqual(lead.stage_id, self.stage_new)
        self.assertFalse(lead.active)
        self.assertEqual(lead.probability, 0)
        self.assertEqual(
            self._chain(lead, "date_exited"), [("New", "lost", lead.date_closed)]
        )

    def test_archive_only_stays_pending(self):
        lead = self._live_on()
        lead.probability = 30
        with self.at("2026-01-08 10:00:00"):
            lead.action_archive()
        self.assertEqual(lead.won_status, "pending")
        self.assertEqual(
            self._chain(lead, "date_exited"), [("New", "on_hold", lead.date_closed)]
        )

    def test_unarchive_wipes_reason_and_date(self):
        lead = self._live_on()
        self._lose(lead, self.lost_reason)
        lead.action_restore()
        self.assertFalse(lead.lost_reason_id)
        self.assertEqual(
            self._chain(lead, "lost_reason_id")[0], ("New", "lost", self.lost_reason)
        )

    def test_back_from_won_clears_the_date(self):
        lead = self._live_on()
        with self.at("2026-01-08 10:00:00"):
            lead.action_set_won()
        closed = lead.date_closed
        with self.at("2026-01-09 10:00:00"):
            lead.stage_id = self.stage_proposition
        self.assertFalse(lead.date_closed)
        self.assertEqual(
            self._chain(lead, "date_entered")[1],
            ("Won", "moved_back", closed),
        )

    def test_is_won_flipped_makes_no_wins_of_today(self):
        lead = self._live_on()
        with self.at("2026-01-08 10:00:00"):
            lead.stage_id = self.stage_proposition
        with self.at("2026-02-08 10:00:00"):
            self.stage_proposition.is_won = True
        self.assertEqual(lead.won_status, "won")
        self.assertEqual(lead.date_closed, Datetime.to_datetime("2026-02-08 10:00:00"))
        self.assertEqual(
            self._chain(lead, "date_entered", "stage_is_won")[1:],
            [("Proposition", None, Datetime.to_datetime("2026-01-08 10:00:00"), True)],
        )

    def test_sale_order_confirmed_leaves_the_deal_where_it_is(self):
        lead = self._live_on()
        lead.partner_id = self.env["res.partner"].create({"name": "Buyer"})
        order = self.env["sale.order"].create(
            {"partner_id": lead.partner_id.id, "opportunity_id": lead.id}
        )
        before = self._snapshot()
        order.action_confirm()
        self.assertEqual(order.state, "sale")
        self.assertEqual(lead.stage_id, self.stage_new)
        self.assertEqual(self._snapshot(), before)


@tagged("post_install", "-at_install")
class TestWonStageFlipped(HistoryActionCase):
    """A stage becomes a won one, or ceases to be it."""

    def _flip(self, leads, is_won):
        stage = leads.stage_id.with_context(**leads.env.context)
        stage.is_won = is_won

    def test_becomes_won(self):
        self._check_action(
            lambda leads: self._flip(leads, True),
            [("Proposition", None)],
            stage_id=self.stage_proposition.id,
        )

    def test_ceases_to_be_won(self):
        self._check_action(
            lambda leads: self._flip(leads, False),
            [("Won", None)],
            stage_id=self.stage_won.id,
        )

    def test_archived_deals_when_it_becomes_won(self):
        self._check_action(
            lambda leads: self._flip(leads, True),
            [("Proposition", "on_hold")],
            prepare=lambda leads: leads.action_archive(),
            stage_id=self.stage_proposition.id,
        )

    def test_lost_deals_when_it_becomes_won(self):
        self._check_action(
            lambda leads: self._flip(leads, True),
            [("Proposition", "lost")],
            prepare=lambda leads: self._lose(leads, self.lost_reason),
            stage_id=self.stage_proposition.id,
        )

    def test_archived_won_deals_when_it_ceases_to_be_won(self):
        self._check_action(
            lambda leads: self._flip(leads, False),
            [("Won", "on_hold")],
            prepare=lambda leads: leads.action_archive(),
            stage_id=self.stage_won.id,
        )

    def test_flipped_by_mistake_and_back_leaves_the_wins_where_they_were(self):
        """Also those of archived deals: nothing was won today."""

        def flip_and_back(leads):
            self._flip(leads, False)
            self._flip(leads, True)

        self._check_action(
            flip_and_back,
            [("Won", None)],
            prepare=lambda leads: leads.action_archive(),
            stage_id=self.stage_won.id,
        )

    def test_flip_of_several_stages_at_once(self):
        with self.at(self.BEFORE):
            qualified = self._deals(2, stage_id=self.stage_qualified.id)
            proposed = self._deals(2, stage_id=self.stage_proposition.id)
        with self.at(self.MOMENT):
            (self.stage_qualified + self.stage_proposition).is_won = True
        for lead in qualified | proposed:
            self.assertEqual(
                self._chain(lead, "date_entered", "stage_is_won"),
                [(lead.stage_id.name, None, self.BEFORE, True)],
            )
        self._assert_chain_invariants(qualified | proposed)

    def test_past_stays_follow_the_stage(self):
        lead = self._play(
            [
                ("2026-01-05 09:00:00", self.stage_new),
                ("2026-01-06 09:00:00", self.stage_proposition),
                ("2026-01-07 09:00:00", self.stage_won),
            ]
        )
        self.stage_proposition.is_won = True
        self.assertEqual(
            self._chain(lead, "stage_is_won"),
            [
                ("New", "advanced", False),
                ("Proposition", "advanced", True),
                ("Won", None, True),
            ],
        )

    def test_won_deal_cannot_be_lost(self):
        """Odoo forbids it; the history of a refused change is that of none."""
        lead = self._deals(stage_id=self.stage_won.id)
        before = self._snapshot()
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            lead.action_set_lost()
        self.assertEqual(self._snapshot(), before)


@tagged("post_install", "-at_install")
class TestMerge(FunnelCase):
    """A merge counts once: earliest start, furthest stage."""

    def _merge(self, *leads, auto_unlink=True, context=None):
        together = self.Lead.union(*leads).with_context(**context or {})
        with self.at("2026-03-01 09:00:00"):
            survivor = together.merge_opportunity(auto_unlink=auto_unlink)
        self._assert_chain_invariants(survivor)
        return survivor

    def _days(self, lead):
        """Chain with the day each stay began."""
        return [
            (name, kind, f"{entered:%m-%d}")
            for name, kind, entered in self._chain(lead, "date_entered")
        ]

    def _deal(self, *moves, **values):
        return self._play(
            [(f"2026-{day} 09:00:00", what) for day, what in moves], **values
        )

    def test_survivor_is_earlier_and_further(self):
        survivor = self._deal(
            ("01-01", self.stage_new), ("01-05", self.stage_proposition)
        )
        loser = self._deal(("01-03", self.stage_new), ("01-04", self.stage_qualified))
        self.assertEqual(self._merge(loser, survivor), survivor)
        self.assertEqual(
            self._days(survivor),
            [("New", "advanced", "01-01"), ("Proposition", None, "01-05")],
        )

    def test_loser_is_earlier(self):
        survivor = self._deal(
            ("01-10", self.stage_new), ("01-15", self.stage_proposition)
        )
        loser = self._deal(("01-01", self.stage_new), ("01-04", self.stage_qualified))
        self.assertEqual(self._merge(loser, survivor), survivor)
        self.assertEqual(
            self._days(survivor),
            [
                ("New", "advanced", "01-01"),
                ("Qualified", "moved_back", "01-04"),
                ("New", "advanced", "01-10"),
                ("Proposition", None, "01-15"),
            ],
        )

    def test_loser_is_earlier_in_the_same_stage(self):
        survivor = self._deal(
            ("01-10", self.stage_new), ("01-15", self.stage_proposition)
        )
        loser = self._deal(("01-01", self.stage_new))
        self.assertEqual(self._merge(loser, survivor), survivor)
        self.assertEqual(
            self._days(survivor),
            [("New", "advanced", "01-01"), ("Proposition", None, "01-15")],
        )

    def test_loser_came_further(self):
        """It went back since, so that Odoo takes the other one for the survivor."""
        survivor = self._deal(
            ("01-02", self.stage_new), ("01-05", self.stage_qualified)
        )
        loser = self._deal(
            ("01-01", self.stage_new),
            ("01-05", self.stage_proposition),
            ("01-09", self.stage_new),
        )
        self.assertEqual(self._merge(loser, survivor), survivor)
        self.assertEqual(
            self._days(survivor),
            [
                ("New", "advanced", "01-01"),
                ("Proposition", "moved_back", "01-05"),
                ("New", "advanced", "01-09"),
                ("Qualified", None, "03-01"),
            ],
        )

    def test_lost_loser_came_further(self):
        survivor = self._deal(("01-10", self.stage_new))
        loser = self._deal(
            ("01-01", self.stage_new),
            ("01-05", self.stage_proposition),
            ("01-09", "lost"),
            type="lead",
        )
        self.assertEqual(self._merge(loser, survivor), survivor)
        self.assertEqual(
            self._days(survivor),
            [
                ("New", "advanced", "01-01"),
                ("Proposition", "lost", "01-05"),
                ("New", None, "03-01"),
            ],
        )

    def test_five_deals(self):
        deals = [
            self._deal((f"01-{10 + number}", self.stage_new)) for number in range(4)
        ]
        first = self._deal(("01-01", self.stage_qualified))
        survivor = self._merge(*deals, first)
        self.assertEqual(self._days(survivor), [("Qualified", None, "01-01")])
        self.assertEqual(len(self._stays(self.Lead.search([]))), 1)

    def test_without_unlink_the_losers_end_as_merged(self):
        survivor = self._deal(
            ("01-02", self.stage_new), ("01-05", self.stage_qualified)
        )
        loser = self._deal(("01-01", self.stage_new))
        self.assertEqual(self._merge(loser, survivor, auto_unlink=False), survivor)
        self.assertEqual(self._days(loser), [("New", "merged", "01-01")])
        self.assertEqual(
            self._days(survivor),
            [("New", "advanced", "01-01"), ("Qualified", None, "01-05")],
        )

    def test_merge_wizard(self):
        survivor = self._deal(
            ("01-02", self.stage_new), ("01-05", self.stage_qualified)
        )
        loser = self._deal(("01-01", self.stage_new))
        self.env["crm.merge.opportunity"].create(
            {
                "opportunity_ids": [Command.set((loser | survivor).ids)],
                "user_id": self.user_b.id,
                "team_id": self.team.id,
            }
        ).action_merge()
        self.assertFalse(loser.exists())
        self._assert_chain_invariants(survivor)
        self.assertEqual(
            self._days(survivor),
            [("New", "advanced", "01-01"), ("Qualified", None, "01-05")],
        )

    def test_merge_while_converting(self):
        opportunity = self._deal(
            ("01-02", self.stage_new),
            ("01-05", self.stage_qualified),
            email_from="buyer@example.com",
        )
        lead = self._deal(
            ("01-01", self.stage_new), type="lead", email_from="buyer@example.com"
        )
        wizard = (
            self.env["crm.lead2opportunity.partner"]
            .with_context(
                active_model="crm.lead", active_id=lead.id, active_ids=lead.ids
            )
            .create({"name": "merge", "duplicated_lead_ids": (lead | opportunity).ids})
        )
        wizard.action_apply()
        self.assertFalse(lead.exists())
        self._assert_chain_invariants(opportunity)
        self.assertEqual(
            self._days(opportunity),
            [("New", "advanced", "01-01"), ("Qualified", None, "01-05")],
        )

    def test_mass_conversion_with_deduplication(self):
        leads = self.Lead.union(
            *(
                self._deal(
                    (f"01-0{number}", self.stage_new),
                    type="lead",
                    email_from="buyer@example.com",
                )
                for number in (3, 1, 2)
            )
        )
        self.env["crm.lead2opportunity.partner.mass"].with_context(
            active_model="crm.lead", active_id=leads[0].id, active_ids=leads.ids
        ).create(
            {"user_ids": [Command.set(self.user_a.ids)], "team_id": self.team.id}
        ).action_mass_convert()
        survivor = leads.exists()
        self.assertEqual(len(survivor), 1)
        self._assert_chain_invariants(survivor)
        self.assertEqual(self._days(survivor), [("New", None, "01-01")])

    def test_merged_into_another_team(self):
        """Odoo puts the survivor into the first stage of the team it goes to."""
        team = self.env["crm.team"].create({"name": "Partners", "company_id": False})
        (
            self.stage_new + self.stage_qualified + self.stage_proposition
        ).team_ids = self.team
        self.env["crm.stage"].create(
            {"name": "Incoming", "sequence": 0, "team_ids": team.ids}
        )
        survivor = self._deal(
            ("01-02", self.stage_new), ("01-05", self.stage_qualified)
        )
        loser = self._deal(("01-01", self.stage_new))
        with self.at("2026-03-01 09:00:00"):
            (loser | survivor).merge_opportunity(team_id=team.id)
        self._assert_chain_invariants(survivor)
        self.assertEqual(
            self._days(survivor),
            [
                ("New", "advanced", "01-01"),
                ("Qualified", "handed_off", "01-05"),
                ("Incoming", None, "03-01"),
            ],
        )

    def test_under_tracking_disable_and_rolled_back(self):
        survivor = self._deal(
            ("01-02", self.stage_new), ("01-05", self.stage_qualified)
        )
        loser = self._deal(("01-01", self.stage_new))
        before = self._snapshot()
        for context in ({"tracking_disable": True}, {"mail_notrack": True}):
            with self.subTest(**context):
                savepoint = self.env.cr.savepoint()
                self._merge(loser, survivor, context=context)
                self.assertEqual(
                    self._days(survivor),
                    [("New", "advanced", "01-01"), ("Qualified", None, "01-05")],
                )
                savepoint.close(rollback=True)
                self.assertEqual(self._snapshot(), before)
