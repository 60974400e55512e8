"""Readings of a shelter as they look on the wire: the demo's devices with values that move as real ones do.

The noise is what decides how small differences are, so it is not kind: every fast electrical value moves at every poll.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from contract.points import POINTS, Kind
from contract.readings import DeviceReadings, Reading
from device_profiles.image import template
from device_profiles.model import Group

INVERTERS = ("huawei-sun2000", "goodwe-et")
SITE = ("load.power_w", "balance.error_w")


@dataclass(frozen=True)
class Shape:
    """One device: its points at every poll, and those that the slow poll adds."""

    device: str
    fast: tuple[str, ...]
    slow: tuple[str, ...] = ()


def shape_of(device: str, profile_id: str) -> Shape:
    """The points that a profile reads, in its order."""
    device_map = template(profile_id).device_map
    sums = tuple(total.point for total in device_map.sums)
    fast = tuple(field.point for field in device_map.fields if field.group is Group.FAST)
    return Shape(device, fast + sums, tuple(field.point for field in device_map.fields if field.group is Group.SLOW))


def shapes_of_site(inverter: str) -> tuple[Shape, ...]:
    """The devices of a shelter with this inverter, and the figures that the edge derives."""
    measured = (shape_of("inverter", inverter), shape_of("meter", "sdm630"), shape_of("relay", "relay"))
    return (*measured, Shape("site", SITE))


# Middle, slow swing over the day's hour, and jitter from poll to poll, by the end of the point's name.
_MOVES = {
    "power_w": (9_000.0, 4_000.0, 60.0),
    "voltage_v": (230.0, 3.0, 0.4),
    "current_a": (13.0, 6.0, 0.12),
    "reactive_power_var": (300.0, 100.0, 25.0),
    "frequency_hz": (50.0, 0.03, 0.01),
    "temperature_c": (41.0, 3.0, 0.03),
    "soc_pct": (71.0, 5.0, 0.0),
    "error_w": (40.0, 10.0, 30.0),
}
_STILL = {
    "battery.soh_pct": 98.0,
    "battery.capacity_wh": 26_100.0,
    "battery.reserve_soc_pct": 30.0,
    "battery.max_charge_power_w": 10_000.0,
    "battery.max_discharge_power_w": 10_000.0,
    "inverter.islanded": 0.0,
    "grid.meter_online": 1.0,
    "inverter.fault_bits": 0.0,
    "inverter.state": 4.0,
    "battery.state": 3.0,
}


class Plant:
    """One shelter over time, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.shapes = shapes_of_site(INVERTERS[seed % len(INVERTERS)])
        names = [name for shape in self.shapes for name in (*shape.fast, *shape.slow)]
        self._phase = {name: self._random.uniform(0, math.tau) for name in names}
        self._share = {name: self._random.uniform(0.5, 1.5) for name in names}
        self._counted = {name: self._random.uniform(2e6, 9e7) for name in names if _kind(name) is Kind.COUNTER}
        self._last_s = 0.0

    def poll(self, at_ms: int, *, is_slow: bool) -> Iterator[DeviceReadings]:
        """What every device answers at one tick."""
        elapsed_s, self._last_s = at_ms / 1_000 - (self._last_s or at_ms / 1_000), at_ms / 1_000
        for name in self._counted:
            self._counted[name] += 9_000 * self._share[name] * elapsed_s / 3_600
        for order, shape in enumerate(self.shapes):
            taken_ms = at_ms + 20 * order + self._random.randint(0, 15)
            for points in (shape.fast, shape.slow) if is_slow and shape.slow else (shape.fast,):
                yield DeviceReadings(shape.device, taken_ms, tuple(self._reading(name, at_ms) for name in points))

    def _reading(self, name: str, at_ms: int) -> Reading:
        if name in self._counted:
            return Reading(name, self._counted[name])
        if _kind(name) is Kind.STATE or name in _STILL:
            return Reading(name, _STILL.get(name, 1.0))
        ending = next(ending for ending in _MOVES if name.endswith(ending))
        middle, swing, jitter = _MOVES[ending]
        wave = math.sin(math.tau * at_ms / 3_600_000 + self._phase[name])
        value = self._share[name] * (middle + swing * wave) + self._random.gauss(0, 1) * jitter
        if ending == "frequency_hz":
            value = middle + swing * wave + self._random.gauss(0, 1) * jitter
        point = POINTS[name]
        return Reading(name, min(max(value, point.low), point.high))


def _kind(name: str) -> Kind:
    return POINTS[name].kind
