"""What a person has to do at a shelter that cannot be switched from afar, in both languages."""

from __future__ import annotations

from typing import Final

Both = tuple[str, str]
"""Japanese, English."""

NOTHING: Final[Both] = ("", "")
_WATER_JA: Final = (
    "浸水に備え、PCSの交流ブレーカーと直流開閉器、蓄電池のブレーカーを「切」にしてください。"
    "危険な場合は近づかず、本部へ連絡してください。"
)
_WATER_EN: Final = (
    "Water is expected: switch the inverter's AC breaker, its DC switch and the battery's breaker off. "
    "If it is dangerous, stay away and call."
)
SWITCH_OFF: Final[Both] = (_WATER_JA, _WATER_EN)
SWITCH_BACK: Final[Both] = (
    "停電は復旧しました。自立運転を終え、PCSを連系運転に戻してください。",
    "The grid is back: end stand-alone operation and switch the inverter back to the grid.",
)
