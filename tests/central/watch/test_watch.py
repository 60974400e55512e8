"""The watch over real records: kept, told once, also over a restart; who took care of what stands in the book."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from central.core.audit import Action
from central.core.city import PointNow, SiteState
from central.core.news import NewsKind
from central.core.watch.alerts import AlertError, StepKind
from central.store.watch import KEPT_MS
from contract.messages import ClockState, OutboxStatus
from contract.readings import Quality
from tests.central.fake import DAY_MS, HOUR_MS, NOW_MS
from tests.central.watch.house import MINUTE_MS, Post, calm_city, post

NIGHT_MS = NOW_MS + 8 * HOUR_MS
"""20:10 in Tokyo, in November."""


def point(name: str, value: float, at_ms: int = NOW_MS) -> PointNow:
    return PointNow("inverter", name, value, Quality.GOOD, at_ms)


async def look(here: Post) -> dict[str, object]:
    """What rules see of the first shelter, without what is not known."""
    await here.watch.look()
    assert here.watch.seen is not None
    first = next(iter(here.watch.seen.readings.values()))
    return {name: value for name in first.__slots__ if (value := getattr(first, name)) is not None}


# --- What is gathered -------------------------------------------------------------------------------------------------


async def test_a_calm_city_has_no_alert_and_its_readings_are_what_devices_say(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        seen = await look(here)
        assert here.open == []
        assert (seen["silent_min"], seen["faults"], seen["link_drops"]) == (0, 0, 0)
        assert (seen["soc_pct"], seen["reserve_pct"], seen["is_sun_up"], seen["is_islanded"]) == (80, 30, True, False)
        assert seen["outbox_pct"] == pytest.approx(100 * 1_310_720 / 268_435_456)
        assert "soh_pct" not in seen
        assert "demand_w" not in seen
        assert "certificate_days" not in seen


async def test_health_and_clocks_come_from_the_devices_points(tmp_path: Path) -> None:
    city = calm_city()
    first, now = next(iter(city.shelters.items()))
    told = (point("battery.soh_pct", 66.0), point("inverter.clock_s", NOW_MS / 1_000 - 600))
    city.change(first, points=(*now.points, *told))
    async with post(tmp_path, city) as here:
        seen = await look(here)
        assert seen["soh_pct"] == 66
        assert seen["clock_off_s"] == pytest.approx(600)
        stale = tuple(replace(one, quality=Quality.STALE) for one in told)
        city.change(first, points=(*now.points, *stale), last_reading_ms=NOW_MS + 400_000)
        seen = await look(here)
        assert "soh_pct" not in seen
        assert seen["clock_off_s"] == pytest.approx(400)


async def test_a_silent_shelter_says_nothing_of_its_devices(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        first = next(iter(here.queries.shelters))
        here.silence(first)
        here.queries.at_ms += 7 * MINUTE_MS
        seen = await look(here)
        assert seen["silent_min"] == 7
        assert not {"outbox_pct", "clock_off_s", "is_clock_unknown", "soh_pct", "is_islanded"} & set(seen)


async def test_the_greater_reserve_counts_for_a_device_may_have_lost_its_setting(tmp_path: Path) -> None:
    city = calm_city()
    first = next(iter(city.shelters))
    city.change(first, reserve_pct=5.0, soc_pct=20.0)
    city.at_ms = NIGHT_MS
    for site in city.shelters:
        city.change(site, last_reading_ms=NIGHT_MS)
    async with post(tmp_path, city) as here:
        assert (await look(here))["reserve_pct"] == 30
        await here.live(40)
        assert here.open == [f"reserve site {first}"]
        city.change(first, reserve_pct=50.0)
        assert (await look(here))["reserve_pct"] == 50


async def test_targets_certificates_and_outboxes_lead_to_their_alerts(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        one, two, three, *_ = here.queries.shelters
        here.told.targets_w[one] = 20_000.0
        here.told.demands_w[one] = 19_500.0
        here.told.ends[two] = NOW_MS + 5 * DAY_MS
        status = here.queries.shelters[three].status
        assert status is not None
        full = OutboxStatus(
            epoch="k3x9", next_seq=9, waiting=9, oldest_ms=NOW_MS - 20 * HOUR_MS, bytes=60, bytes_max=100
        )
        here.queries.change(three, status=msgspec.structs.replace(status, outbox=full, clock=ClockState.UNKNOWN))
        await here.live(70)
        assert here.open == sorted(
            [f"demand site {one}", f"certificate site {two}", f"outbox site {three}", f"clock site {three}"]
        )
        found = {alert.family.value: [each.rule for each in alert.evidence] for alert in here.watch.alerts}
        assert found["demand"] == ["demand-95", "demand-90"]
        assert found["certificate"] == ["certificate-7", "certificate-30"]
        assert found["outbox"] == ["outbox-filling", "outbox-old"]


async def test_a_dead_inverter_is_found_the_same_day(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        first = next(iter(here.queries.shelters))
        here.queries.change(first, pv_w=0.0)
        await here.live(95)
        assert here.open == [f"pv site {first}"]
        (alert,) = here.watch.alerts
        assert [each.rule for each in alert.evidence] == ["pv-dead"]


async def test_a_plant_that_may_not_feed_in_and_is_full_is_no_dead_one(tmp_path: Path) -> None:
    """Four plants give nothing: one is full without export, one says that it is limited, one buys, one is not full."""
    city = calm_city()
    full, limited, buying, empty, *_ = city.shelters
    for site, soc_pct, grid_w in ((full, 100.0, 120.0), (limited, 80.0, 2_500.0), (buying, 99.0, 4_000.0)):
        city.change(site, pv_w=0.0, soc_pct=soc_pct, grid_w=grid_w)
    city.change(empty, pv_w=0.0, soc_pct=60.0, grid_w=90.0)
    own = [replace(one, value=5.0) if one.point == "inverter.state" else one for one in city.shelters[limited].points]
    city.change(limited, points=tuple(own))
    async with post(tmp_path, city) as here:
        await here.live(95)
        assert here.open == sorted([f"pv site {buying}", f"pv site {empty}"])


async def test_repeated_faults_are_counted_over_a_restart(tmp_path: Path) -> None:
    city = calm_city()
    first = next(iter(city.shelters))
    for _ in range(2):
        async with post(tmp_path, city) as here:
            for _ in range(2):
                city.change(first, state=SiteState.FAULT)
                await here.live(2)
                city.change(first, state=SiteState.ON_GRID)
                await here.live(2)
    async with post(tmp_path, city) as here:
        assert here.open == [f"faults site {first}"]
        assert here.watch.alerts[0].evidence[0].value == 3


# --- The service's own troubles ---------------------------------------------------------------------------------------


async def test_a_dead_broker_is_one_alert_and_after_it_shelters_have_time_to_be_heard(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        here.ready["mqtt"] = "connection refused"
        here.silence(*here.queries.shelters)
        await here.live(45)
        assert here.open == ["service service"]
        here.ready["mqtt"] = "ok"
        await here.live(5)
        assert here.open == [], "nobody passes for silent because of what the broker did"
        here.wake(*here.queries.shelters)
        await here.live(20)
        assert here.open == []
        assert len(await here.records.alerts.newest()) == 1


async def test_a_store_that_is_away_is_the_services_alert(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        here.ready["store"] = "disk full"
        await here.live(7)
        assert here.open == ["service service"]


async def test_after_a_start_nobody_passes_for_silent_at_once(tmp_path: Path) -> None:
    city = calm_city()
    for site in city.shelters:
        city.change(site, state=SiteState.OFFLINE, last_reading_ms=NOW_MS - DAY_MS)
    async with post(tmp_path, city) as here:
        await here.live(8)
        assert here.open == []
        await here.live(6)
        assert here.open == ["link ward 中央区"], "a city of one ward"


# --- Kept and told ----------------------------------------------------------------------------------------------------


async def test_alerts_survive_a_restart_and_are_told_once(tmp_path: Path) -> None:
    city = calm_city()
    first = next(iter(city.shelters))
    async with post(tmp_path, city) as here:
        here.silence(first)
        await here.live(15)
        assert here.open == [f"link site {first}"]
        await here.watch.acknowledge(1, by="田中", until_ms=0, why="業者に連絡")
    async with post(tmp_path, city) as here:
        (alert,) = here.watch.alerts
        assert alert.ack is not None
        assert (alert.ack.by, alert.ack.why) == ("田中", "業者に連絡")
        await here.live(3)
        assert here.open == [f"link site {first}"]
        here.wake(first)
        await here.live(5)
        assert here.open == []
        told = [one for one in await here.newsroom.after(0) if one.kind in {NewsKind.ALERT, NewsKind.ALERT_OVER}]
        assert [(one.kind, one.site) for one in told] == [(NewsKind.ALERT, first), (NewsKind.ALERT_OVER, first)]
        steps = await here.records.alerts.steps(1)
        assert [step.kind for step in steps] == [StepKind.RAISED, StepKind.ACKED, StepKind.RESOLVED]
        assert [step.n for step in steps] == sorted(step.n for step in steps)


async def test_what_was_kept_and_not_told_is_told_after_a_restart(tmp_path: Path) -> None:
    city = calm_city()
    first = next(iter(city.shelters))
    async with post(tmp_path, city) as here:
        here.silence(first)
        await here.live(15)
        await here.records.alerts.told(0)
    async with post(tmp_path, city) as here:
        await here.live(1)
        told = [one for one in await here.newsroom.after(0) if one.kind is NewsKind.ALERT]
        assert len(told) == 2, "told again rather than never"
        assert await here.records.alerts.untold() == []


async def test_timers_that_cannot_be_read_begin_anew_and_alerts_stay(tmp_path: Path) -> None:
    city = calm_city()
    first = next(iter(city.shelters))
    async with post(tmp_path, city) as here:
        here.silence(first)
        await here.live(15)
        await here.records.note("watch.memory", "{")
    async with post(tmp_path, city) as here:
        await here.live(2)
        assert [alert.n for alert in here.watch.alerts] == [1]


async def test_a_look_that_fails_changes_nothing_says_why_and_the_next_one_is_as_good_as_new(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        first = next(iter(here.queries.shelters))
        here.silence(first)
        await here.live(9)
        here.queries.at_ms += 10 * MINUTE_MS
        whole = here.queries.shelters.pop(first)
        here.queries.shelters[first] = "no shelter"  # type: ignore[assignment]
        await here.watch.try_look()
        assert "no shelter" in here.watch.trouble or "str" in here.watch.trouble
        assert here.open == []
        here.queries.shelters[first] = whole
        await here.watch.try_look()
        assert here.watch.trouble == ""
        await here.live(3)
        assert here.open == [f"link site {first}"]


async def test_what_is_over_for_long_is_let_go(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        first = next(iter(here.queries.shelters))
        here.silence(first)
        await here.live(15)
        here.wake(first)
        await here.live(5)
        assert len(await here.records.alerts.newest()) == 1
        here.queries.at_ms += KEPT_MS + DAY_MS
        here.wake(*here.queries.shelters)
        await here.live(1)
        assert await here.records.alerts.newest() == []
        assert await here.records.alerts.steps(1) == []


# --- People -----------------------------------------------------------------------------------------------------------


async def test_what_people_decide_stands_in_the_book(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        first = next(iter(here.queries.shelters))
        here.silence(first)
        await here.live(15)
        await here.watch.acknowledge(1, by="田中", until_ms=here.queries.at_ms + HOUR_MS)
        done = await here.watch.resolve(1, by="佐藤", why="停電工事")
        assert (done.resolved_by, done.why) == ("佐藤", "停電工事")
        entries = [entry.decision for entry in await here.records.decisions.book()]
        assert [(one.action, one.by, one.site) for one in entries] == [
            (Action.ALERT_ACKED, "田中", first),
            (Action.ALERT_RESOLVED, "佐藤", first),
        ]
        assert entries[1].why == "停電工事"
        assert entries[0].detail["alert"] == "A1"
        await here.live(30)
        assert here.open == []


async def test_what_is_not_there_or_over_cannot_be_acknowledged(tmp_path: Path) -> None:
    async with post(tmp_path) as here:
        with pytest.raises(LookupError):
            await here.watch.acknowledge(7, by="田中", until_ms=0)
        here.silence(next(iter(here.queries.shelters)))
        await here.live(15)
        with pytest.raises(AlertError, match="say why"):
            await here.watch.resolve(1, by="田中", why="")
        assert await here.records.decisions.book() == []
