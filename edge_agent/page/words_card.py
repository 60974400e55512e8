"""Words of the printed card."""

from __future__ import annotations

from typing import Final

CARD: Final[dict[str, tuple[str, str]]] = {
    "card_title": ("停電時の操作カード", "Card for an outage"),
    "card_print": ("印刷する(A4・1 枚)", "Print it (A4, one page)"),
    "card_over": ("停電したら", "When the power fails"),
    "card_over_self": (
        "操作はいりません。{lost}ほどで、蓄電池からの給電に自動で切り替わります。",
        "Nothing has to be done: after about {lost} the shelter runs on its battery by itself.",
    ),
    "card_over_check": (
        "非常用コンセントと照明が使えることを確かめる。使えなければ、下の連絡先へ電話する。",
        "See that emergency sockets and lights have power. If not, telephone (numbers below).",
    ),
    "card_save": (
        "電気は蓄電池の分だけです。使わない機器の電源を切る。",
        "There is only what is in the battery: switch off what nobody needs.",
    ),
    "card_back": ("電気が戻ったら", "When the power is back"),
    "card_back_self": (
        "操作はいりません。{stable}ほど安定を確かめてから、自動で元に戻ります。",
        "Nothing has to be done: when the grid has been steady for about {stable}, it goes back by itself.",
    ),
    "card_back_wait": (
        "{stable}ほど待ち、続けて電気が来ていることを確かめる(すぐにまた停電することがあります)。",
        "Wait for about {stable} and see that the power stays: it may go again.",
    ),
    "card_back_switch": (
        "自立運転を終え、PCSを連系運転に戻す。",
        "End stand-alone operation and switch the inverter back to the grid.",
    ),
    "card_off": ("水が来るおそれがあるとき", "When water is expected"),
    "card_switch": ("現地スイッチの使い方", "The switch on site"),
    "card_switch1": (
        "スマートフォンを、盤の Wi-Fi(または LAN)につなぐ。",
        "Connect a phone to the cabinet's Wi-Fi or cable.",
    ),
    "card_switch2": (
        "右のコードを読むか、ブラウザーで下のアドレスを開く。",
        "Scan the code, or open the address below in a browser.",
    ),
    "card_switch2_pen": (
        "ブラウザーで、下のアドレスを開く。",
        "Open the address below in a browser.",
    ),
    "card_switch3": ("PIN を入れ、「運転モード」で選ぶ。", "Enter the PIN, then choose under Mode."),
    "card_address": ("ページのアドレス", "Address of the page"),
    "card_wifi": ("盤の Wi-Fi の名前", "Name of the cabinet's Wi-Fi"),
    "card_pin": ("PIN の保管場所", "Where the PIN is kept"),
    "card_call": ("連絡先(手書き)", "Telephone (by pen)"),
    "card_call_city": ("市の担当", "City"),
    "card_call_firm": ("保守会社", "Maintenance firm"),
    "card_checked": ("手順を現地で確かめた人・日付", "Steps tried here by / on"),
    "card_printed": ("印刷日 {day}", "Printed {day}"),
    "card_source": (
        "手順は設定ファイルの記載です。現地で一度試してから掲示してください。",
        "The steps are those of the site file. Try them once before this goes on the wall.",
    ),
    "card_lose": ("触れてはいけないもの: 濡れた盤、むき出しの電線。", "Never touch a wet cabinet or a bare wire."),
}
