"""Hours in which a plant holds back because it may not feed in: seen in a real store, left out of its judgement."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from central.core.city import PointNow, SiteNow, SiteState
from central.core.habits import Row, day_of, line_of, start_of
from central.history import History
from central.store.base import StoreRow
from central.store.sqlite import SqliteStore
from contract.readings import Quality
from tests.central.fake import DAY_MS, HOUR_MS, NOW_MS, make_sites

POINTS = ("pv.power_w", "battery.soc_pct", "grid.power_w", "inverter.islanded")
NOON, EVENING = 12, 18


async def test_a_full_afternoon_without_export_is_known_to_be_held_back(tmp_path: Path) -> None:
    today = day_of(NOW_MS)
    selling, holding = make_sites(2)
    store = await SqliteStore.open(tmp_path / "telemetry.sqlite")
    try:
        rows = []
        for hour in range(24):
            at_ms = start_of(today - 1) + hour * HOUR_MS
            is_full = NOON <= hour < EVENING
            soc_pct = 100.0 if is_full else 70.0
            rows.append(StoreRow(selling.id, "inverter", at_ms, POINTS, (9_000.0, soc_pct, -5_000.0, 0.0)))
            held_w = 1_500.0 if is_full else 9_000.0
            rows.append(StoreRow(holding.id, "inverter", at_ms, POINTS, (held_w, soc_pct, 80.0, 0.0)))
        await store.write(rows)
        history = History(store, lambda _site, point: "inverter" if point in POINTS else None)
        points = tuple(PointNow("inverter", point, 0.0, Quality.GOOD, NOW_MS) for point in POINTS)
        sites = [SiteNow(site=site, state=SiteState.ON_GRID, points=points) for site in (selling, holding)]
        await history.follow(sites, start_of(today) + DAY_MS // 2)
    finally:
        await store.close()

    def hours(site: str) -> list[int]:
        line = line_of(history.days(site), Row.CURTAILED, from_day=today - 1, to_day=today)
        return np.flatnonzero(line > 0).tolist()

    assert hours(selling.id) == []
    assert hours(holding.id) == list(range(NOON, EVENING))
    held = line_of(history.days(holding.id), Row.HELD, from_day=today - 1, to_day=today)
    assert not held.any(), "the grid was there"
