"""The figures of the funnel, computed from counts in plain Python.

Nothing here knows of Odoo or of a database: what goes in are numbers and
dictionaries, what comes out too.
"""

from .comparison import below_others, two_proportion_test
from .days import days_between
from .incidence import cumulative_incidence
from .path import read_path
from .rates import rate, shrunk_rate, wilson_interval
from .series import cohort_series, duration, flow_series, snapshot_series

__all__ = [
    "below_others",
    "cohort_series",
    "cumulative_incidence",
    "days_between",
    "duration",
    "flow_series",
    "rate",
    "read_path",
    "shrunk_rate",
    "snapshot_series",
    "two_proportion_test",
    "wilson_interval",
]
