"""The shapes of a funnel, computed from finished figures in plain Python.

Nothing here knows of Odoo or of a database. Whatever draws a funnel, the screen,
the paper or the mail, draws these shapes.
"""

from .colors import HEX_COLORS, step_colors
from .geometry import funnel_bands
from .report import FLOWING_LENSES, MEASURES, draw_report, draw_series
from .sample import sample_series

__all__ = [
    "FLOWING_LENSES",
    "HEX_COLORS",
    "MEASURES",
    "draw_report",
    "draw_series",
    "funnel_bands",
    "sample_series",
    "step_colors",
]
