from . import crm_lead
from . import crm_lost_reason
from . import res_config_settings
from . import crm_lead_order
from . import res_company
from . import sale_order
from . import sale_order_line
