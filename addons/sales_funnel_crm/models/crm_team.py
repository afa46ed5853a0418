from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CrmTeam(models.Model):
    _inherit = "crm.team"

    phone_numbers = fields.Char(
        help="The numbers people call to reach this team, separated by commas. A call "
        "of somebody unknown to one of them becomes a lead of this team.",
    )

    @api.constrains("phone_numbers", "company_id")
    def _check_phone_numbers(self):
        for team in self.filtered("phone_numbers"):
            for number in team._get_phone_numbers():
                teams = self._get_teams_by_number(number, team.company_id)
                if others := teams - team:
                    raise ValidationError(
                        self.env._(
                            "The number %(number)s is set to the sales team "
                            "%(other)s. Take it away there before you set it to "
                            "%(team)s.",
                            number=number,
                            other=others[0].display_name,
                            team=team.display_name,
                        )
                    )

    def _get_phone_numbers(self):
        """:return: the normalised numbers of one team, a set"""
        self.ensure_one()
        company = self.company_id or self.env.company
        return {
            self.env["crm.phonecall"]._normalise_number(number, company)
            for number in (self.phone_numbers or "").split(",")
            if number.strip()
        }

    @api.model
    def _get_teams_by_number(self, number, company):
        """Find the teams that are called by a number.

        :param str number: a normalised number
        :param company: the res.company whose teams may be called; empty: all
        :return: crm.team records, one at most if the company is given
        """
        domain = [("phone_numbers", "!=", False)]
        if company:
            domain.append(("company_id", "in", (False, company.id)))
        return self.search(domain).filtered(
            lambda team: number in team._get_phone_numbers()
        )
