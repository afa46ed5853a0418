"""Random lives of random deals, lived through Odoo, against the slow reference."""

from datetime import datetime, timedelta

from funnel_reference import cohort
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

BEGIN = datetime(2026, 1, 1)
STAGES = range(4)
WON = 3

# an event: hours since the one before, what, a new amount or none, who owns it now
event = st.tuples(
    st.integers(0, 200),
    st.one_of(
        st.sampled_from(STAGES),
        st.sampled_from(STAGES),
        st.sampled_from(["lost", "on_hold", "restored"]),
    ),
    st.one_of(st.none(), st.integers(0, 1000)),
    st.sampled_from([None, 0, 1]),
)
# a deal: hours since the beginning, its first stage, what happens then
deal = st.tuples(
    st.integers(0, 24 * 45), st.sampled_from(STAGES), st.lists(event, max_size=6)
)
question = st.tuples(
    st.integers(0, 40),
    st.integers(1, 40),
    st.integers(0, 24 * 90),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 30)),
)


@tagged("post_install", "-at_install")
class TestFunnelProperties(FunnelCase):
    @given(
        st.lists(deal, min_size=1, max_size=5),
        st.lists(question, min_size=3, max_size=3),
    )
    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        # an example takes a quarter of a second, shrinking one takes minutes
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def test_cohort_equals_the_reference(self, deals, questions):
        savepoint = self.env.cr.savepoint()
        try:
            lived = [self._live(*one) for one in deals]
            for one in questions:
                self._compare(lived, *one)
        finally:
            savepoint.close(rollback=True)
            self.env.invalidate_all()

    def _live(self, hours, first, events):
        """Let a deal live through Odoo.

        :return: what happened, as the reference takes it
        """
        stages = (
            self.stage_new,
            self.stage_qualified,
            self.stage_proposition,
            self.stage_won,
        )
        owners = (self.user_a, self.user_b)
        moment, amount, owner, stage = BEGIN + timedelta(hours=hours), 100, 0, first
        with self.at(moment):
            lead = self._deals(
                context={"tracking_disable": True},
                stage_id=stages[first].id,
                user_id=owners[0].id,
                expected_revenue=amount,
                # Odoo has learnt something, so that archived is not lost
                probability=100 if first == WON else 20,
            )
        happened = [(moment, first, amount, owner)]
        standing = True
        for pause, what, new_amount, new_owner in events:
            moment += timedelta(hours=pause)
            amount = amount if new_amount is None else new_amount
            owner = owner if new_owner is None else new_owner
            if what == "restored":
                if standing:
                    continue
            elif not standing and what in ("lost", "on_hold"):
                continue
            elif what in ("lost", "on_hold") and stage == WON:
                # Odoo lets no won deal be lost; archived, it stays won
                continue
            with self.at(moment):
                lead.write({"expected_revenue": amount, "user_id": owners[owner].id})
                if what == "lost":
                    self._lose(lead, self.lost_reason)
                elif what == "on_hold":
                    lead.action_archive()
                elif what == "restored":
                    lead.action_restore()
                    lead.probability = lead.probability or 20
                elif standing:
                    lead.stage_id = stages[what]
                else:
                    lead.action_restore()
                    lead.probability = lead.probability or 20
                    happened.append((moment, "restored", amount, owner))
                    lead.stage_id = stages[what]
            standing = what not in ("lost", "on_hold")
            stage = what if what in STAGES else stage
            happened.append((moment, what, amount, owner))
        return happened

    def _compare(self, lived, first_day, days, as_of_hours, horizon, window_days):
        start = BEGIN + timedelta(days=first_day)
        end = start + timedelta(days=days)
        as_of = BEGIN + timedelta(hours=as_of_hours)
        expected = cohort(lived, 4, WON, start, end, as_of, horizon, window_days)
        report = self.Lead.with_context(tz="UTC").get_funnel_report(
            [],
            {
                "date_from": start.strftime("%Y-%m-%d"),
                "date_to": end.strftime("%Y-%m-%d"),
                "as_of": as_of.strftime("%Y-%m-%d %H:%M:%S"),
                "horizon_days": horizon,
                "window_days": window_days,
                "groupby": "user_id",
            },
        )
        self._assert_same(report["total"], expected, str((lived, expected)))
        for fname in ("size", "won", "lost", "open", "on_hold", "amount"):
            self.assertEqual(
                sum(group["series"][fname] for group in report["groups"]),
                expected[fname],
            )
        counts = [step["count"] for step in report["total"]["steps"]] + [0]
        for rank, step in enumerate(report["total"]["steps"]):
            self.assertEqual(
                counts[rank] - counts[rank + 1],
                step["lost"] + step["open"] + step["on_hold"] + step["won"],
            )
            self.assertEqual(
                self.Lead.with_context(active_test=False).search_count(step["domain"]),
                step["count"],
            )

    def _assert_same(self, actual, expected, message):
        """Compare as far as ``expected`` goes, floats to the ninth digit."""
        if isinstance(expected, dict):
            for key, value in expected.items():
                self._assert_same(actual[key], value, f"{key}: {message}")
        elif isinstance(expected, list):
            self.assertEqual(len(actual), len(expected), message)
            for one, other in zip(actual, expected, strict=True):
                self._assert_same(one, other, message)
        elif isinstance(expected, float):
            self.assertAlmostEqual(actual, expected, 9, message)
        else:
            self.assertEqual(actual, expected, message)
