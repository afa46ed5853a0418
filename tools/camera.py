"""Takes the pictures of `tools.pictures`: `python -m tools.camera URL FOLDER`, in the project's environment."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import websocket

from tools.testing import BROWSERS

SECONDS = 60
FUNNEL = "/odoo/sales-funnel"
DRAWN = ".o_funnel_drawing"

DESK = {"width": 1280, "height": 960, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 1688, "deviceScaleFactor": 2, "mobile": True}

TALL = {**DESK, "height": 1960}
LIST = {**DESK, "height": 720}
LINES, PIVOT, CHART = ".o_data_row", ".o_pivot tbody", ".o_graph_renderer canvas"

# Name, user, address, what has to be there, screen; what to click before, if anything.
PICTURES = [
    ("came-in", "admin", FUNNEL, DRAWN, DESK),
    ("closed", "admin", f"{FUNNEL}?lens=closed", DRAWN, DESK),
    ("passed-through", "admin", f"{FUNNEL}?lens=flow", DRAWN, DESK),
    ("open-now", "admin", f"{FUNNEL}?lens=snapshot", DRAWN, DESK),
    (
        *("compared", "admin"),
        f"{FUNNEL}?period=last_quarter&compare=before",
        *(DRAWN, DESK),
    ),
    # the second of the two that ship
    (
        "lead-to-cash",
        "admin",
        f"{FUNNEL}?funnel=2&days=1",
        ".o_funnel_matrix_cell",
        TALL,
    ),
    # the oldest first: they have come furthest
    (
        *("order-to-cash", "admin", "/odoo/order-to-cash", LINES, LIST),
        "th[data-name=date]",
    ),
    ("receivables", "admin", "/odoo/receivables", LINES, LIST),
    ("at-risk", "admin", "/odoo/at-risk", LINES, LIST),
    ("sales-pace", "admin", "/odoo/sales-pace", PIVOT, LIST),
    ("touches", "admin", "/odoo/touches-until-won", CHART, LIST),
    ("phone", "admin", FUNNEL, DRAWN, PHONE),
    ("russian", "ru", FUNNEL, DRAWN, DESK),
]


class Browser:
    """A Chromium that is told what to do by its protocol for developers."""

    def __init__(self, folder):
        program = next(filter(None, map(shutil.which, BROWSERS)))
        self.process = subprocess.Popen(
            [
                *(program, "--headless", "--no-sandbox", "--disable-gpu"),
                *("--no-first-run", "--hide-scrollbars", "--remote-debugging-port=0"),
                *(
                    "--remote-allow-origins=*",
                    f"--user-data-dir={folder}",
                    "about:blank",
                ),
            ],
            stderr=subprocess.DEVNULL,
        )
        port = self._wait(Path(folder) / "DevToolsActivePort")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            (page,) = (one for one in json.load(answer) if one["type"] == "page")
        self.socket = websocket.create_connection(
            page["webSocketDebuggerUrl"], timeout=SECONDS
        )
        self.numbers = itertools.count(1)

    def _wait(self, file):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                return int(file.read_text(encoding="utf-8").split()[0])
            time.sleep(0.1)
        raise TimeoutError("Chromium does not answer.")

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(
            json.dumps({"id": number, "method": method, "params": parameters})
        )
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                return answer["result"]

    def evaluate(self, expression):
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        return result["result"].get("value")

    def wait_for(self, selector):
        deadline = time.monotonic() + SECONDS
        while not self.evaluate(f"!!document.querySelector({json.dumps(selector)})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"There is no {selector}.")
            time.sleep(0.2)
        # letters, and what moves into its place
        self.evaluate("document.fonts.ready.then(() => true)")
        time.sleep(1)

    def open(self, url, selector):
        self.call("Page.navigate", url=url)
        time.sleep(0.5)
        self.wait_for(selector)

    def click(self, selector):
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        time.sleep(2)

    def log_in(self, url, user):
        self.call("Network.clearBrowserCookies")
        self.open(f"{url}/web/login", ".oe_login_form")
        self.evaluate(
            f"""document.querySelector("input[name=login]").value = "{user}";
            document.querySelector("input[name=password]").value = "{user}";
            document.querySelector(".oe_login_form").submit();"""
        )
        self.wait_for(".o_main_navbar")

    def take(self, path):
        picture = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(picture["data"]))

    def stop(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait(SECONDS)


def main(url, folder):
    """Take all pictures of the instance at ``url`` into ``folder``."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            logged_in = None
            for name, user, address, selector, screen, *clicks in PICTURES:
                if user != logged_in:
                    browser.log_in(url, user)
                    logged_in = user
                browser.call("Emulation.setDeviceMetricsOverride", **screen)
                browser.open(urllib.parse.urljoin(url, address), selector)
                for clicked in clicks:
                    browser.click(clicked)
                browser.take(Path(folder) / f"{name}.png")
        finally:
            browser.stop()


main(*sys.argv[1:])
