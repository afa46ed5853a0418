import base64
import io
import time
import zipfile
from random import Random

import xlsxwriter

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..history_import import reading
from .test_history_import import FILE, HEADER, NOW, ImportCase

BOMB = "".join(
    f'<!ENTITY {name} "{("&" + before + ";") * 10}">'
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@tagged("post_install", "-at_install")
class TestBrokenFiles(ImportCase):
    """Whatever is in a file: a sentence says what is wrong, and nothing is written."""

    def _workbook(self, *rows):
        output = io.BytesIO()
        with xlsxwriter.Workbook(output) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate((HEADER.split(","), *rows)):
                sheet.write_row(number, 0, row)
        return output.getvalue()

    def _with_part(self, content, name, change):
        """The file with one of its parts changed."""
        output = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(content)) as old,
            zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for part in old.namelist():
                data = old.read(part)
                if part == name:
                    data = change(data)
                if data is not None:
                    new.writestr(part, data)
        return output.getvalue()

    def _assert_both_refuse(self, content, *messages, error=UserError):
        """Checking the file and importing it."""
        try:
            with self.at(NOW):
                wizard = self._wizard(content)
                wizard.action_check()
        except UserError as refusal:
            problems = str(refusal)
        else:
            problems = wizard.problems
        for message in messages:
            self.assertIn(message, problems)
        self._assert_refused(content, *messages, error=error)

    def test_control_characters(self):
        for column, row in {
            "deal": "De{}sks,New,2026-01-02",
            "stage": "Desks,N{}ew,2026-01-02",
            "lost_reason": "Desks,New,2026-01-02,lost,Too{} late",
            "salesperson": "Desks,New,2026-01-02,,,,funnel{}_a",
        }.items():
            for letter in "\x00\x01\x0b\x1f\ufffe":
                with self.subTest(column=column, letter=letter):
                    self._assert_both_refuse(
                        self._rows("Lamps,New,2026-01-01", row.format(letter)),
                        f"Line 3, column {column}: ",
                        "control character",
                    )
        self._assert_both_refuse(
            FILE.replace("outcome", "out\x00come"), "Line 1: the header “outcome”"
        )
        self._assert_both_refuse(
            FILE.replace("salesperson", "remark\x00"), "Line 1: the header “remark”"
        )

    def test_control_characters_of_a_workbook(self):
        content = self._workbook(["DesksHere", "New", "2026-01-02"])
        for letter, message in (
            (b"\x01", "cannot be read"),
            (b"&#0;", "cannot be read"),
            (b"&#xD800;", "cannot be read"),
        ):
            broken = self._with_part(
                content,
                "xl/sharedStrings.xml",
                lambda data, letter=letter: data.replace(b"DesksHere", letter),
            )
            with self.subTest(letter=letter):
                self._assert_both_refuse(broken, message)

    def test_amounts_nobody_has(self):
        for amount in ("9" * 308, "9" * 400, "-1" + "0" * 13, "1" + "0" * 5_000):
            with self.subTest(amount=amount[:20]):
                self._assert_both_refuse(
                    self._rows(f"Desks,New,2026-01-02,,,{amount}"),
                    "Line 2, column amount: ",
                )
        self._assert_both_refuse(
            self._workbook(["Desks", "New", "2026-01-02", "", "", 1e300]),
            "Line 2, column amount: ",
            "13 digits at most",
        )
        with self._rolled_back():
            self._import(self._rows("Desks,New,2026-01-02,,,999999999999.99"))
            self.assertEqual(self._lead("Desks").expected_revenue, 999_999_999_999.99)

    def test_dates_at_the_ends_of_time(self):
        for date in (
            "9999-12-31 23:59:59-14:00",
            "9998-12-31 23:59:59-14:00",
            "0001-01-01 00:00:00+14:00",
            "0000-01-01",
            "2026-01-02 24:00:00",
            "2026-01-02 09:00:00+99:99",
            "99999-01-01",
        ):
            with self.subTest(date=date):
                self._assert_both_refuse(
                    self._rows(f"Desks,New,{date}"), "Line 2, column date_entered: "
                )

    def test_names_without_end(self):
        for row in (
            f"{'x' * 1_001},New,2026-01-02",
            f"Desks,{'x' * 1_000_000},2026-01-02",
        ):
            self._assert_both_refuse(
                self._rows(row), "Line 2, column ", "longer than 1000 letters"
            )

    def test_halves_of_letters(self):
        """UTF-16 can be cut within a letter."""
        content = self._rows("Desks\U0001f4de,New,2026-01-02").encode("utf-16")
        half = "\U0001f4de".encode("utf-16-le")[:2]
        broken = content.replace("\U0001f4de".encode("utf-16-le"), half)
        self._assert_both_refuse(broken, "letters of the file")

    def test_workbooks_that_are_none(self):
        content = self._workbook(["Desks", "New", "2026-01-02"])
        sheet = "xl/worksheets/sheet1.xml"
        cases = {
            "no end": content[: len(content) // 2],
            "broken XML": self._with_part(content, sheet, lambda data: data[:-30]),
            "no XML": self._with_part(content, sheet, lambda _data: b"Desks"),
            "no sheet": self._with_part(content, sheet, lambda _data: None),
            "no types": self._with_part(
                content, "[Content_Types].xml", lambda _data: None
            ),
            "broken texts": self._with_part(
                content, "xl/sharedStrings.xml", lambda data: data[:-9]
            ),
            "no texts": self._with_part(
                content, "xl/sharedStrings.xml", lambda _data: None
            ),
            "text that is not there": self._with_part(
                content, sheet, lambda data: data.replace(b"<v>7</v>", b"<v>99</v>")
            ),
            "entities": self._with_part(
                content,
                "xl/sharedStrings.xml",
                lambda data: (
                    b'<!DOCTYPE x [<!ENTITY a "ha">'
                    + BOMB.encode()
                    + b"]>"
                    + data.replace(b"Desks", b"&i;")
                ),
            ),
            "a file of the server": self._with_part(
                content,
                "xl/sharedStrings.xml",
                lambda data: (
                    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                    + data.replace(b"Desks", b"&a;")
                ),
            ),
        }
        for name, broken in cases.items():
            with self.subTest(name):
                self._assert_both_refuse(broken, "cannot be read")

    def test_what_unpacks_to_too_much_is_not_unpacked(self):
        content = self._workbook(["Desks", "New", "2026-01-02"])
        for part in ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"):
            bomb = self._with_part(
                content, part, lambda data: data + b" " * 600_000_000
            )
            self.assertLess(len(bomb), 1_000_000)
            started = time.monotonic()
            with self.subTest(part), self.assertRaises(reading.FileError) as refusal:
                reading.read(bomb, reading.Locale(), self.env.cr.now())
            self.assertEqual(refusal.exception.reason, "too_big")
            self.assertLess(time.monotonic() - started, 1)

    def test_random_damage(self):
        """A file is read, or it is said that it cannot be."""
        content = self._workbook(
            *([f"Deal {n}", "New", "2026-01-02"] for n in range(5))
        )
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.namelist()
        for seed in range(300):
            random = Random(seed)

            def damage(data, random=random):
                data = bytearray(data)
                for _time in range(random.randint(1, 4)):
                    start = random.randrange(len(data))
                    data[start : start + random.randint(0, 9)] = random.choice(
                        (b"", b"<", b"&", b"\x00", b"9999999999", b'"', b"\xff", b"-1")
                    )
                return bytes(data)

            broken = (
                damage(content)
                if seed % 3 == 0
                else self._with_part(content, random.choice(parts), damage)
            )
            with self.subTest(seed=seed):
                try:
                    reading.read(broken, reading.Locale(), self.env.cr.now())
                except reading.FileError as error:
                    self.assertTrue(error.reason)

    def test_file_that_is_no_base64(self):
        for content in ("no base64!", "a", b"\xff\xfe", "é", 7):
            with (
                self.subTest(content=content),
                self.assertRaisesRegex(UserError, "Choose the file again"),
            ):
                self.Import.create({"file": content})
        wizard = self._wizard(FILE)
        with self.assertRaisesRegex(UserError, "Choose the file again"):
            wizard.file = "a"

    def test_size_in_place_of_the_file(self):
        with self.at(NOW):
            wizard = self._wizard(FILE)
            self.env.invalidate_all()
            wizard.with_context(bin_size=True).action_check()
        self.assertEqual(wizard.row_count, 14)

    def test_none_or_several_at_once(self):
        wizards = self._wizard(FILE) + self._wizard(FILE)
        for records in (self.Import, wizards):
            for action in ("action_check", "action_import"):
                with self.assertRaisesRegex(UserError, "Import Stage History"):
                    getattr(records, action)()


@tagged("post_install", "-at_install")
class TestDialogsArePrivate(ImportCase):
    """What stands in an open dialog is nobody else's, whatever their rights."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        company = cls.env["res.company"].create({"name": "Other"})
        cls.other_manager = new_test_user(
            cls.env,
            "dialog_manager",
            groups="sales_team.group_sale_manager",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    def _assert_private(self, record, *actions, user=None):
        stranger = record.with_user(user or self.other_manager)
        stranger.env.invalidate_all()
        calls = {
            "read": stranger.read,
            "write": lambda: stranger.write({"display_name": "Mine"}),
            "unlink": stranger.unlink,
            **{action: getattr(stranger, action) for action in actions},
        }
        for name, call in calls.items():
            with (
                self.subTest(model=record._name, call=name),
                self.assertRaises(AccessError),
                mute_logger("odoo.addons.base.models.ir_rule", "odoo.models"),
            ):
                call()
        self.assertFalse(stranger.search([("id", "=", record.id)]))

    def test_import(self):
        with self.at(NOW):
            wizard = self._wizard(FILE + "Vases,Demo,2026-01-02 09:00:00,,,1,\n")
            wizard.action_check()
        self._assert_private(wizard, "action_check", "action_import")
        self._assert_private(wizard.stage_ids)
        attachment = self.env["ir.attachment"].search(
            [
                ("res_model", "=", wizard._name),
                ("res_id", "=", wizard.id),
                ("res_field", "=", "file"),
            ]
        )
        self.assertTrue(attachment)
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            attachment.with_user(self.other_manager).read(["datas"])
        with self.at(NOW):
            wizard.create_stages = True
            wizard.action_import()
        self.assertEqual(wizard.state, "done")

    def test_send(self):
        dialog = (
            self.env["crm.funnel.send"]
            .with_user(self.user_a)
            .create({"subject": "Mine", "partner_ids": self.user_a.partner_id.ids})
        )
        for colleague in (self.user_b, self.user_manager):
            self._assert_private(dialog, "action_send", user=colleague)
        self.assertEqual(dialog.subject, "Mine")

    def test_report_as_of_a_day(self):
        dialog = (
            self.env["sales.report.day"]
            .with_user(self.user_a)
            .create({"action_xmlid": "sales_funnel_report.sales_receivable_action"})
        )
        self._assert_private(dialog, "action_open", user=self.user_b)

    def test_every_dialog_of_this_addon_has_the_rule(self):
        models = self.env["ir.model"].search([("transient", "=", True)])
        ours = [
            model
            for model in models
            if model.modules == "sales_funnel_report" and not model.abstract
        ]
        self.assertGreater(len(ours), 3)
        for model in ours:
            self.assertIn(
                "[('create_uid', '=', user.id)]",
                model.rule_ids.mapped("domain_force"),
                model.model,
            )

    def test_file_of_another_manager_stays_as_it_is(self):
        wizard = self._wizard(FILE)
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            wizard.with_user(self.user_manager.copy({"login": "third"})).write(
                {"file": base64.b64encode(b"x")}
            )
