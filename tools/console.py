"""What the user sees: steps with their progress and time, on standard error.

Standard output stays free for what is asked for: `make -s shell < script.py` prints what the script prints.
"""

import contextlib
import sys
import threading
import time

# On a terminal the running steps share one line that is drawn anew; in a file a line now and then is enough.
REDRAW_SECONDS = 0.2
REPORT_SECONDS = 15

_lock = threading.RLock()
_running = []
_is_terminal = sys.stderr.isatty()
_last_draw = 0.0


class StepError(Exception):
    """A step that failed, in the user's words: what failed, and what to do about it."""

    def __init__(self, what, todo=""):
        super().__init__(what)
        self.what = what
        self.todo = todo


class Step:
    """One running step. `update` shows how far it is."""

    def __init__(self, name):
        self.name = name
        self.progress = ""
        self.started = time.monotonic()
        self.reported = self.started

    @property
    def seconds(self):
        return time.monotonic() - self.started

    def update(self, progress):
        """Show `progress`, a few words such as ``45 %``."""
        with _lock:
            self.progress = progress
            if _is_terminal:
                _draw_status()
            elif time.monotonic() - self.reported > REPORT_SECONDS:
                self.reported = time.monotonic()
                _write(f"  … {self}\n")

    def __str__(self):
        return f"{self.name} {self.progress}".rstrip() + f" ({self.seconds:.0f} s)"


def say(text=""):
    """Print one line, above the line of the running steps."""
    with _lock:
        _clear_status()
        _write(f"{text}\n")
        _draw_status(force=True)


@contextlib.contextmanager
def step(name):
    """Show that `name` runs, and how long it took. Yields the `Step`, whose `update` shows the progress."""
    current = Step(name)
    with _lock:
        _running.append(current)
        if _is_terminal:
            _draw_status(force=True)
        else:
            _write(f"  … {name}\n")
    ok = False
    try:
        yield current
        ok = True
    finally:
        with _lock:
            _running.remove(current)
            say(f"  {'✓' if ok else '✗'} {name}  {current.seconds:.1f} s")


def report_error(error):
    """Print a `StepError`: what failed and what to do."""
    say(f"\n✗ {error.what}")
    if error.todo:
        say(f"  {error.todo}")


def _draw_status(force=False):
    global _last_draw
    if not _is_terminal or not _running or (not force and time.monotonic() - _last_draw < REDRAW_SECONDS):
        return
    _last_draw = time.monotonic()
    _write("\r\x1b[K  … " + " · ".join(map(str, _running))[:110])


def _clear_status():
    if _is_terminal:
        _write("\r\x1b[K")


def _write(text):
    # A terminal that went away (SIGHUP) must not keep us from stopping what we started.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
