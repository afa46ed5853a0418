"""Life of some deals in a database without the addons, run in Odoo's shell.

Every step is a transaction of its own, at its own moment. Some are made without
tracking, as an import or an integration does.
"""

from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time

# names that Odoo's shell provides
env = globals()["env"]

Lead = env["crm.lead"].with_context(active_test=False)
UNTRACKED = {"tracking_disable": True}


def at(day, function):
    """Call ``function`` at nine o'clock on ``day`` ("MM-DD") of 2026, and commit."""
    moment = datetime.fromisoformat(f"2026-{day} 09:00:00")
    with freeze_time(moment), patch.object(env.cr, "now", lambda: moment):
        result = function()
        env.cr.commit()
    return result


def play(name, *moves, **values):
    """Let a deal live through ``moves``: day, what, and the context if any."""
    lead = Lead
    for day, what, *context in moves:
        step = lead.with_context(**context[0]) if context else lead

        def do(what=what, step=step):
            if not step:
                return step.create(
                    {"name": name, "stage_id": what.id, "probability": 20, **values}
                )
            if what == "lost":
                wizard = env["crm.lead.lost"].with_context(step.env.context)
                wizard.create(
                    {"lead_ids": step.ids, "lost_reason_id": reason.id}
                ).action_lost_reason_apply()
            elif what == "archived":
                step.action_archive()
            elif what == "restored":
                step.action_restore()
            else:
                step.stage_id = what
            return step

        lead = at(day, do)
    return lead


env["ir.module.module"].update_list()
Lead.search([]).unlink()
env["crm.stage"].search([]).unlink()
new, qualified, gone, proposition, won = env["crm.stage"].create(
    [
        {"name": "New", "sequence": 1},
        {"name": "Qualified", "sequence": 2},
        {"name": "Gone", "sequence": 3},
        {"name": "Proposition", "sequence": 4},
        {"name": "Won", "sequence": 70, "is_won": True},
    ]
)
reason = env["crm.lost.reason"].create({"name": "Too expensive"})
env.cr.commit()

play("untouched", ("01-05", new))
play("moved", ("01-05", new), ("01-07", qualified), ("01-10", proposition))
play("moved back", ("01-05", qualified), ("01-07", new))
play("won", ("01-05", new), ("01-20", won))
play("won and archived", ("01-05", new), ("01-20", won), ("02-20", "archived"))
play("back from won", ("01-05", new), ("01-08", won), ("01-12", proposition))
play("lost", ("01-05", new), ("01-08", qualified), ("01-12", "lost"))
play("restored", ("01-05", new), ("01-08", "lost"), ("01-15", "restored"))
play("archived", ("01-05", new), ("01-11", "archived"))
play("thawed", ("01-05", new), ("01-11", "archived"), ("01-13", "restored"))
play("created won", ("01-05", won), probability=100)
play("created archived", ("01-05", new), active=False)
play("moved untracked", ("01-05", new), ("01-10", proposition, UNTRACKED))
play(
    "moved half untracked",
    ("01-05", new),
    ("01-07", qualified),
    ("01-10", proposition, {"mail_notrack": True}),
)
play("lost untracked", ("01-05", new), ("01-12", "lost", UNTRACKED))
play(
    "moved and lost untracked",
    ("01-05", new),
    ("01-08", proposition, UNTRACKED),
    ("01-12", "lost", UNTRACKED),
)
play("created late", ("01-05", proposition))
play("without stage", ("01-05", new), ("01-08", env["crm.stage"]))
play("archived untracked", ("01-05", new), ("01-12", "archived", UNTRACKED))
play("stage deleted", ("01-05", new), ("01-07", gone), ("01-09", proposition))
survivor = play("survivor", ("01-03", new), ("01-06", proposition))
loser = play("loser", ("01-02", new), ("01-04", qualified))
at("01-09", (survivor | loser).merge_opportunity)
gone.unlink()
env.cr.commit()
