"""The tests: pytest over the addons and `tests/`, each worker on its own copy of a database made beforehand."""

import ast
import contextlib
import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

from tools import databases, debian, odoo_source, paths, postgres, processes, python_env
from tools import odoo as odoo_calls
from tools.console import StepError, say, step

POSTGRES = paths.TESTS / "postgres"
FILES = paths.TESTS / "files"

# The names under which Odoo looks for a browser.
BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
WORKERS = 2
PHASES = (
    # Two browsers at once starve each other: they come first, one by one. What a busy
    # machine made too late gets a second chance, and pytest says so.
    ("--browser=only", "-n", "0", "--reruns", "1"),
    ("--browser=without",),
)
# Exit code of pytest when it was left without a test.
NO_TESTS = 5
# Templates that are kept besides those in use, for going to another branch and back.
KEPT_TEMPLATES = 2

BASE = "funnel_base_"
WITH_ADDONS = "funnel_addons_"
COPY = "funnel_test_"

PREGENERATE_ASSETS = """\
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
"""


def test(arguments):
    """Run all tests, or what `arguments` (pytest's) choose.

    :return: the exit code: pytest's, or 1 when installing the addons logs a warning of theirs
    :raises StepError: a step before the tests fails
    """
    source = odoo_calls.ensure()
    python_env.ensure_test_tools()
    ensure_browser()
    with postgres.server(POSTGRES, safe=False) as connection:
        odoo = odoo_calls.Odoo(source, FILES, connection)
        templates = ensure_templates(odoo)
        with copied(odoo, templates.with_addons, f"{COPY}{os.getpid()}") as database:
            codes = {
                processes.run_in_foreground(
                    make_command(odoo, database, *phase, *arguments),
                    env=odoo.environment,
                    cwd=paths.ROOT,
                )
                for phase in PHASES
            }
    # What was asked for may be in one of the two only.
    code = max(codes - {NO_TESTS}, default=0) if codes != {NO_TESTS} else NO_TESTS
    if templates.troubles:
        say("\n✗ Installing the addons logs:\n" + "\n".join(templates.troubles))
    return code or int(bool(templates.troubles))


def make_command(odoo, database, *arguments):
    """Return the command line of pytest on `database`; `arguments` have the last word."""
    return [
        *(python_env.PYTHON, "-m", "pytest", "-n", str(WORKERS), "--dist", "loadscope"),
        *("--odoo-http", f"--odoo-config={paths.ODOO_CONF}"),
        *(f"--odoo-addons-path={paths.ADDONS}", f"--odoo-extra=data-dir={odoo.files}"),
        f"--odoo-database={database}",
        *arguments,
    ]


@contextlib.contextmanager
def copied(odoo, template, name):
    """Have a copy of the database `template` while the block runs; yields its name."""
    with databases.locked(FILES):
        databases.copy(odoo, template, name, "a copy")
    try:
        yield name
    finally:
        databases.drop(odoo, name)


def _name_base():
    key = f"{odoo_source.find_version()} {_find_dependencies()} {paths.ODOO_CONF.read_text(encoding='utf-8')}"
    return BASE + hashlib.sha256(key.encode()).hexdigest()[:12]


def _name_with_addons():
    key = f"{_name_base()} {databases.hash_addons()}"
    return WITH_ADDONS + hashlib.sha256(key.encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Templates:
    """The databases that tests get copies of."""

    base: str
    with_addons: str
    # The warnings and errors that the addons logged when they were installed.
    troubles: list


def ensure_templates(odoo):
    """Have the two templates, and return them.

    One has the modules of Odoo that the addons depend on; the other is made from it and
    has the addons as they are now.

    :raises StepError: a module can't be installed
    """
    # Named before they are made: when the addons are changed meanwhile, the next call makes others.
    base, with_addons = _name_base(), _name_with_addons()
    troubles = FILES / f"{with_addons}.log"
    with databases.locked(FILES):
        _drop_leftovers(odoo)
        if databases.find_origin(odoo, base) is None:
            with step("Odoo: test database, the modules underneath") as current:
                databases.drop(odoo, base + "_new")
                _install(
                    odoo,
                    base,
                    f"--init={_find_dependencies()}",
                    "test-base.log",
                    current,
                )
                odoo.run_script(
                    base + "_new", PREGENERATE_ASSETS, "test-base-assets.log"
                )
                _finish(odoo, base, "the modules underneath")
        if databases.find_origin(odoo, with_addons) is None:
            with step("Odoo: test database, the addons") as current:
                databases.copy(odoo, base, with_addons + "_new", "unfinished")
                modules = ",".join(paths.find_addons())
                logged = _install(
                    odoo, with_addons, f"--init={modules}", "test-addons.log", current
                )
                odoo.run_script(
                    with_addons + "_new", PREGENERATE_ASSETS, "test-addons-assets.log"
                )
                troubles.write_text("\n".join(logged), encoding="utf-8")
                _finish(odoo, with_addons, "the addons")
        _drop_old(odoo, base, with_addons)
        logged = troubles.read_text(encoding="utf-8").splitlines()
    return Templates(base, with_addons, logged)


def _find_dependencies():
    """Return the modules of Odoo that our addons depend on, joined by commas."""
    ours = paths.find_addons()
    needed = set()
    for addon in ours:
        manifest = ast.literal_eval(
            (paths.ADDONS / addon / "__manifest__.py").read_text(encoding="utf-8")
        )
        needed.update(manifest.get("depends", []))
    return ",".join(sorted(needed - set(ours)))


def _install(odoo, name, modules, log, current):
    return odoo.install(
        name + "_new",
        "The test database could not be made.",
        modules,
        log=log,
        current=current,
    )


def _finish(odoo, name, origin):
    databases.mark(odoo, name + "_new", origin)
    databases.rename(odoo, name + "_new", name)


def _drop_leftovers(odoo):
    """Remove the copies of test runs that were killed."""
    for database in databases.find_ours(odoo):
        number = database.removeprefix(COPY).partition("-")[0].partition("_")[0]
        if database.startswith(COPY) and not Path("/proc", number).exists():
            databases.drop(odoo, database)


def _drop_old(odoo, *used):
    for prefix in (BASE, WITH_ADDONS):
        others = [
            name
            for name in databases.find_ours(odoo)
            if name.startswith(prefix) and name not in used
        ]
        for database in others[:-KEPT_TEMPLATES]:
            databases.drop(odoo, database)
            (FILES / f"{database}.log").unlink(missing_ok=True)


def ensure_browser():
    """Have a browser for the tests that need one.

    :raises StepError: there is none, and it can't be installed
    """
    if any(map(shutil.which, BROWSERS)):
        return
    problem = debian.install_for_system("chromium", "chromium", "Tests in the browser")
    if problem:
        raise StepError(problem, "Then call again.")
