import json

import pytz
from werkzeug.exceptions import InternalServerError, MethodNotAllowed, NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import content_disposition, request


class CrmFunnelExport(http.Controller):
    """Gives the funnel as a file."""

    @http.route(
        "/web/crm_funnel/<string:extension>",
        type="http",
        auth="user",
        methods=["POST"],
        readonly=True,
    )
    def export_funnel(self, extension, data="", **_form):
        """The answer to a question as a file, with the rights of the user.

        :param str extension: of the file, see ``crm.funnel.file``
        :param str data: JSON with ``domain``, ``options``, ``measure`` and the
            ``context`` of the user
        :return: the file, or a serialized error as Odoo's other downloads
        :raises MethodNotAllowed: for OPTIONS, which Odoo takes for POST
        """
        if request.httprequest.method != "POST":
            raise MethodNotAllowed(["POST"])
        if extension not in request.env["crm.funnel.file"]._get_makers():
            raise NotFound()
        try:
            question = self._parse_question(data)
            env = self._get_env(question.get("context") or {})
            name, content, mimetype = env["crm.funnel.file"]._make_file(
                extension, question
            )
        except UserError as error:
            # what is wrong, and not where in the program it was found
            details = {**http.serialize_exception(error), "debug": ""}
            payload = {"code": 0, "message": "Odoo Server Error", "data": details}
            raise InternalServerError(json.dumps(payload)) from error
        return request.make_response(
            content,
            headers=[
                ("Content-Type", mimetype),
                ("Content-Disposition", content_disposition(name)),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )

    def _parse_question(self, data):
        """
        :param data: as it was sent
        :rtype: dict
        :raises UserError: it is no JSON object
        """
        try:
            question = json.loads(data)
        # TypeError: a file was sent
        except (TypeError, ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            raise UserError(
                request.env._(
                    "What to put into the file did not arrive as a JSON object. Reload "
                    "the page and download it again."
                )
            )
        return question

    def _get_env(self, context):
        """
        :param context: of the browser, as it was sent
        :return: environment of the user with that context
        :raises UserError: its language, time zone or companies are none
        """
        wrong = None
        if not isinstance(context, dict):
            wrong = "context"
        elif not self._is_language(context.get("lang")):
            wrong = "lang"
        elif not self._is_time_zone(context.get("tz")):
            wrong = "tz"
        elif not self._are_companies(context.get("allowed_company_ids")):
            wrong = "allowed_company_ids"
        if wrong:
            raise UserError(
                request.env._(
                    "“%s” of the download is not one of yours. Reload the page and "
                    "download it again.",
                    wrong,
                )
            )
        return request.env(context={**request.env.context, **context})

    def _is_language(self, code):
        return not code or (
            isinstance(code, str) and bool(request.env["res.lang"]._get_data(code=code))
        )

    def _is_time_zone(self, name):
        return not name or (isinstance(name, str) and name in pytz.all_timezones_set)

    def _are_companies(self, ids):
        return not ids or (
            isinstance(ids, list)
            and all(type(company_id) is int for company_id in ids)
            and set(ids) <= set(request.env.user._get_company_ids())
        )
