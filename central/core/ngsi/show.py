"""Entities as JSON: normalized, concise, simplified, GeoJSON; types and attributes that exist; temporal forms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from central.core.ngsi.terms import IRIS, Context
from central.core.ngsi.values import Attr, Entity, Kind, iso

JSON = dict[str, Any]
_MEMBERS: Final = {Kind.PROPERTY: "value", Kind.RELATIONSHIP: "object", Kind.GEO: "value"}


class Form(StrEnum):
    """How attributes are written."""

    NORMALIZED = "normalized"
    CONCISE = "concise"
    SIMPLIFIED = "simplified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an answer shows of each entity, and how."""

    form: Form = Form.NORMALIZED
    names: frozenset[str] | None = None
    """Only these attributes; None: all."""
    omitted: frozenset[str] = frozenset()
    """Not these; ``id`` and ``type`` may be among them."""
    since_ms: int | None = None
    """With ``sysAttrs``: the moment since which this service holds its entities."""


def entity(told: Entity, shape: Shape, context: Context) -> JSON:
    """One entity."""
    made: JSON = {"id": told.id, "type": context.term_of(told.type)}
    times = [attr.observed_ms for attr in told.attrs.values() if attr.observed_ms is not None]
    if shape.since_ms is not None:
        made |= {"createdAt": iso(shape.since_ms), "modifiedAt": iso(max([shape.since_ms, *times]))}
    for name, attr in told.attrs.items():
        if (shape.names is None or name in shape.names) and name not in shape.omitted:
            made[context.term_of(name)] = _attribute(attr, shape)
    return {key: value for key, value in made.items() if key not in {"id", "type"} or key not in shape.omitted}


def _attribute(attr: Attr, shape: Shape) -> Any:
    if shape.form is Form.SIMPLIFIED:
        return attr.value
    more: JSON = {"unitCode": attr.unit_code} if attr.unit_code else {}
    if attr.observed_ms is not None:
        more["observedAt"] = attr.observed_at
    if shape.since_ms is not None:
        moment = max(shape.since_ms, attr.observed_ms or 0)
        more |= {"createdAt": iso(shape.since_ms), "modifiedAt": iso(moment)}
    member = {_MEMBERS[attr.kind]: attr.value}
    if shape.form is Form.NORMALIZED:
        return {"type": attr.kind.value, **member, **more}
    return attr.value if not more and attr.kind is not Kind.RELATIONSHIP else {**member, **more}


def feature(told: Entity, shape: Shape, context: Context, geometry_attr: str = "location") -> JSON:
    """One entity as a GeoJSON feature; without a place its geometry is null."""
    found = told.attrs.get(geometry_attr)
    written = entity(told, shape, context)
    written.pop("id", None)
    geometry = found.value if found is not None and found.kind is Kind.GEO else None
    return {"type": "Feature", "id": told.id, "geometry": geometry, "properties": written}


def type_list(all_now: Iterable[Entity], context: Context, *, details: bool) -> JSON | list[JSON]:
    """The types of which there are entities."""
    found = names_by_type(all_now)
    if not details:
        terms = [context.term_of(kind) for kind in found]
        return {"id": "urn:ngsi-ld:EntityTypeList:shelters", "type": "EntityTypeList", "typeList": terms}
    return [
        {
            "id": iri_of(kind),
            "type": "EntityType",
            "typeName": context.term_of(kind),
            "attributeNames": [context.term_of(name) for name in sorted(attrs)],
        }
        for kind, attrs in found.items()
    ]


def iri_of(name: str) -> str:
    """The IRI of one of our names."""
    return IRIS.get(name, name)


def type_info(kind: str, all_now: Sequence[Entity], context: Context) -> JSON:
    """One type: how many entities there are and what they have."""
    attrs = {name: attr for one in all_now for name, attr in one.attrs.items()}
    return {
        "id": iri_of(kind),
        "type": "EntityTypeInfo",
        "typeName": context.term_of(kind),
        "entityCount": len(all_now),
        "attributeDetails": [
            {
                "id": iri_of(name),
                "type": "Attribute",
                "attributeName": context.term_of(name),
                "attributeTypes": [attrs[name].kind.value],
            }
            for name in sorted(attrs)
        ],
    }


def attribute_list(all_now: Iterable[Entity], context: Context, *, details: bool) -> JSON | list[JSON]:
    """The attributes that entities have."""
    holders = types_by_name(all_now)
    if not details:
        terms = [context.term_of(name) for name in sorted(holders)]
        return {"id": "urn:ngsi-ld:AttributeList:shelters", "type": "AttributeList", "attributeList": terms}
    return [
        {
            "id": iri_of(name),
            "type": "Attribute",
            "attributeName": context.term_of(name),
            "typeNames": [context.term_of(kind) for kind in holders[name]],
        }
        for name in sorted(holders)
    ]


def attribute_info(name: str, all_now: Sequence[Entity], context: Context) -> JSON:
    """One attribute: how many entities have it, and of which types they are."""
    having = [one for one in all_now if name in one.attrs]
    return {
        "id": iri_of(name),
        "type": "Attribute",
        "attributeName": context.term_of(name),
        "attributeCount": len(having),
        "attributeTypes": sorted({one.attrs[name].kind.value for one in having}),
        "typeNames": [context.term_of(kind) for kind in dict.fromkeys(one.type for one in having)],
    }


def names_by_type(all_now: Iterable[Entity]) -> dict[str, set[str]]:
    """Type → the attributes that its entities have."""
    found: dict[str, set[str]] = {}
    for one in all_now:
        found.setdefault(one.type, set()).update(one.attrs)
    return found


def types_by_name(all_now: Iterable[Entity]) -> dict[str, list[str]]:
    """Attribute → the types whose entities have it."""
    found: dict[str, list[str]] = {}
    for kind, names in names_by_type(all_now).items():
        for name in names:
            found.setdefault(name, []).append(kind)
    return found


def instances(attr: Attr, rows: Sequence[tuple[int, float]], *, temporal_values: bool) -> Any:
    """An attribute over time: its values with their moments (UTC milliseconds), in the order in which they come."""
    if temporal_values:
        return {"type": attr.kind.value, "values": [[value, iso(at_ms)] for at_ms, value in rows]}
    unit: JSON = {"unitCode": attr.unit_code} if attr.unit_code else {}
    return [{"type": attr.kind.value, "value": value, **unit, "observedAt": iso(at_ms)} for at_ms, value in rows]


def aggregated(attr: Attr, rows: Mapping[str, Sequence[tuple[float, int, int]]]) -> JSON:
    """An attribute's aggregates: method → value, start and end of each period."""
    made: JSON = {"type": attr.kind.value}
    if attr.unit_code:
        made["unitCode"] = attr.unit_code
    for method, found in rows.items():
        made[method] = [[value, iso(start), iso(end)] for value, start, end in found]
    return made
