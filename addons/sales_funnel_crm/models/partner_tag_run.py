import hashlib
import json

from odoo import api, fields, models

from ..tools import ensure_one_record


class PartnerTagRun(models.Model):
    """What was sent to, or made for, the contacts of a tag: a log, which also keeps
    the same from being done twice."""

    _name = "partner.tag.run"
    _description = "Sent or Made from a Tag"
    _order = "create_date desc, id desc"

    name = fields.Char(string="What", required=True, readonly=True)
    kind = fields.Selection(
        [("email", "E-mail"), ("sms", "SMS"), ("deal", "Deals")],
        required=True,
        readonly=True,
    )
    category_ids = fields.Many2many(
        "res.partner.category",
        "partner_tag_run_category_rel",
        "run_id",
        "category_id",
        string="Tags",
        context={"active_test": False},
        readonly=True,
    )
    with_children = fields.Boolean(string="With Sub-Tags", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        string="By",
        required=True,
        readonly=True,
        index=True,
        default=lambda self: self.env.user,
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    partner_ids = fields.Many2many(
        "res.partner",
        "partner_tag_run_partner_rel",
        "run_id",
        "partner_id",
        string="Contacts",
        context={"active_test": False},
        readonly=True,
    )
    partner_count = fields.Integer(string="Contacts reached", readonly=True)
    fingerprint = fields.Char(required=True, readonly=True, index=True)

    @api.model
    def _get_fingerprint(self, kind, content):
        """
        :param str kind: one of the values of ``kind``
        :param list content: what tells one message from another, JSON
        :rtype: str
        """
        text = json.dumps([kind, self.env.company.id, content])
        return hashlib.sha256(text.encode()).hexdigest()

    @api.model
    def _find_partners(self, fingerprint):
        """Who has had this already, whoever sent it.

        :return: ``res.partner``
        """
        # sudo: also what colleagues have sent, of which nothing but a number is shown
        runs = self.sudo().search([("fingerprint", "=", fingerprint)])
        return runs.partner_ids.sudo(False)

    def action_view_partners(self):
        """Open the contacts that were reached.

        :return: the action
        :rtype: dict
        """
        ensure_one_record(self)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "contacts.action_contacts"
        )
        action["name"] = action["display_name"] = self.name
        action["domain"] = [("id", "in", self.partner_ids.ids)]
        action["context"] = {"active_test": False}
        return action

    def action_view_deals(self):
        """Open the deals that were made.

        :return: the action
        :rtype: dict
        """
        ensure_one_record(self)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm.crm_lead_opportunities"
        )
        action["name"] = action["display_name"] = self.name
        action["domain"] = [("partner_tag_run_id", "=", self.id)]
        action["context"] = {"default_type": "opportunity"}
        return action
