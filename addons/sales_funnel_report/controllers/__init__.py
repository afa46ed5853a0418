from . import crm_funnel_export
from . import crm_funnel_unsubscribe
