"""What `make` starts does not outlive it, however it ends."""

import subprocess
import sys
import time
from pathlib import Path

from tools import paths

START = """\
from tools import processes
with processes.child(["sleep", "60"]) as process:
    print(process.pid, flush=True)
    process.wait()
"""
SECONDS = 10


def test_a_child_dies_with_its_parent_that_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", START],
        cwd=paths.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        child = int(parent.stdout.readline())
        assert _comes_to(child, "sleep")
        parent.kill()
    assert _comes_to(child, "")


def _comes_to(pid, program):
    """Whether a process soon runs ``program``; none when it has ended."""
    deadline = time.monotonic() + SECONDS
    while (found := _find_program(pid)) != program and time.monotonic() < deadline:
        time.sleep(0.05)
    return found == program


def _find_program(pid):
    try:
        # empty as well when nobody has asked yet how it ended
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return command.split(b"\0")[0].decode()
