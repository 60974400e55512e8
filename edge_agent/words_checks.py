"""What is judged, and why something was not, in Japanese and in English."""

from __future__ import annotations

from typing import Final

from edge_agent.core.judging.finding import Result, Verdict

CHECKS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "answers": "応答",
        "values": "値の妥当性",
        "balance": "電力収支",
        "battery_direction": "充放電の向き",
        "battery_voltage": "蓄電池の電圧",
        "soc": "残量",
        "pv_sun": "太陽光と太陽高度",
        "pv_power": "太陽光の電力",
        "strings": "ストリング",
        "meter": "計量器の通信",
        "phase_order": "相順",
        "phases": "各相の CT",
        "phase_sum": "相の合計",
        "grid_direction": "買電・売電の向き",
        "ct_ratio": "CT 比",
        "counters": "積算電力量",
        "clock": "機器の時計",
        "frozen": "値の更新",
        "load_step": "負荷試験",
    },
    "en": {
        "answers": "answers",
        "values": "plausible values",
        "balance": "power balance",
        "battery_direction": "charge and discharge",
        "battery_voltage": "battery voltage",
        "soc": "state of charge",
        "pv_sun": "PV and sun",
        "pv_power": "PV power",
        "strings": "strings",
        "meter": "meter answers",
        "phase_order": "phase order",
        "phases": "transformers by phase",
        "phase_sum": "sum of phases",
        "grid_direction": "import and export",
        "ct_ratio": "transformer ratio",
        "counters": "energy counters",
        "clock": "device's clock",
        "frozen": "values change",
        "load_step": "load test",
    },
}
"""What is judged, by its kind."""

WHY: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "no_value": "値がありません: {points}",
        "no_point": "この機種に項目がありません: {points}",
        "no_inverter": "比較できるパワコンがありません",
        "no_meter": "計量器がありません",
        "one_meter": "計量器が 1 台だけです(--load-step で確認)",
        "nothing_imported": "買電・売電が {limit_w:g} W 未満です(--load-step で確認)",
        "same_source": "{points} は同じ測定から計算されています",
        "battery_idle": "充放電が {limit_w:g} W 未満です",
        "state_silent": "機器が充電・放電の状態を出していません(収支からも決められません)",
        "watch_short": "観測中の動きが足りません(必要: {wanted})。--watch 600 で再確認",
        "pv_size_unknown": "site.yaml に pv_rated_w がありません",
        "one_string": "比べるストリングがありません",
        "too_dark": "発電が少なすぎます",
        "islanded": "自立運転中です",
        "nothing_flows": "電力が流れていません",
        "nothing_moves": "粗い値ばかりで、動かなくても不自然ではありません",
        "few_reads": "読み取りが {wanted} 回未満です",
        "explained": "ほかの異常で説明できます",
    },
    "en": {
        "no_value": "no value: {points}",
        "no_point": "this model does not have: {points}",
        "no_inverter": "no inverter to compare with",
        "no_meter": "no meter",
        "one_meter": "there is one meter only (use --load-step)",
        "nothing_imported": "less than {limit_w:g} W crosses the connection (use --load-step)",
        "same_source": "{points} come from one measurement",
        "battery_idle": "the battery moves less than {limit_w:g} W",
        "state_silent": "the device does not say whether it charges, and the balance proves nothing",
        "watch_short": "too little moved while watching (wanted: {wanted}); use --watch 600",
        "pv_size_unknown": "site.yaml has no pv_rated_w",
        "one_string": "no second string to compare with",
        "too_dark": "too little sun",
        "islanded": "the grid is away",
        "nothing_flows": "no power flows",
        "nothing_moves": "all values are coarse; that they stand proves nothing",
        "few_reads": "fewer than {wanted} reads",
        "explained": "another finding explains it",
    },
}
"""Why something was not judged."""

RESULTS: Final[dict[str, dict[str, str]]] = {
    "ja": {Result.PASSED: "合格", Result.FAILED: "不合格", Result.NOT_JUDGED: "未判定"},
    "en": {Result.PASSED: "passed", Result.FAILED: "failed", Result.NOT_JUDGED: "not judged"},
}


def why(verdict: Verdict, lang: str) -> str:
    """Why it was not judged, in one sentence; empty when it was."""
    return WHY[lang][verdict.why].format(**verdict.facts) if verdict.why else ""
