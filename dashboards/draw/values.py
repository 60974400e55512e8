"""How a value is written and coloured: by unit, mapping and thresholds, as Grafana would. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

TOKYO: Final = timezone(timedelta(hours=9))
TEXT: Final = "#24292e"
_COLOURS: Final = {
    "green": "#1a7f37",
    "yellow": "#9a6700",
    "orange": "#bc4c00",
    "red": "#cf222e",
    "blue": "#0969da",
    "purple": "#8250df",
}
"""Of their names in Grafana; dark enough to be read on white."""
_SCALED: Final = {"watt": "W", "watth": "Wh"}
_STEPPED: Final = {
    "masskg": ((1_000.0, "t"), (1.0, "kg")),
    "s": ((86_400.0, "日"), (3_600.0, "時間"), (60.0, "分"), (1.0, "秒")),
}
_SIMPLE: Final = {"percent": "%", "h": " 時間", "celsius": " °C", "none": ""}


def colour_of(name: str) -> str:
    """A colour by its name in Grafana."""
    return _COLOURS.get(name, name)


def written(value: object, unit: str, decimals: float | None = None) -> str:
    """A value with its unit."""
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    places = None if decimals is None else int(decimals)
    if unit.startswith("suffix:"):
        return _number(value, places or 0) + unit.removeprefix("suffix:")
    if unit in _SCALED:
        return _scaled(value, _SCALED[unit], 1 if places is None else places)
    if unit in _STEPPED:
        return _stepped(value, _STEPPED[unit])
    return _number(value, (1 if abs(value) < 100 else 0) if places is None else places) + _SIMPLE.get(unit, "")


def moment(at_ms: float, *, with_day: bool = True) -> str:
    """A moment in Tokyo."""
    at = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(TOKYO)
    return f"{at.month}/{at.day} {at:%H:%M}" if with_day else f"{at:%H:%M}"


def mapped(value: object, mappings: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Word and colour of a mapped value."""
    for one in mappings:
        found = one["options"].get(str(int(value))) if isinstance(value, int | float) else None
        if found:
            return found["text"], colour_of(found.get("color", TEXT))
    return None


def judged(value: object, steps: Sequence[Mapping[str, Any]]) -> str:
    """Colour of a value by thresholds; the text's own without any."""
    chosen = TEXT
    if isinstance(value, int | float) and len(steps) > 1:
        for step in steps:
            if step["value"] is None or value >= step["value"]:
                chosen = colour_of(step["color"])
    return chosen


def _number(value: float, places: int) -> str:
    return f"{value:,.{places}f}"


def _scaled(value: float, unit: str, places: int) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:,.{places}f} {prefix}{unit}"
    return f"{value:,.0f} {unit}"


def _stepped(value: float, units: Sequence[tuple[float, str]]) -> str:
    for size, word in units:
        if abs(value) >= size:
            return f"{value / size:,.1f} {word}"
    return f"{value:,.0f} {units[-1][1]}"
