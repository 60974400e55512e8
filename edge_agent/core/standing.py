"""Which mode holds, and by whose word: the shelter in time. Pure: a state, what is seen and a time in, a state out.

The first word counts: interlock (isolated), technician's lock-out, switch on site, grid-loss autonomy, city, default.
Autonomy has three phases; "settling" is an outage whose grid is back and has to prove itself:

    city     → outage     the grid was gone for ``grid_lost_s``
    outage   → recovery   it was steady for ``grid_stable_s`` and the site's share of ``spread_s``, city wants normal
    outage   → city       the same, and the city wants something else
    recovery → outage     the grid was gone again
    recovery → city       the battery has its reserve and the tiers are closed, or it took too long

What must survive a reboot is ``Kept``. Timers do not: after a reboot a grid has to prove itself anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from contract.steering import Desired, GridState, Mode, Source, StandingOrders
from edge_agent.core.conditions import Conditions
from edge_agent.core.modes import Band, SetPoints, Sight, Wishes, band_of, set_points, sight_of

RECOVERY_MS_MAX: Final = 6 * 3_600_000
"""A battery that never comes to its reserve must not keep the shelter from its mode."""
UNSEEN_MS_MAX: Final = 60_000
"""A grid that was not seen for so long has neither been gone nor been steady meanwhile."""


class Position(StrEnum):
    """The switch on site."""

    AUTO = "auto"
    """The city and the shelter's own standing orders decide."""
    NORMAL = "normal"
    BACKUP = "backup"
    ISOLATE = "isolate"
    MAINTENANCE = "maintenance"
    """A technician's lock-out: nothing is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The switch on site as it stands."""

    position: Position = Position.AUTO
    at_ms: int = 0
    lifts_isolation: bool = False
    """Somebody on site has seen that the water is gone: the city's isolation ends."""
    by: str = ""

    @property
    def turn(self) -> tuple[Position, int, str]:
        """Which turn of the switch it is: the same one is not taken in twice."""
        return self.position, self.at_ms, self.by


class Phase(StrEnum):
    """What the shelter's own standing orders have come to."""

    CITY = "city"
    OUTAGE = "outage"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What survives a reboot."""

    desired: Desired | None = None
    """Newest desired state that switches."""
    revision: int = 0
    """Newest that was taken, drills included."""
    digest: str = ""
    """Of its bytes: the same one again is no conflict."""
    drill: Desired | None = None
    """The newest, when it is a drill that does not switch."""
    phase: Phase = Phase.CITY
    outages: int = 0
    mode: Mode = Mode.NORMAL
    source: Source = Source.DEFAULT
    is_isolated: bool = False
    switch: Switch = Switch()
    lift_ms: int = -1
    """When the switch was turned that lifted an isolation last, ..."""
    is_lift_spent: bool = False
    """... and whether an order came since: it does not lift that one."""
    heard_ms: int = 0
    """When the city was last heard, UTC; 0: never, or nobody knew the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What this site decides when the city has said nothing."""

    site: str
    seed: int = 0
    floor_pct: float = 10.0
    charge_power_w: float | None = None
    """Most that a battery here may be charged with, where staff entered it."""
    wishes: Wishes = field(default_factory=Wishes)
    orders: StandingOrders = field(default_factory=StandingOrders)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """The shelter now. Times are milliseconds of the clock that nobody sets; None: not so at the moment."""

    kept: Kept = Kept()
    grid: GridState = GridState.UNKNOWN
    lost_since_ms: int | None = None
    steady_since_ms: int | None = None
    unseen_since_ms: int | None = None
    rejected_since_ms: int | None = None
    """Since when the grid is there and the inverter stands alone: a person who is to switch back waits for it too."""
    known_grid: GridState = GridState.UNKNOWN
    """The grid as it was seen last: one poll that fails changes no set-point."""
    soc_seen_ms: int | None = None
    recovery_since_ms: int | None = None
    band: Band = Band.UNKNOWN
    points: SetPoints = field(default_factory=SetPoints)
    due_ms: int | None = None
    """When the next thing happens by itself."""


def turned(kept: Kept, switch: Switch) -> Kept:
    """After the switch on site was turned. Each lifting of an isolation counts once, whatever comes between."""
    if switch.turn == kept.switch.turn:
        return kept
    if not switch.lifts_isolation:
        return replace(kept, switch=switch)
    is_spent = kept.is_lift_spent and switch.at_ms == kept.lift_ms
    switch = replace(switch, lifts_isolation=not is_spent)
    return replace(kept, switch=switch, lift_ms=switch.at_ms, is_lift_spent=is_spent)


def advance(state: SiteState, seen: Conditions, own: Own, now_ms: int, utc_ms: int | None = None) -> SiteState:
    """The state a moment later. ``utc_ms`` is None while the time is not known."""
    state = _watch_grid(replace(state, grid=seen.grid), now_ms)
    state = _phase(state, seen, own, now_ms, utc_ms)
    kept = state.kept
    is_isolated = _isolated(kept)
    mode, source = _mode(kept, is_isolated=is_isolated, utc_ms=utc_ms, grid=state.grid)
    # What the default has to say of the figures counts only while the city has said nothing.
    wishes = own.wishes if kept.desired is None else Wishes.of(kept.desired)
    aim_pct = wishes.target_pct if mode in {Mode.STORM_WATCH, Mode.BACKUP} else 100.0
    if seen.soc_pct is not None:
        state = replace(state, soc_seen_ms=now_ms)
    band = _band(state, seen, own, wishes, aim_pct, now_ms)
    points = set_points(mode, sight(state), band, wishes)
    points = replace(points, reserve_pct=max(points.reserve_pct, own.floor_pct))
    if source is Source.DEFAULT and mode is Mode.NORMAL and kept.desired is None and not kept.outages:
        points = SetPoints()  # Nobody has ordered anything yet, so the plant keeps what it was set to.
    kept = replace(kept, mode=mode, source=source, is_isolated=is_isolated)
    return replace(state, kept=kept, band=band, points=points, due_ms=_due_ms(state, own))


def _band(state: SiteState, seen: Conditions, own: Own, wishes: Wishes, aim_pct: float, now_ms: int) -> Band:
    """The band; a state of charge that was not seen for a moment is what it was."""
    if seen.soc_pct is None and state.soc_seen_ms is not None and now_ms - state.soc_seen_ms <= UNSEEN_MS_MAX:
        return state.band
    return band_of(
        seen.soc_pct, floor_pct=own.floor_pct, reserve_pct=wishes.reserve_pct, target_pct=aim_pct, was=state.band
    )


def recovery_delay_ms(own: Own, outages: int, spread_s: float) -> int:
    """The site's share of the spread: another one after every outage, the same after a reboot."""
    digest = hashlib.blake2b(f"{own.site} {own.seed} {outages}".encode(), digest_size=8).digest()
    return round(int.from_bytes(digest, "big") / 2**64 * spread_s * 1000)


def standing_orders(kept: Kept, own: Own) -> StandingOrders:
    """The signed ones, or the site's own."""
    return own.orders if kept.desired is None else kept.desired.standing


def _watch_grid(state: SiteState, now_ms: int) -> SiteState:
    match state.grid:
        case GridState.LOST | GridState.REJECTED:
            since_ms = now_ms if state.lost_since_ms is None else state.lost_since_ms
            back_ms = now_ms if state.rejected_since_ms is None else state.rejected_since_ms
            rejected_ms = back_ms if state.grid is GridState.REJECTED else None
            state = replace(state, known_grid=state.grid, rejected_since_ms=rejected_ms)
            return replace(state, lost_since_ms=since_ms, steady_since_ms=None, unseen_since_ms=None)
        case GridState.PRESENT:
            since_ms = now_ms if state.steady_since_ms is None else state.steady_since_ms
            state = replace(state, known_grid=state.grid, rejected_since_ms=None)
            return replace(state, lost_since_ms=None, steady_since_ms=since_ms, unseen_since_ms=None)
        case GridState.METER_DARK | GridState.UNKNOWN:
            since_ms = now_ms if state.unseen_since_ms is None else state.unseen_since_ms
            if now_ms - since_ms <= UNSEEN_MS_MAX:
                return replace(state, unseen_since_ms=since_ms)
            state = replace(state, known_grid=state.grid, rejected_since_ms=None)
            return replace(state, lost_since_ms=None, steady_since_ms=None, unseen_since_ms=since_ms)


def _phase(state: SiteState, seen: Conditions, own: Own, now_ms: int, utc_ms: int | None) -> SiteState:
    kept, orders = state.kept, standing_orders(state.kept, own)
    is_gone = state.grid in {GridState.LOST, GridState.REJECTED} and state.lost_since_ms is not None
    if kept.phase is not Phase.OUTAGE:
        if is_gone and now_ms - (state.lost_since_ms or 0) >= orders.grid_lost_s * 1000:
            kept = replace(kept, phase=Phase.OUTAGE, outages=kept.outages + 1)
            return replace(state, kept=kept, recovery_since_ms=None)
        if kept.phase is Phase.RECOVERY:
            since_ms = now_ms if state.recovery_since_ms is None else state.recovery_since_ms
            is_over = now_ms - since_ms >= RECOVERY_MS_MAX or _is_recovered(state, seen, own)
            if is_over or _base(kept, utc_ms, state.grid)[0] is not Mode.NORMAL:
                return replace(state, kept=replace(kept, phase=Phase.CITY), recovery_since_ms=None)
            return replace(state, recovery_since_ms=since_ms)
        return state
    due_ms = _return_ms(state, own)
    if state.grid is not GridState.PRESENT or due_ms is None or now_ms < due_ms:
        return state
    is_normal = _base(kept, utc_ms, state.grid)[0] is Mode.NORMAL
    kept = replace(kept, phase=Phase.RECOVERY if is_normal else Phase.CITY)
    return replace(state, kept=kept, recovery_since_ms=now_ms if is_normal else None)


def _is_recovered(state: SiteState, seen: Conditions, own: Own) -> bool:
    wishes = own.wishes if state.kept.desired is None else Wishes.of(state.kept.desired)
    is_filled = seen.soc_pct is not None and seen.soc_pct >= wishes.reserve_pct - 1.0
    return is_filled and state.grid is GridState.PRESENT and False not in seen.tiers


def _return_ms(state: SiteState, own: Own) -> int | None:
    """When a grid that is back has proven itself and the site's turn has come."""
    if state.steady_since_ms is None or state.kept.phase is not Phase.OUTAGE:
        return None
    orders = standing_orders(state.kept, own)
    delay_ms = recovery_delay_ms(own, state.kept.outages, orders.spread_s)
    return state.steady_since_ms + round(orders.grid_stable_s * 1000) + delay_ms


def hand_back_ms(state: SiteState, own: Own) -> int | None:
    """When a person may be asked to switch back: the grid was there for so long; None while it is not there."""
    if state.rejected_since_ms is None or state.known_grid is not GridState.REJECTED:
        return None
    return state.rejected_since_ms + round(standing_orders(state.kept, own).grid_stable_s * 1000)


def _due_ms(state: SiteState, own: Own) -> int | None:
    if state.kept.phase is Phase.OUTAGE:
        return _return_ms(state, own)
    if state.lost_since_ms is None:
        return None
    return state.lost_since_ms + round(standing_orders(state.kept, own).grid_lost_s * 1000)


def _isolated(kept: Kept) -> bool:
    """Whether the interlock holds. The city's isolation ends by its newer order, or by somebody on site who says so."""
    if kept.switch.position is Position.ISOLATE:
        return True
    return kept.desired is not None and kept.desired.mode is Mode.ISOLATED and not kept.switch.lifts_isolation


_BY_SWITCH: Final = {Position.NORMAL: Mode.NORMAL, Position.BACKUP: Mode.BACKUP}
_BY_PHASE: Final = {Phase.OUTAGE: Mode.BACKUP, Phase.RECOVERY: Mode.RECOVERY}


def _mode(kept: Kept, *, is_isolated: bool, utc_ms: int | None, grid: GridState) -> tuple[Mode, Source]:
    """The mode and who decided it: the first line that has something to say."""
    if is_isolated:
        return Mode.ISOLATED, Source.LOCAL_SWITCH if kept.switch.position is Position.ISOLATE else Source.CITY
    if kept.switch.position is Position.MAINTENANCE:
        return Mode.MAINTENANCE, Source.LOCK_OUT
    if kept.switch.position in _BY_SWITCH:
        return _BY_SWITCH[kept.switch.position], Source.LOCAL_SWITCH
    base, source = _base(kept, utc_ms, grid)
    if kept.phase in _BY_PHASE:
        mode = _BY_PHASE[kept.phase]
        return mode, source if mode is base else Source.GRID_LOSS
    return base, source


def _base(kept: Kept, utc_ms: int | None, grid: GridState) -> tuple[Mode, Source]:
    """What the city wants, or the default when it has said nothing for too long and the grid is there."""
    if kept.desired is None:
        return Mode.NORMAL, Source.DEFAULT
    is_heard = not (utc_ms and kept.heard_ms) or utc_ms - kept.heard_ms <= kept.desired.standing.valid_s * 1000
    if is_heard or grid is not GridState.PRESENT:
        mode = Mode.NORMAL if kept.desired.mode is Mode.ISOLATED else kept.desired.mode
        return mode, Source.CITY
    return Mode.NORMAL, Source.DEFAULT


def sight(state: SiteState) -> Sight:
    """The grid as the table of modes knows it."""
    return sight_of(state.known_grid, in_outage=state.kept.phase is Phase.OUTAGE)
