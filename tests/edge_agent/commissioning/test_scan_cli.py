"""``shelter-edge scan`` and ``identify`` as whole programs: what is printed, in both languages, and how they end."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterable

import pytest
import yaml

from device_profiles.model import Table
from edge_agent.config import BusConfig
from simulator.conversation import Framing
from simulator.server import DevicePort, SerialPort
from tests.edge_agent.commissioning.scan_parts import HOST, Standing, listening, reference
from tests.edge_agent.fieldbus.parts import lying
from tests.edge_agent.fieldbus.test_cli import ended, start
from tests.support import free_port

pytestmark = pytest.mark.e2e
TIMEOUT_S = 60


async def run(*arguments: str, lang: str = "C") -> tuple[int, str, str]:
    return await ended(await start(*arguments, lang=lang), TIMEOUT_S)


async def test_scan_names_the_devices_and_its_lines_are_a_bus_of_a_site_file() -> None:
    units = {1: reference("huawei-sun2000"), 2: reference("sdm630"), 3: reference("relay"), 4: Standing({})}
    async with listening(units) as port:
        code, out, err = await run(
            "scan", f"{HOST}:{port}", "-u", "1", "-u", "2", "-u", "3", "-u", "4", lang="ja_JP.UTF-8"
        )
    assert code == 0, err
    assert "huawei-sun2000(確実)" in out
    assert "sdm630(有力)" in out
    assert "当てはまる profile がありません" in out
    assert "機器 4 台が見つかりました" in out
    assert "書き込みはしません" in err
    assert "この盤につながるネットワークだけ" in err
    lines = out.partition("site.yaml に書く行:\n")[2].partition("\n\n")[0]
    (bus,) = yaml.safe_load(lines)["buses"]
    assert [(each.profile, each.unit) for each in BusConfig.model_validate(bus).devices] == [
        ("huawei-sun2000", 1),
        ("sdm630", 2),
    ]
    assert "#       - {id: relay, profile: relay, unit: 3}" in lines, "what is only possible stands behind a #"
    assert all(unit.writes == [] for unit in units.values())


async def test_scan_as_json_and_without_identification() -> None:
    async with listening({1: reference("sdm630")}) as port:
        code, out, _ = await run("scan", f"{HOST}:{port}", "--unit", "1", "--no-identify", "--json")
    assert code == 0
    seen = json.loads(out)
    assert seen["devices"] == 1
    assert seen["site_yaml"] == ""
    assert not seen["stopped"]
    (found,) = seen["found"]
    assert (found["host"], found["port"], found["state"]) == (HOST, port, "answers")
    assert found["units"] == [{"unit": 1, "same_as": None, "error": ""}]


async def test_ctrl_c_stops_a_scan_at_once_and_shows_what_was_found() -> None:
    asked = asyncio.Event()

    async def mute(_: bytes) -> Iterable[bytes]:
        asked.set()
        return []

    silent = free_port()
    async with listening({1: reference("sdm630")}) as port, lying(silent, mute):
        process = await start(
            "scan", f"{HOST}:{port}", f"{HOST}:{silent}", "--unit", "1", "--timeout", "10", "--lang", "en"
        )
        await asyncio.wait_for(asked.wait(), TIMEOUT_S)
        process.send_signal(signal.SIGINT)
        code, out, err = await ended(process, TIMEOUT_S)
    assert code == 130
    assert "Traceback" not in err
    assert "Stopped before the end" in out
    assert "sdm630 (likely)" in out


async def test_identify_gives_reasons_in_both_languages() -> None:
    async with listening({1: reference("sunspec")}) as port:
        target = f"{HOST}:{port}"
        code, out, _ = await run("identify", target, "--unit", "1", "--lang", "ja")
        assert code == 0
        assert "根拠: SunSpec の目印が 40000 番地にある" in out
        assert "該当しない huawei-sun2000: " in out
        code, out, _ = await run("identify", target, "--unit", "1", "--json")
    (unit,) = json.loads(out)["found"][0]["units"]
    assert code == 0
    assert unit["verdict"] == "one"
    best = unit["proposals"][0]
    assert (best["profile"], best["sureness"]) == ("sunspec", "certain")
    assert best["serial"]
    assert {"kind", "facts", "ja", "en"} == set(best["reasons"][0])


async def test_identify_says_what_was_seen_of_a_device_that_fits_nothing() -> None:
    device = Standing({(Table.HOLDING, 5): 1}, {0: "Nobody Knows Ltd", 1: "NK-1"})
    async with listening({1: device}) as port:
        code, out, _ = await run("identify", f"{HOST}:{port}", "--unit", "1", "--lang", "en")
    assert code == 1
    assert "no profile fits" in out
    assert "the device says: Nobody Knows Ltd, NK-1" in out
    assert "Try: " in out


async def test_a_device_that_refuses_everything_at_every_number_is_not_many_devices() -> None:
    async with listening(dict.fromkeys((1, 2, 3), Standing({}))) as port:
        arguments = ("identify", f"{HOST}:{port}", "--unit", "1", "--unit", "2", "--unit", "3", "--lang", "en")
        code, out, _ = await run(*arguments)
    assert code == 1
    assert "unit 1: no profile fits: it refuses to be read" in out
    assert out.count("as unit 1 does") == 2
    assert "Try: permit reading by Modbus in the device" in out
    assert "Devices found: 1 " in out
    assert "gateway" not in out


async def test_identify_on_a_serial_line() -> None:
    line = SerialPort({2: reference("sdm630")})
    await line.open()
    try:
        code, out, _ = await run("identify", line.path, "--unit", "2", "--lang", "en", "--baudrate", "19200")
    finally:
        await line.close()
    assert code == 0
    assert f"rtu: {{port: {line.path}, baudrate: 19200}}" in out


async def test_identify_through_a_converter_that_passes_on_rtu_frames() -> None:
    door = DevicePort(HOST, 0, {2: reference("sdm630")}, framing=Framing.RTU)
    await door.open()
    try:
        arguments = ("identify", f"{HOST}:{door.port}", "--unit", "2", "--rtu-over-tcp", "--lang", "en")
        code, out, _ = await run(*arguments)
    finally:
        await door.close()
    assert code == 0
    assert "input 70..71 holds '50.00 Hz'" in out
    (bus,) = yaml.safe_load(out.partition("Lines for site.yaml:\n")[2].partition("\n\n")[0])["buses"]
    assert BusConfig.model_validate(bus).rtu_over_tcp is not None


async def test_nothing_found_is_code_1_with_what_to_try() -> None:
    code, out, _ = await run("scan", f"{HOST}:{free_port()}", "--lang", "en")
    assert code == 1
    assert "there, but not listening on that port: 127.0.0.1" in out
    assert "Try: switch Modbus TCP on" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scan", "10.0.0.0/8"], ["16,777,216", "--yes"]),
        (["scan", "10.0.0.0/99", "a b"], ["10.0.0.0/99: no network", "a b: no address"]),
        (["scan", HOST, "--lang", "de"], ["--lang"]),
        (["scan", HOST, "--parity", "X"], ["--parity"]),
        (["identify", "10.0.0.0/24"], ["use scan for a range"]),
        (["scan", "cabinet.invalid"], ["cabinet.invalid: no such name", "such as 192.168.1.20"]),
    ],
)
async def test_wrong_arguments_are_code_2_and_tell_what_to_write(arguments: list[str], words: list[str]) -> None:
    code, out, err = await run(*arguments, lang="en_US.UTF-8")
    assert (code, out) == (2, "")
    assert all(word in err for word in words), err


async def test_without_a_target_it_offers_what_this_machine_sees() -> None:
    code, out, _ = await run("scan", "--lang", "en")
    assert code == 0
    assert "Scan only the network of this cabinet" in out
    code, out, _ = await run("scan", "--json")
    assert code == 0
    assert set(json.loads(out)) == {"networks", "serial"}
