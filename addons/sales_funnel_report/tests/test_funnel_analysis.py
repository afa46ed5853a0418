from odoo.exceptions import AccessError
from odoo.fields import Command, Domain
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import FunnelCase

JANUARY = Domain("date_entered", ">=", "2026-01-01 00:00:00") & Domain(
    "date_entered", "<", "2026-02-01 00:00:00"
)
COUNTS = (
    "moved_forward",
    "moved_back",
    "handed_off",
    "lost",
    "on_hold",
    "merged",
    "still_here",
)


class FunnelAnalysisCase(FunnelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Analysis = cls.env["crm.funnel.analysis"].with_context(tz="UTC")

    def _worked_example(self):
        """The deals of the contract's example.

        :return: ``{name: crm.lead}``
        """
        new, qualified, proposition, won = (
            self.stage_new,
            self.stage_qualified,
            self.stage_proposition,
            self.stage_won,
        )
        ada, ben = self.user_a, self.user_b
        lives = (
            (
                *("D1", ada, 100),
                *(("01-01", new), ("01-03", qualified)),
                *(("01-06", proposition), ("01-10", won)),
            ),
            ("D2", ada, 200, ("01-02", new), ("01-05", proposition), ("01-08", "lost")),
            (
                *("D3", ben, 300),
                *(("01-03", new), ("01-04", qualified)),
                *(("01-06", new), ("01-07", qualified)),
            ),
            ("D4", ben, 50, ("01-04", new), ("01-04", "lost")),
            (
                *("D5", ben, 400),
                *(("01-05", new), ("01-09", qualified), ("01-12", "archived")),
            ),
            ("D6", ada, 500, ("02-01", new), ("02-03", won)),
        )
        return {
            name: self._play(
                [(f"2026-{day} 09:00:00", what) for day, what in moves],
                name=name,
                user_id=owner.id,
                expected_revenue=amount,
            )
            for name, owner, amount, *moves in lives
        }

    def _groups(self, groupby, *measures, domain=JANUARY, analysis=None, **kwargs):
        """What the pivot asks for a set of rows.

        :return: ``{value: [measures]}`` in the order of the rows; a lone measure is
            not a list
        """
        analysis = self.Analysis if analysis is None else analysis
        aggregates = [
            f"{measure}:{analysis.fields_get([measure])[measure]['aggregator']}"
            for measure in measures
        ]
        groups = {}
        for row in analysis.formatted_read_group(
            domain, [groupby] if groupby else [], aggregates, **kwargs
        ):
            value = row[groupby] if groupby else None
            if isinstance(value, tuple):
                value = value[1]
            found = [row[aggregate] for aggregate in aggregates]
            groups[value] = found[0] if len(found) == 1 else found
        return groups


@tagged("post_install", "-at_install")
class TestFunnelAnalysis(FunnelAnalysisCase):
    """The numbers of the pivot, against the worked example of the contract."""

    def test_stays_and_what_became_of_them(self):
        self._worked_example()
        self.assertEqual(
            self._groups("stage_name", "stays", "deals", *COUNTS),
            {
                "New": [6, 5, 5, 0, 0, 1, 0, 0, 0],
                "Qualified": [4, 3, 1, 1, 0, 0, 1, 0, 1],
                "Proposition": [2, 2, 1, 0, 0, 1, 0, 0, 0],
                "Won": [1, 1, 0, 0, 0, 0, 0, 0, 1],
            },
        )
        self.assertEqual(
            self._groups(None, "stays", "deals", *COUNTS),
            {None: [13, 5, 7, 1, 0, 2, 1, 0, 2]},
        )

    def test_handed_off_and_merged(self):
        other_team = self.env["crm.team"].create(
            {"name": "Elsewhere", "company_id": False}
        )
        self.stage_new.team_ids = self.team
        own_stage = self.env["crm.stage"].create(
            {"name": "Own", "sequence": 5, "team_ids": [Command.set(other_team.ids)]}
        )
        handed, head, tail = self._deals(3)
        handed.write({"team_id": other_team.id, "stage_id": own_stage.id})
        (head | tail).merge_opportunity()
        analysis = self._groups("exit_kind", "stays", "conversion", *COUNTS, domain=[])
        self.assertEqual(analysis["handed_off"][4], 1)
        self.assertEqual(sum(sum(row[2:]) for row in analysis.values()), 3)

    def test_merged_stay_is_no_failure(self):
        """A deal that went up in another one lowers nobody's conversion."""
        self._worked_example()
        before = self._groups("stage_name", "conversion")["New"]
        stay = self.History.search(
            [("stage_id", "=", self.stage_new.id), ("exit_kind", "=", "lost")]
        )
        self.assertEqual(before, 500 / 6)
        self.env.cr.execute(
            "UPDATE crm_lead_stage_history SET exit_kind = 'merged' WHERE id = %s",
            stay.ids,
        )
        self.assertEqual(self._groups("stage_name", "conversion")["New"], 100)

    def test_conversion_of_totals_is_counted_anew(self):
        self._worked_example()
        self.assertEqual(
            self._groups("stage_name", "conversion"),
            {
                "New": 500 / 6,
                "Qualified": 100 / 3,
                "Proposition": 50,
                # nobody has left it yet: no conversion at all, and not 0
                "Won": False,
            },
        )
        self.assertEqual(self._groups(None, "conversion"), {None: 700 / 11})

    def test_conversion_in_the_grouping_sets_of_the_pivot(self):
        """The pivot asks for its rows, columns and totals at once."""
        self._worked_example()
        total, stages, owners, cells = self.Analysis.formatted_read_grouping_sets(
            JANUARY,
            [[], ["stage_name"], ["user_id"], ["stage_name", "user_id"]],
            ["conversion:avg", "days_mean:avg", "stays:sum", "deals:count_distinct"],
        )
        self.assertEqual(total[0]["conversion:avg"], 700 / 11)
        self.assertEqual(total[0]["deals:count_distinct"], 5)
        self.assertEqual(
            [row["stage_name"] for row in stages],
            ["New", "Qualified", "Proposition", "Won"],
        )
        self.assertEqual(
            {row["user_id"][1]: row["conversion:avg"] for row in owners},
            {self.user_a.name: 80, self.user_b.name: 50},
        )
        self.assertEqual(
            {
                (row["stage_name"], row["user_id"][1]): row["conversion:avg"]
                for row in cells
            },
            {
                ("New", self.user_a.name): 100,
                ("New", self.user_b.name): 75,
                ("Qualified", self.user_a.name): 100,
                ("Qualified", self.user_b.name): 0,
                ("Proposition", self.user_a.name): 50,
                ("Won", self.user_a.name): False,
            },
        )
        self.assertEqual(sum(row["stays:sum"] for row in cells), 13)

    def test_order_of_columns_is_not_disturbed_by_the_stages(self):
        self._play(
            [
                ("2026-01-01 09:00:00", self.stage_proposition),
                ("2026-02-01 09:00:00", self.stage_new),
                ("2026-03-01 09:00:00", self.stage_qualified),
            ]
        )
        sets = self.Analysis.formatted_read_grouping_sets(
            [],
            [
                ["date_entered:month"],
                ["stage_name"],
                ["stage_name", "date_entered:month"],
            ],
            ["__count"],
        )
        self.assertEqual(
            [row["date_entered:month"][1] for row in sets[0]],
            ["January 2026", "February 2026", "March 2026"],
        )
        self.assertEqual(
            [row["stage_name"] for row in sets[1]],
            ["New", "Qualified", "Proposition"],
        )
        downwards = self.Analysis.formatted_read_group(
            [], ["stage_name"], order="stage_name desc"
        )
        self.assertEqual(
            [row["stage_name"] for row in downwards],
            ["Proposition", "Qualified", "New"],
        )

    def test_days(self):
        self._worked_example()
        with self.at("2026-02-10 09:00:00"):
            found = self._groups("stage_name", "days", "days_mean", "days_open")
        self.assertEqual(
            found,
            {
                # 2, 3, 1, 0, 4 and 1 days
                "New": [11, 11 / 6, False],
                # 3, 2 and 3 days; the second one of D3 still runs
                "Qualified": [8, 8 / 3, 34],
                "Proposition": [7, 3.5, False],
                "Won": [False, False, 31],
            },
        )

    def test_money(self):
        self._worked_example()
        self.assertEqual(
            self._groups("stage_name", "expected_revenue"),
            {"New": 1350, "Qualified": 1100, "Proposition": 300, "Won": 100},
        )

    def test_money_of_another_currency(self):
        """Each stay at the rate of its day, in the currency of the reader."""
        foreign = self.env["res.currency"].create(
            {
                "name": "TFA",
                "symbol": "T",
                "rate_ids": [
                    Command.create({"name": day, "rate": rate})
                    for day, rate in (("2025-01-01", 2), ("2026-01-03", 4))
                ],
            }
        )
        company = self.env["res.company"].create(
            {"name": "Elsewhere", "currency_id": foreign.id}
        )
        self.env.user.company_ids += company
        self._play(
            [
                ("2026-01-01 09:00:00", self.stage_new),
                ("2026-01-04 09:00:00", self.stage_qualified),
            ],
            company_id=company.id,
            user_id=False,
            team_id=False,
            expected_revenue=800,
        )
        analysis = self.Analysis.with_context(
            allowed_company_ids=[self.env.company.id, company.id]
        )
        self.assertEqual(
            self._groups("stage_name", "expected_revenue", analysis=analysis),
            {"New": 400, "Qualified": 200},
        )
        self.assertEqual(
            analysis.search([]).company_currency, self.env.company.currency_id
        )
        there = self.Analysis.with_context(allowed_company_ids=company.ids)
        self.assertEqual(
            self._groups("stage_name", "expected_revenue", analysis=there),
            {"New": 800, "Qualified": 800},
        )

    def test_same_stays_as_the_flow_of_the_report(self):
        self._worked_example()
        flow = self.Lead.with_context(tz="UTC").get_funnel_report(
            [],
            {
                "lens": "flow",
                "date_from": "2026-01-01",
                "date_to": "2026-02-01",
                "as_of": "2026-02-10 00:00:00",
            },
        )
        self.assertEqual(
            {
                step["name"]: [
                    step[figure]
                    for figure in (
                        *("entered", "advanced", "moved_back", "handed_off"),
                        *("lost", "on_hold", "still_here", "amount"),
                    )
                ]
                for step in flow["total"]["steps"]
            },
            self._groups(
                "stage_name",
                *("stays", "moved_forward", "moved_back", "handed_off"),
                *("lost", "on_hold", "still_here", "expected_revenue"),
            ),
        )


@tagged("post_install", "-at_install")
class TestFunnelAnalysisDimensions(FunnelAnalysisCase):
    """Any dimension of the deal, and those of the stay."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tags = cls.env["crm.tag"].create([{"name": "Fair"}, {"name": "Partner"}])
        cls.source = cls.env["utm.source"].create({"name": "Newsletter of spring"})
        cls.country = cls.env.ref("base.cy")
        cls.team.lead_properties_definition = [
            {"name": "colour", "type": "char", "string": "Colour"}
        ]
        with cls.at("2026-03-02 09:00:00"):
            cls.deal, cls.other = cls._deals(2)
            cls.deal.write(
                {
                    "tag_ids": [Command.set(cls.tags.ids)],
                    "source_id": cls.source.id,
                    "country_id": cls.country.id,
                    "type": "lead",
                    "lead_properties": {"colour": "red"},
                }
            )
        with cls.at("2026-04-07 09:00:00"):
            cls.deal.write(
                {"stage_id": cls.stage_qualified.id, "user_id": cls.user_b.id}
            )

    def test_dimensions_of_the_deal(self):
        for groupby, label in (
            ("source_id", "Newsletter of spring"),
            ("country_id", self.country.name),
            ("type", "lead"),
            ("lead_properties.colour", "red"),
            ("lead_stage_id", "Qualified"),
            ("lead_user_id", self.user_b.name),
            ("active", True),
        ):
            with self.subTest(groupby):
                found = self._groups(groupby, "stays", "deals", domain=[])
                expected = [3, 2] if label is True else [2, 1]
                self.assertEqual(found[label], expected)
                self.assertEqual(sum(row[0] for row in found.values()), 3)

    def test_dimensions_of_the_stay(self):
        for groupby, expected in (
            ("user_id", {self.user_a.name: 2, self.user_b.name: 1}),
            ("team_id", {self.team.name: 3}),
            ("next_stage_id", {"Qualified": 1, False: 2}),
            ("date_entered:month", {"March 2026": 2, "April 2026": 1}),
            ("date_entered:week", {"W10 2026": 2, "W15 2026": 1}),
            ("create_date:quarter", {"Q1 2026": 3}),
        ):
            with self.subTest(groupby):
                self.assertEqual(self._groups(groupby, "stays", domain=[]), expected)

    def test_a_deal_of_two_tags_counts_once_in_the_total(self):
        total, tags = self.Analysis.formatted_read_grouping_sets(
            [], [[], ["tag_ids"]], ["stays:sum", "deals:count_distinct"]
        )
        self.assertEqual(total[0]["stays:sum"], 3)
        self.assertEqual(
            {row["tag_ids"] and row["tag_ids"][1]: row["stays:sum"] for row in tags},
            {"Fair": 2, "Partner": 2, False: 1},
        )

    def test_every_groupable_field_can_be_grouped_by(self):
        """What the screen offers never ends in an error, whatever fields other
        modules have added to the deal."""
        for name, field in self.Analysis.fields_get().items():
            if not field.get("groupable") or field["type"] == "properties":
                continue
            suffix = ":month" if field["type"] in ("date", "datetime") else ""
            with self.subTest(name):
                groups = self.Analysis.formatted_read_group(
                    [("lead_id", "=", self.other.id)], [name + suffix], ["__count"]
                )
                self.assertEqual([row["__count"] for row in groups], [1])

    def test_measures_are_those_of_the_stay(self):
        """The revenue of a deal, added up over its stays, would be no number of
        anything."""
        measures = {
            name
            for name, field in self.Analysis.fields_get().items()
            if field.get("aggregator")
            and field["type"] in ("integer", "float", "monetary")
        }
        self.assertEqual(
            measures,
            {
                *("stays", "deals", "expected_revenue", *COUNTS),
                *("conversion", "days", "days_mean", "days_open"),
            },
        )

    def test_lost_and_archived_deals_count(self):
        self._lose(self.deal, self.lost_reason)
        self.other.action_archive()
        found = self._groups("stage_name", "stays", "lost", "on_hold", domain=[])
        self.assertEqual(found, {"New": [2, 0, 1], "Qualified": [1, 1, 0]})
        self.assertEqual(len(self.Analysis.search([("active", "=", False)])), 3)
        self.assertEqual(
            self._groups("lost_reason_id", "lost", domain=[("lost", "=", 1)]),
            {self.lost_reason.name: 1},
        )

    def test_removed_stage_keeps_its_name_and_place(self):
        extra = self.env["crm.stage"].create({"name": "Waiting", "sequence": 2})
        self.deal.stage_id = extra
        self.deal.stage_id = self.stage_won
        extra.unlink()
        self.assertEqual(
            list(self._groups("stage_name", "stays", domain=[])),
            ["New", "Qualified", "Waiting", "Won"],
        )
        stay = self.Analysis.search([("stage_name", "=", "Waiting")])
        self.assertFalse(stay.stage_id)
        self.assertEqual(stay.lead_id, self.deal)

    def test_renamed_and_translated_stage_is_one_row(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.stage_new.name = "Fresh"
        self.stage_new.with_context(lang="fr_FR").name = "Nouveau"
        self.assertEqual(self._groups("stage_name", "stays", domain=[])["Fresh"], 2)
        french = self.Analysis.with_context(lang="fr_FR")
        found = self._groups("stage_name", "stays", domain=[], analysis=french)
        self.assertEqual(found["Nouveau"], 2)

    def test_rows_follow_the_history_in_the_same_transaction(self):
        stays = self.Analysis.search([("lead_id", "=", self.other.id)])
        self.assertFalse(stays.exit_kind)
        self.other.stage_id = self.stage_proposition
        rows = self.Analysis.search([("lead_id", "=", self.other.id)])
        self.assertEqual(
            rows.sorted("date_entered").mapped("stage_name"), ["New", "Proposition"]
        )
        rows.invalidate_recordset()
        self.assertEqual(stays.exit_kind, "advanced")

    def test_drill_down(self):
        rows = self.Analysis.search([])
        action = rows.action_open_deals()
        found = (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .search(action["domain"])
        )
        self.assertEqual(found, self.deal | self.other)
        self._lose(self.other, self.lost_reason)
        one = rows.filtered(lambda row: row.lead_id == self.other).action_open_deals()
        self.assertEqual(one["res_id"], self.other.id)
        self.assertEqual(one["views"], [(False, "form")])
        self.assertEqual(Form(self.Lead.browse(one["res_id"])).name, self.other.name)


@tagged("post_install", "-at_install")
class TestFunnelAnalysisAccess(FunnelAnalysisCase):
    """Whoever may read a deal reads its stays, nobody else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal_a = cls._deals(user_id=cls.user_a.id, name="Ada's")
        cls.deal_b = cls._deals(user_id=cls.user_b.id, name="Ben's")
        cls.deal_free = cls._deals(user_id=False, name="Nobody's")
        cls.deals = cls.deal_a | cls.deal_b | cls.deal_free
        cls.deals.stage_id = cls.stage_qualified
        cls.other_company = cls.env["res.company"].create({"name": "Elsewhere"})
        cls.deal_elsewhere = cls._deals(name="Elsewhere", user_id=False, team_id=False)
        cls.deal_elsewhere.company_id = cls.other_company
        cls.user_elsewhere = new_test_user(
            cls.env,
            login="funnel_elsewhere",
            groups="sales_team.group_sale_manager",
            company_id=cls.other_company.id,
            company_ids=[Command.set(cls.other_company.ids)],
        )
        cls.env.flush_all()

    def _assert_sees(self, user, deals, **context):
        self.env.invalidate_all()
        analysis = self.Analysis.with_user(user).with_context(**context)
        rows = self.Analysis.sudo().search([("lead_id", "in", deals.ids)])
        everything = self.Analysis.sudo().search([])
        self.assertTrue(rows < everything)
        self.assertEqual(analysis.search([]).ids, rows.ids)
        self.assertEqual(analysis.search_count([]), len(rows))
        self.assertEqual(
            sum(
                row["stays:sum"]
                for row in analysis.formatted_read_group(
                    [], ["stage_name"], ["stays:sum"]
                )
            ),
            len(rows),
        )
        totals = analysis.formatted_read_grouping_sets(
            [], [[], ["source_id"]], ["deals:count_distinct"]
        )
        self.assertEqual(totals[0][0]["deals:count_distinct"], len(deals))
        for row in everything.with_user(user).with_context(**context):
            row.invalidate_recordset()
            if row.sudo() in rows:
                self.assertTrue(row.read(["stage_name", "name"])[0]["name"])
            else:
                with self.assertRaises(AccessError), mute_logger("odoo.addons.base"):
                    row.read(["stage_name"])

    def test_own_deals(self):
        self._assert_sees(self.user_a, self.deal_a | self.deal_free)
        self._assert_sees(self.user_b, self.deal_b | self.deal_free)

    def test_all_deals(self):
        self._assert_sees(self.user_all, self.deals)

    def test_manager(self):
        self._assert_sees(self.user_manager, self.deals)

    def test_ended_deals(self):
        self._lose(self.deal_a, self.lost_reason)
        self.deal_b.action_archive()
        self._assert_sees(self.user_a, self.deal_a | self.deal_free)
        self._assert_sees(self.user_all, self.deals)

    def test_deal_that_changes_hands(self):
        """The deal decides, not who had it at the time."""
        self.deal_a.user_id = self.user_b
        self._assert_sees(self.user_a, self.deal_free)
        self._assert_sees(self.user_b, self.deals)

    def test_other_company(self):
        self._assert_sees(self.user_elsewhere, self.deal_elsewhere | self.deal_free)
        self.user_all.company_ids += self.other_company
        self._assert_sees(
            self.user_all, self.deals, allowed_company_ids=self.env.company.ids
        )
        self.assertEqual(
            self.Analysis.with_user(self.user_all)
            .with_context(
                allowed_company_ids=(self.env.company + self.other_company).ids
            )
            .search([])
            .lead_id,
            (self.deals | self.deal_elsewhere).with_user(self.user_all),
        )

    def test_rule_added_later(self):
        self.env["ir.rule"].create(
            {
                "name": "Not Ben's",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "domain_force": [("user_id", "!=", self.user_b.id)],
            }
        )
        self._assert_sees(self.user_manager, self.deal_a | self.deal_free)

    def test_no_side_door(self):
        analysis = self.Analysis.with_user(self.user_a)
        for domain in (
            [("lead_id", "=", self.deal_b.id)],
            [("lead_id.name", "=", "Ben's")],
            [("name", "=", "Ben's")],
            [("user_id", "=", self.user_b.id)],
            [("lead_user_id", "=", self.user_b.id)],
        ):
            with self.subTest(domain):
                self.assertFalse(analysis.search(domain))
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base"):
            self.Analysis.with_user(self.user_a).browse(
                self.Analysis.search([("lead_id", "=", self.deal_b.id)]).ids
            ).action_open_deals()

    def test_those_outside_sales_see_nothing(self):
        for login, group in (
            ("funnel_portal", "base.group_portal"),
            ("funnel_public", "base.group_public"),
            ("funnel_employee", "base.group_user"),
        ):
            user = new_test_user(self.env, login=login, groups=group)
            with self.subTest(login), mute_logger("odoo.addons.base"):
                analysis = self.Analysis.with_user(user)
                with self.assertRaises(AccessError):
                    analysis.search([])
                with self.assertRaises(AccessError):
                    analysis.formatted_read_group([], ["stage_name"], ["__count"])

    def test_nobody_writes(self):
        row = self.Analysis.search([("lead_id", "=", self.deal_a.id)], limit=1)
        for user in (self.user_a, self.user_manager, self.env.ref("base.user_admin")):
            with self.subTest(user.login), mute_logger("odoo.addons.base"):
                with self.assertRaises(AccessError):
                    row.with_user(user).write({"name": "Mine"})
                with self.assertRaises(AccessError):
                    row.with_user(user).unlink()
                with self.assertRaises(AccessError):
                    self.Analysis.with_user(user).create({"name": "New"})
