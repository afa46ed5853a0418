from . import crm_lead_stage_history_import_stage
from . import crm_lead_stage_history_import
from . import crm_funnel_send
