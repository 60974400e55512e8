"""What one poll of a device reads, and the row that comes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from contract.readings import Quality, Reading
from device_profiles.blocks import plan
from device_profiles.codec import readings
from device_profiles.model import Block, DeviceMap, Field, Group, Image, Sum
from edge_agent.core.refusals import Refusals, needs_of


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """One poll: the requests, and the points of its row in their order."""

    fields: tuple[Field, ...]
    sums: tuple[Sum, ...]
    blocks: tuple[Block, ...]
    guards: Mapping[Block, Field]
    """Blocks that may be asked only while this field of the same poll reads 1."""
    refused: frozenset[str] = frozenset()
    """Points that are in the row but are not asked, because the device has no such register."""


@dataclass(frozen=True, slots=True)
class Plans:
    """The polls of a device: the fast points alone, all points, and what is read once after connecting."""

    fast: ReadPlan
    full: ReadPlan
    once: ReadPlan


def without(device: DeviceMap, left_out: Collection[str]) -> DeviceMap:
    """The map without points (``battery.power_w``) or whole groups (``battery``) that this plant does not have."""
    if not left_out:
        return device

    def stays(point: str) -> bool:
        return point not in left_out and point.partition(".")[0] not in left_out

    return replace(
        device,
        fields=tuple(f for f in device.fields if stays(f.point)),
        sums=tuple(
            replace(s, of=tuple(of for of in s.of if stays(of)), less=tuple(p for p in s.less if stays(p)))
            for s in device.sums
            if stays(s.point) and any(stays(of) for of in s.of)
        ),
    )


def plans_for(device: DeviceMap, refusals: Refusals = Refusals()) -> Plans:  # noqa: B008  (frozen)
    """Plan the polls of a device, around what it refuses."""
    return Plans(
        fast=_plan(device, (Group.FAST,), refusals),
        full=_plan(device, (Group.FAST, Group.SLOW), refusals),
        once=_plan(device, (Group.ONCE,), refusals),
    )


def _plan(device: DeviceMap, groups: Collection[Group], refusals: Refusals) -> ReadPlan:
    fields = tuple(f for f in device.fields if f.group in groups)
    names = {f.point for f in fields}
    by_name = {f.point: f for f in device.fields}
    asked = [f for f in fields if f.point not in refusals.points]
    limits = refusals.limits(device.limits)
    blocks = plan([f for f in asked if f.guard is None], limits)
    guards: dict[Block, Field] = {}
    for name in sorted({f.guard for f in asked if f.guard is not None}):
        guarded = plan([f for f in asked if f.guard == name], limits)
        blocks += guarded
        if name in by_name:
            guards |= dict.fromkeys(guarded, by_name[name])
    return ReadPlan(
        fields=fields,
        sums=tuple(s for s in device.sums if names.issuperset((*s.of, *s.less))),
        blocks=blocks,
        guards=guards,
        refused=frozenset(f.point for f in fields if f.point in refusals.points),
    )


def points_of(read_plan: ReadPlan) -> tuple[str, ...]:
    """The points of a plan's row."""
    return (*(f.point for f in read_plan.fields), *(s.point for s in read_plan.sums))


def row(read_plan: ReadPlan, image: Image, failed: Mapping[Block, Quality]) -> tuple[Reading, ...]:
    """The readings of a poll, one for every point of the plan; a point that was not read says why.

    A sum leaves out what the device refuses: an inverter without a third string has no third string's power.
    """
    if not failed and not read_plan.refused:
        return readings(read_plan.fields, image, read_plan.sums)
    why = {(block.table, at): quality for block, quality in failed.items() for at in range(block.start, block.end)}
    found: dict[str, Reading] = {}
    present: list[Field] = []
    for f in read_plan.fields:
        if f.point in read_plan.refused:
            found[f.point] = Reading(f.point, None, Quality.ILLEGAL_ADDRESS)
        elif missing := [need for need in needs_of(f) if need not in image]:
            found[f.point] = Reading(f.point, None, why.get(missing[0], Quality.TIMEOUT))
        else:
            present.append(f)
    refused = read_plan.refused
    sums = [
        replace(s, of=tuple(p for p in s.of if p not in refused), less=tuple(p for p in s.less if p not in refused))
        for s in read_plan.sums
    ]
    found |= {reading.point: reading for reading in readings(present, image, [s for s in sums if s.of])}
    gone = {s.point: Quality.MISSING_INPUT if s.of else Quality.ILLEGAL_ADDRESS for s in sums}
    return tuple(found.get(point) or Reading(point, None, gone[point]) for point in points_of(read_plan))


def rows_apart(readings: Sequence[Reading], fast: ReadPlan) -> tuple[tuple[Reading, ...], ...]:
    """The readings of a poll as a row of fast points and, when it read more, a row of the others.

    So a device has one shape of row for its fast points, be the poll fast or full: what names them travels once, and
    the store keeps each point in one place.
    """
    names = frozenset(points_of(fast))
    rows = (
        tuple(reading for reading in readings if reading.point in names),
        tuple(reading for reading in readings if reading.point not in names),
    )
    return tuple(row for row in rows if row)


def dark_row(read_plan: ReadPlan, quality: Quality) -> tuple[Reading, ...]:
    """The readings of a poll that nobody answered: every point with the same reason."""
    return tuple(Reading(point, None, quality) for point in points_of(read_plan))
