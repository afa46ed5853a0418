"""The instance of `make run`: its database with demo data, its server, Odoo's shell on it, and their removal."""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tools import databases, debian, paths, postgres, processes, testing
from tools import odoo as odoo_calls
from tools.console import StepError, say, step

DATABASE = "funnel"
UNFINISHED = "funnel_unfinished"
LOGIN = "admin"
PORT = 8069
PORTS = 100
START_SECONDS = 120
STOP_SECONDS = 60

RUN_FILE = paths.DATA / "run.json"
FILES = paths.DATA / "files"
SERVER_LOG = paths.DATA / "odoo.log"
POSTGRES = paths.DATA / "postgres"


def run():
    """Bring up the instance and serve it until Ctrl-C.

    :return: the exit code
    :raises StepError: a step fails; the next call goes on from there
    """
    started = time.monotonic()
    with only_one() as first:
        if not first:
            state = _read_state()
            if url := state.get("url"):
                say(
                    f"It runs already: {url} (process {state['pid']}; Ctrl-C there stops it)."
                )
            else:
                say(f"Process {state.get('pid')} is bringing it up or down already.")
            return 0
        notes = []
        source = odoo_calls.ensure()
        with postgres.server(POSTGRES, safe=True) as connection:
            odoo = odoo_calls.Odoo(source, FILES, connection)
            # The database keeps one core busy for most of the time that all this takes.
            processes.parallel(
                lambda: ensure_database(odoo, update=True),
                lambda: notes.append(_ensure_wkhtmltopdf()),
            )
            return _serve(odoo, started, notes)


def shell():
    """Open Odoo's shell on the instance's database, or run what standard input has.

    :return: the exit code
    """
    source = odoo_calls.ensure()
    with postgres.server(POSTGRES, safe=True) as connection:
        odoo = odoo_calls.Odoo(source, FILES, connection)
        with only_one() as alone:
            # A server that runs must not have its tables changed behind its back.
            ensure_database(odoo, update=alone)
        command = odoo.command("shell", DATABASE, "--no-http", "--log-level=warn")
        return processes.run_in_foreground(
            command, env=odoo.environment, cwd=paths.ROOT
        )


def clean():
    """Stop what this project has running, and remove all that `make` made.

    :return: the exit code
    """
    with step("Stop what runs"):
        _stop_server()
        if postgres.is_external() and (paths.VENV / "bin").is_dir():
            with postgres.server(POSTGRES, safe=True) as connection:
                odoo = odoo_calls.Odoo(Path(), FILES, connection)
                for database in databases.find_ours(odoo):
                    databases.drop(odoo, database)
        for folder in (POSTGRES, testing.POSTGRES):
            postgres.Cluster(folder, safe=True).stop()
    with step("Remove what was made"):
        for folder in (paths.DATA, paths.NODE_MODULES, *paths.CACHE_FOLDERS):
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            # Stays when it is the user's and has other things in it.
            paths.CACHE.rmdir()
    return 0


@contextlib.contextmanager
def only_one():
    """Yield whether no other `make run` of this project is there, and keep it so while the block runs."""
    paths.DATA.mkdir(mode=0o700, exist_ok=True)
    with RUN_FILE.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        _write_state(url=None)
        yield True


def _write_state(url):
    RUN_FILE.write_text(json.dumps({"pid": os.getpid(), "url": url}), encoding="utf-8")


def _read_state():
    try:
        return json.loads(RUN_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _ensure_wkhtmltopdf():
    """Have the program that makes PDFs; return a sentence for the user if it is missing."""
    if shutil.which("wkhtmltopdf"):
        return None
    return debian.install_for_system("wkhtmltopdf", "wkhtmltopdf", "PDF documents")


def ensure_database(odoo, update):
    """Have the database with the addons and demo data, brought up to the addons as they are now if `update`."""
    addons = paths.find_addons()
    if not addons:
        raise StepError(
            f"There are no addons in {paths.ADDONS}.",
            "Is this a whole checkout of the project?",
        )
    modules = ",".join(addons)
    with databases.locked(FILES):
        origin = databases.find_origin(odoo, DATABASE)
        current = databases.hash_addons()
        if origin == "":
            raise StepError(
                f"The server has a database {DATABASE} that `make run` did not make; it is left alone.",
                f"Rename it, or unset {', '.join(postgres.EXTERNAL_VARIABLES)}.",
            )
        if origin is None:
            _build_database(odoo, modules, current)
        elif update and origin != current:
            with step("Odoo: update of the addons") as progress:
                odoo.install(
                    DATABASE,
                    "The addons could not be updated.",
                    f"--init={modules}",
                    f"--update={modules}",
                    log="update.log",
                    current=progress,
                )
            databases.mark(odoo, DATABASE, current)


def _build_database(odoo, modules, origin):
    with step("Odoo: database with demo data") as progress:
        databases.drop(odoo, UNFINISHED)
        odoo.install(
            UNFINISHED,
            "The database could not be made.",
            f"--init={modules}",
            "--with-demo",
            log="install.log",
            current=progress,
            # A power cut while it is built costs nothing: it is built again.
            environment={}
            if postgres.is_external()
            else {"PGOPTIONS": "-c synchronous_commit=off"},
        )
        databases.mark(odoo, UNFINISHED, origin)
        databases.rename(odoo, UNFINISHED, DATABASE)


@contextlib.contextmanager
def served(odoo, database, *options, log=SERVER_LOG):
    """Have a server on `database` while the block runs; yields its port and its process.

    :param options: further ones of Odoo
    :param log: the file for what it tells
    :raises StepError: there is no free port, or it does not serve its page
    """
    port = _find_port()
    command = odoo.command(
        "server",
        database,
        "--http-interface=127.0.0.1",
        f"--http-port={port}",
        *options,
    )
    with (
        log.open("a") as output,
        processes.child(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=odoo.environment,
            cwd=paths.ROOT,
        ) as server,
    ):
        with step("Odoo: server"):
            _wait_for_page(server, port, log)
        yield port, server


def _serve(odoo, started, notes):
    try:
        with served(odoo, DATABASE) as (port, server):
            url = f"http://localhost:{port}"
            _write_state(url)
            _tell(url, port, time.monotonic() - started, notes)
            code = server.wait()
    except processes.Interrupted:
        # Asked for: the ordinary end.
        _write_state(url=None)
        return 0
    raise StepError(
        f"Odoo's server ended by itself (exit code {code}).",
        f"Its log says why: {SERVER_LOG}",
    )


def _wait_for_page(server, port, log):
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=START_SECONDS
        )
        try:
            connection.request("GET", "/web/login")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            # Not listening yet.
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
    raise StepError(
        f"Odoo's server does not serve its page.\n{tail}",
        f"Its whole log: {log}",
    )


def _tell(url, port, seconds, notes):
    for note in filter(None, notes):
        say(f"  ! {note}")
    if port != PORT:
        say(f"  ! Port {PORT} is taken, so it is {port}.")
    say(f"\n  {url}   user {LOGIN}, password {LOGIN}   ({seconds:.0f} s)")
    say(f"  Log: {SERVER_LOG}. Ctrl-C stops it.")


def _find_port():
    """Return the first free port."""
    for port in range(PORT, PORT + PORTS):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StepError(
        f"All ports from {PORT} to {PORT + PORTS - 1} are taken.",
        "Free one, then call again.",
    )


def _stop_server():
    """Stop a `make run` of this project that runs somewhere else."""
    if not paths.DATA.is_dir():
        return
    with only_one() as alone:
        if alone:
            return
        pid = _read_state().get("pid")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        with only_one() as alone:
            if alone:
                return
        time.sleep(0.2)
    raise StepError(
        f"`make run`, process {pid}, does not stop.", f"Stop it: kill {pid}"
    )
