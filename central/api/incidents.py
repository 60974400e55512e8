"""``/api/v1/incidents``: preview, declare, confirm, end, watch. The words are the command line's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.responses import StreamingResponse

from central.api.desk import Desk
from central.api.gate import needs, person, within
from central.api.models import incident as models
from central.api.models import incident_asked as asked
from central.api.problems import MEDIA_TYPE, Problem, ProblemBody, nearest
from central.control import NoKeyError, UnknownError
from central.core.access import Principal, Right
from central.core.incidents import Act, AskedWronglyError, Phase
from central.core.refusals import RefusedError
from central.core.scope import Scope, ScopeError
from central.redress import release, retry, write_off

READERS_MAX: Final = 100
STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
RETRY_MS: Final = 2_000
T = TypeVar("T")
_PROBLEM: Final[dict[str, Any]] = {
    "model": ProblemBody,
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
}
READ_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    401: {**_PROBLEM, "description": "Nobody is signed in, or the token opens nothing"},
    403: {**_PROBLEM, "description": "The person or the token may not do this, or not in these wards"},
    404: {**_PROBLEM, "description": "Nothing has this name"},
    422: {**_PROBLEM, "description": "A parameter is not valid"},
    500: {**_PROBLEM, "description": "The service failed; its log says why"},
    503: {**_PROBLEM, "description": "The records do not answer, or there is no room for another stream"},
}
WRITE_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    **READ_ERRORS,
    409: {**_PROBLEM, "description": "Not in this phase, another person is wanted, or the city has no key"},
}
_EVENTS: Final = 'id: 1042\nevent: receipt\ndata: {"n":1042,"site":"E0000000001111","stage":"verified"}\n\n'
UNREGISTERED: Final = "–"
"""The ward of a shelter that is not registered: nobody is bound to it, so only who is bound to none may act."""
SiteId = Annotated[str, Path(max_length=64, description="ID of the shelter", examples=["E0000000001111"])]
IncidentId = Annotated[str, Path(max_length=40, description="As people say it", examples=["I20261125-1"])]


class Readers:
    """Open streams."""

    def __init__(self) -> None:
        self.count = 0


Decider = Annotated[Principal, Depends(needs(Right.SWITCH))]


def router(desk: Desk) -> APIRouter:
    """All routes."""
    routes = APIRouter(prefix="/api/v1", dependencies=[Depends(needs(Right.READ))])

    _add_reading(routes, desk)
    _add_stream(routes, desk, Readers())
    _add_deciding(routes, desk)
    _add_redress(routes, desk)
    return routes


async def _decided(work: Awaitable[T]) -> T:
    """Refusals as answers."""
    try:
        return await work
    except RefusedError as error:
        raise Problem(HTTPStatus.CONFLICT, f"Not now: {error.no.value}", f"{error}.") from None
    except NoKeyError as error:
        raise Problem(HTTPStatus.CONFLICT, "No key", f"{error}.") from None
    except (AskedWronglyError, ScopeError) as error:
        raise _wrong(error) from None
    except UnknownError as error:
        raise Problem(HTTPStatus.NOT_FOUND, "Unknown incident", f"No incident has the id {error}.") from None


def _rations(desk: Desk) -> tuple[tuple[str, int], ...]:
    found = desk.rations()
    if not found:
        raise Problem(
            HTTPStatus.CONFLICT,
            "No rationing",
            "Rationing proposes nothing for any shelter now.",
            where="body: ration",
            attempt="Enter loads by tier (sites set-fact SITE tiers_w=…), or give one number of tiers for all.",
        )
    return tuple(sorted(found.items()))


def _wards(desk: Desk, scope: Scope) -> set[str]:
    try:
        return desk.wards(desk.control.sites_in(scope))
    except ScopeError as error:
        raise _wrong(error) from None


def _wrong(error: Exception) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "It can't be done as asked", f"{error}.", where="body")


def _add_reading(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/incidents", tags=["incidents"], summary="Incidents, the newest first", responses=READ_ERRORS)
    async def incidents(
        phase: Annotated[Phase | None, Query(description="Only of this phase")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many")] = 100,
    ) -> models.Incidents:
        """Without their shelters, which GET /api/v1/incidents/{incident_id} lists."""
        return await desk.list(phase, limit=limit)

    @routes.get("/incidents/{incident_id}", tags=["incidents"], summary="One incident", responses=READ_ERRORS)
    async def incident(incident_id: IncidentId) -> models.IncidentDetail:
        """With every shelter and what became of it there. Of a closed incident: as it was when it was closed."""
        return await desk.show(desk.find(incident_id))

    @routes.get("/sites/{site_id}/orders", tags=["incidents"], summary="A shelter's orders", responses=READ_ERRORS)
    async def orders(site_id: Annotated[str, Path(max_length=64, description="ID of the shelter")]) -> models.Orders:
        """The ledger: every order with every receipt, the newest first."""
        known = desk.sites()
        if site_id not in known:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown site",
                f"No shelter has the id {site_id[:60]!r}.",
                where="path: site_id",
                attempt="List all by GET /api/v1/sites.",
                nearest=nearest(site_id, known),
            )
        return await desk.orders(site_id)

    @routes.get("/crew", tags=["incidents"], summary="Shelters that somebody should go to", responses=READ_ERRORS)
    async def crew() -> models.Crew:
        """Refused, failed, fallen back, or silent past the deadline. Who proves the order leaves the list."""
        return desk.crew()

    @routes.get("/removed", tags=["incidents"], summary="Shelters that were removed", responses=READ_ERRORS)
    async def removed() -> models.Removed:
        """Not registered any more, and the city's last order may still hold there."""
        return desk.removed()

    @routes.get("/groups", tags=["incidents"], summary="Saved groups of shelters", responses=READ_ERRORS)
    async def groups() -> models.Groups:
        """By name, with the ids of their shelters. One that was emptied is gone."""
        return desk.groups()

    @routes.get("/audit", tags=["incidents"], summary="The book of decisions, newest first", responses=READ_ERRORS)
    async def audit(
        limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many")] = 100,
    ) -> models.Audit:
        """Who decided what, when and why, each entry chained to the one before by its hash."""
        return await desk.audit(limit=limit)


def _add_deciding(routes: APIRouter, desk: Desk) -> None:
    control = desk.control
    how: dict[str, Any] = {"tags": ["incidents"], "responses": WRITE_ERRORS}

    @routes.post(
        "/incidents/preview", summary="What an incident would reach", tags=["incidents"], responses=READ_ERRORS
    )
    async def preview(body: asked.WishIn) -> models.PreviewOut:
        """Nothing is kept and nothing is sent."""
        try:
            return models.preview_out(control.preview(body.wish(), body.scope.scope()))
        except (AskedWronglyError, ScopeError) as error:
            raise _wrong(error) from None

    @routes.post("/incidents", summary="Declare an incident", status_code=HTTPStatus.CREATED, **how)
    async def declare(body: asked.DeclareIn, who: Decider) -> models.IncidentDetail:
        """Nothing is sent before it is confirmed."""
        by = person(who, body.by)
        try:
            wish = body.wish()
        except AskedWronglyError as error:
            raise _wrong(error) from None
        if body.ration:
            wish = replace(wish, tiers_by_site=_rations(desk))
        within(who, Right.SWITCH, _wards(desk, body.scope.scope()))
        made = await _decided(control.declare(wish, body.scope.scope(), by=by, why=body.why))
        return await desk.show(made)

    @routes.post("/incidents/{incident_id}/confirm", summary="Confirm an incident: orders go out", **how)
    async def confirm(incident_id: IncidentId, body: asked.ConfirmIn, who: Decider) -> models.IncidentDetail:
        """The whole city wants another person than the one who declared it."""
        by = person(who, body.by)
        within(who, Right.SWITCH, _wards(desk, desk.find(incident_id).scope))
        work = control.confirm(incident_id, by=by, why=body.why, break_glass=body.break_glass)
        return await desk.show(await _decided(work))

    @routes.post("/incidents/{incident_id}/stand-down", summary="Release an incident's shelters", **how)
    async def stand_down(incident_id: IncidentId, body: asked.StepIn, who: Decider) -> models.IncidentDetail:
        """Shelters that another incident holds stay as that one wants them."""
        by = person(who, body.by)
        within(who, Right.SWITCH, desk.wards_of(desk.find(incident_id)))
        return await desk.show(await _decided(control.end(incident_id, Act.STAND_DOWN, by=by, why=body.why)))

    @routes.post("/incidents/{incident_id}/close", summary="Close an incident", **how)
    async def close(incident_id: IncidentId, body: asked.CloseIn, who: Decider) -> models.IncidentDetail:
        """After every shelter has shown that it is back."""
        by = person(who, body.by)
        within(who, Right.SWITCH, desk.wards_of(desk.find(incident_id)))
        work = control.end(incident_id, Act.CLOSE, by=by, why=body.why, anyway=body.anyway)
        return await desk.show(await _decided(work))

    @routes.put("/groups/{name}", summary="Save shelters under a name", **how)
    async def save_group(
        name: Annotated[str, Path(max_length=100, description="Name of the group", examples=["沿岸部"])],
        body: asked.GroupIn,
        who: Decider,
    ) -> models.GroupOut:
        """Instead of what had that name before."""
        by = person(who, body.by)
        before = desk.control.groups.get(name)
        wards = _wards(desk, body.scope.scope()) | (desk.wards(before.sites) if before else set())
        within(who, Right.SWITCH, wards)
        work = control.save_group(name, body.scope.scope(), by=by, why=body.why)
        return models.group_out(await _decided(work))


def _add_redress(routes: APIRouter, desk: Desk) -> None:
    control = desk.control
    how: dict[str, Any] = {"tags": ["incidents"], "responses": WRITE_ERRORS}

    @routes.post("/incidents/{incident_id}/retry", summary="Send the order again to a shelter", **how)
    async def again(incident_id: IncidentId, body: asked.RetryIn, who: Decider) -> models.IncidentDetail:
        """To one that refused it, failed, fell back or missed its deadline: the same wish under a new number."""
        by, incident = person(who, body.by), desk.find(incident_id)
        within(who, Right.SWITCH, desk.wards([body.site]) or desk.wards_of(incident))
        await _decided(retry(control, incident_id, body.site, by=by, why=body.why))
        return await desk.show(desk.find(incident_id))

    @routes.post("/removed/{site_id}/release", summary="Send its release to a shelter that was removed", **how)
    async def let_go(site_id: SiteId, body: asked.StepIn, who: Decider) -> models.Removed:
        """Its answer is not taken while it is not registered: register it again, or write it off afterwards."""
        by = person(who, body.by)
        within(who, Right.SWITCH, [UNREGISTERED])
        await _decided(release(control, site_id, by=by, why=body.why))
        return desk.removed()

    @routes.post("/removed/{site_id}/write-off", summary="Wait no more for a shelter that was removed", **how)
    async def wait_no_more(site_id: SiteId, body: asked.StepIn, who: Decider) -> models.Removed:
        """After somebody has seen to it. Nothing is sent; who did it and why stands in the book."""
        by = person(who, body.by)
        within(who, Right.SWITCH, [UNREGISTERED])
        await _decided(write_off(control, site_id, by=by, why=body.why))
        return desk.removed()


def _add_stream(routes: APIRouter, desk: Desk, readers: Readers) -> None:
    @routes.get(
        "/incidents/{incident_id}/stream",
        tags=["incidents"],
        summary="Receipts as they come (server-sent events)",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS}}},
            **READ_ERRORS,
        },
    )
    async def stream(
        incident_id: IncidentId,
        last_event_id: Annotated[str, Header(max_length=32, description="`n` of the newest receipt known")] = "",
        after: Annotated[int, Query(ge=0, le=2**53, description="The same, where no header can be set")] = 0,
    ) -> StreamingResponse:
        """Events `receipt` (a ReceiptOut) and `tally` (an IncidentOut). Who comes back with Last-Event-ID misses none
        and gets none twice, over restarts of the service too. It ends when the incident is closed."""
        incident = desk.find(incident_id)
        if readers.count >= READERS_MAX or desk.control.is_ending:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "No room for another stream",
                f"{readers.count} streams are open.",
                attempt="Poll GET /api/v1/incidents/{incident_id}.",
                headers={"Retry-After": "30"},
            )
        known = int(last_event_id) if last_event_id.isascii() and last_event_id.isdecimal() else after

        async def told() -> AsyncIterator[bytes]:
            readers.count += 1
            try:
                yield b"retry: %d\n\n" % RETRY_MS
                async for record in desk.receipts(incident, known):
                    if record is not None:
                        body = models.receipt_out(record).model_dump_json().encode()
                        yield b"id: %d\nevent: receipt\ndata: %b\n\n" % (record.n, body)
                        continue
                    counted = await desk.brief(desk.find(incident_id))
                    yield b"event: tally\ndata: %b\n\n" % counted.model_dump_json().encode()
            finally:
                readers.count -= 1

        return StreamingResponse(told(), media_type="text/event-stream", headers=STREAM_HEADERS)
