"""How commands on the service's machine find it: a file in the data folder that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE: Final = "service.json"
"""Its name in the data folder."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the running service is, and the token that lets its caller change something."""

    url: str
    token: str
    pid: int


def new_token() -> str:
    """A token for the life of one service."""
    return secrets.token_urlsafe(32)


@contextmanager
def told(path: Path, access: Access) -> Iterator[None]:
    """Tell it while the service runs. After a crash the file stays and names a service that does not answer.

    Raises:
        OSError: the file can't be written.
    """
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": access.url, "token": access.token, "pid": access.pid}, file)
    fresh.replace(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def find(path: Path) -> Access | None:
    """What a service told; None when none runs or it can't be read."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Access(url=str(said["url"]), token=str(said["token"]), pid=int(said["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def headers_of(data: Path) -> dict[str, str]:
    """What a request to the running service carries so that it comes from its machine; nothing when none runs."""
    access = find(data / FILE)
    return {"Authorization": f"Bearer {access.token}"} if access else {}
