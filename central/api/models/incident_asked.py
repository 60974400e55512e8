"""What is asked of incidents over the API. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from central.core.incidents import Wish
from central.core.scope import Scope, ScopeKind
from contract.steering import Mode

Person = Annotated[
    str,
    Field(
        max_length=200,
        description="Who does it: for commands on the service's machine; else who signed in",
        examples=["田中"],
    ),
]
Why = Annotated[str, Field(max_length=400, description="Why", examples=["台風15号 接近"])]
_SCOPE: dict[str, Any] = {"kind": "ward", "names": ["中央区"]}


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScopeIn(_In):
    """Which shelters."""

    kind: ScopeKind = Field(description="sites, ward, group, or city")
    names: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=5_000)] = Field(
        default=[], description="Ids of shelters, names of wards, or of groups; none for the city"
    )

    def scope(self) -> Scope:
        """As a value."""
        return Scope(self.kind, tuple(self.names))


class WishIn(_In):
    """What is wanted of which shelters."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"mode": "storm_watch", "scope": _SCOPE, "target_pct": 90}]}
    )

    mode: Mode = Field(description="storm_watch, backup or isolated")
    scope: ScopeIn = Field(description="Which shelters")
    target_pct: float = Field(100.0, description="State of charge to charge to, %")
    tiers_closed: int = Field(8, description="Load tiers that may have power while islanded, from the critical one")
    charge_power_w: float | None = Field(None, description="Most to charge with, W; null: what the device may")
    drill: bool = Field(False, description="A drill: everything runs and is recorded, nothing is switched")
    live: bool = Field(False, description="A drill that really switches")

    def wish(self) -> Wish:
        """As a value.

        Raises:
            AskedWronglyError: says what to give.
        """
        return Wish(
            mode=self.mode,
            target_pct=self.target_pct,
            tiers_closed=self.tiers_closed,
            charge_power_w=self.charge_power_w,
            is_drill=self.drill,
            is_live=self.live,
        )


class DeclareIn(WishIn):
    """An incident to declare."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"mode": "storm_watch", "scope": _SCOPE, "target_pct": 90, "by": "田中", "why": "台風15号 接近"}
            ]
        },
    )

    by: Person = ""
    why: Why
    ration: bool = Field(
        False, description="Take over how many tiers of each shelter rationing would leave on now; it only lowers them"
    )


class StepIn(_In):
    """A step of an incident."""

    by: Person = ""
    why: Why


class ConfirmIn(StepIn):
    """The confirmation."""

    break_glass: bool = Field(False, description="Confirm the whole city alone. Stands in the book as an alarm")


class CloseIn(StepIn):
    """The end."""

    anyway: bool = Field(False, description="Close although shelters have not shown that they are back")


class RetryIn(StepIn):
    """An order to send again."""

    site: Annotated[str, Field(max_length=64, description="ID of the shelter that did not obey")]


class GroupIn(_In):
    """A group to save."""

    scope: ScopeIn = Field(description="Which shelters")
    by: Person = ""
    why: Why
