"""What a caller asked for, taken from text: times, steps, spans. Pure; a refusal is a ``Problem``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from central.api.problems import Problem
from central.core.city import Sample

STEPS_MAX: Final = 10_000
SECOND_MS: Final = 1_000
DAY_MS: Final = 86_400_000
STEP_MAX_MS: Final = 366 * DAY_MS
TOKYO_OFFSET_MS: Final = 9 * 3_600_000
"""Tokyo is nine hours before UTC all year, so a Tokyo midnight is at ``n * DAY_MS - TOKYO_OFFSET_MS``."""
TIME_MAX_MS: Final = 253_402_300_799_000
"""End of the year 9999: the last time that ISO 8601 can write."""

_UNITS_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS}
_STEP: Final = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_MILLIS: Final = re.compile(r"\d{1,15}")
_LOST_PLUS: Final = re.compile(r" (\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True)
class Span:
    """``from_ms`` <= t < ``to_ms``, UTC milliseconds."""

    from_ms: int
    to_ms: int


def parse_time_ms(text: str, *, where: str) -> int:
    """UTC milliseconds of ISO 8601 with an offset, or of a plain number of milliseconds.

    Raises:
        Problem: it is neither, or has no offset (so that nobody has to guess between UTC and Tokyo).
    """
    attempt = "Write 2026-11-24T00:00:00+09:00, 2026-11-23T15:00:00Z or UTC milliseconds."
    if _MILLIS.fullmatch(text):
        millis = int(text)
    else:
        # A "+" that was not escaped in the address arrives as a blank.
        try:
            moment = datetime.fromisoformat(_LOST_PLUS.sub(r"+\1", text.strip()))
        except ValueError:
            raise Problem(
                HTTPStatus.BAD_REQUEST, "Not a time", f"{text[:60]!r} is not a time.", where=where, attempt=attempt
            ) from None
        if moment.tzinfo is None:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "A time without an offset",
                f"{text[:60]!r} does not say whether it is UTC or Tokyo time.",
                where=where,
                attempt=attempt,
            )
        millis = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * SECOND_MS)
    if not 0 <= millis <= TIME_MAX_MS:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "A time out of range",
            f"{text[:60]!r} is not between the years 1970 and 9999.",
            where=where,
            attempt=attempt,
        )
    return millis


def parse_step_ms(text: str) -> int:
    """Milliseconds of ``5s``, ``30m``, ``1h``, ``1d``.

    Raises:
        Problem: it is not a step, or not between zero and ``STEP_MAX_MS``.
    """
    match = _STEP.fullmatch(text.strip())
    step_ms = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    if not 0 < step_ms <= STEP_MAX_MS:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Not a step",
            f"{text[:40]!r} is not a length of time above zero and up to 366 days.",
            where="query: step",
            attempt="Write a number and ms, s, m, h or d: 5s, 30m, 1h, 1d.",
        )
    return step_ms


def parse_span(from_text: str | None, to_text: str | None, *, now_ms: int, default_ms: int = DAY_MS) -> Span:
    """The span between two texts; without ``to`` it ends now, without ``from`` it is ``default_ms`` long.

    Raises:
        Problem: a text is not a time, or the span is empty.
    """
    to_ms = now_ms if not to_text else parse_time_ms(to_text, where="query: to")
    from_ms = max(0, to_ms - default_ms) if not from_text else parse_time_ms(from_text, where="query: from")
    if from_ms >= to_ms:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "An empty span",
            f"'from' ({iso(from_ms)}) is not before 'to' ({iso(to_ms)}).",
            where="query: from",
            attempt="Exchange them, or leave 'to' out to mean now.",
        )
    return Span(from_ms, to_ms)


def check_steps(span: Span, step_ms: int) -> None:
    """Refuse a question whose answer would be too long.

    Raises:
        Problem: more than ``STEPS_MAX`` steps; says which step would do.
    """
    steps = -(-(span.to_ms - span.from_ms) // step_ms)
    if steps <= STEPS_MAX:
        return
    enough_s = -(-(span.to_ms - span.from_ms) // (STEPS_MAX * SECOND_MS))
    raise Problem(
        HTTPStatus.BAD_REQUEST,
        "Too many steps",
        f"The span has {steps:,} steps; at most {STEPS_MAX:,} are answered at once.",
        where="query: step",
        attempt=f"Use a step of {enough_s}s or longer, or ask in shorter spans.",
    )


def fill_gaps(samples: list[Sample], span: Span, step_ms: int) -> list[Sample]:
    """Every step of the span, the ones without a reading as ``None``, so that a chart breaks there.

    Steps start at Tokyo midnight plus whole steps; a sample beside that grid stays where it is.
    """
    known = {sample.at_ms: sample for sample in samples}
    first = (span.from_ms + TOKYO_OFFSET_MS) // step_ms * step_ms - TOKYO_OFFSET_MS
    for at_ms in range(first, span.to_ms, step_ms):
        known.setdefault(at_ms, Sample(at_ms=at_ms, value=None, count=0))
    return [known[at_ms] for at_ms in sorted(known)]


def moment(at_ms: int) -> datetime:
    """UTC time of UTC milliseconds."""
    return datetime.fromtimestamp(min(at_ms, TIME_MAX_MS) / SECOND_MS, UTC)


def iso(at_ms: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return moment(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
