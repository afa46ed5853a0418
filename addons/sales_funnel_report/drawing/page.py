"""Where the parts of the drawing of a document lie, in units of its width."""

import re

WIDTH = 1000
GAP = 16
LABEL = 230
ASIDE = 280
# A group's funnel has its labels in the left part of its cell.
GROUP_LABEL = 0.48
GROUP_HEAD = 22
GROUP_ROW = 26
GROUPS_ABREAST = 4
# What XML has no way to write: control characters, halves of letters.
NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def funnel_rows(size, row_height, x=0, y=0, width=WIDTH, label=LABEL, aside=ASIDE):
    """The places of the steps of one funnel.

    :param int size: how many steps
    :param float row_height: of one step
    :return: list of places, first to last: ``top``, ``label_left``,
        ``label_right``, ``middle`` of the bands, ``unit`` (how wide one of their
        units is), ``aside_left``, ``aside_right``, and the ``transform`` that
        brings a band from its box to its place

    >>> rows = funnel_rows(2, 60)
    >>> rows[1]["top"], rows[1]["label_right"], rows[1]["aside_left"]
    (60, 214, 736)
    >>> rows[1]["transform"]
    'translate(230 60) scale(4.9 0.6)'
    """
    band = width - label - aside
    return [
        {
            "top": top,
            "label_left": x,
            "label_right": x + label - GAP,
            "middle": x + label + band / 2,
            "unit": band / 100,
            "aside_left": x + label + band + GAP,
            "aside_right": x + width,
            "transform": (
                f"translate({_short(x + label)} {_short(top)}) "
                f"scale({_short(band / 100)} {_short(row_height / 100)})"
            ),
        }
        for top in (y + rank * row_height for rank in range(size))
    ]


def group_cells(groups, steps):
    """The places of small funnels side by side.

    :param int groups: how many
    :param int steps: how many steps each of them has
    :return: ``(cells, height)``; a cell has ``left``, ``top``, ``width`` and
        ``rows`` (see :func:`funnel_rows`)

    >>> cells, height = group_cells(5, 3)
    >>> [(cell["left"], cell["top"]) for cell in cells][3:]
    [(768.0, 0), (0.0, 124)]
    >>> height
    232
    """
    abreast = max(1, min(GROUPS_ABREAST, groups))
    width = (WIDTH - GAP * 1.5 * (abreast - 1)) / abreast
    height = GROUP_HEAD + steps * GROUP_ROW + 8
    cells = []
    for rank in range(groups):
        left = rank % abreast * (width + GAP * 1.5)
        top = rank // abreast * (height + GAP)
        rows = funnel_rows(
            steps,
            GROUP_ROW,
            x=left,
            y=top + GROUP_HEAD,
            width=width,
            label=width * GROUP_LABEL,
            aside=0,
        )
        cells.append({"left": left, "top": top, "width": width, "rows": rows})
    lines = -(-groups // abreast)
    return cells, lines * (height + GAP) - GAP


def cells_that_fit(groups, steps, height):
    """
    :param int groups: how many
    :param int steps: how many steps each of them has
    :param float height: there is for them
    :return: how many can be drawn, at least those of one line

    >>> cells_that_fit(9, 3, 240), cells_that_fit(9, 3, 100), cells_that_fit(2, 3, 240)
    (8, 4, 2)
    """
    lines = int((height + GAP) / (GROUP_HEAD + steps * GROUP_ROW + 8 + GAP))
    return min(groups, max(1, lines) * GROUPS_ABREAST)


def fill_lines(paragraphs, width, size):
    """Parts of text put into lines that are not too long.

    :param paragraphs: lists of ``(text, color)``; each begins a line
    :param float width: there is for a line
    :param float size: of the letters
    :return: list of lines, each a list of ``(text, color)``

    >>> fill_lines([[("12 lost", "red"), ("3 open", "blue")], [], [("4 days", "")]], 110, 10)
    [[('12 lost', 'red'), ('3 open', 'blue')], [('4 days', '')]]
    >>> fill_lines([[("12 lost", "red"), ("300 open", "blue")]], 70, 10)
    [[('12 lost', 'red')], [('300 open', 'blue')]]
    """
    lines = []
    for parts in paragraphs:
        taken = width
        for whole_text, color in parts:
            text = shorten(whole_text, width, size)
            taken += text_width(f" · {text}", size)
            if taken > width:
                lines.append([])
                taken = text_width(text, size)
            lines[-1].append((text, color))
    return lines


def shorten(text, width, size, is_bold=False):
    """A text that fits, as well as that can be told without its font.

    :param float width: there is for it
    :param float size: of the letters

    >>> shorten("Qualified", 100, 12), shorten("Proposition sent by mail", 100, 12)
    ('Qualified', 'Proposition s…')
    """
    narrowest = text_width("i", size, is_bold)
    most = max(1, int(width / narrowest) + 2)
    # more letters than that do not fit, whichever they are
    if len(text) <= most and text_width(text, size, is_bold) <= width:
        return text
    text = text[:most]
    length = len(text)
    while length > 1 and text_width(text[:length] + "…", size, is_bold) > width:
        length -= 1
    return text[:length].rstrip() + "…"


def text_width(text, size, is_bold=False):
    """How wide a text is, roughly and rather too wide.

    >>> round(text_width("Won", 10), 1), round(text_width("Won", 10, True), 1)
    (17.7, 20.4)
    >>> text_width("Взят", 10) > text_width("Lost", 10)
    True
    """
    letters = sum(0.59 if ord(letter) < 0x250 else 0.66 for letter in text)
    return letters * size * (1.15 if is_bold else 1)


def printable(text):
    """A text without what a drawing, a workbook or a mail cannot hold.

    >>> printable("A\\x00 \\x1bdeal\\ud800\\ufffe\\tof\\nours")
    'A deal\\tof\\nours'
    """
    return NOT_IN_XML.sub("", text)


def mix(color, share, other="#ffffff"):
    """A colour mixed from two: some drawers know no transparency.

    :param str color: as ``#rrggbb``
    :param float share: how much of it there is
    :return: as ``#rrggbb``

    >>> mix("#000000", 0.5), mix("#2f85d2", 1)
    ('#808080', '#2f85d2')
    """
    parts = (
        round(
            int(color[at : at + 2], 16) * share
            + int(other[at : at + 2], 16) * (1 - share)
        )
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def _short(value):
    return f"{value:.4f}".rstrip("0").rstrip(".")
