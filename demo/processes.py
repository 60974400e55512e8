"""Child processes of the demo: started, known to be ready, measured, ended by their own id, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

READY: Final = "ready "
_PR_SET_PDEATHSIG: Final = 1
_LOG_TAIL_LINES: Final = 15


class ChildError(RuntimeError):
    """A part of the house did not start, or ended by itself. The text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far."""

    cpu_s: float = 0.0
    peak_rss_mb: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu_s + other.cpu_s, self.peak_rss_mb + other.peak_rss_mb)


def _end_with_parent() -> None:
    """In the child, before its program starts: when the parent dies, however it dies, so does the child."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _usage_of(pid: int) -> Usage:
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        cpu_s = float(times.user) + float(times.system)
        return Usage(cpu_s, _peak_rss_mb(pid) or process.memory_info().rss / 1e6)
    except psutil.Error:
        return Usage()


def _peak_rss_mb(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


@dataclass
class Child:
    """One process. ``says_ready``: it prints a line ``ready {json}`` when it serves (what the line said is kept)."""

    name: str
    command: Sequence[str]
    log: Path
    says_ready: bool = True
    said: dict[str, Any] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None
    _past: Usage = field(default_factory=Usage)
    _now: Usage = field(default_factory=Usage)

    @property
    def pid(self) -> int | None:
        """Its id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the program; does not wait until it is ready."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._past, self._now = self._past + self._now, Usage()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self.says_ready else log,
                stderr=log,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    async def ready(self, timeout_s: float = 60.0) -> None:
        """Wait for the ready line.

        Raises:
            ChildError: the process ended first, or took longer than ``timeout_s``.
        """
        process = self._process
        if process is None or process.stdout is None:
            return
        try:
            async with asyncio.timeout(timeout_s):
                while line := await process.stdout.readline():
                    text = line.decode(errors="replace").strip()
                    if text.startswith(READY):
                        self.said = json.loads(text.removeprefix(READY))
                        return
        except TimeoutError:
            raise ChildError(
                f"{self.name} is not ready after {timeout_s:.0f} s. Its log ends:\n{self.tail()}"
            ) from None
        code = await process.wait()
        raise ChildError(f"{self.name} ended with code {code} before it was ready. Its log ends:\n{self.tail()}")

    def check(self) -> None:
        """See that it still runs.

        Raises:
            ChildError: it ended by itself.
        """
        if self._process is not None and self._process.returncode is not None:
            raise ChildError(f"{self.name} ended with code {self._process.returncode}. Its log ends:\n{self.tail()}")

    def usage(self) -> Usage:
        """CPU and memory over all its lives; the last known when it has ended. CPU adds up, the peak is the highest."""
        if self.pid is not None:
            self._now = _usage_of(self.pid)
        return Usage(self._past.cpu_s + self._now.cpu_s, max(self._past.peak_rss_mb, self._now.peak_rss_mb))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing when it has ended."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, timeout_s: float = 20.0) -> None:
        """Ask it to end; kill it when it does not within ``timeout_s``."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.usage()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(timeout_s):
                await _drained(process)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.usage()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await _drained(process)

    def tail(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        return ""


async def all_ready(children: Sequence[Child], timeout_s: float) -> None:
    """Wait until all are ready; when one is not, nobody waits for the others any more.

    Raises:
        ChildError: the first that failed.
    """
    waiting = [asyncio.create_task(child.ready(timeout_s)) for child in children]
    try:
        await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _drained(process: asyncio.subprocess.Process) -> None:
    # A full pipe would keep the process from ending.
    if process.stdout is not None:
        await process.stdout.read()
    await process.wait()
