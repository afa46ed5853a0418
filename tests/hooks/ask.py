"""Run in Odoo's shell: deals with and without a reply, and what the funnel says."""

import json

from odoo.fields import Command

# the name that Odoo's shell provides
env = globals()["env"]

stages = {
    name: env["crm.stage"].create({"name": name, "sequence": sequence, "is_won": won})
    for sequence, (name, won) in enumerate([("First", False), ("Last", True)], 200)
}
funnel = env["crm.funnel"].create(
    {
        "name": "With replies",
        "step_ids": [
            Command.create({"name": "First", "stage_ids": stages["First"].ids}),
            Command.create({"name": "Replied", "kind": "reply", "sequence": 20}),
            Command.create(
                {"name": "Last", "stage_ids": stages["Last"].ids, "sequence": 30}
            ),
        ],
    }
)
silent, answered, won, won_silently, lost = env["crm.lead"].create(
    [
        {
            "name": name,
            "type": "opportunity",
            "stage_id": stages["First"].id,
            "expected_revenue": 100,
        }
        for name in ("silent", "answered", "won", "won silently", "lost")
    ]
)
for lead in (answered, won, lost):
    lead.message_post(body="Yes", message_type="email")
# the history takes the moment at which the transaction began
env.cr.commit()
(won | won_silently).stage_id = stages["Last"]
lost.action_set_lost(lost_reason_id=env["crm.lost.reason"].search([], limit=1).id)

deals = silent | answered | won | won_silently | lost
answer = {}
for name, options in {
    "beyond": {},
    "visited": {"rule": "visited"},
    "strict": {"rule": "strict"},
    "closed": {"lens": "closed"},
    "flow": {"lens": "flow"},
    "snapshot": {"lens": "snapshot"},
}.items():
    report = env["crm.lead"].get_funnel_report(
        [("id", "in", deals.ids)], {"funnel_id": funnel.id, **options}
    )
    total = report["total"]
    leads = env["crm.lead"].with_context(active_test=False)
    answer[name] = {
        "amount_per_deal": total["amount_per_deal"],
        "steps": [
            [step["name"], step["kind"], step.get("count", step.get("entered"))]
            for step in total["steps"]
        ],
        "found": [leads.search_count(step["domain"]) for step in total["steps"]],
        "skipped": [step.get("skipped") for step in total["steps"]],
        "lost": [step.get("lost") for step in total["steps"]],
    }
print("ANSWER", json.dumps(answer))  # noqa: T201
