"""Tests in worlds that are made by chance, and undone."""

from functools import wraps

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def random_worlds(count):
    """Run a test ``count`` times, the same times each, with other dice. What it did to
    the database is undone.

    Few worlds are made, for each takes a second: so every choice in them is made by
    chance, and not by Hypothesis, which begins with the simplest of each.
    """

    def decorate(test):
        @wraps(test)
        def run(self, random):
            savepoint = self.env.cr.savepoint()
            try:
                test(self, random)
            finally:
                savepoint.close(rollback=True)
                self.env.invalidate_all()

        return settings(
            max_examples=count,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(st.randoms(use_true_random=True))(run))

    return decorate
