from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import format_date

from odoo.addons.sales_funnel_crm.tools import ensure_one_record, quote


class SalesReportDay(models.TransientModel):
    """Opens a report as of another day."""

    _name = "sales.report.day"
    _description = "Report as of a Day"

    action_xmlid = fields.Char(required=True)
    day = fields.Date(
        string="As of",
        required=True,
        default=fields.Date.context_today,
        help="The report shows how things stood at the end of this day.",
    )

    @api.model
    def _get_report_xmlids(self):
        """:return: XML ids of the actions of all reports as of a day"""
        reports = self.env["sales.as.of.mixin"]._inherit_children
        return [self.env[name]._get_report_action_xmlid() for name in reports]

    def action_open(self):
        """Open the report as of the day.

        :return: the action
        :rtype: dict
        :raise UserError: the action is not that of a report as of a day
        """
        ensure_one_record(self)
        if self.action_xmlid not in self._get_report_xmlids():
            raise UserError(
                self.env._(
                    "“%(action)s” is no report as of a day. Choose the day in the report "
                    "itself.",
                    action=quote(self.action_xmlid),
                )
            )
        action = self.env["ir.actions.act_window"]._for_xml_id(self.action_xmlid)
        if self.day == fields.Date.context_today(self):
            return {**action, "target": "main"}
        name = self.env._(
            "%(report)s as of %(day)s",
            report=action["name"],
            day=format_date(self.env, self.day),
        )
        return {
            **action,
            "target": "main",
            "name": name,
            "display_name": name,
            # the address of today's report would lose the day
            "path": False,
            "context": {"as_of_day": fields.Date.to_string(self.day)},
        }
