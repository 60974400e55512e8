"""The comparison that the demo's verdict rests on: whatever went wrong, it must see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Event, EventKind, Slot
from contract.readings import DeviceReadings, Quality, Reading
from demo.audit import Accepted, Comparison, RowKey, Values, accepted, compare
from edge_agent.core.clock import SiteClock
from edge_agent.io.outbox import Outbox
from edge_agent.io.outbox_audit import AuditedEntry, AuditedRow, audit
from edge_agent.recorder import Recorder

POINTS = ("grid.power_w", "grid.l1_voltage_v")
NOW_MS = 1_790_000_000_000

Row = tuple[RowKey, Values]


def key(n: int, *, device: str = "meter", points: tuple[str, ...] = POINTS) -> RowKey:
    return device, NOW_MS + n, points


def entry(seq: int, *slots: Slot, is_delivered: bool = True, device: str = "meter") -> AuditedEntry:
    row = AuditedRow(device, NOW_MS + seq, POINTS, slots)
    return AuditedEntry("a", seq, is_delivered, is_timed=True, rows=(row,))


async def each(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row


def here(*numbers: int, waiting: Sequence[int] = ()) -> Accepted:
    return Accepted(rows={key(n): (float(n), 101.3) for n in numbers}, waiting=frozenset(key(n) for n in waiting))


def there(*numbers: int) -> list[Row]:
    return [(key(n), (float(n), 101.3)) for n in numbers]


async def test_what_arrived_once_and_as_it_was_is_good() -> None:
    assert await compare(here(1, 2, 3), each(there(1, 2, 3))) == Comparison(polled=6, stored=6)


async def test_a_row_that_was_acknowledged_and_is_not_stored_is_lost_reading_by_reading() -> None:
    assert await compare(here(1, 2, 3), each(there(1, 3))) == Comparison(polled=6, stored=4, lost=2)


async def test_a_row_that_still_waits_is_not_lost() -> None:
    assert await compare(here(1, 2, waiting=[2]), each(there(1))) == Comparison(polled=4, stored=2, waiting=2)


async def test_a_row_that_waits_and_is_stored_already_counts_as_stored() -> None:
    assert await compare(here(1, waiting=[1]), each(there(1))) == Comparison(polled=2, stored=2)


async def test_a_row_that_is_stored_twice_is_seen() -> None:
    assert await compare(here(1, 2), each(there(1, 2, 2))) == Comparison(polled=4, stored=4, duplicated=2)


async def test_a_reading_that_is_stored_under_two_shapes_is_doubled() -> None:
    """The same point at the same moment, once alone and once with its neighbour: two rows, one reading too many."""
    alone: Row = (key(1, points=POINTS[:1]), (1.0,))
    assert await compare(here(1), each([*there(1), alone])) == Comparison(polled=2, stored=3, duplicated=1, foreign=1)


async def test_a_value_that_changed_on_its_way_is_seen() -> None:
    stored: list[Row] = [(key(1), (1.0, 101.4)), (key(2), (None, None))]
    assert await compare(here(1, 2), each(stored)) == Comparison(polled=4, stored=4, changed=3)


async def test_a_value_that_nobody_measured_in_the_place_of_a_gap_is_a_change() -> None:
    gap = Accepted(rows={key(1): (None, 101.3)}, waiting=frozenset())
    assert (await compare(gap, each([(key(1), (0.0, 101.3))]))).changed == 1
    assert (await compare(gap, each([(key(1), (None, 101.3))]))).changed == 0


async def test_a_row_that_no_outbox_accepted_is_foreign() -> None:
    stored: list[Row] = [*there(1), (key(1, device="relay"), (0.0, 0.0)), (key(9), (9.0, 101.3))]
    assert await compare(here(1), each(stored)) == Comparison(polled=2, stored=6, foreign=4)


async def test_nothing_on_either_side_is_nothing() -> None:
    assert await compare(here(), each([])) == Comparison()


def test_the_counts_of_shelters_add_up() -> None:
    total = Comparison(polled=1, lost=2, foreign=3) + Comparison(
        polled=10, waiting=4, duplicated=5, changed=6, stored=7
    )
    assert total == Comparison(polled=11, stored=7, waiting=4, lost=2, duplicated=5, changed=6, foreign=3)


def test_steps_of_the_wire_become_values_of_the_unit() -> None:
    got = accepted([entry(1, -3310, 1013)])
    assert got.rows == {key(1): (-3310.0, 101.3)}
    assert got.waiting == frozenset()


def test_one_code_for_a_dark_device_stands_for_all_its_points() -> None:
    assert accepted([entry(1, "t")]).rows == {key(1): (None, None)}
    assert accepted([entry(1, 5, "n")]).rows == {key(1): (5.0, None)}


def test_what_is_not_acknowledged_waits_and_events_are_no_readings() -> None:
    event = Event(epoch="a", seq=2, at_ms=NOW_MS, kind=EventKind.GRID_LOST)
    entries = [entry(1, 1, 1), AuditedEntry("a", 2, False, True, event=event), entry(3, 1, 1, is_delivered=False)]
    got = accepted(entries)
    assert set(got.rows) == {key(1), key(3)}
    assert got.waiting == {key(3)}


@given(st.data())
async def test_every_reading_has_exactly_one_fate(data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.integers(0, 30)), label="accepted")
    waiting = data.draw(st.sets(st.sampled_from(sorted(numbers)) if numbers else st.nothing()), label="waiting")
    stored = data.draw(st.lists(st.integers(0, 40)), label="stored")
    got = await compare(here(*numbers, waiting=sorted(waiting)), each(there(*stored)))
    distinct = set(stored)
    assert got.polled == 2 * len(numbers)
    assert got.polled == got.stored - got.foreign + got.lost + got.waiting
    assert got.lost == 2 * len(numbers - distinct - waiting)
    assert got.waiting == 2 * len((numbers - distinct) & waiting)
    assert got.foreign == 2 * len(distinct - numbers)
    assert got.duplicated == 2 * (len(stored) - len(distinct))
    assert got.changed == 0


async def test_a_real_outbox_agrees_with_a_store_that_got_its_rows_and_not_with_one_that_did_not(
    tmp_path: Path,
) -> None:
    boot_ms = 100_000
    with Outbox.open(tmp_path / "outbox.sqlite", keep_delivered=True) as outbox:
        clock = SiteClock(wall_ms=lambda: NOW_MS, boot_ms=lambda: boot_ms, boot_id="b")
        recorder = Recorder(outbox, clock)
        for n in range(4):
            good = tuple(Reading(point, 100.5 + n) for point in POINTS)
            dark = tuple(Reading(point, None, Quality.TIMEOUT) for point in POINTS)
            recorder.record([DeviceReadings("meter", NOW_MS + n, good), DeviceReadings("relay", NOW_MS + n, dark)])
        outbox.forget([(1, 3)])
        outbox.flush()
        got = accepted(audit(outbox.path))
    # 100.5 W travels as whole watts.
    assert got.rows[key(0)] == (100.0, 100.5)
    assert got.rows[key(0, device="relay")] == (None, None)
    assert got.waiting == {key(3), key(3, device="relay")}
    everything = list(got.rows.items())
    assert await compare(got, each(everything)) == Comparison(polled=16, stored=16)
    assert await compare(got, each(everything[:2])) == Comparison(polled=16, stored=4, lost=8, waiting=4)
