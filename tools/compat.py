"""Odoo's own tests with our addons and without: what the addons change for others.

Only a number of queries may differ, and only where `compat.json` gives the reason.
"""

import json
import os
import re

from tools import odoo as odoo_calls
from tools import paths, postgres, processes, testing
from tools.console import StepError, say, step

MODULES = ("crm", "sale_crm", "sales_team", "sale", "sale_stock")
EXPECTED = paths.ROOT / "tools" / "compat.json"
OUTCOMES = paths.TESTS / "outcomes"

PERCENT = re.compile(r"\[ *(\d+)%\]")
QUERY_COUNT = re.compile(r"AssertionError: .*[Qq]uery count .*")
# Exit codes of pytest: all passed, some failed.
RAN = (0, 1)


def compare():
    """Run Odoo's tests on a database with our addons and on one without.

    :return: the exit code: 1 when something differs that is not foreseen
    :raises StepError: the tests could not be run
    """
    source = odoo_calls.ensure()
    testing.ensure_browser()
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    with postgres.server(testing.POSTGRES, safe=False) as connection:
        odoo = odoo_calls.Odoo(source, testing.FILES, connection)
        templates = testing.ensure_templates(odoo)
        folders = [str(_find_tests(source, module)) for module in MODULES]
        without = _run(odoo, templates.base, "without", folders)
        with_ours = _run(odoo, templates.with_addons, "with", folders)
        differing = _find_differences(without, with_ours)
        if differing:
            # Some tests of a browser fail now and then: what counts differs twice.
            folder = folders[0].partition("crm/tests")[0]
            again = [f"{folder}{test}" for test in differing]
            without |= _run(odoo, templates.base, "without, again", again)
            with_ours |= _run(odoo, templates.with_addons, "with, again", again)
            differing = _find_differences(without, with_ours)
    return _report(without, with_ours, differing, expected)


def _find_tests(source, module):
    for folder in (source / "odoo" / "addons", source / "addons"):
        if (folder / module / "tests").is_dir():
            return folder / module / "tests"
    raise StepError(f"Odoo's tests of {module} are not in {source}.")


def _run(odoo, template, label, tests):
    """Run `tests` on a copy of `template`; return the outcomes by test."""
    OUTCOMES.mkdir(parents=True, exist_ok=True)
    file = OUTCOMES / f"{label}.json"
    file.unlink(missing_ok=True)
    name = f"{testing.COPY}{os.getpid()}"
    with (
        step(f"Odoo's tests {label} our addons") as current,
        testing.copied(odoo, template, name) as database,
    ):

        def show_progress(line):
            if found := PERCENT.search(line):
                current.update(f"{found[1]} %")

        processes.run(
            testing.make_command(
                odoo,
                database,
                # Our rule about skips is not Odoo's, hence no conftest.py.
                *("-v", "--tb=short", "--noconftest"),
                *("-p", "tools.outcomes", f"--outcomes={file}"),
                *tests,
            ),
            "Odoo's tests could not be run.",
            log=f"compat-{label}.log",
            on_line=show_progress,
            accepted=RAN,
            env=odoo.environment,
            cwd=paths.ROOT,
        )
    outcomes = json.loads(file.read_text(encoding="utf-8"))
    return {test.rpartition("addons/")[2]: outcomes[test] for test in outcomes}


def _find_differences(without, with_ours):
    missing = {"outcome": "missing", "message": ""}
    return [
        test
        for test in sorted(without | with_ours)
        if without.get(test, missing)["outcome"]
        != with_ours.get(test, missing)["outcome"]
    ]


def _report(without, with_ours, differing, expected):
    for label, outcomes in (("without", without), ("with", with_ours)):
        ended = [outcome["outcome"] for outcome in outcomes.values()]
        counts = ", ".join(f"{ended.count(kind)} {kind}" for kind in sorted(set(ended)))
        say(f"  {label} our addons: {len(ended)} tests, {counts}")
    unforeseen = 0
    for test in differing:
        before = without.get(test, {}).get("outcome", "missing")
        after = with_ours.get(test, {"outcome": "missing", "message": ""})
        queries = QUERY_COUNT.search(after["message"])
        foreseen = expected.get(test) if queries else None
        unforeseen += foreseen is None
        say(
            f"\n  {'✓' if foreseen else '✗'} {test}\n    {before} without, {after['outcome']} with"
        )
        lines = after["message"].strip().splitlines()
        say(f"    {queries[0] if queries else (lines[-1] if lines else '')}")
        if foreseen:
            say(f"    foreseen: {foreseen}")
    for test in sorted(set(expected) - set(differing)):
        say(
            f"\n  ✗ {test}\n    is in {EXPECTED.name}, and does not differ: remove it there"
        )
        unforeseen += 1
    say(f"\n{len(differing)} tests differ, {unforeseen} lines are not as foreseen.")
    return 1 if unforeseen else 0
