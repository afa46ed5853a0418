from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import html2plaintext, is_html_empty

from ..tools import ensure_one_record


class CrmLeadLost(models.TransientModel):
    _inherit = "crm.lead.lost"

    lead_ending = fields.Selection(
        [("dead", "Dead"), ("closed", "Closed")],
        string="Ends as",
        default="dead",
        required=True,
    )
    has_leads = fields.Boolean(compute="_compute_has_leads")
    has_deals = fields.Boolean(compute="_compute_has_leads")
    record_count = fields.Integer(compute="_compute_has_leads")
    available_reason_ids = fields.Many2many(
        "crm.lost.reason", compute="_compute_available_reason_ids"
    )
    wider_reason_ids = fields.Many2many(
        "crm.lost.reason", compute="_compute_available_reason_ids"
    )
    wider_reason_id = fields.Many2one("crm.lost.reason", string="Reason")
    has_finer_reasons = fields.Boolean(compute="_compute_has_finer_reasons")
    note_required = fields.Boolean(related="lost_reason_id.note_required")

    @api.depends("lead_ids.type")
    def _compute_has_leads(self):
        for wizard in self:
            types = set(wizard.lead_ids.mapped("type"))
            wizard.has_leads = "lead" in types
            wizard.has_deals = "opportunity" in types
            wizard.record_count = len(wizard.lead_ids)

    @api.depends("has_leads", "has_deals", "lead_ending")
    def _compute_available_reason_ids(self):
        reasons = self.env["crm.lost.reason"]
        for wizard in self:
            available = reasons.search(reasons._get_domain_for(wizard._get_ends()))
            wizard.available_reason_ids = available
            wizard.wider_reason_ids = available._get_roots()

    @api.depends("wider_reason_id", "available_reason_ids")
    def _compute_has_finer_reasons(self):
        for wizard in self:
            wider = wizard.wider_reason_id._origin
            finer = wizard.available_reason_ids._origin - wider
            wizard.has_finer_reasons = bool(wider) and wider in finer._get_roots()

    @api.onchange("lead_ending")
    def _onchange_lead_ending(self):
        if self.wider_reason_id._origin not in self.wider_reason_ids._origin:
            self.wider_reason_id = False
        if self.lost_reason_id._origin not in self.available_reason_ids._origin:
            self.lost_reason_id = False

    @api.onchange("wider_reason_id")
    def _onchange_wider_reason_id(self):
        """The wider reason will do, where it may be given; a finer one is better."""
        wider = self.wider_reason_id._origin
        self.lost_reason_id = wider & self.available_reason_ids._origin

    def _get_ends(self):
        """:return: list of the ends the records come to, values of their ``ending``"""
        self.ensure_one()
        ends = []
        if self.has_leads:
            ends.append(self.lead_ending)
        if self.has_deals:
            ends.append("lost")
        return ends

    def action_lost_reason_apply(self):
        """End the records, each as its type has it.

        :raise UserError: a reason or the note is missing, the reason does not apply,
            or a record is won
        """
        ensure_one_record(self)
        self._check_reason()
        self.lead_ids._check_can_end()
        note = self.lost_feedback
        self.lead_ids.lost_note = (
            False if is_html_empty(note) else html2plaintext(note).strip()
        )
        ending = self.lead_ending
        result = super(
            CrmLeadLost, self.with_context(lead_ending=ending)
        ).action_lost_reason_apply()
        self._log_lead_ending()
        return result

    def _check_reason(self):
        """Refuse to go on without all that has to be said."""
        if not self.lead_ids:
            raise UserError(
                self.env._("Nothing is selected. Select the leads or deals that end.")
            )
        if not self.lost_reason_id:
            raise UserError(
                self.env._("Nothing ends without a reason. Choose the reason.")
            )
        if not self.lost_reason_id._applies_to(self._get_ends()):
            raise UserError(
                self.env._(
                    "“%s” does not apply here. Choose one of the reasons offered.",
                    self.lost_reason_id.display_name,
                )
            )
        if self.note_required and is_html_empty(self.lost_feedback):
            raise UserError(
                self.env._(
                    "“%s” needs a note. Write in the closing note what happened.",
                    self.lost_reason_id.display_name,
                )
            )

    def _log_lead_ending(self):
        """Say in the chatter of leads whether they are dead or closed; Odoo's own
        line there only tells that something was lost."""
        leads = self.lead_ids.filtered(lambda lead: lead.type == "lead")
        if not leads:
            return
        note = leads._format_note(leads[0]._get_ending_label())
        if not is_html_empty(self.lost_feedback):
            note += self.lost_feedback
        leads._track_set_log_message(note)
