"""The municipal list: written and read back, whatever a name holds; read by column names; every fault has its line."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.city import Site, SiteKind
from central.core.opendata.changes import plan
from central.core.opendata.codes import municipality_of, with_check_digit
from central.core.opendata.municipal import COLUMNS, SYNTHETIC_REMARK, guarded, unguarded, write_csv
from central.registry import read_csv

SCHOOL = Site(id="E1210099901111", name="見本第一小学校", ward="花見川区", latitude=35.677681, longitude=140.116991)
HEADER = "ID,名称,所在地_市区町村,緯度,経度\n"
CODES = {"花見川区": "121029"}


@pytest.mark.parametrize(
    ("five", "six"),
    [
        ("12100", "121002"),
        ("12101", "121011"),
        ("12102", "121029"),
        ("12103", "121037"),
        ("12104", "121045"),
        ("12105", "121053"),
        ("12106", "121061"),
    ],
)
def test_check_digits_are_those_of_the_published_codes(five: str, six: str) -> None:
    assert with_check_digit(five) == six


def test_a_synthetic_shelter_belongs_to_no_municipality() -> None:
    assert municipality_of("E1210000080111") == "121002"
    assert municipality_of("E0000000001111") == ""


def test_the_file_has_the_standards_order_a_mark_and_crlf() -> None:
    body = write_csv([SCHOOL], city="千葉市", ward_codes=CODES)
    assert body.startswith(b"\xef\xbb\xbf" + "全国地方公共団体コード,ID,名称,名称_カナ,名称_英字,".encode())
    assert body.count(b"\r\n") == body.count(b"\n") == 2
    (row,) = csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
    assert tuple(row) == COLUMNS
    assert len(COLUMNS) == len(set(COLUMNS)) == 39
    told = {column: value for column, value in row.items() if value}
    assert told == {
        "全国地方公共団体コード": "121002",
        "ID": "E1210099901111",
        "名称": "見本第一小学校",
        "所在地_全国地方公共団体コード": "121029",
        "所在地_市区町村": "千葉市花見川区",
        "緯度": "35.677681",
        "経度": "140.116991",
        "地方公共団体名": "千葉市",
    }


def test_synthetic_shelters_say_so_and_carry_no_code() -> None:
    synthetic = replace(SCHOOL, id="E0000000001111", synthetic=True)
    (row,) = csv.DictReader(io.StringIO(write_csv([synthetic], city="千葉市", ward_codes=CODES).decode("utf-8-sig")))
    assert (row["備考"], row["全国地方公共団体コード"], row["所在地_全国地方公共団体コード"]) == (
        SYNTHETIC_REMARK,
        "",
        "",
    )


@given(st.text(max_size=30))
def test_no_cell_is_a_formula_and_every_cell_comes_back(cell: str) -> None:
    written = guarded(cell)
    assert unguarded(written) == cell
    if written and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", written):
        assert written[0] not in "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", "'=1"])
def test_what_a_spreadsheet_would_run_is_guarded(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-3.5", "35.6", "第一小学校", "'90年館", ""])
def test_what_is_harmless_stays_readable(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell
    assert guarded(cell) in {cell, f"'{cell}"}
    assert guarded("-3.5") == "-3.5"


names = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(name=names.filter(lambda text: text.strip() == text and text), lat=st.floats(24, 45), lon=st.floats(123, 153))
def test_a_shelter_written_and_read_is_the_same(name: str, lat: float, lon: float) -> None:
    site = replace(SCHOOL, name=name, latitude=round(lat, 6), longitude=round(lon, 6))
    table = read_csv(write_csv([site], city="千葉市", ward_codes=CODES))
    assert table.faults == ()
    assert plan(table, [site]).unchanged == (site,)


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(code: str, end: str) -> None:
    text = HEADER + "E1210099901111,見本第一小学校,千葉市花見川区,35.6,140.1\n"
    table = read_csv(text.replace("\n", end).encode(code))
    assert table.faults == ()
    assert table.sites[0].name == "見本第一小学校"


def test_columns_are_found_in_any_order_and_any_width() -> None:
    text = "経度 ,緯 度,名称＿英字,災害種別＿崖崩れ,所在地＿連結表記,名称,ＩＤ,標高\n"
    row = "１４０．１,３５．６,First,1,千葉県千葉市若葉区見本町1-2,見本公民館,E1210099902111,12\n"
    table = read_csv((text + row).encode())
    assert table.faults == ()
    (site,) = table.sites
    assert (site.ward, site.kind, site.latitude, site.longitude, site.name_en) == (
        "若葉区",
        SiteKind.COMMUNITY_CENTRE,
        35.6,
        140.1,
        "First",
    )
    notes = "\n".join(table.notes)
    assert "unknown column '災害種別＿崖崩れ' is left, perhaps '災害種別_崖崩れ、土石流及び地滑り'" in notes
    assert "the registry has no place for 標高" in notes
    assert "no pv_kw, inverter_kw, battery_kwh in the file: 0 for new shelters" in notes


def test_the_list_of_the_geospatial_authority_is_read_too() -> None:
    text = "NO,共通ID,都道府県名及び市町村名,施設・場所名,住所,緯度,経度\n"
    row = "1,E1210099903111,千葉県千葉市,見本中学校,千葉県千葉市緑区見本1,35.5,140.2\n"
    (site,) = read_csv((text + row).encode()).sites
    assert (site.id, site.ward, site.kind) == ("E1210099903111", "緑区", SiteKind.JUNIOR_HIGH_SCHOOL)


@pytest.mark.parametrize(
    ("address", "ward"),
    [
        ("千葉県千葉市花見川区", "花見川区"),
        ("千葉市美浜区", "美浜区"),
        ("京都府京都市北区見本", "北区"),
        ("東京都世田谷区見本", "世田谷区"),
        ("千葉県茂原市見本1", "茂原市"),
        ("千葉県市川市見本", "市川市"),
        ("三重県四日市市見本", "四日市市"),
        ("東京都東村山市見本町", "東村山市"),
        ("千葉県長生郡白子町見本", "白子町"),
    ],
)
def test_a_ward_or_town_is_taken_from_the_address(address: str, ward: str) -> None:
    text = "ID,名称,所在地_連結表記,緯度,経度\n" + f"E1210099901111,見本,{address},35.6,140.1\n"
    (site,) = read_csv(text.encode()).sites
    assert site.ward == ward


def test_all_faults_are_told_with_their_lines() -> None:
    text = (
        HEADER
        + "E1210099901111,見本,千葉市緑区,35.6,140.1\n"
        + "80,見本,千葉市緑区,35.6,140.1\n"
        + "E1210099902111,,どこか,91,x\n"
        + "E1210099901111,見本,千葉市緑区,35.6,140.1\n"
        + "E1210099903111,見本\n"
    )
    table = read_csv(text.encode())
    assert [site.id for site in table.sites] == ["E1210099901111"]
    told = "\n".join(table.faults)
    for part in (
        "line 3: ID '80' is no national shelter ID such as E0000000001111 (the city's own numbers: add a column",
        "line 4: 名称 is empty",
        "line 4: 緯度 91 is outside 20 to 46",
        "line 4: 経度 'x' is not a number",
        "line 4: 所在地_市区町村 and 所在地_連結表記 name no ward or town, got 'どこか'",
        "line 5: E1210099901111 stands already in line 2",
        "line 6: 2 values, the header names 5",
    ):
        assert part in told, told


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ID,名称,緯度\n", "column '経度' is missing"),
        ("名称,緯度,経度,所在地\n", "column 'ID' (or '共通ID') is missing"),
        ("ID,名称,緯度,経度\n", "column '所在地_市区町村' (or '所在地_連結表記') is missing"),
        ("ID,名称,名 称,緯度,経度,住所\n", "column '名称' stands twice"),
        (HEADER, "no shelter in the file"),
    ],
)
def test_a_header_that_lacks_something_is_told_so(text: str, part: str) -> None:
    table = read_csv(text.encode())
    assert table.sites == ()
    assert part in "\n".join(table.faults)


def test_bytes_of_no_known_encoding_are_refused_whole() -> None:
    table = read_csv((HEADER + "E1210099901111,見本,千葉市緑区,35.6,140.1\n").encode("cp932") + b"\x81 \n")
    assert table.sites == ()
    assert "neither UTF-8 nor CP932" in table.faults[0]


def test_a_registered_shelter_keeps_what_the_list_says_nothing_of() -> None:
    known = replace(SCHOOL, pv_kw=47.5, battery_kwh=26.1, ward_en="Hanamigawa", kind=SiteKind.OTHER, name="旧名")
    new = replace(SCHOOL, id="E1210099902111")
    table = read_csv(write_csv([SCHOOL, new], city="千葉市", ward_codes=CODES))
    found = plan(table, [known])
    (change,) = found.changed
    # The written list has a column for the English name, which is empty there as here.
    assert change.fields == ("name",)
    assert (change.after.pv_kw, change.after.battery_kwh, change.after.ward_en) == (47.5, 26.1, "Hanamigawa")
    assert [(site.id, site.pv_kw, site.kind) for site in found.added] == [
        ("E1210099902111", 0.0, SiteKind.ELEMENTARY_SCHOOL)
    ]
    assert found.wards == {"花見川区"}


def test_power_columns_may_stand_in_the_list() -> None:
    text = (
        HEADER.strip() + ",pv_kw,inverter_kw,battery_kwh\n" + "E1210099901111,見本,千葉市緑区,35.6,140.1,20,15,16.4\n"
    )
    table = read_csv(text.encode())
    (site,) = table.sites
    assert (site.pv_kw, site.inverter_kw, site.battery_kwh) == (20.0, 15.0, 16.4)
    assert not table.unsaid & {"pv_kw", "inverter_kw", "battery_kwh"}
