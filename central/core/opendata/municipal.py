"""The municipal list of shelters (自治体標準オープンデータセット 指定緊急避難場所一覧) and how it is written. Pure.

Columns and their order: definition sheet A, edition 20260801, sheet 03, as read from files of other cities (the sheet
itself was not at hand). Cells that a spreadsheet would take for a formula carry an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Final

from central.core.city import Site
from central.core.opendata.codes import municipality_of

CODE: Final = "全国地方公共団体コード"
ID: Final = "ID"
NAME: Final = "名称"
NAME_EN: Final = "名称_英字"
WARD_CODE: Final = "所在地_全国地方公共団体コード"
ADDRESS: Final = "所在地_連結表記"
MUNICIPALITY: Final = "所在地_市区町村"
LATITUDE: Final = "緯度"
LONGITUDE: Final = "経度"
OF_CITY: Final = "地方公共団体名"
REMARKS: Final = "備考"
HAZARDS: Final = (
    "災害種別_洪水",
    "災害種別_崖崩れ、土石流及び地滑り",
    "災害種別_高潮",
    "災害種別_地震",
    "災害種別_津波",
    "災害種別_大規模な火事",
    "災害種別_内水氾濫",
    "災害種別_火山現象",
)
COLUMNS: Final = (
    CODE,
    ID,
    NAME,
    "名称_カナ",
    NAME_EN,
    WARD_CODE,
    "町字ID",
    ADDRESS,
    "所在地_都道府県",
    MUNICIPALITY,
    "所在地_町字",
    "所在地_番地以下",
    "建物名等(方書)",
    LATITUDE,
    LONGITUDE,
    "標高",
    "電話番号",
    "内線番号",
    "連絡先メールアドレス",
    "連絡先FormURL",
    "連絡先備考（その他、SNSなど）",
    "郵便番号",
    "市区町村コード",
    OF_CITY,
    *HAZARDS,
    "指定避難所との重複",
    "想定収容人数",
    "対象となる町会・自治会",
    "URL",
    "画像",
    "画像_ライセンス",
    REMARKS,
)
SYNTHETIC_REMARK: Final = "合成データ（シミュレーション。実在の施設ではありません）"
BOM: Final = "\ufeff"
_FORMULA: Final = "=+-@\t\r\n＝＋－＠'"
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell and cell[0] in _FORMULA and not _NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """The cell without the apostrophe that ``guarded`` put in front."""
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in _FORMULA else cell


def write_csv(sites: Iterable[Site], *, city: str, ward_codes: Mapping[str, str]) -> bytes:
    """The list as UTF-8 with a byte order mark and CRLF. What this system does not know stays empty.

    Args:
        sites: what is listed, in this order.
        city: the municipality's name; in a city with wards it goes in front of theirs.
        ward_codes: ward's name → its six-digit code.
    """
    out = io.StringIO(newline="")
    out.write(BOM)
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for site in sites:
        row = {
            CODE: municipality_of(site.id),
            ID: site.id,
            NAME: site.name,
            NAME_EN: site.name_en,
            WARD_CODE: "" if site.synthetic else ward_codes.get(site.ward, ""),
            MUNICIPALITY: site.ward if site.ward == city else f"{city}{site.ward}",
            LATITUDE: f"{site.latitude:.6f}",
            LONGITUDE: f"{site.longitude:.6f}",
            OF_CITY: city,
            REMARKS: SYNTHETIC_REMARK if site.synthetic else "",
        }
        writer.writerow({column: guarded(value) for column, value in row.items()})
    return out.getvalue().encode()
