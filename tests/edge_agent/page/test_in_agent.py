"""The page inside a running agent: the agent's own values and lines, and an agent that outlives a broken page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar

from edge_agent.app import run_site
from edge_agent.commissioning.live import live_plant
from edge_agent.config import ConfigError, SiteConfig, load_config, parse_config
from edge_agent.io.journal import Journal, journal_path
from edge_agent.mending import has_pending
from edge_agent.obey import Obeyer
from edge_agent.page.addresses import Listen
from edge_agent.page.explain import explain
from edge_agent.page.jobs import Desk, Job, JobState
from edge_agent.page.pin import new_pin
from edge_agent.page.serving import Borrowed, parts_over, serve
from tests.edge_agent.fieldbus.parts import FakeLine
from tests.edge_agent.judging.wire import Shelter, shelter
from tests.support import eventually, free_port

PIN = "31415926"


@asynccontextmanager
async def agent(folder: Path, at: Shelter, *, with_pin: bool = True) -> AsyncIterator[str]:
    """A running agent with a page; the page's address."""
    port = free_port()
    raw = {**at.config, "interval_s": 0.2, "page": {"host": "127.0.0.1", "port": port, "pin_file": "page.pin"}}
    (folder / "site.yaml").write_text(json.dumps(raw))
    if with_pin:
        new_pin(folder / "page.pin", PIN)
    running = asyncio.create_task(run_site(parse_config(raw, folder / "site.yaml")))
    try:
        yield f"http://127.0.0.1:{port}"
        assert not running.done()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def opened(client: ClientSession, url: str) -> None:
    """The page answers, and the PIN is given."""

    async def is_there() -> bool:
        try:
            async with client.get(f"{url}/login") as answer:
                return answer.status == 200
        except OSError:
            return False

    await eventually(is_there, what="the page", timeout_s=20)
    async with client.get(f"{url}/login") as answer:
        token = (await answer.text()).split('name="token" value="')[1][:64]
    async with client.post(f"{url}/login", data={"token": token, "pin": PIN}) as answer:
        assert answer.status == 200


async def test_it_shows_the_agents_values_and_tests_over_the_agents_own_line(tmp_path: Path) -> None:
    """Of a family that takes one client at a time: a second connection would be hung up on."""
    async with (
        shelter(tmp_path, "huawei-sun2000") as at,
        agent(tmp_path, at) as url,
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as client,
    ):
        at.simulated.world.soc_pct = 55.0
        at.simulated.world.touch()
        await opened(client, url)

        async def text(path: str) -> str:
            async with client.get(f"{url}{path}") as answer:
                return await answer.text()

        async def has_values() -> bool:
            return "battery.soc_pct" in await text("/devices/inverter")

        await eventually(has_values, what="values of the inverter", timeout_s=20)
        assert "動作中" in await text("/") or "running" in await text("/")
        form = await text("/walk/controls/inverter/reserve")
        token = form.split('name="token" value="')[1][:64]
        path = f"{url}/walk/controls/inverter/reserve"
        async with client.post(path, data={"token": token, "sure": "on"}) as answer:
            assert str(answer.url).endswith("/job")

        async def is_writing() -> bool:
            return 'data-fresh="1"' in await text("/job") and "制御" in await text("/job?lang=ja")

        await eventually(is_writing, what="the control test")
        async with client.post(f"{url}/job/stop", data={"token": token}) as answer:
            assert answer.status == 200

        async def is_over() -> bool:
            return "中止しました" in await text("/job")

        await eventually(is_over, what="the end of the stopped test", timeout_s=30)
        async with client.get(f"{url}/devices/inverter") as answer:
            assert "応答あり" in await answer.text()
        assert not has_pending(load_config(tmp_path / "site.yaml"))


async def test_who_stops_twice_does_not_stop_the_putting_back() -> None:
    put_back = asyncio.Event()
    began = asyncio.Event()

    async def nothing() -> None:
        return

    async def work(_: Job) -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            for _turn in range(5):
                await asyncio.sleep(0)
            put_back.set()

    desk = Desk(lambda: 0, explain, nothing)
    job = desk.start("control", "/", work)
    await began.wait()
    desk.stop()
    await asyncio.sleep(0)
    desk.stop()
    await desk.close()
    assert put_back.is_set()
    assert job.state is JobState.STOPPED


async def test_an_agent_that_is_ended_in_a_control_test_puts_back_what_stood_there(tmp_path: Path) -> None:
    async with shelter(tmp_path, "goodwe-et") as at:
        device = at.simulated.devices["inverter"]
        at.simulated.world.soc_pct = 55.0
        at.simulated.world.touch()
        before = device.value_of("reserve")
        async with agent(tmp_path, at) as url, ClientSession(cookie_jar=CookieJar(unsafe=True)) as client:
            await opened(client, url)

            async def token() -> str:
                async with client.get(f"{url}/walk/controls/inverter/reserve") as answer:
                    return (await answer.text()).partition('name="token" value="')[2][:64]

            async def is_known() -> bool:
                return bool(await token())

            await eventually(is_known, what="the control of the inverter", timeout_s=20)
            path = f"{url}/walk/controls/inverter/reserve"
            async with client.post(path, data={"token": await token(), "sure": "on"}) as answer:
                assert str(answer.url).endswith("/job")
            await eventually(lambda: device.value_of("reserve") != before, what="the write", timeout_s=20)
        assert device.value_of("reserve") == before
        assert not has_pending(load_config(tmp_path / "site.yaml"))


async def test_without_a_pin_there_is_no_page_and_the_agent_goes_on(tmp_path: Path) -> None:
    async with (
        shelter(tmp_path, "goodwe-et") as at,
        agent(tmp_path, at, with_pin=False) as url,
        ClientSession() as client,
    ):
        outbox = tmp_path / "outbox.sqlite"
        await eventually(outbox.exists, what="the agent's outbox")
        with pytest.raises(OSError, match="Connect"):
            await client.get(url)


def test_a_borrowed_line_is_not_closed_by_the_job() -> None:
    class Closing(FakeLine):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    line = Closing({})
    borrowed = Borrowed(line)
    borrowed.close()
    assert not line.is_closed
    assert borrowed.requests == line.requests


@pytest.mark.parametrize("page", [{"pin_file": "p", "cert_file": "c"}, {"pin_file": "p", "ports": 1}, {}])
def test_a_page_that_cannot_be_is_said_with_its_place(tmp_path: Path, page: dict[str, object]) -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1"},
        "buses": [{"id": "a", "tcp": {"host": "127.0.0.1"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
        "page": page,
    }
    with pytest.raises(ConfigError, match="page"):
        parse_config(raw, tmp_path / "site.yaml")


def test_the_page_s_files_are_found_from_the_site_file(tmp_path: Path) -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1"},
        "buses": [{"id": "a", "tcp": {"host": "127.0.0.1"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
        "page": {"pin_file": "page.pin", "cert_file": "a.pem", "key_file": "a.key"},
    }
    config: SiteConfig = parse_config(raw, tmp_path / "site.yaml")
    assert config.page is not None
    assert config.page.folder == tmp_path
    assert (config.page.pin_file, config.page.cert_file) == (tmp_path / "page.pin", tmp_path / "a.pem")


async def test_what_an_interrupted_test_left_is_put_back_when_the_page_starts(tmp_path: Path) -> None:
    """The process was killed between writing and restoring: the journal names what stood there."""
    async with shelter(tmp_path, "goodwe-et") as at:
        at.simulated.world.soc_pct = 55.0
        at.simulated.world.touch()
        (tmp_path / "site.yaml").write_text(json.dumps(at.config))
        new_pin(tmp_path / "page.pin", PIN)
        config = load_config(tmp_path / "site.yaml")
        with live_plant(config) as plant:
            place = await plant.place("inverter")
            obeyer = Obeyer(place.bus.line, place.session.unit, place.map, 1.0, device="inverter")
            control = obeyer.control("reserve")
            assert control is not None
            saved = await obeyer.snapshot(control)
            with Journal.open(journal_path(config.outbox.path)) as journal:
                journal.put(saved)
            before = saved.registers[0].value
            assert before is not None
            assert (await obeyer.order(control, {"soc_pct": before + 5})).is_good
        parts = parts_over(tmp_path, Listen("127.0.0.1", 0), tmp_path / "page.pin")
        serving = asyncio.create_task(serve(parts, lambda _: None))
        try:
            await eventually(lambda: parts.desk.job is not None and parts.desk.job.is_over, what="the mending")
            assert parts.desk.job is not None
            assert (parts.desk.job.kind, parts.desk.job.state) == ("mend", JobState.DONE)
        finally:
            serving.cancel()
            await asyncio.wait({serving})
        assert not has_pending(config)
        with live_plant(config) as plant:
            place = await plant.place("inverter")
            obeyer = Obeyer(place.bus.line, place.session.unit, place.map, 1.0, device="inverter")
            assert (await obeyer.snapshot(control)).registers[0].value == before
