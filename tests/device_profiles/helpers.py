"""Small makers of images and fields for these tests."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from contract.readings import Reading
from device_profiles.codec import readings
from device_profiles.discover import discover
from device_profiles.image import run
from device_profiles.load import load
from device_profiles.model import Block, DeviceMap, Field, Image, Table, ValueType

Words = dict[tuple[Table, int], int]


def image_of(start: int, words: Iterable[int], table: Table = Table.HOLDING) -> Words:
    """Words from an address on."""
    return {(table, start + n): word for n, word in enumerate(words)}


def field(point: str = "battery.power_w", address: int = 0, kind: ValueType = ValueType.U16, **rest: Any) -> Field:
    """A holding-register field with everything else at its default."""
    return Field(**{"point": point, "table": Table.HOLDING, "address": address, "type": kind, **rest})


def decoded(profile_id: str, image: Image) -> dict[str, Reading]:
    """What a device with these registers says, as the edge would learn it."""
    device_map = run(discover(load(profile_id)), image)
    return {reading.point: reading for reading in readings(device_map.fields, image, device_map.sums)}


def step_of(each: Field, image: Image) -> float:
    """Smallest difference that a field's registers can hold, in its unit."""
    if each.type in {ValueType.F32, ValueType.F64}:
        return 0.0
    step = abs(each.scale)
    if each.scale_factor_address is not None:
        word = image[each.table, each.scale_factor_address]
        step *= 10.0 ** (word - 0x1_0000 if word > 0x7FFF else word)
    return step


def ask_all(discovery: Generator[Block, tuple[int, ...] | None, DeviceMap], image: Image) -> tuple[list[Block], Any]:
    """Drive a discovery and keep what it asked. The fake is strict: an address nobody seeded is refused."""
    asked: list[Block] = []
    try:
        block = next(discovery)
        while True:
            asked.append(block)
            words = tuple(image.get((block.table, at), -1) for at in range(block.start, block.end))
            block = discovery.send(None if -1 in words else words)
    except StopIteration as end:
        return asked, end.value


def by_point(fields: Iterable[Field]) -> Mapping[str, Field]:
    """Fields by their points."""
    return {each.point: each for each in fields}
