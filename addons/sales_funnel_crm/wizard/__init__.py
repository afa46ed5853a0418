from . import crm_lead_hold
from . import crm_lead_lost
from . import sale_mass_cancel_orders
from . import sales_hand_over
from . import sales_hand_over_line
from . import crm_phonecall_finish
