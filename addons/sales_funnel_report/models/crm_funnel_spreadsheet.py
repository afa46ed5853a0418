import io

import xlsxwriter

from odoo import api, models
from odoo.exceptions import UserError

from ..drawing.page import printable

# How much the picture is made smaller on the sheet.
PICTURE_SCALE = 0.45
WIDTH_OF_NAMES = 28
WIDTH_OF_VALUES = 14


class CrmFunnelSpreadsheet(models.AbstractModel):
    """A funnel document as a workbook whose figures are numbers."""

    _name = "crm.funnel.spreadsheet"
    _description = "Sales Funnel Spreadsheet"

    @api.model
    def _render_xlsx(self, document):
        """The steps, the groups and the question, a sheet for each.

        :param dict document: see ``crm.funnel.document``
        :return: XLSX
        :rtype: bytes
        """
        output = io.BytesIO()
        # names come from people: none of them is a formula or a link
        workbook = xlsxwriter.Workbook(
            output,
            {
                "in_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        formats = self._get_formats(workbook, document["currency"])
        sheet = workbook.add_worksheet(self.env._("Steps"))
        rows = self._write_steps(sheet, formats, document["table"])
        self._insert_picture(sheet, formats, document, rows + 2)
        if document["report"]["groups"]:
            sheet = workbook.add_worksheet(self.env._("Groups"))
            self._write_groups(sheet, formats, document)
        sheet = workbook.add_worksheet(self.env._("Question"))
        self._write_question(sheet, formats, document)
        workbook.set_properties(
            {
                "title": printable(document["title"]),
                "company": printable(document["company"].name),
            }
        )
        workbook.close()
        return output.getvalue()

    def _get_formats(self, workbook, currency):
        decimals = (
            "." + "0" * currency.decimal_places if currency.decimal_places else ""
        )
        symbol = '"{}"'.format((currency.symbol or "").replace('"', ""))
        parts = [f"#,##0{decimals}", symbol]
        if currency.position == "before":
            parts.reverse()
        number_formats = {
            "count": "#,##0",
            "amount": "\N{NO-BREAK SPACE}".join(parts),
            "rate": "0.0%",
            "days": "#,##0.0",
        }
        return {
            "head": workbook.add_format(
                {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}
            ),
            "name": workbook.add_format({"bold": True}),
            "text": workbook.add_format({"text_wrap": True, "valign": "top"}),
            **{
                kind: workbook.add_format({"num_format": number_format})
                for kind, number_format in number_formats.items()
            },
        }

    # ------------------------------------------------------------
    # SHEETS
    # ------------------------------------------------------------

    def _write_steps(self, sheet, formats, table):
        """:return: the number of rows written"""
        self._write_head(sheet, formats, [self.env._("Step")], table["columns"])
        for number, row in enumerate(table["rows"], 1):
            self._write_text(sheet, number, 0, row["name"], formats["name"])
            self._write_values(
                sheet, formats, number, 1, table["columns"], row["values"]
            )
        return len(table["rows"])

    def _write_groups(self, sheet, formats, document):
        """A row for each step of each group, ready for filters and pivots."""
        lens = document["lens"]
        documents = self.env["crm.funnel.document"]
        head = [self.env._("Group"), self.env._("Step")]
        number = 0
        for group in document["report"]["groups"]:
            steps = group["series"]["steps"]
            table = documents._get_steps_table(steps, lens)
            if not number:
                last = self._write_head(sheet, formats, head, table["columns"])
            for row in table["rows"]:
                number += 1
                self._write_text(sheet, number, 0, group["label"], formats["name"])
                self._write_text(sheet, number, 1, row["name"])
                self._write_values(
                    sheet, formats, number, 2, table["columns"], row["values"]
                )
        sheet.autofilter(0, 0, number, last)

    def _write_question(self, sheet, formats, document):
        sheet.set_column(0, 0, WIDTH_OF_NAMES)
        sheet.set_column(1, 1, 90)
        self._write_text(sheet, 0, 0, document["title"], formats["name"])
        number = 1
        for label, text in document["facts"]:
            self._write_text(sheet, number, 0, label)
            self._write_text(sheet, number, 1, text, formats["text"])
            number += 1
        for warning in document["report"]["warnings"]:
            self._write_text(sheet, number, 1, warning, formats["text"])
            number += 1
        self._write_text(sheet, number, 1, document["signature"], formats["text"])
        number += 2
        for label, kind, value, _note in document["figures"]:
            self._write_text(sheet, number, 0, label)
            self._write_value(sheet, number, 1, value, formats[kind])
            number += 1

    def _insert_picture(self, sheet, formats, document, row):
        try:
            picture = self.env["crm.funnel.picture"]._render_png(document)
        except UserError as error:
            # the figures are worth having without it
            self._write_text(sheet, row, 0, str(error))
            return
        sheet.insert_image(
            row,
            0,
            "funnel.png",
            {
                "image_data": io.BytesIO(picture),
                "x_scale": PICTURE_SCALE,
                "y_scale": PICTURE_SCALE,
                "description": printable(document["title"]),
            },
        )

    # ------------------------------------------------------------
    # CELLS
    # ------------------------------------------------------------

    def _write_text(self, sheet, row, column, text, cell_format=None):
        """Text as people have written it, as far as a cell can hold it."""
        text = printable(text)
        if len(text) > sheet.xls_strmax:
            text = text[: sheet.xls_strmax - 1] + "…"
        sheet.write_string(row, column, text, cell_format)

    def _write_head(self, sheet, formats, names, columns):
        """:return: the number of the last column"""
        labels = list(names)
        for label, kind in columns:
            if kind == "interval":
                labels += [
                    self.env._("%(label)s, from", label=label),
                    self.env._("%(label)s, to", label=label),
                ]
            else:
                labels.append(label)
        for column, label in enumerate(labels):
            self._write_text(sheet, 0, column, label, formats["head"])
        sheet.set_column(0, len(names) - 1, WIDTH_OF_NAMES)
        sheet.set_column(len(names), len(labels) - 1, WIDTH_OF_VALUES)
        sheet.freeze_panes(1, len(names))
        return len(labels) - 1

    def _write_values(self, sheet, formats, row, column, columns, values):
        for (_label, kind), value in zip(columns, values, strict=True):
            if kind == "interval":
                for end in value or (None, None):
                    self._write_value(sheet, row, column, end, formats["rate"])
                    column += 1
            else:
                self._write_value(sheet, row, column, value, formats[kind])
                column += 1

    def _write_value(self, sheet, row, column, value, cell_format):
        if value is not None:
            sheet.write_number(row, column, value, cell_format)
