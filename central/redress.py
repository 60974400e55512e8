"""What a person does about shelters that an order did not reach: send it again, release them, write them off.

Each is one entry of the book and at most one signed order, kept together before anything is sent (central/control.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from central.control import Control
from central.core.audit import Action, Decision
from central.core.incidents import signed_by
from central.core.unreached import again, no_release, no_retry, refuse, released
from contract.steering import Desired


async def retry(control: Control, incident_id: str, site: str, *, by: str, why: str) -> None:
    """Send an incident's order again to one of its shelters that did not obey.

    Raises:
        UnknownError, RefusedError, AskedWronglyError, NoKeyError: nothing was done.
        StoreError: it was not kept.
    """
    person, reason = signed_by(by, why)

    def made() -> tuple[Decision, Desired | None]:
        incident, fleet, now_ms = control.incident(incident_id), control.fleet, control.now()
        standing = fleet.standing(site, now_ms) if site in control.registered() else None
        refuse(no_retry(incident, site, standing, is_switchable=control.is_switchable(site)))
        order = fleet.orders[site]
        desired = again(order, fleet.reported_revision(site), control.policy, now_ms)
        detail = {"before": order.revision, "revision": desired.revision, "outcome": fleet.outcome(site).value}
        entry = _entry(control, Action.ORDER_REPEATED, site, person, reason, incident=incident_id, detail=detail)
        return entry, desired

    await control.carry_out(made)


async def release(control: Control, site: str, *, by: str, why: str) -> None:
    """Send its release to a shelter that the registry does not know any more.

    Raises:
        RefusedError, AskedWronglyError, NoKeyError: nothing was done.
        StoreError: it was not kept.
    """
    person, reason = signed_by(by, why)

    def made() -> tuple[Decision, Desired | None]:
        _look(control, site, is_write_off=False)
        fleet = control.fleet
        order = fleet.orders[site]
        desired = released(order, fleet.reported_revision(site), control.policy, control.now())
        detail = {"before": order.revision, "revision": desired.revision}
        return _entry(control, Action.REMOVED_RELEASED, site, person, reason, detail=detail), desired

    await control.carry_out(made)


async def write_off(control: Control, site: str, *, by: str, why: str) -> None:
    """Wait no more for a shelter that the registry does not know any more. Nothing is sent.

    Raises:
        RefusedError, AskedWronglyError: nothing was done.
        StoreError: it was not kept.
    """
    person, reason = signed_by(by, why)

    def made() -> tuple[Decision, Desired | None]:
        _look(control, site, is_write_off=True)
        detail = {"revision": control.fleet.orders[site].revision}
        return _entry(control, Action.WRITTEN_OFF, site, person, reason, detail=detail), None

    await control.carry_out(made)


def _look(control: Control, site: str, *, is_write_off: bool) -> None:
    registered = control.registered()
    left = control.fleet.left_behind(registered)
    incidents = control.incidents.values()
    refuse(no_release(site, left, registered, incidents, control.now(), is_write_off=is_write_off))


def _entry(
    control: Control,
    action: Action,
    site: str,
    by: str,
    why: str,
    *,
    detail: Mapping[str, int | str],
    incident: str = "",
) -> Decision:
    return Decision(at_ms=control.now(), by=by, action=action, why=why, incident=incident, site=site, detail=detail)
