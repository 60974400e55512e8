"""What the intake takes and what it refuses. Pure: a message, what is known of its site and the time in; rows out.

One unusable row or value does not spoil the rest of its message: it is left out (a value becomes a gap with its reason)
and named in ``faults``. Live rows and columns of history go through the same ``_take``.

This runs for every row of the city, so a layout is compiled once into a ``Shape`` whose bounds are whole steps of the
wire: a row of good numbers is checked and converted by passes of ``map``, with no object per value but the value.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import ge, le, truediv
from typing import Final

from central.store.base import StoreRow
from contract.layouts import Layout
from contract.messages import LayoutDefinition, Slot, Telemetry
from contract.points import POINT_NAMES, POINTS, Point
from contract.readings import QUALITIES, WIRE_CODES, Quality
from contract.rows import ROWS_MAX, SLOTS_MAX, WireError, rows_of_columns
from contract.wire import layouts_in

TIME_MIN_MS: Final = 1_577_836_800_000
"""2020-01-01. No shelter of this system measured anything earlier: such a time is a clock without a battery."""
AHEAD_MAX_MS: Final = 5 * 60_000
"""How far the time of a reading may lie ahead of the city's clock."""
LAYOUTS_MAX: Final = 500
"""Layouts of one site. A site has a handful; more is a fault that must not fill the memory."""

_OUT: Final = WIRE_CODES[Quality.OUT_OF_RANGE]
_MALFORMED: Final = WIRE_CODES[Quality.MALFORMED]


class Reason(StrEnum):
    """Why a message, or a part of it, can't be used."""

    BAD_TOPIC = "bad_topic"
    TOO_LARGE = "too_large"
    BROKEN_MESSAGE = "broken_message"
    OTHER_VERSION = "other_version"
    UNKNOWN_SITE = "unknown_site"
    WRONG_LAYOUT = "wrong_layout"
    """A layout whose id is not its hash, that names a point twice, clashes with another one, or is one too many."""
    UNKNOWN_POINT = "unknown_point"
    MALFORMED_ROW = "malformed_row"
    FUTURE_TIME = "future_time"
    TOO_OLD = "too_old"
    OUT_OF_RANGE = "out_of_range"
    BAD_REPORT = "bad_report"
    """A commissioning report that cannot be used: not signed, another shelter's, or no report."""
    BAD_RECEIPT = "bad_receipt"
    """A receipt or a reported state that cannot be read."""
    INTERNAL_ERROR = "internal_error"
    """Central failed, not the message: it is not acknowledged, so the shelter keeps it."""


class Shape:
    """One layout of one site, ready to check and convert rows."""

    __slots__ = (
        "count",
        "definition",
        "device",
        "divisors",
        "highs",
        "known",
        "layout",
        "lows",
        "nothing",
        "points",
        "site",
        "unknown",
    )

    def __init__(self, site: str, layout: Layout) -> None:
        self.site = site
        self.layout = layout
        self.definition: LayoutDefinition | None = None
        """As the site last told it."""
        self.device = layout.device
        self.count = len(layout.points)
        found = [POINTS.get(name) for name in layout.points]
        self.known = tuple(point for point in found if point is not None)
        self.unknown = tuple(name for name in layout.points if name not in POINTS)
        self.points = _shared_points(tuple(point.name for point in self.known))
        self.nothing: tuple[float | None, ...] = (None,) * len(self.points)
        self.lows = tuple(math.ceil(_steps(point, point.low)) for point in self.known)
        self.highs = tuple(math.floor(_steps(point, point.high)) for point in self.known)
        self.divisors = tuple(int(10**point.decimals) for point in self.known)


_points_seen: dict[tuple[str, ...], tuple[str, ...]] = {}


def _shared_points(points: tuple[str, ...]) -> tuple[str, ...]:
    """The same object for the same points, so that stores and live view can tell shapes apart cheaply."""
    return _points_seen.setdefault(points, points) if len(_points_seen) < 10_000 else points


def _steps(point: Point, value: float) -> float:
    return value * float(10**point.decimals)


@dataclass(slots=True)
class Faults:
    """Unusable parts of one message: how many for each reason, and the first of each in words."""

    counts: dict[Reason, int] = field(default_factory=dict)
    details: dict[Reason, str] = field(default_factory=dict)

    def add(self, reason: Reason, detail: str, count: int = 1) -> None:
        """Note unusable parts."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.details.setdefault(reason, detail)

    def __bool__(self) -> bool:
        return bool(self.counts)

    @property
    def reason(self) -> Reason:
        """The first one that was found."""
        return next(iter(self.counts))


@dataclass(slots=True)
class Judged:
    """What a telemetry message comes to.

    ``need``: layouts to ask for; nothing of the message is used before they came. ``is_newer``: it names points by
    numbers of a newer list than this side has; the message is not done with before this side was updated.
    """

    rows: list[StoreRow] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    need: list[str] = field(default_factory=list)
    is_newer: bool = False


@dataclass(frozen=True, slots=True)
class WrongLayout:
    """A layout that came with a message and can't be used."""

    reason: Reason
    detail: str


def learn(site: str, shapes: dict[str, Shape], message: Telemetry) -> tuple[list[Layout], dict[str, WrongLayout]]:
    """Add the layouts of a message to ``shapes``. Returns the new ones, and of wrong ones what is wrong."""
    new: list[Layout] = []
    wrong: dict[str, WrongLayout] = {}
    for layout_id, definition in message.layouts.items():
        known = shapes.get(layout_id)
        if known is not None and known.definition == definition:
            continue
        # One by one: a wrong layout does not spoil its neighbours.
        alone = Telemetry(epoch=message.epoch, seqs=message.seqs, base_ms=0, layouts={layout_id: definition})
        try:
            layout = layouts_in(alone)[layout_id]
        except WireError as error:
            is_newer = any(isinstance(point, int) and point >= len(POINT_NAMES) for point in definition[1])
            wrong[layout_id] = WrongLayout(Reason.UNKNOWN_POINT if is_newer else Reason.WRONG_LAYOUT, str(error))
            continue
        if known is None and len(shapes) >= LAYOUTS_MAX:
            detail = f"layout {layout_id!r} of {layout.device}: the site has {LAYOUTS_MAX} already"
            wrong[layout_id] = WrongLayout(Reason.WRONG_LAYOUT, detail)
        elif known is not None and known.layout != layout:
            detail = f"layout {layout_id!r} of {layout.device} clashes with one of {known.device}: same hash"
            wrong[layout_id] = WrongLayout(Reason.WRONG_LAYOUT, detail)
        else:
            if known is None:
                known = shapes[layout_id] = Shape(site, layout)
                new.append(layout)
            known.definition = definition
    return new, wrong


def judge(message: Telemetry, shapes: Mapping[str, Shape], wrong: Mapping[str, WrongLayout], now_ms: int) -> Judged:
    """Turn a message into rows for the store, and say what of it can't be used.

    ``wrong``: layouts that came with this message and were refused by ``learn``; their rows are lost for good. A row of
    a layout that is simply not known can be used once the layout comes, so the message is to be sent again.
    """
    judged = Judged()
    faults = judged.faults
    latest_ms = now_ms + AHEAD_MAX_MS
    rows = judged.rows
    base_ms = message.base_ms
    for raw in message.rows:
        shape = shapes.get(raw[0]) if raw else None  # type: ignore[arg-type]  # A number is simply not a key.
        if shape is None:
            _miss(raw[0] if raw else "", judged, wrong)
            continue
        after_ms = raw[1] if len(raw) > 2 else ""
        if isinstance(after_ms, str):
            faults.add(Reason.MALFORMED_ROW, f"row {reprlib.repr(raw)}: want layout, milliseconds and slots")
            continue
        at_ms = base_ms + after_ms
        if TIME_MIN_MS <= at_ms <= latest_ms:
            row = _take(shape, at_ms, raw[2:], faults)
            if row is not None:
                rows.append(row)
        else:
            _time_fault(faults, shape, at_ms, now_ms)
    if message.columns:
        _judge_columns(message, shapes, wrong, now_ms, judged)
    return judged


def _judge_columns(
    message: Telemetry, shapes: Mapping[str, Shape], wrong: Mapping[str, WrongLayout], now_ms: int, judged: Judged
) -> None:
    faults = judged.faults
    rows_left, slots_left = ROWS_MAX - len(message.rows), SLOTS_MAX
    for column_set in message.columns:
        head = column_set[0] if column_set else ""
        shape = shapes.get(head) if isinstance(head, str) else None
        if shape is None:
            _miss(head, judged, wrong)
            continue
        if len(column_set) != shape.count + 2:
            faults.add(Reason.MALFORMED_ROW, f"columns of {shape.device}: {len(column_set) - 2}, want {shape.count}")
            continue
        try:
            found = rows_of_columns(message.base_ms, column_set, rows_left=rows_left, slots_left=slots_left)
        except WireError as error:
            faults.add(Reason.MALFORMED_ROW, str(error))
            continue
        rows_left -= len(found)
        slots_left -= len(found) * shape.count
        for history in found:
            if TIME_MIN_MS <= history.at_ms <= now_ms + AHEAD_MAX_MS:
                row = _take(shape, history.at_ms, history.slots, faults)
                if row is not None:
                    judged.rows.append(row)
            else:
                _time_fault(faults, shape, history.at_ms, now_ms)


def _miss(layout_id: object, judged: Judged, wrong: Mapping[str, WrongLayout]) -> None:
    if not isinstance(layout_id, str) or len(layout_id) != 6:
        judged.faults.add(Reason.MALFORMED_ROW, f"{reprlib.repr(layout_id)} stands where a layout id should")
    elif layout_id in wrong:
        judged.faults.add(wrong[layout_id].reason, wrong[layout_id].detail)
        judged.is_newer |= wrong[layout_id].reason is Reason.UNKNOWN_POINT
    elif layout_id not in judged.need:
        judged.need.append(layout_id)


def _time_fault(faults: Faults, shape: Shape, at_ms: int, now_ms: int) -> None:
    if at_ms < TIME_MIN_MS:
        faults.add(Reason.TOO_OLD, f"{shape.device}: {at_ms} ms is before 2020")
    else:
        faults.add(
            Reason.FUTURE_TIME, f"{shape.device}: {at_ms} ms is {(at_ms - now_ms) / 1_000:.0f} s ahead of the city"
        )


def check_event_time(at_ms: int, now_ms: int) -> tuple[Reason, str] | None:
    """Why the time of an event can't be, or ``None``."""
    if at_ms < TIME_MIN_MS:
        return Reason.TOO_OLD, f"{at_ms} ms is before 2020"
    if at_ms > now_ms + AHEAD_MAX_MS:
        return Reason.FUTURE_TIME, f"{at_ms} ms is {(at_ms - now_ms) / 1_000:.0f} s ahead of the city"
    return None


def _take(shape: Shape, at_ms: int, slots: Sequence[Slot], faults: Faults) -> StoreRow | None:
    """A row for the store, or ``None`` when nothing of it can be used."""
    if len(slots) == shape.count and not shape.unknown:
        try:
            if all(map(le, shape.lows, slots)) and all(map(ge, shape.highs, slots)):
                values = tuple(map(truediv, slots, shape.divisors))
                return StoreRow(shape.site, shape.device, at_ms, shape.points, values)
        except TypeError:
            pass  # A quality code stands among the numbers: take it slot by slot.
    elif len(slots) != shape.count:
        code = slots[0]
        if len(slots) == 1 and isinstance(code, str) and code in QUALITIES:
            return StoreRow(shape.site, shape.device, at_ms, shape.points, shape.nothing, code)
        faults.add(Reason.MALFORMED_ROW, f"row of {shape.device}: {len(slots)} slots, want {shape.count}")
        return None
    return _take_slots(shape, at_ms, slots, faults)


def _take_slots(shape: Shape, at_ms: int, slots: Sequence[Slot], faults: Faults) -> StoreRow | None:
    if shape.unknown:
        faults.add(Reason.UNKNOWN_POINT, f"{shape.device}: there is no point {shape.unknown[0]!r}", len(shape.unknown))
        slots = [slot for slot, name in zip(slots, shape.layout.points, strict=True) if name in POINTS]
        if not slots:
            return None
    values: list[float | None] = []
    bad: list[str] = []
    for slot, low, high, divisor, name in zip(
        slots, shape.lows, shape.highs, shape.divisors, shape.points, strict=True
    ):
        if isinstance(slot, int):
            if low <= slot <= high:
                values.append(slot / divisor)
                continue
            point = POINTS[name]
            said = f"{slot / divisor:g} {point.unit}".strip()
            faults.add(Reason.OUT_OF_RANGE, f"{shape.device} {name}: {said} is outside {point.low:g} to {point.high:g}")
            code = _OUT
        elif slot in QUALITIES:
            code = slot
        else:
            faults.add(Reason.MALFORMED_ROW, f"{shape.device} {name}: there is no quality code {slot!r}")
            code = _MALFORMED
        values.append(None)
        bad.append(f"{name}={code}")
    return StoreRow(shape.site, shape.device, at_ms, shape.points, tuple(values), _joined(bad, len(values)))


def _joined(bad: list[str], count: int) -> str:
    """One code when all slots have the same one (as a dark device), else each by its name."""
    if not bad:
        return ""
    codes = {text.rpartition("=")[2] for text in bad}
    return codes.pop() if len(bad) == count and len(codes) == 1 else " ".join(bad)
