"""Tokyo's half hours, days, months and fiscal years. Pure; times are UTC milliseconds, Tokyo has no summer time.

A day is its number from 1970-01-01 in Tokyo, a month is ``YYYY-MM``, a fiscal year is the calendar year of its April.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

HALF_HOUR_MS: Final = 1_800_000
DAY_MS: Final = 86_400_000
TOKYO_OFFSET_MS: Final = 9 * 3_600_000
SLOTS: Final = 48
"""Half hours of a day; number 0 begins at midnight."""
PEAK_MONTHS: Final = 12
"""The contract's demand is the highest of this month and the eleven before."""
_EPOCH: Final = date(1970, 1, 1)
_MONTH: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


def half_hour_of(at_ms: int) -> int:
    """When the half hour began in which a moment lies."""
    return at_ms - at_ms % HALF_HOUR_MS


def demand_w(wh: float) -> float:
    """Mean power of a half hour, W, from its energy, Wh."""
    return wh * 2


def day_of(at_ms: int) -> int:
    """Number of the Tokyo day in which a moment lies."""
    return (at_ms + TOKYO_OFFSET_MS) // DAY_MS


def start_of_day(day: int) -> int:
    """When a Tokyo day begins."""
    return day * DAY_MS - TOKYO_OFFSET_MS


def slot_of(at_ms: int) -> int:
    """Number of the half hour in its Tokyo day."""
    return (at_ms + TOKYO_OFFSET_MS) % DAY_MS // HALF_HOUR_MS


def date_of(day: int) -> date:
    """The calendar's date of a day."""
    return _EPOCH + timedelta(days=day)


def day_number(on: date) -> int:
    """Number of a date's day."""
    return (on - _EPOCH).days


def is_month(text: str) -> bool:
    """Whether this is a month, as ``2026-10``."""
    return _MONTH.fullmatch(text) is not None


def month_of(at_ms: int) -> str:
    """The Tokyo month in which a moment lies."""
    return month_of_day(day_of(at_ms))


def month_of_day(day: int) -> str:
    """The month of a day."""
    on = date_of(day)
    return f"{on.year:04d}-{on.month:02d}"


def month_after(month: str, count: int = 1) -> str:
    """The month so many months later; a negative count goes back.

    Raises:
        ValueError: it is no month.
    """
    found = _MONTH.fullmatch(month)
    if found is None:
        raise ValueError(f"month {month!r}: want YYYY-MM, such as 2026-10")
    months = int(found[1]) * 12 + int(found[2]) - 1 + count
    return f"{months // 12:04d}-{months % 12 + 1:02d}"


def days_of_month(month: str) -> range:
    """Numbers of a month's days.

    Raises:
        ValueError: it is no month.
    """
    year, number = (int(part) for part in month_after(month, 0).split("-"))
    after = month_after(month)
    return range(
        day_number(date(year, number, 1)),
        day_number(date(int(after[:4]), int(after[5:]), 1)),
    )


def bounds_of_month(month: str) -> tuple[int, int]:
    """When a month begins, and when the next one does."""
    days = days_of_month(month)
    return start_of_day(days.start), start_of_day(days.stop)


def fiscal_year_of(month: str) -> int:
    """The fiscal year, April to March, that a month is in."""
    year, number = int(month[:4]), int(month[5:])
    return year if number >= 4 else year - 1


def months_of_fiscal_year(year: int) -> tuple[str, ...]:
    """April to March."""
    return tuple(month_after(f"{year:04d}-04", count) for count in range(12))


def bounds_of_fiscal_year(fiscal_year: int) -> tuple[int, int]:
    """When a fiscal year begins, and when the next one does."""
    months = months_of_fiscal_year(fiscal_year)
    return bounds_of_month(months[0])[0], bounds_of_month(months[-1])[1]


def peak_window(month: str) -> tuple[str, ...]:
    """The months that the contract's demand of a month rests on, the oldest first."""
    return tuple(month_after(month, count) for count in range(1 - PEAK_MONTHS, 1))
