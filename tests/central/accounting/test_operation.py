"""How well plants, links and devices worked, by definitions that anybody can follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from central.core.accounting.days import Beside, SiteDay, decode_day, encode_day
from central.core.accounting.flows import Flow
from central.core.accounting.operation import DeviceChange, Operation, Trouble, TroubleKind, added, operation, silences
from central.reports.sun import sunny_of
from tests.central.accounting.parts import OCTOBER, sites

SITE = sites(1)[0].id
SUNNY = {OCTOBER: range(18, 30), OCTOBER + 1: range(18, 30)}
HALF_HOUR_MS = 1_800_000


def day(pv: dict[int, int], *, number: int = OCTOBER, letters: str = "m" * 48, beside: Beside | None = None) -> SiteDay:
    """Half hours with 500 Wh, but for those named."""
    return SiteDay(
        site=SITE,
        day=number,
        wh={Flow.PV: [pv.get(slot, 500) for slot in range(48)]},
        marks={Flow.PV: letters},
        beside=beside or Beside(),
    )


def zeros(*slots: int) -> dict[int, int]:
    return dict.fromkeys(slots, 0)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (day({}), (12, 0)),
        (day(zeros(*range(18))), (12, 0)),
        # Three on end are a storm, four are a plant that is down.
        (day(zeros(20, 21, 22)), (12, 0)),
        (day(zeros(20, 21, 22, 23)), (12, 4)),
        (day(zeros(*range(26, 40))), (12, 4)),
        (day(zeros(*range(48)), beside=Beside(limited=frozenset(range(48)))), (12, 0)),
        (day(zeros(*range(48)), beside=Beside(dict.fromkeys(range(48), 1_800))), (12, 0)),
        # What is not known is neither up nor down, and parts what lies around it.
        (day(zeros(20, 21, 23, 24), letters="m" * 22 + "-" + "m" * 25), (11, 0)),
        (day(zeros(*range(48)), letters="s" * 48), (0, 0)),
    ],
)
def test_a_plant_is_down_when_it_gives_nothing_for_two_sunny_hours(one: SiteDay, expected: tuple[int, int]) -> None:
    found = operation(SITE, [one], SUNNY, (), (0, 0))
    assert (found.sunny, found.down) == expected


def test_shares_are_of_what_is_known() -> None:
    found = operation(SITE, [day(zeros(20, 21, 22, 23))], SUNNY, (), (40, 30))
    assert found.plant_share == pytest.approx(8 / 12)
    assert found.link_share == pytest.approx(0.75)
    nothing = operation(SITE, [replace(day({}), wh={}, marks={})], SUNNY, (), (0, 0))
    assert (nothing.plant_share, nothing.link_share) == (None, None)


def test_faults_are_counted_by_device_and_over_midnight_once() -> None:
    first = day({}, beside=Beside(faults={"inverter": frozenset({3, 4, 47})}))
    second = day({}, number=OCTOBER + 1, beside=Beside(faults={"inverter": frozenset({0}), "pcs2": frozenset({9})}))
    assert decode_day(SITE, OCTOBER, encode_day(first)) == first
    found = operation(SITE, [first, second], SUNNY, (), (0, 0))
    assert found.troubles == (
        Trouble(device="inverter", kind=TroubleKind.FAULT, count=2, ms=4 * HALF_HOUR_MS),
        Trouble(device="pcs2", kind=TroubleKind.FAULT, count=1, ms=HALF_HOUR_MS),
    )
    assert found.of(TroubleKind.FAULT) == (3, 5 * HALF_HOUR_MS)
    assert found.of(TroubleKind.SILENT) == (0, 0)


def test_a_day_without_faults_has_the_text_that_it_always_had() -> None:
    assert "faults" not in encode_day(day({}))


def test_devices_are_silent_until_they_answer_or_their_agent_begins_anew() -> None:
    told = [
        DeviceChange(site=SITE, device="meter", at_ms=100, lost=True),
        DeviceChange(site=SITE, device="meter", at_ms=160, lost=False),
        DeviceChange(site=SITE, device="inverter", at_ms=200, lost=True),
        DeviceChange(site=SITE, device="", at_ms=250, lost=False),
        DeviceChange(site=SITE, device="meter", at_ms=400, lost=True),
        DeviceChange(site="other", device="", at_ms=5, lost=False),
    ]
    assert silences(reversed(told), from_ms=130, to_ms=500) == {
        SITE: [
            Trouble(device="inverter", kind=TroubleKind.SILENT, count=1, ms=50),
            Trouble(device="meter", kind=TroubleKind.SILENT, count=2, ms=130),
        ]
    }


def test_months_add_up_to_a_year() -> None:
    one = Operation(
        site=SITE,
        sunny=10,
        down=1,
        seen=20,
        timely=19,
        troubles=(Trouble(device="a", kind=TroubleKind.FAULT, count=1, ms=5),),
    )
    both = added([one, one])
    assert both is not None
    assert (both.sunny, both.down, both.seen, both.timely) == (20, 2, 40, 38)
    assert both.of(TroubleKind.FAULT) == (2, 10)
    assert added([]) is None


def test_the_sun_stands_high_around_noon_alone() -> None:
    one, far = sites(2)[0], replace(sites(2)[1], latitude=60.0)
    found = sunny_of([one, far], range(OCTOBER, OCTOBER + 2))
    slots = found[one.id][OCTOBER]
    assert 22 in slots
    assert 12 < min(slots) < 17
    assert max(slots) < 33
    assert len(found[far.id][OCTOBER]) < len(slots)
