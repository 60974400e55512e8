"""After a restore from a backup: which entries of the shelters' outboxes the city had once and has no more. Pure.

What was acknowledged after the backup is gone here, and the shelters, told that it is safe, need not keep it. A box
that keeps delivered entries for some hours (``outbox.keep_delivered_h``) gives them again when it is asked by number.
The numbers that are missing follow from the ledger, which came out of the same backup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from central.core.ledger import LedgerRun
from contract.messages import OutboxStatus, SeqRange
from contract.ranges import RangeSet

NOTE: Final = "restored"
"""Name of the note in the records that says so."""
ASKING_MS: Final = 30 * 86_400_000
"""So long after a restore shelters are asked: one that was cut off comes back with what it kept."""
NUMBERS_MAX: Final = 2_000
"""Of one question; a box takes up no more at once."""
RANGES_MAX: Final = 200
LOOK_MS: Final = 5_000
"""Between two looks at one shelter."""
ROUND_MS: Final = 3_600_000
"""When everything was asked for, it is asked for again after so long: the question may have been lost."""
ROUNDS_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """That the records were put back from a backup."""

    backup_ms: int
    """When the backup was made."""
    restored_ms: int

    def as_note(self) -> str:
        """As the records keep it."""
        return json.dumps({"backup_ms": self.backup_ms, "restored_ms": self.restored_ms})


def restored_of(notes: Mapping[str, str]) -> Restored | None:
    """The last restore, as the notes say; None without one."""
    try:
        said = json.loads(notes[NOTE])
        return Restored(backup_ms=int(said["backup_ms"]), restored_ms=int(said["restored_ms"]))
    except (KeyError, ValueError, TypeError):
        return None


def missing(runs: Iterable[LedgerRun], outbox: OutboxStatus, *, is_cut: bool = False) -> RangeSet:
    """Numbers of an outbox that are neither here nor known to be lost. ``runs``: those of its site.

    ``is_cut``: older runs than these are in the records alone, so nothing is said of the numbers before them.
    """
    own = [run for run in runs if run.epoch == outbox.epoch]
    begin = min((run.first_seq for run in own), default=1) if is_cut else 1
    # A status may be a minute old; what arrived since tells of higher numbers.
    end = max(outbox.next_seq - 1, max((run.last_seq for run in own), default=0))
    found = RangeSet([(begin, end)] if end >= begin else [])
    for run in own:
        found.discard(run.first_seq, run.last_seq)
    return found


@dataclass(slots=True)
class _Asked:
    numbers: RangeSet = field(default_factory=RangeSet)
    since_ms: int = 0
    looked_ms: int = 0
    rounds: int = 0


class Asking:
    """What the shelters were asked for since this service started."""

    def __init__(self, restored: Restored) -> None:
        self._until_ms = restored.restored_ms + ASKING_MS
        self._asked: dict[tuple[str, str], _Asked] = {}

    def question(
        self, site: str, runs: Iterable[LedgerRun], outbox: OutboxStatus, now_ms: int, *, is_cut: bool = False
    ) -> list[SeqRange]:
        """What to ask a shelter for now, the newest numbers first; empty when nothing is missing or all was asked.

        A number that exists nowhere any more must not stand before the others for ever: each is asked for once in a
        round, and there are a few rounds.
        """
        asked = self._asked.setdefault((site, outbox.epoch), _Asked(since_ms=now_ms))
        if now_ms > self._until_ms or 0 <= now_ms - asked.looked_ms < LOOK_MS:
            return []
        asked.looked_ms = now_ms
        wanted = missing(runs, outbox, is_cut=is_cut)
        if now_ms - asked.since_ms >= ROUND_MS and asked.rounds < ROUNDS_MAX:
            asked.numbers, asked.since_ms, asked.rounds = RangeSet(), now_ms, asked.rounds + 1
        for first, last in asked.numbers:
            wanted.discard(first, last)
        chosen = _newest(wanted)
        for first, last in chosen:
            asked.numbers.add(first, last)
        return sorted(chosen)


def _newest(numbers: RangeSet) -> list[SeqRange]:
    chosen: list[SeqRange] = []
    room = NUMBERS_MAX
    for first, last in reversed(list(numbers)):
        chosen.append((max(first, last - room + 1), last))
        room -= last - chosen[-1][0] + 1
        if not room or len(chosen) == RANGES_MAX:
            break
    return chosen
