"""What a judgement comes to: findings with their facts, and a verdict for everything that was to be judged.

A finding carries no words, only its kind and the facts that fill the words of that kind. What could not be judged says
why: nothing that was not looked at counts as right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

Facts = Mapping[str, str | int | float]


class Severity(StrEnum):
    """How much a finding matters: a fault makes the check fail."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


SEVERITIES: Final[Mapping[str, Severity]] = {
    # Nobody answers
    "dark_unreachable": Severity.FAULT,
    "dark_no_port": Severity.FAULT,
    "dark_hung_up": Severity.FAULT,
    "dark_silent": Severity.FAULT,
    "dark_gateway": Severity.FAULT,
    "dark_garbled": Severity.FAULT,
    "dark_refused": Severity.FAULT,
    "dark_wrong_device": Severity.FAULT,
    "dark_fell_silent": Severity.FAULT,
    "answer_gaps": Severity.WARNING,
    "wrong_unit": Severity.FAULT,
    # Wiring of the meter
    "swapped_ct": Severity.FAULT,
    "one_ct_turned": Severity.FAULT,
    "crossed_phases": Severity.FAULT,
    "ct_ratio": Severity.FAULT,
    "phase_order": Severity.WARNING,
    "phase_sum": Severity.WARNING,
    "phase_power": Severity.WARNING,
    "meter_offline": Severity.FAULT,
    "meters_differ": Severity.WARNING,
    "ct_unproven": Severity.NOTE,
    # Powers
    "load_negative": Severity.WARNING,
    "balance_off": Severity.WARNING,
    "inverter_sign": Severity.FAULT,
    "inverter_scale": Severity.FAULT,
    # Battery
    "battery_sign": Severity.FAULT,
    "battery_scale": Severity.FAULT,
    "battery_state": Severity.WARNING,
    "battery_voltage": Severity.WARNING,
    "battery_current": Severity.WARNING,
    "battery_product": Severity.WARNING,
    "soc_scale": Severity.WARNING,
    "soc_stands": Severity.WARNING,
    # Generator
    "pv_at_night": Severity.FAULT,
    "pv_scale": Severity.FAULT,
    "pv_sign": Severity.FAULT,
    "pv_too_high": Severity.WARNING,
    "pv_dark": Severity.NOTE,
    "dead_string": Severity.WARNING,
    "tracker_unused": Severity.NOTE,
    # Counters
    "swapped_counters": Severity.FAULT,
    "counters_stand": Severity.WARNING,
    "counter_scale": Severity.WARNING,
    "counter_falls": Severity.WARNING,
    # Time
    "clock_off": Severity.WARNING,
    "frozen": Severity.FAULT,
    # Reading
    "wrong_profile": Severity.FAULT,
    "swapped_words": Severity.FAULT,
    "swapped_bytes": Severity.FAULT,
    "off_by_one": Severity.FAULT,
    "signedness": Severity.WARNING,
    "sentinel": Severity.WARNING,
    "implausible": Severity.WARNING,
    "all_zero": Severity.WARNING,
    "some_bad": Severity.NOTE,
    # The test with a known load
    "step_right": Severity.NOTE,
    "step_turned": Severity.FAULT,
    "step_other_phase": Severity.FAULT,
    "step_ratio": Severity.FAULT,
    "step_unseen": Severity.WARNING,
    "step_covered": Severity.WARNING,
}
"""How much each kind of finding matters. One look may catch a moment of change: see ``after_one_look``."""

_IS_SHOWN_BY_ONE_LOOK: Final = frozenset({"wrong_profile", "swapped_words", "swapped_bytes", "off_by_one"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know. ``facts`` fill the words of its kind."""

    kind: str
    severity: Severity
    device: str = ""
    facts: Facts = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether it comes before everything else: a fault, or something wrong with what the devices say."""
        return self.severity is Severity.FAULT or (self.severity is Severity.WARNING and self.kind in SEVERITIES)


def found(kind: str, device: str = "", **facts: str | float) -> Finding:
    """A finding with the severity of its kind."""
    return Finding(kind, SEVERITIES[kind], device, facts)


def after_one_look(finding: Finding) -> Finding:
    """The finding as one look allows it: powers read one after the other may have changed in between."""
    if finding.severity is not Severity.FAULT or finding.kind in _IS_SHOWN_BY_ONE_LOOK:
        return finding
    return replace(finding, severity=Severity.WARNING)


class Result(StrEnum):
    """What became of one thing that was to be judged."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not_judged"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that was to be judged of one device (or of the site), and what became of it."""

    kind: str
    result: Result
    device: str = ""
    why: str = ""
    """Why it was not judged: a kind of its own, with words in both languages."""
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and the findings that it rests on."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()


def judged(kind: str, device: str, findings: Iterable[Finding]) -> Judged:
    """Passed when nothing but notes was found."""
    kept = tuple(findings)
    is_wrong = any(finding.severity is not Severity.NOTE for finding in kept)
    return Judged(Verdict(kind, Result.FAILED if is_wrong else Result.PASSED, device), kept)


def not_judged(kind: str, device: str, why: str, **facts: str | float) -> Judged:
    """Nothing can be said, and why."""
    return Judged(Verdict(kind, Result.NOT_JUDGED, device, why, facts))
