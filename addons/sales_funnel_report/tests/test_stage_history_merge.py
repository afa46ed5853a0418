from datetime import datetime, timedelta
from itertools import pairwise, product
from random import Random

from odoo.tests import tagged

from .common import MOVES, FunnelCase

START = datetime(2026, 1, 5, 9, 0)
SECOND = timedelta(seconds=1)
MERGED = datetime(2026, 3, 1, 9, 0)


@tagged("post_install", "-at_install")
class TestMergeToTheSecond(FunnelCase):
    """A merge counts once, also where the stays of the deals begin and end in the very
    same second."""

    def setUp(self):
        super().setUp()
        self.stages = self.stage_new + self.stage_qualified + self.stage_proposition

    def _merge(self, leads):
        """Merge and check all that a merge promises.

        :return: the survivor
        """
        chains = self._stays(leads).grouped("lead_id").values()
        start = min(chain[0].date_entered for chain in chains)
        furthest = max(chain._furthest_rank() for chain in chains)
        with self.at(MERGED):
            survivor = leads.merge_opportunity()
        self._assert_chain_invariants(survivor)
        chain = self._stays(survivor)
        self.assertEqual(chain[0].date_entered, start)
        self.assertGreaterEqual(chain._furthest_rank(), furthest)
        for stay, following in pairwise(chain):
            if stay.exit_kind in MOVES:
                self.assertNotEqual(stay.stage_ref, following.stage_ref)
        for stay in chain:
            self.assertTrue(stay.exit_kind == "lost" or not stay.lost_reason_id)
        return survivor

    def _rolled_back(self, check, *args):
        savepoint = self.env.cr.savepoint()
        try:
            return check(*args)
        finally:
            savepoint.close(rollback=True)
            self.env.cr.precommit.clear()
            self.env.invalidate_all(flush=False)

    def test_left_when_the_other_deal_came(self):
        """In the same stage it was one stay; in another one, a move."""
        earlier = self._play(
            [(START, self.stage_new), (START + SECOND, self.stage_qualified)]
        )
        further = self._play(
            [(START + SECOND, self.stage_new), (START + 2 * SECOND, self.stage_won)]
        )
        survivor = self._merge(earlier + further)
        self.assertEqual(
            self._chain(survivor, "date_entered"),
            [
                ("New", "advanced", START),
                ("Won", None, START + 2 * SECOND),
            ],
        )

    def test_left_for_another_stage_than_the_other_deal_came_into(self):
        earlier = self._play(
            [(START, self.stage_new), (START + SECOND, self.stage_proposition)]
        )
        further = self._play(
            [
                (START + SECOND, self.stage_qualified),
                (START + 2 * SECOND, self.stage_won),
            ]
        )
        survivor = self._merge(earlier + further)
        self.assertEqual(
            self._chain(survivor, "next_stage_id"),
            [
                ("New", "advanced", self.stage_qualified),
                ("Qualified", "advanced", self.stage_won),
                ("Won", None, self.env["crm.stage"]),
            ],
        )

    def test_lost_when_the_other_deal_came(self):
        """That it was lost then is true, and the other one goes on from there."""
        earlier = self._play([(START, self.stage_new), (START + SECOND, "lost")])
        further = self._play(
            [(START + SECOND, self.stage_new), (START + 2 * SECOND, self.stage_won)]
        )
        survivor = self._merge(earlier + further)
        self.assertEqual(
            self._chain(survivor, "lost_reason_id"),
            [
                ("New", "lost", self.lost_reason),
                ("New", "advanced", self.env["crm.lost.reason"]),
                ("Won", None, self.env["crm.lost.reason"]),
            ],
        )

    def test_lost_after_the_other_deal_came(self):
        """What it moved on to has no lost reason."""
        earlier = self._play([(START, self.stage_new), (START + 3 * SECOND, "lost")])
        further = self._play(
            [
                (START + SECOND, self.stage_qualified),
                (START + 2 * SECOND, self.stage_won),
            ]
        )
        self.assertEqual(
            self._chain(self._merge(earlier + further)),
            [("New", "advanced"), ("Qualified", "advanced"), ("Won", None)],
        )

    def test_two_moves_in_one_second_keep_their_order(self):
        """The stay of the deal that came first is the newer row."""
        further = self._play(
            [
                (START + SECOND, self.stage_qualified),
                (START + 2 * SECOND, self.stage_won),
            ]
        )
        earlier = self._play([(START, self.stage_new), (START, self.stage_qualified)])
        self.assertEqual(
            self._chain(self._merge(earlier + further)),
            [("New", "advanced"), ("Qualified", "advanced"), ("Won", None)],
        )

    def test_every_pair_within_two_seconds(self):
        """Two deals of up to two stages, or of one and an ending, begun in one second
        or one after the other."""
        new, qualified = self.stage_new, self.stage_qualified
        for first, second, then, last, delay in product(
            (new, qualified),
            (new, qualified),
            (new, qualified, "lost", None),
            (new, self.stage_proposition, "lost"),
            (0, 1),
        ):
            earlier = [(START, first)]
            if then:
                earlier.append((START + SECOND, then))
            further = [(START + delay * SECOND, second), (START + SECOND, last)]
            with self.subTest(earlier=earlier, further=further):
                self._rolled_back(
                    lambda one, other: self._merge(self._play(one) + self._play(other)),
                    earlier,
                    further,
                )

    def test_random_merges(self):
        """Several deals at once, that live in the same few seconds."""
        for seed in range(40):
            with self.subTest(seed=seed):
                self._rolled_back(self._merge_some, Random(seed))

    def _merge_some(self, random):
        leads = self.Lead
        for _number in range(random.randint(2, 5)):
            moment = START + random.randint(0, 3) * SECOND
            moves = [(moment, random.choice(self.stages))]
            for _move in range(random.randint(0, 4)):
                moment += random.randint(0, 2) * SECOND
                what = random.choice(
                    [*self.stages, self.stage_won, "lost", "archived", "restored"]
                )
                moves.append((moment, what))
                if not isinstance(what, str) and what.is_won:
                    # which cannot be lost
                    break
            if random.random() < 0.5:
                # the older row need not have begun earlier
                leads = self._play(moves) + leads
            else:
                leads += self._play(moves)
        self._merge(leads)
