from datetime import timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_phonecall import NOW, NUMBER, PhonecallCase

SECRET = "+32 2 555 12 12"


class PointerCase(PhonecallCase):
    """What a salesperson with own documents only can point at: the deal, quotation
    and call of a colleague are there, and are not to be seen."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secret_partner = cls.env["res.partner"].create(
            {"name": "Secret Customer", "phone": SECRET}
        )
        cls.secret_lead = cls.env["crm.lead"].create(
            {
                "name": "Secret deal",
                "type": "opportunity",
                "company_id": cls.company.id,
                "user_id": cls.colleague.id,
                "team_id": cls.team.id,
                "partner_id": cls.secret_partner.id,
            }
        )
        cls.secret_order = cls.env["sale.order"].create(
            {
                "partner_id": cls.secret_partner.id,
                "user_id": cls.colleague.id,
                "opportunity_id": cls.secret_lead.id,
            }
        )
        cls.own_calls = cls.Call.with_user(cls.own)

    def setUp(self):
        super().setUp()
        # what others have read is not in the cache of a request
        self.env.flush_all()
        self.env.invalidate_all()

    def assert_no_access(self, function, *arguments, **named):
        """A request that is refused: nothing of it stays."""
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            function(*arguments, **named)
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestEventOfCall(PointerCase):
    """The calendar event of a call is made by Odoo, and nothing else is touched."""

    def setUp(self):
        super().setUp()
        self.event = (
            self.env["calendar.event"]
            .with_user(self.colleague)
            .create(
                {
                    "name": "Board meeting",
                    "start": NOW,
                    "stop": NOW + timedelta(hours=1),
                    "privacy": "private",
                }
            )
        )

    def assert_untouched(self):
        self.env.flush_all()
        self.assertTrue(self.event.exists())
        self.assertEqual(self.event.name, "Board meeting")
        self.assertEqual(self.event.start, NOW)

    def test_event_is_refused_on_a_new_call(self):
        values = {"event_id": self.event.id, "state": "held", "duration": 1}
        self.assert_no_access(self.own_calls.create, values)
        self.assert_no_access(self.Call.with_user(self.all).create, values)
        self.assert_untouched()

    def test_event_is_refused_on_a_call_that_is_there(self):
        call = self.make_call(date=NOW).with_user(self.own)
        event = call.event_id
        for value in (self.event.id, False):
            self.assert_no_access(call.write, {"event_id": value})
        self.assertEqual(call.event_id, event)
        self.assert_untouched()

    def test_event_of_the_context_is_not_taken(self):
        calls = self.own_calls.with_context(default_event_id=self.event.id)
        self.assertNotIn("event_id", calls.default_get(["event_id", "state"]))
        for state in ("planned", "held"):
            call = calls.create({"state": state, "duration": 1})
            self.assertNotEqual(call.event_id, self.event)
            call.write({"state": "cancelled"})
        activity = self.make_lead().activity_schedule(
            "mail.mail_activity_data_call", user_id=self.own.id
        )
        activity.with_user(self.own).with_context(
            default_event_id=self.event.id, default_outcome_id=self.interested.id
        ).action_feedback()
        call = self.Call.search(
            [("user_id", "=", self.own.id)], limit=1, order="id desc"
        )
        self.assertEqual(call.state, "held")
        self.assertFalse(call.event_id | self.event.browse(call.outcome_id.ids))
        self.assert_untouched()

    def test_event_is_not_imported(self):
        result = self.own_calls.load(
            ["name", "state", "event_id/.id"],
            [["Sneaked in", "held", str(self.event.id)]],
        )
        self.assertFalse(result["ids"])
        self.assertTrue(result["messages"][0]["message"])
        self.assertFalse(self.Call.search([("name", "=", "Sneaked in")]))
        self.assert_untouched()

    def test_event_is_not_copied(self):
        call = self.make_call(date=NOW).with_user(self.own)
        self.assertNotEqual(call.copy().event_id, call.event_id)
        self.assert_no_access(call.copy, {"event_id": self.event.id})
        self.assert_no_access(
            self.make_lead().with_user(self.own).write,
            {"phonecall_ids": [Command.create({"event_id": self.event.id})]},
        )
        self.assert_untouched()

    def test_event_of_something_else_is_never_touched(self):
        """However it came to stand there."""
        for change in (
            lambda call: call.write({"state": "cancelled"}),
            lambda call: call.write({"date": NOW + timedelta(days=1)}),
            lambda call: call.write({"user_id": self.own.id}),
            lambda call: call.with_user(self.manager).unlink(),
        ):
            call = self.make_call(date=NOW, user_id=self.colleague.id)
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE crm_phonecall SET event_id = %s WHERE id = %s",
                [self.event.id, call.id],
            )
            self.env.invalidate_all()
            change(call)
            self.assert_untouched()

    def test_event_that_its_owner_gives_to_another_call(self):
        mine = self.make_call(date=NOW)
        theirs = self.make_call(date=NOW, user_id=self.colleague.id)
        event, other_event = mine.event_id, theirs.event_id
        later = NOW + timedelta(hours=5)
        event.with_user(self.own).write({"res_id": theirs.id})
        event.with_user(self.own).write({"start": later, "stop": later})
        # it is about neither of them any more
        self.assertEqual((mine.date, theirs.date), (NOW, NOW))
        self.assertEqual(other_event.start, NOW)
        mine.with_user(self.own).date = NOW + timedelta(days=1)
        self.assertEqual(event.start, later)
        self.assertEqual(mine.event_id.start, NOW + timedelta(days=1))
        self.assertNotEqual(mine.event_id, event)
        (mine | theirs).with_user(self.manager).unlink()
        self.assertTrue(event.exists())
        self.assertFalse(other_event.exists())

    def test_event_of_another_model_does_not_move_the_call(self):
        call = self.make_call(date=NOW)
        event = call.event_id.with_user(self.own)
        lead = self.make_lead()
        event.write(
            {
                "res_model_id": self.env["ir.model"]._get_id("crm.lead"),
                "res_id": lead.id,
            }
        )
        event.write({"start": NOW + timedelta(hours=1)})
        self.assertEqual(call.date, NOW)

    def test_who_may_not_edit_the_call_does_not_move_it(self):
        call = self.make_call(date=NOW, user_id=self.colleague.id)
        event = call.event_id.with_user(self.own)
        self.assert_no_access(event.write, {"start": NOW + timedelta(hours=1)})
        forged = (
            self.env["calendar.event"]
            .with_user(self.own)
            .create(
                {
                    "name": "Forged",
                    "start": NOW,
                    "stop": NOW,
                    "res_model_id": self.env["ir.model"]._get_id("crm.phonecall"),
                    "res_id": call.id,
                }
            )
        )
        later = NOW + timedelta(hours=2)
        forged.write({"start": later, "stop": later})
        self.assertEqual(call.date, NOW)
        self.assertEqual(call.event_id.start, NOW)


@tagged("post_install", "-at_install")
class TestPointersOfCall(PointerCase):
    def test_names_of_the_exchange_are_refused(self):
        """Or the call that the exchange tells of later would be taken for known."""
        call = self.make_call().with_user(self.own)
        for name in ("exchange_call_id", "new_caller"):
            self.assert_no_access(self.own_calls.create, {name: "pbx-1"})
            self.assert_no_access(call.write, {name: "pbx-1"})
            context = {f"default_{name}": "pbx-1", "phonecall_trusted": True}
            self.assertFalse(self.own_calls.with_context(**context).create({})[name])

    def test_call_is_not_made_about_what_cannot_be_read(self):
        for field, record in (
            ("lead_id", self.secret_lead),
            ("order_id", self.secret_order),
        ):
            values = {field: record.id}
            with self.subTest(field=field):
                self.assert_no_access(self.own_calls.create, values)
                # nothing is left to compute
                self.assert_no_access(
                    self.own_calls.create,
                    values
                    | {
                        "lead_id": record.id if field == "lead_id" else False,
                        "phone": NUMBER,
                        "partner_id": False,
                        "team_id": self.team.id,
                        "company_id": self.company.id,
                    },
                )
                self.assert_no_access(
                    self.own_calls.with_context(
                        **{f"default_{field}": record.id}
                    ).create,
                    {},
                )
                self.assert_no_access(
                    self.make_call().with_user(self.own).write, values
                )
                self.assert_no_access(self.make_call().with_user(self.own).copy, values)
                self.assertFalse(record.sudo().phonecall_ids)

    def test_customer_of_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.secret_partner.company_id = other
        self.env.flush_all()
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.own_calls.create({"partner_id": self.secret_partner.id})
        self.assertFalse(
            self.look({"partner_id": self.secret_partner.id}, "phone").get("phone")
        )

    def look(self, values, *names, record=None):
        """What the browser shows while a form is filled in."""
        model = (record or self.Call).with_user(self.own)
        spec = {name: {} for name in (*values, *names)}
        self.env.invalidate_all()
        return model.onchange(values, list(values), spec)["value"]

    def test_form_shows_nothing_of_it(self):
        names = ("phone", "phone_sanitized", "partner_id", "team_id", "lead_id")
        self.secret_lead.team_id = self.env["crm.team"].create({"name": "Secret"})
        self.env.flush_all()
        call = self.make_call()
        for values in (
            {"lead_id": self.secret_lead.id},
            {"order_id": self.secret_order.id},
        ):
            for record in (None, call):
                with self.subTest(values=values, record=record):
                    shown = self.look(values, *names, record=record)
                    self.assertFalse(shown.get("phone"))
                    self.assertFalse(shown.get("phone_sanitized"))
                    self.assertFalse(shown.get("partner_id"))
                    self.assertNotEqual(
                        shown.get("team_id"), self.secret_lead.team_id.id
                    )
                    if "order_id" in values:
                        self.assertFalse(shown.get("lead_id"))
        shown = (
            self.env["crm.lead"]
            .with_user(self.own)
            .onchange(
                {"phonecall_ids": [Command.create({"order_id": self.secret_order.id})]},
                ["phonecall_ids"],
                {"phonecall_ids": {"fields": {"phone": {}, "lead_id": {}}}},
            )["value"]
        )
        for _command, _id, values in shown.get("phonecall_ids", []):
            self.assertFalse(values.get("phone") or values.get("lead_id"))

    def test_own_quotation_of_a_deal_that_is_a_colleagues(self):
        """The call is about the quotation; the deal stays out of it."""
        self.secret_order.user_id = self.own
        self.env.flush_all()
        call = self.own_calls.create({"order_id": self.secret_order.id})
        self.assertEqual(call.order_id, self.secret_order)
        self.assertFalse(call.lead_id)
        self.assertEqual(call.partner_id, self.secret_partner)
        self.assertFalse(self.secret_lead.sudo().phonecall_ids)
        seen_by_all = self.Call.with_user(self.all).create(
            {"order_id": self.secret_order.id}
        )
        self.assertEqual(seen_by_all.lead_id, self.secret_lead)

    def test_call_that_was_given_to_the_salesperson(self):
        """Its deal may be a colleague's: the exchange links them. The call is worked
        with, and the next one is about the same."""
        call = self.make_call(lead_id=self.secret_lead.id, date=NOW)
        self.assertEqual(call.phone, SECRET)
        self.finish(call, state="no_answer", next_date=NOW + timedelta(days=1))
        next_call = self.secret_lead.phonecall_ids - call
        self.assertEqual(next_call.user_id, self.own)
        self.assertEqual(next_call.phone, SECRET)
        next_call.with_user(self.own).write({"name": "Again", "state": "held"})
        shown = self.look({"user_id": self.own.id}, "team_id", "phone", record=call)
        self.assertNotIn("phone", shown)

    def test_activity_on_what_cannot_be_read(self):
        """Who was given the activity keeps the call, with all that belongs to it."""
        activity = self.secret_order.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.own.id
        )
        activity.with_user(self.own).action_done()
        call = self.secret_order.phonecall_ids
        self.assertEqual(call.user_id, self.own)
        self.assertEqual(call.lead_id, self.secret_lead)
        self.assertEqual(call.phone, SECRET)

    def test_activity_is_not_moved_to_what_cannot_be_read(self):
        activity = self.make_lead().activity_schedule(
            "mail.mail_activity_data_call", user_id=self.own.id
        )
        self.env.flush_all()
        own_activity = activity.with_user(self.own)
        other = self.make_lead(name="Another one")
        for values in (
            {"res_id": self.secret_lead.id},
            {
                "res_model_id": self.env["ir.model"]._get_id("sale.order"),
                "res_id": self.secret_order.id,
            },
        ):
            self.assert_no_access(own_activity.write, values)
        own_activity.write({"res_id": other.id})
        own_activity.action_feedback()
        self.assertEqual(other.phonecall_ids.user_id, self.own)
        self.assertFalse(self.secret_lead.phonecall_ids)

    def test_later_changes_of_a_deal_reach_calls_of_others(self):
        self.secret_lead.partner_id = False
        call = self.make_call(lead_id=self.secret_lead.id)
        self.secret_lead.with_user(self.colleague).partner_id = self.secret_partner
        self.assertEqual(call.partner_id, self.secret_partner)


@tagged("post_install", "-at_install")
class TestPointersOfMeeting(PointerCase):
    """A meeting is a milestone of its deal."""

    def setUp(self):
        super().setUp()
        self.meetings = self.env["calendar.event"].with_user(self.own)
        self.values = {"name": "Lunch", "start": NOW, "stop": NOW + timedelta(hours=1)}

    def test_deal_of_a_colleague(self):
        lead = self.make_lead()
        meeting = self.meetings.create({**self.values, "opportunity_id": lead.id})
        secret = {"opportunity_id": self.secret_lead.id}
        self.assert_no_access(meeting.write, secret)
        self.assert_no_access(self.meetings.create, {**self.values, **secret})
        # of a meeting with an activity Odoo itself asks nothing
        activity = lead.activity_schedule(
            "mail.mail_activity_data_meeting", user_id=self.own.id
        )
        self.assert_no_access(
            self.meetings.create,
            {**self.values, **secret, "activity_ids": [Command.link(activity.id)]},
        )
        self.assertEqual(meeting.opportunity_id, lead)
        self.assertFalse(self.secret_lead.calendar_event_ids)

    def test_activity_that_was_given_to_the_salesperson(self):
        activity = self.secret_lead.activity_schedule(
            "mail.mail_activity_data_meeting", user_id=self.own.id
        )
        meeting = self.meetings.create(
            {
                **self.values,
                "opportunity_id": self.secret_lead.id,
                "activity_ids": [Command.link(activity.id)],
            }
        )
        self.assertEqual(self.secret_lead.calendar_event_ids.ids, meeting.ids)


@tagged("post_install", "-at_install")
class TestPointersOfFinish(PointerCase):
    def setUp(self):
        super().setUp()
        self.call = self.make_call(
            user_id=self.colleague.id,
            state="held",
            date=NOW,
            duration=7,
            outcome_id=self.interested.id,
            note="<p>Secret price</p>",
        )
        self.env.flush_all()
        self.env.invalidate_all()
        self.dialogs = self.env["crm.phonecall.finish"].with_user(self.own)

    def test_call_of_a_colleague(self):
        values = {"call_id": self.call.id}
        self.assert_no_access(self.dialogs.create, values)
        self.assert_no_access(
            self.dialogs.with_context(default_call_id=self.call.id).create, {}
        )
        dialog = self.dialogs.create({"call_id": self.make_call().id})
        self.env.invalidate_all()
        self.assert_no_access(dialog.write, values)

    def test_form_shows_nothing_of_it(self):
        names = ("note", "duration", "outcome_id", "date")
        shown = self.dialogs.onchange(
            {"call_id": self.call.id}, [], {name: {} for name in ("call_id", *names)}
        )["value"]
        self.assertNotIn("Secret", str(shown.get("note")))
        self.assertFalse(shown.get("duration") or shown.get("outcome_id"))
        self.assertNotEqual(shown.get("date"), NOW)

    def test_deal_of_a_colleague(self):
        dialog = self.dialogs.create({"call_id": self.make_call().id})
        self.assert_no_access(dialog.write, {"lead_id": self.secret_lead.id})


@tagged("post_install", "-at_install")
class TestPointersOfQuotation(PointerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage = cls.env["crm.stage"].create({"name": "Offered", "sequence": 60})
        cls.company.quotation_sent_stage_id = cls.stage
        cls.company.order_confirmed_stage_id = cls.stage

    def make_order(self, **values):
        return (
            self.env["sale.order"]
            .with_user(self.own)
            .create({"partner_id": self.secret_partner.id} | values)
        )

    def test_deal_of_a_colleague_is_not_quoted(self):
        before = self.secret_lead.stage_id
        values = {"opportunity_id": self.secret_lead.id}
        self.assert_no_access(self.make_order, **values)
        orders = self.env["sale.order"].with_user(self.own)
        self.assert_no_access(
            orders.with_context(default_opportunity_id=self.secret_lead.id).create,
            {"partner_id": self.secret_partner.id},
        )
        order = self.make_order()
        self.assert_no_access(order.write, values)
        self.assert_no_access(order.copy, values)
        order.write({"state": "sent"})
        self.assertEqual(self.secret_lead.stage_id, before)

    def test_own_deal_is(self):
        lead = self.make_lead(type="opportunity", team_id=self.team.id)
        self.env.flush_all()
        order = self.make_order(opportunity_id=lead.id)
        order.write({"state": "sent"})
        self.assertEqual(lead.stage_id, self.stage)

    def test_customer_signs_what_was_linked_before(self):
        """The deal moves, though who signs may see nothing of it, nor may who made
        the quotation any more."""
        lead = self.make_lead(type="opportunity", team_id=self.team.id)
        self.env.flush_all()
        order = self.make_order(opportunity_id=lead.id)
        lead.user_id = self.colleague
        self.env.flush_all()
        public = self.env.ref("base.public_user")
        order.with_user(public).sudo().action_confirm()
        self.assertEqual(lead.stage_id, self.stage)

    def test_copy_of_a_quotation_whose_deal_has_gone_to_a_colleague(self):
        lead = self.make_lead(type="opportunity", team_id=self.team.id)
        self.env.flush_all()
        order = self.make_order(opportunity_id=lead.id)
        self.assertEqual(order.copy().opportunity_id, lead)
        lead.user_id = self.colleague
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(order.copy().opportunity_id)
        self.assertEqual(order.with_user(self.all).copy().opportunity_id, lead)
