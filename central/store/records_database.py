"""Opening the database of the records: its address, its engine, its migrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from central.store.base import StoreError
from central.store.records_tables import HEAD

BUSY_MS: Final = 10_000
CONNECT_S: Final = 10
STATEMENT_MS: Final = 30_000


def url_of(url: str | Path) -> URL:
    """A path, or a URL in SQLAlchemy's form.

    Raises:
        StoreError: it is neither.
    """
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(url))
    try:
        return make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(f"not a database URL: {error} (try sqlite:///records.sqlite)") from error


def file_of(url: str | Path) -> Path | None:
    """The file of records in SQLite; None for a server. Raises StoreError."""
    parsed = url_of(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def engine_of(url: URL) -> Engine:
    """An engine with one connection; SQLite in WAL, durable at each commit.

    Raises:
        ImportError: the database's driver is not installed.
    """
    if url.get_backend_name() != "sqlite":
        # psycopg waits for ever unless told otherwise.
        limits = {"connect_timeout": CONNECT_S, "options": f"-c statement_timeout={STATEMENT_MS}"}
        arguments = limits if "psycopg" in url.get_driver_name() else {}
        return sa.create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=arguments)
    engine = sa.create_engine(url, pool_size=1, max_overflow=0)

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # Transactions begin below, tables included.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", f"busy_timeout = {BUSY_MS}"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def migrate(db: Connection) -> None:
    """Bring the tables up to ``HEAD`` inside the transaction that is open.

    Raises:
        StoreError: a newer version of this program wrote them.
    """
    if sa.inspect(db).has_table("alembic_version"):
        revision = db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if revision == HEAD:
            return
    from alembic import command, util  # Only a new or an old database needs it.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = db
    try:
        command.upgrade(config, "head")
    except util.CommandError as error:
        name = db.engine.url.render_as_string(hide_password=True)
        raise StoreError(f"{name}: {error} (a newer version wrote it: update this program)") from error
