"""From numbers to widths and outlines.

A step is a bar as wide as its value, and below it a flow whose sides run smoothly
to the width of the next bar. Each step has a box of its own, put below the one
before and stretched to its place by whoever draws it.
"""

from itertools import pairwise

# The width and the height of the box of one step.
BOX = 100
# The part of a step's height that is the bar; the rest is the flow.
BAR_SHARE = 0.6
# The least width of a bar that is not empty: one deal in a thousand shows.
LEAST_SHARE = 0.006


def funnel_bands(values, scale=None, is_flowing=True):
    """The bands of one funnel.

    :param values: one number per step, first to last
    :param scale: the value that is as wide as the box, by default the greatest
    :param bool is_flowing: whether what is in a step comes from the one before
    :return: list of ``{"width": float, "bar": str, "flow": str}``, the width from
        0 to 100, the outlines as SVG path data in the box of the step, empty when
        there is nothing to show

    >>> funnel_bands([100, 50])[0]["flow"]
    'M0 60H100C100 80 75 80 75 100H25C25 80 0 80 0 60Z'
    >>> funnel_bands([100, 50])[1]
    {'width': 50.0, 'bar': 'M25 0H75V60H25Z', 'flow': ''}
    >>> [band["width"] for band in funnel_bands([50, 25, 0], scale=200)]
    [25.0, 12.5, 0.0]
    >>> [band["flow"] for band in funnel_bands([2, 1], is_flowing=False)]
    ['', '']
    >>> funnel_bands([])
    []
    """
    if scale is None:
        scale = max(values, default=0)
    widths = [bar_width(value, scale) for value in values]
    return [
        {
            "width": round(width, 2),
            "bar": bar_path(width),
            "flow": flow_path(width, next_width) if is_flowing else "",
        }
        for width, next_width in pairwise([*widths, None])
    ]


def bar_width(value, scale):
    """
    :return: the width of a bar, 0 when there is nothing to show

    >>> bar_width(50, 200), bar_width(300, 200), bar_width(1, 100_000)
    (25.0, 100.0, 0.6)
    >>> bar_width(0, 100), bar_width(-5, 100), bar_width(0, 0)
    (0.0, 0.0, 0.0)
    """
    if value <= 0 or scale <= 0:
        return 0.0
    return BOX * min(1.0, max(LEAST_SHARE, value / scale))


def bar_path(width):
    """
    :return: the outline of a bar, empty when it has no width

    >>> bar_path(100), bar_path(0)
    ('M0 0H100V60H0Z', '')
    """
    if not width:
        return ""
    left, right = _sides(width)
    return f"M{left} 0H{right}V{_number(BOX * BAR_SHARE)}H{left}Z"


def flow_path(upper, lower):
    """
    :param float upper: width at the top
    :param lower: width at the bottom, ``None`` below the last step
    :return: the outline of a flow, empty when nothing flows

    >>> flow_path(100, 0)
    'M0 60H100C100 80 50 80 50 100H50C50 80 0 80 0 60Z'
    >>> flow_path(0, 0), flow_path(100, None)
    ('', '')
    """
    if lower is None or not (upper or lower):
        return ""
    left, right = _sides(upper)
    lower_left, lower_right = _sides(lower)
    start = BOX * BAR_SHARE
    top, middle, bottom = map(_number, (start, (start + BOX) / 2, BOX))
    return (
        f"M{left} {top}H{right}"
        f"C{right} {middle} {lower_right} {middle} {lower_right} {bottom}"
        f"H{lower_left}"
        f"C{lower_left} {middle} {left} {middle} {left} {top}Z"
    )


def _sides(width):
    return _number((BOX - width) / 2), _number((BOX + width) / 2)


def _number(value):
    """
    >>> _number(50.0), _number(33.3333)
    ('50', '33.33')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")
