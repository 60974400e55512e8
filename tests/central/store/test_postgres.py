"""The records on a real PostgreSQL: tables, every statement, and the tests of SQLite once more."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import central.store
from central.core.audit import Action, Decision, first_fault
from central.core.facts import Fact, FactName
from central.core.provisioning import Issued, Kind
from central.store.base import StoreError
from central.store.records import Records
from central.store.records_database import engine_of, url_of
from central.store.records_tables import metadata
from tests.central.store import test_decisions, test_records
from tests.pg_support import Postgres, pg_program, running_postgres

pytestmark = pytest.mark.skipif(
    pg_program("initdb") is None, reason="NOT TESTED: postgresql (initdb, postgres) is not installed"
)
CLASSES = [
    kind
    for path in sorted(Path(central.store.__file__).parent.glob("*_tables.py"))
    for name, kind in vars(import_module(f"central.store.{path.stem}")).items()
    if name.endswith("Statements") and kind.__module__ == f"central.store.{path.stem}"
]
"""Every class of statements that the store has."""
STATEMENTS = {
    f"{kind.__name__}.{name}": statement
    for kind in CLASSES
    for name, statement in vars(kind("postgresql")).items()
    if isinstance(statement, sa.sql.expression.Executable)
}
SAME = {
    f.__name__: f
    for f in (
        test_records.test_sites_are_added_changed_and_left_alone,
        test_records.test_an_event_that_comes_again_is_kept_once_as_it_first_was,
        test_records.test_only_the_newest_dead_letters_are_kept,
        test_records.test_what_no_database_can_hold_is_refused_or_mended,
        test_records.test_runs_grow_merge_and_are_found_by_time_and_by_number,
        test_records.test_layouts_statuses_and_notes_come_back,
        test_records.test_a_batch_is_saved_whole_or_not_at_all,
        test_decisions.test_a_decision_and_its_orders_are_kept_together_or_not_at_all,
        test_decisions.test_what_travels_is_kept_byte_for_byte,
        test_decisions.test_orders_and_receipts_as_they_were_at_a_time,
        test_decisions.test_receipts_are_numbered_as_they_come_and_a_repeat_has_no_number,
    )
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as started:
        yield started


@pytest.fixture
def address(server: Postgres) -> str:
    return server.make_database(f"test{next(_numbers)}")


@pytest.fixture
async def records(address: str) -> AsyncIterator[Records]:
    opened = await Records.open(address, dead_letters_max=5)
    yield opened
    await opened.close()


@pytest.mark.parametrize("name", SAME)
async def test_it_does_the_same_as_sqlite(name: str, records: Records) -> None:
    await SAME[name](records)


async def test_the_migrations_make_exactly_the_tables_of_the_code(address: str) -> None:
    await (await Records.open(address)).close()
    await (await Records.open(address)).close()
    engine = engine_of(url_of(address))
    try:
        with engine.connect() as db:
            assert compare_metadata(MigrationContext.configure(db, opts={"compare_type": True}), metadata) == []
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def prepared(server: Postgres) -> Iterator[sa.Engine]:
    """A database with all tables and nothing in it."""
    found = server.make_database("statements")

    async def make() -> None:
        await (await Records.open(found)).close()

    asyncio.run(make())
    engine = engine_of(url_of(found))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_the_server_takes_every_statement(name: str, prepared: sa.Engine) -> None:
    """Without values: what the server says of NULL in a column is fine, what it says of types and syntax is not."""
    statement: Any = STATEMENTS[name]
    names = {column.name for column in statement.table.columns} if statement.is_insert else statement.compile().params
    with prepared.connect() as db:
        with contextlib.suppress(sa.exc.IntegrityError):
            db.execute(statement, dict.fromkeys(names))
        db.rollback()


def test_no_class_of_statements_was_overlooked() -> None:
    assert {"Statements", "DecisionStatements", "CertificateStatements"} <= {kind.__name__ for kind in CLASSES}
    assert len(STATEMENTS) > 80


async def test_facts_and_certificates_come_back(records: Records) -> None:
    fact = Fact(site="E0000000001111", name=FactName("people"), value="120", by="田中", at_ms=5)
    await records.facts.add([fact])
    assert await records.facts.newest() == [fact]
    issued = Issued(
        serial="ab12", kind=Kind.SITE, name="E0000000001111", pem="x", by="田中", made_ms=1, from_ms=0, ends_ms=9
    )
    made = Decision(at_ms=5, by="田中", action=Action.CERTIFICATE_MADE, why="設置", detail={"serial": "ab12"})
    await records.certificates.add(issued, made)
    gone = Decision(at_ms=7, by="田中", action=Action.CERTIFICATE_REVOKED, why="盗難")
    await records.certificates.revoke(["ab12"], gone)
    (kept,) = await records.certificates.all()
    assert (kept.revoked_ms, kept.revoked_by, kept.revoked_why) == (7, "田中", "盗難")
    assert first_fault(await records.decisions.book()) == ""


async def test_two_services_never_write_one_place_of_the_book(address: str) -> None:
    one, other = await Records.open(address), await Records.open(address)

    async def write(records: Records, who: str) -> int:
        written = 0
        for n in range(20):
            try:
                await records.decisions.decide([Decision(at_ms=n, by=who, action=Action.DECLARED, why=str(n))])
            except StoreError:
                continue
            written += 1
        return written

    try:
        written = sum(await asyncio.gather(write(one, "one"), write(other, "other")))
        book = await one.decisions.book()
        assert len(book) == written
        assert first_fault(book) == ""
    finally:
        await one.close()
        await other.close()


async def test_a_server_that_goes_away_is_an_error_of_the_store_and_comes_back(address: str, server: Postgres) -> None:
    opened = await Records.open(address)
    try:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
        server.ask("postgres", kill.format(address.rpartition("/")[2]))
        assert await opened.sites() == [], "the pool looks before it uses a connection"
    finally:
        await opened.close()
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        await Records.open(address.replace("geheim", "falsch"))
    assert "falsch" not in str(caught.value)
