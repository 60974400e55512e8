"""What is built: it is what is checked in, Grafana's model reads it back, and every panel says what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from contract.points import POINTS
from dashboards import build
from dashboards.alerts import RULES
from dashboards.boards.common import TAG
from dashboards.queries import HOMES, Source, filled_in

BOARDS = build.boards()
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
LINK = re.compile(r"/d/([^?]+)\?")
MEASURED = re.compile(r'FROM "(\w+)"')
every_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    found = board["panels"]
    assert isinstance(found, list)
    return found


def links(board: object) -> Iterator[str]:
    """Every address anywhere in a board."""
    if isinstance(board, dict):
        if isinstance(board.get("url"), str):
            yield board["url"]
        for value in board.values():
            yield from links(value)
    elif isinstance(board, list):
        for value in board:
            yield from links(value)


def test_the_files_that_are_checked_in_are_what_the_code_makes() -> None:
    assert [str(path) for path in build.stale()] == [], "run shelter-dashboards build and commit what it writes"


def test_the_five_boards_are_there() -> None:
    assert [board["title"] for board in BOARDS.values()] == [
        "市全体の状況",
        "避難所",
        "設備の健全性",
        "エネルギーと CO2",
        "災害対応",
    ]
    assert sum(len(panels(board)) for board in BOARDS.values()) > 60


@every_board
def test_every_panel_says_what_it_shows_in_two_languages_with_a_unit(board: dict[str, Any]) -> None:
    for panel in panels(board):
        assert panel["title"]
        japanese, english = panel["description"].split("\n\n")
        assert JAPANESE.search(japanese), panel["title"]
        assert not JAPANESE.search(english), panel["title"]
        assert english.endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]
    titles = [panel["title"] for panel in panels(board)]
    assert len(titles) == len(set(titles))


@every_board
def test_limits_have_a_meaning_that_is_told(board: dict[str, Any]) -> None:
    for panel in panels(board):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step["value"] for step in steps]
        assert values[:1] in ([], [None]), panel["title"]
        assert values[1:] == sorted(values[1:]), panel["title"]
        if len({step["color"] for step in steps}) > 1:
            assert re.search(r"赤|橙|黄|境|緊急", panel["description"]), panel["title"]


@every_board
def test_ward_and_site_are_variables_and_every_board_leads_to_the_others(board: dict[str, Any]) -> None:
    assert [one["name"] for one in board["templating"]["list"]] == ["ward", "site"]
    (link,) = board["links"]
    assert (link["tags"], link["keepTime"], link["includeVars"]) == ([TAG], True, True)
    assert TAG in board["tags"]
    assert board["timezone"] == "Asia/Tokyo"
    for url in links(board["panels"]):
        (uid,) = LINK.findall(url)
        assert uid in BOARDS
        assert "${__url_time_range}" in url
        assert "site" in url
        assert "ward" in url


@every_board
def test_a_table_of_shelters_leads_to_each_of_them(board: dict[str, Any]) -> None:
    """The link reads the row's site, so the column has to be there."""
    for panel in panels(board):
        for change in panel.get("transformations", ()):
            names = change["options"].get("include", {}).get("names", [])
            if "name" in names and "time" not in str(names).lower():
                assert "site" in names, panel["title"]
                assert "__data.fields.site" in str(panel["fieldConfig"]["overrides"]), panel["title"]


@every_board
def test_every_query_asks_the_source_that_has_its_series_and_no_unknown_variable(board: dict[str, Any]) -> None:
    homes = {series.value: source for series, source in HOMES.items()} | {"shelter": Source.RAW}
    for panel in panels(board):
        for target in panel["targets"]:
            text = filled_in(target["query"], from_ms=0, to_ms=1, step_ms=60_000, site="E0000000001111")
            assert {homes[name] for name in MEASURED.findall(text)} == {Source(target["datasource"]["uid"])}
            if 'FROM "shelter"' in text:
                asked = set(re.findall(r'\("([a-z0-9_.]+)"\)', text))
                assert asked <= POINTS.keys(), panel["title"]


def test_a_variable_that_nobody_fills_in_is_named() -> None:
    with pytest.raises(ValueError, match=r"\$floor"):
        filled_in("SELECT x FROM y WHERE z = $floor", from_ms=0, to_ms=1, step_ms=1, site="a")


def test_provisioning_names_the_sources_that_boards_ask_and_holds_no_secret() -> None:
    for name in ("datasources.yaml", "datasources-1x.yaml"):
        text = (build.HERE / "provisioning" / name).read_text(encoding="utf-8")
        made = yaml.safe_load(text)["datasources"]
        assert [one["uid"] for one in made] == [source.value for source in Source]
        for secret in made[0]["secureJsonData"].values():
            assert "$SHELTER_" in secret
    folder = yaml.safe_load((build.HERE / "provisioning" / "dashboards.yaml").read_text(encoding="utf-8"))
    assert folder["providers"][0]["allowUiUpdates"] is False, "what is changed in Grafana would be lost"


def test_alert_rules_are_whole_and_lead_to_a_board() -> None:
    made = yaml.safe_load((build.HERE / "provisioning" / "alerting.yaml").read_text(encoding="utf-8"))
    (group,) = made["groups"]
    assert len({rule["uid"] for rule in group["rules"]}) == len(RULES)
    for rule in group["rules"]:
        assert [part["refId"] for part in rule["data"]] == ["A", "B", "C"]
        assert Source(rule["data"][0]["datasourceUid"])
        assert rule["annotations"]["__dashboardUid__"] in BOARDS
        assert JAPANESE.search(rule["annotations"]["description"])
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    silent = {rule["uid"] for rule in group["rules"] if rule["noDataState"] == "Alerting"}
    assert silent == {"shelter-rollups-stopped"}
