"""``/public``: pages and open answers. Everybody reads them; nothing here changes anything, or knows who asks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from central.api.gate import for_everybody
from central.api.problems import MEDIA_TYPE, Problem, ProblemBody, nearest
from central.core.nearby import NEEDS, TEXT_CHARS_MAX, Wish, choose, locate
from central.core.publication import LANGS, Service, Shown
from central.public.desk import Edition, PublicDesk
from central.public.models import PublicListOut, PublicOneOut, list_out, moment, shelter_out
from central.public.shelf import HTML, JSON, Shelf, answer
from central.public.views import Asked, Views
from central.web import static

PERMISSIONS: Final = {"Permissions-Policy": "camera=(), geolocation=(self), microphone=()"}
"""The list may ask the browser where it is; no other page may."""
OPEN: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag"}
PACKAGE: Final = "central.public"
FOLDER: Final = "/public/static"

Near = Annotated[
    str | None,
    Query(
        description="Latitude,longitude in degrees, such as `35.61,140.12`: the nearest ones, by distance",
        max_length=40,
        pattern=r"^[+-]?\d{1,2}(\.\d{1,10})?,[+-]?\d{1,3}(\.\d{1,10})?$",
    ),
]
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "model": ProblemBody, "content": {MEDIA_TYPE: {}}}
    for status, text in {500: "The service failed", 503: "The store does not answer"}.items()
}
NOT_CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The caller has it already (If-None-Match)"}
}
NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is none such", "model": ProblemBody, "content": {MEDIA_TYPE: {}}}
}
NOT_VALID: Final[dict[int | str, dict[str, Any]]] = {
    422: {"description": "A parameter is not valid", "model": ProblemBody, "content": {MEDIA_TYPE: {}}}
}


class PublicPages:
    """Gives every reader the bytes that were made for the first one."""

    def __init__(self, desk: PublicDesk, views: Views, shelf: Shelf) -> None:
        self._desk = desk
        self._views = views
        self._shelf = shelf

    async def overview(self, request: Request, tag: str) -> Response:
        """The list, as asked for by the query."""
        if tag not in LANGS:
            return await self.missing(request, "ja")
        edition = await self._desk.edition()
        asked = _asked(request, edition)
        return self._page(request, edition, tag, (tag, asked.query(), asked), lambda: self._list(edition, tag, asked))

    def _list(self, edition: Edition, tag: str, asked: Asked) -> str:
        return self._views.list(edition, tag, asked, _wards(edition))

    async def shelter(self, request: Request, tag: str, site: str) -> Response:
        """A shelter's page."""
        edition = await self._desk.edition()
        one = _find(edition, site)
        if one is None or tag not in LANGS:
            return await self.missing(request, tag if tag in LANGS else "ja")
        return self._page(request, edition, tag, (tag, site), lambda: self._views.shelter(edition, tag, one))

    async def sheet(self, request: Request, site: str) -> Response:
        """The notice for a shelter's door."""
        edition = await self._desk.edition()
        one = _find(edition, site)
        if one is None:
            return await self.missing(request, "ja")
        return self._page(request, edition, "ja", ("sheet", site), lambda: self._views.sheet(edition, one))

    async def missing(self, request: Request, tag: str) -> Response:
        """There is no such page."""
        edition = await self._desk.edition()
        made = self._shelf.get(edition.n, ("missing", tag), lambda: self._views.missing(edition, tag))
        return answer(request, made, HTML, {"Content-Language": tag, **PERMISSIONS}, HTTPStatus.NOT_FOUND)

    def _page(self, request: Request, edition: Edition, tag: str, key: Hashable, make: Any) -> Response:
        made = self._shelf.get(edition.n, key, make)
        return answer(request, made, HTML, {"Content-Language": tag, **PERMISSIONS})

    async def data(self, request: Request, ward: str | None, need: list[Service], near: str | None) -> Response:
        """The list as JSON.

        Raises:
            Problem: there is no such ward or place.
        """
        edition = await self._desk.edition()
        wards = _wards(edition)
        name = next((one for one, en in wards.items() if ward in {one, en}), None) if ward else ""
        if name is None:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown ward",
                f"No shelter stands in {ward!r}.",
                where="query: ward",
                attempt="Use one of the names in 'nearest', or leave it out.",
                nearest=nearest(ward or "", wards) or list(wards)[:5],
            )
        place = locate(near, edition.shelters) if near else None
        if near and place is None:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "No place on earth",
                f"{near!r} is no latitude and longitude.",
                where="query: near",
                attempt="Write latitude,longitude in degrees, such as 35.61,140.12.",
            )
        wish = Wish(ward=name, needs=frozenset(need), place=place)

        def make() -> str:
            found = choose(edition.shelters, wish)
            every = [*found.fit, *found.maybe, *(() if wish.needs else found.others)]
            every.sort(key=lambda one: (one.km or 0.0, one.shelter.ward, one.shelter.name, one.shelter.id))
            return list_out(edition.at_ms, every).model_dump_json()

        return answer(request, self._shelf.get(edition.n, ("data", wish), make), JSON, dict(OPEN))

    async def one(self, request: Request, site: str) -> Response:
        """A shelter as JSON.

        Raises:
            Problem: there is none.
        """
        edition = await self._desk.edition()
        found = _find(edition, site)
        if found is None:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown shelter",
                f"No shelter has the id {site[:40]!r}.",
                where="path: site_id",
                attempt="Use one of the ids in 'nearest', or list all by GET /public/api/v1/shelters.",
                nearest=nearest(site, (one.id for one in edition.shelters)),
            )

        def make() -> str:
            return PublicOneOut(as_of=moment(edition.at_ms), shelter=shelter_out(found)).model_dump_json()

        return answer(request, self._shelf.get(edition.n, ("one", site), make), JSON, dict(OPEN))


def _find(edition: Edition, site: str) -> Shown | None:
    return next((one for one in edition.shelters if one.id == site), None)


def _wards(edition: Edition) -> Mapping[str, str]:
    return {one.ward: one.ward_en for one in sorted(edition.shelters, key=lambda one: one.id)}


def _asked(request: Request, edition: Edition) -> Asked:
    """What the query asks for. What it asks in vain is told on the page, and never an error."""
    query = request.query_params
    if not query:
        return Asked(wish=Wish())
    ward = " ".join(query.get("ward", "").split())[:TEXT_CHARS_MAX]
    place = " ".join(query.get("place", "").split())[:TEXT_CHARS_MAX]
    needs = frozenset(need for need in NEEDS if need.value in query.getlist("need")[:20])
    known = next((one for one, en in _wards(edition).items() if ward and ward in {one, en}), "")
    found = locate(place, edition.shelters) if place else None
    return Asked(
        wish=Wish(ward=known, needs=needs, place=found),
        place=place,
        ward_unknown=ward if not known else "",
        place_unknown=place if found is None else "",
    )


def router(pages: PublicPages) -> APIRouter:
    """Pages, their files, and the open answers."""
    routes = APIRouter(prefix="/public", dependencies=[Depends(for_everybody)])
    files = static.load(PACKAGE)

    @routes.get("", include_in_schema=False)
    async def home(request: Request) -> Response:
        return await pages.overview(request, "ja")

    @routes.get("/static/{name}", include_in_schema=False)
    async def file(name: str, request: Request) -> Response:
        found = files.get(name)
        if found is None:
            return await pages.missing(request, "ja")
        is_marked = request.query_params.get("v") == found.mark
        headers = {"Cache-Control": static.FOR_EVER if is_marked else static.ASK_AGAIN, "ETag": f'"{found.mark}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(found.body, media_type=found.media_type, headers=headers)

    @routes.get("/shelters/{site_id}", include_in_schema=False)
    async def in_japanese(site_id: str, request: Request) -> Response:
        return await pages.shelter(request, "ja", site_id)

    @routes.get("/shelters/{site_id}/sheet", include_in_schema=False)
    async def sheet(site_id: str, request: Request) -> Response:
        return await pages.sheet(request, site_id)

    @routes.get("/{tag}", include_in_schema=False)
    async def of_language(tag: str, request: Request) -> Response:
        return await pages.overview(request, tag)

    @routes.get("/{tag}/shelters/{site_id}", include_in_schema=False)
    async def shelter(tag: str, site_id: str, request: Request) -> Response:
        return await pages.shelter(request, tag, site_id)

    _add_data(routes, pages)
    return routes


def _add_data(routes: APIRouter, pages: PublicPages) -> None:
    @routes.get(
        "/api/v1/shelters",
        tags=["public"],
        summary="Shelters as the public sees them",
        response_model=PublicListOut,
        responses={**NOT_CHANGED, **NOT_FOUND, **NOT_VALID, **ERRORS},
    )
    async def shelters(
        request: Request,
        ward: Annotated[str | None, Query(description="Name of a ward, Japanese or English", max_length=60)] = None,
        need: Annotated[
            list[Service],
            Query(description="Only shelters that are open and offer all of these, as far as known", max_length=4),
        ] = [],  # noqa: B006 - the framework reads it and never writes it
        near: Near = None,
    ) -> Response:
        """What the city's policy publishes: open or not, crowded or not, what there is, and whether there is power, by
        fresh data alone. `/public/api/v1/shelters.json` is the same without a query, for a cache or a mirror. Answers
        carry an ETag; any page may read them (CORS)."""
        return await pages.data(request, ward, need, near)

    @routes.get(
        "/api/v1/shelters.json",
        tags=["public"],
        summary="All shelters as one file",
        response_model=PublicListOut,
        responses={**NOT_CHANGED, **ERRORS},
    )
    async def file(request: Request) -> Response:
        """The same as `/public/api/v1/shelters` without a query."""
        return await pages.data(request, None, [], None)

    @routes.get(
        "/api/v1/shelters/{site_id}",
        tags=["public"],
        summary="One shelter as the public sees it",
        response_model=PublicOneOut,
        responses={**NOT_CHANGED, **NOT_FOUND, **NOT_VALID, **ERRORS},
    )
    async def shelter(
        request: Request, site_id: Annotated[str, Path(description="National common shelter ID", max_length=40)]
    ) -> Response:
        """What the city's policy publishes of one shelter."""
        return await pages.one(request, site_id)
