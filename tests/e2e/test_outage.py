"""Twenty days without the city, in seconds: the real recorder and outbox on a clock that moves by hand."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.outage import DAY_MS, START_MS, Lived, Outage, figures_of, live_through
from contract.messages import LossReason

INTERVAL_MS = 30_000
MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: it is not the disk that is tested."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as made:
        yield Path(made)


def lived(folder: Path, bytes_max: int, *, days: float = 20) -> Lived:
    outage = Outage(days=days, bytes_max=bytes_max, interval_ms=INTERVAL_MS, plants=1)
    return live_through(folder / "outbox.sqlite", outage, say=lambda _: None)


def failed(seen: Lived) -> dict[str, object]:
    return {name: figure for name, figure in figures_of(seen).items() if not figure["pass"]}


def test_days_stay_whole_where_they_fit(folder: Path) -> None:
    seen = lived(folder, 8 << 20, days=4)
    assert failed(seen) == {}
    assert seen.losses == {}
    assert seen.rows_kept == seen.rows_polled
    assert seen.kept["raw"] == seen.outage.polls - 1


def test_twenty_days_are_covered_on_a_tenth_of_the_disk_that_they_need(folder: Path) -> None:
    seen = lived(folder, 2 << 20)
    assert failed(seen) == {}, "covered, below the limit, every event there, every row that is gone told"
    assert seen.first_ms < START_MS + INTERVAL_MS, "the first moment of the outage is there"
    assert seen.last_ms >= START_MS + 20 * DAY_MS - INTERVAL_MS
    assert seen.last_ms - seen.raw_since_ms > 3_600_000, "the newest state is there in full"
    assert seen.kept["15min"] > 0
    assert seen.rows_told_lost > 0
    assert set(seen.losses) <= {LossReason.THINNED_1MIN.value, LossReason.THINNED_15MIN.value}


def test_a_disk_that_is_too_small_for_twenty_days_gives_up_the_oldest_and_says_so(folder: Path) -> None:
    seen = lived(folder, 1 << 20)
    figures = figures_of(seen)
    assert seen.losses[LossReason.DROPPED.value] > 0
    assert seen.last_ms - seen.raw_since_ms > 3_600_000, "the newest state is there in full"
    for name in ("bytes_on_disk", "events_missing", "rows_gone_and_not_told", "losses_not_told"):
        assert figures[name]["pass"], (name, figures[name])
