"""A real PostgreSQL of its own on a free loopback port; tests that want it are skipped by name where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support import free_port

USER = "shelter"
PASSWORD = "geheim für Prüfungen"


def pg_program(name: str) -> str | None:
    """Path of one of the server's programs; Debian keeps them in a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    port: int

    def make_database(self, name: str) -> str:
        """An empty database; its address as records_url takes it."""
        with psycopg.connect(self._told("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0".encode())
        return f"postgresql+psycopg://{USER}:geheim%20f%C3%BCr%20Pr%C3%BCfungen@127.0.0.1:{self.port}/{name}"

    def ask(self, database: str, question: str) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with psycopg.connect(self._told(database)) as db:
            return db.execute(question.encode()).fetchall()

    def _told(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, connect_timeout=10
        )


def _owner() -> dict[str, int]:
    """PostgreSQL does not run as root: then it runs as nobody."""
    import pwd

    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server for the length of a block, in a folder of its own: pytest's are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="shelter-pg-") as made:
        folder = Path(made)
        yield from _serve(folder)


def _serve(folder: Path) -> Iterator[Postgres]:
    initdb, postgres, ready = (pg_program(name) for name in ("initdb", "postgres", "pg_isready"))
    assert initdb
    assert postgres
    assert ready
    owner, data, port = _owner(), folder / "data", free_port()
    secret, log = folder / "password", folder / "postgres.log"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    if owner:
        for path in (folder, secret):
            os.chown(path, owner["user"], owner["group"])
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    made = subprocess.run(
        [
            initdb,
            "-D",
            str(data),
            "-U",
            USER,
            "--pwfile",
            str(secret),
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--no-sync",
        ],
        capture_output=True,
        timeout=120,
        check=False,
        env=environment,
        cwd=folder,
        **owner,  # type: ignore[call-overload]
    )
    assert made.returncode == 0, made.stderr.decode()
    quick = ("fsync=off", "shared_buffers=16MB", "max_connections=20", "unix_socket_directories=")
    options = [word for one in (*quick, "listen_addresses=127.0.0.1") for word in ("-c", one)]
    with log.open("wb") as said:
        server = subprocess.Popen(  # type: ignore[call-overload]
            [postgres, "-D", str(data), "-p", str(port), *options],
            stdout=said,
            stderr=said,
            env=environment,
            cwd=folder,
            **owner,
        )
    try:
        waiting = [ready, "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        deadline = time.monotonic() + 60
        while subprocess.run(waiting, capture_output=True, timeout=10, check=False).returncode:
            assert server.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, "postgres does not listen"
            time.sleep(0.05)
        yield Postgres(port)
    finally:
        server.terminate()
        server.wait(timeout=30)
