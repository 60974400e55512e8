"""``shelter-central demand`` against a running service."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from central.cli import app
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import day_of
from central.registry import read_csv
from central.store.records import Records
from contract.topics import Channel, topic
from contract.wire import Row, encode, live_telemetry
from tests.central.app.test_service import CENTRAL, call, service
from tests.central.ingest.parts import METER
from tests.support import Mosquitto, MqttClient, eventually

SITE, LIVE = "E0000000001111", "E0000000002111"
CSV = (
    "id,name,ward,latitude,longitude,battery_kwh\n"
    f"{SITE},模擬第1小学校,中央区,35.6,140.1,26.1\n"
    f"{LIVE},模擬第2小学校,中央区,35.6,140.1,\n"
)
DAYS = 40


async def enter(data: Path) -> None:
    """Two shelters; the first has its half hours of some weeks counted: 4 kW, and 40 kW for an hour before noon."""
    records = await Records.open(data / "records.sqlite")
    await records.save_sites(read_csv(CSV.encode()).sites)
    now_ms = time.time_ns() // 1_000_000
    bought = [2_000] * 22 + [20_000] * 2 + [2_000] * 24
    days = [
        SiteDay(site=SITE, day=day_of(now_ms) - back, wh={Flow.IMPORT: bought}, marks={Flow.IMPORT: "m" * 48})
        for back in range(1, DAYS + 1)
    ]
    await records.energy.save(days, {}, counted_ms=now_ms)
    await records.close()


@pytest.mark.mosquitto
@pytest.mark.e2e
async def test_targets_are_set_shown_and_ended_and_the_half_hour_is_told(mosquitto: Mosquitto, tmp_path: Path) -> None:
    data = tmp_path
    await enter(data)
    start = ["run", "--data", str(data), "--mqtt-port", str(mosquitto.port), "--http-port", "0"]
    with service(data, mosquitto.port, command=[*CENTRAL, *start]) as running:

        async def answer(*command: str, code: int = 0) -> str:
            done = await asyncio.to_thread(call, "demand", *command, "--data", str(data))
            assert done.returncode == code, (done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
            return done.stdout or done.stderr

        said = await answer("set", SITE, "--target-kw", "34", "--execute", "--why", "基本料金", "--by", "田中")
        assert said == f"{SITE}: 34 kW, held by the battery\n"
        japanese = await answer("show", SITE, "--lang", "ja")
        for line in ("目標: 34.0 kW, 手入力, 自動（蓄電池が動作）, 田中 基本料金", "当月と過去11か月の最大: 40.0 kW"):
            assert line in japanese
        found = json.loads(await answer("show", SITE, "--json"))
        assert found["learnt_days"] == DAYS
        assert 26_950 <= found["learnt_w"] < 40_000
        assert (await answer("list", "--planned", "--lang", "en")).startswith(f"{SITE}  –  Target 34.0 kW  Not known")

        async with MqttClient("127.0.0.1", mosquitto.port) as meter:
            numbers = iter(range(1, 1_000))

            async def is_counted() -> bool:
                seq, now_ms = next(numbers), time.time_ns() // 1_000_000
                payload = encode(live_telemetry("a", seq, [Row(METER.id, now_ms, (8_000, 5_000))], {METER.id: METER}))
                await meter.publish(topic(LIVE, Channel.TELEMETRY), payload, qos=1)
                await asyncio.sleep(0.2)  # Not for timing: the service need not be asked more often.
                told = await asyncio.to_thread(running.get, f"api/v1/demand/{LIVE}")
                return told.json()["demand_w"] is not None

            await eventually(is_counted, what="the meter's power is counted")
            forecast = json.loads(await answer("list", "--json"))["demand"]
            (live,) = (one for one in forecast if one["site"] == LIVE)
            assert live["low_w"] <= live["demand_w"] <= live["high_w"]
            assert live["demand_w"] > 0

        assert await answer("end", SITE, "--by", "田中") == f"{SITE}: no target\n"
        assert "Nothing is wanted" in await answer("end", SITE, "--by", "田中", code=2)


@pytest.mark.parametrize("command", [("list",), ("show", SITE), ("set", SITE, "--target-kw", "30", "--by", "x")])
def test_without_a_service_nothing_is_made_up(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["demand", *command, "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "no service runs" in done.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--target-kw", "0.5", "--by", "x"), "--target-kw"),
        (("--target-kw", "30"), "--by"),
        (("--target-kw", "30", "--by", "x", "--basis", "guess"), "contract, hand, learnt"),
    ],
)
def test_what_cannot_be_a_target_is_told_before_anybody_is_asked(
    tmp_path: Path, given: tuple[str, ...], says: str
) -> None:
    done = CliRunner().invoke(app, ["demand", "set", SITE, *given, "--data", str(tmp_path)])
    assert done.exit_code == 2
    assert says in done.output
