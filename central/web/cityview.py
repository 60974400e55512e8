"""What the city's page shows, as texts by key: the page is made of them, and the stream sends those that changed. Pure.

Keys are (owner, name): the owner is a shelter's id, ``city`` or ``ward:NAME``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from central.api.live import Key
from central.api.outlook import Outlook
from central.core.city import URGENCY, CityNow, Fate, SiteNow, SiteState
from central.core.today import EnergyToday, Flow, Power
from central.web import figures
from central.web.catalogue import Catalogue, Lang
from central.web.citylist import count_modes, hours_shown, hours_words, row_texts
from central.web.proofview import counted

URGENT_SHOWN: Final = 6
LINKED_MAX: Final = 40
"""When more shelters than this need attention, their dots on the city's map are drawn without links of their own."""
CITY: Final = "city"
SOC_MIN_PCT: Final = 5.0
"""Above it, energy over state of charge gives the battery's real capacity; below, the registered one is nearer."""
SOC_UNKNOWN_PCT: Final = 101.0
"""Sorts behind every charge that is known."""
_RANK: Final = {state: rank for rank, state in enumerate(URGENCY)}


def name_of(now: SiteNow, lang: Lang) -> str:
    """A shelter's name in a language, as far as it has one."""
    return now.site.name_en or now.site.name if lang is Lang.EN else now.site.name


def ward_of(now: SiteNow, lang: Lang) -> str:
    """Its ward's name in a language. English needs no "Ward" after it: the column says that."""
    return now.site.ward_en.removesuffix(" Ward") or now.site.ward if lang is Lang.EN else now.site.ward


def look_first(shelters: Iterable[SiteNow], at_ms: int) -> list[SiteNow]:
    """Shelters that need attention: most urgent state first, then the fewest hours left, then the emptiest battery;
    what is not known comes last.
    """

    def key(now: SiteNow) -> tuple[int, float, float, str]:
        charge_pct = SOC_UNKNOWN_PCT if now.soc_pct is None else now.soc_pct
        return _RANK[now.state], hours_shown(hours_words(now, at_ms)), charge_pct, now.site.id

    return sorted((now for now in shelters if now.state is not SiteState.ON_GRID), key=key)


def capacity_wh(now: SiteNow) -> float:
    """Energy of the full battery."""
    if now.stored_wh is not None and now.soc_pct is not None and now.soc_pct > SOC_MIN_PCT:
        return now.stored_wh / now.soc_pct * 100
    return now.site.battery_kwh * 1_000


def fill_pct(shelters: Iterable[SiteNow]) -> float | None:
    """How full the batteries are that say so, by energy."""
    known = [now for now in shelters if now.stored_wh is not None]
    room = sum(capacity_wh(now) for now in known)
    return min(100.0, sum(now.stored_wh or 0.0 for now in known) / room * 100) if room else None


def city_texts(
    city: CityNow, outlook: Outlook | None, words: Catalogue, release: str, today: EnergyToday | None = None
) -> dict[Key, str]:
    """Every text of the page that changes."""
    texts: dict[Key, str] = {}
    for now in city.sites:
        texts.update(row_texts(now, city.at_ms, words))
    for name, text in {
        **_frame(city, words, release),
        **_totals(city, words),
        **_today(today, words),
        **_urgent(city, words),
        **_promise(outlook, words),
    }.items():
        texts[CITY, name] = text
    texts.update(_wards(city))
    return texts


def _frame(city: CityNow, words: Catalogue, release: str) -> dict[str, str]:
    total = len(city.sites)
    waiting = total - city.counts.get(SiteState.ON_GRID, 0)
    if not total:
        headline = words("attention_empty")
    elif waiting:
        headline = words("attention_some", total=total, n=waiting)
    else:
        headline = words("attention_none", total=total)
    return {
        "clock": figures.clock(city.at_ms),
        "now": str(city.at_ms),
        "release": release,
        "headline": headline,
        "level": "attention" if waiting or not total else "calm",
        **{f"n_{state.value}": str(city.counts.get(state, 0)) for state in SiteState},
        **{f"n_{stage.value}": str(count) for stage, count in counted(city.sites).items()},
        **{f"m_{mode}": str(count) for mode, count in count_modes(city.sites).items()},
    }


def _totals(city: CityNow, words: Catalogue) -> dict[str, str]:
    total = len(city.sites)
    batteries = [now.battery_w for now in city.sites if now.battery_w is not None]
    battery_w = sum(batteries) if batteries else None

    def known(value: float, name: str) -> float | None:
        return value if city.reporting.get(name) else None

    def of(name: str) -> str:
        return words("of_n", total=total, n=city.reporting.get(name, 0))

    return {
        "pv": figures.kilo(known(city.pv_w, "pv_w")),
        "pv_of": of("pv_w"),
        "load": figures.kilo(known(city.load_w, "load_w")),
        "load_of": of("load_w"),
        "grid": figures.kilo_size(known(city.grid_w, "grid_w")),
        "grid_flow": figures.grid_flow(known(city.grid_w, "grid_w"), words),
        "grid_of": of("grid_w"),
        "stored": figures.kilo(known(city.stored_wh, "stored_wh")),
        "stored_of": of("stored_wh"),
        "fill": figures.percent(fill_pct(city.sites)),
        "battery": figures.kilo_size(battery_w),
        "battery_flow": figures.battery_flow(battery_w, words),
    }


def _today(today: EnergyToday | None, words: Catalogue) -> dict[str, str]:
    """Energy since midnight under each total, and of how many shelters it is known without a gap."""
    if today is None:
        return dict.fromkeys(("today_pv", "today_load", "today_grid", "today_battery", "today_of"), "")

    def kwh(flow: Flow) -> str:
        return figures.kilo(today.known_wh(flow))

    return {
        "today_pv": words("today_kwh", kwh=kwh(Flow.PV)),
        "today_load": words("today_kwh", kwh=kwh(Flow.LOAD)),
        "today_grid": words("today_grid", bought=kwh(Flow.IMPORT), sold=kwh(Flow.EXPORT)),
        "today_battery": words("today_battery", charged=kwh(Flow.CHARGE), given=kwh(Flow.DISCHARGE)),
        "today_of": words(
            "today_of",
            time=f"{figures.local(today.at_ms):%H:%M}",
            total=today.sites,
            n=min(today.complete[power] for power in (Power.PV, Power.LOAD, Power.GRID)),
        ),
    }


def _urgent(city: CityNow, words: Catalogue) -> dict[str, str]:
    worst = look_first(city.sites, city.at_ms)
    texts: dict[str, str] = {"urgent_more": words("urgent_more", n=len(worst))}
    for n in range(URGENT_SHOWN):
        now = worst[n] if n < len(worst) else None
        texts[f"u{n}_state"] = now.state.value if now else ""
        texts[f"u{n}_name"] = name_of(now, words.lang) if now else ""
        texts[f"u{n}_ward"] = _ward_hours_charge(now, city.at_ms, words) if now else ""
        texts[f"u{n}_href"] = f"/sites/{now.site.id}?lang={words.lang.value}" if now else ""
    return texts


def _ward_hours_charge(now: SiteNow, at_ms: int, words: Catalogue) -> str:
    hours = hours_words(now, at_ms)
    said = [
        ward_of(now, words.lang),
        words("urgent_hours", h=hours) if hours != figures.DASH else "",
        f"{figures.percent(now.soc_pct)} %" if now.soc_pct is not None else "",
    ]
    return " · ".join(part for part in said if part)


def _promise(outlook: Outlook | None, words: Catalogue) -> dict[str, str]:
    if outlook is None:
        return {"promise_at": words("promise_pending"), "promise_lost_by": ""}
    texts = {"promise_at": words("as_of", time=figures.clock(outlook.to_ms))}
    x = 0.0
    for fate in Fate:
        part = outlook.share(fate)
        texts[f"p_{fate.value}"] = figures.share(part, words)
        texts[f"pb_{fate.value}"] = f"{x * 100:.2f} {part * 100:.2f}"
        x += part
    total = sum(outlook.ms_by_fate.values())
    reasons = sorted(outlook.lost_by.items(), key=lambda item: -item[1])
    said = [f"{figures.reason_words(reason, words)} {figures.share(ms / total, words)}" for reason, ms in reasons if ms]
    texts["promise_lost_by"] = f"{words('promise_lost_by')}: {', '.join(said)}" if said else ""
    return texts


def _wards(city: CityNow) -> dict[Key, str]:
    texts: dict[Key, str] = {}
    for ward, shelters in in_wards(city.sites).items():
        owner = f"ward:{ward}"
        solar = [now.pv_w for now in shelters if now.pv_w is not None]
        texts[owner, "attention"] = str(sum(now.state is not SiteState.ON_GRID for now in shelters))
        texts[owner, "pv"] = figures.kilo(sum(solar) if solar else None)
        texts[owner, "fill"] = figures.percent(fill_pct(shelters))
    return texts


def in_wards(shelters: Sequence[SiteNow]) -> Mapping[str, list[SiteNow]]:
    """Shelters by the Japanese name of their ward, in the registry's order."""
    found: dict[str, list[SiteNow]] = {}
    for now in shelters:
        found.setdefault(now.site.ward, []).append(now)
    return found
