"""The examples of docs/api.md for JSON-2 and for the shell are those that are run here."""

import json
import re
import xmlrpc.client
from datetime import datetime, timedelta
from pathlib import Path

from odoo.tests import HttpCase, get_db_name, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.sales_funnel_report.tests.common import FunnelCase

DOC = Path(__file__).resolve().parents[1] / "docs" / "api.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@tagged("post_install", "-at_install")
class TestApi(HttpCase, FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.at("2026-03-02 09:00:00"):
            deals = cls._deals(2)
        with cls.at("2026-03-05 09:00:00"):
            deals[0].stage_id = cls.stage_won
        cls.asking = new_test_user(
            cls.env,
            "api_user",
            password="api_user",
            groups="sales_team.group_sale_salesman_all_leads",
            tz="UTC",
        )
        cls.blocks = BLOCK.findall(DOC.read_text(encoding="utf-8"))

    def _find_block(self, language, words):
        [block] = [text for of, text in self.blocks if of == language and words in text]
        return block

    def test_json_2(self):
        block = self._find_block("sh", "/json/2/")
        path = re.search(r'\$ODOO(/json/2/[\w./]+)"', block).group(1)
        body = re.search(r"-d '(.*)'", block, re.DOTALL).group(1)
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.asking)
            ._generate("rpc", "test", datetime.now() + timedelta(days=1))
        )
        answer = self.url_open(
            path,
            data=json.dumps(json.loads(body)),
            headers={
                "Authorization": f"bearer {key}",
                "Content-Type": "application/json",
            },
        )
        self.assertEqual(answer.status_code, 200, answer.text)
        report = answer.json()
        self.assertEqual(
            [step["count"] for step in report["total"]["steps"]], [2, 1, 1, 1]
        )
        self.assertEqual(
            [group["label"] for group in report["groups"]], [self.user_a.name]
        )

    def test_shell(self):
        names = {"env": self.env(user=self.asking)}
        exec(self._find_block("python", 'won["domain"]'), names)
        self.assertEqual(names["deals"].ids, [names["deals"].id])
        self.assertEqual(names["won"]["count"], 1)

    @mute_logger("odoo.http", "odoo.addons.rpc.controllers.xmlrpc")
    def test_xmlrpc_cannot(self):
        """When it can one day, the page is to say so."""
        with self.assertRaisesRegex(xmlrpc.client.Fault, "cannot marshal None"):
            self.xmlrpc_object.execute_kw(
                get_db_name(),
                self.asking.id,
                "api_user",
                "crm.lead",
                "get_funnel_report",
                [[], {"date_from": "2020-01-01", "date_to": "2020-02-01"}],
            )
