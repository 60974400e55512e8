"""A check of simulated shelters over real Modbus: every planted mistake is named, a right plant is left in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.check import LoadStep, Watching, check_site
from edge_agent.config import parse_config
from edge_agent.core.judging.finding import Result, Severity
from edge_agent.says import remedy, what
from edge_agent.show import as_json, cells, page
from edge_agent.words import LANGUAGES
from simulator.planted import Planted
from tests.edge_agent.fieldbus.parts import FakeLine
from tests.edge_agent.fieldbus.plants import registers_of
from tests.edge_agent.judging.parts import HOUR_MS, NOON_MS
from tests.edge_agent.judging.wire import shelter
from tests.support import free_port

NIGHT_MS = NOON_MS + 10 * HOUR_MS
OF_THE_PLANT = ("broker_away", "clock_unsynced", "clock_wrong")
"""Findings of the machine that runs the tests."""

PLANTED = [
    (Planted.SWAPPED_CT, "huawei-sun2000", {}),
    (Planted.ONE_CT_TURNED, "goodwe-et", {}),
    (Planted.CROSSED_PHASES, "sunspec", {}),
    (Planted.CT_RATIO, "sungrow-sh", {}),
    (Planted.SWAPPED_COUNTERS, "huawei-sun2000", {}),
    (Planted.BATTERY_SIGN, "goodwe-et", {}),
    (Planted.SOC_SCALE, "sungrow-sh", {"at_ms": NIGHT_MS}),
    (Planted.BATTERY_VOLTAGE, "huawei-sun2000", {"at_ms": NIGHT_MS}),
    (Planted.COUNTERS_STAND, "huawei-sun2000", {}),
    (Planted.PV_AT_NIGHT, "goodwe-et", {"at_ms": NIGHT_MS}),
    (Planted.DEAD_STRING, "sunspec", {}),
    (Planted.PV_SCALE, "huawei-sun2000", {}),
    (Planted.SWAPPED_WORDS, "huawei-sun2000", {}),
    (Planted.SWAPPED_WORDS, "goodwe-et", {}),
    (Planted.OFF_BY_ONE, "huawei-sun2000", {}),
    (Planted.OFF_BY_ONE, "goodwe-et", {}),
    (Planted.OFF_BY_ONE, "sunspec", {}),
    (Planted.FROZEN, "goodwe-et", {}),
    (Planted.METER_OFFLINE, "huawei-sun2000", {}),
    (Planted.CLOCK_OFF, "sungrow-sh", {}),
    (Planted.PHASE_ORDER, "goodwe-et", {"meter": "carlo-gavazzi"}),
]


@pytest.mark.parametrize(("fault", "family", "more"), PLANTED, ids=lambda p: p if isinstance(p, str) else "")
async def test_a_planted_mistake_is_named(
    tmp_path: Path, fault: Planted, family: str, more: dict[str, int | str]
) -> None:
    async with shelter(tmp_path, family, faults=[fault], **more) as planted:  # type: ignore[arg-type]
        seen = await planted.check()
    named = [finding for finding in seen.findings if finding.kind == fault.value]
    assert named, [(f.kind, f.device) for f in seen.findings]
    (first, *_) = named
    assert first.severity is not Severity.NOTE
    assert first.device in ("inverter", "meter")
    assert all(what(first, lang) and remedy(first, lang) for lang in LANGUAGES)
    others = {f.kind for f in seen.findings if f.severity is not Severity.NOTE} - {fault.value, *OF_THE_PLANT}
    assert not others, "one mistake, one finding"
    assert any(check.result is Result.FAILED for check in seen.checks)


@pytest.mark.parametrize("family", ["huawei-sun2000", "goodwe-et", "sungrow-sh", "sunspec", "solaredge", "sma"])
@pytest.mark.parametrize("at_ms", [NOON_MS, NIGHT_MS])
async def test_a_right_plant_is_left_in_peace_and_what_was_not_judged_says_why(
    tmp_path: Path, family: str, at_ms: int
) -> None:
    async with shelter(tmp_path, family, at_ms=at_ms) as right:
        seen = await right.check()
    assert not [f for f in seen.findings if f.severity is not Severity.NOTE and f.kind not in OF_THE_PLANT]
    assert seen.is_ok
    assert seen.reads == 6
    assert not [check for check in seen.checks if check.result is Result.FAILED]
    told = as_json(seen)
    silent = [c for c in told["checks"] if c["result"] == "not_judged" and not (c["ja"]["why"] and c["en"]["why"])]
    assert not silent
    for lang in LANGUAGES:
        lines = page(seen, lang, 40).splitlines()
        assert all(cells(line) <= 42 for line in lines), "two cells are for a closing mark that hangs over"


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([], "step_right"),
        ([Planted.SWAPPED_CT], "step_turned"),
        ([Planted.CT_RATIO], "step_ratio"),
    ],
)
async def test_a_known_load_proves_the_meter(tmp_path: Path, faults: list[Planted], kind: str) -> None:
    async with shelter(tmp_path, "sunspec", faults=faults) as tried:

        async def switch_on() -> None:
            tried.simulated.turn_load(2_000)

        seen = await tried.check(step=LoadStep(load_w=2_000, ready=switch_on, phase="l1"))
    named = [finding for finding in seen.findings if finding.kind.startswith("step_")]
    assert [finding.kind for finding in named if finding.device == "meter"] == [kind]
    assert all(what(finding, lang) for finding in named for lang in LANGUAGES)


async def test_another_unit_that_answers_is_named(tmp_path: Path) -> None:
    async with shelter(tmp_path, "huawei-sun2000") as wrong:
        wrong.config["buses"][0]["devices"][0]["unit"] = 9
        seen = await wrong.check(watch_s=0)
    assert (seen.findings[0].kind, seen.findings[0].facts["other"]) == ("wrong_unit", 1)


async def test_a_device_of_another_family_is_named(tmp_path: Path) -> None:
    async with shelter(tmp_path, "sungrow-sh") as wrong:
        wrong.config["buses"][0]["devices"][0]["profile"] = "huawei-sun2000"
        seen = await wrong.check(watch_s=0)
    first = seen.findings[0]
    assert first.kind == "wrong_profile"
    assert first.facts["others"] == "sungrow-sh"


async def test_a_device_that_refuses_everything_is_not_called_another_family(tmp_path: Path) -> None:
    config = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": free_port()},
        "buses": [
            {
                "id": "bus",
                "tcp": {"host": "127.0.0.1", "port": 1502},
                "devices": [{"id": "inverter", "profile": "goodwe-et", "timeout_s": 0.1}],
            }
        ],
    }
    line = FakeLine({1: {}})
    seen = await check_site(parse_config(config, tmp_path / "site.yaml"), line_of=lambda *_: line)
    first = seen.findings[0]
    assert (first.kind, first.facts["seen"]) == ("wrong_profile", "nothing")
    for lang in LANGUAGES:
        assert "sungrow" not in what(first, lang) + remedy(first, lang), "nothing speaks for any family"


async def test_a_cable_that_is_cut_while_watching_is_a_fault_and_nothing_is_judged_by_old_values(
    tmp_path: Path,
) -> None:
    config = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": free_port()},
        "buses": [{"id": "bus", "tcp": {"host": "127.0.0.1"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
    }
    line = FakeLine({1: registers_of("sdm630")})

    async def pause(_: float) -> None:
        line.units.clear()

    site_config = parse_config(config, tmp_path / "site.yaml")
    seen = await check_site(site_config, line_of=lambda *_: line, watching=Watching(watch_s=20.0, pause=pause))
    (first, *_) = seen.findings
    assert (first.kind, first.severity, first.facts["unit"]) == ("dark_fell_silent", Severity.FAULT, 1)
    assert not seen.is_ok
    assert [device.device for device in seen.dark] == ["meter"]
    assert seen.devices[0].points == []
    assert [check.result for check in seen.checks if check.kind == "answers"] == [Result.FAILED]


@pytest.mark.parametrize(("lost", "severity"), [(1, Severity.NOTE), (2, Severity.WARNING)])
async def test_answers_that_are_lost_now_and_then_are_counted(tmp_path: Path, lost: int, severity: Severity) -> None:
    config = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1", "port": free_port()},
        "buses": [{"id": "bus", "tcp": {"host": "127.0.0.1"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
    }
    line, units, rounds = FakeLine({}), {1: registers_of("sdm630")}, iter(range(9))
    line.units = units

    async def pause(_: float) -> None:
        line.units = {} if next(rounds) < lost else units

    site_config = parse_config(config, tmp_path / "site.yaml")
    seen = await check_site(site_config, line_of=lambda *_: line, watching=Watching(watch_s=20.0, pause=pause))
    (gaps,) = [finding for finding in seen.findings if finding.kind == "answer_gaps"]
    assert (gaps.severity, gaps.facts) == (severity, {"missed": lost, "reads": 6})
    assert not seen.dark
    assert all(what(gaps, lang) and remedy(gaps, lang) for lang in LANGUAGES)


@pytest.mark.parametrize(("faults", "kinds"), [([], []), ([Planted.PV_SCALE], ["balance_off"])])
async def test_the_balance_is_judged_where_inverter_and_battery_are_told_by_two_devices(
    tmp_path: Path, faults: list[Planted], kinds: list[str]
) -> None:
    async with shelter(tmp_path, "victron-gx", faults=faults) as plant:
        seen = await plant.check()
    loud = [f.kind for f in seen.findings if f.severity is not Severity.NOTE and f.kind not in OF_THE_PLANT]
    assert loud == kinds
    balance = [check.result for check in seen.checks if check.kind == "balance"]
    assert balance == [Result.FAILED if kinds else Result.PASSED]
