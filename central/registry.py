"""The registry of shelters from a CSV file: every fault is named with its line."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from central.core.city import Site, SiteKind
from contract.topics import is_site_id

REQUIRED: Final = ("id", "name", "ward", "latitude", "longitude")
OPTIONAL: Final = ("name_en", "ward_en", "kind", "pv_kw", "inverter_kw", "battery_kwh", "synthetic")
TEXT_MAX: Final = 100
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"", "0", "false", "no"})
_RANGES: Final = {
    "latitude": (20.0, 46.0),
    "longitude": (122.0, 154.0),
    "pv_kw": (0.0, 10_000.0),
    "inverter_kw": (0.0, 10_000.0),
    "battery_kwh": (0.0, 100_000.0),
}


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: the shelters of its good lines, and the faults of the others."""

    sites: tuple[Site, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class _Line:
    number: int
    values: Mapping[str, str]
    faults: list[str] = field(default_factory=list)

    def fault(self, what: str) -> None:
        self.faults.append(f"line {self.number}: {what}")

    def text(self, column: str, *, wanted: bool = False) -> str:
        value = self.values.get(column, "").strip()
        if wanted and not value:
            self.fault(f"{column} is empty")
        elif len(value) > TEXT_MAX:
            self.fault(f"{column} has {len(value)} characters, the limit is {TEXT_MAX}")
        elif any(ord(letter) < 32 for letter in value):
            self.fault(f"{column} has a control character")
        return value

    def number_in(self, column: str) -> float:
        low, high = _RANGES[column]
        text = self.text(column, wanted=column in REQUIRED)
        if not text:
            return 0.0
        try:
            value = float(text)
        except ValueError:
            self.fault(f"{column} {text!r} is not a number")
            return 0.0
        if not math.isfinite(value) or not low <= value <= high:
            self.fault(f"{column} {text} is outside {low:g} to {high:g}")
        return value

    def kind(self) -> SiteKind:
        text = self.text("kind") or SiteKind.OTHER.value
        try:
            return SiteKind(text)
        except ValueError:
            self.fault(f"kind {text!r} is none of {', '.join(SiteKind)}")
            return SiteKind.OTHER

    def yes(self, column: str) -> bool:
        text = self.text(column).lower()
        if text not in _YES | _NO:
            self.fault(f"{column} {text!r} is neither true nor false")
        return text in _YES


def read_csv(data: bytes) -> Table:
    """Take a file apart. UTF-8, with or without a byte order mark; the first line names the columns."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Table((), (f"line {line}: not UTF-8 (save the table as UTF-8; Excel: 'CSV UTF-8')",))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        faults = _header_faults(header)
        if faults:
            return Table((), tuple(faults))
        return _rows(reader, header)
    except csv.Error as error:
        return Table((), (f"line {reader.line_num}: not CSV: {error}",))


def _header_faults(header: Sequence[str]) -> list[str]:
    known = (*REQUIRED, *OPTIONAL)
    faults = [f"line 1: column {name!r} is missing" for name in REQUIRED if name not in header]
    for name in header:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            faults.append(f"line 1: unknown column {name!r}" + (f", perhaps {near[0]!r}" if near else ""))
    faults += [f"line 1: column {name!r} stands twice" for name in sorted(set(header)) if header.count(name) > 1]
    return faults


def _rows(reader: csv.Reader, header: Sequence[str]) -> Table:  # type: ignore[name-defined]  # csv has no public name
    sites: dict[str, Site] = {}
    seen: dict[str, int] = {}
    faults: list[str] = []
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        line = _Line(reader.line_num, dict(zip(header, values, strict=False)))
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
    return Table(tuple(sites.values()), tuple(faults))


def _site(line: _Line) -> Site:
    site_id = line.text("id", wanted=True)
    if site_id and not is_site_id(site_id):
        line.fault(f"id {site_id!r} is no national shelter ID such as E0000000001111")
    return Site(
        id=site_id,
        name=line.text("name", wanted=True),
        name_en=line.text("name_en"),
        ward=line.text("ward", wanted=True),
        ward_en=line.text("ward_en"),
        kind=line.kind(),
        latitude=line.number_in("latitude"),
        longitude=line.number_in("longitude"),
        pv_kw=line.number_in("pv_kw"),
        inverter_kw=line.number_in("inverter_kw"),
        battery_kwh=line.number_in("battery_kwh"),
        synthetic=line.yes("synthetic"),
    )
