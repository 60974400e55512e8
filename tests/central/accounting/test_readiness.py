"""What keeps a month from being closed, and closing it in spite of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from central.core.accounting import closing
from central.core.accounting.closing import MonthError, MonthNo, first_fault
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import bounds_of_month, days_of_month
from central.core.accounting.months import MonthFigures
from central.core.accounting.readiness import Hurdle, Obstacle, obstacles
from tests.central.accounting.parts import OCTOBER, sites

A, B, C = (one.id for one in sites(3))
DAYS = days_of_month("2026-10")
FIRST_MS, END_MS = bounds_of_month("2026-10")
AFTER = END_MS + closing.SETTLE_MS
HOUR = 3_600_000


def known(site: str, letters: Mapping[int, str]) -> list[SiteDay]:
    """A month of days that were measured, but for those named by their number in the month."""
    return [
        SiteDay(
            site=site,
            day=day,
            wh={Flow.PV: [0] * 48},
            marks={Flow.PV: letters.get(day - DAYS.start + 1, "m" * 48)},
        )
        for day in DAYS
        if letters.get(day - DAYS.start + 1) != ""
    ]


def found(
    days: list[SiteDay], *, first: Mapping[str, int] | None = None, waiting: Mapping[str, int] | None = None
) -> list[tuple[str, Hurdle, int, int]]:
    told = obstacles(
        "2026-10",
        days,
        sites=(A, B, C),
        first_days={A: OCTOBER - 30} if first is None else first,
        waiting_ms=waiting or {},
    )
    return [(one.site, one.hurdle, one.missing, one.since_ms) for one in told]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ({}, []),
        ({5: "m" * 40 + "iriririr"}, []),
        # Fourteen of 1,488 half hours are less than 1 %, fifteen are more.
        ({5: "s" * 14 + "m" * 34}, []),
        ({5: "s" * 7 + "l" * 8 + "m" * 33}, [(A, Hurdle.MISSING, 15, 0)]),
        ({5: ""}, [(A, Hurdle.MISSING, 48, 0)]),
        ({31: "m" * 45 + "-" * 3}, []),
        ({31: "m" * 44 + "-" * 4}, [(A, Hurdle.CUT_OFF, 4, END_MS - 2 * HOUR)]),
        ({31: "", 30: "m" * 47 + "-"}, [(A, Hurdle.CUT_OFF, 49, END_MS - 24 * HOUR - HOUR // 2)]),
    ],
)
def test_what_is_missing_is_found(letters: dict[int, str], expected: list[object]) -> None:
    assert found(known(A, letters)) == expected


def test_a_shelter_counts_from_its_first_half_hour_on() -> None:
    begun = known(A, dict.fromkeys(range(1, 20), "") | {20: "-" * 20 + "m" * 28})
    assert found(begun, first={A: DAYS.start + 19}) == []
    assert found(begun) == [(A, Hurdle.MISSING, 19 * 48 + 20, 0)]
    assert found([], first={}) == []
    assert found([], first={A: DAYS.stop}) == []
    assert found([], first={A: DAYS.start - 1}) == [(A, Hurdle.CUT_OFF, 31 * 48, FIRST_MS)]


def test_what_waits_at_the_shelter_is_told_first() -> None:
    assert found(known(A, {}), waiting={A: END_MS - 1}) == [(A, Hurdle.WAITING, 0, END_MS - 1)]
    assert found(known(A, {}), waiting={A: END_MS}) == []
    assert found(known(A, {31: "-" * 48}), waiting={A: END_MS - 5 * HOUR}) == [
        (A, Hurdle.WAITING, 48, END_MS - 5 * HOUR)
    ]


LACKS = Obstacle(site=A, hurdle=Hurdle.CUT_OFF, missing=30, due=1_488, since_ms=END_MS - 15 * HOUR)
FIGURES = {A: MonthFigures(site=A, month="2026-10", wh={Flow.PV: 1_000}, self_wh=1_000)}


def close(why: str, *, accepts: bool) -> closing.MonthEntry:
    return closing.close("2026-10", FIGURES, [], by="佐藤", why=why, now_ms=AFTER, obstacles=[LACKS], accepts=accepts)


def test_it_is_closed_over_for_a_reason_that_stays() -> None:
    with pytest.raises(MonthError) as caught:
        close("急ぐ", accepts=False)
    assert caught.value.no is MonthNo.NOT_READY
    assert caught.value.obstacles == (LACKS,)
    assert f"{A}: nothing came of the month's end" in str(caught.value)
    with pytest.raises(MonthError) as caught:
        close(" ", accepts=True)
    assert caught.value.no is MonthNo.WHY
    entry = close("計器故障", accepts=True)
    assert entry.despite == (LACKS,)
    assert closing.decode_despite(closing.encode_despite(entry.despite)) == entry.despite
    assert closing.decision_of(entry).detail["despite"] == [f"{A} cut_off"]
    assert first_fault([entry]) == ""
    assert "was changed" in first_fault([replace(entry, despite=())])


def test_a_month_that_was_whole_has_the_hash_that_it_always_had() -> None:
    entry = closing.close("2026-10", FIGURES, [], by="佐藤", why="", now_ms=AFTER, accepts=True)
    assert entry.despite == ()
    assert closing.encode_despite(entry.despite) is None
    assert entry.hash == "cb4e5b20216402ec3a4af4fcd97bf91077d3ddfbf1bc51e950da57fee48eb299"


def test_a_refusal_names_some_shelters_and_counts_the_rest() -> None:
    many = [replace(LACKS, site=one.id) for one in sites(30)]
    with pytest.raises(MonthError, match="and 10 more"):
        closing.close("2026-10", FIGURES, [], by="佐藤", why="x", now_ms=AFTER, obstacles=many)
