"""One device of any profile: what a client reads is the stated truth; what it writes is taken, shown and has effect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from device_profiles.codec import decode
from device_profiles.controls import by_name
from device_profiles.image import template
from device_profiles.load import load, profile_ids
from device_profiles.model import Control, Table
from simulator.manners import manners_of
from simulator.planted import Planted
from simulator.server import DevicePort
from simulator.showing import serial_like
from simulator.single import SettingError, Single, settable, single
from tests.device_profiles.helpers import step_of
from tests.simulator.support import NOON_MS, discovered, order, read_fields

LOCKED = """
id: locked
names: {ja: 試験用, en: Made up for a test}
source: made up for a test
confidence: unverified
points:
  battery.soc_pct: {address: 0, type: u16}
  battery.reserve_soc_pct: {address: 20, type: u16}
registers:
  password: {address: 10, type: u16, range: [0, 100], stored: false}
  reserve: {address: 20, type: u16, range: [0, 100], unit: "%"}
controls:
  reserve: {on: [{write: reserve, to: soc_pct}], unlock: [{write: password, to: 99}]}
"""


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.ms = NOON_MS

    def __call__(self) -> int:
        return self.ms


def made(profile: str, *settings: str, planted: tuple[Planted, ...] = (), clock: Clock | None = None) -> Single:
    return single(profile, load(profile).units[0], settings, planted=planted, now_ms=clock or Clock())


@asynccontextmanager
async def served(*devices: Single) -> AsyncIterator[AsyncModbusTcpClient]:
    manners = replace(manners_of(load(devices[0].profile)), swallow_within_s=0.0)
    door = DevicePort("127.0.0.1", 0, {each.unit: each.device for each in devices}, manners)
    await door.open()
    client = AsyncModbusTcpClient("127.0.0.1", port=door.port, timeout=1, retries=0, reconnect_delay=0)
    try:
        assert await client.connect()
        yield client
    finally:
        client.close()
        await door.close()


@pytest.mark.parametrize("profile", profile_ids())
async def test_a_client_reads_the_stated_truth(profile: str) -> None:
    device = made(profile)
    async with served(device) as client:
        device_map = await discovered(client, profile, device.unit)
        found = await read_fields(client, device.unit, device_map, device_map.fields)
    stated = device.device.plant.truth()
    image = device.device.registers()
    told, reference = device.truth(), template(profile).image
    assert found, "nothing was read"
    for field in device_map.fields:
        reading = found[field.point]
        assert field.point in stated, f"{field.point}: the simulated plant does not know it"
        assert reading.value == told[field.point]
        if reading.value is None:
            # Only what the reference device itself does not have.
            absent = decode(field, reference)
            assert absent is not None
            assert absent.value is None, field.point
        elif field.states is None:
            wanted = abs(stated[field.point]) if field.point.endswith("_current_a") else stated[field.point]
            size = abs(reading.value) if field.point.endswith("_current_a") else reading.value
            slack = step_of(field, image) * 0.51 + abs(wanted) * 1e-6
            assert size == pytest.approx(wanted, abs=slack), field.point
    for total in device_map.sums:
        assert found[total.point].value == pytest.approx(stated[total.point], abs=2), total.point


@pytest.mark.parametrize("profile", profile_ids())
async def test_orders_are_taken_shown_and_obeyed(profile: str) -> None:
    device = made(profile, *(["battery.soc_pct=50"] if "battery.soc_pct" in dict_of(profile) else []))
    given = {"soc_pct": 80.0, "power_w": 3_000.0}
    async with served(device) as client:
        device_map = await discovered(client, profile, device.unit)
        for control in device_map.controls:
            await order(client, device_map, control, given, unit=device.unit)
            arguments = device.device.orders()[control.kind]
            assert arguments is not None, f"{control.kind} is not in force after it was ordered"
            for name, value in arguments.items():
                assert value == pytest.approx(given[name], rel=0.05), f"{control.kind}: {name}"
            assert_obeyed(device, control)
            if control.off:
                released = replace(control, on=control.off)
                await order(client, device_map, released, given, unit=device.unit)
                assert device.device.orders()[control.kind] is None, f"{control.kind} is not off"


def dict_of(profile: str) -> dict[str, str]:
    return {name: unit for name, unit, _ in settable(profile)}


def assert_obeyed(device: Single, control: Control) -> None:
    steered = device.device.plant.controls
    match control.kind:
        case "reserve":
            assert steered.reserve_pct == pytest.approx(80, abs=1)
        case "charge":
            assert steered.forced_charge_w > 0
            assert device.device.plant.truth()["battery.power_w"] < -2_500
        case "discharge_block":
            assert steered.discharge_blocked
        case "backup":
            assert steered.backup
        case "export_limit":
            assert steered.export_limit_on
        case kind:
            assert steered.closed[int(kind.removeprefix("tier")) - 1]


@pytest.mark.parametrize("profile", [each for each in profile_ids() if load(each).controls])
def test_nothing_but_the_reserve_and_the_tiers_is_ordered_at_the_start(profile: str) -> None:
    device = made(profile).device
    for kind, arguments in device.orders().items():
        stands = kind == "reserve" or kind.startswith("tier")
        assert (arguments is not None) is stands, kind


def test_what_is_set_is_shown_and_the_rest_stays() -> None:
    plain, device = made("huawei-sun2000").truth(), made("huawei-sun2000", "battery.soc_pct=41.5", "grid.power_w=-1200")
    shown = device.truth()
    assert (shown["battery.soc_pct"], shown["grid.power_w"]) == (41.5, -1200)
    assert {point for point, value in shown.items() if value != plain[point]} == {"battery.soc_pct", "grid.power_w"}
    assert made("huawei-sun2000", "grid.power_w=nan").truth()["grid.power_w"] is None
    assert made("goodwe-et", "battery.state=discharging").truth()["battery.state"] == 4


def test_a_register_can_be_set_by_name() -> None:
    device = made("huawei-sun2000", "reserve=60")
    assert device.device.value_of("reserve") == 60
    assert device.truth()["battery.reserve_soc_pct"] == 60


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("battery.socpct=5", "perhaps battery.soc_pct"),
        ("battery.soc_pct", "want NAME=NUMBER"),
        ("battery.state=charged", "one of unknown, off"),
        ("reserve=140", "want 0 to 100 %"),
        ("warp=1", "--list names what there is"),
    ],
)
def test_a_setting_that_cannot_be_made_says_why(setting: str, reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        made("huawei-sun2000", setting)


def test_a_sum_is_set_by_its_members() -> None:
    with pytest.raises(SettingError, match=r"is the sum of pv1\.power_w"):
        made("goodwe-et", "pv.power_w=1")


@pytest.mark.parametrize(
    ("fault", "shown_pct"), [(Planted.WRITE_IGNORED, 30.0), (Planted.WRITE_SCALED, 8.0), (Planted.NO_EFFECT, 80.0)]
)
async def test_a_device_that_does_not_keep_what_it_acknowledged(fault: Planted, shown_pct: float) -> None:
    device = made("huawei-sun2000", planted=(fault,))
    async with served(device) as client:
        answer = await client.write_register(47_102, 800, device_id=device.unit)
        assert not answer.isError()
        assert answer.registers == [800]
    assert device.device.value_of("reserve") == shown_pct
    expected = 30.0 if fault is Planted.NO_EFFECT else shown_pct
    assert device.device.plant.controls.reserve_pct == pytest.approx(expected)


async def test_a_write_that_does_not_stick() -> None:
    clock = Clock()
    device = made("huawei-sun2000", planted=(Planted.WRITE_REVERTS,), clock=clock)
    async with served(device) as client:
        assert not (await client.write_register(47_102, 800, device_id=device.unit)).isError()
        clock.ms += 14_000
        assert device.device.value_of("reserve") == 80
        clock.ms += 2_000
        assert device.device.value_of("reserve") == 30
        assert device.device.plant.controls.reserve_pct == 30


@pytest.mark.parametrize(
    ("profile", "control"),
    [(each, c) for each in profile_ids() for c in template(each).device_map.controls if c.falls_back_s],
)
async def test_an_order_that_is_not_refreshed_ends(profile: str, control: Control) -> None:
    clock = Clock()
    device = made(profile, clock=clock)
    async with served(device) as client:
        device_map = await discovered(client, profile, device.unit)
        await order(client, device_map, control, {"soc_pct": 80, "power_w": 3_000}, unit=device.unit)
        clock.ms += round(control.falls_back_s * 1000) - 1_000
        assert device.device.orders()[control.kind] is not None
        clock.ms += 2_000
        assert device.device.orders()[control.kind] is None


async def test_a_locked_register_is_refused_until_it_is_unlocked(tmp_path: Path) -> None:
    path = tmp_path / "locked.yaml"
    path.write_text(LOCKED, encoding="utf-8")
    device = made(str(path))
    async with served(device) as client:
        assert (await client.write_register(20, 60)).exception_code == 4
        assert (await client.write_register(10, 1)).isError() is False
        assert (await client.write_register(20, 60)).exception_code == 4
        assert (await client.write_register(10, 99)).isError() is False
        assert (await client.write_register(20, 60)).isError() is False
    assert device.device.plant.controls.reserve_pct == 60


def test_what_can_only_be_written_reads_as_nothing() -> None:
    device = made("sma").device
    block = by_name(device.device_map.registers)["charge_power"].block
    device.write(block.table, block.start, [0xFFFF, 0xF448])
    assert device.value_of("charge_power") == 3_000
    assert device.read(block.table, block.start, 2) == [0x8000, 0]


def test_words_swapped_and_addresses_shifted_are_the_same_values_elsewhere() -> None:
    right = made("huawei-sun2000").device
    swapped = made("huawei-sun2000", planted=(Planted.SWAPPED_WORDS,)).device
    shifted = made("huawei-sun2000", planted=(Planted.OFF_BY_ONE,)).device
    high, low = right.read(Table.HOLDING, 32_080, 2)
    assert low != 0
    assert swapped.read(Table.HOLDING, 32_080, 2) == [low, high]
    assert swapped.read(Table.HOLDING, 32_085, 1) == right.read(Table.HOLDING, 32_085, 1)
    assert shifted.read(Table.HOLDING, 32_081, 2) == [high, low]


def test_a_single_register_is_refused_where_only_several_can_be_written() -> None:
    wanting = {each for each in profile_ids() if load(each).limits.write_multiple_only}
    assert {each for each in profile_ids() if made(each).device.wants_multiple} == wanting
    assert "huawei-sun2000" not in wanting


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("92000KET00000000", "92000KET00000170"),
        ("KX0000000000Z", "KX0000000170Z"),
        ("00000002", "00000172"),
        ("", "SIM00017"),
        ("AB1234", "AB0174"),
    ],
)
def test_serial_numbers_keep_their_familys_form(reference: str, number: str) -> None:
    assert serial_like(reference, "SIM00017") == number
