"""One message to one person over one channel: tried until it is taken or given up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from central.core.news import Severity
from central.core.notify.people import Channel, Person
from central.core.notify.telling import Purpose

BACKOFF_S: Final = (10, 20, 40, 60, 120, 300, 600)
"""Pauses after the first, second… failure; the last one from then on."""
GIVE_UP_MS: Final = 6 * 3_600_000
"""Then it goes to the dead letters: whoever reads it would be misled. LINE knows a repeat by its key for a day."""
FALL_BACK_AFTER: Final = 3
"""So many failures, and the person's other channels are tried beside this one."""
SAID_CHARS_MAX: Final = 200


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    SENT = "sent"
    """The channel's server has taken it. Nobody knows whether it was read before it is acknowledged."""
    DEAD = "dead"
    """Given up, or refused for good."""


class Outcome(StrEnum):
    """What became of an attempt."""

    TAKEN = "taken"
    LATER = "later"
    """It may work later: try again."""
    REFUSED = "refused"
    """It never will: another channel has to carry it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a channel made of a message. ``said``: in words, without secrets."""

    outcome: Outcome
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way. ``id`` is a UUID and the same at every attempt, so a receiver knows a repeat."""

    id: str
    message: str
    """Deliveries of one message over several channels carry the same."""
    case: str = ""
    """Empty: a test."""
    person: str
    name: str
    channel: Channel
    purpose: Purpose
    severity: Severity
    is_drill: bool = False
    subject: str
    text: str = field(repr=False)
    made_ms: int
    state: State = State.WAITING
    attempts: int = 0
    next_ms: int = 0
    done_ms: int = 0
    said: str = ""
    stands_in_for: str = ""
    """The channel that could not be reached, when that is why this one is used."""


def after(delivery: Delivery, result: Result, now_ms: int) -> Delivery:
    """After an attempt."""
    tried = replace(delivery, attempts=delivery.attempts + 1, said=result.said[:SAID_CHARS_MAX])
    if result.outcome is Outcome.TAKEN:
        return replace(tried, state=State.SENT, done_ms=now_ms)
    pause_s = BACKOFF_S[min(delivery.attempts, len(BACKOFF_S) - 1)]
    if result.outcome is Outcome.REFUSED or now_ms - delivery.made_ms >= GIVE_UP_MS:
        return replace(tried, state=State.DEAD, done_ms=now_ms)
    return replace(tried, next_ms=now_ms + pause_s * 1_000)


def stand_ins(failed: Delivery, person: Person | None, used: Sequence[Channel]) -> list[Channel]:
    """Channels that carry it instead, after an attempt that failed: the person's next one, or none.

    Args:
        failed: as ``after`` made it.
        person: to whom it goes; ``None``: not in the file any more.
        used: channels that this message went to already.
    """
    is_beaten = failed.state is State.DEAD or (failed.state is State.WAITING and failed.attempts >= FALL_BACK_AFTER)
    if person is None or not is_beaten or failed.purpose is Purpose.TEST:
        return []
    return [channel for channel in person.fallback if channel not in used][:1]
