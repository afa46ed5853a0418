from odoo import api, fields, models


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "crm.phonecall.mixin"]

    _phonecall_field = "partner_id"

    phonecall_ids = fields.One2many(
        "crm.phonecall",
        "partner_id",
        string="Phone Calls",
        groups="sales_team.group_sale_salesman",
    )

    def _get_phonecall_documents(self):
        """The calls with a company are those with its contacts, too."""
        return self._fetch_children_partners_for_hierarchy()

    @api.model
    def _count_phonecalls(self, documents):
        family = documents._get_phonecall_documents()
        totals = dict.fromkeys(documents.ids, 0)
        for partner_id, count in super()._count_phonecalls(family).items():
            partner = self.browse(partner_id)
            while partner:
                if partner.id in totals:
                    totals[partner.id] += count
                partner = partner.parent_id
        return totals
