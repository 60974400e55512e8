"""Which load tiers a shelter can keep, so that it surely lasts until a target. Pure.

Tiers go off from the least critical one up. Every choice is the first n tiers; the choice is the largest n whose P10
reaches the target. All choices of a shelter meet the same scenarios, so a smaller one never lasts shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from central.core.autonomy.estimate import estimate
from central.core.autonomy.values import Autonomy, Floats, Horizon, Note, ShelterEnergy, Unknown, Words
from central.core.autonomy.words import UNKNOWN_SAYS, hours_say

TARGET_H: Final = 72


class Outlook(StrEnum):
    """What rationing can do for a shelter."""

    ALL_LAST = "all_last"
    """Every tier may stay on."""
    SOME_LAST = "some_last"
    """The target is reached when some tiers go off."""
    NONE_LASTS = "none_lasts"
    """Even tier 1 alone does not reach the target."""
    UNKNOWN = "unknown"
    """Nothing can be said; nothing should be switched off because of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The first tiers of a shelter, and how long they last together."""

    tiers: tuple[int, ...]
    autonomy: Autonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ration:
    """What a shelter should keep on, and what each choice would mean."""

    site: str
    target_h: float
    outlook: Outlook
    keep: tuple[int, ...]
    """Tiers to keep. Tier 1 is always among them, also when it does not reach the target; empty when unknown."""
    choices: tuple[Choice, ...]
    """Fewest tiers first."""
    says: Words


def ration(
    shelters: Sequence[ShelterEnergy],
    clear_w: Floats,
    *,
    at_ms: int,
    target_h: int = TARGET_H,
    horizon: Horizon | None = None,
) -> tuple[Ration, ...]:
    """The largest set of tiers of each shelter that lasts until the target nine times out of ten.

    ``clear_w`` is the clear-sky power by shelter and step, from ``at_ms`` on, for at least the target's hours.

    Raises:
        ValueError: a shelter without tiers, or a horizon that is shorter than the target.
    """
    horizon = horizon or Horizon(hours=max(target_h, TARGET_H))
    if not 0 < target_h <= horizon.hours:
        raise ValueError(f"target_h must be 1 to the horizon's {horizon.hours} h, got {target_h}")
    if bare := [shelter.site for shelter in shelters if not shelter.tiers]:
        raise ValueError(f"{bare[0]}: a shelter needs at least one load tier to ration")
    asked = [(row, count) for row, one in enumerate(shelters) for count in range(1, len(one.tiers) + 1)]
    cut = [shelters[row].only(count) for row, count in asked]
    sun_w = clear_w[[row for row, _ in asked]] if asked else np.zeros((0, horizon.steps))
    answers = estimate(cut, sun_w, at_ms=at_ms, horizon=horizon)
    choices: list[list[Choice]] = [[] for _ in shelters]
    for (row, _), shelter, autonomy in zip(asked, cut, answers, strict=True):
        choices[row].append(Choice(tiers=tuple(tier.tier for tier in shelter.tiers), autonomy=autonomy))
    return tuple(
        _chosen(shelter.site, tuple(_never_longer(of_site)), float(target_h))
        for shelter, of_site in zip(shelters, choices, strict=True)
    )


def _never_longer(choices: Sequence[Choice]) -> list[Choice]:
    """More tiers never state more hours, whatever their habits' noise says."""
    kept: list[Choice] = []
    for choice in choices:
        before = kept[-1].autonomy if kept else None
        now = choice.autonomy
        if before is not None and before.unknown is None and now.unknown is None:
            now = replace(
                now,
                p10_h=_least(before.p10_h, now.p10_h),
                p50_h=_least(before.p50_h, now.p50_h),
                p90_h=_least(before.p90_h, now.p90_h),
            )
        kept.append(replace(choice, autonomy=now))
    return kept


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _chosen(site: str, choices: tuple[Choice, ...], target_h: float) -> Ration:
    reaching = [choice for choice in choices if choice.autonomy.p10_h is not None and choice.autonomy.p10_h >= target_h]
    unknown = next((choice.autonomy.unknown for choice in choices if choice.autonomy.unknown is not None), None)
    if not reaching and unknown is not None and choices[0].autonomy.unknown is not None:
        return Ration(
            site=site,
            target_h=target_h,
            outlook=Outlook.UNKNOWN,
            keep=(),
            choices=choices,
            says=_unknown_says(unknown),
        )
    best = reaching[-1] if reaching else choices[0]
    outlook = Outlook.ALL_LAST if best is choices[-1] else Outlook.SOME_LAST
    if not reaching:
        outlook = Outlook.NONE_LASTS
    return Ration(
        site=site,
        target_h=target_h,
        outlook=outlook,
        keep=best.tiers,
        choices=choices,
        says=_says(outlook, best, choices, target_h),
    )


def _unknown_says(unknown: Unknown) -> Words:
    why = UNKNOWN_SAYS[unknown]
    return Words(
        f"残り時間が{why.ja}。負荷の切り離しは提案しません", f"{why.en}. No tier is proposed to be switched off"
    )


def _says(outlook: Outlook, best: Choice, choices: tuple[Choice, ...], target_h: float) -> Words:
    autonomy = best.autonomy
    hours = hours_say(autonomy.p10_h or 0.0, autonomy.horizon_h)
    goal_ja, goal_en = f"{target_h:.0f}時間", f"{target_h:.0f} h"
    kept_ja, kept_en = _tiers_say(best.tiers)
    if outlook is Outlook.ALL_LAST:
        return Words(
            f"すべての負荷（{kept_ja}）を入れたままで目標の{goal_ja}もつ見込みです",
            f"All loads ({kept_en}) can stay on and still last the {goal_en} wanted",
        )
    if outlook is Outlook.SOME_LAST:
        off_ja, off_en = _tiers_say(tuple(tier for tier in choices[-1].tiers if tier not in best.tiers))
        return Words(
            f"{off_ja}を切れば、{kept_ja}は目標の{goal_ja}もつ見込みです",
            f"With {off_en} off, {kept_en} should last the {goal_en} wanted",
        )
    why = Words("", "")
    if Note.POWER_SHORT in autonomy.notes:
        why = Words("（出力の上限を超えます）", " (it asks for more power than the inverter gives)")
    return Words(
        f"{kept_ja}だけに絞っても目標の{goal_ja}に届きません（少なくとも{hours.ja}）{why.ja}。"
        "発電機や電気自動車の手配が必要です",
        f"Even {kept_en} alone does not last the {goal_en} wanted (at least {hours.en}){why.en}: "
        "a generator or an electric car is needed",
    )


def _tiers_say(tiers: tuple[int, ...]) -> tuple[str, str]:
    if len(tiers) == 1:
        return f"負荷区分{tiers[0]}", f"tier {tiers[0]}"
    return f"負荷区分{tiers[0]}〜{tiers[-1]}", f"tiers {tiers[0]} to {tiers[-1]}"
