"""``/api/v1/demand``: running half hours against their targets, proposals, and the targets themselves."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path

from central.api.gate import needs, person, within
from central.api.models import demand as models
from central.api.problems import Problem
from central.api.routes import ERRORS, Asker
from central.core.access import Principal, Right
from central.core.peak.now import DemandNow
from central.core.peak.plans import Plan, PlanError
from central.peak import DemandDesk

Reader = Annotated[Principal, Depends(needs(Right.READ))]
Ruler = Annotated[Principal, Depends(needs(Right.RULES))]
SiteId = Annotated[str, Path(max_length=60, description="Shelter's id", examples=["E0000000001111"])]
NONE_SAID: Final = "Nothing is wanted of this shelter's demand."


def router(desk: DemandDesk, asker: Asker) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1/demand", tags=["energy"], responses=ERRORS)

    @routes.get("", summary="Every shelter's running half hour")
    async def every(_: Reader) -> models.DemandList:
        """Forecast, target and proposal. Demand is the mean power bought in a half hour of Tokyo's clock."""
        return models.DemandList(demand=[models.demand_out(one) for one in desk.all()])

    @routes.get("/{site_id}", summary="One shelter's running half hour")
    async def one(site_id: SiteId, _: Reader) -> models.DemandOut:
        """Forecast, target and proposal, and what the past says of a target that can be held."""
        return models.demand_out(known(desk, asker, site_id))

    @routes.put("/{site_id}", summary="Set the demand that a shelter is to stay under")
    async def set_plan(site_id: SiteId, body: models.PlanIn, who: Ruler) -> models.DemandOut:
        """With `executes` the limits go to the shelter with its next signed desired state, if it is verified; its
        battery then holds the target above its reserve, also while the city is away. In every mode but the normal one
        they count for nothing."""
        await changed(desk, asker, site_id, body, who)
        return models.demand_out(known(desk, asker, site_id))

    @routes.post("/{site_id}/end", summary="Want nothing of a shelter's demand any more")
    async def end(site_id: SiteId, body: models.EndIn, who: Ruler) -> models.DemandOut:
        """Its battery returns to its own ways."""
        await ended(desk, asker, site_id, body, who)
        return models.demand_out(known(desk, asker, site_id))

    return routes


def known(desk: DemandDesk, asker: Asker, site_id: str) -> DemandNow:
    """One shelter's demand.

    Raises:
        Problem: there is no such shelter.
    """
    found = desk.one(asker.site(site_id).site.id)
    assert found is not None
    return found


async def changed(desk: DemandDesk, asker: Asker, site_id: str, body: models.PlanIn, who: Principal) -> None:
    """Make a plan, or change it.

    Raises:
        Problem: there is no such shelter, it is in another ward, or a figure cannot be used.
    """
    site = asker.site(site_id).site
    within(who, Right.RULES, {site.ward})
    plan = Plan(
        site=site.id,
        target_w=body.target_w,
        basis=body.basis,
        executes=body.executes,
        recharges=body.recharges,
        by=person(who, body.by) or who.name,
        at_ms=desk.now(),
        why=body.why.strip(),
    )
    try:
        await desk.set(plan)
    except PlanError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Not a target", f"{error}.", where="body") from None


async def ended(desk: DemandDesk, asker: Asker, site_id: str, body: models.EndIn, who: Principal) -> None:
    """End a plan.

    Raises:
        Problem: there is no such shelter or no plan, or it is in another ward.
    """
    site = asker.site(site_id).site
    within(who, Right.RULES, {site.ward})
    if not await desk.end(site.id, by=person(who, body.by) or who.name, why=body.why.strip()):
        attempt = "GET /api/v1/demand lists what is wanted of each shelter."
        raise Problem(HTTPStatus.NOT_FOUND, "No target", NONE_SAID, where="path: site_id", attempt=attempt)
