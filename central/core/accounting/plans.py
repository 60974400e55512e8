"""How much PV energy is planned, shelter by shelter and month by month, and the comparison with what came. Pure.

A plan is what the city and the operator agreed on: nothing is made up where none was given. What was imported last
holds; a plan that stood when its month was closed stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from central.core.accounting.lists import IGNORED, Fault, Row, Wrong, faults_of, rows_of
from central.core.audit import Action, Decision

KWH_MAX: Final = Decimal(1_000_000)
WITHDRAWN: Final = frozenset({"-", "–", "ー", "−"})
"""A cell that takes a plan back."""
_MONTH: Final = re.compile(r"(20\d\d)(?:-|年)(0?[1-9]|1[0-2])月?(?:kwh|\(kwh\))?")
_NAMES: Final = {
    "site": "site",
    "避難所id": "site",
    "shelterid": "site",
    "name": IGNORED,
    "施設": IGNORED,
    "facility": IGNORED,
    "区": IGNORED,
    "ward": IGNORED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCell:
    """A shelter's plan of one month; ``wh`` ``None``: there is none any more."""

    site: str
    month: str
    wh: int | None


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a file says that is new. With a fault nothing of it counts."""

    cells: tuple[PlanCell, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Against:
    """PV energy beside its plan, Wh."""

    plan_wh: int
    actual_wh: int
    shelters: int = 1
    """Shelters that have a plan, and are in both sums."""

    @property
    def difference_wh(self) -> int:
        """Below zero: less came than was planned."""
        return self.actual_wh - self.plan_wh

    @property
    def share(self) -> float | None:
        """What came as a part of the plan; ``None``: the plan is zero."""
        return self.actual_wh / self.plan_wh if self.plan_wh else None


def together(parts: Iterable[Against | None]) -> Against | None:
    """Sums over those that have a plan; ``None``: none has one."""
    found = [one for one in parts if one is not None]
    if not found:
        return None
    return Against(
        sum(one.plan_wh for one in found), sum(one.actual_wh for one in found), sum(one.shelters for one in found)
    )


def read_plan(
    data: bytes, *, sites: Collection[str], stands: Mapping[tuple[str, str], int], closed: Collection[str]
) -> PlanFile:
    """A plan from CSV: a line a shelter, a column a month. An empty cell says nothing, a dash takes the plan back.

    Args:
        data: the file.
        sites: the registered shelters.
        stands: shelter and month → the plan that holds, Wh.
        closed: months that are closed; of these a plan that holds can't be changed.
    """
    rows, faults = rows_of(data, _field, ("site",))
    if faults:
        return PlanFile((), tuple(faults))
    cells = [cell for row in rows for cell in _cells(row, sites, stands, closed)]
    seen: dict[str, int] = {}
    for row in rows:
        site = row.cells.get("site", "")
        if site in seen:
            row.fault(Wrong.TWICE, "site")
        seen.setdefault(site, row.line)
    wrong = faults_of(rows)
    if wrong:
        return PlanFile((), wrong)
    return PlanFile(tuple(cell for cell in cells if stands.get((cell.site, cell.month)) != cell.wh))


def decision_of(cells: Collection[PlanCell], n: int, *, sha256: str, by: str, now_ms: int) -> Decision:
    """The entry of the book: which import, of how many shelters and months, and the file's SHA-256."""
    months = sorted({one.month for one in cells})
    detail = {
        "n": n,
        "cells": len(cells),
        "shelters": len({one.site for one in cells}),
        "from": months[0],
        "to": months[-1],
        "kwh": str(Decimal(sum(one.wh or 0 for one in cells)) / 1_000),
        "sha256": sha256,
    }
    return Decision(at_ms=now_ms, by=by, action=Action.PLAN_SET, detail=detail)


def _field(said: str) -> str | None:
    found = _MONTH.fullmatch(said)
    return f"{found[1]}-{int(found[2]):02d}" if found else _NAMES.get(said)


def _cells(
    row: Row, sites: Collection[str], stands: Mapping[tuple[str, str], int], closed: Collection[str]
) -> list[PlanCell]:
    site = row.text("site", wanted=True)
    if site and site not in sites:
        row.fault(Wrong.SITE, "site")
    found = []
    for month, said in row.cells.items():
        if month == "site" or not said:
            continue
        wh: int | None = None
        if said not in WITHDRAWN:
            kwh = row.number(month, Decimal(0), KWH_MAX)
            if kwh is None:
                continue
            wh = round(kwh * 1_000)
        standing = stands.get((site, month))
        if month in closed and standing is not None and standing != wh:
            row.fault(Wrong.CLOSED, month)
        found.append(PlanCell(site=site, month=month, wh=wh))
    return found
