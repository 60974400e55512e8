"""The live view: states, figures, and never a stale number that looks fresh."""

from __future__ import annotations

import pytest

from central.core.city import Site, SiteState
from central.core.live import LiveView
from central.core.runs import hole_limit_ms
from central.store.base import StoreRow
from contract.messages import DeviceStatus, OutboxStatus, Status
from contract.readings import Quality

NOW = 1_790_000_000_000
ID = "E0000000001111"
SITE = Site(id=ID, name="学校", ward="中央区", latitude=35.6, longitude=140.1, battery_kwh=10)


def row(device: str, at_ms: int = NOW, bad: str = "", **values: float | None) -> StoreRow:
    points = tuple(name.replace("__", ".") for name in values)
    return StoreRow(ID, device, at_ms, points, tuple(values.values()), bad)


def inverter(at_ms: int = NOW, **more: float | None) -> StoreRow:
    values: dict[str, float | None] = {
        "pv__power_w": 3_000.0,
        "battery__power_w": -1_000.0,
        "battery__soc_pct": 50.0,
        "inverter__state": 4.0,
        "inverter__islanded": 0.0,
        "grid__power_w": 111.0,
    }
    return row("inverter", at_ms, **(values | more))


def view(*rows: StoreRow, status: Status | None = None, received_ms: int = NOW) -> LiveView:
    live = LiveView()
    live.set_sites([SITE])
    live.update(rows)
    if status is not None:
        live.set_status(ID, status, received_ms)
    return live


def state(live: LiveView, now_ms: int = NOW) -> SiteState:
    found = live.site(ID, now_ms)
    assert found is not None
    return found.state


def online(**more: object) -> Status:
    return Status(online=True, at_ms=NOW, interval_s=5, **more)  # type: ignore[arg-type]


def test_a_registered_shelter_appears_before_it_was_ever_heard() -> None:
    city = view().city(NOW)
    assert [shelter.state for shelter in city.sites] == [SiteState.NEVER_SEEN]
    assert city.counts == {SiteState.NEVER_SEEN: 1}


def test_readings_of_a_shelter_that_is_not_registered_are_not_shown() -> None:
    live = view(inverter())
    live.set_sites([])
    assert live.city(NOW).sites == ()
    assert live.site(ID, NOW) is None


@pytest.mark.parametrize(
    ("rows", "status", "wanted"),
    [
        ([inverter()], online(), SiteState.ON_GRID),
        ([inverter()], None, SiteState.ON_GRID),
        ([inverter(inverter__islanded=1.0)], online(), SiteState.ISLANDED),
        ([inverter(inverter__state=7.0)], online(), SiteState.ISLANDED),
        ([inverter(inverter__state=6.0)], online(), SiteState.FAULT),
        ([inverter(inverter__islanded=1.0, inverter__state=6.0)], online(), SiteState.ISLANDED),
        ([inverter(NOW - 16_000, inverter__islanded=1.0)], online(), SiteState.STALE),
        ([inverter(), row("meter", NOW, "t", grid__power_w=None)], online(), SiteState.FAULT),
        ([inverter()], online(devices=[DeviceStatus(id="relay", profile="relay", online=False)]), SiteState.FAULT),
        ([inverter(NOW - 100)], Status(online=False), SiteState.OFFLINE),
        ([inverter(NOW + 100)], Status(online=False), SiteState.ON_GRID),
        ([], online(), SiteState.STALE),
        ([], Status(online=False), SiteState.OFFLINE),
    ],
)
def test_state(rows: list[StoreRow], status: Status | None, wanted: SiteState) -> None:
    assert state(view(*rows, status=status)) is wanted


def test_staleness_follows_the_interval_of_the_site() -> None:
    live = view(inverter(), status=Status(online=True, at_ms=NOW, interval_s=60))
    assert state(live, NOW + 180_000) is SiteState.ON_GRID
    assert state(live, NOW + 180_001) is SiteState.STALE


def test_a_stale_reading_is_no_number() -> None:
    found = view(inverter(NOW - 16_000)).site(ID, NOW)
    assert found is not None
    assert (found.pv_w, found.soc_pct, found.stored_wh) == (None, None, None)
    assert {point.quality for point in found.points} == {Quality.STALE}
    assert found.last_reading_ms == NOW - 16_000


def test_slow_points_are_fresh_until_their_second_row_is_due() -> None:
    """After a start nobody knows yet how seldom they come, and the reserve must not read "unknown" for a minute."""
    slow = row("inverter", NOW - 50_000, battery__reserve_soc_pct=30.0)
    found = view(slow, inverter(NOW - 50_000), inverter(NOW)).site(ID, NOW)
    assert found is not None
    assert found.reserve_pct == 30.0
    late = view(slow, inverter(NOW), inverter(NOW + 50_000)).site(ID, NOW + 50_000)
    assert late is not None
    assert late.reserve_pct is None, "its next row is overdue"
    silent = view(slow, inverter(NOW - 45_000)).site(ID, NOW)
    assert silent is not None
    assert silent.reserve_pct is None, "never fresher than its device"


def test_slow_points_are_fresh_for_three_of_their_own_pauses() -> None:
    slow = [row("inverter", NOW - 70_000 + 60_000 * n, battery__reserve_soc_pct=30.0) for n in range(2)]
    live = view(inverter(), *slow)
    assert live.site(ID, NOW).reserve_pct == 30.0  # type: ignore[union-attr]
    live.update([inverter(NOW + 175_000)])
    assert live.site(ID, NOW + 175_000).reserve_pct is None  # type: ignore[union-attr]


def test_a_silent_shelter_has_no_fresh_value_of_any_kind() -> None:
    whole = {"battery__reserve_soc_pct": 30.0}
    live = view(*(inverter(NOW - 60_000 * n, **whole) for n in (1, 0)), inverter(NOW - 5_000))
    assert live.site(ID, NOW + 15_000).pv_w == 3_000.0  # type: ignore[union-attr]
    found = live.site(ID, NOW + 15_001)
    assert found is not None
    assert (found.state, found.pv_w, found.reserve_pct) == (SiteState.STALE, None, None)


def test_a_silent_device_has_no_fresh_value_while_its_neighbours_go_on() -> None:
    live = view(inverter(NOW - 16_000), row("meter", grid__power_w=5.0))
    found = live.site(ID, NOW)
    assert found is not None
    assert (found.pv_w, found.grid_w) == (None, 5.0)


def test_a_late_row_does_not_push_out_a_newer_one() -> None:
    live = view(inverter(), inverter(NOW - 60_000, pv__power_w=1.0))
    assert live.site(ID, NOW).pv_w == 3_000.0  # type: ignore[union-attr]


def test_load_comes_from_the_site_and_grid_from_the_meter() -> None:
    live = view(inverter(load__power_w=1.0), row("meter", grid__power_w=500.0), row("site", load__power_w=2_500.0))
    found = live.site(ID, NOW)
    assert found is not None
    assert (found.load_w, found.grid_w) == (2_500.0, 500.0)
    assert live.device_with(ID, "load.power_w") == "site"
    assert live.device_with(ID, "grid.frequency_hz") is None


def test_without_its_meter_the_inverters_own_grid_power_serves() -> None:
    live = view(inverter(), row("meter", NOW, "t", grid__power_w=None))
    assert live.site(ID, NOW).grid_w == 111.0  # type: ignore[union-attr]
    assert live.site(ID, NOW).devices_dark == ("meter",)  # type: ignore[union-attr]


def test_several_inverters_add_up_or_give_no_number() -> None:
    both = view(inverter(), row("inverter2", pv__power_w=500.0))
    assert both.site(ID, NOW).pv_w == 3_500.0  # type: ignore[union-attr]
    one = view(inverter(), row("inverter2", NOW, "t", pv__power_w=None))
    assert one.site(ID, NOW).pv_w is None  # type: ignore[union-attr]


def test_stored_energy_is_soc_times_capacity() -> None:
    assert view(inverter()).site(ID, NOW).stored_wh == 5_000.0  # type: ignore[union-attr]
    own = view(inverter(), row("inverter", NOW - 50_000, battery__capacity_wh=8_000.0))
    assert own.site(ID, NOW).stored_wh == 4_000.0  # type: ignore[union-attr]


def test_a_last_will_keeps_what_was_known() -> None:
    box = OutboxStatus(epoch="a", next_seq=9, waiting=3)
    live = view(inverter(), status=online(outbox=box))
    kept = live.set_status(ID, Status(online=False), NOW + 1)
    assert (kept.online, kept.outbox, kept.interval_s) == (False, box, 5)


def test_each_gap_has_its_reason() -> None:
    live = view(row("inverter", NOW, "pv.power_w=n", pv__power_w=None, battery__soc_pct=5.0))
    found = live.site(ID, NOW)
    assert found is not None
    assert [(point.point, point.quality) for point in found.points] == [
        ("battery.soc_pct", Quality.GOOD),
        ("pv.power_w", Quality.NOT_AVAILABLE),
    ]


def test_totals_say_of_how_many_shelters_they_are() -> None:
    live = view(inverter())
    live.set_sites([SITE, Site(id="E0000000002111", name="b", ward="w", latitude=35, longitude=140)])
    city = live.city(NOW)
    assert (city.pv_w, city.stored_wh) == (3_000.0, 5_000.0)
    assert city.reporting == {"pv_w": 1, "load_w": 0, "grid_w": 1, "stored_wh": 1}


def test_the_city_is_worked_out_once_a_second() -> None:
    live = view(inverter())
    assert live.city(NOW) is live.city(NOW + 999)
    assert live.city(NOW + 1_000) is not live.city(NOW)


def test_every_shelter_of_the_city_is_counted_once() -> None:
    sites = [Site(id=f"E0000000{n:03}111", name="x", ward="w", latitude=35, longitude=140) for n in range(182)]
    live = LiveView()
    live.set_sites(sites)
    for site in sites:
        for device in ("inverter", "meter", "relay", "site"):
            found = inverter()
            live.update([StoreRow(site.id, device, NOW, found.points, found.values)])
    assert live.city(NOW).counts == {SiteState.ON_GRID: 182}


def test_a_shelter_whose_clock_is_fast_grows_stale_as_soon_as_any_other() -> None:
    live = view()
    live.update([inverter(NOW + 240_000, inverter__islanded=1.0)], NOW)
    assert state(live, NOW + 15_000) is SiteState.ISLANDED
    assert state(live, NOW + 15_001) is SiteState.STALE
    live.set_status(ID, Status(online=False), NOW + 1_000)
    assert state(live, NOW + 2_000) is SiteState.OFFLINE


@pytest.mark.parametrize("back_ms", [60_000, 3_600_000])
def test_nothing_is_fresh_because_the_citys_clock_was_set_back(back_ms: int) -> None:
    live = view()
    live.update([inverter()], NOW)
    later_ms = NOW - back_ms
    assert state(live, later_ms) is SiteState.STALE
    found = live.site(ID, later_ms)
    assert found is not None
    assert (found.pv_w, {point.quality for point in found.points}) == (None, {Quality.STALE})
    live.update([inverter(NOW + 5_000)], later_ms)
    assert state(live, later_ms) is SiteState.ON_GRID, "and what is heard then is fresh again"


def test_a_point_of_several_devices_is_always_of_the_same_one() -> None:
    live = view(inverter(NOW), row("meter", NOW - 50, grid__power_w=1.0))
    assert live.device_with(ID, "grid.power_w") == "meter", "as the headline figure"
    live.update([row("meter", NOW + 4_950, grid__power_w=1.0), inverter(NOW + 5_100)])
    assert live.device_with(ID, "grid.power_w") == "meter"
    live.update([inverter(NOW + 2 * 86_400_000)])
    assert live.device_with(ID, "grid.power_w") == "inverter", "the meter is gone for long"
    assert live.device_with(ID, "load.power_w") is None


@pytest.mark.parametrize("interval_s", [1e308, 1e9])
def test_a_shelter_can_not_make_its_values_fresh_for_ever(interval_s: float) -> None:
    live = view(inverter(), status=Status(online=True, at_ms=NOW, interval_s=interval_s))
    assert state(live, NOW + 3 * 3_600_000 + 1) is SiteState.STALE
    assert hole_limit_ms(live.interval_ms(ID)) == 3 * 3_600_000


def test_a_device_that_was_renamed_is_not_waited_for() -> None:
    live = view(row("inverter", NOW - 60_000, pv__power_w=1.0), row("inverter-1", pv__power_w=2.0), status=online())
    found = live.site(ID, NOW)
    assert found is not None
    assert found.pv_w is None, "nobody said that it is gone"
    live.set_status(ID, online(devices=[DeviceStatus(id="inverter-1", profile="x", online=True)]), NOW)
    found = live.site(ID, NOW)
    assert found is not None
    assert (found.pv_w, {point.device for point in found.points}) == (2.0, {"inverter-1"})
