"""One shelter: its power, its battery against the reserve, its tiers, its demand, and what its devices say."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from central.core.accounting.counters import Mark
from central.core.rollups.rows import Series
from dashboards import queries as ask
from dashboards.boards.city import HOURS, SOC
from dashboards.boards.common import DISASTER, ENERGY, SITE, board, laid_out, to_board
from dashboards.panels import About, bars, certainties, day_bars, lines, modes, number, states, switches, timeline

TIERS = 4


def site() -> Dashboard:
    """One shelter."""
    made = board(
        SITE,
        "避難所",
        "ひとつの避難所の電力・蓄電池・負荷の区分・デマンドを見る画面。One shelter.",
        time_from="now-24h",
        refresh="1m",
        one_site=True,
        marks=ask.ONE_SITE,
    )
    return laid_out(made, [*_figures(), *_power(), *_demand(), *_devices()])


def _figures() -> list[object]:
    def last(field: str, said: str) -> list[ask.Query]:
        return [ask.now_lines({field: said}, how="last")]

    return [
        number(
            About(
                title="状態",
                ja="いまの状態。緑：系統連系、赤：停電・自立運転、橙：機器異常、黄：通信断・更新なし。",
                en="State now. Green: on grid, red: islanded, orange: fault, yellow: silent.",
                queries=last("state", "状態"),
                width=4,
                height=4,
            ),
            mappings=states(),
        ),
        number(
            About(
                title="モード",
                ja="避難所が動作で証明したモード。「未確認」は証明がないこと。指示しただけでは変わりません。",
                en="The mode that the shelter has proven. Unproven: there is no proof; an order alone changes nothing "
                "here.",
                queries=last("mode", "モード"),
                width=4,
                height=4,
            ),
            mappings=modes(),
            links=[to_board(DISASTER, "災害対応へ")],
        ),
        number(
            About(
                title="蓄電池の残量",
                ja="20%未満は赤、30%未満は橙、50%未満は黄。",
                en="State of charge. Red under 20 %, orange under 30 %, yellow under 50 %.",
                queries=last("soc_pct", "残量"),
                unit="percent",
                decimals=0,
                width=4,
                height=4,
                steps=SOC,
            )
        ),
        number(
            About(
                title="残り時間",
                ja="いまの負荷が続いたとき（10%点）。6時間未満は赤、12時間未満は橙、24時間未満は黄。",
                en="Hours left if the present loads stay on (P10). Red under 6 h, orange under 12 h, yellow under 24 "
                "h.",
                queries=last("hours_p10_h", "残り時間"),
                unit="h",
                decimals=1,
                width=4,
                height=4,
            )
        ),
        number(
            About(
                title="いまの発電",
                ja="太陽光の発電電力（最後の値）。",
                en="PV power, last value.",
                queries=last("pv_w", "発電"),
                unit="watt",
                decimals=1,
                width=4,
                height=4,
            )
        ),
        number(
            About(
                title="いまの負荷",
                ja="建物が使っている電力（最後の値）。",
                en="What the building takes, last value.",
                queries=last("load_w", "負荷"),
                unit="watt",
                decimals=1,
                width=4,
                height=4,
            )
        ),
    ]


def _power() -> list[object]:
    return [
        lines(
            About(
                title="電力の収支",
                ja="負荷＝太陽光＋蓄電池＋系統。蓄電池は正が放電、系統は正が買電。届いたときの値なので、通信断の間は線が切れます"
                "（30分値と日別の値は、あとから届いた測定値で埋まります）。",
                en="Load = PV + battery + grid. Battery above zero is discharge, grid above zero is bought. These are "
                "the "
                "values as they arrived: while the shelter is silent the line breaks (half hours and days are filled "
                "later).",
                queries=[ask.now_lines({"pv_w": "太陽光", "load_w": "負荷", "battery_w": "蓄電池", "grid_w": "系統"})],
                unit="watt",
                width=16,
                height=10,
            )
        ),
        lines(
            About(
                title="蓄電池の残量と予備",
                ja="予備は停電に備えて残す量。残量の線が予備を下回るのは、停電中か、充電が間に合わないとき。",
                en="The reserve is kept for an outage; the charge is below it during one, or when charging did not "
                "keep up.",
                queries=[ask.now_lines({"soc_pct": "残量", "reserve_pct": "予備"})],
                unit="percent",
                width=8,
                height=10,
                low=0,
                high=100,
            )
        ),
        timeline(
            About(
                title="状態とモード",
                ja="状態（連系・停電など）と、証明されたモードの移り変わり。",
                en="State and proven mode over time.",
                queries=[ask.now_lines({"state": "状態", "mode": "モード"}, how="last")],
                height=5,
            ),
            mappings={"状態": states(), "モード": modes()},
        ),
        timeline(
            About(
                title="負荷の区分",
                ja="負荷のリレーの入・切。区分1が最も重要な負荷です。リレーのない避難所では空になります。",
                en="Load relays, tier 1 being the most critical. Empty at a shelter without relays.",
                queries=[
                    ask.raw_lines({f"tier{n}.closed": f"区分{n}" for n in range(1, TIERS + 1)}, how="last"),
                ],
                height=5,
                none="リレーの測定値なし",
            ),
            mappings={f"区分{n}": switches() for n in range(1, TIERS + 1)},
        ),
    ]


def _demand() -> list[object]:
    return [
        lines(
            About(
                title="30分デマンド",
                ja="毎時00分・30分で区切った平均の買電電力。「蓄電池なし」は蓄電池が動かなかった場合の推定。"
                "「12か月の最大」を超えると基本料金の元になる最大需要が上がります。「目標」は設定されているときだけ出ます。"
                "請求の値は電力会社の計量器によります。",
                en="Mean import in half hours from :00 and :30. Without battery is what it had been had the battery "
                "rested. "
                "Above the 12-month maximum the basic charge rises. A target is drawn where one is set. What is "
                "billed is the "
                "supplier's meter.",
                queries=[
                    ask.half_hours(
                        {
                            "demand_w": "デマンド",
                            "without_battery_w": "蓄電池なし",
                            "year_peak_w": "12か月の最大",
                            "target_w": "目標",
                        },
                        where=f'"import_mark" <= {Mark.INTERPOLATED.value}',
                    )
                ],
                unit="watt",
                height=9,
                low=0,
            ),
            steps=True,
        ).interval("30m"),
        day_bars(
            About(
                title="日ごとの電力量",
                ja="日本時間の1日ごと。月次明細と同じ計量値（30分値）の合計です。",
                en="Days of Japan time, from the half hours of the monthly statement.",
                queries=[
                    ask.days(
                        ", ".join(
                            (
                                ask.kwh("pv_wh", "発電"),
                                ask.kwh("self_used_wh", "自家消費"),
                                ask.kwh("import_wh", "買電"),
                                ask.kwh("export_wh", "売電"),
                            )
                        ),
                        of=Series.ENERGY_DAY,
                        where=ask.ONE_SITE,
                    )
                ],
                unit="suffix: kWh",
                decimals=1,
                height=9,
            )
        ),
        timeline(
            About(
                title="30分値の確かさ",
                ja="電力量の30分値がどこまで確かか。補間は2時間までの欠け、按分はそれより長い欠け（合計は正しく、内訳は不明）です。"
                "遅れて届いたデータで確かになります。",
                en="How well the half hours of energy are known. Interpolated: gaps up to two hours. Summed: longer "
                "ones, of which the sum is right and its course is not known. Late data makes them better known.",
                queries=[ask.half_hours({"mark": "確かさ"})],
                width=24,
                height=4,
            ),
            mappings={"確かさ": certainties()},
        ).interval("30m"),
    ]


def _devices() -> list[object]:
    return [
        lines(
            About(
                title="残り時間の見通し",
                ja="10%点（これより短いのは10回に1回）と中央値。見通しの上限に達した値は「それ以上」を意味します。横線は6・12・24時間の境。",
                en="P10 (shorter only once in ten) and median. A value at the forecast's limit means that or longer. "
                "Limits at 6, 12, 24 h.",
                queries=[ask.now_lines({"hours_p10_h": "10%点", "hours_p50_h": "中央値"})],
                unit="h",
                height=8,
                low=0,
                steps=HOURS,
            ),
            area=True,
        ),
        lines(
            About(
                title="機器ごとの発電",
                ja="各機器が測った太陽光の電力（生の測定値の平均）。ひとつだけ低い機器は、汚れ・影・故障を疑います。",
                en="PV power by device, means of raw readings. One that lies low hints at dirt, shade or a fault.",
                queries=[ask.raw_lines({"pv.power_w": "発電"}, by_device=True, alias="$tag_device")],
                unit="watt",
            )
        ),
        lines(
            About(
                title="機器の温度",
                ja="インバータと蓄電池の温度（生の測定値の平均）。",
                en="Temperatures of inverter and battery, means of raw readings.",
                queries=[
                    ask.raw_lines(
                        {"inverter.temperature_c": "インバータ", "battery.temperature_c": "蓄電池"},
                    )
                ],
                unit="celsius",
            )
        ),
        bars(
            About(
                title="月ごとの最大デマンド（12か月）",
                ja="各月で最大の30分デマンド。12か月で最も高いものが契約電力の元になります（画面の期間によらず12か月分）。"
                "「蓄電池なし」は推定です。",
                en="The highest half hour of each month, always over twelve months: the highest of all is what the "
                "contract rests "
                "on. Without battery is an estimate.",
                queries=[
                    ask.days_table(
                        'max("peak_demand_w") AS "with", max("peak_without_w") AS "without"',
                        by=["month"],
                        of=Series.ENERGY_DAY,
                        where=ask.ONE_SITE,
                    )
                ],
                unit="watt",
            ),
            x="月",
            columns={"month": "月", "with": "デマンド", "without": "蓄電池なし"},
            by="月",
        ).time_from("365d"),
        number(
            About(
                title="期間の自家消費率",
                ja="発電のうち建物で使った割合（月次明細と同じ計量値から）。",
                en="Share of the generation that was used in the building, from the half hours of the statements.",
                queries=[
                    ask.days_total('sum("self_used_wh")/sum("pv_wh")*100 AS "率"', of=Series.ENERGY_DAY),
                ],
                unit="percent",
                decimals=0,
                width=12,
                height=4,
            ),
            links=[to_board(ENERGY, "エネルギーと CO2 へ")],
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
                width=12,
                height=4,
                steps=((None, "red"), (95.0, "yellow"), (99.0, "green")),
            )
        ),
    ]
