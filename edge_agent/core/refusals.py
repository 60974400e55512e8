"""Finding the registers that a device does not have, and remembering them for a while.

A request that touches one missing register is refused whole. The block is split until the guilty fields are known; the
rest goes on being read. What was refused is asked again: soon at first (a starting inverter refuses much), later once
an hour (a firmware update may have added it).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from device_profiles.blocks import split
from device_profiles.model import Block, Field, Limits, Table

ASK_AGAIN_MS: Final = (60_000, 600_000, 3_600_000)
"""Wait before the refused fields are asked again, by how often they were refused in a row."""

Words = tuple[int, ...]
Hunt = Generator[Block, "Words | None", "Found"]
"""Yields a block to read, is sent its words, or None when the device has no such register."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a hunt found out about one refused block."""

    words: tuple[tuple[Block, Words], ...]
    """The parts that could be read, so that the poll which met the refusal still has its values."""
    guilty: tuple[Block, ...]
    """The smallest parts that are refused."""
    holes: tuple[Block, ...]
    """Unused registers between fields that must not be read along any more."""


def hunt(block: Block, fields: Sequence[Field]) -> Hunt:
    """Split a refused block until the guilty parts are known."""
    words: list[tuple[Block, Words]] = []
    guilty: list[Block] = []
    waiting = [block]
    while waiting:
        refused = waiting.pop()
        parts = split(refused, fields)
        if not parts or parts == (refused,):
            guilty.append(refused)
            continue
        for part in parts:
            answer = yield part
            if answer is None:
                waiting.append(part)
            else:
                words.append((part, answer))
    words.sort()
    guilty.sort()
    return Found(tuple(words), tuple(guilty), _gaps(block, [*(part for part, _ in words), *guilty]))


def _gaps(block: Block, parts: Iterable[Block]) -> tuple[Block, ...]:
    """Registers of the block that stand in none of its parts."""
    gaps: list[Block] = []
    at = block.start
    for part in sorted(parts):
        if part.start > at:
            gaps.append(Block(block.table, at, part.start - at))
        at = max(at, part.end)
    if at < block.end:
        gaps.append(Block(block.table, at, block.end - at))
    return tuple(gaps)


def touched(blocks: Iterable[Block], fields: Iterable[Field]) -> frozenset[str]:
    """Points of the fields that need any register of these blocks, their scale factor's included."""
    refused = {(block.table, address) for block in blocks for address in range(block.start, block.end)}
    return frozenset(f.point for f in fields if any(need in refused for need in needs_of(f)))


def needs_of(f: Field) -> Iterable[tuple[Table, int]]:
    """Registers that a field is made of."""
    for span in f.spans:
        for address in range(span.start, span.end):
            yield span.table, address


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a device is known not to have."""

    points: frozenset[str] = frozenset()
    holes: tuple[Block, ...] = ()
    ask_again_at_ms: int = 0
    times: int = 0
    """How often in a row the device was asked and refused."""

    def limits(self, limits: Limits) -> Limits:
        """The device's limits with what must not be touched any more."""
        return replace(limits, holes=(*limits.holes, *self.holes)) if self.holes else limits

    def is_due(self, now_ms: int) -> bool:
        """Whether the refused registers should be asked again."""
        return bool(self.points or self.holes) and now_ms >= self.ask_again_at_ms


def remember(refusals: Refusals, found: Found, fields: Iterable[Field], *, now_ms: int) -> Refusals:
    """Add what a hunt found. Several blocks of one poll may be refused; they count as one time."""
    fresh = refusals.ask_again_at_ms <= now_ms
    times = refusals.times + 1 if fresh else max(refusals.times, 1)
    wait_ms = ASK_AGAIN_MS[min(times, len(ASK_AGAIN_MS)) - 1]
    return replace(
        refusals,
        points=refusals.points | touched(found.guilty, fields),
        holes=tuple(dict.fromkeys((*refusals.holes, *found.holes, *found.guilty))),
        ask_again_at_ms=now_ms + wait_ms,
        times=times,
    )


def forget(refusals: Refusals) -> Refusals:
    """Ask everything again with the next poll; keep how often it was in vain and what was told."""
    return replace(refusals, points=frozenset(), holes=(), ask_again_at_ms=0)
