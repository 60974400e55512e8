"""One control test: note what stands there, order something else, watch, put back what was there, read that back.

What stood there is in the journal on disk before anything is written, so that a test which is cut short (Ctrl-C, a
power cut, kill -9) is mended at the next start. Whatever goes wrong, the restoring is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from contract.commissioning import ControlVerdict
from device_profiles.controls import by_name, in_force
from device_profiles.model import Control, Image, Register, Table
from edge_agent.commissioning.live import LivePlant
from edge_agent.commissioning.progress import Ask, Progress, Tell, Timing
from edge_agent.commissioning.trial import Cannot, Following, Trial, main_register, plan_trial
from edge_agent.core.interlocks import History, Reason, Rules
from edge_agent.core.outcomes import Failure
from edge_agent.core.saved import Saved, last_values
from edge_agent.io.journal import Journal, JournalError
from edge_agent.obey import CannotSave, Obeyer, Receipt

WAIT_S_MAX: Final = 600.0
_KINDS: Final = {Failure.REVERTED: "write_reverts"}
"""Failures under the name that the checks know them by; the others keep their own."""

_CUT_OFF: Final = frozenset({"grid_lost_midway", "fault_midway"})
"""The plant changed while it was tested: that says nothing of the control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of one control test."""

    device: str
    control: str
    verdict: ControlVerdict
    kind: str = ""
    """What was wrong or in the way: write_ignored, write_reverts, write_scaled, no_effect, grid_lost, …"""
    facts: Mapping[str, str | float] | None = None
    trial: Trial | None = None
    register: str = ""
    unit: str = ""
    before: float | None = None
    written: float | None = None
    read_back: float | None = None
    is_read_back: bool = True
    """False: the device lets nobody read the register, so only what the plant does can prove it."""
    restored: float | None = None
    receipt: Receipt | None = None
    """Of the order, when it was refused or failed, or of the restoring, when that failed."""
    seen_w: float | None = None
    """Power at which the plant was seen to follow, or not to."""
    follows: bool = False
    """The plant was seen to follow."""
    answer: str = ""
    """What a person said went dark."""
    written_at_s: float | None = None
    """When a register was written last, UTC seconds."""


@dataclass(slots=True)
class _Run:
    """What is known while a test runs."""

    trial: Trial
    saved: Saved
    kind: str = ""
    receipt: Receipt | None = None
    is_read_back: bool = False
    read_back: float | None = None
    following: Following | None = None
    answer: str = ""
    written_at_s: float | None = None


class ControlTest:
    """Tests controls of one device."""

    def __init__(
        self,
        live: LivePlant,
        device: str,
        journal: Journal,
        timing: Timing,
        tell: Tell,
        *,
        ask: Ask | None = None,
        last_written_s: Mapping[str, float] | None = None,
        floor_pct: float = 0.0,
    ) -> None:
        self._live, self._device, self._journal = live, device, journal
        self._timing, self._tell, self._ask = timing, tell, ask
        self._floor_pct = floor_pct
        place = live.places[device]
        self._registers = by_name(place.map.registers)
        now_s, elapsed_ms = timing.now(), self._elapsed_ms()
        self._obeyer = Obeyer(
            place.bus.line,
            place.session.unit,
            place.map,
            place.session.timeout_s,
            device=device,
            serial=place.session.identity.get("serial", ""),
            rules=Rules(floor_pct=floor_pct),
            # A wall clock that was set back must not make anybody wait longer than the interval.
            history=History(
                on_ms={
                    kind: elapsed_ms - int(1000 * max(0.0, now_s - at_s))
                    for kind, at_s in (last_written_s or {}).items()
                }
            ),
            now_ms=self._elapsed_ms,
            sleep=timing.pause,
        )

    def _elapsed_ms(self) -> int:
        return int(self._timing.elapsed() * 1000)

    async def put_back(self, saved: Saved) -> Receipt:
        """Put back what an earlier test has left in the device. Raises JournalError."""
        receipt = await self._obeyer.restore(saved)
        if receipt.is_done:
            self._journal.done(saved.id)
        return receipt

    async def run(self, control: Control) -> Tested:
        """Test one control. Never raises what a device does; restores also when it is cancelled.

        Raises:
            JournalError: what stands there can't be noted on disk; nothing was written.
        """
        name = main_register(control)
        register = self._registers[name]
        self._say("control_looks", control)
        try:
            saved = await self._obeyer.snapshot(control)
        except CannotSave:
            return self._tested(control, register, ControlVerdict.FAILED, kind="cannot_save")
        held = next(each.value for each in saved.registers if each.name == name)
        before = held if register.is_readable else None  # Else it is what a release writes.
        view = await self._live.view(self._device)
        trial = plan_trial(control, self._registers, before, view, floor_pct=self._floor_pct)
        if isinstance(trial, Cannot):
            found = self._tested(control, register, ControlVerdict.NOT_TESTED, kind=trial.why, before=before)
            return replace(found, facts=trial.facts)
        if saved.lacks:
            found = self._tested(control, register, ControlVerdict.NOT_TESTED, kind="no_way_back", before=before)
            return replace(found, facts={"names": ", ".join(saved.lacks)})
        off = control.kind.startswith("tier") and in_force(control, self._registers, _image(saved)) is not None
        run = _Run(trial=trial, saved=saved)
        self._journal.put(saved)
        try:
            await self._order_and_watch(control, run, name, off=off)
        finally:
            restored = await self._restore(control, run)
        return self._concluded(control, register, before, run, restored)

    async def _order_and_watch(self, control: Control, run: _Run, name: str, *, off: bool) -> None:
        receipt = await self._order(control, run, off=off)
        outcome = receipt.outcome
        if outcome is not None:
            if outcome.writes:
                run.written_at_s = self._timing.now()
            step = next((s for s in reversed(outcome.steps) if s.register == name and s.is_written), None)
            run.read_back = step.read_back if step is not None else outcome.left.get(name)
        if not receipt.is_done:
            run.receipt = receipt
            run.kind = _kind_of(receipt)
            return
        run.is_read_back = receipt.is_good
        if control.kind.startswith("tier"):
            if self._ask is not None:
                asked = "tier_closed" if not off else "tier_opened"
                run.answer = await self._ask(asked, {"device": self._device, "control": control.kind})
            return
        await self._watch(control, run, name)

    async def _order(self, control: Control, run: _Run, *, off: bool) -> Receipt:
        """Order it; when the device has to be spared, wait and order once more."""
        arguments = {} if off else run.trial.arguments
        self._say("control_writes", control, **_shown(run.trial.arguments))
        receipt = await self._obeyer.order(control, arguments, off=off)
        if receipt.reason is Reason.TOO_SOON:
            wait_s = min(float(receipt.facts["wait_s"]) + 0.1, WAIT_S_MAX)
            await self._count_down("control_spares", control, wait_s)
            receipt = await self._obeyer.order(control, arguments, off=off)
        return receipt

    async def _watch(self, control: Control, run: _Run, name: str) -> None:
        """See that the value stays, and that the plant follows."""
        timing = self._timing
        wanted = last_values(control, run.trial.arguments)
        run.following = Following(control.kind, run.trial, timing.effect_s, timing.block_s)
        began_s = fresh_s = timing.elapsed()
        while True:
            at_s = timing.elapsed() - began_s
            view = await self._live.view(self._device)
            if view.is_islanded or view.is_faulty:  # Whatever was ordered, a plant in need gets its own ways back.
                run.kind = "grid_lost_midway" if view.is_islanded else "fault_midway"
                return
            run.following.look(view, at_s)
            held = await self._held(control)
            if held is not None and not self._holds(held, wanted):
                run.kind = "write_reverts"
                run.read_back = held.get(name)
                return
            if run.following.is_decided and at_s >= timing.hold_s:
                break
            if control.refresh_s and timing.elapsed() - fresh_s >= control.refresh_s:
                await self._obeyer.order(control, run.trial.arguments)
                fresh_s = timing.elapsed()
            total = max(timing.hold_s, at_s)
            self._say("control_holds", control, done=at_s, total=total, seconds=max(0.0, timing.hold_s - at_s))
            await timing.pause(timing.period_s)
        if held is None:
            run.kind = "hold_unseen"
        elif run.trial.is_visible and not run.following.follows:
            run.kind = "no_effect"

    async def _held(self, control: Control) -> dict[str, float | None] | None:
        """What the control's registers hold now; None when they cannot be read."""
        try:
            saved = await self._obeyer.snapshot(control)
        except CannotSave:
            return None
        return {each.name: each.value for each in saved.registers}

    def _holds(self, held: Mapping[str, float | None], wanted: Mapping[str, float]) -> bool:
        """Whether every register that can be read still holds what was ordered."""
        for name, value in wanted.items():
            register, now = self._registers[name], held.get(name)
            if register.is_readable and (now is None or abs(now - value) > register.tolerance):
                return False
        return True

    async def _restore(self, control: Control, run: _Run) -> Receipt:
        self._say("control_restores", control)
        receipt = await self._obeyer.restore(run.saved)
        if receipt.is_done:
            with suppress(JournalError):  # It stays pending: it is put back once more, and the report says so.
                self._journal.done(run.saved.id)
        if receipt.outcome is not None and receipt.outcome.writes:
            run.written_at_s = self._timing.now()
        return receipt

    async def _count_down(self, kind: str, control: Control, wait_s: float) -> None:
        until_s = self._timing.elapsed() + wait_s
        while (left_s := until_s - self._timing.elapsed()) > 0:
            self._say(kind, control, done=wait_s - left_s, total=wait_s, seconds=left_s)
            await self._timing.pause(min(left_s, self._timing.period_s))

    def _concluded(
        self, control: Control, register: Register, before: float | None, run: _Run, restored: Receipt
    ) -> Tested:
        verdict, kind, receipt = ControlVerdict.PASSED, run.kind, run.receipt
        if kind:
            is_refused = receipt is not None and receipt.reason is not None
            verdict = ControlVerdict.NOT_TESTED if is_refused or kind in _CUT_OFF else ControlVerdict.FAILED
        elif not run.is_read_back and not (run.following is not None and run.following.follows):
            # The device lets nobody read the register, and the plant showed nothing: that proves nothing.
            verdict, kind = ControlVerdict.NOT_TESTED, "unread"
        if not restored.is_done:
            verdict, kind, receipt = ControlVerdict.NOT_RESTORED, kind or "not_restored", restored
        written = next(iter(run.trial.arguments.values()), None)
        if written is None:
            fixed = next(write.to for write in control.on if write.register == register.name)
            written = float(fixed) if isinstance(fixed, int | float) else None
        if control.kind.startswith("tier"):
            written = run.read_back
        left = restored.outcome.left.get(register.name) if restored.outcome is not None else None
        return Tested(
            device=self._device,
            control=control.kind,
            verdict=verdict,
            kind=kind,
            trial=run.trial,
            register=register.name,
            unit=register.unit,
            before=before,
            written=None if verdict is ControlVerdict.NOT_TESTED else written,
            read_back=run.read_back,
            restored=left,
            receipt=receipt,
            is_read_back=run.is_read_back,
            seen_w=run.following.seen_w if run.following is not None else None,
            follows=run.following.follows if run.following is not None else False,
            answer=run.answer,
            written_at_s=run.written_at_s,
        )

    def _tested(
        self, control: Control, register: Register, verdict: ControlVerdict, *, kind: str, before: float | None = None
    ) -> Tested:
        return Tested(
            device=self._device,
            control=control.kind,
            verdict=verdict,
            kind=kind,
            register=register.name,
            unit=register.unit,
            before=before,
        )

    def _say(self, kind: str, control: Control, *, done: float = 0, total: float = 0, **facts: str | float) -> None:
        self._tell(Progress(kind, {"device": self._device, "control": control.kind, **facts}, done, total))


def _kind_of(receipt: Receipt) -> str:
    if receipt.reason is not None:
        return receipt.reason.value
    assert receipt.outcome is not None
    failure = receipt.outcome.failure
    return _KINDS.get(failure, failure.value) if failure is not None else "not_read_back"


def _shown(arguments: Mapping[str, float]) -> dict[str, float]:
    return {str(name): value for name, value in arguments.items()}


def _image(saved: Saved) -> Image:
    return {
        (Table(each.table), each.address + n): word for each in saved.registers for n, word in enumerate(each.words)
    }
