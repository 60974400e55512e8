"""The plants' health: who is silent, whose data has gaps, what yields too little, which batteries age."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from central.core.rollups.rows import Series
from dashboards import queries as ask
from dashboards.boards.common import FLEET, board, laid_out, to_site
from dashboards.panels import GREEN, ORANGE, RED, YELLOW, About, day_bars, lines, number, rows, states

KNOWN = ((None, RED), (95.0, YELLOW), (99.0, GREEN))
AGE = ((None, GREEN), (60.0, YELLOW), (900.0, ORANGE), (86_400.0, RED))
SOH = ((None, RED), (70.0, YELLOW), (80.0, GREEN))


def fleet() -> Dashboard:
    """Fleet health."""
    made = board(
        FLEET,
        "設備の健全性",
        "通信・データ・機器・太陽光・蓄電池の調子を毎日確かめる画面。Fleet health.",
        time_from="now-7d",
        refresh="5m",
    )
    return laid_out(made, [*_figures(), *_link(), *_data(), *_plants()])


def _figures() -> list[object]:
    return [
        number(
            About(
                title="通信のない避難所",
                ja="いま測定値が届いていない避難所の数（市全体）。1か所で黄、10か所で赤：多いときは通信網や中央側を疑います。",
                en="Shelters without fresh readings now (whole city). Yellow from 1; red from 10: look at the network "
                "or the "
                "city's side.",
                queries=[ask.city_last("silent", "避難所")],
                unit="suffix:か所",
                width=6,
                height=4,
                steps=((None, GREEN), (1, YELLOW), (10, RED)),
            )
        ),
        number(
            About(
                title="機器異常の避難所",
                ja="インバータが異常を告げているか、機器が応答しない避難所の数。1か所で橙。",
                en="Shelters where an inverter reports a fault or a device does not answer. Orange from 1.",
                queries=[ask.now_last_sum("fault", "避難所")],
                unit="suffix:か所",
                width=6,
                height=4,
                steps=((None, GREEN), (1, ORANGE)),
            )
        ),
        number(
            About(
                title="期間のデータ完全性",
                ja="5分ごとの値（発電・負荷・系統がそろったもの）の割合。99%未満は黄、95%未満は赤。",
                en="Share of five-minute steps with generation, load and grid known. Yellow under 99 %, red under 95 "
                "%.",
                queries=[ask.days_total('mean("known_pct") AS "完全性"')],
                unit="percent",
                decimals=1,
                width=6,
                height=4,
                steps=KNOWN,
            )
        ),
        number(
            About(
                title="期間の快晴比",
                ja="実際の発電量を、雲のない空での発電量の計算値で割ったもの。天気で変わるので、避難所どうしで比べます。",
                en="Generation divided by what a cloudless sky would give. It varies with the weather: compare "
                "shelters with "
                "one another.",
                queries=[ask.days_total('sum("pv_wh")/sum("clear_sky_wh")*100 AS "快晴比"')],
                unit="percent",
                decimals=0,
                width=6,
                height=4,
            )
        ),
    ]


def _link() -> list[object]:
    return [
        rows(
            About(
                title="最後の測定値が古い順",
                ja="最後の測定からの時間。1分で黄、15分で橙、1日で赤。「送信待ち」は施設に溜まっている件数で、通信が戻れば届きます。",
                en="Time since the last reading. Yellow from 1 min, orange from 15 min, red from 1 day. Waiting: "
                "entries kept at "
                "the shelter, which arrive when the link is back.",
                queries=[
                    ask.now_table(
                        {"age_s": "age", "state": "state", "outbox_entries": "waiting", "dark_devices": "dark"}
                    )
                ],
                height=10,
            ),
            columns={
                "name": "避難所",
                "ward": "区",
                "age": "最後の測定から",
                "state": "状態",
                "waiting": "送信待ち",
                "dark": "応答なし機器",
                "site": "site",
            },
            by="最後の測定から",
            descending=True,
            units={"最後の測定から": "s", "送信待ち": "suffix:件", "応答なし機器": "suffix:台"},
            steps={"最後の測定から": AGE},
            mapped={"状態": states()},
            decimals={"最後の測定から": 0},
            link=to_site(),
        ),
        lines(
            About(
                title="通信の確保率（区別）",
                ja="測定値が届いていた時間の割合。100%が正常。ひとつの区だけ下がるときは、その地域の通信網を疑います。",
                en="Share of time with fresh readings, by ward; 100 % is normal. One ward alone hints at its network.",
                queries=[ask.now_by_ward("heard", how="mean", factor="*100")],
                unit="percent",
                height=10,
                low=0,
                high=100,
            )
        ),
        lines(
            About(
                title="送信待ちの合計",
                ja="施設の送信箱に溜まっている件数。通信が戻ると減ります。減らないときは中央側の保存先を確かめます。",
                en="Entries in the shelters' outboxes. They fall when links are back; if not, look at the city's "
                "store.",
                queries=[ask.now_sum("outbox_entries", "送信待ち")],
                unit="suffix:件",
                low=0,
            )
        ),
        lines(
            About(
                title="機器異常と応答なし",
                ja="機器異常の避難所数と、応答しない機器の数。",
                en="Shelters with a fault, and devices that do not answer.",
                queries=[ask.now_sum("fault", "機器異常の避難所"), ask.now_sum("dark_devices", "応答しない機器")],
                low=0,
                decimals=0,
            )
        ),
    ]


def _data() -> list[object]:
    return [
        rows(
            About(
                title="機器異常の長い順",
                ja="期間中に機器異常だった時間の合計（分）と、応答しなかった機器の最大数。くり返す避難所は、機器の画面を技術者に見てもらいます。"
                "60分以上は橙、1日以上は赤。",
                en="Minutes with a fault in the time, and the most devices that did not answer. Orange from an hour, "
                "red from a "
                "day.",
                queries=[
                    ask.now_chosen('sum("fault") AS "minutes", max("dark_devices") AS "dark", last("state") AS "state"')
                ],
                width=24,
            ),
            columns={
                "name": "避難所",
                "ward": "区",
                "minutes": "異常の時間",
                "dark": "応答なし機器",
                "state": "いまの状態",
                "site": "site",
            },
            by="異常の時間",
            descending=True,
            units={"異常の時間": "suffix:分", "応答なし機器": "suffix:台"},
            decimals={"異常の時間": 0, "応答なし機器": 0},
            steps={"異常の時間": ((None, GREEN), (60.0, ORANGE), (1_440.0, RED))},
            mapped={"いまの状態": states()},
            link=to_site(),
        ),
        day_bars(
            About(
                title="データ完全性（区別・日別）",
                ja="5分ごとの値がそろった割合。あとから届いた測定値で増えます。99%が目安。",
                en="Share of five-minute steps that are known, by ward and day; it grows as late readings arrive. 99 "
                "% is the "
                "mark.",
                queries=[ask.days('mean("known_pct") AS "完全性"', by=["ward"])],
                unit="percent",
                low=0,
                high=100,
            )
        ),
        rows(
            About(
                title="データ完全性の低い順",
                ja="期間の平均。99%未満は黄、95%未満は赤。",
                en="Mean of the time. Yellow under 99 %, red under 95 %.",
                queries=[ask.days_table('mean("known_pct") AS "known"', by=["ward", "name", "site"])],
            ),
            columns={"name": "避難所", "ward": "区", "known": "完全性", "site": "site"},
            by="完全性",
            units={"完全性": "percent"},
            decimals={"完全性": 1},
            steps={"完全性": KNOWN},
            link=to_site(),
        ),
    ]


def _plants() -> list[object]:
    return [
        rows(
            About(
                title="太陽光：快晴比の低い順",
                ja="実際の発電量÷快晴時の計算値。同じ区のほかより低いものから、汚れ・影・停止を疑います。"
                "天気の影響は同じ区ならほぼ同じです。屋根の傾きが未登録なら一般的な屋根で計算しています。"
                "発電はここでは5分平均からで、請求の値は「エネルギーと CO2」にあります。",
                en="Generation by that of a cloudless sky. What lies below its neighbours hints at dirt, shade or a "
                "stop. A roof "
                "whose tilt nobody entered counts as a usual one. Generation is from five-minute means here; what is "
                "billed stands on the board of energy.",
                queries=[
                    ask.days_table(
                        'sum("pv_wh")/sum("clear_sky_wh")*100 AS "ratio", sum("pv_wh") AS "pv",'
                        ' sum("clear_sky_wh") AS "clear"',
                        by=["ward", "name", "site"],
                    )
                ],
                height=10,
            ),
            columns={
                "name": "避難所",
                "ward": "区",
                "ratio": "快晴比",
                "pv": "発電",
                "clear": "快晴なら",
                "site": "site",
            },
            by="快晴比",
            units={"快晴比": "percent", "発電": "watth", "快晴なら": "watth"},
            decimals={"快晴比": 0, "発電": 1, "快晴なら": 1},
            link=to_site(),
        ),
        day_bars(
            About(
                title="快晴比（区別・日別）",
                ja="曇りの日はどの区も下がります。ひとつの区だけ下がる日は、その区の設備を確かめます。",
                en="On cloudy days all wards fall; a day on which one falls alone is worth a look.",
                queries=[ask.days('sum("pv_wh")/sum("clear_sky_wh")*100 AS "快晴比"', by=["ward"])],
                unit="percent",
                height=10,
                low=0,
            )
        ),
        rows(
            About(
                title="蓄電池：健全度（SoH）の低い順",
                ja="機器が告げる健全度と、これまでの放電量から求めた充放電回数。80%未満は黄、70%未満は赤（保証条件は機器ごとに確認）。",
                en="State of health as the device tells it, and full cycles from the energy given so far. Yellow "
                "under 80 %, red "
                "under 70 % (check each maker's warranty).",
                queries=[
                    ask.days_table(
                        'last("soh_pct") AS "soh", last("cycles") AS "cycles", min("soc_min_pct") AS "low"',
                        by=["ward", "name", "site"],
                    )
                ],
                height=10,
            ),
            columns={
                "name": "避難所",
                "ward": "区",
                "soh": "健全度",
                "cycles": "充放電回数",
                "low": "期間の最低残量",
                "site": "site",
            },
            by="健全度",
            units={"健全度": "percent", "充放電回数": "suffix:回", "期間の最低残量": "percent"},
            decimals={"健全度": 1, "充放電回数": 0, "期間の最低残量": 0},
            steps={"健全度": SOH},
            link=to_site(),
        ),
        day_bars(
            About(
                title="蓄電池の充電と放電",
                ja="選んだ避難所の合計。放電が充電を大きく下回るのは、損失か、計器の狂い。",
                en="Sum of the selected shelters. Discharge far below charge means losses, or a meter that is off.",
                queries=[
                    ask.days(f"{ask.kwh('charge_wh', '充電')}, {ask.kwh('discharge_wh', '放電')}", of=Series.ENERGY_DAY)
                ],
                unit="suffix: kWh",
                decimals=1,
                height=10,
            )
        ),
    ]
