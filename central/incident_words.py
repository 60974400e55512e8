"""What the commands about incidents say, in Japanese and English."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    # Phases
    "declared": ("起案（未送信）", "declared"),
    "active": ("発動中", "active"),
    "standing_down": ("解除中", "standing_down"),
    "closed": ("終了", "closed"),
    # Steps
    "step declared": ("起案", "declared"),
    "step confirmed": ("承認", "confirmed"),
    "step stood_down": ("解除", "stood down"),
    "step closed": ("終了", "closed"),
    # Modes and scopes
    "normal": ("通常", "normal"),
    "storm_watch": ("荒天準備", "storm_watch"),
    "backup": ("非常用", "backup"),
    "isolated": ("切り離し", "isolated"),
    "city": ("全市", "city"),
    "ward": ("区", "ward"),
    "group": ("グループ", "group"),
    "sites": ("避難所", "sites"),
    "drill": ("【訓練】", "DRILL"),
    "live drill": ("【実動訓練：実際に切り替わります】", "LIVE DRILL"),
    # What became of a shelter
    "obeys": ("動作確認済み", "obeys"),
    "drilled": ("訓練済み（切替なし）", "drilled"),
    "no_answer": ("応答待ち", "no_answer"),
    "underway": ("実行中", "underway"),
    "person": ("現地操作待ち", "person"),
    "refused": ("拒否", "refused"),
    "failed": ("失敗", "failed"),
    "reverted": ("逸脱", "reverted"),
    "on_its_own": ("停電で自動非常用", "on_its_own"),
    "not_verified": ("未実証", "not_verified"),
    "not_released": ("前の指示から復帰待ち", "not_released"),
    "nothing_sent": ("未送信", "nothing_sent"),
    "numbers_jump": ("指示番号が不審", "numbers_jump"),
    "removed": ("登録なし・指示が残存", "removed"),
    "written_off": ("登録なし・確認済み扱い", "written_off"),
    # Stages of a receipt
    "accepted": ("受付", "accepted"),
    "written": ("書込済み", "written"),
    "read_back": ("読返し一致", "read_back"),
    "verified": ("動作確認済み", "verified"),
    "held": ("継続確認済み", "held"),
    "waiting_for_person": ("現地操作待ち", "waiting_for_person"),
    # Classes of a preview
    "locked": ("現地優先", "locked: somebody on site has more say"),
    "offline": ("通信断（復旧すれば指示を受け取ります）", "offline: takes the order when it is back"),
    "by_hand": ("現地で手動切替が必要", "by hand: somebody there has to switch"),
    "preview not_verified": ("未実証（何も送りません）", "not verified: nothing is sent"),
    # Columns
    "column shelter": ("避難所ID", "shelter"),
    "column name": ("名称", "name"),
    "column ward": ("区", "ward"),
    "column word": ("状態", "word"),
    "column stage": ("段階", "stage"),
    "column reason": ("原因コード", "reason"),
    "column since": ("時刻", "since"),
    "column means": ("意味と対応", "what it means"),
    # Sentences
    "proven": ("確認済み", "proven"),
    "crew": ("派遣リスト", "crew"),
    "two persons": (
        "全市の切り替えです。起案した人とは別の人の承認が必要です。",
        "This is the whole city: another person has to confirm.",
    ),
    "glass": ("! 1人だけで承認されました（--break-glass）", "! BREAK GLASS: one person alone confirmed this"),
    "not yet": (
        "まだ何も送っていません。承認するには: shelter-central incident confirm {id}",
        "Nothing is sent yet. To go on: shelter-central incident confirm {id}",
    ),
    "none removed": (
        "登録から外れたのに市の指示が残っている避難所はありません。",
        "No shelter that is not registered any more is still ordered.",
    ),
    "send": ("指示を送りますか？", "Send the orders?"),
    "not sent": ("何も送っていません", "nothing was sent"),
    "shelters": ("{count} か所", "{count} shelters"),
}
REFUSALS: Final = {
    "already": "すでに行われています。",
    "stand_down_first": "まだ避難所を切り替えたままです。先に解除(stand-down)してください。",
    "open_a_new_one": "解除中です。続ける場合は新しく起案(open)してください。",
    "is_closed": "終了しています。新しく起案(open)してください。",
    "another_person": (
        "全市の切り替えです。起案した人とは別の人の承認が必要です。"
        "ほかに誰とも連絡がつかない場合は --break-glass を付けると1人で承認できます。その記録は全員に見えます。"
    ),
    "still_out": (
        "復帰を確認できていない避難所があります。待つか、人を派遣してください。"
        "それでも終了する場合は --anyway を付けてください。"
    ),
    "nothing_sent": "この避難所には何も送っていないため、再送できません。",
    "it_obeys": "すでに動作を確認できています。再送は不要です。",
    "under_way": "まだ応答の期限前です。期限まで待ってください。",
    "on_its_own": "停電のため避難所が自動で運転しています。復電後に市の指示へ移ります。",
    "not_verified": "切り替えの実証が失われています。試運転をやり直してください。",
    "still_held": "まだ発動中の事案が押さえています。先にその事案を解除(stand-down)してください。",
    "registered": "登録されている避難所です。事案を解除(stand-down)すれば復帰します。",
    "not_out": "この避難所に残っている市の指示はありません。",
}
"""Why an act is refused, by its name in the API."""


def say(word: str, lang: str) -> str:
    """A word; one that is not known stands for itself."""
    both = WORDS.get(word)
    return word if both is None else both[0 if lang == "ja" else 1]


def counted(done: int, told: int, crew: int, total: int, words: dict[str, int], lang: str) -> str:
    """An incident's shelters in one line."""
    if lang == "ja":
        each = "、".join(f"{say(word, lang)} {count}" for word, count in sorted(words.items()))
        return f"指示した {told} か所のうち {done} か所を確認済み、派遣リスト {crew} か所、対象 {total} か所（{each}）"
    each = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
    return f"{done} of {told} proven, {crew} on the crew list, {total} in all: {each}"
