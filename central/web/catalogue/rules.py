"""Words of the page of rules."""

from __future__ import annotations

from typing import Final

RULES: Final[dict[str, tuple[str, str]]] = {
    "nav_rules": ("発動ルール", "Rules"),
    "rules_title": ("発動ルール（警報などへの反応）", "Rules: what follows from alerts"),
    "rules_lead": (
        "気象庁の電文・外部の通報・停電を受けて切り替えを提案または実行します。解除するのは職員だけです。",
        "What the weather agency, other systems and the grid tell leads to incidents. Only staff stand them down.",
    ),
    "rules_none": (
        "ルールは設定されていないため、警報などは受け取っていません。設定（feeds: rules）にファイルを指定します。",
        "There is no file of rules, so no alert is listened to. The setting feeds: rules names one.",
    ),
    "rules_drills": ("訓練電文は訓練として提案します", "training telegrams are proposed as drills"),
    "rules_no_drills": ("訓練電文には反応しません", "training telegrams lead to nothing"),
    "rules_places_synthetic": (
        "地域コードの表はデモ用です。実際の市では確認されていません。",
        "The table of places is the demonstration's: nobody has checked it for a city.",
    ),
    "rules_trouble": (
        "ルールを実行できませんでした。自動で再試行しています：",
        "A rule could not be carried out; it is tried again:",
    ),
    "rules_then.propose": ("「{mode}」を提案します（職員の承認が必要）", "Proposes {mode}: staff confirm it or not"),
    "rules_then.act": (
        "「{mode}」を自動で実行します（承認を待ちません）",
        "Starts {mode} by itself, without waiting for staff",
    ),
    "rules_looks_at": ("対象の区", "Wards that it looks at"),
    "rules_all_wards": ("すべての区", "all"),
    "rules_reaches": ("切り替える範囲", "Shelters that it reaches"),
    "rules_scope.ward": ("条件に当てはまった区", "the wards in which it holds"),
    "rules_scope.city": ("全市", "the whole city"),
    "rules_scope.group": ("グループ", "the group"),
    "rules_how": ("内容", "How"),
    "rules_how_figures": (
        "充電の目標 {target} %・停電中に使う負荷 {tiers} 段まで",
        "charge to {target} %, up to {tiers} load tiers on in an outage",
    ),
    "rules_approved": ("このルールを承認した人", "Approved by"),
    "rules_lapses": ("失効", "Lapses"),
    "rules_lapses_h": (
        "最後の電文から{n}時間、承認がなければ失効",
        "unless confirmed within {n} h of the newest alert",
    ),
    "rules_last": ("前回の提案・実行", "Last led to"),
    "rules_never": ("まだありません", "nothing yet"),
    "rules_now": ("現在", "Now"),
    "rules_nothing_now": ("条件に当てはまっていません", "its condition does not hold"),
    "rules_until": ("{at} まで", "until {at}"),
    "rules_sources": ("受信元", "Sources"),
    "rules_no_sources": (
        "外部の受信元は設定されていません。避難所の停電だけを見ています。",
        "No source outside is set up: only the shelters' own grid is watched.",
    ),
    "rules_source_ok": ("正常", "Working"),
    "rules_source_new": ("初回の受信待ち", "Not read yet"),
    "rules_source_bad": ("受信できません", "Not working"),
    "rules_read": ("最終受信 {at}", "last read {at}"),
    "rules_came": ("受け取ったもの（起動後）", "What came since the start"),
    "rules_nothing_came": ("まだ何も受け取っていません。", "Nothing came yet."),
    "rules_n": ("{n}件", "{n}"),
    "rules_count.first": ("新しい通報", "new"),
    "rules_count.updated": ("続報", "updates"),
    "rules_count.corrected": ("訂正", "corrections"),
    "rules_count.cancelled": ("取消", "cancellations"),
    "rules_count.repeated": ("受信済みと同じ", "the same again"),
    "rules_count.outdated": ("古い続報（使わない）", "older than what is here (not used)"),
    "rules_count.too_old": ("古すぎる（使わない）", "too old (not used)"),
    "rules_count.ahead": ("未来の時刻（使わない）", "from the future (not used)"),
    "rules_count.not_ours": ("市に関係しない", "not about the city"),
    "rules_count.too_large": ("大きすぎる（拒否）", "too large (refused)"),
    "rules_count.hostile": ("危険な内容（拒否）", "hostile (refused)"),
    "rules_count.malformed": ("壊れている（拒否）", "broken (refused)"),
    "rules_count.not_a_telegram": ("電文ではない（拒否）", "not a telegram (refused)"),
    "rules_count.incomplete": ("内容が足りない（拒否）", "incomplete (refused)"),
    "rules_count.fault": ("このプログラムの不具合", "faults of this program"),
    "rules_count.not_genuine": ("署名が正しくない通報（拒否）", "calls without a genuine signature (refused)"),
    "rules_docs": (
        "書き方は説明書「外部の警報と自動起案」（docs/triggers.ja.md）。確認は shelter-central triggers check",
        "How rules are written stands in docs/triggers.md. To check a file: shelter-central triggers check",
    ),
}
