"""Alerts and rules in words, in both languages: what was read, what the limit is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from central.core.autonomy.values import Words
from central.core.watch.alerts import Alert, Evidence
from central.core.watch.readings import QUANTITIES, Family
from central.core.watch.rules import MINUTE_MS, Rule

FAMILIES: Final[Mapping[Family, Words]] = {
    Family.SERVICE: Words("市のサービスの一部が動いていません", "A part of the city's service is down"),
    Family.DISK: Words("市のサーバーのディスク残量が不足", "The disk of the city's server fills up"),
    Family.BACKUP: Words("バックアップの停止", "Backups have stopped"),
    Family.NOTICES: Words("通知が届いていません", "Messages do not reach people"),
    Family.ROLLUPS: Words("Grafana用の集計の遅れ", "Roll-ups for Grafana are late"),
    Family.LINK: Words("通信の異常", "Trouble with the link"),
    Family.PV: Words("太陽光発電の低下", "PV gives too little"),
    Family.BATTERY: Words("蓄電池の劣化", "Battery has aged"),
    Family.FAULTS: Words("故障のくり返し", "Faults again and again"),
    Family.CLOCK: Words("時計のずれ", "Clock is off"),
    Family.RESERVE: Words("非常用の充電量が不足", "Reserve not reached at dusk"),
    Family.DEMAND: Words("最大需要電力（デマンド）の目標に接近・超過", "Demand near or over its target"),
    Family.OUTBOX: Words("未送信データの滞留", "Data piles up at the shelter"),
    Family.CERTIFICATE: Words("証明書の期限切れが近い", "Certificate is near its end"),
}
DO: Final[Mapping[Family, Words]] = {
    Family.SERVICE: Words(
        "管理者に連絡し、MQTTブローカーとデータベースが動いているか確かめてください。避難所のデータは各所に保存されています。",
        "Call the administrator: do the MQTT broker and the database run? The shelters keep their data meanwhile.",
    ),
    Family.DISK: Words(
        "管理者に連絡し、空きを作ってください（古いバックアップの退避、InfluxDBの保存期間の短縮、ディスクの増設）。"
        "満杯になると記録が止まり、データは避難所側にたまります。",
        "Call the administrator to make room: move old backups away, shorten InfluxDB's retention, or add a disk. When "
        "it is full nothing is recorded any more, and data piles up at the shelters.",
    ),
    Family.BACKUP: Words(
        "管理者に連絡し、保存先の空きと夜間バックアップの結果（systemctl status shelter-backup）を確かめ、"
        "手動で shelter-central backup --out 保存先 を実行してください。"
        "今サーバーが壊れると、最後のバックアップ以降の指示の記録が失われます。",
        "Call the administrator: is there room at the destination, what does the nightly job say (systemctl status "
        "shelter-backup)? Make one by hand: shelter-central backup --out FOLDER. If the server broke now, decisions "
        "since the last backup would be lost.",
    ),
    Family.NOTICES: Words(
        "通知のページで送信先ごとの応答を確かめ、管理者に連絡してください（メールサーバー、LINEの月間上限、宛先の誤り）。"
        "直るまでは、この画面を定期的に見てください。",
        "See on the page of notifications what each channel answered, and call the administrator: mail server, LINE's "
        "monthly limit, a wrong address. Until then look at this page now and then.",
    ),
    Family.ROLLUPS: Words(
        "管理者に連絡し、InfluxDBと集計用バケットの状態を確かめてください。元のデータは失われず、直ると自動で追いつきます。"
        "それまでGrafanaの一部の画面が古いままです。",
        "Call the administrator to look at InfluxDB and its bucket for roll-ups. No reading is lost, and it catches up "
        "by itself; until then some of Grafana's panels are old.",
    ),
    Family.LINK: Words(
        "施設に電話し、停電の有無とルーターの電源を確かめてください。区全体なら通信会社の障害情報も確認します。",
        "Call the building: is the power out, is the router on? For a whole ward see the network operator's notices.",
    ),
    Family.PV: Words(
        "パワコンの表示と遮断器、パネルの汚れや影を確かめるよう、保守業者に依頼してください。",
        "Have the maintenance company look at the inverter, its breakers, and dirt or shade on the modules.",
    ),
    Family.BATTERY: Words(
        "保証の条件と照らし、交換の時期を保守業者と相談してください。停電時に使える時間は短くなっています。",
        "Compare with the warranty and plan the replacement. In an outage it lasts shorter than it did.",
    ),
    Family.FAULTS: Words(
        "避難所のページで故障コードを確かめ、保守業者に連絡してください。",
        "Look up the fault code on the shelter's page and call the maintenance company.",
    ),
    Family.CLOCK: Words(
        "装置の時刻設定と、時刻合わせ（NTP）の通信を確かめてください。記録の時刻は当てにできません。",
        "Check the device's clock and its time server (NTP). The times of its records can't be relied on.",
    ),
    Family.RESERVE: Words(
        "予備の充電量の設定と蓄電池の状態を確かめてください。今夜停電すると、想定より早く電気が切れます。",
        "Check the reserve setting and the battery. In an outage tonight power ends sooner than planned.",
    ),
    Family.DEMAND: Words(
        "空調など、今止められる機器を止めてください。30分の平均が目標を超えると、契約電力が上がることがあります。",
        "Switch off what can wait, such as air conditioning. A half hour over target may raise the contract power.",
    ),
    Family.OUTBOX: Words(
        "通信の速さとブローカーの状態を確かめてください。あふれると古いデータから間引かれます。",
        "Check the speed of the link and the broker. When it is full, the oldest data is thinned.",
    ),
    Family.CERTIFICATE: Words(
        "証明書を更新してください。期限が切れると、その避難所は通信できなくなります。",
        "Renew the certificate. After its end the shelter can't connect any more.",
    ),
}
UNITS: Final[Mapping[str, Words]] = {
    "": Words("", ""),
    "min": Words("分", " min"),
    "times": Words("回", " times"),
    "%": Words(" %", " %"),
    "s": Words("秒", " s"),
    "points": Words("ポイント", " points"),
    "h": Words("時間", " h"),
    "d": Words("日", " days"),
    "messages": Words("件", " messages"),
}
_READ: Final[Mapping[str, tuple[Words, Words]]] = {
    "broker_down_min": (
        Words("MQTTブローカーに{v}分つながりません", "No MQTT broker for {v} min"),
        Words("MQTTブローカーに{v}分以上つながらない", "no MQTT broker for {v} min or more"),
    ),
    "store_down_min": (
        Words("データベースに{v}分書き込めません", "The store has not taken data for {v} min"),
        Words("データベースに{v}分以上書き込めない", "the store takes no data for {v} min or more"),
    ),
    "refused": (
        Words("1時間に{v}件のデータを保存できませんでした", "{v} messages could not be stored within an hour"),
        Words("1時間に{v}件以上のデータを保存できない", "{v} messages or more can't be stored within an hour"),
    ),
    "disk_used_pct": (
        Words("市のサーバーのディスクが{v} %使われています", "The disk of the city's server is {v} % full"),
        Words("市のサーバーのディスク使用率が{v} %以上", "the disk of the city's server is {v} % full or more"),
    ),
    "backup_age_h": (
        Words("バックアップが{v}時間ありません", "No backup for {v} h"),
        Words("バックアップが{v}時間以上ない", "no backup for {v} h or more"),
    ),
    "undelivered": (
        Words("24時間に{v}件の通知がだれにも届いていません", "{v} messages of the last 24 h reached nobody"),
        Words("24時間に{v}件以上の通知が届かない", "{v} messages or more of the last 24 h reach nobody"),
    ),
    "rollups_behind_min": (
        Words("集計が{v}分書き込まれていません", "No roll-ups were written for {v} min"),
        Words("集計が{v}分以上書き込まれない", "no roll-ups are written for {v} min or more"),
    ),
    "silent_min": (
        Words("通信が{v}分ありません", "Silent for {v} min"),
        Words("通信が{v}分以上ない", "silent for {v} min or more"),
    ),
    "link_drops": (
        Words("24時間に{v}回、通信が切れました", "The link went {v} times in 24 h"),
        Words("24時間に{v}回以上、通信が切れる", "the link goes {v} times or more in 24 h"),
    ),
    "pv_now_of_neighbours_pct": (
        Words("いまの発電が近隣の{v} %です", "PV gives {v} % of its neighbours' share now"),
        Words("いまの発電が近隣の{v} %以下", "PV gives {v} % of its neighbours' share, or less"),
    ),
    "pv_of_neighbours_pct": (
        Words("7日間の発電量が近隣の{v} %です", "PV gave {v} % of its neighbours' share in 7 days"),
        Words("7日間の発電量が近隣の{v} %以下", "PV gives {v} % of its neighbours' share in 7 days, or less"),
    ),
    "pv_of_clear_sky_pct": (
        Words("晴れた日の発電量が快晴時の計算値の{v} %です", "PV gave {v} % of the clear sky on clear days"),
        Words("晴れた日の発電量が快晴時の計算値の{v} %以下", "PV gives {v} % of the clear sky on clear days, or less"),
    ),
    "soh_pct": (
        Words("蓄電池の健全度（SoH）が{v} %です", "State of health of the battery is {v} %"),
        Words("蓄電池の健全度（SoH）が{v} %以下", "state of health of the battery {v} % or less"),
    ),
    "faults": (
        Words("24時間に{v}回、故障が出ました", "{v} faults began in 24 h"),
        Words("24時間に{v}回以上、故障が出る", "{v} faults or more begin in 24 h"),
    ),
    "clock_off_s": (
        Words("時計が{v}秒ずれています", "The clock is {v} s off"),
        Words("時計が{v}秒以上ずれる", "the clock is {v} s off, or more"),
    ),
    "clock_unknown": (
        Words("現地の装置が正しい時刻を知りません", "The box there does not know the time"),
        Words("現地の装置が正しい時刻を知らない", "the box there does not know the time"),
    ),
    "reserve_gap_pct": (
        Words(
            "日没後の充電量が予備の設定より{v}ポイント不足しています",
            "After dusk the charge is {v} points below the reserve",
        ),
        Words(
            "日没後の充電量が予備の設定より{v}ポイント以上不足",
            "after dusk the charge is {v} points or more below the reserve",
        ),
    ),
    "demand_pct": (
        Words("30分デマンドの見込みが目標の{v} %です", "The half hour's demand will be {v} % of the target"),
        Words("30分デマンドの見込みが目標の{v} %以上", "the half hour's demand will be {v} % of the target or more"),
    ),
    "outbox_pct": (
        Words("未送信データの保存領域が{v} %埋まっています", "The store of unsent data is {v} % full"),
        Words("未送信データの保存領域が{v} %以上", "the store of unsent data is {v} % full or more"),
    ),
    "outbox_age_h": (
        Words("{v}時間前のデータがまだ届いていません", "Data of {v} h ago is still not sent"),
        Words("{v}時間以上前のデータが届いていない", "data of {v} h ago or more is not sent"),
    ),
    "certificate_days": (
        Words("証明書の期限まで{v}日です", "The certificate ends in {v} days"),
        Words("証明書の期限まで{v}日以下", "the certificate ends in {v} days or less"),
    ),
}
"""Quantity → what was read, and a rule's limit."""


def read_words(quantity: str, value: float) -> Words:
    """What was read, as a sentence."""
    return _filled(_READ[quantity][0], value)


def evidence_words(evidence: Evidence) -> Words:
    """What a rule found, with its limit."""
    found = read_words(evidence.quantity, evidence.value)
    if not QUANTITIES[evidence.quantity].unit:
        return found
    limit = amount(evidence.quantity, evidence.limit)
    return Words(f"{found.ja}（基準 {limit.ja}）", f"{found.en} (limit {limit.en})")


def alert_words(alert: Alert) -> Words:
    """What an alert is about: the gravest of its rules."""
    if not alert.evidence:
        return FAMILIES[alert.family]
    return evidence_words(alert.evidence[0])


def limit_words(alert: Alert) -> Words:
    """The limit that an alert has passed: of the gravest of its rules."""
    if not alert.evidence:
        return FAMILIES[alert.family]
    found = alert.evidence[0]
    return _filled(_READ[found.quantity][1], found.limit)


def rule_words(rule: Rule) -> Words:
    """When a rule raises an alert."""
    limit = _filled(_READ[rule.quantity.name][1], rule.raise_at)
    if not rule.raise_after_ms:
        return limit
    minutes = shown(rule.raise_after_ms / MINUTE_MS)
    return Words(f"{limit.ja}（{minutes}分継続）", f"{limit.en}, for {minutes} min")


def over_words(rule: Rule) -> Words:
    """When a rule's alert is over."""
    minutes = shown(rule.clear_after_ms / MINUTE_MS) if rule.clear_after_ms else ""
    ja, en = "元に戻ったとき", "when it is not so any more"
    if rule.quantity.unit:
        clear = amount(rule.quantity.name, rule.clear_at)
        side = Words("以下", "or less") if rule.quantity.is_over else Words("以上", "or more")
        exact = rule.quantity.is_over and not rule.clear_at
        ja = clear.ja + ("" if exact else side.ja) + "に戻ったとき"
        en = f"at {clear.en}" + ("" if exact else f" {side.en}")
    return Words(f"{ja}（{minutes}分継続）", f"{en}, for {minutes} min") if minutes else Words(ja, en)


def amount(quantity: str, value: float) -> Words:
    """A value of a quantity with its unit."""
    unit = UNITS[QUANTITIES[quantity].unit]
    said = shown(value)
    return Words(f"{said}{unit.ja}", f"{said}{unit.en}")


def shown(value: float) -> str:
    """A number for people: whole where it is large, one decimal where it is small."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.1f}"


def _filled(words: Words, value: float) -> Words:
    said = shown(value)
    return Words(words.ja.format(v=said), words.en.format(v=said))
