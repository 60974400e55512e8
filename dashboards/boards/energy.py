"""What the plants earn: self-use, self-sufficiency, peaks, CO2; by shelter, ward, month and fiscal year.

Everything here is accounted energy, from the same half hours as the statements, so that both tell the same kWh.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from central.core.rollups.rows import Series
from dashboards import queries as ask
from dashboards.boards.common import ENERGY, board, laid_out, to_site
from dashboards.panels import About, bars, day_bars, number, rows, verified

BILLED = "月次明細と同じ計量値（30分値）の合計です。締めていない月は、遅れて届いたデータで変わります。"
BILLED_EN = "From the half hours of the monthly statement; what comes late changes a month until it is closed."
KWH = "suffix: kWh"
OF = Series.ENERGY_DAY
SUMS = ", ".join(
    (
        ask.kwh("pv_wh", "pv"),
        ask.kwh("self_used_wh", "own"),
        ask.kwh("export_wh", "sold"),
        ask.kwh("import_wh", "bought"),
        ask.kwh("load_wh", "used"),
        'sum("self_used_wh")/sum("pv_wh")*100 AS "rate"',
        'sum("self_used_wh")/sum("load_wh")*100 AS "share"',
        'sum("co2_saved_kg") AS "co2"',
    )
)
HEADINGS = {
    "pv": "発電",
    "own": "自家消費",
    "sold": "売電",
    "bought": "買電",
    "used": "消費",
    "rate": "自家消費率",
    "share": "自給率",
    "co2": "CO2 削減",
}
UNITS = {
    **dict.fromkeys(("発電", "自家消費", "売電", "買電", "消費"), KWH),
    "自家消費率": "percent",
    "自給率": "percent",
    "CO2 削減": "masskg",
}
KNOWN = ((None, "red"), (95.0, "yellow"), (99.0, "green"))
DECIMALS = dict.fromkeys((*HEADINGS.values(),), 1)


def energy() -> Dashboard:
    """Energy and CO2."""
    made = board(
        ENERGY,
        "エネルギーと CO2",
        "自家消費・自給・ピーク削減・CO2 削減を、避難所・区・月・年度で見る画面。Energy and CO2.",
        time_from="now/fy",
        refresh=None,
    )
    return laid_out(made, [*_figures(), *_by_time(), *_by_place(), *_peaks(), *_certainty()])


def _figures() -> list[object]:
    def total(title: str, ja: str, en: str, chosen: str, unit: str, width: int = 4) -> object:
        about = About(
            title=title,
            ja=f"{ja}{BILLED}",
            en=f"{en} {BILLED_EN}",
            queries=[ask.days_total(chosen, of=OF)],
            unit=unit,
            decimals=1,
            width=width,
            height=4,
        )
        return number(about)

    return [
        total("発電量", "期間の太陽光発電。", "PV generation.", ask.kwh("pv_wh", "発電"), KWH),
        total(
            "自家消費量",
            "発電から、売電と太陽光で充電した分の蓄電池の損失を引いた量。請求の対象です。",
            "Generation less export and less the battery's loss of what PV charged: what is billed.",
            ask.kwh("self_used_wh", "自家消費"),
            KWH,
        ),
        total(
            "自家消費率",
            "発電のうち建物で使った割合。",
            "Share of the generation used on site.",
            'sum("self_used_wh")/sum("pv_wh")*100 AS "率"',
            "percent",
        ),
        total(
            "自給率",
            "消費のうち自家発電で賄った割合。",
            "Share of the consumption met by own generation.",
            'sum("self_used_wh")/sum("load_wh")*100 AS "率"',
            "percent",
        ),
        total(
            "CO2 削減の目安",
            "自家消費量×排出係数（t-CO2/kWh）。係数表で「未確認」の係数を使っている間は目安です。",
            "Self-use times emission factor. As long as the factor is marked unverified in its table, this is a rough "
            "figure.",
            'sum("co2_saved_kg") AS "CO2"',
            "masskg",
        ),
        total("買電量", "系統から買った量。", "Bought from the grid.", ask.kwh("import_wh", "買電"), KWH),
        number(
            About(
                title="使っている排出係数",
                ja="CO2 削減の計算に使った係数（kg-CO2/kWh）。年次報告と同じ係数表から、その年度のものを使います。",
                en="Emission factor behind the CO2 figures (kg-CO2/kWh), from the same table as the yearly report.",
                queries=[ask.days_total('last("factor_kg_per_kwh") AS "係数"', of=OF)],
                unit="suffix: kg/kWh",
                decimals=3,
                width=12,
                height=4,
            )
        ),
        number(
            About(
                title="係数の確認",
                ja="係数が出典と照らして確認済みか。「未確認」の間、CO2 の値は目安です。係数表を直すと変わります。",
                en="Whether the factor was checked against its source. While it is not, CO2 figures are rough.",
                queries=[ask.days_total('last("factor_verified") AS "確認"', of=OF)],
                width=12,
                height=4,
            ),
            mappings=verified(),
        ),
    ]


def _by_time() -> list[object]:
    energies = {"pv": "発電", "own": "自家消費", "sold": "売電", "bought": "買電"}
    chosen = ", ".join(
        ask.kwh(field, name)
        for name, field in {"pv": "pv_wh", "own": "self_used_wh", "sold": "export_wh", "bought": "import_wh"}.items()
    )
    return [
        bars(
            About(
                title="月別の電力量",
                ja=f"日本時間の月ごと。{BILLED}",
                en=f"Months of Japan time. {BILLED_EN}",
                queries=[ask.days_table(chosen, by=["month"], of=OF)],
                unit=KWH,
                decimals=1,
            ),
            x="月",
            columns={"month": "月", **energies},
            by="月",
        ),
        day_bars(
            About(
                title="自家消費率と自給率（日別）",
                ja="自家消費率は発電のうち使った割合、自給率は消費のうち賄った割合。蓄電池にためた分は使った日に数えるので、"
                "1日では100%を超えることがあります。",
                en="Self-use: share of the generation that is used. Self-sufficiency: share of the consumption that "
                "is met. What the battery held counts on the day on which it is used, so a day may exceed 100 %.",
                queries=[
                    ask.days(
                        'sum("self_used_wh")/sum("pv_wh")*100 AS "自家消費率",'
                        ' sum("self_used_wh")/sum("load_wh")*100 AS "自給率"',
                        of=OF,
                    )
                ],
                unit="percent",
                low=0,
            )
        ),
        rows(
            About(
                title="月別の表",
                ja=f"選んだ避難所の合計。{BILLED}",
                en=f"Sum of the selected shelters. {BILLED_EN}",
                queries=[ask.days_table(SUMS, by=["month"], of=OF)],
                width=24,
            ),
            columns={"month": "月", **HEADINGS},
            by="月",
            units=UNITS,
            decimals=DECIMALS,
        ),
        rows(
            About(
                title="年度別",
                ja=f"4月から翌年3月。画面の期間に入る日だけを合計します。{BILLED}",
                en=f"April to March; only days inside the chosen time are added up. {BILLED_EN}",
                queries=[ask.days_table(SUMS, by=["fiscal_year"], of=OF)],
                width=24,
                height=5,
            ),
            columns={"fiscal_year": "年度", **HEADINGS},
            by="年度",
            units=UNITS,
            decimals=DECIMALS,
        ),
    ]


def _by_place() -> list[object]:
    return [
        rows(
            About(
                title="区別",
                ja=f"期間の合計。{BILLED}",
                en=f"Sums of the time. {BILLED_EN}",
                queries=[ask.days_table(SUMS, by=["ward"], of=OF)],
                width=24,
            ),
            columns={"ward": "区", **HEADINGS},
            by="発電",
            descending=True,
            units=UNITS,
            decimals=DECIMALS,
        ),
        rows(
            About(
                title="避難所別",
                ja=f"期間の合計。名前から避難所の画面へ。{BILLED}",
                en=f"Sums of the time. {BILLED_EN}",
                queries=[ask.days_table(SUMS, by=["ward", "name", "site"], of=OF)],
                width=24,
                height=12,
            ),
            columns={"name": "避難所", "ward": "区", **HEADINGS, "site": "site"},
            by="自家消費",
            descending=True,
            units=UNITS,
            decimals=DECIMALS,
            link=to_site(),
        ),
    ]


def _peaks() -> list[object]:
    return [
        rows(
            About(
                title="ピークの削減（避難所別）",
                ja="期間で最大の30分デマンドと、蓄電池が動かなかった場合の推定。差がピーク削減です。"
                "推定は測定値から求めたもので、契約上の値ではありません。",
                en="The highest half hour's demand, and what it had been had the battery rested; the difference is "
                "the cut. It "
                "is estimated from measurements and is no contract figure.",
                queries=[
                    ask.days_table(
                        'max("peak_demand_w") AS "with", max("peak_without_w") AS "without",'
                        ' max("peak_without_w") - max("peak_demand_w") AS "cut"',
                        by=["ward", "name", "site"],
                        of=OF,
                    )
                ],
                height=10,
            ),
            columns={
                "name": "避難所",
                "ward": "区",
                "with": "最大デマンド",
                "without": "蓄電池なし",
                "cut": "削減",
                "site": "site",
            },
            by="削減",
            descending=True,
            units=dict.fromkeys(("最大デマンド", "蓄電池なし", "削減"), "watt"),
            decimals=dict.fromkeys(("最大デマンド", "蓄電池なし", "削減"), 1),
            link=to_site(),
        ),
        day_bars(
            About(
                title="避難所の最大デマンドの平均（日別）",
                ja="選んだ避難所それぞれの、その日の最大30分デマンドの平均。「蓄電池なし」との差が蓄電池の働きです。",
                en="Mean over the selected shelters of each one's highest half hour of the day; the difference is the "
                "battery's "
                "doing.",
                queries=[
                    ask.days('mean("peak_demand_w") AS "デマンド", mean("peak_without_w") AS "蓄電池なし"', of=OF),
                ],
                unit="watt",
                height=10,
                low=0,
            )
        ),
    ]


def _certainty() -> list[object]:
    counts = {"measured": "計測", "interpolated": "補間", "summed": "按分", "missing": "欠測", "odd": "収支不一致"}
    chosen = ", ".join(f'sum("{name}") AS "{name}"' for name in counts)
    return [
        rows(
            About(
                title="30分値の確かさ（避難所別）",
                ja="期間の30分値を、確かさごとに数えたもの。補間は2時間までの欠け、按分はそれより長い欠け（合計は正しく、時刻ごとの内訳は不明）、"
                "欠測は何も分からない時間。収支不一致は、計測された流れの足し引きが合わない30分値で、計器を確かめます。"
                "確定率は計測と補間の割合で、99%未満は黄、95%未満は赤。",
                en="Half hours by how well they are known. Interpolated: gaps up to two hours; summed: longer gaps, of "
                "which the sum is right and its course is not known; missing: nothing is known. Odd: flows that do not "
                "add up, so look at the meters. The known share is yellow under 99 %, red under 95 %.",
                queries=[ask.days_table(f'{chosen}, mean("known_pct") AS "known"', by=["ward", "name", "site"], of=OF)],
                width=24,
                height=10,
            ),
            columns={"name": "避難所", "ward": "区", "known": "確定率", **counts, "site": "site"},
            by="確定率",
            units={"確定率": "percent", **dict.fromkeys(counts.values(), "suffix:コマ")},
            decimals={"確定率": 1, **dict.fromkeys(counts.values(), 0)},
            steps={"確定率": KNOWN},
            link=to_site(),
        )
    ]
