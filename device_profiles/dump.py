"""Recorded registers: reading the file, and decoding it as a device would be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contract.points import POINTS
from contract.readings import Quality
from device_profiles.codec import decode, decode_text, readings
from device_profiles.controls import by_name, faults_in, in_force
from device_profiles.discover import discover, discover_static, joined
from device_profiles.image import run, words_of
from device_profiles.load import Profile
from device_profiles.model import Block, DeviceMap, FaultText, Image, Table
from device_profiles.signs import block_of, in_words
from device_profiles.sunspec import MODELS_MAX
from device_profiles.sunspec_map import Met, map_chain
from device_profiles.sunspec_models import END, HEADER, MARKER, model


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
    counted_from: int = 0
    """1 when the dump numbers registers as makers' documents do: its number 5000 is address 4999."""
    in_force: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Controls that the registers say are on, with their arguments."""
    faults: tuple[FaultText, ...] = ()
    """Faults that the device tells, in words."""

    def as_json(self) -> dict[str, Any]:
        """The form for machines."""
        points = {
            name: {"value": each.value, "unit": each.unit, "quality": each.quality.value}
            for name, each in self.points.items()
        }
        return {
            "points": points,
            "not_in_dump": list(self.not_in_dump),
            "identity": self.identity,
            "counted_from": self.counted_from,
            "in_force": {name: dict(given) for name, given in self.in_force.items()},
            "faults": [asdict(each) for each in self.faults],
        }


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


def models_in(image: Image) -> tuple[Met, ...]:
    """SunSpec models in a dump that lacks the start of the chain, known by number and length together."""
    met: list[Met] = []
    free_from = 0
    for table, address in sorted(image):
        if table is not Table.HOLDING or address < free_from:
            continue
        length = image.get((table, address + 1), 0)
        if _is_header(image[table, address], length):
            met.append(Met(image[table, address], address, length))
            free_from = address + HEADER + length
    return tuple(met)


def _is_header(model_id: int, length: int) -> bool:
    """Whether this is the model's own length. Models of a few registers are too easily met by chance."""
    found = model(model_id) if model_id >= 100 and length >= 20 else None
    if found is None:
        return False
    more = HEADER + length - found.size
    return more == 0 or any(more > 0 and more % group.size == 0 for group in found.groups.values())


def _whole(value: object, table: Table) -> int:
    if isinstance(value, str | int):
        try:
            number = int(value)
        except ValueError:
            number = -1
        if 0 <= number <= 0xFFFF:
            return number
    raise ValueError(f"{table.value}: {value!r} is no register number or word (0..65535)")


def _map_of(profile: Profile, image: Image) -> DeviceMap:
    if profile.sunspec is None:
        return run(discover(profile), image)
    static = run(discover_static(profile), image)
    # A log shows the models that somebody asked for, not always what stands before and between them.
    walked, cut_at = _walk(profile.sunspec.bases, image)
    beyond = tuple(each for each in models_in(image) if cut_at is not None and each.address >= cut_at)
    met = walked + beyond
    found = map_chain(profile, met, dict(image)) if met else None
    if found is not None and found.fields:
        return joined(profile, found, static)
    # Somebody asked for the maker's own registers alone.
    has_own = any(decode(each, image) is not None for each in static.fields)
    return static if has_own else run(discover(profile), image)


def _walk(bases: Iterable[int], image: Image) -> tuple[tuple[Met, ...], int | None]:
    """The models of the chain, and where the dump breaks it off (None: it does not)."""
    base = next((base for base in bases if words_of(Block(Table.HOLDING, base, len(MARKER)), image) == MARKER), None)
    if base is None:
        return (), 0
    met: list[Met] = []
    at = base + len(MARKER)
    while len(met) < MODELS_MAX:
        header = words_of(Block(Table.HOLDING, at, HEADER), image)
        if header is None:
            return tuple(met), at
        if header[0] == END or header[1] == 0:
            break
        met.append(Met(header[0], at, header[1]))
        at += HEADER + header[1]
    return tuple(met), None


def decode_dump(profile: Profile, image: Image) -> Decoded:
    """Discover the device in a dump and decode what is there. Raises ``DiscoveryError``."""
    if profile.one_register_space:
        image = _as_one_space(image)
    first = _counted_from(profile, image)
    if first:
        image = {(table, address - first): word for (table, address), word in image.items() if address >= first}
    device_map = _map_of(profile, image)
    found = readings(device_map.fields, image, device_map.sums)
    points = {r.point: DecodedPoint(r.value, POINTS[r.point].unit, r.quality) for r in found}
    wanted = [*(f.point for f in device_map.fields), *(s.point for s in device_map.sums)]
    texts = {each.point: text for each in device_map.identity if (text := decode_text(each, image)) is not None}
    registers = by_name(device_map.registers)
    orders = {each.kind: in_force(each, registers, image) for each in device_map.controls}
    return Decoded(
        points,
        tuple(point for point in wanted if point not in points),
        texts,
        first,
        {name: given for name, given in orders.items() if given is not None},
        faults_in(device_map.faults, {name: each.value for name, each in points.items()}),
    )


def _as_one_space(image: Image) -> Image:
    """The registers of a device that answers functions 3 and 4 alike, whichever its recorder happened to use."""
    same = {Table.HOLDING: Table.INPUT, Table.INPUT: Table.HOLDING}
    return {(same[table], at): word for (table, at), word in image.items() if table in same} | dict(image)


def _counted_from(profile: Profile, image: Image) -> int:
    """Whether a dump counts registers from 0 or from 1: it is 1 when only then all signs of the family are in place."""
    signs = [sign for sign in profile.detect if sign.address is not None]

    def hold(first: int) -> bool:
        return all(in_words(sign, words_of(block_of(sign, first), image)).holds for sign in signs)

    return 1 if signs and not hold(0) and hold(1) else 0
