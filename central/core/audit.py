"""The book of decisions: who decided what, when and why, each entry chained to the one before by its hash. Pure.

Entries are only ever added. Incidents and groups are what follows from the entries (core/incidents.py, core/scope.py),
so nobody can change an incident without breaking the chain. A chain alone does not show that its end was cut off: write
the newest hash down elsewhere (``shelter-central audit verify`` prints it) and compare (``audit verify --noted``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

GENESIS: Final = "0" * 64
"""Stands before the first entry."""
SYSTEM: Final = "shelter-central"
"""Who decided when it was no person: a deadline that passed."""


class Action(StrEnum):
    """What was decided."""

    DECLARED = "declared"
    CONFIRMED = "confirmed"
    BREAK_GLASS = "break_glass"
    """One person alone confirmed what wants two. Always an alarm."""
    STOOD_DOWN = "stood_down"
    CLOSED = "closed"
    GROUP_SAVED = "group_saved"
    ESCALATED = "escalated"
    """A shelter did not prove what was wanted within its deadline."""
    KEY_MADE = "key_made"
    FACTS_SAID = "facts_said"
    """Somebody said something of a shelter. ``detail`` names the facts and holds none, since some are of people."""
    ACCOUNT_MADE = "account_made"
    ACCOUNT_CHANGED = "account_changed"
    """Role, wards, name, disabled or enabled: ``detail`` says what."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a word, no password
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    """Many wrong passwords for one name or from one address."""
    SIGN_ON_REFUSED = "sign_on_refused"
    """Somebody came from the single sign-on and was not let in: ``detail`` says why."""
    LINKED = "linked"
    """A person of the single sign-on opens an account from now on: ``detail`` says which."""
    UNLINKED = "unlinked"
    TOKEN_MADE = "token_made"  # noqa: S105 - a word, no token
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word, no token
    SUBSCRIBED = "subscribed"
    """Another system is told of changes from now on: ``detail`` says where."""
    SUBSCRIPTION_CHANGED = "subscription_changed"
    UNSUBSCRIBED = "unsubscribed"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"
    SITES_IMPORTED = "sites_imported"
    """Shelters were registered or changed from a file: ``detail`` says how many, and the file's SHA-256."""
    WEBHOOK_RETRIED = "webhook_retried"
    """What could not be delivered is tried once more."""
    TOLD_PUBLIC = "told_public"
    """What citizens read of shelters: ``detail`` says which shelters, and whether they are open."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has seen a message about a case: ``detail`` says which."""
    ALERT_ACKED = "alert_acked"
    """Somebody takes care of an alert: ``detail`` says which, and until when."""
    ALERT_RESOLVED = "alert_resolved"
    NOTIFY_TESTED = "notify_tested"
    NOTIFY_RETRIED = "notify_retried"
    """Messages to people that could not be delivered are tried once more."""
    MONTH_CLOSED = "month_closed"
    """A month's energies stand from now on: ``detail`` has the hash of its figures."""
    MONTH_CORRECTED = "month_corrected"
    """A closed month's energies were replaced."""
    PLAN_SET = "plan_set"
    """How much PV energy is planned, from a file: ``detail`` says of which months, and the file's SHA-256."""
    ASSETS_SET = "assets_set"
    """Assets were entered or changed from a file: ``detail`` says how many, and the file's SHA-256."""
    DEVICE_EXCHANGED = "device_exchanged"
    """A counter before and after a moment is not the same one: ``detail`` says which device and when."""
    CERTIFICATE_MADE = "certificate_made"
    """The city's authority signed a certificate: ``detail`` says whose, its serial number and its end."""
    CERTIFICATE_REVOKED = "certificate_revoked"
    DEMAND_SET = "demand_set"
    """A shelter is to stay under a demand: ``detail`` has the target, and whether its battery sees to it."""
    DEMAND_ENDED = "demand_ended"
    ORDER_REPEATED = "order_repeated"
    """A person had an order sent again to a shelter that did not obey: ``detail`` has its old and its new number."""
    REMOVED_RELEASED = "removed_released"
    """A shelter that the registry does not know any more was sent its release."""
    WRITTEN_OFF = "written_off"
    """Nobody waits for such a shelter any more: ``why`` says who has seen to it."""
    RESTORED = "restored"
    """The records were put back from a backup: what was decided between ``backup_ms`` of ``detail`` and now is gone."""


LOUD: Final = frozenset(
    {
        Action.BREAK_GLASS,
        Action.KEY_MADE,
        Action.SIGN_IN_REFUSED,
        Action.SIGN_ON_REFUSED,
        Action.CERTIFICATE_REVOKED,
        Action.RESTORED,
    }
)
"""Entries that every list of the book puts forward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that was decided and has no place in the book yet."""

    at_ms: int
    by: str
    action: Action
    why: str = ""
    incident: str = ""
    site: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision in its place. ``hash`` is over the hash before it and everything here."""

    n: int
    decision: Decision
    hash: str

    @property
    def is_loud(self) -> bool:
        """Whether it must not be overlooked."""
        return self.decision.action in LOUD


def hash_of(n: int, decision: Decision, before: str) -> str:
    """SHA-256 in hexadecimal digits over one canonical JSON array."""
    d = decision
    told = [before, n, d.at_ms, d.by, d.action.value, d.why, d.incident, d.site, d.detail]
    text = json.dumps(told, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def chained(decisions: Iterable[Decision], *, last: Entry | None) -> list[Entry]:
    """The decisions as the next entries after ``last``."""
    n, before = (last.n, last.hash) if last else (0, GENESIS)
    entries = []
    for decision in decisions:
        n += 1
        before = hash_of(n, decision, before)
        entries.append(Entry(n=n, decision=decision, hash=before))
    return entries


def first_fault(entries: Sequence[Entry], *, noted: tuple[int, str] | None = None) -> str:
    """What is wrong with a book that should run from entry 1 to its end; empty when it is whole.

    ``noted``: number and hash of an entry that somebody wrote down elsewhere: so a cut tail is seen, and a book that
    was written anew from some place on.
    """
    before = GENESIS
    for n, entry in enumerate(entries, 1):
        if entry.n != n:
            there = next((at for at, one in enumerate(entries, 1) if one.n == n), 0)
            if there:
                return f"entry {n} stands in place {there}: entries are out of order"
            return f"entry {n} is missing (the next one is {entry.n})"
        if entry.hash != hash_of(n, entry.decision, before):
            place = _place_of(entry, entries)
            if place:
                return f"entry {n} was entry {place}: entries were swapped"
            return f"entry {n} was changed: its hash does not fit"
        before = entry.hash
    return _against(entries, noted) if noted else ""


def _place_of(entry: Entry, entries: Sequence[Entry]) -> int:
    """Where an entry that does not fit in its place would fit; 0: nowhere."""
    for n, one in enumerate(entries, 1):
        # Before it stood what still stands there, or what was swapped with it.
        befores = (entries[n - 2].hash if n > 1 else GENESIS, one.hash)
        if any(entry.hash == hash_of(n, entry.decision, before) for before in befores):
            return n
    return 0


def _against(entries: Sequence[Entry], noted: tuple[int, str]) -> str:
    n, fingerprint = noted
    if n > len(entries):
        return f"entries {len(entries) + 1} to {n} are missing: the end was cut off (entry {n} was noted)"
    if entries[n - 1].hash != fingerprint:
        return f"entry {n} is not the one that was noted: the book was written anew from there or before"
    return ""


def as_line(entry: Entry) -> str:
    """An entry as one line of a file, in which ``entry_of`` finds it unchanged."""
    d = entry.decision
    told = {
        "n": entry.n,
        "at_ms": d.at_ms,
        "by": d.by,
        "action": d.action.value,
        "why": d.why,
        "incident": d.incident,
        "site": d.site,
        "detail": d.detail,
        "hash": entry.hash,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def entry_of(told: Mapping[str, Any]) -> Entry:
    """An entry from its parts.

    Raises:
        ValueError: they are none.
    """
    try:
        texts = {name: str(told[name]) for name in ("by", "why", "incident", "site")}
        decision = Decision(at_ms=told["at_ms"], action=Action(told["action"]), detail=dict(told["detail"]), **texts)
        return Entry(n=int(told["n"]), decision=decision, hash=str(told["hash"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"no entry: {error}") from None


def entries_of(text: str) -> list[Entry]:
    """The entries of a file, one a line.

    Raises:
        ValueError: names the line that is none.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entries.append(entry_of(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"line {number}: {error}") from None
    return entries
