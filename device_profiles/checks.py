"""Every fault of a profile file that only the whole file shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import Final

from contract.points import POINTS, Kind
from device_profiles.codec import CodecError, encode
from device_profiles.expand import Expansion, state_codes
from device_profiles.hints import near
from device_profiles.model import Field, Limits, Table, ValueType
from device_profiles.raw import CLOCKS
from device_profiles.schema import ProfileSpec
from device_profiles.schema_base import STATE_NAMES

FLOATS: Final = frozenset({ValueType.F32, ValueType.F64})
PLAIN: Final = (1, 0, None, None, False)
"""Scale, offset, mask, states and absolute of a field that is taken as it stands."""
BIT_TABLES: Final = frozenset({Table.COIL, Table.DISCRETE})


def _absence_faults(each: Field, names: Collection[str]) -> Iterator[str]:
    if each.absent_while is None:
        return
    point, code = each.absent_while
    if point not in names or point not in POINTS:
        yield f"{each.point}: absent_while: {point!r} is no point of this profile{near(point, names)}"
    elif code < 0 and POINTS[point].kind is not Kind.STATE:
        yield f"{each.point}: absent_while: {point} is a number; all that can be asked of it is whether it reads 0"
    elif code < 0:
        yield f"{each.point}: absent_while: {point} has no such state; there are {', '.join(state_codes(point))}"


def whole_file_faults(made: Expansion, limits: Limits) -> list[str]:
    """Faults of a file whose entries are each well-formed."""
    faults = list(made.faults)
    names = [f.point for f in made.fields]
    faults += [f"{name}: stands twice" for name in _twice([*names, *(s.point for s in made.sums)])]
    registers = [each.field for each in made.registers]
    faults += [f"{name}: stands twice among the registers" for name in _twice(each.point for each in registers)]
    for each in (*made.fields, *registers, *(other for first in made.choices for other in first[1:])):
        faults += [f"{each.point}: {fault}" for fault in field_faults(each, limits)]
        if each.guard is not None and each.guard not in names:
            faults.append(f"{each.point}: guard {each.guard!r} is no point of this profile{near(each.guard, names)}")
        faults += _absence_faults(each, names)
    return faults + _clashes(made.fields) + _clashes(registers, may_repeat=True)


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
    if each.type in CLOCKS and (each.scale, each.offset, each.mask, each.states, each.absolute) != PLAIN:
        yield f"{each.type} is a date and time: no scale, offset, bits, states or absolute"
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
    if each.point not in POINTS:
        return
    kind = POINTS[each.point].kind
    if each.states is not None:
        if kind is not Kind.STATE:
            yield "states are for state points; this one is a number"
        highest = (1 << bits) - 1 if each.mask is None else each.mask >> ((each.mask & -each.mask).bit_length() - 1)
        if wide := [raw for raw in each.states if not 0 <= raw <= highest]:
            yield f"states for raw values that never come: {', '.join(map(str, wide))}"
    elif each.point in STATE_NAMES:
        yield f"needs states: raw value → one of {', '.join(STATE_NAMES[each.point])}"


def _clashes(fields: Iterable[Field], *, may_repeat: bool = False) -> list[str]:
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
        elif may_repeat:
            continue
        elif one.mask is None and other.mask is None and one.states is None and other.states is None:
            faults.append(
                f"{other.point}: stands where {one.point} stands ({one.address}), and nothing tells them apart"
            )
    return faults


def _names_in_models(spec: ProfileSpec) -> set[str]:
    models = spec.sunspec.models if spec.sunspec is not None else ()
    return {name for each in models for name in (*each.points, *each.registers)}


def reference_faults(spec: ProfileSpec, made: Expansion) -> Iterator[str]:
    """What the simulator's device says that the profile does not know."""
    known = {each.point: each for each in (*made.fields, *(register.field for register in made.registers))}
    walked = _names_in_models(spec)
    for name, value in spec.reference.values.items():
        if name in walked and name not in known:
            continue
        if name not in known:
            yield f"reference: values: {name}: no point or register of this profile{near(name, known)}"
            continue
        try:
            encode(known[name], value)
        except CodecError as error:
            yield f"reference: values: {error}"
    for name in spec.reference.texts:
        if getattr(spec.identity, name) is None:
            yield f"reference: texts: {name}: identity does not say where it stands"
