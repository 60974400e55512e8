"""The policy's file: every fault with its place, and nothing published by a gap in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from central.cli import app
from central.core.publication import Part, Service, When
from central.public.policy import PolicyError, example, load_policy, read_policy
from central.public.room import address_of
from central.settings import SettingsError, load
from tests.central.public.parts import town


def changed(**parts: object) -> bytes:
    return yaml.safe_dump({**yaml.safe_load(example()), **parts}).encode()


def test_the_example_is_what_holds_without_a_file() -> None:
    policy = load_policy(None)
    assert policy == read_policy(example())
    assert policy.parts[Part.HOURS_LEFT] is When.NEVER
    assert {part for part, when in policy.parts.items() if when is When.ALWAYS} == {Part.OPENING, Part.NOTE}
    assert policy.tiers[Service.WATER] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\xff\xfe", "not YAML"),
        (b"a: [", "not YAML"),
        (b"- 1", "want publish, services and hours_classes_h"),
        (changed(publish={"opening": "always"}), "say of crowding, services, power, power_source, hours_left, note"),
        (changed(publish={"wats": "always"}), "publish.wats: unknown; want one of opening"),
        (changed(publish={"powr": "always"}), "publish.powr: unknown; perhaps 'power'"),
        (changed(services={"charging": 9}), "services.charging"),
        (changed(services={"sauna": 1}), "services.sauna: unknown"),
        (changed(hours_classes_h=[6, 3]), "hours_classes_h: want rising hours"),
        (changed(hours_classes_h=[]), "hours_classes_h"),
        (changed(publsh={}), "publsh: unknown; perhaps 'publish'"),
        (b"#" * 70_000, "larger than"),
    ],
)
def test_every_fault_is_named(text: bytes, says: str) -> None:
    with pytest.raises(PolicyError) as fault:
        read_policy(text)
    assert says in str(fault.value)


async def test_a_service_with_a_bad_policy_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("publish: {}")
    with pytest.raises(SettingsError, match=r"policy\.yaml: services"):
        async with town(tmp_path, options={"public.policy": str(file)}):
            pass


def test_the_command_checks_a_file_and_prints_one(tmp_path: Path) -> None:
    run = CliRunner()
    shown = run.invoke(app, ["public", "policy", "example"])
    file = tmp_path / "policy.yaml"
    file.write_text(shown.stdout, encoding="utf-8")
    good = run.invoke(app, ["public", "policy", "check", str(file), "--json"])
    assert good.exit_code == 0
    assert json.loads(good.stdout)["publish"]["hours_left"] == "never"
    assert "while_open" in run.invoke(app, ["public", "policy", "check", str(file)]).stdout
    file.write_text("publish: {powr: always}", encoding="utf-8")
    bad = run.invoke(app, ["public", "policy", "check", str(file)])
    assert bad.exit_code == 2
    assert "perhaps 'power'" in bad.stderr


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"http.public_url": "https://a.example/"}, "https://a.example"),
        ({"http.port": 8080}, "http://127.0.0.1:8080"),
        ({"http.port": 0}, ""),
        ({"http.host": "0.0.0.0", "http.port": 80}, ""),
        ({"http.host": "::1", "http.port": 80}, "http://[::1]:80"),
    ],
)
def test_a_code_is_printed_only_for_an_address_that_somebody_gave(
    tmp_path: Path, options: dict[str, object], address: str
) -> None:
    assert address_of(load(None, {}, options, data=tmp_path)) == address
