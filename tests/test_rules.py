"""Who sees what: no model of the addons is open to more people than its documents are."""

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.sales_funnel_report.tests.sales_report_common import SalesReportCase

# What somebody else's business is told by.
BUSINESS = {
    "res.company",
    "res.partner",
    "crm.lead",
    "crm.phonecall",
    "sale.order",
    "account.move",
}
# These have no rule of their own: what they show is read through the rules of the
# documents. `test_nothing_of_another_company` looks whether they do.
BY_DOCUMENTS = {
    "crm.funnel.analysis",
    "crm.lead.stage.history",
    "sales.pace",
    "sales.risk",
    "sales.won.deal",
}


@tagged("post_install", "-at_install")
class TestRules(SalesReportCase):
    def _get_models(self, is_transient):
        """:return: the models that our addons made and that have a table or a query"""
        ours = self.env["ir.model"].search(
            [("abstract", "=", False), ("transient", "=", is_transient)]
        )
        return {
            name
            for name in ours.mapped("model")
            if name in self.env
            and self.env[name]._original_module.startswith("sales_funnel_")
        }

    def _get_rules(self, name):
        return self.env["ir.rule"].search(
            [("model_id.model", "=", name), ("perm_read", "=", True)]
        )

    def _is_open(self, name):
        """Whether anybody may read the model at all."""
        return bool(
            self.env["ir.model.access"].search_count(
                [("model_id.model", "=", name), ("perm_read", "=", True)]
            )
        )

    def _find_business(self, names):
        """The models that tell of somebody's business, or belong to one that does."""
        found = set()
        while True:
            more = {
                name
                for name in names - found
                if any(
                    field.type == "many2one" and field.comodel_name in BUSINESS | found
                    for field in self.env[name]._fields.values()
                )
            }
            if not more:
                return found
            found |= more

    def test_every_model_has_a_rule(self):
        models = self._get_models(is_transient=False)
        self.assertLessEqual(BY_DOCUMENTS, models)
        business = self._find_business(models)
        self.assertGreater(len(business), 10)
        for name in sorted(business - BY_DOCUMENTS):
            with self.subTest(model=name):
                self.assertTrue(self._get_rules(name) or not self._is_open(name))

    def test_dialogs_are_private(self):
        dialogs = self._get_models(is_transient=True)
        self.assertGreater(len(dialogs), 9)
        for name in sorted(dialogs):
            with self.subTest(model=name):
                rules = self._get_rules(name).filtered(lambda rule: not rule.groups)
                self.assertIn("create_uid", " ".join(rules.mapped("domain_force")))

    def test_nothing_of_another_company(self):
        """Their manager sees something in each of the models, that of another company
        nothing in any."""
        self._deal(
            ("2026-01-05 09:00:00", self.stage_new),
            ("2026-01-06 09:00:00", self.stage_won),
        )
        # longer than the one before
        self._deal(("2026-01-05 09:00:00", self.stage_new))
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            "rules_stranger",
            groups="sales_team.group_sale_manager,account.group_account_manager",
            company_id=elsewhere.id,
            company_ids=[Command.set(elsewhere.ids)],
        )
        for name in sorted(BY_DOCUMENTS):
            with self.subTest(model=name):
                records = self.env[name].with_user(self.dora).search([])
                self.assertTrue(records)
                self.env.invalidate_all()
                theirs = self.env[name].with_user(stranger)
                self.assertFalse(theirs.search([("id", "in", records.ids)]))
                for record in theirs.browse(records.ids):
                    self.assertFalse(self._read(record))

    @mute_logger("odoo.addons.base.models.ir_rule")
    def _read(self, record):
        """:return: what the user of a record may read of it"""
        try:
            return record.read(["user_id"])
        except AccessError:
            return []
