"""The figures of the funnel computed slowly and obviously from what happened.

Written from the contract, not from the code it checks: it sees the events of each
deal, not its history in the database, and goes through them one by one. Where the
report has a domain, the reference has the set of the deals it has to find.
"""

import dataclasses
from datetime import datetime, timedelta
from math import sqrt
from statistics import NormalDist, mean

DAY = timedelta(days=1)
ENDINGS = ("lost", "on_hold")
OUTCOMES = ("won", "lost", "open", "on_hold")
WAYS_OUT = ("advanced", "moved_back", "handed_off", "lost", "on_hold")


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stage of the pipeline; stages are listed in the order of the pipeline.

    ``teams`` are those whose own it is; a stage of nobody's own is everybody's.
    """

    won: bool = False
    teams: frozenset = frozenset()


@dataclasses.dataclass(frozen=True)
class Event:
    """What happened to a deal, and what the deal was when it had happened.

    ``what`` is ``moved`` (the first one: came in), ``lost``, ``on_hold`` or
    ``restored``; ``stage`` is a position in the list of stages.
    """

    moment: datetime
    what: str
    stage: int
    amount: float = 0
    owner: object = None
    team: object = None
    reason: object = None


@dataclasses.dataclass
class Stay:
    entered: datetime
    stage: int
    amount: float
    owner: object
    team: object
    left: datetime = None
    how: str = None
    reason: object = None

    def finished(self, moment):
        return self.left is not None and self.left <= moment


@dataclasses.dataclass(frozen=True)
class Deal:
    """A deal with its number, what it is today, and the chain of its stays."""

    number: int
    stays: list
    owner: object = None
    team: object = None

    @property
    def began(self):
        return self.stays[0].entered


def stays_of(events, stages):
    """The stays of one deal.

    :param list events: :class:`Event` in the order of time
    :param list stages: :class:`Stage` in the order of the pipeline
    """
    stays = []
    for event in events:
        last = stays[-1] if stays else None
        standing = last is not None and last.left is None
        if event.what in ENDINGS:
            if standing:
                last.left, last.how = event.moment, event.what
                last.reason = event.reason if event.what == "lost" else None
            continue
        if standing and last.stage == event.stage:
            continue
        if standing:
            last.left, last.how = event.moment, way_of_moving(last, event, stages)
        stays.append(
            Stay(event.moment, event.stage, event.amount, event.owner, event.team)
        )
    return stays


def way_of_moving(stay, event, stages):
    """How a deal left the stage of ``stay`` for that of ``event``."""
    owned_by = stages[stay.stage].teams
    if event.team != stay.team and owned_by and event.team not in owned_by:
        return "handed_off"
    return "advanced" if event.stage > stay.stage else "moved_back"


# ----------------------------------------------------------------
# NUMBERS
# ----------------------------------------------------------------


def percentile(values, share):
    """As ``percentile_cont`` of PostgreSQL has it: linear between neighbours."""
    values = sorted(values)
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def durations(values):
    if not values:
        return {"n": 0, "mean": None, "median": None, "p80": None, "p90": None}
    return {
        "n": len(values),
        "mean": mean(values),
        "median": percentile(values, 0.5),
        "p80": percentile(values, 0.8),
        "p90": percentile(values, 0.9),
    }


def rate(part, whole):
    """A share; of nothing there is none, and what is more than all is none."""
    return part / whole if whole and part <= whole else None


def wilson(part, whole):
    """The 95 % interval of a share."""
    if rate(part, whole) is None:
        return None
    z = NormalDist().inv_cdf(0.975)
    share = part / whole
    centre = share + z * z / (2 * whole)
    spread = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    low, high = ((centre + sign * spread) / (1 + z * z / whole) for sign in (-1, 1))
    return [low, high]


def below_others(part, whole, others_part, others_whole):
    """The two-proportion test, pooled and two-sided.

    It says nothing of a handful: when a table of the successes and failures of both
    would by chance have less than five in one of its cells.
    """
    if part > whole or others_part > others_whole or not whole or not others_whole:
        return None
    share, others = part / whole, others_part / others_whole
    pooled = (part + others_part) / (whole + others_whole)
    if min(whole, others_whole) * min(pooled, 1 - pooled) < 5 or share >= others:
        return None
    error = sqrt(pooled * (1 - pooled) * (1 / whole + 1 / others_whole))
    p_value = 2 * NormalDist().cdf((share - others) / error)
    if p_value >= 0.05:
        return None
    return {"rate": share, "others_rate": others, "p_value": p_value}


def incidence(lives, horizon):
    """Aalen–Johansen, one moment after the other.

    :param list lives: ``(days, "won", "lost" or None)`` for each deal
    """
    if not lives or horizon is None:
        return None
    undecided, won_share = 1.0, 0.0
    for moment in sorted({days for days, outcome in lives if outcome}):
        if moment > horizon:
            break
        at_risk = [outcome for days, outcome in lives if days >= moment]
        now = [outcome for days, outcome in lives if days == moment]
        won_share += undecided * now.count("won") / len(at_risk)
        undecided *= 1 - (now.count("won") + now.count("lost")) / len(at_risk)
    return won_share


# ----------------------------------------------------------------
# ONE DEAL AS IT WAS AT A MOMENT
# ----------------------------------------------------------------


class Life:
    """What is known of a deal at ``seen_to``, which is after its start."""

    def __init__(self, deal, stages, seen_to):
        self.deal = deal
        self.seen_to = seen_to
        self.stays = [stay for stay in deal.stays if stay.entered <= seen_to]
        self.last = self.stays[-1]
        self.amount = self.last.amount
        self.ended = None
        if self.last.finished(seen_to):
            self.outcome = self.last.how
            if self.outcome == "lost":
                self.ended = self.last.left
        elif stages[self.last.stage].won:
            self.outcome = "won"
            self.ended = self.last.entered
        else:
            self.outcome = "open"

    @property
    def days(self):
        """From its start to its end, or as far as it was seen."""
        return ((self.ended or self.seen_to) - self.deal.began) / DAY

    def reached(self, funnel, rule):
        """For each step the stay by which the deal reached it, or none.

        :param list funnel: for each step the set of its stages
        """
        if rule == "strict":
            return self._reached_in_order(funnel)
        reached = []
        for rank in range(len(funnel)):
            counting = set(funnel[rank])
            if rule == "beyond":
                counting = counting.union(*funnel[rank:])
            reached.append(self._first(counting, self.deal.began))
        return reached

    def _reached_in_order(self, funnel):
        reached, not_before = [], self.deal.began
        for step in funnel:
            stay = None
            if not_before is not None:
                stay = self._first(step, not_before)
            not_before = stay.entered if stay else None
            reached.append(stay)
        return reached

    def _first(self, counting, not_before):
        for stay in self.stays:
            if stay.stage in counting and stay.entered >= not_before:
                return stay
        return None

    def days_in(self, step):
        """Days of all finished stays in a step, none without such a stay."""
        finished = [
            (stay.left - stay.entered) / DAY
            for stay in self.stays
            if stay.stage in step and stay.finished(self.seen_to)
        ]
        return sum(finished) if finished else None


def lives_at(deals, stages, as_of, window_days=None):
    """The lives of those deals that had begun at ``as_of``.

    :param int window_days: look at each deal for that many days only
    """
    lives = []
    for deal in deals:
        if deal.began > as_of:
            continue
        seen_to = as_of
        if window_days is not None:
            seen_to = min(as_of, deal.began + timedelta(days=window_days))
        lives.append(Life(deal, stages, seen_to))
    return lives


def two_years_before(moment):
    """The same day and time; February 29 was the 28th then."""
    day = 28 if (moment.month, moment.day) == (2, 29) else moment.day
    return moment.replace(year=moment.year - 2, day=day)


def default_horizon(deals, stages, as_of):
    """The 90th percentile of the days to a win, over the last two years."""
    cycles = [
        life.days
        for life in lives_at(deals, stages, as_of)
        if life.outcome == "won" and life.ended >= two_years_before(as_of)
    ]
    return percentile(cycles, 0.9) if cycles else None


def numbers(lives):
    return {life.deal.number for life in lives}


def money(lives):
    return sum(life.amount for life in lives)


# ----------------------------------------------------------------
# THE LENSES
# ----------------------------------------------------------------


def came_in(deals, stages, start, end, as_of, window_days=None):
    """The lives that the lens *cohort* looks at."""
    deals = [deal for deal in deals if start <= deal.began < end]
    return lives_at(deals, stages, as_of, window_days)


def ended(deals, stages, start, end, as_of, window_days=None):
    """The lives that the lens *closed* looks at."""
    deals = [
        life.deal
        for life in lives_at(deals, stages, as_of)
        if life.ended is not None and start <= life.ended < end
    ]
    return lives_at(deals, stages, as_of, window_days)


def series(lives, funnel, rule, as_of, horizon):
    """The series of *cohort* and *closed*.

    :param list funnel: for each step the set of its stages
    :return: dictionary as the report has it
    """
    by = {
        outcome: [life for life in lives if life.outcome == outcome]
        for outcome in OUTCOMES
    }
    won, lost = len(by["won"]), len(by["lost"])
    return {
        "size": len(lives),
        **{outcome: len(by[outcome]) for outcome in OUTCOMES},
        "amount": money(lives),
        "won_amount": money(by["won"]),
        "win_rate": rate(won, len(lives)),
        "win_rate_ci": wilson(won, len(lives)),
        "win_rate_closed": rate(won, won + lost),
        "expected_win_rate": incidence(
            [
                (life.days, life.outcome if life.ended is not None else None)
                for life in lives
            ],
            horizon,
        ),
        "mature": is_mature(lives, as_of, horizon),
        "cycle_days": durations([life.days for life in by["won"]]),
        "domains": {
            "size": numbers(lives),
            **{outcome: numbers(by[outcome]) for outcome in OUTCOMES},
        },
        "steps": series_steps(lives, funnel, rule),
    }


def is_mature(lives, as_of, horizon):
    """Whether the youngest deal had its time.

    Where nobody has won there is no time to have had: all of them have ended then.
    """
    if not lives or horizon is None:
        return all(life.ended is not None for life in lives)
    return (as_of - max(life.deal.began for life in lives)) / DAY >= horizon


def series_steps(lives, funnel, rule):
    reached = {life.deal.number: life.reached(funnel, rule) for life in lives}
    furthest = {
        number: max(
            (rank for rank, stay in enumerate(stays) if stay is not None), default=None
        )
        for number, stays in reached.items()
    }
    there = [
        [life for life in lives if reached[life.deal.number][rank] is not None]
        for rank in range(len(funnel))
    ]
    steps = []
    for rank, step in enumerate(funnel):
        here = [life for life in lives if furthest[life.deal.number] == rank]
        by = {
            outcome: [life for life in here if life.outcome == outcome]
            for outcome in OUTCOMES
        }
        skipped = [
            life
            for life in there[rank]
            if not any(stay.stage in step for stay in life.stays)
        ]
        to_next = []
        if rank + 1 < len(funnel):
            for life in lives:
                stay, following = reached[life.deal.number][rank : rank + 2]
                if stay is not None and following is not None:
                    to_next.append((following.entered - stay.entered) / DAY)
        in_step = [life.days_in(step) for life in there[rank]]
        before = len(there[rank - 1]) if rank else 0
        steps.append(
            {
                "count": len(there[rank]),
                "amount": money(there[rank]),
                "skipped": len(skipped),
                "conversion_prev": rate(len(there[rank]), before),
                "conversion_first": rate(len(there[rank]), len(there[0])),
                "ci": wilson(len(there[rank]), before),
                **{outcome: len(by[outcome]) for outcome in OUTCOMES},
                "lost_amount": money(by["lost"]),
                "days_to_next": durations(to_next),
                "days_in_step": durations(
                    [days for days in in_step if days is not None]
                ),
                "lost_reasons": {
                    reason: {
                        "count": len(lost),
                        "amount": money(lost),
                        "domain": numbers(lost),
                    }
                    for reason, lost in by_reason(by["lost"]).items()
                },
                "domain": numbers(there[rank]),
                "domains": {
                    **{outcome: numbers(by[outcome]) for outcome in OUTCOMES},
                    "skipped": numbers(skipped),
                },
            }
        )
    return steps


def days_between(lives, funnel, rule):
    """How long it took from each step to each later one.

    :return: for each step but the last a list with a duration for each later step
    """
    reached = [(life, life.reached(funnel, rule)) for life in lives]
    rows = []
    for rank in range(len(funnel) - 1):
        row = []
        for later in range(rank + 1, len(funnel)):
            both = [
                (life, (stays[later].entered - stays[rank].entered) / DAY)
                for life, stays in reached
                if stays[rank] is not None and stays[later] is not None
            ]
            row.append(
                {
                    **durations([days for _life, days in both]),
                    "domain": numbers(life for life, _days in both),
                }
            )
        rows.append(row)
    return rows


def by_reason(lost):
    return {
        reason: [life for life in lost if life.last.reason == reason]
        for reason in {life.last.reason for life in lost}
    }


def counts_of_owner(lives, funnel, rule, owner):
    """For each step the deals of ``owner`` when they reached it."""
    reached = {life.deal.number: life.reached(funnel, rule) for life in lives}
    return [
        {
            number
            for number, stays in reached.items()
            if stays[rank] is not None and stays[rank].owner == owner
        }
        for rank in range(len(funnel))
    ]


def flow(deals, funnel, start, end, as_of, owner=None):
    """The series of *flow*.

    :param owner: only stays that were this owner's on entry
    """
    stays = [
        (deal.number, stay)
        for deal in deals
        for stay in deal.stays
        if start <= stay.entered < end
        and stay.entered <= as_of
        and (owner is None or stay.owner == owner)
    ]
    steps = []
    for step in funnel:
        here = [(number, stay) for number, stay in stays if stay.stage in step]
        by = {
            way: [
                (number, stay)
                for number, stay in here
                if (stay.how if stay.finished(as_of) else "still_here") == way
            ]
            for way in (*WAYS_OUT, "still_here")
        }
        steps.append(
            {
                "entered": len(here),
                **{way: len(by[way]) for way in by},
                "amount": sum(stay.amount for _number, stay in here),
                "days_in_stay": durations(
                    [
                        (stay.left - stay.entered) / DAY
                        for _number, stay in here
                        if stay.finished(as_of)
                    ]
                ),
                "domain": {number for number, _stay in here},
                "domains": {way: {number for number, _ in by[way]} for way in by},
            }
        )
    return {
        "size": len({number for number, _stay in stays}),
        "entered": len(stays),
        "amount": sum(stay.amount for _number, stay in stays),
        "domains": {"size": {number for number, _stay in stays}},
        "steps": steps,
    }


def snapshot(deals, stages, funnel, as_of, among=None):
    """The series of *snapshot*.

    :param list deals: what is learnt from, all deals asked for
    :param set among: numbers of the deals that are counted, all by default
    """
    lives = lives_at(deals, stages, as_of)
    standing = [
        life
        for life in lives
        if life.outcome == "open" and (among is None or life.deal.number in among)
    ]
    over = [
        life
        for life in lives
        if life.ended is not None and life.ended >= two_years_before(as_of)
    ]
    share_won = rate(sum(life.outcome == "won" for life in over), len(over))
    steps = []
    all_stuck = []
    for rank, step in enumerate(funnel):
        here = [life for life in standing if life.last.stage in step]
        had_reached = [
            life for life in over if life.reached(funnel, "beyond")[rank] is not None
        ]
        won = sum(life.outcome == "won" for life in had_reached)
        probability = None
        if share_won is not None:
            probability = (won + 10 * share_won) / (len(had_reached) + 10)
        ages = [(as_of - life.last.entered) / DAY for life in here]
        finished = [
            (stay.left - stay.entered) / DAY
            for life in lives
            for stay in life.stays
            if stay.stage in step and stay.finished(as_of)
        ]
        stuck = []
        if finished:
            limit = percentile(finished, 0.9)
            stuck = [life for life, age in zip(here, ages, strict=True) if age > limit]
        all_stuck += stuck
        steps.append(
            {
                "count": len(here),
                "amount": money(here),
                "win_probability": probability,
                "weighted_amount": None
                if probability is None
                else money(here) * probability,
                "age_days": durations(ages),
                "stuck": len(stuck),
                "domain": numbers(here),
                "domains": {"stuck": numbers(stuck)},
            }
        )
    return {
        "size": len(standing),
        "amount": money(standing),
        "weighted_amount": None
        if share_won is None
        else sum(step["weighted_amount"] for step in steps),
        "stuck": len(all_stuck),
        "domains": {"size": numbers(standing), "stuck": numbers(all_stuck)},
        "steps": steps,
    }
