"""What the shelter says of itself: the reported state, said anew when something of it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from contract.steering import Mode, Receipt, Reported, Stage, encode_reported
from edge_agent.core.conditions import Conditions
from edge_agent.core.peak import NO_PEAK, Peak, report_of
from edge_agent.core.receipts import Part
from edge_agent.core.standing import SiteState
from edge_agent.words_steer import NOTHING, Both

SAY_AGAIN_MS: Final = 60_000
"""What has not changed is said again so often, with a new time."""
TEXT_MAX: Final = 1_000


def reported(
    state: SiteState,
    seen: Conditions,
    parts: Mapping[str, Part],
    receipt: Receipt | None,
    *,
    at_ms: int,
    until_ms: int = 0,
    by_hand: Both = NOTHING,
    peak: Peak = NO_PEAK,
) -> Reported:
    """The reported state of now."""
    kept = state.kept
    return Reported(
        at_ms=at_ms,
        revision=kept.revision,
        mode=kept.mode,
        source=kept.source,
        receipt=receipt,
        grid=state.grid,
        soc_pct=None if seen.soc_pct is None else round(min(max(seen.soc_pct, 0.0), 100.0), 1),
        tiers_closed=[bool(closed) for closed in seen.tiers],
        devices={device: part.stage for device, part in parts.items()},
        by_hand_ja=by_hand[0][:TEXT_MAX] if _is_waiting(parts) else "",
        by_hand_en=by_hand[1][:TEXT_MAX] if _is_waiting(parts) else "",
        is_drill=kept.drill is not None and kept.drill.mode is not Mode.NORMAL,  # Normal: the drill is over.
        peak=report_of(peak),
        until_ms=max(0, until_ms),
    )


def _is_waiting(parts: Mapping[str, Part]) -> bool:
    return any(part.stage is Stage.WAITING for part in parts.values())


class ReportBox:
    """The newest reported state as it travels, and whether it is worth saying."""

    def __init__(self) -> None:
        self.payload: bytes | None = None
        self.last: Reported | None = None
        self._gist: Reported | None = None
        self._said_ms = 0

    def put(self, now: Reported, boot_ms: int) -> bool:
        """Take in the state of now; whether there is something new to say."""
        soc_pct = None if now.soc_pct is None else round(now.soc_pct)
        receipt = None if now.receipt is None else replace(now.receipt, at_ms=0)
        gist = replace(now, at_ms=0, soc_pct=soc_pct, receipt=receipt, until_ms=now.until_ms // 10_000)
        if gist == self._gist and boot_ms - self._said_ms < SAY_AGAIN_MS:
            return False
        self._gist, self._said_ms, self.last = gist, boot_ms, now
        self.payload = encode_reported(now)
        return True
