"""A shelter that is cut off for weeks: what its outbox keeps, what it gives up and tells, and what that costs.

The time is virtual: the real recorder and outbox take one entry a poll, as fast as they can, with a clock that moves by
the poll's interval. One hour of readings is made and repeated (values repeat, their sizes do not change). The file
lies in memory where the system has a place for that, since twenty days of fsync would measure the disk;
``--folder`` puts it on a real one.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import structlog

from bench.plant import Plant
from bench.report import Target, finish, progress
from contract.messages import EventKind, LossReason
from contract.readings import DeviceReadings
from edge_agent.core.clock import SiteClock
from edge_agent.io.outbox import BYTES_MAX, Outbox
from edge_agent.io.outbox_audit import AuditedEntry, audit, audit_losses
from edge_agent.recorder import Recorder

START_MS: Final = 1_795_474_800_000
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
SLOW_EVERY_MS: Final = 60_000
EVENTS_A_DAY: Final = 8
HOLE_MS: Final = 15 * 60_000 + 5_000
"""No two neighbouring rows may lie further apart than the roughest thinning, and a poll."""


@dataclass
class VirtualClock:
    """Wall and boot clock that move by hand."""

    wall_ms: int = START_MS

    def site_clock(self) -> SiteClock:
        """The clock as the recorder takes it."""
        return SiteClock(wall_ms=lambda: self.wall_ms, boot_ms=lambda: self.wall_ms - START_MS, boot_id="virtual")


@dataclass(frozen=True, kw_only=True)
class Outage:
    """What is lived through."""

    days: float
    bytes_max: int
    interval_ms: int = 5_000
    plants: int = 2
    """Inverters, each with a meter: two make a shelter of some hundred values a poll."""
    seed: int = 0

    @property
    def polls(self) -> int:
        """How many entries of telemetry that makes."""
        return round(self.days * DAY_MS / self.interval_ms)


@dataclass
class Lived:
    """What came of it: of the outbox's file as an auditor reads it, and of the way there."""

    outage: Outage
    seconds: float = 0.0
    slowest_put_ms: float = 0.0
    bytes_used: int = 0
    file_bytes: int = 0
    readings_polled: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    """Entries by the density in which their time is kept: ``raw``, ``1min``, ``15min``."""
    rows_kept: int = 0
    rows_told_lost: int = 0
    rows_polled: int = 0
    events_put: int = 0
    events_kept: int = 0
    losses: Counter[str] = field(default_factory=Counter)
    untold: int = 0
    longest_hole_ms: int = 0
    first_ms: int = 0
    last_ms: int = 0
    raw_since_ms: int = 0
    """From here on every poll is there."""


def hour_of(outage: Outage) -> list[list[DeviceReadings]]:
    """One hour of a shelter with ``outage.plants`` inverters and meters, to be repeated."""
    plants = [Plant(outage.seed + 2 * number) for number in range(outage.plants)]
    slow_every = max(1, SLOW_EVERY_MS // outage.interval_ms)
    hour: list[list[DeviceReadings]] = []
    for n in range(HOUR_MS // outage.interval_ms):
        at_ms = START_MS + n * outage.interval_ms
        hour.append([])
        for number, plant in enumerate(plants, start=1):
            for one in plant.poll(at_ms, is_slow=n % slow_every == 0):
                name = one.device if number == 1 else f"{one.device}{number}"
                if number == 1 or one.device in ("inverter", "meter"):
                    hour[-1].append(DeviceReadings(name, one.taken_at_ms, one.readings))
    return hour


def later(taken: Iterable[DeviceReadings], by_ms: int) -> list[DeviceReadings]:
    """The same answers at another time."""
    return [DeviceReadings(one.device, one.taken_at_ms + by_ms, one.readings) for one in taken]


def live_through(path: Path, outage: Outage, say: Any = progress) -> Lived:
    """Record every poll of the outage, then look at what the file holds."""
    lived = Lived(outage)
    clock = VirtualClock()
    hour = hour_of(outage)
    event_every = max(1, round(DAY_MS / EVENTS_A_DAY / outage.interval_ms))
    began = time.perf_counter()
    with Outbox.open(path, bytes_max=outage.bytes_max) as outbox:
        recorder = Recorder(outbox, clock.site_clock())
        for n in range(outage.polls):
            hours, at = divmod(n, len(hour))
            clock.wall_ms = START_MS + n * outage.interval_ms
            taken = later(hour[at], hours * HOUR_MS)
            put = time.perf_counter()
            recorder.record(taken)
            lived.slowest_put_ms = max(lived.slowest_put_ms, 1_000 * (time.perf_counter() - put))
            lived.rows_polled += len(taken)
            lived.readings_polled += sum(len(one.readings) for one in taken)
            if n % event_every == 0:
                lived.events_put += 1
                recorder.tell(EventKind.GRID_LOST, at_ms=clock.wall_ms, device="inverter", detail={"number": n})
            if (n + 1) % (DAY_MS // outage.interval_ms) == 0:
                day = (n + 1) * outage.interval_ms // DAY_MS
                say(f"day {day}: {outbox.bytes / 1e6:.0f} MB, {time.perf_counter() - began:.0f} s so far")
        outbox.flush()
        lived.bytes_used = outbox.bytes
        lived.untold = len(outbox.book.untold)
    lived.seconds = time.perf_counter() - began
    lived.file_bytes = path.stat().st_size
    look(path, lived)
    return lived


def look(path: Path, lived: Lived) -> None:
    """Read the file as an auditor does: what is there, how dense it is, and what was told of the rest."""
    times: list[int] = []
    for entry in audit(path):
        _note(entry, lived, times)
    lived.first_ms, lived.last_ms = times[0], times[-1]
    lived.longest_hole_ms = max((b - a for a, b in pairwise(times)), default=0)
    lived.raw_since_ms = times[-1]
    is_raw = True
    for later_ms, at_ms in pairwise(reversed(times)):
        gap_ms = later_ms - at_ms
        is_raw = is_raw and gap_ms <= 2 * lived.outage.interval_ms
        if is_raw:
            lived.raw_since_ms = at_ms
        density = "raw" if gap_ms <= 2 * lived.outage.interval_ms else "1min" if gap_ms <= 70_000 else "15min"
        lived.kept[density] += 1
    for loss in audit_losses(path):
        lived.losses[loss.reason.value] += 1


def _note(entry: AuditedEntry, lived: Lived, times: list[int]) -> None:
    if entry.event is None:
        times.append(min(row.at_ms for row in entry.rows))
        lived.rows_kept += len(entry.rows)
    elif entry.event.kind is EventKind.GRID_LOST:
        lived.events_kept += 1
    elif entry.event.kind is EventKind.DATA_LOST:
        lived.rows_told_lost += sum(loss.rows for loss in entry.event.losses)


def figures_of(lived: Lived) -> dict[str, dict[str, Any]]:
    """What has to hold."""
    outage = lived.outage
    covered_days = (lived.last_ms - lived.first_ms + outage.interval_ms) / DAY_MS
    return {
        "days_covered": Target(round(outage.days, 3), at_least=True).judge(round(covered_days, 3)),
        "longest_hole_s": Target(HOLE_MS / 1_000).judge(lived.longest_hole_ms / 1_000),
        "bytes_on_disk": Target(outage.bytes_max).judge(lived.bytes_used),
        "events_missing": Target(0).judge(lived.events_put - lived.events_kept),
        "rows_gone_and_not_told": Target(0).judge(lived.rows_polled - lived.rows_kept - lived.rows_told_lost),
        "losses_not_told": Target(0).judge(lived.untold),
        "entries_dropped_whole": Target(0).judge(lived.losses[LossReason.DROPPED.value]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=outage", description=__doc__)
    parser.add_argument("--days", type=float, default=20, help="length of the outage (default 20)")
    parser.add_argument("--bytes-max", type=int, default=BYTES_MAX, help=f"disk limit (default {BYTES_MAX})")
    parser.add_argument("--interval-ms", type=int, default=5_000, help="between two polls (default 5000)")
    parser.add_argument("--plants", type=int, default=2, help="inverters, each with a meter (default 2)")
    parser.add_argument("--folder", type=Path, help="where the outbox lies (default: in memory, where there is room)")
    chosen = parser.parse_args(arguments)
    memory = Path("/dev/shm")
    folder = chosen.folder or (memory if memory.is_dir() else None)
    outage = Outage(days=chosen.days, bytes_max=chosen.bytes_max, interval_ms=chosen.interval_ms, plants=chosen.plants)
    # The outbox logs every stretch that it gives up; here they are counted.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    progress(f"{outage.polls} polls, each on disk before the next")
    with tempfile.TemporaryDirectory(prefix="bench-outage-", dir=folder) as made:
        lived = live_through(Path(made) / "outbox.sqlite", outage)
    return finish(
        "outage",
        figures_of(lived),
        days=outage.days,
        polls=outage.polls,
        readings_per_poll=round(lived.readings_polled / outage.polls, 1),
        bytes_max=outage.bytes_max,
        bytes_used=lived.bytes_used,
        file_bytes=lived.file_bytes,
        bytes_per_poll=round(lived.bytes_used / max(1, lived.kept.total()), 1),
        entries_kept=dict(lived.kept),
        days_raw=round((lived.last_ms - lived.raw_since_ms) / DAY_MS, 2),
        losses_by_reason=dict(lived.losses),
        rows_told_lost=lived.rows_told_lost,
        seconds=round(lived.seconds, 1),
        ms_per_poll=round(1_000 * lived.seconds / outage.polls, 3),
        slowest_poll_ms=round(lived.slowest_put_ms, 1),
        folder=str(folder or tempfile.gettempdir()),
    )


if __name__ == "__main__":
    sys.exit(main())
