"""Reading everything of a site for a while and judging it, for the technician beside the cabinet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contract.readings import Reading
from device_profiles.load import Profile
from edge_agent import plant
from edge_agent.config import BusConfig, SiteConfig
from edge_agent.core import balance
from edge_agent.core.judging.finding import Finding, Judged, Severity, Verdict, judged
from edge_agent.core.judging.judge import judge, settle
from edge_agent.core.judging.series import Sample, Series
from edge_agent.core.judging.step import judge_step
from edge_agent.findings import Balance, PointSeen, balance_of, balanced_across, merged
from edge_agent.second_look import DISTRUSTED, look_at, look_at_gaps
from edge_agent.surroundings import look_at_broker, look_at_clock, look_at_files
from edge_agent.watching import (
    DeviceSeen,
    Observed,
    Tapped,
    Watching,
    ask_again,
    first_round,
    next_round,
    observe,
    point_seen,
    series_of,
)

__all__ = ["DeviceSeen", "LoadStep", "SiteSeen", "Watching", "check_site"]

PROGRESS_AFTER_S: Final = 2.0
"""Whoever waits longer than this is told what is waited for, and again as often."""
STEP_SETTLE_S: Final = 3.0
"""Meters average; the inverter answers a load within seconds."""
Tell = Callable[[Sequence[str]], None]
"""Is told the devices that have not answered yet; none of them: the site is being watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStep:
    """The sign test: a known load is switched on while the meters are watched."""

    load_w: float
    ready: Callable[[], Awaitable[object]]
    """Ends when the load is on."""
    phase: str = ""
    """The phase that it hangs on (l1, l2, l3), if that is known."""


@dataclass(slots=True)
class SiteSeen:
    """Everything that a check found."""

    site: str
    name: str
    devices: list[DeviceSeen]
    derived: list[PointSeen]
    balance: Balance
    findings: list[Finding]
    """Faults first, then warnings, then notes."""
    checks: tuple[Verdict, ...]
    """What was judged, what was not and why."""
    requests: int
    seconds: float
    reads: int
    """How many rounds of reading."""

    @property
    def dark(self) -> list[DeviceSeen]:
        """Devices that did not answer."""
        return [device for device in self.devices if not device.online]

    @property
    def is_ok(self) -> bool:
        """Whether everything answers and nothing is at fault."""
        return all(finding.severity is not Severity.FAULT for finding in self.findings)


async def check_site(
    config: SiteConfig,
    tell: Tell = lambda _: None,
    *,
    watching: Watching = Watching(watch_s=0),  # noqa: B008  (frozen)
    step: LoadStep | None = None,
    line_of: plant.MakeLine = plant.line_of,
) -> SiteSeen:
    """Read everything, once or for a while. Buses are read at the same time, the devices of a bus one after the other.

    Raises:
        ConfigError: a profile cannot be used, with every fault.
    """
    started = time.monotonic()
    lines: dict[str, Tapped] = {}

    def tapped(bus: BusConfig, profiles: list[Profile]) -> Tapped:
        return lines.setdefault(bus.id, Tapped(line_of(bus, profiles)))

    buses = plant.build(config, tapped)
    of_buses = observe(config, buses, lines)
    observed = [each for of_bus in of_buses for each in of_bus]
    waiting = [each.session.id for each in observed]
    telling = asyncio.create_task(_keep_telling(waiting, tell))
    try:
        first_at_s = watching.now()
        rounds, broker = await asyncio.gather(
            asyncio.gather(*(first_round(of_bus, waiting, watching.now) for of_bus in of_buses)),
            look_at_broker(config.mqtt),
        )
        samples = [Sample(first_at_s, {device: v for of_bus in rounds for device, v in of_bus.items()})]
        samples += await _watch(of_buses, watching, watching.reads - 1)
        await asyncio.gather(*(ask_again(of_bus, watching.now) for of_bus in of_buses))
        own = {each.session.id: await look_at(each) for each in observed}
        trusted = [e for e in observed if e.seen.online and not any(f.kind in DISTRUSTED for f in own[e.session.id])]
        series = series_of(samples, trusted, config)
        every = judge(series)
        if step is not None:
            every += await _step(of_buses, series, trusted, config, watching, step)
            await asyncio.gather(*(ask_again(of_bus, watching.now) for of_bus in of_buses))
            own |= {e.session.id: await look_at(e) for e in trusted if not e.seen.online}
    finally:
        telling.cancel()
        for line in lines.values():
            line.close()
    seen = _concluded(config, observed, own, settle(every), len(samples))
    seen.findings = _sorted([*seen.findings, *look_at_files(config), *look_at_clock(), *broker])
    seen.requests = sum(line.requests for line in lines.values())
    seen.seconds = time.monotonic() - started
    return seen


async def _keep_telling(waiting: list[str], tell: Tell) -> None:
    while True:
        await asyncio.sleep(PROGRESS_AFTER_S)
        tell(tuple(waiting))


async def _watch(of_buses: Sequence[Sequence[Observed]], watching: Watching, rounds: int) -> list[Sample]:
    """Further rounds, each a period after the one before."""
    samples: list[Sample] = []
    due_s = watching.now()
    for _ in range(rounds):
        due_s += watching.period_s
        await watching.pause(max(0.0, due_s - watching.now()))
        at_s = watching.now()
        found = await asyncio.gather(*(next_round(of_bus, watching.now) for of_bus in of_buses))
        samples.append(Sample(at_s, {device: values for of_bus in found for device, values in of_bus.items()}))
    return samples


STEP_READS: Final = 3


async def _step(
    of_buses: Sequence[Sequence[Observed]],
    before: Series,
    trusted: Sequence[Observed],
    config: SiteConfig,
    watching: Watching,
    step: LoadStep,
) -> list[Judged]:
    """Look, wait for the load, look again."""
    just_before = await _watch(of_buses, replace(watching, watch_s=STEP_READS - 1), STEP_READS)
    await step.ready()
    await watching.pause(STEP_SETTLE_S)
    after = await _watch(of_buses, replace(watching, watch_s=STEP_READS - 1), STEP_READS)
    return judge_step(
        series_of(just_before or before.samples, trusted, config),
        series_of(after, trusted, config),
        step.load_w,
        phase=step.phase,
    )


def _concluded(
    config: SiteConfig,
    observed: Sequence[Observed],
    own: Mapping[str, Sequence[Finding]],
    every: Sequence[Judged],
    reads: int,
) -> SiteSeen:
    sessions = {each.session.id: each.session.points for each in observed}
    values: dict[str, dict[str, float | None]] = {
        e.session.id: {p.point: p.value for p in e.seen.points} for e in observed
    }
    inputs = balance.inputs_of(sessions)
    derived = balance.derive(inputs, values)
    agreed = balance_of(_sums(inputs, values, derived), known=inputs.points)
    answers = [
        judged("answers", e.session.id, look_at_gaps(e) if e.seen.online else own[e.session.id]) for e in observed
    ]
    reading = [judged("values", e.session.id, own[e.session.id]) for e in observed if e.seen.online]
    judgements = balanced_across((*answers, *reading, *every), agreed)
    findings = merged(f for each in judgements for f in each.findings)
    if any(finding.kind == "swapped_ct" for finding in findings):
        agreed = replace(agreed, verdict="ct_turned")
    return SiteSeen(
        site=config.site,
        name=config.name,
        devices=[each.seen for each in observed],
        derived=[point_seen(reading, "") for reading in derived],
        balance=agreed,
        findings=findings,
        checks=tuple(each.verdict for each in judgements),
        requests=0,
        seconds=0.0,
        reads=reads,
    )


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (not finding.leads, list(Severity).index(finding.severity)))


def _sums(inputs: balance.Inputs, values: balance.Values, derived: Sequence[Reading]) -> Mapping[str, float | None]:
    """The site's powers by point; the grid's is that of the first device which gives it."""
    found: dict[str, float | None] = {reading.point: reading.value for reading in derived}
    for point, givers in (
        (balance.PV, inputs.pv),
        (balance.BATTERY, inputs.battery),
        (balance.INVERTER, inputs.inverter),
    ):
        parts = [values.get(device, {}).get(point) for device in givers]
        if parts and None not in parts:
            found[point] = sum(part for part in parts if part is not None)
    grid = [values.get(device, {}).get(balance.GRID) for device in inputs.grid]
    found[balance.GRID] = next((value for value in grid if value is not None), None)
    return found
