"""What staff say of a shelter: one form, named faults, the newest holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.facts import NO_FACTS, Fact, FactError, FactName, newest, signed_by, tidy, values_of

SITE = "E0000000001111"


def fact(name: str, value: str, at_ms: int = 0, site: str = SITE) -> Fact:
    known, text = tidy(name, value)
    return Fact(site=site, name=known, value=text, by="田中", at_ms=at_ms)


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("people", " 0120 ", "120"),
        ("medical", "0", "0"),
        ("supplied", "1", "1"),
        ("tiers_w", "400, 1500.50,3000", "400,1500.5,3000"),
        ("backup_kw", "9.90", "9.9"),
        ("azimuth_deg", "180", "180"),
        ("weather", "2026-09-09:40,2026-09-08:15", "2026-09-08:15,2026-09-09:40"),
        ("people", "", ""),
    ],
)
def test_a_fact_is_kept_in_one_form_and_reading_it_again_changes_nothing(name: str, text: str, kept: str) -> None:
    assert tidy(name, text) == (FactName(name), kept)
    assert tidy(name, kept) == (FactName(name), kept)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("peopel", "1", "perhaps 'people'"),
        ("xyzzy", "1", "want one of people, medical"),
        ("people", "-1", "whole number of 0 to 100000"),
        ("people", "1.5", "whole number"),
        ("people", "²", "whole number"),
        ("people", "999999", "whole number of 0 to 100000"),
        ("supplied", "yes", "1 .yes. or 0"),
        ("tiers_w", "0,0", "above 0 W"),
        ("tiers_w", "1,2,3,4,5,6,7,8,9", "at most 8 tiers"),
        ("tiers_w", "400,,3", "number of 0 to"),
        ("backup_kw", "nan", "0 to 10000"),
        ("backup_kw", "inf", "0 to 10000"),
        ("tilt_deg", "91", "0 to 90"),
        ("weather", "15", "DAY:PERCENT"),
        ("weather", "2026-13-01:15", "day such as"),
        ("weather", "2026-09-08:150", "0 to 100"),
        ("weather", ",".join(f"2026-09-{day:02}:1" for day in range(1, 16)), "at most 14 days"),
    ],
)
def test_a_fact_that_cannot_be_kept_says_what_to_give(name: str, text: str, says: str) -> None:
    with pytest.raises(FactError, match=says):
        tidy(name, text)


@given(st.sampled_from(list(FactName)), st.text(max_size=40))
def test_any_text_is_kept_in_one_form_or_refused_by_name(name: FactName, text: str) -> None:
    try:
        _, kept = tidy(name.value, text)
    except FactError:
        with pytest.raises(FactError, match=f"^{name.value}: "):
            tidy(name.value, text)
        return
    assert tidy(name.value, kept) == (name, kept)
    if kept:
        assert values_of({name: Fact(site=SITE, name=name, value=kept, by="a", at_ms=0)}) is not None


@pytest.mark.parametrize("by", ["", "  ", "a" * 101, "a\0b"])
def test_a_fact_wants_a_person(by: str) -> None:
    with pytest.raises(FactError, match="name the person"):
        signed_by(by)
    assert signed_by(" 田中  太郎 ") == "田中 太郎"


def test_the_newest_holds_and_an_empty_one_withdraws() -> None:
    said = [
        fact("people", "10", 1),
        fact("people", "20", 2),
        fact("medical", "1", 3),
        fact("people", "5", 4, site="E2"),
        fact("medical", "", 5),
        fact("people", "", 6, site="E2"),
    ]
    holding = newest(said)
    assert {name: one.value for name, one in holding[SITE].items()} == {FactName.PEOPLE: "20"}
    assert "E2" not in holding


def test_facts_become_numbers_with_their_units() -> None:
    words = {"people": "120", "medical": "1", "supplied": "1", "tiers_w": "400,1500", "backup_kw": "9.9"}
    words |= {"grid_charge_kw": "0", "weather": "1970-01-02:15"}
    values = values_of(newest(fact(name, text) for name, text in words.items())[SITE])
    assert (values.people, values.people_on_devices, values.supplied) == (120, 1, True)
    assert values.tiers_w == (400.0, 1500.0)
    assert values.backup_w == 9_900
    assert values.grid_charge_w == 0
    assert values.weather == {1: 0.15}
    assert values_of({}) == NO_FACTS
