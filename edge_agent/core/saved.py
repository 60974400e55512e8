"""What stood in the registers of a control before it was tried, and the order in which it is put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from device_profiles.controls import registers_of, value_in
from device_profiles.model import Argument, Control, Register
from edge_agent.core.actuation import Image, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRegister:
    """One register as it stood there."""

    name: str
    table: str
    address: int
    words: tuple[int, ...]
    """Empty for a register that can't be read."""
    value: float | None
    """In the register's unit; None where the words say "nothing here". Of a register that can't be read what a release
    leaves in it, None when the profile names nothing."""
    settle_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The registers of one control of one device, in the order in which they are to be written back."""

    id: str
    device: str
    unit: int
    profile: str
    kind: str
    taken_ms: int
    registers: tuple[SavedRegister, ...]
    serial: str = ""
    """Of the device, where it tells one: what stood in one device is never written into another."""

    @property
    def lacks(self) -> tuple[str, ...]:
        """Registers that nobody could put back: they can't be read, and no release says what they held."""
        return tuple(each.name for each in self.registers if each.value is None and not each.words)

    def as_json(self) -> dict[str, Any]:
        """For a report: each register's value, or its words where they hold no value."""
        return {r.name: list(r.words) if r.value is None else r.value for r in self.registers}


class CannotRestore(ValueError):  # noqa: N818  (named for what it means)
    """What was saved does not fit the device that is there now. The text says what differs."""


def saved_of(
    control: Control,
    registers: Mapping[str, Register],
    image: Image,
    *,
    saved_id: str,
    device: str,
    unit: int,
    profile: str,
    now_ms: int,
    serial: str = "",
) -> Saved:
    """The control's registers out of what was read. ``image`` must hold all of them."""
    settle_s = {write.register: write.settle_s for write in (*control.on, *control.off)}
    release = released_of(control)
    kept = []
    for name in restore_order(control):
        register = registers[name]
        block = register.block
        if not register.is_readable:
            kept.append(
                SavedRegister(
                    name=name,
                    table=block.table.value,
                    address=block.start,
                    words=(),
                    value=release.get(name),
                    settle_s=settle_s[name],
                )
            )
            continue
        kept.append(
            SavedRegister(
                name=name,
                table=block.table.value,
                address=block.start,
                words=tuple(image[block.table, at] for at in range(block.start, block.end)),
                value=value_in(register, image),
                settle_s=settle_s[name],
            )
        )
    return Saved(
        id=saved_id,
        device=device,
        unit=unit,
        profile=profile,
        kind=control.kind,
        taken_ms=now_ms,
        registers=tuple(kept),
        serial=serial,
    )


def restore_order(control: Control) -> tuple[str, ...]:
    """Registers as a release writes them (a mode is left before its set points are changed), then the others."""
    released = tuple(dict.fromkeys(write.register for write in control.off))
    rest = [name for name in reversed(registers_of(control)) if name not in released]
    return (*released, *rest)


def released_of(control: Control) -> dict[str, float]:
    """What a release leaves in each register, where that is a number."""
    return {write.register: write.to for write in control.off if not isinstance(write.to, Argument)}


def last_values(control: Control, arguments: Mapping[str, float]) -> dict[str, float]:
    """What each register holds at the end of an order; an argument that was not given leaves its register alone."""
    found: dict[str, float] = {}
    for write in control.on:
        value = arguments.get(write.to) if isinstance(write.to, Argument) else write.to
        if value is not None:
            found[write.register] = value
    return found


def targets_to_restore(
    saved: Saved, registers: Mapping[str, Register], *, profile: str, unit: int, serial: str = ""
) -> tuple[Target, ...]:
    """What to write to make it as it was.

    Raises:
        CannotRestore: the device is another one now, or its registers are elsewhere.
    """
    if saved.profile != profile or saved.unit != unit:
        raise CannotRestore(f"saved from profile {saved.profile} unit {saved.unit}, now {profile} unit {unit}")
    if saved.serial and serial and saved.serial != serial:
        raise CannotRestore(f"saved from the device with serial number {saved.serial}, now there is {serial}")
    targets = []
    for each in saved.registers:
        register = registers.get(each.name)
        if register is None or (register.block.table.value, register.block.start) != (each.table, each.address):
            raise CannotRestore(f"register {each.name} stood at {each.table} {each.address} and does no longer")
        if each.value is None and not each.words:
            continue
        words = None if each.value is not None else each.words
        targets.append(Target(register=each.name, value=each.value, words=words, settle_s=each.settle_s))
    return tuple(targets)
