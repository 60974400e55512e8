"""Reading YAML that people wrote: every fault is named with its place, and unknown names with what is near. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import yaml

BYTES_MAX: Final = 1_000_000
TEXT_MAX: Final = 200


class AlertConfigError(ValueError):
    """A file that can't be used. The text has one line per fault."""


class Given:
    """A mapping as it was given. ``faults`` collects what is wrong; ``where`` says which mapping this is."""

    def __init__(self, where: str, given: object, faults: list[str]) -> None:
        self.where = where
        self.faults = faults
        self._given = {str(name): value for name, value in given.items()} if isinstance(given, dict) else {}
        self._asked: set[str] = set()
        if not isinstance(given, dict):
            self.fault("want names and values")

    def fault(self, what: str) -> None:
        """Note that something is wrong here."""
        self.faults.append(f"{self.where}: {what}")

    def has(self, name: str) -> bool:
        """Whether something was given under a name."""
        self._asked.add(name)
        return self._given.get(name) is not None

    def raw(self, name: str) -> object:
        """What was given, as it is."""
        self._asked.add(name)
        return self._given.get(name)

    def text(self, name: str, *, wanted: bool = False) -> str:
        """A text of one line."""
        value = self.raw(name)
        if value is None:
            if wanted:
                self.fault(f"{name} is missing")
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.fault(f"{name}: want a text, got {value!r}")
            return ""
        said = str(value).strip()
        if not said or len(said) > TEXT_MAX or not said.isprintable():
            self.fault(f"{name}: want 1 to {TEXT_MAX} characters in one line")
            return ""
        return said

    def texts(self, name: str) -> tuple[str, ...]:
        """One text, or a list of them."""
        value = self.raw(name)
        if value is None:
            return ()
        found = value if isinstance(value, list) else [value]
        bad = [each for each in found if isinstance(each, bool) or not isinstance(each, str | int)]
        if bad:
            self.fault(f"{name}: want texts, got {bad[0]!r} (put codes in quotes)")
            return ()
        return tuple(str(each).strip() for each in found)

    def number(self, name: str, *, least: float, most: float, default: float) -> float:
        """A number within limits."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.fault(f"{name}: want a number from {least:g} to {most:g}, got {value!r}")
            return default
        return float(value)

    def one_of(self, name: str, known: Mapping[str, Any], *, default: Any = None) -> Any:
        """What a word stands for; ``default`` when nothing was given, or with a fault."""
        if not self.has(name):
            if default is None:
                self.fault(f"{name} is missing: want one of {', '.join(known)}")
            return default
        said = self.text(name)
        if said in known:
            return known[said]
        self.fault(f"{name}: {said!r} is none of {', '.join(known)}" + near(said, known))
        return default

    def inner(self, name: str) -> Given:
        """The mapping under a name."""
        return Given(f"{self.where}.{name}" if self.where else name, self.raw(name), self.faults)

    def names(self) -> Iterable[str]:
        """Names of all that was given."""
        self._asked |= self._given.keys()
        return list(self._given)

    def close(self) -> None:
        """Nothing more is asked: what is left was meant for something."""
        for name in self._given:
            if name not in self._asked:
                self.fault(f"unknown name {name[:60]!r}" + near(name, self._asked))


def near(said: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name; empty without one."""
    found = difflib.get_close_matches(said, list(known), n=1)
    return f", perhaps {found[0]!r}" if found else ""


def check_known(given: Given, name: str, said: Iterable[str], known: Collection[str], what: str) -> None:
    """Note names that are not known."""
    for each in said:
        if each not in known:
            hint = near(each, known) or f"; known: {', '.join(sorted(known))}"
            given.fault(f"{name}: no {what} {each[:60]!r}{hint}")


def mapping_of(data: bytes, faults: list[str]) -> Given:
    """The outermost mapping of a YAML file."""
    if len(data) > BYTES_MAX:
        faults.append(f"{len(data):,} bytes, the limit is {BYTES_MAX:,}")
        return Given("", {}, faults)
    try:
        loaded = yaml.load(data.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 - a safe loader, see below
    except UnicodeDecodeError:
        faults.append("not UTF-8: save the file as UTF-8")
        loaded = {}
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        faults.append(f"not YAML: {' '.join(str(error).split())[:300]}")
        loaded = {}
    return Given("", loaded if loaded is not None else {}, faults)


class _Loader(yaml.SafeLoader):
    """Safe, and a name that stands twice is a fault: the second rule would silently hold."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name has to be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{str(key.value)[:60]!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("anchors and aliases (&, *) are not taken")
        return super().compose_node(parent, index)
