"""Decisions, orders and receipts in the records: chained, kept together, and as they were at any time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from central.core.audit import Action, Decision, first_fault
from central.core.orders import Order, ReceiptRecord
from central.store.base import StoreRefusedError
from central.store.decision_tables import ALL, DecisionStatements
from central.store.records import Batch, Records
from contract.signing import Signer
from contract.steering import Desired, Mode, Reason, Receipt, Stage, sign

KEY = Signer.new()


def order(site: str, revision: int, *, at_ms: int, mode: Mode = Mode.BACKUP) -> Order:
    desired = Desired(
        site=site, revision=revision, issued_ms=at_ms, expires_ms=at_ms + 10, mode=mode, reason="台風 \u2028 '\";"
    )
    return Order(desired=desired, payload=sign(desired, KEY))


def receipt(site: str, revision: int, stage: Stage, *, at_ms: int, received_ms: int | None = None) -> ReceiptRecord:
    told = Receipt(revision=revision, stage=stage, at_ms=at_ms)
    return ReceiptRecord(site=site, receipt=told, received_ms=at_ms if received_ms is None else received_ms)


def decision(why: str, **detail: object) -> Decision:
    return Decision(at_ms=5, by="田中", action=Action.DECLARED, why=why, incident="I1", detail=detail)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    opened = await Records.open(tmp_path / "records.sqlite")
    yield opened
    await opened.close()


async def test_the_book_is_chained_over_openings(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    made = []
    for n in range(3):
        opened = await Records.open(path)
        made += await opened.decisions.decide([decision(f"{n}", power_w=1.5, none=None, yes=True), decision("b")])
        await opened.close()
    opened = await Records.open(path)
    try:
        book = await opened.decisions.book()
        assert book == made
        assert first_fault(book) == ""
        assert await opened.decisions.newest_entries(limit=2) == [book[5], book[4]]
    finally:
        await opened.close()


async def test_a_row_that_somebody_edits_breaks_the_book(tmp_path: Path, records: Records) -> None:
    await records.decisions.decide([decision("a"), decision("b"), decision("c")])
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'records.sqlite'}")
    with engine.begin() as db:
        db.execute(sa.text("UPDATE audit SET why = 'x' WHERE n = 2"))
    assert "entry 2 was changed" in first_fault(await records.decisions.book())
    with engine.begin() as db:
        db.execute(sa.text("DELETE FROM audit WHERE n = 2"))
    engine.dispose()
    assert "entry 2 is missing" in first_fault(await records.decisions.book())


async def test_a_decision_and_its_orders_are_kept_together_or_not_at_all(records: Records) -> None:
    await records.decisions.decide([], [order("A", 1, at_ms=10)])
    with pytest.raises(StoreRefusedError):
        await records.decisions.decide([decision("a")], [order("B", 1, at_ms=20), order("A", 1, at_ms=20)])
    assert await records.decisions.book() == []
    assert set(await records.decisions.orders()) == {"A"}


async def test_what_travels_is_kept_byte_for_byte(records: Records) -> None:
    made = order("A", 1, at_ms=10)
    await records.decisions.decide([], [made])
    assert await records.decisions.orders() == {"A": made}


async def test_orders_and_receipts_as_they_were_at_a_time(records: Records) -> None:
    await records.decisions.decide([], [order("A", 1, at_ms=10), order("B", 1, at_ms=10)])
    await records.decisions.decide([], [order("A", 2, at_ms=20, mode=Mode.NORMAL)])
    refused = Receipt(revision=0, stage=Stage.REFUSED, at_ms=15, reason=Reason.FORGED)
    await records.save_batch(
        Batch(
            receipts=[
                receipt("A", 1, Stage.VERIFIED, at_ms=12),
                receipt("A", 2, Stage.ACCEPTED, at_ms=21),
                receipt("B", 1, Stage.ACCEPTED, at_ms=11, received_ms=40),
                receipt("A", 0, Stage.VERIFIED, at_ms=13),
                ReceiptRecord(site="A", receipt=refused, received_ms=15),
            ]
        )
    )
    then = await records.decisions.orders(until_ms=19)
    assert {site: found.revision for site, found in then.items()} == {"A": 1, "B": 1}
    assert {site: found.revision for site, found in (await records.decisions.orders()).items()} == {"A": 2, "B": 1}
    assert await records.decisions.orders(until_ms=9) == {}
    kept_then = await records.decisions.receipts(until_ms=19)
    assert [(r.receipt.revision, r.receipt.stage) for r in kept_then["A"]] == [(1, Stage.VERIFIED), (0, Stage.REFUSED)]
    assert "B" not in kept_then
    now = await records.decisions.receipts()
    assert [(r.receipt.revision, r.receipt.stage) for r in now["A"]] == [(2, Stage.ACCEPTED), (0, Stage.REFUSED)]
    assert [found.revision for found in await records.decisions.orders_of("A")] == [2, 1]
    assert [found.revision for found in await records.decisions.orders_of("A", limit=1)] == [2]


async def test_receipts_are_numbered_as_they_come_and_a_repeat_has_no_number(records: Records) -> None:
    first = [receipt("A", 1, Stage.ACCEPTED, at_ms=10), receipt("B", 1, Stage.ACCEPTED, at_ms=11)]
    await records.save_batch(Batch(receipts=first))
    await records.save_batch(Batch(receipts=[*first, receipt("A", 1, Stage.VERIFIED, at_ms=12)]))
    found = await records.decisions.receipts_after(0)
    assert [(r.n, r.site, r.receipt.stage) for r in found] == [
        (1, "A", Stage.ACCEPTED),
        (2, "B", Stage.ACCEPTED),
        (found[2].n, "A", Stage.VERIFIED),
    ]
    assert found[2].n > 2
    assert [r.n for r in await records.decisions.receipts_after(1, limit=1)] == [2]
    assert [r.site for r in await records.decisions.receipts_after(0, since_ms=11)] == ["B", "A"]


@pytest.mark.parametrize("name", sorted(DecisionStatements("postgresql").all()))
def test_every_statement_is_also_postgresql(name: str) -> None:
    text = str(DecisionStatements("postgresql").all()[name].compile(dialect=postgresql.dialect()))
    assert text.startswith(("SELECT", "INSERT"))


def test_the_book_and_the_ledger_are_only_ever_added_to() -> None:
    texts = [str(statement).upper() for statement in DecisionStatements("sqlite").all().values()]
    for table in ("AUDIT", "DESIRED", "RECEIPT"):
        assert table.lower() in {each.name for each in ALL}
        assert not [text for text in texts if text.startswith((f"UPDATE {table}", f"DELETE FROM {table}"))]
        assert not [text for text in texts if f"INTO {table} " in text and "DO UPDATE" in text]
