"""Words of the city's page: what is going on, modes in a row, today, the map's parts."""

from __future__ import annotations

from typing import Final

CITY: Final[dict[str, tuple[str, str]]] = {
    # What is going on
    "going_on": ("災害対応", "Incidents"),
    "going.declared": ("確認待ち", "Waits to be confirmed"),
    "going.active": ("実施中", "Active"),
    "going.standing_down": ("終了処理中", "Standing down"),
    "going_drill": ("訓練", "Drill"),
    "going_of": ("{n}か所・{time}から", "{n} shelters, since {time}"),
    "urgent_hours": ("あと{h}時間", "{h} h left"),
    "jumps": ("このページの中", "On this page"),
    # Modes
    "modes": ("運転モード", "Modes"),
    "modes_note": (
        "✓ は動作を確認したモード、「→」は指示済みで未確認のモードです。",
        "✓ marks a mode that was proven, “→” one that is wanted and not proven.",
    ),
    "mode.unproven": ("未確認", "Not proven"),
    "mode.unknown": ("報告なし", "Not said"),
    "mode_checked": ("{mode} ✓", "{mode} ✓"),
    "mode_unchecked": ("{mode}？未確認", "{mode}? not proven"),
    "mode_towards": ("{now}→{mode}", "{now} → {mode}"),
    "mode_towards_drill": ("{now}→{mode}【訓練】", "{now} → {mode} (drill)"),
    "mode_silent": ("–", "–"),
    # Today
    "today_kwh": ("今日 {kwh} kWh", "{kwh} kWh today"),
    "today_grid": ("今日 買電 {bought}・売電 {sold} kWh", "Today {bought} kWh in, {sold} kWh out"),
    "today_battery": ("今日 充電 {charged}・放電 {given} kWh", "Today {charged} kWh in, {given} kWh out"),
    "today_of": (
        "今日の電力量は0時から{time}までの5分平均の合計（データの欠けがない避難所: {total}か所中{n}か所）。",
        "Energy today adds up five-minute means from 0:00 to {time}; {n} of {total} shelters have no gap.",
    ),
    # Map
    "map_ward": ("{ward}の地図", "Map of {ward}"),
    "map_whole": ("全市の地図に戻る", "Back to the whole city"),
    "map_zoom": ("区の名前を選ぶと、その区だけを大きく表示します。", "Choose a ward's name to see that ward alone."),
    "legend": ("記号の意味", "What the shapes mean"),
    # List
    "col_mode": ("モード", "Mode"),
    "col_hours": ("もつ時間", "Hours left"),
    "hours_note": (
        (
            "もつ時間は、いま停電した（している）場合に少なくとももつ見込み（10回に9回はこれより長い）です。"
            "「–」はまだ計算できないもので、理由は避難所のページにあります。"
        ),
        (
            "Hours left: how long the loads last without the grid at least (nine times out of ten it is longer). "
            "A dash: not known yet; the shelter's page says why."
        ),
    ),
    "kind": ("種別", "Kind"),
    "filter_all_kinds": ("すべての種別", "All kinds"),
    "filter_all_modes": ("すべてのモード", "All modes"),
    "filter_name": ("名前", "Name"),
    "sort": ("並べ方", "Order"),
    "sort.hours": ("もつ時間が短い順", "Fewest hours left first"),
    "sort.urgency": ("注意が必要な順", "Most urgent first"),
}
