"""One device on its line: getting to know it, reading it once, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from contract.readings import Quality, Reading
from device_profiles.blocks import plan
from device_profiles.codec import decode, decode_text
from device_profiles.discover import discover, static_map
from device_profiles.load import Profile
from device_profiles.model import Block, DeviceMap, Field, Table
from edge_agent.asking import Asking, drive
from edge_agent.config import DeviceConfig
from edge_agent.core.health import Health
from edge_agent.core.polling import Plans, ReadPlan, dark_row, plans_for, points_of, row, rows_apart, without
from edge_agent.core.refusals import ASK_AGAIN_MS, Found, Refusals, forget, hunt, remember
from edge_agent.io.bus import BadAnswer, DeviceRefused, IllegalAddress, LinkDown, RegisterLine

log = structlog.get_logger()

Words = tuple[int, ...]
Image = dict[tuple[Table, int], int]

ASIDE_MS_MAX = 300_000
ASIDE_AFTER = 3
"""A block that stays silent this often in a row, while others of its device answer, is asked less often."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought: a row, the constants once after getting to know the device, and what is news."""

    readings: tuple[Reading, ...]
    once: tuple[Reading, ...] = ()
    is_new: bool = False
    """The device was got to know in this poll: its points may be others than before."""
    refused: tuple[str, ...] | None = None
    """Points that turned out to be refused, when they are others than told before."""


@dataclass(slots=True)
class _Silence:
    times: int = 0
    retry_at_ms: int = 0


@dataclass(slots=True)
class _Taking:
    """One poll while it runs."""

    image: Image = field(default_factory=dict)
    failed: dict[Block, Quality] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    answered: bool = False

    def take(self, block: Block, words: Words) -> None:
        table, at = block.table, block.start
        for word in words:
            self.image[table, at] = word
            at += 1


class DeviceSession:
    """What the agent knows of one device. ``poll`` raises LinkDown when nobody answers."""

    def __init__(self, config: DeviceConfig, profile: Profile) -> None:
        self.id = config.id
        self.unit = config.unit
        self.profile_id = config.profile
        self.timeout_s = config.timeout_s or profile.limits.timeout_s
        self.health = Health()
        self.last_answer_ms = 0
        self.slow_read_in: int | None = None
        """The slow period in which all points were read last."""
        self.identity: dict[str, str] = {}
        self.map: DeviceMap | None = None
        self.plans: Plans | None = None
        self.refusals = Refusals()
        self._config = config
        self._profile = profile
        self._told_refused: frozenset[str] = frozenset()
        self._silent: dict[Block, _Silence] = {}
        self._mute: set[Block] = set()
        self._is_known = False
        self._introduction: tuple[Reading, ...] | None = None
        """The constants of a device that was got to know, until a poll has handed them on."""
        if profile.sunspec is None:  # One map: even a device that was never seen has rows that say it is dark.
            self._adopt(static_map(profile))

    def _adopt(self, device: DeviceMap) -> None:
        device = without(device, self._config.without)
        if device != self.map:
            self.map = device
            self.refusals = Refusals()
            self._silent.clear()
        self.plans = plans_for(device, self.refusals)

    @property
    def points(self) -> tuple[str, ...] | None:
        """Points of every poll, None while they are not known."""
        return points_of(self.plans.fast) if self.plans else None

    @property
    def control_kinds(self) -> frozenset[str]:
        """What can be ordered of it; of its family, while the device is not known."""
        if self.map is not None:
            return frozenset(control.kind for control in self.map.controls)
        return frozenset(control.kind for ways in self._profile.controls for control in ways)

    def dark(self, *, slow: bool, quality: Quality = Quality.TIMEOUT) -> tuple[Reading, ...]:
        """The row of a poll that nobody answered; empty while the device's points are not known."""
        return dark_row(self.plans.full if slow else self.plans.fast, quality) if self.plans else ()

    def rows(self, readings: Sequence[Reading]) -> tuple[tuple[Reading, ...], ...]:
        """The readings of a poll as the rows that are recorded: fast points, and the slow ones when they were read."""
        return rows_apart(readings, self.plans.fast) if self.plans else ()

    def lost(self) -> None:
        """The device has been away: it may come back as another one, so it is asked again who it is."""
        self._is_known = False

    async def meet(self, line: RegisterLine) -> None:
        """Get to know the device when it is new or was away. ``poll`` would do it too, but it takes its time.

        Raises LinkDown, DeviceRefused, DiscoveryError.
        """
        if not self._is_known:
            self._introduction = await self._get_to_know(line)

    async def poll(self, line: RegisterLine, *, slow: bool, now_ms: int) -> Polled:
        """Read everything that is due. Raises LinkDown when nothing was answered, DeviceRefused, DiscoveryError."""
        await self.meet(line)
        assert self.map is not None
        if self.refusals.is_due(now_ms):
            self.refusals = forget(self.refusals)
            self.plans = plans_for(self.map, self.refusals)
        assert self.plans is not None
        read_plan = self.plans.full if slow else self.plans.fast
        taking = await self._take(line, read_plan, now_ms)
        readings = row(read_plan, taking.image, taking.failed)
        refused = None
        if taking.found:
            refused = self._learn_refusals(taking, read_plan, now_ms)
            readings = self._name_refused(readings)
        once, self._introduction = self._introduction, None
        return Polled(readings, once or (), once is not None, refused)

    async def _get_to_know(self, line: RegisterLine) -> tuple[Reading, ...]:
        """Discovery, identity and the constants, once after every return."""
        self.refusals = forget(self.refusals)  # It may come back with other firmware.
        asking = Asking(line, self.unit, self.timeout_s, self._mute, self.plans)
        # A SunSpec chain that is cut short by a lost frame would be another device; a probe may stay unanswered.
        ask = asking.surely if self._profile.sunspec is not None else asking.perhaps
        self._adopt(await drive(discover(self._profile), ask))
        assert self.map is not None
        assert self.plans is not None
        asking.plans = self.plans
        image: Image = {}
        for block in plan(self.map.identity, self.map.limits):
            with suppress(DeviceRefused):  # Who it is, is good to know; reading it does not hang on that.
                words = await asking.perhaps(block) or ()
                image |= {(block.table, block.start + n): word for n, word in enumerate(words)}
        texts = {f.point: decode_text(f, image) for f in self.map.identity}
        self.identity = {point: text for point, text in texts.items() if text}
        taking = _Taking()
        for block in self.plans.once.blocks:
            try:
                taking.take(block, await asking.perhaps(block) or ())
            except DeviceRefused as error:
                taking.failed[block] = quality_of(error)
        self._is_known = True
        log.info("device known", device=self.id, profile=self.map.profile, **self.identity)
        return row(self.plans.once, taking.image, taking.failed) if self.plans.once.fields else ()

    async def _take(self, line: RegisterLine, read_plan: ReadPlan, now_ms: int) -> _Taking:
        taking = _Taking()
        blocks = read_plan.blocks
        if not blocks and read_plan.refused:
            await self._ask_for_life(line, read_plan)
        if self._silent:  # What was silent comes last, so that it can't hide the others.
            blocks = tuple(sorted(blocks, key=lambda block: block in self._silent))
        for block in blocks:
            guard = read_plan.guards.get(block)
            if guard is not None and not _reads_one(guard, taking.image):
                taking.failed[block] = Quality.NOT_AVAILABLE
                continue
            silence = self._silent.get(block)
            if silence is not None and taking.answered and now_ms < silence.retry_at_ms:
                taking.failed[block] = Quality.TIMEOUT
                continue
            try:
                words = await self._read_or_hunt(line, block, read_plan, taking)
            except DeviceRefused as error:
                taking.answered = True
                taking.failed[block] = quality_of(error)
            except LinkDown as error:
                self._note_silence(block, now_ms, others_answer=taking.answered)
                if not taking.answered:
                    raise
                for rest in blocks[blocks.index(block) :]:
                    taking.failed.setdefault(rest, quality_of(error))
                break
            else:
                if words is not None:
                    taking.answered = True
                    taking.take(block, words)
                if silence is not None:
                    del self._silent[block]
        return taking

    async def _read_or_hunt(
        self, line: RegisterLine, block: Block, read_plan: ReadPlan, taking: _Taking
    ) -> Words | None:
        """The words of a block; None when it is refused and was hunted through. Raises LinkDown, DeviceRefused."""
        try:
            return await line.read(block, self.unit, timeout_s=self.timeout_s)
        except IllegalAddress:
            taking.answered = True
        await self._hunt(line, block, read_plan, taking)
        return None

    async def _ask_for_life(self, line: RegisterLine, read_plan: ReadPlan) -> None:
        """A device that refuses everything is asked for one field, so that it is not called online unasked."""
        try:
            await line.read(read_plan.fields[0].spans[0], self.unit, timeout_s=self.timeout_s)
        except DeviceRefused:
            return
        self.refusals = replace(self.refusals, ask_again_at_ms=0)  # It has changed its mind: the next poll asks all.

    def _note_silence(self, block: Block, now_ms: int, *, others_answer: bool) -> None:
        silence = self._silent.setdefault(block, _Silence())
        if not others_answer:
            return  # It may well be the whole device: the block comes last in the next poll, and nothing else.
        silence.times += 1
        if silence.times >= ASIDE_AFTER:
            wait_ms = 5_000 << min(silence.times - ASIDE_AFTER, 10)
            silence.retry_at_ms = now_ms + min(wait_ms, ASIDE_MS_MAX)

    async def _hunt(self, line: RegisterLine, block: Block, read_plan: ReadPlan, taking: _Taking) -> None:
        async def ask(part: Block) -> Words:
            return await line.read(part, self.unit, timeout_s=self.timeout_s)

        found = await drive(hunt(block, read_plan.fields), ask)
        for part, words in found.words:
            taking.take(part, words)
        for part in found.guilty:
            taking.failed[part] = Quality.ILLEGAL_ADDRESS
        taking.found.append(found)

    def _learn_refusals(self, taking: _Taking, read_plan: ReadPlan, now_ms: int) -> tuple[str, ...] | None:
        """Remember what the hunts found; the points when they are news."""
        assert self.map is not None
        for found in taking.found:
            self.refusals = remember(self.refusals, found, self.map.fields, now_ms=now_ms)
        if not taking.image:  # It refuses everything: asleep or starting rather than without registers.
            self.refusals = replace(self.refusals, times=0, ask_again_at_ms=now_ms + ASK_AGAIN_MS[0])
        self.plans = plans_for(self.map, self.refusals)
        points = self.refusals.points
        if points <= self._told_refused:
            return None
        self._told_refused |= points
        return tuple(point for point in points_of(read_plan) if point in points)

    def _name_refused(self, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        refused = self.refusals.points
        return tuple(
            Reading(r.point, None, Quality.ILLEGAL_ADDRESS) if r.value is None and r.point in refused else r
            for r in readings
        )


def quality_of(error: Exception) -> Quality:
    """How a reading that was not got is marked."""
    if isinstance(error, IllegalAddress):
        return Quality.ILLEGAL_ADDRESS
    if isinstance(error, DeviceRefused):
        return Quality.REFUSED
    return Quality.MALFORMED if isinstance(error, BadAnswer) else Quality.TIMEOUT


def _reads_one(guard: Field, image: Image) -> bool:
    reading = decode(guard, image)
    return reading is not None and reading.value == 1
