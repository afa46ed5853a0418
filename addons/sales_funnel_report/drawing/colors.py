"""The colours of the steps, by name; each drawer has its own shade for a name."""

# The palette that steps without a colour of their own are spread over, the first
# on its first, the last (won) on its last.
SPREAD = (
    "#4f5bd5",
    "#3f70d8",
    "#2f85d2",
    "#2396c4",
    "#1ca3ae",
    "#1fac93",
    "#2eb37a",
    "#3db562",
)
# Odoo's colours to choose from, 1 to 11.
CHOSEN = (
    "#ee2d2d",
    "#dc8534",
    "#e8bb1d",
    "#5794dd",
    "#9f628f",
    "#db8865",
    "#41a9a2",
    "#304be0",
    "#ee2f8a",
    "#61c36e",
    "#9872e6",
)
HEX_COLORS = {
    **{f"step-{index}": color for index, color in enumerate(SPREAD, 1)},
    **{f"chosen-{index}": color for index, color in enumerate(CHOSEN, 1)},
}


def step_colors(chosen):
    """The colour of each step.

    :param chosen: Odoo's colour index of each step, first to last, 0 when no
        colour was chosen
    :return: list of names, the keys of :data:`HEX_COLORS`

    >>> step_colors([0, 0, 0])
    ['step-1', 'step-5', 'step-8']
    >>> step_colors([0, 10, 0])
    ['step-1', 'chosen-10', 'step-8']
    >>> step_colors([0]), step_colors([])
    (['step-8'], [])
    """
    return [
        f"chosen-{color}"
        if 0 < color <= len(CHOSEN)
        else f"step-{spread_color(rank, len(chosen))}"
        for rank, color in enumerate(chosen)
    ]


def spread_color(rank, length):
    """
    :return: place in :data:`SPREAD`, from 1, of one of ``length`` steps

    >>> [spread_color(rank, 8) for rank in range(8)]
    [1, 2, 3, 4, 5, 6, 7, 8]
    """
    if length < 2:
        return len(SPREAD)
    # halves go up, as they do in JavaScript
    return 1 + int(rank * (len(SPREAD) - 1) / (length - 1) + 0.5)
