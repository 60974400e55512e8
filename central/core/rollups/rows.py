"""A row for readers of InfluxDB, the names of its series, and the codes that stand for states and modes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from central.core.city import Site, SiteState
from contract.steering import Mode


class Series(StrEnum):
    """Name of a series: the measurement in InfluxDB."""

    SITE_NOW = "site_now"
    """Each shelter each minute, as the pages show it."""
    CITY_NOW = "city_now"
    """The city each minute: totals, counts, the shelter with the fewest hours."""
    DAY = "day"
    """What each shelter's day says of its plant, from five-minute means: completeness, clear-sky ratio, battery."""
    ENERGY_HALF = "energy_half_hour"
    """Accounted energy and demand of each shelter in half hours of Tokyo time, and how well each is known."""
    ENERGY_DAY = "energy_day"
    """Accounted energy of each shelter in days of Tokyo time; those of a month add up to its statement."""
    ENERGY_CARRIED = "energy_carried"
    """Up to which counting the accounted energy has been carried over."""
    EVENT = "event"
    """What happened, in words."""


SHORT_LIVED: Final = frozenset({Series.SITE_NOW, Series.CITY_NOW})
"""They are kept as long as raw readings; the others for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupRow:
    """One row. Series, time and tags identify it: writing it again replaces the fields that it has."""

    series: Series
    at_ms: int
    tags: Mapping[str, str]
    fields: Mapping[str, float | str]


FISCAL_YEAR: Final = "年度"
"""Stands behind the year in a tag."""
STATE_CODES: Final[Mapping[SiteState, int]] = {
    SiteState.ON_GRID: 0,
    SiteState.ISLANDED: 1,
    SiteState.FAULT: 2,
    SiteState.STALE: 3,
    SiteState.OFFLINE: 4,
    SiteState.NEVER_SEEN: 5,
}
SILENT: Final = frozenset({SiteState.STALE, SiteState.OFFLINE, SiteState.NEVER_SEEN})
MODE_UNPROVEN: Final = -1
MODE_CODES: Final[Mapping[Mode, int]] = {
    Mode.NORMAL: 0,
    Mode.STORM_WATCH: 1,
    Mode.BACKUP: 2,
    Mode.RECOVERY: 3,
    Mode.ISOLATED: 4,
    Mode.MAINTENANCE: 5,
}
"""Numbers never change their meaning: rows of past years have them."""


def tags_of(site: Site) -> dict[str, str]:
    """Tags of a shelter's rows. ``label`` has both name and id, for lists that know one text alone."""
    name = tidy(site.name) or site.id
    return {"site": site.id, "ward": tidy(site.ward) or "-", "name": name, "label": f"{name}（{site.id}）"}


def tidy(text: str) -> str:
    """A text that a tag can carry: without control characters, and without a backslash at its end."""
    return "".join(character if character.isprintable() else " " for character in text).rstrip(" \\").lstrip()
