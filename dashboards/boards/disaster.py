"""A disaster as it goes: what is declared, who obeys, who is on its own and for how long, and what happened when."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import queries as ask
from dashboards.boards.city import HOURS, SOC
from dashboards.boards.common import DISASTER, board, laid_out, to_site
from dashboards.panels import GREEN, ORANGE, RED, YELLOW, About, lines, modes, number, rows, states, urgent


def disaster() -> Dashboard:
    """Disaster."""
    made = board(
        DISASTER,
        "災害対応",
        "事案・指示の受領・残り時間・出来事を時間の順に見る画面。指示は災害ボードから出します。Disaster.",
        time_from="now-48h",
        refresh="30s",
    )
    return laid_out(made, [*_figures(), *_orders(), *_hours(), *_list()])


def _figures() -> list[object]:
    def of_city(title: str, ja: str, en: str, field: str, steps: object, unit: str = "suffix:か所") -> object:
        about = About(
            title=title,
            ja=ja,
            en=en,
            queries=[ask.city_last(field, title)],
            unit=unit,
            width=4,
            height=4,
            steps=steps,  # type: ignore[arg-type]
        )
        return number(about)

    return [
        of_city(
            "進行中の災害対応",
            "発動中か解除中の災害対応の件数（訓練を除く）。1件で赤。",
            "Incidents that hold or are standing down, without drills. Red from 1.",
            "incidents",
            ((None, GREEN), (1, RED)),
            "suffix:件",
        ),
        of_city(
            "進行中の訓練",
            "進行中の訓練の件数。1件で黄。",
            "Drills under way. Yellow from 1.",
            "drills",
            ((None, GREEN), (1, YELLOW)),
            "suffix:件",
        ),
        of_city(
            "指示した避難所",
            "いま有効な指示のある避難所の数。",
            "Shelters that an order holds for.",
            "orders",
            (),
        ),
        of_city(
            "動作を確認した避難所",
            "指示どおりの動作が、書き込みではなく測定で確認できた数。",
            "Shelters whose plant was seen to behave as ordered, not only to have been written to.",
            "orders_proven",
            (),
        ),
        of_city(
            "期限を過ぎた避難所",
            "期限までに動作を確認できていない数。1か所で赤：要員リストを見ます。",
            "Shelters that did not prove it in time. Red from 1: see the crew list.",
            "orders_overdue",
            ((None, GREEN), (1, RED)),
        ),
        number(
            About(
                title="停電・自立運転中",
                ja="自立運転している避難所の数。1か所で赤。",
                en="Shelters running on their own. Red from 1.",
                queries=[ask.now_last_sum("islanded", "避難所")],
                unit="suffix:か所",
                width=4,
                height=4,
                steps=((None, GREEN), (1, RED)),
            )
        ),
    ]


def _orders() -> list[object]:
    return [
        lines(
            About(
                title="指示の受領と動作の確認",
                ja="指示のある避難所が、どこまで進んだか。「応答待ち」は通信断を含みます。",
                en="How far the shelters with an order have come. No answer includes those that are cut off.",
                queries=[
                    ask.city_lines(
                        {
                            "orders_proven": "動作確認済み",
                            "orders_underway": "実行中",
                            "orders_person": "現地操作待ち",
                            "orders_no_answer": "応答待ち",
                            "orders_failed": "拒否・失敗・逸脱",
                        }
                    )
                ],
                unit="suffix:か所",
                decimals=0,
                low=0,
            ),
            stacked=True,
            steps=True,
        ),
        lines(
            About(
                title="停電・自立運転の避難所数（区別）",
                ja="区ごとの、自立運転している避難所の数。",
                en="Shelters running on their own, by ward.",
                queries=[ask.now_sum("islanded", "自立運転", by_ward=True)],
                unit="suffix:か所",
                low=0,
            ),
            stacked=True,
        ),
        lines(
            About(
                title="災害対応と訓練の件数",
                ja="発動中・解除中の件数。",
                en="Incidents and drills that hold or are standing down.",
                queries=[ask.city_lines({"incidents": "災害対応", "drills": "訓練"})],
                unit="suffix:件",
                decimals=0,
                low=0,
            ),
            steps=True,
        ),
        lines(
            About(
                title="証明されたモード別の避難所数",
                ja="市全体。「非常用」は動作で証明された数だけを数えます。",
                en="Whole city. Backup counts only shelters that have proven it.",
                queries=[
                    ask.city_lines(
                        {
                            "mode_backup": "非常用",
                            "mode_storm_watch": "荒天準備",
                            "mode_isolated": "切り離し",
                            "mode_recovery": "復旧",
                            "mode_unproven": "未確認",
                        }
                    )
                ],
                unit="suffix:か所",
                decimals=0,
                low=0,
            ),
            stacked=True,
            steps=True,
        ),
    ]


def _hours() -> list[object]:
    return [
        lines(
            About(
                title="最も短い残り時間（区別）",
                ja="区の中で最も早く尽きる避難所の残り時間（10%点）。線の色は6・12・24時間の境。",
                en="Hours left of the shelter that runs out first in each ward (P10); the limits are 6, 12 and 24 h.",
                queries=[ask.now_by_ward("hours_p10_h", how="min")],
                unit="h",
                low=0,
                steps=HOURS,
            ),
            area=True,
        ),
        lines(
            About(
                title="蓄電池の残量（区別の平均と最低）",
                ja="選んだ避難所の平均と、最も低い避難所。20%未満は緊急。",
                en="Mean and lowest charge of the selected shelters by ward. Under 20 % is urgent.",
                queries=[
                    ask.Query(
                        source=ask.Source.RAW,
                        text=(
                            'SELECT mean("soc_pct") AS "平均", min("soc_pct") AS "最低" FROM "site_now"'  # noqa: S608
                            f' WHERE {ask.SITES} AND {ask.RANGE} GROUP BY time({ask.STEP}), "ward" fill(none)'
                        ),
                        alias="$tag_ward $col",
                    )
                ],
                unit="percent",
                low=0,
                high=100,
                steps=SOC,
            )
        ),
    ]


def _list() -> list[object]:
    return [
        rows(
            About(
                title="急ぐ順の避難所",
                ja="残り時間（10%点）の短い順。停電中で6時間を切った避難所は「至急」（赤）。指示が期限を過ぎた避難所は「期限超過」が1（橙）。",
                en="By hours left (P10). Urgent: islanded with less than 6 h. Overdue is 1 where an order was not "
                "proven in time.",
                queries=[
                    ask.now_table(
                        {
                            "hours_p10_h": "hours",
                            "soc_pct": "soc",
                            "state": "state",
                            "mode": "mode",
                            "urgent": "urgent",
                            "order_overdue": "overdue",
                        }
                    )
                ],
                height=14,
            ),
            columns={
                "name": "避難所",
                "ward": "区",
                "hours": "残り時間",
                "soc": "残量",
                "state": "状態",
                "mode": "モード",
                "urgent": "至急",
                "overdue": "期限超過",
                "site": "site",
            },
            by="残り時間",
            units={"残り時間": "h", "残量": "percent"},
            decimals={"残り時間": 1, "残量": 0, "期限超過": 0},
            steps={"残量": SOC, "期限超過": ((None, GREEN), (1.0, ORANGE))},
            mapped={"状態": states(), "モード": modes(), "至急": urgent()},
            link=to_site(),
        ),
        rows(
            About(
                title="出来事",
                ja="起きたことを新しい順に。訓練には【訓練】と付きます。毎日0時の「日報」は、静かな日も見張っていた証しです。"
                "人の名前と理由は台帳（監査記録）にあります。",
                en="What happened, newest first; drills are marked. The daily line shows that a quiet day was "
                "watched. Who "
                "decided, and why, stands in the book.",
                queries=[ask.events(where='"site" =~ /^(city|${site:regex})$/')],
                height=14,
                none="出来事なし",
            ),
            columns={"Time": "時刻", "severity": "重要度", "text": "内容", "ward": "区", "name": "避難所・範囲"},
            by="時刻",
            descending=True,
        ),
    ]
