"""A shelter's mode, its orders and its standing orders in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from central.api.models.incident import OrderOut, ReceiptOut
from central.core import causes
from central.core.orders import SETTLED, Outcome
from central.core.steering import UNPROVEN_IS_TRUE, SteeringNow
from central.web import figures
from central.web.catalogue import Catalogue, Lang
from central.web.proofview import plain
from contract.steering import Reason, StandingOrders

ORDERS_SHOWN: Final = 8
RECEIPTS_SHOWN: Final = 12
_WAITED: Final = {Outcome.NO_ANSWER: "no_answer", Outcome.PERSON: "person_awaited", Outcome.UNDERWAY: "too_slow"}
"""Outcome → cause, where the shelter gave no reason."""


def mode_texts(now: SteeringNow, words: Catalogue) -> dict[str, str]:
    """What it has proven, what the city wants, and why the two differ. A claim is never shown as proven."""
    return {
        "mode": _mode(now, words),
        "wanted": _wanted(now, words),
        "why": _why(now, words),
        "decided": words.term("source", now.source.value) if now.source else words("source_none"),
        "by_hand": plain(now.by_hand_ja if words.lang is Lang.JA else now.by_hand_en),
        "met": "" if now.wanted is None else "yes" if now.outcome in SETTLED else "no",
    }


def _mode(now: SteeringNow, words: Catalogue) -> str:
    if now.claimed is None:
        return words("mode_unknown")
    name = words.term("mode", now.claimed.value)
    if now.mode is None:
        return words("mode_claimed", mode=name)
    return name if now.mode in UNPROVEN_IS_TRUE else words("mode_proven", mode=name)


def _wanted(now: SteeringNow, words: Catalogue) -> str:
    if now.wanted is None:
        return words("wanted_none")
    name = words.term("mode", now.wanted.value)
    return words("wanted_drill", mode=name) if now.is_drill else name


def _why(now: SteeringNow, words: Catalogue) -> str:
    if now.wanted is None or now.outcome is None or now.outcome in SETTLED:
        return ""
    head = words.term("outcome", now.outcome.value)
    cause: str = now.reason or (_WAITED.get(now.outcome, "") if now.is_overdue or now.outcome is Outcome.PERSON else "")
    said = cause_words(cause, words.lang)
    return words("why", outcome=head, cause=said) if said else head


def cause_words(cause: str, lang: Lang) -> str:
    """A cause in one language; empty for none."""
    found = causes.words(cause)
    return plain(found.ja if lang is Lang.JA else found.en)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt in words."""

    at: str
    stage: str
    device: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order in words."""

    revision: int
    at: str
    mode: str
    incident: str
    reason: str
    outcome: str
    is_good: bool
    receipts: Sequence[ReceiptRow]
    more: int
    """Older receipts that are not shown."""


def order_rows(orders: Sequence[OrderOut], words: Catalogue) -> list[OrderRow]:
    """The newest orders, the newest first, each with its newest receipts."""
    return [
        OrderRow(
            revision=one.revision,
            at=figures.moment(_ms(one.issued_at), words.lang, seconds=True),
            mode=words("wanted_drill", mode=words.term("mode", one.mode.value))
            if one.drill
            else words.term("mode", one.mode.value),
            incident=plain(one.incident) or words("released"),
            reason=plain(one.reason),
            outcome=words.term("outcome", one.outcome.value),
            is_good=one.outcome in SETTLED,
            receipts=receipt_rows(one.receipts[-RECEIPTS_SHOWN:], words),
            more=max(0, len(one.receipts) - RECEIPTS_SHOWN),
        )
        for one in orders[:ORDERS_SHOWN]
    ]


def receipt_rows(receipts: Sequence[ReceiptOut], words: Catalogue) -> list[ReceiptRow]:
    """Receipts as they were given."""
    return [
        ReceiptRow(
            at=figures.moment(_ms(one.at), words.lang, seconds=True),
            stage=words.term("stage_of_order", one.stage.value),
            device=plain(one.device),
            said=" ".join(
                part for part in (cause_words(one.reason, words.lang) if one.reason else "", plain(one.detail)) if part
            ),
        )
        for one in receipts
    ]


def receipt_event(stage: str, reason: str, detail: str, words: Catalogue) -> str:
    """The event of a receipt in one line."""
    known = cause_words(Reason(reason), words.lang) if reason in set(Reason) and reason else reason
    parts = (words.term("stage_of_order", stage), known, detail)
    return plain(" · ".join(part for part in parts if part))


def standing_rows(orders: StandingOrders, words: Catalogue) -> list[tuple[str, str]]:
    """What the shelter does when nobody can reach it: what happens, and what it then does."""
    return [
        (words("standing_lost"), words("standing_lost_does", s=f"{orders.grid_lost_s:,.0f}")),
        (words("standing_back"), words("standing_back_does", min=f"{orders.grid_stable_s / 60:,.0f}")),
        (words("standing_spread"), words("standing_spread_does", min=f"{orders.spread_s / 60:,.0f}")),
        (words("standing_silent"), words("standing_silent_does", d=f"{orders.valid_s / 86_400:,.0f}")),
    ]


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
