"""The city's list of shelters: who belongs into it, in which order, and the short words of a row. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Final
from urllib.parse import urlencode

from central.api.live import Key
from central.core.city import URGENCY, CityNow, SiteKind, SiteNow, SiteState
from central.core.orders import SETTLED
from central.core.steering import UNPROVEN_IS_TRUE, SteeringNow
from central.web import figures
from central.web.catalogue import Catalogue, Lang
from contract.commissioning import SiteStage
from contract.steering import Mode

HOURS_OLD_MS: Final = 900_000
"""Hours that were worked out longer ago are not shown: the battery has gone on."""
CELLS: Final = ("", "state", "mode", "", "hours", "soc", "pv", "load", "grid", "at")
"""Which text stands in which cell of a row; the page's script fills them by this order."""
UNPROVEN: Final = "unproven"
UNKNOWN: Final = "unknown"
MODES: Final = (*(mode.value for mode in Mode), UNPROVEN, UNKNOWN)
"""What the list can be filtered by: a mode that is proven, one that is not, or nothing known."""
_RANK: Final = {state: rank for rank, state in enumerate(URGENCY)}


class Order(StrEnum):
    """How the list is sorted."""

    HOURS = "hours"
    """The fewest hours left first, unknown last."""
    URGENCY = "urgency"
    """The most urgent state first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which shelters a reader wants to see in the list, and in which order. Empty means all."""

    ward: str = ""
    state: str = ""
    stage: str = ""
    kind: str = ""
    mode: str = ""
    q: str = ""
    """A part of the name, in either language, or of the id."""
    sort: str = ""

    @property
    def is_any(self) -> bool:
        """Whether anything is left out."""
        return any((self.ward, self.state, self.stage, self.kind, self.mode, self.q))

    @property
    def order(self) -> Order:
        """The order that is asked for."""
        return Order(self.sort) if self.sort else Order.HOURS

    def query(self, lang: Lang, **other: str) -> str:
        """The address that says this in a language, with some of it said otherwise."""
        said = {name: getattr(self, name) for name in ("ward", "state", "stage", "kind", "mode", "q", "sort")} | other
        return urlencode({"lang": lang.value, **{name: value for name, value in said.items() if value}})

    def wrong(self, city: CityNow) -> str:
        """The first of what was asked that does not exist; empty when all does."""
        wards = {name for now in city.sites for name in (now.site.ward, now.site.ward_en)}
        for asked, known in (
            (self.ward, wards),
            (self.state, {state.value for state in SiteState}),
            (self.stage, {stage.value for stage in SiteStage}),
            (self.kind, {kind.value for kind in SiteKind}),
            (self.mode, set(MODES)),
            (self.sort, {order.value for order in Order}),
        ):
            if asked and asked not in known:
                return asked
        return ""


def matches(now: SiteNow, chosen: Chosen) -> bool:
    """Whether a shelter belongs into the list."""
    wanted = chosen.q.casefold()
    return (
        (not chosen.ward or chosen.ward in {now.site.ward, now.site.ward_en})
        and (not chosen.state or chosen.state == now.state.value)
        and (not chosen.stage or chosen.stage == now.proof.stage.value)
        and (not chosen.kind or chosen.kind == now.site.kind.value)
        and (not chosen.mode or chosen.mode == mode_key(now.steering))
        and (not wanted or any(wanted in text.casefold() for text in (now.site.name, now.site.name_en, now.site.id)))
    )


def ordered(shelters: Iterable[SiteNow], texts: Mapping[Key, str], order: Order) -> list[SiteNow]:
    """In the order that the page's script keeps: it goes by the texts that the page shows."""

    def key(now: SiteNow) -> tuple[float, int, str]:
        hours = hours_shown(texts[now.site.id, "hours"]) if order is Order.HOURS else 0.0
        return hours, _RANK[now.state], now.site.id

    return sorted(shelters, key=key)


def hours_shown(text: str) -> float:
    """The number that stands at the beginning of a row's hours; endless where none does."""
    digits = text.rstrip("+").replace(",", "")
    return float(digits) if digits.replace(".", "", 1).isdecimal() else inf


def row_texts(now: SiteNow, at_ms: int, words: Catalogue) -> dict[Key, str]:
    """The texts of a row that change."""
    site = now.site.id
    grid = figures.kilo_size(now.grid_w)
    flow = figures.grid_flow(now.grid_w, words)
    return {
        (site, "state"): now.state.value,
        (site, "mode"): mode_words(now.steering, words),
        (site, "hours"): hours_words(now, at_ms),
        (site, "soc"): figures.percent(now.soc_pct),
        (site, "pv"): figures.kilo(now.pv_w),
        (site, "load"): figures.kilo(now.load_w),
        (site, "grid"): f"{flow} {grid}" if flow and grid != "0.0" else grid,
        (site, "at"): str(now.last_reading_ms // 1_000) if now.last_reading_ms else "",
    }


def is_fresh(now: SiteNow, at_ms: int) -> bool:
    """Whether its hours were worked out lately."""
    return now.hours is not None and -HOURS_OLD_MS <= at_ms - now.hours.at_ms <= HOURS_OLD_MS


def hours_words(now: SiteNow, at_ms: int) -> str:
    """The careful figure of hours without the grid: ``0.4``, ``12``, ``72+`` for that or longer, a dash for unknown."""
    found = now.hours
    if found is None or found.p10_h is None or not is_fresh(now, at_ms):
        return figures.DASH
    if found.p10_h >= found.horizon_h:
        return f"{found.horizon_h:.0f}+"
    # Cut, not rounded: a shelter is never promised more than was worked out.
    return f"{int(found.p10_h * 10) / 10:.1f}" if found.p10_h < 10 else str(int(found.p10_h))


def is_met(now: SteeringNow) -> bool:
    """Whether the shelter has proven what the city wants, or the city wants nothing."""
    return now.wanted is None or now.outcome in SETTLED or now.wanted is now.mode


def mode_key(now: SteeringNow) -> str:
    """What a shelter counts as: the mode that it has proven, ``unproven``, or ``unknown``."""
    if now.mode is not None and is_met(now):
        return now.mode.value
    return UNPROVEN if now.wanted or now.claimed else UNKNOWN


def mode_words(now: SteeringNow, words: Catalogue) -> str:
    """A row's mode. A check mark stands behind a mode that was proven; what is wanted only is never shown as there."""
    proven = words.term("mode", now.mode.value) if now.mode else ""
    if proven and now.mode not in UNPROVEN_IS_TRUE:
        proven = words("mode_checked", mode=proven)
    if is_met(now):
        if proven:
            return proven
        if now.claimed is None:
            return words("mode_silent")
        return words("mode_unchecked", mode=words.term("mode", now.claimed.value))
    wanted = words.term("mode", now.wanted.value) if now.wanted else ""
    return words("mode_towards_drill" if now.is_drill else "mode_towards", now=proven, mode=wanted).strip()


def count_modes(shelters: Iterable[SiteNow]) -> dict[str, int]:
    """Shelters by what they count as, every one of ``MODES`` named."""
    found = Counter(mode_key(now.steering) for now in shelters)
    return {mode: found[mode] for mode in MODES}
