"""Temporal questions (clauses 4.11, 4.5.19): a span, the last so many values, and aggregates over periods. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from central.core.ngsi.values import NgsiError, millis_of

INSTANCES_MAX: Final = 1_000
"""Of one attribute in one answer; more are a matter of the next request (206)."""
PERIODS_MAX: Final = 2_000
SPAN_MAX_MS: Final = 366 * 86_400_000
METHODS: Final = ("avg", "min", "max", "totalCount")
_DURATION: Final = re.compile(r"P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """``from_ms`` <= t < ``to_ms``, UTC. ``last_n``: only the last so many of each attribute."""

    from_ms: int
    to_ms: int
    last_n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregates:
    """Methods, and the length of a period; the first one begins with the span."""

    methods: tuple[str, ...]
    period_ms: int


def span(timerel: str, time_at: str, end_at: str, prop: str, last_n: str, *, now_ms: int) -> Span:
    """The stretch of time that is meant. Without ``timerel``: the day before now.

    ``before`` reaches back 366 days, since an answer has to end somewhere.

    Raises:
        NgsiError: something is missing, or the stretch is empty or too long.
    """
    if prop not in {"", "observedAt"}:
        raise NgsiError(f"timeproperty: {prop[:40]!r}: only observedAt is kept here")
    count = _count(last_n)
    if not timerel:
        if time_at or end_at:
            raise NgsiError("timerel: missing", attempt="Add timerel=before, after or between.")
        return Span(from_ms=max(0, now_ms - 86_400_000), to_ms=now_ms + 1, last_n=count)
    if timerel not in {"before", "after", "between"}:
        raise NgsiError(f"timerel: {timerel[:20]!r}", attempt="Use before, after or between.")
    if not time_at:
        raise NgsiError(f"timeAt: missing; timerel={timerel} wants it")
    at_ms = millis_of(time_at, "timeAt")
    if (timerel == "between") is not bool(end_at):
        raise NgsiError("endTimeAt: goes with timerel=between, and with that alone")
    if timerel == "before":
        return _checked(max(0, at_ms - SPAN_MAX_MS), at_ms, count)
    if timerel == "after":
        return _checked(at_ms + 1, max(at_ms + 2, now_ms + 1), count)
    end_ms = millis_of(end_at, "endTimeAt")
    if end_ms <= at_ms:
        raise NgsiError("endTimeAt: is not after timeAt")
    return _checked(at_ms, end_ms, count)


def _checked(from_ms: int, to_ms: int, last_n: int | None) -> Span:
    if to_ms - from_ms > SPAN_MAX_MS:
        raise NgsiError("timeAt: more than 366 days in one question", kind="TooComplexQuery")
    return Span(from_ms=from_ms, to_ms=max(to_ms, from_ms + 1), last_n=last_n)


def _count(told: str) -> int | None:
    if not told:
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", told):
        raise NgsiError(f"lastN: {told[:20]!r}: want a number above 0")
    return int(told)


def aggregates(methods: str, period: str, stretch: Span) -> Aggregates:
    """What is to be worked out; without a period: one value over the whole span.

    Raises:
        NgsiError: an unknown method or period, or too many periods.
    """
    asked = tuple(dict.fromkeys(one.strip() for one in methods.split(",")))
    for one in asked:
        if one not in METHODS:
            raise NgsiError(f"aggrMethods: {one[:20]!r}", attempt="Use " + ", ".join(METHODS) + ".")
    whole_ms = stretch.to_ms - stretch.from_ms
    period_ms = duration_ms(period) if period else 0
    period_ms = period_ms or whole_ms
    if whole_ms / period_ms > PERIODS_MAX:
        raise NgsiError(f"aggrPeriodDuration: more than {PERIODS_MAX:,} periods", kind="TooComplexQuery")
    return Aggregates(methods=asked, period_ms=period_ms)


def duration_ms(told: str) -> int:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds; ``PT0S`` is 0, "all of it".

    Raises:
        NgsiError: it is none, or has months or years, whose length is not fixed.
    """
    piece = _DURATION.fullmatch(told)
    if piece is None or not any(piece.groups()):
        raise NgsiError(f"aggrPeriodDuration: {told[:20]!r}", attempt="Write PT30M, PT1H or P1D.")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in piece.groups())
    return 1_000 * (seconds + 60 * (minutes + 60 * (hours + 24 * (days + 7 * weeks))))
