"""A recording of a real device, served again: what was recorded is answered, everything else is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device_profiles.dump import decode_dump, read_dump
from device_profiles.load import load, profile_ids
from device_profiles.model import DiscoveryError, Image, Table
from simulator.faults import Fault
from simulator.unit import IllegalAddressError, IllegalFunctionError, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Registers of one unit as they were recorded. It cannot be written."""

    image: Image
    exceptions: Mapping[tuple[Table, int], int] = field(default_factory=dict)
    """Addresses that the device refused, and with which exception code."""
    objects: Mapping[int, str] = field(default_factory=dict)
    """Device identification as it was recorded; empty: refused."""
    unit: int = 1
    profile: str = ""
    recorded_at: str = ""
    counted_from: int = 0
    """What the file calls the first register."""

    @property
    def fault(self) -> Fault | None:
        """A recording behaves."""
        return None

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers as they were recorded. Raises ``Refusal`` as the device did, else with exception 2."""
        keys = [(table, place) for place in range(address, address + count)]
        for key in keys:
            if key in self.exceptions:
                raise Refusal(self.exceptions[key])
        if any(key not in self.image for key in keys):
            raise IllegalAddressError
        return [self.image[key] for key in keys]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:  # noqa: ARG002
        """A recording takes no orders: always exception 1."""
        raise IllegalFunctionError

    def counts(self) -> dict[str, int]:
        """How many registers of each table were recorded."""
        found = dict.fromkeys((table.value for table in Table), 0)
        for table, _ in self.image:
            found[table.value] += 1
        return {table: count for table, count in found.items() if count}


def read_recording(path: Path) -> Recording:
    """A recording from its file. Raises ``ValueError`` that says what is wrong, ``OSError`` when it cannot be read.

    Some programs count registers from 1, as makers' documents do. Where the recording names its profile and the
    family's signs are in place only then, all addresses are taken one lower.
    """
    image = read_dump(path)
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    first = _counted_from(str(raw.get("profile", "")), image)
    image = {(table, address - first): word for (table, address), word in image.items() if address >= first}
    exceptions = {(table, at - first): code for (table, at), code in _exceptions(raw.get("exceptions", {})).items()}
    if not image and not exceptions:
        raise ValueError("no registers in it; want holding, input, coil or discrete: address → word")
    unit = raw.get("unit_id", 1)
    if not isinstance(unit, int) or not 0 <= unit <= 255:
        raise ValueError(f"unit_id: {unit!r} is no unit (0 to 255)")
    return Recording(
        image=image,
        exceptions=exceptions,
        objects=_objects(raw.get("identification") or raw.get("device_id") or {}),
        unit=unit,
        profile=str(raw.get("profile", "")),
        recorded_at=str(raw.get("recorded_at", "")),
        counted_from=first,
    )


def _counted_from(profile_id: str, image: Image) -> int:
    if profile_id not in profile_ids():
        return 0
    try:
        return decode_dump(load(profile_id), image).counted_from
    except DiscoveryError:
        return 0


def _exceptions(raw: object) -> dict[tuple[Table, int], int]:
    if not isinstance(raw, dict):
        raise ValueError("exceptions: want an object: table → address → exception code")
    found: dict[tuple[Table, int], int] = {}
    for name, codes in raw.items():
        if name not in {table.value for table in Table} or not isinstance(codes, dict):
            raise ValueError(f"exceptions: {name}: want holding, input, coil or discrete: address → exception code")
        for address, code in codes.items():
            if not str(address).isdecimal() or not isinstance(code, int) or not 1 <= code <= 255:
                raise ValueError(f"exceptions: {name}: {address}: {code!r} is no exception code (1 to 255)")
            found[Table(name), int(address)] = code
    return found


def _objects(raw: object) -> dict[int, str]:
    if not isinstance(raw, dict):
        return {}
    return {int(number): str(text) for number, text in raw.items() if str(number).isdecimal()}
