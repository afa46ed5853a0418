def post_init_hook(env):
    """Write the history of the deals that lived in this database before the addon."""
    env["crm.lead.stage.history"]._take_over()


def uninstall_hook(env):
    """Take along the names that Odoo's own modules gave our chatters."""
    env["ir.model.data"].search(
        [
            ("model", "=", "ir.model.inherit"),
            ("name", "=like", r"model\_inherit\_\_crm\_funnel\_%"),
        ]
    ).unlink()
