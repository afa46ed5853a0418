"""For Odoo's shell and for tests: a small company with deals and papers in every state."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command

# Everyone's login and password: ``chaos_`` and the name.
PEOPLE = {
    "olga": "sales_team.group_sale_salesman,base.group_partner_manager",
    "colin": "sales_team.group_sale_salesman",
    "mara": "sales_team.group_sale_manager",
    "irma": "account.group_account_invoice",
    "noah": "base.group_user",
    "pia": "base.group_portal",
}
QUIET = {
    "mail_auto_subscribe_no_notify": True,
    "no_reset_password": True,
    "tracking_disable": True,
}


def make(env, deals=16):
    """Make it.

    :param env: environment of the superuser
    :param int deals: how many, in all states; half are Olga's, half are Colin's
    :return: ``users``: ids by name; ``deals``, ``customers``, ``stages``: ids
    :rtype: dict
    """
    env = env(context={**env.context, **QUIET})
    if not env.company.chart_template:
        env["account.chart.template"].try_loading("generic_coa", env.company)
    users = _make_users(env)
    customers = env["res.partner"].create(
        [
            {
                "name": f"Customer {number}",
                "is_company": True,
                "email": f"customer_{number}@example.com" if number else False,
                "phone": f"+3222900{number:03}",
                "user_id": users[("olga", "colin")[number % 2]].id,
            }
            for number in range(6)
        ]
    )
    tags = env["res.partner.category"].create([{"name": "Big"}, {"name": "Late"}])
    customers[:3].category_id = tags[0]
    leads = _make_deals(env, users, customers, deals)
    _make_papers(env, leads[:5])
    _make_calls(env, leads, customers)
    for name in ("olga", "mara"):
        own = env(user=users[name].id)
        own["crm.funnel.subscription"].create({"name": f"For {name}"})
    env.flush_all()
    return {
        "users": {name: user.id for name, user in users.items()},
        "deals": leads.ids,
        "customers": customers.ids,
        "stages": _find_stages(env).ids,
    }


def _make_users(env):
    groups = {
        name: [Command.set([env.ref(group).id for group in names.split(",")])]
        for name, names in PEOPLE.items()
    }
    users = env["res.users"].create(
        [
            {
                "name": name.capitalize(),
                "login": f"chaos_{name}",
                "password": f"chaos_{name}",
                "email": f"{name}@example.com",
                "tz": "Europe/Brussels",
                "group_ids": groups[name],
            }
            for name in PEOPLE
        ]
    )
    by_name = dict(zip(PEOPLE, users, strict=True))
    env["crm.team"].create(
        {
            "name": "Chaos Sales",
            "sequence": 0,
            "crm_team_member_ids": [
                Command.create({"user_id": by_name[name].id})
                for name in ("olga", "colin")
            ],
        }
    )
    return by_name


def _find_stages(env):
    return env["crm.stage"].search([("team_ids", "=", False)])


def _make_deals(env, users, customers, count):
    stages = _find_stages(env)
    leads = env["crm.lead"].create(
        [
            {
                "name": f"Deal {number}",
                "type": "opportunity" if number % 5 else "lead",
                "user_id": users[("olga", "colin")[number % 2]].id,
                "partner_id": customers[number % len(customers)].id,
                "phone": f"+3222800{number:03}",
                "expected_revenue": 100 * number,
            }
            for number in range(count)
        ]
    )
    for number, lead in enumerate(leads):
        lead.stage_id = stages[number % len(stages)]
    leads[-1].action_archive()
    leads[-2:-1].action_set_lost(
        lost_reason_id=env["crm.lost.reason"].search([])[:1].id
    )
    return leads


def _make_papers(env, leads):
    """A draft, a quotation that was sent, an order, and invoices that are paid and late."""
    product = env["product.product"].create(
        {"name": "Work", "type": "service", "invoice_policy": "order"}
    )
    orders = env["sale.order"].create(
        [
            {
                "partner_id": lead.partner_id.id or env.company.partner_id.id,
                "opportunity_id": lead.id,
                "user_id": lead.user_id.id,
                "order_line": [
                    Command.create({"product_id": product.id, "price_unit": 100})
                ],
            }
            for lead in leads
        ]
    )
    orders[1].action_quotation_sent()
    orders[1].validity_date = fields.Date.today() + timedelta(days=3)
    orders[2:].action_confirm()
    invoices = orders[3:]._create_invoices(grouped=True)
    for invoice in invoices:
        invoice.invoice_date = fields.Date.today() - timedelta(days=60)
    invoices.action_post()
    env["account.payment.register"].with_context(
        active_model="account.move", active_ids=invoices[-1].ids
    ).create({})._create_payments()


def _make_calls(env, leads, customers):
    env["crm.phonecall"].create(
        [
            {"lead_id": lead.id, "user_id": lead.user_id.id, "state": state}
            for lead in leads[:4]
            for state in ("planned", "held")
        ]
        + [{"partner_id": customers[0].id, "user_id": customers[0].user_id.id}]
    )
