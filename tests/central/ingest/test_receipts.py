"""Receipts and reported states on their way in: kept once, handed on when they are on disk, never believed too much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from central.store import records as kept
from central.store.base import StoreRefusedError
from contract.messages import Event, EventKind
from contract.steering import (
    Mode,
    Reason,
    Receipt,
    Reported,
    Source,
    Stage,
    encode_reported,
    receipt_detail,
)
from contract.topics import Channel
from contract.wire import encode
from tests.central.ingest.parts import NOW, OTHER, SITE, House, running
from tests.central.ingest.test_refused import PickyRecords

VERIFIED = Receipt(revision=4, stage=Stage.VERIFIED, at_ms=NOW - 1_000, detail="4.9 kW of 5.0 kW")


def event(seq: int, detail: Mapping[str, str | int | float | bool]) -> bytes:
    return encode(Event(epoch="a", seq=seq, at_ms=NOW - 500, kind=EventKind.RECEIPT, detail=dict(detail)))


def reported(receipt: Receipt | None = VERIFIED, mode: Mode = Mode.BACKUP) -> bytes:
    return encode_reported(Reported(at_ms=NOW, revision=4, mode=mode, source=Source.CITY, receipt=receipt))


async def receipts(house: House, site: str = SITE) -> list[Receipt]:
    return [record.receipt for record in await house.records.decisions.receipts_of(site)]


async def test_a_receipt_that_comes_twice_and_by_two_ways_is_kept_once(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(reported(), Channel.REPORTED)
        house.tell(event(1, receipt_detail(VERIFIED)), Channel.EVENT)
        house.tell(event(1, receipt_detail(VERIFIED)), Channel.EVENT)
        house.tell(reported(), Channel.REPORTED)
        await house.settle()
        assert await receipts(house) == [VERIFIED]
        assert house.acked() == {1}
        state, at_ms = (await house.records.decisions.reported())[SITE]
        assert (state.mode, at_ms) == (Mode.BACKUP, NOW)
        assert [told.kind for told in await house.records.events(SITE)] == ["receipt"]


async def test_what_is_handed_on_is_on_disk_already(tmp_path: Path) -> None:
    seen: list[int] = []
    async with running(tmp_path) as house:

        def steered(taken: object, states: object) -> None:
            import sqlite3

            with sqlite3.connect(tmp_path / "records.sqlite") as db:
                seen.append(db.execute("SELECT count(*) FROM receipt").fetchone()[0])

        house.ingest._steered = steered
        house.tell(event(1, receipt_detail(VERIFIED)), Channel.EVENT)
        await house.settle()
        assert seen == [1]


@pytest.mark.parametrize(
    "change",
    [{"stage": "done"}, {"stage": 7}, {"revision": "four"}, {"reason": "because"}, {"at_ms": -1}, {"revision": 1.5}],
)
async def test_a_receipt_that_cannot_be_read_is_refused_and_set_apart(
    tmp_path: Path, change: dict[str, str | int | float]
) -> None:
    async with running(tmp_path) as house:
        house.tell(event(1, receipt_detail(VERIFIED) | change), Channel.EVENT)
        await house.settle()
        assert house.refused() == {"1": "bad_receipt"}
        assert await receipts(house) == []
        assert [letter.reason for letter in await house.records.dead_letters()] == ["bad_receipt"]


async def test_a_receipt_from_the_future_does_not_stand_before_all_later_ones(tmp_path: Path) -> None:
    ahead = Receipt(revision=4, stage=Stage.FAILED, at_ms=NOW + 3_600_000, reason=Reason.FELL_BACK)
    async with running(tmp_path) as house:
        house.tell(event(1, receipt_detail(ahead)), Channel.EVENT)
        house.tell(reported(ahead), Channel.REPORTED)
        await house.settle()
        assert await receipts(house) == []
        assert house.acked() == {1}
        assert SITE in await house.records.decisions.reported()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b'{"v":9}',
        b"\xff\xfe",
        b"{" * 100_000,
        encode(Reported(version=2, at_ms=NOW, mode=Mode.NORMAL, source=Source.CITY)),
    ],
)
async def test_a_reported_state_that_cannot_be_read_changes_nothing(tmp_path: Path, payload: bytes) -> None:
    async with running(tmp_path) as house:
        house.tell(reported(), Channel.REPORTED)
        house.tell(payload, Channel.REPORTED)
        await house.settle()
        assert (await house.records.decisions.reported())[SITE][0].mode is Mode.BACKUP
        assert house.said == []


async def test_a_state_of_an_unknown_shelter_is_set_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(reported(), Channel.REPORTED, "E0000000009111")
        await house.settle()
        assert await house.records.decisions.reported() == {}
        assert [letter.reason for letter in await house.records.dead_letters()] == ["unknown_site"]


async def test_receipts_that_the_records_refuse_hold_up_their_own_shelter_alone(tmp_path: Path) -> None:
    def refuses(batch: kept.Batch) -> bool:
        return any(record.site == SITE for record in batch.receipts)

    keeper = PickyRecords(refuses)
    async with running(tmp_path, keeper=keeper) as house:
        keeper.records = house.records
        house.tell(event(1, receipt_detail(VERIFIED)), Channel.EVENT)
        house.tell(event(1, receipt_detail(VERIFIED)), Channel.EVENT, OTHER)
        await house.settle()
        assert house.acked() == set()
        assert house.acked(OTHER) == {1}
        assert await receipts(house, OTHER) == [VERIFIED]


async def test_texts_that_no_database_holds_are_mended(tmp_path: Path) -> None:
    odd = Receipt(revision=4, stage=Stage.FAILED, at_ms=NOW, device="a\0b", detail="\0" * 3)
    async with running(tmp_path) as house:
        house.tell(reported(odd), Channel.REPORTED)
        await house.settle()
        (found,) = await receipts(house)
        assert found.device == "a\ufffdb"
        with pytest.raises(StoreRefusedError):
            await house.records.save_batch(
                kept.Batch(receipts=[kept.ReceiptRecord(site="\ud800", receipt=odd, received_ms=NOW)])
            )
