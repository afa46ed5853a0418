from odoo.tests import HttpCase, tagged

from .test_phonecall import PhonecallCase


@tagged("post_install", "-at_install")
class TestPhonecallTour(HttpCase, PhonecallCase):
    def test_tour(self):
        """A salesperson plans a call, holds it and plans the next."""
        partner = self.make_partner()
        self.start_tour(
            "/odoo/action-sales_funnel_crm.crm_phonecall_action",
            "sales_funnel_crm_phonecall",
            login=self.own.login,
        )
        next_call, held = partner.phonecall_ids.sorted("date", reverse=True)
        self.assertEqual((held.state, held.duration), ("held", 7))
        self.assertEqual(held.outcome_id, self.interested)
        self.assertEqual(next_call.state, "planned")
        self.assertEqual(next_call.event_id.user_id, self.own)
