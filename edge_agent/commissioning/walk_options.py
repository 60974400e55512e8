"""What was said on the command line of ``shelter-edge commission``: an answer that is given is not asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.commissioning.draft import Place, Step, TakenDevice, Way
from edge_agent.commissioning.found import ScanWish

_TAKE: Final = re.compile(r"(?P<name>[a-z][a-z0-9_-]{0,31})=(?P<profile>[^@]+)@(?P<place>.+)/(?P<unit>\d{1,3})")
_PORT: Final = re.compile(r"(?P<host>.+):(?P<port>\d{1,5})")
PORT_DEFAULT: Final = 502
LOAD_W_DEFAULT: Final = 2_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Answers that were given beforehand. None and empty: not said."""

    wish: ScanWish = ScanWish(targets=())  # noqa: RUF009  (frozen)
    take: tuple[TakenDevice, ...] = ()
    bundle: Path | None = None
    """What the city made for this shelter."""
    outbox: str | None = None
    site: str | None = None
    name: str | None = None
    technician: str | None = None
    company: str | None = None
    mqtt_host: str | None = None
    mqtt_port: int | None = None
    mqtt_username: str | None = None
    mqtt_password_file: str | None = None
    mqtt_ca_file: str | None = None
    load_w: float | None = None
    """0: leave the test out."""
    load_after_s: float | None = None
    """Do not wait for Enter, go on after so long."""
    load_phase: str = ""
    controls: tuple[str, ...] | None = None
    """Kinds to test; None: the one that proves the battery; empty: none."""
    is_every_control: bool = False
    has_tiers: bool = False
    has_backup: bool = False
    remarks: str | None = None
    photos: tuple[Path, ...] = ()
    redo: tuple[Step, ...] = ()
    is_asking: bool = True
    """Whether a person can be asked."""
    says_yes: bool = False
    """Take what is offered without asking."""


def taken_of(text: str) -> TakenDevice | None:
    """A device as ``--take`` names it, ``NAME=PROFILE@PLACE/UNIT``; None when it is not written like that."""
    found = _TAKE.fullmatch(text)
    if found is None or int(found["unit"]) > 255:
        return None
    place = place_of_text(found["place"])
    if place is None:
        return None
    return TakenDevice(id=found["name"], profile=found["profile"], place=place, unit=int(found["unit"]))


def place_of_text(text: str, *, baudrate: int = 9_600, parity: str = "N") -> Place | None:
    """A place as people write it: ``HOST``, ``HOST:PORT`` or ``/dev/…``."""
    if text.startswith("/"):
        return Place(way=Way.RTU, host=text, baudrate=baudrate, parity=parity)
    found = _PORT.fullmatch(text)
    host, port = (found["host"], int(found["port"])) if found else (text, PORT_DEFAULT)
    if not host or not 1 <= port <= 65_535 or any(c.isspace() or c in "/@=" for c in host):
        return None
    return Place(way=Way.TCP, host=host, port=port)


def targets_of_text(text: str) -> tuple[str, ...]:
    """Targets as they were typed, with spaces or commas between them."""
    return tuple(part for part in re.split(r"[\s,、]+", text) if part)


def steps_of(names: Sequence[str]) -> tuple[Step, ...] | str:
    """Steps by their names (``all``: every one); the first name that is none."""
    found: list[Step] = []
    for name in names:
        if name == "all":
            return tuple(Step)
        try:
            found.append(Step(name))
        except ValueError:
            return name
    return tuple(found)
