"""Words of the page of fleet health: what is not well, and what to do about it."""

from __future__ import annotations

from typing import Final

FLEET: Final[dict[str, tuple[str, str]]] = {
    "nav_fleet": ("設備の状態", "Fleet health"),
    "fleet_lead": (
        "通信・機器・データで手当てが必要なところと、することの一覧です（{total}か所、{time} 現在）。",
        "What needs care in links, devices and data, and what to do ({total} shelters, as of {time}).",
    ),
    "fleet_file": ("表計算用ファイル（CSV、1行に1避難所）", "File for a spreadsheet (CSV, a row per shelter)"),
    "fleet_jump": ("項目", "Sections"),
    "fleet_well": ("手当ての要らない項目", "Nothing to do"),
    "fleet_well_text": ("次の項目に該当する避難所はありません。", "No shelter has any of these."),
    "fleet_more": ("ほか{n}件。区で絞り込むか、CSVを使ってください。", "{n} more. Filter by ward, or take the CSV."),
    "fleet_more_groups": ("ほか{n}件。", "{n} more."),
    "fleet_do": ("すること", "What to do"),
    # Sections and what to do
    "fleet.offline": ("通信途絶", "Offline"),
    "fleet_do.offline": (
        "施設に電話し、停電と通信機器（ルーター）の電源を確認してもらいます。データは現地に残っていて、復旧すると届きます。",
        "Telephone the building: is there power, is the router on? Data is kept there and comes when the link is back.",
    ),
    "fleet.stale": ("データ遅延（接続はあるが新しい値がない）", "Data late (connected, but no fresh reading)"),
    "fleet_do.stale": (
        "避難所のページで機器の応答を確認します。30分続くときは技術者が計測装置のログを見ます。",
        "Look at the devices on the shelter's page. If it lasts half an hour a technician reads the agent's log.",
    ),
    "fleet.never_seen": ("未接続", "Never seen"),
    "fleet_do.never_seen": (
        "試運転前なら問題ありません。設置済みなら、計測装置の通信設定と避難所IDを確認します。",
        "All right before commissioning. If it is installed, check the agent's broker settings and the shelter's ID.",
    ),
    "fleet.devices": ("応答しない機器・異常のある機器", "Devices that are dark or report a fault"),
    "fleet_do.devices": (
        "応答なしは配線・電源・機器アドレスを、異常は機器の表示とメーカーの手順を確認します。",
        "Dark: check wiring, power and address. Fault: read the device's display and follow its maker's procedure.",
    ),
    "fleet.clock": ("時計のずれ", "Clocks that are off"),
    "fleet_do.clock": (
        "計測装置の時刻合わせ（NTP）を確認します。時計が未確認の間、期限のある指示は実行されないことがあります。",
        "Check the agent's time service (NTP). While its clock is unknown it may refuse orders that expire.",
    ),
    "fleet.outbox": ("10分以上送れていないデータ", "Data that has waited for over ten minutes"),
    "fleet_do.outbox": (
        "回線の速さを確認します。使用量が上限に近づくと、古いデータから1分値・15分値に間引かれます。",
        "Check the link's speed. Near the limit the oldest data is thinned to 1 and 15 minutes.",
    ),
    "fleet.letters": ("使えなかったメッセージ", "Messages that could not be used"),
    "fleet_do.letters": (
        "「別の版の形式」なら計測装置を更新し、「未知の項目」「範囲外」なら機器プロファイルを確認します。登録のないIDなら避難所を登録します。",
        "Other version: update the agent. Unknown point or out of range: check the profile. Unknown ID: register it.",
    ),
    "fleet.gaps": ("7日間のデータがそろっていない避難所（99 %未満）", "Less than 99 % of seven days' data"),
    "fleet_do.gaps": (
        "「現地で待機・未確認」が多ければ復旧を待ちます。欠測なら避難所のページで理由を確認します。",
        "If much is waiting or not known yet, wait for the link. If it is lost, the shelter's page says why.",
    ),
    "fleet.stages": ("試運転が確認済みでない避難所", "Shelters that are not verified"),
    "fleet_do.stages": (
        "確認済みになるまで、市からの切替指示では動作を保証できません。不足の試験を技術者が行います。",
        "Until it is verified nobody vouches for switching it from the city. A technician makes the missing tests.",
    ),
    "fleet.versions": ("計測装置のソフトウェア", "Software of the agents"),
    "fleet_do.versions": (
        "多数と違う版の避難所を次の点検で更新します。",
        "Update the shelters that differ from most at the next visit.",
    ),
    "fleet_days": ("日ごとのデータの完全性", "Completeness of data by day"),
    "fleet_days_note": (
        "最初のデータ以降の時間のうち、届いて保存済みの割合（{time} 現在）。",
        "Part of the time since the first data that is here and stored (as of {time}).",
    ),
    "fleet_day": ("日", "Day"),
    # Columns
    "fleet_col_silent": ("いつから", "Since"),
    "fleet_col_last": ("最後の計測", "Last reading"),
    "fleet_col_trouble": ("異常", "Trouble"),
    "fleet_col_entries": ("未送信（件）", "Entries waiting"),
    "fleet_col_oldest": ("最古", "Oldest"),
    "fleet_col_used": ("使用量", "Disk used"),
    "fleet_col_reason": ("理由", "Reason"),
    "fleet_col_count": ("数", "Count"),
    "fleet_col_newest": ("最新", "Newest"),
    "fleet_col_share": ("届いた割合", "Arrived"),
    "fleet_col_waiting": ("現地で待機・未確認", "Waiting or not known yet"),
    "fleet_col_missing": ("不足", "Missing"),
    "fleet_col_who": ("避難所", "Shelters"),
    # Cells
    "fleet_dark": ("応答なし", "No answer"),
    "fleet_fault": ("異常を報告", "Reports a fault"),
    "fleet_bits": ("異常コード {bits}", "Fault code {bits}"),
    "fleet_refused": ("読めないレジスタ {n}件（{points}）", "{n} registers refused ({points})"),
    "fleet_ahead": ("{min}分進んでいる", "{min} min fast"),
    "fleet_clock_unknown": ("時刻が未確認", "Time not known"),
    "fleet_most": ("ほかのすべて", "All others"),
    "fleet_and_more": (" ほか{n}か所", " and {n} more"),
    "list_comma": ("、", ", "),
    "fleet_letters_note": ("新しいほうから{n}件を集計しています。", "Counted among the newest {n}."),
    "fleet_letters_failed": (
        "記録をいま読み出せません。少し待って再読み込みしてください。",
        "Records can't be read at the moment. Wait a little and reload.",
    ),
}
