"""Accounted energy as rows: a month's days add up to its statement, and a half hour says how well it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from central.core.accounting.closing import adjusted
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import SLOTS, days_of_month, start_of_day
from central.core.accounting.months import MonthFigures, month_figures
from central.core.city import Site
from central.core.rollups.accounted import SavedCo2, day_rows, half_rows, highest_before, unknown_day
from central.core.rollups.rows import RollupRow, Series

SITE = Site(id="E0000000001111", name="（合成）中央第1小学校", ward="中央区", latitude=35.6, longitude=140.1)
MONTH = "2026-10"
DAYS = days_of_month(MONTH)
AFTER_MS = start_of_day(DAYS.stop)
HALF_MS = 1_800_000
CO2 = SavedCo2(kg_per_kwh=0.4, verified=False)
FLOWS = (Flow.PV, Flow.EXPORT, Flow.IMPORT, Flow.CHARGE, Flow.DISCHARGE, Flow.LOAD)


def day(number: int, *, mark: str = "m" * SLOTS, **wh: int) -> SiteDay:
    values = {Flow(name.rstrip("_")): [value] * SLOTS for name, value in wh.items()}
    return SiteDay(site=SITE.id, day=number, wh=values, marks=dict.fromkeys(values, mark))


def total(rows: Sequence[RollupRow], field: str) -> float:
    return sum(float(row.fields.get(field, 0.0)) for row in rows)


def told(days: Sequence[SiteDay], closed: MonthFigures | None = None) -> list[RollupRow]:
    return day_rows(SITE, days, closed=closed, until_ms=AFTER_MS, saved=CO2)


@st.composite
def months(draw: st.DrawFn) -> list[SiteDay]:
    """Days of a month in any order; batteries may take more than they give, and more than PV gives."""
    numbers = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True))
    values = st.lists(st.integers(0, 9_000), min_size=SLOTS, max_size=SLOTS)
    return [
        SiteDay(
            site=SITE.id,
            day=number,
            wh={flow: draw(values) for flow in FLOWS},
            marks=dict.fromkeys(FLOWS, draw(st.text("mrisl-", min_size=SLOTS, max_size=SLOTS))),
        )
        for number in numbers
    ]


@given(months(), st.integers(-50_000, 50_000))
def test_the_days_of_a_month_add_up_to_its_statement_open_closed_and_corrected(days: list[SiteDay], by_wh: int) -> None:
    figures = month_figures(SITE.id, MONTH, days)
    for closed, expected in ((None, figures), (figures, figures), (adjusted(figures, by_wh), adjusted(figures, by_wh))):
        rows = told(days, closed)
        for flow in FLOWS:
            assert total(rows, f"{flow.value}_wh") == expected.wh[flow]
        assert total(rows, "self_used_wh") == expected.billed_wh
        assert abs(total(rows, "co2_saved_kg") - expected.billed_wh / 1_000 * 0.4) < 1e-6
        peaks = [float(row.fields["peak_demand_w"]) for row in rows if "peak_demand_w" in row.fields]
        assert max(peaks, default=None) == (None if expected.peak_wh is None else expected.peak_wh * 2)


def test_a_closed_month_tells_what_it_was_closed_with_whatever_its_days_say() -> None:
    days = [day(DAYS[0], pv=100, export=0, load=100), day(DAYS[4], pv=100, export=20, load=80)]
    closed = replace(month_figures(SITE.id, MONTH, days), wh={Flow.PV: 9_700, Flow.EXPORT: 960, Flow.LOAD: 8_640})
    rows = told(days, adjusted(closed, -640))
    assert [row.at_ms for row in rows] == [start_of_day(number) for number in (DAYS[0], DAYS[4], DAYS[-1])]
    assert total(rows, "pv_wh") == 9_700
    assert total(rows, "self_used_wh") == closed.self_wh - 640
    assert rows[-1].fields["missing"] == SLOTS, "the last day carries the correction, and is still not known"


def test_a_day_counts_its_half_hours_by_how_well_they_are_known() -> None:
    marks = "m" * 10 + "r" * 2 + "i" * 4 + "s" * 20 + "l" * 4 + "-" * 8
    one = replace(day(DAYS[0], mark=marks, pv=10, import_=20), odd=frozenset({3}))
    (row,) = told([one])
    assert {name: row.fields[name] for name in ("measured", "interpolated", "summed", "missing", "odd")} == {
        "measured": 12,
        "interpolated": 4,
        "summed": 24,
        "missing": 8,
        "odd": 1,
    }
    assert row.fields["known_pct"] == 100 * 16 / 48
    assert (row.series, row.tags["month"], row.tags["fiscal_year"]) == (Series.ENERGY_DAY, MONTH, "2026年度")
    noon_ms = start_of_day(DAYS[0]) + 12 * HALF_MS
    (early,) = day_rows(SITE, [one], closed=None, until_ms=noon_ms, saved=None)
    assert (early.fields["measured"], early.fields["known_pct"]) == (12, 100.0)
    assert "co2_saved_kg" not in early.fields, "without a factor nothing is said of CO2"


def test_of_a_day_of_which_nothing_is_known_nothing_is_zero() -> None:
    (row,) = told([unknown_day(SITE.id, DAYS[3])])
    assert row.fields == {"measured": 0, "interpolated": 0, "summed": 0, "missing": SLOTS, "odd": 0, "known_pct": 0}
    halves = half_rows(SITE, unknown_day(SITE.id, DAYS[3]), until_ms=AFTER_MS, before_wh=None, target_w=None)
    assert [half.fields for half in halves] == [{"mark": 5, "import_mark": 5, "odd": 0}] * SLOTS


def test_half_hours_tell_flows_demand_and_the_peak_as_it_was_known_then() -> None:
    one = day(DAYS[2], pv=0, import_=1_000, discharge=500, charge=0, export=0, load=1_500)
    gap = dict.fromkeys((Flow.IMPORT, Flow.EXPORT, Flow.CHARGE, Flow.DISCHARGE), "mmsi" + "m" * 44)
    bought = {Flow.IMPORT: [1_000, 4_000, 9_000, *[1_000] * 45]}
    one = replace(one, wh={**one.wh, **bought}, marks={**one.marks, **gap})
    rows = half_rows(SITE, one, until_ms=start_of_day(DAYS[2]) + 5 * HALF_MS, before_wh=1_500, target_w=7_000.0)
    assert [row.at_ms for row in rows] == [start_of_day(DAYS[2]) + n * HALF_MS for n in range(5)]
    assert [row.fields.get("demand_w") for row in rows] == [2_000, 8_000, None, 2_000, 2_000]
    assert [row.fields.get("without_battery_w") for row in rows] == [3_000, 9_000, None, 3_000, 3_000]
    assert [row.fields["year_peak_w"] for row in rows] == [3_000, 3_000, 8_000, 8_000, 8_000]
    assert [(row.fields["mark"], row.fields["import_mark"]) for row in rows[1:4]] == [(0, 0), (3, 3), (2, 2)]
    assert {row.fields["target_w"] for row in rows} == {7_000.0}
    assert rows[2].fields["import_wh"] == 9_000, "a share of a sum counts in the day"


def test_without_a_battery_is_not_told_where_the_battery_is_not_known_for_that_half_hour() -> None:
    one = day(DAYS[0], import_=100, discharge=50)
    one = replace(one, marks={Flow.IMPORT: "m" * SLOTS, Flow.DISCHARGE: "s" * SLOTS})
    (first, *_) = half_rows(SITE, one, until_ms=AFTER_MS, before_wh=None, target_w=None)
    assert first.fields["demand_w"] == 200
    assert "without_battery_w" not in first.fields
    assert "year_peak_w" not in first.fields


def test_the_peak_before_a_day_is_of_the_months_before_and_the_days_before() -> None:
    days = [day(DAYS[0], import_=700), day(DAYS[1], import_=900), day(DAYS[2], import_=5_000)]
    assert highest_before(days, DAYS[2], 800) == 900
    assert highest_before(days, DAYS[1], 800) == 800
    assert highest_before(days, DAYS[0], None) is None
