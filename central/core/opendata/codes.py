"""Codes of Japanese municipalities (全国地方公共団体コード). Pure."""

from __future__ import annotations

from typing import Final

_WEIGHTS: Final = (6, 5, 4, 3, 2)
SYNTHETIC: Final = "00000"
"""Municipality in the ids of synthetic shelters. It does not exist."""


def with_check_digit(five: str) -> str:
    """Six digits out of the five that name a municipality, as 12100 → 121002."""
    total = sum(int(digit) * weight for digit, weight in zip(five, _WEIGHTS, strict=True))
    return f"{five}{(11 - total % 11) % 10}"


def municipality_of(site: str) -> str:
    """The six digits of the municipality that gave a shelter its id; empty for a synthetic one."""
    five = site[1:6]
    return "" if five == SYNTHETIC else with_check_digit(five)
