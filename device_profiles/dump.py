"""Recorded registers: reading the file, and decoding it as a device would be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.points import POINTS
from contract.readings import Quality
from device_profiles.codec import decode_text, readings
from device_profiles.discover import discover
from device_profiles.image import run
from device_profiles.load import Profile
from device_profiles.model import Image, Table


@dataclass(frozen=True, slots=True)
class DecodedPoint:
    """One value of a dump."""

    value: float | None
    unit: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a dump says."""

    points: dict[str, DecodedPoint]
    not_in_dump: tuple[str, ...]
    identity: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The form for machines."""
        points = {
            name: {"value": each.value, "unit": each.unit, "quality": each.quality.value}
            for name, each in self.points.items()
        }
        return {"points": points, "not_in_dump": list(self.not_in_dump), "identity": self.identity}


def read_dump(path: Path) -> Image:
    """The registers of a dump file. Raises ``ValueError`` that says what is wrong with it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError("want an object with holding, input, coil or discrete: address → word")
    image: dict[tuple[Table, int], int] = {}
    for table in Table:
        registers = raw.get(table.value, {})
        if not isinstance(registers, dict):
            raise ValueError(f"{table.value}: want an object: address → word")
        for address, word in registers.items():
            image[table, _whole(address, table)] = _whole(word, table)
    return image


def _whole(value: object, table: Table) -> int:
    if isinstance(value, str | int):
        try:
            number = int(value)
        except ValueError:
            number = -1
        if 0 <= number <= 0xFFFF:
            return number
    raise ValueError(f"{table.value}: {value!r} is no register number or word (0..65535)")


def decode_dump(profile: Profile, image: Image) -> Decoded:
    """Discover the device in a dump and decode what is there. Raises ``DiscoveryError``."""
    device_map = run(discover(profile), image)
    found = readings(device_map.fields, image, device_map.sums)
    points = {r.point: DecodedPoint(r.value, POINTS[r.point].unit, r.quality) for r in found}
    wanted = [*(f.point for f in device_map.fields), *(s.point for s in device_map.sums)]
    texts = {each.point: text for each in device_map.identity if (text := decode_text(each, image)) is not None}
    return Decoded(points, tuple(point for point in wanted if point not in points), texts)
