"""Pushing boards and alert rules to a stand-in that is as strict as the API's documentation. No Grafana was run."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboards import build
from dashboards.alerts import RULES, group
from dashboards.cli import app
from dashboards.push import PushError, push
from dashboards.sources import FOLDER, FOLDER_UID
from tests.dashboards.grafana import Grafana, stand_in
from tests.support import free_port

BOARDS = build.boards()


@pytest.fixture
def token(tmp_path: Path) -> str:
    """Name of a file with the right token."""
    path = tmp_path / "token"
    path.write_text("glsa_right\n", encoding="utf-8")
    return str(path)


def test_all_boards_arrive_in_their_folder_and_again_over_themselves(token: str) -> None:
    grafana = Grafana()
    with stand_in(grafana) as url:
        command = ["push", "--url", url, "--token-file", token, "--message", "October"]
        first = CliRunner().invoke(app, command)
        assert first.exit_code == 0, first.output
        assert "市全体の状況: /d/shelter-city/x version 1" in first.output
        again = CliRunner().invoke(app, command)
        assert "災害対応: /d/shelter-disaster/x version 2" in again.output
    assert grafana.folders == {FOLDER_UID: FOLDER}
    assert grafana.folder_of == dict.fromkeys(BOARDS, FOLDER_UID)
    for uid, board in BOARDS.items():
        assert {**grafana.boards[uid], "id": 0, "version": 0} == {**board, "id": 0, "version": 0}
    assert set(grafana.messages) == {"October"}
    assert not grafana.groups, "alert rules are pushed when they are asked for"


def test_alert_rules_arrive_with_the_boards_and_can_be_edited(token: str) -> None:
    grafana = Grafana()
    with stand_in(grafana) as url:
        for _ in range(2):
            told = CliRunner().invoke(app, ["push", "--url", url, "--token-file", token, "--alerts"])
            assert told.exit_code == 0, told.output
            assert f"{len(RULES)} alert rules" in told.output
    (rules,) = grafana.groups.values()
    assert [rule["uid"] for rule in rules["rules"]] == [rule.uid for rule in RULES]
    assert set(grafana.provenance.values()) == {""}, "nobody has to take a file away to change a limit"


def test_rules_that_came_from_files_are_left_to_the_files(token: str) -> None:
    grafana = Grafana(provenance={RULES[0].uid: "file"})
    with stand_in(grafana) as url:
        told = CliRunner().invoke(app, ["push", "--url", url, "--token-file", token, "--alerts"])
    assert told.exit_code == 1
    assert "came from files: leave out --alerts" in told.output
    assert not grafana.groups


def test_a_refusal_says_where_and_what_to_try(token: str) -> None:
    grafana = Grafana()
    boards = BOARDS.values()
    with stand_in(grafana) as url:
        with pytest.raises(PushError, match="role Editor"):
            push(url, "glsa_wrong", boards, message="")
        with pytest.raises(PushError, match="more than one token"):
            push(url, "two tokens", boards, message="")
        grafana.role = "Viewer"
        with pytest.raises(PushError, match=r"HTTP 403.*role Editor"):
            push(url, "glsa_right", boards, message="")
        grafana.role, grafana.provisioned = "Editor", {"shelter-city"}
        with pytest.raises(PushError, match="Cannot save provisioned dashboard"):
            push(url, "glsa_right", boards, message="")
        with pytest.raises(PushError, match="without /api"):
            push(f"{url}/api", "glsa_right", boards, message="")
    assert not grafana.boards
    away = CliRunner().invoke(app, ["push", "--url", f"http://127.0.0.1:{free_port()}", "--token-file", token])
    assert away.exit_code == 1
    assert "does Grafana run there" in away.output


def test_the_stand_in_takes_no_rule_that_the_api_would_refuse() -> None:
    """What makes the test above worth something."""
    for change in (
        {"folderUID": "elsewhere"},
        {"ruleGroup": "x"},
        {"orgID": 0},
        {"for": "five minutes"},
        {"noDataState": "Fine"},
        {"execErrState": "NoData"},
        {"condition": "Z"},
        {"title": ""},
        {"folder": FOLDER},
    ):
        grafana = Grafana(folders={FOLDER_UID: FOLDER})
        rules = copy.deepcopy(group(FOLDER_UID))
        rules["rules"][1] |= change
        with stand_in(grafana) as url, pytest.raises(PushError, match="HTTP 400"):
            push(url, "glsa_right", [], message="", rules=rules)
        assert not grafana.groups, change
