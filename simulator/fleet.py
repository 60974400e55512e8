"""The synthetic city: shelters with a fixed seed, spread over Chiba's six wards like the real ones, none of them real.

Wards and the numbers of schools and community centres per ward are the city's; names, places and sizes are invented,
and every name says so. Site k is the same for every size of fleet, so a small fleet is a part of a large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.noise import key_of, uniform
from simulator.spec import Archetype, Kind, Plant, SiteSpec

SITES: Final = 182


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A ward, its shelters by kind, and a strip of land inside it (ends as latitude, longitude; half width in °)."""

    name: str
    name_en: str
    elementary: int
    junior_high: int
    centres: int
    strip: tuple[tuple[float, float], tuple[float, float]]
    half_width_deg: float


WARDS: Final = (
    Ward(
        name="中央区",
        name_en="Chuo Ward",
        elementary=16,
        junior_high=8,
        centres=9,
        strip=((35.616, 140.128), (35.566, 140.151)),
        half_width_deg=0.012,
    ),
    Ward(
        name="花見川区",
        name_en="Hanamigawa Ward",
        elementary=18,
        junior_high=9,
        centres=10,
        strip=((35.653, 140.070), (35.696, 140.105)),
        half_width_deg=0.014,
    ),
    Ward(
        name="稲毛区",
        name_en="Inage Ward",
        elementary=14,
        junior_high=6,
        centres=9,
        strip=((35.632, 140.092), (35.657, 140.126)),
        half_width_deg=0.011,
    ),
    Ward(
        name="若葉区",
        name_en="Wakaba Ward",
        elementary=14,
        junior_high=8,
        centres=8,
        strip=((35.636, 140.162), (35.606, 140.222)),
        half_width_deg=0.018,
    ),
    Ward(
        name="緑区",
        name_en="Midori Ward",
        elementary=13,
        junior_high=7,
        centres=5,
        strip=((35.556, 140.166), (35.530, 140.266)),
        half_width_deg=0.014,
    ),
    Ward(
        name="美浜区",
        name_en="Mihama Ward",
        elementary=15,
        junior_high=7,
        centres=6,
        strip=((35.654, 140.042), (35.618, 140.095)),
        half_width_deg=0.006,
    ),
)

_NOUNS: Final = {
    Kind.ELEMENTARY_SCHOOL: ("小学校", "Elementary School"),
    Kind.JUNIOR_HIGH_SCHOOL: ("中学校", "Junior High School"),
    Kind.COMMUNITY_CENTRE: ("公民館", "Community Centre"),
}
# Standard models around the reference system (47.52 kW of modules, 33 kW inverter, 26.1 kWh); modules of 360 W.
_SCHOOL_PV_W: Final = (24_480.0, 30_240.0, 36_000.0, 41_760.0, 47_520.0, 47_520.0)
_CENTRE_PV_W: Final = (8_640.0, 10_080.0, 12_240.0, 15_120.0)
_INVERTER_UNIT_W: Final = 5_500.0
_LARGE_WH: Final = 26_100.0
_SMALL_WH: Final = 16_400.0
_BACKUP_MAX_W: Final = 9_900.0
"""Inverters of this class give a third of their rating when they stand alone."""
_CHARGE_RATE: Final = 0.5
_ARCHETYPE_SHARES: Final[dict[str, float]] = {Archetype.HUAWEI: 0.45, Archetype.GOODWE: 0.30, Archetype.SUNSPEC: 0.25}


def build(sites: int, seed: int, archetypes: Sequence[str] = tuple(Archetype)) -> tuple[SiteSpec, ...]:
    """The first ``sites`` shelters of the synthetic city that a seed makes."""
    if not 1 <= sites <= 99_999:
        raise ValueError(f"sites must be 1 to 99999, got {sites}")
    if not archetypes:
        raise ValueError("at least one archetype is needed")
    places = _places()
    specs: list[SiteSpec] = []
    numbers: dict[tuple[str, Kind], int] = {}
    for index in range(sites):
        ward, kind = places[index % len(places)]
        number = numbers[ward.name, kind] = numbers.get((ward.name, kind), 0) + 1
        specs.append(_site(index, ward, kind, number, seed, archetypes))
    return tuple(specs)


def _places() -> list[tuple[Ward, Kind]]:
    """All wards and kinds, ordered so that every beginning of the list is spread like the whole."""
    ranked: list[tuple[float, int, Ward, Kind]] = []
    for order, ward in enumerate(WARDS):
        counts = {
            Kind.ELEMENTARY_SCHOOL: ward.elementary,
            Kind.JUNIOR_HIGH_SCHOOL: ward.junior_high,
            Kind.COMMUNITY_CENTRE: ward.centres,
        }
        for kind_order, (kind, count) in enumerate(counts.items()):
            ranked += [((n + 0.5) / count, 3 * order + kind_order, ward, kind) for n in range(count)]
    ranked.sort(key=lambda entry: entry[:2])
    return [(ward, kind) for _, _, ward, kind in ranked]


def _site(index: int, ward: Ward, kind: Kind, number: int, seed: int, archetypes: Sequence[str]) -> SiteSpec:
    site_id = f"E00000{index + 1:05d}111"
    dice = iter(uniform(key_of(seed, site_id, "spec"), np.arange(16)).tolist())
    latitude, longitude = _place_in(ward, next(dice), next(dice))
    is_centre = kind is Kind.COMMUNITY_CENTRE
    pv_w = _pick(_CENTRE_PV_W if is_centre else _SCHOOL_PV_W, next(dice))
    inverter_w = max(1, round(pv_w * 0.695 / _INVERTER_UNIT_W)) * _INVERTER_UNIT_W
    capacity_wh = _LARGE_WH if pv_w > 30_000 else _SMALL_WH
    noun, noun_en = _NOUNS[kind]
    size = next(dice)
    return SiteSpec(
        id=site_id,
        name=f"（合成）{ward.name[:-1]}第{number}{noun}",
        name_en=f"Synthetic {ward.name_en.removesuffix(' Ward')} {noun_en} No. {number}",
        ward=ward.name,
        ward_en=ward.name_en,
        kind=kind,
        latitude=round(latitude, 6),
        longitude=round(longitude, 6),
        archetype=_archetype(archetypes, next(dice)),
        plant=Plant(
            pv_w=pv_w,
            inverter_w=inverter_w,
            backup_w=min(inverter_w, _BACKUP_MAX_W),
            capacity_wh=capacity_wh,
            charge_w=capacity_wh * _CHARGE_RATE,
            discharge_w=capacity_wh * _CHARGE_RATE,
            standby_w=15.0 + 0.001 * inverter_w,
        ),
        tilt_deg=round(5 + 10 * next(dice), 1),
        azimuth_deg=round(150 + 60 * next(dice), 1),
        load_peak_w=round(7_000 + 7_000 * size) if is_centre else round(24_000 + 20_000 * size),
        trackers=2 if pv_w < 20_000 else 4,
        reserve_pct=_pick((30.0, 40.0, 50.0), next(dice)),
        initial_soc_pct=round(55 + 40 * next(dice), 1),
        years_in_use=round(1 + 5 * next(dice), 2),
    )


def _pick(choices: Sequence[float], luck: float) -> float:
    return choices[int(luck * len(choices))]


def _archetype(archetypes: Sequence[str], luck: float) -> str:
    # A family that the city does not have weighs as much as any other one.
    shares = [_ARCHETYPE_SHARES.get(archetype, 1.0) for archetype in archetypes]
    for archetype, share in zip(archetypes, shares, strict=True):
        luck -= share / sum(shares)
        if luck < 0:
            return archetype
    return archetypes[-1]


def _place_in(ward: Ward, along: float, across: float) -> tuple[float, float]:
    (lat_a, lon_a), (lat_b, lon_b) = ward.strip
    d_lat, d_lon = lat_b - lat_a, lon_b - lon_a
    length = (d_lat**2 + d_lon**2) ** 0.5
    aside = (2 * across - 1) * ward.half_width_deg
    return lat_a + along * d_lat - aside * d_lon / length, lon_a + along * d_lon + aside * d_lat / length
