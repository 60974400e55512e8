"""Which alerts hold: of each key the newest, whatever order they came in, and however often. Pure.

A cancelled one stays as a mark, so that what it cancelled does not come to life again when it arrives late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from central.core.alerts.telegram import Info, Key, Lane, Telegram

KEYS_MAX: Final = 2_000
KEPT_MS: Final = 14 * 86_400_000
"""No warning lasts longer without being told again."""
AHEAD_MS: Final = 3_600_000
"""So far ahead a sender's clock may be."""

Held = Mapping[Key, Telegram]
NOTHING: Final[Held] = MappingProxyType({})


class Verdict(StrEnum):
    """What became of an alert."""

    FIRST = "first"
    UPDATED = "updated"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    REPEATED = "repeated"
    OUTDATED = "outdated"
    """A newer one of the same is here."""
    TOO_OLD = "too_old"
    AHEAD = "ahead"
    """It says that it is from the future; then nothing that follows could replace it."""
    NOT_OURS = "not_ours"
    """No place of the city is in it, and nothing that concerns the city is replaced by it."""


CHANGES: Final = frozenset({Verdict.FIRST, Verdict.UPDATED, Verdict.CORRECTED, Verdict.CANCELLED})
"""After these something else holds than before."""


def take(held: Held, telegram: Telegram, *, now_ms: int) -> tuple[Held, Verdict]:
    """What holds after an alert, and what it was."""
    if telegram.report_ms > now_ms + AHEAD_MS:
        return held, Verdict.AHEAD
    if telegram.report_ms < now_ms - KEPT_MS:
        return held, Verdict.TOO_OLD
    before = held.get(telegram.key)
    if before is not None and before.digest == telegram.digest:
        return held, Verdict.REPEATED
    if before is not None and telegram.order < before.order:
        return held, Verdict.OUTDATED
    after = {**held, telegram.key: telegram}
    return _bounded(after, now_ms), _verdict(before, telegram)


def holding(held: Held, lane: Lane, *types: str) -> Iterable[Telegram]:
    """Alerts of these types that hold and were not cancelled."""
    return (
        telegram
        for key, telegram in held.items()
        if key.lane is lane and key.type in types and telegram.info is not Info.CANCELLED
    )


def _verdict(before: Telegram | None, telegram: Telegram) -> Verdict:
    if telegram.info is Info.CANCELLED:
        return Verdict.CANCELLED
    if telegram.info is Info.CORRECTED:
        return Verdict.CORRECTED
    return Verdict.FIRST if before is None else Verdict.UPDATED


def _bounded(held: dict[Key, Telegram], now_ms: int) -> Held:
    fresh = {key: one for key, one in held.items() if one.report_ms >= now_ms - KEPT_MS}
    if len(fresh) <= KEYS_MAX:
        return fresh
    newest = sorted(fresh.items(), key=lambda pair: pair[1].report_ms, reverse=True)
    return dict(newest[:KEYS_MAX])
