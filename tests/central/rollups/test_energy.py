"""Half hours and days: what is added up, what is left out, and what a day says of itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.city import Sample, Site
from central.core.rollups.energy import (
    HALF_HOUR_MS,
    BatteryDay,
    Half,
    day_row,
    days_between,
    halves_of,
)
from central.core.today import DAY_MS, STEP_MS, Flow, Power

DAY = 1_795_446_000_000
"""2026-11-24 00:00 in Tokyo."""
SITE = Site(
    id="E0000000001111", name="（合成）中央第1小学校", ward="中央区", latitude=35.6, longitude=140.1, pv_kw=10.0
)
END = DAY + DAY_MS


def line(*watts: float | None, from_ms: int = DAY) -> list[Sample]:
    return [Sample(from_ms + n * STEP_MS, value, 60) for n, value in enumerate(watts)]


def half(number: int, wh: Mapping[str, float], known_steps: int = 6) -> Half:
    return Half(
        at_ms=DAY + number * HALF_HOUR_MS, wh={Flow(name): value for name, value in wh.items()}, known_steps=known_steps
    )


def test_a_half_hour_is_the_energy_of_its_six_steps() -> None:
    lines = {
        Power.PV: [line(*[6_000.0] * 6)],
        Power.LOAD: [line(*[4_000.0] * 6)],
        Power.GRID: [line(*[1_200.0] * 3, *[-600.0] * 3)],
        Power.BATTERY: [line(*[-2_400.0] * 6)],
    }
    (found,) = halves_of(lines, [line(*[50.0, 52.0] * 3)], day_ms=DAY, now_ms=DAY + HALF_HOUR_MS)
    assert found.wh == {
        Flow.PV: pytest.approx(3_000),
        Flow.LOAD: pytest.approx(2_000),
        Flow.IMPORT: pytest.approx(300),
        Flow.EXPORT: pytest.approx(150),
        Flow.CHARGE: pytest.approx(1_200),
        Flow.DISCHARGE: pytest.approx(0),
    }
    assert (found.known_steps, found.soc_min_pct) == (6, 50.0)


def test_the_half_hour_that_is_under_way_and_those_without_a_value_are_left_out() -> None:
    lines = {Power.LOAD: [line(*[1_000.0] * 12)]}
    assert len(halves_of(lines, [], day_ms=DAY, now_ms=DAY + 2 * HALF_HOUR_MS - 1)) == 1
    assert [one.at_ms for one in halves_of(lines, [], day_ms=DAY, now_ms=END)] == [DAY, DAY + HALF_HOUR_MS]
    assert halves_of({Power.LOAD: [line(None, None)]}, [], day_ms=DAY, now_ms=END) == []


def test_a_day_tells_what_is_known_and_compares_it_with_a_clear_sky() -> None:
    halves = [
        half(20, {"pv": 4_000.0, "load": 2_000.0, "import": 0.0, "export": 1_000.0, "charge": 1_000.0}),
        half(36, {"pv": 0.0, "load": 3_000.0, "import": 1_000.0, "export": 0.0, "discharge": 2_000.0}),
    ]
    row = day_row(
        SITE,
        halves,
        day_ms=DAY,
        now_ms=END,
        clear_sky_w=[10_000.0 if 12 <= n < 36 else 0.0 for n in range(48)],
        battery=BatteryDay(soh_pct=96.0, cycles=410.0),
    )
    assert row.at_ms == DAY
    assert row.tags == {
        "site": SITE.id,
        "ward": "中央区",
        "name": "（合成）中央第1小学校",
        "label": "（合成）中央第1小学校（E0000000001111）",
    }
    expected = {
        "pv_wh": 4_000.0,
        "clear_sky_wh": 5_000.0,
        "known_pct": 100 * 2 / 48,
        "soh_pct": 96.0,
        "cycles": 410.0,
    }
    assert row.fields == {name: pytest.approx(value) for name, value in expected.items()}


def test_what_is_not_known_is_no_field_and_never_zero() -> None:
    assert day_row(SITE, [half(0, {"load": 100.0})], day_ms=DAY, now_ms=END).fields.keys() == {"known_pct"}


def test_days_are_named_by_every_moment_in_them() -> None:
    assert days_between(DAY + 1, DAY + 2) == [DAY]
    assert days_between(DAY - 1, DAY) == [DAY - DAY_MS, DAY]
    assert days_between(DAY, DAY - 5) == [DAY]


@given(st.lists(st.one_of(st.none(), st.floats(-50_000, 50_000)), min_size=288, max_size=288), st.integers(0, 48))
def test_half_hours_lose_and_double_nothing(watts: list[float | None], ended: int) -> None:
    found = halves_of({Power.GRID: [line(*watts)]}, [], day_ms=DAY, now_ms=DAY + ended * HALF_HOUR_MS)
    known = [value for value in watts[: ended * 6] if value is not None]
    bought = sum(max(value, 0.0) for value in known) / 12
    sold = sum(max(-value, 0.0) for value in known) / 12
    assert sum(one.wh[Flow.IMPORT] for one in found) == pytest.approx(bought)
    assert sum(one.wh[Flow.EXPORT] for one in found) == pytest.approx(sold)
    assert sum(one.known_steps for one in found) == len(known)
