"""Sets of sequence numbers as sorted, disjoint, inclusive ranges: the arithmetic of acknowledgement."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First and last sequence number, both inside."""


class RangeSet:
    """Sequence numbers, kept as few ranges as possible.

    Costs grow with the number of ranges, not of numbers, so a site that never lost a batch costs one pair.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Put in ``first`` to ``last`` (one number when ``last`` is left out).

        Raises:
            ValueError: the range is empty or negative.
        """
        end = first if last is None else last
        if first < 0 or end < first:
            raise ValueError(f"want 0 <= first <= last, got {first}..{end}")
        # Everything that touches [first - 1, end + 1] melts into one range.
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, end + 1)
        if low < high:
            first = min(first, self._firsts[low])
            end = max(end, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [end]

    def discard(self, first: int, last: int | None = None) -> None:
        """Take out ``first`` to ``last``; what is not there is no error.

        Raises:
            ValueError: the range is turned round.
        """
        end = first if last is None else last
        if end < first:
            raise ValueError(f"want first <= last, got {first}..{end}")
        low = bisect_left(self._lasts, first)
        high = bisect_right(self._firsts, end)
        if low >= high:
            return
        rests: list[Range] = []
        if self._firsts[low] < first:
            rests.append((self._firsts[low], first - 1))
        if self._lasts[high - 1] > end:
            rests.append((end + 1, self._lasts[high - 1]))
        self._firsts[low:high] = [rest[0] for rest in rests]
        self._lasts[low:high] = [rest[1] for rest in rests]

    def gaps(self, first: int, last: int) -> list[Range]:
        """The ranges inside ``first`` to ``last`` that are not in the set."""
        missing: list[Range] = []
        at = first
        for index in range(bisect_left(self._lasts, first), len(self._firsts)):
            low = self._firsts[index]
            if low > last:
                break
            if low > at:
                missing.append((at, low - 1))
            at = self._lasts[index] + 1
        if at <= last:
            missing.append((at, last))
        return missing

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self._lasts, number)
        return at < len(self._firsts) and self._firsts[at] <= number

    def __iter__(self) -> Iterator[Range]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    @property
    def count(self) -> int:
        """How many numbers are in the set. Not ``len``: that would be the hint for the size of a list of *ranges*."""
        return sum(last - first + 1 for first, last in self)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        return self._firsts == other._firsts and self._lasts == other._lasts

    __hash__ = None  # type: ignore[assignment]  # It changes, so it is no key.

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"
