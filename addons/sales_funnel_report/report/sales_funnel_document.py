import base64

from odoo import api, models

from ..drawing.page import WIDTH, shorten, text_width

# Pixels across the paper in Debian's wkhtmltopdf; the patched one shrinks to it.
PAGE_WIDTH = 1340
# The height of an A4 page in landscape, and of the parts of the document besides
# the drawing, in thousandths of the width that is printed on.
PAGE = 676
TITLE = 52
FACT = 17
FIGURES = 62
WARNING = 19
TABLE_LINE = 13
TABLE_ROW = 17.5
# Of the names in the first column of the table, and of the letters in it.
NAME_WIDTH = 250
LETTERS = 9.8
# How many lines the head of the table may have.
MOST_LINES = 8


class SalesFunnelDocument(models.AbstractModel):
    """The values of the page that is printed."""

    _name = "report.sales_funnel_report.funnel_document"
    _description = "Sales Funnel on Paper"

    @api.model
    def _get_report_values(self, docids, data=None):
        """See Odoo's reports.

        :param dict data: ``domain``, ``options`` and ``measure``, as
            ``crm.funnel.document`` takes them
        """
        data = data or {}
        documents = self.env["crm.funnel.document"]
        document = documents._get_document(
            data.get("domain"), data.get("options"), data.get("measure")
        )
        pictures = self.env["crm.funnel.picture"]
        height = self._get_drawing_height(document)
        drawing = pictures._render_drawing(document, PAGE_WIDTH, height)
        drawn = pictures._count_groups_drawn(document, height)
        return {
            "document": document,
            # a document of its own: in the page, its colors would be looked for
            # under the address of the page
            "drawing": "data:image/svg+xml;base64,"
            + base64.b64encode(drawing.encode()).decode(),
            "page_width": PAGE_WIDTH,
            "groups_left_out": len(document["report"]["groups"]) - drawn,
            "table": document["group_table"] or document["table"],
            "text_of": lambda kind, value: documents._format(
                kind, value, document["currency"]
            ),
            "short_text_of": lambda kind, value: documents._format_short(
                kind, value, document["currency"]
            ),
            "name_of": lambda name: shorten(name, NAME_WIDTH, LETTERS, is_bold=True),
            "note_of": lambda note: documents._format_note(note, document["currency"]),
        }

    def _get_drawing_height(self, document):
        """What the other parts leave of the page."""
        table = document["group_table"] or document["table"]
        return (
            PAGE
            - TITLE
            - FACT * len(document["facts"])
            - FIGURES
            - WARNING * len(document["report"]["warnings"])
            - TABLE_LINE * (self._count_head_lines(table) + 1)
            - TABLE_ROW * len(table["rows"])
        )

    def _count_head_lines(self, table):
        """How many lines the longest label of the table takes."""
        width = (WIDTH - NAME_WIDTH) / len(table["columns"])
        longest = max(text_width(label, LETTERS) for label, _kind in table["columns"])
        return min(MOST_LINES, 1 + int(longest / width))
