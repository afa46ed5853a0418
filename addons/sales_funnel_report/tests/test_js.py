from urllib.parse import urlencode

from odoo.tests import HttpCase, tagged

SUITE = "@sales_funnel_report"
SUCCESS = "[HOOT] Test suite succeeded"
# Milliseconds for one test: on a busy machine the first one, which compiles the
# templates, takes longer than Hoot's five seconds.
TIMEOUT = 20_000


def _hoot_id(name):
    """:return: the id that Hoot gives to the suite ``name``"""
    number = 0
    for character in name:
        number = (number * 31 + ord(character)) & 0xFFFFFFFF
    return f"{number:08x}"


class HootCase(HttpCase):
    def _run_hoot(self, **params):
        query = urlencode({"id": _hoot_id(SUITE), "timeout": TIMEOUT, **params})
        self.browser_js(
            f"/web/tests?headless&{query}",
            "",
            login="admin",
            timeout=180,
            success_signal=SUCCESS,
            error_checker=lambda message: "[HOOT]" not in message,
        )


@tagged("post_install", "-at_install")
class TestJavaScript(HootCase):
    """The JavaScript unit tests of this addon, on a wide screen."""

    def test_desktop(self):
        self._run_hoot(preset="desktop")


@tagged("post_install", "-at_install")
class TestJavaScriptMobile(HootCase):
    """The JavaScript unit tests of this addon, on a phone."""

    browser_size = "375x667"
    touch_enabled = True

    def test_mobile(self):
        self._run_hoot(preset="mobile", tag="-headless")
