"""From a shelter's counters to its flows by half hours: who speaks for what, the load, and whether it adds up. Pure.

    pv + import + discharge = load + export + charge + conversion loss

PV, import, export, charge and discharge come from counters. The load is metered where a device counts it; else it is
what leaves the inverter plus import minus export, where the inverter counts that; else what is left of the sum, and
then it contains the conversion loss. In each case the loss must be one that an inverter can have and no flow may be
below zero, or the half hour is marked as odd.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from central.core.accounting.counters import MAX_W, NO_READINGS, Counted, Ints, Mark, Marks, Readings, count, step_wh
from central.core.accounting.halfhours import HALF_HOUR_MS


class Flow(StrEnum):
    """One flow of energy, never below zero."""

    PV = "pv"
    IMPORT = "import"
    EXPORT = "export"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    LOAD = "load"


class PvBasis(StrEnum):
    """Where PV energy is counted."""

    DC = "dc"
    """At the inverter's input: the conversion loss is in it."""
    AC = "ac"
    """What left the inverter, without what the battery gave and took."""
    NONE = "none"


class LoadBasis(StrEnum):
    """Where the load's energy comes from."""

    METERED = "metered"
    INVERTER = "inverter"
    """Out of the inverter, plus import, minus export. While the battery charges from the grid: what is left."""
    REST = "rest"
    """What is left of the sum; the conversion loss is in it."""


POINTS: Final = {
    Flow.PV: "pv.energy_wh",
    Flow.IMPORT: "grid.import_energy_wh",
    Flow.EXPORT: "grid.export_energy_wh",
    Flow.CHARGE: "battery.charge_energy_wh",
    Flow.DISCHARGE: "battery.discharge_energy_wh",
    Flow.LOAD: "load.energy_wh",
}
INVERTER_POINT: Final = "inverter.energy_wh"
COUNTERS: Final = (*POINTS.values(), INVERTER_POINT)
"""Every point that accounting reads."""
STATE_POINT: Final = "inverter.state"
LOSS_SHARE: Final = 0.12
"""Most that conversion takes of what passes."""
LOSS_W: Final = 400
"""Own consumption of the inverter at rest, with a margin."""
SLACK_WH: Final = 50
STEP_WH_MAX: Final = 100
"""The coarsest steps of usual counters; a counter that hardly moved seems coarser than it is."""
SLACK_SHARE: Final = 0.01

Counter = tuple[str, str]
"""Device and point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """Sizes of a plant as registered, which bound what its counters can rise by. 0: not known."""

    pv_kw: float = 0.0
    inverter_kw: float = 0.0
    battery_kwh: float = 0.0

    def max_w(self, point: str) -> int:
        """Most that can flow through a counter, with a wide margin."""
        group = point.partition(".")[0]
        if group == "pv" and self.pv_kw:
            return round(2_000 * self.pv_kw)
        if group == "battery" and self.battery_kwh:
            return round(4_000 * self.battery_kwh)
        if group == "inverter" and self.inverter_kw:
            return round(2_000 * self.inverter_kw)
        return min(MAX_W, max(200_000, round(20_000 * self.inverter_kw))) if self.inverter_kw else MAX_W


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Which counters speak for a shelter."""

    flows: Mapping[Flow, tuple[Counter, ...]]
    """Of several the sum counts. A flow that nobody counts is not in it."""
    inverter: tuple[Counter, ...] = ()

    def counters(self) -> tuple[Counter, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys([each for found in self.flows.values() for each in found] + list(self.inverter)))


ALONE: Final = frozenset({Flow.IMPORT, Flow.EXPORT, Flow.LOAD})
"""Flows for which one device speaks; the others are summed over all devices that count them."""


def sources_of(points: Mapping[str, Collection[str]]) -> Sources:
    """Who may speak for what, in the order in which they are asked. ``points``: device → its points.

    A meter comes before an inverter that repeats what its own meter says.
    """

    def having(point: str) -> list[str]:
        devices = [device for device, named in points.items() if point in named]
        return sorted(devices, key=lambda device: (STATE_POINT in points[device], device))

    flows: dict[Flow, tuple[Counter, ...]] = {}
    for flow, point in POINTS.items():
        devices = having(point)
        if devices:
            flows[flow] = tuple((device, point) for device in devices)
    return Sources(flows=flows, inverter=tuple((device, INVERTER_POINT) for device in having(INVERTER_POINT)))


def speaking(sources: Sources, readings: Mapping[Counter, Readings], from_ms: int, to_ms: int) -> Sources:
    """Who speaks in a stretch: of those that may, for the grid and the load the one that was read in most half hours,
    else all that were read at all. A device that is gone takes no part.
    """

    def halves(counter: Counter) -> int:
        found = readings.get(counter, NO_READINGS).between(from_ms, to_ms)
        return int(np.unique(found.at_ms // HALF_HOUR_MS).size)

    def heard(counters: Sequence[Counter]) -> tuple[Counter, ...]:
        return tuple(each for each in counters if halves(each)) or tuple(counters)

    flows = {}
    for flow, counters in sources.flows.items():
        # Import and export are of one device, so import decides for both.
        judged = [
            (device, POINTS[Flow.IMPORT]) if flow is Flow.EXPORT else (device, point) for device, point in counters
        ]
        best = max(range(len(counters)), key=lambda place: (halves(judged[place]), -place))
        flows[flow] = (counters[best],) if flow in ALONE else heard(counters)
    return Sources(flows=flows, inverter=heard(sources.inverter))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """A shelter's energy between neighbouring ends. A flow that nobody counts is not in it."""

    counted: Mapping[Flow, Counted]
    odd: NDArray[np.bool_]
    """The flows do not add up."""
    pv_basis: PvBasis
    load_basis: LoadBasis


@dataclass(frozen=True, slots=True)
class _Sum:
    """Several counters as one; ``step_wh``: how coarse they are together."""

    counted: Counted
    step_wh: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a shelter's counters."""

    readings: Mapping[Counter, Readings]
    changed_ms: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Device → when it was exchanged, as far as its serial number tells."""


def flows_of(evidence: Evidence, sources: Sources, rated: Rated, ends_ms: Ints) -> Flows:
    """A shelter's flows between each two neighbouring ends. ``sources``: those that speak (``speaking``)."""

    def total(counters: Sequence[Counter]) -> _Sum:
        parts = []
        step = 0
        for device, point in counters:
            readings = evidence.readings.get((device, point), NO_READINGS)
            changed = evidence.changed_ms.get(device, ())
            parts.append(count(readings, ends_ms, max_w=rated.max_w(point), changed_ms=changed))
            step += min(STEP_WH_MAX, step_wh(readings))
        return _Sum(_added(parts), step)

    sums = {flow: total(counters) for flow, counters in sources.flows.items()}
    inverter = total(sources.inverter) if sources.inverter else None
    counted = {flow: each.counted for flow, each in sums.items()}
    pv_basis = PvBasis.DC if Flow.PV in counted else PvBasis.NONE
    if pv_basis is PvBasis.NONE and inverter is not None:
        counted[Flow.PV] = _pv_of_inverter(inverter.counted, counted)
        pv_basis = PvBasis.AC
    slack = SLACK_WH + sum(each.step_wh for each in sums.values()) + (inverter.step_wh if inverter else 0)
    load_basis = LoadBasis.METERED
    if Flow.LOAD not in counted:
        load_basis = LoadBasis.INVERTER if inverter is not None else LoadBasis.REST
        counted[Flow.LOAD] = _load(counted, inverter.counted if inverter else None, ends_ms.size - 1)
    hours = np.diff(ends_ms) / 3_600_000
    return Flows(counted=counted, odd=_odd(counted, slack, hours), pv_basis=pv_basis, load_basis=load_basis)


def _added(parts: Sequence[Counted]) -> Counted:
    """The sum; as well known as the part that is known worst."""
    if len(parts) == 1:
        return parts[0]
    marks = np.maximum.reduce([part.marks for part in parts])
    wh = np.sum([part.wh for part in parts], axis=0)
    return Counted(np.where(marks == Mark.UNKNOWN, 0, wh).astype(np.int64), marks)


def _worst(parts: Sequence[Counted], size: int) -> Marks:
    return np.maximum.reduce([part.marks for part in parts]) if parts else np.full(size, Mark.UNKNOWN, np.int8)


def _pv_of_inverter(inverter: Counted, counted: Mapping[Flow, Counted]) -> Counted:
    charge, discharge = counted.get(Flow.CHARGE), counted.get(Flow.DISCHARGE)
    wh = inverter.wh
    parts = [inverter]
    if charge is not None and discharge is not None:
        wh = wh + charge.wh - discharge.wh
        parts += [charge, discharge]
    marks = _worst(parts, wh.size)
    return Counted(np.where(marks == Mark.UNKNOWN, 0, np.maximum(wh, 0)).astype(np.int64), marks)


def _load(counted: Mapping[Flow, Counted], inverter: Counted | None, size: int) -> Counted:
    """The load where nobody meters it. Import has to be known; what nobody counts takes no part."""
    zero = np.zeros(size, np.int64)

    def wh(flow: Flow) -> Ints:
        return counted[flow].wh if flow in counted else zero

    if Flow.IMPORT not in counted:
        return Counted(zero, np.full(size, Mark.UNKNOWN, np.int8))
    rest = wh(Flow.PV) + wh(Flow.DISCHARGE) - wh(Flow.CHARGE)
    if inverter is not None:
        # What goes into the inverter is not counted back, so it says nothing while the grid charges the battery.
        gives = wh(Flow.CHARGE) <= wh(Flow.PV) + wh(Flow.DISCHARGE)
        rest = np.where(gives & (inverter.marks != Mark.UNKNOWN), inverter.wh, rest)
    load = rest + wh(Flow.IMPORT) - wh(Flow.EXPORT)
    marks = _worst(list(counted.values()), size)
    return Counted(np.where(marks == Mark.UNKNOWN, 0, load).astype(np.int64), marks)


def _odd(counted: Mapping[Flow, Counted], slack_wh: int, hours: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the flows do not add up, of half hours that are known well enough to tell."""
    zero = np.zeros(hours.size, np.int64)

    def wh(flow: Flow) -> Ints:
        return counted[flow].wh if flow in counted else zero

    load = counted[Flow.LOAD]
    comes = wh(Flow.PV) + wh(Flow.IMPORT) + wh(Flow.DISCHARGE)
    goes = load.wh + wh(Flow.EXPORT) + wh(Flow.CHARGE)
    tolerance = slack_wh + SLACK_SHARE * comes
    passes = wh(Flow.PV) + wh(Flow.DISCHARGE) + wh(Flow.CHARGE)
    too_much = comes - goes > tolerance + LOSS_SHARE * passes + LOSS_W * hours
    out_of_nothing = goes - comes > tolerance
    below_zero = load.wh < -tolerance
    exports = wh(Flow.EXPORT) > wh(Flow.PV) + wh(Flow.DISCHARGE) + tolerance
    known = _worst(list(counted.values()), hours.size) <= Mark.INTERPOLATED
    return np.asarray((too_much | out_of_nothing | below_zero | exports) & known)
