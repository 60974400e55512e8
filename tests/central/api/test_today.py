"""The keeper of today's energy: what it reads, and that it reads it once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from central.api.today import TodayKeeper
from central.core.city import Aggregate, Sample, SiteState
from central.core.today import Flow, Power
from tests.central.fake import DAY_MS, HOUR_MS, FakeQueries


class Asked(FakeQueries):
    """Remembers how much of the store was read."""

    def __init__(self) -> None:
        super().__init__(shelters=FakeQueries.of_city(3).shelters)
        self.read_ms = 0

    async def series(
        self,
        site: str,
        point: str,
        *,
        device: str | None,
        from_ms: int,
        to_ms: int,
        step_ms: int,
        aggregate: Aggregate,
    ) -> Sequence[Sample]:
        self.read_ms += to_ms - from_ms
        return await super().series(
            site, point, device=device, from_ms=from_ms, to_ms=to_ms, step_ms=step_ms, aggregate=aggregate
        )


async def test_the_day_is_added_up_and_then_only_what_is_new_is_read() -> None:
    queries = Asked()
    keeper = TodayKeeper(queries, lambda: queries.at_ms)
    first = await keeper.refresh()
    assert first.sites == 3
    assert first.at_ms - first.from_ms == 12 * HOUR_MS + 605_000, "12:10:05"
    # The fake's day has no readings from 3:00 to 4:30, so nobody's day is whole, and the sum is what there was.
    assert first.complete[Power.PV] == 0
    assert 300_000 < (first.known_wh(Flow.PV) or 0) < 450_000
    whole_ms, queries.read_ms = queries.read_ms, 0
    queries.at_ms += 120_000
    second = await keeper.refresh()
    assert (second.known_wh(Flow.PV) or 0) > (first.known_wh(Flow.PV) or 0)
    assert queries.read_ms < whole_ms / 50


async def test_parts_and_a_fresh_look_come_to_the_same() -> None:
    queries = Asked()
    keeper = TodayKeeper(queries, lambda: queries.at_ms)
    for _ in range(5):
        await keeper.refresh()
        queries.at_ms += 700_000
    kept, fresh = await keeper.refresh(), await TodayKeeper(queries, lambda: queries.at_ms).refresh()
    assert kept.wh == pytest.approx(dict(fresh.wh))
    assert kept.complete == fresh.complete


async def test_a_new_day_begins_with_nothing() -> None:
    queries = Asked()
    keeper = TodayKeeper(queries, lambda: queries.at_ms)
    await keeper.refresh()
    queries.at_ms += DAY_MS - 12 * HOUR_MS
    found = await keeper.refresh()
    assert found.at_ms - found.from_ms == 605_000
    assert found.complete[Power.LOAD] == 3
    assert (found.known_wh(Flow.PV) or 0) == 0, "the sun is not up"


async def test_a_store_that_is_gone_leaves_the_last_sum_and_loses_nothing() -> None:
    queries = Asked()
    keeper = TodayKeeper(queries, lambda: queries.at_ms)
    before = await keeper.refresh()
    queries.broken = True
    queries.at_ms += 600_000
    with pytest.raises(RuntimeError):
        await keeper.refresh()
    assert keeper.latest == before
    queries.broken = False
    after = await keeper.refresh()
    fresh = await TodayKeeper(queries, lambda: queries.at_ms).refresh()
    assert after.wh == pytest.approx(dict(fresh.wh))


async def test_a_shelter_that_was_never_heard_of_is_not_asked_for() -> None:
    queries = Asked()
    for site in queries.shelters:
        queries.change(site, state=SiteState.NEVER_SEEN, points=())
    found = await TodayKeeper(queries, lambda: queries.at_ms).refresh()
    assert queries.read_ms == 0
    assert found.known_wh(Flow.PV) is None
