"""Registers, controls and faults of a profile file: what they come to, and how their faults are told."""

# ruff: noqa: E501  One case a line reads better than ten lines a case.

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.controls import by_name, registers_of
from device_profiles.discover import discover, static_map
from device_profiles.load import Profile, load
from device_profiles.model import Argument, Confidence, Table, ValueType, Write
from tests.device_profiles.helpers import ask_all, image_of
from tests.device_profiles.test_load import faults_of, written

BODY = """
defaults: {source: sheet}
ports: [502, 1502]
units: [3, 1]
models: [SH5.0RT, SH10RT]
limits: {write_multiple_only: true}
detect:
  - {device_id: vendor, contains: [Carlo Gavazzi]}
points:
  battery.reserve_soc_pct: {address: 10, type: u16, scale: 0.1}
  battery.voltage_v: {address: 11, type: u16, scale: 0.1}
  battery.soc_pct: {address: 12, type: u16, absent_while: {point: battery.voltage_v, reads: 0}}
  inverter.fault_bits: {address: 13, type: u16}
  inverter.fault_code: {address: 14, type: u16}
  inverter.clock_s: {address: 20, type: clock6, group: once}
  "tier{n}.closed": {table: coil, address: 0, type: bit, repeat: {to: 3, step: 1}}
registers:
  reserve: {address: 10, type: u16, scale: 0.1, unit: "%", range: [0, 100], confidence: recorded, note: a note}
  mode: {address: 30, type: u16, range: [0, 8], confidence: unverified}
  power: {address: 31, type: u32, word_order: little, unit: W, range: [0, 10000]}
  command: {address: 33, type: u16, range: [0, 0xFF], stored: false}
  password: {address: 34, type: u16, range: [1, 1], stored: false}
  "tier{n}": {table: coil, address: 0, type: bit, range: [0, 1], stored: false, repeat: {to: 3, step: 1}}
controls:
  reserve: {on: [{write: reserve, to: soc_pct}], proof: battery.reserve_soc_pct, confidence: documented}
  charge:
    on: [{write: mode, to: 2}, {write: power, to: power_w}, {write: command, to: 0xAA, settle_s: 0.5}]
    off: [{write: command, to: 0xCC}, {write: mode, to: 0}]
    unlock: [{write: password, to: 1}]
    by_hand: {ja: EMSを外部にする, en: Set the EMS to external}
    interval_s: 30
    source: manual p. 3
  "tier{n}":
    on: [{write: "tier{n}", to: 1}]
    off: [{write: "tier{n}", to: 0}]
    proof: "tier{n}.closed"
    interval_s: 5
faults:
  inverter.fault_bits: {bits: {4: {ja: 系統停電, en: Grid lost}}}
  inverter.fault_code: {codes: {2032: {ja: 系統停電, en: Grid loss}}}
"""


@pytest.fixture
def sample(tmp_path: Path) -> Profile:
    return load(written(tmp_path, BODY))


def test_where_a_family_listens_and_how_it_is_known(sample: Profile) -> None:
    assert (sample.ports, sample.units, sample.models) == ((502, 1502), (3, 1), ("SH5.0RT", "SH10RT"))
    assert (sample.detect[0].device_id, sample.detect[0].address) == ("vendor", None)
    assert sample.limits.write_multiple_only


def test_registers_and_controls_become_values(sample: Profile) -> None:
    device_map = static_map(sample)
    registers = by_name(device_map.registers)
    assert list(registers) == ["reserve", "mode", "power", "command", "password", "tier1", "tier2", "tier3"]
    reserve = registers["reserve"]
    assert (reserve.low, reserve.high, reserve.unit, reserve.note) == (0, 100, "%", "a note")
    assert (reserve.is_stored, reserve.confidence, reserve.source) == (True, Confidence.RECORDED, "sheet")
    assert registers["tier3"].block == registers["tier3"].field.spans[0]
    assert (registers["tier3"].field.table, registers["tier3"].field.address) == (Table.COIL, 2)
    controls = {each.kind: each for each in device_map.controls}
    assert list(controls) == ["reserve", "charge", "tier1", "tier2", "tier3"]
    charge = controls["charge"]
    assert charge.on == (Write(register="mode", to=2), Write(register="power", to=Argument.POWER_W),
                         Write(register="command", to=0xAA, settle_s=0.5))  # fmt: skip
    assert charge.unlock == (Write(register="password", to=1),)
    assert registers_of(charge) == ("mode", "power", "command")
    assert (charge.by_hand_ja, charge.by_hand_en) == ("EMSを外部にする", "Set the EMS to external")
    assert (charge.interval_s, charge.source) == (30, "manual p. 3")
    assert controls["tier2"].on == (Write(register="tier2", to=1),)
    assert controls["tier2"].proof == "tier2.closed"


def test_a_control_is_as_sure_as_its_least_sure_register_or_less(sample: Profile) -> None:
    sure = {each.kind: each.confidence for each in static_map(sample).controls}
    assert sure["charge"] is Confidence.UNVERIFIED
    assert sure["reserve"] is Confidence.DOCUMENTED
    assert sure["tier1"] is Confidence.DOCUMENTED


def test_faults_become_texts(sample: Profile) -> None:
    told = {(each.point, each.code, each.is_bit, each.en) for each in static_map(sample).faults}
    assert told == {("inverter.fault_bits", 4, True, "Grid lost"), ("inverter.fault_code", 2032, False, "Grid loss")}


ALTERNATIVES = """
points: {pv.power_w: {address: 1, type: u16}}
registers:
  old: {address: 10, type: u16, range: [0, 100]}
  new: {address: 20, type: u16, range: [0, 100], sentinels: [0xFFFF]}
controls:
  reserve:
    - {on: [{write: new, to: soc_pct}], note: newer firmware}
    - {on: [{write: old, to: soc_pct}]}
"""


@pytest.mark.parametrize(("answer", "taken"), [([7], "new"), ([0xFFFF], "old"), ([], "old")])
def test_of_several_ways_the_first_that_the_device_has_is_taken(tmp_path: Path, answer: list[int], taken: str) -> None:
    profile = load(written(tmp_path, ALTERNATIVES))
    asked, device_map = ask_all(discover(profile), image_of(20, answer))
    assert [block.start for block in asked] == [20]
    (control,) = device_map.controls
    assert control.on[0].register == taken


def test_a_variant_takes_registers_and_their_controls_away(tmp_path: Path) -> None:
    body = BODY + "variants: [{when: {address: 99}, equals: [5], drop: [command]}]"
    _, device_map = ask_all(discover(load(written(tmp_path, body))), image_of(99, [5]))
    assert "command" not in by_name(device_map.registers)
    assert "charge" not in {each.kind for each in device_map.controls}


ONE = """
points: {battery.soc_pct: {address: 1, type: u16}, inverter.fault_bits: {address: 2, type: u16}}
registers:
  mode: {address: 9, type: u16, range: [0, 8]}
  soc: {address: 10, type: u16, range: [0, 100], confidence: unverified}
  watts: {address: 11, type: s16, range: [-5000, 0], stored: false}
"""
OFF = "off: [{write: mode, to: 0}]"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("registers: {x: {address: 1, type: u16}}", "x: range: is missing"),
        ("registers: {x: {address: 1, type: u16, range: [5, 1]}}", "x: range: want [low, high] with low not above high, got [5.0, 1.0]"),
        ("registers: {x: {address: 1, type: u16, range: [0, 1], store: false}}", "x: store: unknown key, perhaps 'stored'?"),
        ("registers: {x: {address: 1, type: s16, range: [0, 40000]}}", "x: range does not fit into the register: x: 40000.0 needs the raw number 40000, s16 holds -32768..32767"),
        ("registers: {X.y: {address: 1, type: u16, range: [0, 1]}}", "X.y: the name of a register is of lower case, digits and _, such as reserve or ems_mode"),
        ("registers: {x: {address: 1, type: u16, range: [0, 1], states: {0: 1}}}", "x: a register holds a number as it is written: no states, no absolute"),
        ("registers: {x: {address: 1, type: u32, range: [0, 1]}, y: {address: 2, type: u16, range: [0, 1]}}", "y: u16 at 2 cuts into x, u32 at 1"),
        ("registers: {x: {address: 1, type: clock3, scale: 2, range: [0, 1]}}", "x: clock3 is a date and time: no scale, offset, bits, states or absolute"),
    ],
)  # fmt: skip
def test_a_fault_of_a_register_names_it(tmp_path: Path, body: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, "points: {pv.power_w: {address: 90, type: u16}}\n" + body)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (f"bakup: {{on: [{{write: mode, to: 1}}], {OFF}}}", "bakup: no such control, perhaps 'backup'?"),
        (f"backup: {{on: [{{write: mod, to: 1}}], {OFF}}}", "backup: on: mod: no such register, perhaps 'mode'?"),
        (f"backup: {{on: [{{write: mode, to: 9}}], {OFF}}}", "backup: on: mode: 9 is outside of 0 to 8"),
        (f"backup: {{on: [{{wrte: mode, to: 9}}], {OFF}}}", "backup: on: 0: wrte: unknown key, perhaps 'write'?"),
        (f"backup: {{on: [], {OFF}}}", "backup: on: List should have at least 1 item after validation, not 0"),
        ("backup: {on: [{write: mode, to: 1}]}", "backup: off: is missing; if it is released by writing back what stood there, say so in a note"),
        (f"backup: {{on: [{{write: soc, to: soc_pct}}], {OFF}}}", "backup: on: soc: soc_pct is not given here; this control takes no argument"),
        (f"charge: {{on: [{{write: mode, to: powr_w}}], {OFF}}}", "charge: mode: to: 'powr_w' is neither a number nor an argument, perhaps 'power_w'?"),
        (f"charge: {{on: [{{write: watts, to: power_w}}], {OFF}}}", "charge: on: watts: takes power_w, which is never below 0, but its range ends at 0"),
        ("charge: {on: [{write: mode, to: 1}], off: [{write: soc, to: soc_pct}]}", "charge: off: soc: soc_pct is not given here"),
        ("reserve: {on: [{write: mode, to: 1}]}", "reserve: on: no step writes soc_pct"),
        ("reserve: {on: [{write: soc, to: soc_pct}], interval_s: 0}", "reserve: interval_s: a stored register is written, so there must be a time between two orders"),
        ("reserve: {on: [{write: soc, to: soc_pct}], refresh_s: 60}", "reserve: refresh_s: writes a stored register again and again; say in a note why it must be"),
        ("reserve: {on: [{write: soc, to: soc_pct}], proof: battery.soc_pc}", "reserve: proof: 'battery.soc_pc' is no point of this profile, perhaps 'battery.soc_pct'?"),
        ("reserve: {on: [{write: soc, to: soc_pct}], confidence: recorded}", "reserve: cannot be recorded while soc is unverified"),
        ("reserve: {on: [{write: soc, to: soc_pct}], by_hand: {ja: x, en: x}}", "reserve: by_hand: say it in Japanese and in English"),
        ("reserve: {on: [{write: watts, to: soc_pct}]}", "reserve: on: watts: takes soc_pct, but its range is -5000 to 0"),
        ("reserve: [{on: [{write: soc, to: soc_pct}]}, {on: [{write: sock, to: soc_pct}]}]", "reserve: 1: on: sock: no such register, perhaps 'soc'?"),
        (f"charge: {{on: [{{write: mode, to: 1}}], {OFF}, refresh_s: 60, falls_back_s: 60, note: so it is}}", "charge: refresh_s: 60 s is too late, the device falls back after 60 s"),
        (f"'tier{{n}}': {{on: [{{write: 'relay{{n}}', to: 1}}], {OFF}}}", "tier1: on: relay1: no such register"),
    ],
)  # fmt: skip
def test_a_fault_of_a_control_names_it_and_the_step(tmp_path: Path, body: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, f"{ONE}controls:\n  {body}\n")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("inverter.falt_bits: {bits: {1: {ja: あ, en: a}}}", "faults: inverter.falt_bits: no point of this profile, perhaps 'inverter.fault_bits'?"),
        ("inverter.fault_bits: {bits: {16: {ja: あ, en: a}}}", "faults: inverter.fault_bits: bit 16: never comes, the register cannot hold it"),
        ("inverter.fault_bits: {codes: {70000: {ja: あ, en: a}}}", "faults: inverter.fault_bits: code 70000: never comes, the register cannot hold it"),
        ("inverter.fault_bits: {bits: {1: {ja: same, en: same}}}", "faults: inverter.fault_bits: bit 1: say it in Japanese and in English"),
        ("inverter.fault_bits: {bits: {1: {ja: あ}}}", "faults: inverter.fault_bits: bits: 1: en: is missing"),
    ],
)  # fmt: skip
def test_a_fault_text_fits_its_point_and_is_told_twice(tmp_path: Path, body: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, f"{ONE}faults: {{{body}}}\n")


@pytest.mark.parametrize(
    ("sign", "fault"),
    [
        ("{address: 1, device_id: vendor, contains: [x]}", "detect: 0: give either address or device_id"),
        ("{contains: [x]}", "detect: 0: give either address or device_id"),
        ("{device_id: vendor, equals: [1]}", "detect: 0: starts_with and contains are for texts; equals and between are for numbers"),
    ],
)  # fmt: skip
def test_a_sign_is_of_a_register_or_of_the_device_s_own_words(tmp_path: Path, sign: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, f"{ONE}detect: [{sign}]\n")


def test_a_number_can_only_be_asked_whether_it_is_0(tmp_path: Path) -> None:
    body = "points: {battery.voltage_v: {address: 1, type: u16}, battery.soc_pct: {address: 2, type: u16, absent_while: {point: battery.voltage_v, reads: 5}}}"
    assert faults_of(tmp_path, body) == [
        "battery.soc_pct: absent_while: battery.voltage_v is a number; all that can be asked of it is whether it reads 0"
    ]
    assert ValueType.CLOCK3 == "clock3"
