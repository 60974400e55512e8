"""What happened, as rows with words: marks on graphs and the list of a disaster. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from central.core.city import CityNow, Site, SiteState
from central.core.news import News, NewsKind, Severity
from central.core.rollups.rows import SILENT, RollupRow, Series, tags_of, tidy

WORDS: Final[Mapping[NewsKind, str]] = {
    NewsKind.SITE_SILENT: "通信が途絶えました",
    NewsKind.SITE_HEARD: "通信が回復しました",
    NewsKind.ISLANDED: "停電：自立運転に入りました",
    NewsKind.GRID_BACK: "復電しました",
    NewsKind.FAULT: "機器に異常があります",
    NewsKind.FAULT_OVER: "機器の異常がなくなりました",
    NewsKind.MODE_PROVEN: "モードを動作で確認しました",
    NewsKind.NOT_OBEYED: "指示どおりに動いていません",
    NewsKind.HOURS_LOW: "電力の残り時間が少なくなりました",
    NewsKind.HOURS_OK: "電力の残り時間が戻りました",
    NewsKind.INCIDENT_DECLARED: "災害対応が起案されました（未送信）",
    NewsKind.INCIDENT_CONFIRMED: "災害対応が発動されました",
    NewsKind.INCIDENT_STANDING_DOWN: "災害対応の解除が始まりました",
    NewsKind.INCIDENT_CLOSED: "災害対応が終了しました",
    NewsKind.BREAK_GLASS: "緊急の単独承認がありました",
    NewsKind.PROPOSED: "災害対応が提案されました",
    NewsKind.SHELTER_OPENED: "避難所が開設されました",
    NewsKind.SHELTER_CLOSED: "避難所が閉鎖されました",
    NewsKind.SHELTER_CROWDED: "避難所が混雑しています",
    NewsKind.ALERT: "警報の条件に当てはまりました",
    NewsKind.ALERT_OVER: "警報の条件に当てはまらなくなりました",
}
MODES: Final[Mapping[str, str]] = {
    "normal": "通常",
    "storm_watch": "荒天準備",
    "backup": "非常用",
    "recovery": "復旧",
    "isolated": "切り離し",
    "maintenance": "保守",
}
SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.INFO: "情報",
    Severity.WARNING: "注意",
    Severity.CRITICAL: "緊急",
}
CITY_SITE: Final = "city"
"""Site of what concerns no single shelter."""


def event_rows(news: Iterable[News], sites: Mapping[str, Site]) -> list[RollupRow]:
    """News as rows. One that is told again (the same kind, shelter and millisecond) is the same row."""
    return [_row(one, sites) for one in news]


def began_row(at_ms: int) -> RollupRow:
    """The service has begun to keep these series: what was before is not in them."""
    return RollupRow(
        series=Series.EVENT,
        at_ms=at_ms,
        tags=_tags(None, "", "service_started", SEVERITIES[Severity.INFO]),
        fields={"n": 1.0, "text": "集計を始めました", "incident": "", "drill": 0.0},
    )


def daily_row(city: CityNow, day_ms: int) -> RollupRow:
    """One line a day on how the city stands, so that a quiet week is seen to be quiet and not unwatched."""
    sites = city.sites
    silent = sum(now.state in SILENT for now in sites)
    alone = sum(now.state is SiteState.ISLANDED for now in sites)
    faulty = sum(now.state is SiteState.FAULT for now in sites)
    text = f"日報：{len(sites)}か所中 応答{len(sites) - silent}、停電・自立運転{alone}、機器異常{faulty}"
    return RollupRow(
        series=Series.EVENT,
        at_ms=day_ms,
        tags=_tags(None, "", "daily", SEVERITIES[Severity.INFO]),
        fields={"n": 1.0, "text": text, "incident": "", "drill": 0.0},
    )


def _row(news: News, sites: Mapping[str, Site]) -> RollupRow:
    site = sites.get(news.site)
    drill = "【訓練】" if news.is_drill else ""
    return RollupRow(
        series=Series.EVENT,
        at_ms=news.at_ms,
        tags=_tags(site, news.ward, news.kind.value, SEVERITIES[news.severity]),
        fields={
            "n": 1.0,
            "text": drill + WORDS.get(news.kind, news.kind.value) + _detail(news),
            "incident": news.incident,
            "drill": float(news.is_drill),
        },
    )


def _detail(news: News) -> str:
    mode = news.values.get("mode")
    return f"：{MODES.get(mode, mode)}" if isinstance(mode, str) and mode else ""


def _tags(site: Site | None, ward: str, kind: str, severity: str) -> dict[str, str]:
    where = tidy(ward) or "全市"
    of_site = tags_of(site) if site else {"site": CITY_SITE, "ward": where, "name": where, "label": where}
    return {**of_site, "kind": kind, "severity": severity}
