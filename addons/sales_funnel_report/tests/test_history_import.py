import base64
import datetime
import doctest
import io
import random
from contextlib import contextmanager
from itertools import pairwise

import openpyxl
import pytz

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..history_import import chains, reading
from ..history_import.chains import Event, Stay
from .common import FunnelCase

NOW = "2026-03-10 12:00:00"
HEADER = "deal,stage,date_entered,outcome,lost_reason,amount,salesperson"

FILE = f"""{HEADER}
Desks,New,2026-01-01 09:00:00,,,100,funnel_a
Desks,Qualified,2026-01-03 09:00:00,,,100,funnel_a
Desks,Proposition,2026-01-06 09:00:00,,,120,funnel_b
Desks,Won,2026-01-10 09:00:00,,,130,funnel_b
Lamps,New,2026-01-02 09:00:00,,,200,
Lamps,Proposition,2026-01-05 09:00:00,,,200,
Lamps,,2026-01-08 09:00:00,lost,Bought elsewhere,200,
Chairs,New,2026-01-03 09:00:00,,,300,
Chairs,Qualified,2026-01-04 09:00:00,,,300,
Chairs,New,2026-01-06 09:00:00,,,300,
Chairs,New,2026-01-06 10:00:00,,,350,
Shelves,New,2026-01-05 09:00:00,,,400,
Shelves,Qualified,2026-01-09 09:00:00,,,400,
Shelves,,2026-01-12 09:00:00,on_hold,,400,
"""


class ImportCase(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lost_reason.name = "Bought elsewhere"
        cls.Import = cls.env["crm.lead.stage.history.import"].with_user(
            cls.user_manager
        )

    def _wizard(self, content, **values):
        if isinstance(content, str):
            content = content.encode()
        return self.Import.create(
            {
                "file": base64.b64encode(content),
                "filename": "history.csv",
                "tz": "UTC",
                "create_deals": True,
                **values,
            }
        )

    def _import(self, content, moment=NOW, **values):
        with self.at(moment):
            wizard = self._wizard(content, **values)
            wizard.action_import()
        return wizard

    def _rows(self, *rows):
        """A file of ``rows``, and its seven columns."""
        lines = [row + "," * (6 - row.count(",")) for row in rows]
        return "\n".join([HEADER, *lines])

    def _assert_refused(self, content, *messages, error=ValidationError, **values):
        """Assert that the import fails with ``messages`` and leaves nothing."""
        before = self._everything()
        with self.assertRaises(error) as refusal:
            self._import(content, **values)
        for message in messages:
            self.assertIn(message, str(refusal.exception))
        self.assertEqual(self._everything(), before)

    def _everything(self):
        stages = self.env["crm.stage"].search([])
        reasons = self.env["crm.lost.reason"].search([])
        leads = self.Lead.with_context(active_test=False).search([], order="id")
        return (
            self._snapshot(),
            [(stage.name, stage.sequence, stage.is_won) for stage in stages],
            reasons.ids,
            [
                (
                    lead.id,
                    lead.stage_id.id,
                    lead.active,
                    lead.probability,
                    lead.expected_revenue,
                    lead.user_id.id,
                    lead.date_closed,
                    lead.date_last_stage_update,
                    lead.write_date,
                )
                for lead in leads
            ],
        )

    def _lead(self, name):
        return self.Lead.with_context(active_test=False).search([("name", "=", name)])

    @contextmanager
    def _rolled_back(self):
        savepoint = self.env.cr.savepoint()
        try:
            yield
        finally:
            savepoint.close(rollback=True)

    def _moments(self, lead):
        return [
            (stay.stage_name, str(stay.date_entered), str(stay.date_exited or ""))
            for stay in self._stays(lead)
        ]


@tagged("post_install", "-at_install")
class TestHistoryImport(ImportCase):
    # ------------------------------------------------------------
    # Deals that are made
    # ------------------------------------------------------------

    def test_deals_are_made_with_exactly_the_history_of_the_file(self):
        wizard = self._import(FILE)
        self.assertEqual(wizard.state, "done")
        self.assertIn("4 deals created", wizard.result)
        desks, lamps, chairs, shelves = leads = [
            self._lead(name) for name in ("Desks", "Lamps", "Chairs", "Shelves")
        ]
        self.assertEqual(
            self._chain(desks, "expected_revenue", "user_id", "origin"),
            [
                ("New", "advanced", 100, self.user_a, "import"),
                ("Qualified", "advanced", 100, self.user_a, "import"),
                ("Proposition", "advanced", 120, self.user_b, "import"),
                ("Won", None, 130, self.user_b, "import"),
            ],
        )
        self.assertEqual(
            self._moments(desks),
            [
                ("New", "2026-01-01 09:00:00", "2026-01-03 09:00:00"),
                ("Qualified", "2026-01-03 09:00:00", "2026-01-06 09:00:00"),
                ("Proposition", "2026-01-06 09:00:00", "2026-01-10 09:00:00"),
                ("Won", "2026-01-10 09:00:00", ""),
            ],
        )
        self.assertEqual(
            self._chain(lamps, "lost_reason_id"),
            [
                ("New", "advanced", self.env["crm.lost.reason"]),
                ("Proposition", "lost", self.lost_reason),
            ],
        )
        self.assertEqual(
            self._chain(chairs),
            [("New", "advanced"), ("Qualified", "moved_back"), ("New", None)],
        )
        self.assertEqual(
            self._chain(shelves), [("New", "advanced"), ("Qualified", "on_hold")]
        )
        for lead in leads:
            self._assert_chain_invariants(lead)

    def test_made_deals_are_what_their_history_ends_with(self):
        self._import(FILE)
        desks, lamps, chairs, shelves = (
            self._lead(name) for name in ("Desks", "Lamps", "Chairs", "Shelves")
        )
        self.assertEqual(
            [lead.won_status for lead in (desks, lamps, chairs, shelves)],
            ["won", "lost", "pending", "pending"],
        )
        self.assertEqual(
            [lead.active for lead in (desks, lamps, chairs, shelves)],
            [True, False, True, False],
        )
        self.assertEqual(
            [str(lead.date_closed or "") for lead in (desks, lamps, chairs, shelves)],
            ["2026-01-10 09:00:00", "2026-01-08 09:00:00", "", "2026-01-12 09:00:00"],
        )
        self.assertEqual(lamps.lost_reason_id, self.lost_reason)
        self.assertEqual(desks.user_id, self.user_b)
        self.assertEqual(desks.company_id, self.env.company)
        self.assertEqual(str(desks.create_date), "2026-01-01 09:00:00")
        self.assertEqual(desks.day_close, 9)
        # said by a row that is no new stay
        self.assertEqual(chairs.expected_revenue, 350)
        self.assertEqual(
            str(chairs.date_last_stage_update),
            "2026-01-06 09:00:00",
        )

    def test_the_recorder_finds_nothing_to_add(self):
        self._import(FILE)
        before = self._snapshot()
        leads = self.Lead.with_context(active_test=False).search([])
        self.History._record(leads)
        leads.write({"priority": "1"})
        self.assertEqual(self._snapshot(), before)

    def test_life_goes_on_after_the_import(self):
        self._import(FILE)
        chairs, shelves = self._lead("Chairs"), self._lead("Shelves")
        with self.at("2026-03-11 08:00:00"):
            chairs.stage_id = self.stage_won
            shelves.action_unarchive()
        self.assertEqual(
            self._chain(chairs, "origin")[-2:],
            [("New", "advanced", "import"), ("Won", None, "live")],
        )
        self.assertEqual(
            self._chain(shelves)[-2:], [("Qualified", "on_hold"), ("Qualified", None)]
        )

    def test_nobody_is_told(self):
        messages = self.env["mail.message"].search_count([])
        self._import(FILE)
        self.assertEqual(self.env["mail.message"].search_count([]), messages)
        self.assertFalse(self._lead("Desks").message_follower_ids)

    # ------------------------------------------------------------
    # Again, and in any order
    # ------------------------------------------------------------

    def test_importing_again_changes_nothing(self):
        self._import(FILE)
        before = self._everything()
        wizard = self._import(FILE, "2026-03-11 12:00:00")
        self.assertIn("4 deals as they were", wizard.result)
        self.assertEqual(self._everything(), before)

    def test_rows_in_any_order_give_the_same(self):
        header, *rows = FILE.splitlines()
        # the same second, the same moment, the same move told twice
        rows += [
            "Table,Qualified,2026-01-02 09:00:00.700,,,10,",
            "Table,New,2026-01-02 09:00:00.100,,,10,",
            "Table,Survey,2026-01-02 09:00:00.900,,,10,",
            "Vases,Proposition,2026-01-02 09:00:00,,,10,",
            "Vases,New,2026-01-02 09:00:00,,,10,",
            "Vases,Offer,2026-01-02 09:00:00,,,10,",
            "Vases,New,2026-01-02 09:00:00,,,20,funnel_a",
            "Vases,,2026-01-02 09:00:00,lost,Too late,10,",
        ]
        results = []
        for seed in range(4):
            random.Random(seed).shuffle(rows)
            with self._rolled_back():
                self._import("\n".join([header, *rows]), create_stages=True)
                leads = self.Lead.with_context(active_test=False).search([])
                results.append(
                    sorted(
                        (
                            lead.name,
                            lead.expected_revenue,
                            lead.user_id.id,
                            self._chain(lead, "expected_revenue", "user_id"),
                            self._moments(lead),
                        )
                        for lead in leads
                    )
                )
                stages = self.env["crm.stage"].search([])
                results[-1].append(stages.mapped("name"))
        for result in results[1:]:
            self.assertEqual(result, results[0])
        self.assertEqual(
            results[0][-1],
            ["New", "Qualified", "Proposition", "Offer", "Survey", "Won"],
        )
        stays = {name: chain for name, _amount, _user, chain, _m in results[0][:-1]}
        self.assertEqual(
            [stay[:2] for stay in stays["Table"]],
            [("New", "advanced"), ("Qualified", "advanced"), ("Survey", None)],
        )
        self.assertEqual(
            [stay[:2] for stay in stays["Vases"]],
            [("New", "advanced"), ("Proposition", "advanced"), ("Offer", "lost")],
        )

    def test_a_file_in_parts_gives_the_same(self):
        header, *rows = FILE.splitlines()
        for part in (rows[1::2], rows[::2]):
            self._import("\n".join([header, *part]))
        self.assertEqual(
            self._chain(self._lead("Desks")),
            [
                ("New", "advanced"),
                ("Qualified", "advanced"),
                ("Proposition", "advanced"),
                ("Won", None),
            ],
        )
        self.assertEqual(
            self._chain(self._lead("Lamps")),
            [("New", "advanced"), ("Proposition", "lost")],
        )
        for name in ("Desks", "Lamps", "Chairs", "Shelves"):
            self._assert_chain_invariants(self._lead(name))
        # a repetition leaves no trace, so a move between two of them comes later
        chairs = self._lead("Chairs")
        self.assertEqual(str(self._stays(chairs)[-1].date_entered)[11:], "10:00:00")
        self._import(FILE)
        self.assertEqual(str(self._stays(chairs)[-1].date_entered)[11:], "09:00:00")
        before = self._everything()
        self._import(FILE)
        self.assertEqual(self._everything(), before)

    def test_a_longer_file_goes_on(self):
        self._import(FILE)
        more = FILE + "Chairs,Won,2026-01-20 09:00:00,,,360,funnel_a\n"
        wizard = self._import(more)
        self.assertIn("1 deals with new history", wizard.result)
        chairs = self._lead("Chairs")
        self.assertEqual(self._chain(chairs)[-2:], [("New", "advanced"), ("Won", None)])
        self.assertEqual(chairs.won_status, "won")
        self.assertEqual(chairs.expected_revenue, 360)
        self.assertEqual(chairs.user_id, self.user_a)
        self.assertEqual(str(chairs.date_closed), "2026-01-20 09:00:00")
        self._assert_chain_invariants(chairs)

    # ------------------------------------------------------------
    # Deals that were there
    # ------------------------------------------------------------

    def test_dates_before_the_creation_move_the_start(self):
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(name="Desks")
        self._import(self._rows("Desks,New,2026-01-01 09:00:00"))
        self.assertEqual(
            self._moments(lead),
            [("New", "2026-01-01 09:00:00", "")],
        )
        self.assertEqual(lead.stage_id, self.stage_new)

    def test_what_odoo_recorded_later_stays(self):
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(name="Desks", expected_revenue=500)
        with self.at("2026-03-02 09:00:00"):
            lead.stage_id = self.stage_proposition
        self._import(
            self._rows(
                "Desks,Qualified,2026-01-01 09:00:00,,,40",
                "Desks,,2026-01-05 09:00:00,lost,Too late,50",
            )
        )
        self.assertEqual(
            self._chain(lead, "origin", "expected_revenue"),
            [
                ("Qualified", "lost", "import", 40),
                ("New", "advanced", "live", 500),
                ("Proposition", None, "live", 500),
            ],
        )
        self.assertEqual(lead.stage_id, self.stage_proposition)
        self.assertEqual(lead.expected_revenue, 500)
        self._assert_chain_invariants(lead)

    def test_rows_between_recorded_stays(self):
        lead = self._play(
            [
                ("2026-03-01 09:00:00", self.stage_new),
                ("2026-03-05 09:00:00", self.stage_proposition),
            ],
            name="Desks",
        )
        self._import(self._rows("Desks,Qualified,2026-03-03 09:00:00"))
        self.assertEqual(
            self._chain(lead, "next_stage_id"),
            [
                ("New", "advanced", self.stage_qualified),
                ("Qualified", "advanced", self.stage_proposition),
                ("Proposition", None, self.env["crm.stage"]),
            ],
        )
        self._assert_chain_invariants(lead)

    def test_later_rows_move_the_deal(self):
        cases = (
            ("Desks,Won,2026-03-05 09:00:00", "won", True, None),
            ("Desks,Qualified,2026-03-05 09:00:00", "pending", True, None),
            ("Desks,,2026-03-05 09:00:00,lost,Too late", "lost", False, "lost"),
            ("Desks,,2026-03-05 09:00:00,on_hold", "pending", False, "on_hold"),
            ("Desks,Qualified,2026-03-05 09:00:00,lost", "lost", False, "lost"),
        )
        for row, won_status, active, exit_kind in cases:
            for ended in (False, True):
                with self.subTest(row=row, ended=ended), self._rolled_back():
                    with self.at("2026-03-01 09:00:00"):
                        lead = self._deals(name="Desks")
                    if ended:
                        with self.at("2026-03-02 09:00:00"):
                            self._lose(lead, self.other_lost_reason)
                    self._import(self._rows(row))
                    self.assertEqual(lead.won_status, won_status)
                    self.assertEqual(lead.active, active)
                    self.assertEqual(self._chain(lead)[-1][1], exit_kind)
                    if ended and exit_kind == "lost" and "Qualified" not in row:
                        continue
                    self._assert_chain_invariants(lead)

    def test_a_deal_on_hold_until_a_day_is_lost_for_good(self):
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(name="Desks")
            lead.write({"active": False, "on_hold_until": "2026-06-01"})
        self._import(self._rows("Desks,,2026-03-05 09:00:00,lost,Too late"))
        self.assertEqual(lead.won_status, "lost")
        self.assertFalse(lead.on_hold_until)
        self.assertEqual(
            self._chain(lead, "lost_reason_id"),
            [
                ("New", "on_hold", self.env["crm.lost.reason"]),
                ("New", "lost", self.other_lost_reason),
            ],
        )
        self._assert_chain_invariants(lead)

    def test_a_deal_loaded_as_lost_was_lost_when_the_file_says(self):
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(
                name="Desks",
                active=False,
                probability=0,
                lost_reason_id=self.lost_reason.id,
            )
        self._import(
            self._rows(
                "Desks,New,2026-01-01 09:00:00",
                "Desks,,2026-01-05 09:00:00,lost,Bought elsewhere",
            )
        )
        self.assertEqual(
            self._moments(lead),
            [("New", "2026-01-01 09:00:00", "2026-01-05 09:00:00")],
        )
        self.assertEqual(str(lead.date_closed), "2026-01-05 09:00:00")
        self._assert_chain_invariants(lead)

    def test_a_won_deal_stays_won_when_put_on_hold(self):
        self._import(
            self._rows(
                "Desks,Won,2026-01-01 09:00:00", "Desks,,2026-01-05 09:00:00,on_hold"
            )
        )
        self.assertEqual(self._chain(self._lead("Desks")), [("Won", None)])

    def test_deal_by_external_id(self):
        with self.at("2026-03-01 09:00:00"):
            leads = self._deals(2, name="Desks")
        self.env["ir.model.data"].create(
            {
                "module": "old_crm",
                "name": "deal.7",
                "model": "crm.lead",
                "res_id": leads[1].id,
            }
        )
        self._import(self._rows("old_crm.deal.7,New,2026-01-01 09:00:00"))
        self.assertEqual(str(self._stays(leads[1]).date_entered), "2026-01-01 09:00:00")
        self.assertEqual(str(self._stays(leads[0]).date_entered), "2026-03-01 09:00:00")

    def test_hand_off_of_a_known_stay_is_kept(self):
        team = self.env["crm.team"].create({"name": "Key Accounts"})
        self.stage_qualified.team_ids = self.team
        key_stage = self.env["crm.stage"].create(
            {"name": "Key", "sequence": 1, "team_ids": team.ids}
        )
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(name="Desks", stage_id=self.stage_qualified.id)
        with self.at("2026-03-02 09:00:00"):
            lead.write({"team_id": team.id, "stage_id": key_stage.id})
        self.assertEqual(self._chain(lead)[0], ("Qualified", "handed_off"))
        self._import(self._rows("Desks,New,2026-01-01 09:00:00"))
        self.assertEqual(
            self._chain(lead),
            [("New", "advanced"), ("Qualified", "handed_off"), ("Key", None)],
        )

    def test_stage_of_the_team(self):
        team = self.env["crm.team"].create({"name": "Key Accounts"})
        theirs, ours = self.env["crm.stage"].create(
            [
                {"name": "Visit", "sequence": 2, "team_ids": team.ids},
                {"name": "Visit", "sequence": 2, "team_ids": self.team.ids},
            ]
        )
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(name="Desks")
        self._import(self._rows("Desks,visit,2026-03-02 09:00:00"))
        self.assertEqual(self._stays(lead)[-1].stage_id, ours)
        self._assert_refused(
            self._rows("Lamps,Visit,2026-03-02 09:00:00"),
            "Line 2, column stage: “Visit”: several stages have this name",
        )
        self.assertTrue(theirs)

    # ------------------------------------------------------------
    # Check first
    # ------------------------------------------------------------

    def test_check_shows_what_would_happen_and_changes_nothing(self):
        with self.at("2026-03-01 09:00:00"):
            self._deals(name="Chairs")
        content = FILE + (
            "Vases,Demo,2025-12-02 09:00:00,,,1,\n"
            "Vases,Audit,2025-12-01 09:00:00,,,1,112\n"
            "Vases,,2025-12-03 09:00:00,lost,Forgotten,1,\n"
        )
        before = self._everything()
        with self.at(NOW):
            wizard = self._wizard(content)
            wizard.action_check()
        self.assertEqual(wizard.state, "checked")
        self.assertFalse(wizard.problems)
        self.assertEqual(
            (wizard.row_count, wizard.deal_count, wizard.new_deal_count), (17, 1, 4)
        )
        self.assertEqual(wizard.changed_deal_count, 1)
        self.assertEqual(wizard.stage_ids.sorted().mapped("name"), ["Audit", "Demo"])
        self.assertEqual(wizard.new_lost_reasons, "Forgotten")
        self.assertEqual(wizard.unknown_salespeople, "112")
        self.assertEqual(self._everything(), before)

    def test_unknown_names_are_made_when_ticked(self):
        content = self._rows(
            "Vases,Demo,2025-12-02 09:00:00,,,1,112",
            "Vases,Audit,2025-12-01 09:00:00,,,1",
            "Vases,Signed,2025-12-03 09:00:00,,,1",
            "Bowls,Audit,2025-12-03 09:00:00,lost,Forgotten",
        )
        ticks = {
            "create_deals": "no such deal",
            "create_stages": "no such stage",
            "create_lost_reasons": "no such lost reason",
            "skip_salespeople": "no user has this login",
        }
        for tick, message in ticks.items():
            values = {**dict.fromkeys(ticks, True), tick: False}
            self._assert_refused(content, message, **values)
        with self.at(NOW):
            wizard = self._wizard(content, **dict.fromkeys(ticks, True))
            wizard.action_check()
            wizard.stage_ids.filtered(lambda s: s.name == "Signed").is_won = True
            wizard.action_import()
        stages = self.env["crm.stage"].search([])
        self.assertEqual(
            stages.mapped("name"),
            ["New", "Qualified", "Proposition", "Audit", "Demo", "Won", "Signed"],
        )
        self.assertEqual(
            stages.filtered("is_won").mapped("name"),
            ["Won", "Signed"],
        )
        vases, bowls = self._lead("Vases"), self._lead("Bowls")
        self.assertEqual(
            self._chain(vases),
            [("Audit", "advanced"), ("Demo", "advanced"), ("Signed", None)],
        )
        self.assertEqual(vases.won_status, "won")
        self.assertFalse(self._stays(vases).user_id)
        self.assertEqual(bowls.lost_reason_id.name, "Forgotten")
        self._assert_chain_invariants(vases | bowls)

    def test_many_new_stages_fit_before_the_won_one(self):
        self.stage_won.sequence = 4
        names = [f"Step {number:02}" for number in range(12)]
        self._import(
            self._rows(
                *(f"Vases,{name},2026-01-{day:02}" for day, name in enumerate(names, 1))
            ),
            create_stages=True,
        )
        self.assertEqual(
            self.env["crm.stage"].search([]).mapped("name"),
            ["New", "Qualified", "Proposition", *names, "Won"],
        )

    def test_another_file_has_to_be_checked_again(self):
        with self.at(NOW):
            wizard = self._wizard(FILE)
            wizard.action_check()
        with Form(wizard) as form:
            form.tz = "Europe/Brussels"
        self.assertEqual(wizard.state, "draft")

    # ------------------------------------------------------------
    # What is wrong
    # ------------------------------------------------------------

    def test_errors_name_line_column_and_reason(self):
        cases = {
            "Desks,New,31.31.2026": "Line 3, column date_entered: “31.31.2026”: this "
            "is no date",
            "Desks,New,": "Line 3, column date_entered: the date is missing",
            "Desks,New,2026-03-11 09:00:00": "Line 3, column date_entered: “2026-03-11 "
            "09:00:00”: this date is in the future",
            "Desks,,2026-01-02": "Line 3, column stage: there is neither",
            ",New,2026-01-02": "Line 3, column deal: the deal is missing",
            "Desks,,2026-01-02,won": "Line 3, column outcome: “won”: this is no outcome",
            "Desks,New,2026-01-02,,Too late": "Line 3, column lost_reason: “Too late”: "
            "only a lost deal",
            "Desks,,2026-01-02,on_hold,Too late": "column lost_reason: “Too late”: only",
            "Desks,New,2026-01-02,,,a lot": "Line 3, column amount: “a lot”: this is no "
            "amount",
            "Desks,New,2026-01-02,,,NaN": "Line 3, column amount: “NaN”",
            "Desks,New,2026-01-02,,,1e400": "Line 3, column amount: “1e400”",
            "Desks,New,2026-01-02,,,1,5,funnel_a": "Line 3: there are more cells",
            "#N/A,New,2026-01-02": "Line 3, column deal: “#N/A”: the formula",
            "Desks,Old,2026-01-02": "Line 3, column stage: “Old”: there is no such",
            "Desks,New,2026-01-02,,,,Zoe": "Line 3, column salesperson: “Zoe”: no user",
            "Lamps,,2026-01-02,lost": "Line 3, column outcome: the deal had not entered",
            "Desks,,2026-01-02,lost": "Line 3, column outcome: the deal was won then",
        }
        for row, message in cases.items():
            with self.subTest(row=row):
                first = "Desks,Won,2026-01-01 09:00:00"
                self._assert_refused(self._rows(first, row), message)

    def test_one_bad_line_leaves_nothing(self):
        content = FILE + (
            "Vases,Demo,2025-12-02 09:00:00,lost,Forgotten,1,\n"
            "Vases,,yesterday,lost,,1,\n"
        )
        self._assert_refused(
            content,
            "Nothing was imported",
            "Line 17, column date_entered: “yesterday”",
            create_stages=True,
            create_lost_reasons=True,
        )

    def test_a_failure_while_writing_leaves_nothing(self):
        # a stage that Odoo refuses when the deals have been planned
        before = self._everything()
        self.env["ir.model.access"].search(
            [("model_id.model", "=", "crm.stage"), ("perm_create", "=", True)]
        ).perm_create = False
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self._import(
                FILE + "Vases,Demo,2025-12-02 09:00:00,lost,Forgotten,1,\n",
                create_stages=True,
                create_lost_reasons=True,
            )
        self.assertEqual(self._everything(), before)

    def test_the_first_hundred_errors(self):
        content = self._rows(*["Desks,New,never"] * 130)
        with self.at(NOW):
            wizard = self._wizard(content)
            wizard.action_check()
        lines = wizard.problems.splitlines()
        self.assertEqual(len(lines), 101)
        self.assertTrue(lines[99].startswith("Line 101,"))
        self.assertIn("30 more", lines[100])
        self.assertEqual(wizard.row_count, 130)

    def test_two_deals_of_one_name(self):
        with self.at("2026-03-01 09:00:00"):
            self._deals(2, name="Desks")
        self._assert_refused(
            self._rows("Desks,New,2026-01-02"),
            "Line 2, column deal: “Desks”: several deals have this name",
        )

    def test_files_that_cannot_be_read(self):
        cases = {
            b"": "Choose a file",
            b"   \n": "The file is empty",
            HEADER.encode(): "The file is empty",
            b"deal,stage\nDesks,New": "columns are missing: date_entered",
            b"deal,stage,date_entered,Stage\nDesks,New,2026-01-01,": "there twice",
            b"PK\x03\x04 no zip file": "cannot be read",
            b"\xff\xfea": "letters of the file",
        }
        for content, message in cases.items():
            with self.subTest(content=content):
                self._assert_refused(content, message, error=UserError)

    # ------------------------------------------------------------
    # Who may
    # ------------------------------------------------------------

    def test_only_managers(self):
        for user in (self.user_a, self.user_all):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.Import.with_user(user).create({})
        menu = self.env.ref("sales_funnel_report.crm_lead_stage_history_import_menu")
        for user, is_shown in ((self.user_manager, True), (self.user_all, False)):
            self.assertEqual(
                menu.id in menu.with_user(user)._visible_menu_ids(), is_shown
            )

    def test_deals_of_another_company_are_out_of_reach(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        with self.at("2026-03-01 09:00:00"):
            lead = self._deals(
                name="Desks", company_id=company.id, user_id=False, team_id=False
            )
            lead.company_id = company
        self.env["ir.model.data"].create(
            {"module": "x", "name": "y", "model": "crm.lead", "res_id": lead.id}
        )
        rows = self._rows("Desks,New,2026-01-02", "x.y,New,2026-01-02")
        self._assert_refused(
            rows,
            "Line 2, column deal: “Desks”: there is no such deal",
            "Line 3, column deal: “x.y”: there is no such deal",
            create_deals=False,
        )
        before = self._chain(lead, "date_entered")
        self._import(rows)
        self.assertEqual(self._chain(lead, "date_entered"), before)
        self.assertEqual(
            (self._lead("Desks") - lead).company_id, self.user_manager.company_id
        )

    def test_salesperson_of_another_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.user_manager.company_ids += company
        new_test_user(
            self.env,
            login="elsewhere",
            groups="sales_team.group_sale_salesman",
            company_id=company.id,
            company_ids=company.ids,
        )
        self.Import = self.Import.with_context(
            allowed_company_ids=[self.env.company.id, company.id]
        )
        self._assert_refused(
            self._rows("Desks,New,2026-01-02,,,,elsewhere"),
            "Line 2, column salesperson: “elsewhere”: this user does not work",
        )

    def test_salesperson_by_login_mail_or_name_even_who_left(self):
        self.user_a.email = "ada@example.com"
        self.user_b.active = False
        self._import(
            self._rows(
                "Desks,New,2026-01-01,,,,FUNNEL_A",
                "Desks,Qualified,2026-01-02,,,,ada@example.com",
                "Desks,Proposition,2026-01-03,,,,Ben",
            )
        )
        self.assertEqual(
            self._stays(self._lead("Desks")).mapped("user_id.id"),
            [self.user_a.id, self.user_b.id],
        )

    # ------------------------------------------------------------
    # Kinds of files
    # ------------------------------------------------------------

    def test_xlsx(self):
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(
            ["Deal", "STAGE", "Date entered", "Outcome", "Lost Reason", "Amount"]
        )
        sheet.append(
            [173688.0, "New", datetime.datetime(2026, 1, 1, 9, 30), None, None, 20000]
        )
        sheet.append([])
        sheet.append([173688, "Qualified", datetime.date(2026, 1, 2), "", "", 20000.5])
        sheet.append(["173688", None, "2026-01-03 09:00:00+01:00", "Lost", None, None])
        stream = io.BytesIO()
        book.save(stream)
        self._import(stream.getvalue(), tz="Europe/Amsterdam")
        lead = self._lead("173688")
        self.assertEqual(
            self._moments(lead),
            [
                ("New", "2026-01-01 08:30:00", "2026-01-01 23:00:00"),
                ("Qualified", "2026-01-01 23:00:00", "2026-01-03 08:00:00"),
            ],
        )
        self.assertEqual(lead.expected_revenue, 20000.5)
        sheet.append([])
        sheet.append([1, "New", 46000])
        stream = io.BytesIO()
        book.save(stream)
        # the empty rows count
        self._assert_refused(
            stream.getvalue(), "Line 7, column Date entered: “46000”: this is no date"
        )

    def test_separators_encodings_and_headers(self):
        row = "Möbel{0}New{0}2026-01-01 09:00:00{0}1234.50"
        for separator in ",;\t|":
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
                header = separator.join(["DEAL", " Stage", "date-entered", "amount "])
                content = f"{header}\r\n{row.format(separator)}\r\n"
                with (
                    self.subTest(separator=separator, encoding=encoding),
                    self._rolled_back(),
                ):
                    self._import(content.encode(encoding))
                    lead = self._lead("Möbel")
                    self.assertEqual(self._chain(lead), [("New", None)])
                    self.assertEqual(lead.expected_revenue, 1234.5)

    def test_language_of_the_user(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.user_manager.lang = "de_DE"
        self.Import = self.Import.with_context(lang="de_DE")
        self._import(
            "deal;stage;date_entered;amount\n"
            "Desks;New;31.01.2026 09:00:00;1.234,50\n"
            "Lamps;New;01.02.2026;20.000\n"
        )
        self.assertEqual(
            str(self._stays(self._lead("Desks")).date_entered)[:10], "2026-01-31"
        )
        self.assertEqual(self._lead("Desks").expected_revenue, 1234.5)
        self.assertEqual(self._lead("Lamps").expected_revenue, 20000)

    def test_lines_after_a_cell_of_several_lines(self):
        self._assert_refused(
            f'{HEADER}\n"Desks\nand lamps",New,2026-01-01,,,,\n\nLamps,New,never,,,,\n',
            "Line 5, column date_entered: “never”",
        )


@tagged("post_install", "-at_install")
class TestReading(TransactionCase):
    def test_examples_in_the_documentation(self):
        for module in (reading, chains):
            failed, tried = doctest.testmod(module)
            self.assertTrue(tried)
            self.assertFalse(failed)

    def test_moments(self):
        amsterdam = reading.Locale(zone=pytz.timezone("Europe/Amsterdam"))
        cases = {
            "2011-10-01T00:38:44.546+02:00": "2011-09-30 22:38:44.546000",
            "2011-10-01 00:38:44Z": "2011-10-01 00:38:44",
            "2011-10-01 00:38 UTC": "2011-10-01 00:38:00",
            "2011-10-01 00:38:44+0530": "2011-09-30 19:08:44",
            "2011-10-01 00:38:44-03": "2011-10-01 03:38:44",
            "2011-07-01": "2011-06-30 22:00:00",
            "2011-12-01 12:00": "2011-12-01 11:00:00",
            # the hour that is shown twice, and the one that is left out
            "2011-10-30 02:30:00": "2011-10-30 00:30:00",
            "2011-03-27 02:30:00": "2011-03-27 00:30:00",
            "2011-10-01 00:38:44+99:00": None,
            "2011-13-01": None,
            "0001-01-01": None,
            "9999-12-31 23:59:59-12:00": None,
            "46000": None,
            "": None,
        }
        for text, expected in cases.items():
            moment = reading.parse_moment(text, amsterdam)
            self.assertEqual(moment and str(moment), expected, text)
        for value in (46000, 46000.5, True, None):
            self.assertIsNone(reading.parse_moment(value, amsterdam))

    def test_too_many_rows(self):
        content = b"deal,stage,date_entered\n" + b"a,b,2011-01-01\n" * (
            reading.MAX_ROWS + 1
        )
        with self.assertRaises(reading.FileError) as refusal:
            reading.read(content, reading.Locale(), datetime.datetime(2026, 1, 1))
        self.assertEqual(refusal.exception.reason, "too_many_rows")

    def test_known_events_stay_as_they_are_whatever_is_told(self):
        """Random files over random chains: told again, they change nothing, and
        the moments of the file are in the chain."""
        for seed in range(3_000):
            chance = random.Random(seed)
            first, second = (self._random_events(chance) for _file in range(2))
            defaults = Stay(0, datetime.datetime(2026, 1, 1))
            chain = []
            for told in (first, second):
                try:
                    new = chains.continue_chain(chain, told, {9}, defaults)
                except (chains.NoStageError, chains.LostWhileWonError):
                    break
                chain = chain if new is None else new
                for number, stay in enumerate(chain, 1):
                    stay.stay_id = number
                self._fill_moves(chain)
                for again in (told, told[-1:]):
                    self.assertIsNone(
                        chains.continue_chain(chain, again, {9}, defaults), seed
                    )
                for stay, following in pairwise(chain):
                    self.assertLessEqual(stay.entered, stay.exited)
                    self.assertLessEqual(stay.exited, following.entered)

    def _random_events(self, chance):
        events = [
            Event(
                datetime.datetime(2026, 1, 1, 9, 0, chance.randrange(6)),
                chance.choice([1, 2, 3, "lost", "on_hold"]),
                line=1,
            )
            for _number in range(chance.randrange(1, 7))
        ]
        events.sort(key=lambda event: event.moment)
        return events

    def _fill_moves(self, chain):
        for stay in chain:
            if stay.exited and not stay.exit_kind:
                stay.exit_kind = "advanced"
