"""What a drill, or an incident, came to: how long each shelter took to prove it, and who did not. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

PROVEN: Final = frozenset({"verified", "held"})
UNDONE: Final = frozenset({"refused", "failed", "reverted"})
"""Words of a shelter that does not do it (any more)."""
REHEARSED: Final = "drill"
"""Reason of the receipt that ends a drill which writes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One shelter's way through one incident."""

    site: str
    name: str
    mode: str
    proven_s: float | None
    """From the signed order to the city's receipt of the proof; None: it has not proven it."""
    word: str
    """What became of it, in the API's words."""
    cause: str = ""
    detail: str = ""
    crew: bool = False

    @property
    def is_proven(self) -> bool:
        """Whether it proved it, and did not fall back."""
        return self.proven_s is not None and self.word not in UNDONE

    @property
    def is_late(self) -> bool:
        """Whether it should have proven it and has not, or does not hold it."""
        return not self.is_proven and self.word not in {"not_verified", "on_its_own", "nothing_sent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One incident of a drill."""

    incident: str
    mode: str
    why: str
    courses: tuple[Course, ...]

    @property
    def told(self) -> int:
        """Shelters that were sent an order."""
        return sum(course.word not in {"not_verified", "nothing_sent"} for course in self.courses)

    @property
    def proven(self) -> int:
        """Shelters that proved it and did not fall back."""
        return sum(course.is_proven for course in self.courses)

    @property
    def failed(self) -> list[Course]:
        """Shelters that did not, those on the crew list first."""
        return sorted((one for one in self.courses if one.is_late), key=lambda one: (not one.crew, one.site))

    def quantile_s(self, share: float) -> float | None:
        """So many of those that proved it took no longer than this."""
        return quantile([one.proven_s for one in self.courses if one.is_proven and one.proven_s is not None], share)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "incident": self.incident,
            "mode": self.mode,
            "why": self.why,
            "shelters": len(self.courses),
            "told": self.told,
            "proven": self.proven,
            "p50_s": self.quantile_s(0.5),
            "p99_s": self.quantile_s(0.99),
            "not_proven": [
                {"site": one.site, "name": one.name, "word": one.word, "cause": one.cause, "detail": one.detail}
                for one in self.failed
            ],
        }


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below or at which a share of them lies, an element itself; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)


def result_of(incident: Mapping[str, Any], orders: Mapping[str, Iterable[Mapping[str, Any]]]) -> Result:
    """From what the API says.

    Args:
        incident: an ``IncidentDetail``.
        orders: site → its ``OrderOut`` entries.
    """
    return Result(
        incident=incident["id"],
        mode=incident["mode"],
        why=incident["declared"]["why"],
        courses=tuple(_course(one, incident, orders.get(one["site"], ())) for one in incident["shelters"]),
    )


def _course(member: Mapping[str, Any], incident: Mapping[str, Any], orders: Iterable[Mapping[str, Any]]) -> Course:
    own = [order for order in orders if incident["id"] in order["incident"].split(", ")]
    took_s = [took for order in own if (took := _proven_s(order)) is not None]
    return Course(
        site=member["site"],
        name=member["name"],
        mode=incident["mode"],
        proven_s=took_s[-1] if took_s else None,  # The newest order stands first; its first proof counts.
        word=member["word"],
        cause=member["cause"],
        detail=member["detail"],
        crew=member["crew"],
    )


def _proven_s(order: Mapping[str, Any]) -> float | None:
    moments = [
        datetime.fromisoformat(receipt["received_at"])
        for receipt in order["receipts"]
        if not receipt["device"] and (receipt["stage"] in PROVEN or receipt["reason"] == REHEARSED)
    ]
    if not moments:
        return None
    return max(0.0, (min(moments) - datetime.fromisoformat(order["issued_at"])).total_seconds())
