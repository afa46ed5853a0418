from . import test_demo
from . import test_figures
from . import test_funnel_report
from . import test_history_import
from . import test_stage_history
from . import test_stage_history_access
from . import test_stage_history_concurrency
from . import test_stage_history_queries
