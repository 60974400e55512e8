"""The site file as a commissioning writes it: commented in both languages, and read back by ``config.load_config``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

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


def _broker(broker: Broker) -> Iterator[str]:
    yield "mqtt:"
    unknown = "  # 未設定。決まったら書き換える / not known yet: fill it in" if broker.host == NO_BROKER else ""
    yield f"  host: {_quoted(broker.host)}{unknown}"
    yield f"  port: {broker.port}"
    if broker.username:
        yield f"  username: {_quoted(broker.username)}"
    if broker.password_file:
        yield f"  password_file: {_quoted(broker.password_file)}"
    if broker.ca_file:
        yield f"  tls: {{ca_file: {_quoted(broker.ca_file)}}}"


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
