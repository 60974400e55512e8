"""What a scenario makes happen to which site at which moment. Pure: scenario, sites, start and seed decide it all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.noise import key_of, uniform
from simulator.scenario import (
    Declared,
    LinkCut,
    LinkLossy,
    LinkSlow,
    Note,
    Scenario,
    ScenarioError,
    SkyTurns,
    Step,
    StoodDown,
    Where,
)
from simulator.spec import SiteSpec
from simulator.times import duration_ms, moment_ms
from simulator.weather import Episode

_COVERS: Final = {"clear": 0.0, "broken": 0.5, "overcast": 0.9, "storm": 1.0}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happens to one site (``site`` empty: to the whole city)."""

    at_ms: int
    site: str
    step: Step


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
        if isinstance(step, SkyTurns | Note | Declared | StoodDown):
            found.append(Occurrence(at_ms, "", step))
            continue
        spread_ms = duration_ms(step.spread)
        for spec in selected(step.where, sites, seed):
            luck = float(uniform(key_of(seed, "spread", step.where.draw or number, step.do, spec.id), np.arange(1))[0])
            found.append(Occurrence(at_ms + round(spread_ms * (luck**3 if step.early else luck)), spec.id, step))
    found.sort(key=lambda occurrence: occurrence.at_ms)
    return found


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


def linked_sites(occurrences: Iterable[Occurrence]) -> frozenset[str]:
    """Sites whose way to the broker the scenario breaks or slows."""
    return frozenset(each.site for each in occurrences if isinstance(each.step, LinkCut | LinkSlow | LinkLossy))
