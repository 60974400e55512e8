"""Synthetic shelters with counters: what a store holds of them, and what is true."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from central.core.accounting.halfhours import day_number, start_of_day
from central.core.city import Site
from central.store.base import StoreRow

INVERTER = ("pv.energy_wh", "battery.charge_energy_wh", "battery.discharge_energy_wh", "inverter.energy_wh")
STATES = ("inverter.state", "inverter.islanded")
METER = ("grid.import_energy_wh", "grid.export_energy_wh")
STEP_MS = 300_000
OCTOBER = day_number(date(2026, 10, 1))
NOVEMBER_MS = start_of_day(day_number(date(2026, 11, 1)))


def sites(count: int) -> list[Site]:
    return [
        Site(
            id=f"E00000{n:05d}111",
            name=f"模擬第{n}小学校",
            name_en=f"Synthetic School {n}",
            ward="中央区" if n % 2 else "緑区",
            ward_en="Chuo Ward" if n % 2 else "Midori Ward",
            latitude=35.6,
            longitude=140.1,
            pv_kw=20.0,
            inverter_kw=16.5,
            battery_kwh=16.4,
            synthetic=True,
        )
        for n in range(1, count + 1)
    ]


@dataclass
class Life:
    """A shelter's counters in steps of five minutes. Every energy is a whole number of Wh and adds up exactly."""

    site: str
    start_ms: int
    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*INVERTER, *METER), 1_000_000))
    at_ms: int = 0

    def __post_init__(self) -> None:
        self.at_ms = self.start_ms

    def step(self) -> None:
        hour = (self.at_ms + 9 * 3_600_000) % 86_400_000 / 3_600_000
        pv = round(max(0.0, math.sin((hour - 6) / 12 * math.pi)) * 1_000)
        load = 300 + round(200 * math.sin(hour / 24 * math.pi))
        charge = min(max(0, pv - load), 300) if hour < 12 else 0
        discharge = 250 if 18 <= hour < 20 else 0
        loss = round(0.03 * (pv + discharge - charge)) if pv + discharge else 0
        out = pv + discharge - charge - loss
        self.values["pv.energy_wh"] += pv
        self.values["battery.charge_energy_wh"] += charge
        self.values["battery.discharge_energy_wh"] += discharge
        self.values["inverter.energy_wh"] += out
        self.values["grid.import_energy_wh"] += max(0, load - out)
        self.values["grid.export_energy_wh"] += max(0, out - load)
        self.at_ms += STEP_MS

    def rows(self, *, islanded: bool = False) -> Iterator[StoreRow]:
        told = self.values
        yield StoreRow(self.site, "inverter", self.at_ms, INVERTER, tuple(float(told[point]) for point in INVERTER))
        yield StoreRow(self.site, "inverter", self.at_ms, STATES, (7.0 if islanded else 4.0, float(islanded)))
        yield StoreRow(self.site, "meter", self.at_ms, METER, tuple(float(told[point]) for point in METER))


def lived(site: str, from_ms: int, to_ms: int, *, islanded: Iterable[tuple[int, int]] = ()) -> list[StoreRow]:
    """Rows of a stretch, both ends included. ``islanded``: stretches without the grid."""
    one = Life(site, from_ms)
    found: list[StoreRow] = []
    alone = list(islanded)
    while True:
        found += one.rows(islanded=any(first <= one.at_ms < last for first, last in alone))
        if one.at_ms >= to_ms:
            return found
        one.step()
