"""Why a shelter is not where it should be, in words for staff: what it means, and what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract.steering import Reason


@dataclass(frozen=True, slots=True)
class Words:
    """One cause in Japanese and English."""

    ja: str
    en: str


_CALL = "現地に電話で確認してください。"
_GO = "作業員の派遣が必要です。"

CAUSES: Final[dict[str, Words]] = {
    "": Words("", ""),
    # What was waited for in vain
    "no_answer": Words(
        "期限までに応答がありません。通信が戻れば自動で指示を受け取ります。急ぐ場合は現地での切替が必要です。",
        "No answer in time. It takes the order by itself when its link is back; if it cannot wait, switch on site.",
    ),
    "too_slow": Words(
        f"指示は受け取りましたが、期限までに切替が確認できません。{_CALL}",
        "It took the order and has not proven it in time. Telephone the site.",
    ),
    "person_awaited": Words(
        "現地での手動切替を待っています。手順は現地の画面と掲示カードにあります。",
        "It waits for somebody to switch on site. The steps are on the page and the card there.",
    ),
    "on_its_own": Words(
        "停電のため、避難所が自動で非常用に切り替わっています。復電後に市の指示へ移ります。",
        "The grid is gone and it went into backup by itself. It comes to the order when the grid is back.",
    ),
    # Why nothing is sent
    "not_verified": Words(
        "制御が実証されていないため、指示は送りません。試運転を完了してください。",
        "Not proven that it can be switched, so nothing is sent. Finish its commissioning.",
    ),
    "not_released": Words(
        "前の指示からの復帰が確認できるまで、訓練は始まりません。",
        "The drill waits until the shelter has proven that it is back from the order before.",
    ),
    "numbers_jump": Words(
        "市が出していない番号の指示を受けたと繰り返し報告しています。自動の再送を止めました。"
        "避難所のコンピューターが乗っ取られていないか確認してください。",
        "It says again and again that it has taken orders which the city never gave, so it is not sent more by itself. "
        "See whether its computer was taken over.",
    ),
    "removed": Words(
        "登録から外れていますが、市の最後の指示が残っています。事案の一覧で解除を送るか、現地を確認して記録してください。",
        "It is not registered any more, and the city's last order still holds there. On the board: send its release, "
        "or write it off after somebody has seen to it.",
    ),
    "written_off": Words(
        "登録から外れており、担当者が確認済みとして待つのをやめました。理由は記録簿にあります。",
        "It is not registered any more, and somebody has written it off. The reason stands in the book.",
    ),
    "nothing_sent": Words("まだ何も送っていません。", "Nothing was sent."),
    # Refused: the message
    Reason.MALFORMED: Words(
        "指示を読み取れませんでした。双方のソフトの版を確認してください。",
        "The order could not be read. Compare the software versions of both sides.",
    ),
    Reason.UNKNOWN_VERSION: Words(
        "通信仕様の版が合いません。古い側を更新してください。", "Other version of the protocol. Update the older side."
    ),
    Reason.UNSIGNED: Words(
        "署名のない指示が届きました。不正な送信の疑いがあります。",
        "An order without a signature reached it. Somebody may be sending false orders.",
    ),
    Reason.FOREIGN_KEY: Words(
        "市の鍵が現地に登録されていません。公開鍵を現地へ入れてください。",
        "It does not trust the city's key. Put the city's public key there (shelter-central keys export).",
    ),
    Reason.FORGED: Words(
        "署名が合いません。改ざんの疑いがあります。", "The signature does not fit. Somebody may be changing orders."
    ),
    Reason.WRONG_SITE: Words("別の避難所あての指示が届きました。", "An order for another shelter reached it."),
    Reason.OLD_REVISION: Words("より新しい指示を既に受け取っています。", "It has taken a newer order already."),
    Reason.EXPIRED: Words("指示の有効期限が切れていました。", "The order had expired when it came."),
    Reason.FROM_THE_FUTURE: Words(
        "指示の時刻が未来です。市と現地の時計を確認してください。",
        "The order is from the future. Check the clocks of both sides.",
    ),
    Reason.CLOCK_UNKNOWN: Words(
        "現地の時計が合っていません。合い次第、指示を受け取ります。",
        "It does not know the time. It takes the order as soon as it does.",
    ),
    Reason.NOT_ORDERABLE: Words("市から指示できない運転モードです。", "This mode cannot be ordered."),
    # Refused: the shelter
    Reason.LOCKED_OUT: Words(
        f"作業員が点検中のため操作禁止になっています。{_CALL}", "A technician locked it out. Telephone the technician."
    ),
    Reason.LOCAL_SWITCH: Words(
        f"現地の切替スイッチが優先されています。{_CALL}", "The switch on site has more say. Telephone the site."
    ),
    Reason.ISOLATED: Words("切り離し中のため実行できません。", "It is isolated, and an interlock keeps it so."),
    Reason.NOT_VERIFIED_SITE: Words("制御が実証されていない避難所です。", "It is not proven that it can be switched."),
    Reason.NO_CONTROL: Words(
        "この機器には必要な操作がありません。手順書を確認してください。", "Its devices have no control for this."
    ),
    Reason.DRILL: Words(
        "訓練: 判定のみ行い、切替はしていません。", "Drill: everything was judged, nothing was switched."
    ),
    Reason.INTERLOCK: Words(
        "安全条件により実行しませんでした。詳細欄を見てください。", "An interlock said no. Its figures say why."
    ),
    Reason.SOC_UNKNOWN: Words(
        f"蓄電池の残量が読めません。{_GO}", "It does not know the battery's charge. Send a crew."
    ),
    Reason.SOC_BELOW_FLOOR: Words(
        "蓄電池の残量が下限を下回っています。充電されると自動で再試行します。",
        "The battery is below its floor. It tries again by itself when it is charged.",
    ),
    Reason.DEVICE_DARK: Words(f"機器が応答しません。{_GO}", "A device does not answer. Send a crew."),
    # Failed or reverted: the device
    Reason.DEVICE_REFUSED: Words(f"機器が指示を拒否しました。{_GO}", "The device refused the order. Send a crew."),
    Reason.WRITE_LOST: Words(
        f"書き込みの応答がなく、値も変わっていません。{_GO}",
        "The write was lost on its way to the device. Send a crew.",
    ),
    Reason.WRITE_IGNORED: Words(
        f"機器は受け付けたと答えましたが、値が変わっていません。{_GO}",
        "The device acknowledged and did not do it. Send a crew.",
    ),
    Reason.PARTLY_WRITTEN: Words(
        f"書き込みが途中までしか反映されていません。{_GO}", "The device took a part of it. Send a crew."
    ),
    Reason.WRONG_VALUE: Words(
        f"読み戻した値が指示と違います。{_GO}", "It reads back another number than was written. Send a crew."
    ),
    Reason.WORDS_SWAPPED: Words(
        f"上位と下位が入れ替わって書き込まれました。{_GO}",
        "High and low word came back exchanged: the device's profile is wrong. Send a crew.",
    ),
    Reason.ZERO_NOT_WRITTEN: Words(
        f"ゼロの書き込みが反映されません。{_GO}", "The device does not take a zero. Send a crew."
    ),
    Reason.STALE_ECHO: Words(f"読み戻しが古い値のままです。{_GO}", "What it reads back is an old echo. Send a crew."),
    Reason.PLANT_DISOBEYS: Words(
        f"設定は入りましたが、実際の電力が変わりません。{_GO}",
        "The registers hold the order and the power flows as before. Send a crew.",
    ),
    Reason.ONE_OF_SEVERAL: Words(
        f"複数台のうち一部しか切り替わっていません。{_GO}", "Only some of its devices obey. Send a crew."
    ),
    Reason.FELL_BACK: Words(
        f"一度切り替わりましたが、元に戻りました。{_GO}", "It switched, and fell back by itself. Send a crew."
    ),
    Reason.HEARTBEAT_LOST: Words(
        f"継続信号が途切れ、元に戻りました。{_GO}", "Its heartbeat stopped, and it fell back. Send a crew."
    ),
}


def words(cause: str) -> Words:
    """A cause in words; one that is not known stands for itself."""
    return CAUSES.get(cause, Words(cause, cause))
