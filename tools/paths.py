"""Where things are: the project's own files, and the two folders that hold everything made from them."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDONS = ROOT / "addons"
ODOO_CONF = ROOT / "odoo.conf"
REQUIREMENTS = ROOT / "requirements.txt"
TEST_REQUIREMENTS = ROOT / "requirements-test.txt"
NODE_MODULES = ROOT / "node_modules"

# What can be fetched or built again. `FUNNEL_CACHE` moves it, to share it between checkouts or keep it off this disk.
CACHE = Path(os.environ.get("FUNNEL_CACHE") or ROOT / ".cache").resolve()
APT = CACHE / "apt"
PACKAGES = CACHE / "debs"
ODOO_TREE = CACHE / "odoo"
UV = CACHE / "uv"
VENV = CACHE / "venv"
TESTS = CACHE / "test"
LOGS = CACHE / "logs"
BYTECODE = CACHE / "bytecode"
CACHE_FOLDERS = (
    APT,
    PACKAGES,
    ODOO_TREE,
    UV,
    VENV,
    TESTS,
    LOGS,
    BYTECODE,
    CACHE / "uv-cache",
    CACHE / "tools",
)

# What the user may care for: the database of `make run` and its files.
DATA = ROOT / ".data"


def find_addons():
    """Return the names of the addons of this project, sorted."""
    return sorted(manifest.parent.name for manifest in ADDONS.glob("*/__manifest__.py"))
