"""Rows of one tick become one entry; what comes late gets an entry of its own.

The book holds the rows of the newest tick until every device has answered or the grace is over. The derived row needs
all its inputs from the same tick: it travels with the last of them, or says "missing input" when the tick is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from contract.readings import DeviceReadings, Reading
from edge_agent.core.balance import INPUTS, SITE_DEVICE

Derive = Callable[[Mapping[str, Mapping[str, float | None]]], tuple[Reading, ...]]


class TickBook:
    """Every method returns the rows that are to be recorded now, as one entry; none when it is empty."""

    def __init__(self, devices: Iterable[str], derive: Derive) -> None:
        self._devices = frozenset(devices)
        self._derive = derive
        self._number: int | None = None
        self._missing: set[str] = set()
        self._held: list[DeviceReadings] = []
        self._values: dict[str, dict[str, float | None]] = {}
        self._newest_ms = 0
        self._is_flushed = True
        self._is_derived = True

    def post(self, number: int, device: str, rows: Iterable[DeviceReadings]) -> list[DeviceReadings]:
        """A device's rows of a tick. No rows: it was asked, but nothing is known that could be said."""
        done = self._open(number)
        if number != self._number:
            return done + list(rows)
        for taken in rows:
            self._held.append(taken)
            self._newest_ms = max(self._newest_ms, taken.taken_at_ms)
            self._values.setdefault(device, {}).update(
                {reading.point: reading.value for reading in taken.readings if reading.point in INPUTS}
            )
        self._missing.discard(device)
        if not self._missing:
            return done + self._flush(derive=True)
        return done + (self._flush(derive=False) if self._is_flushed else [])

    def grace_over(self, number: int) -> list[DeviceReadings]:
        """The tick has waited long enough for its devices."""
        done = self._open(number)
        if number != self._number or self._is_flushed:
            return done
        return done + self._flush(derive=False)

    def close(self) -> list[DeviceReadings]:
        """End the tick that is open."""
        if self._number is None or (self._is_flushed and self._is_derived):
            return []
        return self._flush(derive=True)

    def _open(self, number: int) -> list[DeviceReadings]:
        if self._number is not None and number <= self._number:
            return []
        done = self.close()
        self._number = number
        self._missing = set(self._devices)
        self._values = {}
        self._newest_ms = 0
        self._is_flushed = self._is_derived = False
        return done

    def _flush(self, *, derive: bool) -> list[DeviceReadings]:
        rows, self._held = self._held, []
        if derive and not self._is_derived:
            self._is_derived = True
            derived = self._derive(self._values)
            if derived and self._newest_ms:
                rows.append(DeviceReadings(SITE_DEVICE, self._newest_ms, derived))
        self._is_flushed = True
        return rows
