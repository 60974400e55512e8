"""What was: series, the data promise, events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from central.api.asked import moment
from central.core.city import Aggregate, EventRecord, Fate, Sample, Stretch


class SampleOut(BaseModel):
    """One step: `value` is null where nothing good was read."""

    at: datetime = Field(description="Start of the step, UTC")
    value: float | None
    count: int = Field(description="Good readings inside the step")


class Series(BaseModel):
    """A point over time. Steps are aligned to midnight in Tokyo; every step of the span is there, gaps as null."""

    site: str
    device: str | None = Field(description="As asked; null: the device that has the point")
    point: str
    unit: str
    aggregate: Aggregate
    step_s: float
    from_at: datetime
    to_at: datetime
    samples: list[SampleOut]


class StretchOut(BaseModel):
    """One stretch of time, and what became of its data."""

    from_at: datetime
    to_at: datetime
    duration_s: float
    fate: Fate = Field(
        description="arrived; waiting: at the shelter, will come; lost: given up, see `reason`; "
        "not_measured: the agent was not running; unknown: the shelter is cut off"
    )
    reason: str
    entries: int = Field(description="Outbox entries, as far as their numbers are known")


class Promise(BaseModel):
    """The data promise: the stretches cover the span without a gap."""

    site: str
    from_at: datetime
    to_at: datetime
    stretches: list[StretchOut]


class EventOut(BaseModel):
    """Something that happened at a shelter."""

    site: str
    at: datetime
    received_at: datetime
    kind: str
    severity: str
    device: str
    detail: dict[str, Any]


class Events(BaseModel):
    """Newest first."""

    events: list[EventOut]


def samples(found: Iterable[Sample]) -> list[SampleOut]:
    """Steps of a series."""
    return [SampleOut(at=moment(s.at_ms), value=s.value, count=s.count) for s in found]


def stretches(found: Iterable[Stretch]) -> list[StretchOut]:
    """Stretches of a promise."""
    return [
        StretchOut(
            from_at=moment(s.from_ms),
            to_at=moment(s.to_ms),
            duration_s=(s.to_ms - s.from_ms) / 1_000,
            fate=s.fate,
            reason=s.reason,
            entries=s.entries,
        )
        for s in found
    ]


def events(found: Iterable[EventRecord]) -> list[EventOut]:
    """Events, as stored."""
    return [
        EventOut(
            site=e.site,
            at=moment(e.at_ms),
            received_at=moment(e.received_ms),
            kind=e.kind,
            severity=e.severity,
            device=e.device,
            detail=dict(e.detail),
        )
        for e in found
    ]
