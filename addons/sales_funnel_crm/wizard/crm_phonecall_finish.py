from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import clean_context

from ..models.crm_phonecall import TRUSTED
from ..tools import check_pointers, ensure_one_record


class CrmPhonecallFinish(models.TransientModel):
    """What a salesperson says of a call when it is over, and what comes next."""

    _name = "crm.phonecall.finish"
    _description = "Finish a Phone Call"

    call_id = fields.Many2one("crm.phonecall", required=True, ondelete="cascade")
    company_id = fields.Many2one(related="call_id.company_id")
    state = fields.Selection(
        [
            ("held", "Held"),
            ("no_answer", "No Answer"),
        ],
        string="Result",
        required=True,
        default="held",
    )
    date = fields.Datetime(
        string="Start",
        compute="_compute_from_call",
        store=True,
        precompute=True,
        readonly=False,
    )
    duration = fields.Float(
        string="Minutes",
        digits=(16, 2),
        compute="_compute_from_call",
        store=True,
        precompute=True,
        readonly=False,
    )
    outcome_id = fields.Many2one(
        "crm.phonecall.outcome",
        compute="_compute_from_call",
        store=True,
        precompute=True,
        readonly=False,
    )
    note = fields.Html(
        string="Notes",
        compute="_compute_from_call",
        store=True,
        precompute=True,
        readonly=False,
    )
    next_step = fields.Selection(
        [
            ("none", "Nothing"),
            ("call", "Plan the next call"),
            ("meeting", "Set up a meeting"),
            ("lead", "Make a lead"),
            ("opportunity", "Make a deal"),
            ("link", "Link to a deal"),
        ],
        required=True,
        compute="_compute_next_step",
        store=True,
        precompute=True,
        readonly=False,
    )
    next_date = fields.Datetime(
        string="Next Call", default=lambda self: fields.Datetime.now() + timedelta(1)
    )
    lead_id = fields.Many2one("crm.lead", string="Deal", check_company=True)

    @api.depends("call_id")
    def _compute_from_call(self):
        for wizard in self:
            call = wizard.call_id
            # This runs as superuser; the dialog shows what its user may read.
            if not call._origin.sudo(False).has_access("read"):
                call = call.browse()
            # A planned call is held when it is held, not when it was planned.
            wizard.date = (
                fields.Datetime.now() if call.state == "planned" else call.date
            )
            wizard.duration = call.duration
            wizard.outcome_id = call.outcome_id
            wizard.note = call.note

    @api.depends("state")
    def _compute_next_step(self):
        for wizard in self:
            wizard.next_step = "call" if wizard.state == "no_answer" else "none"

    @api.constrains("call_id", "lead_id")
    def _check_pointers(self):
        check_pointers(self, ["call_id", "lead_id"])

    def action_confirm(self):
        """Write the result to the call and take the next step.

        :return: the action that shows what comes next
        :rtype: dict
        :raises UserError: something that is asked for is missing
        """
        ensure_one_record(self)
        self._check_complete()
        # The defaults are those of this dialog, not of what comes next.
        context = clean_context(self.env.context)
        wizard = self.with_context(context)  # pylint: disable=context-overridden
        wizard.call_id.write(wizard._prepare_call_values())
        return getattr(wizard, f"_next_step_{wizard.next_step}")()

    def _check_complete(self):
        if self.state == "held" and not self.outcome_id:
            raise UserError(
                self.env._(
                    "The call has no outcome yet. Choose what came of it under "
                    "“Outcome”."
                )
            )
        if self.state == "held" and self.duration <= 0:
            raise UserError(
                self.env._(
                    "The call has no duration yet. Enter under “Minutes” how long "
                    "it took, half a minute as 0.5."
                )
            )
        if self.next_step == "call" and not self.next_date:
            raise UserError(
                self.env._(
                    "The next call has no date yet. Enter under “Next Call” when "
                    "it is to be."
                )
            )
        if self.next_step == "link" and not self.lead_id:
            raise UserError(
                self.env._(
                    "No deal is chosen to link the call to. Choose one under “Deal”."
                )
            )

    def _prepare_call_values(self):
        """:return: the values of the call that is over"""
        held = self.state == "held"
        return {
            "state": self.state,
            "date": self.date,
            "duration": self.duration if held else 0,
            "outcome_id": self.outcome_id.id,
            "note": self.note,
        }

    def _next_step_none(self):
        return {"type": "ir.actions.act_window_close"}

    def _next_step_call(self):
        values = self.call_id._prepare_next_call_values(self.next_date)
        # The next call is about the same as this one, also where that is a colleague's.
        calls = self.env["crm.phonecall"].with_context(phonecall_trusted=TRUSTED)
        calls.create(values)
        return {"type": "ir.actions.act_window_close"}

    def _next_step_meeting(self):
        call = self.call_id
        if call.lead_id:
            return call.lead_id.action_schedule_meeting()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "calendar.action_calendar_event"
        )
        partners = self.env.user.partner_id | call.partner_id
        action["context"] = {
            "default_name": call.name,
            "default_partner_ids": partners.ids,
        }
        return action

    def _next_step_lead(self):
        return self.call_id._make_lead("lead").get_formview_action()

    def _next_step_opportunity(self):
        return self.call_id._make_lead("opportunity").get_formview_action()

    def _next_step_link(self):
        self.call_id.lead_id = self.lead_id
        return {"type": "ir.actions.act_window_close"}
