"""One panel as a picture, by its kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dashboards.draw import svg
from dashboards.draw.answers import Ask, Line, last_of, lines_of, table_of
from dashboards.draw.values import TEXT, colour_of, judged, mapped, moment, written

ROW = 22
LEGEND = 20


@dataclass(frozen=True, slots=True)
class Area:
    """Where a panel's content stands, and the time that it shows."""

    x: float
    y: float
    width: float
    height: float
    from_ms: int
    to_ms: int


def drawn(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    """The content of a panel."""
    match panel["type"]:
        case "stat":
            return _number(panel, area, ask)
        case "timeseries":
            return _graph(panel, area, ask)
        case "table":
            return _table(panel, area, ask)
        case "barchart":
            return _bars(panel, area, ask)
        case "state-timeline":
            return _bands(panel, area, ask)
        case "geomap":
            return _map(panel, area, ask)
        case kind:
            raise ValueError(f"{panel['title']}: nobody draws {kind}")


def _defaults(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    found = panel["fieldConfig"]["defaults"]
    assert isinstance(found, dict)
    return found


def _overridden(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What holds for one column: the defaults and what is said of its name."""
    found = dict(_defaults(panel))
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == name:
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def _number(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    told = _defaults(panel)
    value = last_of(panel, ask)
    said, colour = mapped(value, told.get("mappings", ())) or (
        written(value, told["unit"], told.get("decimals")),
        judged(value, told.get("thresholds", {}).get("steps", ())),
    )
    size = 30 if svg.width_of(said, 30) < area.width else 20
    return [
        svg.text(
            area.x + area.width / 2,
            area.y + area.height / 2 + 10,
            said,
            size=size,
            colour=colour,
            bold=True,
            anchor="middle",
        )
    ]


def _graph(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    told, found = _defaults(panel), lines_of(panel, ask)
    custom = told.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    shown = _stacked(found) if stacked else found
    values = [value for line in shown for _, value in line.points] or [0.0]
    low = told.get("min", min(0.0, *values))
    high = told.get("max", max(*values, low + 1))
    inner = Area(area.x + 58, area.y + 6, area.width - 66, area.height - 28 - LEGEND, area.from_ms, area.to_ms)
    parts = _axes(inner, low, high, told)

    def at(point: tuple[int, float]) -> tuple[float, float]:
        across = (point[0] - area.from_ms) / (area.to_ms - area.from_ms)
        return inner.x + across * inner.width, inner.y + inner.height * (1 - (point[1] - low) / (high - low))

    is_bars, stepped = custom.get("drawStyle") == "bars", custom.get("lineInterpolation") == "stepAfter"
    for number, line in enumerate(shown):
        colour = svg.SERIES[number % len(svg.SERIES)]
        inside = [point for point in line.points if area.from_ms <= point[0] <= area.to_ms]
        if is_bars:
            wide = max(2.0, 0.7 * inner.width * 86_400_000 / (area.to_ms - area.from_ms) / max(1, len(shown)))
            for point in inside:
                x, y = at(point)
                parts.append(svg.box(x + number * wide, y, wide, at((0, low))[1] - y, colour, opacity=0.85))
        elif stacked:
            below = shown[number - 1].points if number else [(time, low) for time, _ in line.points]
            parts.append(svg.area([at(point) for point in inside], [at(point) for point in below], colour))
        else:
            parts += [svg.path([at(point) for point in piece], colour, stepped=stepped) for piece in _pieces(inside)]
    return [*parts, *_legend([line.name for line in found], area)]


def _axes(area: Area, low: float, high: float, told: Mapping[str, Any]) -> list[str]:
    parts = []
    for number in range(5):
        y = area.y + area.height * number / 4
        value = high - (high - low) * number / 4
        parts += [
            svg.rule(area.x, y, area.x + area.width, y),
            svg.text(
                area.x - 6,
                y + 4,
                written(value, told["unit"], 0 if high - low > 8 else 1),
                size=10,
                colour=svg.QUIET,
                anchor="end",
            ),
        ]
    if told.get("custom", {}).get("thresholdsStyle", {}).get("mode") == "line":
        for step in told["thresholds"]["steps"]:
            if step["value"] is not None and low <= step["value"] <= high:
                y = area.y + area.height * (1 - (step["value"] - low) / (high - low))
                parts.append(svg.rule(area.x, y, area.x + area.width, y, colour_of(step["color"]), dashed=True))
    for number in range(5):
        at_ms = area.from_ms + (area.to_ms - area.from_ms) * number / 4
        x = area.x + area.width * number / 4
        anchor = {0: "start", 4: "end"}.get(number, "middle")
        parts.append(svg.text(x, area.y + area.height + 15, moment(at_ms), size=10, colour=svg.QUIET, anchor=anchor))
    return parts


def _pieces(points: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """A line breaks where steps are missing."""
    gaps = sorted(b[0] - a[0] for a, b in pairwise(points))
    usual = gaps[len(gaps) // 2] if gaps else 0
    pieces: list[list[tuple[int, float]]] = [[]]
    for point in points:
        if pieces[-1] and point[0] - pieces[-1][-1][0] > 3 * usual:
            pieces.append([])
        pieces[-1].append(point)
    return [_plain(piece) for piece in pieces if piece]


def _plain(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Without what lies between two equal values: a flat line has two ends."""
    inner = [
        here
        for before, here, after in zip(points, points[1:], points[2:], strict=False)
        if not before[1] == here[1] == after[1]
    ]
    return [*points[:1], *inner, *points[1:][-1:]]


def _stacked(found: Sequence[Line]) -> list[Line]:
    total: dict[int, float] = {}
    shown = []
    for line in found:
        for time, value in line.points:
            total[time] = total.get(time, 0.0) + value
        shown.append(Line(line.name, [(time, total[time]) for time, _ in line.points]))
    return shown


def _legend(names: Sequence[str], area: Area) -> list[str]:
    parts, x = [], area.x + 8
    y = area.y + area.height - 6
    for number, name in enumerate(names):
        wide = svg.width_of(name, 11) + 30
        if x + wide > area.x + area.width:
            parts.append(svg.text(x, y, f"ほか {len(names) - number}", size=11, colour=svg.QUIET))
            break
        parts += [
            svg.box(x, y - 8, 12, 8, svg.SERIES[number % len(svg.SERIES)]),
            svg.text(x + 16, y, name, size=11),
        ]
        x += wide
    return parts


def _table(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    headings, rows = table_of(panel, ask)
    wants = [_room(name) for name in headings]
    scale = area.width / sum(wants) if wants else 1
    parts, fits = (
        [svg.rule(area.x, area.y + ROW, area.x + area.width, area.y + ROW, svg.QUIET)],
        int(area.height // ROW) - 1,
    )
    x = area.x
    for column, name in enumerate(headings):
        told, room = _overridden(panel, name), wants[column] * scale - 8
        parts.append(svg.text(x + 4, area.y + 15, svg.cut(name, room, 12), size=12, bold=True))
        for number, row in enumerate(rows[:fits]):
            said, colour = _cell(row[column], name, told)
            parts.append(
                svg.text(x + 4, area.y + ROW * (number + 1) + 16, svg.cut(said, room, 12), size=12, colour=colour)
            )
        x += wants[column] * scale
    return parts


def _room(heading: str) -> float:
    wider = {"避難所": 90.0, "内容": 170.0, "避難所・範囲": 70.0, "時刻": 30.0}.get(heading, 14.0)
    return max(svg.width_of(heading, 12), 56.0) + wider


def _cell(value: object, name: str, told: Mapping[str, Any]) -> tuple[str, str]:
    if name == "時刻" and isinstance(value, int | float):
        return moment(value), TEXT
    if found := mapped(value, told.get("mappings", ())):
        return found
    return written(value, told["unit"], told.get("decimals")), judged(
        value, told.get("thresholds", {}).get("steps", ())
    )


def _bars(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    headings, rows = table_of(panel, ask)
    told, values = _defaults(panel), [value for row in rows for value in row[1:] if isinstance(value, int | float)]
    high = max(values, default=1.0) or 1.0
    inner = Area(area.x + 62, area.y + 6, area.width - 70, area.height - 28 - LEGEND, 0, 1)
    parts = []
    for number in range(5):
        y = inner.y + inner.height * number / 4
        said = written(high - high * number / 4, told["unit"], 0)
        parts += [svg.rule(inner.x, y, inner.x + inner.width, y)]
        parts += [svg.text(inner.x - 6, y + 4, said, size=10, colour=svg.QUIET, anchor="end")]
    group = inner.width / max(1, len(rows))
    wide = group * 0.8 / max(1, len(headings) - 1)
    for place, row in enumerate(rows):
        for number, value in enumerate(row[1:]):
            tall = inner.height * (float(value or 0) / high)
            x = inner.x + group * (place + 0.1) + number * wide
            parts.append(svg.box(x, inner.y + inner.height - tall, wide - 1, tall, svg.SERIES[number], opacity=0.85))
        parts.append(
            svg.text(
                inner.x + group * (place + 0.5),
                inner.y + inner.height + 15,
                str(row[0]),
                size=11,
                colour=svg.QUIET,
                anchor="middle",
            )
        )
    return [*parts, *_legend(headings[1:], area)]


def _bands(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    found = lines_of(panel, ask)
    inner = Area(area.x + 70, area.y + 4, area.width - 78, area.height - 24, area.from_ms, area.to_ms)
    tall = inner.height / max(1, len(found))
    parts = []
    for number, line in enumerate(found):
        told, y = _overridden(panel, line.name), inner.y + number * tall
        parts.append(svg.text(inner.x - 8, y + tall / 2 + 4, line.name, size=11, anchor="end"))
        for begin, end, value in _stretches(line, area.to_ms):
            said, colour = mapped(value, told.get("mappings", ())) or (f"{value:g}", svg.QUIET)
            x, x2 = (inner.x + inner.width * (at - area.from_ms) / (area.to_ms - area.from_ms) for at in (begin, end))
            parts.append(svg.box(x, y + 3, x2 - x, tall - 6, colour, opacity=0.85))
            if svg.width_of(said, 11) + 8 < x2 - x:
                parts.append(svg.text(x + 6, y + tall / 2 + 4, said, size=11, colour="#ffffff"))
    for number in range(5):
        at_ms = area.from_ms + (area.to_ms - area.from_ms) * number / 4
        anchor = {0: "start", 4: "end"}.get(number, "middle")
        x = inner.x + inner.width * number / 4
        parts.append(svg.text(x, area.y + area.height - 4, moment(at_ms), size=10, colour=svg.QUIET, anchor=anchor))
    return parts


def _stretches(line: Line, to_ms: int) -> list[tuple[int, int, float]]:
    found: list[tuple[int, int, float]] = []
    for number, (time, value) in enumerate(line.points):
        end = line.points[number + 1][0] if number + 1 < len(line.points) else to_ms
        if found and found[-1][2] == value:
            found[-1] = (found[-1][0], end, value)
        else:
            found.append((time, end, value))
    return found


def _map(panel: Mapping[str, Any], area: Area, ask: Ask) -> list[str]:
    (target,) = panel["targets"]
    rows = [row for _tags, lines in ask(target["datasource"]["uid"], target["query"]) for row in lines]
    places = [(row["longitude"], row["latitude"], row["状態"]) for row in rows]
    west, east = min(x for x, _, _ in places) - 0.01, max(x for x, _, _ in places) + 0.01
    south, north = min(y for _, y, _ in places) - 0.01, max(y for _, y, _ in places) + 0.01
    parts = [svg.box(area.x, area.y, area.width, area.height, "#eef3f6")]
    for x, y, state in places:
        _, colour = mapped(state, _defaults(panel)["mappings"]) or ("", TEXT)
        parts.append(
            svg.dot(
                area.x + area.width * (x - west) / (east - west),
                area.y + area.height * (north - y) / (north - south),
                colour,
            )
        )
    parts.append(
        svg.text(
            area.x + 8, area.y + area.height - 8, "（Grafana では下に地図が描かれます）", size=11, colour=svg.QUIET
        )
    )
    return parts
