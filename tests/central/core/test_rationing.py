"""Rationing: the largest set of tiers that lasts, and what is said when none does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.autonomy import Horizon, ShelterEnergy
from central.core.rationing import Outlook, Ration, ration
from tests.central.core.autonomy_parts import HORIZON, MIDNIGHT_MS, dark, shelter, sunny, tier


def one(energy: ShelterEnergy, **more: int) -> Ration:
    (found,) = ration([energy], dark(), at_ms=MIDNIGHT_MS, horizon=HORIZON, **more)
    return found


def three_tiers(*watts: float, **more: object) -> ShelterEnergy:
    return shelter(tiers=tuple(tier(number, value) for number, value in enumerate(watts, start=1)), **more)


def test_all_tiers_stay_on_when_they_last() -> None:
    found = one(three_tiers(40.0, 30.0, 20.0))
    assert (found.outlook, found.keep) == (Outlook.ALL_LAST, (1, 2, 3))
    assert "負荷区分1〜3" in found.says.ja
    assert "72時間" in found.says.ja


def test_the_least_critical_tiers_go_off_first() -> None:
    # 15 kWh for 72 h are 208 W with losses and own use.
    found = one(three_tiers(50.0, 50.0, 300.0))
    assert (found.outlook, found.keep) == (Outlook.SOME_LAST, (1, 2))
    assert [choice.tiers for choice in found.choices] == [(1,), (1, 2), (1, 2, 3)]
    assert found.says.en == "With tier 3 off, tiers 1 to 2 should last the 72 h wanted"
    assert found.says.ja == "負荷区分3を切れば、負荷区分1〜2は目標の72時間もつ見込みです"


def test_a_shorter_target_keeps_more() -> None:
    assert one(three_tiers(50.0, 50.0, 300.0), target_h=24).keep == (1, 2, 3)


def test_when_even_tier_one_does_not_last_it_is_kept_and_that_is_said() -> None:
    found = one(three_tiers(500.0, 500.0, 500.0))
    assert (found.outlook, found.keep) == (Outlook.NONE_LASTS, (1,))
    assert "負荷区分1だけに絞っても目標の72時間に届きません（少なくとも約" in found.says.ja
    assert "a generator or an electric car is needed" in found.says.en


def test_a_load_beyond_the_inverter_is_told_apart_from_a_lack_of_energy() -> None:
    found = one(three_tiers(20_000.0))
    assert "出力の上限" in found.says.ja
    assert "more power than the inverter gives" in found.says.en


def test_unknown_switches_nothing_off() -> None:
    found = one(three_tiers(50.0, 50.0, soc_pct=None))
    assert (found.outlook, found.keep) == (Outlook.UNKNOWN, ())
    assert found.says.ja.startswith("残り時間が不明")


def test_shelters_keep_their_order_and_their_own_sky() -> None:
    some = [three_tiers(300.0, 900.0), three_tiers(300.0, 900.0, soc_pct=None), three_tiers(30.0)]
    found = ration(some, sunny(8_000.0, 3), at_ms=MIDNIGHT_MS, horizon=HORIZON)
    assert found[0] == ration([some[0]], sunny(8_000.0), at_ms=MIDNIGHT_MS, horizon=HORIZON)[0]
    assert [ration_of.outlook for ration_of in found][1:] == [Outlook.UNKNOWN, Outlook.ALL_LAST]
    assert ration([], dark(0), at_ms=MIDNIGHT_MS, horizon=HORIZON) == ()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 4_000), min_size=1, max_size=4).filter(lambda watts: any(watts)),
    st.floats(0, 100),
    st.floats(0, 30_000),
)
def test_tier_one_is_always_kept_and_more_tiers_never_last_longer(
    watts: list[float], soc_pct: float, peak_w: float
) -> None:
    energy = three_tiers(*watts, soc_pct=soc_pct)
    (found,) = ration([energy], sunny(peak_w), at_ms=MIDNIGHT_MS, horizon=Horizon(scenarios=10))
    known = [choice.autonomy for choice in found.choices if choice.autonomy.unknown is None]
    hours = [autonomy.p10_h or 0.0 for autonomy in known]
    assert hours == sorted(hours, reverse=True)
    if found.outlook is Outlook.UNKNOWN:
        assert watts[0] == 0
        return
    assert found.keep == tuple(range(1, len(found.keep) + 1))
    chosen = found.choices[len(found.keep) - 1].autonomy
    reaches = chosen.p10_h is not None and chosen.p10_h >= found.target_h
    assert reaches == (found.outlook in {Outlook.ALL_LAST, Outlook.SOME_LAST})
    if reaches and found.outlook is Outlook.SOME_LAST:
        next_h = found.choices[len(found.keep)].autonomy.p10_h
        assert next_h is not None
        assert next_h < found.target_h


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one load tier"):
        one(shelter(tiers=()))
    with pytest.raises(ValueError, match="1 to the horizon's 72 h, got 100"):
        one(shelter(), target_h=100)
