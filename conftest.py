"""A test that is skipped proves nothing: it fails, unless the reason is one that was foreseen.

Odoo skips every browser test without a word when the browser or its connection is missing.
"""

import inspect

import pytest

# Big sets of real data are no part of the project. Their tests say so with these words.
FORESEEN = ("data is not here",)


def pytest_addoption(parser):
    parser.addoption(
        "--browser",
        choices=("only", "without"),
        help="run only the tests that open a browser, or those that do not",
    )


def pytest_collection_modifyitems(config, items):
    choice = config.getoption("--browser")
    if not choice:
        return
    chosen = [item for item in items if _opens_browser(item) == (choice == "only")]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def _opens_browser(item):
    """Return whether the class of a test, or one of ours it is made from, opens a browser."""
    ancestors = inspect.getmro(item.cls) if getattr(item, "cls", None) else ()
    return any(
        call in inspect.getsource(ancestor)
        for ancestor in ancestors
        if "sales_funnel" in ancestor.__module__
        or ancestor.__module__.startswith("test_")
        for call in ("start_tour(", "browser_js(")
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return _fail_unforeseen_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _fail_unforeseen_skip((yield))


def _fail_unforeseen_skip(report):
    """Turn a skip into a failure, unless its reason has the words of one that was foreseen."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = (
            report.longrepr[-1]
            if isinstance(report.longrepr, tuple)
            else str(report.longrepr)
        )
        if not any(words in reason for words in FORESEEN):
            report.outcome = "failed"
            report.longrepr = f"Skipped without being foreseen in conftest.py: {reason}"
    return report
