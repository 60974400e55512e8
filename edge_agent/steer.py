"""Steers a shelter: hears what the city wants, sees what its devices say, decides by core/, has it done by obey.

``see``, ``hear`` and ``tick`` decide at once and never wait; ``act`` does what is due on one device and may take its
time. So a grid that goes is noticed while a device is still settling from the order before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import structlog

from contract.messages import EventKind, Severity
from contract.readings import DeviceReadings
from contract.steering import Desired, Mode, Reason, Receipt, Stage, receipt_detail
from device_profiles.model import ControlKind
from edge_agent.core import receipts as judging
from edge_agent.core.budget import Budget
from edge_agent.core.conditions import Conditions, Seen, conditions, fresh
from edge_agent.core.damping import Detail
from edge_agent.core.drill import rehearsed
from edge_agent.core.effects import EVIDENCE, Verdict
from edge_agent.core.effects import judge as judge_effect
from edge_agent.core.interlocks import Rules
from edge_agent.core.modes import Policy, SetPoints, Wishes, set_points
from edge_agent.core.peak import Peak, advance_peak, limits_of, seen_of, with_peak
from edge_agent.core.postponed import Postponed
from edge_agent.core.receipts import BAD, Part, Told, merged
from edge_agent.core.standing import Kept, SiteState, Switch, advance, hand_back_ms, sight, turned
from edge_agent.core.telling import Teller
from edge_agent.core.tracking import Idle, Peek, Track, came_back, gone_dark, look, next_step, peeked
from edge_agent.core.wanted import orders_for
from edge_agent.io.state_file import SiteMemory
from edge_agent.poll import Records
from edge_agent.steer_device import SteeredDevice
from edge_agent.steer_report import ReportBox, reported
from edge_agent.steer_site import Site, Time
from edge_agent.steer_tiers import TierSteer
from edge_agent.words_steer import NOTHING, SWITCH_BACK, SWITCH_OFF, Both

log = structlog.get_logger()

TICK_S: Final = 1.0
WAIT_S_MAX: Final = 5.0
HEARD_KEPT_MS: Final = 3_600_000
"""When the city was heard last is kept on disk so often."""


class Steerer:
    """One shelter. ``save`` keeps what must survive a reboot; ``listener`` is called when there is a new report."""

    def __init__(
        self,
        site: Site,
        batteries: Sequence[SteeredDevice],
        tiers: TierSteer,
        records: Records,
        clock: Time,
        *,
        memory: SiteMemory | None = None,
        save: Callable[[SiteMemory], None],
        switch: Callable[[], Switch | None] = lambda: None,
    ) -> None:
        memory = memory or SiteMemory(kept=Kept())
        self.site = site
        self.state = SiteState(kept=memory.kept)
        self.seen = Conditions()
        self.peak = Peak()
        self.parts: dict[str, Part] = {}
        self.report = ReportBox()
        self.listener: Callable[[], None] = lambda: None
        self.batteries = {device.id: device for device in batteries}
        self.tiers = tiers
        self._records, self._clock, self._save_now, self._switch = records, clock, save, switch
        self._sight: dict[str, dict[str, Seen]] = {}
        self._tracks: dict[str, Track] = {}
        self._wishes: dict[str, SetPoints] = {}
        self._number = 0
        revision, stage, reason = memory.told
        part = Part(stage=Stage(stage), reason=Reason(reason)) if stage else None
        self.teller = Teller(Told(revision=revision, part=part, at_ms=memory.told_ms))
        self._last_ms: dict[str, int] = {}
        self._postponed = Postponed()
        self._began_ms = clock.boot_ms()
        self._answers = Budget(self._began_ms)
        self._heard_ms = memory.kept.heard_ms
        self._wakes = {device: asyncio.Event() for device in [*self.batteries, *(d.id for d in tiers.devices)]}
        for device in batteries:
            device.held = set(memory.held.get(device.id, ()))
            device.saved = {saved.kind: saved for saved in memory.saved if saved.device == device.id}
            device.changed = self._save
        tiers.seen(memory.tiers_w)

    @property
    def report_payload(self) -> bytes | None:
        """The reported state as it travels; None while there is none."""
        return self.report.payload

    # --- What comes in -----------------------------------------------------------------------------------------------

    def see(self, taken: Iterable[DeviceReadings]) -> None:
        """Take in what devices answered."""
        now_ms = self._clock.boot_ms()
        for row in taken:
            points = self._sight.setdefault(row.device, {})
            for reading in row.readings:
                if reading.value is not None:
                    lasts_ms = self.site.lasts_ms(row.device, reading.point)
                    points[reading.point] = Seen(reading.value, now_ms, lasts_ms)
                    self._last_ms[row.device] = now_ms
                else:
                    points.pop(reading.point, None)  # A poll that did not see it knows nothing of now.
        self.decide()

    def hear(self, payload: bytes) -> None:
        """Take in a desired state from the broker; every one is answered."""
        judged = self._judged(payload)
        self._postponed.take(payload, judged)
        if judged.is_news:
            self._take(judged.kept, judged.receipt)
        elif judged.receipt is not None and self._answers.take(self._clock.boot_ms()):
            self._tell_receipt(judged.receipt)
        self.decide()

    def _judged(self, payload: bytes) -> judging.Judged:
        at_ms, utc_ms = self._clock.now_ms(), self._utc_ms()
        own, kept = self.site.own, self.state.kept
        return judging.judge(payload, kept, keys=self.site.keys, site=own.site, at_ms=at_ms, utc_ms=utc_ms)

    def heard(self, utc_ms: int) -> None:
        """The city has been heard of, whatever it said."""
        self._heard_ms = max(self._heard_ms, utc_ms)
        if self._heard_ms - self.state.kept.heard_ms >= HEARD_KEPT_MS:
            self.state = replace(self.state, kept=replace(self.state.kept, heard_ms=self._heard_ms))
            self._save()

    def tick(self) -> None:
        """Time has passed."""
        payload = self._postponed.again(self._judged, self._clock.boot_ms())
        if payload is not None:
            self.hear(payload)
        self.decide()

    def _take(self, kept: Kept, receipt: Receipt | None) -> None:
        kept = replace(kept, heard_ms=max(self._heard_ms, self._utc_ms() or 0))
        self.state = replace(self.state, kept=kept)
        self._save()
        if receipt is not None:
            self._tell_receipt(receipt)
        if kept.drill is not None and receipt is not None:
            self._tell_receipt(self._drilled(kept.drill))
        elif receipt is not None:
            self.teller.taken(receipt)
            # A newer order is a new start for a device that gave up on the one before.
            gave_up = {device for device, track in self._tracks.items() if track.part.stage in BAD}
            self._wishes = {device: wish for device, wish in self._wishes.items() if device not in gave_up}

    def _drilled(self, drill: Desired) -> Receipt:
        points = set_points(drill.mode, sight(self.state), self.state.band, Wishes.of(drill))
        values = self.seen.values
        devices = {
            name: device.able(values[name], self.site.own) if name in values else None
            for name, device in self.batteries.items()
        }
        return rehearsed(drill.revision, points, devices, self._clock.now_ms())

    # --- Deciding ----------------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Bring mode, wishes, receipts and report up to now."""
        now_ms = self._clock.boot_ms()
        values = fresh(self._sight, now_ms)
        self.seen = conditions(values, tiers=self.tiers.count)
        before = self.state.kept
        switch = self._switch()
        if switch is not None:
            self.state = replace(self.state, kept=turned(before, switch))
        self.state = advance(self.state, self.seen, self.site.own, now_ms, self._utc_ms())
        if self.state.kept != before:
            self._save()
            if (self.state.kept.mode, self.state.kept.source) != (before.mode, before.source):
                self._tell_mode(before)
        self._shave(values, now_ms)
        for device in self.batteries.values():
            self._follow(device, values.get(device.id), now_ms)
        self.tiers.want(self.state.points, self.seen, now_ms)
        self._judge()
        for wake in self._wakes.values():
            wake.set()

    def _shave(self, values: Mapping[str, Mapping[str, float]], now_ms: int) -> None:
        """Let demand control have its say in the set-points of normal mode."""
        points, utc_ms = self.state.points, self._utc_ms()
        takes_part = any(ControlKind.RESERVE in one.session.control_kinds for one in self.batteries.values())
        limits = limits_of(self.state.kept, points, sight(self.state)) if takes_part else None
        self.peak = advance_peak(self.peak, limits, seen_of(values), points.reserve_pct, now_ms=now_ms, utc_ms=utc_ms)
        points = with_peak(points, self.peak, limits, batteries=len(self.batteries), utc_ms=utc_ms or 0)
        self.state = replace(self.state, points=points)

    def _follow(self, device: SteeredDevice, values: Mapping[str, float] | None, now_ms: int) -> None:
        """Plan for one device what is new, and look whether it does what is old."""
        points = self.state.points
        if self._wishes.get(device.id) != points and values is not None:
            self._plan(device, values, points, now_ms)
        track = self._tracks.get(device.id)
        if track is None:
            return
        if values is None:
            self._tracks[device.id] = gone_dark(track, self._dark_ms(device.id, now_ms), self.site.timing)
            return
        track = came_back(track, now_ms)
        verdict = self._verdict(track, values)
        if verdict is not None:
            track = look(track, verdict, self.site.timing, self._last_ms[device.id])
        self._tracks[device.id] = track

    def _plan(self, device: SteeredDevice, values: Mapping[str, float], points: SetPoints, now_ms: int) -> None:
        able = device.able(values, self.site.own)
        if able is None:
            return
        self._wishes[device.id] = points
        self._number += 1
        orders = orders_for(points, able)
        part = Part() if orders is not None else Part(stage=Stage.FAILED, reason=Reason.NO_CONTROL)
        self._tracks[device.id] = Track(
            number=self._number,
            orders=orders or (),
            refresh_s=device.refresh_s(),
            began_ms=now_ms,
            read_ms=now_ms,
            part=part if orders is None or orders else Part(stage=Stage.READ_BACK),
            is_over=orders is None,
        )

    def _verdict(self, track: Track, values: Mapping[str, float]) -> Verdict | None:
        """What is seen of an order; None while somebody has to switch first."""
        points = self.state.points
        given = {order.kind: order.arguments for order in track.orders if not order.off}
        charge_w, rest_pct = given.get("charge", {}).get("power_w"), given.get("reserve", {}).get("soc_pct")
        verdict = judge_effect(points, values, charge_w=charge_w, rest_pct=rest_pct)
        return None if verdict is not Verdict.FOLLOWS and self._by_hand() is not None else verdict

    def _by_hand(self) -> Both | None:
        """What a person has to do for the mode that holds, if it is not done yet."""
        policy, by_hand = self.state.points.policy, self.site.by_hand
        if policy is Policy.OFF:
            return SWITCH_OFF
        if by_hand is None or policy is not Policy.CARRY:
            return None
        back_ms = hand_back_ms(self.state, self.site.own)
        return SWITCH_BACK if back_ms is not None and self._clock.boot_ms() >= back_ms else by_hand

    def _dark_ms(self, device: str, now_ms: int) -> int:
        return now_ms - self._last_ms.get(device, self._began_ms)

    # --- Telling -----------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """How far the shelter has come, and whether the city has to be told."""
        by_hand = self._by_hand()
        now_ms, at_ms, kept = self._clock.boot_ms(), self._clock.now_ms(), self.state.kept
        batteries, relays = {d: self._part(d, now_ms, by_hand) for d in self.batteries}, self.tiers.parts()
        self.parts = batteries | relays
        news = self.teller.news(kept, merged(batteries, relays), self.parts, at_ms)
        for receipt in news:
            self._tell_receipt(receipt)
        if news:
            self._save()
        due_ms = self.state.due_ms
        until_ms = 0 if due_ms is None else at_ms + due_ms - now_ms
        said = by_hand or NOTHING
        report = reported(
            self.state,
            self.seen,
            self.parts,
            self.teller.receipt,
            at_ms=at_ms,
            until_ms=until_ms,
            by_hand=said,
            peak=self.peak,
        )
        if self.report.put(report, now_ms):
            self.listener()

    def _part(self, device: str, now_ms: int, by_hand: Both | None) -> Part:
        """How far a device has come with what is wanted now; a track of an earlier wish says nothing of it."""
        track = self._tracks.get(device)
        if track is None or self._wishes.get(device) != self.state.points:
            is_dark = self._dark_ms(device, now_ms) >= self.site.timing.dark_s * 1000
            if is_dark and by_hand is SWITCH_OFF:  # Perhaps somebody has: nobody can tell from here.
                return Part(stage=Stage.WAITING, detail="it does not answer")
            return (
                Part(stage=Stage.FAILED, reason=Reason.DEVICE_DARK, detail="it does not answer") if is_dark else Part()
            )
        part = track.part
        is_seen = part.stage in {Stage.VERIFIED, Stage.HELD} or track.right_since_ms is not None
        is_off = by_hand is SWITCH_OFF and part.reason is Reason.DEVICE_DARK
        is_done = is_seen and by_hand is not SWITCH_BACK  # It carries the shelter well, and has to stop doing so.
        if by_hand is None or (part.stage in BAD and not is_off) or is_done or not track.is_written:
            return part
        return replace(part, stage=Stage.WAITING, reason=Reason.NONE)

    def _tell_mode(self, before: Kept) -> None:
        kept = self.state.kept
        self.teller.mode_changed()
        detail: Detail = {
            "mode": kept.mode.value,
            "source": kept.source.value,
            "from": before.mode.value,
            "grid": self.state.grid.value,
        }
        log.info("mode", site=self.site.own.site, **detail)
        severity = Severity.INFO if kept.mode is Mode.NORMAL else Severity.WARNING
        self._records.tell(EventKind.MODE_CHANGED, at_ms=self._clock.now_ms(), severity=severity, detail=detail)

    def _tell_receipt(self, receipt: Receipt) -> None:
        self._records.tell(
            EventKind.RECEIPT,
            at_ms=receipt.at_ms,
            severity=Severity.WARNING if receipt.stage in {Stage.FAILED, Stage.REVERTED} else Severity.INFO,
            device=receipt.device,
            detail={**receipt_detail(receipt)},
        )

    def _utc_ms(self) -> int | None:
        return self._clock.now_ms() if self._clock.is_known else None

    def _save(self) -> None:
        part = self.teller.told.part
        told = (self.teller.told.revision, part.stage.value, part.reason.value) if part is not None else (0, "", "")
        self._save_now(
            SiteMemory(
                kept=self.state.kept,
                held={device.id: sorted(device.held) for device in self.batteries.values() if device.held},
                saved=[saved for device in self.batteries.values() for saved in device.saved.values()],
                told=told,
                told_ms=self.teller.told.at_ms,
                tiers_w=dict(self.tiers.tiers.seen_w),
            )
        )

    # --- Acting ------------------------------------------------------------------------------------------------------

    async def act(self, device_id: str) -> float:
        """Do what is due on one device; seconds until something is due again."""
        now_ms = self._clock.boot_ms()
        rules = Rules(floor_pct=self.site.own.floor_pct, is_isolated=self.state.kept.mode is Mode.ISOLATED)
        wait_s = await self.tiers.act(device_id, rules, self._clock.boot_ms)
        track = self._tracks.get(device_id)
        if track is None or self.state.points.policy is Policy.LEAVE:
            return wait_s
        step = next_step(track, self.site.timing, now_ms)
        if isinstance(step, Idle):
            until_ms = now_ms + round(WAIT_S_MAX * 1000) if step.until_ms is None else step.until_ms
            return min(wait_s, max(0.0, until_ms - now_ms) / 1000)
        if isinstance(step, Peek):
            return await self._peek(device_id)
        found = await self.batteries[device_id].perform(
            step, lambda: self._tracks.get(device_id), rules, self.site.timing
        )
        if found is not None:
            self._tracks[device_id] = found
        else:  # The newer plan was made before this was done, so it may not know what is held now.
            self._wishes.pop(device_id, None)
        self.decide()
        return 0.0

    async def _peek(self, device_id: str) -> float:
        readings = await self.batteries[device_id].peek(EVIDENCE[self.state.points.policy])
        now_ms = self._clock.boot_ms()
        if (track := self._tracks.get(device_id)) is not None:
            self._tracks[device_id] = peeked(track, now_ms)
        self.see([DeviceReadings(device_id, self._clock.now_ms(), readings)])
        return self.site.timing.peek_s

    async def run(self) -> None:
        """Steer until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick(), name="steer tick")
            for device_id in self._wakes:
                tasks.create_task(self._serve(device_id), name=f"steer {device_id}")

    async def _tick(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    async def _serve(self, device_id: str) -> None:
        wake = self._wakes[device_id]
        while True:
            wait_s = await self.act(device_id)
            wake.clear()
            try:
                async with asyncio.timeout(min(max(wait_s, 0.01), WAIT_S_MAX)):
                    await wake.wait()
            except TimeoutError:
                pass
