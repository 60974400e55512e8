"""Findings of inverters, batteries, generators and of how registers are read, in Japanese and in English.

A kind that is found in more than one way has a text for each, by its fact ``seen``: ``kind.seen``.
"""

from __future__ import annotations

from typing import Final

PLANT_SAYS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "ja": {
        "balance_off": (
            "太陽光 + 蓄電池とパワコン出力が {error_w:,.0f} W 食い違います(許容 {limit_w:,.0f} W)",
            "蓄電池の符号(放電が正)と profile を確認。値が急変中ならもう一度実行。",
        ),
        "inverter_sign": (
            "{point} {shown:,.0f} W は符号が逆のようです({likely:,.0f} W なら収支が合う)",
            "profile を確認。出力が正。",
        ),
        "inverter_scale": (
            "{point} {shown:,.0f} W は桁が違うようです({how}。{likely:,.0f} W なら収支が合う)",
            "profile の scale と機種を確認。",
        ),
        "battery_sign": (
            "{point} {shown:,.0f} W は符号が逆のようです(正しくは {likely:,.0f} W)",
            "profile を確認。放電が正、充電が負。直流側の電流センサーの向きも確認。",
        ),
        "battery_scale": (
            "{point} {shown:,.0f} W は桁が違うようです({how}。{likely:,.0f} W なら収支が合う)",
            "profile の scale と機種を確認。",
        ),
        "signedness": (
            "{point} {shown:,.0f} W は負の値を正と読んでいるようです({likely:,.0f} W なら収支が合う)",
            "profile の type を確認(符号付き s16)。",
        ),
        "battery_state": (
            "蓄電池の状態表示(充電・放電)と電力 {shown:,.0f} W の向きが合いません",
            "収支は電力の符号が正しいことを示しています。profile の battery.state を確認。",
        ),
        "battery_voltage": (
            "{point} {shown:,.1f} V は不自然です({likely:,.1f} V なら電力・電流と合う)",
            "蓄電池モジュールの段数、抜けている直列線、profile の scale を確認。",
        ),
        "battery_current": (
            "{point} {shown:,.2f} A は不自然です({likely:,.2f} A なら電力・電圧と合う)",
            "profile の scale と符号(放電が正)を確認。",
        ),
        "battery_product": (
            "蓄電池の電圧×電流が電力の {ratio:.2g} 倍です({point} のどれかの桁)",
            "機器の画面の電圧・電流・電力と比べ、profile の scale を直す。",
        ),
        "soc_scale": (
            "{point} {shown:g} % は低すぎます({likely:g} % の桁違いか、本当に空か)",
            "機器の画面の残量と比べる。画面が {likely:g} % なら profile の scale を直す。画面も同じなら早急に充電。",
        ),
        "soc_stands": (
            "{point} が動きません({moved:+g} %。電力からは {expected:+g} % のはず)",
            "BMS との通信、profile のレジスタを確認。",
        ),
        "pv_at_night": (
            "夜間(太陽高度 {elevation:g}°)なのに太陽光が {shown:,.0f} W です",
            "profile とレジスタを確認。パワコンが蓄電池の電力を含めていないかも確認。",
        ),
        "pv_scale": (
            "{point} {shown:,.0f} W は桁が違うようです({how}。{likely:,.0f} W なら合う)",
            "profile の scale と機種を確認。",
        ),
        "pv_sign": (
            "{point} {shown:,.0f} W は符号が逆のようです(正しくは {likely:,.0f} W)",
            "profile を確認。発電が正。",
        ),
        "pv_too_high": (
            (
                "太陽光 {shown:,.0f} W は多すぎます"
                "(太陽高度 {elevation:g}°、{rated:,.0f} W のモジュールで最大 {most:,.0f} W)"
            ),
            "profile の scale と、site.yaml の pv_rated_w を確認。",
        ),
        "pv_dark": (
            "昼間(太陽高度 {elevation:g}°)なのに太陽光が 0 W です",
            "直流開閉器、積雪、出力抑制や満充電の有無を確認。",
        ),
        "dead_string": (
            "{point} が 0 A です(電圧は {volts:,.0f} V。{others} は発電中)",
            "この回路の開閉器、ヒューズ、コネクターを確認。",
        ),
        "tracker_unused": (
            "{points} には電圧も電流もありません",
            "使っていない入力なら問題なし(without に書けば消える)。使っているなら配線と開閉器を確認。",
        ),
        "clock_off.utc": (
            "機器の時計がちょうど 9 時間遅れています(世界標準時のまま)",
            "機器の時間帯を日本(UTC+9)に設定。",
        ),
        "clock_off.days": (
            "機器の時計が {days:+.0f} 日ずれています(+ は進み、- は遅れ)",
            "機器の日付を合わせる。",
        ),
        "clock_off.hours": (
            "機器の時計が {hours:+.1f} 時間ずれています(+ は進み、- は遅れ)",
            "機器の時計と時間帯(UTC+9)を合わせる。",
        ),
        "clock_off.minutes": (
            "機器の時計が {minutes:+.0f} 分ずれています(+ は進み、- は遅れ)",
            "機器の時計を合わせる。",
        ),
        "clock_off.unset": (
            "機器の時計が設定されていません",
            "機器の日付と時刻を合わせる。",
        ),
        "frozen": (
            "値がまったく動きません({points} 点、{seconds:g} 秒間に {reads} 回)",
            "機器の再起動、通信モジュールの確認。ゲートウェイが古い値を返していないかも確認。",
        ),
        "wrong_profile": (
            "{profile} ではないようです: {points} 点中 {wrong} 点が読めないか範囲外です",
            "profile を確認。候補: {others}。unit の番号も確認。",
        ),
        "wrong_profile.nothing": (
            "機器は返事をしますが、{points} 点の読み出しをすべて拒否します({profile})",
            "機器側の Modbus 設定(読み出しの許可)、unit の番号、銘板の型式を確認。停止中なら運転してから再確認。",
        ),
        "swapped_words": (
            "32 ビット値の語順が {profile} と逆のようです(不適切な点 {wrong} → {left})",
            "機器の語順(ワードスワップ)設定を確認。変えられなければ profile の word_order を逆に。",
        ),
        "swapped_bytes": (
            "バイト順が {profile} と逆のようです({how}。不適切な点 {wrong} → {left})",
            "機器やゲートウェイのバイトスワップ設定を確認。",
        ),
        "off_by_one": (
            "レジスタ番地が {profile} と 1 つずれています({how}。不適切な点 {wrong} → {left})",
            "profile の版と機種を確認。ゲートウェイの番地の数え方(0 始まり・1 始まり)も確認。",
        ),
        "implausible.scale": (
            "{point} = {shown} は不自然です(桁が {how}。{likely:,.6g} なら妥当)",
            "profile の scale と機種を確認。",
        ),
        "implausible.signedness": (
            "{point} = {shown} は不自然です(符号付きで読めば {likely:,.6g})",
            "profile の type を確認(u16/s16、u32/s32)。",
        ),
        "implausible.swapped_words": (
            "{point} = {shown} は不自然です(語順を逆に読めば {likely:,.6g})",
            "profile の word_order を確認。",
        ),
        "implausible.bare": (
            "{point} = {shown} は不自然です",
            "機種と profile、測定線の接続を確認。",
        ),
        "sentinel": (
            "「値なし」の印を数値として読んでいるようです({count} 点): {points}",
            "機種に無い項目なら without に書く。profile の sentinels を確認。",
        ),
        "all_zero": (
            "値がすべて 0 です({points} 点)",
            "機器が停止・休止中か、profile の違い({profile})。候補: {others}",
        ),
        "some_bad": (
            "{points} 点中 {bad} 点に値がありません: {names}",
            "機種に無い項目は without に書く。",
        ),
    },
    "en": {
        "balance_off": (
            ("PV + battery and the inverter's output differ by {error_w:,.0f} W (limit {limit_w:,.0f} W)"),
            ("the battery's sign (discharge is positive) and the profile. Run again if the power was changing."),
        ),
        "inverter_sign": (
            ("{point} {shown:,.0f} W seems to have the wrong sign (with {likely:,.0f} W the balance is right)"),
            "the profile. Output is positive.",
        ),
        "inverter_scale": (
            "{point} {shown:,.0f} W seems {how} (with {likely:,.0f} W the balance is right)",
            "the profile's scale and the model.",
        ),
        "battery_sign": (
            "{point} {shown:,.0f} W seems to have the wrong sign (right: {likely:,.0f} W)",
            ("the profile: discharge is positive, charge negative. The direction of a DC current sensor."),
        ),
        "battery_scale": (
            "{point} {shown:,.0f} W seems {how} (with {likely:,.0f} W the balance is right)",
            "the profile's scale and the model.",
        ),
        "signedness": (
            (
                "{point} {shown:,.0f} W seems a negative value read as positive (with {likely:,.0f} W "
                "the balance is right)"
            ),
            "the profile's type: s16, with a sign.",
        ),
        "battery_state": (
            "the battery's state (charging, discharging) contradicts its power of {shown:,.0f} W",
            "the balance says that the power is right: look at battery.state in the profile.",
        ),
        "battery_voltage": (
            "{point} {shown:,.1f} V is odd ({likely:,.1f} V would fit power and current)",
            ("how many battery modules are in the stack, a series link that is missing, the profile's scale."),
        ),
        "battery_current": (
            "{point} {shown:,.2f} A is odd ({likely:,.2f} A would fit power and voltage)",
            "the profile's scale and sign (discharge is positive).",
        ),
        "battery_product": (
            "the battery's voltage × current is {ratio:.2g} of its power (one of {point})",
            "compare the device's own display, and mend the profile's scale.",
        ),
        "soc_scale": (
            "{point} {shown:g} % is too low to be true ({likely:g} %, or really empty?)",
            (
                "compare the device's own display. If it says {likely:g} %, mend the profile's scale; if "
                "not, charge soon."
            ),
        ),
        "soc_stands": (
            "{point} does not move ({moved:+g} %, by its power {expected:+g} %)",
            "the line to the battery's BMS, the profile's register.",
        ),
        "pv_at_night": (
            "PV shows {shown:,.0f} W at night (sun at {elevation:g}°)",
            "profile and register. Does the inverter count the battery's power as PV?",
        ),
        "pv_scale": (
            "{point} {shown:,.0f} W seems {how} ({likely:,.0f} W would fit)",
            "the profile's scale and the model.",
        ),
        "pv_sign": (
            "{point} {shown:,.0f} W seems to have the wrong sign (right: {likely:,.0f} W)",
            "the profile. Generation is positive.",
        ),
        "pv_too_high": (
            ("PV {shown:,.0f} W is too much ({rated:,.0f} W of modules, sun at {elevation:g}°: {most:,.0f} W at most)"),
            "the profile's scale, and pv_rated_w in site.yaml.",
        ),
        "pv_dark": (
            "PV is 0 W by day (sun at {elevation:g}°)",
            "the DC switch, snow, a limited output or a full battery.",
        ),
        "dead_string": (
            "{point} is 0 A (voltage {volts:,.0f} V; {others} generate)",
            "the switch, fuse and connectors of this string.",
        ),
        "tracker_unused": (
            "{points}: neither voltage nor current",
            "all right if the input is not used ('without' hides it). Else its cable and switch.",
        ),
        "clock_off.utc": (
            "the device's clock is nine hours slow: it shows UTC",
            "set the device's time zone to Japan (UTC+9).",
        ),
        "clock_off.days": (
            "the device's clock is {days:+.0f} days off (+ fast, - slow)",
            "set the device's date.",
        ),
        "clock_off.hours": (
            "the device's clock is {hours:+.1f} hours off (+ fast, - slow)",
            "set the device's clock and time zone (UTC+9).",
        ),
        "clock_off.minutes": (
            "the device's clock is {minutes:+.0f} minutes off (+ fast, - slow)",
            "set the device's clock.",
        ),
        "clock_off.unset": (
            "the device's clock was never set",
            "set the device's date and time.",
        ),
        "frozen": (
            "the values never change ({points} points, {reads} reads in {seconds:g} s)",
            "restart the device or its communication module. Does a gateway repeat old answers?",
        ),
        "wrong_profile": (
            "this does not look like a {profile}: {wrong} of {points} points are not plausible",
            "another profile, one of: {others}. Or another unit id.",
        ),
        "wrong_profile.nothing": (
            "the device answers, but refuses to be read: all {points} points ({profile})",
            (
                "Modbus settings and rights in the device, the unit id, the model on the type plate. If the device is "
                "stopped, run it and check again."
            ),
        ),
        "swapped_words": (
            (
                "the word order of 32-bit values seems the other way round than in {profile} (odd points "
                "{wrong} → {left})"
            ),
            "the word-swap setting of device or gateway; else turn word_order in the profile.",
        ),
        "swapped_bytes": (
            ("the byte order seems the other way round than in {profile} ({how}; odd points {wrong} → {left})"),
            "the byte-swap setting of device or gateway.",
        ),
        "off_by_one": (
            "the registers are one address off from {profile} ({how}; odd points {wrong} → {left})",
            "the profile's edition and the model. Does a gateway count addresses from 1?",
        ),
        "implausible.scale": (
            "{point} = {shown} is odd (it seems {how}; {likely:,.6g} would be plausible)",
            "the profile's scale and the model.",
        ),
        "implausible.signedness": (
            "{point} = {shown} is odd (read with a sign: {likely:,.6g})",
            "the profile's type (u16 or s16, u32 or s32).",
        ),
        "implausible.swapped_words": (
            "{point} = {shown} is odd (with the other word first: {likely:,.6g})",
            "the profile's word_order.",
        ),
        "implausible.bare": (
            "{point} = {shown} is odd",
            "the model, the profile, and the measuring leads.",
        ),
        "sentinel": (
            'the mark for "no value" seems to be read as a number ({count} points): {points}',
            "leave out what this model does not have with 'without'; the profile's sentinels.",
        ),
        "all_zero": (
            "every value is 0 ({points} points)",
            "the device is off or asleep, or it is no {profile}: try one of: {others}",
        ),
        "some_bad": (
            "{bad} of {points} points have no value: {names}",
            "leave out what this model does not have with 'without'.",
        ),
    },
}
