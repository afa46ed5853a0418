"""The figures of the funnel computed slowly and obviously from what happened.

Written from the contract, not from the code it checks: it sees the events of each
deal, not its history in the database, and goes through them one by one.
"""

from datetime import timedelta
from statistics import mean

DAY = timedelta(days=1)


def stays_of(events):
    """The stays of one deal.

    :param list events: ``(moment, what, amount, owner)`` in the order of time;
        what is the position of a stage, ``"lost"``, ``"on_hold"`` or
        ``"restored"``
    :return: list of ``[entered, left or None, position, how it left, amount,
        owner]``
    """
    stays, position = [], None
    for moment, what, amount, owner in events:
        standing = bool(stays) and stays[-1][1] is None
        if what in ("lost", "on_hold"):
            if standing:
                stays[-1][1], stays[-1][3] = moment, what
        elif what == "restored":
            if not standing:
                stays.append([moment, None, position, None, amount, owner])
        elif what != position or not standing:
            if standing:
                stays[-1][1], stays[-1][3] = moment, "moved"
            stays.append([moment, None, what, None, amount, owner])
            position = what
    return stays


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


def incidence(lives, horizon):
    """Aalen–Johansen, one moment after the other.

    :param list lives: ``(days, "won", "lost" or None)`` for each deal
    """
    if not lives:
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


def cohort(deals, size, won_position, start, end, as_of, horizon, window_days=None):
    """The series of the deals that came in during the period, by *beyond*.

    :param list deals: the events of each deal, see :func:`stays_of`
    :param int size: number of steps, one for each stage
    :param int won_position: position of the won stage
    :return: dictionary as the report has it, as far as it is compared
    """
    lives = []
    for events in deals:
        stays = stays_of(events)
        if not stays or not start <= stays[0][0] < end or stays[0][0] > as_of:
            continue
        began = stays[0][0]
        seen_to = as_of
        if window_days is not None:
            seen_to = min(as_of, began + timedelta(days=window_days))
        seen = [stay for stay in stays if stay[0] <= seen_to]
        entered, left, position, how, amount, _owner = seen[-1]
        outcome, ended = "open", None
        if left is not None and left <= seen_to:
            outcome = how
            ended = left if how == "lost" else None
        elif position == won_position:
            outcome, ended = "won", entered
        reached = [
            min((stay[0] for stay in seen if stay[2] >= rank), default=None)
            for rank in range(size)
        ]
        finished = [
            [
                (stay[1] - stay[0]) / DAY
                for stay in seen
                if stay[2] == rank and stay[1] is not None and stay[1] <= seen_to
            ]
            for rank in range(size)
        ]
        lives.append(
            {
                "began": began,
                "outcome": outcome,
                "amount": amount,
                "days": ((ended or seen_to) - began) / DAY,
                "reached": reached,
                "furthest": max(stay[2] for stay in seen),
                "visited": {stay[2] for stay in seen},
                "finished": finished,
            }
        )

    def having(outcome, among=lives):
        return [life for life in among if life["outcome"] == outcome]

    steps = []
    for rank in range(size):
        there = [life for life in lives if life["reached"][rank] is not None]
        here = [life for life in lives if life["furthest"] == rank]
        steps.append(
            {
                "count": len(there),
                "amount": sum(life["amount"] for life in there),
                "skipped": sum(rank not in life["visited"] for life in there),
                "lost": len(having("lost", here)),
                "lost_amount": sum(life["amount"] for life in having("lost", here)),
                "open": len(having("open", here)),
                "on_hold": len(having("on_hold", here)),
                "won": len(having("won", here)),
                "days_to_next": durations(
                    [
                        (life["reached"][rank + 1] - life["reached"][rank]) / DAY
                        for life in there
                        if rank + 1 < size and life["reached"][rank + 1] is not None
                    ]
                ),
                "days_in_step": durations(
                    [
                        sum(life["finished"][rank])
                        for life in there
                        if life["finished"][rank]
                    ]
                ),
            }
        )
    return {
        "size": len(lives),
        "won": len(having("won")),
        "lost": len(having("lost")),
        "open": len(having("open")),
        "on_hold": len(having("on_hold")),
        "amount": sum(life["amount"] for life in lives),
        "won_amount": sum(life["amount"] for life in having("won")),
        "win_rate": len(having("won")) / len(lives) if lives else None,
        "expected_win_rate": incidence(
            [
                (
                    life["days"],
                    life["outcome"] if life["outcome"] in ("won", "lost") else None,
                )
                for life in lives
            ],
            horizon,
        ),
        "mature": not lives
        or (as_of - max(life["began"] for life in lives)) / DAY >= horizon,
        "cycle_days": durations([life["days"] for life in having("won")]),
        "steps": steps,
    }
