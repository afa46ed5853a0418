from . import crm_funnel_analysis
from . import sales_funnel_document
