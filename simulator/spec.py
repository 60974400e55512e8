"""What a simulated shelter is made of: plain values, fixed for its life."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TIERS: Final = 4
"""Load tiers of a building: 1 critical, 2 light, 3 sockets and kitchen, 4 air conditioning and the rest."""
SECURED_TIERS: Final = 3
"""Tiers 1 to 3 hang on the inverter's secured (backup) output; tier 4 is dark in an outage."""
STEP_TIER: Final = 3
"""Tier that the known load of the sign test hangs on; its phase is L1."""
RELAYS: Final = 8
"""Coils of the relay module; those past ``TIERS`` switch nothing."""
PHASE_VOLTAGE_V: Final = 202 / 3**0.5
"""Three-phase 202 V between lines, as in Japanese buildings."""
FREQUENCY_HZ: Final = 50.0


class Kind(StrEnum):
    """What building it is; the words of the city's site list."""

    ELEMENTARY_SCHOOL = "elementary_school"
    JUNIOR_HIGH_SCHOOL = "junior_high_school"
    COMMUNITY_CENTRE = "community_centre"


class Archetype(StrEnum):
    """Inverter families of the synthetic city, by the profile's name."""

    HUAWEI = "huawei-sun2000"
    GOODWE = "goodwe-et"
    SUNSPEC = "sunspec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Electrical sizes and losses. Powers are limits, so all are positive."""

    pv_w: float
    inverter_w: float
    """Rating at the AC terminal, both ways."""
    backup_w: float
    """Rating of the secured output when islanded."""
    capacity_wh: float
    charge_w: float
    discharge_w: float
    efficiency: float = 0.97
    """Of the battery, one way; booked inside the battery."""
    floor_pct: float = 5.0
    """The battery protects itself here, reserve or not."""
    standby_w: float = 45.0
    loss_share: float = 0.022
    """Conversion loss is ``standby_w + loss_share * |DC power|``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSpec:
    """One simulated shelter. ``azimuth_deg`` of its roof counts clockwise from north."""

    id: str
    name: str
    name_en: str
    ward: str
    ward_en: str
    kind: Kind
    latitude: float
    longitude: float
    archetype: str
    """Profile of its inverter."""
    plant: Plant
    tilt_deg: float
    azimuth_deg: float
    load_peak_w: float
    trackers: int
    reserve_pct: float
    initial_soc_pct: float
    years_in_use: float
    """So that counters do not begin at zero."""
    inverter_unit: int = 1
    meter: str = "sdm630"
    """Profile of the meter at the grid connection."""

    @property
    def serial(self) -> str:
        """Serial number of its inverter."""
        return f"SIM{self.id[6:11]}"
