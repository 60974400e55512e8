"""Learning the map of one device. Sans-IO: the generator yields blocks, and is sent their words."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from device_profiles.load import Profile
from device_profiles.model import Block, Control, DeviceMap, Discovery, Field, Register, Sum, least_sure
from device_profiles.sunspec import walk
from device_profiles.sunspec_map import sums_of

_NOTHING: Final[Mapping[str, Field]] = MappingProxyType({})
_Asking = Generator[Block, "tuple[int, ...] | None", "int | None"]


def discover(profile: Profile) -> Discovery:
    """The map of the device that answers: for SunSpec by walking its models, else by a few probes at most.

    Raises ``DiscoveryError`` when the device is not of this family.
    """
    if profile.sunspec is None:
        return discover_static(profile)
    return _both(profile)


def _both(profile: Profile) -> Discovery:
    walked = yield from walk(profile)
    static = yield from discover_static(profile)
    return joined(profile, walked, static)


def joined(profile: Profile, walked: DeviceMap, static: DeviceMap) -> DeviceMap:
    """A SunSpec device with the maker's own registers beside its models; where both say a thing, the maker's do."""
    own = {each.point for each in static.fields}
    fields = (*(each for each in walked.fields if each.point not in own), *static.fields)
    names = {each.name for each in static.registers}
    registers = (*(each for each in walked.registers if each.name not in names), *static.registers)
    texts = {each.point for each in static.identity}
    return replace(
        walked,
        fields=fields,
        sums=sums_of(profile.sums_wanted, [each.point for each in fields]),
        identity=(*(each for each in walked.identity if each.point not in texts), *static.identity),
        registers=registers,
        controls=controls_of(profile.controls, registers),
        faults=profile.faults,
    )


def discover_static(profile: Profile) -> Discovery:
    """The map of what the file itself places, by a few reads at most."""
    absent: set[str] = set()
    known: dict[Block, int | None] = {}

    def ask(probe: Field) -> _Asking:
        block = Block(probe.table, probe.address, probe.width)
        if block not in known:
            words = yield block
            known[block] = None if words is None else _number(words)
        return known[block]

    for count in profile.counts:
        number = yield from ask(count.probe)
        # 0 and nonsense are no counts: better to read too much than to leave out what is there.
        if number is not None and 1 <= number <= count.count_max:
            absent |= {point for point, n in count.number_of.items() if n > number}
    for variant in profile.variants:
        number = yield from ask(variant.probe)
        if variant.when_refused if number is None else number in variant.equals:
            absent |= variant.dropped
    chosen: dict[str, Field] = {}
    for choice in profile.choices:
        answers = []
        for candidate in choice:
            answers.append((yield from ask(candidate)))
            if answers[-1] is not None and answers[-1] not in candidate.sentinels:
                break
        chosen[choice[0].point] = _best(choice, answers)
    for register in _in_question(profile):
        if (number := (yield from ask(register.field))) is None or number in register.field.sentinels:
            absent.add(register.name)
    return static_map(profile, absent, chosen)


def _in_question(profile: Profile) -> tuple[Register, ...]:
    """Registers on which it depends how a thing is ordered: those of all alternatives but the last."""
    wanted = {
        write.register
        for alternatives in profile.controls
        for control in alternatives[:-1]
        for write in (*control.on, *control.off)
    }
    return tuple(each for each in profile.registers if each.name in wanted and each.is_readable)


def _best(choice: tuple[Field, ...], answers: list[int | None]) -> Field:
    """The place that says something, else the first that answers at all, else the usual one."""
    answered = [each for each, answer in zip(choice, answers, strict=False) if answer is not None]
    said = [e for e, answer in zip(choice, answers, strict=False) if answer is not None and answer not in e.sentinels]
    return (said or answered or choice)[0]


def _number(words: Iterable[int]) -> int:
    number = 0
    for word in words:
        number = number << 16 | word
    return number


def static_map(profile: Profile, absent: Iterable[str] = (), chosen: Mapping[str, Field] = _NOTHING) -> DeviceMap:
    """The profile's own map, without the points that the device does not have."""
    gone = frozenset(absent)
    registers = tuple(each for each in profile.registers if each.name not in gone)
    return DeviceMap(
        profile=profile.id,
        fields=tuple(chosen.get(f.point, f) for f in profile.fields if f.point not in gone),
        sums=_sums(profile.sums, gone),
        identity=profile.identity,
        limits=profile.limits,
        registers=registers,
        controls=controls_of(profile.controls, registers),
        faults=profile.faults,
    )


def _sums(sums: Iterable[Sum], gone: frozenset[str]) -> tuple[Sum, ...]:
    def left(points: Iterable[str]) -> tuple[str, ...]:
        return tuple(point for point in points if point not in gone)

    found = (Sum(point=s.point, of=left(s.of), less=left(s.less)) for s in sums if s.point not in gone)
    return tuple(s for s in found if s.of)


def controls_of(wanted: Iterable[tuple[Control, ...]], registers: Iterable[Register]) -> tuple[Control, ...]:
    """What can be ordered of a device with these registers: of each control the first way that has all of its own.

    A control is as sure as the least sure of its registers, or as it says itself when that is less.
    """
    sure = {each.name: each.confidence for each in registers}
    found = []
    for alternatives in wanted:
        for control in alternatives:
            used = [write.register for write in (*control.unlock, *control.on, *control.off)]
            if all(name in sure for name in used):
                known = least_sure((control.confidence, *(sure[name] for name in used)))
                found.append(replace(control, confidence=known))
                break
    return tuple(found)
