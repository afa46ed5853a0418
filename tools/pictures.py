"""The pictures in docs/, taken from the demo company in a browser without a window."""

import shutil

from tools import instance, paths, postgres, processes, python_env, testing
from tools import odoo as odoo_calls
from tools.console import StepError, step

DATABASE = f"{testing.COPY}pictures"
FOLDER = paths.ROOT / "docs" / "pictures"

PREPARE = """\
env["base.language.install"].create(
    {"lang_ids": env["res.lang"].with_context(active_test=False).search([("code", "=", "ru_RU")]).ids}
).lang_install()
admin = env.ref("base.user_admin")
admin.copy({"login": "ru", "password": "ru", "lang": "ru_RU", "name": "Анна", "email": "anna@example.com"})
admin.tour_enabled = False
env.cr.commit()
"""


def take():
    """Take the pictures on a copy of the demo database, and leave nothing else behind.

    :return: the exit code
    :raises StepError: a step before the pictures fails
    """
    source = odoo_calls.ensure()
    testing.ensure_browser()
    with (
        postgres.server(instance.POSTGRES, safe=True) as connection,
        instance.only_one() as alone,
    ):
        if not alone:
            raise StepError("The instance is running.", "Stop it, then call again.")
        odoo = odoo_calls.Odoo(source, instance.FILES, connection)
        instance.ensure_database(odoo, update=True)
        with testing.copied(odoo, instance.DATABASE, DATABASE):
            with step("Odoo: another language"):
                odoo.run_script(DATABASE, PREPARE, "pictures.log")
            with instance.served(odoo, DATABASE) as (port, _server):
                shutil.rmtree(FOLDER, ignore_errors=True)
                FOLDER.mkdir(parents=True)
                return processes.run_in_foreground(
                    [
                        python_env.PYTHON,
                        "-m",
                        "tools.camera",
                        f"http://localhost:{port}",
                        FOLDER,
                    ],
                    cwd=paths.ROOT,
                )
