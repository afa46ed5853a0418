from . import crm_lead_stage_history_import_stage
from . import crm_lead_stage_history_import
from . import sales_receivable_remind
from . import sales_report_day
from . import crm_funnel_send
