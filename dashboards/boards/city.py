"""The city at a glance: who is there, who is on its own, for how long, and how much power flows."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from central.core.rollups.rows import Series
from dashboards import queries as ask
from dashboards.boards.common import CITY, DISASTER, FLEET, board, laid_out, to_board, to_site
from dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    About,
    bars,
    lines,
    modes,
    number,
    rows,
    site_map,
    states,
    urgent,
)

HOURS = ((None, RED), (6.0, ORANGE), (12.0, YELLOW), (24.0, GREEN))
"""Where the grid is gone: under 6 h somebody has to be on the way, under 24 h the night is not safe."""
SOC = ((None, RED), (20.0, ORANGE), (30.0, YELLOW), (50.0, GREEN))


def city() -> Dashboard:
    """City overview."""
    made = board(
        CITY,
        "市全体の状況",
        "全避難所の応答・停電・残り時間・電力を一目で見る画面。City overview.",
        time_from="now-24h",
        refresh="1m",
        marks="\"site\" = 'city'",
    )
    return laid_out(made, [*_figures(), *_where(), *_over_time()])


def _figures() -> list[object]:
    return [
        number(
            About(
                title="応答している避難所",
                ja="選んだ避難所のうち、いま測定値が届いている数。",
                en="Shelters of the selection whose readings arrive now.",
                queries=[ask.now_last_sum("heard", "避難所")],
                unit="suffix:か所",
                width=4,
                height=4,
            ),
            links=[to_board(FLEET, "設備の健全性へ")],
        ),
        number(
            About(
                title="停電・自立運転中",
                ja="インバータが系統の停電を告げ、自立運転している避難所の数。1か所でも赤。",
                en="Shelters whose inverter says that the grid is gone. Red from one on.",
                queries=[ask.now_last_sum("islanded", "避難所")],
                unit="suffix:か所",
                width=4,
                height=4,
                steps=((None, GREEN), (1, RED)),
            ),
            links=[to_board(DISASTER, "災害対応へ")],
        ),
        number(
            About(
                title="停電中で残り6時間未満",
                ja="自立運転中で、残り時間（10%点：10回に9回はこれより長い）が6時間を切った避難所の数（市全体）。1か所でも赤："
                "発電車や要員を出す目安です。",
                en="Islanded shelters with less than six hours left (P10: it lasts longer in nine of ten cases), "
                "whole city. Red "
                "from one on: somebody has to be on the way.",
                queries=[ask.city_last("islanded_low", "避難所")],
                unit="suffix:か所",
                width=4,
                height=4,
                steps=((None, GREEN), (1, RED)),
            ),
            links=[to_board(DISASTER, "災害対応へ")],
        ),
        number(
            About(
                title="最も短い残り時間",
                ja="いま停電した（または停電が続いた）場合に、電力が最も早く尽きる避難所の残り時間（10%点）。いまの負荷がすべて続くとした値で、"
                "区分を切れば延びます。市全体の値です。",
                en="Hours left at the shelter that would run out first if the grid went now or stays away (P10), with "
                "all present "
                "loads on; switching tiers off makes it longer. Whole city.",
                queries=[ask.city_last("hours_p10_min_h", "残り時間")],
                unit="h",
                decimals=1,
                width=4,
                height=4,
            ),
            links=[to_board(DISASTER, "災害対応へ")],
        ),
        number(
            About(
                title="予備を下回る避難所",
                ja="蓄電池の残量が、停電に備えて残すと決めた予備を下回る避難所の数（市全体）。1か所で黄、10か所で赤。",
                en="Shelters whose battery is below the reserve kept for an outage (whole city). Yellow from 1, red "
                "from 10.",
                queries=[ask.city_last("below_reserve", "避難所")],
                unit="suffix:か所",
                width=4,
                height=4,
                steps=((None, GREEN), (1, YELLOW), (10, RED)),
            ),
        ),
        number(
            About(
                title="蓄電池に残る電力量",
                ja="選んだ避難所の蓄電池に今ある電力量の合計。",
                en="Energy in the selected shelters' batteries now.",
                queries=[ask.now_last_sum("stored_wh", "電力量")],
                unit="watth",
                decimals=1,
                width=4,
                height=4,
            )
        ),
    ]


def _where() -> list[object]:
    return [
        site_map(
            About(
                title="避難所の地図",
                ja="点の色は状態（緑：系統連系、赤：停電・自立運転、橙：機器異常、黄：通信断・更新なし）。点を選ぶと避難所の画面へ進めます。"
                "地図の画像は Grafana の既定の配信元から読み込まれます。",
                en="Colour is the state (green: on grid, red: islanded, orange: fault, yellow: silent). A point leads "
                "to its "
                "shelter. Map tiles come from Grafana's default server.",
                queries=[
                    ask.now_table(
                        {
                            "latitude": "latitude",
                            "longitude": "longitude",
                            "state": "状態",
                            "soc_pct": "残量％",
                            "hours_p10_h": "残り時間",
                        }
                    )
                ],
                width=12,
                height=14,
            ),
            state="状態",
            link=to_site(),
        ),
        rows(
            About(
                title="残り時間の短い順",
                ja="いまの負荷が続いたときの残り時間（10%点）。6時間未満は赤、12時間未満は橙、24時間未満は黄。名前から避難所の画面へ。",
                en="Hours left (P10) if the present loads stay on. Red under 6 h, orange under 12 h, yellow under 24 "
                "h.",
                queries=[
                    ask.now_table(
                        {
                            "hours_p10_h": "hours",
                            "soc_pct": "soc",
                            "state": "state",
                            "mode": "mode",
                            "urgent": "urgent",
                        }
                    )
                ],
                width=12,
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
                "site": "site",
            },
            by="残り時間",
            units={"残り時間": "h", "残量": "percent"},
            decimals={"残り時間": 1, "残量": 0},
            steps={"残量": SOC},
            mapped={"状態": states(), "モード": modes(), "至急": urgent()},
            link=to_site(),
        ),
    ]


def _over_time() -> list[object]:
    return [
        lines(
            About(
                title="電力の合計",
                ja="選んだ避難所の合計。系統は正が買電、負が売電。蓄電池は正が放電、負が充電。通信断の避難所は含まれません。",
                en="Sum of the selected shelters. Grid above zero is bought, battery above zero is discharge. Silent "
                "shelters are not in it.",
                queries=[
                    ask.now_sum("pv_w", "太陽光"),
                    ask.now_sum("load_w", "負荷"),
                    ask.now_sum("grid_w", "系統"),
                    ask.now_sum("battery_w", "蓄電池"),
                ],
                unit="watt",
            )
        ),
        lines(
            About(
                title="状態別の避難所数",
                ja="市全体の避難所を状態で数えたもの。積み上げの高さは登録数です。",
                en="All shelters of the city by state; the height is the number registered.",
                queries=[
                    ask.city_lines(
                        {
                            "state_on_grid": "系統連系",
                            "state_islanded": "停電・自立運転",
                            "state_fault": "機器異常",
                            "state_stale": "更新なし",
                            "state_offline": "通信断",
                            "state_never_seen": "未受信",
                        }
                    )
                ],
                unit="suffix:か所",
                decimals=0,
            ),
            stacked=True,
            steps=True,
        ),
        lines(
            About(
                title="モード別の避難所数",
                ja="動作で確認できたモードで数えたもの。「未確認」は、まだ何も言っていないか、証明がない避難所。",
                en="All shelters by the mode that they have proven. Unproven: nothing said, or no proof.",
                queries=[
                    ask.city_lines(
                        {
                            "mode_normal": "通常",
                            "mode_storm_watch": "荒天準備",
                            "mode_backup": "非常用",
                            "mode_recovery": "復旧",
                            "mode_isolated": "切り離し",
                            "mode_maintenance": "保守",
                            "mode_unproven": "未確認",
                        }
                    )
                ],
                unit="suffix:か所",
                decimals=0,
            ),
            stacked=True,
            steps=True,
        ),
        bars(
            About(
                title="区別の電力量",
                ja="選んだ期間の1日ごとの値を区で合計。月次明細と同じ計量値です。",
                en="Days of the selected time added up by ward, from the half hours of the statements.",
                queries=[
                    ask.days_table(
                        ", ".join(
                            (
                                ask.kwh("pv_wh", "pv"),
                                ask.kwh("self_used_wh", "own"),
                                ask.kwh("import_wh", "bought"),
                            )
                        ),
                        by=["ward"],
                        of=Series.ENERGY_DAY,
                    )
                ],
                unit="suffix: kWh",
                decimals=1,
            ),
            x="区",
            columns={"ward": "区", "pv": "発電", "own": "自家消費", "bought": "買電"},
        ),
    ]
