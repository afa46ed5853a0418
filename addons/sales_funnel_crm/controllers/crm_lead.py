from odoo import http

from odoo.addons.crm.controllers.main import CrmController
from odoo.addons.mail.controllers.mail import MailController


class CrmLeadController(CrmController):
    @http.route()
    def crm_lead_case_mark_lost(self, res_id, token):
        """Open the deal: the link in an e-mail cannot ask for the reason, the
        button on the deal does."""
        _valid, _lead, redirect = MailController._check_token_and_record_or_redirect(
            "crm.lead", int(res_id), token
        )
        return redirect
