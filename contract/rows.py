"""Readings ↔ rows ↔ columns of differences: the values behind the bytes. Malformed input raises ``WireError`` only."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from contract.layouts import Layout
from contract.messages import INTEGER_MAX, MILLIS_MAX, Slot
from contract.points import POINTS
from contract.readings import QUALITIES, WIRE_CODES, DeviceReadings, Quality, Reading

ROWS_MAX: Final = 20_000
"""Rows that one message may unfold to: a few bytes of columns must not fill the city's memory."""
SLOTS_MAX: Final = 500_000
"""Slots that the columns of one message may unfold to, for the same reason: a bare slot stands for a whole column."""


class WireError(ValueError):
    """Bytes that are not a message of ours. The text says what and where."""


class UnknownLayoutError(WireError):
    """A row refers to a layout that is neither in the message nor known. ``layout_id`` says which."""

    def __init__(self, layout_id: str) -> None:
        super().__init__(f"layout {layout_id!r} is not known and not in the message")
        self.layout_id = layout_id


@dataclass(frozen=True, slots=True)
class Row:
    """One device at one moment: slots in the layout's order, or one code for a device that did not answer.

    A slot is a whole number of steps (Point.from_wire makes it a value) or a one-letter quality code.
    """

    layout_id: str
    at_ms: int
    slots: tuple[Slot, ...]


def layout_of(taken: DeviceReadings) -> Layout:
    """The layout that a device's readings have."""
    return Layout(taken.device, tuple(reading.point for reading in taken.readings))


def row_of(taken: DeviceReadings, layout_id: str) -> Row:
    """Readings as whole numbers; all bad for one reason become a single code.

    A number that no working device can report travels as ``OUT_OF_RANGE``, whoever made it.
    """
    slots = tuple([_slot_of(reading) for reading in taken.readings])
    first = slots[0] if slots else ""
    if isinstance(first, str) and all(slot == first for slot in slots):
        slots = (first,)
    return Row(layout_id, taken.taken_at_ms, slots)


def _slot_of(reading: Reading) -> Slot:
    if reading.value is None:
        return WIRE_CODES[reading.quality]
    point = POINTS[reading.point]
    return point.to_wire(reading.value) if point.is_plausible(reading.value) else WIRE_CODES[Quality.OUT_OF_RANGE]


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


def columns_of(layout_id: str, rows: Sequence[Row], base_ms: int) -> list[Slot | list[Slot]]:
    """Rows of one layout as ``[layout id, times, column…]``, in order of time."""
    ordered = sorted(rows, key=lambda row: row.at_ms)
    times = _differences([row.at_ms - base_ms for row in ordered])
    slots = [_fold(_differences(column)) for column in zip(*(row.slots for row in ordered), strict=True)]
    return [layout_id, times, *slots]


def rows_of_columns(
    base_ms: int, column_set: Sequence[Slot | list[Slot]], *, rows_left: int, slots_left: int
) -> list[Row]:
    """The rows that a column set stands for, at most ``rows_left`` of them and ``slots_left`` slots.

    Raises:
        WireError: it is malformed, or unfolds to more.
    """
    if len(column_set) < 3:
        raise WireError("a column set wants layout, times and columns")
    layout_id, times, *columns = column_set
    if not isinstance(layout_id, str) or not isinstance(times, list) or not times:
        raise WireError(f"columns of {reprlib.repr(layout_id)}: want a layout id and a list of times")
    count = len(times)
    if count > rows_left:
        raise WireError(f"columns of layout {layout_id}: more rows than the limit of {ROWS_MAX} a message")
    if count * len(columns) > slots_left:
        raise WireError(f"columns of layout {layout_id}: more slots than the limit of {SLOTS_MAX} a message")
    at = [base_ms + after_ms for after_ms in _sums(layout_id, times, count) if isinstance(after_ms, int)]
    if len(at) != count:
        raise WireError(f"columns of layout {layout_id}: a time is not a number")
    if min(at) < 0 or max(at) > MILLIS_MAX:
        raise WireError(f"columns of layout {layout_id}: its times run to {min(at)}..{max(at)}, which are none")
    slots = [_sums(layout_id, column, count) for column in columns]
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


def _sums(layout_id: str, column: Slot | list[Slot], count: int) -> Sequence[Slot]:
    if not isinstance(column, list):
        return [column] * count
    if len(column) != count:
        raise WireError(f"columns of layout {layout_id}: {len(column)} slots for {count} times")
    numbers = [slot for slot in column if isinstance(slot, int)]
    sums = list(accumulate(numbers))
    if sums and not -INTEGER_MAX <= min(sums) <= max(sums) <= INTEGER_MAX:
        raise WireError(f"columns of layout {layout_id}: a column runs to {min(sums)}..{max(sums)}")
    if len(sums) == count:
        return sums
    running = iter(sums)
    return [slot if isinstance(slot, str) else next(running) for slot in column]
