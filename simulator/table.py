"""The true state of one simulated shelter as a live table on the terminal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from contract.points import POINTS, BatteryState, InverterState
from simulator.run import WorldClock
from simulator.site import SimulatedSite

_TOKYO: Final = timezone(timedelta(hours=9))
_ROWS: Final = (
    "pv.power_w",
    "battery.power_w",
    "battery.soc_pct",
    "battery.reserve_soc_pct",
    "inverter.power_w",
    "grid.power_w",
    "load.power_w",
    "backup.power_w",
    "inverter.islanded",
)
_DIRECTIONS: Final = {
    "pv.power_w": ("発電 generates", ""),
    "battery.power_w": ("放電 discharge", "充電 charge"),
    "grid.power_w": ("買電 import", "売電 export"),
    "inverter.power_w": ("出力 output", "入力 input"),
}
"""Words of a power above and below zero."""
_REFRESH_S: Final = 0.5


async def show_site(site: SimulatedSite, clock: WorldClock) -> None:
    """Redraw the table until cancelled."""
    loop = asyncio.get_running_loop()
    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        while True:
            live.update(_table(site, clock.now_ms(loop.time())), refresh=True)
            await asyncio.sleep(_REFRESH_S)


def _table(site: SimulatedSite, now_ms: int) -> Table:
    moment = datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(_TOKYO)
    table = Table(title=f"{site.spec.name}  {moment:%Y-%m-%d %H:%M:%S}", title_justify="left")
    table.add_column("point")
    table.add_column("truth", justify="right")
    truth = site.truth()
    table.add_column("")
    for point in _ROWS:
        value = truth[point]
        table.add_row(point, f"{value:,.{POINTS[point].decimals}f} {POINTS[point].unit}", _direction(point, value))
    table.add_row("inverter.state", InverterState(int(truth["inverter.state"])).name.lower())
    table.add_row("battery.state", BatteryState(int(truth["battery.state"])).name.lower())
    faults = [f"{name}: {device.fault.kind.value}" for name, device in site.devices.items() if device.fault]
    table.add_row("faults", ", ".join(faults) or "none")
    return table


def _direction(point: str, value: float) -> str:
    above, below = _DIRECTIONS.get(point, ("", ""))
    return above if value > 0 else below if value < 0 else ""
