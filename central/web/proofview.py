"""What is proven of a shelter, in words that staff understand. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from central.core.city import SiteNow
from central.core.stages import ReportRecord
from central.web import figures
from central.web.catalogue import Catalogue
from contract.commissioning import SiteStage
from contract.signing import PUBLIC_BYTES, fingerprint, of_text

STAGES: Final = (SiteStage.VERIFIED, SiteStage.INSTALLED, SiteStage.PLANNED)
"""In the order in which pages count them."""
MISSING_SHOWN: Final = 40
"""Lines of what is missing; more are in the report itself."""
_URGENT: Final = "not_restored:"
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})
_KEPT: Final = frozenset("\n\t")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """Somebody's text without what is not seen: control characters, and marks that turn the direction of a line.

    Each becomes a replacement character, so that a reader sees that something was there.
    """
    return "".join(_REPLACEMENT if unicodedata.category(c) in _INVISIBLE and c not in _KEPT else c for c in text)


def key_shown(public_key: str) -> str:
    """A key as two people compare it by telephone; empty for none."""
    raw = of_text(public_key, length=PUBLIC_BYTES)
    return fingerprint(raw) if raw else ""


def missing_words(missing: Iterable[str], words: Catalogue) -> list[str]:
    """What keeps a shelter from being verified, most urgent first. An unknown word stands for itself."""
    ordered = sorted(missing, key=lambda each: not each.startswith(_URGENT))
    return [_missing(each, words) for each in ordered[:MISSING_SHOWN]]


def _missing(each: str, words: Catalogue) -> str:
    kind, _, of = each.partition(":")
    if f"missing.{kind}" not in words:
        return plain(each)
    return words(f"missing.{kind}", of=plain(words.term("check", of) if kind == "check_failed" else of))


def counted(shelters: Iterable[SiteNow]) -> Mapping[SiteStage, int]:
    """Shelters by stage; every stage is there."""
    found = dict.fromkeys(STAGES, 0)
    for now in shelters:
        found[now.proof.stage] += 1
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofShown:
    """The section of a shelter's page."""

    stage: str
    stage_words: str
    means: str
    is_switchable: bool
    missing: list[str]
    more: int
    """What is missing beyond that."""
    made_by: str
    """When and by whom the report was made; empty without one."""
    limit: str
    key: str
    other: str
    """Tells of a newer report that another key signed; empty for none."""
    other_sha256: str
    other_command: str


def proof_shown(now: SiteNow, words: Catalogue) -> ProofShown:
    """What is proven of a shelter now."""
    proof = now.proof
    report, other = proof.report, proof.other_key
    return ProofShown(
        stage=proof.stage.value,
        stage_words=words.term("stage", proof.stage.value),
        means=words.term("stage_means", proof.stage.value),
        is_switchable=proof.is_switchable,
        missing=missing_words(proof.missing, words),
        more=max(0, len(proof.missing) - MISSING_SHOWN),
        made_by=_by(report, words) if report else "",
        limit=words("proof_limit", time=figures.date_time(report.at_ms, words.lang)) if report else "",
        key=key_shown(proof.public_key),
        other="" if other is None else _other(other, words),
        other_sha256="" if other is None else other.sha256,
        other_command="" if other is None else accept_command(other, words),
    )


def _by(report: ReportRecord, words: Catalogue) -> str:
    return words("proof_by", time=figures.date_time(report.at_ms, words.lang), technician=plain(report.technician))


def _other(other: ReportRecord, words: Catalogue) -> str:
    return words(
        "proof_other_text",
        time=figures.date_time(other.at_ms, words.lang),
        technician=plain(other.technician),
        key=key_shown(other.public_key),
    )


def accept_command(other: ReportRecord, words: Catalogue) -> str:
    """The command that lets the key of a report hold for its shelter."""
    return words("proof_other_command", site=other.site, key=key_shown(other.public_key))
