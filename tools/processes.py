"""Child processes: all of them are known, so that an interrupt leaves none behind."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import threading
from collections import deque

from tools import paths
from tools.console import StepError

TAIL_LINES = 12
STOP_SECONDS = 15

# Killed hard, we cannot stop what we started: the system does, with the same signal. Else a
# server would go on, and the next call would start another one beside it.
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")

_lock = threading.Lock()
_children = set()
_stopping = threading.Event()


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP. Not an `Exception`, so that no step takes it for a failure of its own."""


def raise_on_signals():
    """Turn the signals that end a program into `Interrupted`, raised in the main thread."""

    def interrupt(signum, _frame):
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
        raise Interrupted(signum)

    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, interrupt)


@contextlib.contextmanager
def child(command, **options):
    """Start `command` (options as for `subprocess.Popen`), yield it, and stop it when the block is left.

    It gets a session of its own: a Ctrl-C reaches us alone, and we end it in order.

    :raises Interrupted: when everything is being stopped already
    """
    with _lock:
        if _stopping.is_set():
            raise Interrupted
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(
            [*DIE_WITH_US, *command], start_new_session=True, **options
        )
        _children.add(process)
    try:
        yield process
    finally:
        stop(process)
        with _lock:
            _children.discard(process)


def stop(process):
    """End `process` and what it started: SIGTERM first, SIGKILL when that does not help."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, ending)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def stop_all():
    """End every child, so that the threads that wait for one go on, and start no more."""
    with _lock:
        _stopping.set()
        children = list(_children)
    for process in children:
        stop(process)


def run(command, what, todo="", *, log, on_line=None, accepted=(0,), **options):
    """Run `command` to its end, with its output in the file `log` of the log folder.

    :param what: what fails when it does, a sentence for the user
    :param todo: what the user can do then
    :param on_line: called with each line of the output
    :param accepted: the exit codes that are no failure
    :raises StepError: when the command fails, with the end of its output
    """
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    path = paths.LOGS / log
    tail = deque(maxlen=TAIL_LINES)
    with (
        path.open("w", encoding="utf-8") as file,
        child(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **options,
        ) as process,
    ):
        for line in process.stdout:
            file.write(line)
            tail.append(line)
            if on_line:
                on_line(line)
        code = process.wait()
    if _stopping.is_set():
        raise Interrupted
    if code not in accepted:
        output = "".join(tail).strip()
        raise StepError(
            f"{what}\n{output}\n(exit code {code}, whole log: {path})", todo
        )


def read(command, **options):
    """Return what `command` prints, or None when it is missing or fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def parallel(*functions):
    """Run the functions side by side and return when all are done; what is done is kept for the next call.

    :raises StepError: the first error, after all have ended
    """
    with concurrent.futures.ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(function) for function in functions]
        try:
            concurrent.futures.wait(futures)
        except Interrupted:
            stop_all()
            raise
    for future in futures:
        future.result()


def run_in_foreground(command, **options):
    """Run `command` on the user's terminal, which it has to itself, Ctrl-C included.

    :return: its exit code
    :raises Interrupted: when Ctrl-C made it fail
    """
    pressed = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        with subprocess.Popen([str(part) for part in command], **options) as process:
            try:
                code = process.wait()
            except Interrupted:
                process.terminate()
                raise
    finally:
        signal.signal(signal.SIGINT, before)
    if code and pressed.is_set():
        raise Interrupted
    return code
