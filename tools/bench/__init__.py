"""How fast it is: the same questions to the report, to the chatter of a bare Odoo and to DuckDB.

What is compared is measured in turns, in one run on one machine, and what is said of it are ratios.
"""

import dataclasses
import hashlib
import json
import statistics
from pathlib import Path

from tools import databases, paths, postgres, python_env, testing
from tools import odoo as odoo_calls
from tools.console import say, step

SCRIPTS = Path(__file__).parent
PREFIX = "funnel_bench_"
# Of its own: the tests of others need not wait.
LOCK = paths.TESTS / "bench"
MANY, FEW = 1_000_000, 100_000
ROUNDS = 5

# What is asked, what it is divided by, and how large the ratio may be.
RATIOS = (
    (
        "Counts of a year, the chatter ÷ the report",
        "chatter",
        "report counts",
        20,
        False,
    ),
    (
        "Counts of a year, the report ÷ DuckDB",
        "report counts",
        "duckdb counts",
        1.5,
        True,
    ),
    (
        "The same for each salesperson, the report ÷ DuckDB",
        "report by user",
        "duckdb by user",
        1.5,
        True,
    ),
    ("Everything of a year, the report ÷ DuckDB", "report all", "duckdb all", 4, True),
    (
        "The same cohort, a long history ÷ a tenth of it",
        "report short",
        "few: report short",
        1.2,
        True,
    ),
    ("Moving a deal, with the addons ÷ bare", "one", "bare: one", 1.05, True),
    ("Moving 1,000 deals, with the addons ÷ bare", "many", "bare: many", 1.05, True),
)


def bench():
    """Make the databases that are not there yet, measure, and print one table.

    :return: the exit code
    :raises StepError: a step fails
    """
    source = odoo_calls.ensure()
    python_env.ensure_test_tools()
    with postgres.server(testing.POSTGRES, safe=False) as connection:
        odoo = odoo_calls.Odoo(source, testing.FILES, connection)
        base = testing.ensure_templates(odoo).base
        with databases.locked(LOCK):
            bare = _ensure_bare(odoo, base, MANY)
            whole = _ensure_whole(odoo, bare)
            few = _ensure_whole(odoo, _ensure_bare(odoo, base, FEW))
            seconds = _measure(odoo, bare, whole, few)
            _drop_old(odoo, bare, whole)
    _report(seconds)
    return 0


def _ensure_bare(odoo, base, deals):
    """Have a database with deals and no addon of ours; return its name."""
    script = (SCRIPTS / "deals.py").read_bytes()
    key = hashlib.sha256(base.encode() + script).hexdigest()[:8]
    name = f"{PREFIX}{key}_{deals}"
    if databases.find_origin(odoo, name) is None:
        with step(f"{deals:,} deals and their chatter"):
            databases.copy(odoo, base, name + "_new", "unfinished")
            made = _run(odoo, name + "_new", "deals", BENCH_DEALS=str(deals))
            postgres.query(odoo.connection, "VACUUM ANALYZE", name + "_new")
            databases.mark(odoo, name + "_new", json.dumps(made).replace("'", ""))
            databases.rename(odoo, name + "_new", name)
    return name


def _ensure_whole(odoo, bare):
    """Have a copy of the database ``bare`` with our addons; return its name."""
    name = f"{bare}_{databases.hash_addons()[:8]}"
    if databases.find_origin(odoo, name) is None:
        with step("The addons installed, the history taken over") as current:
            databases.copy(odoo, bare, name + "_new", "unfinished")
            crm, report = sorted(paths.find_addons())
            for addon in (crm, report):
                started = current.seconds
                odoo.install(
                    name + "_new",
                    "The addons could not be installed.",
                    f"--init={addon}",
                    log="bench-install.log",
                    current=current,
                )
            made = {"installed_in": round(current.seconds - started)}
            postgres.query(odoo.connection, "VACUUM ANALYZE", name + "_new")
            databases.mark(odoo, name + "_new", json.dumps(made))
            databases.rename(odoo, name + "_new", name)
    return name


def _measure(odoo, bare, whole, few):
    """:return: seconds by name of what was measured"""
    with step("The questions"):
        seconds = _run(
            odoo,
            whole,
            "questions",
            BENCH_SHORT_DAYS=str(365 * FEW // MANY),
            BENCH_ONLY_SHORT="",
        )
        short = _run(
            odoo, few, "questions", BENCH_SHORT_DAYS="365", BENCH_ONLY_SHORT="1"
        )
        seconds["few: report short"] = short["report short"]
    moves = {"one": [], "many": [], "bare: one": [], "bare: many": []}
    with step("The moves") as current:
        for number in range(ROUNDS):
            current.update(f"{number} of {ROUNDS} rounds")
            for prefix, database in (("bare: ", bare), ("", whole)):
                for name, took in _run(odoo, database, "moves").items():
                    moves[prefix + name].append(took)
    seconds.update({name: statistics.median(took) for name, took in moves.items()})
    made = {**_read_made(odoo, bare), **_read_made(odoo, whole)}
    return {**seconds, **made}


def _read_made(odoo, database):
    return json.loads(databases.find_origin(odoo, database))


def _run(odoo, database, script, **environment):
    """Run one of the scripts beside this file in Odoo's shell; return its answer."""
    odoo = dataclasses.replace(odoo, connection={**odoo.connection, **environment})
    text = (SCRIPTS / f"{script}.py").read_text("utf-8")
    return odoo.run_script(database, text, f"bench-{script}.log")


def _report(seconds):
    say()
    for text, above, below, limit, is_most in RATIOS:
        ratio = seconds[above] / seconds[below]
        holds = ratio <= limit if is_most else ratio >= limit
        say(
            f"  {'✓' if holds else '✗'} {text:52} {ratio:7.2f}   "
            f"{'at most' if is_most else 'at least'} {limit:<5}"
            f"({seconds[above]:.3f} s ÷ {seconds[below]:.3f} s)"
        )
    installed_in, tracked = seconds["installed_in"], seconds["tracked"]
    at_most = 60 * tracked / 1_500_000
    say(
        f"  {'✓' if installed_in <= at_most else '✗'} "
        f"Installed over {tracked:,} tracking values in {installed_in} s, "
        f"at most {at_most:.0f} (60 for 1,500,000)"
    )


def _drop_old(odoo, *used):
    """Remove the databases of other versions of the addons or of the deals."""
    keys = {name.removeprefix(PREFIX).partition("_")[0] for name in used}
    hashes = databases.hash_addons()[:8]
    for name in databases.find_ours(odoo):
        if name.startswith(PREFIX):
            key, _, rest = name.removeprefix(PREFIX).partition("_")
            if key not in keys or rest.partition("_")[2] not in ("", hashes):
                databases.drop(odoo, name)
