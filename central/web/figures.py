"""Numbers, times and signs as people read them. Pure. A missing value is a dash, never a zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from central.core.city import PointNow
from central.web.catalogue import Catalogue, Lang
from contract.points import POINTS
from contract.readings import Quality

TOKYO: Final = timezone(timedelta(hours=9))
TIME_MAX_MS: Final = 253_402_214_400_000
"""The last day of the calendar is left out: it is over in Tokyo before it is in UTC."""
DASH: Final = "–"
CLOCK: Final = "inverter.clock_s"
"""Seconds of 1970, shown as a time."""
REST_W: Final = 50.0
"""Power below this is 0.0 kW on the page, so it has no direction either."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORDED_POINTS: Final = {
    "inverter.state": "inverter_state",
    "battery.state": "battery_state",
    "inverter.islanded": "yes_no",
    "grid.meter_online": "yes_no",
}


def kilo(value: float | None) -> str:
    """W as kW, or Wh as kWh: one decimal, thousands apart, without sign words."""
    if value is None:
        return DASH
    text = f"{value / 1_000:,.1f}"
    return "0.0" if text == "-0.0" else text


def kilo_size(value: float | None) -> str:
    """The size of a flow in kW; its direction is said in words."""
    return kilo(abs(value)) if value is not None else DASH


def percent(value: float | None, decimals: int = 0) -> str:
    """A number of percent."""
    return DASH if value is None else f"{value:.{decimals}f}"


def rated(value: float) -> str:
    """A rated kW or kWh from the registry, without needless decimals."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def share(part: float, words: Catalogue) -> str:
    """A part of a whole (0 to 1) in percent that is never flattered: almost all is not all, a little is not nothing."""
    if part in {0.0, 1.0}:
        return f"{part * 100:.0f} %"
    if part < 0.001:
        return words("below_tenth")
    return f"{int(part * 1_000) / 10:.1f} %"


def battery_flow(watts: float | None, words: Catalogue) -> str:
    """Charging or discharging, in words."""
    if watts is None:
        return ""
    if abs(watts) < REST_W:
        return words("flow.resting")
    return words("flow.discharging" if watts > 0 else "flow.charging")


def grid_flow(watts: float | None, words: Catalogue) -> str:
    """Bought or sold, in words."""
    if watts is None:
        return ""
    if abs(watts) < REST_W:
        return words("flow.none")
    return words("flow.buying" if watts > 0 else "flow.selling")


def local(at_ms: int) -> datetime:
    """Tokyo time of UTC milliseconds."""
    return datetime.fromtimestamp(min(at_ms, TIME_MAX_MS) / 1_000, UTC).astimezone(TOKYO)


def clock(at_ms: int) -> str:
    """Time of day in Tokyo with seconds."""
    return f"{local(at_ms):%H:%M:%S}"


def day(at_ms: int, lang: Lang) -> str:
    """Day in Tokyo."""
    at = local(at_ms)
    return f"{at.year}年{at.month}月{at.day}日" if lang is Lang.JA else f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def moment(at_ms: int | None, lang: Lang, *, seconds: bool = False) -> str:
    """Day and time in Tokyo."""
    if not at_ms:
        return DASH
    at = local(at_ms)
    date = f"{at.month}月{at.day}日" if lang is Lang.JA else f"{at.day} {_MONTHS[at.month - 1]}"
    return f"{date} {at:%H:%M:%S}" if seconds else f"{date} {at:%H:%M}"


def date_time(at_ms: int, lang: Lang) -> str:
    """Day with its year, and time, in Tokyo: for what may be looked up years later."""
    return f"{day(at_ms, lang)} {local(at_ms):%H:%M}"


def iso(at_ms: int | None) -> str:
    """UTC for the ``datetime`` attribute; empty when there is no time."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}" if at_ms else ""


def age(at_ms: int | None, now_ms: int, words: Catalogue) -> str:
    """How old something is, in the largest whole unit. The page's script counts on in the same way."""
    if not at_ms:
        return words("age_never")
    seconds = max(0, now_ms - at_ms) // 1_000
    for key, size, limit in (("age_s", 1, 60), ("age_min", 60, 3_600), ("age_h", 3_600, 172_800)):
        if seconds < limit:
            return words(key, n=seconds // size)
    return words("age_d", n=seconds // 86_400)


def reason_words(reason: str, words: Catalogue) -> str:
    """Why data was lost: ``thinned_1min``, or ``refused: unknown_point``."""
    head, _, rest = reason.partition(": ")
    text = words.term("reason", head)
    if text == head:  # Of an agent of a later release.
        text = words("reason_unknown", reason=head)
    return f"{text} ({words.term('refusal', rest)})" if rest else text


def point_words(name: str, words: Catalogue) -> str:
    """A point in words: ``grid.l1_voltage_v`` is "Grid L1 voltage". A part that is not known stands for itself."""
    group, _, quantity = name.partition(".")
    base = group.rstrip("0123456789")
    number = group[len(base) :]
    phase, _, rest = quantity.partition("_")
    parts = [words.term("group", base) + number]
    if phase in {"l1", "l2", "l3"}:
        parts.append(words.term("phase", phase))
        quantity = rest
    parts.append(words.term("quantity", quantity))
    return " ".join(parts)


def point_value(now: PointNow, words: Catalogue) -> str:
    """A reading with its unit, states as words. A silent device keeps its last value: the quality says "stale"."""
    point = POINTS.get(now.point)
    if now.value is None or not (now.quality.is_good or now.quality is Quality.STALE):
        return DASH
    if point is None:
        return f"{now.value:g}"
    if now.point == CLOCK:
        return f"{day(int(now.value * 1_000), words.lang)} {clock(int(now.value * 1_000))}"
    group = "switch" if now.point.endswith(".closed") else _WORDED_POINTS.get(now.point)
    if group is not None:
        return words.term(group, f"{now.value:.0f}")
    return f"{now.value:,.{point.decimals}f} {point.unit}".rstrip()
