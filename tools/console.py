"""What the user sees: steps with their progress and time, on standard error.

Standard output stays free for what is asked for: `make -s shell < script.py` prints
what the script prints.
"""

import contextlib
import sys
import threading
import time

# On a terminal the running steps share one line that is drawn anew; in a file a line
# now and then is enough.
REDRAW_SECONDS = 0.2
REPORT_SECONDS = 15
STATUS_COLUMNS = 110


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

    @property
    def seconds(self):
        return time.monotonic() - self.started

    def update(self, progress):
        """Show `progress`, a few words such as ``45 %``."""
        self.progress = progress
        _console.show_progress(self)

    def __str__(self):
        return f"{self.name} {self.progress}".rstrip() + f" ({self.seconds:.0f} s)"


class _Console:
    """Standard error, shared by threads: lines that stay, and the steps that run."""

    def __init__(self):
        self.lock = threading.RLock()
        self.is_terminal = sys.stderr.isatty()
        self.running = []
        self.shown_at = {}

    def add(self, step):
        with self.lock:
            self.running.append(step)
            self.shown_at[step] = time.monotonic()
            if not self.is_terminal:
                self.write(f"  … {step.name}\n")
            self.draw()

    def remove(self, step):
        with self.lock:
            self.running.remove(step)
            del self.shown_at[step]

    def show_progress(self, step):
        with self.lock:
            pause = REDRAW_SECONDS if self.is_terminal else REPORT_SECONDS
            if time.monotonic() - self.shown_at[step] < pause:
                return
            self.shown_at[step] = time.monotonic()
            if not self.is_terminal:
                self.write(f"  … {step}\n")
            self.draw()

    def say(self, text):
        with self.lock:
            self.write(f"{self.erase}{text}\n")
            self.draw()

    @property
    def erase(self):
        return "\r\x1b[K" if self.is_terminal else ""

    def draw(self):
        if self.is_terminal and self.running:
            status = " · ".join(map(str, self.running))
            self.write(f"{self.erase}  … {status[:STATUS_COLUMNS]}")

    def write(self, text):
        # A terminal that went away must not keep us from stopping what we started.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


_console = _Console()


def say(text=""):
    """Print one line, above the line of the running steps."""
    _console.say(text)


@contextlib.contextmanager
def step(name):
    """Show that `name` runs, and how long it took.

    Yields the `Step`, whose `update` shows the progress.
    """
    current = Step(name)
    _console.add(current)
    sign = "✗"
    try:
        yield current
        sign = "✓"
    finally:
        _console.remove(current)
        say(f"  {sign} {name}  {current.seconds:.1f} s")


def report_error(error):
    """Print a `StepError`: what failed and what to do."""
    say(f"\n✗ {error.what}")
    if error.todo:
        say(f"  {error.todo}")
