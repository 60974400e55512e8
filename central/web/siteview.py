"""What a shelter's page shows. Pure: the live texts by key, and the parts that stand still until the next visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.api.live import Key
from central.core.city import EventRecord, Fate, PointNow, Sample, SiteNow, Stretch
from central.web import chart, figures, siteview_days, siteview_flow, siteview_mode
from central.web.catalogue import Catalogue
from central.web.citylist import is_fresh
from central.web.cityview import CITY, name_of, ward_of
from central.web.proofview import plain
from contract.messages import EventKind

DAY_MS: Final = 86_400_000
STEP_MS: Final = 1_800_000
POWERS: Final = {"pv": "pv.power_w", "load": "load.power_w", "grid": "grid.power_w", "battery": "battery.power_w"}
CHARGE: Final = "battery.soc_pct"
STRETCHES_SHOWN: Final = 40
EVENTS_SHOWN: Final = 20
MEGA: Final = 1_048_576
_RESERVE_STEP_PCT: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The last day of a shelter, as it was read for one page."""

    from_ms: int
    to_ms: int
    series: Mapping[str, Sequence[Sample]]
    promise_from_ms: int
    promise_to_ms: int
    stretches: Sequence[Stretch]
    events: Sequence[EventRecord]


def point_key(now: PointNow) -> str:
    """Owner of a point's texts."""
    return f"{now.device}/{now.point}"


def site_texts(now: SiteNow, at_ms: int, words: Catalogue, release: str) -> dict[Key, str]:
    """Every text of the page that changes."""
    soc, reserve = now.soc_pct, now.reserve_pct
    short = soc is not None and reserve is not None and soc < reserve - _RESERVE_STEP_PCT
    site: dict[str, str] = {
        "state": now.state.value,
        "means": words.term("state_means", now.state.value),
        "pv": figures.kilo(now.pv_w),
        "load": figures.kilo(now.load_w),
        "grid": figures.kilo_size(now.grid_w),
        "grid_flow": figures.grid_flow(now.grid_w, words),
        "battery": figures.kilo_size(now.battery_w),
        "battery_flow": figures.battery_flow(now.battery_w, words),
        "soc": figures.percent(soc, 1),
        "stored": words("stored", kwh=figures.kilo(now.stored_wh)),
        "last_soc": _last_charge(now, words),
        "reserve": words("reserve", pct=figures.percent(reserve)),
        "reserve_x": figures.percent(reserve) if reserve is not None else "-1",
        "reserve_short": words("reserve_short") if short else "",
        "hours": _hours(now, at_ms, words),
        "at": figures.iso(now.last_reading_ms),
        **siteview_flow.flow_texts(now, words),
        **siteview_flow.band_texts(now, is_fresh=is_fresh(now, at_ms)),
        **siteview_mode.mode_texts(now.steering, words),
        "dark": "、".join(now.devices_dark) if words.lang.value == "ja" else ", ".join(now.devices_dark),
    }
    texts: dict[Key, str] = {(now.site.id, name): text for name, text in {**site, **_agent(now, words)}.items()}
    texts[CITY, "clock"] = figures.clock(at_ms)
    texts[CITY, "now"] = str(at_ms)
    texts[CITY, "release"] = release
    texts.update(siteview_flow.device_texts(now, words))
    for point in now.points:
        owner = point_key(point)
        texts[owner, "value"] = figures.point_value(point, words)
        texts[owner, "quality"] = words.term("quality", point.quality.value)
        texts[owner, "good"] = point.quality.value
        texts[owner, "at"] = figures.iso(point.at_ms)
    return texts


def _hours(now: SiteNow, at_ms: int, words: Catalogue) -> str:
    """How long the loads last without the grid; what was worked out too long ago is not shown."""
    if now.hours is None:
        return words("hours_none")
    if not is_fresh(now, at_ms):
        return words("hours_old", time=figures.moment(now.hours.at_ms, words.lang))
    return now.hours.says_ja if words.lang.value == "ja" else now.hours.says_en


def _last_charge(now: SiteNow, words: Catalogue) -> str:
    """For a shelter that is cut off: the charge that was last known, with its time."""
    if now.soc_pct is not None:
        return ""
    known = [point for point in now.points if point.point == CHARGE and point.value is not None]
    if not known:
        return ""
    last = max(known, key=lambda point: point.at_ms)
    return words(
        "last_soc", pct=figures.percent(last.value, 1), time=figures.moment(last.at_ms, words.lang, seconds=True)
    )


def _agent(now: SiteNow, words: Catalogue) -> dict[str, str]:
    status = now.status
    if status is None:
        return {"agent": words("agent_none"), "waiting": figures.DASH, "oldest": "", "room": ""}
    box = status.outbox
    texts = {"agent": words("agent_online" if status.online else "agent_offline")}
    if box is None:
        return {**texts, "waiting": figures.DASH, "oldest": "", "room": ""}
    return {
        **texts,
        "waiting": words("outbox_entries", n=f"{box.waiting:,}"),
        "oldest": words("outbox_oldest", time=figures.moment(box.oldest_ms, words.lang)) if box.waiting else "",
        "room": words("outbox_room", used=f"{box.bytes / MEGA:,.1f}", max=f"{box.bytes_max / MEGA:,.0f}"),
    }


def shape(now: SiteNow) -> tuple[object, ...]:
    """What a page was built for; when it changes, an open page loads itself again."""
    devices = tuple(device.id for device in now.status.devices) if now.status else ()
    return (now.site, now.proof, devices, tuple(point_key(point) for point in now.points))


def heading(now: SiteNow, words: Catalogue) -> dict[str, str]:
    """The registered facts, in words."""
    site = now.site
    return {
        "name": name_of(now, words.lang),
        "other_name": site.name_en if words.lang.value == "ja" else site.name,
        "ward": ward_of(now, words.lang),
        "kind": words.term("kind", site.kind.value),
        "rated": words(
            "site_rated_text",
            pv=figures.rated(site.pv_kw),
            inverter=figures.rated(site.inverter_kw),
            battery=figures.rated(site.battery_kwh),
        ),
    }


def by_device(points: Sequence[PointNow]) -> Mapping[str, list[PointNow]]:
    """Points of each device, in the order of their names."""
    found: dict[str, list[PointNow]] = {}
    for point in points:
        found.setdefault(point.device, []).append(point)
    return found


def power_chart(history: History) -> chart.Chart | None:
    """PV, load, grid and battery in kW."""
    lines = {name: history.series.get(point, ()) for name, point in POWERS.items()}
    return chart.draw(lines, from_ms=history.from_ms, to_ms=history.to_ms, scale=0.001)


def charge_chart(history: History) -> chart.Chart | None:
    """State of charge in percent."""
    line = {"soc": history.series.get(CHARGE, ())}
    return chart.draw(line, from_ms=history.from_ms, to_ms=history.to_ms, low=0, high=100, ticks=2)


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One step of the charts as a row: four powers in kW, charge in percent, and why there is nothing."""

    time: str
    cells: Sequence[str]
    why: str


def table(history: History, words: Catalogue) -> list[TimeRow]:
    """The charts' values, newest first."""
    columns: dict[int, dict[str, float | None]] = {}
    for point, line in history.series.items():
        for sample in line:
            columns.setdefault(sample.at_ms, {})[point] = sample.value
    rows = []
    for at_ms in sorted(columns, reverse=True):
        values = columns[at_ms]
        cells = [figures.kilo(values.get(point)) for point in POWERS.values()]
        is_gap = all(value is None for value in values.values())
        rows.append(
            TimeRow(
                figures.clock(at_ms)[:5],
                [*cells, figures.percent(values.get(CHARGE), 1)],
                _why(history, at_ms, words) if is_gap else "",
            )
        )
    return rows


def _why(history: History, at_ms: int, words: Catalogue) -> str:
    """What became of the data of a step: the fate that most of it had."""
    lengths: dict[str, int] = {}
    for one in history.stretches:
        length_ms = min(one.to_ms, at_ms + STEP_MS) - max(one.from_ms, at_ms)
        if length_ms > 0 and one.fate is not Fate.ARRIVED:
            why = siteview_days.gap_words(one, words)
            lengths[why] = lengths.get(why, 0) + length_ms
    return max(lengths, key=lambda why: lengths[why], default=words("no_good_value"))


def gaps(history: History) -> tuple[chart.Band, ...]:
    """Stretches of the chart's time whose data are not here, to be shaded behind the lines."""
    missing = [one for one in history.stretches if one.fate is not Fate.ARRIVED]
    return chart.bands(missing, from_ms=history.from_ms, to_ms=history.to_ms)


@dataclass(frozen=True, slots=True)
class StretchRow:
    """A stretch in words."""

    start: str
    end: str
    fate: str
    fate_words: str
    reason: str
    entries: str


def stretch_rows(history: History, words: Catalogue) -> list[StretchRow]:
    """The newest stretches, newest first."""
    newest = sorted(history.stretches, key=lambda one: one.from_ms, reverse=True)[:STRETCHES_SHOWN]
    return [
        StretchRow(
            figures.moment(one.from_ms, words.lang),
            figures.moment(one.to_ms, words.lang),
            chart.shade(one),
            words.term("fate", one.fate.value),
            figures.reason_words(one.reason, words) if one.reason else words.term("fate_means", one.fate.value),
            f"{one.entries:,}" if one.entries else figures.DASH,
        )
        for one in newest
    ]


def event_name(event: EventRecord, words: Catalogue) -> str:
    """What happened, in words; of a kind that only a later release knows, its own word and that."""
    named = words.term("event", event.kind)
    return words("event_unknown", kind=plain(event.kind)) if named == event.kind else named


def event_detail(event: EventRecord, words: Catalogue) -> str:
    """An event's details in one line."""
    if event.kind == EventKind.COMMISSIONING_REPORT:
        stage, technician = (str(event.detail.get(name, "")) for name in ("stage", "technician"))
        return ", ".join(plain(text) for text in (words.term("stage", stage), technician) if text)
    detail = event.detail
    if event.kind == EventKind.RECEIPT:
        stage, reason, figures_said = (str(detail.get(name, "")) for name in ("stage", "reason", "detail"))
        return siteview_mode.receipt_event(stage, reason, figures_said, words)
    return ", ".join(
        f"{words.term('detail', name)}: {_detail_value(name, value, words)}" for name, value in sorted(detail.items())
    )


def _detail_value(name: str, value: object, words: Catalogue) -> str:
    group = {"mode": "mode", "from": "mode", "source": "source", "grid": "grid_state"}.get(name)
    return words.term(group, str(value)) if group else plain(str(value))
