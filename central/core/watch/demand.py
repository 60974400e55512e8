"""What the running half hour's demand will come to, from the powers seen so far. Half hours are Tokyo's. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SLOT_MS: Final = 1_800_000
GAP_MAX_MS: Final = 300_000
"""A power stands for the time until the next one, but not for longer than this."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A half hour as far as it was seen. Powers in W, positive from the grid."""

    start_ms: int = 0
    seen_ms: int = 0
    energy_w_ms: float = 0.0
    last_ms: int = 0
    last_w: float = 0.0


def seen(slot: Slot, power_w: float, at_ms: int) -> Slot:
    """After one more reading. Readings of the past change nothing."""
    start_ms = at_ms - at_ms % SLOT_MS
    if start_ms < slot.start_ms or at_ms < slot.last_ms:
        return slot
    imported_w = max(0.0, power_w)
    if start_ms > slot.start_ms:
        return Slot(start_ms=start_ms, last_ms=at_ms, last_w=imported_w)
    passed_ms = at_ms - slot.last_ms
    if passed_ms > GAP_MAX_MS:
        return Slot(slot.start_ms, slot.seen_ms, slot.energy_w_ms, at_ms, imported_w)
    return Slot(slot.start_ms, slot.seen_ms + passed_ms, slot.energy_w_ms + slot.last_w * passed_ms, at_ms, imported_w)


def foretold_w(slot: Slot, at_ms: int) -> float | None:
    """The half hour's mean if the power stays as it is; ``None``: nothing was seen of it.

    What was not seen of it counts like what was.
    """
    if at_ms - at_ms % SLOT_MS != slot.start_ms or not slot.last_ms:
        return None
    mean_w = slot.energy_w_ms / slot.seen_ms if slot.seen_ms else slot.last_w
    passed_ms = max(0, slot.last_ms - slot.start_ms)
    return (mean_w * passed_ms + slot.last_w * (SLOT_MS - passed_ms)) / SLOT_MS
