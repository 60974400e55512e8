"""What is published of a shelter: derived, never claimed; by the policy, never by accident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.city import HoursNow, PointNow, SiteNow, SiteState
from central.core.nearby import Place, Wish, choose, distance_km, locate
from central.core.publication import (
    Crowding,
    Openness,
    Part,
    Policy,
    Power,
    PowerSource,
    Readiness,
    Service,
    Shown,
    Statement,
    StatementError,
    When,
    hours_class,
    needs_points,
    power_of,
    publish,
    state,
)
from central.public.policy import example, read_policy
from contract.readings import Quality
from contract.steering import GridState
from tests.central.fake import NOW_MS, make_shelter, make_sites
from tests.central.public.parts import on_grid

POLICY = read_policy(example())
SITE = make_sites(1)[0]
ON_GRID = on_grid(make_shelter(SITE, 1, NOW_MS))
ISLANDED = make_shelter(SITE, 7, NOW_MS)
HOURS = HoursNow(at_ms=NOW_MS, p10_h=13.7, p50_h=20, p90_h=31, horizon_h=72, says_ja="", says_en="")


def said(opening: Openness = Openness.OPEN, *services: Service, **more: object) -> Statement:
    told = {"site": SITE.id, "opening": opening, "by": "田中", "at_ms": NOW_MS, "since_ms": NOW_MS, **more}
    return Statement(services=frozenset(services), **told)  # type: ignore[arg-type]


def allowing(**parts: When) -> Policy:
    return replace(POLICY, parts={**POLICY.parts, **{Part(name): when for name, when in parts.items()}})


def volts(point: str, value: float, quality: Quality = Quality.GOOD) -> PointNow:
    return PointNow("d", point, value, quality, NOW_MS)


@pytest.mark.parametrize("site_state", [SiteState.OFFLINE, SiteState.STALE, SiteState.NEVER_SEEN])
def test_without_fresh_data_nobody_knows_of_power(site_state: SiteState) -> None:
    now = replace(ON_GRID, state=site_state, points=(volts("grid.l1_voltage_v", 101, Quality.STALE),))
    assert power_of(now) == (Power.NOT_KNOWN, None)


@pytest.mark.parametrize(
    ("grid", "points", "power"),
    [
        (GridState.PRESENT, (), Power.ON),
        (GridState.UNKNOWN, (), Power.NOT_KNOWN),
        (GridState.METER_DARK, (volts("grid.l1_voltage_v", 101.0),), Power.ON),
        (GridState.UNKNOWN, (volts("grid.l1_voltage_v", 3.0),), Power.NOT_KNOWN),
        (GridState.UNKNOWN, (volts("grid.l1_voltage_v", 101.0, Quality.STALE),), Power.NOT_KNOWN),
        (GridState.LOST, (volts("grid.l1_voltage_v", 101.0),), Power.NOT_KNOWN),
        (GridState.REJECTED, (volts("grid.l1_voltage_v", 140.0),), Power.NOT_KNOWN),
    ],
)
def test_on_the_grid_the_grid_has_to_be_seen(grid: GridState, points: tuple[PointNow, ...], power: Power) -> None:
    now = replace(ON_GRID, steering=replace(ON_GRID.steering, grid=grid), points=points)
    assert power_of(now)[0] is power


def test_a_fault_says_nothing_of_the_grid_unless_its_voltage_is_there() -> None:
    fault = replace(ON_GRID, state=SiteState.FAULT, points=())
    assert power_of(fault)[0] is Power.NOT_KNOWN
    assert power_of(replace(fault, points=(volts("grid.l2_voltage_v", 201.0),))) == (Power.ON, PowerSource.GRID)


@pytest.mark.parametrize(
    ("load_w", "points", "power"),
    [
        (800.0, (), Power.ON),
        (0.0, (), Power.NOT_KNOWN),
        (None, (), Power.NOT_KNOWN),
        (0.0, (volts("backup.l1_voltage_v", 101.0),), Power.ON),
        (None, (volts("grid.l1_voltage_v", 101.0),), Power.NOT_KNOWN),
    ],
)
def test_without_the_grid_the_shelter_has_to_carry_something(
    load_w: float | None, points: tuple[PointNow, ...], power: Power
) -> None:
    found = power_of(replace(ISLANDED, load_w=load_w, points=points))
    assert found == (power, PowerSource.OWN if power is Power.ON else None)


def test_a_closed_shelter_tells_nothing_of_its_building() -> None:
    told = said(Openness.CLOSED, Service.CHARGING, Service.LIGHT, notes={"ja": "閉鎖しました。"})
    shown = publish(ON_GRID, told, POLICY)
    assert shown.opening is Openness.CLOSED
    assert shown.notes == {"ja": "閉鎖しました。"}
    nothing = (shown.power, shown.power_source, shown.checked_ms, shown.crowding, shown.hours_at_least, shown.offers)
    assert nothing == (None, None, None, None, None, ())


def test_of_a_shelter_nobody_spoke_of_only_that_is_said() -> None:
    shown = publish(ON_GRID, None, POLICY)
    assert (shown.opening, shown.power, shown.offers, shown.said_ms) == (Openness.UNKNOWN, None, (), None)
    assert not needs_points(None, POLICY)
    assert needs_points(said(), POLICY)


def test_a_service_is_ready_with_power_and_with_its_tier_on() -> None:
    told = said(Openness.OPEN, *Service)

    def readiness(now: SiteNow) -> Mapping[Service, Readiness]:
        return {offer.service: offer.readiness for offer in publish(now, told, POLICY).offers}

    assert set(readiness(ON_GRID).values()) == {Readiness.READY}
    opened = (volts("tier3.closed", 0.0), volts("tier1.closed", 1.0))
    assert readiness(replace(ON_GRID, points=opened))[Service.CHARGING] is Readiness.OFF
    assert readiness(replace(ON_GRID, points=opened))[Service.MEDICAL] is Readiness.READY
    stale = (volts("tier3.closed", 0.0, Quality.STALE),)
    assert readiness(replace(ON_GRID, points=stale))[Service.CHARGING] is Readiness.READY
    dark = readiness(replace(ON_GRID, state=SiteState.OFFLINE))
    assert dark[Service.CHARGING] is Readiness.NOT_KNOWN
    assert dark[Service.WATER] is Readiness.READY, "water needs no power"


def test_a_service_that_the_policy_does_not_know_is_not_offered() -> None:
    only_light = replace(POLICY, tiers={Service.LIGHT: 2})
    shown = publish(ON_GRID, said(Openness.OPEN, *Service), only_light)
    assert [offer.service for offer in shown.offers] == [Service.LIGHT]


def test_hours_are_published_only_when_the_policy_says_so_and_by_classes() -> None:
    now = replace(ISLANDED, hours=HOURS)
    assert publish(now, said(), POLICY).hours_at_least is None
    allowed = allowing(hours_left=When.WHILE_OPEN)
    assert publish(now, said(), allowed).hours_at_least == 12
    assert publish(replace(ON_GRID, hours=HOURS), said(), allowed).hours_at_least is None, "the grid is there"
    assert hours_class(replace(HOURS, p10_h=1.0), (3, 6)) == 0
    assert hours_class(replace(HOURS, p10_h=None), (3, 6)) is None


@given(
    opening=st.sampled_from(Openness),
    parts=st.fixed_dictionaries({part: st.sampled_from(When) for part in Part}),
    site_state=st.sampled_from(SiteState),
)
def test_whatever_the_policy_holds_back_is_not_there(
    opening: Openness, parts: dict[Part, When], site_state: SiteState
) -> None:
    now = replace(ISLANDED, state=site_state, hours=HOURS)
    told = said(opening, *Service, crowding=Crowding.BUSY, notes={"en": "x"})
    shown = publish(now, told, replace(POLICY, parts=parts))
    held = {
        part for part, when in parts.items() if when is When.NEVER or (when is When.WHILE_OPEN and not told.is_open)
    }
    values = {
        Part.OPENING: shown.opening,
        Part.CROWDING: shown.crowding,
        Part.SERVICES: shown.offers or None,
        Part.POWER: shown.power or shown.checked_ms,
        Part.POWER_SOURCE: shown.power_source,
        Part.HOURS_LEFT: shown.hours_at_least,
        Part.NOTE: shown.notes or None,
    }
    assert [part for part in held if values[part] is not None] == []


def test_what_leaves_the_house_has_no_field_for_anything_else() -> None:
    assert {field.name for field in fields(Shown)} == {
        *("id", "name", "name_en", "ward", "ward_en", "latitude", "longitude", "synthetic"),
        *("opening", "said_ms", "crowding", "power", "checked_ms", "power_source", "hours_at_least", "offers", "notes"),
    }


def test_a_statement_is_tidied_and_knows_since_when() -> None:
    first = state(SITE.id, opening="open", crowding="busy", services=["light"], by="a", at_ms=10)
    again = state(SITE.id, opening="open", notes={"ja": " 正門 \n から ", "en": " "}, by="b", at_ms=20, before=first)
    assert (again.since_ms, again.at_ms, dict(again.notes)) == (10, 20, {"ja": "正門 から"})
    closed = state(SITE.id, opening="closed", crowding="busy", by="c", at_ms=30, before=again)
    assert (closed.since_ms, closed.crowding) == (30, Crowding.UNKNOWN)


@pytest.mark.parametrize(
    ("told", "part"),
    [
        ({"opening": "maybe"}, "opening"),
        ({"opening": "open", "crowding": "loud"}, "crowding"),
        ({"opening": "open", "services": ["pizza"]}, "services"),
        ({"opening": "open", "notes": {"tlh": "x"}}, "notes"),
        ({"opening": "open", "notes": {"ko": "x" * 201}}, "note-ko"),
        ({"opening": "open", "notes": {"en": "a\u202eb"}}, "note-en"),
    ],
)
def test_what_can_not_be_told_is_refused_by_its_field(told: dict[str, object], part: str) -> None:
    with pytest.raises(StatementError) as refused:
        state(SITE.id, by="a", at_ms=1, **told)  # type: ignore[arg-type]
    assert refused.value.part == part


# --- Nearby -----------------------------------------------------------------------------------------------------------


def city(count: int = 60) -> list[Shown]:
    told = said(Openness.OPEN, Service.CHARGING)
    return [
        publish(on_grid(make_shelter(site, 1, NOW_MS)), replace(told, site=site.id) if n % 2 else None, POLICY)
        for n, site in enumerate(make_sites(count))
    ]


def test_distances_are_those_of_the_map() -> None:
    # A degree of latitude is a 360th of the way around; one of longitude is shorter by the latitude's cosine.
    assert distance_km(35.0, 140.0, Place(36.0, 140.0)) == pytest.approx(111.195, abs=0.001)
    assert distance_km(60.0, 140.0, Place(60.0, 140.1)) == pytest.approx(111.195 / 20, rel=1e-4)
    assert distance_km(35.6, 140.1, Place(35.6, 140.1)) == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("35.6123,140.1149", ""),
        ("３５．６１２、１４０．１１５", ""),
        ("中央", "中央区"),
        ("chuo", "中央区"),
        ("中央第2", "中央第2公民館"),
    ],
)
def test_a_place_is_found_as_people_write_it(text: str, name: str) -> None:
    found = locate(text, city())
    assert found is not None
    assert found.name == name or found.name.startswith("中央第2")
    assert (round(found.latitude, 1), round(found.longitude, 1)) == (35.6, 140.1)


@pytest.mark.parametrize("text", ["", "  ", "東京駅", "95.0,140.1", "1e5,1", "35.6", "nan,nan"])
def test_what_is_no_place_is_not_found(text: str) -> None:
    assert locate(text, city()) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_search(text: str) -> None:
    assert locate(text, city(2)) is None or text.strip()


def test_what_is_confirmed_stands_before_what_is_only_offered() -> None:
    shelters = city(4)
    unsure = replace(
        shelters[1],
        id="unsure",
        power=Power.NOT_KNOWN,
        offers=(replace(shelters[1].offers[0], readiness=Readiness.NOT_KNOWN),),
    )
    found = choose([*shelters, unsure], Wish(needs=frozenset({Service.CHARGING})))
    assert [one.shelter.id for one in found.fit] == [shelters[1].id, shelters[3].id]
    assert [one.shelter.id for one in found.maybe] == ["unsure"]
    assert {one.shelter.id for one in found.others} == {shelters[0].id, shelters[2].id}


def test_the_nearest_come_first() -> None:
    found = choose(city(), Wish(place=Place(35.60, 140.13)))
    for each in (found.fit, found.others):
        distances = [one.km for one in each]
        assert None not in distances
        assert distances == sorted(distances, key=lambda km: km or 0)
    assert len(found.nearest(3).fit) == 3
