from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL


class ResPartnerCategory(models.Model):
    _inherit = "res.partner.category"

    complete_name = fields.Char(
        string="Full Name",
        compute="_compute_complete_name",
        recursive=True,
        store=True,
        help="With the names of the tags above; sorts the tags as a tree.",
    )
    partner_count = fields.Integer(
        string="Contacts",
        compute="_compute_partner_count",
        help="Contacts that have this very tag.",
    )
    total_partner_count = fields.Integer(
        string="In All",
        compute="_compute_partner_count",
        help="Contacts that have this tag or one below it, each counted once.",
    )
    run_ids = fields.Many2many(
        "partner.tag.run",
        "partner_tag_run_category_rel",
        "category_id",
        "run_id",
        string="Done so far",
        copy=False,
        readonly=True,
        groups="sales_team.group_sale_salesman",
    )
    last_run_date = fields.Datetime(string="Last Used", copy=False, readonly=True)

    @api.depends("name", "parent_id.complete_name")
    def _compute_complete_name(self):
        for category in self:
            names = [category.parent_id.complete_name, category.name]
            category.complete_name = " / ".join(filter(None, names))

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_partner_count(self):
        counts = self._count_partners()
        for category in self:
            category.partner_count, category.total_partner_count = counts.get(
                category._origin.id, (0, 0)
            )

    def _count_partners(self):
        """Count the contacts the user may read, in one query. Archived contacts do not
        count, nor do archived tags below.

        :return: ``{id of a tag: (its own contacts, all with those below)}``, without
            those that have none
        :rtype: dict
        """
        if not self.ids:
            return {}
        partner_model = self.env["res.partner"].with_context(active_test=True)
        partners = partner_model._search([])
        partner_model.flush_model(["category_id"])
        self.flush_model(["active", "parent_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT tag.id,
                       COUNT(DISTINCT rel.partner_id)
                           FILTER (WHERE rel.category_id = tag.id),
                       COUNT(DISTINCT rel.partner_id)
                  FROM res_partner_category tag
                  JOIN res_partner_category below
                    ON below.parent_path LIKE tag.parent_path || '%%'
                   AND (below.active OR below.id = tag.id)
                  JOIN res_partner_res_partner_category_rel rel
                    ON rel.category_id = below.id
                 WHERE tag.id IN %s
                   AND rel.partner_id IN %s
              GROUP BY tag.id
                """,
                tuple(self.ids),
                partners.subselect(),
            )
        )
        return {tag_id: (own, total) for tag_id, own, total in rows}

    def _get_partner_domain(self, with_children=True):
        """
        :param bool with_children: with the tags below
        :return: ``Domain`` of the contacts that have one of these tags
        """
        domain = Domain("category_id", "in", self.ids)
        if with_children:
            # an archived tag is not below itself
            domain |= Domain("category_id", "child_of", self.ids)
        return domain

    def write(self, vals):
        if vals.get("parent_id"):
            self._check_not_below_itself(self.browse(vals["parent_id"]))
        return super().write(vals)

    def _check_not_below_itself(self, parent):
        """Say what is wrong before Odoo does, in two words.

        :param parent: the tag that these tags are to be put below
        :raise ValidationError: it is one of them, or below one of them
        """
        above = {int(tag_id) for tag_id in (parent.parent_path or "").split("/")[:-1]}
        for category in self:
            if category.id in above:
                raise ValidationError(
                    self.env._(
                        "“%(tag)s” cannot be put below “%(parent)s”, which is the same "
                        "tag or already below it. Choose another tag, or none.",
                        tag=category.name,
                        parent=parent.display_name,
                    )
                )

    # ------------------------------------------------------------
    # BUTTONS
    # ------------------------------------------------------------

    def action_view_partners(self):
        """Open the contacts that have one of these very tags.

        :return: the action
        :rtype: dict
        """
        return self._get_partners_action(with_children=False)

    def action_view_all_partners(self):
        """Open the contacts that have one of these tags or a tag below.

        :return: the action
        :rtype: dict
        """
        return self._get_partners_action(with_children=True)

    def _get_partners_action(self, with_children):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "contacts.action_contacts"
        )
        action["name"] = action["display_name"] = ", ".join(self.mapped("name"))
        action["domain"] = list(self._get_partner_domain(with_children))
        action["context"] = {"default_category_id": self.ids}
        return action
