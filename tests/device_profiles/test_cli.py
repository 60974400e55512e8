"""The command line, as a technician or a script uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from device_profiles.cli import app
from device_profiles.load import profile_ids

runner = CliRunner()
DUMP = {"holding": {"37113": 0xFFFF, "37114": 0xFFF7, "37004": 760}, "input": {}}


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(DUMP), encoding="utf-8")
    return path


def test_list_names_every_profile() -> None:
    shown = runner.invoke(app, ["list"])
    assert shown.exit_code == 0
    assert all(profile_id in shown.output for profile_id in profile_ids())
    rows = json.loads(runner.invoke(app, ["list", "--json"]).output)["profiles"]
    assert [row["id"] for row in rows] == list(profile_ids())


@pytest.mark.parametrize("profile_id", profile_ids())
def test_show_tells_source_and_points(profile_id: str) -> None:
    shown = runner.invoke(app, ["show", profile_id])
    assert shown.exit_code == 0
    assert "source: " in shown.output
    assert "confidence" in shown.output


def test_lint_of_the_library_finds_nothing() -> None:
    assert runner.invoke(app, ["lint"]).exit_code == 0


def test_lint_tells_every_fault_of_every_file_and_exits_with_1(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("id: x\npoints: {pv.powr_w: {address: 1}}\n", encoding="utf-8")
    result = runner.invoke(app, ["lint", str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")])
    assert result.exit_code == 1
    for name in ("one", "two"):
        assert f"{name}.yaml: names: is missing" in result.stderr
        assert f"{name}.yaml: pv.powr_w: type: is missing" in result.stderr


def test_decode_prints_the_agreed_form(dump: Path) -> None:
    result = runner.invoke(app, ["decode", "--profile", "huawei-sun2000", "--dump", str(dump), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.output)
    assert told["points"] == {
        "grid.power_w": {"value": 9.0, "unit": "W", "quality": "good"},
        "battery.soc_pct": {"value": 76.0, "unit": "%", "quality": "good"},
    }
    assert "pv.power_w" in told["not_in_dump"]


def test_decode_prints_a_table_for_people(dump: Path) -> None:
    result = runner.invoke(app, ["decode", "-p", "huawei-sun2000", "-d", str(dump)])
    assert result.exit_code == 0
    assert "battery.soc_pct" in result.output
    assert "not in the dump: " in result.output


@pytest.mark.parametrize(
    ("text", "profile", "code", "said"),
    [
        ("{", "huawei-sun2000", 2, "no JSON"),
        ("[]", "huawei-sun2000", 2, "want an object"),
        ('{"holding": {"x": 1}}', "huawei-sun2000", 2, "'x' is no register number"),
        ('{"holding": {"1": 70000}}', "huawei-sun2000", 2, "70000 is no register number or word"),
        ('{"holding": {"1": 7}}', "sunspec", 1, "no SunSpec device"),
        ('{"holding": {"1": 7}}', "nobody", 2, "no profile 'nobody'"),
    ],
)
def test_what_cannot_be_decoded_is_told_on_stderr(
    tmp_path: Path, text: str, profile: str, code: int, said: str
) -> None:
    path = tmp_path / "dump.json"
    path.write_text(text, encoding="utf-8")
    result = runner.invoke(app, ["decode", "--profile", profile, "--dump", str(path), "--json"])
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr


def test_the_edge_s_share_of_this_room_loads_nothing_heavy() -> None:
    code = (
        "import sys; from device_profiles import blocks, codec, discover, load;"
        "print(sorted({'rich', 'typer', 'sunspec2.device', 'pymodbus', 'serial'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_decode_shows_a_clock_as_wall_time(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"holding": {"40000": 0x6925, "40001": 0x2A80}}), encoding="utf-8")
    result = runner.invoke(app, ["decode", "-p", "huawei-sun2000", "-d", str(path)])
    assert "inverter.clock_s               2025-11-25 04:03:12 JST\n" in result.output
