"""The reference itself says what the worked example of the contract says."""

from datetime import datetime

import funnel_reference as reference
from funnel_reference import Deal, Event, Stage

NEW, QUALIFIED, PROPOSITION, WON = range(4)
STAGES = [Stage(), Stage(), Stage(), Stage(won=True)]
FUNNEL = [{NEW}, {QUALIFIED}, {PROPOSITION}, {WON}]
LIVES = (
    (
        "A",
        100,
        [("01-01", NEW), ("01-03", QUALIFIED), ("01-06", PROPOSITION), ("01-10", WON)],
    ),
    ("A", 200, [("01-02", NEW), ("01-05", PROPOSITION), ("01-08", "lost")]),
    (
        "B",
        300,
        [("01-03", NEW), ("01-04", QUALIFIED), ("01-06", NEW), ("01-07", QUALIFIED)],
    ),
    ("B", 50, [("01-04", NEW), ("01-04", "lost")]),
    ("B", 400, [("01-05", NEW), ("01-09", QUALIFIED), ("01-12", "on_hold")]),
    ("A", 500, [("02-01", NEW), ("02-03", WON)]),
)
JANUARY = (datetime(2026, 1, 1), datetime(2026, 2, 1))
AS_OF = datetime(2026, 2, 10)


def make_deals():
    deals = []
    for number, (owner, amount, moves) in enumerate(LIVES, 1):
        events, stage = [], None
        for day, what in moves:
            moved = what in range(len(STAGES))
            stage = what if moved else stage
            events.append(
                Event(
                    datetime.fromisoformat(f"2026-{day} 09:00:00"),
                    "moved" if moved else what,
                    stage,
                    amount,
                    owner,
                )
            )
        deals.append(Deal(number, reference.stays_of(events, STAGES), owner))
    return deals


def ask(rule="beyond", owner=None, as_of=AS_OF):
    deals = [deal for deal in make_deals() if owner in (None, deal.owner)]
    lives = reference.came_in(deals, STAGES, *JANUARY, as_of)
    return reference.series(lives, FUNNEL, rule, as_of, 30)


def column(series, *names):
    rows = [[step[name] for name in names] for step in series["steps"]]
    return [row[0] for row in rows] if len(names) == 1 else rows


def test_cohort():
    january = ask()
    assert column(january, "count", "amount", "skipped") == [
        [5, 1050, 0],
        [4, 1000, 1],
        [2, 300, 0],
        [1, 100, 0],
    ]
    assert column(january, "lost", "open", "on_hold") == [
        [1, 0, 0],
        [0, 1, 1],
        [1, 0, 0],
        [0, 0, 0],
    ]
    assert january["win_rate"] == 0.2
    assert january["win_rate_closed"] == 1 / 3
    to_next = january["steps"][0]["days_to_next"]
    assert (to_next["n"], to_next["mean"], to_next["median"]) == (4, 2.5, 2.5)


def test_rules():
    assert column(ask("visited"), "count") == [5, 3, 2, 1]
    assert column(ask("strict"), "count") == [5, 3, 1, 1]


def test_owners():
    assert column(ask(owner="A"), "count") == [2, 2, 2, 1]
    assert column(ask(owner="B"), "count") == [3, 2, 0, 0]


def test_closed():
    lives = reference.ended(make_deals(), STAGES, *JANUARY, AS_OF)
    january = reference.series(lives, FUNNEL, "beyond", AS_OF, 30)
    assert (january["size"], january["won"], january["lost"]) == (3, 1, 2)
    assert column(january, "count") == [3, 2, 2, 1]


def test_flow():
    steps = reference.flow(make_deals(), FUNNEL, *JANUARY, AS_OF)["steps"]
    ways = (*reference.WAYS_OUT, "still_here")
    assert steps[0]["entered"] == 6
    assert [steps[0][way] for way in ways] == [5, 0, 0, 1, 0, 0]
    assert steps[1]["entered"] == 4
    assert [steps[1][way] for way in ways] == [1, 1, 0, 0, 1, 1]


def test_snapshot():
    snapshot = reference.snapshot(
        make_deals(), STAGES, FUNNEL, datetime(2026, 1, 5, 12)
    )
    assert column(snapshot, "count", "amount") == [[1, 400], [2, 400], [1, 200], [0, 0]]
    # one deal had ended, and was lost
    assert column(snapshot, "win_probability") == [0, 0, 0, 0]


def test_expected_win_rate():
    # lost after no day and after six, won after nine; two are undecided
    assert abs(ask()["expected_win_rate"] - 4 / 5 * 3 / 4 * 1 / 3) < 1e-12
