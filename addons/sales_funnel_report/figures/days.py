from .series import duration


def days_between(steps, counted):
    """How long it took from each step to each later one.

    :param steps: the steps of the funnel, first to last, see
        :func:`~.series.cohort_series`
    :param dict counted: by ``(position, later position)``, what was counted of the
        deals that reached both, see :func:`~.series.duration`
    :return: list of one dictionary for each step but the last: ``key``, ``name``,
        ``kind``, ``color``, and ``days``, a duration with the ``key`` and the
        ``name`` of the later step for each of these

    >>> steps = [
    ...     {"key": key, "name": key.title(), "kind": "stage", "color": 0}
    ...     for key in ("new", "sent", "won")
    ... ]
    >>> rows = days_between(
    ...     steps, {(0, 2): {"n": 2, "mean": 4.0, "percentiles": [4.0, 4.6, 4.8]}}
    ... )
    >>> [(row["key"], [cell["key"] for cell in row["days"]]) for row in rows]
    [('new', ['sent', 'won']), ('sent', ['won'])]
    >>> [(cell["n"], cell["median"]) for cell in rows[0]["days"]]
    [(0, None), (2, 4.0)]
    >>> days_between([], {})
    []
    """
    return [
        {
            **{key: step[key] for key in ("key", "name", "kind", "color")},
            "days": [
                {
                    "key": steps[later]["key"],
                    "name": steps[later]["name"],
                    **duration(counted.get((rank, later))),
                }
                for later in range(rank + 1, len(steps))
            ],
        }
        for rank, step in enumerate(steps[:-1])
    ]
