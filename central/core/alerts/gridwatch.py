"""The watch over the grid: so many shelters of a ward without it within a time, and it is still gone there. Pure.

It knows of every shelter the newest thing that it told, in whatever order that came. When a rule's number is reached in
a ward an alert of our own begins to hold; it is lifted when no shelter of the ward is without grid any more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from central.core.alerts.held import Held
from central.core.alerts.rules import GridLost, Rule
from central.core.alerts.telegram import GRID, Called, Info, Key, Lane, Telegram


@dataclass(frozen=True, slots=True)
class Told:
    """What a shelter told last of its grid. ``at_ms``: when it happened, by the shelter's clock."""

    is_lost: bool
    at_ms: int


Watch = Mapping[str, Told]
"""Shelter → what it told last."""
NOBODY: Final[Watch] = MappingProxyType({})


def hear(watch: Watch, told: Iterable[tuple[str, Told]]) -> Watch:
    """The watch after more was told; what is older than what is known changes nothing."""
    after = dict(watch)
    for site, one in told:
        known = after.get(site)
        # Of both in one moment "lost" holds: it is taken back by a later word, and by nothing else.
        if known is None or (one.at_ms, one.is_lost) > (known.at_ms, known.is_lost):
            after[site] = one
    return after


def changes(
    watch: Watch, wards: Mapping[str, str], rules: Iterable[Rule], held: Held, *, now_ms: int
) -> Iterator[Telegram]:
    """Alerts that begin or are lifted. ``wards``: registered shelter → its ward."""
    lost: dict[str, dict[str, int]] = {}
    for site, ward in wards.items():
        told = watch.get(site)
        if told is not None and told.is_lost:
            lost.setdefault(ward, {})[site] = min(told.at_ms, now_ms)
    for rule in rules:
        if isinstance(rule.when, GridLost):
            for ward in rule.wards:
                yield from _change(rule, rule.when, ward, lost.get(ward, {}), held, now_ms)


def _change(
    rule: Rule, when: GridLost, ward: str, lost: Mapping[str, int], held: Held, now_ms: int
) -> Iterator[Telegram]:
    known = held.get(Key(Lane.REAL, f"{GRID}:{rule.name}", ward))
    stands = known is not None and known.called is not None
    if stands and not lost:
        yield alert(rule.name, ward, (), at_ms=max(now_ms, known.report_ms + 1 if known else 0))
    elif not stands:
        together = _together(lost, when)
        if together:
            reached_ms = max(lost[site] for site in together)
            at_ms = max(reached_ms, known.report_ms + 1) if known else reached_ms
            yield alert(rule.name, ward, together, at_ms=at_ms)


def _together(lost: Mapping[str, int], when: GridLost) -> tuple[str, ...]:
    """The shelters of the first stretch of time in which enough lost the grid; empty when there is none."""
    ordered = sorted(lost, key=lambda site: (lost[site], site))
    for last in range(when.shelters - 1, len(ordered)):
        first = last - when.shelters + 1
        if lost[ordered[last]] - lost[ordered[first]] <= when.within_ms:
            return tuple(ordered[first : last + 1])
    return ()


def alert(rule: str, ward: str, sites: tuple[str, ...], *, at_ms: int) -> Telegram:
    """Our own alert: it holds with shelters, and is lifted without."""
    told = json.dumps([rule, ward, list(sites), at_ms], ensure_ascii=True)
    return Telegram(
        source=f"{GRID}:{rule}:{ward}:{at_ms}",
        type=f"{GRID}:{rule}",
        lane=Lane.REAL,
        event=ward,
        info=Info.ISSUED,
        serial=0,
        report_ms=at_ms,
        sent_ms=at_ms,
        digest=hashlib.sha256(told.encode()).hexdigest(),
        title="grid lost" if sites else "grid back",
        headline=" ".join(sites[:20]),
        called=Called(wards=(ward,)) if sites else None,
    )
