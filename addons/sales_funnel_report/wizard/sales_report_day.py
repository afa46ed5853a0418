from odoo import fields, models
from odoo.tools.misc import format_date


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

    def action_open(self):
        """Open the report as of the day.

        :return: the action
        :rtype: dict
        """
        self.ensure_one()
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
