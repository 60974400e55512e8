"""Values of the city as rows of the relational tables, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from central.core.city import DeadLetter, EventRecord, Fate, Site, SiteKind
from central.core.ledger import LedgerRun
from central.core.stages import KeyRecord, ReportRecord
from contract.commissioning import SiteStage


def values_of_site(site: Site) -> dict[str, object]:
    """A site as columns."""
    return asdict(site) | {"kind": site.kind.value}


def site_of(row: Mapping[str, Any]) -> Site:
    """A site from its row."""
    return Site(**{**row, "kind": SiteKind(row["kind"])})


def event_of(row: Mapping[str, Any]) -> EventRecord:
    """An event from its row."""
    return EventRecord(**{**row, "detail": msgspec.json.decode(row["detail"])})


def values_of_run(run: LedgerRun) -> dict[str, object]:
    """A ledger run as columns."""
    return {
        "site": run.site,
        "epoch": run.epoch,
        "first_seq": run.first_seq,
        "last_seq": run.last_seq,
        "from_ms": run.from_ms,
        "to_ms": run.to_ms,
        "fate": run.fate.value,
        "reason": run.reason,
        "rows": run.rows,
    }


def run_of(row: Mapping[str, Any]) -> LedgerRun:
    """A ledger run from its row."""
    return LedgerRun(**{**row, "fate": Fate(row["fate"])})


def values_of_event(event: EventRecord) -> dict[str, object]:
    """An event as columns; its detail is JSON."""
    return {
        "site": event.site,
        "epoch": event.epoch,
        "seq": event.seq,
        "at_ms": event.at_ms,
        "received_ms": event.received_ms,
        "kind": event.kind,
        "severity": event.severity,
        "device": _clean(event.device),
        "detail": msgspec.json.encode(event.detail).decode(),
    }


def values_of_report(report: ReportRecord) -> dict[str, object]:
    """A report as columns."""
    return {
        "site": report.site,
        "sha256": report.sha256,
        "at_ms": report.at_ms,
        "received_ms": report.received_ms,
        "public_key": report.public_key,
        "stage": report.stage.value,
        "missing": msgspec.json.encode(report.missing).decode(),
        "technician": _clean(report.technician),
        "is_synthetic": report.is_synthetic,
        "document": report.document,
    }


def report_of(row: Mapping[str, Any]) -> ReportRecord:
    """A report from its row, with or without its document."""
    return ReportRecord(
        **{**row, "stage": SiteStage(row["stage"]), "missing": tuple(msgspec.json.decode(row["missing"]))}
    )


def values_of_key(key: KeyRecord) -> dict[str, object]:
    """A key as columns."""
    return asdict(key) | {"by": _clean(key.by), "why": _clean(key.why)}


def key_of(row: Mapping[str, Any]) -> KeyRecord:
    """A key from its row."""
    return KeyRecord(**row)


def values_of_letter(letter: DeadLetter) -> dict[str, object]:
    """A dead letter as columns; the database numbers it."""
    return {
        "received_ms": letter.received_ms,
        "site": _clean(letter.site),
        "topic": _clean(letter.topic),
        "reason": letter.reason,
        "detail": _clean(letter.detail),
        "payload": _clean(letter.payload),
    }


def _clean(text: str) -> str:
    """Text from outside, as PostgreSQL takes it: without NUL."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
