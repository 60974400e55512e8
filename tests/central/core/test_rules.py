"""What the intake takes and refuses: a bad part is named and left out, the rest goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.rules import AHEAD_MAX_MS, LAYOUTS_MAX, TIME_MIN_MS, Judged, Reason, Shape, judge, learn
from contract.layouts import Layout
from contract.messages import Slot, Telemetry
from contract.points import POINTS
from contract.readings import QUALITIES
from contract.wire import Row, history_telemetry, live_telemetry

SITE = "E0000000001111"
NOW = 1_790_000_000_000
METER = Layout("meter", ("grid.power_w", "grid.frequency_hz", "grid.l1_voltage_v"))
SHAPES = {METER.id: Shape(SITE, METER)}
GOOD = (-1_500, 5_001, 2_304)


def live(*rows: Row) -> Judged:
    return judge(live_telemetry("a", 1, rows, {}), SHAPES, {}, NOW)


def test_a_good_row_becomes_values_in_the_points_units() -> None:
    judged = live(Row(METER.id, NOW, GOOD))
    (row,) = judged.rows
    assert (row.site, row.device, row.at_ms) == (SITE, "meter", NOW)
    assert dict(zip(row.points, row.values, strict=True)) == {
        "grid.power_w": -1_500.0,
        "grid.frequency_hz": 50.01,
        "grid.l1_voltage_v": 230.4,
    }
    assert all(isinstance(value, float) for value in row.values)
    assert not row.bad
    assert not judged.faults


@given(st.lists(st.tuples(st.integers(-2_000_000, 2_000_000), st.integers(0, 10_000), st.integers(0, 10_000))))
def test_live_and_late_rows_give_the_same(values: list[tuple[int, int, int]]) -> None:
    rows = [Row(METER.id, NOW - 5_000 * number, slots) for number, slots in enumerate(values)]
    late = judge(history_telemetry("a", [(1, max(1, len(rows)))], rows, {}), SHAPES, {}, NOW)
    assert sorted(late.rows, key=lambda row: -row.at_ms) == live(*rows).rows
    for row, slots in zip(live(*rows).rows, values, strict=True):
        points = [POINTS[name] for name in row.points]
        assert list(row.values) == [point.from_wire(slot) for point, slot in zip(points, slots, strict=True)]


def test_quality_codes_become_gaps_with_their_reason() -> None:
    judged = live(Row(METER.id, NOW, ("n", 5_000, "t")))
    (row,) = judged.rows
    assert row.values == (None, 50.0, None)
    assert row.bad == "grid.power_w=n grid.l1_voltage_v=t"
    assert not judged.faults, "a gap that the edge explains is no fault"


def test_a_dark_device_is_one_code() -> None:
    (row,) = live(Row(METER.id, NOW, ("t",))).rows
    assert (row.values, row.bad) == ((None, None, None), "t")


@pytest.mark.parametrize("late", [False, True])
def test_a_number_out_of_range_spoils_only_itself(late: bool) -> None:
    rows = [Row(METER.id, NOW, (1, 5_000, 99_999))]
    message = history_telemetry("a", [(1, 1)], rows, {}) if late else live_telemetry("a", 1, rows, {})
    judged = judge(message, SHAPES, {}, NOW)
    (row,) = judged.rows
    assert row.values == (1.0, 50.0, None)
    assert row.bad == "grid.l1_voltage_v=o"
    assert judged.faults.counts == {Reason.OUT_OF_RANGE: 1}
    assert judged.faults.details[Reason.OUT_OF_RANGE] == "meter grid.l1_voltage_v: 9999.9 V is outside 0 to 1000"


@pytest.mark.parametrize(
    ("at_ms", "reason"),
    [
        (NOW + AHEAD_MAX_MS, None),
        (NOW + AHEAD_MAX_MS + 1, Reason.FUTURE_TIME),
        (TIME_MIN_MS, None),
        (TIME_MIN_MS - 1, Reason.TOO_OLD),
        (0, Reason.TOO_OLD),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_its_neighbours_are_not(at_ms: int, reason: Reason | None) -> None:
    judged = live(Row(METER.id, at_ms, GOOD), Row(METER.id, NOW - 1, GOOD))
    assert len(judged.rows) == (2 if reason is None else 1)
    assert list(judged.faults.counts) == ([reason] if reason else [])
    columns = judge(history_telemetry("a", [(1, 1)], [Row(METER.id, at_ms, GOOD)], {}), SHAPES, {}, NOW)
    assert list(columns.faults.counts) == ([reason] if reason else [])


@pytest.mark.parametrize(
    "raw", [[], [METER.id], [METER.id, 0], [METER.id, "n", 1], [METER.id, 0, 1, 2], [METER.id, 0, "n", "n"], [5, 0, 1]]
)
def test_a_malformed_row_is_named_and_the_others_are_used(raw: list[Slot]) -> None:
    message = Telemetry(epoch="a", seqs=1, base_ms=NOW, rows=[raw, [METER.id, 0, *GOOD]])
    judged = judge(message, SHAPES, {}, NOW)
    assert len(judged.rows) == 1
    assert list(judged.faults.counts) == [Reason.MALFORMED_ROW]
    assert not judged.need


def test_a_code_that_does_not_exist_is_a_malformed_value() -> None:
    judged = live(Row(METER.id, NOW, (1, "z", 2_300)))
    assert judged.rows[0].bad == "grid.frequency_hz=m"
    assert list(judged.faults.counts) == [Reason.MALFORMED_ROW]
    assert list(live(Row(METER.id, NOW, ("z",))).faults.counts) == [Reason.MALFORMED_ROW]


def test_a_bomb_of_columns_is_refused_before_it_unfolds() -> None:
    wide: list[Slot | list[Slot]] = [METER.id, [0] * 20_000, *([0] * 10_000)]
    long: list[Slot | list[Slot]] = [METER.id, [1] * 20_001, 0, 0, 0]
    good: list[Slot | list[Slot]] = [METER.id, [0, 5_000], 1, 5_000, 2_300]
    judged = judge(Telemetry(epoch="a", seqs=1, base_ms=NOW - 10_000, columns=[wide, long, good]), SHAPES, {}, NOW)
    assert judged.faults.counts == {Reason.MALFORMED_ROW: 2}
    assert len(judged.rows) == 2


def test_an_unknown_layout_is_asked_for() -> None:
    other = Layout("relay", ("tier1.closed",))
    judged = live(Row(other.id, NOW, (1,)), Row(METER.id, NOW, GOOD))
    assert judged.need == [other.id]
    assert not judged.faults


def test_layouts_are_learnt_once() -> None:
    shapes: dict[str, Shape] = {}
    message = live_telemetry("a", 1, [Row(METER.id, NOW, GOOD)], {METER.id: METER})
    assert learn(SITE, shapes, message) == ([METER], {})
    assert learn(SITE, shapes, message) == ([], {})
    assert len(judge(message, shapes, {}, NOW).rows) == 1


def test_a_wrong_hash_is_refused_for_good_and_not_asked_for_again() -> None:
    shapes: dict[str, Shape] = {}
    message = Telemetry(
        epoch="a", seqs=1, base_ms=NOW, rows=[["AAAAAA", 0, 1]], layouts={"AAAAAA": ("x", ["pv.power_w"])}
    )
    new, wrong = learn(SITE, shapes, message)
    judged = judge(message, shapes, wrong, NOW)
    assert (new, list(wrong), judged.need) == ([], ["AAAAAA"], [])
    assert list(judged.faults.counts) == [Reason.WRONG_LAYOUT]


def test_a_site_cannot_fill_the_memory_with_layouts() -> None:
    shapes = {f"{number:06}": SHAPES[METER.id] for number in range(LAYOUTS_MAX)}
    message = live_telemetry("a", 1, [], {METER.id: METER})
    assert list(learn(SITE, shapes, message)[1]) == [METER.id]


def test_a_point_twice_in_a_layout_is_refused() -> None:
    twice = Layout("meter", ("grid.power_w", "grid.power_w"))
    new, wrong = learn(SITE, {}, live_telemetry("a", 1, [], {twice.id: twice}))
    assert not new
    assert "twice" in wrong[twice.id].detail


def test_a_point_number_of_a_newer_list_holds_the_message_back() -> None:
    message = Telemetry(
        epoch="a", seqs=1, base_ms=NOW, rows=[["AAAAAA", 0, 1]], layouts={"AAAAAA": ("meter", [60_000])}
    )
    new, wrong = learn(SITE, {}, message)
    judged = judge(message, {}, wrong, NOW)
    assert not new
    assert judged.is_newer
    assert list(judged.faults.counts) == [Reason.UNKNOWN_POINT]
    assert "update this side" in judged.faults.details[Reason.UNKNOWN_POINT]


def test_a_layout_by_names_and_by_numbers_is_the_same() -> None:
    shapes: dict[str, Shape] = {}
    named = Telemetry(epoch="a", seqs=1, base_ms=NOW, layouts={METER.id: (METER.device, list(METER.points))})
    assert learn(SITE, shapes, named) == ([METER], {})
    assert learn(SITE, shapes, live_telemetry("a", 1, [], {METER.id: METER})) == ([], {})


def test_an_unknown_point_spoils_only_its_own_column() -> None:
    newer = Layout("meter", ("grid.power_w", "grid.smell_pct", "grid.frequency_hz"))
    shapes = {newer.id: Shape(SITE, newer)}
    judged = judge(live_telemetry("a", 1, [Row(newer.id, NOW, (5, 6, 5_000))], {}), shapes, {}, NOW)
    (row,) = judged.rows
    assert (row.points, row.values) == (("grid.power_w", "grid.frequency_hz"), (5.0, 50.0))
    assert "grid.smell_pct" in judged.faults.details[Reason.UNKNOWN_POINT]
    only = Layout("meter", ("grid.smell_pct",))
    nothing = judge(live_telemetry("a", 1, [Row(only.id, NOW, (6,))], {}), {only.id: Shape(SITE, only)}, {}, NOW)
    assert not nothing.rows
    assert nothing.faults


SLOTS = st.one_of(st.integers(-(2**53), 2**53), st.sampled_from([*QUALITIES, "z", ""]))


@given(st.lists(st.lists(SLOTS, max_size=5), max_size=5))
def test_no_row_of_any_kind_gives_an_implausible_value(rows: list[list[Slot]]) -> None:
    judged = judge(Telemetry(epoch="a", seqs=1, base_ms=NOW, rows=[[METER.id, *row] for row in rows]), SHAPES, {}, NOW)
    for row in judged.rows:
        for point, value in zip(row.points, row.values, strict=True):
            assert value is None or POINTS[point].is_plausible(value)
            assert (value is None) <= bool(row.bad)
    assert len(judged.rows) + sum(judged.faults.counts.values()) >= len(rows)
