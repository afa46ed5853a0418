from contextlib import contextmanager
from unittest.mock import patch

from odoo.tests import Form, tagged

from ..models.crm_lead import CrmLead
from ..models.crm_lead_stage_history import CrmLeadStageHistory
from .common import FunnelCase

UNTRACKED = {"tracking_disable": True}


@tagged("post_install", "-at_install")
class TestHistoryQueries(FunnelCase):
    """What the history costs: queries with it, less those of Odoo without it."""

    @contextmanager
    def _bare(self):
        """Odoo as if the history was not there: nothing recorded, and no earlier
        flush. This serves to know what to compare with."""
        with (
            patch.object(CrmLeadStageHistory, "_record", lambda self, leads: None),
            patch.object(
                CrmLead, "write", lambda self, vals: super(CrmLead, self).write(vals)
            ),
        ):
            yield

    def _count_queries(self, action, leads):
        """Queries of ``action`` on ``leads``, with tracking and flush, after a
        first call has filled the caches."""
        for _time in range(2):
            savepoint = self.env.cr.savepoint()
            self.env.cr.flush()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            action(leads)
            self.env.cr.flush()
            count = self.env.cr.sql_log_count - before
            savepoint.close(rollback=True)
            self.env.cr.precommit.clear()
        return count

    def _count_more(self, action, leads):
        with self._bare():
            bare = self._count_queries(action, leads)
        full = self._count_queries(action, leads)
        return full - bare

    def _drag(self, lead):
        lead.with_user(self.user_a).web_save(
            {"stage_id": self.stage_qualified.id}, {"stage_id": {}}
        )

    def _edit(self, lead):
        form = Form(lead.with_user(self.user_a), "crm.crm_lead_view_form")
        form.stage_id = self.stage_qualified
        form.save()

    def _write(self, leads):
        leads.write({"stage_id": self.stage_qualified.id})

    def test_one_move(self):
        for context in ({}, {"mail_notrack": True}, UNTRACKED):
            for action in (self._drag, self._edit, self._write):
                with self.subTest(action=action.__name__, **context):
                    lead = self._deals(context=context)
                    more = self._count_more(action, lead)
                    self.assertLessEqual(more, 2)
                    self.assertGreater(more, 0, "what is measured is the history")

    def test_one_loss_and_one_win(self):
        lead = self._deals()
        for action in (
            lambda lead: lead.action_set_won(),
            lambda lead: lead.action_archive(),
            lambda lead: lead.write({"active": False, "probability": 0}),
        ):
            self.assertLessEqual(self._count_more(action, lead), 2)

    def test_write_of_another_field_costs_nothing(self):
        lead = self._deals()
        for vals in ({"name": "Another"}, {"expected_revenue": 5}, {"priority": "2"}):
            self.assertEqual(
                self._count_more(lambda lead, vals=vals: lead.write(vals), lead), 0
            )

    def test_batch(self):
        """1,000 deals cost what 100 do, and that is what one does."""
        leads = self._deals(1000, UNTRACKED)
        for context in ({"tracking_disable": False}, UNTRACKED):
            with self.subTest(**context):
                leads = leads.with_context(**context)
                more = self._count_more(self._write, leads)
                self.assertEqual(more, self._count_more(self._write, leads[:100]))
                self.assertLessEqual(more, 2)

    def test_create(self):
        def create(count):
            return lambda _leads: self._deals(count, UNTRACKED)

        more = self._count_more(create(1000), self.Lead)
        self.assertEqual(more, self._count_more(create(100), self.Lead))
        self.assertLessEqual(more, 3)

    def test_won_stage_flipped(self):
        leads = self._deals(300, UNTRACKED, stage_id=self.stage_won.id)
        leads.action_archive()

        def count(leads):
            (self.Lead.search([("active", "=", False)]) - leads).unlink()
            return self._count_queries(
                lambda _leads: self.stage_won.write({"is_won": False}), leads
            )

        self.assertEqual(count(leads), count(leads[:3]))
