"""The city at one moment as rows: what the pages show, so that a graph and a page never differ. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from central.core.city import CityNow, SiteNow, SiteState
from central.core.incidents import Incident, Phase
from central.core.newsmaking import HOURS_LOW_H
from central.core.orders import Outcome, Standing
from central.core.rollups.rows import MODE_CODES, MODE_UNPROVEN, SILENT, STATE_CODES, RollupRow, Series, tags_of

MINUTE_MS: Final = 60_000
_OPEN: Final = frozenset({Phase.ACTIVE, Phase.STANDING_DOWN})
_FAILED: Final = frozenset({Outcome.REFUSED, Outcome.FAILED, Outcome.REVERTED})
_SETTLED: Final = frozenset({Outcome.OBEYS, Outcome.DRILLED})


def now_rows(
    city: CityNow,
    *,
    incidents: Iterable[Incident] = (),
    standings: Sequence[Standing] = (),
    at_ms: int,
) -> list[RollupRow]:
    """One row a shelter and one of the city, at the minute of ``at_ms``: within it, the last one holds."""
    minute_ms = at_ms - at_ms % MINUTE_MS
    obeying = {one.site: one for one in standings}
    rows = [_site_row(now, obeying.get(now.site.id), minute_ms, at_ms) for now in city.sites]
    return [*rows, _city_row(city, list(incidents), standings, minute_ms)]


def _site_row(now: SiteNow, standing: Standing | None, minute_ms: int, at_ms: int) -> RollupRow:
    mode = now.steering.mode
    silent = now.state in SILENT
    known: dict[str, float | None] = {
        "state": STATE_CODES[now.state],
        "mode": MODE_UNPROVEN if mode is None else MODE_CODES[mode],
        "heard": float(not silent),
        "islanded": float(now.state is SiteState.ISLANDED),
        "urgent": float(now.state is SiteState.ISLANDED and _is_low(now)),
        "fault": float(now.state is SiteState.FAULT),
        "dark_devices": len(now.devices_dark),
        "pv_w": now.pv_w,
        "load_w": now.load_w,
        "grid_w": now.grid_w,
        "battery_w": now.battery_w,
        "soc_pct": now.soc_pct,
        "reserve_pct": now.reserve_pct,
        "stored_wh": now.stored_wh,
        "age_s": None if now.last_reading_ms is None else max(0, at_ms - now.last_reading_ms) / 1_000,
        "hours_p10_h": now.hours.p10_h if now.hours else None,
        "hours_p50_h": now.hours.p50_h if now.hours else None,
        "latitude": now.site.latitude,
        "longitude": now.site.longitude,
        **_link(now),
        **_order(standing),
    }
    return RollupRow(series=Series.SITE_NOW, at_ms=minute_ms, tags=tags_of(now.site), fields=_given(known))


def _link(now: SiteNow) -> dict[str, float | None]:
    outbox = now.status.outbox if now.status else None
    if outbox is None:
        return {}
    return {
        "outbox_entries": outbox.waiting,
        "outbox_pct": 100 * outbox.bytes / outbox.bytes_max if outbox.bytes_max else None,
    }


def _order(standing: Standing | None) -> dict[str, float | None]:
    if standing is None:
        return {"order_open": 0, "order_overdue": 0}
    return {"order_open": float(standing.outcome not in _SETTLED), "order_overdue": float(standing.is_overdue)}


def _city_row(city: CityNow, incidents: Sequence[Incident], standings: Sequence[Standing], minute_ms: int) -> RollupRow:
    sites = city.sites
    modes = Counter(now.steering.mode for now in sites)
    hours = [(now.hours.p10_h, now) for now in sites if now.hours and now.hours.p10_h is not None]
    fewest = min(hours, key=lambda found: (found[0], found[1].site.id), default=None)
    running = [one for one in incidents if one.phase in _OPEN]
    known: dict[str, float | None] = {
        "sites": len(sites),
        "heard": sum(now.state not in SILENT for now in sites),
        "silent": sum(now.state in SILENT for now in sites),
        **{f"state_{state.value}": city.counts.get(state, 0) for state in STATE_CODES},
        **{f"mode_{mode.value}": modes.get(mode, 0) for mode in MODE_CODES},
        "mode_unproven": modes.get(None, 0),
        "pv_w": city.pv_w,
        "load_w": city.load_w,
        "grid_w": city.grid_w,
        "stored_wh": city.stored_wh,
        "reporting": city.reporting.get("load_w", 0),
        "islanded_low": sum(now.state is SiteState.ISLANDED and _is_low(now) for now in sites),
        "below_reserve": sum(_is_below_reserve(now) for now in sites),
        "hours_p10_min_h": fewest[0] if fewest else None,
        "incidents": sum(not one.wish.is_drill for one in running),
        "drills": sum(one.wish.is_drill for one in running),
        **_receipts(standings),
    }
    fields: dict[str, float | str] = dict(_given(known))
    if fewest:
        fields["hours_p10_min_site"] = fewest[1].site.name
    return RollupRow(series=Series.CITY_NOW, at_ms=minute_ms, tags={"scope": "city"}, fields=fields)


def _receipts(standings: Sequence[Standing]) -> dict[str, float]:
    """How many shelters stand where with the order that holds for them."""
    outcomes = Counter(one.outcome for one in standings)
    return {
        "orders": len(standings),
        "orders_proven": sum(outcomes[one] for one in _SETTLED),
        "orders_underway": outcomes[Outcome.UNDERWAY],
        "orders_no_answer": outcomes[Outcome.NO_ANSWER],
        "orders_person": outcomes[Outcome.PERSON],
        "orders_failed": sum(outcomes[one] for one in _FAILED),
        "orders_overdue": sum(one.is_overdue for one in standings),
    }


def _is_low(now: SiteNow) -> bool:
    return now.hours is not None and now.hours.p10_h is not None and now.hours.p10_h < HOURS_LOW_H


def _is_below_reserve(now: SiteNow) -> bool:
    return now.soc_pct is not None and now.reserve_pct is not None and now.soc_pct < now.reserve_pct


def _given(known: Mapping[str, float | None]) -> dict[str, float]:
    """Without what is not known: a gap stays a gap."""
    return {name: float(value) for name, value in known.items() if value is not None}
