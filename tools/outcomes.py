"""A plugin of pytest that writes how each test ended, for `make compat` to compare."""

import json
from pathlib import Path

OPTION = "--outcomes"


def pytest_addoption(parser):
    parser.addoption(OPTION, help="File to write the outcomes to, as JSON.")


def pytest_configure(config):
    # Workers report to the process that started them, which writes.
    if config.getoption(OPTION) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(config.getoption(OPTION)))


class _Recorder:
    def __init__(self, path):
        self.path = Path(path)
        self.outcomes = {}

    def pytest_runtest_logreport(self, report):
        before = self.outcomes.get(report.nodeid)
        # A test has several reports (set-up, call, subtests): the first that is not a
        # success says how it ended.
        if before is None or before["outcome"] == "passed":
            self.outcomes[report.nodeid] = {
                "outcome": report.outcome,
                "message": "" if report.passed else report.longreprtext,
            }

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes[report.nodeid] = {
                "outcome": "failed",
                "message": report.longreprtext,
            }

    def pytest_sessionfinish(self):
        self.path.write_text(json.dumps(self.outcomes), encoding="utf-8")
