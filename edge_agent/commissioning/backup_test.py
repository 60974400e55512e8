"""The outage test: a person opens the grid breaker, the secured output must live and carry its load, the breaker is
closed, and the grid must be seen to return. Only on request; every wait is bounded.

However it ends (failed, cancelled, an error), "close the breaker again" is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contract.commissioning import ControlVerdict
from contract.points import PHASES, InverterState
from edge_agent.commissioning.progress import Ask, Progress, Tell, Timing
from edge_agent.commissioning.trial import Values

SOC_PCT_MIN: Final = 20.0
"""Below this nobody should try an outage."""
DEAD_V: Final = 50.0
ALIVE_V: Final = 80.0
LOAD_W_MIN: Final = 20.0
YES: Final = "yes"

Look = Callable[[], Awaitable[Mapping[str, Values]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageView:
    """What is seen of the grid and of the secured output. None: no device tells it."""

    is_grid_lost: bool | None
    soc_pct: float | None
    secured_v: float | None
    secured_w: float | None

    @property
    def is_alive(self) -> bool:
        """Whether the secured output has voltage, or gives power."""
        return (self.secured_v or 0.0) >= ALIVE_V or (self.secured_w or 0.0) >= LOAD_W_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupTested:
    """What came of the outage test."""

    device: str
    verdict: ControlVerdict
    kind: str = ""
    """What was wrong or in the way: backup_dead, no_load, grid_stays, grid_not_back, declined, …"""
    facts: Mapping[str, str | float] | None = None
    secured_w: float | None = None
    """What the secured output carried."""
    lost_s: float | None = None
    """From the grid's loss to the secured output."""
    back_s: float | None = None
    """From the closed breaker to the grid."""


def outage_view(values: Mapping[str, Values], device: str) -> OutageView:
    """The view from all devices; the secured output is the tested device's, or that of one beside it."""
    own_first = [values.get(device, {}), *(each for name, each in values.items() if name != device)]
    return OutageView(
        is_grid_lost=_is_grid_lost(values),
        soc_pct=own_first[0].get("battery.soc_pct"),
        secured_v=max(_told(own_first, [f"{p}_voltage_v" for p in PHASES]), default=None),
        secured_w=next(iter(_told(own_first, ["power_w"])), None),
    )


def _told(own_first: Sequence[Values], names: Sequence[str]) -> list[float]:
    """What the first device tells of its secured output; where none does, of its AC side, which feeds it then."""
    for group in ("backup", "inverter"):
        for own in own_first:
            told = [own[f"{group}.{name}"] for name in names if f"{group}.{name}" in own]
            if told:
                return told
    return []


def _is_grid_lost(values: Mapping[str, Values]) -> bool | None:
    """Whether anything shows that the grid is away; None when no device tells."""
    said = [own["inverter.islanded"] == 1 for own in values.values() if "inverter.islanded" in own]
    said += [own["inverter.state"] == InverterState.ISLANDED for own in values.values() if "inverter.state" in own]
    volts = [own[f"grid.{p}_voltage_v"] for own in values.values() for p in PHASES if f"grid.{p}_voltage_v" in own]
    if volts:
        said.append(max(volts) < DEAD_V)
    return any(said) if said else None


async def run_backup_test(device: str, look: Look, ask: Ask, timing: Timing, tell: Tell) -> BackupTested:
    """Run the test. ``ask`` gets: backup_begin, backup_alive (only where no device tells), each answered yes or no."""
    first = outage_view(await look(), device)
    cannot = _not_now(first)
    if cannot:
        facts = {} if first.soc_pct is None else {"soc_pct": first.soc_pct, "least_pct": SOC_PCT_MIN}
        return BackupTested(device=device, verdict=ControlVerdict.NOT_TESTED, kind=cannot, facts=facts)
    if await ask("backup_begin", {"device": device}) != YES:
        return BackupTested(device=device, verdict=ControlVerdict.NOT_TESTED, kind="declined")
    is_closed = False
    try:
        tell(Progress("backup_open", {"device": device}))
        lost_s = await _wait(device, look, timing, tell, "backup_waits_open", timing.breaker_s, _is_lost)
        if lost_s is None:
            return BackupTested(device=device, verdict=ControlVerdict.FAILED, kind="grid_stays")
        up_s = await _wait(device, look, timing, tell, "backup_waits_alive", timing.secured_s, _is_up)
        carried = outage_view(await look(), device).secured_w
        is_alive = up_s is not None or await _is_seen_alive(first, ask, device)
        tell(Progress("backup_close", {"device": device}))
        back_s = await _wait(
            device, look, timing, tell, "backup_waits_close", timing.breaker_s + timing.return_s, _is_back
        )
        is_closed = back_s is not None
        verdict, kind = _verdict(is_alive=is_alive, carried=carried, back_s=back_s)
        return BackupTested(device=device, verdict=verdict, kind=kind, secured_w=carried, lost_s=up_s, back_s=back_s)
    finally:
        if not is_closed:
            tell(Progress("backup_close_again", {"device": device}))


def _not_now(view: OutageView) -> str:
    if view.is_grid_lost is None:
        return "outage_unseen"
    if view.is_grid_lost:
        return "grid_lost"
    if view.soc_pct is None:
        return "soc_unknown"
    return "soc_low" if view.soc_pct < SOC_PCT_MIN else ""


def _verdict(*, is_alive: bool, carried: float | None, back_s: float | None) -> tuple[ControlVerdict, str]:
    if not is_alive:
        return ControlVerdict.FAILED, "backup_dead"
    if back_s is None:
        return ControlVerdict.FAILED, "grid_not_back"
    if carried is not None and carried < LOAD_W_MIN:
        return ControlVerdict.NOT_TESTED, "no_load"
    return ControlVerdict.PASSED, ""


def _is_lost(view: OutageView) -> bool:
    return view.is_grid_lost is True


def _is_up(view: OutageView) -> bool:
    return view.is_alive


def _is_back(view: OutageView) -> bool:
    return view.is_grid_lost is False


async def _is_seen_alive(first: OutageView, ask: Ask, device: str) -> bool:
    """Where no device tells it, the person says whether the secured output lives."""
    if first.secured_v is not None or first.secured_w is not None:
        return False
    return await ask("backup_alive", {"device": device}) == YES


async def _wait(
    device: str,
    look: Look,
    timing: Timing,
    tell: Tell,
    kind: str,
    most_s: float,
    holds: Callable[[OutageView], bool],
) -> float | None:
    """How long it took until it held and stayed so, in seconds; None when it did not within ``most_s``.

    One look proves nothing: a device may still show what was a moment ago.
    """
    began_s = timing.elapsed()
    since_s: float | None = None
    while True:
        is_so = holds(outage_view(await look(), device))
        at_s = timing.elapsed() - began_s
        since_s = (at_s if since_s is None else since_s) if is_so else None
        if since_s is not None and at_s - since_s >= timing.steady_s:
            return since_s
        if since_s is None and at_s >= most_s:
            return None
        tell(Progress(kind, {"device": device, "seconds": max(0.0, most_s - at_s)}, at_s, most_s))
        await timing.pause(timing.period_s)
