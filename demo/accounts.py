"""People of the demonstration: made anew with random passwords at each start, so that nobody's password is known."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from central.core.access import Role
from central.doorkeeper import Doorkeeper
from central.host import make_folder
from central.people import People
from central.settings import load
from central.store.records import Records

BY: Final = "shelter-demo"
PEOPLE: Final = (
    ("operator1", "実演の担当 1 (synthetic)", Role.OPERATOR),
    ("operator2", "実演の担当 2 (synthetic)", Role.OPERATOR),
    ("viewer", "実演の閲覧者 (synthetic)", Role.VIEWER),
    ("admin", "実演の管理者 (synthetic)", Role.ADMIN),
)
"""Two operators, since the whole city wants two persons."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What somebody signs in with."""

    login: str
    password: str


def new_password() -> str:
    """Easily read and typed; random enough for a house on loopback."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


async def make_people(central_folder: Path, file: Path) -> Sequence[Pass]:
    """Make everybody in the records of a city that does not run yet, and leave the passwords in a file of 0600."""
    settings = load(None, {}, {}, data=central_folder)
    make_folder(settings)
    records = await Records.open(settings.records_address)
    try:
        door = Doorkeeper(records.accounts, key=b"", token="", now=lambda: time.time_ns() // 1_000_000)
        people = People(door)
        known = {one.login for one in await records.accounts.accounts()}
        passes = [Pass(login, new_password()) for login, _, _ in PEOPLE if login not in known]
        for one, (login, name, role) in zip(passes, PEOPLE, strict=True) if passes else ():
            await people.add(login, name, role, frozenset(), by=BY, password=one.password)
    finally:
        await records.close()
    if passes:
        _leave(passes, file)
    return passes


def _leave(passes: Sequence[Pass], file: Path) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump([asdict(one) for one in passes], out)


def read_people(file: Path) -> list[Pass]:
    """What ``make_people`` left."""
    return [Pass(**one) for one in json.loads(file.read_text(encoding="utf-8"))]
