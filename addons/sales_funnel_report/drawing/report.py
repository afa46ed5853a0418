"""The drawing of a whole report."""

from .colors import step_colors
from .geometry import funnel_bands

# What the width of a step may stand for, by the lens of the report.
MEASURES = {
    "cohort": ("count", "amount"),
    "closed": ("count", "amount"),
    "flow": ("entered", "amount"),
    "snapshot": ("count", "amount", "weighted_amount"),
}
# The lenses in which the deals of a step are those of the one before.
FLOWING_LENSES = {"cohort", "closed"}


def draw_report(report):
    """The shapes of a report.

    :param dict report: as ``crm.lead.get_funnel_report`` returns it
    :return: ``{"total": BANDS, "compare": BANDS or None, "groups": [BANDS],
        "group_compares": [BANDS or None], "colors": [str]}``; BANDS are lists of
        bands by measure (see :func:`~.geometry.funnel_bands`), the colors names of
        :data:`~.colors.HEX_COLORS`, one per step. The total and what it is
        compared with have one scale, the groups and what they are compared with
        have one among themselves.

    >>> steps = [{"count": 4, "amount": 9.0}, {"count": 1, "amount": 3.0}]
    >>> half = [{"count": 2, "amount": 9.0}, {"count": 0, "amount": 0.0}]
    >>> drawing = draw_report({
    ...     "options": {"lens": "cohort"},
    ...     "total": {"steps": steps},
    ...     "compare": {"steps": half},
    ...     "groups": [
    ...         {"series": {"steps": half}, "compare": {"steps": steps}},
    ...         {"series": {"steps": half}, "compare": None},
    ...     ],
    ... })
    >>> [band["width"] for band in drawing["total"]["count"]]
    [100.0, 25.0]
    >>> [band["width"] for band in drawing["compare"]["count"]]
    [50.0, 0.0]
    >>> [group["count"][0]["width"] for group in drawing["groups"]]
    [50.0, 50.0]
    >>> drawing["group_compares"][0]["count"][0]["width"], drawing["group_compares"][1]
    (100.0, None)
    >>> drawing["colors"]
    ['step-1', 'step-8']
    """
    lens = report["options"]["lens"]
    compare = report["compare"]
    total, *compared = draw_series(
        [report["total"], *([compare] if compare else [])], lens
    )
    groups = report["groups"]
    compared_groups = [group["compare"] for group in groups if group["compare"]]
    drawn = iter(
        draw_series([*(group["series"] for group in groups), *compared_groups], lens)
    )
    return {
        "total": total,
        "compare": compared[0] if compared else None,
        "groups": [next(drawn) for _group in groups],
        "group_compares": [
            next(drawn) if group["compare"] else None for group in groups
        ],
        "colors": step_colors(
            [step.get("color") or 0 for step in report["total"]["steps"]]
        ),
    }


def draw_series(several, lens):
    """The shapes of several SERIES on one scale.

    :param several: list of SERIES
    :param str lens: the lens of the report
    :return: list of ``{measure: [band]}``, one per SERIES
    """
    scales = {
        measure: max(
            (step[measure] or 0 for series in several for step in series["steps"]),
            default=0,
        )
        for measure in MEASURES[lens]
    }
    return [
        {
            measure: funnel_bands(
                [step[measure] or 0 for step in series["steps"]],
                scale,
                is_flowing=lens in FLOWING_LENSES,
            )
            for measure, scale in scales.items()
        }
        for series in several
    ]
