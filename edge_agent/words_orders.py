"""Orders to a device in words: why one was refused, what failed and what to try, what an exception code means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_agent.core.interlocks import Reason
from edge_agent.core.outcomes import Failure, Outcome, Step
from edge_agent.core.saved import Saved
from edge_agent.mending import Mended
from edge_agent.obey import Receipt


@dataclass(frozen=True, slots=True)
class Said:
    """What is the matter, and what to try (empty: nothing)."""

    what: str
    remedy: str = ""


_EXCEPTIONS: Final[dict[int, tuple[Said, Said]]] = {
    1: (
        Said("機器はこの機能(ファンクション)に対応していません。", "profile とユニット番号を確認。"),
        Said("The device does not know this function.", "Check the profile and the unit number."),
    ),
    2: (
        Said("機器にこのレジスタはありません。", "機種とファームウェアに合う profile か確認。"),
        Said("The device has no such register.", "Check that the profile fits its model and firmware."),
    ),
    3: (
        Said("機器はこの値を受け付けません。", "範囲と、機器側の設定(遠隔制御の許可)を確認。"),
        Said(
            "The device does not take this value.", "Check the range, and that remote control is allowed at the device."
        ),
    ),
    4: (
        Said("機器の内部で異常が起きました。", "機器の表示を確認。続くときは電源を入れ直す。"),
        Said("The device failed while it answered.", "Look at its display; if it persists, switch it off and on."),
    ),
    5: (
        Said("機器は受け付け、まだ処理中です。", "少し待って、もう一度読む。"),
        Said("The device has taken it and is still working.", "Wait a little and read again."),
    ),
    6: (
        Said("機器は処理中で応答できません。", "少し待つ。ほかのソフトが同じ機器を使っていないか確認。"),
        Said("The device is busy.", "Wait a little; check that no other program uses it."),
    ),
    7: (
        Said("機器は実行できないと応答しました。", "機器側の設定(遠隔制御の許可、パスワード)を確認。"),
        Said("The device can't do it.", "Check its settings: remote control allowed, password."),
    ),
    8: (
        Said("機器のメモリーに異常があります。", "機器の電源を入れ直す。続くときはメーカーへ。"),
        Said("The device reports an error of its memory.", "Switch it off and on; if it persists, ask the maker."),
    ),
    9: (
        Said("機器が規格にないコード 9 で断りました。", "メーカーの資料を確認。"),
        Said("The device refused with code 9, which is not in the standard.", "See the maker's document."),
    ),
    10: (
        Said("ゲートウェイに、この機器への経路がありません。", "ゲートウェイの設定(ポート、ユニット番号)を確認。"),
        Said("The gateway has no way to this unit.", "Check the gateway's settings: port, unit numbers."),
    ),
    11: (
        Said(
            "ゲートウェイの先の機器が応答しません。",
            "機器の電源、RS-485 の配線(A/B)、ユニット番号、通信速度を確認。",
        ),
        Said(
            "The unit behind the gateway does not answer.",
            "Check its power, the RS-485 wiring (A/B), its unit number and speed.",
        ),
    ),
}
_REASONS: Final[dict[Reason, tuple[str, str]]] = {
    Reason.OUT_OF_RANGE: (
        "{register} の {value:g} {unit} は範囲外です({low:g}〜{high:g} {unit})。",
        "{register}: {value:g} {unit} is outside of {low:g} to {high:g} {unit}.",
    ),
    Reason.MISSING_ARGUMENT: ("値 {argument} が必要です。", "A value is needed: {argument}."),
    Reason.UNKNOWN_ARGUMENT: ("この制御は {argument} を受け付けません。", "This control takes no {argument}."),
    Reason.NOTHING_TO_RELEASE: (
        "この制御に「解除」はありません。元の値を書き戻してください。",
        'This control has no "off": write back what was there before.',
    ),
    Reason.TOO_SOON: (
        "機器のメモリーを守るため、あと {wait_s:.0f} 秒は書き込みません。",
        "Not written for another {wait_s:.0f} s, to spare the device's memory.",
    ),
    Reason.BLIND: (
        "機器の今の状態が読めないため、書き込みません。",
        "Not written: the present state of the device can't be read.",
    ),
    Reason.ISOLATED: (
        "この避難所は切り離し中(浸水のおそれ)のため、入れません。",
        "Not done: the shelter is isolated, since water is expected.",
    ),
    Reason.BELOW_FLOOR: (
        "蓄電池が下限 {floor_pct:g} % を下回るため、行いません({soc_pct:g} %)。",
        "Not done: the battery would go below its floor of {floor_pct:g} % ({soc_pct:g} %).",
    ),
}
_FAILURES: Final[dict[Failure, tuple[Said, Said]]] = {
    Failure.NO_ANSWER: (
        Said("機器が応答しません。", "電源と配線を確認し、もう一度試す。"),
        Said("The device does not answer.", "Check power and cable, then try again."),
    ),
    Failure.NO_SUCH_REGISTER: (
        Said("この制御のレジスタが機器にありません。", "機種とファームウェアに合う profile か確認。"),
        Said("The device lacks a register of this control.", "Check that the profile fits its model and firmware."),
    ),
    Failure.OTHER_DEVICE: (
        Said("値を控えたときと別の機器です。", "機器か profile が入れ替わっています。今の機器の設定を画面で確認。"),
        Said(
            "It was saved from another device.",
            "The device or its profile was exchanged: look at the setting of the one that is there now.",
        ),
    ),
    Failure.NO_CONNECTION: (
        Said("書き込む前に接続が切れました。", "配線を確認。ほかのソフトが接続していれば止める。"),
        Said("The connection was lost before the write.", "Check the cable; stop other programs that connect."),
    ),
    Failure.LOCKED: (
        Said("書き込みのロックを解除できません。", "機器側で遠隔制御を許可する。"),
        Said("The device can't be unlocked for writing.", "Allow remote control at the device."),
    ),
    Failure.UNFIT: (
        Said("この値はレジスタに入りません。", "別の値で試す。"),
        Said("The register can't hold this value.", "Try another value."),
    ),
    Failure.DEVICE_REFUSED: (
        Said("機器が書き込みを断りました。", "機器側で遠隔制御が許可されているか確認。"),
        Said("The device refused the write.", "Check that remote control is allowed at the device."),
    ),
    Failure.STATE_UNKNOWN: (
        Said(
            "書き込みの途中で応答がなくなりました。機器に今どの値が入っているか分かりません。",
            "配線を直し、もう一度 check を実行する。元の値は記録してあり、次に応答したとき書き戻します。",
        ),
        Said(
            "The answer to a write was lost, and the device can't be read since: nobody knows what it holds.",
            "Mend the cable and run check again. What stood there is on record and is written back then.",
        ),
    ),
    Failure.WRITE_IGNORED: (
        Said(
            "機器は書き込みを受けましたが、値は変わっていません。",
            "機器側で遠隔制御が許可されているか、profile を確認。",
        ),
        Said(
            "The device confirmed the write, but the value has not changed.",
            "Check that remote control is allowed at the device, and the profile.",
        ),
    ),
    Failure.ZERO_NOT_WRITTEN: (
        Said("0 を書きましたが、元の値のままです。", "0 を受け付けない機種です。この制御は使わない。"),
        Said("0 was written, and the old value still stands.", "The device does not take 0: do not use this control."),
    ),
    Failure.PARTLY_WRITTEN: (
        Said("値の一部のワードだけが書き換わっています。", "ゲートウェイの設定と profile を確認。この制御は使わない。"),
        Said(
            "Only some of the value's words were written.",
            "Check the gateway's settings and the profile: do not use this control.",
        ),
    ),
    Failure.WRITE_LOST: (
        Said(
            "書き込みに応答がなく、値も変わっていません。",
            "ゲートウェイの設定を確認。機器が断り、ゲートウェイが伝えていない恐れがあります。",
        ),
        Said(
            "The write is never answered, and the value has not changed.",
            "Check the gateway's settings: the device may refuse and the gateway not pass it on.",
        ),
    ),
    Failure.WRITE_SCALED: (
        Said("書いた値と桁が違う値が読めます。", "profile の scale がこの機種に合っていません。この制御は使わない。"),
        Said(
            "What reads back is off by a power of ten.",
            "The profile's scale does not fit this model: do not use this control.",
        ),
    ),
    Failure.WORDS_SWAPPED: (
        Said("ワードの順が逆に読めます。", "profile の word_order がこの機種に合っていません。この制御は使わない。"),
        Said(
            "The words read back in the other order.",
            "The profile's word_order does not fit this model: do not use this control.",
        ),
    ),
    Failure.WRITE_ALTERED: (
        Said("書いた値と違う値が読めます。", "機器が値を丸めたか、ほかのソフトが書いています。"),
        Said("Another value reads back than was written.", "The device limits it, or another program writes too."),
    ),
    Failure.REVERTED: (
        Said("書いた値は、いったん入ったあと元に戻りました。", "ほかのソフト(メーカーの遠隔監視など)を止める。"),
        Said(
            "The value was there at first and then fell back.", "Stop other programs that steer it (a maker's portal)."
        ),
    ),
}


def _of(pair: tuple[Said, Said], lang: str) -> Said:
    return pair[0] if lang == "ja" else pair[1]


def exception_in_words(code: int, lang: str) -> Said:
    """A Modbus exception code."""
    unknown = (
        Said(f"機器が規格にないコード {code} で断りました。", "メーカーの資料を確認。"),
        Said(f"The device refused with code {code}, which is not in the standard.", "See the maker's document."),
    )
    return _of(_EXCEPTIONS.get(code, unknown), lang)


def refusal_in_words(reason: Reason, facts: Mapping[str, float | str], lang: str) -> str:
    """Why an interlock said no."""
    text = _REASONS[reason][0 if lang == "ja" else 1]
    return text.format(**facts).replace(" )", ")").replace(" .", ".")


def failure_in_words(outcome: Outcome, lang: str) -> Said:
    """What failed, at which register, and what to try. For an outcome that has a failure."""
    assert outcome.failure is not None
    said = _of(_FAILURES[outcome.failure], lang)
    step = next((step for step in outcome.steps if step.failure is not None), None)
    if step is None:
        return Said(f"{said.what} ({outcome.detail})" if outcome.detail else said.what, said.remedy)
    if step.code:
        more = exception_in_words(step.code, lang)
        return Said(f"{step.register}: {said.what} {more.what}", more.remedy)
    return Said(f"{step.register}: {said.what}{_numbers(step, lang)}", said.remedy)


def _numbers(step: Step, lang: str) -> str:
    def shown(value: float | None) -> str:
        return "?" if value is None else f"{value:g} {step.unit}".rstrip()

    if step.wanted is None or not step.is_written:
        return ""
    if lang == "ja":
        return f" 書いた値 {shown(step.wanted)}、読めた値 {shown(step.read_back)}、元の値 {shown(step.before)}。"
    return f" Written {shown(step.wanted)}, read back {shown(step.read_back)}, before {shown(step.before)}."


def receipt_in_words(receipt: Receipt, lang: str) -> Said:
    """How an order ended, whichever way."""
    if receipt.reason is not None:
        return Said(refusal_in_words(receipt.reason, receipt.facts, lang))
    if receipt.outcome is not None and receipt.outcome.failure is not None:
        return failure_in_words(receipt.outcome, lang)
    if not receipt.is_good:
        return Said(
            "書き込み、機器が受け付けました(読み返せないレジスタがあるため、値は確認できません)。"
            if lang == "ja"
            else "Written and confirmed by the device; a register can't be read back, so its value is not verified."
        )
    return Said("書き込み、読み返して一致しました。" if lang == "ja" else "Written and read back.")


DAMAGED_TEXT: Final = {
    "ja": (
        "制御試験の控えに読めない行があります。試験前の値に戻っていない機器がある恐れがあります。機器の設定を画面で確認し、"
        "shelter-edge commission --dir フォルダー --forget-restore damaged"
    ),
    "en": (
        "Lines of the record of control tests cannot be read: a device may not be back to what it was before a test. "
        "Look at the settings of the devices, then: shelter-edge commission --dir FOLDER --forget-restore damaged"
    ),
}
WAY_OUT: Final = {
    "ja": (
        "機器の画面で元の値に直したときや機器を交換したときは、shelter-edge commission --dir フォルダー "
        "--forget-restore {id} で、この控えを取り消せます。"
    ),
    "en": (
        "If you have set it at the device by hand, or the device was exchanged: shelter-edge commission --dir FOLDER "
        "--forget-restore {id}"
    ),
}


def mended_in_words(mended: Mended, lang: str) -> str:
    """What became of something that an interrupted control test had left behind."""
    saved = mended.saved
    place = f"{saved.device} {saved.kind}"
    is_ja = lang == "ja"
    if mended.is_done:
        return f"{place}: 中断した制御試験の前の値に戻しました。" if is_ja else (
            f"{place}: put back as it was before a control test that was cut short."
        )  # fmt: skip
    if mended.receipt is None:
        if mended.why == "no_such_device":
            why = "機器がサイトファイルにありません" if is_ja else "the site file has no such device"
        else:
            why = "機器が応答しません" if is_ja else "the device does not answer"
    else:
        said = receipt_in_words(mended.receipt, lang)
        why = f"{said.what} {said.remedy}".strip().rstrip("。.")
    values = values_in_words(saved)
    way_out = WAY_OUT[lang].format(id=saved.id)
    if is_ja:
        return f"{place}: 中断した制御試験の前の値({values})にまだ戻せません: {why}。{way_out}"
    return f"{place}: not yet back to what it was before a control test that was cut short ({values}): {why}. {way_out}"


def values_in_words(saved: Saved) -> str:
    """What stood in a device before a test."""
    return ", ".join(f"{name} {value}" for name, value in saved.as_json().items())
