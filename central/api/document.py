"""The API's document: who may call, examples everywhere, errors as what they are. Pure but for the dictionary given."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi.routing import APIRoute

from central.api.examples import AT, FIELDS
from central.api.problems import MEDIA_TYPE

SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`shelter-central tokens new`, or the page /users).",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "shelter_session",
        "description": "Somebody who has signed in at /login. What changes something then wants the header "
        "X-CSRF-Token, or a form's field csrf.",
    },
}
TAGS: Final = {
    "city": "The city at a glance",
    "shelters": "Shelters: registry, state, readings now",
    "history": "What was measured, what happened, what became of the data",
    "proof": "Commissioning reports and what they prove",
    "incidents": "Who wants which shelters in which mode, and who obeyed",
    "autonomy": "Hours left, who should be visited, what staff say of shelters",
    "stream": "Changes and news as they come",
    "webhooks": "News delivered to other systems",
    "alerts": "What is wrong with links, PV, batteries and the service; who takes care of it",
    "intake": "What became of messages",
    "triggers": "Alerts from outside, and what they propose",
    "ngsi-ld": "The city as NGSI-LD entities (ETSI GS CIM 009)",
    "public": "What citizens read: where there is power, by the city's policy, for everybody",
    "energy": "Energy by half hours from counters, statements of months",
    "open data": "Lists of shelters and alerts, for everybody",
    "service": "The service itself: health, intake, metrics",
}
_FRAMEWORKS_OWN: Final = ("HTTPValidationError", "ValidationError")
_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
BODY_ERRORS: Final = {
    "400": {"description": "The body can't be read", "content": _PROBLEM},
    "413": {"description": "The body is larger than is taken", "content": _PROBLEM},
}

Json = dict[str, Any]


def complete(document: Json, public: Collection[tuple[str, str]]) -> None:
    """Fill in what the framework does not know. ``public``: method and path of what everybody may call."""
    schemas: Json = document.setdefault("components", {}).setdefault("schemas", {})
    document["components"]["securitySchemes"] = SCHEMES
    used = set()
    for method, path, operation in operations(document):
        is_public = (method, path) in public
        operation["security"] = [] if is_public else [{"token": []}, {"session": []}]
        used |= set(operation.get("tags", ()))
        if "requestBody" in operation:
            operation["responses"] = {**BODY_ERRORS, **operation["responses"]}
        for said in operation["responses"].values():
            content = said.get("content", {})
            if MEDIA_TYPE in content:
                content.pop("application/json", None)
    document["tags"] = [{"name": name, "description": about} for name, about in TAGS.items() if name in used]
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    for name, schema in schemas.items():
        if "properties" in schema:
            # A field without a value in the table fails the test, and not the service.
            with contextlib.suppress(KeyError):
                # The framework drops every null of an example, also where the model wants one.
                schema["examples"] = [_with_nulls(_of_model(name, schemas), {"$ref": f"/{name}"}, schemas)]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of everything that can be called."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def public_of(routes: Iterable[Any]) -> frozenset[tuple[str, str]]:
    """Method and path of the routes that are marked as everybody's."""
    return frozenset(
        (method, route.path_format)
        for route in _walked(routes)
        if any(getattr(call, "is_public", False) for call in _calls(route.dependant))
        for method in route.methods or ()
    )


def _walked(routes: Iterable[Any]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):  # How this framework keeps an included router.
            yield from _walked(route.original_router.routes)


def _calls(dependant: Any) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _of_model(name: str, schemas: Json) -> Json:
    """An example of a model, put together from its fields."""
    schema = schemas[name]
    if schema.get("examples"):
        return dict(schema["examples"][0])
    return {
        field: _of_field(f"{name}.{field}", field, told, schemas)
        for field, told in schema.get("properties", {}).items()
    }


def _of_field(full: str, field: str, told: Json, schemas: Json) -> Any:
    if told.get("examples"):
        return told["examples"][0]
    for key in (full, field):
        if key in FIELDS:
            return FIELDS[key]
    return _of_type(full, told, schemas)


def _of_type(full: str, told: Json, schemas: Json) -> Any:
    """An example by the type alone; a KeyError names a field that the table lacks."""
    name = _model_of(told)
    if name:
        enum = schemas[name].get("enum")
        return enum[0] if enum else _of_model(name, schemas)
    if "default" in told:
        return told["default"]
    if "enum" in told or "const" in told:
        return told.get("const", *told.get("enum", ())[:1])
    if told.get("type") == "array":
        return [_of_type(full, told["items"], schemas)]
    by_type = {"boolean": False} | ({"string": AT} if told.get("format") == "date-time" else {})
    if told.get("type") not in by_type:
        raise KeyError(full)
    return by_type[told["type"]]


def _model_of(told: Json) -> str:
    """Name of the model that a field holds, also where it may be null; empty for another type."""
    refs = [each["$ref"] for each in (told, *told.get("anyOf", ()), *told.get("allOf", ())) if "$ref" in each]
    return str(refs[0]).rpartition("/")[2] if refs else ""


def _may_be_null(told: Json) -> bool:
    return any(each.get("type") == "null" for each in told.get("anyOf", ()))


def _with_nulls(example: Any, told: Json, schemas: Json) -> Any:
    """An example with every field that its model wants: null, or a value where that may not be."""
    name = _model_of(told)
    if isinstance(example, list):
        return [_with_nulls(each, told.get("items", {}), schemas) for each in example]
    if not name or not isinstance(example, dict):
        return example
    fields = schemas[name].get("properties", {})
    lacking = {
        field: None if _may_be_null(fields[field]) else _of_field(f"{name}.{field}", field, fields[field], schemas)
        for field in schemas[name].get("required", ())
        if field not in example
    }
    return {field: _with_nulls(each, fields.get(field, {}), schemas) for field, each in {**example, **lacking}.items()}
