"""What the three steps carry from page to page, checked. Pure but for the form's own types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from central.core.access import Principal, Right
from central.core.city import Site
from central.core.incidents import TIERS_ALL, AskedWronglyError, Wish
from central.core.scope import Scope, ScopeError, ScopeKind
from contract.steering import Mode

MODES: Final = (Mode.STORM_WATCH, Mode.BACKUP, Mode.ISOLATED)
"""What an incident may want, the mildest first. Back to normal is a stand-down, not an incident."""
DRILLS: Final = ("real", "drill", "live")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An incident that somebody is about to open, as the address of each step says it."""

    kind: str = ""
    wards: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    group: str = ""
    mode: str = ""
    why: str = ""
    drill: str = "real"
    target_pct: float = 100.0
    tiers_closed: int = TIERS_ALL
    ration: bool = False

    def scope(self) -> Scope:
        """Which shelters.

        Raises:
            ScopeError: none were chosen.
        """
        names = {"ward": self.wards, "sites": self.sites, "group": (self.group,) if self.group else ()}
        if self.kind not in set(ScopeKind):
            raise ScopeError("scope: choose which shelters")
        return Scope(ScopeKind(self.kind), names.get(self.kind, ()))

    def wish(self) -> Wish:
        """What is wanted of them.

        Raises:
            AskedWronglyError: no mode, or figures out of range.
        """
        if self.mode not in {mode.value for mode in MODES}:
            raise AskedWronglyError("mode: choose one")
        return Wish(
            mode=Mode(self.mode),
            target_pct=self.target_pct,
            tiers_closed=self.tiers_closed,
            is_drill=self.drill != "real",
            is_live=self.drill == "live",
        )

    def fields(self) -> list[tuple[str, str]]:
        """Names and values as forms carry them."""
        fields = [("kind", self.kind)]
        fields += [("wards", ward) for ward in self.wards]
        fields += [("sites", site) for site in self.sites]
        fields += [("group", self.group)] if self.group else []
        fields += [("mode", self.mode), ("why", self.why), ("drill", self.drill)]
        fields += [("target_pct", f"{self.target_pct:g}"), ("tiers_closed", str(self.tiers_closed))]
        return fields + ([("ration", "1")] if self.ration else [])

    @property
    def query(self) -> str:
        """The same as a part of an address."""
        return urlencode(self.fields())


def choosable(who: Principal, sites: Mapping[str, Site]) -> list[Site]:
    """Shelters that a person may switch, by ward and name."""
    mine = (site for site in sites.values() if who.may(Right.SWITCH, [site.ward]))
    return sorted(mine, key=lambda site: (site.ward, site.name, site.id))


def wards_of(sites: Iterable[Site]) -> dict[str, list[Site]]:
    """Ward → its shelters."""
    found: dict[str, list[Site]] = {}
    for site in sites:
        found.setdefault(site.ward, []).append(site)
    return found
