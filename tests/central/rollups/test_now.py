"""The city as rows, and what happened in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from central.core.city import CityNow, HoursNow, Site, SiteNow, SiteState
from central.core.news import News, NewsKind, Severity
from central.core.rollups.events import WORDS, began_row, daily_row, event_rows
from central.core.rollups.now import now_rows
from central.core.rollups.rows import MODE_CODES, STATE_CODES, Series
from central.core.steering import SteeringNow
from central.store.influx_rollups import line_of
from contract.messages import OutboxStatus, Status
from contract.steering import Mode

NOW = 1_795_489_805_000
SITE = Site(id="E0000000001111", name="（合成）第1小学校", ward="中央区", latitude=35.6, longitude=140.1)
OTHER = replace(SITE, id="E0000000002111", name="（合成）第2小学校", ward="")


def hours(p10_h: float | None) -> HoursNow:
    return HoursNow(at_ms=NOW, p10_h=p10_h, p50_h=None, p90_h=None, horizon_h=72, says_ja="", says_en="")


def city(*sites: SiteNow) -> CityNow:
    counts = {state: sum(now.state is state for now in sites) for state in SiteState}
    return CityNow(at_ms=NOW, sites=sites, counts=counts, pv_w=1.0, load_w=2.0, grid_w=3.0, stored_wh=4.0)


def test_a_shelter_s_row_says_what_the_page_says() -> None:
    outbox = OutboxStatus(epoch="e", next_seq=9, waiting=3, bytes=500, bytes_max=1_000)
    now = SiteNow(
        site=SITE,
        state=SiteState.ISLANDED,
        last_reading_ms=NOW - 4_000,
        load_w=1_500.0,
        soc_pct=29.0,
        reserve_pct=30.0,
        devices_dark=("relay",),
        status=Status(online=True, outbox=outbox),
        steering=SteeringNow(mode=Mode.BACKUP),
        hours=hours(5.5),
    )
    row, whole = now_rows(city(now), at_ms=NOW)
    assert (row.series, row.at_ms, row.tags["site"]) == (Series.SITE_NOW, NOW // 60_000 * 60_000, SITE.id)
    assert row.fields == {
        "state": 1,
        "mode": 2,
        "heard": 1,
        "islanded": 1,
        "urgent": 1,
        "fault": 0,
        "dark_devices": 1,
        "load_w": 1_500.0,
        "soc_pct": 29.0,
        "reserve_pct": 30.0,
        "age_s": 4.0,
        "hours_p10_h": 5.5,
        "latitude": 35.6,
        "longitude": 140.1,
        "outbox_entries": 3,
        "outbox_pct": 50.0,
        "order_open": 0,
        "order_overdue": 0,
    }
    assert (whole.fields["below_reserve"], whole.fields["islanded_low"]) == (1, 1)
    assert whole.fields["mode_backup"] == 1
    assert (whole.fields["hours_p10_min_h"], whole.fields["hours_p10_min_site"]) == (5.5, SITE.name)


def test_few_hours_are_urgent_only_where_the_grid_is_gone() -> None:
    on_grid = SiteNow(site=SITE, state=SiteState.ON_GRID, hours=hours(0.5))
    enough = SiteNow(site=OTHER, state=SiteState.ISLANDED, hours=hours(6.0))
    first, second, whole = now_rows(city(on_grid, enough), at_ms=NOW)
    assert (first.fields["urgent"], second.fields["urgent"], whole.fields["islanded_low"]) == (0, 0, 0)
    assert whole.fields["hours_p10_min_h"] == 0.5


def test_the_city_counts_every_state_and_mode_also_those_that_nobody_is_in() -> None:
    silent = SiteNow(site=SITE, state=SiteState.OFFLINE)
    well = SiteNow(site=OTHER, state=SiteState.ON_GRID, steering=SteeringNow(mode=Mode.NORMAL))
    *_, whole = now_rows(city(silent, well), at_ms=NOW)
    assert whole.fields["sites"] == 2
    assert (whole.fields["heard"], whole.fields["silent"]) == (1, 1)
    assert {name for name in whole.fields if name.startswith("state_")} == {f"state_{one}" for one in SiteState}
    assert {name for name in whole.fields if name.startswith("mode_")} == {
        "mode_unproven",
        *(f"mode_{mode}" for mode in Mode),
    }
    assert (whole.fields["mode_normal"], whole.fields["mode_unproven"]) == (1, 1)
    assert "hours_p10_min_h" not in whole.fields, "what nobody knows is no number"


def test_every_state_mode_and_kind_of_news_has_a_code_or_a_word() -> None:
    assert STATE_CODES.keys() == set(SiteState)
    assert MODE_CODES.keys() == set(Mode)
    assert WORDS.keys() == set(NewsKind)
    assert len({*STATE_CODES.values()}) == len(STATE_CODES)


@pytest.mark.parametrize("is_drill", [False, True])
def test_an_event_says_what_where_and_whether_it_is_a_drill(is_drill: bool) -> None:
    news = News(
        at_ms=NOW,
        kind=NewsKind.MODE_PROVEN,
        severity=Severity.WARNING,
        site=SITE.id,
        is_drill=is_drill,
        values={"mode": "backup", "by": "somebody"},
    )
    (row,) = event_rows([news], {SITE.id: SITE})
    assert row.fields["text"] == ("【訓練】" if is_drill else "") + "モードを動作で確認しました：非常用"
    assert row.tags["label"].startswith(SITE.name)
    assert (row.tags["kind"], row.tags["severity"]) == ("mode_proven", "注意")
    assert "somebody" not in str(row), "who it was stands in the book"


def test_what_concerns_no_shelter_has_the_city_for_a_place_and_no_empty_tag() -> None:
    incident = News(at_ms=NOW, kind=NewsKind.INCIDENT_CONFIRMED, severity=Severity.CRITICAL, incident="I-1")
    gone = News(at_ms=NOW, kind=NewsKind.ISLANDED, severity=Severity.WARNING, site="E0000000099111", ward="緑区")
    rows = [*event_rows([incident, gone], {}), began_row(NOW)]
    assert [row.tags["site"] for row in rows] == ["city"] * 3
    assert [row.tags["ward"] for row in rows] == ["全市", "緑区", "全市"]
    (row, _) = now_rows(city(SiteNow(site=OTHER, state=SiteState.NEVER_SEEN)), at_ms=NOW)
    assert all([*row.tags.values(), *(value for one in rows for value in one.tags.values())])


def test_a_name_that_no_tag_can_carry_does_not_stop_the_others() -> None:
    odd = replace(SITE, name="第1\n小学校\\ ", ward="\t")
    row, _ = now_rows(city(SiteNow(site=odd, state=SiteState.ON_GRID)), at_ms=NOW)
    assert (row.tags["name"], row.tags["ward"]) == ("第1 小学校", "-")
    assert line_of(row).startswith("site_now,label=第1\\ 小学校（E0000000001111）,name=第1\\ 小学校,site=")


def test_a_quiet_day_leaves_a_line() -> None:
    row = daily_row(city(SiteNow(site=SITE, state=SiteState.ON_GRID), SiteNow(site=OTHER, state=SiteState.STALE)), NOW)
    assert row.fields["text"] == "日報：2か所中 応答1、停電・自立運転0、機器異常0"
