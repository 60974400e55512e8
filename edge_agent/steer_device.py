"""One steered device: does the next step of its track through ``obey``, and remembers what it left in the device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog

from contract.readings import Reading
from contract.steering import Reason
from device_profiles.blocks import plan
from device_profiles.codec import readings
from device_profiles.controls import by_name
from device_profiles.model import Control, ControlKind, DeviceMap, Table
from edge_agent.core import interlocks
from edge_agent.core.outcomes import Outcome
from edge_agent.core.receipts import FAILURES, REFUSALS
from edge_agent.core.saved import Saved
from edge_agent.core.standing import Own
from edge_agent.core.tracking import Came, Check, Order, Step, Timing, Track, after_check, after_order
from edge_agent.core.wanted import Able, DeviceOrder, able
from edge_agent.io.bus import BusError, RegisterLine
from edge_agent.obey import CannotSave, Obeyer, Receipt
from edge_agent.session import DeviceSession
from edge_agent.words_orders import receipt_in_words

log = structlog.get_logger()

Clock = Callable[[], int]
_NOT_HELD: Final = frozenset({ControlKind.RESERVE})
"""Set, not held: there is nothing to release."""


class SteeredDevice:
    """A device with controls. ``held`` and ``saved`` survive a reboot; ``changed`` is called when they change."""

    def __init__(
        self,
        session: DeviceSession,
        line: RegisterLine,
        *,
        now_ms: Clock,
        make_obeyer: Callable[..., Obeyer] = Obeyer,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.id = session.id
        self.session = session
        self.held: set[str] = set()
        self.saved: dict[str, Saved] = {}
        self.changed = changed
        self._line, self._now_ms, self._make = line, now_ms, make_obeyer
        self._obeyer: Obeyer | None = None

    @property
    def map(self) -> DeviceMap | None:
        """What the device is, as far as it is known."""
        return self.session.map

    def able(self, values: Mapping[str, float], own: Own) -> Able | None:
        """What can be ordered of it now; None while nobody has met it."""
        if self.map is None:
            return None
        found = able(self.map.controls, by_name(self.map.registers), self.held)
        return Able(
            controls=found.controls,
            registers=found.registers,
            held=found.held,
            floor_pct=own.floor_pct,
            soc_pct=values.get("battery.soc_pct"),
            max_charge_w=min(
                (w for w in (values.get("battery.max_charge_power_w"), own.charge_power_w) if w), default=None
            ),
        )

    def refresh_s(self) -> dict[str, float]:
        """How often each kind of control wants to be told again."""
        return {} if self.map is None else {control.kind: control.refresh_s for control in self.map.controls}

    async def perform(
        self, step: Step, latest: Callable[[], Track | None], rules: interlocks.Rules, timing: Timing
    ) -> Track | None:
        """Do a step; the track as it is then, None when a newer wish took its place meanwhile."""
        before = latest()
        assert before is not None
        if isinstance(step, Order):
            came = await self.order(step.order, rules)
            track = latest()
            if track is None or track.number != before.number:
                return None
            return after_order(track, step, came, timing, self._now_ms())
        if isinstance(step, Check):
            holds, detail = await self.check(step.orders)
            track = latest()
            if track is None or track.number != before.number:
                return None
            return after_check(track, holds, timing, self._now_ms(), detail=detail)
        return None

    async def order(self, order: DeviceOrder, rules: interlocks.Rules) -> Came:
        """Carry out one order, or say why not."""
        obeyer = self._obey()
        control = obeyer.control(order.kind) if obeyer is not None else None
        if obeyer is None or control is None:
            return Came(is_good=False, reason=Reason.NO_CONTROL, detail=order.kind)
        obeyer.rules = rules
        if not order.off and order.kind not in _NOT_HELD:
            refused = await self._remember(obeyer, control)
            if refused is not None:
                return refused
        saved = self.saved.get(order.kind) if order.off else None
        if saved is not None:
            receipt = await obeyer.restore(saved, is_order=True)
        else:
            receipt = await obeyer.order(control, order.arguments, off=order.off)
        if order.off and receipt.is_done:
            self.held.discard(order.kind)
            self.saved.pop(order.kind, None)
            self.changed()
        return came_of(receipt)

    async def check(self, orders: tuple[DeviceOrder, ...]) -> tuple[bool | None, str]:
        """Whether the registers of all these orders still hold them."""
        obeyer = self._obey()
        verdict: bool | None = None
        for order in orders:
            control = obeyer.control(order.kind) if obeyer is not None else None
            if obeyer is None or control is None:
                return None, ""
            holds, detail = await obeyer.holds(control, order.arguments)
            if holds is False:
                return False, detail
            verdict = verdict or holds
        return verdict, ""

    async def peek(self, points: Collection[str]) -> tuple[Reading, ...]:
        """What these points say now, beside the polls; nothing while the device is not known or does not answer."""
        plans = self.session.plans
        if plans is None or self.map is None:
            return ()
        sums = [each for each in plans.fast.sums if each.point in points]
        wanted = {*points, *(part for each in sums for part in (*each.of, *each.less))} - plans.fast.refused
        fields = [f for f in plans.fast.fields if f.point in wanted and f.guard is None]
        image: dict[tuple[Table, int], int] = {}
        for block in plan(fields, self.map.limits):
            try:
                words = await self._line.read(block, self.session.unit, timeout_s=self.session.timeout_s)
            except BusError:
                return ()  # The next poll tells why.
            image |= {(block.table, block.start + n): word for n, word in enumerate(words)}
        return tuple(reading for reading in readings(fields, image, sums) if reading.value is not None)

    async def _remember(self, obeyer: Obeyer, control: Control) -> Came | None:
        """Note on disk what is about to be ordered, and what stood there where only that can release it."""
        if control.kind in self.held:
            return None
        if not control.off or control.kind == ControlKind.EXPORT_LIMIT:
            try:
                self.saved[control.kind] = await obeyer.snapshot(control)
            except CannotSave as error:
                return Came(is_good=False, reason=Reason.DEVICE_DARK, detail=str(error))
        self.held.add(control.kind)
        self.changed()
        return None

    def _obey(self) -> Obeyer | None:
        device_map = self.session.map
        if device_map is None:
            return None
        if self._obeyer is None or self._obeyer.map is not device_map:
            history = self._obeyer.history if self._obeyer is not None else interlocks.History()
            self._obeyer = self._make(
                self._line,
                self.session.unit,
                device_map,
                self.session.timeout_s,
                device=self.id,
                history=history,
                now_ms=self._now_ms,
            )
        return self._obeyer


def came_of(receipt: Receipt) -> Came:
    """What an obeyer's receipt means for the track."""
    if receipt.reason is interlocks.Reason.TOO_SOON:
        return Came(is_good=False, wait_s=max(0.1, float(receipt.facts["wait_s"])))
    detail = "" if receipt.is_good else f"{receipt.kind}: {receipt_in_words(receipt, 'en').what}"
    if receipt.reason is not None:
        return Came(is_good=False, reason=REFUSALS.get(receipt.reason, Reason.INTERLOCK), detail=detail)
    outcome = receipt.outcome
    assert outcome is not None
    return Came(
        is_good=receipt.is_done,
        is_readable=receipt.is_good,
        reason=_reason(outcome),
        detail=detail,
        writes=outcome.writes,
    )


def _reason(outcome: Outcome) -> Reason:
    if outcome.is_done:
        return Reason.NONE
    if outcome.failure is None:
        return Reason.WRITE_LOST
    return FAILURES[outcome.failure]
