"""What is proven of a shelter, as the API answers it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import moment
from central.core.stages import ReportRecord, SiteProof
from contract.commissioning import SiteStage
from contract.signing import PUBLIC_BYTES, fingerprint, of_text

_REPORT: dict[str, Any] = {
    "sha256": "9f2c0d6a" * 8,
    "site": "E0000000001111",
    "at": "2026-11-20T05:12:00Z",
    "received_at": "2026-11-20T05:13:02Z",
    "stage": "installed",
    "missing": ["sign_not_proven"],
    "technician": "N. N.",
    "key": "1a2b-3c4d-5e6f-7081",
}


class ReportOut(BaseModel):
    """One commissioning report, as the city judges it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REPORT]})

    sha256: str = Field(description="Digest of the signed document")
    site: str = Field(description="ID of the shelter")
    at: datetime = Field(description="When the technician finished, by the shelter's clock, UTC")
    received_at: datetime = Field(description="When it came, UTC")
    stage: SiteStage = Field(description="What it proves")
    missing: list[str] = Field(
        description="What keeps the shelter from being verified: device_dark:ID, no_device, check_failed:KIND, "
        "sign_not_proven, no_control_tested, control_failed:ID, not_restored:ID, backup_failed"
    )
    technician: str = Field(description="Who signed for it")
    key: str = Field(description="Fingerprint of the key that signed it")


class ProofOut(BaseModel):
    """What is proven of a shelter. Nothing is said of changes made after the report's time."""

    stage: SiteStage = Field(
        description="planned: no report; installed: a report, and something is missing; verified: proven"
    )
    switchable: bool = Field(description="Whether it counts as able to go into backup mode: verified only")
    missing: list[str] = Field(description="As in the report")
    report: ReportOut | None = Field(description="The report that the stage rests on; null: none came")
    key: str = Field(description="Fingerprint of the key that holds for the shelter; empty before the first report")
    other_key: ReportOut | None = Field(
        description="A newer report that another key signed; it counts when a person has accepted that key"
    )


class Reports(BaseModel):
    """Commissioning reports of one shelter."""

    reports: list[ReportOut] = Field(description="The one finished last first")


def key_text(public_key: str) -> str:
    """A key's fingerprint; empty for none."""
    raw = of_text(public_key, length=PUBLIC_BYTES)
    return fingerprint(raw) if raw else ""


def report(kept: ReportRecord) -> ReportOut:
    """One report."""
    return ReportOut(
        sha256=kept.sha256,
        site=kept.site,
        at=moment(kept.at_ms),
        received_at=moment(kept.received_ms),
        stage=kept.stage,
        missing=list(kept.missing),
        technician=kept.technician,
        key=key_text(kept.public_key),
    )


def reports(kept: Iterable[ReportRecord]) -> list[ReportOut]:
    """Several reports."""
    return [report(each) for each in kept]


def proof(now: SiteProof) -> ProofOut:
    """What is proven."""
    return ProofOut(
        stage=now.stage,
        switchable=now.is_switchable,
        missing=list(now.missing),
        report=None if now.report is None else report(now.report),
        key=key_text(now.public_key),
        other_key=None if now.other_key is None else report(now.other_key),
    )
