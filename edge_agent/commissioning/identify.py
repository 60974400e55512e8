"""Asking one unit who it is: the pure identification, driven over a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from device_profiles.identify import Answer, Identified, Question, identify
from device_profiles.load import Profile
from device_profiles.model import Block
from edge_agent.io.bus import DeviceRefused, GatewaySilent, LinkDown, Unreachable

UNANSWERED_MAX: Final = 5
"""Questions without any answer after which nobody is there."""
SILENT_MAX: Final = 25
"""Questions that a unit may leave unanswered although it is there: some stay silent where others refuse."""


class ReadingLine(Protocol):
    """A line that can only be read: what looks around has no way to write."""

    requests: int

    async def connect(self) -> None:
        """Be ready to ask. Raises Unreachable."""

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        """The words (or bits) of a block. Raises BusError."""

    async def identify(self, unit: int, *, timeout_s: float) -> Mapping[int, str]:
        """The texts of device identification (function 43/14) by object number. Raises LinkDown."""

    def close(self) -> None:
        """Give the line back."""


async def identify_unit(
    line: ReadingLine, unit: int, profiles: Sequence[Profile], *, timeout_s: float, is_there: bool = False
) -> Identified:
    """Who a unit is. ``is_there``: it has answered before, so its silence means only that it does not know.

    Raises:
        LinkDown: nobody answers, or not any more.
    """
    asking = _Asking(line, unit, timeout_s, answered=is_there)
    generator = identify(profiles)
    try:
        question = next(generator)
        while True:
            question = generator.send(await asking.ask(question))
    except StopIteration as end:
        found: Identified = end.value
        return found
    finally:
        generator.close()


class _Asking:
    def __init__(self, line: ReadingLine, unit: int, timeout_s: float, *, answered: bool) -> None:
        self._line, self._unit, self._timeout_s = line, unit, timeout_s
        self._answered = answered
        self._silent = 0

    async def ask(self, question: Question) -> Answer:
        """The answer; None when the unit refuses or, although it is there, says nothing."""
        try:
            return await self._once(question)
        except Unreachable:
            raise
        except LinkDown as error:
            last = error
        if self._answered and not isinstance(last, GatewaySilent):  # A frame may be lost.
            try:
                return await self._once(question)
            except LinkDown as error:
                last = error
        self._silent += 1
        hopeless = not self._answered and (self._silent >= UNANSWERED_MAX or isinstance(last, GatewaySilent))
        if hopeless or self._silent >= SILENT_MAX or isinstance(last, Unreachable):
            raise last
        return None

    async def _once(self, question: Question) -> Answer:
        answer: Answer
        try:
            if isinstance(question, Block):
                answer = await self._line.read(question, self._unit, timeout_s=self._timeout_s)
            else:
                answer = await self._line.identify(self._unit, timeout_s=self._timeout_s)
        except DeviceRefused:
            answer = None
        self._answered = True
        return answer
