"""What may be ordered of a device, as registers: decisions over values, no I/O.

A profile names the registers that steer a device (``Register``) and says for each control which of them are written in
which order (``Write``), so that the edge can order "reserve 60 %" of any family without knowing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from device_profiles.codec import decode
from device_profiles.encode import encode
from device_profiles.model import Argument, Block, Control, ControlKind, FaultText, Image, Register, Write


class ControlError(ValueError):
    """An order that this device cannot take. The text says which value, and what would be possible."""


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """A step with its value: what is to be written into which register."""

    register: Register
    value: float
    settle_s: float


def planned(
    writes: Iterable[Write], registers: Mapping[str, Register], given: Mapping[str, float]
) -> tuple[PlannedWrite, ...]:
    """A sequence with its arguments put in; steps whose argument is not given are left out.

    Raises:
        ControlError: a value is outside of its register's range.
    """
    made = []
    for write in writes:
        value = given.get(write.to) if isinstance(write.to, Argument) else write.to
        if value is None:
            continue
        register = registers[write.register]
        if not register.low <= value <= register.high:
            raise ControlError(
                f"{register.name}: {value:g} {register.unit}".rstrip()
                + f" is outside of {register.low:g} to {register.high:g}"
            )
        made.append(PlannedWrite(register, value, write.settle_s))
    return tuple(made)


def words_to_write(register: Register, value: float, present: Image) -> tuple[Block, tuple[int, ...]]:
    """The block and words of one write. ``present`` must hold the register when only some of its bits are ours.

    Raises:
        CodecError: the register cannot hold the value.
    """
    words = encode(register.field, value, present)
    block = register.block
    return block, tuple(words[block.table, at] for at in range(block.start, block.end))


def value_in(register: Register, image: Image) -> float | None:
    """What stands in a register now, in its unit; None when it was not read or holds nothing."""
    reading = decode(register.field, image)
    return None if reading is None else reading.value


def blocks_of(names: Iterable[str], registers: Mapping[str, Register]) -> tuple[Block, ...]:
    """What must be read to know these registers: each once, in their order, scale factors included.

    A register that cannot be read is not asked for.
    """
    spans = (span for name in names if registers[name].is_readable for span in registers[name].field.spans)
    return tuple(dict.fromkeys(spans))


def registers_of(control: Control) -> tuple[str, ...]:
    """Names of all registers that a control writes, unlocking apart, in the order of first use."""
    return tuple(dict.fromkeys(write.register for write in (*control.on, *control.off)))


def in_force(control: Control, registers: Mapping[str, Register], image: Image) -> Mapping[str, float] | None:
    """The arguments with which a control is on now, as the registers say; None when it is off or not known.

    On means: every register that ``on`` leaves at a number holds that number. A control that only sets arguments
    (a reserve) is always on. Registers that cannot be read tell nothing; of a control that has no others nobody knows.
    """
    if not any(registers[write.register].is_readable for write in control.on):
        return None
    found: dict[str, float] = {}
    # A register that is written twice holds what came last.
    for write in {write.register: write for write in control.on}.values():
        register = registers[write.register]
        if not register.is_readable:
            continue
        value = value_in(register, image)
        if value is None:
            return None
        if isinstance(write.to, Argument):
            found[write.to] = value
        elif abs(value - write.to) > register.tolerance:
            return None
    # A charge of 0 W is none, and power below 0 is no order: some devices are released by just that.
    least_w = 1e-6 if control.kind == ControlKind.CHARGE else 0.0
    return found if found.get(Argument.POWER_W, 1.0) >= least_w else None


def faults_in(texts: Iterable[FaultText], values: Mapping[str, float | None]) -> tuple[FaultText, ...]:
    """The faults that the values of a device's fault points stand for, in the order of the profile."""
    found = []
    for text in texts:
        value = values.get(text.point)
        if value is None:
            continue
        raw = int(value)
        if (raw >> text.code & 1) if text.is_bit else raw == text.code:
            found.append(text)
    return tuple(found)


def by_name(registers: Iterable[Register]) -> dict[str, Register]:
    """Registers by their name."""
    return {register.name: register for register in registers}
