def post_init_hook(env):
    """Bring what is already there in step with the addon.

    :param env: environment of the installation
    """
    _switch_leads_on(env)
    _make_buyers_customers(env)


def uninstall_hook(env):
    """Untie what would keep Odoo from removing the addon's records.

    :param env: environment of the removal
    """
    # a reason is not deleted while another one stands below it
    reasons = env["crm.lost.reason"].with_context(active_test=False)
    reasons.search([("parent_id", "!=", False)]).parent_id = False
    # other addons name what our model inherits from theirs, and Odoo forgets these
    # names when it removes the model
    env["ir.model.data"].search(
        [
            ("model", "=", "ir.model.inherit"),
            ("name", "=like", r"model\_inherit\_\_crm\_phonecall\_\_%"),
        ]
    ).unlink()


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
