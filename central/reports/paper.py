"""A report as it stands on paper: headings, pairs, tables, notes, signatures. What HTML and CSV are made of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from central.core.accounting.halfhours import demand_w
from central.web.catalogue import Lang

DASH = "–"


class Align(StrEnum):
    """Where a column's cells stand."""

    TEXT = "text"
    CODE = "code"
    """Never broken over lines."""
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its unit in the heading."""

    name: str
    align: Align = Align.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; ``total`` is its last line."""

    heading: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A report. ``warnings`` stand at the top, in a frame: what must not be overlooked."""

    kind: str
    """Part of file names."""
    lang: Lang
    title: str
    subtitle: str
    city: str
    made: str
    warnings: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    is_wide: bool = False
    """For paper laid across."""
    notes_heading: str = field(default="")
    sheet: Table | None = None
    """What CSV holds, where the first table is laid out for paper alone."""


def kwh(wh: int | None, decimals: int = 1) -> str:
    """Wh as kWh."""
    return DASH if wh is None else f"{Decimal(wh) / 1_000:,.{decimals}f}"


def share_percent(share: float | None) -> str:
    """A share that may be more than the whole, in percent."""
    return DASH if share is None else f"{share * 100:,.1f}"


def kw_of(half_hour_wh: int | None) -> str:
    """Energy of a half hour, Wh, as its mean power in kW."""
    return DASH if half_hour_wh is None else f"{demand_w(half_hour_wh) / 1_000:,.1f}"


def yen(amount: int | None) -> str:
    """Whole yen."""
    return DASH if amount is None else f"{amount:,}"


def percent(part: float) -> str:
    """A part of a whole (0 to 1), never flattered: what is not all is not 100."""
    return "100" if part >= 1 else f"{int(part * 1_000) / 10:.1f}"


def hours(seconds: float) -> str:
    """Seconds as hours."""
    return f"{seconds / 3_600:,.1f}"


def ratio(part: int, whole: int) -> str:
    """A part in percent; a dash where there is no whole."""
    return percent(part / whole) if whole > 0 else DASH


def csv_rows(paper: Paper) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The sheet, or the first table, as columns and lines for a spreadsheet; numbers without commas in thousands."""
    table = paper.sheet or paper.tables[0]
    numbers = {place for place, column in enumerate(table.columns) if column.align is Align.NUMBER}
    lines = [
        tuple(
            ("" if cell == DASH else cell.replace(",", "")) if place in numbers else cell
            for place, cell in enumerate(row)
        )
        for row in (*table.rows, *((table.total,) if table.total else ()))
    ]
    return [column.name for column in table.columns], list(lines)
