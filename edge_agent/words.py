"""What the technician reads, in Japanese and in English."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("ja", "en")

WORDS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "device": "機器",
        "point": "測定項目",
        "value": "値",
        "unit": "単位",
        "quality": "状態",
        "register": "レジスタ",
        "derived": "算出値",
        "requests": "要求 {requests} 回・{seconds:.2f} 秒",
        "online": "応答あり",
        "dark": "応答なし",
        "try": "確認してください",
        "summary_ok": "すべての機器({count} 台)が応答しました。",
        "summary_dark": "{count} 台のうち {dark} 台が応答しません: {names}",
        "good": "正常",
        "not_available": "値なし(機器)",
        "out_of_range": "範囲外",
        "timeout": "応答なし",
        "refused": "拒否",
        "illegal_address": "レジスタなし",
        "malformed": "形式不正",
        "missing_input": "入力不足",
        "stale": "古い値",
        "unreachable": "LAN ケーブルと電源、IP アドレスとポート番号(または RS-485 変換器の接続)を確認。"
        "機器側で Modbus TCP が有効か、ほかの装置が接続を占有していないかも確認。",
        "silent": "配線(RS-485 は A/B の入れ違いと終端抵抗)、通信速度とパリティ、ユニット番号を確認。"
        "応答の遅い機器は timeout_s を延ばす。",
        "gateway": "ゲートウェイは応答しています。その先の RS-485 配線、機器の電源、ユニット番号を確認。",
        "garbled": "応答が壊れています。通信速度とパリティ、同じユニット番号の重複、配線のノイズを確認。",
        "refused_help": "機器が読み出しを拒否しています。機器側の Modbus 設定と権限を確認。",
        "wrong_device": "応答した機器がプロファイルと異なります。profile の指定とユニット番号を確認。",
    },
    "en": {
        "device": "Device",
        "point": "Point",
        "value": "Value",
        "unit": "Unit",
        "quality": "Quality",
        "register": "Register",
        "derived": "Derived",
        "requests": "{requests} requests, {seconds:.2f} s",
        "online": "answers",
        "dark": "does not answer",
        "try": "What to try",
        "summary_ok": "All {count} devices answer.",
        "summary_dark": "{dark} of {count} devices do not answer: {names}",
        "good": "good",
        "not_available": "not available",
        "out_of_range": "out of range",
        "timeout": "no answer",
        "refused": "refused",
        "illegal_address": "no such register",
        "malformed": "malformed",
        "missing_input": "input missing",
        "stale": "stale",
        "unreachable": "Check cable and power, IP address and port (or the RS-485 adapter). Is Modbus TCP switched on "
        "in the device? Does another program hold its only connection?",
        "silent": "Check the wiring (RS-485: A and B swapped, termination), baud rate and parity, and the unit id. A "
        "slow device may need a longer timeout_s.",
        "gateway": "The gateway answers. Check the RS-485 wiring behind it, the device's power and its unit id.",
        "garbled": "The answers are broken. Check baud rate and parity, two devices with one unit id, and noise.",
        "refused_help": "The device refuses to be read. Check its Modbus settings and rights.",
        "wrong_device": "Another device answers than the profile describes. Check profile and unit id.",
    },
}


def language(given: str | None, environment: str) -> str:
    """The language to speak: as asked, else as the environment says, else Japanese."""
    if given:
        return given
    return "en" if environment.lower().startswith("en") else "ja"


def help_for(cause: str, lang: str) -> str:
    """What to try for a device that is dark for this cause."""
    return WORDS[lang]["refused_help" if cause == "refused" else cause]
