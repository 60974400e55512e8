"""CO2 that PV energy used on site avoids, by emission factors with their source. Pure; tonnes as decimal numbers.

    tCO2 = self-consumed kWh x factor (t/kWh) of retailer, menu, fiscal year and kind

A report of fiscal year N uses the factor that is published for the actuals of N - 1. Exported energy never counts as
the city's reduction. A figure that nobody has checked against its source is unverified, and every report says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final

from central.core.accounting.prices import TableError, decimal, fields, listed, text

KILO: Final = 1_000
LAG_YEARS: Final = 1
_GRAM: Final = Decimal("0.001")


class FactorKind(StrEnum):
    """Which of the published factors."""

    UNADJUSTED = "unadjusted"
    """未調整排出係数 (from actuals of fiscal year 2023 on)."""
    BASIC = "basic"
    """基礎排出係数."""
    ADJUSTED = "adjusted"
    """調整後排出係数."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """An emission factor."""

    retailer: str
    menu: str
    fiscal_year: int
    """Of the actuals that it is made from."""
    kind: FactorKind
    t_per_kwh: Decimal
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorTable:
    """All factors, and which of them the reports use."""

    version: str
    factors: tuple[Factor, ...]
    retailer: str
    menu: str
    kind: FactorKind

    def factor(self, report_year: int) -> tuple[Factor, bool] | None:
        """The factor of a report, and whether it is the year's own; else an older one stands in."""
        wanted = report_year - LAG_YEARS
        found = [
            one
            for one in self.factors
            if (one.retailer, one.menu, one.kind) == (self.retailer, self.menu, self.kind) and one.fiscal_year <= wanted
        ]
        if not found:
            return None
        newest = max(found, key=lambda one: one.fiscal_year)
        return newest, newest.fiscal_year == wanted


def avoided_t(self_wh: int, factor: Factor) -> Decimal:
    """Tonnes of CO2 that this energy avoided, to the kilogram."""
    return (factor.t_per_kwh * self_wh / KILO).quantize(_GRAM, ROUND_HALF_UP)


def factor_table(given: Any) -> FactorTable:
    """The table from what a YAML file says.

    Raises:
        TableError: names every fault.
    """
    faults: list[str] = []
    factors = []
    for n, one in enumerate(listed(given, "factors", faults)):
        where = f"factors[{n}]"
        known = {"retailer", "menu", "fiscal_year", "kind", "t_per_kwh", "source", "verified"}
        row = fields(one, where, known, faults)
        year = row.get("fiscal_year")
        if not isinstance(year, int) or not 2000 <= year <= 2100:
            faults.append(f"{where}.fiscal_year: want the year of the actuals, such as 2023, got {year!r}")
            year = 2000
        factor = Factor(
            retailer=text(row, "retailer", where, faults),
            menu=text(row, "menu", where, faults),
            fiscal_year=year,
            kind=_kind(row.get("kind"), where, faults),
            t_per_kwh=decimal(row, "t_per_kwh", where, faults),
            source=text(row, "source", where, faults),
            verified=row.get("verified") is True,
        )
        if factor.t_per_kwh > Decimal("0.002"):
            faults.append(f"{where}.t_per_kwh: {factor.t_per_kwh} is too high for t/kWh (0.000423 is usual; not kg)")
        factors.append(factor)
    use = fields(given.get("use") if isinstance(given, dict) else None, "use", {"retailer", "menu", "kind"}, faults)
    keys = [(one.retailer, one.menu, one.fiscal_year, one.kind) for one in factors]
    faults += [f"factors: {key} stands twice" for key in sorted(set(keys)) if keys.count(key) > 1]
    table = FactorTable(
        version=str(given.get("version", "")) if isinstance(given, dict) else "",
        factors=tuple(factors),
        retailer=text(use, "retailer", "use", faults),
        menu=text(use, "menu", "use", faults),
        kind=_kind(use.get("kind"), "use", faults),
    )
    if faults:
        raise TableError("\n".join(faults))
    return table


def _kind(said: Any, where: str, faults: list[str]) -> FactorKind:
    try:
        return FactorKind(said)
    except ValueError:
        faults.append(f"{where}.kind: want {', '.join(FactorKind)}, got {said!r}")
        return FactorKind.ADJUSTED
