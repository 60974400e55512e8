"""Shelters out of the municipal list: by the names of its columns, in any order and any width of letters. Pure.

The lists of 国土地理院 (共通ID, 施設・場所名, 住所) are read too. What the registry has no place for is named and left.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from central.core.city import Site, SiteKind
from central.core.opendata.codes import SYNTHETIC
from central.core.opendata.lines import Line, Table
from central.core.opendata.municipal import (
    ADDRESS,
    COLUMNS,
    ID,
    LATITUDE,
    LONGITUDE,
    MUNICIPALITY,
    NAME,
    NAME_EN,
    unguarded,
)
from contract.topics import is_site_id

COMMON_ID: Final = "共通ID"
POWER: Final = {"pv_kw": 10_000.0, "inverter_kw": 10_000.0, "battery_kwh": 100_000.0}
"""Own columns that may stand in the list as well, and the most that each may say."""
_ALIASES: Final = {
    "全国共通避難所・避難場所ID": COMMON_ID,
    "施設・場所名": NAME,
    "施設名": NAME,
    "住所": ADDRESS,
    "所在地": ADDRESS,
    "都道府県名及び市町村名": MUNICIPALITY,
}
_OTHERS: Final = ("ward", "ward_en", "kind", "synthetic")
_USED: Final = frozenset({ID, COMMON_ID, NAME, NAME_EN, ADDRESS, MUNICIPALITY, LATITUDE, LONGITUDE, *POWER, *_OTHERS})
_WARD: Final = re.compile(r"(?:[市都])([^\s市都区]{1,6}区)")
_TOWN: Final = re.compile(r"(?:.{2,3}?[都道府県])?(?:[^\s郡]{1,6}郡)?(\S{1,8}?市(?!市)|\S{1,8}?[町村](?!市))")
_KINDS: Final = (
    ("小学校", SiteKind.ELEMENTARY_SCHOOL),
    ("中学校", SiteKind.JUNIOR_HIGH_SCHOOL),
    ("公民館", SiteKind.COMMUNITY_CENTRE),
    ("コミュニティセンター", SiteKind.COMMUNITY_CENTRE),
)


def _plain(name: str) -> str:
    """A column's name without differences that nobody sees."""
    return "".join(unicodedata.normalize("NFKC", name).split()).replace(",", "、").casefold()


_KNOWN: Final = {
    **{_plain(name): name for name in (*COLUMNS, COMMON_ID, *POWER, *_OTHERS)},
    **{_plain(name): column for name, column in _ALIASES.items()},
}


def is_municipal(header: Iterable[str]) -> bool:
    """Whether a header line is that of a municipal list or of 国土地理院."""
    known = {_KNOWN.get(_plain(name)) for name in header}
    return NAME in known and bool(known & {ID, COMMON_ID, LATITUDE, ADDRESS})


def read_municipal(header: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> Table:
    """Shelters of a list. ``rows``: each with the number of its line."""
    columns = [_KNOWN.get(_plain(name), "") for name in header]
    faults, notes = _header(header, columns)
    if faults:
        return Table((), tuple(faults))
    known = set(columns)
    left: dict[str, None] = {}
    sites: dict[str, Site] = {}
    seen: dict[str, int] = {}
    for number, values in rows:
        if not any(value.strip() for value in values):
            continue
        cells = dict(zip(columns, map(unguarded, values), strict=False))
        line = Line(number, {column: value for column, value in cells.items() if column in _USED})
        left |= dict.fromkeys(column for column, value in cells.items() if value.strip() and column not in _USED | {""})
        if len(values) != len(header):
            line.fault(f"{len(values)} values, the header names {len(header)}")
        else:
            site = _site(line)
            if site.id in seen:
                line.fault(f"{site.id} stands already in line {seen[site.id]}")
            seen.setdefault(site.id, line.number)
            if not line.faults:
                sites[site.id] = site
        faults += line.faults
    if not sites and not faults:
        faults.append("line 2: no shelter in the file")
    if left:
        notes.append(f"the registry has no place for {', '.join(left)}: left")
    unsaid = {name for name in (*POWER, "ward_en", "kind", "synthetic") if name not in known}
    unsaid |= {"name_en"} if NAME_EN not in known else set()
    return Table(tuple(sites.values()), tuple(faults), tuple(notes), frozenset(unsaid))


def _header(header: Sequence[str], columns: Sequence[str]) -> tuple[list[str], list[str]]:
    known = {column for column in columns if column}
    faults = [f"line 1: column {name!r} is missing" for name in (NAME, LATITUDE, LONGITUDE) if name not in known]
    if not known & {ID, COMMON_ID}:
        faults.append(f"line 1: column {ID!r} (or {COMMON_ID!r}) is missing")
    if not known & {MUNICIPALITY, ADDRESS, "ward"}:
        faults.append(f"line 1: column {MUNICIPALITY!r} (or {ADDRESS!r}) is missing: the ward is taken from it")
    faults += [f"line 1: column {name!r} stands twice" for name in sorted(known) if columns.count(name) > 1]
    notes = []
    for name, column in zip(header, columns, strict=True):
        if not column and name.strip():
            told = unicodedata.normalize("NFKC", name).strip()
            near = [one for one in COLUMNS if one.startswith(told)] or difflib.get_close_matches(told, COLUMNS, n=1)
            notes.append(f"line 1: unknown column {name!r} is left" + (f", perhaps {near[0]!r}" if near else ""))
    absent = [name for name in POWER if name not in known]
    if absent:
        notes.append(f"no {', '.join(absent)} in the file: 0 for new shelters, as before for registered ones")
    return faults, notes


def _site(line: Line) -> Site:
    column = COMMON_ID if line.text(COMMON_ID) else ID
    site_id = unicodedata.normalize("NFKC", line.text(column, wanted=True))
    if site_id and not is_site_id(site_id):
        line.fault(
            f"{column} {site_id!r} is no national shelter ID such as E0000000001111 "
            f"(the city's own numbers: add a column {COMMON_ID})"
        )
    name = line.text(NAME, wanted=True)
    kind = next((kind for word, kind in _KINDS if word in name), SiteKind.OTHER)
    power = {column: line.number_in(column, 0.0, most) for column, most in POWER.items()}
    return Site(
        id=site_id,
        name=name,
        name_en=line.text(NAME_EN),
        ward=_ward(line),
        ward_en=line.text("ward_en"),
        kind=line.kind() if line.text("kind") else kind,
        latitude=line.number_in(LATITUDE, 20.0, 46.0, wanted=True),
        longitude=line.number_in(LONGITUDE, 122.0, 154.0, wanted=True),
        synthetic=line.yes("synthetic") if line.text("synthetic") else site_id[1:6] == SYNTHETIC,
        **power,
    )


def _ward(line: Line) -> str:
    """The ward of an address; in a municipality without wards its own name."""
    if given := line.text("ward"):
        return given
    told = [unicodedata.normalize("NFKC", line.text(column)) for column in (MUNICIPALITY, ADDRESS)]
    for pattern in (_WARD, _TOWN):
        for text in told:
            if found := pattern.search(text):
                return found[1]
    shown = " / ".join(filter(None, told)) or "nothing"
    line.fault(f"{MUNICIPALITY} and {ADDRESS} name no ward or town, got {shown!r}")
    return ""
