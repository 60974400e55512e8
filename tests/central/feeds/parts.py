"""Telegrams as the agency builds them, with our own words in them, and rules and places to judge them by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path

import pytest

from central.core.alerts.places import Places, read_places
from central.core.alerts.rules import Rule, read_rules
from central.core.alerts.telegram import Telegram
from central.feeds import jma
from tests.central.ingest.parts import NOW
from tests.support import CAPTURES

SAMPLES = CAPTURES / "jma"
CORE = "http://xml.kishou.go.jp/jmaxml1/"
QUAKE = "20260921130500"
TOKYO = timezone(timedelta(hours=9))
MINUTE = 60_000
HOUR = 60 * MINUTE
PLACES: Places = read_places((files("central.feeds") / "library" / "places.yaml").read_bytes())
CHUO, HANAMIGAWA, INAGE, WAKABA, MIDORI, MIHAMA = PLACES.names
TOWNS = {ward.name: ward.town for ward in PLACES.wards}
OFFICE = "銚子地方気象台"


def sample(name: str) -> bytes:
    """One of the agency's samples; the test is skipped where they are not."""
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"no {name} among the recorded telegrams")
    return path.read_bytes()


def rules(text: str, hooks: list[str] | None = None) -> tuple[Rule, ...]:
    return read_rules(text.encode(), wards=PLACES.names, hooks=hooks)


def rule(body: str) -> tuple[Rule, ...]:
    """One rule named r."""
    return rules("rules:\n  r: {" + body + "}\n")


def envelope(
    title: str,
    body: str,
    *,
    event: str = "",
    serial: str = "",
    status: str = "通常",
    info: str = "発表",
    at_ms: int = NOW,
    sent_ms: int | None = None,
    head_title: str = "",
) -> bytes:
    at = datetime.fromtimestamp(at_ms / 1000, TOKYO).isoformat()
    sent = datetime.fromtimestamp((at_ms if sent_ms is None else sent_ms) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Report xmlns="{CORE}"><Control><Title>{title}</Title><DateTime>{sent}</DateTime><Status>{status}</Status>
<EditorialOffice>{OFFICE}</EditorialOffice><PublishingOffice>{OFFICE}</PublishingOffice></Control>
<Head xmlns="{CORE}informationBasis1/"><Title>{head_title or title}</Title><ReportDateTime>{at}</ReportDateTime>
<TargetDateTime>{at}</TargetDateTime><EventID>{event}</EventID><InfoType>{info}</InfoType><Serial>{serial}</Serial>
<InfoKind>x</InfoKind><InfoKindVersion>1.0_0</InfoKindVersion><Headline><Text>試験用の文</Text></Headline></Head>
{body}</Report>""".encode()


def quake(wards: dict[str, str], *, area: str = "", conditions: dict[str, str] | None = None, **more: object) -> bytes:
    """VXSE53: intensity by ward. ``conditions``: ward → words instead of a measurement."""
    cities = "".join(
        f"<City><Name>{name}</Name><Code>{TOWNS[name]}</Code><MaxInt>{value}</MaxInt></City>"
        for name, value in wards.items()
    )
    cities += "".join(
        f"<City><Name>{name}</Name><Code>{TOWNS[name]}</Code><Condition>{words}</Condition></City>"
        for name, words in (conditions or {}).items()
    )
    greatest = area or max(wards.values(), default="4")
    return envelope("震源・震度に関する情報", _observed(greatest, cities), **{"event": QUAKE, "serial": "1", **more})


def first_report(area: str, **more: object) -> bytes:
    """VXSE51: intensity of the area alone."""
    return envelope("震度速報", _observed(area, ""), **{"event": QUAKE, **more})


def _observed(greatest: str, cities: str) -> str:
    area = f"<Area><Name>千葉県北西部</Name><Code>341</Code><MaxInt>{greatest} </MaxInt>{cities}</Area>"
    return (
        f'<Body xmlns="{CORE}body/seismology1/"><Intensity><Observation><MaxInt>{greatest}</MaxInt><Pref>'
        f"<Name>千葉県</Name><Code>12</Code><MaxInt>{greatest}</MaxInt>{area}</Pref></Observation></Intensity></Body>"
    )


def cancelled(title: str = "震源・震度に関する情報", **more: object) -> bytes:
    body = f'<Body xmlns="{CORE}body/seismology1/"><Text>取り消します。</Text></Body>'
    return envelope(title, body, **{"event": QUAKE, "serial": "2", "info": "取消", **more})


def weather(*kinds: tuple[str, str], title: str = "気象警報・注意報（Ｒ０６）（大雨）", **more: object) -> bytes:
    """Warnings for the city. ``kinds``: code and name; none: lifted."""
    listed = "".join(
        f"<Kind><Name>{name}</Name><Code>{code}</Code><Status>発表</Status></Kind>" for code, name in kinds
    )
    listed = listed or "<Kind><Status>発表警報・注意報はなし</Status></Kind>"
    body = (
        f'<Body xmlns="{CORE}body/meteorology1/"><Warning type="気象警報・注意報（府県予報区等）"><Item><Kind>'
        "<Name>大雨特別警報</Name><Code>33</Code><Status>発表</Status></Kind><Area><Name>千葉県</Name>"
        '<Code>120000</Code></Area></Item></Warning><Warning type="気象警報・注意報（市町村等）"><Item>'
        f"{listed}<Area><Name>千葉市</Name><Code>1210000</Code></Area></Item></Warning></Body>"
    )
    return envelope(title, body, **more)


def tsunami(code: str, name: str, **more: object) -> bytes:
    """VTSE41 for the inner bay."""
    body = (
        f'<Body xmlns="{CORE}body/seismology1/"><Tsunami><Forecast><Item><Area><Name>東京湾内湾</Name>'
        f"<Code>312</Code></Area><Category><Kind><Name>{name}</Name><Code>{code}</Code></Kind></Category></Item>"
        "</Forecast></Tsunami></Body>"
    )
    return envelope("津波警報・注意報・予報a", body, **{"event": QUAKE, **more})


def read(data: bytes, source: str = "test") -> Telegram:
    return jma.read(data, source=source)


def write(folder: Path, name: str, data: bytes) -> Path:
    """Into a folder as a careful receiver does it: written beside, then renamed."""
    part = folder / f".{name}.part"
    part.write_bytes(data)
    return part.rename(folder / name)
