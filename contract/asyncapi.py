"""The AsyncAPI document of the protocol, made from the message models.

``python -m contract.asyncapi`` prints it; ``--check FILE`` says whether a file is up to date.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from contract import messages
from contract.examples import SITE, examples
from contract.generated import Generated
from contract.messages import Ack, Event, Status, Telemetry
from contract.points import POINT_NUMBERS, POINTS, Point
from contract.readings import QUALITIES
from contract.topics import ROOT, SITE_ID, Channel

Node = dict[str, Any]

MODELS: Final[dict[Channel, type[msgspec.Struct]]] = {
    Channel.TELEMETRY: Telemetry,
    Channel.EVENT: Event,
    Channel.STATUS: Status,
    Channel.ACK: Ack,
}
_ABOUT: Final = {
    Channel.TELEMETRY: "Readings of one outbox entry, or of many. Kept at the edge until an ack covers their numbers.",
    Channel.EVENT: "Something happened. Numbered, kept and acknowledged like telemetry.",
    Channel.STATUS: "The agent and its devices now. Retained; also the last will.",
    Channel.ACK: "Numbers that the city's store has on disk (or has refused for good).",
}
_RETAINED: Final = frozenset({Channel.STATUS})
_TO_CITY: Final = frozenset({Channel.TELEMETRY, Channel.EVENT, Channel.STATUS})

_INTRODUCTION: Final = """\
What an edge agent in a shelter and the city say to each other over MQTT 3.1.1. This document is
written from the agent's side: it sends telemetry, event and status, and receives ack.
docs/protocol.md explains it in words. Made from the models in contract/ by `make docs`; do not
edit it by hand. x-points is the closed list of points: a value is its whole number times step,
in unit; low and high bound what a working device can report. The channels desired and reported
have their names and no messages yet.
"""


def document() -> Node:
    """The AsyncAPI 3.0 document as plain values."""
    sent = {channel: channel.value for channel in MODELS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Shelter energy: shelter and city",
            "version": f"{messages.VERSION}.0.0",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"city": _server()},
        "channels": {name: _channel(channel) for channel, name in sent.items()},
        "operations": {
            ("send_" if channel in _TO_CITY else "receive_") + name: _operation(channel)
            for channel, name in sent.items()
        },
        "components": {
            "messages": {model.__name__: _message(channel, model) for channel, model in MODELS.items()},
            "schemas": _schemas(),
        },
        "x-points": {name: _point(point) for name, point in POINTS.items()},
        "x-quality-codes": {code: quality.value for code, quality in QUALITIES.items()},
    }


def _point(point: Point) -> Node:
    """One line of the closed list: what a whole number under this name stands for."""
    return {
        "number": POINT_NUMBERS[point.name],
        "unit": point.unit,
        "step": point.step,
        "low": point.low,
        "high": point.high,
        "kind": point.kind.value,
    }


def _server() -> Node:
    will = {"topic": f"{ROOT}/{{site}}/status", "qos": 1, "retain": True}
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "protocolVersion": "3.1.1",
        "description": "The city's broker. Any MQTT 3.1.1 broker serves.",
        "variables": {
            "host": {"default": "localhost", "description": "Name or address of the broker."},
            "port": {"default": "1883", "description": "1883, or 8883 with TLS."},
        },
        "bindings": {"mqtt": {"cleanSession": False, "lastWill": will, "keepAlive": 60, "bindingVersion": "0.2.0"}},
    }


def _channel(channel: Channel) -> Node:
    name = MODELS[channel].__name__
    return {
        "address": f"{ROOT}/{{site}}/{channel.value}",
        "description": _ABOUT[channel],
        "parameters": {
            "site": {
                "description": f"National common shelter ID: {SITE_ID.pattern}. Synthetic sites: municipality 00000.",
                "examples": [SITE],
            }
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(channel: Channel) -> Node:
    name = MODELS[channel].__name__
    return {
        "action": "send" if channel in _TO_CITY else "receive",
        "channel": {"$ref": f"#/channels/{channel.value}"},
        "summary": _ABOUT[channel],
        "messages": [{"$ref": f"#/channels/{channel.value}/messages/{name}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": channel in _RETAINED, "bindingVersion": "0.2.0"}},
    }


def _message(channel: Channel, model: type[msgspec.Struct]) -> Node:
    return {
        "name": model.__name__,
        "summary": _first_line(model),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        "examples": [
            {"name": example.name, "summary": example.summary, "payload": msgspec.to_builtins(example.message)}
            for example in examples()
            if example.channel is channel
        ],
    }


def _schemas() -> Node:
    _, found = msgspec.json.schema_components(MODELS.values(), ref_template="#/components/schemas/{name}")
    schemas: Node = _to_draft_7(found)
    for name, schema in schemas.items():
        model = getattr(messages, name)
        schema["description"] = inspect.cleandoc(model.__doc__ or "")
        if issubclass(model, msgspec.Struct):
            _tell_fields(model, schema["properties"])
        elif issubclass(model, messages.OpenEnum):
            pattern = rf"^{messages.WORD_PATTERN}$(?!\n)"
            later = {"type": "string", "pattern": pattern, "description": "Of a later release."}
            schema["anyOf"] = [{"enum": schema.pop("enum")}, later]
    return schemas


def _tell_fields(model: type[msgspec.Struct], properties: Node) -> None:
    """Give each short name its long one, and the words that stand beside it in the model."""
    said = _field_docstrings(model)
    for field in msgspec.structs.fields(model):
        was = properties[field.encode_name]
        told: Node = {"title": field.name, **was}
        if field.name in said:
            told["description"] = said[field.name]
        if "$ref" in was:  # Beside a $ref nothing else counts.
            del told["$ref"]
            told["allOf"] = [{"$ref": was["$ref"]}]
        properties[field.encode_name] = told


def _field_docstrings(model: type[msgspec.Struct]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    said: dict[str, str] = {}
    for node, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    said[node.target.id] = " ".join(text.split())
    return said


def _to_draft_7(node: Any) -> Any:
    """AsyncAPI's own schema dialect is JSON Schema draft 7, where a tuple's places are ``items``."""
    if isinstance(node, list):
        return [_to_draft_7(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _to_draft_7(value) for key, value in node.items()}
    if "prefixItems" in plain:
        del plain["items"]
        plain["items"] = plain.pop("prefixItems")
        plain["additionalItems"] = False
    return plain


def _first_line(model: type[msgspec.Struct]) -> str:
    return inspect.cleandoc(model.__doc__ or "").partition("\n")[0]


def text() -> str:
    """The document as YAML."""
    return msgspec.yaml.encode(document()).decode()


def generated() -> Generated:
    """The document, to be printed or checked."""
    return Generated(
        module="contract.asyncapi",
        about="Print the AsyncAPI document of the shelter protocol.",
        made_from="contract/",
        text=text(),
    )


def check(path: Path) -> str:
    """Empty when the file holds the document of today, else what differs."""
    return generated().check(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the document, or check a file."""
    return generated().main(arguments)


if __name__ == "__main__":
    sys.exit(main())
