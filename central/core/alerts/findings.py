"""Where a rule's condition is fulfilled, by the alerts that hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from central.core.alerts.codes import (
    PHENOMENON_EN,
    PHENOMENON_JA,
    SEVERITY_EN,
    SEVERITY_JA,
    TSUNAMI_EN,
    TSUNAMI_JA,
    intensity_en,
    intensity_ja,
)
from central.core.alerts.held import Held, holding
from central.core.alerts.places import Places, Ward
from central.core.alerts.rules import (
    GridLost,
    IntensityAtLeast,
    Rule,
    TsunamiAtLeast,
    WarningAtLeast,
    Webhook,
)
from central.core.alerts.telegram import GRID, HOOK, Lane, Shaken, Telegram, Warned

FIRST_REPORT: Final = "VXSE51"
FULL_REPORT: Final = "VXSE53"
ESTIMATED: Final = " estimated"
"""Ends the event of what nobody measured, beside the event of what was."""
WEATHER_NEW: Final = ("VPWW55", "VPWW56", "VPWW57", "VPWW58", "VPWW59", "VPWW60", "VPWW61")
WEATHER_OLD: Final = ("VPWW53", "VPWW54")
"""Sent beside the new ones for some years; where an office sends the new ones, they say nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A condition that is fulfilled. ``event``: what happened, as its alerts name it."""

    lane: Lane
    event: str
    wards: tuple[str, ...]
    report_ms: int
    """Of the newest alert that says so."""
    source: str
    is_sure: bool
    ja: str
    en: str
    details_ja: Mapping[str, str] = field(default_factory=dict)
    """Ward → how grave it is there."""
    details_en: Mapping[str, str] = field(default_factory=dict)


def findings(rule: Rule, places: Places, held: Held) -> list[Finding]:
    """Where a rule is fulfilled, by lane and event; each of its own."""
    wards = places.named(rule.wards)
    found: list[Finding] = []
    for lane in Lane:
        found += _found(rule, wards, held, lane)
    return [finding for finding in found if finding.wards]


def _found(rule: Rule, wards: tuple[Ward, ...], held: Held, lane: Lane) -> Iterator[Finding]:
    match rule.when:
        case IntensityAtLeast() as when:
            return _intensity(when, wards, held, lane)
        case WarningAtLeast() as when:
            return _warning(when, wards, held, lane)
        case TsunamiAtLeast() as when:
            return _tsunami(when, wards, held, lane)
        case GridLost() as when:
            return _grid(when, wards, holding(held, lane, f"{GRID}:{rule.name}"))
        case Webhook() as when:
            return _webhook(when, wards, holding(held, lane, f"{HOOK}:{when.name}"))
        case _:
            assert_never(rule.when)


# --- Earthquakes ------------------------------------------------------------------------------------------------------


def _intensity(when: IntensityAtLeast, wards: tuple[Ward, ...], held: Held, lane: Lane) -> Iterator[Finding]:
    for reports in _by_event(holding(held, lane, FIRST_REPORT, FULL_REPORT)).values():
        # The full report knows the wards; until it is there the area's greatest intensity is all there is.
        full = next((one for one in reports if one.type == FULL_REPORT and one.shaken), None)
        newest = full or next((one for one in reports if one.type == FIRST_REPORT), None)
        if newest is None or (full is None and not when.by_area):
            continue
        shaken = _strongest(one for one in newest.shaken if one.rank >= when.rank)
        if not shaken:
            continue
        codes = {ward.name: (ward.quake_area, True) if full is None else (ward.town, False) for ward in wards}
        hit = {name: shaken[code] for name, code in codes.items() if code in shaken}
        # What was measured may act at once; it does not wait for what is only thought.
        for estimated in (False, True):
            some = {name: one for name, one in hit.items() if one.is_estimated == estimated}
            if some:
                yield _shaken(when, newest, some, is_full=full is not None, is_estimated=estimated)


def _shaken(
    when: IntensityAtLeast, told: Telegram, hit: Mapping[str, Shaken], *, is_full: bool, is_estimated: bool
) -> Finding:
    return Finding(
        lane=told.lane,
        event=told.event + (ESTIMATED if is_estimated else ""),
        wards=tuple(hit),
        report_ms=told.report_ms,
        source=told.source,
        is_sure=is_full and not is_estimated,
        ja=f"震度{intensity_ja(when.rank)}以上" + ("" if is_full else "（速報、区は未確定）"),
        en=f"intensity {intensity_en(when.rank)} or more" + ("" if is_full else " (first report, by area)"),
        details_ja={name: intensity_ja(one.rank) + ("程度" if is_estimated else "") for name, one in hit.items()},
        details_en={name: intensity_en(one.rank) + ("?" if is_estimated else "") for name, one in hit.items()},
    )


def _by_event(telegrams: Iterable[Telegram]) -> dict[str, list[Telegram]]:
    found: dict[str, list[Telegram]] = {}
    for telegram in telegrams:
        found.setdefault(telegram.event, []).append(telegram)
    return found


def _strongest(shaken: Iterable[Shaken]) -> dict[tuple[str, bool], Shaken]:
    found: dict[tuple[str, bool], Shaken] = {}
    for one in shaken:
        place = one.code, one.is_area
        if place not in found or one.rank > found[place].rank:
            found[place] = one
    return found


# --- Weather ----------------------------------------------------------------------------------------------------------


def _warning(when: WarningAtLeast, wards: tuple[Ward, ...], held: Held, lane: Lane) -> Iterator[Finding]:
    for office, telegrams in _weather(held, lane).items():
        hit: dict[str, Warned] = {}
        told: list[Telegram] = []
        for telegram in telegrams:
            for ward in wards:
                for one in telegram.warned:
                    if one.code not in ward.warnings or one.severity < when.severity:
                        continue
                    # What nobody knows could be any of them.
                    if one.is_known and one.phenomenon not in when.phenomena:
                        continue
                    told.append(telegram)
                    if ward.name not in hit or _gravity(one) > _gravity(hit[ward.name]):
                        hit[ward.name] = one
        if not hit:
            continue
        newest = max(told, key=lambda one: one.report_ms)
        gravest = max(hit.values(), key=lambda one: one.severity)
        yield Finding(
            lane=lane,
            event=office,
            wards=tuple(ward.name for ward in wards if ward.name in hit),
            report_ms=newest.report_ms,
            source=newest.source,
            is_sure=all(one.is_known for one in hit.values()),
            ja=gravest.kind_name or f"{PHENOMENON_JA[gravest.phenomenon]}{SEVERITY_JA[gravest.severity]}",
            en=f"{PHENOMENON_EN[gravest.phenomenon]} {SEVERITY_EN[gravest.severity]}",
        )


def _gravity(one: Warned) -> tuple[bool, int]:
    """What is known counts before what is not, however grave that may be: a rule may act on it."""
    return one.is_known, one.severity


def _weather(held: Held, lane: Lane) -> dict[str, list[Telegram]]:
    new = _by_event(holding(held, lane, *WEATHER_NEW))
    old = _by_event(holding(held, lane, *WEATHER_OLD))
    return old | new


# --- Tsunami ----------------------------------------------------------------------------------------------------------


def _tsunami(when: TsunamiAtLeast, wards: tuple[Ward, ...], held: Held, lane: Lane) -> Iterator[Finding]:
    for telegram in holding(held, lane, "VTSE41"):
        grave = {one.code: one for one in telegram.threatened if one.grade >= when.grade}
        coasts = {ward.name: [grave[code] for code in ward.coasts if code in grave] for ward in wards}
        hit = {name: max(found, key=lambda one: one.grade) for name, found in coasts.items() if found}
        if not hit:
            continue
        gravest = max(hit.values(), key=lambda one: one.grade)
        yield Finding(
            lane=lane,
            event=telegram.event,
            wards=tuple(hit),
            report_ms=telegram.report_ms,
            source=telegram.source,
            is_sure=all(one.is_known for one in hit.values()),
            ja=f"{TSUNAMI_JA[gravest.grade]}（{gravest.name}）",
            en=TSUNAMI_EN[gravest.grade],
        )


# --- Our own watch, and webhooks --------------------------------------------------------------------------------------


def _grid(when: GridLost, wards: tuple[Ward, ...], telegrams: Iterable[Telegram]) -> Iterator[Finding]:
    minutes = f"{when.within_ms / 60_000:g}"
    for telegram in telegrams:
        yield from _called(
            telegram,
            wards,
            ja=f"停電：{minutes}分以内に{when.shelters}か所以上の避難所",
            en=f"grid lost at {when.shelters} shelters or more within {minutes} min",
        )


def _webhook(when: Webhook, wards: tuple[Ward, ...], telegrams: Iterable[Telegram]) -> Iterator[Finding]:
    for telegram in telegrams:
        said = f"：{telegram.called.text}" if telegram.called and telegram.called.text else ""
        yield from _called(
            telegram, wards, ja=f"通報{when.name}{said}", en=f"call of {when.name}{said.replace('：', ': ')}"
        )


def _called(telegram: Telegram, wards: tuple[Ward, ...], *, ja: str, en: str) -> Iterator[Finding]:
    called = telegram.called
    if called is None:
        return
    yield Finding(
        lane=telegram.lane,
        event=telegram.event,
        wards=tuple(ward.name for ward in wards if not called.wards or ward.name in called.wards),
        report_ms=telegram.report_ms,
        source=telegram.source,
        is_sure=True,
        ja=ja,
        en=en,
    )
