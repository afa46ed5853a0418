from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from odoo import models
from odoo.exceptions import AccessDenied
from odoo.http import request


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _auth_method_limited_key(cls):
        """An API key, as *bearer*; but a browser that is logged in does not pass
        without one, and wrong keys are counted as Odoo counts wrong passwords.

        :raises Unauthorized: there is no key, or a wrong one
        :raises TooManyRequests: too many wrong ones came from this address
        """
        header = request.httprequest.headers.get("Authorization", "")
        if not header.lower().startswith("bearer "):
            raise Unauthorized(
                request.env._("Send an API key in the header Authorization: Bearer."),
                www_authenticate=WWWAuthenticate("bearer"),
            )
        # sudo: nobody is known yet; how many failures are allowed is read
        users = request.env["res.users"].sudo()
        wrong_key = None
        try:
            with users._assert_can_auth(user="API key"):
                try:
                    cls._auth_method_bearer()
                except (AccessDenied, Unauthorized) as error:
                    wrong_key = error
                    raise AccessDenied from error
        except AccessDenied as error:
            if wrong_key:
                raise wrong_key from error
            raise TooManyRequests(
                request.env._(
                    "Too many wrong API keys or passwords came from this address. "
                    "Wait, then send again."
                ),
                retry_after=int(
                    users.env["ir.config_parameter"].get_param(
                        "base.login_cooldown_duration", 60
                    )
                ),
            ) from error
