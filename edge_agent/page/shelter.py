"""The steered shelter as the page shows it, and turning its switch by the file of ``shelter-edge switch``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from contract.steering import GridState, Mode, Reason, Source, Stage
from edge_agent.core.modes import Policy
from edge_agent.core.receipts import PROVEN, merged
from edge_agent.core.standing import Position, Switch
from edge_agent.core.upcoming import Next, upcoming
from edge_agent.io.state_file import StateError, read_switch, switch_path, turn

if TYPE_CHECKING:
    from edge_agent.config import SiteConfig
    from edge_agent.steer import Steerer
    from edge_agent.words_steer import Both

BY: Final = "page"
"""Who turned the switch, in the switch's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterNow:
    """What an agent steers, as it is now."""

    mode: Mode
    source: Source
    stage: Stage | None
    """How far the plant has come with it; None where nothing is ordered of the plant."""
    reason: Reason = Reason.NONE
    detail: str = ""
    grid: GridState = GridState.UNKNOWN
    soc_pct: float | None = None
    tiers: tuple[bool | None, ...] = ()
    by_hand: Both | None = None
    """What a person has to do there now."""
    wanted: Mode | None = None
    """What the city wants; None while it has said nothing."""
    is_drill: bool = False
    next: Next = Next.WATCHING
    due_s: float | None = None
    """Seconds until then."""
    switch: Switch = field(default_factory=Switch)
    """The switch as the agent knows it."""

    @property
    def is_proven(self) -> bool:
        """Whether the mode's name may be said without reserve."""
        return self.stage is None or self.stage in PROVEN


def shelter_now(steerer: Steerer, boot_ms: Callable[[], int]) -> ShelterNow | None:
    """The shelter of a running steerer; None until it has decided for the first time."""
    report, state = steerer.report.last, steerer.state
    if report is None:
        return None
    kept = state.kept
    now = merged(
        {name: part for name, part in steerer.parts.items() if name in steerer.batteries},
        {name: part for name, part in steerer.parts.items() if name not in steerer.batteries},
    )
    is_ordered = kept.mode is not Mode.MAINTENANCE and not (
        kept.source is Source.DEFAULT and kept.desired is None and state.points.policy is Policy.LEAVE
    )
    by_hand = (report.by_hand_ja, report.by_hand_en) if report.by_hand_ja else None
    coming = upcoming(
        state, steerer.site.own, waits_for_person=by_hand is not None, is_by_hand=steerer.site.by_hand is not None
    )
    return ShelterNow(
        mode=kept.mode,
        source=kept.source,
        stage=now.stage if is_ordered else None,
        reason=now.reason if is_ordered else Reason.NONE,
        detail=now.detail if is_ordered else "",
        grid=state.grid,
        soc_pct=steerer.seen.soc_pct,
        tiers=steerer.seen.tiers,
        by_hand=by_hand,
        wanted=None if kept.desired is None else kept.desired.mode,
        is_drill=kept.drill is not None,
        next=coming.what,
        due_s=None if coming.due_ms is None else max(0.0, (coming.due_ms - boot_ms()) / 1000),
        switch=kept.switch,
    )


def switch_of(config: SiteConfig) -> tuple[Switch, str]:
    """How the switch stands in its file, and what is wrong with the file."""
    try:
        return read_switch(switch_path(config.outbox.path)) or Switch(), ""
    except StateError as error:
        return Switch(), str(error)


def turn_switch(
    config: SiteConfig, position: Position, at_ms: int, *, water_is_gone: bool, known: Switch | None
) -> Switch:
    """Turn the switch on site. Raises StateError.

    Args:
        config: the site whose switch it is.
        position: where to.
        at_ms: now, UTC milliseconds.
        water_is_gone: somebody there has seen that an isolation may end.
        known: the switch as the running agent knows it. What somebody said of the water holds until the city's next
            order, so turning the switch further must not take it back.
    """
    was_lifted = known is not None and known.lifts_isolation
    lifts = position is not Position.ISOLATE and (water_is_gone or was_lifted)
    switch = Switch(position=position, at_ms=at_ms, lifts_isolation=lifts, by=BY)
    turn(switch_path(config.outbox.path), switch)
    return switch


_CIRCLED: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_NUMBER: Final = re.compile(rf"^\s*(?:[{_CIRCLED}]\s*|\(?[0-9０-９]{{1,2}}[.．)）、:：](?![0-9０-９])\s*|[-・•*]\s+)")
_INNER: Final = re.compile(rf"(?<=[^\s])\s*(?=[{_CIRCLED}])|(?<=。)\s*(?=\S)|(?<=[^\s\d][.;])\s+(?=\S)")


def steps_of(text: str) -> tuple[str, ...]:
    """The single steps in what somebody wrote: line by line, or else sentence by sentence, without their numbers."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1:
        lines = _INNER.split(lines[0])
    return tuple(step for line in lines if (step := _NUMBER.sub("", line).strip()))
