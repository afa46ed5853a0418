def post_init_hook(env):
    """Bring what is already there in step with the addon.

    :param env: environment of the installation
    """
    _switch_leads_on(env)
    _make_buyers_customers(env)


def _switch_leads_on(env):
    """Do what ticking *Leads* in the settings does, once: who switches them off
    later keeps them off."""
    employees = env.ref("base.group_user")
    leads = env.ref("crm.group_use_lead")
    if leads in employees.all_implied_ids:
        return
    employees._apply_group(leads)
    teams = env["crm.team"].search([("use_opportunities", "=", True)])
    teams.use_leads = True
    for team in teams:
        team.alias_id.write(team._alias_get_creation_values())


def _make_buyers_customers(env):
    """Who has a confirmed order is a customer, also from before there was a tick."""
    orders = env["sale.order"]._read_group([("state", "=", "sale")], ["partner_id"])
    env["res.partner"].union(*(partner for (partner,) in orders))._make_customers()
