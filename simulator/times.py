"""Times as people write them in scenarios: durations, clock times, dates with their zone. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from simulator.weather import DAY_MS, TOKYO_MS

_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def duration_ms(text: str) -> int:
    """``1d2h30m15s`` in milliseconds.

    Raises:
        ValueError: it is not a duration.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is no duration; write it like 90s, 30m, 2h30m or 20d")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return round((days * 86_400 + hours * 3_600 + minutes * 60 + seconds) * 1000)


def checked_duration(text: str) -> str:
    """The text itself. Raises ValueError when it is no duration."""
    duration_ms(text)
    return text


def checked_moment(text: str) -> str:
    """The text itself. Raises ValueError when it is no moment."""
    if text.startswith("+"):
        duration_ms(text[1:])
    elif not _CLOCK.fullmatch(text):
        zoned(text)
    return text


def zoned(text: str) -> datetime:
    """A date and time that says its zone. Raises ValueError with a hint."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write +30m (after the start), 02:30 (next time the clock in Tokyo shows it) "
            "or 2019-09-09T02:30+09:00"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} lacks its time zone, add +09:00")
    return moment


def moment_ms(text: str, start_ms: int) -> int:
    """A step's moment as UTC milliseconds."""
    if text.startswith("+"):
        return start_ms + duration_ms(text[1:])
    if clock := _CLOCK.fullmatch(text):
        wanted = (int(clock[1]) * 60 + int(clock[2])) * 60_000
        return start_ms + (wanted - (start_ms + TOKYO_MS) % DAY_MS) % DAY_MS
    return round(zoned(text).timestamp() * 1000)
