import doctest

from odoo.tests import BaseCase, tagged

from ..figures import (
    comparison,
    cumulative_incidence,
    incidence,
    path,
    rates,
    series,
    wilson_interval,
)


@tagged("post_install", "-at_install")
class TestFigures(BaseCase):
    def test_examples_in_the_docstrings(self):
        for module in (comparison, incidence, path, rates, series):
            result = doctest.testmod(module)
            self.assertGreater(result.attempted, 0, module.__name__)
            self.assertFalse(result.failed, module.__name__)

    def test_wilson_interval_of_the_textbook(self):
        # Newcombe 1998, "Two-sided confidence intervals for the single
        # proportion", table I, method 3
        for part, whole, low, high in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ]:
            interval = wilson_interval(part, whole)
            self.assertAlmostEqual(interval[0], low, 4)
            self.assertAlmostEqual(interval[1], high, 4)

    def test_incidence_of_decided_lives_is_the_plain_share(self):
        lives = [(day, day % 3 == 0, day % 3 != 0, 0) for day in range(1, 31)]
        self.assertAlmostEqual(cumulative_incidence(lives, 30), 10 / 30)
        self.assertAlmostEqual(cumulative_incidence(lives, 15), 5 / 30)

    def test_incidence_by_hand(self):
        # 4 deals: won on day 1; undecided since day 2; lost on day 3; won on day 4
        lives = [(4, 1, 0, 0), (1, 1, 0, 0), (3, 0, 1, 0), (2, 0, 0, 1)]
        self.assertAlmostEqual(
            cumulative_incidence(lives, 4), 1 / 4 + 3 / 4 * 1 / 2 * 1 / 1
        )
