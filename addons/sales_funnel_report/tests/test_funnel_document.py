import io
import re
import shutil
import unittest

from lxml import etree, html

from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfReader

from .funnel_document_common import JANUARY, FunnelDocumentCase

REPORT = "sales_funnel_report.funnel_document"
SVG = {"svg": "http://www.w3.org/2000/svg"}


def read_table(page):
    """The cells of the table of a printed page, row by row."""
    table = html.fromstring(page).xpath("//table[hasclass('o_funnel_table')]")
    return [
        [" ".join(cell.text_content().split()) for cell in row.xpath("th|td")]
        for row in table[0].xpath(".//tr")
    ]


@tagged("post_install", "-at_install")
class TestFunnelDocument(FunnelDocumentCase):
    def _print(self, user, domain=None, options=None):
        data = {"domain": domain or [], "options": {**JANUARY, **(options or {})}}
        page, kind = (
            self.env["ir.actions.report"]
            .with_user(user)
            ._render_qweb_pdf(REPORT, None, data=data)
        )
        self.assertEqual(kind, "html")
        return page.decode()

    def test_table_on_paper_is_the_report(self):
        rows = read_table(self._print(self.user_all))
        self.assertEqual(
            [row[:2] for row in rows],
            [
                ["", "Deals"],
                ["New", "5"],
                ["Qualified", "4"],
                ["Proposition", "2"],
                ["Won", "1"],
            ],
        )
        series = self.Lead.with_user(self.user_all).get_funnel_report([], JANUARY)
        for row, step in zip(rows[1:], series["total"]["steps"], strict=True):
            values = dict(zip(rows[0], row, strict=True))
            self.assertEqual(
                float(re.sub(r"[^\d.]", "", values["Amount"])), step["amount"]
            )
            for label, key in [
                ("Deals", "count"),
                ("Skipped", "skipped"),
                ("Lost", "lost"),
                ("Open", "open"),
                ("On hold", "on_hold"),
                ("Won", "won"),
            ]:
                self.assertEqual(values[label], str(step[key]), f"{row[0]}, {label}")

    def test_what_is_not_needed_is_in_the_table(self):
        """Of documents only: every deal needs its stages."""
        self.Lead.search([("expected_revenue", "=", 100)]).write(
            {
                "date_ordered": "2026-01-08 09:00:00",
                "date_invoiced": "2026-01-09",
                "delivery_progress": "none",
            }
        )
        funnel = self.env.ref("sales_funnel_report.crm_funnel_lead_to_cash")
        document = self.env["crm.funnel.document"]
        for options, expected in (
            ({"funnel_id": funnel.id}, [0] * 6 + [1] + [0] * 2),
            ({}, None),
        ):
            report = self.Lead.get_funnel_report([], {**JANUARY, **options})
            table = document._get_table(report)
            labels = [label for label, _kind in table["columns"]]
            if expected is None:
                self.assertNotIn("Not needed", labels)
                continue
            place = labels.index("Not needed")
            self.assertEqual([r["values"][place] for r in table["rows"]], expected)

    def test_drawing_has_the_same_numbers(self):
        document = self._get_document(self.user_all)
        svg = etree.fromstring(self.env["crm.funnel.picture"]._render_svg(document))
        texts = [
            " ".join("".join(text.itertext()).split())
            for text in svg.iterfind(".//svg:text", SVG)
        ]
        for figure in (
            "5",
            "4",
            "2",
            "1",
            "80%",
            "50%",
            "1 lost",
            "1 open · 1 on hold",
        ):
            self.assertIn(figure, texts)
        self.assertIn("Sales funnel: Pipeline", texts)
        shapes = [path.get("d") for path in svg.iterfind(".//svg:path", SVG)]
        bands = document["drawing"]["total"]["count"]
        self.assertEqual(
            set(shapes),
            {band[part] for band in bands for part in ("bar", "flow") if band[part]},
        )

    def test_groups_have_the_outlines_of_what_they_are_compared_with(self):
        for compare in (None, {"date_from": "2026-01-01", "date_to": "2026-01-04"}):
            document = self._get_document(
                self.user_all, options={"groupby": "user_id", "compare": compare}
            )
            svg = etree.fromstring(self.env["crm.funnel.picture"]._render_svg(document))
            outlines = [
                float(rectangle.get("width") or 0)
                for rectangle in svg.iterfind(".//svg:rect", SVG)
                if rectangle.get("stroke-dasharray")
            ]
            expected = [
                band["width"]
                for bands in document["drawing"]["group_compares"]
                if bands
                for band in bands["count"]
            ]
            self.assertEqual(len(outlines), len(expected))
            if compare:
                self.assertEqual(len(outlines), 2 * 4)
                # of one scale
                for outline, width in zip(outlines, expected, strict=True):
                    self.assertAlmostEqual(
                        outline * max(expected), width * max(outlines)
                    )

    def test_every_lens_can_be_drawn_and_printed(self):
        for lens in ("cohort", "closed", "flow", "snapshot"):
            for groupby in (None, "user_id"):
                with self.subTest(lens=lens, groupby=groupby):
                    page = self._print(
                        self.user_all, options={"lens": lens, "groupby": groupby}
                    )
                    self.assertIn("data:image/svg+xml;base64,", page)
                    self.assertGreater(len(read_table(page)), 1)

    def test_names_are_text_and_never_markup(self):
        self.stage_new.name = "<script>alert(1)</script> & Co"
        document = self._get_document(self.user_all)
        svg = self.env["crm.funnel.picture"]._render_svg(document)
        self.assertNotIn("<script", svg)
        self.assertEqual(etree.fromstring(svg).findall(".//svg:script", SVG), [])
        self.assertNotIn("<script>alert", self._print(self.user_all))

    def test_salesperson_gets_the_own_deals(self):
        rows = read_table(self._print(self.user_b))
        self.assertEqual([row[1] for row in rows[1:]], ["3", "2", "0", "0"])

    def test_portal_is_refused(self):
        portal = new_test_user(self.env, "funnel_portal", groups="base.group_portal")
        with (
            self.assertRaises(AccessError),
            mute_logger("odoo.addons.base.models.ir_rule"),
        ):
            self._get_document(portal)

    def test_groups_on_paper(self):
        rows = read_table(self._print(self.user_all, options={"groupby": "user_id"}))
        self.assertEqual(
            [row[:5] for row in rows],
            [
                ["", "New", "Qualified", "Proposition", "Won"],
                ["Ada", "2", "2", "2", "1"],
                ["Ben", "3", "2", "0", "0"],
                ["Total", "5", "4", "2", "1"],
            ],
        )

    def test_comparison_on_paper(self):
        compare = {"date_from": "2026-01-01", "date_to": "2026-01-03"}
        rows = read_table(self._print(self.user_all, options={"compare": compare}))
        self.assertEqual(rows[0][-2:], ["Compared with", "Difference"])
        self.assertEqual(
            [row[-2:] for row in rows[1:]],
            [["2", "3"], ["2", "2"], ["2", "0"], ["1", "0"]],
        )

    def test_question_is_told_in_the_time_zone_and_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        facts = dict(self._get_document(self.user_all)["facts"])
        self.assertEqual(
            facts["Shows"],
            "Deals that came in, 01/01/2026 to 01/31/2026, as known on "
            "2/10/26, 12:00\N{NARROW NO-BREAK SPACE}AM",
        )
        facts = dict(
            self._get_document(self.user_all, tz="Asia/Tokyo", lang="fr_FR")["facts"]
        )
        (shows,) = [text for text in facts.values() if "2026" in text]
        self.assertIn("01/01/2026", shows)
        self.assertIn("31/01/2026", shows)
        self.assertIn("09:00", shows)

    def test_day_of_a_deal_is_that_of_the_reader(self):
        """On January 1st at 9:00 UTC it is still the year before in Pago Pago."""
        for tz, size in [("UTC", 5), ("Pacific/Pago_Pago", 4)]:
            document = self._get_document(self.user_all, tz=tz)
            self.assertEqual(document["report"]["total"]["size"], size, tz)

    def test_nothing_to_print(self):
        page = self._print(self.user_all, domain=[("id", "=", 0)])
        self.assertIn("There are no such deals.", page)
        self.assertNotIn('o_funnel_table"', page)
        svg = self.env["crm.funnel.picture"]._render_svg(
            self._get_document(self.user_all, domain=[("id", "=", 0)])
        )
        self.assertTrue(etree.fromstring(svg).findall(".//svg:text", SVG))

    @unittest.skipUnless(shutil.which("wkhtmltopdf"), "wkhtmltopdf is not installed")
    @mute_logger("odoo.addons.base.models.ir_actions_report")
    def test_one_page_with_the_numbers(self):
        pages = self._read_pdf()
        self.assertEqual(len(pages), 1)
        self.assertGreater(pages[0].mediabox.width, pages[0].mediabox.height)
        text = " ".join(pages[0].extract_text().split())
        for part in (
            "Sales funnel: Pipeline",
            "01/01/2026 to 01/31/2026",
            "reached this stage or a later one",
            "Filter: All deals",
            "Cleo",
            self.env.company.name,
            "1,050.00",
            "37.6% to 96.4%",
        ):
            self.assertIn(part, text)

    @unittest.skipUnless(shutil.which("wkhtmltopdf"), "wkhtmltopdf is not installed")
    @mute_logger("odoo.addons.base.models.ir_actions_report")
    def test_many_steps_with_long_names_are_one_page(self):
        self.env["crm.stage"].create(
            [
                {
                    "name": f"Agreement of the commercial offer, round {number}",
                    "sequence": 5,
                }
                for number in range(9)
            ]
        )
        for groupby in (None, "user_id"):
            with self.subTest(groupby=groupby):
                self.assertEqual(len(self._read_pdf(groupby=groupby)), 1)

    def _read_pdf(self, **options):
        """:return: the pages of what all deals of January are on paper"""
        # the page has its style in itself and needs nothing from a server
        self.env["ir.config_parameter"].set_param("report.url", "http://127.0.0.1:9")
        reports = self.env["ir.actions.report"].with_context(
            force_report_rendering=True
        )
        content, kind = reports.with_user(self.user_all)._render_qweb_pdf(
            REPORT, None, data={"domain": [], "options": {**JANUARY, **options}}
        )
        self.assertEqual(kind, "pdf")
        return PdfReader(io.BytesIO(content)).pages


@tagged("post_install", "-at_install")
class TestFunnelQuestion(FunnelDocumentCase):
    def _describe(self, domain, user=None):
        question = self.env["crm.funnel.question"]
        return question.with_user(user or self.user_all)._describe_domain(domain)

    def test_filter_in_words(self):
        for domain, words in [
            ([], "All deals"),
            ([("user_id", "=", self.user_a.id)], "Salesperson is Ada"),
            (
                ["|", ("user_id", "=", self.user_a.id), ("team_id", "=", False)],
                "Salesperson is Ada or Sales Team is not set",
            ),
            ([("type", "=", "opportunity")], "Type is Opportunity"),
            ([("expected_revenue", ">=", 100)], "Expected Revenue ≥ 100"),
            (
                [("create_date", ">", "2026-01-31 12:00:00")],
                "Created on > 1/31/26, 12:00\N{NARROW NO-BREAK SPACE}PM",
            ),
            (["!", ("name", "ilike", "x")], "Opportunity does not contain x"),
            ([("user_id.name", "ilike", "Ad")], "Salesperson → Name contains Ad"),
            ([("active", "=", True)], "Active is Yes"),
            ([("tag_ids", "not in", [])], "Tags is not nothing"),
            (
                [("user_id", "any", [("name", "=", "Ada")])],
                "Salesperson with Name is Ada",
            ),
        ]:
            with self.subTest(domain=domain):
                self.assertEqual(self._describe(domain), words)

    def test_names_that_may_not_be_read_are_numbers(self):
        secret = self.env["res.company"].create({"name": "Secret Holding"})
        self.assertEqual(
            self._describe([("company_id", "=", secret.id)], self.user_a),
            f"Company is #{secret.id}",
        )

    def test_filter_of_thousands_of_conditions_is_cut(self):
        """And costs no more than what is shown of it."""
        conditions = [("user_id", "=", self.user_a.id)] * 5_000
        domain = Domain.OR(
            [("user_id", "=", self.user_a.id), ("name", "=", f"Deal {number}")]
            for number in range(5_000)
        )
        before = self.env.cr.sql_log_count
        for long_domain in (domain, conditions):
            words = self._describe(long_domain)
            self.assertTrue(words.endswith("…"), words[-100:])
            self.assertLess(len(words), 10_000)
        self.assertIn(
            "(Salesperson is Ada and Opportunity is Deal 7)", self._describe(domain)
        )
        self.assertLess(self.env.cr.sql_log_count - before, 1_500)

    def test_filter_of_many_levels_is_cut(self):
        name = Domain("name", "=", "x")
        domain = name
        for level in range(2_000):
            domain = domain & name if level % 2 else domain | name
        of_others = name
        for _level in range(100):
            of_others = Domain("create_uid", "any", of_others) & name
        for deep in (domain, of_others):
            words = self._describe(deep)
            self.assertIn("…", words)
            self.assertLess(len(words), 10_000)

    def test_long_values_of_a_filter_are_cut(self):
        self.assertEqual(
            self._describe([("name", "ilike", "x" * 60_000)]),
            f"Opportunity contains {'x' * 200}…",
        )

    def test_filter_of_another_kind_is_no_error(self):
        query = self.Lead._search([])
        domain = Domain("id", "in", query) & Domain("name", "=", "x")
        self.assertEqual(self._describe(domain), "ID is … and Opportunity is x")

    def test_moving_periods(self):
        question = self.env["crm.funnel.question"].with_user(self.user_all)
        with self.at("2026-05-31 23:30:00"):
            for period, first, after in [
                ("this_month", "2026-05-01", "2026-06-01"),
                ("last_month", "2026-04-01", "2026-05-01"),
                ("this_quarter", "2026-04-01", "2026-07-01"),
                ("last_quarter", "2026-01-01", "2026-04-01"),
                ("this_year", "2026-01-01", "2027-01-01"),
                ("last_12_months", "2025-06-01", "2026-06-01"),
            ]:
                options = {"date_from": first, "date_to": after}
                with self.subTest(period=period):
                    days = [str(day) for day in question._get_period(period)]
                    self.assertEqual(days, [first, after])
                    self.assertEqual(question._find_period(options), period)
            self.assertEqual(question._find_period({}), "last_12_months")
            self.assertIsNone(question._find_period(JANUARY))
            # it is June there already
            there = question.with_context(tz="Asia/Tokyo")
            self.assertEqual(str(there._get_period("this_month")[0]), "2026-06-01")
