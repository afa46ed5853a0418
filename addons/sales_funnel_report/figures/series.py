from .incidence import cumulative_incidence
from .rates import rate, shrunk_rate, wilson_interval


def duration(counted=None):
    """The figures of one kind of duration.

    :param counted: ``{"n", "mean", "percentiles": [median, p80, p90]}`` in days,
        or ``None`` when nothing was counted
    :return: ``{"n", "mean", "median", "p80", "p90"}``

    >>> duration({"n": 2, "mean": 1.5, "percentiles": [1.5, 1.8, 1.9]})["p90"]
    1.9
    >>> duration()
    {'n': 0, 'mean': None, 'median': None, 'p80': None, 'p90': None}
    """
    counted = counted or {}
    median, p80, p90 = counted.get("percentiles") or (None, None, None)
    return {
        "n": counted.get("n") or 0,
        "mean": counted.get("mean"),
        "median": median,
        "p80": p80,
        "p90": p90,
    }


def cohort_series(steps, counts, horizon=None):
    """The figures of one set of deals that came in together.

    :param steps: the steps of the funnel, first to last, each a dictionary with
        ``key``, ``name`` and ``kind``
    :param counts: what was counted: ``deals`` (one dictionary), ``steps`` (one
        dictionary by position of the step), ``lost_reasons`` (list of
        dictionaries by position), ``lives`` (see
        :func:`~.incidence.cumulative_incidence`)
    :param horizon: days after which a deal is expected to be decided, if known
    :return: dictionary of plain values, the SERIES of the report
    """
    deals = counts.get("deals") or {}
    size = deals.get("size") or 0
    won = deals.get("won") or 0
    lost = deals.get("lost") or 0
    undecided = (deals.get("open") or 0) + (deals.get("on_hold") or 0)
    expected = (
        cumulative_incidence(counts.get("lives") or [], horizon)
        if horizon is not None
        else None
    )
    if horizon is None:
        mature = not undecided
    else:
        youngest = deals.get("youngest_days")
        mature = youngest is None or youngest >= horizon
    return {
        "size": size,
        "won": won,
        "lost": lost,
        "open": deals.get("open") or 0,
        "on_hold": deals.get("on_hold") or 0,
        "amount": deals.get("amount") or 0,
        "won_amount": deals.get("won_amount") or 0,
        "win_rate": rate(won, size),
        "win_rate_ci": wilson_interval(won, size),
        "win_rate_closed": rate(won, won + lost),
        "expected_win_rate": expected,
        "mature": mature,
        "cycle_days": duration(deals.get("cycle_days")),
        "steps": _cohort_steps(steps, counts),
    }


def flow_series(steps, counts):
    """The figures of the stays that began in a period.

    :param steps: see :func:`cohort_series`
    :param counts: what was counted: ``deals`` (one dictionary) and ``steps`` (one
        dictionary by position of the step)
    :return: dictionary of plain values, the SERIES of the report
    """
    deals = counts.get("deals") or {}
    counted = counts.get("steps") or {}
    return {
        "size": deals.get("size") or 0,
        "entered": deals.get("entered") or 0,
        "amount": deals.get("amount") or 0,
        "steps": [
            {
                **_named(step),
                **{
                    name: counted.get(rank, {}).get(name) or 0
                    for name in (
                        "entered",
                        "advanced",
                        "moved_back",
                        "handed_off",
                        "lost",
                        "on_hold",
                        "still_here",
                        "amount",
                    )
                },
                "days_in_stay": duration(counted.get(rank, {}).get("days_in_stay")),
            }
            for rank, step in enumerate(steps)
        ],
    }


def snapshot_series(steps, counts, past):
    """The figures of the deals open at a moment, and what will come of them.

    :param steps: see :func:`cohort_series`
    :param counts: what was counted: ``deals`` (one dictionary) and ``steps`` (one
        dictionary by position of the step)
    :param past: deals that have ended: ``ended`` and ``won`` of all, and by position
        of the step in ``steps`` those that had reached it
    :return: dictionary of plain values, the SERIES of the report
    """
    deals = counts.get("deals") or {}
    result = []
    for rank, step in enumerate(steps):
        count = counts.get("steps", {}).get(rank) or {}
        learnt = past["steps"].get(rank) or {}
        probability = shrunk_rate(
            learnt.get("won") or 0,
            learnt.get("ended") or 0,
            rate(past["won"], past["ended"]),
        )
        amount = count.get("amount") or 0
        result.append(
            {
                **_named(step),
                "count": count.get("count") or 0,
                "amount": amount,
                "win_probability": probability,
                "weighted_amount": None
                if probability is None
                else amount * probability,
                "age_days": duration(count.get("age_days")),
                "stuck": count.get("stuck") or 0,
            }
        )
    weighted = [step["weighted_amount"] for step in result]
    return {
        "size": deals.get("count") or 0,
        "amount": deals.get("amount") or 0,
        "weighted_amount": None if None in weighted else sum(weighted),
        "stuck": sum(step["stuck"] for step in result),
        "steps": result,
    }


def _named(step):
    return {key: step[key] for key in ("key", "name", "kind", "color")}


def _cohort_steps(steps, counts):
    """The STEP of each step, see :func:`cohort_series`."""
    counted = [counts.get("steps", {}).get(rank) or {} for rank in range(len(steps))]
    reached = [step.get("count") or 0 for step in counted]
    result = []
    for rank, (step, count) in enumerate(zip(steps, counted, strict=True)):
        previous = reached[rank - 1] if rank else None
        result.append(
            {
                **_named(step),
                "count": reached[rank],
                "amount": count.get("amount") or 0,
                "skipped": count.get("skipped") or 0,
                "not_needed": count.get("not_needed") or 0,
                "conversion_prev": rate(reached[rank], previous) if rank else None,
                "conversion_first": rate(reached[rank], reached[0]),
                "ci": wilson_interval(reached[rank], previous) if rank else None,
                "lost": count.get("lost") or 0,
                "lost_amount": count.get("lost_amount") or 0,
                "open": count.get("open") or 0,
                "on_hold": count.get("on_hold") or 0,
                "won": count.get("won") or 0,
                "days_to_next": duration(count.get("days_to_next")),
                "days_in_step": duration(count.get("days_in_step")),
                "lost_reasons": counts.get("lost_reasons", {}).get(rank) or [],
            }
        )
    return result
