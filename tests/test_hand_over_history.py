from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.sales_funnel_report.tests.common import FunnelCase


@tagged("post_install", "-at_install")
class TestHandOverHistory(FunnelCase):
    """History keeps who did what when a salesperson leaves."""

    def test_stays_keep_their_salesperson(self):
        with self.at("2026-01-01 09:00:00"):
            deal = self._deals(stage_id=self.stage_new.id, user_id=self.user_a.id)
            won = self._deals(stage_id=self.stage_new.id, user_id=self.user_a.id)
        with self.at("2026-01-02 09:00:00"):
            deal.stage_id = self.stage_qualified
            won.action_set_won()
        with self.at("2026-01-03 09:00:00"):
            self.env["sales.hand.over"].with_user(self.user_manager).create(
                {
                    "user_id": self.user_a.id,
                    "new_user_ids": [Command.set(self.user_b.ids)],
                }
            ).action_hand_over()
        with self.at("2026-01-04 09:00:00"):
            deal.stage_id = self.stage_proposition
        stays = self.History.search([("lead_id", "=", deal.id)], order="date_entered")
        self.assertEqual(
            [(stay.stage_name, stay.user_id) for stay in stays],
            [
                ("New", self.user_a),
                ("Qualified", self.user_a),
                ("Proposition", self.user_b),
            ],
        )
        stays = self.History.search([("lead_id", "=", won.id)])
        self.assertEqual(stays.user_id, self.user_a)
        self.assertEqual(won.user_id, self.user_a)
