"""The AsyncAPI document: up to date, whole, and true of its own examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from contract import asyncapi
from contract.examples import Example, examples
from contract.topics import parse

KEPT = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(KEPT.read_text(encoding="utf-8"))
    return read


def schema_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "components": document["components"],
        "$ref": f"#/components/schemas/{name}",
    }


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def test_the_document_is_up_to_date() -> None:
    assert asyncapi.check(KEPT) == "", "make it anew with `make docs`"


def test_checking_tells_what_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "asyncapi.yaml"
    stale.write_text(KEPT.read_text(encoding="utf-8").replace("maxLength: 64", "maxLength: 63"), encoding="utf-8")
    assert asyncapi.main(["--check", str(stale)]) == 1
    told = capsys.readouterr().err
    assert "out of date: make it anew with `make docs`" in told
    assert "-          maxLength: 63" in told


def test_checking_a_file_that_is_not_there_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncapi.main(["--check", str(tmp_path / "none.yaml")]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_the_command_prints_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncapi.main([]) == 0
    assert capsys.readouterr().out == KEPT.read_text(encoding="utf-8")


def test_the_frame_is_asyncapi_3(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for server in document["servers"].values():
        assert {"host", "protocol"} <= server.keys()
    for channel in document["channels"].values():
        in_address = {part[1:-1] for part in channel["address"].split("/") if part.startswith("{")}
        assert in_address == channel["parameters"].keys()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        assert resolve(document, reference)


def test_operations_say_direction_quality_and_retention(document: dict[str, Any]) -> None:
    seen = {
        name: (operation["action"], operation["bindings"]["mqtt"]["qos"], operation["bindings"]["mqtt"]["retain"])
        for name, operation in document["operations"].items()
    }
    assert seen == {
        "send_telemetry": ("send", 1, False),
        "send_event": ("send", 1, False),
        "send_status": ("send", 1, True),
        "receive_ack": ("receive", 1, False),
    }


def test_an_operation_s_message_is_its_channel_s_message(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        channel = resolve(document, operation["channel"]["$ref"])
        for message in operation["messages"]:
            assert resolve(document, message["$ref"]) in channel["messages"].values()


def test_every_schema_is_one_and_every_field_is_explained(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert schema["description"], name
        for field, told in schema.get("properties", {}).items():
            assert told.get("description"), f"{name}.{field} is not explained"


def test_examples_of_the_document_fit_their_schemas(document: dict[str, Any]) -> None:
    for name, message in document["components"]["messages"].items():
        assert message["examples"], name
        for sample in message["examples"]:
            jsonschema.validate(sample["payload"], schema_of(document, name), jsonschema.Draft7Validator)


@pytest.mark.parametrize("sample", examples(), ids=lambda sample: sample.name)
def test_bytes_on_the_wire_fit_the_schema(sample: Example, document: dict[str, Any]) -> None:
    name = type(sample.message).__name__
    payload = msgspec.json.decode(msgspec.json.encode(sample.message))
    jsonschema.validate(payload, schema_of(document, name), jsonschema.Draft7Validator)
    assert parse(sample.topic).channel.value in document["channels"]


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("Telemetry", {"e": "e", "s": 0, "t": 1}),
        ("Telemetry", {"e": "e", "s": [[1, 2, 3]], "t": 1}),
        ("Telemetry", {"e": "e", "s": 1, "t": 1, "r": [["AAAAAA", 1, 2.5]]}),
        ("Telemetry", {"e": "a b", "s": 1, "t": 1}),
        ("Event", {"e": "e", "s": 1, "t": 1, "k": "Party!"}),
        ("Status", {"at_ms": 1}),
        ("Ack", {"e": "e", "a": [[0, 1]]}),
    ],
)
def test_schemas_refuse_what_the_decoder_refuses(name: str, payload: Any, document: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(payload, schema_of(document, name), jsonschema.Draft7Validator)
