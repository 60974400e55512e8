"""Plant → registers and registers → plant, by profile: one instance is one Modbus unit. No I/O.

An image is drawn when it is read and the plant has moved since. An address outside of it does not exist, and only the
profile's registers can be written. Time is that of the plant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from device_profiles.codec import CodecError, decode_text, encode
from device_profiles.controls import by_name, value_in
from device_profiles.discover import discover
from device_profiles.image import Template, run
from device_profiles.load import load
from device_profiles.model import Block, Control, ControlKind, DeviceMap, Field, Table, Write
from simulator.deceit import HEARTBEAT_ENDS_S, Deceits
from simulator.faults import Fault, FaultKind
from simulator.orders import Given, fits, obey, ordered
from simulator.physics import Controls
from simulator.planted import Planted, Truth, address_shift, shown, word_order_of
from simulator.showing import at_the_end, keys_of, nothing_in, objects_of, sayable, serial_like
from simulator.unit import IllegalAddressError, IllegalValueError, LockedError, NoAnswerError

__all__ = ["IllegalAddressError", "IllegalValueError", "NoAnswerError", "Plant", "SimulatedDevice"]

_NAN_IN_THE_DARK: Final = frozenset({"sma"})
"""Families that say "not available" of their PV inputs when there is no sun."""
_TRACKER: Final = re.compile(r"pv\d+\.\w+")

Words = dict[tuple[Table, int], int]


class Plant(Protocol):
    """What a device shows and steers."""

    @property
    def steps(self) -> int:
        """Grows whenever the plant has changed."""
        ...

    @property
    def at_ms(self) -> int:
        """The plant's own time, UTC milliseconds."""
        ...

    @property
    def controls(self) -> Controls:
        """What steers it."""
        ...

    @property
    def charge_w(self) -> float:
        """Power of a charge that names none."""
        ...

    @property
    def serial(self) -> str:
        """Serial number of the device; empty: the reference device's."""
        ...

    def truth(self) -> dict[str, float]:
        """What instruments could measure now, by point."""
        ...

    def touch(self) -> None:
        """Say that something was changed from outside."""
        ...


@dataclass(frozen=True, slots=True)
class _Guarded:
    span: Block
    guard: str


class SimulatedDevice:
    """One Modbus unit: its registers show the plant, and what is written into them steers it.

    ``instrument`` and ``planted`` say which mistakes of the installation this device has.
    """

    def __init__(
        self, template: Template, plant: Plant, *, instrument: str = "", planted: Iterable[Planted] = ()
    ) -> None:
        self.profile = template.profile_id
        self.plant = plant
        self.fault: Fault | None = None
        self._instrument = instrument
        self._planted = tuple(planted)
        self._shift = address_shift(self._planted, instrument)
        self._start = plant.truth()
        self._image: Words = dict(template.image)
        self._last: Truth = {}
        self._drawn_steps = -1
        self._denied: frozenset[tuple[Table, int]] = frozenset()
        self._given: dict[str, float] = {}
        self._ordered_ms: dict[str, int] = {}
        self._deceits = Deceits(self._planted, instrument)
        self._take_map(template.device_map)
        self._draw_identity(template.device_map)
        self.draw()
        # Sizes stand in the image now; where a register counts in shares of one, its scale is another.
        self._take_map(run(discover(load(self.profile)), self._image))
        self._normal = dict(self._image)
        self._draw_controls()

    def _take_map(self, device_map: DeviceMap) -> None:
        known = self._seen()
        self._map = device_map
        # The device itself knows what stands in a register that nobody can read.
        registers = tuple(replace(r, field=self._kept(r.field), is_readable=True) for r in device_map.registers)
        hidden = (r.field for r in device_map.registers if not r.is_readable)
        self._hidden = {key: word for field in hidden for key, word in nothing_in(field).items()}
        self._registers = by_name(registers)
        self._writable = {key for register in registers for key in keys_of(register.field)}
        self._fields = tuple(self._kept(field) for field in device_map.fields if field.point in known)
        self._guarded = [_Guarded(span, field.guard) for field in self._fields if field.guard for span in field.spans]
        self._locks = {
            name: control.unlock
            for control in device_map.controls
            if control.unlock
            for name in (write.register for write in (*control.on, *control.off))
        }

    def _kept(self, field: Field) -> Field:
        return word_order_of(self._planted, self._instrument, field)

    @property
    def controls(self) -> tuple[Control, ...]:
        """What can be ordered of this device."""
        return self._map.controls

    @property
    def device_map(self) -> DeviceMap:
        """What a client learns of this device."""
        return self._map

    @property
    def wants_multiple(self) -> bool:
        """Whether it takes only requests that write several registers."""
        return self._map.limits.write_multiple_only

    @property
    def objects(self) -> Mapping[int, str]:
        """Texts of device identification."""
        return objects_of(
            load(self.profile), {each.point: decode_text(each, self._image) for each in self._map.identity}
        )

    def registers(self) -> Words:
        """A copy of the image as it is now."""
        self.draw()
        return dict(self._image)

    def orders(self) -> dict[str, Given | None]:
        """What is ordered now: each control's arguments while it is in force, else None."""
        self.draw()
        return ordered(self.controls, self._registers, self._image)

    def value_of(self, register: str) -> float | None:
        """What stands in a register that may be written, in its unit."""
        self.draw()
        return value_in(self._registers[register], self._image)

    def set_register(self, name: str, value: float) -> str:
        """Put a value into a register from outside; the plant obeys. Returns what is wrong with it, else nothing."""
        register = self._registers[name]
        if not register.low <= value <= register.high:
            return f"{name}={value:g}: want {register.low:g} to {register.high:g} {register.unit}".rstrip()
        self._put(register.field, value)
        self._ordered_ms |= {c.kind: self.plant.at_ms for c in self.controls if name in {w.register for w in c.on}}
        self._obey()
        return ""

    def set_fault(self, fault: Fault | None) -> None:
        """Break the device in one way, or mend it."""
        self.fault = fault
        denied = fault.points if fault is not None else ()
        every = (*self._fields, *(register.field for register in self._registers.values()))
        self._denied = frozenset(key for field in every if field.point in denied for key in keys_of(field))

    def live(self) -> None:
        """Let happen what time brings: an order that was not refreshed ends, a write that does not stick is undone."""
        now_ms = self.plant.at_ms
        undone = self._deceits.undone(now_ms)
        ended = [c for c in self.controls if self._is_over(c, now_ms)] if self._ordered_ms else []
        if not undone and not ended:
            return
        self._image.update(undone)
        for control in ended:
            del self._ordered_ms[control.kind]
            if ordered((control,), self._registers, self._image)[control.kind] is not None:
                self._release(control)
        self._obey()

    def _is_over(self, control: Control, now_ms: int) -> bool:
        since_ms = self._ordered_ms.get(control.kind)
        falls_back_s = control.falls_back_s
        if self._deceits.hears_no_heartbeat and control.refresh_s:
            falls_back_s = min(HEARTBEAT_ENDS_S, falls_back_s or HEARTBEAT_ENDS_S)
        return bool(falls_back_s) and since_ms is not None and now_ms - since_ms >= falls_back_s * 1000

    def draw(self) -> None:
        """Bring the image up to the plant."""
        self.live()
        if self._drawn_steps == self.plant.steps or (self.fault and self.fault.kind is FaultKind.FROZEN):
            return
        now = self._seen()
        last = self._last
        for field in self._fields:
            value = now[field.point]
            # NaN is unlike itself, so what is gone is drawn every time.
            if last.get(field.point) != value:
                self._put(field, sayable(field, value))
        self._last = now
        self._drawn_steps = self.plant.steps

    def _seen(self) -> dict[str, float]:
        now = self.plant.truth()
        if self.profile in _NAN_IN_THE_DARK and not now["pv.power_w"]:
            now = now | {point: math.nan for point in now if _TRACKER.fullmatch(point)}
        return shown(self._planted, self._instrument, now, self._start)

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers as a master reads them.

        Raises:
            IllegalAddressError: one of them does not exist.
            NoAnswerError: this device does not answer to such a request.
        """
        self.draw()
        address -= self._shift
        self._check_guards(table, address, count)
        if self._denied and any((table, address + n) in self._denied for n in range(count)):
            raise IllegalAddressError
        image = self._image
        try:
            words = [image[table, place] for place in range(address, address + count)]
        except KeyError:
            raise IllegalAddressError from None
        if self._hidden:
            words = [self._hidden.get((table, address + n), word) for n, word in enumerate(words)]
        now_ms = self.plant.at_ms
        return [self._deceits.shown((table, address + n), word, now_ms) for n, word in enumerate(words)]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Registers as a master writes them; the plant obeys at its next step.

        Raises:
            IllegalAddressError: one of them cannot be written.
            IllegalValueError: a register does not take this value. Nothing was changed.
            LockedError: it has to be unlocked first.
        """
        self.draw()
        written = {(table, address - self._shift + n): int(word) for n, word in enumerate(words)}
        if not written.keys() <= self._writable or written.keys() & self._denied:
            raise IllegalAddressError
        image = {**self._image, **written}
        touched = [r for r in self._registers.values() if not written.keys().isdisjoint(keys_of(r.field))]
        if any(self._is_locked(register.name) for register in touched):
            raise LockedError
        # A part of a register that another one describes too is bounded by the one that it fits.
        taken = {key for register in touched if fits(register, image) for key in keys_of(register.field)}
        if not written.keys() <= taken:
            raise IllegalValueError
        self._given |= {r.name: value for r in touched if (value := value_in(r, image)) is not None}
        self._image = self._deceits.keep(self._image, image, touched, self.plant.at_ms)
        names = {register.name for register in touched}
        for control in self.controls:
            if names & {write.register for write in control.on}:
                is_new = not (self._deceits.hears_no_heartbeat and control.kind in self._ordered_ms)
                self._ordered_ms[control.kind] = self.plant.at_ms if is_new else self._ordered_ms[control.kind]
        self._obey()
        self.plant.touch()

    def _is_locked(self, name: str) -> bool:
        wanted = self._locks.get(name, ())
        return any(self._given.get(write.register) != write.to for write in wanted)

    def _obey(self) -> None:
        """Let the plant do what the registers say."""
        if Planted.NO_EFFECT in self._planted:
            return
        self._steer(ordered(self.controls, self._registers, self._image))

    def _steer(self, orders: Mapping[str, Given | None]) -> None:
        obey(self.plant.controls, orders, self.plant.charge_w)
        self.plant.touch()

    def _check_guards(self, table: Table, address: int, count: int) -> None:
        for guarded in self._guarded:
            span = guarded.span
            if span.table is table and address < span.end and span.start < address + count:
                if not self._last[guarded.guard]:
                    raise NoAnswerError
                return

    def _draw_identity(self, device_map: DeviceMap) -> None:
        """What never changes while the device lives: its serial number, and parts that are not there."""
        known = self._seen()
        for field in device_map.fields:
            if field.point not in known:
                self._put(field, math.nan)
        for field in device_map.identity:
            if field.point == "serial" and self.plant.serial:
                self._put(field, serial_like(decode_text(field, self._image) or "", self.plant.serial))

    def _draw_controls(self) -> None:
        """Registers as they stand at the start, and the plant as the registers say after rounding."""
        for control in self.controls:
            if control.kind == ControlKind.RESERVE:
                self._set(control.on, {"soc_pct": self.plant.controls.reserve_pct})
            elif control.kind.startswith("tier"):
                closed = self.plant.controls.closed[int(control.kind.removeprefix("tier")) - 1]
                self._set(control.on if closed else control.off, {})
            elif ordered((control,), self._registers, self._image)[control.kind] is not None:
                self._release(control)
        self._steer(ordered(self.controls, self._registers, self._image))

    def _release(self, control: Control) -> None:
        """End an order by the device's own doing."""
        if control.off:
            self._set(control.off, {})
        else:
            keys = {key for write in control.on for key in keys_of(self._registers[write.register].field)}
            self._image |= {key: self._normal[key] for key in keys}

    def _set(self, writes: Iterable[Write], given: Given) -> None:
        for write in writes:
            value = given.get(write.to) if isinstance(write.to, str) else write.to
            if value is not None:
                self._put(self._registers[write.register].field, value)

    def _put(self, field: Field, value: float | str) -> None:
        try:
            self._image.update(encode(field, value, self._image))
        except CodecError:
            if isinstance(value, str) or math.isnan(value):
                return  # No room for it: what the template holds stays.
            self._image.update(at_the_end(field, value, self._image))
