"""On which line of a YAML file a fault is that was named by its place, such as ``rules.silent: raise: …``. Pure."""

from __future__ import annotations

import re
from typing import Final

import yaml

_INDEX: Final = re.compile(r"\[(\d+)]")
_NAMED: Final = re.compile(r"(?:unknown name )?'?([A-Za-z0-9_ -]+?)'?(?=$|:| is missing|, perhaps)")


def with_lines(data: bytes, faults: list[str]) -> list[str]:
    """Faults, each with the number of its line before it as far as it can be found."""
    try:
        top = yaml.compose(data.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (UnicodeDecodeError, ValueError, RecursionError, yaml.YAMLError):
        return faults  # What is no YAML was told with its line by the reader itself.
    return [f"line {line}: {fault}" if (line := _line_of(top, fault)) else fault for fault in faults]


def _line_of(top: yaml.Node | None, fault: str) -> int:
    """The line of the deepest thing that a fault names; 0: it names nothing that is there."""
    place, colon, what = fault.partition(": ")
    if top is None or not colon:
        return 0
    node, line, rest = top, 0, place.partition(" (")[0]
    while rest:
        index = _INDEX.match(rest)
        if index and isinstance(node, yaml.SequenceNode):
            if int(index[1]) >= len(node.value):
                return line
            node, rest = node.value[int(index[1])], rest[index.end() :].removeprefix(".")
            line = _begins(node)
            continue
        found = _under(node, rest)
        if found is None:
            return line
        key, node = found
        line, rest = _begins(key), rest[len(key.value) :].removeprefix(".")
    named = _NAMED.match(what)
    last = _under(node, named[1]) if named else None
    return _begins(last[0]) if last else line


def _under(node: yaml.Node, path: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    """The name that a path begins with, and what stands under it. A name may hold dots: the longest fits."""
    if not isinstance(node, yaml.MappingNode):
        return None
    fitting = [
        (key, value)
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
        and path.startswith(key.value)
        and path[len(key.value) : len(key.value) + 1] in {"", ".", "["}
    ]
    return max(fitting, key=lambda one: len(one[0].value), default=None)


def _begins(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
