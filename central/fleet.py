"""What is known of every shelter's order: the newest one, its receipts, and what the shelter reports. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from central.core.orders import (
    SETTLED,
    Deadlines,
    Order,
    Outcome,
    Progress,
    ReceiptRecord,
    Standing,
    essence,
    hint,
    of_order,
    progress,
    standing,
)
from central.core.steering import SteeringNow, steering_now
from central.core.switching import Hold
from central.core.unreached import Mark, left_behind
from contract.steering import Reason, Reported

NOTHING: Final = Progress()
RECEIPTS_MAX: Final = 400
"""Receipts of one order in memory."""
CATCH_UPS_MAX: Final = 3
CATCH_UPS_MS: Final = 86_400_000
"""So often in so long a shelter is believed that it has taken a newer order than ours: our records may have been
restored from a copy, and its computer may have been taken over."""


class Fleet:
    """Orders that hold, and how they stand."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        self.orders: dict[str, Order] = {}
        self.reported: dict[str, tuple[Reported, int]] = {}
        """Site → what it says that it does, and when that came."""
        self._receipts: dict[str, list[ReceiptRecord]] = {}
        self._progress: dict[str, Progress] = {}
        self._hints: dict[str, Reason] = {}
        self.written_off: set[Mark] = set()
        """Orders that nobody waits for any more."""
        self._leaps_ms: dict[str, deque[int]] = {}
        """Site → when a number of it was passed over, the newest ``CATCH_UPS_MAX``."""

    def load(
        self,
        orders: Mapping[str, Order],
        receipts: Mapping[str, list[ReceiptRecord]],
        reported: Mapping[str, tuple[Reported, int]],
    ) -> None:
        """Take what was kept."""
        self.orders = dict(orders)
        self.reported = dict(reported)
        self._receipts = {
            site: essence(of_order(self.orders[site], found), RECEIPTS_MAX // 2)
            for site, found in receipts.items()
            if site in orders
        }
        self._progress = {site: progress(found) for site, found in self._receipts.items()}
        self._hints = {site: hint(self.orders[site], found) for site, found in receipts.items() if site in orders}

    def issue(self, orders: Iterable[Order]) -> None:
        """Let new orders hold; nothing is proven of them yet."""
        for order in orders:
            before = self.orders.get(order.site)
            if before is not None and order.revision > before.revision + 1:
                leaps = self._leaps_ms.setdefault(order.site, deque(maxlen=CATCH_UPS_MAX))
                leaps.append(order.desired.issued_ms)
            self.orders[order.site] = order
            self._receipts.pop(order.site, None)
            self._progress.pop(order.site, None)
            self._hints.pop(order.site, None)

    def received(self, receipts: Sequence[ReceiptRecord], reported: Mapping[str, tuple[Reported, int]]) -> None:
        """Take receipts and reported states. A repeat, or a receipt of an older order, changes nothing."""
        self.reported.update(reported)
        for record in receipts:
            order = self.orders.get(record.site)
            if order is None or record.receipt.revision not in (0, order.revision):
                continue
            if not record.receipt.revision:
                # Anybody who reaches the broker can cause such refusals: only the newest reason is kept.
                self._hints[record.site] = hint(order, [record]) or self._hints.get(record.site, Reason.NONE)
                continue
            known = self._receipts.setdefault(record.site, [])
            if all(record.receipt != other.receipt for other in known):
                known.append(record)
                if len(known) > RECEIPTS_MAX:
                    known[:] = essence(known, RECEIPTS_MAX // 2)
                self._progress[record.site] = progress(known)

    def may_catch_up(self, site: str, now_ms: int) -> bool:
        """Whether a shelter's word that it has taken a newer order is answered by a still newer one."""
        leaps = self._leaps_ms.get(site)
        return leaps is None or len(leaps) < CATCH_UPS_MAX or now_ms - leaps[0] >= CATCH_UPS_MS

    def outcome(self, site: str) -> Outcome:
        """What became of a shelter's newest order."""
        return self._progress.get(site, NOTHING).outcome

    def standing(self, site: str, now_ms: int) -> Standing | None:
        """How a shelter's newest order stands; None: it never got one."""
        order = self.orders.get(site)
        if order is None:
            return None
        told = self.reported.get(site)
        return standing(
            order,
            self._progress.get(site, NOTHING),
            self.deadlines,
            now_ms,
            reported=told[0] if told else None,
            because=self._hints.get(site, Reason.NONE),
        )

    def standings(self, now_ms: int) -> list[Standing]:
        """All of them, by site."""
        found = [self.standing(site, now_ms) for site in sorted(self.orders)]
        return [one for one in found if one is not None and (one.site, one.order.revision) not in self.written_off]

    def left_behind(self, registered: Collection[str]) -> dict[str, Order]:
        """Orders that may still hold at shelters which the registry does not know any more, by site."""
        outcomes = {site: self.outcome(site) for site in self.orders}
        return left_behind(self.orders, registered, outcomes, self.written_off)

    def out(self, sites: Iterable[str], registered: Collection[str]) -> list[str]:
        """Which of these shelters, that nobody holds any more, have not proven that they are back."""
        stuck = self.stuck(registered)
        return [
            site
            for site in sorted(sites)
            if site in self.orders
            and self.orders[site].switches
            and (stuck[site] is Hold.REMOVED if site in stuck else self.outcome(site) not in SETTLED)
        ]

    def stuck(self, registered: Collection[str]) -> dict[str, Hold]:
        """What is to be said of shelters that the registry does not know any more."""
        off = [site for site, order in self.orders.items() if (site, order.revision) in self.written_off]
        return dict.fromkeys(self.left_behind(registered), Hold.REMOVED) | dict.fromkeys(off, Hold.WRITTEN_OFF)

    def steering(self, site: str, now_ms: int) -> SteeringNow:
        """A shelter's modes, as far as proven."""
        told = self.reported.get(site)
        return steering_now(told[0] if told else None, self.standing(site, now_ms))

    def reported_revision(self, site: str) -> int:
        """The newest order that a shelter says it has taken; 0: none, or it has said nothing."""
        told = self.reported.get(site)
        return told[0].revision if told else 0
