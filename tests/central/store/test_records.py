"""The relational records: what is kept, what a repeat does, crashes, migrations, and both dialects."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql

import central.store
from central.core.city import DeadLetter, EventRecord, Fate, Site, SiteKind
from central.core.ledger import LedgerRun
from central.store.base import StoreError, StoreRefusedError
from central.store.records import Batch, Imported, Records
from central.store.records_tables import HEAD, Statements, metadata
from contract.layouts import Layout

SITE = Site(
    id="E0000000001111",
    name="中央第一小学校",
    name_en="Chuo Daiichi Elementary School",
    ward="中央",
    ward_en="Chuo",
    kind=SiteKind.ELEMENTARY_SCHOOL,
    latitude=35.6,
    longitude=140.1,
    pv_kw=20.5,
    inverter_kw=10.0,
    battery_kwh=16.4,
    synthetic=True,
)


def event(seq: int, *, site: str = SITE.id, at_ms: int = 0, kind: str = "grid_lost") -> EventRecord:
    return EventRecord(
        site=site,
        epoch="abc",
        seq=seq,
        at_ms=at_ms or 1_000 * seq,
        received_ms=5_000,
        kind=kind,
        severity="alarm",
        device="inverter",
        detail={"voltage": 1.5, "count": 3, "islanded": True, "text": "停電"},
    )


def letter(n: int) -> DeadLetter:
    return DeadLetter(id=0, received_ms=n, site="?", topic="t", reason="not_json", detail="d", payload=f"p{n}")


def run(first: int, last: int, *, epoch: str = "abc", site: str = SITE.id, fate: Fate = Fate.ARRIVED) -> LedgerRun:
    return LedgerRun(
        site=site,
        epoch=epoch,
        first_seq=first,
        last_seq=last,
        from_ms=first * 1_000,
        to_ms=last * 1_000,
        fate=fate,
        reason="dropped" if fate is Fate.LOST else "",
        rows=last - first + 1,
    )


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await Records.open(tmp_path / "records.sqlite", dead_letters_max=5)
    yield opened
    await opened.close()


async def test_sites_are_added_changed_and_left_alone(records: Records) -> None:
    other = replace(SITE, id="E0000000002222", kind=SiteKind.OTHER, synthetic=False)
    assert await records.save_sites([SITE, other]) == Imported(2, 0, 0)
    renamed = replace(other, name="新しい名前", battery_kwh=20.0)
    third = replace(SITE, id="E0000000000001")
    assert await records.save_sites([SITE, renamed, third]) == Imported(1, 1, 1)
    assert await records.sites() == [third, SITE, renamed]
    assert await records.save_sites([]) == Imported(0, 0, 0)


async def test_an_event_that_comes_again_is_kept_once_as_it_first_was(records: Records) -> None:
    await records.save_batch(Batch(events=[event(1), event(2), event(1, site="E2")]))
    await records.save_batch(Batch(events=[event(2, kind="grid_back"), event(3)]))
    assert await records.events() == [event(3), event(2), event(1), event(1, site="E2")]
    assert await records.events(SITE.id, limit=2) == [event(3), event(2)]
    assert await records.events("nobody") == []


async def test_only_the_newest_dead_letters_are_kept(records: Records) -> None:
    await records.save_batch(Batch(dead_letters=[letter(n) for n in range(4)]))
    await records.save_batch(Batch(dead_letters=[letter(4), letter(5)]))
    kept = await records.dead_letters(limit=10)
    assert [found.payload for found in kept] == ["p5", "p4", "p3", "p2", "p1"]
    assert replace(kept[0], id=0) == letter(5)
    assert [found.id for found in kept] == sorted((found.id for found in kept), reverse=True)
    await records.save_batch(Batch(dead_letters=[letter(n) for n in range(10, 30)]))
    assert [found.payload for found in await records.dead_letters()] == ["p29", "p28", "p27", "p26", "p25"]


async def test_what_no_database_can_hold_is_refused_or_mended(records: Records) -> None:
    await records.save_batch(Batch(dead_letters=[replace(letter(1), payload="a\0b", topic="\0")]))
    (kept,) = await records.dead_letters()
    assert (kept.payload, kept.topic) == ("a\ufffdb", "\ufffd")
    for huge in (run(1, 2**70), replace(run(1, 2), reason="\ud800")):
        with pytest.raises(StoreRefusedError, match="cannot hold"):
            await records.save_batch(Batch(ledger=[huge]))
    assert await records.ledger_tails() == []


async def test_runs_grow_merge_and_are_found_by_time_and_by_number(records: Records) -> None:
    await records.save_batch(
        Batch(ledger=[run(1, 5), run(8, 9), run(20, 30), run(1, 2, epoch="old"), run(1, 3, site="E2")])
    )
    await records.save_batch(
        Batch(ledger=[run(1, 9), run(6, 6, epoch="old", fate=Fate.LOST)], ledger_deletes=[(SITE.id, "abc", 8)])
    )
    found = await records.ledger(SITE.id, from_ms=0, to_ms=100_000)
    assert sorted(found, key=lambda r: (r.epoch, r.first_seq)) == [
        run(1, 9),
        run(20, 30),
        run(1, 2, epoch="old"),
        run(6, 6, epoch="old", fate=Fate.LOST),
    ]
    assert await records.ledger(SITE.id, from_ms=9_000, to_ms=20_000) == [run(1, 9)]
    assert await records.ledger(SITE.id, from_ms=9_001, to_ms=20_000) == []
    tails = await records.ledger_tails(runs_each=1)
    assert tails == [run(20, 30), run(6, 6, epoch="old", fate=Fate.LOST), run(1, 3, site="E2")]


async def test_layouts_statuses_and_notes_come_back(records: Records) -> None:
    layouts = [Layout("inverter", ("pv.power_w", "battery.soc_pct")), Layout("relay", ("tier1.closed",))]
    await records.save_batch(Batch(layouts={SITE.id: layouts}))
    await records.save_batch(Batch(layouts={SITE.id: layouts[:1]}))
    await records.save_batch(Batch(layouts={"E2": layouts[1:]}))
    assert await records.layouts() == {SITE.id: layouts, "E2": layouts[1:]}
    await records.save_batch(Batch(statuses={SITE.id: (b'{"online":true}', 5)}))
    await records.save_batch(Batch(statuses={SITE.id: ('{"online":false}', 6)}))
    assert await records.statuses() == {SITE.id: (b'{"online":false}', 6)}
    await records.note("a", "1")
    await records.note("a", "2")
    assert await records.notes() == {"a": "2"}


async def test_a_batch_is_saved_whole_or_not_at_all(records: Records) -> None:
    batch = Batch(
        ledger=[run(1, 5)],
        events=[event(6)],
        layouts={SITE.id: [Layout("relay", ("tier1.closed",))]},
        statuses={SITE.id: (b"{}", 1)},
        dead_letters=[letter(1)],
    )
    broken = replace(batch, dead_letters=[replace(letter(1), reason=None)])  # type: ignore[arg-type]
    with pytest.raises(StoreRefusedError, match=r"(?i)not.null"):
        await records.save_batch(broken)
    assert await records.events() == []
    assert await records.ledger_tails() == []
    assert await records.layouts() == {}
    await records.save_batch(batch)
    assert await records.events() == [event(6)]
    assert await records.ledger_tails() == [run(1, 5)]
    assert len(await records.dead_letters()) == 1


async def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    first = await Records.open(path)
    await first.save_sites([SITE])
    await first.save_batch(Batch(ledger=[run(1, 5)], events=[event(6)], dead_letters=[letter(1)]))
    await first.close()
    second = await Records.open(f"sqlite:///{path}")
    assert await second.sites() == [SITE]
    assert await second.ledger_tails() == [run(1, 5)]
    assert await second.events() == [event(6)]
    await second.close()
    await second.close()
    with pytest.raises(StoreError, match="closed"):
        await second.sites()


WRITER = """
import asyncio, sys
from central.store.records import Batch, Records
from tests.central.store.test_records import event, run

async def main():
    records = await Records.open(sys.argv[1])
    for n in range(1, 1_000_000):
        await records.save_batch(Batch(ledger=[run(1, n)], events=[event(n)]))
        print(n, flush=True)

asyncio.run(main())
"""


def save_until_killed(path: Path) -> int:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    last = 0
    try:
        while last < 60:
            last = int(writer.stdout.readline())
        writer.kill()
        return max([last, *(int(line) for line in writer.stdout.read().split("\n")[:-1])])
    finally:
        writer.kill()
        writer.wait(timeout=10)
        writer.stdout.close()


async def test_a_batch_that_was_saved_survives_kill_9_and_none_is_half_there(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    last = save_until_killed(path)
    records = await Records.open(path)
    (kept,) = await records.ledger_tails()
    events = await records.events(limit=100_000)
    await records.close()
    assert kept.last_seq in (last, last + 1)
    assert [found.seq for found in events] == list(range(kept.last_seq, 0, -1))


async def test_a_reader_in_another_process_sees_and_shares_the_file(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    service, command = await Records.open(path), await Records.open(path)
    try:
        await asyncio.gather(
            *(service.save_batch(Batch(events=[event(n)])) for n in range(1, 40)),
            *(command.save_sites([replace(SITE, id=f"E{n:013d}")]) for n in range(40)),
        )
        assert len(await command.events()) == 39
        assert len(await service.sites()) == 40
    finally:
        await service.close()
        await command.close()


# --- Opening, migrations, dialects -----------------------------------------------------------------------------------


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(central.store.__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config)


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    assert scripts().get_heads() == [HEAD]


async def test_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    await (await Records.open(path)).close()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    await (await Records.open(path)).close()
    db = sqlite3.connect(path)
    db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="update this program"):
        await Records.open(path)


async def test_what_cannot_be_opened_says_what_to_try(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"garbage" * 1_000)
    for url, reason in (
        (tmp_path / "nowhere" / "records.sqlite", "does the folder exist"),
        (damaged, "not an SQLite file"),
        ("mysql://localhost/x", "no statements for mysql"),
        ("://", "not a database URL"),
        ("postgresql+psycopg://user:secret@127.0.0.1:1/x", r"psycopg"),
    ):
        with pytest.raises(StoreError, match=reason) as caught:
            await Records.open(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(Statements("postgresql").all()))
def test_every_statement_is_also_postgresql(name: str) -> None:
    text = str(Statements("postgresql").all()[name].compile(dialect=postgresql.dialect()))
    assert text.startswith(("SELECT", "INSERT", "DELETE"))


def test_the_tables_are_also_postgresql() -> None:
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "id BIGSERIAL" in str(
        sa.schema.CreateTable(metadata.tables["dead_letter"]).compile(dialect=postgresql.dialect())
    )


def test_the_migrations_also_make_the_tables_in_postgresql() -> None:
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written, "target_metadata": metadata}
    )
    with Operations.context(context):
        for script in reversed(list(scripts().walk_revisions())):
            script.module.upgrade()
    text = written.getvalue()
    assert text.count("CREATE TABLE") == len(metadata.tables)
    assert "id BIGSERIAL NOT NULL" in text
