"""Hours left, rationing, order of visits, reachability and facts, as the API answers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import moment
from central.core.autonomy.values import Autonomy, Unknown, Words
from central.core.city import Site
from central.core.dispatch import Visit
from central.core.facts import Fact, FactName
from central.core.hours import CityHours, ReachNow, ShelterHours, tiers_to_keep
from central.core.rationing import Choice, Outlook, Ration
from central.core.reach import Reach, Verdict, Why

Ja = Annotated[str, Field(description="In words, Japanese")]
En = Annotated[str, Field(description="In words, English")]
Name = Annotated[str, Field(description="Name of the shelter, Japanese")]


class WordsOut(BaseModel):
    """One sentence."""

    ja: Ja
    en: En


class HoursOut(BaseModel):
    """Hours until loads first go dark without the grid. A figure of `horizon_h` means "that or longer"."""

    horizon_h: float = Field(description="How far the estimate looks, h")
    p10_h: float | None = Field(description="In nine of ten cases it lasts longer, h; null: not known")
    p50_h: float | None = Field(description="As likely longer as shorter, h")
    p90_h: float | None = Field(description="In one of ten cases it lasts longer, h")
    unknown: Unknown | None = Field(description="Why nothing is stated: no_soc, no_capacity, no_load")


class ChoiceOut(BaseModel):
    """What it would mean to leave only these tiers on."""

    tiers: list[int] = Field(description="Tiers that stay on, the most critical first")
    hours: HoursOut


class RationOut(BaseModel):
    """What to leave on so that the target is reached nine times out of ten. A proposal: nothing switches by it."""

    target_h: float = Field(description="Hours that are wanted")
    outlook: Outlook = Field(description="all_last, some_last, none_lasts or unknown")
    keep: list[int] = Field(description="Tiers to leave on; empty when nothing is proposed")
    tiers_closed: int | None = Field(description="The same as a number for an order; null: nothing is proposed")
    choices: list[ChoiceOut] = Field(description="Every choice, the fewest tiers first")
    says_ja: Ja
    says_en: En


class ShelterHoursOut(BaseModel):
    """How long a shelter's loads last without the grid."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "site": "E0000000001111",
                    "name": "中央第一小学校",
                    "at": "2026-11-24T03:00:05Z",
                    "left": {"horizon_h": 72.0, "p10_h": 14.3, "p50_h": 19.8, "p90_h": 41.2, "unknown": None},
                    "critical": {"horizon_h": 72.0, "p10_h": 31.0, "p50_h": 72.0, "p90_h": 72.0, "unknown": None},
                    "tiers_on": None,
                    "says_ja": "いま停電した場合、中心見込み約19時間（少なくとも約14時間、長ければ約41時間）",
                    "says_en": "Were the grid lost now: about 19 h (at least about 14 h, at best about 41 h)",
                    "notes": [],
                }
            ]
        }
    )

    site: str = Field(description="ID of the shelter")
    name: Name
    at: datetime = Field(description="When it was worked out, UTC")
    left: HoursOut = Field(description="Of the tiers that have power now, or of all where the grid is there")
    critical: HoursOut = Field(description="Of tier 1 alone; where loads are not known by tier, of all")
    tiers_on: int | None = Field(description="Tiers that have power in an outage; null: all, or not known")
    says_ja: Ja
    says_en: En
    notes: list[WordsOut] = Field(description="What stands in for something that is not known")


class ShelterAutonomy(ShelterHoursOut):
    """One shelter with its rationing."""

    ration: RationOut | None = Field(description="null: loads are not known by tier (fact tiers_w)")


class CityAutonomy(BaseModel):
    """All shelters, the one with the fewest hours first; those of which nothing is known last."""

    at: datetime = Field(description="When it was worked out, UTC")
    known: int = Field(description="Shelters whose hours are stated")
    back_tested: int = Field(description="Past days from which the shown band was learnt; 0: none yet")
    unknown: dict[Unknown, int] = Field(description="Shelters of which nothing is stated, by reason")
    shelters: list[ShelterHoursOut]


class VisitOut(BaseModel):
    """A shelter's place in the order of visits by a generator or an electric car."""

    rank: int = Field(description="1 is first")
    site: str = Field(description="ID of the shelter")
    name: Name
    group: str = Field(description="at_once: somebody depends on a device; short: before the target; nothing_to_gain")
    score_person_h: float = Field(description="Person-hours in the dark that a visit prevents")
    says_ja: Ja
    says_en: En


class DispatchOrder(BaseModel):
    """Whom to go to first."""

    at: datetime = Field(description="When hours were worked out, UTC")
    target_h: float = Field(description="Hours that every shelter should last")
    visits: list[VisitOut]


class ReachOut(BaseModel):
    """One shelter before an announced event."""

    site: str = Field(description="ID of the shelter")
    name: Name
    verdict: Verdict = Field(description="can, cannot or unknown")
    why: Why = Field(description="The reason")
    soc_at_onset_pct: float | None = Field(description="State of charge at the onset when ordered now, %")
    soc_unordered_pct: float | None = Field(description="The same without an order, %")
    latest_order_at: datetime | None = Field(description="Order by then, UTC; null: none needed, or none helps")
    says_ja: Ja
    says_en: En
    notes: list[WordsOut] = Field(description="What stands in for something that is not known")


class DeadlineOut(BaseModel):
    """A moment after which some shelters can't be reached any more."""

    latest_order_at: datetime
    shelters: int = Field(description="How many drop out when it passes")


class CityReachOut(BaseModel):
    """All shelters before an announced event; the one whose order is due first, first."""

    at: datetime = Field(description="When it was worked out, UTC")
    onset_at: datetime = Field(description="When the event is expected, UTC")
    target_pct: float = Field(description="State of charge that is wanted, %")
    can: int
    cannot: int
    unknown: int
    reasons: dict[Why, int] = Field(description="Shelters by reason")
    latest_order_at: datetime | None = Field(description="An order to all until then reaches all that can be reached")
    deadlines: list[DeadlineOut]
    says_ja: Ja
    says_en: En
    shelters: list[ReachOut]


class FactOut(BaseModel):
    """What staff said of a shelter."""

    name: FactName = Field(description="Name of the fact")
    value: str = Field(description="As it is kept; empty: withdrawn")
    by: str = Field(description="Who said it")
    at: datetime = Field(description="When, UTC")


class Facts(BaseModel):
    """The facts that hold, and everything that was said before."""

    site: str = Field(description="ID of the shelter")
    facts: list[FactOut] = Field(description="Those that hold")
    said: list[FactOut] = Field(description="All, the newest first")


class FactsIn(BaseModel):
    """Facts to keep."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"by": "田中", "facts": {"people": "120", "medical": "1"}}]},
    )

    by: str = Field(
        "", max_length=200, description="Who says it: for commands on the service's machine; else who signed in"
    )
    facts: dict[str, str | int | float] = Field(
        min_length=1, max_length=20, description="Name → value; an empty text withdraws"
    )


def words_out(words: Iterable[Words]) -> list[WordsOut]:
    """Sentences."""
    return [WordsOut(ja=one.ja, en=one.en) for one in words]


def hours_out(one: Autonomy) -> HoursOut:
    """Hours."""
    return HoursOut(horizon_h=one.horizon_h, p10_h=one.p10_h, p50_h=one.p50_h, p90_h=one.p90_h, unknown=one.unknown)


def shelter_out(found: ShelterHours, sites: Mapping[str, Site]) -> dict[str, Any]:
    """Fields of a shelter's hours."""
    return {
        "site": found.site,
        "name": sites[found.site].name if found.site in sites else "",
        "at": moment(found.at_ms),
        "left": hours_out(found.left),
        "critical": hours_out(found.critical),
        "tiers_on": found.tiers_on,
        "says_ja": found.says.ja,
        "says_en": found.says.en,
        "notes": words_out(found.notes),
    }


def autonomy_out(found: ShelterHours, sites: Mapping[str, Site]) -> ShelterAutonomy:
    """A shelter with its rationing."""
    ration = None if found.ration is None else _ration_out(found.ration, tiers_to_keep(found))
    return ShelterAutonomy(**shelter_out(found, sites), ration=ration)


def city_out(city: CityHours, sites: Mapping[str, Site]) -> CityAutonomy:
    """All shelters."""
    unknown: dict[Unknown, int] = {}
    rows = city.rows()
    for row in rows:
        if row.left.unknown is not None:
            unknown[row.left.unknown] = unknown.get(row.left.unknown, 0) + 1
    return CityAutonomy(
        at=moment(city.at_ms),
        back_tested=city.cases,
        known=len(rows) - sum(unknown.values()),
        unknown=unknown,
        shelters=[ShelterHoursOut(**shelter_out(row, sites)) for row in rows],
    )


def _ration_out(ration: Ration, tiers: int | None) -> RationOut:
    return RationOut(
        target_h=ration.target_h,
        outlook=ration.outlook,
        keep=list(ration.keep),
        tiers_closed=tiers,
        choices=[_choice_out(choice) for choice in ration.choices],
        says_ja=ration.says.ja,
        says_en=ration.says.en,
    )


def _choice_out(choice: Choice) -> ChoiceOut:
    return ChoiceOut(tiers=list(choice.tiers), hours=hours_out(choice.autonomy))


def visits_out(at_ms: int, target_h: float, visits: Iterable[Visit], sites: Mapping[str, Site]) -> DispatchOrder:
    """The order of visits."""
    return DispatchOrder(
        at=moment(at_ms),
        target_h=target_h,
        visits=[
            VisitOut(
                rank=one.rank,
                site=one.site,
                name=sites[one.site].name if one.site in sites else "",
                group=one.group.name.lower(),
                score_person_h=one.score_person_h,
                says_ja=one.says.ja,
                says_en=one.says.en,
            )
            for one in visits
        ],
    )


def reach_out(found: ReachNow, sites: Mapping[str, Site]) -> CityReachOut:
    """All shelters before an event."""
    city = found.city
    return CityReachOut(
        at=moment(found.at_ms),
        onset_at=moment(found.onset_ms),
        target_pct=found.target_pct,
        can=city.can,
        cannot=city.cannot,
        unknown=city.unknown,
        reasons=dict(city.reasons),
        latest_order_at=None if city.latest_order_ms is None else moment(city.latest_order_ms),
        deadlines=[DeadlineOut(latest_order_at=moment(at_ms), shelters=count) for at_ms, count in city.deadlines],
        says_ja=city.says.ja,
        says_en=city.says.en,
        shelters=[_reach_one(one, found, sites) for one in found.shelters],
    )


def _reach_one(one: Reach, found: ReachNow, sites: Mapping[str, Site]) -> ReachOut:
    return ReachOut(
        site=one.site,
        name=sites[one.site].name if one.site in sites else "",
        verdict=one.verdict,
        why=one.why,
        soc_at_onset_pct=one.soc_at_onset_pct,
        soc_unordered_pct=one.soc_unordered_pct,
        latest_order_at=None if one.latest_order_ms is None else moment(one.latest_order_ms),
        says_ja=one.says.ja,
        says_en=one.says.en,
        notes=words_out(found.assumed.get(one.site, ())) if one.soc_at_onset_pct is not None else [],
    )


def fact_out(fact: Fact) -> FactOut:
    """One fact."""
    return FactOut(name=fact.name, value=fact.value, by=fact.by, at=moment(fact.at_ms))
