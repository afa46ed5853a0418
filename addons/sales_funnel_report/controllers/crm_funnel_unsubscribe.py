from contextlib import suppress

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import request
from odoo.tools import consteq

# The largest id that PostgreSQL has.
MAX_ID = 2**31 - 1


class CrmFunnelUnsubscribe(http.Controller):
    """Lets the receivers of a subscription leave it from the mail."""

    # no CSRF token: programs for mail post here by themselves, as RFC 8058 has it;
    # who posts has to know the secret of the receiver
    @http.route(
        "/sales_funnel/unsubscribe/<int:subscription_id>",
        type="http",
        auth="public",
        website=True,
        methods=["GET", "POST"],
        csrf=False,
    )
    def unsubscribe(self, subscription_id, user_id="", token="", **_form):
        """Ask first, for links are opened by programs too; then unsubscribe.

        :param int subscription_id: of ``crm.funnel.subscription``
        :param str user_id: of the receiver
        :param str token: the secret from the mail
        """
        # sudo: the secret is the right to do so
        subscription = self._find("crm.funnel.subscription", subscription_id).sudo()
        user = self._find("res.users", user_id).sudo()
        if not (
            subscription
            and user
            and isinstance(token, str)
            and token.isascii()
            and consteq(subscription._get_unsubscribe_token(user), token)
        ):
            raise NotFound()
        is_done = request.httprequest.method == "POST"
        if is_done:
            # a second click finds it done
            with suppress(AccessError):
                subscription._unsubscribe(user)
        return request.render(
            "sales_funnel_report.funnel_unsubscribe_page",
            {"subscription": subscription, "is_done": is_done},
        )

    def _find(self, model, record_id):
        """
        :param record_id: as it was sent
        :return: the record, or none
        """
        try:
            # TypeError, ValueError: no number, or one of thousands of digits
            number = int(record_id)
        except (TypeError, ValueError):
            number = 0
        ids = [number] if 0 < number <= MAX_ID else []
        return request.env[model].browse(ids).exists()
