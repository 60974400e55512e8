"""How far a shelter has come, by the reports that technicians sent: planned, installed, verified. Pure.

Only a verified shelter counts as able to go into backup mode. A shelter that sends readings and has no report is still
planned: nobody proved that its readings mean what they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from contract.commissioning import SiteStage

REPORTS_KEPT_MAX: Final = 200
"""Reports kept of one shelter and key, the ones finished last: far more than anybody writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecord:
    """One genuine report as kept. ``stage`` and ``missing`` are central's own judgement of it."""

    site: str
    sha256: str
    """Of the document, in hexadecimal digits."""
    at_ms: int
    """When the technician finished, by the shelter's clock; when it came, if that clock is not to be trusted."""
    received_ms: int
    public_key: str
    """Base64; the key that signed it."""
    stage: SiteStage
    missing: tuple[str, ...]
    """What keeps it from being verified (``contract.commissioning.judge``)."""
    technician: str
    is_synthetic: bool = False
    """The cabinet was a simulated one: it proves nothing of a real shelter."""
    document: str = ""
    """The JSON as signed; left out of lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key that holds for a shelter from a moment on, and who said so."""

    site: str
    public_key: str
    since_ms: int
    by: str
    """Person; empty for the key of the first report, which nobody had to accept."""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteProof:
    """What is proven of a shelter now."""

    stage: SiteStage = SiteStage.PLANNED
    missing: tuple[str, ...] = ()
    report: ReportRecord | None = None
    """The one that the stage rests on."""
    public_key: str = ""
    """The key that holds; empty before the first report."""
    other_key: ReportRecord | None = None
    """A newer report that another key signed: somebody has to accept that key, or to ask what happened."""

    @property
    def is_switchable(self) -> bool:
        """Whether the shelter counts as able to go into backup mode."""
        return self.stage is SiteStage.VERIFIED


UNPROVEN = SiteProof()


def proof_of(reports: Iterable[ReportRecord], keys: Iterable[KeyRecord], *, synthetic_site: bool = False) -> SiteProof:
    """What follows from a shelter's reports and keys, in whatever order they came.

    The newest key holds; of its reports the one that was finished last counts. Reports of simulated cabinets count for
    synthetic shelters alone.
    """
    held = max(keys, key=lambda key: key.since_ms, default=None)
    if held is None:
        return UNPROVEN
    found = [report for report in reports if synthetic_site or not report.is_synthetic]
    newest = _newest([report for report in found if report.public_key == held.public_key])
    other = _newest([report for report in found if report.public_key != held.public_key])
    if newest is not None and other is not None and other.at_ms <= newest.at_ms:
        other = None
    return SiteProof(
        stage=newest.stage if newest else SiteStage.PLANNED,
        missing=newest.missing if newest else (),
        report=newest,
        public_key=held.public_key,
        other_key=other,
    )


def _newest(reports: list[ReportRecord]) -> ReportRecord | None:
    return max(reports, key=lambda report: (report.at_ms, report.sha256), default=None)
