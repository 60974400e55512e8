"""A shelter's flows: they add up, or the half hour says so; and days survive being kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.core.accounting.counters import Readings
from central.core.accounting.days import (
    DayError,
    count_days,
    decode_day,
    encode_day,
    is_whole,
    pack_readings,
    unpack_readings,
)
from central.core.accounting.flows import (
    COUNTERS,
    Counter,
    Evidence,
    Flow,
    LoadBasis,
    PvBasis,
    Rated,
    flows_of,
    sources_of,
    speaking,
)
from central.core.accounting.halfhours import start_of_day
from contract.points import POINTS
from tests.central.accounting.parts import INVERTER, METER, OCTOBER, STATES, lived, sites

SITE = sites(1)[0].id
RATED = Rated(pv_kw=20.0, inverter_kw=16.5, battery_kwh=16.4)
SHELTER = {"inverter": {*INVERTER, *STATES}, "meter": {*METER}}
START = start_of_day(OCTOBER)
ENDS = START + 1_800_000 * np.arange(5, dtype=np.int64)


def readings_of(rows: object) -> dict[Counter, Readings]:
    found: dict[Counter, list[tuple[int, float]]] = {}
    for row in rows:  # type: ignore[attr-defined]
        for point, value in zip(row.points, row.values, strict=True):
            if point in COUNTERS:
                found.setdefault((row.device, point), []).append((row.at_ms, value))
    return {counter: Readings.of(pairs) for counter, pairs in found.items()}


def straight(energies: Mapping[Counter, list[int]]) -> dict[Counter, Readings]:
    """Counters that are read at every end, from their energies by half hours."""
    return {
        counter: Readings.of(zip(ENDS.tolist(), np.cumsum([10_000, *wh]).tolist(), strict=True))
        for counter, wh in energies.items()
    }


def test_every_counter_that_is_read_is_a_point_of_the_contract() -> None:
    assert set(COUNTERS) <= POINTS.keys()


def test_a_meter_speaks_for_the_grid_before_an_inverter_that_repeats_it() -> None:
    found = sources_of(
        {
            "inverter": {"pv.energy_wh", "grid.import_energy_wh", "inverter.state"},
            "second": {"pv.energy_wh", "inverter.state"},
            "meter": {"grid.import_energy_wh"},
        }
    )
    assert found.flows[Flow.IMPORT] == (("meter", "grid.import_energy_wh"), ("inverter", "grid.import_energy_wh"))
    assert speaking(found, {}, START, START + 1).flows[Flow.IMPORT] == (("meter", "grid.import_energy_wh"),)
    assert found.flows[Flow.PV] == (("inverter", "pv.energy_wh"), ("second", "pv.energy_wh"))
    assert Flow.LOAD not in found.flows


def test_a_device_that_is_gone_speaks_no_more() -> None:
    found = sources_of(
        {
            "meter1": {"grid.import_energy_wh", "grid.export_energy_wh"},
            "meter2": {"grid.import_energy_wh", "grid.export_energy_wh"},
            "inverter1": {"pv.energy_wh", "inverter.energy_wh"},
            "inverter2": {"pv.energy_wh", "inverter.energy_wh"},
        }
    )
    readings = {
        (device, point): Readings.of((START + n * 1_800_000, n) for n in numbers)
        for device, numbers in (("meter1", range(3)), ("meter2", range(10)), ("inverter2", range(10)))
        for point in ("grid.import_energy_wh", "grid.export_energy_wh", "pv.energy_wh", "inverter.energy_wh")
    }
    told = speaking(found, readings, START, START + 18_000_000)
    assert told.flows[Flow.IMPORT] == (("meter2", "grid.import_energy_wh"),)
    assert told.flows[Flow.EXPORT] == (("meter2", "grid.export_energy_wh"),)
    assert told.flows[Flow.PV] == (("inverter2", "pv.energy_wh"),)
    assert told.inverter == (("inverter2", "inverter.energy_wh"),)
    before = speaking(found, readings, START, START + 3_600_000)
    assert before.flows[Flow.IMPORT] == (("meter1", "grid.import_energy_wh"),)


half_hour = st.tuples(st.integers(0, 8_000), st.integers(0, 6_000), st.integers(0, 3_000), st.integers(0, 3_000))


@given(st.lists(half_hour, min_size=4, max_size=4), st.booleans())
def test_flows_that_add_up_are_never_called_odd(halves: list[tuple[int, ...]], metered: bool) -> None:
    energies: dict[Counter, list[int]] = {("meter", "load.energy_wh"): []} if metered else {}
    for n in range(4):
        pv, load, charge, discharge = halves[n]
        charge = min(charge, pv)
        loss = round(0.03 * (pv + discharge - charge)) if pv + discharge > charge else 0
        out = pv + discharge - charge - loss
        told = {
            ("inverter", "pv.energy_wh"): pv,
            ("inverter", "battery.charge_energy_wh"): charge,
            ("inverter", "battery.discharge_energy_wh"): discharge,
            ("inverter", "inverter.energy_wh"): out,
            ("meter", "grid.import_energy_wh"): max(0, load - out),
            ("meter", "grid.export_energy_wh"): max(0, out - load),
        }
        if metered:
            told["meter", "load.energy_wh"] = load
        for counter, wh in told.items():
            energies.setdefault(counter, []).append(wh)
    points: dict[str, set[str]] = {}
    for device, point in energies:
        points.setdefault(device, set()).add(point)
    found = flows_of(Evidence(readings=straight(energies)), sources_of(points), RATED, ENDS)
    assert found.load_basis is (LoadBasis.METERED if metered else LoadBasis.INVERTER)
    assert not found.odd.any()
    assert found.counted[Flow.LOAD].wh.tolist() == [load for _, load, _, _ in halves]
    flows = {flow: each.wh for flow, each in found.counted.items()}
    loss_wh = flows[Flow.PV] + flows[Flow.IMPORT] + flows[Flow.DISCHARGE]
    loss_wh = loss_wh - flows[Flow.LOAD] - flows[Flow.EXPORT] - flows[Flow.CHARGE]
    assert (loss_wh >= 0).all()


@pytest.mark.parametrize(
    ("point", "wh"),
    [
        ("grid.export_energy_wh", 9_000),  # More goes out than there is.
        ("battery.charge_energy_wh", 9_000),  # Out of nothing.
        ("load.energy_wh", 500),  # Far more vanishes than an inverter can lose.
    ],
)
def test_flows_that_do_not_add_up_are_marked(point: str, wh: int) -> None:
    device = "meter" if point.startswith(("grid", "load")) else "inverter"
    energies: dict[Counter, list[int]] = {
        ("inverter", "pv.energy_wh"): [5_000] * 4,
        ("inverter", "battery.charge_energy_wh"): [0] * 4,
        ("inverter", "battery.discharge_energy_wh"): [0] * 4,
        ("meter", "grid.import_energy_wh"): [0] * 4,
        ("meter", "grid.export_energy_wh"): [1_000] * 4,
        ("meter", "load.energy_wh"): [3_900] * 4,
    }
    energies[device, point] = [*energies[device, point][:2], wh, energies[device, point][3]]
    points = {name: {point for device, point in energies if device == name} for name in ("inverter", "meter")}
    found = flows_of(Evidence(readings=straight(energies)), sources_of(points), Rated(), ENDS)
    assert found.odd.tolist() == [False, False, True, False]


def test_pv_without_a_counter_of_its_own_follows_from_the_inverter() -> None:
    energies: dict[Counter, list[int]] = {
        ("inverter", "inverter.energy_wh"): [2_000] * 4,
        ("inverter", "battery.charge_energy_wh"): [500] * 4,
        ("inverter", "battery.discharge_energy_wh"): [0] * 4,
        ("meter", "grid.import_energy_wh"): [100] * 4,
    }
    points = {"inverter": {point for device, point in energies if device == "inverter"}, "meter": {METER[0]}}
    found = flows_of(Evidence(readings=straight(energies)), sources_of(points), Rated(), ENDS)
    assert found.pv_basis is PvBasis.AC
    assert found.counted[Flow.PV].wh.tolist() == [2_500] * 4
    assert found.counted[Flow.LOAD].wh.tolist() == [2_100] * 4


def test_while_the_grid_charges_the_battery_the_load_is_what_is_left() -> None:
    energies: dict[Counter, list[int]] = {
        ("inverter", "pv.energy_wh"): [0] * 4,
        ("inverter", "inverter.energy_wh"): [0] * 4,
        ("inverter", "battery.charge_energy_wh"): [2_000] * 4,
        ("inverter", "battery.discharge_energy_wh"): [0] * 4,
        ("meter", "grid.import_energy_wh"): [3_000] * 4,
    }
    points = {"inverter": {point for device, point in energies if device == "inverter"}, "meter": {METER[0]}}
    found = flows_of(Evidence(readings=straight(energies)), sources_of(points), Rated(), ENDS)
    assert found.counted[Flow.LOAD].wh.tolist() == [1_000] * 4
    assert not found.odd.any()


def test_a_day_is_counted_kept_and_read_again() -> None:
    evidence = Evidence(readings=readings_of(lived(SITE, START - 3_600_000, START + 90_000_000)))
    (one,) = count_days(SITE, evidence, sources_of(SHELTER), RATED, first_day=OCTOBER, days=1)
    assert is_whole(one)
    assert one.worst() == "m" * 48
    assert one.load_basis is LoadBasis.INVERTER
    assert one.peak is not None
    assert one.peak[0] == max(one.wh[Flow.IMPORT])
    again = decode_day(SITE, OCTOBER, encode_day(one))
    assert encode_day(again) == encode_day(one)
    assert again.own_wh(Flow.PV, 24) == one.wh[Flow.PV][24] > 5_000
    with pytest.raises(DayError, match="version 9"):
        decode_day(SITE, OCTOBER, encode_day(one).replace('"v":1', '"v":9'))
    with pytest.raises(DayError, match=SITE):
        decode_day(SITE, OCTOBER, "{}")


def test_readings_of_a_day_are_kept_as_they_are() -> None:
    readings = readings_of(lived(SITE, START, START + 7_200_000))
    again = unpack_readings(pack_readings(readings))
    assert again.keys() == readings.keys()
    for counter, each in readings.items():
        assert again[counter].at_ms.tolist() == each.at_ms.tolist()
        assert again[counter].wh.tolist() == each.wh.tolist()
    with pytest.raises(DayError):
        unpack_readings(b"nothing of ours")
