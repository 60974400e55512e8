"""``/api/v1``: hours left, order of visits, reachability, and what staff say of a shelter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Query

from central.api.asked import parse_time_ms
from central.api.gate import needs, person, within
from central.api.models import autonomy as models
from central.api.problems import MEDIA_TYPE, Problem, ProblemBody, nearest
from central.core.access import Principal, Right
from central.core.autonomy.values import HOUR_MS
from central.core.city import Site
from central.core.dispatch import AT_ONCE_H
from central.core.facts import FOR_STAFF, RESTS_ON, Fact, FactError, newest, signed_by, tidy
from central.core.rationing import TARGET_H
from central.core.reach import TARGET_PCT
from central.forecast import ONSET_HOURS_MAX, TARGET_H_MAX, Forecast, NotYetError
from central.store.facts import FactRows

T = TypeVar("T")
_PROBLEM: Final[dict[str, Any]] = {
    "model": ProblemBody,
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    401: {**_PROBLEM, "description": "Nobody is signed in, or the token opens nothing"},
    403: {**_PROBLEM, "description": "The person or the token may not do this, or not in this ward"},
    400: {**_PROBLEM, "description": "The question can't be answered as asked"},
    404: {**_PROBLEM, "description": "Nothing has this name"},
    422: {**_PROBLEM, "description": "A parameter is not valid"},
    500: {**_PROBLEM, "description": "The service failed; its log says why"},
    503: {**_PROBLEM, "description": "The records do not answer, or nothing was worked out yet"},
}
SiteId = Annotated[str, Path(max_length=64, description="ID of the shelter", examples=["E0000000001111"])]


def router(
    forecast: Forecast, facts: FactRows, *, sites: Callable[[], dict[str, Site]], clock: Callable[[], int]
) -> APIRouter:
    """All routes. ``sites``: the registry by id."""
    routes = APIRouter(prefix="/api/v1", dependencies=[Depends(needs(Right.READ))])
    _add_hours(routes, forecast, sites)
    _add_plans(routes, forecast, sites, clock)
    _add_facts(routes, facts, sites, clock)
    return routes


async def _worked_out(work: Awaitable[T]) -> T:
    try:
        return await work
    except NotYetError as error:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "Not yet", f"{error}.", attempt="Ask again.", headers={"Retry-After": "30"}
        ) from None


def _check_site(site_id: str, known: dict[str, Site]) -> None:
    if site_id not in known:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "Unknown site",
            f"No shelter has the id {site_id[:60]!r}.",
            where="path: site_id",
            attempt="Use one of the ids in 'nearest', or list all by GET /api/v1/sites.",
            nearest=nearest(site_id, known),
        )


def _add_hours(routes: APIRouter, forecast: Forecast, sites: Callable[[], dict[str, Site]]) -> None:
    @routes.get("/autonomy", tags=["autonomy"], summary="Hours left of all shelters", responses=ERRORS)
    async def city() -> models.CityAutonomy:
        """How long each shelter's loads last without the grid, the fewest hours first. Not older than five minutes."""
        return models.city_out(await _worked_out(forecast.fresh()), sites())

    @routes.get("/sites/{site_id}/autonomy", tags=["autonomy"], summary="Hours left of one shelter", responses=ERRORS)
    async def one(
        site_id: SiteId,
        target_h: Annotated[int, Query(ge=1, le=TARGET_H_MAX, description="Ration for so many hours")] = TARGET_H,
    ) -> models.ShelterAutonomy:
        """With the tiers to leave on so that it lasts to the target. Nothing is switched by it."""
        _check_site(site_id, sites())
        found = await _worked_out(forecast.shelter(site_id, target_h=target_h))
        if found is None:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Not yet",
                f"The hours of {site_id} are not worked out: it was registered just now, or its values do not fit.",
                attempt="Ask again in a few minutes; the service's log says why if it stays so.",
            )
        return models.autonomy_out(found, sites())


def _add_plans(
    routes: APIRouter, forecast: Forecast, sites: Callable[[], dict[str, Site]], clock: Callable[[], int]
) -> None:
    @routes.get("/dispatch-order", tags=["autonomy"], summary="Whom to go to first", responses=ERRORS)
    async def dispatch_order(
        target_h: Annotated[
            float, Query(gt=AT_ONCE_H, le=TARGET_H, description="Hours that every shelter should last")
        ] = TARGET_H,
    ) -> models.DispatchOrder:
        """For a mobile generator or an electric car: by hours left, people, and who depends on a powered device."""
        city_now = await _worked_out(forecast.fresh())
        return models.visits_out(city_now.at_ms, target_h, city_now.visits(target_h=target_h), sites())

    @routes.get("/reach", tags=["autonomy"], summary="Who can be charged before an event", responses=ERRORS)
    async def reach(
        onset: Annotated[str, Query(max_length=64, description="ISO 8601 with offset, or UTC ms")],
        target_pct: Annotated[float, Query(gt=0, le=100, description="State of charge that is wanted, %")] = TARGET_PCT,
    ) -> models.CityReachOut:
        """Which shelters can be at the target by the onset, why others can't, and by when the order must be given."""
        onset_ms = parse_time_ms(onset, where="query: onset")
        if not 0 < onset_ms - clock() <= ONSET_HOURS_MAX * HOUR_MS:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "An onset out of range",
                f"{onset[:60]!r} is not within the next {ONSET_HOURS_MAX} hours.",
                where="query: onset",
                attempt="Name a time ahead, such as 2026-09-08T18:00:00+09:00.",
            )
        found = await _worked_out(forecast.reach(onset_ms=onset_ms, target_pct=target_pct))
        return models.reach_out(found, sites())


def _add_facts(
    routes: APIRouter,
    facts: FactRows,
    sites: Callable[[], dict[str, Site]],
    clock: Callable[[], int],
) -> None:
    async def told(site_id: str, who: Principal) -> models.Facts:
        said = [one for one in await facts.of_site(site_id, limit=1_000) if who.name or one.name not in FOR_STAFF]
        holding = newest(reversed(said)).get(site_id, {})
        return models.Facts(
            site=site_id,
            facts=[models.fact_out(holding[name]) for name in sorted(holding)],
            said=[models.fact_out(fact) for fact in said],
        )

    @routes.get("/sites/{site_id}/facts", tags=["autonomy"], summary="What staff say of a shelter", responses=ERRORS)
    async def read(site_id: SiteId, who: Annotated[Principal, Depends(needs(Right.READ))]) -> models.Facts:
        """Contact and access are told to who is known by name."""
        _check_site(site_id, sites())
        return await told(site_id, who)

    @routes.put(
        "/sites/{site_id}/facts",
        tags=["autonomy"],
        summary="Say something of a shelter",
        responses=ERRORS,
    )
    async def write(
        site_id: SiteId, body: models.FactsIn, who: Annotated[Principal, Depends(needs(Right.TELL))]
    ) -> models.Facts:
        """All or none. What was said before is kept."""
        _check_site(site_id, sites())
        within(who, Right.TELL, [sites()[site_id].ward])
        try:
            by = signed_by(person(who, body.by))
            pairs = [tidy(name, str(value)) for name, value in body.facts.items()]
        except FactError as error:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "It can't be kept as said", f"{error}.", where="body"
            ) from None
        if Right.PROVE not in who.rights and (beyond := RESTS_ON.intersection(name for name, _ in pairs)):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "Not allowed",
                f"{who.name} has not the right 'prove', which {', '.join(sorted(beyond))} ask for.",
                where="body",
                attempt="Leave them out, or ask a technician.",
            )
        at_ms = clock()
        await facts.add([Fact(site=site_id, name=name, value=value, by=by, at_ms=at_ms) for name, value in pairs])
        return await told(site_id, who)
