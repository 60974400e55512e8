"""The messages between shelter and city. Field names are short on the wire and spelt out here.

``t`` is always UTC milliseconds. Sequence numbers (``seq``) count every entry of one outbox, telemetry and events
alike, from 1; ``epoch`` names the outbox, and is new when the outbox file is new.

The bounds below are what a decoder enforces. They are far wider than any plant, and narrow enough that nothing which
passes can overflow a 64-bit integer, a double, a calendar or a database column on its way through the house.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Self

from msgspec import Meta, Struct, field

VERSION: Final = 1

INTEGER_MAX: Final = 2**53 - 1
"""Largest whole number that every JSON reader carries exactly."""
MILLIS_MAX: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, where calendars end."""
LAYOUT_POINTS_MAX: Final = 256

# Python's $ also matches before a last line feed; the look-ahead shuts that door and means nothing to other readers.
_EPOCH: Final = r"^[0-9A-Za-z._:-]*$(?!\n)"
_NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]*$(?!\n)"
WORD_PATTERN: Final = "[a-z][a-z0-9_]{0,63}"
"""Of a word in a list that a later release may add to."""
_WORD: Final = re.compile(WORD_PATTERN)
Millis = Annotated[int, Meta(ge=0, le=MILLIS_MAX, description="UTC milliseconds")]
Seq = Annotated[int, Meta(ge=1, le=INTEGER_MAX, description="Number of an outbox entry")]
SeqRange = tuple[Seq, Seq]
"""First and last number, both inside."""
Count = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Epoch = Annotated[str, Meta(min_length=1, max_length=64, pattern=_EPOCH)]
DeviceId = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NO_CONTROL)]
LayoutId = Annotated[str, Meta(min_length=6, max_length=6)]
PointName = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NO_CONTROL)]
Text = Annotated[str, Meta(max_length=8_000)]
"""Long enough to name every point."""
Whole = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Slot = int | str
"""A whole number of the point's steps, or the one-letter code of why there is none (contract.readings.WIRE_CODES)."""
WireSlot = Whole | Annotated[str, Meta(max_length=6)]
"""A slot, or the layout id that stands before them."""
PointNumber = Annotated[int, Meta(ge=0, le=65_535, description="Place of the point in the closed list")]
LayoutDefinition = tuple[
    DeviceId, Annotated[list[PointName | PointNumber], Meta(min_length=1, max_length=LAYOUT_POINTS_MAX)]
]
"""Device, and its points in order: by number, or by name (who writes the other side may find that easier)."""


class Telemetry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city: readings of one outbox entry (``rows``) or of many (``columns``). Both mean the same rows.

    ``rows``: ``[layout id, ms after t, slot…]``; a row whose device did not answer is ``[layout id, ms, code]``.
    ``columns``: ``[layout id, times, column…]``. ``times`` are the ms after ``t`` of the first row, then differences.
    A column holds the first slot, then differences; a column that never changes is that one slot, bare; a code stands
    for its slot and leaves the running number as it was.
    """

    version: int = field(name="v", default=VERSION)
    """Version of this contract. A side that speaks another one refuses the message."""
    epoch: Epoch = field(name="e")
    """Outbox that numbered the entries."""
    seqs: Seq | Annotated[list[SeqRange], Meta(min_length=1)] = field(name="s")
    """One entry's number, or the ranges that this message carries whole."""
    base_ms: Millis = field(name="t")
    """UTC milliseconds that the times of rows and columns count from."""
    rows: list[list[WireSlot]] = field(name="r", default_factory=list)
    """[layout id, ms after t, slot…] of one device at one moment."""
    columns: list[list[WireSlot | list[WireSlot]]] = field(name="c", default_factory=list)
    """[layout id, times, column…] of one device over time, as differences."""
    layouts: dict[LayoutId, LayoutDefinition] = field(name="d", default_factory=dict)
    """Layouts that the city has not acknowledged yet: id → device and points."""


class OpenEnum(StrEnum):
    """Words of which a later release may have more. One that this release does not know stands for itself."""

    @property
    def is_known(self) -> bool:
        """Whether this release knows the word."""
        return self.value in type(self)._value2member_map_

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or not _WORD.fullmatch(value):
            return None
        later = str.__new__(cls, value)
        later._name_, later._value_ = "LATER", value
        return later


class EventKind(OpenEnum):
    """What an event tells. A later release may know more kinds; such an event is kept under the kind that it says."""

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
    MODE_CHANGED = "mode_changed"
    RECEIPT = "receipt"
    """How far an order has come (contract/steering.py: ``receipt_of``)."""
    COMMISSIONING_REPORT = "commissioning_report"
    """A technician has finished; the detail carries the signed report (contract/commissioning.py)."""


class Severity(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


class LossReason(OpenEnum):
    """Why an accepted reading will never arrive at full resolution, or at all. A later release may know more."""

    THINNED_1MIN = "thinned_1min"
    THINNED_15MIN = "thinned_15min"
    DROPPED = "dropped"
    DAMAGED = "damaged"
    DISK_FULL = "disk_full"


class Loss(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of the outbox that was given up, and why. ``rows`` is how many device rows are gone."""

    first_seq: Seq = field(name="a")
    """First outbox number of the stretch."""
    last_seq: Seq = field(name="b")
    """Last outbox number of the stretch, inside."""
    from_ms: Millis = field(name="f")
    """Moment of its first reading."""
    to_ms: Millis = field(name="u")
    """Moment of its last reading."""
    rows: Count = field(name="n")
    """Device rows that are gone."""
    reason: LossReason = field(name="y")
    """Why."""
    epoch: Annotated[str, Meta(max_length=64, pattern=_EPOCH)] = field(name="e", default="")
    """Outbox that it was lost from, when that is not the message's own (a damaged file that was replaced)."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city: something happened. It has an outbox number like a batch, and is acknowledged like one."""

    version: int = field(name="v", default=VERSION)
    """Version of this contract."""
    epoch: Epoch = field(name="e")
    """Outbox that numbered the event."""
    seq: Seq = field(name="s")
    """Its number, from the same count as telemetry."""
    at_ms: Millis = field(name="t")
    """When it happened."""
    kind: EventKind = field(name="k")
    """What happened."""
    severity: Severity = field(name="y", default=Severity.INFO)
    """How much it matters."""
    device: Annotated[str, Meta(max_length=64, pattern=_NO_CONTROL)] = field(name="i", default="")
    """Device that it is about; empty for the shelter as a whole."""
    detail: dict[Text, Text | Whole | float | bool] = field(name="x", default_factory=dict)
    """Further facts, by name."""
    losses: list[Loss] = field(name="l", default_factory=list)
    """Stretches of the outbox that were given up."""


class ClockState(StrEnum):
    """What the edge knows of the time."""

    KNOWN = "known"
    UNKNOWN = "unknown"


class DeviceStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device as the edge sees it."""

    id: DeviceId
    """The name that layouts use."""
    profile: Text
    """Profile by which its registers are read."""
    online: bool
    """Whether it answered the last time that it was asked."""
    last_answer_ms: Millis = 0
    """When it last answered; 0 = not since the agent started."""
    model: Text = ""
    """Model, as the device says."""
    serial: Text = ""
    """Serial number, as the device says."""
    firmware: Text = ""
    """Firmware, as the device says."""
    refused: list[Text] = field(default_factory=list)
    """Points that are not read because the device says it has no such register."""


class OutboxStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much waits at the edge. ``first_seq`` and ``oldest_ms`` are of the oldest entry that waits."""

    epoch: Epoch
    """Name of the outbox."""
    next_seq: Seq
    """The number that its next entry will have."""
    waiting: Count = 0
    """Entries that are not acknowledged."""
    first_seq: Count = 0
    """Number of the oldest entry that waits; 0 = none does."""
    oldest_ms: Millis = 0
    """Time of the oldest entry that waits."""
    bytes: Count = 0
    """Size of the outbox on disk."""
    bytes_max: Count = 0
    """Size at which it thins its oldest data."""


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city, retained; also the last will (``online`` false and nothing else)."""

    version: int = field(name="v", default=VERSION)
    """Version of this contract."""
    online: bool
    """Whether the agent is connected. False comes from the agent's farewell or from the broker (last will)."""
    at_ms: Millis = 0
    """When it was said; 0 in a last will, which was written before."""
    agent: Text = ""
    """Version of the agent's software."""
    interval_s: Annotated[float, Meta(ge=0)] = 0
    """Seconds between two polls of fast points."""
    clock: ClockState = ClockState.UNKNOWN
    """Whether the agent knows the time."""
    devices: list[DeviceStatus] = field(default_factory=list)
    """Every configured device."""
    outbox: OutboxStatus | None = None
    """How much waits at the edge."""


class Ack(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """City → edge: these entries are durable in the store (or refused for good) and need not be sent again."""

    version: int = field(name="v", default=VERSION)
    """Version of this contract."""
    epoch: Epoch = field(name="e")
    """Outbox that the numbers are of."""
    ranges: list[SeqRange] = field(name="a", default_factory=list)
    """Numbers that need not be sent again."""
    refused: dict[Text, Text] = field(name="n", default_factory=dict)
    """Of these, the ones that cannot be used: seq (or "first-last") → reason. They are in the dead-letter table."""
    need: list[Text] = field(name="d", default_factory=list)
    """Layouts that the city does not know: send them again inside the next batch that uses them."""
    again: list[SeqRange] = field(name="g", default_factory=list)
    """Numbers that the city had and has no more, since it was put back from a backup: send again what is still kept."""
    at_ms: Millis = field(name="t", default=0)
    """City's time when it was said."""
