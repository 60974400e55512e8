"""Dumps of a PostgreSQL database by the server's own programs: they know every version's way to be consistent."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from central.store.base import StoreError
from central.store.records_database import engine_of, url_of

DUMP: Final = "records.pgdump"
"""Its name in a backup (pg_dump's custom format)."""
TIMEOUT_S: Final = 3_600


def dump_postgres(url: str | Path, out: Path) -> None:
    """Write a dump as of one moment, while others write.

    Raises:
        StoreError: pg_dump is missing, too old, or says no.
    """
    _run(url_of(url), "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(out))


def load_postgres(url: str | Path, dump: Path) -> None:
    """Put a dump into an empty database, whole or not at all.

    Raises:
        StoreError: there are tables already, or pg_restore says no.
    """
    address = url_of(url)
    engine = engine_of(address)
    try:
        tables = sa.inspect(engine).get_table_names()
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"{address.render_as_string(hide_password=True)}: {error}") from error
    finally:
        engine.dispose()
    if tables:
        raise StoreError(f"{address.render_as_string(hide_password=True)}: not empty: make a new database (createdb)")
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run(address, "pg_restore", *options, "--dbname", address.database or "", str(dump), names_database=True)


def _run(url: URL, name: str, *arguments: str, names_database: bool = False) -> None:
    program = shutil.which(name) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))[-1:]), None)
    if program is None:
        raise StoreError(f"{name} is not installed: apt install postgresql-client")
    # Addresses and the password travel in the environment: a command line is seen by everybody on the machine.
    said = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    said |= {} if names_database else {"PGDATABASE": url.database}
    environment = os.environ | {key: str(value) for key, value in said.items() if value is not None}
    try:
        done = subprocess.run(  # noqa: S603
            [str(program), *arguments], env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError(f"{name}: {error}") from error
    if done.returncode:
        raise StoreError(f"{name}: {done.stderr.decode(errors='replace').strip()}")
