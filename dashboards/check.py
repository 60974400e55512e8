"""Runs every query of every panel, mark and variable against a live InfluxDB and names what is empty or fails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from central.store.base import StoreError
from central.store.influx_query import InfluxQuery, Series
from dashboards.queries import Source, filled_in

POINTS_WIDE: Final = 1_000
"""Grafana asks for about as many steps as a panel is wide."""
STEP_MIN_MS: Final = 60_000
_SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_ALL: Final = ".*"
OPTIONAL: Final = frozenset({"目標"})
"""Columns that have values only where somebody set one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One query: how many rows it gave, or what is wrong."""

    board: str
    panel: str
    query: str
    rows: int
    problem: str = ""
    """Empty: all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query of a board and where it stands."""

    board: str
    panel: str
    source: Source
    text: str
    step_ms: int | None = None
    """The panel's own smallest step."""
    span_ms: int | None = None
    """The panel's own time, back from the end."""
    may_be_empty: bool = False
    """Marks: nothing may have happened."""


def asked_by(board: Mapping[str, Any]) -> Iterator[Asked]:
    """Every query of a built board.

    Raises:
        ValueError: a panel without one, or of a data source that is not ours.
    """
    title = board["title"]
    for panel in board["panels"]:
        if not panel.get("targets"):
            raise ValueError(f"{title}, {panel['title']}: the panel asks nothing")
        for target in panel["targets"]:
            step, span = panel.get("interval", ""), panel.get("timeFrom", "")
            yield Asked(
                board=title,
                panel=panel["title"],
                source=Source(target["datasource"]["uid"]),
                text=target["query"],
                step_ms=length_ms(step) if step else None,
                span_ms=length_ms(span) if span else None,
            )
    for mark in board["annotations"]["list"]:
        yield Asked(
            board=title,
            panel=f"印：{mark['name']}",
            source=Source(mark["datasource"]["uid"]),
            text=mark["target"]["query"],
            may_be_empty=True,
        )
    for variable in board["templating"]["list"]:
        yield Asked(
            board=title,
            panel=f"変数：{variable['label']}",
            source=Source(variable["datasource"]["uid"]),
            text=variable["query"]["query"],
        )


def length_ms(said: str) -> int:
    """Of a length of time as Grafana writes it, such as ``30m``."""
    return int(said[:-1]) * _SECONDS[said[-1]] * 1_000


def range_of(board: Mapping[str, Any], to_ms: int) -> tuple[int, int]:
    """The time that a board opens with. A fiscal year counts as a year."""
    first = board["time"]["from"].removeprefix("now").removeprefix("-")
    return to_ms - length_ms("365d" if first.startswith("/") else first), to_ms


class Checker:
    """Asks a server. ``buckets``: data source → its database."""

    def __init__(self, url: str, token: str, buckets: Mapping[Source, str], *, timeout_s: float = 60.0) -> None:
        self._askers = {
            source: InfluxQuery(url, token, bucket, timeout_s=timeout_s) for source, bucket in buckets.items()
        }

    def sites(self) -> list[str]:
        """Shelters that have rows.

        Raises:
            StoreError: no answer.
        """
        found = self._askers[Source.RAW].ask('SHOW TAG VALUES FROM "site_now" WITH KEY = "site"')
        return sorted(str(row["value"]) for _tags, rows in found for row in rows)

    def check(self, boards: Iterable[Mapping[str, Any]], *, to_ms: int, sites: Sequence[str]) -> list[Finding]:
        """Ask everything; a board of one shelter once for each of ``sites``."""
        found = []
        for board in boards:
            from_ms, until_ms = range_of(board, to_ms)
            one = not any(item.get("includeAll") for item in board["templating"]["list"] if item["name"] == "site")
            for site in sites if one else (_ALL,):
                found += [self._one(asked, from_ms, until_ms, site) for asked in asked_by(board)]
        return found

    def _one(self, asked: Asked, from_ms: int, to_ms: int, site: str) -> Finding:
        if asked.span_ms is not None:
            from_ms = to_ms - asked.span_ms
        step_ms = max((to_ms - from_ms) // POINTS_WIDE, asked.step_ms or 0, STEP_MIN_MS)
        where = asked.panel if site == _ALL else f"{asked.panel}（{site}）"
        rows, problem = 0, ""
        try:
            text = filled_in(asked.text, from_ms=from_ms, to_ms=to_ms, step_ms=step_ms, site=site)
            found = self._askers[asked.source].ask(text)
            rows = sum(len(lines) for _tags, lines in found)
            problem = "" if asked.may_be_empty else _missing(found)
        except (StoreError, ValueError) as error:
            problem = str(error)
        return Finding(board=asked.board, panel=where, query=asked.text, rows=rows, problem=problem)

    def close(self) -> None:
        """Let go of the connections."""
        for asker in self._askers.values():
            asker.close()


def _missing(found: Sequence[Series]) -> str:
    """What an answer lacks: rows, or values in one of its columns."""
    rows = [row for _tags, lines in found for row in lines]
    if not rows:
        return "no rows"
    empty = [column for column in rows[0] if column not in OPTIONAL and all(row[column] is None for row in rows)]
    return f"no value in {', '.join(empty)}" if empty else ""


def as_json(found: Sequence[Finding]) -> str:
    """For machines."""
    bad = [one for one in found if one.problem]
    return json.dumps(
        {
            "queries": len(found),
            "rows": sum(one.rows for one in found),
            "bad": [
                {"board": one.board, "panel": one.panel, "problem": one.problem, "query": one.query} for one in bad
            ],
        },
        ensure_ascii=False,
    )
