import io

from markupsafe import Markup
from PIL import Image

from odoo import api, models
from odoo.exceptions import UserError

from ..drawing import HEX_COLORS, MEASURES
from ..drawing.geometry import BAR_SHARE
from ..drawing.page import (
    WIDTH,
    cells_that_fit,
    fill_lines,
    funnel_rows,
    group_cells,
    mix,
    printable,
    shorten,
    text_width,
)

INK = "#1f2937"
MUTED = "#6b7280"
OUTCOME_COLORS = {
    "lost": "#c2334b",
    "open": "#2f77c2",
    "on_hold": "#a86c12",
}
ROW_HEIGHT = 64
# A step that is lower than that has one line of text.
ONE_LINE = 44
HEAD_LINE = 17
MARGIN = 24
# Pixels of a picture in one unit of the drawing.
PIXELS = 2
MOST_REASONS = 2
# The height of a picture that programs can still make and show.
MOST_PICTURE_HEIGHT = 8_000
MOST_HEIGHT = 90
LEAST_HEIGHT = 16


class CrmFunnelPicture(models.AbstractModel):
    """The drawing of a funnel document, as SVG and as a picture made from it."""

    _name = "crm.funnel.picture"
    _description = "Sales Funnel Picture"

    @api.model
    def _render_svg(self, document, pixels=1):
        """The drawing, complete in itself.

        :param dict document: see ``crm.funnel.document``
        :param float pixels: in one of its units
        :rtype: markupsafe.Markup
        """
        steps = len(document["report"]["total"]["steps"]) or 1
        groups = len(document["report"]["groups"])
        drawn = self._count_groups_drawn(document, MOST_PICTURE_HEIGHT)
        lines = [f"{label}: {text}" for label, text in document["facts"]]
        lines = [document["title"], *lines, document["signature"]]
        if drawn < groups:
            lines.append(
                self.env._(
                    "The first %(drawn)s of %(groups)s groups are drawn.",
                    drawn=drawn,
                    groups=groups,
                )
            )
        head = [
            {
                "top": 20 + rank * HEAD_LINE,
                "size": 18 if not rank else 11,
                "weight": 600 if not rank else 400,
                "color": MUTED if rank else INK,
                "text": shorten(line, WIDTH, 11 if rank else 18, is_bold=not rank),
            }
            for rank, line in enumerate(lines)
        ]
        return self._render(
            document,
            {
                **self._get_drawing(
                    document, min(ROW_HEIGHT, MOST_PICTURE_HEIGHT / steps), drawn
                ),
                "head": head,
                "head_height": (len(head) + 1) * HEAD_LINE,
                "margin": MARGIN,
            },
            pixels,
        )

    @api.model
    def _render_drawing(self, document, width, height):
        """The drawing alone, to be put into a page.

        :param dict document: see ``crm.funnel.document``
        :param float width: in pixels
        :param float height: there is for it, in thousandths of its width; not all
            groups may fit
        :rtype: markupsafe.Markup
        """
        steps = len(document["report"]["total"]["steps"]) or 1
        row_height = max(LEAST_HEIGHT, min(MOST_HEIGHT, height / steps))
        groups = self._count_groups_drawn(document, height)
        return self._render(
            document,
            {
                **self._get_drawing(document, row_height, groups),
                "head": [],
                "head_height": 0,
                "margin": 0,
            },
            pixels=width / WIDTH,
            is_plain=True,
        )

    @api.model
    def _count_groups_drawn(self, document, height):
        """How many of the groups there is room for, see :meth:`_render_drawing`."""
        report = document["report"]
        return cells_that_fit(
            len(report["groups"]), len(report["total"]["steps"]), height
        )

    def _render(self, document, picture, pixels, is_plain=False):
        height = picture["height"] + picture["head_height"] + 2 * picture["margin"]
        width = WIDTH + 2 * picture["margin"]
        svg = self.env["ir.qweb"]._render(
            "sales_funnel_report.funnel_picture",
            {
                **picture,
                "title": document["title"],
                "full_width": width,
                "full_height": height,
                "pixels": pixels,
                # the patched wkhtmltopdf makes coarse pictures of shaded curves
                "is_plain": is_plain,
            },
        )
        # names may have anything in them, and one such letter breaks it all
        return Markup(printable(svg))

    @api.model
    def _render_png(self, document):
        """The drawing as a picture.

        :param dict document: see ``crm.funnel.document``
        :return: PNG
        :rtype: bytes
        :raise UserError: when the program that makes pictures does not work
        """
        svg = self._render_svg(document, PIXELS)
        page = (
            f"<!DOCTYPE html><meta charset='utf-8'><body style='margin:0'>{svg}</body>"
        )
        width = (WIDTH + 2 * MARGIN) * PIXELS
        picture = self.env["ir.actions.report"]._run_wkhtmltoimage(
            [page], width, 0, image_format="png"
        )[0]
        if not picture:
            raise UserError(
                self.env._(
                    "The picture could not be made: the program wkhtmltoimage failed. "
                    "Export as SVG instead, or ask your administrator to check it."
                )
            )
        # the program does not compress
        packed = io.BytesIO()
        Image.open(io.BytesIO(picture)).convert("RGB").save(
            packed, "PNG", optimize=True
        )
        return packed.getvalue()

    # ------------------------------------------------------------
    # WHAT IS DRAWN WHERE
    # ------------------------------------------------------------

    def _get_drawing(self, document, row_height, groups):
        """:return: ``{"height": float, "funnels": [FUNNEL]}``, see the template"""
        report = document["report"]
        steps = report["total"]["steps"]
        if not report["groups"]:
            rows = funnel_rows(len(steps), row_height)
            drawing = document["drawing"]
            return {
                "height": len(steps) * row_height,
                "funnels": [
                    {
                        "texts": [],
                        "rows": self._get_rows(
                            document,
                            report["total"],
                            drawing["total"],
                            rows,
                            row_height,
                            compare=drawing["compare"],
                        ),
                    }
                ],
            }
        shown = report["groups"][:groups]
        cells, height = group_cells(len(shown), len(steps))
        return {
            "height": height,
            "funnels": [
                self._get_group_funnel(document, group, bands, compare, cell)
                for group, bands, compare, cell in zip(
                    shown,
                    document["drawing"]["groups"],
                    document["drawing"]["group_compares"],
                    cells,
                    strict=False,
                )
            ],
        }

    def _get_group_funnel(self, document, group, bands, compare, cell):
        series = group["series"]
        row_height = (
            cell["rows"][1]["top"] - cell["rows"][0]["top"]
            if len(cell["rows"]) > 1
            else ONE_LINE / 2
        )
        note = self._get_group_note(document, series)
        name_width = cell["width"] - text_width(note, 10.5) - 8
        return {
            "texts": [
                _text(
                    shorten(group["label"], name_width, 12.5, is_bold=True),
                    cell["left"],
                    cell["top"] + 13,
                    12.5,
                    weight=600,
                ),
                _text(
                    note,
                    cell["left"] + cell["width"],
                    cell["top"] + 13,
                    10.5,
                    anchor="end",
                    color=MUTED,
                ),
            ],
            "rows": self._get_rows(
                document,
                series,
                bands,
                cell["rows"],
                row_height,
                compare=compare,
                is_small=True,
            ),
        }

    def _get_group_note(self, document, series):
        count = self._text_of(document, "count", series["size"])
        if "win_rate" not in series:
            return self.env._("%(count)s deals", count=count)
        return self.env._(
            "%(count)s deals, %(rate)s won",
            count=count,
            rate=self._text_of(document, "rate", series["win_rate"]),
        )

    def _get_rows(
        self, document, series, bands, rows, row_height, compare=None, is_small=False
    ):
        measure = document["measure"]
        steps = series["steps"]
        result = []
        for rank, (step, row) in enumerate(zip(steps, rows, strict=True)):
            following = steps[rank + 1] if rank + 1 < len(steps) else None
            color = HEX_COLORS[document["drawing"]["colors"][rank]]
            texts = self._get_labels(
                document, step, steps[0], row, row_height, is_small
            )
            if not is_small:
                texts += self._get_aside(document, step, row, row_height)
            result.append(
                {
                    **bands[measure][rank],
                    "transform": row["transform"],
                    "light": mix(color, 0.78),
                    "color": color,
                    "flow_plain": mix(color, 0.28),
                    "flow_top": mix(color, 0.42),
                    "flow_bottom": mix(color, 0.16),
                    "compare": compare
                    and _outline(compare[measure][rank]["width"], row, row_height),
                    "texts": texts,
                    "pill": None
                    if is_small
                    else self._get_pill(document, following, row, row_height),
                }
            )
        return result

    def _get_labels(self, document, step, first, row, row_height, is_small):
        """The name of a step and what its width stands for."""
        measure = document["measure"]
        size = 10.5 if is_small else min(14, row_height * 0.5)
        value = self._text_of(document, _kind(measure), step[measure])
        width = row["label_right"] - row["label_left"]
        name_width = width - text_width(value, size, is_bold=True) - 6
        baseline = row["top"] + size + 2
        texts = [
            _text(
                shorten(step["name"], name_width, size, is_bold=not is_small),
                row["label_left"],
                baseline,
                size,
                weight=400 if is_small else 600,
            ),
            _text(value, row["label_right"], baseline, size, anchor="end", weight=600),
        ]
        if is_small or row_height < ONE_LINE:
            return texts
        other = "amount" if _kind(measure) == "count" else MEASURES[document["lens"]][0]
        note = self._text_of(document, _kind(other), step[other])
        if _kind(other) == "count":
            note = self.env._("%(count)s deals", count=note)
        baseline += size + 2
        texts.append(
            _text(note, row["label_right"], baseline, 11, anchor="end", color=MUTED)
        )
        if step is not first and step.get("conversion_first") is not None:
            share = self.env._(
                "%(rate)s of %(first)s",
                rate=self._text_of(document, "rate", step["conversion_first"]),
                first=first["name"],
            )
            texts.append(
                _text(
                    shorten(share, width - text_width(note, 11) - 6, 11),
                    row["label_left"],
                    baseline,
                    11,
                    color=MUTED,
                )
            )
        return texts

    def _get_aside(self, document, step, row, row_height):
        """What became of the deals of a step, to the right of it."""
        size = min(11.5, row_height * 0.4)
        most = max(1, int(row_height / (size + 4)))
        width = row["aside_right"] - row["aside_left"]
        lines = fill_lines(self._get_aside_parts(document, step), width, size)
        return [
            {
                **_text("", row["aside_left"], row["top"] + rank * (size + 3), size),
                "parts": line,
            }
            for rank, line in enumerate(lines[:most], 1)
        ]

    def _get_aside_parts(self, document, step):
        """:return: list of paragraphs, each a list of ``(text, color)``"""
        lens = document["lens"]
        if lens == "flow":
            return [
                self._get_outcomes(
                    document,
                    step,
                    "advanced",
                    "moved_back",
                    "handed_off",
                    "lost",
                    "on_hold",
                    "still_here",
                ),
                self._get_days(
                    document, self.env._("%s days per stay"), step["days_in_stay"]
                ),
            ]
        if lens == "snapshot":
            expected = self.env._(
                "%(amount)s expected (%(rate)s)",
                amount=self._text_of(document, "amount", step["weighted_amount"]),
                rate=self._text_of(document, "rate", step["win_probability"]),
            )
            return [
                [(expected, INK)] if step["count"] else [],
                self._get_days(
                    document, self.env._("%s days here so far"), step["age_days"]
                )
                + self._get_outcomes(document, step, "stuck"),
            ]
        reasons = [
            (
                f"{reason['name']}: {self._text_of(document, 'count', reason['count'])}",
                MUTED,
            )
            for reason in step["lost_reasons"][:MOST_REASONS]
        ]
        return [
            self._get_outcomes(document, step, "lost", "open", "on_hold"),
            self._get_days(
                document, self.env._("%s days to the next step"), step["days_to_next"]
            )
            + self._get_outcomes(document, step, "skipped"),
            reasons,
        ]

    def _get_outcomes(self, document, step, *names):
        texts = {
            "lost": self.env._("%s lost"),
            "open": self.env._("%s open"),
            "on_hold": self.env._("%s on hold"),
            "skipped": self.env._("%s skipped it"),
            "advanced": self.env._("%s moved on"),
            "moved_back": self.env._("%s moved back"),
            "handed_off": self.env._("%s handed off"),
            "still_here": self.env._("%s still here"),
            "stuck": self.env._("%s stuck"),
        }
        return [
            (
                texts[name] % self._text_of(document, "count", step[name]),
                OUTCOME_COLORS.get(name, MUTED),
            )
            for name in names
            if step[name]
        ]

    def _get_days(self, document, text, days):
        if not days["n"]:
            return []
        return [(text % self._text_of(document, "days", days["median"]), MUTED)]

    def _get_pill(self, document, following, row, row_height):
        """How many went on, written between two steps."""
        if not following or following.get("conversion_prev") is None:
            return None
        text = self._text_of(document, "rate", following["conversion_prev"])
        height = min(16, row_height * 0.34)
        size = height * 0.72
        width = text_width(text, size, is_bold=True) + 12
        middle = row["top"] + row_height * (1 + BAR_SHARE) / 2
        return {
            "left": row["middle"] - width / 2,
            "top": middle - height / 2,
            "width": width,
            "height": height,
            "text": _text(
                text,
                row["middle"],
                middle + size * 0.36,
                size,
                anchor="middle",
                weight=600,
            ),
        }

    def _text_of(self, document, kind, value):
        return self.env["crm.funnel.document"]._format_short(
            kind, value, document["currency"]
        )


def _outline(width, row, row_height):
    """Where the bar of what is compared would be."""
    return {
        "left": row["middle"] - width * row["unit"] / 2,
        "top": row["top"],
        "width": width * row["unit"],
        "height": row_height * BAR_SHARE,
    }


def _kind(measure):
    return "amount" if measure.endswith("amount") else "count"


def _text(text, left, baseline, size, anchor="start", weight=400, color=INK):
    """A line of text of the drawing, as the template takes it."""
    return {
        "parts": [(text, color)],
        "left": round(left, 2),
        "baseline": round(baseline, 2),
        "size": round(size, 2),
        "anchor": anchor,
        "weight": weight,
    }
