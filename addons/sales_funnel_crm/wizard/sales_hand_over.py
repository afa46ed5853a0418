from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command, Domain

from ..tools import ensure_one_record

# The deal that a document belongs to.
DEAL_FIELDS = {"sale.order": "opportunity_id", "crm.phonecall": "lead_id"}


class SalesHandOver(models.TransientModel):
    """What a salesperson has to do and to look after goes to others.

    What came to an end stays: won, lost and dead deals, orders, invoices and
    calls that were made keep the name of who did them.
    """

    _name = "sales.hand.over"
    _description = "Hand Over Sales Work"

    user_id = fields.Many2one(
        "res.users",
        string="From",
        required=True,
        domain=[("share", "=", False)],
        context={"active_test": False},
        default=lambda self: self._default_user_id(),
    )
    new_user_ids = fields.Many2many(
        "res.users",
        string="To",
        domain=lambda self: self._get_new_user_domain(),
        help="One person gets everything. Several take turns, in the order of their "
        "names; a customer and what belongs to it stay together.",
    )
    line_ids = fields.One2many(
        "sales.hand.over.line",
        "hand_over_id",
        compute="_compute_line_ids",
        store=True,
        readonly=True,
    )
    problem = fields.Text(compute="_compute_line_ids", store=True)

    def _default_user_id(self):
        """
        :return: id of the user it was called from, or False
        """
        context = self.env.context
        return context.get("active_model") == "res.users" and context.get("active_id")

    @api.constrains("user_id")
    def _check_user(self):
        for wizard in self:
            if wizard.user_id.share:
                raise ValidationError(
                    self.env._(
                        "%(user)s does not work here and has nothing to hand over: "
                        "choose a salesperson in the field From.",
                        user=wizard.user_id.name,
                    )
                )

    @api.model
    def _get_new_user_domain(self):
        """
        :return: domain of those who may take over: who sells, and is not archived
        """
        return [
            ("share", "=", False),
            (
                "all_group_ids",
                "in",
                self.env.ref("sales_team.group_sale_salesman").ids,
            ),
        ]

    # ------------------------------------------------------------------
    # What is handed over
    # ------------------------------------------------------------------

    @api.model
    def _get_kinds(self):
        """What is handed over, in the order in which turns are taken.

        :return: dictionary ``{kind: (model, domain besides the salesperson)}``; the
            kinds are the counts of ``sales.hand.over.line``
        """
        # on hold is open: it comes back one day
        open_lead = Domain("won_status", "=", "pending") & (
            Domain("active", "=", True) | Domain("is_on_hold", "=", True)
        )
        return {
            "deal": ("crm.lead", open_lead & Domain("type", "=", "opportunity")),
            "lead": ("crm.lead", open_lead & Domain("type", "=", "lead")),
            "call": ("crm.phonecall", Domain("state", "=", "planned")),
            "quotation": ("sale.order", Domain("state", "in", ("draft", "sent"))),
            "customer": ("res.partner", Domain("active", "=", True)),
            "activity": (
                "mail.activity",
                Domain("res_model", "in", self._get_activity_models())
                & Domain("active", "=", True),
            ),
        }

    @api.model
    def _get_activity_models(self):
        """
        :return: names of the models whose activities are work of sales
        """
        return ["crm.lead", "sale.order", "res.partner"]

    def _find_work(self):
        """All that is to be handed over, as far as the caller may see it, in all
        companies that he may work in.

        :return: dictionary ``{kind: records}``
        """
        self.ensure_one()
        companies = self.env.user.company_ids
        return {
            kind: self.env[model]
            .with_context(allowed_company_ids=companies.ids, active_test=False)
            .search(
                Domain("user_id", "=", self.user_id._origin.id) & domain, order="id"
            )
            for kind, (model, domain) in self._get_kinds().items()
        }

    # ------------------------------------------------------------------
    # Who gets what
    # ------------------------------------------------------------------

    def _share_out(self):
        """Decide who gets what. The same work and the same people make the same
        shares, so that the preview is what happens.

        :return: ``(shares, unplaced)``: ``{new user: {kind: records}}``, and a heap
            of what none of the new users may have, because of its company
        """
        self.ensure_one()
        work = self._find_work()
        # in an onchange, the records of the dialog are copies of those meant
        users = self.new_user_ids._origin.sorted()
        ids = {user: {kind: [] for kind in work} for user in users}
        unplaced, turn = [], 0
        for heap in self._heap_up(work):
            companies = self._get_companies(heap)
            for step in range(len(users)):
                user = users[(turn + step) % len(users)]
                # sudo: companies of a colleague, to compare them, none is shown
                if companies <= user.sudo().company_ids:
                    turn += step + 1
                    for kind, record, _document in heap:
                        ids[user][kind].append(record.id)
                    break
            else:
                unplaced += heap
        shares = {
            user: {
                kind: records.browse(of_user[kind]) for kind, records in work.items()
            }
            for user, of_user in ids.items()
        }
        return shares, unplaced

    def _heap_up(self, work):
        """Put together what belongs to the same customer, or the same deal.

        :param dict work: ``{kind: records}``
        :return: list of heaps, each a list of ``(kind, record, document)``: the
            document is what an activity is about, or the record itself
        """
        deals = frozenset(work["deal"] | work["lead"])
        heaps = {}
        for kind, records in work.items():
            documents = self._get_documents(records) if kind == "activity" else {}
            for record in records:
                document = documents.get(record, record)
                key = self._get_heap_key(document, deals)
                heaps.setdefault(key, []).append((kind, record, document))
        return list(heaps.values())

    def _get_documents(self, activities):
        """
        :return: dictionary ``{activity: the record it is on}``
        """
        documents = {}
        for model, of_model in activities.grouped("res_model").items():
            records = activities.env[model].browse(of_model.mapped("res_id"))
            documents.update(zip(of_model, records, strict=True))
        return documents

    def _get_heap_key(self, record, deals):
        """
        :param record: a lead, an order, a partner or a call
        :param frozenset deals: the deals that are handed over
        :return: what all records of the same heap have in common
        """
        if record._name in DEAL_FIELDS:
            deal = record[DEAL_FIELDS[record._name]]
            record = deal if deal in deals else record
        partner = record if record._name == "res.partner" else record.partner_id
        # sudo: the company a contact belongs to, to tell two heaps apart
        return partner.sudo().commercial_partner_id.sudo(False) or record

    def _get_companies(self, heap):
        """
        :param list heap: ``(kind, record, document)``
        :return: the companies that their owner has to work in
        """
        return self.env["res.company"].union(
            *(document.company_id for _kind, _record, document in heap)
        )

    # ------------------------------------------------------------------
    # Preview
    # ------------------------------------------------------------------

    @api.depends("user_id", "new_user_ids")
    def _compute_line_ids(self):
        for wizard in self:
            lines, wizard.problem = [Command.clear()], False
            if wizard.user_id:
                # This runs as superuser; the preview is of what the user may see.
                preview = wizard.sudo(False)
                shares, unplaced = preview._share_out()
                if not wizard.new_user_ids:
                    shares = {preview.new_user_ids: preview._find_work()}
                    unplaced = []
                lines += [
                    Command.create(
                        {
                            "user_id": user.id,
                            **{
                                f"{kind}_count": len(records)
                                for kind, records in share.items()
                            },
                        }
                    )
                    for user, share in shares.items()
                ]
                if unplaced:
                    wizard.problem = preview._describe_unplaced(unplaced)
            wizard.line_ids = lines

    def _describe_unplaced(self, heap):
        """
        :param list heap: ``(kind, record, document)`` that nobody may have
        :return: a sentence about them and their companies
        """
        _kind, _record, example = heap[0]
        return self.env._(
            "%(count)s records of %(companies)s cannot go to %(users)s, who may not "
            "work there, among them %(example)s. Choose somebody who may, or give "
            "them access to that company first.",
            count=len(heap),
            companies=", ".join(self._get_companies(heap).mapped("name")),
            users=", ".join(self.new_user_ids.mapped("name")),
            example=example.display_name,
        )

    # ------------------------------------------------------------------
    # Doing it
    # ------------------------------------------------------------------

    def action_hand_over(self):
        """Hand everything over, all of it or nothing.

        :return: action that says what was done, and closes the dialog
        :raises UserError: somebody cannot take over, or there is nothing to do
        """
        ensure_one_record(self)
        self._check_users()
        shares, unplaced = self._share_out()
        if unplaced:
            raise UserError(self._describe_unplaced(unplaced))
        if not any(records for share in shares.values() for records in share.values()):
            raise UserError(
                self.env._("%(user)s has nothing to hand over.", user=self.user_id.name)
            )
        for user, share in shares.items():
            for records in share.values():
                self._give(records, user)
            self._tell(user, share)
        return self._get_done_action(shares)

    def _check_users(self):
        """
        :raises UserError: nobody is to take over, or one of them cannot
        """
        if not self.new_user_ids:
            raise UserError(
                self.env._(
                    "Choose who takes over from %(user)s.", user=self.user_id.name
                )
            )
        if self.user_id in self.new_user_ids:
            raise UserError(
                self.env._(
                    "%(user)s cannot take over from themselves: remove them from "
                    "the field To.",
                    user=self.user_id.name,
                )
            )
        able = self.new_user_ids.filtered("active").filtered_domain(
            self._get_new_user_domain()
        )
        if unable := self.new_user_ids - able:
            raise UserError(
                self.env._(
                    "%(users)s cannot take over without access to sales: remove them "
                    "from the field To, or give them access first.",
                    users=", ".join(unable.mapped("name")),
                )
            )

    def _give(self, records, user):
        """Make a user the owner of records.

        Nobody wants a message for each of them: one for all follows.
        """
        if records:
            records.with_context(
                mail_auto_subscribe_no_notify=True,
                mail_activity_quick_update=True,
            ).write({"user_id": user.id})

    def _tell(self, user, share):
        """Send a new owner one message about all that came."""
        if user == self.env.user or not any(share.values()):
            return
        wizard = self.with_context(lang=user.lang)
        self.env["mail.thread"].message_notify(
            partner_ids=user.partner_id.ids,
            subject=wizard.env._("You take over from %(user)s", user=self.user_id.name),
            body=wizard.env._(
                "You take over from %(user)s: %(what)s.",
                user=self.user_id.name,
                what=wizard._describe_share(share),
            ),
        )

    def _describe_share(self, share):
        """
        :param dict share: ``{kind: records}``
        :return: the counts in words
        """
        line = self.env["sales.hand.over.line"]
        labels = line.fields_get(
            [f"{kind}_count" for kind in share], attributes=["string"]
        )
        return ", ".join(
            f"{labels[f'{kind}_count']['string']}: {len(records)}"
            for kind, records in share.items()
            if records
        )

    def _get_done_action(self, shares):
        """
        :return: action that shows the sum of what was handed over
        """
        total = {
            kind: self.env[model].union(*(share[kind] for share in shares.values()))
            for kind, (model, _domain) in self._get_kinds().items()
        }
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "title": self.env._("%(user)s has handed over", user=self.user_id.name),
                "message": self._describe_share(total),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
