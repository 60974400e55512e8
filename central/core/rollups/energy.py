"""Half hours and days of one shelter's energy, from the same five-minute means that the city's page adds up. Pure.

These are operating figures. What is billed comes from the meters' counters and is another room's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from central.core.city import Sample, Site
from central.core.rollups.rows import RollupRow, Series, tags_of
from central.core.today import DAY_MS, HOUR_MS, STEP_MS, Flow, Lines, Power, add_steps, midnight_ms

HALF_HOUR_MS: Final = 1_800_000
HALVES: Final = DAY_MS // HALF_HOUR_MS
_STEPS: Final = HALF_HOUR_MS // STEP_MS
DEMAND_STEPS_MIN: Final = 5
"""Of six steps: with fewer the mean of a half hour is not told, for it may become the bill's peak."""
_TOKYO: Final = timezone(timedelta(hours=9))
_FISCAL_MONTH: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One half hour. Energies in Wh; ``None``: no step of it is known."""

    at_ms: int
    wh: Mapping[Flow, float]
    known_steps: int
    """Five-minute steps, of six, in which generation, load and grid were all known."""
    soc_pct: float | None = None
    soc_min_pct: float | None = None

    @property
    def demand_w(self) -> float | None:
        """Mean import, as the supplier's meter counts it; ``None``: too little is known."""
        return self._mean(self.wh.get(Flow.IMPORT))

    @property
    def without_battery_w(self) -> float | None:
        """What the demand had been without the battery: its discharge bought, its charge not."""
        flows = {flow: self.wh.get(flow, 0.0) for flow in Flow}
        net = flows[Flow.IMPORT] - flows[Flow.EXPORT] + flows[Flow.DISCHARGE] - flows[Flow.CHARGE]
        return self._mean(max(0.0, net)) if Flow.IMPORT in self.wh else None

    def _mean(self, wh: float | None) -> float | None:
        if wh is None or self.known_steps < DEMAND_STEPS_MIN:
            return None
        return wh / (self.known_steps * STEP_MS / HOUR_MS)


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
        if half.wh or half.soc_pct is not None:
            found.append(half)
    return found


def _half(lines: Lines, charge: Mapping[int, float], start_ms: int) -> Half:
    total = add_steps(lines, from_ms=start_ms, to_ms=start_ms + HALF_HOUR_MS)
    asked = [power for power in (Power.PV, Power.LOAD, Power.GRID) if lines.get(power)]
    levels = [charge[at_ms] for at_ms in range(start_ms, start_ms + HALF_HOUR_MS, STEP_MS) if at_ms in charge]
    return Half(
        at_ms=start_ms,
        wh=total.wh,
        known_steps=min((total.steps.get(power, 0) for power in asked), default=0),
        soc_pct=sum(levels) / len(levels) if levels else None,
        soc_min_pct=min(levels, default=None),
    )


def half_row(site: Site, half: Half, *, year_peak_w: float | None, target_w: float | None) -> RollupRow:
    """One half hour as a row. ``year_peak_w``: the highest demand of the twelve months before, as known then."""
    known = {
        **_energies([half]),
        "demand_w": half.demand_w,
        "without_battery_w": half.without_battery_w,
        "year_peak_w": year_peak_w,
        "target_w": target_w,
        "soc_pct": half.soc_pct,
        "soc_min_pct": half.soc_min_pct,
        "known_pct": 100 * half.known_steps / _STEPS,
    }
    return RollupRow(
        series=Series.HALF_HOUR,
        at_ms=half.at_ms,
        tags=tags_of(site),
        fields={name: float(value) for name, value in known.items() if value is not None},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryDay:
    """What the batteries say of themselves at the end of a day; ``None``: they do not."""

    soh_pct: float | None = None
    """Of the worst one."""
    cycles: float | None = None
    """Full cycles since they were built: energy given so far, divided by what they hold."""


NO_BATTERY_DAY: Final = BatteryDay()


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCo2:
    """CO2 of a kWh that is not bought, in kg, and whether somebody checked the figure against its source."""

    kg_per_kwh: float
    verified: bool


def day_row(
    site: Site,
    halves: Sequence[Half],
    *,
    day_ms: int,
    now_ms: int,
    clear_sky_w: Sequence[float] = (),
    battery: BatteryDay = NO_BATTERY_DAY,
    saved: SavedCo2 | None = None,
) -> RollupRow:
    """A day so far as a row; all of its figures are of what is known.

    Args:
        site: the shelter.
        halves: half hours of the day.
        day_ms: the midnight in Tokyo that began it.
        now_ms: the day is asked for up to here.
        clear_sky_w: mean power under a cloudless sky in each half hour of the day; empty: not calculated.
        battery: what the batteries say.
        saved: the emission factor of the day's fiscal year; ``None``: there is none, and nothing is said of CO2.
    """
    due = max(1, min(HALVES, (now_ms - day_ms) // HALF_HOUR_MS))
    sums = _energies(halves)
    with_w = [half.demand_w for half in halves if half.demand_w is not None]
    without_w = [half.without_battery_w for half in halves if half.without_battery_w is not None]
    levels = [half.soc_min_pct for half in halves if half.soc_min_pct is not None]
    known: dict[str, float | None] = {
        **sums,
        "peak_demand_w": max(with_w, default=None),
        "peak_without_w": max(without_w, default=None),
        "peak_cut_w": max(without_w) - max(with_w) if with_w and without_w else None,
        "known_pct": 100 * sum(half.known_steps for half in halves) / (due * _STEPS),
        "soc_min_pct": min(levels, default=None),
        "soh_pct": battery.soh_pct,
        "cycles": battery.cycles,
    }
    if saved is not None and "self_used_wh" in sums:
        known["co2_saved_kg"] = sums["self_used_wh"] / 1_000 * saved.kg_per_kwh
        known |= {"factor_kg_per_kwh": saved.kg_per_kwh, "factor_verified": float(saved.verified)}
    known["clear_sky_wh"] = _clear_sky_wh(halves, clear_sky_w, day_ms)
    return RollupRow(
        series=Series.DAY,
        at_ms=day_ms,
        tags={**tags_of(site), **_calendar(day_ms)},
        fields={name: float(value) for name, value in known.items() if value is not None},
    )


def days_between(from_ms: int, to_ms: int) -> list[int]:
    """Midnights in Tokyo of all days that two moments touch."""
    return list(range(midnight_ms(from_ms), max(from_ms, to_ms) + 1, DAY_MS))


def _energies(halves: Iterable[Half]) -> dict[str, float]:
    wh: dict[Flow, float] = {}
    for half in halves:
        for flow, value in half.wh.items():
            wh[flow] = wh.get(flow, 0.0) + value
    sums = {f"{flow.value}_wh": value for flow, value in wh.items()}
    if Flow.PV in wh and (Flow.EXPORT in wh or Flow.IMPORT in wh):
        # What left the building is not used in it; what the conversion loses counts as used.
        sums["self_used_wh"] = max(0.0, wh[Flow.PV] - wh.get(Flow.EXPORT, 0.0))
    return sums


def _clear_sky_wh(halves: Iterable[Half], clear_sky_w: Sequence[float], day_ms: int) -> float | None:
    """Energy of a cloudless sky in the half hours of which the generation is known, and in no others."""
    if not clear_sky_w:
        return None
    known = [clear_sky_w[(half.at_ms - day_ms) // HALF_HOUR_MS] for half in halves if Flow.PV in half.wh]
    return sum(known) * HALF_HOUR_MS / HOUR_MS


def fiscal_year(day_ms: int) -> int:
    """Year in which the fiscal year of a day in Tokyo began: April to March."""
    day = _day(day_ms)
    return day.year if day.month >= _FISCAL_MONTH else day.year - 1


def _calendar(day_ms: int) -> dict[str, str]:
    """Month and fiscal year as tags: InfluxQL has no months."""
    return {"month": f"{_day(day_ms):%Y-%m}", "fiscal_year": f"{fiscal_year(day_ms)}年度"}


def _day(day_ms: int) -> datetime:
    return datetime.fromtimestamp(day_ms / 1_000, UTC).astimezone(_TOKYO)


def _mean_line(lines: Sequence[Sequence[Sample]]) -> dict[int, float]:
    """Step → mean over all batteries; only steps in which all are known."""
    values: dict[int, list[float]] = {}
    for line in lines:
        for sample in line:
            if sample.value is not None:
                values.setdefault(sample.at_ms, []).append(sample.value)
    return {at_ms: sum(found) / len(found) for at_ms, found in values.items() if len(found) == len(lines)}
