"""A module adds a kind of step and a figure by overriding one small method each."""

from pathlib import Path

import pytest
from own_database import Database


@pytest.fixture(scope="module")
def answer():
    with Database("hooks", origin="the addons") as database:
        database.run("--init=sales_funnel_example")
        return database.run_script(Path(__file__).parent / "hooks" / "ask.py")


@pytest.mark.parametrize(
    ("question", "reached"),
    [
        # three replied, and one was won without a reply
        ("beyond", [5, 4, 2]),
        ("visited", [5, 3, 2]),
        ("strict", [5, 3, 1]),
        ("closed", [3, 3, 2]),
        ("flow", [5, 3, 2]),
        ("snapshot", [1, 1, 0]),
    ],
)
def test_step_of_another_kind(answer, question, reached):
    assert answer[question]["steps"] == [
        ["First", "stage", reached[0]],
        ["Replied", "reply", reached[1]],
        ["Last", "stage", reached[2]],
    ]
    assert answer[question]["found"] == reached


def test_what_became_of_the_deals(answer):
    assert answer["beyond"]["skipped"] == [0, 1, 0]
    assert answer["beyond"]["lost"] == answer["flow"]["lost"] == [0, 1, 0]


def test_figure(answer):
    assert [answer[lens]["amount_per_deal"] for lens in ("beyond", "closed")] == [
        100,
        100,
    ]
