"""How the intake does, what it could not use, and whether the service serves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from central.api.asked import moment
from central.core.city import DeadLetter, IngestStats


class DeadLetterOut(BaseModel):
    """A message, or a part of one, that could not be used."""

    id: int = Field(description="Number of the letter, rising")
    received_at: datetime = Field(description="When it came, UTC")
    site: str = Field(description="Shelter that it came from, as far as that is known")
    topic: str = Field(description="MQTT topic")
    reason: str = Field(description="Why, in one word such as `future_time`")
    detail: str = Field(description="What is wrong with it")
    payload: str = Field(description="First bytes of it, as text")


class DeadLetters(BaseModel):
    """Newest first; the table is bounded, the counts in `/ingest` are not."""

    dead_letters: list[DeadLetterOut] = Field(description="Newest first")


class Ingest(BaseModel):
    """What the intake did since this process started."""

    since: datetime = Field(description="When this process started, UTC")
    messages: int = Field(description="MQTT messages taken")
    readings_stored: int = Field(description="Good readings that are in the store now and were not before")
    readings_repeated: int = Field(description="Came again and changed nothing")
    readings_bad: int = Field(description="Stored as a gap with its reason")
    dead_letters: dict[str, int] = Field(description="Reason → count")
    events_unknown: dict[str, int] = Field(
        description="Events kept under a kind that this release does not know (sent by a later agent): kind → count"
    )
    batches: int = Field(description="Commits of the store")
    queue_length: int = Field(description="Messages that wait for the store")
    queue_max: int = Field(description="Messages from which on the broker has to wait")
    store_seconds_p50: float | None = Field(description="From the register to durable in the store, s")
    store_seconds_p99: float | None = Field(description="The same for the slowest of a hundred, s")


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
        events_unknown=dict(stats.events_unknown),
        batches=stats.batches,
        queue_length=stats.queue_length,
        queue_max=stats.queue_max,
        store_seconds_p50=stats.store_seconds_p50,
        store_seconds_p99=stats.store_seconds_p99,
    )
