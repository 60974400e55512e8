"""The loop that reads: one task a bus, ticks at absolute times, one entry a tick.

Every bus polls its own devices at the site's ticks and posts their rows; a tick's rows become one outbox entry as soon
as the last device has answered, or after a short grace. What comes later gets an entry of its own. A dark device has a
row in every tick too, so that a gap can be seen; only what was read in a tick is ever recorded in it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from contract.messages import EventKind, Severity
from contract.readings import DeviceReadings, Quality, Reading
from device_profiles.model import DiscoveryError
from edge_agent.core import balance
from edge_agent.core.backoff import BackoffRules, own_line, probe_pause_ms, shared_line
from edge_agent.core.damping import THINGS, Damper, Detail, News
from edge_agent.core.gather import TickBook
from edge_agent.core.health import Change, after_answer, after_silence
from edge_agent.core.schedule import Schedule, Tick
from edge_agent.io.bus import DeviceRefused, LinkDown, RegisterLine, Unreachable
from edge_agent.session import DeviceSession, Polled, quality_of

log = structlog.get_logger()

GRACE_S_MAX: Final = 0.5
GRACE_SHARE: Final = 0.2
SKIPPED_ROWS_MAX: Final = 10
"""Ticks that a stuck line slept through and still names as dark; what is longer is one gap."""


class Records(Protocol):
    """Where rows and events go (recorder.Recorder)."""

    def record(self, taken: Sequence[DeviceReadings]) -> object:
        """One outbox entry, on disk when it returns."""

    def look(self) -> object:
        """Once a tick, also when there is nothing to record."""

    def tell(
        self,
        kind: EventKind,
        *,
        at_ms: int,
        severity: Severity = Severity.INFO,
        device: str = "",
        detail: Detail | None = None,
    ) -> object:
        """An event."""


def monotonic_ms() -> int:
    """Milliseconds of the clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


class Bus:
    """A line and its devices."""

    def __init__(self, bus_id: str, line: RegisterLine, sessions: Sequence[DeviceSession]) -> None:
        self.id = bus_id
        self.line = line
        self.sessions = tuple(sessions)


class SitePoller:
    """All buses of one site. ``run`` ends only by cancellation or by an error that nobody foresaw."""

    def __init__(
        self,
        buses: Sequence[Bus],
        recorder: Records,
        *,
        schedule: Schedule,
        now_ms: Callable[[], int],
        schedule_ms: Callable[[], int] = monotonic_ms,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.buses = tuple(buses)
        self.sessions = tuple(session for bus in buses for session in bus.sessions)
        self.schedule = schedule
        self.now_ms = now_ms
        self.schedule_ms = schedule_ms
        self.jitter = jitter
        self.ticks_skipped = 0
        self._recorder = recorder
        self._damper: Damper = Damper()
        self._book = TickBook((session.id for session in self.sessions), self._derive)
        self._grid = balance.GridWatch()
        self._balance = balance.BalanceWatch()
        self._inputs = balance.Inputs()
        self.learn_inputs()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for bus in self.buses:
                    tasks.create_task(BusPoller(self, bus).run(), name=f"bus {bus.id}")
                tasks.create_task(self._end_graces(), name="grace")
        finally:
            for bus in self.buses:
                bus.line.close()

    async def sleep_until(self, at_ms: int) -> None:
        """Wait for a moment of the schedule's clock."""
        await asyncio.sleep(max(0, at_ms - self.schedule_ms()) / 1000)

    async def _end_graces(self) -> None:
        interval_ms = self.schedule.interval_ms
        grace_ms = round(min(GRACE_S_MAX * 1000, GRACE_SHARE * interval_ms))
        tick = self.schedule.next_after(None, self.schedule_ms())
        while True:
            await self.sleep_until(tick.at_ms + grace_ms)
            self._record(self._book.grace_over(tick.number))
            self._tell_due()
            self._recorder.look()
            tick = self.schedule.next_after(tick.number, self.schedule_ms())

    def post(self, number: int, device: str, rows: Iterable[DeviceReadings]) -> None:
        """A device's rows of a tick."""
        self._record(self._book.post(number, device, rows))

    def record_late(self, rows: list[DeviceReadings]) -> None:
        """Rows of several ticks that are over, as one entry: each entry costs a write to the disk."""
        self._record(rows)

    def _record(self, rows: list[DeviceReadings]) -> None:
        if rows:
            self._recorder.record(rows)

    def learn_inputs(self) -> None:
        """Find out anew which device gives what to the derived values."""
        self._inputs = balance.inputs_of({session.id: session.points for session in self.sessions})

    def _derive(self, values: Mapping[str, Mapping[str, float | None]]) -> tuple[Reading, ...]:
        inputs = self._inputs
        said = balance.is_islanded(inputs, values)
        self._grid, is_news = balance.watch_grid(self._grid, said)
        if is_news:
            self.tell(EventKind.GRID_LOST if said else EventKind.GRID_BACK, Severity.ALARM if said else Severity.INFO)
        derived = balance.derive(inputs, values)
        error_w = next((r.value for r in derived if r.point == balance.ERROR), None)
        through_w = sum(values.get(d, {}).get(balance.INVERTER) or 0.0 for d in inputs.inverter)
        self._balance, is_news = balance.watch(self._balance, error_w, through_w)
        if is_news and error_w is not None:
            off = self._balance.is_off
            kind, severity = (EventKind.BALANCE_OFF, Severity.WARNING) if off else (EventKind.BALANCE_OK, Severity.INFO)
            self.tell(kind, severity, detail={"error_w": round(error_w), "through_w": round(through_w)})
        return derived

    def tell(
        self, kind: EventKind, severity: Severity = Severity.INFO, *, device: str = "", detail: Detail | None = None
    ) -> None:
        """Say that something happened; what keeps changing to and fro is told less often (core/damping.py)."""
        news = News(kind=kind, severity=severity, device=device, detail=detail or {}, at_ms=self.now_ms())
        if kind not in THINGS:
            self._tell_now(news)
            return
        self._damper.offer(f"{THINGS[kind]} {device}", news, self.schedule_ms())
        self._tell_due()

    def _tell_due(self) -> None:
        for news, changes in self._damper.due(self.schedule_ms()):
            self._tell_now(news if changes == 1 else replace(news, detail={**news.detail, "changes": changes}))

    def _tell_now(self, news: News) -> None:
        log.info(news.kind.value, device=news.device, **news.detail)
        self._recorder.tell(news.kind, at_ms=news.at_ms, severity=news.severity, device=news.device, detail=news.detail)


class BusPoller:
    """Polls the devices of one bus, the ones that answer first; the dark ones get a bounded share of its time."""

    def __init__(self, site: SitePoller, bus: Bus) -> None:
        self.site = site
        self.bus = bus
        interval_ms = site.schedule.interval_ms
        self._alone = own_line(interval_ms)
        self._rules = shared_line(interval_ms) if len(bus.sessions) > 1 else self._alone
        self._probe_at_ms = 0
        self._is_unreachable = False

    async def run(self) -> None:
        """Poll at every tick until cancelled."""
        schedule = self.site.schedule
        tick = schedule.next_after(None, self.site.schedule_ms())
        while True:
            await self.site.sleep_until(tick.at_ms)
            await self.poll(tick)
            tick = schedule.next_after(tick.number, self.site.schedule_ms())
            if tick.skipped:
                self._name_skipped(tick)

    def _name_skipped(self, tick: Tick) -> None:
        """Ticks that passed while the line waited for dark devices show these as dark."""
        self.site.ticks_skipped += tick.skipped
        schedule, now_ms = self.site.schedule, self.site.now_ms()
        behind_ms = self.site.schedule_ms() - schedule.at_ms(tick.number)
        rows: list[DeviceReadings] = []
        for number in range(max(tick.number - tick.skipped, tick.number - SKIPPED_ROWS_MAX), tick.number):
            at_ms = now_ms - behind_ms - (tick.number - number) * schedule.interval_ms
            for session in self.bus.sessions:
                if session.health.failures:
                    rows += self._dark(number, session, at_ms, Quality.TIMEOUT)
        self.site.record_late(rows)

    async def poll(self, tick: Tick) -> None:
        """Read every device of the bus that is due in this tick, and post a row for each."""
        clock = self.site.schedule_ms
        started_ms = self.site.now_ms()
        live = [s for s in self.bus.sessions if not s.health.is_lost]
        lost = [s for s in self.bus.sessions if s.health.is_lost]
        due = [s for s in lost if s.health.is_due(clock())]
        for session in lost:
            if session not in due:
                self._post_dark(tick.number, session, started_ms, Quality.TIMEOUT)
        due.sort(key=lambda s: s.health.retry_at_ms)
        waiting = live + due
        for n, session in enumerate(waiting):
            if session.health.is_lost and clock() < self._probe_at_ms and not self._is_unreachable:
                self._post_dark(tick.number, session, started_ms, Quality.TIMEOUT)
                continue
            unreachable = await self._read(tick, session)
            if unreachable is not None:
                for unasked in waiting[n + 1 :]:
                    self._silent(unasked, self._alone, unreachable)
                    self._post_dark(tick.number, unasked, started_ms, Quality.TIMEOUT)
                return

    async def _read(self, tick: Tick, session: DeviceSession) -> Unreachable | None:
        """Read one device; the reason when nobody on this line can be asked."""
        clock = self.site.schedule_ms
        # The first poll that succeeds in a slow period reads all points, be it at its first tick or after a gap.
        period = tick.number // self.site.schedule.slow_every
        slow = session.slow_read_in != period
        taken_at_ms, asked_ms = self.site.now_ms(), clock()
        was_lost = session.health.is_lost
        try:
            await session.meet(self.bus.line)
            # A walk through a chain of models takes a second or two: what is read after it is not older than that.
            taken_at_ms, asked_ms = self.site.now_ms(), clock()
            polled = await session.poll(self.bus.line, slow=slow, now_ms=asked_ms)
        except Unreachable as error:
            self._is_unreachable = True
            self._silent(session, self._alone, error)
            self._post_dark(tick.number, session, taken_at_ms, quality_of(error))
            return error
        except (LinkDown, DeviceRefused, DiscoveryError) as error:
            self._reached()
            if was_lost and len(self.bus.sessions) > 1:
                self._probe_at_ms = clock() + probe_pause_ms(clock() - asked_ms)
            self._silent(session, self._rules, error)
            self._post_dark(tick.number, session, taken_at_ms, quality_of(error))
            return None
        self._reached()
        self._answered(session, polled)
        session.last_answer_ms = taken_at_ms
        session.slow_read_in = period
        rows = (*session.rows(polled.readings), polled.once) if polled.once else session.rows(polled.readings)
        self.site.post(tick.number, session.id, [DeviceReadings(session.id, taken_at_ms, row) for row in rows])
        return None

    def _reached(self) -> None:
        """The line works again: whoever was only out of reach is due at once."""
        if not self._is_unreachable:
            return
        self._is_unreachable = False
        for session in self.bus.sessions:
            session.health = replace(session.health, retry_at_ms=0)

    def _answered(self, session: DeviceSession, polled: Polled) -> None:
        session.health, change = after_answer(session.health)
        if polled.is_new:
            self.site.learn_inputs()
        if change is Change.BACK:
            self.site.tell(EventKind.DEVICE_BACK, device=session.id, detail=dict(session.identity))
        if polled.refused is not None:
            detail: Detail = {"points": ",".join(polled.refused)}
            self.site.tell(EventKind.REGISTERS_REFUSED, Severity.WARNING, device=session.id, detail=detail)

    def _silent(self, session: DeviceSession, rules: BackoffRules, error: Exception) -> None:
        now_ms = self.site.schedule_ms()
        jitter = self.site.jitter()
        session.health, change = after_silence(session.health, rules, now_ms=now_ms, jitter=jitter)
        if change is Change.LOST:
            session.lost()
            detail: Detail = {"reason": str(error)}
            if not session.last_answer_ms:
                detail["never_seen"] = True
            self.site.tell(EventKind.DEVICE_LOST, Severity.WARNING, device=session.id, detail=detail)

    def _post_dark(self, number: int, session: DeviceSession, at_ms: int, quality: Quality) -> None:
        self.site.post(number, session.id, self._dark(number, session, at_ms, quality))

    def _dark(self, number: int, session: DeviceSession, at_ms: int, quality: Quality) -> list[DeviceReadings]:
        readings = session.dark(slow=self.site.schedule.is_slow(number), quality=quality)
        return [DeviceReadings(session.id, at_ms, row) for row in session.rows(readings)]
