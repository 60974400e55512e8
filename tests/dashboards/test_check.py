"""Every query against a real InfluxDB with a simulated city; and that what is broken is found and named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from central.store.influx_query import InfluxQuery
from dashboards import build
from dashboards.alerts import RULES
from dashboards.check import Checker, Finding, asked_by, range_of
from dashboards.cli import app
from dashboards.queries import filled_in
from tests.dashboards.month import BUCKETS, RAW, ROLLUP, TO_MS, Month
from tests.support import free_port

BOARDS = build.boards()
AT = "2026-10-15T05:00"


def checked(month: Month, *boards: dict[str, Any]) -> list[Finding]:
    checker = Checker(month.influx.url, month.influx.token, BUCKETS)
    try:
        return checker.check(boards, to_ms=TO_MS, sites=checker.sites())
    finally:
        checker.close()


def named(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.panel, one.problem) for one in found if one.problem]


@pytest.mark.influx
def test_no_panel_is_empty_and_none_fails(month: Month) -> None:
    found = checked(month, *BOARDS.values())
    assert named(found) == []
    asked = sum(len(list(asked_by(board))) for board in BOARDS.values())
    assert len(found) == asked + len(list(asked_by(BOARDS["shelter-site"]))), (
        "the shelter's board once for each shelter"
    )
    assert sum(one.rows for one in found) > 5_000


@pytest.mark.influx
def test_what_is_broken_is_named(month: Month) -> None:
    board = copy.deepcopy(BOARDS["shelter-fleet"])
    first, second, third, fourth = board["panels"][:4]
    first["targets"][0]["query"] = first["targets"][0]["query"].replace('"silent"', '"silence"')
    second["targets"][0]["query"] = second["targets"][0]["query"].replace("FROM (", "FRM (")
    third["targets"][0]["query"] = third["targets"][0]["query"].replace("mean(", 'mean("nothing"), mean(')
    fourth["targets"][0]["query"] += " AND $floor"
    found = dict(named(checked(month, board)))
    assert found.keys() == {first["title"], second["title"], third["title"], fourth["title"]}
    assert found[first["title"]] == "no rows"
    assert "found FRM, expected FROM" in found[second["title"]]
    assert found[third["title"]] == "no value in mean"
    assert "$floor" in found[fourth["title"]]
    board["panels"][0]["targets"] = []
    with pytest.raises(ValueError, match="asks nothing"):
        list(asked_by(board))


@pytest.mark.influx
def test_a_city_that_never_reported_is_said_to_be_empty(month: Month, tmp_path: Path) -> None:
    month.influx.make_database("empty")
    token = tmp_path / "token"
    token.write_text(month.influx.token, encoding="utf-8")
    usual = ["check", "--url", month.influx.url, "--token-file", str(token), "--at", AT]
    result = CliRunner().invoke(app, [*usual, "--bucket", "empty"])
    assert result.exit_code == 1
    assert "市全体の状況 / 停電・自立運転中: no rows" in result.output
    well = CliRunner().invoke(app, [*usual, "--bucket", RAW, "--rollup-bucket", ROLLUP, "--json"])
    assert well.exit_code == 0, well.output
    assert json.loads(well.output)["bad"] == []
    odd = CliRunner().invoke(app, [*usual[:-1], "yesterday"])
    assert (odd.exit_code, "want a time such as" in odd.output) == (2, True)


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a:b", encoding="utf-8")
    nowhere = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(app, ["check", "--url", nowhere, "--token-file", str(token)])
    assert result.exit_code == 1
    assert "does InfluxDB run there" in result.output


@pytest.mark.influx
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.uid)
def test_an_alert_rule_finds_what_it_watches(month: Month, rule: Any) -> None:
    asker = InfluxQuery(month.influx.url, month.influx.token, BUCKETS[rule.source], timeout_s=30)
    # Nobody is without the grid at the month's end: look at the day before, when a ward was.
    span_s = 86_400 if rule.uid == "shelter-hours-low" else rule.from_s
    text = filled_in(rule.query, from_ms=TO_MS - span_s * 1_000, to_ms=TO_MS, step_ms=60_000, site=".*")
    rows = [row for _tags, lines in asker.ask(text) for row in lines]
    asker.close()
    assert [row for row in rows if row["v"] is not None]


def fires(month: Month, rule: Any, *, to_ms: int) -> list[str]:
    """Shelters (or the whole) whose last value is beyond the limit, as Grafana's two expressions judge it."""
    asker = InfluxQuery(month.influx.url, month.influx.token, BUCKETS[rule.source], timeout_s=30)
    text = filled_in(rule.query, from_ms=to_ms - rule.from_s * 1_000, to_ms=to_ms, step_ms=60_000, site=".*")
    found = []
    for tags, rows in asker.ask(text):
        values = [row["v"] for row in rows if row["v"] is not None]
        if values and (values[-1] > rule.limit if rule.is_above else values[-1] < rule.limit):
            found.append(tags.get("site", "city"))
    asker.close()
    return found


@pytest.mark.influx
def test_alert_rules_are_silent_on_a_good_day_and_find_the_blackout(month: Month) -> None:
    assert {rule.uid: fires(month, rule, to_ms=TO_MS) for rule in RULES} == {rule.uid: [] for rule in RULES}
    dark_ms = TO_MS - 17 * 3_600_000
    ward = fires(month, next(rule for rule in RULES if rule.uid == "shelter-islanded"), to_ms=dark_ms)
    assert ward, "a ward was without the grid"
    assert fires(month, next(rule for rule in RULES if rule.uid == "shelter-hours-low"), to_ms=dark_ms) == ward


@pytest.mark.influx
def test_energies_of_boards_agree_with_the_meters_counters(month: Month) -> None:
    raw, rollup = (InfluxQuery(month.influx.url, month.influx.token, bucket, timeout_s=30) for bucket in (RAW, ROLLUP))
    until_ms = month.sample.from_ms + month.sample.days * 86_400_000
    whole = f"time >= {month.sample.from_ms}ms AND time < {until_ms}ms"
    for field, counter in (("import_wh", "grid.import_energy_wh"), ("export_wh", "grid.export_energy_wh")):
        summed = {
            tags["site"]: rows[0]["v"]
            for tags, rows in rollup.ask(f'SELECT sum("{field}") AS v FROM "energy_day" WHERE {whole} GROUP BY "site"')
        }
        counted = {
            tags["site"]: rows[0]["v"]
            for tags, rows in raw.ask(f'SELECT spread("{counter}") AS v FROM "shelter" WHERE {whole} GROUP BY "site"')
        }
        assert summed.keys() == counted.keys()
        for site, wh in summed.items():
            # The last reading before midnight is five minutes old: the board tells what flowed up to midnight.
            assert wh == pytest.approx(counted[site], rel=0.01, abs=500)
    raw.close()
    rollup.close()


def test_a_board_s_time_is_what_it_opens_with() -> None:
    hour = 3_600_000
    assert range_of({"time": {"from": "now-24h"}}, 100 * hour) == (76 * hour, 100 * hour)
    assert range_of({"time": {"from": "now-7d"}}, 200 * hour) == (32 * hour, 200 * hour)
    assert range_of({"time": {"from": "now/fy"}}, 9_000 * hour) == (240 * hour, 9_000 * hour)
