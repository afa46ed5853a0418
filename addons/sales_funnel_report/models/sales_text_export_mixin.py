from odoo import models

# Programs for spreadsheets compute what begins with one of these.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class SalesTextExportMixin(models.AbstractModel):
    """Names that people have given stay text in Odoo's exports, and never are
    formulas: those get an apostrophe in front, as Odoo gives it to some of them in CSV
    files."""

    _name = "sales.text.export.mixin"
    _description = "Export of Names as Text"

    def export_data(self, fields_to_export):
        """See Odoo."""
        result = super().export_data(fields_to_export)
        result["datas"] = [list(map(_as_text, row)) for row in result["datas"]]
        return result


def _as_text(value):
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value
