"""Months that are closed, and corrections of them: entries that are only ever added. Pure.

A closed month's figures are those of its closing entry with the corrections after it. What comes late waits beside them
until somebody takes it over by a correction, which keeps the figures before and after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec

from central.core.accounting.halfhours import bounds_of_month, is_month
from central.core.accounting.months import MonthFigures
from central.core.accounting.readiness import Hurdle, Obstacle
from central.core.audit import Action, Decision

WHY_CHARS_MAX: Final = 500
SETTLE_MS: Final = 3_600_000
"""A month can be closed an hour after its end, so that its last half hour is counted."""
LISTED_MAX: Final = 20
"""Shelters that a refusal names."""
_HURDLES: Final = {
    Hurdle.WAITING: "readings of the month still wait there: look at its link (page Fleet health)",
    Hurdle.CUT_OFF: "nothing came of the month's end: look at its link and its agent",
    Hurdle.MISSING: "gaps: look at its page and at report completeness",
}


class EntryKind(StrEnum):
    """What an entry does."""

    CLOSED = "closed"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEntry:
    """A closing or a correction. ``hash`` is over everything here and the entry before it of the same month."""

    month: str
    n: int
    """0 for the closing, then counting up."""
    kind: EntryKind
    at_ms: int
    by: str
    why: str
    before: Mapping[str, MonthFigures]
    """Shelter → its figures until now; empty for a closing."""
    after: Mapping[str, MonthFigures]
    """Shelter → its figures from now on."""
    despite: tuple[Obstacle, ...] = ()
    """What a closing found missing and somebody closed over, with a reason."""
    prior: str = ""
    hash: str = ""


class MonthNo(StrEnum):
    """Why a month can't be closed or corrected."""

    NO_MONTH = "no_month"
    CLOSED = "closed"
    NOT_OVER = "not_over"
    NOT_READY = "not_ready"
    NOTHING = "nothing"
    OPEN = "open"
    SAME = "same"
    WHO = "who"
    WHY = "why"
    ONE_SITE = "one_site"
    NOT_IN_IT = "not_in_it"
    UNREADABLE = "unreadable"


class MonthError(ValueError):
    """A closing or a correction that can't be made. The text says why and what to do; ``no`` names it."""

    def __init__(self, no: MonthNo, text: str, obstacles: Sequence[Obstacle] = ()) -> None:
        super().__init__(text)
        self.no = no
        self.obstacles = tuple(obstacles)


def close(
    month: str,
    figures: Mapping[str, MonthFigures],
    entries: Sequence[MonthEntry],
    *,
    by: str,
    why: str,
    now_ms: int,
    obstacles: Sequence[Obstacle] = (),
    accepts: bool = False,
) -> MonthEntry:
    """Close a month with these figures.

    Args:
        month: the month.
        figures: shelter → its month.
        entries: of this month so far.
        by: who does it.
        why: a remark; the reason where something is missing.
        now_ms: now.
        obstacles: shelters of which something is missing.
        accepts: closes in spite of them.

    Raises:
        MonthError: it is not over, closed already, nothing is counted, or something is missing and nobody accepts it.
    """
    if not is_month(month):
        raise MonthError(MonthNo.NO_MONTH, f"month {month!r}: want YYYY-MM, such as 2026-10")
    if entries:
        raise MonthError(
            MonthNo.CLOSED, f"{month} is closed already: correct it (shelter-central month correct --month {month})"
        )
    if now_ms < bounds_of_month(month)[1] + SETTLE_MS:
        raise MonthError(MonthNo.NOT_OVER, f"{month} is not over in Tokyo, or not for an hour yet: close it later")
    if not figures:
        raise MonthError(
            MonthNo.NOTHING,
            f"{month}: nothing is counted (shelter-central month recount --month {month} reads the store)",
        )
    if obstacles and not accepts:
        raise MonthError(MonthNo.NOT_READY, _not_ready(month, obstacles), obstacles)
    if obstacles:
        why = _said(why, MonthNo.WHY, "why it is closed although data is missing (--why)")
    return _sealed(
        MonthEntry(
            month=month,
            n=0,
            kind=EntryKind.CLOSED,
            at_ms=now_ms,
            by=_said(by, MonthNo.WHO, "who closes it (--by)"),
            why=why.strip()[:WHY_CHARS_MAX],
            before={},
            after=dict(figures),
            despite=tuple(obstacles),
        ),
        entries,
    )


def correct(
    month: str,
    figures: Mapping[str, MonthFigures],
    entries: Sequence[MonthEntry],
    *,
    by: str,
    why: str,
    now_ms: int,
) -> MonthEntry:
    """Replace the figures of some shelters of a closed month.

    Raises:
        MonthError: it is open, nothing would change, or nobody says why.
    """
    if not entries:
        raise MonthError(MonthNo.OPEN, f"{month} is open: late data changes it by itself, nothing is to be corrected")
    stand = standing(entries)
    changed = {site: one for site, one in figures.items() if stand.get(site) != one}
    if not changed:
        raise MonthError(MonthNo.SAME, f"{month}: no figure would change, so there is nothing to correct")
    return _sealed(
        MonthEntry(
            month=month,
            n=len(entries),
            kind=EntryKind.CORRECTED,
            at_ms=now_ms,
            by=_said(by, MonthNo.WHO, "who corrects it (--by)"),
            why=_said(why, MonthNo.WHY, "why it is corrected (--why)"),
            before={site: stand[site] for site in changed if site in stand},
            after=changed,
        ),
        entries,
    )


def adjusted(one: MonthFigures, by_wh: int) -> MonthFigures:
    """Figures with energy added to, or taken from, what the bill counts."""
    return replace(one, adjusted_wh=one.adjusted_wh + by_wh)


def recounted(stands: MonthFigures, now: MonthFigures) -> MonthFigures:
    """Figures counted anew; what was corrected by hand stays, and so do the terms."""
    return replace(now, adjusted_wh=stands.adjusted_wh, terms=stands.terms)


def standing(entries: Iterable[MonthEntry]) -> dict[str, MonthFigures]:
    """Shelter → the figures of a closed month that hold now."""
    found: dict[str, MonthFigures] = {}
    for entry in sorted(entries, key=lambda each: each.n):
        found.update(entry.after)
    return found


def first_fault(entries: Sequence[MonthEntry]) -> str:
    """What is wrong with a month's entries; empty when none was changed or left out."""
    prior = ""
    for n, entry in enumerate(sorted(entries, key=lambda each: each.n)):
        if entry.n != n:
            return f"{entry.month}: entry {n} is missing"
        if entry.prior != prior or entry.hash != _hash_of(entry):
            return f"{entry.month}: entry {n} was changed: its hash does not fit"
        prior = entry.hash
    return ""


def decision_of(entry: MonthEntry) -> Decision:
    """The entry of the book of decisions. Figures stand beside their hash in the month's own entry."""
    action = Action.MONTH_CLOSED if entry.kind is EntryKind.CLOSED else Action.MONTH_CORRECTED
    billed_wh = {
        name: sum(one.billed_wh for one in figures.values())
        for name, figures in (("before_wh", entry.before), ("after_wh", entry.after))
        if figures
    }
    sites = sorted(entry.after)
    despite = {"despite": [f"{one.site} {one.hurdle.value}" for one in entry.despite]} if entry.despite else {}
    return Decision(
        at_ms=entry.at_ms,
        by=entry.by,
        action=action,
        why=entry.why,
        site=sites[0] if len(sites) == 1 else "",
        detail={
            "month": entry.month,
            "n": entry.n,
            "shelters": len(sites),
            "sha256": entry.hash,
            **billed_wh,
            **despite,
        },
    )


def encode_figures(figures: Mapping[str, MonthFigures]) -> str:
    """One canonical text."""
    return msgspec.json.encode(figures, order="sorted").decode()


def decode_figures(text: str) -> dict[str, MonthFigures]:
    """The figures again.

    Raises:
        MonthError: another version wrote them.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, MonthFigures])
    except msgspec.MsgspecError as error:
        raise MonthError(MonthNo.UNREADABLE, f"figures of a closed month can't be read: {error}") from None


def encode_despite(despite: Sequence[Obstacle]) -> str | None:
    """The text that is kept; ``None``: nothing was missing."""
    return msgspec.json.encode(list(despite), order="sorted").decode() if despite else None


def decode_despite(text: str | None) -> tuple[Obstacle, ...]:
    """What was missing, again.

    Raises:
        MonthError: another version wrote it.
    """
    try:
        return tuple(msgspec.json.decode(text, type=list[Obstacle])) if text else ()
    except msgspec.MsgspecError as error:
        raise MonthError(MonthNo.UNREADABLE, f"what was missing of a closed month can't be read: {error}") from None


def _not_ready(month: str, obstacles: Sequence[Obstacle]) -> str:
    """What stands in the way, a line a shelter, and what to do."""
    lines = [
        f"  {one.site}: {_HURDLES[one.hurdle]} ({one.missing:,} of {one.due:,} half hours are not known)"
        for one in obstacles[:LISTED_MAX]
    ]
    if len(obstacles) > LISTED_MAX:
        lines.append(f"  and {len(obstacles) - LISTED_MAX} more")
    lines.append(
        f"Have the data delivered, or count what was imported (shelter-central month recount --month {month}); "
        "what is lost for good is closed over with --force --why REASON"
    )
    return f"{month} is not ready to be closed: {len(obstacles)} shelters\n" + "\n".join(lines)


def _sealed(entry: MonthEntry, entries: Sequence[MonthEntry]) -> MonthEntry:
    prior = max(entries, key=lambda each: each.n).hash if entries else ""
    entry = replace(entry, prior=prior)
    return replace(entry, hash=_hash_of(entry))


def _hash_of(entry: MonthEntry) -> str:
    told = [entry.prior, entry.month, entry.n, entry.kind.value, entry.at_ms, entry.by, entry.why]
    # An entry without obstacles has the hash that it had before obstacles were kept.
    despite = [list(entry.despite)] if entry.despite else []
    body = msgspec.json.encode([*told, entry.before, entry.after, *despite], order="sorted")
    return hashlib.sha256(body).hexdigest()


def _said(text: str, no: MonthNo, what: str) -> str:
    said = " ".join(text.split())[:WHY_CHARS_MAX]
    if not said:
        raise MonthError(no, f"say {what}: it stands in the book")
    return said
