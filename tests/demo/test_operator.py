"""Staff of a scenario: what they decide and when, and that they say it by the city's own words."""

from __future__ import annotations

from typing import Any

import pytest

from demo.operator import CONFIRMS, DECLARES, Operator, decisions, opening
from simulator.scenario import Declared, StoodDown, load, parse

PLOT = parse(
    """
title: t
about: a
lasts: 1h
steps:
  - {at: +20m, do: stand_down, name: one, why: over}
  - {at: +10m, do: incident, name: one, mode: backup, where: {ward: 緑区}, target_pct: 90, why: storm}
  - {at: +5m, do: note, text: wind}
""",
    "t.yaml",
)


def test_decisions_come_in_the_order_of_the_worlds_time() -> None:
    due = decisions(PLOT, 1_000)
    assert [(one.at_ms, one.step.do) for one in due] == [(601_000, "incident"), (1_201_000, "stand_down")]


def test_an_incident_is_opened_by_the_words_of_the_command_line() -> None:
    (step,) = [one.step for one in decisions(PLOT, 0) if isinstance(one.step, Declared)]
    assert opening(step) == (
        ["open", "--mode", "backup", "--ward", "緑区", "--target", "90", "--by", DECLARES, "--why", "storm"]
    )
    city = Declared(at="+0s", do="incident", name="all", mode="storm_watch", why="w")
    assert "--city" in opening(city)
    assert "--drill" in opening(city, is_drill=True)


class City:
    """Takes notes instead of deciding."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def ask(self, arguments: list[str]) -> dict[str, Any]:
        self.asked.append(arguments)
        return {"id": f"I{len(self.asked)}"}


async def test_two_people_decide_and_the_end_is_of_the_same_incident() -> None:
    city, looked_at = City(), list[str]()

    async def look(incident: str) -> None:
        looked_at.append(incident)

    operator = Operator(city.ask, before_end=look)
    times = iter([None, 0, 600_000, 600_000, 1_200_000])
    await operator.run(decisions(PLOT, 0), lambda: next(times))
    assert operator.is_done
    assert [asked[:2] for asked in city.asked] == [["open", "--mode"], ["confirm", "I1"], ["stand-down", "I1"]]
    assert DECLARES in city.asked[0]
    assert CONFIRMS in city.asked[1]
    assert looked_at == ["I1"]


async def test_an_end_without_a_beginning_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError):
        await Operator(City().ask).take(StoodDown(at="+0s", do="stand_down", name="x", why="w"))


def test_the_standard_drill_goes_from_storm_watch_to_backup_and_back() -> None:
    plot = load("typhoon_2019")
    assert plot.start_ms is not None
    steps = [one.step for one in decisions(plot, plot.start_ms)]
    assert [step.mode for step in steps if isinstance(step, Declared)] == ["storm_watch", "backup"]
    assert {step.name for step in steps if isinstance(step, StoodDown)} == {"watch", "landfall"}
