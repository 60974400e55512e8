"""What goes next, by numbers and times alone."""

from __future__ import annotations

from contract.ranges import RangeSet
from edge_agent.core.backfill import Delivery, History, Pace, Single
from edge_agent.core.reconnect import LONGEST_S, delay_s
from edge_agent.core.thinning import MINUTE_MS, Bounds, RowKey, Step, keep_first, next_step


def delivery(waiting: list[tuple[int, int]], events: set[int] | None = None, pace: Pace | None = None) -> Delivery:
    return Delivery(RangeSet(waiting), events or set(), set(), pace or Pace())


def test_the_newest_state_goes_first_then_live_then_events_then_history_from_the_end() -> None:
    sender = delivery([(1, 100)], {40, 7})
    sender.connect([100, 93], now_ms=0)
    order: list[object] = []
    while isinstance(job := sender.next(0), Single):
        order.append(job.seq)
        sender.sent(job.seq, now_ms=0)
        if job.seq == 100:
            sender.added(101, is_event=False)
    assert order == [100, 101, 93, 40, 7]
    assert isinstance(job, History)
    assert job.ranges == ((94, 99), (41, 92), (8, 39), (1, 6))


def test_live_entries_overtake_history_and_only_one_batch_is_on_its_way() -> None:
    sender = delivery([(1, 1000)])
    sender.connect([], now_ms=0)
    assert isinstance(sender.next(0), History)
    sender.history_sent([(900, 1000)], [(900, 1000)], now_ms=0)
    assert sender.next(1) is None
    sender.added(1001, is_event=False)
    assert sender.next(2) == Single(1001)
    sender.sent(1001, now_ms=2)
    sender.acked([(900, 1000)], now_ms=3)
    job = sender.next(4)
    assert isinstance(job, History)
    assert job.ranges == ((1, 899),)


def test_live_entries_go_out_even_when_central_never_answers() -> None:
    pace = Pace(live_window=4, live_age_ms=1_000, patience_ms=10**6)
    sender = delivery([], pace=pace)
    sender.connect([], now_ms=0)
    for n in range(1, 50):
        sender.added(n, is_event=False)
        assert sender.next(n * 1_000) == Single(n)
        sender.sent(n, now_ms=n * 1_000)
    assert list(sender.waiting) == [(1, 45)]


def test_patience_grows_while_central_is_silent_and_is_short_again_when_it_speaks() -> None:
    sender = delivery([(1, 10)], pace=Pace(patience_ms=1_000, patience_max_ms=8_000))
    sender.connect([], now_ms=0)
    sent_at: list[int] = []
    for now in range(0, 60_000, 100):
        if isinstance(sender.next(now), History):
            sender.history_sent([(1, 10)], [(1, 10)], now_ms=now)
            sent_at.append(now)
    assert sent_at == [0, 1_000, 3_000, 7_000, 15_000, 23_000, 31_000, 39_000, 47_000, 55_000]
    sender.acked([(1, 9)], now_ms=60_000)
    sender.next(62_000)
    assert list(sender.waiting) == [(10, 10)]


def test_batches_grow_on_a_fast_link_and_shrink_on_a_slow_one() -> None:
    sender = delivery([(1, 10_000)])
    sender.connect([], now_ms=0)
    now, sizes = 0, []
    for took in (100, 100, 100, 9_000, 9_000):
        job = sender.next(now)
        assert isinstance(job, History)
        sizes.append(job.bytes_max)
        top = job.ranges[0][1]
        sender.history_sent([(top, top)], [(top, top)], now_ms=now)
        now += took
        sender.acked([(top, top)], now_ms=now)
    assert sizes == [24_576, 49_152, 98_304, 98_304, 49_152]


def test_layouts_ride_along_until_acknowledged_and_again_when_asked_for() -> None:
    sender = delivery([(1, 3)])
    sender.connect([3], now_ms=0)
    sender.sent(3, used=["abc"], defined=["abc"], now_ms=0)
    assert sender.acked([(3, 3)], now_ms=1) == {"abc"}
    sender.history_sent([(1, 2)], [(1, 2)], used=["abc"], now_ms=2)
    assert sender.needed(["abc", "xyz"]) == {"abc"}
    assert list(sender.waiting) == [(1, 2)], "what went out without the definition goes again"
    sender.history_sent([(1, 2)], [(1, 2)], used=["abc"], defined=["abc"], now_ms=3)
    assert sender.needed(["abc"]) == set()
    assert not sender.waiting, "what had the definition is not sent again at once"


def test_a_silent_city_is_noticed_only_while_something_is_on_its_way() -> None:
    sender = delivery([])
    sender.connect([], now_ms=0)
    assert not sender.is_deaf(1_000, 10_000)
    sender.added(1, is_event=True)
    sender.sent(1, now_ms=10_000)
    assert sender.is_deaf(1_000, 10_000)
    sender.acked([(1, 1)], now_ms=10_001)
    assert not sender.is_deaf(1_000, 10_500)
    assert sender.is_idle


def test_attempts_to_connect_are_quick_at_first_and_never_more_than_half_a_minute_apart() -> None:
    assert delay_s(0, 1.0) <= 0.3
    assert delay_s(30, 1.0) <= 1.0
    assert delay_s(10**6, 1.0) == LONGEST_S
    assert delay_s(10**6, 0.0) == LONGEST_S / 2
    outage, attempts = 0.0, 0
    while outage < 3_600:
        outage += delay_s(outage, 1.0)
        attempts += 1
    assert attempts < 300
    assert delay_s(0, 0.0, is_refused=True) >= 5, "a wrong password is not tried every second"


def test_thinning_goes_through_its_steps_from_the_gentlest() -> None:
    def step(thinned_1min: int, thinned_15min: int, first: int = 1) -> Step:
        return next_step(
            Bounds(
                first_seq=first,
                fresh_seq=5_000,
                thinned_1min_seq=thinned_1min,
                thinned_15min_seq=thinned_15min,
            )
        )[0]

    assert step(0, 0) is Step.TO_1_MIN
    assert step(4_999, 0) is Step.TO_15_MIN
    assert step(4_999, 4_999) is Step.DROP_TELEMETRY
    assert step(4_999, 4_999, first=5_000) is Step.DROP_EVENTS


def test_one_row_of_each_device_and_minute_is_kept_and_one_in_which_it_was_dark() -> None:
    entries = [
        [RowKey("a", 5_000 * n, is_dark=n in (3, 4)), RowKey("b", 5_000 * n + 7, is_dark=False)] for n in range(24)
    ]
    kept = keep_first(entries, Step.TO_1_MIN)
    assert {n: indices for n, indices in enumerate(kept) if indices} == {0: [0, 1], 3: [0], 12: [0, 1]}
    assert MINUTE_MS == 60_000
    assert keep_first(entries, Step.DROP_TELEMETRY) == [[]] * 24
