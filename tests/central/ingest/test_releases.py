"""Boxes of the release after and before this one: nothing that they say is lost, and nothing false is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from central.core.city import EventRecord, Fate
from central.intake import OTHER_KINDS, UNKNOWN_KINDS_MAX
from central.web.catalogue import CATALOGUES, Lang
from central.web.figures import reason_words
from central.web.siteview import event_detail, event_name
from contract.topics import Channel
from tests.central.ingest.parts import METER, NOW, SITE, House, running

LATER = {"zz_new": {"a": [1, {"b": None}]}, "zz_flag": True}


def packed(**said: Any) -> bytes:
    return msgspec.json.encode({"e": "a", "t": NOW - 1_000, **said})


async def kept_events(house: House) -> list[EventRecord]:
    return list(reversed(await house.records.events(limit=100)))


async def test_an_event_of_a_later_kind_is_kept_counted_and_shown_as_what_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        loss = {"a": 1, "b": 2, "f": NOW - 9_000, "u": NOW - 8_000, "n": 4, "y": "kept_by_fans"}
        house.tell(
            packed(s=3, k="fan_failed", y="warning", x={"rpm": 0, "hot": True}, l=[loss], **LATER), Channel.EVENT
        )
        house.tell(packed(s=4, k="grid_lost", y="alarm", **LATER), Channel.EVENT)
        house.tell(packed(s=5, k="no word", y="alarm"), Channel.EVENT)
        await house.settle()
        later, known = await kept_events(house)
        assert (later.kind, later.severity, later.detail) == ("fan_failed", "warning", {"rpm": 0, "hot": True})
        assert known.kind == "grid_lost"
        assert house.acked() == {3, 4, 5}
        assert house.refused() == {"5": "broken_message"}
        stats = house.queries.ingest_stats()
        assert (stats.events_unknown, stats.dead_letters) == ({"fan_failed": 1}, {"broken_message": 1})
        lost = [run for run in await house.records.ledger_tails(runs_each=9) if run.fate is Fate.LOST]
        assert ("kept_by_fans", 1, 2) in {(run.reason, run.first_seq, run.last_seq) for run in lost}
    english, japanese = CATALOGUES[Lang.EN], CATALOGUES[Lang.JA]
    assert event_name(later, english) == "event of a kind this version does not know: fan_failed"
    assert "知らない" in event_name(later, japanese)
    assert "fan_failed" in event_name(later, japanese)
    assert event_detail(later, english) == "hot: True, rpm: 0"
    assert event_name(known, english) == "Grid lost"
    assert reason_words("kept_by_fans", english) == "for a reason this version does not know: kept_by_fans"
    assert reason_words("refused: unknown_point", english) == "Arrived, but could not be used (unknown point)"


async def test_a_box_that_invents_kinds_without_end_costs_no_memory(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        for number in range(1, UNKNOWN_KINDS_MAX + 11):
            house.tell(packed(s=number, k=f"kind_{number}"), Channel.EVENT)
        await house.settle()
        counted = house.queries.ingest_stats().events_unknown
        assert len(counted) == UNKNOWN_KINDS_MAX + 1
        assert counted[OTHER_KINDS] == 10
        assert len(await house.records.events(limit=100)) == UNKNOWN_KINDS_MAX + 10


async def test_a_later_box_s_status_state_and_readings_are_taken_with_what_is_known(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        device = {"id": "meter", "profile": "p-of-next-year", "online": True, **LATER}
        status = {"online": True, "at_ms": NOW - 500, "agent": "99.1", "devices": [device], **LATER}
        house.tell(msgspec.json.encode(status), Channel.STATUS)
        reported = {"t": NOW - 500, "m": "normal", "o": "city", **LATER}
        house.tell(msgspec.json.encode(reported), Channel.REPORTED)
        layout = {METER.id: ["meter", list(METER.points)]}
        house.tell(packed(s=1, r=[[METER.id, 0, 100, 5_000]], d=layout, **LATER))
        await house.settle()
        assert house.acked() == {1}
        assert not house.refused()
        assert not house.queries.ingest_stats().dead_letters
        assert (await house.records.statuses()).keys() == {SITE}
        assert [row.values async for row in house.store.export(SITE, from_ms=0, to_ms=NOW)] == [(100.0, 50.0)]


async def test_a_device_with_points_of_a_later_list_does_not_darken_its_shelter(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        layouts = {METER.id: ["meter", list(METER.points)], "AAAAAA": ["fan", [0, 60_000]]}
        message = packed(s=1, r=[[METER.id, 0, 100, 5_000], ["AAAAAA", 0, 7, 8]], d=layouts)
        for _ in range(2):
            house.tell(message)
            await house.settle()
        rows = [(row.device, row.values) async for row in house.store.export(SITE, from_ms=0, to_ms=NOW)]
        assert rows == [("meter", (100.0, 50.0))], "what this city knows is kept once, however often it comes"
        assert house.live.device_with(SITE, "grid.power_w") == "meter", "the screen goes on"
        assert not house.acked(), "and all of it stays in the box until this city knows the points"
        assert not house.refused()
        assert house.queries.ingest_stats().dead_letters == {"unknown_point": 2}
        assert not await house.records.ledger_tails(runs_each=9)


async def test_an_earlier_box_that_says_less_is_understood(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(b'{"online":true}', Channel.STATUS)
        house.tell(packed(s=1, k="device_lost"), Channel.EVENT)
        house.tell(msgspec.json.encode({"t": NOW - 500, "m": "normal", "o": "default"}), Channel.REPORTED)
        await house.settle()
        (event,) = await kept_events(house)
        assert (event.kind, event.severity, event.device, event.detail) == ("device_lost", "info", "", {})
        assert not house.queries.ingest_stats().dead_letters
