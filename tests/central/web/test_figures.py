"""Numbers and times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.city import PointNow
from central.web import figures
from central.web.catalogue import CATALOGUES, Lang
from contract.readings import Quality
from tests.central.fake import NOW_MS

JA, EN = CATALOGUES[Lang.JA], CATALOGUES[Lang.EN]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0.0"),
        (-20.0, "0.0"),
        (-49.9, "0.0"),
        (51.0, "0.1"),
        (-51.0, "-0.1"),
        (2_345_678.0, "2,345.7"),
    ],
)
def test_kilowatts_have_one_decimal_and_no_negative_zero(value: float | None, text: str) -> None:
    assert figures.kilo(value) == text


@pytest.mark.parametrize(
    ("watts", "japanese", "english"),
    [(None, "", ""), (3_000.0, "放電中", "discharging"), (-3_000.0, "充電中", "charging"), (10.0, "待機中", "resting")],
)
def test_the_sign_of_the_battery_is_said_in_words(watts: float | None, japanese: str, english: str) -> None:
    assert figures.battery_flow(watts, JA) == japanese
    assert figures.battery_flow(watts, EN) == english


@pytest.mark.parametrize(("watts", "text"), [(None, ""), (900.0, "買電"), (-900.0, "売電"), (-0.0, "授受なし")])
def test_the_sign_of_the_grid_is_said_in_words(watts: float | None, text: str) -> None:
    assert figures.grid_flow(watts, JA) == text


@given(st.floats(-1e7, 1e7))
def test_a_direction_is_said_exactly_when_the_number_is_not_zero(watts: float) -> None:
    assert (figures.grid_flow(watts, JA) == "授受なし") == (figures.kilo_size(watts) == "0.0")


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.99999, "99.9 %"), (0.0004, "0.1 %未満"), (0.0123, "1.2 %")],
)
def test_a_share_is_never_flattered(part: float, text: str) -> None:
    assert figures.share(part, JA) == text


@pytest.mark.parametrize(
    ("seconds", "japanese", "english"),
    [
        (0, "0秒前", "0 s ago"),
        (59, "59秒前", "59 s ago"),
        (60, "1分前", "1 min ago"),
        (3_599, "59分前", "59 min ago"),
        (3_600, "1時間前", "1 h ago"),
        (172_799, "47時間前", "47 h ago"),
        (172_800, "2日前", "2 d ago"),
        (-5, "0秒前", "0 s ago"),
    ],
)
def test_an_age_is_in_the_largest_whole_unit(seconds: int, japanese: str, english: str) -> None:
    assert figures.age(NOW_MS - seconds * 1_000, NOW_MS, JA) == japanese
    assert figures.age(NOW_MS - seconds * 1_000, NOW_MS, EN) == english


def test_what_was_never_heard_has_no_age() -> None:
    assert figures.age(None, NOW_MS, JA) == "なし"


def test_times_are_tokyo_times() -> None:
    midnight_ms = 1_795_446_000_000  # 2026-11-23T15:00:00Z
    assert figures.clock(midnight_ms) == "00:00:00"
    assert figures.day(midnight_ms, Lang.JA) == "2026年11月24日"
    assert figures.moment(midnight_ms, Lang.EN) == "24 Nov 00:00"
    assert figures.iso(midnight_ms) == "2026-11-23T15:00:00Z"
    assert figures.moment(0, Lang.EN) == "–"


@pytest.mark.parametrize(
    ("name", "japanese", "english"),
    [
        ("pv.power_w", "太陽光 電力", "PV power"),
        ("pv12.voltage_v", "太陽光12 電圧", "PV12 voltage"),
        ("grid.l1_current_a", "系統 L1相 電流", "Grid L1 current"),
        ("tier3.closed", "負荷区分3 リレー", "Load tier3 relay"),
        ("wind.power_w", "wind 電力", "wind power"),
    ],
)
def test_a_point_in_words(name: str, japanese: str, english: str) -> None:
    assert figures.point_words(name, JA) == japanese
    assert figures.point_words(name, EN) == english


@pytest.mark.parametrize(
    ("name", "value", "quality", "text"),
    [
        ("grid.l1_voltage_v", 101.72, Quality.GOOD, "101.7 V"),
        ("pv.energy_wh", 81_234_567.0, Quality.GOOD, "81,234,567 Wh"),
        ("inverter.state", 4.0, Quality.GOOD, "運転中"),
        ("tier1.closed", 0.0, Quality.GOOD, "開（切）"),
        ("inverter.islanded", 1.0, Quality.GOOD, "はい"),
        ("battery.soc_pct", 62.5, Quality.STALE, "62.5 %"),
        ("battery.soc_pct", None, Quality.TIMEOUT, "–"),
    ],
)
def test_a_value_has_its_unit_and_a_missing_one_is_no_number(
    name: str, value: float | None, quality: Quality, text: str
) -> None:
    assert figures.point_value(PointNow("x", name, value, quality, NOW_MS), JA) == text


def test_a_reason_of_loss_in_words() -> None:
    assert figures.reason_words("thinned_1min", JA) == "1分値に間引き"
    assert figures.reason_words("refused: unknown_point", EN) == "Arrived, but could not be used (unknown point)"
    assert figures.reason_words("something new", EN) == "for a reason this version does not know: something new"
