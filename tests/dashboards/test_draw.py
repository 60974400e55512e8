"""Pictures of boards: what is written, how it is coloured, and that every board can be drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from dashboards import build
from dashboards.cli import app
from dashboards.draw.answers import table_of
from dashboards.draw.panels import Area, drawn
from dashboards.draw.values import TEXT, colour_of, judged, mapped, moment, written
from dashboards.panels import states
from tests.dashboards.month import RAW, ROLLUP, Month


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "said"),
    [
        (12, "suffix:か所", None, "12か所"),
        (1_234.5, "watt", 1, "1.2 kW"),
        (-2_500.0, "watt", 1, "-2.5 kW"),
        (999.6, "watth", None, "1,000 Wh"),
        (3_400_000.0, "watth", None, "3.4 MWh"),
        (55.55, "percent", 1, "55.5%"),
        (910.7, "masskg", None, "910.7 kg"),
        (13_800.0, "masskg", None, "13.8 t"),
        (0.0, "s", None, "0 秒"),
        (5_400.0, "s", None, "1.5 時間"),
        (4.25, "h", None, "4.2 時間"),
        (0.423, "suffix: kg/kWh", 3, "0.423 kg/kWh"),
        (None, "watt", None, "–"),
        ("復電しました", "none", None, "復電しました"),
    ],
)
def test_a_value_is_written_with_its_unit(value: object, unit: str, decimals: int | None, said: str) -> None:
    assert written(value, unit, decimals) == said


def test_colours_follow_limits_and_words_follow_codes() -> None:
    steps: list[dict[str, Any]] = [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]
    assert [judged(value, steps) for value in (0, 1, 2)] == [colour_of("green"), colour_of("red"), colour_of("red")]
    assert judged(5, steps[:1]) == TEXT, "one colour says nothing"
    known = build.encoded(states())
    assert mapped(1.0, known) == ("停電・自立運転", colour_of("red"))
    assert mapped(99, known) is None
    assert moment(1_795_446_000_000) == "11/24 00:00"


def test_a_table_is_cut_named_and_sorted_as_the_board_says() -> None:
    panel = {
        "targets": [{"datasource": {"uid": "shelter-raw"}, "query": "q"}],
        "transformations": [
            {"id": "filterFieldsByName", "options": {"include": {"names": ["name", "v", "site"]}}},
            {"id": "organize", "options": {"renameByName": {"name": "避難所", "v": "値"}}},
            {"id": "sortBy", "options": {"sort": [{"field": "値", "desc": True}]}},
        ],
    }
    answer = [({"name": n, "site": n}, [{"time": 0, "v": v, "other": 1}]) for n, v in (("a", 1), ("b", 3), ("c", 2))]
    headings, rows = table_of(panel, lambda _source, _text: answer)
    assert headings == ["避難所", "値"]
    assert rows == [["b", 3], ["c", 2], ["a", 1]]


def test_a_kind_of_panel_that_nobody_draws_is_named() -> None:
    with pytest.raises(ValueError, match="nobody draws candlestick"):
        drawn({"type": "candlestick", "title": "x"}, Area(0, 0, 1, 1, 0, 1), lambda _source, _text: [])


@pytest.mark.influx
def test_every_board_becomes_a_picture_with_all_its_panels(month: Month, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(month.influx.token, encoding="utf-8")
    usual = ["draw", "--url", month.influx.url, "--token-file", str(token), "--at", "2026-10-15T05:00"]
    usual += ["--bucket", RAW, "--rollup-bucket", ROLLUP, "--out", str(tmp_path / "pictures")]
    result = CliRunner().invoke(app, [*usual, "--note", "合成データ"])
    assert result.exit_code == 0, result.output
    for uid, board in build.boards().items():
        text = (tmp_path / "pictures" / f"{uid}.svg").read_text(encoding="utf-8")
        root = ET.fromstring(text)
        said = {"".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {panel["title"] for panel in board["panels"]} <= said
        assert "合成データ" in said
        assert not re.search(r"\bnan\b|\binf\b", text)
    missing = CliRunner().invoke(app, [*usual, "--site", "E0000000099111"])
    assert missing.exit_code == 1
    assert "E0000000099111 is not in" in missing.output
