"""Prices of PV energy by period, tax, and the amounts that follow: decimal numbers, rounded where it says so. Pure.

A price holds for whole months, since energy is settled by the month. A line's amount is rounded down to whole yen; the
tax is worked out once, on the sum, as an invoice has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any, Final

from central.core.accounting.halfhours import is_month
from central.core.accounting.months import MonthFigures, Terms

WH_PER_KWH: Final = 1_000


class TableError(ValueError):
    """A table of prices or factors that can't be used; every fault with its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What the city pays for a kWh of PV energy used on site, without tax."""

    first: str
    """First month."""
    last: str
    """Last month; empty: until another one holds."""
    yen_per_kwh: Decimal
    source: str
    verified: bool
    sites: frozenset[str] = frozenset()
    """Shelters that it is for; empty: all that have no price of their own."""

    def holds(self, month: str) -> bool:
        """Whether it is the price of a month."""
        return self.first <= month and (not self.last or month <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """Consumption tax from a month on."""

    first: str
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """All prices."""

    version: str
    prices: tuple[Price, ...]
    taxes: tuple[Tax, ...]

    def price(self, site: str, month: str) -> Price | None:
        """The price of a shelter's month: its own before that of all."""
        found = [one for one in self.prices if one.holds(month) and (not one.sites or site in one.sites)]
        return min(found, key=lambda one: not one.sites, default=None)

    def terms(self, site: str, month: str) -> Terms | None:
        """Price and tax of a shelter's month; ``None``: there is no price."""
        found = self.price(site, month)
        if found is None:
            return None
        return Terms(
            yen_per_kwh=found.yen_per_kwh,
            tax_rate=self.tax_rate(month),
            source=found.source,
            verified=found.verified,
        )

    def tax_rate(self, month: str) -> Decimal:
        """The tax of a month."""
        return max((one for one in self.taxes if one.first <= month), key=lambda one: one.first).rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One shelter's line of a statement."""

    figures: MonthFigures
    terms: Terms | None

    @property
    def yen(self) -> int | None:
        """Amount without tax, whole yen; ``None``: there is no price."""
        if self.terms is None:
            return None
        exact = self.terms.yen_per_kwh * self.figures.billed_wh / WH_PER_KWH
        return int(exact.to_integral_value(ROUND_DOWN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Sums of a statement in whole yen."""

    net_yen: int
    tax_rate: Decimal
    tax_yen: int
    unpriced: int
    """Lines without a price: they are not in the sums."""
    is_verified: bool
    """Whether every price was checked against the contract."""

    @property
    def total_yen(self) -> int:
        """What is to be paid."""
        return self.net_yen + self.tax_yen


def lines_of(figures: Iterable[MonthFigures], table: PriceTable, *, closed: bool = False) -> list[Line]:
    """A line for each shelter's month. ``closed``: with the terms that it was closed with."""
    return [Line(figures=one, terms=one.terms if closed else table.terms(one.site, one.month)) for one in figures]


def amounts_of(lines: Sequence[Line], month: str, table: PriceTable) -> Amounts:
    """Sums over the lines of one month."""
    net = sum(line.yen or 0 for line in lines)
    rates = {line.terms.tax_rate for line in lines if line.terms is not None}
    rate = max(rates, default=table.tax_rate(month))
    return Amounts(
        net_yen=net,
        tax_rate=rate,
        tax_yen=int((rate * net).to_integral_value(ROUND_DOWN)),
        unpriced=sum(line.terms is None for line in lines),
        is_verified=all(line.terms is not None and line.terms.verified for line in lines),
    )


def price_table(given: Any) -> PriceTable:
    """The table from what a YAML file says.

    Raises:
        TableError: names every fault.
    """
    faults: list[str] = []
    prices = tuple(_price(one, f"prices[{n}]", faults) for n, one in enumerate(listed(given, "prices", faults)))
    taxes = tuple(_tax(one, f"tax[{n}]", faults) for n, one in enumerate(listed(given, "tax", faults)))
    for n, one in enumerate(prices):
        for m, other in enumerate(prices[:n]):
            shares = one.sites & other.sites or not (one.sites or other.sites)
            if shares and one.first <= (other.last or "9999-12") and other.first <= (one.last or "9999-12"):
                faults.append(f"prices[{n}]: holds in the same months as prices[{m}]")
    if not taxes and not faults:
        faults.append("tax: name at least one rate with its first month")
    if faults:
        raise TableError("\n".join(faults))
    return PriceTable(version=str(given.get("version", "")), prices=prices, taxes=taxes)


def _price(given: Any, where: str, faults: list[str]) -> Price:
    row = fields(given, where, {"from", "to", "yen_per_kwh", "source", "verified", "sites"}, faults)
    sites = row.get("sites", [])
    if not isinstance(sites, list) or not all(isinstance(each, str) for each in sites):
        faults.append(f"{where}.sites: want a list of shelter ids, or leave it out")
        sites = []
    return Price(
        first=_month(row, "from", where, faults),
        last=_month(row, "to", where, faults) if row.get("to") else "",
        yen_per_kwh=decimal(row, "yen_per_kwh", where, faults),
        source=text(row, "source", where, faults),
        verified=row.get("verified") is True,
        sites=frozenset(sites),
    )


def _tax(given: Any, where: str, faults: list[str]) -> Tax:
    row = fields(given, where, {"from", "rate"}, faults)
    rate = decimal(row, "rate", where, faults)
    if rate >= 1:
        faults.append(f"{where}.rate: {rate} is no share; 10 % is 0.10")
    return Tax(first=_month(row, "from", where, faults), rate=rate)


def _month(row: Mapping[str, Any], name: str, where: str, faults: list[str]) -> str:
    said = str(row.get(name, ""))
    if not is_month(said):
        faults.append(f"{where}.{name}: {said!r} is no month such as 2026-04 (prices hold for whole months)")
        return "2000-01"
    return said


# --- What both tables are read with -----------------------------------------------------------------------------------


def listed(given: Any, name: str, faults: list[str]) -> list[Any]:
    """A list inside a table."""
    found = given.get(name) if isinstance(given, Mapping) else None
    if not isinstance(found, list):
        faults.append(f"{name}: want a list")
        return []
    return found


def fields(given: Any, where: str, known: set[str], faults: list[str]) -> Mapping[str, Any]:
    """The fields of an entry; unknown ones are faults."""
    if not isinstance(given, Mapping):
        faults.append(f"{where}: want names and values")
        return {}
    faults += [f"{where}: unknown field {name!r}" for name in given if name not in known]
    return given


def decimal(row: Mapping[str, Any], name: str, where: str, faults: list[str]) -> Decimal:
    """A number that is not below zero. Write it in quotation marks: so it is exactly what stands there."""
    try:
        found = Decimal(str(row[name]))
        if found.is_finite() and found >= 0:
            return found
    except (KeyError, InvalidOperation):
        pass
    faults.append(f'{where}.{name}: want a number such as "25.30", got {row.get(name)!r}')
    return Decimal(0)


def text(row: Mapping[str, Any], name: str, where: str, faults: list[str]) -> str:
    """A text that has to be there."""
    found = row.get(name)
    if not isinstance(found, str) or not found.strip():
        faults.append(f"{where}.{name}: say where the figure comes from")
        return ""
    return found.strip()
