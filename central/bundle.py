"""What a technician carries to a shelter: certificates, the city's public key, the beginning of a site file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from central.core.city import Site
from central.core.provisioning import Issued

TOKYO: Final = ZoneInfo("Asia/Tokyo")
KEEP_DELIVERED_H: Final = 48
"""Hours for which a box keeps what the city has, so that a city restored from last night's backup can ask again."""
_READ_ME: Final = """\
{site}  {name}
シリアル番号 / serial number  {serial}
有効期限 / holds until        {ends}

この避難所の箱(エッジ)に入れるファイルです。client.key は秘密です。
メールで送らず、設置が終わったらこのZIPを消してください。
Files for this shelter's box. client.key is a secret: never mail it, and delete this ZIP once the box has it.

{key_line}
  sudo adduser --system --group --home /var/lib/shelter-edge shelter
  sudo adduser shelter dialout
  sudo install -d -m 750 -o shelter -g shelter /etc/shelter
  sudo install -m 600 -o shelter {site}.zip /var/lib/shelter-edge/
  sudo -u shelter /opt/shelter/bin/shelter-edge commission --dir /etc/shelter \\
    --bundle /var/lib/shelter-edge/{site}.zip NETWORK
  sudo rm /var/lib/shelter-edge/{site}.zip {site}.zip
  sudo systemctl enable --now shelter-edge

NETWORK は盤のネットワーク(例 192.168.1.0/24)。commission がこのZIPを点検し、証明書・鍵・接続先・市の公開鍵を
/etc/shelter に入れ、site.yaml に書きます。写すものはありません。site.yaml がもうあるときも同じ1行で足せます。
NETWORK is the cabinet's (such as 192.168.1.0/24). commission checks this ZIP, puts certificates, key and the city's
public key into /etc/shelter, and writes them and the broker into site.yaml. Nothing is copied by hand; a site.yaml
that is there already gets them by the same line.

箱が盗まれた、なくなったときは市役所にすぐ連絡(失効させます)。
If the box is stolen or lost, tell the city at once: it withdraws this certificate.
"""
_KEY_HERE: Final = ""
_KEY_THERE: Final = (
    "\nclient.key は入っていません。箱が自分で作ったもの(shelter-edge request)を commission が見つけます。\n"
    "client.key is not inside: commission finds the one that the box made itself (shelter-edge request).\n"
)
_SITE_FILE: Final = """\
# {site} の設定のはじまり。shelter-edge commission --bundle が読み、機器(buses:)を加えて site.yaml を書きます。
# The beginning of this shelter's site file: shelter-edge commission --bundle reads it, adds the devices (buses:) and
# writes site.yaml.
site: {site}
name: {name}
mqtt:
  host: {host}
  port: {port}
  tls: {{ca_file: ca.crt, cert_file: client.crt, key_file: client.key}}
outbox:
  path: /var/lib/shelter-edge/outbox.sqlite
  # 市が受け取った後も48時間残す:市のサーバーを昨夜の控えから戻しても、足りない分をもう一度送れる
  # Kept this long after the city has it: a city restored from last night's backup can ask for it again.
  keep_delivered_h: {keep_h}
{orders}"""
_ORDERS: Final = """\
# 市が署名した指示に従う / obeys the orders that the city has signed
city_keys: [city.pub.pem]
steering: {}
"""


def bundle(
    site: Site,
    issued: Issued,
    *,
    authority_pem: bytes,
    city_pem: bytes | None,
    key_pem: bytes | None,
    broker: str,
    port: int,
) -> bytes:
    """The ZIP for one shelter. Without ``key_pem`` the box has its key already."""
    ends = datetime.fromtimestamp(issued.ends_ms / 1_000, TOKYO).strftime("%Y-%m-%d %H:%M JST")
    key_line = _KEY_THERE if key_pem is None else _KEY_HERE
    files: Mapping[str, bytes | None] = {
        "README.txt": _READ_ME.format(
            site=site.id, name=site.name, serial=issued.serial, ends=ends, key_line=key_line
        ).encode(),
        "ca.crt": authority_pem,
        "client.crt": issued.pem.encode("ascii"),
        "client.key": key_pem,
        "city.pub.pem": city_pem,
        "site.yaml": _SITE_FILE.format(
            site=site.id,
            name=_quoted(site.name),
            host=_quoted(broker),
            port=port,
            keep_h=KEEP_DELIVERED_H,
            orders=_ORDERS if city_pem is not None else "",
        ).encode(),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if content is not None:
                about = zipfile.ZipInfo(f"{site.id}/{name}")
                about.external_attr = (0o600 if name.endswith(".key") else 0o644) << 16
                archive.writestr(about, content)
    return packed.getvalue()


def _quoted(text: str) -> str:
    return json.dumps("".join(c for c in text if c.isprintable()), ensure_ascii=False)
