"""A city whose own clock jumps: no reading is thrown away for it."""

from __future__ import annotations

from pathlib import Path

from contract.messages import Event, EventKind
from contract.topics import Channel
from contract.wire import encode
from tests.central.ingest.parts import NOW, SITE, live_message, running

HOUR_MS = 3_600_000


async def test_readings_from_after_a_clock_that_was_set_back_stay_at_the_shelter_until_it_is_right(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as house:
        house.tell(live_message(1))
        await house.settle()
        house.clock.now_ms = NOW - HOUR_MS
        lost = encode(Event(epoch="a", seq=3, at_ms=NOW + 5_000, kind=EventKind.GRID_LOST))
        house.tell(live_message(2, at_ms=NOW + 5_000))
        house.tell(lost, Channel.EVENT)
        await house.settle()
        assert house.acked() == {1}, "nothing is refused for good by a clock that may be wrong"
        assert house.queries.ingest_stats().dead_letters == {"future_time": 2}
        assert "set back by 3600 s" in house.ingest.trouble.clock
        house.clock.now_ms = NOW + 6_000
        house.tell(live_message(2, at_ms=NOW + 5_000))
        house.tell(lost, Channel.EVENT)
        await house.settle()
        assert (house.acked(), house.refused()) == ({1, 2, 3}, {})
        assert house.ingest.trouble.clock == ""


async def test_a_machine_that_starts_with_an_old_clock_is_told_by_its_own_ledger(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(live_message(1))
        await house.settle()
    async with running(tmp_path) as again:
        again.clock.now_ms = NOW - 86_400_000
        again.tell(live_message(2, at_ms=NOW + 5_000))
        await again.settle()
        assert again.acked() == set()
        assert await again.store.count_rows(SITE) == 1


async def test_a_shelter_with_a_fast_clock_is_refused_by_a_city_with_a_right_one(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.tell(live_message(1))
        house.tell(live_message(2, at_ms=NOW + HOUR_MS))
        await house.settle()
        assert house.refused() == {"2": "future_time"}


async def test_a_clock_that_jumped_ahead_and_came_back_is_no_trouble(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        house.clock.now_ms = NOW + 24 * HOUR_MS
        house.tell(live_message(1))
        await house.settle()
        house.clock.now_ms = NOW + 5_000
        house.tell(live_message(2, at_ms=NOW + 5_000))
        await house.settle()
        assert house.acked() == {1, 2}
        assert house.ingest.trouble.clock == ""
