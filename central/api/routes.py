"""``/api/v1``: the city's view over HTTP, read-only. An endpoint parses, asks one question and answers."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from central.api import models
from central.api.asked import Span, check_steps, fill_gaps, moment, parse_span, parse_step_ms
from central.api.gate import needs
from central.api.problems import MEDIA_TYPE, Problem, ProblemBody, nearest
from central.core.access import Right
from central.core.city import Aggregate, Queries, SiteNow, SiteState
from contract.commissioning import SiteStage
from contract.points import POINTS

STREAM: Final = "json"
STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_PROBLEM: Final[dict[str, Any]] = {
    "model": ProblemBody,
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    401: {**_PROBLEM, "description": "Nobody is signed in, or the token opens nothing"},
    403: {**_PROBLEM, "description": "The person or the token may not do this"},
    400: {**_PROBLEM, "description": "The question can't be answered as asked"},
    404: {**_PROBLEM, "description": "Nothing has this name"},
    422: {**_PROBLEM, "description": "A parameter is not valid"},
    500: {**_PROBLEM, "description": "The service failed; its log says why"},
    503: {**_PROBLEM, "description": "The store does not answer, or there is no room for another stream"},
}
_DOCUMENT: Final = {"v": 1, "site": "E0000000001111", "name": "第一小学校", "checks": []}

SiteId = Annotated[str, Path(description="National common shelter ID", examples=["E0000000001111"], max_length=64)]
From = Annotated[
    str | None,
    Query(alias="from", description="ISO 8601 with offset, or UTC ms; default: 24 h before `to`", max_length=64),
]
To = Annotated[str | None, Query(description="ISO 8601 with offset, or UTC ms; default: now", max_length=64)]
Device = Annotated[
    str | None,
    Query(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$", description="Default: the one that has the point"),
]
Limit = Annotated[int, Query(ge=1, le=1_000, description="At most so many")]


class Asker:
    """Finds shelters and points by name, or says which names are like it."""

    def __init__(self, queries: Queries, clock: Callable[[], int]) -> None:
        self.queries = queries
        self.clock = clock

    def site(self, site: str, *, where: str = "path: site_id") -> SiteNow:
        """One shelter.

        Raises:
            Problem: there is none with this id.
        """
        found = self.queries.site_now(site)
        if found is not None:
            return found
        ids = [shelter.site.id for shelter in self.queries.now().sites]
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "Unknown site",
            f"No shelter has the id {site[:60]!r}.",
            where=where,
            attempt="Use one of the ids in 'nearest', or list all by GET /api/v1/sites.",
            nearest=nearest(site, ids),
        )

    @staticmethod
    def check_point(shelter: SiteNow, point: str) -> None:
        """Refuse a point that does not exist.

        Raises:
            Problem: says which names are near.
        """
        if point not in POINTS:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Unknown point",
                f"There is no point {point[:60]!r}.",
                where="query: point",
                attempt=f"GET /api/v1/sites/{shelter.site.id}/latest lists the points of this shelter.",
                nearest=nearest(point, POINTS),
            )

    @staticmethod
    def check_device(shelter: SiteNow, device: str | None) -> None:
        """Refuse a device that the shelter does not have, if nothing of it was found: it may have had it once.

        Raises:
            Problem: says which names are near.
        """
        devices = {now.device for now in shelter.points}
        devices |= {known.id for known in shelter.status.devices} if shelter.status else set()
        if device is not None and devices and device not in devices:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown device",
                f"{shelter.site.id} has no device {device[:60]!r}.",
                where="query: device",
                attempt="Leave 'device' out, or use one of: " + ", ".join(sorted(devices)),
                nearest=nearest(device, devices),
            )

    def span(self, from_text: str | None, to_text: str | None) -> Span:
        """The span that was asked for, by default the last 24 hours."""
        return parse_span(from_text, to_text, now_ms=self.clock())


def router(queries: Queries, clock: Callable[[], int]) -> APIRouter:
    """All of ``/api/v1``."""
    routes = APIRouter(prefix="/api/v1", responses=ERRORS, dependencies=[Depends(needs(Right.READ))])
    asker = Asker(queries, clock)
    _add_sites(routes, asker)
    _add_proof(routes, asker)
    _add_history(routes, asker)
    _add_intake(routes, asker)

    return routes


def _add_sites(routes: APIRouter, asker: Asker) -> None:
    @routes.get("/city", tags=["city"], summary="The city at a glance")
    async def city() -> models.City:
        """Totals over all shelters; `reporting` says of how many shelters each is the sum."""
        return models.city(asker.queries.now())

    @routes.get("/sites", tags=["shelters"], summary="All shelters, or those of a ward or a state")
    async def sites(
        ward: Annotated[str | None, Query(max_length=100, description="Name of a ward, Japanese or English")] = None,
        state: Annotated[list[SiteState] | None, Query(description="One state, or several")] = None,
        stage: Annotated[list[SiteStage] | None, Query(description="One stage, or several")] = None,
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="Shelters to pass over")] = 0,
        limit: Limit = 200,
    ) -> models.ShelterPage:
        """In the order of their ids, so that pages don't shift when a state changes."""
        now = asker.queries.now()
        wards = {name for shelter in now.sites for name in (shelter.site.ward, shelter.site.ward_en) if name}
        if ward is not None and ward not in wards:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "Unknown ward",
                f"No shelter is in {ward[:60]!r}.",
                where="query: ward",
                attempt="Use one of: " + ", ".join(sorted(wards)),
                nearest=nearest(ward, wards),
            )
        chosen = sorted(
            (
                shelter
                for shelter in now.sites
                if (ward is None or ward in (shelter.site.ward, shelter.site.ward_en))
                and (not state or shelter.state in state)
                and (not stage or shelter.proof.stage in stage)
            ),
            key=lambda shelter: shelter.site.id,
        )
        following = None
        if offset + limit < len(chosen):
            asked: dict[str, Any] = {"offset": offset + limit, "limit": limit}
            asked |= {"ward": ward} if ward else {}
            asked |= {"state": [one.value for one in state]} if state else {}
            asked |= {"stage": [one.value for one in stage]} if stage else {}
            following = f"/api/v1/sites?{urlencode(asked, doseq=True)}"
        return models.ShelterPage(
            at=moment(now.at_ms),
            total=len(chosen),
            offset=offset,
            limit=limit,
            next=following,
            sites=[models.Shelter(**models.glance(shelter)) for shelter in chosen[offset : offset + limit]],
        )

    @routes.get("/sites/{site_id}", tags=["shelters"], summary="One shelter and its agent")
    async def one_site(site_id: SiteId) -> models.ShelterDetail:
        """What the list says of it, and its agent, devices, outbox, proof and what the city wants of it."""
        return models.detail(asker.site(site_id))

    @routes.get("/sites/{site_id}/latest", tags=["shelters"], summary="Every point's newest reading")
    async def latest(site_id: SiteId) -> models.Latest:
        """With unit, quality and age. A value that is not good is null."""
        shelter = asker.site(site_id)
        at_ms = asker.clock()
        return models.Latest(
            site=shelter.site.id,
            at=moment(at_ms),
            state=shelter.state,
            points=[models.point(now, at_ms) for now in shelter.points],
        )


def _add_proof(routes: APIRouter, asker: Asker) -> None:
    @routes.get("/sites/{site_id}/reports", tags=["proof"], summary="Commissioning reports of a shelter")
    async def reports(site_id: SiteId, limit: Limit = 100) -> models.Reports:
        """The one finished last first; each as the city judges it, without its document."""
        asker.site(site_id)
        return models.Reports(reports=models.reports(await asker.queries.reports(site_id, limit=limit)))

    @routes.get(
        "/reports/{sha256}",
        tags=["proof"],
        summary="One report's document, byte for byte as it was signed",
        response_class=Response,
        responses={200: {"content": {"application/json": {"schema": {"type": "object"}, "example": _DOCUMENT}}}},
    )
    async def document(
        sha256: Annotated[str, Path(description="Digest of the document", pattern="^[0-9a-f]{64}$")],
    ) -> Response:
        """The headers `X-Report-Key` and `X-Report-Stage` tell the key that signed it and the city's judgement."""
        found = await asker.queries.report(sha256)
        if found is None:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown report",
                f"No report has the digest {sha256[:12]}….",
                where="path: sha256",
                attempt="GET /api/v1/sites/{site_id}/reports lists a shelter's reports.",
            )
        headers = {"X-Report-Key": models.report(found).key, "X-Report-Stage": found.stage.value}
        return Response(found.document.encode("utf-8"), media_type="application/json", headers=headers)


def _add_history(routes: APIRouter, asker: Asker) -> None:
    @routes.get("/sites/{site_id}/series", tags=["shelters"], summary="One point over time")
    async def series(
        site_id: SiteId,
        point: Annotated[str, Query(max_length=64, description="Name of a point", examples=["pv.power_w"])],
        device: Device = None,
        from_: From = None,
        to: To = None,
        step: Annotated[
            str, Query(max_length=16, description="5s, 30m, 1h, 1d, up to 366d; at most 10,000 steps")
        ] = "30m",
        aggregate: Annotated[Aggregate, Query(description="How readings of a step become one")] = Aggregate.MEAN,
    ) -> models.Series:
        """Steps are aligned to midnight in Tokyo; a step without a good reading is there with a null."""
        shelter = asker.site(site_id)
        asker.check_point(shelter, point)
        span = asker.span(from_, to)
        step_ms = parse_step_ms(step)
        check_steps(span, step_ms)
        found = await asker.queries.series(
            site_id,
            point,
            device=device,
            from_ms=span.from_ms,
            to_ms=span.to_ms,
            step_ms=step_ms,
            aggregate=aggregate,
        )
        if not found:
            asker.check_device(shelter, device)
        return models.Series(
            site=site_id,
            device=device,
            point=point,
            unit="" if aggregate is Aggregate.COUNT else POINTS[point].unit,
            aggregate=aggregate,
            step_s=step_ms / 1_000,
            from_at=moment(span.from_ms),
            to_at=moment(span.to_ms),
            samples=models.samples(fill_gaps(list(found), span, step_ms)),
        )

    @routes.get("/sites/{site_id}/promise", tags=["shelters"], summary="What became of every moment's data")
    async def promise(site_id: SiteId, from_: From = None, to: To = None) -> models.Promise:
        """Arrived, waiting at the shelter, lost and why, not measured, or unknown: a gap is never ambiguous."""
        asker.site(site_id)
        span = asker.span(from_, to)
        found = await asker.queries.promise(site_id, from_ms=span.from_ms, to_ms=span.to_ms)
        return models.Promise(
            site=site_id,
            from_at=moment(span.from_ms),
            to_at=moment(span.to_ms),
            stretches=models.stretches(found),
        )


def _add_intake(routes: APIRouter, asker: Asker) -> None:
    @routes.get("/events", tags=["city"], summary="What happened, newest first")
    async def events(
        site: Annotated[str | None, Query(max_length=64, description="Only of this shelter")] = None,
        limit: Limit = 100,
    ) -> models.Events:
        """Mode changes, faults, grid lost and back, as the shelters reported them."""
        if site is not None:
            asker.site(site, where="query: site")
        return models.Events(events=models.events(await asker.queries.events(site, limit=limit)))

    @routes.get("/ingest", tags=["intake"], summary="Counters of the intake")
    async def ingest() -> models.Ingest:
        """Since this process started: messages, readings, what came twice, what could not be used, and the queue."""
        return models.ingest(asker.queries.ingest_stats())

    @routes.get("/dead-letters", tags=["intake"], summary="Messages that could not be used, newest first")
    async def dead_letters(limit: Limit = 100) -> models.DeadLetters:
        """With the reason and the first bytes of each. They are kept for whoever has to find out why."""
        return models.DeadLetters(dead_letters=models.dead_letters(await asker.queries.dead_letters(limit=limit)))
