"""Register lists of pysungrow (MIT), pyFroniusReg (AGPL-3.0) and solaredge_modbus (MIT), as data, against our profiles.

Their clients do not run with the pymodbus of today; what they know about registers is still a second opinion.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

import pytest

from device_profiles.model import Field, Table, ValueType, WordOrder
from tests.oracles.still import CLIENTS, FOREIGN_PYTHON, NOON, drawn, gen24_as_float

SUNGROW_POINTS = {
    # Ours: theirs, factor into our unit after theirs (which are kWh, V, A, W, per cent).
    "pv.power_w": ("total_dc_power", 1),
    "pv1.voltage_v": ("mppt_1_voltage", 1),
    "pv1.current_a": ("mppt_1_current", 1),
    "pv2.voltage_v": ("mppt_2_voltage", 1),
    "pv2.current_a": ("mppt_2_current", 1),
    "pv.energy_wh": ("total_pv_generation", 1000),
    "inverter.temperature_c": ("internal_temperature", 1),
    "inverter.l1_voltage_v": ("phase_a_voltage", 1),
    "inverter.l2_voltage_v": ("phase_b_voltage", 1),
    "inverter.l3_voltage_v": ("phase_c_voltage", 1),
    "inverter.l1_current_a": ("phase_a_current", 1),
    "inverter.l2_current_a": ("phase_b_current", 1),
    "inverter.l3_current_a": ("phase_c_current", 1),
    "inverter.power_w": ("total_active_power", 1),
    "inverter.reactive_power_var": ("reactive_power", 1),
    "load.power_w": ("load_power", 1),
    "battery.voltage_v": ("battery_voltage", 1),
    "battery.soc_pct": ("battery_level", 1),
    "battery.soh_pct": ("battery_health", 1),
    "battery.temperature_c": ("battery_temperature", 1),
    "battery.charge_energy_wh": ("total_charge_energy", 1000),
    "battery.discharge_energy_wh": ("total_battery_discharge_energy", 1000),
    "grid.import_energy_wh": ("total_import_energy", 1000),
    "grid.export_energy_wh": ("total_export_energy", 1000),
}
SUNGROW_REGISTERS = {
    "ems_mode": "ems_mode",
    "charge_command": "charge_discharge_command",
    "charge_power": "charge_discharge",
    "export_limit": "export_power_limitation",
    "export_limit_option": "export_power_limitation_enabled",
    "off_grid_option": "off_grid_enabled",
    "reserve": "reserved_soc_for_backup",
}
SOLAREDGE_BATTERY = {
    "battery.power_w": "instantaneous_power",
    "battery.current_a": "instantaneous_current",
    "battery.voltage_v": "instantaneous_voltage",
    "battery.soc_pct": "soe",
    "battery.soh_pct": "soh",
    "battery.temperature_c": "average_temperature",
    "battery.state": "status",
    "battery.capacity_wh": "rated_energy",
    "battery.max_charge_power_w": "maximum_charge_continuous_power",
    "battery.max_discharge_power_w": "maximum_discharge_continuous_power",
    "battery.charge_energy_wh": "lifetime_import_energy_counter",
    "battery.discharge_energy_wh": "lifetime_export_energy_counter",
}
SOLAREDGE_TYPES = {"SEFLOAT": ValueType.F32, "UINT32": ValueType.U32, "UINT64": ValueType.U64}
FRONIUS_TYPES = {
    "uint16": {ValueType.U16}, "int16": {ValueType.S16}, "enum16": {ValueType.U16}, "bitfield16": {ValueType.U16},
    "bitfield32": {ValueType.U32}, "acc32": {ValueType.U32}, "uint32": {ValueType.U32}, "float32": {ValueType.F32},
    "string8": {ValueType.STRING}, "string16": {ValueType.STRING}, "sunssf": {ValueType.S16}, "count": {ValueType.U16},
}  # fmt: skip


async def listed(package: str) -> Any:
    if not FOREIGN_PYTHON.exists():
        pytest.skip(f"{package}: no environment for foreign clients; sh tests/install_oracles.sh makes it")
    process = await asyncio.create_subprocess_exec(
        str(FOREIGN_PYTHON), str(CLIENTS / "lists.py"), package, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return json.loads(out)


def as_listed(words: list[int], kind: str, factor: float | None) -> float:
    """A value by the foreign list: 32-bit values have their low word first, as that package reads them."""
    raw = b"".join(word.to_bytes(2, "big") for word in reversed(words))
    number = struct.unpack({"U16": ">H", "S16": ">h", "U32": ">I", "S32": ">i"}[kind], raw)[0]
    return float(number * (factor or 1))


async def test_sungrow_s_registers_read_by_another_list_hold_the_truth() -> None:
    theirs = await listed("sungrow")
    device = drawn("sungrow-sh", NOON)
    read: dict[str, float | None] = {}
    for point, (name, factor) in SUNGROW_POINTS.items():
        table, number, kind, scale = theirs[name]
        words = device.read(Table(table), number - 1, 2 if kind.endswith("32") else 1)
        read[point] = as_listed(words, kind, scale) * factor
    device.agrees(read)


async def test_sungrow_s_controls_stand_where_another_list_has_them() -> None:
    """Its EMS modes (0, 1, 2) are known to be wrong, so places are compared, not codes."""
    theirs = await listed("sungrow")
    ours = {each.name: each.field for each in drawn("sungrow-sh", NOON).map.registers}
    for name, foreign in SUNGROW_REGISTERS.items():
        table, number, kind, _ = theirs[foreign]
        assert (ours[name].table, ours[name].address, ours[name].type.value) == (Table(table), number - 1, kind.lower())


async def test_solaredge_s_battery_stands_where_another_list_has_it() -> None:
    theirs = (await listed("solaredge"))["battery"]
    ours = {each.point: each for each in drawn("solaredge", NOON).map.fields}
    for point, name in SOLAREDGE_BATTERY.items():
        address, kind = theirs[name]
        found = ours[point]
        assert (found.address, found.type) == (address, SOLAREDGE_TYPES[kind]), point
        assert found.word_order is WordOrder.LITTLE, point


@pytest.mark.parametrize("kind", ["int", "float"])
async def test_a_gen24_s_map_is_the_maker_s_own(kind: str) -> None:
    """What we read or write in a GEN24's chain has the name and type that Fronius' tables give its place."""
    device = gen24_as_float(NOON) if kind == "float" else drawn("fronius-gen24", NOON)
    theirs = {number - 1: (name, kind) for number, name, kind in (await listed("fronius"))[kind]}
    found = device.map
    fields: list[Field] = [*found.fields, *(each.field for each in found.registers)]
    seen = 0
    for each in fields:
        if each.address not in theirs or not each.source.startswith("SunSpec model"):
            continue
        name, listed_type = theirs[each.address]
        ours = each.source.rpartition(", ")[2]
        assert name.rpartition("_")[2] == ours or name == ours, (each.point, each.address)
        assert each.type in FRONIUS_TYPES[listed_type], (each.point, listed_type)
        seen += 1
    assert seen > 20
