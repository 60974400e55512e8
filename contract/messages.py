"""The messages between shelter and city. Field names are short on the wire and spelt out here.

``t`` is always UTC milliseconds. Sequence numbers (``seq``) count every entry of one outbox, telemetry and events
alike, from 1; ``epoch`` names the outbox, and is new when the outbox file is new.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct, field

VERSION: Final = 1

Millis = Annotated[int, Meta(ge=0, description="UTC milliseconds")]
Seq = Annotated[int, Meta(ge=1, description="Number of an outbox entry")]
SeqRange = tuple[Seq, Seq]
Slot = int | str
"""A whole number of the point's steps, or the one-letter code of why there is none (contract.readings.WIRE_CODES)."""
LayoutDefinition = tuple[str, list[str]]


class Telemetry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city: readings of one outbox entry (``rows``) or of many (``columns``). Both mean the same rows.

    ``rows``: ``[layout id, ms after t, slot…]``; a row whose device did not answer is ``[layout id, ms, code]``.
    ``columns``: ``[layout id, times, column…]``. ``times`` are the ms after ``t`` of the first row, then differences.
    A column holds the first slot, then differences; a column that never changes is that one slot, bare; a code stands
    for its slot and leaves the running number as it was.
    """

    version: int = field(name="v", default=VERSION)
    epoch: str = field(name="e")
    seqs: Seq | list[SeqRange] = field(name="s")
    """One entry's number, or the ranges that this message carries whole."""
    base_ms: Millis = field(name="t")
    rows: list[list[Slot]] = field(name="r", default_factory=list)
    columns: list[list[Slot | list[Slot]]] = field(name="c", default_factory=list)
    layouts: dict[str, LayoutDefinition] = field(name="d", default_factory=dict)
    """Layouts that the city has not acknowledged yet: id → device and points."""


class EventKind(StrEnum):
    """What an event tells."""

    AGENT_STARTED = "agent_started"
    AGENT_STOPPED = "agent_stopped"
    DEVICE_LOST = "device_lost"
    DEVICE_BACK = "device_back"
    REGISTERS_REFUSED = "registers_refused"
    GRID_LOST = "grid_lost"
    GRID_BACK = "grid_back"
    CLOCK_CORRECTED = "clock_corrected"
    DATA_LOST = "data_lost"
    OUTBOX_DAMAGED = "outbox_damaged"
    DISK_FULL = "disk_full"
    BALANCE_OFF = "balance_off"
    BALANCE_OK = "balance_ok"


class Severity(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


class LossReason(StrEnum):
    """Why an accepted reading will never arrive at full resolution, or at all."""

    THINNED_1MIN = "thinned_1min"
    THINNED_15MIN = "thinned_15min"
    DROPPED = "dropped"
    DAMAGED = "damaged"
    DISK_FULL = "disk_full"


class Loss(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of the outbox that was given up, and why. ``rows`` is how many device rows are gone."""

    first_seq: Seq = field(name="a")
    last_seq: Seq = field(name="b")
    from_ms: Millis = field(name="f")
    to_ms: Millis = field(name="u")
    rows: int = field(name="n")
    reason: LossReason = field(name="y")
    epoch: str = field(name="e", default="")
    """Outbox that it was lost from, when that is not the message's own (a damaged file that was replaced)."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city: something happened. It has an outbox number like a batch, and is acknowledged like one."""

    version: int = field(name="v", default=VERSION)
    epoch: str = field(name="e")
    seq: Seq = field(name="s")
    at_ms: Millis = field(name="t")
    kind: EventKind = field(name="k")
    severity: Severity = field(name="y", default=Severity.INFO)
    device: str = field(name="i", default="")
    detail: dict[str, str | int | float | bool] = field(name="x", default_factory=dict)
    losses: list[Loss] = field(name="l", default_factory=list)


class ClockState(StrEnum):
    """What the edge knows of the time."""

    KNOWN = "known"
    UNKNOWN = "unknown"


class DeviceStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device as the edge sees it."""

    id: str
    profile: str
    online: bool
    last_answer_ms: Millis = 0
    model: str = ""
    serial: str = ""
    firmware: str = ""
    refused: list[str] = field(default_factory=list)
    """Points that are not read because the device says it has no such register."""


class OutboxStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much waits at the edge. ``first_seq`` and ``oldest_ms`` are of the oldest entry that waits."""

    epoch: str
    next_seq: Seq
    waiting: int = 0
    first_seq: int = 0
    oldest_ms: Millis = 0
    bytes: int = 0
    bytes_max: int = 0


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city, retained; also the last will (``online`` false and nothing else)."""

    version: int = field(name="v", default=VERSION)
    online: bool
    at_ms: Millis = 0
    agent: str = ""
    """Version of the agent's software."""
    interval_s: float = 0
    clock: ClockState = ClockState.UNKNOWN
    devices: list[DeviceStatus] = field(default_factory=list)
    outbox: OutboxStatus | None = None


class Ack(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """City → edge: these entries are durable in the store (or refused for good) and need not be sent again."""

    version: int = field(name="v", default=VERSION)
    epoch: str = field(name="e")
    ranges: list[SeqRange] = field(name="a", default_factory=list)
    refused: dict[str, str] = field(name="n", default_factory=dict)
    """Of these, the ones that cannot be used: seq (or "first-last") → reason. They are in the dead-letter table."""
    need: list[str] = field(name="d", default_factory=list)
    """Layouts that the city does not know: send them again inside the next batch that uses them."""
    at_ms: Millis = field(name="t", default=0)
