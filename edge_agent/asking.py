"""Asking a device that may be there and still leave a question unanswered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import TypeVar

from device_profiles.model import Block
from edge_agent.core.polling import Plans
from edge_agent.io.bus import DeviceRefused, IllegalAddress, LinkDown, RegisterLine, Unreachable

Words = tuple[int, ...]
T = TypeVar("T")


class Asking:
    """The questions of getting to know a device, some of which it may leave unanswered although it is there."""

    def __init__(self, line: RegisterLine, unit: int, timeout_s: float, mute: set[Block], plans: Plans | None) -> None:
        self.plans = plans
        self._line, self._unit, self._timeout_s = line, unit, timeout_s
        self._mute = mute
        """Blocks that stayed silent as the first one asked: next time something else is asked before them."""
        self._answered = False

    async def surely(self, block: Block) -> Words:
        """The words of a block. Raises LinkDown, DeviceRefused."""
        try:
            words = await self._line.read(block, self._unit, timeout_s=self._timeout_s)
        except DeviceRefused:
            self._answered = True
            raise
        self._answered = True
        return words

    async def perhaps(self, block: Block) -> Words | None:
        """The same; None when the device is there and says nothing to this block, not even the second time."""
        if block in self._mute and not self._answered and self.plans is not None and self.plans.fast.blocks:
            with suppress(DeviceRefused):
                await self.surely(self.plans.fast.blocks[0])
        for _ in range(2):
            try:
                words = await self.surely(block)
            except LinkDown as error:
                if not self._answered:
                    self._mute.add(block)
                if not self._answered or isinstance(error, Unreachable):
                    raise
                continue
            self._mute.discard(block)
            return words
        return None


async def drive(asking: Generator[Block, Words | None, T], ask: Callable[[Block], Awaitable[Words | None]]) -> T:
    """Let a generator that only decides ask its questions."""
    try:
        block = next(asking)
        while True:
            answer: Words | None
            try:
                answer = await ask(block)
            except IllegalAddress:
                answer = None
            block = asking.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        asking.close()
