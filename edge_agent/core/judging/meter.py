"""One meter by itself: power against voltage and current by phase, the phases against their sum, and against the load.

A current transformer that is turned shows its phase the wrong way round. One that sits on another phase's conductor
multiplies its voltage with a current that runs a third of a turn apart, so it shows half the power, against the others.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from edge_agent.core.judging.finding import Finding, Judged, found, judged, not_judged
from edge_agent.core.judging.powers import BATTERY, INVERTER, PV
from edge_agent.core.judging.series import PHASES, Series, listed, mostly

GRID: Final = "grid.power_w"
LOAD_W_MIN: Final = 250.0
"""A phase's load below zero by more than this is no rounding."""
_VA_MIN: Final = 200.0
_HALF: Final = (0.38, 0.62)
"""Share of power in V × I of a transformer on another phase: cos 120°, give or take the load's own angle."""
_WHOLE: Final = 0.8
_SUM_SHARE: Final = 0.15
_SUM_W: Final = 150.0


def phase_point(phase: str, what: str = "power_w", group: str = "grid") -> str:
    """A point of one phase."""
    return f"{group}.{phase}_{what}"


_SIGNS_OF_LIFE: Final = (GRID, "grid.frequency_hz", "grid.l1_voltage_v")


def judge_meters(series: Series) -> list[Judged]:
    """Every device that measures the connection to the grid."""
    result: list[Judged] = []
    for device in series.givers(GRID):
        result += [_online(series, device), _order(series, device)]
        if series.typical(device, GRID) is None:
            why = "islanded" if series.is_islanded else "no_value"
            result.append(not_judged("phases", device, why, points=GRID))
            continue
        result += [_phases(series, device), _sum(series, device)]
    return result


def _online(series: Series, device: str) -> Judged:
    kind = "meter"
    online = series.last(device, "grid.meter_online")
    has_values = series.typical(device, GRID) is not None
    if series.is_islanded:
        return not_judged(kind, device, "islanded")
    if online == 0 or (online is None and not has_values):
        return judged(kind, device, [found("meter_offline", device)])
    if online is None and not any(series.typical(device, point) for point in _SIGNS_OF_LIFE):
        # Some devices show 0 for a meter that does not answer.
        return not_judged(kind, device, "no_point", points="grid.meter_online")
    return judged(kind, device, ())


def _order(series: Series, device: str) -> Judged:
    order = series.last(device, "grid.phase_order")
    if order is None:
        return not_judged("phase_order", device, "no_point", points="grid.phase_order")
    return judged("phase_order", device, [found("phase_order", device)] if order == 1 else [])


def phases_of(series: Series, device: str, group: str = "grid") -> list[str]:
    """The phases whose power a device gives."""
    return [phase for phase in PHASES if series.typical(device, phase_point(phase, group=group)) is not None]


def _phases(series: Series, device: str) -> Judged:
    kind = "phases"
    phases = phases_of(series, device)
    shares = {phase: _share(series, device, phase) for phase in phases}
    known = {phase: share for phase, share in shares.items() if share is not None}
    loads = _loads(series, device, phases)
    if len(phases) < 2 or not (known or loads):
        return not_judged(kind, device, "no_point", points="grid.l1_power_w, grid.l1_current_a")
    return judged(kind, device, _wiring(series, device, known, loads))


def _wiring(series: Series, device: str, known: dict[str, float], loads: dict[str, float]) -> list[Finding]:
    """What is wrong with the transformers, by each phase's share of power in V × I and by its load."""
    if crossed := _crossed(known):
        return [found("crossed_phases", device, phases=listed(p.upper() for p in crossed))]
    odd = [phase for phase, share in known.items() if not 0.02 <= abs(share) <= 1.15]
    if odd:
        names = listed(p.upper() for p in odd)
        return [found("phase_power", device, phases=names, share=round(abs(known[odd[0]]), 2))]
    turned = [phase for phase, watts in loads.items() if watts < -LOAD_W_MIN]
    if turned and len(turned) == len(loads):
        return [found("swapped_ct", device, **_load_facts(series, device, loads))]
    if turned and all(loads[phase] > LOAD_W_MIN for phase in loads if phase not in turned):
        names = listed(p.upper() for p in turned)
        return [found("one_ct_turned", device, seen="load", phases=names, load_w=round(loads[turned[0]]))]
    return []


def _load_facts(series: Series, device: str, loads: dict[str, float]) -> dict[str, str | float]:
    shown = series.typical(device, GRID) or 0.0
    return {"seen": "load", "point": GRID, "one_w": round(shown), "load_w": round(sum(loads.values()))}


def _share(series: Series, device: str, phase: str) -> float | None:
    """Power over V × I with the power's sign, or None when too little flows to say."""
    points = (phase_point(phase), phase_point(phase, "voltage_v"), phase_point(phase, "current_a"))
    rows = [row for row in series.together(device, *points) if row[1] * abs(row[2]) >= _VA_MIN]
    if not rows:
        return None
    share = median(abs(row[0]) / (row[1] * abs(row[2])) for row in rows)
    return share if sum(row[0] for row in rows) >= 0 else -share


def _crossed(shares: dict[str, float]) -> list[str]:
    halves = [phase for phase, share in shares.items() if _HALF[0] <= abs(share) <= _HALF[1]]
    wholes = [phase for phase in shares if abs(shares[phase]) >= _WHOLE]
    if len(halves) == 3 and len({share > 0 for share in shares.values()}) == 1:
        return halves
    if len(halves) != 2 or len(wholes) != 1:
        return []
    against = all(shares[phase] * shares[wholes[0]] < 0 for phase in halves)
    return halves if against else []


def _loads(series: Series, device: str, phases: list[str]) -> dict[str, float]:
    """What each phase of the building takes: the inverters' part and the grid's. Empty when that is not known."""
    if set(series.points) - {device} and not _sources_known(series):
        return {}
    found_w: dict[str, float] = {}
    for phase in phases:
        own = [_inverter_phase(series, each, phase) for each in series.givers(INVERTER)]
        grid = series.typical(device, phase_point(phase))
        if grid is None or None in own:
            return {}
        found_w[phase] = grid + sum(watts for watts in own if watts is not None)
    return found_w


def _sources_known(series: Series) -> bool:
    """Whether whatever feeds the building is measured at an AC terminal."""
    inverters = set(series.givers(INVERTER))
    return {*series.givers(PV), *series.givers(BATTERY)} <= inverters


def _inverter_phase(series: Series, device: str, phase: str) -> float | None:
    direct = series.typical(device, phase_point(phase, group="inverter"))
    if direct is not None:
        return direct
    total = series.typical(device, INVERTER)
    phases = [p for p in PHASES if series.typical(device, phase_point(p, "voltage_v", "inverter"))]
    if total is None or not phases:
        return None
    # Three-phase inverters feed evenly; one that feeds a single phase gives that phase's voltage alone.
    return total / len(phases) if phase in phases else 0.0


def _sum(series: Series, device: str) -> Judged:
    phases = phases_of(series, device)
    if len(phases) < 3:
        return not_judged("phase_sum", device, "no_point", points="grid.l3_power_w")
    points = [phase_point(phase) for phase in phases]
    rows = [row for row in series.together(device, GRID, *points) if any(row[1:])]
    if not rows:
        return not_judged("phase_sum", device, "nothing_flows")

    def is_apart(row: tuple[float, ...]) -> bool:
        return abs(row[0] - sum(row[1:])) > _SUM_W + _SUM_SHARE * max(map(abs, row))

    if not mostly(rows, is_apart):
        return judged("phase_sum", device, ())
    total, parts = median(row[0] for row in rows), median(sum(row[1:]) for row in rows)
    return judged("phase_sum", device, [_apart(device, total, parts)])


def _apart(device: str, total: float, parts: float) -> Finding:
    return found("phase_sum", device, point=GRID, shown=round(total), likely=round(parts))
