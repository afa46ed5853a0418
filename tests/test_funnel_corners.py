"""Corners of the funnel that random lives come into too seldom."""

import funnel_reference as reference
from scipy.stats import chi2_contingency

from odoo.tests import tagged

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

MONTH = {"date_from": "2026-01-01", "date_to": "2026-02-01"}
LENSES = ("cohort", "closed", "flow", "snapshot")


@tagged("post_install", "-at_install")
class TestFunnelCorners(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.asker = cls.Lead.with_user(cls.user_all).with_context(
            tz="UTC", active_test=False
        )

    def _report(self, **options):
        options = {"as_of": "2026-02-10 00:00:00", **MONTH, **options}
        return self.asker.get_funnel_report([], options)

    def _column(self, series, *names):
        rows = [[step[name] for name in names] for step in series["steps"]]
        return [row[0] for row in rows] if len(names) == 1 else rows

    # ------------------------------------------------------------
    # SNAPSHOT
    # ------------------------------------------------------------

    def test_snapshot_set_beside_knows_only_its_past(self):
        self._play(
            [("2026-01-01 09:00:00", self.stage_new)],
        )
        self._play(
            [
                ("2026-01-02 09:00:00", self.stage_new),
                ("2026-01-04 09:00:00", self.stage_won),
            ]
        )
        options = {"lens": "snapshot", "as_of": "2026-01-20 00:00:00"}
        period = {"date_from": "2026-01-01", "date_to": "2026-01-04"}
        report = self._report(compare=period, **options)
        then = self._report(lens="snapshot", as_of="2026-01-03 23:59:59")["total"]
        new = then["steps"][0]
        # on January 3 nothing had ended, and no stay was finished
        self.assertEqual(
            [new["count"], new["win_probability"], new["stuck"]], [2, None, 0]
        )
        self.assertEqual(report["compare"], then)
        self.assertEqual(report["total"]["steps"][0]["win_probability"], 1)
        self.assertEqual(report["total"]["stuck"], 1)

    def test_what_ended_over_two_years_ago_is_no_guide(self):
        self._play([("2026-01-01 09:00:00", self.stage_new)])
        self._play(
            [
                ("2024-01-05 12:00:00", self.stage_new),
                ("2024-01-10 12:00:00", self.stage_won),
            ]
        )
        self._play(
            [
                ("2024-01-03 12:00:00", self.stage_new),
                ("2024-01-20 12:00:00", "lost"),
            ]
        )
        for day, probability, horizon in (
            # won and lost, one of each: (1 + 10 · 1/2) / (2 + 10)
            ("09", 0.5, 5),
            # only the lost one is left
            ("11", 0, None),
            ("21", None, None),
        ):
            with self.subTest(day=day):
                as_of = f"2026-01-{day} 12:00:00"
                snapshot = self._report(lens="snapshot", as_of=as_of)["total"]
                self.assertEqual(snapshot["steps"][0]["win_probability"], probability)
                cohort = self._report(as_of=as_of)
                self.assertEqual(cohort["options"]["horizon_days"], horizon)

    def test_probabilities_by_hand(self):
        for moves in (
            [("01", self.stage_new), ("05", self.stage_won)],
            [("01", self.stage_new), ("02", self.stage_qualified), ("06", "lost")],
            [("01", self.stage_new), ("04", "lost")],
            [("02", self.stage_new), ("03", self.stage_qualified)],
            # this one has been in Qualified for as long as the one that was lost
            [("02", self.stage_new), ("06", self.stage_qualified)],
            [("07", self.stage_new)],
            [("08", self.stage_new), ("09", "archived")],
        ):
            self._play(
                [(f"2026-01-{day} 00:00:00", what) for day, what in moves],
            )
        total = self._report(lens="snapshot", as_of="2026-01-10 00:00:00")["total"]
        # one of three was won; Qualified was reached by two of them, New by all
        chances = [(1 + 10 / 3) / 13, (1 + 10 / 3) / 12, (1 + 10 / 3) / 11]
        rows = self._column(total, "count", "amount", "stuck")
        self.assertEqual(rows, [[1, 100, 0], [2, 200, 1], [0, 0, 0], [0, 0, 0]])
        steps = total["steps"]
        for step, chance in zip(steps, [*chances, chances[-1]], strict=True):
            self.assertAlmostEqual(step["win_probability"], chance)
        self.assertAlmostEqual(
            total["weighted_amount"], 100 * chances[0] + 200 * chances[1]
        )
        self.assertEqual((total["size"], total["stuck"]), (3, 1))
        self.assertEqual(
            [steps[1]["age_days"][name] for name in ("n", "mean", "p90")],
            [2, 5.5, 6.7],
        )

    # ------------------------------------------------------------
    # GROUPS
    # ------------------------------------------------------------

    def test_below_the_others(self):
        """Ada brings fewer of her deals on, and it is not by chance."""
        for brought_on, others_brought_on, significant in (
            (4, 14, True),
            (9, 14, False),
            # of 30 deals 28 fail: by chance at least five of each should not
            (0, 10, True),
            (0, 2, False),
        ):
            savepoint = self.env.cr.savepoint()
            self._bring_on(self.user_a, 20, brought_on)
            self._bring_on(self.user_b, 20, others_brought_on)
            groups = {
                group["label"]: group["series"]["steps"]
                for group in self._report(groupby="user_id")["groups"]
            }
            savepoint.close(rollback=True)
            self.env.invalidate_all()
            with self.subTest(brought_on=brought_on, others=others_brought_on):
                below = groups["Ada"][1]["below_others"]
                expected = reference.below_others(brought_on, 20, others_brought_on, 20)
                self.assertEqual(bool(expected), significant)
                if not significant:
                    self.assertIsNone(below)
                    continue
                self.assertIsNotNone(below)
                self.assertEqual(below.keys(), expected.keys())
                for name, value in expected.items():
                    self.assertAlmostEqual(below[name], value, 12)
                p_value = self._p_value(brought_on, others_brought_on, 20)
                self.assertAlmostEqual(below["p_value"], p_value, 12)
                self.assertIsNone(groups["Ben"][1]["below_others"])
                self.assertIsNone(groups["Ada"][0]["below_others"])

    def _bring_on(self, user, count, brought_on):
        with self.at("2026-01-02 09:00:00"):
            deals = self._deals(count, {"tracking_disable": True}, user_id=user.id)
        with self.at("2026-01-03 09:00:00"):
            deals[:brought_on].stage_id = self.stage_qualified

    def _p_value(self, part, others_part, whole):
        """The same question, asked of SciPy: of two shares the test is that of χ²."""
        table = [[part, whole - part], [others_part, whole - others_part]]
        return chi2_contingency(table, correction=False).pvalue

    # ------------------------------------------------------------
    # RULES AND WINDOWS
    # ------------------------------------------------------------

    def test_a_later_step_may_be_visited_by_more(self):
        for _deal in range(3):
            self._play([("2026-01-02 09:00:00", self.stage_qualified)])
        self._play([("2026-01-02 09:00:00", self.stage_new)])
        total = self._report(rule="visited")["total"]
        self.assertEqual(
            self._column(total, "count", "conversion_prev", "ci")[:2],
            [[1, None, None], [3, None, None]],
        )
        self.assertIsNone(total["steps"][1]["conversion_first"])

    def test_the_window_of_a_deal_that_ended_later(self):
        """In closed it is one of those that ended, and in its window it had not."""
        self._play(
            [
                ("2026-01-01 09:00:00", self.stage_new),
                ("2026-01-05 09:00:00", self.stage_proposition),
                ("2026-01-20 09:00:00", self.stage_won),
            ]
        )
        for days, column, won in (
            (3, [1, 0, 0, 0], 0),
            (4, [1, 1, 1, 0], 0),
            (19, [1, 1, 1, 1], 1),
        ):
            total = self._report(lens="closed", window_days=days)["total"]
            self.assertEqual(self._column(total, "count"), column, days)
            self.assertEqual(
                [total[name] for name in ("size", "won", "open")], [1, won, 1 - won]
            )

    def test_a_deal_that_has_ended_twice(self):
        """It is among those that ended when it did so for good, as far as is known."""
        self._play(
            [
                ("2026-01-05 09:00:00", self.stage_new),
                ("2026-01-20 09:00:00", "lost"),
                ("2026-02-05 09:00:00", "restored"),
                ("2026-02-08 09:00:00", self.stage_won),
            ]
        )
        february = {"date_from": "2026-02-01", "date_to": "2026-03-01"}
        for as_of, sizes in (
            ("2026-02-05 08:59:59", [1, 0]),
            ("2026-02-05 09:00:00", [0, 0]),
            ("2026-02-08 09:00:00", [0, 1]),
        ):
            found = [
                self._report(lens="closed", as_of=as_of, **period)["total"]["size"]
                for period in (MONTH, february)
            ]
            self.assertEqual(found, sizes, as_of)

    # ------------------------------------------------------------
    # MERGED DEALS
    # ------------------------------------------------------------

    def test_merged_deals_count_once_through_every_lens(self):
        first = self._play([("2026-01-02 09:00:00", self.stage_new)])
        second = self._play(
            [
                ("2026-01-03 09:00:00", self.stage_new),
                ("2026-01-04 09:00:00", self.stage_proposition),
            ]
        )
        with self.at("2026-01-06 09:00:00"):
            (first | second)._merge_opportunity(auto_unlink=False)
        both = {lens: self._figures(lens) for lens in LENSES}
        (first | second).filtered(
            lambda lead: lead.stage_history_ids[-1:].exit_kind == "merged"
        ).unlink()
        self.assertEqual({lens: self._figures(lens) for lens in LENSES}, both)
        self.assertEqual([both[lens]["size"] for lens in LENSES], [1, 0, 1, 1])
        for step in both["flow"]["steps"]:
            self.assertEqual(
                step["entered"],
                sum(step[way] for way in (*reference.WAYS_OUT, "still_here")),
            )

    def _figures(self, lens):
        """What a lens says, without the domains."""
        total = self._report(lens=lens)["total"]
        for figures in (total, *total["steps"]):
            for name in ("domain", "domains"):
                figures.pop(name, None)
        return total
