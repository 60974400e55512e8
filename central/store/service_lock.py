"""One service at a time over one PostgreSQL database: an advisory lock that lives as long as its connection.

Whoever dies loses it at once. Whoever loses power or network loses it after ``GONE_S``, when the server gives up on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from central.store.base import StoreError
from central.store.records_database import CONNECT_S, url_of

KEY: Final = 0x5348_454C_5445_5231
"""Any number that nobody else takes; it spells SHELTER1."""
GONE_S: Final = 25
"""How long the server waits for a machine that went dark: 10 s of silence, then three questions 5 s apart."""
ANSWER_MS: Final = 5_000
_OPTIONS: Final = (
    f"-c statement_timeout={ANSWER_MS} -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
_TRY: Final = sa.text("SELECT pg_try_advisory_lock(:key)")
_STILL: Final = sa.text("SELECT 1")
_HOLDER: Final = sa.text(
    """SELECT a.application_name, a.backend_start AT TIME ZONE 'Asia/Tokyo'
       FROM pg_locks l JOIN pg_stat_activity a USING (pid)
       WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND (l.classid::bigint << 32) | l.objid::bigint = :key"""
)
T = TypeVar("T")


class ServiceLock:
    """The lock, wanted or held. ``who`` stands in the server's list of connections, for others to read.

    Raises:
        StoreError: no such kind of database, or its driver is not installed.
    """

    def __init__(self, url: str | Path, who: str) -> None:
        self._url = url_of(url)
        self.name = self._url.render_as_string(hide_password=True)
        """The database, without its password."""
        self._thread = ThreadPoolExecutor(1, "lock")
        connect = {"connect_timeout": CONNECT_S, "application_name": who[:63], "options": _OPTIONS}
        try:
            self._engine: Engine = sa.create_engine(
                self._url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", connect_args=connect
            )
        except (ImportError, sa.exc.ArgumentError) as error:
            raise StoreError(f"{self.name}: {error} (PostgreSQL wants the package psycopg[binary])") from error
        self._connection: Connection | None = None

    async def take(self) -> str:
        """Take it, or see that it is still ours: empty, or who has it.

        Raises:
            StoreError: the server does not answer; if it was ours, it may be another's now.
        """
        return await self._run(self._take)

    async def close(self) -> None:
        """Let go of it."""
        await self._run(self._drop)
        self._thread.shutdown(wait=False)

    async def _run(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    def _take(self) -> str:
        try:
            if self._connection is not None:
                self._connection.execute(_STILL)
                return ""
            connection = self._engine.connect()
            try:
                if connection.execute(_TRY, {"key": KEY}).scalar():
                    self._connection = connection
                    return ""
                return self._holder(connection)
            finally:
                if self._connection is None:
                    connection.close()
        except sa.exc.SQLAlchemyError as error:
            self._drop()
            why = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise StoreError(
                f"{self.name}: {why} (does the server run, and may this user use the database?)"
            ) from error

    def _holder(self, connection: Connection) -> str:
        found = connection.execute(_HOLDER, {"key": KEY}).first()
        return f"{found[0]}, since {found[1]:%Y-%m-%d %H:%M:%S} JST" if found else "one that is just leaving"

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
