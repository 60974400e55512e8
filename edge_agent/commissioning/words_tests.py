"""What came of control tests and of the outage test, in Japanese and in English."""

from __future__ import annotations

from typing import Final

from contract.commissioning import ControlVerdict, ReportedControl
from device_profiles.model import ControlKind
from edge_agent.commissioning.backup_test import BackupTested
from edge_agent.commissioning.control_test import Tested
from edge_agent.commissioning.draft import Said
from edge_agent.commissioning.trial import IDLE_W
from edge_agent.commissioning.words_report import REPORT_WORDS
from edge_agent.words_orders import receipt_in_words

_WHAT: Final[dict[str, tuple[str, str]]] = {
    "passed": (
        "{register} に {written} を書き込み、{read_back} と読めました。試験前の値({restored})に戻しました。",
        "{written} was written to {register} and read back as {read_back}; put back to {restored}.",
    ),
    "passed_unread": (
        "{register} に {written} を書き込みました(この機種は読み返せません)。その後、指令を解除しました。",
        "{written} was written to {register}, which this device lets nobody read back; released again.",
    ),
    "unread": (
        "{register} に書き込みましたが、この機種は読み返せず、設備の動きも確認できませんでした。指令は解除しました。",
        "{register} was written, but it can't be read back and the plant showed nothing; released again.",
    ),
    "follows": ("設備も指令どおりに動きました({seen})。", "The plant followed ({seen})."),
    "not_visible": (
        "設備の動きは、試験時の状態では確認できませんでした。",
        "Whether the plant follows could not be seen at the time.",
    ),
    "tier_answer": ("停電した負荷(作業者の確認): {answer}", "What went dark, as the technician saw it: {answer}"),
    "write_reverts": (
        "{register} に書き込んだ {written} が、しばらくして {read_back} に戻りました。",
        "{register} took {written} and fell back to {read_back} after a while.",
    ),
    "no_effect": (
        "{register} は {written} のままですが、設備が指令に従いません({seen})。",
        "{register} keeps {written}, but the plant does not follow ({seen}).",
    ),
    "not_restored": (
        "試験前の値({before})に戻せていません。",
        "It is not back to what it was before the test ({before}).",
    ),
    "cannot_save": (
        "制御のレジスタが読めないため、何も書き込んでいません。",
        "The registers of this control can't be read, so nothing was written.",
    ),
    "grid_lost": ("停電中(自立運転中)のため、試験していません。", "Not tested: the grid is away."),
    "device_fault": ("機器が異常を示しているため、試験していません。", "Not tested: the device reports a fault."),
    "grid_lost_midway": (
        "試験の途中で停電(自立運転)になったため、中止して元に戻しました。",
        "The grid went away in the middle of the test: it was ended, and what was set before put back.",
    ),
    "fault_midway": (
        "試験の途中で機器が異常を示したため、中止して元に戻しました。",
        "The device reported a fault in the middle of the test: it was ended, and what was set before put back.",
    ),
    "hold_unseen": (
        "{register} に {written} を書き込みましたが、その後は値を読めず、保たれたか確認できません。",
        "{written} was written to {register}, but since then it can't be read: whether it stayed is not known.",
    ),
    "no_way_back": (
        "読み返せないレジスタ({names})があり、元に戻す方法が profile にないため、試験していません。",
        "Not tested: {names} can't be read, and the profile names no way back.",
    ),
    "soc_unknown": (
        "蓄電池の残量が読めないため、試験していません。",
        "Not tested: the battery's state of charge can't be read.",
    ),
    "soc_low": (
        "蓄電池の残量が {soc_pct:.0f} % のため、試験していません({least_pct:.0f} % 以上で実施)。",
        "Not tested: the battery holds {soc_pct:.0f} %, want at least {least_pct:.0f} %.",
    ),
    "battery_full": (
        "蓄電池が満充電に近い({soc_pct:.0f} %)ため、充電の試験はしていません。",
        "Not tested: the battery is nearly full ({soc_pct:.0f} %), so no charge would show.",
    ),
    "no_room": (
        "設定できる範囲({low:g}〜{high:g} {unit})に試す値がありません。",
        "The range ({low:g} to {high:g} {unit}) leaves no value to try.",
    ),
    "outage_unseen": (
        "停電を検知できる機器がないため、試験していません。",
        "Not tested: no device tells whether the grid is there.",
    ),
    "declined": ("作業者が取りやめました。", "The technician chose not to."),
    "backup_passed": (
        "ブレーカーを切り、自立出力({carried})を確認しました。復電後、系統への復帰も確認しました({back})。",
        "With the breaker open the secured output carried {carried}; after closing it the grid was back in {back}.",
    ),
    "backup_dead": (
        "停電中、自立出力に電気が来ませんでした。",
        "The secured output stayed dark while the grid was away.",
    ),
    "no_load": (
        "自立出力に電圧はありますが、負荷が動いていないため、供給できるかは確認できていません。",
        "The secured output is alive, but no load was on it, so it is not proven to carry one.",
    ),
    "grid_stays": (
        "時間内にブレーカーが切れたことを確認できませんでした。",
        "The grid was not seen to go within the time.",
    ),
    "grid_not_back": (
        "ブレーカーを入れた後、時間内に系統へ戻ったことを確認できませんでした。",
        "The grid was not seen to return within the time.",
    ),
}
_TRY: Final[dict[str, tuple[str, str]]] = {
    "write_reverts": (
        "ほかの機器やメーカーの遠隔監視が値を書き戻していないか確認し、止めてからもう一度。",
        "Look for another controller or a maker's portal that writes too; stop it, then test again.",
    ),
    "no_effect": (
        "機器側の運転モード、遠隔制御の許可、蓄電池のブレーカーを確認し、もう一度。",
        "Check the operating mode, that remote control is allowed, and the battery's breaker; then test again.",
    ),
    "not_restored": (
        "機器の表示で設定値を確かめる。値は記録してあり、次に check か commission を始めたときに書き戻します。",
        "Look at the setting at the device. What stood there is on record and is written back at the next check.",
    ),
    "cannot_save": (
        "機種とファームウェアに合う profile か、通信が安定しているか確認。",
        "Check that the profile fits the model and firmware, and that the line is stable.",
    ),
    "grid_lost": ("復電してからもう一度。", "Test again when the grid is back."),
    "grid_lost_midway": ("復電してからもう一度。", "Test again when the grid is back."),
    "fault_midway": (
        "機器の表示で異常の内容を確かめ、直してからもう一度。",
        "See the fault at the device; mend it, then test again.",
    ),
    "hold_unseen": (
        "配線とゲートウェイ、ほかのソフトの接続を確認してからもう一度。",
        "Check the cable, the gateway and other programs that connect, then test again.",
    ),
    "no_way_back": (
        "profile の controls に off(解除の書き込み)を追加。",
        "Give the control an off sequence in the profile.",
    ),
    "device_fault": (
        "機器の表示で異常の内容を確かめ、直してからもう一度。",
        "See the fault at the device; mend it first.",
    ),
    "soc_unknown": (
        "蓄電池の電源と、PCS との通信線を確認してからもう一度。",
        "Check the battery's power and its cable to the inverter, then test again.",
    ),
    "soc_low": ("充電してからもう一度。", "Charge the battery first."),
    "battery_full": ("残量が減ってからもう一度。", "Test again when it holds less."),
    "no_room": (
        "profile の範囲と、機器側の上下限の設定を確認。",
        "Check the profile's range and the device's own limits.",
    ),
    "outage_unseen": ("停電を示す項目がある profile か確認。", "Check the profile: some families do not tell."),
    "unread": (
        "充放電しているときに、もう一度(充電の試験が確実)。",
        "Test again while the battery is at work; a test of the charge shows most.",
    ),
    "too_soon": ("少し待ってからもう一度。", "Wait a little, then test again."),
    "blind": ("機器との通信を確認してからもう一度。", "Check the line to the device, then test again."),
    "backup_dead": (
        "自立出力の配線とブレーカー、機器側のバックアップ設定、切替盤を確認。",
        "Check wiring and breaker of the secured output, the device's backup setting and the changeover switch.",
    ),
    "no_load": (
        "自立出力に照明などをつないで、もう一度。",
        "Put a load such as a lamp on the secured output, then again.",
    ),
    "grid_stays": (
        "切ったブレーカーが系統側か、機器の停電表示を確認してもう一度。",
        "Check that it is the grid's breaker, and what the device shows; then again.",
    ),
    "grid_not_back": (
        "ブレーカーが入っているか確認。PCS は復帰まで数分かかります。",
        "Check that the breaker is closed. An inverter takes some minutes to come back.",
    ),
}
BY_HAND: Final = ("機器側での作業: {text}", "At the device: {text}")


def control_name(kind: str, lang: str) -> str:
    """The name of a control for people."""
    names: dict[str, str] = REPORT_WORDS[lang]["control_names"]
    if kind in names:
        return names[kind]
    number = kind.removeprefix("tier")
    return f"負荷 {number}" if lang == "ja" else f"load tier {number}"


def control_result(tested: Tested) -> tuple[ReportedControl, Said | None]:
    """A control test as the report has it, and what to try."""
    said = {lang: _control_what(tested, lang) for lang in ("ja", "en")}
    advice = {lang: _control_try(tested, lang) for lang in ("ja", "en")}
    reported = ReportedControl(
        device=tested.device,
        control=tested.control,
        verdict=tested.verdict,
        before=tested.before,
        written=tested.written,
        read_back=tested.read_back,
        restored=tested.restored,
        unit=tested.unit,
        ja=said["ja"][:2_000],
        en=said["en"][:2_000],
    )
    return reported, Said(ja=advice["ja"], en=advice["en"]) if advice["ja"] or advice["en"] else None


def _control_what(tested: Tested, lang: str) -> str:
    n = 0 if lang == "ja" else 1
    facts: dict[str, str | float] = {
        "register": tested.register,
        "before": _number(tested.before, tested.unit),
        "written": _number(tested.written, tested.unit),
        "read_back": _number(tested.read_back, tested.unit),
        "restored": _number(tested.restored, tested.unit),
        "seen": _seen(tested, lang),
        **(tested.facts or {}),
    }
    join = "" if lang == "ja" else " "
    parts = []
    if tested.verdict is ControlVerdict.PASSED:
        parts.append(_WHAT["passed" if tested.is_read_back else "passed_unread"][n].format(**facts))
        if tested.follows:
            parts.append(_WHAT["follows"][n].format(**facts))
        elif tested.control in (ControlKind.CHARGE, ControlKind.DISCHARGE_BLOCK, ControlKind.EXPORT_LIMIT):
            parts.append(_WHAT["not_visible"][n])
        if tested.answer:
            parts.append(_WHAT["tier_answer"][n].format(answer=tested.answer))
        return join.join(parts)
    if tested.verdict is ControlVerdict.NOT_RESTORED:
        parts.append(_WHAT["not_restored"][n].format(**facts))
    if tested.kind in _WHAT and tested.kind != "not_restored":
        parts.append(_WHAT[tested.kind][n].format(**facts))
    elif tested.receipt is not None:
        parts.append(receipt_in_words(tested.receipt, lang).what)
    return join.join(parts)


def _control_try(tested: Tested, lang: str) -> str:
    n = 0 if lang == "ja" else 1
    if tested.verdict is ControlVerdict.PASSED:
        return ""
    if tested.verdict is ControlVerdict.NOT_RESTORED:
        return _TRY["not_restored"][n]
    if tested.kind in _TRY:
        return _TRY[tested.kind][n]
    return receipt_in_words(tested.receipt, lang).remedy if tested.receipt is not None else ""


def _seen(tested: Tested, lang: str) -> str:
    if tested.seen_w is None:
        return "値なし" if lang == "ja" else "no value"
    if tested.control == ControlKind.EXPORT_LIMIT:
        return f"売電 {tested.seen_w:,.0f} W" if lang == "ja" else f"export {tested.seen_w:,.0f} W"
    if abs(tested.seen_w) <= IDLE_W:
        return "充放電なし" if lang == "ja" else "battery at rest"
    if tested.seen_w < 0:
        return f"充電 {-tested.seen_w:,.0f} W" if lang == "ja" else f"charging {-tested.seen_w:,.0f} W"
    return f"放電 {tested.seen_w:,.0f} W" if lang == "ja" else f"discharging {tested.seen_w:,.0f} W"


def _number(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:g} {unit}".rstrip()


def backup_result(tested: BackupTested) -> tuple[ReportedControl, Said | None]:
    """The outage test as the report has it, and what to try."""
    kind = tested.kind or "backup_passed"
    facts: dict[str, str | float] = {
        "carried": _number(None if tested.secured_w is None else round(tested.secured_w), "W"),
        "back": _number(None if tested.back_s is None else round(tested.back_s), "s"),
        **(tested.facts or {}),
    }
    ja, en = (text.format(**facts) for text in _WHAT[kind])
    advice = _TRY.get(kind)
    reported = ReportedControl(
        device=tested.device,
        control=ControlKind.BACKUP,
        verdict=tested.verdict,
        read_back=None if tested.secured_w is None else round(tested.secured_w),
        unit="W",
        ja=ja,
        en=en,
    )
    return reported, Said(ja=advice[0], en=advice[1]) if advice else None
