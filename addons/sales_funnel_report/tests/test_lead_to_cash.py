from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .common import FunnelCase


@tagged("post_install", "-at_install")
class TestLeadToCash(FunnelCase):
    """The funnel of what documents prove. That the documents set these dates is
    tested with them; here the dates are given."""

    OPTIONS = {
        "date_from": "2026-01-01",
        "date_to": "2026-02-01",
        "as_of": "2026-03-01 00:00:00",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = "UTC"
        cls.Lead = cls.Lead.with_context(tz="UTC")
        cls.funnel = cls.env.ref("sales_funnel_report.crm_funnel_lead_to_cash")

    def _deal(self, name, lost=None, won=None, **dates):
        """A deal that came in on January 1 with these milestones."""
        values = {
            fname: f"2026-{day}"
            + ("" if fname in ("date_invoiced", "date_paid") else " 09:00:00")
            for fname, day in dates.items()
            if fname.startswith("date_")
        }
        values.update({k: v for k, v in dates.items() if k not in values})
        with self.at("2026-01-01 09:00:00"):
            lead = self._deals(name=name, type="lead")
        lead.write(values)
        if won:
            with self.at(f"2026-{won} 09:00:00"):
                lead.stage_id = self.stage_won
        if lost:
            with self.at(f"2026-{lost} 09:00:00"):
                self._lose(lead, self.lost_reason)
        self.env.flush_all()
        return lead

    def _four_deals(self):
        return (
            self._deal("silent"),
            self._deal("refused", lost="01-20", date_first_call="01-03"),
            self._deal(
                "goods",
                won="01-10",
                date_first_call="01-02",
                date_quotation_sent="01-05",
                date_ordered="01-10",
                date_delivered="01-14",
                date_invoiced="01-15",
                date_paid="02-10",
                amount_quoted=120,
                amount_ordered=110,
                amount_invoiced=110,
                amount_paid=110,
                delivery_progress="done",
            ),
            self._deal(
                "service",
                won="01-12",
                date_quotation_sent="01-06",
                date_ordered="01-12",
                date_invoiced="01-12",
                amount_quoted=50,
                amount_ordered=50,
                amount_invoiced=50,
                delivery_progress="none",
            ),
        )

    def _report(self, **options):
        return self.Lead.get_funnel_report(
            [], {"funnel_id": self.funnel.id, **self.OPTIONS, **options}
        )

    def _figures(self, series, *names):
        return {
            step["key"].partition(":")[2]: [step[name] for name in names]
            for step in series["steps"]
        }

    def _assert_drill_down(self, series):
        leads = self.Lead.with_context(active_test=False)
        for step in series["steps"]:
            count = step.get("count", step.get("entered"))
            self.assertEqual(leads.search_count(step["domain"]), count, step["key"])
            for what, domain in step["domains"].items():
                self.assertEqual(
                    leads.search_count(domain), step[what], (step["key"], what)
                )

    def test_came_in(self):
        self._four_deals()
        total = self._report()["total"]
        self.assertEqual(
            self._figures(total, "count", "amount", "skipped", "not_needed"),
            {
                "created": [4, 400, 0, 0],
                "first_call": [3, 300, 1, 0],
                "first_meeting": [2, 200, 2, 0],
                "qualified": [2, 200, 2, 0],
                "quotation_sent": [2, 170, 0, 0],
                "ordered": [2, 160, 0, 0],
                "delivered": [2, 160, 0, 1],
                "invoiced": [2, 160, 0, 0],
                "paid": [1, 110, 0, 0],
            },
        )
        self.assertEqual(self._figures(total, "lost")["first_call"], [1])
        # won, and not paid yet
        self.assertEqual(self._figures(total, "won")["invoiced"], [1])
        self.assertEqual(total["steps"][4]["conversion_first"], 0.5)
        self._assert_drill_down(total)

    def test_currency_of_another_company(self):
        """At the rate of the day; what is not needed at that of the order."""
        euro = self.env.ref("base.EUR")
        if self.env.company.currency_id == euro:
            euro = self.env.ref("base.USD")
        euro.active = True
        euro.rate_ids.unlink()
        self.env["res.currency.rate"].create(
            [
                {"currency_id": euro.id, "name": day, "rate": rate}
                for day, rate in (("2020-01-01", 2), ("2026-01-11", 4))
            ]
        )
        self.env["res.company"].create({"name": "Abroad", "currency_id": euro.id})
        self._deal(
            "service",
            date_quotation_sent="01-06",
            date_ordered="01-12",
            date_invoiced="01-15",
            documents_currency_id=euro.id,
            amount_quoted=100,
            amount_ordered=100,
            amount_invoiced=100,
            delivery_progress="none",
        )
        amounts = self._figures(self._report()["total"], "amount")
        self.assertEqual(
            [
                amounts[name]
                for name in ("quotation_sent", "ordered", "delivered", "invoiced")
            ],
            [[50], [25], [25], [25]],
        )

    def test_how_many_of_those_called_paid(self):
        self._four_deals()
        steps = self._report(rule="visited")["total"]["steps"]
        called, paid = (
            [step["count"] for step in steps if step["key"] == f"milestone:{name}"]
            for name in ("first_call", "paid")
        )
        self.assertEqual((called, paid), ([2], [1]))

    def test_an_invoice_of_the_day_of_the_order_comes_after_it(self):
        service = self._four_deals()[-1]
        total = self._report()["total"]
        days = {step["key"]: step["days_to_next"] for step in total["steps"]}
        # ordered to invoiced in no time, and not in less than none
        self.assertEqual(days["milestone:ordered"]["n"], 2)
        self.assertEqual(days["milestone:ordered"]["mean"], 2)
        self.assertTrue(service.exists())

    def test_an_invoice_of_the_day_of_the_delivery_comes_after_it(self):
        """Of an invoice only the day is known, of a delivery the hour."""
        self._deal(
            "goods",
            date_ordered="01-10",
            date_delivered="01-15",
            date_invoiced="01-15",
            date_paid="01-15",
            delivery_progress="done",
            invoice_progress="done",
        ).date_delivered = "2026-01-15 16:30:00"
        funnel = self.env["crm.funnel"].create(
            {
                "name": "From the order on",
                "step_ids": [
                    Command.create(
                        {"name": name, "kind": "milestone", "milestone": name}
                    )
                    for name in ("ordered", "delivered", "invoiced", "paid")
                ],
            }
        )
        total = self._report(funnel_id=funnel.id, rule="strict")["total"]
        self.assertEqual([step["count"] for step in total["steps"]], [1, 1, 1, 1])
        self.assertEqual(total["steps"][1]["days_to_next"]["mean"], 0)
        self._assert_drill_down(total)

    def test_the_day_of_an_invoice_is_one_of_the_user(self):
        self._deal("service", date_ordered="01-20", date_invoiced="01-31")
        for zone in ("Pacific/Auckland", "Pacific/Kiritimati", "America/Los_Angeles"):
            with self.subTest(zone=zone):
                lead = self.Lead
                self.Lead = lead.with_context(tz=zone)
                total = self._report(lens="flow", date_from="2026-01-31")["total"]
                self.Lead = lead
                [invoiced] = [
                    step
                    for step in total["steps"]
                    if step["key"] == "milestone:invoiced"
                ]
                self.assertEqual(invoiced["entered"], 1)
                self.assertEqual(
                    lead.with_context(tz=zone).search_count(invoiced["domain"]), 1
                )

    def test_as_of(self):
        self._four_deals()
        counts = {}
        for as_of in (
            "2026-01-05 08:59:59",
            "2026-01-15 08:00:00",
            "2026-02-09 23:59:59",
        ):
            total = self._report(as_of=as_of)["total"]
            counts[as_of] = [step["count"] for step in total["steps"]]
            self._assert_drill_down(total)
        self.assertEqual(
            counts,
            {
                # the two calls
                "2026-01-05 08:59:59": [4, 2, 0, 0, 0, 0, 0, 0, 0],
                # an invoice of this day is there all day
                "2026-01-15 08:00:00": [4, 3, 2, 2, 2, 2, 2, 2, 0],
                "2026-02-09 23:59:59": [4, 3, 2, 2, 2, 2, 2, 2, 0],
            },
        )

    def test_documents_of_the_past_are_those_of_today(self):
        """Of stages the history knows what they were; documents have none."""
        self._four_deals()
        pipeline = self.env.ref("sales_funnel_report.crm_funnel_pipeline")
        with self.at("2026-03-01 12:00:00"):
            for options, is_said in (
                ({"as_of": "2026-02-28 23:59:59"}, True),
                ({"as_of": "2026-03-01 00:00:00"}, False),
                ({"as_of": None}, False),
                ({"as_of": "2026-02-28 23:59:59", "funnel_id": pipeline.id}, False),
            ):
                warnings = " ".join(self._report(**options)["warnings"])
                self.assertEqual("as they are today" in warnings, is_said, options)

    def test_flow(self):
        self._four_deals()
        total = self._report(lens="flow")["total"]
        self.assertEqual(
            self._figures(total, "entered", "advanced", "lost", "still_here"),
            {
                "created": [4, 3, 0, 1],
                "first_call": [2, 1, 1, 0],
                "first_meeting": [0, 0, 0, 0],
                "qualified": [0, 0, 0, 0],
                "quotation_sent": [2, 2, 0, 0],
                "ordered": [2, 2, 0, 0],
                "delivered": [1, 1, 0, 0],
                "invoiced": [2, 1, 0, 1],
                # in February
                "paid": [0, 0, 0, 0],
            },
        )
        self._assert_drill_down(total)

    def test_snapshot_and_closed(self):
        self._four_deals()
        total = self._report(lens="snapshot")["total"]
        self.assertEqual(
            [step["count"] for step in total["steps"]], [1, 0, 0, 0, 0, 0, 0, 0, 0]
        )
        self._assert_drill_down(total)
        total = self._report(lens="snapshot", as_of="2026-01-09 00:00:00")["total"]
        self.assertEqual(
            [step["count"] for step in total["steps"]], [1, 1, 0, 0, 2, 0, 0, 0, 0]
        )
        total = self._report(lens="closed")["total"]
        self.assertEqual((total["won"], total["lost"]), (2, 1))
        self._assert_drill_down(total)

    def test_by_the_salesperson_of_the_time(self):
        deal = self._four_deals()[2]
        with self.at("2026-01-04 09:00:00"):
            deal.user_id = self.user_b
        with self.at("2026-01-06 09:00:00"):
            deal.stage_id = self.stage_qualified
        report = self._report(groupby="stage_user_id")
        for rank, step in enumerate(report["total"]["steps"]):
            self.assertEqual(
                sum(
                    group["series"]["steps"][rank]["count"]
                    for group in report["groups"]
                ),
                step["count"],
            )
        for group in report["groups"]:
            self._assert_drill_down(group["series"])

    def test_a_stage_counts_once(self):
        with self.assertRaisesRegex(ValidationError, "New.*twice"):
            self.env["crm.funnel"].create(
                {
                    "name": "Twice",
                    "step_ids": [
                        Command.create({"name": "A", "stage_ids": self.stage_new.ids}),
                        Command.create(
                            {
                                "name": "B",
                                "stage_ids": (self.stage_new | self.stage_won).ids,
                            }
                        ),
                    ],
                }
            )

    def test_stages_and_milestones_mixed(self):
        self._four_deals()
        funnel = self.env["crm.funnel"].create(
            {
                "name": "Mixed",
                "step_ids": [
                    Command.create({"name": "New", "stage_ids": self.stage_new.ids}),
                    Command.create(
                        {
                            "name": "Quotation",
                            "kind": "milestone",
                            "milestone": "quotation_sent",
                            "sequence": 20,
                        }
                    ),
                    Command.create(
                        {
                            "name": "Won",
                            "stage_ids": self.stage_won.ids,
                            "sequence": 30,
                        }
                    ),
                ],
            }
        )
        for lens in ("cohort", "closed", "flow", "snapshot"):
            total = self._report(funnel_id=funnel.id, lens=lens)["total"]
            self._assert_drill_down(total)
        self.assertEqual(
            [
                step["count"]
                for step in self._report(funnel_id=funnel.id)["total"]["steps"]
            ],
            [4, 2, 2],
        )
