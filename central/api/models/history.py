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
    value: float | None = Field(description="In the series' `unit`; null where nothing good was read")
    count: int = Field(description="Good readings inside the step")


class Series(BaseModel):
    """A point over time. Steps are aligned to midnight in Tokyo; every step of the span is there, gaps as null."""

    site: str = Field(description="ID of the shelter")
    device: str | None = Field(description="As asked; null: the device that has the point")
    point: str = Field(description="Name of the point")
    unit: str = Field(description="Unit of the values; empty for a state and for `count`")
    aggregate: Aggregate = Field(description="How the readings of a step became one")
    step_s: float = Field(description="Length of a step, s")
    from_at: datetime = Field(description="Begin of the span, UTC")
    to_at: datetime = Field(description="End of the span, not inside, UTC")
    samples: list[SampleOut] = Field(description="Every step of the span, in order of time")


class StretchOut(BaseModel):
    """One stretch of time, and what became of its data."""

    from_at: datetime = Field(description="Begin, UTC")
    to_at: datetime = Field(description="End, not inside, UTC")
    duration_s: float = Field(description="Length, s")
    fate: Fate = Field(
        description="arrived; waiting: at the shelter, will come; lost: given up, see `reason`; "
        "not_measured: the agent was not running; unknown: the shelter is cut off"
    )
    reason: str = Field(description="Why, in one word such as `thinned_1min`; empty where the fate says all")
    entries: int = Field(description="Outbox entries, as far as their numbers are known")


class Promise(BaseModel):
    """The data promise: the stretches cover the span without a gap."""

    site: str = Field(description="ID of the shelter")
    from_at: datetime = Field(description="Begin of the span, UTC")
    to_at: datetime = Field(description="End of the span, not inside, UTC")
    stretches: list[StretchOut] = Field(description="In order of time, without a gap or an overlap")


class EventOut(BaseModel):
    """Something that happened at a shelter."""

    site: str = Field(description="ID of the shelter")
    at: datetime = Field(description="When it happened, UTC")
    received_at: datetime = Field(description="When the city heard of it, UTC")
    kind: str = Field(description="What happened, such as `grid_lost`")
    severity: str = Field(description="info, warning or alarm")
    device: str = Field(description="Device that it is about; empty: the shelter as a whole")
    detail: dict[str, Any] = Field(description="Further facts, by name")


class Events(BaseModel):
    """Newest first."""

    events: list[EventOut] = Field(description="Newest first")


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
