"""Words of plans and assets in Japanese and English: headings of columns in lists, kinds, what is wrong in a list."""

from __future__ import annotations

from typing import Final

from central.core.accounting.assets import AssetKind
from central.core.accounting.lists import IGNORED

LEDGERS: Final[dict[str, tuple[str, str]]] = {
    "plan_paper": ("発電計画", "Plan of PV energy"),
    "assets_paper": ("財産台帳（処分制限財産）", "Ledger of assets with restricted disposal"),
    "plan_sum": ("年度計 kWh", "Year kWh"),
    "plan_planned": ("計画のある施設", "Facilities with a plan"),
    "plan_months": ("{y}年{m}月 kWh", "{y}-{m:02d} kWh"),
    "plan_none": ("この年度の計画はまだ登録されていません。", "No plan of this fiscal year was entered yet."),
    "note_plan_source": (
        "市が登録した月別の計画発電量です。年度計は登録のある月の合計です。",
        "Planned PV energy by month as the city entered it. A year's sum is of the months that were entered.",
    ),
    "note_plan_closed": (
        "締めた月の計画は変更できません。",
        "The plan of a closed month can't be changed.",
    ),
    # Assets: headings of columns, as files have them
    "a_id": ("財産番号", "Asset number"),
    "a_site": ("避難所ID", "Shelter ID"),
    "a_facility": ("施設", "Facility"),
    "a_kind": ("区分", "Kind"),
    "a_name": ("財産名", "Name"),
    "a_maker": ("メーカー", "Maker"),
    "a_model": ("型式", "Model"),
    "a_serial": ("製造番号", "Serial number"),
    "a_rating": ("定格", "Rating"),
    "a_unit": ("定格の単位", "Unit of the rating"),
    "a_count": ("数量", "Count"),
    "a_acquired": ("取得日", "Acquired on"),
    "a_cost_yen": ("取得価額 円", "Cost yen"),
    "a_programme": ("補助事業", "Subsidy"),
    "a_life_years": ("耐用年数 年", "Useful life years"),
    "a_basis": ("年数・期限の根拠", "Basis of years or date"),
    "a_restricted_until": ("処分制限の期限", "Disposal restricted until"),
    "a_disposed": ("処分日", "Disposed on"),
    "a_note": ("備考", "Note"),
    "a_make": ("メーカー・型式・製造番号", "Maker, model, serial number"),
    "as_of": ("{at} 現在", "As of {at}"),
    "a_device": ("機器", "Device"),
    "kind_pv": ("太陽電池", "PV modules"),
    "kind_inverter": ("パワーコンディショナ", "Inverter"),
    "kind_battery": ("蓄電池", "Battery"),
    "kind_meter": ("電力計", "Meter"),
    "kind_control": ("計測・制御装置", "Control equipment"),
    "kind_works": ("工事・付帯設備", "Works"),
    "kind_other": ("その他", "Other"),
    "a_unverified": ("{text}【未確認】", "{text} (UNVERIFIED)"),
    "a_worked_out": ("{until}（計算）【未確認】", "{until} (worked out, UNVERIFIED)"),
    "a_worked_out_verified": ("{until}（計算）", "{until} (worked out)"),
    "assets_n": ("登録数", "Assets"),
    "assets_list": ("財産", "Assets"),
    "assets_none": ("財産はまだ登録されていません。", "No asset was entered yet."),
    "assets_missing": ("試運転報告にあって台帳にない機器", "Reported devices that are not in the ledger"),
    "assets_strange": (
        "台帳にあって最新の試運転報告にない製造番号（交換または記入誤り）",
        "Serial numbers that the newest commissioning report does not have (exchanged, or written wrongly)",
    ),
    "warn_lives": (
        "耐用年数・処分制限の期限に【未確認】のものがあります。省令と補助金の交付規程で確認し、年数と根拠を台帳に記入してください。",
        (
            "Useful lives or dates are UNVERIFIED. Check them against the ordinance and the subsidy's rules, and enter "
            "the years with their basis."
        ),
    ),
    "warn_missing_assets": (
        "試運転報告にある{n}台の機器が台帳にありません。",
        "{n} devices of commissioning reports are not in the ledger.",
    ),
    "note_restricted": (
        (
            "期限の記入がない財産は、取得日に耐用年数を加えて計算しています。処分（目的外使用・譲渡・交換・廃棄など）には"
            "補助金の承認が必要な場合があります。"
        ),
        (
            "Where no date was entered it is the date of acquisition plus the useful life. Disposal, another use or "
            "exchange may need the subsidy's approval."
        ),
    ),
    "note_lives": (
        "プログラムの耐用年数表は記憶による値です。台帳に記入した年数が優先されます。",
        "The program's table of useful lives is from memory; years in the ledger come before it.",
    ),
    # What is wrong in a list
    "line": ("{n}行目", "line {n}"),
    "the_file": ("ファイル", "file"),
    "wrong_encoding": (
        "文字コードを読み取れません。CSV（UTF-8 または Shift_JIS）で保存してください",
        "neither UTF-8 nor Shift_JIS: save the table as CSV",
    ),
    "wrong_not_csv": ("CSVとして読み取れません（{value}）", "not CSV ({value})"),
    "wrong_no_rows": ("データの行がありません", "no line of data"),
    "wrong_column_missing": ("列「{column}」がありません", "column {column} is missing"),
    "wrong_column_unknown": (
        "列「{column}」は分かりません。記入用CSVの見出しのまま使ってください",
        "unknown column {column}: keep the headings of the file to fill in",
    ),
    "wrong_column_twice": ("列「{column}」が2つあります", "column {column} stands twice"),
    "wrong_cells": ("セルの数が見出しと合いません（{value}）", "cells and headings differ in number ({value})"),
    "wrong_empty": ("「{column}」が空です", "{column} is empty"),
    "wrong_text": (
        "「{column}」が長すぎるか、使えない文字があります",
        "{column} is too long or has a control character",
    ),
    "wrong_number": (
        "「{column}」の「{value}」は使える数値ではありません",
        "{column}: {value} is no number that can be",
    ),
    "wrong_date": (
        "「{column}」の「{value}」は日付ではありません（例 2026-04-01）",
        "{column}: {value} is no date such as 2026-04-01",
    ),
    "wrong_choice": ("「{column}」の「{value}」は選べる語ではありません", "{column}: {value} is none of the words"),
    "wrong_site": (
        "「{column}」の「{value}」は登録されていない避難所です",
        "{column}: no shelter {value} is registered",
    ),
    "wrong_twice": ("「{column}」の「{value}」が2回あります", "{column}: {value} stands twice"),
    "wrong_order": ("「{column}」が取得日より前です", "{column} lies before the date of acquisition"),
    "wrong_closed": (
        "「{column}」の月は締められているため、計画を変更できません",
        "{column}: the month is closed, so its plan stays",
    ),
}
FIELDS: Final = (
    *("id", "site", "kind", "name", "maker", "model", "serial", "rating", "unit", "count", "acquired", "cost_yen"),
    *("programme", "life_years", "basis", "restricted_until", "disposed", "note"),
)
"""Fields of an asset in the order of the list's columns."""
COLUMNS: Final = {word: name for name in FIELDS for word in LEDGERS[f"a_{name}"]} | dict.fromkeys(
    LEDGERS["a_facility"], IGNORED
)
KINDS: Final = {word: kind for kind in AssetKind for word in LEDGERS[f"kind_{kind.value}"]}
