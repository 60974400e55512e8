"""From the entries of a profile file to fields, and every fault that only the whole file shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final

from contract.points import POINTS, Kind
from device_profiles.codec import CodecError, encode
from device_profiles.hints import near
from device_profiles.model import CONTROLS, ControlRule, Field, Limits, Sum, Table, ValueType, point_of
from device_profiles.schema import STATE_NAMES, Coding, ControlSpec, PointSpec, Probe, ProfileSpec

FLOATS: Final = frozenset({ValueType.F32, ValueType.F64})
BIT_TABLES: Final = frozenset({Table.COIL, Table.DISCRETE})
_SWITCH_STATES: Final = {"0": 0, "1": 1}


@dataclass(slots=True)
class Expansion:
    """What the entries of a file come to. ``faults`` are those met on the way."""

    fields: list[Field] = field(default_factory=list)
    controls: list[Field] = field(default_factory=list)
    rules: list[ControlRule] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)
    counts: list[tuple[Field, int, dict[str, int]]] = field(default_factory=list)
    variants: list[tuple[Field, frozenset[int], frozenset[str]]] = field(default_factory=list)
    choices: list[tuple[Field, ...]] = field(default_factory=list)
    """Fields of one point in the order of preference; the first is among ``fields``."""
    faults: list[str] = field(default_factory=list)


def is_control(name: str) -> bool:
    """Whether this name may stand among the controls."""
    return name in CONTROLS or (name.startswith("tier") and name in POINTS)


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
    for name, control in spec.controls.items():
        for point, _, one in _repeated(name, control, spec, made):
            made.controls.append(one)
            made.rules.append(_rule(point, control))
            if not is_control(point):
                made.faults.append(f"{point}: no such control{near(point, CONTROLS)}")
    names = [f.point for f in made.fields]
    for name, members in spec.sums.items():
        of = tuple(point for member in members for point in _matching(member, names))
        if of:
            made.sums.append(Sum(point=name, of=of))
        elif spec.sunspec is None:
            made.faults.append(f"{name}: sum of {', '.join(members)}, of which the profile has none")
        if name not in POINTS:
            made.faults.append(f"{name}: no such point{near(name, POINTS)}")
    for variant in spec.variants:
        dropped = [p for pattern in variant.drop for p in _matching(pattern, names)]
        unknown = [pattern for pattern in variant.drop if not _matching(pattern, names)]
        made.faults += [f"variants: {pattern}: no point of this profile is named so" for pattern in unknown]
        made.variants.append((probe_field(variant.when, spec), frozenset(variant.equals), frozenset(dropped)))
    return made


def _rule(point: str, control: ControlSpec) -> ControlRule:
    readback = point if control.readback == "self" else control.readback
    return ControlRule(control=point, low=control.range[0], high=control.range[1], readback=readback)


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    wanted = pattern.replace("{n}", "*")
    return [name for name in names if fnmatchcase(name, wanted)]


def _repeated(name: str, entry: PointSpec, spec: ProfileSpec, made: Expansion) -> Iterator[tuple[str, int, Field]]:
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
        )


def probe_field(probe: Probe, spec: ProfileSpec) -> Field:
    """A register that is read while the device is being learnt."""
    return Field(point="probe", table=probe.table or spec.defaults.table, address=probe.address, type=probe.type)


def _field(point: str, entry: PointSpec, spec: ProfileSpec, shift: int, states: dict[int, int] | None) -> Field:
    defaults = spec.defaults
    sentinels = defaults.sentinels.get(entry.type, []) if entry.sentinels is None else entry.sentinels
    return Field(
        point=point,
        table=entry.table or defaults.table,
        address=entry.address + shift,
        type=entry.type,
        word_order=entry.word_order or defaults.word_order,
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
        absent_while=_absence(entry),
        guard=entry.guard,
    )


def _absence(entry: PointSpec) -> tuple[str, int] | None:
    if entry.absent_while is None:
        return None
    wanted = entry.absent_while
    return wanted.point, state_codes(wanted.point).get(str(wanted.reads), -1)


def _absence_faults(each: Field, names: Collection[str]) -> Iterator[str]:
    if each.absent_while is None:
        return
    point, code = each.absent_while
    if point not in names or POINTS[point].kind is not Kind.STATE:
        yield f"{each.point}: absent_while: {point!r} is no state point of this profile{near(point, names)}"
    elif code < 0:
        yield f"{each.point}: absent_while: {point} has no such state; there are {', '.join(state_codes(point))}"


def whole_file_faults(made: Expansion, limits: Limits) -> list[str]:
    """Faults of a file whose entries are each well-formed."""
    faults = list(made.faults)
    names = [f.point for f in made.fields]
    faults += [f"{name}: stands twice" for name in _twice([*names, *(s.point for s in made.sums)])]
    faults += [f"{name}: stands twice among the controls" for name in _twice(c.point for c in made.controls)]
    for each in (*made.fields, *made.controls, *(other for first in made.choices for other in first[1:])):
        faults += [f"{each.point}: {fault}" for fault in field_faults(each, limits)]
        if each.guard is not None and each.guard not in names:
            faults.append(f"{each.point}: guard {each.guard!r} is no point of this profile{near(each.guard, names)}")
        faults += _absence_faults(each, names)
    faults += _clashes(made.fields) + _clashes(made.controls)
    by_point = {f.point: f for f in made.controls}
    for rule in made.rules:
        if rule.readback != rule.control and rule.readback not in names:
            hint = near(rule.readback, names)
            faults.append(f"{rule.control}: readback {rule.readback!r} is no point of this profile{hint}")
        faults += _range_faults(rule, by_point[rule.control])
    return faults


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]


def field_faults(each: Field, limits: Limits) -> Iterator[str]:
    """What is wrong with one field by itself."""
    bits = 1 if each.type is ValueType.BIT else 16 * each.width
    if (each.table in BIT_TABLES) != (each.type is ValueType.BIT):
        yield f"type {each.type} does not stand in table {each.table}; coils and discrete inputs hold type bit only"
    if each.type is ValueType.STRING:
        yield "a point is a number; texts belong under identity"
    if each.address + each.width > 0x1_0000:
        yield f"registers {each.address}..{each.address + each.width - 1} are beyond the last address 65535"
    if wide := [f"{s:#x}" for s in each.sentinels if not 0 <= s < 1 << bits]:
        yield f"sentinel {', '.join(sorted(wide))} is wider than {each.type}"
    if each.mask is not None and each.mask >= 1 << bits:
        yield f"mask {each.mask:#x} is wider than {each.type}"
    if each.type in FLOATS and (each.mask is not None or each.states is not None):
        yield f"{each.type} has no bits or states to pick"
    yield from _state_faults(each, bits)
    factor = each.scale_factor_address
    if factor is not None and each.address <= factor < each.address + each.width:
        yield f"scale factor {factor} is one of the value's own registers"
    if each.width > limits.registers_max:
        yield f"takes {each.width} registers, but the device gives {limits.registers_max} at a time"
    for hole in limits.holes:
        if any(s.table is hole.table and s.start < hole.end and hole.start < s.end for s in each.spans):
            yield f"stands in the hole {hole.start}..{hole.end - 1}, which may not be read"


def _state_faults(each: Field, bits: int) -> Iterator[str]:
    try:
        kind = point_of(each.point).kind
    except KeyError:
        return
    if each.states is not None:
        if kind is not Kind.STATE:
            yield "states are for state points; this one is a number"
        highest = (1 << bits) - 1 if each.mask is None else each.mask >> ((each.mask & -each.mask).bit_length() - 1)
        if wide := [raw for raw in each.states if not 0 <= raw <= highest]:
            yield f"states for raw values that never come: {', '.join(map(str, wide))}"
    elif each.point in STATE_NAMES:
        yield f"needs states: raw value → one of {', '.join(STATE_NAMES[each.point])}"


def _clashes(fields: Iterable[Field]) -> list[str]:
    """Fields may share registers only when they are the same number, looked at in different ways."""
    faults = []
    ordered = sorted(fields, key=lambda f: (f.table, f.address, f.width, f.point))
    for one, other in pairwise(ordered):
        if one.table is not other.table or one.address + one.width <= other.address:
            continue
        if (one.address, one.type, one.word_order) != (other.address, other.type, other.word_order):
            faults.append(
                f"{other.point}: {other.type} at {other.address} cuts into {one.point}, {one.type} at {one.address}"
            )
        elif one.mask is None and other.mask is None and one.states is None and other.states is None:
            faults.append(
                f"{other.point}: stands where {one.point} stands ({one.address}), and nothing tells them apart"
            )
    return faults


def _range_faults(rule: ControlRule, each: Field) -> Iterator[str]:
    try:
        known = point_of(rule.control)
    except KeyError:
        return
    for bound in (rule.low, rule.high):
        if not known.low <= bound <= known.high:
            yield f"{rule.control}: range reaches {bound:g}, but this control knows {known.low:g}..{known.high:g}"
            continue
        try:
            encode(each, bound)
        except CodecError as error:
            yield f"{rule.control}: range does not fit into the register: {error}"


def reference_faults(spec: ProfileSpec, made: Expansion) -> Iterator[str]:
    """What the simulator's device says that the profile does not know."""
    known = {each.point: each for each in (*made.fields, *made.controls)}
    for name, value in spec.reference.values.items():
        if name not in known:
            yield f"reference: values: {name}: no point or control of this profile{near(name, known)}"
            continue
        try:
            encode(known[name], value)
        except CodecError as error:
            yield f"reference: values: {error}"
    for name in spec.reference.texts:
        if getattr(spec.identity, name) is None:
            yield f"reference: texts: {name}: identity does not say where it stands"
