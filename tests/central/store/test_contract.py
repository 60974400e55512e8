"""What every telemetry store promises, put to SQLite and InfluxDB alike."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.core.city import Aggregate, Sample
from central.store.base import StoreError, StoreRefusedError, StoreRow, TelemetryStore
from tests.central.store.conftest import OpenStore
from tests.central.store.rows import INVERTER, METER, SITE, T0, inverter, meter, reference

EVER = {"from_ms": 0, "to_ms": T0 * 2}
_numbers = itertools.count(1)


async def exported(store: TelemetryStore, site: str = SITE) -> list[StoreRow]:
    return [row async for row in store.export(site, **EVER)]


async def test_rows_come_back_as_they_were_written(store: TelemetryStore) -> None:
    rows = [row for n in range(40) for row in (inverter(n), meter(n))]
    written = await store.write(rows)
    assert written.rows == 80
    assert written.repeated in (0, None)
    assert await exported(store) == rows
    assert await store.count_rows() == await store.count_rows(SITE) == 80
    assert await store.count_rows("E0000000009999") == 0


async def test_writing_again_changes_nothing_and_is_counted_where_the_store_can(store: TelemetryStore) -> None:
    rows = [inverter(n) for n in range(30)]
    await store.write(rows)
    for again in (rows, [*rows[10:20], inverter(30)], [inverter(3), inverter(3)]):
        written = await store.write(again)
        assert written.rows == len(again)
        assert written.repeated in (sum(row.at_ms < T0 + 30 * 5_000 for row in again), None)
    assert await store.count_rows() == 31
    assert await exported(store) == [*rows, inverter(30)]


async def test_rows_survive_closing_and_opening(open_store: OpenStore) -> None:
    first = await open_store()
    rows = [row for n in range(12) for row in (inverter(n), meter(n))]
    await first.write(rows)
    await first.close()
    second = await open_store()
    assert await exported(second) == rows
    assert (await second.write(rows)).repeated in (len(rows), None)
    assert await second.count_rows() == len(rows)


async def test_late_rows_equal_live_rows_in_value_and_type(open_store: OpenStore) -> None:
    store = await open_store()
    live = [inverter(n, 2000.0, -0.0 if n % 2 else 7.25, 0.1 * n) for n in range(20)]
    late = [StoreRow("E0000000002222", r.device, r.at_ms, r.points, r.values, r.bad) for r in live]
    await store.write(live)
    for part in (late[15:], late[:5], late[5:15]):
        await store.write(part)
    of_late = await exported(store, "E0000000002222")
    assert [row.values for row in of_late] == [row.values for row in await exported(store)] == [r.values for r in live]
    assert {type(value) for row in of_late for value in row.values} == {float}


async def test_gaps_and_dark_devices_keep_their_reason(store: TelemetryStore) -> None:
    rows = [
        inverter(0),
        inverter(1, 150.0, None, 50.0, bad="battery.power_w=n"),
        inverter(2, None, None, None, bad="t"),
        inverter(3, None, 5.0, None, bad="pv.power_w=o battery.soc_pct=n"),
    ]
    await store.write(rows)
    assert await exported(store) == rows
    asked = {"step_ms": 5_000, "aggregate": Aggregate.MEAN, "origin_ms": 0}
    assert await store.series(SITE, "inverter", "battery.power_w", **EVER, **asked) == [
        Sample(T0, -20.5, 1),
        Sample(T0 + 5_000, None, 0),
        Sample(T0 + 10_000, None, 0),
        Sample(T0 + 15_000, 5.0, 1),
    ]


async def test_the_newest_row_of_every_device_and_shape_is_found(store: TelemetryStore) -> None:
    slow = StoreRow(SITE, "inverter", T0, ("battery.soh_pct",), (99.0,))
    rows = [row for n in range(25) for row in (inverter(n), meter(n), inverter(n, site="E0000000003333"))]
    await store.write([slow, *rows])
    await store.write([inverter(26, None, None, None, bad="t")])
    assert sorted(await store.latest(SITE), key=lambda row: (row.device, len(row.points))) == [
        slow,
        inverter(26, None, None, None, bad="t"),
        meter(24),
    ]
    assert await store.latest("E0000000004444") == []


async def test_what_was_last_heard_long_ago_is_found_beside_what_is_new(store: TelemetryStore) -> None:
    day, hour = 86_400_000, 3_600_000
    gone = [StoreRow(SITE, "old", T0 + n * day, ("grid.power_w",), (float(n),)) for n in (0, 1)]
    shape = StoreRow(SITE, "inverter", T0 + day, ("pv.power_w",), (1.0,))
    late = StoreRow(SITE, "boiler", T0 + 30 * day - hour, ("grid.power_w",), (2.0,))
    now = [replace(inverter(0), at_ms=T0 + n * day) for n in (0, 1, 30)]
    await store.write([*gone, shape, late, *now])
    found = await store.latest(SITE)
    assert sorted(found, key=lambda row: (row.device, len(row.points))) == [late, shape, now[-1], gone[-1]]


async def test_export_is_in_time_order_whatever_the_order_of_writing(store: TelemetryStore) -> None:
    rows = [row for n in range(0, 2_600, 2) for row in (inverter(n), meter(n))] + [inverter(n) for n in range(1, 50, 2)]
    shuffled = rows.copy()
    random.Random(7).shuffle(shuffled)
    for first in range(0, len(rows), 500):
        await store.write(shuffled[first : first + 500])
    assert await exported(store) == sorted(rows, key=lambda row: (row.at_ms, row.device))
    middle = [row async for row in store.export(SITE, from_ms=T0 + 10_000, to_ms=T0 + 20_000)]
    assert [(row.device, row.at_ms - T0) for row in middle] == [
        ("inverter", 10_000),
        ("meter", 10_000),
        ("inverter", 15_000),
    ]


async def test_a_point_goes_on_when_a_device_changes_its_set_of_points(store: TelemetryStore) -> None:
    before = [inverter(n, 100.0 * n, 0.0, 50.0) for n in range(10)]
    after = [
        StoreRow(SITE, "inverter", T0 + n * 5_000, ("pv.power_w", "pv.energy_wh"), (100.0 * n, 5.0))
        for n in range(10, 20)
    ]
    await store.write(before + after)
    for aggregate in Aggregate:
        asked = {**EVER, "step_ms": 15_000, "aggregate": aggregate, "origin_ms": T0 - 5_000}
        found = await store.series(SITE, "inverter", "pv.power_w", **asked)
        assert found == reference(before + after, "pv.power_w", **asked)


async def test_points_outside_the_contract_are_refused_for_good(store: TelemetryStore) -> None:
    evil = 'pv.power_w" REAL); DROP TABLE series; --'
    with pytest.raises(StoreRefusedError, match=r"not in contract/points\.py"):
        await store.write([inverter(0), StoreRow(SITE, "inverter", T0, (evil,), (1.0,))])
    with pytest.raises(StoreRefusedError, match="2 values for 3 points"):
        await store.write([StoreRow(SITE, "inverter", T0, INVERTER, (1.0, 2.0))])
    await store.write([inverter(1)])
    assert [row.at_ms for row in await store.latest(SITE)] == [T0 + 5_000]


async def test_names_with_odd_characters_stay_themselves(store: TelemetryStore) -> None:
    for device in ("a,b=c d", "it's", '"quoted"', "back\\slash", "電池", "' OR 1=1 --"):
        row = StoreRow(SITE, device, T0, METER, (1.0, 2.0))
        await store.write([row])
        found = await store.series(
            SITE, device, "grid.power_w", **EVER, step_ms=1_000, aggregate=Aggregate.LAST, origin_ms=0
        )
        assert found == [Sample(T0, 1.0, 1)]
        assert row in await exported(store)
    assert await store.count_rows("' OR 1=1 --") == 0


async def test_a_closed_store_says_so(store: TelemetryStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.write([inverter(0)])


async def test_times_far_beyond_every_calendar_may_be_asked_for(store: TelemetryStore) -> None:
    await store.write([inverter(0)])
    asked = {"from_ms": -(1 << 52), "to_ms": 1 << 52}
    assert [row async for row in store.export(SITE, **asked)] == [inverter(0)]
    found = await store.series(
        SITE, "inverter", "pv.power_w", **asked, step_ms=1_000, aggregate=Aggregate.MAX, origin_ms=0
    )
    assert found == [Sample(T0, 100.0, 1)]


VALUES = st.none() | st.integers(-50_000, 50_000).map(lambda steps: steps / 10)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.dictionaries(st.integers(0, 120_000), st.tuples(VALUES, VALUES), max_size=25),
    aggregate=st.sampled_from(Aggregate),
    step_ms=st.sampled_from([1, 1_000, 7_000, 30_000, 1_800_000]),
    origin_ms=st.sampled_from([0, T0, 54_000_000, -32_400_000]),
    window=st.tuples(st.integers(0, 130_000), st.integers(0, 130_000)).map(sorted),
)
async def test_series_agree_with_plain_python(
    open_store: OpenStore,
    rows: dict[int, tuple[float | None, float | None]],
    aggregate: Aggregate,
    step_ms: int,
    origin_ms: int,
    window: list[int],
) -> None:
    site = f"E{next(_numbers):013d}"
    written = [StoreRow(site, "meter", T0 + ms, METER, v, "n" if None in v else "") for ms, v in rows.items()]
    asked = {
        "from_ms": T0 + window[0],
        "to_ms": T0 + window[1],
        "step_ms": step_ms,
        "aggregate": aggregate,
        "origin_ms": origin_ms,
    }
    store = await open_store()
    try:
        await store.write(written)
        found = await store.series(site, "meter", "grid.power_w", **asked)
    finally:
        await store.close()
    wanted = reference(written, "grid.power_w", **asked)
    assert [(sample.at_ms, sample.count) for sample in found] == [(sample.at_ms, sample.count) for sample in wanted]
    assert [sample.value for sample in found] == pytest.approx([sample.value for sample in wanted])
