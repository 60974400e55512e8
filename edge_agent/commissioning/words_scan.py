"""What scan and identify say, in Japanese and in English."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from device_profiles.identify import Reason
from edge_agent.commissioning.networks import TargetError

SCAN: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "before": "{places} を調べます。{connections} 接続(毎秒 {rate:g} 回まで)で約 {sweep}。",
        "before_port": "応答するポートごとに最長でさらに {port}、機器 1 台の識別に数秒かかります。",
        "before_serial": "シリアルは最長 {serial}。",
        "read_only": "読み出しだけで、書き込みはしません。Ctrl-C で止めても、それまでの結果を表示します。",
        "warning": "注意 この盤につながるネットワークだけを調べてください。ほかのネットワークを調べてはいけません。",
        "places_hosts": "{count} 個のアドレス",
        "places_serial": "シリアル {ports}",
        "and": "と",
        "stop": "調べません。それでもよければ --yes を付けてください。",
        "offer": "調べる範囲を指定してください。このパソコンから見えるもの:",
        "offer_none": "調べる範囲を指定してください(この機械のネットワークは分かりませんでした)。",
        "offer_network": "  shelter-edge scan {network}",
        "offer_serial": "  shelter-edge scan {port}",
        "progress": "{done}/{total}  機器 {units} 台  {place}",
        "stopped": "途中で止めました({total} のうち {done} まで)。ここまでの結果:",
        "unit": "ユニット {unit}",
        "same_as": "ユニット {same} と同じ機器です(どの番号でも応答)",
        "mute": "当てはまる profile がありません(読み出しをすべて拒否)",
        "mute_too": "ユニット {same} と同じく、読み出しをすべて拒否(同じ機器の可能性)",
        "mute_try": "機器側で Modbus の読み出しを許可。停止中なら運転してから、もう一度。",
        "or": "または ",
        "not_identified": "応答あり(識別していません)",
        "broke_off": "識別の途中で応答がなくなりました: {error}",
        "none": "当てはまる profile がありません",
        "several": "複数の profile が当てはまります。銘板の型式を見て選んでください",
        "only_possible": "決め手がありません。銘板の型式を確認してください",
        "certain": "確実",
        "likely": "有力",
        "possible": "可能性あり",
        "model": "型式 {model}",
        "serial": "製造番号 {serial}",
        "for": "根拠",
        "against": "疑問",
        "not": "該当しない",
        "seen": "機器の返答",
        "try": "対処",
        "gateway": "ゲートウェイ(1 ポートに複数のユニット)",
        "yaml": "site.yaml に書く行:",
        "yaml_doubt": "確かめてから # を外す",
        "shut": "機器はありますが、そのポートでは接続を受けません: {hosts}",
        "shut_try": "機器側で Modbus TCP を有効にし、ポート番号を確認。",
        "found": "機器 {units} 台が見つかりました(ポート {ports} 個、要求 {requests} 回、{seconds:.0f} 秒)。",
        "nothing": "Modbus の機器は見つかりませんでした(要求 {requests} 回、{seconds:.0f} 秒)。",
        "nothing_try": (
            "機器の電源と LAN ケーブル、機器側の Modbus TCP の設定、アドレスの範囲を確認。"
            "RS-485 は A/B の入れ違い、通信速度とパリティ(--try-serial)、ユニット番号(--all-units)。"
        ),
        "none_try": (
            "ユニット番号を変えて試す(--unit)。銘板の型式を shelter-profiles list と比べる。"
            "機器が停止中なら、運転してからもう一度。"
        ),
    },
    "en": {
        "before": "Looking at {places}: {connections} connections, at most {rate:g} a second, about {sweep}.",
        "before_port": "For each port that answers up to {port} more, and some seconds to identify each device.",
        "before_serial": "Serial: up to {serial}.",
        "read_only": "This reads and never writes. Ctrl-C stops it and shows what was found so far.",
        "warning": "CAUTION Scan only the network of this cabinet, never any other.",
        "places_hosts": "{count} addresses",
        "places_serial": "serial {ports}",
        "and": " and ",
        "stop": "Not scanned. Add --yes if you mean it.",
        "offer": "Say where to look. This machine sees:",
        "offer_none": "Say where to look (this machine does not tell its networks).",
        "offer_network": "  shelter-edge scan {network}",
        "offer_serial": "  shelter-edge scan {port}",
        "progress": "{done}/{total}  devices: {units}  {place}",
        "stopped": "Stopped before the end ({done} of {total}). Found so far:",
        "unit": "unit {unit}",
        "same_as": "the same device as unit {same} (it answers to any number)",
        "mute": "no profile fits: it refuses to be read",
        "mute_too": "refuses to be read, as unit {same} does (it may be the same device)",
        "mute_try": "permit reading by Modbus in the device; if it is stopped, run it and try again.",
        "or": "or ",
        "not_identified": "answers (not identified)",
        "broke_off": "stopped answering while it was being identified: {error}",
        "none": "no profile fits",
        "several": "more than one profile fits: choose by the model on the type plate",
        "only_possible": "nothing decides it: look at the model on the type plate",
        "certain": "certain",
        "likely": "likely",
        "possible": "possible",
        "model": "model {model}",
        "serial": "serial {serial}",
        "for": "for",
        "against": "against",
        "not": "not",
        "seen": "the device says",
        "try": "Try",
        "gateway": "gateway (several units behind one port)",
        "yaml": "Lines for site.yaml:",
        "yaml_doubt": "verify, then remove the #",
        "shut": "there, but not listening on that port: {hosts}",
        "shut_try": "switch Modbus TCP on in the device; check the port number.",
        "found": "Devices found: {units} (ports: {ports}, requests: {requests}, {seconds:.0f} s).",
        "nothing": "No Modbus device found (requests: {requests}, {seconds:.0f} s).",
        "nothing_try": (
            "power and LAN cable, Modbus TCP switched on in the device, the range of addresses. On RS-485: A and B "
            "swapped, speed and parity (--try-serial), the unit number (--all-units)."
        ),
        "none_try": (
            "another unit number (--unit); compare the model on the type plate with shelter-profiles list; "
            "if the device is stopped, run it and try again."
        ),
    },
}

STATES: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "ja": {
        "no_unit": (
            "接続できますが、調べたユニット({units})はどれも応答しません",
            (
                "機器側のユニット番号を確認。--all-units で 1〜247 を調べる。RTU をそのまま通すシリアル変換器なら "
                "--rtu-over-tcp。Modbus ではないサービスのこともある。"
            ),
        ),
        "hung_up": (
            "接続を受けた後すぐに切ります",
            (
                "1 接続しか受けない機器では、動作中の shelter-edge run やほかの監視装置を止める。"
                "機器側の接続許可(IP アドレスの制限)も確認。"
            ),
        ),
        "gateway_silent": (
            "ゲートウェイは応答しますが、その先のユニット({units})が応答しません",
            "RS-485 の配線と機器の電源、通信速度とパリティを確認。--all-units で 1〜247 を調べる。",
        ),
        "garbled": (
            "何かが応答しますが、Modbus の形になっていません",
            "シリアルなら通信速度とパリティ(--try-serial)。ネットワークなら別のサービスかもしれない。ポートを確認。",
        ),
        "no_port": (
            "シリアルポート {port} を開けません({error})",
            "RS-485 変換器の差し込みと名前(ls /dev/serial/by-id)、利用者の権限(dialout グループ)を確認。",
        ),
    },
    "en": {
        "no_unit": (
            "takes the connection, but none of the units asked ({units}) answers",
            (
                "the unit number set in the device; --all-units tries 1-247. A serial converter that passes RTU on "
                "as it is wants --rtu-over-tcp. It may also be another service than Modbus."
            ),
        ),
        "hung_up": (
            "takes the connection and closes it",
            (
                "many devices take one connection only: stop a running shelter-edge run and any other monitor. Also "
                "the device's list of permitted addresses."
            ),
        ),
        "gateway_silent": (
            "the gateway answers, but none of the units behind it ({units}) does",
            "RS-485 wiring, power of the devices, speed and parity; --all-units tries 1-247.",
        ),
        "garbled": (
            "something answers, but not as Modbus",
            "on a serial line speed and parity (--try-serial); on a network it may be another service: the port.",
        ),
        "no_port": (
            "the serial port {port} cannot be opened ({error})",
            "the RS-485 adapter's plug and name (ls /dev/serial/by-id), the user's rights (group dialout).",
        ),
    },
}
"""What is wrong with a port, and what to try."""

REASONS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "sign": "{where} が「{shows}」",
        "device_id": "機器識別(43/14)の {where} が「{shows}」",
        "marker": "SunSpec の目印が {base} 番地にある(メーカー {maker})",
        "identity": "機器の名乗り: {texts}",
        "values": "運転値 {total} 点のうち {good} 点が妥当",
        "weak": "目印が弱く、ほかの機器でも同じ値になることがある",
        "no_signs": "この種類には見分ける目印がない。配線と銘板で確認",
        "values_few": "妥当な値は {total} 点のうち {good} 点だけ",
        "all_zero": "値がすべて 0(停止・休止中か、別の機器)",
        "blocks_refused": "読めない範囲が {count} か所",
        "general": "{profile} のほうがこの機種に合う",
        "also_fits": "{profiles} にも当てはまる",
        "chain": "SunSpec の内容を読めない: {error}",
        "refused": "{where} が読めない",
        "not_asked": "{where} はこの機器では読んではいけない範囲なので、調べていない",
        "other_value": "{where} が「{shows}」",
        "no_device_id": "機器識別(43/14)に {where} がない",
        "other_device_id": "機器識別(43/14)の {where} が「{shows}」",
    },
    "en": {
        "sign": "{where} holds '{shows}'",
        "device_id": "device identification (43/14): {where} is '{shows}'",
        "marker": "the SunSpec marker stands at {base} (maker {maker})",
        "identity": "it calls itself {texts}",
        "values": "{good} of {total} points read plausibly",
        "weak": "its sign is weak: other devices may show the same",
        "no_signs": "this kind has no sign to know it by: look at wiring and type plate",
        "values_few": "only {good} of {total} points read plausibly",
        "all_zero": "all values are 0 (stopped or asleep, or another device)",
        "blocks_refused": "stretches that cannot be read: {count}",
        "general": "{profile} is closer to this device",
        "also_fits": "{profiles} fits as well",
        "chain": "the SunSpec models cannot be read: {error}",
        "refused": "{where} cannot be read",
        "not_asked": "{where} must not be read on this device, so it was not asked",
        "other_value": "{where} holds '{shows}'",
        "no_device_id": "device identification (43/14) has no {where}",
        "other_device_id": "device identification (43/14): {where} is '{shows}'",
    },
}

TARGETS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "bad_network": "{given}: ネットワークの書き方が違います。192.168.1.0/24 のように書いてください。",
        "bad_port": "{given}: ポート番号は 1〜65535 です。192.168.1.20:502 のように書いてください。",
        "bad_host": "{given}: アドレスの書き方が違います。例: 192.168.1.20、192.168.1.0/24、/dev/ttyUSB0",
        "ipv6": "{given}: IPv6 は調べられません。IPv4 のアドレスを書いてください。",
        "too_large": (
            "{network} にはアドレスが {addresses:,} 個あります。"
            "盤のネットワークは普通 /22(1,024 個)より小さいので、書き間違いかもしれません。"
        ),
        "not_private": "{network} はプライベートアドレスではありません。盤のネットワークですか。",
        "unknown_name": "{given}: この名前の機器は見つかりません。IP アドレスで指定してください(例: 192.168.1.20)。",
        "one_place": "{given}: identify は 1 か所だけ調べます。範囲を調べるには scan を使ってください。",
    },
    "en": {
        "bad_network": "{given}: no network; write it like 192.168.1.0/24.",
        "bad_port": "{given}: a port is 1 to 65535; write it like 192.168.1.20:502.",
        "bad_host": "{given}: no address; write 192.168.1.20, 192.168.1.0/24 or /dev/ttyUSB0.",
        "ipv6": "{given}: IPv6 cannot be scanned; give an IPv4 address.",
        "too_large": "{network} has {addresses:,} addresses; more than a /22 (1,024) may be a mistake.",
        "not_private": "{network} is no private network. Is it the cabinet's?",
        "unknown_name": "{given}: no such name in this network; give the address, such as 192.168.1.20.",
        "one_place": "{given}: identify looks at one place; use scan for a range.",
    },
}


def reason_in_words(reason: Reason, lang: str) -> str:
    """A reason as a sentence; facts that the device did not tell are a question mark."""
    texts = ("、" if lang == "ja" else ", ").join(map(str, reason.facts.values()))
    return REASONS[lang][reason.kind].format_map(_with_gaps({"texts": texts, **reason.facts}))


def target_error_in_words(error: TargetError, lang: str) -> str:
    """What is wrong with a target, and how to write it."""
    return TARGETS[lang][error.kind].format_map(error.facts)


def _with_gaps(facts: Mapping[str, str | int]) -> Mapping[str, str | int]:
    gaps: defaultdict[str, str | int] = defaultdict(lambda: "?")
    gaps.update(facts)
    return gaps


def duration(seconds: float, lang: str) -> str:
    """A length of time that nobody needs to the second."""
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} 秒" if lang == "ja" else f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} 分" if lang == "ja" else f"{minutes} min"
