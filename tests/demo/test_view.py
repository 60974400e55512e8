"""The demo's screen: modes as proven, what became of orders, who is to be visited, and the world's time."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from demo.view import Disaster, picture, table, world_time

CITY = {
    "sites": 3,
    "counts": {"on_grid": 2, "islanded": 1},
    "reporting": {"pv_w": 3, "load_w": 3, "grid_w": 3},
    "pv_w": 1_000.0,
    "load_w": 2_000.0,
    "grid_w": 1_000.0,
    "stored_wh": 9_000.0,
}
INCIDENT = {
    "id": "I20261125-1",
    "mode": "backup",
    "phase": "active",
    "declared": {"why": "台風（想定）"},
    "tally": {"done": 1, "told": 2, "words": {"obeys": 1, "failed": 1, "not_verified": 1}},
}
SHELTERS = [
    {"id": "a", "mode": "backup", "wanted_mode": "backup"},
    {"id": "b", "mode": None, "wanted_mode": "backup"},
    {"id": "c", "mode": "normal", "wanted_mode": None},
]
CREW = [{"name": "第2小学校", "ward": "緑区", "stage": "failed", "cause": "write_ignored"}]


def shown(now: Disaster) -> str:
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(picture(table(CITY, None, {}, url="http://x/", left_s=None), now))
    return captured.get()


def disaster(**changed: Any) -> Disaster:
    usual: dict[str, Any] = {
        "incidents": [INCIDENT],
        "shelters": SHELTERS,
        "crew": CREW,
        "world_ms": 1_567_954_800_000,
        "speed": 600.0,
    }
    return Disaster(**{**usual, **changed})


def test_what_is_proven_stands_beside_what_is_wanted() -> None:
    lines = shown(disaster()).splitlines()
    (backup,) = [line for line in lines if "バックアップ / backup" in line]
    assert [cell.strip() for cell in backup.strip("│ ").split("│")][1:] == ["1", "2"]
    assert any("not proven (yet)" in line and " 1 " in line for line in lines)
    assert any("2019-09-09 00:00 JST" in line and "×600" in line for line in lines)


def test_an_incident_tells_how_many_obey_and_the_others_by_their_word() -> None:
    text = shown(disaster())
    assert "I20261125-1  backup  active   1/2" in text
    assert "実証済み / proven 1" in text
    assert "失敗 / failed 1" in text
    assert "nothing sent 1" in text


def test_who_did_not_obey_is_named_with_the_reason() -> None:
    text = shown(disaster())
    assert "to be visited: 1" in text
    assert "第2小学校" in text
    assert "write_ignored" in text


def test_without_decisions_the_screen_shows_readings_alone() -> None:
    text = shown(Disaster())
    assert "自立運転中 / islanded" in text
    assert "wanted" not in text
    assert world_time(None) == "–"
