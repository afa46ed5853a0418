import json
from contextlib import suppress
from datetime import date, timedelta
from unittest.mock import patch

from lxml import html

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .funnel_document_common import JANUARY, FunnelDocumentCase

QUESTION = {"domain": [], "options": JANUARY, "measure": "count"}
SUBSCRIPTION = "odoo.addons.sales_funnel_report.models.crm_funnel_subscription"


class FunnelMailCase(FunnelDocumentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = cls.user_a + cls.user_b + cls.user_all
        for user in cls.users:
            user.email = f"{user.login}@example.com"

    def _mails(self):
        return self.env["mail.mail"].search([("id", ">", self.last_mail)], order="id")

    def setUp(self):
        super().setUp()
        last = self.env["mail.mail"].search([], order="id desc", limit=1)
        self.last_mail = last.id or 0

    def _read_counts(self, mail):
        """The first figure of each step, from the table of a mail."""
        table = html.fromstring(mail.body_html).xpath(
            "//table[hasclass('o_funnel_table')]"
        )
        return [
            row.xpath("td")[0].text_content().strip()
            for row in table[0].xpath(".//tr")[1:]
        ]


@tagged("post_install", "-at_install")
class TestFunnelSend(FunnelMailCase):
    def _open(self, user, question=None):
        wizards = self.env["crm.funnel.send"].with_user(user)
        return Form(wizards.with_context(funnel_question=question or QUESTION))

    def test_mail_has_the_figures_of_its_sender(self):
        partner = self.env["res.partner"].create(
            {"name": "Director", "email": "director@example.com"}
        )
        with self._open(self.user_b) as form:
            self.assertEqual(form.subject, "Sales funnel: Pipeline")
            form.note = "Look:\n<b>bad month</b>"
            form.partner_ids.add(partner)
            form.with_xlsx = True
        wizard = form.record
        self.assertIn("&lt;b&gt;bad month", wizard.preview)
        wizard.action_send()
        mail = self._mails()
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.recipient_ids, partner)
        self.assertIn("funnel_b@example.com", mail.email_from)
        self.assertEqual(mail.subject, "Sales funnel: Pipeline")
        self.assertEqual(self._read_counts(mail), ["3", "2", "0", "0"])
        self.assertIn("&lt;b&gt;bad month", mail.body_html)
        self.assertNotIn("Unsubscribe", mail.body_html)
        names = mail.attachment_ids.mapped("name")
        self.assertEqual(len(names), 2)
        self.assertIn("Sales funnel Pipeline 2026-01-01_2026-01-31.xlsx", names)

    def test_attachments_are_nobody_elses(self):
        with self._open(self.user_all) as form:
            form.partner_ids.add(self.user_b.partner_id)
        form.record.action_send()
        attachment = self._mails().attachment_ids[0]
        with (
            self.assertRaises(AccessError),
            mute_logger("odoo.addons.base.models.ir_rule"),
        ):
            attachment.with_user(self.user_a).read(["raw"])

    def test_bars_are_as_wide_as_the_drawing(self):
        document = self._get_document(self.user_all)
        body = self.env["crm.funnel.mail"]._render_body(document)
        bars = html.fromstring(body).xpath("//td[hasclass('o_funnel_bar')]")
        self.assertEqual(
            [bar.get("width") for bar in bars], ["100%", "80%", "40%", "20%"]
        )

    def test_nobody_to_send_to(self):
        wizard = self._open(self.user_b).save()
        with self.assertRaisesRegex(UserError, "Choose who gets the mail"):
            wizard.action_send()
        wizard.partner_ids = self.env["res.partner"].create({"name": "Mute"})
        with self.assertRaisesRegex(UserError, "no email address: Mute"):
            wizard.action_send()
        self.user_b.email = False
        with self.assertRaisesRegex(UserError, "Ben has no email address"):
            wizard.action_send()

    def test_portal_sends_nothing(self):
        portal = new_test_user(self.env, "funnel_portal", groups="base.group_portal")
        with (
            self.assertRaises(AccessError),
            mute_logger("odoo.addons.base.models.ir_rule"),
        ):
            self._open(portal)

    def test_nothing_to_show_is_said(self):
        with self._open(
            self.user_all, {"domain": [("id", "=", 0)], "options": JANUARY}
        ) as form:
            form.partner_ids.add(self.user_a.partner_id)
        form.record.action_send()
        self.assertIn("There are no such deals.", self._mails().body_html)


@tagged("post_install", "-at_install")
class TestFunnelSubscription(FunnelMailCase):
    def _subscribe(self, user=None, receivers=None, question=None, **values):
        subscriptions = self.env["crm.funnel.subscription"].with_user(
            user or self.user_all
        )
        if question is None:
            question = {"domain": [], "options": {}}
        with Form(subscriptions.with_context(funnel_question=question)) as form:
            for name, value in values.items():
                form[name] = value
            form.user_ids.clear()
            for receiver in self.users if receivers is None else receivers:
                form.user_ids.add(receiver)
        return form.record

    def _run(self, moment):
        """Run the job at a moment, without leaving the transaction."""
        with self.at(moment), patch.object(self.env.cr, "commit", lambda: None):
            self.env["crm.funnel.subscription"]._cron_send()

    def test_each_gets_the_own_figures_in_the_own_language_and_zone(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.user_b.lang = "fr_FR"
        self.user_b.tz = "Asia/Tokyo"
        with self.at("2026-01-20 12:00:00"):
            self._subscribe(period="last_month")
        self._run("2026-02-01 12:00:00")
        mails = self._mails()
        self.assertEqual(
            {mail.recipient_ids.name: self._read_counts(mail) for mail in mails},
            {
                "Ada": ["2", "2", "2", "1"],
                "Ben": ["3", "2", "0", "0"],
                "Cleo, who sees all deals": ["5", "4", "2", "1"],
            },
        )
        by_name = {mail.recipient_ids.name: mail for mail in mails}
        self.assertIn("01/01/2026 to 01/31/2026", by_name["Ada"].body_html)
        self.assertIn("31/01/2026", by_name["Ben"].body_html)
        self.assertIn("21:00", by_name["Ben"].body_html)
        for mail in mails:
            self.assertIn("funnel_all@example.com", mail.email_from)
            self.assertIn("List-Unsubscribe-Post", mail.headers)
            self.assertEqual(len(mail.attachment_ids), 1)

    def test_period_moves_on(self):
        question = {
            "domain": [],
            "options": {
                "date_from": "2025-12-01",
                "date_to": "2026-01-01",
                "compare": {"date_from": "2025-11-01", "date_to": "2025-12-01"},
                "as_of": "2026-01-10 00:00:00",
                "rule": "visited",
            },
        }
        with self.at("2026-01-20 12:00:00"):
            subscription = self._subscribe(question=question)
            self.assertEqual(subscription.period, "last_month")
            self.assertEqual(subscription.compare, "before")
        with self.at("2026-04-01 12:00:00"):
            options = subscription._get_question()["options"]
        self.assertEqual(
            options,
            {
                "rule": "visited",
                "date_from": "2026-03-01",
                "date_to": "2026-04-01",
                "compare": {"date_from": "2026-02-01", "date_to": "2026-03-01"},
            },
        )

    def test_comparison_of_what_is_open_moves_on(self):
        """It has no period: the same day of the month or of the year before."""
        for shown, later, name in (
            ("2026-02-20", "2026-03-01", "before"),
            ("2025-03-20", "2025-04-01", "year"),
        ):
            day = date.fromisoformat(shown)
            compare = {
                "date_from": shown,
                "date_to": str(day + timedelta(days=1)),
            }
            with self.at("2026-03-20 12:00:00"):
                subscription = self._subscribe(
                    question={"options": {"lens": "snapshot", "compare": compare}}
                )
                self.assertEqual(subscription.compare, name)
                self.assertEqual(
                    subscription._get_question()["options"]["compare"], compare
                )
            with self.at("2026-04-01 12:00:00"):
                options = subscription._get_question()["options"]
            self.assertEqual(options["compare"]["date_from"], later)

    def test_comparison_of_days_that_stay_stays(self):
        days = {"date_from": "2026-01-02", "date_to": "2026-01-04"}
        compare = {"date_from": "2026-01-04", "date_to": "2026-01-06"}
        with self.at("2026-03-20 12:00:00"):
            subscription = self._subscribe(
                question={"options": {**days, "compare": compare}}
            )
            self.assertEqual(
                subscription._get_question()["options"]["compare"], compare
            )
            subscription.period = "last_month"
            self.assertNotIn("compare", subscription._get_question()["options"])

    def test_days_of_no_known_period_stay(self):
        with self.at("2026-03-20 12:00:00"):
            subscription = self._subscribe(
                question={
                    "domain": [("user_id", "=", self.user_a.id)],
                    "options": {"date_from": "2026-01-02", "date_to": "2026-01-04"},
                },
                receivers=self.user_all,
            )
            self.assertEqual(subscription.period, "fixed")
            self.assertIn("Filter: Salesperson is Ada", subscription.description)
        self._run("2026-04-01 12:00:00")
        self.assertEqual(self._read_counts(self._mails())[0], "1")

    def test_never_twice(self):
        with self.at("2026-01-20 12:00:00"):
            subscription = self._subscribe(frequency="week", receivers=self.user_a)
        for moment, mails in [
            ("2026-01-25 23:00:00", 0),
            # Monday, but not yet morning
            ("2026-01-26 05:59:00", 0),
            ("2026-01-26 06:00:00", 1),
            ("2026-01-26 07:00:00", 1),
            ("2026-01-30 12:00:00", 1),
            ("2026-02-02 06:00:00", 2),
        ]:
            with self.subTest(moment=moment):
                self._run(moment)
                self.assertEqual(len(self._mails()), mails)
        with self.at("2026-02-03 09:00:00"):
            self.assertEqual(str(subscription.next_day), "2026-02-09")
            subscription.invalidate_recordset(["next_day"])

    def test_job_sends_what_is_due(self):
        with self.at("2026-01-20 12:00:00"):
            subscription = self._subscribe(receivers=self.user_a)
        job = self.env.ref("sales_funnel_report.crm_funnel_subscription_cron")
        with self.at("2026-02-01 12:00:00"), self.enter_registry_test_mode():
            job.method_direct_trigger()
        self.assertEqual(subscription.delivery_ids.user_id, self.user_a)
        self.assertEqual(subscription.delivery_ids.state, "outgoing")

    def test_new_run_goes_on_where_the_last_one_broke_off(self):
        """The job is stopped after the first mail; what was committed stays."""
        with self.at("2026-01-20 12:00:00"):
            self._subscribe()
        commits = []

        def commit():
            commits.append(True)
            if len(commits) == 2:
                raise KeyboardInterrupt

        with (
            self.at("2026-02-01 12:00:00"),
            patch.object(self.env.cr, "commit", commit),
            # not assertRaises, which rolls back
            suppress(KeyboardInterrupt),
        ):
            self.env["crm.funnel.subscription"]._cron_send()
        self.assertEqual(len(commits), 2)
        self.assertEqual(len(self._mails()), 1)
        self._run("2026-02-01 12:05:00")
        self.assertEqual(
            sorted(self._mails().recipient_ids.mapped("name")),
            sorted(self.users.mapped("name")),
        )
        self.assertEqual(len(self._mails()), 3)

    @mute_logger(SUBSCRIPTION)
    def test_failure_of_one_is_told_and_stops_nobody(self):
        with self.at("2026-01-20 12:00:00"):
            subscription = self._subscribe()
        self.user_a.email = False
        self._run("2026-02-01 12:00:00")
        self.assertEqual(
            self._mails().recipient_ids.filtered(
                lambda partner: partner in self.users.partner_id
            )
            - self.user_all.partner_id,
            self.user_b.partner_id,
        )
        failed = subscription.delivery_ids.filtered(lambda mail: mail.state == "failed")
        self.assertEqual(failed.user_id, self.user_a)
        self.assertIn("no email address", failed.error)
        told = subscription.message_ids[0]
        self.assertIn("could not be sent to Ada", told.body)
        self.assertIn(self.user_all.partner_id, told.notified_partner_ids)

    def test_who_may_see_nothing_gets_nothing(self):
        with self.at("2026-01-20 12:00:00"):
            self._subscribe()
        self.user_a.active = False
        self.user_b.group_ids = [Command.set([self.env.ref("base.group_user").id])]
        self._run("2026-02-01 12:00:00")
        self.assertEqual(self._mails().recipient_ids, self.user_all.partner_id)

    def test_send_now_counts_for_no_turn(self):
        with self.at("2026-01-20 12:00:00"):
            subscription = self._subscribe(receivers=self.user_a)
            subscription.action_send_now()
            subscription.action_send_now()
        self.assertEqual(len(self._mails()), 2)
        self._run("2026-02-01 12:00:00")
        self.assertEqual(len(self._mails()), 3)

    def test_mail_is_for_its_receiver_alone(self):
        """Its owner may be its sender, and still not open it in Odoo."""
        subscription = self._subscribe(user=self.user_a, receivers=self.user_all)
        subscription.action_send_now()
        mail = self._mails()
        self.assertIn("funnel_a@example.com", mail.email_from)
        self.assertIn("funnel_a@example.com", mail.reply_to)
        for message in (mail.mail_message_id, mail.attachment_ids):
            self.assertFalse(message.with_user(self.user_a).has_access("read"))
        read = self.env["mail.message"].with_user(self.user_a)
        self.assertFalse(read.search([("id", "=", mail.mail_message_id.id)]))

    def test_access(self):
        own = self._subscribe(user=self.user_a, receivers=self.user_a + self.user_b)
        self.assertEqual(own.user_id, self.user_a)
        subscriptions = self.env["crm.funnel.subscription"]
        for user, sees, changes in [
            (self.user_a, True, True),
            (self.user_b, True, False),
            (self.user_all, False, False),
            (self.user_manager, True, True),
        ]:
            with self.subTest(user=user.login):
                theirs = own.with_user(user)
                found = subscriptions.with_user(user).search([("id", "=", own.id)])
                self.assertEqual(bool(found), sees)
                self.assertEqual(theirs.has_access("write"), changes)
                self.assertEqual(theirs.has_access("unlink"), changes)
                if not changes:
                    with (
                        self.assertRaises(AccessError),
                        mute_logger("odoo.addons.base.models.ir_rule"),
                    ):
                        theirs.action_send_now()
        with self.assertRaisesRegex(UserError, "in the name of its owner"):
            subscriptions.with_user(self.user_b).create(
                {"name": "Not mine", "user_id": self.user_a.id}
            )
        portal = new_test_user(self.env, "funnel_portal", groups="base.group_portal")
        self.assertFalse(own.with_user(portal).has_access("read"))

    def test_owner_is_nobody_else(self):
        """The mails go out in the owner's name."""
        own = self._subscribe(user=self.user_a, receivers=self.user_a)
        for user in (self.user_a, self.user_manager):
            with self.assertRaisesRegex(UserError, "in the name of its owner"):
                own.with_user(user).user_id = self.user_b
        subscriptions = self.env["crm.funnel.subscription"]
        for attempt in (
            lambda: subscriptions.with_user(self.user_manager).create(
                {"name": "In Ben's name", "user_id": self.user_b.id}
            ),
            lambda: (
                subscriptions.with_user(self.user_manager)
                .with_context(default_user_id=self.user_b.id)
                .create({"name": "In Ben's name"})
            ),
        ):
            with self.assertRaisesRegex(UserError, "in the name of its owner"):
                attempt()
        own.with_user(self.user_manager).write(
            {"name": "Ours", "user_id": own.user_id.id}
        )
        own.with_user(self.user_manager).user_id = self.user_manager
        self.assertEqual(own.user_id, self.user_manager)
        self.assertEqual(own.with_user(self.user_a).sudo().copy().user_id, self.user_a)

    def test_since_is_not_written_from_outside(self):
        own = self._subscribe(user=self.user_a, receivers=self.user_a)
        with self.assertRaisesRegex(UserError, "filled in by the system"):
            own.with_user(self.user_a).since = "2020-01-01"

    def test_receiver_in_a_company_of_no_others(self):
        """*Send now* goes to a receiver with companies that the sender has not."""
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        with self.at("2026-01-05 12:00:00"):
            self._deals(company_id=elsewhere.id, user_id=False, team_id=False)
        self.user_b.write(
            {
                "company_ids": [Command.set(elsewhere.ids)],
                "company_id": elsewhere.id,
            }
        )
        with self.at("2026-01-20 12:00:00"):
            own = self._subscribe(
                user=self.user_a,
                receivers=self.user_a + self.user_b,
                period="this_month",
            )
            self.env.invalidate_all()
            own.with_user(self.user_a).action_send_now()
        self.assertEqual(set(own.delivery_ids.mapped("state")), {"outgoing"})
        theirs = self._mails().filtered(
            lambda mail: mail.recipient_ids == self.user_b.partner_id
        )
        self.assertEqual(self._read_counts(theirs)[0], "1")

    def test_receiver_leaves(self):
        own = self._subscribe(user=self.user_a, receivers=self.user_a + self.user_b)
        own.with_user(self.user_b).action_unsubscribe()
        self.assertEqual(own.user_ids, self.user_a)
        with self.assertRaises(AccessError):
            own.with_user(self.user_all).action_unsubscribe()

    def test_question_that_cannot_be_asked_is_refused(self):
        own = self._subscribe()
        with self.assertRaises(ValidationError):
            own.domain = "[('user_id', '=', uid)]"
        with self.assertRaises(UserError):
            own.options = json.dumps({"lens": "moon"})
        own.invalidate_recordset()

    def test_deleted_funnel_is_told(self):
        funnel = self.env["crm.funnel"].create({"name": "Old", "follows_stages": True})
        own = self._subscribe(
            question={"domain": [], "options": {"funnel_id": funnel.id}},
            receivers=self.user_a,
        )
        funnel.unlink()
        own.invalidate_recordset(["description"])
        self.assertIn("funnel_id", own.description)
        with mute_logger(SUBSCRIPTION):
            own.action_send_now()
        self.assertEqual(own.delivery_ids.state, "failed")


@tagged("post_install", "-at_install")
class TestFunnelUnsubscribe(HttpCase, FunnelMailCase):
    def test_link_asks_and_button_unsubscribes(self):
        subscription = self.env["crm.funnel.subscription"].create(
            {
                "name": "Monthly <b>funnel</b>",
                "user_ids": [Command.set((self.user_a + self.user_b).ids)],
            }
        )
        url = subscription._get_unsubscribe_url(self.user_a)
        path = url[len(subscription.get_base_url()) :]
        page = self.url_open(path)
        self.assertIn("Monthly &lt;b&gt;funnel", page.text)
        self.assertIn(self.user_a, subscription.user_ids, "asking changes nothing")
        page = self.url_open(path, data={"List-Unsubscribe": "One-Click"})
        self.assertEqual(page.status_code, 200)
        subscription.invalidate_recordset()
        self.assertEqual(subscription.user_ids, self.user_b)
        self.assertEqual(
            self.url_open(path, data={"List-Unsubscribe": "One-Click"}).status_code, 200
        )
        other = path.replace(f"user_id={self.user_a.id}", f"user_id={self.user_b.id}")
        with mute_logger("odoo.http"):
            self.assertEqual(self.url_open(other, data={"x": "1"}).status_code, 404)
        self.assertEqual(subscription.user_ids, self.user_b)

    def test_only_the_button_writes(self):
        subscription = self.env["crm.funnel.subscription"].create(
            {"name": "Monthly", "user_ids": [Command.set(self.user_a.ids)]}
        )
        url = subscription._get_unsubscribe_url(self.user_a)
        path = url[len(subscription.get_base_url()) :]
        for method in ("GET", "HEAD", "OPTIONS"):
            self.assertEqual(self.url_open(path, method=method).status_code, 200)
            subscription.invalidate_recordset()
            self.assertEqual(subscription.user_ids, self.user_a, method)

    def test_links_that_are_wrong(self):
        subscription = self.env["crm.funnel.subscription"].create(
            {"name": "Monthly", "user_ids": [Command.set(self.user_a.ids)]}
        )
        page = f"/sales_funnel/unsubscribe/{subscription.id}"
        url = "/sales_funnel/unsubscribe/{}?user_id={}&token={}"
        user_id, token = (
            self.user_a.id,
            subscription._get_unsubscribe_token(self.user_a),
        )
        wrong = [
            (subscription.id, user_id, value)
            for value in ("", "x", "t%C3%B6ken", "%F0%9F%94%91", "%FF%FE", "%00")
        ]
        wrong += [
            (subscription.id, value, token)
            for value in (
                "",
                "0",
                "-1",
                "x",
                "%C2%B2",
                "1.5",
                "%00",
                2**31,
                2**63,
                "9" * 5000,
            )
        ]
        wrong += [(value, user_id, token) for value in (0, 2**31, 2**63, "9" * 400)]
        for parts in wrong:
            for method in ("GET", "POST"):
                with self.subTest(parts=str(parts)[:60], method=method):
                    response = self.url_open(url.format(*parts), method=method)
                    self.assertEqual(response.status_code, 404)
        with self.subTest("files"):
            response = self.url_open(
                page,
                files={"user_id": ("a", b"1"), "token": ("b", token.encode())},
            )
            self.assertEqual(response.status_code, 404)
        subscription.invalidate_recordset()
        self.assertEqual(subscription.user_ids, self.user_a)
