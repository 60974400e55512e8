"""The read planner: the fewest requests that read a set of fields within what a device stands.

A request must not be longer than the device allows, must not touch a hole, and may read along at most ``gap_max``
unused registers in a row. A field is never torn, and its scale factor stands in the same request wherever that fits.

Why the result is minimal: each field (with its scale factor) is an interval of registers, and some request must hold
the interval that starts first. A request that starts at that very register reaches as far as any other that holds it,
because a request that is allowed stays allowed when it is cut short at a field. So it holds every interval that the
other would hold, and taking it can cost nothing. The same is true of the rest.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from device_profiles.model import Block, Field, Limits, Table

_BITS = frozenset({Table.COIL, Table.DISCRETE})


def plan(fields: Iterable[Field], limits: Limits) -> tuple[Block, ...]:
    """Fewest blocks that read these fields, in ascending order; guarded fields' blocks come last.

    A register inside a hole is not read, whoever wants it. Raises ``ValueError`` when a single field is wider than the
    device's largest request.
    """

    def space(field: Field) -> tuple[str, Table]:
        return field.guard or "", field.table

    found: list[Block] = []
    every = sorted(fields, key=space)
    for (guard, table), members in groupby(every, key=space):
        mine = tuple(members)
        own = {span for field in mine for span in field.spans}
        # What another guard protects must not even be read along.
        foreign = (span for field in every if field.guard not in {None, guard} for span in field.spans)
        holes = (*limits.holes, *(span for span in foreign if span not in own))
        found += _plan_space(_Space(table, mine, replace(limits, holes=holes)))
    return tuple(found)


def apart(fields: Iterable[Field], blocks: Iterable[Block]) -> tuple[Field, ...]:
    """Fields that no single block reads whole: the limits force their scale factor into another request."""
    blocks = tuple(blocks)
    return tuple(field for field in fields if not any(_is_inside(field.spans, block) for block in blocks))


def split(block: Block, fields: Iterable[Field]) -> tuple[Block, ...]:
    """Two blocks that hold the halves of a refused one, cut between fields; none when one field is left.

    Unused registers at the cut are left out, so they stop being read along. A scale factor counts as a field of its
    own: when it is the one that is refused, every value that needs it is.
    """
    stretches = _merged(
        (span.start, span.end)
        for field in fields
        for span in field.spans
        if span.table is block.table and block.start <= span.start and span.end <= block.end
    )
    if not stretches:
        return ()
    middle = (len(stretches) + 1) // 2
    halves = [stretches[:middle], stretches[middle:]]
    blocks = tuple(Block(block.table, half[0][0], half[-1][1] - half[0][0]) for half in halves if half)
    return () if blocks == (block,) else blocks


def _is_inside(spans: Iterable[Block], block: Block) -> bool:
    return all(s.table is block.table and block.start <= s.start and s.end <= block.end for s in spans)


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches that share a register become one: cutting there would tear a field."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


class _Space:
    """The fields of one table, and how far a request that starts at a register may reach."""

    def __init__(self, table: Table, fields: Sequence[Field], limits: Limits) -> None:
        self.table = table
        self.count_max = limits.bits_max if table in _BITS else limits.registers_max
        holes = _merged((hole.start, hole.end) for hole in limits.holes if hole.table is table)
        self._hole_starts = [start for start, _ in holes]
        self._hole_ends = [end for _, end in holes]
        self.items = sorted({item for field in fields for item in self._items(field)})
        self._walls = self._walls_between(limits.gap_max)

    def _items(self, field: Field) -> list[tuple[int, int]]:
        """What must be read in one request: the whole field where that fits, else each of its parts."""
        spans = field.spans
        whole = (min(s.start for s in spans), max(s.end for s in spans))
        if whole[1] - whole[0] <= self.count_max and not self._meets_hole(*whole):
            return [whole]
        parts = [(s.start, s.end) for s in spans]
        for start, end in parts:
            if end - start > self.count_max:
                raise ValueError(f"{field.point}: {end - start} registers, but a request may read {self.count_max}")
        return [part for part in parts if not self._meets_hole(*part)]

    def _meets_hole(self, start: int, end: int) -> bool:
        n = bisect_right(self._hole_ends, start)
        return n < len(self._hole_starts) and self._hole_starts[n] < end

    def _walls_between(self, gap_max: int) -> list[int]:
        """Ends of used stretches that no request may read on from: the gap behind is too wide, or has a hole."""
        used = _merged(self.items)
        return [end for (_, end), (start, _) in pairwise(used) if start - end > gap_max or self._meets_hole(end, start)]

    def reach(self, start: int) -> int:
        """Address that a request from ``start`` must not read beyond."""
        end = start + self.count_max
        n = bisect_right(self._walls, start)
        return min(end, self._walls[n]) if n < len(self._walls) else end


def _plan_space(space: _Space) -> Iterable[Block]:
    waiting = space.items
    while waiting:
        start = waiting[0][0]
        limit = space.reach(start)
        end = max(e for s, e in waiting if e <= limit and s >= start)
        yield Block(space.table, start, end - start)
        waiting = [item for item in waiting if item[1] > limit]
