"""World → registers and registers → world, by profile: one instance is one Modbus unit. No I/O.

An image is drawn when it is read and the world has moved since. An address outside of it does not exist, and only the
profile's registers can be written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contract.points import BatteryState, InverterState
from device_profiles.codec import CodecError, decode, encode
from device_profiles.controls import by_name, in_force
from device_profiles.discover import discover
from device_profiles.image import Template, run
from device_profiles.load import load
from device_profiles.model import Argument, Block, Control, ControlKind, DeviceMap, Field, Register, Table, ValueType
from simulator.faults import Fault, FaultKind
from simulator.spec import RELAYS
from simulator.truth import truth
from simulator.world import SiteWorld

_NEAREST: Final[dict[str, dict[int, int]]] = {
    "inverter.state": {
        InverterState.ISLANDED: InverterState.OPERATING,
        InverterState.LIMITED: InverterState.OPERATING,
        InverterState.OFF: InverterState.STANDBY,
    },
    "battery.state": {
        BatteryState.FULL: BatteryState.STANDBY,
        BatteryState.EMPTY: BatteryState.STANDBY,
    },
}
"""What a device says that has no word of its own for a state."""
_UNSIGNED: Final = frozenset({ValueType.U16, ValueType.U32, ValueType.U64})


class NoAnswerError(Exception):
    """The device stays silent."""


class IllegalAddressError(Exception):
    """The device has no such register, or it cannot be written."""


class IllegalValueError(Exception):
    """The device does not take this value."""


@dataclass(frozen=True, slots=True)
class _Guarded:
    span: Block
    guard: str


class SimulatedDevice:
    """One Modbus unit of a shelter: its registers show the world, and what is written into them steers it."""

    def __init__(self, template: Template, world: SiteWorld) -> None:
        self.profile = template.profile_id
        self.world = world
        self.fault: Fault | None = None
        self._image: dict[tuple[Table, int], int] = dict(template.image)
        self._last: dict[str, float] = {}
        self._drawn_steps = -1
        self._denied: frozenset[tuple[Table, int]] = frozenset()
        self._take_map(template.device_map)
        self._draw_identity(template.device_map)
        self.draw()
        # Sizes stand in the image now; where a register counts in shares of one, its scale is another.
        self._take_map(run(discover(load(self.profile)), self._image))
        self._draw_controls()

    def _take_map(self, device_map: DeviceMap) -> None:
        known = truth(self.world)
        self._controls = device_map.controls
        self._registers = by_name(device_map.registers)
        self._writable = {key for register in device_map.registers for key in _keys(register.field)}
        self._fields = tuple(field for field in device_map.fields if field.point in known)
        self._guarded = [_Guarded(span, field.guard) for field in self._fields if field.guard for span in field.spans]

    @property
    def controls(self) -> tuple[Control, ...]:
        """What can be ordered of this device."""
        return self._controls

    def registers(self) -> dict[tuple[Table, int], int]:
        """A copy of the image as it is now."""
        self.draw()
        return dict(self._image)

    def set_fault(self, fault: Fault | None) -> None:
        """Break the device in one way, or mend it."""
        self.fault = fault
        denied = fault.points if fault is not None else ()
        self._denied = frozenset(
            key
            for field in (*self._fields, *(register.field for register in self._registers.values()))
            if field.point in denied
            for key in _keys(field)
        )

    def draw(self) -> None:
        """Bring the image up to the world."""
        if self._drawn_steps == self.world.steps or (self.fault and self.fault.kind is FaultKind.FROZEN):
            return
        now = truth(self.world)
        last = self._last
        for field in self._fields:
            value = now[field.point]
            if last.get(field.point) != value:
                self._image.update(encode(field, _sayable(field, value), self._image))
        self._last = now
        self._drawn_steps = self.world.steps

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers as a master reads them.

        Raises:
            IllegalAddressError: one of them does not exist.
            NoAnswerError: this device does not answer to such a request.
        """
        self.draw()
        self._check_guards(table, address, count)
        if self._denied and any((table, address + n) in self._denied for n in range(count)):
            raise IllegalAddressError
        image = self._image
        try:
            return [image[table, place] for place in range(address, address + count)]
        except KeyError:
            raise IllegalAddressError from None

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Registers as a master writes them; the world obeys at its next step.

        Raises:
            IllegalAddressError: one of them cannot be written.
            IllegalValueError: a register does not take this value. Nothing was changed.
        """
        written = {(table, address + n): int(word) for n, word in enumerate(words)}
        if not written.keys() <= self._writable or written.keys() & self._denied:
            raise IllegalAddressError
        image = {**self._image, **written}
        for register in self._registers.values():
            if written.keys() & set(_keys(register.field)) and not _takes(register, image):
                raise IllegalValueError
        self._image = image
        self._obey()
        self.world.touch()

    def _obey(self) -> None:
        """Let the world do what the registers say."""
        for control in self._controls:
            _apply(self.world, control.kind, in_force(control, self._registers, self._image))

    def _check_guards(self, table: Table, address: int, count: int) -> None:
        for guarded in self._guarded:
            span = guarded.span
            if span.table is table and address < span.end and span.start < address + count:
                if not self._last[guarded.guard]:
                    raise NoAnswerError
                return

    def _draw_identity(self, device_map: DeviceMap) -> None:
        """What never changes while the device lives: its serial number, and parts that are not there."""
        known = truth(self.world)
        for field in device_map.fields:
            if field.point not in known:
                self._put(field, math.nan)
        for field in device_map.identity:
            if field.point == "serial":
                self._put(field, self.world.spec.serial)

    def _draw_controls(self) -> None:
        """The reserve as it stands at the start, and the world as the registers say after rounding."""
        for control in self._controls:
            if control.kind == ControlKind.RESERVE:
                self._put(self._registers[control.on[0].register].field, self.world.controls.reserve_pct)
        self._obey()

    def _put(self, field: Field, value: float | str) -> None:
        try:
            self._image.update(encode(field, value, self._image))
        except CodecError:
            return  # No room for it: what the template holds stays.


def _sayable(field: Field, value: float) -> float:
    """What a device says of a value that its registers have no word for: the nearest state, a current without sign."""
    if value * field.scale < 0 and field.type in _UNSIGNED and not field.terms:
        return abs(value) if field.point.endswith("_current_a") else 0.0
    if field.states is None or value in field.states.values():
        return value
    return float(_NEAREST.get(field.point, {}).get(int(value), value))


def _keys(field: Field) -> list[tuple[Table, int]]:
    return [
        (span.table, place)
        for span in replace(field, scale_factor_address=None).spans
        for place in range(span.start, span.end)
    ]


def _takes(register: Register, image: Mapping[tuple[Table, int], int]) -> bool:
    reading = decode(register.field, image)
    if reading is None or reading.value is None:
        return False
    # A part of a register that another one describes too is bounded by the one that it fits.
    return register.low - register.tolerance <= reading.value <= register.high + register.tolerance


def _apply(world: SiteWorld, kind: str, given: Mapping[str, float] | None) -> None:
    """Let what is ordered steer the world; ``given`` are the arguments while it is in force."""
    controls = world.controls
    power_w = (given or {}).get(Argument.POWER_W)
    match kind:
        case ControlKind.RESERVE:
            if given is not None:
                controls.reserve_pct = given[Argument.SOC_PCT]
        case ControlKind.CHARGE:
            controls.forced_charge_on = given is not None
            controls.forced_charge_power_w = world.spec.plant.charge_w if power_w is None else power_w
        case ControlKind.BACKUP:
            controls.backup = given is not None
        case ControlKind.EXPORT_LIMIT:
            controls.export_limit_on = given is not None
            controls.export_limit_w = 0.0 if power_w is None else power_w
        case _ if kind.startswith("tier"):
            tier = int(kind.removeprefix("tier"))
            if tier <= RELAYS:
                controls.closed[tier - 1] = given is not None
