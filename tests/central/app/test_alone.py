"""Two services over the same data: the second says who serves and ends, or waits and takes over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from central.host import HeldError, make_folder, only_one_in
from central.settings import Settings
from central.store.base import StoreError
from central.store.service_lock import ServiceLock
from demo.house import program
from demo.processes import Child, ChildError
from tests.pg_support import Postgres, pg_program, running_postgres
from tests.support import eventually, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
on_postgres = pytest.mark.skipif(pg_program("initdb") is None, reason="NOT TESTED: postgresql is not installed")


class City:
    """Services of one city, each with a folder of its own unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[Child] = []

    async def start(self, name: str, *options: str, data: str = "", records: str = "") -> Child:
        config = self.folder / f"{name}.yaml"
        config.write_text(
            f"mqtt: {{host: 127.0.0.1, port: {free_port()}}}\nhttp: {{host: 127.0.0.1, port: 0}}\n"
            + (f"records_url: {records!r}\n" if records else ""),
            encoding="utf-8",
        )
        where = ("--data", str(self.folder / (data or name)), "--config", str(config))
        command = [program("shelter-central"), "run", *where, *options]
        child = Child(name, command, self.folder / f"{name}.log")
        self.children.append(child)
        await child.start()
        return child

    async def refused(self, child: Child) -> str:
        """What one says that does not start."""
        await eventually(lambda: child.pid is None, timeout_s=60, what=f"{child.name} ends; {child.tail()}")
        with pytest.raises(ChildError, match="code 1"):
            child.check()
        return child.log.read_text(encoding="utf-8")


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    here = City(tmp_path)
    yield here
    for child in here.children:
        await child.stop(10)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as started:
        yield started


async def takes_over(city: City, first: Child, where: Mapping[str, str]) -> None:
    """A standby waits while the first serves, and serves when the first was killed."""
    standby = await city.start("standby", "--wait", **where)
    await eventually(lambda: "event=waiting" in standby.log.read_text(), timeout_s=60, what="it waits")
    assert f"process {first.pid} on" in standby.log.read_text()
    assert standby.said == {}
    await first.kill()
    await standby.ready(60)
    assert "event=taking_over" in standby.log.read_text()


async def test_over_one_folder_the_second_names_the_first_and_a_standby_takes_over(city: City) -> None:
    first = await city.start("first", data="data")
    await first.ready(60)
    said = await city.refused(await city.start("second", data="data"))
    assert (
        f"another shelter-central runs with this folder (process {first.pid} on {os.uname().nodename}, since " in said
    )
    assert "--wait" in said
    await takes_over(city, first, {"data": "data"})


def test_over_one_file_of_records_from_two_folders(tmp_path: Path) -> None:
    records = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    first, second = (Settings(data=tmp_path / name, records_url=records) for name in ("first", "second"))
    for settings in (first, second):
        make_folder(settings)
    with only_one_in(first):
        held = rf"shared\.sqlite: .* runs with this file \(process {os.getpid()} on "
        with pytest.raises(HeldError, match=held), only_one_in(second):
            pass
        with pytest.raises(HeldError, match="runs with this folder"), only_one_in(first):
            pass
    with only_one_in(second):
        assert (tmp_path / "shared.sqlite.lock").read_text().startswith(f"process {os.getpid()} on ")


@on_postgres
async def test_over_one_database_from_two_machines(city: City, server: Postgres) -> None:
    records = await asyncio.to_thread(server.make_database, "two_services")
    first = await city.start("first", records=records)
    await first.ready(60)
    said = await city.refused(await city.start("second", records=records))
    assert f"another shelter-central serves this database (shelter-central, process {first.pid} on " in said
    assert "geheim" not in said
    await takes_over(city, first, {"records": records})


@on_postgres
async def test_one_that_lost_the_database_to_another_ends(city: City, server: Postgres) -> None:
    records = await asyncio.to_thread(server.make_database, "lost")
    first = await city.start("first", records=records)
    await first.ready(60)
    await asyncio.to_thread(server.stop, signal.SIGKILL)
    await eventually(lambda: "event=lock_not_seen" in first.log.read_text(), timeout_s=60, what="it is noticed")
    first.check()
    os.kill(first.pid or 0, signal.SIGSTOP)
    other = ServiceLock(records, "another machine")
    try:
        await asyncio.to_thread(server.start)
        assert await other.take() == ""
        assert await other.take() == "", "it stays ours"
        os.kill(first.pid or 0, signal.SIGCONT)
        said = await city.refused(first)
        assert "served by another shelter-central now (another machine, since 20" in said
    finally:
        await other.close()


@on_postgres
async def test_a_lock_goes_with_its_connection(server: Postgres) -> None:
    records = await asyncio.to_thread(server.make_database, "connection")
    first, second = ServiceLock(records, "first"), ServiceLock(records, "second")
    assert await first.take() == ""
    assert (await second.take()).startswith("first, since 20")
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'first'"
    await asyncio.to_thread(server.ask, "connection", ended)
    assert await second.take() == ""
    with pytest.raises(StoreError):
        await first.take()
    assert (await first.take()).startswith("second, since")
    await second.close()
    assert await first.take() == ""
    await first.close()
