"""A scenario as a drill: the whole house, its staff, and at the end who proved what, how quickly, and who did not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from central.core.drills import Result
from demo.foretold import Foretold, foretold
from demo.house import House, Plan
from demo.outcome import Witness, is_settled, result
from demo.running import Stop, all_online, all_proven, staff, stop_on_signal, unless_stopped
from simulator import scenario as scenarios

SETTLED_WITHIN_S: Final = 120.0
"""After the last decision: so long is waited for what is still on its way."""
LOOK_EVERY_S: Final = 2.0
NAMES_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Drilled:
    """What a drill came to."""

    scenario: str
    speed: float
    sites: int
    verified_sites: int
    """Shelters that a report proves; the others were not switched."""
    results: Sequence[Result]
    false_verified: Sequence[str]
    """Shelters that stayed proven on the city's screen while their plant did something else."""
    hours: Foretold

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "scenario": self.scenario,
            "is_synthetic": True,
            "speed": self.speed,
            "sites": self.sites,
            "verified_sites": self.verified_sites,
            "incidents": [one.as_json() for one in self.results],
            "false_verified": list(self.false_verified),
            "autonomy": self.hours.as_json(),
        }

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self.as_json(), ensure_ascii=False)

    def to_text(self) -> str:
        """For people."""
        head = f"Drill {self.scenario}, world ×{self.speed:g}: synthetic city of {self.sites} shelters, "
        lines = [f"{head}{self.verified_sites} proven by a report"]
        for one in self.results:
            lines += incident_lines(one)
        false = ", ".join(self.false_verified) or "none"
        lines.append(f"shown as proven while the plant did something else: {false}")
        return "\n".join([*lines, *self.hours.lines()])


def incident_lines(one: Result) -> list[str]:
    """One incident for people."""
    p50, p99 = one.quantile_s(0.5), one.quantile_s(0.99)
    took = f"; seconds to the proof: p50 {p50:.1f}, p99 {p99:.1f}" if p50 is not None and p99 is not None else ""
    lines = [f"{one.incident} {one.mode} ({one.why}): {one.proven} of {one.told} proved it{took}"]
    lines += [f"  not proven: {each.name} ({each.site}): {each.cause} {each.detail}" for each in one.failed[:NAMES_MAX]]
    if len(one.failed) > NAMES_MAX:
        lines.append(f"  … and {len(one.failed) - NAMES_MAX} more")
    return lines


async def drill(plan: Plan, say: Callable[[str], None], *, for_s: float | None = None) -> Drilled:
    """Run a scenario from its first decision to its last, at most ``for_s`` long, and look back.

    Raises:
        ChildError: a part of the house did not start or ended, or the city refused a decision.
    """
    began = time.monotonic()
    found: dict[str, Result] = {}
    async with stop_on_signal() as stop, House(plan, say) as house:
        await unless_stopped(house.prepare(), stop)
        await unless_stopped(house.start(), stop)
        await all_online(house, stop, say, began)
        verified = await all_proven(house, stop, say)

        async def keep(incident: str) -> None:
            seen = await result(house, incident)
            if seen is not None:
                found[incident] = seen

        plot = scenarios.load(plan.scenario)
        targets = [step.target_pct for step in plot.steps if isinstance(step, scenarios.Declared)]
        witness = Witness(house, target_pct=min(targets, default=100.0))
        ends = None if for_s is None else time.monotonic() + for_s
        async with staff(house, say, before_end=keep) as operator:
            await _until_over(house, stop, witness, lambda: operator.is_done, ends)
            for incident in operator.incidents.values():
                if incident not in found:
                    await keep(incident)
        page = house.truth()
        say("ending")
        await house.stop()
    hours = await asyncio.to_thread(foretold, plan, page.sites if page else {}, house.started_ms)
    return Drilled(
        scenario=plan.scenario,
        speed=plan.world_speed,
        sites=plan.sites,
        verified_sites=verified,
        results=[found[incident] for incident in sorted(found)],
        false_verified=sorted(witness.watch.false),
        hours=hours,
    )


async def _until_over(
    house: House, stop: Stop, witness: Witness, is_done: Callable[[], bool], ends: float | None
) -> None:
    """Until the last decision was taken and has come to its end, time is up, or somebody stops it."""
    settled_by: float | None = None
    while not await stop.within(LOOK_EVERY_S):
        house.check()
        await witness.look()
        now = time.monotonic()
        if ends is not None and now >= ends:
            return
        if not is_done():
            continue
        settled_by = settled_by or now + SETTLED_WITHIN_S
        told = await house.ask("api/v1/incidents") or {"incidents": []}
        open_now = [one for one in told["incidents"] if one["phase"] in {"active", "standing_down"}]
        if now >= settled_by or all(is_settled(one) for one in open_now):
            return
