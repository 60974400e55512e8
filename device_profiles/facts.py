"""What a profile file claims, entry by entry, in the words of a vendor's manual: to be held against one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from contract.points import POINTS
from device_profiles.load import LIBRARY, load
from device_profiles.model import Confidence, Table, ValueType, WordOrder
from device_profiles.schema import Place, PointSpec, ProfileSpec
from device_profiles.schema_base import Coding, Placed
from device_profiles.schema_controls import Writable
from device_profiles.schema_sunspec import SunPoint, SunSpecSpec
from device_profiles.yamlfile import read_yaml

_POSITIVE: Final = {"pv": "generation", "battery": "discharge", "grid": "import", "inverter": "output"}
_NEGATIVE: Final = {"pv": "consumption", "battery": "charge", "grid": "export", "inverter": "input"}
_WIDTHS: Final = {"32": 2, "64": 4}
_NUMBERS: Final = {Table.HOLDING: "4", Table.INPUT: "3"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One entry: a point or register, where it stands, how its number is read, and how sure that is."""

    point: str
    unit: str
    place: str
    """Table and 0-based registers, or SunSpec model and point."""
    type: str
    value: str
    """From the raw number to the unit."""
    sign: str
    """What a raw number above zero means; empty where there is no direction."""
    group: str
    confidence: str
    source: str
    """Empty: the source of the whole profile."""
    note: str
    writes: str
    """What a register takes; empty for a point."""

    @property
    def is_doubtful(self) -> bool:
        """Whether only one source says so, or sources disagree."""
        return self.confidence == Confidence.UNVERIFIED.value

    def as_json(self) -> dict[str, str | bool]:
        """The form for machines."""
        return asdict(self) | {"doubtful": self.is_doubtful}


def spec_of(profile_id_or_path: str) -> ProfileSpec:
    """The file behind a profile. Raises ``ProfileError`` as ``load`` does."""
    profile = load(profile_id_or_path)
    path = LIBRARY / f"{profile.id}.yaml" if profile_id_or_path == profile.id else Path(profile_id_or_path)
    raw, _ = read_yaml(path.read_text(encoding="utf-8"))
    return ProfileSpec.model_validate(raw)


def facts(spec: ProfileSpec) -> list[Fact]:
    """Every point, sum and register of a file, in its order."""
    places: list[tuple[str, Placed]] = [*spec.points.items(), *spec.registers.items()]
    found = [_register_fact(name, entry, spec) for name, entry in places]
    for name, members in spec.sums.items():
        found.append(Fact(name, POINTS[name].unit, f"sum of {', '.join(members)}", "", "", "", "", "", "", "", ""))
    if spec.sunspec is not None:
        found += [_sunspec_fact(name, ids, entry) for name, ids, entry in _sunspec_entries(spec.sunspec)]
    return found


def limits_text(spec: ProfileSpec) -> str:
    """What the device stands, in one line."""
    limits = spec.limits
    parts = [f"{limits.registers_max} registers a request", f"{limits.gap_max} unused ones read along"]
    parts.append(f"timeout {limits.timeout_s:g} s")
    if limits.connect_delay_s:
        parts.append(f"{limits.connect_delay_s:g} s of rest after connecting")
    if limits.request_interval_s:
        parts.append(f"{limits.request_interval_s * 1000:g} ms between requests")
    if limits.clients_max:
        parts.append(f"{limits.clients_max} TCP client at a time")
    parts += [f"never {hole.table.value} {hole.first}–{hole.last}" for hole in limits.holes]
    return ", ".join(parts)


def _register_fact(name: str, entry: Placed, spec: ProfileSpec) -> Fact:
    table = entry.table or spec.defaults.table
    order = entry.word_order or spec.defaults.word_order
    width = _WIDTHS.get(entry.type.value[1:], 1)
    place = f"{table.value} {_span(entry.address, width)}"
    if entry.repeat is not None:
        place += f" (n = 1; then every {entry.repeat.step}, up to n = {entry.repeat.to})"
    sentinels = entry.sentinels if entry.sentinels is not None else spec.defaults.sentinels.get(entry.type, [])
    notes = [entry.note] if entry.note else []
    if sentinels:
        notes.append("not available: " + ", ".join(f"0x{raw:X}" if raw else "0" for raw in sentinels))
    if isinstance(entry, PointSpec):
        place += _parts(entry, width)
        for other in entry.otherwise:
            width_there = _WIDTHS.get((other.type or entry.type).value[1:], 1)
            place += f", else {_span(other.address, width_there)}{_parts(other, width_there)}"
        if entry.absent_while:
            notes.append(f"not available while {entry.absent_while.point} is {entry.absent_while.reads}")
        if entry.guard:
            notes.append(f"read only while {entry.guard} is 1")
    writes = _takes(entry)
    return Fact(
        point=name,
        unit=_unit(name, entry),
        place=place,
        type=entry.type.value + (", low word first" if order is WordOrder.LITTLE and width > 1 else ""),
        value=_value(entry, scale_factor=entry.scale_factor),
        sign=_sign(name, entry),
        group=entry.group.value if not writes else "",
        confidence=entry.confidence.value,
        source=entry.source if entry.source is not None else spec.defaults.source,
        note="; ".join(notes),
        writes=writes,
    )


def _sunspec_entries(spec: SunSpecSpec) -> Iterator[tuple[str, str, SunPoint]]:
    for model in spec.models:
        ids = ", ".join(map(str, model.ids))
        for name, entry in (*model.points.items(), *model.registers.items()):
            yield name, ids, entry
        for section in model.sections:
            for name, entry in (*section.points.items(), *section.totals.items()):
                yield name, ids, entry


def _sunspec_fact(name: str, ids: str, entry: SunPoint) -> Fact:
    writes = _takes(entry)
    value = _value(entry, scale_factor=None)
    return Fact(
        point=name,
        unit=_unit(name, entry),
        place=f"model {ids}: {entry.point}",
        type="as the model says",
        value=f"{value}, % of {entry.percent_of}" if entry.percent_of else value,
        sign=_sign(name, entry),
        group=entry.group.value if not writes else "",
        confidence=entry.confidence.value,
        source=entry.source or "",
        note=entry.note,
        writes=writes,
    )


def _parts(entry: PointSpec | Place, width: int) -> str:
    added = "".join(f" plus {_span(other, width)}" for other in entry.plus or ())
    added += "".join(f" minus {_span(other, width)}" for other in entry.minus or ())
    way = entry.direction if isinstance(entry, Place) else None
    return added + (f" (its sign from {way.address}: 0x{way.plus:X} plus, 0x{way.minus:X} minus)" if way else "")


def _span(first: int, width: int) -> str:
    return str(first) if width == 1 else f"{first}–{first + width - 1}"


def _unit(name: str, entry: Coding) -> str:
    return entry.unit if isinstance(entry, Writable) else POINTS[name.replace("{n}", "1")].unit


def _takes(entry: Coding) -> str:
    if not isinstance(entry, Writable):
        return ""
    kept = "stored" if entry.stored else "not stored"
    return f"{entry.range[0]:g} to {entry.range[1]:g}, {kept}{'' if entry.readable else ', cannot be read back'}"


def _value(entry: Coding, *, scale_factor: int | None) -> str:
    if entry.states:
        return ", ".join(f"{raw} = {state}" for raw, state in entry.states.items())
    if entry.bit is not None:
        return f"bit {entry.bit}"
    text = "raw" if entry.mask is None else f"raw & 0x{entry.mask:X}"
    if entry.absolute:
        text = f"|{text}|"
    if entry.scale != 1:
        text += f" × {entry.scale:g}"
    if scale_factor is not None:
        text += f" × 10^({scale_factor})"
    return text + (f" + {entry.offset:g}" if entry.offset else "")


def _sign(name: str, entry: Coding) -> str:
    group = "pv" if name.startswith("pv") else name.partition(".")[0]
    has_direction = name.endswith(("power_w", "current_a")) and ".max_" not in name and group in _POSITIVE
    if not has_direction or entry.absolute:
        return ""
    if isinstance(entry, PointSpec) and entry.minus:
        return _POSITIVE[group] + " less " + _NEGATIVE[group] if entry.scale > 0 else ""
    if isinstance(entry, Placed) and entry.type in (ValueType.U16, ValueType.U32):
        return "no sign"
    return (_POSITIVE if entry.scale > 0 else _NEGATIVE)[group]


def counting_text(spec: ProfileSpec) -> str:
    """How register numbers here become those that a manual prints."""
    if spec.sunspec is not None:
        return "The registers are found on the device itself, by its SunSpec models."
    tables = {entry.table or spec.defaults.table for entry in spec.points.values()}
    prefixes = [f"{table.value} 0 is {_NUMBERS[table]}0001" for table in sorted(tables) if table in _NUMBERS]
    more = f", or in the old way: {', '.join(prefixes)}" if prefixes else ""
    return f"Addresses count from 0, as on the wire; a manual that counts from 1 prints one more{more}."
