"""One device on its way through an order: what to do next, and how far it has come. Pure, like a game by post.

    orders one by one → registers hold it (read back) → the plant follows (verified) → it still does (held)

``next_step`` says what to do; what came of it goes into ``after_order``, ``after_check`` and ``look``, which return the
track as it is then. A device that fell back once is believed only after it has stayed: nobody is told "verified" of a
device that takes every order for fifteen seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from contract.steering import Reason, Stage
from edge_agent.core.effects import Verdict
from edge_agent.core.receipts import Part
from edge_agent.core.wanted import DeviceOrder

PASSING: Final = frozenset({Reason.DEVICE_DARK, Reason.SOC_BELOW_FLOOR})
"""What passes by itself: it is tried again for as long as it lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long what may take, in seconds."""

    effect_s: float = 60.0
    """The plant may take so long to follow."""
    stay_s: float = 0.4
    """So long it must be seen to follow, in two looks at least."""
    peek_s: float = 0.4
    """After reading back the plant is looked at so often, beside the polls, ..."""
    peek_for_s: float = 15.0
    """... for so long: whoever waits for the proof should not wait for a poll."""
    patience_s: float = 20.0
    """A plant that was right may be wrong for so long before its registers are looked at: loads jump."""
    checks_s: tuple[float, ...] = (20, 60, 120, 300, 600)
    """After reading back: when registers are read again; then always after the last one's time."""
    hold_s: float = 600.0
    retries_s: tuple[float, ...] = (5, 30)
    """Waits before an order is tried again; then it has failed."""
    dark_s: float = 60.0
    """A device that was not seen for so long is not claimed to do anything."""


@dataclass(frozen=True, slots=True)
class Order:
    """Carry out an order; ``is_refresh`` tells the device again what it was told."""

    order: DeviceOrder
    is_refresh: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Read whether the registers of these orders still hold it."""

    orders: tuple[DeviceOrder, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing to do before then; None: nothing at all."""

    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Peek:
    """Read what the plant does now."""


Step = Order | Check | Peek | Idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A device and the orders that it is to obey. Times are of the clock that nobody sets."""

    number: int
    """Of the wish: a newer one takes its place."""
    orders: tuple[DeviceOrder, ...]
    refresh_s: Mapping[str, float]
    """Kind → how often it must be told again."""
    began_ms: int
    part: Part = field(default_factory=Part)
    todo: int = 0
    tries: int = 0
    retry_ms: int | None = None
    read_ms: int = 0
    right_since_ms: int | None = None
    wrong_since_ms: int | None = None
    has_followed: bool = False
    checks: int = 0
    check_now: bool = False
    verified_ms: int = 0
    refreshed_ms: int = 0
    peeked_ms: int = 0
    fell_back: bool = False
    is_over: bool = False
    """Every try failed: nothing is written any more until there is a newer wish, or the device comes back."""

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.part.stage

    @property
    def is_written(self) -> bool:
        """Whether all orders were carried out."""
        return self.todo >= len(self.orders)


def next_step(track: Track, timing: Timing, now_ms: int) -> Step:
    """What to do with the device now."""
    if track.is_over:
        return Idle(None)
    if track.retry_ms is not None and now_ms < track.retry_ms:
        return Idle(track.retry_ms)
    if not track.is_written:
        return Order(track.orders[track.todo])
    on = tuple(order for order in track.orders if not order.off)
    step = _watch(track, on, timing, now_ms) if on else Idle(None)
    is_proven = track.stage in {Stage.VERIFIED, Stage.HELD}
    if is_proven or not isinstance(step, Idle) or now_ms - track.read_ms > timing.peek_for_s * 1000:
        return step
    peek_ms = max(track.peeked_ms, track.read_ms) + round(timing.peek_s * 1000)
    return Peek() if now_ms >= peek_ms else Idle(peek_ms)


def _watch(track: Track, on: tuple[DeviceOrder, ...], timing: Timing, now_ms: int) -> Step:
    check_ms = _check_ms(track, timing)
    refresh = _refresh(track)
    if track.check_now or now_ms >= check_ms:
        return Check(on)
    if refresh is not None and now_ms >= refresh[0]:
        return Order(refresh[1], is_refresh=True)
    return Idle(min(check_ms, refresh[0]) if refresh is not None else check_ms)


def _check_ms(track: Track, timing: Timing) -> int:
    if track.checks < len(timing.checks_s):
        return track.read_ms + round(timing.checks_s[track.checks] * 1000)
    more = track.checks - len(timing.checks_s) + 2
    return track.read_ms + round(timing.checks_s[-1] * 1000 * more)


def _refresh(track: Track) -> tuple[int, DeviceOrder] | None:
    due = [
        (track.refreshed_ms + round(every_s * 1000), order)
        for order in track.orders
        if not order.off and (every_s := track.refresh_s.get(order.kind, 0.0)) > 0
    ]
    return min(due, key=lambda each: each[0], default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of an order."""

    is_good: bool
    is_readable: bool = True
    """False: the device confirmed it and lets nobody read a register back."""
    reason: Reason = Reason.NONE
    detail: str = ""
    writes: int = 0
    wait_s: float = 0.0
    """Only too soon: it will be allowed after so long."""


def after_order(track: Track, step: Order, came: Came, timing: Timing, now_ms: int) -> Track:
    """The track after an order was carried out, refused or failed."""
    if came.wait_s > 0:
        return replace(track, retry_ms=now_ms + round(came.wait_s * 1000) + 1)
    if step.is_refresh:
        if came.is_good:
            return replace(track, refreshed_ms=now_ms)
        return _fail(track, Reason.HEARTBEAT_LOST, came.detail or came.reason.value, timing, now_ms)
    if not came.is_good:
        return _fail(track, came.reason, came.detail, timing, now_ms)
    part = replace(track.part, writes=track.part.writes + came.writes)
    track = replace(track, todo=track.todo + 1, retry_ms=None, part=part)
    if not track.is_written:
        return track
    stage = Stage.READ_BACK if came.is_readable else Stage.WRITTEN
    if track.part.stage not in {Stage.FAILED, Stage.REVERTED}:
        track = replace(track, part=replace(part, stage=stage, reason=Reason.NONE, detail=""))
    return replace(
        track, read_ms=now_ms, refreshed_ms=now_ms, checks=0, right_since_ms=None, wrong_since_ms=None, check_now=False
    )


def look(track: Track, verdict: Verdict, timing: Timing, seen_ms: int) -> Track:
    """The track after a look at the plant. What was seen before the registers were right proves nothing."""
    if not track.is_written or track.is_over or seen_ms <= track.read_ms:
        return track
    if verdict is Verdict.UNSEEN:
        return replace(track, right_since_ms=None, wrong_since_ms=None)
    if verdict is Verdict.FOLLOWS:
        since_ms = seen_ms if track.right_since_ms is None else track.right_since_ms
        track = replace(track, right_since_ms=since_ms, wrong_since_ms=None, has_followed=True)
        return _prove(track, timing, seen_ms)
    since_ms = seen_ms if track.wrong_since_ms is None else track.wrong_since_ms
    track = replace(track, right_since_ms=None, wrong_since_ms=since_ms)
    is_proven = track.stage in {Stage.VERIFIED, Stage.HELD}
    limit_ms = since_ms + timing.patience_s * 1000 if is_proven else track.read_ms + timing.effect_s * 1000
    if seen_ms < limit_ms:
        return track
    if [order for order in track.orders if not order.off]:
        return replace(track, check_now=True)
    return _fail(track, Reason.PLANT_DISOBEYS, "registers released, power flows as before", timing, seen_ms)


def _prove(track: Track, timing: Timing, now_ms: int) -> Track:
    stay_s = timing.hold_s if track.fell_back else timing.stay_s
    stays_ms = now_ms - max(track.right_since_ms or now_ms, track.read_ms)
    if track.stage in {Stage.VERIFIED, Stage.HELD}:
        if track.stage is Stage.VERIFIED and _is_held(track, timing, now_ms):
            return replace(track, part=replace(track.part, stage=Stage.HELD))
        return track
    if stays_ms < stay_s * 1000:
        return track
    part = replace(track.part, stage=Stage.VERIFIED, reason=Reason.NONE, detail="")
    return replace(track, part=part, verified_ms=now_ms)


def _is_held(track: Track, timing: Timing, now_ms: int) -> bool:
    """Long enough, and the registers were looked at at least that late; what only was released needs no such look."""
    is_late = now_ms - track.verified_ms >= timing.hold_s * 1000
    needs_check = any(not order.off for order in track.orders)
    checked_s = timing.checks_s[track.checks - 1] if 0 < track.checks <= len(timing.checks_s) else timing.hold_s
    return is_late and (not needs_check or (track.checks > 0 and checked_s >= timing.hold_s))


def after_check(track: Track, holds: bool | None, timing: Timing, now_ms: int, *, detail: str = "") -> Track:
    """The track after its registers were read again; None: they can't be read."""
    is_wrong = track.wrong_since_ms is not None and track.check_now
    needs_heartbeat = any(track.refresh_s.get(order.kind, 0.0) > 0 for order in track.orders if not order.off)
    track = replace(track, check_now=False, checks=track.checks + (0 if track.check_now else 1))
    if holds is not False:
        if not is_wrong:
            return track
        # Nobody can see whether a register that can't be read fell back; without the heartbeat it would have.
        is_lapsed = holds is None and needs_heartbeat and track.has_followed
        known = "registers hold it" if holds else "registers can't be read"
        reason = Reason.HEARTBEAT_LOST if is_lapsed else Reason.PLANT_DISOBEYS
        track = replace(track, fell_back=track.fell_back or track.has_followed)
        return _fail(track, reason, f"{known}, power flows otherwise", timing, now_ms)
    if needs_heartbeat:
        reason = Reason.HEARTBEAT_LOST
    elif track.has_followed or track.wrong_since_ms is None:
        reason = Reason.FELL_BACK
    else:
        reason = Reason.STALE_ECHO
    after_s = (now_ms - track.read_ms) / 1000
    seen = f"{detail}, seen {after_s:.0f} s after it was read back".removeprefix(", ")
    return _fail(replace(track, fell_back=True), reason, seen, timing, now_ms)


def peeked(track: Track, now_ms: int) -> Track:
    """The track after a look beside the polls."""
    return replace(track, peeked_ms=now_ms)


def gone_dark(track: Track, dark_ms: int, timing: Timing) -> Track:
    """The track of a device that has not been seen for so long."""
    if dark_ms < timing.dark_s * 1000 or track.part.reason is Reason.DEVICE_DARK or track.is_over:
        return track
    part = replace(track.part, stage=_bad_stage(track), reason=Reason.DEVICE_DARK, detail="the device does not answer")
    return replace(track, part=part, right_since_ms=None, wrong_since_ms=None)


def came_back(track: Track, now_ms: int) -> Track:
    """The device answers again: what it holds is not known, so all of it is ordered once more, also after failures."""
    if track.part.reason is not Reason.DEVICE_DARK:
        return track
    part = replace(track.part, stage=Stage.ACCEPTED, reason=Reason.NONE, detail="")
    return replace(track, part=part, todo=0, tries=0, retry_ms=now_ms, is_over=False, has_followed=False)


def _bad_stage(track: Track) -> Stage:
    was_proven = track.stage in {Stage.VERIFIED, Stage.HELD, Stage.REVERTED} or track.verified_ms > 0
    return Stage.REVERTED if was_proven else Stage.FAILED


def _fail(track: Track, reason: Reason, detail: str, timing: Timing, now_ms: int) -> Track:
    """One try less. It is told at once: what is tried again is not what holds."""
    part = replace(track.part, stage=_bad_stage(track), reason=reason, detail=detail)
    track = replace(track, part=part, todo=0, right_since_ms=None, wrong_since_ms=None, check_now=False)
    if track.tries >= len(timing.retries_s):
        return replace(track, is_over=reason not in PASSING, retry_ms=_later(timing, now_ms))
    retry_ms = now_ms + round(timing.retries_s[track.tries] * 1000)
    return replace(track, tries=track.tries + 1, retry_ms=retry_ms, has_followed=False)


def _later(timing: Timing, now_ms: int) -> int:
    return now_ms + round(timing.checks_s[-1] * 1000)
