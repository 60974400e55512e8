"""Readings, rows and messages as Hypothesis makes them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from contract.layouts import Layout
from contract.messages import Telemetry
from contract.points import POINTS
from contract.readings import WIRE_CODES, DeviceReadings, Quality, Reading
from contract.wire import Row, history_telemetry, layout_of, live_telemetry, row_of

NOON_MS = 1_795_474_800_000
point_names = st.sampled_from(sorted(POINTS))
bad_qualities = st.sampled_from(sorted(WIRE_CODES))
epochs = st.from_regex(r"[0-9A-Za-z._:-]{1,64}", fullmatch=True)


@st.composite
def readings_of(draw: st.DrawFn, names: Sequence[str]) -> tuple[Reading, ...]:
    """One answer of a device that has these points."""
    dark = draw(st.none() | bad_qualities)
    if dark is not None and draw(st.booleans()):
        return tuple(Reading(name, None, dark) for name in names)
    made: list[Reading] = []
    for name in names:
        point = POINTS[name]
        steps = st.integers(point.to_wire(point.low), point.to_wire(point.high)).map(point.from_wire)
        value = draw(steps | bad_qualities)
        made.append(Reading(name, None, value) if isinstance(value, Quality) else Reading(name, value))
    return tuple(made)


@st.composite
def site_rows(draw: st.DrawFn) -> tuple[list[Row], dict[str, Layout]]:
    """Rows of some devices over some time, each device and moment once, with their layouts."""
    rows: list[Row] = []
    layouts: dict[str, Layout] = {}
    for device in draw(st.lists(st.sampled_from(["inverter", "meter", "relay", "蓄電池"]), min_size=1, unique=True)):
        names = draw(st.lists(point_names, min_size=1, max_size=6, unique=True))
        times = draw(st.lists(st.integers(0, 2_000_000), min_size=1, max_size=8, unique=True))
        for after_ms in times:
            taken = DeviceReadings(device, NOON_MS + after_ms, draw(readings_of(names)))
            layout = layout_of(taken)
            layouts[layout.id] = layout
            rows.append(row_of(taken, layout.id))
    return rows, layouts


@st.composite
def telemetry(draw: st.DrawFn) -> Telemetry:
    """A valid message, live or of history, with or without its layouts."""
    rows, layouts = draw(site_rows())
    told = layouts if draw(st.booleans()) else {}
    epoch, seq = draw(epochs), draw(st.integers(1, 2**40))
    if draw(st.booleans()):
        return live_telemetry(epoch, seq, rows, told)
    return history_telemetry(epoch, [(seq, seq + draw(st.integers(0, 1_000)))], rows, told)
