"""What the technician reads, in Japanese and in English."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from contract.points import BatteryState, InverterState

LANGUAGES: Final = ("ja", "en")
TOKYO: Final = timezone(timedelta(hours=9), "JST")
"""What people see is Tokyo time, whatever the machine is set to. Japan has no summer time."""


def tokyo_time(at_s: float) -> str:
    """A moment (UTC seconds) as people write it."""
    return f"{datetime.fromtimestamp(at_s, TOKYO):%Y-%m-%d %H:%M:%S %Z}"


WORDS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "ok": "正常",
        "fault": "異常",
        "warning": "注意",
        "note": "参考",
        "try": "対処",
        "first_ok": "すべての機器({count} 台)が応答し、値も妥当です。",
        "last_ok": "すべての機器({count} 台)が応答しました。",
        "last_fault": "すべての機器({count} 台)が応答しましたが、異常があります: {faulty}",
        "last_some": "{count} 台のうち {up} 台が応答: {names}。応答なし: {dark}",
        "last_none": "どの機器も応答しません({count} 台): {dark}",
        "checks": "判定({reads} 回読み取り)",
        "step_now": "約 {load_w:,.0f} W の負荷を入れて、Enter を押してください。",
        "step_soon": "約 {load_w:,.0f} W の負荷を {seconds:.0f} 秒以内に入れてください。",
        "watching": "値の動きを見ています({seconds:.0f} 秒経過)",
        "looking": "おかしな点を調べ直しています({seconds:.0f} 秒経過)",
        "more": "異常 {fault} 件・注意 {warning} 件(先頭に表示)",
        "time": "この装置の時刻",
        "point": "測定項目",
        "value": "値",
        "register": "レジスタ",
        "unit": "ユニット",
        "online": "応答あり",
        "dark": "応答なし",
        "comma": "、",
        "spent": "要求 {requests} 回・{seconds:.1f} 秒",
        "points": "{count} 点中 {good} 点に値あり",
        "left_out": "(値のない {count} 点は省略。--json で全点)",
        "waiting": "応答を待っています: {names}({seconds:.0f} 秒経過)",
        "pv": "太陽光",
        "battery": "蓄電池",
        "grid": "系統(受電点)",
        "load": "負荷",
        "soc": "残量 {soc:.0f} %",
        "load_is": "= 太陽光 + 蓄電池 + 系統",
        "balance": "収支",
        "balance_ok": "合っています。太陽光 + 蓄電池とパワコン出力の差 {error:,.0f} W(許容 {limit:,.0f} W)",
        "balance_load": "負荷は正の値です(比較できるパワコンなし)",
        "balance_off": "合いません。太陽光 + 蓄電池とパワコン出力の差 {error:,.0f} W(許容 {limit:,.0f} W)",
        "balance_load_negative": "合いません。負荷が負の値です",
        "balance_ct_turned": "信頼できません。買電・売電の向きが 2 台で逆です",
        "balance_unknown": "判定できません(必要な値がありません)",
        "good": "正常",
        "not_available": "値なし(機器が「無効」と返答)",
        "out_of_range": "範囲外の値",
        "timeout": "応答なし(時間切れ)",
        "refused": "機器が拒否",
        "illegal_address": "レジスタなし",
        "malformed": "形式不正",
        "missing_input": "元の値が不足",
        "stale": "古い値",
    },
    "en": {
        "ok": "OK",
        "fault": "FAULT",
        "warning": "WARNING",
        "note": "NOTE",
        "try": "Try",
        "first_ok": "all {count} devices answer, and their values are plausible.",
        "last_ok": "Everything answers ({count} devices).",
        "last_fault": "All {count} devices answer, but something is at fault: {faulty}",
        "last_some": "{up} of {count} devices answer: {names}. No answer: {dark}",
        "last_none": "None of {count} devices answers: {dark}",
        "checks": "Judged (reads: {reads})",
        "step_now": "Switch a load of about {load_w:,.0f} W on, then press Enter.",
        "step_soon": "Switch a load of about {load_w:,.0f} W on within {seconds:.0f} s.",
        "watching": "watching the values ({seconds:.0f} s)",
        "looking": "looking again at what makes no sense ({seconds:.0f} s)",
        "more": "Faults: {fault}, warnings: {warning} (at the top)",
        "time": "This machine's time",
        "point": "Point",
        "value": "Value",
        "register": "Register",
        "unit": "unit",
        "online": "answers",
        "dark": "no answer",
        "comma": ", ",
        "spent": "{requests} requests, {seconds:.1f} s",
        "points": "{good} of {count} points have a value",
        "left_out": "({count} points without a value are left out; --json has them)",
        "waiting": "waiting for: {names} ({seconds:.0f} s)",
        "pv": "PV",
        "battery": "Battery",
        "grid": "Grid",
        "load": "Load",
        "soc": "{soc:.0f} % charged",
        "load_is": "= PV + battery + grid",
        "balance": "Balance",
        "balance_ok": "right. PV + battery and the inverter's output differ by {error:,.0f} W (limit {limit:,.0f} W)",
        "balance_load": "the load is positive (no inverter to compare with)",
        "balance_off": "wrong. PV + battery and the inverter's output differ by {error:,.0f} W (limit {limit:,.0f} W)",
        "balance_load_negative": "wrong. The load is negative",
        "balance_ct_turned": "not to be trusted. Two devices see opposite directions of the grid",
        "balance_unknown": "cannot be told: a value is missing",
        "good": "good",
        "not_available": "not available",
        "out_of_range": "out of range",
        "timeout": "no answer in time",
        "refused": "refused",
        "illegal_address": "no such register",
        "malformed": "malformed",
        "missing_input": "input missing",
        "stale": "stale",
    },
}

_SIGNS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "ja": {"pv": ("発電", "消費"), "battery": ("放電", "充電"), "grid": ("買電", "売電"), "inverter": ("出力", "入力")},
    "en": {
        "pv": ("generates", "consumes"),
        "battery": ("discharge", "charge"),
        "grid": ("import", "export"),
        "inverter": ("output", "input"),
    },
}
"""Words of a power above and below zero, by the group of its point."""

_STATES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "ja": {
        "inverter.state": ("不明", "停止", "待機", "起動中", "運転", "制限運転", "故障", "自立運転", "保守"),
        "battery.state": ("不明", "停止", "待機", "充電", "放電", "満充電", "空", "故障"),
        "inverter.islanded": ("連系", "自立"),
        "grid.meter_online": ("通信断", "通信中"),
        "closed": ("遮断", "投入"),
    },
    "en": {
        "inverter.state": tuple(state.name.lower() for state in InverterState),
        "battery.state": tuple(state.name.lower() for state in BatteryState),
        "inverter.islanded": ("on grid", "islanded"),
        "grid.meter_online": ("offline", "online"),
        "closed": ("open", "closed"),
    },
}


def language(given: str | None, environment: str) -> str:
    """The language to speak: as asked, else as the environment says, else Japanese."""
    if given:
        return given
    return "en" if environment.lower().startswith("en") else "ja"


def meaning(point: str, value: float, lang: str) -> str:
    """The word for a sign (charge or discharge, import or export) or for a state; empty when there is none."""
    states = _STATES[lang].get(point) or (_STATES[lang]["closed"] if point.endswith(".closed") else None)
    if states is not None:
        return states[int(value)] if 0 <= value < len(states) else ""
    group = point.partition(".")[0]
    words = _SIGNS[lang].get("pv" if group.startswith("pv") else group)
    if words is None or not value or not point.endswith("power_w") or ".max_" in point:
        return ""
    return words[0] if value > 0 else words[1]
