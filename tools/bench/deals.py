"""For Odoo's shell: deals that have lived for years, and what the chatter tells of them.

Each deal walks through the pipeline by chance, but always the same. No stage history is
written: it is taken over when the addons are installed, as in any database that has lived
without them.
"""

import json
import os

# names that Odoo's shell provides
env = globals()["env"]

# Deals come in evenly during these days, up to now.
DAYS = 1_000
PEOPLE = 40
DEALS = int(os.environ["BENCH_DEALS"])

users = (
    env["res.users"]
    .with_context(no_reset_password=True, tracking_disable=True)
    .create(
        [
            {
                "name": f"Salesperson {number}",
                "login": f"salesperson_{number}",
                "group_ids": [
                    (4, env.ref("sales_team.group_sale_salesman_all_leads").id)
                ],
            }
            for number in range(1, PEOPLE + 1)
        ]
    )
)
env["crm.stage"].create({"name": "Negotiation", "sequence": 4})
stages = env["crm.stage"].search([], order="is_won, sequence, id")
env.flush_all()
known = {
    "deals": DEALS,
    "days": DAYS,
    "people": PEOPLE,
    "users": users.ids,
    "teams": env["crm.team"].search([]).ids,
    "company": env.company.id,
    "stages": stages.ids,
    "stage_names": stages.mapped("name"),
    "reasons": env["crm.lost.reason"].search([]).ids,
    "note": env.ref("mail.mt_note").id,
    **{
        f"{fname}_field": env["ir.model.fields"]._get("crm.lead", fname).id
        for fname in ("stage_id", "active", "won_status", "lost_reason_id")
    },
}


def execute(query, **more):
    env.cr.execute(query, {**known, **more})
    return env.cr.rowcount


env.cr.execute("SELECT SETSEED(0.5)")
execute(
    """
    CREATE TEMPORARY TABLE stay AS
    SELECT deal, 1 AS place, 1 AS stage,
           DATE_TRUNC('second', NOW()::timestamp - %(days)s * INTERVAL '1 day'
               + deal * (%(days)s * INTERVAL '1 day' / %(deals)s)) AS entered,
           NULL::timestamp AS exited, FALSE AS lost
      FROM GENERATE_SERIES(1, %(deals)s) deal
    """
)
place = 1
while execute(
    """
    WITH next AS (
        SELECT deal, stage, RANDOM() AS chance,
               DATE_TRUNC('second', entered + INTERVAL '1 minute'
                   - LN(1 - RANDOM()) * days * INTERVAL '1 day') AS moment
          FROM stay
          JOIN (VALUES (1, 6), (2, 9), (3, 14), (4, 8)) AS mean (of_stage, days)
            ON of_stage = stage
         WHERE place = %(place)s
    ),
    ended AS (
        UPDATE stay
           SET exited = next.moment,
               lost = next.chance >= (ARRAY[0.65, 0.65, 0.69, 0.67])[next.stage]
          FROM next
         WHERE next.deal = stay.deal AND place = %(place)s AND next.moment < NOW()
     RETURNING next.*, stay.lost
    )
    INSERT INTO stay
    SELECT deal, %(place)s + 1,
           CASE stage
               WHEN 1 THEN CASE WHEN chance < 0.57 THEN 2 WHEN chance < 0.63 THEN 3 ELSE 4 END
               WHEN 2 THEN CASE WHEN chance < 0.57 THEN 3 WHEN chance < 0.61 THEN 1 ELSE 4 END
               WHEN 3 THEN CASE WHEN chance < 0.57 THEN 4 WHEN chance < 0.62 THEN 2 ELSE 5 END
               WHEN 4 THEN CASE WHEN chance < 0.60 THEN 5 WHEN chance < 0.65 THEN 3 ELSE 2 END
           END, moment, NULL, FALSE
      FROM ended
     WHERE NOT lost
    """,
    place=place,
):
    place += 1
env.cr.execute("CREATE INDEX ON stay (deal, place); ANALYZE stay")
execute(
    """
    INSERT INTO crm_lead (
        name, type, user_id, team_id, company_id, stage_id, active, probability,
        automated_probability, expected_revenue, priority, won_status, lost_reason_id,
        create_uid, write_uid, create_date, write_date, date_open,
        date_last_stage_update, date_closed
    )
    SELECT 'Deal ' || deal, 'opportunity', (%(users)s)[1 + deal %% %(people)s],
           (%(teams)s)[1 + deal %% CARDINALITY(%(teams)s)], %(company)s,
           (%(stages)s)[last.stage], NOT last.lost,
           CASE WHEN last.lost THEN 0 WHEN last.stage = 5 THEN 100 ELSE 20 END, 20,
           ROUND((100 * EXP(3 * RANDOM()))::numeric, 2), '1',
           CASE WHEN last.lost THEN 'lost' WHEN last.stage = 5 THEN 'won'
                ELSE 'pending' END,
           CASE WHEN last.lost
                THEN (%(reasons)s)[1 + deal %% CARDINALITY(%(reasons)s)] END,
           1, 1, first.entered, COALESCE(last.exited, last.entered), first.entered,
           last.entered,
           CASE WHEN last.stage = 5 THEN last.entered ELSE last.exited END
      FROM (SELECT DISTINCT ON (deal) * FROM stay ORDER BY deal, place DESC) last
      JOIN stay first USING (deal)
     WHERE first.place = 1
  ORDER BY deal
    """
)
env.cr.execute("SELECT MIN(id) FROM crm_lead WHERE create_uid = 1")
execute(
    """
    CREATE TEMPORARY TABLE message AS
    SELECT NEXTVAL('mail_message_id_seq')::int AS id, *
      FROM (
        SELECT deal + %(first_id)s - 1 AS lead_id, exited AS moment, lost, stage AS old,
               LEAD(stage) OVER (PARTITION BY deal ORDER BY place) AS new
          FROM stay
      ) move
     WHERE moment IS NOT NULL
  ORDER BY moment
    """,
    first_id=env.cr.fetchone()[0],
)
execute(
    """
    INSERT INTO mail_message (
        id, model, res_id, message_type, subtype_id, date, create_date, write_date,
        create_uid, write_uid, body, is_internal, message_id
    )
    SELECT id, 'crm.lead', lead_id, 'notification', %(note)s, moment, moment, moment, 1,
           1, '', TRUE, '<' || id || '@example.com>'
      FROM message
  ORDER BY id
    """
)
tracked = execute(
    """
    INSERT INTO mail_tracking_value (
        mail_message_id, field_id, old_value_integer, new_value_integer, old_value_char,
        new_value_char, create_date, write_date, create_uid, write_uid
    )
    SELECT id, field_id, old_id, new_id, old_name, new_name, moment, moment, 1, 1
      FROM (
        SELECT id, moment, %(stage_id_field)s AS field_id, (%(stages)s)[old] AS old_id,
               (%(stages)s)[new] AS new_id, (%(stage_names)s)[old] AS old_name,
               (%(stage_names)s)[new] AS new_name
          FROM message WHERE NOT lost
     UNION ALL
        SELECT id, moment, %(active_field)s, 1, 0, NULL, NULL FROM message WHERE lost
     UNION ALL
        SELECT message.id, moment, %(lost_reason_id_field)s, 0, lost_reason_id, NULL, NULL
          FROM message JOIN crm_lead lead ON lead.id = lead_id WHERE lost
      ) value
  ORDER BY id, field_id
    """
)
env.cr.execute("SELECT COUNT(*) FROM stay")
stays = env.cr.fetchone()[0]
env.cr.commit()
print("ANSWER", json.dumps({"stays": stays, "tracked": tracked}))  # noqa: T201
