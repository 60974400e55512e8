"""A device of one of our profiles that stands still with a stated truth: foreign clients are pointed at it.

Its registers are drawn by our profile; what the foreign client makes of them is the client's own knowledge. So a client
that reads the truth back agrees with the profile in address, word order, scale, sign and sentinel.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract.points import POINTS, BatteryState, InverterState
from device_profiles.codec import CodecError, readings
from device_profiles.controls import by_name, in_force, planned, words_to_write
from device_profiles.discover import discover
from device_profiles.encode import encode
from device_profiles.image import run, template
from device_profiles.load import load, profile_ids
from device_profiles.model import Block, DeviceMap, Field, Table
from device_profiles.schema_sunspec import ChainLink
from device_profiles.sunspec_image import build_chain
from simulator.server import DevicePort
from simulator.unit import IllegalAddressError

HOST = "127.0.0.1"
FOREIGN_PYTHON = Path(__file__).parents[2] / ".venv-oracles" / "bin" / "python"
CLIENTS = Path(__file__).parent / "clients"
CLIENT_TIMEOUT_S = 60.0

NOON: Mapping[str, float] = {
    "pv.power_w": 13_460,
    "pv.energy_wh": 48_765_400,
    "pv1.voltage_v": 612.3,
    "pv1.current_a": 11.2,
    "pv1.power_w": 6_857,
    "pv2.voltage_v": 598.7,
    "pv2.current_a": 11.1,
    "pv2.power_w": 6_603,
    "battery.power_w": -5_210,
    "battery.current_a": -12.4,
    "battery.voltage_v": 421.6,
    "battery.soc_pct": 57,
    "battery.soh_pct": 98,
    "battery.temperature_c": 24.5,
    "battery.capacity_wh": 26_100,
    "battery.charge_energy_wh": 9_876_500,
    "battery.discharge_energy_wh": 8_765_400,
    "battery.max_charge_power_w": 10_000,
    "battery.max_discharge_power_w": 9_500,
    "battery.reserve_soc_pct": 35,
    "battery.state": BatteryState.CHARGING,
    "inverter.power_w": 8_030,
    "inverter.l1_power_w": 2_690,
    "inverter.l2_power_w": 2_680,
    "inverter.l3_power_w": 2_660,
    "inverter.reactive_power_var": -340,
    "inverter.frequency_hz": 49.98,
    "inverter.energy_wh": 41_234_500,
    "inverter.temperature_c": 43.7,
    "inverter.state": InverterState.OPERATING,
    "inverter.islanded": 0,
    "inverter.fault_bits": 0,
    "inverter.l1_voltage_v": 231.4,
    "inverter.l2_voltage_v": 232.5,
    "inverter.l3_voltage_v": 229.8,
    "inverter.l1_current_a": 11.6,
    "inverter.l2_current_a": 11.5,
    "inverter.l3_current_a": 11.4,
    "grid.power_w": -3_120,
    "grid.l1_power_w": -1_010,
    "grid.l2_power_w": -1_070,
    "grid.l3_power_w": -1_040,
    "grid.l1_voltage_v": 231.1,
    "grid.l2_voltage_v": 232.2,
    "grid.l3_voltage_v": 229.5,
    "grid.l1_current_a": -4.4,
    "grid.l2_current_a": -4.6,
    "grid.l3_current_a": -4.5,
    "grid.frequency_hz": 49.97,
    "grid.import_energy_wh": 12_345_600,
    "grid.export_energy_wh": 6_543_200,
    "grid.meter_online": 1,
    "grid.reactive_power_var": 220,
    "backup.power_w": 1_480,
    "backup.l1_power_w": 520,
    "backup.l2_power_w": 490,
    "backup.l3_power_w": 470,
    "backup.l1_voltage_v": 230.1,
    "backup.l2_voltage_v": 230.2,
    "backup.l3_voltage_v": 230.3,
    "load.power_w": 4_910,
}
"""Sun: the battery charges, what is left goes into the grid. Each quantity has a value of its own."""
EVENING: Mapping[str, float] = {
    **NOON,
    "pv.power_w": 410,
    "pv1.power_w": 210,
    "pv1.current_a": 0.4,
    "pv2.power_w": 200,
    "pv2.current_a": 0.3,
    "battery.power_w": 4_320,
    "battery.current_a": 10.3,
    "battery.state": BatteryState.DISCHARGING,
    "battery.temperature_c": -3.5,
    "inverter.power_w": 4_590,
    "inverter.reactive_power_var": 340,
    "grid.power_w": 2_750,
    "grid.l1_power_w": 930,
    "grid.l2_power_w": 920,
    "grid.l3_power_w": 900,
    "grid.l1_current_a": 4.1,
    "grid.l2_current_a": 4.0,
    "grid.l3_current_a": 3.9,
    "grid.reactive_power_var": -180,
    "load.power_w": 7_340,
}
"""Dusk in winter: the battery feeds the house, the grid helps, the battery is cold."""
TIMES = pytest.mark.parametrize("truth", [NOON, EVENING], ids=["noon", "evening"])


@dataclass
class Still:
    """Registers behind one unit. Whoever writes an existing register changes it; every write is kept in ``written``."""

    profile: str
    unit: int
    image: dict[tuple[Table, int], int]
    truth: Mapping[str, float]
    port: int = 0
    fault: None = None
    written: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers as a master reads them; one that does not exist refuses the whole request."""
        keys = [(table, at) for at in range(address, address + count)]
        if any(key not in self.image for key in keys):
            raise IllegalAddressError
        return [self.image[key] for key in keys]

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Registers as a master writes them."""
        self.read(table, address, len(words))
        self.written.append((address, tuple(words)))
        self.image |= {(table, address + n): word for n, word in enumerate(words)}

    @property
    def map(self) -> DeviceMap:
        """What our discovery makes of the device as it stands now."""
        return run(discover(load(self.profile)), self.image)

    def says(self) -> dict[str, float | None]:
        """Every point as our codec reads it now."""
        found = self.map
        return {each.point: each.value for each in readings(found.fields, self.image, found.sums)}

    def draw(self, values: Mapping[str, float]) -> None:
        """Bring registers to these values."""
        for each in self.map.fields:
            if each.point not in values:
                continue
            # An unsigned register of a quantity that has a sign here holds its size; one that this device does not
            # implement (no scale factor) holds nothing.
            for value in (values[each.point], abs(values[each.point])):
                with suppress(CodecError):
                    self.image.update(encode(each, value, self.image))
                    break

    def order(self, kind: str, *, off: bool = False, **given: float) -> None:
        """Write a control's sequence in our own words, unlocking included."""
        found = self.map
        known = by_name(found.registers)
        control = next(each for each in found.controls if each.kind == kind)
        for step in planned((*control.unlock, *(control.off if off else control.on)), known, given):
            block, words = words_to_write(step.register, step.value, self.image)
            self.write(block.table, block.start, words)

    def in_force(self, kind: str) -> Mapping[str, float] | None:
        """Arguments with which a control is on, as our code reads the registers; None when it is off."""
        found = self.map
        control = next(each for each in found.controls if each.kind == kind)
        return in_force(control, by_name(found.registers), self.image)

    def agrees(self, theirs: Mapping[str, float | None]) -> None:
        """Hold a client's readings, in our signs, against the stated truth. All that differs is told at once."""
        steps = {each.point: _step(each, self.image) for each in self.map.fields}
        wrong = []
        for point, value in theirs.items():
            want = self.truth[point]
            slack = steps.get(point, 0.0) * 0.51 + abs(want) * 1e-6 + 1e-9
            if value is None or abs(value - want) > slack:
                wrong.append(
                    f"{point}: the client reads {value}, the truth is {want} (registers can hold {slack:g} off)"
                )
        assert not wrong, "\n".join(wrong)


def _step(each: Field, image: Mapping[tuple[Table, int], int]) -> float:
    if each.type.name in {"F32", "F64"}:
        return 0.0
    step = abs(each.scale)
    if each.scale_factor_address is not None:
        word = image[each.table, each.scale_factor_address]
        step *= 10.0 ** (word - 0x1_0000 if word > 0x7FFF else word)
    return step


def drawn(profile_id: str, truth: Mapping[str, float], also: Iterable[Block] = (), unit: int | None = None) -> Still:
    """The reference device of a profile with this truth. ``also``: what a client reads along; it holds 0."""
    if profile_id not in profile_ids():
        pytest.skip(f"no profile {profile_id} in the library yet")
    image = dict(template(profile_id).image)
    for block in also:
        for at in range(block.start, block.end):
            image.setdefault((block.table, at), 0)
    made = Still(profile_id, load(profile_id).units[0] if unit is None else unit, image, truth)
    made.draw(truth)
    return made


def gen24_as_float(truth: Mapping[str, float]) -> Still:
    """Our GEN24 after somebody chose "float" in its pages: the inverter's model is another, all behind it has moved."""
    if "fronius-gen24" not in profile_ids():
        pytest.skip("no profile fronius-gen24 in the library yet")
    spec = load("fronius-gen24").sunspec
    assert spec is not None
    as_float = ChainLink(model=113, values={"St": 4, "Evt1": 0})
    links = [as_float if link.model == 103 else link for link in spec.chain]
    made = Still("fronius-gen24", 1, build_chain(spec.bases[0], links), truth)
    made.draw(truth)
    return made


@asynccontextmanager
async def serving(*devices: Still) -> AsyncIterator[int]:
    """Serve units on one loopback port while the block runs."""
    listener = DevicePort(HOST, 0, {each.unit: each for each in devices})
    await listener.open()
    for each in devices:
        each.port = listener.port
    try:
        yield listener.port
    finally:
        await listener.close()


async def ask(client: str, port: int, unit: int, *orders: str) -> dict[str, Any]:
    """Run a foreign client as a process of its own and take the JSON object that it prints last.

    ``orders`` are what the client shall do before it reads, in its script's own words.
    """
    if not FOREIGN_PYTHON.exists():
        pytest.skip(
            f"{client}: no environment for foreign clients; sh tests/install_oracles.sh makes it (Python 3.12 or newer)"
        )
    process = await asyncio.create_subprocess_exec(
        str(FOREIGN_PYTHON), str(CLIENTS / f"{client}.py"), str(port), str(unit), *orders,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(process.communicate(), CLIENT_TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    found: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    if "missing" in found:
        pytest.skip(f"{client}: {found['missing']}")
    return found


def holding(start: int, count: int) -> Block:
    """Holding registers."""
    return Block(Table.HOLDING, start, count)


assert NOON.keys() | EVENING.keys() <= POINTS.keys()
