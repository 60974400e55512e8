"""The registry of shelters from a CSV file of our own or of the municipality: every fault is named with its line."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Sequence
from typing import Final

from central.core.city import Site
from central.core.opendata.lines import Line, Table
from central.core.opendata.reading import is_municipal, read_municipal
from contract.topics import is_site_id

REQUIRED: Final = ("id", "name", "ward", "latitude", "longitude")
OPTIONAL: Final = ("name_en", "ward_en", "kind", "pv_kw", "inverter_kw", "battery_kwh", "synthetic")
_RANGES: Final = {
    "latitude": (20.0, 46.0),
    "longitude": (122.0, 154.0),
    "pv_kw": (0.0, 10_000.0),
    "inverter_kw": (0.0, 10_000.0),
    "battery_kwh": (0.0, 100_000.0),
}


def read_csv(data: bytes) -> Table:
    """Take a file apart: our own columns, or the municipal list (see core/opendata/reading.py).

    UTF-8, with or without a byte order mark; the municipal list also as CP932. The first line names the columns.
    """
    not_utf8: UnicodeDecodeError | None = None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        not_utf8, text = error, data.decode("cp932", "replace")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if is_municipal(header):
            table = read_municipal(header, ((reader.line_num, values) for values in reader))
            # Which bytes are no CP932 either is seen in the text: nothing of a broken name is taken.
            return Table((), ("neither UTF-8 nor CP932: save the table as UTF-8",)) if "\ufffd" in text else table
        if not_utf8:
            line = data[: not_utf8.start].count(b"\n") + 1
            return Table((), (f"line {line}: not UTF-8 (save the table as UTF-8; Excel: 'CSV UTF-8')",))
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
        line = Line(reader.line_num, dict(zip(header, values, strict=False)))
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


def _site(line: Line) -> Site:
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
        latitude=line.number_in("latitude", *_RANGES["latitude"], wanted=True),
        longitude=line.number_in("longitude", *_RANGES["longitude"], wanted=True),
        pv_kw=line.number_in("pv_kw", *_RANGES["pv_kw"]),
        inverter_kw=line.number_in("inverter_kw", *_RANGES["inverter_kw"]),
        battery_kwh=line.number_in("battery_kwh", *_RANGES["battery_kwh"]),
        synthetic=line.yes("synthetic"),
    )
