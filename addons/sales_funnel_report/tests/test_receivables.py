from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, tagged
from odoo.tools import mute_logger

from .order_to_cash_common import OrderToCashCase

BUCKETS = ("not_due", "late_30", "late_60", "late_90", "late_older", "in_payment")


class ReceivablesCase(OrderToCashCase):
    def _rows(self, day, *documents, user=None):
        ids = [document.id for document in documents]
        return self._report("sales.receivable", day, user).search(
            [("move_id", "in", ids)] if ids else []
        )


@tagged("post_install", "-at_install")
class TestReceivables(ReceivablesCase):
    """What is open, by how late it is."""

    def test_lateness(self):
        # due on 9 February
        invoice = self._invoice("2026-01-10")
        for day, days_late, bucket in (
            ("2026-02-09", 0, "not_due"),
            ("2026-02-10", 1, "late_30"),
            ("2026-03-11", 30, "late_30"),
            ("2026-03-12", 31, "late_60"),
            ("2026-04-10", 60, "late_60"),
            ("2026-04-11", 61, "late_90"),
            ("2026-05-10", 90, "late_90"),
            ("2026-05-11", 91, "late_older"),
        ):
            row = self._rows(day, invoice)
            self.assertEqual(row.days_late, days_late, day)
            self.assertEqual(
                {name: row[f"amount_{name}"] for name in BUCKETS},
                {**dict.fromkeys(BUCKETS, 0), bucket: 100},
                day,
            )
            self.assertEqual(row.amount_late, 100 if days_late else 0)
            self.assertEqual(row.lateness == "0", days_late == 0)
        self.assertFalse(self._rows("2026-01-09", invoice))

    def test_open_as_of_the_day(self):
        invoice = self._invoice("2026-01-10")
        self._pay("2026-02-01", invoice, 40)
        self._pay("2026-03-01", invoice)
        for day, left in (("2026-01-31", 100), ("2026-02-01", 60), ("2026-02-28", 60)):
            self.assertEqual(self._rows(day, invoice).amount, left)
        self.assertFalse(self._rows("2026-03-01", invoice))

    def test_credit_note_lowers_what_is_open(self):
        invoice = self._invoice("2026-01-10")
        refund = self._invoice("2026-01-20", 30, "out_refund")
        rows = self._rows("2026-01-31", invoice, refund)
        self.assertEqual(sum(rows.mapped("amount")), 70)
        self._assert_ties("2026-01-31")

    def test_foreign_currency(self):
        invoice = self._invoice("2026-01-10", currency_id=self.euro.id)
        self._pay("2026-02-01", invoice, 40, currency=self.euro)
        row = self._rows("2026-02-01", invoice)
        self.assertEqual((row.amount, row.amount_currency), (120, 60))
        self.assertEqual(
            (row.currency_id, row.invoice_currency_id),
            (self.company.currency_id, self.euro),
        )

    def test_instalments_are_late_one_by_one(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Half now",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 60)
                ],
            }
        )
        invoice = self._invoice("2026-01-10", invoice_payment_term_id=term.id)
        rows = self._rows("2026-01-20", invoice)
        self.assertEqual(rows.mapped("amount_late_30"), [50, 0])
        self.assertEqual(rows.mapped("amount_not_due"), [0, 50])

    def test_in_payment(self):
        """What is paid is not late, though the journal knows nothing of it yet; a
        payment of several invoices goes to what is due first."""
        first = self._invoice("2026-01-10")
        second = self._invoice("2026-01-20", 50)
        self._pay_without_entry("2026-03-01", first + second, 120)
        for invoice, lateness, in_payment, late in (
            (first, "5", 100, 0),
            (second, "1", 20, 30),
        ):
            row = self._rows("2026-03-01", invoice)
            self.assertEqual(
                (row.lateness, row.amount_in_payment, row.amount_late, row.amount),
                (lateness, in_payment, late, in_payment + late),
            )
            self.assertEqual(row.amount, sum(row[f"amount_{name}"] for name in BUCKETS))
        self._assert_ties("2026-03-01")
        self.assertEqual(self._rows("2026-02-28", first).amount_late, 100)

    def test_by_salesperson_team_customer_and_tag(self):
        regions, north, south = self.env["res.partner.category"].create(
            [{"name": name} for name in ("Regions", "North", "South")]
        )
        (north + south).parent_id = regions
        self.acme.category_id = north
        self.globex.category_id = south
        team = self.env["crm.team"].create({"name": "Direct", "company_id": False})
        self._invoice("2026-01-10", 100, team_id=team.id)
        self._invoice(
            "2026-01-10", 50, partner_id=self.globex.id, invoice_user_id=self.user_b.id
        )
        report = self._report("sales.receivable", "2026-01-31")
        for field, expected in (
            ("user_id", {self.user_a: 100, self.user_b: 50}),
            ("commercial_partner_id", {self.acme: 100, self.globex: 50}),
            ("partner_category_ids", {north: 100, south: 50}),
        ):
            groups = dict(report._read_group([], [field], ["amount:sum"]))
            self.assertEqual(groups, expected, field)
        self.assertEqual(
            dict(report._read_group([], ["team_id"], ["amount:sum"]))[team], 100
        )
        for tag, expected in ((regions, 150), (north, 100)):
            rows = report.search([("partner_category_ids", "child_of", tag.id)])
            self.assertEqual(sum(rows.mapped("amount")), expected)

    def test_salesperson_of_an_invoice_without_one(self):
        self.acme.user_id = self.user_b
        invoice = self._invoice("2026-01-10")
        invoice.invoice_user_id = False
        self.assertEqual(self._rows("2026-01-10", invoice).user_id, self.user_b)

    def test_query_count(self):
        def ask():
            rows = self._rows("2026-03-31")
            rows.mapped("amount")
            rows.mapped("partner_category_ids.name")

        def count():
            self.env.flush_all()
            ask()  # fills what Odoo keeps in memory
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            ask()
            return self.cr.sql_log_count - before

        self._invoice("2026-01-10")
        few = count()
        for _number in range(5):
            self._invoice("2026-01-10")
        self.assertLessEqual(count(), few)


@tagged("post_install", "-at_install")
class TestReceivablesAccess(ReceivablesCase):
    """Receivables are open as the invoices themselves are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.globex.user_id = cls.user_b
        cls.of_a = cls._invoice("2026-01-10")
        cls.of_b = cls._invoice("2026-01-10", invoice_user_id=cls.user_b.id)
        # of Ada, for a customer of Ben's
        cls.of_both = cls._invoice("2026-01-10", partner_id=cls.globex.id)
        cls.of_nobody = cls._invoice("2026-01-10")
        cls.of_nobody.invoice_user_id = False
        cls.env.flush_all()

    def test_groups(self):
        everything = self.of_a + self.of_b + self.of_both + self.of_nobody
        for user, expected in (
            (self.user_a, self.of_a + self.of_both + self.of_nobody),
            (self.user_b, self.of_b + self.of_nobody),
            (self.user_all, everything),
            (self.user_manager, everything),
            (self.user_invoicing, everything),
            (self.user_readonly, everything),
        ):
            rows = self._rows("2026-01-31", user=user)
            self.assertEqual(set(rows.move_id.ids), set(expected.ids), user.name)

    def test_own_customer_is_no_key(self):
        """Who makes himself the salesperson of a customer sees no more than before,
        and gets no colleague's invoice mailed to an address of his own."""
        self.of_b.partner_id.with_user(self.user_a).write(
            {"user_id": self.user_a.id, "email": "mine@example.com"}
        )
        rows = self._rows("2026-02-20", self.of_a, self.of_b, user=self.user_a)
        self.assertEqual(rows.move_id, self.of_a.with_user(self.user_a))
        plan = (
            rows.env["sales.receivable.remind"]
            .create({"partner_ids": self.acme.ids})
            ._get_plan()
        )
        [(_customer, _company, _recipient, receivables)] = plan["to_remind"]
        self.assertNotIn(self.of_b.id, receivables.move_id.ids)
        self.assertFalse(
            self._rows("2026-02-20", self.of_b).filtered_domain(
                [("id", "in", rows.ids)]
            )
        )

    def test_open_invoice(self):
        own = self._rows("2026-01-31", self.of_b, user=self.user_b)
        self.assertEqual(own.action_open_invoice()["res_id"], self.of_b.id)

    def test_reading_and_nothing_else(self):
        row = self._rows("2026-01-31", self.of_a, user=self.user_manager)
        with mute_logger("odoo.addons.base.models.ir_model"):
            for write in (
                lambda: row.write({"amount": 0}),
                lambda: row.create({"amount": 0}),
                row.unlink,
                lambda: row.env["sales.receivable.reminder"].create({}),
            ):
                with self.assertRaises(AccessError):
                    write()

    def test_form_of_the_invoice_opens(self):
        """Also when it is partly paid, for those who may not read payments."""
        self._pay("2026-01-20", self.of_b, 40)
        invoice = self.of_b.with_user(self.user_b)
        self.assertEqual(invoice.payment_count, 1)
        with (
            self.assertRaises(AccessError),
            mute_logger("odoo.addons.base.models.ir_model"),
        ):
            invoice.reconciled_payment_ids.read(["amount"])

    def test_companies(self):
        other = self.setup_other_company(name="Other")["company"]
        self.env.user.company_ids += other
        report = self._report("sales.receivable", "2026-01-31")
        self.assertTrue(report.search([]))
        elsewhere = report.with_context(allowed_company_ids=other.ids)
        self.assertFalse(elsewhere.search([]))
        self.assertFalse(elsewhere.get_tie_out()["currencies"])


@tagged("post_install", "-at_install")
class TestReceivableReminders(ReceivablesCase):
    """Reminding of open invoices."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template = cls.env.ref(
            "sales_funnel_report.mail_template_receivable_reminder"
        )
        cls.of_acme = cls._invoice("2026-01-10")
        cls.of_globex = cls._invoice("2026-01-10", 50, partner_id=cls.globex.id)
        cls.of_acme_later = cls._invoice("2026-03-01", 30)

    def _dialog(self, customers, user=None, **values):
        action = (
            self._report("sales.receivable", False, user or self.user_a)
            .search([("commercial_partner_id", "in", customers.ids)])
            .action_remind()
        )
        return (
            self.env[action["res_model"]]
            .with_user(user or self.user_a)
            .with_context(**action["context"])
            .create(values)
        )

    def _messages(self, customers):
        """The letters about customers, the newest first, also those of others."""
        letters = self.env["mail.message"].sudo()
        return letters.search(
            [
                ("model", "=", "res.partner"),
                ("res_id", "in", customers.ids),
                ("message_type", "=", "user_notification"),
                ("subject", "!=", False),
            ]
        )

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_letter_is_for_sender_and_receiver_alone(self):
        """Not for a colleague who may read the customer and follows it."""
        self.acme.message_subscribe(self.user_b.partner_id.ids)
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
        letter = self._messages(self.acme)
        self.assertTrue(letter.attachment_ids)
        self.assertTrue(letter.with_user(self.user_a).read(["body"]))
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            letter.with_user(self.user_b).read(["body"])
        noted = self.acme.with_user(self.user_b).message_ids
        texts = " ".join(noted.mapped("body"))
        self.assertIn("Reminded of open invoices", texts)
        self.assertNotIn("130.00", texts)
        self.assertNotIn(self.of_acme.name, texts)
        self.assertFalse(noted.attachment_ids)

    def test_remind(self):
        with self.at("2026-03-11"):
            action = self._dialog(self.acme).action_remind()
            message = self._messages(self.acme)
            self.assertEqual(len(message), 1)
            self.assertEqual(message.author_id, self.user_a.partner_id)
            self.assertEqual(message.partner_ids, self.acme)
            self.assertIn("130.00", message.subject)
            for invoice in (self.of_acme, self.of_acme_later):
                self.assertIn(invoice.name, message.body)
            self.assertNotIn(self.of_globex.name, message.body)
            self.assertEqual(
                message.attachment_ids,
                (self.of_acme + self.of_acme_later).invoice_pdf_report_id,
            )
            for attachment in message.attachment_ids:
                self.assertEqual(attachment.mimetype, "application/pdf")
            self.assertEqual(action["params"]["type"], "success")
            self.assertFalse(self._messages(self.globex))
            rows = self._rows("2026-03-11", self.of_acme, self.of_acme_later)
            self.assertEqual(
                {str(day) for day in rows.mapped("date_reminded")}, {"2026-03-11"}
            )

    def test_mail_goes_to_the_customer_alone(self):
        """Not to who follows the customer."""
        self.acme.message_subscribe(self.globex.ids)
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
            notified = self._messages(self.acme).notification_ids
            self.assertEqual(notified.res_partner_id, self.acme)
            self.assertEqual(notified.notification_type, "email")

    def test_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.template.with_context(lang="fr_FR").subject = "Rappel"
        self.globex.lang = "fr_FR"
        with self.at("2026-03-11"):
            self._dialog(self.acme + self.globex).action_remind()
            self.assertEqual(self._messages(self.globex).subject, "Rappel")
            self.assertIn("Open invoices", self._messages(self.acme).subject)

    def test_never_twice_on_one_day_unless_asked(self):
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
            dialog = self._dialog(self.acme + self.globex, user=self.user_manager)
            self.assertEqual(dialog.reminded_ids, self.acme)
            self.assertEqual(dialog.to_remind_ids, self.globex)
            action = dialog.action_remind()
            self.assertIn("Reminded today already: Acme.", action["params"]["message"])
            self.assertEqual(len(self._messages(self.acme)), 1)
            with self.assertRaisesRegex(UserError, "nobody to remind"):
                self._dialog(self.acme).action_remind()
            dialog = self._dialog(self.acme, is_repeated=True)
            self.assertEqual(dialog.to_remind_ids, self.acme)
            dialog.action_remind()
            self.assertEqual(len(self._messages(self.acme)), 2)
        with self.at("2026-03-12"):
            self._dialog(self.acme).action_remind()
            self.assertEqual(len(self._messages(self.acme)), 3)

    def test_never_twice_by_two_at_the_same_time(self):
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
            [reminder] = self.env["sales.receivable.reminder"].search([])
            with (
                self.assertRaises(UniqueViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                reminder.sudo().copy()

    def test_blacklisted_and_without_address(self):
        nameless = self.acme.copy({"name": "Initech", "email": False})
        self._invoice("2026-01-10", 20, partner_id=nameless.id)
        self.env["mail.blacklist"]._add(self.globex.email)
        everybody = self.acme + self.globex + nameless
        with self.at("2026-03-11"):
            dialog = self._dialog(everybody)
            self.assertEqual(dialog.to_remind_ids, self.acme)
            self.assertEqual(dialog.blacklisted_ids, self.globex)
            self.assertEqual(dialog.no_address_ids, nameless)
            params = dialog.action_remind()["params"]
            self.assertEqual(params["type"], "warning")
            self.assertIn("Blacklisted: Globex.", params["message"])
            self.assertIn("Without an e-mail address: Initech.", params["message"])
            self.assertEqual(len(self._messages(self.acme)), 1)
            self.assertFalse(self._messages(self.globex + nameless))

    def test_contact_for_invoices(self):
        contact = self.env["res.partner"].create(
            {
                "name": "Accounts payable",
                "parent_id": self.acme.id,
                "type": "invoice",
                "email": "payable@acme.example.com",
            }
        )
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
            self.assertEqual(self._messages(self.acme).partner_ids, contact)

    def test_late_only(self):
        with self.at("2026-03-11"):
            self._dialog(self.acme, is_late_only=True).action_remind()
            body = self._messages(self.acme).body
            self.assertIn(self.of_acme.name, body)
            self.assertNotIn(self.of_acme_later.name, body)

    def test_template_of_another_model(self):
        """A template of another model would be rendered on whichever record of that
        model has the number of the reminder."""
        invitation = self.env["mail.template"].create(
            {
                "name": "Invitation",
                "model_id": self.env["ir.model"]._get_id("res.users"),
                "subject": "{{ object.login }}",
                "body_html": '<p t-out="object.login"/>',
            }
        )
        with self.at("2026-03-11"):
            dialog = self._dialog(self.acme, template_id=invitation.id)
            with self.assertRaisesRegex(UserError, "Invitation"):
                dialog.action_remind()
            self.assertFalse(self._messages(self.acme))
            self.assertFalse(self.env["sales.receivable.reminder"].search([]))
            # nor one that becomes such a template while the reminder waits
            dialog.template_id = self.template.copy(
                {"subject": "Hello", "body_html": "<p>Hello</p>", "lang": False}
            )
            [values] = dialog._get_plan()["to_remind"]
            reminder = (
                self.env["sales.receivable.reminder"]
                .sudo()
                .create(dialog._get_reminder_values(*values))
            )
            reminder.template_id.model_id = self.env["ir.model"]._get("res.users")
            reminder.with_user(self.user_a).sudo()._send_or_fail()
            self.assertEqual(reminder.state, "failed")
            self.assertFalse(self._messages(self.acme))

    def test_template_of_a_colleague(self):
        own = self.template.copy({"name": "Ben's own", "user_id": self.user_b.id})
        with self.at("2026-03-11"):
            dialog = self._dialog(self.acme, template_id=own.id)
            with self.assertRaisesRegex(UserError, "Ben's own"):
                dialog.action_remind()

    @mute_logger("odoo.addons.mail.models.mail_render_mixin")
    def test_template_is_rendered_as_the_user(self):
        """What it looks at, whoever reminds has to be allowed to read."""
        payment = self._pay("2026-03-01", self.of_acme, 10)
        template = self.template.copy(
            {
                "name": "Nosy",
                "body_html": '<t t-set="found" t-value="object.env[\'account.payment\']'
                f'.browse({payment.id}).amount"/><p t-out="found"/>',
            }
        )
        with self.at("2026-03-11"):
            dialog = self._dialog(self.acme, template_id=template.id)
            with self.assertRaises(UserError):
                dialog.action_remind()
            self.assertFalse(self._messages(self.acme))
            self._dialog(
                self.acme, self.user_invoicing, template_id=template.id
            ).action_remind()
            self.assertIn("10.0", self._messages(self.acme).body)

    def test_address_changed_today(self):
        """The preview says whose mail goes elsewhere since today, and nobody can make
        it say otherwise."""
        with self.at("2026-03-10"):
            self.globex.email = "yesterday@example.com"
            self.acme.email = "old@example.com"
        with self.at("2026-03-11"):
            dialog = self._dialog(self.acme + self.globex)
            self.assertFalse(dialog.new_address_ids)
            acme = self.acme.with_user(self.user_manager)
            acme.with_context(tracking_disable=True).email = "mine@example.com"
            for forge in (
                lambda: acme.write({"date_address_changed": False}),
                lambda: acme.create({"name": "x", "date_address_changed": False}),
                lambda: acme.with_context(default_date_address_changed=False).create(
                    {"name": "x"}
                ),
            ):
                with self.assertRaises(UserError):
                    forge()
            dialog = self._dialog(self.acme + self.globex)
            self.assertEqual(dialog.new_address_ids.ids, self.acme.ids)
            # a contact that gets the invoices from now on is a new address, too
            self.env["res.partner"].create(
                {
                    "name": "Payable",
                    "parent_id": self.globex.id,
                    "type": "invoice",
                    "email": "payable@example.com",
                }
            )
            dialog = self._dialog(self.acme + self.globex)
            self.assertEqual(
                set(dialog.new_address_ids.ids), set((self.acme + self.globex).ids)
            )
        with self.at("2026-03-12"):
            self.assertFalse(self._dialog(self.acme + self.globex).new_address_ids)

    @mute_logger("odoo.addons.base.models.ir_rule")
    def test_lines_are_those_of_ones_reminders(self):
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
        line = self.env["sales.receivable.reminder.line"].search([], limit=1)
        self.assertTrue(line.with_user(self.user_a).read(["amount"]))
        self.assertTrue(line.with_user(self.user_manager).read(["amount"]))
        with self.assertRaises(AccessError):
            line.with_user(self.user_b).read(["amount"])
        other = self.setup_other_company(name="Other")["company"]
        elsewhere = self.user_manager.copy(
            {"company_id": other.id, "company_ids": [Command.set(other.ids)]}
        )
        self.assertFalse(line.with_user(elsewhere).search([]))

    def test_what_is_in_payment_is_not_asked_for(self):
        with self.at("2026-03-11"):
            for invoice, amount in (
                (self.of_acme, 100),
                (self.of_acme_later, 20),
                (self.of_globex, 50),
            ):
                self._pay_without_entry("2026-03-10", invoice, amount)
            dialog = self._dialog(self.acme + self.globex)
            self.assertEqual(dialog.nothing_open_ids, self.globex)
            dialog.action_remind()
            message = self._messages(self.acme)
            self.assertNotIn(self.of_acme.name, message.body)
            self.assertIn("$\N{NO-BREAK SPACE}10.00", message.subject)
            self.assertIn("10.00", message.body)

    def test_nothing_to_pay(self):
        """Credit notes count, and what the accountant has excluded does not."""
        with self.at("2026-03-11"):
            self._invoice("2026-03-01", 50, "out_refund", partner_id=self.globex.id)
            self.of_acme.line_ids.no_followup = True
            dialog = self._dialog(self.acme + self.globex)
            self.assertEqual(dialog.nothing_open_ids, self.globex)
            dialog.action_remind()
            self.assertNotIn(self.of_acme.name, self._messages(self.acme).body)

    def test_of_what_the_user_sees(self):
        """Neither the e-mail nor the PDFs are about invoices of others."""
        self.of_acme_later.invoice_user_id = self.user_b
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
            message = self._messages(self.acme)
            self.assertIn(self.of_acme.name, message.body)
            self.assertNotIn(self.of_acme_later.name, message.body)
            self.assertEqual(message.attachment_ids, self.of_acme.invoice_pdf_report_id)
            # the PDF remains that of the invoice, also in the log of the customer
            with self.assertRaises(AccessError):
                message.attachment_ids.with_user(self.user_b).read(["raw"])

    def test_today_whatever_the_day_of_the_report(self):
        self._pay("2026-03-05", self.of_acme)
        with self.at("2026-03-11"):
            rows = self._rows("2026-02-28", self.of_acme, user=self.user_a)
            action = rows.action_remind()
            dialog = self.env[action["res_model"]].with_user(self.user_a)
            dialog.with_context(**action["context"], as_of_day="2026-02-28").create(
                {}
            ).action_remind()
            body = self._messages(self.acme).body
            self.assertNotIn(self.of_acme.name, body)
            self.assertIn(self.of_acme_later.name, body)

    def test_by_the_accountant(self):
        with self.at("2026-03-11"):
            self._dialog(self.acme + self.globex, self.user_invoicing).action_remind()
            self.assertTrue(self._messages(self.acme))
            self.assertTrue(self._messages(self.globex))

    def test_dialog_on_the_screen(self):
        with self.at("2026-03-11"):
            self._dialog(self.acme).action_remind()
            action = self._rows("2026-03-11", user=self.user_a).action_remind()
            dialog = Form(
                self.env[action["res_model"]]
                .with_user(self.user_a)
                .with_context(**action["context"])
            )
            self.assertEqual(dialog.reminded_ids.ids, self.acme.ids)
            dialog.is_repeated = True
            self.assertFalse(dialog.reminded_ids.ids)
            self.assertEqual(
                set(dialog.to_remind_ids.ids), set((self.acme + self.globex).ids)
            )

    def test_many_are_sent_in_the_background(self):
        customers = self.env["res.partner"].create(
            [
                {"name": f"Customer {number}", "email": f"c{number}@example.com"}
                for number in range(12)
            ]
        )
        for customer in customers:
            self._invoice("2026-01-10", partner_id=customer.id)
        with self.at("2026-03-11"):
            action = self._dialog(customers).action_remind()
            self.assertIn("12", action["params"]["message"])
            reminders = self.env["sales.receivable.reminder"].search([])
            self.assertEqual(set(reminders.mapped("state")), {"queued"})
            self.assertFalse(self._messages(customers))
            # before they are sent, nobody else reminds them
            with self.assertRaisesRegex(UserError, "Reminded today already"):
                self._dialog(customers, user=self.user_manager).action_remind()
            cron = self.env.ref("sales_funnel_report.ir_cron_receivable_reminder")
            with self.enter_registry_test_mode():
                cron.method_direct_trigger()
            reminders.invalidate_recordset()
            self.assertEqual(set(reminders.mapped("state")), {"sent"})
            for customer in customers:
                message = self._messages(customer)
                self.assertEqual(message.author_id, self.user_a.partner_id)
                self.assertEqual(len(message.attachment_ids), 1)

    def test_what_cannot_be_sent_is_told(self):
        with self.at("2026-03-11"):
            dialog = self._dialog(self.acme)
            [values] = dialog._get_plan()["to_remind"]
            reminder = (
                self.env["sales.receivable.reminder"]
                .sudo()
                .create(dialog._get_reminder_values(*values))
            )
            reminder.template_id = False
            reminder.with_user(self.user_a).sudo()._send_or_fail()
            self.assertEqual(reminder.state, "failed")
            self.assertIn("could not be sent", self.acme.message_ids[0].body)
            # and it may be done again the same day
            self._dialog(self.acme).action_remind()


@tagged("post_install", "-at_install")
class TestLateInvoiceActivity(ReceivablesCase):
    """Telling the salespeople of late invoices."""

    def _run(self, day):
        with self.at(day):
            self.env["account.move"]._cron_late_invoice_activity()

    def _switch_on(self, day, on=True):
        with self.at(day):
            settings = self.env["res.config.settings"].create({})
            settings.late_invoice_activity = on
            settings.execute()

    def test_off_by_default(self):
        invoice = self._invoice("2026-01-10")
        self._run("2026-02-10")
        self.assertFalse(invoice.activity_ids)

    def test_once_when_it_gets_late(self):
        self._switch_on("2026-01-01")
        # due on 9 February
        invoice = self._invoice("2026-01-10")
        self._run("2026-02-09")
        self.assertFalse(invoice.activity_ids)
        self._run("2026-02-10")
        activity = invoice.activity_ids
        self.assertEqual(activity.user_id, self.user_a)
        self.assertEqual(
            activity.activity_type_id,
            self.env.ref("sales_funnel_report.mail_activity_late_invoice"),
        )
        self._run("2026-02-11")
        self.assertEqual(invoice.activity_ids, activity)
        activity.action_feedback()
        self._run("2026-02-12")
        self.assertFalse(invoice.activity_ids)

    def test_paid_in_time(self):
        self._switch_on("2026-01-01")
        invoice = self._invoice("2026-01-10")
        refund = self._invoice("2026-01-10", 10, "out_refund")
        self._pay("2026-02-01", invoice)
        self._run("2026-02-20")
        self.assertFalse((invoice + refund).activity_ids)

    def test_what_was_late_before_is_left_alone(self):
        invoice = self._invoice("2026-01-10")
        self._switch_on("2026-03-01")
        self._run("2026-03-02")
        self.assertFalse(invoice.activity_ids)
        later = self._invoice("2026-02-10")
        self._run("2026-03-20")
        self.assertTrue(later.activity_ids)
        self._switch_on("2026-03-21", on=False)
        another = self._invoice("2026-02-20")
        self._run("2026-04-20")
        self.assertFalse(another.activity_ids)

    def test_salesperson_of_the_customer(self):
        self._switch_on("2026-01-01")
        self.acme.user_id = self.user_b
        invoice = self._invoice("2026-01-10")
        invoice.invoice_user_id = False
        nobodys = self._invoice("2026-01-10", partner_id=self.globex.id)
        nobodys.invoice_user_id = False
        gone = self._invoice("2026-01-10", partner_id=self.globex.id)
        self.user_a.active = False
        self._run("2026-02-10")
        self.assertEqual(invoice.activity_ids.user_id, self.user_b)
        self.assertFalse((nobodys + gone).activity_ids)


@tagged("post_install", "-at_install")
class TestReceivablesTour(ReceivablesCase, HttpCase):
    """The reports in the browser."""

    def test_receivables(self):
        # the tour runs today: nothing that it looks at depends on which day that is
        self._invoice("2026-01-10")
        self._invoice("2026-02-10", partner_id=self.globex.id)
        self.user_invoicing.group_ids += self.env.ref("sales_team.group_sale_manager")
        self.start_tour(
            "/odoo/receivables",
            "sales_funnel_report_receivables",
            login=self.user_invoicing.login,
        )
        reminders = self.env["sales.receivable.reminder"].search([])
        self.assertEqual(reminders.partner_id, self.acme)
        self.assertEqual(reminders.amount, 100)
        self.assertIn("Reminded of open invoices", self.acme.message_ids[0].body)
