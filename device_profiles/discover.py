"""Learning the map of one device. Sans-IO: the generator yields blocks, and is sent their words."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from device_profiles.load import Profile
from device_profiles.model import Block, ControlRule, DeviceMap, Discovery, Field, Sum
from device_profiles.sunspec import walk

_NOTHING: Final[Mapping[str, Field]] = MappingProxyType({})
_Asking = Generator[Block, "tuple[int, ...] | None", "int | None"]


def discover(profile: Profile) -> Discovery:
    """The map of the device that answers: for SunSpec by walking its models, else by a few probes at most.

    Raises ``DiscoveryError`` when the device is not of this family.
    """
    if profile.sunspec is not None:
        return walk(profile)
    return _static(profile)


def _static(profile: Profile) -> Discovery:
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
        if number is not None and number in variant.equals:
            absent |= variant.dropped
    chosen: dict[str, Field] = {}
    for choice in profile.choices:
        answers = []
        for candidate in choice:
            answers.append((yield from ask(candidate)))
            if answers[-1] is not None and answers[-1] not in candidate.sentinels:
                break
        chosen[choice[0].point] = _best(choice, answers)
    return static_map(profile, absent, chosen)


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
    controls = tuple(c for c in profile.controls if c.point not in gone)
    return DeviceMap(
        profile=profile.id,
        fields=tuple(chosen.get(f.point, f) for f in profile.fields if f.point not in gone),
        sums=_sums(profile.sums, gone),
        identity=profile.identity,
        limits=profile.limits,
        controls=controls,
        rules=_rules(profile.rules, controls),
    )


def _sums(sums: Iterable[Sum], gone: frozenset[str]) -> tuple[Sum, ...]:
    left = (Sum(point=s.point, of=tuple(p for p in s.of if p not in gone)) for s in sums if s.point not in gone)
    return tuple(s for s in left if s.of)


def _rules(rules: Iterable[ControlRule], controls: Iterable[Field]) -> tuple[ControlRule, ...]:
    names = {control.point for control in controls}
    return tuple(rule for rule in rules if rule.control in names)
