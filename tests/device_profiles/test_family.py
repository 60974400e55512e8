"""A family that is SunSpec and has registers of its maker's beside the models; and what a dump tells of orders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from device_profiles.cli import app
from device_profiles.codec import readings
from device_profiles.controls import by_name
from device_profiles.discover import discover
from device_profiles.dump import decode_dump
from device_profiles.load import Profile, load
from device_profiles.schema_sunspec import ChainLink
from device_profiles.sunspec_image import build_chain
from tests.device_profiles.helpers import Words, ask_all, image_of
from tests.device_profiles.test_load import faults_of, written

FAMILY = """
sunspec:
  bases: [40000]
  reverse: [grid.power_w]
  models:
    - ids: [103]
      points: {inverter.power_w: {point: W}, inverter.fault_bits: {point: Evt1}}
    - ids: [203]
      points: {grid.power_w: {point: W}}
    - ids: [124]
      points: {battery.soc_pct: {point: ChaState}}
      registers:
        floor: {point: MinRsvPct, unit: "%", range: [0, 100]}
points:
  battery.soc_pct: {address: 57732, type: f32, word_order: little}
  pv1.power_w: {address: 57740, type: u16}
registers:
  backup_reserve: {address: 57352, type: f32, word_order: little, unit: "%", range: [0, 100]}
controls:
  reserve:
    - on: [{write: backup_reserve, to: soc_pct}]
      proof: battery.soc_pct
    - on: [{write: floor, to: soc_pct}]
sums: {pv.power_w: ["pv{n}.power_w"]}
faults:
  inverter.fault_bits: {bits: {4: {ja: 系統停電, en: Grid lost}}}
"""
FLOAT_42 = [0x0000, 0x4228]
"""42.0, low word first."""


@pytest.fixture
def family(tmp_path: Path) -> Profile:
    return load(written(tmp_path, FAMILY))


def device() -> Words:
    links = [
        ChainLink(model=1, values={"Mn": "Maker", "Md": "M-1", "SN": "S1", "Vr": "2.0"}),
        ChainLink(model=103, values={"W": 5, "W_SF": 2, "Evt1": 1 << 4}),
        ChainLink(model=203, values={"W": 900, "W_SF": 0}),
        ChainLink(model=124, values={"ChaState": 60, "ChaState_SF": 0, "MinRsvPct": 20, "MinRsvPct_SF": 0}),
    ]
    return build_chain(40000, links)


def test_the_maker_s_registers_stand_beside_the_models_and_come_first(family: Profile) -> None:
    image = device() | image_of(57732, FLOAT_42) | image_of(57740, [700]) | image_of(57352, FLOAT_42)
    _, device_map = ask_all(discover(family), image)
    values = {r.point: r.value for r in readings(device_map.fields, image, device_map.sums)}
    assert values == {
        "inverter.power_w": 500,
        "inverter.fault_bits": 16,
        "grid.power_w": -900,
        "battery.soc_pct": 42,
        "pv1.power_w": 700,
        "pv.power_w": 700,
    }
    assert set(by_name(device_map.registers)) == {"floor", "backup_reserve"}
    assert [each.on[0].register for each in device_map.controls] == ["backup_reserve"]
    assert {each.point for each in device_map.identity} == {"model", "serial", "firmware"}


def test_where_the_maker_s_register_is_missing_the_model_s_is_taken(family: Profile) -> None:
    _, device_map = ask_all(discover(family), device())
    (control,) = device_map.controls
    assert control.on[0].register == "floor"
    assert set(by_name(device_map.registers)) == {"floor"}


def test_a_point_that_the_family_turns_must_be_one_of_its_models(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, FAMILY.replace("reverse: [grid.power_w]", "reverse: [grid.l1_power_w]"))
    assert faults == ["sunspec: grid.l1_power_w is the name of no point here"]


def test_a_text_with_a_comma_that_is_not_quoted_is_told_as_such(tmp_path: Path) -> None:
    body = "points: {pv.power_w: {address: 1, type: u16, note: generator, all strings}}"
    assert faults_of(tmp_path, body) == [
        "pv.power_w: all strings: is no key but the rest of a text; a text with a comma in it wants quotes"
    ]


def test_a_dump_tells_what_is_in_force_and_which_faults_are_on(family: Profile, tmp_path: Path) -> None:
    decoded = decode_dump(family, device())
    assert decoded.in_force == {"reserve": {"soc_pct": 20}}
    assert [each.en for each in decoded.faults] == ["Grid lost"]
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps({"holding": {str(at): word for (_, at), word in device().items()}}), encoding="utf-8")
    path = written(tmp_path, FAMILY)
    runner = CliRunner()
    shown = runner.invoke(app, ["decode", "-p", str(path), "-d", str(dump)]).output
    assert "in force: reserve 20 %" in shown
    assert "fault: 系統停電 / Grid lost (inverter.fault_bits bit 4)" in shown
    told = json.loads(runner.invoke(app, ["decode", "-p", str(path), "-d", str(dump), "--json"]).output)
    assert told["in_force"] == {"reserve": {"soc_pct": 20}}
    assert [each["en"] for each in told["faults"]] == ["Grid lost"]


def test_show_tells_registers_controls_and_faults(family: Profile, tmp_path: Path) -> None:
    path = written(tmp_path, FAMILY)
    shown = " ".join(CliRunner().invoke(app, ["show", str(path)]).output.split())
    for words in (
        "backup_reserve [%] (register)",
        "takes 0 to 100, stored",
        "on: backup_reserve = soc_pct (0 to 100 %)",
        "off: what stood there before is written back",
        "read back: the registers, proven by battery.soc_pct",
        "(control, where the device lacks the registers above)",
        "系統停電 / Grid lost",
    ):
        assert words in shown, words
    told = json.loads(CliRunner().invoke(app, ["show", str(path), "--json"]).output)
    assert [each["control"] for each in told["controls"]] == ["reserve", "reserve"]
    assert told["faults"] == [{"point": "inverter.fault_bits", "code": "bit 4", "ja": "系統停電", "en": "Grid lost"}]
    assert family.faults
