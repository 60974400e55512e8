"""What a control test that was cut short has left is put back at the next start, by check or by the agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_profiles.model import Table
from edge_agent import plant
from edge_agent.commands.common import mend_first
from edge_agent.config import SiteConfig, parse_config
from edge_agent.core.saved import Saved
from edge_agent.io.journal import Journal, journal_path
from edge_agent.mending import Mended, has_pending, keep_mending, mend_site
from edge_agent.obey import Obeyer
from edge_agent.poll import monotonic_ms
from edge_agent.words_orders import mended_in_words
from simulator.server import DevicePort
from tests.edge_agent.fieldbus.plants import registers_of
from tests.edge_agent.obey.devices import Device, at_once

UNIT = 247


@asynccontextmanager
async def hybrid() -> AsyncIterator[tuple[Device, DevicePort]]:
    """A synthetic inverter of a family of the library, behind a real port."""
    device = Device(words=dict(registers_of("goodwe-et")))
    port = DevicePort("127.0.0.1", 0, {UNIT: device})
    await port.open()
    try:
        yield device, port
    finally:
        await port.close()


def site(folder: Path, port: int, device_id: str = "inverter") -> SiteConfig:
    return parse_config(raw(folder, port, device_id), folder / "site.yaml")


def raw(folder: Path, port: int, device_id: str = "inverter") -> dict[str, object]:
    device = {"id": device_id, "profile": "goodwe-et", "unit": UNIT, "timeout_s": 0.5}
    return {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": 1},
        "outbox": {"path": str(folder / "outbox.sqlite")},
        "buses": [{"id": "bus", "tcp": {"host": "127.0.0.1", "port": port}, "devices": [device]}],
    }


def reserve_words(device: Device, saved: Saved) -> tuple[int, ...]:
    (kept,) = saved.registers
    return tuple(device.words[Table(kept.table), kept.address + n] for n in range(len(kept.words)))


async def cut_short(config: SiteConfig) -> Saved:
    """A control test that writes another reserve and is never heard of again."""
    (bus,) = plant.build(config)
    (session,) = bus.sessions
    await session.poll(bus.line, slow=False, now_ms=monotonic_ms())
    assert session.map is not None
    it = Obeyer(bus.line, session.unit, session.map, session.timeout_s, device=session.id, sleep=at_once)
    control = it.control("reserve")
    assert control is not None
    saved = await it.snapshot(control)
    with Journal.open(journal_path(config.outbox.path)) as journal:
        journal.put(saved)
        before = saved.registers[0].value
        assert before is not None
        assert (await it.order(control, {"soc_pct": 40 if before != 40 else 60})).is_good
    bus.line.close()
    return saved


async def test_a_command_puts_it_back_first_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with hybrid() as (device, port):
        config = site(tmp_path, port.port)
        saved = await cut_short(config)
        assert reserve_words(device, saved) != saved.registers[0].words
        assert await asyncio.to_thread(mend_first, config, "ja")
        assert "inverter reserve: 中断した制御試験の前の値に戻しました。" in capsys.readouterr().err
        assert reserve_words(device, saved) == saved.registers[0].words
        assert not has_pending(config)


async def test_a_device_that_does_not_answer_stays_pending(tmp_path: Path) -> None:
    async with hybrid() as (device, port):
        config = site(tmp_path, port.port)
        await cut_short(config)
        device.is_dark = True
        (mended,) = await mend_site(config)
        assert (mended.is_done, mended.why) == (False, "no_answer")
        assert "応答しません" in mended_in_words(mended, "ja")
        assert has_pending(config)
        device.is_dark = False
        (mended,) = await mend_site(config)
        assert mended.is_done


async def test_a_device_that_left_the_site_file_is_named_with_what_stood_there(tmp_path: Path) -> None:
    async with hybrid() as (_, port):
        await cut_short(site(tmp_path, port.port))
        config = site(tmp_path, port.port, "renamed")
        (mended,) = await mend_site(config)
        assert mended.why == "no_such_device"
        said = mended_in_words(mended, "en")
        assert "inverter reserve" in said
        assert "reserve " in said
        assert has_pending(config)


async def test_the_agent_waits_until_the_device_answers(tmp_path: Path) -> None:
    async with hybrid() as (device, port):
        config = site(tmp_path, port.port)
        saved = await cut_short(config)
        buses = plant.build(config)
        told: list[Mended] = []
        (session,) = buses[0].sessions
        await session.poll(buses[0].line, slow=False, now_ms=monotonic_ms())
        session.last_answer_ms = monotonic_ms()
        await asyncio.wait_for(keep_mending(config, buses, told.append), 10)
        buses[0].line.close()
        assert [each.is_done for each in told] == [True]
        assert reserve_words(device, saved) == saved.registers[0].words


async def test_nothing_pending_opens_nothing(tmp_path: Path) -> None:
    config = site(tmp_path, 1)
    await asyncio.wait_for(keep_mending(config, [], lambda _: pytest.fail("nothing to tell")), 5)
    assert not journal_path(config.outbox.path).exists()
