from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.sales_funnel_crm.tools import ensure_one_record, quote

AS_OF = ("as_of_day",)
RECEIVABLE = "asset_receivable"


class SalesAsOfMixin(models.AbstractModel):
    """A report on customer invoices as they stood at the end of a day.

    The day comes with the context, as ``as_of_day``; without it, it is today. What
    is open is what the journal items say: posted by then, less what had been matched
    with them by then.
    """

    _name = "sales.as.of.mixin"
    _inherit = ["sales.text.export.mixin"]
    _description = "Report as of a Day"

    # ------------------------------------------------------------
    # THE DAY
    # ------------------------------------------------------------

    @api.model
    def _get_as_of_day(self):
        """
        :return: the day whose end the report is about
        :rtype: datetime.date
        :raise UserError: the day in the context is none
        """
        day = self.env.context.get("as_of_day")
        if day in (None, False, ""):
            return fields.Date.context_today(self)
        try:
            found = fields.Date.to_date(day)
        except (TypeError, ValueError):
            found = None
        if not found:
            raise UserError(
                self.env._(
                    "“%(day)s” is not a day. Write it like %(example)s.",
                    day=quote(day),
                    example="2026-12-31",
                )
            )
        return found

    def _ensure_one_row(self):
        """
        :raise UserError: not one row, or the day in the context is none
        """
        ensure_one_record(self)
        # Odoo keeps what it reads by this day, and what cannot be a key is an error of its
        # own there.
        self._get_as_of_day()

    def _get_local_day_sql(self, column):
        """
        :param SQL column: a moment, in UTC
        :return: the day it belongs to for the user
        :rtype: SQL
        """
        return SQL(
            "(%s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date", column, self._get_tz()
        )

    @api.model
    def _get_tz(self):
        """:return: name of the time zone in which days begin and end"""
        return str(self.env.tz)

    # ------------------------------------------------------------
    # WHAT IS OPEN
    # ------------------------------------------------------------

    @api.model
    def _get_move_types(self):
        """:return: the kinds of documents that customers owe by, a tuple"""
        return tuple(self.env["account.move"].get_sale_types(include_receipts=True))

    def _get_receivable_items_sql(self):
        """The receivable journal items of customer invoices and credit notes posted
        by the day: one for each instalment.

        Odoo lets a payment that has no journal entry settle an invoice, until the bank
        tells of it. In the journal the invoice is open all the while, and so it is
        here; what such payments will settle is ``in_payment``. A payment goes to
        what is due first.

        :return: query of ``id``, ``balance``, ``residual`` and, of that, ``in_payment``
            (company currency), ``residual_currency`` (currency of the invoice),
            ``last_matched`` (day), and what else is known of an item and its move
        :rtype: SQL
        """
        return SQL(
            """
            WITH journal_item AS MATERIALIZED (%(items)s),
                 owed AS (
                     SELECT move_id,
                            ABS(SUM(residual)) AS residual,
                            MIN(date_due) AS date_due,
                            MAX(last_matched) AS last_matched
                       FROM journal_item
                   GROUP BY move_id
                 ),
                 payment_part AS (
                     SELECT rel.invoice_id AS move_id,
                            GREATEST(0, LEAST(
                                owed.residual,
                                ABS(payment.amount_company_currency_signed)
                                    + owed.residual - SUM(owed.residual) OVER (
                                        PARTITION BY payment.id
                                            ORDER BY owed.date_due, owed.move_id
                                    )
                            )) AS amount
                       FROM account_payment payment
                       JOIN account_move__account_payment rel
                         ON rel.payment_id = payment.id
                       JOIN owed ON owed.move_id = rel.invoice_id
                      WHERE payment.move_id IS NULL
                        AND payment.date <= %(day)s
                        AND (
                                payment.state = 'in_process'
                             OR payment.state = 'paid' AND owed.last_matched IS NULL
                            )
                 ),
                 in_payment AS (
                     SELECT move_id, SUM(amount) AS amount
                       FROM payment_part
                   GROUP BY move_id
                 )
            SELECT item.*,
                   SIGN(item.residual) * GREATEST(0, LEAST(
                       ABS(item.residual),
                       COALESCE(in_payment.amount, 0) + ABS(item.residual)
                           - SUM(ABS(item.residual)) OVER (
                               PARTITION BY item.move_id
                                   ORDER BY item.date_due, item.id
                           )
                   )) AS in_payment
              FROM journal_item item
         LEFT JOIN in_payment ON in_payment.move_id = item.move_id
            """,
            items=self._get_journal_items_sql(),
            day=self._get_as_of_day(),
        )

    def _get_journal_items_sql(self):
        """:return: query of the receivable items as the journal has them, without what
            is in payment
        :rtype: SQL
        """
        return SQL(
            """
            SELECT item.id,
                   item.move_id,
                   item.company_id,
                   item.company_currency_id,
                   item.currency_id,
                   move.commercial_partner_id,
                   move.move_type,
                   move.invoice_date,
                   item.date,
                   COALESCE(item.date_maturity, item.date) AS date_due,
                   COALESCE(item.no_followup, FALSE) AS no_followup,
                   item.balance,
                   item.balance - COALESCE(matched.amount, 0) AS residual,
                   item.amount_currency - COALESCE(matched.amount_currency, 0)
                       AS residual_currency,
                   matched.last_date AS last_matched
              FROM account_move_line item
              JOIN account_account account ON account.id = item.account_id
              JOIN account_move move ON move.id = item.move_id
         LEFT JOIN LATERAL (
                       SELECT SUM(part.amount) AS amount,
                              SUM(part.amount_currency) AS amount_currency,
                              MAX(part.max_date) AS last_date
                         FROM (SELECT amount,
                                      debit_amount_currency AS amount_currency,
                                      max_date
                                 FROM account_partial_reconcile
                                WHERE debit_move_id = item.id
                                UNION ALL
                               SELECT -amount, -credit_amount_currency, max_date
                                 FROM account_partial_reconcile
                                WHERE credit_move_id = item.id
                              ) part
                        WHERE part.max_date <= %(day)s
                   ) matched ON TRUE
             WHERE account.account_type = %(receivable)s
               AND item.parent_state = 'posted'
               AND move.move_type IN %(move_types)s
               AND item.date <= %(day)s
               AND item.company_id IN %(companies)s
            """,
            receivable=RECEIVABLE,
            day=self._get_as_of_day(),
            move_types=self._get_move_types(),
            companies=tuple(self.env.companies.ids),
        )

    # ------------------------------------------------------------
    # DOES IT TIE OUT
    # ------------------------------------------------------------

    @api.model
    def _get_receivable_field(self):
        """:return: name of the column that has to tie with the journal items"""
        raise NotImplementedError

    @api.model
    def _may_read_journal(self):
        """:return: whether the user may read all journal items, as accountants may"""
        return any(
            self.env.user.has_group(f"account.group_account_{name}")
            for name in ("invoice", "readonly")
        )

    @api.model
    @api.readonly
    def get_tie_out(self, domain=None):
        """Compare the report with the journal items, which are added up without it.

        Compared is all that the customers owe who are in the rows of ``domain``,
        whatever else it says: journal items know of customers, not of salespeople.

        :param list domain: of this report; all rows if there is none
        :return: ``{"as_of": "YYYY-MM-DD", "is_today", "currencies": [...]}``, one entry
            for each company currency: ``currency_id``, ``report`` (the receivable of
            this report), ``ledger`` (that of the journal items of these customers'
            invoices), ``difference``, ``balance`` (of the receivable accounts), ``other``
            (its part that is no invoice: payments not matched yet, opening
            entries). Amounts in that currency. Nothing of them for who may not read
            journal items.
        :rtype: dict
        :raise UserError: the day or the domain is none
        """
        self.browse().check_access("read")
        day = self._get_as_of_day()
        result = {
            "as_of": fields.Date.to_string(day),
            "is_today": day == fields.Date.context_today(self),
            "currencies": [],
        }
        if not self._may_read_journal():
            return result
        customers = None
        if domain:
            try:
                groups = self._read_group(domain, ["commercial_partner_id"])
            except (TypeError, ValueError) as error:
                raise self.env["crm.funnel.report"]._bad_filter(error) from error
            customers = [partner.id for [partner] in groups]
        reported = self._sum_report(customers)
        ledger, balances = self._sum_journal(customers)
        for currency in self.env["res.currency"].union(*reported, *balances):
            report, items, balance = (
                currency.round(amounts.get(currency, 0))
                for amounts in (reported, ledger, balances)
            )
            result["currencies"].append(
                {
                    "currency_id": currency.id,
                    "report": report,
                    "ledger": items,
                    "difference": currency.round(report - items),
                    "balance": balance,
                    "other": currency.round(balance - items),
                }
            )
        return result

    def _sum_report(self, customers):
        """
        :param customers: ids of commercial partners, or None for all
        :return: ``{res.currency: receivable in this report}``
        :rtype: dict
        """
        domain = Domain.TRUE
        if customers is not None:
            domain = Domain("commercial_partner_id", "in", customers)
        return dict(
            self._read_group(
                domain, ["currency_id"], [f"{self._get_receivable_field()}:sum"]
            )
        )

    def _sum_journal(self, customers):
        """Add up the journal, without any of the queries of the report: what is left
        of all items together is their balance less all that was matched with them.

        :param customers: ids of commercial partners, or None for all
        :return: ``{res.currency: left of the items of invoices}`` and
            ``{res.currency: balance of the receivable accounts}``
        :rtype: tuple
        """
        items = (
            Domain("parent_state", "=", "posted")
            & Domain("account_id.account_type", "=", RECEIVABLE)
            & Domain("date", "<=", self._get_as_of_day())
            & Domain("company_id", "in", self.env.companies.ids)
        )
        invoice_items = items & Domain(
            "move_id.move_type", "in", self._get_move_types()
        )
        if customers is not None:
            # a contact of the customer may have paid
            items &= Domain("partner_id.commercial_partner_id", "in", customers)
            invoice_items &= Domain("move_id.commercial_partner_id", "in", customers)
        left = self._sum_by_currency("account.move.line", invoice_items, "balance")
        matched = Domain("max_date", "<=", self._get_as_of_day())
        for side, sign in (("debit_move_id", -1), ("credit_move_id", 1)):
            sums = self._sum_by_currency(
                "account.partial.reconcile",
                matched & Domain(side, "any", invoice_items),
                "amount",
            )
            for currency, amount in sums.items():
                left[currency] = left.get(currency, 0) + sign * amount
        return left, self._sum_by_currency("account.move.line", items, "balance")

    def _sum_by_currency(self, model, domain, field):
        sums = {}
        for company, amount in self.env[model]._read_group(
            domain, ["company_id"], [f"{field}:sum"]
        ):
            currency = company.currency_id
            sums[currency] = sums.get(currency, 0) + amount
        return sums

    # ------------------------------------------------------------
    # ACTIONS
    # ------------------------------------------------------------

    @api.model
    def _get_report_action_xmlid(self):
        """:return: XML id of the window action of this report"""
        raise NotImplementedError

    @api.model
    @api.readonly
    def action_choose_day(self):
        """Ask for the day, and show the report as of it.

        :return: the action that opens the dialog
        :rtype: dict
        :raise AccessError: the report is closed to the user
        """
        self.browse().check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "sales_funnel_report.sales_report_day_action"
        )
        action["context"] = {
            "default_action_xmlid": self._get_report_action_xmlid(),
            "default_day": fields.Date.to_string(self._get_as_of_day()),
        }
        return action

    def _get_documents_action(self, xmlid, records, with_form=True):
        """
        :param str xmlid: of the action that lists all such documents
        :param records: those to open, which the user may read
        :param bool with_form: open the form if there is but one
        :return: the action: the form of the only one, or a list
        :rtype: dict
        """
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        # neither its filters nor the day of the report
        action["context"] = {"create": False}
        action["domain"] = [("id", "in", records.ids)]
        if with_form and len(records) == 1:
            action["views"] = [
                (view_id, kind) for view_id, kind in action["views"] if kind == "form"
            ] or [(False, "form")]
            action["res_id"] = records.id
        return action
