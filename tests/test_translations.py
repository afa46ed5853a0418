"""The texts of both addons in the languages of the first users."""

import re
from pathlib import Path

import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import TranslationModuleReader

ADDONS = Path(__file__).resolve().parents[1] / "addons"
LANGUAGES = ("el", "ru", "uk")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|</?\w+")


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    def _read(self, addon, name):
        file = polib.pofile(ADDONS / addon / "i18n" / name, encoding="utf-8")
        return {entry.msgid: entry for entry in file if not entry.obsolete}

    def test_templates_are_current(self):
        """Odoo leaves a text untranslated that its template does not know."""
        for addon in ("sales_funnel_crm", "sales_funnel_report"):
            terms = {row[4] for row in TranslationModuleReader(self.env.cr, [addon])}
            self.assertGreater(len(terms), 100)
            self.assertEqual(set(self._read(addon, f"{addon}.pot")), terms, addon)

    def test_languages_are_complete(self):
        for addon in ("sales_funnel_crm", "sales_funnel_report"):
            template = self._read(addon, f"{addon}.pot")
            for language in LANGUAGES:
                with self.subTest(addon=addon, language=language):
                    entries = self._read(addon, f"{language}.po")
                    self.assertEqual(set(entries), set(template))
                    for msgid, entry in entries.items():
                        self.assertTrue(entry.msgstr, msgid)
                        self.assertFalse(entry.fuzzy, msgid)
                        self.assertEqual(
                            sorted(PLACEHOLDER.findall(entry.msgstr)),
                            sorted(PLACEHOLDER.findall(msgid)),
                        )
