from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .sales_report_common import SalesReportCase


class SalesPaceCase(SalesReportCase):
    def _pace(self, *figures, user=None, domain=(), **context):
        """The rows of a user's report.

        :return: ``{(salesperson, "YYYY-MM"): figures}``
        """
        rows = self._report("sales.pace", user, **context).search(list(domain))
        return {
            (row.user_id.name or None, f"{row.month:%Y-%m}"): tuple(
                row[figure] for figure in figures
            )
            for row in rows
        }

    def _means(self, *figures, user=None, groupby="user_id", **context):
        """What the pivot shows.

        :return: ``{salesperson: figures}``
        """
        groups = self._report("sales.pace", user, **context)._read_group(
            [], [groupby] if groupby else [], [f"{figure}:avg" for figure in figures]
        )
        return {
            (group[0].name or None) if groupby else None: group[bool(groupby) :]
            for group in groups
        }


@tagged("post_install", "-at_install")
class TestSalesPace(SalesPaceCase):
    def test_nothing(self):
        """An empty database has no months."""
        pace = self._report("sales.pace")
        self.assertFalse(pace.search([]))
        self.assertEqual(
            pace._read_group([], [], ["won:sum", "ordered_mean:avg"]),
            [(False, False)],
        )

    def test_months_of_a_salesperson(self):
        """Every figure in its month, every month from the first one on."""
        self._deal(("2026-01-05", self.stage_new), ("2026-02-10", self.stage_won))
        self._order("2026-02-12", price=100)
        self._order("2026-04-30", price=50)
        invoice = self._invoice("2026-04-02", 1000)
        self._invoice("2026-04-03", 200, kind="out_refund")
        self._pay(invoice, "2026-05-04", 400)
        with self.at("2026-06-15"):
            self.assertEqual(
                self._pace("won", "won_amount", "ordered", "invoiced", "paid"),
                {
                    ("Ada", "2026-02"): (1, 1000, 1000, 0, 0),
                    ("Ada", "2026-03"): (0, 0, 0, 0, 0),
                    ("Ada", "2026-04"): (0, 0, 500, 800, 0),
                    ("Ada", "2026-05"): (0, 0, 0, 0, 400),
                    ("Ada", "2026-06"): (0, 0, 0, 0, 0),
                },
            )

    def test_name_of_a_month(self):
        self._order("2026-02-12")
        with self.at("2026-02-15"):
            row = self._report("sales.pace", lang="en_US").search([])
            self.assertEqual(row.name, "February 2026")

    def test_average_month(self):
        """Empty months count, those before the first one and the present one not."""
        self._order("2026-02-12", price=100)
        self._order("2026-06-01", price=700)
        self._order("2026-05-12", price=20, user_id=self.ben.id)
        with self.at("2026-06-15"):
            # Ada: 1000, 0, 0, 0; Ben: 200
            self.assertEqual(
                self._means("ordered_mean"), {"Ada": (250,), "Ben": (200,)}
            )
            self.assertEqual(
                self._means("ordered_mean", groupby=None), {None: (1200 / 5,)}
            )
        with self.at("2026-07-01"):
            # June is over
            self.assertEqual(
                self._means("ordered_mean"), {"Ada": (8000 / 5,), "Ben": (100,)}
            )

    def test_one_who_has_left(self):
        """His months end with the last document; those of the others go on."""
        self._order("2026-01-12", price=100)
        self._order("2026-02-12", price=100)
        self._order("2026-02-12", price=100, user_id=self.ben.id)
        self.ada.active = False
        with self.at("2026-05-15"):
            self.assertEqual(
                self._means("ordered_mean"), {"Ada": (1000,), "Ben": (1000 / 3,)}
            )

    def test_nobody_is_no_salesperson(self):
        """What has no salesperson is in the sums, not in the averages."""
        self._order("2026-01-12", price=100)
        self._order("2026-01-12", price=900, user_id=False)
        with self.at("2026-02-15"):
            self.assertEqual(
                self._pace("ordered", "ordered_mean")[None, "2026-01"], (9000, 0)
            )
            self.assertEqual(self._means("ordered_mean", groupby=None), {None: (1000,)})

    def test_won_is_what_still_is_won(self):
        """The day is that of the entry into the won stage in which the deal is."""
        back = self._deal(
            ("2026-01-05", self.stage_new),
            ("2026-02-10", self.stage_won),
            ("2026-03-10", self.stage_new),
        )
        with self.at("2026-04-15"):
            self.assertEqual(self._pace("won"), {})
        with self.at("2026-04-16"):
            back.stage_id = self.stage_won
            back.action_archive()
        with self.at("2026-04-17"):
            self.assertEqual(self._pace("won"), {("Ada", "2026-04"): (1,)})
            # what becomes of the deal later does not rewrite the month
            back.user_id = self.ben
            back.expected_revenue = 1
            self.assertEqual(
                self._pace("won", "won_amount"), {("Ada", "2026-04"): (1, 1000)}
            )

    def test_months_in_the_time_zone_of_the_user(self):
        self._deal(
            ("2026-01-05", self.stage_new), ("2026-01-31 23:30:00", self.stage_won)
        )
        self._order("2026-02-28 23:30:00", price=100)
        with self.at("2026-03-01 01:00:00"):
            self.assertEqual(
                self._pace("won", "ordered", tz="UTC"),
                {
                    ("Ada", "2026-01"): (1, 0),
                    ("Ada", "2026-02"): (0, 1000),
                    ("Ada", "2026-03"): (0, 0),
                },
            )
            self.assertEqual(
                self._pace("won", "ordered", tz="Europe/Kyiv"),
                {("Ada", "2026-02"): (1, 0), ("Ada", "2026-03"): (0, 1000)},
            )
            # where the month is not over yet, February is the present one
            self.assertEqual(
                self._pace("ordered_mean", tz="America/New_York"),
                {("Ada", "2026-01"): (0,), ("Ada", "2026-02"): (0,)},
            )
            [zero, present] = (
                self._report("sales.pace", tz="America/New_York")
                .search([], order="month")
                ._read_group([], ["month:month"], ["ordered_mean:avg", "__count"])
            )
            self.assertEqual((zero[1], present[1]), (0, False))

    def test_paid_without_taxes_by_the_day_of_the_payment(self):
        invoice = self._invoice("2026-01-10", 1000, tax=True)
        self.assertEqual(invoice.amount_total, 1150)
        self._pay(invoice, "2026-02-10", 575)
        self._pay(invoice, "2026-03-10")
        with self.at("2026-03-15"):
            self.assertEqual(
                self._pace("invoiced", "paid"),
                {
                    ("Ada", "2026-01"): (1000, 0),
                    ("Ada", "2026-02"): (0, 500),
                    ("Ada", "2026-03"): (0, 500),
                },
            )

    def test_credit_note_is_no_payment(self):
        """Set off against the invoice it pays nothing; paid back it takes away."""
        invoice = self._invoice("2026-01-10", 1000)
        credit_note = self._invoice("2026-02-10", 400, kind="out_refund")
        (invoice + credit_note).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self._pay(invoice, "2026-03-10")
        paid_back = self._invoice("2026-02-11", 100, kind="out_refund")
        self._pay(paid_back, "2026-03-12")
        with self.at("2026-03-15"):
            self.assertEqual(
                self._pace("invoiced", "paid"),
                {
                    ("Ada", "2026-01"): (1000, 0),
                    ("Ada", "2026-02"): (-500, 0),
                    ("Ada", "2026-03"): (0, 500),
                },
            )

    def test_payment_without_journal_entry(self):
        """As Odoo makes them where the bank is reconciled by statements."""
        invoice = self._invoice("2026-01-10", 1000, tax=True)
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_id": self.partner_a.id,
                "amount": 690,
                "date": "2026-02-10",
                "journal_id": self.company_data["default_journal_bank"].id,
                "invoice_ids": invoice.ids,
            }
        )
        rest = payment.copy({"date": "2026-03-10", "invoice_ids": invoice.ids})
        payments = payment + rest
        payments.outstanding_account_id = False
        with self.at("2026-03-15"):
            self.assertEqual(self._pace("paid")["Ada", "2026-02"], (0,))
            payments.state = "in_process"
            self.assertFalse(payments.move_id)
            self.assertEqual(invoice.matched_payment_ids, payments)
            # both together are more than is owed
            self.assertEqual(
                self._pace("paid", domain=[("month", ">=", "2026-02-01")]),
                {("Ada", "2026-02"): (600,), ("Ada", "2026-03"): (400,)},
            )
            payments.state = "canceled"
            self.assertEqual(self._pace("paid")["Ada", "2026-02"], (0,))

    def test_other_currency_and_exchange_difference(self):
        """In the currency of the company, at the rate of each document."""
        currency = self.setup_other_currency(
            "EUR", rates=[("2026-01-01", 2.0), ("2026-02-01", 4.0)]
        )
        invoice = self._invoice("2026-01-10", 1000, currency_id=currency.id)
        self._pay(invoice, "2026-02-10")
        self.assertEqual(invoice.payment_state, "paid")
        with self.at("2026-02-15"):
            self.assertEqual(
                self._pace("invoiced", "paid"),
                {("Ada", "2026-01"): (500, 0), ("Ada", "2026-02"): (0, 500)},
            )

    def test_other_company_in_the_currency_of_mine(self):
        """Companies that are not chosen stay out; others are converted, at the rate
        of the day of the document, whatever the rate is today."""
        other = self.setup_other_company(name="Other")["company"]
        other.currency_id = self.setup_other_currency(
            "EUR", rates=[("2026-01-01", 2.0), ("2026-02-01", 3.0)]
        )
        self.dora.company_ids += other
        self._order("2026-01-12", price=100)
        advice = self.env["product.product"].create(
            {"name": "Advice", "type": "service", "company_id": False}
        )
        foreign = (
            self.env["sale.order"]
            .with_context(allowed_company_ids=other.ids)
            .create(
                {
                    "company_id": other.id,
                    "partner_id": self.partner_a.id,
                    "user_id": self.ben.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": advice.id,
                                "price_unit": 300,
                                "tax_ids": False,
                            }
                        )
                    ],
                }
            )
        )
        with self.at("2026-01-13"):
            foreign.action_confirm()
        self.assertEqual(foreign.amount_untaxed, 300)
        with self.at("2026-02-15"):
            self.assertEqual(
                self._pace("ordered", domain=[("month", "<", "2026-02-01")]),
                {("Ada", "2026-01"): (1000,)},
            )
            both = self._report("sales.pace").with_context(
                allowed_company_ids=(self.company + other).ids
            )
            self.assertEqual(
                both._read_group([], ["user_id"], ["ordered:sum", "currency_id:max"]),
                [
                    (self.ada, 1000, self.company.currency_id.id),
                    (self.ben, 150, self.company.currency_id.id),
                ],
            )

    def test_margin_only_where_it_is_known(self):
        """Without Odoo's margins there is no such column, with them there is."""
        self._order("2026-01-12", price=100)
        pace = self._report("sales.pace")
        known = "margin" in self.env["sale.order"]._fields
        views = pace.get_views([(False, "pivot"), (False, "list")])
        for view in views["views"].values():
            self.assertEqual("margin" in view["arch"], known)
        self.assertEqual("margin" in pace.fields_get(), known)
        self.assertIn("ordered", pace.fields_get())
        row = pace.search([("month", "=", "2026-01-01")])
        margin = sum(self.env["sale.order"].search([]).mapped("margin")) if known else 0
        self.assertEqual(row.margin, margin)


@tagged("post_install", "-at_install")
class TestSalesPaceAccess(SalesPaceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.everything = ("won", "ordered", "invoiced", "paid")

    def _documents_of_two(self):
        for user in (self.ada, self.ben):
            self._deal(
                ("2026-01-05", self.stage_new),
                ("2026-01-10", self.stage_won),
                user_id=user.id,
            )
            self._order("2026-01-12", user_id=user.id)
            invoice = self._invoice("2026-01-15", 300, invoice_user_id=user.id)
            self._pay(invoice, "2026-01-20", 30)

    def test_each_sees_what_the_documents_show(self):
        self._documents_of_two()
        expected = (1, 1000, 300, 30)
        with self.at("2026-01-25"):
            for user, names in (
                (self.ada, ["Ada"]),
                (self.ben, ["Ben"]),
                (self.cleo, ["Ada", "Ben"]),
                (self.dora, ["Ada", "Ben"]),
            ):
                with self.subTest(user=user.name):
                    self.assertEqual(
                        self._pace(*self.everything, user=user),
                        {(name, "2026-01"): expected for name in names},
                    )

    def test_row_of_another_is_not_there(self):
        """Not even for one who knows its number."""
        self._documents_of_two()
        with self.at("2026-01-25"):
            row = self._report("sales.pace").search([("user_id", "=", self.ben.id)])
            self.assertEqual(row.ordered, 1000)
            foreign = self._report("sales.pace", self.ada).browse(row.id)
            self.assertFalse(foreign.exists())

    def test_closed_to_others(self):
        for groups in ("base.group_portal", "base.group_user"):
            user = new_test_user(
                self.env, login=f"pace_{groups[11:]}", groups=groups, tz="UTC"
            )
            for model_name in ("sales.pace", "sales.won.deal"):
                with (
                    self.subTest(groups=groups, model=model_name),
                    self.assertRaises(AccessError),
                ):
                    self.env[model_name].with_user(user).search([])

    def test_drill_down_opens_what_was_counted(self):
        self._documents_of_two()
        self._order("2026-02-01 00:00:00")
        with self.at("2026-02-25"):
            row = self._report("sales.pace", self.ada).search(
                [("month", "=", "2026-01-01")]
            )
            for name, count in (
                ("action_open_deals", row.won),
                ("action_open_orders", row.ordered / 1000),
                ("action_open_invoices", row.invoiced / 300),
            ):
                with self.subTest(action=name):
                    action = getattr(row, name)()
                    found = (
                        self.env[action["res_model"]]
                        .with_user(self.ada)
                        .with_context(**action["context"])
                        .search(action["domain"])
                    )
                    self.assertEqual(len(found), count)

    def test_query_count(self):
        """One query for the rows, however many documents there are."""
        self._documents_of_two()
        with self.at("2028-12-25"):
            report = self._report("sales.pace")
            specification = {"month": {}, "user_id": {"fields": {"display_name": {}}}}
            specification["ordered"] = {}
            report.web_search_read([], specification)
            self.env.invalidate_all()
            with self.assertQueryCount(12):
                found = report.web_search_read([], specification)
            self.assertEqual(found["length"], 72)


@tagged("post_install", "-at_install")
class TestTouchesUntilWon(SalesReportCase):
    @classmethod
    def default_env_context(cls):
        # with messages and notifications, as in life
        return {}

    def _call(self, deal, moment, **values):
        with self.at(moment):
            return self.env["crm.phonecall"].create(
                {
                    "lead_id": deal.id,
                    "date": fields.Datetime.now(),
                    "state": "held",
                    "user_id": self.ada.id,
                    **values,
                }
            )

    def _meet(self, deal, moment):
        with self.at(moment):
            now = fields.Datetime.now()
            return self.env["calendar.event"].create(
                {
                    "name": "At the customer's",
                    "start": now,
                    "stop": now,
                    "opportunity_id": deal.id,
                }
            )

    def _mail(self, document, moment, **values):
        with self.at(moment):
            return document.with_user(self.ada).message_post(
                **{
                    "body": "Hello",
                    "partner_ids": self.partner_a.ids,
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                    "email_add_signature": False,
                    **values,
                }
            )

    def _won(self, *touch_days, **values):
        """A deal won on the 31st of January, called on these days before."""
        deal = self._deal(("2026-01-01", self.stage_new), **values)
        for day in touch_days:
            self._call(deal, f"2026-01-{day:02}")
        with self.at("2026-01-31"):
            deal.stage_id = self.stage_won
        return deal

    def _touches(self, user=None):
        return {
            row.lead_id.name: (row.calls, row.meetings, row.mails, row.touches)
            for row in self._report("sales.won.deal", user).search([])
        }

    def test_what_is_a_touch(self):
        self.partner_a.email = "acme@example.com"
        self.ada.email = "ada@example.com"
        deal = self._deal(("2026-01-01", self.stage_new))
        self._call(deal, "2026-01-02")
        self._call(deal, "2026-01-03", state="no_answer")
        planned = self._call(deal, "2026-01-04", state="planned")
        self.assertTrue(planned.event_id)
        # somebody links the call in the calendar to the deal: it is a call still
        planned.event_id.opportunity_id = deal
        self._meet(deal, "2026-01-05")
        self._meet(deal, "2026-01-06").active = False
        self._mail(deal, "2026-01-07")
        self._mail(deal, "2026-01-08", partner_ids=[])
        self._mail(deal, "2026-01-08", partner_ids=self.ben.partner_id.ids)
        self._mail(deal, "2026-01-09", subtype_xmlid="mail.mt_note", partner_ids=[])
        with self.at("2026-01-10"):
            deal.message_post(
                body="From the customer",
                message_type="email",
                subtype_xmlid="mail.mt_comment",
                author_id=self.partner_a.id,
            )
        quotation = self._order(opportunity_id=deal.id)
        self._mail(quotation, "2026-01-11")
        with self.at("2026-01-31"):
            deal.stage_id = self.stage_won
        self._call(deal, "2026-02-01")
        self._meet(deal, "2026-02-02")
        self._mail(deal, "2026-02-03")
        self.assertEqual(self._touches(), {"Steel for Acme": (1, 1, 2, 4)})

    def test_touch_at_the_moment_of_the_win_counts(self):
        self._won(31)
        self.assertEqual(self._touches(), {"Steel for Acme": (1, 0, 0, 1)})

    def test_touches_of_colleagues_count_for_all_who_see_the_deal(self):
        deal = self._deal(("2026-01-01", self.stage_new))
        self._call(deal, "2026-01-02", user_id=self.ben.id)
        with self.at("2026-01-31"):
            deal.stage_id = self.stage_won
        self.assertEqual(self._touches(self.ada), {"Steel for Acme": (1, 0, 0, 1)})
        self.assertEqual(self._touches(self.ben), {})
        self.assertEqual(len(self._touches(self.cleo)), 1)

    def test_open_and_lost_deals_are_not_there(self):
        self._deal(("2026-01-01", self.stage_new))
        self._deal(
            ("2026-01-01", self.stage_new),
            ("2026-01-02", self.stage_won),
            ("2026-01-03", self.stage_proposition),
        )
        self.assertEqual(self._touches(), {})

    def test_share_won_by_the_nth_touch(self):
        """The shares add up to 100 over whatever is shown."""
        self._won(name="None")
        self._won(2, name="One")
        self._won(2, name="One of Ben's", user_id=self.ben.id)
        self._won(2, 3, 4, name="Three")
        report = self._report("sales.won.deal")

        def shares(domain, groupby):
            return {
                row[groupby]: row["share:sum"]
                for row in report.formatted_read_group(domain, [groupby], ["share:sum"])
            }

        # nobody won by the second touch: the curve stays where it was
        self.assertEqual(shares([], "touches"), {0: 25, 1: 50, 2: 0, 3: 25})
        self.assertEqual(
            shares([("user_id", "=", self.ada.id)], "touches"),
            {0: 100 / 3, 1: 100 / 3, 2: 0, 3: 100 / 3},
        )
        self.assertEqual(
            report._read_group([], [], ["share:sum", "touches_mean:avg"]),
            [(100, 5 / 4)],
        )

    def test_share_in_the_grouping_sets_of_the_pivot(self):
        self._won(name="None")
        self._won(2, name="One")
        self._won(2, name="One of Ben's", user_id=self.ben.id)
        self._won(2, 3, 4, name="Three")
        total, touches, cells = self._report(
            "sales.won.deal"
        ).formatted_read_grouping_sets(
            [], [[], ["touches"], ["touches", "user_id"]], ["share:sum", "deals:sum"]
        )
        self.assertEqual(total[0]["share:sum"], 100)
        self.assertEqual([row["share:sum"] for row in touches], [25, 50, 25])
        self.assertEqual(sum(row["share:sum"] for row in cells), 100)
        self.assertEqual(sum(row["deals:sum"] for row in cells), 4)

    def test_nothing_won(self):
        report = self._report("sales.won.deal")
        self.assertEqual(
            report.formatted_read_group([], ["touches"], ["share:sum"]), []
        )
        self.assertEqual(report._read_group([], [], ["share:sum"]), [(False,)])

    def test_opens_the_deal(self):
        deal = self._won(2)
        row = self._report("sales.won.deal", self.ada).search([])
        self.assertEqual(row.action_open_deal()["res_id"], deal.id)
        self.assertEqual(row.action_open_deals()["domain"], [("id", "in", deal.ids)])
