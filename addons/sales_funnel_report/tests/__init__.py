from . import test_figures
from . import test_funnel_report
from . import test_stage_history
