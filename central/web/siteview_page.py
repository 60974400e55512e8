"""Everything that the template of a shelter's page shows, by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from central.api.live import Key
from central.api.models.incident import Orders
from central.core.access import Principal, Right
from central.core.city import SiteNow
from central.core.facts import Fact, FactName
from central.web import (
    chart,
    cityview,
    proofview,
    siteview,
    siteview_days,
    siteview_facts,
    siteview_flow,
    siteview_mode,
)
from central.web.catalogue import Catalogue
from contract.steering import StandingOrders

BAND_HOURS: Final = (0, 12, 24, 36, 48, 60, 72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the records say of a shelter: facts, orders, and the standing orders that it was sent last."""

    facts: Mapping[FactName, Fact] = field(default_factory=dict)
    orders: Orders
    standing: StandingOrders | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the reader of a page asked for, and what came of the form before."""

    who: Principal | None = None
    is_days: bool = False
    """Thirty days instead of one."""
    saved: str = ""
    """``1``: facts were saved; ``0``: nothing was changed; empty: no form was sent."""
    tried: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Fact → what is wrong with what was asked for."""


def values(
    now: SiteNow,
    texts: Mapping[Key, str],
    history: siteview.History | siteview_days.Days | None,
    told: Told | None,
    asked: Asked,
    words: Catalogue,
    *,
    at_ms: int,
) -> dict[str, Any]:
    """All of them. ``history``: of a day or of thirty; ``told``: ``None`` while the records can't be read."""
    site, who = now.site, asked.who
    day = history if isinstance(history, siteview.History) else None
    return {
        "x": texts,
        "now_site": now,
        "site": site.id,
        "heading": siteview.heading(now, words),
        "proof": proofview.proof_shown(now, words),
        "devices": siteview.by_device(now.points),
        "point_key": siteview.point_key,
        "device_key": siteview_flow.device_key,
        "model_words": siteview_flow.model_words,
        "tiers": siteview_flow.tiers(now, told.facts if told else {}, words),
        "band_hours_shown": [(hour, round(hour / siteview_flow.HOURS_SHOWN * 100, 1)) for hour in BAND_HOURS],
        "hours_shown": f"{siteview_flow.HOURS_SHOWN:.0f}",
        "history": history,
        "is_days": asked.is_days,
        "event_detail": siteview.event_detail,
        "event_name": siteview.event_name,
        "may_switch": who is not None and bool(who.name) and who.may(Right.SWITCH, [site.ward]),
        "told": told,
        "asked": asked,
        "at_ms": at_ms,
        **(_day(day, words) if day else {}),
        **(_days(history, words) if isinstance(history, siteview_days.Days) else {}),
        **(_told(told, asked, site.ward, words) if told else {}),
    }


def _day(history: siteview.History, words: Catalogue) -> dict[str, Any]:
    from_ms, to_ms = history.promise_from_ms, history.promise_to_ms
    return {
        "powers": list(siteview.POWERS),
        "power_chart": siteview.power_chart(history),
        "charge_chart": siteview.charge_chart(history),
        "gaps": siteview.gaps(history),
        "table": siteview.table(history, words),
        "bands": chart.bands(history.stretches, from_ms=from_ms, to_ms=to_ms),
        "band_hours": chart.hours(from_ms, to_ms),
        "stretches": siteview.stretch_rows(history, words),
        "stretches_more": max(0, len(history.stretches) - siteview.STRETCHES_SHOWN),
    }


def _days(days: siteview_days.Days, words: Catalogue) -> dict[str, Any]:
    return {
        "power_chart": siteview_days.power(days),
        "charge_chart": siteview_days.charge(days),
        "day_rows": siteview_days.rows(days, words),
    }


def _told(told: Told, asked: Asked, ward: str, words: Catalogue) -> dict[str, Any]:
    groups = siteview_facts.groups(told.facts, asked.who, ward, words, asked.tried)
    return {
        "fact_groups": groups,
        "may_change": any(row.may_change for group in groups for row in group.rows),
        "orders": siteview_mode.order_rows(told.orders.orders, words),
        "orders_more": max(0, len(told.orders.orders) - siteview_mode.ORDERS_SHOWN),
        "own_receipts": siteview_mode.receipt_rows(told.orders.own[: siteview_mode.RECEIPTS_SHOWN], words),
        "standing": siteview_mode.standing_rows(told.standing or StandingOrders(), words),
    }


def frame(now: SiteNow, texts: Mapping[Key, str], words: Catalogue, *, mark: str) -> dict[str, Any]:
    """What the frame of all pages wants besides: the live stream and the way to the other language."""
    return {
        "synthetic": now.site.synthetic,
        "stream": f"/live/sites/{now.site.id}?lang={words.lang.value}",
        "mark": mark,
        "now": texts[cityview.CITY, "now"],
        "release": texts[cityview.CITY, "release"],
    }
