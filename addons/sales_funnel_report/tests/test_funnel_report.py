import json
from datetime import date, datetime, timedelta

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import FunnelCase


@tagged("post_install", "-at_install")
class TestFunnelReport(FunnelCase):
    """The worked example of the contract, and what people ask by mistake."""

    JANUARY = {
        "date_from": "2026-01-01",
        "date_to": "2026-02-01",
        "as_of": "2026-02-10 00:00:00",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.tz = "UTC"
        cls.Lead = cls.Lead.with_context(tz="UTC")

    def _worked_example(self):
        new, qualified, proposition, won = (
            self.stage_new,
            self.stage_qualified,
            self.stage_proposition,
            self.stage_won,
        )
        owner_a, owner_b = self.user_a.id, self.user_b.id
        lives = {
            "D1": (
                owner_a,
                100,
                [
                    ("01-01", new),
                    ("01-03", qualified),
                    ("01-06", proposition),
                    ("01-10", won),
                ],
            ),
            "D2": (
                owner_a,
                200,
                [("01-02", new), ("01-05", proposition), ("01-08", "lost")],
            ),
            "D3": (
                owner_b,
                300,
                [
                    ("01-03", new),
                    ("01-04", qualified),
                    ("01-06", new),
                    ("01-07", qualified),
                ],
            ),
            "D4": (owner_b, 50, [("01-04", new), ("01-04", "lost")]),
            "D5": (
                owner_b,
                400,
                [("01-05", new), ("01-09", qualified), ("01-12", "archived")],
            ),
            "D6": (owner_a, 500, [("02-01", new), ("02-03", won)]),
        }
        return {
            name: self._play(
                [(f"2026-{day} 09:00:00", what) for day, what in moves],
                name=name,
                user_id=owner,
                expected_revenue=amount,
            )
            for name, (owner, amount, moves) in lives.items()
        }

    def _report(self, domain=None, lead=None, **options):
        report = (self.Lead if lead is None else lead).get_funnel_report(
            domain, {**self.JANUARY, **options}
        )
        # plain JSON it is
        return json.loads(json.dumps(report))

    def _column(self, series, *fnames):
        values = [[step[fname] for fname in fnames] for step in series["steps"]]
        return [row[0] for row in values] if len(fnames) == 1 else values

    def _assert_drill_down(self, series):
        """Each figure's domain finds as many deals as the figure counts."""
        leads = self.Lead.with_context(active_test=False)
        for what, domain in series["domains"].items():
            self.assertEqual(leads.search_count(domain), series[what], what)
        for step in series["steps"]:
            found = leads.search(step["domain"])
            self.assertEqual(len(found), step["count"], step["name"])
            self.assertEqual(sum(found.mapped("expected_revenue")), step["amount"])
            for what, domain in step["domains"].items():
                self.assertEqual(
                    leads.search_count(domain), step[what], (step["name"], what)
                )
            for reason in step["lost_reasons"]:
                self.assertEqual(
                    leads.search_count(reason["domain"]), reason["count"], reason
                )

    # ------------------------------------------------------------
    # THE WORKED EXAMPLE
    # ------------------------------------------------------------

    def test_worked_example(self):
        deals = self._worked_example()
        report = self._report()
        total = report["total"]
        self.assertEqual(
            [step["key"] for step in total["steps"]],
            [
                f"stage:{stage.id}"
                for stage in (
                    self.stage_new,
                    self.stage_qualified,
                    self.stage_proposition,
                    self.stage_won,
                )
            ],
        )
        self.assertEqual(
            self._column(total, "name", "count", "amount", "skipped"),
            [
                ["New", 5, 1050, 0],
                ["Qualified", 4, 1000, 1],
                ["Proposition", 2, 300, 0],
                ["Won", 1, 100, 0],
            ],
        )
        self.assertEqual(
            self._column(total, "lost", "open", "on_hold", "won", "lost_amount"),
            [[1, 0, 0, 0, 50], [0, 1, 1, 0, 0], [1, 0, 0, 0, 200], [0, 0, 0, 1, 0]],
        )
        self.assertEqual(
            [total[k] for k in ("size", "won", "lost", "open", "on_hold")],
            [5, 1, 2, 1, 1],
        )
        self.assertEqual([total["amount"], total["won_amount"]], [1050, 100])
        self.assertEqual(total["win_rate"], 0.2)
        self.assertAlmostEqual(total["win_rate_closed"], 1 / 3)
        self.assertEqual(
            total["cycle_days"],
            {"n": 1, "mean": 9, "median": 9, "p80": 9, "p90": 9},
        )
        to_next = total["steps"][0]["days_to_next"]
        self.assertEqual(
            [to_next["n"], to_next["mean"], to_next["median"]], [4, 2.5, 2.5]
        )
        # two days, three, one and one again, none until it was lost, four
        in_step = total["steps"][0]["days_in_step"]
        self.assertEqual([in_step["n"], in_step["mean"]], [5, 2.2])
        self.assertEqual(self._column(total, "conversion_prev"), [None, 0.8, 0.5, 0.5])
        self.assertEqual(self._column(total, "conversion_first"), [1, 0.8, 0.4, 0.2])
        self.assertEqual(
            [
                [(r["name"], r["count"], r["amount"]) for r in step["lost_reasons"]]
                for step in total["steps"]
            ],
            [[("Too expensive", 1, 50)], [], [("Too expensive", 1, 200)], []],
        )
        self.assertEqual(report["history_since"], "2026-01-01")
        self.assertEqual(report["currency_id"], self.env.company.currency_id.id)
        self._assert_drill_down(total)
        qualified = self.Lead.with_context(active_test=False).search(
            total["steps"][1]["domain"]
        )
        self.assertEqual(
            qualified, deals["D1"] | deals["D2"] | deals["D3"] | deals["D5"]
        )

    def test_other_rules(self):
        deals = self._worked_example()
        for rule, expected in {
            "beyond": [5, 4, 2, 1],
            "visited": [5, 3, 2, 1],
            "strict": [5, 3, 1, 1],
        }.items():
            total = self._report(rule=rule)["total"]
            self.assertEqual(self._column(total, "count"), expected, rule)
            self._assert_drill_down(total)
            by_owner = self._report(rule=rule, groupby="user_id")
            self._assert_partition(by_owner)
            by_owner = self._report(rule=rule, groupby="stage_user_id")
            self._assert_partition(by_owner)
            for group in by_owner["groups"]:
                self._assert_drill_down(group["series"])
        # D2 never was in Qualified: it was lost in New, as far as strict goes
        self.assertEqual(self._column(total, "lost"), [2, 0, 0, 0])
        leads = self.Lead.with_context(active_test=False)
        self.assertEqual(
            leads.search(total["steps"][0]["domains"]["lost"]),
            deals["D2"] | deals["D4"],
        )

    def test_strict_takes_the_entry_after_the_step_before(self):
        self._play(
            [
                ("2026-01-01 09:00:00", self.stage_qualified),
                ("2026-01-03 09:00:00", self.stage_new),
                ("2026-01-08 09:00:00", self.stage_qualified),
                ("2026-01-09 09:00:00", self.stage_new),
                # in one second: it was there when New was reached, and not later
                ("2026-01-09 09:00:00", self.stage_proposition),
            ]
        )
        for rule, counts, days in (
            ("beyond", [1, 1, 1, 0], 0),
            ("visited", [1, 1, 1, 0], -2),
            ("strict", [1, 1, 1, 0], 5),
        ):
            total = self._report(rule=rule)["total"]
            self.assertEqual(self._column(total, "count"), counts, rule)
            self.assertEqual(total["steps"][0]["days_to_next"]["mean"], days, rule)

    def test_closed(self):
        self._worked_example()
        report = self._report(lens="closed")
        total = report["total"]
        # D4 was lost on day 0, D2 on day 6; D1 was won on day 9
        self.assertEqual(
            [total[k] for k in ("size", "won", "lost", "open", "on_hold")],
            [3, 1, 2, 0, 0],
        )
        self.assertEqual(
            self._column(total, "count", "lost", "won"),
            [[3, 1, 0], [2, 0, 0], [2, 1, 0], [1, 0, 1]],
        )
        self.assertEqual(total["cycle_days"]["mean"], 9)
        self._assert_drill_down(total)
        # D6 came in and was won in February
        report = self._report(
            lens="closed", date_from="2026-02-01", date_to="2026-03-01"
        )
        self.assertEqual(report["total"]["won"], 1)
        # what happened later is not known yet
        for as_of, size in (
            ("2026-01-08 08:59:59", 1),
            ("2026-01-08 09:00:00", 2),
            ("2026-01-10 09:00:00", 3),
        ):
            total = self._report(lens="closed", as_of=as_of)["total"]
            self.assertEqual(total["size"], size, as_of)
            self._assert_drill_down(total)

    def test_closed_is_not_what_came_back(self):
        lead = self._play([("2026-01-02 09:00:00", self.stage_new)])
        with self.at("2026-01-05 09:00:00"):
            self._lose(lead, self.lost_reason)
        with self.at("2026-01-08 09:00:00"):
            lead.action_restore()
        for as_of, size in (("2026-01-07 00:00:00", 1), ("2026-01-09 00:00:00", 0)):
            total = self._report(lens="closed", as_of=as_of)["total"]
            self.assertEqual(total["size"], size)

    def test_flow(self):
        self._worked_example()
        report = self._report(lens="flow", groupby="stage_user_id")
        total = report["total"]
        outcomes = (
            *("entered", "advanced", "moved_back", "handed_off"),
            *("lost", "on_hold", "still_here"),
        )
        self.assertEqual(
            self._column(total, *outcomes),
            [
                [6, 5, 0, 0, 1, 0, 0],
                [4, 1, 1, 0, 0, 1, 1],
                [2, 1, 0, 0, 1, 0, 0],
                [1, 0, 0, 0, 0, 0, 1],
            ],
        )
        self.assertEqual([total["size"], total["entered"]], [5, 13])
        self.assertEqual(self._column(total, "amount"), [1350, 1100, 300, 100])
        # D1 two days, D2 three, D3 one and one, D4 none, D5 four
        days = total["steps"][0]["days_in_stay"]
        self.assertEqual([days["n"], days["mean"]], [6, 11 / 6])
        leads = self.Lead.with_context(active_test=False)
        self.assertEqual(leads.search_count(total["domains"]["size"]), 5)
        stays = self.env["crm.lead.stage.history"].search([])
        for step in total["steps"]:
            self.assertEqual(
                len(leads.search(step["domain"])),
                len(
                    stays.filtered(
                        lambda stay, key=step["key"]: (
                            f"stage:{stay.stage_ref}" == key
                            and stay.date_entered.month == 1
                        )
                    ).lead_id
                ),
            )
        [qualified] = [step for step in total["steps"] if step["name"] == "Qualified"]
        for what in ("moved_back", "on_hold", "still_here"):
            self.assertEqual(len(leads.search(qualified["domains"][what])), 1, what)
        for what in outcomes:
            for rank, step in enumerate(total["steps"]):
                self.assertEqual(
                    sum(g["series"]["steps"][rank][what] for g in report["groups"]),
                    step[what],
                )
        # what left later has not left yet
        total = self._report(lens="flow", as_of="2026-01-05 12:00:00")["total"]
        self.assertEqual(
            self._column(total, *outcomes),
            [
                [5, 3, 0, 0, 1, 0, 1],
                [2, 0, 0, 0, 0, 0, 2],
                [1, 0, 0, 0, 0, 0, 1],
                [0, 0, 0, 0, 0, 0, 0],
            ],
        )

    def test_snapshot(self):
        deals = self._worked_example()
        total = self._report(lens="snapshot", as_of="2026-01-05 12:00:00")["total"]
        self.assertEqual(
            self._column(total, "count", "amount"),
            [[1, 400], [2, 400], [1, 200], [0, 0]],
        )
        self.assertEqual([total["size"], total["amount"]], [4, 1000])
        leads = self.Lead.with_context(active_test=False)
        self.assertEqual(leads.search_count(total["domains"]["size"]), 4)
        # D1 two days and three hours, D3 a day and three hours
        age = total["steps"][1]["age_days"]
        self.assertEqual([age["n"], age["mean"]], [2, 1.625])
        # D4 was lost from New: nothing was won so far
        self.assertEqual(self._column(total, "win_probability"), [0, 0, 0, 0])
        self.assertEqual(total["weighted_amount"], 0)
        total = self._report(lens="snapshot")["total"]
        self.assertEqual(self._column(total, "count"), [0, 1, 0, 0])
        # four ended, two were won; of the three in Qualified or further, two
        self.assertEqual(
            self._column(total, "win_probability"),
            [(2 + 5) / 14, (2 + 5) / 13, (2 + 5) / 13, (2 + 5) / 12],
        )
        self.assertAlmostEqual(total["weighted_amount"], 300 * 7 / 13)
        # D3 has been there since January 7; others stayed at most three days
        self.assertEqual([total["stuck"], total["steps"][1]["stuck"]], [1, 1])
        leads = self.Lead.with_context(active_test=False)
        self.assertEqual(
            leads.search(total["steps"][1]["domains"]["stuck"]), deals["D3"]
        )
        self.assertEqual(leads.search(total["domains"]["stuck"]), deals["D3"])
        self.assertEqual(leads.search(total["steps"][1]["domain"]), deals["D3"])

    def test_what_is_stuck_is_found_as_a_whole(self):
        self._worked_example()
        for _number in range(2):
            # longer in New than D1 to D5 were
            self._play([("2026-01-20 09:00:00", self.stage_new)])
        leads = self.Lead.with_context(active_test=False)
        for groupby in (None, "user_id", "stage_user_id"):
            report = self._report(lens="snapshot", groupby=groupby)
            total = report["total"]
            self.assertEqual(self._column(total, "stuck"), [2, 1, 0, 0])
            whole = [total, *(group["series"] for group in report["groups"])]
            for series in whole:
                for what, domain in series["domains"].items():
                    self.assertEqual(leads.search_count(domain), series[what], what)
        # nothing was over then, so that nothing is known of what is long
        total = self._report(lens="snapshot", as_of="2026-01-01 12:00:00")["total"]
        self.assertEqual((total["size"], total["stuck"]), (1, 0))
        self.assertEqual(leads.search_count(total["domains"]["stuck"]), 0)

    def test_snapshot_of_groups_adds_up(self):
        self._worked_example()
        report = self._report(
            lens="snapshot", as_of="2026-01-11 12:00:00", groupby="user_id"
        )
        total = report["total"]
        self.assertEqual(total["size"], 2)
        self.assertGreater(total["weighted_amount"], 0)
        for name in ("size", "amount", "weighted_amount", "stuck"):
            self.assertAlmostEqual(
                sum(group["series"][name] for group in report["groups"]), total[name]
            )

    def test_snapshot_compared_with_the_end_of_a_period(self):
        self._worked_example()
        report = self._report(
            lens="snapshot",
            compare={"date_from": "2025-12-06", "date_to": "2026-01-06"},
        )
        self.assertEqual(self._column(report["compare"], "count"), [1, 2, 1, 0])
        # what is known by now was not known then: one deal had ended, and was lost
        self.assertEqual(report["compare"]["weighted_amount"], 0)

    def test_days_in_step_are_of_finished_stays(self):
        self._worked_example()
        in_step = self._report(as_of="2026-01-04 12:00:00")["total"]["steps"][0][
            "days_in_step"
        ]
        # D1 two days, D3 one day, D4 none; D2 is still there
        self.assertEqual([in_step["n"], in_step["mean"]], [3, 1])

    def test_by_owner(self):
        self._worked_example()
        report = self._report(groupby="user_id")
        self.assertEqual(
            {
                group["label"]: self._column(group["series"], "count")
                for group in report["groups"]
            },
            {"Ada": [2, 2, 2, 1], "Ben": [3, 2, 0, 0]},
        )
        for group in report["groups"]:
            self._assert_drill_down(group["series"])
            self.assertEqual(
                self.Lead.with_context(active_test=False).search_count(group["domain"]),
                {"Ada": 3, "Ben": 3}[group["label"]],
            )
        self._assert_partition(report)

    def _assert_partition(self, report):
        series = [group["series"] for group in report["groups"]]
        for fname in ("size", "won", "lost", "open", "on_hold", "amount", "won_amount"):
            self.assertEqual(
                sum(one[fname] for one in series), report["total"][fname], fname
            )
        for rank, step in enumerate(report["total"]["steps"]):
            for fname in ("count", "amount", "lost", "open", "on_hold", "skipped"):
                self.assertEqual(
                    sum(one["steps"][rank][fname] for one in series), step[fname]
                )

    def test_as_of_a_past_moment(self):
        self._worked_example()
        total = self._report(as_of="2026-01-07 08:59:59")["total"]
        self.assertEqual(self._column(total, "count"), [5, 3, 2, 0])
        self.assertEqual(
            [total[k] for k in ("won", "lost", "open", "on_hold")], [0, 1, 4, 0]
        )
        # a move back takes nothing away, and a moment later it has moved again
        self.assertEqual(self._column(total, "open"), [1, 1, 2, 0])
        self._assert_drill_down(total)

    def test_compare(self):
        self._worked_example()
        report = self._report(
            compare={"date_from": "2026-02-01", "date_to": "2026-03-01"}
        )
        self.assertEqual(self._column(report["total"], "count"), [5, 4, 2, 1])
        self.assertEqual(self._column(report["compare"], "count"), [1, 1, 1, 1])
        self.assertEqual(self._column(report["compare"], "skipped"), [0, 1, 1, 0])
        self._assert_drill_down(report["compare"])

    def test_compare_group_by_group(self):
        self._worked_example()
        self._play(
            [("2026-02-05 09:00:00", self.stage_new)], user_id=self.user_manager.id
        )
        february = {"date_from": "2026-02-01", "date_to": "2026-03-01"}
        report = self._report(compare=february, groupby="user_id")
        self.assertEqual(
            {
                group["label"]: [
                    self._column(group[series], "count")
                    for series in ("series", "compare")
                ]
                for group in report["groups"]
            },
            {
                "Ada": [[2, 2, 2, 1], [1, 1, 1, 1]],
                "Ben": [[3, 2, 0, 0], [0, 0, 0, 0]],
                # came with nothing in January
                "Dora, who manages": [[0, 0, 0, 0], [1, 0, 0, 0]],
            },
        )
        self._assert_partition(report)
        for group in report["groups"]:
            self._assert_drill_down(group["compare"])
        compared = [group["compare"] for group in report["groups"]]
        self._assert_partition(
            {
                "total": report["compare"],
                "groups": [{"series": series} for series in compared],
            }
        )
        alone = self._report(**february, groupby="user_id")["groups"]
        self.assertEqual(
            {group["label"]: group["series"]["amount"] for group in alone},
            {
                group["label"]: group["compare"]["amount"]
                for group in report["groups"]
                if group["compare"]["size"]
            },
        )

    def test_compare_group_by_group_in_every_lens(self):
        self._worked_example()
        february = {"date_from": "2026-02-01", "date_to": "2026-03-01"}
        for lens in ("closed", "flow", "snapshot"):
            for groupby in ("user_id", "stage_user_id", "create_date:month"):
                options = {"lens": lens, "groupby": groupby}
                report = self._report(compare=february, **options)
                size = "entered" if lens == "flow" else "size"
                with self.subTest(**options):
                    self.assertEqual(
                        sum(group["compare"][size] for group in report["groups"]),
                        report["compare"][size],
                    )
                    without = self._report(**options)["groups"]
                    self.assertTrue(all(group["compare"] is None for group in without))
                    self.assertEqual(
                        [group["series"] for group in without],
                        [
                            group["series"]
                            for group in report["groups"]
                            if group["series"]["size"]
                        ],
                    )

    def test_window(self):
        self._worked_example()
        report = self._report(window_days=4)
        total = report["total"]
        # D1 is in Qualified then, D2 in Proposition, D3 back in Qualified, D5 just
        # there
        self.assertEqual(self._column(total, "count"), [5, 4, 1, 0])
        self.assertEqual(total["won"], 0)
        self.assertEqual(total["lost"], 1)
        self._assert_identity(total)
        self._assert_drill_down(total)
        self.assertTrue(any("4 days" in text for text in report["warnings"]))

    def _assert_identity(self, series):
        counts = [*self._column(series, "count"), 0]
        for rank, step in enumerate(series["steps"]):
            self.assertEqual(
                counts[rank] - counts[rank + 1],
                step["lost"] + step["open"] + step["on_hold"] + step["won"],
            )

    def test_expected_win_rate(self):
        self._worked_example()
        total = self._report(horizon_days=30)["total"]
        # D4 lost on day 0, D2 on day 6, D1 won on day 9; D3 and D5 undecided
        self.assertAlmostEqual(total["expected_win_rate"], 4 / 5 * 3 / 4 * 1 / 3)
        # the youngest deal came in on January 5
        for as_of, mature in (
            ("2026-02-04 08:59:59", False),
            ("2026-02-04 09:00:00", True),
        ):
            report = self._report(horizon_days=30, as_of=as_of)
            self.assertEqual(report["total"]["mature"], mature)

    def test_horizon_by_default(self):
        self._worked_example()
        # nine days and two days from start to win
        self.assertAlmostEqual(self._report()["options"]["horizon_days"], 8.3)
        self.assertIsNone(
            self._report(as_of="2026-01-09 00:00:00")["options"]["horizon_days"]
        )

    # ------------------------------------------------------------
    # DAYS AND TIME ZONES
    # ------------------------------------------------------------

    def test_days_are_those_of_the_user(self):
        self._play([("2026-01-31 23:30:00", self.stage_new)])
        for zone, in_january in (("UTC", 1), ("Europe/Athens", 0), ("Etc/GMT+9", 1)):
            report = self._report(lead=self.Lead.with_context(tz=zone))
            self.assertEqual(report["total"]["size"], in_january, zone)

    def test_day_of_the_clock_change(self):
        zone = self.Lead.with_context(tz="Europe/Athens")
        # the last hour of March 28, and the first one of March 29
        self._play([("2026-03-28 21:59:59", self.stage_new)])
        self._play([("2026-03-28 22:00:00", self.stage_new)])
        # the last hour of March 29, which had 23 hours
        self._play([("2026-03-29 20:59:59", self.stage_new)])
        self._play([("2026-03-29 21:00:00", self.stage_new)])
        report = self._report(
            lead=zone,
            date_from="2026-03-29",
            date_to="2026-03-30",
            as_of="2026-04-10 00:00:00",
        )
        self.assertEqual(report["total"]["size"], 2)

    def test_day_whose_midnight_comes_twice_or_not_at_all(self):
        for zone, begin, hours in (
            # an hour after midnight the clock goes back to it
            ("Atlantic/Azores", "2026-10-25 00:00:00", 25),
            # the clock goes forward at midnight
            ("America/Sao_Paulo", "2018-11-04 03:00:00", 23),
        ):
            day = begin[:10]
            first = datetime.fromisoformat(begin)
            last = first + timedelta(hours=hours, seconds=-1)
            second = timedelta(seconds=1)
            for moment in (first - second, first, last, last + second):
                self._play([(str(moment), self.stage_new)], name=zone)
            report = self.Lead.with_context(tz=zone).get_funnel_report(
                [("name", "=", zone)],
                {
                    "date_from": day,
                    "date_to": str(date.fromisoformat(day) + timedelta(days=1)),
                },
            )
            self.assertEqual(report["total"]["size"], 2, zone)

    def test_default_period_is_the_last_twelve_months(self):
        with self.at("2026-11-21 12:00:00"):
            options = self.Lead.get_funnel_report()["options"]
        self.assertEqual(
            (options["date_from"], options["date_to"], options["as_of"]),
            ("2025-11-22", "2026-11-22", "2026-11-21 12:00:00"),
        )

    # ------------------------------------------------------------
    # GROUPS
    # ------------------------------------------------------------

    def test_groups_of_every_kind(self):
        deals = self._worked_example()
        red, blue = self.env["crm.tag"].create([{"name": "red"}, {"name": "blue"}])
        deals["D1"].tag_ids = red | blue
        deals["D2"].tag_ids = red
        deals["D3"].priority = "2"
        deals["D4"].city, deals["D5"].city = "Athens", ""
        self.team.lead_properties_definition = [
            {"name": "size", "type": "char", "string": "Size"}
        ]
        deals["D2"].lead_properties = {"size": "big"}
        self.env.flush_all()
        for spec, expected in {
            "tag_ids": {"red": 2, "blue": 1, "None": 3},
            "priority": {"Low": 4, "High": 1},
            # an empty text is none
            "city": {"Athens": 1, "None": 4},
            "type": {"Opportunity": 5},
            "active": {"Yes": 2, "No": 3},
            "create_date:month": {"January 2026": 5},
            "create_date:week": None,
            "lead_properties.size": {"big": 1, "None": 4},
            "team_id.company_id": {"None": 5},
            "stage_user_id": {"Ada": 2, "Ben": 3},
        }.items():
            with self.subTest(spec):
                report = self._report(groupby=spec)
                sizes = {g["label"]: g["series"]["size"] for g in report["groups"]}
                if expected:
                    self.assertEqual(sizes, expected)
                for group in report["groups"]:
                    self._assert_drill_down(group["series"])
                if spec != "tag_ids":
                    self._assert_partition(report)

    def test_group_by_owner_of_the_step(self):
        lead = self._play([("2026-01-02 09:00:00", self.stage_new)])
        with self.at("2026-01-03 09:00:00"):
            lead.stage_id = self.stage_qualified
        with self.at("2026-01-04 09:00:00"):
            lead.user_id = self.user_b
        with self.at("2026-01-05 09:00:00"):
            lead.stage_id = self.stage_won
        report = self._report(groupby="stage_user_id")
        self.assertEqual(
            {
                group["label"]: self._column(group["series"], "count")
                for group in report["groups"]
            },
            {"Ada": [1, 1, 0, 0], "Ben": [0, 0, 1, 1]},
        )
        self.assertEqual(
            {g["label"]: g["series"]["won"] for g in report["groups"]},
            {"Ada": 0, "Ben": 1},
        )
        self._assert_partition(report)
        for group in report["groups"]:
            self._assert_drill_down(group["series"])

    # ------------------------------------------------------------
    # WHAT COUNTS
    # ------------------------------------------------------------

    def test_empty(self):
        report = self._report()
        total = report["total"]
        self.assertEqual(total["size"], 0)
        self.assertEqual(self._column(total, "count"), [0, 0, 0, 0])
        for fname in ("win_rate", "win_rate_ci", "win_rate_closed"):
            self.assertIsNone(total[fname])
        self.assertIsNone(total["expected_win_rate"])
        self.assertIsNone(report["history_since"])
        self.assertEqual(report["groups"], [])
        self.assertEqual(self._report(groupby="user_id")["groups"], [])

    def test_domain_and_archived(self):
        self._worked_example()
        self.assertEqual(
            self._report([("user_id", "=", self.user_b.id)])["total"]["size"], 3
        )
        self.assertEqual(self._report([("active", "=", True)])["total"]["size"], 2)

    def test_restored_deal_is_open_again(self):
        self._play(
            [
                ("2026-01-02 09:00:00", self.stage_new),
                ("2026-01-03 09:00:00", "lost"),
                ("2026-01-05 09:00:00", "restored"),
            ]
        )
        self.assertEqual(self._report(as_of="2026-01-04 00:00:00")["total"]["lost"], 1)
        total = self._report()["total"]
        self.assertEqual((total["size"], total["lost"], total["open"]), (1, 0, 1))

    def test_team_has_its_own_stages(self):
        other = self.env["crm.team"].create({"name": "Partners"})
        stage = self.env["crm.stage"].create(
            {"name": "Certified", "sequence": 5, "team_ids": [Command.set(other.ids)]}
        )
        names = {
            True: ["New", "Qualified", "Proposition", "Certified", "Won"],
            False: ["New", "Qualified", "Proposition", "Won"],
        }
        for domain, has_stage in (
            ([], True),
            ([("team_id", "=", other.id)], True),
            ([("team_id", "=", self.team.id)], False),
            ([("team_id", "in", [self.team.id])], False),
            ([("type", "=", "lead"), ("team_id", "=", self.team.id)], False),
            (["|", ("type", "=", "lead"), ("team_id", "=", self.team.id)], True),
            ([("team_id", "in", [self.team.id, other.id])], True),
        ):
            with self.subTest(domain=domain):
                self.assertEqual(
                    self._column(self._report(domain)["total"], "name"),
                    names[has_stage],
                )
        self.assertEqual(stage.name, "Certified")

    def test_removed_stage_stays_in_the_steps_it_was_in(self):
        self._worked_example()
        funnel = self.env["crm.funnel"].create(
            {
                "name": "Mine",
                "step_ids": [
                    Command.create({"name": name, "stage_ids": [Command.set(ids)]})
                    for name, ids in (
                        ("In talks", (self.stage_new | self.stage_proposition).ids),
                        ("Serious", self.stage_qualified.ids),
                        ("Won", self.stage_won.ids),
                    )
                ],
            }
        )
        options = {"funnel_id": funnel.id, "rule": "visited"}
        before = self._column(self._report(**options)["total"], "count", "amount")
        for stage in (self.stage_proposition, self.stage_qualified):
            self.Lead.with_context(active_test=False).search(
                [("stage_id", "=", stage.id)]
            ).stage_id = self.stage_new
            stage.unlink()
        total = self._report(**options)["total"]
        self.assertEqual(self._column(total, "count", "amount"), before)
        self._assert_drill_down(total)
        copied = self._report(funnel_id=funnel.copy().id, rule="visited")["total"]
        self.assertEqual(self._column(copied, "count", "amount"), before)

    def test_removed_stage_stays_a_step(self):
        stage = self.env["crm.stage"].create({"name": "Visited", "sequence": 2})
        lead = self._play(
            [
                ("2026-01-02 09:00:00", self.stage_new),
                ("2026-01-03 09:00:00", stage),
                ("2026-01-05 09:00:00", self.stage_proposition),
            ]
        )
        stage.unlink()
        total = self._report()["total"]
        self.assertEqual(
            self._column(total, "name", "count", "skipped"),
            [
                ["New", 1, 0],
                ["Qualified", 1, 1],
                ["Visited (removed)", 1, 0],
                ["Proposition", 1, 0],
                ["Won", 0, 0],
            ],
        )
        self._assert_drill_down(total)
        # who never stood there need not see it
        self._play([("2026-01-02 09:00:00", self.stage_new)], name="other")
        self.assertEqual(
            len(self._report([("name", "=", "other")])["total"]["steps"]), 4
        )
        lead.unlink()
        self.assertEqual(len(self._report()["total"]["steps"]), 4)

    def test_merged_deals_count_once(self):
        first = self._play([("2026-01-02 09:00:00", self.stage_new)])
        second = self._play(
            [
                ("2026-01-03 09:00:00", self.stage_new),
                ("2026-01-04 09:00:00", self.stage_proposition),
            ]
        )
        with self.at("2026-01-06 09:00:00"):
            (first | second)._merge_opportunity(auto_unlink=False)
        for _unlinked in range(2):
            total = self._report()["total"]
            self.assertEqual(self._column(total, "count"), [1, 1, 1, 0])
            (first | second).filtered(
                lambda lead: lead.stage_history_ids[-1:].exit_kind == "merged"
            ).unlink()

    def test_own_funnel(self):
        funnel = self.env["crm.funnel"].create(
            {
                "name": "Short",
                "step_ids": [
                    Command.create(
                        {
                            "name": "Talking",
                            "stage_ids": [
                                Command.set(
                                    (self.stage_qualified | self.stage_proposition).ids
                                )
                            ],
                        }
                    ),
                    Command.create(
                        {"name": "Won", "stage_ids": [Command.set(self.stage_won.ids)]}
                    ),
                ],
            }
        )
        self._worked_example()
        total = self._report(funnel_id=funnel.id)["total"]
        self.assertEqual(total["size"], 5)
        self.assertEqual(
            self._column(total, "key", "count"),
            [[f"step:{funnel.step_ids[0].id}", 4], [f"stage:{self.stage_won.id}", 1]],
        )
        self._assert_drill_down(total)
        self._assert_identity(total)
        funnel.step_ids.unlink()
        total = self._report(funnel_id=funnel.id)["total"]
        self.assertEqual((total["size"], total["steps"]), (5, []))

    # ------------------------------------------------------------
    # MONEY
    # ------------------------------------------------------------

    def test_money_is_what_the_history_froze(self):
        lead = self._play([("2026-01-02 09:00:00", self.stage_new)])
        with self.at("2026-01-03 09:00:00"):
            lead.expected_revenue = 900
        self.assertEqual(self._report()["total"]["amount"], 100)
        with self.at("2026-01-04 09:00:00"):
            lead.stage_id = self.stage_won
        total = self._report()["total"]
        self.assertEqual((total["amount"], total["won_amount"]), (900, 900))
        self.assertEqual(
            self._report(as_of="2026-01-03 23:00:00")["total"]["amount"], 100
        )

    def test_money_of_another_company(self):
        company = self.env["res.company"].create(
            {"name": "Abroad", "currency_id": self._other_currency().id}
        )
        self.env.user.company_ids += company
        self.env["res.currency.rate"].create(
            [
                {
                    "name": day,
                    "rate": rate,
                    "currency_id": company.currency_id.id,
                    "company_id": self.env.company.id,
                }
                for day, rate in (("2025-01-01", 2), ("2026-01-03", 4))
            ]
        )
        values = {"company_id": company.id, "team_id": False, "user_id": False}
        self._play([("2026-01-02 09:00:00", self.stage_new)], **values)
        self._play([("2026-01-03 09:00:00", self.stage_new)], **values)
        self._play([("2026-01-03 09:00:00", self.stage_new)])
        lead = self.Lead.with_context(
            allowed_company_ids=(self.env.company | company).ids
        )
        # 100 at two to one, 100 at four to one, 100 of ours
        self.assertEqual(self._report(lead=lead)["total"]["amount"], 50 + 25 + 100)
        own = self.Lead.with_user(self.user_all)
        self.assertEqual(self._report(lead=own)["total"]["amount"], 100)

    def _other_currency(self):
        currency = self.env["res.currency"].create(
            {"name": "FUN", "symbol": "F", "rounding": 0.01}
        )
        self.assertNotEqual(currency, self.env.company.currency_id)
        return currency

    # ------------------------------------------------------------
    # WHO SEES WHAT
    # ------------------------------------------------------------

    def test_record_rules_hold(self):
        self._worked_example()
        nobodys = self._play(
            [("2026-01-20 09:00:00", self.stage_new)], user_id=False, team_id=False
        )
        self.assertTrue(nobodys)
        for user, size in (
            (self.user_a, 2 + 1),
            (self.user_b, 3 + 1),
            (self.user_all, 6),
            (self.user_manager, 6),
        ):
            lead = self.Lead.with_user(user)
            report = self._report(lead=lead, groupby="user_id")
            self.assertEqual(report["total"]["size"], size, user.name)
            for step in report["total"]["steps"]:
                self.assertEqual(
                    lead.with_context(active_test=False).search_count(step["domain"]),
                    step["count"],
                )

    def test_rules_and_filters_that_look_at_the_team_or_the_company(self):
        self._worked_example()
        self.team.user_id = self.user_b
        company = self.env.company
        lead = self.Lead.with_user(self.user_all)
        self.assertEqual(
            self._report(
                lead=lead,
                domain=[
                    "|",
                    ("company_id", "=", False),
                    ("company_id", "child_of", company.ids),
                ],
            )["total"]["size"],
            5,
        )
        rule = self.env["ir.rule"].create(
            {
                "name": "Deals of teams",
                "model_id": self.env.ref("crm.model_crm_lead").id,
            }
        )
        for domain, size in (
            ([("team_id.user_id", "=", self.user_b.id)], 5),
            ([("team_id.user_id", "=", self.user_a.id)], 0),
            ([("user_id.partner_id.name", "=", "Ada")], 2),
        ):
            rule.domain_force = repr(domain)
            with self.subTest(domain):
                report = self._report(lead=lead, groupby="user_id")
                self.assertEqual(report["total"]["size"], size)
                for step in report["total"]["steps"]:
                    self.assertEqual(
                        lead.with_context(active_test=False).search_count(
                            step["domain"]
                        ),
                        step["count"],
                    )

    def test_other_company_is_not_counted(self):
        company = self.env["res.company"].create({"name": "Abroad"})
        self._play(
            [("2026-01-02 09:00:00", self.stage_new)],
            company_id=company.id,
            team_id=False,
            user_id=False,
        )
        lead = self.Lead.with_user(self.user_all)
        self.assertEqual(self._report(lead=lead)["total"]["size"], 0)

    def test_no_access_without_sales_rights(self):
        for group in ("base.group_user", "base.group_portal", "base.group_public"):
            user = new_test_user(self.env, login=group, groups=group)
            with self.assertRaises(AccessError):
                self.Lead.with_user(user).get_funnel_report()

    # ------------------------------------------------------------
    # WRONG QUESTIONS
    # ------------------------------------------------------------

    def test_what_was_before_the_history_is_said(self):
        self._worked_example()
        january = {"date_from": "2026-01-01", "date_to": "2026-02-01"}
        december = {"date_from": "2025-12-01", "date_to": "2026-01-01"}
        # the history begins at nine in the morning of January 1
        since = {"date_from": "2026-01-02", "date_to": "2026-02-01"}
        for options, is_said in (
            (since, False),
            (january, True),
            ({**since, "compare": since}, False),
            ({**since, "compare": december}, True),
            ({**since, "lens": "flow", "compare": december}, True),
            ({**since, "lens": "snapshot"}, False),
            ({**since, "lens": "snapshot", "compare": december}, True),
        ):
            warnings = self.Lead.get_funnel_report(
                [], {"as_of": "2026-02-10 00:00:00", **options}
            )["warnings"]
            self.assertEqual(
                any("history begins" in text for text in warnings), is_said, options
            )

    def test_wrong_options_are_named(self):
        self.team.lead_properties_definition = [
            {"name": "begin", "type": "date", "string": "Begin"}
        ]
        self._play(
            [("2026-11-01 09:00:00", self.stage_new)],
            date_deadline="2026-11-02",
            lead_properties={"begin": "2026-11-01"},
        )
        for options, named in (
            ({"colour": "red"}, "colour"),
            ({"lens": "magnifier"}, "magnifier"),
            ({"rule": "golden"}, "golden"),
            ({"date_from": "2026-02-30"}, "2026-02-30"),
            ({"date_from": "01/02/2026"}, "01/02/2026"),
            ({"date_to": 5}, "date_to"),
            ({"date_from": "2026-02-01", "date_to": "2026-02-01"}, "2026-02-01"),
            ({"as_of": "yesterday"}, "yesterday"),
            ({"as_of": "2026-02-01"}, "as_of"),
            ({"window_days": 0}, "window_days"),
            ({"window_days": True}, "window_days"),
            ({"window_days": "7"}, "window_days"),
            ({"horizon_days": -1}, "horizon_days"),
            ({"horizon_days": 1.5}, "horizon_days"),
            ({"funnel_id": 0}, "funnel_id"),
            ({"funnel_id": "Pipeline"}, "Pipeline"),
            ({"groupby": "shoe_size"}, "shoe_size"),
            ({"groupby": "create_date"}, "create_date"),
            ({"groupby": "create_date:fortnight"}, "fortnight"),
            ({"groupby": "date_deadline:hour"}, "date_deadline:hour"),
            ({"groupby": "lead_properties.begin"}, "lead_properties.begin"),
            ({"date_from": "0026-01-01"}, "0026-01-01"),
            ({"as_of": "0026-01-01 00:00:00"}, "0026-01-01"),
            ({"window_days": 10**12}, "window_days"),
            ({"horizon_days": 10**12}, "horizon_days"),
            ({"groupby": "lead_properties"}, "lead_properties"),
            ({"groupby": ["user_id"]}, "user_id"),
            ({"groupby": "message_ids"}, "message_ids"),
            ({"compare": {"date_from": "2026-01-01"}}, "compare"),
            ({"compare": {"date_from": "x", "date_to": "2026-01-01"}}, "compare"),
            ({"compare": "last year"}, "last year"),
        ):
            with self.subTest(options), self.assertRaises(UserError) as raised:
                self.Lead.get_funnel_report([], options)
            self.assertIn(named, str(raised.exception))

    def test_wrong_domains(self):
        for domain in ([("shoe_size", "=", 1)], [("name", "~~", 1)], "all of them"):
            with self.subTest(domain=domain), self.assertRaises(UserError):
                self.Lead.get_funnel_report(domain)

    def test_wrong_step(self):
        for value in ("x", "[]", '{"step": 1, "colour": 2}'):
            with self.assertRaises(UserError):
                self.Lead.search([("funnel_step_reached", "=", value)])
        [term] = self._report()["total"]["steps"][0]["domain"]
        for name, value in (("step", "stage:0"), ("what", "sold")):
            described = json.dumps({**json.loads(term[2]), name: value})
            self.assertFalse(
                self.Lead.search([("funnel_step_reached", "=", described)])
            )

    def test_without_any_funnel(self):
        self.env["crm.funnel"].search([]).unlink()
        with self.assertRaisesRegex(UserError, "Configuration"):
            self.Lead.get_funnel_report()

    def test_nothing_is_written(self):
        self._worked_example()
        self.env.flush_all()
        with self.registry.cursor(readonly=True) as cursor:
            lead = self.Lead.with_env(self.env(cr=cursor))
            # nothing of this transaction is seen there, and nothing is written
            lead.get_funnel_report([], {**self.JANUARY, "groupby": "user_id"})
