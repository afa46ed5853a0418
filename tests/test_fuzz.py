"""Every public method of our models, called as no screen calls it.

A call fails when an RPC client would get a server error of it: an exception that is none
of those by which Odoo tells people something, or a result that is no JSON. What Odoo itself
does not take in ``create``, ``write`` and when reading is left out, see
``tools/chaos/odd_calls.py``. The same seed makes the same calls.
"""

import json
import os
from collections import Counter
from random import Random

from psycopg2 import IntegrityError

from odoo.exceptions import AccessDenied, UserError
from odoo.service.model import call_kw
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger
from odoo.tools.json import json_default

from tools.chaos import odd_calls, world

# The number in the environment makes other calls.
SEED = int(os.environ.get("FUZZ_SEED", "19"))
CALLS = 2_000
# Those who may less are asked for more.
CALLERS = ("olga", "olga", "olga", "colin", "mara", "irma", "noah", "pia")
# Odoo makes a sentence of a constraint that is broken, too.
ANSWERS = (UserError, AccessDenied, IntegrityError)
SHOWN = 500


@tagged("post_install", "-at_install")
class TestFuzz(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user_ids = world.make(cls.env)["users"]
        cls.env.cr.execute("SET LOCAL statement_timeout = '20s'")
        cls.described = odd_calls.describe(cls.env)

    def test_odd_calls_are_answered_with_a_sentence(self):
        random = Random(SEED)
        drawing = odd_calls.Drawing(random, self.described)
        failures, answers = [], Counter()
        with mute_logger("odoo.sql_db"):
            for number in range(CALLS):
                caller, call = random.choice(CALLERS), drawing.draw()
                try:
                    self._call(caller, *call)
                    answers["results"] += 1
                except ANSWERS as answer:
                    answers["sentences"] += 1
                    if not self._can_be_sent(str(answer)):
                        failures.append(f"{SEED}/{number} {call}"[:SHOWN])
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                    failures.append(
                        f"{SEED}/{number} {caller} {call}"[:SHOWN]
                        + f": {error!r}"[:SHOWN]
                    )
        self.assertFalse(failures, "\n".join(failures))
        # else it was not told much
        self.assertGreater(answers["results"], CALLS / 5, answers)
        self.assertGreater(answers["sentences"], CALLS / 5, answers)

    def _call(self, caller, model, method, args, kwargs, values):
        """Call as an RPC client does, and undo it.

        :raises Exception: what the client would get
        """
        savepoint = self.env.cr.savepoint()
        try:
            records = self.env(user=self.user_ids[caller], context={})[model]
            if values is not None:
                names = sorted(self.described[model]["fields"])
                values = {**records.default_get(names), **values}
                args = [records.create(values).ids, *args]
            result = call_kw(records, method, args, kwargs)
            self.env.cr.flush()
            text = json.dumps(result, default=json_default, ensure_ascii=False)
            self.assertTrue(self._can_be_sent(text))
        finally:
            self.env.invalidate_all(flush=False)
            self.env.cr.clear()
            savepoint.close(rollback=True)

    def _can_be_sent(self, text):
        """:return: whether there is no half of a letter in it"""
        return text.isascii() or text == text.encode(errors="ignore").decode()

    def test_every_model_of_ours_is_called(self):
        for name, model in self.env.items():
            if (
                model._original_module.startswith("sales_funnel")
                and not model._abstract
            ):
                with self.subTest(model=name):
                    self.assertIn("search_read", self.described[name]["methods"])
        # what they add to Odoo's own, too
        self.assertIn("get_funnel_view", self.described["crm.lead"]["methods"])
        self.assertIn(
            "action_mass_cancel", self.described["sale.mass.cancel.orders"]["methods"]
        )
