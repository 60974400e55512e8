"""Meters at the grid connection: raw words made by hand from the makers' documents."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from contract.readings import Quality
from device_profiles.discover import discover
from device_profiles.image import run, template
from device_profiles.load import load
from device_profiles.model import Table
from tests.device_profiles.helpers import Words, decoded, image_of


def pairs(*values: int) -> list[int]:
    """32-bit values, low word first."""
    return [word for value in values for word in (value & 0xFFFF, value >> 16 & 0xFFFF)]


def gavazzi(system: int = 0, more: Iterable[tuple[int, list[int]]] = ()) -> Words:
    image = image_of(0x1002, [system])
    for at, words in more:
        image |= image_of(at, words)
    return image


def test_carlo_gavazzi_numbers_by_hand() -> None:
    readings = [
        (0, pairs(1012, 1009, 0x7FFFFFFF)),
        (12, pairs(1500, -2000, 250)),
        (18, pairs(1500, -2040, 65_536)),
        (40, pairs(-290)),
        (44, pairs(-10)),
        (50, [0xFFFF, 500]),
        (52, pairs(123_456)),
        (78, pairs(65_537)),
    ]
    found = decoded("carlo-gavazzi", gavazzi(more=readings))
    assert {point: r.value for point, r in found.items() if r.quality.is_good} == {
        "grid.l1_voltage_v": 101.2,
        "grid.l2_voltage_v": 100.9,
        "grid.l1_current_a": 1.5,
        "grid.l2_current_a": -2.0,
        "grid.l3_current_a": 0.25,
        "grid.l1_power_w": 150.0,
        "grid.l2_power_w": -204.0,
        "grid.l3_power_w": 6553.6,
        "grid.power_w": -29.0,
        "grid.reactive_power_var": -1.0,
        "grid.phase_order": 1,
        "grid.frequency_hz": 50.0,
        "grid.import_energy_wh": 12_345_600,
        "grid.export_energy_wh": 6_553_700,
    }
    assert {point: r.quality for point, r in found.items() if not r.quality.is_good} == {
        "grid.l3_voltage_v": Quality.NOT_AVAILABLE
    }


@pytest.mark.parametrize(("system", "phases"), [(0, 3), (1, 3), (2, 2), (3, 1), (4, 3)])
def test_a_carlo_gavazzi_s_measuring_system_tells_its_phases(system: int, phases: int) -> None:
    device_map = run(discover(load("carlo-gavazzi")), gavazzi(system))
    points = {each.point for each in device_map.fields}
    assert [f"grid.l{n}_power_w" in points for n in (1, 2, 3)] == [n <= phases for n in (1, 2, 3)]
    assert ("grid.phase_order" in points) is (phases == 3)


def test_a_carlo_gavazzi_is_known_by_one_register_read_alone() -> None:
    (sign,) = load("carlo-gavazzi").detect
    assert (sign.table, sign.address, sign.length) == (Table.HOLDING, 11, 1)
    assert sign.equals is not None
    assert {1648, 1653, 1744, 1760} <= set(sign.equals)


@pytest.mark.parametrize("profile_id", ["sdm630", "carlo-gavazzi"])
def test_a_meter_s_settings_are_never_written(profile_id: str) -> None:
    device_map = template(profile_id).device_map
    assert device_map.registers == ()
    assert device_map.controls == ()
