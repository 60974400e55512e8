"""Bytes per reading: no clock is involved, so the wire's targets are a test, and the document's table is held to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.plant import Plant
from bench.wire import INTERVAL_MS, SLOW_EVERY, START_MS, TOPIC, packet_bytes, readings_in, steps_down

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
STEP_IN_TEXT = {
    "json_with_names_zlib": "the same, compressed by zlib",
    "names_dropped": "names dropped",
    "live": "**whole steps",
    "many_rows_in_a_message": "sixty polls in one message",
    "backfill": "**the same as columns",
}


@pytest.fixture(scope="module")
def bytes_per_reading() -> dict[str, float]:
    totals: dict[str, int] = {}
    readings = 0
    for seed in range(2):
        plant = Plant(seed)
        ticks = [list(plant.poll(START_MS + n * INTERVAL_MS, is_slow=n % SLOW_EVERY == 0)) for n in range(360)]
        readings += readings_in(ticks)
        for step, total in steps_down(ticks, 60).items():
            totals[step] = totals.get(step, 0) + total
    return {step: total / readings for step, total in totals.items()}


def test_a_live_reading_takes_at_most_eight_bytes(bytes_per_reading: dict[str, float]) -> None:
    assert bytes_per_reading["live"] <= 8


def test_a_backfilled_reading_takes_at_most_five_bytes(bytes_per_reading: dict[str, float]) -> None:
    assert bytes_per_reading["backfill"] <= 5


@pytest.mark.parametrize(("step", "line"), STEP_IN_TEXT.items())
def test_the_document_tells_each_step_s_share(step: str, line: str, bytes_per_reading: dict[str, float]) -> None:
    told = re.search(rf"^\| {re.escape(line)}.*\| \**([\d.]+)\** \|$", TEXT, re.MULTILINE)
    assert told is not None
    share = bytes_per_reading[step] / bytes_per_reading["json_with_names"]
    assert float(told.group(1)) == pytest.approx(share, abs=0.015)


def test_a_packet_is_counted_whole() -> None:
    assert packet_bytes("a/b", b"") == 1 + 1 + 2 + 3 + 2
    assert packet_bytes("a/b", b"x" * 120) == 1 + 1 + 2 + 3 + 2 + 120
    assert packet_bytes("a/b", b"x" * 121) == 1 + 2 + 2 + 3 + 2 + 121
    assert packet_bytes(TOPIC, b"x" * 20_000) == 1 + 3 + 2 + len(TOPIC) + 2 + 20_000
