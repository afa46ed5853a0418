"""The addons come into a database that lived without them, and leave it again."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from odoo import sql_db
from odoo.tools import config

SCRIPTS = Path(__file__).parent / "lifecycle"
ADDONS = ("sales_funnel_crm", "sales_funnel_report")

# The template of `make test` with the modules underneath says so in its comment.
FIND_BASE = """
    SELECT datname
      FROM pg_database
     WHERE shobj_description(oid, 'pg_database')
           LIKE 'sales funnel, made from the modules underneath%'
  ORDER BY oid DESC
     LIMIT 1
"""

# Should this run be killed, the next `make test` knows what to remove.
MARK = "sales funnel, made from a copy"

# What an addon may leave behind: everything the database is made of, and every
# record by which Odoo knows it.
INVENTORY = {
    "tables and views": """
        SELECT table_type, table_name FROM information_schema.tables
         WHERE table_schema = 'public'""",
    "columns": """
        SELECT table_name, column_name, data_type FROM information_schema.columns
         WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public'""",
    "sequences": "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'",
    "functions": """
        SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace""",
    "triggers": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "external ids": "SELECT module, name FROM ir_model_data",
    "models": "SELECT model FROM ir_model",
    "fields": "SELECT model, name FROM ir_model_fields",
    "selections": """
        SELECT field.model, field.name, selection.value
          FROM ir_model_fields_selection selection
          JOIN ir_model_fields field ON field.id = selection.field_id""",
    # Odoo registers anew, without making them, the foreign keys that a module it is
    # just uninstalling had on other modules' tables; so it does for its own modules.
    "registered constraints": "SELECT name FROM ir_model_constraint WHERE type <> 'f'",
    "relations": "SELECT name FROM ir_model_relation",
    "access rights": "SELECT name FROM ir_model_access",
    "rules": "SELECT name FROM ir_rule",
    "inheritances": """
        SELECT child.model, parent.model
          FROM ir_model_inherit inherit
          JOIN ir_model child ON child.id = inherit.model_id
          JOIN ir_model parent ON parent.id = inherit.parent_id""",
    "views": "SELECT id, name FROM ir_ui_view",
    "menus": "SELECT id, name->>'en_US' FROM ir_ui_menu",
    "actions": "SELECT id, type, name->>'en_US' FROM ir_actions",
    "scheduled actions": "SELECT cron_name FROM ir_cron",
    "sequences of Odoo": "SELECT name FROM ir_sequence",
    "parameters": "SELECT key FROM ir_config_parameter",
    "defaults": "SELECT id FROM ir_default",
    "filters": "SELECT name FROM ir_filters",
    "groups": "SELECT name->>'en_US' FROM res_groups",
    "assets": "SELECT bundle, path FROM ir_asset",
    "mail templates": "SELECT id FROM mail_template",
    "message subtypes": "SELECT id FROM mail_message_subtype",
    "activity types": "SELECT id FROM mail_activity_type",
    "files of records": """
        SELECT res_model, res_id, name FROM ir_attachment
         WHERE url IS NULL OR url NOT LIKE '/web/assets/%'""",
    "paper formats": "SELECT name FROM report_paperformat",
    "installed modules": "SELECT name FROM ir_module_module WHERE state = 'installed'",
    "lost reasons": "SELECT id, name->>'en_US' FROM crm_lost_reason",
    "tags": "SELECT id, name->>'en_US' FROM crm_tag",
    "stages": "SELECT id, name->>'en_US' FROM crm_stage",
    "deals": "SELECT id, name, stage_id, active FROM crm_lead",
}


class Database:
    """A copy of a database without the addons."""

    def __init__(self, name):
        self.name = name

    def create(self):
        """Make the copy, from the template of `make test`, the database named in
        the environment, or one installed here and now."""
        self.drop()
        with closing(_connect("postgres")) as connection:
            cursor = connection.cursor()
            base = os.environ.get("FUNNEL_BASE_DATABASE")
            if not base:
                cursor.execute(FIND_BASE)
                base = (cursor.fetchone() or ("",))[0]
            if base:
                cursor.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{base}"')
                cursor.execute(f'COMMENT ON DATABASE "{self.name}" IS %s', [MARK])
        if not base:
            self.run("--init=crm,sale_crm,sale_management,sale_stock,account,calendar")

    def drop(self):
        """Remove the database and its files."""
        sql_db.close_db(self.name)
        with closing(_connect("postgres")) as connection:
            connection.cursor().execute(
                f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)'
            )
        shutil.rmtree(config.filestore(self.name), ignore_errors=True)

    def run(self, *options):
        """Run Odoo once on the database, with ``options``."""
        self._call("server", "--stop-after-init", *options)

    def run_script(self, name):
        """Run a script in Odoo's shell.

        :return: what it prints
        """
        return self._call("shell", stdin=(SCRIPTS / name).read_text(encoding="utf-8"))

    def take_inventory(self):
        """All that is in the database, by kind, as sets of readable lines."""
        inventory = {}
        with closing(_connect(self.name)) as connection:
            cursor = connection.cursor()
            for kind, query in INVENTORY.items():
                cursor.execute(query)
                inventory[kind] = {" ".join(map(str, row)) for row in cursor}
        return inventory

    def _call(self, command, *options, stdin=""):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "odoo", command),
                f"--database={self.name}",
                f"--addons-path={','.join(config['addons_path'])}",
                f"--data-dir={config['data_dir']}",
                *("--no-http", "--max-cron-threads=0", "--log-level=warn"),
                *options,
            ],
            env={**os.environ, **_connection_environment()},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert "Traceback" not in output, output
        return done.stdout


def _connection_environment():
    """How Odoo reaches PostgreSQL here, for those it is started by."""
    names = {
        "PGHOST": "db_host",
        "PGPORT": "db_port",
        "PGUSER": "db_user",
        "PGPASSWORD": "db_password",
    }
    return {key: str(config[name]) for key, name in names.items() if config[name]}


def _connect(database):
    _name, parameters = sql_db.connection_info_for(database)
    connection = psycopg2.connect(**parameters)
    connection.autocommit = True
    return connection


@pytest.fixture(scope="module")
def life():
    """What the database held before, what was taken over, and what was left."""
    database = Database(f"funnel_test_{os.getpid()}_lifecycle")
    try:
        database.create()
        database.run_script("live.py")
        before = database.take_inventory()
        database.run(f"--init={','.join(ADDONS)}")
        installed = database.take_inventory()
        output = database.run_script("leave.py")
        (answer,) = (
            line.removeprefix("ANSWER ")
            for line in output.splitlines()
            if line.startswith("ANSWER ")
        )
        yield {
            "before": before,
            "installed": installed,
            "after": database.take_inventory(),
            **{f"chains_{key}": value for key, value in json.loads(answer).items()},
        }
    finally:
        database.drop()


def _stay(name, entered, exited=None, kind=None, following=None, **more):
    """One stay as `lifecycle/leave.py` prints it."""
    return [
        name,
        more.get("exists", True),
        entered,
        exited,
        kind,
        following,
        more.get("reason"),
        more.get("origin", "tracking"),
    ]


def _first(*arguments, **more):
    """A first stay: nothing but the creation of the deal tells of it."""
    return _stay(*arguments, origin="inferred", **more)


EXPECTED = {
    "untouched": [_first("New", "01-05")],
    "moved": [
        _first("New", "01-05", "01-07", "advanced", "Qualified"),
        _stay("Qualified", "01-07", "01-10", "advanced", "Proposition"),
        _stay("Proposition", "01-10"),
    ],
    "moved back": [
        _first("Qualified", "01-05", "01-07", "moved_back", "New"),
        _stay("New", "01-07"),
    ],
    "won": [
        _first("New", "01-05", "01-20", "advanced", "Won"),
        _stay("Won", "01-20"),
    ],
    "won and archived": [
        _first("New", "01-05", "01-20", "advanced", "Won"),
        _stay("Won", "01-20"),
    ],
    "back from won": [
        _first("New", "01-05", "01-08", "advanced", "Won"),
        _stay("Won", "01-08", "01-12", "moved_back", "Proposition"),
        _stay("Proposition", "01-12"),
    ],
    "lost": [
        _first("New", "01-05", "01-08", "advanced", "Qualified"),
        _stay("Qualified", "01-08", "01-12", "lost", reason="Too expensive"),
    ],
    "restored": [
        _first("New", "01-05", "01-08", "lost", reason="Too expensive"),
        _stay("New", "01-15"),
    ],
    "archived": [_first("New", "01-05", "01-11", "on_hold")],
    "thawed": [_first("New", "01-05", "01-11", "on_hold"), _stay("New", "01-13")],
    "created won": [_first("Won", "01-05")],
    "created archived": [_first("New", "01-05", "01-05", "on_hold")],
    "moved untracked": [
        _first("New", "01-05", "01-10", "advanced", "Proposition"),
        _first("Proposition", "01-10"),
    ],
    "moved half untracked": [
        _first("New", "01-05", "01-07", "advanced", "Qualified"),
        _stay("Qualified", "01-07", "01-10", "advanced", "Proposition"),
        _first("Proposition", "01-10"),
    ],
    "lost untracked": [
        _first("New", "01-05", "01-12", "lost", reason="Too expensive"),
    ],
    "moved and lost untracked": [
        _first("New", "01-05", "01-08", "advanced", "Proposition"),
        _first("Proposition", "01-08", "01-12", "lost", reason="Too expensive"),
    ],
    "created late": [_first("Proposition", "01-05")],
    "without stage": [
        _first("New", "01-05", "01-08", "moved_back"),
        _stay(False, "01-08", exists=False),
    ],
    "archived untracked": [_first("New", "01-05", "01-12", "on_hold")],
    "stage deleted": [
        _first("New", "01-05", "01-07", "advanced"),
        _stay("Gone", "01-07", "01-09", "advanced", "Proposition", exists=False),
        _stay("Proposition", "01-09"),
    ],
    # What the loser's messages tell is the survivor's since the merge.
    "survivor": [
        _first("New", "01-03", "01-04", "advanced", "Qualified"),
        _stay("Qualified", "01-04", "01-06", "advanced", "Proposition"),
        _stay("Proposition", "01-06"),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_take_over(life, name):
    assert life["chains_installed"][name] == EXPECTED[name]


def test_take_over_of_nothing_else(life):
    assert life["chains_installed"].keys() == EXPECTED.keys()


def test_take_over_in_batches(life):
    assert life["chains_in_batches"] == life["chains_installed"]
    assert life["chains_written"] == sum(map(len, EXPECTED.values()))


def test_take_over_again_does_nothing(life):
    assert life["chains_again"] == 0


@pytest.mark.parametrize("kind", INVENTORY)
def test_uninstalled_without_a_trace(life, kind):
    left = life["after"][kind] - life["before"][kind]
    lost = life["before"][kind] - life["after"][kind]
    assert not left, "left behind"
    assert not lost, "taken along"


def test_inventory_sees_what_the_addons_bring(life):
    """Else the tests before this one prove nothing."""
    for kind in ("tables and views", "columns", "external ids", "views", "menus"):
        assert life["installed"][kind] - life["before"][kind]
