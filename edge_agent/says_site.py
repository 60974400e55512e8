"""Findings of a device that does not answer and of the agent's surroundings, in Japanese and in English."""

from __future__ import annotations

from typing import Final

SITE_SAYS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "ja": {
        "dark_unreachable": (
            "{address} に接続できません",
            (
                "機器の電源と LAN ケーブル、host と port を確認。機器側で Modbus TCP を有効に。"
                "1 接続しか受けない機器では、動作中の shelter-edge run や他の装置を止める。"
                "RS-485 変換器ならその接続と port 名を確認。"
            ),
        ),
        "dark_no_port": (
            "シリアルポート {address} を開けません",
            "RS-485 変換器の差し込みと port 名(ls /dev/serial/by-id)、利用者の権限(dialout グループ)を確認。",
        ),
        "dark_hung_up": (
            "{address} が接続を切ります(ユニット {unit})",
            (
                "1 接続しか受けない機器では、動作中の shelter-edge run や他の装置を止める。接続許可と unit、"
                "port が Modbus のものかも確認。"
            ),
        ),
        "dark_silent": (
            "{address} のユニット {unit} が応答しません",
            (
                "unit の番号、機器の電源を確認。RS-485 は A/B の入れ違い、終端抵抗、通信速度とパリティ。"
                "他の装置が接続していないか。LAN のシリアル変換器は tcp と rtu_over_tcp のどちらか。"
                "遅い機器は timeout_s を延ばす。"
            ),
        ),
        "dark_gateway": (
            "ゲートウェイ {address} は応答しますが、その先のユニット {unit} が応答しません",
            "ゲートウェイから先の RS-485 配線、機器の電源、unit の番号を確認。",
        ),
        "wrong_unit": (
            "{address} のユニット {unit} は応答せず、ユニット {other} が応答します",
            "site.yaml の unit を {other} にして再確認。機器側の番号設定(アドレス)も確認。",
        ),
        "dark_garbled": (
            "{address} ユニット {unit} の応答が壊れています",
            "通信速度とパリティ、同じユニット番号の機器が 2 台ないか、配線のノイズを確認。",
        ),
        "dark_refused": (
            "{address} ユニット {unit} が読み出しを拒否しています",
            "機器側の Modbus 設定と権限を確認。busy なら 1 分待って再実行、failure なら本体の表示を確認。",
        ),
        "dark_wrong_device": (
            "{address} ユニット {unit} は {profile} ではないようです",
            "profile を確認。候補: {others}。unit の番号も確認。",
        ),
        "dark_fell_silent": (
            "{address} のユニット {unit} が途中から応答しなくなりました",
            "ケーブルの抜けやゆるみ、機器の電源、他の装置の接続を確認して、もう一度。",
        ),
        "answer_gaps": (
            "{reads} 回のうち {missed} 回、応答がありませんでした",
            "コネクターのゆるみ、RS-485 の終端抵抗とノイズ、他の装置の接続を確認。遅い機器は timeout_s を延ばす。",
        ),
        "password_unreadable": (
            "mqtt.password_file {where} を読めません({why})",
            "ファイルの場所と所有者を確認。site.yaml からの相対パスで書く。",
        ),
        "password_empty": ("mqtt.password_file {where} が空です", "パスワードを 1 行で書く。"),
        "password_open": ("{where} を他の利用者も読めます(モード {mode})", "chmod 600 {where}"),
        "tls_file": ("mqtt.tls のファイル {where} を読めません", "場所と権限を確認。"),
        "outbox_readonly": (
            "outbox の置き場所 {where} に書き込めません",
            "フォルダーの所有者と権限、ディスクが読み取り専用でないかを確認。",
        ),
        "outbox_full": (
            "outbox の置き場所 {where} の空きがありません(残り {free_mb:,.0f} MB)",
            "不要なファイルを消すか、outbox.path を別のディスクに。",
        ),
        "outbox_small": (
            "outbox の置き場所 {where} の空き {free_mb:,.0f} MB は bytes_max {wanted_mb:,.0f} MB より小さい",
            "空きを増やすか outbox.bytes_max を小さく。",
        ),
        "clock_wrong": ("時刻が違います: {shown}", "時刻を合わせる(timedatectl set-time、または NTP)。"),
        "time_given": (
            "実際の時刻ではなく {shown} として判定しました(--at)",
            "模擬の盤だけで使う。実機では --at を付けない。",
        ),
        "clock_unsynced": (
            "時刻の自動同期(NTP)が確認できません",
            "下の「この装置の時刻」を手元の時計と比べる。ずれていれば timedatectl で確認。",
        ),
        "broker_away": (
            "都市側のブローカー {where} に接続できません({why})",
            (
                "機器の確認はこのまま続けられます。データは outbox に残り、回線が戻れば送られます。"
                "mqtt.host と port、回線を確認。"
            ),
        ),
    },
    "en": {
        "dark_unreachable": (
            "cannot connect to {address}",
            (
                "power and LAN cable, host and port. Switch Modbus TCP on in the device. Many devices take one "
                "connection only: stop a running shelter-edge run. With an RS-485 adapter: its plug and port name."
            ),
        ),
        "dark_no_port": (
            "the serial port {address} cannot be opened",
            "the RS-485 adapter's plug, the port's name (ls /dev/serial/by-id), the user's rights (group dialout).",
        ),
        "dark_hung_up": (
            "{address} closes the connection (unit {unit})",
            (
                "many devices take one connection only: stop a running shelter-edge run. Check the unit id, and "
                "whether the port is one for Modbus."
            ),
        ),
        "dark_silent": (
            "unit {unit} at {address} does not answer",
            (
                "the unit id and the device's power. RS-485: A and B swapped, termination, baud rate, parity. Is "
                "another program connected? A serial converter on the network: tcp or rtu_over_tcp? A slow device may "
                "need a longer timeout_s."
            ),
        ),
        "dark_gateway": (
            "the gateway {address} answers, unit {unit} behind it does not",
            "the RS-485 wiring behind the gateway, the device's power, the unit id.",
        ),
        "wrong_unit": (
            "unit {unit} at {address} does not answer, unit {other} does",
            "write unit: {other} in site.yaml and check again. Look at the address that is set in the device, too.",
        ),
        "dark_garbled": (
            "the answers of unit {unit} at {address} are broken",
            "baud rate and parity, two devices with one unit id, noise on the line.",
        ),
        "dark_refused": (
            "unit {unit} at {address} refuses to be read",
            (
                "Modbus settings and rights in the device. Busy: wait a minute and run again. Device failure: look at "
                "the device's own display."
            ),
        ),
        "dark_wrong_device": (
            "unit {unit} at {address} does not look like a {profile}",
            "another profile, one of: {others}. Or another unit id.",
        ),
        "dark_fell_silent": (
            "unit {unit} at {address} answered at first, and no longer does",
            "a cable that is loose or out, the device's power, another program that connected; then check again.",
        ),
        "answer_gaps": (
            "{missed} of {reads} reads got no answer",
            (
                "loose connectors, termination and noise on RS-485, another program that is connected. A slow device "
                "may need a longer timeout_s."
            ),
        ),
        "password_unreadable": (
            "mqtt.password_file {where} cannot be read ({why})",
            "the file's place and owner; a path in site.yaml is relative to it.",
        ),
        "password_empty": ("mqtt.password_file {where} is empty", "one line with the password."),
        "password_open": ("{where} can be read by others (mode {mode})", "chmod 600 {where}"),
        "tls_file": ("the file {where} of mqtt.tls cannot be read", "its place and rights."),
        "outbox_readonly": (
            "the outbox {where} cannot be written",
            "owner and rights of the folder; is the disk mounted read-only?",
        ),
        "outbox_full": (
            "no room for the outbox {where} ({free_mb:,.0f} MB left)",
            "remove files, or put outbox.path on another disk.",
        ),
        "outbox_small": (
            "the outbox {where} has {free_mb:,.0f} MB of room, less than its bytes_max of {wanted_mb:,.0f} MB",
            "make room, or make outbox.bytes_max smaller.",
        ),
        "clock_wrong": ("the clock is wrong: {shown}", "set it (timedatectl set-time, or NTP)."),
        "time_given": (
            "judged as if it were {shown} (--at), not by the time that it is",
            "only for a simulated cabinet; leave --at out at a real one.",
        ),
        "clock_unsynced": (
            "no time service (NTP) disciplines the clock",
            "compare the machine's time below with your watch; timedatectl tells more.",
        ),
        "broker_away": (
            "no connection to the city's broker {where} ({why})",
            (
                "the devices can be checked all the same. Readings wait in the outbox until the network is back. Check "
                "mqtt.host, mqtt.port and the line."
            ),
        ),
    },
}
"""What a finding says, and what to try, by its kind."""
