"""`python3 -m tools COMMAND`, which is what the targets of the Makefile call."""

import argparse
import sys

from tools import (
    bench,
    chaos,
    compat,
    debian,
    instance,
    lint,
    pictures,
    processes,
    testing,
)
from tools.console import StepError, report_error, say

INTERRUPTED = 130


def main():
    """Run the command that the command line names and return the exit code."""
    commands = {
        "run": instance.run,
        "shell": instance.shell,
        "clean": instance.clean,
        "test": testing.test,
        "compat": compat.compare,
        "bench": bench.bench,
        "chaos": chaos.chaos,
        "lint": lint.lint,
        "pictures": pictures.take,
    }
    parser = argparse.ArgumentParser(
        prog="make", description="Set-up, tests and checks of the sales funnel."
    )
    parser.add_argument("command", choices=commands)
    name = parser.parse_args(sys.argv[1:2]).command
    # What follows is pytest's, options included.
    arguments = [sys.argv[2:]] if name == "test" else []
    processes.raise_on_signals()
    try:
        debian.check_machine()
        return commands[name](*arguments)
    except StepError as error:
        report_error(error)
        return 1
    except processes.Interrupted:
        say("Stopped.")
        return INTERRUPTED


sys.exit(main())
