"""What the outbox knows besides its entries: layouts, boots whose time is open, losses."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from contract.layouts import Layout
from contract.messages import Loss
from edge_agent.io.outbox_file import BOOT, LAYOUT, LOSS, BootFact, Fact, Facts, LayoutFact, LossFact


class FactBook:
    """Facts in memory, and those of them that the next transaction must write."""

    def __init__(self) -> None:
        self.layouts: dict[str, LayoutFact] = {}
        self.boots: dict[int, BootFact] = {}
        self.losses: dict[int, LossFact] = {}
        self.untold: dict[int, Loss] = {}
        """Losses that no event told of yet, by their number."""
        self.unwritten: dict[str, Fact] = {}

    def learn_layouts(self, layouts: Mapping[str, Layout]) -> None:
        """Layouts that entries refer to."""
        for layout_id, layout in layouts.items():
            if layout_id not in self.layouts:
                self._set_layout(layout_id, LayoutFact(device=layout.device, points=layout.points))

    def know_layouts(self, layout_ids: Iterable[str], *, known: bool) -> None:
        """The city has these layouts' definitions, or has not."""
        for layout_id in layout_ids:
            if layout_id in self.layouts:
                self._set_layout(layout_id, replace(self.layouts[layout_id], known=known))

    def boot_number(self, boot_id: str) -> int:
        """Number that entries of a boot carry while its time is not known. The same for the same boot, always."""
        number = zlib.crc32(boot_id.encode()) & 0x7FFFFFFF or 1
        if number not in self.boots:
            self.set_boot(number, BootFact(id=boot_id))
        return number

    def set_boot(self, number: int, boot: BootFact) -> None:
        """Note a boot, or that its time is known."""
        self.boots[number] = self.unwritten[f"{BOOT}{number}"] = boot

    def offset_ms(self, boot: int) -> int | None:
        """What makes UTC of an entry's time; None while that is not known."""
        if boot == 0:
            return 0
        known = self.boots.get(boot)
        return None if known is None else known.offset_ms

    def add_loss(self, loss: Loss) -> int:
        """Note something that was given up. It stays untold until an event tells it."""
        number = max(self.losses, default=0) + 1
        self.losses[number] = self.unwritten[f"{LOSS}{number}"] = LossFact(loss=loss)
        self.untold[number] = loss
        return number

    def tell(self, numbers: Iterable[int]) -> None:
        """An event tells of these losses; it is written in the same transaction as this."""
        for number in numbers:
            if self.untold.pop(number, None) is not None:
                told = replace(self.losses[number], told=True)
                self.losses[number] = self.unwritten[f"{LOSS}{number}"] = told

    def surplus_losses(self, kept_max: int) -> list[int]:
        """Told losses that are too many to keep, oldest first."""
        told = [number for number in self.losses if number not in self.untold]
        return told[: max(0, len(self.losses) - kept_max)]

    def drop_losses(self, numbers: Iterable[int]) -> None:
        """Forget losses."""
        for number in numbers:
            self.losses.pop(number, None)
            self.unwritten.pop(f"{LOSS}{number}", None)

    def take_over(self, facts: Facts) -> None:
        """Another file: what was learnt without one is newer than what it says, and goes into it."""
        layouts, boots = self.layouts, self.boots
        self.layouts = facts.layouts | layouts
        self.boots = facts.boots | boots
        self.unwritten |= {LAYOUT + layout_id: fact for layout_id, fact in layouts.items()}
        self.unwritten |= {f"{BOOT}{number}": boot for number, boot in boots.items()}
        pending = [self.losses[n].loss for n in self.untold if f"{LOSS}{n}" in self.unwritten]
        for number in self.losses:
            self.unwritten.pop(f"{LOSS}{number}", None)
        self.losses = dict(facts.losses)
        self.untold = {number: fact.loss for number, fact in facts.losses.items() if not fact.told}
        for loss in pending:
            self.add_loss(loss)

    def _set_layout(self, layout_id: str, fact: LayoutFact) -> None:
        self.layouts[layout_id] = self.unwritten[LAYOUT + layout_id] = fact
