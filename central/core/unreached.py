"""Shelters that an order did not reach: who is told of it, and what a person may do. Pure.

An order that a shelter did not obey can be sent again: the same wish under a new number, which is a new start for a
device that gave up. A shelter that the registry does not know any more gets no order by itself; while the city's last
order still holds there, a person releases it, or writes it off after having seen to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from central.core.audit import SYSTEM, Action, Decision
from central.core.incidents import RELEASED, STRICTNESS, Incident, Phase
from central.core.orders import OF_DEMAND, SETTLED, UNDONE, Order, Outcome, Standing
from central.core.refusals import No, RefusedError
from central.core.switching import Policy, desired_of
from contract.steering import Desired, Mode

Mark = tuple[str, int]
"""A shelter and the number of its order."""
PHASES: Final = frozenset({Phase.ACTIVE, Phase.STANDING_DOWN})
"""In which an incident's orders can be sent again."""


def escalations(standings: Iterable[Standing], known: Collection[tuple[str, int, str]], now_ms: int) -> list[Decision]:
    """What has to be noted of shelters that did not prove their orders. ``known``: what was noted before."""
    return [
        Decision(
            at_ms=now_ms,
            by=SYSTEM,
            action=Action.ESCALATED,
            why=one.cause,
            incident=one.order.desired.incident,
            site=one.site,
            detail={"revision": one.order.revision, "outcome": one.outcome.value},
        )
        for one in standings
        if one.wants_crew and (one.site, one.order.revision, one.outcome.value) not in known
    ]


def no_retry(incident: Incident, site: str, standing: Standing | None, *, is_switchable: bool) -> No | None:
    """Why a shelter's order is not sent again for an incident; None: it can be."""
    if incident.phase not in PHASES:
        return No.IS_CLOSED if incident.phase is Phase.CLOSED else No.NOTHING_SENT
    if standing is None or site not in incident.sites:
        return No.NOTHING_SENT
    if standing.is_done:
        return No.IT_OBEYS
    if standing.is_on_its_own:
        return No.ON_ITS_OWN
    if STRICTNESS[standing.order.desired.mode] and not is_switchable:
        return No.NOT_VERIFIED
    return None if standing.is_overdue or standing.outcome in UNDONE else No.UNDER_WAY


def again(order: Order, reported_revision: int, policy: Policy, now_ms: int) -> Desired:
    """The same wish as an order under a new number, and for a whole time again."""
    new = desired_of(order.site, RELEASED, order, reported_revision, policy, now_ms)
    return msgspec.structs.replace(
        order.desired, revision=new.revision, issued_ms=new.issued_ms, expires_ms=new.expires_ms
    )


def left_behind(
    orders: Mapping[str, Order],
    registered: Collection[str],
    outcomes: Mapping[str, Outcome],
    written_off: Collection[Mark],
) -> dict[str, Order]:
    """Orders that may still hold at shelters which the registry does not know any more, by site."""
    return {
        site: order
        for site, order in sorted(orders.items())
        if site not in registered
        and order.switches
        and order.desired.reason != OF_DEMAND
        and (order.desired.mode is not Mode.NORMAL or outcomes.get(site) not in SETTLED)
        and (site, order.revision) not in written_off
    }


def no_release(
    site: str,
    left: Mapping[str, Order],
    registered: Collection[str],
    incidents: Iterable[Incident],
    now_ms: int,
    *,
    is_write_off: bool,
) -> No | None:
    """Why a shelter is not released, or written off, apart from its incidents; None: it can be."""
    if site in registered:
        return No.REGISTERED
    order = left.get(site)
    if order is None:
        return No.NOT_OUT
    if any(incident.holds(site) for incident in incidents):
        return No.STILL_HELD
    is_released = order.desired.mode is Mode.NORMAL and now_ms < order.desired.expires_ms
    return No.ALREADY if is_released and not is_write_off else None


def released(order: Order, reported_revision: int, policy: Policy, now_ms: int) -> Desired:
    """The order that takes back what a shelter was told last."""
    return desired_of(order.site, RELEASED, order, reported_revision, policy, now_ms)


def written_off(decisions: Iterable[Decision]) -> set[Mark]:
    """Orders that nobody waits for any more, by the book."""
    return {(d.site, int(d.detail["revision"])) for d in decisions if d.action is Action.WRITTEN_OFF}


def refuse(no: No | None) -> None:
    """Raise what stands against an act.

    Raises:
        RefusedError: something does.
    """
    if no is not None:
        raise RefusedError(no)
