"""The checks of form: Python by ruff and pylint-odoo, XML and JavaScript by prettier.

All of them run, so that one call shows everything there is to mend.
"""

import hashlib
import os
import shutil
from pathlib import Path

from tools import paths, processes, python_env
from tools.console import say, step

NODE_STAMP = paths.NODE_MODULES / "lock.sha256"
PRETTIER_SUFFIXES = (".js", ".xml", ".scss")


def lint():
    """Check the form of everything.

    :return: the exit code
    :raises StepError: a tool could not be fetched
    """
    python = python_env.ensure()
    ruff = python.parent / "ruff"
    checks = {
        "ruff check": [ruff, "check", "-q", "."],
        "ruff format": [ruff, "format", "--check", "."],
    }
    if addons := [paths.ADDONS / name for name in paths.find_addons()]:
        checks["pylint-odoo"] = [python, "-m", "pylint", *addons]
    environment = dict(os.environ)
    if files := _find_files_for_prettier():
        programs = _ensure_prettier()
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
        prettier = paths.NODE_MODULES / ".bin" / "prettier"
        checks["prettier"] = [prettier, "--check", "--log-level=warn", *files]
    failed = [
        name
        for name, command in checks.items()
        if processes.run_in_foreground(command, cwd=paths.ROOT, env=environment)
    ]
    for name in checks:
        say(f"  {'✗' if name in failed else '✓'} {name}")
    return 1 if failed else 0


def _find_files_for_prettier():
    return sorted(
        path.relative_to(paths.ROOT)
        for path in paths.ADDONS.rglob("*")
        if path.suffix in PRETTIER_SUFFIXES
    )


def _ensure_prettier():
    """Have prettier as locked, and return the folder of the Node.js that runs it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        programs = Path(node).parent
        install = [npm]
    else:
        programs = python_env.ensure_node()
        install = [
            programs / "node",
            programs.parent / "lib/node_modules/npm/bin/npm-cli.js",
        ]
    lock = (paths.ROOT / "package-lock.json").read_bytes()
    key = hashlib.sha256(lock).hexdigest()
    if not NODE_STAMP.is_file() or NODE_STAMP.read_text(encoding="utf-8") != key:
        with step("prettier"):
            processes.run(
                [*install, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                "prettier, which checks XML and JavaScript, could not be fetched.",
                "Check the network and npm's settings (npm config list), then call again.",
                log="npm.log",
                cwd=paths.ROOT,
                env={
                    **os.environ,
                    "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                    "npm_config_cache": str(paths.CACHE / "tools" / "npm"),
                },
            )
        NODE_STAMP.write_text(key, encoding="utf-8")
    return programs
