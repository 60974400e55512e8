"""What happens when: scenario files (YAML) and their schema. Loading finds all faults of a file at once."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.fleet import WARDS
from simulator.spec import TIERS
from simulator.times import checked_duration, checked_moment, moment_ms, zoned

_LEFT_AS_TEXT: Final = {f"tag:yaml.org,2002:{kind}" for kind in ("timestamp", "int", "float")}


class _Loader(yaml.SafeLoader):
    """YAML whose times stay texts, with or without quotes (plain YAML makes 02:30 the number 150)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _LEFT_AS_TEXT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?\d+$"), list("-0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"-?\d+\.\d+$"), list("-0123456789"))


class ScenarioError(ValueError):
    """A scenario that cannot be used. The text lists every fault with file, place and reason."""


def _is_ward(name: str) -> str:
    names = [ward.name for ward in WARDS] + [ward.name_en for ward in WARDS]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        raise ValueError(f"unknown ward {name!r}" + (f", perhaps {near[0]!r}" if near else f"; known: {names}"))
    return name


Duration = Annotated[str, AfterValidator(checked_duration)]
Moment = Annotated[str, AfterValidator(checked_moment)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Where(_Strict):
    """Which sites. Conditions add up; none at all means every site."""

    sites: list[str] = Field(default=[], description="Site IDs")
    ward: Annotated[str, AfterValidator(_is_ward)] | None = None
    fraction: float | None = Field(default=None, gt=0, le=1, description="Share of the sites, drawn by the seed")
    draw: str = Field(default="", description="Steps with the same word draw the same sites")


class _Step(_Strict):
    at: Moment
    where: Where = Where()
    spread: Duration = Field(default="0s", description="Sites follow at their own moments within this time")
    early: bool = Field(default=False, description="Most of the spread's sites come near its beginning")


class GridLost(_Step):
    """The public grid fails."""

    do: Literal["grid_lost"]


class GridBack(_Step):
    """The public grid returns."""

    do: Literal["grid_back"]


class DeviceFault(_Step):
    """A device misbehaves until it is mended."""

    do: Literal["fault"]
    device: Literal["inverter", "meter", "relay"]
    kind: Literal["silent", "refuse", "slow", "illegal", "garbage", "frozen"]
    delay_s: float = Field(default=2.0, gt=0, le=60, description="Of a slow device")
    points: list[str] = Field(default=[], description="Points whose registers an 'illegal' device denies")

    @model_validator(mode="after")
    def _points_belong_to_illegal(self) -> DeviceFault:
        if (self.kind == "illegal") != bool(self.points):
            raise ValueError("'points' belongs to kind 'illegal', and that kind needs it")
        return self


class DeviceMended(_Step):
    """The device works again."""

    do: Literal["mend"]
    device: Literal["inverter", "meter", "relay"]


class LinkCut(_Step):
    """The site's way to the broker breaks: open connections end, new ones are refused."""

    do: Literal["link_cut"]


class LinkSlow(_Step):
    """Every byte between site and broker takes this much longer."""

    do: Literal["link_slow"]
    delay_s: float = Field(gt=0, le=60)


class LinkLossy(_Step):
    """So many of the packets between site and broker are lost, and have to be sent again."""

    do: Literal["link_lossy"]
    loss: float = Field(gt=0, le=0.5)


class LinkBack(_Step):
    """The site's way to the broker is whole and quick again."""

    do: Literal["link_back"]


class LoadFactor(_Step):
    """Buildings take this many times their usual load (1 = as usual)."""

    do: Literal["load_factor"]
    factor: float = Field(ge=0, le=10)


class Relay(_Step):
    """Somebody switches a load tier by hand."""

    do: Literal["relay"]
    tier: int = Field(ge=1, le=TIERS)
    closed: bool


class SkyTurns(_Step):
    """The sky over the whole city."""

    do: Literal["weather"]
    sky: Literal["clear", "broken", "overcast", "storm"]
    lasts: Duration
    ramp: Duration = "1h"

    @model_validator(mode="after")
    def _whole_city(self) -> SkyTurns:
        if self.where != Where() or self.spread != "0s":
            raise ValueError("weather is the whole city's: leave out 'where' and 'spread'")
        return self


class Note(_Step):
    """Something that people are told: a warning, a landfall. Changes nothing."""

    do: Literal["note"]
    text: str = Field(min_length=1)


class Declared(_Step):
    """Staff declare an incident for a ward or the whole city. Changes nothing in the world: who plays staff does it."""

    do: Literal["incident"]
    name: str = Field(min_length=1, max_length=40, description="By which a later step calls it")
    mode: Literal["storm_watch", "backup", "isolated"]
    target_pct: float = Field(default=100, ge=0, le=100)
    why: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _ward_or_city(self) -> Declared:
        if self.where.sites or self.where.fraction is not None or self.spread != "0s":
            raise ValueError("an incident is a ward's or the whole city's: 'where' knows only 'ward' here")
        return self


class StoodDown(_Step):
    """Staff end an incident of an earlier step."""

    do: Literal["stand_down"]
    name: str = Field(min_length=1, max_length=40)
    why: str = Field(min_length=1, max_length=200)


Step = Annotated[
    GridLost
    | GridBack
    | DeviceFault
    | DeviceMended
    | LinkCut
    | LinkSlow
    | LinkLossy
    | LinkBack
    | LoadFactor
    | Relay
    | SkyTurns
    | Note
    | Declared
    | StoodDown,
    Field(discriminator="do"),
]


class Scenario(_Strict):
    """A scenario file."""

    title: str
    about: str
    starts: str | None = Field(default=None, description="World time at the start; without it, the wall clock's")
    lasts: Duration
    speed: float = Field(default=1.0, gt=0, le=10_000, description="World seconds per second, unless told otherwise")
    steps: list[Step] = []

    @model_validator(mode="after")
    def _start_iszoned(self) -> Scenario:
        if self.starts is not None:
            zoned(self.starts)
        return self

    @model_validator(mode="after")
    def _what_ends_was_declared(self) -> Scenario:
        declared = {step.name for step in self.steps if isinstance(step, Declared)}
        for step in self.steps:
            if isinstance(step, StoodDown) and step.name not in declared:
                raise ValueError(f"stand_down {step.name!r}: no step declares it; declared: {sorted(declared)}")
        return self

    @property
    def start_ms(self) -> int | None:
        """World time at the start, when the scenario fixes it."""
        return None if self.starts is None else round(zoned(self.starts).timestamp() * 1000)


def moment_of(step: _Step, start_ms: int) -> int:
    """When a step happens, UTC milliseconds."""
    return moment_ms(step.at, start_ms)


def names() -> tuple[str, ...]:
    """Scenarios that come with the simulator."""
    return tuple(sorted(entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".yaml")))


def load(name_or_path: str | Path) -> Scenario:
    """A scenario by its name or file.

    Raises:
        ScenarioError: there is no such scenario, or it has faults; all of them are listed.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise ScenarioError(f"{path}: no such file")
        return parse(path.read_text(encoding="utf-8"), str(path))
    name = str(name_or_path)
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.3)
        hint = f"perhaps {near[0]!r}" if near else "known: " + ", ".join(names())
        raise ScenarioError(f"no scenario {name!r}, {hint}; a file of your own ends in .yaml")
    return parse((_folder() / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def parse(text: str, origin: str) -> Scenario:
    """Read a scenario from YAML; ``origin`` names it in errors.

    Raises:
        ScenarioError: all faults of the text.
    """
    try:
        raw: Any = yaml.load(text, Loader=_Loader)  # noqa: S506  # A SafeLoader with fewer types.
    except yaml.YAMLError as error:
        raise ScenarioError(f"{origin}: not YAML: {error}") from None
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        faults = [f"{origin}: {_place_of(fault['loc'])}: {_reason_of(fault['msg'])}" for fault in error.errors()]
        raise ScenarioError("\n".join(faults)) from None


def _folder() -> Any:
    return resources.files("simulator") / "scenarios"


def _place_of(location: tuple[int | str, ...]) -> str:
    parts: list[str] = []
    for part in location:
        if isinstance(part, int):
            parts[-1] += f"[{part + 1}]"
        else:
            parts.append(part)
    return ".".join(parts) or "top"


def _reason_of(message: str) -> str:
    reasons = {"Extra inputs are not permitted": "unknown key", "Field required": "missing"}
    return reasons.get(message, message.removeprefix("Value error, "))
