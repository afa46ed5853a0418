from odoo import api, models

from ..tools import check_pointers


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    @api.model_create_multi
    def create(self, vals_list):
        """
        :raises AccessError: a meeting is about a deal that the user may not edit
        """
        events = super().create(vals_list)
        events._check_deals()
        return events

    def write(self, vals):
        """Let planned calls follow when they are moved in the calendar.

        :raises AccessError: the meetings are to be about a deal that the user may not
            edit
        """
        result = super().write(vals)
        if "opportunity_id" in vals:
            self._check_deals()
        if vals.keys() & {"start", "stop"} and not self.env.context.get(
            "phonecall_event_sync"
        ):
            self._move_phonecalls()
        return result

    def _check_deals(self):
        """A meeting is a milestone of its deal. So who makes it one of a deal has to be
        allowed to edit the deal, or has been given an activity on it.

        :raises AccessError: the user is not
        """
        if self.env.su:
            return
        others = self.filtered(
            lambda event: (
                ("crm.lead", event.opportunity_id.id)
                not in [
                    (activity.res_model, activity.res_id)
                    for activity in event.activity_ids
                ]
            )
        )
        check_pointers(others, ["opportunity_id"], "write")

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
