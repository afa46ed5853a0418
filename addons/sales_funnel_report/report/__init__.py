from . import crm_funnel_analysis
from . import sales_funnel_document
from . import sales_report_mixin
from . import sales_pace
from . import sales_won_deal
