"""Words of the import of shelters."""

from __future__ import annotations

from typing import Final

OPENDATA: Final[dict[str, tuple[str, str]]] = {
    "nav_import": ("避難所の登録", "Register shelters"),
    "import_title": ("避難所の一覧を取り込む", "Import a list of shelters"),
    "import_lead": (
        "「指定緊急避難場所一覧」（自治体標準オープンデータセット）か当システムの列のCSVを選んでください。",
        "Choose a CSV file: the municipal list of emergency shelters, or one with this system's own columns.",
    ),
    "import_safe": (
        "先に変更内容を確かめてから、取り込むかどうかを決められます。一覧にない避難所が消えることはありません。",
        "You first see what would change, and then decide. Shelters that are not in the file stay.",
    ),
    "import_file": ("CSVファイル（5 MBまで）", "CSV file (at most 5 MB)"),
    "import_file_note": (
        "文字コードはUTF-8。「指定緊急避難場所一覧」はCP932（Shift_JIS）も読めます。",
        "UTF-8; the municipal list may also be CP932 (Shift_JIS).",
    ),
    "import_look": ("変更内容を確かめる", "See what would change"),
    "import_preview": ("変更内容の確認（まだ取り込んでいません）", "What would change (nothing is imported yet)"),
    "import_counts": (
        "追加 {added} か所・変更 {changed} か所・変更なし {unchanged} か所",
        "{added} new, {changed} changed, {unchanged} as before",
    ),
    "import_faults": ("誤りのある行（{n}件）", "Lines with faults ({n})"),
    "import_faults_note": (
        "ファイルを直してもう一度選ぶのが確実です。誤りのない行だけを取り込むこともできます。",
        "It is safest to correct the file and choose it again. It is also possible to import the good lines only.",
    ),
    "import_notes": ("読み取りかた", "How the file was understood"),
    "import_added": ("追加する避難所", "New shelters"),
    "import_changed": ("変更する避難所", "Shelters that change"),
    "import_more": ("ほか {n} 件", "{n} more"),
    "import_id": ("共通避難所ID", "National shelter ID"),
    "import_name": ("名称", "Name"),
    "import_ward": ("区", "Ward"),
    "import_place": ("緯度・経度", "Latitude, longitude"),
    "import_power": ("太陽光 kW・蓄電池 kWh", "PV kW, battery kWh"),
    "import_was": ("変更前 → 変更後", "Before → after"),
    "import_empty": ("（空欄）", "(empty)"),
    "import_do": ("この内容で取り込む", "Import this"),
    "import_do_good": ("誤りのない行だけを取り込む", "Import the good lines only"),
    "import_cancel": ("取り込まずに戻る", "Back without importing"),
    "import_nothing": (
        "変更はありません。取り込む必要はありません。",
        "Nothing would change: there is no need to import.",
    ),
    "import_done": (
        "取り込みました。追加 {added} か所、変更 {changed} か所。画面への反映は30秒以内です。",
        "Imported: {added} new, {changed} changed. The pages show it within 30 seconds.",
    ),
    "import_gone": (
        "確認の期限（15分）が過ぎました。何も取り込んでいません。ファイルをもう一度選んでください。",
        "The preview was older than 15 minutes. Nothing was imported; choose the file again.",
    ),
    "import_refused": ("取り込めませんでした。", "It could not be imported."),
    "field.name": ("名称", "Name"),
    "field.name_en": ("英語名", "English name"),
    "field.ward": ("区", "Ward"),
    "field.ward_en": ("区（英語）", "Ward (English)"),
    "field.kind": ("種別", "Kind"),
    "field.latitude": ("緯度", "Latitude"),
    "field.longitude": ("経度", "Longitude"),
    "field.pv_kw": ("太陽光 kW", "PV kW"),
    "field.inverter_kw": ("パワコン kW", "Inverter kW"),
    "field.battery_kwh": ("蓄電池 kWh", "Battery kWh"),
    "field.synthetic": ("合成データ", "Synthetic"),
    "action.sites_imported": ("避難所の一覧を取り込み", "Imported a list of shelters"),
}
