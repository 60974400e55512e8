"""Bytes ↔ messages ↔ rows. Decoding is strict; an error says what is wrong and where.

Live entries travel as rows, history as columns of differences. Both decode to the same ``Row`` values, so late data
takes the same path into the store, with the same types, as live data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from contract.layouts import Layout
from contract.messages import VERSION, Ack, Event, SeqRange, Slot, Status, Telemetry
from contract.points import POINTS
from contract.readings import QUALITIES, WIRE_CODES, DeviceReadings

MESSAGE_BYTES_MAX: Final = 256 * 1024
"""Larger messages are refused unread."""
ROWS_MAX: Final = 20_000
"""Rows that one message may unfold to: a few bytes of columns must not fill the city's memory."""

M = TypeVar("M", Telemetry, Event, Status, Ack)


class WireError(ValueError):
    """Bytes that are not a message of ours. The text says what and where."""


class UnknownLayoutError(WireError):
    """A row refers to a layout that is neither in the message nor known. ``layout_id`` says which."""

    def __init__(self, layout_id: str) -> None:
        super().__init__(f"layout {layout_id!r} is not known and not in the message")
        self.layout_id = layout_id


@dataclass(frozen=True, slots=True)
class Row:
    """One device at one moment: slots in the layout's order, ``None`` slots for a device that did not answer.

    A slot is a whole number of steps (Point.from_wire makes it a value) or a one-letter quality code.
    """

    layout_id: str
    at_ms: int
    slots: tuple[Slot, ...]


_encoder = msgspec.json.Encoder()


def encode(message: Telemetry | Event | Status | Ack) -> bytes:
    """JSON of a message, without blanks."""
    return _encoder.encode(message)


def _decoder_of(kind: type[M]) -> Callable[[bytes], M]:
    decoder = msgspec.json.Decoder(kind, strict=True)

    def decode(payload: bytes) -> M:
        if len(payload) > MESSAGE_BYTES_MAX:
            raise WireError(f"{len(payload)} bytes, the limit is {MESSAGE_BYTES_MAX}")
        try:
            message = decoder.decode(payload)
        except msgspec.ValidationError as error:
            raise WireError(f"not a valid {kind.__name__.lower()} message: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WireError(f"not JSON: {error}") from None
        if message.version != VERSION:
            raise WireError(f"contract version {message.version}, this side speaks {VERSION}: update the older side")
        return message

    return decode


decode_telemetry: Final[Callable[[bytes], Telemetry]] = _decoder_of(Telemetry)
decode_event: Final[Callable[[bytes], Event]] = _decoder_of(Event)
decode_status: Final[Callable[[bytes], Status]] = _decoder_of(Status)
decode_ack: Final[Callable[[bytes], Ack]] = _decoder_of(Ack)


# --- Readings ↔ rows -------------------------------------------------------------------------------------------------


def layout_of(taken: DeviceReadings) -> Layout:
    """The layout that a device's readings have."""
    return Layout(taken.device, tuple(reading.point for reading in taken.readings))


def row_of(taken: DeviceReadings, layout_id: str) -> Row:
    """Readings as whole numbers; all bad for one reason become a single code."""
    slots = tuple(
        POINTS[reading.point].to_wire(reading.value) if reading.value is not None else WIRE_CODES[reading.quality]
        for reading in taken.readings
    )
    first = slots[0] if slots else ""
    if isinstance(first, str) and all(slot == first for slot in slots):
        slots = (first,)
    return Row(layout_id, taken.taken_at_ms, slots)


def slots_of(row: Row, layout: Layout) -> tuple[Slot, ...]:
    """The row's slots, one per point of the layout.

    Raises:
        WireError: the row has another number of slots, or a code that does not exist.
    """
    slots = row.slots
    wanted = len(layout.points)
    if len(slots) != wanted:
        if len(slots) != 1 or not isinstance(slots[0], str):
            raise WireError(f"row of layout {row.layout_id}: {len(slots)} slots, want {wanted}")
        slots = slots * wanted
    for slot in slots:
        if isinstance(slot, str) and slot not in QUALITIES:
            raise WireError(f"row of layout {row.layout_id}: unknown quality code {slot!r}")
    return slots


# --- Rows ↔ telemetry ------------------------------------------------------------------------------------------------


def live_telemetry(epoch: str, seq: int, rows: Sequence[Row], layouts: Mapping[str, Layout]) -> Telemetry:
    """One outbox entry as a message. ``layouts``: the definitions to carry along (those not yet acknowledged)."""
    base_ms = min((row.at_ms for row in rows), default=0)
    return Telemetry(
        epoch=epoch,
        seqs=seq,
        base_ms=base_ms,
        rows=[[row.layout_id, row.at_ms - base_ms, *row.slots] for row in rows],
        layouts=_definitions(layouts),
    )


def history_telemetry(
    epoch: str, seqs: Sequence[SeqRange], rows: Iterable[Row], layouts: Mapping[str, Layout]
) -> Telemetry:
    """Many outbox entries as one message, in columns of differences.

    Rows are ordered by time within a layout. A row with one code for all (a dark device) stays a row.
    """
    by_shape: dict[str, list[Row]] = {}
    dark: list[Row] = []
    for row in rows:
        if len(row.slots) == 1 and isinstance(row.slots[0], str):
            dark.append(row)
        else:
            by_shape.setdefault(row.layout_id, []).append(row)
    base_ms = min((row.at_ms for group in (*by_shape.values(), dark) for row in group), default=0)
    columns: list[list[Slot | list[Slot]]] = []
    for layout_id, group in by_shape.items():
        group.sort(key=lambda row: row.at_ms)
        times = _differences([row.at_ms - base_ms for row in group])
        slots = [_fold(_differences(column)) for column in zip(*(row.slots for row in group), strict=True)]
        columns.append([layout_id, times, *slots])
    return Telemetry(
        epoch=epoch,
        seqs=list(seqs),
        base_ms=base_ms,
        rows=[[row.layout_id, row.at_ms - base_ms, *row.slots] for row in dark],
        columns=columns,
        layouts=_definitions(layouts),
    )


def seqs_of(message: Telemetry) -> list[SeqRange]:
    """The ranges of outbox entries that a message carries.

    Raises:
        WireError: a range is turned round.
    """
    ranges = [(message.seqs, message.seqs)] if isinstance(message.seqs, int) else message.seqs
    for first, last in ranges:
        if last < first:
            raise WireError(f"sequence range {first}..{last} is turned round")
    return list(ranges)


def rows_of(message: Telemetry) -> list[Row]:
    """All rows of a message, from ``rows`` and ``columns`` alike.

    Raises:
        WireError: a row or column does not have the form that Telemetry describes.
    """
    base_ms = message.base_ms
    found: list[Row] = []
    for raw in message.rows:
        if len(raw) < 3:
            raise WireError(f"row {raw!r}: want layout, milliseconds and slots")
        layout_id, after_ms = raw[0], raw[1]
        if not isinstance(layout_id, str) or not isinstance(after_ms, int):
            raise WireError(f"row {raw[:2]!r}: want a layout id and milliseconds")
        found.append(Row(layout_id, base_ms + after_ms, tuple(raw[2:])))
    for column_set in message.columns:
        found += _rows_of_columns(base_ms, column_set, room=ROWS_MAX - len(found))
    if len(found) > ROWS_MAX:
        raise WireError(f"{len(found)} rows, the limit is {ROWS_MAX}")
    return found


def _rows_of_columns(base_ms: int, column_set: Sequence[Slot | list[Slot]], room: int) -> list[Row]:
    if len(column_set) < 3:
        raise WireError("a column set wants layout, times and columns")
    layout_id, times, *columns = column_set
    if not isinstance(layout_id, str) or not isinstance(times, list):
        raise WireError(f"columns of {layout_id!r}: want a layout id and a list of times")
    if len(times) > room:
        raise WireError(f"columns of layout {layout_id}: more rows than the limit of {ROWS_MAX}")
    at = [base_ms + after_ms for after_ms in _sums(layout_id, times, len(times)) if isinstance(after_ms, int)]
    if len(at) != len(times):
        raise WireError(f"columns of layout {layout_id}: a time is not a number")
    slots = [_sums(layout_id, column, len(times)) for column in columns]
    return [Row(layout_id, at_ms, row) for at_ms, row in zip(at, zip(*slots, strict=True), strict=True)]


def _differences(column: Sequence[Slot]) -> list[Slot]:
    folded: list[Slot] = []
    last = 0
    for slot in column:
        if isinstance(slot, str):
            folded.append(slot)
        else:
            folded.append(slot - last)
            last = slot
    return folded


def _fold(column: list[Slot]) -> Slot | list[Slot]:
    first, rest = column[0], column[1:]
    same = all(slot == first for slot in rest) if isinstance(first, str) else all(slot == 0 for slot in rest)
    return first if same else column


def _sums(layout_id: str, column: Slot | list[Slot], count: int) -> list[Slot]:
    if not isinstance(column, list):
        return [column] * count
    if len(column) != count:
        raise WireError(f"columns of layout {layout_id}: {len(column)} slots for {count} times")
    slots: list[Slot] = []
    running = 0
    for slot in column:
        if isinstance(slot, str):
            slots.append(slot)
        else:
            running += slot
            slots.append(running)
    return slots


def _definitions(layouts: Mapping[str, Layout]) -> dict[str, tuple[str, list[str]]]:
    return {layout_id: (layout.device, list(layout.points)) for layout_id, layout in layouts.items()}


def layouts_in(message: Telemetry) -> dict[str, Layout]:
    """Layouts that a message defines.

    Raises:
        WireError: an id is not the hash of its contents.
    """
    found: dict[str, Layout] = {}
    for layout_id, (device, points) in message.layouts.items():
        layout = Layout(device, tuple(points))
        if layout.id != layout_id:
            raise WireError(f"layout {layout_id!r} is not the hash of its contents ({layout.id!r})")
        found[layout_id] = layout
    return found
