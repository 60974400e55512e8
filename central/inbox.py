"""Messages between the broker and the store: bounded, and never dropped for want of room.

What is too much is left with the broker: when the inbox is full its sender is to pause, and it is called when there
is room again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from contract.wire import MESSAGE_BYTES_MAX

MESSAGES_MAX: Final = 20_000
BYTES_MAX: Final = 64 * 1024 * 1024

Letter = tuple[str, bytes]
"""Topic and payload."""


class InboxFullError(Exception):
    """The broker sends on although nothing is acknowledged: end the connection, it will offer the messages again."""


class Inbox:
    """A queue with a soft limit that asks the sender to pause and a hard one that it can't pass."""

    def __init__(self, *, messages_max: int = MESSAGES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.messages_max = messages_max
        self._bytes_max = bytes_max
        self._letters: deque[Letter] = deque()
        self._bytes = 0
        self._any = asyncio.Event()
        self._many = asyncio.Event()
        self._wanted = 1
        self.on_room: Callable[[], None] = lambda: None
        """Called when there is room again after ``put`` said that there was none."""
        self._was_full = False
        self._awake = False

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def is_full(self) -> bool:
        """Whether the sender should pause."""
        return len(self._letters) >= self.messages_max or self._bytes >= self._bytes_max

    def put(self, topic: str, payload: bytes) -> bool:
        """Take a message in; false when it was the last that should come for now.

        Raises:
            InboxFullError: even twice the limit is reached.
        """
        if len(self._letters) >= 2 * self.messages_max or self._bytes >= 2 * self._bytes_max:
            raise InboxFullError(f"{len(self._letters)} messages wait and more keep coming")
        if len(payload) > MESSAGE_BYTES_MAX:
            payload = payload[: MESSAGE_BYTES_MAX + 1]  # It is refused unread; one byte too many says why.
        self._letters.append((topic, payload))
        self._bytes += len(payload)
        self._any.set()
        if len(self._letters) >= self._wanted:
            self._many.set()
        if self.is_full:
            self._was_full = True
            return False
        return True

    def take(self) -> Letter | None:
        """The oldest message, or ``None``."""
        if not self._letters:
            return None
        letter = self._letters.popleft()
        self._bytes -= len(letter[1])
        if self._was_full and len(self._letters) <= self.messages_max // 2 and self._bytes <= self._bytes_max // 2:
            self._was_full = False
            self.on_room()
        return letter

    def wake(self) -> None:
        """Let ``wait`` return at once from now on: there is an end to come to."""
        self._awake = True
        self._any.set()
        self._many.set()

    async def wait(self, wanted: int, linger_s: float) -> None:
        """Until there is a message, and then for ``wanted`` of them, at most ``linger_s`` longer."""
        if self._awake:
            return
        self._any.clear()
        if not self._letters:
            await self._any.wait()
        self._wanted = wanted
        self._many.clear()
        if len(self._letters) < wanted:
            try:
                async with asyncio.timeout(linger_s):
                    await self._many.wait()
            except TimeoutError:
                return
