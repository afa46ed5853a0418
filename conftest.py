"""A test that is skipped proves nothing: it fails, unless the reason is one that was foreseen.

Odoo skips every browser test without a word when the browser or its connection is missing.
"""

import pytest

# Big sets of real data are no part of the project. Their tests say so with these words.
FORESEEN = ("data is not here",)


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
