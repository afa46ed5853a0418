from odoo import api, fields, models

from ..drawing import draw_report, draw_series, sample_series
from .crm_lead_stage_summary import COPIED_FIELDS

# When one of these is stored, a stay may begin or end.
STAY_FIELDS = {"stage_id", "active"}
# When one of these of an archived deal is stored, it may have ended otherwise.
ENDING_FIELDS = {"probability", "lost_reason_id", "on_hold_until"}


class CrmLead(models.Model):
    _inherit = "crm.lead"

    stage_history_ids = fields.One2many(
        "crm.lead.stage.history", "lead_id", readonly=True
    )
    funnel_step_reached = fields.Char(
        string="Reached in the Funnel",
        store=False,
        search="_search_funnel_step_reached",
        exportable=False,
        help="For searching only: the deals behind a figure of the sales funnel.",
    )
    funnel_beyond_groups = fields.Char(
        string="Beyond the Groups of the Funnel",
        store=False,
        search="_search_funnel_beyond_groups",
        exportable=False,
        help="For searching only: the deals of the group “Others” of the sales funnel.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        # all at once, not the stage now and the rest later
        leads.flush_recordset()
        self.env["crm.lead.stage.history"]._record(leads)
        return leads

    def write(self, vals):
        result = super().write(vals)
        # each move is a stay of its own, also when the next one comes in the
        # same transaction; a team or a salesperson may take the stage along
        if not STAY_FIELDS.isdisjoint(vals):
            # with all that follows from it, to be written at once
            self.flush_recordset()
        else:
            self.flush_recordset(["stage_id", "active", "lost_reason_id"])
        if "probability" in vals:
            # an archived deal is lost by it
            archived = self.filtered(lambda lead: not lead.active)
            archived.flush_recordset(["probability"])
        return result

    def _write_multi(self, vals_list):
        # every change passes here, also those of computed fields that never
        # go through write()
        result = super()._write_multi(vals_list)
        changed = [
            lead.id
            for lead, vals in zip(self, vals_list, strict=True)
            if not STAY_FIELDS.isdisjoint(vals)
            or (not ENDING_FIELDS.isdisjoint(vals) and not lead.active)
        ]
        self.env["crm.lead.stage.history"]._record(self.browse(changed))
        copied = [
            lead.id
            for lead, vals in zip(self, vals_list, strict=True)
            if not vals.keys().isdisjoint(COPIED_FIELDS)
        ]
        self.env["crm.lead.stage.summary"]._copy(self.browse(copied))
        return result

    def _merge_dependences_history(self, opportunities):
        result = super()._merge_dependences_history(opportunities)
        self.env["crm.lead.stage.history"]._merge(self, opportunities)
        return result

    # ------------------------------------------------------------
    # FUNNEL
    # ------------------------------------------------------------

    def _search_funnel_step_reached(self, operator, value):
        if operator != "in":
            return NotImplemented
        report = self.env["crm.funnel.report"]
        return report._search_described(report._get_deals_query, value)

    def _search_funnel_beyond_groups(self, operator, value):
        if operator != "in":
            return NotImplemented
        report = self.env["crm.funnel.report"]
        return report._search_described(report._get_beyond_query, value)

    @api.model
    @api.readonly
    def get_funnel_report(self, domain=None, options=None):
        """The figures of a sales funnel.

        :param domain: domain of ``crm.lead``; archived and lost deals are always
            taken, the record rules of the user always apply
        :param dict options: all optional:

            - ``funnel_id``: ``crm.funnel``, default Pipeline
            - ``lens``: ``cohort`` (default), the deals that came in during the
              period; ``closed``, those won or lost in it; ``flow``, what passed
              through each step in it; ``snapshot``, what is open at ``as_of``
            - ``rule``: ``beyond`` (default), reached this step or a later one;
              ``visited``, was in this step; ``strict``, was in all steps up to
              this one, one after the other
            - ``date_from``, ``date_to``: ``"YYYY-MM-DD"``, days in the time zone
              of the user, the second one excluded; default the last 12 months
            - ``as_of``: ``"YYYY-MM-DD HH:MM:SS"`` UTC, default now
            - ``window_days``: look at each deal for that many days only
            - ``horizon_days``: days after which a deal is expected to be
              decided; default the 90th percentile of the days to a win
            - ``groupby``: group-by spec of ``crm.lead``, or ``stage_user_id``
            - ``counts_only``: leave out durations and what is expected, which takes
              most of the time
            - ``compare``: ``{"date_from", "date_to"}``, a second total
        :return: plain JSON: ``options`` as used, ``history_since`` (day),
            ``currency_id``, ``total`` and ``compare`` (a SERIES or ``None``),
            ``groups`` (list of ``value``, ``label``, ``domain``, ``series``,
            ``compare``) and ``warnings``. Of more than 200 groups, the largest are
            told and all others are one more, with the value ``"others"``. A SERIES
            has counts, money in ``currency_id``, rates from 0 to 1 (``None`` over
            nothing), durations in days, and
            ``steps``; a step's ``domain``, searched with ``active_test=False``,
            finds exactly the deals it counts.
        :rtype: dict
        :raise UserError: for an unknown option, value or field, for more than 200
            steps, and when one of its statements would take longer than a minute (the
            system parameter ``sales_funnel_report.most_seconds`` says otherwise)
        """
        return self.env["crm.funnel.report"]._get_report(domain, options)

    @api.model
    @api.readonly
    def get_funnel_days(self, domain=None, options=None):
        """How long it took from each step of a sales funnel to each later one.

        :param domain: as :meth:`get_funnel_report` takes it
        :param dict options: as :meth:`get_funnel_report` takes them, with the lens
            ``cohort`` or ``closed``; all deals are taken together, whatever is
            grouped or compared
        :return: plain JSON: ``options`` as used and ``rows``, one for each step but
            the last (``key``, ``name``, ``kind``, ``color``); its ``days`` have for
            each later step ``key``, ``name``, ``n`` (deals that reached both by the
            rule), ``mean``, ``median``, ``p80`` and ``p90`` (days between, ``None``
            over nothing), and the ``domain`` of these deals, as a step has it
        :rtype: dict
        :raise UserError: for an unknown option, value or field, and for a lens that
            is not of whole deals
        """
        return self.env["crm.funnel.report"]._get_days(domain, options)

    @api.model
    @api.readonly
    def get_funnel_view(self, domain=None, options=None):
        """The figures of a sales funnel and the shapes that show them.

        :param domain: as :meth:`get_funnel_report` takes it
        :param dict options: as :meth:`get_funnel_report` takes them
        :return: plain JSON: ``report`` (what :meth:`get_funnel_report` returns),
            ``drawing`` (see ``drawing.draw_report``) and ``sample``: ``None``, or
            when there are no deals a made-up ``series`` and its ``drawing`` (the
            bands by measure)
        :rtype: dict
        :raise UserError: for an unknown option, value or field
        """
        report = self.get_funnel_report(domain, options)
        sample = None
        if not report["total"]["size"]:
            lens = report["options"]["lens"]
            names = [
                self.env._("New"),
                self.env._("Qualified"),
                self.env._("Proposition"),
                self.env._("Won"),
            ]
            series = sample_series(names, lens)
            sample = {"series": series, "drawing": draw_series([series], lens)[0]}
        return {"report": report, "drawing": draw_report(report), "sample": sample}
