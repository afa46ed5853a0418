"""A made-up SERIES, for a look at what a funnel would be when there is none."""

from ..figures import cohort_series, duration

COUNTS = (120, 84, 46, 21)
AMOUNT_OF_A_DEAL = 800.0


def sample_series(names, lens):
    """
    :param names: of the four steps, first to last
    :param str lens: the lens of the report
    :return: a complete SERIES of that lens

    >>> names = ["New", "Qualified", "Proposition", "Won"]
    >>> series = sample_series(names, "cohort")
    >>> [(step["name"], step["count"]) for step in series["steps"]]
    [('New', 120), ('Qualified', 84), ('Proposition', 46), ('Won', 21)]
    >>> series["steps"][1]["conversion_prev"]
    0.7
    >>> [step["entered"] for step in sample_series(names, "flow")["steps"]]
    [120, 84, 46, 21]
    >>> sample_series(names, "snapshot")["steps"][2]["weighted_amount"]
    16800.0
    """
    steps = [
        {"key": f"sample:{rank}", "name": name, "kind": "stage", "color": 0}
        for rank, name in enumerate(names)
    ]
    makers = {"flow": _sample_flow, "snapshot": _sample_snapshot}
    series = makers.get(lens, _sample_cohort)(steps)
    series["domains"] = {}
    for step in series["steps"]:
        step.update(domain=[], domains={})
    return series


def _sample_cohort(steps):
    following = [*COUNTS[1:], 0]
    counted = {
        rank: {
            "count": count,
            "amount": count * AMOUNT_OF_A_DEAL,
            "lost": count - after if after else 0,
            "lost_amount": (count - after) * AMOUNT_OF_A_DEAL if after else 0.0,
            "won": 0 if after else count,
        }
        for rank, (count, after) in enumerate(zip(COUNTS, following, strict=True))
    }
    deals = {
        "size": COUNTS[0],
        "won": COUNTS[-1],
        "lost": COUNTS[0] - COUNTS[-1],
        "amount": COUNTS[0] * AMOUNT_OF_A_DEAL,
        "won_amount": COUNTS[-1] * AMOUNT_OF_A_DEAL,
    }
    return cohort_series(steps, {"deals": deals, "steps": counted})


def _sample_flow(steps):
    following = [*COUNTS[1:], 0]
    return {
        "size": COUNTS[0],
        "entered": sum(COUNTS),
        "amount": sum(COUNTS) * AMOUNT_OF_A_DEAL,
        "steps": [
            {
                **step,
                "entered": count,
                "advanced": after,
                "moved_back": 0,
                "handed_off": 0,
                "lost": count - after if after else 0,
                "on_hold": 0,
                "still_here": 0 if after else count,
                "amount": count * AMOUNT_OF_A_DEAL,
                "days_in_stay": duration(),
            }
            for step, count, after in zip(steps, COUNTS, following, strict=True)
        ],
    }


def _sample_snapshot(steps):
    sampled = [
        {
            **step,
            "count": count,
            "amount": count * AMOUNT_OF_A_DEAL,
            "win_probability": COUNTS[-1] / count,
            "weighted_amount": COUNTS[-1] * AMOUNT_OF_A_DEAL,
            "age_days": duration(),
            "stuck": 0,
        }
        for step, count in zip(steps, COUNTS, strict=True)
    ]
    return {
        "size": sum(COUNTS),
        "amount": sum(COUNTS) * AMOUNT_OF_A_DEAL,
        "weighted_amount": sum(step["weighted_amount"] for step in sampled),
        "stuck": 0,
        "steps": sampled,
    }
