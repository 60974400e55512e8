"""What is said while a step runs, what a person is asked or told to do, and why a step cannot be done."""

from __future__ import annotations

from typing import Final

PROGRESS: Final[dict[str, tuple[str, str]]] = {
    "scanning": ("機器 {units} 台。いま {place}", "{units} devices so far. Now {place}"),
    "check_waits": ("応答待ち: {names}", "Waiting for {names}"),
    "check_watches": ("値の変化を見ています", "Watching the values"),
    "step_watches": ("負荷の変化を見ています", "Watching the load's effect"),
    "control_looks": ("{device}: いまの設定を読み、控えています", "{device}: reading and noting what stands there"),
    "control_writes": ("{device}: 書き込んで、読み返しています", "{device}: writing and reading back"),
    "control_spares": (
        "{device}: 機器の書き込み間隔を守るため、あと {seconds} 秒待ちます",
        "{device}: waiting {seconds} s more, to spare the device's memory",
    ),
    "control_holds": (
        "{device}: 値が保たれ、設備が従うか見ています",
        "{device}: watching that it holds and the plant follows",
    ),
    "control_restores": ("{device}: 元の設定に戻し、読み返しています", "{device}: restoring what was there"),
    "backup_open": ("受電ブレーカーを切ってください", "Open the grid breaker now"),
    "backup_waits_open": ("停電を待っています(あと {seconds} 秒)", "Waiting for the grid to go (another {seconds} s)"),
    "backup_waits_alive": (
        "非常用回路に電気が来るのを待っています(あと {seconds} 秒)",
        "Waiting for the secured output (another {seconds} s)",
    ),
    "backup_close": ("受電ブレーカーを入れてください", "Close the grid breaker now"),
    "backup_waits_close": (
        "復電を待っています(あと {seconds} 秒)",
        "Waiting for the grid's return (another {seconds} s)",
    ),
    "backup_close_again": (
        "受電ブレーカーが入っているか、必ず確かめてください",
        "Make sure that the grid breaker is closed again",
    ),
    "mend": ("中断した試験で変えた設定を、元に戻しています", "Putting back what an interrupted test had changed"),
}
GENERAL: Final = ("作業中", "Working")
INSTRUCTIONS: Final = frozenset({"backup_open", "backup_close", "backup_close_again"})
"""What a person has to do; the step sees by itself that it was done."""

ASKS: Final[dict[str, tuple[str, str]]] = {
    "load": (
        "負荷({load_w} W)のスイッチを入れ、入れたら押してください",
        "Switch the load ({load_w} W) on, then press",
    ),
    "backup_begin": ("停電試験を始めますか", "Start the outage test?"),
    "backup_alive": (
        "非常用回路に電気が来ていますか(照明などで確認)",
        "Does the secured output have power? Look at a lamp on it",
    ),
    "tier_closed": (
        "{device} の {control} を入れました。電気が来た負荷を書いてください",
        "{control} of {device} is closed now. Which loads came on?",
    ),
    "tier_opened": (
        "{device} の {control} を切りました。停電した負荷を書いてください",
        "{control} of {device} is open now. Which loads went dark?",
    ),
}
_YES_NO: Final = {"yes": ("はい", "Yes"), "no": ("いいえ", "No")}
ANSWERS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "load": {"yes": ("入れた", "It is on")},
    "backup_begin": _YES_NO,
    "backup_alive": _YES_NO,
}
"""Answers to choose from; a question without any takes a text."""

FAULTS: Final[dict[str, tuple[str, str]]] = {
    "fault_no_config": (
        "先に、機器と避難所の登録を済ませてください。",
        "First choose the devices and enter the shelter.",
    ),
    "fault_no_devices": ("機器を 1 台以上選んでください。", "Choose at least one device."),
    "fault_no_site": ("避難所の番号を入れてください。", "Enter the shelter's number."),
    "fault_name_twice": ("名前 {name} が重なっています。", "The name {name} is given twice."),
    "fault_bad_name": ("名前 {name} は使えません。", "The name {name} cannot be used."),
    "fault_unit_twice": (
        "{place} のユニット {unit} が 2 回選ばれています。",
        "Unit {unit} at {place} is taken twice.",
    ),
    "fault_unknown_profile": ("{name}: profile {profile} はありません。", "{name}: there is no profile {profile}."),
    "fault_no_control": ("{device} に {control} の制御はありません。", "{device} has no control {control}."),
    "fault_photos_full": ("写真は {count} 枚まで。", "Up to {count} photos."),
    "fault_no_technician": ("先に、作業者の名前を入れてください。", "First enter the technician's name."),
    "fault_no_check": ("先に点検を済ませてください。", "Make the check first."),
    "store_busy": (
        "{path} では shelter-edge commission が作業中です。終わってから、もう一度開いてください。",
        "shelter-edge commission is at work in {path}. Open this again when it has ended.",
    ),
    "store_unwritable": (
        "{path} に書き込めません({why})。フォルダーの所有者と空き容量を確認してください。",
        "{path} cannot be written ({why}). Check the folder's owner and the free space.",
    ),
    "store_damaged": (
        "{path} が壊れています({why})。別の名前に変えると、新しく始められます。",
        "{path} is damaged ({why}). Rename it to begin anew.",
    ),
    "not_there": (
        "機器が応答しません({why})。電源と配線を確認してください。",
        "The device does not answer ({why}). Check its power and cable.",
    ),
    "journal_busy": (
        "ほかの処理が制御試験または復元をしています。終わってから、もう一度。",
        "Another program tests or restores controls. Wait until it has ended.",
    ),
    "job_mend": ("中断した試験の復元", "Restoring after an interrupted test"),
    "mend_done": ("{device}: 元の設定に戻しました。", "{device}: back to what was there before."),
    "mend_pending": (
        "中断した制御試験で変えた設定が、機器に残っている可能性があります",
        "An interrupted control test may have left its setting in a device",
    ),
    "mend_now": ("元の設定に戻す", "Put back what was there"),
}
