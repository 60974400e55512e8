"""What a check means: findings with their place, from what was seen. Pure; the words for them are in words.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from contract.points import POINTS, Kind
from contract.readings import Quality
from edge_agent.core.balance import ERROR_SHARE_MAX, ERROR_W_MIN

Facts = Mapping[str, str | int | float]


class Severity(StrEnum):
    """How much a finding matters: a fault makes the check fail."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


_MEASURED: Final = frozenset({"all_zero", "ct_turned", "load_negative", "balance_off"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know. ``facts`` fill the words of its kind."""

    kind: str
    severity: Severity
    device: str = ""
    facts: Facts = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether it comes before everything else: a fault, or something wrong with what the devices say."""
        return self.severity is Severity.FAULT or (self.severity is Severity.WARNING and self.kind in _MEASURED)


@dataclass(frozen=True, slots=True)
class PointSeen:
    """One point as it was read."""

    point: str
    value: float | None
    unit: str
    quality: str
    register: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The site's powers and whether they agree. None: not known, because an input is missing or not there."""

    pv_w: float | None
    battery_w: float | None
    grid_w: float | None
    load_w: float | None
    inverter_w: float | None
    error_w: float | None
    """PV and battery less the inverter's AC terminal."""
    limit_w: float | None
    verdict: str
    """ok, off, load_negative, ct_turned or unknown."""


_IMPLAUSIBLE: Final = frozenset({Quality.ILLEGAL_ADDRESS, Quality.OUT_OF_RANGE, Quality.MALFORMED})
_NARROW: Final = (
    (".frequency_hz", 40.0, 70.0),
    ("_voltage_v", 60.0, 600.0),
    (".temperature_c", -40.0, 120.0),
)
"""Bounds of what stands in a building with mains, narrower than the contract's. 0 is what a dead phase shows."""
_AC: Final = ("inverter.", "grid.", "backup.")
SUSPECT_POINTS_MIN: Final = 3
SUSPECT_SHARE: Final = 0.5
ZERO_POINTS_MIN: Final = 5
CT_W_MIN: Final = 200.0
"""Below this the direction of a power may be noise."""
CT_LIKENESS: Final = 0.5
"""Two meters of one connection that disagree by more than this share measure different things, not signs."""


def implausible(point: PointSeen) -> bool:
    """Whether no working device of the family would show this."""
    if point.value is None:
        return point.quality in _IMPLAUSIBLE
    if not point.value:
        return False
    for ending, low, high in _NARROW:
        if point.point.endswith(ending) and (ending == ".temperature_c" or point.point.startswith(_AC)):
            return not low <= point.value <= high
    return False


def look_at_points(device: str, profile: str, points: Sequence[PointSeen], others: Collection[str]) -> list[Finding]:
    """Whether the values of a device that answers fit its profile. ``others``: profiles that could be tried."""
    wrong = [point for point in points if implausible(point)]
    counted = sum(point.quality != Quality.NOT_AVAILABLE for point in points)
    if len(wrong) >= min(SUSPECT_POINTS_MIN, counted) > 0 and len(wrong) >= SUSPECT_SHARE * counted:
        facts: Facts = {"profile": profile, "wrong": len(wrong), "points": len(points), "others": ", ".join(others)}
        return [Finding("wrong_profile", Severity.FAULT, device, facts)]
    gauges = [p.value for p in points if p.value is not None and POINTS[p.point].kind is not Kind.STATE]
    if len(gauges) >= ZERO_POINTS_MIN and not any(gauges):
        facts = {"profile": profile, "points": len(gauges), "others": ", ".join(others)}
        return [Finding("all_zero", Severity.WARNING, device, facts)]
    bad = [point.point for point in points if point.value is None or implausible(point)]
    if bad:
        names = ", ".join(bad[:3]) + (" …" if len(bad) > 3 else "")
        return [Finding("some_bad", Severity.NOTE, device, {"bad": len(bad), "points": len(points), "names": names})]
    return []


def balance_of(values: Mapping[str, float | None], *, known: Collection[str]) -> Balance:
    """The balance. ``values``: the site's sums by point; ``known``: points that the plant has at all."""
    load, error, inverter = (values.get(p) for p in ("load.power_w", "balance.error_w", "inverter.power_w"))
    limit = None if inverter is None else max(ERROR_W_MIN, ERROR_SHARE_MAX * abs(inverter))
    if load is not None and load < -CT_W_MIN:
        verdict = "load_negative"
    elif error is not None and limit is not None:
        verdict = "ok" if abs(error) <= limit else "off"
    else:
        # Without an inverter there is nothing to compare with; a load that is known and positive is all there is.
        verdict = "ok" if load is not None and "balance.error_w" not in known else "unknown"
    return Balance(
        pv_w=values.get("pv.power_w"),
        battery_w=values.get("battery.power_w"),
        grid_w=values.get("grid.power_w"),
        load_w=load,
        inverter_w=inverter,
        error_w=error,
        limit_w=limit,
        verdict=verdict,
    )


def look_at_balance(balance: Balance) -> list[Finding]:
    """What the balance gives away."""
    if balance.verdict == "load_negative":
        return [Finding("load_negative", Severity.WARNING, facts={"load_w": balance.load_w or 0.0})]
    if balance.verdict == "off":
        facts: Facts = {"error_w": balance.error_w or 0.0, "limit_w": balance.limit_w or 0.0}
        return [Finding("balance_off", Severity.WARNING, facts=facts)]
    return []


def look_at_meters(values: Mapping[str, Mapping[str, float | None]]) -> list[Finding]:
    """Two devices that measure the same connection to the grid and see opposite directions."""
    for point in ("grid.power_w", "grid.l1_power_w", "grid.l2_power_w", "grid.l3_power_w"):
        seen = [(device, value) for device, of in values.items() if (value := of.get(point)) is not None]
        for n, (one, a) in enumerate(seen):
            for other, b in seen[n + 1 :]:
                strong = min(abs(a), abs(b)) > CT_W_MIN
                if strong and a * b < 0 and abs(a + b) < CT_LIKENESS * max(abs(a), abs(b)):
                    facts: Facts = {"point": point, "one": one, "one_w": a, "other": other, "other_w": b}
                    return [Finding("ct_turned", Severity.WARNING, other, facts)]
    lone = [device for device, of in values.items() if of.get("grid.power_w") is not None]
    # Nothing in a single sample gives one meter's direction away, as long as the load comes out positive.
    return [Finding("ct_unproven", Severity.NOTE, lone[0])] if len(lone) == 1 else []
