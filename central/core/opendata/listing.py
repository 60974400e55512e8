"""The lists of shelters that everybody may have: GeoJSON, what the files are, and opening in L-Alert's words. Pure.

All of it says of shelters what the registry says: names and places. No power, no people, no state of a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from central.core.city import Site
from central.core.ngsi.city import Opening
from central.core.opendata.cap import TOKYO
from central.core.opendata.codes import municipality_of

NOTE_JA: Final = (
    "Lアラートの語を借りた一覧です。Lアラートへの配信ではなく、Lアラートの仕様への適合は確認されていません。"
)
NOTE_EN: Final = (
    "Words borrowed from L-Alert. This is no delivery to L-Alert and not certified to fit its specification."
)
_SORT: Final = {"open": "開設", "full": "開設", "closed": "閉鎖", "requested": "未開設"}
_STATUS: Final = {"full": "定員一杯"}
UNKNOWN: Final = "不明"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which terms the lists may be used, and whose they are."""

    city_ja: str
    city_en: str
    licence: str
    licence_url: str

    @property
    def attribution_ja(self) -> str:
        """What users have to write."""
        return f"{self.city_ja}、{self.licence}"

    @property
    def attribution_en(self) -> str:
        """What users have to write."""
        return f"{self.city_en}, {self.licence}"


def utc(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tokyo(at_ms: int) -> str:
    """A time in Tokyo, to the second, as L-Alert writes it."""
    return datetime.fromtimestamp(at_ms // 1_000, TOKYO).isoformat(timespec="seconds")


def _terms(terms: Terms) -> dict[str, str]:
    return {
        "license": terms.licence,
        "license_url": terms.licence_url,
        "attribution_ja": terms.attribution_ja,
        "attribution_en": terms.attribution_en,
    }


def geojson(sites: Iterable[Site], terms: Terms, *, at_ms: int) -> dict[str, Any]:
    """A FeatureCollection (RFC 7946) with licence and time as members of its own. ``at_ms``: since when it is so."""
    features = [
        {
            "type": "Feature",
            "id": site.id,
            "geometry": {"type": "Point", "coordinates": [round(site.longitude, 6), round(site.latitude, 6)]},
            "properties": {
                "id": site.id,
                "name": site.name,
                "name_en": site.name_en,
                "ward": site.ward,
                "ward_en": site.ward_en,
                "kind": site.kind.value,
                "local_government_code": municipality_of(site.id),
                "synthetic": site.synthetic,
            },
        }
        for site in sites
    ]
    return {"type": "FeatureCollection", "updated_at": utc(at_ms), **_terms(terms), "features": features}


def catalog(terms: Terms, *, at_ms: int, shelters: int, synthetic: bool) -> dict[str, Any]:
    """What the files are, in DCAT's words."""

    def distribution(path: str, media_type: str, title_ja: str, title_en: str) -> dict[str, str]:
        return {
            "title_ja": title_ja,
            "title_en": title_en,
            "accessURL": path,
            "mediaType": media_type,
            "license": terms.licence_url,
        }

    return {
        "title_ja": f"{terms.city_ja} 太陽光発電と蓄電池のある避難所の一覧",
        "title_en": f"{terms.city_en}: shelters with solar power and batteries",
        "publisher_ja": terms.city_ja,
        "publisher_en": terms.city_en,
        "modified": utc(at_ms),
        **_terms(terms),
        "shelters": shelters,
        "synthetic": synthetic,
        "distribution": [
            distribution(
                "/opendata/shelters.csv",
                "text/csv",
                "自治体標準オープンデータセット「指定緊急避難場所一覧」の列順のCSV（このシステムが持たない項目は空欄）",
                "CSV in the column order of the municipal standard; what this system does not know is empty",
            ),
            distribution("/opendata/shelters.geojson", "application/geo+json", "GeoJSON", "GeoJSON"),
            distribution("/opendata/lalert-shelters.json", "application/json", NOTE_JA, NOTE_EN),
            distribution(
                "/cap/feed.atom", "application/atom+xml", "電源に関するお知らせ（CAP 1.2）", "Alerts in CAP 1.2"
            ),
        ],
    }


def lalert(sites: Iterable[Site], openings: Mapping[str, Opening], *, at_ms: int) -> dict[str, Any]:
    """Opening status in the words of L-Alert's shelter information. What is not known is left out, or 不明."""
    listed = []
    for site in sites:
        opening = openings.get(site.id)
        status = opening.status if opening else ""
        said_ms = opening.said_ms if opening else None
        one: dict[str, Any] = {
            "Location": {"areaName": site.name},
            "ID": site.id,
            "Type": "避難所",
            "Sort": _SORT.get(status, UNKNOWN),
            "Status": _STATUS.get(status, UNKNOWN),
        }
        if said_ms is not None:
            one["DateTime"] = tokyo(said_ms)
        listed.append(one)
    return {
        "note": f"{NOTE_JA} / {NOTE_EN}",
        "DateTime": tokyo(at_ms),
        "Shelter": {
            "TotalNumberOfShelter": sum(one["Sort"] == "開設" for one in listed),
            "Informations": listed,
        },
    }
