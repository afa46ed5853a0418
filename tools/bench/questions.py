"""For Odoo's shell: the same questions to the report, to the chatter and to DuckDB."""

import json
import os
import statistics
import tempfile
import time
from datetime import timedelta

import duckdb

# names that Odoo's shell provides
env = globals()["env"]

RUNS = 5
SHORT_DAYS = int(os.environ["BENCH_SHORT_DAYS"])

leads = env["crm.lead"].with_user(env.ref("base.user_admin")).with_context(tz="UTC")
env.cr.execute("SELECT MAX(create_date) FROM crm_lead")
[last_start] = env.cr.fetchone()
end = last_start.date() + timedelta(days=1)
stage_ids = env["crm.stage"].search([], order="is_won, sequence, id").ids
steps = ", ".join(f"({stage_id}, {rank})" for rank, stage_id in enumerate(stage_ids))


def ask_report(days=365, **options):
    """Return the report of the deals that came in during the last ``days``."""
    env.invalidate_all()
    return leads.get_funnel_report(
        [],
        {
            "date_from": str(end - timedelta(days=days)),
            "date_to": str(end),
            **options,
        },
    )


def ask_chatter():
    """Count from the tracking values, as one would without a history."""
    env.cr.execute(
        f"""
        WITH step (stage_id, rank) AS (VALUES {steps}),
        furthest AS (
            SELECT lead.id, lead.won_status,
                   GREATEST(MAX(here.rank), MAX(old.rank), MAX(new.rank)) AS rank
              FROM crm_lead lead
              JOIN step here ON here.stage_id = lead.stage_id
         LEFT JOIN (
                   mail_message message
              JOIN mail_tracking_value value
                ON value.mail_message_id = message.id AND value.field_id = %(field)s
              JOIN step old ON old.stage_id = value.old_value_integer
              JOIN step new ON new.stage_id = value.new_value_integer
                   ) ON message.model = 'crm.lead' AND message.res_id = lead.id
             WHERE lead.create_date >= %(start)s AND lead.create_date < %(end)s
          GROUP BY lead.id
        )
        SELECT rank, won_status, COUNT(*) FROM furthest GROUP BY rank, won_status
        """,
        {
            "field": env["ir.model.fields"]._get("crm.lead", "stage_id").id,
            "start": end - timedelta(days=365),
            "end": end,
        },
    )
    return env.cr.fetchall()


history = duckdb.connect()
with tempfile.NamedTemporaryFile(suffix=".csv") as file:
    env.cr._obj.copy_expert(
        """
        COPY (SELECT lead_id, stage_ref, stage_is_won, date_entered, date_exited,
                     exit_kind, user_id, lost_reason_id, expected_revenue
                FROM crm_lead_stage_history ORDER BY id) TO STDOUT CSV HEADER
        """,
        file,
    )
    file.flush()
    history.execute(f"CREATE TABLE stay AS FROM READ_CSV('{file.name}')")
history.execute(f"CREATE TABLE step AS FROM (VALUES {steps}) t (stage_ref, rank)")
LIVES = f"""
    WITH deal AS (
        SELECT lead_id, MAX(rank) AS furthest, MAX(user_id) AS user_id,
               BOOL_OR(exit_kind = 'lost') AS lost, BOOL_OR(stage_is_won) AS won
               %s
          FROM stay JOIN step USING (stage_ref)
      GROUP BY lead_id
        HAVING MIN(date_entered) >= TIMESTAMP '{end - timedelta(days=365)}'
           AND MIN(date_entered) < TIMESTAMP '{end}'
    )
"""
RANKS = range(len(stage_ids))


def ask_duckdb():
    return history.execute(
        LIVES % "" + "SELECT furthest, lost, won, COUNT(*) FROM deal GROUP BY ALL"
    ).fetchall()


def ask_duckdb_by_user():
    return history.execute(
        LIVES % ""
        + "SELECT user_id, furthest, lost, won, COUNT(*) FROM deal GROUP BY ALL"
    ).fetchall()


def ask_duckdb_all():
    columns = "".join(
        f""",
        MIN(date_entered) FILTER (rank >= {rank}) AS reached_{rank},
        SUM(EPOCH(date_exited - date_entered)) FILTER (rank = {rank}) AS spent_{rank}
        """
        for rank in RANKS
    )
    figures = ", ".join(
        [
            *(
                f"""COUNT(reached_{rank}), SUM(amount) FILTER (reached_{rank} NOT NULL),
                AVG(spent_{rank}), QUANTILE_CONT(spent_{rank}, [0.5, 0.8, 0.9])"""
                for rank in RANKS
            ),
            *(
                f"""AVG(EPOCH(reached_{rank + 1} - reached_{rank})), QUANTILE_CONT(
                EPOCH(reached_{rank + 1} - reached_{rank}), [0.5, 0.8, 0.9])"""
                for rank in RANKS[:-1]
            ),
        ]
    )
    history.execute(
        "CREATE OR REPLACE TEMPORARY TABLE deal AS "
        + LIVES
        % f"""{columns},
        ARG_MAX(expected_revenue, date_entered) AS amount,
        MAX(lost_reason_id) AS lost_reason_id
        """
        + "FROM deal"
    )
    return [
        history.execute(query).fetchall()
        for query in (
            "SELECT furthest, lost, won, COUNT(*), SUM(amount) FROM deal GROUP BY ALL",
            f"SELECT {figures} FROM deal",
            """SELECT furthest, lost_reason_id, COUNT(*), SUM(amount) FROM deal
                WHERE lost GROUP BY ALL""",
            f"""SELECT QUANTILE_CONT(EPOCH(reached_{RANKS[-1]} - reached_0),
                    [0.5, 0.8, 0.9]) FROM deal WHERE won""",
        )
    ]


def reached(rows):
    """Return how many reached each step, from ``(rank, …, count)``."""
    return [sum(row[-1] for row in rows if row[0] >= rank) for rank in RANKS]


counts = [step["count"] for step in ask_report(counts_only=True)["total"]["steps"]]
assert counts == reached(ask_chatter()) == reached(ask_duckdb()), "one of them errs"

questions = {
    "report counts": lambda: ask_report(counts_only=True),
    "report by user": lambda: ask_report(counts_only=True, groupby="user_id"),
    "report all": ask_report,
    "report short": lambda: ask_report(days=SHORT_DAYS, counts_only=True),
    "chatter": ask_chatter,
    "duckdb counts": ask_duckdb,
    "duckdb by user": ask_duckdb_by_user,
    "duckdb all": ask_duckdb_all,
}
if os.environ["BENCH_ONLY_SHORT"]:
    questions = {"report short": questions["report short"]}
seconds = {name: [] for name in questions}
for _run in range(RUNS):
    for name, ask in questions.items():
        env.cr.rollback()
        started = time.perf_counter()
        ask()
        seconds[name].append(time.perf_counter() - started)
answer = {name: statistics.median(taken) for name, taken in seconds.items()}
print("ANSWER", json.dumps(answer))  # noqa: T201
