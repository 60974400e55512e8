"""The data promise: every moment has one fate, and a gap is never ambiguous."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.city import Fate, Stretch
from central.core.ledger import LedgerRun
from central.core.promise import NOT_AT_EDGE, OUTBOX_REPLACED, Word, promise
from contract.messages import OutboxStatus, Status

MINUTE = 60_000
HOUR = 60 * MINUTE
T0 = 1_790_000_000_000
STEP = 5_000


def run(
    first: int, last: int, from_min: float, to_min: float, fate: Fate = Fate.ARRIVED, reason: str = "", epoch: str = "a"
) -> LedgerRun:
    return LedgerRun(
        site="E0000000001111",
        epoch=epoch,
        first_seq=first,
        last_seq=last,
        from_ms=T0 + round(from_min * MINUTE),
        to_ms=T0 + round(to_min * MINUTE),
        fate=fate,
        reason=reason,
    )


def word(
    at_min: float,
    next_seq: int,
    *,
    online: bool = True,
    waiting: int = 0,
    first_seq: int = 0,
    oldest_min: float = 0,
    epoch: str = "a",
) -> Word:
    at_ms = T0 + round(at_min * MINUTE)
    outbox = OutboxStatus(
        epoch=epoch,
        next_seq=next_seq,
        waiting=waiting,
        first_seq=first_seq,
        oldest_ms=T0 + round(oldest_min * MINUTE) if waiting else 0,
    )
    return Word(Status(online=online, at_ms=at_ms, interval_s=5, outbox=outbox), at_ms)


def tell(runs: list[LedgerRun], said: Word | None, from_min: float, to_min: float, now_min: float) -> list[str]:
    stretches = promise(
        runs,
        said,
        from_ms=T0 + round(from_min * MINUTE),
        to_ms=T0 + round(to_min * MINUTE),
        now_ms=T0 + round(now_min * MINUTE),
        interval_ms=STEP,
    )
    check_cover(stretches, T0 + round(from_min * MINUTE), T0 + round(to_min * MINUTE))
    return [
        f"{(stretch.from_ms - T0) / MINUTE:g}-{(stretch.to_ms - T0) / MINUTE:g} "
        + stretch.fate.value
        + (f" {stretch.reason}" if stretch.reason else "")
        for stretch in stretches
    ]


def check_cover(stretches: tuple[Stretch, ...], from_ms: int, to_ms: int) -> None:
    assert stretches[0].from_ms == from_ms
    assert stretches[-1].to_ms == to_ms
    for stretch, later in itertools.pairwise(stretches):
        assert stretch.to_ms == later.from_ms
        assert (stretch.fate, stretch.reason) != (later.fate, later.reason), "neighbours with one fate are one stretch"
    assert all(stretch.from_ms < stretch.to_ms for stretch in stretches)


# A shelter at 60 minutes past T0 unless said otherwise. An arrived run ends one interval (5 s = 0.0833 min) later.
CASES = {
    "all is well up to now": ([run(1, 720, 0, 60)], word(60, 721), 60, ["0-60 arrived"]),
    "before the first number nothing was measured": (
        [run(1, 360, 30, 60)],
        word(60, 361),
        60,
        ["0-30 not_measured before_first", "30-60 arrived"],
    ),
    "numbers lack, so the rest waits": (
        [run(1, 120, 0, 10), run(241, 720, 20, 60)],
        word(60, 721, waiting=120, first_seq=121, oldest_min=10),
        60,
        ["0-10.0833 arrived", "10.0833-20 waiting", "20-60 arrived"],
    ),
    "numbers go on, so the agent stood still": (
        [run(1, 120, 0, 10), run(121, 600, 20, 60)],
        word(60, 601),
        60,
        ["0-10.0833 arrived", "10.0833-20 not_measured", "20-60 arrived"],
    ),
    "a short pause is no gap": ([run(1, 120, 0, 10), run(121, 700, 10.9, 60)], word(60, 701), 60, ["0-60 arrived"]),
    "given up, with the reason": (
        [run(1, 120, 0, 10), run(121, 240, 10, 20, Fate.LOST, "dropped"), run(241, 720, 20, 60)],
        word(60, 721),
        60,
        ["0-10 arrived", "10-20 lost dropped", "20-60 arrived"],
    ),
    "the edge has nothing so old any more": (
        [run(1, 120, 0, 10), run(241, 720, 20, 60)],
        word(60, 721),
        60,
        ["0-10.0833 arrived", "10.0833-20 lost not_at_edge", "20-60 arrived"],
    ),
    "a young gap may still be on its way": (
        [run(1, 600, 0, 50), run(661, 720, 55, 60)],
        word(60, 721),
        60,
        ["0-50.0833 arrived", "50.0833-55 waiting", "55-60 arrived"],
    ),
    "cut off": (
        [run(1, 240, 0, 20)],
        word(19, 230, online=False),
        60,
        ["0-20.0833 arrived", "20.0833-60 unknown"],
    ),
    "cut off, but it said that more is numbered": (
        [run(1, 240, 0, 20)],
        word(30, 361, online=False, waiting=120, first_seq=241, oldest_min=20),
        60,
        ["0-20.0833 arrived", "20.0833-30 waiting", "30-60 unknown"],
    ),
    "connected and drains": (
        [run(1, 240, 0, 20)],
        word(59, 720, waiting=479, first_seq=241, oldest_min=20),
        60,
        ["0-20.0833 arrived", "20.0833-60 waiting"],
    ),
    "connected and does not measure": (
        [run(1, 240, 0, 20)],
        word(59, 241),
        60,
        ["0-20.0833 arrived", "20.0833-60 not_measured"],
    ),
    "older numbers are not here yet": (
        [run(481, 720, 40, 60)],
        word(60, 721, waiting=480, first_seq=1, oldest_min=0),
        60,
        ["0-40 waiting", "40-60 arrived"],
    ),
    "the first numbers lack and the edge does not say since when": (
        [run(121, 480, 30, 60)],
        word(60, 481, waiting=120),
        60,
        ["0-20 not_measured before_first", "20-30 waiting", "30-60 arrived"],
    ),
    "never heard of": ([], None, 60, ["0-60 unknown"]),
    "only a status, and everything waits": (
        [],
        word(60, 100, waiting=99, first_seq=1, oldest_min=15),
        60,
        ["0-15 not_measured before_first", "15-60 waiting"],
    ),
    "the future is not known": ([run(1, 480, 0, 40)], word(40, 481), 40, ["0-40 arrived", "40-60 unknown future"]),
    "two outboxes overlap": (
        [run(1, 480, 0, 40), run(1, 360, 30, 60, epoch="b")],
        word(60, 361, epoch="b"),
        60,
        ["0-60 arrived"],
    ),
    "an outbox was replaced without a word": (
        [run(1, 240, 0, 20), run(1, 360, 30, 60, epoch="b")],
        word(60, 361, epoch="b"),
        60,
        ["0-20.0833 arrived", f"20.0833-30 lost {OUTBOX_REPLACED}", "30-60 arrived"],
    ),
    "a damaged outbox told what it held": (
        [run(1, 240, 0, 20), run(241, 360, 20.1, 30, Fate.LOST, "damaged"), run(1, 360, 30, 60, epoch="b")],
        word(60, 361, epoch="b"),
        60,
        ["0-20.1 arrived", "20.1-30 lost damaged", "30-60 arrived"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_became_of_an_hour(name: str) -> None:
    runs, said, now_min, wanted = CASES[name]
    assert tell(runs, said, 0, 60, now_min) == wanted


def test_a_window_inside_a_gap_knows_what_the_gap_is() -> None:
    runs = [run(1, 120, 0, 10), run(241, 720, 20, 60)]
    assert tell(runs, word(60, 721, waiting=120, first_seq=121, oldest_min=10), 12, 15, 60) == ["12-15 waiting"]
    assert tell(runs, word(60, 721), 12, 15, 60) == [f"12-15 lost {NOT_AT_EDGE}"]


def test_entries_of_a_run_are_shared_out_over_its_pieces() -> None:
    stretches = promise(
        [run(1, 720, 0, 60)], None, from_ms=T0, to_ms=T0 + 30 * MINUTE, now_ms=T0 + HOUR, interval_ms=STEP
    )
    assert [stretch.entries for stretch in stretches] == [pytest.approx(360, abs=2)]


RUNS = st.lists(
    st.tuples(
        st.integers(1, 2_000),
        st.integers(0, 300),
        st.integers(-30, 400),
        st.integers(0, 200),
        st.sampled_from([Fate.ARRIVED, Fate.LOST]),
        st.sampled_from(["a", "b"]),
    ),
    max_size=12,
)
WORDS = st.none() | st.builds(
    word,
    st.integers(-100, 500),
    st.integers(1, 3_000),
    online=st.booleans(),
    waiting=st.integers(0, 50),
    first_seq=st.integers(0, 2_000),
    oldest_min=st.integers(-100, 500),
    epoch=st.sampled_from(["a", "b", "c"]),
)


@given(RUNS, WORDS, st.integers(-60, 500), st.integers(1, 600), st.integers(-60, 500))
def test_the_stretches_cover_any_window_exactly(
    given_runs: list[tuple[int, int, int, int, Fate, str]], said: Word | None, start: int, length: int, now: int
) -> None:
    runs = [
        run(first, first + more, at, at + long, fate, "dropped" if fate is Fate.LOST else "", epoch)
        for first, more, at, long, fate, epoch in given_runs
    ]
    tell(runs, said, start, start + length, now)


@given(RUNS, WORDS)
def test_what_arrived_is_never_told_as_anything_else(
    given_runs: list[tuple[int, int, int, int, Fate, str]], said: Word | None
) -> None:
    runs = [
        run(first, first + more, at, at + long, fate, "", epoch) for first, more, at, long, fate, epoch in given_runs
    ]
    now_ms = T0 + 1_000 * MINUTE
    stretches = promise(runs, said, from_ms=T0 - HOUR, to_ms=now_ms, now_ms=now_ms, interval_ms=STEP)
    for one in runs:
        if one.fate is Fate.ARRIVED:
            over = [s for s in stretches if s.from_ms < one.to_ms and s.to_ms > one.from_ms]
            assert {stretch.fate for stretch in over} <= {Fate.ARRIVED}
