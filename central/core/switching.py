"""Whether a shelter needs a new desired state, and which. Pure.

A revision grows only when what it says changes, or before it expires. Only a verified shelter is told to be stricter
than it is; to be less strict is told to any, so that nobody is left behind in a mode. A drill that switches nothing
waits until the shelter has proven that it is released from what came before, and it ends as a drill: it writes nothing
even then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import msgspec

from central.core.incidents import RELEASED, STRICTNESS, Incident, Phase, Wanted, wanted
from central.core.orders import OF_DEMAND, Order
from contract.messages import INTEGER_MAX
from contract.shaving import PeakLimits
from contract.steering import Desired, Mode, StandingOrders

TEXT_MAX: Final = 200
RENEW_SHARE: Final = 4
"""An order is renewed in the last quarter of its time."""
LEAP_MAX: Final = 1_000_000
"""How far a shelter's revision is believed to be ahead of ours (our records may have been restored from a copy)."""
DRILL_OVER: Final = replace(RELEASED, is_drill=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What every desired state says besides the incident's wish."""

    reserve_pct: float = 30.0
    standing: StandingOrders = field(default_factory=StandingOrders)
    valid_s: float = 30 * 86_400.0
    """How long a shelter that comes back may still take it."""
    peaks: Mapping[str, PeakLimits] = field(default_factory=dict)
    """Shelters whose battery is to hold their demand in normal mode."""
    shaved: frozenset[str] = frozenset()
    """Shelters that were ever told of such limits, so that only an order that counts takes them back."""


class Hold(StrEnum):
    """Why a shelter is not told what is wanted."""

    NOT_VERIFIED = "not_verified"
    """No report proves that it can."""
    NOT_RELEASED = "not_released"
    """A drill waits until the shelter is back from what came before."""
    NUMBERS_JUMP = "numbers_jump"
    """It says again and again that it has taken orders which the city never gave."""
    REMOVED = "removed"
    """The registry does not know it any more, and the city's last order still holds there."""
    WRITTEN_OFF = "written_off"
    """The same, and a person has said that nobody waits for it."""


def next_order(
    site: str,
    want: Wanted,
    current: Order | None,
    *,
    is_switchable: bool,
    is_settled: bool,
    reported_revision: int,
    policy: Policy,
    now_ms: int,
    may_catch_up: bool = True,
) -> Desired | Hold | None:
    """The desired state to issue, why there is none although something is wanted, or None: all is as it should be.

    ``is_settled``: the shelter has proven the current one. ``may_catch_up``: whether its word that it has taken a newer
    one is answered by a still newer one; whoever says so without end must not make the city send without end.
    """
    held: Hold | None = None
    if want is not RELEASED and not is_switchable:
        # What it is already may stay while somebody wants it; more is not asked of it.
        now_is = current.desired.mode if current is not None and current.switches else Mode.NORMAL
        if STRICTNESS[want.mode] > STRICTNESS[now_is] or not want.switches:
            return Hold.NOT_VERIFIED
        if STRICTNESS[want.mode] == STRICTNESS[now_is]:
            return None
    if not want.switches and current is not None and current.switches:
        released = current.desired.mode is Mode.NORMAL and not current.desired.is_drill
        if not (released and is_settled):
            want, held = RELEASED, Hold.NOT_RELEASED
    peak = policy.peaks.get(site) if is_switchable and want is RELEASED else None
    if want is RELEASED and current is None and peak is None:
        return None
    if want is RELEASED and current is not None and not current.switches and site not in policy.shaved:
        want = DRILL_OVER
    made = desired_of(site, want, current, reported_revision, policy, now_ms)
    made = msgspec.structs.replace(made, peak=peak, reason=_reason(made, current, want, is_settled=is_settled))
    if current is None or _effect(current.desired) != _effect(made):
        return made
    if _is_ahead(reported_revision, current.revision):
        if may_catch_up:
            return made
        held = Hold.NUMBERS_JUMP
    is_over = want is DRILL_OVER or (want is RELEASED and is_settled)
    ends_ms = current.desired.expires_ms - policy.valid_s * 1_000 / RENEW_SHARE
    return held if is_over or now_ms < ends_ms else made


def due(
    incidents: Iterable[Incident],
    orders: Mapping[str, Order],
    registered: Iterable[str],
    *,
    is_switchable: Callable[[str], bool],
    is_settled: Callable[[str], bool],
    reported_revision: Callable[[str], int],
    may_catch_up: Callable[[str], bool],
    policy: Policy,
    now_ms: int,
) -> tuple[list[Desired], dict[str, Hold]]:
    """Desired states to issue, and why there is none for shelters that should have one. ``orders``: what holds now."""
    active = [incident for incident in incidents if incident.phase is Phase.ACTIVE]
    concerned = {site for incident in active for site in incident.sites} | orders.keys() | policy.peaks.keys()
    desired: list[Desired] = []
    holds: dict[str, Hold] = {}
    for site in sorted(concerned & set(registered)):
        answer = next_order(
            site,
            wanted(active, site),
            orders.get(site),
            is_switchable=is_switchable(site),
            is_settled=is_settled(site),
            reported_revision=reported_revision(site),
            may_catch_up=may_catch_up(site),
            policy=policy,
            now_ms=now_ms,
        )
        if isinstance(answer, Hold):
            holds[site] = answer
        elif answer is not None:
            desired.append(answer)
    return desired, holds


def desired_of(
    site: str, want: Wanted, current: Order | None, reported_revision: int, policy: Policy, now_ms: int
) -> Desired:
    """A wish as a desired state, under a number that is newer than ``current`` and than what the shelter has taken."""
    newest = current.revision if current else 0
    if _is_ahead(reported_revision, newest):
        newest = reported_revision
    return Desired(
        site=site,
        revision=min(newest + 1, INTEGER_MAX),
        issued_ms=now_ms,
        expires_ms=now_ms + round(policy.valid_s * 1_000),
        mode=want.mode,
        reserve_pct=policy.reserve_pct,
        target_pct=want.target_pct,
        charge_power_w=want.charge_power_w,
        tiers_closed=want.tiers_closed,
        standing=policy.standing,
        incident=", ".join(want.incidents)[:TEXT_MAX],
        reason=want.reason[:TEXT_MAX],
        is_drill=want.is_drill,
        is_live_drill=want.is_live,
    )


def _reason(made: Desired, current: Order | None, want: Wanted, *, is_settled: bool) -> str:
    """Whether it is about the demand alone: then nobody is called out for it."""
    if want is not RELEASED:
        return made.reason
    before = current.desired if current is not None else None
    is_normal = before is None or (before.mode is Mode.NORMAL and (is_settled or before.reason == OF_DEMAND))
    return OF_DEMAND if is_normal else made.reason


def _is_ahead(reported_revision: int, newest: int) -> bool:
    return newest < reported_revision <= newest + LEAP_MAX


def _effect(desired: Desired) -> dict[str, Any]:
    """What a desired state says, without its number, its times, and whose wish it is."""
    told = msgspec.structs.asdict(desired)
    return {name: told[name] for name in told.keys() - {"revision", "issued_ms", "expires_ms", "incident", "reason"}}
