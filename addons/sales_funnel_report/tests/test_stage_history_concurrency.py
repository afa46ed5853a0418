import base64
import threading
from itertools import pairwise

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.service.model import retrying
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from .common import MOVES

WAIT_SECONDS = 30


@tagged("post_install", "-at_install")
class TestTwoTransactions(TransactionCase):
    """Two real transactions change one deal at once. Both see it in its first
    stage; the second waits for the first, fails, and is done anew by Odoo."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            stages = env["crm.stage"].create(
                [
                    {"name": name, "sequence": sequence}
                    for sequence, name in enumerate(("First", "Then", "Last"), -9)
                ]
            )
            self.stage_ids = stages.ids
            self.lead_ids = (
                env["crm.lead"]
                .create([{"name": "Contested", "stage_id": stages[0].id}] * 2)
                .ids
            )
        self.addCleanup(self._remove)

    def _remove(self):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            leads = env["crm.lead"].with_context(active_test=False)
            leads.browse(self.lead_ids).exists().unlink()
            env["crm.stage"].browse(self.stage_ids).unlink()

    def _race(self, first, second):
        """Let ``second`` change the deal while ``first`` has done so, but has not
        committed yet. Both are called with the deal, the last stages and the
        other deal.

        :return: chain of the deal in the end
        """
        failures = []
        started = threading.Event()

        def call(function, env):
            leads = env["crm.lead"].browse(self.lead_ids)
            stages = env["crm.stage"].browse(self.stage_ids)
            function(leads[0], stages, leads[1])
            env.flush_all()

        def change(env):
            env["crm.lead"].browse(self.lead_ids).mapped("stage_id")
            started.set()
            try:
                call(second, env)
            except SerializationFailure as failure:
                failures.append(failure)
                raise

        def run():
            with self.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                retrying(lambda: change(env), env)

        thread = threading.Thread(target=run)
        with (
            mute_logger("odoo.sql_db", "odoo.service.model"),
            self.registry.cursor() as cr,
        ):
            call(first, api.Environment(cr, SUPERUSER_ID, {}))
            thread.start()
            self.assertTrue(started.wait(WAIT_SECONDS))
            thread.join(0.5)
            self.assertTrue(thread.is_alive(), "the second one waits for the first")
            # what two transactions do to each other shows when one ends
            cr.commit()  # pylint: disable=invalid-commit
            thread.join(WAIT_SECONDS)
        self.assertFalse(thread.is_alive())
        self.assertEqual(len(failures), 1, "the second one failed, and came again")
        with self.registry.cursor() as cr:
            stays = api.Environment(cr, SUPERUSER_ID, {})[
                "crm.lead.stage.history"
            ].search([("lead_id", "=", self.lead_ids[0])])
            for stay, following in pairwise(stays):
                if stay.exit_kind in MOVES:
                    self.assertEqual(stay.date_exited, following.date_entered)
                else:
                    self.assertLessEqual(stay.date_exited, following.date_entered)
            return [(stay.stage_name, stay.exit_kind or None) for stay in stays]

    def test_two_moves(self):
        def move(number):
            return lambda lead, stages, _other: lead.write(
                {"stage_id": stages[number].id}
            )

        self.assertEqual(
            self._race(move(1), move(2)),
            [("First", "advanced"), ("Then", "advanced"), ("Last", None)],
        )

    def test_same_move_twice(self):
        def move(lead, stages, _other):
            lead.stage_id = stages[1]

        self.assertEqual(
            self._race(move, move), [("First", "advanced"), ("Then", None)]
        )

    def test_lost_while_moved(self):
        def move(lead, stages, _other):
            lead.stage_id = stages[1]

        def lose(lead, _stages, _other):
            lead.action_set_lost()

        self.assertEqual(
            self._race(move, lose), [("First", "advanced"), ("Then", "lost")]
        )

    def test_moved_while_merged(self):
        def merge(lead, stages, other):
            lead.stage_id = stages[2]
            survivor = (lead | other).merge_opportunity(auto_unlink=False)
            self.assertEqual(survivor, lead)

        def move(lead, stages, _other):
            lead.stage_id = stages[1]

        self.assertEqual(
            self._race(merge, move),
            [("First", "advanced"), ("Last", "moved_back"), ("Then", None)],
        )

    def test_restored_while_restored(self):
        with self.registry.cursor() as cr:
            leads = api.Environment(cr, SUPERUSER_ID, {})["crm.lead"]
            leads.browse(self.lead_ids).action_set_lost()

        def restore(lead, _stages, _other):
            lead.active = True

        self.assertEqual(
            [kind for _name, kind in self._race(restore, restore)], ["lost", None]
        )


@tagged("post_install", "-at_install")
class TestTwoImports(TransactionCase):
    """Two real transactions import the same file at once: its deal is made once."""

    FILE = b"deal,stage,date_entered\nImported at once,New,2026-01-01\n"

    def _import(self, cr):
        wizard = api.Environment(cr, SUPERUSER_ID, {})["crm.lead.stage.history.import"]
        return wizard.create(
            {
                "file": base64.b64encode(self.FILE),
                "filename": "deals.csv",
                "create_deals": True,
                "create_stages": True,
            }
        ).action_import()

    def test_never_twice(self):
        with (
            mute_logger("odoo.sql_db"),
            self.registry.cursor() as first,
            self.registry.cursor() as second,
            self.registry.cursor() as third,
        ):
            for cr in (second, third):
                # from now on it sees what there is now; nobody would end its waiting
                cr.execute("SET LOCAL lock_timeout = '5s'")
                cr.execute("SELECT 1 FROM crm_lead")
            self.addCleanup(self._remove)
            self._import(first)
            with self.assertRaisesRegex(UserError, "Somebody else is importing"):
                self._import(second)
            second.rollback()
            first.commit()  # pylint: disable=invalid-commit
            with self.assertRaises(SerializationFailure):
                self._import(third)
            third.rollback()

    def _remove(self):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["crm.lead"].search([("name", "=", "Imported at once")]).unlink()
