"""What a plant must do for the city's word about it to be true, and how long it may be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from demo.truths import STAYS_FALSE_S, Watch, falsely_proven, obeys
from simulator.chronicle import Truth


def truth(**known: Any) -> Truth:
    usual = {
        "at_ms": 0,
        "grid_up": True,
        "islanded": False,
        "soc_pct": 60.0,
        "battery_w": 0.0,
        "reserve_pct": 30.0,
        "carried": (True, True, True, True),
        "load_w": 2_000.0,
    }
    return Truth(**{**usual, **known})


ALONE = {"grid_up": False, "islanded": True}


@pytest.mark.parametrize(
    ("mode", "known", "is_true"),
    [
        ("backup", {"battery_w": -5_000.0}, True),
        ("backup", {"battery_w": 0.0}, False),
        ("backup", {"battery_w": 2_000.0}, False),
        ("backup", {"soc_pct": 99.0}, True),
        ("backup", {"soc_pct": 99.0, "battery_w": 1_500.0}, False),
        ("storm_watch", {"battery_w": -5_000.0}, True),
        ("backup", {**ALONE, "battery_w": 1_000.0}, True),
        ("backup", {**ALONE, "carried": (False,) * 4}, False),
        ("backup", {**ALONE, "carried": (False,) * 4, "soc_pct": 11.0}, True),
        ("isolated", {"battery_w": 0.0}, True),
        ("isolated", {"battery_w": -3_000.0}, False),
        ("normal", {"battery_w": 2_000.0}, True),
    ],
)
def test_a_mode_promises_what_a_plant_does(mode: str, known: dict[str, Any], is_true: bool) -> None:
    assert obeys(mode, truth(**known)) is is_true


def test_a_lower_target_is_full_earlier() -> None:
    assert obeys("storm_watch", truth(soc_pct=90.0), target_pct=95.0)
    assert not obeys("storm_watch", truth(soc_pct=90.0), target_pct=100.0)


def test_only_what_the_city_shows_as_proven_can_be_false() -> None:
    shown: list[dict[str, Any]] = [
        {"id": "a", "mode": "backup"},
        {"id": "b", "mode": None},
        {"id": "c", "mode": "normal"},
    ]
    idle = truth()
    assert falsely_proven(shown, {"a": idle, "b": idle, "c": idle}) == {"a"}
    assert falsely_proven(shown, {}) == frozenset()


def test_what_is_wrong_for_a_moment_is_not_false_and_what_stays_wrong_is() -> None:
    watch = Watch()
    watch.look({"a", "b"}, 0.0)
    watch.look({"b"}, STAYS_FALSE_S - 1)
    watch.look({"a", "b"}, STAYS_FALSE_S)
    assert watch.false == {"b"}
    watch.look({"a"}, 2 * STAYS_FALSE_S)
    assert watch.false == {"a", "b"}
