"""Telegrams: the agency's own samples, our own ones, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.alerts.codes import Phenomenon, Severity, Tsunami, intensity_rank, weather_kind
from central.core.alerts.telegram import Info, Lane, Telegram
from central.feeds.jma import TYPES, read
from central.feeds.xml import BYTES_MAX, ELEMENTS_MAX, RefusedError, Why, parse
from tests.central.feeds.parts import (
    CHUO,
    MIHAMA,
    TOWNS,
    cancelled,
    envelope,
    first_report,
    quake,
    sample,
    tsunami,
    weather,
)
from tests.central.feeds.parts import read as read_one

# --- Samples ----------------------------------------------------------------------------------------------------------


def test_the_great_earthquake_of_2011_by_ward() -> None:
    told = read(sample("official/32-39_11_05_240613_VXSE53.xml"), source="x")
    assert (told.type, told.lane, told.info, told.serial) == ("VXSE53", Lane.REAL, Info.ISSUED, 1)
    wards = {one.code: one.rank for one in told.shaken if one.code in TOWNS.values()}
    upper, lower = intensity_rank("5+"), intensity_rank("5-")
    assert wards == {
        "1210100": upper,
        "1210200": upper,
        "1210300": lower,
        "1210400": upper,
        "1210500": lower,
        "1210600": upper,
    }
    assert next(one.rank for one in told.shaken if one.is_area and one.code == "341") == intensity_rank("6-")


def test_a_first_report_knows_areas_only() -> None:
    told = read(sample("official/32-35_01_01_100806_VXSE51.xml"), source="x")
    assert told.type == "VXSE51"
    assert told.event == "20090811050711"
    assert all(one.is_area for one in told.shaken)
    assert {one.rank for one in told.shaken if one.code == "341"} == {intensity_rank("3")}


def test_a_cancellation_names_its_event_and_nothing_else() -> None:
    told = read(sample("official/32-35_06_06_100915_VXSE53.xml"), source="x")
    assert (told.info, told.serial, told.event) == (Info.CANCELLED, 3, "20080614084350")
    assert not told.codes


def test_a_tsunami_warning_by_coast() -> None:
    told = read(sample("official/32-39_11_02_250206_VTSE41.xml"), source="x")
    grades = {one.name: one.grade for one in told.threatened}
    assert grades["岩手県"] is Tsunami.MAJOR
    assert grades["千葉県九十九里・外房"] is Tsunami.WARNING
    assert grades["東京湾内湾"] is Tsunami.FORECAST
    assert all(one.is_known for one in told.threatened)


@pytest.mark.parametrize(
    ("name", "type_", "graves"),
    [
        (
            "15_17_01_250630_VPWW55",
            "VPWW55",
            {(Phenomenon.RAIN, Severity.WARNING), (Phenomenon.RAIN, Severity.ADVISORY)},
        ),
        (
            "15_16_01_241031_VPWW56",
            "VPWW56",
            {(Phenomenon.LANDSLIDE, each) for each in (Severity.ADVISORY, Severity.WARNING, Severity.DANGER)},
        ),
        (
            "15_16_04_250630_VPWW58",
            "VPWW58",
            {(Phenomenon.STORM, Severity.WARNING), (Phenomenon.STORM, Severity.ADVISORY)},
        ),
        ("15_16_07_250630_VPWW61", "VPWW61", {(Phenomenon.OTHER, Severity.ADVISORY)}),
        (
            "15_11_01_150916_VPWW54",
            "VPWW54",
            {(Phenomenon.SURGE, Severity.WARNING), (Phenomenon.OTHER, Severity.ADVISORY)},
        ),
    ],
)
def test_weather_warnings_by_town(name: str, type_: str, graves: set[tuple[Phenomenon, Severity]]) -> None:
    told = read(sample(f"official/{name}.xml"), source="x")
    assert told.type == type_
    assert told.event.endswith("気象台")
    assert {(one.phenomenon, one.severity) for one in told.warned} == graves
    assert all(one.is_known and len(one.code) == 7 for one in told.warned)


@pytest.mark.parametrize("name", ["vpww55_chiba_L4_drill", "vtse41_tokyobay_drill", "vxse53_chiba_drill"])
def test_drill_telegrams_are_drills(name: str) -> None:
    assert read(sample(f"own/{name}.xml"), source="x").lane is Lane.TRAINING


@pytest.mark.parametrize(
    "name",
    ["10_05_01_200826_VPTW60", "62_01_01_130412_VPNO50", "77_01_01_240613_VXSE45", "81_01_01_250630_VPWP50"],
)
def test_what_no_rule_knows_is_named_and_left_alone(name: str) -> None:
    with pytest.raises(RefusedError, match="no rule knows them") as caught:
        read(sample(f"official/{name}.xml"), source="x")
    assert caught.value.why is Why.NOT_A_TELEGRAM


# --- Our own ----------------------------------------------------------------------------------------------------------


def test_what_is_meant_stands_in_status_and_in_titles() -> None:
    assert read_one(quake({CHUO: "4"})).lane is Lane.REAL
    assert read_one(quake({CHUO: "4"}, status="訓練")).lane is Lane.TRAINING
    assert read_one(quake({CHUO: "4"}, status="試験")).lane is Lane.TEST
    assert read_one(quake({CHUO: "4"}, head_title="【訓練】震源・震度情報")).lane is Lane.TRAINING
    assert read_one(quake({CHUO: "4"}, head_title="試験電文")).lane is Lane.TEST
    with pytest.raises(RefusedError, match="Status '演習' is none of"):
        read_one(quake({CHUO: "4"}, status="演習"))


def test_a_delayed_one_is_issued_and_a_correction_is_one() -> None:
    assert read_one(quake({CHUO: "4"}, info="遅延")).info is Info.ISSUED
    assert read_one(quake({CHUO: "4"}, info="訂正")).info is Info.CORRECTED


def test_white_space_and_wide_digits_are_read() -> None:
    told = read_one(quake({CHUO: " ５－ ".replace("－", "-")}, serial="１２", area="5-"))
    assert told.serial == 12
    assert {one.rank for one in told.shaken if not one.is_area} == {intensity_rank("5-")}


def test_where_nothing_was_measured_an_estimate_says_so() -> None:
    told = read_one(quake({CHUO: "5-"}, conditions={MIHAMA: "震度５弱以上未入電"}))
    estimated = next(one for one in told.shaken if one.code == TOWNS[MIHAMA])
    assert (estimated.rank, estimated.is_estimated) == (intensity_rank("5-"), True)


def test_the_prefecture_s_warning_is_not_the_town_s() -> None:
    told = read_one(weather(("03", "レベル３大雨警報")))
    assert [(one.code, one.severity) for one in told.warned] == [("1210000", Severity.WARNING)]
    assert read_one(weather()).warned == ()


def test_an_unknown_code_is_as_grave_as_its_name() -> None:
    assert weather_kind("99", "レベル5竜巻特別警報").severity is Severity.SPECIAL
    assert weather_kind("98", "大雨危険警報").severity is Severity.DANGER
    assert weather_kind("98", "大雨危険警報").phenomenon is Phenomenon.RAIN
    assert weather_kind("97", "何か").severity is Severity.SPECIAL
    assert not weather_kind("97", "何か").is_known
    assert weather_kind("00", "解除").severity is Severity.NONE
    told = read_one(tsunami("99", "大津波警報（新）"))
    assert [(one.grade, one.is_known) for one in told.threatened] == [(Tsunami.MAJOR, False)]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (quake({CHUO: "8"}), "none of the scale"),
        (quake({CHUO: "4"}, event=""), "without a usable EventID"),
        (quake({CHUO: "4"}, event="../../etc"), "without a usable EventID"),
        (quake({CHUO: "4"}, serial="-1"), "Serial '-1' is no number"),
        (quake({CHUO: "4"}, serial="9" * 50), "is no number"),
        (quake({CHUO: "4"}, info="破棄"), "InfoType '破棄' is none of"),
        (quake({CHUO: "4"}).replace(b"+09:00</ReportDateTime>", b"</ReportDateTime>"), "no offset"),
        (quake({CHUO: "4"}).replace(b"<ReportDateTime>2", b"<ReportDateTime>x"), "is no time"),
        (envelope("震度速報", "<Body/>", event="1"), "without the part that it is sent for"),
        (envelope("津波警報・注意報・予報a", "", event="1"), "Control, Head or Body is missing"),
    ],
)
def test_an_incomplete_telegram_is_refused_by_name(data: bytes, says: str) -> None:
    with pytest.raises(RefusedError, match=says) as caught:
        read(data, source="x")
    assert caught.value.why is Why.INCOMPLETE


# --- Hostile and broken -----------------------------------------------------------------------------------------------

LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><Report>&j;</Report>"
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (LAUGHS.encode(), Why.HOSTILE),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', Why.HOSTILE),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>', Why.HOSTILE),
        (b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]><a/>', Why.HOSTILE),
        (b"<a>" * 1_000 + b"</a>" * 1_000, Why.HOSTILE),
        (b"<a>" + b"<b/>" * (ELEMENTS_MAX + 1) + b"</a>", Why.TOO_LARGE),
        (b"<a>" + b"x" * 10_000_000 + b"</a>", Why.TOO_LARGE),
        (b"", Why.MALFORMED),
        (b"<a>\x00</a>", Why.MALFORMED),
        (b"\xff\xfe\x00", Why.MALFORMED),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', Why.MALFORMED),
        (quake({CHUO: "4"})[:-20], Why.MALFORMED),
        (b"<html/>", Why.NOT_A_TELEGRAM),
        (quake({CHUO: "4"}).replace(b'kishou.go.jp/jmaxml1/"><Control', b'example.org/"><Control'), Why.NOT_A_TELEGRAM),
    ],
    ids=lambda value: value.value if isinstance(value, Why) else f"{len(value)} bytes",
)
def test_what_is_hostile_or_broken_is_refused_by_name(data: bytes, why: Why) -> None:
    with pytest.raises(RefusedError) as caught:
        read(data, source="x")
    assert caught.value.why is why
    assert str(caught.value)


def test_just_at_the_limit_it_is_read() -> None:
    assert parse(b"<a>" + b"x" * (BYTES_MAX - 7) + b"</a>").tag == "a"


@given(
    base=st.sampled_from(
        [quake({CHUO: "6-"}), first_report("5+"), weather(("43", "x")), tsunami("62", "津波注意報"), cancelled()]
    ),
    cuts=st.lists(st.tuples(st.integers(0, 1_500), st.binary(max_size=4)), min_size=1, max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_changed_in_it_a_telegram_is_read_or_refused(base: bytes, cuts: list[tuple[int, bytes]]) -> None:
    for at, put in cuts:
        base = base[:at] + put + base[at + len(put) :]
    told = outcome(base)
    assert told in set(Why) or (isinstance(told, Telegram) and told.type in TYPES and told.event)


def outcome(data: bytes) -> Telegram | Why:
    try:
        return read(data, source="x")
    except RefusedError as error:
        return error.why
