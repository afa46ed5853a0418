from markupsafe import Markup

from odoo import models
from odoo.tools import plaintext2html
from odoo.tools.misc import clean_context

# The documents a salesperson plans call activities on.
CALL_FIELD_BY_MODEL = {
    "crm.lead": "lead_id",
    "res.partner": "partner_id",
    "sale.order": "order_id",
}


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def write(self, vals):
        """
        :raises AccessError: a call is moved to a document on which the user may not plan
            one: when it is done, it would tell of that document
        """
        result = super().write(vals)
        if not self.env.su and not vals.keys().isdisjoint({"res_id", "res_model_id"}):
            self.filtered(
                lambda activity: activity.res_model in CALL_FIELD_BY_MODEL
            ).check_access("create")
        return result

    def _action_done(self, feedback=False, attachment_ids=None):
        """Keep call activities that are done as calls that were held."""
        values = [
            activity._prepare_phonecall_values(feedback)
            for activity in self._filter_phonecalls()
        ]
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if values:
            # sudo: whoever is given an activity may mark it done, even on a document
            # he may not see. The call holds what he himself knows and has written,
            # and no default values of his.
            self.env["crm.phonecall"].sudo().with_context(
                clean_context(self.env.context),  # pylint: disable=context-overridden
                mail_create_nosubscribe=True,
                mail_auto_subscribe_no_notify=True,
            ).create(values)
        return result

    def _filter_phonecalls(self):
        """:return: the activities that are calls about documents that exist"""
        calls = self.filtered(
            lambda activity: (
                activity.active
                and activity.activity_category == "phonecall"
                and activity.res_model in CALL_FIELD_BY_MODEL
            )
        )
        # sudo: only whether the documents exist is looked at
        existing = {
            model: set(
                self.env[model].sudo().browse(activities.mapped("res_id")).exists().ids
            )
            for model, activities in calls.grouped("res_model").items()
        }
        return calls.filtered(
            lambda activity: activity.res_id in existing[activity.res_model]
        )

    def _prepare_phonecall_values(self, feedback):
        """:return: the values of the held call that the activity becomes"""
        self.ensure_one()
        # sudo: see _action_done
        document = self.env[self.res_model].sudo().browse(self.res_id)
        values = {
            "state": "held",
            CALL_FIELD_BY_MODEL[self.res_model]: document.id,
            "user_id": (self.user_id or self.env.user).id,
            "company_id": (document.company_id or self.env.company).id,
            "note": Markup().join(
                filter(None, (self.note, feedback and plaintext2html(feedback)))
            ),
        }
        if self.summary:
            values["name"] = self.summary
        return values
