"""Talking with a person at a terminal: lines, questions, and one line of progress that comes and goes."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from edge_agent.commissioning.progress import Progress
from edge_agent.commissioning.words_walk import CALLS, progress_in_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_AGAIN_S: Final = 10.0
"""How often the same thing is told again where there is no terminal."""


class Talk(Protocol):
    """What a walk wants of a terminal."""

    def say(self, text: str = "") -> None:
        """A line."""

    def progress(self, progress: Progress) -> None:
        """What goes on now."""

    def quiet(self) -> None:
        """Nothing goes on now."""

    async def ask(self, question: str) -> str:
        """The answer to a question; empty for Enter. Raises EOFError when nobody can answer."""


class Terminal:
    """Standard input, output and error."""

    def __init__(
        self,
        lang: str,
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lang = lang
        self._out, self._err = out or sys.stdout, err or sys.stderr
        self._elapsed = elapsed
        self._status: Status | None = None
        self._console: Console | None = None
        self._told = ""
        self._told_at_s = float("-inf")

    def say(self, text: str = "") -> None:
        """A line on standard output."""
        self.quiet()
        self._out.write(text + "\n")
        self._out.flush()

    def progress(self, progress: Progress) -> None:
        """One line that changes on a terminal, else a line now and then; on standard error."""
        text = progress_in_words(progress, self._lang)
        if progress.kind in CALLS:
            self.say(f">>> {text}")
        elif self._err.isatty():
            self._show(text)
        elif progress.kind != self._told or self._elapsed() - self._told_at_s >= _AGAIN_S:
            self._told, self._told_at_s = progress.kind, self._elapsed()
            self._err.write(text + "\n")
            self._err.flush()

    def _show(self, text: str) -> None:
        if self._status is None:
            from rich.console import Console
            from rich.markup import escape

            self._console = self._console or Console(file=self._err)
            self._status = self._console.status(escape(text))
            self._status.start()
        else:
            from rich.markup import escape

            self._status.update(escape(text))

    def quiet(self) -> None:
        """Take the line of progress away."""
        self._told = ""
        if self._status is not None:
            self._status.stop()
            self._status = None

    async def ask(self, question: str) -> str:
        """Ask on standard output, and wait for a line on standard input.

        Raises:
            EOFError: standard input has ended.
        """
        self.quiet()
        self._out.write(question + " ")
        self._out.flush()
        line = await _line()
        if not line:
            self._out.write("\n")
            raise EOFError
        return line.strip()


async def _line() -> str:
    """A line of standard input, ``""`` at its end. Cancelled, its thread stays behind: the process ends soon."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[str] = loop.create_future()

    def put(line: str) -> None:
        if not came.done():
            came.set_result(line)

    def wait() -> None:
        try:
            line = sys.stdin.readline()
        except (OSError, ValueError):  # Closed, or not text.
            line = ""
        with suppress(RuntimeError):  # The loop has ended meanwhile.
            loop.call_soon_threadsafe(put, line)

    threading.Thread(target=wait, daemon=True).start()
    return await came
