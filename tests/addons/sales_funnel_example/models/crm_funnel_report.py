from odoo import models


class CrmFunnelReport(models.AbstractModel):
    _inherit = "crm.funnel.report"

    def _get_series(self, question, counts, domain, owner_id=None):
        series = super()._get_series(question, counts, domain, owner_id)
        size = series["size"]
        series["amount_per_deal"] = series["amount"] / size if size else None
        return series
