"""Lists that the city fills in with a spreadsheet: columns by their headings, every fault with its line. Pure.

UTF-8, with or without a byte order mark, or CP932, as a Japanese spreadsheet saves it.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from central.core.opendata.municipal import unguarded

TEXT_MAX: Final = 200
FAULTS_MAX: Final = 100
"""Faults that are collected; a file of another kind has one in every cell."""
IGNORED: Final = "-"
"""Field of a column that is there for people alone."""


class Wrong(StrEnum):
    """What is wrong in a place of a list."""

    ENCODING = "encoding"
    NOT_CSV = "not_csv"
    NO_ROWS = "no_rows"
    COLUMN_MISSING = "column_missing"
    COLUMN_UNKNOWN = "column_unknown"
    COLUMN_TWICE = "column_twice"
    CELLS = "cells"
    EMPTY = "empty"
    TEXT = "text"
    """Longer than ``TEXT_MAX``, or a control character in it."""
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    SITE = "site"
    """No such shelter is registered."""
    TWICE = "twice"
    ORDER = "order"
    """An end before its beginning."""
    CLOSED = "closed"
    """It belongs to a closed month."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One place that is wrong. ``line`` 0: the file."""

    line: int
    wrong: Wrong
    column: str = ""
    value: str = ""


@dataclass(slots=True)
class Row:
    """One line: its cells by field, and the headings that the fields have in this file."""

    line: int
    cells: dict[str, str]
    headings: dict[str, str]
    faults: list[Fault] = field(default_factory=list)

    def fault(self, wrong: Wrong, name: str, value: str = "") -> None:
        """Something is wrong in a cell."""
        self.faults.append(
            Fault(self.line, wrong, self.headings.get(name, name), (value or self.cells.get(name, ""))[:40])
        )

    def text(self, name: str, *, wanted: bool = False) -> str:
        """A short text."""
        said = self.cells.get(name, "")
        if wanted and not said:
            self.fault(Wrong.EMPTY, name)
        if len(said) > TEXT_MAX or any(ord(letter) < ord(" ") for letter in said):
            self.fault(Wrong.TEXT, name)
        return said

    def number(self, name: str, low: Decimal, high: Decimal) -> Decimal | None:
        """A number between two limits; thousands may be set off by commas."""
        said = self.cells.get(name, "")
        if not said:
            return None
        try:
            found = Decimal(unicodedata.normalize("NFKC", said).replace(",", ""))
            if found.is_finite() and low <= found <= high:
                return found
        except InvalidOperation:
            pass
        self.fault(Wrong.NUMBER, name)
        return None

    def day(self, name: str) -> str:
        """A date as ``2026-04-01``; slashes and 年月日 are read too."""
        said = self.cells.get(name, "")
        if not said:
            return ""
        plain = unicodedata.normalize("NFKC", said).rstrip("日")
        for mark in "年月/.":
            plain = plain.replace(mark, "-")
        try:
            year, month, day = (int(part) for part in plain.split("-"))
            if 1950 <= year < 2100:
                return date(year, month, day).isoformat()
        except ValueError:
            pass
        self.fault(Wrong.DATE, name)
        return ""


def heading(text: str) -> str:
    """A heading as it is compared: width, case and blanks do not matter."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def rows_of(data: bytes, named: Callable[[str], str | None], wanted: Iterable[str]) -> tuple[list[Row], list[Fault]]:
    """Take a file apart.

    Args:
        data: the file.
        named: heading as ``heading`` gives it → field, or ``IGNORED``; ``None``: unknown.
        wanted: fields whose columns have to be there.
    """
    text = _text_of(data)
    if text is None:
        return [], [Fault(0, Wrong.ENCODING)]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        names = [named(heading(cell)) for cell in header]
        faults = _header_faults(header, names, wanted)
        if faults:
            return [], faults
        headings = {name: cell for name, cell in zip(names, header, strict=True) if name}
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            cells = {
                name: unguarded(value.strip())
                for name, value in zip(names, values, strict=False)
                if name and name != IGNORED
            }
            row = Row(reader.line_num, cells, headings)
            if len(values) != len(header):
                row.faults.append(Fault(row.line, Wrong.CELLS, "", f"{len(values)} / {len(header)}"))
            rows.append(row)
    except csv.Error as error:
        return [], [Fault(reader.line_num, Wrong.NOT_CSV, "", str(error))]
    return rows, [] if rows else [Fault(0, Wrong.NO_ROWS)]


def faults_of(rows: Iterable[Row]) -> tuple[Fault, ...]:
    """The faults of all lines, the first ones."""
    return tuple(fault for row in rows for fault in row.faults)[:FAULTS_MAX]


def _text_of(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _header_faults(header: list[str], names: list[str | None], wanted: Iterable[str]) -> list[Fault]:
    faults = [Fault(1, Wrong.COLUMN_MISSING, name) for name in wanted if name not in names]
    faults += [
        Fault(1, Wrong.COLUMN_UNKNOWN, cell[:40]) for cell, name in zip(header, names, strict=True) if name is None
    ]
    faults += [
        Fault(1, Wrong.COLUMN_TWICE, cell[:40])
        for place, (cell, name) in enumerate(zip(header, names, strict=True))
        if name and name != IGNORED and name in names[:place]
    ]
    return faults[:FAULTS_MAX]
