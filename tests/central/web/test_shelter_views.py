"""What a shelter's page says of mode, flow, hours, devices, days and facts: the pure part."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import pytest

from central.core.access import EVERYBODY, RIGHTS, Principal, Role
from central.core.city import Fate, HoursNow, PointNow, Sample, SiteState, Stretch
from central.core.facts import Fact, FactName
from central.core.orders import Outcome
from central.core.steering import UNSTEERED, SteeringNow
from central.web import siteview_days, siteview_facts, siteview_flow, siteview_mode
from central.web.catalogue import CATALOGUES, TEXTS, Catalogue, Lang
from contract.readings import Quality
from contract.steering import GridState, Mode, Reason, Source, Stage, StandingOrders
from tests.central.fake import NOW_MS, FakeQueries

SITE = "E0000000001111"
JA, EN = CATALOGUES[Lang.JA], CATALOGUES[Lang.EN]
WARD = "中央区"


def person(role: Role, *wards: str) -> Principal:
    return Principal(name="合成 花子", rights=RIGHTS[role], wards=frozenset(wards), user="hanako")


def said(name: FactName, value: str) -> Fact:
    return Fact(site=SITE, name=name, value=value, by="合成 太郎", at_ms=NOW_MS)


@pytest.mark.parametrize("group", [("mode", Mode), ("source", Source), ("grid_state", GridState), ("outcome", Outcome)])
def test_modes_and_what_became_of_orders_have_words(group: tuple[str, type[StrEnum]]) -> None:
    assert all(f"{group[0]}.{value.value}" in TEXTS for value in group[1])
    assert all(f"stage_of_order.{stage.value}" in TEXTS for stage in Stage)
    for name in FactName:
        assert {f"fact.{name.value}", f"fact_hint.{name.value}"} <= TEXTS.keys()
    assert {name for _, names in siteview_facts.GROUPS for name in names} == set(FactName)


@pytest.mark.parametrize(
    ("now", "mode", "wanted", "why"),
    [
        (UNSTEERED, "Unknown (it has not said)", "Nothing", ""),
        (
            SteeringNow(mode=Mode.BACKUP, claimed=Mode.BACKUP, wanted=Mode.BACKUP, outcome=Outcome.OBEYS),
            "Backup (proven)",
            "Backup",
            "",
        ),
        (
            SteeringNow(claimed=Mode.BACKUP, wanted=Mode.BACKUP, outcome=Outcome.UNDERWAY),
            "Not proven (it says Backup)",
            "Backup",
            "Underway",
        ),
        (
            SteeringNow(
                mode=Mode.NORMAL,
                claimed=Mode.NORMAL,
                wanted=Mode.BACKUP,
                is_drill=True,
                outcome=Outcome.REFUSED,
                reason=Reason.LOCAL_SWITCH,
            ),
            "Normal",
            "Backup (drill)",
            "Refused. The switch on site has more say. Telephone the site.",
        ),
        (
            SteeringNow(wanted=Mode.BACKUP, outcome=Outcome.NO_ANSWER, is_overdue=True),
            "Unknown (it has not said)",
            "Backup",
            (
                "No answer yet. No answer in time. It takes the order by itself when its link is back; "
                "if it cannot wait, switch on site."
            ),
        ),
    ],
)
def test_a_mode_is_said_as_proven_only_when_it_is(now: SteeringNow, mode: str, wanted: str, why: str) -> None:
    texts = siteview_mode.mode_texts(now, EN)
    assert (texts["mode"], texts["wanted"], texts["why"]) == (mode, wanted, why)


def test_standing_orders_name_their_times() -> None:
    rows = siteview_mode.standing_rows(StandingOrders(grid_lost_s=45, grid_stable_s=300), JA)
    assert rows[0] == ("停電したら", "45秒続くと自動で非常用")
    assert "5分" in rows[1][1]
    assert "20日" in rows[3][1]


@pytest.mark.parametrize(
    ("watts", "way"), [(None, "unknown"), (0.0, "none"), (-40.0, "none"), (500.0, "in"), (-500.0, "out")]
)
def test_an_arrow_goes_where_power_flows(watts: float | None, way: str) -> None:
    assert siteview_flow.way(watts) == way


def test_the_picture_of_an_islanded_shelter_has_its_grid_cut_and_says_so() -> None:
    now = replace(FakeQueries.of_city().shelters[SITE], state=SiteState.ISLANDED, grid_w=0.0, battery_w=4_000.0)
    texts = siteview_flow.flow_texts(now, EN)
    assert (texts["grid_way"], texts["battery_way"], texts["grid_word"]) == ("cut", "in", "cut off")
    assert "grid cut off" in texts["flow_says"]
    assert "4.0 kW discharging" in texts["flow_says"]


@pytest.mark.parametrize(
    ("hours", "is_fresh", "band"),
    [
        ((18.0, 36.0, 54.0), True, ("25.0 50.0", "50.0", "25.0")),
        ((60.0, 300.0, 300.0), True, ("83.3 16.7", "100.0", "83.3")),
        ((18.0, 36.0, 54.0), False, ("0 0", "-1", "0")),
        ((None, None, None), True, ("0 0", "-1", "0")),
    ],
)
def test_the_band_of_hours_ends_at_its_edge_and_is_empty_when_nothing_is_known(
    hours: tuple[float | None, float | None, float | None], is_fresh: bool, band: tuple[str, str, str]
) -> None:
    low, middle, high = hours
    found = HoursNow(at_ms=NOW_MS, p10_h=low, p50_h=middle, p90_h=high, horizon_h=168, says_ja="", says_en="")
    now = replace(FakeQueries.of_city().shelters[SITE], hours=found)
    texts = siteview_flow.band_texts(now, is_fresh=is_fresh)
    assert (texts["band"], texts["band_mid"], texts["band_sure"]) == band


def test_faults_are_told_by_their_codes() -> None:
    points = [
        PointNow("inverter", "inverter.fault_code", 2105.0, Quality.GOOD, NOW_MS),
        PointNow("inverter", "inverter.fault_bits", 33.0, Quality.GOOD, NOW_MS),
        PointNow("inverter", "battery.fault_code", 0.0, Quality.GOOD, NOW_MS),
    ]
    assert siteview_flow.faults(points, EN) == (
        "Inverter fault code 2105 (0x839) · Inverter fault bits 0x00000021 (bits 0, 5)"
    )


@pytest.mark.parametrize(("off_s", "text"), [(20, "right"), (600, "10 min ahead"), (-180, "3 min behind")])
def test_a_devices_clock_is_compared_with_the_time_of_its_reading(off_s: int, text: str) -> None:
    point = PointNow("inverter", "inverter.clock_s", NOW_MS / 1_000 + off_s, Quality.GOOD, NOW_MS)
    assert siteview_flow.clock([point], EN) == text
    assert siteview_flow.clock([replace(point, quality=Quality.STALE)], EN) == ""


def test_tiers_are_those_that_a_relay_or_a_person_tells_of() -> None:
    now = FakeQueries.of_city().shelters[SITE]
    found = siteview_flow.tiers(now, {FactName.TIERS_W: said(FactName.TIERS_W, "400,1500,3000")}, EN)
    assert [(one.number, one.owner, one.hangs) for one in found] == [
        (1, "relay/tier1.closed", "0.4 kW on average"),
        (2, "relay/tier2.closed", "1.5 kW on average"),
        (3, "", "3.0 kW on average"),
    ]


DAY = siteview_days.DAY_MS
FROM_MS = -9 * 3_600_000 + 20_000 * DAY


def days(**lines: list[float | None]) -> siteview_days.Days:
    whole = {name: lines.get(name, [None] * 3) for name in siteview_days.ASKED}
    to_ms = FROM_MS + 3 * DAY
    return siteview_days.Days(
        from_ms=FROM_MS,
        to_ms=to_ms,
        now_ms=to_ms - DAY // 2,
        lines={name: [Sample(FROM_MS + n * DAY, one, 1) for n, one in enumerate(line)] for name, line in whole.items()},
        stretches=[
            Stretch(from_ms=FROM_MS, to_ms=FROM_MS + DAY, fate=Fate.LOST, reason="before_first"),
            Stretch(from_ms=FROM_MS + DAY, to_ms=FROM_MS + 2 * DAY - DAY // 4, fate=Fate.ARRIVED),
            Stretch(from_ms=FROM_MS + 2 * DAY - DAY // 4, to_ms=FROM_MS + 2 * DAY, fate=Fate.LOST, reason="disk_full"),
            Stretch(from_ms=FROM_MS + 2 * DAY, to_ms=to_ms - DAY // 2, fate=Fate.ARRIVED),
        ],
    )


def test_a_day_says_what_part_of_its_data_is_here_and_why_not_the_rest() -> None:
    found = siteview_days.rows(
        days(pv=[None, 1_500.0, 900.0], soc_low=[None, 20.0, 40.0], soc_high=[None, 95.0, 60.0]), EN
    )
    assert [(row.cells[0], row.cells[3], row.arrived, row.why) for row in found] == [
        ("0.9", "40–60", "100 %", ""),
        ("1.5", "20–95", "75.0 %", "Lost: Disk full"),
        ("–", "–", "–", "Before its first data"),
    ]


def test_a_day_without_data_breaks_the_line_of_days() -> None:
    drawn = siteview_days.power(days(pv=[2_000.0, None, 1_000.0]))
    assert drawn is not None
    assert drawn.paths["pv"].count("M") == 2
    assert siteview_days.power(days()) is None


def test_who_may_not_change_a_fact_does_not_see_it_in_the_form() -> None:
    def may(who: Principal) -> set[str]:
        groups = siteview_facts.groups({}, who, WARD, JA, {})
        return {row.name for group in groups for row in group.rows if row.may_change}

    assert may(EVERYBODY) == may(person(Role.VIEWER)) == may(person(Role.OPERATOR, "緑区")) == set()
    assert "people" in may(person(Role.OPERATOR, WARD))
    assert "tiers_w" not in may(person(Role.OPERATOR))
    assert may(person(Role.TECHNICIAN)) == {name.value for name in FactName}


@pytest.mark.parametrize("words", [JA, EN])
def test_a_contact_is_for_staff_alone(words: Catalogue) -> None:
    facts = {FactName.CONTACT_PHONE: said(FactName.CONTACT_PHONE, "043-000-0000")}
    shown = siteview_facts.groups(facts, person(Role.VIEWER), WARD, words, {})
    phones = [row for group in shown for row in group.rows if row.phone]
    assert [(row.text, row.phone) for row in phones] == [("043-000-0000", "0430000000")]
    assert "合成 太郎" in phones[0].said
    for stranger in (EVERYBODY, None):
        assert "043" not in repr(siteview_facts.groups(facts, stranger, WARD, words, {}))


def test_a_form_changes_only_what_differs_from_what_it_showed() -> None:
    form = {"people": "120", "was_people": "80", "medical": "4", "was_medical": "4", "contact_name": "", "tiers_w": "9"}
    found = siteview_facts.changes(form, person(Role.OPERATOR), WARD)
    assert list(found.pairs) == [(FactName.PEOPLE, "120")]
    wrong = siteview_facts.changes({"people": "many", "was_people": ""}, person(Role.OPERATOR), WARD).wrong
    assert "whole number" in wrong["people"]
    gone = siteview_facts.changes({"people": "", "was_people": "80"}, person(Role.OPERATOR), WARD)
    assert list(gone.pairs) == [(FactName.PEOPLE, "")]
