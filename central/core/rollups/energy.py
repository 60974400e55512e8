"""What a day says of a shelter's plant: completeness, generation against a clear sky, the battery. Pure.

It comes from five-minute means, as the city's page adds them up. Energies that are billed or reported come from the
meters' counters (``accounted.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core.city import Sample, Site
from central.core.rollups.rows import RollupRow, Series, tags_of
from central.core.today import DAY_MS, HOUR_MS, STEP_MS, Flow, Lines, Power, add_steps, midnight_ms

HALF_HOUR_MS: Final = 1_800_000
HALVES: Final = DAY_MS // HALF_HOUR_MS
NEEDED: Final = (Power.PV, Power.LOAD, Power.GRID)
"""What has to be known of a step for it to count as known."""
_STEPS: Final = HALF_HOUR_MS // STEP_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half hour. Energies in Wh; ``None``: no step of it is known."""

    at_ms: int
    wh: Mapping[Flow, float]
    known_steps: int
    """Five-minute steps, of six, in which generation, load and grid were all known."""
    soc_min_pct: float | None = None


def halves_of(lines: Lines, soc: Sequence[Sequence[Sample]], *, day_ms: int, now_ms: int) -> list[Half]:
    """Half hours of a day that have ended and of which something is known.

    Args:
        lines: step means of each power, one line a device.
        soc: step means of the state of charge, one line a battery; several count alike.
        day_ms: the midnight in Tokyo that began the day.
        now_ms: half hours that end later are left out.
    """
    charge = _mean_line(soc)
    found = []
    for start_ms in range(day_ms, day_ms + DAY_MS, HALF_HOUR_MS):
        if start_ms + HALF_HOUR_MS > now_ms:
            break
        half = _half(lines, charge, start_ms)
        if half.wh or half.soc_min_pct is not None:
            found.append(half)
    return found


def _half(lines: Lines, charge: Mapping[int, float], start_ms: int) -> Half:
    total = add_steps(lines, from_ms=start_ms, to_ms=start_ms + HALF_HOUR_MS)
    asked = [power for power in NEEDED if lines.get(power)]
    levels = [charge[at_ms] for at_ms in range(start_ms, start_ms + HALF_HOUR_MS, STEP_MS) if at_ms in charge]
    return Half(
        at_ms=start_ms,
        wh=total.wh,
        known_steps=min((total.steps.get(power, 0) for power in asked), default=0),
        soc_min_pct=min(levels, default=None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryDay:
    """What the batteries say of themselves at the end of a day; ``None``: they do not."""

    soh_pct: float | None = None
    """Of the worst one."""
    cycles: float | None = None
    """Full cycles since they were built: energy given so far, divided by what they hold."""

    def or_else(self, earlier: BatteryDay) -> BatteryDay:
        """This, and what was said earlier of what is not said now."""
        return BatteryDay(
            soh_pct=earlier.soh_pct if self.soh_pct is None else self.soh_pct,
            cycles=earlier.cycles if self.cycles is None else self.cycles,
        )


NO_BATTERY_DAY: Final = BatteryDay()


def day_row(
    site: Site,
    halves: Sequence[Half],
    *,
    day_ms: int,
    now_ms: int,
    clear_sky_w: Sequence[float] = (),
    battery: BatteryDay = NO_BATTERY_DAY,
) -> RollupRow:
    """A day so far as a row; all of its figures are of what is known.

    Args:
        site: the shelter.
        halves: half hours of the day.
        day_ms: the midnight in Tokyo that began it.
        now_ms: the day is asked for up to here.
        clear_sky_w: mean power under a cloudless sky in each half hour of the day; empty: not calculated.
        battery: what the batteries say.
    """
    due = max(1, min(HALVES, (now_ms - day_ms) // HALF_HOUR_MS))
    pv_wh = [half.wh[Flow.PV] for half in halves if Flow.PV in half.wh]
    levels = [half.soc_min_pct for half in halves if half.soc_min_pct is not None]
    known: dict[str, float | None] = {
        "pv_wh": sum(pv_wh) if pv_wh else None,
        "clear_sky_wh": _clear_sky_wh(halves, clear_sky_w, day_ms),
        "known_pct": 100 * sum(half.known_steps for half in halves) / (due * _STEPS),
        "soc_min_pct": min(levels, default=None),
        "soh_pct": battery.soh_pct,
        "cycles": battery.cycles,
    }
    return RollupRow(
        series=Series.DAY,
        at_ms=day_ms,
        tags=tags_of(site),
        fields={name: float(value) for name, value in known.items() if value is not None},
    )


def days_between(from_ms: int, to_ms: int) -> list[int]:
    """Midnights in Tokyo of all days that two moments touch."""
    return list(range(midnight_ms(from_ms), max(from_ms, to_ms) + 1, DAY_MS))


def _clear_sky_wh(halves: Iterable[Half], clear_sky_w: Sequence[float], day_ms: int) -> float | None:
    """Energy of a cloudless sky in the half hours of which the generation is known, and in no others."""
    if not clear_sky_w:
        return None
    known = [clear_sky_w[(half.at_ms - day_ms) // HALF_HOUR_MS] for half in halves if Flow.PV in half.wh]
    return sum(known) * HALF_HOUR_MS / HOUR_MS


def _mean_line(lines: Sequence[Sequence[Sample]]) -> dict[int, float]:
    """Step → mean over all batteries; only steps in which all are known."""
    values: dict[int, list[float]] = {}
    for line in lines:
        for sample in line:
            if sample.value is not None:
                values.setdefault(sample.at_ms, []).append(sample.value)
    return {at_ms: sum(found) / len(found) for at_ms, found in values.items() if len(found) == len(lines)}
