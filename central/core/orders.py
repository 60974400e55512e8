"""The ledger of orders: what a shelter was told to be (site × revision) and how far it has come by its receipts. Pure.

What follows from receipts does not depend on the order in which they come, nor on how often. A message that a shelter
refused (forged, old, expired…) says nothing of an order that it has taken, so it never takes away what was proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from contract.steering import Desired, Mode, Reason, Receipt, Reported, Source, Stage

RANK: Final = {
    Stage.ACCEPTED: 0,
    Stage.WRITTEN: 1,
    Stage.READ_BACK: 2,
    Stage.WAITING: 3,
    Stage.VERIFIED: 4,
    Stage.HELD: 5,
    Stage.REFUSED: 6,
    Stage.FAILED: 7,
    Stage.REVERTED: 8,
}
"""Which of two receipts of the same millisecond counts: the later stage, and bad news before good."""
OF_DEMAND: Final = "demand control"
"""The reason of an order that changes nothing but what is wanted of a shelter's demand in normal mode."""
PROVEN: Final = frozenset({Stage.VERIFIED, Stage.HELD})
OF_THE_MESSAGE: Final = frozenset(
    {
        Reason.MALFORMED,
        Reason.UNKNOWN_VERSION,
        Reason.UNSIGNED,
        Reason.FOREIGN_KEY,
        Reason.FORGED,
        Reason.WRONG_SITE,
        Reason.OLD_REVISION,
        Reason.EXPIRED,
        Reason.FROM_THE_FUTURE,
        Reason.CLOCK_UNKNOWN,
        Reason.NOT_ORDERABLE,
    }
)
"""Refusals of a message. Anybody who can reach the broker can cause them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One desired state of one shelter, as it was signed."""

    desired: Desired
    payload: bytes
    """The bytes that travel, the same at every repeat."""

    @property
    def site(self) -> str:
        """The shelter."""
        return self.desired.site

    @property
    def revision(self) -> int:
        """Its number there."""
        return self.desired.revision

    @property
    def switches(self) -> bool:
        """Whether it is more than a drill."""
        return not self.desired.is_drill or self.desired.is_live_drill


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRecord:
    """A receipt as kept."""

    site: str
    receipt: Receipt
    received_ms: int
    """When it first came."""
    n: int = 0
    """Its place in the order of arrival; 0: not kept yet."""


class Outcome(StrEnum):
    """What became of an order, in one word."""

    NO_ANSWER = "no_answer"
    """No receipt yet: on its way, or the shelter is cut off."""
    UNDERWAY = "underway"
    OBEYS = "obeys"
    """Proven: registers read back, and the plant behaves as told."""
    PERSON = "person"
    """Somebody has to switch at the device."""
    REFUSED = "refused"
    FAILED = "failed"
    REVERTED = "reverted"
    DRILLED = "drilled"
    """A drill: the shelter judged everything, would have switched, and wrote nothing."""


TRIED_AGAIN: Final = frozenset({Reason.SOC_BELOW_FLOOR, Reason.CLOCK_UNKNOWN})
"""Refusals that the shelter takes back by itself when it can: they have the time that a proof has."""
UNDONE: Final = frozenset({Outcome.REFUSED, Outcome.FAILED, Outcome.REVERTED})
SETTLED: Final = frozenset({Outcome.OBEYS, Outcome.DRILLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an order has come."""

    stage: Stage | None = None
    reason: Reason = Reason.NONE
    detail: str = ""
    at_ms: int = 0
    """When that was, by the shelter's clock."""
    first_ms: Mapping[Stage, int] = field(default_factory=dict)
    """Stage → when its first receipt came here."""
    devices: Mapping[str, Receipt] = field(default_factory=dict)
    """Device → the receipt of it that counts."""

    @property
    def outcome(self) -> Outcome:
        """In one word."""
        if self.stage is None:
            return Outcome.NO_ANSWER
        if self.stage in PROVEN:
            return Outcome.OBEYS
        if self.stage is Stage.WAITING:
            return Outcome.PERSON
        if self.stage is Stage.REFUSED:
            return Outcome.DRILLED if self.reason is Reason.DRILL else Outcome.REFUSED
        return {Stage.FAILED: Outcome.FAILED, Stage.REVERTED: Outcome.REVERTED}.get(self.stage, Outcome.UNDERWAY)


def progress(receipts: Iterable[ReceiptRecord]) -> Progress:
    """What follows from the receipts of one order, in whatever order they came."""
    found = list(receipts)
    taken = [r for r in found if r.receipt.stage is not Stage.REFUSED or r.receipt.reason not in OF_THE_MESSAGE]
    counted = taken or found
    own = [r for r in counted if not r.receipt.device]
    first_ms: dict[Stage, int] = {}
    for record in own:
        stage = record.receipt.stage
        first_ms[stage] = min(record.received_ms, first_ms.get(stage, record.received_ms))
    devices: dict[str, Receipt] = {}
    for record in counted:
        device = record.receipt.device
        if device and (device not in devices or _place(record.receipt) > _place(devices[device])):
            devices[device] = record.receipt
    last = max((r.receipt for r in own), key=_place, default=None)
    if last is None:
        return Progress(devices=devices)
    return Progress(
        stage=last.stage, reason=last.reason, detail=last.detail, at_ms=last.at_ms, first_ms=first_ms, devices=devices
    )


def essence(receipts: Iterable[ReceiptRecord], limit: int) -> list[ReceiptRecord]:
    """The newest ``limit`` receipts and the first of each stage: ``progress`` says the same of them.

    A shelter that falls back every minute for a week must not fill the memory; the records have them all.
    """
    ordered = sorted(receipts, key=lambda record: _place(record.receipt))
    first: dict[tuple[Stage, bool, str], ReceiptRecord] = {}
    last: dict[tuple[bool, str], ReceiptRecord] = {}
    for record in ordered:
        told = record.receipt
        is_of_message = told.reason in OF_THE_MESSAGE
        known = first.setdefault((told.stage, is_of_message, told.device), record)
        if record.received_ms < known.received_ms:
            first[told.stage, is_of_message, told.device] = record
        last[is_of_message, told.device] = record
    kept = [*first.values(), *last.values(), *ordered[-limit:]]
    return [record for n, record in enumerate(kept) if record not in kept[:n]]


def _place(receipt: Receipt) -> tuple[int, int, str, str]:
    return receipt.at_ms, RANK[receipt.stage], receipt.reason.value, receipt.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a shelter may take before somebody is told."""

    answered_s: float = 60.0
    """From the order to the first receipt."""
    verified_s: float = 300.0
    """From the first receipt that came to the proof."""
    person_s: float = 1_800.0
    """From "somebody has to switch there" to the proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One shelter and the order that holds for it, now."""

    site: str
    order: Order
    progress: Progress
    due_ms: int | None
    """When somebody is told, if nothing more comes; None: nothing is waited for."""
    is_overdue: bool
    is_on_its_own: bool = False
    """The grid is gone and it has proven to be at least as strict by itself: it comes to the order when the grid is."""
    hint: Reason = Reason.NONE
    """Why messages on its topic were refused since then: not proven to be about this order, but worth knowing."""

    @property
    def outcome(self) -> Outcome:
        """In one word."""
        return self.progress.outcome

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do or to wait for."""
        return self.outcome in SETTLED

    @property
    def wants_crew(self) -> bool:
        """Whether somebody should go there or telephone: only for what really switches, and not to save money."""
        if not self.order.switches or self.is_on_its_own or self.order.desired.reason == OF_DEMAND:
            return False
        return self.is_overdue or (self.outcome in UNDONE and self.progress.reason not in TRIED_AGAIN)

    @property
    def cause(self) -> str:
        """Why, in one word: the shelter's reason, or what was waited for in vain."""
        if self.progress.reason is not Reason.NONE:
            return self.progress.reason.value
        if self.is_on_its_own and not self.is_done:
            return "on_its_own"
        if self.outcome is Outcome.NO_ANSWER and self.hint is not Reason.NONE:
            return self.hint.value
        waited = {Outcome.NO_ANSWER: "no_answer", Outcome.UNDERWAY: "too_slow", Outcome.PERSON: "person_awaited"}
        return waited.get(self.outcome, "")


def hint(order: Order, receipts: Iterable[ReceiptRecord]) -> Reason:
    """Why the shelter refused messages since an order was issued, by the newest such receipt without a revision."""
    found = [
        record
        for record in receipts
        if not record.receipt.revision
        and record.receipt.stage is Stage.REFUSED
        and record.receipt.reason in OF_THE_MESSAGE
        and record.received_ms >= order.desired.issued_ms
    ]
    last = max(found, key=lambda record: (record.received_ms, record.receipt.reason.value), default=None)
    return last.receipt.reason if last else Reason.NONE


def of_order(order: Order, receipts: Iterable[ReceiptRecord]) -> list[ReceiptRecord]:
    """The receipts that are about this order."""
    return [record for record in receipts if record.receipt.revision == order.revision]


def on_its_own(order: Order, reported: Reported | None) -> bool:
    """Whether a shelter has good reason not to do what it was told: the grid is gone, and it cares for itself."""
    if reported is None or reported.source is not Source.GRID_LOSS:
        return False
    if reported.mode is Mode.RECOVERY:
        return True
    is_proven = reported.receipt is not None and reported.receipt.stage in PROVEN
    return is_proven and reported.mode is Mode.BACKUP and order.desired.mode is not Mode.ISOLATED


def standing(
    order: Order,
    found: Progress,
    deadlines: Deadlines,
    now_ms: int,
    *,
    reported: Reported | None = None,
    because: Reason = Reason.NONE,
) -> Standing:
    """How an order stands. ``because``: the ``hint``."""
    own = on_its_own(order, reported)
    due_ms: int | None = None
    if found.outcome is Outcome.NO_ANSWER:
        due_ms = order.desired.issued_ms + round(deadlines.answered_s * 1_000)
    elif found.outcome is Outcome.PERSON:
        due_ms = found.first_ms[Stage.WAITING] + round(deadlines.person_s * 1_000)
    elif found.outcome is Outcome.UNDERWAY or found.reason in TRIED_AGAIN:
        due_ms = min(found.first_ms.values()) + round(deadlines.verified_s * 1_000)
    return Standing(
        site=order.site,
        order=order,
        progress=found,
        due_ms=None if own else due_ms,
        is_overdue=not own and due_ms is not None and now_ms >= due_ms,
        is_on_its_own=own,
        hint=because,
    )


def crew_list(standings: Iterable[Standing]) -> list[Standing]:
    """Shelters that somebody should go to or telephone, the strictest mode first, then who has waited longest."""
    strictness = {Mode.ISOLATED: 0, Mode.BACKUP: 1, Mode.STORM_WATCH: 2}
    return sorted(
        (one for one in standings if one.wants_crew),
        key=lambda one: (strictness.get(one.order.desired.mode, 3), one.order.desired.issued_ms, one.site),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One shelter of an incident, and what became of it there."""

    site: str
    standing: Standing | None
    """None: nothing was sent."""
    hold: str = ""
    """Why it is not told what is wanted (core/switching.py); empty when it is."""

    @property
    def word(self) -> str:
        """In one word."""
        if self.hold or self.standing is None:
            return self.hold or "nothing_sent"
        is_own = self.standing.is_on_its_own and not self.standing.is_done
        return "on_its_own" if is_own else self.standing.outcome.value

    @property
    def is_done(self) -> bool:
        """Whether it has proven what is wanted of it."""
        return not self.hold and self.standing is not None and self.standing.is_done


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """An incident's shelters, counted."""

    total: int
    told: int
    """Shelters that were sent something."""
    done: int
    crew: int
    own: int
    """Shelters that care for themselves because the grid is gone."""
    words: Mapping[str, int]
    """Word → shelters."""


def tally(members: Iterable[Member]) -> Tally:
    """Count them."""
    found = list(members)
    words: dict[str, int] = {}
    for member in found:
        words[member.word] = words.get(member.word, 0) + 1
    return Tally(
        total=len(found),
        told=sum(member.standing is not None and not member.hold for member in found),
        done=sum(member.is_done for member in found),
        crew=sum(member.standing is not None and member.standing.wants_crew for member in found),
        own=words.get("on_its_own", 0),
        words=words,
    )
