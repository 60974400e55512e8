"""Whom to ask for at a shelter: kept as said, and no part of the plant's figures."""

from __future__ import annotations

import pytest

from central.core.facts import FOR_STAFF, RESTS_ON, Fact, FactError, FactName, ShelterFacts, tidy, values_of


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("contact_name", "  合成 太郎\u3000（架空） ", "合成 太郎 （架空）"),
        ("contact_phone", "０４３-000-0000", "043-000-0000"),
        ("contact_phone", "+81 43 000 0000", "+81 43 000 0000"),
        ("access_note", "鍵は職員室\n北口から", "鍵は職員室 北口から"),
        ("contact_phone", "", ""),
    ],
)
def test_a_contact_is_kept_in_one_form(name: str, text: str, kept: str) -> None:
    assert tidy(name, text) == (FactName(name), kept)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("contact_phone", "call the office", "want a telephone number"),
        ("contact_phone", "119", "want a telephone number"),
        ("contact_name", "a" * 101, "at most 100"),
        ("access_note", "key\x07", "one line"),
    ],
)
def test_what_is_no_contact_is_refused_with_what_to_give(name: str, text: str, said: str) -> None:
    with pytest.raises(FactError, match=said):
        tidy(name, text)


def test_a_contact_is_no_figure_of_the_plant() -> None:
    told = {name: Fact(site="E1", name=name, value="043-000-0000", by="a", at_ms=1) for name in sorted(FOR_STAFF)} | {
        FactName.PEOPLE: Fact(site="E1", name=FactName.PEOPLE, value="40", by="a", at_ms=1)
    }
    assert values_of(told) == ShelterFacts(people=40)
    assert not FOR_STAFF & RESTS_ON
