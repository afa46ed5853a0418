from . import crm_funnel_analysis
