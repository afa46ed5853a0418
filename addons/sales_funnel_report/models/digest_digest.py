from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools.misc import format_decimalized_amount


class DigestDigest(models.Model):
    _inherit = "digest.digest"

    kpi_sales_risk = fields.Boolean("At Risk")
    kpi_sales_risk_value = fields.Monetary(compute="_compute_kpi_sales_risk_value")

    def _compute_kpi_sales_risk_value(self):
        for digest in self:
            company = digest.company_id or self.env.company
            digest.kpi_sales_risk_value = digest._get_sales_risk(company)[0]

    def _get_sales_risk(self, company, domain=()):
        """What the user sees at risk.

        :param company: ``res.company``
        :param domain: only these rows
        :return: ``(money, number of documents)``, money in the currency of the company
        :raise AccessError: the user does not sell; Odoo leaves the block out then
        """
        user = self.env.user
        if not user.has_group("sales_team.group_sale_salesman"):
            raise AccessError(self.env._("Only salespeople see what is at risk."))
        # the day of whoever reads it, not of whoever sends it
        risks = self.env["sales.risk"].with_context(
            allowed_company_ids=company.ids, tz=user.tz
        )
        [(amount, number)] = risks._read_group(
            domain, aggregates=["amount_once:sum", "__count"]
        )
        return amount or 0.0, number

    def _compute_kpis(self, company, user):
        kpis = super()._compute_kpis(company, user)
        for kpi in kpis:
            if kpi["kpi_name"] == "kpi_sales_risk":
                kpi.update(self._get_sales_risk_columns(company, user))
        return kpis

    def _get_sales_risk_columns(self, company, user):
        """What is at risk now has no yesterday to compare with: instead of periods,
        the columns are the money, the number, and what is new of it.

        :param company: ``res.company``
        :param user: ``res.users`` who gets the digest
        :return: the three columns as the template of the digest has them
        :rtype: dict
        """
        digest = self.with_user(user).with_company(company)
        amount, number = digest._get_sales_risk(company)
        today = fields.Date.context_today(self.with_context(tz=user.tz))
        _amount, new = digest._get_sales_risk(
            company, digest._get_new_risk_domain(today)
        )
        return {
            "kpi_col1": {
                "value": self._format_currency_amount(
                    format_decimalized_amount(amount), company.currency_id
                ),
                "col_subtitle": self.env._("Money at risk"),
            },
            "kpi_col2": {
                "value": number,
                "col_subtitle": self.env._("Deals and documents"),
            },
            "kpi_col3": {
                "value": new,
                "col_subtitle": self.env._("New since yesterday"),
            },
        }

    def _get_new_risk_domain(self, today):
        """What came into the list yesterday or today.

        :param date today: the day of the user
        :rtype: :class:`odoo.fields.Domain`
        """
        yesterday = today - timedelta(days=1)
        first_due = {
            # deals on the day they are due, orders and invoices on the next
            "deal": yesterday,
            "order": yesterday - timedelta(days=1),
            "invoice": yesterday - timedelta(days=1),
            "quotation": yesterday
            + timedelta(days=self.env["sales.risk"]._get_days_before_expiry()),
        }
        return Domain.OR(
            Domain("kind", "=", kind) & Domain("date_due", ">=", due)
            for kind, due in first_due.items()
        )

    def _compute_kpis_actions(self, company, user):
        result = super()._compute_kpis_actions(company, user)
        menu = self.env.ref("crm.crm_menu_root")
        result["kpi_sales_risk"] = (
            f"sales_funnel_report.sales_risk_action?menu_id={menu.id}"
        )
        return result
