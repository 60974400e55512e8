"""``/ngsi-ld/v1/temporal/entities``: what the store keeps of entities, value by value or by periods.

Values come forward in time until an attribute has its limit, and the answer says how far it reaches (206); with
``lastN`` they come backwards in stretches of growing length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from central.core.city import Aggregate
from central.core.ngsi import ask, show, temporal
from central.core.ngsi.temporal import INSTANCES_MAX, Aggregates, Span
from central.core.ngsi.terms import Context
from central.core.ngsi.values import Entity, NgsiError, iso
from central.core.ngsi.values import Source as Kept
from central.ngsi import http
from central.ngsi.entities import Reader, Source, asked_of
from central.store.base import TelemetryStore

ROWS_MAX: Final = 100_000
"""Rows of the store that one request may look at."""
ENTITIES_MAX: Final = 100
_EXAMPLE: Final[dict[str, Any]] = {**http.ENTITY, "stateOfChargePercent": [http.ENTITY["stateOfChargePercent"]]}
FIRST_STRETCH_MS: Final = 600_000
_WHEN: Final = ("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration")
_PLACES: Final = ("type", "id", "idPattern", "attrs", "georel", "geometry", "coordinates", "geoproperty")
_METHODS: Final = {
    "avg": Aggregate.MEAN,
    "min": Aggregate.MIN,
    "max": Aggregate.MAX,
    "totalCount": Aggregate.COUNT,
}
_OPTIONS: Final = frozenset({"temporalValues", "aggregatedValues", "normalized"})

Rows = dict[str, list[tuple[int, float]]]
"""Attribute → moment and value."""


@dataclass(slots=True)
class _Budget:
    rows: int = ROWS_MAX

    def spend(self) -> None:
        self.rows -= 1
        if self.rows < 0:
            raise NgsiError(
                f"More than {ROWS_MAX:,} rows would have to be read.",
                kind="TooComplexQuery",
                attempt="Ask for fewer entities, a shorter time, or for aggregates (aggrMethods).",
            )


@dataclass(frozen=True, slots=True)
class _Wish:
    span: Span
    aggregates: Aggregates | None
    temporal_values: bool
    names: frozenset[str] | None
    budget: _Budget = field(default_factory=_Budget)


class Historian:
    """Reads the store for entities."""

    def __init__(self, store: TelemetryStore) -> None:
        self._store = store

    async def rows(self, kept: dict[str, Kept], span: Span, budget: _Budget) -> tuple[Rows, int | None]:
        """Attributes' values in a span; and where the answer ends, if the span goes on after it."""
        if span.last_n is not None:
            return await self._last(kept, span, min(span.last_n, INSTANCES_MAX), budget)
        found: Rows = {name: [] for name in kept}
        async for name, at_ms, value in self._each(kept, span.from_ms, span.to_ms, budget):
            if len(found[name]) >= INSTANCES_MAX:
                cut = {key: [row for row in rows if row[0] < at_ms] for key, rows in found.items()}
                return cut, max(row[0] for rows in cut.values() for row in rows)
            found[name].append((at_ms, value))
        return found, None

    async def _last(self, kept: dict[str, Kept], span: Span, count: int, budget: _Budget) -> tuple[Rows, None]:
        found: Rows = {name: [] for name in kept}
        end_ms, stretch_ms = span.to_ms, FIRST_STRETCH_MS
        while end_ms > span.from_ms and any(len(rows) < count for rows in found.values()):
            start_ms = max(span.from_ms, end_ms - stretch_ms)
            older: Rows = {name: [] for name in kept}
            async for name, at_ms, value in self._each(kept, start_ms, end_ms, budget):
                older[name].append((at_ms, value))
            for name, rows in older.items():
                found[name] += reversed(rows)
            end_ms, stretch_ms = start_ms, stretch_ms * 2
        return {name: rows[:count] for name, rows in found.items()}, None

    async def _each(self, kept: dict[str, Kept], from_ms: int, to_ms: int, budget: _Budget) -> Any:
        """Attribute, moment and value, in time order."""
        for site in {one.site for one in kept.values()}:
            async for row in self._store.export(site, from_ms=from_ms, to_ms=to_ms):
                budget.spend()
                for name, one in kept.items():
                    if row.device == one.device and one.point in row.points:
                        value = row.values[row.points.index(one.point)]
                        if value is not None:
                            yield name, row.at_ms, round(value * one.factor, 6)

    async def periods(self, one: Kept, span: Span, asked: Aggregates) -> dict[str, list[tuple[float, int, int]]]:
        """Method → value, start and end of every period in which something was measured."""
        found = {}
        for method in asked.methods:
            samples = await self._store.series(
                one.site,
                one.device,
                one.point,
                from_ms=span.from_ms,
                to_ms=span.to_ms,
                step_ms=asked.period_ms,
                aggregate=_METHODS[method],
                origin_ms=span.from_ms,
            )
            factor = 1.0 if method == "totalCount" else one.factor
            found[method] = [
                (round(sample.value * factor, 6), sample.at_ms, min(sample.at_ms + asked.period_ms, span.to_ms))
                for sample in samples
                if sample.value is not None
            ]
        return found


def router(source: Source, store: TelemetryStore, clock: Callable[[], int]) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["ngsi-ld"], route_class=http.EtsiRoute, responses=http.ERRORS)
    historian = Historian(store)

    def wish_of(request: Request, context: Context) -> _Wish:
        told = request.query_params
        options = {part.strip() for name in ("options", "format") for part in told.get(name, "").split(",")} - {""}
        if options - _OPTIONS:
            raise NgsiError(f"options: {min(options - _OPTIONS)[:40]!r} is not supported", kind="InvalidRequest")
        when = {name: told.get(name, "") for name in _WHEN}
        span = temporal.span(
            when["timerel"],
            when["timeAt"],
            when["endTimeAt"],
            when["timeproperty"],
            when["lastN"],
            now_ms=clock(),
        )
        methods = when["aggrMethods"]
        if "aggregatedValues" in options and not methods:
            raise NgsiError("aggrMethods: options=aggregatedValues wants it")
        if when["aggrPeriodDuration"] and not methods:
            raise NgsiError("aggrPeriodDuration: goes with aggrMethods")
        return _Wish(
            span=span,
            aggregates=temporal.aggregates(methods, when["aggrPeriodDuration"], span) if methods else None,
            temporal_values="temporalValues" in options,
            names=ask.names(told["attrs"], context, "attrs") if told.get("attrs") else None,
        )

    async def written(found: Sequence[Entity], wish: _Wish, context: Context) -> tuple[list[dict[str, Any]], set[int]]:
        made, ends = [], set()
        for one in found:
            told, end_ms = await _evolution(historian, one, wish, context)
            made.append(told)
            if end_ms is not None:
                ends.add(end_ms)
        return made, ends

    @routes.get(
        "/ngsi-ld/v1/temporal/entities",
        summary="Query history (5.7.4)",
        response_class=Response,
        responses={**http.said([_EXAMPLE]), 206: {**http.said([_EXAMPLE])[200], "description": "Cut: Content-Range"}},
        openapi_extra=http.documented(*_PLACES, *_WHEN, "options", "limit", "offset", "count"),
    )
    async def temporal_entities(
        request: Request,
        _who: Reader,
    ) -> Response:
        """Entities with what was measured; those of which nothing was are left out."""
        http.known_only(request, *_PLACES, *_WHEN, "options", "format", "limit", "offset", "count", "local")
        context = http.context_of(request)
        kind = http.media_type(request)
        part = http.page(request, usual=20, most=ENTITIES_MAX)
        wish = wish_of(request, context)
        found = [one for one in source.fitting(asked_of(request, context), with_history=True) if _kept(one, wish)]
        shown = found[part.offset : part.offset + part.limit]
        made, ends = await written(shown, wish, context)
        plain = [one for one in made if len(one) > 2]
        return _answered(ends, wish, http.answer(plain, kind, context, part.headers(request, len(found))))

    @routes.get(
        "/ngsi-ld/v1/temporal/entities/{entity_id}",
        summary="One entity's history (5.7.3)",
        response_class=Response,
        responses={**http.said(_EXAMPLE), 206: {**http.said(_EXAMPLE)[200], "description": "Cut: Content-Range"}},
        openapi_extra=http.documented("attrs", *_WHEN, "options"),
    )
    async def temporal_entity(
        request: Request,
        _who: Reader,
        entity_id: Annotated[str, Path(description="A URN")],
    ) -> Response:
        """One entity with what was measured in the span."""
        http.known_only(request, "attrs", *_WHEN, "options", "format", "local")
        context = http.context_of(request)
        kind = http.media_type(request)
        wish = wish_of(request, context)
        made, ends = await written([source.find(entity_id, with_history=True)], wish, context)
        return _answered(ends, wish, http.answer(made[0], kind, context))

    return routes


def _kept(one: Entity, wish: _Wish) -> dict[str, Kept]:
    return {
        name: attr.source
        for name, attr in one.attrs.items()
        if attr.source is not None and (wish.names is None or name in wish.names)
    }


async def _evolution(
    historian: Historian, one: Entity, wish: _Wish, context: Context
) -> tuple[dict[str, Any], int | None]:
    told: dict[str, Any] = {"id": one.id, "type": context.term_of(one.type)}
    kept = _kept(one, wish)
    if wish.aggregates is not None:
        for name, source in kept.items():
            periods = await historian.periods(source, wish.span, wish.aggregates)
            if any(periods.values()):
                told[context.term_of(name)] = show.aggregated(one.attrs[name], periods)
        return told, None
    rows, end_ms = await historian.rows(kept, wish.span, wish.budget)
    for name, found in rows.items():
        if found:
            written = show.instances(one.attrs[name], found, temporal_values=wish.temporal_values)
            told[context.term_of(name)] = written
    return told, end_ms


def _answered(ends: set[int], wish: _Wish, response: Response) -> Response:
    """206 and how far the answer reaches, where the span goes on: every entity is whole up to the earliest end."""
    if ends:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.headers["Content-Range"] = f"date-time {iso(wish.span.from_ms)}-{iso(min(ends))}/*"
    return response
