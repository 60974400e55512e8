"""A few rules for Grafana's own alerting. They watch what the service's alert rules cannot: the service itself, too.

Who is told is the city's choice: make a contact point in Grafana and route the label ``system = shelter-ems`` to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from dashboards.boards.common import CITY, DISASTER, FLEET, SITE, TAG
from dashboards.queries import DAYS, KIND, Source
from dashboards.sources import FOLDER

FROM_S: Final = 600
DAY_S: Final = 86_400
_EXPRESSION: Final = "__expr__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: the last value of each series of a query, held against a limit."""

    uid: str
    title: str
    says_ja: str
    says_en: str
    source: Source
    query: str
    from_s: int
    is_above: bool
    limit: float
    for_: str
    severity: str
    board: str
    no_data: str = "OK"
    """What it means when nothing is found: ``Alerting`` where silence is the trouble."""


EVERY_S: Final = 60
"""How often the rules are looked at."""
_EACH: Final = '"site", "name", "ward"'


def _sites(field: str, where: str = "") -> str:
    more = f"{where} AND " if where else ""
    return f'SELECT last("{field}") AS "v" FROM "site_now" WHERE {more}$timeFilter GROUP BY time(1m), {_EACH}'  # noqa: S608


def _days(chosen: str) -> str:
    return f'SELECT {chosen} AS "v" FROM "day" WHERE $timeFilter GROUP BY {DAYS}, {_EACH}'  # noqa: S608


RULES: Final = (
    Rule(
        uid="shelter-rollups-stopped",
        title="集計が止まっている",
        says_ja="10分間、市の集計が書かれていません。サービスか InfluxDB を確かめてください（画面の値は古いままです）",
        says_en="No city figures for ten minutes: check the service and InfluxDB; the boards show old values.",
        source=Source.RAW,
        query='SELECT count("sites") AS "v" FROM "city_now" WHERE $timeFilter GROUP BY time(10m)',
        from_s=FROM_S,
        is_above=False,
        limit=1,
        for_="2m",
        severity="critical",
        board=CITY,
        no_data="Alerting",
    ),
    Rule(
        uid="shelter-islanded",
        title="停電・自立運転",
        says_ja="自立運転している避難所があります。残り時間の短い順に災害対応の画面で確かめてください。",
        says_en="A shelter runs on its own: look at the hours left on the disaster board.",
        source=Source.RAW,
        query=_sites("islanded"),
        from_s=FROM_S,
        is_above=True,
        limit=0.5,
        for_="1m",
        severity="warning",
        board=DISASTER,
    ),
    Rule(
        uid="shelter-hours-low",
        title="残り時間が6時間を切った",
        says_ja="自立運転中の避難所の残り時間（10%点）が6時間を切りました。発電車か要員の手配を確かめてください。",
        says_en="Less than six hours left (P10) at a shelter: see to a generator or a crew.",
        source=Source.RAW,
        query=_sites("hours_p10_h", '"islanded" > 0'),
        from_s=FROM_S,
        is_above=False,
        limit=6,
        for_="5m",
        severity="critical",
        board=DISASTER,
    ),
    Rule(
        uid="shelter-silent",
        title="1時間以上通信がない",
        says_ja="最後の測定から1時間たちました。施設に電話で確かめてください（避難所は通信がなくても自分で切り替わります）。",
        says_en="No reading for an hour. Call the site; a shelter switches by itself even when it is not heard.",
        source=Source.RAW,
        query=_sites("age_s"),
        from_s=FROM_S,
        is_above=True,
        limit=3_600,
        for_="5m",
        severity="warning",
        board=FLEET,
    ),
    Rule(
        uid="shelter-data-gaps",
        title="前日までのデータが95%に満たない",
        says_ja="1日の測定値が95%に届いていません。通信と施設の送信箱を確かめてください。あとから届けば自動で解消します。",
        says_en="Less than 95 % of a day is known. It clears by itself when late readings arrive.",
        source=Source.ROLLUP,
        query=_days('min("known_pct")'),
        from_s=2 * DAY_S,
        is_above=False,
        limit=95,
        for_="6h",
        severity="info",
        board=FLEET,
    ),
    Rule(
        uid="shelter-battery-old",
        title="蓄電池の健全度が70%を切った",
        says_ja="保証の条件（機器ごと）を確かめ、交換の計画に入れてください。",
        says_en="A battery's state of health is under 70 %: check the maker's warranty and plan its replacement.",
        source=Source.ROLLUP,
        query=_days('last("soh_pct")'),
        from_s=2 * DAY_S,
        is_above=False,
        limit=70,
        for_="1h",
        severity="info",
        board=SITE,
    ),
)


def provisioned() -> dict[str, Any]:
    """The rules as Grafana's provisioning takes them (one folder, one group)."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": TAG,
                "folder": FOLDER,
                "interval": f"{EVERY_S}s",
                "rules": [_rule(rule) for rule in RULES],
            }
        ],
    }


def group(folder_uid: str) -> dict[str, Any]:
    """The same rules as Grafana's HTTP API takes them, which wants to be told folder and group with every rule."""
    where = {"orgID": 1, "folderUID": folder_uid, "ruleGroup": TAG}
    rules = [{**_rule(rule), **where} for rule in RULES]
    return {"title": TAG, "folderUid": folder_uid, "interval": EVERY_S, "rules": rules}


def _rule(rule: Rule) -> dict[str, Any]:
    range_ = {"from": rule.from_s, "to": 0}
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "C",
        "data": [
            {
                "refId": "A",
                "datasourceUid": rule.source.value,
                "relativeTimeRange": range_,
                "model": {
                    "refId": "A",
                    "datasource": {"type": KIND, "uid": rule.source.value},
                    "query": rule.query,
                    "rawQuery": True,
                    "resultFormat": "time_series",
                },
            },
            {
                "refId": "B",
                "datasourceUid": _EXPRESSION,
                "relativeTimeRange": range_,
                "model": {
                    "refId": "B",
                    "type": "reduce",
                    "datasource": {"type": _EXPRESSION, "uid": _EXPRESSION},
                    "expression": "A",
                    "reducer": "last",
                    "settings": {"mode": "dropNN"},
                },
            },
            {
                "refId": "C",
                "datasourceUid": _EXPRESSION,
                "relativeTimeRange": range_,
                "model": {
                    "refId": "C",
                    "type": "threshold",
                    "datasource": {"type": _EXPRESSION, "uid": _EXPRESSION},
                    "expression": "B",
                    "conditions": [{"evaluator": {"type": "gt" if rule.is_above else "lt", "params": [rule.limit]}}],
                },
            },
        ],
        "noDataState": rule.no_data,
        "execErrState": "Error",
        "for": rule.for_,
        "annotations": {
            "summary": f"{rule.title} {{{{ $labels.name }}}}",
            "description": f"{rule.says_ja}\n{rule.says_en}",
            "__dashboardUid__": rule.board,
        },
        "labels": {"system": TAG, "severity": rule.severity},
        "isPaused": False,
    }
