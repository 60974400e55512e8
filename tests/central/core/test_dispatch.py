"""The order of visits: whose need is greater never comes later, and the same facts always give the same order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.dispatch import AT_ONCE_H, Group, ShelterNeed, Visit, order

needs = st.builds(
    ShelterNeed,
    site=st.uuids().map(str),
    hours_left=st.one_of(st.none(), st.floats(0, 100)),
    people=st.one_of(st.none(), st.integers(0, 2_000)),
    people_on_devices=st.integers(0, 20),
    on_grid=st.booleans(),
    supplied=st.booleans(),
)


def need(site: str = "A", hours_left: float | None = 20.0, people: int | None = 100, **more: int) -> ShelterNeed:
    return ShelterNeed(site=site, hours_left=hours_left, people=people, **more)


def sites(*given_needs: ShelterNeed) -> list[str]:
    return [visit.site for visit in order(given_needs)]


def place(visits: tuple[Visit, ...], site: str) -> int:
    return next(visit.rank for visit in visits if visit.site == site)


def test_the_score_is_person_hours_in_the_dark_that_can_be_checked_by_hand() -> None:
    (visit,) = order([need(hours_left=20.0, people=100, people_on_devices=2)])
    assert visit.score_person_h == (72 - 20) * (100 + 50 * 2)
    assert visit.says.ja == "残り約20時間、避難者100人、電源が必要な医療機器の利用者2人"
    assert visit.says.en == "About 20 h left; 100 people; 2 on powered medical devices"


def test_a_device_that_soon_has_no_power_goes_before_any_crowd() -> None:
    assert sites(need("crowd", 1.0, 5_000), need("device", AT_ONCE_H, 3, people_on_devices=1)) == ["device", "crowd"]
    (visit,) = order([need(hours_left=3.0, people_on_devices=1)])
    assert visit.group is Group.AT_ONCE
    assert visit.says.ja.startswith("最優先")


def test_a_few_people_with_devices_weigh_as_much_as_many_without() -> None:
    assert sites(need("many", 30.0, 140), need("devices", 30.0, 50, people_on_devices=2)) == ["devices", "many"]


def test_who_has_power_or_is_served_comes_last_and_says_why() -> None:
    visits = order([need("grid", 0.0, 900, on_grid=True), need("served", 0.0, 900, supplied=True), need("C", 71.0, 1)])
    assert visits[0].site == "C"
    assert {visit.group for visit in visits[1:]} == {Group.NOTHING_TO_GAIN}
    assert {visit.says.ja for visit in visits[1:]} == {
        "系統から受電中です",
        "発電機または電気自動車を手配済みです",
    }


def test_what_is_not_known_is_counted_and_said() -> None:
    (visit,) = order([need(hours_left=None, people=None)])
    assert visit.group is Group.SHORT
    assert "不明（12.5時間とみなします" in visit.says.ja
    assert "未入力（50人とみなします" in visit.says.ja
    assert sites(need("known", 40.0), need("silent", None)) == ["silent", "known"]


def test_a_shelter_that_lasts_needs_no_visit() -> None:
    (visit,) = order([need(hours_left=72.0, people=500)])
    assert (visit.group, visit.score_person_h) == (Group.NOTHING_TO_GAIN, 0.0)
    assert visit.says.en == "72 h or more left; 500 people; no visit needed now"


def test_bad_figures_are_refused() -> None:
    with pytest.raises(ValueError, match="hours_left must be 0 or more"):
        need(hours_left=float("nan"))
    with pytest.raises(ValueError, match="people must be 0 or more"):
        need(people=-1)
    with pytest.raises(ValueError, match="target_h must be more than 12 h"):
        order([], target_h=5.0)


@given(st.lists(needs, max_size=12, unique_by=lambda one: one.site), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_facts_came(some: list[ShelterNeed], dice: object) -> None:
    shuffled = list(some)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    visits = order(some)
    assert order(shuffled) == visits
    assert [visit.rank for visit in visits] == list(range(1, len(some) + 1))
    assert sorted(visit.site for visit in visits) == sorted(one.site for one in some)


@given(needs, st.floats(0, 1), st.integers(0, 500), st.integers(0, 5))
def test_a_greater_need_never_comes_later(base: ShelterNeed, share: float, people: int, devices: int) -> None:
    one = replace(base, site="M")
    harder = []
    if one.hours_left is not None:
        harder.append(replace(one, hours_left=one.hours_left * share))
    if one.people is not None:
        harder.append(replace(one, people=one.people + people))
    harder.append(replace(one, people_on_devices=one.people_on_devices + devices))
    harder.append(replace(one, on_grid=False, supplied=False))
    for other in harder:
        # The later letter shows that it is not the name that decides, unless all else is the same.
        found = sites(one, replace(other, site="Z"))
        assert found == ["Z", "M"] or order([one])[0].score_person_h == order([other])[0].score_person_h
        # With the earlier letter it comes first in any case.
        assert sites(one, replace(other, site="A")) == ["A", "M"]


@given(st.lists(needs, min_size=2, max_size=8, unique_by=lambda one: one.site), needs)
def test_a_third_shelter_does_not_turn_two_round(some: list[ShelterNeed], third: ShelterNeed) -> None:
    without = order(some)
    within = order([*some, replace(third, site="third")])
    assert [visit.site for visit in within if visit.site != "third"] == [visit.site for visit in without]
    assert place(within, "third") >= 1
