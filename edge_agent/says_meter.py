"""Findings of meters, counters and the load test, in Japanese and in English: what was found, and what to try.

A kind that is found in more than one way has a text for each, by its fact ``seen``: ``kind.seen``.
"""

from __future__ import annotations

from typing import Final

METER_SAYS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "ja": {
        "swapped_ct.two": (
            "{point} の向きが逆です: {other} は {other_w:,.0f} W、{one} は {one_w:,.0f} W",
            "CT の向き(K→L)を {one} と {other} の両方で確認。買電が正。",
        ),
        "swapped_ct.load": (
            "{point} が {one_w:,.0f} W では負荷が {load_w:,.0f} W になり、あり得ません。CT が逆向きのようです",
            "電力量計の CT の向き(K→L)を全相確認。site.yaml に載っていない発電設備がないかも確認。",
        ),
        "one_ct_turned.two": (
            "{phases} 相の CT が逆向きのようです: この計量器は {one_w:,.0f} W、{other} は {other_w:,.0f} W",
            "{phases} 相の CT の向き(K→L)を直す。他の相はそのまま。",
        ),
        "one_ct_turned.load": (
            "{phases} 相の CT が逆向きのようです: この相の負荷が {load_w:,.0f} W になります",
            "{phases} 相の CT の向き(K→L)を確認。単相の発電設備がこの相にないかも確認。",
        ),
        "crossed_phases": (
            "{phases} の CT が互いに別の相に付いているようです(電力が電圧×電流の約半分で逆向き)",
            "CT と電圧端子の相を合わせる({phases} を入れ替え)。",
        ),
        "ct_ratio": (
            "{point} が {one_w:,.0f} W、{other} では {other_w:,.0f} W。CT 比の設定が違うようです(×{ratio:g})",
            "計量器の CT 比(一次/二次)を CT の銘板と合わせる。",
        ),
        "meters_differ": (
            "{point} が {one_w:,.0f} W、{other} では {other_w:,.0f} W と食い違います",
            "2 台の計量器が同じ受電点を測っているか、CT の相と取付位置を確認。",
        ),
        "phase_order": (
            "計量器が「逆相」と表示しています",
            "電圧端子 L1・L2・L3 の順を確認し、2 本を入れ替える。",
        ),
        "phase_sum": (
            "{point} は {shown:,.0f} W ですが、各相の合計は {likely:,.0f} W です",
            "profile を確認。計量器の結線方式(三相 3 線・4 線)の設定も確認。",
        ),
        "phase_power": (
            "{phases} 相の電力が電圧×電流の {share:g} 倍です",
            "CT と電圧端子の相の対応、CT 比、profile を確認。",
        ),
        "meter_offline": (
            "この機器につながる計量器が応答していません(機器の自己診断)",
            "計量器の電源と通信線(RS-485 の A/B)を確認。計量器をつないでいない機器なら without: [grid] と書く。",
        ),
        "ct_unproven": (
            "買電・売電の向きは、1 台の計量器だけでは確認できません",
            "shelter-edge check --load-step 2000 で確認(2 kW 程度の負荷を入れる)。減れば CT が逆向き。",
        ),
        "load_negative": (
            "負荷が負の値です({load_w:,.0f} W)",
            "電力量計の CT の向き(K→L)を確認。買電が正、発電と放電が正。",
        ),
        "swapped_counters": (
            (
                "積算電力量が入れ替わっているようです: {point} は {moved_wh:,.0f} Wh、"
                "{other} が進んでいます({power} からは {expected_wh:,.0f} Wh)"
            ),
            "profile を確認。計量器の買電・売電の設定と電源側・負荷側の接続を確認。",
        ),
        "counters_stand": (
            "{point} が進みません({moved_wh:,.0f} Wh。{power} からは {expected_wh:,.0f} Wh のはず)",
            "計量器の積算表示と比べる。profile のレジスタを確認。",
        ),
        "counter_scale": (
            "{point} の進み方が {how} です({moved_wh:,.0f} Wh。{power} からは {expected_wh:,.0f} Wh のはず)",
            "profile の scale(Wh と kWh)、CT 比を確認。",
        ),
        "counter_falls": (
            "{point} が減りました({before:,.0f} → {after:,.0f} Wh)",
            "profile のレジスタと語順を確認。機器の交換・初期化なら問題なし。",
        ),
        "step_right": (
            "負荷試験 {load_w:,.0f} W: {rose}。{phases} 相で正しく増えました",
            "このままで問題なし。",
        ),
        "step_turned": (
            "負荷試験 {load_w:,.0f} W: {rose}。{phases} 相の CT が逆向きです",
            "{phases} 相の CT の向き(K→L)を直して、もう一度試験。",
        ),
        "step_other_phase": (
            "負荷試験 {load_w:,.0f} W: {rose}。負荷は {wanted} 相のはずが {phases} 相で増えました",
            "CT と電圧端子の相の対応を確認。負荷の回路の相も確認。",
        ),
        "step_ratio": (
            "負荷試験 {load_w:,.0f} W: {rose}。計量器は {ratio:g} 倍で測っています",
            "計量器の CT 比(一次/二次)を CT の銘板と合わせて、もう一度試験。",
        ),
        "step_unseen": (
            "負荷試験 {load_w:,.0f} W: {rose}。負荷の投入に合う変化がありません",
            "負荷が入ったか、この計量器の下の回路かを確認して、もう一度試験。",
        ),
        "step_covered": (
            "負荷試験 {load_w:,.0f} W: {rose}。パワコンが {own_w:,.0f} W を賄い、計量器は動きませんでした",
            "蓄電池の放電を止める(残量下限を今の残量より上に)か夜間に、もう一度試験。",
        ),
    },
    "en": {
        "swapped_ct.two": (
            "opposite directions of {point}: {other} says {other_w:,.0f} W, {one} says {one_w:,.0f} W",
            "are the current transformers of {one} or {other} turned round? Import is positive.",
        ),
        "swapped_ct.load": (
            ("with {point} at {one_w:,.0f} W the load would be {load_w:,.0f} W: the current transformers seem turned"),
            ("the direction (K to L) of all current transformers. Is there a generator that site.yaml does not name?"),
        ),
        "one_ct_turned.two": (
            ("the current transformer of {phases} seems turned: {one_w:,.0f} W here, {other} says {other_w:,.0f} W"),
            "turn the transformer of {phases} round (K to L); leave the others.",
        ),
        "one_ct_turned.load": (
            ("the current transformer of {phases} seems turned: that phase's load would be {load_w:,.0f} W"),
            "the transformer of {phases} (K to L). Or does a one-phase generator feed that phase?",
        ),
        "crossed_phases": (
            ("the current transformers of {phases} sit on each other's conductor (half of V × I, the wrong way round)"),
            "bring transformers and voltage terminals together: swap {phases}.",
        ),
        "ct_ratio": (
            (
                "{point} is {one_w:,.0f} W, {other} says {other_w:,.0f} W: the transformer ratio seems "
                "wrong (×{ratio:g})"
            ),
            "set the meter's transformer ratio to what the transformers' plate says.",
        ),
        "meters_differ": (
            "{point} is {one_w:,.0f} W, {other} says {other_w:,.0f} W",
            ("do both meters measure the same connection? Phases and places of the current transformers."),
        ),
        "phase_order": (
            "the meter says that the phase order is reversed",
            "the order of L1, L2, L3: swap two of them.",
        ),
        "phase_sum": (
            "{point} is {shown:,.0f} W, the sum of its phases {likely:,.0f} W",
            "the profile, and how the meter is told to be wired (three or four wires).",
        ),
        "phase_power": (
            "the power of {phases} is {share:g} of voltage × current",
            "transformers and voltage terminals of the same phase? Transformer ratio, profile.",
        ),
        "meter_offline": (
            "this device says that its meter does not answer",
            ("the meter's power and data line (RS-485 A and B). A device without a meter: write without: [grid]."),
        ),
        "ct_unproven": (
            "one meter alone cannot prove the direction of import and export",
            (
                "shelter-edge check --load-step 2000, with a load of about 2 kW. It must rise; if it "
                "falls, the CTs are turned."
            ),
        ),
        "load_negative": (
            "the load is negative ({load_w:,.0f} W)",
            ("are the meter's current transformers turned round? Import, generation and discharge are positive."),
        ),
        "swapped_counters": (
            (
                "the energy counters seem swapped: {point} {moved_wh:,.0f} Wh, {other} moves instead ("
                "{power}: {expected_wh:,.0f} Wh)"
            ),
            "the profile; which side of the meter is grid and which is load.",
        ),
        "counters_stand": (
            "{point} stands still ({moved_wh:,.0f} Wh, by {power} {expected_wh:,.0f} Wh)",
            "compare the meter's own display; the profile's register.",
        ),
        "counter_scale": (
            "{point} moves {how} ({moved_wh:,.0f} Wh, by {power} {expected_wh:,.0f} Wh)",
            "the profile's scale (Wh or kWh), the transformer ratio.",
        ),
        "counter_falls": (
            "{point} fell ({before:,.0f} to {after:,.0f} Wh)",
            "the profile's register and word order. All right after a device was changed or reset.",
        ),
        "step_right": (
            "load test {load_w:,.0f} W: {rose}. It rose on {phases}, as it should",
            "nothing: this is right.",
        ),
        "step_turned": (
            "load test {load_w:,.0f} W: {rose}. The current transformer of {phases} is turned",
            "turn the transformer of {phases} round (K to L), and test again.",
        ),
        "step_other_phase": (
            "load test {load_w:,.0f} W: {rose}. The load hangs on {wanted}, and {phases} rose",
            ("do transformers and voltage terminals belong to the same phase? Which phase does the circuit hang on?"),
        ),
        "step_ratio": (
            "load test {load_w:,.0f} W: {rose}. The meter shows {ratio:g} of it",
            "set the meter's transformer ratio to what the transformers' plate says, and test again.",
        ),
        "step_unseen": (
            "load test {load_w:,.0f} W: {rose}. Nothing that fits the load",
            "was the load on, and does it hang behind this meter? Test again.",
        ),
        "step_covered": (
            ("load test {load_w:,.0f} W: {rose}. The inverter gave {own_w:,.0f} W of it, the meter did not move"),
            ("hold the battery (reserve above its present charge) or wait for the night, and test again."),
        ),
    },
}
