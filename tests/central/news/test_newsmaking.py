"""What is told of two looks: each change once, nothing that flaps, and in the end the truth."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.city import CityNow, HoursNow, SiteNow, SiteState
from central.core.news import News, NewsKind, Severity
from central.core.newsmaking import QUIET, START_MS, Fact, Look, Teller, facts
from tests.central.fake import NOW_MS, make_sites

SITES = make_sites(3)
START = NOW_MS - START_MS


def city(states: list[SiteState], at_ms: int, hours: float | None = None) -> Look:
    known = (
        HoursNow(at_ms=at_ms, p10_h=hours, p50_h=hours, p90_h=hours, horizon_h=72, says_ja="", says_en="")
        if hours is not None
        else None
    )
    shelters = tuple(SiteNow(site=site, state=state, hours=known) for site, state in zip(SITES, states, strict=True))
    return Look(city=CityNow(at_ms=at_ms, sites=shelters, counts={}, pv_w=0.0, load_w=0.0, grid_w=0.0, stored_wh=0.0))


def play(teller: Teller, *looks: Look) -> list[News]:
    told: list[News] = []
    for look in looks:
        news, changed = teller.differences(look)
        teller.took(changed)
        told += news
    return told


def seconds(states: list[SiteState], first: int, last: int, hours: float | None = None) -> list[Look]:
    return [city(states, NOW_MS + second * 1_000, hours) for second in range(first, last)]


ON = SiteState.ON_GRID
ALL_ON = [ON, ON, ON]


def test_a_city_that_is_well_tells_nothing() -> None:
    assert play(Teller({}, since_ms=START), *seconds(ALL_ON, 0, 120)) == []


def test_one_outage_of_many_is_one_group_and_is_told_once() -> None:
    teller = Teller({}, since_ms=START)
    dark = [SiteState.ISLANDED, SiteState.ISLANDED, ON]
    told = play(teller, *seconds(ALL_ON, 0, 5), *seconds(dark, 5, 100))
    assert [one.kind for one in told] == [NewsKind.ISLANDED, NewsKind.ISLANDED]
    assert told[0].severity is Severity.CRITICAL
    assert len({one.group for one in told}) == 1
    assert told[0].ward == SITES[0].ward
    back = play(teller, *seconds(ALL_ON, 100, 200))
    assert {one.kind for one in back} == {NewsKind.GRID_BACK}
    assert len(back) == 2


def test_a_short_silence_rings_nobody_and_a_long_one_is_told_once() -> None:
    teller = Teller({}, since_ms=START)
    gone = [SiteState.STALE, ON, ON]
    assert play(teller, *seconds(gone, 0, 9), *seconds(ALL_ON, 9, 60)) == []
    told = play(teller, *seconds(gone, 60, 90), *seconds([SiteState.OFFLINE, ON, ON], 90, 120))
    assert [one.kind for one in told] == [NewsKind.SITE_SILENT]
    assert [one.kind for one in play(teller, *seconds(ALL_ON, 120, 140))] == [NewsKind.SITE_HEARD]


def test_a_restart_tells_nothing_again_and_judges_no_silence_at_first() -> None:
    teller = Teller({}, since_ms=START)
    play(teller, *seconds([SiteState.ISLANDED, ON, ON], 0, 20))
    again = Teller(teller.told, since_ms=NOW_MS + 20_000)
    silent = [SiteState.STALE] * 3
    assert play(again, *seconds(silent, 20, 49), *seconds([SiteState.ISLANDED, ON, ON], 49, 90)) == []


def test_a_silent_shelter_says_nothing_of_its_grid() -> None:
    teller = Teller({}, since_ms=START)
    play(teller, *seconds([SiteState.ISLANDED, ON, ON], 0, 10))
    told = play(teller, *seconds([SiteState.OFFLINE, ON, ON], 10, 60))
    assert [one.kind for one in told] == [NewsKind.SITE_SILENT]
    assert teller.told[f"site:{SITES[0].id}:grid"] == "islanded"


def test_hours_have_a_band_between_low_and_fine() -> None:
    teller = Teller({}, since_ms=START)
    told = play(
        teller,
        *seconds(ALL_ON, 0, 20, 5.9),
        *seconds(ALL_ON, 20, 40, 7.0),
        *seconds(ALL_ON, 40, 60, 5.0),
        *seconds(ALL_ON, 60, 80, 7.6),
    )
    assert [one.kind for one in told] == [NewsKind.HOURS_LOW] * 3 + [NewsKind.HOURS_OK] * 3
    assert told[0].values == {"hours": 5.9, "limit_h": 6.0}


STATES = st.lists(st.sampled_from(list(SiteState)), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STATES, st.integers(1, 40)), min_size=1, max_size=12), st.lists(st.integers(0, 11)))
def test_whatever_happens_what_is_told_in_the_end_is_how_the_city_is(
    story: list[tuple[list[SiteState], int]], restarts: list[int]
) -> None:
    teller = Teller({}, since_ms=START)
    second = 0
    seen: dict[tuple[str, str], NewsKind] = {}
    for at, (states, long_s) in enumerate(story):
        if at in restarts:
            teller = Teller(teller.told, since_ms=NOW_MS + second * 1_000)
        for news in play(teller, *seconds(states, second, second + long_s)):
            topic = (
                "grid" if news.kind in {NewsKind.ISLANDED, NewsKind.GRID_BACK} else news.kind.value.partition("_")[0]
            )
            assert seen.get((news.site, topic)) != news.kind, "told twice"
            seen[news.site, topic] = news.kind
        second += long_s
    last = story[-1][0]
    play(teller, *seconds(last, second, second + 80))
    end = city(last, NOW_MS + (second + 80) * 1_000)
    for fact in facts(end, teller.told, since_ms=teller.since_ms):
        assert teller.told.get(fact.key, QUIET[fact.key.rpartition(":")[2]]) == fact.word
    assert teller.differences(end) == ([], {})


def test_what_was_not_kept_is_told_at_the_next_look() -> None:
    teller = Teller({}, since_ms=START)
    fact = Fact(key="x:y", word="a", news=News(at_ms=1, kind=NewsKind.ALERT, severity=Severity.INFO))
    assert teller.tell([fact], 1_000)[0] == teller.tell([fact], 2_000)[0]
    teller.took({"x:y": "a"})
    assert teller.tell([fact], 3_000) == ([], {})
    assert teller.tell([replace(fact, word="b")], 4_000)[1] == {"x:y": "b"}
