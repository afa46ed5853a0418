from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools.misc import clean_context

from ..tools import check_pointers, ensure_one_record

DEAL_BATCH = 500


class PartnerTagAction(models.TransientModel):
    """Write to the contacts of tags, or make a deal for each of them.

    The e-mail and the SMS are written in Odoo's composers, which are told to whom and
    come back here before they send: who has had the same is left out.
    """

    _name = "partner.tag.action"
    _description = "Write to the Contacts of a Tag"

    kind = fields.Selection(
        selection=lambda self: self.env["partner.tag.run"]._fields["kind"].selection,
        required=True,
        default="email",
    )
    category_ids = fields.Many2many(
        "res.partner.category",
        string="Tags",
        required=True,
        context={"active_test": False},
        default=lambda self: self._default_category_ids(),
    )
    scope = fields.Selection(
        [("only", "This tag only"), ("children", "With sub-tags")],
        string="Contacts of",
        required=True,
        default="children",
    )
    again = fields.Boolean(
        string="Once more",
        help="Also those who have had the very same before. Without the tick they are "
        "left out.",
    )
    template_id = fields.Many2one(
        "mail.template",
        domain="[('model', '=', 'res.partner'), "
        "'|', ('user_id', '=', False), ('user_id', '=', uid)]",
        help="What the e-mail begins with. Leave it empty to write all of it yourself.",
    )
    name = fields.Char(string="Deal", help="The name of each of the deals.")
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        domain="[('share', '=', False)]",
        default=lambda self: self.env.user,
        help="Leave it empty to give each deal to the salesperson of its contact.",
    )
    partner_count = fields.Integer(string="Contacts", compute="_compute_counts")
    missing_count = fields.Integer(string="No address", compute="_compute_counts")
    blacklisted_count = fields.Integer(string="Blacklisted", compute="_compute_counts")
    had_count = fields.Integer(
        string="Have it already",
        compute="_compute_counts",
        help="Contacts for whom a deal of this name was made before.",
    )
    reach_count = fields.Integer(
        string="To do",
        compute="_compute_counts",
        help="Contacts that it will be sent to, or made for.",
    )
    tag_names = fields.Char(compute="_compute_tag_names")
    description = fields.Char(compute="_compute_description")
    run_id = fields.Many2one("partner.tag.run", ondelete="set null", readonly=True)

    def _default_category_ids(self):
        """:return: ids of the tags it was called from"""
        context = self.env.context
        if context.get("active_model") == "res.partner.category":
            return context.get("active_ids") or []
        return []

    # ------------------------------------------------------------
    # WHAT IT TAKES
    # ------------------------------------------------------------

    @api.constrains("template_id")
    def _check_template(self):
        """The list of templates in the dialog is for people; programs choose from all.
        A template is text that Odoo trusts, and reads what its model has."""
        for wizard in self:
            template = wizard.template_id
            if not template:
                continue
            wizard._check_writes_to_contacts(template.model)
            if template.user_id and template.user_id != self.env.user:
                raise ValidationError(
                    self.env._(
                        "The template “%s” is a colleague's own. Choose another one, "
                        "or leave it empty.",
                        template.name,
                    )
                )

    @api.constrains("user_id")
    def _check_user(self):
        for wizard in self:
            if wizard.user_id.share:
                raise ValidationError(
                    self.env._(
                        "%s does not work here and cannot have deals. Choose a "
                        "colleague as the salesperson, or nobody.",
                        wizard.user_id.name,
                    )
                )

    @api.constrains("run_id")
    def _check_run(self):
        check_pointers(self, ["run_id"])

    @api.model
    def _check_writes_to_contacts(self, model):
        """
        :param str model: that a message from a tag, or its template, is for
        :raise ValidationError: it is not that of contacts
        """
        if model != "res.partner":
            raise ValidationError(
                self.env._(
                    "A message from a tag goes to contacts, and its template is one "
                    "for contacts. Start again from the tag."
                )
            )

    # ------------------------------------------------------------
    # WHO
    # ------------------------------------------------------------

    @api.depends("category_ids.name")
    def _compute_tag_names(self):
        for wizard in self:
            wizard.tag_names = ", ".join(wizard.category_ids.mapped("name"))

    @api.depends("tag_names", "reach_count")
    def _compute_description(self):
        for wizard in self:
            wizard.description = wizard.env._(
                "To %(count)s contacts of %(tags)s. Each gets a message of their own; "
                "who has had the very same is left out.",
                count=wizard.reach_count,
                tags=wizard.tag_names,
            )

    def _get_partner_domain(self):
        """:return: ``Domain`` of all contacts of the tags"""
        self.ensure_one()
        return self.category_ids._origin._get_partner_domain(self.scope == "children")

    def _get_missing_domain(self):
        """:return: ``Domain`` of those who cannot be reached this way"""
        self.ensure_one()
        no_email = Domain("email_normalized", "=", False)
        no_phone = Domain("phone_sanitized", "=", False)
        return {"email": no_email, "sms": no_phone}.get(self.kind, no_email & no_phone)

    def _get_blacklisted_domain(self):
        """:return: ``Domain`` of those who do not want to be reached this way"""
        self.ensure_one()
        email = Domain("is_blacklisted", "=", True)
        phone = Domain("phone_sanitized_blacklisted", "=", True)
        return {"email": email, "sms": phone}.get(self.kind, email | phone)

    def _get_recipient_domain(self):
        """:return: ``Domain`` of those it is for; a deal can do without an address,
        and without a message nobody is disturbed
        """
        domain = self._get_partner_domain()
        if self.kind != "deal":
            domain &= ~self._get_missing_domain() & ~self._get_blacklisted_domain()
        return domain

    @api.depends("kind", "category_ids", "scope", "again", "name")
    def _compute_counts(self):
        partner_model = self.env["res.partner"]
        for wizard in self:
            everyone = wizard._get_partner_domain()
            wizard.partner_count = partner_model.search_count(everyone)
            wizard.missing_count = partner_model.search_count(
                everyone & wizard._get_missing_domain()
            )
            wizard.blacklisted_count = partner_model.search_count(
                everyone & wizard._get_blacklisted_domain()
            )
            recipients = wizard._get_recipient_domain()
            wizard.had_count = wizard.kind == "deal" and partner_model.search_count(
                recipients & Domain("id", "in", wizard._find_had([wizard.name]).ids)
            )
            wizard.reach_count = (
                partner_model.search_count(recipients) - wizard.had_count
            )

    # ------------------------------------------------------------
    # NOTHING TWICE
    # ------------------------------------------------------------

    def _get_fingerprint(self, content):
        """
        :param list content: what tells one message from another, JSON
        :rtype: str
        """
        # once more, but not twice from the same dialog
        occasion = self._origin.id if self.again else None
        return self.env["partner.tag.run"]._get_fingerprint(
            self.kind, [occasion, *content]
        )

    def _find_had(self, content):
        """:return: ``res.partner``, who have had this already"""
        return self.env["partner.tag.run"]._find_partners(
            self._get_fingerprint(content)
        )

    def _start_run(self, partners, name, content):
        """Log that something is sent to contacts, or made for them, and leave out
        those who have had it. To be called before anything is sent.

        :param partners: ``res.partner``
        :param str name: for the log
        :param list content: what tells one message from another, JSON
        :return: ``partner.tag.run``, of those who are left
        :raise UserError: nobody is left
        """
        self.ensure_one()
        # the composers name the dialog and the contacts, and both come from the client
        self.check_access("write")
        partners.check_access("read")
        # sudo: two columns of the log, which nobody edits; the tags are those the
        # user has chosen. Writing them makes whoever does the same at the same time
        # start again, and then find what was done here.
        self.category_ids.sudo().last_run_date = fields.Datetime.now()
        self.env.flush_all()
        left = partners - self._find_had(content)
        if not left:
            raise UserError(self._describe_nobody(partners))
        run = (
            self.env["partner.tag.run"]
            .sudo()
            .create(
                {
                    "name": name,
                    "kind": self.kind,
                    "category_ids": self.category_ids.ids,
                    "with_children": self.scope == "children",
                    "partner_ids": left.ids,
                    "partner_count": len(left),
                    "fingerprint": self._get_fingerprint(content),
                }
            )
        )
        self.run_id = run
        return self.run_id

    def _get_done_action(self):
        """Say what was sent, and close the composer.

        :return: the action
        :rtype: dict
        """
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "“%(name)s” is on its way to %(count)s contacts of %(tags)s.",
                    name=self.run_id.name,
                    count=self.run_id.partner_count,
                    tags=self.tag_names,
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _describe_nobody(self, partners):
        """
        :param partners: ``res.partner`` it was for
        :return: a sentence that says why nothing was done
        """
        if not partners:
            return self.env._(
                "There is nobody among the contacts of %s it could go to. Choose "
                "another tag, or include its sub-tags.",
                self.tag_names,
            )
        return self.env._(
            "Nothing was done: all %(count)s contacts of %(tags)s have had this "
            "before. Change it, or start again from the tag and tick Once more.",
            count=len(partners),
            tags=self.tag_names,
        )

    # ------------------------------------------------------------
    # BUTTONS
    # ------------------------------------------------------------

    def action_continue(self):
        """Write the e-mail or the SMS, or make the deals.

        :return: the action that opens the composer, or the deals
        :rtype: dict
        :raise UserError: there is nobody it could go to
        """
        ensure_one_record(self)
        if not self.reach_count:
            everyone = self.env["res.partner"].search(self._get_recipient_domain())
            raise UserError(self._describe_nobody(everyone))
        return getattr(self, f"_action_{self.kind}")()

    def _get_composer_action(self, name, model, defaults):
        context = {f"default_{field}": value for field, value in defaults.items()}
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {
                **clean_context(self.env.context),
                # not the tags, nor this dialog
                "active_model": "res.partner",
                "active_id": False,
                "active_ids": [],
                "default_tag_action_id": self.id,
                **context,
            },
        }

    def _action_email(self):
        return self._get_composer_action(
            self.env._("Write an E-mail"),
            "mail.compose.message",
            {
                "model": "res.partner",
                "composition_mode": "mass_mail",
                # who it is for is found when it is sent
                "res_domain": repr(list(self._get_recipient_domain())),
                "template_id": self.template_id.id,
            },
        )

    def _action_sms(self):
        partners = self.env["res.partner"].search(self._get_recipient_domain())
        return self._get_composer_action(
            self.env._("Write an SMS"),
            "sms.composer",
            {
                "res_model": "res.partner",
                "composition_mode": "mass",
                "res_ids": repr(partners.ids),
            },
        )

    def _action_deal(self):
        run = self._make_deals()
        return run.action_view_deals()

    def _make_deals(self):
        """Make a deal for each contact that has none of this name yet.

        :return: ``partner.tag.run``
        :raise UserError: there is no name, or nobody is left
        """
        if not self.name:
            raise UserError(self.env._("Give the deals a name, to tell them by."))
        partners = self.env["res.partner"].search(self._get_recipient_domain())
        run = self._start_run(partners, self.name, [self.name])
        self._create_deals(run)
        return run

    def _create_deals(self, run):
        """Make the deals of a run, as many as there are, in a few queries.

        :param run: ``partner.tag.run``
        """
        # the default values are those of this dialog
        context = clean_context(self.env.context)
        model = self.env["crm.lead"]
        model = model.with_context(context)  # pylint: disable=context-overridden
        note = self.env._("Made from %s", self.tag_names)
        for user, partners in run.partner_ids.grouped(self._get_owner).items():
            owner = self._get_owner_values(model, user)
            for start in range(0, len(partners), DEAL_BATCH):
                # what follows, mail would do one by one
                leads = model.with_context(tracking_disable=True).create(
                    [
                        {**owner, **self._get_deal_values(run, partner)}
                        for partner in partners[start : start + DEAL_BATCH]
                    ]
                )
                # and nobody wants an e-mail for each of them
                leads.with_context(
                    tracking_disable=False, mail_auto_subscribe_no_notify=True
                )._message_auto_subscribe(owner)
                leads._message_log_batch(bodies=dict.fromkeys(leads.ids, note))

    def _get_owner(self, partner):
        """
        :param partner: ``res.partner`` a deal is made for
        :return: ``res.users`` who gets it
        """
        return self.user_id or partner.user_id or self.env.user

    @api.model
    def _get_owner_values(self, model, user):
        """Ask once for what would be looked up for each of many deals.

        :param model: ``crm.lead``
        :param user: ``res.users``
        :return: values that make deals those of the user, in his team
        :rtype: dict
        """
        deal = model.new({"type": "opportunity", "user_id": user.id})
        return {
            "user_id": user.id,
            "team_id": deal.team_id.id,
            "stage_id": deal.stage_id.id,
        }

    def _get_deal_values(self, run, partner):
        """
        :param run: ``partner.tag.run`` it is made in
        :param partner: ``res.partner`` it is made for
        :return: values of a ``crm.lead``
        :rtype: dict
        """
        return {
            "type": "opportunity",
            "name": self.name,
            "partner_id": partner.id,
            "partner_tag_run_id": run.id,
        }
