"""What a check concludes from what it saw, and that every conclusion has its words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from contract.points import POINTS, BatteryState, InverterState
from contract.readings import Quality
from edge_agent.check import check_site
from edge_agent.config import parse_config
from edge_agent.core.clock import Sync
from edge_agent.findings import PointSeen, Severity, balance_of, look_at_points
from edge_agent.says import SAYS
from edge_agent.show import cells, page, wrap
from edge_agent.surroundings import look_at_clock, look_at_files
from edge_agent.words import LANGUAGES, WORDS, meaning
from tests.edge_agent.fieldbus.parts import lying
from tests.support import free_port


def seen(**values: float | Quality) -> list[PointSeen]:
    """Points by name, ``__`` for the dot."""
    return [
        PointSeen(name.replace("__", "."), None, "", value.value, "")
        if isinstance(value, Quality)
        else PointSeen(name.replace("__", "."), value, "", "good", "")
        for name, value in values.items()
    ]


def kinds(points: list[PointSeen]) -> list[str]:
    return [finding.kind for finding in look_at_points("a", "sdm630", points, ["relay"])]


def test_values_that_no_building_has_give_a_wrong_profile_away() -> None:
    assert kinds(seen(grid__frequency_hz=6.5, grid__l1_voltage_v=801, grid__l2_voltage_v=3.1, grid__power_w=9)) == [
        "wrong_profile"
    ]
    assert kinds(seen(grid__frequency_hz=50, grid__l1_voltage_v=101, grid__l2_voltage_v=0, grid__power_w=9)) == []


def test_a_few_missing_registers_are_a_note_and_not_a_wrong_profile() -> None:
    points = seen(grid__frequency_hz=50, grid__l1_voltage_v=101, grid__power_w=Quality.ILLEGAL_ADDRESS)
    assert kinds(points) == ["some_bad"]


def test_points_that_are_not_available_neither_accuse_nor_excuse() -> None:
    bad = {f"grid__l{n}_power_w": Quality.ILLEGAL_ADDRESS for n in (1, 2, 3)}
    gone = {f"grid__l{n}_voltage_v": Quality.NOT_AVAILABLE for n in (1, 2, 3)}
    assert kinds(seen(**bad, **gone)) == ["wrong_profile"]
    assert kinds(seen(**gone)) == ["some_bad"]


def test_nothing_but_zeros_is_told() -> None:
    zeros = dict.fromkeys(("grid__power_w", "grid__l1_power_w", "grid__l1_voltage_v", "grid__frequency_hz"), 0.0)
    assert kinds(seen(**zeros, grid__import_energy_wh=0.0)) == ["all_zero"]
    assert kinds(seen(**zeros, grid__import_energy_wh=5.0)) == []


SUNNY = {"pv.power_w": 5000.0, "battery.power_w": -1000.0, "inverter.power_w": 3900.0}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({**SUNNY, "load.power_w": 4300.0, "balance.error_w": 100.0}, "ok"),
        ({**SUNNY, "load.power_w": 4300.0, "balance.error_w": -585.1}, "off"),
        ({**SUNNY, "load.power_w": -4300.0, "balance.error_w": 100.0}, "load_negative"),
        ({**SUNNY, "load.power_w": None, "balance.error_w": None}, "unknown"),
    ],
)
def test_the_balance_has_a_plain_verdict(values: Mapping[str, float | None], verdict: str) -> None:
    balance = balance_of(values, known=("load.power_w", "balance.error_w"))
    assert balance.verdict == verdict
    assert balance.limit_w == 585


def test_a_lone_meter_has_a_balance_too() -> None:
    assert balance_of({"load.power_w": 300.0}, known=("load.power_w",)).verdict == "ok"


def test_every_finding_has_words_in_every_language_for_the_same_facts() -> None:
    assert LANGUAGES == tuple(SAYS) == tuple(WORDS)
    assert SAYS["ja"].keys() == SAYS["en"].keys()
    assert WORDS["ja"].keys() == WORDS["en"].keys()
    assert WORDS["ja"].keys() >= {quality.value for quality in Quality}
    for kind, (what, _) in SAYS["ja"].items():
        fields = re.compile(r"\{(\w+)")
        assert set(fields.findall(what)) == set(fields.findall(SAYS["en"][kind][0])), kind


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_state_has_a_word(lang: str) -> None:
    assert all(meaning("inverter.state", state, lang) for state in InverterState)
    assert all(meaning("battery.state", state, lang) for state in BatteryState)
    assert {meaning("tier1.closed", n, "ja") for n in (0, 1)} == {"遮断", "投入"}
    assert all(isinstance(meaning(point, 1, lang), str) for point in POINTS)


def test_signs_have_words() -> None:
    assert [meaning("battery.power_w", w, "ja") for w in (5, -5, 0)] == ["放電", "充電", ""]
    assert [meaning("grid.l1_power_w", w, "ja") for w in (5, -5)] == ["買電", "売電"]
    assert [meaning("grid.power_w", w, "en") for w in (5, -5)] == ["import", "export"]
    assert meaning("battery.max_charge_power_w", 5, "ja") == ""


@pytest.mark.parametrize("width", [40, 48, 80])
def test_japanese_breaks_without_a_line_that_is_too_long_or_begins_with_a_full_stop(width: int) -> None:
    text = "電力量計の CT の向き(K→L)を確認。買電が正、発電と放電が正。" * 3
    lines = wrap(text, width, 4)
    assert all(cells(line) <= width + 2 for line in lines)
    assert not any(line.strip().startswith(("。", "、")) for line in lines)
    assert "".join(line.strip() for line in lines).replace(" ", "") == text.replace(" ", "")


async def test_a_line_that_cannot_be_opened_is_told_once_for_all_its_devices(tmp_path: Path) -> None:
    devices = [{"id": "meter", "profile": "sdm630", "unit": 2}, {"id": "relay", "profile": "relay", "unit": 3}]
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": free_port()},
        "buses": [{"id": "a", "rtu": {"port": "/dev/there-is-none"}, "devices": devices}],
    }
    found = await check_site(parse_config(raw, tmp_path / "site.yaml"))
    (fault,) = [finding for finding in found.findings if finding.severity is Severity.FAULT]
    assert (fault.kind, fault.device) == ("dark_no_port", "meter, relay")
    text = page(found, "ja", 48)
    assert text.startswith("異常 meter, relay: シリアルポート")
    assert text.splitlines()[-1] == "どの機器も応答しません(2 台): meter, relay"


async def test_a_device_that_hangs_up_is_not_called_badly_wired(tmp_path: Path) -> None:
    async def hang_up(_: bytes) -> None:
        return None

    port = free_port()
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": free_port()},
        "buses": [
            {"id": "a", "tcp": {"host": "127.0.0.1", "port": port}, "devices": [{"id": "m", "profile": "sdm630"}]}
        ],
    }
    async with lying(port, hang_up):
        found = await check_site(parse_config(raw, tmp_path / "site.yaml"))
    assert found.findings[0].kind == "dark_hung_up"


def test_what_stands_around_the_agent_is_looked_at(tmp_path: Path) -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "h", "password_file": "secret", "tls": {"ca_file": "nowhere.pem"}},
        "outbox": {"path": "file/outbox.sqlite"},
        "buses": [{"id": "a", "tcp": {"host": "h"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
    }
    config = parse_config(raw, tmp_path / "site.yaml")
    (tmp_path / "file").write_text("a file where a folder should be")
    found = {finding.kind: finding for finding in look_at_files(config)}
    assert set(found) == {"password_unreadable", "tls_file", "outbox_readonly"}
    secret = tmp_path / "secret"
    secret.write_text("\n")
    assert "password_empty" in {finding.kind for finding in look_at_files(config)}
    secret.write_text("word\n")
    secret.chmod(0o644)
    (opened,) = [finding for finding in look_at_files(config) if finding.kind.startswith("password")]
    assert (opened.kind, opened.severity, opened.facts["mode"]) == ("password_open", Severity.WARNING, "0644")
    secret.chmod(0o600)
    assert not [finding for finding in look_at_files(config) if finding.kind.startswith("password")]


def test_an_outbox_that_may_grow_beyond_the_disk_is_told(tmp_path: Path) -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "h"},
        "outbox": {"path": "not/there/yet.sqlite", "bytes_max": 1 << 60},
        "buses": [{"id": "a", "tcp": {"host": "h"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
    }
    assert [f.kind for f in look_at_files(parse_config(raw, tmp_path / "site.yaml"))] == ["outbox_small"]


def test_a_clock_that_can_not_be_right_is_told() -> None:
    assert [f.kind for f in look_at_clock(0.0, Sync.SYNCED)] == ["clock_wrong"]
    assert [f.kind for f in look_at_clock(1.8e9, Sync.UNSYNCED)] == ["clock_unsynced"]
    assert look_at_clock(1.8e9, Sync.SYNCED) == []
