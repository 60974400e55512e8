"""Names and words that several papers have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from central.core.accounting.reporting import MonthState
from central.core.city import Site
from central.reports.words import Says
from central.web.catalogue import Lang


def month_words(month: str, says: Says) -> str:
    """A month in words."""
    return says("month", y=int(month[:4]), m=int(month[5:]))


def year_words(fiscal_year: int, says: Says) -> str:
    """A fiscal year in words."""
    return says("fiscal", y=fiscal_year, next=fiscal_year + 1)


def state_words(state: MonthState, says: Says) -> str:
    """Whether a month is closed, in words."""
    return says(state.value)


def name_of(site: Site, lang: Lang) -> str:
    """A shelter's name."""
    return site.name if lang is Lang.JA or not site.name_en else site.name_en


def ward_of(site: Site, lang: Lang) -> str:
    """Its ward's name."""
    return site.ward if lang is Lang.JA or not site.ward_en else site.ward_en


def synthetic(sites: Iterable[Site], says: Says) -> tuple[str, ...]:
    """The warning that simulated shelters are in a paper; empty where none is."""
    return (says("warn_synthetic"),) if any(site.synthetic for site in sites) else ()
