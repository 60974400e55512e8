"""A shelter's headline figures from the newest rows of its devices. Pure.

A figure that several devices share in (two inverters, two batteries) is given only when all of them are fresh: a sum
with a part missing would look like a number and be none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from central.core.city import Site
from central.store.base import StoreRow
from contract.points import BatteryState, InverterState

SITE_DEVICE: Final = "site"
"""Device name of what the edge derives for the shelter as a whole."""

WANTED: Final = frozenset(
    {
        "pv.power_w",
        "load.power_w",
        "grid.power_w",
        "battery.power_w",
        "battery.soc_pct",
        "battery.reserve_soc_pct",
        "battery.capacity_wh",
        "battery.state",
        "inverter.state",
        "inverter.islanded",
        "inverter.fault_bits",
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A device's newest row of one shape, and whether it is fresh."""

    row: StoreRow
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``None``: no good, fresh value."""

    pv_w: float | None = None
    load_w: float | None = None
    grid_w: float | None = None
    battery_w: float | None = None
    soc_pct: float | None = None
    reserve_pct: float | None = None
    stored_wh: float | None = None
    islanded: bool = False
    fault: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """What one device says of one point. ``value`` is ``None`` when it is not good or not fresh."""

    device: str
    value: float | None
    last: float | None
    """The value at any age, for what hardly ever changes."""
    at_ms: int


@lru_cache(maxsize=10_000)
def _slots(points: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((point, at) for at, point in enumerate(points) if point in WANTED)


def figures(seen: Sequence[Seen], site: Site) -> Figures:
    """The figures of a shelter."""
    said: dict[str, dict[str, _Said]] = {}
    for one in seen:
        row = one.row
        for point, at in _slots(row.points):
            by_device = said.setdefault(point, {})
            known = by_device.get(row.device)
            if known is None or row.at_ms > known.at_ms:
                value = row.values[at]
                by_device[row.device] = _Said(row.device, value if one.fresh else None, value, row.at_ms)
    soc, stored = _battery(said, site)
    return Figures(
        pv_w=_sum(said.get("pv.power_w")),
        load_w=_preferred(said.get("load.power_w"), inverters=frozenset()),
        grid_w=_preferred(said.get("grid.power_w"), inverters=frozenset(said.get("inverter.state", ()))),
        battery_w=_sum(said.get("battery.power_w")),
        soc_pct=soc,
        reserve_pct=min(_values(said.get("battery.reserve_soc_pct")), default=None),
        stored_wh=stored,
        islanded=1.0 in _values(said.get("inverter.islanded"))
        or InverterState.ISLANDED in _values(said.get("inverter.state")),
        fault=InverterState.FAULT in _values(said.get("inverter.state"))
        or BatteryState.FAULT in _values(said.get("battery.state"))
        or any(_values(said.get("inverter.fault_bits"))),
    )


def _values(said: dict[str, _Said] | None) -> Iterator[float]:
    return (one.value for one in (said or {}).values() if one.value is not None)


def _sum(said: dict[str, _Said] | None) -> float | None:
    if not said:
        return None
    values = list(_values(said))
    return sum(values) if len(values) == len(said) else None


def _preferred(said: dict[str, _Said] | None, *, inverters: frozenset[str]) -> float | None:
    """One device's value: what the edge derived, else a meter's, else an inverter's own."""
    known = [one for one in (said or {}).values() if one.value is not None]
    if not known:
        return None
    return min(known, key=lambda one: (one.device != SITE_DEVICE, one.device in inverters, one.device)).value


def _battery(said: dict[str, dict[str, _Said]], site: Site) -> tuple[float | None, float | None]:
    """State of charge over all batteries, and the energy in them."""
    charged = said.get("battery.soc_pct", {})
    values = list(_values(charged))
    if not values or len(values) != len(charged):
        return None, None
    # A capacity hardly changes, so its last value serves; without one the registered capacity is shared out evenly.
    registered_wh = site.battery_kwh * 1_000 / len(charged)
    own = said.get("battery.capacity_wh", {})
    weighted = [
        (one.value or 0.0, (own[device].last if device in own else None) or registered_wh)
        for device, one in charged.items()
    ]
    capacity_wh = sum(capacity for _, capacity in weighted)
    if not capacity_wh:
        return sum(values) / len(values), None
    stored_wh = sum(soc / 100 * capacity for soc, capacity in weighted)
    return stored_wh / capacity_wh * 100 if len(weighted) > 1 else values[0], stored_wh
