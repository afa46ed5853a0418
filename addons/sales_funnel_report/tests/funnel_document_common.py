from .common import FunnelCase

JANUARY = {
    "date_from": "2026-01-01",
    "date_to": "2026-02-01",
    "as_of": "2026-02-10 00:00:00",
}


class FunnelDocumentCase(FunnelCase):
    """The five deals of January 2026 of the specification's example: two of Ada's,
    three of Ben's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        new, qualified = cls.stage_new, cls.stage_qualified
        proposition, won = cls.stage_proposition, cls.stage_won
        ada, ben = cls.user_a.id, cls.user_b.id
        cls._live(
            ada,
            100,
            ("01-01", new),
            ("01-03", qualified),
            ("01-06", proposition),
            ("01-10", won),
        )
        lost = cls._live(ada, 200, ("01-02", new), ("01-05", proposition))
        with cls.at("2026-01-08 09:00:00"):
            lost.action_set_lost(lost_reason_id=cls.lost_reason.id)
        cls._live(
            ben,
            300,
            ("01-03", new),
            ("01-04", qualified),
            ("01-06", new),
            ("01-07", qualified),
        )
        lost = cls._live(ben, 50, ("01-04", new))
        with cls.at("2026-01-04 09:00:00"):
            lost.action_set_lost()
        frozen = cls._live(ben, 400, ("01-05", new), ("01-09", qualified))
        with cls.at("2026-01-12 09:00:00"):
            frozen.action_archive()

    @classmethod
    def _live(cls, user_id, amount, *moves):
        (start, first), *others = moves
        with cls.at(f"2026-{start} 09:00:00"):
            lead = cls._deals(
                stage_id=first.id, user_id=user_id, expected_revenue=amount
            )
        for day, stage in others:
            with cls.at(f"2026-{day} 09:00:00"):
                lead.stage_id = stage
        return lead

    def _get_document(self, user=None, domain=None, options=None, **context):
        documents = self.env["crm.funnel.document"]
        if user:
            documents = documents.with_user(user)
        return documents.with_context(**context)._get_document(
            domain, {**JANUARY, **(options or {})}
        )
