"""Hours and their reasons in words, Japanese and English, with units."""

from __future__ import annotations

from typing import Final

from central.core.autonomy.values import Note, Unknown, Words

UNKNOWN_SAYS: Final = {
    Unknown.NO_SOC: Words("不明（蓄電池の残量が届いていません）", "Unknown: no fresh reading of the battery's charge"),
    Unknown.NO_CAPACITY: Words(
        "不明（蓄電池の容量が登録されていません）", "Unknown: no battery capacity is registered"
    ),
    Unknown.NO_LOAD: Words(
        "不明（負荷を丸1時間計測すると計算します。いまの使用電力だけでは足りません）",
        "Unknown: worked out from the first whole hour of measured load; the load of this moment is not enough",
    ),
}
NOTE_SAYS: Final = {
    Note.SUN_NOT_COUNTED: Words(
        "太陽光発電の実績が届いていないため、発電は見込んでいません", "PV was not measured, so no sun is counted on"
    ),
    Note.FEW_DAYS: Words(
        "発電の実績日数が少ないため、一般的な天候のばらつきで補っています",
        "Few measured days: a general spread of weather stands in",
    ),
    Note.POWER_SHORT: Words(
        "残量ではなく出力の上限で止まる見込みです", "The inverter's rating ends it, not the energy"
    ),
}


def hours_say(hours: float, horizon_h: float) -> Words:
    """Hours for people: whole ones from 10 on, and no more than the horizon is known for."""
    if hours >= horizon_h:
        return Words(f"{horizon_h:.0f}時間以上", f"{horizon_h:.0f} h or more")
    # Rounded down: nobody plans on minutes that may not be there.
    shown = f"{int(hours)}" if hours >= 10 else f"{int(hours * 10) / 10:.1f}"
    return Words(f"約{shown}時間", f"about {shown} h")
