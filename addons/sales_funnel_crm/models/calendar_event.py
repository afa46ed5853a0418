from odoo import models


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    def write(self, vals):
        """Let planned calls follow when they are moved in the calendar."""
        result = super().write(vals)
        if vals.keys() & {"start", "stop"} and not self.env.context.get(
            "phonecall_event_sync"
        ):
            self._move_phonecalls()
        return result

    def _move_phonecalls(self):
        # sudo: to find the calls only. Who may not move the call may not move it in
        # the calendar either.
        calls = (
            self.env["crm.phonecall"]
            .sudo()
            .search([("event_id", "in", self.ids), ("state", "=", "planned")])
            .filtered(lambda call: call._get_own_events())
            .sudo(False)
            .with_context(phonecall_event_sync=True)
        )
        for call in calls:
            event = call.sudo().event_id
            call.write({"date": event.start, "date_end": event.stop})
