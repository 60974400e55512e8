"""What the service takes of its machine when it starts: the data folder for itself, the HTTP port, memory."""

from __future__ import annotations

import fcntl
import gc
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from central.settings import Settings
from central.store.base import StoreError
from central.store.records_database import file_of

TOKYO: Final = ZoneInfo("Asia/Tokyo")


class StartError(Exception):
    """The service can't start; the text says why and what to try."""


def make_folder(settings: Settings) -> None:
    """The data folder, if it is not there yet.

    Raises:
        StartError: it can't be made.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(_no_folder(settings, error)) from None


def _no_folder(settings: Settings, error: OSError) -> str:
    return f"data folder {settings.data}: {error.strerror} (may this user write there? name another one: --data)"


class HeldError(StartError):
    """Another service works with these data already."""


@contextmanager
def only_one_in(settings: Settings) -> Iterator[None]:
    """Two services over one folder, or one file of records, would each keep a ledger of their own.

    Raises:
        HeldError: another one runs; the text says which.
        StartError: the folder can't be used.
    """
    with ExitStack() as held:
        held.enter_context(_locked(settings.data / "central.lock", settings.data, "folder"))
        try:
            records = file_of(settings.records_address)
        except StoreError as error:
            raise StartError(str(error)) from None
        if records is not None and records.resolve().parent != settings.data.resolve():
            held.enter_context(_locked(records.with_name(f"{records.name}.lock"), records, "file"))
        yield


@contextmanager
def _locked(path: Path, what: Path, kind: str) -> Iterator[None]:
    try:
        lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="utf-8")
    except OSError as error:
        raise StartError(f"{path}: {error.strerror} (may this user write there?)") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = lock.read(200).strip() or "which does not say who it is"
            raise HeldError(
                f"{what}: another shelter-central runs with this {kind} ({holder}): stop that one first"
            ) from None
        lock.truncate(0)
        lock.write(f"{who()}, since {datetime.now(TOKYO):%Y-%m-%d %H:%M:%S} JST\n")
        lock.flush()
        yield


def who() -> str:
    """This process, for the one that finds it in its way."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The HTTP socket, opened first so that a port in use is told before anything else happens."""
    http = settings.http
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"http.host {http.host!r}: {error}") from None
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            raise StartError(f"http port {http.port} on {http.host}: {error} (choose another: --http-port)") from None
        yield listener


def collect_garbage_seldom() -> None:
    """A batch of readings is some hundred thousand small objects, and none of them is in a cycle.

    At the usual thresholds the collector looks through all of them, and through everything that was ever imported, many
    times a second: an eighth of the intake's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
