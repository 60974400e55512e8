"""The sign test with a known load: what the meter should have shown when it was switched on, and what it did show.

The inverter may answer the load at once, so the building's own part of it counts: on every phase the load that was
switched on is what the grid and the inverter give more. Of all mistakes that could explain what was seen, the plainest
that fits is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.meter import GRID, phase_point, phases_of
from edge_agent.core.judging.powers import INVERTER
from edge_agent.core.judging.series import PHASES, Series, listed

KIND: Final = "load_step"
_FIT_SHARE: Final = 0.25
"""Of the step: what may be left unexplained (other loads come and go)."""
_SIZES: Final = (1.0, 0.9, 1.1, 0.8, 1.2, 0.7, 1.3)
"""A kettle of 2 kW is about that."""
_RATIOS: Final = (0.2, 0.1, 0.25, 0.5, 2.0, 4.0, 5.0, 10.0)
_SEEN_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Idea:
    """One explanation: the load on these phases, these transformers turned, this ratio."""

    on: tuple[str, ...]
    turned: tuple[str, ...] = ()
    ratio: float = 1.0


def judge_step(before: Series, after: Series, load_w: float, *, phase: str = "") -> list[Judged]:
    """What each meter made of a load of about ``load_w`` watts; ``phase``: where it was switched on, if known."""
    meters = [d for d in after.givers(GRID) if before.typical(d, GRID) is not None]
    result = [_of_meter(before, after, device, load_w, phase) for device in meters]
    return result or [not_judged(KIND, "", "no_meter")]


def _of_meter(before: Series, after: Series, device: str, load_w: float, phase: str) -> Judged:
    phases = [p for p in phases_of(after, device) if p in phases_of(before, device)] or ["all"]
    rose = {p: _rise(before, after, device, GRID if p == "all" else phase_point(p)) for p in phases}
    own = _own(before, after, phases)
    facts: dict[str, str | float] = {"load_w": round(load_w), "rose": _in_words(rose)}
    moved = max(abs(watts) for watts in rose.values())
    if moved < _SEEN_SHARE * load_w:
        # Small on every phase: nothing was switched on, a coarse ratio, or the battery took it over.
        if sum(own.values()) > _SEEN_SHARE * load_w:
            return judged(KIND, device, [found("step_covered", device, **facts, own_w=round(sum(own.values())))])
        idea = next((i for i in _ideas(phases) if i.ratio < 0.5 and _fits(i, phases, rose, own, load_w)), None)
        if idea is None or moved < 0.05 * load_w:
            return judged(KIND, device, [found("step_unseen", device, **facts)])
        return judged(KIND, device, [found("step_ratio", device, **facts, ratio=idea.ratio)])
    idea = next((each for each in _ideas(phases) if _fits(each, phases, rose, own, load_w)), None)
    return judged(KIND, device, [_named(device, idea, facts, phase, phases)])


def _named(device: str, idea: _Idea | None, facts: dict[str, str | float], phase: str, phases: list[str]) -> Finding:
    if idea is None:
        return found("step_unseen", device, **facts)
    if idea.turned:
        names = "L1, L2, L3" if "all" in idea.turned else listed(p.upper() for p in idea.turned)
        return found("step_turned", device, **facts, phases=names)
    if idea.ratio != 1.0:
        return found("step_ratio", device, **facts, ratio=idea.ratio)
    on = "L1+L2+L3" if idea.on == ("all",) or len(idea.on) == len(phases) == 3 else listed(p.upper() for p in idea.on)
    if phase and len(idea.on) == 1 and idea.on[0] != "all" and idea.on[0] != phase:
        return found("step_other_phase", device, **facts, phases=on, wanted=phase.upper())
    return found("step_right", device, **facts, phases=on)


def _rise(before: Series, after: Series, device: str, point: str) -> float:
    return (after.typical(device, point) or 0.0) - (before.typical(device, point) or 0.0)


def _own(before: Series, after: Series, phases: list[str]) -> dict[str, float]:
    """What the inverters gave more, by phase; evenly where they do not tell."""
    own = dict.fromkeys(phases, 0.0)
    for device in after.givers(INVERTER):
        told = [p for p in PHASES if after.typical(device, phase_point(p, group="inverter")) is not None]
        for phase in phases:
            if phase in told:
                own[phase] += _rise(before, after, device, phase_point(phase, group="inverter"))
            elif not told:
                own[phase] += _rise(before, after, device, INVERTER) / len(phases)
    return own


def _ideas(phases: list[str]) -> Iterator[_Idea]:
    """Explanations, the plainest first."""
    places: list[tuple[str, ...]] = [(phase,) for phase in phases]
    if len(phases) > 1:
        places += [*combinations(phases, 2), tuple(phases)]
    for on in places:
        yield _Idea(on)
    for on in places:
        for count in range(1, len(phases) + 1):
            for turned in combinations(phases, count):
                yield _Idea(on, turned)
    for on in places:
        for ratio in _RATIOS:
            yield _Idea(on, (), ratio)


def _fits(idea: _Idea, phases: list[str], rose: dict[str, float], own: dict[str, float], load_w: float) -> bool:
    allowed = _FIT_SHARE * load_w * min(1.0, idea.ratio)
    return any(all(abs(rose[p] - _shown(idea, p, own, load_w * size)) <= allowed for p in phases) for size in _SIZES)


def _shown(idea: _Idea, phase: str, own: dict[str, float], load_w: float) -> float:
    grid = (load_w / len(idea.on) if phase in idea.on else 0.0) - own[phase]
    return (-grid if phase in idea.turned else grid) * idea.ratio


def _in_words(rose: dict[str, float]) -> str:
    names = {"all": "Σ"}
    return ", ".join(f"{names.get(phase, phase.upper())} {watts:+,.0f} W" for phase, watts in rose.items())
