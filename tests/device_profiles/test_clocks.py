"""Clocks of devices: dates and times made by hand, and every moment there and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.readings import Quality
from device_profiles.codec import CodecError, decode, encode
from device_profiles.model import ValueType
from tests.device_profiles.helpers import field, image_of

NOON = datetime(2026, 7, 20, 3, 4, 5, tzinfo=UTC).timestamp()
"""2026-07-20 12:04:05 in Tokyo."""
CLOCK6 = field("inverter.clock_s", 100, ValueType.CLOCK6)
CLOCK3 = field("inverter.clock_s", 100, ValueType.CLOCK3)


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (CLOCK6, [2026, 7, 20, 12, 4, 5]),
        (CLOCK6, [26, 7, 20, 12, 4, 5]),
        (CLOCK3, [26 << 8 | 7, 20 << 8 | 12, 4 << 8 | 5]),
    ],
    ids=["six words", "year of two digits", "six bytes"],
)
def test_a_clock_on_the_wall_is_tokyo_time(clock: object, words: list[int]) -> None:
    made = field("inverter.clock_s", 100, clock.type)  # type: ignore[attr-defined]
    reading = decode(made, image_of(100, words))
    assert reading is not None
    assert reading.value == NOON


def test_seconds_of_local_time_become_seconds_by_an_offset() -> None:
    local = int(NOON) + 9 * 3600
    seconds = field("inverter.clock_s", 100, ValueType.U32, offset=-9 * 3600)
    reading = decode(seconds, image_of(100, [local >> 16, local & 0xFFFF]))
    assert reading is not None
    assert reading.value == NOON


@pytest.mark.parametrize("words", [[0] * 6, [2026, 13, 1, 0, 0, 0], [2026, 2, 30, 0, 0, 0], [0xFFFF] * 6])
def test_a_clock_that_shows_no_date_is_malformed(words: list[int]) -> None:
    reading = decode(CLOCK6, image_of(100, words))
    assert reading is not None
    assert (reading.value, reading.quality) == (None, Quality.MALFORMED)


def test_a_clock_of_which_a_register_is_missing_says_nothing() -> None:
    assert decode(CLOCK6, image_of(100, [2026, 7, 20, 12, 4])) is None


@given(st.sampled_from([CLOCK3, CLOCK6]), st.integers(946_695_600, 3_999_999_999))
def test_every_second_of_the_century_survives(clock: object, second: int) -> None:
    made = CLOCK3 if clock is CLOCK3 else CLOCK6
    words = encode(made, second)
    assert len(words) == made.width
    reading = decode(made, words)
    assert reading is not None
    assert reading.value == second


@pytest.mark.parametrize("value", [0, -1e9, 1e15, float("inf"), 9.1e9])
def test_a_time_that_a_clock_cannot_show_is_told(value: float) -> None:
    with pytest.raises(CodecError, match=r"inverter\.clock_s: .* is no time that clock3 can show"):
        encode(CLOCK3, value)
