"""``/opendata``: the shelters as CSV, GeoJSON and in L-Alert's words, and what these files are. For everybody."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from fastapi import APIRouter, Depends, Request, Response

from central.api.gate import for_everybody
from central.api.routes import ERRORS
from central.core.city import Queries, Site
from central.core.ngsi.city import Opening
from central.core.opendata.listing import Terms, catalog, geojson, lalert
from central.core.opendata.municipal import write_csv
from central.opendata.answers import answer

CSV: Final = "text/csv; charset=utf-8"
GEOJSON: Final = "application/geo+json"
JSON: Final = "application/json"
PUBLIC_ERRORS: Final[dict[int | str, dict[str, Any]]] = {status: ERRORS[status] for status in (500, 503)}
_SITE: Final = Site(
    id="E0000000001111",
    name="第一小学校",
    name_en="First Elementary School",
    ward="中央区",
    ward_en="Chuo",
    latitude=35.592201,
    longitude=140.135904,
    synthetic=True,
)
_TERMS: Final = Terms(
    city_ja="千葉市",
    city_en="Chiba City",
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
)
_AT_MS: Final = 1_795_489_805_000


class Openings(Protocol):
    """What staff say of shelters, by shelter. One of whom nobody said anything is not in it."""

    def __call__(self) -> Mapping[str, Opening]:
        """From memory."""
        ...


class Lists:
    """The files, made once for every change of the registry."""

    def __init__(
        self,
        queries: Queries,
        terms: Terms,
        *,
        ward_codes: Mapping[str, str],
        openings: Openings,
        now: Callable[[], int],
    ) -> None:
        self.terms = terms
        self._queries = queries
        self._ward_codes = ward_codes
        self._openings = openings
        self._now = now
        self._sites: tuple[Site, ...] | None = None
        self._opened: dict[str, Opening] | None = None
        self._made: dict[str, bytes] = {}
        self.at_ms = 0
        """Since when the registry is as it is, as far as this process saw."""
        self.opened_ms = 0
        """The same of registry and openings together."""

    def file(self, name: str) -> bytes:
        """A file as it is now: csv, geojson, catalog or lalert."""
        self._look()
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _look(self) -> None:
        sites = tuple(sorted((now.site for now in self._queries.now().sites), key=lambda site: site.id))
        sites = tuple(replace(site, pv_kw=0.0, inverter_kw=0.0, battery_kwh=0.0) for site in sites)
        openings = dict(self._openings())
        if sites != self._sites:
            self._sites, self.at_ms = sites, self._now()
            self._made.clear()
            self.opened_ms = self.at_ms
        if openings != self._opened:
            self._opened, self.opened_ms = openings, self._now()
            self._made.pop("lalert", None)

    def _make(self, name: str) -> bytes:
        sites = self._sites or ()
        if name == "csv":
            return write_csv(sites, city=self.terms.city_ja, ward_codes=self._ward_codes)
        if name == "geojson":
            return _json(geojson(sites, self.terms, at_ms=self.at_ms))
        if name == "catalog":
            synthetic = any(site.synthetic for site in sites)
            return _json(catalog(self.terms, at_ms=self.at_ms, shelters=len(sites), synthetic=synthetic))
        return _json(lalert(sites, self._opened or {}, at_ms=self.opened_ms))


def router(lists: Lists) -> APIRouter:
    """The routes."""
    routes = APIRouter(
        prefix="/opendata", tags=["open data"], responses=PUBLIC_ERRORS, dependencies=[Depends(for_everybody)]
    )

    @routes.get(
        "/shelters.csv",
        summary="Shelters as CSV in the municipal standard's columns",
        response_class=Response,
        responses=_said(CSV, write_csv((_SITE,), city="千葉市", ward_codes={}).decode("utf-8-sig")),
    )
    async def shelters_csv(request: Request) -> Response:
        """Columns of 自治体標準オープンデータセット「指定緊急避難場所一覧」, UTF-8 with a byte order mark, CRLF. What
        this system does not know (hazards, capacity, telephone) is empty. Cells that a spreadsheet would take for a
        formula carry an apostrophe in front."""
        file = "shelters.csv"
        return answer(request, lists.file("csv"), CSV, lists.terms, at_ms=lists.at_ms, file=file)

    @routes.get(
        "/shelters.geojson",
        summary="Shelters as GeoJSON",
        response_class=Response,
        responses=_said(GEOJSON, geojson((_SITE,), _TERMS, at_ms=_AT_MS)),
    )
    async def shelters_geojson(request: Request) -> Response:
        """A FeatureCollection (RFC 7946, WGS 84) with licence, attribution and `updated_at` as members of its own."""
        return answer(request, lists.file("geojson"), GEOJSON, lists.terms, at_ms=lists.at_ms)

    @routes.get(
        "/catalog.json",
        summary="What the open data files are, their licence and their time",
        response_class=Response,
        responses=_said(JSON, catalog(_TERMS, at_ms=_AT_MS, shelters=182, synthetic=True)),
    )
    async def about(request: Request) -> Response:
        """In words like DCAT's. `modified` is when this service first saw the registry as it is."""
        return answer(request, lists.file("catalog"), JSON, lists.terms, at_ms=lists.at_ms)

    @routes.get(
        "/lalert-shelters.json",
        summary="Which shelters are open, in L-Alert's words",
        response_class=Response,
        responses=_said(JSON, lalert((_SITE,), {}, at_ms=_AT_MS)),
    )
    async def lalert_shelters(request: Request) -> Response:
        """No delivery to L-Alert, and not certified to fit its specification: `note` says so. `Sort` is 不明 for a
        shelter of which staff said nothing."""
        return answer(request, lists.file("lalert"), JSON, lists.terms, at_ms=lists.opened_ms)

    return routes


def _said(media_type: str, example: Any) -> dict[int | str, dict[str, Any]]:
    kind = media_type.partition(";")[0]
    schema = {"type": "object"} if kind.endswith("json") else {"type": "string"}
    return {
        200: {"description": "As of `Last-Modified`", "content": {kind: {"schema": schema, "example": example}}},
        304: {"description": "The caller has it already (If-None-Match)"},
    }


def _json(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
