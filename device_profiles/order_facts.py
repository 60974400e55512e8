"""What a profile file says can be ordered, and what its fault codes mean: in words, to be held against a manual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from device_profiles.expand_controls import WritableEntry, writable_entries
from device_profiles.model import Confidence, least_sure
from device_profiles.schema import ProfileSpec
from device_profiles.schema_controls import ControlSpec, Step


@dataclass(frozen=True, slots=True)
class OrderFact:
    """One way to order one thing."""

    control: str
    otherwise: bool
    """Whether it is taken only on devices that lack the registers of the way before."""
    on: str
    off: str
    """Empty: released by writing back what stood there."""
    unlock: str
    proof: str
    is_readable: bool
    """Whether what was written can be read back at all."""
    interval_s: float
    refresh_s: float
    falls_back_s: float
    by_hand_ja: str
    by_hand_en: str
    confidence: str
    source: str
    note: str

    @property
    def is_doubtful(self) -> bool:
        """Whether only one source says so, or sources disagree."""
        return self.confidence == Confidence.UNVERIFIED.value

    def as_json(self) -> dict[str, str | bool | float]:
        """The form for machines."""
        return asdict(self) | {"doubtful": self.is_doubtful}

    def lines(self) -> tuple[str, ...]:
        """What there is to say, a sentence each."""
        said = (
            ("on: ", self.on),
            ("off: ", self.off or "what stood there before is written back"),
            ("unlock first: ", self.unlock),
            ("read back: ", self._read_back()),
            ("not again within ", f"{self.interval_s:g} s" if self.interval_s else ""),
            ("written again every ", f"{self.refresh_s:g} s" if self.refresh_s else ""),
            ("without that the device falls back after ", f"{self.falls_back_s:g} s" if self.falls_back_s else ""),
            ("by hand: ", " / ".join(part for part in (self.by_hand_ja, self.by_hand_en) if part)),
        )
        return tuple(what + text for what, text in said if text)

    def _read_back(self) -> str:
        if not self.is_readable:
            return "not possible; only what the device does shows that it obeyed"
        return f"the registers, proven by {self.proof}" if self.proof else "the registers themselves"


@dataclass(frozen=True, slots=True)
class FaultFact:
    """One fault code, or bit of a fault word."""

    point: str
    code: str
    """``bit 4``, or the code."""
    ja: str
    en: str


def order_facts(spec: ProfileSpec) -> list[OrderFact]:
    """Every way to order something, in the order of the file."""
    known = writable_entries(spec)
    return [
        _order_fact(name, number > 0, each, spec, known)
        for name, alternatives in spec.controls.items()
        for number, each in enumerate(alternatives)
    ]


def _order_fact(
    name: str, otherwise: bool, each: ControlSpec, spec: ProfileSpec, known: Mapping[str, WritableEntry]
) -> OrderFact:
    used = (step.write.replace("{n}", "1") for step in (*each.unlock, *each.on, *each.off))
    sure = [known[register][0].confidence for register in used if register in known]
    asked = [step.write.replace("{n}", "1") for step in each.on]
    return OrderFact(
        control=name,
        otherwise=otherwise,
        on=_sequence(each.on, known),
        off=_sequence(each.off, known),
        unlock=_sequence(each.unlock, known),
        proof=each.proof,
        is_readable=any(known[register][1].readable for register in asked if register in known),
        interval_s=each.interval_s,
        refresh_s=each.refresh_s,
        falls_back_s=each.falls_back_s,
        by_hand_ja=each.by_hand.ja if each.by_hand else "",
        by_hand_en=each.by_hand.en if each.by_hand else "",
        confidence=least_sure([each.confidence or Confidence.RECORDED, *sure]).value,
        source=spec.defaults.source if each.source is None else each.source,
        note=each.note,
    )


def _sequence(steps: Iterable[Step], known: Mapping[str, WritableEntry]) -> str:
    return ", ".join(_step(step, known) for step in steps)


def _step(step: Step, known: Mapping[str, WritableEntry]) -> str:
    entry = known.get(step.write.replace("{n}", "1"))
    low, high = entry[1].range if entry else (0.0, 0.0)
    unit = f" {entry[1].unit}" if entry and entry[1].unit else ""
    to = f"{step.to} ({low:g} to {high:g}{unit})" if isinstance(step.to, str) else f"{step.to:g}{unit}"
    return f"{step.write} = {to}" + (f", wait {step.settle_s:g} s" if step.settle_s else "")


def fault_facts(spec: ProfileSpec) -> list[FaultFact]:
    """Every fault that the file puts in words."""
    return [
        FaultFact(point, f"{word}{code}", words.ja, words.en)
        for point, section in spec.faults.items()
        for word, texts in (("bit ", section.bits), ("", section.codes))
        for code, words in texts.items()
    ]


def reach_text(spec: ProfileSpec) -> str:
    """Where the family listens, in one line."""
    ports = ", ".join(map(str, spec.ports))
    return f"TCP port {ports}; unit {', '.join(map(str, spec.units))}"
