"""How the intake does, what it could not use, and whether the service serves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from central.api.asked import moment
from central.core.city import DeadLetter, IngestStats


class DeadLetterOut(BaseModel):
    """A message, or a part of one, that could not be used."""

    id: int
    received_at: datetime
    site: str
    topic: str
    reason: str
    detail: str
    payload: str = Field(description="First bytes of it, as text")


class DeadLetters(BaseModel):
    """Newest first; the table is bounded, the counts in `/ingest` are not."""

    dead_letters: list[DeadLetterOut]


class Ingest(BaseModel):
    """What the intake did since this process started."""

    since: datetime
    messages: int
    readings_stored: int
    readings_repeated: int = Field(description="Came again and changed nothing")
    readings_bad: int = Field(description="Stored as a gap with its reason")
    dead_letters: dict[str, int] = Field(description="Reason → count")
    batches: int
    queue_length: int
    queue_max: int
    store_seconds_p50: float | None = Field(description="From the register to durable in the store, s")
    store_seconds_p99: float | None


class Health(BaseModel):
    """Whether the process lives (`/healthz`) or serves (`/readyz`)."""

    status: str = Field(description="ok, or not_ready")
    parts: dict[str, str] = Field({}, description="Part → ok, or what it lacks")


def dead_letters(found: Iterable[DeadLetter]) -> list[DeadLetterOut]:
    """Dead letters, as kept."""
    return [
        DeadLetterOut(
            id=d.id,
            received_at=moment(d.received_ms),
            site=d.site,
            topic=d.topic,
            reason=d.reason,
            detail=d.detail,
            payload=d.payload,
        )
        for d in found
    ]


def ingest(stats: IngestStats) -> Ingest:
    """The intake's counters."""
    return Ingest(
        since=moment(stats.since_ms),
        messages=stats.messages,
        readings_stored=stats.readings_stored,
        readings_repeated=stats.readings_repeated,
        readings_bad=stats.readings_bad,
        dead_letters=dict(stats.dead_letters),
        batches=stats.batches,
        queue_length=stats.queue_length,
        queue_max=stats.queue_max,
        store_seconds_p50=stats.store_seconds_p50,
        store_seconds_p99=stats.store_seconds_p99,
    )
