"""What only the page asks or says around the steps; the steps' own words are commissioning/words_walk.py."""

from __future__ import annotations

from typing import Final

from edge_agent.page.jobs import Text

LOAD_ON: Final = (
    "負荷({load_w:g} W)のスイッチを入れ、入れたら押してください",
    "Switch the load ({load_w:g} W) on, then press",
)
IT_IS_ON: Final = (("yes", Text("入れた", "It is on")),)
YES_NO: Final = (("yes", Text("はい", "Yes")), ("no", Text("いいえ", "No")))

AROUND: Final[dict[str, tuple[str, str]]] = {
    "not_there": (
        "機器が応答しません({why})。電源と配線を確認してください。",
        "The device does not answer ({why}). Check its power and cable.",
    ),
    "journal_busy": (
        "ほかの処理が制御試験または復元をしています。終わってから、もう一度。",
        "Another program tests or restores controls. Wait until it has ended.",
    ),
    "job_mend": ("中断した試験の復元", "Restoring after an interrupted test"),
    "mending": ("中断した試験で変えた設定を、元に戻しています", "Putting back what an interrupted test had changed"),
    "mend_pending": (
        "中断した制御試験で変えた設定が、機器に残っている可能性があります",
        "An interrupted control test may have left its setting in a device",
    ),
    "mend_now": ("元の設定に戻す", "Put back what was there"),
}
