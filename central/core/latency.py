"""How long live readings took from the register to the store: percentiles over the last minutes, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Final

WINDOW_MS: Final = 5 * 60_000
SAMPLES_MAX: Final = 8_192
PER_BATCH_MAX: Final = 64
"""Samples of one batch, evenly chosen: a flood must not push the quiet minutes out of the window."""


class Latency:
    """Keeps the newest samples; times are arguments."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES_MAX)

    def add(self, read_ms: list[int], stored_ms: int) -> None:
        """Readings that became durable together, by the times at which they were read."""
        stride = -(-len(read_ms) // PER_BATCH_MAX) or 1
        for at_ms in read_ms[::stride]:
            self._samples.append((stored_ms, max(0, stored_ms - at_ms)))

    def seconds(self, share: float, now_ms: int) -> float | None:
        """The percentile (0 to 1) over the last five minutes; ``None`` when nothing came."""
        taken = sorted(took for stored_ms, took in self._samples if now_ms - stored_ms <= WINDOW_MS)
        if not taken:
            return None
        return taken[min(len(taken) - 1, int(share * len(taken)))] / 1_000
