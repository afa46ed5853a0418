from . import crm_funnel_analysis
from . import sales_as_of_mixin
from . import sale_order_to_cash
from . import sales_receivable
from . import sales_funnel_document
from . import sales_report_mixin
from . import sales_pace
from . import sales_won_deal
