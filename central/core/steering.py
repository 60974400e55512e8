"""What a shelter is, as far as it has proven it: the word that screens show. Pure.

"Backup" is said of a shelter only while its newest receipt says verified or held. What it was told to be, and what it
claims without proof, have names of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from central.core.orders import PROVEN, Outcome, Standing
from contract.steering import GridState, Mode, Reason, Reported, Source, Stage

UNPROVEN_IS_TRUE: Final = frozenset({Mode.NORMAL, Mode.RECOVERY, Mode.MAINTENANCE})
"""Modes that promise nobody anything, so that a shelter's word is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringNow:
    """One shelter's modes at a glance."""

    mode: Mode | None = None
    """The mode that it has proven; None: it has said nothing, or is not there yet, or is so no more."""
    claimed: Mode | None = None
    """The mode that it says it is in or on its way to."""
    source: Source | None = None
    """Who decided that, by its word."""
    grid: GridState = GridState.UNKNOWN
    said_ms: int | None = None
    """When it said so, by its clock."""
    wanted: Mode | None = None
    """What the city wants; None: it never wanted anything."""
    is_drill: bool = False
    """Whether what the city wants is a drill."""
    revision: int = 0
    outcome: Outcome | None = None
    """What became of that order."""
    stage: Stage | None = None
    reason: Reason = Reason.NONE
    is_overdue: bool = False
    by_hand_ja: str = ""
    by_hand_en: str = ""
    """What a person has to do there."""


UNSTEERED: Final = SteeringNow()


def steering_now(reported: Reported | None, standing: Standing | None) -> SteeringNow:
    """What the newest reported state and the order that holds say together."""
    order = standing.order if standing is not None else None
    found = standing.progress if standing is not None else None
    return SteeringNow(
        mode=_proven(reported, standing),
        claimed=reported.mode if reported else None,
        source=reported.source if reported else None,
        grid=reported.grid if reported else GridState.UNKNOWN,
        said_ms=reported.at_ms if reported else None,
        wanted=order.desired.mode if order else None,
        is_drill=bool(order and order.desired.is_drill),
        revision=order.revision if order else 0,
        outcome=standing.outcome if standing else None,
        stage=found.stage if found else None,
        reason=found.reason if found else Reason.NONE,
        is_overdue=bool(standing and standing.is_overdue),
        by_hand_ja=reported.by_hand_ja if reported else "",
        by_hand_en=reported.by_hand_en if reported else "",
    )


def _proven(reported: Reported | None, standing: Standing | None) -> Mode | None:
    if reported is None:
        return None
    if reported.mode in UNPROVEN_IS_TRUE:
        return reported.mode
    receipt = reported.receipt
    if receipt is None or receipt.stage not in PROVEN:
        return None
    # A receipt that came as an event may be newer than the state that is retained.
    if standing is not None and receipt.revision == standing.order.revision:
        found = standing.progress
        if found.stage not in PROVEN and found.at_ms > receipt.at_ms:
            return None
    return reported.mode
