import smtplib
from unittest.mock import patch

from lxml import html

from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.common import MockSmtplibCase

from .funnel_document_common import JANUARY, FunnelDocumentCase

SUBSCRIPTION = "odoo.addons.sales_funnel_report.models.crm_funnel_subscription"
MAIL = "odoo.addons.sales_funnel_report.models.crm_funnel_mail"
QUEUE = "odoo.addons.mail.models.mail_mail"


@tagged("post_install", "-at_install")
class TestFunnelSubscriptionAgain(MockSmtplibCase, FunnelDocumentCase):
    """Mails go through Odoo's queue to a mail server, which may refuse them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = cls.user_a + cls.user_b + cls.user_all
        for user in cls.users:
            user.email = f"{user.login}@example.com"
        # of other tests, or of the database
        cls.env["mail.mail"].search([("state", "=", "outgoing")]).state = "cancel"
        with cls.at("2026-01-20 12:00:00"):
            cls.subscription = (
                cls.env["crm.funnel.subscription"]
                .with_user(cls.user_all)
                .create({"name": "Monthly", "user_ids": [Command.set(cls.users.ids)]})
                .with_env(cls.env)
            )

    def _run(self, moment, refuses=""):
        """Run the job at a moment, without leaving the transaction, and let the queue of
        mails go out.

        :param str refuses: address that the mail server does not take
        :return: the addresses to which a funnel went out, sorted
        """
        moment = f"2026-{moment}:00"
        with self.at(moment), patch.object(self.env.cr, "commit", lambda: None):
            self.env["crm.funnel.subscription"]._cron_send()
        return self._send_queue(moment, refuses)

    @mute_logger(QUEUE)
    def _send_queue(self, moment, refuses=""):
        def refuse(message, smtp_from, smtp_to_list):
            if refuses in smtp_to_list:
                raise smtplib.SMTPRecipientsRefused({refuses: (550, b"No such user")})
            take(message, smtp_from, smtp_to_list)

        with self.at(moment), self.mock_smtplib_connection():
            take = self.testing_smtp_session.send_message
            self.testing_smtp_session.send_message = refuse
            self.env["mail.mail"].process_email_queue()
        self.env.flush_all()
        return sorted(
            address
            for email in self.emails
            # the owner is told by e-mail as well
            if "List-Unsubscribe" in email["message"]
            for address in email["smtp_to_list"]
        )

    def _get_delivery(self, user):
        return self.subscription.delivery_ids.filtered(lambda one: one.user_id == user)

    def _assert_delivery(self, user, **expected):
        delivery = self._get_delivery(user)
        self.assertEqual(len(delivery), 1)
        self.assertEqual({name: delivery[name] for name in expected}, expected)

    def _count_told(self):
        """How often the owner was told."""
        return len(
            self.subscription.message_ids.filtered(
                lambda message: "could not be sent" in message.body
            )
        )

    def test_all_sent(self):
        everybody = sorted(self.users.mapped("email"))
        with (
            self.at("2026-02-01 12:00:00"),
            patch.object(self.env.cr, "commit", lambda: None),
        ):
            self.env["crm.funnel.subscription"]._cron_send()
        self._assert_delivery(self.user_a, state="outgoing", error=False)
        self.assertEqual(self._send_queue("2026-02-01 12:01:00"), everybody)
        for user in self.users:
            self._assert_delivery(user, state="sent", error=False, attempts=1)
        self.assertFalse(self.subscription.delivery_ids.mail_id.exists())
        self.assertEqual(self._run("02-01 13:00"), [])
        self.assertEqual(self._run("03-01 13:00"), everybody)
        self.assertEqual(self._count_told(), 0)

    def test_refused_by_the_mail_server(self):
        ada = self.user_a.email
        others = sorted((self.user_b + self.user_all).mapped("email"))
        self.assertEqual(self._run("02-01 12:00", refuses=ada), others)
        self._assert_delivery(self.user_a, state="failed", attempts=1)
        self.assertIn("No such user", self._get_delivery(self.user_a).error)
        first = self._get_delivery(self.user_a).mail_id
        self.assertEqual(first.state, "exception")
        # with the next run, and the owner learns of it
        self.assertEqual(self._run("02-01 13:00", refuses=ada), [])
        self._assert_delivery(self.user_a, state="failed", attempts=2)
        self.assertFalse(first.exists(), "nobody can send it too")
        self.assertEqual(self._count_told(), 1)
        told = self.subscription.message_ids[0]
        self.assertIn("to Ada", told.body)
        self.assertIn("No such user", told.body)
        self.assertIn("tried again", told.body)
        self.assertIn(self.user_all.partner_id, told.notified_partner_ids)
        # then after an hour, after two, ...
        self.assertEqual(self._run("02-01 13:30", refuses=ada), [])
        self._assert_delivery(self.user_a, attempts=2)
        self.assertEqual(self._run("02-01 14:00", refuses=ada), [])
        self._assert_delivery(self.user_a, attempts=3)
        self.assertEqual(self._run("02-01 15:00"), [])
        self.assertEqual(self._run("02-01 16:00"), [ada])
        self._assert_delivery(self.user_a, state="sent", attempts=4, error=False)
        self.assertEqual(self._count_told(), 1, "once is enough")
        self.assertEqual(self._run("02-02 16:00"), [])
        self.assertEqual(
            self._run("03-01 12:00"), sorted(self.users.mapped("email")), "the next"
        )

    def test_address_that_is_none(self):
        """Odoo deletes such a mail, and it is made again."""
        self.user_a.email = "ada at example"
        self.assertEqual(len(self._run("02-01 12:00")), 2)
        self._assert_delivery(self.user_a, state="failed")
        self.user_a.email = "ada@example.com"
        self.assertEqual(self._run("02-01 13:00"), ["ada@example.com"])
        self._assert_delivery(self.user_a, state="sent", attempts=2)

    @mute_logger(SUBSCRIPTION)
    def test_mail_that_cannot_be_made(self):
        """What was written for it is taken back, the others get theirs."""
        self.user_a.email = False
        self.assertEqual(len(self._run("02-01 12:00")), 2)
        self._assert_delivery(self.user_a, state="failed", attempts=1)
        self.assertEqual(self._count_told(), 1)
        self.assertEqual(self._run("02-01 13:00"), [])
        self._assert_delivery(self.user_a, state="failed", attempts=2)
        self.user_a.email = "ada@example.com"
        self.assertEqual(self._run("02-01 14:00"), ["ada@example.com"])
        self._assert_delivery(self.user_a, state="sent", attempts=3, error=False)
        self.assertEqual(self._count_told(), 1)

    @mute_logger(SUBSCRIPTION)
    def test_not_after_its_period(self):
        self.user_a.email = False
        self._run("02-01 12:00")
        self.user_a.email = "ada@example.com"
        sent = self._run("03-01 12:00")
        self.assertEqual(sent.count("ada@example.com"), 1, "that of March alone")
        self.assertEqual(
            self._get_delivery(self.user_a).mapped("state"), ["sent", "failed"]
        )

    @mute_logger(SUBSCRIPTION)
    def test_pause_is_a_day_at_most(self):
        self.user_a.email = False
        self._run("02-01 12:00")
        delivery = self._get_delivery(self.user_a)
        delivery.attempts = 100
        self._run("02-02 11:59")
        self.assertEqual(delivery.attempts, 100)
        self._run("02-02 12:00")
        self.assertEqual(delivery.attempts, 101)

    def test_sent_again_by_an_administrator(self):
        ada = self.user_a.email
        self._run("02-01 12:00", refuses=ada)
        self._get_delivery(self.user_a).mail_id.mark_outgoing()
        with (
            self.at("2026-02-01 13:00:00"),
            patch.object(self.env.cr, "commit", lambda: None),
        ):
            self.env["crm.funnel.subscription"]._cron_send()
        self.assertEqual(self._send_queue("2026-02-01 13:01:00"), [ada], "not twice")
        self._assert_delivery(self.user_a, state="sent", attempts=1, error=False)
        self.assertEqual(self._run("02-01 14:00"), [])

    def test_sent_by_hand_is_not_tried_again(self):
        with self.at("2026-01-21 12:00:00"):
            self.subscription.action_send_now()
        ada = self.user_a.email
        self.assertEqual(len(self._send_queue("2026-01-21 12:01:00", ada)), 2)
        self._assert_delivery(self.user_a, state="failed", turn=False)
        self.assertEqual(self._run("01-21 13:00"), [])
        self._assert_delivery(self.user_a, state="failed", attempts=1)

    # ------------------------------------------------------------
    # FILES THAT CANNOT BE MADE
    # ------------------------------------------------------------

    def _break_pdf(self):
        """Somebody has changed the printed page, and not well."""
        self.env.ref("sales_funnel_report.funnel_document").arch = (
            '<t t-name="sales_funnel_report.funnel_document">'
            '<t t-out="no_such_thing.name" /></t>'
        )

    def _read_missing(self, mail):
        return [
            sentence.text_content().strip()
            for sentence in html.fromstring(mail.body_html).xpath(
                "//p[hasclass('o_funnel_missing')]"
            )
        ]

    @mute_logger(MAIL)
    def test_mail_says_which_file_is_missing(self):
        self._break_pdf()
        self.subscription.with_xlsx = True
        with (
            self.at("2026-02-01 12:00:00"),
            patch.object(self.env.cr, "commit", lambda: None),
        ):
            self.env["crm.funnel.subscription"]._cron_send()
        for delivery in self.subscription.delivery_ids:
            self.assertEqual(
                self._read_missing(delivery.mail_id),
                [
                    "Not attached, because it could not be made this time: the PDF. All "
                    "figures are in this mail."
                ],
            )
            [attachment] = delivery.mail_id.attachment_ids
            self.assertTrue(attachment.name.endswith(".xlsx"))
            self.assertIn("Not all files could be made", delivery.error)
        self.assertEqual(len(self._send_queue("2026-02-01 12:01:00")), 3)
        self.assertEqual(set(self.subscription.delivery_ids.mapped("state")), {"sent"})
        self.assertEqual(self._run("02-01 13:00"), [], "they have it")

    def test_nothing_is_missing(self):
        with self.at("2026-01-21 12:00:00"):
            self.subscription.action_send_now()
        for mail in self.subscription.delivery_ids.mail_id:
            self.assertEqual(self._read_missing(mail), [])

    @mute_logger(MAIL)
    def test_sent_by_hand_without_a_file(self):
        self._break_pdf()
        wizards = self.env["crm.funnel.send"].with_user(self.user_all)
        with Form(
            wizards.with_context(
                funnel_question={"domain": [], "options": JANUARY, "measure": "count"}
            )
        ) as form:
            form.partner_ids.add(self.user_b.partner_id)
        told = form.record.action_send()["params"]
        self.assertEqual(told["type"], "warning")
        self.assertIn("without all files", told["message"])
        form.record.with_pdf = False
        self.assertEqual(form.record.action_send()["params"]["type"], "success")
