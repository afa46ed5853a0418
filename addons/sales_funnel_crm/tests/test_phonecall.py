from datetime import datetime, timedelta

from freezegun import freeze_time
from lxml import etree
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

NOW = datetime(2026, 3, 4, 10, 0)
NUMBER = "+32 2 290 34 90"
SANITIZED = "+3222903490"


class PhonecallCase(TransactionCase):
    """A Belgian company with one sales team, and a user of each sales group."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Call = cls.env["crm.phonecall"]
        cls.company = cls.env["res.company"].create(
            {"name": "Brussels Plates", "country_id": cls.env.ref("base.be").id}
        )
        cls.env.user.write(
            {
                "company_ids": [Command.link(cls.company.id)],
                "company_id": cls.company.id,
            }
        )
        cls.env = cls.env(
            context=dict(cls.env.context, allowed_company_ids=cls.company.ids)
        )
        cls.Call = cls.env["crm.phonecall"]
        cls.own, cls.colleague, cls.all, cls.manager = (
            new_test_user(
                cls.env,
                login=f"phonecall_{login}",
                groups=f"base.group_user,sales_team.{group}",
                email=f"{login}@plates.example.com",
                company_id=cls.company.id,
                tz="Europe/Brussels",
            )
            for login, group in (
                ("own", "group_sale_salesman"),
                ("colleague", "group_sale_salesman"),
                ("all", "group_sale_salesman_all_leads"),
                ("manager", "group_sale_manager"),
            )
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Plates",
                "company_id": cls.company.id,
                "use_leads": True,
                "member_ids": [Command.set((cls.own | cls.colleague).ids)],
            }
        )
        cls.interested = cls.env.ref("sales_funnel_crm.phonecall_outcome_interested")

    def make_partner(self, **values):
        return self.env["res.partner"].create(
            {"name": "Café Luxor", "phone": NUMBER} | values
        )

    def make_lead(self, **values):
        return self.env["crm.lead"].create(
            {"name": "New menu", "company_id": self.company.id, "user_id": self.own.id}
            | values
        )

    def make_call(self, **values):
        return self.Call.create({"user_id": self.own.id} | values)

    def finish(self, call, state="held", **values):
        action = (
            call.action_no_answer() if state == "no_answer" else call.action_finish()
        )
        form = Form(
            self.env[action["res_model"]]
            .with_user(self.own)
            .with_context(**action["context"])
        )
        for field, value in values.items():
            setattr(form, field, value)
        return form.save().action_confirm()


@tagged("post_install", "-at_install")
class TestPhonecall(PhonecallCase):
    def test_defaults_from_a_deal(self):
        partner = self.make_partner()
        lead = self.make_lead(partner_id=partner.id, team_id=self.team.id)
        action = lead.with_user(self.own).action_log_phonecall()
        self.assertEqual(action["target"], "new")
        with Form(
            self.Call.with_user(self.own).with_context(**action["context"]),
            view=action["view_id"][0],
        ) as form:
            self.assertEqual(form.partner_id, partner)
            self.assertEqual(form.phone, NUMBER)
            self.assertEqual(form.user_id, self.own)
            self.assertEqual(form.direction, "out")
        call = form.record
        self.assertEqual(call.name, "Call: New menu")
        self.assertEqual(call.lead_id, lead)
        self.assertEqual(call.team_id, self.team)
        self.assertEqual(call.company_id, self.company)
        self.assertEqual(call.phone_sanitized, SANITIZED)

    def test_defaults_from_a_quotation(self):
        lead = self.make_lead(phone=NUMBER)
        order = self.env["sale.order"].create(
            {"partner_id": self.make_partner().id, "opportunity_id": lead.id}
        )
        action = order.action_log_phonecall()
        call = Form(self.Call.with_context(**action["context"])).save()
        self.assertEqual(call.name, f"Call: {lead.name}")
        self.assertEqual(call.order_id, order)
        self.assertEqual(call.lead_id, lead)
        self.assertEqual(call.partner_id, order.partner_id)
        self.assertEqual(order.phonecall_count, 1)
        self.assertEqual(lead.phonecall_count, 1)

    def test_log_a_held_call_in_the_dialog(self):
        partner = self.make_partner()
        action = partner.with_user(self.own).action_log_phonecall()
        form = Form(
            self.Call.with_user(self.own).with_context(**action["context"]),
            view=action["view_id"][0],
        )
        form.state = "held"
        form.direction = "in"
        form.duration = 12.5
        form.outcome_id = self.interested
        call = form.save()
        self.assertEqual(call.state, "held")
        self.assertEqual(call.date_end - call.date, timedelta(minutes=12.5))
        self.assertFalse(call.event_id)

    def test_start_is_now_or_the_next_half_hour(self):
        with freeze_time("2026-03-04 10:05:00"):
            form = Form(self.Call)
            self.assertEqual(form.state, "planned")
            self.assertEqual(form.date, datetime(2026, 3, 4, 10, 30))
            form.state = "held"
            self.assertEqual(form.date, datetime(2026, 3, 4, 10, 5))
            call = form.save()
        call.state = "planned"
        self.assertEqual(call.date, datetime(2026, 3, 4, 10, 5))

    def test_buttons_of_documents(self):
        lead = self.make_lead()
        order = self.env["sale.order"].create({"partner_id": self.make_partner().id})
        for document, field in ((lead, "lead_id"), (order, "order_id")):
            call = self.make_call(**{field: document.id})
            self.make_call()
            action = document.with_user(self.all).action_view_phonecalls()
            self.assertEqual(self.Call.search(action["domain"]), call)
            new_call = self.Call.with_context(**action["context"]).create({})
            self.assertEqual(new_call[field], document)
            arch = document.with_user(self.own).get_view(view_type="form")["arch"]
            self.assertIn('name="action_view_phonecalls"', arch)
            self.assertIn('name="action_log_phonecall"', arch)

    def test_number_typed_is_recognised(self):
        partner = self.make_partner()
        for number in (
            "022903490",
            "02 290 34 90",
            "02/290.34.90",
            "+3222903490",
            "+32 (2) 290-34-90",
            "0032 2 290 34 90",
            "3222903490",
        ):
            with self.subTest(number=number):
                form = Form(self.Call)
                form.phone = number
                self.assertEqual(form.partner_id, partner)
                self.assertEqual(form.phone, NUMBER)
                self.assertEqual(
                    self.Call.create({"phone": number}).partner_id, partner
                )

    def test_number_written_otherwise_on_the_partner(self):
        for number in ("022903490", "0032 2 290 34 90", "+32-2-290-34-90"):
            with self.subTest(number=number):
                partner = self.make_partner(phone=number)
                self.assertEqual(
                    self.Call.create({"phone": NUMBER}).partner_id, partner
                )
                partner.unlink()

    def test_number_of_a_partner_abroad(self):
        partner = self.make_partner(
            phone="01 42 68 53 00", country_id=self.env.ref("base.fr").id
        )
        for number in ("+33142685300", "0033142685300"):
            self.assertEqual(self.Call.create({"phone": number}).partner_id, partner)
        # The same digits dialled in Belgium are another number.
        self.assertFalse(self.Call.create({"phone": "0142685300"}).partner_id)

    def test_internal_number(self):
        partner = self.make_partner(phone="4 71 1")
        self.assertEqual(self.Call.create({"phone": "47-11"}).partner_id, partner)
        self.assertFalse(self.Call.create({"phone": "47"}).partner_id)

    def test_deal_comes_before_partner(self):
        contact = self.make_partner(name="Zoe")
        partner = self.make_partner()
        self.assertEqual(self.Call.create({"phone": NUMBER}).partner_id, contact)
        partner.is_company = True
        contact.parent_id = partner
        self.assertEqual(self.Call.create({"phone": NUMBER}).partner_id, partner)
        older = self.make_lead(phone="02 290 34 90")
        newer = self.make_lead(phone="0032 2 290 34 90")
        call = self.Call.create({"phone": NUMBER})
        self.assertEqual(call.lead_id, newer)
        self.assertEqual(call.partner_id, partner)
        newer.action_set_lost()
        self.assertEqual(self.Call.create({"phone": NUMBER}).lead_id, older)
        older.action_set_won()
        self.assertFalse(self.Call.create({"phone": NUMBER}).lead_id)

    def test_deal_of_another_company_is_not_taken(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.env.user.company_ids += other
        self.make_lead(phone=NUMBER, company_id=other.id, user_id=False, team_id=False)
        self.assertFalse(self.Call.create({"phone": NUMBER}).lead_id)

    def test_salesperson_does_not_learn_of_deals_of_others(self):
        self.make_lead(phone=NUMBER, user_id=self.colleague.id)
        call = self.Call.with_user(self.own).create({"phone": NUMBER})
        self.assertFalse(call.lead_id)

    def test_queries_to_recognise_many(self):
        partners = self.env["res.partner"].create(
            [
                {"name": f"Guest {number}", "phone": f"+32 2 290 34 {number}"}
                for number in range(10, 60)
            ]
        )
        numbers = partners.mapped("phone")
        self.env.flush_all()
        self.Call._match_numbers(numbers, self.company)
        self.env.invalidate_all()
        with self.assertQueryCount(5):
            found = self.Call._match_numbers(numbers, self.company)
        self.assertEqual([found[number][1] for number in numbers], list(partners))

    def test_duration_is_minutes_and_may_exceed_a_day(self):
        call = self.make_call(state="held", date=NOW, duration=1500)
        self.assertEqual(call.duration, 1500)
        self.assertEqual(call.date_end, NOW + timedelta(hours=25))
        call.date = NOW + timedelta(days=3)
        self.assertEqual(call.duration, 1500)
        self.assertEqual(self.Call._fields["duration"].string, "Minutes")
        for view in ("list", "form", "pivot"):
            arch = self.Call.get_view(view_type=view)["arch"]
            self.assertIn('name="duration"', arch)
            self.assertNotIn("float_time", arch)

    @mute_logger("odoo.sql_db")
    def test_duration_is_not_negative(self):
        with self.assertRaises(IntegrityError):
            self.make_call(state="held", duration=-1)

    @mute_logger("odoo.sql_db")
    def test_duration_is_a_week_at_most(self):
        with self.assertRaises(IntegrityError):
            self.make_call(state="held", date=NOW, duration=1e15)

    def test_on_the_last_day_there_is(self):
        last = datetime(9999, 12, 31, 23, 59, 59)
        call = self.make_call(state="held", date=last, duration=5)
        self.assertEqual(call.date_end, last)

    def test_calendar_lengthens_held_calls_only(self):
        held = self.make_call(state="held", date=NOW, duration=10)
        held.write({"date": NOW, "date_end": NOW + timedelta(minutes=40)})
        self.assertEqual(held.duration, 40)
        held.duration = 0
        held.write({"date": NOW, "date_end": NOW + timedelta(minutes=15)})
        self.assertEqual(held.duration, 0)
        planned = self.make_call(date=NOW)
        self.assertEqual(planned.date_end, NOW + timedelta(minutes=15))
        planned.write({"date": NOW, "date_end": NOW + timedelta(minutes=40)})
        self.assertEqual(planned.duration, 0)
        self.assertEqual(planned.date_end, NOW + timedelta(minutes=40))

    def test_later_customer_of_a_deal_gets_its_calls(self):
        lead = self.make_lead(phone=NUMBER)
        call = self.make_call(lead_id=lead.id)
        self.assertFalse(call.partner_id)
        partner = self.make_partner(phone=False)
        lead.partner_id = partner
        self.assertEqual(call.partner_id, partner)
        self.assertEqual(call.phone, NUMBER)

    def test_merge_keeps_calls(self):
        head, tail = self.make_lead(), self.make_lead()
        call = self.make_call(lead_id=tail.id, user_id=self.colleague.id)
        merged = (head | tail).with_user(self.own).merge_opportunity()
        self.assertEqual(call.lead_id, merged)

    def test_counts_in_one_query(self):
        leads = self.env["crm.lead"].create(
            [
                {"name": f"Deal {index}", "company_id": self.company.id}
                for index in range(20)
            ]
        )
        self.Call.create([{"lead_id": lead.id} for lead in leads[:5] for _ in range(3)])
        self.env.flush_all()
        leads.mapped("phonecall_count")
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            counts = leads.mapped("phonecall_count")
        self.assertEqual(counts, [3] * 5 + [0] * 15)

    def test_counts_of_a_company_and_its_contacts(self):
        company = self.make_partner(is_company=True)
        contacts = self.env["res.partner"].create(
            [
                {"name": f"Contact {index}", "parent_id": company.id}
                for index in range(5)
            ]
        )
        self.Call.create([{"partner_id": partner.id} for partner in company | contacts])
        self.env.flush_all()
        (company | contacts[0]).mapped("phonecall_count")
        self.env.invalidate_all()
        with self.assertQueryCount(4):
            counts = (company | contacts[0]).mapped("phonecall_count")
        self.assertEqual(counts, [6, 1])
        action = company.action_view_phonecalls()
        self.assertEqual(self.Call.search_count(action["domain"]), 6)

    def test_filters(self):
        """Today is the day of the salesperson, not of UTC."""
        with freeze_time("2026-03-03 23:30:00"):  # 00:30 on the 4th in Brussels
            calls = self.Call.with_user(self.own).with_context(tz="Europe/Brussels")
            yesterday, today, overdue, tonight, tomorrow = calls.create(
                [
                    {"date": date, "state": state}
                    for date, state in (
                        ("2026-03-03 22:59:59", "held"),
                        ("2026-03-03 23:00:00", "held"),
                        ("2026-03-03 23:10:00", "planned"),
                        ("2026-03-04 22:59:59", "planned"),
                        ("2026-03-04 23:00:00", "planned"),
                    )
                ]
            )
            found = self.search_by_filter(calls, "today")
            self.assertEqual(found, today | overdue | tonight)
            self.assertEqual(self.search_by_filter(calls, "overdue"), overdue)
            colleague_call = self.make_call(user_id=self.colleague.id, date=NOW)
            everyone = calls.with_user(self.all)
            self.assertNotIn(colleague_call, self.search_by_filter(everyone, "mine"))
            self.assertNotIn(colleague_call, self.search_by_filter(everyone, "my_team"))
            self.team.user_id = self.all
            self.assertIn(colleague_call, self.search_by_filter(everyone, "my_team"))
            self.assertFalse((yesterday | tomorrow) & found)

    def search_by_filter(self, calls, name):
        """Search with the domain of a filter of the search view, as the browser."""
        arch = etree.fromstring(calls.get_view(view_type="search")["arch"])
        (node,) = arch.xpath(f"//filter[@name='{name}']")
        return calls.search(safe_eval(node.get("domain"), {"uid": calls.env.uid}))

    def test_all_states_are_columns_of_the_kanban(self):
        self.make_call()
        groups = self.Call.with_context(read_group_expand=True).formatted_read_group(
            [("user_id", "=", self.own.id)], ["state"], ["__count"]
        )
        self.assertEqual(
            [(group["state"], group["__count"]) for group in groups],
            [("planned", 1), ("held", 0), ("no_answer", 0), ("cancelled", 0)],
        )


@tagged("post_install", "-at_install")
class TestPhonecallFinish(PhonecallCase):
    def test_asks_for_outcome_and_duration(self):
        call = self.make_call(date="2026-03-01 09:00:00")
        with self.assertRaisesRegex(UserError, "outcome"):
            self.env["crm.phonecall.finish"].create(
                {"call_id": call.id, "duration": 3}
            ).action_confirm()
        with self.assertRaisesRegex(UserError, "duration"):
            self.env["crm.phonecall.finish"].create(
                {"call_id": call.id, "outcome_id": self.interested.id}
            ).action_confirm()
        self.assertEqual(call.state, "planned")

    def test_held_when_it_was_held(self):
        call = self.make_call(date=NOW - timedelta(days=2))
        with freeze_time(NOW):
            self.finish(call, outcome_id=self.interested, duration=7, note="Likes it")
        self.assertEqual(call.state, "held")
        self.assertEqual(call.date, NOW)
        self.assertEqual(call.duration, 7)
        self.assertEqual(call.outcome_id, self.interested)
        self.assertIn("Likes it", call.note)
        self.assertFalse(call.event_id)

    def test_no_answer_offers_the_next_call(self):
        partner = self.make_partner()
        call = self.make_call(partner_id=partner.id)
        tomorrow = NOW + timedelta(days=1)
        self.finish(call, state="no_answer", next_date=tomorrow)
        self.assertEqual(call.state, "no_answer")
        next_call = partner.phonecall_ids - call
        self.assertEqual(next_call.state, "planned")
        self.assertEqual(next_call.date, tomorrow)
        self.assertEqual(next_call.phone, NUMBER)
        self.assertEqual(next_call.event_id.start, tomorrow)

    def test_next_call_needs_a_date(self):
        wizard = self.env["crm.phonecall.finish"].create(
            {"call_id": self.make_call().id, "state": "no_answer", "next_date": False}
        )
        with self.assertRaisesRegex(UserError, "date"):
            wizard.action_confirm()

    def test_next_meeting(self):
        held = {"outcome_id": self.interested, "duration": 5, "next_step": "meeting"}
        partner = self.make_partner()
        action = self.finish(self.make_call(partner_id=partner.id), **held)
        self.assertEqual(action["res_model"], "calendar.event")
        self.assertIn(partner.id, action["context"]["default_partner_ids"])
        lead = self.make_lead(type="opportunity")
        action = self.finish(self.make_call(lead_id=lead.id), **held)
        self.assertEqual(action["context"]["default_opportunity_id"], lead.id)

    def test_next_lead_or_deal(self):
        for lead_type in ("lead", "opportunity"):
            call = self.make_call(phone=NUMBER)
            action = self.finish(
                call, outcome_id=self.interested, duration=5, next_step=lead_type
            )
            self.assertEqual(action["res_id"], call.lead_id.id)
            self.assertEqual(call.lead_id.type, lead_type)
            self.assertEqual(call.lead_id.phone, NUMBER)
            self.assertEqual(call.lead_id.user_id, self.own)
            self.assertEqual(call.lead_id.team_id, self.team)
            call.lead_id.unlink()

    def test_link_to_a_deal(self):
        lead = self.make_lead()
        call = self.make_call(phone=NUMBER)
        held = {"outcome_id": self.interested, "duration": 5}
        wizard = self.env["crm.phonecall.finish"].create(
            {
                "call_id": call.id,
                "outcome_id": self.interested.id,
                "duration": 5,
                "next_step": "link",
            }
        )
        with self.assertRaisesRegex(UserError, "No deal"):
            wizard.action_confirm()
        self.finish(call, next_step="link", lead_id=lead, **held)
        self.assertEqual(call.lead_id, lead)

    def test_next_step_of_a_call_that_is_over(self):
        call = self.make_call(
            state="held", date=NOW, duration=5, outcome_id=self.interested.id
        )
        action = call.action_next_step()
        form = Form(self.env[action["res_model"]].with_context(**action["context"]))
        self.assertEqual(form.duration, 5)
        self.assertEqual(form.date, NOW)
        form.next_step = "opportunity"
        form.save().action_confirm()
        self.assertEqual(call.lead_id.type, "opportunity")
        self.assertEqual((call.state, call.duration), ("held", 5))

    def test_cancel_and_plan_again(self):
        planned = self.make_call()
        held = self.make_call(state="held", duration=1)
        (planned | held).action_cancel()
        self.assertEqual((planned | held).mapped("state"), ["cancelled", "held"])
        self.assertFalse(planned.event_id)
        (planned | held).action_reopen()
        self.assertEqual((planned | held).mapped("state"), ["planned", "held"])
        self.assertTrue(planned.event_id)


@tagged("post_install", "-at_install")
class TestPhonecallCalendar(PhonecallCase):
    def test_planned_call_is_in_the_calendar_of_its_owner(self):
        tomorrow = datetime.now().replace(microsecond=0) + timedelta(days=1)
        mails = self.env["mail.mail"].search_count([])
        call = self.Call.with_user(self.manager).create(
            {"name": "Ask", "phone": NUMBER, "user_id": self.own.id, "date": tomorrow}
        )
        event = call.event_id
        self.assertEqual(event.user_id, self.own)
        self.assertEqual(event.partner_ids, self.own.partner_id)
        self.assertEqual(event.attendee_ids.mapped("state"), ["accepted"])
        self.assertEqual(event.name, f"Ask {NUMBER}")
        self.assertEqual(event.start, tomorrow)
        self.assertEqual(event.stop, tomorrow + timedelta(minutes=15))
        invitations = self.env["mail.message"].search(
            [("model", "=", "calendar.event"), ("res_id", "=", event.id)]
        )
        self.assertFalse(invitations.notification_ids)
        call.with_user(self.manager).date = tomorrow + timedelta(days=1)
        self.assertEqual(event.start, tomorrow + timedelta(days=1))
        self.assertEqual(event.attendee_ids.mapped("state"), ["accepted"])
        self.assertFalse(
            self.env["mail.message"]
            .search([("model", "=", "calendar.event"), ("res_id", "=", event.id)])
            .notification_ids
        )
        # The manager's own mail about the assignment is Odoo's, and the only one.
        self.assertLessEqual(self.env["mail.mail"].search_count([]) - mails, 1)

    def test_owner_is_reminded(self):
        soon = datetime.now().replace(microsecond=0) + timedelta(minutes=30)
        call = self.Call.with_user(self.own).create({"date": soon})
        notices = (
            self.env["calendar.alarm_manager"].with_user(self.own).get_next_notif()
        )
        (notice,) = [
            notice for notice in notices if notice["event_id"] == call.event_id.id
        ]
        self.assertAlmostEqual(notice["timer"], 15 * 60, delta=60)
        call.state = "cancelled"
        notices = (
            self.env["calendar.alarm_manager"].with_user(self.own).get_next_notif()
        )
        self.assertNotIn(notice["event_id"], [item["event_id"] for item in notices])

    def test_one_event_per_call(self):
        call = self.make_call(date=NOW)
        first = call.event_id
        call.write({"name": "Renamed", "phone": NUMBER})
        call.write({"note": "Nothing of the calendar"})
        self.assertEqual(call.event_id, first)
        self.assertEqual(first.name, f"Renamed {NUMBER}")
        self.assertEqual(self.count_events(call), 1)
        call.user_id = self.colleague
        self.assertEqual(call.event_id.user_id, self.colleague)
        self.assertFalse(first.exists())
        self.assertEqual(self.count_events(call), 1)
        call.user_id = False
        self.assertEqual(self.count_events(call), 0)

    def count_events(self, call):
        return (
            self.env["calendar.event"]
            .with_context(active_test=False)
            .search_count(
                [("res_model", "=", "crm.phonecall"), ("res_id", "=", call.id)]
            )
        )

    def test_event_goes_with_the_call(self):
        call = self.make_call(date=NOW)
        event = call.event_id
        call.with_user(self.manager).unlink()
        self.assertFalse(event.exists())

    def test_held_calls_have_no_event(self):
        call = self.make_call(date=NOW, state="held", duration=3)
        self.assertFalse(call.event_id)

    def test_call_follows_its_event(self):
        call = self.make_call(date=NOW)
        later = NOW + timedelta(hours=3)
        call.event_id.with_user(self.own).write(
            {"start": later, "stop": later + timedelta(minutes=45)}
        )
        self.assertEqual(call.date, later)
        self.assertEqual(call.date_end, later + timedelta(minutes=45))
        self.assertEqual(call.event_id.stop, later + timedelta(minutes=45))

    def test_others_do_not_move_the_call_by_its_event(self):
        call = self.make_call(date=NOW)
        stranger = new_test_user(self.env, login="phonecall_stranger")
        with self.assertRaises(AccessError):
            call.event_id.with_user(stranger).start = NOW + timedelta(hours=3)

    def test_private_calendar(self):
        self.own.with_user(self.own).calendar_default_privacy = "private"
        call = self.make_call(date=NOW)
        call.with_user(self.manager).date = NOW + timedelta(hours=1)
        self.assertEqual(call.event_id.start, NOW + timedelta(hours=1))

    def test_owner_in_another_time_zone(self):
        """The calendar shows a call at the time it has, whoever looks."""
        self.own.tz = "America/New_York"
        call = (
            self.Call.with_user(self.all)
            .with_context(tz="Asia/Tokyo")
            .create({"user_id": self.own.id, "date": "2026-03-08 06:59:00"})
        )
        self.assertEqual(call.event_id.start, datetime(2026, 3, 8, 6, 59))
        self.assertEqual(call.event_id.stop, datetime(2026, 3, 8, 7, 14))


@tagged("post_install", "-at_install")
class TestPhonecallActivity(PhonecallCase):
    def schedule(self, record, **values):
        return record.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.own.id, **values
        )

    def test_call_activity_done_becomes_a_held_call(self):
        lead = self.make_lead(phone=NUMBER)
        partner = self.make_partner()
        order = self.env["sale.order"].create({"partner_id": partner.id})
        for document in (lead, partner, order):
            with self.subTest(model=document._name), freeze_time(NOW):
                before = document.phonecall_ids
                activity = self.schedule(document, summary="Ring", note="<p>Prices</p>")
                activity.with_user(self.own).action_feedback(feedback="They <agree>")
                call = document.phonecall_ids - before
                self.assertEqual(len(call), 1)
                self.assertEqual(call.state, "held")
                self.assertEqual(call.name, "Ring")
                self.assertEqual(call.date, NOW)
                self.assertEqual(call.user_id, self.own)
                self.assertEqual(call.company_id, self.company)
                self.assertIn("Prices", call.note)
                self.assertIn("They &lt;agree&gt;", call.note)
                activity.with_user(self.own).action_done()
                self.assertEqual(document.phonecall_ids - before, call)

    def test_other_activities_are_no_calls(self):
        lead = self.make_lead()
        lead.activity_schedule("mail.mail_activity_data_todo").action_done()
        self.schedule(lead).action_cancel()
        self.assertFalse(lead.phonecall_ids)

    def test_done_by_someone_without_sales_rights(self):
        employee = new_test_user(
            self.env,
            login="phonecall_employee",
            company_id=self.company.id,
        )
        partner = self.make_partner()
        activity = self.schedule(partner)
        activity.user_id = employee
        activity.with_user(employee).action_done()
        self.assertEqual(partner.phonecall_ids.user_id, employee)
        with self.assertRaises(AccessError):
            self.Call.with_user(employee).search([])

    def test_document_that_is_gone(self):
        lead = self.make_lead()
        activity = self.schedule(lead)
        # as by a cascade in the database
        self.env.cr.execute("DELETE FROM crm_lead WHERE id = %s", [lead.id])
        self.env.invalidate_all()
        activity.action_done()
        self.assertFalse(self.Call.search([("user_id", "=", self.own.id)]))


@tagged("post_install", "-at_install")
class TestPhonecallAccess(PhonecallCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mine, cls.theirs, cls.nobodys = cls.Call.create(
            [
                {"user_id": cls.own.id},
                {"user_id": cls.colleague.id},
                {"user_id": False},
            ]
        )
        cls.calls = cls.mine | cls.theirs | cls.nobodys

    def read_by(self, user):
        return self.Call.with_user(user).search([("id", "in", self.calls.ids)])

    def test_own_documents(self):
        self.assertEqual(self.read_by(self.own), self.mine | self.nobodys)
        self.mine.with_user(self.own).name = "Mine"
        with self.assertRaises(AccessError):
            self.theirs.with_user(self.own).name = "Theirs"
        with self.assertRaises(AccessError):
            self.theirs.with_user(self.own).read(["name"])
        with self.assertRaises(AccessError):
            self.mine.with_user(self.own).unlink()

    def test_all_documents(self):
        self.assertEqual(self.read_by(self.all), self.calls)
        self.theirs.with_user(self.all).name = "Theirs"
        with self.assertRaises(AccessError):
            self.theirs.with_user(self.all).unlink()

    def test_administrator(self):
        self.assertEqual(self.read_by(self.manager), self.calls)
        self.theirs.with_user(self.manager).unlink()
        self.assertFalse(self.theirs.exists())

    def test_outcomes(self):
        outcome = self.interested.with_user(self.own)
        self.assertEqual(outcome.name, "Interested")
        with self.assertRaises(AccessError):
            outcome.name = "Keen"
        outcome.with_user(self.manager).name = "Keen"

    def test_portal_public_and_other_employees(self):
        users = {
            group: new_test_user(self.env, login=f"phonecall_{group}", groups=group)
            for group in ("base.group_portal", "base.group_public", "base.group_user")
        }
        for group, user in users.items():
            with self.subTest(group=group):
                for model in (
                    "crm.phonecall",
                    "crm.phonecall.outcome",
                    "crm.phonecall.finish",
                ):
                    with self.assertRaises(AccessError):
                        self.env[model].with_user(user).search([])
                with self.assertRaises(AccessError):
                    self.Call.with_user(user).create({"name": "Sneaked in"})
        # Their partners stay readable.
        partner = self.make_partner().with_user(users["base.group_user"])
        self.assertNotIn("phonecall_count", partner.fields_get())
        self.assertNotIn("phonecall_ids", partner.fields_get())
        self.assertIn("action_log_phonecall", self.get_form(self.own))
        self.assertNotIn("phonecall", self.get_form(users["base.group_user"]))

    def get_form(self, user):
        return (
            self.env["res.partner"].with_user(user).get_view(view_type="form")["arch"]
        )

    def test_other_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        foreign = self.Call.sudo().create({"company_id": other.id, "user_id": False})
        for user in (self.own, self.all, self.manager):
            self.assertFalse(
                self.Call.with_user(user).search([("id", "=", foreign.id)])
            )
        self.manager.company_ids += other
        self.assertTrue(
            self.Call.with_user(self.manager)
            .with_context(allowed_company_ids=(self.company | other).ids)
            .search([("id", "=", foreign.id)])
        )


@tagged("post_install", "-at_install")
class TestTeamPhoneNumbers(PhonecallCase):
    def test_a_number_belongs_to_one_team(self):
        self.team.phone_numbers = "02 290 34 90, +32 2 555 12 12"
        other = self.env["crm.team"].create(
            {"name": "Cups", "company_id": self.company.id}
        )
        with self.assertRaisesRegex(ValidationError, "Plates"):
            other.phone_numbers = "0032 2 290 34 90"
        other.phone_numbers = "02 555 12 13"
        for number, team in (
            (SANITIZED, self.team),
            ("+3225551212", self.team),
            ("+3225551213", other),
            ("+3225551214", self.env["crm.team"]),
        ):
            self.assertEqual(
                self.env["crm.team"]._get_teams_by_number(number, self.company), team
            )
