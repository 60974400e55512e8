"""The desk of what the city enters itself: plans of PV energy, and the ledger of assets."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

from central.core.accounting.assets import (
    Asset,
    AssetKind,
    Life,
    Reported,
    Restriction,
    drafted,
    life_table,
    not_in_ledger,
    not_reported,
    read_assets,
    restriction,
)
from central.core.accounting.halfhours import months_of_fiscal_year
from central.core.accounting.lists import Fault
from central.core.accounting.plans import read_plan
from central.core.city import Site
from central.reports.desk import YEARS, NoSuchError
from central.reports.ledger_words import COLUMNS, KINDS
from central.store.accounting import EnergyRows
from central.store.ledgers import LedgerRows

UPLOAD_BYTES_MAX: Final = 5_000_000


class ListError(ValueError):
    """A list that can't be taken; nothing of it was. ``faults`` name line, column and value."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults; nothing was taken")
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """The plan of a fiscal year. ``plans_wh``: shelter and month → planned PV energy, Wh."""

    fiscal_year: int
    at_ms: int
    months: tuple[str, ...]
    sites: tuple[Site, ...]
    plans_wh: Mapping[tuple[str, str], int]
    closed: frozenset[str]
    """Months that are closed: their plans stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetReport:
    """The ledger of assets, and how it fits what technicians reported."""

    at_ms: int
    assets: tuple[tuple[Asset, Restriction], ...]
    """By shelter and id."""
    sites: tuple[Site, ...]
    not_in_ledger: tuple[Reported, ...]
    not_reported: tuple[Asset, ...]

    def draft(self) -> list[Asset]:
        """What an administrator fills in: the ledger, and the reported devices that are not in it."""
        return [one for one, _ in self.assets] + [drafted(one) for one in self.not_in_ledger]


@cache
def lives() -> dict[AssetKind, Life]:
    """The table of useful lives that comes with the program."""
    text = resources.files("central.core.accounting").joinpath("lives.yaml").read_text(encoding="utf-8")
    return life_table(yaml.safe_load(text))


class LedgerDesk:
    """Plans and assets. Every method may raise ``StoreError``; then nothing was changed."""

    def __init__(
        self,
        rows: LedgerRows,
        energy: EnergyRows,
        *,
        sites: Callable[[], Iterable[Site]],
        devices: Callable[[Iterable[Site]], Awaitable[Sequence[Reported]]],
        now: Callable[[], int],
    ) -> None:
        """``devices``: what the newest commissioning reports of shelters name."""
        self._rows = rows
        self._energy = energy
        self._sites = sites
        self._devices = devices
        self._now = now

    async def plan(self, fiscal_year: int) -> PlanReport:
        """The plan of a fiscal year, that of the next ones too.

        Raises:
            NoSuchError: it is no year.
        """
        if fiscal_year not in YEARS:
            raise NoSuchError(f"fiscal year {fiscal_year}: want one of {YEARS.start} to {YEARS.stop - 1}")
        months = months_of_fiscal_year(fiscal_year)
        return PlanReport(
            fiscal_year=fiscal_year,
            at_ms=self._now(),
            months=months,
            sites=tuple(self._sorted()),
            plans_wh=await self._rows.plans(months[0], months[-1]),
            closed=frozenset(one.month for one in await self._energy.entries()),
        )

    async def take_plan(self, data: bytes, *, by: str) -> int:
        """Take a plan over from a file; returns how many months of shelters are new or other than before.

        Raises:
            ListError: something in it is wrong; nothing was taken.
        """
        stands = await self._rows.plans("0000-00", "9999-99")
        closed = {one.month for one in await self._energy.entries()}
        found = read_plan(data, sites={one.id for one in self._sites()}, stands=stands, closed=closed)
        if found.faults:
            raise ListError(found.faults)
        if found.cells:
            await self._rows.add_plan(found.cells, sha256=_digest(data), by=by, now_ms=self._now())
        return len(found.cells)

    async def assets(self) -> AssetReport:
        """The ledger."""
        sites = self._sorted()
        kept = await self._rows.assets()
        reported = await self._devices(sites)
        held = sorted(kept.values(), key=lambda one: (one.site, one.id))
        return AssetReport(
            at_ms=self._now(),
            assets=tuple((one, restriction(one, lives())) for one in held),
            sites=tuple(sites),
            not_in_ledger=tuple(not_in_ledger(reported, held)),
            not_reported=tuple(not_reported(held, reported)),
        )

    async def take_assets(self, data: bytes, *, by: str) -> int:
        """Take assets over from a file; returns how many are new or other than before.

        Raises:
            ListError: something in it is wrong; nothing was taken.
        """
        found = read_assets(
            data, COLUMNS, KINDS, sites={one.id for one in self._sites()}, stands=await self._rows.assets()
        )
        if found.faults:
            raise ListError(found.faults)
        if found.assets:
            await self._rows.add_assets(found.assets, sha256=_digest(data), by=by, now_ms=self._now())
        return len(found.assets)

    def _sorted(self) -> list[Site]:
        return sorted(self._sites(), key=lambda one: one.id)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
