"""``/ngsi-ld/v1/entities``, types, attributes, and our @context. Everything is made from what is in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response

from central.api.gate import for_everybody, needs
from central.core.access import Principal, Right
from central.core.city import CityNow
from central.core.incidents import Incident
from central.core.ngsi import ask, city, geo, pattern, query, show, terms
from central.core.ngsi.city import Opening, Seen
from central.core.ngsi.show import Form, Shape
from central.core.ngsi.terms import Context
from central.core.ngsi.values import Entity, NgsiError
from central.ngsi import http

Reader = Annotated[Principal, Depends(needs(Right.READ))]
_WHICH: Final = ("type", "id", "idPattern", "attrs", "q", "georel", "geometry", "coordinates", "geoproperty")
_HOW: Final = ("options", "format", "pick", "omit", "geometryProperty")
_PAGE: Final = ("limit", "offset", "count", "local")
_FORMS: Final = {
    "normalized": Form.NORMALIZED,
    "concise": Form.CONCISE,
    "keyValues": Form.SIMPLIFIED,
    "simplified": Form.SIMPLIFIED,
}


class Source:
    """Where entities come from: the city as it is in memory, incidents, and what staff say of openings."""

    def __init__(
        self,
        now: Callable[[], CityNow],
        *,
        incidents: Callable[[], tuple[Incident, ...]] = tuple,
        openings: Callable[[], Mapping[str, Opening]] = dict,
        since_ms: int,
    ) -> None:
        self._now = now
        self._incidents = incidents
        self._openings = openings
        self.since_ms = since_ms

    def seen(self) -> Seen:
        """Everything as it is now."""
        return Seen(city=self._now(), incidents=self._incidents(), openings=self._openings())

    def fitting(self, asked: ask.Asked, *, with_history: bool = False) -> list[Entity]:
        """The entities that answer a question, by type and id."""
        seen = self.seen()
        made = city.entities(seen, asked.types)
        each = made if with_history else (city.present(one) for one in made)
        order = {kind: n for n, kind in enumerate(city.MAKERS)}
        return sorted((one for one in each if asked.holds(one)), key=lambda one: (order[one.type], one.id))

    def find(self, id_: str, *, with_history: bool = False) -> Entity:
        """One entity.

        Raises:
            NgsiError: there is none.
        """
        ask.check_uri(id_, "id")
        kind = id_.removeprefix("urn:ngsi-ld:").partition(":")[0]
        for one in city.entities(self.seen(), [kind]):
            if one.id == id_:
                return one if with_history else city.present(one)
        raise NgsiError(
            f"No entity has the id {id_[:120]!r}.",
            kind="ResourceNotFound",
            attempt="GET /ngsi-ld/v1/entities?type=DesignatedShelter lists the shelters.",
        )


def asked_of(request: Request, context: Context) -> ask.Asked:
    """The question of a request.

    Raises:
        NgsiError: nothing is asked for, or something can't be understood.
    """
    told = request.query_params
    if not any(told.get(name) for name in ("type", "id", "attrs", "q", "georel")):
        raise NgsiError(
            "query: give at least one of type, id, attrs, q, georel", attempt="GET /ngsi-ld/v1/types lists the types."
        )
    if any(told.get(name) for name in ("geometry", "coordinates", "geoproperty")) and not told.get("georel"):
        raise NgsiError("georel: missing; geometry and coordinates go with it")
    which = ask.Which(
        types=ask.types(told["type"], context) if told.get("type") else None,
        ids=ask.ids(told["id"]) if told.get("id") else None,
        id_pattern=pattern.compiled(told["idPattern"]) if told.get("idPattern") else None,
    )
    where = None
    if told.get("georel"):
        prop = context.name_of(told.get("geoproperty") or "location")
        where = geo.read(told["georel"], told.get("geometry", ""), told.get("coordinates", ""), prop)
    return ask.Asked(
        which=(which,),
        attrs=ask.names(told["attrs"], context, "attrs") if told.get("attrs") else None,
        query=query.read(told["q"], context.name_of) if told.get("q") else None,
        geo=where,
    )


def shape_of(request: Request, context: Context, since_ms: int, *, skipped: frozenset[str] = frozenset()) -> Shape:
    """How entities are to be written. ``skipped``: options that are somebody else's.

    Raises:
        NgsiError: an unknown option, or pick and omit at once.
    """
    told = request.query_params
    asked = {part.strip() for name in ("options", "format") for part in told.get(name, "").split(",")} - {""}
    unknown = asked - _FORMS.keys() - {"sysAttrs"} - skipped
    if unknown:
        raise NgsiError(f"options: {min(unknown)[:40]!r} is not supported", kind="InvalidRequest")
    forms = {_FORMS[one] for one in asked & _FORMS.keys()}
    if len(forms) > 1:
        raise NgsiError("options: more than one form of answer", kind="InvalidRequest")
    chosen, picked, omitted = told.get("attrs"), told.get("pick"), told.get("omit")
    if sum(one is not None for one in (picked, omitted, chosen)) > 1:
        raise NgsiError("attrs, pick, omit: give one of them")
    names = ask.names(chosen, context, "attrs") if chosen else None
    left_out = _members(omitted, context, "omit") if omitted else frozenset()
    if picked:
        names = _members(picked, context, "pick")
        left_out = frozenset({"id", "type"}) - names
    form = next(iter(forms), Form.NORMALIZED)
    return Shape(form=form, names=names, omitted=left_out, since_ms=since_ms if "sysAttrs" in asked else None)


def _members(told: str, context: Context, where: str) -> frozenset[str]:
    return frozenset(one if one in {"id", "type"} else context.name_of(one) for one in ask.listed(told, where))


def router(source: Source) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["ngsi-ld"], route_class=http.EtsiRoute, responses=http.ERRORS)
    _add_entities(routes, source)
    _add_discovery(routes, source)
    _add_writes(routes)

    @routes.get(
        http.CONTEXT_PATH,
        dependencies=[Depends(for_everybody)],
        summary="The @context of this service",
        response_class=Response,
        responses=http.said({"@context": {"powerState": "https://…"}}),
    )
    async def context() -> Response:
        """Names and their IRIs, whole: it refers to no other document."""
        headers = {"Cache-Control": "public, max-age=86400"}
        return http.answer(terms.document(), http.JSON, terms.ours(http.CONTEXT_PATH), headers)

    return routes


def _add_entities(routes: APIRouter, source: Source) -> None:
    @routes.get(
        "/ngsi-ld/v1/entities",
        summary="Query entities (5.7.2)",
        response_class=Response,
        responses=http.said([http.ENTITY], geo={"type": "FeatureCollection", "features": [http.FEATURE]}),
        openapi_extra=http.documented(*_WHICH, *_HOW, *_PAGE),
    )
    async def entities(
        request: Request,
        _who: Reader,
    ) -> Response:
        """Entities by type, id, pattern, attributes, query and place; GeoJSON, JSON or JSON-LD by the Accept header."""
        http.known_only(request, *_WHICH, *_HOW, *_PAGE)
        kind = http.media_type(request, with_geo=True)
        context = http.context_of(request)
        part = http.page(request)
        shape = shape_of(request, context, source.since_ms)
        found = source.fitting(asked_of(request, context))
        shown = found[part.offset : part.offset + part.limit]
        headers = part.headers(request, len(found))
        if kind == http.GEO:
            features = [_feature(one, shape, context, request) for one in shown]
            return http.answer({"type": "FeatureCollection", "features": features}, kind, context, headers)
        return http.answer([show.entity(one, shape, context) for one in shown], kind, context, headers)

    @routes.get(
        "/ngsi-ld/v1/entities/{entity_id}",
        summary="Retrieve an entity (5.7.1)",
        response_class=Response,
        responses=http.said(http.ENTITY, geo=http.FEATURE),
        openapi_extra=http.documented("attrs", *_HOW),
    )
    async def entity(
        request: Request,
        _who: Reader,
        entity_id: Annotated[str, Path(description="A URN", examples=["urn:ngsi-ld:Building:E0000000001111"])],
    ) -> Response:
        """One entity; 404 where it has none of the attributes that are asked for."""
        http.known_only(request, "type", "attrs", "local", *_HOW)
        kind = http.media_type(request, with_geo=True)
        context = http.context_of(request)
        shape = shape_of(request, context, source.since_ms)
        found = source.find(entity_id)
        attrs = request.query_params.get("attrs")
        wanted = ask.names(attrs, context, "attrs") if attrs else None
        if wanted is not None and wanted.isdisjoint(found.attrs):
            raise NgsiError(f"{entity_id[:120]} has none of these attributes now.", kind="ResourceNotFound")
        if kind == http.GEO:
            return http.answer(_feature(found, shape, context, request), kind, context)
        return http.answer(show.entity(found, shape, context), kind, context)


def _feature(one: Entity, shape: Shape, context: Context, request: Request) -> dict[str, Any]:
    prop = context.name_of(request.query_params.get("geometryProperty") or "location")
    return show.feature(one, shape, context, prop)


def _add_discovery(routes: APIRouter, source: Source) -> None:
    def all_now() -> list[Entity]:
        return [city.present(one) for one in city.entities(source.seen())]

    @routes.get(
        "/ngsi-ld/v1/types",
        summary="Types that exist (5.7.5, 5.7.6)",
        response_class=Response,
        responses=http.said({"type": "EntityTypeList", "typeList": ["ShelterEnergyStatus"]}, detailed=True),
        openapi_extra=http.documented("details"),
    )
    async def types(request: Request, _who: Reader) -> Response:
        """Of entities that are there now. With details=true a list, each with its attributes."""
        http.known_only(request, "details", "local")
        context = http.context_of(request)
        found = show.type_list(all_now(), context, details=http.flag(request, "details"))
        return http.answer(found, http.media_type(request), context)

    @routes.get(
        "/ngsi-ld/v1/types/{type_name:path}",
        summary="One type (5.7.7)",
        response_class=Response,
        responses=http.said({"type": "EntityTypeInfo", "typeName": "ShelterEnergyStatus", "entityCount": 182}),
    )
    async def type_(
        request: Request,
        _who: Reader,
        type_name: Annotated[str, Path(description="Name or IRI of a type", examples=["ShelterEnergyStatus"])],
    ) -> Response:
        """How many entities have it, and which attributes they have."""
        http.known_only(request, "local")
        context = http.context_of(request)
        name = context.name_of(type_name)
        having = [one for one in all_now() if one.type == name]
        if not having:
            raise NgsiError(f"No entity has the type {type_name[:60]!r}.", kind="ResourceNotFound")
        return http.answer(show.type_info(name, having, context), http.media_type(request), context)

    @routes.get(
        "/ngsi-ld/v1/attributes",
        summary="Attributes that exist (5.7.8, 5.7.9)",
        response_class=Response,
        responses=http.said({"type": "AttributeList", "attributeList": ["powerState"]}, detailed=True),
        openapi_extra=http.documented("details"),
    )
    async def attributes(request: Request, _who: Reader) -> Response:
        """Of entities that are there now. With details=true a list, each with the types that have it."""
        http.known_only(request, "details", "local")
        context = http.context_of(request)
        found = show.attribute_list(all_now(), context, details=http.flag(request, "details"))
        return http.answer(found, http.media_type(request), context)

    @routes.get(
        "/ngsi-ld/v1/attributes/{attribute:path}",
        summary="One attribute (5.7.10)",
        response_class=Response,
        responses=http.said({"type": "Attribute", "attributeName": "powerState", "attributeCount": 182}),
    )
    async def attribute_(
        request: Request,
        _who: Reader,
        attribute: Annotated[str, Path(description="Name or IRI of an attribute", examples=["powerState"])],
    ) -> Response:
        """How many entities have it, of which types, and what kind of attribute it is."""
        http.known_only(request, "local")
        context = http.context_of(request)
        name = context.name_of(attribute)
        found = show.attribute_info(name, all_now(), context)
        if not found["attributeCount"]:
            raise NgsiError(f"No entity has the attribute {attribute[:60]!r} now.", kind="ResourceNotFound")
        return http.answer(found, http.media_type(request), context)


def _add_writes(routes: APIRouter) -> None:
    async def refused(_who: Annotated[Principal, Depends(needs(Right.RULES))]) -> Response:
        """What shelters are follows from devices and the registry; nothing is written here."""
        raise http.EtsiProblem(
            "OperationNotSupported",
            "This source is read-only: entities follow from devices and from the registry of shelters.",
            attempt="Read with GET, or subscribe by POST /ngsi-ld/v1/subscriptions.",
            status=HTTPStatus.METHOD_NOT_ALLOWED,
        )

    for path, methods in (
        ("/ngsi-ld/v1/entities", ["POST", "DELETE"]),
        ("/ngsi-ld/v1/entities/{entity_id}", ["PUT", "PATCH", "DELETE"]),
        ("/ngsi-ld/v1/entities/{entity_id}/attrs", ["POST", "PATCH"]),
        ("/ngsi-ld/v1/entities/{entity_id}/attrs/{attribute}", ["PUT", "PATCH", "DELETE"]),
        ("/ngsi-ld/v1/entityOperations/{operation}", ["POST"]),
        ("/ngsi-ld/v1/temporal/entities", ["POST"]),
        ("/ngsi-ld/v1/temporal/entities/{entity_id}", ["DELETE"]),
    ):
        routes.add_api_route(path, refused, methods=methods, include_in_schema=False, response_model=None)
