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
    SavedCo2,
    day_row,
    days_between,
    half_row,
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
    assert (found.known_steps, found.soc_pct, found.soc_min_pct) == (6, 51.0, 50.0)
    assert found.demand_w == pytest.approx(600)


def test_the_half_hour_that_is_under_way_and_those_without_a_value_are_left_out() -> None:
    lines = {Power.LOAD: [line(*[1_000.0] * 12)]}
    assert len(halves_of(lines, [], day_ms=DAY, now_ms=DAY + 2 * HALF_HOUR_MS - 1)) == 1
    assert [one.at_ms for one in halves_of(lines, [], day_ms=DAY, now_ms=END)] == [DAY, DAY + HALF_HOUR_MS]
    assert halves_of({Power.LOAD: [line(None, None)]}, [], day_ms=DAY, now_ms=END) == []


def test_a_demand_of_too_few_steps_is_not_told() -> None:
    four, five = [1_200.0] * 4, [1_200.0] * 5
    (few,) = halves_of({Power.GRID: [line(*four)]}, [], day_ms=DAY, now_ms=END)
    (enough,) = halves_of({Power.GRID: [line(*five)]}, [], day_ms=DAY, now_ms=END)
    assert few.demand_w is None
    assert enough.demand_w == pytest.approx(1_200), "the mean of what is known, not a sixth less"


def test_without_its_battery_the_shelter_had_bought_what_it_gave() -> None:
    assert half(0, {"import": 1_000.0, "discharge": 500.0, "charge": 0.0}).without_battery_w == pytest.approx(3_000)
    assert half(0, {"import": 1_000.0, "discharge": 0.0, "charge": 400.0}).without_battery_w == pytest.approx(1_200)
    assert half(0, {"import": 0.0, "export": 900.0, "charge": 100.0}).without_battery_w == 0.0
    assert half(0, {"pv": 500.0}).without_battery_w is None


def test_a_day_adds_up_and_compares() -> None:
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
        saved=SavedCo2(kg_per_kwh=0.5, verified=True),
    )
    assert row.at_ms == DAY
    assert row.tags == {
        "site": SITE.id,
        "ward": "中央区",
        "name": "（合成）中央第1小学校",
        "label": "（合成）中央第1小学校（E0000000001111）",
        "month": "2026-11",
        "fiscal_year": "2026年度",
    }
    expected = {
        "pv_wh": 4_000.0,
        "load_wh": 5_000.0,
        "import_wh": 1_000.0,
        "export_wh": 1_000.0,
        "charge_wh": 1_000.0,
        "discharge_wh": 2_000.0,
        "self_used_wh": 3_000.0,
        "co2_saved_kg": 1.5,
        "factor_kg_per_kwh": 0.5,
        "factor_verified": 1.0,
        "peak_demand_w": 2_000.0,
        "peak_without_w": 6_000.0,
        "peak_cut_w": 4_000.0,
        "clear_sky_wh": 5_000.0,
        "known_pct": 100 * 2 / 48,
        "soh_pct": 96.0,
        "cycles": 410.0,
    }
    assert row.fields == {name: pytest.approx(value) for name, value in expected.items()}


def test_what_is_not_known_is_no_field_and_never_zero() -> None:
    assert day_row(SITE, [half(0, {"load": 100.0})], day_ms=DAY, now_ms=END).fields.keys() == {"load_wh", "known_pct"}
    lone = half_row(SITE, half(0, {"pv": 5.0}, known_steps=0), year_peak_w=None, target_w=None)
    assert lone.fields == {"pv_wh": 5.0, "known_pct": 0.0}


def test_the_fiscal_year_begins_in_april_and_months_are_those_of_tokyo() -> None:
    for day_ms, month, year in (
        (1_774_969_200_000, "2026-04", "2026年度"),  # 1 April 2026 00:00 in Tokyo is 31 March in London.
        (1_774_882_800_000, "2026-03", "2025年度"),
        (1_798_729_200_000, "2027-01", "2026年度"),
    ):
        tags = day_row(SITE, [half(0, {"load": 1.0})], day_ms=day_ms, now_ms=day_ms + DAY_MS).tags
        assert (tags["month"], tags["fiscal_year"]) == (month, year)


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
