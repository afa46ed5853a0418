"""The figures of the funnel, computed from counts in plain Python.

Nothing here knows of Odoo or of a database: what goes in are numbers and
dictionaries, what comes out too.
"""

from .incidence import cumulative_incidence
from .rates import rate, wilson_interval
from .series import cohort_series, duration

__all__ = [
    "cohort_series",
    "cumulative_incidence",
    "duration",
    "rate",
    "wilson_interval",
]
