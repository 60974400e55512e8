"""What an unknown device may be: questions, answers, reasons and proposals as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from device_profiles.model import Block, DeviceMap

Words = tuple[int, ...]


class Sureness(StrEnum):
    """How sure a proposal is."""

    CERTAIN = "certain"
    """Its signs cannot be chance, its values are plausible, and no other family fits."""
    LIKELY = "likely"
    """Its signs hold, but they prove less, or something speaks against it."""
    POSSIBLE = "possible"
    """It can be read like this; other devices could, too."""


class Verdict(StrEnum):
    """What came out."""

    ONE = "one"
    SEVERAL = "several"
    """Two or more fit equally well: a person must decide."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class WhoAreYou:
    """The question of device identification, function 43/14. Its answer is texts by object number."""


Question = Block | WhoAreYou
Answer = Words | Mapping[int, str] | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that speaks for or against a profile: a word of a closed list, and its facts."""

    kind: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A profile that may fit."""

    profile: str
    sureness: Sureness
    reasons: tuple[Reason, ...]
    against: tuple[Reason, ...] = ()
    good: int = 0
    """Points of the fast poll that read plausibly, of ``total``."""
    total: int = 0
    bits: float = 0.0
    """What the signs prove, in bits."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """``model``, ``serial``, ``firmware`` as the device tells them."""
    device_map: DeviceMap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What the device may be, best proposal first, and what was seen of it besides."""

    proposals: tuple[Proposal, ...]
    ruled_out: Mapping[str, Reason]
    """Every other profile, and what spoke against it first."""
    texts: Mapping[int, str]
    """Device identification by object number, where it was asked for and given."""
    common: Mapping[str, str]
    """``maker``, ``model``, ``firmware``, ``serial`` of a SunSpec device."""
    questions: int
    answered: int

    @property
    def verdict(self) -> Verdict:
        """Whether one profile fits, several do, or none."""
        if not self.proposals:
            return Verdict.NONE
        best = [each for each in self.proposals if each.sureness is self.proposals[0].sureness]
        return Verdict.ONE if len(best) == 1 else Verdict.SEVERAL

    @property
    def best(self) -> Proposal | None:
        """The proposal to take, when one stands out."""
        return self.proposals[0] if self.verdict is Verdict.ONE else None
