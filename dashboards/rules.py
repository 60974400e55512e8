"""What Grafana asks of a board when it loads it, and what it silently makes of one that does not fit. Pure.

Grafana refuses a board without a title or with a wrong uid. Most other faults it takes: of two panels with one number
it shows one, a variable that does not exist is asked for by its name, a data source of another uid is an error in each
panel, a panel beyond the right edge is moved. So all of them are named before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dashboards.queries import KIND, Source

UID: Final = re.compile(r"[a-zA-Z0-9_-]{1,40}")
"""Longer ones and other characters are refused."""
SCHEMA_MIN: Final = 36
"""Grafana changes older boards when it loads them, version by version; these boards are written for this one."""
WIDTH: Final = 24
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]")
_FIELD: Final = re.compile(r"\$\{__(?:data|field|value|series)\.[\w.]+\}")
BUILT_IN: Final = frozenset(
    {"timeFilter", "__interval", "__interval_ms", "__from", "__to", "__url_time_range", "__all_variables", "__all"}
)
"""What Grafana fills in without a variable."""
OF_ALIAS: Final = frozenset({"col", "measurement", "m"})
"""What the InfluxDB data source fills in, in the name of a series; and ``tag_`` with a tag."""


def faults(boards: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with boards, a line each: board, panel, what. ``boards``: uid → board, for links among them."""
    found = []
    for uid, board in boards.items():
        found += [
            f"{uid}: {fault}" for fault in (*_of_board(uid, board), *_of_panels(board), *_of_links(board, boards))
        ]
    titles = Counter(board.get("title") for board in boards.values())
    found += [f"{title}: {count} boards of one folder have this title" for title, count in titles.items() if count > 1]
    return found


def _of_board(uid: str, board: Mapping[str, Any]) -> Iterator[str]:
    if board.get("uid") != uid or not UID.fullmatch(uid):
        yield f"uid {board.get('uid')!r}: want up to 40 letters, digits, - and _"
    if not str(board.get("title", "")).strip():
        yield "no title"
    if board.get("schemaVersion", 0) < SCHEMA_MIN:
        yield f"schemaVersion {board.get('schemaVersion')}: want {SCHEMA_MIN} or later"
    if board.get("id") is not None:
        yield "it has an id, which is a number of one Grafana's own database"
    names = [one["name"] for one in board["templating"]["list"]]
    for name, count in Counter(names).items():
        if count > 1:
            yield f"variable {name}: there are {count}"
    for place, one in enumerate(board["templating"]["list"]):
        yield from (f"variable {one['name']}: {fault}" for fault in _source(one))
        if one.get("includeAll") and not one.get("allValue"):
            yield f"variable {one['name']}: all without a value of its own makes a list of every shelter"
        yield from (
            f"variable {one['name']}: asks with ${name}, which is not known before it"
            for name in _asked(one["query"]["query"])
            if name not in names[:place]
        )
    for mark in board["annotations"]["list"]:
        yield from (f"mark {mark['name']}: {fault}" for fault in _source(mark))
        yield from _unknown(f"mark {mark['name']}", mark["target"]["query"], names)


def _of_panels(board: Mapping[str, Any]) -> Iterator[str]:
    panels: Sequence[Mapping[str, Any]] = board["panels"]
    names = [one["name"] for one in board["templating"]["list"]]
    for number, count in Counter(panel.get("id") for panel in panels).items():
        if not isinstance(number, int) or number < 1 or count > 1:
            yield f"panel number {number}: {count} panels have it; want numbers from 1, each once"
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        title = f"panel {panel.get('title') or panel.get('id')!r}"
        place = panel["gridPos"]
        x, y, w, h = (place[name] for name in "xywh")
        if min(x, y) < 0 or min(w, h) < 1 or x + w > WIDTH:
            yield f"{title}: it does not lie within the {WIDTH} columns: {place}"
        cells = {(column, row) for column in range(x, x + w) for row in range(y, y + h)}
        if over := {taken[cell] for cell in cells & taken.keys()}:
            yield f"{title}: it lies over {', '.join(sorted(over))}"
        taken |= dict.fromkeys(cells, title)
        yield from (f"{title}: {fault}" for fault in _source(panel))
        refs = [target["refId"] for target in panel["targets"]]
        if len(refs) != len(set(refs)):
            yield f"{title}: two of its queries have one letter"
        for target in panel["targets"]:
            yield from (f"{title}, query {target['refId']}: {fault}" for fault in _source(target))
            yield from _unknown(f"{title}, query {target['refId']}", target["query"], names)
            yield from _unknown(f"{title}, alias", target.get("alias", ""), [*names, *OF_ALIAS], tags=True)


def _of_links(board: Mapping[str, Any], boards: Mapping[str, Any]) -> Iterator[str]:
    names = [one["name"] for one in board["templating"]["list"]]
    tags = {tag for one in boards.values() for tag in one.get("tags", ())}
    for link in board.get("links", ()):
        if link.get("type") == "dashboards" and not tags.issuperset(link.get("tags", ())):
            yield f"link {link['title']}: no board has the tag {link['tags']}"
    for url in sorted(set(_urls(board["panels"]))):
        uid = re.match(r"/d/([^/?]+)", url)
        if uid and uid[1] not in boards:
            yield f"link {url}: there is no board {uid[1]}"
        given = set(re.findall(r"[?&]var-(\w+)=", url))
        target = boards[uid[1]] if uid and uid[1] in boards else board
        known = {one["name"] for one in target["templating"]["list"]}
        if given - known:
            yield f"link {url}: that board has no variable {', '.join(sorted(given - known))}"
        yield from _unknown(f"link {url}", _FIELD.sub("", url), names)


def _source(one: Mapping[str, Any]) -> Iterator[str]:
    source = one.get("datasource") or {}
    if source.get("type") != KIND or source.get("uid") not in {each.value for each in Source}:
        yield f"data source {source}: want one of {', '.join(each.value for each in Source)}"


def _unknown(where: str, text: str, names: Sequence[str], *, tags: bool = False) -> Iterator[str]:
    for name in _asked(text):
        if name not in names and name not in BUILT_IN and not (tags and name.startswith("tag_")):
            yield f"{where}: nobody fills in ${name}"


def _asked(text: str) -> list[str]:
    return [next(part for part in match.groups() if part) for match in _VARIABLE.finditer(text)]


def _urls(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("url"), str):
            yield part["url"]
        for value in part.values():
            yield from _urls(value)
    elif isinstance(part, list):
        for value in part:
            yield from _urls(value)
