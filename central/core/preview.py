"""What an incident would reach, before anybody confirms it: every shelter in exactly one class, with its name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from central.core.city import SiteNow, SiteState
from contract.steering import Mode, Reported, Source


class Reach(StrEnum):
    """What would become of a shelter; the first that fits."""

    NOT_VERIFIED = "not_verified"
    """No report proves that it can: nothing is sent."""
    LOCKED = "locked"
    """A technician's lock-out or the switch on site has more say than the city."""
    OFFLINE = "offline"
    """It gets the order when it is back."""
    BY_HAND = "by_hand"
    """Somebody there has to switch."""
    CAN = "can"


REACHABLE: Final = frozenset({SiteState.ISLANDED, SiteState.FAULT, SiteState.ON_GRID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """How long a shelter's critical loads last; ``None``: not known. Beyond the horizon is the horizon itself."""

    p10_h: float | None
    p50_h: float | None


NO_HOURS: Final = Hours(p10_h=None, p50_h=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterPreview:
    """One shelter."""

    site: str
    name: str
    ward: str
    reach: Reach
    hours: Hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an incident would reach."""

    shelters: tuple[ShelterPreview, ...]
    is_citywide: bool
    """Whether a second person has to confirm."""

    @property
    def counts(self) -> Mapping[Reach, int]:
        """Shelters by class, all classes."""
        return {reach: sum(one.reach is reach for one in self.shelters) for reach in Reach}

    @property
    def hours_known(self) -> int:
        """Shelters whose hours are known."""
        return sum(one.hours.p50_h is not None for one in self.shelters)

    @property
    def shortest_p10_h(self) -> float | None:
        """Of the shelter that would go dark first, pessimistically; None: of none is it known."""
        return min((one.hours.p10_h for one in self.shelters if one.hours.p10_h is not None), default=None)

    @property
    def median_p50_h(self) -> float | None:
        """Of the shelter in the middle."""
        known = [one.hours.p50_h for one in self.shelters if one.hours.p50_h is not None]
        return median(known) if known else None


def reach_of(now: SiteNow, reported: Reported | None) -> Reach:
    """The class of one shelter."""
    if not now.proof.is_switchable:
        return Reach.NOT_VERIFIED
    if reported is not None and (
        reported.mode is Mode.MAINTENANCE or reported.source in {Source.LOCK_OUT, Source.LOCAL_SWITCH}
    ):
        return Reach.LOCKED
    if now.state not in REACHABLE:
        return Reach.OFFLINE
    if reported is not None and (reported.by_hand_ja or reported.by_hand_en):
        return Reach.BY_HAND
    return Reach.CAN


def preview(
    sites: Sequence[str],
    shelters: Iterable[SiteNow],
    reported: Mapping[str, Reported],
    *,
    is_citywide: bool,
    hours: Callable[[str], Hours] = lambda _: NO_HOURS,
) -> Preview:
    """What an incident over these shelters would reach. ``hours``: shelter → how long its critical loads last."""
    wanted = set(sites)
    return Preview(
        shelters=tuple(
            ShelterPreview(
                site=now.site.id,
                name=now.site.name,
                ward=now.site.ward,
                reach=reach_of(now, reported.get(now.site.id)),
                hours=hours(now.site.id),
            )
            for now in shelters
            if now.site.id in wanted
        ),
        is_citywide=is_citywide,
    )
