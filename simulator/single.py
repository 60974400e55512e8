"""Single devices of a profile with a stated truth, and what somebody sets of it by name. No I/O."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from contract.points import POINTS, TRACKERS_MAX
from device_profiles.codec import readings
from device_profiles.image import Template, template
from device_profiles.schema_base import STATE_NAMES
from simulator.devices import SimulatedDevice
from simulator.planted import Planted
from simulator.stated import StillPlant

_PV: Final = {f"pv{number}" for number in range(1, TRACKERS_MAX + 1)}


class SettingError(ValueError):
    """What somebody wants to set cannot be set. The text says why, and what can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """A device with its unit id."""

    profile: str
    unit: int
    device: SimulatedDevice

    def truth(self) -> dict[str, float | None]:
        """What its registers say now, point by point: what any client must read. None: "not available"."""
        device_map = self.device.device_map
        found = readings(device_map.fields, self.device.registers(), device_map.sums)
        return {reading.point: reading.value for reading in found}

    def facts(self) -> dict[str, object]:
        """For the ready line."""
        registers = {r.name: self.device.value_of(r.name) for r in self.device.device_map.registers}
        return {"profile": self.profile, "unit": self.unit, "truth": self.truth(), "registers": registers}


def single(
    profile: str,
    unit: int,
    settings: Iterable[str] = (),
    *,
    planted: Iterable[Planted] = (),
    now_ms: Callable[[], int],
) -> Single:
    """The reference device of a profile with the usual truth, and ``NAME=VALUE`` settings put on it.

    Raises:
        SettingError: a setting cannot be made; all of them are told.
        ProfileError: there is no such profile.
    """
    made = template(profile)
    points, registers = _sorted_out(made, settings)
    trackers = len({field.point.partition(".")[0] for field in made.device_map.fields} & _PV)
    plant = StillPlant(trackers, points, now_ms)
    instrument = "inverter" if trackers or "battery.soc_pct" in _points(made) else "meter"
    device = SimulatedDevice(made, plant, instrument=instrument, planted=planted)
    faults = [fault for name, value in registers.items() if (fault := device.set_register(name, value))]
    faults += _not_shown(device, points)
    if faults:
        raise SettingError("; ".join(faults))
    return Single(profile=profile, unit=unit, device=device)


def settable(profile: str) -> list[tuple[str, str, str]]:
    """What can be set of a device: name, unit or states, and what it is."""
    made = template(profile)
    found = [(name, _unit(name), "point") for name in _points(made)]
    for register in made.device_map.registers:
        bounds = f"{register.low:g} to {register.high:g} {register.unit}".rstrip()
        found.append((register.name, bounds, "register"))
    return found


def _points(made: Template) -> list[str]:
    return list(dict.fromkeys(field.point for field in made.device_map.fields))


def _unit(point: str) -> str:
    return POINTS[point].unit or " ".join(STATE_NAMES.get(point, {"0": 0, "1": 1}))


def _sorted_out(made: Template, settings: Iterable[str]) -> tuple[dict[str, float], dict[str, float]]:
    points: dict[str, float] = {}
    registers: dict[str, float] = {}
    faults: list[str] = []
    there = _points(made)
    writable = [register.name for register in made.device_map.registers]
    sums = {each.point: each.of for each in made.device_map.sums}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        value = _number(name, text)
        if not equals or value is None:
            faults.append(f"--set {setting}: want NAME=NUMBER{_states_hint(name)}")
        elif name in there:
            points[name] = value
        elif name in writable:
            registers[name] = value
        elif name in sums:
            faults.append(f"--set {name}: is the sum of {', '.join(sums[name])}; set those")
        else:
            close = difflib.get_close_matches(name, [*there, *writable], n=3)
            hint = f", perhaps {' or '.join(close)}?" if close else "; --list names what there is"
            faults.append(f"--set {name}: {made.profile_id} has no such point or register{hint}")
    if faults:
        raise SettingError("; ".join(faults))
    return points, registers


def _number(name: str, text: str) -> float | None:
    states = STATE_NAMES.get(name, {})
    if text in states:
        return float(states[text])
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isinf(value) else value


def _states_hint(name: str) -> str:
    return f", or one of {', '.join(STATE_NAMES[name])}" if name in STATE_NAMES else ""


def _not_shown(device: SimulatedDevice, points: Mapping[str, float]) -> list[str]:
    """Settings that no register of the device can hold, as far as they are plain numbers."""
    said = {r.point: r.value for r in readings(device.device_map.fields, device.registers())}
    return [
        f"--set {point}={value:g}: the device has no word for 'not available' here"
        for point, value in points.items()
        if math.isnan(value) and said.get(point) is not None
    ]
