"""Telegrams of the Japan Meteorological Agency (気象庁防災情報XML): bytes → ``Telegram``. Pure.

Read are what rules know: seismic intensity (VXSE51, VXSE53), tsunami warnings (VTSE41) and weather warnings (VPWW53 and
VPWW54, and since 2026-05-29 VPWW55 to VPWW61). Every other type is named and refused as such. The structure is that of
the agency's schemas (jmx.xsd) and samples.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeVar
from xml.etree.ElementTree import Element

from central.core.alerts.codes import intensity_rank, tsunami_grade, weather_kind
from central.core.alerts.telegram import Info, Lane, Shaken, Telegram, Threatened, Warned
from central.feeds.xml import RefusedError, Why, child, children, parse, text

T = TypeVar("T")
NAMESPACE: Final = "{http://xml.kishou.go.jp/jmaxml1/}"
WEATHER_R06: Final = {
    "気象警報・注意報(R06)(大雨)": "VPWW55",
    "気象警報・注意報(R06)(土砂)": "VPWW56",
    "気象警報・注意報(R06)(高潮)": "VPWW57",
    "気象警報・注意報(R06)(暴風)": "VPWW58",
    "気象警報・注意報(R06)(波浪)": "VPWW59",
    "気象警報・注意報(R06)(大雪)": "VPWW60",
    "気象警報・注意報(R06)(その他注意報)": "VPWW61",
}
WEATHER_BEFORE: Final = {"気象特別警報・警報・注意報": "VPWW53", "気象警報・注意報(H27)": "VPWW54"}
QUAKES: Final = {"震度速報": "VXSE51", "震源・震度に関する情報": "VXSE53"}
TSUNAMIS: Final = {"津波警報・注意報・予報a": "VTSE41", "津波警報・注意報・予報": "VTSE41"}
TITLES: Final = WEATHER_R06 | WEATHER_BEFORE | QUAKES | TSUNAMIS
"""Control/Title, in plain digits → type."""
TYPES: Final = frozenset(TITLES.values())
IN_TOWNS: Final = "気象警報・注意報（市町村等）"
"""The part of a weather warning that lists towns. What covers a town stands there in full."""
AT_LEAST_5: Final = "未入電"
"""In a town's Condition: no measurement has come, and it is thought to be 5 lower or more."""

_WEATHER: Final = frozenset((WEATHER_R06 | WEATHER_BEFORE).values())
_PARTS: Final = {"VXSE51": ("Intensity",), "VXSE53": ("Intensity", "Earthquake"), "VTSE41": ("Tsunami",)}
_LANES: Final = {"通常": Lane.REAL, "訓練": Lane.TRAINING, "試験": Lane.TEST}
_INFOS: Final = {"発表": Info.ISSUED, "遅延": Info.ISSUED, "訂正": Info.CORRECTED, "取消": Info.CANCELLED}
_SERIAL_MAX: Final = 1_000_000
_EVENT: Final = re.compile(r"[0-9A-Za-z_]+(?: [0-9A-Za-z_]+)*")


def read(data: bytes, *, source: str) -> Telegram:
    """One telegram.

    Raises:
        RefusedError: hostile, broken, too large, or nothing that rules know; says which.
    """
    root = parse(data)
    if root.tag != f"{NAMESPACE}Report":
        raise RefusedError(Why.NOT_A_TELEGRAM, f"its root is {root.tag[:80]!r}, not the agency's Report")
    control, head, body = child(root, "Control"), child(root, "Head"), child(root, "Body")
    if control is None or head is None or body is None:
        raise RefusedError(Why.INCOMPLETE, "Control, Head or Body is missing")
    title = text(control, "Title")
    type_ = TITLES.get(_plain(title).replace(" ", ""))
    if type_ is None:
        raise RefusedError(Why.NOT_A_TELEGRAM, f"telegrams {title!r} are not read: no rule knows them")
    info = _told(_INFOS, head, "InfoType")
    event = text(head, "EventID") if type_ not in _WEATHER else text(control, "EditorialOffice")
    if not event or (type_ not in _WEATHER and not _EVENT.fullmatch(event)):
        raise RefusedError(Why.INCOMPLETE, f"{type_} without a usable EventID or office: {event!r}")
    telegram = Telegram(
        source=source,
        type=type_,
        lane=_lane(control, head),
        event=event,
        info=info,
        serial=_serial(text(head, "Serial")),
        report_ms=_moment(head, "ReportDateTime"),
        sent_ms=_moment(control, "DateTime"),
        digest=hashlib.sha256(data).hexdigest(),
        title=text(head, "Title"),
        headline=text(head, "Headline", "Text", most=500),
        shaken=tuple(_shaken(body)) if info is not Info.CANCELLED else (),
        warned=tuple(_warned(body)) if info is not Info.CANCELLED else (),
        threatened=tuple(_threatened(body)) if info is not Info.CANCELLED else (),
    )
    if info is not Info.CANCELLED and not _speaks(telegram, body):
        raise RefusedError(Why.INCOMPLETE, f"{type_} without the part that it is sent for")
    return telegram


def _speaks(telegram: Telegram, body: Element) -> bool:
    # An earthquake abroad comes as VXSE53 without intensities; it is whole all the same.
    return any(child(body, part) is not None for part in _PARTS.get(telegram.type, ("Warning",)))


def _lane(control: Element, head: Element) -> Lane:
    """What it is meant as: a drill or test in any of these places is one."""
    lane = _told(_LANES, control, "Status")
    titles = text(control, "Title") + text(head, "Title")
    if lane is Lane.REAL and "訓練" in titles:
        return Lane.TRAINING
    return Lane.TEST if lane is Lane.REAL and "試験" in titles else lane


def _shaken(body: Element) -> Iterator[Shaken]:
    for pref in children(child(body, "Intensity", "Observation"), "Pref"):
        for area in children(pref, "Area"):
            yield from _place(area, is_area=True)
            for city in children(area, "City"):
                yield from _place(city, is_area=False)


def _place(place: Element, *, is_area: bool) -> Iterator[Shaken]:
    name, code, measured = text(place, "Name"), text(place, "Code"), _plain(text(place, "MaxInt"))
    rank = intensity_rank(measured)
    thought = intensity_rank("5-") if AT_LEAST_5 in text(place, "Condition") else 0
    if measured and not rank:
        raise RefusedError(Why.INCOMPLETE, f"intensity {measured!r} of {name} is none of the scale")
    if code and max(rank, thought):
        yield Shaken(code=code, name=name, rank=max(rank, thought), is_area=is_area, is_estimated=thought > rank)


def _warned(body: Element) -> Iterator[Warned]:
    for warning in children(body, "Warning"):
        if warning.get("type") != IN_TOWNS:
            continue
        for item in children(warning, "Item"):
            code, name = text(item, "Area", "Code"), text(item, "Area", "Name")
            for kind in children(item, "Kind"):
                kind_name = text(kind, "Name")
                lifted = text(kind, "Status") == "解除"
                meant = weather_kind(text(kind, "Code"), _plain(kind_name))
                if code and meant.severity and not lifted:
                    yield Warned(
                        code=code,
                        name=name,
                        kind_name=kind_name,
                        phenomenon=meant.phenomenon,
                        severity=meant.severity,
                        is_known=meant.is_known,
                    )


def _threatened(body: Element) -> Iterator[Threatened]:
    for item in children(child(body, "Tsunami", "Forecast"), "Item"):
        kind = child(item, "Category", "Kind")
        grade, is_known = tsunami_grade(text(kind, "Code"), text(kind, "Name"))
        code = text(item, "Area", "Code")
        if code:
            yield Threatened(code=code, name=text(item, "Area", "Name"), grade=grade, is_known=is_known)


def _told(words: dict[str, T], parent: Element, name: str) -> T:
    said = text(parent, name)
    if said not in words:
        raise RefusedError(Why.INCOMPLETE, f"{name} {said!r} is none of {', '.join(words)}")
    return words[said]


def _serial(said: str) -> int:
    plain = _plain(said)
    if not plain:
        return 0
    if not plain.isascii() or not plain.isdigit() or not 0 < len(plain) <= 7 or int(plain) > _SERIAL_MAX:
        raise RefusedError(Why.INCOMPLETE, f"Serial {said!r} is no number")
    return int(plain)


def _moment(parent: Element, name: str) -> int:
    said = text(parent, name)
    try:
        moment = datetime.fromisoformat(said)
    except (ValueError, OverflowError):
        raise RefusedError(Why.INCOMPLETE, f"{name} {said!r} is no time") from None
    if moment.tzinfo is None:
        raise RefusedError(Why.INCOMPLETE, f"{name} {said!r} has no offset from UTC")
    return int(moment.timestamp() * 1000)


def _plain(said: str) -> str:
    return unicodedata.normalize("NFKC", said).strip()
