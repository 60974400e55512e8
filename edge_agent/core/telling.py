"""What the city is told of the order that holds, and when. Its only memory is what was told last."""

from __future__ import annotations

from collections.abc import Mapping

from contract.steering import Mode, Reason, Receipt, Source, Stage
from edge_agent.core.receipts import PROVEN, Part, Told, tell
from edge_agent.core.standing import Kept


def towards_city(kept: Kept, now: Part) -> Part | None:
    """How far the shelter has come, as an answer to the city's newest order; None while it acts on its own."""
    if kept.desired is None:
        return None
    if kept.source is Source.LOCK_OUT:
        return Part(stage=Stage.REFUSED, reason=Reason.LOCKED_OUT)
    if kept.mode is kept.desired.mode:
        return now
    if kept.desired.mode is Mode.ISOLATED and not kept.is_isolated:
        detail = f"somebody on site has lifted the isolation; the mode is {kept.mode.value}"
        return Part(stage=Stage.REFUSED, reason=Reason.LOCAL_SWITCH, detail=detail)
    if kept.source is Source.LOCAL_SWITCH:
        reason = Reason.ISOLATED if kept.mode is Mode.ISOLATED else Reason.LOCAL_SWITCH
        return Part(stage=Stage.REFUSED, reason=reason, detail=f"the switch on site says {kept.mode.value}")
    return None


class Teller:
    """Receipts for the city's orders and, as revision 0, for what the shelter does by itself."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.receipt: Receipt | None = None
        """Of the mode that holds, as it was told last."""
        self._own = Told()

    def taken(self, receipt: Receipt) -> None:
        """A new order was taken, and that was told."""
        self.told = Told(revision=receipt.revision, part=Part(), at_ms=receipt.at_ms)
        self.receipt = receipt
        self._own = Told()

    def mode_changed(self) -> None:
        """What comes now is about another mode; what was proven of the one before says nothing of it."""
        self._own = Told()
        if self.receipt is not None and self.receipt.stage in PROVEN:
            self.receipt = None

    def news(self, kept: Kept, now: Part, devices: Mapping[str, Part], at_ms: int) -> list[Receipt]:
        """What must be told, given how far the shelter and each device have come."""
        city = towards_city(kept, now)
        found: list[Receipt] = []
        if kept.desired is not None and city is not None:
            self.told, found = tell(self.told, kept.desired.revision, city, devices if city is now else {}, at_ms)
        elif kept.source in {Source.GRID_LOSS, Source.LOCAL_SWITCH}:
            self._own, found = tell(self._own, 0, now, devices, at_ms)
        last = next((receipt for receipt in reversed(found) if not receipt.device), None)
        shown = self.receipt.stage if self.receipt is not None else None
        if last is None and city is now and now.stage in PROVEN and shown in {None, Stage.VERIFIED} - {now.stage}:
            # After a reboot what was told before counts again when it is seen again, and no sooner.
            last = Receipt(revision=self.told.revision, stage=now.stage, at_ms=at_ms)
        self.receipt = last or self.receipt
        return found
