from odoo import fields, models

# What may be written in a <funnel/> view; the rest would be a typing error.
FUNNEL_ATTRIBUTES = {"class", "js_class", "lens", "measure", "period", "string"}
FUNNEL_LENSES = ("cohort", "closed", "flow", "snapshot")
FUNNEL_MEASURES = ("count", "amount", "weighted_amount")
FUNNEL_PERIODS = (
    "this_month",
    "last_month",
    "this_quarter",
    "last_quarter",
    "this_year",
    "last_12_months",
)


class IrUiView(models.Model):
    _inherit = "ir.ui.view"

    type = fields.Selection(
        selection_add=[("funnel", "Funnel")], ondelete={"funnel": "cascade"}
    )

    def _get_view_info(self):
        return {"funnel": {"icon": "fa fa-filter"}} | super()._get_view_info()

    def _validate_tag_funnel(self, node, name_manager, node_info):
        if not node_info["validate"]:
            return
        unknown = set(node.attrib) - FUNNEL_ATTRIBUTES - {"__validate__"}
        if unknown:
            self._raise_view_error(
                self.env._(
                    "A funnel view knows no attribute %(unknown)s. It knows %(known)s.",
                    unknown=", ".join(sorted(unknown)),
                    known=", ".join(sorted(FUNNEL_ATTRIBUTES)),
                ),
                node,
            )
        for attribute, values in (
            ("lens", FUNNEL_LENSES),
            ("measure", FUNNEL_MEASURES),
            ("period", FUNNEL_PERIODS),
        ):
            value = node.get(attribute)
            if value is not None and value not in values:
                self._raise_view_error(
                    self.env._(
                        "“%(value)s” is no %(attribute)s of a funnel view. "
                        "Choose one of %(values)s.",
                        value=value,
                        attribute=attribute,
                        values=", ".join(values),
                    ),
                    node,
                )
        for child in node.iterchildren("*"):
            self._raise_view_error(
                self.env._(
                    "A funnel view has nothing inside, but this one has <%(tag)s>.",
                    tag=child.tag,
                ),
                child,
            )
