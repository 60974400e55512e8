"""The machine's clocks and what the kernel says of them."""

from __future__ import annotations

import contextlib
import ctypes
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.core.clock import SiteClock, Sync

_TIME_ERROR = 5
"""Return value of adjtimex(2) for a clock that nobody disciplines."""


def wall_ms() -> int:
    """Wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def boot_ms() -> int:
    """Milliseconds since boot, suspended time included; never steps."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


def boot_id() -> str:
    """Name of this boot; a name of its own for each process where the kernel has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
    except OSError:
        return secrets.token_hex(6)


class KernelSync:
    """Asks the kernel whether a time service disciplines its clock, at most once a second."""

    def __init__(self) -> None:
        self._last = Sync.UNKNOWN
        self._asked_s = float("-inf")
        # struct timex is 208 bytes; all zero means "change nothing, tell me".
        self._timex = ctypes.create_string_buffer(512)
        self._adjtimex: Callable[[ctypes.Array[ctypes.c_char]], int] | None = None
        with contextlib.suppress(AttributeError, OSError):
            self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def __call__(self) -> Sync:
        """What the kernel says; unknown where it can't be asked."""
        now_s = time.monotonic()
        if self._adjtimex is not None and now_s - self._asked_s >= 1:
            self._asked_s = now_s
            ctypes.memset(self._timex, 0, len(self._timex))
            state = self._adjtimex(self._timex)
            self._last = Sync.UNKNOWN if state < 0 else Sync.UNSYNCED if state == _TIME_ERROR else Sync.SYNCED
        return self._last


def system_clock(durable_ms: int) -> SiteClock:
    """The clock of this machine. ``durable_ms``: ``Outbox.durable_ms``, the newest known time on disk."""
    return SiteClock(wall_ms=wall_ms, boot_ms=boot_ms, boot_id=boot_id(), sync=KernelSync(), durable_ms=durable_ms)
