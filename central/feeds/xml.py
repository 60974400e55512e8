"""XML from outside, read within limits: no entities, no document types, no more bytes, elements or depth than is sane.

Errors:
    RefusedError: nothing of it is used; ``why`` is a word for the counters, the text is for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden
from defusedxml.ElementTree import DefusedXMLParser

BYTES_MAX: Final = 4_000_000
"""The largest sample of the agency has 0.43 MB."""
ELEMENTS_MAX: Final = 100_000
DEPTH_MAX: Final = 32
"""The deepest sample has 14 levels."""
CHUNK: Final = 65_536


class Why(StrEnum):
    """Why something from outside is refused."""

    TOO_LARGE = "too_large"
    HOSTILE = "hostile"
    """Entities or a document type: no telegram has them, attacks do."""
    MALFORMED = "malformed"
    """Not XML, or cut off."""
    NOT_A_TELEGRAM = "not_a_telegram"
    INCOMPLETE = "incomplete"
    """A telegram without a part that it needs, or with one that says nothing known."""
    FAULT = "fault"
    """This program failed over it."""


class RefusedError(ValueError):
    """What came is not used."""

    def __init__(self, why: Why, text: str) -> None:
        self.why = why
        super().__init__(text)


class _Builder(TreeBuilder):
    """Builds the tree and stops when it grows beyond the limits."""

    def __init__(self, elements_max: int) -> None:
        super().__init__()
        self._elements_max = elements_max
        self._elements = 0
        self._depth = 0

    def start(self, tag: str, attrs: dict[Any, Any], /) -> Element:
        """One more element, one level deeper."""
        self._elements += 1
        self._depth += 1
        if self._elements > self._elements_max:
            raise RefusedError(Why.TOO_LARGE, f"more than {self._elements_max:,} elements")
        if self._depth > DEPTH_MAX:
            raise RefusedError(Why.HOSTILE, f"elements inside each other more than {DEPTH_MAX} deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        """One level back."""
        self._depth -= 1
        return super().end(tag)


def parse(data: bytes, *, bytes_max: int = BYTES_MAX, elements_max: int = ELEMENTS_MAX) -> Element:
    """The root element.

    Raises:
        RefusedError: it is not taken; says why.
    """
    if len(data) > bytes_max:
        raise RefusedError(Why.TOO_LARGE, f"{len(data):,} bytes, the limit is {bytes_max:,}")
    parser = DefusedXMLParser(target=_Builder(elements_max), forbid_dtd=True)
    try:
        for start in range(0, len(data), CHUNK):
            parser.feed(data[start : start + CHUNK])
        root: Element = parser.close()
    except (DTDForbidden, EntitiesForbidden, ExternalReferenceForbidden):
        raise RefusedError(Why.HOSTILE, "it has a document type or entities, as no telegram has") from None
    except (ParseError, ValueError, LookupError) as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError(Why.MALFORMED, f"not XML, or cut off: {error}") from None
    return root


def local(element: Element) -> str:
    """Name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def child(element: Element | None, *path: str) -> Element | None:
    """The first element down a path of local names."""
    for name in path:
        if element is None:
            return None
        element = next((each for each in element if local(each) == name), None)
    return element


def children(element: Element | None, name: str) -> Iterator[Element]:
    """All children of a local name."""
    return (each for each in element if local(each) == name) if element is not None else iter(())


def text(element: Element | None, *path: str, most: int = 200) -> str:
    """Text down a path, without white space around it and not longer than ``most``; empty when there is none."""
    found = child(element, *path)
    return (found.text or "").strip()[:most] if found is not None else ""
