from datetime import timedelta

from odoo import api, fields, models
from odoo.tools.osutil import clean_filename

PDF_REPORT = "sales_funnel_report.funnel_document"


class CrmFunnelFile(models.AbstractModel):
    """A funnel document as a file."""

    _name = "crm.funnel.file"
    _description = "Sales Funnel File"

    @api.model
    def _get_makers(self):
        """Hook: the kinds of files.

        :return: dictionary by extension: ``(type of content, method that makes
            the content of a document)``
        """
        pictures = self.env["crm.funnel.picture"]
        return {
            "xlsx": (
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                self.env["crm.funnel.spreadsheet"]._render_xlsx,
            ),
            "svg": (
                "image/svg+xml",
                lambda document: str(pictures._render_svg(document)).strip().encode(),
            ),
            "png": ("image/png", pictures._render_png),
        }

    @api.model
    def _make_file(self, extension, question):
        """The answer to a question as a file.

        :param str extension: of the file, a key of :meth:`_get_makers`
        :param dict question: ``domain``, ``options`` and ``measure``
        :return: ``(name, content, type of content)``
        :raise UserError: for an unknown option, value or field, or when the file
            cannot be made
        """
        mimetype, make = self._get_makers()[extension]
        document = self.env["crm.funnel.document"]._get_document(
            question.get("domain"), question.get("options"), question.get("measure")
        )
        return self._get_name(document, extension), make(document), mimetype

    @api.model
    def _make_pdf(self, question):
        """The printed page.

        :param dict question: ``domain``, ``options`` and ``measure``
        :return: ``(content, "pdf")``, or ``(content, "html")`` in tests
        """
        return self.env["ir.actions.report"]._render_qweb_pdf(
            PDF_REPORT, None, data=dict(question)
        )

    @api.model
    def _get_name(self, document, extension):
        """The name of a file, with the days that it is about."""
        options = document["report"]["options"]
        if document["lens"] == "snapshot":
            days = options["as_of"][:10]
        else:
            last = fields.Date.to_date(options["date_to"]) - timedelta(days=1)
            days = f"{options['date_from']}_{last}"
        return clean_filename(f"{document['title']} {days}.{extension}")
