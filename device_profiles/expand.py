"""From the entries of a profile file to fields, with repeats written out; faults met on the way are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from contract.points import POINTS, Kind
from device_profiles.expand_controls import expand_controls, expand_faults, register_of
from device_profiles.hints import near
from device_profiles.model import Control, Direction, FaultText, Field, Register, Sum, WordOrder
from device_profiles.raw import CLOCKS
from device_profiles.schema import Place, PointSpec, ProfileSpec
from device_profiles.schema_base import STATE_NAMES, Coding, Placed, Probe

_SWITCH_STATES: Final = {"0": 0, "1": 1}


@dataclass(slots=True)
class Expansion:
    """What the entries of a file come to. ``faults`` are those met on the way."""

    fields: list[Field] = field(default_factory=list)
    registers: list[Register] = field(default_factory=list)
    controls: list[tuple[Control, ...]] = field(default_factory=list)
    """Ways to order one thing, in the order of preference."""
    texts: list[FaultText] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    counts: list[tuple[Field, int, dict[str, int]]] = field(default_factory=list)
    variants: list[tuple[Field, frozenset[int], bool, frozenset[str]]] = field(default_factory=list)
    choices: list[tuple[Field, ...]] = field(default_factory=list)
    """Fields of one point in the order of preference; the first is among ``fields``."""
    faults: list[str] = field(default_factory=list)


def state_codes(point: str) -> dict[str, int]:
    """Names of a state point's codes."""
    return STATE_NAMES.get(point, _SWITCH_STATES)


def states_of(name: str, coding: Coding, faults: list[str]) -> dict[int, int] | None:
    """The entry's states by code; unknown names become faults."""
    if coding.states is None:
        return None
    codes = state_codes(name)
    found: dict[int, int] = {}
    for raw, state in coding.states.items():
        code = codes.get(str(state))
        if code is None:
            hint = near(str(state), codes) or f"; there are {', '.join(codes)}"
            faults.append(f"{name}: state {raw} maps to {state!r}, which is unknown{hint}")
        else:
            found[raw] = code
    return found


def expand(spec: ProfileSpec) -> Expansion:
    """All fields of a file, with repeats written out."""
    made = Expansion()
    for name, entry in spec.points.items():
        for point, _, one in _repeated(name, entry, spec, made):
            made.fields.append(one)
            if entry.otherwise:
                made.choices.append((one, *_other_places(one, entry, spec)))
            if point not in POINTS:
                made.faults.append(f"{point}: no such point{near(point, POINTS)}")
    for name, register in spec.registers.items():
        for _, _, one in _repeated(name, register, spec, made):
            made.registers.append(register_of(one, register))
    made.controls, found = expand_controls(spec)
    made.faults += found
    made.texts = expand_faults(spec.faults)
    names = [f.point for f in made.fields]
    for name, members in spec.sums.items():
        of, less = (
            tuple(p for m in members if m.startswith("-") is off for p in _matching(m.removeprefix("-"), names))
            for off in (False, True)
        )
        if of:
            made.sums.append(Sum(point=name, of=of, less=less))
        elif spec.sunspec is None:
            made.faults.append(f"{name}: sum of {', '.join(members)}, of which the profile has none")
        if name not in POINTS:
            made.faults.append(f"{name}: no such point{near(name, POINTS)}")
    for variant in spec.variants:
        here = [*names, *(each.name for each in made.registers)]
        dropped = [p for pattern in variant.drop for p in _matching(pattern, here)]
        unknown = [pattern for pattern in variant.drop if not _matching(pattern, here)]
        made.faults += [f"variants: {pattern}: no point of this profile is named so" for pattern in unknown]
        probe = probe_field(variant.when, spec)
        made.variants.append((probe, frozenset(variant.equals), variant.refused, frozenset(dropped)))
    return made


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    wanted = pattern.replace("{n}", "*")
    return [name for name in names if fnmatchcase(name, wanted)]


def _repeated(name: str, entry: Placed, spec: ProfileSpec, made: Expansion) -> Iterator[tuple[str, int, Field]]:
    """Name, number and field of each instance; one for an entry without ``repeat``."""
    if ("{n}" in name) != (entry.repeat is not None):
        made.faults.append(f"{name}: a name with {{n}} and repeat belong together")
        return
    count, step = (entry.repeat.to, entry.repeat.step) if entry.repeat else (1, 0)
    numbers = {name.replace("{n}", str(n)): n for n in range(1, count + 1)}
    states = states_of(name.replace("{n}", "1"), entry, made.faults)
    for point, n in numbers.items():
        yield point, n, _field(point, entry, spec, (n - 1) * step, states)
    if entry.repeat and entry.repeat.count:
        made.counts.append((probe_field(entry.repeat.count, spec), count, numbers))


def _other_places(first: Field, entry: PointSpec, spec: ProfileSpec) -> Iterator[Field]:
    for place in entry.otherwise:
        kind = place.type or first.type
        sentinels = place.sentinels
        if sentinels is None:
            sentinels = spec.defaults.sentinels.get(kind, []) if place.type else sorted(first.sentinels)
        yield replace(
            first,
            table=place.table or first.table,
            address=place.address,
            type=kind,
            scale=first.scale if place.scale is None else place.scale,
            sentinels=frozenset(sentinels),
            terms=first.terms if place.plus is None and place.minus is None else _terms(place, 0),
            direction=_direction(place),
        )


def probe_field(probe: Probe, spec: ProfileSpec) -> Field:
    """A register that is read while the device is being learnt."""
    return Field(point="probe", table=probe.table or spec.defaults.table, address=probe.address, type=probe.type)


def _field(point: str, entry: Placed, spec: ProfileSpec, shift: int, states: dict[int, int] | None) -> Field:
    defaults = spec.defaults
    sentinels = defaults.sentinels.get(entry.type, []) if entry.sentinels is None else entry.sentinels
    return Field(
        point=point,
        table=entry.table or defaults.table,
        address=entry.address + shift,
        type=entry.type,
        word_order=WordOrder.BIG if entry.type in CLOCKS else entry.word_order or defaults.word_order,
        scale=entry.scale,
        offset=entry.offset,
        scale_factor_address=entry.scale_factor,
        sentinels=frozenset(sentinels),
        absolute=entry.absolute,
        mask=entry.bits,
        states=states,
        group=entry.group,
        confidence=entry.confidence,
        source=entry.source if entry.source is not None else defaults.source,
        absent_while=_absence(entry) if isinstance(entry, PointSpec) else None,
        guard=entry.guard if isinstance(entry, PointSpec) else None,
        terms=_terms(entry, shift) if isinstance(entry, PointSpec) else (),
    )


def _direction(place: Place) -> Direction | None:
    given = place.direction
    return None if given is None else Direction(address=given.address, plus=given.plus, minus=given.minus)


def _terms(entry: PointSpec | Place, shift: int) -> tuple[tuple[int, int], ...]:
    added = tuple((address + shift, 1) for address in entry.plus or ())
    return added + tuple((address + shift, -1) for address in entry.minus or ())


def _absence(entry: PointSpec) -> tuple[str, int] | None:
    if entry.absent_while is None:
        return None
    wanted = entry.absent_while
    if wanted.point in POINTS and POINTS[wanted.point].kind is not Kind.STATE:
        return wanted.point, 0 if str(wanted.reads) == "0" else -1
    return wanted.point, state_codes(wanted.point).get(str(wanted.reads), -1)
