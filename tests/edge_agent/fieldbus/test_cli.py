"""The program as it is started: check, run, signals, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.messages import EventKind
from contract.topics import Channel, subscription, topic
from contract.wire import decode_event, decode_status, decode_telemetry
from edge_agent.io.outbox import Outbox
from edge_agent.show import cells
from tests.edge_agent.fieldbus.parts import serving_tcp, unit_of
from tests.edge_agent.fieldbus.plants import registers_of
from tests.support import Mosquitto, MqttClient, free_port

SITE = "E0000000001111"
NOON = ("--at", "12:00")
"""Whatever the hour of the test, these inverters stand in the sun."""
HYBRID = {"pv.power_w": 5000.0, "battery.power_w": -1000.0, "inverter.power_w": 3900.0, "inverter.islanded": 0.0}


def site_file(folder: Path, ports: tuple[int, int], *, mqtt_port: int = 1, site: str = SITE) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "site.yaml"
    path.write_text(
        f"site: {site}\nname: 中央第一小学校\ninterval_s: 0.2\nmqtt: {{host: 127.0.0.1, port: {mqtt_port}}}\nbuses:\n"
        f"  - id: inverter\n    tcp: {{host: 127.0.0.1, port: {ports[0]}}}\n"
        "    devices: [{id: inverter, profile: huawei-sun2000, timeout_s: 0.5}]\n"
        f"  - id: gateway\n    tcp: {{host: 127.0.0.1, port: {ports[1]}}}\n"
        "    devices: [{id: meter, profile: sdm630, unit: 2, timeout_s: 0.3}, {id: relay, profile: relay, unit: 3}]\n",
        encoding="utf-8",
    )
    return path


async def start(*arguments: str | Path, lang: str = "C") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edge_agent",
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LANG": lang, "LC_ALL": lang, "PYTHONUTF8": "1"},
    )


async def ended(process: asyncio.subprocess.Process, timeout_s: float = 100) -> tuple[int, str, str]:
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def ready(process: asyncio.subprocess.Process) -> dict[str, object]:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 100)
    word, _, rest = line.decode().partition(" ")
    assert word == "ready", (line, await process.stderr.read() if process.stderr else "")
    found: dict[str, object] = json.loads(rest)
    return found


@asynccontextmanager
async def plant(ports: tuple[int, int]) -> AsyncIterator[None]:
    meter = unit_of(2, registers_of("sdm630", {"grid.power_w": 300}))
    relay = unit_of(3, registers_of("relay"))
    inverter = unit_of(1, registers_of("huawei-sun2000", HYBRID))
    async with serving_tcp(ports[0], inverter), serving_tcp(ports[1], meter, relay):
        yield


async def test_check_reads_everything_once_and_says_so_in_json(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    async with plant(ports):
        code, out, err = await ended(
            await start("check", "--once", "--config", site_file(tmp_path, ports), *NOON, "--json")
        )
    assert code == 0, err
    seen = json.loads(out)
    assert [device["device"] for device in seen["devices"]] == ["inverter", "meter", "relay"]
    assert seen["devices"][0]["identity"]["model"].startswith("SUN2000")
    power = next(p for p in seen["devices"][1]["points"] if p["point"] == "grid.power_w")
    assert power == {"point": "grid.power_w", "value": 300, "unit": "W", "quality": "good", "register": "input 52–53"}
    assert {p["point"]: p["value"] for p in seen["derived"]} == {"load.power_w": 4300, "balance.error_w": 100}
    assert seen["requests"] == sum(device["requests"] for device in seen["devices"])
    assert seen["ok"]
    assert (seen["balance"]["verdict"], seen["balance"]["load_w"], seen["balance"]["error_w"]) == ("ok", 4300, 100)
    assert [finding["kind"] for finding in seen["findings"] if finding["severity"] == "warning"] == ["broker_away"]
    assert set(seen["findings"][0]["ja"]) == set(seen["findings"][0]["en"]) == {"what", "try"}
    assert seen["summary"]["en"] == "Everything answers (3 devices)."


@pytest.mark.parametrize(
    ("arguments", "lang", "words"),
    [
        ([], "C", ["測定項目", "応答なし", "RS-485", "3 台のうち 2 台が応答: meter, relay。応答なし: inverter"]),
        (["--lang", "en"], "C", ["Register", "cannot connect to 127.0.0.1:", "Try: power and LAN cable"]),
        ([], "en_US.UTF-8", ["2 of 3 devices answer: meter, relay. No answer: inverter"]),
    ],
)
async def test_check_says_what_to_try_for_a_dark_device(
    tmp_path: Path, arguments: list[str], lang: str, words: list[str]
) -> None:
    ports = (free_port(), free_port())
    meter, relay = unit_of(2, registers_of("sdm630")), unit_of(3, registers_of("relay"))
    async with serving_tcp(ports[1], meter, relay):
        process = await start("check", "--once", "--config", site_file(tmp_path, ports), *arguments, lang=lang)
        code, out, _ = await ended(process)
    assert code == 1
    first, last = out.splitlines()[0], out.splitlines()[-1]
    assert "inverter" in first, "the first line names what matters"
    assert "inverter" in last, "the last line says who answers"
    assert all(word in out for word in words), out


@pytest.mark.parametrize("width", [48, 80])
async def test_check_fits_a_phone_and_says_which_way_the_power_goes(tmp_path: Path, width: int) -> None:
    ports = (free_port(), free_port())
    async with plant(ports):
        config = site_file(tmp_path, ports)
        code, out, _ = await ended(
            await start("check", "--once", "--config", config, *NOON, "--lang", "ja", "--width", str(width))
        )
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("正常 すべての機器(3 台)が応答し")
    assert lines[-1] == "すべての機器(3 台)が応答しました。"
    assert all(cells(line) <= width for line in lines), [line for line in lines if cells(line) > width]
    assert re.search(r"太陽光 +5,000 W 発電", out)
    assert re.search(r"蓄電池 +-1,000 W 充電", out)
    assert re.search(r"受電点\) +300 W 買電", out)
    assert "収支: 合っています" in out
    assert ("holding 32064" in out) == (width == 80)


@pytest.mark.parametrize(
    ("inverter", "profile"), [("huawei-sun2000", "goodwe-et"), ("goodwe-et", "huawei-sun2000"), ("goodwe-et", "sdm630")]
)
async def test_a_wrong_profile_is_recognised_and_others_are_named(tmp_path: Path, inverter: str, profile: str) -> None:
    ports = (free_port(), free_port())
    meter, relay = unit_of(2, registers_of("sdm630", {"grid.power_w": 300})), unit_of(3, registers_of("relay"))
    path = site_file(tmp_path, ports)
    path.write_text(path.read_text(encoding="utf-8").replace("huawei-sun2000", profile), encoding="utf-8")
    async with serving_tcp(ports[0], unit_of(1, registers_of(inverter))), serving_tcp(ports[1], meter, relay):
        code, out, _ = await ended(
            await start("check", "--once", "--config", path, *NOON, "--lang", "en", "--width", "100")
        )
    assert code == 1
    assert f"FAULT inverter: this does not look like a {profile}: " in out
    assert "points are not plausible" in out
    assert inverter in out.partition("Try: another profile, one of:")[2].partition("\n\n")[0]
    assert out.splitlines()[-1] == "All 3 devices answer, but something is at fault: inverter"


async def test_turned_current_transformers_come_first_and_the_balance_is_not_trusted(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    inverter = unit_of(1, registers_of("huawei-sun2000", {**HYBRID, "grid.power_w": 3000}))
    meter, relay = unit_of(2, registers_of("sdm630", {"grid.power_w": -2990})), unit_of(3, registers_of("relay"))
    async with serving_tcp(ports[0], inverter), serving_tcp(ports[1], meter, relay):
        code, out, err = await ended(
            await start("check", "--once", "--config", site_file(tmp_path, ports), *NOON, "--json")
        )
    assert code == 0, err
    seen = json.loads(out)
    assert seen["findings"][0]["kind"] == "swapped_ct"
    assert seen["verdict"]["ja"].startswith(
        "注意 meter: grid.power_w の向きが逆です: inverter は 3,000 W、meter は -2,990 W"
    )
    assert seen["balance"]["verdict"] == "ct_turned"


async def test_who_waits_longer_than_two_seconds_is_told_for_what(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    path = site_file(tmp_path, ports)
    path.write_text(path.read_text(encoding="utf-8").replace("timeout_s: 0.5", "timeout_s: 1.0"), encoding="utf-8")
    inverter, meter = unit_of(9, registers_of("huawei-sun2000")), unit_of(2, registers_of("sdm630"))
    async with serving_tcp(ports[0], inverter), serving_tcp(ports[1], meter, unit_of(3, registers_of("relay"))):
        code, out, err = await ended(await start("check", "--once", "--config", path, "--lang", "en"))
    assert code == 1
    assert "waiting for: inverter (2 s)" in err
    assert out.startswith("FAULT inverter: unit 1 at 127.0.0.1:"), out


async def test_run_says_at_once_that_its_password_file_is_missing(tmp_path: Path) -> None:
    path = site_file(tmp_path, (free_port(), free_port()))
    text = path.read_text(encoding="utf-8").replace("mqtt: {", "mqtt: {username: a, password_file: nowhere, ")
    path.write_text(text, encoding="utf-8")
    code, out, err = await ended(await start("run", "--config", path))
    assert (code, out) == (2, "")
    assert "異常 mqtt.password_file" in err
    assert "対処: " in err


async def test_a_bad_file_is_told_on_stderr_with_code_2(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("site: X\nbusses: []\n")
    for command in ("run", "check"):
        code, out, err = await ended(await start(command, "--config", path))
        assert (code, out) == (2, "")
        assert "busses: unknown key, perhaps 'buses'?" in err
        assert "site: 'X'" in err


async def test_run_starts_with_everything_dark_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    path = site_file(tmp_path, (free_port(), free_port()), mqtt_port=free_port())
    process = await start("run", "--config", path)
    assert (await ready(process))["sites"] == [SITE]
    await asyncio.sleep(1)
    process.send_signal(signal.SIGTERM)
    code, out, err = await ended(process)
    assert (code, out) == (0, ""), err
    assert "Traceback" not in err
    with Outbox.open(tmp_path / "outbox.sqlite") as outbox:
        assert outbox.next_seq > 5, "dark devices leave rows"


@pytest.mark.mosquitto
async def test_run_brings_readings_events_and_status_to_the_broker(tmp_path: Path, mosquitto: Mosquitto) -> None:
    ports = (free_port(), free_port())
    path = site_file(tmp_path / "site", ports, mqtt_port=mosquitto.port)
    telemetry, events, statuses = [], [], []
    async with plant(ports), MqttClient("127.0.0.1", mosquitto.port) as city:
        for channel in (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS):
            await city.subscribe(subscription(channel), qos=1)
        process = await start("run", "--config", path)
        await ready(process)
        async with asyncio.timeout(100):
            async for message in city.messages:
                name, payload = message.topic.value, bytes(message.payload)  # type: ignore[arg-type]
                if name == topic(SITE, Channel.TELEMETRY):
                    telemetry.append(decode_telemetry(payload))
                elif name == topic(SITE, Channel.EVENT):
                    events.append(decode_event(payload))
                else:
                    statuses.append(decode_status(payload))
                    if not statuses[-1].online:
                        break
                names = {device for sent in telemetry for device, _ in sent.layouts.values()}
                if len(names) == 4 and process.returncode is None:
                    process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)
    assert code == 0, err
    assert names == {"inverter", "meter", "relay", "site"}
    assert {event.kind for event in events} == {EventKind.AGENT_STARTED, EventKind.AGENT_STOPPED}
    assert statuses[0].online
    assert statuses[0].interval_s == 0.2
    assert {device.id for device in statuses[0].devices} == {"inverter", "meter", "relay"}


async def test_a_site_that_cannot_run_ends_the_process_with_a_reason(tmp_path: Path) -> None:
    """Two sites in one process; another process has the second one's outbox."""
    first = site_file(tmp_path / "a", (free_port(), free_port()))
    second = site_file(tmp_path / "b", (free_port(), free_port()), site="E0000000002111")
    with Outbox.open(tmp_path / "b" / "outbox.sqlite"):
        code, _, err = await ended(await start("run", "--config", first, "--config", second))
    assert code == 2
    assert "outbox.sqlite" in err


async def test_two_files_of_one_site_are_refused(tmp_path: Path) -> None:
    first = site_file(tmp_path / "a", (free_port(), free_port()))
    second = site_file(tmp_path / "b", (free_port(), free_port()))
    code, _, err = await ended(await start("run", "--config", first, "--config", second))
    assert code == 2
    assert SITE in err


async def test_a_simulated_cabinet_is_judged_by_the_time_it_was_given_and_that_is_said(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    path = site_file(tmp_path, ports)
    async with plant(ports):
        code, out, err = await ended(await start("check", "--once", "--config", path, "--json", "--at", "22:00"))
    assert code == 0, err
    seen = json.loads(out)
    assert seen["findings"][0]["kind"] == "pv_at_night", "5,000 W in the dark"
    given = next(finding for finding in seen["findings"] if finding["kind"] == "time_given")
    assert "22:00:00 JST" in given["ja"]["what"]
    code, out, err = await ended(await start("check", "--config", path, "--at", "25:00"))
    assert (code, out) == (2, "")
    assert "--at: want Tokyo time as HH:MM" in err
