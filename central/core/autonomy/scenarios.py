"""Futures that a shelter may meet: sun and load in steps, as many as asked for, the same for the same seed.

**Sun.** A day's ratio to the clear sky is drawn from the spread of the shelter's own recent days. Days follow one
another as weather does: in normal scores they are an autoregressive chain whose memory is learnt from those days.
Today's ratio so far counts the more, the more of the day has passed. Shelters of a city share most of a day's luck.
Within a day clouds come and go, most under a broken sky. A day whose weather is announced is drawn around that
instead.

**Load.** The typical hour, moved by what is measured now (which is forgotten in hours), by a level that stays for the
whole scenario, and by noise that forgets itself.

A shelter's draws depend on the seed and its own id alone, never on the company in which it is calculated.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Final

import numpy as np

from central.core.autonomy.values import (
    HOUR_MS,
    HOURS_OF_DAY,
    HOURS_OF_WEEK,
    TOKYO_MS,
    Floats,
    Horizon,
    Samples,
    ShelterEnergy,
    TierLoad,
)

DAYS_ENOUGH: Final = 10
"""With fewer measured days a general spread of weather is mixed in."""
_GENERAL_RATIOS: Final = (0.12, 0.25, 0.42, 0.60, 0.78, 0.92)
"""Six days that stand for a year, about: Chiba's global radiation is half to two thirds of the clear sky's."""
_GENERAL_MEMORY: Final = 0.3
_MEMORY_DAYS: Final = 15.0
"""How many days the general memory weighs against the learnt one."""
_COMMON_SHARE: Final = 0.9
"""Of the variance of a day's luck, what all shelters of a city share."""
_RATIO_MIN: Final = 0.03
_HEADROOM: Final = 1.05
"""The best day to come may be this much better than the best one seen."""
_MOMENT_HEADROOM: Final = 1.2
"""Moments of a day may be this much better than the best whole day."""
_TODAY_NOISE: Final = 0.5
_OUTLOOK_SPREAD: Final = 0.35
"""How far an announced day may be off, as a share of it."""
_CLOUD_SPREAD: Final = 0.45
_CLOUD_MEMORY_H: Final = 2.0
_LOAD_MEMORY_H: Final = 2.0
_NOW_MEMORY_H: Final = 3.0
_LASTING_SHARE: Final = 0.5
"""Of the spread of an hour's load, what stays for a whole scenario: the habit itself is known no better."""

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Sky:
    """How a shelter's days are spread: a ratio for each normal score, and how well one day remembers the last."""

    scores: Floats
    ratios: Floats
    memory: float

    def ratio_at(self, score: Floats) -> Floats:
        """Ratio of a normal score; past the days seen it goes on as steeply as it did, inside its bounds."""
        low = self.ratios[0] + (score - self.scores[0]) * self._slope(0)
        high = self.ratios[-1] + (score - self.scores[-1]) * self._slope(-1)
        inside = np.interp(score, self.scores, self.ratios)
        ratio = np.where(score < self.scores[0], low, np.where(score > self.scores[-1], high, inside))
        return np.clip(ratio, min(_RATIO_MIN, float(self.ratios[0])), self.ratio_max)

    def score_of(self, ratio: float) -> float:
        """Normal score of a ratio, inside those of the days seen."""
        return float(np.interp(ratio, self.ratios, self.scores))

    @property
    def ratio_max(self) -> float:
        """What no day exceeds."""
        return float(self.ratios[-1]) * _HEADROOM

    def _slope(self, end: int) -> float:
        near = len(self.scores) // 4 + 1
        other = near if end == 0 else -1 - near
        return float((self.ratios[other] - self.ratios[end]) / (self.scores[other] - self.scores[end]))


def sky_of(recent_days: Sequence[float | None]) -> Sky | None:
    """The spread of a shelter's recent days; ``None`` when none of them was measured."""
    known = [max(0.0, ratio) for ratio in recent_days if ratio is not None and math.isfinite(ratio)]
    if not known:
        return None
    ratios = sorted(known if len(known) >= DAYS_ENOUGH else [*known, *_GENERAL_RATIOS])
    # Equal days are set apart by a hair, so that every ratio has one score.
    spaced = np.array(ratios) + np.arange(len(ratios)) * 1e-9
    scores = np.array([_NORMAL.inv_cdf((rank + 0.5) / len(ratios)) for rank in range(len(ratios))])
    sky = Sky(scores, spaced, 0.0)
    pairs = [
        (sky.score_of(one), sky.score_of(other))
        for one, other in pairwise(recent_days)
        if one is not None and other is not None
    ]
    learnt = sum(one * other for one, other in pairs) / max(1e-9, sum(one * one for one, _ in pairs))
    memory = (len(pairs) * learnt + _MEMORY_DAYS * _GENERAL_MEMORY) / (len(pairs) + _MEMORY_DAYS)
    return Sky(scores, spaced, min(0.95, max(0.0, memory)))


class Futures:
    """Scenarios of several shelters. Iterate: one ``(pv_w, load_w)`` per step, each of shape (shelters, scenarios).

    ``clear_w`` is the clear sky's power by shelter and step. The first step begins at ``at_ms``.
    """

    def __init__(self, shelters: Sequence[ShelterEnergy], clear_w: Floats, *, at_ms: int, horizon: Horizon) -> None:
        self._horizon = horizon
        self._shelters = shelters
        middles_ms = at_ms + horizon.step_ms // 2 + np.arange(horizon.steps) * horizon.step_ms + TOKYO_MS
        days = middles_ms // (24 * HOUR_MS)
        self._days = days - days[0]
        # 1970-01-01 was a Thursday; hour 0 is Monday's first.
        self._hours = (middles_ms / HOUR_MS + 3 * HOURS_OF_DAY) % HOURS_OF_WEEK
        city = _dice(horizon.seed, "city")
        luck_shape = (int(self._days[-1]) + 2, horizon.scenarios)
        common = city.standard_normal(luck_shape)
        self._clouds = _chain(city, horizon, _CLOUD_MEMORY_H)
        self._clear_w = clear_w.astype(np.float32)
        ratios, caps, levels, noise = [], [], [], []
        for shelter in shelters:
            dice = _dice(horizon.seed, shelter.site)
            own = dice.standard_normal(luck_shape)
            luck = math.sqrt(_COMMON_SHARE) * common + math.sqrt(1 - _COMMON_SHARE) * own
            sky = sky_of(shelter.recent_days)
            ratios.append(np.zeros_like(luck[1:]) if sky is None else _day_ratios(sky, shelter, luck))
            caps.append(0.0 if sky is None else sky.ratio_max * _MOMENT_HEADROOM)
            levels.append(dice.standard_normal(horizon.scenarios) * _LASTING_SHARE * shelter.load_spread)
            noise.append(_white(dice, horizon))
        self._ratios = np.stack(ratios, axis=1).astype(np.float32)
        self._caps = np.array(caps, dtype=np.float32)[:, None]
        self._levels = np.stack(levels).astype(np.float32)
        self._noise = np.stack(noise, axis=1)
        self._base_w = np.stack([self._expected_w(shelter) for shelter in shelters]).astype(np.float32)

    def __iter__(self) -> Iterator[tuple[Samples, Samples]]:
        memory = math.exp(-self._horizon.step_h / _LOAD_MEMORY_H)
        kept, fresh = np.float32(memory), np.float32(math.sqrt(1 - memory * memory))
        spread = np.array([[one.load_spread] for one in self._shelters], dtype=np.float32)
        noise = np.zeros_like(self._levels)
        for step in range(self._horizon.steps):
            noise = kept * noise + fresh * self._noise[step]
            load_w = self._base_w[:, step, None] * np.exp(self._levels + spread * noise - spread * spread / 2)
            yield self._pv_w(step), load_w

    def _pv_w(self, step: int) -> Samples:
        clear_w = self._clear_w[:, step, None]
        ratio = self._ratios[self._days[step]]
        if not clear_w.any():
            return np.zeros_like(ratio)
        # Neither a clear nor an overcast day flickers; the factor is greatest half-way between.
        part = np.clip(ratio, 0, 1)
        flicker = np.float32(4 * _CLOUD_SPREAD) * part * (1 - part)
        now = ratio * np.exp(flicker * self._clouds[step] - flicker * flicker / 2)
        return np.asarray(clear_w * np.minimum(now, self._caps))

    def _expected_w(self, shelter: ShelterEnergy) -> Floats:
        """Load of all its tiers by step, without chance."""
        fading = np.exp(-(np.arange(self._horizon.steps) + 0.5) * self._horizon.step_h / _NOW_MEMORY_H)
        total = np.zeros(self._horizon.steps)
        for tier in shelter.tiers:
            wanted = _typical_w(tier, self._hours) * shelter.load_level
            last = np.array([self._hours[0] - self._horizon.step_h / 2 - 0.5])
            usual = float(_typical_w(tier, last)[0]) * shelter.load_level
            if tier.now_w is not None and usual > 0:
                # What is far from usual now is trusted up to fourfold either way.
                moved = min(4.0, max(0.25, tier.now_w / usual))
                wanted = wanted * moved**fading
            elif tier.now_w is not None:
                wanted = wanted + tier.now_w * fading
            total += wanted
        return total


def _typical_w(tier: TierLoad, hours: Floats) -> Floats:
    """Typical load at hours of the week; the mean of an hour stands at its middle, and between two it moves evenly."""
    count = len(tier.typical_w)
    return np.asarray(np.interp(hours - 0.5, np.arange(count), np.array(tier.typical_w), period=count))


def _day_ratios(sky: Sky, shelter: ShelterEnergy, luck: Floats) -> Floats:
    """Ratio of each day (row) and scenario: a chain of normal scores that begins with what is known.

    ``luck`` has one row more than there are days: the second is that of the rest of today.
    """
    yesterday = shelter.recent_days[-1]
    if yesterday is None:
        mean, variance = 0.0, 1.0
    else:
        mean, variance = sky.memory * sky.score_of(yesterday), 1 - sky.memory**2
    so_far, share = shelter.today_ratio, shelter.today_share
    rest_doubt = 0.0
    if so_far is not None and share > 0:
        # Today so far is a measurement of today, the better the more of it has passed; its rest may still turn out
        # otherwise than its whole.
        doubt = _TODAY_NOISE * (1.02 - share) / share
        gain = variance / (variance + doubt)
        mean, variance = mean + gain * (sky.score_of(so_far) - mean), variance * (1 - gain)
        rest_doubt = _TODAY_NOISE * share
    score = mean + math.sqrt(variance) * luck[0]
    rows = [sky.ratio_at(score + math.sqrt(rest_doubt) * luck[1])]
    for row in luck[2:]:
        score = sky.memory * score + math.sqrt(1 - sky.memory**2) * row
        rows.append(sky.ratio_at(score))
    for day, announced in enumerate(shelter.outlook[: len(rows)]):
        if announced is not None:
            # It comes as announced, give or take; more cannot come than the best day brought.
            spread = np.exp(_OUTLOOK_SPREAD * luck[day + 1] - _OUTLOOK_SPREAD**2 / 2)
            rows[day] = np.minimum(announced * spread, sky.ratio_max)
    return np.stack(rows)


def _chain(dice: np.random.Generator, horizon: Horizon, memory_h: float) -> Samples:
    """Noise of unit variance that forgets itself after ``memory_h``, by step and scenario."""
    kept = math.exp(-horizon.step_h / memory_h)
    noise = _white(dice, horizon)
    for step in range(1, horizon.steps):
        noise[step] = kept * noise[step - 1] + math.sqrt(1 - kept * kept) * noise[step]
    return noise


def _white(dice: np.random.Generator, horizon: Horizon) -> Samples:
    return dice.standard_normal((horizon.steps, horizon.scenarios), dtype=np.float32)


def _dice(seed: int, name: str) -> np.random.Generator:
    key = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key, "big")))
