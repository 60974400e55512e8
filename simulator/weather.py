"""Clouds, common to the city and local, and the air's temperature. Pure: time in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.noise import Floats, drift, key_of

MINUTES: Final = 1441
"""One day from Tokyo midnight to midnight, both inside, so that the last minute can be interpolated."""
DAY_MS: Final = 86_400_000
TOKYO_MS: Final = 9 * 3_600_000
HOUR_S: Final = 3_600.0

# Chiba, monthly mean, highest and lowest temperature in °C (JMA normals 1981-2010).
_MEAN_C: Final = (5.7, 6.1, 8.9, 14.0, 18.3, 21.3, 25.0, 26.7, 23.3, 18.0, 12.9, 8.3)
_SPAN_C: Final = (7.9, 7.9, 8.2, 8.2, 7.5, 6.6, 6.3, 6.6, 6.4, 6.9, 7.7, 8.4)
# How much cloudier (+) or clearer (-) a month is than the year; set so that a year's sum per month comes near the
# city's measured global radiation.
_MONTH_BIAS: Final = (-0.08, 0.03, 0.25, 0.17, 0.27, 0.46, 0.38, 0.27, 0.32, 0.27, 0.08, -0.06)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A stretch in which the scenario, not chance, says how cloudy the city is (0 clear, 1 overcast)."""

    from_ms: int
    to_ms: int
    cover: float
    ramp_ms: int = 3_600_000


def local_day(at_ms: int) -> int:
    """Number of the Tokyo day that a moment lies in, counted from 1970-01-01."""
    return (at_ms + TOKYO_MS) // DAY_MS


def day_of_year_of(day: int) -> int:
    """1 for New Year's Day."""
    date = np.datetime64(day, "D")
    new_year = date.astype("datetime64[Y]").astype("datetime64[D]")
    return int((date - new_year).astype(np.int64)) + 1


def day_start_ms(day: int) -> int:
    """UTC milliseconds of a Tokyo day's midnight."""
    return day * DAY_MS - TOKYO_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class CityDay:
    """One day's weather of the whole city, minute by minute."""

    day: int
    at_s: Floats
    cover: Floats
    air_c: Floats


class Weather:
    """Clouds and temperature of the city. One seed decides all; episodes of a scenario overrule it."""

    def __init__(self, seed: int, episodes: tuple[Episode, ...] = ()) -> None:
        self._seed = seed
        self._episodes = episodes

    def city_day(self, day: int) -> CityDay:
        """What the whole city has in common."""
        at_s = np.arange(MINUTES, dtype=np.float64) * 60.0 + day_start_ms(day) / 1000
        month = _month_of(day)
        days = drift(key_of(self._seed, "days"), at_s, 34 * HOUR_S)
        hours = drift(key_of(self._seed, "hours"), at_s, 4 * HOUR_S)
        minutes = drift(key_of(self._seed, "minutes"), at_s, 2_400.0)
        raw = 0.62 * days + 0.26 * hours + 0.12 * minutes
        cover = np.clip(0.52 + 1.9 * (raw - 0.5) + _between_months(_MONTH_BIAS, month), 0.0, 1.0)
        for episode in self._episodes:
            cover = _overruled(cover, at_s, episode)
        hour = np.arange(MINUTES) / 60.0
        swing = np.cos(2 * np.pi * (hour - 14.0) / 24.0) * (1 - 0.6 * cover)
        wander = 5.0 * (drift(key_of(self._seed, "air"), at_s, 40 * HOUR_S) - 0.5)
        air_c = _between_months(_MEAN_C, month) + _between_months(_SPAN_C, month) / 2 * swing + wander
        return CityDay(day=day, at_s=at_s, cover=cover, air_c=air_c)

    def local_cover(self, city: CityDay, site: str) -> Floats:
        """Cloud over one site: the city's, with patches of its own where the sky is broken."""
        broken = 4 * city.cover * (1 - city.cover)
        patch = drift(key_of(self._seed, site, "patch"), city.at_s, 1_500.0) - 0.5
        flicker = drift(key_of(self._seed, site, "flicker"), city.at_s, 150.0) - 0.5
        return np.clip(city.cover + broken * (0.5 * patch + 0.45 * flicker), 0.0, 1.0)


def transmission(cover: Floats) -> Floats:
    """Share of the clear sky's global radiation that passes the clouds (Kasten and Czeplak 1980)."""
    return np.asarray(1 - 0.75 * cover**3.4)


def _month_of(day: int) -> float:
    """Place of a day in the year in months, 0.5 being the middle of January."""
    return (day_of_year_of(day) - 1) / 365.25 * 12


def _between_months(values: tuple[float, ...], month: float) -> float:
    place = month - 0.5
    left = int(np.floor(place))
    share = place - left
    return values[left % 12] * (1 - share) + values[(left + 1) % 12] * share


def _overruled(cover: Floats, at_s: Floats, episode: Episode) -> Floats:
    ramp_s = max(episode.ramp_ms / 1000, 1.0)
    into = np.clip((at_s - episode.from_ms / 1000) / ramp_s, 0, 1)
    out = np.clip((episode.to_ms / 1000 - at_s) / ramp_s, 0, 1)
    weight = np.minimum(into, out)
    # A little of the city's own restlessness is left, so that an overcast day is not a straight line.
    wanted = np.clip(episode.cover + 0.08 * (cover - 0.5), 0.0, 1.0)
    return np.asarray(cover * (1 - weight) + wanted * weight)
