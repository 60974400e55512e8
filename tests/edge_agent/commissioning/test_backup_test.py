"""The outage test: a breaker that a person opens and closes, and a secured output that lives or does not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contract.commissioning import ControlVerdict, judge
from contract.points import InverterState
from edge_agent.commissioning.backup_test import BackupTested, outage_view
from edge_agent.commissioning.progress import Progress
from edge_agent.commissioning.words_tests import backup_result
from simulator.planted import Planted
from tests.edge_agent.commissioning.walk_parts import Cabinet, cabinet


def at_the_breaker(at: Cabinet, *, opens: bool = True, closes: bool = True) -> None:
    """A person who does what is asked."""
    tell = at.tell

    def told(progress: Progress) -> None:
        tell(progress)
        if (progress.kind == "backup_open" and opens) or (progress.kind == "backup_close" and closes):
            at.shelter.simulated.turn_grid()

    at.answers["backup_begin"] = "yes"
    at.tell = told  # type: ignore[method-assign]


@pytest.mark.parametrize("profile", ["huawei-sun2000", "goodwe-et", "victron-gx"])
async def test_a_secured_output_that_lives_is_proven(tmp_path: Path, profile: str) -> None:
    async with cabinet(tmp_path, profile) as at:
        at_the_breaker(at)
        assert "inverter" in await at.commissioning.backup_devices()
        done = await at.commissioning.backup_test("inverter", at.ask, at.tell)
        assert done.result.verdict is ControlVerdict.PASSED, (done, at.kinds)
        assert at.shelter.simulated.world.grid_up
        assert "backup_close_again" not in at.kinds
        await at.commissioning.check()
        report = at.commissioning.finish().report
    assert report.backup == done.result
    assert "backup_failed" not in judge(report).missing


async def test_one_that_stays_dark_is_named(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et", faults=[Planted.BACKUP_DEAD]) as at:
        at_the_breaker(at)
        done = await at.commissioning.backup_test("inverter", at.ask, at.tell)
        assert (done.result.verdict, done.kind) == (ControlVerdict.FAILED, "backup_dead")
        assert done.advice is not None
        await at.commissioning.check()
        assert "backup_failed" in judge(at.commissioning.finish().report).missing


async def test_nobody_opens_the_breaker_unasked_and_one_that_is_never_opened_ends_the_wait(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        done = await at.commissioning.backup_test("inverter", at.ask, at.tell)
        assert (done.result.verdict, done.kind) == (ControlVerdict.NOT_TESTED, "declined")
        assert "backup_open" not in at.kinds
        at_the_breaker(at, opens=False)
        done = await at.commissioning.backup_test("inverter", at.ask, at.tell)
        assert (done.result.verdict, done.kind) == (ControlVerdict.FAILED, "grid_stays")
        assert "backup_close_again" in at.kinds


async def test_however_it_ends_the_breaker_is_to_be_closed_again(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et") as at:
        at_the_breaker(at, closes=False)

        def tell(progress: Progress) -> None:
            at.tell(progress)
            if progress.kind == "backup_waits_close":
                task.cancel()

        task = asyncio.create_task(at.commissioning.backup_test("inverter", at.ask, tell))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert at.kinds[-1] == "backup_close_again"
        done = await at.commissioning.backup_test("inverter", at.ask, at.tell)
        assert done.kind == "grid_lost", "a grid that is away already cannot be lost"


async def test_a_battery_that_is_nearly_empty_is_not_tried(tmp_path: Path) -> None:
    async with cabinet(tmp_path, "goodwe-et", soc_pct=12.0) as at:
        at_the_breaker(at)
        done = await at.commissioning.backup_test("inverter", at.ask, at.tell)
        assert (done.result.verdict, done.kind) == (ControlVerdict.NOT_TESTED, "soc_low")
        assert "12 %" in done.result.en


def test_the_grid_is_seen_by_what_each_family_tells() -> None:
    def view(**values: float) -> bool | None:
        return outage_view({"inverter": {name.replace("__", "."): v for name, v in values.items()}}, "x").is_grid_lost

    assert view(inverter__islanded=1.0) is True
    assert view(inverter__islanded=0.0) is False
    assert view(inverter__state=float(InverterState.ISLANDED)) is True
    assert view(inverter__state=float(InverterState.OPERATING)) is False
    assert view(grid__l1_voltage_v=3.0) is True
    assert view(grid__l1_voltage_v=101.0) is False
    assert view(battery__soc_pct=50.0) is None


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "backup_dead",
        "no_load",
        "grid_stays",
        "grid_not_back",
        "grid_lost",
        "outage_unseen",
        "soc_unknown",
        "declined",
    ],
)
def test_every_end_has_words_in_both_languages(kind: str) -> None:
    result, _ = backup_result(BackupTested(device="d", verdict=ControlVerdict.FAILED, kind=kind, secured_w=812.4))
    assert result.ja
    assert result.en
    assert result.read_back == 812
