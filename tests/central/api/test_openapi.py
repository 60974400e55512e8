"""The API's document is complete: every route says what it does, who may, what it answers and what can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from central.api.document import operations
from central.api.problems import MEDIA_TYPE
from central.feeds import hook
from central.feeds.desk import AlertDesk
from tests.central.access.test_every_route import is_public, routes_of
from tests.central.access.whole import opened

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Json:
    import asyncio

    async def read(folder: Path) -> Json:
        async with opened(folder) as app:
            # Alerts have routes where the settings name rules; here they are described and never called.
            app.include_router(hook.router(cast("AlertDesk", None), {}, clock=lambda: 0, sources=dict))
            told: Json = app.openapi()
            told["x-public"] = [
                [method, route.path_format]
                for route in routes_of(app)
                if is_public(route)
                for method in route.methods or ()
            ]
            return told

    return asyncio.run(read(tmp_path_factory.mktemp("document")))


def contents(document: Json) -> Iterator[tuple[str, Json]]:
    """Every body that is sent or answered, with a name for messages; errors left out."""
    for method, path, operation in operations(document):
        bodies = [("request", operation["requestBody"])] if "requestBody" in operation else []
        bodies += [(status, said) for status, said in operation["responses"].items() if status.startswith("2")]
        for what, body in bodies:
            for kind, content in body.get("content", {}).items():
                yield f"{method} {path} {what} {kind}", content


def test_every_route_says_what_it_does(document: Json) -> None:
    lacks = [
        f"{method} {path}: {part}"
        for method, path, operation in operations(document)
        for part in ("summary", "description", "tags", "operationId")
        if not operation.get(part)
    ]
    assert lacks == []


def test_tags_are_explained(document: Json) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}


def test_every_parameter_is_described(document: Json) -> None:
    lacks = [
        f"{method} {path}: {parameter['name']}"
        for method, path, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert lacks == []


def test_every_error_is_a_problem_with_a_description(document: Json) -> None:
    wrong = []
    for method, path, operation in operations(document):
        for status, said in operation["responses"].items():
            if int(status) >= 400:
                kinds = set(said.get("content", {}))
                # ETSI's own document answers problems as application/json, /readyz tells its parts.
                allowed = {"application/json"} if path.startswith("/ngsi-ld") or path == "/readyz" else {MEDIA_TYPE}
                if kinds != allowed or not said["description"]:
                    wrong.append(f"{method} {path} {status}: {sorted(kinds)}")
    assert wrong == []


def test_who_is_refused_is_told_so(document: Json) -> None:
    public = {tuple(one) for one in document["x-public"]}
    assert ("GET", "/opendata/shelters.csv") in public
    for method, path, operation in operations(document):
        if (method, path) in public:
            assert operation["security"] == [], path
        else:
            assert operation["security"] == [{"token": []}, {"session": []}], path
            assert {"401", "403"} <= set(operation["responses"]), path


def test_the_ways_to_sign_in_are_described(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["token"]["scheme"], schemes["session"]["in"]) == ("bearer", "cookie")
    assert all(scheme["description"] for scheme in schemes.values())


def test_every_body_has_an_example(document: Json) -> None:
    lacks = []
    for name, content in contents(document):
        schema = content.get("schema", {})
        is_model = "$ref" in schema or "$ref" in schema.get("items", {})
        if not is_model and not {"example", "examples"} & (content.keys() | schema.keys()):
            lacks.append(name)
    assert lacks == []


def test_every_model_has_an_example_that_fits_it(document: Json) -> None:
    schemas = document["components"]["schemas"]
    models = {name: schema for name, schema in schemas.items() if "properties" in schema}
    assert len(models) > 50
    assert [name for name, schema in models.items() if not schema.get("examples")] == []
    faults = []
    for name, schema in models.items():
        whole = {**schema, "components": {"schemas": schemas}}
        for example in schema["examples"]:
            found = jsonschema.Draft202012Validator(whole).iter_errors(example)
            faults += [f"{name}: {error.json_path}: {error.message}" for error in found]
    assert faults == []


def test_every_model_and_field_is_described(document: Json) -> None:
    models = document["components"]["schemas"]
    assert [name for name, schema in models.items() if not schema.get("description")] == []
