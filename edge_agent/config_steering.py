"""The part of a site file about disaster mode: which devices are steered, and what the site does on its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract.points import TIERS_MAX
from contract.steering import StandingOrders
from edge_agent.core.modes import Wishes
from edge_agent.core.standing import Own

Percent = Annotated[float, Field(ge=0, le=100)]
Watts = Annotated[float, Field(gt=0, le=2_000_000)]
_DeviceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ByHand(_Part):
    """What somebody has to do there when the grid goes, for the city's screen, the local page and the printed card."""

    ja: Annotated[str, Field(min_length=1, max_length=1_000)]
    en: Annotated[str, Field(min_length=1, max_length=1_000)]


class StandingConfig(_Part):
    """What the shelter does by itself while the city has signed nothing else."""

    grid_lost_s: Annotated[float, Field(ge=0, le=86_400)] = 30
    grid_stable_s: Annotated[float, Field(ge=0, le=86_400)] = 600
    spread_s: Annotated[float, Field(ge=0, le=86_400)] = 900
    valid_s: Annotated[float, Field(ge=3_600, le=31_536_000)] = 1_728_000


class SteeringConfig(_Part):
    """A site with this section is steered. Without it nothing is ever written by the running agent."""

    battery: tuple[_DeviceName, ...] = ()
    """Devices whose battery is steered; empty: every one that has controls for it."""
    tiers: tuple[_DeviceName, ...] = ()
    """Devices whose relays switch load tiers; empty: every one that has them."""
    floor_pct: Percent = 10
    """Below this state of charge a shelter that stands alone keeps the rest for starting again from the sun."""
    reserve_pct: Percent = 30
    """Kept for an outage while the city has ordered nothing."""
    charge_power_w: Watts | None = None
    """Most that each battery may be charged with; else what the device says, or takes."""
    backup_rated_w: Watts | None = None
    """What the secured output carries, as on its rating plate."""
    tier_loads_w: Annotated[tuple[Watts, ...], Field(max_length=TIERS_MAX)] = ()
    """What each load tier takes at most, from the critical one on."""
    stand_alone: Literal["automatic", "by_hand"] = "automatic"
    """``by_hand``: somebody has to switch the inverter over when the grid goes, and back when it returns."""
    by_hand: ByHand | None = None
    standing: StandingConfig = StandingConfig()
    seed: int = 0
    """Makes this site's random delay another one."""

    @model_validator(mode="after")
    def _steps(self) -> SteeringConfig:
        if self.stand_alone == "by_hand" and self.by_hand is None:
            raise ValueError("stand_alone: by_hand wants by_hand: {ja: ..., en: ...}, the steps for whoever is there")
        if self.floor_pct > self.reserve_pct:
            raise ValueError("floor_pct is above reserve_pct: the reserve is what lies above the floor")
        return self

    def own(self, site: str) -> Own:
        """As values."""
        return Own(
            site=site,
            seed=self.seed,
            floor_pct=self.floor_pct,
            charge_power_w=self.charge_power_w,
            wishes=Wishes(reserve_pct=self.reserve_pct),
            orders=StandingOrders(**self.standing.model_dump()),
        )
