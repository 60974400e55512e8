"""What the store holds of every shelter's last weeks, by the hour: read once, the newest days first, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from central.core.autonomy.values import HOUR_MS, HOURS_OF_DAY, Floats
from central.core.city import Aggregate, SiteNow
from central.core.habits import (
    DAY_MS,
    HISTORY_DAYS,
    PastDay,
    Row,
    curtailed,
    day_of,
    held_back,
    hours_of,
    is_ever_full,
    start_of,
)
from central.store.base import TelemetryStore

CHUNK_DAYS: Final = 7
"""So many days are read at once at most: other questions get their turn in between."""
LATE_DAYS: Final = 7
"""A shelter that was cut off sends its days later; so far back days with gaps are read again."""
AGAIN_MS: Final = 6 * HOUR_MS
TOKYO_MIDNIGHT_MS: Final = -9 * HOUR_MS


class History:
    """Days of all shelters. ``device_with``: site and point → the device whose figure counts."""

    def __init__(self, store: TelemetryStore, device_with: Callable[[str, str], str | None]) -> None:
        self._store = store
        self._device_with = device_with
        self._days: dict[str, dict[int, PastDay]] = {}
        self._read_ms: dict[tuple[str, int], int] = {}

    def days(self, site: str) -> Mapping[int, PastDay]:
        """A shelter's days, as far as they were read."""
        return self._days.get(site, {})

    async def follow(self, sites: Iterable[SiteNow], now_ms: int) -> None:
        """Read the hours of today and yesterday that have ended since they were last read.

        Raises:
            StoreError: what was read until then stays.
        """
        today = day_of(now_ms)
        for now in sites:
            site = now.site.id
            read_ms = self._read_ms.get((site, today), 0)
            if read_ms // HOUR_MS == now_ms // HOUR_MS:
                continue
            first = today if (site, today) in self._read_ms else today - 1
            await self._read(now, first, today - first + 1, now_ms)
            self._forget(site, today)

    async def fill(self, sites: Sequence[SiteNow], now_ms: int, *, is_time_up: Callable[[], bool]) -> bool:
        """Read older days, the newest first, until the time is up; returns whether more are to be read.

        Raises:
            StoreError: what was read until then stays.
        """
        today = day_of(now_ms)
        for newest in range(today - 1, today - HISTORY_DAYS - 1, -CHUNK_DAYS):
            chunk = range(max(today - HISTORY_DAYS, newest - CHUNK_DAYS + 1), newest + 1)
            for now in sites:
                wanted = [day for day in chunk if self._is_wanted(now.site.id, day, now_ms)]
                if not wanted:
                    continue
                if is_time_up():
                    return True
                await self._read(now, wanted[0], wanted[-1] - wanted[0] + 1, now_ms)
        return False

    def _is_wanted(self, site: str, day: int, now_ms: int) -> bool:
        known = self.days(site).get(day)
        if known is None:
            return True
        read_ms = self._read_ms.get((site, day), 0)
        if read_ms < start_of(day + 1):
            return True  # It was read before it had ended.
        return not known.is_whole and day >= day_of(now_ms) - LATE_DAYS and now_ms - read_ms >= AGAIN_MS

    def _forget(self, site: str, today: int) -> None:
        days = self._days.get(site, {})
        for day in [day for day in days if day < today - HISTORY_DAYS]:
            del days[day]
            self._read_ms.pop((site, day), None)

    async def _read(self, now: SiteNow, first_day: int, days: int, now_ms: int) -> None:
        """Read whole days of a shelter, of today the hours that have ended."""
        site = now.site.id
        devices: dict[str, list[str]] = {}
        for point in now.points:
            devices.setdefault(point.point, []).append(point.device)
        load = self._device_with(site, "load.power_w")
        shape = (days, HOURS_OF_DAY)
        rows = np.full((len(Row), *shape), np.nan, dtype=np.float64)
        if load is not None:
            rows[Row.BUILDING_W] = await self._line(site, [load], "load.power_w", first_day, days, now_ms)
        rows[Row.SECURED_W] = await self._line(
            site, devices.get("backup.power_w", ()), "backup.power_w", first_day, days, now_ms
        )
        rows[Row.PV_W] = await self._line(site, devices.get("pv.power_w", ()), "pv.power_w", first_day, days, now_ms)
        rows[Row.HELD] = 0
        alone = [
            await self._line(site, [device], "inverter.islanded", first_day, days, now_ms)
            for device in devices.get("inverter.islanded", ())
        ]
        batteries = devices.get("battery.soc_pct", ())
        soc_pct = await self._line(site, batteries, "battery.soc_pct", first_day, days, now_ms) / max(1, len(batteries))
        if any((line > 0).any() for line in alone):
            islanded = np.max([np.nan_to_num(line) for line in alone], axis=0)
            rows[Row.HELD] = held_back(islanded, soc_pct)
        rows[Row.CURTAILED] = 0
        meter = self._device_with(site, "grid.power_w")
        if meter is not None and is_ever_full(soc_pct):
            grid_w = await self._line(site, [meter], "grid.power_w", first_day, days, now_ms)
            rows[Row.CURTAILED] = curtailed(soc_pct, grid_w)
        kept = self._days.setdefault(site, {})
        for number in range(days):
            day = first_day + number
            kept[day] = PastDay(day, rows[:, number].astype(np.float32))
            self._read_ms[site, day] = now_ms

    async def _line(
        self, site: str, devices: Sequence[str], point: str, first_day: int, days: int, now_ms: int
    ) -> Floats:
        """Hourly means of a point, summed over devices; NaN where one of them is missing."""
        from_ms = start_of(first_day)
        to_ms = min(from_ms + days * DAY_MS, now_ms // HOUR_MS * HOUR_MS)
        total = np.zeros((days, HOURS_OF_DAY))
        if not devices or to_ms <= from_ms:
            return np.full_like(total, np.nan)
        for device in devices:
            samples = await self._store.series(
                site,
                device,
                point,
                from_ms=from_ms,
                to_ms=to_ms,
                step_ms=HOUR_MS,
                aggregate=Aggregate.MEAN,
                origin_ms=TOKYO_MIDNIGHT_MS,
            )
            total = total + hours_of(samples, first_day=first_day, days=days)
        return total
