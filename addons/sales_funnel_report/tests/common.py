from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from unittest.mock import patch

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user

from odoo.addons.sales_funnel_crm.tests.common import make_pipeline

MOVES = ("advanced", "moved_back", "handed_off")


class FunnelCase(TransactionCase):
    """One pipeline of four stages, open to all teams, one team of two
    salespeople, and no other deal or stage, whatever the database holds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Lead = cls.env["crm.lead"]
        cls.History = cls.env["crm.lead.stage.history"]
        make_pipeline(cls)
        cls.user_a, cls.user_b = (
            new_test_user(
                cls.env,
                login=login,
                name=name,
                groups="sales_team.group_sale_salesman,base.group_partner_manager",
                tz="UTC",
            )
            for login, name in (("funnel_a", "Ada"), ("funnel_b", "Ben"))
        )
        cls.user_all = new_test_user(
            cls.env,
            login="funnel_all",
            name="Cleo, who sees all deals",
            groups="sales_team.group_sale_salesman_all_leads",
            tz="UTC",
        )
        cls.user_manager = new_test_user(
            cls.env,
            login="funnel_manager",
            name="Dora, who manages",
            groups="sales_team.group_sale_manager",
            tz="UTC",
        )
        cls.env["crm.team"].search([]).sequence = 9999
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Direct Sales",
                "sequence": 1,
                "company_id": False,
                "crm_team_member_ids": [
                    Command.create({"user_id": user.id})
                    for user in (cls.user_a, cls.user_b)
                ],
            }
        )
        cls.lost_reason, cls.other_lost_reason = cls.env["crm.lost.reason"].create(
            [{"name": "Too expensive"}, {"name": "Too late"}]
        )

    # ------------------------------------------------------------
    # DEALS AT GIVEN MOMENTS
    # ------------------------------------------------------------

    @classmethod
    @contextmanager
    def at(cls, moment):
        """Set the time, and with it that of the transaction, to ``moment``.

        :param moment: ``datetime`` or ``"YYYY-MM-DD HH:MM:SS"``, UTC
        """
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        with (
            freeze_time(moment),
            patch.object(cls.env.cr, "now", lambda: moment),
        ):
            yield
            cls.env.flush_all()

    @classmethod
    def _deals(cls, count=1, context=None, **values):
        """Create ``count`` opportunities of Ada's, in the first stage unless
        ``values`` say otherwise."""
        return cls.Lead.with_context(**context or {}).create(
            [
                {
                    "name": f"Deal {number}",
                    "type": "opportunity",
                    "user_id": cls.user_a.id,
                    "team_id": cls.team.id,
                    "stage_id": cls.stage_new.id,
                    "expected_revenue": 100,
                    **values,
                }
                for number in range(1, count + 1)
            ]
        )

    def _lose(self, leads, reason=None):
        """Lose ``leads`` as the users do, by the wizard."""
        wizard = self.env["crm.lead.lost"].with_context(**leads.env.context)
        wizard.create(
            {
                "lead_ids": [Command.set(leads.ids)],
                "lost_reason_id": reason and reason.id,
            }
        ).action_lost_reason_apply()

    def _play(self, moves, **values):
        """Let one deal live through ``moves``.

        :param list moves: ``(moment, what)`` in the order of time; what is a
            ``crm.stage``, or one of ``"lost"``, ``"archived"``, ``"restored"``
        :param values: of the deal
        :return: ``crm.lead``
        """
        actions = {
            "lost": lambda lead: self._lose(lead, self.lost_reason),
            "archived": lambda lead: lead.action_archive(),
            "restored": lambda lead: lead.action_unarchive(),
        }
        lead = self.Lead
        for moment, what in moves:
            with self.at(moment):
                if not lead:
                    lead = self._deals(stage_id=what.id, **values)
                elif isinstance(what, str):
                    actions[what](lead)
                else:
                    lead.stage_id = what
        return lead

    # ------------------------------------------------------------
    # READING THE HISTORY
    # ------------------------------------------------------------

    def _stays(self, leads):
        """The stays of ``leads``, each chain in its order."""
        self.env.flush_all()
        self.History.invalidate_model()
        return self.History.search(
            [("lead_id", "in", leads.ids)], order="lead_id, date_entered, id"
        )

    def _chain(self, lead, *fnames):
        """The chain of one deal, to be read at a glance.

        :param fnames: further fields wanted of each stay
        :return: list of ``(stage name, exit kind or None, *further)``
        """
        lead.ensure_one()
        return [
            (stay.stage_name, stay.exit_kind or None, *(stay[f] for f in fnames))
            for stay in self._stays(lead)
        ]

    def _snapshot(self):
        """All that stands in the history, to be compared."""
        self.env.flush_all()
        self.env.cr.execute("SELECT * FROM crm_lead_stage_history ORDER BY id")
        return self.env.cr.fetchall()

    def _assert_chain_invariants(self, leads):
        """Check invariant 1 of the history the slow way, deal by deal, and that
        the summary says the same."""
        chains = self._stays(leads).grouped("lead_id")
        for lead in leads.exists():
            self._assert_one_chain(lead, list(chains.get(lead, ())))
        found = self.env["crm.lead.stage.summary"]._check()
        self.assertFalse(any(found.values()), found)

    def _assert_one_chain(self, lead, chain):
        self.assertTrue(chain, "a deal has at least one stay")
        for stay in chain:
            self.assertEqual(stay.date_entered.microsecond, 0)
            if stay.date_exited:
                self.assertGreaterEqual(stay.date_exited, stay.date_entered)
                self.assertEqual(stay.date_exited.microsecond, 0)
            self.assertEqual(bool(stay.date_exited), bool(stay.exit_kind))
            if stay.stage_id:
                self.assertEqual(stay.stage_id.id, stay.stage_ref)
        for stay, following in pairwise(chain):
            self.assertTrue(stay.date_exited, "only the last stay may be open")
            self.assertLessEqual(stay.date_exited, following.date_entered)
            if stay.exit_kind in MOVES:
                self.assertEqual(stay.date_exited, following.date_entered)
                self.assertEqual(stay.next_stage_id, following.stage_id)
                self.assertNotEqual(stay.stage_ref, following.stage_ref)
            else:
                self.assertFalse(stay.next_stage_id)
        last = chain[-1]
        is_won = lead.stage_id.is_won and lead.probability == 100
        if lead.active or is_won:
            self.assertFalse(last.date_exited, "a standing deal has an open stay")
            self.assertEqual(last.stage_id, lead.stage_id)
            self.assertEqual(last.stage_is_won, lead.stage_id.is_won)
        elif self._has_no_chance(lead) and not lead.on_hold_until:
            self.assertEqual(last.exit_kind, "lost")
            self.assertEqual(last.lost_reason_id, lead.lost_reason_id)
        else:
            self.assertEqual(last.exit_kind, "on_hold")
            self.assertFalse(last.lost_reason_id)

    def _has_no_chance(self, lead):
        """Whether somebody said so: a probability that Odoo never computed is
        empty, which reads as 0 in Python."""
        self.env.cr.execute(
            "SELECT probability = 0 FROM crm_lead WHERE id = %s", [lead.id]
        )
        return self.env.cr.fetchone()[0]


class HistoryActionCase(FunnelCase):
    """Checks one way to change deals: of one deal and of many, with tracking and
    without, and rolled back."""

    BATCH = 500
    BEFORE = datetime(2026, 3, 2, 9, 0, 0)
    MOMENT = BEFORE + timedelta(days=3, seconds=7)
    CONTEXTS = (
        (1, {}),
        (1, {"mail_notrack": True}),
        (1, {"tracking_disable": True}),
        (BATCH, {"tracking_disable": True}),
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.at(cls.BEFORE):
            cls.batch = cls._deals(cls.BATCH, {"tracking_disable": True})

    def _check_action(self, action, expected, prepare=None, batch=BATCH, **values):
        """Assert that ``action`` leaves the chain ``expected``, and nothing when
        it is rolled back.

        :param action: called with the deals, at ``MOMENT``; returns those to be
            looked at when they are others
        :param list expected: chain of each deal, see :meth:`_chain`
        :param prepare: called with the deals before, at ``BEFORE``
        :param int batch: how many deals at once, besides one
        :param values: of the deals
        """
        for many, context in self.CONTEXTS:
            count = min(many, batch)
            with self.subTest(count=count, **context), self._rolled_back():
                with self.at(self.BEFORE):
                    ready = count == self.BATCH and not values
                    leads = (
                        self.batch if ready else self._deals(count, context, **values)
                    )
                    if prepare:
                        prepare(leads)
                before = self._snapshot()
                with self._rolled_back():
                    with self.at(self.MOMENT):
                        result = action(leads)
                    self.env.cr.flush()
                    others = isinstance(result, type(leads)) and result
                    self._assert_chains(others or leads, expected, count)
                self.assertEqual(
                    self._snapshot(), before, "rolled back, nothing is left"
                )

    @contextmanager
    def _rolled_back(self):
        savepoint = self.env.cr.savepoint()
        try:
            yield
        finally:
            savepoint.close(rollback=True)
            self.env.cr.precommit.clear()

    def _assert_chains(self, leads, expected, count):
        self.assertEqual(len(leads), count)
        self._assert_chain_invariants(leads)
        for lead, stays in self._stays(leads).grouped("lead_id").items():
            chain = [(stay.stage_name, stay.exit_kind or None) for stay in stays]
            self.assertEqual(chain, expected, lead.name)
            self.assertLessEqual(
                set(stays.mapped("date_entered")) | set(stays.mapped("date_exited")),
                {self.BEFORE, self.MOMENT, False},
            )
