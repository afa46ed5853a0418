import json
import threading
from datetime import datetime, timedelta

from odoo import SUPERUSER_ID, api
from odoo.exceptions import ConcurrencyError
from odoo.service.model import retrying
from odoo.tests import HttpCase, TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from .test_phonecall import NUMBER, PhonecallCase

URL = "/sales_funnel/call"
CALLER = "+32 475 98 76 54"


@tagged("post_install", "-at_install")
class TestPhonecallHttp(HttpCase, PhonecallCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.phone_numbers = "02 290 00 00, 02 290 00 01"
        cls.exchange = new_test_user(
            cls.env,
            login="phonecall_exchange",
            groups="base.group_user,sales_team.group_sale_salesman_all_leads",
            company_id=cls.company.id,
        )
        cls.key = cls.make_key(cls.exchange)

    def setUp(self):
        super().setUp()
        self.forget_failures()
        self.addCleanup(self.forget_failures)

    def forget_failures(self):
        getattr(self.registry, "_login_failures", {}).clear()

    @classmethod
    def make_key(cls, user):
        return (
            cls.env["res.users.apikeys"]
            .with_user(user)
            .sudo()
            ._generate("rpc", "Telephone exchange", datetime.now() + timedelta(days=1))
        )

    def send(self, body=None, key=None, headers=None, **fields):
        data = {
            "call_id": "pbx-1",
            "from": NUMBER,
            "to": "02 290 00 00",
            "direction": "in",
            "start": "2026-03-02T09:30:00+01:00",
            "duration": 90,
            "answered": True,
            "agent": self.own.login,
        } | fields
        data = {field: value for field, value in data.items() if value is not ...}
        authorization = {"Authorization": f"Bearer {key or self.key}"}
        return self.url_open(
            URL,
            method="POST",
            data=json.dumps(data) if body is None else body,
            headers={"Content-Type": "application/json"}
            | (authorization if headers is None else headers),
        )

    def find_calls(self):
        return self.Call.search([("exchange_call_id", "!=", False)])

    def count_all(self):
        return {
            model: self.env[model].with_context(active_test=False).search_count([])
            for model in ("crm.phonecall", "crm.lead", "res.partner", "mail.message")
        }

    def assert_refused(self, status, field=None, **arguments):
        before = self.count_all()
        response = self.send(**arguments)
        self.assertEqual(response.status_code, status, response.text)
        if field:
            self.assertEqual(response.json()["field"], field)
            self.assertTrue(response.json()["error"])
        self.assertEqual(self.count_all(), before)
        return response

    def test_call_of_a_known_deal(self):
        partner = self.make_partner()
        lead = self.make_lead(phone="0032 2 290 34 90", user_id=self.colleague.id)
        response = self.send(**{"from": "022903490"})
        self.assertEqual(response.status_code, 200, response.text)
        call = self.find_calls()
        self.assertEqual(
            response.json(),
            {
                "id": call.id,
                "call_id": "pbx-1",
                "state": "held",
                "deal": lead.id,
                "customer": partner.id,
                "user": self.own.id,
                "team": lead.team_id.id,
            },
        )
        self.assertEqual(call.direction, "in")
        self.assertEqual(str(call.date), "2026-03-02 08:30:00")
        self.assertEqual(call.duration, 1.5)
        self.assertEqual(call.phone, NUMBER)
        self.assertEqual(call.company_id, self.company)
        self.assertNotIn("session_id", response.cookies)

    def test_call_of_a_known_partner(self):
        partner = self.make_partner(user_id=self.colleague.id)
        leads = self.env["crm.lead"].search_count([])
        response = self.send(answered=False, agent=..., **{"from": "003222903490"})
        self.assertEqual(response.status_code, 200, response.text)
        call = self.find_calls()
        self.assertEqual(call.partner_id, partner)
        self.assertEqual(call.state, "no_answer")
        self.assertEqual(call.duration, 0)
        self.assertEqual(call.user_id, self.colleague)
        self.assertEqual(self.env["crm.lead"].search_count([]), leads)

    def test_unknown_caller_becomes_a_lead_of_the_team_called(self):
        for index, called in enumerate(
            ("022900001", "+32 2 290 00 01", "003222900001", "02/290.00.01")
        ):
            response = self.send(
                call_id=f"pbx-{index}",
                agent=None,
                answered=False,
                to=called,
                **{"from": f"+32 475 12 34 5{index}"},
            )
            self.assertEqual(response.status_code, 200, response.text)
            lead = self.env["crm.lead"].browse(response.json()["deal"])
            self.assertEqual(lead.type, "lead")
            self.assertEqual(lead.phone, f"+32 475 12 34 5{index}")
            self.assertEqual(lead.team_id, self.team)
            self.assertFalse(lead.user_id)
            self.assertEqual(lead.phonecall_ids.team_id, self.team)
            self.assertEqual(lead.medium_id, self.env.ref("utm.utm_medium_phone"))

    def test_second_call_of_a_new_lead(self):
        first = self.send(call_id="pbx-1").json()
        second = self.send(call_id="pbx-2", **{"from": "02 290 34 90"}).json()
        self.assertEqual(first["deal"], second["deal"])
        self.assertNotEqual(first["id"], second["id"])

    def test_withheld_number_is_no_lead(self):
        response = self.send(**{"from": None})
        self.assertEqual(response.status_code, 200, response.text)
        self.assertIsNone(response.json()["deal"])
        self.assertEqual(self.find_calls().team_id, self.team)

    def test_outbound(self):
        partner = self.make_partner()
        response = self.send(
            direction="out", to="02 290 34 90", **{"from": "02 290 00 00"}
        )
        self.assertEqual(response.status_code, 200, response.text)
        call = self.find_calls()
        self.assertEqual(call.direction, "out")
        self.assertEqual(call.partner_id, partner)
        self.assertEqual(call.team_id, self.team)
        # Whom we call is no one who wants something of us.
        response = self.send(call_id="pbx-2", direction="out", to="+32 475 12 34 56")
        self.assertIsNone(response.json()["deal"])

    def test_agent_by_email(self):
        self.send(agent="Colleague@plates.example.com")
        self.assertEqual(self.find_calls().user_id, self.colleague)

    def test_moments(self):
        for index, (start, expected) in enumerate(
            (
                ("2026-03-29T03:30:00+02:00", "2026-03-29 01:30:00"),
                ("2026-03-02T09:30:00Z", "2026-03-02 09:30:00"),
                ("2026-03-02 09:30:00", "2026-03-02 09:30:00"),
                ("2026-03-02T09:30:00.750-05:00", "2026-03-02 14:30:00"),
            )
        ):
            response = self.send(call_id=f"pbx-{index}", start=start)
            call = self.Call.browse(response.json()["id"])
            self.assertEqual(str(call.date), expected)

    def test_the_same_call_twice_is_one(self):
        first = self.send()
        before = self.count_all()
        second = self.send()
        self.assertEqual((first.status_code, second.status_code), (200, 200))
        self.assertEqual(first.json(), second.json())
        self.assertEqual(self.count_all(), before)

    def test_the_same_name_in_another_company_is_another_call(self):
        first = self.send().json()
        other = self.env["res.company"].create({"name": "Other"})
        exchange = new_test_user(
            self.env,
            login="phonecall_exchange_other",
            groups="base.group_user,sales_team.group_sale_salesman_all_leads",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        second = self.send(key=self.make_key(exchange), agent=None)
        self.assertEqual(second.status_code, 200, second.text)
        self.assertNotEqual(first["id"], second.json()["id"])

    def test_without_key(self):
        response = self.assert_refused(401, headers={})
        self.assertIn("Bearer", response.headers["WWW-Authenticate"].title())

    def test_with_a_wrong_key(self):
        for key in ("0123456789abcdef", self.key[:-1], "x" * 500):
            self.assert_refused(401, key=key)

    @mute_logger("odoo.addons.base.models.res_users", "odoo.addons.base.models.ir_http")
    def test_many_wrong_keys(self):
        """As many as Odoo allows wrong passwords, per address; then it waits."""
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("base.login_cooldown_after", 3)
        parameters.set_param("base.login_cooldown_duration", 90)
        for number in range(3):
            # what is no key at all is no guess
            self.assert_refused(401, headers={})
            self.assert_refused(401, key=f"0123456789abcdef{number}")
        for key in ("0123456789abcdef", self.key):
            response = self.assert_refused(429, key=key)
            self.assertEqual(response.headers["Retry-After"], "90")
        self.assert_refused(401, headers={})
        failures = self.registry._login_failures
        for address, (count, last) in failures.items():
            failures[address] = (count, last - timedelta(seconds=91))
        self.assertEqual(self.send().status_code, 200)
        # a good one is forgiven what was before
        for number in range(2):
            self.assert_refused(401, key=f"0123456789abcdef{number}")
        self.assertEqual(self.send().status_code, 200)

    @mute_logger("odoo.addons.base.models.res_users")
    def test_good_keys_are_not_counted(self):
        self.env["ir.config_parameter"].sudo().set_param("base.login_cooldown_after", 2)
        for number in range(5):
            self.assertEqual(self.send(call_id=f"pbx-{number}").status_code, 200)
            self.assert_refused(400, direction="sideways")

    def test_options_writes_nothing(self):
        before = self.count_all()
        for headers in (
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
            {"Content-Type": "application/json"},
        ):
            response = self.url_open(
                URL,
                method="OPTIONS",
                data=json.dumps(
                    {
                        "call_id": "pbx-1",
                        "from": NUMBER,
                        "to": None,
                        "direction": "in",
                        "start": "2026-03-02T09:30:00+01:00",
                        "duration": 90,
                        "answered": True,
                    }
                ),
                headers=headers,
            )
            self.assertIn(response.status_code, (401, 405))
            self.assertEqual(self.count_all(), before)

    def test_a_session_is_no_key(self):
        self.authenticate(self.all.login, self.all.login)
        self.assert_refused(401, headers={})
        # what a browser sends when somebody follows a link
        browser = {
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-User": "?1",
        }
        self.assert_refused(401, headers=browser)
        self.assert_refused(401, headers={**browser, "Authorization": "Basic YTpi"})

    def test_users_without_the_right(self):
        for groups in (
            "base.group_portal",
            "base.group_user",
            "base.group_user,sales_team.group_sale_salesman",
        ):
            user = new_test_user(
                self.env,
                login=f"phonecall_key_{groups}",
                groups=groups,
                company_id=self.company.id,
            )
            self.assert_refused(403, key=self.make_key(user))

    def test_wrong_fields(self):
        for field, values in {
            "call_id": (
                ...,
                None,
                "",
                "  ",
                True,
                1.5,
                [],
                "x" * 129,
                "a\x00b",
                "\ud800",
            ),
            "from": (..., "", "anonymous", 32475123456, {}, "+" + "1" * 200),
            "to": (..., "", "nobody", 3.5),
            "direction": (..., None, "", "sideways", 1, []),
            "start": (
                ...,
                None,
                1772444400,
                "",
                "yesterday",
                "2026-03-02",
                "2026-02-30T10:00:00Z",
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59Z",
            ),
            "duration": (
                ...,
                None,
                -1,
                "90",
                True,
                float("nan"),
                float("inf"),
                10**400,
            ),
            "answered": (..., None, "true", 1),
            "agent": ("", "nobody", 7, self.make_partner().name),
        }.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    self.assert_refused(400, field=field, **{field: value})
        self.assert_refused(400, field="colour", colour="red")
        self.assert_refused(400, field="to", direction="out", to=None)

    def test_wrong_bodies(self):
        for body in (
            "",
            "{",
            "[]",
            "null",
            "[" * 60000,
            b"\xff\xfe\x00",
            '{"call_id": "pbx-1"',
        ):
            with self.subTest(body=body[:20]):
                self.assert_refused(400, field="body", body=body)

    def test_form_is_not_json(self):
        self.assert_refused(
            400,
            field="body",
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )

    def test_long_bodies(self):
        padding = " " * (64 * 1024)
        self.assert_refused(413, body=json.dumps({"call_id": "pbx-1"}) + padding)
        for content_type in ("application/x-www-form-urlencoded", "text/plain"):
            self.assert_refused(
                413,
                body="a=" + "b" * 64 * 1024,
                headers={
                    "Authorization": f"Bearer {self.key}",
                    "Content-Type": content_type,
                },
            )
        # as long as allowed
        data = {
            "call_id": "pbx-1",
            "from": NUMBER,
            "to": "02 290 00 00",
            "direction": "in",
            "start": "2026-03-02T09:30:00+01:00",
            "duration": 90,
            "answered": True,
        }
        body = json.dumps(data)
        response = self.send(body=body + " " * (64 * 1024 - len(body)))
        self.assertEqual(response.status_code, 200, response.text)

    def test_get_is_not_allowed(self):
        self.assertEqual(self.url_open(URL).status_code, 405)


@tagged("post_install", "-at_install")
class TestSameCallAtOnce(TransactionCase):
    """Two real transactions are told of one call at once."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            self.find(cr).unlink()
            self.find_leads(cr).unlink()

    def find(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {})["crm.phonecall"].search(
            [("exchange_call_id", "=like", "pbx-at-once%")]
        )

    def find_leads(self, cr):
        leads = api.Environment(cr, SUPERUSER_ID, {"active_test": False})["crm.lead"]
        return leads.search([("phone", "=", CALLER)], order="id")

    def take(self, cr, call_id="pbx-at-once"):
        env = api.Environment(cr, SUPERUSER_ID, {})
        return env["crm.phonecall"]._take_exchange_call(
            {
                "call_id": call_id,
                "from": CALLER,
                "to": False,
                "direction": "in",
                "start": datetime(2026, 3, 2, 9, 30),
                "duration": 90,
                "answered": True,
                "agent": env["res.users"],
            }
        )

    def test_second_finds_the_call_of_the_first(self):
        begun = threading.Event()
        answers, failures = [], []

        def attempt(cr):
            self.assertFalse(not failures and self.find(cr))
            begun.set()
            try:
                answers.append(self.take(cr)._get_exchange_answer())
            except ConcurrencyError as failure:
                failures.append(failure)
                raise

        def run():
            with self.registry.cursor() as cr:
                retrying(lambda: attempt(cr), api.Environment(cr, SUPERUSER_ID, {}))

        second = threading.Thread(target=run)
        with mute_logger("odoo.sql_db", "odoo.service.model"):
            with self.registry.cursor() as cr:
                first = self.take(cr)._get_exchange_answer()
                second.start()
                self.assertTrue(begun.wait(30))
                # the second waits for the index, or comes to it later
                second.join(0.5)
            second.join(30)
        self.assertFalse(second.is_alive())
        self.assertEqual(len(failures), 1)
        self.assertEqual(answers, [first])
        with self.registry.cursor() as cr:
            self.assertEqual(len(self.find(cr)), 1)
            self.assertEqual(self.find_leads(cr).ids, [first["deal"]])

    def run_legs(self, overlap):
        """Two legs of a ring group tell of one caller at once.

        :param overlap: called with the first cursor, before it is committed, and a
            function that does the second; returns when both are done
        :return: how often the second had to be done again
        """
        attempts = []

        def attempt(cr, call_id):
            attempts.append(call_id)
            return self.take(cr, call_id)

        def second(cr, call_id):
            env = api.Environment(cr, SUPERUSER_ID, {})
            retrying(lambda: attempt(cr, call_id), env)

        with (
            mute_logger("odoo.sql_db", "odoo.service.model"),
            self.registry.cursor() as first_cr,
            self.registry.cursor() as second_cr,
        ):
            # both see what was there before either
            for cr in (first_cr, second_cr):
                self.find_leads(cr)
            number = len(self.find(first_cr))
            self.take(first_cr, f"pbx-at-once-{number}")
            overlap(first_cr, lambda: second(second_cr, f"pbx-at-once-{number + 1}"))
        return len(attempts) - 1

    def second_waits(self, first_cr, second):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.5)
        self.assertTrue(thread.is_alive(), "the second one waits for the first")
        # what two transactions do to each other shows when one ends
        first_cr.commit()  # pylint: disable=invalid-commit
        thread.join(30)
        self.assertFalse(thread.is_alive())

    def second_comes_late(self, first_cr, second):
        first_cr.commit()  # pylint: disable=invalid-commit
        second()

    def test_legs_of_one_caller_make_one_lead(self):
        for count, overlap in enumerate(
            (
                self.second_waits,
                # again, with calls of the caller from before, whose lead has ended
                self.second_waits,
                self.second_comes_late,
            ),
            1,
        ):
            again = self.run_legs(overlap)
            self.assertEqual(again, 1, "done again, the second finds the lead")
            with self.registry.cursor() as cr:
                leads = self.find_leads(cr)
                self.assertEqual(len(leads), count)
                calls = self.find(cr)
                self.assertEqual(len(calls), 2 * count)
                self.assertEqual(len(calls.filtered("new_caller")), 1)
                self.assertEqual(len(leads[-1].phonecall_ids), 2)
                leads[-1].action_set_lost()

    def test_legs_that_come_late_to_a_new_caller(self):
        self.assertEqual(self.run_legs(self.second_comes_late), 1)
        with self.registry.cursor() as cr:
            self.assertEqual(len(self.find_leads(cr)), 1)
