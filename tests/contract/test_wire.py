"""Readings → rows → bytes → rows: live and late data mean the same."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import wire
from contract.layouts import Layout
from contract.messages import Event, EventKind, Telemetry
from contract.points import POINTS
from contract.readings import QUALITIES, WIRE_CODES, DeviceReadings, Quality, Reading
from contract.wire import Row, WireError
from tests.contract.strategies import NOON_MS, readings_of, site_rows, telemetry

METER = Layout("meter", ("grid.power_w", "grid.l1_voltage_v"))


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.layout_id, row.at_ms))


@given(site_rows())
def test_live_and_late_data_give_equal_rows(made: tuple[list[Row], dict[str, Layout]]) -> None:
    rows, layouts = made
    live = wire.decode_telemetry(wire.encode(wire.live_telemetry("e", 7, rows, layouts)))
    late = wire.decode_telemetry(wire.encode(wire.history_telemetry("e", [(3, 9)], rows, layouts)))
    assert wire.rows_of(live) == rows
    assert in_order(wire.rows_of(late)) == in_order(rows)
    assert wire.layouts_in(live) == wire.layouts_in(late) == layouts
    assert (wire.seqs_of(live), wire.seqs_of(late)) == ([(7, 7)], [(3, 9)])


@given(telemetry())
def test_a_message_comes_back_as_it_was_sent(message: Telemetry) -> None:
    assert wire.decode_telemetry(wire.encode(message)) == message


def test_a_layout_may_name_its_points_or_number_them() -> None:
    body = '{"e":"e","s":1,"t":0,"r":[],"d":{"VOgPKg":["meter",[%s]]}}'
    for points in ("80,83", '"grid.power_w",83', '"grid.power_w","grid.l1_voltage_v"'):
        assert wire.layouts_in(wire.decode_telemetry((body % points).encode())) == {"VOgPKg": METER}


def test_a_number_that_is_not_in_the_list_is_refused_by_name_of_the_layout() -> None:
    message = wire.decode_telemetry(b'{"e":"e","s":1,"t":0,"r":[],"d":{"VOgPKg":["meter",[80,60000]]}}')
    with pytest.raises(WireError, match=r"layout 'VOgPKg': point number 60000 .* update this side"):
        wire.layouts_in(message)


@given(st.data())
def test_every_reading_comes_back_with_its_value_or_its_reason(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(POINTS)), min_size=1, max_size=8, unique=True))
    taken = DeviceReadings("inverter", NOON_MS, data.draw(readings_of(names)))
    layout = wire.layout_of(taken)
    slots = wire.slots_of(wire.row_of(taken, layout.id), layout)
    back = tuple(
        Reading(name, None, QUALITIES[slot]) if isinstance(slot, str) else Reading(name, POINTS[name].from_wire(slot))
        for name, slot in zip(layout.points, slots, strict=True)
    )
    assert back == taken.readings


def test_a_dark_device_is_one_code() -> None:
    dark = tuple(Reading(name, None, Quality.TIMEOUT) for name in METER.points)
    assert wire.row_of(DeviceReadings("meter", NOON_MS, dark), METER.id).slots == ("t",)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_a_number_that_no_device_can_report_travels_as_its_reason(value: float) -> None:
    readings = (Reading("grid.power_w", value), Reading("grid.l1_voltage_v", 101.0))
    row = wire.row_of(DeviceReadings("meter", NOON_MS, readings), METER.id)
    assert row.slots == (WIRE_CODES[Quality.OUT_OF_RANGE], 1_010)


def test_a_column_that_never_changes_is_one_slot() -> None:
    rows = [Row(METER.id, NOON_MS + 5_000 * n, (1_200, 1_010 + n)) for n in range(4)]
    message = wire.history_telemetry("e", [(1, 4)], rows, {})
    assert message.columns == [[METER.id, [0, 5_000, 5_000, 5_000], 1_200, [1_010, 1, 1, 1]]]


def test_a_code_in_a_column_leaves_the_running_number_as_it_was() -> None:
    rows = [Row(METER.id, NOON_MS + n, (slot, 0)) for n, slot in enumerate((500, "n", 503, "n"))]
    message = wire.history_telemetry("e", [(1, 4)], rows, {})
    assert message.columns[0][2] == [500, "n", 3, "n"]
    assert wire.rows_of(message) == rows


def test_history_is_smaller_than_the_same_rows_sent_live() -> None:
    rows = [Row(METER.id, NOON_MS + 5_000 * n, (1_200_000 + 37 * n, 1_010)) for n in range(100)]
    late = len(wire.encode(wire.history_telemetry("e", [(1, 100)], rows, {})))
    live = sum(len(wire.encode(wire.live_telemetry("e", n + 1, [row], {}))) for n, row in enumerate(rows))
    assert late < live / 5


@pytest.mark.parametrize(
    ("slots", "told"),
    [((1,), "1 slots, want 2"), ((1, 2, 3), "3 slots, want 2"), ((1, "x"), "code 'x'"), (("zz",), "code 'zz'")],
)
def test_a_row_that_does_not_fit_its_layout_is_refused(slots: tuple[int | str, ...], told: str) -> None:
    with pytest.raises(WireError, match=told):
        wire.slots_of(Row(METER.id, NOON_MS, slots), METER)


@pytest.mark.parametrize(
    ("code", "quality"),
    [
        ("n", "not_available"),
        ("o", "out_of_range"),
        ("t", "timeout"),
        ("r", "refused"),
        ("a", "illegal_address"),
        ("m", "malformed"),
        ("i", "missing_input"),
    ],
)
def test_codes_are_agreed_for_good(code: str, quality: str) -> None:
    assert QUALITIES[code] is Quality(quality)


def test_every_bad_quality_that_may_be_sent_has_a_code() -> None:
    assert set(WIRE_CODES) == set(Quality) - {Quality.GOOD, Quality.STALE}
    assert len(QUALITIES) == len(WIRE_CODES)


@pytest.mark.parametrize(("value", "quality"), [(None, Quality.GOOD), (1.0, Quality.TIMEOUT)])
def test_a_reading_has_a_number_exactly_when_it_is_good(value: float | None, quality: Quality) -> None:
    with pytest.raises(ValueError, match="exactly when it is good"):
        Reading("grid.power_w", value, quality)


def test_an_event_can_name_every_point_of_a_device() -> None:
    event = Event(
        epoch="e",
        seq=1,
        at_ms=NOON_MS,
        kind=EventKind.REGISTERS_REFUSED,
        device="inverter",
        detail={"points": ",".join(POINTS)},
    )
    assert wire.decode_event(wire.encode(event)) == event


def test_an_unknown_field_of_a_later_edge_is_passed_over() -> None:
    message = {"e": "e", "s": 1, "t": NOON_MS, "new": {"a": [1]}}
    assert wire.decode_telemetry(msgspec.json.encode(message)).seqs == 1
