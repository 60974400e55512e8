"""The SQLite store where it differs: crashes, damaged and foreign files, and readers beside the writer."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.city import Aggregate
from central.store.base import StoreError, StoreRefusedError, StoreRow, Written
from central.store.sqlite import SqliteStore
from tests.central.store.rows import SITE, T0, inverter, meter

WRITER = """
import asyncio, sys
from pathlib import Path
from central.store.sqlite import SqliteStore
from tests.central.store.rows import inverter, meter

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]), recent_rows_max=50)
    for n in range(1_000_000):
        await store.write([inverter(n), meter(n)])
        print(n, flush=True)

asyncio.run(main())
"""


def write_until_killed(path: Path, *, after: int) -> int:
    """Number of the last write that returned in a process that was ended by SIGKILL."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    last = -1
    try:
        while last < after:
            last = int(writer.stdout.readline())
        writer.kill()
        return max([last, *(int(line) for line in writer.stdout.read().split("\n")[:-1])])
    finally:
        writer.kill()
        writer.wait(timeout=10)
        writer.stdout.close()


@pytest.mark.parametrize("after", [1, 40, 233])
async def test_every_write_that_returned_survives_kill_9(tmp_path: Path, after: int) -> None:
    path = tmp_path / "telemetry.sqlite"
    last = write_until_killed(path, after=after)
    store = await SqliteStore.open(path, recent_rows_max=50)
    try:
        found = [row async for row in store.export(SITE, from_ms=0, to_ms=T0 * 2)]
        promised = [row for n in range(last + 1) for row in (inverter(n), meter(n))]
        assert found[: len(promised)] == promised
        # At most the one write that was under way is there as well, whole.
        assert len(found) in (len(promised), len(promised) + 2)
        assert await store.write(promised) == Written(len(promised), len(promised))
    finally:
        await store.close()


async def test_rows_settle_and_stay_the_same_and_unique(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    store = await SqliteStore.open(path, recent_rows_max=100)
    rows = [inverter(n, site=site) for n in range(200) for site in (SITE, "E0000000002222")]
    for first in range(0, len(rows), 40):
        await store.write(rows[first : first + 40])
    late = [inverter(n, site="E0000000003333") for n in range(200)]
    assert await store.write(late) == Written(200, 0)
    assert await store.write(late + rows) == Written(600, 600)
    assert [row async for row in store.export(SITE, from_ms=0, to_ms=T0 * 2)] == rows[::2]
    await store.close()
    db = sqlite3.connect(path)
    counts = {
        name.split("_")[0]: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'recent%' OR name LIKE 'settled%'")
    }
    db.close()
    assert sum(counts.values()) == 600
    assert counts["settled"] > 400


KEYS = st.tuples(st.sampled_from(["inverter", "battery"]), st.integers(0, 40))


@settings(max_examples=40, deadline=None)
@given(
    batches=st.lists(st.tuples(st.booleans(), st.lists(KEYS, min_size=1, max_size=15)), max_size=12),
    rows_max=st.integers(1, 12),
)
def test_each_row_is_there_once_whatever_the_order_the_repeats_and_the_restarts(
    batches: list[tuple[bool, list[tuple[str, int]]]], rows_max: int
) -> None:
    async def check(path: Path) -> None:
        known: set[tuple[str, int]] = set()
        store = await SqliteStore.open(path, recent_rows_max=rows_max)
        try:
            for restart, keys in batches:
                if restart:
                    await store.close()
                    store = await SqliteStore.open(path, recent_rows_max=rows_max)
                written = await store.write([inverter(n, device=device) for device, n in keys])
                assert written == Written(len(keys), len(keys) - len(set(keys) - known))
                known |= set(keys)
                found = [(row.at_ms, row.device) async for row in store.export(SITE, from_ms=0, to_ms=T0 * 2)]
                assert found == sorted((T0 + n * 5_000, device) for device, n in known)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "telemetry.sqlite"))


async def test_two_processes_may_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    one = await SqliteStore.open(path, recent_rows_max=10)
    two = await SqliteStore.open(path, recent_rows_max=10)
    try:
        for n in range(0, 100, 4):
            part = [inverter(n + k) for k in range(4)]
            assert await (one if n % 8 else two).write(part) == Written(4, 0)
            assert await (two if n % 8 else one).write(part) == Written(4, 4)
        assert await one.count_rows() == 100
    finally:
        await one.close()
        await two.close()


async def test_reading_and_writing_go_on_side_by_side(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite", recent_rows_max=64)
    try:
        await store.write([inverter(0)])
        asked = {"from_ms": 0, "to_ms": T0 * 2, "step_ms": T0, "aggregate": Aggregate.COUNT, "origin_ms": 0}
        seen: list[int] = []

        async def read() -> None:
            while not seen or seen[-1] < 600:
                seen.append(sum(s.count for s in await store.series(SITE, "inverter", "pv.power_w", **asked)))

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            for n in range(0, 600, 3):
                await store.write([inverter(n), inverter(n + 1), inverter(n + 2)])
        # Rows move between tables all the while, and no view ever misses one or sees it twice.
        assert seen == sorted(seen)
        assert seen[-1] == 600
    finally:
        await store.close()


async def test_a_failed_write_leaves_nothing_behind_and_the_next_one_works(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    try:
        with pytest.raises(StoreError):
            await store.write([inverter(0), meter(0), StoreRow(SITE, "x", T0, ("no.such_point",), (1.0,))])
        assert await store.count_rows() == 0
        assert await store.latest(SITE) == []
        assert await store.write([inverter(0), meter(0)]) == Written(2, 0)
        assert await store.count_rows() == 2
    finally:
        await store.close()


async def test_a_number_beyond_64_bits_is_refused_for_good(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    try:
        with pytest.raises(StoreRefusedError, match="cannot hold"):
            await store.write([inverter(0), inverter(2**70)])
        assert await store.write([inverter(0)]) == Written(1, 0)
    finally:
        await store.close()


async def test_a_full_disk_is_named_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    store = await SqliteStore.open(path)
    try:
        await store.write([inverter(0)])
        writer = store._writer  # The disk's limit is set where SQLite itself keeps one.
        assert writer is not None
        writer.execute("PRAGMA max_page_count = 12")
        with pytest.raises(StoreError, match="free some space"):
            await store.write([inverter(n) for n in range(2_000)])
        assert await store.count_rows() == 1
        writer.execute("PRAGMA max_page_count = 100000")
        assert (await store.write([inverter(n) for n in range(-200, 0)])).repeated == 0
        assert await store.count_rows() == 201
    finally:
        await store.close()


async def test_a_locked_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    store = await SqliteStore.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    try:
        await store.write([inverter(0)])
        assert store._writer is not None
        store._writer.execute("PRAGMA busy_timeout = 50")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds the file"):
            await store.write([inverter(1)])
        assert await store.count_rows() == 1
        other.execute("ROLLBACK")
        assert await store.write([inverter(1)]) == Written(1, 0)
    finally:
        other.close()
        await store.close()


async def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreError, match="not an SQLite file"):
        await SqliteStore.open(path)
    assert path.read_bytes() == b"not a database at all" * 500


async def test_a_damaged_page_is_named_and_does_not_end_the_program(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    store = await SqliteStore.open(path)
    await store.write([inverter(n) for n in range(2_000)])
    await store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(os.urandom(16 * 4096))
    with pytest.raises(StoreError, match="damaged"):
        await read_all(path)


async def read_all(path: Path) -> list[StoreRow]:
    """Open, read and close a store."""
    store = await SqliteStore.open(path)
    try:
        return [row async for row in store.export(SITE, from_ms=0, to_ms=T0 * 2)]
    finally:
        await store.close()


async def test_another_programs_database_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(StoreError, match="other tables than ours"):
        await SqliteStore.open(other)
    path = tmp_path / "telemetry.sqlite"
    await (await SqliteStore.open(path)).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer version"):
        await SqliteStore.open(path)


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does the folder exist"):
        await SqliteStore.open(tmp_path / "nowhere" / "telemetry.sqlite")
