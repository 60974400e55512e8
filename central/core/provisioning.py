"""Certificates of the city's own authority: how long they hold, which are due, who may do what at the broker. Pure.

One certificate for each shelter, with the shelter's id as its common name. The broker takes that name for the user
(``use_identity_as_username``), and its rules let a user write and read the topics of that name alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contract.topics import ROOT, Channel, is_site_id

CENTRAL: Final = "central"
"""Common name of the service's certificate, and its user at the broker."""
DAY_MS: Final = 86_400_000
VALID_DAYS: Final = 730
"""Of a shelter, the service or the broker. A shelter that is cut off for months must still be let in afterwards."""
AUTHORITY_DAYS: Final = 25 * 365
"""Of the authority: the plants' twenty years of service and some more, since changing it means a visit to every one."""
DUE_DAYS: Final = 90
"""A certificate is due so long before its end: a quarter of a year of visits in which it can be changed."""
BACKDATED_MS: Final = DAY_MS
"""A certificate holds from a day before it was made: a box whose clock is slow would refuse it otherwise."""


class Kind(StrEnum):
    """Whose certificate it is."""

    AUTHORITY = "authority"
    SITE = "site"
    CENTRAL = "central"
    BROKER = "broker"


class State(StrEnum):
    """How a certificate stands at a time."""

    GOOD = "good"
    DUE = "due"
    """It holds, and should be renewed now."""
    ENDED = "ended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that the city's authority has made. ``serial`` in hexadecimal digits."""

    serial: str
    kind: Kind
    name: str
    """Common name: a shelter's id, ``central``, the broker's first host, or the authority's own name."""
    pem: str
    by: str
    made_ms: int
    from_ms: int
    ends_ms: int
    revoked_ms: int = 0
    """0: it was not withdrawn."""
    revoked_by: str = ""
    revoked_why: str = ""

    def state(self, now_ms: int, *, due_days: int = DUE_DAYS) -> State:
        """How it stands."""
        if self.revoked_ms:
            return State.REVOKED
        if now_ms >= self.ends_ms:
            return State.ENDED
        return State.DUE if self.days_left(now_ms) < due_days else State.GOOD

    def days_left(self, now_ms: int) -> int:
        """Whole days until its end; negative after it."""
        return (self.ends_ms - now_ms) // DAY_MS


def span_ms(kind: Kind, now_ms: int, *, authority_ends_ms: int = 0, days: int = 0) -> tuple[int, int]:
    """From when until when a new certificate holds, UTC ms; never longer than its authority.

    Raises:
        ValueError: the authority has ended.
    """
    wanted = days or (AUTHORITY_DAYS if kind is Kind.AUTHORITY else VALID_DAYS)
    ends_ms = now_ms + wanted * DAY_MS
    if kind is Kind.AUTHORITY:
        return now_ms - BACKDATED_MS, ends_ms
    if authority_ends_ms <= now_ms:
        raise ValueError("the authority's own certificate has ended: make a new authority and visit every shelter")
    return now_ms - BACKDATED_MS, min(ends_ms, authority_ends_ms)


def newest(issued: Iterable[Issued]) -> dict[tuple[Kind, str], Issued]:
    """Kind and name → the certificate that was made last and not withdrawn; those with none that holds are left out."""
    found: dict[tuple[Kind, str], Issued] = {}
    for one in sorted(issued, key=lambda one: (one.made_ms, one.ends_ms)):
        if not one.revoked_ms:
            found[one.kind, one.name] = one
    return found


def due(issued: Iterable[Issued], now_ms: int, *, due_days: int = DUE_DAYS) -> list[Issued]:
    """Certificates that should be renewed now, those that end first before the others; an old one with a successor is
    none of them."""
    wanted = (State.DUE, State.ENDED)
    found = [one for one in newest(issued).values() if one.state(now_ms, due_days=due_days) in wanted]
    return sorted(found, key=lambda one: (one.ends_ms, one.name))


def to_revoke(issued: Sequence[Issued], which: str, now_ms: int) -> list[Issued]:
    """Certificates that a shelter's id, a name or a serial number means: those that still open something.

    Raises:
        ValueError: it means none, or the authority; the text says what to try.
    """
    wanted = which.strip().lower().replace(":", "")
    found = [one for one in issued if one.name == which.strip() or one.serial == wanted.lstrip("0")]
    if not found:
        raise ValueError(f"{which}: no certificate of that name or serial number (shelter-central certificates list)")
    if any(one.kind is Kind.AUTHORITY for one in found):
        raise ValueError(f"{which}: the authority can't withdraw itself; make a new one in another folder (--ca)")
    open_ = [one for one in found if one.state(now_ms) in (State.GOOD, State.DUE)]
    if not open_:
        raise ValueError(f"{which}: every certificate of that name is withdrawn or has ended already")
    return open_


def check_site(site: str, known: Iterable[str]) -> None:
    """That a certificate may be made for a shelter: an unknown name would be let in and never heard.

    Raises:
        ValueError: it may not.
    """
    if not is_site_id(site):
        raise ValueError(f"{site!r} is no national shelter ID such as E0000000001111")
    if site not in set(known):
        raise ValueError(f"{site} is not registered: shelter-central sites import, then again")


def access_rules() -> str:
    """The broker's rules (Mosquitto's ``acl_file``): a shelter its own topics, the service what only the city says."""
    told = (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS, Channel.REPORTED)
    heard = (Channel.ACK, Channel.DESIRED)
    lines = [
        "# Rules of the broker, made by: shelter-central certificates acl",
        "# %u is the common name of the client's certificate. Patterns hold for every user, so they stand first.",
        *(f"pattern write {ROOT}/%u/{channel}" for channel in told),
        *(f"pattern read {ROOT}/%u/{channel}" for channel in heard),
        "",
        f"user {CENTRAL}",
        *(f"topic read {ROOT}/+/{channel}" for channel in told),
        *(f"topic write {ROOT}/+/{channel}" for channel in heard),
    ]
    return "\n".join(lines) + "\n"
