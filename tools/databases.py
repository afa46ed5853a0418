"""Databases of Odoo, each with its folder of files: made under another name, finished, then given their own.

A comment on the database says what it was made from. One without it is not ours, and is never touched.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import shutil

from tools import paths, postgres

MARK = "sales funnel, made from "

# Changes of these make no difference to what is in a database.
NOT_INSTALLED = ("tests", "static", "__pycache__")


def hash_addons():
    """Return a text that changes when what the addons put into a database may change."""
    digest = hashlib.sha256()
    for path in sorted(paths.ADDONS.rglob("*")):
        place = path.relative_to(paths.ADDONS)
        if path.is_file() and not set(NOT_INSTALLED) & set(place.parts):
            digest.update(f"{place}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def find_origin(odoo, database):
    """Return what `database` was made from, an empty text when it is not ours, None when there is none."""
    rows = postgres.query(
        odoo.connection,
        "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database "
        f"WHERE datname = '{database}'",
    )
    if not rows:
        return None
    return rows[0].removeprefix(MARK) if rows[0].startswith(MARK) else ""


def mark(odoo, database, origin):
    """Write down what `database` was made from."""
    postgres.query(
        odoo.connection, f"COMMENT ON DATABASE \"{database}\" IS '{MARK}{origin}'"
    )


def find_ours(odoo):
    """Return the names of the databases that this project made, oldest first."""
    return postgres.query(
        odoo.connection,
        "SELECT datname FROM pg_database "
        f"WHERE shobj_description(oid, 'pg_database') LIKE '{MARK}%' ORDER BY oid",
    )


def drop(odoo, database):
    """Remove `database` and its files, whether they are there or not."""
    postgres.query(
        odoo.connection, f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'
    )
    shutil.rmtree(_find_files(odoo, database), ignore_errors=True)


def rename(odoo, database, name):
    """Give `database` and its files another name."""
    shutil.rmtree(_find_files(odoo, name), ignore_errors=True)
    if _find_files(odoo, database).is_dir():
        _find_files(odoo, database).rename(_find_files(odoo, name))
    postgres.query(odoo.connection, f'ALTER DATABASE "{database}" RENAME TO "{name}"')


def copy(odoo, database, name, origin):
    """Make a copy of `database` and its files, marked as made from `origin`."""
    drop(odoo, name)
    postgres.query(odoo.connection, f'CREATE DATABASE "{name}" TEMPLATE "{database}"')
    mark(odoo, name, origin)
    _copy_files(odoo, database, name)


def bring(odoo, database, name, there):
    """Make a copy of `database` and its files on another server, where it replaces `name`.

    :param there: the connection to that server
    """
    other = dataclasses.replace(odoo, connection=there)
    drop(other, name)
    postgres.query(there, f'CREATE DATABASE "{name}"')
    # Odoo needs it so for its indexes, and a dump does not tell.
    postgres.query(
        there,
        "CREATE EXTENSION unaccent; ALTER FUNCTION unaccent(text) IMMUTABLE",
        name,
    )
    postgres.pipe(odoo.connection, database, there, name)
    mark(other, name, "a copy")
    _copy_files(odoo, database, name)


def _copy_files(odoo, database, name):
    if _find_files(odoo, database).is_dir():
        # Odoo names a file by its content and never writes into it, so that both may have the same.
        shutil.copytree(
            _find_files(odoo, database), _find_files(odoo, name), copy_function=os.link
        )


@contextlib.contextmanager
def locked(folder):
    """Let one program at a time make databases whose files are in `folder`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "databases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _find_files(odoo, database):
    return odoo.files / "filestore" / database
