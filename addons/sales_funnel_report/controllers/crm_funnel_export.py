import json

from werkzeug.exceptions import InternalServerError, NotFound

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
    def export_funnel(self, extension, data, **_form):
        """The answer to a question as a file, with the rights of the user.

        :param str extension: of the file, see ``crm.funnel.file``
        :param str data: JSON with ``domain``, ``options``, ``measure`` and the
            ``context`` of the user
        :return: the file, or a serialized error as Odoo's other downloads
        """
        question = json.loads(data)
        context = question.get("context") or {}
        files = request.env["crm.funnel.file"].with_context(**context)
        if extension not in files._get_makers():
            raise NotFound()
        try:
            name, content, mimetype = files._make_file(extension, question)
        except UserError as error:
            payload = {
                "code": 0,
                "message": "Odoo Server Error",
                "data": http.serialize_exception(error),
            }
            raise InternalServerError(json.dumps(payload)) from error
        return request.make_response(
            content,
            headers=[
                ("Content-Type", mimetype),
                ("Content-Disposition", content_disposition(name)),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
