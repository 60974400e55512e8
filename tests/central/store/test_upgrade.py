"""From the records of the first release to today's, with data in them; on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import central.store
from central.core.city import EventRecord, Fate, Site, SiteKind
from central.core.ledger import LedgerRun
from central.store.base import StoreError
from central.store.records import Records
from central.store.records_database import engine_of, url_of
from central.store.records_tables import HEAD
from contract.layouts import Layout
from tests.pg_support import Postgres, pg_program, running_postgres

SITE = "E0000000001111"
LAYOUT = Layout("meter", ("grid.power_w", "grid.l1_voltage_v"))
FIRST: dict[str, dict[str, Any]] = {
    "site": {
        "id": SITE,
        "name": "第一小学校",
        "name_en": "First School",
        "ward": "中央区",
        "ward_en": "Chuo",
        "kind": "elementary_school",
        "latitude": 35.6,
        "longitude": 140.1,
        "pv_kw": 20.5,
        "inverter_kw": 10.0,
        "battery_kwh": 16.4,
        "synthetic": True,
    },
    "event": {
        "site": SITE,
        "epoch": "abc",
        "seq": 6,
        "at_ms": 6_000,
        "received_ms": 7_000,
        "kind": "grid_lost",
        "severity": "alarm",
        "device": "",
        "detail": '{"text": "停電"}',
    },
    "ledger": {
        "site": SITE,
        "epoch": "abc",
        "first_seq": 1,
        "last_seq": 5,
        "from_ms": 1_000,
        "to_ms": 5_000,
        "fate": "arrived",
        "reason": "",
        "rows": 5,
    },
    "layout": {"site": SITE, "id": LAYOUT.id, "device": LAYOUT.device, "points": "\n".join(LAYOUT.points)},
    "status": {"site": SITE, "at_ms": 9_000, "message": '{"online":true}'},
    "note": {"key": "colour", "value": "青"},
    "dead_letter": {
        "received_ms": 1,
        "site": SITE,
        "topic": "t",
        "reason": "not_json",
        "detail": "d",
        "payload": "p",
    },
}
"""One row of every table of the first release, as that release wrote it."""


def config_of(db: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(central.store.__file__).parent / "migrations"))
    config.attributes["connection"] = db
    return config


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(Path(central.store.__file__).parent / "migrations"))
    return [script.revision for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))]


def written_by(address: str | Path, revision: str) -> None:
    """A database as a release with that revision left it."""
    engine = engine_of(url_of(address))
    try:
        with engine.begin() as db:
            command.upgrade(config_of(db), "0001")
            known = sa.MetaData()
            known.reflect(db)
            for name, row in FIRST.items():
                db.execute(known.tables[name].insert().values(**row))
            command.upgrade(config_of(db), revision)
    finally:
        engine.dispose()


def revision_of(address: str | Path) -> str:
    engine = engine_of(url_of(address))
    try:
        with engine.connect() as db:
            return str(db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar())
    finally:
        engine.dispose()


async def see_that_all_is_there(address: str | Path) -> None:
    records = await Records.open(address)
    try:
        assert await records.sites() == [
            Site(
                id=SITE,
                name="第一小学校",
                name_en="First School",
                ward="中央区",
                ward_en="Chuo",
                kind=SiteKind.ELEMENTARY_SCHOOL,
                latitude=35.6,
                longitude=140.1,
                pv_kw=20.5,
                inverter_kw=10.0,
                battery_kwh=16.4,
                synthetic=True,
            )
        ]
        (event,) = await records.events()
        assert event == EventRecord(
            site=SITE,
            epoch="abc",
            seq=6,
            at_ms=6_000,
            received_ms=7_000,
            kind="grid_lost",
            severity="alarm",
            device="",
            detail={"text": "停電"},
        )
        (run,) = await records.ledger_tails()
        assert run == LedgerRun(
            site=SITE,
            epoch="abc",
            first_seq=1,
            last_seq=5,
            from_ms=1_000,
            to_ms=5_000,
            fate=Fate.ARRIVED,
            reason="",
            rows=5,
        )
        assert await records.layouts() == {SITE: [LAYOUT]}
        assert await records.statuses() == {SITE: (b'{"online":true}', 9_000)}
        assert await records.notes() == {"colour": "青"}
        assert [letter.payload for letter in await records.dead_letters()] == ["p"]
        assert await records.decisions.book() == []
        assert await records.certificates.all() == []
    finally:
        await records.close()
    assert revision_of(address) == HEAD


@pytest.mark.parametrize("revision", revisions())
async def test_records_of_any_release_are_brought_up_to_date_with_all_that_is_in_them(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "records.sqlite"
    written_by(path, revision)
    assert revision_of(path) == revision
    await see_that_all_is_there(path)


async def test_an_upgrade_that_fails_leaves_the_records_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    written_by(path, "0001")
    engine = engine_of(url_of(path))
    with engine.begin() as db:
        db.execute(sa.text("CREATE TABLE certificate (in_the_way INTEGER)"))
    with pytest.raises(StoreError, match="certificate"):
        await Records.open(path)
    assert revision_of(path) == "0001"
    with engine.begin() as db:
        assert set(sa.inspect(db).get_table_names()) == {*FIRST, "alembic_version", "certificate"}
        db.execute(sa.text("DROP TABLE certificate"))
    engine.dispose()
    await see_that_all_is_there(path)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as started:
        yield started


@pytest.mark.skipif(pg_program("initdb") is None, reason="NOT TESTED: postgresql (initdb, postgres) is not installed")
async def test_records_in_postgresql_are_brought_up_to_date_too(server: Postgres) -> None:
    address = server.make_database("upgrade")
    written_by(address, "0001")
    await see_that_all_is_there(address)
