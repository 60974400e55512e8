"""The agency's feeds (Atom): bytes → entries, and which of them are worth fetching. Pure.

A feed lists addresses of telegrams; type and office stand in the address (``…_VXSE53_010000.xml``). Only addresses on
the feed's own host and scheme are followed, and none of them twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from central.feeds.jma import TYPES
from central.feeds.xml import RefusedError, Why, children, parse, text

ATOM: Final = "{http://www.w3.org/2005/Atom}"
FEED_BYTES_MAX: Final = 16_000_000
"""The long feeds name several days."""
FEED_ELEMENTS_MAX: Final = 400_000
ENTRIES_MAX: Final = 5_000
_ADDRESS: Final = re.compile(r"/[0-9]{14}_[0-9]{1,4}_(?P<type>[A-Z0-9]{6})_(?P<office>[0-9]{6})\.xml")


@dataclass(frozen=True, slots=True)
class Entry:
    """A telegram that a feed names."""

    url: str
    type: str
    office: str


def read_feed(data: bytes, *, url: str) -> list[Entry]:
    """Entries of a feed in its order, newest first; those that are no telegrams of its host are left out.

    Raises:
        RefusedError: it is no feed.
    """
    root = parse(data, bytes_max=FEED_BYTES_MAX, elements_max=FEED_ELEMENTS_MAX)
    if root.tag != f"{ATOM}feed":
        raise RefusedError(Why.NOT_A_TELEGRAM, f"its root is {root.tag[:80]!r}, not an Atom feed")
    home = urlsplit(url)
    found: list[Entry] = []
    for number, entry in enumerate(children(root, "entry")):
        if number >= ENTRIES_MAX:
            break
        address = text(entry, "id", most=500)
        try:
            parts = urlsplit(address)
        except ValueError:
            continue
        named = _ADDRESS.search(parts.path)
        is_home = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
        if named and named.end() == len(parts.path) and is_home and not parts.query and not parts.fragment:
            found.append(Entry(address, named["type"], named["office"]))
    return found


def worth(entries: list[Entry], *, seen: Collection[str], offices: Collection[str]) -> list[Entry]:
    """Entries to fetch, oldest first. ``offices``: whose weather concerns the city; earthquakes concern it from all."""
    new = [
        entry
        for entry in entries
        if entry.type in TYPES
        and entry.url not in seen
        and (not entry.type.startswith("VPWW") or not offices or entry.office in offices)
    ]
    return list(dict.fromkeys(reversed(new)))
