"""Latency percentiles and the choice of dead letters, both in bounded memory."""

from __future__ import annotations

from central.core.latency import SAMPLES_MAX, WINDOW_MS, Latency
from central.core.letters import EVERY_MS, FIRST_KEPT, Letters
from central.core.rules import Reason

NOW = 1_790_000_000_000


def test_percentiles_of_the_last_minutes() -> None:
    latency = Latency()
    assert latency.seconds(0.5, NOW) is None
    for took in range(1, 101):
        latency.add([NOW - took * 10], NOW)
    assert latency.seconds(0.5, NOW) == 0.51
    assert latency.seconds(0.99, NOW) == 1.0
    assert latency.seconds(0.5, NOW + WINDOW_MS + 1) is None


def test_a_flood_stays_bounded() -> None:
    latency = Latency()
    for _ in range(100):
        latency.add([NOW - 5] * 100_000, NOW)
    assert latency.seconds(0.5, NOW) == 0.005
    assert len(latency._samples) <= SAMPLES_MAX


def letters_of(letters: Letters, count: int, *, reason: Reason = Reason.OUT_OF_RANGE, every_ms: int = 0) -> int:
    for number in range(count):
        letters.add("t", f"site{number % 3}", reason, "d", b"\x00\xff" * 1_000, NOW + number * every_ms)
    return len(letters.take())


def test_all_are_counted_and_the_first_of_a_kind_are_kept() -> None:
    letters = Letters()
    assert letters_of(letters, 3_000) == 3 * FIRST_KEPT
    assert letters.counts == {"out_of_range": 3_000}


def test_later_ones_are_kept_now_and_again() -> None:
    # Each of three sites has 100 letters, two in a minute: after the first ones every second one is kept.
    assert letters_of(Letters(), 300, every_ms=EVERY_MS // 6) == 3 * (FIRST_KEPT + (100 - FIRST_KEPT) // 2)


def test_unknown_sites_are_one_kind_however_many_they_are() -> None:
    letters = Letters()
    for number in range(1_000):
        letters.add("t", f"E{number}", Reason.UNKNOWN_SITE, "", b"", NOW)
    assert len(letters.take()) == FIRST_KEPT


def test_a_payload_is_cut_and_made_text() -> None:
    letters = Letters()
    letters.add("t\x00", "s", Reason.BROKEN_MESSAGE, "d" * 9_999, b"\x00\xff" * 9_999, NOW)
    (letter,) = letters.take()
    assert len(letter.payload) <= 500
    assert "\x00" not in letter.payload + letter.topic
    assert len(letter.detail) <= 300
