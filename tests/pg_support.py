"""A real PostgreSQL of its own on a free loopback port; tests that want it are skipped by name where it is missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support import free_port

USER = "shelter"
PASSWORD = "geheim für Prüfungen"


def pg_program(name: str) -> str | None:
    """Path of one of the server's programs; Debian keeps them in a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


class Postgres:
    """A server in a folder. ``kill`` is a SIGKILL; ``start`` afterwards brings it back with what was committed."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder, self._log = folder, folder / "postgres.log"
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self._server: subprocess.Popen[bytes] | None = None
        self._make()

    def make_database(self, name: str) -> str:
        """An empty database; its address as records_url takes it."""
        with psycopg.connect(self._told("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0".encode())
        return f"postgresql+psycopg://{USER}:geheim%20f%C3%BCr%20Pr%C3%BCfungen@127.0.0.1:{self.port}/{name}"

    def ask(self, database: str, question: str) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with psycopg.connect(self._told(database)) as db:
            return db.execute(question.encode()).fetchall()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        quick = ("fsync=off", "shared_buffers=16MB", "max_connections=20", "unix_socket_directories=")
        options = [word for one in (*quick, "listen_addresses=127.0.0.1") for word in ("-c", one)]
        with self._log.open("ab") as said:
            self._server = subprocess.Popen(  # type: ignore[call-overload]
                [_program("postgres"), "-D", str(self._folder / "data"), "-p", str(self.port), *options],
                stdout=said,
                stderr=said,
                env=self._environment,
                cwd=self._folder,
                **_owner(),
            )
        waiting = [_program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        deadline = time.monotonic() + 60
        while subprocess.run(waiting, capture_output=True, timeout=10, check=False).returncode:
            assert self._server is not None
            assert self._server.poll() is None, self._log.read_text(errors="replace")
            assert time.monotonic() < deadline, "postgres does not listen"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it without waiting for its clients (SIGINT), or as a power cut would (SIGKILL)."""
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(timeout=30)
            self._server = None

    def _make(self) -> None:
        owner, secret = _owner(), self._folder / "password"
        secret.write_text(PASSWORD + "\n", encoding="utf-8")
        if owner:
            for path in (self._folder, secret):
                os.chown(path, owner["user"], owner["group"])
        command = [_program("initdb"), "-D", str(self._folder / "data"), "-U", USER, "--pwfile", str(secret)]
        made = subprocess.run(
            [*command, "-A", "scram-sha-256", "-E", "UTF8", "--no-sync"],
            capture_output=True,
            timeout=120,
            check=False,
            env=self._environment,
            cwd=self._folder,
            **owner,  # type: ignore[call-overload]
        )
        assert made.returncode == 0, made.stderr.decode()

    def _told(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, connect_timeout=10
        )


def _program(name: str) -> str:
    found = pg_program(name)
    assert found, f"{name} is not installed"
    return found


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
    with tempfile.TemporaryDirectory(prefix="shelter-pg-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
