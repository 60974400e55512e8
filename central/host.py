"""What the service takes of its machine when it starts: the data folder for itself, the HTTP port, memory."""

from __future__ import annotations

import fcntl
import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from central.settings import Settings


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


@contextmanager
def only_one_in(settings: Settings) -> Iterator[None]:
    """Two services over one folder would each keep a ledger of their own."""
    try:
        lock = (settings.data / "central.lock").open("w")
    except OSError as error:
        raise StartError(_no_folder(settings, error)) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"{settings.data}: another shelter-central runs with this folder; stop it first") from None
        yield


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
