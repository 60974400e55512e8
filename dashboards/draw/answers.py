"""Answers of a panel's queries as lines and tables, named as Grafana names them. Pure but for the asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from central.store.influx_query import Series

Ask = Callable[[str, str], list[Series]]
"""Data source and question → its answer."""


@dataclass(slots=True)
class Line:
    """One line of a graph."""

    name: str
    points: list[tuple[int, float]] = field(default_factory=list)


def lines_of(panel: Mapping[str, Any], ask: Ask) -> list[Line]:
    """Lines of all queries of a panel; empty columns are left out."""
    found = []
    for target in panel["targets"]:
        for tags, rows in ask(target["datasource"]["uid"], target["query"]):
            for column in (name for name in rows[0] if name != "time"):
                points = [(row["time"], row[column]) for row in rows if isinstance(row[column], int | float)]
                if points:
                    found.append(Line(_named(target.get("alias", "$col"), tags, column), points))
    return found


def table_of(panel: Mapping[str, Any], ask: Ask) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows of a table as its transformations make it."""
    (target,) = panel["targets"]
    rows = [
        {**tags, **row, "Time": row["time"]}
        for tags, lines in ask(target["datasource"]["uid"], target["query"])
        for row in lines
    ]
    names = list(rows[0]) if rows else []
    headings: dict[str, str] = {}
    for change in panel.get("transformations", ()):
        options = change["options"]
        if change["id"] == "filterFieldsByName":
            names = options["include"]["names"]
        elif change["id"] == "organize":
            headings = options["renameByName"]
        elif change["id"] == "sortBy":
            (by,) = options["sort"]
            name = next((name for name in names if headings.get(name, name) == by["field"]), by["field"])
            rows.sort(key=lambda row: (row.get(name) is None, row.get(name) or 0), reverse=by["desc"])
    shown = [name for name in names if name != "site"]
    return [headings.get(name, name) for name in shown], [[row.get(name) for name in shown] for row in rows]


def last_of(panel: Mapping[str, Any], ask: Ask) -> object:
    """The value of a single figure."""
    (target,) = panel["targets"]
    values = [
        value
        for _tags, rows in ask(target["datasource"]["uid"], target["query"])
        for row in rows
        for name, value in row.items()
        if name != "time" and value is not None
    ]
    return values[-1] if values else None


def _named(alias: str, tags: Mapping[str, str], column: str) -> str:
    said = alias.replace("$col", column)
    for name, value in tags.items():
        said = said.replace(f"$tag_{name}", value)
    return said
