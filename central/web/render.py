"""Templates filled with values that ``cityview`` and ``siteview`` made. No template decides anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from central.api.live import Key
from central.core.access import Principal, Right
from central.core.city import URGENCY, CityNow, Fate, SiteKind, SiteNow, SiteState
from central.core.incidents import Incident
from central.core.proposals import in_words
from central.web import citylist, cityview, figures, proofview, reportview, siteview, siteview_days, siteview_page
from central.web.catalogue import Catalogue, Lang
from central.web.citymap import CityMap
from central.web.errors import PageError

AGE_KEYS: Final = ("age_s", "age_min", "age_h", "age_d", "age_never")
BADGE_KEYS: Final = ("live", "reconnecting")


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("central.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(
        states=list(SiteState),
        kinds=list(SiteKind),
        modes=citylist.MODES,
        cells=citylist.CELLS,
        stages=list(proofview.STAGES),
        fates=list(Fate),
        figures=figures,
    )
    return templates


@dataclass(frozen=True, slots=True)
class Place:
    """A page that the navigation leads to, and the right that it asks for.

    ``is_daily``: it stands in the row that everybody sees; the others are one touch away, or a phone shows little else.
    """

    path: str
    key: str
    right: Right
    is_daily: bool = False

    def holds(self, here: str) -> bool:
        """Whether a path is this page or one below it."""
        return here == self.path or (self.path != "/" and here.startswith(f"{self.path}/"))


PLACES: Final = (
    Place("/", "nav_city", Right.READ, is_daily=True),
    Place("/board", "nav_board", Right.READ, is_daily=True),
    Place("/fleet", "nav_fleet", Right.READ, is_daily=True),
    Place("/alerts", "nav_alerts", Right.READ, is_daily=True),
    Place("/public-status", "nav_public", Right.READ, is_daily=True),
    Place("/demand", "nav_demand", Right.READ, is_daily=True),
    Place("/reports", "nav_reports", Right.READ, is_daily=True),
    Place("/rules", "nav_rules", Right.READ),
    Place("/notifications", "nav_notify", Right.READ),
    Place("/webhooks", "nav_hooks", Right.RULES),
    Place("/audit", "nav_audit", Right.READ),
    Place("/users", "nav_users", Right.ADMIN),
    Place("/sites/import", "nav_import", Right.ADMIN),
    Place("/account", "nav_account", Right.READ),
)


class Renderer:
    """Fills the templates for one city."""

    def __init__(self, city_names: Mapping[Lang, str], addresses: Mapping[str, str]) -> None:
        self._city_names = city_names
        self._addresses = addresses
        self._script_words = {lang: _script_words(Catalogue(lang)) for lang in Lang}

    def page(
        self, name: str, words: Catalogue, *, who: Principal | None, here: str, query: str = "", **values: Any
    ) -> str:
        """A page of its own template, in the frame of all pages.

        Args:
            name: the template, which extends ``base.html``.
            words: the language.
            who: who reads it; the navigation shows where that person may go.
            here: its path; ``query``: what the address says besides the language, as ``ward=…``.
            values: what the template shows.
        """
        switch = f"{query}&lang={words.lang.other.value}" if query else f"lang={words.lang.other.value}"
        frame = {"stream": "", "mark": "", "now": "", "release": "", "here": here, "switch_query": switch}
        return self._render(name, words, who=who, **{"synthetic": False, **frame, **values})

    def _render(self, name: str, words: Catalogue, *, who: Principal | None = None, **values: Any) -> str:
        lang = words.lang
        places = [place for place in PLACES if who is not None and place.right in who.rights]
        frame = {
            "t": words,
            "files": self._addresses,
            "lang": lang.value,
            "other_lang": lang.other.value,
            "city_name": self._city_names[lang],
            "script_words": self._script_words[lang],
            "who": who,
            "nav_places": places if who is not None and who.user else [],
            "at": values.get("here", ""),
        }
        return _templates().get_template(name).render(**frame, **values)

    def city(
        self,
        words: Catalogue,
        city: CityNow,
        texts: Mapping[Key, str],
        city_map: CityMap,
        chosen: citylist.Chosen,
        *,
        going_on: Sequence[Incident],
        mark: str,
        synthetic: bool,
        who: Principal | None = None,
    ) -> str:
        """The city's page. Order and filter go by the states that the page shows. ``going_on``: for the strip."""
        shown = [replace(now, state=SiteState(texts[now.site.id, "state"])) for now in city.sites]
        rows = [now for now in citylist.ordered(shown, texts, chosen.order) if citylist.matches(now, chosen)]
        # What needs attention is drawn last, so that nothing lies on it.
        dots = reversed(citylist.ordered(shown, texts, citylist.Order.URGENCY))
        wards = cityview.in_wards(city.sites)
        return self._render(
            "city.html",
            words,
            who=who,
            x=texts,
            total=len(city.sites),
            rows=rows,
            dots=[now for now in dots if now.site.id in city_map.spots],
            map=city_map,
            few=sum(now.state is not SiteState.ON_GRID for now in shown) <= cityview.LINKED_MAX,
            going_on=going_on,
            reason=lambda why: in_words(why)[words.lang is Lang.EN],
            query=lambda **other: chosen.query(words.lang, **other),
            wards={ward: (cityview.ward_of(group[0], words.lang), len(group)) for ward, group in wards.items()},
            name_of=cityview.name_of,
            ward_of=cityview.ward_of,
            now_ms=city.at_ms,
            urgent_slots=range(cityview.URGENT_SHOWN),
            chosen=chosen,
            filtered=chosen.is_any,
            day=figures.day(city.at_ms, words.lang),
            synthetic=synthetic,
            stream=f"/live/city?lang={words.lang.value}",
            mark=mark,
            now=texts[cityview.CITY, "now"],
            release=texts[cityview.CITY, "release"],
            here="/",
            switch_query=chosen.query(words.lang.other),
        )

    def site(
        self,
        words: Catalogue,
        now: SiteNow,
        texts: Mapping[Key, str],
        history: siteview.History | siteview_days.Days | None,
        told: siteview_page.Told | None,
        asked: siteview_page.Asked,
        *,
        mark: str,
        at_ms: int,
    ) -> str:
        """A shelter's page."""
        return self.page(
            "site.html",
            words,
            who=asked.who,
            here=f"/sites/{now.site.id}",
            query="days=30" if asked.is_days else "",
            **siteview_page.frame(now, texts, words, mark=mark),
            **siteview_page.values(now, texts, history, told, asked, words, at_ms=at_ms),
        )

    def report(self, words: Catalogue, report: reportview.ReportShown, now: SiteNow | None, *, here: str) -> str:
        """A commissioning report. ``now``: its shelter, as far as it is still registered."""
        counting = now.proof.report if now else None
        return self._render(
            "report.html",
            words,
            report=report,
            heading=siteview.heading(now, words) if now else {"name": report.name or report.site},
            now_site=now,
            is_counting=counting is not None and counting.sha256 == report.sha256,
            has_counting=counting is not None,
            synthetic=now is not None and now.site.synthetic,
            stream="",
            mark="",
            now="",
            release="",
            here=here,
            switch_query=f"lang={words.lang.other.value}",
        )

    def error(self, words: Catalogue, error: PageError, *, synthetic: bool) -> str:
        """An error, and what to try."""
        return self._render(
            "error.html",
            words,
            error=error,
            title=words(error.key, **error.values),
            attempt=words(f"{error.key}_try", **error.values),
            synthetic=synthetic,
            stream="",
            mark="",
            now="",
            release="",
            here="/",
            switch_query=f"lang={words.lang.other.value}",
        )


def _script_words(words: Catalogue) -> str:
    """What the page's script has to say by itself: states, ages, the badge."""
    return msgspec.json.encode(
        {
            "states": {state.value: words.term("state", state.value) for state in SiteState},
            "order": [state.value for state in URGENCY],
            **{key: words(key) for key in (*AGE_KEYS, *BADGE_KEYS)},
        }
    ).decode()
