"""Random lives of random deals, lived through Odoo, against the slow reference."""

from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import pairwise, product
from unittest.mock import patch
from zoneinfo import ZoneInfo

import funnel_reference as reference
from funnel_comparison import ComparisonMixin
from funnel_reference import Deal, Event, Stage
from random_worlds import random_worlds

from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

BEGIN = datetime(2026, 1, 1)
DAY_SECONDS = 24 * 3600
WORLDS = 9
DEALS = 30
DIRECT, PARTNERS = range(2)
TEAM_NAMES = ("Direct Sales", "Partners")
OWNER_NAMES = ("Ada", "Ben")
# New, Qualified, Demo (of Direct's own), Certified (of Partners' own), Proposition, Won
STAGES = [
    Stage(),
    Stage(),
    Stage(teams=frozenset([DIRECT])),
    Stage(teams=frozenset([PARTNERS])),
    Stage(),
    Stage(won=True),
]
OWN_STAGES = {DIRECT: 2, PARTNERS: 3}
WON = 5
PIPELINE = [{0}, {1}, {2}, {3}, {4}, {5}]
# what one team sees of it
PIPELINES_OF_TEAMS = ([{0}, {1}, {2}, {4}, {5}], [{0}, {1}, {3}, {4}, {5}])
# a step of three stages, and a stage that is in no step
OWN_FUNNEL = [{1, 2, 3}, {4}, {5}]

SIZES = ("size", "won", "lost", "open", "on_hold")
COUNTED = (
    *(*SIZES, "count", "skipped", "stuck"),
    *("entered", "advanced", "moved_back", "handed_off", "still_here"),
    *("amount", "won_amount", "lost_amount", "weighted_amount"),
)

LENSES = [
    *product(("cohort", "closed"), ("beyond", "visited", "strict")),
    ("flow", "beyond"),
    ("snapshot", "beyond"),
]


def draw_life(random):
    """:return: arguments of ``_live``"""
    # most begin in one month, some about two years before the first questions
    days = (0, 30) if random.random() < 0.85 else (-740, -690)
    return (
        draw_seconds(random, *days),
        random.choice((DIRECT, PARTNERS)),
        random.choice((0, 0, 0, 0, 1, 4, WON)),
        [draw_event(random) for _ in range(random.randint(0, 6))],
    )


def draw_seconds(random, least_days, most_days):
    """Any moment, or one on the dot: borders are where mistakes are."""
    if random.random() < 0.4:
        return random.randint(least_days, most_days) * DAY_SECONDS
    return random.randint(least_days * DAY_SECONDS, most_days * DAY_SECONDS)


def draw_event(random):
    """:return: ``(seconds since the one before, what, amount, owner)``; the last
    two are none when they stay what they were"""
    what = random.choices(
        ("moved", "lost", "on_hold", "restored", "team"), (50, 20, 8, 8, 16)
    )[0]
    which = {
        # the team's own stage more often, from which it can be handed off
        "moved": (0, 1, 2, 2, 2, 4, WON),
        "lost": (0, 1, None),
    }.get(what, (None,))
    return (
        random.choice((0, draw_seconds(random, 0, 8))),
        (what, random.choice(which)),
        random.choice((None, random.randint(0, 1000))),
        random.choice((None, 0, 1)),
    )


def draw_question(random, deals):
    """:return: arguments of ``_ask``; moments, windows and periods often end just
    when something happened to one of ``deals``"""
    moments = [
        (moment, moment - deal.began)
        for deal in deals
        for stay in deal.stays
        for moment in (stay.entered, stay.left)
        if moment and moment > BEGIN
    ]
    as_of, _age = random.choice(moments)
    windows = [age.days for _moment, age in moments if age.days and not age.seconds]
    days = [
        (moment - BEGIN).days
        for moment, _age in moments
        if not (moment - BEGIN).seconds
    ]
    first_day = random.choice((0, 0, 5, 20, -800, random.choice(days or [1])))
    last_day = random.choice((15, 31, 45, 60, 900, *random.choices(days or [9], k=5)))
    if random.random() < 0.5:
        as_of = BEGIN + timedelta(seconds=draw_seconds(random, 10, 70))
    return {
        "first_day": first_day,
        "days": max(last_day - first_day, 1),
        "as_of": as_of,
        "horizon": random.choice((None, 3, 10, 20, 40)),
        "window": random.choice((None, None, 9, *random.choices(windows or [2], k=2))),
        "zone": random.choice(
            ("UTC", "UTC", "UTC", "Pacific/Auckland", "America/New_York")
        ),
        "asker": random.choice(("user_all", "user_all", "user_manager", "user_a")),
        "team": random.choice((None, None, None, None, DIRECT, PARTNERS)),
        "own_funnel": random.random() < 0.25,
        "compare": random.random() < 0.5,
        "groupby": random.choice(
            ("user_id", "team_id", "create_date:month", "stage_user_id")
        ),
    }


@tagged("post_install", "-at_install")
class TestFunnelProperties(ComparisonMixin, FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partners = cls.env["crm.team"].create(
            {"name": "Partners", "sequence": 2, "company_id": False}
        )
        cls.teams = (cls.team, cls.partners)
        demo, certified = cls.env["crm.stage"].create(
            [
                {"name": name, "sequence": 2, "team_ids": [Command.set(team.ids)]}
                for name, team in (("Demo", cls.team), ("Certified", cls.partners))
            ]
        )
        cls.stages = (
            *(cls.stage_new, cls.stage_qualified, demo, certified),
            *(cls.stage_proposition, cls.stage_won),
        )
        cls.reasons = (cls.lost_reason, cls.other_lost_reason)
        cls.reason_ids = {
            cls.lost_reason.id: 0,
            cls.other_lost_reason.id: 1,
            False: None,
            None: None,
        }
        cls.owners = (cls.user_a, cls.user_b)
        cls.own_funnel = cls.env["crm.funnel"].create(
            {
                "name": "Three Steps",
                "step_ids": [
                    Command.create(
                        {
                            "name": f"Step {rank}",
                            "sequence": rank,
                            "stage_ids": [
                                Command.set([cls.stages[stage].id for stage in step])
                            ],
                        }
                    )
                    for rank, step in enumerate(OWN_FUNNEL)
                ],
            }
        )

    @random_worlds(WORLDS)
    def test_report_equals_the_reference(self, random):
        self.random = random
        self.deals = []
        self.lead_ids = []
        for number in range(DEALS):
            self._live(number, *draw_life(random))
        for lens, rule in LENSES * 2:
            self._ask(lens, rule, **draw_question(random, self.deals))

    # ------------------------------------------------------------
    # LIVING
    # ------------------------------------------------------------

    def _live(self, number, seconds, team, stage, events):
        """Let a deal live through Odoo, and tell the reference what happened."""
        moment = BEGIN + timedelta(seconds=seconds)
        state = {"stage": stage, "amount": 100, "owner": 0, "team": team}
        with self._at(moment):
            lead = self._deals(
                context={"tracking_disable": True},
                stage_id=self.stages[stage].id,
                user_id=self.owners[0].id,
                team_id=self.teams[team].id,
                expected_revenue=100,
                # Odoo has learnt something, so that archived is not lost
                probability=100 if stage == WON else 20,
            )
        self.lead_ids.append(lead.id)
        happened = [Event(moment, "moved", **state)]
        for pause, (what, which), amount, owner in events:
            moment += timedelta(seconds=pause)
            state["amount"] = state["amount"] if amount is None else amount
            state["owner"] = state["owner"] if owner is None else owner
            with self._at(moment):
                lead.write(
                    {
                        "expected_revenue": state["amount"],
                        "user_id": self.owners[state["owner"]].id,
                        "team_id": self.teams[state["team"]].id,
                    }
                )
                happened += self._let_happen(lead, moment, what, which, state)
        stays = reference.stays_of(happened, STAGES)
        self.deals.append(Deal(number, stays, state["owner"], state["team"]))

    @contextmanager
    def _at(self, moment):
        """As :meth:`at`, at a tenth of the cost: it sets the time of the
        transaction, by which deals live, and not that of Python."""
        with patch.object(self.env.cr, "now", lambda: moment):
            yield
            self.env.flush_all()

    def _let_happen(self, lead, moment, what, which, state):
        """:return: list of events; ``state`` is what the deal is afterwards"""
        happened = []
        is_won = state["stage"] == WON
        if what in ("lost", "on_hold"):
            # Odoo lets no won deal be lost; archived, it stays won
            if not lead.active or (is_won and what == "lost"):
                return []
            if what == "on_hold":
                lead.action_archive()
                return [] if is_won else [Event(moment, what, **state)]
            if which is None:
                # as code does it; the dialog asks for a reason
                lead.action_set_lost()
            else:
                self._lose(lead, self.reasons[which])
            return [Event(moment, what, **state, reason=which)]
        if not lead.active:
            lead.action_restore()
            if not is_won:
                lead.probability = lead.probability or 20
                happened.append(Event(moment, "restored", **state))
        if what == "team":
            # Odoo finds a stage in the other pipeline, if it has to
            state["team"] = PARTNERS if state["team"] == DIRECT else DIRECT
            lead.team_id = self.teams[state["team"]]
            state["stage"] = self.stages.index(lead.stage_id)
        elif what == "moved":
            if STAGES[which].teams:
                which = OWN_STAGES[state["team"]]
            lead.stage_id = self.stages[which]
            state["stage"] = which
        happened.append(Event(moment, "moved", **state))
        return happened

    # ------------------------------------------------------------
    # ASKING
    # ------------------------------------------------------------

    def _ask(self, lens, rule, **question):
        zone = ZoneInfo(question["zone"])
        start = BEGIN + timedelta(days=question["first_day"])
        end = start + timedelta(days=question["days"])
        periods = [(start, end)]
        options = {
            "lens": lens,
            "rule": rule,
            "as_of": question["as_of"].strftime("%Y-%m-%d %H:%M:%S"),
            "groupby": question["groupby"],
            **self._period(start, end),
        }
        if question["compare"]:
            before = start - timedelta(days=20)
            options["compare"] = self._period(before, start)
            periods.append((before, start))
        if lens in ("cohort", "closed"):
            options["window_days"] = question["window"]
            options["horizon_days"] = question["horizon"]
        deals, domain, funnel = self.deals, [], PIPELINE
        if question["asker"] == "user_a":
            deals = [deal for deal in deals if deal.owner == 0]
        if question["team"] is not None:
            deals = [deal for deal in deals if deal.team == question["team"]]
            domain = [("team_id", "=", self.teams[question["team"]].id)]
            funnel = PIPELINES_OF_TEAMS[question["team"]]
        if question["own_funnel"]:
            options["funnel_id"] = self.own_funnel.id
            funnel = OWN_FUNNEL
        self.asker = self.Lead.with_user(getattr(self, question["asker"])).with_context(
            tz=question["zone"], active_test=False
        )
        report = self.asker.get_funnel_report(domain, options)
        answer = Answer(deals, funnel, lens, rule, zone, options)
        self.message = f"{question} {options} {self.deals}"
        self._check(report, answer, periods)
        if lens in ("cohort", "closed"):
            days = self.asker.get_funnel_days(domain, options)
            # the deals of all pairs of steps take long to be searched
            self.searched = self.random.choice(("days", None, None, None))
            self._assert_same(
                [row["days"] for row in days["rows"]],
                answer.days(*periods[0]),
                "days",
                self.message,
            )

    def _period(self, start, end):
        return {
            "date_from": start.strftime("%Y-%m-%d"),
            "date_to": end.strftime("%Y-%m-%d"),
        }

    # ------------------------------------------------------------
    # COMPARING
    # ------------------------------------------------------------

    def _check(self, report, answer, periods):
        """Compare all series, and in one of them search for the deals, too."""
        compared = {"total": (report["total"], answer.total(*periods[0]))}
        if len(periods) > 1:
            compared["compare"] = (report["compare"], answer.before(*periods[1]))
        else:
            self.assertIsNone(report["compare"])
        expected = {"series": answer.groups(*periods[0])}
        if len(periods) > 1:
            expected["compare"] = answer.groups_before(*periods[1])
        found = {group["label"]: group for group in report["groups"]}
        self.assertEqual(len(found), len(report["groups"]), self.message)
        if answer.is_partial:
            # a deal that is in none of the steps has an owner, too
            for label, group in found.items():
                if not any(label in groups for groups in expected.values()):
                    parts = [group[name] for name in expected]
                    self.assertTrue(
                        any(part[size] for part in parts for size in SIZES), label
                    )
                    expected["series"][label] = answer.nothing
        self.assertEqual(found.keys(), set().union(*expected.values()), self.message)
        for (name, groups), period in zip(expected.items(), periods, strict=True):
            for label, group in found.items():
                other = groups.get(label) or answer.nobodys(name, *period)
                compared[f"{label} {name}"] = (group[name], other)
        self.searched = self.random.choice(list(compared))
        for label, (actual, other) in compared.items():
            self._assert_same(actual, other, label, self.message)
            if label == self.searched:
                self._assert_domains(actual, answer)
        self._assert_identities(report["total"], answer)
        if report["groups"]:
            for name, total in (("series", "total"), ("compare", "compare")):
                if report[total]:
                    self._assert_partition(
                        [group[name] for group in report["groups"]],
                        report[total],
                        answer,
                    )

    def _reason_key(self, reason):
        return self.reason_ids[reason["id"]]

    def _assert_found(self, domain, numbers, message):
        if message.partition(".")[0] == self.searched:
            self.assertEqual(
                set(self.asker.search(domain).ids),
                {self.lead_ids[number] for number in numbers},
                message,
            )

    def _assert_domains(self, series, answer):
        """Each domain of owners at the time of a step, for which the reference has
        only the counts, finds as many deals as the figure beside it says."""
        if not answer.is_partial:
            return
        figures = [
            (all_figures["domains"][name], all_figures[name], name)
            for all_figures in (series, *series["steps"])
            for name in all_figures["domains"]
        ]
        figures += [
            (reason["domain"], reason["count"], reason["name"])
            for step in series["steps"]
            for reason in step["lost_reasons"]
        ]
        for domain, count, name in figures:
            self.assertEqual(
                self.asker.search_count(domain),
                count,
                f"{name} of {self.searched}: {self.message}",
            )

    def _assert_identities(self, series, answer):
        steps = series["steps"]
        if answer.lens == "flow":
            for step in steps:
                self.assertEqual(
                    step["entered"],
                    sum(step[way] for way in (*reference.WAYS_OUT, "still_here")),
                )
        elif answer.lens != "snapshot":
            outcomes = [
                sum(step[outcome] for outcome in reference.OUTCOMES) for step in steps
            ]
            if answer.rule == "beyond":
                counts = [step["count"] for step in steps] + [0]
                self.assertEqual(
                    [one - other for one, other in pairwise(counts)], outcomes
                )
            self.assertLessEqual(sum(outcomes), series["size"])

    def _assert_partition(self, all_series, total, answer):
        """The groups add up to the total, counts and money.

        Only deals that passed through several hands do so once with each of them.
        """
        stays = answer.lens == "flow" and answer.groupby == "stage_user_id"
        names = [name for name in COUNTED if not (stays and name == "size")]
        figures = [(all_series, total)]
        for rank, step in enumerate(total["steps"]):
            figures.append(([one["steps"][rank] for one in all_series], step))
        for parts, whole in figures:
            for name in names:
                if whole.get(name) is not None:
                    self.assertAlmostEqual(
                        sum(part[name] for part in parts),
                        whole[name],
                        6,
                        f"{name} {self.message}",
                    )


class Answer:
    """What the reference says to one question."""

    def __init__(self, deals, funnel, lens, rule, zone, options):
        self.deals = deals
        self.funnel = funnel
        self.lens = lens
        self.rule = rule
        self.zone = zone
        self.options = options
        self.groupby = options["groupby"]
        self.as_of = datetime.fromisoformat(options["as_of"])
        self.horizon = options.get("horizon_days") or reference.default_horizon(
            deals, STAGES, self.as_of
        )

    def total(self, start, end):
        return self._series(self._question(start, end))

    def before(self, start, end):
        """What is set beside it: a snapshot is that of the end of the period."""
        question = self._question(start, end)
        return self._series(question, as_of=self._as_of_before(question))

    def days(self, start, end):
        lives = self._lives(self._question(start, end))
        return reference.days_between(lives, self.funnel, self.rule)

    def _as_of_before(self, question):
        if self.lens == "snapshot":
            return min(self.as_of, question[1] - timedelta(seconds=1))
        return self.as_of

    def groups(self, start, end):
        """:return: dictionary from label to what is expected of its series"""
        expected = self._groups(self._question(start, end), self.as_of)
        if self.lens in ("cohort", "closed") and not self.is_partial:
            self._compare_groups(expected)
        return expected

    def groups_before(self, start, end):
        """:return: as :meth:`groups`, of what is set beside it"""
        question = self._question(start, end)
        return self._groups(question, self._as_of_before(question))

    def nobodys(self, name, start, end):
        """What is expected of a group that has deals only in what is set beside it,
        or only in what that is set beside.

        :param str name: ``series`` or ``compare``
        """
        if self.is_partial:
            return self.nothing
        question = self._question(start, end)
        as_of = self.as_of if name == "series" else self._as_of_before(question)
        series = self._series(question, set(), as_of)
        if name == "series" and self.lens in ("cohort", "closed"):
            for step in series["steps"]:
                step["below_others"] = None
        return series

    def _groups(self, question, as_of):
        if self.groupby == "stage_user_id":
            return self._groups_of_step_owners(question, as_of)
        parts = {}
        for deal in self.deals:
            parts.setdefault(self._label(deal), set()).add(deal.number)
        expected = {
            label: self._series(question, among, as_of)
            for label, among in parts.items()
        }
        return {label: series for label, series in expected.items() if series["size"]}

    def _question(self, start, end):
        """The moments of a period, which is one of days in a time zone."""
        return [
            moment.replace(tzinfo=self.zone)
            .astimezone(timezone.utc)
            .replace(tzinfo=None)
            for moment in (start, end)
        ]

    def _label(self, deal):
        if self.groupby == "user_id":
            return OWNER_NAMES[deal.owner]
        if self.groupby == "team_id":
            return TEAM_NAMES[deal.team]
        began = deal.began.replace(tzinfo=timezone.utc).astimezone(self.zone)
        return began.strftime("%B %Y")

    def _lives(self, question):
        find = {"cohort": reference.came_in, "closed": reference.ended}[self.lens]
        window = self.options.get("window_days")
        return find(self.deals, STAGES, *question, self.as_of, window)

    def _series(self, question, among=None, as_of=None):
        if self.lens == "snapshot":
            return reference.snapshot(
                self.deals, STAGES, self.funnel, as_of or self.as_of, among
            )
        if self.lens == "flow":
            deals = [d for d in self.deals if among is None or d.number in among]
            return reference.flow(deals, self.funnel, *question, self.as_of)
        lives = [
            life
            for life in self._lives(question)
            if among is None or life.deal.number in among
        ]
        return reference.series(lives, self.funnel, self.rule, self.as_of, self.horizon)

    def _compare_groups(self, expected):
        for label, series in expected.items():
            others = [other for name, other in expected.items() if name != label]
            for rank, step in enumerate(series["steps"]):
                counts = [0, 0]
                if rank:
                    counts = [
                        sum(other["steps"][place]["count"] for other in others)
                        for place in (rank, rank - 1)
                    ]
                before = series["steps"][rank - 1]["count"] if rank else 0
                step["below_others"] = reference.below_others(
                    step["count"], before, *counts
                )

    @property
    def is_partial(self):
        """Whether of the groups only the counts are foretold, and not what became
        of the deals, which is booked to one of their owners."""
        return self.groupby == "stage_user_id" and self.lens in ("cohort", "closed")

    @property
    def nothing(self):
        return {"steps": [{"count": 0, "domain": set()} for _step in self.funnel]}

    def _groups_of_step_owners(self, question, as_of):
        expected = {}
        for owner, name in enumerate(OWNER_NAMES):
            if self.is_partial:
                found = reference.counts_of_owner(
                    self._lives(question), self.funnel, self.rule, owner
                )
                if any(found):
                    steps = [{"count": len(deals), "domain": deals} for deals in found]
                    expected[name] = {"steps": steps}
                continue
            if self.lens == "snapshot":
                among = {
                    life.deal.number
                    for life in reference.lives_at(self.deals, STAGES, as_of)
                    if life.last.owner == owner
                }
                series = self._series(question, among, as_of)
            else:
                series = reference.flow(
                    self.deals, self.funnel, *question, self.as_of, owner
                )
            if series["size"]:
                expected[name] = series
        return expected
