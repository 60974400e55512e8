"""SunSpec's own model definitions, read from the JSON files that pysunspec2 ships; only those that are met."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from device_profiles.model import ProfileError, ValueType

MARKER: Final = (0x5375, 0x6E53)
"""``SunS``."""
END: Final = 0xFFFF
HEADER: Final = 2
"""Registers of a model before its length counts: ID and L."""

TYPES: Final[dict[str, tuple[ValueType, frozenset[int]]]] = {
    "int16": (ValueType.S16, frozenset({0x8000})),
    "sunssf": (ValueType.S16, frozenset({0x8000})),
    "uint16": (ValueType.U16, frozenset({0xFFFF})),
    "enum16": (ValueType.U16, frozenset({0xFFFF})),
    "bitfield16": (ValueType.U16, frozenset({0xFFFF})),
    "count": (ValueType.U16, frozenset({0xFFFF})),
    "pad": (ValueType.U16, frozenset({0x8000})),
    "acc16": (ValueType.U16, frozenset({0})),
    "int32": (ValueType.S32, frozenset({0x8000_0000})),
    "uint32": (ValueType.U32, frozenset({0xFFFF_FFFF})),
    "enum32": (ValueType.U32, frozenset({0xFFFF_FFFF})),
    "bitfield32": (ValueType.U32, frozenset({0xFFFF_FFFF})),
    "acc32": (ValueType.U32, frozenset({0})),
    "int64": (ValueType.S64, frozenset({0x8000_0000_0000_0000})),
    "uint64": (ValueType.U64, frozenset({0xFFFF_FFFF_FFFF_FFFF})),
    "bitfield64": (ValueType.U64, frozenset({0xFFFF_FFFF_FFFF_FFFF})),
    "acc64": (ValueType.U64, frozenset({0})),
    "float32": (ValueType.F32, frozenset()),
    "float64": (ValueType.F64, frozenset()),
    "string": (ValueType.STRING, frozenset()),
}
"""SunSpec's types: how they stand in registers, and which raw value means "not implemented"."""


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """One point of a model. ``offset`` counts from the model's ID register, or from the start of a group's instance."""

    name: str
    offset: int
    size: int
    kind: str
    factor: str | int | None
    """Name of the scale factor's point, or a fixed power of ten."""


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """A repeating part of a model, which follows the fixed part."""

    name: str
    points: dict[str, ModelPoint]
    size: int
    count: str | None
    """Point that tells how many instances there are."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model's layout."""

    id: int
    points: dict[str, ModelPoint]
    size: int
    """Registers of the fixed part, ID and L included."""
    groups: dict[str, ModelGroup]


@lru_cache(maxsize=64)
def model(model_id: int) -> Model | None:
    """The layout of a model, or None when SunSpec has no such model. Raises ``ProfileError`` without pysunspec2."""
    try:
        path = resources.files("sunspec2") / "models" / "json" / f"model_{model_id}.json"
        text = path.read_text(encoding="utf-8")
    except ModuleNotFoundError as error:
        raise ProfileError("SunSpec models come with the package pysunspec2, which is not installed") from error
    except OSError:
        return None
    group = json.loads(text)["group"]
    points, size = _points(group["points"])
    groups = {each["name"]: _group(each, points) for each in group.get("groups", [])}
    return Model(model_id, points, size, groups)


def _points(raw: list[dict[str, Any]]) -> tuple[dict[str, ModelPoint], int]:
    found: dict[str, ModelPoint] = {}
    at = 0
    for each in raw:
        found[each["name"]] = ModelPoint(each["name"], at, each["size"], each["type"], each.get("sf"))
        at += each["size"]
    return found, at


def _group(raw: dict[str, Any], fixed: dict[str, ModelPoint]) -> ModelGroup:
    points, size = _points(raw["points"])
    count = raw.get("count")
    # Old models write 0 for "as many as fit" and keep the number in a point called N.
    named = count if isinstance(count, str) else "N" if "N" in fixed else None
    return ModelGroup(raw["name"], points, size, named)
