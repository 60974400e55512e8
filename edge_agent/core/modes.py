"""What each mode means for the plant: the table of mode × grid × battery, and nothing else. Pure.

Every case stands in exactly one row of ``TABLE`` (a test proves it), so the table is the specification. How a policy
becomes orders of a device stands in wanted.py, when a mode holds in standing.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from contract.steering import Desired, GridState, Mode

HYSTERESIS_PCT: Final = 3.0
"""A band is left upwards only so far above its border."""


class Policy(StrEnum):
    """What the battery is for at the moment."""

    LEAVE = "leave"
    """Nothing is written."""
    FREE = "free"
    """The device's own ways above the reserve: what was ordered is released."""
    CHARGE = "charge"
    """Filled as fast as allowed."""
    HOLD = "hold"
    """Full; gives nothing while the grid is there."""
    REST = "rest"
    """Neither charged from the grid nor discharged: the grid is back and must prove that it stays."""
    CARRY = "carry"
    """Carries the secured loads: whatever would hinder it is released."""
    OFF = "off"
    """Gives nothing, takes nothing."""


class Loads(StrEnum):
    """What the load tiers may do."""

    LEAVE = "leave"
    ALL = "all"
    """All tiers are closed, one after the other."""
    BY_ORDER = "by_order"
    """Tiers up to the ordered one may be closed, the others are opened."""
    NO_MORE = "no_more"
    """The same, and none is closed that is open."""
    NONE = "none"
    """All are opened."""


class Sight(StrEnum):
    """The grid, as far as it matters for what to do."""

    THERE = "there"
    SETTLING = "settling"
    """Back after an outage, and not yet long enough."""
    GONE = "gone"
    DARK = "dark"
    """Nobody says, though devices answer."""
    UNSEEN = "unseen"


class Band(StrEnum):
    """How full the battery is."""

    UNKNOWN = "unknown"
    FLOOR = "floor"
    """What is left is for starting inverter, router and this agent again."""
    LOW = "low"
    """Below the reserve."""
    MIDDLE = "middle"
    FULL = "full"
    """At the target."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: for these modes, this grid and these bands, this is done."""

    modes: frozenset[Mode]
    grid: frozenset[Sight]
    bands: frozenset[Band]
    policy: Policy
    loads: Loads


Kind = TypeVar("Kind", Mode, Sight, Band)


def _some(kind: type[Kind], words: str) -> frozenset[Kind]:
    return frozenset(kind) if words == "any" else frozenset(kind(word) for word in words.split())


def _row(modes: str, grid: str, bands: str, policy: Policy, loads: Loads) -> Row:
    return Row(_some(Mode, modes), _some(Sight, grid), _some(Band, bands), policy, loads)


LIVING: Final = "normal storm_watch backup recovery"
TABLE: Final = (
    # mode                     grid        battery              the battery     the loads
    _row("maintenance",        "any",      "any",               Policy.LEAVE,   Loads.LEAVE),
    _row("isolated",           "any",      "any",               Policy.OFF,     Loads.NONE),
    _row(LIVING,               "unseen",   "any",               Policy.LEAVE,   Loads.LEAVE),
    _row(LIVING,               "gone",     "low middle full",   Policy.CARRY,   Loads.BY_ORDER),
    _row(LIVING,               "gone",     "unknown",           Policy.CARRY,   Loads.NO_MORE),
    _row(LIVING,               "gone",     "floor",             Policy.CARRY,   Loads.NONE),
    _row(LIVING,               "settling", "any",               Policy.REST,    Loads.NO_MORE),
    _row("normal recovery",    "dark",     "any",               Policy.FREE,    Loads.LEAVE),
    _row("storm_watch backup", "dark",     "any",               Policy.HOLD,    Loads.LEAVE),
    _row("normal",             "there",    "any",               Policy.FREE,    Loads.ALL),
    _row("recovery",           "there",    "floor low",         Policy.CHARGE,  Loads.ALL),
    _row("recovery",           "there",    "unknown middle full", Policy.FREE,  Loads.ALL),
    _row("storm_watch backup", "there",    "floor low middle",  Policy.CHARGE,  Loads.ALL),
    _row("storm_watch backup", "there",    "unknown full",      Policy.HOLD,    Loads.ALL),
)  # fmt: skip
"""The specification. Forced charging wants a state of charge that is known; an unknown one is only held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The figures of the order that holds, or the site's own while the city has not ordered anything."""

    reserve_pct: float = 30.0
    target_pct: float = 100.0
    charge_power_w: float | None = None
    tiers_closed: int = 8
    export_limit_w: float | None = None

    @classmethod
    def of(cls, desired: Desired) -> Wishes:
        """Those of a desired state."""
        return cls(
            reserve_pct=desired.reserve_pct,
            target_pct=desired.target_pct,
            charge_power_w=desired.charge_power_w,
            tiers_closed=desired.tiers_closed,
            export_limit_w=desired.export_limit_w,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPoints:
    """What the plant is to do."""

    policy: Policy = Policy.LEAVE
    loads: Loads = Loads.LEAVE
    reserve_pct: float = 0.0
    """Kept in the battery while the grid is there."""
    target_pct: float = 100.0
    """Charged up to."""
    charge_power_w: float | None = None
    tiers_closed: int = 8
    """Tiers that may be closed, from the critical one on."""
    export_limit_w: float | None = None
    wants_backup: bool = False
    """The device's own way of being ready for an outage is wanted too."""


def row_of(mode: Mode, grid: Sight, band: Band) -> Row:
    """The row that a case stands in."""
    return next(row for row in TABLE if mode in row.modes and grid in row.grid and band in row.bands)


def sight_of(grid: GridState, *, in_outage: bool) -> Sight:
    """The grid as the table knows it. A grid that is rejected feeds nobody: that is an outage too."""
    match grid:
        case GridState.PRESENT:
            return Sight.SETTLING if in_outage else Sight.THERE
        case GridState.LOST | GridState.REJECTED:
            return Sight.GONE
        case GridState.METER_DARK:
            return Sight.UNSEEN if in_outage else Sight.DARK
        case GridState.UNKNOWN:
            return Sight.UNSEEN


def band_of(soc_pct: float | None, *, floor_pct: float, reserve_pct: float, target_pct: float, was: Band) -> Band:
    """The band, with hysteresis: a band is left upwards a little later than it is entered downwards."""
    if soc_pct is None:
        return Band.UNKNOWN
    borders = ((Band.FLOOR, floor_pct), (Band.LOW, reserve_pct), (Band.MIDDLE, target_pct))
    for band, border_pct in borders:
        is_full_charge = band is Band.MIDDLE
        # Chargers stop a little before what they are told; a full battery sags before anybody has used it.
        low_pct = border_pct - 2 * HYSTERESIS_PCT if was is Band.FULL else border_pct - 1.0
        limit_pct = low_pct if is_full_charge else border_pct + (HYSTERESIS_PCT if was is band else 0.0)
        if soc_pct < limit_pct:
            return band
    return Band.FULL


def set_points(mode: Mode, grid: Sight, band: Band, wishes: Wishes) -> SetPoints:
    """What the plant is to do in a case."""
    row = row_of(mode, grid, band)
    is_storing = mode in {Mode.STORM_WATCH, Mode.BACKUP}
    return SetPoints(
        policy=row.policy,
        loads=row.loads,
        reserve_pct=max(wishes.target_pct, wishes.reserve_pct) if is_storing else wishes.reserve_pct,
        target_pct=wishes.target_pct if is_storing else wishes.reserve_pct,
        charge_power_w=wishes.charge_power_w,
        tiers_closed=0 if row.loads is Loads.NONE else wishes.tiers_closed,
        export_limit_w=wishes.export_limit_w if row.policy in {Policy.FREE, Policy.CHARGE, Policy.HOLD} else None,
        wants_backup=mode is Mode.BACKUP,
    )
