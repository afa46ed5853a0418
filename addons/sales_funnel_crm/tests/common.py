from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user


def make_pipeline(case):
    """Let there be one pipeline of four stages, open to all teams, and no other deal
    or stage, whatever the database holds.

    :param case: the test class, which gets ``stage_new``, ``stage_qualified``,
        ``stage_proposition`` and ``stage_won``
    """
    case.env["crm.lead"].with_context(active_test=False).search([]).unlink()
    case.env["crm.stage"].search([]).unlink()
    (
        case.stage_new,
        case.stage_qualified,
        case.stage_proposition,
        case.stage_won,
    ) = case.env["crm.stage"].create(
        [
            {"name": "New", "sequence": 1},
            {"name": "Qualified", "sequence": 2},
            {"name": "Proposition", "sequence": 3},
            {"name": "Won", "sequence": 70, "is_won": True},
        ]
    )


class SalesFlowCase(TransactionCase):
    """A team of two salespeople, and one user of each of Odoo's sales groups."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Lead = cls.env["crm.lead"]
        cls.user_own, cls.user_colleague = (
            new_test_user(
                cls.env,
                login=login,
                name=name,
                email=f"{login}@example.com",
                groups="sales_team.group_sale_salesman,base.group_partner_manager",
                tz="UTC",
            )
            for login, name in (("flow_own", "Olga"), ("flow_colleague", "Colin"))
        )
        cls.user_all = new_test_user(
            cls.env,
            login="flow_all",
            name="Alba, who sees all documents",
            groups="sales_team.group_sale_salesman_all_leads",
            tz="UTC",
        )
        cls.user_manager = new_test_user(
            cls.env,
            login="flow_manager",
            name="Mara, who manages",
            groups="sales_team.group_sale_manager",
            tz="UTC",
        )
        cls.user_portal = new_test_user(
            cls.env, login="flow_portal", name="Pia", groups="base.group_portal"
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Flow Sales",
                "sequence": 1,
                "company_id": False,
                "user_id": cls.user_manager.id,
                "crm_team_member_ids": [
                    Command.create({"user_id": user.id})
                    for user in (cls.user_own, cls.user_colleague)
                ],
            }
        )

    @classmethod
    def _leads(cls, count=1, **values):
        """Create ``count`` deals of Olga's, or leads with ``type="lead"``."""
        return cls.Lead.create(
            [
                {
                    "name": f"Deal {number}",
                    "type": "opportunity",
                    "user_id": cls.user_own.id,
                    "team_id": cls.team.id,
                    "expected_revenue": 100,
                    **values,
                }
                for number in range(1, count + 1)
            ]
        )

    @contextmanager
    def at(self, moment):
        """Set the time, and with it that of the transaction, to ``moment``.

        :param moment: ``datetime`` or ``"YYYY-MM-DD HH:MM:SS"``, UTC
        """
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        with freeze_time(moment), patch.object(self.env.cr, "now", lambda: moment):
            yield
            self.env.flush_all()

    @contextmanager
    def _refused(self, sentence, error=UserError):
        """Assert that what is done inside is refused, and undo it.

        :param str sentence: regular expression, a part of what the user reads
        :param error: class of the exception
        """
        with self.assertRaisesRegex(error, sentence), self.env.cr.savepoint():
            yield

    def _flush_tracking(self):
        """Write the messages that tracking keeps until the end of a transaction."""
        self.env.flush_all()
        self.env.cr.precommit.run()
