import doctest
import time
from random import Random
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..drawing import (
    colors,
    draw_series,
    geometry,
    page,
    report,
    sample,
    sample_series,
)
from .common import FunnelCase

MOVES = [
    [("2026-01-01 09:00:00", "New"), ("2026-01-03 09:00:00", "Won")],
    [("2026-01-02 09:00:00", "New"), ("2026-01-05 09:00:00", "Qualified")],
    [("2026-01-02 09:00:00", "New")],
    [("2026-01-02 09:00:00", "New")],
]
JANUARY = {"date_from": "2026-01-01", "date_to": "2026-02-01"}


@tagged("post_install", "-at_install")
class TestDrawing(BaseCase):
    def test_examples_in_the_docstrings(self):
        for module in (geometry, colors, report, page, sample):
            result = doctest.testmod(module)
            self.assertGreater(result.attempted, 0, module.__name__)
            self.assertFalse(result.failed, module.__name__)

    def _shorten_letter_by_letter(self, text, width, size, is_bold):
        if page.text_width(text, size, is_bold) <= width:
            return text
        length = len(text)
        while (
            length > 1 and page.text_width(text[:length] + "…", size, is_bold) > width
        ):
            length -= 1
        return text[:length].rstrip() + "…"

    def test_shortened_as_if_tried_letter_by_letter(self):
        random = Random(1)
        for _try in range(500):
            text = "".join(random.choices("Wo n\u0412ж中", k=random.randint(0, 80)))
            arguments = (
                text,
                random.choice((-5, 0, 3, 20, 100, 250.5)),
                random.choice((8, 10.5, 18)),
                random.random() < 0.5,
            )
            with self.subTest(arguments=arguments):
                self.assertEqual(
                    page.shorten(*arguments),
                    self._shorten_letter_by_letter(*arguments),
                )

    def test_shortening_looks_at_no_more_than_may_fit(self):
        looked_at = []
        text_width = page.text_width

        def count(text, *arguments):
            looked_at.append(len(text))
            return text_width(text, *arguments)

        started = time.monotonic()
        with patch.object(page, "text_width", count):
            text = page.shorten("x" * 1_000_000, page.WIDTH, 11)
        self.assertLess(len(text), 160)
        self.assertLess(sum(looked_at), 100_000)
        self.assertLess(time.monotonic() - started, 5)

    def test_sample_has_every_measure_of_its_lens(self):
        for lens, measures in report.MEASURES.items():
            with self.subTest(lens=lens):
                series = sample_series(["A", "B", "C", "D"], lens)
                (bands,) = draw_series([series], lens)
                self.assertEqual(set(bands), set(measures))
                for drawn in bands.values():
                    self.assertEqual(len(drawn), 4)
                    self.assertTrue(all(band["bar"] for band in drawn))


@tagged("post_install", "-at_install")
class TestFunnelView(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stages = {
            stage.name: stage
            for stage in (cls.stage_new, cls.stage_qualified, cls.stage_won)
        }
        for moves in MOVES:
            (start, first), *others = moves
            with cls.at(start):
                lead = cls._deals(stage_id=stages[first].id)
            for moment, name in others:
                with cls.at(moment):
                    lead.stage_id = stages[name]

    def test_widths_are_those_of_the_figures(self):
        shown = self.Lead.get_funnel_view([], JANUARY)
        self.assertEqual(shown["report"]["total"]["size"], 4)
        self.assertIsNone(shown["sample"])
        self.assertIsNone(shown["drawing"]["compare"])
        self.assertEqual(shown["drawing"]["groups"], [])
        widths = {
            measure: [band["width"] for band in bands]
            for measure, bands in shown["drawing"]["total"].items()
        }
        self.assertEqual(
            widths, {"count": [100, 50, 25, 25], "amount": [100, 50, 25, 25]}
        )
        self.assertEqual(len(shown["drawing"]["colors"]), 4)

    def test_comparison_and_groups_have_their_scales(self):
        march = {"date_from": "2026-03-01", "date_to": "2026-04-01"}
        with self.at("2026-03-01 09:00:00"):
            self._deals(8, user_id=self.user_b.id)
        drawing = self.Lead.get_funnel_view(
            [], {**JANUARY, "compare": march, "groupby": "user_id"}
        )["drawing"]
        self.assertEqual(drawing["total"]["count"][0]["width"], 50)
        self.assertEqual(drawing["compare"]["count"][0]["width"], 100)
        self.assertEqual([g["count"][0]["width"] for g in drawing["groups"]], [50, 0])
        self.assertEqual(
            [g["count"][0]["width"] for g in drawing["group_compares"]], [0, 100]
        )

    def test_nothing_shows_a_sample(self):
        shown = self.Lead.get_funnel_view([("id", "=", 0)], JANUARY)
        self.assertEqual(shown["report"]["total"]["size"], 0)
        series = shown["sample"]["series"]
        self.assertEqual(series["steps"][0]["name"], "New")
        self.assertEqual(
            [band["width"] for band in shown["sample"]["drawing"]["count"]],
            [100, 70, 38.33, 17.5],
        )
        self.assertTrue(
            all(not band["bar"] for band in shown["drawing"]["total"]["count"])
        )
