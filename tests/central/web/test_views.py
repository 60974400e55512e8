"""What the pages say of the city and of a shelter, before any HTML."""

from __future__ import annotations

from dataclasses import replace

import pytest

from central.api.outlook import Outlook, add_up
from central.core.city import URGENCY, Fate, HoursNow, SiteState, Stretch
from central.core.orders import Outcome
from central.core.steering import SteeringNow
from central.web import citylist, cityview, siteview
from central.web.catalogue import CATALOGUES, Lang
from contract.steering import Mode
from tests.central.fake import DAY_MS, NOW_MS, FakeQueries

JA, EN = CATALOGUES[Lang.JA], CATALOGUES[Lang.EN]


def texts(queries: FakeQueries, outlook: Outlook | None = None) -> dict[tuple[str, str], str]:
    return cityview.city_texts(queries.now(), outlook, JA, "release")


def test_urgent_shelters_come_first_when_that_order_is_asked_for() -> None:
    queries = FakeQueries.of_city()
    found = citylist.ordered(queries.now().sites, texts(queries), citylist.Order.URGENCY)
    ranks = [URGENCY.index(now.state) for now in found]
    assert ranks == sorted(ranks)
    calm = [now.site.id for now in found if now.state is SiteState.ON_GRID]
    assert calm == sorted(calm)


def hours(p10_h: float | None, *, at_ms: int = NOW_MS) -> HoursNow:
    return HoursNow(at_ms=at_ms, p10_h=p10_h, p50_h=90.0, p90_h=90.0, horizon_h=72.0, says_ja="", says_en="")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "–"),
        (hours(None), "–"),
        (hours(5.0, at_ms=NOW_MS - citylist.HOURS_OLD_MS - 1), "–"),
        (hours(0.0), "0.0"),
        (hours(0.96), "0.9"),
        (hours(9.99), "9.9"),
        (hours(10.9), "10"),
        (hours(71.99), "71"),
        (hours(72.0), "72+"),
    ],
)
def test_a_shelter_is_never_promised_more_hours_than_were_worked_out(given: HoursNow | None, said: str) -> None:
    (now,) = FakeQueries.of_city(1).shelters.values()
    assert citylist.hours_words(replace(now, hours=given), NOW_MS) == said


def test_the_fewest_hours_come_first_and_the_unknown_last_but_there() -> None:
    queries = FakeQueries.of_city(5)
    for site, left in zip(queries.shelters, (hours(30.0), None, hours(72.0), hours(0.5), hours(9.0)), strict=True):
        queries.change(site, hours=left)
    found = citylist.ordered(queries.now().sites, texts(queries), citylist.Order.HOURS)
    assert [texts(queries)[now.site.id, "hours"] for now in found] == ["0.5", "9.0", "30", "72+", "–"]


@pytest.mark.parametrize(
    ("steering", "key", "said"),
    [
        (SteeringNow(), "unknown", "–"),
        (SteeringNow(mode=Mode.NORMAL, claimed=Mode.NORMAL), "normal", "通常"),
        (SteeringNow(mode=Mode.BACKUP, claimed=Mode.BACKUP), "backup", "非常用 ✓"),
        (SteeringNow(claimed=Mode.BACKUP), "unproven", "非常用？未確認"),
        (SteeringNow(mode=Mode.NORMAL, claimed=Mode.NORMAL, wanted=Mode.BACKUP), "unproven", "通常→非常用"),
        (SteeringNow(wanted=Mode.BACKUP, outcome=Outcome.NO_ANSWER), "unproven", "→非常用"),
        (
            SteeringNow(mode=Mode.BACKUP, claimed=Mode.BACKUP, wanted=Mode.BACKUP, outcome=Outcome.OBEYS),
            "backup",
            "非常用 ✓",
        ),
        (
            SteeringNow(mode=Mode.NORMAL, wanted=Mode.BACKUP, is_drill=True, outcome=Outcome.DRILLED),
            "normal",
            "通常",
        ),
        (
            SteeringNow(mode=Mode.NORMAL, wanted=Mode.BACKUP, is_drill=True, outcome=Outcome.UNDERWAY),
            "unproven",
            "通常→非常用【訓練】",
        ),
    ],
)
def test_a_mode_is_said_only_as_far_as_it_is_proven(steering: SteeringNow, key: str, said: str) -> None:
    assert citylist.mode_key(steering) == key
    assert citylist.mode_words(steering, JA) == said
    (now,) = FakeQueries.of_city(1).shelters.values()
    shelters = [replace(now, steering=steering)]
    assert {mode: n for mode, n in citylist.count_modes(shelters).items() if n} == {key: 1}


def test_of_the_shelters_without_grid_the_emptiest_battery_is_looked_at_first() -> None:
    queries = FakeQueries.of_city(4)
    for site, soc_pct in zip(queries.shelters, (60.0, None, 12.0, 35.0), strict=True):
        queries.change(site, state=SiteState.ISLANDED, soc_pct=soc_pct)
    charges = [now.soc_pct for now in cityview.look_first(queries.now().sites, queries.at_ms)]
    assert charges == [12.0, 35.0, 60.0, None]
    assert texts(queries)["city", "u0_ward"].endswith("区 · 12 %")


def test_of_the_shelters_without_grid_the_fewest_hours_come_before_the_emptiest_battery() -> None:
    queries = FakeQueries.of_city(4)
    for site, soc_pct, p10_h in zip(queries.shelters, (12.0, 77.0, 50.0, 40.0), (9.0, 0.4, None, 72.0), strict=True):
        hours = HoursNow(
            at_ms=queries.at_ms, p10_h=p10_h, p50_h=None, p90_h=None, horizon_h=72.0, says_ja="", says_en=""
        )
        queries.change(site, state=SiteState.ISLANDED, soc_pct=soc_pct, hours=hours)
    charges = [now.soc_pct for now in cityview.look_first(queries.now().sites, queries.at_ms)]
    assert charges == [77.0, 12.0, 40.0, 50.0], "72 hours or more, then unknown"
    assert texts(queries)["city", "u0_ward"].endswith("区 · あと0.4時間 · 77 %")


def test_a_ward_is_named_shortly_in_english() -> None:
    (now,) = FakeQueries.of_city(1).shelters.values()
    named = replace(now, site=replace(now.site, ward_en="Chuo Ward"))
    assert cityview.ward_of(named, Lang.EN) == "Chuo"
    assert cityview.ward_of(replace(now, site=replace(now.site, ward_en="")), Lang.EN) == "中央区"
    assert citylist.matches(named, citylist.Chosen(ward="Chuo Ward"))


def test_the_headline_counts_what_needs_attention() -> None:
    queries = FakeQueries.of_city()
    assert texts(queries)["city", "headline"] == "182か所のうち7か所に注意が必要です"
    calm = FakeQueries.of_city(5)
    assert texts(calm)["city", "headline"] == "5か所すべて平常です"
    assert texts(calm)["city", "level"] == "calm"
    assert texts(FakeQueries())["city", "headline"] == "登録された避難所がありません"


def test_a_total_of_nothing_is_a_dash_and_says_of_how_many() -> None:
    queries = FakeQueries.of_city(3)
    for site in queries.shelters:
        queries.change(site, pv_w=None, soc_pct=None, stored_wh=None, battery_w=None)
    said = texts(queries)
    assert said["city", "pv"] == said["city", "stored"] == said["city", "fill"] == said["city", "battery"] == "–"
    assert said["city", "pv_of"] == "3か所中0か所の合計"
    assert said["city", "load_of"] == "3か所中3か所の合計"


def test_the_city_is_as_full_as_its_energy_not_as_the_mean_of_percents() -> None:
    queries = FakeQueries.of_city(2)
    small, large = queries.shelters
    queries.change(small, soc_pct=100.0, stored_wh=10_000.0)
    queries.change(large, soc_pct=10.0, stored_wh=9_000.0)
    assert cityview.fill_pct(queries.now().sites) == pytest.approx(19_000 / 100_000 * 100)


def test_an_empty_battery_counts_with_its_registered_capacity() -> None:
    queries = FakeQueries.of_city(1)
    (site,) = queries.shelters
    queries.change(site, soc_pct=0.0, stored_wh=0.0)
    assert cityview.fill_pct(queries.now().sites) == 0.0


def test_the_promise_names_each_fate_and_why_data_was_lost() -> None:
    outlook = add_up(
        [
            [
                Stretch(from_ms=0, to_ms=DAY_MS * 9 // 10, fate=Fate.ARRIVED),
                Stretch(from_ms=DAY_MS * 9 // 10, to_ms=DAY_MS, fate=Fate.LOST, reason="disk_full"),
            ]
        ],
        from_ms=0,
        to_ms=DAY_MS,
    )
    said = texts(FakeQueries.of_city(1), outlook)
    assert said["city", "p_arrived"] == "90.0 %"
    assert said["city", "p_waiting"] == "0 %"
    assert said["city", "promise_lost_by"] == "欠測の内訳: ディスクの空きなし 10.0 %"
    places = [said["city", f"pb_{fate.value}"].split() for fate in Fate]
    assert sum(float(width) for _, width in places) == pytest.approx(100)


def test_the_time_before_a_shelter_s_first_data_counts_for_nothing() -> None:
    stretches = [
        Stretch(from_ms=0, to_ms=DAY_MS // 2, fate=Fate.NOT_MEASURED, reason="before_first"),
        Stretch(from_ms=DAY_MS // 2, to_ms=DAY_MS, fate=Fate.ARRIVED),
    ]
    outlook = add_up([stretches], from_ms=0, to_ms=DAY_MS)
    assert (outlook.share(Fate.ARRIVED), outlook.share(Fate.NOT_MEASURED)) == (1.0, 0.0)


def test_before_the_first_outlook_the_page_says_that_it_is_being_made() -> None:
    assert texts(FakeQueries.of_city(1))["city", "promise_at"] == "集計しています。"


def test_a_shelter_below_its_reserve_says_so() -> None:
    queries = FakeQueries.of_city(1)
    (site,) = queries.shelters
    now = queries.shelters[site]
    below = siteview.site_texts(replace(now, soc_pct=12.0, reserve_pct=30.0), NOW_MS, JA, "r")
    above = siteview.site_texts(replace(now, soc_pct=30.0, reserve_pct=30.0), NOW_MS, JA, "r")
    assert below[site, "reserve_short"] == "非常用の確保量を下回っています"
    assert above[site, "reserve_short"] == ""


def test_a_shelter_that_is_cut_off_shows_its_last_charge_with_its_time() -> None:
    queries = FakeQueries.of_city(60)
    now = next(one for one in queries.shelters.values() if one.state is SiteState.OFFLINE)
    said = siteview.site_texts(now, NOW_MS, EN, "r")
    assert said[now.site.id, "soc"] == "–"
    assert said[now.site.id, "last_soc"] == "Last known charge 81.0 % (24 Nov 11:40:05)"
    assert said["inverter/battery.soc_pct", "quality"] == "Stale"


def test_a_shelter_that_was_never_heard_of_has_words_for_that() -> None:
    queries = FakeQueries.of_city(140)
    now = next(one for one in queries.shelters.values() if one.state is SiteState.NEVER_SEEN)
    said = siteview.site_texts(now, NOW_MS, EN, "r")
    assert said[now.site.id, "agent"] == "It has not been heard of yet."
    assert said[now.site.id, "pv"] == "–"


@pytest.mark.parametrize("lang", Lang)
def test_the_same_things_change_in_both_languages(lang: Lang) -> None:
    queries = FakeQueries.of_city(30)
    keys = cityview.city_texts(queries.now(), None, CATALOGUES[lang], "r").keys()
    assert keys == texts(queries).keys()
