"""Words of the pages on which staff say what the public reads."""

from __future__ import annotations

from typing import Final

PUBLIC: Final[dict[str, tuple[str, str]]] = {
    "nav_public": ("市民への公開", "Public page"),
    "action.told_public": ("市民への公開内容の変更", "Changed what the public reads"),
    "public_title": ("市民に公開する避難所の状況", "What the public reads of shelters"),
    "public_lead": (
        "開設、混雑、使えるものは職員が入力します。電気が使えるかどうかは、新しい測定値から自動で判断します。",
        (
            "Staff say whether a shelter is open, how crowded it is and what there is. "
            "Whether there is power follows from fresh measurements by itself."
        ),
    ),
    "public_of_site": ("市民に公開する状況を変更する", "Change what the public reads"),
    "public_open_page": ("公開ページを見る", "See the public page"),
    "public_open_one": ("この避難所の公開ページを見る", "See this shelter's public page"),
    "public_sheet": ("掲示用の紙（A4）", "Notice for the door (A4)"),
    "public_saved": ("{n}か所を変更し、公開しました。", "Changed and published: {n} shelters."),
    "public_same": ("すでにその内容なので、変更はありません。", "It said so already; nothing was changed."),
    "public_saved_one": ("公開内容を変更しました。", "Changed and published."),
    "public_ward": ("区", "Ward"),
    "public_all": ("すべての区", "All wards"),
    "public_filter": ("表示", "Show"),
    "public_bulk": ("区の避難所をまとめて変更", "A whole ward at once"),
    "public_bulk_note": (
        "区のすべての避難所が変わり、すぐに公開されます。使えるもの・混雑・お知らせは、下で指定しない限りそのままです。",
        (
            "Changes every shelter of the ward, and is published at once. "
            "What there is, crowding and notes stay as they are unless you say so below."
        ),
    ),
    "public_bulk_do": ("この区をまとめて変更して公開", "Change the ward and publish"),
    "public_set_services": ("使えるものも、次のとおりにする", "Also set what there is to:"),
    "public_opening": ("開設", "Open or closed"),
    "public_opening.unknown": ("発表しない（不明）", "Say nothing (not known)"),
    "public_opening.open": ("開いている", "Open"),
    "public_opening.full": ("満員", "Full"),
    "public_opening.closed": ("閉まっている", "Closed"),
    "public_said.unknown": ("発表なし", "Nothing said"),
    "public_said.open": ("開いている", "Open"),
    "public_said.full": ("満員", "Full"),
    "public_said.closed": ("閉まっている", "Closed"),
    "public_crowding": ("混雑（開いている間だけ公開）", "Crowding (published while it is open)"),
    "public_crowding.unknown": ("発表しない", "Say nothing"),
    "public_crowding.room": ("余裕がある", "Room for more"),
    "public_crowding.busy": ("やや混んでいる", "Rather busy"),
    "public_crowding.crowded": ("混んでいる", "Crowded"),
    "public_services": ("使えるもの", "What there is"),
    "public_services_note": (
        (
            "用意ができたものだけを選びます。電気が止まったときや回路を切ったときは、公開ページで自動的に「確認できません」"
            "「使えません」に変わります。"
        ),
        (
            "Choose what is ready for use. When power is lost or a circuit is switched off, the public page says so by "
            "itself."
        ),
    ),
    "public_service.charging": ("携帯電話の充電", "Charging phones"),
    "public_service.medical": ("医療機器の電源", "Power for medical devices"),
    "public_service.light": ("明かり", "Light"),
    "public_service.water": ("飲み水", "Drinking water"),
    "public_notes": (
        "お知らせ（言語ごと、1行、{n}字まで）",
        "Notes (one line for each language, up to {n} characters)",
    ),
    "public_notes_note": (
        "だれでも読めます。個人の名前や電話番号は書かないでください。入力していない言語では、日本語か英語のお知らせが出ます。",
        (
            "Everybody reads it: no names of people, no telephone numbers. "
            "Readers of a language without a note get the English or the Japanese one."
        ),
    ),
    "public_save": ("保存して公開", "Save and publish"),
    "public_now": ("市民に見えている内容", "What the public reads now"),
    "public_power": ("電気", "Power"),
    "public_power_hidden": (
        "公開していません（公開方針により、開いている間だけ公開）",
        "Not published (by the policy, only while the shelter is open)",
    ),
    "public_wrong": ("保存していません：", "Not saved:"),
    "public_wrong.opening": ("開設の状態を選んでください。", "Choose whether it is open or closed."),
    "public_wrong.crowding": ("混雑の状態を選んでください。", "Choose how crowded it is."),
    "public_wrong.services": ("使えるものを一覧から選んでください。", "Choose what there is from the list."),
    "public_wrong.note": (
        "お知らせ（{lang}）は、{n}字までの1行にしてください。",
        "The note ({lang}) has to be one line of at most {n} characters.",
    ),
    "public_history": ("これまでの発表", "What was said before"),
    "public_no_history": ("まだ何も発表していません。", "Nothing has been said yet."),
    "public_at": ("時刻", "When"),
    "public_by": ("入力した人（公開されません）", "By (not published)"),
    "public_shelter": ("避難所", "Shelter"),
    "public_change": ("変更", "Change"),
    "public_read_only": (
        "この避難所の公開内容を変更する権限がありません。",
        "You may not change what the public reads of this shelter.",
    ),
    "public_counts": ("{n}か所", "{n}"),
}
