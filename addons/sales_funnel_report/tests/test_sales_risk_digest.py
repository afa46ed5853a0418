from lxml import html

from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import convert_file

from .test_sales_risk import SalesRiskCase


@tagged("post_install", "-at_install")
class TestSalesRiskDigest(SalesRiskCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["digest.tip"].search([]).unlink()
        cls.digest = cls.env["digest.digest"].create(
            {
                "name": "Every morning",
                "periodicity": "daily",
                "kpi_sales_risk": True,
                "company_id": cls.company.id,
            }
        )

    def _kpis(self, user):
        self.env.flush_all()
        self.env.invalidate_all()
        return {
            kpi["kpi_name"]: kpi
            for kpi in self.digest._compute_kpis(self.company, user)
        }

    def _columns(self, user):
        """:return: what stands in the three columns of the block"""
        kpi = self._kpis(user)["kpi_sales_risk"]
        return tuple(kpi[f"kpi_col{number}"]["value"] for number in (1, 2, 3))

    def test_money_and_number_by_the_rights_of_the_user(self):
        self._past(1)
        deal = self._deal(("2026-06-01", self.stage_new), expected_revenue=1500)
        self._sent("2026-06-16", opportunity_id=deal.id)
        self._invoice("2026-06-01", 20000, invoice_user_id=self.ben.id)
        with self.at(self.TODAY):
            self.assertEqual(self._columns(self.ada), ("$1.5k", 2, 0))
            self.assertEqual(self._columns(self.ben), ("$20k", 1, 0))
            self.assertEqual(self._columns(self.dora), ("$21.5k", 3, 0))

    def test_nothing_at_risk(self):
        with self.at(self.TODAY):
            self.assertEqual(self._columns(self.ada), ("$0", 0, 0))

    def test_no_block_for_those_who_do_not_sell(self):
        accountant = new_test_user(
            self.env,
            login="risk_accountant",
            groups="account.group_account_invoice",
            company_id=self.company.id,
        )
        self._invoice("2026-06-01", 20000)
        with self.at(self.TODAY):
            self.assertNotIn("kpi_sales_risk", self._kpis(accountant))

    def test_what_is_new_since_yesterday(self):
        """What came into the list yesterday or today, not the day before."""
        self._past(10)
        for moment in ("2026-06-03 12:00:00", "2026-06-04 12:00:00"):
            self._deal((moment, self.stage_new), expected_revenue=0)
        for day in ("2026-06-20", "2026-06-21", "2026-06-22"):
            self._sent(day)
        for day in ("2026-06-12", "2026-06-13", "2026-06-14"):
            self._invoice(day)
            self._order("2026-06-01", commitment_date=f"{day} 12:00:00")
        with self.at(f"{self.TODAY} 13:00:00"):
            self.assertEqual(self._columns(self.dora)[1:], (11, 7))

    def test_day_of_the_one_who_reads(self):
        self._invoice("2026-06-14", 100)
        with self.at("2026-06-15 01:00:00"):
            self.assertEqual(self._columns(self.ada)[1], 1)
            self.ada.tz = "America/New_York"
            self.assertEqual(self._columns(self.ada)[1], 0)

    def test_other_company_stays_out(self):
        other = self.setup_other_company(name="Other")["company"]
        self.dora.company_ids += other
        self._past(1)
        self._deal(
            ("2026-06-01", self.stage_new),
            company_id=other.id,
            user_id=False,
            team_id=False,
        )
        with self.at(self.TODAY):
            self.assertEqual(self._columns(self.dora)[1], 0)

    def test_mail(self):
        """The block is in the mail, with a link to the list."""
        self.digest.user_ids = [Command.set(self.ada.ids)]
        self.ada.email = "ada@example.com"
        self._invoice("2026-06-01", 300)
        with self.at(self.TODAY):
            self.digest.action_send_manual()
        mail = self.env["mail.mail"].search([("email_to", "ilike", "ada@")], limit=1)
        block = html.fromstring(mail.body_html).xpath(
            "//table[@data-field='kpi_sales_risk']"
        )
        self.assertEqual(len(block), 1)
        text = " ".join(block[0].text_content().split())
        self.assertIn("$300 Money at risk", text)
        self.assertIn("1 Deals and documents", text)
        [link] = block[0].xpath(".//a/@href")
        self.assertIn("sales_funnel_report.sales_risk_action", link)

    def test_it_comes_into_the_digest_of_odoo(self):
        """When the addon is installed; who has deleted that digest has none."""
        digest = self.env.ref("digest.digest_digest_default")
        digest.kpi_sales_risk = False
        self._install_data()
        self.assertTrue(digest.kpi_sales_risk)
        digest.unlink()
        self._install_data()
        self.assertFalse(self.env.ref("digest.digest_digest_default", False))

    def _install_data(self):
        convert_file(
            self.env, "sales_funnel_report", "data/digest_data.xml", {}, mode="init"
        )

    def test_setting(self):
        """Zero days are a setting too."""
        for days in (0, 3):
            settings = Form(self.env["res.config.settings"])
            settings.risk_days_before_expiry = days
            settings.save().execute()
            self.assertEqual(self.env["sales.risk"]._get_days_before_expiry(), days)
            self.assertEqual(
                self.env["res.config.settings"].create({}).risk_days_before_expiry,
                days,
            )
