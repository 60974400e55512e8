"""What a commissioning says while it works, what it asks, and why a step cannot be done: Japanese and English."""

from __future__ import annotations

from typing import Final

from edge_agent.commissioning.draft import Step
from edge_agent.commissioning.progress import Facts, Progress
from edge_agent.commissioning.store import StoreError
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.words_bundle import BUNDLE_FAULTS
from edge_agent.commissioning.words_tests import control_name

STEPS: Final[dict[str, dict[Step, str]]] = {
    "ja": {
        Step.SCAN: "機器を探す",
        Step.DEVICES: "機器を決める",
        Step.SITE: "避難所と作業者",
        Step.CHECK: "点検",
        Step.LOAD_STEP: "負荷試験(計量器の向き)",
        Step.CONTROLS: "制御試験",
        Step.BACKUP: "停電試験",
        Step.FINISH: "報告書",
    },
    "en": {
        Step.SCAN: "find the devices",
        Step.DEVICES: "choose the devices",
        Step.SITE: "shelter and technician",
        Step.CHECK: "check",
        Step.LOAD_STEP: "load test (direction of the meter)",
        Step.CONTROLS: "control test",
        Step.BACKUP: "outage test",
        Step.FINISH: "report",
    },
}

PROGRESS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "scanning": "探しています  機器 {units} 台  {place}",
        "check_waits": "応答待ち: {names}({seconds:.0f} 秒経過)",
        "check_watches": "値の動きを見ています({seconds:.0f} 秒経過)",
        "step_watches": "計量器の変化を見ています",
        "control_looks": "{device} {name}: 今の設定を読んでいます",
        "control_writes": "{device} {name}: 書き込みます{value}",
        "control_spares": "{device} {name}: 機器のメモリーを守るため待っています(あと {seconds:.0f} 秒)",
        "control_holds": "{device} {name}: 設定が保たれるか見ています(あと {seconds:.0f} 秒)",
        "control_restores": "{device} {name}: 試験前の設定に戻しています",
        "backup_open": "系統側のブレーカーを切ってください。",
        "backup_waits_open": "ブレーカーが切れるのを待っています(あと {seconds:.0f} 秒)",
        "backup_waits_alive": "自立出力の立ち上がりを待っています(あと {seconds:.0f} 秒)",
        "backup_close": "ブレーカーを入れてください。",
        "backup_waits_close": "系統へ戻るのを待っています(あと {seconds:.0f} 秒)",
        "backup_close_again": "注意: ブレーカーを必ず入れ直してください。",
    },
    "en": {
        "scanning": "looking  devices: {units}  {place}",
        "check_waits": "waiting for {names} ({seconds:.0f} s)",
        "check_watches": "watching the values ({seconds:.0f} s)",
        "step_watches": "watching what the meters make of it",
        "control_looks": "{device} {name}: reading what is set now",
        "control_writes": "{device} {name}: writing{value}",
        "control_spares": "{device} {name}: waiting, to spare the device's memory ({seconds:.0f} s left)",
        "control_holds": "{device} {name}: watching that it stays ({seconds:.0f} s left)",
        "control_restores": "{device} {name}: putting back what was set before",
        "backup_open": "Open the grid breaker now.",
        "backup_waits_open": "waiting for the breaker to open ({seconds:.0f} s left)",
        "backup_waits_alive": "waiting for the secured output ({seconds:.0f} s left)",
        "backup_close": "Close the breaker now.",
        "backup_waits_close": "waiting for the grid to return ({seconds:.0f} s left)",
        "backup_close_again": "CAUTION: close the breaker again.",
    },
}
CALLS: Final = frozenset({"backup_open", "backup_close", "backup_close_again"})
"""What a person has to do now: shown as a line of its own, never only as progress."""

ASKS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "tier_opened": "{name} を切りました。何が消えましたか",
        "tier_closed": "{name} を入れました。何がつきましたか",
        "backup_begin": (
            "停電試験: 系統側のブレーカーを切ると、自立出力以外はすべて停電します。"
            "医療機器、エレベーター、サーバーなどがつながっていないか、館内に知らせたかを確認してください。始めますか"
        ),
        "backup_alive": "自立出力(非常用コンセントや照明)に電気が来ていますか",
    },
    "en": {
        "tier_opened": "{name} is open now. What went dark?",
        "tier_closed": "{name} is closed now. What came on?",
        "backup_begin": (
            "Outage test: with the grid breaker open everything but the secured output goes dark. Make sure that no "
            "medical device, lift or server hangs on it and that everybody in the building knows. Begin?"
        ),
        "backup_alive": "Is the secured output (emergency sockets, lamps) alive?",
    },
}
IS_YES_NO: Final = frozenset({"backup_begin", "backup_alive"})

FAULTS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "no_config": "{path} がありません。先に機器を探して決めてください。",
        "no_devices": "機器が 1 台も決まっていません。",
        "no_site": "避難所の番号が必要です(例 E0000000001111)。",
        "no_technician": "作業者の名前が必要です。",
        "no_check": "先に点検をしてください。",
        "no_control": "{device} に「{name}」の制御はありません。",
        "name_twice": "機器の名前 {name} が 2 つあります。",
        "bad_name": "機器の名前に {name} は使えません。",
        "unit_twice": "{place} のユニット {unit} が 2 回選ばれています。",
        "line_twice": "{place} に違う通信速度・パリティ・方式が指定されています。1 本の線では 1 つにしてください。",
        "unknown_profile": "{name}: profile {profile} はありません。shelter-profiles list で一覧を表示。",
        "edited": "試験の後に site.yaml が変更されています。点検からやり直してください。",
        "other_device": (
            "{device}: 点検したときと製造番号が違います({checked} → {now})。"
            "機器が入れ替わっています。点検からやり直してください。"
        ),
        "left_before": (
            "{device}: 前の「{name}」の試験が残した設定を、まだ元に戻せません。機器の画面で直したら "
            "shelter-edge commission --dir フォルダー --forget-restore {entry}"
        ),
        "no_restore": "控えに {entry} はありません(あるもの: {known})。",
        "photos_full": "写真は {count} 枚までです。",
        "busy": "{path} は、ほかの試運転(コマンドまたは画面)が使用中です。そちらを終えてから、もう一度。",
        "unwritable": "{path} に書き込めません({why})。フォルダーの所有者と空き容量を確認してください。",
        "damaged": ("{path} を読めません({why})。別の名前に変えてからもう一度始めると、site.yaml から続けられます。"),
    },
    "en": {
        "no_config": "{path} is not there. Find and choose the devices first.",
        "no_devices": "No device is chosen.",
        "no_site": "The shelter's number is needed (such as E0000000001111).",
        "no_technician": "The technician's name is needed.",
        "no_check": "Make the check first.",
        "no_control": "{device} has no control '{name}'.",
        "name_twice": "Two devices have the name {name}.",
        "bad_name": "No device can have the name {name}.",
        "unit_twice": "Unit {unit} at {place} is chosen twice.",
        "line_twice": "{place} is given with two speeds, parities or ways; a line has one.",
        "unknown_profile": "{name}: there is no profile {profile}; shelter-profiles list shows them.",
        "edited": "site.yaml was changed after the tests. Begin again with the check.",
        "other_device": (
            "{device}: its serial number is not the one that was checked ({checked}, now {now}): the device was "
            "exchanged. Begin again with the check."
        ),
        "left_before": (
            "{device}: what an earlier test of '{name}' left can't be put back yet. If you have set it by hand: "
            "shelter-edge commission --dir FOLDER --forget-restore {entry}"
        ),
        "no_restore": "There is no entry {entry} (there are: {known}).",
        "photos_full": "At most {count} photos.",
        "busy": "{path}: another commissioning (command or page) works on it. End that one, then try again.",
        "unwritable": "{path} cannot be written ({why}). Check the folder's owner and the free space.",
        "damaged": "{path} cannot be read ({why}). Rename it and begin again; site.yaml is gone on with.",
    },
}


def progress_in_words(progress: Progress, lang: str) -> str:
    """What goes on now."""
    return PROGRESS[lang][progress.kind].format(**_facts(progress.facts, lang))


def ask_in_words(kind: str, facts: Facts, lang: str) -> str:
    """A question to the person."""
    return ASKS[lang][kind].format(**_facts(facts, lang))


def step_error_in_words(error: StepError, lang: str) -> str:
    """Why a step cannot be done as it was asked for."""
    return (FAULTS[lang] | BUNDLE_FAULTS[lang])[error.kind].format(**_facts(error.facts, lang))


def store_error_in_words(error: StoreError, lang: str) -> str:
    """Why the folder cannot be used."""
    return FAULTS[lang][error.kind].format(path=error.path, why=error.why)


def _facts(facts: Facts, lang: str) -> dict[str, str | float]:
    made = dict(facts)
    if "control" in facts:
        made.setdefault("name", control_name(str(facts["control"]), lang))
    said = [f"{facts[key]:g} {unit}" for key, unit in (("soc_pct", "%"), ("power_w", "W")) if key in facts]
    if said:
        made["value"] = f"({'、'.join(said)})" if lang == "ja" else f" ({', '.join(said)})"
    made.setdefault("value", "")
    return made
