from datetime import timedelta

from lxml import etree

from odoo.exceptions import ValidationError
from odoo.tests import HttpCase, tagged

from .common import FunnelCase


@tagged("post_install", "-at_install")
class TestFunnelView(FunnelCase):
    """The view type ``funnel``: where it is offered, and what may be written in it."""

    def _funnel_view(self, arch):
        return self.env["ir.ui.view"].create(
            {"name": "funnel", "model": "crm.lead", "type": "funnel", "arch": arch}
        )

    def test_type_is_taken_from_the_arch(self):
        view = self.env["ir.ui.view"].create(
            {"name": "funnel", "model": "crm.lead", "arch": "<funnel/>"}
        )
        self.assertEqual(view.type, "funnel")

    def test_web_client_knows_the_type(self):
        info = self.env["ir.ui.view"].get_view_info()["funnel"]
        self.assertEqual(info["display_name"], "Funnel")
        self.assertTrue(info["multi_record"])
        self.assertTrue(info["icon"])

    def test_view_is_found_by_its_type(self):
        arch = etree.fromstring(
            self.env["crm.lead"].get_view(view_type="funnel")["arch"]
        )
        self.assertEqual(arch.tag, "funnel")

    def test_offered_in_the_switchers(self):
        for action in (
            "crm.crm_lead_action_pipeline",
            "crm.crm_lead_opportunities",
            "crm.crm_lead_all_leads",
            "sales_funnel_report.crm_funnel_report_action",
        ):
            modes = [mode for _view_id, mode in self.env.ref(action).views]
            self.assertEqual(modes.count("funnel"), 1, action)
        self.assertEqual(modes[0], "funnel", "the report opens with the funnel")

    def test_the_pipeline_still_opens_with_its_kanban(self):
        action = self.env.ref("crm.crm_lead_action_pipeline")
        self.assertEqual(action.views[0][1], "kanban")

    def test_attributes_are_checked(self):
        self._funnel_view(
            '<funnel string="x" lens="closed" measure="amount" period="this_year"/>'
        )
        for arch, message in (
            ('<funnel colour="red"/>', "no attribute colour"),
            ('<funnel lens="eye"/>', "“eye” is no lens"),
            ('<funnel measure="weight"/>', "“weight” is no measure"),
            ('<funnel period="yesterday"/>', "“yesterday” is no period"),
            ("<funnel><field name='name'/></funnel>", "nothing inside"),
        ):
            with self.subTest(arch), self.assertRaisesRegex(ValidationError, message):
                self._funnel_view(arch)

    def test_the_color_of_a_stage_can_be_chosen(self):
        for view_type in ("list", "form"):
            arch = etree.fromstring(
                self.env["crm.stage"].get_view(view_type=view_type)["arch"]
            )
            (color,) = arch.xpath("//field[@name='color']")
            self.assertEqual(color.get("widget"), "color_picker", view_type)
            self.assertNotEqual(color.get("optional"), "hide", view_type)


@tagged("post_install", "-at_install")
class TestFunnelTour(FunnelCase, HttpCase):
    """The way of a reader through the funnel of the worked example."""

    def test_from_the_menu_to_the_deals_and_back(self):
        ada, ben = {"user_id": self.user_a.id}, {"user_id": self.user_b.id}
        new, qualified = self.stage_new, self.stage_qualified
        proposition, won = self.stage_proposition, self.stage_won
        today = self.env.cr.now().replace(hour=9, minute=0, second=0, microsecond=0)

        def day(number):
            return today - timedelta(days=60 - number)

        deal = self._play(
            [(day(1), new), (day(3), qualified), (day(6), proposition), (day(10), won)],
            name="D1",
            **ada,
        )
        deal.write(
            {
                "date_ordered": day(10),
                "date_invoiced": day(12).date(),
                "date_paid": day(20).date(),
                "amount_paid": 1250,
            }
        )
        self._play(
            [(day(2), new), (day(5), proposition), (day(8), "lost")], name="D2", **ada
        )
        self._play(
            [(day(3), new), (day(4), qualified), (day(6), new)], name="D3", **ben
        )
        self._play([(day(4), new), (day(4), "lost")], name="D4", **ben)
        self._play(
            [(day(5), new), (day(9), qualified), (day(12), "archived")],
            name="D5",
            **ben,
        )
        self.start_tour(
            "/odoo/crm", "sales_funnel_report_funnel", login=self.user_all.login
        )
