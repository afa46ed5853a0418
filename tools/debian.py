"""Packages from the machine's own Debian mirror, fetched and unpacked here, never installed.

`apt-get` runs under a private configuration: own list of sources, own lists and cache. Mirror and keyring are the
machine's, so that signatures are checked as they are for its own packages. No right of root is needed.
"""

import os
import platform
import re
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tools import paths, processes
from tools.console import StepError, step

# The release whose packages of fonts and JavaScript libraries fit Odoo (the later Font Awesome 7 breaks its icons),
# and the one that has Odoo itself.
STABLE = "bookworm"
UNSTABLE = "sid"

APT_CONFIG = """\
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "{apt}/lists";
Dir::Cache "{apt}/cache";
Acquire::Languages "none";
Acquire::Retries "3";
// Folders of the user are not open to apt's own user.
APT::Sandbox::User "root";
// What the machine does after an update of its own lists is not wanted here.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""

ODOO_HOME_HINT = (
    "Give the place of an Odoo 19.0 source tree instead: ODOO_HOME=/path/to/odoo make run "
    "(git clone --depth 1 --branch 19.0 of Odoo's repository makes one)."
)
NETWORK_HINT = "Check the network and the machine's apt settings (does `apt-get update` work?), then call again."

_update_lock = threading.Lock()


def fetch(packages, suite):
    """Return the files of `packages` (names) of the suite, downloading those that are not there yet.

    A package that is there is kept, whatever its version: the mirror has only the newest.

    :raises StepError: no Debian mirror, no network, a signature or checksum that is wrong
    """
    paths.PACKAGES.mkdir(parents=True, exist_ok=True)
    missing = [name for name in packages if not _find_package(name)]
    if missing:
        _update_lists()
        _download(missing, suite)
    return [_find_package(name) for name in packages]


def unpack(package, folder, excludes=()):
    """Unpack the files of `package` into `folder`, without those that match `excludes` (patterns of tar)."""
    folder.mkdir(parents=True, exist_ok=True)
    with processes.child(
        ["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE
    ) as reader:
        exclude = [f"--exclude={pattern}" for pattern in excludes]
        processes.run(
            ["tar", "-x", "--no-same-owner", "-C", folder, *exclude],
            f"{package.name} could not be unpacked.",
            f"Is the disk full? Otherwise remove {package} and call again.",
            log="unpack.log",
            stdin=reader.stdout,
        )
        reader.stdout.close()
        if reader.wait():
            raise StepError(
                f"{package.name} is damaged.", f"Remove {package} and call again."
            )


def install_for_system(package, program, purpose):
    """Install `package` into the system when we are root; it brings `program`, which is needed for `purpose`.

    :return: None, or a sentence for the user that says what is missing
    """
    hint = (
        f"{purpose}: {program} is missing. Install it: sudo apt-get install {package}"
    )
    if os.geteuid() != 0:
        return hint
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"{program}, into the system ({purpose})"):
        try:
            for command in (
                ["update"],
                ["install", "-y", "--no-install-recommends", package],
            ):
                processes.run(
                    ["apt-get", "-q", *command],
                    f"apt-get {command[0]} failed.",
                    log=f"{package}.log",
                    env=environment,
                )
        except StepError as error:
            return f"{hint}\n{error.what}"
    return None


def _find_package(name):
    return next(iter(sorted(paths.PACKAGES.glob(f"{name}_*.deb"))), None)


def _update_lists():
    """Make the private configuration and fetch the lists, once in a process."""
    with _update_lock:
        config = paths.APT / "apt.conf"
        if getattr(_update_lists, "done", False):
            return
        with step("Debian: lists of packages"):
            for folder in (
                paths.APT / "lists" / "partial",
                paths.APT / "cache" / "archives" / "partial",
            ):
                folder.mkdir(parents=True, exist_ok=True)
            config.write_text(APT_CONFIG.format(apt=paths.APT), encoding="utf-8")
            (paths.APT / "sources.list").write_text(_find_sources(), encoding="utf-8")
            processes.run(
                ["apt-get", "-c", config, "-q", "update", "--error-on=any"],
                "The lists of Debian's packages could not be fetched.",
                f"{NETWORK_HINT} Or: {ODOO_HOME_HINT}",
                log="apt-update.log",
            )
        _update_lists.done = True


def _find_sources():
    """Return the lines of a sources list: the machine's mirror with the two suites."""
    mirror = _find_mirror()
    if not mirror:
        raise StepError(
            "Odoo comes as a package of Debian, and this machine's apt settings name no mirror of Debian.",
            ODOO_HOME_HINT,
        )
    uri, entry = mirror
    keyring = _find_keyring(entry)
    options = f"[signed-by={keyring}] " if keyring else ""
    return "".join(f"deb {options}{uri} {suite} main\n" for suite in (STABLE, UNSTABLE))


def _find_mirror():
    """Return the address of the machine's Debian mirror and the file that names it, or None."""
    targets = _read_targets([])
    if not targets:
        # Nobody has called `apt-get update` yet (a fresh container). Do it in folders of our own, as any user may.
        with tempfile.TemporaryDirectory() as folder:
            lists = Path(folder) / "lists"
            (lists / "partial").mkdir(parents=True)
            config = Path(folder) / "apt.conf"
            config.write_text(
                f'Dir::State::lists "{lists}";\nDir::Cache "{folder}/cache";\nAPT::Sandbox::User "root";\n'
                "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n",
                encoding="utf-8",
            )
            (Path(folder) / "cache" / "archives" / "partial").mkdir(parents=True)
            processes.read(["apt-get", "-c", config, "-q", "update"])
            targets = _read_targets(["-c", config])
    return targets[0] if targets else None


def _read_targets(options):
    listing = processes.read(
        [
            "apt-get",
            *options,
            "indextargets",
            "--format",
            "$(REPO_URI) $(SOURCESENTRY)",
            "Created-By: Packages",
            "Origin: Debian",
            "Label: Debian",
            "Component: main",
        ]
    )
    return [
        tuple(line.split(maxsplit=1))
        for line in (listing or "").splitlines()
        if " " in line
    ]


def _find_keyring(entry):
    """Return the keyring that the machine's apt settings name for the mirror, None for apt's own trusted keys.

    :param entry: place of the mirror in the settings, as ``file:number``
    """
    path = Path(entry.rpartition(":")[0] or entry)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"(?im)^signed-by:\s*(/\S+)|[\[\s]signed-by=(/[^\s\]]+)", text)
    return found and (found[1] or found[2])


def _download(packages, suite):
    folder = paths.PACKAGES / "partial"
    folder.mkdir(exist_ok=True)
    apt = ["apt-get", "-c", paths.APT / "apt.conf", "-q"]
    names = [f"{package}/{suite}" for package in packages]
    listing = (
        processes.read([*apt, "download", "--print-uris", *names], cwd=folder) or ""
    )
    total = sum(
        int(size)
        for size in re.findall(r"^'\S+' \S+ (\d+) ", listing, flags=re.MULTILINE)
    )
    title = f"Debian: {packages[0]}" + (
        f" and {len(packages) - 1} more" if len(packages) > 1 else ""
    )
    with step(f"{title}, {total / 1e6:.0f} MB") as current:
        ended = threading.Event()
        watch = threading.Thread(
            target=_watch_size, args=(folder, total, current, ended), daemon=True
        )
        watch.start()
        try:
            processes.run(
                [*apt, "download", *names],
                f"{', '.join(packages)} could not be downloaded from Debian's mirror.",
                NETWORK_HINT,
                log=f"download-{packages[0]}.log",
                cwd=folder,
            )
        finally:
            ended.set()
            watch.join()
    for name in packages:
        # Only now, with its checksum verified, the package gets the place where it is looked for.
        for file in folder.glob(f"{name}_*.deb"):
            file.rename(paths.PACKAGES / file.name)


def _watch_size(folder, total, current, ended):
    while not ended.wait(0.5):
        size = sum(file.stat().st_size for file in folder.iterdir())
        rate = (
            size
            / max(current.seconds, time.get_clock_info("monotonic").resolution)
            / 1e6
        )
        current.update(f"{min(100, 100 * size // max(total, 1))} %, {rate:.0f} MB/s")


def check_machine():
    """Check that the tools can work here at all.

    :raises StepError: not Linux on x86-64
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise StepError(
            f"This works on Linux on x86-64, not on {platform.system()} on {platform.machine()}.",
            "Use Docker there: docker compose up",
        )
