"""``/api/v1/alerts``: what is wrong with plants, links and the service; who has seen it; by which rules."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query

from central.api.asked import iso
from central.api.gate import needs, person, within
from central.api.models import alerts as models
from central.api.problems import Problem
from central.api.routes import ERRORS
from central.core.access import Principal, Right
from central.core.watch.alerts import Alert, AlertError
from central.watch.loop import Watch

HOUR_MS: Final = 3_600_000
LIMIT_MAX: Final = 1_000
EVERYWHERE: Final = "全市"
"""Stands for the wards of an alert that is about the city or the service."""
OVER: Final[dict[int | str, dict[str, Any]]] = {
    409: {**ERRORS[404], "description": "The alert is over, or this can't be done to it"}
}
Reader = Annotated[Principal, Depends(needs(Right.READ))]
Teller = Annotated[Principal, Depends(needs(Right.TELL))]
AlertId = Annotated[str, Path(pattern=r"^A[1-9][0-9]{0,15}$", description="Alert's id", examples=["A17"])]


def router(watch: Watch) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], responses=ERRORS)

    @routes.get("", summary="Alerts, those that go on first")
    async def every(
        _: Reader,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="At most so many")] = 100,
        open_only: Annotated[bool, Query(description="Only those that go on")] = False,
    ) -> models.AlertList:
        """Each is about a shelter, or about many that have it for one cause; acknowledged ones are among them."""
        found = watch.alerts[::-1][:limit] if open_only else await watch.rows.newest(limit=limit)
        return models.AlertList(
            alerts=[models.alert_out(alert) for alert in found],
            looked_at=iso(watch.seen.at_ms) if watch.seen else None,
            trouble=watch.trouble,
        )

    @routes.get("/rules", summary="The rules behind alerts")
    async def rules(_: Reader) -> models.RuleList:
        """Their limits as numbers and in words. Their file is read again within a minute of a change."""
        return models.RuleList(rules=[models.rule_out(rule) for rule in watch.rules], fault=watch.file.fault)

    @routes.get("/{alert_id}", summary="One alert with every step")
    async def one(alert_id: AlertId, _: Reader) -> models.AlertDetail:
        """From its first moment on."""
        alert = await found_alert(watch, alert_id)
        steps = await watch.rows.steps(alert.n)
        return models.AlertDetail(alert=models.alert_out(alert), steps=[models.step_out(step) for step in steps])

    @routes.post("/{alert_id}/ack", summary="Take care of an alert", responses=OVER)
    async def ack(alert_id: AlertId, body: models.AckIn, who: Teller) -> models.AlertOut:
        """Nobody else is called until then. What becomes worse has to be acknowledged anew."""
        return models.alert_out(await acknowledged(watch, alert_id, who, body.by, body.hours, body.why))

    @routes.post("/{alert_id}/resolve", summary="Say that an alert is settled", responses=OVER)
    async def resolve(alert_id: AlertId, body: models.ResolveIn, who: Teller) -> models.AlertOut:
        """For what no reading shows. If its rule still holds, it is quiet until it was fine once, or for a week."""
        return models.alert_out(await resolved(watch, alert_id, who, body.by, body.why))

    return routes


async def acknowledged(watch: Watch, alert_id: str, who: Principal, named: str, hours: float | None, why: str) -> Alert:
    """Acknowledge, or say what is in the way.

    Raises:
        Problem: there is no such alert, it is over, or it is not this person's.
    """
    alert = await _touchable(watch, alert_id, who)
    by = _by(who, named)
    until_ms = watch.now() + round(hours * HOUR_MS) if hours else 0
    try:
        return await watch.acknowledge(alert.n, by=by, until_ms=until_ms, why=why)
    except (AlertError, LookupError) as error:
        raise _refused(alert_id, error) from None


async def resolved(watch: Watch, alert_id: str, who: Principal, named: str, why: str) -> Alert:
    """Resolve, or say what is in the way.

    Raises:
        Problem: there is no such alert, it is over, no reason is given, or it is not this person's.
    """
    alert = await _touchable(watch, alert_id, who)
    try:
        return await watch.resolve(alert.n, by=_by(who, named), why=why)
    except (AlertError, LookupError) as error:
        raise _refused(alert_id, error) from None


async def found_alert(watch: Watch, alert_id: str) -> Alert:
    """An alert by its id.

    Raises:
        Problem: there is none.
    """
    alert = await watch.rows.alert(int(alert_id[1:]))
    if alert is None:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "Unknown alert",
            f"No alert has the id {alert_id!r}.",
            where="path: alert_id",
            attempt="GET /api/v1/alerts lists all.",
        )
    return alert


async def _touchable(watch: Watch, alert_id: str, who: Principal) -> Alert:
    alert = await found_alert(watch, alert_id)
    wards = {watch.seen.wards.get(site, EVERYWHERE) for site in alert.sites} if watch.seen else {alert.ward}
    within(who, Right.TELL, {ward or EVERYWHERE for ward in wards} or {EVERYWHERE})
    return alert


def _by(who: Principal, named: str) -> str:
    by = " ".join(person(who, named).split())
    if not by:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Nobody is named",
            "It has to be known who takes care of it.",
            where="body: by",
            attempt="Say who: by.",
        )
    return by


def _refused(alert_id: str, error: Exception) -> Problem:
    detail = f"{error}." if isinstance(error, AlertError) else f"{alert_id} is over already."
    return Problem(
        HTTPStatus.CONFLICT,
        "Not possible",
        detail,
        where="path: alert_id",
        attempt=f"GET /api/v1/alerts/{alert_id} shows how it stands.",
    )
