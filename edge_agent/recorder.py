"""From readings to outbox entries, and everything that the outbox itself has to tell.

One call of ``record`` is one entry. What the recorder notices on its way (losses, a full disk, a damaged file, a clock
that was put right) it tells as events, and never by raising.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from contract.layouts import Layout
from contract.messages import Event, EventKind, Loss, LossReason, Severity
from contract.readings import DeviceReadings
from contract.wire import encode, layout_of, row_of
from edge_agent.core.clock import PROVISIONAL_MAX_MS, SiteClock, place_boots
from edge_agent.io.outbox import Outbox
from edge_agent.io.outbox_file import EVENT, TELEMETRY, RawRow, body_of, complain

Detail = Mapping[str, str | int | float | bool]

LOSSES_PER_EVENT: Final = 200
STEP_MS: Final = 2_000
"""A known clock that moves further than this between two polls was put right."""
WELL_MS: Final = 60_000
"""A disk that took everything for so long is called well again; at the brink it is full and not full by turns."""
ROOM_EVERY_MS: Final = 60_000
"""While others fill the disk, a stretch of our own history is thinned at most so often to keep room for the newest."""

_TOLD_AS: Final = {LossReason.DAMAGED: EventKind.OUTBOX_DAMAGED, LossReason.DISK_FULL: EventKind.DISK_FULL}


class Recorder:
    """Writes one site's readings and events into its outbox."""

    def __init__(self, outbox: Outbox, clock: SiteClock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._layouts: dict[tuple[str, tuple[str, ...]], Layout] = {}
        self._was_known = False
        self._offset_ms = 0
        self._is_full = False
        self._full_at_ms = 0
        self._room_at_ms = 0
        self._watch_clock()
        self._report()

    def record(self, taken: Sequence[DeviceReadings]) -> None:
        """Store what the devices answered to one poll; it is on disk when this returns."""
        self._watch_clock()
        if not taken:
            return
        layouts: dict[str, Layout] = {}
        times = [self._clock.utc_of(device.taken_at_ms) for device in taken]
        base_ms = min(times)
        rows: list[RawRow] = []
        for device, at_ms in zip(taken, times, strict=True):
            layout = self._layout_of(device)
            layouts[layout.id] = layout
            rows.append([layout.id, at_ms - base_ms, *row_of(device, layout.id).slots])
        self._outbox.put(TELEMETRY, body_of(rows), at_ms=base_ms, boot=self._boot_of(base_ms), layouts=layouts)
        self._report()

    def look(self) -> None:
        """Notice a clock that became known, also while no device has anything to record."""
        self._watch_clock()

    def tell(
        self,
        kind: EventKind,
        *,
        at_ms: int,
        severity: Severity = Severity.INFO,
        device: str = "",
        detail: Detail | None = None,
        losses: Sequence[Loss] = (),
    ) -> None:
        """Store an event. Never raises on a full disk: it waits in memory like everything else."""
        self._put_event(kind, at_ms, severity, device, detail, losses)

    def _put_event(
        self,
        kind: EventKind,
        at_ms: int,
        severity: Severity,
        device: str = "",
        detail: Detail | None = None,
        losses: Sequence[Loss] = (),
        told: Sequence[int] = (),
    ) -> None:
        at_ms = self._clock.utc_of(at_ms)
        event = Event(
            # Name, number and time are set once more when it is sent.
            epoch=self._outbox.epoch,
            seq=self._outbox.next_seq,
            at_ms=max(0, at_ms),
            kind=kind,
            severity=severity,
            device=device,
            detail=dict(detail or {}),
            losses=list(losses),
        )
        self._outbox.put(EVENT, encode(event), at_ms=at_ms, boot=self._boot_of(at_ms), told=told)

    def _layout_of(self, device: DeviceReadings) -> Layout:
        key = (device.device, tuple([reading.point for reading in device.readings]))
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = layout_of(device)
        return layout

    def _boot_of(self, at_ms: int) -> int:
        return self._outbox.book.boot_number(self._clock.boot_id) if at_ms < PROVISIONAL_MAX_MS else 0

    # --- What the outbox has to tell ---------------------------------------------------------------------------------

    def _report(self) -> None:
        self._outbox.make_room()
        if self._outbox.disk_error:
            self._report_full()
        elif self._is_full and self._clock.boot_ms() - self._full_at_ms >= WELL_MS:
            self._is_full = False
            self._tell_own(EventKind.DISK_FULL, Severity.INFO, {"over": True})
        if self._outbox.damage:
            detail: Detail = {"what": self._outbox.damage, "entries_saved": self._outbox.recovered}
            self._outbox.damage = ""
            self._tell_own(EventKind.OUTBOX_DAMAGED, Severity.ALARM, detail)
        if self._outbox.book.untold and not self._outbox.disk_error:
            for reason in LossReason:
                self._tell_losses(reason)

    def _tell_own(self, kind: EventKind, severity: Severity, detail: Detail) -> None:
        self._put_event(kind, self._clock.now_ms(), severity, detail=detail)

    def _report_full(self) -> None:
        now_ms = self._full_at_ms = self._clock.boot_ms()
        if not self._is_full:
            self._is_full = True
            self._tell_own(EventKind.DISK_FULL, Severity.ALARM, {"over": False, "error": self._outbox.disk_error})
        elif now_ms - self._room_at_ms >= ROOM_EVERY_MS:
            self._room_at_ms = now_ms
            self._outbox.make_room(force=True)

    def _tell_losses(self, reason: LossReason) -> None:
        losses = {n: loss for n, loss in self._outbox.book.untold.items() if loss.reason is reason}
        if not losses:
            return
        numbers = list(losses)[:LOSSES_PER_EVENT]
        rows = sum(losses[n].rows for n in numbers)
        complain("readings were given up", reason=reason.value, rows=rows)
        self._put_event(
            _TOLD_AS.get(reason, EventKind.DATA_LOST),
            self._clock.now_ms(),
            Severity.WARNING,
            detail={"reason": reason.value, "rows": rows},
            losses=[losses[n] for n in numbers],
            told=numbers,
        )

    # --- The clock ---------------------------------------------------------------------------------------------------

    def _watch_clock(self) -> None:
        self._clock.look()
        if not self._clock.is_known:
            return
        offset_ms = self._clock.offset_ms
        if not self._was_known:
            self._was_known = True
            self._settle_boots(offset_ms)
        elif abs(offset_ms - self._offset_ms) > STEP_MS:
            self._tell_correction(offset_ms - self._offset_ms, entries=0, is_uncertain=False)
        self._offset_ms = offset_ms

    def _settle_boots(self, offset_ms: int) -> None:
        """Give UTC to all entries that were stored without: those of this boot exactly, older boots by a guess."""
        outbox = self._outbox
        known_ms = outbox.durable_ms
        open_boots = [number for number, boot in outbox.book.boots.items() if boot.offset_ms is None]
        spans = {number: span for number in open_boots if (span := outbox.boot_span(number)) is not None}
        older = sorted((n for n in spans if outbox.book.boots[n].id != self._clock.boot_id), key=lambda n: spans[n][0])
        guesses = place_boots([spans[n][2] for n in older], after_ms=known_ms or offset_ms, before_ms=offset_ms)
        for number, guess_ms in zip(older, guesses, strict=True):
            first, last, times = spans[number]
            outbox.settle_boot(number, guess_ms)
            self._tell_correction(
                guess_ms,
                entries=last - first + 1,
                is_uncertain=True,
                room_ms=max(0, offset_ms - known_ms - times.last_ms),
            )
        for number in spans.keys() - set(older):
            first, last, _ = spans[number]
            outbox.settle_boot(number, offset_ms)
            self._tell_correction(self._clock.corrected_by_ms, entries=last - first + 1, is_uncertain=False)

    def _tell_correction(self, by_ms: int, *, entries: int, is_uncertain: bool, room_ms: int = 0) -> None:
        detail: dict[str, str | int | float | bool] = {"by_ms": by_ms, "entries": entries, "uncertain": is_uncertain}
        if is_uncertain:
            detail["error_max_ms"] = room_ms
        severity = Severity.WARNING if is_uncertain else Severity.INFO
        self._put_event(EventKind.CLOCK_CORRECTED, self._clock.now_ms(), severity, detail=detail)
