"""The days from milestone to milestone, compared with a slow computation."""

from datetime import datetime, timedelta, timezone
from itertools import combinations
from zoneinfo import ZoneInfo

from funnel_reference import DAY, durations
from random_worlds import random_worlds

from odoo.tests import tagged

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

BEGIN = datetime(2026, 1, 1)
WORLDS = 8
DEALS = 12
# of the moments of Lead to Cash those that are not known by their day alone
FIELDS = {
    "milestone:first_call": "date_first_call",
    "milestone:first_meeting": "date_first_meeting",
    "milestone:qualified": "date_qualified",
    "milestone:quotation_sent": "date_quotation_sent",
    "milestone:ordered": "date_ordered",
    "milestone:delivered": "date_delivered",
}
KEYS = (
    "milestone:created",
    *FIELDS,
    "milestone:invoiced",
    "milestone:paid",
)


@tagged("post_install", "-at_install")
class TestFunnelDays(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.funnel = cls.env.ref("sales_funnel_report.crm_funnel_lead_to_cash")

    @random_worlds(WORLDS)
    def test_days_equal_the_slow_ones(self, random):
        deals = [self._live(random) for _number in range(DEALS)]
        for rule in ("beyond", "visited") * 2:
            self._ask(random, deals, rule)

    def _live(self, random):
        """:return: ``(deal, owner, {key: moment})``"""
        began = BEGIN + timedelta(seconds=random.randint(0, 20 * 86400))
        owner = random.choice((self.user_a, self.user_b))
        with self.at(began):
            lead = self._deals(
                type="lead", user_id=owner.id, context={"tracking_disable": True}
            )
        moments = {"milestone:created": began}
        for key in FIELDS:
            if random.random() < 0.6:
                seconds = random.choice((0, random.randint(-86400, 30 * 86400)))
                moments[key] = began + timedelta(seconds=seconds)
        needs_delivery = random.random() < 0.7
        if not needs_delivery:
            moments.pop("milestone:delivered", None)
        values = {FIELDS[key]: moments[key] for key in moments if key in FIELDS}
        if not needs_delivery:
            values["delivery_progress"] = "none"
        lead.write(values)
        self.env.flush_all()
        return lead, owner, moments

    def _ask(self, random, deals, rule):
        zone = random.choice(("UTC", "Pacific/Auckland", "America/New_York"))
        asker = random.choice((self.user_all, self.user_a))
        first = BEGIN + timedelta(days=random.randint(0, 10))
        last = first + timedelta(days=random.randint(1, 15))
        as_of = last + timedelta(days=random.randint(-5, 30))
        leads = self.Lead.with_user(asker).with_context(tz=zone, active_test=False)
        answer = leads.get_funnel_days(
            [],
            {
                "funnel_id": self.funnel.id,
                "rule": rule,
                "date_from": f"{first:%Y-%m-%d}",
                "date_to": f"{last:%Y-%m-%d}",
                "as_of": f"{as_of:%Y-%m-%d %H:%M:%S}",
            },
        )
        start, end = (
            day.replace(tzinfo=ZoneInfo(zone))
            .astimezone(timezone.utc)
            .replace(tzinfo=None)
            for day in (first, last)
        )
        reached = {
            lead.id: self._reached(moments, rule, as_of)
            for lead, owner, moments in deals
            if asker in (self.user_all, owner)
            and start <= moments["milestone:created"] < end
            and moments["milestone:created"] <= as_of
        }
        message = f"{rule} {zone} {asker.name} {first} {last} {as_of} {reached}"
        searched = random.choice([*combinations(range(len(KEYS)), 2)])
        for rank, later in combinations(range(len(KEYS)), 2):
            both = {
                number: (at[later] - at[rank]) / DAY
                for number, at in reached.items()
                if at[rank] is not None and at[later] is not None
            }
            cell = answer["rows"][rank]["days"][later - rank - 1]
            self.assertEqual(
                (answer["rows"][rank]["key"], cell["key"]), (KEYS[rank], KEYS[later])
            )
            for name, figure in durations([*both.values()]).items():
                if figure is None:
                    self.assertIsNone(cell[name], message)
                else:
                    self.assertAlmostEqual(cell[name], figure, 9, message)
            if (rank, later) == searched:
                found = leads.search(cell["domain"])
                self.assertEqual(set(found.ids), set(both), message)

    def _reached(self, moments, rule, as_of):
        """:return: for each step the moment at which it was reached, or none"""
        seen = {key: moment for key, moment in moments.items() if moment <= as_of}
        if rule == "visited":
            return [seen.get(key) for key in KEYS]
        return [
            min((seen[later] for later in KEYS[rank:] if later in seen), default=None)
            for rank in range(len(KEYS))
        ]
