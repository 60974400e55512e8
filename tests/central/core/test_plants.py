"""From what is known of a shelter to what the estimates take: what stands in, and what is never taken for well."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from central.core.city import PointNow, SiteNow, SiteState
from central.core.facts import NO_FACTS, ShelterFacts
from central.core.habits import Sunshine
from central.core.plants import FLOOR_PCT, Assumed, Plant, is_on_grid, need_of, plane_of, plant_of
from central.core.steering import SteeringNow
from contract.readings import Quality
from contract.steering import GridState
from tests.central.hours_parts import NOW_MS, site

NO_SUN = Sunshine(recent_days=(), today_ratio=None, today_share=0.0)
BATTERY = {"battery.soc_pct": 60.0}


def now(*devices: dict[str, float | None], quality: Quality = Quality.GOOD, **more: object) -> SiteNow:
    points = tuple(
        PointNow(f"d{number}", name, value, quality, NOW_MS)
        for number, device in enumerate(devices or (BATTERY,))
        for name, value in device.items()
    )
    usual: dict[str, object] = {"site": site(), "state": SiteState.ON_GRID, "soc_pct": 60.0, "points": points}
    return SiteNow(**(usual | more))  # type: ignore[arg-type]


def plant(known: SiteNow | None = None, facts: ShelterFacts = NO_FACTS) -> Plant:
    return plant_of(known or now(), {}, NO_SUN, facts, now_ms=NOW_MS, reserve_pct=30.0)


def test_what_is_not_entered_stands_in_by_name_and_what_is_entered_holds() -> None:
    bare = plant()
    assert bare.energy.backup_w == 10_000
    assert bare.energy.floor_pct == FLOOR_PCT
    assert bare.charge.reserve_pct == 30.0
    assert {Assumed.BACKUP_RATING, Assumed.FLOOR, Assumed.ROOF, Assumed.NO_TIERS} <= set(bare.assumed)
    assert set(bare.charge_assumed) == {Assumed.CHARGE_POWER, Assumed.GRID_CHARGE}
    facts = ShelterFacts(tiers_w=(400, 900), backup_w=5_000, floor_pct=20, tilt_deg=30, azimuth_deg=90, grid_charge_w=0)
    told = plant(now(BATTERY | {"battery.max_charge_power_w": 3_000.0}), facts)
    assert (told.energy.backup_w, told.energy.floor_pct) == (5_000, 20)
    assert (plane_of(told.now.site, facts).tilt_deg, plane_of(told.now.site, facts).azimuth_deg) == (30, 90)
    assert told.assumed == (Assumed.TIERS_ENTERED,)
    assert told.charge_assumed == ()
    assert (told.charge.charge_w, told.charge.grid_charge_w) == (3_000, 0)
    assert [tier.typical_w[0] for tier in told.energy.tiers] == [400, 900]


@pytest.mark.parametrize(
    ("devices", "capacity_wh"),
    [
        ([BATTERY], 20_000),
        ([BATTERY | {"battery.capacity_wh": 15_000.0}], 15_000),
        ([BATTERY | {"battery.capacity_wh": 15_000.0}, BATTERY | {"battery.capacity_wh": 5_000.0}], 20_000),
        ([BATTERY | {"battery.capacity_wh": 15_000.0}, BATTERY], 20_000),
    ],
)
def test_capacity_is_the_devices_own_when_all_of_them_say(
    devices: list[dict[str, float | None]], capacity_wh: float
) -> None:
    assert plant(now(*devices)).energy.capacity_wh == capacity_wh


def test_health_is_the_lowest_and_a_battery_that_is_nearly_full_says_nothing_of_its_charge_power() -> None:
    devices = [BATTERY | {"battery.soh_pct": 90.0}, BATTERY | {"battery.soh_pct": 80.0}]
    assert plant(now(*devices)).energy.usable_share == 0.8
    tapered = BATTERY | {"battery.max_charge_power_w": 200.0}
    assert plant(now(tapered)).charge.charge_w == 200
    full = plant(now(tapered, soc_pct=96.0))
    assert full.charge.charge_w == 10_000
    assert Assumed.CHARGE_POWER in full.charge_assumed
    assert plant(now(BATTERY | {"battery.max_discharge_power_w": 4_000.0})).energy.discharge_w == 4_000
    assert plant().energy.discharge_w == math.inf


@pytest.mark.parametrize(
    ("closed", "state", "on"),
    [
        ((1, 1, 0), SiteState.ISLANDED, 2),
        ((1, 1, 1), SiteState.ISLANDED, 3),
        ((1, 0, 1), SiteState.ISLANDED, None),
        ((0, 0, 0), SiteState.ISLANDED, None),
        ((1, 1), SiteState.ISLANDED, None),
        ((1, 1, 0), SiteState.ON_GRID, None),
    ],
)
def test_tiers_that_have_power_are_believed_only_when_all_relays_say_so(
    closed: tuple[int, ...], state: SiteState, on: int | None
) -> None:
    relay: dict[str, float | None] = {f"tier{n}.closed": float(value) for n, value in enumerate(closed, start=1)}
    found = plant(now(BATTERY, relay, state=state, load_w=700.0), ShelterFacts(tiers_w=(400, 900, 100)))
    assert found.tiers_on == on
    stale = plant(
        now(BATTERY, relay, state=state, quality=Quality.STALE, load_w=700.0), ShelterFacts(tiers_w=(400, 900, 100))
    )
    assert stale.tiers_on is None


def test_in_an_outage_entered_loads_move_with_what_runs() -> None:
    relay: dict[str, float | None] = {"tier1.closed": 1.0, "tier2.closed": 0.0}
    known = now(BATTERY, relay, state=SiteState.ISLANDED, load_w=800.0)
    tiers = plant(known, ShelterFacts(tiers_w=(400, 900))).energy.tiers
    assert [tier.now_w for tier in tiers] == [800.0, None]


@pytest.mark.parametrize(
    ("state", "grid", "there"),
    [
        (SiteState.ON_GRID, GridState.PRESENT, True),
        (SiteState.ON_GRID, GridState.UNKNOWN, False),
        (SiteState.OFFLINE, GridState.PRESENT, False),
        (SiteState.STALE, GridState.PRESENT, False),
        (SiteState.ISLANDED, GridState.LOST, False),
    ],
)
def test_the_grid_is_there_only_by_a_fresh_word(state: SiteState, grid: GridState, there: bool) -> None:
    known = now(state=state, steering=replace(SteeringNow(), grid=grid))
    assert is_on_grid(known) is there
    need = need_of(plant(known, ShelterFacts(people=30, people_on_devices=2, supplied=True)), 5.0)
    assert (need.on_grid, need.hours_left, need.people, need.people_on_devices) == (there, 5.0, 30, 2)
    assert need.supplied


def test_a_shelter_that_is_silent_faulty_or_unproven_is_told_as_such_to_reachability() -> None:
    charge = plant(now(state=SiteState.OFFLINE, soc_pct=None)).charge
    assert (charge.online, charge.soc_pct, charge.verified) == (False, None, False)
    assert plant(now(state=SiteState.ON_GRID, devices_dark=("meter",))).charge.fault
    assert plant(now(state=SiteState.ISLANDED, load_w=100.0)).charge.grid_lost
    assert plant(now(steering=replace(SteeringNow(), grid=GridState.REJECTED))).charge.grid_lost


def test_announced_weather_stands_at_its_day() -> None:
    today = (NOW_MS + 9 * 3_600_000) // 86_400_000
    found = plant(facts=ShelterFacts(weather={today: 0.15, today + 2: 0.4, today - 1: 0.9}))
    assert found.energy.outlook == (0.15, None, 0.4, None, None, None, None, None)
