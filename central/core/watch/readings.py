"""What rules look at: a shelter's readings at one moment, and the quantities that are made of them. Pure.

``None`` means "not known": it neither raises an alert nor ends one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Family(StrEnum):
    """What has one cause at one shelter: rules of a family lead to one alert, however many of them hold."""

    SERVICE = "service"
    DISK = "disk"
    BACKUP = "backup"
    NOTICES = "notices"
    ROLLUPS = "rollups"
    LINK = "link"
    PV = "pv"
    BATTERY = "battery"
    FAULTS = "faults"
    CLOCK = "clock"
    RESERVE = "reserve"
    DEMAND = "demand"
    OUTBOX = "outbox"
    CERTIFICATE = "certificate"


GATHERED: Final = frozenset({Family.LINK, Family.CLOCK, Family.OUTBOX, Family.RESERVE, Family.FAULTS})
"""Families in which many shelters at once have one cause: then a ward, or the city, has the alert."""
OF_SERVICE: Final = frozenset({Family.SERVICE, Family.DISK, Family.BACKUP, Family.NOTICES, Family.ROLLUPS})
"""Families of the service itself: no shelter has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One shelter, or with what stands under ``broker_down_min`` the service itself, at one moment."""

    silent_min: float | None = None
    """Since when nothing came; 0 while it is heard."""
    link_drops: float | None = None
    """How often the link went within 24 hours."""
    pv_now_of_neighbours_pct: float | None = None
    """PV power now, each as a share of its own clear sky, against the median of the neighbours."""
    pv_of_neighbours_pct: float | None = None
    """The same of the energy of the last days."""
    pv_of_clear_sky_pct: float | None = None
    """Energy of days that were clear in the city, as a share of the clear sky's."""
    soh_pct: float | None = None
    """State of health of the weakest battery."""
    faults: float | None = None
    """How many faults began within 24 hours."""
    clock_off_s: float | None = None
    """How far a clock there is off, whichever is worst."""
    is_clock_unknown: bool | None = None
    """The agent itself says that it does not know the time."""
    soc_pct: float | None = None
    reserve_pct: float | None = None
    is_sun_up: bool | None = None
    is_islanded: bool | None = None
    demand_w: float | None = None
    """Mean power from the grid that the running half hour will come to."""
    target_w: float | None = None
    """Demand that the shelter is to stay under; ``None``: no target is set."""
    outbox_pct: float | None = None
    """How full the store of what was not delivered yet is."""
    outbox_age_h: float | None = None
    """Age of the oldest entry in it, of a shelter that is heard."""
    certificate_days: float | None = None
    """Days until its certificate ends."""
    broker_down_min: float | None = None
    store_down_min: float | None = None
    refused: float | None = None
    """Messages of the last hour that the service could not keep by a fault of its own; the shelters still have them."""
    disk_used_pct: float | None = None
    backup_age_h: float | None = None
    """Since the newest backup, or since a first one is waited for."""
    undelivered: float | None = None
    """Messages to people of the last day that reached nobody in a quarter of an hour."""
    rollups_behind_min: float | None = None
    """Since the last roll-ups were written; ``None``: none are made."""


NOTHING: Final = Readings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a rule compares with its limits. ``is_over``: too much is bad, else too little."""

    name: str
    family: Family
    unit: str
    is_over: bool
    least: float
    most: float
    """What a limit may be."""
    take: Callable[[Readings], float | None]

    @property
    def is_of_service(self) -> bool:
        """Whether it is of the service and not of a shelter."""
        return self.family in OF_SERVICE


def reserve_gap_pct(now: Readings) -> float | None:
    """Points of charge that lack to the reserve once the sun has gone. An outage is what the reserve is for."""
    if now.is_islanded or now.soc_pct is None or now.reserve_pct is None:
        return None
    gap_pct = max(0.0, now.reserve_pct - now.soc_pct)
    # By day the sun may still fill it, but what is full is full.
    return gap_pct if now.is_sun_up is False or not gap_pct else None


def demand_pct(now: Readings) -> float | None:
    """The half hour's demand as a share of the target."""
    if now.demand_w is None or not now.target_w:
        return None
    return 100.0 * max(0.0, now.demand_w) / now.target_w


def _clock_unknown(now: Readings) -> float | None:
    return None if now.is_clock_unknown is None else float(now.is_clock_unknown)


def _quantities() -> Mapping[str, Quantity]:
    def one(
        name: str, family: Family, unit: str, most: float, take: Callable[[Readings], float | None], *, under: bool
    ) -> Quantity:
        return Quantity(name=name, family=family, unit=unit, is_over=not under, least=0, most=most, take=take)

    listed = [
        one("broker_down_min", Family.SERVICE, "min", 1_440, lambda now: now.broker_down_min, under=False),
        one("store_down_min", Family.SERVICE, "min", 1_440, lambda now: now.store_down_min, under=False),
        one("refused", Family.SERVICE, "messages", 100_000, lambda now: now.refused, under=False),
        one("disk_used_pct", Family.DISK, "%", 100, lambda now: now.disk_used_pct, under=False),
        one("backup_age_h", Family.BACKUP, "h", 8_760, lambda now: now.backup_age_h, under=False),
        one("undelivered", Family.NOTICES, "messages", 100_000, lambda now: now.undelivered, under=False),
        one("rollups_behind_min", Family.ROLLUPS, "min", 43_200, lambda now: now.rollups_behind_min, under=False),
        one("silent_min", Family.LINK, "min", 43_200, lambda now: now.silent_min, under=False),
        one("link_drops", Family.LINK, "times", 1_440, lambda now: now.link_drops, under=False),
        one("pv_now_of_neighbours_pct", Family.PV, "%", 100, lambda now: now.pv_now_of_neighbours_pct, under=True),
        one("pv_of_neighbours_pct", Family.PV, "%", 100, lambda now: now.pv_of_neighbours_pct, under=True),
        one("pv_of_clear_sky_pct", Family.PV, "%", 100, lambda now: now.pv_of_clear_sky_pct, under=True),
        one("soh_pct", Family.BATTERY, "%", 100, lambda now: now.soh_pct, under=True),
        one("faults", Family.FAULTS, "times", 1_440, lambda now: now.faults, under=False),
        one("clock_off_s", Family.CLOCK, "s", 1e9, lambda now: now.clock_off_s, under=False),
        one("clock_unknown", Family.CLOCK, "", 1, _clock_unknown, under=False),
        one("reserve_gap_pct", Family.RESERVE, "points", 100, reserve_gap_pct, under=False),
        one("demand_pct", Family.DEMAND, "%", 1_000, demand_pct, under=False),
        one("outbox_pct", Family.OUTBOX, "%", 100, lambda now: now.outbox_pct, under=False),
        one("outbox_age_h", Family.OUTBOX, "h", 8_760, lambda now: now.outbox_age_h, under=False),
        one("certificate_days", Family.CERTIFICATE, "d", 3_650, lambda now: now.certificate_days, under=True),
    ]
    return {quantity.name: quantity for quantity in listed}


QUANTITIES: Final = _quantities()
UNIT_NAMES: Final = {name: quantity.unit for name, quantity in QUANTITIES.items()}
"""Quantity → its unit."""
