"""Drills by the city's command line: a scenario in the simulator, and a rehearsal of shelters that are in service."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from demo.house import House, Plan, program
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.timeout(300)]

SCENARIO = """
title: A short storm
about: Backup is ordered, some lose the grid, it comes back. Invented.
starts: 2019-09-08T12:00:00+09:00
lasts: 12h
speed: 30
steps:
  - {at: +1m, do: incident, name: all, mode: backup, why: 想定訓練}
  - {at: +9m, do: grid_lost, where: {fraction: 0.5, draw: outage}}
  - {at: +15m, do: grid_back}
  - {at: +20m, do: stand_down, name: all, why: 終了}
"""


def scenario(folder: Path) -> str:
    path = folder / "short.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [program("shelter-central"), "drill", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def run_drill(*arguments: str) -> dict[str, Any]:
    done = asked(*arguments, "--json")
    assert done.returncode == 0, (done.stdout, done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_simulated_drill_says_who_proved_it_and_how_long_loads_lasted(tmp_path: Path) -> None:
    report = run_drill(scenario(tmp_path), "--sites", "6", "--interval-s", "1", "--liars", "0")
    assert report["is_synthetic"]
    assert report["sites"] == report["verified_sites"] == 6
    (backup,) = report["incidents"]
    assert (backup["mode"], backup["told"], backup["proven"]) == ("backup", 6, 6), backup["not_proven"]
    assert 0 < backup["p50_s"] <= backup["p99_s"]
    assert report["false_verified"] == []
    hours = report["autonomy"]
    assert hours["outages"] == 3
    for shelter in hours["shelters"]:
        low, middle, high = shelter["stated_h"]
        assert 0 <= low <= middle <= high
        assert shelter["true_h"] == pytest.approx(6 / 60, abs=0.05)
        assert not shelter["went_dark"]


async def test_shelters_in_service_rehearse_and_nothing_is_switched(tmp_path: Path) -> None:
    async with House(Plan(folder=tmp_path / "house", sites=3, interval_s=1.0, edge_processes=1)) as house:
        await house.prepare()
        await house.start()

        async def ready() -> bool:
            return await house.online() == await house.verified() == 3

        await eventually(ready, timeout_s=60, what="all shelters are online and proven")
        before = house.truth()
        people = ("--by", "試験 一郎", "--confirmed-by", "試験 二郎")
        arguments = (scenario(tmp_path), "--real-fleet", "--data", str(house.central_folder), *people)
        report = await asyncio.to_thread(run_drill, *arguments)
        (backup,) = report["incidents"]
        assert not report["is_synthetic"]
        assert (backup["told"], backup["proven"], backup["not_proven"]) == (3, 3, [])
        after = house.truth()
        assert before is not None
        assert after is not None
        assert {site: now.reserve_pct for site, now in after.sites.items()} == {
            site: then.reserve_pct for site, then in before.sites.items()
        }
        told = await house.ask("api/v1/incidents")
        assert [one["phase"] for one in told["incidents"]] != ["active"]
        alone = await asyncio.to_thread(asked, *arguments[:4], "--by", "a", "--confirmed-by", "a")
        assert alone.returncode == 1
        assert "two persons" in alone.stderr
        await house.stop()
