"""Odoo 19.0 itself: Debian's package unpacked into the cache, or the tree that `ODOO_HOME` names."""

import os
import re
import shutil
import string
from pathlib import Path

from tools import debian, paths
from tools.console import StepError, say, step

SERIES = "19.0"
PACKAGE = "odoo-19"

# Odoo's package links into these, by absolute-looking places that fit when all are unpacked into one root.
LINKED_STABLE = (
    "fonts-font-awesome",
    "fonts-glyphicons-halflings",
    "fonts-inconsolata",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
)
LINKED_UNSTABLE = ("fonts-montserrat",)

# Translations are two thirds of the package: these languages are unpacked.
LANGUAGES = ("ru", "uk", "el")

PYTHON_FOLDER = Path("usr/lib/python3/dist-packages")

# Debian leaves out this library, which has no source; without the file the browser logs an error on every page.
# It blurs the background of video calls, so that nothing of a sales funnel misses it.
STAND_IN = Path(
    "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
)
STAND_IN_TEXT = "// Not part of Debian's package of Odoo: backgrounds of video calls are not blurred.\n"


def ensure():
    """Return the folder to be put on Python's path, so that `import odoo` finds Odoo 19.0.

    :raises StepError: Odoo could not be fetched, or `ODOO_HOME` is no Odoo 19.0
    """
    home = os.environ.get("ODOO_HOME")
    if home:
        folder = Path(home).expanduser().resolve()
        _check_series(folder, f"ODOO_HOME={home}")
        return folder
    folder = paths.ODOO_TREE / PYTHON_FOLDER
    if not paths.ODOO_TREE.is_dir():
        _fetch_and_unpack()
    _check_series(folder, f"Debian's package {PACKAGE}")
    return folder


def find_version():
    """Return a text that changes with the Odoo that is used, as a key for what is built with it."""
    home = os.environ.get("ODOO_HOME")
    if home:
        return str(Path(home).expanduser().resolve())
    return " ".join(
        sorted(package.name for package in paths.PACKAGES.glob(f"{PACKAGE}_*.deb"))
    )


def _fetch_and_unpack():
    packages = [
        *debian.fetch(LINKED_STABLE, debian.STABLE),
        *debian.fetch((*LINKED_UNSTABLE, PACKAGE), debian.UNSTABLE),
    ]
    partial = paths.ODOO_TREE.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with step("Odoo: unpack"):
        for package in packages:
            debian.unpack(
                package,
                partial,
                _list_excludes() if package.name.startswith(PACKAGE) else (),
            )
        stand_in = partial / PYTHON_FOLDER / STAND_IN
        if not stand_in.exists():
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.write_text(STAND_IN_TEXT, encoding="utf-8")
    dangling = [
        path
        for path in (partial / PYTHON_FOLDER).rglob("*")
        if path.is_symlink() and not path.exists()
    ]
    if dangling:
        names = ", ".join(
            str(path.relative_to(partial / PYTHON_FOLDER)) for path in dangling[:5]
        )
        say(
            f"  ! {len(dangling)} links of Odoo's package lead nowhere ({names}): a picture or font may miss"
        )
    partial.rename(paths.ODOO_TREE)


def _list_excludes():
    """Return tar's patterns for what is not needed: a double of all addons, and translations."""
    others = "".join(
        letter
        for letter in string.ascii_lowercase
        if letter not in {code[0] for code in LANGUAGES}
    )
    return [
        f"./{PYTHON_FOLDER}/addons",
        "*/i18n/*.pot",
        "*/i18n/???*.po",
        f"*/i18n/[{others}]?.po",
        *(f"*/i18n/{code[0]}[!{code[1]}].po" for code in LANGUAGES),
    ]


def _check_series(folder, origin):
    release = folder / "odoo" / "release.py"
    try:
        text = release.read_text(encoding="utf-8")
    except OSError as error:
        raise StepError(
            f"{origin} has no Odoo: {release} can't be read ({error.strerror}).",
            "ODOO_HOME is the folder that contains odoo/release.py.",
        ) from error
    version = re.search(r"^version_info = \((\d+), (\d+)", text, flags=re.MULTILINE)
    found = ".".join(version.groups()) if version else "something else"
    if found != SERIES:
        raise StepError(
            f"{origin} is Odoo {found}, and this project is for {SERIES}.",
            "Use a tree of branch 19.0.",
        )
