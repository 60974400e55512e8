"""Values as people read them: numbers with separators, units that fit, words for states and signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from contract.points import POINTS, Kind
from contract.readings import Quality, Reading
from edge_agent.page.live import DeviceNow
from edge_agent.page.words_points import GROUPS, group_name, group_of, point_name
from edge_agent.words import WORDS, meaning, tokyo_time

Row = Mapping[str, str]
_MINUS: Final = "−"
_KILO: Final = {"W": "kW", "Wh": "kWh", "var": "kvar"}
_HEADLINE: Final = ("battery.soc_pct", "pv.power_w", "battery.power_w", "grid.power_w", "inverter.power_w")


def row(reading: Reading, lang: str) -> Row:
    """One point: name, number, unit, and what the number means or why there is none."""
    point = reading.point
    found = {"point": point, "name": point_name(point, lang), "number": "–", "unit": "", "meaning": ""}
    if reading.value is None:
        return found | {"meaning": WORDS[lang].get(reading.quality.value, reading.quality.value)}
    number, unit = shown(point, reading.value)
    said = meaning(point, reading.value, lang)
    if reading.quality is not Quality.GOOD:
        said = WORDS[lang].get(reading.quality.value, reading.quality.value)
    if point.endswith("clock_s"):
        return found | {"number": tokyo_time(reading.value), "meaning": said}
    if POINTS[point].kind is Kind.STATE and said:
        return found | {"number": said}
    return found | {"number": number, "unit": unit, "meaning": said}


def shown(point: str, value: float) -> tuple[str, str]:
    """A value and its unit; energies in kWh, since nobody reads millions of Wh on a phone."""
    known = POINTS[point]
    if known.unit == "Wh":
        return f"{value / 1000:,.1f}", "kWh"
    return f"{value:,.{known.decimals}f}".replace("-", _MINUS), known.unit


def groups(device: DeviceNow, lang: str) -> tuple[list[tuple[str, list[Row]]], list[Row]]:
    """A device's points that have a value, by group, and those that have none."""
    order = list(GROUPS)
    found: dict[str, list[Row]] = {}
    absent: list[Row] = []
    for reading in device.readings:
        shown_row = row(reading, lang)
        group = group_of(reading.point)
        if reading.value is None:
            absent.append({**shown_row, "name": f"{group_name(group, lang)} {shown_row['name']}"})
        else:
            found.setdefault(group, []).append(shown_row)
    ranked = sorted(found, key=lambda group: order.index(group) if group in order else len(order))
    return [(group_name(group, lang), found[group]) for group in ranked], absent


def headline(device: DeviceNow, lang: str) -> str:
    """The few values of a device that matter most, in one line."""
    values = {reading.point: reading.value for reading in device.readings}
    texts = []
    for point in _HEADLINE:
        value = values.get(point)
        if value is not None:
            number, unit = _short(point, value)
            texts.append(f"{group_name(group_of(point), lang)} {number} {unit} {meaning(point, value, lang)}".strip())
    return " · ".join(texts[:3])


def figures(devices: Sequence[DeviceNow], lang: str) -> list[Row]:
    """PV, battery, grid and charge of the whole shelter, as far as they are told."""
    found: list[Row] = []
    for point, of in (
        ("pv.power_w", _sum(devices, "pv.power_w")),
        ("battery.power_w", _sum(devices, "battery.power_w")),
        ("grid.power_w", _first(devices, "grid.power_w")),
        ("battery.soc_pct", _first(devices, "battery.soc_pct")),
    ):
        if of is None:
            continue
        number, unit = _short(point, of)
        name = point_name(point, lang) if point.endswith("soc_pct") else group_name(group_of(point), lang)
        found.append({"name": name, "number": number, "unit": unit, "meaning": meaning(point, of, lang)})
    return found


def _short(point: str, value: float) -> tuple[str, str]:
    """A power without its sign, which has a word; in kW from 1,000 W on."""
    unit = POINTS[point].unit
    size = abs(value)
    if unit in _KILO:
        return (f"{size / 1000:,.1f}", _KILO[unit]) if size >= 1000 else (f"{size:,.0f}", unit)
    return f"{size:,.0f}", unit


def _values(devices: Iterable[DeviceNow], point: str) -> list[float]:
    return [
        reading.value
        for device in devices
        for reading in device.readings
        if reading.point == point and reading.value is not None and reading.quality is Quality.GOOD
    ]


def _sum(devices: Sequence[DeviceNow], point: str) -> float | None:
    values = _values(devices, point)
    return sum(values) if values else None


def _first(devices: Sequence[DeviceNow], point: str) -> float | None:
    """The meter's before an inverter's own: a device that tells only the grid is the meter."""
    ranked = sorted(devices, key=lambda device: any(r.point.startswith("inverter.") for r in device.readings))
    values = _values(ranked, point)
    return values[0] if values else None
