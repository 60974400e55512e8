"""Grid lost, rejected, meter dead, link dead, not known yet: told apart, and "lost" never from what was not seen."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from contract.points import InverterState
from contract.steering import GridState
from edge_agent.core.conditions import Seen, conditions, fresh, grid_state

INVERTER: dict[str, dict[str, float] | None] = {
    "islanded": {"inverter.islanded": 1, "inverter.l1_voltage_v": 101},
    "islanded by its state": {"inverter.state": InverterState.ISLANDED},
    "connected": {"inverter.islanded": 0, "inverter.l1_voltage_v": 101},
    "connected, no voltage told": {"inverter.islanded": 0},
    "asleep": {"inverter.islanded": 0, "inverter.l1_voltage_v": 0},
    "says nothing of it": {"inverter.state": InverterState.OPERATING, "pv.power_w": 3_000},
    "dark": None,
}
METER: dict[str, dict[str, float] | None] = {
    "voltage": {"grid.l1_voltage_v": 101, "grid.l2_voltage_v": 0, "grid.power_w": 0},
    "flow alone": {"grid.power_w": -400},
    "no voltage": {"grid.l1_voltage_v": 0.3, "grid.l2_voltage_v": 0, "grid.power_w": 0},
    "dark": None,
}
SAYS = {"islanded": True, "islanded by its state": True, "connected": False, "connected, no voltage told": False}
LIVE = {"voltage", "flow alone"}


def expected(inverter: str, meter: str) -> GridState:
    """The table of the module's docstring, written once more."""
    said = SAYS.get(inverter)
    if said is not None:
        if not said:
            return GridState.PRESENT
        return GridState.REJECTED if meter in LIVE else GridState.LOST
    if meter in LIVE:
        return GridState.PRESENT
    if meter == "no voltage":
        return GridState.LOST
    return GridState.UNKNOWN if inverter == "dark" else GridState.METER_DARK


@pytest.mark.parametrize(("inverter", "meter"), list(product(INVERTER, METER)))
def test_the_confusion_matrix_is_a_diagonal(inverter: str, meter: str) -> None:
    seen = {"inverter": INVERTER[inverter], "meter": METER[meter]}
    values = {device: points for device, points in seen.items() if points is not None}
    assert grid_state(values) is expected(inverter, meter)


def test_lost_is_said_only_when_somebody_sees_it() -> None:
    counted = Counter(
        expected(inverter, meter) for inverter, meter in product(INVERTER, METER) if SAYS.get(inverter) is None
    )
    assert counted[GridState.LOST] == 3, "only by a meter without voltage"
    assert grid_state({}) is GridState.UNKNOWN


@pytest.mark.parametrize(
    ("meter", "grid"), [("voltage", GridState.REJECTED), ("no voltage", GridState.LOST), ("dark", GridState.UNKNOWN)]
)
def test_two_inverters_that_disagree(meter: str, grid: GridState) -> None:
    seen = {"a": INVERTER["islanded"], "b": INVERTER["connected"], "meter": METER[meter]}
    assert grid_state({device: points for device, points in seen.items() if points is not None}) is grid


def test_old_readings_say_nothing() -> None:
    sight = {"inverter": {"inverter.islanded": Seen(1, 1_000), "battery.capacity_wh": Seen(26_000, 1_000, 86_400_000)}}
    assert fresh(sight, 16_000)["inverter"] == {"inverter.islanded": 1, "battery.capacity_wh": 26_000}
    assert fresh(sight, 16_001) == {}
    assert fresh(sight, 999) == {}, "a reading from the future is none"


def test_batteries_count_by_their_size_where_all_tell_it() -> None:
    small, large = {"battery.soc_pct": 80.0}, {"battery.soc_pct": 20.0}
    assert conditions({"a": small, "b": large}).soc_pct == 50
    sized = {"a": {**small, "battery.capacity_wh": 10.0}, "b": {**large, "battery.capacity_wh": 30.0}}
    assert conditions(sized).soc_pct == 35


def test_a_relay_that_says_nothing_is_neither_open_nor_closed() -> None:
    seen = conditions({"relay": {"tier1.closed": 1.0, "tier3.closed": 0.0}}, tiers=3)
    assert seen.tiers == (True, None, False)
