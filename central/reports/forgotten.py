"""What counters forgot in gaps, on paper: estimates that stand beside the sums and are in none of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from central.core.accounting.flows import Flow
from central.core.accounting.forgotten import OWN_FLOWS
from central.core.city import Site
from central.reports.names import name_of
from central.reports.paper import DASH, Align, Column, Table, kwh
from central.reports.words import Says

FLOWS: Final = (Flow.PV, *OWN_FLOWS)


def forgotten(lines: Iterable[tuple[Site, Mapping[Flow, int]]], says: Says) -> tuple[Table, ...]:
    """A table of the shelters that it happened to; nothing when it happened to none."""
    rows = tuple(
        (
            name_of(site, says.lang),
            site.id,
            *(kwh(lost[flow]) if flow in lost else DASH for flow in FLOWS),
            kwh(lost.get(Flow.PV, 0) - lost.get(Flow.EXPORT, 0)),
        )
        for site, lost in lines
        if any(lost.values())
    )
    if not rows:
        return ()
    columns = (
        Column(says("site")),
        Column(says("site_id"), Align.CODE),
        *(Column(says(flow.value), Align.NUMBER) for flow in FLOWS),
        Column(says("lost_self"), Align.NUMBER),
    )
    return (Table(heading=says("lost_heading"), columns=columns, rows=rows, note=says("note_lost")),)
