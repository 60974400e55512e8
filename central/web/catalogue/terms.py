"""Words for the values of our own lists: states, fates, reasons, qualities, kinds."""

from __future__ import annotations

from typing import Final

TERMS: Final[dict[str, tuple[str, str]]] = {
    # SiteState
    "state.islanded": ("自立運転中", "Islanded"),
    "state.fault": ("異常", "Fault"),
    "state.offline": ("通信途絶", "Offline"),
    "state.stale": ("データ遅延", "Data late"),
    "state.never_seen": ("未接続", "Never seen"),
    "state.on_grid": ("系統連系中", "On grid"),
    "state_means.islanded": (
        "電力会社の電気が止まり、太陽光と蓄電池で建物に電気を送っています。",
        "The grid is gone; PV and battery carry the building.",
    ),
    "state_means.fault": (
        "機器が異常を知らせているか、応答しない機器があります。",
        "An inverter reports a fault, or a device does not answer.",
    ),
    "state_means.offline": (
        "避難所との通信が切れています。表示は途絶前のもので、いまの値は分かりません。",
        "The connection to the shelter is gone. What it does now is not known.",
    ),
    "state_means.stale": (
        "接続はありますが、新しい計測値が届いていません。",
        "Connected, but no fresh reading has come.",
    ),
    "state_means.never_seen": ("まだ一度も接続していません。", "It has never connected."),
    "state_means.on_grid": (
        "電力会社の電気につながり、平常に動いています。",
        "Connected to the grid and working normally.",
    ),
    # SiteKind
    "kind.elementary_school": ("小学校", "Elementary school"),
    "kind.junior_high_school": ("中学校", "Junior high school"),
    "kind.community_centre": ("公民館", "Community centre"),
    "kind.other": ("その他の施設", "Other building"),
    # Fate
    "fate.arrived": ("到着", "Arrived"),
    "fate.waiting": ("現地で待機", "Waiting at the shelter"),
    "fate.lost": ("欠測", "Lost"),
    "fate.not_measured": ("計測なし", "Not measured"),
    "fate.unknown": ("未確認", "Not known yet"),
    "fate_means.arrived": ("届いて保存済みです。", "Here, and stored."),
    "fate_means.waiting": ("現地に保存され、これから届きます。", "Kept at the shelter; it will come."),
    "fate_means.lost": ("届かないことが確定し、理由が分かっています。", "Given up, and the reason is known."),
    "fate_means.not_measured": ("計測装置が動いていませんでした。", "The agent was not running."),
    "fate_means.unknown": ("通信途絶中。復旧すると分かります。", "The shelter is cut off; known when it is back."),
    # LossReason, and what else a stretch gives as its reason
    "reason.thinned_1min": ("1分値に間引き", "Thinned to 1 min"),
    "reason.thinned_15min": ("15分値に間引き", "Thinned to 15 min"),
    "reason.dropped": ("保存容量の上限", "Dropped at the disk limit"),
    "reason.damaged": ("保存ファイルの破損", "Damaged file"),
    "reason.disk_full": ("ディスクの空きなし", "Disk full"),
    # Quality
    "quality.good": ("正常", "Good"),
    "quality.stale": ("古い値", "Stale"),
    "quality.not_available": ("機器が値なしと回答", "Not available"),
    "quality.out_of_range": ("範囲外", "Out of range"),
    "quality.timeout": ("応答なし", "No answer"),
    "quality.refused": ("機器が拒否", "Refused"),
    "quality.illegal_address": ("該当レジスタなし", "No such register"),
    "quality.malformed": ("読み取れない値", "Malformed"),
    "quality.missing_input": ("計算に必要な値なし", "Input missing"),
    # EventKind
    "event.agent_started": ("計測装置が起動", "Agent started"),
    "event.agent_stopped": ("計測装置が停止", "Agent stopped"),
    "event.device_lost": ("機器が応答しない", "Device lost"),
    "event.device_back": ("機器が復帰", "Device back"),
    "event.registers_refused": ("読めないレジスタあり", "Registers refused"),
    "event.grid_lost": ("停電", "Grid lost"),
    "event.grid_back": ("復電", "Grid back"),
    "event.clock_corrected": ("時計を補正", "Clock corrected"),
    "event.data_lost": ("データ欠測", "Data lost"),
    "event.outbox_damaged": ("保存ファイル破損", "Outbox damaged"),
    "event.disk_full": ("ディスク満杯", "Disk full"),
    "event.balance_off": ("電力収支が合わない", "Power balance off"),
    "event.balance_ok": ("電力収支が回復", "Power balance back"),
    # Severity
    "severity.info": ("情報", "Info"),
    "severity.warning": ("注意", "Warning"),
    "severity.alarm": ("警報", "Alarm"),
    # ClockState
    "clock.known": ("合っている", "Known"),
    "clock.unknown": ("未確認", "Unknown"),
    # InverterState, BatteryState, switches
    "inverter_state.0": ("不明", "Unknown"),
    "inverter_state.1": ("停止", "Off"),
    "inverter_state.2": ("待機", "Standby"),
    "inverter_state.3": ("起動中", "Starting"),
    "inverter_state.4": ("運転中", "Operating"),
    "inverter_state.5": ("出力制限中", "Limited"),
    "inverter_state.6": ("異常", "Fault"),
    "inverter_state.7": ("自立運転中", "Islanded"),
    "inverter_state.8": ("点検中", "Maintenance"),
    "battery_state.0": ("不明", "Unknown"),
    "battery_state.1": ("停止", "Off"),
    "battery_state.2": ("待機", "Standby"),
    "battery_state.3": ("充電中", "Charging"),
    "battery_state.4": ("放電中", "Discharging"),
    "battery_state.5": ("満充電", "Full"),
    "battery_state.6": ("空", "Empty"),
    "battery_state.7": ("異常", "Fault"),
    "switch.0": ("開（切）", "Open"),
    "switch.1": ("閉（入）", "Closed"),
    "yes_no.0": ("いいえ", "No"),
    "yes_no.1": ("はい", "Yes"),
    # Which way power flows
    "flow.charging": ("充電中", "charging"),
    "flow.discharging": ("放電中", "discharging"),
    "flow.resting": ("待機中", "resting"),
    "flow.buying": ("買電", "import"),
    "flow.selling": ("売電", "export"),
    "flow.none": ("授受なし", "no flow"),
}
