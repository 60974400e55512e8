"""Faults of a file's form in words: where, what, and what was perhaps meant."""

from __future__ import annotations

import difflib
import types
from collections.abc import Collection, Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from device_profiles.schema import ProfileSpec


def near(word: str, known: Collection[str]) -> str:
    """``, perhaps 'x'?`` when something known looks like the word, else nothing."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f", perhaps {str(found[0])!r}?" if found else ""


def schema_faults(error: ValidationError) -> list[str]:
    """One line for every fault that the schema found."""
    return [_line(each["type"], each["loc"], each["msg"], each["input"]) for each in error.errors()]


def _line(kind: str, loc: tuple[int | str, ...], message: str, given: object) -> str:
    # Which member of a union pydantic tried is no place in the file.
    path = [str(part) for part in loc if not str(part).startswith(("function-", "lax-"))]
    if len(path) > 2 and path[0] == "controls" and path[2] == "0":
        del path[2]  # A control that is no list of alternatives.
    if path and path[0] in {"points", "registers", "controls"} and len(path) > 1:
        path = path[1:]
    where = ": ".join(path) or "file"
    if kind == "extra_forbidden" and given is None and " " in str(loc[-1]):
        return f"{where}: is no key but the rest of a text; a text with a comma in it wants quotes"
    if kind == "extra_forbidden":
        return f"{where}: unknown key{near(str(loc[-1]), _keys_at(loc[:-1]))}"
    if kind == "missing":
        return f"{where}: is missing"
    return f"{where}: {message.removeprefix('Value error, ')}"


def _keys_at(loc: Iterable[int | str]) -> Collection[str]:
    """Keys that the schema knows at a place of the file."""
    here: list[Any] = [ProfileSpec]
    for part in loc:
        here = [inner for each in here for inner in _inside(each, str(part))]
    return [key for each in here if _is_model(each) for key in each.model_fields]


def _inside(annotation: Any, part: str) -> list[Any]:
    if _is_model(annotation):
        field = annotation.model_fields.get(part)
        return [] if field is None else _unwrapped(field.annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return _unwrapped(args[1])
    return _unwrapped(args[0]) if origin is list else []


def _unwrapped(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [arg for arg in get_args(annotation) if arg is not type(None)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
