"""What happens when: scenario files (YAML), their schema, and the list of occurrences that one becomes.

Loading finds all faults of a file at once. Compiling is pure: a scenario, the sites, the start and a seed always give
the same occurrences.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.fleet import WARDS
from simulator.noise import key_of, uniform
from simulator.spec import TIERS, SiteSpec
from simulator.weather import DAY_MS, TOKYO_MS, Episode

_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_LEFT_AS_TEXT: Final = {f"tag:yaml.org,2002:{kind}" for kind in ("timestamp", "int", "float")}
_COVERS: Final = {"clear": 0.0, "broken": 0.5, "overcast": 0.9, "storm": 1.0}


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


def duration_ms(text: str) -> int:
    """``1d2h30m15s`` in milliseconds.

    Raises:
        ValueError: it is not a duration.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is no duration; write it like 90s, 30m, 2h30m or 20d")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return round((days * 86_400 + hours * 3_600 + minutes * 60 + seconds) * 1000)


def _is_duration(text: str) -> str:
    duration_ms(text)
    return text


def _is_moment(text: str) -> str:
    if text.startswith("+"):
        duration_ms(text[1:])
    elif not _CLOCK.fullmatch(text):
        _zoned(text)
    return text


def _zoned(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write +30m (after the start), 02:30 (next time the clock in Tokyo shows it) "
            "or 2019-09-09T02:30+09:00"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} lacks its time zone, add +09:00")
    return moment


def _is_ward(name: str) -> str:
    names = [ward.name for ward in WARDS] + [ward.name_en for ward in WARDS]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        raise ValueError(f"unknown ward {name!r}" + (f", perhaps {near[0]!r}" if near else f"; known: {names}"))
    return name


Duration = Annotated[str, AfterValidator(_is_duration)]
Moment = Annotated[str, AfterValidator(_is_moment)]


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


Step = Annotated[
    GridLost
    | GridBack
    | DeviceFault
    | DeviceMended
    | LinkCut
    | LinkSlow
    | LinkBack
    | LoadFactor
    | Relay
    | SkyTurns
    | Note,
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
    def _start_is_zoned(self) -> Scenario:
        if self.starts is not None:
            _zoned(self.starts)
        return self

    @property
    def start_ms(self) -> int | None:
        """World time at the start, when the scenario fixes it."""
        return None if self.starts is None else round(_zoned(self.starts).timestamp() * 1000)

    @property
    def uses_links(self) -> bool:
        """Whether sites need a breakable way to the broker."""
        return any(isinstance(step, LinkCut | LinkSlow) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happens to one site (``site`` empty: to the whole city)."""

    at_ms: int
    site: str
    step: Step


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


def compile_steps(scenario: Scenario, sites: Sequence[SiteSpec], *, start_ms: int, seed: int) -> list[Occurrence]:
    """Everything that will happen, in order of time.

    Raises:
        ScenarioError: a step names sites that the fleet does not have.
    """
    known = {spec.id for spec in sites}
    faults = [
        f"step {number} ({step.do}): no site {site} in this fleet"
        for number, step in enumerate(scenario.steps, start=1)
        for site in step.where.sites
        if site not in known
    ]
    if faults:
        raise ScenarioError("\n".join(faults))
    found: list[Occurrence] = []
    for number, step in enumerate(scenario.steps):
        at_ms = moment_ms(step.at, start_ms)
        if isinstance(step, SkyTurns | Note):
            found.append(Occurrence(at_ms, "", step))
            continue
        spread_ms = duration_ms(step.spread)
        for spec in selected(step.where, sites, seed):
            luck = float(uniform(key_of(seed, "spread", step.where.draw or number, step.do, spec.id), np.arange(1))[0])
            found.append(Occurrence(at_ms + round(spread_ms * (luck**3 if step.early else luck)), spec.id, step))
    found.sort(key=lambda occurrence: occurrence.at_ms)
    return found


def moment_ms(text: str, start_ms: int) -> int:
    """A step's moment as UTC milliseconds."""
    if text.startswith("+"):
        return start_ms + duration_ms(text[1:])
    if clock := _CLOCK.fullmatch(text):
        wanted = (int(clock[1]) * 60 + int(clock[2])) * 60_000
        return start_ms + (wanted - (start_ms + TOKYO_MS) % DAY_MS) % DAY_MS
    return round(_zoned(text).timestamp() * 1000)


def selected(where: Where, sites: Iterable[SiteSpec], seed: int) -> list[SiteSpec]:
    """The sites that a step is about. A fraction is exact to one site, and never none."""
    chosen = [
        spec
        for spec in sites
        if (not where.sites or spec.id in where.sites)
        and (where.ward is None or where.ward in {spec.ward, spec.ward_en})
    ]
    if where.fraction is None or not chosen:
        return chosen
    count = max(1, round(where.fraction * len(chosen)))
    drawn = sorted(chosen, key=lambda spec: key_of(seed, "draw", where.draw, spec.id))[:count]
    return sorted(drawn, key=lambda spec: spec.id)


def episodes(occurrences: Iterable[Occurrence]) -> tuple[Episode, ...]:
    """The weather that a scenario orders."""
    return tuple(
        Episode(
            from_ms=occurrence.at_ms,
            to_ms=occurrence.at_ms + duration_ms(occurrence.step.lasts),
            cover=_COVERS[occurrence.step.sky],
            ramp_ms=duration_ms(occurrence.step.ramp),
        )
        for occurrence in occurrences
        if isinstance(occurrence.step, SkyTurns)
    )


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
