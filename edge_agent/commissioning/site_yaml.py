"""The site file as a commissioning writes it: commented in both languages, and read back by ``config.load_config``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from edge_agent.commissioning.draft import Broker, Draft, Place, TakenDevice, Way

NO_BROKER: Final = "broker.invalid"
"""A name that never exists (RFC 2606): the way to the city is not known yet."""


def site_yaml(draft: Draft) -> str:
    """The site file. ``draft`` has a site number and at least one device."""
    lines = [
        "# 避難所の機器構成。shelter-edge commission が作成。手で直してもよい(直したら試運転の点検をやり直す)。",
        "# A shelter's devices, written by shelter-edge commission. It may be edited; then the checks are made again.",
        f"site: {_quoted(draft.site)}  # 避難所の番号 / the shelter's number",
        f"name: {_quoted(draft.name)}",
        "interval_s: 5  # 読み出し間隔 / how often everything is read",
        "",
        "# 市のサーバー(MQTT ブローカー) / the city's broker",
        *_broker(draft.broker or Broker(host=NO_BROKER)),
        *_outbox(draft),
        *_orders(draft),
        "",
        "# 通信線ごとの機器 / devices, line by line",
        "buses:",
    ]
    for number, (place, devices) in enumerate(_by_place(draft.devices).items(), start=1):
        lines += [
            f"  - id: {'serial' if place.way is Way.RTU else 'lan'}{number}",
            f"    {_way(place)}",
            "    devices:",
        ]
        for device in devices:
            lines += _device(device)
    return "\n".join(lines) + "\n"


def with_sections(text: str, sections: Mapping[str, object]) -> str:
    """A person's site file with whole sections put in place of its own; all else stays as it was, comments too.

    Raises:
        ValueError: that cannot be done in this file. The text is the lines that a person has to put in.
    """
    lines = text.splitlines()
    for name, value in sections.items():
        fresh = f"{name}: {json.dumps(value, ensure_ascii=False)}"
        first = next((n for n, line in enumerate(lines) if re.match(rf"{name}\s*:", line)), None)
        if first is None:
            lines.append(fresh)
            continue
        after = next((n for n in range(first + 1, len(lines)) if re.match(r"[^\s#-]", lines[n])), len(lines))
        while not re.match(r"[\s-]+\S", lines[after - 1]) and after > first + 1:
            after -= 1  # Comments at the margin before the next section are that one's.
        lines[first:after] = [fresh]
    made = "\n".join(lines) + "\n"
    try:
        is_right = yaml.safe_load(made) == {**yaml.safe_load(text), **sections}
    except yaml.YAMLError:
        is_right = False
    if not is_right:
        told = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in sections.items()]
        raise ValueError("\n".join(told))
    return made


def _broker(broker: Broker) -> Iterator[str]:
    yield "mqtt:"
    unknown = "  # 未設定。決まったら書き換える / not known yet: fill it in" if broker.host == NO_BROKER else ""
    yield f"  host: {_quoted(broker.host)}{unknown}"
    yield f"  port: {broker.port}"
    if broker.username:
        yield f"  username: {_quoted(broker.username)}"
    if broker.password_file:
        yield f"  password_file: {_quoted(broker.password_file)}"
    files = {"ca_file": broker.ca_file, "cert_file": broker.cert_file, "key_file": broker.key_file}
    told = ", ".join(f"{name}: {_quoted(file)}" for name, file in files.items() if file)
    if told:
        yield f"  tls: {{{told}}}"


def _outbox(draft: Draft) -> Iterator[str]:
    if not draft.outbox_path and not draft.keep_delivered_h:
        return
    yield ""
    yield "# 市に届くまでデータをためる場所 / where readings wait until the city has them"
    yield "outbox:"
    if draft.outbox_path:
        yield f"  path: {_quoted(draft.outbox_path)}"
    if draft.keep_delivered_h:
        yield "  # 届いた後も残す時間。市のサーバーを控えから戻したとき、もう一度送れる"
        yield "  # Hours kept after that: a city that was restored from a backup can ask for it again."
        yield f"  keep_delivered_h: {draft.keep_delivered_h:g}"


def _orders(draft: Draft) -> Iterator[str]:
    if not draft.city_key:
        return
    yield ""
    yield "# 市が署名した指示に従う。この2行を消すと、読み出すだけで何も切り替えない"
    yield "# Obeys the orders that the city has signed. Without these two lines it reads, and nothing is ever switched."
    yield f"city_keys: [{_quoted(draft.city_key)}]"
    yield "steering: {}"


def _by_place(devices: tuple[TakenDevice, ...]) -> Mapping[Place, list[TakenDevice]]:
    found: dict[Place, list[TakenDevice]] = {}
    for device in devices:
        found.setdefault(device.place, []).append(device)
    return found


def _way(place: Place) -> str:
    if place.way is Way.RTU:
        return f"rtu: {{port: {_quoted(place.host)}, baudrate: {place.baudrate}, parity: {place.parity!r}}}"
    speed = f", baudrate: {place.baudrate}" if place.way is Way.RTU_OVER_TCP else ""
    return f"{place.way.value}: {{host: {_quoted(place.host)}, port: {place.port}{speed}}}"


def _device(device: TakenDevice) -> Iterator[str]:
    told = " ".join(filter(None, (device.identity.get("model"), device.identity.get("serial"))))
    yield f"      - id: {device.id}" + (f"  # {_plain(told)}" if _plain(told) else "")
    yield f"        profile: {_quoted(device.profile)}"
    yield f"        unit: {device.unit}"
    if device.without:
        yield f"        without: [{', '.join(_quoted(name) for name in device.without)}]"


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c == "\u3000").strip()


def _quoted(text: str) -> str:
    """A text in double quotes: JSON's form is YAML's once what cannot be printed is gone."""
    return json.dumps(_plain(text), ensure_ascii=False)
