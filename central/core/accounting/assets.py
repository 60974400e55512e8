"""The ledger of assets that a subsidy paid for: what, where, since when, until when it may not be disposed of. Pure.

A subsidy restricts the disposal of what it paid for, usually for the legal useful life. Years and end that the
administrator enters count; else they follow from a table of useful lives, which says of itself whether it was checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from central.core.accounting.lists import Fault, Row, Wrong, faults_of, heading, rows_of
from central.core.accounting.prices import TableError, listed, text
from central.core.accounting.prices import fields as known_fields
from central.core.audit import Action, Decision

_ONE: Final = Decimal(1)


class AssetKind(StrEnum):
    """What an asset is."""

    PV = "pv"
    INVERTER = "inverter"
    BATTERY = "battery"
    METER = "meter"
    CONTROL = "control"
    """Control and measuring equipment."""
    WORKS = "works"
    """Cables, stands, building work."""
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One asset as it stands in the ledger. Dates are ``2026-04-01`` or empty; an empty text was not said."""

    id: str
    site: str
    kind: AssetKind
    name: str
    maker: str = ""
    model: str = ""
    serial: str = ""
    rating: Decimal | None = None
    unit: str = ""
    """Of the rating: kW, kWh."""
    count: int = 1
    acquired: str = ""
    cost_yen: int | None = None
    programme: str = ""
    """The subsidy."""
    life_years: int | None = None
    basis: str = ""
    """Where the years come from."""
    restricted_until: str = ""
    """As the subsidy's rules say; empty: it follows from the years."""
    disposed: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Useful life of a kind."""

    kind: AssetKind
    years: int
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Until when an asset may not be disposed of. ``until`` empty: it can't be said."""

    until: str
    years: int | None
    basis: str
    is_entered: bool
    """The administrator entered it; else it was worked out."""
    is_verified: bool
    """Entered with its basis, or from a figure of the table that somebody checked."""


@dataclass(frozen=True, slots=True)
class AssetFile:
    """What a file says that is new or other than before. With a fault nothing of it counts."""

    assets: tuple[Asset, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A device of a shelter's newest commissioning report."""

    site: str
    device: str
    kind: AssetKind
    name: str
    maker: str
    model: str
    serial: str


def restriction(one: Asset, lives: Mapping[AssetKind, Life]) -> Restriction:
    """Until when it may not be disposed of."""
    life = lives.get(one.kind)
    years, basis, is_verified = one.life_years, one.basis, bool(one.basis)
    if years is None and life is not None:
        years, basis, is_verified = life.years, life.source, life.verified
    if one.restricted_until:
        return Restriction(
            until=one.restricted_until, years=years, basis=basis, is_entered=True, is_verified=bool(one.basis)
        )
    until = _years_after(one.acquired, years) if one.acquired and years is not None else ""
    return Restriction(until=until, years=years, basis=basis, is_entered=False, is_verified=is_verified and bool(until))


def not_in_ledger(reported: Iterable[Reported], assets: Collection[Asset]) -> list[Reported]:
    """Devices that technicians reported and that no asset in use is: by serial number, without one by name."""
    held = [one for one in assets if not one.disposed]
    serials = {(one.site, heading(one.serial)) for one in held if one.serial}
    ids = {one.id for one in held}
    return [
        one
        for one in reported
        if not (one.serial and (one.site, heading(one.serial)) in serials) and draft_id(one) not in ids
    ]


def not_reported(assets: Iterable[Asset], reported: Iterable[Reported]) -> list[Asset]:
    """Assets in use whose serial number no device of the newest report has: exchanged, or written wrongly.

    Only of shelters and kinds of which the report tells serial numbers.
    """
    told: dict[tuple[str, AssetKind], set[str]] = {}
    for one in reported:
        if one.serial:
            told.setdefault((one.site, one.kind), set()).add(heading(one.serial))
    return [
        one
        for one in assets
        if one.serial
        and not one.disposed
        and (one.site, one.kind) in told
        and heading(one.serial) not in told[one.site, one.kind]
    ]


def draft_id(one: Reported) -> str:
    """The id that a device gets while nobody gave it one."""
    return f"{one.site}-{one.device}"


def drafted(one: Reported) -> Asset:
    """A reported device as an asset that somebody has to complete."""
    return Asset(
        id=draft_id(one),
        site=one.site,
        kind=one.kind,
        name=one.name,
        maker=one.maker,
        model=one.model,
        serial=one.serial,
    )


def read_assets(
    data: bytes,
    columns: Mapping[str, str],
    kinds: Mapping[str, AssetKind],
    *,
    sites: Collection[str],
    stands: Mapping[str, Asset],
) -> AssetFile:
    """Assets from CSV, a line an asset; those that are not in it stay as they are.

    Args:
        data: the file.
        columns: heading → field of ``Asset``, in every language; ``IGNORED`` for columns that people alone read.
        kinds: word → kind, in every language.
        sites: the registered shelters.
        stands: id → the asset as it stands.
    """
    known = {heading(name): field for name, field in columns.items()}
    known |= {one.name: one.name for one in fields(Asset)}
    rows, faults = rows_of(data, known.get, ("id", "site", "kind", "name"))
    if faults:
        return AssetFile((), tuple(faults))
    words = {heading(word): kind for word, kind in kinds.items()} | {kind.value: kind for kind in AssetKind}
    assets: dict[str, Asset] = {}
    for row in rows:
        one = _asset(row, words, sites)
        if one.id in assets:
            row.fault(Wrong.TWICE, "id")
        assets.setdefault(one.id, one)
    wrong = faults_of(rows)
    if wrong:
        return AssetFile((), wrong)
    return AssetFile(tuple(one for one in assets.values() if stands.get(one.id) != one))


def decision_of(assets: Sequence[Asset], n: int, *, sha256: str, by: str, now_ms: int) -> Decision:
    """The entry of the book: which import, of how many assets, and the file's SHA-256."""
    detail = {"n": n, "assets": len(assets), "shelters": len({one.site for one in assets}), "sha256": sha256}
    return Decision(at_ms=now_ms, by=by, action=Action.ASSETS_SET, detail=detail)


def encode_asset(one: Asset) -> str:
    """One canonical text."""
    return msgspec.json.encode(one, order="sorted").decode()


def decode_asset(body: str) -> Asset:
    """The asset again.

    Raises:
        TableError: another version wrote it.
    """
    try:
        return msgspec.json.decode(body, type=Asset)
    except msgspec.MsgspecError as error:
        raise TableError(f"an asset of the ledger can't be read: {error}") from None


def life_table(given: Any) -> dict[AssetKind, Life]:
    """The table from what a YAML file says.

    Raises:
        TableError: names every fault.
    """
    faults: list[str] = []
    found: dict[AssetKind, Life] = {}
    for n, each in enumerate(listed(given, "lives", faults)):
        where = f"lives[{n}]"
        row = known_fields(each, where, {"kind", "years", "source", "verified"}, faults)
        kind, years = row.get("kind"), row.get("years")
        if kind not in set(AssetKind):
            faults.append(f"{where}.kind: {kind!r} is none of {', '.join(AssetKind)}")
        elif not isinstance(years, int) or not 0 < years <= 100:
            faults.append(f"{where}.years: want whole years, got {years!r}")
        else:
            one = AssetKind(kind)
            found[one] = Life(
                kind=one, years=years, source=text(row, "source", where, faults), verified=row.get("verified") is True
            )
    if faults:
        raise TableError("\n".join(faults))
    return found


def _asset(row: Row, words: Mapping[str, AssetKind], sites: Collection[str]) -> Asset:
    site = row.text("site", wanted=True)
    if site and site not in sites:
        row.fault(Wrong.SITE, "site")
    said = row.text("kind", wanted=True)
    kind = words.get(heading(said))
    if said and kind is None:
        row.fault(Wrong.CHOICE, "kind")
    cost = row.number("cost_yen", Decimal(0), Decimal(10**12))
    years = _whole(row, "life_years", 1, 100)
    acquired, until, disposed = row.day("acquired"), row.day("restricted_until"), row.day("disposed")
    for name, later in (("restricted_until", until), ("disposed", disposed)):
        if acquired and later and later < acquired:
            row.fault(Wrong.ORDER, name)
    return Asset(
        id=row.text("id", wanted=True),
        site=site,
        kind=kind or AssetKind.OTHER,
        name=row.text("name", wanted=True),
        maker=row.text("maker"),
        model=row.text("model"),
        serial=row.text("serial"),
        rating=row.number("rating", Decimal(0), Decimal(10**9)),
        unit=row.text("unit"),
        count=_whole(row, "count", 1, 100_000) or 1,
        acquired=acquired,
        cost_yen=None if cost is None else round(cost),
        programme=row.text("programme"),
        life_years=years,
        basis=row.text("basis"),
        restricted_until=until,
        disposed=disposed,
        note=row.text("note"),
    )


def _whole(row: Row, name: str, low: int, high: int) -> int | None:
    found = row.number(name, Decimal(low), Decimal(high))
    if found is None:
        return None
    if found % _ONE:
        row.fault(Wrong.NUMBER, name)
    return int(found)


def _years_after(day: str, years: int) -> str:
    """The same day so many years later; of 29 February the 28th."""
    on = date.fromisoformat(day)
    try:
        return on.replace(year=on.year + years).isoformat()
    except ValueError:
        return on.replace(year=on.year + years, day=28).isoformat()
