"""Line protocol and InfluxQL text. Pure. Numbers are always floats: one integer would bar the field to floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from central.store.base import StoreRefusedError, StoreRow
from central.store.shapes import shape_name, wrong_length

HEADS_MAX: Final = 100_000
DAY_MS: Final = 86_400_000
TIME_MAX_MS: Final = 9_223_372_036_853
_ESCAPES = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})


def tag(value: str) -> str:
    """A tag's value.

    Raises:
        StoreRefusedError: the line protocol cannot carry it.
    """
    if not value or value.endswith("\\") or any(ord(character) < 0x20 for character in value):
        raise StoreRefusedError(
            f"{value!r} cannot be a tag: it is empty, or ends in a backslash, or has control characters"
        )
    return value.translate(_ESCAPES)


def field_text(value: str) -> str:
    """A text field's value."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def identifier(name: str) -> str:
    """A name in InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value: str) -> str:
    """A text literal in InfluxQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def between(from_ms: int, to_ms: int) -> str:
    """A condition on time. InfluxDB knows the years 1677 to 2262."""
    return f"time >= {max(from_ms, -TIME_MAX_MS)}ms AND time < {min(to_ms, TIME_MAX_MS)}ms"


def day_of(at_ms: int) -> int:
    """The UTC day of a moment, counted from 1970."""
    return at_ms // DAY_MS


def line_of_shape(points: tuple[str, ...], day: int) -> str:
    """What says which points a shape has, once for each day with rows of it; writing it again changes nothing.

    It stands at the day's end: a bucket that keeps rows for some time alone keeps it for as long as the day's rows.
    """
    at_ms = min((day + 1) * DAY_MS - 1, TIME_MAX_MS)
    return f"shelter_shape,shape={shape_name(points)} points={field_text(' '.join(points))} {at_ms}"


class LineMaker:
    """Makes lines; keeps what is the same in every line of a device and of a shape."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, str, tuple[str, ...]], str] = {}
        self._bodies: dict[tuple[str, ...], str] = {}

    def of_rows(self, rows: Sequence[StoreRow]) -> list[str]:
        """One line a row."""
        return [self._line(row) for row in rows]

    def _line(self, row: StoreRow) -> str:
        if len(row.values) != len(row.points):
            raise wrong_length(row)
        key = (row.site, row.device, row.points)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= HEADS_MAX:
                self._heads.clear()
            shape = shape_name(row.points)
            head = self._heads[key] = f"shelter,device={tag(row.device)},shape={shape},site={tag(row.site)} "
        if None in row.values:
            fields = [
                f"{point}={value!r}" for point, value in zip(row.points, row.values, strict=True) if value is not None
            ]
            fields.append(f"good={float(len(fields))}")
        else:
            body = self._bodies.get(row.points)
            if body is None:
                marks = ",".join(f"{point}=%r" for point in row.points)
                body = self._bodies[row.points] = f"{marks},good={float(len(row.points))}"
            fields = [body % row.values]
        if row.bad:
            fields.append(f"bad={field_text(row.bad)}")
        return f"{head}{','.join(fields)} {row.at_ms}"
