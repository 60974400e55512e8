"""One shelter with any family: truth in its registers, mistakes planted in it, signals that let something happen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from typer.testing import CliRunner

from device_profiles.load import load
from simulator.cli import app
from simulator.fleet import build
from simulator.planted import Planted
from simulator.run import Fleet, WorldClock, build_fleet, inverter_families
from simulator.site import COMPANIONS, UNITS, units_of
from tests.device_profiles.helpers import step_of
from tests.simulator.support import (
    NOON_MS,
    client_of,
    discovered,
    network,
    opened,
    quiet,
    read_fields,
)
from tests.simulator.test_planted import MAY_CHANGE
from tests.support import own_network

PREFIX = own_network()


def site_of(profile: str, *planted: Planted, meter: str = "sdm630", start_ms: int = NOON_MS) -> Fleet:
    spec = replace(build(1, 7, (profile,))[0], inverter_unit=load(profile).units[0], meter=meter)
    clock = WorldClock(start_ms=start_ms, started_s=0.0)
    return build_fleet([spec], quiet(), seed=7, clock=clock, network=network(), planted=planted)


def read_of(fleet: Fleet, device: str) -> dict[str, float | None]:
    """What a device's registers say, as its profile reads them."""
    from device_profiles.codec import readings

    unit = fleet.sites[0].devices[device]
    found = unit.device_map
    return {r.point: r.value for r in readings(found.fields, unit.registers(), found.sums)}


@pytest.mark.parametrize("profile", inverter_families())
@pytest.mark.parametrize("hour", [0, 11])
async def test_every_family_shows_the_worlds_truth_by_day_and_night(profile: str, hour: int) -> None:
    fleet = site_of(profile, start_ms=NOON_MS + hour * 3_600_000)
    site = fleet.sites[0]
    site.advance(NOON_MS + hour * 3_600_000 + 120_000)
    unit = units_of(site.spec)["inverter"]
    async with opened(fleet), client_of(fleet, 0, "inverter") as client:
        device_map = await discovered(client, profile, unit)
        found = await read_fields(client, unit, device_map, device_map.fields)
    truth, image = site.truth(), site.devices["inverter"].registers()
    for field in device_map.fields:
        assert field.point in truth, f"{field.point}: the simulated world does not know it"
        value = found[field.point].value
        if field.states is None and value is not None:
            slack = max(step_of(field, image) * 0.51, abs(truth[field.point]) * 1e-6)
            assert min(abs(value - truth[field.point]), abs(value + truth[field.point])) <= slack or is_cut(
                value, truth[field.point]
            ), f"{field.point}: reads {value}, is {truth[field.point]}"


def is_cut(value: float, truth: float) -> bool:
    """Whether a 16-bit register stands at its end."""
    return abs(value) < abs(truth) and abs(truth) > 30_000


@pytest.mark.parametrize("profile", inverter_families())
def test_a_planted_fault_changes_no_other_register(profile: str) -> None:
    for (instrument, fault), allowed in MAY_CHANGE.items():
        start_ms = NOON_MS + (11 * 3_600_000 if fault is Planted.PV_AT_NIGHT else 0)
        right, wrong = (
            site_of(profile, *faults, meter="carlo-gavazzi", start_ms=start_ms) for faults in ((), (fault,))
        )
        for name, device in right.sites[0].devices.items():
            before, after = read_of(right, name), read_of(wrong, name)
            may = set(allowed) if name == instrument or fault is Planted.COUNTERS_STAND else set()
            # A sum follows its members.
            totals = device.device_map.sums
            may |= {t.point for t in totals if any(_is(p, may) for p in (*t.of, *t.less))}
            stray = {point for point, value in before.items() if value != after[point] and not _is(point, may)}
            assert not stray, f"{fault.value} in {name}"


def _is(point: str, patterns: set[str]) -> bool:
    return any(fnmatchcase(point, pattern) for pattern in patterns)


def test_families_that_serve_a_shelter() -> None:
    assert {"huawei-sun2000", "goodwe-et", "sunspec", "sungrow-sh", "solaredge"} <= set(inverter_families())
    assert not {"relay", "sdm630", "carlo-gavazzi", "fronius-meter"} & set(inverter_families())


@pytest.mark.parametrize("profile", [each for each in COMPANIONS if each in inverter_families()])
async def test_what_stands_beside_an_inverter_answers_behind_the_same_port(profile: str) -> None:
    fleet = site_of(profile)
    name, companion = COMPANIONS[profile][0]
    unit = units_of(fleet.sites[0].spec)[name]
    async with opened(fleet), client_of(fleet, 0, "inverter") as client:
        device_map = await discovered(client, companion, unit)
        found = await read_fields(client, unit, device_map, device_map.fields)
    truth = fleet.sites[0].truth()
    assert {reading.point for reading in found.values() if reading.value is not None}
    assert truth.keys() >= found.keys()


def test_a_turned_transformer_is_in_the_meter_and_not_in_the_inverter() -> None:
    right, wrong = site_of("huawei-sun2000"), site_of("huawei-sun2000", Planted.SWAPPED_CT)
    for fleet in (right, wrong):
        fleet.sites[0].advance(NOON_MS + 60_000)
    there, here = read_of(right, "meter"), read_of(wrong, "meter")
    assert there["grid.power_w"]
    assert here["grid.power_w"] == pytest.approx(-there["grid.power_w"])
    assert here["grid.import_energy_wh"] == pytest.approx(there["grid.export_energy_wh"])
    assert read_of(wrong, "inverter") == read_of(right, "inverter")


def test_a_meter_that_can_say_so_tells_the_phase_order() -> None:
    assert read_of(site_of("huawei-sun2000", meter="carlo-gavazzi"), "meter")["grid.phase_order"] == 0
    wrong = site_of("huawei-sun2000", Planted.PHASE_ORDER, meter="carlo-gavazzi")
    assert read_of(wrong, "meter")["grid.phase_order"] == 1


def test_a_frozen_inverter_stays_while_its_meter_moves() -> None:
    fleet = site_of("huawei-sun2000", Planted.FROZEN)
    before = read_of(fleet, "inverter"), read_of(fleet, "meter")
    fleet.sites[0].advance(NOON_MS + 3_600_000)
    after = read_of(fleet, "inverter"), read_of(fleet, "meter")
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_a_secured_output_that_is_dead_stays_dark() -> None:
    for planted, is_dark in (((), False), ((Planted.BACKUP_DEAD,), True)):
        site = site_of("huawei-sun2000", *planted).sites[0]
        assert not site.turn_grid()
        site.advance(NOON_MS + 5_000)
        assert (site.truth()["backup.l1_voltage_v"] == 0) is is_dark
        assert site.turn_grid()
        site.advance(NOON_MS + 10_000)
        assert site.truth()["load.power_w"] > 0


def test_a_known_load_stands_on_the_first_phase() -> None:
    site = site_of("huawei-sun2000").sites[0]
    site.world.soc_pct = site.world.controls.reserve_pct = 30.0
    site.world.load_factor = 3.0
    site.advance(NOON_MS + 2_000)
    before = site.truth()
    assert before["grid.power_w"] > 0
    assert site.turn_load(2_000)
    site.advance(NOON_MS + 3_000)
    after = site.truth()
    rise = {n: after[f"grid.l{n}_power_w"] - before[f"grid.l{n}_power_w"] for n in (1, 2, 3)}
    assert rise[1] == pytest.approx(2_000, abs=150)
    assert max(abs(rise[2]), abs(rise[3])) < 150
    assert not site.turn_load(2_000)


def test_a_blocked_battery_gives_nothing_while_the_grid_is_there() -> None:
    site = site_of("huawei-sun2000", start_ms=NOON_MS + 10 * 3_600_000).sites[0]
    site.world.soc_pct = 80
    start_ms = site.world.at_ms
    site.advance(start_ms + 2_000)
    assert site.world.flows.battery_w > 0
    site.world.controls.discharge_blocked = True
    site.advance(start_ms + 4_000)
    assert site.world.flows.battery_w == 0
    site.turn_grid()
    site.advance(start_ms + 6_000)
    assert site.world.flows.battery_w > 0


def test_a_charge_ends_at_its_target() -> None:
    site = site_of("huawei-sun2000", start_ms=NOON_MS + 10 * 3_600_000).sites[0]
    controls = site.world.controls
    controls.forced_charge_power_w, controls.forced_charge_on, controls.charge_target_pct = 5_000.0, True, 60.0
    site.world.soc_pct = 59.0
    site.advance(site.world.at_ms + 2_000)
    assert site.world.flows.battery_w < -4_900
    site.world.soc_pct = 60.5
    site.advance(site.world.at_ms + 2_000)
    assert site.world.flows.battery_w >= 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--fault", "swaped_ct"), "perhaps 'swapped_ct'"),
        (("--profile", "hauwei-sun2000"), "perhaps 'huawei-sun2000'"),
        (("--meter", "abb"), "there are sdm630, carlo-gavazzi"),
        (("--fault", "phase_order"), "--meter carlo-gavazzi"),
        (("--at", "25:00"), "write +30m"),
        (("--profile", "solaredge", "--fault", "clock_off"), "does not tell inverter.clock_s"),
    ],
)
def test_bad_input_ends_with_code_2_and_a_reason(words: tuple[str, ...], reason: str) -> None:
    result = CliRunner().invoke(app, ["site", *words])
    assert result.exit_code == 2
    assert reason in result.stderr


def test_the_list_of_faults_names_all() -> None:
    listed = CliRunner().invoke(app, ["site", "--faults"]).stdout
    assert all(f"{fault.value} " in listed for fault in Planted)


async def test_signals_switch_the_load_and_the_grid() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator.cli", "site", "--network", PREFIX, "--at", "12:00", "--soc", "55"),
        *("--fault", "one_ct_turned", "--no-table"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(100):
            ready = json.loads((await process.stdout.readline()).removeprefix(b"ready "))
            assert ready["faults"] == ["one_ct_turned"]
            assert (ready["start_ms"] + 9 * 3_600_000) % 86_400_000 == 43_200_000
            assert ready["meter"]["unit"] == UNITS["meter"]
            for number, told in ((signal.SIGUSR1, b"load on L1 is on"), (signal.SIGUSR2, b"grid is gone")):
                os.kill(ready["pid"], number)
                assert told in await process.stderr.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.communicate()
    assert process.returncode == 0


def run_device(*words: str) -> Any:
    return CliRunner().invoke(app, ["device", *words])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--profile", "sungrow"), "perhaps 'sungrow-sh'"),
        (("--profile", "relay", "--also", "sdm630"), "want PROFILE:UNIT"),
        (("--profile", "relay", "--unit", "3", "--also", "sdm630:3"), "two devices cannot have the same unit"),
        (("--profile", "sdm630", "--set", "grid.powr_w=1"), "perhaps grid.power_w"),
        (("--profile", "sdm630", "--set", "9:grid.power_w=1"), "there is no unit 9"),
        (("--profile", "sdm630", "--fault", "ct"), "no such fault"),
    ],
)
def test_a_device_that_cannot_be_made_says_why(words: tuple[str, ...], reason: str) -> None:
    result = run_device(*words)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_what_can_be_set_is_listed_with_units() -> None:
    listed = run_device("--profile", "goodwe-et", "--list").stdout
    assert "battery.soc_pct" in listed
    assert "0 to 100 %" in listed
    assert "charging" in listed


async def test_a_device_process_tells_its_truth_and_ends() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator.cli", "device", "--profile", "sdm630", "--unit", "2", "--port", "0"),
        *("--also", "relay:3", "--set", "grid.power_w=-1200", "--set", "3:tier2.closed=0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(100):
            ready = json.loads((await process.stdout.readline()).removeprefix(b"ready "))
        assert ready["truth"]["grid.power_w"] == -1200
        assert ready["also"][0]["truth"]["tier2.closed"] == 0
        assert ready["port"] > 0
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
