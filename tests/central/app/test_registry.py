"""The registry's CSV: all faults at once with their lines, and both kinds of UTF-8."""

from __future__ import annotations

import pytest

from central.core.city import SiteKind
from central.registry import read_csv

HEADER = "id,name,name_en,ward,ward_en,kind,latitude,longitude,pv_kw,inverter_kw,battery_kwh,synthetic\n"
GOOD = "E0000000001111,第一小学校,First,中央区,Chuo,elementary_school,35.6,140.1,20,10,15.5,true\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_good_file_becomes_sites(mark: bytes, end: str) -> None:
    table = read_csv(mark + (HEADER + GOOD + "\n").replace("\n", end).encode())
    assert table.faults == ()
    (site,) = table.sites
    assert (site.id, site.name, site.kind, site.battery_kwh, site.synthetic) == (
        "E0000000001111",
        "第一小学校",
        SiteKind.ELEMENTARY_SCHOOL,
        15.5,
        True,
    )


def test_columns_may_come_in_any_order_and_only_some_must() -> None:
    table = read_csv("longitude,latitude,ward,name,id\n140.1,35.6,中央区,x,E0000000001111\n".encode())
    assert table.faults == ()
    assert table.sites[0].longitude == 140.1


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    bad = (
        HEADER
        + GOOD
        + "E0000000002,,x,中央区,,castle,95,140.1,-1,nan,abc,perhaps\n"
        + "E0000000003111,x\n"
        + GOOD
        + f"E0000000004111,{'長' * 101},,中央区,,,35,140,,,,\n"
        + 'E0000000005111,"two\nlines",,中央区,,,35,140,,,,\n'
    )
    table = read_csv(bad.encode())
    assert [site.id for site in table.sites] == ["E0000000001111"]
    told = "\n".join(table.faults)
    for part in (
        "line 3: id 'E0000000002' is no national shelter ID",
        "line 3: name is empty",
        "line 3: kind 'castle' is none of",
        "line 3: latitude 95 is outside 20 to 46",
        "line 3: pv_kw -1 is outside",
        "line 3: inverter_kw nan is outside",
        "line 3: battery_kwh 'abc' is not a number",
        "line 3: synthetic 'perhaps' is neither true nor false",
        "line 4: 2 values, the header names 12",
        "line 5: E0000000001111 stands already in line 2",
        "line 6: name has 101 characters",
        "line 8: name has a control character",
    ):
        assert part in told, told


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "column 'id' is missing"),
        (b"id,name,ward,latitude,longitude\n", "no shelter in the file"),
        (b"id,name,ward,latitude,longitudee\n", "unknown column 'longitudee', perhaps 'longitude'"),
        (b"id,id,name,ward,latitude,longitude\n", "column 'id' stands twice"),
        ("id,name\nE1,千葉\n".encode("cp932"), "line 2: not UTF-8"),
        (b'id,name,ward,latitude,longitude\n"E1', "not CSV"),
        (b"\x00" * 100, "missing"),
    ],
)
def test_a_file_that_is_none_is_told_so(data: bytes, part: str) -> None:
    table = read_csv(data)
    assert table.sites == ()
    assert part in "\n".join(table.faults)
