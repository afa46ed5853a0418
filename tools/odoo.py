"""How Odoo is called: its command line, and what its log says about progress and trouble."""

import dataclasses
import json
import re
from pathlib import Path

from tools import odoo_source, paths, processes, python_env

MODULE_LINE = re.compile(r"Loading module (\S+) \((\d+)/(\d+)\)")
TROUBLE_LINE = re.compile(r"^\S+ \S+ \d+ (?:WARNING|ERROR|CRITICAL) ")
OURS = "sales_funnel"
# Behind it, in its output, a script tells what it found.
ANSWER = "ANSWER "


def ensure():
    """Get Odoo and its Python packages, side by side.

    :return: the folder of Odoo for Python's path
    :raises StepError: one of them could not be fetched
    """
    results = {}
    processes.parallel(
        lambda: results.update(source=odoo_source.ensure()),
        python_env.ensure,
    )
    return results["source"]


@dataclasses.dataclass(frozen=True)
class Odoo:
    """An Odoo with its source, its folder of files and its connection to PostgreSQL."""

    source: Path
    files: Path
    connection: dict

    @property
    def environment(self):
        """The environment variables to call it with."""
        environment = {
            **self.connection,
            "PYTHONPATH": str(self.source),
            # Neither the tree of the user nor that of the project gets folders of compiled files.
            "PYTHONPYCACHEPREFIX": str(paths.BYTECODE),
            "PYTHONUNBUFFERED": "1",
        }
        # Compiled files are half of a fast start.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return environment

    def options(self, database):
        """Return the options that say where things are; all others are in odoo.conf."""
        options = [
            f"--config={paths.ODOO_CONF}",
            f"--data-dir={self.files}",
            f"--database={database}",
        ]
        if paths.find_addons():
            options.append(f"--addons-path={paths.ADDONS}")
        return options

    def command(self, command, database, *options):
        """Return the command line of Odoo's `command` on `database`."""
        return [
            str(python_env.PYTHON),
            "-m",
            "odoo",
            command,
            *self.options(database),
            *options,
        ]

    def install(self, database, what, *options, log, current, environment=()):
        """Install or update modules in `database`, showing how far it is.

        :param what: what fails when it does
        :param options: Odoo's options, such as ``--init=crm``
        :param current: the running `console.Step`
        :return: the warnings and errors of this project's addons in Odoo's log
        :raises StepError: the installation fails
        """
        troubles = []

        def read_line(line):
            if found := MODULE_LINE.search(line):
                current.update(f"{found[2]} of {found[3]} modules, {found[1]}")
            elif TROUBLE_LINE.match(line) and OURS in line:
                troubles.append(line.rstrip())

        self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        processes.run(
            self.command(
                "server",
                database,
                "--stop-after-init",
                "--no-http",
                "--max-cron-threads=0",
                *options,
            ),
            what,
            "The log says why. After a change, call again.",
            log=log,
            on_line=read_line,
            env={**self.environment, **dict(environment)},
            cwd=paths.ROOT,
        )
        return troubles

    def run_script(self, database, script, log):
        """Run Python in Odoo's shell on `database`: ``env`` is there.

        :return: what the script prints as JSON behind ``ANSWER``, None if nothing
        :raises StepError: the script fails
        """
        path = self.files / "script.py"
        self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(script, encoding="utf-8")
        with path.open(encoding="utf-8") as file:
            processes.run(
                self.command("shell", database, "--no-http"),
                "A script in Odoo's shell failed.",
                log=log,
                stdin=file,
                env=self.environment,
                cwd=paths.ROOT,
            )
        path.unlink()
        lines = (paths.LOGS / log).read_text(encoding="utf-8").splitlines()
        answers = [line for line in lines if line.startswith(ANSWER)]
        return json.loads(answers[0].removeprefix(ANSWER)) if answers else None
