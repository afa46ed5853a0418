from . import test_deal_to_cash
from . import test_lead_endings
from . import test_on_hold
from . import test_phonecall
from . import test_phonecall_http
from . import test_hand_over
from . import test_customer
from . import test_partner_tags
