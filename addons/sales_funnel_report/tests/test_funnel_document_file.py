import csv
import html
import io
import json
import shutil
import unittest
from unittest.mock import patch
from zipfile import ZipFile

from lxml import etree
from PIL import Image

import odoo.modules.module
from odoo.exceptions import UserError
from odoo.http import Request
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .funnel_document_common import JANUARY, FunnelDocumentCase

MAIN = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def read_workbook(content):
    """The cells of a workbook by the name of the sheet: rows of texts, numbers and
    ``None``; a formula is an error."""
    with ZipFile(io.BytesIO(content)) as archive:
        strings = [
            "".join(item.itertext())
            for item in etree.fromstring(archive.read("xl/sharedStrings.xml"))
        ]
        names = etree.fromstring(archive.read("xl/workbook.xml")).xpath(
            "//m:sheet/@name", namespaces=MAIN
        )
        sheets = {}
        for number, name in enumerate(names, 1):
            tree = etree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
            if tree.findall(".//m:f", MAIN):
                raise AssertionError(f"There is a formula on {name}")
            sheets[name] = [
                [
                    strings[int(cell.findtext("m:v", namespaces=MAIN))]
                    if cell.get("t") == "s"
                    else float(cell.findtext("m:v", namespaces=MAIN))
                    for cell in row.iterfind("m:c", MAIN)
                    if cell.find("m:v", MAIN) is not None
                ]
                for row in tree.iterfind(".//m:row", MAIN)
            ]
        return sheets


@tagged("post_install", "-at_install")
class TestFunnelFile(FunnelDocumentCase):
    def _make(self, extension, user=None, domain=None, options=None):
        files = self.env["crm.funnel.file"].with_user(user or self.user_all)
        return files._make_file(
            extension, {"domain": domain, "options": {**JANUARY, **(options or {})}}
        )

    @mute_logger("odoo.addons.sales_funnel_report.models.crm_funnel_picture")
    def test_workbook_has_the_numbers_of_the_report(self):
        name, content, _mimetype = self._make("xlsx")
        self.assertEqual(name, "Sales funnel Pipeline 2026-01-01_2026-01-31.xlsx")
        sheets = read_workbook(content)
        self.assertEqual(list(sheets), ["Steps", "Question"])
        head, *rows = sheets["Steps"]
        self.assertEqual(head[:3], ["Step", "Deals", "Amount"])
        report = self.Lead.with_user(self.user_all).get_funnel_report([], JANUARY)
        for row, step in zip(rows, report["total"]["steps"], strict=False):
            self.assertEqual(row[:3], [step["name"], step["count"], step["amount"]])
        self.assertEqual(rows[1][3], report["total"]["steps"][1]["conversion_prev"])
        interval = report["total"]["steps"][1]["ci"]
        for value, end in zip(rows[1][4:6], interval, strict=True):
            self.assertAlmostEqual(value, end, 12)
        question = dict(row for row in sheets["Question"] if len(row) == 2)
        self.assertEqual(question["Filter"], "All deals")
        self.assertEqual(question["Deals"], 5)
        self.assertEqual(question["Win rate"], 0.2)

    def test_groups_have_a_sheet(self):
        content = self._make("xlsx", options={"groupby": "user_id"})[1]
        head, *rows = read_workbook(content)["Groups"]
        self.assertEqual(head[:4], ["Group", "Step", "Deals", "Amount"])
        self.assertEqual(
            [row[:4] for row in rows],
            [
                ["Ada", "New", 2, 300],
                ["Ada", "Qualified", 2, 300],
                ["Ada", "Proposition", 2, 300],
                ["Ada", "Won", 1, 100],
                ["Ben", "New", 3, 750],
                ["Ben", "Qualified", 2, 700],
                ["Ben", "Proposition", 0, 0],
                ["Ben", "Won", 0, 0],
            ],
        )

    def test_every_lens_has_a_workbook(self):
        for lens in ("closed", "flow", "snapshot"):
            with self.subTest(lens=lens):
                content = self._make("xlsx", options={"lens": lens})[1]
                self.assertGreater(len(read_workbook(content)["Steps"]), 4)

    def test_names_never_are_formulas(self):
        evil = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", '=HYPERLINK("http://x.example")']
        stages = (self.stage_new, self.stage_qualified, self.stage_proposition)
        for stage, name in zip(stages, evil, strict=False):
            stage.name = name
        self.user_a.name, self.user_b.name = evil[3:]
        content = self._make(
            "xlsx",
            options={"groupby": "user_id"},
            domain=[("user_id", "in", [self.user_a.id, self.user_b.id])],
        )[1]
        sheets = read_workbook(content)
        self.assertEqual([row[0] for row in sheets["Steps"][1:4]], evil[:3])
        self.assertEqual({row[0] for row in sheets["Groups"][1:]}, set(evil[3:]))
        with ZipFile(io.BytesIO(content)) as archive:
            self.assertNotIn(
                "hyperlink", archive.read("xl/worksheets/sheet1.xml").decode()
            )

    def test_control_characters_break_no_file(self):
        """Nor do halves of letters, which a filter may have in it."""
        self.stage_new.name = "New\x01\x0b\x1f\ufffe & <b>"
        self.user_a.name = "Ada\x08\x1b"
        self.lost_reason.name = "Too\x02 expensive"
        documents = self.env["crm.funnel.document"].with_user(self.user_all)
        document = documents._get_document(
            [("user_id.name", "not in", ["x"])], {**JANUARY, "groupby": "user_id"}
        )
        document["facts"].append(("Half\ud800", "a letter\udfff\x00"))
        document["title"] = "Funnel\x0c\ud800"
        pictures = self.env["crm.funnel.picture"]
        for svg in (
            pictures._render_svg(document),
            pictures._render_drawing(document, 1000, 500),
        ):
            tree = etree.fromstring(
                svg.strip().encode(), etree.XMLParser(recover=False)
            )
            texts = " ".join(tree.itertext())
            self.assertIn("New & <b>", texts)
            self.assertNotRegex(
                texts, "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\ud800-\udfff]"
            )
        failure = UserError("No picture\x01.")
        with patch.object(type(pictures), "_render_png", side_effect=failure):
            content = self.env["crm.funnel.spreadsheet"]._render_xlsx(document)
        sheets = read_workbook(content)
        self.assertEqual(sheets["Steps"][1][0], "New & <b>")
        self.assertIn(["Half", "a letter"], sheets["Question"])
        with ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                if name.endswith((".xml", ".rels")):
                    etree.fromstring(archive.read(name))
        body = self.env["crm.funnel.mail"]._render_body(document, "note\x00\ud800")
        self.assertNotRegex(body, "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\ud800-\udfff]")
        body.encode()

    def test_text_longer_than_a_cell_is_cut(self):
        document = self._get_document(self.user_all)
        document["facts"].append(("Filter", "x" * 60_000))
        sheets = read_workbook(
            self.env["crm.funnel.spreadsheet"]._render_xlsx(document)
        )
        (text,) = (
            row[1]
            for row in sheets["Question"]
            if len(row) == 2 and str(row[1]).startswith("xx")
        )
        self.assertEqual(len(text), 32_767)
        self.assertTrue(text.endswith("…"))

    def test_salesperson_gets_the_own_deals(self):
        sheets = read_workbook(self._make("xlsx", user=self.user_b)[1])
        self.assertEqual([row[1] for row in sheets["Steps"][1:5]], [3, 2, 0, 0])

    def test_nothing_to_export(self):
        for extension in ("xlsx", "svg"):
            with self.subTest(extension=extension):
                self.assertTrue(self._make(extension, domain=[("id", "=", 0)])[1])

    def test_snapshot_is_named_by_its_day(self):
        name = self._make("svg", options={"lens": "snapshot"})[0]
        self.assertEqual(name, "Sales funnel Pipeline 2026-02-10.svg")

    @unittest.skipUnless(shutil.which("wkhtmltoimage"), "wkhtmltoimage is missing")
    def test_picture_is_the_drawing(self):
        # Odoo makes no pictures in tests unless it does not know that it is tested
        with patch.object(odoo.modules.module, "current_test", False):
            content = self._make("png")[1]
            workbook = self._make("xlsx")[1]
        picture = Image.open(io.BytesIO(content))
        self.assertEqual(picture.format, "PNG")
        self.assertEqual(picture.width, 2096)
        colors = picture.getcolors(1 << 24)
        self.assertGreater(len(colors), 100, "shaded bands are on it")
        with ZipFile(io.BytesIO(workbook)) as archive:
            self.assertEqual(
                [name for name in archive.namelist() if "media" in name],
                ["xl/media/image1.png"],
            )


@tagged("post_install", "-at_install")
class TestFunnelDownload(HttpCase, FunnelDocumentCase):
    def _download(self, extension, **question):
        return self.url_open(
            f"/web/crm_funnel/{extension}",
            data={
                "data": json.dumps({"options": JANUARY, **question}),
                "csrf_token": Request.csrf_token(self),
            },
        )

    def test_download_with_the_rights_of_the_user(self):
        self.authenticate("funnel_b", "funnel_b")
        response = self._download("xlsx")
        self.assertEqual(response.status_code, 200)
        self.assertIn("attachment", response.headers["Content-Disposition"])
        self.assertIn(".xlsx", response.headers["Content-Disposition"])
        sheets = read_workbook(response.content)
        self.assertEqual([row[1] for row in sheets["Steps"][1:5]], [3, 2, 0, 0])

    def test_svg_is_a_file_of_its_own(self):
        self.authenticate("funnel_all", "funnel_all")
        response = self._download("svg", context={"lang": "en_US", "tz": "Asia/Tokyo"})
        svg = etree.fromstring(response.content)
        self.assertEqual(svg.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertIn("9:00", "".join(svg.itertext()))
        self.assertEqual(
            response.headers["Content-Type"].split(";")[0], "image/svg+xml"
        )

    def test_mistakes_are_told_in_words(self):
        self.authenticate("funnel_all", "funnel_all")
        with mute_logger("odoo.http"):
            response = self._download("svg", options={"lens": "moon"})
        self.assertEqual(response.status_code, 500)
        self.assertIn("moon", response.text)
        self.assertEqual(self._download("exe").status_code, 404)

    def _post(self, data=None, **more):
        fields = {"csrf_token": Request.csrf_token(self)}
        if data is not None:
            fields["data"] = data
        with mute_logger("odoo.http"):
            return self.url_open("/web/crm_funnel/svg", data=fields, **more)

    def _assert_told(self, response):
        """The answer is what the web client shows: a sentence, and no traceback."""
        self.assertEqual(response.status_code, 500)
        error = json.loads(
            html.unescape(response.text.split("<p>")[1].split("</p>")[0])
        )
        self.assertIn("download", error["data"]["message"])
        self.assertTrue(error["data"]["name"].startswith("odoo.exceptions."))
        self.assertNotIn("Traceback", response.text)

    def test_what_is_no_question(self):
        self.authenticate("funnel_all", "funnel_all")
        for data in (None, "", "{", "[]", "null", "7", '"x"', "\x00", "[" * 60000):
            with self.subTest(data=str(data)[:20]):
                self._assert_told(self._post(data))
        with self.subTest("a file"):
            self._assert_told(self._post(files={"data": ("x", b"{}")}))

    def test_what_is_no_context(self):
        self.authenticate("funnel_all", "funnel_all")
        other = self.env["res.company"].create({"name": "Not theirs"})
        for context in (
            "x",
            [1],
            7,
            {"lang": "xx_YY"},
            {"lang": ["en_US"]},
            {"lang": 5},
            {"tz": "Mars/Olympus"},
            {"tz": ["UTC"]},
            {"tz": {}, "lang": {"a": 1}},
            {"allowed_company_ids": "x"},
            {"allowed_company_ids": 1},
            {"allowed_company_ids": [[1]]},
            {"allowed_company_ids": ["1"]},
            {"allowed_company_ids": [True]},
            {"allowed_company_ids": [2**70]},
            {"allowed_company_ids": other.ids},
        ):
            with self.subTest(context=context):
                self._assert_told(self._post(json.dumps({"context": context})))
        response = self._post(
            json.dumps(
                {
                    "options": JANUARY,
                    "context": {
                        "lang": "en_US",
                        "tz": False,
                        "allowed_company_ids": self.env.company.ids,
                        "self": 1,
                    },
                }
            )
        )
        self.assertEqual(response.status_code, 200)

    def test_only_post(self):
        self.authenticate("funnel_all", "funnel_all")
        for method in ("OPTIONS", "GET", "PUT", "DELETE"):
            response = self.url_open(
                "/web/crm_funnel/svg?data={}", method=method, allow_redirects=False
            )
            self.assertIn(response.status_code, (404, 405), method)

    @mute_logger("odoo.http")
    def test_odoo_exports_names_as_text(self):
        """Odoo itself writes formulas into its workbooks, and takes ``@``, a tab and a
        return in a CSV file for harmless."""
        evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain"]
        with self.at("2026-01-20 09:00:00"):
            for stage_name in evil:
                stage = self.env["crm.stage"].create({"name": stage_name})
                self._deals(stage_id=stage.id, user_id=self.user_all.id)
        self.env.flush_all()
        self.user_all.group_ids += self.env.ref("base.group_allow_export")
        self.authenticate(self.user_all.login, self.user_all.login)
        for model in ("crm.lead.stage.history", "crm.funnel.analysis"):
            data = {
                "model": model,
                "fields": [{"name": "stage_name", "label": "Stage", "type": "char"}],
                "ids": [],
                "domain": [["user_id", "=", self.user_all.id]],
                "import_compat": False,
            }
            for extension in ("csv", "xlsx"):
                with self.subTest(model=model, extension=extension):
                    content = self.url_open(
                        f"/web/export/{extension}",
                        data={
                            "data": json.dumps(data),
                            "csrf_token": Request.csrf_token(self),
                        },
                    ).content
                    if extension == "csv":
                        rows = csv.reader(io.StringIO(content.decode(), newline=""))
                        texts = [row[0] for row in rows][1:]
                    else:
                        (rows,) = read_workbook(content).values()
                        texts = [row[0] for row in rows][1:]
                        # Odoo puts a space in its place
                        texts = [text.replace("' =", "'\r=") for text in texts]
                    self.assertEqual(
                        sorted(texts),
                        sorted([*(f"'{name}" for name in evil[:-1]), "plain"]),
                    )

    def test_strangers_get_nothing(self):
        new_test_user(self.env, "funnel_portal", groups="base.group_portal")
        self.authenticate("funnel_portal", "funnel_portal")
        response = self._download("xlsx")
        self.assertEqual(response.status_code, 500)
        self.assertIn("AccessError", response.text)
        self.authenticate(None, None)
        response = self._download("xlsx")
        self.assertNotEqual(response.content[:2], b"PK")
