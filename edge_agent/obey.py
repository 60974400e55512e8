"""Carries out orders: the only place where registers of a device are written, and only with an interlock's "allow".

What is decided stands in core/interlocks.py and core/actuation.py; here it is done on a line.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from device_profiles.blocks import plan
from device_profiles.codec import readings
from device_profiles.controls import blocks_of, by_name, registers_of, value_in
from device_profiles.model import Block, Control, DeviceMap, Table
from edge_agent.core.actuation import Came, Effect, Fate, Look, Pause, Put, Target, actuate, observe, targets_of
from edge_agent.core.interlocks import (
    SOC,
    Allow,
    Facts,
    History,
    Order,
    Reason,
    Refuse,
    Rules,
    View,
    allow_restoring,
    judge,
    may_release,
)
from edge_agent.core.outcomes import Failure, Outcome, Stage
from edge_agent.core.saved import CannotRestore, Saved, last_values, released_of, saved_of, targets_to_restore
from edge_agent.io.bus import DeviceRefused, LinkDown, RegisterLine, Unreachable

log = structlog.get_logger()
T = TypeVar("T")


class CannotSave(Exception):  # noqa: N818  (named for what it means)
    """What stands in the device can't be read, so nothing of it may be tried. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one order."""

    device: str
    kind: str
    off: bool
    arguments: Mapping[str, float]
    stage: Stage
    began_ms: int
    ended_ms: int
    reason: Reason | None = None
    """Of a refusal."""
    facts: Facts = field(default_factory=dict)
    outcome: Outcome | None = None
    """None when it was refused."""

    @property
    def is_good(self) -> bool:
        """Whether every register holds what was wanted."""
        return self.stage is Stage.READ_BACK

    @property
    def is_done(self) -> bool:
        """The same, or confirmed by the device where it lets nobody read a register back."""
        return self.outcome is not None and self.outcome.is_done


def monotonic_ms() -> int:
    """Milliseconds of the clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


class Obeyer:
    """Orders for one device on its line. One order at a time; the line may be read by others meanwhile."""

    def __init__(
        self,
        line: RegisterLine,
        unit: int,
        device_map: DeviceMap,
        timeout_s: float,
        *,
        device: str = "",
        serial: str = "",
        rules: Rules = Rules(),  # noqa: B008  (frozen)
        history: History = History(),  # noqa: B008  (frozen)
        now_ms: Callable[[], int] = monotonic_ms,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.device = device or device_map.profile
        self.serial = serial
        self.map = device_map
        self.unit = unit
        self.history = history
        self.rules = rules
        self._line, self._timeout_s = line, timeout_s
        self._now_ms, self._sleep = now_ms, sleep
        self._registers = by_name(device_map.registers)
        self._lock = asyncio.Lock()

    def control(self, kind: str) -> Control | None:
        """The control of this kind; None when the device has none."""
        return next((control for control in self.map.controls if control.kind == kind), None)

    async def order(self, control: Control, arguments: Mapping[str, float], *, off: bool = False) -> Receipt:
        """Carry out an order, or refuse it. Never raises what a device does; a cancellation leaves the rest undone."""
        async with self._lock:
            began_ms = self._now_ms()
            order = Order(control=control, registers=self._registers, arguments=arguments, off=off)
            verdict = judge(order, await self._look(control), self.history, self._now_ms(), self.rules)
            if isinstance(verdict, Refuse):
                log.info("order refused", device=self.device, kind=control.kind, reason=verdict.reason.value)
                return self._receipt(control, arguments, off, began_ms, refused=verdict)
            outcome = await self._act(targets_of(verdict.writes), verdict, control)
            if outcome.writes and not off:
                self.history = History(on_ms={**self.history.on_ms, control.kind: self._now_ms()})
            return self._receipt(control, arguments, off, began_ms, outcome=outcome)

    async def holds(self, control: Control, arguments: Mapping[str, float]) -> tuple[bool | None, str]:
        """Whether its registers still hold an order, and which does not; None: nothing of it can be read."""
        wanted = last_values(control, arguments)
        names = [name for name in wanted if self._registers[name].is_readable]
        async with self._lock:
            image = await self._drive(observe(names, self._registers)) if names else None
        if image is None:
            return None, ""
        for name in names:
            register = self._registers[name]
            value = value_in(register, image)
            if value is None or abs(value - wanted[name]) > register.tolerance:
                shown = "nothing" if value is None else f"{value:g} {register.unit}".rstrip()
                return False, f"{name} holds {shown}, ordered was {wanted[name]:g}"
        return True, ""

    async def snapshot(self, control: Control) -> Saved:
        """What stands in the control's registers now. Raises CannotSave."""
        async with self._lock:
            image = await self._drive(observe(registers_of(control), self._registers))
        if image is None:
            raise CannotSave(f"{self.device}: the registers of {control.kind} can't be read; nothing was written")
        return saved_of(
            control,
            self._registers,
            image,
            saved_id=secrets.token_hex(8),
            device=self.device,
            unit=self.unit,
            profile=self.map.profile,
            now_ms=self._now_ms(),
            serial=self.serial,
        )

    async def restore(self, saved: Saved, *, is_order: bool = False) -> Receipt:
        """Write back what stood there, and read it back. What stands there already is not written.

        Args:
            saved: what stood there.
            is_order: releasing is what is ordered, so the interlocks have a say. After a test they have none: the
                device is to be as it was found.
        """
        async with self._lock:
            began_ms = self._now_ms()
            control = self.control(saved.kind)
            try:
                targets = targets_to_restore(
                    saved, self._registers, profile=self.map.profile, unit=self.unit, serial=self.serial
                )
                if control is None:
                    raise CannotRestore(f"the device has no control {saved.kind} any more")
            except CannotRestore as error:
                outcome = Outcome(stage=Stage.FAILED, failure=Failure.OTHER_DEVICE, detail=str(error))
                return self._receipt(control, {}, True, began_ms, outcome=outcome, kind=saved.kind)
            refused = may_release(control, await self._look(control), self.rules) if is_order else None
            if refused is not None:
                return self._receipt(control, {}, True, began_ms, refused=refused)
            allowed = allow_restoring(control, self._registers)
            outcome = await self._act(targets, allowed, control, take_back=False)
            return self._receipt(control, {}, True, began_ms, outcome=outcome)

    async def _act(
        self, targets: tuple[Target, ...], allowed: Allow, control: Control, *, take_back: bool = True
    ) -> Outcome:
        outcome = await self._drive(
            actuate(
                targets,
                self._registers,
                unlock=allowed.unlock,
                always_write=control.refresh_s > 0,
                take_back=take_back,
                released=released_of(control),
            )
        )
        failure = outcome.failure and outcome.failure.value
        log.info(
            "order done", device=self.device, kind=control.kind, stage=outcome.stage.value, failure=failure,
            writes=outcome.writes,
        )  # fmt: skip
        return outcome

    async def _look(self, control: Control) -> View | None:
        """What the interlocks must see: state of charge and the point that proves the control. None: nobody answers."""
        wanted = {SOC, control.proof}
        plain = [f for f in self.map.fields if f.guard is None]
        fields = [f for f in plain if f.point in wanted]
        image: dict[tuple[Table, int], int] = {}
        is_seen = False
        own = blocks_of(registers_of(control), self._registers) or tuple(f.spans[0] for f in plain)
        for block in plan(fields, self.map.limits) or own[:1]:
            came = await self._read(block)
            if came.fate is Fate.UNKNOWN or came.fate is Fate.NOT_SENT:
                return None
            is_seen = True
            image |= {(block.table, block.start + n): word for n, word in enumerate(came.words)}
        values = {r.point: r.value for r in readings(tuple(fields), image) if r.value is not None}
        return View(taken_ms=self._now_ms(), values=values) if is_seen else None

    async def _drive(self, acting: Generator[Effect, Came, T]) -> T:
        """Do what a generator that only decides wants done."""
        try:
            effect = next(acting)
            while True:
                effect = acting.send(await self._do(effect))
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            acting.close()

    async def _do(self, effect: Effect) -> Came:
        match effect:
            case Look(block):
                return await self._read(block)
            case Put():
                return await self._write(effect)
            case Pause(seconds):
                if seconds > 0:
                    await self._sleep(seconds)
                return Came()

    async def _read(self, block: Block) -> Came:
        try:
            return Came(words=await self._line.read(block, self.unit, timeout_s=self._timeout_s))
        except DeviceRefused as error:
            return Came(Fate.REFUSED, code=error.code, text=str(error))
        except LinkDown as error:
            return Came(Fate.UNKNOWN, text=str(error))

    async def _write(self, put: Put) -> Came:
        multiple = self.map.limits.write_multiple_only
        try:
            await self._line.write(put.block, put.words, self.unit, timeout_s=self._timeout_s, multiple=multiple)
        except DeviceRefused as error:
            return Came(Fate.REFUSED, code=error.code, text=str(error))
        except Unreachable as error:
            return Came(Fate.NOT_SENT, text=str(error))
        except LinkDown as error:
            return Came(Fate.UNKNOWN, text=str(error))
        return Came()

    def _receipt(
        self,
        control: Control | None,
        arguments: Mapping[str, float],
        off: bool,
        began_ms: int,
        *,
        refused: Refuse | None = None,
        outcome: Outcome | None = None,
        kind: str = "",
    ) -> Receipt:
        made = Receipt(
            device=self.device,
            kind=kind or (control.kind if control else ""),
            off=off,
            arguments=dict(arguments),
            stage=Stage.REFUSED if outcome is None else outcome.stage,
            began_ms=began_ms,
            ended_ms=self._now_ms(),
            outcome=outcome,
        )
        return made if refused is None else replace(made, reason=refused.reason, facts=refused.facts)
