"""Which shelter a mobile generator or an electric car should go to first, and why. Pure.

**The score** is person-hours: how many hours before the target the loads go dark (by the careful P10), times the
people who would sit there. Someone who depends on a powered device counts as ``MEDICAL_WEIGHT`` people. So the score
of a shelter is the harm that a visit prevents, in a unit that can be explained and checked by hand:

    score = max(0, target - hours left) x (people + 50 x people on powered devices)

**Three groups come one after the other**: shelters where somebody depends on a device and the power ends within
``AT_ONCE_H``; then all others that fall short of the target; then those with nothing to gain. Inside a group the
higher score is first; then fewer hours, more people on devices, more people, and the shelter's id, so that the same
facts always give the same order. A shelter's place against another one depends on these two alone.

What is not known is not taken for well: unknown hours count as ``UNKNOWN_H``, unknown people as ``UNKNOWN_PEOPLE``,
and the reason says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from central.core.autonomy.values import Words
from central.core.autonomy.words import hours_say

MEDICAL_WEIGHT: Final = 50
AT_ONCE_H: Final = 12.0
TARGET_H: Final = 72.0
UNKNOWN_H: Final = 12.5
"""Just past ``AT_ONCE_H``: a silent shelter goes before most, but not before one that is known to end a life."""
UNKNOWN_PEOPLE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterNeed:
    """What is known of a shelter's need. People are what staff entered; ``None`` means that nobody did."""

    site: str
    hours_left: float | None
    """P10 of its critical loads; ``None`` when it is not known."""
    people: int | None
    """People sheltered there, all of them."""
    people_on_devices: int = 0
    """Of those, who depends on a powered medical device."""
    on_grid: bool = False
    """The grid is there (verified, not assumed)."""
    supplied: bool = False
    """A generator or a car stands there already, or is on its way."""

    def __post_init__(self) -> None:
        if self.hours_left is not None and not self.hours_left >= 0:
            raise ValueError(f"{self.site}: hours_left must be 0 or more, got {self.hours_left}")
        if (self.people is not None and self.people < 0) or self.people_on_devices < 0:
            raise ValueError(f"{self.site}: people must be 0 or more")


class Group(IntEnum):
    """Which shelters come before which others."""

    AT_ONCE = 1
    SHORT = 2
    NOTHING_TO_GAIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A shelter's place in the order."""

    site: str
    rank: int
    """1 is first."""
    group: Group
    score_person_h: float
    says: Words


def order(needs: Sequence[ShelterNeed], *, target_h: float = TARGET_H) -> tuple[Visit, ...]:
    """All shelters, the one to go to first being first."""
    if not target_h > AT_ONCE_H:
        raise ValueError(f"target_h must be more than {AT_ONCE_H:.0f} h, got {target_h}")
    placed = sorted(needs, key=lambda need: _key(need, target_h))
    return tuple(
        Visit(
            site=need.site,
            rank=rank,
            group=_group(need, target_h),
            score_person_h=round(_score(need, target_h), 1),
            says=_says(need, target_h),
        )
        for rank, need in enumerate(placed, start=1)
    )


def _key(need: ShelterNeed, target_h: float) -> tuple[float, float, float, int, int, str]:
    return (
        _group(need, target_h),
        -_score(need, target_h),
        _hours(need),
        -need.people_on_devices,
        -_people(need),
        need.site,
    )


def _hours(need: ShelterNeed) -> float:
    return UNKNOWN_H if need.hours_left is None else need.hours_left


def _people(need: ShelterNeed) -> int:
    # Who is on a device is there, whatever the count of all says.
    return max(UNKNOWN_PEOPLE if need.people is None else need.people, need.people_on_devices)


def _score(need: ShelterNeed, target_h: float) -> float:
    if need.on_grid or need.supplied:
        return 0.0
    return max(0.0, target_h - _hours(need)) * (_people(need) + MEDICAL_WEIGHT * need.people_on_devices)


def _group(need: ShelterNeed, target_h: float) -> Group:
    if not _score(need, target_h):
        return Group.NOTHING_TO_GAIN
    if need.people_on_devices and _hours(need) <= AT_ONCE_H:
        return Group.AT_ONCE
    return Group.SHORT


def _says(need: ShelterNeed, target_h: float) -> Words:
    if need.on_grid:
        return Words("系統から受電中です", "The grid is there")
    if need.supplied:
        return Words("発電機または電気自動車を手配済みです", "A generator or a car is there or on its way")
    hours = hours_say(_hours(need), target_h)
    left = Words(f"残り{hours.ja}", f"{hours.en} left")
    if need.hours_left is None:
        left = Words(
            f"残り時間は不明（{UNKNOWN_H:g}時間とみなします。現地に確認してください）",
            f"hours left unknown, counted as {UNKNOWN_H:g} h: ask on site",
        )
    crowd = Words(f"避難者{need.people}人", f"{need.people} people")
    if need.people is None:
        crowd = Words(
            f"避難者数は未入力（{UNKNOWN_PEOPLE}人とみなします）", f"people not entered, counted as {UNKNOWN_PEOPLE}"
        )
    ja, en = [left.ja, crowd.ja], [left.en, crowd.en]
    if need.people_on_devices:
        ja.append(f"電源が必要な医療機器の利用者{need.people_on_devices}人")
        en.append(f"{need.people_on_devices} on powered medical devices")
    if not _score(need, target_h):
        ja.append("今は派遣の必要がありません")
        en.append("no visit needed now")
    elif _group(need, target_h) is Group.AT_ONCE:
        ja.insert(0, f"最優先: {AT_ONCE_H:.0f}時間以内に医療機器の電源が切れるおそれ")
        en.insert(0, f"first of all: devices may lose power within {AT_ONCE_H:.0f} h")
    said = "; ".join(en)
    return Words("、".join(ja), said[0].upper() + said[1:])
