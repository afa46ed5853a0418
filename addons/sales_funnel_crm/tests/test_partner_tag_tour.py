from odoo.tests import HttpCase, tagged

from .test_partner_tags import PartnerTagCase


@tagged("post_install", "-at_install")
class TestPartnerTagTour(HttpCase, PartnerTagCase):
    def test_tour(self):
        """A salesperson opens the contacts of a tag, writes to them and makes deals."""
        self.env["mail.blacklist"]._add("dora@x.example.com")
        self.start_tour(
            "/odoo/customer-tags",
            "sales_funnel_crm_partner_tags",
            login=self.user_own.login,
        )
        self.assertEqual(self._find_mails(), ["Anna", "Bert", "Both"])
        self.assertEqual(self._find_sms(), ["Anna", "Both", "Carl", "Dora"])
        deals = self.Lead.search([("name", "=", "Spring catalogue")])
        self.assertEqual(len(deals), 5, "not twice")
        self.assertEqual(deals.partner_id, self.everyone)
        self.assertEqual(deals.user_id, self.user_own)
        self.assertEqual(
            sorted(self.trade.run_ids.mapped("kind")), ["deal", "email", "sms"]
        )
