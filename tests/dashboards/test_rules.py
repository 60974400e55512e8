"""What Grafana asks of a board on loading: the boards keep it, and each planted mistake is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dashboards import build
from dashboards.rules import faults

BOARDS = build.boards()
Board = dict[str, Any]


def test_the_boards_keep_every_rule() -> None:
    assert faults(BOARDS) == []


def again(name: str) -> Callable[[Board], None]:
    def change(board: Board) -> None:
        board["panels"][1][name] = copy.deepcopy(board["panels"][0][name])

    return change


def panel(**values: Any) -> Callable[[Board], None]:
    return lambda board: board["panels"][0].update(values)


def query(text: str) -> Callable[[Board], None]:
    return lambda board: board["panels"][0]["targets"][0].update(query=text)


def link(url: str) -> Callable[[Board], None]:
    return lambda board: board["panels"][0]["fieldConfig"]["defaults"].update(links=[{"title": "x", "url": url}])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda board: board.update(uid="a" * 41), "uid"),
        (lambda board: board.update(uid="避難所"), "uid"),
        (lambda board: board.update(title=" "), "no title"),
        (lambda board: board.update(schemaVersion=16), "schemaVersion 16"),
        (lambda board: board.update(id=7), "id"),
        (again("id"), "panel number 1: 2 panels"),
        (again("gridPos"), "lies over"),
        (panel(gridPos={"x": 20, "y": 500, "w": 8, "h": 4}), "24 columns"),
        (panel(datasource={"type": "influxdb", "uid": "influx"}), "data source"),
        (panel(datasource={"type": "prometheus", "uid": "shelter-raw"}), "data source"),
        (query("SELECT x FROM y WHERE $timeFilter AND a = '$floor'"), "$floor"),
        (query("SELECT x FROM y WHERE a = '[[floor]]'"), "$floor"),
        (query("SELECT x FROM y WHERE a =~ /^${floor:regex}$/"), "$floor"),
        (link("/d/shelter-attic?${__url_time_range}"), "no board shelter-attic"),
        (link("/d/shelter-site?var-floor=3"), "no variable floor"),
        (link("/d/shelter-site?${floor:queryparam}"), "$floor"),
        (lambda board: board["links"][0].update(tags=["nobody"]), "no board has the tag"),
        (lambda board: board["templating"]["list"].reverse(), "not known before it"),
        (lambda board: board["templating"]["list"][1].update(name="ward"), "there are 2"),
        (lambda board: board["templating"]["list"][1].update(allValue=None), "list of every shelter"),
        (lambda board: board["annotations"]["list"][0].update(datasource=None), "mark 出来事: data source"),
        (lambda board: board["panels"][0]["targets"].append(board["panels"][0]["targets"][0]), "one letter"),
    ],
)
def test_a_planted_mistake_is_named(change: Callable[[Board], None], said: str) -> None:
    boards = copy.deepcopy(BOARDS)
    change(boards["shelter-energy"])
    found = faults(boards)
    assert any(one.startswith("shelter-energy: ") and said in one for one in found), found


def test_two_boards_of_one_title_are_named() -> None:
    boards = copy.deepcopy(BOARDS)
    boards["shelter-city"]["title"] = boards["shelter-site"]["title"]
    assert any("2 boards of one folder" in one for one in faults(boards))
