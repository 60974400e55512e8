"""A profile with faults does not load, and tells all of them with file, point and reason."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.load import LIBRARY, load, profile_ids
from device_profiles.model import Confidence, Group, ProfileError, Table
from device_profiles.yamlfile import read_yaml

HEAD = """
id: sample
names: {ja: 見本, en: Sample}
source: made up for a test
confidence: unverified
"""


def written(folder: Path, body: str, head: str = HEAD) -> Path:
    path = folder / "sample.yaml"
    path.write_text(head + dedent(body), encoding="utf-8")
    return path


def faults_of(folder: Path, body: str, head: str = HEAD) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        load(written(folder, body, head))
    lines = str(caught.value).splitlines()
    assert all(line.startswith("sample.yaml: ") for line in lines)
    return [line.removeprefix("sample.yaml: ") for line in lines]


def test_a_whole_profile_becomes_fields(tmp_path: Path) -> None:
    profile = load(
        written(
            tmp_path,
            """
            defaults: {table: input, word_order: little, sentinels: {u16: [0xFFFF]}}
            limits: {registers_max: 20, holes: [{table: input, first: 90, last: 99}]}
            points:
              pv{n}.voltage_v: {address: 10, type: u16, scale: 0.1, repeat: {to: 2, step: 5}}
              battery.state: {address: 30, type: u16, states: {0: off, 1: charging}}
              pv.energy_wh: {table: holding, address: 40, type: u32, group: slow, confidence: recorded}
            """,
        )
    )
    by_point = {each.point: each for each in profile.fields}
    assert by_point["pv2.voltage_v"].address == 15
    assert by_point["pv2.voltage_v"].sentinels == {0xFFFF}
    assert by_point["battery.state"].states == {0: 1, 1: 3}
    assert by_point["pv.energy_wh"].table is Table.HOLDING
    assert by_point["pv.energy_wh"].group is Group.SLOW
    assert by_point["pv.energy_wh"].confidence is Confidence.RECORDED
    assert profile.limits.holes[0].count == 10


ONE = "points: {pv.power_w: {address: 1, type: u16}}\n"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("points: {pv.powr_w: {address: 1, type: u16}}", "pv.powr_w: no such point, perhaps 'pv.power_w'?"),
        (
            "points: {pv.power_w: {adress: 1, address: 1, type: u16}}",
            "pv.power_w: adress: unknown key, perhaps 'address'?",
        ),
        ("points: {pv.power_w: {type: u16}}", "pv.power_w: address: is missing"),
        (
            "points: {pv.power_w: {address: 1, type: u16, scale: 0}}",
            "pv.power_w: scale: scale 0 would turn every value into 0",
        ),
        (
            "points: {pv.power_w: {address: 1, type: u16, sentinels: [0x10000]}}",
            "pv.power_w: sentinel 0x10000 is wider than u16",
        ),
        (
            "points: {inverter.fault_bits: {address: 1, type: u16, bit: 16}}",
            "inverter.fault_bits: mask 0x10000 is wider than u16",
        ),
        (
            "points: {battery.state: {address: 1, type: u16, states: {1: chargin}}}",
            "battery.state: state 1 maps to 'chargin', which is unknown, perhaps 'charging'?",
        ),
        (
            "points: {inverter.islanded: {address: 1, type: u16, states: {1: 2}}}",
            "inverter.islanded: state 1 maps to 2, which is unknown; there are 0, 1",
        ),
        (
            "points: {battery.state: {address: 1, type: u16}}",
            (
                "battery.state: needs states: raw value → one of unknown, off, standby, charging, discharging, full, "
                "empty, fault"
            ),
        ),
        (
            "points: {pv.power_w: {address: 1, type: u16, states: {1: 1}}}",
            "pv.power_w: states are for state points; this one is a number",
        ),
        (
            "points: {battery.state: {address: 1, type: u16, mask: 3, states: {4: full}}}",
            "battery.state: states for raw values that never come: 4",
        ),
        (
            "points: {pv.power_w: {address: 1, type: u32}, battery.power_w: {address: 2, type: u16}}",
            "battery.power_w: u16 at 2 cuts into pv.power_w, u32 at 1",
        ),
        (
            "points: {pv.power_w: {address: 1, type: u16}, battery.power_w: {address: 1, type: u16}}",
            "pv.power_w: stands where battery.power_w stands (1), and nothing tells them apart",
        ),
        (
            "points: {pv.power_w: {address: 0xFFFF, type: u32}}",
            "pv.power_w: registers 65535..65536 are beyond the last address 65535",
        ),
        (
            "points: {pv.power_w: {table: coil, address: 1, type: u16}}",
            "pv.power_w: type u16 does not stand in table coil; coils and discrete inputs hold type bit only",
        ),
        (
            "points: {tier1.closed: {address: 1, type: bit}}",
            "tier1.closed: type bit does not stand in table holding; coils and discrete inputs hold type bit only",
        ),
        (
            "points: {pv.power_w: {address: 1, type: string}}",
            "pv.power_w: a point is a number; texts belong under identity",
        ),
        (
            "points: {pv.power_w: {address: 1, type: u32, scale_factor: 2}}",
            "pv.power_w: scale factor 2 is one of the value's own registers",
        ),
        (
            "limits: {registers_max: 1}\npoints: {pv.power_w: {address: 1, type: u32}}",
            "pv.power_w: takes 2 registers, but the device gives 1 at a time",
        ),
        (
            "limits: {holes: [{first: 5, last: 9}]}\npoints: {pv.power_w: {address: 4, type: u32}}",
            "pv.power_w: stands in the hole 5..9, which may not be read",
        ),
        (
            "limits: {holes: [{first: 9, last: 5}]}\npoints: {pv.power_w: {address: 4, type: u32}}",
            "limits: holes: 0: last (5) is before first (9)",
        ),
        (
            "points: {'pv{n}.power_w': {address: 4, type: u32}}",
            "pv{n}.power_w: a name with {n} and repeat belong together",
        ),
        (
            "points: {'pv{n}.power_w': {address: 4, type: u16, repeat: {to: 17, step: 1}}}",
            "pv17.power_w: no such point, perhaps 'pv7.power_w'?",
        ),
        (
            "points: {pv1.power_w: {address: 1, type: u16}}\nsums: {pv.power_w: [pv9.power_w]}",
            "pv.power_w: sum of pv9.power_w, of which the profile has none",
        ),
        (
            "points: {pv.power_w: {address: 1, type: u16, guard: grid.meter_online}}",
            "pv.power_w: guard 'grid.meter_online' is no point of this profile",
        ),
        (
            "points: {pv.power_w: {address: 2, type: u16, absent_while: {point: battery.sate, reads: standby}}}",
            "pv.power_w: absent_while: 'battery.sate' is no point of this profile",
        ),
        (
            ONE + "detect: [{address: 1}]",
            "detect: 0: give exactly one of equals, starts_with, contains, between",
        ),
        (
            ONE + "variants: [{when: {address: 9}, equals: [0], drop: [pv9.*]}]",
            "variants: pv9.*: no point of this profile is named so",
        ),
        (
            ONE + "reference: {texts: {serial: S1}, values: {pv.powr_w: 1}}",
            "reference: values: pv.powr_w: no point or register of this profile, perhaps 'pv.power_w'?",
        ),
        (
            ONE + "reference: {texts: {serial: S1}, values: {pv.power_w: 1}}",
            "reference: texts: serial: identity does not say where it stands",
        ),
        (
            ONE + "reference: {values: {pv.power_w: 70000}}",
            "reference: values: pv.power_w: 70000.0 needs the raw number 70000, u16 holds 0..65535",
        ),
        ("", "file: a profile needs points, or a sunspec section"),
    ],
)
def test_a_fault_names_the_point_and_the_reason(tmp_path: Path, body: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, body)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        points:
          pv.powr_w: {address: 1, type: u16}
          battery.soc_pct: {address: 2, type: u16, sentinels: [70000]}
          battery.state: {address: 3, type: u16, states: {1: fulll}}
          grid.power_w: {address: 5, type: u16}
          grid.power_w: {address: 6, type: u16}
        sums:
          pv.power_w: [pv1.power_w]
        """,
    )
    assert len(faults) == 5
    assert any("grid.power_w: stands twice, again in line" in fault for fault in faults)


def test_a_point_that_stands_twice_is_a_fault_across_repeats_and_sums(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        points:
          "pv{n}.power_w": {address: 1, type: u16, repeat: {to: 2, step: 1}}
          pv2.power_w: {address: 9, type: u16}
          pv.power_w: {address: 11, type: u16}
        sums:
          pv.power_w: ["pv{n}.power_w"]
        """,
    )
    assert faults == ["pv2.power_w: stands twice", "pv.power_w: stands twice"]


def test_what_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "points: {a: [}\n")
    assert fault.startswith("line 6: no valid YAML: ")


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"nothing\.yaml: cannot be read"):
        load(tmp_path / "nothing.yaml")


def test_an_unknown_id_tells_which_there_are() -> None:
    with pytest.raises(ProfileError, match=r"no profile 'huawei'; there are .*huawei-sun2000"):
        load("huawei")


def test_sunspec_faults_name_the_model_and_what_was_perhaps_meant(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        """
        sunspec:
          bases: [40000]
          makers: {Nobody: {reverse: [grid.power_w]}}
          models:
            - {ids: [103], points: {inverter.power_w: {point: Wx}, inverter.powr_w: {point: W}}}
            - {ids: [99999], points: {}}
            - {ids: [11], points: {pv.power_w: {point: MAC}}}
            - {ids: [160], group: modul, sections: []}
            - ids: [124]
              registers:
                reserve: {point: MinRsvPc, range: [0, 100]}
                charge_power: {point: OutWRte, percent_of: 124.WChMax, range: [0, 1]}
          chain: [{model: 103, values: {Wxx: 1}}]
        """,
    )
    assert faults == [
        "inverter.power_w: model 103 has no point 'Wx', perhaps 'W'?",
        "inverter.powr_w: no such point, perhaps 'inverter.power_w'?",
        "sunspec: there is no model 99999",
        "pv.power_w: MAC is no number but eui48",
        "sunspec: model 160 has no group 'modul', perhaps 'module'?",
        "reserve: model 124 has no point 'MinRsvPc', perhaps 'MinRsvPct'?",
        "charge_power: percent_of '124.WChMax': the model has no such point, perhaps 'WChaMax'?",
        "sunspec: makers: Nobody: grid.power_w is the name of no point here",
        "sunspec: chain: model 103 has no point 'Wxx'",
    ]


JUNK = [None, "", "x", -1, 0, 70000, 1e400, float("nan"), 2**70, [], {}, [None], {"a": {}}, True, "pv.power_w", [5, 1]]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(profile_ids()), st.randoms(use_true_random=False), st.sampled_from(JUNK))
def test_whatever_stands_in_a_file_it_loads_or_is_a_profile_error(profile_id: str, dice: Random, junk: object) -> None:
    raw, _ = read_yaml((LIBRARY / f"{profile_id}.yaml").read_text(encoding="utf-8"))
    here: Any = raw
    while True:
        key = dice.choice(list(here) if isinstance(here, dict) else range(len(here)))
        if isinstance(here[key], dict | list) and here[key] and dice.random() < 0.8:
            here = here[key]
            continue
        here[key] = junk
        break
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{profile_id}.yaml"
        path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
        # Nothing but a ProfileError may come out.
        with suppress(ProfileError):
            profile = load(path)
            assert profile.fields or profile.sunspec is not None
