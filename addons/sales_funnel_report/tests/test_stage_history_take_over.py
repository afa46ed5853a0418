from datetime import datetime, timedelta
from random import Random

from odoo.tests import tagged

from .common import FunnelCase

START = datetime(2026, 1, 5, 9, 0)
UNTRACKED = {"tracking_disable": True}


@tagged("post_install", "-at_install")
class TestTakeOver(FunnelCase):
    """What is taken over from the chatter is what would have been recorded, as far as
    the chatter knows; and the end is always that of the deal as it is today."""

    def _live(self, *steps, **values):
        """Let a deal live in transactions of their own, a day each.

        :param steps: names of what is done, with their argument: ``_do_…``; the name
            begins with ``!`` for one that leaves nothing in the chatter
        :param values: of the deal
        :return: ``crm.lead``
        """
        lead = None
        for day, (name, *arguments) in enumerate([("create", values), *steps]):
            context = UNTRACKED if name.startswith("!") else {}
            do = getattr(self, "_do_" + name.removeprefix("!"))
            with self.at(START + timedelta(days=day)):
                if lead is None:
                    lead = self._deals(**{"probability": 40, **values})
                else:
                    do(lead.with_context(**context), *arguments)
                self.env.flush_all()
                self.env.cr.precommit.run()
        return lead

    def _do_create(self, _lead, values):
        """Made by :meth:`_live`."""

    def _do_move(self, lead, stage):
        lead.stage_id = stage

    def _do_lose(self, lead, reason=None):
        lead.action_set_lost(**({"lost_reason_id": reason.id} if reason else {}))

    def _do_lose_by_wizard(self, lead, reason):
        self._lose(lead, reason)

    def _do_archive(self, lead):
        lead.action_archive()

    def _do_restore(self, lead):
        lead.action_restore()

    def _do_hold(self, lead):
        self.env["crm.lead.hold"].with_context(**lead.env.context).create(
            {"lead_ids": lead.ids, "on_hold_until": "2027-05-01", "note": "Budget"}
        ).action_apply()

    def _do_write(self, lead, values):
        lead.write(values)

    def _told(self, leads):
        """All that the history says of ``leads``, to be compared."""
        return [
            (
                stay.lead_id,
                stay.stage_name,
                stay.exit_kind,
                stay.lost_reason_id.name,
                stay.date_entered,
                stay.date_exited,
            )
            for stay in self._stays(leads)
        ]

    def _take_over(self, leads):
        """Forget the history of ``leads`` and take it over.

        :return: what it said before, and what it says then
        """
        recorded = self._told(leads)
        self._stays(leads).unlink()
        list(self.History._take_over())
        self._assert_chain_invariants(leads)
        return recorded, self._told(leads)

    def _assert_taken_over(self, *steps, **values):
        """Assert that the chatter tells what was recorded."""
        lead = self._live(*steps, **values)
        recorded, taken_over = self._take_over(lead)
        self.assertEqual(taken_over, recorded)
        return lead

    # ------------------------------------------------------------
    # AS IT WAS RECORDED
    # ------------------------------------------------------------

    def test_lost_while_archived(self):
        for lose in (
            ("lose",),
            ("lose", self.lost_reason),
            ("lose_by_wizard", self.lost_reason),
            ("write", {"probability": 0}),
        ):
            with self.subTest(lose=lose):
                lead = self._assert_taken_over(("archive",), lose)
                self.assertEqual(
                    self._chain(lead), [("New", "on_hold"), ("New", "lost")]
                )

    def test_on_hold_until_a_day_and_lost_then(self):
        self._assert_taken_over(("hold",), ("lose_by_wizard", self.lost_reason))

    def test_lost_and_put_on_hold_then(self):
        self._assert_taken_over(
            ("lose", self.lost_reason), ("write", {"on_hold_until": "2027-05-01"})
        )

    def test_lost_by_mistake(self):
        """Somebody gave an archived deal a chance again, without restoring it."""
        self._assert_taken_over(
            ("lose", self.lost_reason), ("write", {"probability": 30})
        )

    def test_another_reason_later(self):
        for reason in (self.other_lost_reason, self.env["crm.lost.reason"]):
            with self.subTest(reason=reason.name):
                self._assert_taken_over(
                    ("lose", self.lost_reason),
                    ("write", {"lost_reason_id": reason.id}),
                )

    def test_reason_first(self):
        self._assert_taken_over(
            ("write", {"lost_reason_id": self.lost_reason.id}), ("lose",)
        )

    def test_reason_given_and_archived_only(self):
        lead = self._assert_taken_over(
            ("write", {"lost_reason_id": self.lost_reason.id}), ("archive",)
        )
        self.assertEqual(self._chain(lead), [("New", "on_hold")])

    def test_reason_corrected_before_it_came_back(self):
        """The loss that is over keeps the reason it had at its end."""
        self._assert_taken_over(
            ("lose", self.lost_reason),
            ("write", {"lost_reason_id": self.other_lost_reason.id}),
            ("restore",),
            ("move", self.stage_qualified),
        )

    def test_lost_while_archived_and_back(self):
        self._assert_taken_over(
            ("archive",), ("lose", self.lost_reason), ("restore",), ("lose",)
        )

    def test_in_the_language_of_who_did_it(self):
        """The chatter keeps words, those of the language of the user."""
        self.env["res.lang"]._activate_lang("de_DE")
        selection = self.env["ir.model.fields.selection"].search(
            [
                ("field_id.model", "=", "crm.lead"),
                ("field_id.name", "=", "won_status"),
                ("value", "=", "lost"),
            ]
        )
        selection.with_context(lang="de_DE").name = "Verloren"
        self.env = self.env(context={**self.env.context, "lang": "de_DE"})
        self._assert_taken_over(("archive",), ("lose", self.lost_reason))

    # ------------------------------------------------------------
    # AS IT IS TODAY
    # ------------------------------------------------------------

    def test_lost_while_archived_untracked(self):
        """When, nobody knows: there is one ending, when it was archived."""
        lead = self._live(("archive",), ("!lose", self.lost_reason))
        self._take_over(lead)
        self.assertEqual(
            self._chain(lead, "lost_reason_id", "date_exited"),
            [("New", "lost", self.lost_reason, START + timedelta(days=1))],
        )

    def test_reason_corrected_untracked(self):
        lead = self._live(
            ("lose", self.lost_reason),
            ("!write", {"lost_reason_id": self.other_lost_reason.id}),
        )
        recorded, taken_over = self._take_over(lead)
        self.assertEqual(taken_over, recorded)

    def test_chance_never_computed(self):
        """Odoo tracks an archived deal without any probability as lost."""
        lead = self._live()
        self.env.cr.execute(
            "UPDATE crm_lead SET probability = NULL WHERE id = %s", [lead.id]
        )
        self.env.invalidate_all()
        with self.at(START + timedelta(days=3)):
            lead.action_archive()
            self.env.flush_all()
            self.env.cr.precommit.run()
        recorded, taken_over = self._take_over(lead)
        self.assertEqual(taken_over, recorded)
        self.assertEqual(self._chain(lead), [("New", "on_hold")])

    # ------------------------------------------------------------
    # AT RANDOM
    # ------------------------------------------------------------

    def _random_steps(self, random, untracked):
        reasons = self.lost_reason + self.other_lost_reason
        stages = self.stage_new + self.stage_qualified + self.stage_proposition
        for _step in range(random.randint(1, 8)):
            name, *arguments = random.choice(
                [
                    ("move", random.choice(stages)),
                    ("lose",),
                    ("lose", random.choice(reasons)),
                    ("archive",),
                    ("archive",),
                    ("restore",),
                    ("write", {"on_hold_until": random.choice((False, "2027-05-01"))}),
                    ("write", {"probability": random.choice((0, 30))}),
                    ("write", {"lost_reason_id": random.choice(reasons).id}),
                    ("write", {"lost_reason_id": False}),
                    ("write", {"expected_revenue": random.randint(1, 9)}),
                ]
            )
            yield ("!" * (random.random() < untracked) + name, *arguments)

    def test_random_lives(self):
        leads = self.Lead
        steps = {}
        for seed in range(80):
            lived = list(self._random_steps(Random(seed), 0))
            lead = self._live(*lived)
            steps[lead] = lived
            leads += lead
        recorded, taken_over = self._take_over(leads)
        for lead in leads:
            with self.subTest(steps=steps[lead]):
                self.assertEqual(
                    [stay for stay in taken_over if stay[0] == lead],
                    [stay for stay in recorded if stay[0] == lead],
                )

    def test_random_lives_half_of_them_untracked(self):
        """The end is right whatever the chatter tells."""
        leads = self.Lead.union(
            *(
                self._live(*self._random_steps(Random(seed), 0.4))
                for seed in range(100, 180)
            )
        )
        self._take_over(leads)
