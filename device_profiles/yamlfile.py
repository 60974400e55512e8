"""YAML as profile files use it: ``on`` and ``off`` are words, and a key that stands twice is a fault."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """A safe loader of its own, so that nobody else's YAML changes meaning."""

    repeated: list[str]


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[object, object]:
    found: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool):
            loader.repeated.append(f"line {key_node.start_mark.line + 1}: {key!r} cannot be a key")
            continue
        if key in found:
            loader.repeated.append(f"{key}: stands twice, again in line {key_node.start_mark.line + 1}")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


# YAML 1.1 reads "on", "off", "yes" and "no" as truth values; "off" is the name of a state here.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(text: str) -> tuple[object, list[str]]:
    """What the text says, and its faults; with a syntax fault there is nothing else."""
    loader = _Loader(text)
    loader.repeated = []
    try:
        return loader.get_single_data(), loader.repeated
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        return None, [f"{where}no valid YAML: {getattr(error, 'problem', None) or error}"]
    finally:
        loader.dispose()
