"""A database of its own, in which modules come and go."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

from odoo import sql_db
from odoo.tools import config

# The templates of `make test` say in their comments what they hold.
FIND_TEMPLATE = """
    SELECT datname
      FROM pg_database
     WHERE shobj_description(oid, 'pg_database') LIKE %s
  ORDER BY oid DESC
     LIMIT 1
"""
TEMPLATE = "sales funnel, made from {}%"

# Modules that are no part of the product.
ADDONS_OF_TESTS = [str(Path(__file__).parent / "addons")]

# Should this run be killed, the next `make test` knows what to remove.
MARK = "sales funnel, made from a copy"


class Database:
    """A copy of a database of Odoo.

    :param str name: of the copy
    :param str origin: what the template of `make test` that is copied holds
    """

    def __init__(self, name, origin="the modules underneath"):
        self.name = f"funnel_test_{os.getpid()}_{name}"
        self.origin = origin

    def __enter__(self):
        self.create()
        return self

    def __exit__(self, *_error):
        self.drop()

    def create(self):
        """Make the copy, from the template of `make test`, the database named in
        the environment, or one installed here and now."""
        self.drop()
        with closing(_connect("postgres")) as connection:
            cursor = connection.cursor()
            base = os.environ.get("FUNNEL_BASE_DATABASE")
            if not base:
                cursor.execute(FIND_TEMPLATE, [TEMPLATE.format(self.origin)])
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

    def run_script(self, script):
        """Run a script in Odoo's shell.

        :param Path script: prints its answer as JSON in a line behind ``ANSWER``
        :return: the answer, ``None`` when there is none
        """
        output = self._call("shell", stdin=script.read_text(encoding="utf-8"))
        answers = [
            json.loads(line.removeprefix("ANSWER "))
            for line in output.splitlines()
            if line.startswith("ANSWER ")
        ]
        return answers[0] if answers else None

    def query(self, query):
        """The rows that a query finds."""
        with closing(_connect(self.name)) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return cursor.fetchall()

    def _call(self, command, *options, stdin=""):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "odoo", command),
                f"--database={self.name}",
                f"--addons-path={','.join([*config['addons_path'], *ADDONS_OF_TESTS])}",
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
