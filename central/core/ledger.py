"""The ledger of outbox entries: which numbers of which shelter's outbox are here, which are lost, and of what time."""

from __future__ import annotations

from dataclasses import dataclass

from central.core.city import Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRun:
    """Neighbouring outbox entries of one site and epoch with one fate, and the time that they span.

    Numbers inside a run have no hole, and neither has its time: where the agent stood still for longer than a few
    intervals a new run begins, although the numbers go on. Identified by ``site``, ``epoch`` and ``first_seq``.
    """

    site: str
    epoch: str
    first_seq: int
    last_seq: int
    from_ms: int
    to_ms: int
    fate: Fate
    """``ARRIVED`` or ``LOST``; whatever stands in no run is waiting, not measured or unknown."""
    reason: str = ""
    rows: int = 0
