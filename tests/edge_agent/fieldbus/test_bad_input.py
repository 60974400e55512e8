"""What a technician sees when a device or a cable misbehaves: what, where, what to try; never a trace or a number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.readings import Quality
from device_profiles.load import load
from device_profiles.model import DiscoveryError, Table
from edge_agent.config import DeviceConfig
from edge_agent.io.bus import BusError, DeviceRefused, GatewaySilent, LinkDown, TcpAddress
from edge_agent.io.modbus import ModbusLine
from edge_agent.session import DeviceSession
from simulator.server import DevicePort
from tests.edge_agent.fieldbus.parts import lying, tcp_reply
from tests.edge_agent.fieldbus.plants import registers_of
from tests.edge_agent.fieldbus.test_cli import ended, start
from tests.edge_agent.obey.devices import Device
from tests.support import free_port

Script = Callable[[bytes], Awaitable[Iterable[bytes] | None]]


def session_of(profile: str, unit: int = 1) -> DeviceSession:
    return DeviceSession(DeviceConfig(id="device", profile=profile, unit=unit, timeout_s=0.1), load(profile))


async def polled(port: int, session: DeviceSession) -> list[tuple[str, float | None, Quality]]:
    line = ModbusLine(TcpAddress(host="127.0.0.1", port=port))
    try:
        found = await session.poll(line, slow=True, now_ms=0)
        return [(r.point, r.value, r.quality) for r in (*found.readings, *found.once)]
    finally:
        line.close()


async def garbage(_: bytes) -> Iterable[bytes]:
    return [b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3]


async def other_transaction(request: bytes) -> Iterable[bytes]:
    count = int.from_bytes(request[10:12], "big")
    return [tcp_reply(request, [230] * count, tid=int.from_bytes(request[:2], "big") ^ 0x100)]


async def too_short(request: bytes) -> Iterable[bytes]:
    count = int.from_bytes(request[10:12], "big")
    return [tcp_reply(request, [230] * (count - 1))]


async def cut_in_the_middle(request: bytes) -> Iterable[bytes] | None:
    return [tcp_reply(request, [230] * int.from_bytes(request[10:12], "big"))[:11]]


@pytest.mark.parametrize("script", [garbage, other_transaction, too_short, cut_in_the_middle])
async def test_answers_that_are_none_give_no_reading(script: Script) -> None:
    port = free_port()
    async with lying(port, script):
        with pytest.raises(LinkDown, match=f"127.0.0.1:{port} unit 1"):
            await polled(port, session_of("sdm630"))


@pytest.mark.parametrize("script", [garbage, other_transaction, cut_in_the_middle])
async def test_bytes_that_answer_nothing_are_told_apart_from_silence(script: Script) -> None:
    port = free_port()
    async with lying(port, script):
        with pytest.raises(LinkDown, match=r"no answer within 0.1 s; \d+ bytes came that answer something else"):
            await polled(port, session_of("sdm630"))


def refusing(code: int) -> Script:
    async def script(request: bytes) -> Iterable[bytes]:
        return [request[:4] + b"\0\3" + request[6:7] + bytes((request[7] | 0x80, code))]

    return script


@pytest.mark.parametrize("code", range(1, 12))
async def test_a_device_that_refuses_everything_gives_gaps_or_an_error_with_words(code: int) -> None:
    port = free_port()
    async with lying(port, refusing(code)):
        try:
            found = await polled(port, session_of("sdm630"))
        except BusError as error:
            assert f"exception {code} (" in str(error)  # noqa: PT017  (either way is right)
            assert isinstance(error, GatewaySilent | DeviceRefused)  # noqa: PT017
            return
    assert found
    assert {value for _, value, _ in found} == {None}
    assert {quality for _, _, quality in found} <= {Quality.ILLEGAL_ADDRESS, Quality.REFUSED}


@asynccontextmanager
async def gateway(*, words: dict[tuple[Table, int], int], unit: int = 1) -> AsyncIterator[int]:
    port = DevicePort("127.0.0.1", 0, {unit: Device(words=words)})
    await port.open()
    try:
        yield port.port
    finally:
        await port.close()


async def test_a_wrong_unit_number_is_silence_with_its_address_and_unit() -> None:
    async with gateway(words=dict(registers_of("sdm630"))) as port:
        with pytest.raises(LinkDown, match=f"127.0.0.1:{port} unit 7"):
            await polled(port, session_of("sdm630", unit=7))


async def test_a_wrong_profile_says_what_it_met_or_gives_gaps() -> None:
    async with gateway(words=dict(registers_of("sdm630"))) as port:
        with pytest.raises(DiscoveryError):
            await polled(port, session_of("sunspec"))
        found = await polled(port, session_of("huawei-sun2000"))
        assert {value for _, value, _ in found} == {None}


def site_file(folder: Path, port: int, profile: str, unit: int) -> Path:
    path = folder / "site.yaml"
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": 1},
        "buses": [
            {
                "id": "bus",
                "tcp": {"host": "127.0.0.1", "port": port},
                "devices": [{"id": "meter", "profile": profile, "unit": unit, "timeout_s": 0.2}],
            }
        ],
    }
    path.write_text(json.dumps(raw), encoding="utf-8")  # JSON is YAML.
    return path


@pytest.mark.parametrize(("script", "lang"), [(garbage, "ja"), (refusing(11), "en"), (too_short, "ja")])
async def test_the_commands_end_in_words_and_not_in_a_trace(script: Script, lang: str, tmp_path: Path) -> None:
    port = free_port()
    async with lying(port, script):
        path = site_file(tmp_path, port, "sdm630", 1)
        recording = await start("record", "--config", path, "--out", tmp_path / "dump.json", "--lang", lang)
        code, _, err = await ended(recording)
    assert code == 1
    assert f"127.0.0.1:{port} unit 1" in err
    assert ("対処" if lang == "ja" else "Try") in err
    assert "Traceback" not in err
    assert not (tmp_path / "dump.json").exists()


async def test_a_recording_is_saved_by_the_command_and_wrong_arguments_are_said(tmp_path: Path) -> None:
    async with gateway(words=dict(registers_of("sdm630")), unit=2) as port:
        path = site_file(tmp_path, port, "sdm630", 2)
        good = start("record", "--config", path, "--out", tmp_path / "dump.json", "--lang", "ja")
        wrong = start("record", "--config", path, "--out", tmp_path / "x.json", "--device", "metre", "--lang", "ja")
        range_ = start("record", "--config", path, "--out", tmp_path / "x.json", "--sweep", "holding:9-1")
        results = await asyncio.gather(*[ended(process) for process in await asyncio.gather(good, wrong, range_)])
    assert [code for code, _, _ in results] == [0, 2, 2]
    assert "dump.json に保存しました" in results[0][2]
    assert "あるのは: meter" in results[1][2]
    saved = json.loads((tmp_path / "dump.json").read_text(encoding="utf-8"))
    assert (saved["profile"], saved["device"], saved["unit_id"]) == ("sdm630", "meter", 2)
    assert saved["input"]
