"""Commissioning reports on their way in: kept once, judged by the city, and never taken on trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from central.core.stages import REPORTS_KEPT_MAX, KeyRecord
from central.store.records import Records
from contract.commissioning import (
    ControlVerdict,
    Report,
    ReportedControl,
    ReportedDevice,
    SignedReport,
    SiteStage,
    as_detail,
    to_document,
)
from contract.messages import Event, EventKind
from contract.signing import Signer, in_text
from contract.topics import Channel
from contract.wire import encode
from tests.central.ingest.parts import NOW, OTHER, SITE, House, running

SIGNER = Signer.new()
THIEF = Signer.new()
DEVICE = ReportedDevice(id="inverter", profile="sunspec", confidence="documented", address="a", unit=1, online=True)
RESERVE = ReportedControl(device="inverter", control="reserve", verdict=ControlVerdict.PASSED)
GOOD = Report(
    site=SITE,
    started_ms=NOW - 400_000,
    at_ms=NOW - 100_000,
    clock_is_set=True,
    technician="試験 太郎",
    software="0",
    devices=[DEVICE],
    checks=[],
    controls=[RESERVE],
    sign_proven=True,
)
BAD = msgspec.structs.replace(GOOD, at_ms=NOW - 50_000, sign_proven=False)


def signed(report: Report, signer: Signer = SIGNER) -> SignedReport:
    document = to_document(report)
    return SignedReport(document, signer.public, signer.sign(document))


def event(seq: int, detail: Mapping[str, str]) -> bytes:
    kind = EventKind.COMMISSIONING_REPORT
    return encode(Event(epoch="a", seq=seq, at_ms=NOW, kind=kind, detail=dict(detail)))


async def send(house: House, *details: Mapping[str, str], first: int = 1, site_id: str = SITE) -> None:
    for seq, detail in enumerate(details, first):
        house.tell(event(seq, detail), Channel.EVENT, site_id)
    await house.settle()


async def test_a_report_is_kept_before_it_is_acknowledged_and_survives_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        await send(house, as_detail(signed(GOOD)))
        assert [ack.ranges for _, ack in house.said] == [[(1, 1)]]
        proof = (await house.records.proofs())[SITE]
        assert proof.is_switchable
        (told,) = await house.records.events(SITE)
        assert told.detail["stage"] == "verified"
        assert told.detail["technician"] == "試験 太郎"
        assert "part0" not in told.detail
    records = await Records.open(tmp_path / "records.sqlite")
    try:
        assert (await records.proofs())[SITE] == proof
        (listed,) = await records.reports(SITE)
        assert listed.document == ""
        kept = await records.report(listed.sha256)
        assert kept is not None
        assert kept.document.encode() == to_document(GOOD)
    finally:
        await records.close()


async def test_the_same_report_twice_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        await send(house, as_detail(signed(GOOD)), as_detail(signed(GOOD)))
        assert len(await house.records.reports(SITE)) == 1
        assert len(await house.records.keys(SITE)) == 1


async def test_a_later_report_that_failed_takes_verified_away_and_an_older_one_does_not_bring_it_back(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as house:
        await send(house, as_detail(signed(BAD)), as_detail(signed(GOOD)))
        proof = (await house.records.proofs())[SITE]
        assert proof.stage is SiteStage.INSTALLED
        assert proof.missing == ("sign_not_proven",)


async def test_another_key_is_kept_and_waits_for_a_person(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        await send(house, as_detail(signed(BAD)))
        newer = msgspec.structs.replace(GOOD, at_ms=NOW - 1_000)
        await send(house, as_detail(signed(newer, THIEF)), first=2)
        before = (await house.records.proofs())[SITE]
        assert before.stage is SiteStage.INSTALLED
        assert before.other_key is not None
        key = KeyRecord(site=SITE, public_key=in_text(THIEF.public), since_ms=NOW + 1, by="a person", why="new box")
        await house.records.accept_key(key)
        assert (await house.records.proofs())[SITE].is_switchable
        assert [each.by for each in await house.records.keys(SITE)] == ["", "a person"]


def forged() -> dict[str, str]:
    real = signed(BAD)
    return as_detail(replace(real, document=real.document.replace(b'"started_ms"', b'"sign_proven":true,"started_ms"')))


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        (forged(), "forged"),
        ({"key": "x"}, "want key, signature"),
        ({}, "want key, signature"),
        (as_detail(signed(msgspec.structs.replace(GOOD, site=OTHER))), f"of {OTHER}"),
        (as_detail(signed(msgspec.structs.replace(GOOD, version=9))), "version 9"),
        (as_detail(signed(msgspec.structs.replace(GOOD, at_ms=NOW + 10 * 86_400_000))), "future"),
    ],
)
async def test_what_cannot_be_used_is_a_dead_letter_is_acknowledged_and_proves_nothing(
    tmp_path: Path, detail: dict[str, str], told: str
) -> None:
    async with running(tmp_path) as house:
        await send(house, detail)
        (letter,) = await house.queries.dead_letters(limit=10)
        assert letter.reason == "bad_report"
        assert told in letter.detail
        assert [(ack.ranges, ack.refused) for _, ack in house.said] == [([(1, 1)], {"1": "bad_report"})]
        assert await house.records.proofs() == {}
        assert await house.records.events(SITE) == []


async def test_the_reports_of_one_key_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        many = [msgspec.structs.replace(GOOD, at_ms=NOW - 1_000_000 + n) for n in range(REPORTS_KEPT_MAX + 5)]
        await send(house, *(as_detail(signed(report)) for report in many))
        kept = await house.records.reports(SITE, limit=1_000)
        assert len(kept) == REPORTS_KEPT_MAX
        assert kept[0].at_ms == NOW - 1_000_000 + REPORTS_KEPT_MAX + 4


async def test_a_clock_that_is_ahead_or_unset_does_not_outrank_later_reports(tmp_path: Path) -> None:
    ahead = msgspec.structs.replace(GOOD, at_ms=NOW + 3_600_000)
    unset = msgspec.structs.replace(BAD, at_ms=NOW - 9_000_000, clock_is_set=False)
    async with running(tmp_path) as house:
        await send(house, as_detail(signed(ahead)))
        house.clock.now_ms += 60_000
        await send(house, as_detail(signed(unset)), first=2)
        assert (await house.records.proofs())[SITE].missing == ("sign_not_proven",)


async def test_a_report_of_one_shelter_proves_nothing_of_another(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        await send(house, as_detail(signed(GOOD)))
        assert (await house.records.proofs()).keys() == {SITE}
