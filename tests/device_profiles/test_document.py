"""The page of all devices, and what `show` tells: every fact of every profile, held against the loaded fields."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from device_profiles.cli import app
from device_profiles.document import check, main, text
from device_profiles.facts import facts, spec_of
from device_profiles.load import load, profile_ids
from device_profiles.model import Confidence
from device_profiles.order_facts import fault_facts, order_facts

README = Path(__file__).parents[2] / "device_profiles" / "README.md"
PAGE = Path(__file__).parents[2] / "docs" / "devices.md"
runner = CliRunner()


def test_the_page_in_docs_is_what_the_library_says() -> None:
    assert check(PAGE) == ""
    assert main(["--check", str(PAGE)]) == 0


def test_a_page_that_is_out_of_date_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "devices.md"
    assert "does not exist" in check(old)
    old.write_text(text().replace("35182", "35183"), encoding="utf-8")
    assert main(["--check", str(old)]) == 1
    assert "make docs" in capsys.readouterr().err


@pytest.mark.parametrize("profile_id", profile_ids())
def test_every_field_of_a_profile_stands_among_its_facts_with_its_registers_and_confidence(profile_id: str) -> None:
    profile, found = load(profile_id), facts(spec_of(profile_id))
    for each in (*profile.fields, *(register.field for register in profile.registers)):
        patterns = [
            fact
            for fact in found
            if re.fullmatch(re.escape(fact.point).replace(r"\{n\}", r"\d+"), each.point)
            and fact.place.startswith(each.table.value)
        ]
        assert patterns, each.point
        assert {fact.confidence for fact in patterns} >= {each.confidence.value}
        numbers = {int(number) for fact in patterns for number in re.findall(r"\d+", fact.place)}
        assert each.address in numbers or any("{n}" in fact.point for fact in patterns), each.point


def test_the_examples_of_how_to_write_a_profile_load(tmp_path: Path) -> None:
    smallest, orders = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    point = "  inverter.fault_bits: {address: 5, type: u16}\n"
    path = tmp_path / "my-inverter.yaml"
    path.write_text(smallest + point + orders, encoding="utf-8")
    assert {alternatives[0].kind for alternatives in load(path).controls} == {"reserve", "charge"}


@pytest.mark.parametrize("profile_id", profile_ids())
def test_every_control_and_fault_stands_on_the_page(profile_id: str) -> None:
    page, spec = text(), spec_of(profile_id)
    for fact in order_facts(spec):
        assert f"`{fact.control}`" in page
        assert fact.on.replace("|", "\\|") in page
    for fault in fault_facts(spec):
        assert f"| `{fault.point}` | {fault.code} | {fault.ja} | {fault.en} |" in page


def test_signs_are_told_as_the_device_counts() -> None:
    by_point = {fact.point: fact for fact in facts(spec_of("huawei-sun2000"))}
    assert by_point["battery.power_w"].sign == "charge"
    assert by_point["grid.power_w"].sign == "export"
    assert {fact.point: fact for fact in facts(spec_of("goodwe-et"))}["battery.power_w"].sign == "discharge"


def test_what_is_unverified_is_said_to_be_doubtful() -> None:
    page = text()
    for profile_id in profile_ids():
        listed = json.loads(runner.invoke(app, ["list", "--json"]).output)["profiles"]
        unverified = next(row["unverified"] for row in listed if row["id"] == profile_id)
        for fact in facts(spec_of(profile_id)):
            assert fact.is_doubtful == (fact.confidence == Confidence.UNVERIFIED.value)
            assert not fact.is_doubtful or fact.point in unverified
    assert page.count("**doubtful** |") >= sum(fact.is_doubtful for p in profile_ids() for fact in facts(spec_of(p)))


def test_show_is_made_to_be_held_against_a_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "48")
    shown = runner.invoke(app, ["show", "huawei-sun2000", "--point", "battery.power"]).output
    for words in ("battery.power_w [W]", "holding 37765–37766, else 37001–37002", "s32", "raw × -1", "is charge"):
        assert words in " ".join(shown.split()), words
    assert "counts from 1" in " ".join(shown.split())
    told = json.loads(runner.invoke(app, ["show", "sdm630", "--json"]).output)
    assert {fact["point"] for fact in told["facts"] if fact["doubtful"]} == {
        "grid.l{n}_current_a",
        "grid.reactive_power_var",
    }
    assert runner.invoke(app, ["show", "sdm630", "--point", "batery"]).exit_code == 2
