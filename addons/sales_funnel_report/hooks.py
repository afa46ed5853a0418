def post_init_hook(env):
    """Write the history of the deals that lived in this database before the addon.

    Each batch is kept at once: when it is stopped, the next installation goes on.
    """
    for _count in env["crm.lead.stage.history"]._take_over():
        env.cr.commit()  # pylint: disable=invalid-commit


def uninstall_hook(env):
    """Take along what Odoo does not know as ours: the function of the database, and
    the names that its own modules gave our chatters."""
    env.cr.execute("DROP FUNCTION IF EXISTS crm_lead_stage_history_record")
    env["ir.model.data"].search(
        [
            ("model", "=", "ir.model.inherit"),
            ("name", "=like", r"model\_inherit\_\_crm\_funnel\_%"),
        ]
    ).unlink()
