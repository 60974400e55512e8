"""Bytes ↔ messages ↔ rows. Decoding is strict; an error says what is wrong and where.

Live entries travel as rows, history as columns of differences. Both decode to the same ``Row`` values, so late data
takes the same path into the store, with the same types, as live data.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from contract.layouts import Layout
from contract.messages import MILLIS_MAX, VERSION, Ack, Event, SeqRange, Status, Telemetry
from contract.points import POINT_NAMES, POINT_NUMBERS
from contract.rows import (
    ROWS_MAX,
    SLOTS_MAX,
    Row,
    UnknownLayoutError,
    WireError,
    columns_of,
    layout_of,
    row_of,
    rows_of_columns,
    slots_of,
)

__all__ = [
    "MESSAGE_BYTES_MAX",
    "ROWS_MAX",
    "SLOTS_MAX",
    "Row",
    "UnknownLayoutError",
    "WireError",
    "decode_ack",
    "decode_event",
    "decode_status",
    "decode_telemetry",
    "encode",
    "history_telemetry",
    "layout_of",
    "layouts_in",
    "live_telemetry",
    "row_of",
    "rows_of",
    "seqs_of",
    "slots_of",
]

MESSAGE_BYTES_MAX: Final = 256 * 1024
"""Larger messages are refused unread."""

M = TypeVar("M", Telemetry, Event, Status, Ack)

_encoder = msgspec.json.Encoder()


def encode(message: Telemetry | Event | Status | Ack) -> bytes:
    """JSON of a message, without blanks."""
    return _encoder.encode(message)


class _Version(msgspec.Struct):
    version: int = msgspec.field(name="v", default=VERSION)


_version_decoder = msgspec.json.Decoder(_Version)


def _decoder_of(kind: type[M], check: Callable[[M], None]) -> Callable[[bytes], M]:
    decoder = msgspec.json.Decoder(kind, strict=True)

    def decode(payload: bytes) -> M:
        if len(payload) > MESSAGE_BYTES_MAX:
            raise WireError(f"{len(payload)} bytes, the limit is {MESSAGE_BYTES_MAX}")
        try:
            message = decoder.decode(payload)
        except msgspec.ValidationError as error:
            _check_version(payload)
            raise WireError(f"not a valid {kind.__name__.lower()} message: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WireError(f"not JSON: {error}") from None
        if message.version != VERSION:
            raise _wrong_version(message.version)
        check(message)
        return message

    return decode


def _check_version(payload: bytes) -> None:
    """Another version explains every other fault, so it is the one to tell."""
    try:
        version = _version_decoder.decode(payload).version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # The first fault stands.
    if version != VERSION:
        raise _wrong_version(version) from None


def _wrong_version(version: int) -> WireError:
    return WireError(f"contract version {reprlib.repr(version)}, this side speaks {VERSION}: update the older side")


def _check_ranges(ranges: Iterable[SeqRange]) -> None:
    for first, last in ranges:
        if last < first:
            raise WireError(f"sequence range {first}..{last} is turned round")


def _check_telemetry(message: Telemetry) -> None:
    if not isinstance(message.seqs, int):
        _check_ranges(message.seqs)


def _check_event(message: Event) -> None:
    for loss in message.losses:
        _check_ranges([(loss.first_seq, loss.last_seq)])
        if loss.to_ms < loss.from_ms:
            raise WireError(f"loss of {loss.first_seq}..{loss.last_seq}: its time ends before it begins")


def _check_status(message: Status) -> None:
    """Nothing that the form does not say already."""


def _check_ack(message: Ack) -> None:
    _check_ranges(message.ranges)
    _check_ranges(message.again)


decode_telemetry: Final[Callable[[bytes], Telemetry]] = _decoder_of(Telemetry, _check_telemetry)
decode_event: Final[Callable[[bytes], Event]] = _decoder_of(Event, _check_event)
decode_status: Final[Callable[[bytes], Status]] = _decoder_of(Status, _check_status)
decode_ack: Final[Callable[[bytes], Ack]] = _decoder_of(Ack, _check_ack)


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
    by_layout: dict[str, list[Row]] = {}
    dark: list[Row] = []
    for row in rows:
        if len(row.slots) == 1 and isinstance(row.slots[0], str):
            dark.append(row)
        else:
            by_layout.setdefault(row.layout_id, []).append(row)
    base_ms = min((row.at_ms for group in (*by_layout.values(), dark) for row in group), default=0)
    return Telemetry(
        epoch=epoch,
        seqs=list(seqs),
        base_ms=base_ms,
        rows=[[row.layout_id, row.at_ms - base_ms, *row.slots] for row in dark],
        columns=[columns_of(layout_id, group, base_ms) for layout_id, group in by_layout.items()],
        layouts=_definitions(layouts),
    )


def seqs_of(message: Telemetry) -> list[SeqRange]:
    """The ranges of outbox entries that a message carries.

    Raises:
        WireError: a range is turned round.
    """
    if isinstance(message.seqs, int):
        return [(message.seqs, message.seqs)]
    _check_ranges(message.seqs)
    return list(message.seqs)


def rows_of(message: Telemetry) -> list[Row]:
    """All rows of a message, from ``rows`` and ``columns`` alike.

    Raises:
        WireError: a row or column does not have the form that Telemetry describes.
    """
    base_ms = message.base_ms
    if len(message.rows) > ROWS_MAX:
        raise WireError(f"{len(message.rows)} rows, the limit is {ROWS_MAX}")
    found: list[Row] = []
    for raw in message.rows:
        if len(raw) < 3:
            raise WireError(f"row {raw!r}: want layout, milliseconds and slots")
        layout_id, after_ms = raw[0], raw[1]
        if not isinstance(layout_id, str) or not isinstance(after_ms, int):
            raise WireError(f"row {raw[:2]!r}: want a layout id and milliseconds")
        at_ms = base_ms + after_ms
        if not 0 <= at_ms <= MILLIS_MAX:
            raise WireError(f"row of layout {layout_id}: {after_ms} ms after {base_ms} is no time")
        found.append(Row(layout_id, at_ms, tuple(raw[2:])))
    slots_left = SLOTS_MAX
    for column_set in message.columns:
        rows = rows_of_columns(base_ms, column_set, rows_left=ROWS_MAX - len(found), slots_left=slots_left)
        slots_left -= len(rows) * len(rows[0].slots)
        found += rows
    return found


def _definitions(layouts: Mapping[str, Layout]) -> dict[str, tuple[str, list[str | int]]]:
    return {
        layout_id: (layout.device, [POINT_NUMBERS.get(point, point) for point in layout.points])
        for layout_id, layout in layouts.items()
    }


def _names(layout_id: str, points: Sequence[str | int]) -> tuple[str, ...]:
    if unknown := [point for point in points if isinstance(point, int) and point >= len(POINT_NAMES)]:
        raise WireError(
            f"layout {layout_id!r}: point number {unknown[0]} is not known here (0 to {len(POINT_NAMES) - 1}): "
            "the sender's list of points is newer, update this side"
        )
    return tuple(POINT_NAMES[point] if isinstance(point, int) else point for point in points)


def layouts_in(message: Telemetry) -> dict[str, Layout]:
    """Layouts that a message defines.

    Raises:
        WireError: an id is not the hash of its contents, a layout names a point twice, or a point's number is unknown.
    """
    found: dict[str, Layout] = {}
    for layout_id, (device, points) in message.layouts.items():
        layout = Layout(device, _names(layout_id, points))
        if layout.id != layout_id:
            raise WireError(f"layout {layout_id!r} is not the hash of its contents ({layout.id!r})")
        if len(set(layout.points)) != len(layout.points):
            raise WireError(f"layout {layout_id!r} of device {device!r} names a point twice")
        found[layout_id] = layout
    return found
