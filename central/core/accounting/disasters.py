"""The disaster record of a fiscal year: outages, energy delivered meanwhile, times open as a shelter, drills. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from central.core.accounting.halfhours import bounds_of_fiscal_year
from central.core.accounting.months import MonthFigures
from central.core.accounting.stretches import Stretch, days_touched
from central.core.city import Site
from central.core.incidents import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class DisasterLine:
    """One shelter's record of a fiscal year."""

    site: Site
    outages: tuple[Stretch, ...]
    """Without the grid, as it told the city."""
    islanded_s: int
    """Without the grid, as its inverter's readings say."""
    islanded_wh: int
    """Delivered to the load meanwhile."""
    openings: tuple[Stretch, ...]
    """Open as a shelter, as staff said."""
    incidents: int
    """Incidents that asked something of it."""
    drills: int

    @property
    def open_days(self) -> int:
        """Tokyo days on which it was open."""
        return days_touched(self.openings)

    @property
    def outage_ms(self) -> int:
        """Time without the grid, drills left out."""
        return sum(one.ms for one in self.outages if not one.is_drill)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisasterReport:
    """What the shelters did in disasters and drills of a fiscal year."""

    fiscal_year: int
    at_ms: int
    lines: tuple[DisasterLine, ...]
    incidents: tuple[Incident, ...]


def disaster_report(
    fiscal_year: int,
    sites: Sequence[Site],
    months: Mapping[str, Mapping[str, MonthFigures]],
    outages: Mapping[str, Sequence[Stretch]],
    openings: Mapping[str, Sequence[Stretch]],
    incidents: Iterable[Incident],
    *,
    at_ms: int,
) -> DisasterReport:
    """The record. An outage inside a drill that really switches is flagged as one."""
    from_ms, to_ms = bounds_of_fiscal_year(fiscal_year)
    # What nobody confirmed asked nothing of any shelter.
    held = [
        one for one in incidents if one.confirmed and one.confirmed.at_ms < to_ms and _end_ms(one, at_ms) >= from_ms
    ]
    held.sort(key=_confirmed_ms)
    lines = []
    for site in sites:
        own = [figures[site.id] for figures in months.values() if site.id in figures]
        told = [one for one in held if site.id in one.sites]
        live = [one for one in told if one.wish.is_drill and one.wish.is_live]
        lines.append(
            DisasterLine(
                site=site,
                outages=tuple(
                    replace(each, is_drill=any(_covers(drill, each, at_ms) for drill in live))
                    for each in outages.get(site.id, ())
                ),
                islanded_s=sum(one.islanded_s for one in own),
                islanded_wh=sum(one.islanded_wh for one in own),
                openings=tuple(openings.get(site.id, ())),
                incidents=sum(not one.wish.is_drill for one in told),
                drills=sum(one.wish.is_drill for one in told),
            )
        )
    return DisasterReport(fiscal_year=fiscal_year, at_ms=at_ms, lines=tuple(lines), incidents=tuple(held))


def _confirmed_ms(incident: Incident) -> int:
    return (incident.confirmed or incident.declared).at_ms


def _end_ms(incident: Incident, at_ms: int) -> int:
    ended = incident.stood_down or incident.closed
    return ended.at_ms if ended else at_ms


def _covers(incident: Incident, stretch: Stretch, at_ms: int) -> bool:
    return _confirmed_ms(incident) <= stretch.from_ms and stretch.to_ms <= _end_ms(incident, at_ms)
