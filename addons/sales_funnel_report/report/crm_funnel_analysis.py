from odoo import api, fields, models
from odoo.tools import SQL


class CrmFunnelAnalysis(models.Model):
    """One row for each stay of a deal in a stage, to be counted and grouped.

    A row is a stay and, through ``_inherits``, the deal: whatever is known of a
    deal can be grouped and filtered by, and the record rules are those of the
    deals. What the stay itself knows (stage, salesperson, team, company, money)
    is as it was on entry.
    """

    _name = "crm.funnel.analysis"
    _inherit = ["sales.text.export.mixin"]
    _description = "Funnel Analysis"
    _inherits = {"crm.lead": "lead_id"}
    _auto = False
    _order = "date_entered desc, id desc"

    lead_id = fields.Many2one(
        "crm.lead", string="Deal", required=True, readonly=True, ondelete="cascade"
    )
    active = fields.Boolean(related="lead_id.active", readonly=True)
    stage_name = fields.Char(
        string="Stage",
        translate=True,
        readonly=True,
        help="Also of stages that have been removed since.",
    )
    stage_id = fields.Many2one(
        "crm.stage",
        string="Existing Stage",
        readonly=True,
        help="Empty when the stage has been removed since. Stages of the same name "
        "are told apart here.",
    )
    stage_sequence = fields.Integer(readonly=True, aggregator=None)
    stage_is_won = fields.Boolean(string="Won Stage", readonly=True)
    date_entered = fields.Datetime(string="Entered", readonly=True)
    date_exited = fields.Datetime(string="Left", readonly=True)
    exit_kind = fields.Selection(
        "_get_exit_kinds",
        string="How It Left",
        readonly=True,
        help="Empty while the deal is there.",
    )
    next_stage_id = fields.Many2one("crm.stage", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        readonly=True,
        help="The salesperson when the deal entered the stage.",
    )
    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        readonly=True,
        help="The sales team when the deal entered the stage.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    lost_reason_id = fields.Many2one("crm.lost.reason", readonly=True)
    company_currency = fields.Many2one("res.currency", readonly=True)
    lead_stage_id = fields.Many2one(related="lead_id.stage_id", string="Stage Now")
    lead_user_id = fields.Many2one(related="lead_id.user_id", string="Salesperson Now")
    lead_team_id = fields.Many2one(related="lead_id.team_id", string="Sales Team Now")

    stays = fields.Integer(
        readonly=True,
        help="How often a deal entered the stage. A deal that comes back counts again.",
    )
    deals = fields.Integer(
        aggregator="count_distinct",
        readonly=True,
        help="How many deals have been in the stage, each of them counted once.",
    )
    expected_revenue = fields.Monetary(
        currency_field="company_currency",
        readonly=True,
        help="Expected revenue when the deal entered the stage, in the currency of "
        "your company at the rate of that day.",
    )
    moved_forward = fields.Integer(readonly=True)
    moved_back = fields.Integer(readonly=True)
    handed_off = fields.Integer(string="Handed to Another Team", readonly=True)
    lost = fields.Integer(readonly=True)
    on_hold = fields.Integer(string="Put on Hold", readonly=True)
    merged = fields.Integer(readonly=True)
    still_here = fields.Integer(readonly=True)
    conversion = fields.Float(
        string="Conversion (%)",
        aggregator="avg",
        readonly=True,
        help="How many of 100 stays that have ended moved forward. Deals that are "
        "still there do not count yet, and merged ones not at all. Totals are counted "
        "anew, not averaged.",
    )
    days = fields.Float(
        string="Days in Stage",
        readonly=True,
        help="Days of all stays that have ended, added up.",
    )
    days_mean = fields.Float(
        string="Mean Days in Stage",
        aggregator="avg",
        readonly=True,
        help="Mean length of the stays that have ended, in days of 24 hours.",
    )
    days_open = fields.Float(
        string="Mean Days So Far",
        aggregator="avg",
        readonly=True,
        help="How long the deals that are still there have been there, in days of "
        "24 hours.",
    )

    _depends = {
        "crm.lead.stage.history": [
            "lead_id",
            "stage_id",
            "stage_name",
            "stage_sequence",
            "stage_is_won",
            "date_entered",
            "date_exited",
            "exit_kind",
            "next_stage_id",
            "user_id",
            "team_id",
            "company_id",
            "lost_reason_id",
            "currency_id",
            "expected_revenue",
        ],
        "crm.stage": ["name", "sequence"],
        "res.currency.rate": ["currency_id", "company_id", "name", "rate"],
    }

    @api.model
    def _get_exit_kinds(self):
        """:return: the ways a stay can end, as its history names them"""
        history = self.env["crm.lead.stage.history"]
        return history._fields["exit_kind"]._description_selection(self.env)

    # ------------------------------------------------------------
    # ROWS
    # ------------------------------------------------------------

    @property
    def _table_query(self):
        return SQL("%s %s", self._select(), self._from())

    def _select(self):
        """:rtype: :class:`odoo.tools.SQL`, the columns of a row"""
        count = self.env["crm.funnel.count"]
        return SQL(
            """
            SELECT stay.id,
                   stay.lead_id,
                   COALESCE(stage.name, stay.stage_name) AS stage_name,
                   stay.stage_id,
                   COALESCE(stage.sequence, stay.stage_sequence) AS stage_sequence,
                   stay.stage_is_won,
                   stay.date_entered,
                   stay.date_exited,
                   stay.exit_kind,
                   stay.next_stage_id,
                   stay.user_id,
                   stay.team_id,
                   stay.company_id,
                   stay.lost_reason_id,
                   %(currency)s AS company_currency,
                   1 AS stays,
                   stay.lead_id AS deals,
                   %(amount)s AS expected_revenue,
                   (stay.exit_kind IS NOT DISTINCT FROM 'advanced')::int
                       AS moved_forward,
                   (stay.exit_kind IS NOT DISTINCT FROM 'moved_back')::int
                       AS moved_back,
                   (stay.exit_kind IS NOT DISTINCT FROM 'handed_off')::int
                       AS handed_off,
                   (stay.exit_kind IS NOT DISTINCT FROM 'lost')::int AS lost,
                   (stay.exit_kind IS NOT DISTINCT FROM 'on_hold')::int AS on_hold,
                   (stay.exit_kind IS NOT DISTINCT FROM 'merged')::int AS merged,
                   (stay.date_exited IS NULL)::int AS still_here,
                   -- each stay is 100 or 0: the mean of any rows is their conversion
                   CASE WHEN stay.exit_kind = 'advanced' THEN 100::float8
                        WHEN stay.exit_kind <> 'merged' THEN 0
                   END AS conversion,
                   %(days)s AS days,
                   %(days)s AS days_mean,
                   CASE WHEN stay.date_exited IS NULL THEN %(days_open)s
                   END AS days_open
            """,
            currency=self.env.company.currency_id.id,
            amount=count._amount_sql(self.env.company.currency_id),
            days=count._days_sql(SQL("stay.date_exited - stay.date_entered")),
            days_open=count._days_sql(
                SQL("%s::timestamp - stay.date_entered", self.env.cr.now())
            ),
        )

    def _from(self):
        """:rtype: :class:`odoo.tools.SQL`, the tables of a row"""
        return SQL(
            """
              FROM crm_lead_stage_history stay
         LEFT JOIN crm_stage stage ON stage.id = stay.stage_id
                   %s
            """,
            self.env["crm.funnel.count"]._amount_join(self.env.company.currency_id),
        )

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        # lost and archived deals count like all others
        return super()._search(
            domain, offset, limit, order, **{**kwargs, "active_test": False}
        )

    def _read_group_groupby(self, alias, groupby_spec, query):
        field = self._fields.get(groupby_spec)
        if field and field.inherited:
            # what the deal itself takes from elsewhere, it can group by
            deal, _field, alias = self._traverse_related_sql(alias, field, query)
            return deal._read_group_groupby(alias, groupby_spec, query)
        return super()._read_group_groupby(alias, groupby_spec, query)

    def _read_group_orderby(self, order, groupby_terms, query):
        # stages come in the order of the pipeline, not of the alphabet
        if "stage_name" not in groupby_terms:
            return super()._read_group_orderby(order, groupby_terms, query)
        terms = []
        for term in (order or ",".join(groupby_terms)).split(","):
            name, *direction = term.split()
            if name == "stage_name":
                terms.append(
                    SQL(
                        "CASE WHEN GROUPING(%s) = 0 THEN MIN(%s) END %s",
                        groupby_terms[name],
                        self._field_to_sql(self._table, "stage_sequence", query),
                        SQL("DESC" if "desc" in map(str.lower, direction) else "ASC"),
                    )
                )
            terms.append(
                super()._read_group_orderby(term.strip(), groupby_terms, query)
            )
        return SQL(", ").join(terms)

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        result = super().fields_get(allfields, attributes)
        for name, description in result.items():
            deal_field = self._fields[name].inherited_field
            if not deal_field:
                continue
            # a number of the deal, added up over its stays, would count many times
            description.pop("aggregator", None)
            if "groupable" in description and not (
                deal_field.store or deal_field.related
            ):
                # the deal groups by it with SQL of its own
                description["groupable"] = False
        return result

    # ------------------------------------------------------------
    # ACTIONS
    # ------------------------------------------------------------

    def action_open_deals(self):
        """Open the deals of these stays.

        :return: window action: the form of the deal, or a list of several
        :rtype: dict
        """
        deals = self.lead_id
        action = {
            "type": "ir.actions.act_window",
            "res_model": "crm.lead",
            "name": self.env._("Deals"),
            "views": [
                (self.env.ref("crm.crm_case_tree_view_oppor").id, "list"),
                (False, "form"),
            ],
            "domain": [("id", "in", deals.ids)],
            "context": {"active_test": False, "create": False},
        }
        if len(deals) == 1:
            action.update(
                name=deals.display_name, res_id=deals.id, views=[(False, "form")]
            )
        return action
