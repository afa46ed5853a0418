from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

# What a reason can be given for, and the field that says whether it may be.
ENDS = ("dead", "closed", "lost", "quotation")


class CrmLostReason(models.Model):
    _inherit = "crm.lost.reason"
    _order = "tree_order, id"
    _parent_store = True

    parent_id = fields.Many2one(
        "crm.lost.reason",
        string="Part of",
        index=True,
        ondelete="restrict",
        help="The wider reason this one is a case of.",
    )
    parent_path = fields.Char(index=True)
    child_ids = fields.One2many("crm.lost.reason", "parent_id", string="Finer Reasons")
    complete_name = fields.Char(
        string="Reason",
        compute="_compute_complete_name",
        recursive=True,
        help="The reason with the wider ones it is part of.",
    )
    sequence = fields.Integer(default=10, help="The lower, the further up.")
    tree_order = fields.Char(
        compute="_compute_tree_order",
        store=True,
        recursive=True,
        help="Sorts the reasons as a tree, in any language.",
    )
    applies_to_dead = fields.Boolean(
        string="Dead leads", default=True, help="Offered when a lead is dead."
    )
    applies_to_closed = fields.Boolean(
        string="Closed leads", default=True, help="Offered when a lead is closed."
    )
    applies_to_lost = fields.Boolean(
        string="Lost deals", default=True, help="Offered when a deal is lost."
    )
    applies_to_quotation = fields.Boolean(
        string="Quotations",
        default=True,
        help="Offered when a quotation is cancelled or expires.",
    )
    note_required = fields.Boolean(
        help="Whoever gives this reason has to write a note about it."
    )

    @api.depends("name", "parent_id.complete_name")
    @api.depends_context("lang")
    def _compute_complete_name(self):
        for reason in self:
            wider = reason.parent_id.complete_name
            name = reason.name or ""
            reason.complete_name = f"{wider} / {name}" if wider else name

    @api.depends("complete_name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for reason in self:
            reason.display_name = reason.complete_name

    @api.model
    def _search_display_name(self, operator, value):
        domain = super()._search_display_name(operator, value)
        if not operator.endswith("like"):
            return domain
        if operator.startswith("not"):
            return NotImplemented
        # the name of a wider reason finds the finer ones too
        return Domain("id", "child_of", tuple(self._search(domain)))

    @api.depends("sequence", "parent_id.tree_order")
    def _compute_tree_order(self):
        for reason in self:
            wider = reason.parent_id.tree_order or ""
            place = f"{reason.sequence or 0:05d}.{reason._origin.id or 0:08d}"
            reason.tree_order = f"{wider}{place}/"

    def write(self, vals):
        self._check_no_cycle(vals.get("parent_id"))
        return super().write(vals)

    def _check_no_cycle(self, parent_id):
        """Refuse a reason as a part of itself, in a sentence that names it; Odoo
        would say that a recursion was detected.

        :param int parent_id: what the reasons shall become a part of, if anything
        :raise ValidationError: it is one of them, or a part of one
        """
        parent = self.browse(parent_id or ())
        wider = parent
        while wider:
            if wider in self:
                raise ValidationError(
                    self.env._(
                        "“%(reason)s” cannot be part of “%(parent)s”, which is itself "
                        "“%(reason)s” or a part of it. Choose another reason, or none.",
                        reason=wider.name,
                        parent=parent.name,
                    )
                )
            wider = wider.parent_id

    @api.model
    def _get_domain_for(self, ends):
        """The reasons that may be given for all of ``ends``.

        :param ends: iterable of ``"dead"``, ``"closed"``, ``"lost"`` and
            ``"quotation"``
        :return: :class:`~odoo.fields.Domain` of ``crm.lost.reason``
        :raise KeyError: for anything else
        """
        fnames = {end: f"applies_to_{end}" for end in ENDS}
        return Domain.AND(Domain(fnames[end], "=", True) for end in ends)

    def _get_roots(self):
        """:return: the widest reasons these are part of, in their order"""
        roots = self.browse(
            {int(reason.parent_path.split("/", 1)[0]) for reason in self}
        )
        return roots.sorted("tree_order")

    def _applies_to(self, ends):
        """Whether this reason may be given for all of ``ends``.

        :param ends: as for :meth:`_get_domain_for`
        :rtype: bool
        """
        self.ensure_one()
        return bool(self.filtered_domain(self._get_domain_for(ends)))
