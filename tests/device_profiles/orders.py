"""What a device with given registers says, and what an order writes into it."""

from __future__ import annotations

from collections.abc import Mapping

from contract.readings import Quality
from device_profiles.controls import by_name, in_force, planned, words_to_write
from device_profiles.discover import discover
from device_profiles.image import run, template
from device_profiles.load import load
from device_profiles.model import Control, DeviceMap, Image, Table
from tests.device_profiles.helpers import Words, decoded

Written = list[tuple[int, list[int]]]


def good(profile_id: str, image: Image) -> dict[str, float | None]:
    return {point: r.value for point, r in decoded(profile_id, image).items() if r.quality.is_good}


def missing(profile_id: str, image: Image) -> set[str]:
    return {point for point, r in decoded(profile_id, image).items() if r.quality is Quality.NOT_AVAILABLE}


def control_of(device_map: DeviceMap, kind: str) -> Control:
    return next(each for each in device_map.controls if each.kind == kind)


def ordered(
    profile_id: str, kind: str, given: Mapping[str, float], image: Image | None = None, *, off: bool = False
) -> tuple[Written, Words, DeviceMap]:
    """What an order writes, in its order, into a device (the reference one, or these registers), and what it leaves."""
    after = dict(template(profile_id).image if image is None else image)
    device_map = run(discover(load(profile_id)), after)
    control = control_of(device_map, kind)
    written: Written = []
    for step in planned(control.off if off else control.on, by_name(device_map.registers), given):
        block, words = words_to_write(step.register, step.value, after)
        assert block.table is Table.HOLDING
        after |= {(block.table, block.start + n): word for n, word in enumerate(words)}
        written.append((block.start, list(words)))
    return written, after, device_map


def held(profile_id: str, kind: str, image: Image) -> Mapping[str, float] | None:
    device_map = run(discover(load(profile_id)), image)
    return in_force(control_of(device_map, kind), by_name(device_map.registers), image)
