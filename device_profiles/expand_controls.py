"""From the sections ``registers``, ``controls`` and ``faults`` of a file to values, with ``{n}`` written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from contract.points import TIERS_MAX
from device_profiles.hints import near
from device_profiles.model import Argument, Confidence, Control, FaultText, Field, Register, Write
from device_profiles.schema import ProfileSpec
from device_profiles.schema_base import Coding
from device_profiles.schema_controls import ControlSpec, FaultSpec, Step, Writable

WritableEntry = tuple[Coding, Writable]
"""One entry of ``registers``, by both of its sides: how it is kept, and what it takes."""


def register_of(field: Field, entry: Writable) -> Register:
    """The register of an entry, its field known."""
    assert isinstance(entry, Coding)
    low, high = entry.range
    return Register(
        field=field,
        low=low,
        high=high,
        unit=entry.unit,
        is_stored=entry.stored,
        is_readable=entry.readable,
        confidence=field.confidence,
        source=field.source,
        note=entry.note,
    )


def writable_entries(spec: ProfileSpec) -> Mapping[str, WritableEntry]:
    """Every register of a file by its name, those of SunSpec models included; the file's own come first."""
    found: dict[str, WritableEntry] = {}
    for name, entry in spec.registers.items():
        count = entry.repeat.to if entry.repeat else 1
        found |= {name.replace("{n}", str(n)): (entry, entry) for n in range(1, count + 1)}
    for model in spec.sunspec.models if spec.sunspec is not None else ():
        for name, point in model.registers.items():
            found.setdefault(name, (point, point))
    return found


def expand_controls(spec: ProfileSpec) -> tuple[list[tuple[Control, ...]], list[str]]:
    """Every control of a file with its alternatives, and the faults met on the way."""
    known = writable_entries(spec)
    found: list[tuple[Control, ...]] = []
    faults: list[str] = []
    for name, alternatives in spec.controls.items():
        for n in _numbers(name, alternatives, known):
            kind = name.replace("{n}", str(n))
            found.append(tuple(_control(kind, each, n, spec.defaults.source, faults) for each in alternatives))
    return found, faults


def _numbers(name: str, alternatives: Iterable[ControlSpec], known: Mapping[str, object]) -> Iterable[int]:
    """The numbers for which a control with ``{n}`` in its name has registers; 1 if none, so that faults show."""
    if "{n}" not in name:
        return (1,)
    wanted = {step.write for each in alternatives for step in (*each.on, *each.off)}
    there = [n for n in range(1, TIERS_MAX + 1) if all(each.replace("{n}", str(n)) in known for each in wanted)]
    return there or (1,)


def _control(kind: str, spec: ControlSpec, n: int, source: str, faults: list[str]) -> Control:
    return Control(
        kind=kind,
        on=tuple(_writes(kind, spec.on, n, faults)),
        off=tuple(_writes(kind, spec.off, n, faults)),
        unlock=tuple(_writes(kind, spec.unlock, n, faults)),
        proof=spec.proof.replace("{n}", str(n)),
        interval_s=spec.interval_s,
        refresh_s=spec.refresh_s,
        falls_back_s=spec.falls_back_s,
        by_hand_ja=spec.by_hand.ja if spec.by_hand else "",
        by_hand_en=spec.by_hand.en if spec.by_hand else "",
        confidence=spec.confidence or Confidence.RECORDED,
        source=source if spec.source is None else spec.source,
        note=spec.note,
    )


def _writes(kind: str, steps: Iterable[Step], n: int, faults: list[str]) -> Iterator[Write]:
    arguments = {each.value: each for each in Argument}
    for step in steps:
        to = arguments.get(step.to) if isinstance(step.to, str) else step.to
        if to is None:
            hint = near(str(step.to), arguments) or f"; there are {', '.join(arguments)}"
            faults.append(f"{kind}: {step.write}: to: {step.to!r} is neither a number nor an argument{hint}")
            continue
        yield Write(register=step.write.replace("{n}", str(n)), to=to, settle_s=step.settle_s)


def expand_faults(sections: Mapping[str, FaultSpec]) -> list[FaultText]:
    """Every fault text of a file."""
    return [
        FaultText(point=point, code=code, is_bit=is_bit, ja=words.ja.strip(), en=words.en.strip())
        for point, section in sections.items()
        for is_bit, texts in ((True, section.bits), (False, section.codes))
        for code, words in texts.items()
    ]
