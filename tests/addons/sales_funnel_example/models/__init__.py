from . import crm_funnel_step
from . import crm_funnel_count
from . import crm_funnel_report
