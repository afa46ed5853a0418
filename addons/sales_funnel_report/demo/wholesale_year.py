"""A year of a small wholesale company: what happens to its deals, and when.

Three salespeople sell tableware, consumables and kitchen equipment to restaurants
and canteens. :func:`live` tells their year as a list of events, oldest first, the
last one not after now. It is plain Python and draws from generators with a fixed
seed: the same moment, time zone and number of stages give the same year.

Records are called by their external ids. ``crm.funnel.demo`` makes the events
happen.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import pairwise
from random import Random

import pytz

SEED = "wholesale"
DEALS = 600
DAYS = 365

# Few deals come in winter and in the summer holidays, many before the season of
# the gardens and before Christmas.
SEASON = (0, 0.7, 0.9, 1.2, 1.3, 1.1, 0.9, 0.7, 0.6, 1.1, 1.3, 1.4, 0.8)

OPENS, CLOSES = time(8, 30), time(17, 30)
WORKDAY = 9 * 3600


@dataclass(frozen=True, eq=False)
class Salesperson:
    """The habits of one of them. Shares and chances are between 0 and 1."""

    name: str
    customers: range
    share_of_deals: float
    # how much of what comes in comes from where
    sources: dict
    # working days that a deal usually stays in a stage
    pace: float
    # the chance that a deal goes on when it leaves a stage, before its source counts
    conversion: float
    # of the deals that go on, those that pass over a stage
    jumps: float
    # of the deals that do not end, those that go back a stage
    moves_back: float
    # of the deals that end, those that are put aside and not lost
    freezes: float
    # deals that were never touched after they came in
    forgets: float
    # deals about a whole kitchen, not about some boxes
    large: float
    # how often the customer hears of them between one event and the next, on average
    touches: dict


SALESPEOPLE = (
    # answers at once, keeps the order of the stages, small regular customers
    Salesperson(
        name="anna",
        customers=range(1, 25),
        share_of_deals=0.36,
        sources={
            "referral": 0.3,
            "website": 0.3,
            "fair": 0.15,
            "catalogue": 0.2,
            "cold_call": 0.05,
        },
        pace=4,
        conversion=0.73,
        jumps=0.04,
        moves_back=0.05,
        freezes=0.05,
        forgets=0.01,
        large=0.12,
        touches={"call": 0.7, "no_answer": 0.1, "mail": 0.5, "meeting": 0.05},
    ),
    # takes every lead there is and calls back late, or never
    Salesperson(
        name="boris",
        customers=range(25, 49),
        share_of_deals=0.48,
        sources={
            "referral": 0.08,
            "website": 0.32,
            "fair": 0.15,
            "catalogue": 0.2,
            "cold_call": 0.25,
        },
        pace=10,
        conversion=0.58,
        jumps=0.2,
        moves_back=0.12,
        freezes=0.08,
        forgets=0.07,
        large=0.1,
        touches={"call": 0.35, "no_answer": 0.35, "mail": 0.2, "meeting": 0.03},
    ),
    # a few large deals that take their time
    Salesperson(
        name="chloe",
        customers=range(49, 61),
        share_of_deals=0.16,
        sources={
            "referral": 0.4,
            "website": 0.1,
            "fair": 0.35,
            "catalogue": 0.05,
            "cold_call": 0.1,
        },
        pace=16,
        conversion=0.68,
        jumps=0.06,
        moves_back=0.15,
        freezes=0.15,
        forgets=0.0,
        large=0.75,
        touches={"call": 0.8, "no_answer": 0.1, "mail": 0.5, "meeting": 0.4},
    ),
)

# What a deal that comes from there is worth: the odds to go on, times this.
QUALITY = {
    "referral": 1.9,
    "website": 1.0,
    "fair": 1.2,
    "catalogue": 0.8,
    "cold_call": 0.5,
}
# Only these begin as a lead that somebody has to qualify first.
LEAD_SOURCES = {"website": 0.25, "catalogue": 0.25}
# A referral is often known well enough to begin one stage further.
BEGINS_FURTHER = {"referral": 0.15}

# Why deals are lost: in the first stages, in the later ones.
EARLY_REASONS = {"silence": 5, "no_need": 4, "competitor": 1, "price": 1}
LATE_REASONS = {"price": 5, "competitor": 4, "delivery": 2, "terms": 2, "silence": 1}

# Of the lost deals, those whose customer calls again.
COMES_BACK = 0.04

# (what about, tags); the number of covers or boxes is filled in
SMALL = (
    ("Cutlery for {} covers", ("tableware",)),
    ("Glasses for {} guests", ("tableware",)),
    ("Plates and bowls, {} sets", ("tableware",)),
    ("Napkins, {} boxes", ("consumables",)),
    ("Take-away packaging, {} boxes", ("consumables",)),
    ("Cleaning supplies, {} cases", ("consumables",)),
    ("Baking trays, {} pieces", ("equipment",)),
)
LARGE = (
    ("Dishwashers for {} kitchens", ("equipment",)),
    ("Tableware for {} restaurants", ("tableware", "opening")),
    ("Kitchen for a new house, {} covers", ("equipment", "opening")),
    ("Consumables for {} locations", ("consumables", "contract")),
    ("Cold rooms for {} locations", ("equipment", "contract")),
)

TO_DO = (
    ("mail.mail_activity_data_call", "Call back"),
    ("mail.mail_activity_data_email", "Send the price list"),
    ("mail.mail_activity_data_todo", "Prepare the offer"),
    ("mail.mail_activity_data_call", "Ask for the decision"),
)


# Calls, mails and meetings: what they are about.
SUBJECTS = {
    "call": ("What is needed", "Prices", "Delivery dates", "The decision"),
    "no_answer": ("What is needed", "Prices", "The decision"),
    "mail": ("Price list", "Samples", "Pictures of the range", "Questions answered"),
    "meeting": ("Visit to the kitchen", "In the showroom", "Tasting table"),
}


@dataclass(frozen=True)
class Event:
    """What happens to a deal at one moment (UTC, no zone, whole seconds).

    ``action`` is one of ``begin``, ``qualify`` (a lead becomes an opportunity),
    ``move``, ``win``, ``lose``, ``freeze``, ``resume`` (a frozen or a lost
    deal) and ``plan`` (an activity for a deal that is open today).
    """

    moment: datetime
    deal: int
    action: str
    values: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Touch:
    """That a customer heard of the salesperson, at one moment.

    ``kind`` is one of ``call``, ``no_answer``, ``mail`` and ``meeting``; ``minutes``
    is how long they talked.
    """

    moment: datetime
    deal: int
    kind: str
    subject: str
    minutes: int


class WorkingTime:
    """The company's working seconds of a year, counted one after the other, so
    that a deal's life can be told without thinking of nights and week-ends.

    :param datetime now: the end of the year, UTC without zone
    :param str zone: name of the company's time zone
    """

    def __init__(self, now, zone):
        self.now = now
        self.zone = pytz.timezone(zone)
        self.today = pytz.utc.localize(now).astimezone(self.zone).date()
        self.days = [
            day
            for day in (self.today - timedelta(days=ago) for ago in range(DAYS, -1, -1))
            if day.weekday() < 5
        ]

    def day(self, second):
        """:return: the date on which the working second lies; after the last day
        the days go on, week-ends included, which is good enough for a guess"""
        number = int(second) // WORKDAY
        beyond = max(0, number - len(self.days) + 1)
        return self.days[min(number, len(self.days) - 1)] + timedelta(days=beyond)

    def moment(self, second):
        """:return: the moment of the working second, UTC without zone, or ``None``
        when it is still to come"""
        if second >= len(self.days) * WORKDAY:
            return None
        opens = datetime.combine(self.day(second), OPENS)
        local = self.zone.localize(opens + timedelta(seconds=int(second) % WORKDAY))
        moment = local.astimezone(pytz.utc).replace(tzinfo=None)
        return moment if moment <= self.now else None


class Life:
    """The life of one deal, from the day it comes in until it ends, or until now.

    :param int number: of the deal, 1 for the first
    :param int begins: working second at which it comes in
    :param WorkingTime working_time: the year it lives in
    :param int stages: how many stages there are before the won one
    """

    def __init__(self, number, begins, working_time, stages):
        self.random = Random(f"{SEED} {number}")
        self.number = number
        self.second = begins
        self.working_time = working_time
        self.last_stage = stages - 1
        self.salesperson = self.choose({s: s.share_of_deals for s in SALESPEOPLE})
        self.source = self.choose(self.salesperson.sources)
        self.large = self.happens(self.salesperson.large)
        self.amount = self.draw_amount()
        self.stage = 0
        # (working second, action) of all that happens, that to come included
        self.course = []

    # dice

    def happens(self, chance):
        return self.random.random() < chance

    def choose(self, weights):
        return self.random.choices(list(weights), list(weights.values()))[0]

    def draw_amount(self):
        if self.large:
            return max(8_000, self.random.lognormvariate(10.1, 0.5))
        return max(150, self.random.lognormvariate(7.4, 0.7))

    def estimate(self, low, high):
        """:return: the amount as it is guessed: between ``low`` and ``high`` times
        the true one, in round figures"""
        round_to = 500 if self.large else 10
        guess = self.amount * self.random.uniform(low, high)
        return float(max(1, round(guess / round_to)) * round_to)

    # events

    def event(self, action, **values):
        """:return: the event, now in the life of the deal; ``None`` when that is
        still to come"""
        self.course.append((self.second, action))
        moment = self.working_time.moment(self.second)
        return moment and Event(moment, self.number, action, values)

    def wait(self, factor=1.0):
        days = self.random.lognormvariate(0, 0.7) * self.salesperson.pace * factor
        self.second += max(600, int(days * WORKDAY))

    def deadline(self):
        """:return: the date on which the salesperson hopes to have it"""
        stages_left = self.last_stage - self.stage + 1
        days = self.salesperson.pace * stages_left * self.random.uniform(0.8, 1.6)
        return self.working_time.day(self.second + days * WORKDAY)

    def events(self):
        """:return: list of :class:`Event`, at least the one it begins with"""
        lived = []
        for event in self.plot():
            if event is None:
                if lived[-1].action not in ("lose", "freeze"):
                    lived += self.today()
                break
            lived.append(event)
        return lived

    def plot(self):
        """Yield what happens, event after event, to the end of the deal."""
        is_lead = self.happens(LEAD_SOURCES.get(self.source, 0))
        if self.last_stage and self.happens(BEGINS_FURTHER.get(self.source, 0)):
            self.stage = 1
        yield self.begin(is_lead)
        if self.happens(self.salesperson.forgets):
            yield None
        if is_lead:
            self.wait(0.5)
            if self.happens(0.4):
                yield self.event("lose", reason=self.choose(EARLY_REASONS))
                return
            yield self.event("qualify")
        while True:
            # what is further on takes longer to decide
            self.wait(1 + 0.4 * self.stage)
            if self.happens(self.chance_to_go_on()):
                if self.stage == self.last_stage:
                    yield self.event("win", expected_revenue=self.estimate(0.95, 1.0))
                    return
                yield self.forward()
            elif self.stage and self.happens(self.salesperson.moves_back):
                yield self.back()
            elif self.happens(self.salesperson.freezes):
                yield self.event("freeze")
                if self.happens(0.6):
                    return
                self.wait(3)
                yield self.event("resume")
            else:
                late = self.stage == self.last_stage or self.happens(0.3)
                reasons = LATE_REASONS if late else EARLY_REASONS
                yield self.event("lose", reason=self.choose(reasons))
                if not self.happens(COMES_BACK):
                    return
                self.wait(3)
                yield self.event("resume")

    def begin(self, is_lead):
        what, tags = self.random.choice(LARGE if self.large else SMALL)
        number = self.random.randint(2, 9) if self.large else self.random.randint(2, 24)
        if "house" in what or not self.large:
            number *= 10
        known = not is_lead and self.happens(0.7)
        return self.event(
            "begin",
            name=what.format(number),
            type="lead" if is_lead else "opportunity",
            salesperson=self.salesperson.name,
            customer=self.random.choice(self.salesperson.customers),
            source=self.source,
            tags=tags,
            stage=self.stage,
            # a guess, if there is any
            expected_revenue=self.estimate(0.4, 0.9) if known else 0.0,
            priority=str(self.random.choice((1, 2, 3) if self.large else (0, 0, 1, 1))),
            date_deadline=None if is_lead else self.deadline(),
        )

    def chance_to_go_on(self):
        chance = self.salesperson.conversion
        odds = chance / (1 - chance) * QUALITY[self.source]
        return odds / (1 + odds)

    def forward(self):
        jumps = self.stage + 2 <= self.last_stage and self.happens(
            self.salesperson.jumps
        )
        self.stage += 2 if jumps else 1
        is_offered = self.stage == self.last_stage
        return self.event(
            "move",
            stage=self.stage,
            # the nearer the offer, the better it is known
            expected_revenue=self.estimate(
                *((0.97, 1.1) if is_offered else (0.7, 1.0))
            ),
            date_deadline=self.deadline(),
        )

    def back(self):
        self.stage -= 1
        return self.event("move", stage=self.stage, date_deadline=self.deadline())

    def touches(self):
        """Tell, after :meth:`events`, what was done for it to come so.

        :return: list of :class:`Touch`
        """
        # dice of its own, so that the year is what it is with and without them
        dice = Random(f"{SEED} touches {self.number}")
        touched = []
        for (second, action), (next_second, _next) in pairwise(self.course):
            if action in ("lose", "freeze"):
                continue
            for kind, mean in self.salesperson.touches.items():
                while dice.random() < mean / (1 + mean):
                    moment = self.working_time.moment(dice.randint(second, next_second))
                    subject = dice.choice(SUBJECTS[kind])
                    minutes = dice.randint(30, 90) if kind == "meeting" else 0
                    if kind == "call":
                        minutes = dice.randint(2, 20)
                    if moment:
                        touched.append(
                            Touch(moment, self.number, kind, subject, minutes)
                        )
        return touched

    def today(self):
        """:return: what is planned for a deal that is open today, if anything"""
        if not self.happens(0.45):
            return []
        activity, summary = self.random.choice(TO_DO)
        late = 8 if self.salesperson.pace > 8 else 2
        date = self.working_time.today + timedelta(days=self.random.randint(-late, 12))
        values = {"activity": activity, "summary": summary, "date_deadline": date}
        return [Event(self.working_time.now, self.number, "plan", values)]


def live(now, zone, stages):
    """Tell the year that ends now.

    :param datetime now: UTC without zone; nothing happens after it
    :param str zone: name of the company's time zone, for its working hours
    :param int stages: how many stages there are before the won one, at least one
    :return: list of :class:`Event` in the order of time
    """
    events = [event for life in _begin(now, zone, stages) for event in life.events()]
    return sorted(events, key=lambda event: event.moment)


def touch(now, zone, stages):
    """Tell of the calls, mails and meetings of the same year.

    :return: list of :class:`Touch` in the order of time
    """
    touches = []
    for life in _begin(now, zone, stages):
        life.events()
        touches += life.touches()
    return sorted(touches, key=lambda one: one.moment)


def _begin(now, zone, stages):
    """:return: list of :class:`Life`, one for each deal of the year"""
    working_time = WorkingTime(now.replace(microsecond=0), zone)
    random = Random(SEED)
    # those of today may have come in already, or not: it counts what has
    days = range(len(working_time.days) - 1)
    weights = [SEASON[working_time.days[day].month] for day in days]
    begins = sorted(
        day * WORKDAY + random.randrange(WORKDAY)
        for day in random.choices(days, weights, k=DEALS)
    )
    return [
        Life(number, second, working_time, stages)
        for number, second in enumerate(begins, start=1)
    ]
