"""Rules over what can be ordered of a device: bounds, sequences, proofs, and fault codes in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from contract.points import POINTS
from device_profiles.codec import CodecError, encode
from device_profiles.expand import Expansion
from device_profiles.expand_controls import WritableEntry, writable_entries
from device_profiles.hints import near
from device_profiles.model import ARGUMENTS, Argument, Confidence, Control, ControlKind, FaultText, Register, Write
from device_profiles.raw import shift_of
from device_profiles.schema import ProfileSpec
from device_profiles.sunspec_models import TYPES, model

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_CHOICE: Final = f"; there are {', '.join(ARGUMENTS)}"


def order_faults(spec: ProfileSpec, made: Expansion) -> Iterator[str]:
    """Every fault of the sections ``registers``, ``controls`` and ``faults``."""
    known = writable_entries(spec)
    bits = _bits_of_points(spec, made)
    points = {*bits, *(each.point for each in made.sums), *spec.sums}
    for name, (coding, _) in known.items():
        if not _NAME.fullmatch(name):
            yield f"{name}: the name of a register is of lower case, digits and _, such as reserve or ems_mode"
        if coding.states is not None or coding.absolute:
            yield f"{name}: a register holds a number as it is written: no states, no absolute"
    for register in made.registers:
        yield from _range_faults(register)
    for alternatives in made.controls:
        for number, control in enumerate(alternatives):
            where = control.kind if len(alternatives) == 1 else f"{control.kind}: {number}"
            for fault in _control_faults(control, known, points):
                yield f"{where}: {fault}"
    yield from _claim_faults(spec, known)
    for text in made.texts:
        yield from _text_faults(text, bits)


def _claim_faults(spec: ProfileSpec, known: Mapping[str, WritableEntry]) -> Iterator[str]:
    """What a control says to people, and of how sure it is."""
    for name, choices in spec.controls.items():
        for each in choices:
            if each.by_hand and (not each.by_hand.ja.strip() or each.by_hand.ja == each.by_hand.en):
                yield f"{name}: by_hand: say it in Japanese and in English"
            if each.confidence not in {None, Confidence.UNVERIFIED}:
                used = {step.write.replace("{n}", "1") for step in (*each.on, *each.off, *each.unlock)}
                doubtful = sorted(w for w in used if w in known and known[w][0].confidence is Confidence.UNVERIFIED)
                if doubtful:
                    yield f"{name}: cannot be {each.confidence.value} while {', '.join(doubtful)} is unverified"


def _range_faults(register: Register) -> Iterator[str]:
    if register.field.scale_factor_address is not None:
        return
    for bound in (register.low, register.high):
        try:
            encode(register.field, bound)
        except CodecError as error:
            yield f"{register.name}: range does not fit into the register: {error}"


def _control_faults(control: Control, known: Mapping[str, WritableEntry], points: Collection[str]) -> Iterator[str]:
    takes = ARGUMENTS.get(control.kind)
    if takes is None:
        yield f"no such control{near(control.kind, ARGUMENTS) or _CHOICE}"
        takes = tuple(Argument)
    for part, writes in (("on", control.on), ("off", control.off), ("unlock", control.unlock)):
        for write in writes:
            for fault in _write_faults(write, known, takes if part == "on" else (), part):
                yield f"{part}: {fault}"
    if control.kind == ControlKind.RESERVE:
        if not any(write.to is Argument.SOC_PCT for write in control.on):
            yield "on: no step writes soc_pct"
    elif not (control.off or control.falls_back_s or control.note):
        yield "off: is missing; if it is released by writing back what stood there, say so in a note"
    used = [known[w.register] for w in (*control.on, *control.off) if w.register in known]
    if control.interval_s <= 0 and any(writable.stored for _, writable in used):
        yield "interval_s: a stored register is written, so there must be a time between two orders"
    if control.refresh_s and not control.note and any(w.stored and not c.note for c, w in used):
        yield "refresh_s: writes a stored register again and again; say in a note why it must be"
    if control.falls_back_s and control.refresh_s >= control.falls_back_s:
        yield f"refresh_s: {control.refresh_s:g} s is too late, the device falls back after {control.falls_back_s:g} s"
    if control.proof and control.proof not in points:
        yield f"proof: {control.proof!r} is no point of this profile{near(control.proof, points)}"


def _write_faults(
    write: Write, known: Mapping[str, WritableEntry], takes: Collection[Argument], part: str
) -> Iterator[str]:
    if write.register not in known:
        yield f"{write.register}: no such register{near(write.register, known)}"
        return
    low, high = known[write.register][1].range
    if not isinstance(write.to, Argument):
        if not low <= write.to <= high:
            yield f"{write.register}: {write.to:g} is outside of {low:g} to {high:g}"
    elif write.to not in takes:
        more = "" if part != "on" else f"; this control takes {', '.join(takes) or 'no argument'}"
        yield f"{write.register}: {write.to.value} is not given here{more}"
    elif write.to is Argument.SOC_PCT and not 0 <= low < high <= 100:
        yield f"{write.register}: takes soc_pct, but its range is {low:g} to {high:g}"
    elif write.to is Argument.POWER_W and high <= 0:
        yield f"{write.register}: takes power_w, which is never below 0, but its range ends at {high:g}"


def _bits_of_points(spec: ProfileSpec, made: Expansion) -> dict[str, int]:
    """Every point of the profile, and which bits of its value can ever be set."""
    found: dict[str, int] = {}
    for each in made.fields:
        found[each.point] = _settable(each.mask, 16 * each.width)
    for wanted in spec.sunspec.models if spec.sunspec is not None else ():
        layouts = [layout for model_id in wanted.ids if (layout := model(model_id)) is not None]
        sizes = {name: point for layout in layouts for name, point in layout.points.items()}
        for name, entry in wanted.points.items():
            point = sizes.get(entry.point)
            width = 16 * point.size if point is not None and point.kind in TYPES else 32
            found[name] = found.get(name, 0) | _settable(entry.bits, width)
        for section in wanted.sections:
            names = (name.replace("{n}", str(n)) for name in section.points for n in range(1, 17))
            found |= {name: 0xFFFF for name in (*names, *section.totals) if name not in found}
    return found


def _settable(mask: int | None, width: int) -> int:
    return (1 << width) - 1 if mask is None else mask >> shift_of(mask)


def _text_faults(text: FaultText, bits: Mapping[str, int]) -> Iterator[str]:
    where = f"faults: {text.point}: {'bit' if text.is_bit else 'code'} {text.code}"
    if text.point not in bits or text.point not in POINTS:
        yield f"faults: {text.point}: no point of this profile{near(text.point, bits)}"
        return
    raw = 1 << text.code if text.is_bit and 0 <= text.code < 64 else text.code
    if text.code < 0 or (text.is_bit and text.code >= 64) or raw & ~bits[text.point]:
        yield f"{where}: never comes, the register cannot hold it"
    if not text.ja or not text.en or text.ja == text.en:
        yield f"{where}: say it in Japanese and in English"
